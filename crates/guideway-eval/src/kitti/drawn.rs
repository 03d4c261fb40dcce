//! Matching once, and counting with each frame so many times.

use rayon::prelude::*;

use super::arrays::{Detection, GroundTruth};
use super::matching::{Rows, Scratch, State, Tally, first_pass, second_pass, thresholds};
use super::overlap::{FrameCase, KINDS};
use super::params::{KittiParams, Level, MinOverlap};
use super::report::{ClassReport, KittiReport, LevelReport, Metric, MetricReport, curve_report};
use crate::error::EvalError;

/// How the counts of a frame change once its detections of a score are there.
#[derive(Debug, Clone, Copy)]
struct Step {
    score: f64,
    similarity: f64,
    frame: u32,
    tp: i32,
    fp: i32,
    missed: i32,
}

/// Everything that the counts of a class, kind of overlap and level depend on.
#[derive(Debug, Clone, Default)]
struct Table {
    /// Labels that count, by frame; frames without any are left out.
    positives: Vec<(u32, u32)>,
    /// Scores of the first pass's true positives and their frames, descending.
    hits: Vec<(f64, u32)>,
    /// By descending score, then frame.
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
struct ClassTables {
    name: String,
    min_overlap: MinOverlap,
    /// For each kind the frames with a detection for which it is computed.
    wanted: [Vec<u32>; KINDS],
    /// For each kind the levels; none of a kind that is not computed.
    levels: [Vec<Table>; KINDS],
}

/// What became of all labels and detections at every threshold: from it [`KittiReport`]s of draws of the frames are made without matching again.
#[derive(Debug, Clone)]
pub struct Matches {
    params: KittiParams,
    frames: u32,
    names: Vec<String>,
    /// Frame and class of each label.
    labels: Vec<(u32, u32)>,
    /// Detections of each frame.
    detections: Vec<u32>,
    /// Frames with a detection of unknown orientation.
    unoriented: Vec<u32>,
    classes: Vec<ClassTables>,
}

/// Matches detections to labels at every score that could become a threshold.
///
/// Takes longer than [`evaluate`](super::evaluate), which looks at 41 thresholds alone; it pays for itself from the second draw on.
///
/// ```
/// use guideway_core::BBox;
/// use guideway_eval::kitti::{Detection, GroundTruth, KittiParams, Label, Metric, Object, match_detections};
///
/// let car = |frame| Object::in_image(frame, 0, BBox::new(600.0, 170.0, 690.0, 240.0));
/// let mut truth = GroundTruth::new(2, ["Car"]);
/// truth.labels = vec![0, 1].into_iter().map(|frame| Label { object: car(frame), truncation: 0.0, occlusion: 0 }).collect();
/// let found = [Detection { object: car(1), score: 0.9 }];
///
/// let matches = match_detections(&truth, &found, &KittiParams::official())?;
/// let drawn = matches.report_of_draw(&[1, 3])?;
/// let level = drawn.level("car", Metric::Image, "easy").unwrap();
/// assert_eq!((level.positives, level.true_positives[0]), (4, 3));
/// # Ok::<(), guideway_eval::EvalError>(())
/// ```
///
/// # Errors
/// As [`evaluate`](super::evaluate).
pub fn match_detections(
    truth: &GroundTruth,
    detections: &[Detection],
    params: &KittiParams,
) -> Result<Matches, EvalError> {
    let rows = Rows::new(truth, detections, params)?;
    let classes = (0..params.classes.len())
        .map(|place| {
            let (wanted, cases) = rows.cases(place);
            let levels = std::array::from_fn(|kind| {
                let levels = params.levels.iter().filter(|_| wanted[kind]);
                levels.map(|level| table(&cases, kind, level, params)).collect()
            });
            ClassTables {
                name: params.classes[place].name.clone(),
                min_overlap: params.classes[place].min_overlap,
                wanted: rows.frames_wanting(place),
                levels,
            }
        })
        .collect();
    let mut per_frame = vec![0; truth.frames as usize];
    for detection in detections {
        per_frame[detection.object.frame as usize] += 1;
    }
    let mut unoriented: Vec<u32> = detections
        .iter()
        .filter(|d| d.object.alpha == params.unknown_alpha)
        .map(|d| d.object.frame)
        .collect();
    unoriented.sort_unstable();
    unoriented.dedup();
    let labels = truth
        .labels
        .iter()
        .map(|label| (label.object.frame, label.object.class));
    Ok(Matches {
        params: params.clone(),
        frames: truth.frames,
        names: truth.classes.clone(),
        labels: labels.collect(),
        detections: per_frame,
        unoriented,
        classes,
    })
}

fn table(cases: &[FrameCase], kind: usize, level: &Level, params: &KittiParams) -> Table {
    let rows: Vec<(u32, Vec<f64>, Vec<Step>)> = cases
        .par_iter()
        .enumerate()
        .map_init(Scratch::default, |scratch, (frame, case)| {
            if case.labels.is_empty() && case.detections.is_empty() {
                return (0, Vec::new(), Vec::new());
            }
            scratch.set(case, level);
            let positives = scratch.labels.iter().filter(|state| **state == State::Counted).count() as u32;
            let mut scores = Vec::new();
            first_pass(case, kind, params.lowest_score, scratch, &mut scores);
            (positives, scores, steps(case, kind, frame as u32, scratch))
        })
        .collect();
    let mut table = Table::default();
    for (frame, (positives, scores, steps)) in (0..).zip(rows) {
        if positives > 0 {
            table.positives.push((frame, positives));
        }
        table.hits.extend(scores.into_iter().map(|score| (score, frame)));
        table.steps.extend(steps);
    }
    table
        .hits
        .sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    // Thresholds are scores of hits: what scores less is never there.
    let lowest = table.hits.last().map_or(f64::INFINITY, |(score, _)| *score);
    table.steps.retain(|step| step.score >= lowest);
    table
        .steps
        .sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.frame.cmp(&b.frame)));
    table
}

/// How the counts of a frame go from those without detections to those with all of them.
fn steps(case: &FrameCase, kind: usize, frame: u32, scratch: &mut Scratch) -> Vec<Step> {
    let pairs = &case.pairs[kind];
    let paired = pairs.paired(case.detections.len());
    let mut order: Vec<usize> = (0..case.detections.len())
        .filter(|d| scratch.detections[*d] != State::Out)
        .collect();
    order.sort_by(|a, b| case.detections[*b].score.total_cmp(&case.detections[*a].score));
    let missed = scratch.labels.iter().filter(|state| **state == State::Counted).count() as u64;
    let mut before = Tally {
        missed,
        ..Tally::default()
    };
    let mut steps = Vec::new();
    for equal in order.chunk_by(|a, b| case.detections[*a].score == case.detections[*b].score) {
        let score = case.detections[equal[0]].score;
        // One that overlaps no label changes nothing about the others.
        let here = if equal.iter().any(|d| paired[*d]) {
            second_pass(case, kind, score, scratch)
        } else {
            let alone = |d: &&usize| scratch.detections[**d] == State::Counted && !pairs.swallowed[**d];
            Tally {
                fp: before.fp + equal.iter().filter(alone).count() as u64,
                ..before
            }
        };
        if here != before {
            let change = |now: u64, then: u64| now as i32 - then as i32;
            steps.push(Step {
                score,
                similarity: here.similarity - before.similarity,
                frame,
                tp: change(here.tp, before.tp),
                fp: change(here.fp, before.fp),
                missed: change(here.missed, before.missed),
            });
            before = here;
        }
    }
    steps
}

impl Matches {
    /// The report of a data set with each frame so many times: what [`evaluate`](super::evaluate) says of it, but for the last bits of orientation similarities,
    /// which are added up in another order.
    ///
    /// # Errors
    /// [`EvalError::Mismatch`] where there is not one number for each frame.
    pub fn report_of_draw(&self, times: &[u32]) -> Result<KittiReport, EvalError> {
        if times.len() != self.frames as usize {
            return Err(EvalError::Mismatch {
                what: "numbers of frames and of weights",
                a: u64::from(self.frames),
                b: times.len() as u64,
            });
        }
        let is_drawn = |frames: &[u32]| frames.iter().any(|frame| times[*frame as usize] > 0);
        let oriented = !is_drawn(&self.unoriented);
        let classes = self.classes.iter().map(|class| {
            let mut metrics = Vec::new();
            for (kind, metric) in Metric::KINDS.into_iter().enumerate() {
                if !is_drawn(&class.wanted[kind]) {
                    continue;
                }
                let tables = class.levels[kind].iter().zip(&self.params.levels);
                let (levels, similar) = tables
                    .map(|(table, level)| table.report(times, level, &self.params))
                    .unzip();
                metrics.push(MetricReport { metric, levels });
                if metric == Metric::Image && oriented {
                    metrics.push(MetricReport {
                        metric: Metric::Orientation,
                        levels: similar,
                    });
                }
            }
            ClassReport {
                name: class.name.clone(),
                min_overlap: class.min_overlap,
                metrics,
            }
        });
        let mut report = KittiReport {
            frames: times.iter().map(|times| u64::from(*times)).sum(),
            detections: weighted(times, (0..).zip(self.detections.iter().copied())),
            classes: classes.collect(),
            ..KittiReport::default()
        };
        let mut labels = vec![0; self.names.len()];
        for (frame, class) in &self.labels {
            labels[*class as usize] += u64::from(times[*frame as usize]);
        }
        for (name, count) in self.names.iter().zip(labels).filter(|(_, count)| *count > 0) {
            *report.labels.entry(name.clone()).or_default() += count;
        }
        Ok(report)
    }
}

/// The sum over frames, each as often as it was drawn.
fn weighted(times: &[u32], counts: impl Iterator<Item = (u32, u32)>) -> u64 {
    counts
        .map(|(frame, count)| u64::from(times[frame as usize]) * u64::from(count))
        .sum()
}

impl Table {
    /// Precision and orientation similarity of a draw.
    fn report(&self, times: &[u32], level: &Level, params: &KittiParams) -> (LevelReport, LevelReport) {
        let positives = weighted(times, self.positives.iter().copied());
        let count: usize = self.hits.iter().map(|(_, frame)| times[*frame as usize] as usize).sum();
        let scores = self
            .hits
            .iter()
            .flat_map(|(score, frame)| std::iter::repeat_n(*score, times[*frame as usize] as usize));
        let thresholds = thresholds(scores, count, positives, params.recall_samples);
        let mut steps = self.steps.iter().peekable();
        let [mut tp, mut fp, mut missed] = [0, 0, positives as i64];
        let mut similarity = 0.0;
        let mut tallies = Vec::with_capacity(thresholds.len());
        for threshold in &thresholds {
            while let Some(step) = steps.next_if(|step| step.score >= *threshold) {
                let times = times[step.frame as usize];
                tp += i64::from(times) * i64::from(step.tp);
                fp += i64::from(times) * i64::from(step.fp);
                missed += i64::from(times) * i64::from(step.missed);
                similarity += f64::from(times) * step.similarity;
            }
            // Sums of counts that are none below 0.
            let [tp, fp, missed] = [tp, fp, missed].map(|count| u64::try_from(count).unwrap_or(0));
            tallies.push(Tally {
                tp,
                fp,
                missed,
                similarity,
            });
        }
        let report =
            |over: fn(&Tally) -> f64| curve_report(&level.name, positives, &thresholds, &tallies, over, params);
        (report(|tally| tally.tp as f64), report(|tally| tally.similarity))
    }
}
