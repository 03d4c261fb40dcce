//! Where things are: transforms, poses, positions on Earth.

use prost::{Enumeration, Message};
use serde::{Deserialize, Serialize};

use super::common::{Color, KeyValuePair, Pose, Quaternion, Time, Vector3};

/// What is known of a covariance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum CovarianceKind {
    /// Nothing.
    Unknown = 0,
    /// Approximately.
    Approximated = 1,
    /// The diagonal.
    DiagonalKnown = 2,
    /// All of it.
    Known = 3,
}

/// `foxglove.LocationFix`: a position on Earth (WGS84).
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct LocationFix {
    /// Latitude, degrees.
    #[prost(double, tag = "1")]
    pub latitude: f64,
    /// Longitude, degrees.
    #[prost(double, tag = "2")]
    pub longitude: f64,
    /// Altitude above the ellipsoid, m.
    #[prost(double, tag = "3")]
    pub altitude: f64,
    /// Covariance 3×3 (east, north, up), by rows, m²; empty when not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(double, repeated, tag = "4")]
    pub position_covariance: Vec<f64>,
    /// What is known of the covariance.
    #[prost(enumeration = "CovarianceKind", tag = "5")]
    pub position_covariance_type: i32,
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "6")]
    pub timestamp: Option<Time>,
    /// Frame of the receiver.
    #[prost(string, tag = "7")]
    pub frame_id: String,
    /// Colour on a map.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "8")]
    pub color: Option<Color>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "9")]
    pub metadata: Vec<KeyValuePair>,
    /// Heading clockwise from north, rad.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(double, optional, tag = "10")]
    pub heading: Option<f64>,
    /// Velocity (east, north, up), m/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "11")]
    pub velocity: Option<Vector3>,
}

/// `foxglove.LocationFixes`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct LocationFixes {
    /// The fixes.
    #[prost(message, repeated, tag = "1")]
    pub fixes: Vec<LocationFix>,
}

/// `foxglove.FrameTransform`: `parent_from_child`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct FrameTransform {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Parent frame.
    #[prost(string, tag = "2")]
    pub parent_frame_id: String,
    /// Child frame.
    #[prost(string, tag = "3")]
    pub child_frame_id: String,
    /// Translation, m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "4")]
    pub translation: Option<Vector3>,
    /// Rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "5")]
    pub rotation: Option<Quaternion>,
}

/// `foxglove.FrameTransforms`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct FrameTransforms {
    /// The transforms.
    #[prost(message, repeated, tag = "1")]
    pub transforms: Vec<FrameTransform>,
}

/// `foxglove.PoseInFrame`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PoseInFrame {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Frame that the pose is given in.
    #[prost(string, tag = "2")]
    pub frame_id: String,
    /// The pose.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "3")]
    pub pose: Option<Pose>,
}

/// `foxglove.Odometry`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Odometry {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Frame that the pose is given in.
    #[prost(string, tag = "2")]
    pub frame_id: String,
    /// Frame that the pose is of, and that velocities are given in.
    #[serde(alias = "child_frame_id")]
    #[prost(string, tag = "3")]
    pub body_frame_id: String,
    /// The pose.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "4")]
    pub pose: Option<Pose>,
    /// Linear velocity, m/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "5")]
    pub linear_velocity: Option<Vector3>,
    /// Angular velocity, rad/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "6")]
    pub angular_velocity: Option<Vector3>,
    /// Covariance 6×6 of the pose (x y z roll pitch yaw), by rows; empty when not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(double, repeated, tag = "7")]
    pub pose_covariance: Vec<f64>,
    /// Covariance 6×6 of the velocity, by rows; empty when not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(double, repeated, tag = "8")]
    pub velocity_covariance: Vec<f64>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "9")]
    pub metadata: Vec<KeyValuePair>,
}
