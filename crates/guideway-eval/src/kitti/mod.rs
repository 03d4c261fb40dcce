//! The KITTI object benchmark: average precision in the image (2D), with orientation (AOS), on the ground (BEV) and in space (3D).
//!
//! ```
//! use guideway_core::BBox;
//! use guideway_eval::kitti::{Detection, GroundTruth, KittiParams, Label, Metric, Object, evaluate};
//!
//! let car = Object {
//!     frame: 0,
//!     class: 0, // an index into the names below
//!     bbox: BBox::new(600.0, 170.0, 690.0, 240.0),
//!     alpha: -1.8,
//!     dimensions: [1.6, 1.7, 3.2],  // height, width, length
//!     location: [0.8, 1.7, 20.4],   // the middle of its bottom: right, down, forward
//!     rotation_y: -1.7,
//! };
//! let mut truth = GroundTruth::new(1, ["Car", "DontCare"]);
//! truth.labels.push(Label { object: car, truncation: 0.0, occlusion: 0 });
//! let found = Object { location: [0.9, 1.7, 20.5], ..car };
//! let detections = [Detection { object: found, score: 11.2 }];
//!
//! let report = evaluate(&truth, &detections, &KittiParams::official())?;
//! let level = report.level("car", Metric::Volume, "easy").unwrap();
//! assert_eq!((level.positives, level.precision[0], level.precision[1]), (1, 1.0, 0.0));
//! assert_eq!(report.average("car", Metric::Volume, "easy", "AP_R11"), Some(100.0 / 11.0));
//! # Ok::<(), guideway_eval::EvalError>(())
//! ```
//!
//! One label gives one score to read the precision at, and the other 40 samples are 0: numbers mean something from 41 labels on.
//!
//! The numbers equal those of the C++ development kit of Geiger, Lenz and Urtasun ("Are we ready for autonomous driving? The KITTI vision
//! benchmark suite", CVPR 2012), in the version for 41 samples of recall, `evaluate_object_3d_offline.cpp`. Averages over 11 samples are
//! that paper's; those over 40 are from Simonelli et al., "Disentangling monocular 3D object detection", ICCV 2019.
//!
//! # How it counts
//!
//! Per class, metric and level of difficulty:
//!
//! 1. A label of the class *counts* if it is high enough in the image and neither too occluded nor too truncated for the level. If not, or
//!    if it is of a neighbour of the class (a van for a car), it is *ignored*: it takes a detection, and neither is counted. Labels of
//!    other classes play no role. A detection counts if it is of the class and high enough (its height is cut to whole pixels, that of labels is
//!    not). One that is not high enough is ignored, **of whatever class it is**, and may take a label. See [`Level`].
//! 2. A first pass, over all scores, gives each label (in the order of the rows) the free detection of the best score among those that overlap by
//!    more than [`MinOverlap`]. The scores of the true positives, in descending order, are cut at 41 recalls, each at the score that comes nearest
//!    to k/40: these are at most 41 *thresholds*.
//! 3. A second pass, for each threshold, looks at detections that score at least as much, and gives each label the free one with the largest
//!    overlap, an ignored one only where there is none that counts. Detections that are left over are false positives, unless the part of
//!    them that lies in one `DontCare` area exceeds the minimum overlap.
//! 4. Precision is TP/(TP+FP). For AOS it is Σ(1+cos Δα)/2 over the true positives, divided by TP+FP. Each of the samples is then
//!    raised to the largest at the same or a higher recall; samples beyond the last threshold are 0.
//! 5. An average is the mean of some of the 41 samples, in percent: of every fourth, 0 included (R11), or of all but the first (R40).
//!
//! What is computed depends on the detections: 2D of a class takes one with its left edge at 0 or more; BEV one whose x is not −1000;
//! 3D one whose y is not −1000; AOS that no detection of any class has alpha −10. So a class that was never detected has no numbers,
//! rather than zeros. A class without labels that count has zeros; [`LevelReport::positives`] tells.
//!
//! # Frames of reference
//!
//! Boxes in the image are pixels. Boxes in space are in the (rectified) camera's frame: x right, y down, z forward, m; the origin of a box
//! is the middle of its bottom, so that it reaches from y − height to y. `rotation_y` turns about y; at 0 a box heads along x. Overlaps on
//! the ground are those of the rotated rectangles in x and z.
//!
//! # Odd input
//!
//! Numbers that are not finite are refused, in rows and in files. Boxes that are inside out or flat overlap nothing; as detections
//! they are false positives. A length and a width that are both negative, as KITTI writes for "unknown", are the same rectangle as without
//! the signs (in the kit too); one alone makes it flat. A sample where no detection is left, neither true nor false, is 0/0: NaN, as in
//! the kit, and null in JSON.
//!
//! # Intervals
//!
//! The thresholds depend on all scores, and who takes whom on the threshold, so that a resample of the frames has thresholds of its own. Between two scores of
//! its detections a frame counts the same, though: [`match_detections`] tabulates once what each frame adds at which score, and [`Matches::report_of_draw`]
//! chooses the thresholds of a draw and reads the counts off, to what [`evaluate`] gives for a data set with each frame so many times.
//!
//! [`files`] reads the folders of the development kit.

mod arrays;
mod drawn;
pub mod files;
mod line;
mod matching;
mod overlap;
mod params;
mod report;

pub use arrays::{Detection, GroundTruth, Label, Object};
pub use drawn::{Matches, match_detections};
pub use matching::evaluate;
pub use params::{Average, KittiClass, KittiParams, Level, MinOverlap};
pub use report::{ClassReport, KittiReport, LevelReport, Metric, MetricReport};
