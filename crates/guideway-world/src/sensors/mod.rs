//! The ego vehicle's sensors, and what they measure.

use glam::Vec3;

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
