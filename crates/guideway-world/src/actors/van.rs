//! Vans: delivery vans, minibuses, box vans, flatbeds.

use glam::{Affine3A, Vec2, Vec3};

use super::assembly::{Assembly, Kit};
use super::body::{Arch, Greenhouse, Outline, Station, column, mirrors};
use super::colours;
use super::shape::{Skin, bevel_box, both, plate_x, plate_y, smooth};
use super::wheel::Wheel;
use super::{Joint, Model, Variant, asked_kind};
use crate::Seed;
use crate::dice::Dice;
use crate::material::{Material, srgb};
use crate::mesh::Mesh;
use crate::object::ObjectClass;
use crate::state::Articulation;

/// Kinds of vans.
pub(super) const KINDS: &[&str] = &[
    "panel_van",
    "city_van",
    "minibus",
    "box_van",
    "flatbed_van",
    "ambulance",
];

/// Measures, m.
struct Shape {
    length: f32,
    width: f32,
    height: f32,
    wheel: f32,
    clearance: f32,
    front_axle: f32,
    wheelbase: f32,
    nose: f32,
    cowl: f32,
    belt: f32,
    cowl_x: f32,
    screen: f32,
    /// Where the cab ends; the body's end for one-box vans.
    cab: f32,
}

impl Shape {
    fn draw(kind: &str, dice: &mut Dice) -> Self {
        let ((l0, l1), (w0, w1), (h0, h1)) = match kind {
            "city_van" => ((4.1, 4.6), (1.74, 1.88), (1.8, 1.95)),
            "minibus" => ((4.8, 6.6), (1.9, 2.06), (1.94, 2.7)),
            "box_van" | "flatbed_van" => ((5.4, 6.8), (1.95, 2.08), (2.1, 2.25)),
            "ambulance" => ((5.6, 6.4), (1.98, 2.1), (2.55, 2.75)),
            _ => ((4.9, 6.8), (1.9, 2.08), (1.95, 2.75)),
        };
        let length = dice.range(l0, l1);
        let height = dice.range(h0, h1);
        let wheel = dice.range(0.32, 0.36);
        let small = kind == "city_van";
        let belt = if small {
            dice.range(1.05, 1.15)
        } else {
            dice.range(1.18, 1.32)
        };
        let front_axle = dice.range(0.86, 0.98);
        let rear = length * dice.range(0.15, 0.2) + 0.1;
        let cowl_x = if small {
            dice.range(0.85, 1.05)
        } else {
            dice.range(0.6, 0.85)
        };
        let screen = (height.min(2.2) - belt) * dice.range(0.75, 0.95);
        let cab = match kind {
            "box_van" | "flatbed_van" => cowl_x + screen + dice.range(0.85, 1.0),
            _ => length,
        };
        Self {
            length,
            width: dice.range(w0, w1),
            height,
            wheel,
            clearance: dice.range(0.18, 0.24),
            front_axle,
            wheelbase: length - front_axle - rear,
            nose: belt * dice.range(0.78, 0.86),
            cowl: belt * dice.range(0.96, 1.02),
            belt,
            cowl_x,
            screen,
            cab,
        }
    }

    fn x(&self, back: f32) -> f32 {
        self.length / 2.0 - back
    }

    /// How much further forward the rear end is at the roof than at the belt, m.
    fn rear_slope(&self, kind: &str) -> f32 {
        if kind == "city_van" { self.height * 0.12 } else { 0.07 }
    }

    fn outline(&self) -> Outline {
        let half = self.width / 2.0;
        let c = self.clearance;
        let station = |back: f32, bottom: f32, top: f32, half: f32| Station {
            x: self.x(back),
            bottom,
            top,
            half,
        };
        let stations = vec![
            station(0.0, c + 0.1, self.nose - 0.12, half * 0.76),
            station(0.08, c + 0.04, self.nose - 0.04, half * 0.9),
            station(0.32, c + 0.02, self.nose + 0.03, half * 0.98),
            station(self.cowl_x, c, self.cowl, half),
            station(self.cab - 0.06, c + 0.03, self.belt, half),
            station(self.cab, c + 0.1, self.belt, half * 0.97),
        ];
        let arch = |back: f32| Arch {
            x: self.x(back),
            z: self.wheel,
            radius: self.wheel * 1.18,
        };
        let mut arches = vec![arch(self.front_axle)];
        if self.cab >= self.length {
            arches.push(arch(self.front_axle + self.wheelbase));
        }
        Outline {
            stations,
            arches,
            deck: 0.96,
            shoulder: 0.05,
            crown: 0.02,
            waist: 0.6,
        }
    }

    fn greenhouse(&self, kind: &str, dice: &mut Dice) -> Greenhouse {
        let front = self.x(self.cowl_x) + 0.05;
        let roof_front = front - self.screen;
        let rear = self.x(self.cab) + 0.02;
        let roof_rear = rear + self.rear_slope(kind);
        let h = self.height;
        let step = if h > 2.3 { 0.16 } else { 0.05 };
        let door = roof_front - dice.range(0.75, 0.95);
        let mut stations = vec![
            Vec3::new(front, 0.0, self.cowl),
            Vec3::new(roof_front, h - step, self.belt),
        ];
        let mut side = vec![(0.0, 1.0), (0.03, 0.94)];
        if door > roof_rear + 0.4 {
            stations.push(Vec3::new(door, h, self.belt));
            let windows = kind == "minibus" || kind == "city_van" && dice.chance(0.35);
            let glazed = if windows { (0.04, 0.96) } else { (0.0, 0.0) };
            let rest = door - roof_rear;
            let count = if windows {
                (rest / 1.25).ceil().max(1.0) as u32
            } else {
                1
            };
            for i in 1..count {
                stations.push(Vec3::new(door - rest * i as f32 / count as f32, h, self.belt));
                side.push(glazed);
            }
            side.push(glazed);
        }
        stations.push(Vec3::new(roof_rear, h - 0.03, self.belt));
        stations.push(Vec3::new(rear, 0.0, self.belt));
        side.push((0.0, 0.0));
        Greenhouse {
            stations,
            belt: self.width / 2.0 * 0.965,
            roof: self.width / 2.0 * dice.range(0.86, 0.9),
            side,
            rear_window: kind == "minibus",
            rear_doors: !matches!(kind, "minibus" | "ambulance") && dice.chance(0.6),
        }
    }
}

/// Makes a van.
pub(super) fn generate(variant: Variant, seed: Seed) -> Model {
    let kind = asked_kind(variant, KINDS).unwrap_or_else(|| {
        Dice::new(seed.child("kind")).weighted(&[
            (42.0, "panel_van"),
            (16.0, "city_van"),
            (18.0, "minibus"),
            (12.0, "box_van"),
            (8.0, "flatbed_van"),
            (4.0, "ambulance"),
        ])
    });
    let assembly = assemble(kind, seed);
    if variant == Variant::Overturned {
        let side = Dice::new(seed.child("side")).pick(&[-1.0, 1.0]);
        let turn = Affine3A::from_rotation_x(side * std::f32::consts::FRAC_PI_2);
        return assembly.frozen(&Articulation::default(), turn);
    }
    assembly.finish()
}

fn assemble(kind: &'static str, seed: Seed) -> Assembly {
    let kit = Kit::new(ObjectClass::Van);
    let mut dice = Dice::new(seed.child("paint"));
    let (name, color) = match kind {
        "minibus" => colours::car_paint(&mut dice),
        "ambulance" => dice.weighted(&[
            (3.0, ("white", srgb(238, 238, 236))),
            (2.0, ("yellow", srgb(238, 206, 30))),
        ]),
        _ => colours::livery(&mut dice),
    };
    let shape = Shape::draw(kind, &mut Dice::new(seed.child("shape")));
    let mut detail = Dice::new(seed.child("detail"));
    let paint = kit.paint(color);
    let mut mesh = Mesh::new();
    let outline = shape.outline();
    let skin = outline.skin();
    let bare = detail.chance(0.5);
    let sill = if bare { kit.plastic() } else { paint };
    skin.draw(&mut mesh, |row, column| {
        let low = column == column::SILL || column == skin.mirrored(column::SILL);
        Some(if low && (row < 2 || bare) { sill } else { paint })
    });
    skin.caps(&mut mesh, Some(sill), Some(paint));
    outline.underbody(&mut mesh, kit, shape.clearance);
    shape
        .greenhouse(kind, &mut detail)
        .draw(&mut mesh, paint, paint, kit.glass());
    smooth(&mut mesh, 32.0);

    lamps(&mut mesh, kit, kind, &skin, &outline, &shape);
    sides(&mut mesh, kit, kind, &shape, color, &mut detail);
    match kind {
        "box_van" | "flatbed_van" => cargo(&mut mesh, kit, kind, &shape, &mut detail),
        _ => {}
    }
    mirrors(
        &mut mesh,
        kit,
        kit.plastic(),
        shape.x(shape.cowl_x) - 0.35,
        shape.width / 2.0 + 0.14,
        shape.belt + 0.16,
        Vec3::new(0.12, 0.19, 0.27),
    );

    let mut assembly = Assembly::new(ObjectClass::Van, kind);
    if kind == "ambulance" {
        let blue = kit.beacon([0.03, 0.1, 0.95]);
        for x in [shape.x(shape.cowl_x + shape.screen + 0.2), shape.x(shape.length - 0.25)] {
            let at = Vec3::new(x, 0.0, shape.height - 0.03);
            bevel_box(
                &mut mesh,
                blue,
                at - Vec3::new(0.1, 0.6, 0.0),
                at + Vec3::new(0.1, 0.6, 0.12),
                0.03,
            );
            assembly.beacon(at + Vec3::Z * 0.1, [0.05, 0.12, 1.0]);
        }
    }
    assembly.part(mesh, Joint::Fixed);
    let wheel = Wheel {
        width: 0.22,
        rim: 0.62,
        spokes: 0,
        ..Wheel::car(&mut Dice::new(seed.child("wheel")), shape.wheel)
    };
    let track = wheel.track(shape.width / 2.0, shape.width / 2.0 + 0.14);
    wheel.steered(&mut assembly, kit, shape.x(shape.front_axle), track);
    wheel.straight(&mut assembly, kit, shape.x(shape.front_axle + shape.wheelbase), track);
    assembly.axles(shape.wheelbase, shape.wheel);
    assembly.headlights(shape.length / 2.0 - 0.05, shape.width * 0.38, shape.nose - 0.12, 1.0);
    assembly.attribute("colour", name);
    assembly
}

fn lamps(mesh: &mut Mesh, kit: Kit, kind: &str, skin: &Skin, outline: &Outline, shape: &Shape) {
    both(|s| {
        let column = |c: usize| if s < 0.0 { c } else { skin.mirrored(c) };
        let v = |a: f32, b: f32| {
            if s < 0.0 {
                Vec2::new(a, b)
            } else {
                Vec2::new(1.0 - b, 1.0 - a)
            }
        };
        let flank = column(column::FLANK);
        skin.patch(
            mesh,
            kit.headlamp(),
            (0, flank),
            Vec2::new(0.0, 1.0),
            v(0.0, 1.0),
            0.006,
        );
        skin.patch(
            mesh,
            kit.headlamp(),
            (1, flank),
            Vec2::new(0.0, 0.6),
            v(0.1, 1.0),
            0.006,
        );
        skin.patch(
            mesh,
            kit.indicator(s),
            (1, flank),
            Vec2::new(0.6, 0.85),
            v(0.3, 1.0),
            0.006,
        );
        // Upright lamps at the rear corners.
        let x = shape.x(shape.length) - 0.012;
        let y = s * (shape.width / 2.0 * 0.97 - 0.1);
        let mut z = if shape.cab < shape.length {
            0.62
        } else {
            shape.belt - 0.36
        };
        for (lamp, height) in [
            (kit.tail_lamp(), 0.14),
            (kit.brake_lamp(), 0.14),
            (kit.indicator(s), 0.1),
            (kit.reversing_lamp(), 0.08),
        ] {
            let at = Vec3::new(x, y, z + height / 2.0);
            mesh.cuboid(lamp, at, Vec3::new(0.02, 0.13, height));
            z += height;
        }
    });
    let front = shape.length / 2.0 + 0.008;
    let cap = outline.at(shape.length / 2.0);
    let dark = kit.matte([0.012; 3]);
    plate_x(
        mesh,
        dark,
        Vec3::new(front, 0.0, cap.top - 0.14),
        cap.half * 1.7,
        0.17,
        1.0,
    );
    plate_x(
        mesh,
        kit.number_plate(false),
        Vec3::new(front + 0.008, 0.0, cap.bottom + 0.16),
        0.52,
        0.11,
        1.0,
    );
    let rear = shape.x(shape.length) - 0.014;
    plate_x(
        mesh,
        kit.number_plate(false),
        Vec3::new(rear, 0.0, 0.6),
        0.52,
        0.115,
        -1.0,
    );
    plate_x(
        mesh,
        kit.plastic(),
        Vec3::new(rear + 0.004, 0.0, 0.4),
        shape.width * 0.9,
        0.16,
        -1.0,
    );
    let top = shape.height - 0.1;
    let slope = shape.rear_slope(kind);
    let x = shape.x(shape.cab) + 0.02 + slope * (1.0 - 0.08 / (shape.height - shape.belt));
    mesh.cuboid(kit.brake_lamp(), Vec3::new(x, 0.0, top), Vec3::new(0.06, 0.34, 0.03));
}

/// Door lines and what the owner had painted on the sides.
fn sides(mesh: &mut Mesh, kit: Kit, kind: &str, shape: &Shape, color: [f32; 3], dice: &mut Dice) {
    let line = kit.matte([0.01; 3]);
    let half = shape.width / 2.0;
    let door = shape.x(shape.cowl_x + shape.screen + 0.85);
    let front = shape.x(shape.front_axle + shape.wheel * 1.35);
    let rear = shape.x(shape.front_axle + shape.wheelbase) + shape.wheel * 1.4;
    let (low, high) = (shape.clearance + 0.14, shape.belt - 0.05);
    let one_box = shape.cab >= shape.length;
    both(|s| {
        let y = s * (half + 0.005);
        for x in [front, door] {
            plate_y(
                mesh,
                line,
                Vec3::new(x, y, f32::midpoint(low, high)),
                0.018,
                high - low,
                s,
            );
        }
        plate_y(
            mesh,
            kit.plastic(),
            Vec3::new(door + 0.18, y, high - 0.12),
            0.2,
            0.035,
            s,
        );
        if one_box && door - 1.1 > rear - 0.6 {
            plate_y(
                mesh,
                line,
                Vec3::new(door - 1.1, y, f32::midpoint(low, high)),
                0.018,
                high - low,
                s,
            );
        }
    });
    let free = door - 0.12 - (shape.x(shape.length) + 0.25);
    if !one_box || free < 0.6 {
        return;
    }
    let x = f32::midpoint(door - 0.12, shape.x(shape.length) + 0.25);
    let mut sign = |material: Material, z: f32, length: f32, height: f32| {
        both(|s| plate_y(mesh, material, Vec3::new(x, s * (half + 0.007), z), length, height, s));
    };
    if kind == "ambulance" {
        let red = kit.paint(srgb(200, 24, 22)).retro(0.35);
        sign(red, shape.belt - 0.16, free, 0.2);
        sign(kit.paint([0.65, 0.75, 0.04]).retro(0.4), shape.belt - 0.36, free, 0.1);
    } else if kind != "minibus" && dice.chance(0.55) {
        // A sign in a colour that can be seen on the paint.
        let light = color.iter().sum::<f32>() > 1.0;
        let mark = if light {
            colours::livery(dice).1.map(|c| c * 0.6)
        } else {
            [0.7, 0.7, 0.68]
        };
        let low = shape.clearance + 0.55;
        let height = dice.range(0.08, (shape.belt - low - 0.1).max(0.1));
        sign(
            kit.paint(mark),
            low + height / 2.0 + 0.04,
            free * dice.range(0.4, 0.98),
            height,
        );
    }
}

/// A box or a flatbed behind the cab.
fn cargo(mesh: &mut Mesh, kit: Kit, kind: &str, shape: &Shape, dice: &mut Dice) {
    let frame = kit.matte([0.03; 3]);
    let (x1, x0) = (shape.x(shape.cab + 0.08), shape.x(shape.length));
    let middle = f32::midpoint(x0, x1);
    mesh.cuboid(
        frame,
        Vec3::new(middle + 0.2, 0.0, 0.55),
        Vec3::new(x1 - x0 + 0.3, 0.8, 0.18),
    );
    let axle = shape.x(shape.front_axle + shape.wheelbase);
    both(|s| {
        let at = Vec3::new(axle, s * shape.width * 0.45, shape.wheel * 2.0 + 0.08);
        mesh.cuboid(frame, at, Vec3::new(0.9, 0.22, 0.03));
    });
    let floor = 0.86;
    let half = shape.width / 2.0 + dice.range(-0.02, 0.08);
    if kind == "box_van" {
        let (_, color) = colours::livery(dice);
        let top = dice.range(2.6, 3.1);
        let low = Vec3::new(x0 + 0.03, -half, floor);
        bevel_box(mesh, kit.paint(color), low, Vec3::new(x1, half, top), 0.04);
        let line = kit.matte([0.02; 3]);
        plate_x(
            mesh,
            line,
            Vec3::new(x0 + 0.024, 0.0, f32::midpoint(floor, top)),
            0.02,
            top - floor - 0.2,
            -1.0,
        );
        if dice.chance(0.6) {
            let mark = kit.paint(colours::livery(dice).1.map(|c| c * 0.7));
            let z = f32::midpoint(floor, top) + dice.range(-0.2, 0.3);
            let (l, h) = ((x1 - x0) * dice.range(0.4, 0.85), dice.range(0.25, 0.9));
            both(|s| plate_y(mesh, mark, Vec3::new(middle, s * (half + 0.006), z), l, h, s));
        }
    } else {
        let bed = kit.matte([0.16, 0.12, 0.08]);
        bevel_box(
            mesh,
            bed,
            Vec3::new(x0 + 0.03, -half, floor - 0.08),
            Vec3::new(x1, half, floor),
            0.02,
        );
        let board = kit.metal([0.35; 3]);
        both(|s| {
            let at = Vec3::new(middle, s * (half - 0.02), floor + 0.18);
            mesh.cuboid(board, at, Vec3::new(x1 - x0 - 0.05, 0.03, 0.36));
        });
        mesh.cuboid(
            board,
            Vec3::new(x1 - 0.03, 0.0, floor + 0.45),
            Vec3::new(0.05, half * 2.0, 0.9),
        );
        mesh.cuboid(
            board,
            Vec3::new(x0 + 0.06, 0.0, floor + 0.18),
            Vec3::new(0.03, half * 2.0, 0.36),
        );
        super::props::load(mesh, kit, (x0 + 0.2, x1 - 0.2), half - 0.15, floor, 1.1, dice);
    }
}
