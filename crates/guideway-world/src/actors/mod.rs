//! Families of road users and things: every one generated, none twice the same.
//!
//! [`generate`] makes any class that moves or lies on the road from a seed. A [`Model`] is a handful of rigid parts; [`Model::pose`]
//! places them for an [`Articulation`]: wheels roll and steer, legs walk and pedal, trailers bend.

mod animal;
mod assembly;
mod bicycle;
mod body;
mod bus;
mod car;
mod colours;
mod debris;
mod kinematics;
mod motorcycle;
mod person;
mod props;
mod rider;
mod shape;
mod truck;
mod van;
mod wheel;

use std::sync::Arc;

use glam::{Affine3A, Vec3};

pub use self::kinematics::{ArmPose, Cyclist, Hitch, Quadruped, Walker};
use crate::Seed;
use crate::mesh::Mesh;
use crate::object::ObjectClass;
use crate::state::Articulation;

/// Steering angles beyond this look like this, rad.
pub const STEER_MAX: f32 = 0.6;
/// Leans beyond this look like this, rad: a cuboid has to hold a two-wheeler at any lean, and must not be twice as wide as it.
pub const LEAN_MAX: f32 = 0.12;
/// Gaits faster than this look like this, m/s.
pub const PACE_MAX: f32 = 4.5;
/// A trailer's rear end swings out by at most this, m, whatever the angle at its hitch: its cuboid holds every angle.
pub const SWING_MAX: f32 = 0.4;

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
    /// The trailer, or the rear section of an articulated bus; its mesh is in the body frame as it stands behind a straight hitch.
    Trailer,
    /// A wheel of the trailer.
    TrailerWheel {
        /// Its centre behind a straight hitch, body frame, m.
        pivot: Vec3,
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
    /// Its mesh, in its own frame (for `Fixed` and `Trailer`: the body frame).
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
    /// A trailer behind a hitch.
    Hitch(Hitch),
    /// A person on foot.
    Walker(Walker),
    /// A two-wheeler that leans, with a rider who may pedal.
    Cyclist(Cyclist),
    /// An animal on four legs or two.
    Quadruped(Quadruped),
}

/// What the caller insists on. A class that does not know a variant takes it for [`Variant::Any`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Variant {
    /// Whatever the seed says, as frequent as on the road.
    #[default]
    Any,
    /// This kind; [`kinds`] lists those of a class. A name that the class does not have is `Any`.
    Kind(&'static str),
    /// A child on foot or on a child's bicycle.
    Child,
    /// A grown-up on foot.
    Adult,
    /// A person who stands still: one rigid part, and a cuboid no longer than the person.
    Standing,
    /// A person sitting, as on a bench 0.45 m high.
    Sitting,
    /// A person or an animal lying on the ground along x.
    Lying,
    /// A wheelchair user.
    Wheelchair,
    /// A vehicle on its side.
    Overturned,
    /// A bus that carries bicycles on a rack.
    BusWithBicycles,
    /// A two-wheeler on its stand, without a rider. Other vehicles are the same parked as driven.
    Parked,
    /// An animal of a kind that lives in herds. One herd is one kind: draw this once, then ask for `Kind(model.kind)`.
    Herd,
}

/// The kinds of a class, for [`Variant::Kind`]: as [`Model::kind`] names them. Empty for what stands still.
pub fn kinds(class: ObjectClass) -> &'static [&'static str] {
    match class {
        ObjectClass::Car => car::KINDS,
        ObjectClass::Van => van::KINDS,
        ObjectClass::Truck => truck::KINDS,
        ObjectClass::Bus => bus::KINDS,
        ObjectClass::Motorcycle => motorcycle::KINDS,
        ObjectClass::Bicycle => bicycle::KINDS,
        ObjectClass::Pedestrian => person::KINDS,
        ObjectClass::Animal => animal::KINDS,
        ObjectClass::Debris => debris::KINDS,
        ObjectClass::TrafficLight | ObjectClass::TrafficSign => &[],
    }
}

/// Makes a road user or a thing on the road. The same arguments give the same model, to the bit.
///
/// Traffic lights and signs belong to the environment; asked for one, this gives debris.
///
/// ```
/// use guideway_world::actors::{Variant, generate};
/// use guideway_world::{ObjectClass, Seed};
///
/// let van = generate(ObjectClass::Van, Variant::Any, Seed::new(7));
/// assert!(van.size.x > 3.5 && van.size.z > 1.6);
/// ```
pub fn generate(class: ObjectClass, variant: Variant, seed: Seed) -> Model {
    let seed = seed.child("actor").child(class.name());
    match class {
        ObjectClass::Car => car::generate(variant, seed),
        ObjectClass::Van => van::generate(variant, seed),
        ObjectClass::Truck => truck::generate(variant, seed),
        ObjectClass::Bus => bus::generate(variant, seed),
        ObjectClass::Motorcycle => motorcycle::generate(variant, seed),
        ObjectClass::Bicycle => bicycle::generate(variant, seed),
        ObjectClass::Pedestrian => person::generate(variant, seed),
        ObjectClass::Animal => animal::generate(variant, seed),
        ObjectClass::Debris | ObjectClass::TrafficLight | ObjectClass::TrafficSign => debris::generate(variant, seed),
    }
}

/// The kind that a variant asks for, if the class has it.
fn asked_kind(variant: Variant, kinds: &[&'static str]) -> Option<&'static str> {
    match variant {
        Variant::Kind(name) => kinds.iter().copied().find(|kind| *kind == name),
        _ => None,
    }
}

impl Model {
    /// `body_from_part` for each part, in the order of `parts`. Angles and paces beyond what the model can do are
    /// taken for the largest that it can.
    pub fn pose(&self, articulation: &Articulation, out: &mut Vec<Affine3A>) {
        out.clear();
        out.extend(
            self.parts
                .iter()
                .map(|part| self.kinematics.body_from_part(part.joint, articulation)),
        );
    }

    /// Smallest and largest coordinates of all parts in this articulation, body frame, m: what the cuboid of
    /// [`size`](Self::size), which holds every articulation, is around.
    pub fn bounds(&self, articulation: &Articulation) -> (Vec3, Vec3) {
        let mut poses = Vec::new();
        self.pose(articulation, &mut poses);
        let mut low = Vec3::INFINITY;
        let mut high = Vec3::NEG_INFINITY;
        for (part, pose) in self.parts.iter().zip(&poses) {
            for p in &part.mesh.positions {
                let p = pose.transform_point3(*p);
                low = low.min(p);
                high = high.max(p);
            }
        }
        if low.x <= high.x {
            (low, high)
        } else {
            (Vec3::ZERO, Vec3::ZERO)
        }
    }

    /// Centre (body frame) and size of the cuboid, m.
    pub fn cuboid(&self) -> (Vec3, Vec3) {
        (Vec3::Z * (self.size.z / 2.0), self.size)
    }

    /// Triangles of all parts.
    pub fn triangles(&self) -> usize {
        self.parts.iter().map(|part| part.mesh.triangles.len()).sum()
    }

    /// Metres that one cycle of [`Articulation::gait`] covers at this pace (m/s) so that feet do not slide and pedals turn
    /// as they should; 0 for what has no gait.
    pub fn stride(&self, pace: f32) -> f32 {
        match &self.kinematics {
            Kinematics::Rigid | Kinematics::Hitch(_) => 0.0,
            Kinematics::Walker(walker) => walker.stride(pace),
            Kinematics::Cyclist(cyclist) => cyclist.development,
            Kinematics::Quadruped(animal) => animal.stride(pace),
        }
    }
}

#[cfg(test)]
mod tests;
