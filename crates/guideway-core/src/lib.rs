//! The vocabulary of guideway.
//!
//! Every other crate speaks in these terms, and none of them pulls in more than a handful of small dependencies:
//!
//! | module | holds |
//! |---|---|
//! | [`id`] | ids derived from content and origin |
//! | [`time`] | `i64` nanoseconds and the clock they were read from |
//! | [`bbox`] | axis-aligned boxes in pixels |
//! | [`mask`] | instance masks as COCO run lengths |
//! | [`se3`] | rigid transforms, `world_from_ego` |
//! | [`camera`] | pinhole, Brown–Conrady and Kannala–Brandt cameras |
//! | [`cuboid`] | boxes in space, their overlaps from above and in 3D |
//! | [`geo`] | WGS84, ECEF, local tangent planes and UTM |
//! | [`trajectory`] | displacement errors of forecasts |
//! | [`taxonomy`] | one set of class names, and the names of well-known data sets in it |
//! | [`hint`] | errors that say what to do next |
//! | [`report`] | progress and structured warnings |
//! | [`exit`] | the documented exit codes |
//! | [`uri`] | file paths as URIs and back |
//!
//! Frames: ego is x forward, y left, z up (ISO 8855); a camera is x right, y down, z forward. A pose is named
//! `world_from_ego`: it takes a point in the ego frame to the world frame. Angles are radians, lengths metres, image
//! coordinates pixels with the origin at the upper left corner of the upper left pixel.

pub mod bbox;
pub mod camera;
pub mod cuboid;
pub mod exit;
pub mod geo;
mod geometry_error;
pub mod hint;
pub mod id;
pub mod mask;
pub mod report;
pub mod se3;
pub mod taxonomy;
pub mod time;
pub mod trajectory;
pub mod uri;

pub use bbox::BBox;
pub use camera::{Camera, CameraModel, Intrinsics};
pub use cuboid::{BevBox, Cuboid};
pub use geo::{Geodetic, Utm};
pub use geometry_error::GeometryError;
pub use glam::{DQuat, DVec3};
pub use hint::Hint;
pub use id::{DatasetId, EventId, FrameId, IdBuilder, LabelId, ModelId, PredictionId, RecordingId, RunId, SensorId};
pub use mask::Rle;
pub use report::{Reporter, Silent, Task, Warning};
pub use se3::Se3;
pub use taxonomy::{Taxonomy, TaxonomyFile};
pub use time::{Clock, TimeNs};
