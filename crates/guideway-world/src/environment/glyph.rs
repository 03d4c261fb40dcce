//! Digits, letters and simple pictures made of flat polygons.
//!
//! Drawn on a plane that looks along +x: `u` to the right (y), `v` up (z), both in m.

use glam::{Vec2, Vec3};

use crate::material::Material;
use crate::mesh::Mesh;

/// Strokes of a character in a cell 4 wide and 6 high, as points of polylines.
fn strokes(character: char) -> &'static [&'static [(f32, f32)]] {
    match character {
        '0' | 'O' => &[&[
            (1., 0.),
            (3., 0.),
            (4., 1.),
            (4., 5.),
            (3., 6.),
            (1., 6.),
            (0., 5.),
            (0., 1.),
            (1., 0.),
        ]],
        '1' => &[&[(2.2, 0.), (2.2, 6.), (0.8, 4.8)]],
        '2' => &[&[(4., 0.), (0., 0.), (3.6, 3.4), (4., 4.6), (3., 6.), (1., 6.), (0., 5.)]],
        '3' => &[&[
            (0., 1.),
            (1., 0.),
            (3., 0.),
            (4., 1.),
            (4., 2.4),
            (3., 3.2),
            (1.5, 3.2),
            (3., 3.2),
            (4., 4.),
            (4., 5.2),
            (3., 6.),
            (1., 6.),
            (0., 5.),
        ]],
        '4' => &[&[(3.1, 0.), (3.1, 6.), (0., 1.7), (4., 1.7)]],
        '5' => &[&[
            (0., 0.8),
            (1., 0.),
            (3., 0.),
            (4., 1.),
            (4., 2.8),
            (3., 3.6),
            (0.4, 3.4),
            (0.6, 6.),
            (3.8, 6.),
        ]],
        '6' => &[&[
            (3.6, 5.6),
            (2.6, 6.),
            (1., 6.),
            (0., 4.6),
            (0., 1.),
            (1., 0.),
            (3., 0.),
            (4., 1.),
            (4., 2.6),
            (3., 3.5),
            (1., 3.5),
            (0., 2.6),
        ]],
        '7' => &[&[(0., 6.), (4., 6.), (1.4, 0.)]],
        '8' => &[
            &[
                (1., 3.2),
                (3., 3.2),
                (4., 2.2),
                (4., 1.),
                (3., 0.),
                (1., 0.),
                (0., 1.),
                (0., 2.2),
                (1., 3.2),
            ],
            &[
                (1., 3.2),
                (0.2, 4.),
                (0.2, 5.2),
                (1., 6.),
                (3., 6.),
                (3.8, 5.2),
                (3.8, 4.),
                (3., 3.2),
            ],
        ],
        '9' => &[&[
            (0.4, 0.4),
            (1.4, 0.),
            (3., 0.),
            (4., 1.4),
            (4., 5.),
            (3., 6.),
            (1., 6.),
            (0., 5.),
            (0., 3.4),
            (1., 2.5),
            (3., 2.5),
            (4., 3.4),
        ]],
        'S' => &[&[
            (0., 0.8),
            (1., 0.),
            (3., 0.),
            (4., 1.),
            (4., 2.2),
            (3., 3.),
            (1., 3.2),
            (0., 4.),
            (0., 5.2),
            (1., 6.),
            (3., 6.),
            (4., 5.2),
        ]],
        'T' => &[&[(2., 0.), (2., 6.)], &[(0., 6.), (4., 6.)]],
        'P' => &[&[(0., 0.), (0., 6.), (3., 6.), (4., 5.2), (4., 3.6), (3., 2.8), (0., 2.8)]],
        'H' => &[&[(0., 0.), (0., 6.)], &[(4., 0.), (4., 6.)], &[(0., 3.), (4., 3.)]],
        'X' => &[&[(0., 0.), (4., 6.)], &[(0., 6.), (4., 0.)]],
        '!' => &[&[(2., 2.), (2., 6.)], &[(2., 0.), (2., 0.9)]],
        _ => &[],
    }
}

/// A plane to draw on, at this x.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    /// Its x, m.
    pub(super) x: f32,
    /// Its middle in y and z, m.
    pub(super) center: Vec2,
}

impl Plane {
    /// A plane through the origin's axis at this x.
    pub(super) fn at(x: f32) -> Self {
        Self { x, center: Vec2::ZERO }
    }

    /// A point of the plane in the frame of the mesh.
    pub(super) fn point(&self, p: Vec2) -> Vec3 {
        let q = self.center + p;
        Vec3::new(self.x, q.x, q.y)
    }

    /// A convex polygon, counter-clockwise for who looks at it.
    pub(super) fn polygon(&self, mesh: &mut Mesh, material: Material, points: &[Vec2]) {
        let corners: Vec<Vec3> = points.iter().map(|p| self.point(*p)).collect();
        mesh.polygon(material, &corners);
    }

    /// An upright rectangle.
    pub(super) fn rect(&self, mesh: &mut Mesh, material: Material, low: Vec2, high: Vec2) {
        let corners = [low, Vec2::new(high.x, low.y), high, Vec2::new(low.x, high.y)];
        self.polygon(mesh, material, &corners);
    }

    /// A thick line.
    pub(super) fn line(&self, mesh: &mut Mesh, material: Material, from: Vec2, to: Vec2, width: f32) {
        let along = (to - from).normalize_or(Vec2::X) * width / 2.0;
        let (from, to, side) = (from - along, to + along, along.perp());
        self.polygon(mesh, material, &[from - side, to - side, to + side, from + side]);
    }

    /// A word, centred, of this height.
    pub(super) fn word(&self, mesh: &mut Mesh, material: Material, word: &str, height: f32) {
        let unit = height / 6.0;
        let pitch = 5.6 * unit;
        let count = word.chars().count() as f32;
        let start = -(count * pitch - 1.6 * unit) / 2.0;
        for (i, character) in word.chars().enumerate() {
            let origin = Vec2::new(start + pitch * i as f32, -height / 2.0);
            for stroke in strokes(character) {
                for pair in stroke.windows(2) {
                    let [a, b] = [pair[0], pair[1]].map(|(u, v)| origin + Vec2::new(u, v) * unit);
                    self.line(mesh, material, a, b, unit * 0.95);
                }
            }
        }
    }

    /// A person on foot, this high; `walking` strides.
    pub(super) fn person(&self, mesh: &mut Mesh, material: Material, height: f32, walking: bool) {
        let p = |u: f32, v: f32| Vec2::new(u, v - 0.5) * height;
        let head: Vec<Vec2> = (0..8)
            .map(|i| p(0.0, 0.9) + Vec2::from_angle(std::f32::consts::TAU * i as f32 / 8.0) * height * 0.095)
            .collect();
        self.polygon(mesh, material, &head);
        let (limb, stride) = (height * 0.1, if walking { 0.2 } else { 0.07 });
        self.polygon(
            mesh,
            material,
            &[p(-0.1, 0.42), p(0.1, 0.42), p(0.13, 0.76), p(-0.13, 0.76)],
        );
        self.line(mesh, material, p(-0.05, 0.42), p(-stride, 0.05), limb);
        self.line(mesh, material, p(0.05, 0.42), p(stride, 0.05), limb);
        let arm = if walking { 0.28 } else { 0.17 };
        self.line(mesh, material, p(-0.12, 0.7), p(-arm, 0.45), limb * 0.8);
        self.line(mesh, material, p(0.12, 0.7), p(arm, 0.45), limb * 0.8);
    }
}

/// The corners of a regular polygon, the first one at `start` rad from the right.
pub(super) fn regular(corners: u32, radius: f32, start: f32) -> Vec<Vec2> {
    (0..corners)
        .map(|i| Vec2::from_angle(start + std::f32::consts::TAU * i as f32 / corners as f32) * radius)
        .collect()
}
