//! What became of every box in one matching.

use std::ops::Range;

use rayon::prelude::*;

use super::columns::{Detections3d, Truth3d};
use super::slices::Slice;
use crate::error::EvalError;

/// Stands for "no label" in the columns of matched rows; no row has this number.
const NONE: u32 = u32::MAX;

/// Frames that one task matches.
const CHUNK: usize = 512;

/// How far a detection is from the label that it is matched to. NaN where it is not defined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TpErrors {
    /// Distance of the centres, m.
    pub translation: f64,
    /// 1 − IoU of the boxes with centres and axes laid on one another, 0 to 1.
    pub scale: f64,
    /// Angle between the headings, radians.
    pub orientation: f64,
    /// Length of the difference of the velocities, m/s.
    pub velocity: f64,
    /// 0 for the label's attribute, 1 for another.
    pub attribute: f64,
}

impl TpErrors {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        translation: f64::NAN,
        scale: f64::NAN,
        orientation: f64::NAN,
        velocity: f64::NAN,
        attribute: f64::NAN,
    };
}

/// The matching of one class: its detections by descending score, and its labels. Rows that a filter left out are not in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassMatches3d {
    /// Class index.
    pub class: u32,
    /// Rows of the detections, best first, in the order of the benchmark among equal scores.
    pub detection: Vec<u32>,
    /// Frame of each of them.
    pub frame: Vec<u32>,
    /// Score of each of them.
    pub score: Vec<f64>,
    /// Errors of each of them at the benchmark's threshold for errors; unknown without a label there.
    pub errors: Vec<TpErrors>,
    /// Rows of the labels, by frame.
    pub label: Vec<u32>,
    /// Frame of each label.
    pub label_frame: Vec<u32>,
    thresholds: usize,
    matched: Vec<u32>,
}

/// The outcome of matching all frames and classes at all thresholds, from which the numbers of everything and of slices are accumulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Matches3d {
    /// Largest distances of a match, m.
    pub thresholds: Vec<f64>,
    /// Number of frames.
    pub frames: u32,
    /// Rows of the labels, those that a filter left out included.
    pub label_rows: usize,
    /// Rows of the detections, those that a filter left out included.
    pub detection_rows: usize,
    /// One entry per class of the columns, ascending.
    pub per_class: Vec<ClassMatches3d>,
}

/// Who was matched to whom at one threshold, by rows of the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment3d {
    /// Was the label evaluated, or left out by a filter?
    pub label_kept: Vec<bool>,
    /// The detection that each label is matched to.
    pub label: Vec<Option<u32>>,
    /// Was the detection evaluated, or left out by a filter?
    pub detection_kept: Vec<bool>,
    /// The label that each detection is matched to.
    pub detection: Vec<Option<u32>>,
}

impl ClassMatches3d {
    /// Row of the label that the detection of this rank is matched to at this threshold.
    pub fn label_of(&self, rank: usize, threshold: usize) -> Option<u32> {
        let row = self.matched.get(rank * self.thresholds + threshold).copied();
        row.filter(|row| *row != NONE && threshold < self.thresholds)
    }

    /// Labels that count in a slice, each as often as its frame.
    pub fn positives(&self, slice: &Slice) -> u64 {
        let labels = self.label.iter().zip(&self.label_frame);
        let counted = labels.filter(|(label, _)| slice.has_label(**label));
        counted.map(|(_, frame)| u64::from(slice.times_of(*frame))).sum()
    }

    /// Ranks of the detections that count in a slice at a threshold, best first, and whether each is a true positive; each as often as its frame counts.
    pub fn ranked<'a>(&'a self, threshold: usize, slice: &'a Slice) -> impl Iterator<Item = (usize, bool)> + 'a {
        (0..self.detection.len()).flat_map(move |rank| {
            let times = slice.times_of(self.frame[rank]) as usize;
            let label = self.label_of(rank, threshold);
            let counts = times > 0
                && match label {
                    Some(label) => slice.has_label(label),
                    None => slice.has_detection(self.detection[rank]),
                };
            std::iter::repeat_n((rank, label.is_some()), if counts { times } else { 0 })
        })
    }

    /// With only the detections that count in a slice at some threshold; the labels stay, to know which class has none left.
    fn within(&self, slice: &Slice) -> Self {
        let counts = |rank: &usize| {
            slice.times_of(self.frame[*rank]) > 0
                && (0..self.thresholds).any(|threshold| match self.label_of(*rank, threshold) {
                    Some(label) => slice.has_label(label),
                    None => slice.has_detection(self.detection[*rank]),
                })
        };
        let kept: Vec<usize> = (0..self.detection.len()).filter(counts).collect();
        let matched = |rank: &usize| &self.matched[rank * self.thresholds..][..self.thresholds];
        Self {
            class: self.class,
            detection: kept.iter().map(|rank| self.detection[*rank]).collect(),
            frame: kept.iter().map(|rank| self.frame[*rank]).collect(),
            score: kept.iter().map(|rank| self.score[*rank]).collect(),
            errors: kept.iter().map(|rank| self.errors[*rank]).collect(),
            label: self.label.clone(),
            label_frame: self.label_frame.clone(),
            thresholds: self.thresholds,
            matched: kept.iter().flat_map(matched).copied().collect(),
        }
    }

    /// Is nothing left of its labels in a slice?
    pub(crate) fn is_lost(&self, slice: &Slice) -> bool {
        !self.label.is_empty() && self.positives(slice) == 0
    }
}

impl Matches3d {
    /// Labels that were evaluated.
    pub fn labels(&self) -> u64 {
        self.per_class.iter().map(|class| class.label.len() as u64).sum()
    }

    /// Detections that were evaluated.
    pub fn detections(&self) -> u64 {
        self.per_class.iter().map(|class| class.detection.len() as u64).sum()
    }

    /// The matching without the detections that count nowhere in a slice: what it says of that slice and of draws from it is the same, and found sooner.
    ///
    /// # Errors
    /// When a mask has another length than the columns that were matched.
    pub fn within(&self, slice: &Slice) -> Result<Self, EvalError> {
        slice.check(self)?;
        Ok(Self {
            thresholds: self.thresholds.clone(),
            frames: self.frames,
            label_rows: self.label_rows,
            detection_rows: self.detection_rows,
            per_class: self.per_class.par_iter().map(|class| class.within(slice)).collect(),
        })
    }

    /// The pairs at a threshold (its place in `thresholds`); nothing is matched at a place beyond.
    pub fn assignment(&self, threshold: usize) -> Assignment3d {
        let mut out = Assignment3d {
            label_kept: vec![false; self.label_rows],
            label: vec![None; self.label_rows],
            detection_kept: vec![false; self.detection_rows],
            detection: vec![None; self.detection_rows],
        };
        for class in &self.per_class {
            for label in &class.label {
                out.label_kept[*label as usize] = true;
            }
            for (rank, detection) in class.detection.iter().enumerate() {
                out.detection_kept[*detection as usize] = true;
                if let Some(label) = class.label_of(rank, threshold) {
                    out.detection[*detection as usize] = Some(label);
                    out.label[label as usize] = Some(*detection);
                }
            }
        }
        out
    }
}

/// Which of two detections of equal score ranks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ties {
    /// The one of the later row: an ascending sort of (score, row) read backwards.
    LaterRow,
    /// The one of the earlier frame, then of the earlier row: a stable sort of rows that were sorted by frame.
    EarlierFrame,
}

/// Rows that passed the filters, by class, in ascending order.
pub(crate) struct Candidates {
    pub(crate) labels: Vec<Vec<u32>>,
    pub(crate) detections: Vec<Vec<u32>>,
}

/// What a benchmark's rule writes for the detections of one frame and class, best first.
pub(crate) struct Pairs<'a> {
    thresholds: usize,
    matched: &'a mut [u32],
    errors: &'a mut [TpErrors],
}

impl Pairs<'_> {
    /// The detection at this place is matched to a label's row at a threshold.
    pub(crate) fn set(&mut self, detection: usize, threshold: usize, label: u32) {
        self.matched[detection * self.thresholds + threshold] = label;
    }

    pub(crate) fn set_errors(&mut self, detection: usize, errors: TpErrors) {
        self.errors[detection] = errors;
    }
}

/// Detections and labels of one frame and class.
struct Block {
    detections: Range<usize>,
    labels: Range<usize>,
}

impl Candidates {
    /// Those of every class for which the rules say yes.
    pub(crate) fn new(
        truth: &Truth3d,
        detections: &Detections3d,
        label: impl Fn(usize) -> bool,
        detection: impl Fn(usize) -> bool,
    ) -> Self {
        let by_class = |class: &[u32], keep: &dyn Fn(usize) -> bool| {
            let mut rows = vec![Vec::new(); truth.classes as usize];
            for (row, class) in class.iter().enumerate() {
                if keep(row) {
                    rows[*class as usize].push(row as u32);
                }
            }
            rows
        };
        Self {
            labels: by_class(&truth.class, &label),
            detections: by_class(&detections.class, &detection),
        }
    }

    /// Matches every frame and class by `rule`, which is given the class, the rows of the detections, best first, and those of the
    /// labels, in order. Parallel, with the same outcome on any number of threads.
    pub(crate) fn matched(
        self,
        truth: &Truth3d,
        detections: &Detections3d,
        thresholds: &[f64],
        ties: Ties,
        rule: impl Fn(u32, &[u32], &[u32], &mut Pairs<'_>) + Sync,
    ) -> Matches3d {
        let per_class = self
            .labels
            .into_par_iter()
            .zip(self.detections)
            .enumerate()
            .map(|(class, (labels, rows))| {
                let class = class as u32;
                match_class(
                    class,
                    labels,
                    rows,
                    truth,
                    detections,
                    thresholds.len(),
                    ties,
                    &|dets, labels, pairs: &mut Pairs<'_>| rule(class, dets, labels, pairs),
                )
            })
            .collect();
        Matches3d {
            thresholds: thresholds.to_vec(),
            frames: truth.ego.len() as u32,
            label_rows: truth.len(),
            detection_rows: detections.len(),
            per_class,
        }
    }
}

/// Ascending keys are descending scores; 0 and −0 are equal.
fn descending(score: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    let bits = (score + 0.0).to_bits();
    if bits & SIGN == 0 { !(bits | SIGN) } else { bits }
}

/// Brings rows into the order of frames, best first within each.
pub(crate) fn sort_by_frame(rows: &mut [u32], detections: &Detections3d, ties: Ties) {
    let mut keys: Vec<(u32, u64, u32)> = rows
        .iter()
        .map(|row| {
            let at = *row as usize;
            let tie = if ties == Ties::LaterRow { !row } else { *row };
            (detections.frame[at], descending(detections.score[at]), tie)
        })
        .collect();
    keys.par_sort_unstable();
    for (row, (_, _, tie)) in rows.iter_mut().zip(keys) {
        *row = if ties == Ties::LaterRow { !tie } else { tie };
    }
}

#[expect(clippy::too_many_arguments, reason = "one call, whose parts are all needed")]
fn match_class(
    class: u32,
    mut labels: Vec<u32>,
    mut rows: Vec<u32>,
    truth: &Truth3d,
    detections: &Detections3d,
    thresholds: usize,
    ties: Ties,
    rule: &(impl Fn(&[u32], &[u32], &mut Pairs<'_>) + Sync),
) -> ClassMatches3d {
    let label_frame = |row: &u32| truth.frame[*row as usize];
    let frame = |row: &u32| detections.frame[*row as usize];
    labels.par_sort_by_key(label_frame);
    sort_by_frame(&mut rows, detections, ties);

    let mut blocks = Vec::new();
    let (mut at, mut label_at) = (0, 0);
    for run in rows.chunk_by(|a, b| frame(a) == frame(b)) {
        let this = run.first().map_or(0, frame);
        label_at += labels[label_at..]
            .iter()
            .take_while(|row| label_frame(row) < this)
            .count();
        let count = labels[label_at..]
            .iter()
            .take_while(|row| label_frame(row) == this)
            .count();
        blocks.push(Block {
            detections: at..at + run.len(),
            labels: label_at..label_at + count,
        });
        at += run.len();
        label_at += count;
    }

    let mut matched = vec![NONE; rows.len() * thresholds];
    let mut errors = vec![TpErrors::UNKNOWN; rows.len()];
    // hand every chunk of blocks its own part of the columns
    let mut parts = Vec::new();
    let (mut rest_matched, mut rest_errors) = (matched.as_mut_slice(), errors.as_mut_slice());
    for chunk in blocks.chunks(CHUNK) {
        let count: usize = chunk.iter().map(|block| block.detections.len()).sum();
        let (part_matched, after) = rest_matched.split_at_mut(count * thresholds);
        rest_matched = after;
        let (part_errors, after) = rest_errors.split_at_mut(count);
        rest_errors = after;
        parts.push((chunk, part_matched, part_errors));
    }
    parts.into_par_iter().for_each(|(chunk, mut matched, mut errors)| {
        for block in chunk {
            let count = block.detections.len();
            let (this_matched, after) = matched.split_at_mut(count * thresholds);
            matched = after;
            let (this_errors, after) = errors.split_at_mut(count);
            errors = after;
            if !block.labels.is_empty() {
                let mut pairs = Pairs {
                    thresholds,
                    matched: this_matched,
                    errors: this_errors,
                };
                rule(
                    &rows[block.detections.clone()],
                    &labels[block.labels.clone()],
                    &mut pairs,
                );
            }
        }
    });

    // from frame by frame to best first
    let mut ranked: Vec<(u64, u32, u32)> = rows
        .iter()
        .zip(0..)
        .map(|(row, place)| {
            let tie = if ties == Ties::LaterRow { !row } else { place };
            (descending(detections.score[*row as usize]), tie, place)
        })
        .collect();
    ranked.par_sort_unstable();
    let places = || ranked.iter().map(|(_, _, place)| *place as usize);
    let ranked_rows = || places().map(|place| rows[place]);
    let mut out = ClassMatches3d {
        class,
        detection: ranked_rows().collect(),
        frame: ranked_rows().map(|row| frame(&row)).collect(),
        score: ranked_rows().map(|row| detections.score[row as usize]).collect(),
        errors: places().map(|place| errors[place]).collect(),
        label_frame: labels.iter().map(label_frame).collect(),
        label: labels,
        thresholds,
        matched: Vec::with_capacity(matched.len()),
    };
    for place in places() {
        out.matched
            .extend_from_slice(&matched[place * thresholds..][..thresholds]);
    }
    out
}
