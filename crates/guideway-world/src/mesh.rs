//! Triangle meshes, and the shapes that everything is put together from.
//!
//! Metres; x forward, y left, z up. Triangles are counter-clockwise seen from outside; renderers treat them as two-sided.

use std::f32::consts::{PI, TAU};

use glam::{Affine3A, Vec2, Vec3};

use crate::material::Material;

/// A mesh with a material for each triangle and a normal for each vertex.
#[derive(Debug, Clone, Default)]
pub struct Mesh {
    /// Vertices, m.
    pub positions: Vec<Vec3>,
    /// Unit normals, one for each vertex: a sharp edge has its vertices twice.
    pub normals: Vec<Vec3>,
    /// Triangles, as indices of vertices.
    pub triangles: Vec<[u32; 3]>,
    /// Index into `palette`, one for each triangle.
    pub materials: Vec<u16>,
    /// The materials.
    pub palette: Vec<Material>,
}

impl Mesh {
    /// An empty mesh.
    pub fn new() -> Self {
        Self::default()
    }

    /// Smallest and largest coordinates; `None` without vertices.
    pub fn bounds(&self) -> Option<(Vec3, Vec3)> {
        let first = *self.positions.first()?;
        Some(
            self.positions
                .iter()
                .fold((first, first), |(low, high), p| (low.min(*p), high.max(*p))),
        )
    }

    /// The palette index of a material, adding it if it is new.
    pub fn material(&mut self, material: Material) -> u16 {
        let found = self.palette.iter().position(|m| *m == material);
        found.unwrap_or_else(|| {
            self.palette.push(material);
            self.palette.len() - 1
        }) as u16
    }

    /// A flat triangle or convex polygon, counter-clockwise from outside.
    pub fn polygon(&mut self, material: Material, corners: &[Vec3]) {
        if corners.len() < 3 {
            return;
        }
        let normal = newell(corners);
        let normals = vec![normal; corners.len()];
        self.fan(material, corners, &normals);
    }

    /// A flat quadrilateral, counter-clockwise from outside.
    pub fn quad(&mut self, material: Material, a: Vec3, b: Vec3, c: Vec3, d: Vec3) {
        self.polygon(material, &[a, b, c, d]);
    }

    /// A convex polygon with a normal for each corner.
    pub fn fan(&mut self, material: Material, corners: &[Vec3], normals: &[Vec3]) {
        let material = self.material(material);
        let base = self.positions.len() as u32;
        self.positions.extend_from_slice(corners);
        self.normals.extend_from_slice(normals);
        for i in 1..corners.len().saturating_sub(1) as u32 {
            self.triangles.push([base, base + i, base + i + 1]);
            self.materials.push(material);
        }
    }

    /// A box with its faces along the axes.
    pub fn cuboid(&mut self, material: Material, center: Vec3, size: Vec3) {
        let h = size / 2.0;
        let p = |x: f32, y: f32, z: f32| center + Vec3::new(x * h.x, y * h.y, z * h.z);
        self.quad(material, p(1., -1., -1.), p(1., 1., -1.), p(1., 1., 1.), p(1., -1., 1.));
        self.quad(
            material,
            p(-1., 1., -1.),
            p(-1., -1., -1.),
            p(-1., -1., 1.),
            p(-1., 1., 1.),
        );
        self.quad(material, p(1., 1., -1.), p(-1., 1., -1.), p(-1., 1., 1.), p(1., 1., 1.));
        self.quad(
            material,
            p(-1., -1., -1.),
            p(1., -1., -1.),
            p(1., -1., 1.),
            p(-1., -1., 1.),
        );
        self.quad(material, p(-1., -1., 1.), p(1., -1., 1.), p(1., 1., 1.), p(-1., 1., 1.));
        self.quad(
            material,
            p(-1., 1., -1.),
            p(1., 1., -1.),
            p(1., -1., -1.),
            p(-1., -1., -1.),
        );
    }

    /// A cylinder or cone frustum between two points, smooth around; `caps` closes its ends.
    #[expect(clippy::too_many_arguments, reason = "two ends, two radii")]
    pub fn tube(&mut self, material: Material, from: Vec3, to: Vec3, r0: f32, r1: f32, sides: u32, caps: bool) {
        let axis = (to - from).normalize_or(Vec3::Z);
        let (u, v) = axis.any_orthonormal_pair();
        let dir = |i: u32| {
            let a = TAU * i as f32 / sides as f32;
            u * a.cos() + v * a.sin()
        };
        for i in 0..sides {
            let (a, b) = (dir(i), dir(i + 1));
            self.fan(
                material,
                &[from + a * r0, from + b * r0, to + b * r1, to + a * r1],
                &[a, b, b, a],
            );
        }
        if caps {
            let ring = |center: Vec3, r: f32| (0..sides).map(|i| center + dir(i) * r).collect::<Vec<_>>();
            if r1 > 0.0 {
                self.polygon(material, &ring(to, r1));
            }
            if r0 > 0.0 {
                let mut low = ring(from, r0);
                low.reverse();
                self.polygon(material, &low);
            }
        }
    }

    /// An ellipsoid of `rings` × `sides` faces.
    pub fn ellipsoid(&mut self, material: Material, center: Vec3, radii: Vec3, rings: u32, sides: u32) {
        let at = |i: u32, j: u32| {
            let (theta, phi) = (PI * i as f32 / rings as f32, TAU * j as f32 / sides as f32);
            Vec3::new(theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos())
        };
        let normal = |d: Vec3| (d / radii.max(Vec3::splat(1e-6))).normalize_or(Vec3::Z);
        for i in 0..rings {
            for j in 0..sides {
                let dirs = [at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)];
                let used: &[usize] = if i == 0 {
                    &[0, 1, 2]
                } else if i + 1 == rings {
                    &[0, 1, 3]
                } else {
                    &[0, 1, 2, 3]
                };
                let corners: Vec<Vec3> = used.iter().map(|k| center + dirs[*k] * radii).collect();
                let normals: Vec<Vec3> = used.iter().map(|k| normal(dirs[*k])).collect();
                self.fan(material, &corners, &normals);
            }
        }
    }

    /// A convex outline in x and z (counter-clockwise seen from −y, so x to the right, z up), extruded from `y0` to `y1` (`y0 < y1`).
    pub fn extrude_xz(&mut self, material: Material, outline: &[Vec2], y0: f32, y1: f32) {
        let right: Vec<Vec3> = outline.iter().map(|p| Vec3::new(p.x, y0, p.y)).collect();
        let mut left: Vec<Vec3> = outline.iter().map(|p| Vec3::new(p.x, y1, p.y)).collect();
        for i in 0..outline.len() {
            let j = (i + 1) % outline.len();
            self.quad(material, right[i], left[i], left[j], right[j]);
        }
        self.polygon(material, &right);
        left.reverse();
        self.polygon(material, &left);
    }

    /// A surface through sections of equally many points, smooth across; `closed` joins each section's ends.
    pub fn loft(&mut self, material: Material, sections: &[Vec<Vec3>], closed: bool) {
        let Some(width) = sections.first().map(Vec::len) else {
            return;
        };
        if width < 2 || sections.iter().any(|s| s.len() != width) {
            return;
        }
        let columns = if closed { width } else { width - 1 };
        let mut normals = vec![vec![Vec3::ZERO; width]; sections.len()];
        for i in 0..sections.len() - 1 {
            for j in 0..columns {
                let k = (j + 1) % width;
                let n = newell(&[sections[i][j], sections[i][k], sections[i + 1][k], sections[i + 1][j]]);
                for (a, b) in [(i, j), (i, k), (i + 1, k), (i + 1, j)] {
                    normals[a][b] += n;
                }
            }
        }
        for i in 0..sections.len() - 1 {
            for j in 0..columns {
                let k = (j + 1) % width;
                let corners = [sections[i][j], sections[i][k], sections[i + 1][k], sections[i + 1][j]];
                let smooth = [normals[i][j], normals[i][k], normals[i + 1][k], normals[i + 1][j]];
                self.fan(material, &corners, &smooth.map(|n| n.normalize_or(Vec3::Z)));
            }
        }
    }

    /// Adds another mesh, moved by `frame_from_mesh`.
    pub fn append(&mut self, other: &Self, frame_from_mesh: Affine3A) {
        let base = self.positions.len() as u32;
        let normal_matrix = frame_from_mesh.matrix3.inverse().transpose();
        self.positions
            .extend(other.positions.iter().map(|p| frame_from_mesh.transform_point3(*p)));
        self.normals
            .extend(other.normals.iter().map(|n| (normal_matrix * *n).normalize_or(Vec3::Z)));
        self.triangles
            .extend(other.triangles.iter().map(|t| t.map(|i| i + base)));
        let map: Vec<u16> = other.palette.iter().map(|m| self.material(*m)).collect();
        self.materials
            .extend(other.materials.iter().map(|m| map[usize::from(*m)]));
    }
}

/// The unit normal of a polygon.
fn newell(corners: &[Vec3]) -> Vec3 {
    let mut n = Vec3::ZERO;
    for (i, a) in corners.iter().enumerate() {
        let b = corners[(i + 1) % corners.len()];
        n += Vec3::new(
            (a.y - b.y) * (a.z + b.z),
            (a.z - b.z) * (a.x + b.x),
            (a.x - b.x) * (a.y + b.y),
        );
    }
    n.normalize_or(Vec3::Z)
}
