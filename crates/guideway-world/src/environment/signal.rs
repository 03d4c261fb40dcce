//! Traffic lights: heads, posts, arms.
//!
//! A head's frame: x out of its face, z up, the middle of its housing's face at the origin.

use std::f32::consts::PI;

use glam::{Vec2, Vec3};

use super::glyph::{Plane, regular};
use crate::dice::Dice;
use crate::material::{Material, Semantic, Switch, srgb};
use crate::mesh::Mesh;
use crate::seed::Seed;

/// The three lamps of a head for vehicles: switch, lens when off, radiance when on.
const LAMPS: [(Switch, [f32; 3], [f32; 3]); 3] = [
    (Switch::Red, [0.07, 0.006, 0.006], [1.6, 0.05, 0.03]),
    (Switch::Amber, [0.075, 0.04, 0.004], [1.5, 0.62, 0.03]),
    (Switch::Green, [0.005, 0.055, 0.03], [0.05, 1.3, 0.62]),
];

/// Looks shared by the signals of a scene.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalStyle {
    /// Colour of the housings, linear RGB.
    pub housing: [f32; 3],
    /// Do heads for vehicles have a board behind them?
    pub board: bool,
    /// Diameter of a lens, m.
    pub lens: f32,
}

impl SignalStyle {
    /// The style of a scene.
    pub fn of(seed: Seed) -> Self {
        let mut dice = Dice::new(seed);
        Self {
            housing: dice.pick(&[
                srgb(26, 28, 28),
                srgb(30, 44, 36),
                srgb(214, 168, 30),
                srgb(60, 62, 64),
                srgb(20, 20, 22),
            ]),
            board: dice.chance(0.5),
            lens: dice.pick(&[0.2, 0.2, 0.3]),
        }
    }
}

fn lens(mesh: &mut Mesh, plane: Plane, radius: f32, material: Material) {
    plane.polygon(mesh, material, &regular(12, radius, 0.0));
}

/// The upper half of a tube around a lens, against the sun.
fn visor(mesh: &mut Mesh, plane: Plane, radius: f32, length: f32, material: Material) {
    let arc = |x: f32| -> Vec<Vec3> {
        (0..=6)
            .map(|i| {
                let p = Vec2::from_angle(PI * (i as f32 / 6.0 * 1.3 - 0.15)) * radius;
                plane.point(p) + Vec3::X * x
            })
            .collect()
    };
    mesh.loft(material, &[arc(0.0), arc(length)], false);
}

/// A head with three lamps for vehicles.
pub fn vehicle_head(style: &SignalStyle) -> Mesh {
    let mut mesh = Mesh::new();
    let housing = Material::matte(Semantic::TrafficLight, style.housing);
    let (radius, pitch) = (style.lens / 2.0, style.lens * 1.28);
    let size = Vec3::new(0.16, style.lens * 1.35, pitch * 3.0 + 0.06);
    mesh.cuboid(housing, Vec3::new(-0.08, 0.0, 0.0), size);
    if style.board {
        let black = Material::matte(Semantic::TrafficLight, [0.01, 0.01, 0.01]);
        let white = Material::matte(Semantic::TrafficLight, [0.8, 0.8, 0.8]).retro(0.3);
        let (y, z) = (size.y * 0.95, size.z / 2.0 + 0.14);
        mesh.cuboid(black, Vec3::new(-0.1, 0.0, 0.0), Vec3::new(0.02, 2.0 * y, 2.0 * z));
        let plane = Plane::at(-0.088);
        let edge = 0.035;
        plane.rect(&mut mesh, white, Vec2::new(-y, z - edge), Vec2::new(y, z));
        plane.rect(&mut mesh, white, Vec2::new(-y, -z), Vec2::new(y, edge - z));
        plane.rect(&mut mesh, white, Vec2::new(-y, edge - z), Vec2::new(edge - y, z - edge));
        plane.rect(&mut mesh, white, Vec2::new(y - edge, edge - z), Vec2::new(y, z - edge));
    }
    for (i, (switch, off, on)) in LAMPS.into_iter().enumerate() {
        let plane = Plane {
            x: 0.004,
            center: Vec2::new(0.0, pitch * (1.0 - i as f32)),
        };
        let lamp = Material::lamp(Semantic::TrafficLight, off, switch, on);
        lens(&mut mesh, plane, radius, lamp);
        visor(&mut mesh, plane, radius * 1.08, style.lens * 0.75, housing);
    }
    mesh
}

/// A head with two lamps for people on foot: a red one who stands, a green one who walks.
pub fn pedestrian_head(style: &SignalStyle) -> Mesh {
    let mut mesh = Mesh::new();
    let housing = Material::matte(Semantic::TrafficLight, style.housing);
    let (radius, pitch) = (0.1, 0.26);
    mesh.cuboid(housing, Vec3::new(-0.07, 0.0, 0.0), Vec3::new(0.14, 0.28, 0.56));
    for (i, (switch, off, on)) in [LAMPS[0], LAMPS[2]].into_iter().enumerate() {
        let center = Vec2::new(0.0, pitch * (0.5 - i as f32));
        let dark = Material::matte(Semantic::TrafficLight, [0.008, 0.008, 0.008]);
        lens(&mut mesh, Plane { x: 0.003, center }, radius, dark);
        let lamp = Material::lamp(Semantic::TrafficLight, off, switch, on);
        Plane { x: 0.006, center }.person(&mut mesh, lamp, radius * 1.8, switch == Switch::Green);
        visor(&mut mesh, Plane { x: 0.003, center }, radius * 1.15, 0.1, housing);
    }
    mesh
}

/// A post from below the ground to `height` m.
pub fn post(height: f32, radius: f32) -> Mesh {
    let mut mesh = Mesh::new();
    let steel = Material::metal(Semantic::Pole, srgb(118, 122, 124));
    let top = Vec3::Z * height;
    mesh.tube(steel, Vec3::NEG_Z * 0.4, top, radius * 1.1, radius, 8, true);
    mesh
}

/// A post with an arm over the road: the frame's x is the direction of the arm, `reach` m long at `height` m.
pub fn arm(height: f32, reach: f32) -> Mesh {
    let mut mesh = post(height + 0.3, 0.11);
    let steel = Material::metal(Semantic::Pole, srgb(118, 122, 124));
    let from = Vec3::Z * height;
    mesh.tube(steel, from, from + Vec3::new(reach, 0.0, 0.12), 0.085, 0.055, 6, true);
    mesh
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lamp_has_its_switch_and_red_is_on_top() {
        for seed in 0..12 {
            let style = SignalStyle::of(Seed::new(seed));
            let middle = |mesh: &Mesh, switch: Switch| {
                let mut heights = Vec::new();
                for (triangle, material) in mesh.triangles.iter().zip(&mesh.materials) {
                    let material = mesh.palette[usize::from(*material)];
                    assert_eq!(material.semantic, Semantic::TrafficLight);
                    if material.switch == switch {
                        assert!(material.emission.max_element() > 1.0);
                        heights.extend(triangle.map(|i| mesh.positions[i as usize].z));
                    }
                }
                let (low, high) = heights
                    .iter()
                    .fold((f32::MAX, f32::MIN), |(l, h), z| (l.min(*z), h.max(*z)));
                (!heights.is_empty()).then_some(f32::midpoint(low, high))
            };
            let head = vehicle_head(&style);
            let [red, amber, green] = [Switch::Red, Switch::Amber, Switch::Green].map(|s| middle(&head, s).unwrap());
            assert!(red > amber + 0.2 && amber > green + 0.2);
            let head = pedestrian_head(&style);
            assert!(middle(&head, Switch::Red) > middle(&head, Switch::Green));
            assert_eq!(middle(&head, Switch::Amber), None);
        }
    }
}
