//! The passes over the frames of a sequence.

use std::collections::HashMap;

use super::clear::{Clear, ClearMatch};
use super::frame::{FrameView, Ids, TrackFrame, key, pair};
use super::hota::HotaScores;
use super::identity::IdentityScores;
use super::params::{EPSILON, TrackParams};
use super::report::{ClassReport, Counts};
use crate::assign::{Assigner, PairMatrix};
use crate::error::{EvalError, Side};

/// What is kept of an object and a track that were ever alike.
#[derive(Debug, Clone, Copy, Default)]
struct Together {
    /// Sum of the soft matches, for HOTA.
    potential: f64,
    /// Frames in which they agree, for identity.
    agreeing: u64,
}

/// Frames and boxes so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Totals {
    frames: u64,
    labels: u64,
    predictions: u64,
}

const SAME_FRAMES: &str = "give the second pass the same frames as the first";

/// The first pass: CLEAR, identity, and the alignment that HOTA's second pass needs.
///
/// What it holds is a few numbers per object, per track, and per pair of the two that was ever alike in some frame: nothing grows
/// with the number of frames. After an error it is of no use any more.
#[derive(Debug, Clone)]
pub struct FirstPass {
    params: TrackParams,
    objects: Ids,
    tracks: Ids,
    object_boxes: Vec<u64>,
    track_boxes: Vec<u64>,
    together: HashMap<u64, Together>,
    clear: Clear,
    totals: Totals,
    labels: Vec<u32>,
    predictions: Vec<u32>,
    column_sums: Vec<f64>,
    name: Place,
}

/// How messages name a frame.
#[derive(Debug, Clone, Default)]
struct Place {
    sequence: Option<String>,
    first: u64,
}

impl Place {
    fn of(&self, frame: u64) -> String {
        let number = frame + self.first;
        match &self.sequence {
            Some(sequence) => format!("frame {number} of {sequence}"),
            None => format!("frame {number}"),
        }
    }
}

impl FirstPass {
    /// Nothing seen yet.
    pub fn new(params: &TrackParams) -> Result<Self, EvalError> {
        params.check()?;
        Ok(Self {
            params: params.clone(),
            objects: Ids::default(),
            tracks: Ids::default(),
            object_boxes: Vec::new(),
            track_boxes: Vec::new(),
            together: HashMap::new(),
            clear: Clear::new(params.clear_threshold),
            totals: Totals::default(),
            labels: Vec::new(),
            predictions: Vec::new(),
            column_sums: Vec::new(),
            name: Place::default(),
        })
    }

    /// How messages are to name the sequence, and the number of its first frame there, 0 unless set.
    #[must_use]
    pub fn named(mut self, sequence: &str, first_frame: u64) -> Self {
        self.name = Place {
            sequence: Some(sequence.to_owned()),
            first: first_frame,
        };
        self
    }

    /// The next frame of the sequence; one without labels and predictions counts as a frame.
    pub fn push(&mut self, frame: FrameView<'_>) -> Result<(), EvalError> {
        let (name, at) = (&self.name, self.totals.frames);
        let place = || name.of(at);
        frame.check(&place)?;
        self.totals.frames += 1;
        let now = self.totals.frames;
        self.objects
            .number(frame.labels, now, Side::GroundTruth, &mut self.labels, &place)?;
        self.tracks
            .number(frame.predictions, now, Side::Detections, &mut self.predictions, &place)?;
        self.totals.labels += frame.labels.len() as u64;
        self.totals.predictions += frame.predictions.len() as u64;
        self.object_boxes.resize(self.objects.len(), 0);
        self.track_boxes.resize(self.tracks.len(), 0);
        for label in &self.labels {
            self.object_boxes[*label as usize] += 1;
        }
        for prediction in &self.predictions {
            self.track_boxes[*prediction as usize] += 1;
        }
        self.note_pairs(frame.similarity);
        self.clear.push(&self.labels, &self.predictions, frame.similarity)
    }

    /// Adds a frame's soft matches: the similarity of a pair over all similarity that either of the two has.
    fn note_pairs(&mut self, similarity: &PairMatrix) {
        self.column_sums.clear();
        self.column_sums.resize(similarity.columns(), 0.0);
        for row in 0..similarity.rows() {
            for (sum, value) in self.column_sums.iter_mut().zip(similarity.row(row)) {
                *sum += value;
            }
        }
        for (row, label) in self.labels.iter().enumerate() {
            let values = similarity.row(row);
            let row_sum: f64 = values.iter().sum();
            for (column, value) in values.iter().enumerate() {
                let all = self.column_sums[column] + row_sum - value;
                let soft = if all > EPSILON { value / all } else { 0.0 };
                let agrees = *value >= self.params.identity_threshold;
                if soft > 0.0 || agrees {
                    let together = self.together.entry(key(*label, self.predictions[column])).or_default();
                    together.potential += soft;
                    together.agreeing += u64::from(agrees);
                }
            }
        }
    }

    /// What CLEAR matched in the frame that was pushed last.
    pub fn matches(&self) -> &[ClearMatch] {
        self.clear.matches()
    }

    /// How many objects, tracks and pairs of the two are held.
    pub fn held(&self) -> usize {
        self.object_boxes.len() + self.track_boxes.len() + self.together.len() + self.clear.held()
    }

    /// CLEAR, identity and counts alone, which need no second pass; the HOTA numbers are empty.
    pub fn finish_without_hota(self) -> Result<ClassReport, EvalError> {
        let hota = HotaScores::default();
        self.report(hota)
    }

    fn report(self, hota: HotaScores) -> Result<ClassReport, EvalError> {
        let Totals {
            frames,
            labels,
            predictions,
        } = self.totals;
        let mut agreeing: Vec<(u64, u64)> = Vec::with_capacity(self.together.len());
        agreeing.extend(self.together.iter().map(|(key, pair)| (*key, pair.agreeing)));
        agreeing.sort_unstable();
        let ids = [self.objects.len(), self.tracks.len()];
        let agreeing = agreeing.into_iter().map(|(key, boxes)| {
            let (object, track) = pair(key);
            (object, track, boxes)
        });
        Ok(ClassReport {
            identity: IdentityScores::new(labels, predictions, ids, agreeing)?,
            clear: self.clear.finish(labels, predictions),
            count: Counts {
                predictions,
                labels,
                tracks: ids[1] as u64,
                objects: ids[0] as u64,
                frames: Some(frames),
            },
            hota,
        })
    }

    /// The second pass over the same frames.
    pub fn second(self) -> SecondPass {
        let alphas = self.params.alphas.len();
        SecondPass {
            first: self,
            totals: Totals::default(),
            true_positives: vec![0; alphas],
            similarity: vec![0.0; alphas],
            matched: HashMap::new(),
            labels: Vec::new(),
            predictions: Vec::new(),
            assigner: Assigner::default(),
            costs: PairMatrix::default(),
        }
    }
}

/// The second pass: HOTA. Holds what the first pass does, and a count per α for every pair that was matched.
#[derive(Debug, Clone)]
pub struct SecondPass {
    first: FirstPass,
    totals: Totals,
    true_positives: Vec<u64>,
    similarity: Vec<f64>,
    /// Frames in which a pair was matched, by the number of α that its similarity reached, less one.
    matched: HashMap<u64, Box<[u32]>>,
    labels: Vec<u32>,
    predictions: Vec<u32>,
    assigner: Assigner,
    costs: PairMatrix,
}

impl SecondPass {
    /// The next frame of the sequence, as it was in the first pass.
    pub fn push(&mut self, frame: FrameView<'_>) -> Result<(), EvalError> {
        let (name, at) = (&self.first.name, self.totals.frames);
        let place = || name.of(at);
        frame.check(&place)?;
        let first = &self.first;
        for (side, known, ids, out) in [
            (Side::GroundTruth, &first.objects, frame.labels, &mut self.labels),
            (
                Side::Detections,
                &first.tracks,
                frame.predictions,
                &mut self.predictions,
            ),
        ] {
            if let Err(id) = known.lookup(ids, out) {
                return Err(EvalError::Frame {
                    problem: format!("{side}: track {id} was not there in the first pass"),
                    place: place(),
                    next: SAME_FRAMES,
                });
            }
        }
        self.totals.frames += 1;
        self.totals.labels += frame.labels.len() as u64;
        self.totals.predictions += frame.predictions.len() as u64;
        self.match_frame(frame.similarity)
    }

    /// [`push`](Self::push) with tracks numbered already.
    fn match_frame(&mut self, similarity: &PairMatrix) -> Result<(), EvalError> {
        if self.labels.is_empty() || self.predictions.is_empty() {
            return Ok(());
        }
        let (first, labels, predictions) = (&self.first, &self.labels, &self.predictions);
        self.costs.fill_with(labels.len(), predictions.len(), |row, column| {
            let (label, prediction) = (labels[row], predictions[column]);
            let similarity = similarity.get(row, column);
            if similarity == 0.0 {
                return 0.0;
            }
            let potential = first
                .together
                .get(&key(label, prediction))
                .map_or(0.0, |pair| pair.potential);
            let boxes = first.object_boxes[label as usize] + first.track_boxes[prediction as usize];
            let alignment = potential / (boxes as f64 - potential);
            -(alignment * similarity)
        });
        let alphas = &first.params.alphas;
        let mut sums = vec![0.0; alphas.len()];
        for (row, column) in self.assigner.all(&self.costs)? {
            let value = similarity.get(*row, *column);
            // ascending: those that are reached come first
            let reached = alphas.partition_point(|alpha| value >= alpha - EPSILON);
            if reached == 0 {
                continue;
            }
            for (count, sum) in self.true_positives.iter_mut().zip(&mut sums).take(reached) {
                *count += 1;
                *sum += value;
            }
            let counts = self
                .matched
                .entry(key(labels[*row], predictions[*column]))
                .or_insert_with(|| vec![0; alphas.len()].into_boxed_slice());
            counts[reached - 1] += 1;
        }
        for (total, sum) in self.similarity.iter_mut().zip(sums) {
            *total += sum;
        }
        Ok(())
    }

    /// How many objects, tracks, pairs of the two, and counts of matched pairs are held.
    pub fn held(&self) -> usize {
        self.first.held() + self.matched.len() * self.first.params.alphas.len()
    }

    /// The numbers of the sequence.
    pub fn finish(self) -> Result<ClassReport, EvalError> {
        let (first, second) = (self.first.totals, self.totals);
        if second != first {
            return Err(EvalError::Frame {
                problem: format!(
                    "the first pass had {} frames with {} labels and {} predictions, the second {} with {} and {}",
                    first.frames, first.labels, first.predictions, second.frames, second.labels, second.predictions
                ),
                place: self.first.name.sequence.unwrap_or_else(|| "the sequence".to_owned()),
                next: SAME_FRAMES,
            });
        }
        let hota = self.hota();
        self.first.report(hota)
    }

    fn hota(&self) -> HotaScores {
        let alphas = self.first.params.alphas.len();
        let (labels, predictions) = (self.totals.labels, self.totals.predictions);
        if labels == 0 || predictions == 0 {
            return HotaScores::empty(alphas, labels, predictions);
        }
        let mut pairs: Vec<(u64, &[u32])> = Vec::with_capacity(self.matched.len());
        pairs.extend(self.matched.iter().map(|(key, counts)| (*key, &**counts)));
        pairs.sort_unstable_by_key(|(key, _)| *key);
        let mut scores = HotaScores {
            ass_a: vec![0.0; alphas],
            ass_re: vec![0.0; alphas],
            ass_pr: vec![0.0; alphas],
            ..HotaScores::default()
        };
        for (key, counts) in pairs {
            let (object, track) = pair(key);
            let object = self.first.object_boxes[object] as f64;
            let track = self.first.track_boxes[track] as f64;
            let mut matched = 0.0;
            for (a, count) in counts.iter().enumerate().rev() {
                matched += f64::from(*count);
                scores.ass_a[a] += matched * (matched / (object + track - matched).max(1.0));
                scores.ass_re[a] += matched * (matched / object.max(1.0));
                scores.ass_pr[a] += matched * (matched / track.max(1.0));
            }
        }
        for (a, count) in self.true_positives.iter().enumerate() {
            let tp = *count as f64;
            for association in [&mut scores.ass_a, &mut scores.ass_re, &mut scores.ass_pr] {
                association[a] /= tp.max(1.0);
            }
            scores.true_positives.push(tp);
            scores.false_negatives.push((labels - count) as f64);
            scores.false_positives.push((predictions - count) as f64);
        }
        scores.loc_a.clone_from(&self.similarity);
        scores.locate();
        scores.finish()
    }
}

/// One frame's tracks by number, and the pairs that have anything in common.
#[derive(Debug, Clone)]
struct SparseFrame {
    labels: Box<[u32]>,
    predictions: Box<[u32]>,
    similar: Box<[(u32, u32, f64)]>,
}

/// Both passes over frames that can be had only once: keeps of each frame the tracks' numbers and the similarities that are not 0.
///
/// This grows with the boxes: 4 bytes each, and 16 for each pair in a frame that touches. [`evaluate`] holds no frames, but asks
/// for them twice.
#[derive(Debug, Clone)]
pub struct OnePass {
    first: FirstPass,
    frames: Vec<SparseFrame>,
}

impl OnePass {
    /// Nothing seen yet.
    pub fn new(params: &TrackParams) -> Result<Self, EvalError> {
        Ok(Self {
            first: FirstPass::new(params)?,
            frames: Vec::new(),
        })
    }

    /// How messages are to name the sequence, and the number of its first frame there, 0 unless set.
    #[must_use]
    pub fn named(mut self, sequence: &str, first_frame: u64) -> Self {
        self.first = self.first.named(sequence, first_frame);
        self
    }

    /// The next frame of the sequence; one without labels and predictions counts as a frame.
    pub fn push(&mut self, frame: FrameView<'_>) -> Result<(), EvalError> {
        self.first.push(frame)?;
        let mut similar = Vec::new();
        for row in 0..frame.similarity.rows() {
            for (column, value) in frame.similarity.row(row).iter().enumerate() {
                if *value != 0.0 {
                    similar.push((row as u32, column as u32, *value));
                }
            }
        }
        self.frames.push(SparseFrame {
            labels: self.first.labels.as_slice().into(),
            predictions: self.first.predictions.as_slice().into(),
            similar: similar.into(),
        });
        Ok(())
    }

    /// What CLEAR matched in the frame that was pushed last.
    pub fn matches(&self) -> &[ClearMatch] {
        self.first.matches()
    }

    /// How many numbers are held, of tracks, pairs and frames.
    pub fn held(&self) -> usize {
        let of_frames = self
            .frames
            .iter()
            .map(|frame| frame.labels.len() + frame.predictions.len() + frame.similar.len());
        self.first.held() + of_frames.sum::<usize>()
    }

    /// The numbers of the sequence.
    pub fn finish(self) -> Result<ClassReport, EvalError> {
        let mut second = self.first.second();
        second.totals = second.first.totals;
        let mut similarity = PairMatrix::default();
        for frame in self.frames {
            similarity.reset(frame.labels.len(), frame.predictions.len(), 0.0);
            for (row, column, value) in &frame.similar {
                similarity.set(*row as usize, *column as usize, *value);
            }
            second.labels = frame.labels.into_vec();
            second.predictions = frame.predictions.into_vec();
            second.match_frame(&similarity)?;
        }
        second.finish()
    }
}

/// Evaluates a sequence whose frames can be had twice, in bounded memory: see [`FirstPass`].
///
/// `frames` is called twice and must give the same frames both times.
///
/// ```
/// use guideway_eval::assign::PairMatrix;
/// use guideway_eval::mot::{TrackFrame, TrackParams, evaluate};
///
/// // one object over four frames; its track changes in the third
/// let frame = |t: u64| TrackFrame {
///     labels: vec![1],
///     predictions: vec![if t < 2 { 10 } else { 11 }],
///     similarity: PairMatrix::new(1, 1, 0.9),
/// };
/// let report = evaluate(&TrackParams::default(), || (0..4).map(|t| Ok(frame(t))))?;
/// assert_eq!(report.clear.switches, 1);
/// assert_eq!(report.clear.mota, 0.75);
/// assert_eq!(report.identity.idf1, 0.5);
/// # Ok::<(), guideway_eval::EvalError>(())
/// ```
pub fn evaluate<I>(params: &TrackParams, frames: impl Fn() -> I) -> Result<ClassReport, EvalError>
where
    I: IntoIterator<Item = Result<TrackFrame, EvalError>>,
{
    let mut first = FirstPass::new(params)?;
    for frame in frames() {
        first.push(frame?.view())?;
    }
    let mut second = first.second();
    for frame in frames() {
        second.push(frame?.view())?;
    }
    second.finish()
}
