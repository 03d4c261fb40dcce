//! Everything that stands still: the ground, roads, houses, trees, posts, signs, lamps.

pub mod building;
mod country;
pub mod furniture;
mod glyph;
mod install;
pub mod lamp;
mod place;
mod plot;
pub mod sign;
pub mod signal;
mod site;
mod street;
pub mod vegetation;

use std::sync::Arc;

use glam::{Affine3A, Quat, Vec2, Vec3};

use crate::mesh::Mesh;
use crate::object::ObjectClass;
use crate::params::SceneParams;
use crate::road::RoadNetwork;
use crate::seed::Seed;

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
    /// Where buildings stand: rectangles with walls all around; corners x y counter-clockwise, world, m.
    pub walled: Vec<[[f64; 2]; 4]>,
}

impl Environment {
    /// Furnishes a road network: houses, gardens, fields, trees, street furniture, signs, signals and lamps.
    ///
    /// `ground` gives the height of the ground (m) at every place, roads included; `road_pieces` are the meshes of the roads and
    /// the land, which are taken over as they are. Nothing stands on lanes, crossings or places to park, or hangs over them below
    /// 4.5 m.
    ///
    /// Every signal head and every plate of a sign is one of [`Environment::objects`], with the exact box around its mesh.
    pub fn generate(
        network: &RoadNetwork,
        ground: &dyn Fn(Vec2) -> f32,
        road_pieces: Vec<Piece>,
        params: &SceneParams,
        seed: Seed,
    ) -> Self {
        let seed = seed.child("environment");
        let mut site = site::Site::new(network, ground, road_pieces, params, seed);
        install::signals(&mut site, seed.child("signals"));
        install::signs(&mut site, seed.child("signs"));
        install::lamps(&mut site, seed.child("lamps"));
        let plots = seed.child("plots");
        for (i, plot) in network.plots.iter().enumerate() {
            plot::fill(&mut site, plot, plots.index(i as u64));
        }
        street::furnish(&mut site, seed.child("street"));
        country::fill(&mut site, seed.child("country"));
        country::skyline(&mut site, seed.child("skyline"));
        site.out
    }

    /// Number of triangles of all pieces.
    pub fn triangles(&self) -> usize {
        self.pieces.iter().map(|piece| piece.mesh.triangles.len()).sum()
    }
}

#[cfg(test)]
mod tests;
