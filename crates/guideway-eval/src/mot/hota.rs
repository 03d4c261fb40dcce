//! HOTA: Luiten et al., "HOTA: a higher order metric for evaluating multi-object tracking" (2021), as `TrackEval` computes it.
//!
//! A first pass over the frames finds how well each object and each track go together over the whole sequence (their alignment: a Jaccard
//! index of soft matches). The second pass matches every frame for the greatest sum of `alignment · similarity`, calls those matches true
//! positives whose similarity reaches α, and counts for every true positive how much of its object and its track agree.

use super::report::mean;

/// The HOTA numbers of one class at each α; field names in JSON are `TrackEval`'s.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HotaScores {
    /// √(`DetA` · `AssA`).
    #[serde(rename = "HOTA")]
    pub hota: Vec<f64>,
    /// Detection accuracy.
    #[serde(rename = "DetA")]
    pub det_a: Vec<f64>,
    /// Association accuracy.
    #[serde(rename = "AssA")]
    pub ass_a: Vec<f64>,
    /// Detection recall.
    #[serde(rename = "DetRe")]
    pub det_re: Vec<f64>,
    /// Detection precision.
    #[serde(rename = "DetPr")]
    pub det_pr: Vec<f64>,
    /// Association recall.
    #[serde(rename = "AssRe")]
    pub ass_re: Vec<f64>,
    /// Association precision.
    #[serde(rename = "AssPr")]
    pub ass_pr: Vec<f64>,
    /// Mean similarity of the true positives.
    #[serde(rename = "LocA")]
    pub loc_a: Vec<f64>,
    /// √(`DetRe` · `AssA`): open-world tracking accuracy.
    #[serde(rename = "OWTA")]
    pub owta: Vec<f64>,
    /// True positives.
    #[serde(rename = "HOTA_TP")]
    pub true_positives: Vec<f64>,
    /// Labels without match.
    #[serde(rename = "HOTA_FN")]
    pub false_negatives: Vec<f64>,
    /// Predictions without match.
    #[serde(rename = "HOTA_FP")]
    pub false_positives: Vec<f64>,
    /// HOTA at the lowest α.
    #[serde(rename = "HOTA(0)")]
    pub hota_0: f64,
    /// `LocA` at the lowest α.
    #[serde(rename = "LocA(0)")]
    pub loc_a_0: f64,
    /// Their product.
    #[serde(rename = "HOTALocA(0)")]
    pub hota_loc_a_0: f64,
}

/// The HOTA numbers as means over α.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HotaMeans {
    /// See [`HotaScores`].
    #[serde(rename = "HOTA")]
    pub hota: f64,
    /// See [`HotaScores`].
    #[serde(rename = "DetA")]
    pub det_a: f64,
    /// See [`HotaScores`].
    #[serde(rename = "AssA")]
    pub ass_a: f64,
    /// See [`HotaScores`].
    #[serde(rename = "DetRe")]
    pub det_re: f64,
    /// See [`HotaScores`].
    #[serde(rename = "DetPr")]
    pub det_pr: f64,
    /// See [`HotaScores`].
    #[serde(rename = "AssRe")]
    pub ass_re: f64,
    /// See [`HotaScores`].
    #[serde(rename = "AssPr")]
    pub ass_pr: f64,
    /// See [`HotaScores`].
    #[serde(rename = "LocA")]
    pub loc_a: f64,
    /// See [`HotaScores`].
    #[serde(rename = "OWTA")]
    pub owta: f64,
    /// See [`HotaScores`].
    #[serde(rename = "HOTA_TP")]
    pub true_positives: f64,
    /// See [`HotaScores`].
    #[serde(rename = "HOTA_FN")]
    pub false_negatives: f64,
    /// See [`HotaScores`].
    #[serde(rename = "HOTA_FP")]
    pub false_positives: f64,
}

/// Below this `LocA` does not go, as a numerator and as a denominator: without any true positive it is 1.
const LEAST: f64 = 1e-10;

impl HotaScores {
    /// Without labels or predictions.
    pub(crate) fn empty(alphas: usize, labels: u64, predictions: u64) -> Self {
        let all = |value: f64| vec![value; alphas];
        Self {
            hota: all(0.0),
            det_a: all(0.0),
            ass_a: all(0.0),
            det_re: all(0.0),
            det_pr: all(0.0),
            ass_re: all(0.0),
            ass_pr: all(0.0),
            loc_a: all(1.0),
            owta: all(0.0),
            true_positives: all(0.0),
            false_negatives: all(labels as f64),
            // TrackEval asks for predictions first: without both, and without predictions, there are none to be false
            false_positives: all(predictions as f64),
            hota_0: 0.0,
            loc_a_0: 1.0,
            hota_loc_a_0: 0.0,
        }
    }

    /// Turns sums of similarities in `loc_a` into their mean.
    pub(crate) fn locate(&mut self) {
        for (loc, tp) in self.loc_a.iter_mut().zip(&self.true_positives) {
            *loc = loc.max(LEAST) / tp.max(LEAST);
        }
    }

    /// Everything that follows from the counts, association and location.
    pub(crate) fn finish(mut self) -> Self {
        let counts = || {
            self.true_positives
                .iter()
                .zip(&self.false_negatives)
                .zip(&self.false_positives)
                .map(|((tp, fn_), fp)| (*tp, *fn_, *fp))
        };
        self.det_re = counts().map(|(tp, fn_, _)| tp / (tp + fn_).max(1.0)).collect();
        self.det_pr = counts().map(|(tp, _, fp)| tp / (tp + fp).max(1.0)).collect();
        self.det_a = counts().map(|(tp, fn_, fp)| tp / (tp + fn_ + fp).max(1.0)).collect();
        let root = |det: &[f64]| det.iter().zip(&self.ass_a).map(|(d, a)| (d * a).sqrt()).collect();
        self.hota = root(&self.det_a);
        self.owta = root(&self.det_re);
        self.hota_0 = self.hota.first().copied().unwrap_or(0.0);
        self.loc_a_0 = self.loc_a.first().copied().unwrap_or(1.0);
        self.hota_loc_a_0 = self.hota_0 * self.loc_a_0;
        self
    }

    fn sums(parts: &[&Self], alphas: usize) -> Self {
        let sum = |values: fn(&Self) -> &[f64]| -> Vec<f64> {
            (0..alphas)
                .map(|a| parts.iter().filter_map(|part| values(part).get(a)).sum())
                .collect()
        };
        Self {
            true_positives: sum(|p| &p.true_positives),
            false_negatives: sum(|p| &p.false_negatives),
            false_positives: sum(|p| &p.false_positives),
            ..Self::default()
        }
    }

    /// Several sequences or classes as one: association and location weighted by true positives.
    pub(crate) fn combine(parts: &[&Self], alphas: usize) -> Self {
        let mut all = Self::sums(parts, alphas);
        let weighted = |values: fn(&Self) -> &[f64]| -> Vec<f64> {
            (0..alphas)
                .map(|a| {
                    let each = parts.iter().map(|part| {
                        let weight = part.true_positives.get(a).copied().unwrap_or(0.0);
                        values(part).get(a).copied().unwrap_or(0.0) * weight
                    });
                    each.sum()
                })
                .collect()
        };
        let average = |values| -> Vec<f64> {
            let sums: Vec<f64> = weighted(values);
            sums.iter()
                .zip(&all.true_positives)
                .map(|(sum, tp)| sum / tp.max(1.0))
                .collect()
        };
        let (ass_re, ass_pr, ass_a) = (average(|p| &p.ass_re), average(|p| &p.ass_pr), average(|p| &p.ass_a));
        all.ass_re = ass_re;
        all.ass_pr = ass_pr;
        all.ass_a = ass_a;
        all.loc_a = weighted(|p| &p.loc_a);
        all.locate();
        all.finish()
    }

    /// The mean of several classes' ratios and the sum of their counts.
    pub(crate) fn average(parts: &[&Self], alphas: usize) -> Self {
        let means = |values: fn(&Self) -> &[f64]| -> Vec<f64> {
            (0..alphas)
                .map(|a| mean(parts.iter().filter_map(|part| values(part).get(a).copied())))
                .collect()
        };
        let one = |value: fn(&Self) -> f64| mean(parts.iter().map(|part| value(part)));
        Self {
            hota: means(|p| &p.hota),
            det_a: means(|p| &p.det_a),
            ass_a: means(|p| &p.ass_a),
            det_re: means(|p| &p.det_re),
            det_pr: means(|p| &p.det_pr),
            ass_re: means(|p| &p.ass_re),
            ass_pr: means(|p| &p.ass_pr),
            loc_a: means(|p| &p.loc_a),
            owta: means(|p| &p.owta),
            hota_0: one(|p| p.hota_0),
            loc_a_0: one(|p| p.loc_a_0),
            hota_loc_a_0: one(|p| p.hota_loc_a_0),
            ..Self::sums(parts, alphas)
        }
    }

    /// The means over α, which papers print.
    pub fn means(&self) -> HotaMeans {
        let over = |values: &[f64]| mean(values.iter().copied());
        HotaMeans {
            hota: over(&self.hota),
            det_a: over(&self.det_a),
            ass_a: over(&self.ass_a),
            det_re: over(&self.det_re),
            det_pr: over(&self.det_pr),
            ass_re: over(&self.ass_re),
            ass_pr: over(&self.ass_pr),
            loc_a: over(&self.loc_a),
            owta: over(&self.owta),
            true_positives: over(&self.true_positives),
            false_negatives: over(&self.false_negatives),
            false_positives: over(&self.false_positives),
        }
    }
}
