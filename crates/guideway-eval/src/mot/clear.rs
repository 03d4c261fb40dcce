//! CLEAR MOT: Bernardin and Stiefelhagen, "Evaluating multiple object tracking performance: the CLEAR MOT metrics" (2008), as `TrackEval`
//! computes it.
//!
//! In each frame labels and predictions are matched one to one for the greatest sum of `1000 · continued + similarity` over pairs whose
//! similarity reaches the threshold; a pair continues if the two were matched in the frame before. Frames where
//! one side is empty do not count as the frame before: a pair is continued over them.

use super::params::EPSILON;
use crate::assign::{Assigner, PairMatrix};
use crate::error::EvalError;

/// What continuing a pair is worth, in similarities.
const CONTINUED: f64 = 1000.0;

/// The CLEAR numbers of one class; field names in JSON are `TrackEval`'s.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClearScores {
    /// Accuracy: 1 - (misses + false positives + identity switches) / labels.
    #[serde(rename = "MOTA")]
    pub mota: f64,
    /// Mean similarity of the matches.
    #[serde(rename = "MOTP")]
    pub motp: f64,
    /// Accuracy without identity switches.
    #[serde(rename = "MODA")]
    pub moda: f64,
    /// Recall.
    #[serde(rename = "CLR_Re")]
    pub recall: f64,
    /// Precision.
    #[serde(rename = "CLR_Pr")]
    pub precision: f64,
    /// Fraction of mostly tracked objects.
    #[serde(rename = "MTR")]
    pub mostly_tracked_ratio: f64,
    /// Fraction of partly tracked objects.
    #[serde(rename = "PTR")]
    pub partly_tracked_ratio: f64,
    /// Fraction of mostly lost objects.
    #[serde(rename = "MLR")]
    pub mostly_lost_ratio: f64,
    /// MOTA with each match counting its similarity.
    #[serde(rename = "sMOTA")]
    pub smota: f64,
    /// F1 of recall and precision.
    #[serde(rename = "CLR_F1")]
    pub f1: f64,
    /// False positives per frame.
    #[serde(rename = "FP_per_frame")]
    pub false_positives_per_frame: f64,
    /// MOTA with the logarithm of the identity switches.
    #[serde(rename = "MOTAL")]
    pub motal: f64,
    /// Sum of the similarities of the matches.
    #[serde(rename = "MOTP_sum")]
    pub motp_sum: f64,
    /// Matches.
    #[serde(rename = "CLR_TP")]
    pub true_positives: u64,
    /// Labels without match.
    #[serde(rename = "CLR_FN")]
    pub false_negatives: u64,
    /// Predictions without match.
    #[serde(rename = "CLR_FP")]
    pub false_positives: u64,
    /// Identity switches: an object is matched with another track than when it was last matched.
    #[serde(rename = "IDSW")]
    pub switches: u64,
    /// Objects tracked in more than 80 % of their frames.
    #[serde(rename = "MT")]
    pub mostly_tracked: u64,
    /// Objects tracked in 20 % to 80 %.
    #[serde(rename = "PT")]
    pub partly_tracked: u64,
    /// Objects tracked in less than 20 %.
    #[serde(rename = "ML")]
    pub mostly_lost: u64,
    /// Times that the tracking of an object was taken up again.
    #[serde(rename = "Frag")]
    pub fragmentations: u64,
    /// Frames; 0 where labels or predictions are missing altogether.
    #[serde(rename = "CLR_Frames")]
    pub frames: u64,
}

impl ClearScores {
    /// Everything that follows from the counts.
    pub(crate) fn finish(mut self) -> Self {
        let (tp, fn_, fp) = (
            self.true_positives as f64,
            self.false_negatives as f64,
            self.false_positives as f64,
        );
        let switches = self.switches as f64;
        let objects = ((self.mostly_tracked + self.mostly_lost + self.partly_tracked) as f64).max(1.0);
        let labels = (tp + fn_).max(1.0);
        self.mostly_tracked_ratio = self.mostly_tracked as f64 / objects;
        self.mostly_lost_ratio = self.mostly_lost as f64 / objects;
        self.partly_tracked_ratio = self.partly_tracked as f64 / objects;
        self.recall = tp / labels;
        self.precision = tp / (tp + fp).max(1.0);
        self.moda = (tp - fp) / labels;
        self.mota = (tp - fp - switches) / labels;
        self.motp = self.motp_sum / tp.max(1.0);
        self.smota = (self.motp_sum - fp - switches) / labels;
        self.f1 = tp / (tp + 0.5 * fn_ + 0.5 * fp).max(1.0);
        self.false_positives_per_frame = fp / (self.frames as f64).max(1.0);
        let log = if self.switches > 0 { switches.log10() } else { 0.0 };
        self.motal = (tp - fp - log) / labels;
        self
    }

    /// The counts of several sequences or classes together.
    pub(crate) fn sum<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.motp_sum += part.motp_sum;
            all.true_positives += part.true_positives;
            all.false_negatives += part.false_negatives;
            all.false_positives += part.false_positives;
            all.switches += part.switches;
            all.mostly_tracked += part.mostly_tracked;
            all.partly_tracked += part.partly_tracked;
            all.mostly_lost += part.mostly_lost;
            all.fragmentations += part.fragmentations;
            all.frames += part.frames;
        }
        all
    }

    /// Several sequences or classes as one.
    pub(crate) fn combine<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        Self::sum(parts).finish()
    }

    /// The mean of several classes' ratios and the sum of their counts.
    pub(crate) fn average(parts: &[&Self]) -> Self {
        let mean = |value: fn(&Self) -> f64| super::report::mean(parts.iter().map(|part| value(part)));
        Self {
            mota: mean(|p| p.mota),
            motp: mean(|p| p.motp),
            moda: mean(|p| p.moda),
            recall: mean(|p| p.recall),
            precision: mean(|p| p.precision),
            mostly_tracked_ratio: mean(|p| p.mostly_tracked_ratio),
            partly_tracked_ratio: mean(|p| p.partly_tracked_ratio),
            mostly_lost_ratio: mean(|p| p.mostly_lost_ratio),
            smota: mean(|p| p.smota),
            f1: mean(|p| p.f1),
            false_positives_per_frame: mean(|p| p.false_positives_per_frame),
            motal: mean(|p| p.motal),
            motp_sum: mean(|p| p.motp_sum),
            ..Self::sum(parts.iter().copied())
        }
    }
}

/// A label and a prediction that CLEAR matched in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClearMatch {
    /// Place of the label in the frame.
    pub label: usize,
    /// Place of the prediction in the frame.
    pub prediction: usize,
    /// Is it the object's first match?
    pub first: bool,
    /// Was the object matched with another track before? Then it counts as an identity switch.
    pub switched: bool,
    /// Is the tracking of the object taken up again? Then it counts as a fragmentation.
    pub resumed: bool,
}

/// What is kept of an object.
#[derive(Debug, Clone, Copy, Default)]
struct Object {
    present: u64,
    matched: u64,
    /// Times that its tracking began.
    begun: u64,
    /// The track that it was matched with last, and in which of the frames with both sides, counted from 1.
    last: Option<(u32, u64)>,
}

/// CLEAR over frames pushed one by one: keeps a few numbers per object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clear {
    threshold: f64,
    objects: Vec<Object>,
    /// Frames with labels and predictions.
    full: u64,
    counts: ClearScores,
    assigner: Assigner,
    costs: PairMatrix,
    /// Of the last frame.
    matches: Vec<ClearMatch>,
}

impl Clear {
    pub(crate) fn new(threshold: f64) -> Self {
        Self {
            threshold,
            ..Self::default()
        }
    }

    /// What was matched in the last frame, by the labels' places.
    pub(crate) fn matches(&self) -> &[ClearMatch] {
        &self.matches
    }

    /// Numbers of tracks that this holds.
    pub(crate) fn held(&self) -> usize {
        self.objects.len()
    }

    pub(crate) fn push(
        &mut self,
        labels: &[u32],
        predictions: &[u32],
        similarity: &PairMatrix,
    ) -> Result<(), EvalError> {
        if let Some(most) = labels.iter().max() {
            let count = (*most as usize + 1).max(self.objects.len());
            self.objects.resize(count, Object::default());
        }
        self.matches.clear();
        self.counts.frames += 1;
        for label in labels {
            self.objects[*label as usize].present += 1;
        }
        if labels.is_empty() || predictions.is_empty() {
            self.counts.false_positives += predictions.len() as u64;
            self.counts.false_negatives += labels.len() as u64;
            return Ok(());
        }
        let before = self.full;
        self.full += 1;
        let (objects, threshold) = (&self.objects, self.threshold);
        let score = |row: usize, column: usize| {
            let similarity = similarity.get(row, column);
            if similarity < threshold - EPSILON {
                return 0.0;
            }
            let continued = objects[labels[row] as usize].last == Some((predictions[column], before));
            if continued { CONTINUED + similarity } else { similarity }
        };
        self.costs
            .fill_with(labels.len(), predictions.len(), |row, column| -score(row, column));
        let mut matches = 0;
        let mut sum = 0.0;
        for (row, column) in self.assigner.all(&self.costs)? {
            if -self.costs.get(*row, *column) <= EPSILON {
                continue;
            }
            let track = predictions[*column];
            let object = &mut self.objects[labels[*row] as usize];
            object.matched += 1;
            let first = object.last.is_none();
            let switched = object.last.is_some_and(|(last, _)| last != track);
            let begins = object.last.is_none_or(|(_, frame)| frame != before);
            self.counts.switches += u64::from(switched);
            object.begun += u64::from(begins);
            self.matches.push(ClearMatch {
                label: *row,
                prediction: *column,
                first,
                switched,
                resumed: begins && !first,
            });
            object.last = Some((track, self.full));
            matches += 1;
            sum += similarity.get(*row, *column);
        }
        self.counts.true_positives += matches;
        self.counts.false_negatives += labels.len() as u64 - matches;
        self.counts.false_positives += predictions.len() as u64 - matches;
        self.counts.motp_sum += sum;
        Ok(())
    }

    /// The numbers, for this many labels and predictions in all.
    pub(crate) fn finish(self, labels: u64, predictions: u64) -> ClearScores {
        let objects = self.objects.len() as u64;
        // a side that is empty throughout has its own rule in TrackEval, without frames and ratios
        if predictions == 0 {
            return ClearScores {
                false_negatives: labels,
                mostly_lost: objects,
                mostly_lost_ratio: 1.0,
                ..ClearScores::default()
            };
        }
        if labels == 0 {
            return ClearScores {
                false_positives: predictions,
                mostly_lost_ratio: 1.0,
                ..ClearScores::default()
            };
        }
        let mut counts = self.counts;
        let mut at_least_partly = 0;
        for object in &self.objects {
            let ratio = object.matched as f64 / object.present as f64;
            counts.mostly_tracked += u64::from(ratio > 0.8);
            at_least_partly += u64::from(ratio >= 0.2);
            counts.fragmentations += object.begun.saturating_sub(1);
        }
        counts.partly_tracked = at_least_partly - counts.mostly_tracked;
        counts.mostly_lost = objects - at_least_partly;
        counts.finish()
    }
}
