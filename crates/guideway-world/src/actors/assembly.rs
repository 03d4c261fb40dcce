//! From parts to a model: bounds, centring, lamps.

use std::sync::Arc;

use glam::{Affine3A, Vec3};

use super::{Joint, Kinematics, Lamp, Model, Part};
use crate::material::{Material, Switch};
use crate::mesh::Mesh;
use crate::object::ObjectClass;
use crate::state::Articulation;

/// Parts on their way to becoming a [`Model`], in a frame of their maker's choice.
pub(super) struct Assembly {
    model: Model,
}

impl Assembly {
    pub(super) fn new(class: ObjectClass, kind: &'static str) -> Self {
        Self {
            model: Model {
                class,
                kind,
                size: Vec3::ONE,
                parts: vec![],
                lamps: vec![],
                wheelbase: 0.0,
                wheel_radius: 0.0,
                kinematics: Kinematics::Rigid,
                attributes: vec![],
            },
        }
    }

    /// Adds a part; empty meshes are left out.
    pub(super) fn part(&mut self, mesh: Mesh, joint: Joint) {
        self.shared(Arc::new(mesh), joint);
    }

    /// Adds a part whose mesh others use too.
    pub(super) fn shared(&mut self, mesh: Arc<Mesh>, joint: Joint) {
        if !mesh.triangles.is_empty() {
            self.model.parts.push(Part { mesh, joint });
        }
    }

    pub(super) fn attribute(&mut self, name: &'static str, value: &str) {
        self.model.attributes.push((name, value.to_owned()));
    }

    pub(super) fn axles(&mut self, wheelbase: f32, wheel_radius: f32) {
        self.model.wheelbase = wheelbase;
        self.model.wheel_radius = wheel_radius;
    }

    pub(super) fn kinematics(&mut self, kinematics: Kinematics) {
        self.model.kinematics = kinematics;
    }

    /// A pair of low beams at `x`, ±`y`, `z`, of this strength (1: a car's).
    pub(super) fn headlights(&mut self, x: f32, y: f32, z: f32, strength: f32) {
        for side in if y > 0.0 { &[-1.0, 1.0][..] } else { &[1.0][..] } {
            self.model.lamps.push(Lamp {
                position: Vec3::new(x, y * side, z),
                direction: Vec3::new(1.0, 0.0, -0.026).normalize_or(Vec3::X),
                half_angle: 25f32.to_radians(),
                intensity: Vec3::new(0.42, 0.40, 0.35) * strength,
                switch: Switch::Head,
            });
        }
    }

    /// A beacon that shines everywhere.
    pub(super) fn beacon(&mut self, position: Vec3, color: [f32; 3]) {
        self.model.lamps.push(Lamp {
            position,
            direction: Vec3::ZERO,
            half_angle: std::f32::consts::PI,
            intensity: Vec3::from_array(color) * 0.02,
            switch: Switch::Beacon,
        });
    }

    /// The model, in the middle of its cuboid.
    pub(super) fn finish(mut self) -> Model {
        self.center();
        self.model
    }

    /// The model in its pose at `articulation`, turned by `turn`, as one rigid piece in the middle of its cuboid.
    pub(super) fn frozen(mut self, articulation: &Articulation, turn: Affine3A) -> Model {
        let mut poses = vec![];
        self.model.pose(articulation, &mut poses);
        let mut whole = Mesh::new();
        for (part, pose) in self.model.parts.iter().zip(&poses) {
            whole.append(&part.mesh, turn * *pose);
        }
        for lamp in &mut self.model.lamps {
            lamp.position = turn.transform_point3(lamp.position);
            lamp.direction = turn.transform_vector3(lamp.direction);
        }
        self.model.parts = vec![Part {
            mesh: Arc::new(whole),
            joint: Joint::Fixed,
        }];
        self.model.kinematics = Kinematics::Rigid;
        self.center();
        self.model
    }

    /// Measures all that the parts can do and moves the frame's origin to the ground below its middle.
    fn center(&mut self) {
        let model = &mut self.model;
        let moves = model.kinematics != Kinematics::Rigid
            || model
                .parts
                .iter()
                .any(|part| matches!(part.joint, Joint::Wheel { steers: true, .. }));
        let (extremes, margin) = if moves {
            model.kinematics.extremes()
        } else {
            (vec![Articulation::default()], 0.0)
        };
        // Faces share corners: each is looked at once.
        let corners: Vec<Vec<Vec3>> = model.parts.iter().map(|part| distinct(&part.mesh.positions)).collect();
        let (mut low, mut high) = (Vec3::INFINITY, Vec3::NEG_INFINITY);
        let mut poses = vec![];
        for articulation in &extremes {
            model.pose(articulation, &mut poses);
            for (points, pose) in corners.iter().zip(&poses) {
                for p in points {
                    let p = pose.transform_point3(*p);
                    low = low.min(p);
                    high = high.max(p);
                }
            }
        }
        // What stands on the ground stands on it: the margin is for the other sides.
        let margin = margin * (high - low).max_element();
        low -= Vec3::new(margin, margin, 0.0);
        high += margin;
        let shift = -Vec3::new(f32::midpoint(low.x, high.x), f32::midpoint(low.y, high.y), low.z);
        for part in &mut model.parts {
            match &mut part.joint {
                Joint::Fixed | Joint::Trailer => {
                    for p in &mut Arc::make_mut(&mut part.mesh).positions {
                        *p += shift;
                    }
                }
                Joint::Wheel { pivot, .. } | Joint::TrailerWheel { pivot } => *pivot += shift,
                Joint::Limb { .. } => {}
            }
        }
        for lamp in &mut model.lamps {
            lamp.position += shift;
        }
        model.kinematics.shift(shift);
        model.size = high - low;
    }
}

fn distinct(points: &[Vec3]) -> Vec<Vec3> {
    let mut points = points.to_vec();
    points.sort_by_key(|p| p.to_array().map(f32::to_bits));
    points.dedup();
    points
}

/// Materials of one class.
#[derive(Clone, Copy)]
pub(super) struct Kit {
    class: ObjectClass,
}

impl Kit {
    pub(super) fn new(class: ObjectClass) -> Self {
        Self { class }
    }

    pub(super) fn matte(self, color: [f32; 3]) -> Material {
        Material::matte(self.class.semantic(), color)
    }

    pub(super) fn paint(self, color: [f32; 3]) -> Material {
        Material::paint(self.class.semantic(), color)
    }

    pub(super) fn metal(self, color: [f32; 3]) -> Material {
        Material::metal(self.class.semantic(), color)
    }

    pub(super) fn plastic(self) -> Material {
        self.matte(super::colours::PLASTIC)
    }

    pub(super) fn glass(self) -> Material {
        Material::glass(self.class.semantic())
    }

    pub(super) fn rubber(self) -> Material {
        Material::rubber(self.class.semantic())
    }

    pub(super) fn headlamp(self) -> Material {
        self.lamp([0.62, 0.64, 0.66], Switch::Head, [14.0, 13.4, 12.0])
    }

    pub(super) fn tail_lamp(self) -> Material {
        self.lamp([0.26, 0.012, 0.012], Switch::Tail, [0.3, 0.008, 0.006])
            .retro(0.1)
    }

    pub(super) fn brake_lamp(self) -> Material {
        self.lamp([0.3, 0.015, 0.012], Switch::Brake, [2.4, 0.06, 0.04])
    }

    pub(super) fn reversing_lamp(self) -> Material {
        self.lamp([0.5, 0.5, 0.5], Switch::Reverse, [1.6, 1.6, 1.5])
    }

    /// An indicator on the left (`side` 1) or the right (−1).
    pub(super) fn indicator(self, side: f32) -> Material {
        let switch = if side > 0.0 { Switch::Left } else { Switch::Right };
        self.lamp([0.45, 0.17, 0.02], switch, [2.6, 1.1, 0.05])
    }

    pub(super) fn beacon(self, color: [f32; 3]) -> Material {
        let glow = color.map(|c| c * 6.0);
        self.lamp(color.map(|c| c * 0.5 + 0.01), Switch::Beacon, glow)
    }

    /// A number plate: white, or yellow as behind in some countries.
    pub(super) fn number_plate(self, yellow: bool) -> Material {
        let color = if yellow { [0.72, 0.5, 0.03] } else { [0.72, 0.72, 0.7] };
        self.matte(color).retro(0.45)
    }

    pub(super) fn lamp(self, lens: [f32; 3], switch: Switch, emission: [f32; 3]) -> Material {
        Material::lamp(self.class.semantic(), lens, switch, emission)
    }
}
