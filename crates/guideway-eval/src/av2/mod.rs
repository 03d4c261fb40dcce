//! The Argoverse 2 detection benchmark: AP, the errors ATE, ASE and AOE, and the composite detection score (CDS).
//!
//! The numbers equal those of av2 0.3.6 (`av2.evaluation.detection`) before it rounds them to three digits. The benchmark is described in
//! Wilson et al., "Argoverse 2: Next Generation Datasets for Self-Driving Perception and Forecasting", NeurIPS Datasets and Benchmarks 2021:
//!
//! - **Filters**: per sweep and category, the 100 detections of the highest scores within the range (distance of the centre from the ego
//!   vehicle, in space); labels within it that hold a lidar point; on both sides, optionally, boxes with a corner in the region of interest
//!   ([`RegionOfInterest`]).
//! - **Match** ([`match_detections`]): per sweep and category, every detection turns to the label whose centre is nearest in space, taken or
//!   not. Of those that turn to the same label, the one with the highest score is its match, at every threshold above their
//!   distance; the others are false positives, even where the match is too far away to count.
//! - **AP**: precision made monotonic as in Pascal VOC, interpolated at 101 recalls; the mean over 0.5, 1, 2 and 4 m.
//! - **Errors** of the matches within 2 m: translation (ATE, m), scale (ASE, 1 − IoU), orientation (AOE, rad), their means. Without a
//!   match, or without labels, they have their largest values.
//! - **CDS** = AP · mean(1 − ATE / 2 m, 1 − ASE, 1 − AOE / π).
//!
//! Where detections of one sweep and category have equal scores, the reference may swap them, differently from processor to processor
//! (`numpy.argsort` without `kind`); here they keep the order of their rows.
//!
//! ```
//! use guideway_core::{Cuboid, DVec3};
//! use guideway_eval::av2::{Av2Params, match_detections};
//! use guideway_eval::objects3d::{Detections3d, Keep, Truth3d};
//!
//! let params = Av2Params { categories: vec!["BUS".to_owned()], ..Av2Params::default() };
//! let mut truth = Truth3d::new(vec![DVec3::ZERO], 1);
//! let mut detections = Detections3d::default();
//! let bus = |x: f64| Cuboid::from_slice(&[x, 0.0, 1.5, 12.0, 2.6, 3.1, 1.0, 0.0, 0.0, 0.0]);
//! truth.push(0, 0, bus(10.0)?);
//! detections.push(0, 0, bus(11.0)?, 0.9);
//!
//! let report = match_detections(&truth, &detections, &Keep::default(), &params)?.report();
//! let bus = report.metrics.get("BUS").unwrap();
//! // not within 0.5 m and 1 m, but within 2 m and 4 m
//! assert!((bus.ap - 0.5).abs() < 1e-12);
//! assert!((bus.ate - 1.0).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod feather;
pub mod files;
mod matching;
mod params;
mod raster;
mod roi;
mod summary;

pub use matching::{Matches, match_detections};
pub use params::Av2Params;
pub use roi::{RegionOfInterest, RoiParams};
pub use summary::{Av2Metrics, Av2Report};
