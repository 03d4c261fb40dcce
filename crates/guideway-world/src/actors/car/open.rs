//! Cars that are open to the sky: convertibles and pickups.

use glam::Vec3;

use super::Shape;
use crate::actors::assembly::Kit;
use crate::actors::colours;
use crate::actors::shape::{bevel_box, block, both, capsule, facet, pipe};
use crate::dice::Dice;
use crate::mesh::Mesh;

/// Windscreen frame, seats and heads of a car without a roof.
pub(super) fn open_cabin(mesh: &mut Mesh, kit: Kit, shape: &Shape, dice: &mut Dice) {
    let half = shape.width / 2.0 * 0.9;
    let front = shape.x(shape.cowl_x);
    let (base, top) = (shape.cowl, shape.height);
    let up = front - shape.screen;
    let screen = [
        Vec3::new(front, -half, base),
        Vec3::new(front, half, base),
        Vec3::new(up, half * 0.82, top),
        Vec3::new(up, -half * 0.82, top),
    ];
    facet(mesh, kit.glass(), &screen);
    let frame = kit.metal([0.3; 3]);
    pipe(mesh, frame, &[screen[1], screen[2], screen[3], screen[0]], 0.022, 5);
    // The cabin is a dark tray on the deck.
    let rear = shape.x(shape.tail_x) + 0.05;
    let dark = kit.matte([0.02, 0.018, 0.016]);
    let tray = Vec3::new(front - 0.15 - rear, half * 1.72, 0.012);
    mesh.cuboid(
        dark,
        Vec3::new(f32::midpoint(front - 0.15, rear), 0.0, shape.belt + 0.035),
        tray,
    );
    let seat = kit.matte(dice.pick(&[
        [0.03, 0.03, 0.03],
        [0.25, 0.12, 0.06],
        [0.45, 0.4, 0.33],
        [0.3, 0.03, 0.03],
    ]));
    let shirt = kit.matte(colours::cloth(dice, false).1);
    let (skin, hair) = (kit.matte(colours::skin_tone(dice)), kit.matte(colours::hair(dice)));
    let passenger = dice.chance(0.4);
    both(|s| {
        let x = up - 0.42;
        let y = s * half * 0.45;
        let z = shape.belt - 0.05;
        block(
            mesh,
            seat,
            Vec3::new(x - 0.12, y - 0.22, z),
            Vec3::new(x + 0.02, y + 0.22, z + 0.36),
        );
        if s > 0.0 || passenger {
            capsule(
                mesh,
                shirt,
                Vec3::new(x + 0.13, y, z),
                Vec3::new(x + 0.1, y, z + 0.16),
                0.16,
                0.13,
                6,
            );
            mesh.ellipsoid(
                skin,
                Vec3::new(x + 0.13, y, z + 0.34),
                Vec3::new(0.09, 0.075, 0.11),
                4,
                6,
            );
            mesh.ellipsoid(
                hair,
                Vec3::new(x + 0.11, y, z + 0.37),
                Vec3::new(0.095, 0.082, 0.1),
                3,
                6,
            );
        }
    });
}

/// The cargo bed of a pickup, sometimes under a cover.
pub(super) fn bed(mesh: &mut Mesh, kit: Kit, shape: &Shape, dice: &mut Dice) {
    let (front, rear) = (shape.x(shape.tail_x), shape.x(shape.length - 0.1));
    let half = shape.width / 2.0 * 0.88;
    let covered = dice.chance(0.3);
    let floor = if covered { shape.belt * 0.97 } else { shape.belt * 0.62 };
    let color = if covered { kit.plastic() } else { kit.matte([0.06; 3]) };
    let p = |x: f32, y: f32, z: f32| Vec3::new(x, y, z);
    facet(
        mesh,
        color,
        &[
            p(front, -half, floor),
            p(front, half, floor),
            p(rear, half, floor),
            p(rear, -half, floor),
        ],
    );
    if !covered && dice.chance(0.5) {
        let load = kit.matte(dice.pick(&[[0.3, 0.2, 0.1], [0.25, 0.25, 0.27], [0.1, 0.2, 0.12], [0.4, 0.33, 0.22]]));
        let size = Vec3::new(dice.range(0.5, 1.1), dice.range(0.6, 1.3), dice.range(0.25, 0.6));
        let center = Vec3::new(
            f32::midpoint(front, rear) + dice.range(-0.1, 0.1),
            0.0,
            floor + size.z / 2.0 + 0.01,
        );
        bevel_box(mesh, load, center - size / 2.0, center + size / 2.0, 0.04);
    }
}
