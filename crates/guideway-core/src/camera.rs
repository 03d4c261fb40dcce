//! Cameras: from a point in front of the lens to a pixel, and from a pixel to a ray. The formulas and the order of the
//! coefficients are OpenCV's (`cv::projectPoints`, `cv::fisheye::projectPoints`).

use glam::DVec3;

use crate::GeometryError;
use crate::geometry_error::finite;

/// Focal lengths and principal point, and the size of the image they belong to.
///
/// Whether the first pixel's middle is (0, 0) or (½, ½) is a property of the calibration; projection keeps it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Intrinsics {
    /// Focal length in x, px.
    pub fx: f64,
    /// Focal length in y, px.
    pub fy: f64,
    /// Principal point x, px.
    pub cx: f64,
    /// Principal point y, px.
    pub cy: f64,
    /// Image width, px.
    pub width: u32,
    /// Image height, px.
    pub height: u32,
}

/// How the lens bends rays.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraModel {
    /// Not at all: an ideal or rectified image.
    Pinhole,
    /// Brown–Conrady, with OpenCV's rational extension: radial factor
    /// `(1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶)` and tangential terms `p1`, `p2`.
    BrownConrady {
        /// k1 to k6.
        k: [f64; 6],
        /// p1, p2.
        p: [f64; 2],
    },
    /// Kannala–Brandt fisheye: `θ_d = θ (1 + k1 θ² + k2 θ⁴ + k3 θ⁶ + k4 θ⁸)`.
    KannalaBrandt {
        /// k1 to k4.
        k: [f64; 4],
    },
}

impl CameraModel {
    /// From a table's model name and coefficients: `pinhole` (none), `brown-conrady` (k1 k2 p1 p2, k3, k4 k5 k6: 4, 5 or
    /// 8 numbers), `kannala-brandt` (k1 to k4).
    pub fn from_coefficients(name: &str, coefficients: &[f64]) -> Result<Self, GeometryError> {
        finite("distortion", coefficients)?;
        match (name, coefficients) {
            ("pinhole", []) => Ok(Self::Pinhole),
            ("brown-conrady", [k1, k2, p1, p2, rest @ ..]) if [0, 1, 4].contains(&rest.len()) => {
                let at = |i: usize| rest.get(i).copied().unwrap_or(0.0);
                Ok(Self::BrownConrady {
                    k: [*k1, *k2, at(0), at(1), at(2), at(3)],
                    p: [*p1, *p2],
                })
            }
            ("kannala-brandt", &[k1, k2, k3, k4]) => Ok(Self::KannalaBrandt { k: [k1, k2, k3, k4] }),
            ("pinhole", _) => Err(GeometryError::WrongCount {
                what: "pinhole distortion",
                expected: "0",
                found: coefficients.len(),
            }),
            ("brown-conrady", _) => Err(GeometryError::WrongCount {
                what: "Brown-Conrady distortion",
                expected: "4, 5 or 8",
                found: coefficients.len(),
            }),
            ("kannala-brandt", _) => Err(GeometryError::WrongCount {
                what: "Kannala-Brandt distortion",
                expected: "4",
                found: coefficients.len(),
            }),
            _ => Err(GeometryError::UnknownModel { name: name.to_owned() }),
        }
    }

    /// The name in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pinhole => "pinhole",
            Self::BrownConrady { .. } => "brown-conrady",
            Self::KannalaBrandt { .. } => "kannala-brandt",
        }
    }

    /// The coefficients in the order of tables and of OpenCV: the inverse of [`Self::from_coefficients`]. The rational
    /// terms are left out where they are all zero.
    pub fn coefficients(&self) -> Vec<f64> {
        match *self {
            Self::Pinhole => Vec::new(),
            Self::BrownConrady { k, p } => {
                let mut out = vec![k[0], k[1], p[0], p[1], k[2]];
                if k[3..].iter().any(|&v| v != 0.0) {
                    out.extend_from_slice(&k[3..]);
                }
                out
            }
            Self::KannalaBrandt { k } => k.to_vec(),
        }
    }
}

/// A camera: x right, y down, z forward.
///
/// ```
/// use guideway_core::{Camera, CameraModel, DVec3, Intrinsics};
/// let intrinsics = Intrinsics { fx: 1000.0, fy: 1000.0, cx: 960.0, cy: 540.0, width: 1920, height: 1080 };
/// let camera = Camera::new(intrinsics, CameraModel::Pinhole)?;
/// assert_eq!(camera.project(DVec3::new(1.0, 0.0, 10.0)), Some([1060.0, 540.0]));
/// assert_eq!(camera.project(DVec3::new(1.0, 0.0, -10.0)), None);
/// # Ok::<(), guideway_core::GeometryError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    intrinsics: Intrinsics,
    model: CameraModel,
    /// Where the distortion stops being one-to-one: a radius at z = 1 for Brown–Conrady, an angle for the fisheye.
    limit: f64,
}

impl Camera {
    /// Checks the numbers: everything finite, focal lengths above zero.
    pub fn new(intrinsics: Intrinsics, model: CameraModel) -> Result<Self, GeometryError> {
        let Intrinsics { fx, fy, cx, cy, .. } = intrinsics;
        finite("camera intrinsics (fx fy cx cy)", &[fx, fy, cx, cy])?;
        for (what, value) in [("focal length fx", fx), ("focal length fy", fy)] {
            if value <= 0.0 {
                return Err(GeometryError::OutOfRange {
                    what,
                    value,
                    range: "the numbers above 0",
                });
            }
        }
        finite("distortion", &model.coefficients())?;
        let limit = match &model {
            CameraModel::Pinhole => f64::INFINITY,
            CameraModel::BrownConrady { k, .. } => fold(1e4, |r| brown_slope(k, r * r)),
            CameraModel::KannalaBrandt { k } => fold(std::f64::consts::FRAC_PI_2, |theta| fisheye_slope(k, theta)),
        };
        Ok(Self {
            intrinsics,
            model,
            limit,
        })
    }

    /// Focal lengths, principal point and size.
    pub fn intrinsics(&self) -> Intrinsics {
        self.intrinsics
    }

    /// The lens.
    pub fn model(&self) -> CameraModel {
        self.model
    }

    /// Where a point (m, camera frame) appears, px; it may lie outside the image (see [`Self::contains`]).
    ///
    /// `None` for a point at or behind the camera's plane (z ≤ 0), for one so far off the axis that the distortion
    /// polynomial has folded back (OpenCV would put it inside the image, at a wrong place), and for NaN.
    pub fn project(&self, point_in_camera: DVec3) -> Option<[f64; 2]> {
        if !point_in_camera.is_finite() || point_in_camera.z <= 0.0 {
            return None;
        }
        let (x, y) = (
            point_in_camera.x / point_in_camera.z,
            point_in_camera.y / point_in_camera.z,
        );
        let [xd, yd] = match &self.model {
            CameraModel::Pinhole => [x, y],
            CameraModel::BrownConrady { k, p } => {
                if x.hypot(y) > self.limit {
                    return None;
                }
                brown(k, *p, x, y)
            }
            CameraModel::KannalaBrandt { k } => {
                let r = x.hypot(y);
                let theta = r.atan();
                if theta > self.limit {
                    return None;
                }
                let scale = if r > 1e-12 { fisheye(k, theta) / r } else { 1.0 };
                [x * scale, y * scale]
            }
        };
        let i = &self.intrinsics;
        let pixel = [i.fx * xd + i.cx, i.fy * yd + i.cy];
        pixel.iter().all(|v| v.is_finite()).then_some(pixel)
    }

    /// The unit ray, in the camera frame, of what appears at a pixel: the inverse of [`Self::project`].
    ///
    /// Newton's method runs until the distorted ray meets the pixel to 1e-11 at z = 1 (1e-8 px at a focal length of
    /// 1,000 px), mostly far closer. `None` where no ray within the one-to-one part of the lens model does.
    pub fn unproject(&self, pixel: [f64; 2]) -> Option<DVec3> {
        let i = &self.intrinsics;
        let target = [(pixel[0] - i.cx) / i.fx, (pixel[1] - i.cy) / i.fy];
        if !target.iter().all(|v| v.is_finite()) {
            return None;
        }
        let ray = match &self.model {
            CameraModel::Pinhole => DVec3::new(target[0], target[1], 1.0),
            CameraModel::BrownConrady { k, p } => {
                let [x, y] = brown_inverse(k, *p, target)?;
                if x.hypot(y) > self.limit {
                    return None;
                }
                DVec3::new(x, y, 1.0)
            }
            CameraModel::KannalaBrandt { k } => {
                let r = target[0].hypot(target[1]);
                if r < 1e-12 {
                    DVec3::new(target[0], target[1], 1.0)
                } else {
                    let theta = fisheye_inverse(k, r, self.limit)?;
                    let s = theta.sin() / r;
                    DVec3::new(target[0] * s, target[1] * s, theta.cos())
                }
            }
        };
        let length = ray.length();
        (length.is_finite() && length > 0.0).then(|| ray / length)
    }

    /// Whether a pixel position lies in the image.
    pub fn contains(&self, pixel: [f64; 2]) -> bool {
        let (w, h) = (f64::from(self.intrinsics.width), f64::from(self.intrinsics.height));
        (0.0..w).contains(&pixel[0]) && (0.0..h).contains(&pixel[1])
    }
}

/// The first place up to `end` at which `slope` is not above zero; infinity where there is none. Steps grow with the
/// place: distortion polynomials turn near the axis or not at all.
fn fold(end: f64, slope: impl Fn(f64) -> f64) -> f64 {
    let good = |at: f64| slope(at) > 0.0;
    let mut before = 0.0_f64;
    while before < end {
        let after = (before + 0.002_f64.max(before * 0.0025)).min(end);
        if !good(after) {
            let (mut lo, mut hi) = (before, after);
            for _ in 0..60 {
                let middle = f64::midpoint(lo, hi);
                if good(middle) {
                    lo = middle;
                } else {
                    hi = middle;
                }
            }
            return lo;
        }
        before = after;
    }
    f64::INFINITY
}

/// Numerator and denominator of the radial factor, and their derivatives by `s` = r².
fn brown_parts(k: &[f64; 6], s: f64) -> [f64; 4] {
    let [k1, k2, k3, k4, k5, k6] = *k;
    [
        1.0 + s * (k1 + s * (k2 + s * k3)),
        1.0 + s * (k4 + s * (k5 + s * k6)),
        k1 + s * (2.0 * k2 + s * 3.0 * k3),
        k4 + s * (2.0 * k5 + s * 3.0 * k6),
    ]
}

/// Has the sign of the derivative of the distorted radius by the radius; not above zero where the denominator is not.
fn brown_slope(k: &[f64; 6], s: f64) -> f64 {
    let [n, d, dn, dd] = brown_parts(k, s);
    if d <= 0.0 {
        return d;
    }
    n * d + 2.0 * s * (dn * d - n * dd)
}

fn brown(k: &[f64; 6], [p1, p2]: [f64; 2], x: f64, y: f64) -> [f64; 2] {
    let s = x * x + y * y;
    let [n, d, ..] = brown_parts(k, s);
    let radial = n / d;
    [
        x * radial + 2.0 * p1 * x * y + p2 * (s + 2.0 * x * x),
        y * radial + p1 * (s + 2.0 * y * y) + 2.0 * p2 * x * y,
    ]
}

/// Newton in two dimensions with steps halved until they help.
fn brown_inverse(k: &[f64; 6], p: [f64; 2], target: [f64; 2]) -> Option<[f64; 2]> {
    let miss = |x: f64, y: f64| {
        let [u, v] = brown(k, p, x, y);
        [u - target[0], v - target[1]]
    };
    let [mut x, mut y] = target;
    let mut residual = miss(x, y);
    let mut error = residual[0].hypot(residual[1]);
    for _ in 0..60 {
        if error < 1e-15 {
            break;
        }
        let s = x * x + y * y;
        let [n, d, dn, dd] = brown_parts(k, s);
        let radial = n / d;
        let slope = 2.0 * (dn * d - n * dd) / (d * d);
        let [p1, p2] = p;
        let a = radial + slope * x * x + 2.0 * p1 * y + 6.0 * p2 * x;
        let b = slope * x * y + 2.0 * p1 * x + 2.0 * p2 * y;
        let c = radial + slope * y * y + 6.0 * p1 * y + 2.0 * p2 * x;
        let determinant = a * c - b * b;
        let step = [
            (c * residual[0] - b * residual[1]) / determinant,
            (a * residual[1] - b * residual[0]) / determinant,
        ];
        let mut scale = 1.0;
        let mut better = false;
        for _ in 0..30 {
            let (nx, ny) = (x - scale * step[0], y - scale * step[1]);
            let r = miss(nx, ny);
            let e = r[0].hypot(r[1]);
            if e < error {
                (x, y, residual, error, better) = (nx, ny, r, e, true);
                break;
            }
            scale *= 0.5;
        }
        if !better {
            break;
        }
    }
    (error <= 1e-11).then_some([x, y])
}

fn fisheye(k: &[f64; 4], theta: f64) -> f64 {
    let s = theta * theta;
    theta * (1.0 + s * (k[0] + s * (k[1] + s * (k[2] + s * k[3]))))
}

fn fisheye_slope(k: &[f64; 4], theta: f64) -> f64 {
    let s = theta * theta;
    1.0 + s * (3.0 * k[0] + s * (5.0 * k[1] + s * (7.0 * k[2] + s * 9.0 * k[3])))
}

/// Newton kept inside a bracket: the polynomial rises all the way to the limit.
fn fisheye_inverse(k: &[f64; 4], distorted: f64, limit: f64) -> Option<f64> {
    let (mut lo, mut hi) = (0.0, limit.min(std::f64::consts::FRAC_PI_2));
    if distorted > fisheye(k, hi) {
        return None;
    }
    let mut theta = distorted.min(hi);
    for _ in 0..100 {
        let miss = fisheye(k, theta) - distorted;
        if miss.abs() < 1e-15 {
            break;
        }
        if miss > 0.0 {
            hi = theta;
        } else {
            lo = theta;
        }
        let newton = theta - miss / fisheye_slope(k, theta);
        let next = if newton > lo && newton < hi {
            newton
        } else {
            f64::midpoint(lo, hi)
        };
        if next == theta {
            break;
        }
        theta = next;
    }
    ((fisheye(k, theta) - distorted).abs() <= 1e-11).then_some(theta)
}
