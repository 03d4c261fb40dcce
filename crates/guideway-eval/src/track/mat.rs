//! Matrices of a size known when compiling: what a Kalman filter needs, and no more.
//!
//! The largest are 10 × 10. A general library would bring its compile time and its own vector types for six small functions.

#![allow(
    clippy::needless_range_loop,
    reason = "the sums read as in a textbook, and the sizes are part of the types"
)]

/// `R` rows of `C` numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mat<const R: usize, const C: usize>(pub [[f64; C]; R]);

impl<const R: usize, const C: usize> Mat<R, C> {
    pub const ZERO: Self = Self([[0.0; C]; R]);

    pub fn transpose(&self) -> Mat<C, R> {
        let mut out = Mat::ZERO;
        for i in 0..R {
            for j in 0..C {
                out.0[j][i] = self.0[i][j];
            }
        }
        out
    }

    pub fn mul<const K: usize>(&self, other: &Mat<C, K>) -> Mat<R, K> {
        let mut out = Mat::ZERO;
        for i in 0..R {
            for k in 0..C {
                let factor = self.0[i][k];
                // Half of a transition matrix is zeros.
                if factor != 0.0 {
                    for j in 0..K {
                        out.0[i][j] += factor * other.0[k][j];
                    }
                }
            }
        }
        out
    }

    pub fn times(&self, vector: &[f64; C]) -> [f64; R] {
        self.0
            .map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum::<f64>())
    }

    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, |a, b| a + b)
    }

    pub fn minus(&self, other: &Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    fn with(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let mut out = *self;
        for (row, other) in out.0.iter_mut().zip(&other.0) {
            for (a, b) in row.iter_mut().zip(other) {
                *a = f(*a, *b);
            }
        }
        out
    }

    pub fn is_finite(&self) -> bool {
        self.0.as_flattened().iter().all(|v| v.is_finite())
    }
}

impl<const N: usize> Mat<N, N> {
    pub fn identity() -> Self {
        Self::diagonal(&[1.0; N])
    }

    pub fn diagonal(values: &[f64; N]) -> Self {
        let mut out = Self::ZERO;
        for (i, value) in values.iter().enumerate() {
            out.0[i][i] = *value;
        }
        out
    }

    /// `self · middle · selfᵀ`, symmetric to the bit.
    pub fn congruence(&self, middle: &Self) -> Self {
        self.mul(middle).mul(&self.transpose()).symmetrised()
    }

    /// The mean of itself and its transpose: rounding errors do not add up to an asymmetry.
    pub fn symmetrised(&self) -> Self {
        let mut out = *self;
        for i in 0..N {
            for j in 0..i {
                let mean = f64::midpoint(self.0[i][j], self.0[j][i]);
                out.0[i][j] = mean;
                out.0[j][i] = mean;
            }
        }
        out
    }

    /// The lower triangle `L` with `L Lᵀ` = `self`; `None` when `self` is not positive definite.
    pub fn cholesky(&self) -> Option<Self> {
        let mut out = Self::ZERO;
        for i in 0..N {
            for j in 0..=i {
                let sum: f64 = (0..j).map(|k| out.0[i][k] * out.0[j][k]).sum();
                let rest = self.0[i][j] - sum;
                if i == j {
                    if !(rest > 0.0 && rest.is_finite()) {
                        return None;
                    }
                    out.0[i][i] = rest.sqrt();
                } else {
                    out.0[i][j] = rest / out.0[j][j];
                }
            }
        }
        Some(out)
    }

    /// With `self` the lower triangle of [`Mat::cholesky`]: the solution `X` of `L Lᵀ X = right`.
    pub fn solve<const K: usize>(&self, right: &Mat<N, K>) -> Mat<N, K> {
        let mut out = *right;
        for k in 0..K {
            for i in 0..N {
                let sum: f64 = (0..i).map(|j| self.0[i][j] * out.0[j][k]).sum();
                out.0[i][k] = (out.0[i][k] - sum) / self.0[i][i];
            }
            for i in (0..N).rev() {
                let sum: f64 = (i + 1..N).map(|j| self.0[j][i] * out.0[j][k]).sum();
                out.0[i][k] = (out.0[i][k] - sum) / self.0[i][i];
            }
        }
        out
    }

    /// With `self` the lower triangle of [`Mat::cholesky`]: `vectorᵀ (L Lᵀ)⁻¹ vector`.
    pub fn square(&self, vector: &[f64; N]) -> f64 {
        let mut y = *vector;
        for i in 0..N {
            let sum: f64 = (0..i).map(|j| self.0[i][j] * y[j]).sum();
            y[i] = (y[i] - sum) / self.0[i][i];
        }
        y.iter().map(|v| v * v).sum()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
mod tests {
    use super::*;

    #[test]
    fn solving_undoes_multiplying() {
        let a = Mat([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]]);
        let l = a.cholesky().unwrap();
        assert!(
            l.mul(&l.transpose())
                .minus(&a)
                .0
                .as_flattened()
                .iter()
                .all(|v| v.abs() < 1e-15)
        );
        let x = Mat([[1.0, 2.0], [3.0, -4.0], [5.0, 6.0]]);
        let back = l.solve(&a.mul(&x));
        assert!(back.minus(&x).0.as_flattened().iter().all(|v| v.abs() < 1e-14));
        // vᵀ A⁻¹ v by solving
        let v = [1.0, -2.0, 0.5];
        let solved = l.solve(&Mat(v.map(|v| [v])));
        let expected: f64 = (0..3).map(|i| v[i] * solved.0[i][0]).sum();
        assert!((l.square(&v) - expected).abs() < 1e-15);
        assert_eq!(Mat([[1.0, 2.0], [2.0, 1.0]]).cholesky(), None);
        assert_eq!(Mat([[f64::NAN]]).cholesky(), None);
    }
}
