//! Cameras: images, video, calibration.

use prost::Message;
use serde::{Deserialize, Serialize};

use super::base64_bytes;
use super::common::Time;

/// `foxglove.CompressedImage`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CompressedImage {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Encoded image.
    #[serde(with = "base64_bytes")]
    #[prost(bytes = "vec", tag = "2")]
    pub data: Vec<u8>,
    /// `jpeg`, `png`, `webp` or `avif`.
    #[prost(string, tag = "3")]
    pub format: String,
    /// Frame of the camera.
    #[prost(string, tag = "4")]
    pub frame_id: String,
}

/// `foxglove.CompressedVideo`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CompressedVideo {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Frame of the camera.
    #[prost(string, tag = "2")]
    pub frame_id: String,
    /// One access unit.
    #[serde(with = "base64_bytes")]
    #[prost(bytes = "vec", tag = "3")]
    pub data: Vec<u8>,
    /// `h264`, `h265`, `vp9` or `av1`.
    #[prost(string, tag = "4")]
    pub format: String,
}

/// `foxglove.RawImage`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct RawImage {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Width, px.
    #[prost(fixed32, tag = "2")]
    pub width: u32,
    /// Height, px.
    #[prost(fixed32, tag = "3")]
    pub height: u32,
    /// Pixel layout: `rgb8`, `mono8`, `mono16`, `32FC1`, ….
    #[prost(string, tag = "4")]
    pub encoding: String,
    /// Bytes from one row to the next.
    #[prost(fixed32, tag = "5")]
    pub step: u32,
    /// Rows.
    #[serde(with = "base64_bytes")]
    #[prost(bytes = "vec", tag = "6")]
    pub data: Vec<u8>,
    /// Frame of the camera.
    #[prost(string, tag = "7")]
    pub frame_id: String,
}

/// `foxglove.CameraCalibration`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CameraCalibration {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Width, px.
    #[prost(fixed32, tag = "2")]
    pub width: u32,
    /// Height, px.
    #[prost(fixed32, tag = "3")]
    pub height: u32,
    /// `plumb_bob`, `rational_polynomial`, `kannala_brandt`, ….
    #[prost(string, tag = "4")]
    pub distortion_model: String,
    /// Distortion coefficients in the model's order.
    #[serde(rename = "D")]
    #[prost(double, repeated, tag = "5")]
    pub d: Vec<f64>,
    /// Intrinsic matrix 3×3, by rows.
    #[serde(rename = "K")]
    #[prost(double, repeated, tag = "6")]
    pub k: Vec<f64>,
    /// Rectification matrix 3×3, by rows.
    #[serde(rename = "R")]
    #[prost(double, repeated, tag = "7")]
    pub r: Vec<f64>,
    /// Projection matrix 3×4, by rows.
    #[serde(rename = "P")]
    #[prost(double, repeated, tag = "8")]
    pub p: Vec<f64>,
    /// Frame of the camera.
    #[prost(string, tag = "9")]
    pub frame_id: String,
}
