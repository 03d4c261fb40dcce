//! Roofs over a rectangular plan.

use glam::{Vec2, Vec3};

use super::facade::{Paints, Wall};
use crate::dice::Dice;
use crate::material::{Material, Semantic};
use crate::mesh::Mesh;

/// Shapes of roofs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Roof {
    /// Flat, with a parapet of this height, m.
    Flat(f32),
    /// Two slopes; the ridge runs along x. Rise per metre.
    Gable(f32),
    /// Two slopes; the ridge runs along y. Rise per metre.
    GableAcross(f32),
    /// Four slopes. Rise per metre.
    Hip(f32),
    /// Steep below, flat above; height, m.
    Mansard(f32),
    /// One slope, rising towards the back. Rise per metre.
    Shed(f32),
}

/// The plan that a roof covers: corners, m, and the height of its eaves, m.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) low: Vec2,
    pub(super) high: Vec2,
    pub(super) eaves: f32,
    /// Is a neighbour built against its right and left wall? There the roof does not stand out.
    pub(super) party: [bool; 2],
}

impl Roof {
    /// Puts this roof on a plan; gives the height of its highest edge, m.
    pub(super) fn build(self, mesh: &mut Mesh, plan: &Plan, paints: &Paints, out: f32) -> f32 {
        let Plan {
            low,
            high,
            eaves,
            party,
        } = *plan;
        let roof = paints.roof;
        let (w, d) = (high.x - low.x, high.y - low.y);
        let (x0, x1) = (
            low.x - if party[1] { 0.0 } else { out },
            high.x + if party[0] { 0.0 } else { out },
        );
        let (y0, y1) = (low.y - out, high.y + out);
        let p = Vec3::new;
        match self {
            Self::Flat(parapet) => {
                mesh.quad(
                    roof,
                    p(low.x, low.y, eaves),
                    p(high.x, low.y, eaves),
                    p(high.x, high.y, eaves),
                    p(low.x, high.y, eaves),
                );
                for wall in Wall::around(low, high, eaves) {
                    wall.rect(mesh, paints.trim, [0.0, 0.0, wall.width, parapet], 0.04);
                    // Its inner side and its top.
                    let (a, b) = (wall.at(0.0, parapet, 0.04), wall.at(wall.width, parapet, 0.04));
                    let (c, e) = (wall.at(wall.width - 0.2, parapet, -0.2), wall.at(0.2, parapet, -0.2));
                    mesh.quad(paints.trim, a, b, c, e);
                    let (f, g) = (wall.at(wall.width - 0.2, 0.0, -0.2), wall.at(0.2, 0.0, -0.2));
                    mesh.quad(paints.wall, c, f, g, e);
                }
                eaves + parapet
            }
            Self::Gable(rise) => {
                let (ridge, drop) = (eaves + rise * d / 2.0, rise * out);
                let y = f32::midpoint(low.y, high.y);
                mesh.quad(
                    roof,
                    p(x0, y0, eaves - drop),
                    p(x1, y0, eaves - drop),
                    p(x1, y, ridge),
                    p(x0, y, ridge),
                );
                mesh.quad(
                    roof,
                    p(x1, y1, eaves - drop),
                    p(x0, y1, eaves - drop),
                    p(x0, y, ridge),
                    p(x1, y, ridge),
                );
                mesh.polygon(
                    paints.wall,
                    &[p(high.x, low.y, eaves), p(high.x, high.y, eaves), p(high.x, y, ridge)],
                );
                mesh.polygon(
                    paints.wall,
                    &[p(low.x, high.y, eaves), p(low.x, low.y, eaves), p(low.x, y, ridge)],
                );
                ridge
            }
            Self::GableAcross(rise) => {
                let (ridge, drop) = (eaves + rise * w / 2.0, rise * out);
                let (left, right) = (low.x - out, high.x + out);
                let x = f32::midpoint(low.x, high.x);
                mesh.quad(
                    roof,
                    p(right, y0, eaves - drop),
                    p(right, y1, eaves - drop),
                    p(x, y1, ridge),
                    p(x, y0, ridge),
                );
                mesh.quad(
                    roof,
                    p(left, y1, eaves - drop),
                    p(left, y0, eaves - drop),
                    p(x, y0, ridge),
                    p(x, y1, ridge),
                );
                mesh.polygon(
                    paints.wall,
                    &[p(low.x, low.y, eaves), p(high.x, low.y, eaves), p(x, low.y, ridge)],
                );
                mesh.polygon(
                    paints.wall,
                    &[p(high.x, high.y, eaves), p(low.x, high.y, eaves), p(x, high.y, ridge)],
                );
                ridge
            }
            Self::Hip(rise) => {
                let drop = rise * out;
                let (inset, z) = (w.min(d) / 2.0, eaves + rise * w.min(d) / 2.0);
                let (a, b) = if w > d {
                    let y = f32::midpoint(low.y, high.y);
                    (p(low.x + inset, y, z), p(high.x - inset, y, z))
                } else {
                    let x = f32::midpoint(low.x, high.x);
                    (p(x, low.y + inset, z), p(x, high.y - inset, z))
                };
                let base = [
                    p(x0, y0, eaves - drop),
                    p(x1, y0, eaves - drop),
                    p(x1, y1, eaves - drop),
                    p(x0, y1, eaves - drop),
                ];
                if w > d {
                    mesh.quad(roof, base[0], base[1], b, a);
                    mesh.polygon(roof, &[base[1], base[2], b]);
                    mesh.quad(roof, base[2], base[3], a, b);
                    mesh.polygon(roof, &[base[3], base[0], a]);
                } else {
                    mesh.polygon(roof, &[base[0], base[1], a]);
                    mesh.quad(roof, base[1], base[2], b, a);
                    mesh.polygon(roof, &[base[2], base[3], b]);
                    mesh.quad(roof, base[3], base[0], a, b);
                }
                z
            }
            Self::Mansard(height) => {
                let inset = (height * 0.35).min(w.min(d) * 0.3);
                let side = |party: bool| if party { 0.0 } else { inset };
                let top = [
                    p(low.x + side(party[1]), low.y + inset, eaves + height),
                    p(high.x - side(party[0]), low.y + inset, eaves + height),
                    p(high.x - side(party[0]), high.y - inset, eaves + height),
                    p(low.x + side(party[1]), high.y - inset, eaves + height),
                ];
                let base = [p(x0, y0, eaves), p(x1, y0, eaves), p(x1, y1, eaves), p(x0, y1, eaves)];
                for i in 0..4 {
                    let j = (i + 1) % 4;
                    mesh.quad(roof, base[i], base[j], top[j], top[i]);
                }
                let lead = Material::matte(Semantic::Building, [0.12, 0.12, 0.13]);
                mesh.quad(lead, top[0], top[1], top[2], top[3]);
                eaves + height
            }
            Self::Shed(rise) => {
                let z = |y: f32| eaves + rise * (y - low.y);
                mesh.quad(
                    roof,
                    p(x0, y0, z(y0)),
                    p(x1, y0, z(y0)),
                    p(x1, y1, z(y1)),
                    p(x0, y1, z(y1)),
                );
                let top = z(high.y);
                mesh.polygon(
                    paints.wall,
                    &[
                        p(high.x, low.y, eaves),
                        p(high.x, high.y, eaves),
                        p(high.x, high.y, top),
                    ],
                );
                mesh.polygon(
                    paints.wall,
                    &[p(low.x, high.y, eaves), p(low.x, low.y, eaves), p(low.x, high.y, top)],
                );
                mesh.quad(
                    paints.wall,
                    p(high.x, high.y, eaves),
                    p(low.x, high.y, eaves),
                    p(low.x, high.y, top),
                    p(high.x, high.y, top),
                );
                top
            }
        }
    }

    /// Height of its surface over a point of the plan, m.
    pub(super) fn height(self, plan: &Plan, at: Vec2) -> f32 {
        let (w, d) = (plan.high.x - plan.low.x, plan.high.y - plan.low.y);
        let x = (at.x - plan.low.x).min(plan.high.x - at.x);
        let y = (at.y - plan.low.y).min(plan.high.y - at.y);
        plan.eaves
            + match self {
                Self::Flat(_) => 0.0,
                Self::Gable(rise) => rise * y.min(d / 2.0),
                Self::GableAcross(rise) => rise * x.min(w / 2.0),
                Self::Hip(rise) => rise * x.min(y),
                Self::Mansard(height) => height,
                Self::Shed(rise) => rise * (at.y - plan.low.y),
            }
    }
}

/// A chimney through the roof.
pub(super) fn chimney(mesh: &mut Mesh, roof: Roof, plan: &Plan, ridge: f32, dice: &mut Dice) {
    let brick = Material::matte(Semantic::Building, dice.shade([128, 70, 56]));
    let at = Vec2::new(
        dice.range(plan.low.x + 0.8, (plan.high.x - 0.8).max(plan.low.x + 0.81)),
        f32::midpoint(plan.low.y, plan.high.y) + dice.range(-0.8, 0.8),
    );
    let foot = roof.height(plan, at) - 0.6;
    let top = ridge + dice.range(0.3, 1.0);
    let size = Vec3::new(dice.range(0.5, 1.2), 0.5, top - foot);
    mesh.cuboid(brick, Vec3::new(at.x, at.y, f32::midpoint(foot, top)), size);
}

/// Dormers on the front slope of a gable or mansard roof.
pub(super) fn dormers(mesh: &mut Mesh, roof: Roof, plan: &Plan, paints: &Paints, lit: f32, dice: &mut Dice) {
    let width = plan.high.x - plan.low.x;
    let count = (width / 3.6).floor() as u32;
    let steep = match roof {
        Roof::Gable(rise) => rise,
        Roof::Mansard(_) => 2.4,
        _ => return,
    };
    if steep < 0.6 {
        return;
    }
    for i in 0..count {
        let x = plan.low.x + width * (i as f32 + 0.5) / count as f32;
        let setback = 0.9 / steep + 0.15;
        let (y, z) = (plan.low.y + setback, plan.eaves + 0.35);
        let (w, h) = (1.3, 1.35);
        // Back to where its ridge meets the slope.
        let depth = ((h + 0.45) / steep).min((plan.high.y - plan.low.y) / 2.0);
        let front = Wall {
            origin: Vec3::new(x - w / 2.0, y, z),
            right: Vec3::X,
            width: w,
        };
        front.rect(mesh, paints.frame, [0.0, 0.0, w, h], 0.0);
        front.rect(
            mesh,
            super::facade::pane(dice, lit),
            [0.2, 0.25, w - 0.2, h - 0.12],
            0.015,
        );
        let (a, b) = (front.at(0.0, 0.0, 0.0), front.at(w, 0.0, 0.0));
        let (back, up) = (Vec3::Y * depth, Vec3::Z * h);
        mesh.quad(paints.roof, b, b + back, b + back + up, b + up);
        mesh.quad(paints.roof, a + back, a, a + up, a + back + up);
        let ridge = a.midpoint(b) + Vec3::Z * (h + 0.45) - Vec3::Y * 0.1;
        let (left, right) = (
            a + up - Vec3::new(0.12, 0.1, 0.05),
            b + up + Vec3::new(0.12, -0.1, -0.05),
        );
        mesh.quad(paints.roof, right, right + back, ridge + back, ridge);
        mesh.quad(paints.roof, left + back, left, ridge, ridge + back);
        mesh.polygon(paints.frame, &[a + up, b + up, ridge + Vec3::Y * 0.1]);
    }
}
