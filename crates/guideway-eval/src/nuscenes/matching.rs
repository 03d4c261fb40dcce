//! Filters and the greedy matching by centre distance.

use std::f64::consts::{PI, TAU};

use guideway_core::{Cuboid, DVec3};
use rayon::prelude::*;

use super::params::NuScenesParams;
use crate::columns::check_len;
use crate::error::{EvalError, Side};
use crate::objects3d::{Candidates, Detections3d, Keep, Matches3d, Ties, TpErrors, Truth3d};

/// The outcome of matching with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Matches {
    /// The parameters.
    pub params: NuScenesParams,
    /// Who was matched to whom. The class indices are those of `class_range`.
    pub rows: Matches3d,
}

/// Bicycle racks: one entry per rack in both columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Racks {
    /// Frame of each rack.
    pub frame: Vec<u32>,
    /// Box of each rack.
    pub cuboid: Vec<Cuboid>,
}

/// Filters both sides (`keep`, range of the class, boxes with 0 points) and matches what is left, at all thresholds.
///
/// # Errors
/// When the parameters make no sense, a column is not whole, a box has no positive size, or a number that must be finite is not. Velocities may
/// be NaN.
pub fn match_detections(
    truth: &Truth3d,
    detections: &Detections3d,
    keep: &Keep,
    params: &NuScenesParams,
) -> Result<Matches, EvalError> {
    params.validate()?;
    if truth.classes != params.classes() {
        return Err(EvalError::Parameter {
            parameter: "class_range",
            problem: format!(
                "it names {} classes, and the labels have {}",
                params.classes(),
                truth.classes
            ),
        });
    }
    truth.validate()?;
    detections.validate(truth)?;
    keep.validate(truth, detections)?;

    let range: Vec<f64> = params.class_range.values().copied().collect();
    let period: Vec<f64> = params
        .class_range
        .names()
        .map(|name| params.orientation_period.get(name).copied().unwrap_or(TAU))
        .collect();
    let (label_range, detection_range) = (truth.range_xy(), detections.range_xy(truth));
    let candidates = Candidates::new(
        truth,
        detections,
        |row| label_range[row] < range[truth.class[row] as usize] && truth.points[row] != Some(0) && keep.label(row),
        |row| detection_range[row] < range[detections.class[row] as usize] && keep.detection(row),
    );
    let tp_threshold = params.tp_threshold();
    let rows = candidates.matched(
        truth,
        detections,
        &params.dist_ths,
        Ties::LaterRow,
        |class, rows, labels, pairs| {
            let period = period[class as usize];
            let mut distance = Vec::with_capacity(rows.len() * labels.len());
            for row in rows {
                let center = detections.cuboid[*row as usize].center.truncate();
                distance.extend(
                    labels
                        .iter()
                        .map(|label| (center - truth.cuboid[*label as usize].center.truncate()).length()),
                );
            }
            let mut taken = vec![false; labels.len()];
            for (threshold, limit) in params.dist_ths.iter().enumerate() {
                taken.fill(false);
                for (place, row) in rows.iter().enumerate() {
                    let to = &distance[place * labels.len()..][..labels.len()];
                    let mut nearest: Option<(usize, f64)> = None;
                    for (label, distance) in to.iter().enumerate() {
                        if !taken[label] && nearest.is_none_or(|(_, least)| *distance < least) {
                            nearest = Some((label, *distance));
                        }
                    }
                    let Some((label, _)) = nearest.filter(|(_, distance)| distance < limit) else {
                        continue;
                    };
                    taken[label] = true;
                    pairs.set(place, threshold, labels[label]);
                    if threshold == tp_threshold {
                        let errors = tp_errors(truth, labels[label] as usize, detections, *row as usize, period);
                        pairs.set_errors(place, errors);
                    }
                }
            }
        },
    );
    Ok(Matches {
        params: params.clone(),
        rows,
    })
}

/// Which detections and labels stay: all but those of the rack classes whose centre is in a bicycle rack of their frame.
///
/// # Errors
/// When the columns of the racks are of different lengths.
pub fn in_racks(
    truth: &Truth3d,
    detections: &Detections3d,
    racks: &Racks,
    params: &NuScenesParams,
) -> Result<Keep, EvalError> {
    check_len(
        Side::GroundTruth,
        "cuboid (racks)",
        racks.frame.len(),
        racks.cuboid.len(),
    )?;
    if racks.frame.is_empty() {
        return Ok(Keep::default());
    }
    let affected: Vec<bool> = params
        .class_range
        .names()
        .map(|name| params.rack_classes.iter().any(|class| class == name))
        .collect();
    let mut by_frame: Vec<(u32, &Cuboid)> = racks.frame.iter().copied().zip(&racks.cuboid).collect();
    by_frame.sort_by_key(|(frame, _)| *frame);
    let outside = |frame: &[u32], class: &[u32], cuboid: &[Cuboid]| -> Vec<bool> {
        (frame, class, cuboid)
            .into_par_iter()
            .map(|(frame, class, cuboid)| {
                if !affected.get(*class as usize).copied().unwrap_or(false) {
                    return true;
                }
                let first = by_frame.partition_point(|(known, _)| known < frame);
                let racks = by_frame[first..].iter().take_while(|(known, _)| known == frame);
                !racks.into_iter().any(|(_, rack)| is_inside(rack, cuboid.center))
            })
            .collect()
    };
    Ok(Keep {
        labels: Some(outside(&truth.frame, &truth.class, &truth.cuboid)),
        detections: Some(outside(&detections.frame, &detections.class, &detections.cuboid)),
    })
}

/// Is the point in the box, faces included? By projection on the three edges at the front upper left corner.
fn is_inside(cuboid: &Cuboid, point: DVec3) -> bool {
    let half = DVec3::new(cuboid.length, cuboid.width, cuboid.height) * 0.5;
    let corner = |sx: f64, sy: f64, sz: f64| cuboid.rotation * (half * DVec3::new(sx, sy, sz)) + cuboid.center;
    let origin = corner(1.0, 1.0, 1.0);
    let to = point - origin;
    [corner(-1.0, 1.0, 1.0), corner(1.0, -1.0, 1.0), corner(1.0, 1.0, -1.0)]
        .into_iter()
        .all(|other| {
            let edge = other - origin;
            let along = edge.dot(to);
            along >= 0.0 && along <= edge.dot(edge)
        })
}

fn tp_errors(truth: &Truth3d, label: usize, detections: &Detections3d, row: usize, period: f64) -> TpErrors {
    let (a, b) = (&truth.cuboid[label], &detections.cuboid[row]);
    let (va, vb) = (truth.velocity[label], detections.velocity[row]);
    TpErrors {
        translation: (b.center - a.center).truncate().length(),
        scale: 1.0 - aligned_iou(a, b),
        orientation: angle_between(a.yaw(), b.yaw(), period),
        velocity: {
            let (dx, dy) = (vb[0] - va[0], vb[1] - va[1]);
            (dx * dx + dy * dy).sqrt()
        },
        attribute: match truth.attribute[label] {
            None => f64::NAN,
            known => f64::from(u8::from(known != detections.attribute[row])),
        },
    }
}

/// IoU of two boxes with centres and axes laid on one another.
fn aligned_iou(a: &Cuboid, b: &Cuboid) -> f64 {
    let both = a.width.min(b.width) * a.length.min(b.length) * a.height.min(b.height);
    let volume = |c: &Cuboid| c.width * c.length * c.height;
    both / (volume(a) + volume(b) - both)
}

/// Smallest angle between two headings of something that looks the same after `period`, rad.
fn angle_between(a: f64, b: f64, period: f64) -> f64 {
    let difference = (a - b + period / 2.0).rem_euclid(period) - period / 2.0;
    if difference > PI {
        (difference - TAU).abs()
    } else {
        difference.abs()
    }
}
