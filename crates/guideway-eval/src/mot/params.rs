//! What is measured, and which boxes count.

use crate::error::EvalError;

/// Room for rounding in every comparison of a similarity with a threshold, as `TrackEval` has it.
pub(crate) const EPSILON: f64 = f64::EPSILON;

/// Thresholds of the metrics; the default is `TrackEval`'s.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TrackParams {
    /// Similarities α from which HOTA calls a pair a match, ascending, in (0, 1].
    pub alphas: Vec<f64>,
    /// Similarity from which CLEAR may match, in (0, 1].
    pub clear_threshold: f64,
    /// Similarity from which a pair supports an identity, in (0, 1].
    pub identity_threshold: f64,
}

impl Default for TrackParams {
    fn default() -> Self {
        Self {
            // numpy.arange(0.05, 0.99, 0.05) to the bit: thresholds decide ties
            alphas: (0..19_u32).map(|i| 0.05 + f64::from(i) * 0.05).collect(),
            clear_threshold: 0.5,
            identity_threshold: 0.5,
        }
    }
}

impl TrackParams {
    /// Are they usable?
    pub fn check(&self) -> Result<(), EvalError> {
        let inside = |t: &f64| *t > 0.0 && *t <= 1.0;
        if self.alphas.is_empty() || !self.alphas.iter().all(inside) || !self.alphas.is_sorted() {
            return bad("alphas", "there must be some, ascending and in (0, 1]");
        }
        if !inside(&self.clear_threshold) {
            return bad("clear_threshold", "it must be in (0, 1]");
        }
        if !inside(&self.identity_threshold) {
            return bad("identity_threshold", "it must be in (0, 1]");
        }
        Ok(())
    }
}

pub(crate) fn bad<T>(parameter: &'static str, problem: &str) -> Result<T, EvalError> {
    Err(EvalError::Parameter {
        parameter,
        problem: problem.to_owned(),
    })
}

/// Which labels and predictions count for one class of the report, and which predictions a label that does not count takes with it.
///
/// What a benchmark calls preprocessing, in this order: labels and predictions of other classes are set aside; predictions are matched one to
/// one with labels, whether or not those count, for the greatest sum of similarities; a prediction matched with a label of a
/// distractor class or one that is too occluded or truncated is removed; of the predictions that matched nothing, low ones and those
/// inside ignore regions are removed; then labels that do not count are.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClassRules {
    /// Name in the report.
    pub name: String,
    /// Class of the labels that count; `None` for every class.
    pub class: Option<i64>,
    /// Classes of labels that are no mistake to find.
    pub distractors: Vec<i64>,
    /// Do labels of all classes take part in the matching that removes predictions? If not, those of `class` and `distractors` do.
    pub all_compete: bool,
    /// Class of the predictions that count; `None` for every class.
    pub predicted: Option<i64>,
    /// Similarity from which a prediction is matched for removal, in (0, 1]; `None` for no such matching.
    pub remove_threshold: Option<f64>,
    /// Classes that labels may have where predictions are matched for removal, empty for any: another one is an error, not silence.
    pub known: Vec<i64>,
    /// Do labels with the mark 0 stay out? As in `TrackEval` the fraction is dropped first, so 0.9 is 0 too.
    pub marked_only: bool,
    /// Largest occlusion level of a label that counts.
    pub max_occlusion: Option<i64>,
    /// Largest truncation level of a label that counts.
    pub max_truncation: Option<i64>,
    /// Unmatched predictions up to this height are removed, px.
    pub min_height: Option<f64>,
    /// Unmatched predictions with more than this fraction of their area inside one ignore region are removed.
    pub max_ignored: Option<f64>,
}

impl ClassRules {
    /// Everything counts.
    pub fn everything(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            class: None,
            distractors: Vec::new(),
            all_compete: false,
            predicted: None,
            remove_threshold: None,
            known: Vec::new(),
            marked_only: false,
            max_occlusion: None,
            max_truncation: None,
            min_height: None,
            max_ignored: None,
        }
    }

    /// `MOTChallenge` 2015 in 2D: no classes, only the mark of the ground truth.
    pub fn mot15() -> Self {
        Self {
            marked_only: true,
            ..Self::everything("pedestrian")
        }
    }

    /// `MOTChallenge` 2016 and 2017: pedestrians (1); on vehicle (2), static (7), distractor (8) and reflection (12) are distractors.
    pub fn mot17() -> Self {
        Self {
            class: Some(1),
            distractors: vec![2, 7, 8, 12],
            all_compete: true,
            remove_threshold: Some(0.5),
            known: (1..=13).collect(),
            ..Self::mot15()
        }
    }

    /// `MOTChallenge` 2020: as 2017, and non-motorised vehicles (6) are distractors.
    pub fn mot20() -> Self {
        Self {
            distractors: vec![2, 7, 8, 12, 6],
            ..Self::mot17()
        }
    }

    /// KITTI tracking's two classes in 2D, numbered as in [`KittiClasses`](super::files::KittiClasses): cars, with vans as distractors, and
    /// pedestrians, with people sitting.
    pub fn kitti() -> Vec<Self> {
        [("car", 1, 2), ("pedestrian", 4, 5)]
            .into_iter()
            .map(|(name, class, distractor)| Self {
                class: Some(class),
                distractors: vec![distractor],
                predicted: Some(class),
                remove_threshold: Some(0.5),
                max_occlusion: Some(2),
                max_truncation: Some(0),
                min_height: Some(25.0),
                max_ignored: Some(0.5),
                ..Self::everything(name)
            })
            .collect()
    }

    /// Are they usable?
    pub fn check(&self) -> Result<(), EvalError> {
        if self.remove_threshold.is_some_and(|t| !(t > 0.0 && t <= 1.0)) {
            return bad("remove_threshold", "it must be in (0, 1]");
        }
        if self.min_height.is_some_and(f64::is_nan) {
            return bad("min_height", "it is not a number");
        }
        if self.max_ignored.is_some_and(|t| !(0.0..=1.0).contains(&t)) {
            return bad("max_ignored", "it must be in [0, 1]");
        }
        if self.class.is_some_and(|class| self.distractors.contains(&class)) {
            return bad("distractors", "the class that counts is among them");
        }
        Ok(())
    }
}
