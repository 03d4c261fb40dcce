//! Trucks: cab families, bodies of all trades, semi-trailers.

mod cab;

use std::f32::consts::FRAC_PI_2;

use glam::{Affine3A, Vec2, Vec3};

use self::cab::Cab;
use super::assembly::{Assembly, Kit};
use super::colours;
use super::props;
use super::shape::{bevel_box, both, facet, plate_x, plate_y};
use super::wheel::Wheel;
use super::{Hitch, Joint, Kinematics, Model, SWING_MAX, Variant, asked_kind};
use crate::Seed;
use crate::dice::Dice;
use crate::material::srgb;
use crate::mesh::Mesh;
use crate::object::ObjectClass;
use crate::state::Articulation;

/// Kinds of trucks.
pub(super) const KINDS: &[&str] = &[
    "box_truck",
    "flatbed",
    "tanker",
    "tipper",
    "refuse_truck",
    "mixer",
    "fire_engine",
    "semi_trailer",
    "semi_tanker",
    "semi_flatbed",
];

const HALF: f32 = 1.24;

/// The lamps, plate and underrun bar at a rear end at `x`.
fn rear_lamps(mesh: &mut Mesh, kit: Kit, x: f32, half: f32) {
    mesh.cuboid(
        kit.metal([0.3; 3]),
        Vec3::new(x + 0.06, 0.0, 0.6),
        Vec3::new(0.1, half * 1.9, 0.14),
    );
    both(|s| {
        let mut y = half - 0.1;
        for (lamp, width) in [
            (kit.indicator(s), 0.12),
            (kit.tail_lamp(), 0.15),
            (kit.brake_lamp(), 0.15),
            (kit.reversing_lamp(), 0.1),
        ] {
            plate_x(mesh, lamp, Vec3::new(x, s * (y - width / 2.0), 0.78), width, 0.13, -1.0);
            y -= width;
        }
        let reflector = kit.paint([0.6, 0.04, 0.03]).retro(0.8);
        plate_x(
            mesh,
            reflector,
            Vec3::new(x - 0.004, s * half * 0.55, 0.6),
            0.5,
            0.12,
            -1.0,
        );
    });
    plate_x(
        mesh,
        kit.number_plate(false),
        Vec3::new(x - 0.006, 0.0, 0.76),
        0.52,
        0.115,
        -1.0,
    );
}

/// A frame from `x0` to `x1`, with mudguards over the axles and a guard along the side.
fn chassis(mesh: &mut Mesh, kit: Kit, x0: f32, x1: f32, axles: &[f32], wheel: f32, floor: f32) {
    let frame = kit.matte([0.03, 0.03, 0.034]);
    let z = f32::midpoint(wheel * 1.3, floor);
    mesh.cuboid(
        frame,
        Vec3::new(f32::midpoint(x0, x1), 0.0, z),
        Vec3::new(x1 - x0, 0.9, (floor - wheel * 1.3).max(0.1)),
    );
    both(|s| {
        for x in axles {
            let at = Vec3::new(*x, s * (HALF - 0.3), wheel * 2.0 + 0.05);
            mesh.cuboid(frame, at, Vec3::new(wheel * 2.1, 0.56, 0.03));
        }
    });
}

/// Makes a truck.
pub(super) fn generate(variant: Variant, seed: Seed) -> Model {
    let kind = asked_kind(variant, KINDS).unwrap_or_else(|| {
        Dice::new(seed.child("kind")).weighted(&[
            (22.0, "box_truck"),
            (8.0, "flatbed"),
            (4.0, "tanker"),
            (9.0, "tipper"),
            (7.0, "refuse_truck"),
            (4.0, "mixer"),
            (2.0, "fire_engine"),
            (26.0, "semi_trailer"),
            (6.0, "semi_tanker"),
            (7.0, "semi_flatbed"),
        ])
    });
    let assembly = assemble(kind, seed);
    if variant == Variant::Overturned {
        let side = Dice::new(seed.child("side")).pick(&[-1.0, 1.0]);
        return assembly.frozen(&Articulation::default(), Affine3A::from_rotation_x(side * FRAC_PI_2));
    }
    assembly.finish()
}

fn assemble(kind: &'static str, seed: Seed) -> Assembly {
    let kit = Kit::new(ObjectClass::Truck);
    let mut dice = Dice::new(seed.child("shape"));
    let semi = kind.starts_with("semi");
    let (name, color) = match kind {
        "fire_engine" => ("red", srgb(190, 22, 20)),
        "refuse_truck" => Dice::new(seed.child("paint")).weighted(&[
            (3.0, ("orange", srgb(232, 112, 24))),
            (2.0, ("white", srgb(232, 232, 228))),
            (2.0, ("green", srgb(46, 120, 60))),
        ]),
        _ => colours::livery(&mut Dice::new(seed.child("paint"))),
    };
    let cab = Cab::draw(&mut dice, semi);
    let wheel = Wheel::truck(&mut Dice::new(seed.child("wheel")), cab.wheel);
    let mut detail = Dice::new(seed.child("detail"));
    let mut mesh = cab.mesh(kit, color, 0.0, &mut detail);
    let mut assembly = Assembly::new(ObjectClass::Truck, kind);
    assembly.attribute("colour", name);
    let track = wheel.track(HALF, HALF + 0.2);
    wheel.steered(&mut assembly, kit, -cab.axle, track);
    assembly.headlights(-0.02, HALF * 0.66, 0.68, 1.1);
    let start = -cab.length - 0.1;
    if semi {
        // Frame x: 0 at the cab's front.
        let rear_axle = -cab.axle - dice.range(3.4, 3.9);
        let end = rear_axle - 0.75;
        chassis(&mut mesh, kit, end, start + 0.3, &[rear_axle], cab.wheel, 1.05);
        both(|s| {
            let tank = kit.metal([0.45; 3]);
            let y = s * (HALF - 0.34);
            let (a, b) = (start - 0.15, (start - 1.2).max(rear_axle + 0.7));
            mesh.tube(tank, Vec3::new(b, y, 0.68), Vec3::new(a, y, 0.68), 0.3, 0.3, 8, true);
        });
        rear_lamps(&mut mesh, kit, end, HALF * 0.9);
        wheel.straight(&mut assembly, kit, rear_axle, track);
        assembly.axles(-cab.axle - rear_axle, cab.wheel);
        let trailer = trailer(kind, kit, start, rear_axle, color, &mut detail);
        let pivot = Vec3::new(rear_axle + 0.3, 0.0, 1.1);
        for (x, r) in trailer.axles {
            let wheel = Wheel { radius: r, ..wheel };
            let pivot = Vec3::new(x, 0.0, r);
            assembly.part(wheel.axle(kit, track), Joint::TrailerWheel { pivot });
        }
        assembly.part(trailer.mesh, Joint::Trailer);
        let max = SWING_MAX / (pivot.x - trailer.end).max(1.0);
        assembly.kinematics(Kinematics::Hitch(Hitch { pivot, max }));
    } else {
        let body = match kind {
            "mixer" | "tipper" => dice.range(4.6, 5.8),
            "refuse_truck" => dice.range(5.6, 6.6),
            "fire_engine" => dice.range(4.8, 5.6),
            _ => dice.range(4.2, 7.4),
        };
        let end = start - body;
        let overhang = (body * dice.range(0.22, 0.3)).max(cab.wheel + 0.2);
        let mut axles = vec![end + overhang];
        if body > 5.4 && matches!(kind, "mixer" | "tipper" | "refuse_truck" | "tanker") {
            axles.push(end + overhang + 1.25);
        }
        let floor = 1.12;
        chassis(&mut mesh, kit, end + 0.05, start + 0.3, &axles, cab.wheel, floor);
        rear_lamps(&mut mesh, kit, end, HALF * 0.98);
        superstructure(&mut mesh, kit, kind, (end, start), floor, &cab, color, &mut detail);
        for x in &axles {
            wheel.straight(&mut assembly, kit, *x, track);
        }
        assembly.axles(-cab.axle - axles[0], cab.wheel);
    }
    if kind == "fire_engine" || kind == "refuse_truck" {
        let glow = if kind == "fire_engine" {
            [0.03, 0.1, 0.95]
        } else {
            [0.9, 0.4, 0.02]
        };
        let at = Vec3::new(-cab.bonnet - cab.rake - 0.5, 0.0, cab.height);
        both(|s| {
            let at = at + Vec3::Y * (s * 0.8);
            bevel_box(
                &mut mesh,
                kit.beacon(glow),
                at - Vec3::new(0.12, 0.25, 0.02),
                at + Vec3::new(0.12, 0.25, 0.16),
                0.04,
            );
        });
        assembly.beacon(at + Vec3::Z * 0.12, glow);
    }
    assembly.part(mesh, Joint::Fixed);
    assembly
}

/// What a rigid truck carries between `span.0` (rear) and `span.1` (front).
#[expect(
    clippy::too_many_arguments,
    reason = "one call, and a struct of its own would only repeat the names"
)]
fn superstructure(
    mesh: &mut Mesh,
    kit: Kit,
    kind: &str,
    span: (f32, f32),
    floor: f32,
    cab: &Cab,
    color: [f32; 3],
    dice: &mut Dice,
) {
    let (x0, x1) = (span.0 + 0.02, span.1);
    let middle = f32::midpoint(x0, x1);
    let length = x1 - x0;
    match kind {
        "flatbed" => flatbed(mesh, kit, (x0, x1), floor, dice),
        "tanker" => tank(mesh, kit, (x0, x1), floor, dice),
        "tipper" => {
            let steel = kit.paint(if dice.chance(0.5) { color } else { [0.2, 0.2, 0.21] });
            let high = floor + dice.range(0.9, 1.5);
            let h = HALF;
            let inner = h - 0.08;
            let p = |x: f32, y: f32, z: f32| Vec3::new(x, y, z);
            both(|s| {
                mesh.cuboid(
                    steel,
                    p(middle, s * (h - 0.04), f32::midpoint(floor, high)),
                    p(length, 0.08, high - floor),
                );
                // Ribs.
                for i in 0..4 {
                    let x = x0 + length * (i as f32 + 0.5) / 4.0;
                    plate_y(
                        mesh,
                        kit.paint(color.map(|c| c * 0.7)),
                        p(x, s * (h + 0.006), f32::midpoint(floor, high)),
                        0.1,
                        high - floor,
                        s,
                    );
                }
            });
            for x in [x0 + 0.04, x1 - 0.04] {
                mesh.cuboid(
                    steel,
                    p(x, 0.0, f32::midpoint(floor, high)),
                    p(0.08, inner * 2.0, high - floor),
                );
            }
            mesh.cuboid(steel, p(middle, 0.0, floor + 0.04), p(length, inner * 2.0, 0.08));
            if dice.chance(0.65) {
                // A heap of gravel, sand or soil.
                let heap = kit.matte(dice.pick(&[[0.32, 0.3, 0.28], [0.45, 0.36, 0.22], [0.16, 0.1, 0.06]]));
                let z = high - dice.range(0.05, 0.4);
                let peak = p(middle + dice.range(-0.5, 0.5), 0.0, z + dice.range(0.25, 0.6));
                let c = [
                    p(x0 + 0.08, -inner, z),
                    p(x1 - 0.08, -inner, z),
                    p(x1 - 0.08, inner, z),
                    p(x0 + 0.08, inner, z),
                ];
                for i in 0..4 {
                    facet(
                        mesh,
                        heap.pattern(crate::material::Pattern::Noise {
                            scale: 0.3,
                            amount: 0.5,
                        }),
                        &[c[i], c[(i + 1) % 4], peak],
                    );
                }
            }
        }
        "refuse_truck" => {
            let paint = kit.paint(color);
            let top = dice.range(3.0, 3.4);
            let hopper = x0 + 1.5;
            bevel_box(
                mesh,
                paint,
                Vec3::new(hopper, -HALF, floor),
                Vec3::new(x1, HALF, top),
                0.1,
            );
            for i in 0..4 {
                let x = hopper + (x1 - hopper) * (i as f32 + 0.5) / 4.0;
                both(|s| {
                    plate_y(
                        mesh,
                        kit.paint(color.map(|c| c * 0.6)),
                        Vec3::new(x, s * (HALF + 0.006), f32::midpoint(floor, top)),
                        0.09,
                        top - floor - 0.25,
                        s,
                    );
                });
            }
            // The hopper slopes back and down.
            let section = |y: f32| {
                [
                    Vec2::new(x0 + 0.05, floor - 0.3),
                    Vec2::new(hopper, floor - 0.1),
                    Vec2::new(hopper, top + 0.1),
                    Vec2::new(x0 + 0.9, top + 0.05),
                    Vec2::new(x0, floor + 0.9),
                ]
                .map(|p| Vec3::new(p.x, y, p.y))
            };
            let (right, left) = (section(-HALF + 0.04), section(HALF - 0.04));
            for i in 0..5 {
                let j = (i + 1) % 5;
                let material = if i == 4 { kit.matte([0.02; 3]) } else { paint };
                facet(mesh, material, &[right[i], left[i], left[j], right[j]]);
            }
            facet(mesh, paint, &right);
            let mut left = left.to_vec();
            left.reverse();
            facet(mesh, paint, &left);
            let bright = kit.paint([0.7, 0.35, 0.02]).retro(0.4);
            both(|s| {
                plate_x(
                    mesh,
                    bright,
                    Vec3::new(x0 - 0.005, s * 0.9, floor + 0.3),
                    0.35,
                    0.5,
                    -1.0,
                );
            });
        }
        "mixer" => {
            let paint = kit.paint(colours::livery(dice).1);
            let tilt = 0.3;
            let z = floor + 1.15;
            let at = |t: f32| Vec3::new(x1 - 0.4 - (length - 0.7) * t, 0.0, z - 0.25 + tilt * 2.0 * t);
            let rings = [(0.0, 0.55), (0.12, 0.95), (0.45, 1.16), (0.75, 0.85), (0.95, 0.5)];
            let rings: Vec<_> = rings.iter().map(|(t, r)| (at(*t), *r, *r)).collect();
            super::shape::blob(mesh, paint, &rings, 12);
            let band = kit.paint([0.5, 0.08, 0.05]);
            let rings: Vec<_> = [(0.4, 1.165), (0.5, 1.14)]
                .iter()
                .map(|(t, r)| (at(*t), *r, *r))
                .collect();
            super::shape::blob(mesh, band, &rings, 12);
            let frame = kit.matte([0.05; 3]);
            mesh.cuboid(frame, Vec3::new(x0 + 0.5, 0.0, floor + 0.5), Vec3::new(0.3, 1.6, 1.0));
            mesh.cuboid(frame, Vec3::new(x1 - 0.3, 0.0, floor + 0.4), Vec3::new(0.3, 1.4, 0.8));
            let chute = Vec3::new(x0 + 0.15, 0.0, floor + 0.8);
            mesh.tube(
                kit.metal([0.3; 3]),
                chute,
                chute + Vec3::new(-0.25, 0.0, -0.7),
                0.22,
                0.15,
                6,
                true,
            );
        }
        "fire_engine" => {
            let top = cab.height + dice.range(-0.1, 0.25);
            bevel_box(
                mesh,
                kit.paint(color),
                Vec3::new(x0, -HALF, 0.75),
                Vec3::new(x1 + 0.05, HALF, top),
                0.06,
            );
            let shutter = kit.metal([0.42; 3]);
            both(|s| {
                for i in 0..3 {
                    let x = x0 + length * (i as f32 + 0.5) / 3.0;
                    let low = if i == 0 { 1.15 } else { 0.95 };
                    plate_y(
                        mesh,
                        shutter,
                        Vec3::new(x, s * (HALF + 0.006), f32::midpoint(low, top - 0.35)),
                        length / 3.0 - 0.16,
                        top - 0.35 - low,
                        s,
                    );
                }
                let stripe = kit.paint([0.7, 0.7, 0.05]).retro(0.5);
                plate_y(
                    mesh,
                    stripe,
                    Vec3::new(middle, s * (HALF + 0.008), top - 0.2),
                    length - 0.1,
                    0.16,
                    s,
                );
                let y = s * 0.3;
                mesh.tube(
                    shutter,
                    Vec3::new(x0 - 0.05, y, top + 0.1),
                    Vec3::new(x1 + 0.6, y, top + 0.1),
                    0.035,
                    0.035,
                    4,
                    true,
                );
            });
            for i in 0..8 {
                let x = x0 + length * (i as f32 + 0.5) / 8.0;
                mesh.cuboid(shutter, Vec3::new(x, 0.0, top + 0.1), Vec3::new(0.04, 0.6, 0.04));
            }
            both(|s| plate_x(mesh, shutter, Vec3::new(x0 - 0.006, s * 0.45, 1.7), 0.7, 1.2, -1.0));
        }
        _ => cargo_box(
            mesh,
            kit,
            (x0, x1),
            floor,
            dice.range(2.9, 3.9).max(cab.height + 0.05),
            color,
            dice,
        ),
    }
}

/// A closed cargo body or a curtain-sider, with its owner's colours.
fn cargo_box(mesh: &mut Mesh, kit: Kit, span: (f32, f32), floor: f32, top: f32, cab: [f32; 3], dice: &mut Dice) {
    let (x0, x1) = span;
    let (middle, length) = (f32::midpoint(x0, x1), x1 - x0);
    let color = if dice.chance(0.3) { cab } else { colours::livery(dice).1 };
    let paint = kit.paint(color);
    let h = HALF + 0.02;
    bevel_box(mesh, paint, Vec3::new(x0, -h, floor), Vec3::new(x1, h, top), 0.05);
    let z = f32::midpoint(floor, top);
    let side = |mesh: &mut Mesh, material, x: f32, z: f32, l: f32, hh: f32, lift: f32| {
        both(|s| plate_y(mesh, material, Vec3::new(x, s * (h + lift), z), l, hh, s));
    };
    // Rails, rear doors.
    side(mesh, kit.metal([0.32; 3]), middle, floor + 0.07, length, 0.12, 0.005);
    let line = kit.matte([0.02; 3]);
    plate_x(
        mesh,
        line,
        Vec3::new(x0 - 0.006, 0.0, z),
        0.025,
        top - floor - 0.2,
        -1.0,
    );
    both(|s| {
        for y in [0.35, 0.85] {
            plate_x(
                mesh,
                kit.metal([0.5; 3]),
                Vec3::new(x0 - 0.008, s * y, z),
                0.04,
                top - floor - 0.25,
                -1.0,
            );
        }
    });
    match dice.count(0, 3) {
        0 => {}
        1 => {
            // A band.
            let mark = kit.paint(colours::livery(dice).1.map(|c| c * 0.7));
            let height = dice.range(0.2, 0.8);
            side(
                mesh,
                mark,
                middle,
                z + dice.range(-0.4, 0.4),
                length - 0.1,
                height,
                0.008,
            );
        }
        2 => {
            // A panel with a mark in it.
            let panel = kit.paint(colours::livery(dice).1.map(|c| c * 0.8));
            let (l, hh) = (length * dice.range(0.4, 0.8), (top - floor) * dice.range(0.3, 0.6));
            side(mesh, panel, middle, z, l, hh, 0.008);
            let mark = kit.paint(colours::livery(dice).1);
            side(
                mesh,
                mark,
                middle,
                z,
                l * dice.range(0.3, 0.7),
                hh * dice.range(0.2, 0.5),
                0.014,
            );
        }
        _ => {
            // A curtain with its straps.
            let strap = kit.matte(color.map(|c| c * 0.55));
            let count = (length / 1.4).ceil().clamp(3.0, 8.0) as u32;
            for i in 0..count {
                let x = x0 + length * (i as f32 + 0.5) / count as f32;
                side(mesh, strap, x, z, 0.06, top - floor - 0.3, 0.008);
            }
        }
    }
    if dice.chance(0.25) {
        // A cooling unit over the cab.
        let at = Vec3::new(x1 + 0.12, 0.0, top - 0.55);
        bevel_box(
            mesh,
            kit.paint([0.6; 3]),
            at - Vec3::new(0.12, 0.9, 0.4),
            at + Vec3::new(0.1, 0.9, 0.4),
            0.06,
        );
    }
}

fn flatbed(mesh: &mut Mesh, kit: Kit, span: (f32, f32), floor: f32, dice: &mut Dice) {
    let (x0, x1) = span;
    let wood = kit.matte([0.17, 0.12, 0.08]);
    bevel_box(
        mesh,
        wood,
        Vec3::new(x0, -HALF, floor - 0.1),
        Vec3::new(x1, HALF, floor + 0.05),
        0.02,
    );
    let board = kit.metal([0.35; 3]);
    mesh.cuboid(
        board,
        Vec3::new(x1 - 0.04, 0.0, floor + 0.6),
        Vec3::new(0.06, HALF * 2.0, 1.2),
    );
    if dice.chance(0.5) {
        both(|s| {
            let at = Vec3::new(f32::midpoint(x0, x1), s * (HALF - 0.02), floor + 0.25);
            mesh.cuboid(board, at, Vec3::new(x1 - x0, 0.03, 0.45));
        });
    }
    if dice.chance(0.85) {
        let high = dice.range(0.8, 1.7);
        props::load(mesh, kit, (x0 + 0.2, x1 - 0.3), HALF - 0.12, floor + 0.05, high, dice);
    }
}

fn tank(mesh: &mut Mesh, kit: Kit, span: (f32, f32), floor: f32, dice: &mut Dice) {
    let (x0, x1) = span;
    let steel = if dice.chance(0.5) {
        kit.metal([0.55; 3])
    } else {
        kit.paint(colours::livery(dice).1)
    };
    let (ry, rz) = (HALF - 0.02, dice.range(0.82, 1.0));
    let z = floor + rz - 0.02;
    let at = |x: f32| Vec3::new(x, 0.0, z);
    let rings = [
        (at(x0 + 0.05), ry * 0.7, rz * 0.7),
        (at(x0 + 0.25), ry, rz),
        (at(x1 - 0.25), ry, rz),
        (at(x1 - 0.05), ry * 0.7, rz * 0.7),
    ];
    let from = mesh.positions.len();
    super::shape::blob(mesh, steel, &rings, 16);
    // Round about, flat at the ends: normals of the sides point away from the axis.
    for i in from..mesh.positions.len() {
        let (p, n) = (mesh.positions[i], mesh.normals[i]);
        if n.x.abs() < 0.3 {
            mesh.normals[i] = Vec3::new(0.0, p.y / (ry * ry), (p.z - z) / (rz * rz)).normalize_or(n);
        }
    }
    let walk = kit.metal([0.3; 3]);
    mesh.cuboid(
        walk,
        at(f32::midpoint(x0, x1)) + Vec3::Z * (rz + 0.01),
        Vec3::new(x1 - x0 - 0.8, 0.5, 0.05),
    );
    let band = kit.matte([0.05; 3]);
    let count = ((x1 - x0) / 2.2).ceil().max(2.0) as u32;
    for i in 0..count {
        let x = x0 + 0.4 + (x1 - x0 - 0.8) * (i as f32 + 0.5) / count as f32;
        mesh.cuboid(walk, at(x) + Vec3::Z * (rz + 0.07), Vec3::new(0.45, 0.45, 0.16));
        mesh.cuboid(band, Vec3::new(x, 0.0, floor - 0.04), Vec3::new(0.25, HALF * 1.5, 0.2));
    }
    // Danger plates, orange.
    let orange = kit.paint([0.75, 0.28, 0.01]).retro(0.5);
    plate_x(mesh, orange, Vec3::new(x0 + 0.02, 0.45, z - 0.3), 0.4, 0.3, -1.0);
}

/// A semi-trailer.
struct Trailer {
    mesh: Mesh,
    axles: Vec<(f32, f32)>,
    end: f32,
}

fn trailer(kind: &str, kit: Kit, cab_end: f32, tractor_axle: f32, cab: [f32; 3], dice: &mut Dice) -> Trailer {
    let mut mesh = Mesh::new();
    let front = cab_end - dice.range(0.25, 0.5);
    let length = match kind {
        "semi_tanker" => dice.range(8.5, 10.5),
        _ => dice.range(9.0, 13.4),
    };
    let end = front - length;
    let wheel = dice.range(0.48, 0.52);
    let floor = 1.25;
    let count = if length < 10.0 { 2 } else { dice.count(2, 3) };
    let last = end + dice.range(1.1, 2.0);
    let axles: Vec<(f32, f32)> = (0..count).map(|i| (last + 1.31 * i as f32, wheel)).collect();
    let xs: Vec<f32> = axles.iter().map(|a| a.0).collect();
    let clear = tractor_axle - 0.9;
    chassis(&mut mesh, kit, end + 0.05, clear, &xs, wheel, floor);
    // Landing legs and side guards.
    both(|s| {
        let frame = kit.matte([0.08; 3]);
        mesh.cuboid(frame, Vec3::new(clear - 0.9, s * 0.7, 0.75), Vec3::new(0.14, 0.14, 0.9));
        let first = xs.iter().copied().fold(f32::MIN, f32::max) + 0.8;
        if clear - 1.6 > first {
            let x = f32::midpoint(first, clear - 1.6);
            for z in [0.55, 0.85] {
                plate_y(
                    &mut mesh,
                    kit.metal([0.35; 3]),
                    Vec3::new(x, s * (HALF - 0.02), z),
                    clear - 1.6 - first,
                    0.13,
                    s,
                );
            }
        }
    });
    rear_lamps(&mut mesh, kit, end, HALF * 0.98);
    match kind {
        "semi_tanker" => tank(&mut mesh, kit, (end + 0.1, front), floor, dice),
        "semi_flatbed" => flatbed(&mut mesh, kit, (end + 0.02, front), floor, dice),
        _ => cargo_box(
            &mut mesh,
            kit,
            (end + 0.02, front),
            floor - 0.1,
            dice.range(3.75, 4.0),
            cab,
            dice,
        ),
    }
    Trailer { mesh, axles, end }
}
