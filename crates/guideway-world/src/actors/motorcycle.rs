//! Motorcycles and scooters with their riders.

use glam::{Affine3A, Vec3};

use super::assembly::{Assembly, Kit};
use super::colours;
use super::person::{Build, Headgear, Look};
use super::rider::{Seat, still_leg, upper_body};
use super::shape::{bevel_box, blob, both, facet, plate_x, smooth};
use super::wheel::Wheel;
use super::{Cyclist, Joint, Kinematics, Model, Variant, asked_kind};
use crate::Seed;
use crate::dice::Dice;
use crate::material::Material;
use crate::mesh::Mesh;
use crate::object::ObjectClass;

/// Kinds of motorcycles.
pub(super) const KINDS: &[&str] = &["sport", "cruiser", "naked", "touring", "scooter", "delivery_scooter"];

/// Measures, m. x is 0 at the rear axle.
#[derive(Debug, Clone, Copy)]
struct Frame {
    wheelbase: f32,
    front: f32,
    rear: f32,
    tyre: f32,
    seat: Vec3,
    tank: Vec3,
    head_low: Vec3,
    head_high: Vec3,
    grip: Vec3,
    peg: Vec3,
    lean: f32,
}

impl Frame {
    fn draw(kind: &str, dice: &mut Dice) -> Self {
        let scooter = kind.ends_with("scooter");
        let wheelbase = match kind {
            "cruiser" => dice.range(1.58, 1.7),
            "touring" => dice.range(1.48, 1.58),
            _ if scooter => dice.range(1.22, 1.4),
            _ => dice.range(1.36, 1.46),
        };
        let wheel = if scooter {
            dice.range(0.22, 0.27)
        } else {
            dice.range(0.3, 0.33)
        };
        let seat_height = match kind {
            "cruiser" => dice.range(0.66, 0.72),
            _ if scooter => dice.range(0.72, 0.8),
            _ => dice.range(0.79, 0.85),
        };
        let (lean, bar, back) = match kind {
            "sport" => (dice.range(0.6, 0.8), 0.85, 0.02),
            "cruiser" => (-0.08, dice.range(1.0, 1.15), -0.3),
            "touring" => (0.08, 1.08, -0.18),
            _ if scooter => (0.0, dice.range(0.95, 1.02), -0.12),
            _ => (dice.range(0.25, 0.4), 1.0, -0.1),
        };
        let rake = if kind == "cruiser" { 0.3 } else { 0.2 };
        let head_high = Vec3::new(wheelbase - rake, 0.0, bar - 0.06);
        let head_low = Vec3::new(wheelbase - rake * 0.55, 0.0, wheel * 2.0 + 0.08);
        let seat_x = if scooter { 0.18 } else { 0.32 };
        let peg = match kind {
            "sport" => Vec3::new(0.38, 0.2, 0.38),
            "cruiser" => Vec3::new(1.0, 0.24, 0.3),
            _ if scooter => Vec3::new(0.66, 0.14, 0.27),
            _ => Vec3::new(0.55, 0.21, 0.34),
        };
        Self {
            wheelbase,
            front: wheel,
            rear: wheel * if kind == "cruiser" { 0.97 } else { 1.0 },
            tyre: if scooter { 0.1 } else { 0.14 },
            seat: Vec3::new(seat_x, 0.0, seat_height),
            tank: Vec3::new(head_high.x - 0.42, 0.0, seat_height + 0.1),
            head_low,
            head_high,
            grip: Vec3::new(head_high.x + back, if kind == "cruiser" { 0.37 } else { 0.33 }, bar),
            peg,
            lean,
        }
    }
}

/// A round tyre on a cast rim, axle along y.
fn wheel(kit: Kit, radius: f32, width: f32, color: [f32; 3]) -> Mesh {
    let plain = Wheel {
        radius: radius * 0.9,
        width,
        rim: 0.72,
        spokes: 5,
        color,
    };
    let mut mesh = Mesh::new();
    plain.face(&mut mesh, kit, 1.0);
    plain.face(&mut mesh, kit, -1.0);
    // The tread's crown: a ring that stands out in the middle.
    for i in 0..12u32 {
        let at = |i: u32, r: f32, y: f32| {
            let a = std::f32::consts::TAU * i as f32 / 12.0;
            Vec3::new(a.cos() * r, y, a.sin() * r)
        };
        for s in [1.0, -1.0] {
            let y = s * width / 2.0;
            let (low, high) = (radius * 0.9, radius);
            let mut face = [at(i, low, y), at(i, high, 0.0), at(i + 1, high, 0.0), at(i + 1, low, y)];
            if s < 0.0 {
                face.reverse();
            }
            facet(&mut mesh, kit.rubber(), &face);
        }
    }
    mesh
}

/// Makes a motorcycle.
pub(super) fn generate(variant: Variant, seed: Seed) -> Model {
    let kit = Kit::new(ObjectClass::Motorcycle);
    let kind = asked_kind(variant, KINDS).unwrap_or_else(|| {
        Dice::new(seed.child("kind")).weighted(&[
            (20.0, "sport"),
            (16.0, "cruiser"),
            (22.0, "naked"),
            (12.0, "touring"),
            (20.0, "scooter"),
            (10.0, "delivery_scooter"),
        ])
    });
    let mut dice = Dice::new(seed.child("frame"));
    let frame = Frame::draw(kind, &mut dice);
    let (name, color) = Dice::new(seed.child("paint")).weighted(&[
        (6.0, ("black", [0.02, 0.02, 0.022])),
        (4.0, ("red", [0.4, 0.02, 0.02])),
        (3.0, ("blue", [0.03, 0.09, 0.35])),
        (2.0, ("white", [0.72, 0.72, 0.7])),
        (2.0, ("green", [0.06, 0.3, 0.05])),
        (2.0, ("orange", [0.6, 0.17, 0.02])),
        (2.0, ("silver", [0.4, 0.4, 0.42])),
        (1.0, ("yellow", [0.7, 0.5, 0.03])),
    ]);
    let paint = kit.paint(dice.near(color, 0.15));
    let ridden = variant != Variant::Parked;

    let mut assembly = Assembly::new(ObjectClass::Motorcycle, kind);
    assembly.attribute("colour", name);
    assembly.attribute("rider", if ridden { "yes" } else { "no" });
    let mut mesh = body(kit, kind, &frame, paint, &mut dice);
    if ridden {
        let mut people = Dice::new(seed.child("rider"));
        sit(&mut mesh, kit, kind, &frame, Vec3::ZERO, &mut people);
        let luggage = kind == "delivery_scooter" || kind == "touring";
        if !luggage && people.chance(0.14) {
            // A passenger, holding on.
            sit(
                &mut mesh,
                kit,
                "passenger",
                &frame,
                Vec3::new(-0.3, 0.0, 0.07),
                &mut people,
            );
        }
    }
    assembly.part(mesh, Joint::Fixed);
    assembly.part(fork(kit, kind, &frame, paint, &mut dice), Joint::Limb { index: 0 });
    let rim = dice.pick(&[[0.06; 3], [0.22; 3], [0.3; 3], [0.25, 0.16, 0.05]]);
    let hubs = [
        (
            Vec3::new(frame.wheelbase, 0.0, frame.front),
            frame.front,
            frame.tyre * 0.85,
            true,
        ),
        (Vec3::new(0.0, 0.0, frame.rear), frame.rear, frame.tyre, false),
    ];
    for (pivot, radius, width, steers) in hubs {
        assembly.part(wheel(kit, radius, width, rim), Joint::Wheel { pivot, steers });
    }
    assembly.kinematics(Kinematics::Cyclist(Cyclist {
        root: Vec3::ZERO,
        head: frame.head_low,
        axis: (frame.head_high - frame.head_low).normalize_or(Vec3::Z),
        steer_max: 0.25,
        crank: frame.peg,
        crank_length: 0.0,
        hip: frame.seat,
        thigh: 0.4,
        shin: 0.4,
        pedal: 0.0,
        development: 0.0,
    }));
    assembly.axles(frame.wheelbase, frame.rear);
    assembly.headlights(frame.wheelbase + 0.05, 0.0, 0.8, 0.8);
    assembly.finish()
}

/// Everything that neither steers nor rolls.
fn body(kit: Kit, kind: &str, f: &Frame, paint: Material, dice: &mut Dice) -> Mesh {
    let mut mesh = Mesh::new();
    let dark = kit.matte([0.02; 3]);
    let steel = kit.metal(dice.pick(&[[0.1; 3], [0.3; 3]]));
    let seat = kit.matte([0.015, 0.014, 0.013]);
    let scooter = kind.ends_with("scooter");
    let z = f.seat.z;
    if scooter {
        // Rear hull, floor, leg shield.
        blob(
            &mut mesh,
            paint,
            &[
                (Vec3::new(-0.34, 0.0, z - 0.14), 0.08, 0.06),
                (Vec3::new(-0.15, 0.0, z - 0.18), 0.16, 0.14),
                (Vec3::new(0.22, 0.0, z - 0.22), 0.17, 0.17),
                (Vec3::new(0.42, 0.0, z - 0.34), 0.12, 0.16),
            ],
            7,
        );
        bevel_box(
            &mut mesh,
            dark,
            Vec3::new(0.3, -0.15, 0.2),
            Vec3::new(0.92, 0.15, 0.27),
            0.03,
        );
        let top = f.head_high - Vec3::Z * 0.08;
        bevel_box(
            &mut mesh,
            dark,
            Vec3::new(0.0, -0.12, 0.16),
            Vec3::new(0.4, 0.12, 0.36),
            0.04,
        );
        let shield = [
            Vec3::new(0.9, -0.17, 0.26),
            Vec3::new(0.9, 0.17, 0.26),
            Vec3::new(top.x + 0.02, 0.2, top.z),
            Vec3::new(top.x + 0.02, -0.2, top.z),
        ];
        facet(&mut mesh, dark, &[shield[3], shield[2], shield[1], shield[0]]);
        let out = Vec3::new(0.07, 0.0, 0.02);
        facet(
            &mut mesh,
            paint,
            &[shield[0] + out, shield[1] + out, shield[2] + out, shield[3] + out],
        );
        for (a, b) in [(0, 3), (1, 2)] {
            facet(
                &mut mesh,
                paint,
                &[shield[a], shield[b], shield[b] + out, shield[a] + out],
            );
        }
    } else {
        // Engine, tank, tail.
        bevel_box(
            &mut mesh,
            steel,
            Vec3::new(0.42, -0.17, 0.22),
            Vec3::new(0.88, 0.17, 0.56),
            0.06,
        );
        blob(
            &mut mesh,
            paint,
            &[
                (f.tank + Vec3::new(-0.26, 0.0, -0.08), 0.08, 0.05),
                (f.tank + Vec3::new(-0.12, 0.0, -0.04), 0.13, 0.11),
                (f.tank + Vec3::new(0.14, 0.0, 0.0), 0.155, 0.14),
                (f.tank + Vec3::new(0.32, 0.0, -0.04), 0.1, 0.08),
            ],
            7,
        );
        let tail = if kind == "sport" { 0.18 } else { 0.05 };
        blob(
            &mut mesh,
            paint,
            &[
                (Vec3::new(-0.36, 0.0, z + tail), 0.05, 0.03),
                (Vec3::new(-0.12, 0.0, z - 0.03 + tail * 0.4), 0.11, 0.06),
                (Vec3::new(0.3, 0.0, z - 0.1), 0.13, 0.07),
            ],
            7,
        );
        mesh.tube(
            steel,
            Vec3::new(0.5, 0.0, 0.4),
            Vec3::new(0.0, 0.09, f.rear),
            0.035,
            0.03,
            4,
            false,
        );
        mesh.tube(steel, f.head_low, Vec3::new(0.55, 0.0, 0.45), 0.04, 0.04, 5, false);
        mesh.tube(steel, f.head_high, f.tank - Vec3::Z * 0.1, 0.04, 0.04, 5, false);
        // Exhaust on the right.
        let pipe = kit.metal([0.4; 3]);
        let end = if kind == "sport" {
            Vec3::new(-0.3, -0.2, 0.55)
        } else {
            Vec3::new(-0.35, -0.19, 0.34)
        };
        mesh.tube(pipe, Vec3::new(0.5, -0.17, 0.3), end, 0.04, 0.055, 6, true);
        if kind == "sport" || kind == "touring" {
            // A fairing around the engine.
            both(|s| {
                let y = s * 0.19;
                let p = |x: f32, z: f32, in_: f32| Vec3::new(x, y - s * in_, z);
                let mut side = [
                    p(0.45, 0.3, 0.03),
                    p(1.0, 0.3, 0.06),
                    p(f.head_low.x - 0.06, 0.72, 0.0),
                    p(f.head_high.x + 0.08, 0.92, 0.05),
                    p(0.72, 0.72, 0.0),
                ];
                if s > 0.0 {
                    side.reverse();
                }
                facet(&mut mesh, paint, &side);
            });
        }
    }
    blob(
        &mut mesh,
        seat,
        &[
            (f.seat + Vec3::new(-0.42, 0.0, 0.02), 0.09, 0.03),
            (f.seat + Vec3::new(-0.2, 0.0, 0.0), 0.14, 0.05),
            (f.seat + Vec3::new(0.12, 0.0, -0.03), 0.13, 0.05),
            (f.seat + Vec3::new(0.26, 0.0, -0.03), 0.08, 0.04),
        ],
        7,
    );
    // Rear mudguard with lamps and plate.
    let guard = Vec3::new(-f.rear * 0.92, 0.0, z - 0.12);
    facet(
        &mut mesh,
        dark,
        &[
            Vec3::new(-0.3, -0.09, z - 0.04),
            guard + Vec3::new(-0.08, -0.08, -0.1),
            guard + Vec3::new(-0.08, 0.08, -0.1),
            Vec3::new(-0.3, 0.09, z - 0.04),
        ],
    );
    let lamp = Vec3::new(-0.42, 0.0, z + 0.02);
    mesh.cuboid(kit.tail_lamp(), lamp, Vec3::new(0.05, 0.16, 0.05));
    mesh.cuboid(kit.brake_lamp(), lamp - Vec3::Z * 0.045, Vec3::new(0.05, 0.13, 0.04));
    both(|s| {
        let at = lamp + Vec3::new(0.02, s * 0.15, -0.02);
        mesh.cuboid(kit.indicator(s), at, Vec3::new(0.05, 0.06, 0.045));
    });
    plate_x(
        &mut mesh,
        kit.number_plate(false),
        Vec3::new(-0.46, 0.0, z - 0.17),
        0.2,
        0.2,
        -1.0,
    );
    let case = kit.matte(dice.pick(&[[0.02; 3], [0.2; 3]]));
    match kind {
        "touring" => {
            both(|s| {
                let (a, b) = (s * 0.17, s * 0.4);
                let low = Vec3::new(-0.42, a.min(b), z - 0.36);
                bevel_box(&mut mesh, paint, low, Vec3::new(0.08, a.max(b), z - 0.04), 0.06);
            });
            bevel_box(
                &mut mesh,
                case,
                Vec3::new(-0.6, -0.24, z + 0.06),
                Vec3::new(-0.2, 0.24, z + 0.36),
                0.07,
            );
        }
        "delivery_scooter" => {
            let (_, color) = colours::livery(dice);
            let low = Vec3::new(-0.62, -0.25, z + 0.06);
            bevel_box(&mut mesh, kit.paint(color), low, Vec3::new(-0.12, 0.25, z + 0.56), 0.03);
            let mark = kit.matte(color.map(|c| 0.7 - c * 0.6)).retro(0.2);
            plate_x(&mut mesh, mark, Vec3::new(-0.626, 0.0, z + 0.32), 0.34, 0.2, -1.0);
        }
        _ => {}
    }
    smooth(&mut mesh, 50.0);
    mesh
}

/// Fork, handlebar, headlamp, mirrors, screen.
fn fork(kit: Kit, kind: &str, f: &Frame, paint: Material, dice: &mut Dice) -> Mesh {
    let mut mesh = Mesh::new();
    let steel = kit.metal([0.35; 3]);
    let dark = kit.matte([0.02; 3]);
    let hub = Vec3::new(f.wheelbase, 0.0, f.front);
    both(|s| {
        let y = Vec3::Y * (s * 0.09);
        mesh.tube(steel, f.head_high + y, hub + y, 0.025, 0.03, 5, false);
        let grip = Vec3::new(f.grip.x, s * f.grip.y, f.grip.z);
        let stem = f.head_high + Vec3::new(0.0, s * 0.1, 0.06);
        mesh.tube(dark, stem, grip, 0.016, 0.018, 5, true);
        let mirror = grip + Vec3::new(0.06, s * 0.03, 0.16);
        mesh.tube(dark, grip.lerp(stem, 0.2), mirror, 0.008, 0.008, 3, false);
        mesh.cuboid(dark, mirror, Vec3::new(0.03, 0.12, 0.08));
        let lamp = Vec3::new(f.head_low.x + 0.08, s * 0.16, f.head_low.z + 0.14);
        mesh.cuboid(kit.indicator(s), lamp, Vec3::new(0.05, 0.06, 0.045));
    });
    // Mudguard.
    for k in 0..4 {
        let at = |k: u32| {
            let a = 0.35 + 0.55 * k as f32;
            hub + Vec3::new(a.cos(), 0.0, a.sin()) * (f.front + 0.03)
        };
        let y = Vec3::Y * 0.06;
        facet(&mut mesh, paint, &[at(k) - y, at(k) + y, at(k + 1) + y, at(k + 1) - y]);
    }
    let nose = Vec3::new(f.head_low.x + 0.12, 0.0, (f.head_low.z + 0.14).max(0.72));
    let lamp = kit.headlamp();
    if matches!(kind, "cruiser" | "naked") {
        mesh.tube(steel, nose - Vec3::X * 0.12, nose, 0.06, 0.1, 10, false);
        let face: Vec<Vec3> = (0..10)
            .map(|i| {
                let a = std::f32::consts::TAU * i as f32 / 10.0;
                nose + Vec3::new(0.0, a.cos() * 0.1, a.sin() * 0.1)
            })
            .collect();
        facet(&mut mesh, lamp, &face);
    } else {
        let scooter = kind.ends_with("scooter");
        let at = if scooter {
            f.head_high + Vec3::new(0.1, 0.0, -0.02)
        } else {
            nose + Vec3::new(-0.04, 0.0, 0.08)
        };
        blob(
            &mut mesh,
            paint,
            &[
                (at + Vec3::new(-0.14, 0.0, 0.02), 0.17, 0.12),
                (at, 0.14, 0.12),
                (at + Vec3::new(0.12, 0.0, -0.06), 0.07, 0.05),
            ],
            7,
        );
        both(|s| {
            let y = s * 0.055;
            let p = |x: f32, dy: f32, z: f32| at + Vec3::new(x, y + dy, z);
            facet(
                &mut mesh,
                lamp,
                &[
                    p(0.08, -0.05, -0.08),
                    p(0.08, 0.05, -0.08),
                    p(0.055, 0.05, 0.02),
                    p(0.055, -0.05, 0.02),
                ],
            );
        });
        if kind != "scooter" || dice.chance(0.4) {
            let screen = kit.glass();
            let high = if kind == "sport" { 0.2 } else { 0.4 };
            facet(
                &mut mesh,
                screen,
                &[
                    at + Vec3::new(0.0, -0.13, 0.1),
                    at + Vec3::new(0.0, 0.13, 0.1),
                    at + Vec3::new(-0.14, 0.16, 0.1 + high),
                    at + Vec3::new(-0.14, -0.16, 0.1 + high),
                ],
            );
        }
    }
    mesh
}

/// Puts someone on the seat, moved by `by`.
fn sit(mesh: &mut Mesh, kit: Kit, kind: &str, f: &Frame, by: Vec3, dice: &mut Dice) {
    let mut person = Mesh::new();
    let build = Build::adult(dice);
    let mut look = Look::draw(dice);
    (look.sleeves, look.long) = (true, true);
    if !kind.ends_with("scooter") && dice.chance(0.7) {
        look.bottom.1 = [0.02, 0.02, 0.022];
        if dice.chance(0.6) {
            look.top.1 = dice.pick(&[
                [0.02; 3],
                [0.02; 3],
                [0.35, 0.02, 0.02],
                [0.05, 0.06, 0.2],
                [0.5, 0.5, 0.5],
            ]);
        }
    }
    let shell = dice.pick(&[
        [20, 20, 22],
        [230, 230, 230],
        [180, 25, 25],
        [40, 80, 180],
        [110, 112, 115],
        [220, 200, 30],
        [230, 110, 20],
    ]);
    let gear = if dice.chance(0.8) {
        Headgear::FullFace(shell)
    } else {
        Headgear::Helmet(shell)
    };
    let top = if dice.chance(0.07) {
        kit.matte([0.65, 0.8, 0.04]).retro(0.2)
    } else {
        kit.matte(look.top.1)
    };
    let hip = f.seat + by + Vec3::new(0.0, 0.0, build.height * 0.062);
    let passenger = kind == "passenger";
    let seat = Seat {
        hip,
        hand: if passenger {
            f.seat + Vec3::new(0.12, 0.14, 0.28)
        } else {
            f.grip + Vec3::Z * 0.02
        },
        lean: if passenger { f.lean.max(0.1) * 0.8 } else { f.lean },
    };
    upper_body(&mut person, kit, &build, &look, seat, gear, top);
    for s in [1.0, -1.0] {
        let back = if passenger {
            Vec3::new(-0.25, 0.02, 0.1)
        } else {
            Vec3::ZERO
        };
        let peg = f.peg + back;
        let foot = Vec3::new(peg.x, peg.y * s, peg.z);
        let joint = hip + Vec3::new(0.02, s * build.height * 0.055, 0.0);
        still_leg(&mut person, kit, &build, &look, joint, foot);
    }
    smooth(&mut person, 60.0);
    mesh.append(&person, Affine3A::IDENTITY);
}
