//! Families of road users and things: every one generated, none twice the same.

use std::sync::Arc;

use glam::{Affine3A, Vec3};

use crate::mesh::Mesh;
use crate::object::ObjectClass;
use crate::state::Articulation;

/// A source of light carried by an actor, in its body frame: a headlight, a beacon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lamp {
    /// Position, m.
    pub position: Vec3,
    /// Direction of the beam's axis, unit; its cone is `half_angle` wide. `Vec3::ZERO` shines everywhere.
    pub direction: Vec3,
    /// Half the angle of the cone, rad.
    pub half_angle: f32,
    /// Radiant intensity, linear RGB: irradiance at 1 m, in units where full sun gives 1.
    pub intensity: Vec3,
    /// What turns it on.
    pub switch: crate::material::Switch,
}

/// How a part moves against the body.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Joint {
    /// Not at all.
    #[default]
    Fixed,
    /// A wheel that rolls about its y axis at `pivot`, and turns about z if it steers.
    Wheel {
        /// Its centre, body frame, m.
        pivot: Vec3,
        /// Does it steer?
        steers: bool,
    },
    /// Anything else: the model's own kinematics say where it is.
    Limb {
        /// Which limb; a number of the model's own.
        index: u8,
    },
}

/// A rigid part of an actor.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its mesh, in its own frame (for `Fixed`: the body frame).
    pub mesh: Arc<Mesh>,
    /// How it moves.
    pub joint: Joint,
}

/// The shape of an actor, in its body frame: x forward, y left, z up, origin on the ground below the middle of its cuboid.
/// Everything that it can do with its joints stays inside the cuboid.
#[derive(Debug, Clone)]
pub struct Model {
    /// Its class.
    pub class: ObjectClass,
    /// What it is in its family: `sedan`, `suv`, `tanker`, `child`, `deer`, ….
    pub kind: &'static str,
    /// Length (x), width (y), height (z) of its cuboid, m. The cuboid's centre is `(0, 0, height / 2)`.
    pub size: Vec3,
    /// Its parts.
    pub parts: Vec<Part>,
    /// Its lamps that light the scene.
    pub lamps: Vec<Lamp>,
    /// From the rear to the front axle, m; 0 for what has none.
    pub wheelbase: f32,
    /// Radius of its wheels, m; 0 for what has none.
    pub wheel_radius: f32,
    /// How its limbs move.
    pub kinematics: Kinematics,
    /// Attributes for labels, such as `("colour", "red")`.
    pub attributes: Vec<(&'static str, String)>,
}

/// How a model's limbs move.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Kinematics {
    /// Wheels at most.
    #[default]
    Rigid,
}

impl Model {
    /// `body_from_part` for each part, in the order of `parts`.
    pub fn pose(&self, articulation: &Articulation, out: &mut Vec<Affine3A>) {
        out.clear();
        out.extend(self.parts.iter().map(|part| match part.joint {
            Joint::Fixed | Joint::Limb { .. } => Affine3A::IDENTITY,
            Joint::Wheel { pivot, steers } => {
                let steer = if steers { articulation.steer } else { 0.0 };
                Affine3A::from_translation(pivot)
                    * Affine3A::from_rotation_z(steer)
                    * Affine3A::from_rotation_y(articulation.wheel)
            }
        }));
    }
}
