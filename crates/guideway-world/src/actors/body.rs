//! Bodies of cars and vans: a lower body with wheel arches, and a greenhouse on top of it.

use glam::{Vec2, Vec3};

use super::assembly::Kit;
use super::shape::{Skin, block, both, facet, normal, plate_x};
use crate::material::Material;
use crate::mesh::Mesh;

/// A wheel arch: centre in x, height of the wheel's centre, radius.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arch {
    pub(super) x: f32,
    pub(super) z: f32,
    pub(super) radius: f32,
}

/// A station of a lower body's outline: where, from what height to what height, half how wide.
#[derive(Debug, Clone, Copy)]
pub(super) struct Station {
    pub(super) x: f32,
    pub(super) bottom: f32,
    pub(super) top: f32,
    pub(super) half: f32,
}

/// The outline of a lower body, from front to rear.
#[derive(Debug, Clone)]
pub(super) struct Outline {
    pub(super) stations: Vec<Station>,
    pub(super) arches: Vec<Arch>,
    /// Half width of the deck (bonnet, boot) as a fraction of the body's.
    pub(super) deck: f32,
    /// Height of the shoulder's rounding below the deck, m.
    pub(super) shoulder: f32,
    /// How much the deck rises towards its middle, m.
    pub(super) crown: f32,
    /// How far up the widest point is, 0 to 1.
    pub(super) waist: f32,
}

/// Columns of a lower body's skin on the right side; `Skin::mirrored` gives the left ones.
pub(super) mod column {
    /// From the sill to the widest point.
    pub(in crate::actors) const SILL: usize = 0;
    /// From the widest point to the shoulder.
    pub(in crate::actors) const FLANK: usize = 1;
    /// The shoulder's rounding.
    pub(in crate::actors) const SHOULDER: usize = 2;
}

impl Outline {
    /// Interpolates the stations at `x`.
    pub(super) fn at(&self, x: f32) -> Station {
        let first = self.stations.first().copied().unwrap_or(Station {
            x: 0.0,
            bottom: 0.0,
            top: 1.0,
            half: 0.5,
        });
        let mut before = first;
        for s in &self.stations {
            if s.x <= x {
                let span = (before.x - s.x).max(1e-6);
                let t = ((before.x - x) / span).clamp(0.0, 1.0);
                let mix = |a: f32, b: f32| a + (b - a) * t;
                return Station {
                    x,
                    bottom: mix(before.bottom, s.bottom),
                    top: mix(before.top, s.top),
                    half: mix(before.half, s.half),
                };
            }
            before = *s;
        }
        Station { x, ..before }
    }

    /// The skin, with its stations in x, the arches cut out.
    pub(super) fn skin(&self) -> Skin {
        let mut xs: Vec<f32> = self.stations.iter().map(|s| s.x).collect();
        for arch in &self.arches {
            // An arch is a polygon of five points, its feet on the sill; stations of the outline inside it would make slivers.
            xs.retain(|x| (x - arch.x).abs() > arch.radius * 1.02);
            xs.extend([-1.0, -0.64, 0.0, 0.64, 1.0].map(|t| arch.x + t * arch.radius));
        }
        xs.sort_by(|a, b| b.total_cmp(a));
        let front = self.stations.first().map_or(0.0, |s| s.x);
        let rear = self.stations.last().map_or(0.0, |s| s.x);
        xs.retain(|x| (rear..=front).contains(x));
        let sections: Vec<_> = xs.iter().map(|x| self.section(*x)).collect();
        Skin::symmetric(&sections)
    }

    fn section(&self, x: f32) -> (f32, Vec<Vec2>, f32) {
        let s = self.at(x);
        let mut bottom = s.bottom;
        for arch in &self.arches {
            let t = (x - arch.x) / arch.radius;
            if t.abs() < 0.9995 {
                bottom = bottom.max(arch.z + arch.radius * (1.0 - t * t).max(0.0).sqrt());
            }
        }
        let shoulder = s.top - self.shoulder.min((s.top - s.bottom) * 0.4);
        let bottom = bottom.min(shoulder - 0.03);
        let waist = (s.bottom + (shoulder - s.bottom) * self.waist).clamp(bottom + 0.01, shoulder - 0.01);
        let half = vec![
            Vec2::new(s.half * 0.97, bottom),
            Vec2::new(s.half, waist),
            Vec2::new(s.half * 0.985, shoulder),
            Vec2::new(s.half * self.deck, s.top),
        ];
        (x, half, s.top + self.crown)
    }

    /// What is between the wheels: a dark floor that hides the other side.
    pub(super) fn underbody(&self, mesh: &mut Mesh, kit: Kit, clearance: f32) {
        let dark = kit.matte([0.012; 3]);
        let (Some(front), Some(rear)) = (self.stations.first(), self.stations.last()) else {
            return;
        };
        let half = self.stations.iter().map(|s| s.half).fold(0.0, f32::max);
        let top = self
            .arches
            .iter()
            .map(|a| a.z + a.radius)
            .fold(clearance + 0.2, f32::max)
            - 0.01;
        let inner = half * 0.66;
        let (x0, x1) = (rear.x + 0.12, front.x - 0.12);
        // Low bonnets are lower than the arches.
        let top = top.min(self.at(x0).top.min(self.at(x1).top) - 0.04);
        // Between the wheels narrow and high, over the whole width low and flat.
        mesh.cuboid(
            dark,
            Vec3::new(f32::midpoint(x0, x1), 0.0, f32::midpoint(top, clearance)),
            Vec3::new(x1 - x0, inner * 2.0, top - clearance),
        );
        for pair in self.arches.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let (x1, x0) = (a.x - a.radius, b.x + b.radius);
            let z = self.at(f32::midpoint(x0, x1)).bottom + 0.01;
            let y = half * 0.96;
            facet(
                mesh,
                dark,
                &[
                    Vec3::new(x1, -y, z),
                    Vec3::new(x0, -y, z),
                    Vec3::new(x0, y, z),
                    Vec3::new(x1, y, z),
                ],
            );
        }
    }
}

/// A greenhouse: pillars, windows, roof. Stations from the windscreen's base to the rear window's base.
#[derive(Debug, Clone)]
pub(super) struct Greenhouse {
    /// x, height of the roof there, height of the belt there; first and last stand on the belt.
    pub(super) stations: Vec<Vec3>,
    /// Half width at the belt, m.
    pub(super) belt: f32,
    /// Half width at the roof's edge, m.
    pub(super) roof: f32,
    /// For each span between stations: how much of it is window on the side (from, to; empty if equal).
    pub(super) side: Vec<(f32, f32)>,
    /// Is the rear span a window?
    pub(super) rear_window: bool,
    /// Has it two doors with a window each there instead?
    pub(super) rear_doors: bool,
}

impl Greenhouse {
    fn skin(&self) -> Skin {
        let last = self.stations.len() - 1;
        let sections: Vec<_> = self
            .stations
            .iter()
            .enumerate()
            .map(|(i, s)| {
                let (x, roof, belt) = (s.x, s.y, s.z);
                let flat = i == 0 || i == last;
                let edge = if flat { belt } else { roof - 0.055 };
                let (ry, rz) = if flat {
                    (self.belt * 0.96, belt)
                } else {
                    (self.roof, edge)
                };
                let top = if flat { belt } else { roof - 0.012 };
                let half = vec![
                    Vec2::new(self.belt, belt - 0.01),
                    Vec2::new(ry, rz),
                    Vec2::new(ry * 0.86, top),
                ];
                (x, half, if flat { belt + 0.012 } else { roof })
            })
            .collect();
        Skin::symmetric(&sections)
    }

    /// Draws it.
    pub(super) fn draw(&self, mesh: &mut Mesh, paint: Material, roof: Material, glass: Material) {
        let skin = self.skin();
        let rows = self.stations.len() - 1;
        let side = |column: usize| column == 0 || column == skin.columns() - 1;
        let edge = |column: usize| column == 1 || column == skin.columns() - 2;
        skin.draw(mesh, |row, column| {
            let screen = row == 0 || (row == rows - 1 && self.rear_window);
            Some(match (screen, side(column), edge(column)) {
                (_, true, _) => paint,
                (true, _, false) => glass,
                (true, _, true) if row == 0 => glass,
                _ => roof,
            })
        });
        if self.rear_doors {
            for (column, v) in [(2, Vec2::new(0.12, 0.9)), (3, Vec2::new(0.1, 0.88))] {
                skin.patch(mesh, glass, (rows - 1, column), Vec2::new(0.12, 0.72), v, 0.006);
            }
        }
        for (row, (from, to)) in self.side.iter().enumerate().take(rows) {
            if to <= from {
                continue;
            }
            both(|s| {
                let column = if s < 0.0 { 0 } else { skin.columns() - 1 };
                let v = if s < 0.0 {
                    Vec2::new(0.1, 0.93)
                } else {
                    Vec2::new(0.07, 0.9)
                };
                if row == 0 || row == rows - 1 {
                    Self::quarter_light(mesh, &skin, (row, column), glass);
                } else {
                    skin.patch(mesh, glass, (row, column), Vec2::new(*from, *to), v, 0.006);
                }
            });
        }
    }

    /// The triangular window of a sloping span: its face, shrunk.
    fn quarter_light(mesh: &mut Mesh, skin: &Skin, (row, column): (usize, usize), glass: Material) {
        let (a, b) = (&skin.sections[row], &skin.sections[row + 1]);
        let corners = [a[column], a[column + 1], b[column + 1], b[column]];
        let middle = corners.iter().sum::<Vec3>() / 4.0;
        let lift = normal(&corners) * 0.006;
        facet(mesh, glass, &corners.map(|c| middle + (c - middle) * 0.74 + lift));
    }
}

/// Mirrors at both sides: arms and housings, outer edge at ±`y`.
pub(super) fn mirrors(mesh: &mut Mesh, kit: Kit, color: Material, x: f32, y: f32, z: f32, size: Vec3) {
    both(|s| {
        let center = Vec3::new(x, s * (y - size.y / 2.0), z);
        block(mesh, color, center - size / 2.0, center + size / 2.0);
        plate_x(
            mesh,
            kit.metal([0.5; 3]),
            center - Vec3::X * (size.x / 2.0 + 0.004),
            size.y * 0.8,
            size.z * 0.8,
            -1.0,
        );
    });
}
