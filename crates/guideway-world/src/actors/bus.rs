//! Buses: city buses, articulated ones, coaches, school buses, double-deckers.

use std::f32::consts::FRAC_PI_2;

use glam::{Affine3A, Vec2, Vec3};

use super::assembly::{Assembly, Kit};
use super::body::{Arch, Outline, Station, column, mirrors};
use super::colours::{self, Named};
use super::shape::{Skin, both, plate_x, plate_y, smooth};
use super::wheel::Wheel;
use super::{Hitch, Joint, Kinematics, Model, SWING_MAX, Variant, asked_kind};
use crate::Seed;
use crate::dice::Dice;
use crate::material::{Material, Switch, srgb};
use crate::mesh::Mesh;
use crate::object::ObjectClass;
use crate::state::Articulation;

/// Kinds of buses.
pub(super) const KINDS: &[&str] = &[
    "city_bus",
    "articulated_bus",
    "coach",
    "school_bus",
    "double_decker",
    "midibus",
];

/// Measures, m. Distances from the front end backwards.
struct Shape {
    length: f32,
    half: f32,
    height: f32,
    floor: f32,
    belt: f32,
    /// Top of the side windows.
    lintel: f32,
    rake: f32,
    bonnet: f32,
    wheel: f32,
    front_axle: f32,
    rear_axle: f32,
}

impl Shape {
    fn draw(kind: &str, dice: &mut Dice) -> Self {
        let ((l0, l1), half, (h0, h1)) = match kind {
            "coach" => ((11.5, 13.2), 1.27, (3.4, 3.8)),
            "school_bus" => ((9.5, 11.8), 1.2, (2.95, 3.2)),
            "double_decker" => ((10.2, 11.4), 1.26, (4.1, 4.35)),
            "midibus" => ((7.5, 9.2), 1.15, (2.8, 3.1)),
            _ => ((10.8, 12.4), 1.27, (2.95, 3.25)),
        };
        let length = dice.range(l0, l1);
        let height = dice.range(h0, h1);
        let school = kind == "school_bus";
        let bonnet = if school { dice.range(1.2, 1.6) } else { 0.0 };
        let belt = match kind {
            "coach" => dice.range(1.6, 1.85),
            "school_bus" => 1.55,
            _ => dice.range(1.1, 1.3),
        };
        let wheel = dice.range(0.47, 0.52);
        let front_axle = if school {
            0.95
        } else {
            dice.range(2.4, 2.75).min(length * 0.27)
        };
        Self {
            length,
            half,
            height,
            floor: dice.range(0.3, 0.36) + if school { 0.2 } else { 0.0 },
            belt,
            lintel: if kind == "double_decker" {
                2.05
            } else {
                height - dice.range(0.42, 0.55)
            },
            rake: dice.range(0.08, 0.3) + if kind == "coach" { 0.25 } else { 0.0 },
            bonnet,
            wheel,
            front_axle,
            rear_axle: length - dice.range(0.24, 0.29) * length,
        }
    }

    fn outline(&self, arches: &[f32]) -> Outline {
        let station = |back: f32, bottom: f32, top: f32, half: f32| Station {
            x: -back,
            bottom,
            top,
            half,
        };
        let (b, f) = (self.bonnet, self.floor);
        let mut stations = vec![];
        if b > 0.0 {
            let narrow = self.half * 0.8;
            stations.push(station(0.0, f + 0.08, 1.25, narrow * 0.9));
            stations.push(station(0.1, f + 0.05, 1.33, narrow));
            stations.push(station(b - 0.02, f, self.belt - 0.12, narrow * 1.04));
            stations.push(station(b, f, self.belt - 0.05, self.half * 0.97));
        } else {
            stations.push(station(0.0, f + 0.06, self.belt - 0.12, self.half * 0.93));
            stations.push(station(0.07, f + 0.02, self.belt - 0.04, self.half * 0.985));
        }
        stations.push(station(b + 0.09 + self.rake, f, self.height - 0.13, self.half));
        stations.push(station(b + 0.45 + self.rake, f, self.height, self.half));
        stations.push(station(self.length - 0.1, f + 0.03, self.height, self.half));
        stations.push(station(self.length, f + 0.1, self.height - 0.12, self.half * 0.94));
        Outline {
            stations,
            arches: arches
                .iter()
                .map(|back| Arch {
                    x: -back,
                    z: self.wheel,
                    radius: self.wheel * 1.17,
                })
                .collect(),
            deck: 0.93,
            shoulder: 0.13,
            crown: 0.03,
            waist: 0.35,
        }
    }
}

fn livery(kind: &str, seed: Seed) -> Named {
    let mut dice = Dice::new(seed.child("paint"));
    match kind {
        "school_bus" => ("yellow", dice.near(srgb(244, 174, 10), 0.06)),
        "double_decker" => dice.weighted(&[
            (5.0, ("red", srgb(186, 20, 24))),
            (2.0, ("green", srgb(30, 110, 60))),
            (1.0, ("blue", srgb(30, 70, 150))),
        ]),
        _ => {
            let (name, color) = dice.weighted(&[
                (5.0, ("white", srgb(232, 232, 230))),
                (4.0, ("red", srgb(182, 26, 30))),
                (4.0, ("blue", srgb(34, 88, 170))),
                (3.0, ("yellow", srgb(240, 186, 24))),
                (3.0, ("green", srgb(58, 142, 70))),
                (2.0, ("silver", srgb(170, 174, 178))),
                (2.0, ("orange", srgb(226, 116, 28))),
                (1.0, ("purple", srgb(96, 40, 110))),
            ]);
            (name, dice.near(color, 0.1))
        }
    }
}

/// Makes a bus.
pub(super) fn generate(variant: Variant, seed: Seed) -> Model {
    let kind = asked_kind(variant, KINDS).unwrap_or_else(|| {
        let mut dice = Dice::new(seed.child("kind"));
        if variant == Variant::BusWithBicycles {
            return dice.pick(&["city_bus", "midibus", "coach"]);
        }
        dice.weighted(&[
            (44.0, "city_bus"),
            (13.0, "articulated_bus"),
            (18.0, "coach"),
            (8.0, "school_bus"),
            (8.0, "double_decker"),
            (9.0, "midibus"),
        ])
    });
    let assembly = assemble(kind, variant == Variant::BusWithBicycles, seed);
    if variant == Variant::Overturned {
        let side = Dice::new(seed.child("side")).pick(&[-1.0, 1.0]);
        return assembly.frozen(&Articulation::default(), Affine3A::from_rotation_x(side * FRAC_PI_2));
    }
    assembly.finish()
}

fn assemble(kind: &'static str, bicycles: bool, seed: Seed) -> Assembly {
    let kit = Kit::new(ObjectClass::Bus);
    let (name, color) = livery(kind, seed);
    let shape = Shape::draw(kind, &mut Dice::new(seed.child("shape")));
    let mut dice = Dice::new(seed.child("detail"));
    let mut assembly = Assembly::new(ObjectClass::Bus, kind);
    assembly.attribute("colour", name);
    let paint = kit.paint(color);
    let articulated = kind == "articulated_bus";

    let mut mesh = Mesh::new();
    let outline = shape.outline(&[shape.front_axle, shape.rear_axle]);
    let skin = outline.skin();
    let two_tone = dice.chance(0.5) && kind != "school_bus";
    let lower = if two_tone {
        kit.paint(dice.pick(&[colours::WHITE, [0.04; 3], [0.3, 0.3, 0.32]]))
    } else {
        paint
    };
    shell(&mut mesh, kit, &skin, &shape, paint, lower);
    outline.underbody(&mut mesh, kit, shape.floor);
    smooth(&mut mesh, 30.0);
    windows(
        &mut mesh,
        kit,
        kind,
        &shape,
        (shape.bonnet + shape.rake + 0.55, shape.length - 0.25),
        &mut dice,
    );
    front(&mut mesh, kit, kind, &skin, &shape, &mut dice);
    if articulated {
        rear_section(&mut assembly, kit, &shape, paint, lower, seed, &mut dice);
    } else {
        rear(&mut mesh, kit, kind, &shape, -shape.length, &mut dice);
    }
    if kind == "school_bus" {
        let black = kit.matte([0.015; 3]);
        for z in [1.0, 1.32] {
            both(|s| {
                let x = -f32::midpoint(shape.bonnet + 0.4, shape.length);
                plate_y(
                    &mut mesh,
                    black,
                    Vec3::new(x, s * (shape.half + 0.006), z),
                    shape.length - 2.2,
                    0.05,
                    s,
                );
            });
        }
    } else if dice.chance(0.5) {
        let mark = kit.paint(colours::livery(&mut dice).1.map(|c| c * 0.7));
        let x = -f32::midpoint(shape.front_axle, shape.rear_axle);
        let z = f32::midpoint(shape.floor, shape.belt) + 0.1;
        let length = (shape.rear_axle - shape.front_axle - shape.wheel * 2.6) * dice.range(0.5, 1.0);
        both(|s| {
            plate_y(
                &mut mesh,
                mark,
                Vec3::new(x, s * (shape.half + 0.008), z),
                length,
                dice.range(0.2, 0.5),
                s,
            );
        });
    }
    mirrors(
        &mut mesh,
        kit,
        kit.plastic(),
        -shape.bonnet + 0.05,
        shape.half + 0.2,
        shape.lintel.min(2.6) - 0.25,
        Vec3::new(0.12, 0.2, 0.42),
    );
    if bicycles {
        rack(&mut mesh, kit, &shape, seed);
        assembly.attribute("load", "bicycles");
    }
    assembly.part(mesh, Joint::Fixed);
    let wheel = Wheel::truck(&mut Dice::new(seed.child("wheel")), shape.wheel);
    let track = wheel.track(shape.half, shape.half + 0.2);
    wheel.steered(&mut assembly, kit, -shape.front_axle, track);
    wheel.straight(&mut assembly, kit, -shape.rear_axle, track);
    assembly.axles(shape.rear_axle - shape.front_axle, shape.wheel);
    assembly.headlights(-0.03, shape.half * 0.72, 0.78, 1.1);
    assembly
}

/// Draws a shell with its windscreen.
fn shell(mesh: &mut Mesh, kit: Kit, skin: &Skin, shape: &Shape, paint: Material, lower: Material) {
    let screen = -(shape.bonnet + 0.09 + shape.rake);
    let row_of_screen = (0..skin.sections.len() - 1)
        .find(|row| (skin.sections[row + 1][0].x - screen).abs() < 1e-4)
        .unwrap_or(usize::MAX);
    skin.draw(mesh, |row, column| {
        let deck = (3..5).contains(&column);
        let low = column == column::SILL || column == skin.mirrored(column::SILL);
        Some(if row == row_of_screen && deck {
            kit.glass()
        } else if low {
            lower
        } else {
            paint
        })
    });
    skin.caps(mesh, Some(paint), Some(paint));
}

/// Side windows from `span.0` to `span.1` (backwards), and doors on the right.
fn windows(mesh: &mut Mesh, kit: Kit, kind: &str, shape: &Shape, span: (f32, f32), dice: &mut Dice) {
    let glass = kit.glass();
    let y = shape.half + 0.006;
    let frame = kit.matte([0.012; 3]);
    let banded = matches!(kind, "coach") || dice.chance(0.4);
    let pitch = if kind == "school_bus" {
        0.8
    } else {
        dice.range(1.2, 1.7)
    };
    let length = span.1 - span.0;
    let count = (length / pitch).round().clamp(2.0, 14.0);
    let step = length / count;
    let doors: Vec<f32> = match kind {
        "city_bus" | "articulated_bus" => vec![
            span.0 + step * 0.5 - 0.3,
            span.0 + (count * 0.5).floor() * step + step / 2.0,
        ],
        "school_bus" => vec![span.0 + step * 0.6],
        _ => vec![span.0 + step * 0.35],
    };
    let decks: &[(f32, f32)] = if kind == "double_decker" {
        &[(shape.belt, shape.lintel), (2.65, shape.height - 0.32)]
    } else {
        &[(shape.belt, shape.lintel)]
    };
    for (low, high) in decks {
        let z = f32::midpoint(*low, *high);
        both(|s| {
            if banded {
                let x = -f32::midpoint(span.0, span.1);
                plate_y(mesh, frame, Vec3::new(x, s * y, z), length + 0.1, high - low + 0.08, s);
            }
            for i in 0..count as u32 {
                let back = span.0 + step * (i as f32 + 0.5);
                let gap = if banded { 0.06 } else { 0.14 };
                plate_y(
                    mesh,
                    glass,
                    Vec3::new(-back, s * (y + 0.006), z),
                    step - gap,
                    high - low,
                    s,
                );
            }
        });
    }
    for back in doors {
        // A frame and two leaves of glass from the floor up.
        let (low, high) = (shape.floor + 0.08, shape.lintel);
        let z = f32::midpoint(low, high);
        let outer = -(y + 0.014);
        plate_y(mesh, frame, Vec3::new(-back, outer, z), 1.24, high - low + 0.08, -1.0);
        for dx in [-0.3, 0.3] {
            plate_y(
                mesh,
                glass,
                Vec3::new(-back + dx, outer - 0.008, z + 0.05),
                0.5,
                high - low - 0.22,
                -1.0,
            );
        }
    }
}

/// Lamps, plate, destination display.
fn front(mesh: &mut Mesh, kit: Kit, kind: &str, skin: &Skin, shape: &Shape, dice: &mut Dice) {
    let at = 0.008;
    let wide = if shape.bonnet > 0.0 {
        shape.half * 0.78
    } else {
        shape.half * 0.92
    };
    both(|s| {
        let y = s * wide * 0.76;
        plate_x(mesh, kit.headlamp(), Vec3::new(at, y, 0.78), 0.34, 0.2, 1.0);
        plate_x(mesh, kit.indicator(s), Vec3::new(at, y, 0.95), 0.34, 0.08, 1.0);
    });
    let dark = kit.matte([0.012; 3]);
    if shape.bonnet > 0.0 {
        plate_x(mesh, dark, Vec3::new(at, 0.0, 0.98), wide * 0.95, 0.34, 1.0);
    } else if dice.chance(0.5) {
        plate_x(mesh, dark, Vec3::new(at, 0.0, shape.belt - 0.25), wide * 1.3, 0.12, 1.0);
    }
    plate_x(
        mesh,
        kit.plastic(),
        Vec3::new(at - 0.002, 0.0, 0.53),
        wide * 1.8,
        0.18,
        1.0,
    );
    plate_x(
        mesh,
        kit.number_plate(false),
        Vec3::new(at + 0.01, 0.0, 0.55),
        0.52,
        0.11,
        1.0,
    );
    let Some(row) = (0..skin.sections.len() - 1)
        .find(|row| (skin.sections[row + 1][0].x + shape.bonnet + 0.09 + shape.rake).abs() < 1e-4)
    else {
        return;
    };
    // Above the windscreen: a dark band with the line's number and name, or a painted header.
    let band = if kind == "school_bus" {
        kit.paint(srgb(244, 174, 10))
    } else {
        dark
    };
    let tall = if kind == "double_decker" { 0.12 } else { 0.2 };
    for column in [3, 4] {
        skin.patch(
            mesh,
            band,
            (row, column),
            Vec2::new(0.97 - tall, 1.0),
            Vec2::new(0.0, 1.0),
            0.008,
        );
        if kind == "double_decker" {
            // Between the decks.
            let paint = kit.paint(dice.pick(&[[0.4, 0.02, 0.02], [0.02; 3]]));
            skin.patch(
                mesh,
                paint,
                (row, column),
                Vec2::new(0.36, 0.52),
                Vec2::new(0.0, 1.0),
                0.008,
            );
        }
    }
    if kind == "school_bus" {
        let amber = kit.beacon([0.9, 0.4, 0.02]);
        for (column, v) in [(3, Vec2::new(0.05, 0.25)), (4, Vec2::new(0.75, 0.95))] {
            skin.patch(mesh, amber, (row, column), Vec2::new(0.82, 0.95), v, 0.016);
        }
    } else {
        let sign = kit.lamp([0.5, 0.22, 0.02], Switch::Always, [0.75, 0.34, 0.02]);
        let u = Vec2::new(0.985 - tall * 0.85, 0.97);
        skin.patch(mesh, sign, (row, 3), u, Vec2::new(0.3, 0.9), 0.016);
        skin.patch(mesh, sign, (row, 4), u, Vec2::new(0.05, 0.45), 0.016);
        skin.patch(mesh, sign, (row, 4), u, Vec2::new(0.55, 0.75), 0.016);
    }
}

/// Lamps, window and engine cover at the rear end at `x`.
fn rear(mesh: &mut Mesh, kit: Kit, kind: &str, shape: &Shape, x: f32, dice: &mut Dice) {
    let at = x - 0.008;
    let half = shape.half * 0.94;
    let glass_high = if dice.chance(0.8) {
        shape.lintel
    } else {
        shape.belt + 0.4
    };
    let z = f32::midpoint(shape.belt + 0.12, glass_high);
    plate_x(
        mesh,
        kit.glass(),
        Vec3::new(at, 0.0, z),
        half * 1.6,
        glass_high - shape.belt - 0.12,
        -1.0,
    );
    if kind == "double_decker" {
        plate_x(mesh, kit.glass(), Vec3::new(at, 0.0, 3.2), half * 1.6, 0.8, -1.0);
    }
    plate_x(
        mesh,
        kit.matte([0.03; 3]),
        Vec3::new(at, 0.0, 0.85),
        half * 1.2,
        0.4,
        -1.0,
    );
    plate_x(
        mesh,
        kit.number_plate(false),
        Vec3::new(at - 0.006, 0.0, 0.55),
        0.52,
        0.115,
        -1.0,
    );
    both(|s| {
        let y = s * (half - 0.13);
        let mut z = shape.floor + 0.3;
        for (lamp, height) in [
            (kit.reversing_lamp(), 0.1),
            (kit.tail_lamp(), 0.18),
            (kit.brake_lamp(), 0.18),
            (kit.indicator(s), 0.13),
        ] {
            plate_x(
                mesh,
                lamp,
                Vec3::new(at - 0.004, y, z + height / 2.0),
                0.17,
                height,
                -1.0,
            );
            z += height;
        }
        plate_x(
            mesh,
            kit.brake_lamp(),
            Vec3::new(at, s * half * 0.3, shape.height - 0.24),
            0.25,
            0.06,
            -1.0,
        );
    });
    if kind == "school_bus" {
        let amber = kit.beacon([0.9, 0.1, 0.02]);
        both(|s| {
            plate_x(
                mesh,
                amber,
                Vec3::new(at, s * half * 0.75, shape.height - 0.26),
                0.22,
                0.14,
                -1.0,
            );
        });
    }
}

/// The rear section of an articulated bus, and the bellows.
fn rear_section(
    assembly: &mut Assembly,
    kit: Kit,
    shape: &Shape,
    paint: Material,
    lower: Material,
    seed: Seed,
    dice: &mut Dice,
) {
    let mut mesh = Mesh::new();
    let gap = 1.1;
    let start = shape.length + gap;
    let length = dice.range(5.4, 6.4);
    let axle = start + length * 0.52;
    let section = Shape { length, ..*shape };
    let station = |back: f32, bottom: f32, top: f32, half: f32| Station {
        x: -back,
        bottom,
        top,
        half,
    };
    let (f, h) = (shape.floor, shape.height);
    let outline = Outline {
        stations: vec![
            station(start, f + 0.02, h, shape.half),
            station(start + length - 0.1, f + 0.03, h, shape.half),
            station(start + length, f + 0.1, h - 0.12, shape.half * 0.94),
        ],
        arches: vec![Arch {
            x: -axle,
            z: shape.wheel,
            radius: shape.wheel * 1.17,
        }],
        ..shape.outline(&[])
    };
    let skin = outline.skin();
    skin.draw(&mut mesh, |_, column| {
        let low = column == column::SILL || column == skin.mirrored(column::SILL);
        Some(if low { lower } else { paint })
    });
    skin.caps(&mut mesh, Some(paint), Some(paint));
    outline.underbody(&mut mesh, kit, f);
    smooth(&mut mesh, 30.0);
    windows(
        &mut mesh,
        kit,
        "coach",
        &section,
        (start + 0.15, start + length - 0.25),
        dice,
    );
    rear(&mut mesh, kit, "articulated_bus", shape, -start - length, dice);
    // Folds of the bellows; half of them go with each section.
    let fold = kit.matte([0.03, 0.03, 0.034]);
    for i in 0..6 {
        let x = -shape.length - gap * (i as f32 + 0.5) / 6.0;
        let inset = if i % 2 == 0 { 0.04 } else { 0.12 };
        let (low, high) = (f + 0.12, h - inset);
        mesh.cuboid(
            fold,
            Vec3::new(x, 0.0, f32::midpoint(low, high)),
            Vec3::new(gap / 6.0 + 0.06, (shape.half - inset) * 2.0, high - low),
        );
    }
    let wheel = Wheel::truck(&mut Dice::new(seed.child("wheel")), shape.wheel);
    let track = shape.half - wheel.width / 2.0 - 0.03;
    let pivot = Vec3::new(-axle, 0.0, shape.wheel);
    assembly.part(wheel.axle(kit, track), Joint::TrailerWheel { pivot });
    assembly.part(mesh, Joint::Trailer);
    let pivot = Vec3::new(-shape.length - gap / 2.0, 0.0, 0.6);
    let max = SWING_MAX / (gap / 2.0 + length);
    assembly.kinematics(Kinematics::Hitch(Hitch { pivot, max }));
}

/// A rack with two bicycles before the front or behind the rear.
fn rack(mesh: &mut Mesh, kit: Kit, shape: &Shape, seed: Seed) {
    let at_front = Dice::new(seed.child("rack")).chance(0.5);
    let (x, away) = if at_front { (0.0, 1.0) } else { (-shape.length, -1.0) };
    let steel = kit.metal([0.25; 3]);
    let low = 0.62;
    for y in [-0.5, 0.5] {
        mesh.tube(
            steel,
            Vec3::new(x, y, low),
            Vec3::new(x + away * 0.62, y, low),
            0.02,
            0.02,
            4,
            true,
        );
    }
    for k in 0..2 {
        let out = x + away * (0.2 + 0.3 * k as f32);
        mesh.cuboid(steel, Vec3::new(out, 0.0, low), Vec3::new(0.06, 1.7, 0.04));
        let bicycle = super::bicycle::bare(kit, seed.child("rack bicycle").index(k));
        // Across the bus, and shifted a little against each other.
        let turn = Affine3A::from_translation(Vec3::new(out, 0.06 - 0.12 * k as f32, low + 0.02))
            * Affine3A::from_rotation_z(FRAC_PI_2 + std::f32::consts::PI * k as f32);
        mesh.append(&bicycle, turn);
    }
}
