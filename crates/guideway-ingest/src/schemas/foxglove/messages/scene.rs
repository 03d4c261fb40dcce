//! Labels and shapes in space.

use prost::{Enumeration, Message};
use serde::{Deserialize, Serialize};

use super::base64_bytes;
use super::common::{Color, Duration, KeyValuePair, Point3, Pose, Time, Vector3};

/// How the points of a line are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum LineKind {
    /// One after the other.
    LineStrip = 0,
    /// And back to the first.
    LineLoop = 1,
    /// In pairs.
    LineList = 2,
}

/// What a deletion deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum DeletionKind {
    /// The entity with its id.
    MatchingId = 0,
    /// All entities of the topic.
    All = 1,
}

/// `foxglove.ArrowPrimitive`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ArrowPrimitive {
    /// Tail; the arrow points along x.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub pose: Option<Pose>,
    /// Length of the shaft, m.
    #[prost(double, tag = "2")]
    pub shaft_length: f64,
    /// Diameter of the shaft, m.
    #[prost(double, tag = "3")]
    pub shaft_diameter: f64,
    /// Length of the head, m.
    #[prost(double, tag = "4")]
    pub head_length: f64,
    /// Diameter of the head, m.
    #[prost(double, tag = "5")]
    pub head_diameter: f64,
    /// Colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "6")]
    pub color: Option<Color>,
}

/// `foxglove.CubePrimitive`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CubePrimitive {
    /// Centre and orientation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub pose: Option<Pose>,
    /// Size along x, y and z, m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "2")]
    pub size: Option<Vector3>,
    /// Colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "3")]
    pub color: Option<Color>,
}

/// `foxglove.SpherePrimitive`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct SpherePrimitive {
    /// Centre and orientation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub pose: Option<Pose>,
    /// Diameter along x, y and z, m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "2")]
    pub size: Option<Vector3>,
    /// Colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "3")]
    pub color: Option<Color>,
}

/// `foxglove.CylinderPrimitive`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CylinderPrimitive {
    /// Centre and orientation; the axis is z.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub pose: Option<Pose>,
    /// Size along x, y and z, m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "2")]
    pub size: Option<Vector3>,
    /// Ratio of the bottom's diameter, 0 to 1.
    #[prost(double, tag = "3")]
    pub bottom_scale: f64,
    /// Ratio of the top's diameter, 0 to 1.
    #[prost(double, tag = "4")]
    pub top_scale: f64,
    /// Colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "5")]
    pub color: Option<Color>,
}

/// `foxglove.LinePrimitive`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct LinePrimitive {
    /// How the points are joined.
    #[prost(enumeration = "LineKind", tag = "1")]
    pub r#type: i32,
    /// Origin of the points.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "2")]
    pub pose: Option<Pose>,
    /// Thickness, m or px.
    #[prost(double, tag = "3")]
    pub thickness: f64,
    /// Is the thickness in pixels?
    #[prost(bool, tag = "4")]
    pub scale_invariant: bool,
    /// The points, m.
    #[prost(message, repeated, tag = "5")]
    pub points: Vec<Point3>,
    /// Colour of the whole line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "6")]
    pub color: Option<Color>,
    /// Colour of each point.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "7")]
    pub colors: Vec<Color>,
    /// The order of the points; empty for that in which they stand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(fixed32, repeated, tag = "8")]
    pub indices: Vec<u32>,
}

/// `foxglove.TriangleListPrimitive`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TriangleListPrimitive {
    /// Origin of the points.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub pose: Option<Pose>,
    /// Corners, three for each triangle, m.
    #[prost(message, repeated, tag = "2")]
    pub points: Vec<Point3>,
    /// Colour of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "3")]
    pub color: Option<Color>,
    /// Colour of each corner.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "4")]
    pub colors: Vec<Color>,
    /// The order of the corners; empty for that in which they stand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(fixed32, repeated, tag = "5")]
    pub indices: Vec<u32>,
}

/// `foxglove.TextPrimitive`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TextPrimitive {
    /// Centre and orientation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub pose: Option<Pose>,
    /// Does it always face the viewer?
    #[prost(bool, tag = "2")]
    pub billboard: bool,
    /// Height of a line, m or px.
    #[prost(double, tag = "3")]
    pub font_size: f64,
    /// Is the height in pixels?
    #[prost(bool, tag = "4")]
    pub scale_invariant: bool,
    /// Colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "5")]
    pub color: Option<Color>,
    /// The text.
    #[prost(string, tag = "6")]
    pub text: String,
}

/// `foxglove.ModelPrimitive`: a mesh in a file.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelPrimitive {
    /// Origin of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub pose: Option<Pose>,
    /// Scale along x, y and z.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "2")]
    pub scale: Option<Vector3>,
    /// Colour, where it overrides the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "3")]
    pub color: Option<Color>,
    /// Does the colour override the model's?
    #[prost(bool, tag = "4")]
    pub override_color: bool,
    /// Where the file lies.
    #[prost(string, tag = "5")]
    pub url: String,
    /// Media type of the file.
    #[prost(string, tag = "6")]
    pub media_type: String,
    /// The file itself, where there is no URL.
    #[serde(with = "base64_bytes")]
    #[prost(bytes = "vec", tag = "7")]
    pub data: Vec<u8>,
}

/// `foxglove.SceneEntity`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct SceneEntity {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Frame.
    #[prost(string, tag = "2")]
    pub frame_id: String,
    /// Identity.
    #[prost(string, tag = "3")]
    pub id: String,
    /// How long it stays; for ever when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "4")]
    pub lifetime: Option<Duration>,
    /// Does it move with its frame, instead of staying where it was at its stamp?
    #[prost(bool, tag = "5")]
    pub frame_locked: bool,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "6")]
    pub metadata: Vec<KeyValuePair>,
    /// Arrows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "7")]
    pub arrows: Vec<ArrowPrimitive>,
    /// Cubes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "8")]
    pub cubes: Vec<CubePrimitive>,
    /// Spheres.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "9")]
    pub spheres: Vec<SpherePrimitive>,
    /// Cylinders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "10")]
    pub cylinders: Vec<CylinderPrimitive>,
    /// Lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "11")]
    pub lines: Vec<LinePrimitive>,
    /// Triangles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "12")]
    pub triangles: Vec<TriangleListPrimitive>,
    /// Texts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "13")]
    pub texts: Vec<TextPrimitive>,
    /// Models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "14")]
    pub models: Vec<ModelPrimitive>,
}

/// `foxglove.SceneEntityDeletion`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct SceneEntityDeletion {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// What it deletes.
    #[prost(enumeration = "DeletionKind", tag = "2")]
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "1")]
    pub deletions: Vec<SceneEntityDeletion>,
    /// Entities to add or replace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "2")]
    pub entities: Vec<SceneEntity>,
}
