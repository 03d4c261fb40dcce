//! Boxes in space: the columns that all 3D metrics share, and what became of every box.
//!
//! | item | holds |
//! |---|---|
//! | [`Truth3d`], [`Detections3d`] | labels and predictions as columns, in one frame of reference per frame |
//! | [`Keep`] | rows that a caller's rule leaves out before matching: bicycle racks, a region of interest |
//! | [`Matches3d`] | the outcome of one matching: who was matched to whom at which distance threshold, and with which errors |
//! | [`Slice`], [`bins`] | parts of the same outcome: a range, a size, occluded objects, frames at night; frames counted several times, as a bootstrap draws them |
//! | [`Named`] | values by name in a fixed order, an object in JSON |
//!
//! The steps are apart. A benchmark's `match_detections` ([`nuscenes`](crate::nuscenes::match_detections),
//! [`av2`](crate::av2::match_detections)) applies its filters and its rule of matching once. Every number after that, of everything or of a
//! slice, is accumulated from the rows of [`Matches3d`], which takes milliseconds.
//!
//! # Slices
//!
//! In a slice, a detection matched to a label of the slice is a true positive; one matched to a label outside is not counted at all; one
//! without a label is a false positive where the slice's own masks of detections and frames say so. This is how COCO treats sizes of
//! objects (`areaRng`), and it makes the slices of a partition share neither hits nor false alarms. A slice of whole frames gives the numbers of an
//! evaluation of these frames alone, since no benchmark here matches across frames.

mod columns;
mod interp;
mod matches;
mod named;
mod slices;

pub use columns::{Detections3d, Keep, Truth3d};
pub use matches::{Assignment3d, ClassMatches3d, Matches3d, TpErrors};
pub use named::Named;
pub use slices::{Slice, SliceReport, bins};

pub(crate) use columns::box_problem;
pub(crate) use interp::interp;
pub(crate) use matches::{Candidates, Ties, sort_by_frame};
