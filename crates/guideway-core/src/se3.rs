//! Rigid transforms.

use std::ops::Mul;

use glam::{DMat3, DQuat, DVec3};

use crate::GeometryError;
use crate::geometry_error::finite;

/// How far the columns of a matrix may be from orthonormal before it is refused. Calibration files print few digits.
const RIGID_TOLERANCE: f64 = 1e-3;

/// A rotation followed by a translation, in 64-bit floats.
///
/// Name it `target_from_source`: `world_from_ego * ego_from_camera` is `world_from_camera`, and
/// `world_from_ego * point_in_ego` is a point in the world. The rotation is always a unit quaternion, and everything is
/// finite: the constructors see to it.
///
/// As JSON and in tables it is seven numbers, `x y z qw qx qy qz`.
///
/// ```
/// use guideway_core::{DVec3, Se3};
/// let world_from_ego = Se3::from_yaw(std::f64::consts::FRAC_PI_2, DVec3::new(10.0, 0.0, 0.0))?;
/// let point_in_world = world_from_ego * DVec3::X;
/// assert!((point_in_world - DVec3::new(10.0, 1.0, 0.0)).length() < 1e-12);
/// # Ok::<(), guideway_core::GeometryError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "[f64; 7]", into = "[f64; 7]")]
pub struct Se3 {
    rotation: DQuat,
    translation: DVec3,
}

impl Default for Se3 {
    fn default() -> Self {
        Self::IDENTITY
    }
}

impl Se3 {
    /// Leaves every point where it is.
    pub const IDENTITY: Self = Self {
        rotation: DQuat::IDENTITY,
        translation: DVec3::ZERO,
    };

    /// From a quaternion, which is normalised, and a translation in metres.
    pub fn new(rotation: DQuat, translation: DVec3) -> Result<Self, GeometryError> {
        let wxyz = [rotation.w, rotation.x, rotation.y, rotation.z];
        finite("quaternion (w x y z)", &wxyz)?;
        finite("translation", &translation.to_array())?;
        let length = rotation.length();
        if length < 1e-9 || !length.is_finite() {
            return Err(GeometryError::ZeroQuaternion { wxyz, length });
        }
        // Leave what is a unit already alone: reading back what was written gives the same bits.
        let rotation = if (length - 1.0).abs() < 1e-15 {
            rotation
        } else {
            rotation / length
        };
        Ok(Self { rotation, translation })
    }

    /// From a translation `x y z` in metres and a quaternion in the order `w x y z`.
    pub fn from_xyz_wxyz(xyz: [f64; 3], wxyz: [f64; 4]) -> Result<Self, GeometryError> {
        let [w, x, y, z] = wxyz;
        Self::new(DQuat::from_xyzw(x, y, z, w), DVec3::from_array(xyz))
    }

    /// From the seven numbers of a table: `x y z qw qx qy qz`.
    pub fn from_slice(values: &[f64]) -> Result<Self, GeometryError> {
        let [x, y, z, qw, qx, qy, qz] = *values else {
            return Err(GeometryError::WrongCount {
                what: "a pose",
                expected: "7 (x y z qw qx qy qz)",
                found: values.len(),
            });
        };
        Self::from_xyz_wxyz([x, y, z], [qw, qx, qy, qz])
    }

    /// The seven numbers of a table: `x y z qw qx qy qz`.
    pub fn to_array(self) -> [f64; 7] {
        let (t, q) = (self.translation, self.rotation);
        [t.x, t.y, t.z, q.w, q.x, q.y, q.z]
    }

    /// A rotation about z by `yaw` radians (counter-clockwise seen from above), then a translation.
    pub fn from_yaw(yaw: f64, translation: DVec3) -> Result<Self, GeometryError> {
        finite("yaw", &[yaw])?;
        Self::new(DQuat::from_rotation_z(yaw), translation)
    }

    /// From the rows of a rotation matrix and a translation. Columns that are not orthonormal to 1e-3, or a mirror, are
    /// refused; what is left of the deviation is removed.
    pub fn from_rotation_rows(rows: [[f64; 3]; 3], translation: [f64; 3]) -> Result<Self, GeometryError> {
        finite("rotation matrix", rows.as_flattened())?;
        let matrix = DMat3::from_cols_array_2d(&rows).transpose();
        let deviation = (matrix.transpose() * matrix - DMat3::IDENTITY)
            .to_cols_array()
            .iter()
            .fold(0.0_f64, |worst, v| worst.max(v.abs()));
        if deviation > RIGID_TOLERANCE {
            return Err(GeometryError::NotRigid {
                problem: "its columns are not orthonormal",
                deviation,
            });
        }
        let determinant = matrix.determinant();
        if determinant < 0.0 {
            return Err(GeometryError::NotRigid {
                problem: "it mirrors",
                deviation: (determinant - 1.0).abs(),
            });
        }
        Self::new(DQuat::from_mat3(&matrix), DVec3::from_array(translation))
    }

    /// From the rows of a homogeneous 4 × 4 matrix.
    pub fn from_matrix(rows: [[f64; 4]; 4]) -> Result<Self, GeometryError> {
        finite("matrix", rows.as_flattened())?;
        let [a, b, c, last] = rows;
        let deviation = last
            .iter()
            .zip([0.0, 0.0, 0.0, 1.0])
            .fold(0.0_f64, |worst, (v, want)| worst.max((v - want).abs()));
        if deviation > 1e-9 {
            return Err(GeometryError::NotRigid {
                problem: "its last row is not 0 0 0 1",
                deviation,
            });
        }
        let three = |row: [f64; 4]| [row[0], row[1], row[2]];
        Self::from_rotation_rows([three(a), three(b), three(c)], [a[3], b[3], c[3]])
    }

    /// The rows of the homogeneous 4 × 4 matrix.
    pub fn to_matrix(self) -> [[f64; 4]; 4] {
        let m = DMat3::from_quat(self.rotation).transpose().to_cols_array_2d();
        let t = self.translation;
        let row = |r: [f64; 3], shift| [r[0], r[1], r[2], shift];
        [row(m[0], t.x), row(m[1], t.y), row(m[2], t.z), [0.0, 0.0, 0.0, 1.0]]
    }

    /// The rotation, a unit quaternion.
    pub fn rotation(self) -> DQuat {
        self.rotation
    }

    /// The translation, m.
    pub fn translation(self) -> DVec3 {
        self.translation
    }

    /// The transform back: of `world_from_ego`, `ego_from_world`.
    #[must_use]
    pub fn inverse(self) -> Self {
        let rotation = self.rotation.conjugate();
        Self {
            rotation,
            translation: -(rotation * self.translation),
        }
    }

    /// Takes a point from the source frame to the target frame. `self * point` is the same.
    pub fn transform_point(self, point: DVec3) -> DVec3 {
        self.rotation * point + self.translation
    }

    /// Turns a direction or velocity, which has no place to move.
    pub fn transform_vector(self, vector: DVec3) -> DVec3 {
        self.rotation * vector
    }

    /// Between this pose (`t` = 0) and another (`t` = 1): positions along the straight line, rotations along the shorter
    /// arc at constant rate. Values of `t` outside 0..=1 are held at the ends.
    #[must_use]
    pub fn interpolate(self, other: Self, t: f64) -> Self {
        // NaN counts as the beginning, so that the result stays a pose.
        let t = if t.is_nan() { 0.0 } else { t.clamp(0.0, 1.0) };
        let rotation = self.rotation.slerp(other.rotation, t);
        Self {
            rotation: rotation / rotation.length(),
            translation: self.translation.lerp(other.translation, t),
        }
    }

    /// Heading: the angle about z from the target's x axis to the source's, radians in -π..=π. For a camera pose, whose z
    /// axis looks forward, this is not the driving direction.
    pub fn yaw(self) -> f64 {
        let q = self.rotation;
        (2.0 * (q.w * q.z + q.x * q.y)).atan2(1.0 - 2.0 * (q.y * q.y + q.z * q.z))
    }

    /// Angle of the rotation between two poses, radians in 0..=π.
    pub fn angle_to(self, other: Self) -> f64 {
        let between = self.rotation.conjugate() * other.rotation;
        2.0 * between.xyz().length().atan2(between.w.abs())
    }
}

impl Mul for Se3 {
    type Output = Self;

    /// First `inner`, then `self`.
    fn mul(self, inner: Self) -> Self {
        let rotation = self.rotation * inner.rotation;
        Self {
            // Long chains would drift from unit length.
            rotation: rotation / rotation.length(),
            translation: self.transform_point(inner.translation),
        }
    }
}

impl Mul<DVec3> for Se3 {
    type Output = DVec3;

    fn mul(self, point: DVec3) -> DVec3 {
        self.transform_point(point)
    }
}

impl TryFrom<[f64; 7]> for Se3 {
    type Error = GeometryError;

    fn try_from(values: [f64; 7]) -> Result<Self, GeometryError> {
        Self::from_slice(&values)
    }
}

impl From<Se3> for [f64; 7] {
    fn from(pose: Se3) -> Self {
        pose.to_array()
    }
}
