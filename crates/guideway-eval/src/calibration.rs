//! Are scores probabilities? Reliability diagrams and the expected calibration error.
//!
//! Of the detections with a score around 0.8, four in five should be right. Detections are put into bins of equal width by score; in each bin the mean score stands against
//! the part that is right (the precision), and the expected calibration error is the mean gap, weighted by the detections of the bins: Naeini, Cooper and Hauskrecht,
//! "Obtaining well calibrated probabilities using Bayesian binning" (2015); for detections Küppers, Kronenberger, Shantia and Haselhoff, "Multivariate confidence calibration for
//! object detection" (2020), here by score alone.
//!
//! ```
//! use guideway_eval::calibration::calibrate;
//!
//! // Ten detections at 0.9, of which six are right: too sure by 0.3.
//! let scored: Vec<(f64, bool)> = (0..10).map(|at| (0.9, at < 6)).collect();
//! let calibration = calibrate(&scored, 10)?.expect("there are detections");
//! assert!((calibration.ece - 0.3).abs() < 1e-12);
//! assert_eq!(calibration.bins.len(), 1);
//! # Ok::<(), guideway_eval::EvalError>(())
//! ```

use serde::Serialize;

use crate::coco::{Assignment, DetectionState};
use crate::error::EvalError;

/// Detections with scores of a range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// Lowest score, inclusive.
    pub lower: f64,
    /// Highest score, exclusive but for 1.
    pub upper: f64,
    /// Number of detections.
    pub detections: u64,
    /// Their mean score.
    pub score: f64,
    /// The part of them that is right.
    pub precision: f64,
}

/// A reliability diagram.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Bins that hold detections, by score.
    pub bins: Vec<CalibrationBin>,
    /// Expected calibration error: the mean of |precision − score| over the bins, weighted by their detections.
    pub ece: f64,
    /// The largest gap of a bin.
    pub largest: f64,
    /// Number of detections.
    pub detections: u64,
}

/// Sorts detections into `bins` bins of equal width by score; the flag says which are right. Scores outside 0 to 1 count with the nearest bin. `None` without detections.
///
/// # Errors
/// [`EvalError::Parameter`] for no bins or a score that is NaN.
pub fn calibrate(scored: &[(f64, bool)], bins: usize) -> Result<Option<Calibration>, EvalError> {
    let wrong = |parameter, problem: String| Err(EvalError::Parameter { parameter, problem });
    if bins == 0 {
        return wrong("bins", "there must be one".to_owned());
    }
    if let Some(row) = scored.iter().position(|(score, _)| score.is_nan()) {
        return wrong("scored", format!("row {row} has the score NaN"));
    }
    let mut sums = vec![(0_u64, 0.0, 0_u64); bins];
    for (score, is_right) in scored {
        let place = ((score.clamp(0.0, 1.0) * bins as f64) as usize).min(bins - 1);
        let (count, total, right) = &mut sums[place];
        *count += 1;
        *total += score;
        *right += u64::from(*is_right);
    }
    let all = scored.len() as u64;
    let filled: Vec<CalibrationBin> = sums
        .into_iter()
        .enumerate()
        .filter(|(_, (count, ..))| *count > 0)
        .map(|(place, (count, total, right))| CalibrationBin {
            lower: place as f64 / bins as f64,
            upper: (place + 1) as f64 / bins as f64,
            detections: count,
            score: total / count as f64,
            precision: right as f64 / count as f64,
        })
        .collect();
    let gap = |bin: &CalibrationBin| (bin.precision - bin.score).abs();
    Ok((all > 0).then(|| Calibration {
        ece: filled.iter().map(|bin| gap(bin) * bin.detections as f64).sum::<f64>() / all as f64,
        largest: filled.iter().map(gap).fold(0.0, f64::max),
        detections: all,
        bins: filled,
    }))
}

/// The scores of the detections that count, with whether each is right, from an assignment over all scores.
pub fn scored(assignment: &Assignment, scores: &[f64]) -> Vec<(f64, bool)> {
    assignment
        .detection
        .iter()
        .zip(scores)
        .filter_map(|(state, score)| match state {
            DetectionState::Matched { .. } => Some((*score, true)),
            DetectionState::Unmatched => Some((*score, false)),
            DetectionState::Dropped | DetectionState::Ignored { .. } => None,
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_right_as_often_as_it_says_is_calibrated() {
        // 100 detections at each of 0.05, 0.15, …, right as often as they say
        let scored: Vec<(f64, bool)> = (0..10_u32)
            .flat_map(|bin| (0..100_u32).map(move |at| (f64::from(bin) / 10.0 + 0.05, at < bin * 10 + 5)))
            .collect();
        let calibration = calibrate(&scored, 10).unwrap().unwrap();
        assert!(calibration.ece < 1e-9 && calibration.largest < 1e-9, "{calibration:?}");
        assert_eq!((calibration.bins.len(), calibration.detections), (10, 1000));
    }

    #[test]
    fn senseless_input_is_refused() {
        assert!(calibrate(&[], 10).unwrap().is_none());
        assert!(calibrate(&[(0.5, true)], 0).is_err());
        let err = calibrate(&[(0.5, true), (f64::NAN, true)], 5).unwrap_err().to_string();
        assert!(err.contains("row 1"), "{err}");
        // a score above 1 is of the last bin
        let calibration = calibrate(&[(1.0, true), (1.5, true)], 4).unwrap().unwrap();
        assert_eq!(calibration.bins.len(), 1);
    }

    proptest! {
        #[test]
        fn every_detection_is_in_one_bin(
            scored in prop::collection::vec((0.0..=1.0_f64, any::<bool>()), 1..200),
            bins in 1_usize..30,
        ) {
            let calibration = calibrate(&scored, bins).unwrap().unwrap();
            prop_assert_eq!(calibration.bins.iter().map(|bin| bin.detections).sum::<u64>(), scored.len() as u64);
            let right: f64 = calibration.bins.iter().map(|bin| bin.precision * bin.detections as f64).sum();
            prop_assert!((right - scored.iter().filter(|(_, right)| *right).count() as f64).abs() < 1e-9);
            prop_assert!(calibration.ece <= calibration.largest + 1e-12 && calibration.largest <= 1.0);
            for bin in &calibration.bins {
                prop_assert!(bin.lower <= bin.score && bin.score <= bin.upper);
            }
        }
    }
}
