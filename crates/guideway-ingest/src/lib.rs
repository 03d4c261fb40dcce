//! Readers and writers of other people's formats, with damage counted and memory bounded.
//!
//! Reading: [`discover`] finds the recordings at a path and gives a [`Source`](guideway_schema::Source) for each, which streams
//! rows. Only an index is made: images and point clouds stay where they are, and of an image only the header is read.
//!
//! | format | recognised by | source |
//! |---|---|---|
//! | KITTI object | `image_2`, `label_2` | [`KittiObjectSource`] |
//! | KITTI tracking | `image_02`, `label_02` | [`KittiTrackingSource`], one for each sequence |
//! | COCO instances | a JSON file with `images`, `annotations`, `categories` | [`CocoSource`] |
//! | YOLO | a YAML file with `names` and splits | [`YoloSource`] |
//!
//! Ids come from a fingerprint of file names, lengths and annotations, never from where the folder lies, so a copy is the same
//! recording and reading twice changes nothing. What cannot be read is counted and reported once per kind and file, with the first
//! place; only what makes the whole recording unreadable is an error.
//!
//! Writing: [`export`] turns samples into a COCO, YOLO or KITTI folder.

mod coco;
mod discover;
mod export;
mod files;
mod kitti;
mod yolo;

#[doc(hidden)]
pub use coco::fuzz_coco;
pub use coco::{CocoId, CocoOptions, CocoProblem, CocoSection, CocoSeen, CocoSource, stream_coco};
pub use discover::{DiscoverOptions, Format, UnknownFormat, discover, discover_with};
pub use export::{ExportError, ExportFormat, ExportOptions, ExportSample, ExportSummary, export};
pub use kitti::{
    KittiCalibration, KittiLabel, KittiLabelError, KittiLabelLayout, KittiObjectSource, KittiOxts, KittiTrackingSource,
    VELODYNE_MEDIA_TYPE, parse_kitti_calibration, parse_kitti_label, parse_kitti_oxts,
};
pub use yolo::{
    YoloConfig, YoloConfigError, YoloLabel, YoloLabelError, YoloShape, YoloSource, parse_yolo_config, parse_yolo_label,
};
