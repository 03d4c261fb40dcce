//! How unsure a model is of a frame, in numbers: acquisition functions.
//!
//! A score per place comes first, then one per frame, by an [`Aggregate`]:
//!
//! | function | of | after |
//! |---|---|---|
//! | [`entropy`] | a probability map, or the mean of an ensemble's | Shannon 1948; Haussmann et al. 2020 |
//! | [`mutual_information`] | the maps of an ensemble or of dropout passes | Houlsby et al. 2011, "BALD"; Gal et al. 2017 |
//! | [`margin`] | a probability map, or the mean of an ensemble's | Scheffer et al. 2001; Brust et al. 2019 |
//! | [`gradient_norm`] | a probability map and the features below it | Settles et al. 2008; Haussmann et al. 2020 |
//! | [`detection_entropy`] | found objects | Roy et al. 2018; Haussmann et al. 2020 |
//! | [`track_disagreement`] | found objects of two consecutive frames | Aghdam et al. 2019 |
//!
//! Detectors here give each class a probability of its own (they need not sum to 1), so that every place and class is a coin: entropies
//! are those of Bernoulli distributions, in bits, from 0 for certain to 1 for a half. Functions take the maps of one class as slices, one for
//! each member of the ensemble, and append to a vector, so that classes and pyramid levels are chained without copies.

mod boxes;
mod maps;

pub use boxes::{Detection, TrackParams, detection_entropy, track_disagreement};
pub use maps::{entropy, gradient_embedding, gradient_norm, margin, mutual_information};

use crate::error::MineError;

/// How the scores of many places become that of a frame.
///
/// Haussmann et al. 2020 found the maximum the best with maps; a sum rewards crowded frames, which cost more to label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregate {
    /// The highest.
    #[default]
    Max,
    /// The mean.
    Mean,
    /// The sum.
    Sum,
    /// The mean of the highest, of all where there are fewer.
    TopK(u32),
}

impl Aggregate {
    /// The score of a frame; 0 for one without places.
    ///
    /// ```
    /// use guideway_mine::scores::Aggregate;
    /// let scores = [0.1, 0.7, 0.4];
    /// assert_eq!(Aggregate::Max.of(&scores), 0.7);
    /// assert!((Aggregate::TopK(2).of(&scores) - 0.55).abs() < 1e-6);
    /// assert_eq!(Aggregate::Mean.of(&[]), 0.0);
    /// ```
    pub fn of(self, scores: &[f32]) -> f32 {
        if scores.is_empty() {
            return 0.0;
        }
        let sum = |scores: &[f32]| scores.iter().map(|s| f64::from(*s)).sum::<f64>();
        match self {
            Self::Max => scores.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            Self::Mean => (sum(scores) / scores.len() as f64) as f32,
            Self::Sum => sum(scores) as f32,
            Self::TopK(k) => {
                let k = (k as usize).clamp(1, scores.len());
                let mut scores = scores.to_vec();
                scores.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
                // Sorted, so that the sum does not depend on how they were found.
                scores[..k].sort_unstable_by(|a, b| b.total_cmp(a));
                (sum(&scores[..k]) / k as f64) as f32
            }
        }
    }
}

impl std::fmt::Display for Aggregate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Max => f.pad("max"),
            Self::Mean => f.pad("mean"),
            Self::Sum => f.pad("sum"),
            Self::TopK(k) => f.pad(&format!("top-{k}")),
        }
    }
}

impl std::str::FromStr for Aggregate {
    type Err = MineError;

    fn from_str(text: &str) -> Result<Self, MineError> {
        match text {
            "max" => Ok(Self::Max),
            "mean" => Ok(Self::Mean),
            "sum" => Ok(Self::Sum),
            _ => text
                .strip_prefix("top-")
                .and_then(|k| k.parse().ok())
                .filter(|k| *k > 0)
                .map(Self::TopK)
                .ok_or_else(|| MineError::Parameter {
                    parameter: "aggregate",
                    value: text.to_owned(),
                    allowed: "max, mean, sum and top-K, such as top-10",
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn aggregates_are_read_as_they_are_written() {
        for aggregate in [Aggregate::Max, Aggregate::Mean, Aggregate::Sum, Aggregate::TopK(7)] {
            assert_eq!(aggregate.to_string().parse::<Aggregate>(), Ok(aggregate));
        }
        for text in ["", "top-", "top-0", "median", "Max"] {
            assert!(text.parse::<Aggregate>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn aggregates_are_those_of_a_sorted_list(scores in prop::collection::vec(0.0_f32..1.0, 1..40), k in 1_u32..50) {
            let mut sorted = scores.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let top = &sorted[..(k as usize).min(sorted.len())];
            prop_assert_eq!(Aggregate::Max.of(&scores), sorted[0]);
            prop_assert!((Aggregate::TopK(k).of(&scores) - top.iter().sum::<f32>() / top.len() as f32).abs() < 1e-5);
            prop_assert_eq!(Aggregate::TopK(1).of(&scores), Aggregate::Max.of(&scores));
            let mean = Aggregate::Sum.of(&scores) / scores.len() as f32;
            prop_assert!((Aggregate::Mean.of(&scores) - mean).abs() < 1e-5);
            prop_assert!((Aggregate::TopK(1000).of(&scores) - mean).abs() < 1e-5);
        }
    }
}
