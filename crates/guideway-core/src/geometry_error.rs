//! What can be wrong with numbers that describe space.

use crate::Hint;

/// A pose, camera, cuboid or position that cannot be one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// NaN or infinity where a number is needed.
    #[error("{what} is not finite: {values:?}")]
    NotFinite {
        /// What was given.
        what: &'static str,
        /// Its values.
        values: Vec<f64>,
    },
    /// A quaternion of length zero names no rotation.
    #[error("quaternion (w x y z) of length {length} is no rotation: {wxyz:?}")]
    ZeroQuaternion {
        /// The values.
        wxyz: [f64; 4],
        /// Their length.
        length: f64,
    },
    /// A matrix that stretches, mirrors or projects.
    #[error("matrix is no rigid transform: {problem} (off by {deviation:.3e})")]
    NotRigid {
        /// What it does instead.
        problem: &'static str,
        /// By how much.
        deviation: f64,
    },
    /// A list of the wrong length.
    #[error("{what} needs {expected} numbers, not {found}")]
    WrongCount {
        /// What was given.
        what: &'static str,
        /// What it needs.
        expected: &'static str,
        /// What there was.
        found: usize,
    },
    /// A number outside its range.
    #[error("{what} is {value}, outside {range}")]
    OutOfRange {
        /// What was given.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// A camera model that is not known.
    #[error("unknown camera model {name:?}")]
    UnknownModel {
        /// The name given.
        name: String,
    },
}

impl Hint for GeometryError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::ZeroQuaternion { .. } => {
                Some("a pose that was never set is often written as zeros; leave it out instead".to_owned())
            }
            Self::NotRigid { .. } => Some("check that the matrix is row-major and holds no scale".to_owned()),
            Self::UnknownModel { .. } => {
                Some("known camera models are pinhole, brown-conrady and kannala-brandt".to_owned())
            }
            _ => None,
        }
    }
}

/// Refuses NaN and infinity.
pub(crate) fn finite(what: &'static str, values: &[f64]) -> Result<(), GeometryError> {
    if values.iter().all(|v| v.is_finite()) {
        Ok(())
    } else {
        Err(GeometryError::NotFinite {
            what,
            values: values.to_vec(),
        })
    }
}
