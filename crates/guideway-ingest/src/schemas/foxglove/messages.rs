//! The messages themselves.
//!
//! Field numbers: the public `.proto` files of the Foxglove SDK. Fields that guideway does not use are left out; both
//! encodings skip them. In JSON, times are `{"sec": …, "nsec": …}` and bytes are base64.

use prost::Message;
use serde::{Deserialize, Serialize};

/// Bytes as base64 in JSON.
mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        STANDARD
            .decode(text.as_bytes())
            .map_err(|err| D::Error::custom(format!("not base64: {err}")))
    }
}

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

/// A point in an image, px.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Vector2 {
    /// To the right.
    #[prost(double, tag = "1")]
    pub x: f64,
    /// Down.
    #[prost(double, tag = "2")]
    pub y: f64,
}

/// A point or vector in space.
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
    #[prost(message, optional, tag = "1")]
    pub position: Option<Vector3>,
    /// Orientation.
    #[prost(message, optional, tag = "2")]
    pub orientation: Option<Quaternion>,
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

/// `foxglove.CompressedImage`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CompressedImage {
    /// Stamp.
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
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Width, px.
    #[prost(fixed32, tag = "2")]
    pub width: u32,
    /// Height, px.
    #[prost(fixed32, tag = "3")]
    pub height: u32,
    /// Pixel layout.
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

/// A field of a point.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PackedElementField {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Offset in the point, bytes.
    #[prost(fixed32, tag = "2")]
    pub offset: u32,
    /// Number type: 1 u8, 2 i8, 3 u16, 4 i16, 5 u32, 6 i32, 7 f32, 8 f64.
    #[prost(int32, tag = "3")]
    pub r#type: i32,
}

/// `foxglove.PointCloud`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PointCloud {
    /// Stamp.
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Frame of the points.
    #[prost(string, tag = "2")]
    pub frame_id: String,
    /// Origin of the points in the frame.
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

/// `foxglove.LocationFix`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct LocationFix {
    /// Latitude, degrees.
    #[prost(double, tag = "1")]
    pub latitude: f64,
    /// Longitude, degrees.
    #[prost(double, tag = "2")]
    pub longitude: f64,
    /// Altitude, m.
    #[prost(double, tag = "3")]
    pub altitude: f64,
    /// Stamp.
    #[prost(message, optional, tag = "6")]
    pub timestamp: Option<Time>,
    /// Frame of the receiver.
    #[prost(string, tag = "7")]
    pub frame_id: String,
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
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Parent frame.
    #[prost(string, tag = "2")]
    pub parent_frame_id: String,
    /// Child frame.
    #[prost(string, tag = "3")]
    pub child_frame_id: String,
    /// Translation, m.
    #[prost(message, optional, tag = "4")]
    pub translation: Option<Vector3>,
    /// Rotation.
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
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Frame that the pose is given in.
    #[prost(string, tag = "2")]
    pub frame_id: String,
    /// The pose.
    #[prost(message, optional, tag = "3")]
    pub pose: Option<Pose>,
}

/// `foxglove.Odometry`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Odometry {
    /// Stamp.
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Frame that the pose is given in.
    #[prost(string, tag = "2")]
    pub frame_id: String,
    /// Frame that the pose is of, and that velocities are given in.
    #[prost(string, tag = "3")]
    pub child_frame_id: String,
    /// The pose.
    #[prost(message, optional, tag = "4")]
    pub pose: Option<Pose>,
    /// Linear velocity, m/s.
    #[prost(message, optional, tag = "5")]
    pub linear_velocity: Option<Vector3>,
    /// Angular velocity, rad/s.
    #[prost(message, optional, tag = "6")]
    pub angular_velocity: Option<Vector3>,
}

/// `foxglove.CameraCalibration`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CameraCalibration {
    /// Stamp.
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Width, px.
    #[prost(fixed32, tag = "2")]
    pub width: u32,
    /// Height, px.
    #[prost(fixed32, tag = "3")]
    pub height: u32,
    /// Name of the distortion model.
    #[prost(string, tag = "4")]
    pub distortion_model: String,
    /// Distortion coefficients.
    #[serde(rename = "D")]
    #[prost(double, repeated, tag = "5")]
    pub d: Vec<f64>,
    /// Intrinsic matrix.
    #[serde(rename = "K")]
    #[prost(double, repeated, tag = "6")]
    pub k: Vec<f64>,
    /// Rectification matrix.
    #[serde(rename = "R")]
    #[prost(double, repeated, tag = "7")]
    pub r: Vec<f64>,
    /// Projection matrix.
    #[serde(rename = "P")]
    #[prost(double, repeated, tag = "8")]
    pub p: Vec<f64>,
    /// Frame of the camera.
    #[prost(string, tag = "9")]
    pub frame_id: String,
}

/// `foxglove.PointsAnnotation`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PointsAnnotation {
    /// Stamp.
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// 1 points, 2 closed line, 3 open line, 4 pairs of points.
    #[prost(int32, tag = "2")]
    pub r#type: i32,
    /// The points, px.
    #[prost(message, repeated, tag = "3")]
    pub points: Vec<Vector2>,
    /// What else there is to say.
    #[prost(message, repeated, tag = "8")]
    pub metadata: Vec<KeyValuePair>,
}

/// `foxglove.TextAnnotation`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TextAnnotation {
    /// Stamp.
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Lower left corner of the text, px.
    #[prost(message, optional, tag = "2")]
    pub position: Option<Vector2>,
    /// The text.
    #[prost(string, tag = "3")]
    pub text: String,
    /// Height of the text, px.
    #[prost(double, tag = "4")]
    pub font_size: f64,
}

/// `foxglove.CircleAnnotation`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CircleAnnotation {
    /// Stamp.
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Centre, px.
    #[prost(message, optional, tag = "2")]
    pub position: Option<Vector2>,
    /// Diameter, px.
    #[prost(double, tag = "3")]
    pub diameter: f64,
    /// What else there is to say.
    #[prost(message, repeated, tag = "7")]
    pub metadata: Vec<KeyValuePair>,
}

/// `foxglove.ImageAnnotations`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageAnnotations {
    /// Circles.
    #[prost(message, repeated, tag = "1")]
    pub circles: Vec<CircleAnnotation>,
    /// Points, lines and outlines.
    #[prost(message, repeated, tag = "2")]
    pub points: Vec<PointsAnnotation>,
    /// Texts.
    #[prost(message, repeated, tag = "3")]
    pub texts: Vec<TextAnnotation>,
}

/// `foxglove.CubePrimitive`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CubePrimitive {
    /// Centre and orientation.
    #[prost(message, optional, tag = "1")]
    pub pose: Option<Pose>,
    /// Size along x, y and z, m.
    #[prost(message, optional, tag = "2")]
    pub size: Option<Vector3>,
}

/// `foxglove.TextPrimitive`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TextPrimitive {
    /// The text.
    #[prost(string, tag = "6")]
    pub text: String,
}

/// A primitive that is only counted.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Primitive {}

/// `foxglove.SceneEntity`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct SceneEntity {
    /// Stamp.
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Frame.
    #[prost(string, tag = "2")]
    pub frame_id: String,
    /// Identity.
    #[prost(string, tag = "3")]
    pub id: String,
    /// What else there is to say.
    #[prost(message, repeated, tag = "6")]
    pub metadata: Vec<KeyValuePair>,
    /// Arrows.
    #[prost(message, repeated, tag = "7")]
    pub arrows: Vec<Primitive>,
    /// Cubes.
    #[prost(message, repeated, tag = "8")]
    pub cubes: Vec<CubePrimitive>,
    /// Spheres.
    #[prost(message, repeated, tag = "9")]
    pub spheres: Vec<Primitive>,
    /// Cylinders.
    #[prost(message, repeated, tag = "10")]
    pub cylinders: Vec<Primitive>,
    /// Lines.
    #[prost(message, repeated, tag = "11")]
    pub lines: Vec<Primitive>,
    /// Triangles.
    #[prost(message, repeated, tag = "12")]
    pub triangles: Vec<Primitive>,
    /// Texts.
    #[prost(message, repeated, tag = "13")]
    pub texts: Vec<TextPrimitive>,
    /// Models.
    #[prost(message, repeated, tag = "14")]
    pub models: Vec<Primitive>,
}

/// `foxglove.SceneEntityDeletion`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct SceneEntityDeletion {
    /// Stamp.
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// 0 the entity with this id, 1 all.
    #[prost(int32, tag = "2")]
    pub r#type: i32,
    /// Identity.
    #[prost(string, tag = "3")]
    pub id: String,
}

/// `foxglove.SceneUpdate`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct SceneUpdate {
    /// Entities to remove.
    #[prost(message, repeated, tag = "1")]
    pub deletions: Vec<SceneEntityDeletion>,
    /// Entities to add or replace.
    #[prost(message, repeated, tag = "2")]
    pub entities: Vec<SceneEntity>,
}
