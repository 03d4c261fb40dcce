//! From matches to AP, errors and the score.

use std::f64::consts::PI;

use rayon::prelude::*;

use super::matching::Matches;
use super::params::Av2Params;
use crate::coco::linspace;
use crate::error::EvalError;
use crate::objects3d::{ClassMatches3d, Named, Slice, SliceReport, interp};

/// Name of the row of means.
const AVERAGE: &str = "AVERAGE_METRICS";

/// The numbers of a category, or their means. The names in JSON are those of the reference.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Av2Metrics {
    /// Average precision, the mean over the thresholds, 0 to 1.
    pub ap: f64,
    /// Average translation error, m.
    pub ate: f64,
    /// Average scale error, 1 − IoU.
    pub ase: f64,
    /// Average orientation error, rad.
    pub aoe: f64,
    /// Composite detection score, 0 to 1.
    pub cds: f64,
}

/// The numbers of an evaluation.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Av2Report {
    /// Those of each category, and their means as `AVERAGE_METRICS`.
    pub metrics: Named<Av2Metrics>,
    /// AP of each category at each threshold.
    pub average_precisions: Named<Named<f64>>,
    /// Labels of each category that were evaluated. A category without labels has AP 0 and the largest errors, and counts in the means.
    pub labels: Named<u64>,
}

impl Av2Report {
    /// The means over the categories.
    pub fn average(&self) -> Option<&Av2Metrics> {
        self.metrics.get(AVERAGE)
    }
}

impl Matches {
    /// The numbers of everything.
    pub fn report(&self) -> Av2Report {
        self.report_of(&Slice::default(), false)
    }

    /// The numbers of slices, without matching again. In parallel, with the same bits on any number of threads.
    ///
    /// # Errors
    /// When a mask has another length than the columns that were matched.
    pub fn evaluate_slices(&self, slices: &[Slice]) -> Result<Vec<SliceReport<Av2Report>>, EvalError> {
        slices
            .par_iter()
            .map(|slice| {
                slice.check(&self.rows)?;
                let report = self.report_of(slice, false);
                Ok(SliceReport {
                    slice: slice.name.clone(),
                    labels: report.labels.values().sum(),
                    report,
                })
            })
            .collect()
    }

    /// The numbers of a draw with replacement: each frame counts so many times. A category that loses all of its labels is not in the report, and not in the
    /// means, as if it had never been evaluated.
    ///
    /// # Errors
    /// When there is not one number per frame.
    pub fn report_of_draw(&self, times: &[u32]) -> Result<Av2Report, EvalError> {
        self.report_of_part(&Slice::new("draw").times(times.to_vec()))
    }

    /// The numbers of a slice, in which a category that loses all of its labels is not in the report, and not in the means: those of two slices with different categories can be
    /// told apart.
    ///
    /// # Errors
    /// When a mask has another length than the columns that were matched.
    pub fn report_of_part(&self, slice: &Slice) -> Result<Av2Report, EvalError> {
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

    fn report_of(&self, slice: &Slice, without_lost: bool) -> Av2Report {
        let params = &self.params;
        let recalls = linspace(0.0, 1.0, params.num_recall_samples);
        let (names, classes): (Vec<&str>, Vec<&ClassMatches3d>) = params
            .categories
            .iter()
            .map(String::as_str)
            .zip(&self.rows.per_class)
            .filter(|(_, class)| !(without_lost && class.is_lost(slice)))
            .unzip();
        let rows: Vec<(u64, Vec<f64>, Av2Metrics)> = classes
            .par_iter()
            .map(|class| summarize(class, slice, params, &recalls))
            .collect();
        let mean = |pick: fn(&Av2Metrics) -> f64| {
            let sum: f64 = rows.iter().map(|(_, _, metrics)| pick(metrics)).sum();
            sum / rows.len() as f64
        };
        let names = || names.iter().copied();
        let mut metrics: Named<Av2Metrics> = names().zip(rows.iter().map(|row| row.2)).collect();
        metrics.insert(
            AVERAGE,
            Av2Metrics {
                ap: mean(|m| m.ap),
                ate: mean(|m| m.ate),
                ase: mean(|m| m.ase),
                aoe: mean(|m| m.aoe),
                cds: mean(|m| m.cds),
            },
        );
        let by_threshold = |aps: &[f64]| -> Named<f64> {
            let thresholds = params.affinity_thresholds_m.iter();
            thresholds.map(|t| format!("{t:?}")).zip(aps.iter().copied()).collect()
        };
        Av2Report {
            metrics,
            average_precisions: names().zip(rows.iter().map(|row| by_threshold(&row.1))).collect(),
            labels: names().zip(rows.iter().map(|row| row.0)).collect(),
        }
    }
}

fn summarize(
    class: &ClassMatches3d,
    slice: &Slice,
    params: &Av2Params,
    recalls: &[f64],
) -> (u64, Vec<f64>, Av2Metrics) {
    let thresholds = params.affinity_thresholds_m.len();
    let largest = [params.tp_threshold_m, 1.0, PI];
    let positives = class.positives(slice);
    if positives == 0 {
        let [ate, ase, aoe] = largest;
        let metrics = Av2Metrics {
            ap: 0.0,
            ate,
            ase,
            aoe,
            cds: 0.0,
        };
        return (0, vec![0.0; thresholds], metrics);
    }
    let aps: Vec<f64> = (0..thresholds)
        .map(|threshold| average_precision(class, threshold, slice, positives, recalls))
        .collect();
    let ap = aps.iter().sum::<f64>() / thresholds as f64;

    let (mut sums, mut hits) = ([0.0; 3], 0_u64);
    for (rank, hit) in class.ranked(params.middle_threshold(), slice) {
        if hit {
            let errors = &class.errors[rank];
            let known = [errors.translation, errors.scale, errors.orientation];
            for ((sum, error), largest) in sums.iter_mut().zip(known).zip(largest) {
                // a match beyond the threshold of the errors
                *sum += if error.is_nan() { largest } else { error };
            }
            hits += 1;
        }
    }
    let errors = if hits == 0 {
        largest
    } else {
        sums.map(|sum| sum / hits as f64)
    };
    let score: f64 = errors
        .iter()
        .zip(largest)
        .map(|(error, largest)| 1.0 - error / largest)
        .sum();
    let [ate, ase, aoe] = errors;
    let metrics = Av2Metrics {
        ap,
        ate,
        ase,
        aoe,
        cds: ap * (score / 3.0),
    };
    (positives, aps, metrics)
}

fn average_precision(class: &ClassMatches3d, threshold: usize, slice: &Slice, positives: u64, recalls: &[f64]) -> f64 {
    let (mut precision, mut recall) = (Vec::new(), Vec::new());
    let mut hits = 0_u64;
    class.ranked(threshold, slice).for_each(|(_, hit)| {
        hits += u64::from(hit);
        precision.push(hits as f64 / ((precision.len() + 1) as f64 + f64::EPSILON));
        recall.push(hits as f64 / positives as f64);
    });
    if precision.is_empty() {
        return 0.0;
    }
    let mut best = 0.0_f64;
    for value in precision.iter_mut().rev() {
        best = best.max(*value);
        *value = best;
    }
    let sampled = recalls.iter().map(|r| interp(*r, &recall, &precision, Some(0.0)));
    sampled.sum::<f64>() / recalls.len() as f64
}
