//! Everything that stands still: the ground, roads, houses, trees, posts, signs, lamps.

use std::sync::Arc;

use glam::{Affine3A, Quat, Vec3};

use crate::mesh::Mesh;
use crate::object::ObjectClass;

/// A mesh at its place.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The mesh; shared by pieces of the same shape.
    pub mesh: Arc<Mesh>,
    /// `world_from_mesh`.
    pub world_from_mesh: Affine3A,
    /// The labelled object that it belongs to: index into [`Environment::objects`].
    pub object: Option<u32>,
    /// The signal that its red, amber and green surfaces follow.
    pub signal: Option<u32>,
}

/// A labelled thing that stands still: a traffic light, a sign.
#[derive(Debug, Clone)]
pub struct StaticObject {
    /// Its class.
    pub class: ObjectClass,
    /// What it is: `stop`, `speed_limit_50`, `vehicle_signal`, ….
    pub kind: String,
    /// Centre of its cuboid, world, m.
    pub center: Vec3,
    /// Orientation of its cuboid; x points out of its face.
    pub rotation: Quat,
    /// Length (x), width (y), height (z), m.
    pub size: Vec3,
    /// The signal whose state it shows.
    pub signal: Option<u32>,
}

/// A lamp that lights the scene at night.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreetLamp {
    /// Position of its light, world, m.
    pub position: Vec3,
    /// Radiant intensity straight down, linear RGB: irradiance at 1 m, in units where full sun gives 1.
    pub intensity: Vec3,
}

/// Everything that stands still.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Meshes, the ground and the roads among them.
    pub pieces: Vec<Piece>,
    /// Labelled things.
    pub objects: Vec<StaticObject>,
    /// Lamps.
    pub lamps: Vec<StreetLamp>,
}
