//! The two passes over the frames.

use rayon::prelude::*;

use super::arrays::{ByFrame, Detection, GroundTruth, Label, Object, Role, roles};
use super::overlap::{DetectionCase, FrameCase, KINDS, LabelCase, Wanted, frame_case};
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
    let rows = Rows::new(truth, detections, params)?;
    let oriented = detections.iter().all(|d| d.object.alpha != params.unknown_alpha);
    let mut classes = Vec::new();
    for (place, class) in params.classes.iter().enumerate() {
        let (wanted, cases) = rows.cases(place);
        let mut metrics = Vec::new();
        for (kind, metric) in Metric::KINDS.into_iter().enumerate() {
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

    let mut report = KittiReport {
        frames: u64::from(truth.frames),
        detections: detections.len() as u64,
        classes,
        ..KittiReport::default()
    };
    for label in &truth.labels {
        let name = &truth.classes[label.object.class as usize];
        *report.labels.entry(name.clone()).or_default() += 1;
    }
    Ok(report)
}

/// Checked labels and detections, by frame.
pub(super) struct Rows<'a> {
    truth: &'a GroundTruth,
    detections: &'a [Detection],
    params: &'a KittiParams,
    labels_of: ByFrame,
    detections_of: ByFrame,
    /// The largest minimum height of all levels, px.
    tallest: f64,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        truth: &'a GroundTruth,
        detections: &'a [Detection],
        params: &'a KittiParams,
    ) -> Result<Self, EvalError> {
        params.validate()?;
        truth.validate()?;
        truth.validate_detections(detections)?;
        Ok(Self {
            truth,
            detections,
            params,
            labels_of: ByFrame::new(truth.frames, truth.labels.iter().map(|label| label.object.frame)),
            detections_of: ByFrame::new(truth.frames, detections.iter().map(|d| d.object.frame)),
            tallest: params.levels.iter().map(|level| level.min_height).fold(0.0, f64::max),
        })
    }

    /// What can be evaluated of the class at this place of the parameters, and each frame as it looks to it.
    pub(super) fn cases(&self, place: usize) -> (Wanted, Vec<FrameCase>) {
        let roles = roles(&self.truth.classes, place, self.params);
        let mut wanted = [false; KINDS];
        for detection in self.detections {
            let own = self.wanted_for(&detection.object, roles[detection.object.class as usize]);
            for (wanted, own) in wanted.iter_mut().zip(own) {
                *wanted |= own;
            }
        }
        let cases = (0..self.truth.frames as usize)
            .into_par_iter()
            .map(|frame| {
                let labels = self.labels_of.rows(frame).iter().map(|row| {
                    let label: &Label = &self.truth.labels[*row as usize];
                    (label, roles[label.object.class as usize])
                });
                let found = self.detections_of.rows(frame).iter().map(|row| {
                    let detection = &self.detections[*row as usize];
                    (detection, roles[detection.object.class as usize])
                });
                let min_overlap = self.params.classes[place].min_overlap;
                frame_case(labels, found, min_overlap, wanted, self.tallest)
            })
            .collect();
        (wanted, cases)
    }

    /// What a detection makes that its class is evaluated for.
    fn wanted_for(&self, object: &Object, role: Role) -> Wanted {
        let unknown = self.params.unknown_coordinate;
        match role {
            Role::Same => [
                object.bbox.x_min >= 0.0,
                object.location[0] != unknown,
                object.location[1] != unknown,
            ],
            _ => [false; KINDS],
        }
    }

    /// For each kind the frames with a detection that makes it evaluated, ascending.
    pub(super) fn frames_wanting(&self, place: usize) -> [Vec<u32>; KINDS] {
        let roles = roles(&self.truth.classes, place, self.params);
        let mut frames: [Vec<u32>; KINDS] = std::array::from_fn(|_| Vec::new());
        for detection in self.detections {
            let own = self.wanted_for(&detection.object, roles[detection.object.class as usize]);
            for (frames, _) in frames.iter_mut().zip(own).filter(|(_, own)| *own) {
                frames.push(detection.object.frame);
            }
        }
        for frames in &mut frames {
            frames.sort_unstable();
            frames.dedup();
        }
        frames
    }
}

/// What a label or detection is at a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
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
pub(super) struct Scratch {
    pub(super) labels: Vec<State>,
    pub(super) detections: Vec<State>,
    /// Taken by a label, or not there at all at this threshold.
    gone: Vec<bool>,
}

impl Scratch {
    pub(super) fn set(&mut self, case: &FrameCase, level: &Level) {
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
    let mut scores: Vec<f64> = Vec::new();
    for (count, some) in chunks {
        positives += count;
        scores.extend(some);
    }
    scores.sort_unstable_by(|a, b| b.total_cmp(a));
    let thresholds = thresholds(scores.iter().copied(), scores.len(), positives, params.recall_samples);

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
pub(super) fn first_pass(
    case: &FrameCase,
    kind: usize,
    lowest_score: f64,
    scratch: &mut Scratch,
    scores: &mut Vec<f64>,
) {
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

/// Of `count` descending scores those that come nearest to evenly spaced recalls; at most as many as there are samples.
pub(super) fn thresholds(scores: impl Iterator<Item = f64>, count: usize, positives: u64, samples: u32) -> Vec<f64> {
    let positives = positives as f64;
    let mut thresholds = Vec::new();
    // added up as in the kit: its rounding decides ties
    let mut recall = 0.0;
    for (i, score) in scores.enumerate() {
        let here = (i + 1) as f64 / positives;
        let next = (i + 2) as f64 / positives;
        if i + 1 < count && next - recall < recall - here {
            continue;
        }
        thresholds.push(score);
        if thresholds.len() == samples as usize {
            break;
        }
        recall += 1.0 / (f64::from(samples) - 1.0);
    }
    thresholds
}

/// The counts of a frame at a threshold, where each label takes the detection that overlaps most.
pub(super) fn second_pass(case: &FrameCase, kind: usize, threshold: f64, scratch: &mut Scratch) -> Tally {
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
        let cut = thresholds(scores.iter().copied(), 100, 100, 41);
        assert_eq!(cut.len(), 41);
        // recall k/40 of 100 labels is reached by the 2.5·k-th score
        assert_eq!(&cut[..4], [99.0, 97.0, 95.0, 92.0]);
        assert_eq!(cut[40], 0.0);
        assert_eq!(
            thresholds(scores.iter().copied(), 100, 1000, 41).len(),
            5,
            "half of the first tenth of the recalls, both ends"
        );
        assert!(thresholds(std::iter::empty(), 0, 0, 41).is_empty());
    }
}
