//! From outcomes to precision, recall and their averages.

use rayon::prelude::*;

use super::matching::{ClassMatches, Matches};
use crate::error::EvalError;

/// `numpy.spacing(1)`, which the reference adds to the denominator of precision.
const SPACING: f64 = f64::EPSILON;

/// Numbers of one class in one area range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    /// Labels that count; with weights, their sum. 0 leaves everything else undefined.
    pub support: u64,
    /// Average precision at each IoU threshold; empty when undefined.
    pub ap: Vec<f64>,
    /// Highest recall for each number of detections at each IoU threshold: `recall[m * thresholds + t]`; empty when
    /// undefined.
    pub recall: Vec<f64>,
}

/// Average precision and recall of every class, area range and threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Accumulated {
    /// Number of IoU thresholds.
    pub thresholds: usize,
    /// Number of area ranges.
    pub areas: usize,
    /// Cells, `cells[class_place * areas + area]`, where classes stand as in [`Matches::per_class`].
    pub cells: Vec<Cell>,
}

/// Precision over recall for one class and threshold.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct PrCurve {
    /// Class index.
    pub class: u32,
    /// IoU threshold.
    pub iou: f64,
    /// Labels that count.
    pub support: u64,
    /// Recalls: the recall thresholds of the parameters.
    pub recall: Vec<f64>,
    /// Interpolated precision at each recall: the highest at this recall or beyond, 0 where it is never reached.
    pub precision: Vec<f64>,
    /// Score of the detection that reaches each recall, 0 where it is never reached.
    pub score: Vec<f64>,
    /// The score threshold with the best F1; `None` without true positives.
    pub best: Option<OperatingPoint>,
}

/// What a score threshold gives: detections with at least this score are kept.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct OperatingPoint {
    /// Score threshold.
    pub score: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Precision.
    pub precision: f64,
    /// Recall.
    pub recall: f64,
}

/// Vectors that are used again for each cell.
#[derive(Default)]
struct Scratch {
    tp: Vec<u64>,
    /// False positives at single thresholds, beside those at all of them.
    fp: Vec<u64>,
    /// True positives so far and precision at each true positive, per threshold.
    points: Vec<Vec<(u64, f64)>>,
}

impl Matches {
    /// Average precision and recall of everything, or, with a weight per image, of a slice (0 and 1) or of a resample
    /// (how often the image was drawn).
    pub fn accumulate(&self, weights: Option<&[u32]>) -> Result<Accumulated, EvalError> {
        self.check_weights(weights)?;
        let areas = self.params.areas.len();
        let cells = (0..self.per_class.len() * areas)
            .into_par_iter()
            .map_init(Scratch::default, |scratch, i| {
                self.cell(i / areas, i % areas, weights, scratch)
            })
            .collect();
        Ok(self.accumulated(cells))
    }

    /// The same on this thread alone, for callers that are parallel themselves. The weights are trusted.
    pub(crate) fn accumulate_serially(&self, weights: Option<&[u32]>) -> Accumulated {
        let areas = self.params.areas.len();
        let mut scratch = Scratch::default();
        let cells = (0..self.per_class.len() * areas)
            .map(|i| self.cell(i / areas, i % areas, weights, &mut scratch))
            .collect();
        self.accumulated(cells)
    }

    /// Precision–recall curves of every class with labels, at the threshold with this index and in this area range.
    pub fn curves(&self, threshold: usize, area: usize, weights: Option<&[u32]>) -> Result<Vec<PrCurve>, EvalError> {
        self.check_weights(weights)?;
        if threshold >= self.params.iou_thresholds.len() || area >= self.params.areas.len() {
            return Err(EvalError::Parameter {
                parameter: "threshold, area",
                problem: format!("there is no threshold {threshold} or no area range {area}"),
            });
        }
        Ok(self
            .per_class
            .par_iter()
            .filter_map(|class| self.curve(class, threshold, area, weights))
            .collect())
    }

    fn accumulated(&self, cells: Vec<Cell>) -> Accumulated {
        Accumulated {
            thresholds: self.params.iou_thresholds.len(),
            areas: self.params.areas.len(),
            cells,
        }
    }

    fn check_weights(&self, weights: Option<&[u32]>) -> Result<(), EvalError> {
        match weights {
            Some(weights) if weights.len() != self.images as usize => Err(EvalError::Mismatch {
                what: "numbers of images and of weights",
                a: u64::from(self.images),
                b: weights.len() as u64,
            }),
            _ => Ok(()),
        }
    }

    fn cell(&self, class: usize, area: usize, weights: Option<&[u32]>, scratch: &mut Scratch) -> Cell {
        let class = &self.per_class[class];
        let support = class.support(area, weights);
        if support == 0 {
            return Cell::default();
        }
        let count = self.params.iou_thresholds.len();
        let every = u64::MAX >> (64 - count.clamp(1, 64));
        let max_dets = &self.params.max_dets;
        let areas = self.params.areas.len();

        let Scratch { tp, fp, points } = scratch;
        tp.clear();
        tp.resize(count, 0);
        fp.clear();
        fp.resize(count, 0);
        points.resize_with(count, Vec::new);
        points.iter_mut().for_each(Vec::clear);
        // true positives among the first detections of each image, per number of detections and threshold
        let mut found = vec![0_u64; max_dets.len() * count];

        let mut common = 0_u64;
        for (i, outcome) in class.outcome.iter().skip(area).step_by(areas).enumerate() {
            let weight = weights.map_or(1, |weights| u64::from(weights[class.image[i] as usize]));
            let live = every & !outcome.ignored;
            if weight == 0 || live == 0 {
                continue;
            }
            let hits = outcome.true_positive & live;
            if hits == 0 && live == every {
                common += weight;
                continue;
            }
            let first = max_dets.partition_point(|m| *m <= class.rank[i]);
            for t in 0..count {
                if hits >> t & 1 == 1 {
                    tp[t] += weight;
                    let precision = tp[t] as f64 / ((common + fp[t]) as f64 + tp[t] as f64 + SPACING);
                    points[t].push((tp[t], precision));
                    for m in first..max_dets.len() {
                        found[m * count + t] += weight;
                    }
                } else if live >> t & 1 == 1 {
                    fp[t] += weight;
                }
            }
        }

        let total = support as f64;
        let recalls = &self.params.recall_thresholds;
        let ap = points
            .iter_mut()
            .map(|points| {
                envelope(points);
                let mut next = 0;
                let mut sum = 0.0;
                for recall in recalls {
                    while points.get(next).is_some_and(|(tp, _)| (*tp as f64 / total) < *recall) {
                        next += 1;
                    }
                    match points.get(next) {
                        Some((_, precision)) => sum += precision,
                        None => break,
                    }
                }
                sum / recalls.len() as f64
            })
            .collect();
        Cell {
            support,
            ap,
            recall: found.iter().map(|found| *found as f64 / total).collect(),
        }
    }

    fn curve(&self, class: &ClassMatches, threshold: usize, area: usize, weights: Option<&[u32]>) -> Option<PrCurve> {
        let support = class.support(area, weights);
        if support == 0 {
            return None;
        }
        let total = support as f64;
        let areas = self.params.areas.len();
        let mut points = Vec::new();
        let mut scores = Vec::new();
        let mut best: Option<OperatingPoint> = None;
        let (mut tp, mut fp) = (0_u64, 0_u64);
        for (i, outcome) in class.outcome.iter().skip(area).step_by(areas).enumerate() {
            let weight = weights.map_or(1, |weights| u64::from(weights[class.image[i] as usize]));
            if weight != 0 && outcome.ignored >> threshold & 1 == 0 {
                if outcome.true_positive >> threshold & 1 == 1 {
                    tp += weight;
                    points.push((tp, tp as f64 / (fp as f64 + tp as f64 + SPACING)));
                    scores.push(class.score[i]);
                } else {
                    fp += weight;
                }
            }
            // a score threshold keeps all detections of equal score
            if class.score.get(i + 1) != Some(&class.score[i]) && tp > 0 {
                let f1 = 2.0 * tp as f64 / (total + (tp + fp) as f64);
                if best.is_none_or(|best| f1 > best.f1) {
                    best = Some(OperatingPoint {
                        score: class.score[i],
                        f1,
                        precision: tp as f64 / (tp + fp) as f64,
                        recall: tp as f64 / total,
                    });
                }
            }
        }
        envelope(&mut points);
        let recall = self.params.recall_thresholds.clone();
        let reached: Vec<usize> = recall
            .iter()
            .map(|recall| points.partition_point(|(tp, _)| (*tp as f64 / total) < *recall))
            .collect();
        Some(PrCurve {
            class: class.class,
            iou: self.params.iou_thresholds[threshold],
            support,
            precision: reached
                .iter()
                .map(|i| points.get(*i).map_or(0.0, |point| point.1))
                .collect(),
            score: reached.iter().map(|i| scores.get(*i).copied().unwrap_or(0.0)).collect(),
            recall,
            best,
        })
    }
}

impl ClassMatches {
    /// Labels that count in this area range; with weights, the sum of theirs.
    fn support(&self, area: usize, weights: Option<&[u32]>) -> u64 {
        self.label_counted
            .iter()
            .zip(&self.label_image)
            .filter(|(counted, _)| **counted >> area & 1 == 1)
            .map(|(_, image)| weights.map_or(1, |weights| u64::from(weights[*image as usize])))
            .sum()
    }
}

/// Replaces each precision by the highest at this recall or beyond. Precision falls between true positives, so that these
/// are the only points that matter.
fn envelope(points: &mut [(u64, f64)]) {
    let mut highest = 0.0_f64;
    for (_, precision) in points.iter_mut().rev() {
        highest = highest.max(*precision);
        *precision = highest;
    }
}

/// Mean, or `None` of nothing.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

impl Accumulated {
    /// Average precision over the cells of an area range: of one class (its place in [`Matches::per_class`]) or of all, at one
    /// threshold (its index) or the mean over all. `None` where there are no labels.
    pub fn ap(&self, class: Option<usize>, area: usize, threshold: Option<usize>) -> Option<f64> {
        mean(
            self.select(class, area)
                .filter(|cell| cell.support > 0)
                .flat_map(|cell| match threshold {
                    None => cell.ap.as_slice(),
                    Some(t) => cell.ap.get(t..=t).unwrap_or_default(),
                })
                .copied(),
        )
    }

    /// Average recall, mean over thresholds, with this number of detections per image (its index in `max_dets`).
    pub fn ar(&self, class: Option<usize>, area: usize, max_det: usize) -> Option<f64> {
        let range = max_det * self.thresholds..(max_det + 1) * self.thresholds;
        mean(
            self.select(class, area)
                .flat_map(|cell| cell.recall.get(range.clone()).unwrap_or_default())
                .copied(),
        )
    }

    /// Labels that count in an area range, of one class or all.
    pub fn support(&self, class: Option<usize>, area: usize) -> u64 {
        self.select(class, area).map(|cell| cell.support).sum()
    }

    /// Number of classes.
    pub fn class_count(&self) -> usize {
        self.cells.len() / self.areas.max(1)
    }

    fn select(&self, class: Option<usize>, area: usize) -> impl Iterator<Item = &Cell> {
        self.cells
            .chunks(self.areas.max(1))
            .enumerate()
            .filter(move |(place, _)| class.is_none_or(|class| class == *place))
            .filter_map(move |(_, cells)| cells.get(area))
    }
}
