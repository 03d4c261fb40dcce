//! Filters and the matching of each label to the first detection that turns to it.

use std::f64::consts::PI;

use guideway_core::Cuboid;

use super::params::Av2Params;
use crate::error::EvalError;
use crate::objects3d::{Candidates, Detections3d, Keep, Matches3d, Ties, TpErrors, Truth3d, sort_by_frame};

/// Pitch nearer than this to straight up or down leaves no heading, rad.
const GIMBAL_LOCK: f64 = 1e-7;

/// The outcome of matching with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Matches {
    /// The parameters.
    pub params: Av2Params,
    /// Who was matched to whom. The class indices are those of `categories`; more may follow.
    pub rows: Matches3d,
}

/// Filters both sides (range, number of detections, labels without points, `keep`) and matches what is left, at all thresholds.
///
/// A frame is a sweep. Of equal scores the one of the earlier frame comes first, then that of the earlier row: number frames by log and time.
///
/// # Errors
/// When the parameters make no sense, a column is not whole, a box has no positive size, or a number that must be finite is not.
pub fn match_detections(
    truth: &Truth3d,
    detections: &Detections3d,
    keep: &Keep,
    params: &Av2Params,
) -> Result<Matches, EvalError> {
    params.validate()?;
    if (truth.classes as usize) < params.categories.len() {
        return Err(EvalError::Parameter {
            parameter: "categories",
            problem: format!(
                "it names {} classes, and the labels have {}",
                params.categories.len(),
                truth.classes
            ),
        });
    }
    truth.validate()?;
    detections.validate(truth)?;
    keep.validate(truth, detections)?;

    let near = |frame: u32, cuboid: &Cuboid| (cuboid.center - truth.ego[frame as usize]).length() < params.max_range_m;
    let mut candidates = Candidates::new(
        truth,
        detections,
        // as in the reference, a number of points is above 0 or not; without one, the label stays
        |row| near(truth.frame[row], &truth.cuboid[row]) && truth.points[row] != Some(0) && keep.label(row),
        |row| near(detections.frame[row], &detections.cuboid[row]),
    );
    // the best of each sweep are counted before the caller's rule, as the reference does
    let limit = params.max_num_dts_per_category as usize;
    let frame = |row: &u32| detections.frame[*row as usize];
    for rows in &mut candidates.detections {
        sort_by_frame(rows, detections, Ties::EarlierFrame);
        let mut kept = Vec::with_capacity(rows.len());
        for run in rows.chunk_by(|a, b| frame(a) == frame(b)) {
            kept.extend(run.iter().take(limit).filter(|row| keep.detection(**row as usize)));
        }
        *rows = kept;
    }

    let tp_limit = if params.has_tp_threshold() {
        params.tp_threshold_m
    } else {
        0.0
    };
    let thresholds = &params.affinity_thresholds_m;
    let rows = candidates.matched(
        truth,
        detections,
        thresholds,
        Ties::EarlierFrame,
        |_, rows, labels, pairs| {
            let mut found = vec![false; labels.len()];
            for (place, row) in rows.iter().enumerate() {
                let row = *row as usize;
                let center = detections.cuboid[row].center;
                let mut nearest = (0, f64::INFINITY);
                for (label, label_row) in labels.iter().enumerate() {
                    let distance = (center - truth.cuboid[*label_row as usize].center).length();
                    if distance < nearest.1 {
                        nearest = (label, distance);
                    }
                }
                let (label, distance) = nearest;
                if std::mem::replace(&mut found[label], true) {
                    continue;
                }
                for (threshold, limit) in thresholds.iter().enumerate() {
                    if distance < *limit {
                        pairs.set(place, threshold, labels[label]);
                    }
                }
                if distance < tp_limit {
                    pairs.set_errors(
                        place,
                        tp_errors(&truth.cuboid[labels[label] as usize], &detections.cuboid[row]),
                    );
                }
            }
        },
    );
    Ok(Matches {
        params: params.clone(),
        rows,
    })
}

fn tp_errors(label: &Cuboid, detection: &Cuboid) -> TpErrors {
    let both = |pick: fn(f64, f64) -> f64| {
        pick(label.length, detection.length) * pick(label.width, detection.width) * pick(label.height, detection.height)
    };
    TpErrors {
        translation: (detection.center - label.center).length(),
        // the union is taken as the box that holds both
        scale: 1.0 - both(f64::min) / both(f64::max),
        orientation: angle_between(heading(detection), heading(label)),
        ..TpErrors::UNKNOWN
    }
}

/// The last of the angles about x, y and z, rad; 0 where the box points straight up or down.
fn heading(cuboid: &Cuboid) -> f64 {
    let forward = cuboid.rotation * guideway_core::DVec3::X;
    if forward.truncate().length() <= GIMBAL_LOCK {
        return 0.0;
    }
    forward.y.atan2(forward.x)
}

/// The angle between two headings in −π..=π, rad: in 0..=π, and π for a whole turn as in the reference.
fn angle_between(a: f64, b: f64) -> f64 {
    let difference = (a - b).abs();
    if difference < PI {
        difference
    } else {
        PI - difference % PI
    }
}
