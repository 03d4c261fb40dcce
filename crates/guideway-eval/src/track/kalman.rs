//! The linear steps that all filters here share: Kalman (1960) forward, Rauch, Tung and Striebel (1965) backward.

use super::mat::Mat;

/// A normal distribution of `N` numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gaussian<const N: usize> {
    pub mean: [f64; N],
    /// Symmetric positive definite.
    pub covariance: Mat<N, N>,
}

/// Where a distribution is expected to be some time later, and how that came about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted<const N: usize> {
    pub mean: [f64; N],
    /// Jacobian of the motion at the mean before.
    pub transition: Mat<N, N>,
    /// Covariance of what the motion does not say.
    pub noise: Mat<N, N>,
}

impl<const N: usize> Predicted<N> {
    pub fn identity(mean: [f64; N]) -> Self {
        Self {
            mean,
            transition: Mat::identity(),
            noise: Mat::ZERO,
        }
    }

    /// This motion and then another one, which begins at this one's mean.
    pub fn then(&self, next: &Self) -> Self {
        Self {
            mean: next.mean,
            transition: next.transition.mul(&self.transition),
            noise: next.transition.congruence(&self.noise).plus(&next.noise),
        }
    }

    pub fn of(&self, before: &Gaussian<N>) -> Gaussian<N> {
        Gaussian {
            mean: self.mean,
            covariance: self.transition.congruence(&before.covariance).plus(&self.noise),
        }
    }
}

impl<const N: usize> Gaussian<N> {
    pub fn independent(mean: [f64; N], sigmas: [f64; N]) -> Self {
        Self {
            mean,
            covariance: Mat::diagonal(&sigmas.map(|s| s * s)),
        }
    }

    /// Finite everywhere, and nowhere beyond what a coordinate can be.
    pub fn is_sane(&self) -> bool {
        self.mean.iter().all(|v| v.abs() < 1e12) && self.covariance.is_finite()
    }

    /// A measurement with the Jacobian `jacobian`, off the expectation by `residual`, its errors independent with these standard deviations.
    /// `false`, and nothing is changed, where the numbers have become too bad for it.
    ///
    /// The covariance comes from Joseph's form `(I − K H) P (I − K H)ᵀ + K R Kᵀ`, which stays positive definite under rounding.
    pub fn update<const M: usize>(&mut self, jacobian: &Mat<M, N>, residual: &[f64; M], sigmas: &[f64; M]) -> bool {
        let noise = Mat::diagonal(&sigmas.map(|s| s * s));
        let cross = jacobian.mul(&self.covariance);
        let innovation = cross.mul(&jacobian.transpose()).plus(&noise).symmetrised();
        let Some(root) = innovation.cholesky() else {
            return false;
        };
        let gain = root.solve(&cross).transpose();
        let step = gain.times(residual);
        let kept = Mat::identity().minus(&gain.mul(jacobian));
        let after = Self {
            mean: std::array::from_fn(|i| self.mean[i] + step[i]),
            covariance: kept
                .congruence(&self.covariance)
                .plus(&gain.mul(&noise).mul(&gain.transpose()).symmetrised()),
        };
        let sane = after.is_sane();
        if sane {
            *self = after;
        }
        sane
    }

    /// This filtered estimate in the light of what came after: `next` is the smoothed estimate one step later, `difference` says how far
    /// that is from the prediction `predicted` made here.
    ///
    /// The covariance, too, comes as a sum of squares: `(I − G F) P (I − G F)ᵀ + G (Pₙ + Q) Gᵀ`.
    pub fn smoothed(&self, predicted: &Predicted<N>, next: &Self, difference: &[f64; N]) -> Self {
        let ahead = predicted.of(self).covariance;
        let Some(root) = ahead.cholesky() else {
            return *self;
        };
        let gain = root.solve(&predicted.transition.mul(&self.covariance)).transpose();
        let step = gain.times(difference);
        let kept = Mat::identity().minus(&gain.mul(&predicted.transition));
        let after = Self {
            mean: std::array::from_fn(|i| self.mean[i] + step[i]),
            covariance: kept
                .congruence(&self.covariance)
                .plus(&gain.congruence(&next.covariance.plus(&predicted.noise))),
        };
        if after.is_sane() { after } else { *self }
    }
}

/// Covariance of a place and its rate after `seconds` of white noise in the acceleration: `[place², place × rate, rate²]`. Two steps make
/// the same as one of both lengths.
pub(super) fn white_acceleration(density: f64, seconds: f64) -> [f64; 3] {
    let t = seconds;
    let q = density * density;
    [q * t * t * t / 3.0, q * t * t / 2.0, q * t]
}
