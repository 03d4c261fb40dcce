//! The ego vehicle's sensors, and what they measure.
//!
//! Every measurement is a function of the scene, the rig, a seed and a time: it does not matter in which order, or on how many
//! threads, they are taken.
//!
//! | module | holds |
//! |---|---|
//! | [`rig`] | which sensors there are, where, and how good |
//! | [`schedule`] | which of them measures when |
//! | [`lidar`] | sweeps, by ray casting |
//! | [`radar`] | detections, by ray casting |
//! | [`navigation`] | GNSS, IMU, wheel speed |

pub mod air;
pub mod lidar;
mod motion;
pub mod navigation;
mod noise;
pub mod radar;
pub mod rig;
pub mod schedule;

use glam::Vec3;

pub use motion::{EgoMotion, world_from_body};
pub use rig::{Rig, SensorRef};
pub use schedule::{Firing, Schedule};

/// One point of a lidar sweep.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LidarPoint {
    /// Position in the lidar's frame at the time of this point (as the device reports it, ego motion not compensated), m.
    pub position: Vec3,
    /// Position in the lidar's frame at the sweep's stamp (ego motion compensated), m.
    pub compensated: Vec3,
    /// Intensity, 0 to 255.
    pub intensity: f32,
    /// Ring: 0 is the lowest.
    pub ring: u16,
    /// Time after the sweep's stamp, ns (negative before it).
    pub offset_ns: i32,
    /// Object that it lies on; 0 for none. Ground truth: not part of what the device reports.
    pub object: u32,
    /// [`Semantic`](crate::material::Semantic). Ground truth.
    pub semantic: u8,
}
