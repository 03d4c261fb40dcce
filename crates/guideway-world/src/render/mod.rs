//! From a scene to pixels and ranges, by ray casting.
//!
//! A [`Renderer`] answers for one scene at a time. The one here runs on the CPU; another can stand beside it without anything else
//! changing.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function for wide registers is compiled for narrow ones"
)]

mod bvh;
mod cast;
mod cpu;
mod eight;
pub(crate) mod lanes;
mod lens;
mod lights;
mod maths;
mod noise;
mod optics;
mod picture;
mod post;
mod precipitation;
mod scene;
mod shade;
mod shadow;
mod silhouette;
mod sky;
mod sun;
#[cfg(test)]
mod tests;
mod texture;
mod tiles;
mod trace;
mod weather;
mod wide;

use glam::Vec3;
use guideway_core::{Camera, Se3};

use crate::environment::Environment;
use crate::params::SceneParams;
use crate::state::WorldState;

pub use cpu::CpuRenderer;
pub use sun::sun_direction;

/// Object numbers in instance masks and hits: 0 is nothing labelled; actors have their track id; things that stand still have
/// [`STATIC_BASE`] plus their index in the environment.
pub type ObjectId = u32;

/// First number of the things that stand still.
pub const STATIC_BASE: ObjectId = 1 << 24;

/// A scene at one moment, as a renderer needs it.
#[derive(Debug, Clone)]
pub struct Snapshot<'a> {
    /// Everything that stands still; the same for a whole drive.
    pub environment: &'a Environment,
    /// Everything that moves, the ego vehicle included (seen by none of its own sensors).
    pub state: &'a WorldState,
    /// Light, weather and optics.
    pub params: &'a SceneParams,
    /// For noise, rain drops, dirt: the recording's.
    pub seed: crate::Seed,
}

/// How a camera takes a picture.
#[derive(Debug, Clone)]
pub struct Shot {
    /// Its projection.
    pub camera: Camera,
    /// `ego_from_camera` (camera: x right, y down, z forward).
    pub ego_from_camera: Se3,
    /// Exposure time, s; above 0 gives motion blur.
    pub exposure_s: f64,
    /// Time from the first row's exposure to the last row's, s; 0 is a global shutter. The snapshot's time is the middle row's.
    pub rolling_shutter_s: f64,
    /// Rays for the colour of a pixel: 1, 2 or 4. Masks and depth use the pixel's centre.
    pub samples: u32,
    /// Standard deviation of the read noise, in 8-bit steps, at base gain.
    pub read_noise: f64,
    /// For the noise of this frame: the camera's number and the frame's.
    pub seed: crate::Seed,
}

/// What a camera saw, rows from the top. All planes have `width * height` values.
#[derive(Debug, Clone, Default)]
pub struct CameraFrame {
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// sRGB, three bytes a pixel.
    pub rgb: Vec<u8>,
    /// Depth along the optical axis (camera z), m; infinite for the sky.
    pub depth: Vec<f32>,
    /// Object at the pixel's centre.
    pub object: Vec<ObjectId>,
    /// [`Semantic`](crate::material::Semantic) at the pixel's centre.
    pub semantic: Vec<u8>,
}

/// A ray in the world, with its own time: a sweep takes a tenth of a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ray {
    /// Origin, world, m.
    pub origin: Vec3,
    /// Unit direction.
    pub direction: Vec3,
    /// Seconds after the snapshot; objects are moved along at constant velocity. Rays of one time slice share a
    /// position of the objects.
    pub dt: f32,
}

/// What a ray met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Distance, m; infinite when nothing was met.
    pub distance: f32,
    /// Unit normal, towards the ray's origin.
    pub normal: Vec3,
    /// Reflectivity for a lidar ([`Material::lidar`](crate::material::Material)).
    pub lidar: f32,
    /// The object.
    pub object: ObjectId,
    /// [`Semantic`](crate::material::Semantic).
    pub semantic: u8,
    /// Velocity of the surface, world, m/s.
    pub velocity: Vec3,
}

/// Where and how an object would look without the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Silhouette {
    /// Pixels of the image that it covers when nothing stands before it.
    pub inside: u32,
    /// Pixels that it would cover on a sensor that goes on beyond the image's edges (up to the projection's limit).
    pub total: u32,
}

/// Renders snapshots of one environment.
pub trait Renderer: Send + Sync {
    /// Takes a picture.
    fn camera(&self, snapshot: &Snapshot<'_>, shot: &Shot) -> CameraFrame;

    /// Casts rays: `hits[i]` belongs to `rays[i]`. The ego vehicle is not hit.
    fn cast(&self, snapshot: &Snapshot<'_>, rays: &[Ray], hits: &mut Vec<Hit>);

    /// Silhouettes of objects alone, in the same order.
    fn silhouettes(&self, snapshot: &Snapshot<'_>, shot: &Shot, objects: &[ObjectId]) -> Vec<Silhouette>;
}
