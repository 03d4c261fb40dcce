//! The colours that actors come in.

use crate::dice::Dice;
use crate::material::srgb;

/// A colour with its name.
pub(super) type Named = (&'static str, [f32; 3]);

/// Paint of cars, with the frequencies of European registrations (about four in five are white, grey, silver or black).
pub(super) fn car_paint(dice: &mut Dice) -> Named {
    let (name, color) = dice.weighted(&[
        (24.0, ("white", srgb(232, 233, 230))),
        (21.0, ("black", srgb(22, 22, 25))),
        (18.0, ("grey", srgb(92, 95, 99))),
        (12.0, ("silver", srgb(172, 176, 180))),
        (6.0, ("blue", srgb(34, 70, 138))),
        (4.0, ("blue", srgb(22, 34, 66))),
        (7.5, ("red", srgb(158, 22, 24))),
        (2.5, ("green", srgb(34, 74, 54))),
        (2.0, ("brown", srgb(82, 60, 44))),
        (1.5, ("beige", srgb(196, 180, 148))),
        (1.3, ("yellow", srgb(226, 184, 24))),
        (1.2, ("orange", srgb(210, 98, 24))),
        (0.6, ("turquoise", srgb(42, 142, 150))),
    ]);
    (name, dice.near(color, 0.12))
}

/// Colours of company vehicles and cargo bodies.
pub(super) fn livery(dice: &mut Dice) -> Named {
    let (name, color) = dice.weighted(&[
        (40.0, ("white", srgb(235, 235, 232))),
        (8.0, ("yellow", srgb(244, 190, 20))),
        (8.0, ("red", srgb(182, 26, 28))),
        (9.0, ("blue", srgb(28, 80, 156))),
        (6.0, ("green", srgb(42, 118, 66))),
        (6.0, ("grey", srgb(128, 132, 136))),
        (5.0, ("orange", srgb(224, 110, 26))),
        (4.0, ("brown", srgb(86, 58, 36))),
        (4.0, ("black", srgb(30, 30, 33))),
        (3.0, ("turquoise", srgb(40, 150, 150))),
    ]);
    (name, dice.near(color, 0.1))
}

/// Cloth: coats, shirts, trousers, bags. `dark` prefers dark dyes.
pub(super) fn cloth(dice: &mut Dice, dark: bool) -> Named {
    let drab = if dark { 3.0 } else { 1.0 };
    let (name, color) = dice.weighted(&[
        (18.0 * drab, ("black", srgb(26, 26, 30))),
        (12.0 * drab, ("dark blue", srgb(34, 42, 68))),
        (12.0 * drab, ("grey", srgb(84, 86, 92))),
        (9.0, ("blue", srgb(56, 88, 142))),
        (8.0, ("beige", srgb(186, 168, 138))),
        (7.0, ("brown", srgb(92, 68, 48))),
        (12.0, ("white", srgb(222, 220, 214))),
        (8.0, ("red", srgb(168, 38, 42))),
        (6.0, ("green", srgb(62, 98, 62))),
        (4.0, ("yellow", srgb(222, 184, 58))),
        (4.0, ("pink", srgb(214, 130, 152))),
        (3.0, ("purple", srgb(96, 58, 118))),
        (3.0, ("orange", srgb(216, 112, 42))),
        (3.0, ("turquoise", srgb(58, 150, 156))),
    ]);
    (name, dice.near(color, 0.2))
}

/// Skin.
pub(super) fn skin_tone(dice: &mut Dice) -> [f32; 3] {
    let tone = dice.pick(&[
        srgb(244, 208, 182),
        srgb(232, 190, 160),
        srgb(214, 164, 128),
        srgb(180, 128, 92),
        srgb(136, 90, 62),
        srgb(92, 60, 44),
    ]);
    dice.near(tone, 0.08)
}

/// Hair.
pub(super) fn hair(dice: &mut Dice) -> [f32; 3] {
    let color = dice.weighted(&[
        (30.0, srgb(30, 24, 22)),
        (30.0, srgb(72, 50, 36)),
        (16.0, srgb(150, 116, 72)),
        (12.0, srgb(160, 158, 154)),
        (5.0, srgb(206, 178, 122)),
        (5.0, srgb(128, 62, 34)),
    ]);
    dice.near(color, 0.15)
}

/// White paint.
pub(super) const WHITE: [f32; 3] = [0.75, 0.75, 0.73];
/// Unpainted plastic of bumpers and mouldings.
pub(super) const PLASTIC: [f32; 3] = [0.03, 0.03, 0.032];
