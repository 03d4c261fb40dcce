//! PPAL, plug and play active learning: first the images that are uncertain for how difficult their classes are, then, of these, images
//! that are unlike each other in their objects.
//!
//! Yang, Huang and Crowley, "Plug and Play Active Learning for Object Detection", CVPR 2024 (arXiv 2211.11612). It needs nothing of a
//! detector but what it finds, with a feature for each object:
//!
//! 1. While the detector is trained, [`Difficulties`] follow how well it finds and places the objects of each class.
//! 2. Difficulty calibrated uncertainty: an image's score is the sum of its objects' entropies, those of difficult classes weighing more
//!    ([`class_weights`], [`image_scores`]). The images with the highest scores, a few times the budget, are the candidates.
//! 3. Category conditioned matching similarity: two images are alike as far as each object of one has a similar object of its class in
//!    the other ([`similarity`]). Medoids of the candidates under it are the selection.
//!
//! [`select`] does the second and third step. Constants and details follow the authors' published program, except where the text here says
//! otherwise.

use std::ops::Range;

use rayon::prelude::*;

use super::{check_budget, top_n};
use crate::distance::product;
use crate::error::{MineError, length};
use crate::points::Points;
use crate::targeted::check_offsets;

/// The most candidates: each is compared with each, which at this number takes 2 GiB.
pub const MOST_CANDIDATES: usize = 32_768;

/// Candidates that are compared with all others at a time: few enough to stay in the cache.
const TILE: usize = 8;

/// How fast difficulties change, and what makes an object difficult.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DifficultyParams {
    /// Part of the old difficulty that a batch leaves, 0 to 1. Default 0.999.
    pub momentum: f64,
    /// ξ: how much the probability counts, 0 to 1; the rest is the overlap's. Default 0.6.
    pub xi: f64,
}

impl Default for DifficultyParams {
    fn default() -> Self {
        Self {
            momentum: 0.999,
            xi: 0.6,
        }
    }
}

impl DifficultyParams {
    fn check(&self) -> Result<(), MineError> {
        for (parameter, value) in [("momentum", self.momentum), ("xi", self.xi)] {
            in_unit(parameter, value)?;
        }
        Ok(())
    }
}

fn in_unit(parameter: &'static str, value: f64) -> Result<(), MineError> {
    // NaN is in no range.
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(MineError::Parameter {
        parameter,
        value: value.to_string(),
        allowed: "0 to 1",
    })
}

/// An object of a training batch, matched with its label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matched {
    /// Class of the label.
    pub class: u32,
    /// Probability that the detector gives to this class, 0 to 1.
    pub probability: f32,
    /// Intersection over union of its box and the label's, 0 to 1.
    pub iou: f32,
}

/// Difficulty of a class.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Difficulty {
    /// 0 for a class that is always found with certainty and in place, 1 for one that never is, and at first.
    pub value: f64,
    /// Part of it that the next batch will leave.
    pub momentum: f64,
}

/// Difficulties of all classes, by class index.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Difficulties(pub Vec<Difficulty>);

impl Difficulties {
    /// Every class as difficult as can be.
    ///
    /// # Errors
    /// [`MineError::Parameter`].
    pub fn new(classes: usize, params: &DifficultyParams) -> Result<Self, MineError> {
        params.check()?;
        let first = Difficulty {
            value: 1.0,
            momentum: params.momentum,
        };
        Ok(Self(vec![first; classes]))
    }

    /// The difficulties after one more batch of training: `d ← m·d + (1 − m)·d̄`, with `d̄` the mean of `1 − p^ξ · IoU^(1−ξ)` over the
    /// class's objects.
    ///
    /// A class without objects in the batch keeps its difficulty, and its momentum is multiplied by the parameter, so that what comes next
    /// of a rare class counts as much as if it had come each time. (The authors' program moves such a class towards 1 meanwhile.)
    ///
    /// ```
    /// use guideway_mine::diversity::ppal::{Difficulties, DifficultyParams, Matched};
    /// let params = DifficultyParams { momentum: 0.5, xi: 0.5 };
    /// let found = Matched { class: 0, probability: 0.25, iou: 1.0 };
    /// let now = Difficulties::new(2, &params)?.after(&[found], &params)?;
    /// assert_eq!((now.0[0].value, now.0[0].momentum), (0.75, 0.5));
    /// assert_eq!((now.0[1].value, now.0[1].momentum), (1.0, 0.25));
    /// # Ok::<(), guideway_mine::MineError>(())
    /// ```
    ///
    /// # Errors
    /// [`MineError::Parameter`], [`MineError::OutOfRange`] for a class without a difficulty and for what is no probability or overlap.
    pub fn after(&self, batch: &[Matched], params: &DifficultyParams) -> Result<Self, MineError> {
        params.check()?;
        let mut sums = vec![(0.0_f64, 0_u64); self.0.len()];
        for (row, object) in batch.iter().enumerate() {
            let bad = |what, value, allowed| MineError::OutOfRange {
                what,
                row,
                value,
                allowed,
            };
            for (what, value) in [("probability", object.probability), ("iou", object.iou)] {
                if !(0.0..=1.0).contains(&value) {
                    return Err(bad(what, f64::from(value), "0 to 1"));
                }
            }
            let Some((sum, count)) = sums.get_mut(object.class as usize) else {
                return Err(bad("class", f64::from(object.class), "the classes with a difficulty"));
            };
            let (p, iou) = (f64::from(object.probability), f64::from(object.iou));
            *sum += 1.0 - p.powf(params.xi) * iou.powf(1.0 - params.xi);
            *count += 1;
        }
        let next = |(old, (sum, count)): (&Difficulty, (f64, u64))| {
            if count == 0 {
                return Difficulty {
                    value: old.value,
                    momentum: old.momentum * params.momentum,
                };
            }
            Difficulty {
                value: old.momentum * old.value + (1.0 - old.momentum) * (sum / count as f64),
                momentum: params.momentum,
            }
        };
        Ok(Self(self.0.iter().zip(sums).map(next).collect()))
    }

    /// The difficulties alone.
    pub fn values(&self) -> Vec<f64> {
        self.0.iter().map(|d| d.value).collect()
    }
}

/// How much an object of each class weighs: `W = 1 + α·β·ln(1 + γ·d)` with `γ = e^{1/α} − 1`, from 1 for an easy class to `1 + β` for the
/// most difficult. The smaller α, the steeper it rises at first.
///
/// ```
/// let weights = guideway_mine::diversity::ppal::class_weights(&[0.0, 1.0], 0.3, 0.2)?;
/// assert!(weights[0] == 1.0 && (weights[1] - 1.2).abs() < 1e-12);
/// # Ok::<(), guideway_mine::MineError>(())
/// ```
///
/// # Errors
/// [`MineError::Parameter`] for an α below 0.01 or a negative β, [`MineError::OutOfRange`] for a difficulty that is not 0 to 1.
pub fn class_weights(difficulties: &[f64], alpha: f64, beta: f64) -> Result<Vec<f64>, MineError> {
    let parameter = |parameter, value: f64, allowed| {
        Err(MineError::Parameter {
            parameter,
            value: value.to_string(),
            allowed,
        })
    };
    // Much below, e^{1/α} is no number any more.
    if !(0.01..f64::INFINITY).contains(&alpha) {
        return parameter("alpha", alpha, "0.01 and more");
    }
    if !(0.0..f64::INFINITY).contains(&beta) {
        return parameter("beta", beta, "0 and more");
    }
    let gamma = alpha.recip().exp_m1();
    let weight = |(row, d): (usize, &f64)| {
        if (0.0..=1.0).contains(d) {
            return Ok(1.0 + alpha * beta * (gamma * d).ln_1p());
        }
        Err(MineError::OutOfRange {
            what: "difficulties",
            row,
            value: *d,
            allowed: "0 to 1",
        })
    };
    difficulties.iter().enumerate().map(weight).collect()
}

/// What a detector found in each image.
#[derive(Debug, Clone, Copy)]
pub struct Detections<'a> {
    offsets: &'a [u32],
    classes: &'a [u32],
    scores: &'a [f32],
    features: Points<'a>,
}

impl<'a> Detections<'a> {
    /// The objects of image `i` are those at `offsets[i]..offsets[i + 1]`, each with its class, its score, which is a probability, and the
    /// feature of its region.
    ///
    /// # Errors
    /// [`MineError::Length`], [`MineError::OutOfRange`].
    pub fn new(
        offsets: &'a [u32],
        classes: &'a [u32],
        scores: &'a [f32],
        features: Points<'a>,
    ) -> Result<Self, MineError> {
        check_offsets(offsets, classes.len())?;
        length("scores", scores.len(), classes.len())?;
        length("features", features.len(), classes.len())?;
        if let Some(row) = scores.iter().position(|score| !(0.0..=1.0).contains(score)) {
            return Err(MineError::OutOfRange {
                what: "scores",
                row,
                value: f64::from(scores[row]),
                allowed: "a probability, 0 to 1",
            });
        }
        Ok(Self {
            offsets,
            classes,
            scores,
            features,
        })
    }

    /// How many images.
    pub fn images(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The objects of an image that count, by class, within one class in their order.
    fn counting(&self, image: usize, least_score: f32) -> Vec<usize> {
        let objects = self.offsets[image] as usize..self.offsets[image + 1] as usize;
        let counts = |object: &usize| self.scores[*object] >= least_score && self.scores[*object] > 0.0;
        let mut objects: Vec<usize> = objects.filter(counts).collect();
        objects.sort_by_key(|object| self.classes[*object]);
        objects
    }
}

/// How to select.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PpalParams {
    /// α of [`class_weights`]. Default 0.3.
    pub alpha: f64,
    /// β of [`class_weights`]. Default 0.2.
    pub beta: f64,
    /// δ: candidates for each image of the budget, 1 and more. Default 4.
    pub expansion: usize,
    /// Objects with a lower score do not count. Default 0.05.
    pub least_score: f32,
    /// Most rounds of moving the medoids. Default 100.
    pub rounds: u32,
}

impl Default for PpalParams {
    fn default() -> Self {
        Self {
            alpha: 0.3,
            beta: 0.2,
            expansion: 4,
            least_score: 0.05,
            rounds: 100,
        }
    }
}

/// The score of each image: the sum over its objects of the weight of the class times the entropy of the score, as of a coin, bits. Objects
/// with a score below `least_score` do not count; an image without any has 0.
///
/// # Errors
/// [`MineError::OutOfRange`] for a class without a weight or a weight that is not a finite number of at least 0.
pub fn image_scores(detections: &Detections<'_>, weights: &[f64], least_score: f32) -> Result<Vec<f32>, MineError> {
    if let Some(row) = weights.iter().position(|w| !(0.0..f64::INFINITY).contains(w)) {
        return Err(MineError::OutOfRange {
            what: "weights",
            row,
            value: weights[row],
            allowed: "0 and more",
        });
    }
    if let Some(row) = detections.classes.iter().position(|c| *c as usize >= weights.len()) {
        return Err(MineError::OutOfRange {
            what: "classes",
            row,
            value: f64::from(detections.classes[row]),
            allowed: "the classes with a difficulty",
        });
    }
    let mut entropies = Vec::with_capacity(detections.scores.len());
    crate::scores::entropy(&[detections.scores], &mut entropies)?;
    let objects = |pair: &[u32]| pair[0] as usize..pair[1] as usize;
    let of = |object: usize| {
        if detections.scores[object] < least_score {
            return 0.0;
        }
        weights[detections.classes[object] as usize] * f64::from(entropies[object])
    };
    let score = |pair: &[u32]| objects(pair).fold(0.0, |sum, object| sum + of(object)) as f32;
    Ok(detections.offsets.windows(2).map(score).collect())
}

/// Category conditioned matching similarity of two images, 0 to 1.
///
/// An object's match is `½ + ½·cos` with the feature most like its own among the other image's objects of its class, 0 where there is none.
/// An image's match is the mean over its objects, weighted by their scores, and the similarity is the mean of both images' matches. Objects
/// with a score below `least_score` do not count. Two images without objects are alike (1), one without is unlike one with (0).
///
/// # Errors
/// [`MineError::OutOfRange`] for an image that is not there.
pub fn similarity(detections: &Detections<'_>, images: [u32; 2], least_score: f32) -> Result<f32, MineError> {
    if let Some(row) = images.iter().position(|image| *image as usize >= detections.images()) {
        return Err(MineError::OutOfRange {
            what: "images",
            row,
            value: f64::from(images[row]),
            allowed: "the images with detections",
        });
    }
    let objects = Objects::new(detections, &images, least_score);
    Ok(1.0 - objects.distance(0, 1, &mut Vec::new()))
}

/// The objects of some images, ready to be compared.
struct Objects {
    /// Image by image.
    offsets: Vec<usize>,
    classes: Vec<u32>,
    scores: Vec<f64>,
    /// Scaled to length 1.
    features: Vec<f32>,
    width: usize,
}

impl Objects {
    fn new(detections: &Detections<'_>, images: &[u32], least_score: f32) -> Self {
        let mut objects = Self {
            offsets: vec![0],
            classes: Vec::new(),
            scores: Vec::new(),
            features: Vec::new(),
            width: detections.features.width(),
        };
        for image in images {
            for object in detections.counting(*image as usize, least_score) {
                objects.classes.push(detections.classes[object]);
                objects.scores.push(f64::from(detections.scores[object]));
                let feature = detections.features.row(object);
                let norm = feature.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
                let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
                let unit = feature.iter().map(|v| (f64::from(*v) * scale) as f32);
                objects.features.extend(unit);
            }
            objects.offsets.push(objects.classes.len());
        }
        objects
    }

    fn feature(&self, object: usize) -> &[f32] {
        &self.features[object * self.width..(object + 1) * self.width]
    }

    /// The run of one class at the start of a range.
    fn run(&self, range: &Range<usize>) -> Option<(u32, Range<usize>)> {
        let class = *self.classes.get(range.start).filter(|_| !range.is_empty())?;
        let count = self.classes[range.clone()].iter().take_while(|c| **c == class).count();
        Some((class, range.start..range.start + count))
    }

    /// One minus the similarity of two images.
    fn distance(&self, a: usize, b: usize, best: &mut Vec<f64>) -> f32 {
        let of = |image: usize| self.offsets[image]..self.offsets[image + 1];
        let (mut left, mut right) = (of(a), of(b));
        if left.is_empty() || right.is_empty() {
            return if left.is_empty() && right.is_empty() { 0.0 } else { 1.0 };
        }
        let total = |range: &Range<usize>| self.scores[range.clone()].iter().fold(0.0, |sum, score| sum + score);
        let totals = [total(&left), total(&right)];
        let mut matches = [0.0; 2];
        while let (Some((x, xs)), Some((y, ys))) = (self.run(&left), self.run(&right)) {
            // Both are in the order of classes: what the other has passed, it does not have.
            if x <= y {
                left.start = xs.end;
            }
            if y <= x {
                right.start = ys.end;
            }
            if x != y {
                continue;
            }
            best.clear();
            best.resize(ys.len(), 0.0);
            for i in xs {
                let mut own: f64 = 0.0;
                for (j, best) in ys.clone().zip(best.iter_mut()) {
                    let cosine = f64::from(product(self.feature(i), self.feature(j)).clamp(-1.0, 1.0));
                    let s = 0.5 + 0.5 * cosine;
                    own = own.max(s);
                    *best = best.max(s);
                }
                matches[0] += self.scores[i] * own;
            }
            for (j, best) in ys.zip(best.iter()) {
                matches[1] += self.scores[j] * best;
            }
        }
        let similarity = 0.5 * (matches[0] / totals[0] + matches[1] / totals[1]);
        (1.0 - similarity).clamp(0.0, 1.0) as f32
    }
}

/// A selected image.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Medoid {
    /// The image.
    pub image: u32,
    /// Candidates that it stands for, itself among them.
    pub stands_for: u32,
    /// Its own score, that of [`image_scores`].
    pub score: f32,
}

/// Selects images by PPAL: the `δ · budget` with the highest scores are the candidates, and medoids of these under the [`similarity`] are
/// selected.
///
/// The first medoid is the candidate with the highest score, and each further one the candidate least similar to all before, as in the
/// authors' program (which begins at random). Then, for some rounds, each candidate goes to the medoid most similar to it, and the
/// candidate that is the most similar to all others there becomes the medoid, until nothing changes. A medoid always stays with itself,
/// even if another is just as near. Of equal ones the lowest row is taken. The order is that of the first choice.
///
/// With no more candidates than the budget all are selected, the highest score first. Images that are labelled already must not be among
/// the detections.
///
/// Memory: 2 bytes for each pair of candidates counted both ways, and a copy of their features. Time: all pairs of their objects of one
/// class.
///
/// ```
/// use guideway_mine::{Points, diversity::ppal::{Detections, PpalParams, select}};
/// // Three images with one object each: two alike, the third of another class.
/// let features = Points::new(&[1.0, 0.0, 1.0, 0.1, 1.0, 0.0], 2)?;
/// let found = Detections::new(&[0, 1, 2, 3], &[0, 0, 1], &[0.5, 0.6, 0.7], features)?;
/// let medoids = select(&found, &[1.0, 1.0], 2, &PpalParams::default())?;
/// assert_eq!(medoids.iter().map(|m| (m.image, m.stands_for)).collect::<Vec<_>>(), [(0, 2), (2, 1)]);
/// # Ok::<(), guideway_mine::MineError>(())
/// ```
///
/// # Errors
/// [`MineError::Parameter`] for a budget or an expansion of 0 and for parameters out of their ranges, [`MineError::OutOfRange`] for
/// difficulties, or classes without one, [`MineError::TooManyRows`] for more than [`MOST_CANDIDATES`].
pub fn select(
    detections: &Detections<'_>,
    difficulties: &[f64],
    budget: usize,
    params: &PpalParams,
) -> Result<Vec<Medoid>, MineError> {
    check_budget(budget)?;
    if params.expansion == 0 {
        return Err(MineError::Parameter {
            parameter: "expansion",
            value: "0".to_owned(),
            allowed: "1 and more",
        });
    }
    in_unit("least score", f64::from(params.least_score))?;
    let weights = class_weights(difficulties, params.alpha, params.beta)?;
    let scores = image_scores(detections, &weights, params.least_score)?;
    let mut candidates = top_n(&scores, budget.saturating_mul(params.expansion))?;
    let medoid = |image: u32, stands_for: u32| Medoid {
        image,
        stands_for,
        score: scores[image as usize],
    };
    let Some(first) = candidates.first().copied().filter(|_| candidates.len() > budget) else {
        return Ok(candidates.into_iter().map(|image| medoid(image, 1)).collect());
    };
    if candidates.len() > MOST_CANDIDATES {
        return Err(MineError::TooManyRows {
            rows: candidates.len(),
            limit: MOST_CANDIDATES,
        });
    }
    // By row, so that the lowest of equal ones is the first.
    candidates.sort_unstable();
    let first = candidates.binary_search(&first).unwrap_or(0);
    let objects = Objects::new(detections, &candidates, params.least_score);
    let distances = Distances::new(candidates.len(), |a, b, scratch| objects.distance(a, b, scratch));
    let mut medoids = farthest_first(&distances, budget, first);
    let mut clusters = assign(&distances, &medoids);
    for _ in 0..params.rounds {
        let moved: Vec<usize> = clusters.par_iter().map(|members| center(&distances, members)).collect();
        if moved == medoids {
            break;
        }
        medoids = moved;
        clusters = assign(&distances, &medoids);
    }
    let pairs = medoids.iter().zip(&clusters);
    Ok(pairs
        .map(|(at, members)| medoid(candidates[*at], members.len() as u32))
        .collect())
}

/// Distances of all pairs, each once.
struct Distances(Vec<Vec<f32>>);

impl Distances {
    fn new(rows: usize, distance: impl Fn(usize, usize, &mut Vec<f64>) -> f32 + Sync) -> Self {
        let mut out: Vec<Vec<f32>> = (0..rows).map(|a| Vec::with_capacity(rows - a - 1)).collect();
        let tiles = out.par_chunks_mut(TILE).enumerate();
        tiles.for_each_init(Vec::new, |scratch, (tile, lines)| {
            for b in tile * TILE..rows {
                for (a, line) in (tile * TILE..b).zip(lines.iter_mut()) {
                    line.push(distance(a, b, scratch));
                }
            }
        });
        Self(out)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn of(&self, a: usize, b: usize) -> f32 {
        match a.cmp(&b) {
            std::cmp::Ordering::Less => self.0[a][b - a - 1],
            std::cmp::Ordering::Equal => 0.0,
            std::cmp::Ordering::Greater => self.0[b][a - b - 1],
        }
    }
}

/// Rows one after the other, each the one farthest from those before.
fn farthest_first(distances: &Distances, count: usize, first: usize) -> Vec<usize> {
    let mut taken = vec![first];
    let mut nearest: Vec<f32> = (0..distances.len()).map(|row| distances.of(row, first)).collect();
    // Below all distances: never taken again.
    nearest[first] = -1.0;
    while taken.len() < count {
        let farther = |best: (usize, f32), (row, d): (usize, &f32)| if *d > best.1 { (row, *d) } else { best };
        let (next, _) = nearest.iter().enumerate().fold((0, -1.0), farther);
        for (row, nearest) in nearest.iter_mut().enumerate() {
            *nearest = nearest.min(distances.of(row, next));
        }
        nearest[next] = -1.0;
        taken.push(next);
    }
    taken
}

/// Rows of each medoid, ascending.
fn assign(distances: &Distances, medoids: &[usize]) -> Vec<Vec<usize>> {
    let mut place = vec![None; distances.len()];
    for (cluster, medoid) in medoids.iter().enumerate() {
        place[*medoid] = Some(cluster);
    }
    let nearest = |row: usize| {
        let nearer = |best: (f32, usize, usize), (cluster, medoid): (usize, &usize)| {
            let d = distances.of(row, *medoid);
            if d < best.0 || (d == best.0 && *medoid < best.1) {
                (d, *medoid, cluster)
            } else {
                best
            }
        };
        medoids.iter().enumerate().fold((f32::INFINITY, 0, 0), nearer).2
    };
    let clusters: Vec<usize> = (0..distances.len())
        .into_par_iter()
        .map(|row| place[row].unwrap_or_else(|| nearest(row)))
        .collect();
    let mut out = vec![Vec::new(); medoids.len()];
    for (row, cluster) in clusters.into_iter().enumerate() {
        out[cluster].push(row);
    }
    out
}

/// The member with the least sum of distances to the others.
fn center(distances: &Distances, members: &[usize]) -> usize {
    let sum = |row: usize| {
        members
            .iter()
            .fold(0.0, |sum, other| sum + f64::from(distances.of(row, *other)))
    };
    let better = |best: (f64, usize), row: &usize| {
        let sum = sum(*row);
        if sum < best.0 { (sum, *row) } else { best }
    };
    members.iter().fold((f64::INFINITY, 0), better).1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDTH: usize = 4;

    /// An object: class, score, feature. Cosines are 0, ±½ and ±1, and scores few, so that many distances are equal.
    type Object = (u32, f32, [f32; WIDTH]);

    fn object() -> impl Strategy<Value = Object> {
        let sign = || prop_oneof![Just(-1.0_f32), Just(1.0)];
        let feature = prop_oneof![
            (0..WIDTH, sign(), 1_u8..4).prop_map(|(at, sign, scale)| {
                let mut v = [0.0; WIDTH];
                v[at] = sign * f32::from(scale);
                v
            }),
            [sign(), sign(), sign(), sign()],
        ];
        let score = prop_oneof![Just(0.0), Just(0.03), Just(0.25), Just(0.5), Just(0.75), Just(1.0)];
        (0_u32..3, score, feature)
    }

    fn plain_cosine(a: &[f32; WIDTH], b: &[f32; WIDTH]) -> f64 {
        let dot = |a: &[f32; WIDTH], b: &[f32; WIDTH]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    /// How well `a` finds its objects in `b`.
    fn plain_match(a: &[Object], b: &[Object]) -> f64 {
        let found = |x: &&Object| {
            let same = b.iter().filter(|y| y.0 == x.0);
            same.map(|y| 0.5 + 0.5 * plain_cosine(&x.2, &y.2)).fold(0.0, f64::max)
        };
        let objects: Vec<&Object> = a.iter().collect();
        objects.iter().map(|x| f64::from(x.1) * found(x)).sum::<f64>() / a.iter().map(|x| f64::from(x.1)).sum::<f64>()
    }

    fn plain_distance(a: &[Object], b: &[Object]) -> f32 {
        let counting = |objects: &[Object]| {
            let counts = |o: &&Object| o.1 >= 0.05;
            objects.iter().filter(counts).copied().collect::<Vec<Object>>()
        };
        match (&counting(a)[..], &counting(b)[..]) {
            ([], []) => 0.0,
            ([], _) | (_, []) => 1.0,
            (a, b) => (1.0 - 0.5 * (plain_match(a, b) + plain_match(b, a))) as f32,
        }
    }

    fn plain_score(image: &[Object], weights: &[f64]) -> f32 {
        let coin = |p: f32| {
            let p = f64::from(p);
            if p > 0.0 && p < 1.0 {
                -p * p.log2() - (1.0 - p) * (1.0 - p).log2()
            } else {
                0.0
            }
        };
        let counts = image.iter().filter(|o| o.1 >= 0.05);
        counts
            .map(|o| weights[o.0 as usize] * f64::from(coin(o.1) as f32))
            .sum::<f64>() as f32
    }

    /// The image with the greatest value, the lowest of equal ones.
    fn greatest(images: impl Iterator<Item = usize>, value: impl Fn(usize) -> f64) -> usize {
        let mut best: Option<usize> = None;
        for image in images {
            if best.is_none_or(|b| value(image) > value(b)) {
                best = Some(image);
            }
        }
        best.unwrap()
    }

    fn plain(images: &[Vec<Object>], weights: &[f64], budget: usize, params: &PpalParams) -> Vec<(u32, u32)> {
        let score = |image: usize| f64::from(plain_score(&images[image], weights));
        let mut candidates: Vec<usize> = Vec::new();
        while candidates.len() < images.len().min(budget * params.expansion) {
            let next = greatest((0..images.len()).filter(|i| !candidates.contains(i)), score);
            candidates.push(next);
        }
        if candidates.len() <= budget {
            return candidates.into_iter().map(|i| (i as u32, 1)).collect();
        }
        let distance = |a: usize, b: usize| {
            if a == b {
                0.0
            } else {
                f64::from(plain_distance(&images[a], &images[b]))
            }
        };
        let mut medoids = vec![candidates[0]];
        candidates.sort_unstable();
        while medoids.len() < budget {
            let nearest = |i: usize| medoids.iter().map(|m| distance(i, *m)).fold(f64::INFINITY, f64::min);
            let next = greatest(candidates.iter().copied().filter(|i| !medoids.contains(i)), nearest);
            medoids.push(next);
        }
        let members = |medoids: &[usize], medoid: usize| {
            let mut sorted = medoids.to_vec();
            sorted.sort_unstable();
            let home = |i: usize| {
                if medoids.contains(&i) {
                    i
                } else {
                    greatest(sorted.iter().copied(), |m| -distance(i, m))
                }
            };
            candidates
                .iter()
                .copied()
                .filter(|i| home(*i) == medoid)
                .collect::<Vec<usize>>()
        };
        for _ in 0..params.rounds {
            let center = |medoid: &usize| {
                let members = members(&medoids, *medoid);
                greatest(members.iter().copied(), |i| {
                    -members.iter().map(|j| distance(i, *j)).sum::<f64>()
                })
            };
            medoids = medoids.iter().map(center).collect();
        }
        medoids
            .iter()
            .map(|m| (*m as u32, members(&medoids, *m).len() as u32))
            .collect()
    }

    struct Flat {
        offsets: Vec<u32>,
        classes: Vec<u32>,
        scores: Vec<f32>,
        features: Vec<f32>,
    }

    impl Flat {
        fn new(images: &[Vec<Object>]) -> Self {
            let objects = || images.iter().flatten();
            let mut offsets = vec![0];
            for image in images {
                offsets.push(offsets[offsets.len() - 1] + image.len() as u32);
            }
            Self {
                offsets,
                classes: objects().map(|o| o.0).collect(),
                scores: objects().map(|o| o.1).collect(),
                features: objects().flat_map(|o| o.2).collect(),
            }
        }

        fn detections(&self) -> Detections<'_> {
            let features = Points::new(&self.features, WIDTH).unwrap();
            Detections::new(&self.offsets, &self.classes, &self.scores, features).unwrap()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn the_result_is_that_of_the_plain_algorithm(
            images in prop::collection::vec(prop::collection::vec(object(), 0..5), 0..16),
            difficulties in prop::array::uniform3(0.0_f64..=1.0), budget in 1_usize..6, expansion in 1_usize..5, rounds in 0_u32..5,
        ) {
            let params = PpalParams { expansion, rounds, ..PpalParams::default() };
            let flat = Flat::new(&images);
            let found = select(&flat.detections(), &difficulties, budget, &params).unwrap();
            let weights = class_weights(&difficulties, params.alpha, params.beta).unwrap();
            let found_pairs: Vec<(u32, u32)> = found.iter().map(|m| (m.image, m.stands_for)).collect();
            prop_assert_eq!(found_pairs, plain(&images, &weights, budget, &params));
            for medoid in &found {
                prop_assert_eq!(medoid.score, plain_score(&images[medoid.image as usize], &weights));
            }
        }

        #[test]
        fn similarities_are_those_of_the_definition(a in prop::collection::vec(object(), 0..6), b in prop::collection::vec(object(), 0..6)) {
            let expected = 1.0 - plain_distance(&a, &b);
            let flat = Flat::new(&[a, b]);
            let of = |images| similarity(&flat.detections(), images, 0.05).unwrap();
            prop_assert_eq!(of([0, 1]), expected);
            prop_assert_eq!(of([1, 0]), expected);
            prop_assert_eq!(of([1, 1]), 1.0);
        }
    }

    #[test]
    fn difficulties_follow_what_is_found() {
        let params = DifficultyParams { momentum: 0.9, xi: 0.5 };
        let found = |class, probability, iou| Matched {
            class,
            probability,
            iou,
        };
        let mut d = Difficulties::new(3, &params).unwrap();
        // Two objects of class 0 (difficulties 0 and ½), none of the others.
        d = d.after(&[found(0, 1.0, 1.0), found(0, 0.25, 1.0)], &params).unwrap();
        assert!((d.0[0].value - (0.9 + 0.1 * 0.25)).abs() < 1e-12);
        d = d.after(&[found(1, 1.0, 0.0)], &params).unwrap();
        // What waited for two batches moves as far as in two: m = 0.9³.
        d = d.after(&[found(2, 1.0, 1.0)], &params).unwrap();
        assert_eq!(d.0[1].value, 1.0);
        assert!((d.0[2].value - 0.729).abs() < 1e-12);
        assert_eq!(d.0[2].momentum, 0.9);
        assert!(d.after(&[found(3, 1.0, 1.0)], &params).is_err());
        assert!(d.after(&[found(0, f32::NAN, 1.0)], &params).is_err());
        assert!(d.after(&[found(0, 1.0, 1.5)], &params).is_err());
        assert!(Difficulties::new(1, &DifficultyParams { xi: 1.5, ..params }).is_err());
    }

    #[test]
    fn many_images_on_any_number_of_threads() {
        use rand::{RngExt as _, SeedableRng as _};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let mut image = || {
            let count = rng.random_range(0..8);
            (0..count)
                .map(|_| (rng.random_range(0..3), rng.random(), rng.random()))
                .collect::<Vec<Object>>()
        };
        let images: Vec<Vec<Object>> = (0..400).map(|_| image()).collect();
        let flat = Flat::new(&images);
        let with = |threads: usize| {
            let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            threads.install(|| select(&flat.detections(), &[0.1, 0.5, 0.9], 40, &PpalParams::default()).unwrap())
        };
        let one = with(1);
        assert_eq!(one, with(4));
        assert_eq!(one.iter().map(|m| m.stands_for).sum::<u32>(), 160);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let features = Points::new(&[1.0, 2.0], 1).unwrap();
        for (offsets, classes, scores) in [
            (&[0, 2][..], &[0][..], &[0.5, 0.5][..]),
            (&[0, 2], &[0, 0], &[0.5]),
            (&[0, 2], &[0, 0], &[0.5, 1.5]),
            (&[0, 2], &[0, 0], &[0.5, f32::NAN]),
            (&[0, 1], &[0, 0], &[0.5, 0.5]),
        ] {
            assert!(Detections::new(offsets, classes, scores, features).is_err());
        }
        let found = Detections::new(&[0, 1, 2], &[0, 1], &[0.5, 0.5], features).unwrap();
        let fine = PpalParams::default();
        assert_eq!(select(&found, &[0.5, 0.5], 5, &fine).unwrap().len(), 2);
        assert!(select(&found, &[0.5, 0.5], 0, &fine).is_err());
        assert!(select(&found, &[0.5], 1, &fine).is_err());
        assert!(select(&found, &[0.5, 2.0], 1, &fine).is_err());
        for params in [
            PpalParams { alpha: 0.0, ..fine },
            PpalParams { beta: -1.0, ..fine },
            PpalParams { expansion: 0, ..fine },
            PpalParams {
                least_score: f32::NAN,
                ..fine
            },
        ] {
            assert!(select(&found, &[0.5, 0.5], 1, &params).is_err(), "{params:?}");
        }
        assert!(similarity(&found, [0, 2], 0.05).is_err());
    }
}
