//! Labels in an image.

use prost::{Enumeration, Message};
use serde::{Deserialize, Serialize};

use super::common::{Color, KeyValuePair, Point2, Time};

/// What the points of an annotation are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum PointsKind {
    /// Not said.
    Unknown = 0,
    /// Single points.
    Points = 1,
    /// A closed outline.
    LineLoop = 2,
    /// An open line.
    LineStrip = 3,
    /// Pairs of points.
    LineList = 4,
}

/// `foxglove.PointsAnnotation`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PointsAnnotation {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// What the points are.
    #[prost(enumeration = "PointsKind", tag = "2")]
    pub r#type: i32,
    /// The points, px.
    #[prost(message, repeated, tag = "3")]
    pub points: Vec<Point2>,
    /// Colour of the outline.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "4")]
    pub outline_color: Option<Color>,
    /// Colour of each point or of each line of a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "5")]
    pub outline_colors: Vec<Color>,
    /// Colour of the inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "6")]
    pub fill_color: Option<Color>,
    /// Thickness of the line, px.
    #[prost(double, tag = "7")]
    pub thickness: f64,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "8")]
    pub metadata: Vec<KeyValuePair>,
}

/// `foxglove.TextAnnotation`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct TextAnnotation {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Lower left corner of the text, px.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "2")]
    pub position: Option<Point2>,
    /// The text.
    #[prost(string, tag = "3")]
    pub text: String,
    /// Height of the text, px.
    #[prost(double, tag = "4")]
    pub font_size: f64,
    /// Colour of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "5")]
    pub text_color: Option<Color>,
    /// Colour behind the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "6")]
    pub background_color: Option<Color>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "7")]
    pub metadata: Vec<KeyValuePair>,
}

/// `foxglove.CircleAnnotation`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct CircleAnnotation {
    /// Stamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Time>,
    /// Centre, px.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "2")]
    pub position: Option<Point2>,
    /// Diameter, px.
    #[prost(double, tag = "3")]
    pub diameter: f64,
    /// Thickness of the line, px.
    #[prost(double, tag = "4")]
    pub thickness: f64,
    /// Colour of the inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "5")]
    pub fill_color: Option<Color>,
    /// Colour of the outline.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "6")]
    pub outline_color: Option<Color>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
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
    /// What else there is to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[prost(message, repeated, tag = "4")]
    pub metadata: Vec<KeyValuePair>,
    /// Stamp of the image; overrides those of the single annotations.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[prost(message, optional, tag = "5")]
    pub timestamp: Option<Time>,
}
