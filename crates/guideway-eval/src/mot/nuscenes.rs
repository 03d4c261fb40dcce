//! AMOTA, AMOTP and their kin: the nuScenes tracking benchmark (Caesar et al. 2020), after Weng et al., "3D multi-object tracking: a
//! baseline and new evaluation metrics" (2020).
//!
//! A tracker's score threshold is swept over recalls. A track's score is the mean of its boxes' scores; gaps in tracks, on both sides, are
//! filled by linear interpolation; boxes match within a distance of centres on the ground, with motmetrics' events. At each recall
//!
//! `MOTAR = max(0, 1 - (IDS + FP + FN - (1 - r) · P) / (r · P))`
//!
//! with the recall `r` that was measured and `P` labels; AMOTA is its mean over the recalls and AMOTP that of the mean distance, where a
//! recall that is not reached has the worst value. The other numbers are those at the threshold with the highest MOTA.
//!
//! Which boxes count (by range and lidar points) is decided before: what is given here is evaluated. Distances are computed
//! directly, and not as `√(a² + b² - 2ab)` like the devkit, whose result is off by some µm far from the origin.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::accumulator::{Accumulator, DistanceView, MotCounts, ratio};
use super::params::bad;
use crate::assign::PairMatrix;
use crate::coco::linspace;
use crate::error::{EvalError, Side};

/// A box as its centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CenterBox {
    /// Track, unique in a frame.
    pub track: u64,
    /// Class index.
    pub class: u32,
    /// Centre in the world frame, m; matching is by x and y.
    pub center: [f64; 3],
    /// Score; of predictions only.
    pub score: f64,
}

/// The boxes of a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CenterFrame {
    /// Time, in any unit.
    pub time: i64,
    /// Labels.
    pub labels: Vec<CenterBox>,
    /// Predictions.
    pub predictions: Vec<CenterBox>,
}

/// The frames of a drive by ascending time.
pub type CenterScene = Vec<CenterFrame>;

/// The parameters of the sweep; the default is nuScenes' `tracking_nips_2019`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SweepParams {
    /// Class names, by class index.
    pub classes: Vec<String>,
    /// Boxes at this distance and further do not match, m.
    pub max_distance: f64,
    /// The lowest recall of the sweep.
    pub min_recall: f64,
    /// Number of recalls from there to 1.
    pub thresholds: u32,
    /// Most predictions in a frame.
    pub max_boxes: usize,
    /// Time from frame to frame, s: turns frames of delay into seconds.
    pub period: f64,
    /// What a recall that is not reached counts in AMOTA.
    pub worst_amota: f64,
    /// What a recall that is not reached counts in AMOTP, m; also MOTP where there is nothing, m.
    pub worst_amotp: f64,
    /// Track initialisation and longest gap where there is nothing, s.
    pub worst_duration: f64,
    /// False alarms per 100 frames where there is nothing.
    pub worst_faf: f64,
}

impl Default for SweepParams {
    fn default() -> Self {
        let classes = ["bicycle", "bus", "car", "motorcycle", "pedestrian", "trailer", "truck"];
        Self {
            classes: classes.map(str::to_owned).to_vec(),
            max_distance: 2.0,
            min_recall: 0.1,
            thresholds: 40,
            max_boxes: 500,
            period: 0.5,
            worst_amota: 0.0,
            worst_amotp: 2.0,
            worst_duration: 20.0,
            worst_faf: 500.0,
        }
    }
}

impl SweepParams {
    /// Are they usable?
    pub fn check(&self) -> Result<(), EvalError> {
        if self.max_distance.is_nan() || self.max_distance <= 0.0 {
            return bad("max_distance", "it must be more than 0");
        }
        if !(self.min_recall > 0.0 && self.min_recall <= 1.0) {
            return bad("min_recall", "it must be in (0, 1]");
        }
        if self.thresholds == 0 {
            return bad("thresholds", "there must be some");
        }
        if self.period.is_nan() || self.period <= 0.0 {
            return bad("period", "it must be more than 0");
        }
        Ok(())
    }
}

/// The numbers at one threshold, by their names in nuScenes' reports. `None` where a number is undefined.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SweepScores {
    /// Labels.
    pub gt: Option<f64>,
    /// Matches without identity switches.
    pub tp: Option<f64>,
    /// Recall-normalised accuracy.
    pub motar: Option<f64>,
    /// Accuracy, not below 0.
    pub mota: Option<f64>,
    /// Mean distance of the matches, m.
    pub motp: Option<f64>,
    /// False positives per 100 frames.
    pub faf: Option<f64>,
    /// Mostly tracked objects.
    pub mt: Option<f64>,
    /// Mostly lost objects.
    pub ml: Option<f64>,
    /// False positives.
    pub fp: Option<f64>,
    /// Misses.
    #[serde(rename = "fn")]
    pub fn_: Option<f64>,
    /// Identity switches.
    pub ids: Option<f64>,
    /// Fragmentations.
    pub frag: Option<f64>,
    /// Recall that was measured.
    pub recall: Option<f64>,
    /// Track initialisation duration: from an object's first label to its first match, s.
    pub tid: Option<f64>,
    /// Longest gap duration: an object's longest time without match, s.
    pub lgd: Option<f64>,
}

/// One recall of the sweep.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SweepPoint {
    /// The recall that was aimed at.
    pub recall: f64,
    /// The score threshold; `None` where the recall is not reached.
    pub threshold: Option<f64>,
    /// The numbers there.
    pub scores: SweepScores,
}

/// One class.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SweepClass {
    /// Mean MOTAR; `None` without labels.
    pub amota: Option<f64>,
    /// Mean MOTP, m; `None` without labels.
    pub amotp: Option<f64>,
    /// The numbers at the threshold with the highest MOTA.
    #[serde(flatten)]
    pub best: SweepScores,
    /// The sweep, from the highest recall to the lowest.
    #[serde(skip)]
    pub curve: Vec<SweepPoint>,
}

/// All classes.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct SweepReport {
    /// Each class by name.
    pub classes: BTreeMap<String, SweepClass>,
    /// Means over the classes that have the number; counts (`mt`, `ml`, `tp`, `fp`, `fn`, `ids`, `frag`) are sums, `gt` is a mean as in the devkit.
    pub all: SweepClass,
}

/// Sweeps every class.
///
/// ```
/// use guideway_eval::mot::nuscenes::{CenterBox, CenterFrame, SweepParams, sweep};
///
/// let label = |x: f64| CenterBox { track: 1, class: 2, center: [x, 0.0, 0.0], score: 0.0 };
/// let scene = (0..10)
///     .map(|t| CenterFrame {
///         time: t * 500_000,
///         labels: vec![label(t as f64)],
///         predictions: vec![CenterBox { track: 8, score: 0.7, ..label(t as f64 + 0.5) }],
///     })
///     .collect();
/// let report = sweep(&[scene], &SweepParams::default())?;
/// let car = &report.classes["car"];
/// assert_eq!(car.amota, Some(1.0));
/// assert!((car.amotp.unwrap() - 0.5).abs() < 1e-12);
/// # Ok::<(), guideway_eval::EvalError>(())
/// ```
pub fn sweep(scenes: &[CenterScene], params: &SweepParams) -> Result<SweepReport, EvalError> {
    params.check()?;
    for (at, scene) in scenes.iter().enumerate() {
        check_scene(scene, at, params)?;
    }
    let scenes: Vec<CenterScene> = scenes.par_iter().map(prepared).collect();
    let classes: Result<Vec<SweepClass>, EvalError> = (0..params.classes.len() as u32)
        .into_par_iter()
        .map(|class| sweep_class(&scenes, class, params))
        .collect();
    let classes = classes?;
    let all = average(&classes);
    Ok(SweepReport {
        classes: params.classes.iter().cloned().zip(classes).collect(),
        all,
    })
}

fn check_scene(scene: &CenterScene, at: usize, params: &SweepParams) -> Result<(), EvalError> {
    if !scene.is_sorted_by(|a, b| a.time < b.time) {
        return Err(EvalError::Frame {
            problem: "frames are not by ascending time".to_owned(),
            place: format!("scene {at}"),
            next: "sort the frames of a scene by time, and give each moment once",
        });
    }
    for (number, frame) in scene.iter().enumerate() {
        let place = || format!("frame {number} of scene {at}");
        if frame.predictions.len() > params.max_boxes {
            return Err(EvalError::Frame {
                problem: format!(
                    "there are {} predictions, and at most {} are allowed",
                    frame.predictions.len(),
                    params.max_boxes
                ),
                place: place(),
                next: "leave out the boxes with the lowest scores, or raise `max_boxes`",
            });
        }
        for (side, boxes) in [
            (Side::GroundTruth, &frame.labels),
            (Side::Detections, &frame.predictions),
        ] {
            let mut seen = BTreeSet::new();
            for (row, one) in boxes.iter().enumerate() {
                if one.class as usize >= params.classes.len() {
                    return Err(EvalError::IndexOutOfRange {
                        side,
                        row,
                        column: "class",
                        value: one.class,
                        limit: params.classes.len() as u32,
                    });
                }
                if let Some(value) = one.center.iter().chain([&one.score]).find(|value| !value.is_finite()) {
                    return Err(EvalError::Frame {
                        problem: format!("{side}: row {row} has {value} in its centre or score"),
                        place: place(),
                        next: "drop or repair the box",
                    });
                }
                if !seen.insert(one.track) {
                    return Err(EvalError::DuplicateTrack {
                        side,
                        id: one.track.to_string(),
                        place: place(),
                    });
                }
            }
        }
    }
    Ok(())
}

/// Tracks with their mean score, and without gaps.
fn prepared(scene: &CenterScene) -> CenterScene {
    let mut scene = scene.clone();
    let mut scores: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for one in scene.iter().flat_map(|frame| &frame.predictions) {
        scores.entry(one.track).or_default().push(one.score);
    }
    let means: BTreeMap<u64, f64> = scores
        .into_iter()
        .map(|(track, scores)| (track, pairwise_sum(&scores) / scores.len() as f64))
        .collect();
    for one in scene.iter_mut().flat_map(|frame| &mut frame.predictions) {
        if let Some(mean) = means.get(&one.track) {
            one.score = *mean;
        }
    }
    fill_gaps(&mut scene, |frame| &mut frame.labels);
    fill_gaps(&mut scene, |frame| &mut frame.predictions);
    scene
}

/// A sum with the rounding of `numpy.sum`. The last bit counts: a threshold is often a track's own score, and boxes that were interpolated
/// miss it by that bit or not.
fn pairwise_sum(values: &[f64]) -> f64 {
    const LANES: usize = 8;
    const BLOCK: usize = 128;
    if values.len() < LANES {
        return values.iter().sum();
    }
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % LANES);
        return pairwise_sum(left) + pairwise_sum(right);
    }
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    rest.iter()
        .fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}

/// Puts a box between two of a track where it has none, after the boxes of the frame, tracks in the order in which they appear.
fn fill_gaps(scene: &mut CenterScene, side: fn(&mut CenterFrame) -> &mut Vec<CenterBox>) {
    let mut order: Vec<u64> = Vec::new();
    let mut tracks: BTreeMap<u64, Vec<(usize, CenterBox)>> = BTreeMap::new();
    for (at, frame) in scene.iter_mut().enumerate() {
        for one in side(frame).iter() {
            let boxes = tracks.entry(one.track).or_default();
            if boxes.is_empty() {
                order.push(one.track);
            }
            boxes.push((at, *one));
        }
    }
    let times: Vec<i64> = scene.iter().map(|frame| frame.time).collect();
    for track in order {
        for pair in tracks.get(&track).map(Vec::as_slice).unwrap_or_default().windows(2) {
            let [(left_at, left), (right_at, right)] = pair else {
                continue;
            };
            for at in left_at + 1..*right_at {
                let span = (times[*right_at] - times[*left_at]) as f64;
                let ratio = (times[*right_at] - times[at]) as f64 / span;
                let between = |l: f64, r: f64| (1.0 - ratio) * l + ratio * r;
                let center = std::array::from_fn(|i| between(left.center[i], right.center[i]));
                side(&mut scene[at]).push(CenterBox {
                    center,
                    score: between(left.score, right.score),
                    ..*right
                });
            }
        }
    }
}

fn sweep_class(scenes: &[CenterScene], class: u32, params: &SweepParams) -> Result<SweepClass, EvalError> {
    let labels: u64 = scenes
        .iter()
        .flatten()
        .map(|frame| of_class(&frame.labels, class).count() as u64)
        .sum();
    if labels == 0 {
        return Ok(SweepClass::default());
    }
    let mut matched = Vec::new();
    for scene in scenes {
        count_scene(scene, class, None, params, &mut matched)?;
    }
    let targets = thresholds(matched, labels, params);
    let mut distinct: Vec<f64> = targets.iter().filter_map(|(_, threshold)| *threshold).collect();
    distinct.dedup();
    let measured: Result<Vec<(f64, SweepScores)>, EvalError> = distinct
        .into_par_iter()
        .map(|threshold| {
            let counts: Result<Vec<MotCounts>, EvalError> = scenes
                .iter()
                .map(|scene| count_scene(scene, class, Some(threshold), params, &mut Vec::new()))
                .collect();
            Ok((threshold, scores_of(&MotCounts::sum(&counts?), params)))
        })
        .collect();
    let measured = measured?;
    let nothing = measured.is_empty().then(|| worst(scenes, class, labels, params));
    let curve: Vec<SweepPoint> = targets
        .into_iter()
        .map(|(recall, threshold)| {
            let found = measured.iter().find(|(at, _)| Some(*at) == threshold);
            SweepPoint {
                recall,
                threshold,
                scores: found.map(|(_, scores)| *scores).or(nothing).unwrap_or_default(),
            }
        })
        .collect();
    let mut best = curve.first().map(|point| point.scores).unwrap_or_default();
    for point in &curve {
        if point.scores.mota > best.mota {
            best = point.scores;
        }
    }
    let mean = |value: fn(&SweepScores) -> Option<f64>, worst: f64| {
        let values = curve.iter().map(|point| value(&point.scores).unwrap_or(worst));
        Some(values.sum::<f64>() / f64::from(params.thresholds))
    };
    Ok(SweepClass {
        amota: mean(|s| s.motar, params.worst_amota),
        amotp: mean(|s| s.motp, params.worst_amotp),
        best,
        curve,
    })
}

fn of_class(boxes: &[CenterBox], class: u32) -> impl Iterator<Item = &CenterBox> {
    boxes.iter().filter(move |one| one.class == class)
}

/// Counts one class of a scene at a threshold, and collects the scores of the matches that are not switches.
fn count_scene(
    scene: &CenterScene,
    class: u32,
    threshold: Option<f64>,
    params: &SweepParams,
    matched: &mut Vec<f64>,
) -> Result<MotCounts, EvalError> {
    let mut accumulator = Accumulator::default();
    let mut distances = PairMatrix::default();
    for frame in scene {
        let labels: Vec<&CenterBox> = of_class(&frame.labels, class).collect();
        let predictions: Vec<&CenterBox> = of_class(&frame.predictions, class)
            .filter(|one| threshold.is_none_or(|threshold| one.score >= threshold))
            .collect();
        if labels.is_empty() && predictions.is_empty() {
            continue;
        }
        distances.fill_with(labels.len(), predictions.len(), |row, column| {
            let (a, b) = (labels[row].center, predictions[column].center);
            let distance = (a[0] - b[0]).hypot(a[1] - b[1]);
            if distance >= params.max_distance {
                f64::NAN
            } else {
                distance
            }
        });
        let label_ids: Vec<u64> = labels.iter().map(|one| one.track).collect();
        let prediction_ids: Vec<u64> = predictions.iter().map(|one| one.track).collect();
        let events = accumulator.push(DistanceView {
            labels: &label_ids,
            predictions: &prediction_ids,
            distances: &distances,
        })?;
        let kept = events.iter().filter(|event| !event.switched);
        matched.extend(kept.map(|event| predictions[event.prediction].score));
    }
    accumulator.finish()
}

/// The recalls of the sweep, the highest first, and the score that reaches each.
fn thresholds(mut scores: Vec<f64>, labels: u64, params: &SweepParams) -> Vec<(f64, Option<f64>)> {
    scores.sort_by(|a, b| b.total_cmp(a));
    let reached: Vec<f64> = (1..=scores.len()).map(|found| found as f64 / labels as f64).collect();
    let most = reached.last().copied().unwrap_or(0.0);
    // recalls such as 0.3 are to be met exactly
    let recalls = linspace(params.min_recall, 1.0, params.thresholds);
    let rounded = recalls
        .into_iter()
        .map(|recall| (recall * 1e12).round_ties_even() / 1e12);
    let mut targets: Vec<(f64, Option<f64>)> = rounded
        .map(|recall| (recall, (recall <= most).then(|| interpolate(recall, &reached, &scores))))
        .collect();
    targets.reverse();
    targets
}

/// Linear interpolation between ascending places, with the rounding of `numpy.interp`. There is at least one place.
fn interpolate(x: f64, places: &[f64], values: &[f64]) -> f64 {
    // the last place that is not beyond x
    let Some(at) = places.partition_point(|place| *place <= x).checked_sub(1) else {
        return values.first().copied().unwrap_or(0.0);
    };
    match (places.get(at + 1), values.get(at + 1)) {
        (Some(next), Some(value)) if places[at] != x => {
            (value - values[at]) / (next - places[at]) * (x - places[at]) + values[at]
        }
        _ => values[at],
    }
}

fn scores_of(counts: &MotCounts, params: &SweepParams) -> SweepScores {
    let labels = counts.labels as f64;
    let (tp, fp, misses, ids) = (
        counts.matches as f64,
        counts.false_positives as f64,
        counts.misses as f64,
        counts.switches as f64,
    );
    let recall = tp / labels;
    let excess = misses + ids + fp - (1.0 - recall) * labels;
    let some = |value: f64| Some(value);
    let tracked = counts.tracked_objects as f64;
    SweepScores {
        gt: some(labels),
        tp: some(tp),
        motar: ratio(excess, recall * labels).map(|share| (1.0 - share).max(0.0)),
        mota: some((1.0 - (misses + ids + fp) / labels).max(0.0)),
        motp: counts.mean_distance(),
        faf: ratio(fp, counts.frames as f64).map(|share| share * 100.0),
        mt: some(counts.mostly_tracked as f64),
        ml: some(counts.mostly_lost as f64),
        fp: some(fp),
        fn_: some(misses),
        ids: some(ids),
        frag: some(counts.fragmentations as f64),
        recall: some(counts.detections() as f64 / labels),
        tid: ratio(counts.frames_to_first as f64 * params.period, tracked),
        lgd: ratio(counts.longest_gaps as f64 * params.period, tracked),
    }
}

/// What a class without any match gets.
fn worst(scenes: &[CenterScene], class: u32, labels: u64, params: &SweepParams) -> SweepScores {
    let objects: BTreeSet<(usize, u64)> = scenes
        .iter()
        .enumerate()
        .flat_map(|(at, scene)| scene.iter().map(move |frame| (at, frame)))
        .flat_map(|(at, frame)| of_class(&frame.labels, class).map(move |one| (at, one.track)))
        .collect();
    SweepScores {
        gt: Some(labels as f64),
        tp: Some(0.0),
        motar: Some(params.worst_amota),
        mota: Some(0.0),
        motp: Some(params.worst_amotp),
        faf: Some(params.worst_faf),
        mt: Some(0.0),
        ml: Some(objects.len() as f64),
        fn_: Some(labels as f64),
        recall: Some(0.0),
        tid: Some(params.worst_duration),
        lgd: Some(params.worst_duration),
        ..SweepScores::default()
    }
}

fn average(classes: &[SweepClass]) -> SweepClass {
    let defined = |value: fn(&SweepClass) -> Option<f64>| -> Vec<f64> { classes.iter().filter_map(value).collect() };
    let mean = |value| {
        let values = defined(value);
        ratio(values.iter().sum(), values.len() as f64)
    };
    let sum = |value| Some(defined(value).iter().sum());
    SweepClass {
        amota: mean(|c| c.amota),
        amotp: mean(|c| c.amotp),
        best: SweepScores {
            gt: mean(|c| c.best.gt),
            tp: sum(|c| c.best.tp),
            motar: mean(|c| c.best.motar),
            mota: mean(|c| c.best.mota),
            motp: mean(|c| c.best.motp),
            faf: mean(|c| c.best.faf),
            mt: sum(|c| c.best.mt),
            ml: sum(|c| c.best.ml),
            fp: sum(|c| c.best.fp),
            fn_: sum(|c| c.best.fn_),
            ids: sum(|c| c.best.ids),
            frag: sum(|c| c.best.frag),
            recall: mean(|c| c.best.recall),
            tid: mean(|c| c.best.tid),
            lgd: mean(|c| c.best.lgd),
        },
        curve: Vec::new(),
    }
}
