//! Things that lie on the road and do not belong there.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use glam::{Affine3A, Vec3};

use super::assembly::{Assembly, Kit};
use super::colours;
use super::shape::{bevel_box, capsule, facet, moved, pipe, smooth};
use super::{Joint, Model, Variant, asked_kind};
use crate::Seed;
use crate::dice::Dice;
use crate::material::{Material, Pattern};
use crate::mesh::Mesh;
use crate::object::ObjectClass;

/// Kinds of debris.
pub(super) const KINDS: &[&str] = &[
    "tyre",
    "tyre_tread",
    "cardboard_boxes",
    "planks",
    "branch",
    "bag",
    "ladder",
    "mattress",
    "traffic_cone",
    "pipe",
    "gravel",
    "suitcase",
    "exhaust",
    "pallet",
    "bucket",
];

/// Makes a thing that lies on the road.
pub(super) fn generate(variant: Variant, seed: Seed) -> Model {
    let kit = Kit::new(ObjectClass::Debris);
    let kind = asked_kind(variant, KINDS).unwrap_or_else(|| Dice::new(seed.child("kind")).pick(KINDS));
    let mut dice = Dice::new(seed.child("shape"));
    let mut mesh = Mesh::new();
    let (degrees, color) = draw(&mut mesh, kit, kind, &mut dice);
    smooth(&mut mesh, degrees);
    let mut assembly = Assembly::new(ObjectClass::Debris, kind);
    if let Some(name) = color {
        assembly.attribute("colour", name);
    }
    assembly.part(mesh, Joint::Fixed);
    assembly.finish()
}

/// Draws it; returns the angle up to which its edges are round, and the name of its colour.
fn draw(mesh: &mut Mesh, kit: Kit, kind: &str, dice: &mut Dice) -> (f32, Option<&'static str>) {
    match kind {
        "tyre" => {
            let truck = dice.chance(0.3);
            let radius = if truck {
                dice.range(0.45, 0.53)
            } else {
                dice.range(0.28, 0.36)
            };
            let width = radius * dice.range(0.5, 0.66);
            let mut tyre = Mesh::new();
            ring(&mut tyre, kit.rubber(), radius, radius * 0.58, width);
            // On its side, or leaning on nothing: upright.
            let turn = if dice.chance(0.85) {
                Affine3A::IDENTITY
            } else {
                Affine3A::from_rotation_x(FRAC_PI_2)
            };
            mesh.append(&moved(&tyre, turn), Affine3A::IDENTITY);
            (50.0, Some("black"))
        }
        "tyre_tread" => {
            // A strip off a truck's tyre, curled.
            let (length, width, curl) = (dice.range(0.7, 1.6), dice.range(0.14, 0.28), dice.range(0.8, 2.6));
            let steps = 9;
            let radius = length / curl;
            let at = |i: u32, y: f32, lift: f32| {
                let a = curl * (i as f32 / steps as f32 - 0.5);
                let r = radius - lift;
                Vec3::new(a.sin() * r, y + 0.04 * (a * 3.0).sin(), radius - a.cos() * r)
            };
            for i in 0..steps {
                let (a, b) = (-width / 2.0, width / 2.0);
                facet(
                    mesh,
                    kit.rubber(),
                    &[at(i, a, 0.03), at(i + 1, a, 0.03), at(i + 1, b, 0.03), at(i, b, 0.03)],
                );
                facet(
                    mesh,
                    kit.rubber(),
                    &[at(i, b, 0.0), at(i + 1, b, 0.0), at(i + 1, a, 0.0), at(i, a, 0.0)],
                );
                facet(
                    mesh,
                    kit.rubber(),
                    &[at(i, a, 0.0), at(i + 1, a, 0.0), at(i + 1, a, 0.03), at(i, a, 0.03)],
                );
                facet(
                    mesh,
                    kit.rubber(),
                    &[at(i, b, 0.03), at(i + 1, b, 0.03), at(i + 1, b, 0.0), at(i, b, 0.0)],
                );
            }
            (40.0, Some("black"))
        }
        "cardboard_boxes" => {
            let count = dice.count(1, 4);
            for i in 0..count {
                let card = kit.matte(dice.near([0.36, 0.24, 0.13], 0.2));
                let size = Vec3::new(dice.range(0.3, 0.7), dice.range(0.25, 0.55), dice.range(0.18, 0.5));
                let spread = if count > 1 { 0.8 } else { 0.0 };
                let at = Vec3::new(
                    dice.range(-spread, spread),
                    dice.range(-spread, spread) * 0.8,
                    size.z / 2.0,
                );
                let mut one = Mesh::new();
                one.cuboid(card, Vec3::ZERO, size);
                let tape = kit.matte([0.5, 0.4, 0.25]);
                one.quad(
                    tape,
                    Vec3::new(-size.x / 2.0, -0.03, size.z / 2.0 + 0.003),
                    Vec3::new(size.x / 2.0, -0.03, size.z / 2.0 + 0.003),
                    Vec3::new(size.x / 2.0, 0.03, size.z / 2.0 + 0.003),
                    Vec3::new(-size.x / 2.0, 0.03, size.z / 2.0 + 0.003),
                );
                // A flap that stands open.
                let hinge = Vec3::new(size.x / 2.0, 0.0, size.z / 2.0);
                let half = Vec3::Y * (size.y / 2.0);
                let flap = Vec3::new(dice.range(0.05, 0.2), 0.0, dice.range(-0.08, 0.15));
                facet(
                    &mut one,
                    card,
                    &[hinge - half, hinge + half, hinge + half + flap, hinge - half + flap],
                );
                let lift = if i == 3 { Vec3::Z * 0.3 } else { Vec3::ZERO };
                let turn = Affine3A::from_translation(at + lift) * Affine3A::from_rotation_z(dice.range(0.0, TAU));
                mesh.append(&one, turn);
            }
            (20.0, Some("brown"))
        }
        "planks" => {
            let count = dice.count(1, 5);
            for i in 0..count {
                let wood = kit.matte(dice.near([0.38, 0.25, 0.13], 0.25));
                let size = Vec3::new(dice.range(1.0, 3.2), dice.range(0.09, 0.22), dice.range(0.025, 0.06));
                let turn = Affine3A::from_translation(Vec3::new(
                    dice.range(-0.3, 0.3),
                    dice.range(-0.4, 0.4),
                    0.03 + 0.045 * i as f32,
                )) * Affine3A::from_rotation_z(dice.range(-0.5, 0.5));
                let mut one = Mesh::new();
                one.cuboid(wood, Vec3::ZERO, size);
                mesh.append(&one, turn);
            }
            (20.0, Some("brown"))
        }
        "branch" => {
            let bark = kit.matte([0.11, 0.08, 0.055]);
            let length = dice.range(1.2, 3.5);
            let r = length * dice.range(0.014, 0.026);
            let mut points = vec![Vec3::new(-length / 2.0, 0.0, r)];
            for i in 1..=4 {
                let x = length * (i as f32 / 4.0 - 0.5);
                points.push(Vec3::new(
                    x,
                    dice.range(-0.12, 0.12) * length,
                    r + dice.range(0.0, 0.06) * length,
                ));
            }
            for (i, pair) in points.windows(2).enumerate() {
                let taper = |k: usize| r * (1.0 - 0.18 * k as f32);
                mesh.tube(bark, pair[0], pair[1], taper(i), taper(i + 1), 6, true);
            }
            let leaf = kit.matte(dice.pick(&[[0.06, 0.14, 0.03], [0.1, 0.16, 0.04], [0.24, 0.14, 0.04]]));
            let leaf = leaf.pattern(Pattern::Leaves { scale: 0.06 });
            let bare = dice.chance(0.25);
            for _ in 0..dice.count(4, 8) {
                let at = points[dice.count(1, 4) as usize];
                let out =
                    Vec3::new(dice.range(0.1, 0.4), dice.range(-0.4, 0.4), dice.range(0.0, 0.25)) * (length * 0.5);
                let tip = (at + out).max(Vec3::new(f32::MIN, f32::MIN, 0.02));
                mesh.tube(bark, at, tip, r * 0.4, r * 0.15, 4, false);
                if !bare {
                    let size = length * dice.range(0.06, 0.13);
                    mesh.ellipsoid(
                        leaf,
                        tip + Vec3::Z * (size * 0.5),
                        Vec3::new(size, size, size * 0.6),
                        4,
                        6,
                    );
                }
            }
            (50.0, None)
        }
        "bag" => {
            let (name, color) = dice.pick(&[
                ("black", [0.02; 3]),
                ("white", [0.65; 3]),
                ("blue", [0.05, 0.12, 0.4]),
                ("grey", [0.25; 3]),
            ]);
            let sack = kit.paint(color).pattern(Pattern::Noise {
                scale: 0.12,
                amount: 0.4,
            });
            let r = dice.range(0.2, 0.42);
            let low = dice.range(0.65, 0.95);
            mesh.ellipsoid(
                sack,
                Vec3::new(0.0, 0.0, r * low * 0.85),
                Vec3::new(r * dice.range(1.0, 1.3), r, r * low),
                6,
                10,
            );
            let knot = Vec3::new(r * 0.2, 0.0, r * low * 1.6);
            capsule(
                mesh,
                sack,
                knot,
                knot + Vec3::new(0.03, 0.02, r * 0.35),
                r * 0.14,
                r * 0.22,
                6,
            );
            (60.0, Some(name))
        }
        "ladder" => {
            let steel = kit.metal(dice.pick(&[[0.5; 3], [0.5; 3], [0.4, 0.26, 0.12]]));
            let (length, half) = (dice.range(2.0, 4.2), dice.range(0.18, 0.24));
            for y in [-half, half] {
                mesh.cuboid(steel, Vec3::new(0.0, y, 0.04), Vec3::new(length, 0.03, 0.07));
            }
            let count = (length / 0.28) as u32;
            for i in 0..count {
                let x = length * ((i as f32 + 0.5) / count as f32 - 0.5);
                mesh.tube(
                    steel,
                    Vec3::new(x, -half, 0.04),
                    Vec3::new(x, half, 0.04),
                    0.016,
                    0.016,
                    4,
                    false,
                );
            }
            (40.0, Some("silver"))
        }
        "mattress" => {
            let size = Vec3::new(dice.range(1.85, 2.05), dice.range(0.8, 1.6), dice.range(0.14, 0.24));
            let cloth = kit.matte(dice.pick(&[[0.62, 0.6, 0.56], [0.5, 0.55, 0.62], [0.6, 0.5, 0.42]]));
            let cloth = cloth.pattern(Pattern::Checker { size: 0.2 });
            bevel_box(
                mesh,
                cloth,
                Vec3::new(-size.x / 2.0, -size.y / 2.0, 0.0),
                Vec3::new(size.x / 2.0, size.y / 2.0, size.z),
                0.06,
            );
            let band = kit.matte([0.12, 0.14, 0.2]);
            mesh.cuboid(
                band,
                Vec3::Z * (size.z / 2.0),
                Vec3::new(size.x + 0.004, size.y + 0.004, 0.02),
            );
            (50.0, Some("white"))
        }
        "traffic_cone" => {
            let height = dice.range(0.45, 0.78);
            let r = height * 0.21;
            let orange = kit.paint([0.75, 0.14, 0.01]);
            let white = kit.paint([0.7; 3]).retro(0.7);
            let mut cone = Mesh::new();
            let at = |t: f32| (Vec3::Z * (0.03 + height * t), r + (0.03 - r) * t);
            for (a, b, material) in [
                (0.0, 0.28, orange),
                (0.28, 0.48, white),
                (0.48, 0.64, orange),
                (0.64, 0.8, white),
                (0.8, 1.0, orange),
            ] {
                let ((p, r0), (q, r1)) = (at(a), at(b));
                cone.tube(material, p, q, r0, r1, 10, b >= 1.0);
            }
            bevel_box(
                &mut cone,
                orange,
                Vec3::new(-r * 1.25, -r * 1.25, 0.0),
                Vec3::new(r * 1.25, r * 1.25, 0.03),
                0.01,
            );
            // Fallen over, mostly.
            let turn = if dice.chance(0.8) {
                Affine3A::from_rotation_z(dice.range(0.0, TAU)) * Affine3A::from_rotation_y(FRAC_PI_2 + 0.22)
            } else {
                Affine3A::IDENTITY
            };
            mesh.append(&cone, turn);
            (40.0, Some("orange"))
        }
        "pipe" => {
            let steel = kit.metal(dice.pick(&[[0.3; 3], [0.25, 0.12, 0.06], [0.5; 3]]));
            let length = dice.range(1.2, 4.0);
            for i in 0..dice.count(1, 3) {
                let r = dice.range(0.03, 0.11);
                let y = 0.25 * i as f32;
                let turn = dice.range(-0.3, 0.3);
                let along = Vec3::new(turn.cos(), turn.sin(), 0.0) * (length / 2.0);
                let c = Vec3::new(0.0, y, r);
                mesh.tube(steel, c - along, c + along, r, r, 10, false);
                mesh.tube(steel, c + along, c - along, r * 0.85, r * 0.85, 10, false);
            }
            (50.0, None)
        }
        "gravel" => {
            let (r, high) = (dice.range(0.5, 1.3), dice.range(0.15, 0.45));
            let stone = kit.matte(dice.pick(&[[0.28, 0.27, 0.25], [0.36, 0.3, 0.22], [0.14, 0.1, 0.07]]));
            let stone = stone.pattern(Pattern::Noise {
                scale: 0.08,
                amount: 0.6,
            });
            heap(mesh, stone, r, high, dice);
            (35.0, None)
        }
        "suitcase" => {
            let (name, color) = colours::cloth(dice, false);
            let size = Vec3::new(dice.range(0.5, 0.8), dice.range(0.35, 0.52), dice.range(0.2, 0.3));
            let shell = kit.paint(color);
            bevel_box(
                mesh,
                shell,
                Vec3::new(-size.x / 2.0, -size.y / 2.0, 0.0),
                Vec3::new(size.x / 2.0, size.y / 2.0, size.z),
                0.05,
            );
            mesh.cuboid(
                kit.plastic(),
                Vec3::Z * (size.z / 2.0),
                Vec3::new(size.x + 0.006, size.y + 0.006, 0.015),
            );
            let x = size.x / 2.0;
            let grip = [
                Vec3::new(x, -0.08, size.z * 0.5),
                Vec3::new(x + 0.06, -0.07, size.z * 0.5),
                Vec3::new(x + 0.06, 0.07, size.z * 0.5),
                Vec3::new(x, 0.08, size.z * 0.5),
            ];
            pipe(mesh, kit.plastic(), &grip, 0.014, 4);
            (40.0, Some(name))
        }
        "exhaust" => {
            let rust = kit.metal(dice.pick(&[[0.16, 0.09, 0.05], [0.22, 0.2, 0.18]]));
            let length = dice.range(0.9, 1.8);
            let p = |x: f32, y: f32, z: f32| Vec3::new(x * length, y, z);
            pipe(
                mesh,
                rust,
                &[p(-0.5, 0.1, 0.04), p(-0.2, 0.0, 0.06), p(0.1, 0.0, 0.09)],
                0.03,
                6,
            );
            mesh.tube(rust, p(0.1, 0.0, 0.1), p(0.42, 0.0, 0.1), 0.1, 0.1, 8, true);
            pipe(mesh, rust, &[p(0.42, 0.0, 0.1), p(0.55, 0.06, 0.05)], 0.03, 6);
            (50.0, Some("brown"))
        }
        "pallet" => {
            let wood = kit.matte(dice.near([0.4, 0.28, 0.16], 0.25));
            // Euro pallets and their larger and smaller relatives.
            let (length, width) = (dice.range(1.0, 1.25), dice.range(0.6, 1.05));
            for i in 0..5 {
                let y = width * (0.2 * i as f32 - 0.4);
                mesh.cuboid(wood, Vec3::new(0.0, y, 0.133), Vec3::new(length, width * 0.14, 0.022));
            }
            for x in [-0.45, 0.0, 0.45] {
                mesh.cuboid(wood, Vec3::new(x * length, 0.0, 0.061), Vec3::new(0.1, width, 0.122));
            }
            if dice.chance(0.3) {
                let card = kit.matte([0.36, 0.24, 0.13]);
                let z = dice.range(0.2, 0.7);
                mesh.cuboid(
                    card,
                    Vec3::new(0.05, 0.0, 0.145 + z / 2.0),
                    Vec3::new(length * 0.75, width * 0.8, z),
                );
            }
            (20.0, Some("brown"))
        }
        _ => {
            // A bucket or a small drum on its side.
            let (name, color) = colours::livery(dice);
            let (r, length) = (dice.range(0.13, 0.3), dice.range(0.28, 0.9));
            let shell = kit.paint(color);
            let c = Vec3::new(0.0, 0.0, r);
            let half = Vec3::X * (length / 2.0);
            mesh.tube(shell, c - half, c + half, r * 0.95, r, 12, false);
            mesh.tube(kit.plastic(), c + half, c - half, r * 0.93, r * 0.88, 12, false);
            let lid: Vec<Vec3> = (0..12)
                .map(|i| {
                    let a = -TAU * i as f32 / 12.0;
                    c - half + Vec3::new(0.0, a.cos(), a.sin()) * (r * 0.95)
                })
                .collect();
            facet(mesh, shell, &lid);
            (40.0, Some(name))
        }
    }
}

/// A tyre lying on z = 0: a ring with a rounded section.
fn ring(mesh: &mut Mesh, material: Material, outer: f32, inner: f32, width: f32) {
    const SIDES: u32 = 14;
    let section = [
        (inner, 0.1),
        (f32::midpoint(inner, outer), 0.0),
        (outer * 0.96, 0.1),
        (outer, 0.3),
        (outer, 0.7),
        (outer * 0.96, 0.9),
        (f32::midpoint(inner, outer), 1.0),
        (inner, 0.9),
    ];
    let at = |i: u32, k: usize| {
        let a = TAU * (i % SIDES) as f32 / SIDES as f32;
        let (r, z) = section[k % section.len()];
        Vec3::new(a.cos() * r, a.sin() * r, z * width)
    };
    for i in 0..SIDES {
        for k in 0..section.len() {
            facet(
                mesh,
                material,
                &[at(i, k), at(i + 1, k), at(i + 1, k + 1), at(i, k + 1)],
            );
        }
    }
}

/// A heap with an uneven rim.
fn heap(mesh: &mut Mesh, material: Material, radius: f32, high: f32, dice: &mut Dice) {
    const SIDES: usize = 14;
    let rings: Vec<Vec<Vec3>> = [(1.0, 0.0), (0.72, 0.45), (0.4, 0.8)]
        .iter()
        .map(|(r, z)| {
            (0..SIDES)
                .map(|i| {
                    let a = 2.0 * PI * i as f32 / SIDES as f32;
                    let r = radius * r * dice.range(0.78, 1.1);
                    Vec3::new(a.cos() * r, a.sin() * r, high * z * dice.range(0.8, 1.15))
                })
                .collect()
        })
        .collect();
    let peak = Vec3::new(0.0, 0.0, high);
    for i in 0..SIDES {
        let j = (i + 1) % SIDES;
        for pair in rings.windows(2) {
            // Two triangles: the corners do not lie in a plane.
            facet(mesh, material, &[pair[0][i], pair[0][j], pair[1][j]]);
            facet(mesh, material, &[pair[0][i], pair[1][j], pair[1][i]]);
        }
        facet(mesh, material, &[rings[2][i], rings[2][j], peak]);
    }
}
