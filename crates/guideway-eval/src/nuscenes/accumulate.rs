//! From matches to curves, errors and the score.

use rayon::prelude::*;

use super::matching::Matches;
use super::params::{NuScenesParams, TpMetric};
use crate::coco::linspace;
use crate::error::EvalError;
use crate::objects3d::{ClassMatches3d, Named, Slice, SliceReport, TpErrors, interp};

/// The numbers of an evaluation. As JSON it has the names and nesting of the devkit's `metrics_summary.json`; what is not defined is null.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct NuScenesReport {
    /// AP of each class at each distance threshold, 0 to 1.
    pub label_aps: Named<Named<f64>>,
    /// AP of each class, the mean over the thresholds.
    pub mean_dist_aps: Named<f64>,
    /// mAP: the mean over the classes.
    pub mean_ap: f64,
    /// Errors of the true positives of each class: m, 1 − IoU, rad, m/s, 1 − accuracy. 1 for a class that reaches no recall that counts.
    pub label_tp_errors: Named<Named<Option<f64>>>,
    /// Each error, the mean over the classes that it is defined for.
    pub tp_errors: Named<Option<f64>>,
    /// Each error as a score: max(0, 1 − error).
    pub tp_scores: Named<f64>,
    /// The nuScenes detection score, 0 to 1.
    pub nd_score: f64,
}

/// Precision, confidence and errors over recall, of one class at one threshold. All columns are of the same length.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Recall, evenly from 0 to 1.
    pub recall: Vec<f64>,
    /// Precision; 0 beyond the highest recall.
    pub precision: Vec<f64>,
    /// Score at which the recall is reached; 0 beyond the highest.
    pub confidence: Vec<f64>,
    /// Mean errors of the true positives of at least this confidence, in the order of [`TpMetric::ALL`]. `None` at thresholds other than
    /// that of the errors.
    pub errors: Option<[Vec<f64>; 5]>,
}

impl Matches {
    /// The numbers of everything.
    pub fn report(&self) -> NuScenesReport {
        self.report_of(&Slice::default(), false)
    }

    /// The numbers of slices, without matching again. In parallel, with the same bits on any number of threads.
    ///
    /// # Errors
    /// When a mask has another length than the columns that were matched.
    pub fn evaluate_slices(&self, slices: &[Slice]) -> Result<Vec<SliceReport<NuScenesReport>>, EvalError> {
        slices
            .par_iter()
            .map(|slice| {
                slice.check(&self.rows)?;
                Ok(SliceReport {
                    slice: slice.name.clone(),
                    labels: self.rows.per_class.iter().map(|class| class.positives(slice)).sum(),
                    report: self.report_of(slice, false),
                })
            })
            .collect()
    }

    /// The numbers of a draw with replacement: each frame counts so many times. A class that loses all of its labels is not in the report, and not in the means,
    /// as if it had never been evaluated.
    ///
    /// # Errors
    /// When there is not one number per frame.
    pub fn report_of_draw(&self, times: &[u32]) -> Result<NuScenesReport, EvalError> {
        self.report_of_part(&Slice::new("draw").times(times.to_vec()))
    }

    /// The numbers of a slice, in which a class that loses all of its labels is not in the report, and not in the means: those of two slices with different classes can be told apart.
    ///
    /// # Errors
    /// When a mask has another length than the columns that were matched.
    pub fn report_of_part(&self, slice: &Slice) -> Result<NuScenesReport, EvalError> {
        slice.check(&self.rows)?;
        Ok(self.report_of(slice, true))
    }

    /// The same for one slice and its draws, and sooner: see [`Matches3d::within`](crate::objects3d::Matches3d::within).
    ///
    /// # Errors
    /// When a mask has another length than the columns that were matched.
    pub fn within(&self, slice: &Slice) -> Result<Self, EvalError> {
        Ok(Self {
            params: self.params.clone(),
            rows: self.rows.within(slice)?,
        })
    }

    /// Precision and errors over recall, in a slice: of a class and a threshold by their places in the parameters.
    ///
    /// # Errors
    /// When a mask of the slice has another length than the columns that were matched.
    pub fn curve(&self, class: usize, threshold: usize, slice: &Slice) -> Result<Option<Curve>, EvalError> {
        slice.check(&self.rows)?;
        let known = self
            .rows
            .per_class
            .get(class)
            .filter(|_| threshold < self.rows.thresholds.len());
        Ok(known.map(|class| curve(class, threshold, slice, &self.params)))
    }

    fn report_of(&self, slice: &Slice, without_lost: bool) -> NuScenesReport {
        let params = &self.params;
        let (names, classes): (Vec<&str>, Vec<&ClassMatches3d>) = params
            .class_range
            .names()
            .zip(&self.rows.per_class)
            .filter(|(_, class)| !(without_lost && class.is_lost(slice)))
            .unzip();
        let per_class: Vec<(Named<f64>, [f64; 5])> = classes
            .par_iter()
            .map(|class| {
                let curves: Vec<Curve> = (0..params.dist_ths.len())
                    .map(|threshold| curve(class, threshold, slice, params))
                    .collect();
                let aps = params
                    .dist_ths
                    .iter()
                    .zip(&curves)
                    .map(|(threshold, curve)| (format!("{threshold:?}"), average_precision(curve, params)))
                    .collect();
                (aps, mean_errors(&curves[params.tp_threshold()], params))
            })
            .collect();
        let label_aps: Named<Named<f64>> = names
            .iter()
            .copied()
            .zip(per_class.iter().map(|(aps, _)| aps.clone()))
            .collect();
        let mean_dist_aps: Named<f64> = label_aps
            .iter()
            .map(|(name, aps)| (name, mean(aps.values().copied())))
            .collect();
        let mean_ap = mean(mean_dist_aps.values().copied());
        let label_tp_errors: Named<Named<Option<f64>>> = names
            .into_iter()
            .zip(&per_class)
            .map(|(name, (_, errors))| {
                let undefined = params.undefined_errors.get(name);
                let errors = TpMetric::ALL.into_iter().zip(errors).map(|(metric, error)| {
                    let defined = undefined.is_none_or(|undefined| !undefined.contains(&metric));
                    (metric.name(), Some(*error).filter(|error| defined && !error.is_nan()))
                });
                (name, errors.collect())
            })
            .collect();
        let tp_errors: Named<Option<f64>> = TpMetric::ALL
            .into_iter()
            .map(|metric| {
                let known: Vec<f64> = label_tp_errors
                    .values()
                    .filter_map(|errors| errors.get(metric.name()).copied().flatten())
                    .collect();
                (metric.name(), (!known.is_empty()).then(|| mean(known.iter().copied())))
            })
            .collect();
        // an error that no class defines scores 0
        let tp_scores: Named<f64> = tp_errors
            .iter()
            .map(|(name, error)| (name, error.map_or(0.0, |error| (1.0 - error).max(0.0))))
            .collect();
        let total = params.mean_ap_weight * mean_ap + tp_scores.values().sum::<f64>();
        NuScenesReport {
            label_aps,
            mean_dist_aps,
            mean_ap,
            label_tp_errors,
            tp_errors,
            nd_score: total / (params.mean_ap_weight + tp_scores.len() as f64),
            tp_scores,
        }
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

fn curve(class: &ClassMatches3d, threshold: usize, slice: &Slice, params: &NuScenesParams) -> Curve {
    let recalls = linspace(0.0, 1.0, params.recall_points);
    let with_errors = threshold == params.tp_threshold();
    let positives = class.positives(slice);
    let (mut precision, mut recall, mut score) = (Vec::new(), Vec::new(), Vec::new());
    // of the true positives alone
    let (mut hit_score, mut hit_errors): (Vec<f64>, Vec<&TpErrors>) = (Vec::new(), Vec::new());
    let mut hits = 0_u64;
    if positives > 0 {
        class.ranked(threshold, slice).for_each(|(rank, hit)| {
            hits += u64::from(hit);
            precision.push(hits as f64 / (precision.len() + 1) as f64);
            recall.push(hits as f64 / positives as f64);
            score.push(class.score[rank]);
            if hit && with_errors {
                hit_score.push(class.score[rank]);
                hit_errors.push(&class.errors[rank]);
            }
        });
    }
    if hits == 0 {
        let zeros = vec![0.0; recalls.len()];
        let ones = || vec![1.0; recalls.len()];
        return Curve {
            precision: zeros.clone(),
            confidence: zeros,
            errors: with_errors.then(|| [ones(), ones(), ones(), ones(), ones()]),
            recall: recalls,
        };
    }
    let sample =
        |values: &[f64]| -> Vec<f64> { recalls.iter().map(|r| interp(*r, &recall, values, Some(0.0))).collect() };
    let precision = sample(&precision);
    let confidence = sample(&score);
    // numpy interpolates over ascending values
    hit_score.reverse();
    let errors = with_errors.then(|| {
        TpMetric::ALL.map(|metric| {
            let value = |errors: &&TpErrors| match metric {
                TpMetric::Translation => errors.translation,
                TpMetric::Scale => errors.scale,
                TpMetric::Orientation => errors.orientation,
                TpMetric::Velocity => errors.velocity,
                TpMetric::Attribute => errors.attribute,
            };
            let mut means = running_mean(hit_errors.iter().map(value));
            means.reverse();
            confidence
                .iter()
                .map(|c| interp(*c, &hit_score, &means, None))
                .collect()
        })
    });
    Curve {
        recall: recalls,
        precision,
        confidence,
        errors,
    }
}

/// Mean of the values up to each, those that are NaN passed over: 0 before the first known one, 1 everywhere when none is known.
fn running_mean(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let (mut sum, mut known) = (0.0, 0_u64);
    let mut means: Vec<f64> = values
        .map(|value| {
            if !value.is_nan() {
                sum += value;
                known += 1;
            }
            if known == 0 { 0.0 } else { sum / known as f64 }
        })
        .collect();
    if known == 0 {
        means.fill(1.0);
    }
    means
}

fn average_precision(curve: &Curve, params: &NuScenesParams) -> f64 {
    let counted = curve.precision.get(params.first_recall()..).unwrap_or_default();
    let above = counted
        .iter()
        .map(|precision| (precision - params.min_precision).max(0.0));
    mean(above) / (1.0 - params.min_precision)
}

fn mean_errors(curve: &Curve, params: &NuScenesParams) -> [f64; 5] {
    let first = params.first_recall();
    let last = curve
        .confidence
        .iter()
        .rposition(|confidence| *confidence != 0.0)
        .unwrap_or(0);
    let Some(errors) = curve.errors.as_ref().filter(|_| last >= first) else {
        return [1.0; 5];
    };
    errors
        .each_ref()
        .map(|errors| mean(errors[first..=last].iter().copied()))
}
