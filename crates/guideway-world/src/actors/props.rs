//! Loads, crates and bags: what people and vehicles carry.

use glam::Vec3;

use super::assembly::Kit;
use super::colours;
use super::shape::{bevel_box, block, capsule};
use crate::dice::Dice;
use crate::material::Pattern;
use crate::mesh::Mesh;

/// Cargo on a flat bed from `span.0` to `span.1` in x, within ±`half` in y, on top of `floor`, up to `height` high.
pub(super) fn load(mesh: &mut Mesh, kit: Kit, span: (f32, f32), half: f32, floor: f32, height: f32, dice: &mut Dice) {
    let length = span.1 - span.0;
    if length < 0.3 || half < 0.2 {
        return;
    }
    match dice.count(0, 4) {
        // Planks or girders.
        0 => {
            let color = dice.pick(&[[0.42, 0.27, 0.13], [0.2, 0.07, 0.04], [0.3, 0.3, 0.32]]);
            let rows = dice.count(2, 4);
            for i in 0..rows {
                let z = floor + height * 0.16 * (i as f32 + 0.5);
                let inset = dice.range(0.0, 0.1) * length;
                let center = Vec3::new(f32::midpoint(span.0, span.1), 0.0, z);
                let size = Vec3::new(length - inset, half * 2.0 * dice.range(0.7, 1.0), height * 0.15);
                mesh.cuboid(kit.matte(dice.near(color, 0.2)), center, size);
            }
        }
        // Crates and pallets.
        1 | 2 => {
            let count = (length / 1.3).ceil().max(1.0) as u32;
            for i in 0..count {
                let x = span.0 + length * (i as f32 + 0.5) / count as f32;
                let color = dice.pick(&[
                    [0.38, 0.26, 0.14],
                    [0.5, 0.48, 0.44],
                    [0.1, 0.2, 0.36],
                    [0.08, 0.2, 0.1],
                    [0.45, 0.3, 0.08],
                ]);
                let size = Vec3::new(
                    length / count as f32 * dice.range(0.6, 0.92),
                    half * 2.0 * dice.range(0.5, 0.95),
                    height * dice.range(0.3, 1.0),
                );
                let low = Vec3::new(x - size.x / 2.0, -size.y / 2.0, floor);
                block(mesh, kit.matte(dice.near(color, 0.2)), low, low + size);
            }
        }
        // Pipes or trunks.
        3 => {
            let r = (half * 0.24).min(height * 0.25);
            let wood = dice.chance(0.5);
            let color = if wood { [0.24, 0.15, 0.08] } else { [0.4, 0.4, 0.42] };
            for (y, z) in [
                (-3.0, 1.0),
                (-1.0, 1.0),
                (1.0, 1.0),
                (3.0, 1.0),
                (-2.0, 2.72),
                (0.0, 2.72),
                (2.0, 2.72),
            ] {
                let a = Vec3::new(span.0 + dice.range(0.0, 0.1), y * r, floor + z * r);
                let b = Vec3::new(span.1 - dice.range(0.0, 0.1), y * r, floor + z * r);
                mesh.tube(kit.matte(dice.near(color, 0.2)), a, b, r * 0.97, r * 0.97, 8, true);
            }
        }
        // A tarpaulin over something.
        _ => {
            let color = dice.pick(&[
                [0.04, 0.09, 0.2],
                [0.05, 0.13, 0.06],
                [0.24, 0.24, 0.24],
                [0.3, 0.06, 0.04],
            ]);
            let material = kit.matte(color).pattern(Pattern::Noise {
                scale: 0.5,
                amount: 0.3,
            });
            let size = Vec3::new(length * 0.95, half * 1.9, height * dice.range(0.5, 1.0));
            let low = Vec3::new(f32::midpoint(span.0, span.1) - size.x / 2.0, -size.y / 2.0, floor);
            bevel_box(mesh, material, low, low + size, 0.16);
        }
    }
}

/// A backpack on a back at `x` (its front side), between the heights `low` and `high`.
pub(super) fn backpack(mesh: &mut Mesh, kit: Kit, x: f32, low: f32, high: f32, width: f32, dice: &mut Dice) {
    let material = kit.matte(colours::cloth(dice, false).1);
    let depth = width * dice.range(0.4, 0.62);
    let (a, b) = (
        Vec3::new(x - depth, -width / 2.0, low),
        Vec3::new(x + 0.02, width / 2.0, high),
    );
    bevel_box(mesh, material, a, b, depth * 0.32);
}

/// A bag that hangs from a hand at the origin.
pub(super) fn handbag(mesh: &mut Mesh, kit: Kit, size: f32, dice: &mut Dice) {
    let material = kit.matte(colours::cloth(dice, false).1);
    let paper = dice.chance(0.4);
    let (w, h, d) = if paper { (0.8, 1.0, 0.35) } else { (1.0, 0.7, 0.35) };
    let half = Vec3::new(w, d, h) * size / 2.0;
    let center = Vec3::new(0.0, 0.0, -half.z - size * 0.3);
    bevel_box(mesh, material, center - half, center + half, size * 0.08);
    let strap = kit.matte([0.03; 3]);
    for x in [-0.6, 0.6] {
        mesh.tube(
            strap,
            center + Vec3::new(half.x * x, 0.0, half.z),
            Vec3::ZERO,
            0.008,
            0.008,
            3,
            false,
        );
    }
}

/// An umbrella whose handle is held at `hand`; its canopy is `height` above.
pub(super) fn umbrella(mesh: &mut Mesh, kit: Kit, hand: Vec3, height: f32, dice: &mut Dice) {
    let material = kit.matte(colours::cloth(dice, true).1);
    let top = hand + Vec3::Z * height;
    mesh.tube(kit.matte([0.05; 3]), hand - Vec3::Z * 0.08, top, 0.012, 0.01, 4, false);
    let radius = dice.range(0.42, 0.56);
    let rim = |i: u32, r: f32, z: f32| {
        let a = std::f32::consts::TAU * i as f32 / 10.0;
        top + Vec3::new(a.cos() * r, a.sin() * r, z)
    };
    for i in 0..10 {
        let (a, b) = (i, i + 1);
        super::shape::facet(
            mesh,
            material,
            &[top, rim(a, radius * 0.6, -0.07), rim(b, radius * 0.6, -0.07)],
        );
        super::shape::facet(
            mesh,
            material,
            &[
                rim(a, radius * 0.6, -0.07),
                rim(a, radius, -0.2),
                rim(b, radius, -0.2),
                rim(b, radius * 0.6, -0.07),
            ],
        );
    }
}

/// A pram pushed by someone whose body is at x = 0, handle at `handle` metres above the ground; on the ground at z = 0.
pub(super) fn pram(mesh: &mut Mesh, kit: Kit, reach: f32, handle: f32, dice: &mut Dice) {
    let cloth = kit.matte(colours::cloth(dice, true).1);
    let frame = kit.metal([0.3; 3]);
    let x = reach + 0.42;
    let grip = Vec3::new(reach, 0.0, handle);
    for y in [-0.22, 0.22] {
        let side = Vec3::Y * y;
        mesh.tube(frame, grip + side, Vec3::new(x + 0.36, y, 0.14), 0.014, 0.014, 4, false);
        mesh.tube(
            frame,
            Vec3::new(x + 0.16, y, 0.55),
            Vec3::new(x - 0.3, y, 0.14),
            0.014,
            0.014,
            4,
            false,
        );
        for dx in [-0.32, 0.36] {
            let hub = Vec3::new(x + dx, y, 0.13);
            mesh.tube(
                kit.rubber(),
                hub - Vec3::Y * 0.02,
                hub + Vec3::Y * 0.02,
                0.13,
                0.13,
                8,
                true,
            );
        }
    }
    mesh.tube(
        kit.rubber(),
        grip - Vec3::Y * 0.22,
        grip + Vec3::Y * 0.22,
        0.018,
        0.018,
        5,
        false,
    );
    // The carrycot with its hood.
    bevel_box(
        mesh,
        cloth,
        Vec3::new(x - 0.38, -0.2, 0.5),
        Vec3::new(x + 0.4, 0.2, 0.74),
        0.08,
    );
    capsule(
        mesh,
        cloth,
        Vec3::new(x + 0.2, -0.12, 0.76),
        Vec3::new(x + 0.2, 0.12, 0.76),
        0.22,
        0.22,
        8,
    );
}
