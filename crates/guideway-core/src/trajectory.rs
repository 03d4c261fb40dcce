//! How far a forecast trajectory is from the one that was driven, as Argoverse 2's forecasting benchmark measures it.
//!
//! A forecast is usually one of several modes with probabilities; [`ModeErrors`] holds one mode's numbers and
//! [`best_by_final`] picks the mode that the benchmark's `min` figures speak of.

/// The distance at the last step beyond which a forecast counts as missed, m.
pub const MISS_THRESHOLD_M: f64 = 2.0;

/// The errors of one forecast mode.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ModeErrors {
    /// Average displacement over the steps, m (ADE).
    pub average_m: f64,
    /// Displacement at the last step, m (FDE).
    pub last_m: f64,
    /// Probability of the mode.
    pub probability: f64,
}

impl ModeErrors {
    /// Compares a forecast with the driven trajectory, step by step. `None` when they are empty, differ in length or hold
    /// what is not finite.
    pub fn of(forecast: &[[f64; 2]], driven: &[[f64; 2]], probability: f64) -> Option<Self> {
        if forecast.len() != driven.len() || !probability.is_finite() {
            return None;
        }
        let mut sum = 0.0;
        let mut last_m = None;
        for (f, d) in forecast.iter().zip(driven) {
            let distance = (f[0] - d[0]).hypot(f[1] - d[1]);
            if !distance.is_finite() {
                return None;
            }
            sum += distance;
            last_m = Some(distance);
        }
        Some(Self {
            average_m: sum / driven.len() as f64,
            last_m: last_m?,
            probability,
        })
    }

    /// Whether the forecast ends further than this from where the drive does.
    pub fn is_missed(&self, threshold_m: f64) -> bool {
        self.last_m > threshold_m
    }

    /// The Brier term: (1 − probability)².
    pub fn brier(&self) -> f64 {
        (1.0 - self.probability).powi(2)
    }

    /// Average displacement plus the Brier term (brier-ADE).
    pub fn brier_average(&self) -> f64 {
        self.average_m + self.brier()
    }

    /// Last displacement plus the Brier term (brier-FDE).
    pub fn brier_last(&self) -> f64 {
        self.last_m + self.brier()
    }
}

/// The mode that ends nearest; the first of equals. Its errors are minFDE, the brier-minFDE and, by the benchmark's
/// convention, minADE.
pub fn best_by_final(modes: &[ModeErrors]) -> Option<&ModeErrors> {
    modes.iter().min_by(|a, b| a.last_m.total_cmp(&b.last_m))
}
