//! People on foot: proportions by age, clothes, what they carry and push.

use std::f32::consts::{FRAC_PI_2, TAU};

use glam::{Affine3A, Vec3};

use super::assembly::{Assembly, Kit};
use super::colours::{self, Named};
use super::props;
use super::rider::{bone, shoe};
use super::shape::{bevel_box, blob, block, facet, smooth};
use super::wheel::Wheel;
use super::{ArmPose, Joint, Kinematics, Model, PACE_MAX, Variant, Walker, asked_kind};
use crate::Seed;
use crate::dice::Dice;
use crate::material::{Material, Pattern};
use crate::mesh::Mesh;
use crate::object::ObjectClass;
use crate::state::Articulation;

/// Kinds of people. `worker` wears a safety vest, `runner` shorts.
pub(super) const KINDS: &[&str] = &["adult", "child", "elder", "worker", "runner", "pram", "wheelchair"];

/// A person's measures, m.
#[derive(Debug, Clone, Copy)]
pub(super) struct Build {
    pub(super) height: f32,
    /// Girth: 1 is average.
    pub(super) girth: f32,
    /// Height of the hip joints.
    pub(super) hip: f32,
    /// Height of the head.
    pub(super) head: f32,
}

impl Build {
    /// A grown-up.
    pub(super) fn adult(dice: &mut Dice) -> Self {
        Self::of(dice.bell(1.48, 2.0), dice.bell(0.82, 1.35))
    }

    /// A child.
    pub(super) fn child(dice: &mut Dice) -> Self {
        Self::of(dice.range(0.92, 1.5), dice.bell(0.85, 1.2))
    }

    /// Proportions of someone of this height: the shorter, the larger the head and the shorter the legs.
    fn of(height: f32, girth: f32) -> Self {
        let young = ((1.6 - height) / 0.7).clamp(0.0, 1.0);
        Self {
            height,
            girth,
            hip: height * (0.515 - 0.045 * young),
            head: height * 0.128 + 0.035 * young * height,
        }
    }

    pub(super) fn shoulder_half(&self) -> f32 {
        self.height * 0.112 * (0.7 + 0.3 * self.girth)
    }

    /// From the hips to the neck.
    pub(super) fn trunk(&self) -> f32 {
        self.height - self.head * 1.12 - self.hip
    }

    pub(super) fn arm(&self) -> (f32, f32) {
        (self.height * 0.172, self.height * 0.15)
    }

    /// Thigh, and shin with foot.
    pub(super) fn leg(&self) -> (f32, f32) {
        (self.hip * 0.475, self.hip * 0.525)
    }
}

/// Colours of a person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) skin: [f32; 3],
    pub(super) hair: [f32; 3],
    pub(super) top: Named,
    pub(super) bottom: Named,
    pub(super) shoes: [f32; 3],
    /// Sleeves reach the hands.
    pub(super) sleeves: bool,
    /// Trousers reach the feet.
    pub(super) long: bool,
}

impl Look {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        Self {
            skin: colours::skin_tone(dice),
            hair: colours::hair(dice),
            top: colours::cloth(dice, false),
            bottom: colours::cloth(dice, true),
            shoes: dice.pick(&[
                [0.02; 3],
                [0.03, 0.02, 0.015],
                [0.55; 3],
                [0.25, 0.12, 0.06],
                [0.3, 0.05, 0.05],
            ]),
            sleeves: dice.chance(0.7),
            long: dice.chance(0.8),
        }
    }
}

/// What is on a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Headgear {
    /// Hair, short or long.
    Short,
    /// Hair to the shoulders.
    Long,
    /// No hair.
    Bald,
    /// A cap with a peak.
    Cap,
    /// A hat with a brim.
    Hat,
    /// A hood or a scarf.
    Hood,
    /// A builder's helmet, or a cyclist's.
    Helmet([u8; 3]),
    /// A motorcyclist's helmet with its visor.
    FullFace([u8; 3]),
}

/// Draws a head with its neck: the neck's base at `neck`, looking along x. `size` is its height, m.
pub(super) fn head(mesh: &mut Mesh, kit: Kit, look: &Look, neck: Vec3, size: f32, gear: Headgear, cloth: [f32; 3]) {
    let skin = kit.matte(look.skin);
    let radii = Vec3::new(size * 0.42, size * 0.345, size * 0.52);
    let center = neck + Vec3::new(size * 0.1, 0.0, size * 0.6);
    mesh.tube(
        skin,
        neck - Vec3::Z * (size * 0.12),
        center,
        size * 0.26,
        size * 0.25,
        5,
        false,
    );
    let hair = kit.matte(look.hair);
    if let Headgear::FullFace(color) = gear {
        let shell = kit.paint(color.map(|c| f32::from(c) / 255.0));
        mesh.ellipsoid(shell, center, radii * Vec3::new(1.38, 1.42, 1.24), 5, 7);
        let visor = center + Vec3::new(size * 0.16, 0.0, size * 0.06);
        mesh.ellipsoid(kit.glass(), visor, radii * Vec3::new(1.08, 1.2, 0.48), 3, 6);
        return;
    }
    mesh.ellipsoid(skin, center, radii, 4, 7);
    // A nose, so that a face has a side.
    let tip = center + Vec3::new(radii.x * 1.18, 0.0, -size * 0.06);
    let root = |y: f32, z: f32| center + Vec3::new(radii.x * 0.9, y * size * 0.07, z * size);
    facet(mesh, skin, &[root(1.0, -0.1), tip, root(0.0, 0.1)]);
    facet(mesh, skin, &[tip, root(-1.0, -0.1), root(0.0, 0.1)]);
    let back = |x: f32, z: f32| center + Vec3::new(x * size, 0.0, z * size);
    match gear {
        Headgear::Short => mesh.ellipsoid(hair, back(-0.07, 0.12), radii * Vec3::new(1.0, 1.12, 0.88), 3, 7),
        Headgear::Long => {
            mesh.ellipsoid(hair, back(-0.07, 0.12), radii * Vec3::new(1.02, 1.14, 0.9), 3, 7);
            mesh.tube(
                hair,
                back(-0.18, 0.1),
                back(-0.24, -0.72),
                size * 0.34,
                size * 0.27,
                7,
                true,
            );
        }
        Headgear::Bald | Headgear::FullFace(_) => {}
        Headgear::Cap => {
            let cap = kit.matte(cloth);
            mesh.ellipsoid(cap, back(-0.03, 0.2), radii * Vec3::new(1.06, 1.1, 0.72), 3, 7);
            let p = |x: f32, y: f32| center + Vec3::new(x, y, 0.24) * size;
            facet(mesh, cap, &[p(0.25, -0.3), p(0.72, -0.2), p(0.72, 0.2), p(0.25, 0.3)]);
        }
        Headgear::Hat => {
            let hat = kit.matte(cloth);
            let rim = back(-0.02, 0.22);
            mesh.tube(
                hat,
                rim,
                rim + Vec3::Z * (size * 0.45),
                size * 0.46,
                size * 0.36,
                8,
                true,
            );
            let ring: Vec<Vec3> = (0..10)
                .map(|i| {
                    let a = TAU * i as f32 / 10.0;
                    rim + Vec3::new(a.cos() * 0.78, a.sin() * 0.7, 0.0) * size
                })
                .collect();
            facet(mesh, hat, &ring);
        }
        Headgear::Hood => {
            let hood = kit.matte(cloth);
            mesh.ellipsoid(hood, back(-0.1, 0.04), radii * Vec3::new(1.08, 1.22, 1.14), 4, 7);
        }
        Headgear::Helmet(color) => {
            let shell = kit.paint(color.map(|c| f32::from(c) / 255.0));
            mesh.ellipsoid(shell, back(-0.02, 0.22), radii * Vec3::new(1.22, 1.22, 0.82), 4, 7);
        }
    }
}

/// Draws pelvis and chest along a path from the hips (`from`) to the neck (`to`), which lies in the plane y = `from.y`.
pub(super) fn torso(mesh: &mut Mesh, build: &Build, from: Vec3, to: Vec3, top: Material, bottom: Material) {
    let h = build.height;
    let fat = build.girth;
    let along = (to - from).normalize_or(Vec3::Z);
    let length = from.distance(to);
    let at = |t: f32| from + along * (t * length);
    let half = build.shoulder_half();
    blob(
        mesh,
        bottom,
        &[
            (at(-0.16), h * 0.062, h * 0.05),
            (at(-0.05), h * 0.098 * fat, h * 0.062 * fat),
            (at(0.2), h * 0.088 * fat, h * 0.058 * fat),
        ],
        7,
    );
    blob(
        mesh,
        top,
        &[
            (at(0.04), h * 0.094 * fat, h * 0.062 * fat),
            (at(0.36), h * 0.088 * fat, h * 0.062 * fat),
            (at(0.8), half * 0.97, h * 0.062 * fat.sqrt()),
            (at(0.95), half * 0.56, h * 0.045),
            (at(1.02), h * 0.034, h * 0.034),
        ],
        7,
    );
}

fn hanging(mesh: &mut Mesh, material: Material, length: f32, radii: [f32; 2], sides: u32) {
    bone(mesh, material, Vec3::ZERO, -Vec3::Z * length, radii, sides);
}

/// Makes a person.
pub(super) fn generate(variant: Variant, seed: Seed) -> Model {
    let mut dice = Dice::new(seed.child("kind"));
    let kind = match variant {
        Variant::Child => "child",
        Variant::Wheelchair => "wheelchair",
        _ => asked_kind(variant, KINDS).unwrap_or_else(|| {
            let child = if variant == Variant::Adult { 0.0 } else { 10.0 };
            let special = if matches!(variant, Variant::Lying | Variant::Sitting) {
                0.0
            } else {
                1.0
            };
            dice.weighted(&[
                (66.0, "adult"),
                (child, "child"),
                (9.0, "elder"),
                (4.0, "worker"),
                (5.0, "runner"),
                (4.0 * special, "pram"),
                (2.0 * special, "wheelchair"),
            ])
        }),
    };
    let posture = match variant {
        Variant::Sitting | Variant::Lying | Variant::Standing => variant,
        _ => Variant::Any,
    };
    assemble(kind, posture, seed)
}

fn assemble(kind: &'static str, posture: Variant, seed: Seed) -> Model {
    let kit = Kit::new(ObjectClass::Pedestrian);
    let mut dice = Dice::new(seed.child("body"));
    let build = if kind == "child" {
        Build::child(&mut dice)
    } else {
        Build::adult(&mut dice)
    };
    let mut dice = Dice::new(seed.child("clothes"));
    let mut look = Look::draw(&mut dice);
    if kind == "elder" && dice.chance(0.8) {
        look.hair = dice.near([0.5, 0.49, 0.47], 0.2);
    }
    if kind == "runner" {
        (look.sleeves, look.long) = (dice.chance(0.3), dice.chance(0.3));
    }
    let mut props_dice = Dice::new(seed.child("props"));
    let arms = arms(kind, posture, &mut props_dice);
    let (thigh, shin) = build.leg();
    let (upper_arm, forearm) = build.arm();
    let h = build.height;
    let trunk_length = build.trunk();
    let mut walker = Walker {
        root: Vec3::ZERO,
        hip: Vec3::new(0.0, h * 0.052, 0.0),
        shoulder: Vec3::new(0.0, build.shoulder_half() * 1.02, trunk_length * 0.84),
        neck: Vec3::Z * trunk_length,
        thigh,
        shin,
        upper_arm,
        foot: (h * 0.1, h * 0.05),
        pace_max: match kind {
            "runner" | "child" => PACE_MAX,
            "elder" | "pram" => 1.5,
            _ => 1.9,
        },
        stoop: match kind {
            "elder" => dice.range(0.08, 0.32),
            "pram" => 0.1,
            "wheelchair" => 0.0,
            _ => dice.range(0.0, 0.07),
        },
        arms,
        seat: None,
    };
    match (kind, posture) {
        ("wheelchair", _) => walker.seat = Some(0.56),
        (_, Variant::Sitting) => walker.seat = Some((0.45 + h * 0.055).min(shin + h * 0.03)),
        _ => {}
    }

    let mut assembly = Assembly::new(ObjectClass::Pedestrian, kind);
    assembly.attribute("colour", look.top.0);
    assembly.attribute("trousers", look.bottom.0);
    let trunk = trunk(kit, kind, &build, &look, &walker, &mut dice, &mut props_dice);
    assembly.part(trunk, Joint::Limb { index: 0 });
    assembly.part(head_of(kit, kind, &build, &look, &mut dice), Joint::Limb { index: 1 });
    let top = coat(kit, kind, look.top.1);
    let skin = kit.matte(look.skin);
    let r = h * (0.75 + 0.25 * build.girth);
    for (i, pose) in arms.iter().enumerate() {
        let index = 2 + 2 * i as u8;
        let mut upper = Mesh::new();
        hanging(&mut upper, top, upper_arm, [r * 0.034, r * 0.025], 5);
        smooth(&mut upper, 80.0);
        assembly.part(upper, Joint::Limb { index });
        let mut lower = Mesh::new();
        let sleeve = if look.sleeves || kind == "worker" { top } else { skin };
        hanging(&mut lower, sleeve, forearm, [r * 0.026, r * 0.017], 5);
        let hand = Vec3::new(0.0, 0.0, -forearm - h * 0.035);
        lower.ellipsoid(skin, hand, Vec3::new(h * 0.026, h * 0.017, h * 0.042), 3, 6);
        smooth(&mut lower, 80.0);
        in_hand(&mut lower, kit, *pose, hand, h, kind, &mut props_dice);
        assembly.part(lower, Joint::Limb { index: index + 1 });
    }
    let trousers = kit.matte(look.bottom.1);
    let sock = if look.long || kind == "worker" { trousers } else { skin };
    for index in [6, 8] {
        let mut upper = Mesh::new();
        hanging(&mut upper, trousers, thigh, [r * 0.054, r * 0.036], 5);
        smooth(&mut upper, 80.0);
        assembly.part(upper, Joint::Limb { index });
        let mut lower = Mesh::new();
        let ankle = shin - h * 0.04;
        hanging(&mut lower, sock, ankle, [r * 0.037, r * 0.022], 5);
        smooth(&mut lower, 80.0);
        shoe(&mut lower, kit.matte(look.shoes), Vec3::Z * -shin, h);
        assembly.part(lower, Joint::Limb { index: index + 1 });
    }
    match kind {
        "pram" => {
            let mut pram = Mesh::new();
            props::pram(&mut pram, kit, h * 0.27, h * 0.59, &mut props_dice);
            smooth(&mut pram, 50.0);
            assembly.part(pram, Joint::Fixed);
        }
        "wheelchair" => wheelchair(&mut assembly, kit, &build, &mut props_dice),
        _ => {}
    }
    assembly.kinematics(Kinematics::Walker(walker));
    let still = Articulation::default();
    match posture {
        Variant::Lying => {
            let mut dice = Dice::new(seed.child("lying"));
            let sprawled = Articulation {
                gait: dice.range(0.0, 1.0),
                pace: dice.range(0.05, 0.25),
                ..still
            };
            let on_back = if dice.chance(0.5) { -1.0 } else { 1.0 };
            let turn =
                Affine3A::from_rotation_x(dice.range(-0.15, 0.15)) * Affine3A::from_rotation_y(on_back * FRAC_PI_2);
            assembly.frozen(&sprawled, turn)
        }
        Variant::Sitting | Variant::Standing if kind != "wheelchair" => assembly.frozen(&still, Affine3A::IDENTITY),
        _ => assembly.finish(),
    }
}

fn arms(kind: &str, posture: Variant, dice: &mut Dice) -> [ArmPose; 2] {
    if matches!(kind, "pram" | "wheelchair") {
        return [ArmPose::Push; 2];
    }
    if kind == "runner" || posture == Variant::Lying {
        return [ArmPose::Swing; 2];
    }
    let busy = dice.weighted(&[
        (58.0, ArmPose::Swing),
        (20.0, ArmPose::Carry),
        (9.0, ArmPose::Phone),
        (13.0, ArmPose::Hold),
    ]);
    let other = if dice.chance(0.12) {
        ArmPose::Carry
    } else {
        ArmPose::Swing
    };
    if dice.chance(0.5) { [busy, other] } else { [other, busy] }
}

fn coat(kit: Kit, kind: &str, color: [f32; 3]) -> Material {
    if kind == "worker" {
        kit.matte([0.75, 0.22, 0.01]).retro(0.04)
    } else {
        kit.matte(color)
    }
}

fn trunk(kit: Kit, kind: &str, build: &Build, look: &Look, walker: &Walker, dice: &mut Dice, bags: &mut Dice) -> Mesh {
    let mut mesh = Mesh::new();
    let h = build.height;
    let top = coat(kit, kind, look.top.1);
    let cloth = if dice.chance(0.12) && kind != "worker" {
        top.pattern(dice.pick(&[Pattern::Checker { size: 0.06 }, Pattern::Stripes { width: 0.05 }]))
    } else {
        top
    };
    let bottom = kit.matte(look.bottom.1);
    torso(&mut mesh, build, Vec3::ZERO, walker.neck, cloth, bottom);
    smooth(&mut mesh, 60.0);
    let fat = build.girth;
    // Skirts and coats hang from the hips; wide enough for the thighs of a walk.
    let hanging = match kind {
        "runner" | "worker" | "wheelchair" => 0,
        _ => dice.weighted(&[(70.0, 0), (13.0, 1), (17.0, 2)]),
    };
    if hanging > 0 && walker.seat.is_none() {
        let reach = if hanging == 1 {
            dice.range(0.5, 1.35)
        } else {
            dice.range(0.35, 0.95)
        };
        let low = -walker.thigh * reach;
        let flare = if hanging == 1 {
            dice.range(1.15, 1.7)
        } else {
            dice.range(1.1, 1.3)
        };
        let material = if hanging == 1 {
            kit.matte(colours::cloth(dice, false).1)
        } else {
            cloth
        };
        let waist = h * if hanging == 1 { 0.06 } else { 0.12 };
        blob(
            &mut mesh,
            material,
            &[
                (Vec3::Z * low, h * 0.098 * fat * flare, h * 0.09 * fat * flare),
                (Vec3::Z * (-h * 0.01), h * 0.104 * fat, h * 0.075 * fat),
                (Vec3::Z * waist, h * 0.094 * fat, h * 0.066 * fat),
            ],
            10,
        );
    }
    if kind == "worker" || hanging == 0 && dice.chance(0.02) {
        // A vest with reflecting bands.
        let vest = kit.matte([0.72, 0.8, 0.03]).retro(0.08);
        let band = kit.matte([0.6; 3]).retro(1.0);
        let t = build.trunk();
        let half = build.shoulder_half();
        let ring = |z: f32, grow: f32| {
            let chest = z > 0.5;
            let y = if chest { half } else { h * 0.094 * fat };
            (
                Vec3::Z * (t * z),
                y + h * 0.006 * grow,
                h * 0.068 * fat + h * 0.006 * grow,
            )
        };
        blob(
            &mut mesh,
            vest,
            &[ring(0.0, 1.0), ring(0.32, 1.0), ring(0.7, 1.0), ring(0.86, 0.6)],
            8,
        );
        blob(&mut mesh, band, &[ring(0.14, 2.0), ring(0.24, 2.0)], 8);
        blob(&mut mesh, band, &[ring(0.4, 2.4), ring(0.5, 2.4)], 8);
    }
    let t = build.trunk();
    let load = if kind == "child" { 0.4 } else { 0.18 };
    if kind != "wheelchair" && bags.chance(load) {
        props::backpack(
            &mut mesh,
            kit,
            -h * 0.05,
            t * 0.25,
            t * 0.95,
            build.shoulder_half() * 1.5,
            bags,
        );
    } else if bags.chance(0.1) {
        // A bag at the hip, with its strap.
        let bag = kit.matte(colours::cloth(bags, true).1);
        let y = h * 0.11 * fat;
        block(
            &mut mesh,
            bag,
            Vec3::new(-0.14, y, -0.12),
            Vec3::new(0.14, y + 0.09, 0.12),
        );
    }
    mesh
}

fn head_of(kit: Kit, kind: &str, build: &Build, look: &Look, dice: &mut Dice) -> Mesh {
    let mut mesh = Mesh::new();
    let gear = match kind {
        "worker" => Headgear::Helmet(dice.pick(&[[236, 180, 10], [235, 235, 235], [220, 60, 20], [30, 80, 180]])),
        _ => dice.weighted(&[
            (42.0, Headgear::Short),
            (28.0, Headgear::Long),
            (6.0, Headgear::Bald),
            (9.0, Headgear::Cap),
            (4.0, Headgear::Hat),
            (11.0, Headgear::Hood),
        ]),
    };
    let cloth = if gear == Headgear::Hood {
        look.top.1
    } else {
        colours::cloth(dice, true).1
    };
    head(&mut mesh, kit, look, Vec3::ZERO, build.head, gear, cloth);
    smooth(&mut mesh, 60.0);
    mesh
}

fn in_hand(mesh: &mut Mesh, kit: Kit, pose: ArmPose, hand: Vec3, h: f32, kind: &str, dice: &mut Dice) {
    match pose {
        ArmPose::Swing | ArmPose::Push => {}
        ArmPose::Carry if kind == "elder" && dice.chance(0.6) => {
            // A walking stick.
            let tip = hand + Vec3::new(h * 0.04, 0.0, -h * 0.34);
            mesh.tube(kit.matte([0.08, 0.04, 0.02]), tip, hand, 0.012, 0.012, 4, true);
        }
        ArmPose::Carry => {
            let mut bag = Mesh::new();
            // A suitcase would drag: bags end above the ground.
            props::handbag(&mut bag, kit, (h * 0.2).min(0.36) * dice.range(0.7, 1.0), dice);
            mesh.append(&bag, Affine3A::from_translation(hand));
        }
        ArmPose::Phone => {
            let phone = kit.matte([0.01; 3]);
            mesh.cuboid(phone, hand - Vec3::Z * 0.02, Vec3::new(0.012, 0.07, 0.15));
        }
        ArmPose::Hold => {
            // The forearm points forward and up: along it is out of the hand. Up against gravity is across.
            if kind != "child" && dice.chance(0.7) {
                let mut canopy = Mesh::new();
                props::umbrella(&mut canopy, kit, Vec3::ZERO, h * 0.52, dice);
                let tilt = Affine3A::from_translation(hand) * Affine3A::from_rotation_y(1.8);
                mesh.append(&canopy, tilt);
            } else {
                let screen = kit.lamp([0.02; 3], crate::material::Switch::Night, [0.4, 0.45, 0.5]);
                mesh.cuboid(screen, hand - Vec3::Z * 0.05, Vec3::new(0.02, 0.08, 0.15));
            }
        }
    }
}

fn wheelchair(assembly: &mut Assembly, kit: Kit, build: &Build, dice: &mut Dice) {
    let mut mesh = Mesh::new();
    let frame = kit.metal([0.25; 3]);
    let seat = kit.matte(dice.pick(&[[0.02; 3], [0.03, 0.04, 0.12], [0.2, 0.02, 0.02]]));
    let (wide, reach) = (0.27, build.leg().0);
    bevel_box(
        &mut mesh,
        seat,
        Vec3::new(-0.22, -wide + 0.04, 0.42),
        Vec3::new(reach - 0.08, wide - 0.04, 0.48),
        0.02,
    );
    bevel_box(
        &mut mesh,
        seat,
        Vec3::new(-0.25, -wide + 0.04, 0.46),
        Vec3::new(-0.19, wide - 0.04, 0.92),
        0.02,
    );
    for y in [-wide, wide] {
        let p = |x: f32, z: f32| Vec3::new(x, y, z);
        mesh.tube(frame, p(-0.22, 0.3), p(-0.24, 1.0), 0.015, 0.015, 4, false);
        mesh.tube(frame, p(-0.24, 1.0), p(-0.38, 1.0), 0.018, 0.018, 4, true);
        mesh.tube(frame, p(-0.22, 0.68), p(reach * 0.5, 0.68), 0.018, 0.018, 4, true);
        mesh.tube(frame, p(-0.1, 0.32), p(reach, 0.38), 0.015, 0.015, 4, false);
        mesh.tube(frame, p(reach, 0.38), p(reach + 0.16, 0.1), 0.015, 0.015, 4, false);
        mesh.tube(
            kit.rubber(),
            p(reach, 0.09) - Vec3::Y * 0.015,
            p(reach, 0.09) + Vec3::Y * 0.015,
            0.09,
            0.09,
            8,
            true,
        );
    }
    mesh.cuboid(
        kit.plastic(),
        Vec3::new(reach + 0.16, 0.0, 0.1),
        Vec3::new(0.22, 0.4, 0.02),
    );
    assembly.part(mesh, Joint::Fixed);
    let wheel = Wheel {
        radius: 0.3,
        width: 0.035,
        rim: 0.9,
        spokes: 6,
        color: [0.4; 3],
    };
    wheel.straight(assembly, kit, -0.08, wide + 0.04);
    assembly.axles(0.0, 0.3);
}
