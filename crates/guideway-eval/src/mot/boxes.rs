//! Boxes of a sequence as columns, and which of them count.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use guideway_core::{Reporter, Silent};
use rayon::prelude::*;

use super::evaluate::OnePass;
use super::frame::FrameView;
use super::params::{ClassRules, EPSILON, TrackParams};
use super::report::{ClassReport, SequenceReport, TrackReport};
use super::similarity::{BoxFormat, BoxIou, inside, similarities};
use crate::assign::{Assigner, PairMatrix};
use crate::error::{EvalError, Side};
use crate::warnings::HeldBack;

/// Labels of one sequence: one entry per box in every column, by ascending frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BoxLabels {
    /// Frame of each label, from 0.
    pub frame: Vec<u32>,
    /// Track of each label.
    pub track: Vec<u64>,
    /// Class of each label.
    pub class: Vec<i64>,
    /// Box of each label, px.
    pub boxes: Vec<[f64; 4]>,
    /// Mark of each label: `MOTChallenge`'s flag or confidence, 0 for labels that are not to be considered.
    pub mark: Vec<f64>,
    /// Occlusion level of each label.
    pub occlusion: Vec<i64>,
    /// Truncation level of each label.
    pub truncation: Vec<i64>,
}

/// Predictions for one sequence: one entry per box in every column, by ascending frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BoxTracks {
    /// Frame of each prediction, from 0.
    pub frame: Vec<u32>,
    /// Track of each prediction.
    pub track: Vec<u64>,
    /// Class of each prediction.
    pub class: Vec<i64>,
    /// Box of each prediction, px.
    pub boxes: Vec<[f64; 4]>,
    /// Confidence of each prediction.
    pub score: Vec<f64>,
}

/// One sequence.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BoxSequence {
    /// Name.
    pub name: String,
    /// Number of frames, those without boxes included.
    pub frames: u32,
    /// The number that the first frame has in messages.
    pub first_frame: u32,
    /// What the numbers of a box mean.
    pub format: BoxFormat,
    /// Labels.
    pub labels: BoxLabels,
    /// Predictions.
    pub tracks: BoxTracks,
    /// Frame of each ignore region, ascending, and the region.
    pub ignored: Vec<(u32, [f64; 4])>,
}

/// The boxes of one frame; all slices of a side have one entry per box.
#[derive(Debug, Clone, Copy, Default)]
pub struct BoxFrame<'a> {
    /// Track of each label.
    pub labels: &'a [u64],
    /// Class of each label.
    pub label_class: &'a [i64],
    /// Box of each label, px.
    pub label_boxes: &'a [[f64; 4]],
    /// Mark of each label.
    pub mark: &'a [f64],
    /// Occlusion level of each label.
    pub occlusion: &'a [i64],
    /// Truncation level of each label.
    pub truncation: &'a [i64],
    /// Track of each prediction.
    pub predictions: &'a [u64],
    /// Class of each prediction.
    pub prediction_class: &'a [i64],
    /// Box of each prediction, px.
    pub prediction_boxes: &'a [[f64; 4]],
    /// Ignore regions.
    pub ignored: &'a [(u32, [f64; 4])],
}

impl BoxLabels {
    /// Adds a label that counts.
    pub fn push(&mut self, frame: u32, track: u64, class: i64, numbers: [f64; 4]) {
        self.frame.push(frame);
        self.track.push(track);
        self.class.push(class);
        self.boxes.push(numbers);
        self.mark.push(1.0);
        self.occlusion.push(0);
        self.truncation.push(0);
    }
}

impl BoxTracks {
    /// Adds a prediction.
    pub fn push(&mut self, frame: u32, track: u64, class: i64, numbers: [f64; 4], score: f64) {
        self.frame.push(frame);
        self.track.push(track);
        self.class.push(class);
        self.boxes.push(numbers);
        self.score.push(score);
    }
}

impl BoxSequence {
    /// Are the columns whole, in order, within the frames, and finite?
    pub fn validate(&self) -> Result<(), EvalError> {
        let (l, t) = (&self.labels, &self.tracks);
        let lengths = [
            ("track", l.track.len()),
            ("class", l.class.len()),
            ("boxes", l.boxes.len()),
            ("mark", l.mark.len()),
            ("occlusion", l.occlusion.len()),
            ("truncation", l.truncation.len()),
        ];
        self.check_side(Side::GroundTruth, &l.frame, &lengths, &l.boxes)?;
        let lengths = [
            ("track", t.track.len()),
            ("class", t.class.len()),
            ("boxes", t.boxes.len()),
            ("score", t.score.len()),
        ];
        self.check_side(Side::Detections, &t.frame, &lengths, &t.boxes)?;
        let frames: Vec<u32> = self.ignored.iter().map(|(frame, _)| *frame).collect();
        let boxes: Vec<[f64; 4]> = self.ignored.iter().map(|(_, region)| *region).collect();
        self.check_side(Side::GroundTruth, &frames, &[], &boxes)
    }

    fn check_side(
        &self,
        side: Side,
        frame: &[u32],
        lengths: &[(&'static str, usize)],
        boxes: &[[f64; 4]],
    ) -> Result<(), EvalError> {
        if let Some((column, got)) = lengths.iter().find(|(_, got)| *got != frame.len()) {
            return Err(EvalError::Frame {
                problem: format!(
                    "{side}: column `{column}` has {got} rows where `frame` has {}",
                    frame.len()
                ),
                place: self.name.clone(),
                next: "give every column one value per box",
            });
        }
        if let Some(row) = frame.iter().position(|frame| *frame >= self.frames) {
            return Err(EvalError::IndexOutOfRange {
                side,
                row,
                column: "frame",
                value: frame[row],
                limit: self.frames,
            });
        }
        if !frame.is_sorted() {
            return Err(EvalError::Frame {
                problem: format!("{side}: rows are not by ascending frame"),
                place: self.name.clone(),
                next: "sort the rows by frame; within a frame their order decides between equals",
            });
        }
        for (row, numbers) in boxes.iter().enumerate() {
            if let Some(value) = numbers.iter().find(|value| !value.is_finite()) {
                return Err(EvalError::NotFinite {
                    side,
                    row,
                    column: "boxes",
                    value: *value,
                });
            }
        }
        Ok(())
    }

    /// The frames one after the other, each with the boxes in it, if the sequence is valid.
    pub fn each_frame(&self) -> Result<impl Iterator<Item = BoxFrame<'_>>, EvalError> {
        self.validate()?;
        let (mut l, mut t, mut i) = (0, 0, 0);
        Ok((0..self.frames).map(move |frame| {
            let ls = take(&self.labels.frame, &mut l, frame, |f| *f);
            let ts = take(&self.tracks.frame, &mut t, frame, |f| *f);
            let is = take(&self.ignored, &mut i, frame, |(f, _)| *f);
            BoxFrame {
                labels: &self.labels.track[ls.clone()],
                label_class: &self.labels.class[ls.clone()],
                label_boxes: &self.labels.boxes[ls.clone()],
                mark: &self.labels.mark[ls.clone()],
                occlusion: &self.labels.occlusion[ls.clone()],
                truncation: &self.labels.truncation[ls],
                predictions: &self.tracks.track[ts.clone()],
                prediction_class: &self.tracks.class[ts.clone()],
                prediction_boxes: &self.tracks.boxes[ts],
                ignored: &self.ignored[is],
            }
        }))
    }
}

/// The rows of a frame, from where the last frame ended.
fn take<T>(rows: &[T], at: &mut usize, frame: u32, of: impl Fn(&T) -> u32) -> Range<usize> {
    let begin = *at;
    while rows.get(*at).is_some_and(|row| of(row) == frame) {
        *at += 1;
    }
    begin..*at
}

impl BoxFrame<'_> {
    /// Have all slices of a side the same length, and are the boxes finite?
    fn check(&self, place: &dyn Fn() -> String) -> Result<(), EvalError> {
        let fail = |problem: String, next| {
            Err(EvalError::Frame {
                problem,
                place: place(),
                next,
            })
        };
        let labels = [
            self.label_class.len(),
            self.label_boxes.len(),
            self.mark.len(),
            self.occlusion.len(),
            self.truncation.len(),
        ];
        let predictions = [self.prediction_class.len(), self.prediction_boxes.len()];
        for (side, count, others) in [
            (Side::GroundTruth, self.labels.len(), &labels[..]),
            (Side::Detections, self.predictions.len(), &predictions[..]),
        ] {
            if let Some(other) = others.iter().find(|other| **other != count) {
                return fail(
                    format!("{side}: there are {count} tracks and {other} values in another column"),
                    "give every column one value per box",
                );
            }
        }
        for (side, boxes) in [
            (Side::GroundTruth, self.label_boxes),
            (Side::Detections, self.prediction_boxes),
        ] {
            if let Some(row) = boxes.iter().position(|numbers| numbers.iter().any(|v| !v.is_finite())) {
                return fail(
                    format!("{side}: box {row} is {:?}, which is not finite", boxes[row]),
                    "drop or repair the box",
                );
            }
        }
        Ok(())
    }
}

/// Applies [`ClassRules`] to frames.
#[derive(Debug, Clone)]
pub struct RuleFilter {
    rules: ClassRules,
    format: BoxFormat,
    /// Rows of the frame that take part.
    label_rows: Vec<usize>,
    prediction_rows: Vec<usize>,
    removed: Vec<bool>,
    matched: Vec<bool>,
    similarity: PairMatrix,
    costs: PairMatrix,
    assigner: Assigner,
    kept_labels: Vec<u64>,
    kept_predictions: Vec<u64>,
    kept: PairMatrix,
}

impl RuleFilter {
    /// For boxes of this format.
    pub fn new(rules: &ClassRules, format: BoxFormat) -> Result<Self, EvalError> {
        rules.check()?;
        Ok(Self {
            rules: rules.clone(),
            format,
            label_rows: Vec::new(),
            prediction_rows: Vec::new(),
            removed: Vec::new(),
            matched: Vec::new(),
            similarity: PairMatrix::default(),
            costs: PairMatrix::default(),
            assigner: Assigner::default(),
            kept_labels: Vec::new(),
            kept_predictions: Vec::new(),
            kept: PairMatrix::default(),
        })
    }

    /// What counts of a frame. `place` names the frame in messages.
    pub fn apply(&mut self, frame: &BoxFrame<'_>, place: &dyn Fn() -> String) -> Result<FrameView<'_>, EvalError> {
        frame.check(place)?;
        self.select(frame, place)?;
        self.removed.clear();
        self.removed.resize(self.prediction_rows.len(), false);
        self.matched.clear();
        self.matched.resize(self.prediction_rows.len(), false);
        if let Some(threshold) = self.rules.remove_threshold
            && !self.label_rows.is_empty()
            && !self.prediction_rows.is_empty()
        {
            self.remove_matched(frame, threshold, place)?;
        }
        for (at, row) in self.prediction_rows.iter().enumerate() {
            if !self.matched[at] && self.is_excused(frame, frame.prediction_boxes[*row]) {
                self.removed[at] = true;
            }
        }
        Ok(self.keep(frame))
    }

    /// Finds the rows that take part and their similarities.
    fn select(&mut self, frame: &BoxFrame<'_>, place: &dyn Fn() -> String) -> Result<(), EvalError> {
        let rules = &self.rules;
        let all = rules.all_compete || rules.class.is_none();
        self.label_rows.clear();
        self.label_rows.extend((0..frame.labels.len()).filter(|row| {
            let class = frame.label_class[*row];
            all || rules.class == Some(class) || rules.distractors.contains(&class)
        }));
        self.prediction_rows.clear();
        self.prediction_rows.extend((0..frame.predictions.len()).filter(|row| {
            rules
                .predicted
                .is_none_or(|class| class == frame.prediction_class[*row])
        }));
        if all {
            // where all classes are of one kind, an id is theirs together, also of those that do not count
            unique(frame.labels, Side::GroundTruth, place)?;
            unique(frame.predictions, Side::Detections, place)?;
        }
        let labels: Vec<[f64; 4]> = self.label_rows.iter().map(|row| frame.label_boxes[*row]).collect();
        let predictions: Vec<[f64; 4]> = self
            .prediction_rows
            .iter()
            .map(|row| frame.prediction_boxes[*row])
            .collect();
        similarities(&BoxIou(self.format), &labels, &predictions, &mut self.similarity);
        Ok(())
    }

    /// Removes predictions that match a label that does not count.
    fn remove_matched(
        &mut self,
        frame: &BoxFrame<'_>,
        threshold: f64,
        place: &dyn Fn() -> String,
    ) -> Result<(), EvalError> {
        let rules = &self.rules;
        let unknown = |row: &&usize| !rules.known.is_empty() && !rules.known.contains(&frame.label_class[**row]);
        if let Some(row) = self.label_rows.iter().find(unknown) {
            return Err(EvalError::Frame {
                problem: format!(
                    "label {row} has class {}, which is none of {:?}",
                    frame.label_class[*row], rules.known
                ),
                place: place(),
                next: "correct the class, or add it to `known` of the rules",
            });
        }
        let similarity = &self.similarity;
        self.costs
            .fill_with(similarity.rows(), similarity.columns(), |row, column| {
                let value = similarity.get(row, column);
                if value < threshold - EPSILON { 0.0 } else { -value }
            });
        for (at_label, at) in self.assigner.all(&self.costs)? {
            if -self.costs.get(*at_label, *at) <= EPSILON {
                continue;
            }
            let row = self.label_rows[*at_label];
            self.matched[*at] = true;
            self.removed[*at] = rules.distractors.contains(&frame.label_class[row]) || is_hidden(rules, frame, row);
        }
        Ok(())
    }

    /// Is an unmatched prediction too low, or inside an ignore region?
    fn is_excused(&self, frame: &BoxFrame<'_>, numbers: [f64; 4]) -> bool {
        let height = match self.format {
            BoxFormat::Xywh => numbers[3],
            BoxFormat::Xyxy => numbers[3] - numbers[1],
        };
        let corners = self.format.corners(numbers);
        self.rules.min_height.is_some_and(|least| height <= least + EPSILON)
            || self.rules.max_ignored.is_some_and(|most| {
                let mut regions = frame.ignored.iter().map(|(_, region)| self.format.corners(*region));
                regions.any(|region| inside(corners, region) > most + EPSILON)
            })
    }

    fn keep(&mut self, frame: &BoxFrame<'_>) -> FrameView<'_> {
        let rules = &self.rules;
        let counts = |row: usize| {
            rules.class.is_none_or(|class| class == frame.label_class[row])
                && !(rules.marked_only && frame.mark[row].trunc() == 0.0)
                && !is_hidden(rules, frame, row)
        };
        let rows: Vec<usize> = (0..self.label_rows.len())
            .filter(|at| counts(self.label_rows[*at]))
            .collect();
        let columns: Vec<usize> = (0..self.prediction_rows.len())
            .filter(|at| !self.removed[*at])
            .collect();
        self.kept_labels.clear();
        self.kept_labels
            .extend(rows.iter().map(|at| frame.labels[self.label_rows[*at]]));
        self.kept_predictions.clear();
        self.kept_predictions
            .extend(columns.iter().map(|at| frame.predictions[self.prediction_rows[*at]]));
        let similarity = &self.similarity;
        self.kept.fill_with(rows.len(), columns.len(), |row, column| {
            similarity.get(rows[row], columns[column])
        });
        FrameView {
            labels: &self.kept_labels,
            predictions: &self.kept_predictions,
            similarity: &self.kept,
        }
    }
}

/// Is a label too occluded or truncated to count?
fn is_hidden(rules: &ClassRules, frame: &BoxFrame<'_>, row: usize) -> bool {
    rules.max_occlusion.is_some_and(|most| frame.occlusion[row] > most)
        || rules.max_truncation.is_some_and(|most| frame.truncation[row] > most)
}

fn unique(ids: &[u64], side: Side, place: &dyn Fn() -> String) -> Result<(), EvalError> {
    let mut seen = HashSet::with_capacity(ids.len());
    match ids.iter().find(|id| !seen.insert(**id)) {
        None => Ok(()),
        Some(id) => Err(EvalError::DuplicateTrack {
            side,
            id: id.to_string(),
            place: place(),
        }),
    }
}

/// Evaluates sequences that are in memory for every class of the rules. [`evaluate_each`] is for those that are still to be read.
///
/// ```
/// use guideway_eval::mot::{BoxSequence, ClassRules, TrackParams, evaluate_boxes};
///
/// let mut sequence = BoxSequence { name: "drive".to_owned(), frames: 2, ..BoxSequence::default() };
/// for frame in 0..2 {
///     sequence.labels.push(frame, 7, 1, [0.0, 0.0, 40.0, 80.0]);
///     sequence.tracks.push(frame, 1, 1, [4.0, 0.0, 40.0, 80.0], 0.9);
/// }
/// let report = evaluate_boxes(&[sequence], &[ClassRules::mot17()], &TrackParams::default())?;
/// assert_eq!(report.combined[0].1.clear.mota, 1.0);
/// # Ok::<(), guideway_eval::EvalError>(())
/// ```
pub fn evaluate_boxes(
    sequences: &[BoxSequence],
    rules: &[ClassRules],
    params: &TrackParams,
) -> Result<TrackReport, EvalError> {
    evaluate_each(sequences, |sequence, _| Ok(sequence), rules, params, &Silent)
}

/// Reads and evaluates sequences for every class of the rules, several at the same time; each is dropped before its thread reads another, so that
/// no more are in memory than there are threads.
///
/// `read` makes a sequence from its source: a name, a path, whatever it needs. What it tells its reporter reaches `reporter` in the order of the
/// sources. An error is that of the first source that has one, and comes after the warnings of the sources up to it.
///
/// ```
/// use guideway_core::{Reporter, Silent};
/// use guideway_eval::mot::{BoxSequence, ClassRules, TrackParams, evaluate_each};
///
/// let read = |name: &&str, _: &dyn Reporter| {
///     let mut sequence = BoxSequence { name: (*name).to_owned(), frames: 2, ..BoxSequence::default() };
///     sequence.labels.push(0, 7, 1, [0.0, 0.0, 40.0, 80.0]);
///     sequence.tracks.push(0, 1, 1, [4.0, 0.0, 40.0, 80.0], 0.9);
///     Ok(sequence)
/// };
/// let report = evaluate_each(&["a", "b"], read, &[ClassRules::mot17()], &TrackParams::default(), &Silent)?;
/// assert_eq!(report.sequences[1].0, "b");
/// # Ok::<(), guideway_eval::EvalError>(())
/// ```
pub fn evaluate_each<'a, S: Sync, B: Borrow<BoxSequence>>(
    sources: &'a [S],
    read: impl Fn(&'a S, &dyn Reporter) -> Result<B, EvalError> + Sync,
    rules: &[ClassRules],
    params: &TrackParams,
    reporter: &dyn Reporter,
) -> Result<TrackReport, EvalError> {
    // A thread that waits for the classes of its sequence would take up another sequence meanwhile. So classes are spread over threads only
    // where sequences alone could not keep all of them busy.
    let spread = sources.len() < rayon::current_num_threads();
    let failed = AtomicUsize::new(usize::MAX);
    let outcomes: Vec<_> = sources
        .par_iter()
        .enumerate()
        // a sequence is much work, so none waits behind another while a thread is free
        .with_max_len(1)
        .map(|(at, source)| {
            // nobody would see it
            if failed.load(Ordering::Relaxed) < at {
                return None;
            }
            let warnings = HeldBack::default();
            let outcome = read(source, &warnings).and_then(|sequence| {
                let sequence: &BoxSequence = sequence.borrow();
                Ok((
                    sequence.name.clone(),
                    evaluate_classes(sequence, rules, params, spread)?,
                ))
            });
            if outcome.is_err() {
                failed.fetch_min(at, Ordering::Relaxed);
            }
            Some((outcome, warnings))
        })
        .collect();
    let mut evaluated = Vec::with_capacity(sources.len());
    // whatever was left out comes after an error
    for (outcome, warnings) in outcomes.into_iter().flatten() {
        warnings.send(reporter);
        evaluated.push(outcome?);
    }
    Ok(TrackReport::new(evaluated))
}

/// Evaluates one sequence for every class of the rules: one after the other, or spread over threads.
fn evaluate_classes(
    sequence: &BoxSequence,
    rules: &[ClassRules],
    params: &TrackParams,
    spread: bool,
) -> Result<SequenceReport, EvalError> {
    let evaluate = |rules: &ClassRules| -> Result<(String, ClassReport), EvalError> {
        let first = u64::from(sequence.first_frame);
        let mut passes = OnePass::new(params)?.named(&sequence.name, first);
        let mut filter = RuleFilter::new(rules, sequence.format)?;
        for (at, frame) in sequence.each_frame()?.enumerate() {
            let place = || format!("frame {} of {}", at as u64 + first, sequence.name);
            passes.push(filter.apply(&frame, &place)?)?;
        }
        Ok((rules.name.clone(), passes.finish()?))
    };
    if spread {
        // the error of the first class that has one, whichever is ready first
        let classes: Vec<_> = rules.par_iter().map(evaluate).collect();
        classes.into_iter().collect()
    } else {
        rules.iter().map(evaluate).collect()
    }
}
