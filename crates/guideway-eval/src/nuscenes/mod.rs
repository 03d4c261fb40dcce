//! The nuScenes detection benchmark: mAP over centre distances, five true-positive errors and the nuScenes detection score (NDS).
//!
//! The numbers equal those of nuscenes-devkit 1.2.0 (`DetectionEval` with `detection_cvpr_2019`). The definitions are those of Caesar et
//! al., "nuScenes: A multimodal dataset for autonomous driving", CVPR 2020, section 3.1:
//!
//! - **Match** ([`match_detections`]): over the whole set, best score first, each detection takes the nearest free label of its frame and
//!   class, by the distance of the centres seen from above, if that is below the threshold. Frames do not touch one another, so they
//!   are matched in parallel. Of equal scores, the later row comes first.
//! - **AP** ([`Matches::curve`]): precision over recall, interpolated linearly at 101 recalls, without the part up to 10 % recall and below 10 %
//!   precision, scaled to 0..1; the mean over the thresholds 0.5, 1, 2 and 4 m.
//! - **Errors** at 2 m: translation (ATE, m), scale (ASE, 1 − IoU), orientation (AOE, rad), velocity (AVE, m/s), attribute (AAE). Each is
//!   a running mean over the true positives by descending score, read at the confidences of the recalls from above 10 % to the
//!   highest that is reached, and averaged. Unknown values are passed over; a class with none scores 1.
//! - **NDS** = (5 · mAP + Σ max(0, 1 − mean error)) / 10.
//!
//! Filters come first, on both sides: the range of the class around the ego vehicle, boxes without lidar and radar points, and cycles
//! whose centre is in a bicycle rack ([`in_racks`]).
//!
//! ```
//! use guideway_core::{Cuboid, DVec3};
//! use guideway_eval::nuscenes::{NuScenesParams, match_detections};
//! use guideway_eval::objects3d::{Detections3d, Keep, Truth3d, bins};
//!
//! let params = NuScenesParams::default();
//! let mut truth = Truth3d::new(vec![DVec3::ZERO], params.classes());
//! let mut detections = Detections3d::default();
//! let car = |x: f64| Cuboid::from_slice(&[x, 0.0, 0.8, 4.5, 1.9, 1.6, 1.0, 0.0, 0.0, 0.0]);
//! truth.push(0, 0, car(10.0)?);
//! truth.push(0, 0, car(30.0)?);
//! detections.push(0, 0, car(10.3)?, 0.9);
//!
//! let matches = match_detections(&truth, &detections, &Keep::default(), &params)?;
//! let report = matches.report();
//! // half of the labels are found; AP counts recalls from 11 % on
//! assert!((report.label_aps.get("car").unwrap().get("0.5").unwrap() - 40.0 / 90.0).abs() < 1e-12);
//! let slices = bins("range_m", &[0.0, 20.0, 50.0], &truth.range_xy(), &detections.range_xy(&truth));
//! let near = &matches.evaluate_slices(&slices)?[0];
//! assert!((near.report.mean_dist_aps.get("car").unwrap() - 1.0).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accumulate;
pub mod files;
mod matching;
mod params;

pub use accumulate::{Curve, NuScenesReport};
pub use matching::{Matches, Racks, in_racks, match_detections};
pub use params::{DistanceFunction, NuScenesParams, TpMetric};
