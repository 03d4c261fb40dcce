//! Shapes that road users are put together from, beyond the primitives of [`Mesh`].

use glam::{Affine3A, Vec2, Vec3};

use crate::material::Material;
use crate::mesh::Mesh;

/// A surface through cross-sections that follow each other along x from front to rear. A section runs from the right side's
/// lower edge over the top to the left side's lower edge.
pub(super) struct Skin {
    pub(super) sections: Vec<Vec<Vec3>>,
}

impl Skin {
    /// A skin that is the same on both sides: each section is `x`, the left half's `(y, z)` from its lower edge up, and the
    /// height on the plane of symmetry.
    pub(super) fn symmetric(sections: &[(f32, Vec<Vec2>, f32)]) -> Self {
        let ring = |(x, half, top): &(f32, Vec<Vec2>, f32)| {
            let right = half.iter().map(|p| Vec3::new(*x, -p.x, p.y));
            let left = half.iter().rev().map(|p| Vec3::new(*x, p.x, p.y));
            right.chain([Vec3::new(*x, 0.0, *top)]).chain(left).collect()
        };
        Self {
            sections: sections.iter().map(ring).collect(),
        }
    }

    /// Columns of faces between two sections.
    pub(super) fn columns(&self) -> usize {
        self.sections.first().map_or(0, |s| s.len().saturating_sub(1))
    }

    /// The mirror image of a column.
    pub(super) fn mirrored(&self, column: usize) -> usize {
        self.columns() - 1 - column
    }

    fn face(&self, row: usize, column: usize) -> [Vec3; 4] {
        let (a, b) = (&self.sections[row], &self.sections[row + 1]);
        [a[column], a[column + 1], b[column + 1], b[column]]
    }

    /// Draws the faces that `material(row, column)` gives a material for.
    pub(super) fn draw(&self, mesh: &mut Mesh, material: impl Fn(usize, usize) -> Option<Material>) {
        for row in 0..self.sections.len().saturating_sub(1) {
            for column in 0..self.columns() {
                if let Some(material) = material(row, column) {
                    facet(mesh, material, &self.face(row, column));
                }
            }
        }
    }

    /// Closes the front and the rear, as far as these sections are convex.
    pub(super) fn caps(&self, mesh: &mut Mesh, front: Option<Material>, rear: Option<Material>) {
        if let (Some(section), Some(material)) = (self.sections.first(), front) {
            let mut section = section.clone();
            section.reverse();
            facet(mesh, material, &section);
        }
        if let (Some(section), Some(material)) = (self.sections.last(), rear) {
            facet(mesh, material, section);
        }
    }

    /// A patch of a face, lifted by `lift` metres: `u` runs from front to rear, `v` along the section; both within 0 and 1.
    pub(super) fn patch(&self, mesh: &mut Mesh, material: Material, at: (usize, usize), u: Vec2, v: Vec2, lift: f32) {
        let [a, b, c, d] = self.face(at.0, at.1);
        let point = |u: f32, v: f32| a.lerp(b, v).lerp(d.lerp(c, v), u);
        let corners = [point(u.x, v.x), point(u.x, v.y), point(u.y, v.y), point(u.y, v.x)];
        let up = normal(&corners) * lift;
        facet(mesh, material, &corners.map(|p| p + up));
    }
}

/// The normal of a polygon (Newell's method), zero for one without area.
pub(super) fn normal(corners: &[Vec3]) -> Vec3 {
    let mut n = Vec3::ZERO;
    for (i, a) in corners.iter().enumerate() {
        n += a.cross(corners[(i + 1) % corners.len()]);
    }
    n.normalize_or_zero()
}

/// A flat polygon without its repeated corners; nothing if fewer than three are left.
pub(super) fn facet(mesh: &mut Mesh, material: Material, corners: &[Vec3]) {
    let mut kept: Vec<Vec3> = Vec::with_capacity(corners.len());
    for corner in corners {
        if kept.iter().all(|k| k.distance_squared(*corner) > 1e-8) {
            kept.push(*corner);
        }
    }
    if kept.len() >= 3 && normal(&kept) != Vec3::ZERO {
        mesh.polygon(material, &kept);
    }
}

/// Makes the shading smooth across edges whose faces differ by less than `degrees`.
pub(super) fn smooth(mesh: &mut Mesh, degrees: f32) {
    let limit = degrees.to_radians().cos();
    let key = |p: Vec3| (p * 5000.0).round().as_ivec3().to_array();
    let mut order: Vec<usize> = (0..mesh.positions.len()).collect();
    order.sort_by_key(|i| (key(mesh.positions[*i]), *i));
    let flat = mesh.normals.clone();
    for group in order.chunk_by(|a, b| key(mesh.positions[*a]) == key(mesh.positions[*b])) {
        for i in group {
            let near = group.iter().map(|j| flat[*j]).filter(|n| n.dot(flat[*i]) >= limit);
            mesh.normals[*i] = near.sum::<Vec3>().normalize_or(flat[*i]);
        }
    }
}

/// A plain box between two corners.
pub(super) fn block(mesh: &mut Mesh, material: Material, low: Vec3, high: Vec3) {
    mesh.cuboid(material, (low + high) / 2.0, high - low);
}

/// A box with its twelve edges cut off by `bevel` metres.
pub(super) fn bevel_box(mesh: &mut Mesh, material: Material, low: Vec3, high: Vec3, bevel: f32) {
    let half = (high - low) / 2.0;
    let center = low + half;
    let b = bevel.min(half.min_element() * 0.9).max(1e-3);
    let ring = |x: f32, inset: f32| {
        let (y, z) = (half.y - inset, half.z - inset);
        let corners = [
            (-y, b - z),
            (-y, z - b),
            (b - y, z),
            (y - b, z),
            (y, z - b),
            (y, b - z),
            (y - b, -z),
            (b - y, -z),
            (-y, b - z),
        ];
        corners.map(|(y, z)| center + Vec3::new(x, y, z)).to_vec()
    };
    let skin = Skin {
        sections: vec![
            ring(half.x, b * 0.7),
            ring(half.x - b, 0.0),
            ring(b - half.x, 0.0),
            ring(-half.x, b * 0.7),
        ],
    };
    skin.draw(mesh, |_, _| Some(material));
    skin.caps(mesh, Some(material), Some(material));
}

/// A rounded limb between two points: a tapered tube with tips.
pub(super) fn capsule(mesh: &mut Mesh, material: Material, from: Vec3, to: Vec3, r0: f32, r1: f32, sides: u32) {
    let axis = (to - from).normalize_or(Vec3::Z);
    let (u, v) = axis.any_orthonormal_pair();
    let ring = |center: Vec3, r: f32| -> Vec<Vec3> {
        (0..sides)
            .map(|i| {
                let a = std::f32::consts::TAU * i as f32 / sides as f32;
                center + (u * a.cos() + v * a.sin()) * r
            })
            .collect()
    };
    let sections = [
        ring(from - axis * (r0 * 0.75), r0 * 0.45),
        ring(from, r0),
        ring(to, r1),
        ring(to + axis * (r1 * 0.75), r1 * 0.45),
    ];
    tunnel(mesh, material, &sections);
}

/// A closed surface through rings of equally many points, each counter-clockwise seen from where the rings go to.
pub(super) fn tunnel(mesh: &mut Mesh, material: Material, sections: &[Vec<Vec3>]) {
    for pair in sections.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        for i in 0..a.len().min(b.len()) {
            let j = (i + 1) % a.len();
            facet(mesh, material, &[a[i], a[j], b[j], b[i]]);
        }
    }
    if let (Some(first), Some(last)) = (sections.first(), sections.last()) {
        let mut first = first.clone();
        first.reverse();
        facet(mesh, material, &first);
        facet(mesh, material, last);
    }
}

/// A body through elliptic rings: centre, half width in y and half height across, for each ring. Rings lie across the path.
pub(super) fn blob(mesh: &mut Mesh, material: Material, rings: &[(Vec3, f32, f32)], sides: u32) {
    let mut sections = Vec::with_capacity(rings.len());
    for (i, (center, half_y, half_up)) in rings.iter().enumerate() {
        let before = rings[i.saturating_sub(1)].0;
        let after = rings[(i + 1).min(rings.len() - 1)].0;
        let along = (after - before).normalize_or(Vec3::Z);
        // The path lies in the plane of symmetry: y is across, and the third direction follows.
        let across = Vec3::Y;
        let up = along.cross(across).normalize_or(Vec3::Z);
        let ring: Vec<Vec3> = (0..sides)
            .map(|k| {
                let a = std::f32::consts::TAU * (k as f32 + 0.5) / sides as f32;
                *center + across * (a.cos() * half_y) + up * (a.sin() * half_up)
            })
            .collect();
        sections.push(ring);
    }
    tunnel(mesh, material, &sections);
}

/// A chain of thin tubes through points.
pub(super) fn pipe(mesh: &mut Mesh, material: Material, points: &[Vec3], radius: f32, sides: u32) {
    for pair in points.windows(2) {
        mesh.tube(material, pair[0], pair[1], radius, radius, sides, false);
    }
}

/// An upright rectangle that looks along ±x (`facing` 1 or −1), around `center`.
pub(super) fn plate_x(mesh: &mut Mesh, material: Material, center: Vec3, width: f32, height: f32, facing: f32) {
    let y = Vec3::Y * (width / 2.0 * facing);
    let z = Vec3::Z * (height / 2.0);
    facet(
        mesh,
        material,
        &[center - y - z, center + y - z, center + y + z, center - y + z],
    );
}

/// An upright rectangle that looks along ±y (`facing` 1 or −1), around `center`.
pub(super) fn plate_y(mesh: &mut Mesh, material: Material, center: Vec3, length: f32, height: f32, facing: f32) {
    let x = Vec3::X * (length / 2.0 * facing);
    let z = Vec3::Z * (height / 2.0);
    facet(
        mesh,
        material,
        &[center + x - z, center - x - z, center - x + z, center + x + z],
    );
}

/// A disc that looks along ±y, as a polygon of `sides` corners.
pub(super) fn disc_y(mesh: &mut Mesh, material: Material, center: Vec3, radius: f32, sides: u32, facing: f32) {
    let corners: Vec<Vec3> = (0..sides)
        .map(|i| {
            let a = std::f32::consts::TAU * i as f32 / sides as f32;
            center + Vec3::new(-facing * a.cos(), 0.0, a.sin()) * radius
        })
        .collect();
    facet(mesh, material, &corners);
}

/// The two halves of something symmetric: calls `draw` with −1 (right) and 1 (left).
pub(super) fn both(mut draw: impl FnMut(f32)) {
    draw(-1.0);
    draw(1.0);
}

/// A mesh moved by `frame_from_mesh`.
pub(super) fn moved(mesh: &Mesh, frame_from_mesh: Affine3A) -> Mesh {
    let mut out = Mesh::new();
    out.append(mesh, frame_from_mesh);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::Semantic;

    fn volume(mesh: &Mesh) -> f32 {
        let p = |i: u32| mesh.positions[i as usize];
        let parts = mesh.triangles.iter().map(|t| p(t[0]).dot(p(t[1]).cross(p(t[2]))) / 6.0);
        parts.sum()
    }

    #[test]
    fn solids_face_outwards_and_have_their_volume() {
        let material = Material::matte(Semantic::Car, [0.5; 3]);
        let mut mesh = Mesh::new();
        bevel_box(&mut mesh, material, Vec3::new(1., 2., 3.), Vec3::new(3., 3., 4.), 0.05);
        let v = volume(&mesh);
        assert!(v < 2.0 && v > 1.95, "{v}");

        let mut mesh = Mesh::new();
        capsule(&mut mesh, material, Vec3::ZERO, Vec3::new(0.3, 0.1, 1.0), 0.1, 0.1, 24);
        let v = volume(&mesh);
        assert!(v > 0.033 && v < 0.038, "{v}");

        let mut mesh = Mesh::new();
        let rings = [0.0, 0.5, 1.0].map(|x| (Vec3::new(x, 0.0, 1.0), 0.2, 0.4));
        blob(&mut mesh, material, &rings, 32);
        let v = volume(&mesh);
        assert!((v - std::f32::consts::PI * 0.08).abs() < 0.004, "{v}");
    }

    #[test]
    fn smoothing_keeps_sharp_edges() {
        let material = Material::matte(Semantic::Car, [0.5; 3]);
        let mut mesh = Mesh::new();
        mesh.cuboid(material, Vec3::ZERO, Vec3::ONE);
        let flat = mesh.normals.clone();
        smooth(&mut mesh, 60.0);
        assert_eq!(mesh.normals, flat);
        smooth(&mut mesh, 100.0);
        assert!(
            mesh.normals
                .iter()
                .all(|n| (n.abs().max_element() - 1.0 / 3f32.sqrt()).abs() < 1e-5)
        );
    }
}
