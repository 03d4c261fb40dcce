//! Passenger cars: one parametric body, many shapes.

mod open;

use glam::{Affine3A, Vec2, Vec3};

use super::assembly::{Assembly, Kit};
use super::body::{Arch, Greenhouse, Outline, Station, column, mirrors};
use super::colours::{self, Named};
use super::shape::{Skin, bevel_box, block, both, plate_x, plate_y, smooth};
use super::wheel::Wheel;
use super::{Joint, Model, Variant, asked_kind};
use crate::Seed;
use crate::dice::Dice;
use crate::material::{Material, Switch, srgb};
use crate::mesh::Mesh;
use crate::object::ObjectClass;
use crate::state::Articulation;

/// Kinds of cars.
pub(super) const KINDS: &[&str] = &[
    "hatchback",
    "sedan",
    "estate",
    "suv",
    "mpv",
    "minicar",
    "coupe",
    "convertible",
    "pickup",
    "taxi",
    "police",
];

/// Frequencies of the kinds on the road.
const WEIGHTS: [(f32, &str); 11] = [
    (28.0, "hatchback"),
    (18.0, "sedan"),
    (12.0, "estate"),
    (22.0, "suv"),
    (6.0, "mpv"),
    (5.0, "minicar"),
    (4.0, "coupe"),
    (1.5, "convertible"),
    (3.0, "pickup"),
    (3.0, "taxi"),
    (1.5, "police"),
];

/// Measures of a car, m. Distances along x are from the front end backwards.
#[derive(Debug, Clone, Copy)]
struct Shape {
    length: f32,
    width: f32,
    height: f32,
    clearance: f32,
    wheel: f32,
    front_axle: f32,
    wheelbase: f32,
    nose: f32,
    cowl: f32,
    belt: f32,
    cowl_x: f32,
    screen: f32,
    tail_x: f32,
    backlight: f32,
    deck: f32,
    drop: f32,
    tumble: f32,
}

impl Shape {
    fn draw(kind: &str, dice: &mut Dice) -> Self {
        // Length, width, height, clearance, wheel radius, bonnet's share of the length, windscreen's run, boot's share,
        // rear window's run, roof's drop.
        let ((l0, l1), (w0, w1), (h0, h1), clearance, wheel, bonnet, screen, boot, backlight, drop) = match kind {
            "minicar" => (
                (2.75, 3.45),
                (1.52, 1.66),
                (1.45, 1.58),
                0.17,
                0.27,
                0.17,
                0.62,
                0.02,
                0.3,
                0.03,
            ),
            "hatchback" => (
                (3.75, 4.4),
                (1.68, 1.82),
                (1.42, 1.54),
                0.16,
                0.31,
                0.24,
                0.72,
                0.03,
                0.45,
                0.05,
            ),
            "estate" => (
                (4.4, 4.95),
                (1.78, 1.9),
                (1.43, 1.52),
                0.16,
                0.32,
                0.26,
                0.76,
                0.03,
                0.42,
                0.05,
            ),
            "suv" => (
                (4.15, 5.05),
                (1.8, 2.02),
                (1.6, 1.85),
                0.22,
                0.37,
                0.25,
                0.66,
                0.03,
                0.42,
                0.05,
            ),
            "mpv" => (
                (4.3, 5.0),
                (1.8, 1.95),
                (1.62, 1.8),
                0.17,
                0.32,
                0.19,
                0.9,
                0.02,
                0.28,
                0.04,
            ),
            "coupe" => (
                (4.1, 4.7),
                (1.78, 1.95),
                (1.26, 1.36),
                0.13,
                0.33,
                0.3,
                0.8,
                0.07,
                1.0,
                0.1,
            ),
            "convertible" => (
                (3.9, 4.6),
                (1.72, 1.9),
                (1.26, 1.36),
                0.13,
                0.32,
                0.3,
                0.6,
                0.3,
                0.3,
                0.0,
            ),
            "pickup" => (
                (5.0, 5.3),
                (1.85, 2.05),
                (1.76, 1.92),
                0.26,
                0.39,
                0.23,
                0.64,
                0.34,
                0.16,
                0.02,
            ),
            // Sedans, also as taxis.
            _ => (
                (4.35, 5.1),
                (1.74, 1.92),
                (1.4, 1.5),
                0.15,
                0.32,
                0.26,
                0.76,
                0.13,
                0.62,
                0.05,
            ),
        };
        let length = dice.range(l0, l1);
        let height = dice.range(h0, h1);
        let wheel = wheel * dice.range(0.95, 1.06);
        let belt = height * dice.range(0.6, 0.65);
        let front_axle = (length * dice.range(0.175, 0.2)).max(wheel + 0.22);
        let rear = (length * dice.range(0.165, 0.2)).max(wheel + 0.16);
        Self {
            length,
            width: dice.range(w0, w1),
            height,
            clearance: clearance * dice.range(0.9, 1.15),
            wheel,
            front_axle,
            wheelbase: length - front_axle - rear,
            nose: belt * dice.range(0.74, 0.85),
            cowl: belt * dice.range(0.95, 1.0),
            belt,
            cowl_x: length * bonnet * dice.range(0.92, 1.08),
            screen: screen * dice.range(0.88, 1.12),
            tail_x: length * (1.0 - boot * dice.range(0.85, 1.15)),
            backlight: backlight * dice.range(0.85, 1.15),
            deck: belt * dice.range(1.0, 1.06),
            drop,
            tumble: dice.range(0.74, 0.82)
                + if matches!(kind, "suv" | "mpv" | "minicar") {
                    0.04
                } else {
                    0.0
                },
        }
    }

    /// x in the body frame of a distance from the front end.
    fn x(&self, back: f32) -> f32 {
        self.length / 2.0 - back
    }

    fn outline(&self, kind: &str, dice: &mut Dice) -> Outline {
        let half = self.width / 2.0;
        let c = self.clearance;
        let round = dice.range(0.85, 1.15);
        let station = |back: f32, bottom: f32, top: f32, half: f32| Station {
            x: self.x(back),
            bottom,
            top,
            half,
        };
        let bed = kind == "pickup";
        let tail_top = if bed { self.belt * 0.97 } else { self.deck };
        let tail = self.tail_x.min(self.length - 0.1);
        let mut stations = vec![
            station(0.0, c + 0.1, self.nose - 0.1, half * 0.7),
            station(0.09 * round, c + 0.04, self.nose - 0.03, half * 0.87),
            station(0.34 * round, c + 0.01, self.nose + 0.02, half * 0.965),
            station(self.cowl_x, c, self.cowl, half),
            station(tail, c, self.belt.max(tail_top), half * 0.995),
        ];
        if self.length - tail > 0.45 {
            stations.push(station(self.length - 0.3, c + 0.02, tail_top, half * 0.965));
        }
        let blunt = if bed { 0.97 } else { 0.87 };
        stations.push(station(
            self.length - 0.08 * round,
            c + 0.06,
            tail_top - 0.03,
            half * blunt,
        ));
        stations.push(station(self.length, c + 0.14, tail_top - 0.12, half * (blunt - 0.14)));
        let arch = |back: f32| Arch {
            x: self.x(back),
            z: self.wheel,
            radius: self.wheel * 1.18,
        };
        Outline {
            stations,
            arches: vec![arch(self.front_axle), arch(self.front_axle + self.wheelbase)],
            deck: 0.9,
            shoulder: 0.07,
            crown: 0.025,
            waist: dice.range(0.5, 0.68),
        }
    }

    fn greenhouse(&self, kind: &str, dice: &mut Dice) -> Greenhouse {
        let h = self.height;
        let front = self.x(self.cowl_x) + 0.06;
        let rear = self.x(self.tail_x) + 0.02;
        let roof_front = front - self.screen;
        let roof_rear = (rear + self.backlight).min(roof_front - 0.5);
        let middle = f32::midpoint(roof_front, roof_rear) + dice.range(-0.05, 0.15);
        let belt = |x: f32| {
            let t = ((front - x) / (front - rear).max(0.1)).clamp(0.0, 1.0);
            self.cowl + (self.belt.max(self.deck) - self.cowl) * t
        };
        let at = |x: f32, roof: f32| Vec3::new(x, roof, belt(x));
        let mut stations = vec![at(front, 0.0), at(roof_front, h - 0.035), at(middle, h)];
        let mut side = vec![(0.0, 1.0), (0.04, 0.95)];
        // A long roof has a third window.
        if matches!(kind, "estate" | "suv" | "mpv") {
            let third = roof_rear + (middle - roof_rear) * 0.36;
            stations.push(at(third, h - self.drop * 0.4));
            side.push((0.06, 0.96));
        }
        stations.extend([at(roof_rear, h - self.drop), at(rear, 0.0)]);
        side.push((0.06, 0.93));
        let quarter = !matches!(kind, "sedan" | "taxi" | "police" | "pickup") && dice.chance(0.6);
        side.push(if quarter { (0.0, 1.0) } else { (0.0, 0.0) });
        Greenhouse {
            stations,
            belt: self.width / 2.0 * 0.905,
            roof: self.width / 2.0 * 0.9 * self.tumble,
            side,
            rear_window: true,
            rear_doors: false,
        }
    }
}

/// Makes a car.
pub(super) fn generate(variant: Variant, seed: Seed) -> Model {
    let kind = asked_kind(variant, KINDS).unwrap_or_else(|| Dice::new(seed.child("kind")).weighted(&WEIGHTS));
    let assembly = assemble(kind, seed);
    if variant == Variant::Overturned {
        let side = Dice::new(seed.child("side")).pick(&[-1.0, 1.0]);
        let turn = Affine3A::from_rotation_x(side * std::f32::consts::FRAC_PI_2);
        return assembly.frozen(&Articulation::default(), turn);
    }
    assembly.finish()
}

fn assemble(kind: &'static str, seed: Seed) -> Assembly {
    let kit = Kit::new(ObjectClass::Car);
    let (name, color) = paint(kind, seed);
    let shape = Shape::draw(kind, &mut Dice::new(seed.child("shape")));
    let mut detail = Dice::new(seed.child("detail"));
    let body_paint = kit.paint(color);
    let mut mesh = Mesh::new();

    let clad = detail.chance(if matches!(kind, "suv" | "pickup") { 0.55 } else { 0.08 });
    let mut outline = shape.outline(kind, &mut detail);
    if clad {
        // Unpainted mouldings cover the sills and no more.
        outline.waist = 0.3;
    }
    let skin = outline.skin();
    let sill = if clad { kit.plastic() } else { body_paint };
    let open_bed = kind == "pickup";
    let bed_front = shape.x(shape.tail_x);
    skin.draw(&mut mesh, |row, column| {
        let deck = (3..skin.columns() - 3).contains(&column);
        let behind = skin.sections[row][0].x <= bed_front + 0.01 && row + 2 < skin.sections.len();
        match column {
            _ if open_bed && behind && deck => None,
            _ if column == column::SILL || column == skin.mirrored(column::SILL) => Some(sill),
            _ => Some(body_paint),
        }
    });
    skin.caps(&mut mesh, Some(body_paint), Some(body_paint));
    outline.underbody(&mut mesh, kit, shape.clearance);

    if kind == "convertible" {
        open::open_cabin(&mut mesh, kit, &shape, &mut detail);
    } else {
        let greenhouse = shape.greenhouse(kind, &mut detail);
        let two_tone = detail.chance(if kind == "minicar" { 0.3 } else { 0.06 });
        let roof = if two_tone {
            kit.paint(detail.pick(&[[0.02; 3], colours::WHITE]))
        } else {
            body_paint
        };
        let tinted = detail.range(0.6, 1.6);
        let glass = Material {
            color: kit.glass().color * tinted,
            ..kit.glass()
        };
        greenhouse.draw(&mut mesh, body_paint, roof, glass);
    }
    if open_bed {
        open::bed(&mut mesh, kit, &shape, &mut detail);
    }
    smooth(&mut mesh, 32.0);

    lamps(&mut mesh, kit, &skin, &shape, &mut detail);
    faces(&mut mesh, kit, &outline, &shape, &mut detail, clad);
    doors(&mut mesh, kit, &outline, &shape, kind);
    let mirror = if detail.chance(0.7) { body_paint } else { kit.plastic() };
    let cowl = shape.x(shape.cowl_x);
    mirrors(
        &mut mesh,
        kit,
        mirror,
        cowl - 0.22,
        shape.width / 2.0 + 0.1,
        shape.belt + 0.09,
        Vec3::new(0.1, 0.17, 0.13),
    );
    roof_top(&mut mesh, kit, kind, &shape, &mut detail);

    let mut assembly = Assembly::new(ObjectClass::Car, kind);
    assembly.part(mesh, Joint::Fixed);
    let wheel = Wheel::car(&mut Dice::new(seed.child("wheel")), shape.wheel);
    let track = wheel.track(shape.width / 2.0, shape.width / 2.0 + 0.1);
    wheel.steered(&mut assembly, kit, shape.x(shape.front_axle), track);
    wheel.straight(&mut assembly, kit, shape.x(shape.front_axle + shape.wheelbase), track);
    assembly.axles(shape.wheelbase, shape.wheel);
    assembly.headlights(shape.length / 2.0 - 0.05, shape.width * 0.37, shape.nose - 0.12, 1.0);
    if kind == "police" {
        let at = Vec3::new(shape.x(shape.cowl_x + shape.screen + 0.5), 0.0, shape.height + 0.06);
        assembly.beacon(at, [0.05, 0.12, 1.0]);
    }
    assembly.attribute("colour", name);
    assembly
}

fn paint(kind: &str, seed: Seed) -> Named {
    let mut dice = Dice::new(seed.child("paint"));
    match kind {
        "taxi" => dice.weighted(&[
            (4.0, ("yellow", srgb(242, 190, 22))),
            (3.0, ("ivory", srgb(226, 214, 180))),
            (3.0, ("black", srgb(20, 20, 22))),
            (1.0, ("green", srgb(60, 140, 70))),
        ]),
        "police" => dice.weighted(&[
            (3.0, ("white", srgb(232, 233, 235))),
            (3.0, ("silver", srgb(170, 175, 180))),
            (1.0, ("dark blue", srgb(20, 32, 70))),
        ]),
        _ => colours::car_paint(&mut dice),
    }
}

/// Headlamps, tail lamps, indicators, brake and reversing lamps, on the corners of the skin.
fn lamps(mesh: &mut Mesh, kit: Kit, skin: &Skin, shape: &Shape, dice: &mut Dice) {
    let rows = skin.sections.len() - 1;
    let low = dice.range(0.05, 0.3);
    let slim = dice.range(0.0, 0.3);
    let rear_low = dice.range(0.05, 0.25);
    let halogen = kit.headlamp();
    both(|s| {
        let column = |c: usize| if s < 0.0 { c } else { skin.mirrored(c) };
        // `v` runs up on the right side and down on the left.
        let v = |a: f32, b: f32| {
            if s < 0.0 {
                Vec2::new(a, b)
            } else {
                Vec2::new(1.0 - b, 1.0 - a)
            }
        };
        let flank = column(column::FLANK);
        let shoulder = column(column::SHOULDER);
        skin.patch(mesh, halogen, (0, flank), Vec2::new(0.0, 1.0), v(low, 1.0), 0.006);
        skin.patch(
            mesh,
            halogen,
            (0, shoulder),
            Vec2::new(0.0, 1.0),
            v(0.0, 0.6 - slim),
            0.006,
        );
        skin.patch(
            mesh,
            halogen,
            (1, flank),
            Vec2::new(0.0, 0.55),
            v(low + slim * 0.6, 1.0),
            0.006,
        );
        skin.patch(
            mesh,
            kit.indicator(s),
            (1, flank),
            Vec2::new(0.56, 0.8),
            v(0.45, 0.95),
            0.006,
        );
        let last = rows - 1;
        skin.patch(
            mesh,
            kit.tail_lamp(),
            (last - 1, flank),
            Vec2::new(0.25, 1.0),
            v(rear_low, 1.0),
            0.006,
        );
        skin.patch(
            mesh,
            kit.tail_lamp(),
            (last, flank),
            Vec2::new(0.0, 0.45),
            v(rear_low, 1.0),
            0.006,
        );
        skin.patch(
            mesh,
            kit.brake_lamp(),
            (last, flank),
            Vec2::new(0.45, 1.0),
            v(0.5, 1.0),
            0.006,
        );
        skin.patch(
            mesh,
            kit.indicator(s),
            (last, flank),
            Vec2::new(0.45, 1.0),
            v(rear_low, 0.5),
            0.006,
        );
        let plate = Vec3::new(
            -shape.length / 2.0 - 0.006,
            s * shape.width * 0.27,
            shape.clearance + 0.24,
        );
        plate_x(mesh, kit.reversing_lamp(), plate, 0.12, 0.05, -1.0);
        plate_x(
            mesh,
            kit.brake_lamp(),
            plate + Vec3::new(0.0, s * 0.02, 0.13),
            0.14,
            0.09,
            -1.0,
        );
    });
}

/// Grille, intakes, plates, the third brake lamp.
fn faces(mesh: &mut Mesh, kit: Kit, outline: &Outline, shape: &Shape, dice: &mut Dice, clad: bool) {
    let front = shape.length / 2.0 + 0.008;
    let rear = -front;
    let cap = outline.at(shape.length / 2.0);
    let span = cap.half * 2.0;
    let height = cap.top - cap.bottom;
    let dark = kit.matte([0.012; 3]);
    let grille = dice.range(0.3, 0.48) * height;
    let wide = span * dice.range(0.5, 0.85);
    let chrome = dice.chance(0.35);
    let grille_z = cap.top - 0.05 - grille / 2.0;
    if chrome {
        plate_x(
            mesh,
            kit.metal([0.55; 3]),
            Vec3::new(front - 0.003, 0.0, grille_z),
            wide + 0.05,
            grille + 0.04,
            1.0,
        );
    }
    plate_x(mesh, dark, Vec3::new(front, 0.0, grille_z), wide, grille, 1.0);
    plate_x(
        mesh,
        dark,
        Vec3::new(front, 0.0, cap.bottom + 0.06),
        span * 0.8,
        0.09,
        1.0,
    );
    let plate_z = (cap.bottom + 0.12).max(grille_z - grille / 2.0);
    plate_x(
        mesh,
        kit.number_plate(false),
        Vec3::new(front + 0.008, 0.0, plate_z),
        0.52,
        0.11,
        1.0,
    );

    let tail = outline.at(-shape.length / 2.0);
    let lid = f32::midpoint(tail.bottom, tail.top) + 0.05;
    let yellow = dice.chance(0.15);
    plate_x(
        mesh,
        kit.number_plate(yellow),
        Vec3::new(rear - 0.008, 0.0, lid),
        0.52,
        0.115,
        -1.0,
    );
    let lip = if clad { 0.2 } else { 0.1 };
    plate_x(
        mesh,
        kit.plastic(),
        Vec3::new(rear, 0.0, tail.bottom + lip / 2.0),
        tail.half * 1.85,
        lip,
        -1.0,
    );
    if shape.tail_x < shape.length - 0.4 {
        let deck = shape.x(shape.tail_x) - 0.06;
        let z = outline.at(deck).top + outline.crown + 0.02;
        plate_x(mesh, kit.brake_lamp(), Vec3::new(deck, 0.0, z), 0.3, 0.03, -1.0);
    } else {
        let z = shape.height - shape.drop - 0.07;
        let slope = shape.backlight / (shape.height - shape.belt);
        let x = shape.x(shape.tail_x) + 0.02 + shape.backlight - 0.07 * slope;
        mesh.cuboid(kit.brake_lamp(), Vec3::new(x, 0.0, z), Vec3::new(0.06, 0.3, 0.025));
    }
}

/// Lines between the doors, handles.
fn doors(mesh: &mut Mesh, kit: Kit, outline: &Outline, shape: &Shape, kind: &str) {
    let line = kit.matte([0.01; 3]);
    let front = shape.x(shape.front_axle + shape.wheel * 1.3);
    let rear = shape.x(shape.front_axle + shape.wheelbase) + shape.wheel * 0.9;
    let two = matches!(kind, "coupe" | "convertible" | "minicar");
    let middle = f32::midpoint(front, rear) - if two { 0.25 } else { 0.0 };
    let mut cuts = vec![front.min(shape.x(shape.cowl_x) - 0.02), middle];
    if !two {
        cuts.push(rear);
    }
    both(|s| {
        for x in &cuts {
            let at = outline.at(*x);
            let low = at.bottom + 0.08;
            let high = at.top - outline.shoulder;
            let y = s * (at.half + 0.003);
            plate_y(
                mesh,
                line,
                Vec3::new(*x, y, f32::midpoint(low, high)),
                0.016,
                high - low,
                s,
            );
        }
        for x in cuts.iter().skip(1) {
            let at = outline.at(*x);
            let center = Vec3::new(
                *x + 0.16,
                s * (at.half * 0.992 + 0.008),
                at.top - outline.shoulder - 0.06,
            );
            plate_y(mesh, kit.metal([0.2; 3]), center, 0.17, 0.028, s);
        }
    });
}

/// What stands on the roof: rails, boxes, signs, light bars.
fn roof_top(mesh: &mut Mesh, kit: Kit, kind: &str, shape: &Shape, dice: &mut Dice) {
    let front = shape.x(shape.cowl_x + shape.screen);
    let rear = shape.x(shape.tail_x) + shape.backlight;
    let middle = f32::midpoint(front, rear);
    let z = shape.height;
    match kind {
        "taxi" => {
            let glow = kit.lamp([0.75, 0.62, 0.1], Switch::Always, [0.5, 0.4, 0.05]);
            let at = Vec3::new(front - 0.45, 0.0, z);
            block(
                mesh,
                glow,
                at + Vec3::new(-0.09, -0.24, -0.02),
                at + Vec3::new(0.09, 0.24, 0.13),
            );
            plate_x(
                mesh,
                kit.matte([0.02; 3]),
                at + Vec3::new(0.092, 0.0, 0.055),
                0.3,
                0.06,
                1.0,
            );
            plate_x(
                mesh,
                kit.matte([0.02; 3]),
                at + Vec3::new(-0.092, 0.0, 0.055),
                0.3,
                0.06,
                -1.0,
            );
        }
        "police" => {
            let at = Vec3::new(front - 0.5, 0.0, z);
            block(
                mesh,
                kit.matte([0.1; 3]),
                at + Vec3::new(-0.12, -0.2, -0.02),
                at + Vec3::new(0.12, 0.2, 0.09),
            );
            both(|s| {
                let blue = kit.beacon([0.03, 0.1, 0.95]);
                let (a, b) = (s * 0.2, s * 0.58);
                block(
                    mesh,
                    blue,
                    at + Vec3::new(-0.12, a.min(b), -0.01),
                    at + Vec3::new(0.12, a.max(b), 0.1),
                );
                let stripe = kit.paint(srgb(24, 62, 150)).retro(0.3);
                let y = s * (shape.width / 2.0 + 0.006);
                let length = shape.wheelbase - shape.wheel * 2.6;
                let x = shape.x(shape.front_axle + shape.wheelbase / 2.0);
                plate_y(mesh, stripe, Vec3::new(x, y, shape.belt * 0.72), length, 0.2, s);
                let bright = kit.paint([0.65, 0.75, 0.04]).retro(0.4);
                plate_y(mesh, bright, Vec3::new(x, y, shape.belt * 0.55), length, 0.06, s);
            });
        }
        "estate" | "suv" | "mpv" => {
            if dice.chance(0.55) {
                both(|s| {
                    let y = s * shape.width / 2.0 * 0.9 * shape.tumble * 0.88;
                    let rail = kit.metal([0.35; 3]);
                    let (a, b) = (Vec3::new(front - 0.2, y, z + 0.02), Vec3::new(rear + 0.1, y, z + 0.02));
                    mesh.tube(rail, b, a, 0.018, 0.018, 4, true);
                });
            }
            if dice.chance(0.16) {
                let black = kit.paint(dice.pick(&[[0.02; 3], [0.4, 0.4, 0.42]]));
                let at = Vec3::new(middle, dice.range(-0.2, 0.2), z + 0.06);
                bevel_box(
                    mesh,
                    black,
                    at - Vec3::new(0.95, 0.4, 0.0),
                    at + Vec3::new(0.95, 0.4, 0.34),
                    0.12,
                );
            }
        }
        _ => {}
    }
}
