//! Readers and writers of other people's formats, with damage counted and memory bounded.
//!
//! Reading: [`discover`] finds the recordings at a path and gives a [`Source`](guideway_schema::Source) for each, which streams
//! rows. Only an index is made: images and point clouds stay where they are, and of an image only the header is read.
//!
//! | format | recognised by | source |
//! |---|---|---|
//! | MCAP | magic bytes, `*.mcap` | [`mcap::McapSource`] |
//! | KITTI object | `image_2`, `label_2` | [`KittiObjectSource`] |
//! | KITTI tracking | `image_02`, `label_02` | [`KittiTrackingSource`], one for each sequence |
//! | COCO instances | a JSON file with `images`, `annotations`, `categories` | [`CocoSource`] |
//! | YOLO | a YAML file with `names` and splits | [`YoloSource`] |
//!
//! Ids come from a fingerprint of content (for folders: file names, lengths and annotations), never from where it lies, so a copy
//! is the same recording and reading twice changes nothing. What cannot be read is counted and reported once per kind and file, with
//! the first place; only what makes the whole recording unreadable is an error.
//!
//! | module | holds |
//! |---|---|
//! | [`mcap`] | MCAP logs: scan, index, messages by topic and time, rows |
//! | [`schemas`] | what the payloads of messages say: Foxglove, ROS 2, ROS 1 |
//! | [`media`] | the bytes of a frame, by a point read |
//! | [`export`] | samples into a COCO, YOLO or KITTI folder |
//! | [`write`] | MCAP logs out, with Foxglove's schemas |
//! | [`testing`] | logs for tests and benchmarks |

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")
)]

mod coco;
mod discover;
pub mod export;
mod files;
mod kitti;
pub mod mcap;
pub mod media;
pub mod schemas;
pub mod testing;
pub mod write;
mod yolo;

#[doc(hidden)]
pub use coco::fuzz_coco;
pub use coco::{CocoId, CocoOptions, CocoProblem, CocoSection, CocoSeen, CocoSource, stream_coco};
pub use discover::{DiscoverOptions, Discovered, Format, UnknownFormat, discover, discover_with};
pub use kitti::{
    KittiCalibration, KittiLabel, KittiLabelError, KittiLabelLayout, KittiObjectSource, KittiOxts, KittiPlace,
    KittiTrackingSource, VELODYNE_MEDIA_TYPE, parse_kitti_calibration, parse_kitti_label, parse_kitti_oxts,
};
pub use yolo::{
    YoloConfig, YoloConfigError, YoloLabel, YoloLabelError, YoloShape, YoloSource, parse_yolo_config, parse_yolo_label,
};
