//! How sure is a difference? Bootstrap intervals over recordings.
//!
//! Frames of one drive resemble each other, so that the unit drawn is the group (a recording), not the frame: with as many groups
//! as there are, drawn with replacement, the metrics are accumulated again, and the interval is that of the percentiles
//! (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13). Two runs are compared on the same draws, which
//! takes out the variation that they share. Matching happens once; a draw is a weight per image.
//!
//! What only one group has, such as the labels of a rare class, is the same in every draw that has it, however unsure it is. A draw without that group has no value, so that the part of draws
//! without one tells how many groups carry a number; with fewer than two there is no interval and nothing is tested.
//!
//! Every draw has its own stream of ChaCha8 under the seed, so that the result does not depend on the number of threads.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::coco::{Accumulated, Matches, summarize};
use crate::error::EvalError;
use crate::stats::student_t_tails;

/// How to draw.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BootstrapParams {
    /// Seed.
    pub seed: u64,
    /// Number of draws.
    pub resamples: u32,
    /// Coverage of the interval, in (0, 1).
    pub confidence: f64,
}

impl Default for BootstrapParams {
    fn default() -> Self {
        Self {
            seed: 0,
            resamples: 1000,
            confidence: 0.95,
        }
    }
}

/// A metric with its interval.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MetricInterval {
    /// Name: `AP`, `AP50`, `APsmall`, `AR100`, ….
    pub metric: String,
    /// Class index; `None` for all classes.
    pub class: Option<u32>,
    /// Value on all images.
    pub value: Option<f64>,
    /// Lower end; `None` where fewer than two groups have something to measure it on.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Labels that count behind it.
    pub support: u64,
}

/// The difference of a metric between two runs.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MetricDelta {
    /// Name: `AP`, `AP50`, `APsmall`, `AR100`, ….
    pub metric: String,
    /// Class index; `None` for all classes.
    pub class: Option<u32>,
    /// The first run's value.
    pub a: Option<f64>,
    /// The second run's value.
    pub b: Option<f64>,
    /// `b - a`.
    pub delta: Option<f64>,
    /// Lower end of the difference's interval.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Two-sided p-value of no difference: Student's t of the difference by its bootstrap standard error, with one degree of freedom less than there are groups
    /// that carry it.
    pub p: Option<f64>,
    /// Labels that count behind it.
    pub support: u64,
}

impl MetricDelta {
    /// Is 0 outside the interval?
    pub fn is_significant(&self) -> bool {
        matches!((self.lower, self.upper), (Some(lower), Some(upper)) if lower > 0.0 || upper < 0.0)
    }
}

/// Name, class place and definition of a metric.
struct Metric {
    name: String,
    /// Place in [`Matches::per_class`] and class index.
    class: Option<(usize, u32)>,
    /// Index of the area range behind its support.
    area: usize,
}

/// Which metrics there are: the summary, then AP, AP50, AP75 and AR of each class.
fn metrics(matches: &Matches, acc: &Accumulated) -> Vec<Metric> {
    let params = &matches.params;
    let mut out: Vec<Metric> = summarize(params, acc)
        .into_iter()
        .map(|stat| Metric {
            area: params
                .areas
                .iter()
                .skip(1)
                .position(|area| stat.name.len() > 2 && stat.name[2..] == area.label)
                .map_or(0, |place| place + 1),
            name: stat.name,
            class: None,
        })
        .collect();
    for (place, class) in matches.per_class.iter().enumerate() {
        if acc.support(Some(place), 0) > 0 {
            out.extend(class_metric_names(matches).into_iter().map(|name| Metric {
                name,
                class: Some((place, class.class)),
                area: 0,
            }));
        }
    }
    out
}

fn class_metric_names(matches: &Matches) -> Vec<String> {
    let mut names = vec!["AP".to_owned()];
    for (name, iou) in [("AP50", 0.5), ("AP75", 0.75)] {
        if matches.params.threshold_index(iou).is_some() {
            names.push(name.to_owned());
        }
    }
    names.push(format!("AR{}", matches.params.max_dets.last().copied().unwrap_or(0)));
    names
}

/// The values, in the order of [`metrics`].
fn values(matches: &Matches, acc: &Accumulated, metrics: &[Metric]) -> Vec<Option<f64>> {
    let params = &matches.params;
    let mut out: Vec<Option<f64>> = summarize(params, acc).into_iter().map(|stat| stat.value).collect();
    let last = params.max_dets.len().saturating_sub(1);
    let mut place_before = None;
    for (place, _) in metrics.iter().filter_map(|metric| metric.class) {
        if place_before == Some(place) {
            continue;
        }
        place_before = Some(place);
        out.push(acc.ap(Some(place), 0, None));
        for iou in [0.5, 0.75] {
            if let Some(t) = params.threshold_index(iou) {
                out.push(acc.ap(Some(place), 0, Some(t)));
            }
        }
        out.push(acc.ar(Some(place), 0, last));
    }
    out
}

/// Every metric of a run with its interval. `groups` has a group number per image; images of one group are drawn together.
pub fn intervals(
    matches: &Matches,
    groups: &[u32],
    params: &BootstrapParams,
) -> Result<Vec<MetricInterval>, EvalError> {
    check_groups(matches, groups)?;
    let draws = Draws::over(groups, None, params)?;
    let acc = matches.accumulate(None)?;
    let metrics = metrics(matches, &acc);
    let point = values(matches, &acc, &metrics);
    let samples = draws.samples(|weights| values(matches, &matches.accumulate_serially(Some(weights)), &metrics));
    Ok(metrics
        .iter()
        .enumerate()
        .map(|(i, metric)| {
            let (lower, upper) = draws.percentiles(samples.iter().filter_map(|sample| sample[i]));
            MetricInterval {
                metric: metric.name.clone(),
                class: metric.class.map(|(_, class)| class),
                value: point[i],
                lower,
                upper,
                support: acc.support(metric.class.map(|(place, _)| place), metric.area),
            }
        })
        .collect())
}

/// The difference of every metric between two runs on the same ground truth, with paired bootstrap intervals. `groups` has a group number
/// per image.
pub fn compare(
    run_a: &Matches,
    run_b: &Matches,
    groups: &[u32],
    params: &BootstrapParams,
) -> Result<Vec<MetricDelta>, EvalError> {
    check_same(run_a, run_b)?;
    check_groups(run_a, groups)?;
    let acc = run_a.accumulate(None)?;
    let metrics = metrics(run_a, &acc);
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    let deltas = compare_of(&names, groups, params, |second, times| {
        let run = if second { run_b } else { run_a };
        values(run, &run.accumulate_serially(Some(times)), &metrics)
    })?;
    Ok(deltas
        .into_iter()
        .zip(&metrics)
        .map(|(delta, metric)| MetricDelta {
            class: metric.class.map(|(_, class)| class),
            support: acc.support(metric.class.map(|(place, _)| place), metric.area),
            ..delta
        })
        .collect())
}

/// The difference of how often something happens in an hour between two runs over the same recordings: how often in each recording, and its hours.
/// Recordings are drawn with replacement, as in [`compare`].
///
/// # Errors
/// [`EvalError::Mismatch`] for columns of unlike length, [`EvalError::Parameter`].
pub fn compare_rates(
    metric: &str,
    counts: [&[u64]; 2],
    hours: &[f64],
    params: &BootstrapParams,
) -> Result<MetricDelta, EvalError> {
    for column in counts {
        if column.len() != hours.len() {
            return Err(EvalError::Mismatch {
                what: "numbers of recordings",
                a: hours.len() as u64,
                b: column.len() as u64,
            });
        }
    }
    let names: Vec<u32> = (0..hours.len() as u32).collect();
    let draws = Draws::over(&names, None, params)?;
    let rate = |weights: &dyn Fn(usize) -> f64, counts: &[u64]| -> Option<f64> {
        let driven: f64 = hours.iter().enumerate().map(|(at, hours)| weights(at) * hours).sum();
        let happened: f64 = counts
            .iter()
            .enumerate()
            .map(|(at, count)| weights(at) * *count as f64)
            .sum();
        (driven > 0.0).then(|| happened / driven)
    };
    let both = |weights: &dyn Fn(usize) -> f64| (rate(weights, counts[0]), rate(weights, counts[1]));
    let (a, b) = both(&|_| 1.0);
    let delta = a.zip(b).map(|(a, b)| b - a);
    let samples = draws.samples(|weights| {
        let (a, b) = both(&|at| f64::from(weights[at]));
        vec![a.zip(b).map(|(a, b)| b - a)]
    });
    let sampled = || samples.iter().filter_map(|sample| sample[0]);
    let (lower, upper) = draws.percentiles(sampled());
    Ok(MetricDelta {
        metric: metric.to_owned(),
        class: None,
        a,
        b,
        delta,
        lower,
        upper,
        p: delta.and_then(|delta| draws.p_value(delta, sampled())),
        support: counts[0].iter().sum(),
    })
}

/// Intervals of numbers that any set of things gives together, such as tracking metrics of sequences: `measure` is asked for them, with how often each thing counts. `groups` has
/// a group number per thing; things of one group are drawn together.
///
/// ```
/// use guideway_eval::bootstrap::{BootstrapParams, intervals_of};
///
/// let found = [9.0, 7.0, 8.0, 3.0];
/// let mean = |times: &[u32]| {
///     let count: u32 = times.iter().sum();
///     let sum: f64 = times.iter().zip(&found).map(|(n, value)| f64::from(*n) * value).sum();
///     vec![(count > 0).then(|| sum / f64::from(count))]
/// };
/// let intervals = intervals_of(&[0, 1, 2, 3], &BootstrapParams::default(), mean)?;
/// let (lower, upper) = (intervals[0][0].unwrap(), intervals[0][1].unwrap());
/// assert!(lower < 6.75 && upper > 6.75);
/// # Ok::<(), guideway_eval::EvalError>(())
/// ```
///
/// # Errors
/// [`EvalError::Parameter`] for parameters that make no sense.
pub fn intervals_of(
    groups: &[u32],
    params: &BootstrapParams,
    measure: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync,
) -> Result<Vec<[Option<f64>; 2]>, EvalError> {
    intervals_of_within(groups, None, params, measure)
}

/// [`intervals_of`] of the things of a slice, one flag per thing; others count 0 times, and their groups are not drawn.
///
/// # Errors
/// [`EvalError::Parameter`] for parameters that make no sense.
pub fn intervals_of_within(
    groups: &[u32],
    slice: Option<&[bool]>,
    params: &BootstrapParams,
    measure: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync,
) -> Result<Vec<[Option<f64>; 2]>, EvalError> {
    let draws = Draws::over(groups, slice, params)?;
    let samples = draws.samples(&measure);
    let numbers = measure(&draws.once()).len();
    Ok((0..numbers)
        .map(|number| {
            let (lower, upper) = draws.percentiles(samples.iter().filter_map(|sample| sample[number]));
            [lower, upper]
        })
        .collect())
}

/// The differences of such numbers between two runs on the same things, drawn in pairs: `metrics` names what `measure` gives for either run (false: the first).
///
/// # Errors
/// [`EvalError::Parameter`] for parameters that make no sense.
pub fn compare_of(
    metrics: &[&str],
    groups: &[u32],
    params: &BootstrapParams,
    measure: impl Fn(bool, &[u32]) -> Vec<Option<f64>> + Sync,
) -> Result<Vec<MetricDelta>, EvalError> {
    compare_of_within(metrics, groups, None, params, measure)
}

/// [`compare_of`] on the things of a slice, one flag per thing; others count 0 times, and their groups are not drawn.
///
/// # Errors
/// [`EvalError::Parameter`] for parameters that make no sense.
pub fn compare_of_within(
    metrics: &[&str],
    groups: &[u32],
    slice: Option<&[bool]>,
    params: &BootstrapParams,
    measure: impl Fn(bool, &[u32]) -> Vec<Option<f64>> + Sync,
) -> Result<Vec<MetricDelta>, EvalError> {
    let draws = Draws::over(groups, slice, params)?;
    let difference = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| b - a);
    let samples = draws.samples(|times| {
        let (a, b) = (measure(false, times), measure(true, times));
        a.into_iter().zip(b).map(|(a, b)| difference(a, b)).collect()
    });
    let once = draws.once();
    let (first, second) = (measure(false, &once), measure(true, &once));
    Ok(metrics
        .iter()
        .zip(first.into_iter().zip(second))
        .enumerate()
        .map(|(number, (metric, (a, b)))| {
            let sampled = || samples.iter().filter_map(|sample| sample[number]);
            let (lower, upper) = draws.percentiles(sampled());
            let delta = difference(a, b);
            MetricDelta {
                metric: (*metric).to_owned(),
                class: None,
                a,
                b,
                delta,
                lower,
                upper,
                p: delta.and_then(|delta| draws.p_value(delta, sampled())),
                support: 0,
            }
        })
        .collect())
}

/// Were two runs matched with the same labels, in the same way?
pub(crate) fn check_same(a: &Matches, b: &Matches) -> Result<(), EvalError> {
    let mismatch = |what, a: usize, b: usize| {
        Err(EvalError::Mismatch {
            what,
            a: a as u64,
            b: b as u64,
        })
    };
    if a.images != b.images {
        return mismatch("numbers of images", a.images as usize, b.images as usize);
    }
    if a.classes != b.classes || a.per_class.len() != b.per_class.len() {
        return mismatch("numbers of classes", a.per_class.len(), b.per_class.len());
    }
    if a.params != b.params {
        return Err(EvalError::Parameter {
            parameter: "params",
            problem: "the two runs were matched with different parameters".to_owned(),
        });
    }
    for (x, y) in a.per_class.iter().zip(&b.per_class) {
        if x.label_image != y.label_image || x.label_counted != y.label_counted {
            return mismatch("labels of a class", x.label.len(), y.label.len());
        }
    }
    Ok(())
}

/// Has each image a group number?
pub(crate) fn check_groups(matches: &Matches, groups: &[u32]) -> Result<(), EvalError> {
    if groups.len() == matches.images as usize {
        return Ok(());
    }
    Err(EvalError::Mismatch {
        what: "numbers of images and of group numbers",
        a: u64::from(matches.images),
        b: groups.len() as u64,
    })
}

/// Draws of groups.
struct Draws<'a> {
    params: &'a BootstrapParams,
    /// Group of each image, renumbered from 0 without gaps; none for an image that is not in the slice.
    group: Vec<Option<u32>>,
    /// Groups that have images in the slice.
    count: u32,
}

impl<'a> Draws<'a> {
    fn over(groups: &[u32], slice: Option<&[bool]>, params: &'a BootstrapParams) -> Result<Self, EvalError> {
        if !(params.confidence > 0.0 && params.confidence < 1.0) {
            return Err(EvalError::Parameter {
                parameter: "confidence",
                problem: format!("{} is not between 0 and 1", params.confidence),
            });
        }
        if params.resamples == 0 || params.resamples > 1_000_000 {
            return Err(EvalError::Parameter {
                parameter: "resamples",
                problem: format!("{} is not between 1 and 1000000", params.resamples),
            });
        }
        if let Some(wrong) = slice.map(<[bool]>::len).filter(|len| *len != groups.len()) {
            return Err(EvalError::Mismatch {
                what: "numbers of groups and of flags",
                a: groups.len() as u64,
                b: wrong as u64,
            });
        }
        let is_in = |image: usize| slice.is_none_or(|slice| slice[image]);
        let mut names: Vec<u32> = (0..groups.len())
            .filter(|image| is_in(*image))
            .map(|image| groups[image])
            .collect();
        names.sort_unstable();
        names.dedup();
        Ok(Self {
            params,
            // every group of the slice is among the names
            group: (0..groups.len())
                .map(|image| is_in(image).then(|| names.partition_point(|name| *name < groups[image]) as u32))
                .collect(),
            count: names.len() as u32,
        })
    }

    /// Each thing of the slice once.
    fn once(&self) -> Vec<u32> {
        self.group.iter().map(|group| u32::from(group.is_some())).collect()
    }

    /// What `measure` makes of each draw's weights; nothing with fewer than two groups.
    fn samples(&self, measure: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync) -> Vec<Vec<Option<f64>>> {
        if self.count < 2 {
            return Vec::new();
        }
        (0..self.params.resamples)
            .into_par_iter()
            .map(|draw| {
                let mut rng = ChaCha8Rng::seed_from_u64(self.params.seed);
                rng.set_stream(u64::from(draw));
                let mut times = vec![0_u32; self.count as usize];
                for _ in 0..self.count {
                    times[rng.random_range(0..self.count) as usize] += 1;
                }
                let weights: Vec<u32> = self
                    .group
                    .iter()
                    .map(|group| group.map_or(0, |group| times[group as usize]))
                    .collect();
                measure(&weights)
            })
            .collect()
    }

    /// In how many groups there is something to measure a number on, when so many of the draws have a value: a draw of `n` groups misses all of `k` with a probability of `(1 − k/n)^n`.
    /// Right where they are few, which is where it matters; it cannot tell many from all.
    fn carriers(&self, with_value: usize) -> u32 {
        let without = 1.0 - with_value as f64 / f64::from(self.params.resamples);
        let count = f64::from(self.count);
        (count * (1.0 - without.powf(1.0 / count))).round() as u32
    }

    /// How likely a difference as large is where there is none.
    fn p_value(&self, delta: f64, values: impl Iterator<Item = f64>) -> Option<f64> {
        let values: Vec<f64> = values.collect();
        let n = values.len() as f64;
        let carriers = self.carriers(values.len());
        if values.len() < 2 || carriers < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n;
        let error = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        if error == 0.0 {
            return Some(if delta == 0.0 { 1.0 } else { 0.0 });
        }
        student_t_tails((delta / error).abs(), f64::from(carriers - 1))
    }

    /// The interval's ends: percentiles with linear interpolation between the sorted values, as `numpy.percentile` has them.
    fn percentiles(&self, values: impl Iterator<Item = f64>) -> (Option<f64>, Option<f64>) {
        let mut sorted: Vec<f64> = values.collect();
        if self.carriers(sorted.len()) < 2 {
            return (None, None);
        }
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |fraction: f64| {
            let place = fraction * sorted.len().checked_sub(1)? as f64;
            let low = sorted.get(place.floor() as usize)?;
            let high = sorted.get(place.ceil() as usize)?;
            Some(low + (high - low) * place.fract())
        };
        let tail = (1.0 - self.params.confidence) / 2.0;
        (at(tail), at(1.0 - tail))
    }
}
