//! The files of tracking benchmarks: `MOTChallenge`, KITTI tracking, Scalabel.
//!
//! | format | labels | predictions |
//! |---|---|---|
//! | [`MotChallenge`] | `GT/SEQ/gt/gt.txt`, length in `GT/SEQ/seqinfo.ini` | `TRACKER/data/SEQ.txt` |
//! | [`Kitti`] | `GT/label_02/SEQ.txt`, lengths in `GT/evaluate_tracking.seqmap.SPLIT` | `TRACKER/data/SEQ.txt` |
//! | [`scalabel`](super::scalabel) | one JSON file | one JSON file |
//!
//! Columns are between commas or blanks, in this order:
//!
//! - `MOTChallenge`: frame (from 1), id, left, top, width, height, mark (labels) or confidence (predictions), class, visibility, …
//! - KITTI: frame (from 0), id, type, truncated, occluded, alpha, left, top, right, bottom, h, w, l, x, y, z, ry, score (predictions)
//! - Scalabel: frames with `name`, `videoName`, `frameIndex`, and `labels` with `id`, `category`, `box2d`, `attributes`, `score`
//!
//! The rules are those of `TrackEval`'s dataset classes. What those do silently is a counted warning here, and every error names file, line and
//! column.

mod kitti;
mod motchallenge;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use guideway_core::{Reporter, Warning};

pub use kitti::{Kitti, KittiClasses};
pub use motchallenge::MotChallenge;

use super::similarity::BoxFormat;
use crate::error::{EvalError, Side};

/// Most frames of a sequence, a week at 16 Hz. More is a mistake, and would be looked at one by one.
const MAX_FRAMES: u32 = 10_000_000;

fn read(path: &Path) -> Result<Vec<u8>, EvalError> {
    std::fs::read(path).map_err(|source| EvalError::Io {
        path: path.to_owned(),
        source,
    })
}

/// Reads the predictions of a sequence, or says that there are none.
fn read_tracks(path: &Path, name: &str) -> Result<Vec<u8>, EvalError> {
    match read(path) {
        Err(EvalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Err(EvalError::MissingSequence {
                side: Side::Detections,
                name: name.to_owned(),
                problem: format!("no file {}", path.display()),
                next: "write a file for every sequence, an empty one where nothing was found",
            })
        }
        other => other,
    }
}

/// The entries of a folder by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, EvalError> {
    let fail = |source| EvalError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        paths.push(entry.map_err(fail)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Warns of files of predictions that no sequence asks for.
fn warn_of_others<'a>(
    folder: &Path,
    sequences: impl Iterator<Item = &'a String>,
    reporter: &dyn Reporter,
) -> Result<(), EvalError> {
    let known: BTreeSet<&str> = sequences.map(String::as_str).collect();
    let mut others = Vec::new();
    for path in entries(folder)? {
        let is_text = path.extension().is_some_and(|extension| extension == "txt");
        if let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
            && is_text
            && !known.contains(stem)
        {
            others.push(stem.to_owned());
        }
    }
    warn(
        reporter,
        "unknown-sequence",
        "predictions of a sequence that the ground truth does not have are left out",
        folder.display().to_string(),
        others.len(),
    );
    Ok(())
}

/// Warns of boxes that have no area: they are like nothing, so they are missed or false.
fn warn_of_empty(boxes: &[[f64; 4]], format: BoxFormat, location: String, reporter: &dyn Reporter) {
    let empty = |b: &&[f64; 4]| match format {
        BoxFormat::Xywh => !(b[2] > 0.0 && b[3] > 0.0),
        BoxFormat::Xyxy => !(b[2] > b[0] && b[3] > b[1]),
    };
    warn(
        reporter,
        "empty-box",
        "boxes without area stay in, and match nothing",
        location,
        boxes.iter().filter(empty).count(),
    );
}

fn warn(reporter: &dyn Reporter, code: &str, message: &str, location: String, count: usize) {
    if count > 0 {
        reporter.warn(Warning {
            code: code.to_owned(),
            message: message.to_owned(),
            location,
            count: count as u64,
        });
    }
}

/// The rows in the order of their frames, within a frame as they were.
fn by_frame(frames: &[u32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..frames.len()).collect();
    order.sort_by_key(|row| frames[*row]);
    order
}

fn reorder<T: Copy>(values: &mut Vec<T>, order: &[usize]) {
    *values = order.iter().map(|row| values[*row]).collect();
}
