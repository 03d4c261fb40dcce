//! Wheels: tyres with rims, alone or two on an axle.

use std::f32::consts::TAU;

use glam::{Affine3A, Vec3};

use super::assembly::{Assembly, Kit};
use super::shape::{disc_y, facet};
use super::{Joint, STEER_MAX};
use crate::dice::Dice;
use crate::mesh::Mesh;

/// Corners of a wheel: a multiple of four, so that it stands on a corner and its box is that of every rolling angle.
const SIDES: u32 = 12;

/// What a wheel looks like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wheel {
    /// Radius of the tyre, m.
    pub(super) radius: f32,
    /// Width of the tyre, m.
    pub(super) width: f32,
    /// Radius of the rim as a fraction of the tyre's.
    pub(super) rim: f32,
    /// Spokes; 0 is a closed disc.
    pub(super) spokes: u32,
    /// Colour of the rim.
    pub(super) color: [f32; 3],
}

impl Wheel {
    /// A passenger car's wheel.
    pub(super) fn car(dice: &mut Dice, radius: f32) -> Self {
        Self {
            radius,
            width: radius * dice.range(0.58, 0.7),
            rim: dice.range(0.64, 0.76),
            spokes: dice.weighted(&[(4.0, 5), (1.5, 6), (1.0, 7), (1.0, 4), (1.2, 0)]),
            color: dice.weighted(&[(5.0, [0.26; 3]), (3.0, [0.16; 3]), (2.0, [0.04; 3])]),
        }
    }

    /// A truck's or bus's wheel: a deep steel disc.
    pub(super) fn truck(dice: &mut Dice, radius: f32) -> Self {
        Self {
            radius,
            width: 0.3,
            rim: 0.58,
            spokes: 0,
            color: dice.weighted(&[
                (3.0, [0.42, 0.42, 0.43]),
                (1.0, [0.6, 0.6, 0.58]),
                (1.0, [0.25, 0.05, 0.04]),
            ]),
        }
    }

    /// The wheel in its own frame, centred, axis along y, its outer face to +y (`facing` 1) or −y (−1).
    pub(super) fn mesh(&self, kit: Kit, facing: f32) -> Mesh {
        let mut mesh = Mesh::new();
        self.tread(&mut mesh, kit);
        self.face(&mut mesh, kit, facing);
        let back = Vec3::Y * ((0.005 - self.width / 2.0) * facing);
        disc_y(
            &mut mesh,
            kit.matte([0.015; 3]),
            back,
            self.radius * 0.98,
            SIDES,
            -facing,
        );
        mesh
    }

    fn point(i: u32, radius: f32, y: f32, facing: f32) -> Vec3 {
        let a = TAU * (i % SIDES) as f32 / SIDES as f32;
        Vec3::new(-facing * a.cos() * radius, y * facing, a.sin() * radius)
    }

    fn tread(&self, mesh: &mut Mesh, kit: Kit) {
        let (r, h) = (self.radius, self.width / 2.0);
        for i in 0..SIDES {
            let at = |k: u32, y: f32| Self::point(k, r, y, 1.0);
            let out = |k: u32| Self::point(k, 1.0, 0.0, 1.0).normalize_or(Vec3::Z);
            let (a, b) = (out(i), out(i + 1));
            mesh.fan(
                kit.rubber(),
                &[at(i, h), at(i, -h), at(i + 1, -h), at(i + 1, h)],
                &[a, a, b, b],
            );
        }
    }

    /// Side wall and rim on one side.
    pub(super) fn face(&self, mesh: &mut Mesh, kit: Kit, facing: f32) {
        let (r, h) = (self.radius, self.width / 2.0);
        let rim = kit.metal(self.color);
        let dark = kit.matte([0.015; 3]);
        let rim_radius = r * self.rim;
        for i in 0..SIDES {
            let at = |k: u32, radius: f32| Self::point(k, radius, h, facing);
            facet(
                mesh,
                kit.rubber(),
                &[at(i, r), at(i + 1, r), at(i + 1, rim_radius), at(i, rim_radius)],
            );
        }
        let depth = h - 0.012;
        let face = |y: f32| Vec3::Y * (y * facing);
        if self.spokes == 0 {
            disc_y(mesh, rim, face(depth), rim_radius, SIDES, facing);
            disc_y(mesh, dark, face(depth + 0.006), rim_radius * 0.34, 6, facing);
            return;
        }
        disc_y(mesh, dark, face(depth - 0.01), rim_radius, SIDES, facing);
        for k in 0..self.spokes {
            let a = TAU * (k as f32 + 0.25) / self.spokes as f32;
            let along = Vec3::new(-facing * a.cos(), 0.0, a.sin());
            let across = Vec3::new(facing * a.sin(), 0.0, a.cos()) * (rim_radius * 0.15);
            let tip = face(depth) + along * rim_radius * 0.98;
            let hub = face(depth) - along * rim_radius * 0.12;
            let wide = across * 1.25;
            facet(mesh, rim, &[hub - wide, tip - across, tip + across, hub + wide]);
        }
    }

    /// Both wheels of an axle as one mesh, their centres at ±`track` in y; what faces the other wheel is left open.
    pub(super) fn axle(&self, kit: Kit, track: f32) -> Mesh {
        let mut mesh = Mesh::new();
        for side in [1.0, -1.0] {
            let mut wheel = Mesh::new();
            self.tread(&mut wheel, kit);
            self.face(&mut wheel, kit, side);
            mesh.append(&wheel, Affine3A::from_translation(Vec3::Y * (track * side)));
        }
        mesh
    }

    /// How far out the centres of steered wheels may be so that they turn inside ±`widest` in y.
    pub(super) fn track(&self, half: f32, widest: f32) -> f32 {
        let (sin, cos) = STEER_MAX.sin_cos();
        let reach = self.radius * sin + self.width / 2.0 * cos;
        (half - self.width / 2.0 - 0.035).min(widest - reach)
    }

    /// Puts a steered axle at `x`: two parts.
    pub(super) fn steered(&self, assembly: &mut Assembly, kit: Kit, x: f32, track: f32) {
        for side in [1.0, -1.0] {
            let pivot = Vec3::new(x, track * side, self.radius);
            assembly.part(self.mesh(kit, side), Joint::Wheel { pivot, steers: true });
        }
    }

    /// Puts a straight axle at `x`: one part.
    pub(super) fn straight(&self, assembly: &mut Assembly, kit: Kit, x: f32, track: f32) {
        let pivot = Vec3::new(x, 0.0, self.radius);
        assembly.part(self.axle(kit, track), Joint::Wheel { pivot, steers: false });
    }
}
