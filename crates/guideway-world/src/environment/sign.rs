//! Traffic signs: plates on posts.
//!
//! A plate's frame: x out of its face, y to the right for who looks at it, z up; its middle at the origin. Shapes and colours
//! follow the Vienna Convention on Road Signs and Signals (1968).

use std::f32::consts::{FRAC_PI_2, FRAC_PI_8};

use glam::{Vec2, Vec3};

use super::glyph::{Plane, regular};
use crate::dice::Dice;
use crate::material::{Material, Semantic, Switch, srgb};
use crate::mesh::Mesh;
use crate::road::SignKind;
use crate::seed::Seed;

/// Half the thickness of a plate, m.
const HALF: f32 = 0.012;
/// Distance between layers of colour, m.
const LAYER: f32 = 0.0015;

/// The name of a kind of sign in labels.
pub fn sign_name(kind: SignKind) -> String {
    match kind {
        SignKind::Stop => "stop".to_owned(),
        SignKind::Yield => "yield".to_owned(),
        SignKind::Priority => "priority".to_owned(),
        SignKind::SpeedLimit(limit) => format!("speed_limit_{limit}"),
        SignKind::Crossing => "crossing".to_owned(),
        SignKind::Warning => "warning".to_owned(),
        SignKind::NoEntry => "no_entry".to_owned(),
        SignKind::NoParking => "no_parking".to_owned(),
        SignKind::Direction => "direction".to_owned(),
    }
}

/// Retroreflective sheeting of a colour (8-bit sRGB).
fn sheet(r: u8, g: u8, b: u8) -> Material {
    Material {
        specular: 0.04,
        roughness: 0.4,
        ..Material::matte(Semantic::TrafficSign, srgb(r, g, b)).retro(0.6)
    }
}

/// Black print: no retroreflection.
fn black() -> Material {
    Material::matte(Semantic::TrafficSign, [0.012, 0.012, 0.012])
}

/// A plate with layers of colour on its face.
struct Plate<'m> {
    mesh: &'m mut Mesh,
    layer: f32,
}

impl Plate<'_> {
    /// The body: face, rim, grey back.
    fn body(&mut self, outline: &[Vec2], face: Material) {
        let back = Material::metal(Semantic::TrafficSign, srgb(140, 142, 144));
        let back = Material {
            specular: 0.1,
            roughness: 0.6,
            ..back
        };
        let (front, rear) = (Plane::at(HALF), Plane::at(-HALF));
        front.polygon(self.mesh, face, outline);
        let mut reversed = outline.to_vec();
        reversed.reverse();
        rear.polygon(self.mesh, back, &reversed);
        for (i, a) in outline.iter().enumerate() {
            let b = outline[(i + 1) % outline.len()];
            self.mesh
                .quad(back, rear.point(*a), rear.point(b), front.point(b), front.point(*a));
        }
    }

    /// The plane of the next layer.
    fn next(&mut self) -> Plane {
        self.layer += LAYER;
        Plane::at(HALF + self.layer)
    }

    fn layer(&mut self, material: Material, outline: &[Vec2]) {
        let plane = self.next();
        plane.polygon(self.mesh, material, outline);
    }
}

/// The plate of a sign. `size` is its nominal size, m (0.6 in towns, 0.9 on motorways): width of discs and triangles, height of
/// direction boards. `motorway` chooses the colour of direction boards; the seed chooses among pictures of warnings and boards.
pub fn plate(kind: SignKind, size: f32, motorway: bool, seed: Seed) -> Mesh {
    let mut dice = Dice::new(seed);
    let mut mesh = Mesh::new();
    let mut plate = Plate {
        mesh: &mut mesh,
        layer: 0.0,
    };
    let (red, white, blue) = (sheet(186, 24, 32), sheet(238, 238, 234), sheet(20, 74, 156));
    let r = size / 2.0;
    let disc = |radius: f32| regular(20, radius, 0.0);
    match kind {
        SignKind::Stop => {
            let octagon = |radius: f32| regular(8, radius, FRAC_PI_8);
            plate.body(&octagon(r * 1.08), white);
            plate.layer(red, &octagon(r));
            plate.next().word(plate.mesh, white, "STOP", size * 0.22);
        }
        SignKind::Yield => {
            let triangle = |radius: f32| regular(3, radius, -FRAC_PI_2);
            plate.body(&triangle(r * 1.2), red);
            plate.layer(white, &triangle(r * 0.72));
        }
        SignKind::Priority => {
            let diamond = |radius: f32| regular(4, radius, 0.0);
            plate.body(&diamond(r * 1.2), white);
            plate.layer(black(), &diamond(r * 1.06));
            plate.layer(white, &diamond(r * 1.02));
            plate.layer(sheet(248, 190, 20), &diamond(r * 0.74));
        }
        SignKind::SpeedLimit(limit) => {
            plate.body(&disc(r), red);
            plate.layer(white, &disc(r * 0.8));
            let word = limit.to_string();
            let height = if word.len() > 2 { size * 0.3 } else { size * 0.4 };
            plate.next().word(plate.mesh, black(), &word, height);
        }
        SignKind::Crossing => {
            plate.body(&regular(4, r * 1.414, FRAC_PI_2 / 2.0), blue);
            let mut plane = plate.next();
            plane.center = Vec2::new(0.0, -r * 0.14);
            plane.polygon(plate.mesh, white, &regular(3, r * 0.92, FRAC_PI_2));
            plane = plate.next();
            plane.center = Vec2::new(0.0, -r * 0.1);
            plane.person(plate.mesh, black(), r * 0.82, true);
            for i in 0..4 {
                let u = (i as f32 - 1.5) * r * 0.3;
                let (low, high) = (Vec2::new(u - r * 0.08, -r * 0.46), Vec2::new(u + r * 0.08, -r * 0.4));
                plane.rect(plate.mesh, black(), low, high);
            }
        }
        SignKind::Warning => {
            let triangle = |radius: f32| regular(3, radius, FRAC_PI_2);
            plate.body(&triangle(r * 1.2), red);
            plate.layer(white, &triangle(r * 0.78));
            let mut plane = plate.next();
            plane.center = Vec2::new(0.0, -r * 0.08);
            match dice.count(0, 3) {
                0 => plane.word(plate.mesh, black(), "!", r * 0.66),
                1 => plane.person(plate.mesh, black(), r * 0.7, true),
                2 => {
                    // A bend.
                    let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
                    let p = |u: f32, v: f32| Vec2::new(u * side, v) * r;
                    for (a, b) in [(p(-0.1, -0.3), p(-0.1, 0.0)), (p(-0.1, 0.0), p(0.16, 0.28))] {
                        plane.line(plate.mesh, black(), a, b, r * 0.13);
                    }
                }
                _ => {
                    // A crossroads.
                    plane.line(plate.mesh, black(), Vec2::NEG_Y * r * 0.3, Vec2::Y * r * 0.3, r * 0.14);
                    plane.line(
                        plate.mesh,
                        black(),
                        Vec2::NEG_X * r * 0.24,
                        Vec2::X * r * 0.24,
                        r * 0.09,
                    );
                }
            }
        }
        SignKind::NoEntry => {
            plate.body(&disc(r), white);
            plate.layer(red, &disc(r * 0.96));
            plate.next().rect(
                plate.mesh,
                white,
                Vec2::new(-r * 0.7, -r * 0.17),
                Vec2::new(r * 0.7, r * 0.17),
            );
        }
        SignKind::NoParking => {
            plate.body(&disc(r), red);
            plate.layer(blue, &disc(r * 0.82));
            let corner = Vec2::new(-1.0, 1.0).normalize() * r * 0.8;
            let plane = plate.next();
            plane.line(plate.mesh, red, corner, -corner, r * 0.18);
            if dice.chance(0.35) {
                plane.line(plate.mesh, red, corner.perp(), -corner.perp(), r * 0.18);
            }
        }
        SignKind::Direction => direction(&mut plate, size, motorway, &mut dice),
    }
    mesh
}

/// A board with arrows and names of places (as bars: nobody can read them at 640 pixels).
fn direction(plate: &mut Plate<'_>, height: f32, motorway: bool, dice: &mut Dice) {
    let (ground, ink) = if motorway {
        if dice.chance(0.6) {
            (sheet(20, 74, 156), sheet(238, 238, 234))
        } else {
            (sheet(0, 104, 66), sheet(238, 238, 234))
        }
    } else {
        match dice.count(0, 2) {
            0 => (sheet(246, 200, 40), black()),
            1 => (sheet(238, 238, 234), black()),
            _ => (sheet(20, 74, 156), sheet(238, 238, 234)),
        }
    };
    let half = Vec2::new(height * dice.range(0.7, 0.95), height / 2.0);
    let corners = |h: Vec2| [-h, Vec2::new(h.x, -h.y), h, Vec2::new(-h.x, h.y)];
    plate.body(&corners(half), ink);
    plate.layer(ground, &corners(half * Vec2::new(0.97, 0.95)));
    let plane = plate.next();
    let lines = dice.count(2, 3);
    let row = height * 0.8 / lines as f32;
    for line in 0..lines {
        let v = height * 0.4 - row * (line as f32 + 0.5);
        let left = dice.chance(0.5);
        // The arrow at the side where it points to.
        let tip = if left { -half.x * 0.9 } else { half.x * 0.9 };
        let toward = if left { -1.0 } else { 1.0 };
        let size = row * 0.34;
        let up = dice.chance(0.4);
        let (shaft, head) = if up {
            let x = tip - toward * size;
            let shaft = [Vec2::new(x, v - size), Vec2::new(x, v + size * 0.4)];
            let head = [
                Vec2::new(x - size * 0.7, v + size * 0.3),
                Vec2::new(x + size * 0.7, v + size * 0.3),
                Vec2::new(x, v + size * 1.2),
            ];
            (shaft, head)
        } else {
            let shaft = [
                Vec2::new(tip - toward * size * 2.4, v),
                Vec2::new(tip - toward * size * 0.8, v),
            ];
            let head = [
                Vec2::new(tip - toward * size, v - size * 0.7 * toward),
                Vec2::new(tip, v),
                Vec2::new(tip - toward * size, v + size * 0.7 * toward),
            ];
            (shaft, head)
        };
        plane.line(plate.mesh, ink, shaft[0], shaft[1], size * 0.4);
        plane.polygon(plate.mesh, ink, &head);
        let mut u = if left { -half.x * 0.45 } else { -half.x * 0.88 };
        let letters = dice.count(4, 8);
        let step = half.x * 1.25 / 8.0;
        for _ in 0..letters {
            let tall = if dice.chance(0.4) { 0.5 } else { 0.34 };
            let (low, high) = (
                Vec2::new(u, v - row * 0.2),
                Vec2::new(u + step * dice.range(0.4, 0.72), v - row * 0.2 + row * tall),
            );
            plane.rect(plate.mesh, ink, low, high);
            u += step;
        }
    }
}

/// A large board that marks where the road bends, and other boards that say nothing: an advertisement, `width` × `height` m.
/// Furniture, not a traffic sign.
pub(super) fn billboard(width: f32, height: f32, lit: bool, dice: &mut Dice) -> Mesh {
    let mut mesh = Mesh::new();
    let frame = Material::matte(Semantic::Furniture, srgb(70, 72, 76));
    let up = Vec3::Z * (height / 2.0);
    mesh.cuboid(frame, up, Vec3::new(0.14, width + 0.16, height + 0.16));
    let colored = |color: [f32; 3]| {
        if lit {
            Material::lamp(Semantic::Furniture, color, Switch::Night, color.map(|c| c * 0.012))
        } else {
            Material::matte(Semantic::Furniture, color)
        }
    };
    for side in [1.0, -1.0] {
        let at = |u: f32, v: f32, d: f32| Vec3::new(side * (0.072 + d), side * u * width, v * height);
        let mut rect = |material: Material, [u0, v0, u1, v1]: [f32; 4], d: f32| {
            mesh.quad(material, at(u0, v0, d), at(u1, v0, d), at(u1, v1, d), at(u0, v1, d));
        };
        rect(colored(super::building::accent(dice)), [-0.5, 0.0, 0.5, 1.0], 0.0);
        let split = dice.range(-0.2, 0.2);
        rect(colored(super::building::accent(dice)), [split, 0.1, 0.45, 0.9], 0.003);
        let ink = colored(super::building::accent(dice));
        for line in 0..dice.count(1, 3) {
            let v = 0.75 - 0.2 * line as f32;
            rect(ink, [-0.44, v, dice.range(-0.1, split - 0.02), v + 0.1], 0.003);
        }
    }
    mesh
}

/// The post or posts of a plate, from the ground to `top`, with the plate `span` m wide before it. The frame is the plate's, with
/// its origin on the ground.
pub fn post(top: f32, span: f32, two: bool) -> Mesh {
    let mut mesh = Mesh::new();
    let steel = Material::metal(Semantic::Pole, srgb(150, 152, 154));
    let (radius, sides) = if two { (0.05, 6) } else { (0.035, 7) };
    let places: &[f32] = if two { &[-0.32, 0.32] } else { &[0.0] };
    for place in places {
        let y = place * span;
        mesh.tube(
            steel,
            Vec3::new(-HALF - radius, y, -0.4),
            Vec3::new(-HALF - radius, y, top),
            radius,
            radius,
            sides,
            true,
        );
    }
    mesh
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [SignKind; 12] = [
        SignKind::Stop,
        SignKind::Yield,
        SignKind::Priority,
        SignKind::SpeedLimit(30),
        SignKind::SpeedLimit(50),
        SignKind::SpeedLimit(120),
        SignKind::Crossing,
        SignKind::Warning,
        SignKind::NoEntry,
        SignKind::NoParking,
        SignKind::Direction,
        SignKind::SpeedLimit(u16::MAX),
    ];

    #[test]
    fn faces_look_along_x_and_backs_are_grey() {
        for kind in KINDS {
            for seed in 0..8 {
                let mesh = plate(kind, 0.6, seed % 2 == 0, Seed::new(seed));
                let (low, high) = mesh.bounds().unwrap();
                assert!((high.x - low.x) < 0.05, "{kind:?}");
                assert!(high.z - low.z < 0.8 && high.y - low.y < 1.3, "{kind:?} {low} {high}");
                for (triangle, material) in mesh.triangles.iter().zip(&mesh.materials) {
                    let [a, b, c] = triangle.map(|i| mesh.positions[i as usize]);
                    let normal = (b - a).cross(c - a);
                    let material = mesh.palette[usize::from(*material)];
                    assert_eq!(material.semantic, Semantic::TrafficSign);
                    // Everything printed is on the front and visible from there.
                    if a.x.min(b.x).min(c.x) > HALF - 1e-4 {
                        assert!(normal.x > 0.0, "{kind:?}: {a} {b} {c}");
                    } else {
                        assert_eq!(material.retro, 0.0, "{kind:?}: a bright back");
                    }
                }
            }
        }
    }

    #[test]
    fn kinds_differ_to_the_eye() {
        // Mean colour of the front, by area: no two kinds may agree in it and in their outline.
        let look = |kind| {
            let mesh = plate(kind, 0.6, false, Seed::new(1));
            let (low, high) = mesh.bounds().unwrap();
            let mut color = Vec3::ZERO;
            let mut sum = 0.0;
            for (triangle, material) in mesh.triangles.iter().zip(&mesh.materials) {
                let [a, b, c] = triangle.map(|i| mesh.positions[i as usize]);
                let area = (b - a).cross(c - a).x.max(0.0);
                color += mesh.palette[usize::from(*material)].color * area;
                sum += area;
            }
            (color / sum, high - low, mesh.triangles.len())
        };
        for (i, a) in KINDS.iter().enumerate() {
            for b in &KINDS[i + 1..] {
                let ((ca, sa, na), (cb, sb, nb)) = (look(*a), look(*b));
                assert!(ca.distance(cb) + sa.distance(sb) > 1e-3 || na != nb, "{a:?} {b:?}");
            }
        }
    }
}
