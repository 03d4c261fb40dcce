//! The two passes over the frames.

use rayon::prelude::*;

use super::arrays::{ByFrame, Detection, GroundTruth, Label, Role, roles};
use super::overlap::{DetectionCase, FrameCase, LabelCase, Wanted, frame_case};
use super::params::{KittiParams, Level};
use super::report::{ClassReport, KittiReport, LevelReport, Metric, MetricReport, curve_report};
use crate::error::EvalError;

/// Frames whose sums are added up together: fixed, so that the bits do not depend on the number of threads.
const CHUNK: usize = 64;

/// Evaluates detections against labels: all classes, metrics and levels.
///
/// Rows of a frame are taken in their order, which decides ties; frames stand in any order.
///
/// # Errors
/// [`EvalError::Parameter`] for senseless parameters, [`EvalError::IndexOutOfRange`] for an unknown frame or class, and
/// [`EvalError::NotFinite`] for NaN or an infinite number. See the [module](super) for an example, and for what is done about odd boxes.
pub fn evaluate(truth: &GroundTruth, detections: &[Detection], params: &KittiParams) -> Result<KittiReport, EvalError> {
    params.validate()?;
    truth.validate()?;
    truth.validate_detections(detections)?;
    let labels_of = ByFrame::new(truth.frames, truth.labels.iter().map(|label| label.object.frame));
    let detections_of = ByFrame::new(truth.frames, detections.iter().map(|d| d.object.frame));
    let oriented = detections.iter().all(|d| d.object.alpha != params.unknown_alpha);
    let tallest = params.levels.iter().map(|level| level.min_height).fold(0.0, f64::max);

    let mut classes = Vec::new();
    for (place, class) in params.classes.iter().enumerate() {
        let roles = roles(&truth.classes, place, params);
        let wanted = wanted(detections, &roles, params);
        let cases: Vec<FrameCase> = (0..truth.frames as usize)
            .into_par_iter()
            .map(|frame| {
                let labels = labels_of.rows(frame).iter().map(|row| {
                    let label: &Label = &truth.labels[*row as usize];
                    (label, roles[label.object.class as usize])
                });
                let found = detections_of.rows(frame).iter().map(|row| {
                    let detection = &detections[*row as usize];
                    (detection, roles[detection.object.class as usize])
                });
                frame_case(labels, found, class.min_overlap, wanted, tallest)
            })
            .collect();
        let mut metrics = Vec::new();
        for (kind, metric) in [Metric::Image, Metric::Ground, Metric::Volume].into_iter().enumerate() {
            if !wanted[kind] {
                continue;
            }
            let (levels, similar): (Vec<LevelReport>, Vec<LevelReport>) = params
                .levels
                .iter()
                .map(|level| level_report(&cases, kind, level, params))
                .unzip();
            metrics.push(MetricReport { metric, levels });
            if metric == Metric::Image && oriented {
                metrics.push(MetricReport {
                    metric: Metric::Orientation,
                    levels: similar,
                });
            }
        }
        classes.push(ClassReport {
            name: class.name.clone(),
            min_overlap: class.min_overlap,
            metrics,
        });
    }

    let mut objects = vec![0_u64; truth.classes.len()];
    for label in &truth.labels {
        objects[label.object.class as usize] += 1;
    }
    let mut report = KittiReport {
        frames: u64::from(truth.frames),
        detections: detections.len() as u64,
        ..KittiReport::default()
    };
    for (name, count) in truth.classes.iter().zip(objects) {
        if count > 0 {
            *report.labels.entry(name.clone()).or_default() += count;
        }
    }
    report.classes = classes;
    Ok(report)
}

/// What the detections of a class can be evaluated for.
fn wanted(detections: &[Detection], roles: &[Role], params: &KittiParams) -> Wanted {
    let mut wanted = [false; 3];
    for detection in detections {
        let object = &detection.object;
        if roles[object.class as usize] == Role::Same {
            wanted[0] |= object.bbox.x_min >= 0.0;
            wanted[1] |= object.location[0] != params.unknown_coordinate;
            wanted[2] |= object.location[1] != params.unknown_coordinate;
        }
    }
    wanted
}

/// What a label or detection is at a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Counted,
    Ignored,
    Out,
}

fn label_state(label: &LabelCase, level: &Level) -> State {
    let hard = label.occlusion > level.max_occlusion
        || label.truncation > level.max_truncation
        || label.height < level.min_height;
    if label.same && !hard {
        State::Counted
    } else {
        State::Ignored
    }
}

fn detection_state(detection: &DetectionCase, level: &Level) -> State {
    if detection.height < level.min_height {
        State::Ignored
    } else if detection.same {
        State::Counted
    } else {
        State::Out
    }
}

/// Room for one frame at a time.
#[derive(Default)]
struct Scratch {
    labels: Vec<State>,
    detections: Vec<State>,
    /// Taken by a label, or not there at all at this threshold.
    gone: Vec<bool>,
}

impl Scratch {
    fn set(&mut self, case: &FrameCase, level: &Level) {
        self.labels.clear();
        self.labels
            .extend(case.labels.iter().map(|label| label_state(label, level)));
        self.detections.clear();
        self.detections
            .extend(case.detections.iter().map(|d| detection_state(d, level)));
    }
}

/// Counts at one threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) tp: u64,
    pub(super) fp: u64,
    pub(super) missed: u64,
    pub(super) similarity: f64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.tp += other.tp;
        self.fp += other.fp;
        self.missed += other.missed;
        self.similarity += other.similarity;
    }
}

/// Both passes at one level: precision and orientation similarity.
fn level_report(cases: &[FrameCase], kind: usize, level: &Level, params: &KittiParams) -> (LevelReport, LevelReport) {
    let chunks: Vec<(u64, Vec<f64>)> = cases
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut scratch = Scratch::default();
            let (mut positives, mut scores) = (0, Vec::new());
            for case in chunk {
                scratch.set(case, level);
                positives += scratch.labels.iter().filter(|state| **state == State::Counted).count() as u64;
                first_pass(case, kind, params.lowest_score, &mut scratch, &mut scores);
            }
            (positives, scores)
        })
        .collect();
    let mut positives = 0;
    let mut scores = Vec::new();
    for (count, some) in chunks {
        positives += count;
        scores.extend(some);
    }
    let thresholds = thresholds(scores, positives, params.recall_samples);

    let chunks: Vec<Vec<Tally>> = cases
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut scratch = Scratch::default();
            let mut sums = vec![Tally::default(); thresholds.len()];
            for case in chunk {
                if case.labels.is_empty() && case.detections.is_empty() {
                    continue;
                }
                scratch.set(case, level);
                // Nothing changes where a lower threshold lets nothing more in.
                let mut last: Option<(usize, Tally)> = None;
                for (threshold, sum) in thresholds.iter().zip(&mut sums) {
                    let there = case.detections.iter().filter(|d| d.score >= *threshold).count();
                    let tally = match last {
                        Some((before, tally)) if before == there => tally,
                        _ => second_pass(case, kind, *threshold, &mut scratch),
                    };
                    last = Some((there, tally));
                    sum.add(&tally);
                }
            }
            sums
        })
        .collect();
    let mut tallies = vec![Tally::default(); thresholds.len()];
    for chunk in chunks {
        for (sum, some) in tallies.iter_mut().zip(&chunk) {
            sum.add(some);
        }
    }
    let report = |over: fn(&Tally) -> f64| curve_report(&level.name, positives, &thresholds, &tallies, over, params);
    (report(|tally| tally.tp as f64), report(|tally| tally.similarity))
}

/// Scores of the true positives among all detections, where each label takes the one that scores best.
fn first_pass(case: &FrameCase, kind: usize, lowest_score: f64, scratch: &mut Scratch, scores: &mut Vec<f64>) {
    scratch.gone.clear();
    scratch.gone.resize(case.detections.len(), false);
    for (l, state) in scratch.labels.iter().enumerate() {
        let mut best: Option<(usize, f64)> = None;
        for (d, _) in case.pairs[kind].of(l) {
            let d = *d as usize;
            let score = case.detections[d].score;
            let usable = scratch.detections[d] != State::Out && !scratch.gone[d];
            if usable && score > best.map_or(lowest_score, |(_, score)| score) {
                best = Some((d, score));
            }
        }
        let Some((d, score)) = best else { continue };
        scratch.gone[d] = true;
        if *state == State::Counted && scratch.detections[d] == State::Counted {
            scores.push(score);
        }
    }
}

/// Scores that come nearest to evenly spaced recalls, descending; at most as many as there are samples.
fn thresholds(mut scores: Vec<f64>, positives: u64, samples: u32) -> Vec<f64> {
    scores.sort_unstable_by(|a, b| b.total_cmp(a));
    let positives = positives as f64;
    let mut thresholds = Vec::new();
    // added up as in the kit: its rounding decides ties
    let mut recall = 0.0;
    for (i, score) in scores.iter().enumerate() {
        let here = (i + 1) as f64 / positives;
        let next = (i + 2) as f64 / positives;
        if i + 1 < scores.len() && next - recall < recall - here {
            continue;
        }
        thresholds.push(*score);
        recall += 1.0 / (f64::from(samples) - 1.0);
    }
    thresholds.truncate(samples as usize);
    thresholds
}

/// The counts of a frame at a threshold, where each label takes the detection that overlaps most.
fn second_pass(case: &FrameCase, kind: usize, threshold: f64, scratch: &mut Scratch) -> Tally {
    let pairs = &case.pairs[kind];
    scratch.gone.clear();
    scratch.gone.extend(case.detections.iter().map(|d| d.score < threshold));
    let mut tally = Tally::default();
    for (l, state) in scratch.labels.iter().enumerate() {
        let mut counted: Option<(usize, f64)> = None;
        let mut ignored: Option<usize> = None;
        for (d, overlap) in pairs.of(l) {
            let d = *d as usize;
            if scratch.gone[d] {
                continue;
            }
            match scratch.detections[d] {
                State::Counted => {
                    if counted.is_none_or(|(_, most)| *overlap > most) {
                        counted = Some((d, *overlap));
                    }
                }
                State::Ignored => ignored = ignored.or(Some(d)),
                State::Out => {}
            }
        }
        match (counted, ignored) {
            (Some((d, _)), _) => {
                scratch.gone[d] = true;
                if *state == State::Counted {
                    tally.tp += 1;
                    let difference = case.labels[l].alpha - case.detections[d].alpha;
                    tally.similarity += f64::midpoint(1.0, difference.cos());
                }
            }
            (None, Some(d)) => scratch.gone[d] = true,
            (None, None) => {
                if *state == State::Counted {
                    tally.missed += 1;
                }
            }
        }
    }
    tally.fp = (0..case.detections.len())
        .filter(|d| scratch.detections[*d] == State::Counted && !scratch.gone[*d] && !pairs.swallowed[*d])
        .count() as u64;
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_come_nearest_to_the_recalls() {
        let scores: Vec<f64> = (0..100).rev().map(f64::from).collect();
        let cut = thresholds(scores.clone(), 100, 41);
        assert_eq!(cut.len(), 41);
        // recall k/40 of 100 labels is reached by the 2.5·k-th score
        assert_eq!(&cut[..4], [99.0, 97.0, 95.0, 92.0]);
        assert_eq!(cut[40], 0.0);
        assert_eq!(
            thresholds(scores, 1000, 41).len(),
            5,
            "half of the first tenth of the recalls, both ends"
        );
        assert!(thresholds(Vec::new(), 0, 41).is_empty());
    }
}
