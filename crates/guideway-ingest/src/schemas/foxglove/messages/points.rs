//! Point clouds.

use prost::{Enumeration, Message};
use serde::{Deserialize, Serialize};

use super::base64_bytes;
use super::common::{Pose, Time};

/// Type of a number in a packed element, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum NumericType {
    /// Not said.
    Unknown = 0,
    /// `u8`.
    Uint8 = 1,
    /// `i8`.
    Int8 = 2,
    /// `u16`.
    Uint16 = 3,
    /// `i16`.
    Int16 = 4,
    /// `u32`.
    Uint32 = 5,
    /// `i32`.
    Int32 = 6,
    /// `f32`.
    Float32 = 7,
    /// `f64`.
    Float64 = 8,
}

/// A field of a point.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PackedElementField {
    /// Name: `x`, `y`, `z`, `intensity`, `rcs`, ….
    #[prost(string, tag = "1")]
    pub name: String,
    /// Offset in the point, bytes.
    #[prost(fixed32, tag = "2")]
    pub offset: u32,
    /// Type of the number.
    #[prost(enumeration = "NumericType", tag = "3")]
    pub r#type: i32,
}

/// `foxglove.PointCloud`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PointCloud {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Frame of the points.
    #[prost(string, tag = "2")]
    pub frame_id: String,
    /// Origin of the points in the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "3")]
    pub pose: Option<Pose>,
    /// Bytes from one point to the next.
    #[prost(fixed32, tag = "4")]
    pub point_stride: u32,
    /// Fields of a point.
    #[prost(message, repeated, tag = "5")]
    pub fields: Vec<PackedElementField>,
    /// Points.
    #[serde(with = "base64_bytes")]
    #[prost(bytes = "vec", tag = "6")]
    pub data: Vec<u8>,
}

impl PointCloud {
    /// The fields of a radar's points: position in m, radar cross section in dB·m², and radial velocity in m/s, negative for
    /// what comes nearer. Ingest takes a cloud with `rcs` or `doppler` for a radar's.
    pub const RADAR_FIELDS: [&'static str; 5] = ["x", "y", "z", "rcs", "doppler"];

    /// A cloud whose fields are all `f32`, in the order of `fields`; the points lie in the frame itself.
    pub fn packed<const N: usize>(
        timestamp: Time,
        frame_id: impl Into<String>,
        fields: [&str; N],
        points: impl IntoIterator<Item = [f32; N]>,
    ) -> Self {
        let field = |(at, name): (usize, &str)| PackedElementField {
            name: name.to_owned(),
            offset: at as u32 * 4,
            r#type: NumericType::Float32.into(),
        };
        Self {
            timestamp: Some(timestamp),
            frame_id: frame_id.into(),
            pose: Some(Pose::new([0.0; 3], [1.0, 0.0, 0.0, 0.0])),
            point_stride: N as u32 * 4,
            fields: fields.into_iter().enumerate().map(field).collect(),
            data: points.into_iter().flatten().flat_map(f32::to_le_bytes).collect(),
        }
    }
}
