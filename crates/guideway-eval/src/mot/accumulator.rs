//! CLEAR MOT and identity as py-motmetrics 1.4.0 counts them.
//!
//! It differs from `TrackEval`: pairs that were matched are kept, in the order of the objects, before the others are matched
//! for the least sum of distances; an object counts as mostly tracked from 80 % on; frames without any box are not frames. Scalabel's and
//! nuScenes' evaluations are built on it.

use std::collections::HashMap;

use super::boxes::BoxSequence;
use super::frame::{Ids, check_shape, key, pair};
use super::identity::most_agreeing;
use super::params::bad;
use super::similarity::{BoxFormat, iou_distances};
use crate::assign::{Assigner, PairMatrix};
use crate::error::{EvalError, Side};

/// A frame of one sequence with distances, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct DistanceView<'a> {
    /// Track of each label; no id twice.
    pub labels: &'a [u64],
    /// Track of each prediction; no id twice.
    pub predictions: &'a [u64],
    /// Distance of each label (row) and prediction (column), from 0; NaN or infinite for a pair that may not be.
    pub distances: &'a PairMatrix,
}

/// A label and a prediction that were matched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatchEvent {
    /// Place of the label in the frame.
    pub label: usize,
    /// Place of the prediction in the frame.
    pub prediction: usize,
    /// Their distance.
    pub distance: f64,
    /// Was the object matched with another track before?
    pub switched: bool,
}

#[derive(Debug, Clone, Default)]
struct Object {
    /// The track that it was matched with last.
    track: Option<u32>,
    present: u64,
    tracked: u64,
    first: u64,
    last: u64,
    first_tracked: u64,
    last_tracked: u64,
    /// Longest run of frames without match, before, between and after matches.
    gap: u64,
    fragmentations: u64,
    /// Was it missed since it was tracked last?
    missed: bool,
}

#[derive(Debug, Clone, Default)]
struct Track {
    /// The object that it was matched with last, other than by being kept.
    object: Option<u32>,
    matched: bool,
}

/// Counts events over frames pushed one by one.
///
/// What it holds is a few numbers per object and per track, and one per pair that was ever within reach: nothing grows with the number
/// of frames. After an error it is of no use any more.
///
/// ```
/// use guideway_eval::assign::PairMatrix;
/// use guideway_eval::mot::{Accumulator, DistanceView};
///
/// let mut accumulator = Accumulator::default();
/// for track in [5, 5, 6] {
///     let distances = PairMatrix::new(1, 1, 0.1);
///     accumulator.push(DistanceView { labels: &[1], predictions: &[track], distances: &distances })?;
/// }
/// let counts = accumulator.finish()?;
/// assert_eq!((counts.matches, counts.switches), (2, 1));
/// # Ok::<(), guideway_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Accumulator {
    object_ids: Ids,
    track_ids: Ids,
    objects: Vec<Object>,
    tracks: Vec<Track>,
    /// Frames in which a pair was within reach.
    within: HashMap<u64, u64>,
    counts: MotCounts,
    labels: Vec<u32>,
    predictions: Vec<u32>,
    free: PairMatrix,
    label_done: Vec<bool>,
    prediction_done: Vec<bool>,
    events: Vec<MatchEvent>,
    assigner: Assigner,
}

impl Accumulator {
    /// The next frame; gives its matches. A frame without labels and predictions counts as a frame: leave out those that should not.
    pub fn push(&mut self, frame: DistanceView<'_>) -> Result<&[MatchEvent], EvalError> {
        let at = self.counts.frames;
        let place = || format!("frame {at}");
        let (rows, columns) = (frame.labels.len(), frame.predictions.len());
        check_shape(frame.distances, rows, columns, &place)?;
        if let Some(value) = frame.distances.values().iter().find(|value| **value < 0.0) {
            return Err(EvalError::Frame {
                problem: format!("a distance is {value}, which is less than 0"),
                place: place(),
                next: "give distances from 0, and NaN for pairs that may not be",
            });
        }
        self.counts.frames += 1;
        let now = self.counts.frames;
        self.object_ids
            .number(frame.labels, now, Side::GroundTruth, &mut self.labels, &place)?;
        self.track_ids
            .number(frame.predictions, now, Side::Detections, &mut self.predictions, &place)?;
        self.objects.resize(self.object_ids.len(), Object::default());
        self.tracks.resize(self.track_ids.len(), Track::default());
        for (row, label) in self.labels.iter().enumerate() {
            let object = &mut self.objects[*label as usize];
            if object.present == 0 {
                object.first = now;
            }
            object.present += 1;
            object.last = now;
            for (column, distance) in frame.distances.row(row).iter().enumerate() {
                if distance.is_finite() {
                    *self.within.entry(key(*label, self.predictions[column])).or_default() += 1;
                }
            }
        }
        self.label_done.clear();
        self.label_done.resize(rows, false);
        self.prediction_done.clear();
        self.prediction_done.resize(columns, false);
        self.events.clear();
        if rows > 0 && columns > 0 {
            self.keep_pairs(frame.distances);
            self.match_others(frame.distances)?;
        }
        self.note(now);
        Ok(&self.events)
    }

    /// Pairs that were matched and are both there are matched again.
    fn keep_pairs(&mut self, distances: &PairMatrix) {
        for (row, label) in self.labels.iter().enumerate() {
            let Some(before) = self.objects[*label as usize].track else {
                continue;
            };
            let found = self.predictions.iter().position(|prediction| *prediction == before);
            if let Some(column) = found
                && !self.prediction_done[column]
                && distances.get(row, column).is_finite()
            {
                self.label_done[row] = true;
                self.prediction_done[column] = true;
                self.tracks[before as usize].matched = true;
                self.events.push(MatchEvent {
                    label: row,
                    prediction: column,
                    distance: distances.get(row, column),
                    switched: false,
                });
            }
        }
    }

    fn match_others(&mut self, distances: &PairMatrix) -> Result<(), EvalError> {
        let (label_done, prediction_done) = (&mut self.label_done, &mut self.prediction_done);
        self.free
            .fill_with(distances.rows(), distances.columns(), |row, column| {
                if label_done[row] || prediction_done[column] {
                    f64::NAN
                } else {
                    distances.get(row, column)
                }
            });
        for (row, column) in self.assigner.most(&self.free)? {
            let (label, prediction) = (self.labels[*row], self.predictions[*column]);
            let object = &mut self.objects[label as usize];
            let track = &mut self.tracks[prediction as usize];
            let switched = object.track.is_some_and(|before| before != prediction);
            if switched && !track.matched {
                self.counts.ascends += 1;
            }
            if track.object.is_some_and(|before| before != label) {
                self.counts.transfers += 1;
                if object.tracked == 0 {
                    self.counts.migrates += 1;
                }
            }
            track.matched = true;
            track.object = Some(label);
            object.track = Some(prediction);
            label_done[*row] = true;
            prediction_done[*column] = true;
            self.events.push(MatchEvent {
                label: *row,
                prediction: *column,
                distance: distances.get(*row, *column),
                switched,
            });
        }
        Ok(())
    }

    /// Enters the matches and misses of a frame into the objects' records.
    fn note(&mut self, now: u64) {
        let counts = &mut self.counts;
        for event in &self.events {
            let object = &mut self.objects[self.labels[event.label] as usize];
            if event.switched {
                counts.switches += 1;
            } else {
                counts.matches += 1;
            }
            counts.distance += event.distance;
            let since = if object.tracked == 0 {
                object.first_tracked = now;
                now - object.first
            } else {
                now - object.last_tracked - 1
            };
            object.gap = object.gap.max(since);
            object.fragmentations += u64::from(object.missed && object.tracked > 0);
            object.missed = false;
            object.tracked += 1;
            object.last_tracked = now;
        }
        for (row, label) in self.labels.iter().enumerate() {
            if !self.label_done[row] {
                counts.misses += 1;
                self.objects[*label as usize].missed = true;
            }
        }
        counts.false_positives += self.prediction_done.iter().filter(|done| !**done).count() as u64;
        counts.labels += self.labels.len() as u64;
        counts.predictions += self.predictions.len() as u64;
    }

    /// How many objects, tracks and pairs of the two are held.
    pub fn held(&self) -> usize {
        self.objects.len() + self.tracks.len() + self.within.len()
    }

    /// The counts of the sequence.
    pub fn finish(self) -> Result<MotCounts, EvalError> {
        let mut counts = self.counts;
        counts.objects = self.objects.len() as u64;
        for object in &self.objects {
            let ratio = object.tracked as f64 / object.present as f64;
            if ratio >= 0.8 {
                counts.mostly_tracked += 1;
            } else if ratio >= 0.2 {
                counts.partly_tracked += 1;
            } else {
                counts.mostly_lost += 1;
            }
            counts.fragmentations += object.fragmentations;
            if object.tracked > 0 {
                counts.tracked_objects += 1;
                counts.frames_to_first += object.first_tracked - object.first;
                counts.longest_gaps += object.gap.max(object.last - object.last_tracked);
            }
        }
        let mut within: Vec<(u64, u64)> = Vec::with_capacity(self.within.len());
        within.extend(self.within.iter().map(|(key, frames)| (*key, *frames)));
        within.sort_unstable();
        let within = within.into_iter().map(|(key, frames)| {
            let (object, track) = pair(key);
            (object, track, frames)
        });
        counts.id_true_positives = most_agreeing(self.object_ids.len(), self.track_ids.len(), within)?;
        counts.without_matches = counts.matches + counts.switches == 0;
        Ok(counts)
    }
}

/// The counts of a sequence, or of several: everything that motmetrics' numbers follow from.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MotCounts {
    /// Frames.
    pub frames: u64,
    /// Objects.
    pub objects: u64,
    /// Labels.
    pub labels: u64,
    /// Predictions.
    pub predictions: u64,
    /// Matches with the track of before, or with the first one.
    pub matches: u64,
    /// Matches with another track than before.
    pub switches: u64,
    /// Predictions without match.
    pub false_positives: u64,
    /// Labels without match.
    pub misses: u64,
    /// Matches of a track with another object than before.
    pub transfers: u64,
    /// Switches to a track that was never matched.
    pub ascends: u64,
    /// Transfers to an object that was never matched.
    pub migrates: u64,
    /// Times that an object was missed between two matches.
    pub fragmentations: u64,
    /// Objects tracked in 80 % of their frames or more.
    pub mostly_tracked: u64,
    /// Objects tracked in 20 % of their frames or more.
    pub partly_tracked: u64,
    /// Objects tracked in less.
    pub mostly_lost: u64,
    /// Sum of the distances of matches and switches.
    pub distance: f64,
    /// Boxes that agree when objects and tracks are paired for the whole sequence.
    pub id_true_positives: u64,
    /// Objects that were matched at all.
    pub tracked_objects: u64,
    /// Frames from the first label to the first match, over those objects.
    pub frames_to_first: u64,
    /// Longest run of frames without match, over those objects.
    pub longest_gaps: u64,
    /// Is this, or is one of the parts, without any match, so that its mean distance is undefined?
    pub without_matches: bool,
}

impl MotCounts {
    /// Several sequences as one; objects and tracks of different sequences are different.
    pub fn sum<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        let mut any = false;
        for part in parts {
            any = true;
            all.frames += part.frames;
            all.objects += part.objects;
            all.labels += part.labels;
            all.predictions += part.predictions;
            all.matches += part.matches;
            all.switches += part.switches;
            all.false_positives += part.false_positives;
            all.misses += part.misses;
            all.transfers += part.transfers;
            all.ascends += part.ascends;
            all.migrates += part.migrates;
            all.fragmentations += part.fragmentations;
            all.mostly_tracked += part.mostly_tracked;
            all.partly_tracked += part.partly_tracked;
            all.mostly_lost += part.mostly_lost;
            all.distance += part.distance;
            all.id_true_positives += part.id_true_positives;
            all.tracked_objects += part.tracked_objects;
            all.frames_to_first += part.frames_to_first;
            all.longest_gaps += part.longest_gaps;
            all.without_matches |= part.without_matches;
        }
        all.without_matches |= !any;
        all
    }

    /// Matches and switches.
    pub fn detections(&self) -> u64 {
        self.matches + self.switches
    }

    /// Mean distance of the matches, also where a part has none.
    pub fn mean_distance(&self) -> Option<f64> {
        ratio(self.distance, self.detections() as f64)
    }

    /// Fraction of the labels that were neither missed nor switched, less false positives.
    pub fn mota(&self) -> Option<f64> {
        let wrong = self.misses + self.switches + self.false_positives;
        Some(1.0 - ratio(wrong as f64, self.labels as f64)?)
    }

    /// F1 of identity.
    pub fn idf1(&self) -> Option<f64> {
        ratio(
            2.0 * self.id_true_positives as f64,
            (self.labels + self.predictions) as f64,
        )
    }

    /// motmetrics' numbers.
    pub fn scores(&self) -> MotScores {
        let found = self.detections() as f64;
        let (idtp, labels, predictions) = (
            self.id_true_positives as f64,
            self.labels as f64,
            self.predictions as f64,
        );
        MotScores {
            idf1: self.idf1(),
            idp: ratio(idtp, predictions),
            idr: ratio(idtp, labels),
            recall: ratio(found, labels),
            precision: ratio(found, self.false_positives as f64 + found),
            num_unique_objects: self.objects,
            mostly_tracked: self.mostly_tracked,
            partially_tracked: self.partly_tracked,
            mostly_lost: self.mostly_lost,
            num_false_positives: self.false_positives,
            num_misses: self.misses,
            num_switches: self.switches,
            num_fragmentations: self.fragmentations,
            mota: self.mota(),
            motp: self.mean_distance().filter(|_| !self.without_matches),
            num_transfer: self.transfers,
            num_ascend: self.ascends,
            num_migrate: self.migrates,
            num_frames: self.frames,
            num_objects: self.labels,
            num_predictions: self.predictions,
            num_matches: self.matches,
            num_detections: self.detections(),
            idtp: self.id_true_positives,
            idfp: self.predictions - self.id_true_positives,
            idfn: self.labels - self.id_true_positives,
        }
    }
}

/// motmetrics' numbers under its names; `None` where it divides by 0.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MotScores {
    /// Identity F1.
    pub idf1: Option<f64>,
    /// Identity precision.
    pub idp: Option<f64>,
    /// Identity recall.
    pub idr: Option<f64>,
    /// Matches and switches over labels.
    pub recall: Option<f64>,
    /// Matches and switches over predictions.
    pub precision: Option<f64>,
    /// Objects.
    pub num_unique_objects: u64,
    /// See [`MotCounts`].
    pub mostly_tracked: u64,
    /// See [`MotCounts`].
    pub partially_tracked: u64,
    /// See [`MotCounts`].
    pub mostly_lost: u64,
    /// Predictions without match.
    pub num_false_positives: u64,
    /// Labels without match.
    pub num_misses: u64,
    /// See [`MotCounts`].
    pub num_switches: u64,
    /// See [`MotCounts`].
    pub num_fragmentations: u64,
    /// Accuracy.
    pub mota: Option<f64>,
    /// Mean distance of the matches. Of several sequences it is undefined if it is in one of them, as motmetrics has it.
    pub motp: Option<f64>,
    /// See [`MotCounts`].
    pub num_transfer: u64,
    /// See [`MotCounts`].
    pub num_ascend: u64,
    /// See [`MotCounts`].
    pub num_migrate: u64,
    /// Frames.
    pub num_frames: u64,
    /// Labels.
    pub num_objects: u64,
    /// Predictions.
    pub num_predictions: u64,
    /// Matches without switches.
    pub num_matches: u64,
    /// Matches and switches.
    pub num_detections: u64,
    /// Boxes that agree in identity.
    pub idtp: u64,
    /// Predictions that do not.
    pub idfp: u64,
    /// Labels that do not.
    pub idfn: u64,
}

pub(crate) fn ratio(above: f64, below: f64) -> Option<f64> {
    (below != 0.0).then(|| above / below)
}

/// What motmetrics compares of a `MOTChallenge` sequence.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MotParams {
    /// Largest distance `1 - IoU` of a match.
    pub max_distance: f64,
    /// Class of the labels; `None` for all.
    pub class: Option<i64>,
    /// Smallest mark of the labels.
    pub min_mark: f64,
    /// Smallest confidence of the predictions.
    pub min_score: f64,
    /// Pixels that its reader takes off left and top, since the files count from 1.
    pub origin: f64,
}

impl Default for MotParams {
    fn default() -> Self {
        Self {
            max_distance: 0.5,
            class: None,
            min_mark: 1.0,
            min_score: -1.0,
            origin: 1.0,
        }
    }
}

/// Counts one sequence as motmetrics' `compare_to_groundtruth` does. Frames without any label and prediction are left out.
pub fn count_boxes(sequence: &BoxSequence, params: &MotParams) -> Result<MotCounts, EvalError> {
    if params.max_distance.is_nan() || params.max_distance < 0.0 {
        return bad("max_distance", "it must be 0 or more");
    }
    let mut accumulator = Accumulator::default();
    let mut distances = PairMatrix::default();
    let scores = &sequence.tracks.score;
    let mut score_at = 0;
    let xywh = |b: &[f64; 4]| {
        let [x, y, w, h] = match sequence.format {
            BoxFormat::Xywh => *b,
            BoxFormat::Xyxy => [b[0], b[1], b[2] - b[0], b[3] - b[1]],
        };
        [x - params.origin, y - params.origin, w, h]
    };
    for frame in sequence.each_frame()? {
        let labels: Vec<usize> = (0..frame.labels.len())
            .filter(|row| params.class.is_none_or(|class| class == frame.label_class[*row]))
            .filter(|row| frame.mark[*row] >= params.min_mark)
            .collect();
        let scores = &scores[score_at..score_at + frame.predictions.len()];
        score_at += frame.predictions.len();
        let predictions: Vec<usize> = (0..frame.predictions.len())
            .filter(|row| scores[*row] >= params.min_score)
            .collect();
        if labels.is_empty() && predictions.is_empty() {
            continue;
        }
        let label_boxes: Vec<_> = labels.iter().map(|row| xywh(&frame.label_boxes[*row])).collect();
        let boxes: Vec<_> = predictions
            .iter()
            .map(|row| xywh(&frame.prediction_boxes[*row]))
            .collect();
        iou_distances(&label_boxes, &boxes, params.max_distance, &mut distances);
        let labels: Vec<u64> = labels.iter().map(|row| frame.labels[*row]).collect();
        let predictions: Vec<u64> = predictions.iter().map(|row| frame.predictions[*row]).collect();
        accumulator.push(DistanceView {
            labels: &labels,
            predictions: &predictions,
            distances: &distances,
        })?;
    }
    accumulator.finish()
}
