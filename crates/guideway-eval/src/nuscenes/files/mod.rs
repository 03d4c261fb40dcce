//! nuScenes' files: the tables of a data base, and submissions.
//!
//! ```no_run
//! use std::path::Path;
//! use guideway_core::Silent;
//! use guideway_eval::nuscenes::NuScenesParams;
//! use guideway_eval::nuscenes::files::{evaluate, read_database, read_split, read_submission};
//!
//! let params = NuScenesParams::default();
//! let folder = Path::new("nuscenes/v1.0-trainval");
//! let scenes = read_split(&folder.join("splits.json"), "night")?;
//! let database = read_database(folder, Some(&scenes), &params, &Silent)?;
//! let truth = database.truth(&params, &Silent)?;
//! let submission = read_submission(Path::new("results_nusc.json"), &truth, &params, &Silent)?;
//! let (report, _matches) = evaluate(&truth, &submission, &params)?;
//! println!("{}", serde_json::to_string_pretty(&report)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The rules are those of nuscenes-devkit 1.2.0 (`load_gt`, `load_prediction`, `add_center_dist`, `filter_eval_boxes`,
//! `NuScenes.box_velocity`). What it refuses is an error here too, which names the file, the record and its byte: a submission that lacks
//! frames or has others, more boxes in a frame than allowed, unknown classes and attributes, labels with two attributes, NaN other than in
//! velocities. What it takes silently is a counted warning.
//!
//! Tables are read from front to back in pieces of a few megabytes; of `sample_data` and `ego_pose`, which are the largest, only what
//! belongs to the frames' key frames of one sensor stays.

mod stream;
mod submission;
mod tables;

pub use submission::{Submission, SubmissionBox, each_sample, read_submission, submission_from};
pub use tables::{Database, NuScenesTruth, database_from, read_database, read_split};

use super::accumulate::NuScenesReport;
use super::matching::{Matches, in_racks, match_detections};
use super::params::NuScenesParams;
use crate::error::EvalError;

/// Labels and detections before the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BeforeFilter {
    /// Annotations of the data base.
    pub annotations: u64,
    /// Boxes of the submission.
    pub pred: u64,
}

/// Labels and detections that were evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AfterFilter {
    /// Labels.
    pub gt: u64,
    /// Detections.
    pub pred: u64,
}

/// The report of a submission.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FilesReport {
    /// The numbers.
    pub summary: NuScenesReport,
    /// What was read.
    pub before_filter: BeforeFilter,
    /// What was evaluated.
    pub after_filter: AfterFilter,
}

/// Evaluates a submission against the labels that it was read for: the report, and the matches for slices and curves.
///
/// # Errors
/// When the parameters make no sense; the columns are whole.
pub fn evaluate(
    truth: &NuScenesTruth,
    submission: &Submission,
    params: &NuScenesParams,
) -> Result<(FilesReport, Matches), EvalError> {
    let mut keep = in_racks(&truth.truth, &submission.detections, &truth.racks, params)?;
    if let Some(empty) = &submission.empty {
        let mask = keep.detections.get_or_insert_with(|| vec![true; empty.len()]);
        for (keep, empty) in mask.iter_mut().zip(empty) {
            *keep &= !empty;
        }
    }
    let matches = match_detections(&truth.truth, &submission.detections, &keep, params)?;
    let report = FilesReport {
        summary: matches.report(),
        before_filter: BeforeFilter {
            annotations: truth.annotations,
            pred: submission.boxes,
        },
        after_filter: AfterFilter {
            gt: matches.rows.labels(),
            pred: matches.rows.detections(),
        },
    };
    Ok((report, matches))
}
