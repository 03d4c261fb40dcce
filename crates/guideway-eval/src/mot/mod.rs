//! Tracking metrics: do predicted tracks find the objects, and keep to them?
//!
//! ```
//! use guideway_eval::mot::{BoxSequence, ClassRules, TrackParams, evaluate_boxes};
//!
//! let mut drive = BoxSequence { name: "drive".to_owned(), frames: 4, ..BoxSequence::default() };
//! for frame in 0..4 {
//!     let x = 10.0 * f64::from(frame);
//!     drive.labels.push(frame, 1, 1, [x, 0.0, 40.0, 80.0]);
//!     // the tracker takes it for another object half way
//!     drive.tracks.push(frame, if frame < 2 { 5 } else { 6 }, 1, [x, 0.0, 40.0, 80.0], 0.9);
//! }
//! let report = evaluate_boxes(&[drive], &[ClassRules::mot17()], &TrackParams::default())?;
//! let (_, pedestrian) = &report.combined[0];
//! assert_eq!(pedestrian.clear.switches, 1);
//! assert!((pedestrian.hota.means().hota - 0.5_f64.sqrt()).abs() < 1e-12);
//! # Ok::<(), guideway_eval::EvalError>(())
//! ```
//!
//! | numbers | defined by | equal to | here |
//! |---|---|---|---|
//! | HOTA, `DetA`, `AssA`, `LocA`, … at 19 α | Luiten et al., IJCV 2021 | `TrackEval` | [`evaluate_boxes`], [`evaluate_each`], [`evaluate`] |
//! | MOTA, MOTP, IDSW, Frag, MT, … | Bernardin and Stiefelhagen, CLEAR MOT, 2008 | `TrackEval` | the same |
//! | IDF1, IDP, IDR | Ristani et al., ECCVW 2016 | `TrackEval` | the same |
//! | the CLEAR and identity numbers of motmetrics | the same papers, matched otherwise | py-motmetrics 1.4.0 | [`Accumulator`], [`count_boxes`] |
//! | AMOTA, AMOTP, TID, LGD | Weng et al. 2020, Caesar et al. 2020 | nuscenes-devkit | [`nuscenes`] |
//! | box tracking and detection with ignored regions | Yu et al., BDD100K, 2020 | Scalabel | [`scalabel`] |
//!
//! # Steps
//!
//! 1. [`files`] reads folders of `MOTChallenge` and KITTI into [`BoxSequence`]s; other sources fill them, or push frames themselves.
//!    [`evaluate_each`] takes the sequences from either, one after the other on each thread.
//! 2. [`similarities`] compares the boxes of a frame: [`BoxIou`] in images, [`CenterDistance`] in space, or any function.
//! 3. [`RuleFilter`] takes out what a benchmark does not count, by [`ClassRules`]: distractors, occluded labels, ignore regions.
//! 4. [`FirstPass`] and [`SecondPass`], or [`OnePass`], count; [`ClassReport::combine`] takes sequences together.
//!
//! [`Follower`] counts the same, and says where: each identity switch, and how long it took to find each object.
//!
//! # Memory
//!
//! Frames are pushed one after the other and none is kept. What [`FirstPass`], [`SecondPass`] and [`Accumulator`] hold is bounded by tracks:
//! O(objects + tracks + pairs of the two that are ever alike in a frame), and at the end, for the identity matching, one number for every
//! pair of an object and a track among those that agreeing pairs join.
//!
//! HOTA weighs each match by how well the two tracks go together over the whole sequence, so it needs the frames twice: [`evaluate`] takes
//! a function that gives them again. Where they can be had only once, [`OnePass`] keeps the similarities that are not 0, which grows
//! with the boxes of a sequence; [`evaluate_each`], which has those in memory anyway, does that. It has as many sequences in memory as there are
//! threads, so longer sequences take more, and more sequences do not.

mod accumulator;
mod boxes;
mod clear;
mod evaluate;
pub mod files;
mod follow;
mod frame;
mod hota;
mod identity;
pub mod nuscenes;
mod params;
mod report;
pub mod scalabel;
mod similarity;

pub use accumulator::{Accumulator, DistanceView, MatchEvent, MotCounts, MotParams, MotScores, count_boxes};
pub use boxes::{BoxFrame, BoxLabels, BoxSequence, BoxTracks, RuleFilter, evaluate_boxes, evaluate_each};
pub use clear::{ClearMatch, ClearScores};
pub use evaluate::{FirstPass, OnePass, SecondPass, evaluate};
pub use follow::{Followed, FollowedObject, Follower, Switch};
pub use frame::{FrameView, TrackFrame};
pub use hota::{HotaMeans, HotaScores};
pub use identity::IdentityScores;
pub use params::{ClassRules, TrackParams};
pub use report::{ClassReport, Counts, SequenceReport, TrackReport};
pub use similarity::{BoxFormat, BoxIou, CenterDistance, Compare, iou_distances, similarities};
