//! Times, places, colours, and the log message.

use prost::{Enumeration, Message};
use serde::{Deserialize, Serialize};

/// A point in time.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Time {
    /// Seconds since the epoch.
    #[serde(rename = "sec", alias = "seconds")]
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds.
    #[serde(rename = "nsec", alias = "nanos")]
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// A length of time.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Duration {
    /// Seconds.
    #[serde(rename = "sec", alias = "seconds")]
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds, of the same sign.
    #[serde(rename = "nsec", alias = "nanos")]
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// A point in an image, px.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Point2 {
    /// To the right.
    #[prost(double, tag = "1")]
    pub x: f64,
    /// Down.
    #[prost(double, tag = "2")]
    pub y: f64,
}

/// A point in space, m.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Point3 {
    /// x.
    #[prost(double, tag = "1")]
    pub x: f64,
    /// y.
    #[prost(double, tag = "2")]
    pub y: f64,
    /// z.
    #[prost(double, tag = "3")]
    pub z: f64,
}

/// A vector in space.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Vector3 {
    /// x.
    #[prost(double, tag = "1")]
    pub x: f64,
    /// y.
    #[prost(double, tag = "2")]
    pub y: f64,
    /// z.
    #[prost(double, tag = "3")]
    pub z: f64,
}

/// A rotation.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Quaternion {
    /// x.
    #[prost(double, tag = "1")]
    pub x: f64,
    /// y.
    #[prost(double, tag = "2")]
    pub y: f64,
    /// z.
    #[prost(double, tag = "3")]
    pub z: f64,
    /// w.
    #[prost(double, tag = "4")]
    pub w: f64,
}

/// A pose.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Pose {
    /// Position, m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub position: Option<Vector3>,
    /// Orientation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "2")]
    pub orientation: Option<Quaternion>,
}

/// A colour; each part 0 to 1.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Color {
    /// Red.
    #[prost(double, tag = "1")]
    pub r: f64,
    /// Green.
    #[prost(double, tag = "2")]
    pub g: f64,
    /// Blue.
    #[prost(double, tag = "3")]
    pub b: f64,
    /// Opacity.
    #[prost(double, tag = "4")]
    pub a: f64,
}

/// A pair of texts.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyValuePair {
    /// Key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// How grave a log message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum LogLevel {
    /// Not said.
    Unknown = 0,
    /// For developers.
    Debug = 1,
    /// Normal operation.
    Info = 2,
    /// Something to look at.
    Warning = 3,
    /// Something failed.
    Error = 4,
    /// Nothing goes on after it.
    Fatal = 5,
}

/// `foxglove.Log`: a line of a log.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Log {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// How grave it is.
    #[prost(enumeration = "LogLevel", tag = "2")]
    pub level: i32,
    /// The text.
    #[prost(string, tag = "3")]
    pub message: String,
    /// The process or node that says it.
    #[prost(string, tag = "4")]
    pub name: String,
    /// Source file.
    #[prost(string, tag = "5")]
    pub file: String,
    /// Line in it.
    #[prost(fixed32, tag = "6")]
    pub line: u32,
}

impl Time {
    /// From ns since the epoch.
    pub fn from_ns(ns: i64) -> Self {
        Self {
            seconds: ns.div_euclid(1_000_000_000),
            nanos: ns.rem_euclid(1_000_000_000) as i32,
        }
    }
}

impl From<[f64; 2]> for Point2 {
    fn from([x, y]: [f64; 2]) -> Self {
        Self { x, y }
    }
}

impl From<[f64; 3]> for Point3 {
    fn from([x, y, z]: [f64; 3]) -> Self {
        Self { x, y, z }
    }
}

impl From<[f64; 3]> for Vector3 {
    fn from([x, y, z]: [f64; 3]) -> Self {
        Self { x, y, z }
    }
}

impl From<[f64; 4]> for Color {
    fn from([r, g, b, a]: [f64; 4]) -> Self {
        Self { r, g, b, a }
    }
}

impl Quaternion {
    /// From `w x y z`, the order of the rest of guideway.
    pub fn from_wxyz([w, x, y, z]: [f64; 4]) -> Self {
        Self { x, y, z, w }
    }
}

impl Pose {
    /// From a position in m and a rotation `w x y z`.
    pub fn new(position: [f64; 3], rotation_wxyz: [f64; 4]) -> Self {
        Self {
            position: Some(position.into()),
            orientation: Some(Quaternion::from_wxyz(rotation_wxyz)),
        }
    }
}

impl KeyValuePair {
    /// A pair.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }
}
