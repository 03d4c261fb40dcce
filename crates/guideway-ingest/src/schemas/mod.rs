//! What the payloads of messages say: Foxglove's protobuf and JSON schemas, ROS 2 CDR and ROS 1 serialization, and what guideway's worlds tell of an image.
//!
//! A [`Decoder`] is chosen once per channel from its schema's name and its message encoding; it turns payloads into
//! [`Decoded`] values, the same for every encoding. Schemas that are not known give no decoder: their messages are listed and
//! stay reachable, and nothing is guessed.
//!
//! Bytes come from outside: every length is checked against what is there, and nothing panics.

mod cdr;
pub mod foxglove;
mod model;
mod own;
mod ros;

use thiserror::Error;

pub use cdr::{Cdr, Layout};
pub use model::{
    Annotation, AnnotationShape, Calibration, Cloud, Coordinate, Cuboid, Decoded, FrameAttributes, ImageData, RawImage,
    Sample, SampleKind, Scene, TransformSample,
};

/// A payload that does not follow its schema.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The payload ends too early, or a length in it is larger than what is left.
    #[error("field `{field}` needs {needed} bytes at byte {at}, {left} are left")]
    Short {
        /// The field that was read.
        field: &'static str,
        /// Where it begins, bytes.
        at: usize,
        /// Bytes it needs.
        needed: usize,
        /// Bytes left.
        left: usize,
    },
    /// A field has a value that it cannot have.
    #[error("field `{field}`: {what}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// Not a payload of this encoding at all.
    #[error("not a {encoding} payload: {what}")]
    Encoding {
        /// The encoding that was expected.
        encoding: &'static str,
        /// What is wrong.
        what: String,
    },
}

/// What guideway reads from a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelKind {
    /// Camera images, compressed or raw.
    Camera,
    /// Lidar sweeps.
    Lidar,
    /// Radar points: a point cloud that says so with its fields.
    Radar,
    /// Compressed video, one access unit per message.
    Video,
    /// IMU, GNSS, odometry, poses and single values.
    Signal,
    /// Transforms between coordinate frames.
    Transform,
    /// Camera calibration.
    Calibration,
    /// Labels: image annotations, cuboids, detections.
    Annotation,
    /// Nothing: listed, and reachable by topic and time.
    Unknown,
}

impl ChannelKind {
    /// The name used in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Lidar => "lidar",
            Self::Radar => "radar",
            Self::Video => "video",
            Self::Signal => "signal",
            Self::Transform => "transform",
            Self::Calibration => "calibration",
            Self::Annotation => "annotation",
            Self::Unknown => "unknown",
        }
    }
}

/// Reads the payloads of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoder(Family);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Ros(ros::Schema, Layout),
    Foxglove(foxglove::Schema, foxglove::Wire),
    Own(own::Schema),
}

impl Decoder {
    /// The decoder for a channel, from its message encoding (`cdr`, `ros1`, `protobuf`, `json`) and its schema's name.
    ///
    /// ```
    /// use guideway_ingest::schemas::{ChannelKind, Decoder};
    /// let imu = Decoder::for_channel("cdr", Some("sensor_msgs/msg/Imu")).map(Decoder::kind);
    /// assert_eq!(imu, Some(ChannelKind::Signal));
    /// assert!(Decoder::for_channel("cdr", Some("my_msgs/msg/Status")).is_none());
    /// ```
    pub fn for_channel(message_encoding: &str, schema_name: Option<&str>) -> Option<Self> {
        let name = schema_name?;
        match message_encoding {
            "cdr" => ros::Schema::named(name).map(|schema| Self(Family::Ros(schema, Layout::Cdr))),
            "ros1" => ros::Schema::named(name).map(|schema| Self(Family::Ros(schema, Layout::Ros1))),
            "protobuf" => {
                foxglove::Schema::named(name).map(|schema| Self(Family::Foxglove(schema, foxglove::Wire::Protobuf)))
            }
            "json" => foxglove::Schema::named(name)
                .map(|schema| Self(Family::Foxglove(schema, foxglove::Wire::Json)))
                .or_else(|| own::Schema::named(name).map(|schema| Self(Family::Own(schema)))),
            _ => None,
        }
    }

    /// What the channel holds.
    pub fn kind(self) -> ChannelKind {
        match self.0 {
            Family::Ros(schema, _) => schema.kind(),
            Family::Foxglove(schema, _) => schema.kind(),
            Family::Own(schema) => schema.kind(),
        }
    }

    /// Reads one payload.
    pub fn decode(self, payload: &[u8]) -> Result<Decoded<'_>, DecodeError> {
        match self.0 {
            Family::Ros(schema, layout) => ros::decode(schema, layout, payload),
            Family::Foxglove(schema, wire) => foxglove::decode(schema, wire, payload),
            Family::Own(schema) => own::decode(schema, payload),
        }
    }
}
