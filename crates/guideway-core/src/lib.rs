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
//! | [`hint`] | errors that say what to do next |
//! | [`report`] | progress and structured warnings |
//! | [`exit`] | the documented exit codes |
//! | [`uri`] | file paths as URIs and back |
//!
//! Frames: ego is x forward, y left, z up (ISO 8855); a camera is x right, y down, z forward. A pose is named
//! `world_from_ego`: it takes a point in the ego frame to the world frame. Angles are radians, lengths metres, image
//! coordinates pixels with the origin at the upper left corner of the upper left pixel.

pub mod bbox;
pub mod exit;
pub mod hint;
pub mod id;
pub mod mask;
pub mod report;
pub mod time;
pub mod uri;

pub use bbox::BBox;
pub use hint::Hint;
pub use id::{DatasetId, EventId, FrameId, IdBuilder, LabelId, ModelId, PredictionId, RecordingId, RunId, SensorId};
pub use mask::Rle;
pub use report::{Reporter, Silent, Task, Warning};
pub use time::{Clock, TimeNs};
