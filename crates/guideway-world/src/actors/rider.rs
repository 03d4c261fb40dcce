//! People on two wheels, bent to where their hands and feet have to be.

use glam::Vec3;

use super::assembly::Kit;
use super::person::{Build, Headgear, Look, head, torso};
use super::shape::{facet, smooth, tunnel};
use crate::material::Material;
use crate::mesh::Mesh;

/// A limb from joint to joint: radii at its start, which is rounded, and at its end.
pub(super) fn bone(mesh: &mut Mesh, material: Material, from: Vec3, to: Vec3, radii: [f32; 2], sides: u32) {
    let axis = (to - from).normalize_or(Vec3::Z);
    let (u, v) = axis.any_orthonormal_pair();
    let ring = |t: f32, r: f32| -> Vec<Vec3> {
        let center = from.lerp(to, t);
        (0..sides)
            .map(|i| {
                let a = std::f32::consts::TAU * i as f32 / sides as f32;
                center + (u * a.cos() + v * a.sin()) * r
            })
            .collect()
    };
    let tip = -0.7 * radii[0] / from.distance(to).max(1e-3);
    let rings = [ring(tip, radii[0] * 0.6), ring(0.06, radii[0]), ring(1.0, radii[1])];
    tunnel(mesh, material, &rings);
}

/// The middle joint of a limb of two bones from `from` to `to`, bent towards `hint`.
pub(super) fn joint(from: Vec3, to: Vec3, first: f32, second: f32, hint: Vec3) -> Vec3 {
    let line = to - from;
    let distance = line
        .length()
        .clamp((first - second).abs() + 1e-3, (first + second) * 0.9995);
    let along = line.normalize_or(Vec3::X);
    let side = (hint - along * hint.dot(along)).normalize_or(along.any_orthonormal_vector());
    let a = (first * first - second * second + distance * distance) / (2.0 * distance);
    let out = (first * first - a * a).max(0.0).sqrt();
    from + along * a + side * out
}

/// A rider's place: where hips and hands are, how far the trunk leans forward (rad).
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat {
    /// Middle of the hips, m.
    pub(super) hip: Vec3,
    /// The left hand, m; the right one is its mirror image.
    pub(super) hand: Vec3,
    /// Lean of the trunk, rad.
    pub(super) lean: f32,
}

/// Draws trunk, head and arms.
pub(super) fn upper_body(
    mesh: &mut Mesh,
    kit: Kit,
    build: &Build,
    look: &Look,
    seat: Seat,
    gear: Headgear,
    top: Material,
) {
    let along = Vec3::new(seat.lean.sin(), 0.0, seat.lean.cos());
    let trunk = build.trunk();
    let neck = seat.hip + along * trunk;
    torso(mesh, build, seat.hip, neck, top, kit.matte(look.bottom.1));
    head(mesh, kit, look, neck + along * 0.01, build.head, gear, look.top.1);
    let (upper, lower) = build.arm();
    let r = build.height;
    let skin = kit.matte(look.skin);
    for side in [1.0, -1.0] {
        let mirror = Vec3::new(1.0, side, 1.0);
        let shoulder = seat.hip + along * (trunk * 0.84) + Vec3::Y * (side * build.shoulder_half());
        let mut hand = seat.hand * mirror;
        // Arms that are too short for the bar end on the way to it.
        let reach = (upper + lower) * 0.995;
        if hand.distance(shoulder) > reach {
            hand = shoulder + (hand - shoulder).normalize_or(Vec3::X) * reach;
        }
        let elbow = joint(shoulder, hand, upper, lower, Vec3::new(-0.4, side * 0.7, -0.7));
        bone(mesh, top, shoulder, elbow, [r * 0.034, r * 0.025], 5);
        let sleeve = if look.sleeves { top } else { skin };
        bone(mesh, sleeve, elbow, hand, [r * 0.026, r * 0.017], 5);
        mesh.ellipsoid(skin, hand, Vec3::splat(r * 0.024), 3, 4);
    }
    smooth(mesh, 60.0);
}

/// Draws a leg that does not move, from the hip joint to the sole at `foot`.
pub(super) fn still_leg(mesh: &mut Mesh, kit: Kit, build: &Build, look: &Look, hip: Vec3, foot: Vec3) {
    let (thigh, shin) = build.leg();
    let r = build.height;
    let ankle = foot + Vec3::Z * (r * 0.04);
    let knee = joint(hip, ankle, thigh, shin - r * 0.04, Vec3::new(1.0, 0.0, 0.35));
    let cloth = kit.matte(look.bottom.1);
    bone(mesh, cloth, hip, knee, [r * 0.054, r * 0.038], 5);
    bone(mesh, cloth, knee, ankle, [r * 0.038, r * 0.024], 5);
    shoe(mesh, kit.matte(look.shoes), foot, r);
}

/// A shoe with its sole's middle at `foot`, for someone `height` metres tall.
pub(super) fn shoe(mesh: &mut Mesh, material: Material, foot: Vec3, height: f32) {
    let p = |x: f32, y: f32, z: f32| foot + Vec3::new(x, y, z) * height;
    for side in [1.0, -1.0] {
        let y = 0.025 * side;
        let mut wall = [
            p(-0.05, y, 0.0),
            p(0.1, y, 0.0),
            p(0.1, y, 0.02),
            p(0.02, y, 0.05),
            p(-0.05, y, 0.05),
        ];
        if side > 0.0 {
            wall.reverse();
        }
        facet(mesh, material, &wall);
    }
    let across = [(-0.05, 0.0), (0.1, 0.0), (0.1, 0.02), (0.02, 0.05), (-0.05, 0.05)];
    for i in 0..across.len() {
        let (a, b) = (across[i], across[(i + 1) % across.len()]);
        let corners = [
            p(a.0, -0.025, a.1),
            p(a.0, 0.025, a.1),
            p(b.0, 0.025, b.1),
            p(b.0, -0.025, b.1),
        ];
        facet(mesh, material, &corners);
    }
}
