//! One greedy matching pass, from which every number is made.

use std::ops::Range;

use rayon::prelude::*;

use super::arrays::{Detections, GroundTruth};
use super::iou::Geometry;
use super::params::{CocoParams, IouType};
use crate::error::EvalError;

/// What became of a detection in one area range: one bit per IoU threshold.
///
/// Neither true positive nor ignored makes a false positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Thresholds at which it is a true positive.
    pub true_positive: u64,
    /// Thresholds at which it is not counted: matched to an ignored label, or unmatched and outside the area range.
    pub ignored: u64,
}

/// The matching of one class: its detections by descending score, and its labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassMatches {
    /// Class index; 0 in a class-agnostic evaluation.
    pub class: u32,
    /// Rows of the detections, best first; equal scores by image, then by row.
    pub detection: Vec<u32>,
    /// Image of each of them.
    pub image: Vec<u32>,
    /// Rank of each of them among its image's detections of this class, from 0.
    pub rank: Vec<u32>,
    /// Score of each of them.
    pub score: Vec<f64>,
    /// Outcome of each of them in each area range: `outcome[i * areas + area]`.
    pub outcome: Vec<Outcome>,
    /// Rows of the labels, by image.
    pub label: Vec<u32>,
    /// Image of each label.
    pub label_image: Vec<u32>,
    /// Area ranges in which a label counts, one bit each.
    pub label_counted: Vec<u64>,
    /// Who took whom in the first area range, by detection.
    pub taken: Vec<Taken>,
}

/// A detection took a label that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Place of the detection in [`ClassMatches::detection`].
    pub detection: u32,
    /// Place of the label in [`ClassMatches::label`].
    pub label: u32,
    /// IoU thresholds at which it did, one bit each.
    pub thresholds: u64,
}

/// The result of matching all images and classes at all thresholds and in all area ranges.
///
/// Metrics of the whole, of a slice and of a bootstrap resample are all accumulated from this, without matching again.
#[derive(Debug, Clone, PartialEq)]
pub struct Matches {
    /// The parameters.
    pub params: CocoParams,
    /// Number of images.
    pub images: u32,
    /// Number of classes of the ground truth.
    pub classes: u32,
    /// Rows of the ground truth.
    pub label_rows: usize,
    /// Rows of the detections.
    pub detection_rows: usize,
    /// One entry per evaluated class, ascending.
    pub per_class: Vec<ClassMatches>,
}

/// Matches detections to labels as COCO's `evaluateImg` does: per image and class, best score first, each to the free
/// label with the highest IoU at or above the threshold; ignored labels only when no counted one is left; a crowd
/// takes any number.
pub fn match_detections(
    truth: &GroundTruth,
    detections: &Detections,
    iou_type: IouType,
    params: &CocoParams,
) -> Result<Matches, EvalError> {
    params.validate()?;
    truth.validate(iou_type)?;
    detections.validate(truth, iou_type)?;
    let groups = Groups::new(truth, detections, params)?;
    let geometry = Geometry::new(truth, detections, iou_type);
    let matcher = Matcher::new(truth, detections, &geometry, params);
    let per_class = groups
        .classes
        .par_iter()
        .map(|group| matcher.match_class(group))
        .collect();
    Ok(Matches {
        params: params.clone(),
        images: truth.images,
        classes: truth.classes,
        label_rows: truth.len(),
        detection_rows: detections.len(),
        per_class,
    })
}

/// What became of each detection and label at one IoU threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// State of each detection's row.
    pub detection: Vec<DetectionState>,
    /// The detection that each label's row is matched to; for a crowd the best-scored one.
    pub label: Vec<Option<u32>>,
}

/// What became of a detection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DetectionState {
    /// Not considered: score too low, too many in its image, or a class that is not evaluated.
    Dropped,
    /// Matched to no label.
    Unmatched,
    /// Matched to a label that is ignored or a crowd: not counted.
    Ignored {
        /// Row of the label.
        label: u32,
        /// Their IoU.
        iou: f64,
    },
    /// A true positive.
    Matched {
        /// Row of the label.
        label: u32,
        /// Their IoU.
        iou: f64,
    },
}

/// The pairs behind the numbers: [`match_detections`] at one threshold and for all sizes, with who was matched to whom.
/// Detections that score less than `min_score` are dropped.
pub fn assign(
    truth: &GroundTruth,
    detections: &Detections,
    iou_type: IouType,
    params: &CocoParams,
    iou_threshold: f64,
    min_score: f64,
) -> Result<Assignment, EvalError> {
    let params = CocoParams {
        iou_thresholds: vec![iou_threshold],
        areas: vec![super::AreaRange::new("all", f64::NEG_INFINITY, f64::INFINITY)],
        ..params.clone()
    };
    params.validate()?;
    truth.validate(iou_type)?;
    detections.validate(truth, iou_type)?;
    let groups = Groups::new(truth, detections, &params)?;
    let geometry = Geometry::new(truth, detections, iou_type);
    let matcher = Matcher::new(truth, detections, &geometry, &params);

    let per_class: Vec<(Vec<u32>, Vec<Pair>)> = groups
        .classes
        .par_iter()
        .map(|group| {
            let blocks = matcher.blocks(group);
            let mut pairs = Vec::new();
            let mut scratch = Scratch::default();
            let mut kept = Vec::with_capacity(blocks.detection.len());
            for block in &blocks.images {
                let rows = &blocks.detection[block.detection.clone()];
                let enough = rows.partition_point(|row| detections.score[*row as usize] >= min_score);
                let rows = &rows[..enough];
                kept.extend_from_slice(rows);
                matcher.match_block(rows, &blocks.label[block.label.clone()], &mut scratch, &mut pairs);
            }
            (kept, pairs)
        })
        .collect();

    let mut result = Assignment {
        detection: vec![DetectionState::Dropped; detections.len()],
        label: vec![None; truth.len()],
    };
    for (kept, pairs) in per_class {
        for row in kept {
            result.detection[row as usize] = DetectionState::Unmatched;
        }
        for Pair {
            detection, label, iou, ..
        } in pairs
        {
            result.detection[detection as usize] = if truth.is_counted(label as usize) {
                DetectionState::Matched { label, iou }
            } else {
                DetectionState::Ignored { label, iou }
            };
            result.label[label as usize].get_or_insert(detection);
        }
    }
    Ok(result)
}

/// Rows of each evaluated class.
struct Groups {
    classes: Vec<Group>,
}

struct Group {
    class: u32,
    /// Rows; by class first in a class-agnostic evaluation, then in file order.
    detection: Vec<u32>,
    label: Vec<u32>,
}

impl Groups {
    fn new(truth: &GroundTruth, detections: &Detections, params: &CocoParams) -> Result<Self, EvalError> {
        let mut selected: Vec<u32> = match &params.classes {
            None => (0..truth.classes).collect(),
            Some(classes) => classes.clone(),
        };
        selected.sort_unstable();
        selected.dedup();
        if let Some(class) = selected.last().filter(|class| **class >= truth.classes) {
            return Err(EvalError::Parameter {
                parameter: "classes",
                problem: format!("there is no class {class}, only {} of them", truth.classes),
            });
        }
        let mut place = vec![None; truth.classes as usize];
        for (i, class) in selected.iter().enumerate() {
            place[*class as usize] = Some(i);
        }
        let collect = |classes: &[u32]| {
            let mut rows = vec![Vec::new(); selected.len()];
            for (row, class) in classes.iter().enumerate() {
                if let Some(place) = place[*class as usize] {
                    rows[place].push(row as u32);
                }
            }
            rows
        };
        let (det, lab) = rayon::join(|| collect(&detections.class), || collect(&truth.class));
        let classes = if params.class_agnostic {
            vec![Group {
                class: 0,
                detection: det.concat(),
                label: lab.concat(),
            }]
        } else {
            selected
                .iter()
                .zip(det.into_iter().zip(lab))
                .map(|(class, (detection, label))| Group {
                    class: *class,
                    detection,
                    label,
                })
                .collect()
        };
        Ok(Self { classes })
    }
}

/// Detections and labels of one class in one image: ranges of [`ClassBlocks`].
struct Block {
    detection: Range<usize>,
    label: Range<usize>,
}

/// A class cut into images.
struct ClassBlocks {
    /// Rows by image, within an image by descending score.
    detection: Vec<u32>,
    rank: Vec<u32>,
    /// Rows by image.
    label: Vec<u32>,
    images: Vec<Block>,
}

/// A number that sorts as the score does, the highest first. -0 and 0 are equal, as for the reference.
fn descending(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    let ascending = if bits >> 63 == 0 { bits | (1 << 63) } else { !bits };
    !ascending
}

struct Pair {
    /// Rows.
    detection: u32,
    label: u32,
    iou: f64,
    /// Their places in the block.
    places: [usize; 2],
    /// Thresholds at which the label counts as found; none where it is ignored.
    counted: u64,
}

struct Candidate {
    /// Place in the block.
    label: usize,
    iou: f64,
    /// Thresholds that the IoU reaches.
    reaches: u64,
}

#[derive(Default)]
struct Scratch {
    candidates: Vec<Candidate>,
    /// Where each detection's candidates end.
    ends: Vec<usize>,
    /// Thresholds at which a label is taken already.
    taken: Vec<u64>,
    ignored: Vec<bool>,
    crowd: Vec<bool>,
}

/// Receives what the matching finds. The parts that a receiver has no use for compile to nothing.
trait Sink {
    fn pair(&mut self, area: usize, pair: Pair);
    fn outcome(&mut self, detection: usize, area: usize, outcome: Outcome);
}

impl Sink for Vec<Pair> {
    fn pair(&mut self, _area: usize, pair: Pair) {
        self.push(pair);
    }

    fn outcome(&mut self, _detection: usize, _area: usize, _outcome: Outcome) {}
}

/// Outcomes of the detections of one block.
struct Outcomes<'a> {
    areas: usize,
    out: &'a mut [Outcome],
    /// Where the block's detections and labels begin in the class.
    begin: [usize; 2],
    taken: &'a mut Vec<Taken>,
}

impl Sink for Outcomes<'_> {
    fn pair(&mut self, area: usize, pair: Pair) {
        if area == 0 && pair.counted != 0 {
            self.taken.push(Taken {
                detection: (self.begin[0] + pair.places[0]) as u32,
                label: (self.begin[1] + pair.places[1]) as u32,
                thresholds: pair.counted,
            });
        }
    }

    fn outcome(&mut self, detection: usize, area: usize, outcome: Outcome) {
        self.out[detection * self.areas + area] = outcome;
    }
}

struct Matcher<'a> {
    truth: &'a GroundTruth,
    detections: &'a Detections,
    geometry: &'a Geometry<'a>,
    params: &'a CocoParams,
    /// Thresholds as the reference compares them: a threshold of 1 is met by an IoU of 1 - 1e-10.
    thresholds: Vec<f64>,
    /// A bit for every threshold.
    every: u64,
}

impl<'a> Matcher<'a> {
    fn new(
        truth: &'a GroundTruth,
        detections: &'a Detections,
        geometry: &'a Geometry<'a>,
        params: &'a CocoParams,
    ) -> Self {
        let thresholds: Vec<f64> = params.iou_thresholds.iter().map(|t| t.min(1.0 - 1e-10)).collect();
        let every = u64::MAX >> (64 - thresholds.len().clamp(1, 64));
        Self {
            truth,
            detections,
            geometry,
            params,
            thresholds,
            every,
        }
    }

    fn blocks(&self, group: &Group) -> ClassBlocks {
        let max_det = self.params.max_det();
        // the place in the group breaks ties, which makes an unstable sort stable
        let mut order: Vec<(u32, u64, u32)> = group
            .detection
            .iter()
            .enumerate()
            .map(|(place, row)| {
                let row = *row as usize;
                (
                    self.detections.image[row],
                    descending(self.detections.score[row]),
                    place as u32,
                )
            })
            .collect();
        order.par_sort_unstable();
        let mut label: Vec<u32> = group.label.clone();
        // stable: within an image, labels keep their order
        label.sort_by_key(|row| self.truth.image[*row as usize]);

        let mut detection = Vec::with_capacity(order.len());
        let mut rank = Vec::with_capacity(order.len());
        let mut blocks = Vec::new();
        let (mut d, mut g) = (0, 0);
        loop {
            let label_image = label.get(g).map(|row| self.truth.image[*row as usize]);
            let image = match (order.get(d).map(|entry| entry.0), label_image) {
                (None, None) => break,
                (Some(image), None) | (None, Some(image)) => image,
                (Some(a), Some(b)) => a.min(b),
            };
            let begin = detection.len();
            let mut n = 0;
            while let Some(entry) = order.get(d).filter(|entry| entry.0 == image) {
                if n < max_det {
                    detection.push(group.detection[entry.2 as usize]);
                    rank.push(n);
                }
                n = n.saturating_add(1);
                d += 1;
            }
            let label_begin = g;
            while label.get(g).is_some_and(|row| self.truth.image[*row as usize] == image) {
                g += 1;
            }
            blocks.push(Block {
                detection: begin..detection.len(),
                label: label_begin..g,
            });
        }
        ClassBlocks {
            detection,
            rank,
            label,
            images: blocks,
        }
    }

    /// Area ranges that an area is inside of.
    fn inside(&self, area: f64) -> u64 {
        self.params
            .areas
            .iter()
            .enumerate()
            .filter(|(_, range)| range.contains(area))
            .fold(0, |bits, (i, _)| bits | 1 << i)
    }

    fn match_class(&self, group: &Group) -> ClassMatches {
        let areas = self.params.areas.len();
        let ClassBlocks {
            detection,
            rank,
            label,
            images: blocks,
        } = self.blocks(group);

        let mut outcome = vec![Outcome::default(); detection.len() * areas];
        let chunks = split(&blocks, &mut outcome, areas);
        let taken: Vec<Vec<Taken>> = chunks
            .into_par_iter()
            .map(|(blocks, mut out)| {
                let mut scratch = Scratch::default();
                let mut taken = Vec::new();
                for block in blocks {
                    let (own, rest) = out.split_at_mut(block.detection.len() * areas);
                    out = rest;
                    let mut sink = Outcomes {
                        areas,
                        out: own,
                        begin: [block.detection.start, block.label.start],
                        taken: &mut taken,
                    };
                    let rows = &detection[block.detection.clone()];
                    self.match_block(rows, &label[block.label.clone()], &mut scratch, &mut sink);
                }
                taken
            })
            .collect();

        let mut order: Vec<(u64, u32)> = detection
            .iter()
            .enumerate()
            .map(|(place, row)| (descending(self.detections.score[*row as usize]), place as u32))
            .collect();
        order.par_sort_unstable();
        let mut sorted = Vec::with_capacity(outcome.len());
        for (_, place) in &order {
            let begin = *place as usize * areas;
            sorted.extend_from_slice(&outcome[begin..begin + areas]);
        }
        let mut place_by_score = vec![0; order.len()];
        for (by_score, (_, place)) in (0..).zip(&order) {
            place_by_score[*place as usize] = by_score;
        }
        let mut taken: Vec<Taken> = taken.concat();
        for one in &mut taken {
            one.detection = place_by_score[one.detection as usize];
        }
        taken.sort_unstable_by_key(|one| (one.detection, one.label));
        let by_score: Vec<u32> = order.iter().map(|(_, place)| detection[*place as usize]).collect();
        ClassMatches {
            class: group.class,
            image: by_score
                .iter()
                .map(|row| self.detections.image[*row as usize])
                .collect(),
            rank: order.iter().map(|(_, place)| rank[*place as usize]).collect(),
            score: by_score
                .iter()
                .map(|row| self.detections.score[*row as usize])
                .collect(),
            detection: by_score,
            outcome: sorted,
            label_image: label.iter().map(|row| self.truth.image[*row as usize]).collect(),
            label_counted: label
                .iter()
                .map(|row| {
                    let row = *row as usize;
                    if self.truth.is_counted(row) {
                        self.inside(self.truth.area[row])
                    } else {
                        0
                    }
                })
                .collect(),
            label,
            taken,
        }
    }

    /// Matches the detections of one image and class, best first, to its labels.
    fn match_block(&self, detections: &[u32], labels: &[u32], scratch: &mut Scratch, sink: &mut impl Sink) {
        self.find_candidates(detections, labels, scratch);
        let Scratch {
            candidates,
            ends,
            taken,
            ignored,
            crowd,
        } = scratch;
        for (area, range) in self.params.areas.iter().enumerate() {
            taken.clear();
            taken.resize(labels.len(), 0);
            ignored.clear();
            ignored.extend(labels.iter().map(|row| {
                let row = *row as usize;
                !self.truth.is_counted(row) || !range.contains(self.truth.area[row])
            }));
            let mut begin = 0;
            for (place, row) in detections.iter().enumerate() {
                let mine = &candidates[begin..ends[place]];
                begin = ends[place];
                let mut outcome = Outcome::default();
                // thresholds at which this detection has found its label
                let mut settled = 0_u64;
                // thresholds at which it found the label that the reference cannot tell from none
                let mut unreported = 0_u64;
                for wanted_ignored in [false, true] {
                    for candidate in mine.iter().filter(|c| ignored[c.label] == wanted_ignored) {
                        let g = candidate.label;
                        let mut bits = candidate.reaches & !settled;
                        if !crowd[g] {
                            bits &= !taken[g];
                        }
                        if bits == 0 {
                            continue;
                        }
                        taken[g] |= bits;
                        settled |= bits;
                        if wanted_ignored {
                            outcome.ignored |= bits;
                        } else {
                            outcome.true_positive |= bits;
                        }
                        let is_unreported = self.truth.zero_id == Some(labels[g]);
                        if is_unreported {
                            unreported |= bits;
                        }
                        let pair = Pair {
                            detection: *row,
                            label: labels[g],
                            iou: candidate.iou,
                            places: [place, g],
                            counted: if wanted_ignored || is_unreported { 0 } else { bits },
                        };
                        sink.pair(area, pair);
                    }
                }
                outcome.true_positive &= !unreported;
                if !range.contains(self.detections.area[*row as usize]) {
                    outcome.ignored |= self.every & (!settled | unreported);
                }
                sink.outcome(place, area, outcome);
            }
        }
    }

    /// For each detection the labels that reach a threshold, the highest IoU first; of equal ones the later label first,
    /// since the reference lets it replace the earlier one.
    fn find_candidates(&self, detections: &[u32], labels: &[u32], scratch: &mut Scratch) {
        scratch.candidates.clear();
        scratch.ends.clear();
        scratch.crowd.clear();
        scratch
            .crowd
            .extend(labels.iter().map(|row| self.truth.crowd[*row as usize]));
        let lowest = self.thresholds.first().copied().unwrap_or(1.0);
        for detection in detections {
            let begin = scratch.candidates.len();
            for (place, label) in labels.iter().enumerate() {
                let iou = self.geometry.iou(*detection, *label, scratch.crowd[place]);
                if iou < lowest {
                    continue;
                }
                // ascending thresholds: those that are reached come first
                let reached = self.thresholds.partition_point(|t| *t <= iou);
                scratch.candidates.push(Candidate {
                    label: place,
                    iou,
                    reaches: u64::MAX >> (64 - reached.clamp(1, 64)),
                });
            }
            scratch.candidates[begin..].sort_unstable_by(|a, b| b.iou.total_cmp(&a.iou).then(b.label.cmp(&a.label)));
            scratch.ends.push(scratch.candidates.len());
        }
    }
}

/// Cuts the blocks of a class into pieces of work of similar size, each with its part of the outcomes.
fn split<'a>(
    blocks: &'a [Block],
    mut outcome: &'a mut [Outcome],
    areas: usize,
) -> Vec<(&'a [Block], &'a mut [Outcome])> {
    const ENOUGH: usize = 4096;
    let mut chunks = Vec::new();
    let mut begin = 0;
    let mut size = 0;
    let mut rows = 0;
    for (i, block) in blocks.iter().enumerate() {
        rows += block.detection.len();
        size += block.detection.len() * (1 + block.label.len());
        if size >= ENOUGH || i + 1 == blocks.len() {
            let (own, rest) = outcome.split_at_mut(rows * areas);
            outcome = rest;
            chunks.push((&blocks[begin..=i], own));
            begin = i + 1;
            size = 0;
            rows = 0;
        }
    }
    chunks
}
