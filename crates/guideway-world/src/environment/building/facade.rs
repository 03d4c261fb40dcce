//! Walls with their windows, doors, shop fronts and balconies.

use glam::{Vec2, Vec3};

use super::Detail;
use crate::dice::Dice;
use crate::material::{Material, Pattern, Semantic, Switch, srgb};
use crate::mesh::Mesh;

/// How far a frame stands out of its wall, and a pane out of its frame, m.
const PROUD: f32 = 0.012;

/// An upright rectangle of wall, seen from outside: `u` to the right, `v` up, `d` out of it.
#[derive(Debug, Clone, Copy)]
pub(in crate::environment) struct Wall {
    /// Its lower left corner.
    pub(in crate::environment) origin: Vec3,
    /// To the right, unit, horizontal.
    pub(in crate::environment) right: Vec3,
    /// Its width, m.
    pub(in crate::environment) width: f32,
}

impl Wall {
    /// The walls of a block over `x0..x1`, `y0..y1` from height `z`: front (towards −y), right, back, left.
    pub(in crate::environment) fn around(low: Vec2, high: Vec2, z: f32) -> [Self; 4] {
        let (w, d) = (high.x - low.x, high.y - low.y);
        let wall = |x: f32, y: f32, right: Vec3, width: f32| Self {
            origin: Vec3::new(x, y, z),
            right,
            width,
        };
        [
            wall(low.x, low.y, Vec3::X, w),
            wall(high.x, low.y, Vec3::Y, d),
            wall(high.x, high.y, Vec3::NEG_X, w),
            wall(low.x, high.y, Vec3::NEG_Y, d),
        ]
    }

    /// A point of the wall.
    pub(in crate::environment) fn at(&self, u: f32, v: f32, d: f32) -> Vec3 {
        self.origin + self.right * u + Vec3::Z * v + self.right.cross(Vec3::Z) * d
    }

    /// A rectangle `[u0, v0, u1, v1]` this far out of the wall.
    pub(in crate::environment) fn rect(&self, mesh: &mut Mesh, material: Material, [u0, v0, u1, v1]: [f32; 4], d: f32) {
        mesh.quad(
            material,
            self.at(u0, v0, d),
            self.at(u1, v0, d),
            self.at(u1, v1, d),
            self.at(u0, v1, d),
        );
    }

    /// A block `[u0, v0, u1, v1]` that reaches this far out of the wall; its side on the wall is left open.
    pub(in crate::environment) fn block(
        &self,
        mesh: &mut Mesh,
        material: Material,
        [u0, v0, u1, v1]: [f32; 4],
        d: f32,
    ) {
        let p = |u: f32, v: f32, d: f32| self.at(u, v, d);
        self.rect(mesh, material, [u0, v0, u1, v1], d);
        mesh.quad(material, p(u0, v1, d), p(u1, v1, d), p(u1, v1, 0.), p(u0, v1, 0.));
        mesh.quad(material, p(u0, v0, 0.), p(u1, v0, 0.), p(u1, v0, d), p(u0, v0, d));
        mesh.quad(material, p(u0, v0, 0.), p(u0, v0, d), p(u0, v1, d), p(u0, v1, 0.));
        mesh.quad(material, p(u1, v0, d), p(u1, v0, 0.), p(u1, v1, 0.), p(u1, v1, d));
    }
}

/// The surfaces of a building.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paints {
    /// Its walls.
    pub(super) wall: Material,
    /// Bands, sills, cornices, balconies.
    pub(super) trim: Material,
    /// Frames of its windows.
    pub(super) frame: Material,
    /// The lowest part of its walls.
    pub(super) base: Material,
    /// Its roof.
    pub(super) roof: Material,
    /// Its doors.
    pub(super) door: Material,
    /// Shutters, if its windows have them.
    pub(super) shutter: Option<Material>,
}

/// What the windows of a storey look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum WindowStyle {
    /// Single windows.
    Punched {
        /// Width, m.
        width: f32,
        /// Height, m.
        height: f32,
        /// Height of the sill over the floor, m.
        sill: f32,
        /// Divided by a bar?
        bar: bool,
    },
    /// A band of glass from end to end.
    Ribbon {
        /// Height, m.
        height: f32,
        /// Height of its lower edge over the floor, m.
        sill: f32,
    },
    /// All glass, with bars.
    Curtain,
}

/// Storeys of equal windows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// Height of the lowest floor over the wall's foot, m.
    pub(super) first: f32,
    /// Height of a storey, m.
    pub(super) floor: f32,
    /// How many storeys.
    pub(super) count: u32,
    /// Their windows.
    pub(super) style: WindowStyle,
    /// Distance from window to window, m.
    pub(super) pitch: f32,
    /// Fraction of windows lit at night.
    pub(super) lit: f32,
}

/// A pane of glass: dark, with a curtain behind it, or lit by night.
pub(super) fn pane(dice: &mut Dice, lit: f32) -> Material {
    let glass = Material::glass(Semantic::Building);
    if dice.chance(lit) {
        // Rooms at 20 to 100 cd/m²; a white wall in full sun has about 32,000.
        let light = dice.pick(&[
            [0.0024, 0.0016, 0.0008],
            [0.0016, 0.0012, 0.0007],
            [0.0009, 0.0006, 0.0003],
            [0.0020, 0.0020, 0.0021],
        ]);
        return Material::lamp(Semantic::Building, [0.03, 0.03, 0.03], Switch::Night, light);
    }
    match dice.count(0, 5) {
        0 => Material {
            color: Vec3::splat(0.18),
            ..glass
        },
        1 => Material {
            color: Vec3::splat(0.06),
            ..glass
        },
        _ => glass,
    }
}

/// Fills a wall with rows of windows.
pub(super) fn windows(mesh: &mut Mesh, wall: &Wall, rows: &Rows, paints: &Paints, detail: Detail, dice: &mut Dice) {
    for storey in 0..rows.count {
        let floor = rows.first + rows.floor * storey as f32;
        match rows.style {
            WindowStyle::Punched {
                width,
                height,
                sill,
                bar,
            } => {
                let columns = ((wall.width - 0.8) / rows.pitch).floor().max(0.0) as u32;
                if columns == 0 {
                    continue;
                }
                let (low, high) = (floor + sill, floor + sill + height);
                if detail == Detail::Low {
                    // One dark band stands for the whole row.
                    let inset = wall.width / columns as f32 * 0.25;
                    let pane = pane(dice, rows.lit * 0.4);
                    wall.rect(mesh, pane, [inset, low, wall.width - inset, high], PROUD);
                    continue;
                }
                for column in 0..columns {
                    let middle = wall.width * (column as f32 + 0.5) / columns as f32;
                    let (left, right) = (middle - width / 2.0, middle + width / 2.0);
                    window(
                        mesh,
                        wall,
                        [left, low, right, high],
                        bar,
                        (paints, detail, rows.lit),
                        dice,
                    );
                }
            }
            WindowStyle::Ribbon { height, sill } => {
                let parts = if detail == Detail::Full {
                    (wall.width / 7.0).ceil()
                } else {
                    1.0
                };
                let (u, step) = (0.3, (wall.width - 0.6) / parts);
                for part in 0..parts as u32 {
                    let left = u + step * part as f32;
                    let pane = pane(dice, rows.lit);
                    wall.rect(
                        mesh,
                        pane,
                        [left, floor + sill, left + step, floor + sill + height],
                        PROUD,
                    );
                    if detail == Detail::Full {
                        let bar = [left - 0.05, floor + sill, left + 0.05, floor + sill + height];
                        wall.rect(mesh, paints.frame, bar, PROUD * 2.0);
                    }
                }
            }
            WindowStyle::Curtain => {
                let parts = if detail == Detail::Full {
                    (wall.width / 9.0).ceil()
                } else {
                    1.0
                };
                let step = wall.width / parts;
                for part in 0..parts as u32 {
                    let left = step * part as f32;
                    let pane = pane(dice, rows.lit);
                    wall.rect(mesh, pane, [left, floor + 0.25, left + step, floor + rows.floor], PROUD);
                }
            }
        }
    }
    if rows.style == WindowStyle::Curtain && detail == Detail::Full {
        let bars = (wall.width / rows.pitch).round().max(1.0);
        let (low, high) = (rows.first, rows.first + rows.floor * rows.count as f32);
        for bar in 0..=bars as u32 {
            let u = wall.width * bar as f32 / bars;
            let (left, right) = ((u - 0.06).max(0.0), (u + 0.06).min(wall.width));
            wall.rect(mesh, paints.frame, [left, low, right, high], PROUD * 2.5);
        }
    }
}

/// One window: its frame, its pane, its bar, its shutters.
fn window(
    mesh: &mut Mesh,
    wall: &Wall,
    [u0, v0, u1, v1]: [f32; 4],
    bar: bool,
    (paints, detail, lit): (&Paints, Detail, f32),
    dice: &mut Dice,
) {
    let glass = pane(dice, lit);
    if detail != Detail::Full {
        wall.rect(mesh, glass, [u0, v0, u1, v1], PROUD);
        return;
    }
    let edge = 0.09;
    wall.rect(mesh, paints.frame, [u0 - edge, v0 - edge, u1 + edge, v1 + edge], PROUD);
    wall.rect(mesh, glass, [u0, v0, u1, v1], PROUD * 2.0);
    if bar {
        let middle = f32::midpoint(u0, u1);
        wall.rect(
            mesh,
            paints.frame,
            [middle - 0.035, v0, middle + 0.035, v1],
            PROUD * 3.0,
        );
    }
    if let Some(shutter) = paints.shutter {
        let width = (u1 - u0) * 0.45;
        let gap = edge + 0.02;
        wall.rect(mesh, shutter, [u0 - gap - width, v0, u0 - gap, v1], PROUD * 2.5);
        wall.rect(mesh, shutter, [u1 + gap, v0, u1 + gap + width, v1], PROUD * 2.5);
    } else if dice.chance(0.12) {
        // A blind, half down.
        let down = v0 + (v1 - v0) * dice.range(0.3, 0.8);
        wall.rect(mesh, paints.trim, [u0, down, u1, v1], PROUD * 2.5);
    }
}

/// A door with its frame and a step.
pub(super) fn door(mesh: &mut Mesh, wall: &Wall, middle: f32, [width, height]: [f32; 2], paints: &Paints) {
    let (left, right) = (middle - width / 2.0, middle + width / 2.0);
    wall.rect(
        mesh,
        paints.frame,
        [left - 0.12, 0.0, right + 0.12, height + 0.12],
        PROUD,
    );
    wall.rect(mesh, paints.door, [left, 0.0, right, height], PROUD * 2.0);
    let glass = Material::glass(Semantic::Building);
    let pane = [left + width * 0.2, height * 0.62, right - width * 0.2, height * 0.9];
    wall.rect(mesh, glass, pane, PROUD * 3.0);
    wall.block(mesh, paints.base, [left - 0.15, -0.3, right + 0.15, 0.04], 0.35);
}

/// A shop front over the whole wall up to `height`: panes, a door, a sign, sometimes an awning.
pub(super) fn shop_front(mesh: &mut Mesh, wall: &Wall, height: f32, paints: &Paints, detail: Detail, dice: &mut Dice) {
    let (left, right) = (0.35, wall.width - 0.35);
    if right - left < 2.5 {
        door(mesh, wall, wall.width / 2.0, [1.0, 2.1], paints);
        return;
    }
    let top = (height - 0.85).max(2.2);
    let surround = Material::paint(Semantic::Building, accent(dice));
    wall.rect(mesh, surround, [left - 0.12, 0.0, right + 0.12, top + 0.1], PROUD);
    let lit = dice.chance(0.75);
    let pane = if lit {
        Material::lamp(
            Semantic::Building,
            [0.05, 0.05, 0.05],
            Switch::Night,
            [0.006, 0.0052, 0.0042],
        )
    } else {
        Material::glass(Semantic::Building)
    };
    let at = dice.range(left + 0.2, right - 1.4);
    let panes = [(left, at - 0.1), (at + 1.2, right)];
    for (from, to) in panes {
        if to - from < 0.5 {
            continue;
        }
        let parts = ((to - from) / 2.6).ceil();
        let step = (to - from) / parts;
        for part in 0..parts as u32 {
            let u = from + step * part as f32;
            wall.rect(mesh, pane, [u + 0.05, 0.45, u + step - 0.05, top], PROUD * 2.0);
            if detail == Detail::Full && dice.chance(0.7) {
                // Goods in the window.
                let goods = Material::matte(Semantic::Building, accent(dice));
                let h = dice.range(0.5, 1.1);
                let goods_width = dice.range(0.3, 0.8) * step;
                let g0 = u + (step - goods_width) / 2.0;
                wall.rect(mesh, goods, [g0, 0.5, g0 + goods_width, 0.5 + h], PROUD * 2.5);
            }
        }
    }
    wall.rect(mesh, pane, [at, 0.05, at + 1.1, 2.15_f32.min(top)], PROUD * 2.0);
    // The sign above, with a word of bars.
    let shines = dice.chance(0.5);
    let color = accent(dice);
    let sign = if shines {
        Material::lamp(Semantic::Building, color, Switch::Night, color.map(|c| c * 0.01))
    } else {
        Material::paint(Semantic::Building, color)
    };
    wall.block(mesh, sign, [left, top + 0.12, right, height - 0.12], 0.12);
    if detail == Detail::Full {
        let light = color.iter().sum::<f32>() > 1.3;
        let ink = if light { [0.03, 0.03, 0.04] } else { [0.85, 0.85, 0.8] };
        let ink = Material::matte(Semantic::Building, ink);
        let letters = dice.count(4, 9);
        let size = (height - top - 0.45).max(0.1);
        let step = (size * 0.95).min((right - left - 0.4) / letters as f32);
        let mut u = f32::midpoint(left, right) - step * letters as f32 / 2.0;
        for _ in 0..letters {
            let v = top + 0.24;
            match dice.count(0, 2) {
                0 => wall.rect(mesh, ink, [u, v, u + step * 0.3, v + size], 0.132),
                1 => wall.rect(mesh, ink, [u, v, u + step * 0.75, v + size * 0.35], 0.132),
                _ => wall.rect(mesh, ink, [u, v + size * 0.3, u + step * 0.75, v + size], 0.132),
            }
            u += step;
        }
    }
    if dice.chance(0.45) {
        let cloth = Material::matte(Semantic::Building, accent(dice));
        let cloth = if dice.chance(0.5) {
            cloth.pattern(Pattern::Stripes { width: 0.35 })
        } else {
            cloth
        };
        let (v, low, out) = (top + 0.1, (top - 0.35).max(2.25), dice.range(0.8, 1.15));
        let p = |u: f32, v: f32, d: f32| wall.at(u, v, d);
        mesh.quad(
            cloth,
            p(left, low, out),
            p(right, low, out),
            p(right, v, 0.05),
            p(left, v, 0.05),
        );
        wall.rect(mesh, cloth, [left, low - 0.2, right, low], out);
    }
}

/// A column of balconies before the windows of a row, one for each storey.
pub(super) fn balconies(
    mesh: &mut Mesh,
    wall: &Wall,
    rows: &Rows,
    middle: f32,
    width: f32,
    rail: Material,
    slab: Material,
) {
    for storey in 0..rows.count {
        let floor = rows.first + rows.floor * storey as f32;
        let (left, right) = (middle - width / 2.0, middle + width / 2.0);
        wall.block(mesh, slab, [left, floor - 0.18, right, floor], 1.2);
        let p = |u: f32, v: f32, d: f32| wall.at(u, v, d);
        let top = floor + 1.0;
        wall.rect(mesh, rail, [left, floor, right, top], 1.18);
        mesh.quad(
            rail,
            p(left, floor, 0.),
            p(left, floor, 1.18),
            p(left, top, 1.18),
            p(left, top, 0.),
        );
        mesh.quad(
            rail,
            p(right, floor, 1.18),
            p(right, floor, 0.),
            p(right, top, 0.),
            p(right, top, 1.18),
        );
        // The way out.
        let glass = Material::glass(Semantic::Building);
        wall.rect(
            mesh,
            glass,
            [middle - 0.9, floor + 0.05, middle + 0.9, floor + 2.2],
            PROUD * 4.0,
        );
    }
}

/// A colour for shops, doors and other things that want to be seen, linear RGB.
pub(in crate::environment) fn accent(dice: &mut Dice) -> [f32; 3] {
    let color = dice.pick(&[
        [178, 34, 40],
        [24, 60, 120],
        [20, 92, 60],
        [226, 170, 36],
        [232, 228, 218],
        [40, 40, 44],
        [122, 44, 92],
        [208, 92, 36],
        [60, 130, 160],
    ]);
    dice.shade(color)
}

/// Linear RGB of a plain grey (8-bit sRGB).
pub(super) fn grey(value: u8) -> [f32; 3] {
    srgb(value, value, value)
}
