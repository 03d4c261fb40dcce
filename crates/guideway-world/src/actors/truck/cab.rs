//! Cabs of trucks.

use glam::Vec3;

use super::HALF;
use crate::actors::assembly::Kit;
use crate::actors::body::{Arch, Outline, Station, column, mirrors};
use crate::actors::shape::{both, facet, plate_x, plate_y, smooth};
use crate::dice::Dice;
use crate::material::Switch;
use crate::mesh::Mesh;

/// A cab: cab-over, or with a bonnet. Distances from its front end backwards, m.
pub(super) struct Cab {
    pub(super) bonnet: f32,
    pub(super) length: f32,
    pub(super) height: f32,
    pub(super) belt: f32,
    pub(super) rake: f32,
    pub(super) axle: f32,
    pub(super) wheel: f32,
}

impl Cab {
    pub(super) fn draw(dice: &mut Dice, long: bool) -> Self {
        let bonnet = if dice.chance(0.16) { dice.range(1.1, 1.6) } else { 0.0 };
        let sleeper = if long {
            dice.range(0.5, 0.8)
        } else {
            dice.range(0.0, 0.25)
        };
        Self {
            bonnet,
            length: bonnet + 1.65 + sleeper,
            height: if long {
                dice.range(2.9, 3.7)
            } else {
                dice.range(2.5, 3.0)
            },
            belt: dice.range(1.5, 1.75),
            rake: dice.range(0.12, 0.4),
            axle: if bonnet > 0.0 { 0.95 } else { dice.range(1.3, 1.45) },
            wheel: dice.range(0.48, 0.53),
        }
    }

    /// Draws the cab with its front end at `front`.
    pub(super) fn mesh(&self, kit: Kit, color: [f32; 3], front: f32, dice: &mut Dice) -> Mesh {
        let mut mesh = Mesh::new();
        let paint = kit.paint(color);
        let x = |back: f32| front - back;
        let station = |back: f32, bottom: f32, top: f32, half: f32| Station {
            x: x(back),
            bottom,
            top,
            half,
        };
        let b = self.bonnet;
        let mut stations = vec![];
        let narrow = if b > 0.0 { HALF * 0.82 } else { HALF };
        if b > 0.0 {
            stations.push(station(0.0, 0.45, 1.3, narrow * 0.86));
            stations.push(station(0.12, 0.42, 1.42, narrow * 0.97));
            stations.push(station(b - 0.05, 0.42, self.belt - 0.05, narrow));
            stations.push(station(b, 0.42, self.belt, HALF * 0.97));
        } else {
            stations.push(station(0.0, 0.42, self.belt - 0.08, HALF * 0.9));
            stations.push(station(0.06, 0.38, self.belt, HALF * 0.98));
        }
        stations.push(station(b + 0.06 + self.rake, 0.4, self.height - 0.12, HALF));
        stations.push(station(b + 0.3 + self.rake, 0.42, self.height, HALF));
        stations.push(station(self.length, 0.42, self.height, HALF));
        let outline = Outline {
            stations,
            arches: vec![Arch {
                x: x(self.axle),
                z: self.wheel,
                radius: self.wheel * 1.18,
            }],
            deck: 0.92,
            shoulder: 0.12,
            crown: 0.03,
            waist: 0.22,
        };
        let skin = outline.skin();
        // The windscreen is the row that ends where the roof begins.
        let screen = (0..skin.sections.len() - 1)
            .find(|row| (skin.sections[row + 1][0].x - x(b + 0.06 + self.rake)).abs() < 1e-4)
            .unwrap_or(0);
        let sill = if dice.chance(0.35) { kit.plastic() } else { paint };
        skin.draw(&mut mesh, |row, column| {
            let deck = (3..5).contains(&column);
            let low = column == column::SILL || column == skin.mirrored(column::SILL);
            Some(if row == screen && deck {
                kit.glass()
            } else if low {
                sill
            } else {
                paint
            })
        });
        skin.caps(&mut mesh, Some(paint), Some(paint));
        smooth(&mut mesh, 30.0);

        let dark = kit.matte([0.012; 3]);
        let at = front + 0.008;
        let top = if b > 0.0 { 1.22 } else { self.belt - 0.2 };
        let wide = if b > 0.0 {
            narrow * 1.2
        } else {
            HALF * dice.range(1.2, 1.65)
        };
        let grille = dice.range(0.3, 0.6).min(top - 0.62);
        plate_x(
            &mut mesh,
            dark,
            Vec3::new(at, 0.0, top - grille / 2.0),
            wide,
            grille,
            1.0,
        );
        plate_x(&mut mesh, sill, Vec3::new(at, 0.0, 0.58), narrow * 1.72, 0.26, 1.0);
        plate_x(
            &mut mesh,
            kit.number_plate(false),
            Vec3::new(at + 0.01, 0.0, 0.52),
            0.52,
            0.11,
            1.0,
        );
        both(|s| {
            let y = s * narrow * 0.68;
            plate_x(
                &mut mesh,
                kit.headlamp(),
                Vec3::new(at + 0.006, y, 0.68),
                0.34,
                0.17,
                1.0,
            );
            plate_x(
                &mut mesh,
                kit.indicator(s),
                Vec3::new(at + 0.006, y, 0.84),
                0.3,
                0.08,
                1.0,
            );
            // The side window follows the windscreen's slope.
            let (low, high) = (self.belt + 0.03, self.height.min(self.belt + 1.0) - 0.14);
            let slope = |z: f32| x(b + 0.2 + self.rake * (z - self.belt) / (self.height - self.belt));
            let rear = x(b + 1.15);
            let side = s * (HALF + 0.006);
            let p = |x: f32, z: f32| Vec3::new(x, side, z);
            facet(
                &mut mesh,
                kit.glass(),
                &[
                    p(slope(low), low),
                    p(rear, low),
                    p(rear, high),
                    p(slope(high) - 0.1, high),
                ],
            );
            plate_y(
                &mut mesh,
                dark,
                Vec3::new(x(b + 1.24), side, f32::midpoint(0.9, high)),
                0.02,
                high - 0.9,
                s,
            );
        });
        mirrors(
            &mut mesh,
            kit,
            kit.plastic(),
            x(b + 0.2),
            HALF + 0.2,
            self.belt + 0.55,
            Vec3::new(0.14, 0.2, 0.62),
        );
        if self.height > 3.2 {
            // Position lamps and a visor.
            for y in [-0.8, -0.3, 0.3, 0.8] {
                let lamp = kit.lamp([0.6, 0.5, 0.2], Switch::Head, [1.2, 0.9, 0.3]);
                plate_x(
                    &mut mesh,
                    lamp,
                    Vec3::new(x(b + 0.05 + self.rake), y, self.height - 0.1),
                    0.1,
                    0.05,
                    1.0,
                );
            }
        }
        mesh
    }
}
