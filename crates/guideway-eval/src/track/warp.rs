//! What the camera's own motion does to the image.

use crate::error::EvalError;

/// Entries beyond this are no motion between two frames.
const LARGEST: f64 = 1e6;

/// Where pixels of the frame before lie in this one, as far as the camera moved: a homography, or an affine map as a special case.
///
/// It comes from registering the two images on what stands still (as in StrongSORT and BoT-SORT), or from the camera's rotation
/// `R` and intrinsics as `K R K⁻¹`. Pixels are [`guideway_core::BBox`]'s: x right, y down. The default moves nothing.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "[[f64; 3]; 3]", into = "[[f64; 3]; 3]")]
pub struct Warp([[f64; 3]; 3]);

impl Default for Warp {
    fn default() -> Self {
        Self::IDENTITY
    }
}

impl Warp {
    /// The camera stands.
    pub const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);

    /// From the two rows of an affine map, as OpenCV's `estimateAffine2D` gives them: `x' = a x + b y + c`.
    ///
    /// ```
    /// use guideway_eval::track::Warp;
    /// let pan = Warp::affine([[1.0, 0.0, -12.0], [0.0, 1.0, 0.5]])?;
    /// assert_eq!(pan.apply([100.0, 50.0]), Some([88.0, 50.5]));
    /// # Ok::<(), guideway_eval::EvalError>(())
    /// ```
    pub fn affine(rows: [[f64; 3]; 2]) -> Result<Self, EvalError> {
        Self::homography([rows[0], rows[1], [0.0, 0.0, 1.0]])
    }

    /// From the rows of a homography. One that is singular, mirrors or has entries that are not finite is refused.
    pub fn homography(rows: [[f64; 3]; 3]) -> Result<Self, EvalError> {
        let bad = |problem: String| {
            Err(EvalError::Parameter {
                parameter: "warp",
                problem,
            })
        };
        if let Some(odd) = rows.as_flattened().iter().find(|v| v.is_nan() || v.abs() > LARGEST) {
            return bad(format!("{odd} is no entry of a motion between two frames"));
        }
        let scale = rows[2][2];
        if scale.abs() < 1e-9 {
            return bad(format!(
                "its last entry is {scale}, so that it sends the origin to infinity"
            ));
        }
        let m = rows.map(|row| row.map(|v| v / scale));
        let determinant = m[0][0] * (m[1][1] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
        if determinant < 1e-9 {
            return bad(format!(
                "its determinant is {determinant}: it is singular, or mirrors the image"
            ));
        }
        Ok(Self(m))
    }

    /// A pixel of the frame before in this one; `None` where it went behind the camera.
    pub fn apply(&self, [x, y]: [f64; 2]) -> Option<[f64; 2]> {
        let [u, v, w] = self.0.map(|row| row[0] * x + row[1] * y + row[2]);
        (w > 1e-6).then(|| [u / w, v / w])
    }

    /// Where a pixel goes, and how its surroundings are stretched and turned there (the Jacobian).
    pub(super) fn around(&self, point: [f64; 2]) -> Option<([f64; 2], [[f64; 2]; 2])> {
        let [x, y] = point;
        let w = self.0[2][0] * x + self.0[2][1] * y + self.0[2][2];
        let [u, v] = self.apply(point)?;
        let row = |i: usize, at: f64| [0, 1].map(|j| (self.0[i][j] - at * self.0[2][j]) / w);
        Some(([u, v], [row(0, u), row(1, v)]))
    }
}

impl TryFrom<[[f64; 3]; 3]> for Warp {
    type Error = EvalError;

    fn try_from(rows: [[f64; 3]; 3]) -> Result<Self, EvalError> {
        Self::homography(rows)
    }
}

impl From<Warp> for [[f64; 3]; 3] {
    fn from(warp: Warp) -> Self {
        warp.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
mod tests {
    use super::*;

    #[test]
    fn the_jacobian_is_the_slope() {
        let warp = Warp::homography([[1.02, 0.01, -4.0], [-0.02, 0.99, 3.0], [1e-5, -2e-5, 1.0]]).unwrap();
        let at = [300.0, 200.0];
        let (center, slope) = warp.around(at).unwrap();
        assert_eq!(Some(center), warp.apply(at));
        for axis in 0..2 {
            let (mut lower, mut upper) = (at, at);
            lower[axis] -= 1e-3;
            upper[axis] += 1e-3;
            let (a, b) = (warp.apply(lower).unwrap(), warp.apply(upper).unwrap());
            for out in 0..2 {
                let measured = (b[out] - a[out]) / 2e-3;
                assert!(
                    (measured - slope[out][axis]).abs() < 1e-8,
                    "{measured} {}",
                    slope[out][axis]
                );
            }
        }
        assert_eq!(warp.apply([-2e5, 0.0]), None);
    }
}
