//! Are columns whole?

use crate::error::{EvalError, Side};

pub(crate) fn check_rows(side: Side, rows: usize) -> Result<usize, EvalError> {
    let limit = i32::MAX as usize;
    if rows > limit {
        return Err(EvalError::TooManyRows { side, rows, limit });
    }
    Ok(rows)
}

pub(crate) fn check_len(side: Side, column: &'static str, expected: usize, got: usize) -> Result<(), EvalError> {
    if expected == got {
        return Ok(());
    }
    Err(EvalError::ColumnLength {
        side,
        column,
        expected,
        got,
    })
}

pub(crate) fn check_index(side: Side, column: &'static str, values: &[u32], limit: u32) -> Result<(), EvalError> {
    match values.iter().position(|value| *value >= limit) {
        None => Ok(()),
        Some(row) => Err(EvalError::IndexOutOfRange {
            side,
            row,
            column,
            value: values[row],
            limit,
        }),
    }
}

pub(crate) fn check_finite(side: Side, column: &'static str, values: &[f64]) -> Result<(), EvalError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(EvalError::NotFinite {
            side,
            row,
            column,
            value: values[row],
        }),
    }
}
