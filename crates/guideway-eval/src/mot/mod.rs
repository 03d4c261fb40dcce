//! Tracking.
mod accumulator;
mod boxes;
mod clear;
mod evaluate;
pub mod files;
mod frame;
mod hota;
mod identity;
pub mod nuscenes;
mod params;
mod report;
pub mod scalabel;
mod similarity;

pub use accumulator::{Accumulator, DistanceView, MatchEvent, MotCounts, MotParams, MotScores, count_boxes};
pub use boxes::{BoxFrame, BoxLabels, BoxSequence, BoxTracks, RuleFilter, evaluate_boxes};
pub use clear::ClearScores;
pub use evaluate::{FirstPass, OnePass, SecondPass, evaluate};
pub use frame::{FrameView, TrackFrame};
pub use hota::{HotaMeans, HotaScores};
pub use identity::IdentityScores;
pub use params::{ClassRules, TrackParams};
pub use report::{ClassReport, Counts, SequenceReport, TrackReport};
pub use similarity::{BoxFormat, BoxIou, CenterDistance, Compare, iou_distances, similarities};
