//! Average precision and recall as COCO defines them, for boxes and masks.
//!
//! ```
//! use guideway_eval::coco::{CocoParams, Detections, GroundTruth, IouType, match_detections, summarize};
//!
//! let mut truth = GroundTruth::new(1, 1);
//! truth.push(0, 0, [10.0, 10.0, 50.0, 50.0]);
//! let mut detections = Detections::default();
//! detections.push(0, 0, [12.0, 10.0, 50.0, 50.0], 0.9);
//!
//! let matches = match_detections(&truth, &detections, IouType::Bbox, &CocoParams::default())?;
//! let summary = summarize(&matches.params, &matches.accumulate(None)?);
//! assert_eq!(summary[1].name, "AP50");
//! assert!((summary[1].value.unwrap() - 1.0).abs() < 1e-9);
//! # Ok::<(), guideway_eval::EvalError>(())
//! ```
//!
//! The numbers equal those of pycocotools 2.0.11 to the last digits: same arithmetic of the IoU, same thresholds to the bit, same
//! order among equal scores, same preference among labels. The steps are apart:
//!
//! 1. [`match_detections`] pairs detections with labels once, at all thresholds and sizes, and keeps the outcome of every detection as
//!    bits, in the order of the scores.
//! 2. [`Matches::accumulate`] makes AP and AR from them, for everything or for images with weights: a slice, a recording, a bootstrap
//!    resample. It takes milliseconds where matching again would take seconds.
//! 3. [`Matches::part`] is the same matching seen through a slice: of labels (range, occlusion, anything that is known of them), of sizes or of
//!    frames; a [`Part`] has AP, recall and misses of all classes and of each, with intervals and paired differences.
//! 4. [`summarize`], [`class_table`] and [`Matches::curves`] are what people read; [`assign`] and [`confusion`] name the pairs.
//!
//! # Why not a library
//!
//! The crate `hotcoco` (MIT) computes the same twelve numbers, and gives the matches of every image, class and size by annotation id. This is
//! still our own because what comes after needs more than the numbers: columns in instead of JSON records with their numeric
//! ids, the IoU of every pair, and averages of any weighting of the images from one pass, which slices and bootstrap live on. The benchmark
//! in `bench/coco` runs both, and pycocotools, on the same files.

mod accumulate;
mod arrays;
mod confusion;
pub mod files;
mod iou;
mod matching;
mod params;
mod parts;
mod summary;

pub use accumulate::{Accumulated, Cell, OperatingPoint, PrCurve};
pub use arrays::{Detections, GroundTruth};
pub use confusion::{Confusion, confusion};
pub use iou::box_iou;
pub use matching::{Assignment, ClassMatches, DetectionState, Matches, Outcome, Taken, assign, match_detections};
pub use params::{AreaRange, CocoParams, IouType, linspace};
pub use parts::{FoundAt, Part, PartCell, PartValue};
pub(crate) use parts::{MISSES, RECALL, compared, with_intervals};
pub use summary::{CategoryReport, ClassRow, CocoReport, Stat, class_table, summarize, summarize_class};

pub(crate) use confusion::by_image;
pub(crate) use iou::Geometry;
