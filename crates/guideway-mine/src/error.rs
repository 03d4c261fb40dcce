//! What can go wrong in a selection.

use guideway_core::Hint;

/// A selection that cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MineError {
    /// An array is shorter or longer than another says.
    #[error("`{what}` has {got} values where {expected} are needed")]
    Length {
        /// The array.
        what: &'static str,
        /// Values it must have.
        expected: usize,
        /// Values it has.
        got: usize,
    },
    /// A number that is NaN or infinite.
    #[error("row {row} of `{what}` holds {value}, which is not a finite number")]
    NotFinite {
        /// The array.
        what: &'static str,
        /// Row, from 0.
        row: usize,
        /// The number.
        value: f64,
    },
    /// A number outside its range.
    #[error("row {row} of `{what}` holds {value}; allowed is {allowed}")]
    OutOfRange {
        /// The array.
        what: &'static str,
        /// Row, from 0.
        row: usize,
        /// The number.
        value: f64,
        /// The range.
        allowed: &'static str,
    },
    /// More rows than an index of 32 bits can name.
    #[error("{rows} rows are more than the {limit} that one selection takes")]
    TooManyRows {
        /// Rows.
        rows: usize,
        /// The most.
        limit: usize,
    },
    /// A parameter that makes no sense.
    #[error("parameter `{parameter}` is {value}; allowed is {allowed}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// Its value.
        value: String,
        /// The range.
        allowed: &'static str,
    },
}

impl Hint for MineError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Length { .. } => "give every array one row for each frame, and rows of one length",
            Self::NotFinite { .. } => "drop the row; a model that gives NaN has usually diverged in training",
            Self::OutOfRange { .. } | Self::Parameter { .. } => "give a value in the range that the message names",
            Self::TooManyRows { .. } => "select from parts of the pool, then from what was selected",
        };
        Some(text.to_owned())
    }
}

/// Are all values finite? Otherwise the row of the first that is not, for rows of `width` values.
pub(crate) fn finite(what: &'static str, values: &[f32], width: usize) -> Result<(), MineError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(at) => Err(MineError::NotFinite {
            what,
            row: at / width.max(1),
            value: f64::from(values[at]),
        }),
    }
}

/// Does an array have this length?
pub(crate) fn length(what: &'static str, got: usize, expected: usize) -> Result<(), MineError> {
    if got == expected {
        Ok(())
    } else {
        Err(MineError::Length { what, expected, got })
    }
}

/// Which of so many rows are named as labelled. No row may be named twice.
pub(crate) fn marked(labelled: &[u32], rows: usize) -> Result<Vec<bool>, MineError> {
    let mut is_labelled = vec![false; rows];
    for (row, value) in labelled.iter().enumerate() {
        match is_labelled.get_mut(*value as usize) {
            Some(seen) if !*seen => *seen = true,
            _ => {
                return Err(MineError::OutOfRange {
                    what: "labelled",
                    row,
                    value: f64::from(*value),
                    allowed: "every row of the pool at most once",
                });
            }
        }
    }
    Ok(is_labelled)
}
