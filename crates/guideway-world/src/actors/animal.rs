//! Animals: on four legs, and birds.

use std::f32::consts::FRAC_PI_2;

use glam::{Affine3A, Vec3};

use super::assembly::{Assembly, Kit};
use super::rider::bone;
use super::shape::{blob, facet, smooth};
use super::{Joint, Kinematics, Model, Quadruped, Variant, asked_kind};
use crate::Seed;
use crate::dice::Dice;
use crate::material::{Material, Pattern, srgb};
use crate::mesh::Mesh;
use crate::object::ObjectClass;
use crate::state::Articulation;

/// Kinds of animals.
pub(super) const KINDS: &[&str] = &[
    "dog",
    "cat",
    "deer",
    "cow",
    "horse",
    "sheep",
    "wild_boar",
    "fox",
    "goose",
    "pigeon",
];

/// A species: lengths are shares of the height at the withers.
#[derive(Debug, Clone, Copy)]
struct Species {
    /// Height at the withers, m.
    withers: (f32, f32),
    /// Length of the trunk.
    trunk: f32,
    /// Depth of the chest, depth of the belly.
    depth: (f32, f32),
    /// Width of the trunk.
    width: f32,
    /// Length of the neck and its angle above the horizontal, rad.
    neck: (f32, f32),
    /// Thickness of the neck.
    thick: f32,
    /// Length and depth of the head.
    head: (f32, f32),
    /// Thickness of the legs.
    leg: f32,
    /// Length and thickness of the tail, and its angle below the horizontal, rad.
    tail: (f32, f32, f32),
    /// Length of the ears.
    ear: f32,
    coats: &'static [[u8; 3]],
}

fn species(kind: &str, dice: &mut Dice) -> Species {
    let base = Species {
        withers: (0.4, 0.7),
        trunk: 1.0,
        depth: (0.42, 0.3),
        width: 0.3,
        neck: (0.32, 0.7),
        thick: 0.11,
        head: (0.42, 0.2),
        leg: 0.075,
        tail: (0.45, 0.035, -0.2),
        ear: 0.16,
        coats: &[
            [60, 44, 32],
            [24, 22, 20],
            [190, 160, 110],
            [225, 220, 210],
            [120, 80, 48],
            [110, 106, 100],
        ],
    };
    match kind {
        "cat" => Species {
            withers: (0.23, 0.3),
            trunk: 1.15,
            depth: (0.4, 0.36),
            neck: (0.24, 0.5),
            head: (0.38, 0.3),
            tail: (0.85, 0.035, -0.5),
            ear: 0.13,
            coats: &[[30, 28, 28], [120, 112, 104], [190, 120, 60], [225, 222, 215]],
            ..base
        },
        "fox" => Species {
            withers: (0.35, 0.42),
            trunk: 1.2,
            head: (0.5, 0.2),
            tail: (0.95, 0.1, 0.4),
            ear: 0.22,
            coats: &[[176, 88, 36], [160, 76, 34]],
            ..base
        },
        "deer" => Species {
            withers: (0.7, 1.25),
            trunk: 1.05,
            depth: (0.42, 0.36),
            width: 0.27,
            neck: (0.55, 0.95),
            thick: 0.085,
            head: (0.34, 0.16),
            leg: 0.05,
            tail: (0.12, 0.04, 0.9),
            ear: 0.17,
            coats: &[[140, 88, 50], [116, 78, 50], [100, 76, 56]],
        },
        "cow" => Species {
            withers: (1.3, 1.5),
            trunk: 1.2,
            depth: (0.55, 0.58),
            width: 0.42,
            neck: (0.36, 0.3),
            thick: 0.14,
            head: (0.38, 0.2),
            leg: 0.075,
            tail: (0.62, 0.025, 1.4),
            ear: 0.14,
            coats: &[[30, 26, 24], [120, 64, 32], [214, 206, 190], [160, 110, 66]],
        },
        "horse" => Species {
            withers: (1.4, 1.72),
            trunk: 1.0,
            depth: (0.44, 0.42),
            width: 0.32,
            neck: (0.52, 0.85),
            thick: 0.105,
            head: (0.4, 0.16),
            leg: 0.06,
            tail: (0.55, 0.06, 1.25),
            ear: 0.1,
            coats: &[[96, 54, 30], [36, 28, 24], [150, 92, 48], [200, 196, 190]],
        },
        "sheep" => Species {
            withers: (0.6, 0.78),
            trunk: 1.2,
            depth: (0.62, 0.64),
            width: 0.52,
            neck: (0.26, 0.6),
            thick: 0.13,
            head: (0.38, 0.2),
            leg: 0.06,
            tail: (0.2, 0.07, 1.2),
            ear: 0.16,
            coats: &[[214, 206, 186], [200, 190, 168], [90, 76, 64]],
        },
        "wild_boar" => Species {
            withers: (0.6, 0.95),
            trunk: 1.2,
            depth: (0.62, 0.5),
            width: 0.4,
            neck: (0.26, -0.05),
            thick: 0.19,
            head: (0.55, 0.26),
            leg: 0.07,
            tail: (0.3, 0.02, 1.2),
            ear: 0.14,
            coats: &[[46, 40, 34], [64, 54, 44]],
        },
        // Dogs of all sizes.
        _ => Species {
            withers: if dice.chance(0.3) { (0.25, 0.36) } else { (0.42, 0.76) },
            trunk: dice.range(0.95, 1.25),
            ..base
        },
    }
}

/// Makes an animal.
pub(super) fn generate(variant: Variant, seed: Seed) -> Model {
    let mut dice = Dice::new(seed.child("kind"));
    let kind = if variant == Variant::Herd {
        dice.weighted(&[
            (4.0, "sheep"),
            (4.0, "cow"),
            (3.0, "deer"),
            (2.0, "wild_boar"),
            (1.0, "goose"),
            (1.0, "horse"),
        ])
    } else {
        asked_kind(variant, KINDS).unwrap_or_else(|| {
            dice.weighted(&[
                (24.0, "dog"),
                (15.0, "cat"),
                (16.0, "deer"),
                (8.0, "cow"),
                (5.0, "horse"),
                (8.0, "sheep"),
                (7.0, "wild_boar"),
                (6.0, "fox"),
                (5.0, "goose"),
                (6.0, "pigeon"),
            ])
        })
    };
    let assembly = match kind {
        "goose" | "pigeon" => bird(kind, seed),
        _ => four_legs(kind, seed),
    };
    if variant == Variant::Lying {
        let side = Dice::new(seed.child("side")).pick(&[-1.0, 1.0]);
        return assembly.frozen(&Articulation::default(), Affine3A::from_rotation_x(side * FRAC_PI_2));
    }
    assembly.finish()
}

fn four_legs(kind: &'static str, seed: Seed) -> Assembly {
    let kit = Kit::new(ObjectClass::Animal);
    let mut dice = Dice::new(seed.child("body"));
    let s = species(kind, &mut dice);
    let h = dice.range(s.withers.0, s.withers.1);
    let fat = dice.range(0.88, 1.15);
    let mut coat_dice = Dice::new(seed.child("coat"));
    let [r, g, b] = coat_dice.pick(s.coats);
    let color = coat_dice.near(srgb(r, g, b), 0.18);
    let spotted = kind == "cow" && coat_dice.chance(0.5) || kind == "dog" && coat_dice.chance(0.2);
    let coat = if spotted {
        kit.matte([0.62, 0.6, 0.56]).pattern(Pattern::Noise {
            scale: h * 0.45,
            amount: 1.0,
        })
    } else {
        kit.matte(color).pattern(Pattern::Noise {
            scale: if kind == "sheep" { 0.06 } else { h * 0.3 },
            amount: 0.35,
        })
    };
    let dark_face = kind == "sheep" && coat_dice.chance(0.4);
    let face = if dark_face {
        kit.matte([0.03, 0.028, 0.025])
    } else {
        kit.matte(color)
    };

    let chest = h * s.depth.0 * fat.sqrt();
    let belly = h * s.depth.1 * fat;
    let half = h * s.width * 0.5 * fat;
    let length = h * s.trunk;
    let spine = h * 0.98;
    let x0 = -length / 2.0;
    let mid = |depth: f32| spine - depth / 2.0;
    let mut trunk = Mesh::new();
    blob(
        &mut trunk,
        coat,
        &[
            (Vec3::new(x0, 0.0, mid(belly * 0.7)), half * 0.4, belly * 0.25),
            (
                Vec3::new(x0 + length * 0.12, 0.0, mid(belly * 0.95)),
                half * 0.92,
                belly * 0.45,
            ),
            (Vec3::new(x0 + length * 0.4, 0.0, mid(belly)), half, belly * 0.5),
            (Vec3::new(x0 + length * 0.72, 0.0, mid(chest)), half * 0.98, chest * 0.5),
            (
                Vec3::new(x0 + length * 0.92, 0.0, mid(chest * 0.95)),
                half * 0.75,
                chest * 0.42,
            ),
            (
                Vec3::new(x0 + length * 1.02, 0.0, mid(chest * 0.9)),
                half * 0.4,
                chest * 0.25,
            ),
        ],
        10,
    );
    if kind == "cow" && dice.chance(0.7) {
        trunk.ellipsoid(
            kit.matte([0.5, 0.3, 0.26]),
            Vec3::new(x0 + length * 0.22, 0.0, spine - belly),
            Vec3::new(0.16, 0.14, 0.14),
            4,
            6,
        );
    }
    let (tail, thick, angle) = s.tail;
    let root = Vec3::new(x0 + length * 0.02, 0.0, spine - h * 0.05);
    let tip = root + Vec3::new(-angle.cos(), 0.0, -angle.sin()) * (h * tail);
    bone(&mut trunk, coat, root, tip, [h * thick, h * thick * 0.5], 5);
    smooth(&mut trunk, 70.0);

    // Legs hang from inside the trunk.
    let front = Vec3::new(x0 + length * 0.84, half * 0.55, spine - chest * 0.6);
    let rear = Vec3::new(x0 + length * 0.12, half * 0.55, spine - belly * 0.5);
    let upper = [front.z * 0.5, rear.z * 0.52];
    let neck_at = Vec3::new(x0 + length * 0.93, 0.0, spine - chest * 0.3);
    let mut assembly = Assembly::new(ObjectClass::Animal, kind);
    assembly.part(trunk, Joint::Limb { index: 0 });
    assembly.part(head(kit, kind, &s, h, coat, face, &mut dice), Joint::Limb { index: 1 });
    let paws = matches!(kind, "dog" | "cat" | "fox");
    let hoof = if paws { face } else { kit.matte([0.03, 0.026, 0.022]) };
    for (leg, (at, long)) in [(front, upper[0]), (front, upper[0]), (rear, upper[1]), (rear, upper[1])]
        .iter()
        .enumerate()
    {
        let r = h * s.leg;
        let haunch = if leg < 2 { 1.5 } else { 2.1 };
        let mut mesh = Mesh::new();
        bone(&mut mesh, coat, Vec3::ZERO, -Vec3::Z * *long, [r * haunch, r * 0.75], 6);
        smooth(&mut mesh, 80.0);
        assembly.part(
            mesh,
            Joint::Limb {
                index: 2 + 2 * leg as u8,
            },
        );
        let mut mesh = Mesh::new();
        let low = at.z - long;
        let limb = if kind == "sheep" { face } else { coat };
        bone(
            &mut mesh,
            limb,
            Vec3::ZERO,
            Vec3::Z * (r * 0.7 - low),
            [r * 0.78, r * 0.5],
            5,
        );
        mesh.cuboid(
            hoof,
            Vec3::new(r * 0.25, 0.0, r * 0.35 - low),
            Vec3::new(r * 1.6, r * 1.15, r * 0.7),
        );
        smooth(&mut mesh, 60.0);
        assembly.part(
            mesh,
            Joint::Limb {
                index: 3 + 2 * leg as u8,
            },
        );
    }
    assembly.kinematics(Kinematics::Quadruped(Quadruped {
        root: Vec3::ZERO,
        front,
        rear,
        upper,
        neck: neck_at,
        sole: h * s.leg,
        four: true,
        nod: 0.06,
    }));
    assembly
}

/// Neck and head, in a frame at the neck's base.
fn head(kit: Kit, kind: &str, s: &Species, h: f32, coat: Material, face: Material, dice: &mut Dice) -> Mesh {
    let mut mesh = Mesh::new();
    let grazing = matches!(kind, "cow" | "horse" | "sheep" | "deer") && dice.chance(0.25);
    let angle = if grazing {
        -0.75
    } else {
        s.neck.1 + dice.range(-0.12, 0.12)
    };
    let along = Vec3::new(angle.cos(), 0.0, angle.sin());
    let poll = along * (h * s.neck.0);
    let t = h * s.thick;
    bone(&mut mesh, coat, along * (-t * 0.6), poll, [t * 1.15, t * 0.72], 8);
    // The head points forward and a little down.
    let down = if grazing { 0.9 } else { 0.42 };
    let nose = Vec3::new(f32::cos(down), 0.0, -f32::sin(down));
    let (length, depth) = (h * s.head.0, h * s.head.1);
    let at = |k: f32| poll + nose * (length * k);
    let blunt = if matches!(kind, "cow" | "horse" | "wild_boar") {
        0.72
    } else {
        0.5
    };
    blob(
        &mut mesh,
        face,
        &[
            (at(-0.12), depth * 0.25, depth * 0.28),
            (at(0.08), depth * 0.46, depth * 0.52),
            (at(0.42), depth * 0.42, depth * 0.44),
            (at(0.88), depth * 0.5 * blunt * 0.8, depth * 0.5 * blunt * 0.8),
            (at(1.0), depth * 0.2, depth * 0.2),
        ],
        7,
    );
    let snout = kit.matte([0.03, 0.025, 0.025]);
    mesh.ellipsoid(snout, at(0.97), Vec3::splat(depth * 0.2), 3, 6);
    let up = Vec3::new(nose.z.abs(), 0.0, nose.x);
    for side in [1.0, -1.0] {
        let root = poll + up * (depth * 0.36) + Vec3::Y * (side * depth * 0.3);
        let out = if matches!(kind, "cow" | "sheep") { 1.0 } else { 0.35 };
        let tip = root + (up * (1.2 - out) + Vec3::new(-0.15, side * out, 0.0)).normalize_or(Vec3::Z) * (h * s.ear);
        let wide = nose * (h * s.ear * 0.32);
        facet(&mut mesh, coat, &[root - wide, root + wide, tip]);
        let behind = Vec3::new(-0.02, 0.0, 0.0) * h;
        facet(&mut mesh, coat, &[root + wide + behind, root - wide + behind, tip]);
        let crown = poll + up * (depth * 0.42) + Vec3::Y * (side * depth * 0.22);
        match kind {
            "deer" if dice.chance(0.5) => {
                // Antlers of three points.
                let horn = kit.matte([0.2, 0.15, 0.1]);
                let beam = crown + (up * 1.0 + Vec3::new(-0.2, side * 0.5, 0.0)) * (h * 0.3);
                let tine = crown.lerp(beam, 0.5);
                mesh.tube(horn, crown, beam, h * 0.016, h * 0.009, 4, true);
                mesh.tube(
                    horn,
                    tine,
                    tine + (up + nose) * (h * 0.12),
                    h * 0.012,
                    h * 0.005,
                    4,
                    true,
                );
                mesh.tube(
                    horn,
                    beam,
                    beam + (up + nose * 0.4) * (h * 0.12),
                    h * 0.01,
                    h * 0.005,
                    4,
                    true,
                );
            }
            "cow" if dice.chance(0.5) => {
                let horn = kit.matte([0.5, 0.45, 0.36]);
                let out = crown + Vec3::Y * (side * h * 0.1) + up * (h * 0.02);
                mesh.tube(horn, crown, out, h * 0.024, h * 0.018, 5, false);
                mesh.tube(
                    horn,
                    out,
                    out + (up * 0.9 + nose * 0.5) * (h * 0.08),
                    h * 0.018,
                    h * 0.006,
                    5,
                    true,
                );
            }
            _ => {}
        }
    }
    if kind == "horse" {
        let mane = kit.matte([0.025, 0.02, 0.018]);
        let back = Vec3::new(-along.z, 0.0, along.x);
        let ridge = |k: f32, out: f32| along * (h * s.neck.0 * k) + back * (t * out);
        for y in [-0.012, 0.012] {
            let y = Vec3::Y * y;
            facet(
                &mut mesh,
                mane,
                &[
                    ridge(0.0, 0.8) + y,
                    ridge(1.02, 0.5) + y,
                    ridge(1.05, 0.95) + y,
                    ridge(0.0, 1.3) + y,
                ],
            );
        }
    }
    smooth(&mut mesh, 70.0);
    mesh
}

fn bird(kind: &'static str, seed: Seed) -> Assembly {
    let kit = Kit::new(ObjectClass::Animal);
    let mut dice = Dice::new(seed.child("body"));
    let goose = kind == "goose";
    let h = if goose {
        dice.range(0.36, 0.46)
    } else {
        dice.range(0.15, 0.19)
    };
    let color = if goose {
        dice.pick(&[[0.6, 0.6, 0.57], [0.2, 0.17, 0.14], [0.25, 0.22, 0.19]])
    } else {
        dice.pick(&[
            [0.16, 0.17, 0.2],
            [0.3, 0.31, 0.34],
            [0.08, 0.08, 0.09],
            [0.45, 0.42, 0.4],
        ])
    };
    let coat = kit.matte(dice.near(color, 0.2));
    let wing = kit.matte(color.map(|c| c * 0.6));
    let leg = if goose { 0.32 } else { 0.36 } * h;
    let r = h * 0.34;
    let length = h * 1.7;
    let z = leg + r * 0.85;
    let mut trunk = Mesh::new();
    blob(
        &mut trunk,
        coat,
        &[
            (Vec3::new(-length * 0.62, 0.0, z + r * 0.15), r * 0.35, r * 0.08),
            (Vec3::new(-length * 0.3, 0.0, z + r * 0.05), r * 0.75, r * 0.6),
            (Vec3::new(0.0, 0.0, z), r * 0.95, r * 0.95),
            (Vec3::new(length * 0.2, 0.0, z + r * 0.12), r * 0.8, r * 0.85),
            (Vec3::new(length * 0.34, 0.0, z + r * 0.3), r * 0.35, r * 0.4),
        ],
        8,
    );
    for side in [1.0, -1.0] {
        let at = Vec3::new(-length * 0.08, side * r * 0.72, z + r * 0.3);
        trunk.ellipsoid(wing, at, Vec3::new(length * 0.42, r * 0.32, r * 0.6), 4, 8);
    }
    smooth(&mut trunk, 70.0);
    let neck = Vec3::new(length * 0.3, 0.0, z + r * 0.35);
    let mut top = Mesh::new();
    let (rise, forward) = if goose {
        (h * 0.75, h * 0.18)
    } else {
        (h * 0.38, h * 0.2)
    };
    let poll = Vec3::new(forward, 0.0, rise);
    let dark = goose && dice.chance(0.5);
    let cap = if dark { kit.matte([0.02; 3]) } else { coat };
    bone(&mut top, cap, Vec3::ZERO, poll, [r * 0.4, r * 0.22], 7);
    top.ellipsoid(
        cap,
        poll + Vec3::Z * (r * 0.15),
        Vec3::new(r * 0.42, r * 0.32, r * 0.34),
        5,
        7,
    );
    let beak = kit.matte(if goose && !dark { [0.7, 0.28, 0.03] } else { [0.05; 3] });
    let tip = poll + Vec3::new(r * if goose { 0.95 } else { 0.7 }, 0.0, r * 0.05);
    top.tube(
        beak,
        poll + Vec3::new(r * 0.3, 0.0, r * 0.13),
        tip,
        r * 0.16,
        r * 0.04,
        5,
        true,
    );
    smooth(&mut top, 70.0);
    let mut assembly = Assembly::new(ObjectClass::Animal, kind);
    assembly.part(trunk, Joint::Limb { index: 0 });
    assembly.part(top, Joint::Limb { index: 1 });
    let red = kit.matte([0.5, 0.16, 0.06]);
    let hip = Vec3::new(0.0, r * 0.4, leg + r * 0.3);
    let upper = hip.z * 0.5;
    for index in [2, 4] {
        let mut mesh = Mesh::new();
        bone(&mut mesh, coat, Vec3::ZERO, -Vec3::Z * upper, [r * 0.3, r * 0.1], 5);
        assembly.part(mesh, Joint::Limb { index });
        let mut mesh = Mesh::new();
        let low = hip.z - upper;
        mesh.tube(red, -Vec3::Z * (low - 0.004), Vec3::ZERO, r * 0.07, r * 0.08, 4, false);
        mesh.cuboid(
            red,
            Vec3::new(r * 0.25, 0.0, 0.004 - low),
            Vec3::new(r * 0.8, r * 0.5, 0.008),
        );
        assembly.part(mesh, Joint::Limb { index: index + 1 });
    }
    assembly.kinematics(Kinematics::Quadruped(Quadruped {
        root: Vec3::ZERO,
        front: hip,
        rear: hip,
        upper: [upper; 2],
        neck,
        sole: r * 0.65,
        four: false,
        nod: if goose { 0.05 } else { 0.2 },
    }));
    assembly
}
