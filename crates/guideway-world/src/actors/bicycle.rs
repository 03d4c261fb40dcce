//! Bicycles with their riders, who pedal.

use std::f32::consts::TAU;

use glam::{Affine3A, Vec3};

use super::assembly::{Assembly, Kit};
use super::colours;
use super::person::{Build, Headgear, Look};
use super::rider::{Seat, bone, shoe, upper_body};
use super::shape::{bevel_box, block, both, facet, smooth};
use super::{Cyclist, Joint, Kinematics, Model, Variant, asked_kind, props};
use crate::Seed;
use crate::dice::Dice;
use crate::material::{Material, Switch};
use crate::mesh::Mesh;
use crate::object::ObjectClass;

/// Kinds of bicycles.
pub(super) const KINDS: &[&str] = &["city", "road", "mountain", "child", "cargo", "folding"];

/// Measures, m. x is 0 at the bottom bracket.
#[derive(Debug, Clone, Copy)]
struct Frame {
    wheel: f32,
    front_wheel: f32,
    rear: Vec3,
    front: Vec3,
    crank: Vec3,
    saddle: Vec3,
    head_low: Vec3,
    head_high: Vec3,
    /// Left grip.
    grip: Vec3,
    lean: f32,
    tyre: f32,
}

impl Frame {
    fn draw(kind: &str, leg: f32, dice: &mut Dice) -> Self {
        let size = (leg / 0.88).clamp(0.55, 1.15);
        let wheel = match kind {
            "folding" => 0.25,
            "child" => (0.3 * size * 1.15).clamp(0.2, 0.3),
            _ => dice.range(0.335, 0.355),
        };
        let front_wheel = if kind == "cargo" { 0.26 } else { wheel };
        let lean = match kind {
            "road" => dice.range(0.75, 0.95),
            "mountain" => dice.range(0.45, 0.65),
            _ => dice.range(0.1, 0.35),
        };
        // So high that feet clear the ground.
        let crank = Vec3::Z * if kind == "child" { 0.21 } else { 0.28 };
        let rear = Vec3::new(-0.42 * size.max(0.8), 0.0, wheel);
        let reach = if kind == "cargo" { 1.35 } else { 0.6 * size.max(0.75) };
        let front = Vec3::new(reach, 0.0, front_wheel);
        // A little less than the leg's length above the lower pedal.
        let saddle = Vec3::new(-0.2 * size, 0.0, crank.z + leg * 0.86 - 0.02);
        let bar_height = match kind {
            "road" => saddle.z - 0.04,
            "mountain" => saddle.z + 0.03,
            _ => saddle.z + dice.range(0.1, 0.2),
        };
        let head_x = if kind == "cargo" { 0.42 } else { front.x - 0.2 * size };
        let head_low = Vec3::new(head_x + 0.05, 0.0, (wheel * 2.0 + 0.03).min(bar_height - 0.12));
        let head_high = Vec3::new(head_x, 0.0, (bar_height - 0.06).max(head_low.z + 0.05));
        let back = if lean > 0.4 { 0.08 } else { -0.1 };
        Self {
            wheel,
            front_wheel,
            rear,
            front,
            crank,
            saddle,
            head_low,
            head_high,
            grip: Vec3::new(head_high.x + back, if kind == "road" { 0.21 } else { 0.29 }, bar_height),
            lean,
            tyre: match kind {
                "road" => 0.014,
                "mountain" => 0.028,
                _ => 0.02,
            },
        }
    }
}

/// A spoked wheel in its own frame, axle along y.
fn wheel(kit: Kit, radius: f32, tyre: f32) -> Mesh {
    const SIDES: u32 = 16;
    let mut mesh = Mesh::new();
    let at = |i: u32, r: f32, y: f32| {
        let a = TAU * (i % SIDES) as f32 / SIDES as f32;
        Vec3::new(a.cos() * r, y, a.sin() * r)
    };
    let rubber = kit.rubber();
    let rim = radius - tyre * 2.6;
    for i in 0..SIDES {
        let j = i + 1;
        // Two faces that meet on the tread; the rim is their other side.
        facet(
            &mut mesh,
            rubber,
            &[
                at(i, radius, 0.0),
                at(i, rim, tyre),
                at(j, rim, tyre),
                at(j, radius, 0.0),
            ],
        );
        facet(
            &mut mesh,
            rubber,
            &[
                at(i, rim, -tyre),
                at(i, radius, 0.0),
                at(j, radius, 0.0),
                at(j, rim, -tyre),
            ],
        );
    }
    smooth(&mut mesh, 50.0);
    let spoke = kit.metal([0.3; 3]);
    for k in 0..5 {
        let a = TAU * k as f32 / 10.0;
        let along = Vec3::new(a.cos(), 0.0, a.sin()) * rim;
        let across = Vec3::new(-a.sin(), 0.0, a.cos()) * 0.004;
        facet(
            &mut mesh,
            spoke,
            &[-along - across, along - across, along + across, -along + across],
        );
    }
    // A reflector between the spokes.
    let reflector = kit.matte([0.6, 0.3, 0.02]).retro(0.8);
    mesh.cuboid(reflector, Vec3::new(0.0, 0.0, rim * 0.6), Vec3::new(0.06, 0.012, 0.03));
    mesh
}

fn tube(mesh: &mut Mesh, material: Material, from: Vec3, to: Vec3, radius: f32) {
    mesh.tube(material, from, to, radius, radius, 4, false);
}

/// Frame, saddle, mudguards, carrier.
fn frame_mesh(kit: Kit, kind: &str, frame: &Frame, paint: Material, dice: &mut Dice) -> Mesh {
    let mut mesh = Mesh::new();
    let f = frame;
    let r = if kind == "road" { 0.016 } else { 0.02 };
    let seat_low = f.crank.lerp(f.saddle, 0.82);
    let step = kind == "folding" || kind == "cargo" || kind == "city" && dice.chance(0.5);
    let top = if step {
        f.crank.lerp(f.saddle, 0.4)
    } else {
        f.crank.lerp(f.saddle, 0.74)
    };
    tube(&mut mesh, paint, f.crank, seat_low, r);
    tube(
        &mut mesh,
        kit.metal([0.4; 3]),
        seat_low,
        f.saddle - Vec3::Z * 0.03,
        r * 0.8,
    );
    tube(
        &mut mesh,
        paint,
        top,
        f.head_high.lerp(f.head_low, if step { 0.7 } else { 0.15 }),
        r,
    );
    tube(&mut mesh, paint, f.crank, f.head_low, r * 1.1);
    tube(&mut mesh, paint, f.head_low, f.head_high, r * 1.1);
    both(|s| {
        let axle = f.rear + Vec3::Y * (s * 0.06);
        tube(&mut mesh, paint, f.crank + Vec3::Y * (s * 0.03), axle, r * 0.6);
        tube(&mut mesh, paint, top + Vec3::Y * (s * 0.02), axle, r * 0.55);
    });
    if kind == "cargo" {
        // A box between the head and the front wheel.
        let material = kit.matte(dice.pick(&[[0.35, 0.22, 0.1], [0.03; 3], [0.08, 0.16, 0.3], [0.3, 0.3, 0.3]]));
        let (low, high) = (
            Vec3::new(0.52, -0.3, 0.3),
            Vec3::new(f.front.x - 0.28, 0.3, dice.range(0.72, 0.95)),
        );
        bevel_box(&mut mesh, material, low, high, 0.05);
        tube(&mut mesh, paint, f.head_low, Vec3::new(f.front.x - 0.25, 0.0, 0.32), r);
    }
    let saddle = kit.matte([0.015; 3]);
    block(
        &mut mesh,
        saddle,
        f.saddle + Vec3::new(-0.13, -0.07, -0.05),
        f.saddle + Vec3::new(0.12, 0.07, 0.0),
    );
    // Mudguard and rear lamp or reflector.
    let mudguard = kind == "city" || kind == "cargo" || dice.chance(0.3);
    if mudguard {
        let at = |t: f32| f.rear + Vec3::new(t.cos(), 0.0, t.sin()) * (f.wheel + 0.02);
        for k in 0..4 {
            let (a, b) = (at(0.7 + 0.55 * k as f32), at(0.7 + 0.55 * (k + 1) as f32));
            let y = Vec3::Y * 0.028;
            facet(&mut mesh, paint, &[a - y, a + y, b + y, b - y]);
        }
    }
    let lamp = kit.lamp([0.3, 0.01, 0.01], Switch::Tail, [1.0, 0.02, 0.02]).retro(0.8);
    let rear = if mudguard {
        f.rear + Vec3::new(-0.92, 0.0, 0.42) * (f.wheel + 0.025)
    } else {
        f.saddle + Vec3::new(-0.12, 0.0, -0.1)
    };
    mesh.cuboid(lamp, rear, Vec3::new(0.03, 0.06, 0.05));
    if kind == "city" || kind == "folding" || dice.chance(0.15) {
        // A carrier, sometimes with a load.
        let steel = kit.metal([0.2; 3]);
        let z = f.wheel * 2.0 + 0.06;
        let x = f.rear.x;
        both(|s| {
            tube(
                &mut mesh,
                steel,
                Vec3::new(x + 0.2, s * 0.05, z),
                Vec3::new(x - 0.2, s * 0.05, z),
                0.008,
            );
        });
        tube(&mut mesh, steel, Vec3::new(x - 0.1, 0.0, z), f.rear, 0.008);
        match dice.count(0, 4) {
            0 => {
                let basket = kit.matte([0.16, 0.1, 0.05]);
                block(
                    &mut mesh,
                    basket,
                    Vec3::new(x - 0.2, -0.15, z),
                    Vec3::new(x + 0.16, 0.15, z + 0.24),
                );
            }
            1 => both(|s| {
                let bag = kit.matte(dice.pick(&[[0.02; 3], [0.3, 0.05, 0.03], [0.04, 0.07, 0.2], [0.5, 0.4, 0.03]]));
                let (a, b) = (s * 0.07, s * 0.2);
                block(
                    &mut mesh,
                    bag,
                    Vec3::new(x - 0.17, a.min(b), z - 0.32),
                    Vec3::new(x + 0.13, a.max(b), z),
                );
            }),
            _ => {}
        }
    }
    mesh
}

/// Fork, handlebar and front lamp.
fn fork_mesh(kit: Kit, kind: &str, frame: &Frame, paint: Material, dice: &mut Dice) -> Mesh {
    let mut mesh = Mesh::new();
    let f = frame;
    let dark = kit.matte([0.02; 3]);
    let stem = Vec3::new(f.head_high.x, 0.0, f.grip.z);
    both(|s| {
        let axle = f.front + Vec3::Y * (s * 0.05);
        let crown = if kind == "cargo" {
            Vec3::new(f.front.x - 0.06, s * 0.05, f.front_wheel * 2.0 + 0.06)
        } else {
            f.head_low + Vec3::Y * (s * 0.045)
        };
        tube(&mut mesh, paint, crown, axle, 0.014);
        let grip = Vec3::new(f.grip.x, f.grip.y * s, f.grip.z);
        let middle = Vec3::new(stem.x + 0.03, s * f.grip.y * 0.5, stem.z + 0.01);
        tube(&mut mesh, kit.metal([0.35; 3]), stem, middle, 0.013);
        tube(&mut mesh, dark, middle, grip, 0.016);
        if kind == "road" {
            // Drops.
            tube(&mut mesh, dark, grip, grip + Vec3::new(0.06, 0.0, -0.1), 0.014);
        }
    });
    tube(&mut mesh, kit.metal([0.35; 3]), f.head_high, stem, 0.015);
    let lamp = kit.lamp([0.6, 0.6, 0.58], Switch::Head, [7.0, 6.8, 6.2]);
    let at = Vec3::new(f.head_low.x + 0.09, 0.0, f.head_low.z + 0.08);
    mesh.cuboid(lamp, at, Vec3::new(0.05, 0.055, 0.055));
    if kind == "city" && dice.chance(0.35) {
        let basket = kit.matte(dice.pick(&[[0.18, 0.11, 0.05], [0.02; 3], [0.4; 3]]));
        let low = Vec3::new(at.x - 0.06, -0.18, f.grip.z - 0.26);
        block(&mut mesh, basket, low, low + Vec3::new(0.26, 0.36, 0.22));
    }
    mesh
}

/// Cranks and pedals around the bottom bracket; the left crank points forward.
fn cranks(kit: Kit, length: f32, pedal: f32) -> Mesh {
    let mut mesh = Mesh::new();
    let steel = kit.metal([0.3; 3]);
    mesh.tube(steel, Vec3::Y * -0.06, Vec3::Y * -0.05, 0.085, 0.085, 6, true);
    both(|s| {
        let end = Vec3::new(length * s, s * (pedal - 0.05), 0.0);
        mesh.tube(steel, Vec3::Y * (s * 0.05), end, 0.012, 0.012, 4, true);
        mesh.cuboid(kit.plastic(), end + Vec3::Y * (s * 0.05), Vec3::new(0.09, 0.09, 0.022));
    });
    mesh
}

fn paint_of(kit: Kit, seed: Seed) -> (&'static str, Material) {
    let mut dice = Dice::new(seed.child("paint"));
    let (name, color) = if dice.chance(0.4) {
        dice.pick(&[("black", [0.02; 3]), ("grey", [0.2; 3]), ("white", [0.7; 3])])
    } else {
        colours::livery(&mut dice)
    };
    (name, kit.paint(color))
}

/// A bicycle without a rider, upright on z = 0, for racks and stands.
pub(super) fn bare(kit: Kit, seed: Seed) -> Mesh {
    let kind = Dice::new(seed.child("kind")).pick(&["city", "road", "mountain"]);
    let mut dice = Dice::new(seed.child("frame"));
    let frame = Frame::draw(kind, dice.range(0.78, 0.95), &mut dice);
    let (_, paint) = paint_of(kit, seed);
    let mut mesh = frame_mesh(kit, kind, &frame, paint, &mut dice);
    mesh.append(&fork_mesh(kit, kind, &frame, paint, &mut dice), Affine3A::IDENTITY);
    mesh.append(&cranks(kit, 0.17, 0.12), Affine3A::from_translation(frame.crank));
    mesh.append(
        &wheel(kit, frame.wheel, frame.tyre),
        Affine3A::from_translation(frame.rear),
    );
    mesh.append(
        &wheel(kit, frame.front_wheel, frame.tyre),
        Affine3A::from_translation(frame.front),
    );
    mesh
}

/// Makes a bicycle.
pub(super) fn generate(variant: Variant, seed: Seed) -> Model {
    let kit = Kit::new(ObjectClass::Bicycle);
    let kind = if variant == Variant::Child {
        "child"
    } else {
        asked_kind(variant, KINDS).unwrap_or_else(|| {
            Dice::new(seed.child("kind")).weighted(&[
                (46.0, "city"),
                (16.0, "road"),
                (18.0, "mountain"),
                (8.0, "child"),
                (6.0, "cargo"),
                (6.0, "folding"),
            ])
        })
    };
    let mut dice = Dice::new(seed.child("body"));
    let build = if kind == "child" {
        Build::child(&mut dice)
    } else {
        Build::adult(&mut dice)
    };
    let look = Look::draw(&mut Dice::new(seed.child("clothes")));
    let mut dice = Dice::new(seed.child("frame"));
    let (thigh, leg_rest) = build.leg();
    // The ball of the foot is on the pedal.
    let shin = leg_rest - build.height * 0.01;
    let frame = Frame::draw(kind, thigh + shin, &mut dice);
    let (name, paint) = paint_of(kit, seed);
    let ridden = variant != Variant::Parked;

    let mut assembly = Assembly::new(ObjectClass::Bicycle, kind);
    assembly.attribute("colour", name);
    assembly.attribute("rider", if ridden { "yes" } else { "no" });
    let mut body = frame_mesh(kit, kind, &frame, paint, &mut dice);
    let pedal = 0.11;
    let crank_length = if kind == "child" { 0.11 } else { 0.17 };
    let hip = frame.saddle + Vec3::new(0.02, 0.0, 0.045 * build.height);
    if ridden {
        rider(
            &mut body,
            kit,
            kind,
            &frame,
            &build,
            &look,
            hip,
            &mut Dice::new(seed.child("rider")),
        );
        assembly.attribute("clothes", look.top.0);
    }
    assembly.part(body, Joint::Fixed);
    assembly.part(fork_mesh(kit, kind, &frame, paint, &mut dice), Joint::Limb { index: 0 });
    assembly.part(cranks(kit, crank_length, pedal), Joint::Limb { index: 1 });
    if ridden {
        legs(&mut assembly, kit, &build, &look, thigh, shin);
    }
    for (hub, radius, steers) in [(frame.front, frame.front_wheel, true), (frame.rear, frame.wheel, false)] {
        assembly.part(wheel(kit, radius, frame.tyre), Joint::Wheel { pivot: hub, steers });
    }
    let axis = if kind == "cargo" {
        Vec3::Z
    } else {
        (frame.head_high - frame.head_low).normalize_or(Vec3::Z)
    };
    assembly.kinematics(Kinematics::Cyclist(Cyclist {
        root: Vec3::ZERO,
        head: if kind == "cargo" { frame.front } else { frame.head_low },
        axis,
        steer_max: if kind == "cargo" { 0.06 } else { 0.3 },
        crank: frame.crank,
        crank_length,
        hip: Vec3::new(hip.x, build.height * 0.052, hip.z),
        thigh,
        shin,
        pedal,
        development: if kind == "child" { 3.2 } else { dice.range(4.0, 6.4) },
    }));
    assembly.axles(frame.front.x - frame.rear.x, frame.wheel);
    assembly.headlights(frame.head_low.x + 0.12, 0.0, frame.head_low.z + 0.08, 0.06);
    assembly.finish()
}

#[expect(clippy::too_many_arguments, reason = "a rider is all of these, once")]
fn rider(body: &mut Mesh, kit: Kit, kind: &str, frame: &Frame, build: &Build, look: &Look, hip: Vec3, dice: &mut Dice) {
    let mut mesh = Mesh::new();
    let helmet = dice.chance(match kind {
        "road" | "mountain" | "child" => 0.9,
        _ => 0.35,
    });
    let gear = if helmet {
        Headgear::Helmet(dice.pick(&[
            [235, 235, 235],
            [25, 25, 28],
            [190, 30, 30],
            [40, 90, 190],
            [210, 220, 30],
        ]))
    } else {
        dice.weighted(&[
            (4.0, Headgear::Short),
            (3.0, Headgear::Long),
            (1.0, Headgear::Cap),
            (1.0, Headgear::Hood),
        ])
    };
    let bright = dice.chance(0.1);
    let top = if bright {
        kit.matte([0.65, 0.8, 0.04]).retro(0.15)
    } else {
        kit.matte(look.top.1)
    };
    let seat = Seat {
        hip,
        hand: frame.grip + Vec3::Z * 0.02,
        lean: frame.lean,
    };
    upper_body(&mut mesh, kit, build, look, seat, gear, top);
    if dice.chance(0.2) {
        let mut bag = Mesh::new();
        let t = build.trunk();
        props::backpack(
            &mut bag,
            kit,
            -build.height * 0.05,
            t * 0.25,
            t * 0.95,
            build.shoulder_half() * 1.5,
            dice,
        );
        mesh.append(
            &bag,
            Affine3A::from_translation(hip) * Affine3A::from_rotation_y(frame.lean),
        );
    }
    body.append(&mesh, Affine3A::IDENTITY);
}

fn legs(assembly: &mut Assembly, kit: Kit, build: &Build, look: &Look, thigh: f32, shin: f32) {
    let r = build.height;
    let cloth = kit.matte(look.bottom.1);
    let calf = if look.long { cloth } else { kit.matte(look.skin) };
    for index in [2, 4] {
        let mut upper = Mesh::new();
        bone(
            &mut upper,
            cloth,
            Vec3::ZERO,
            -Vec3::Z * thigh,
            [r * 0.054, r * 0.036],
            5,
        );
        smooth(&mut upper, 80.0);
        assembly.part(upper, Joint::Limb { index });
        let mut lower = Mesh::new();
        bone(
            &mut lower,
            calf,
            Vec3::ZERO,
            -Vec3::Z * (shin - r * 0.04),
            [r * 0.037, r * 0.022],
            5,
        );
        smooth(&mut lower, 80.0);
        shoe(&mut lower, kit.matte(look.shoes), Vec3::new(-r * 0.03, 0.0, -shin), r);
        assembly.part(lower, Joint::Limb { index: index + 1 });
    }
}
