//! Tables in text files: one row per line, values between commas or blanks.

use crate::coco::files::Input;
use crate::error::EvalError;

/// A row of a table.
pub(super) struct Row<'a> {
    file: &'a str,
    line: usize,
    values: Vec<&'a str>,
}

impl<'a> Row<'a> {
    /// How many values it has.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// An error in a column, from 0.
    pub(super) fn error(&self, column: usize, problem: String) -> EvalError {
        EvalError::Line {
            file: self.file.to_owned(),
            line: self.line,
            column: column + 1,
            problem,
            next: "repair or remove the line; the documentation of `mot::files` lists the columns of each format",
        }
    }

    /// The text of a column, from 0.
    pub(super) fn text(&self, column: usize, name: &str) -> Result<&'a str, EvalError> {
        self.values.get(column).copied().ok_or_else(|| {
            let got = self.values.len();
            self.error(column, format!("`{name}` is missing, the line has {got} values"))
        })
    }

    /// A finite number.
    pub(super) fn number(&self, column: usize, name: &str) -> Result<f64, EvalError> {
        let text = self.text(column, name)?;
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            Ok(_) => Err(self.error(
                column,
                format!("`{name}` is {}, which is not a finite number", quoted(text)),
            )),
            Err(_) => Err(self.error(column, format!("`{name}` is {}, which is not a number", quoted(text)))),
        }
    }

    /// A whole number; `1.0` is one too.
    pub(super) fn whole(&self, column: usize, name: &str) -> Result<i64, EvalError> {
        let value = self.number(column, name)?;
        if value.fract() != 0.0 || value.abs() > 2_f64.powi(53) {
            let text = quoted(self.text(column, name)?);
            return Err(self.error(column, format!("`{name}` is {text}, which is not a whole number")));
        }
        Ok(value as i64)
    }

    /// The index from 0 of a frame that the file counts from `first`.
    pub(super) fn frame(&self, column: usize, first: i64, frames: u32) -> Result<u32, EvalError> {
        let number = self.whole(column, "frame")?;
        match u32::try_from(number - first) {
            Ok(frame) if frame < frames => Ok(frame),
            _ => Err(self.error(
                column,
                format!(
                    "`frame` is {number}, and the sequence has frames {first} to {}",
                    i64::from(frames) + first - 1
                ),
            )),
        }
    }

    /// Four numbers of a box.
    pub(super) fn numbers(&self, column: usize, names: [&str; 4]) -> Result<[f64; 4], EvalError> {
        Ok([
            self.number(column, names[0])?,
            self.number(column + 1, names[1])?,
            self.number(column + 2, names[2])?,
            self.number(column + 3, names[3])?,
        ])
    }
}

/// A value for a message, on one line and not too long.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// The rows of a file; empty lines are left out. Values are between commas if the first row has one, else between blanks.
pub(super) fn rows<'a>(input: Input<'a>, text: &'a str) -> impl Iterator<Item = Row<'a>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let commas = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .is_some_and(|line| line.contains(','));
    text.lines().enumerate().filter_map(move |(at, line)| {
        let mut values: Vec<&str> = if commas {
            line.split(',').map(str::trim).collect()
        } else {
            line.split_whitespace().collect()
        };
        if values.last().is_some_and(|last| last.is_empty()) {
            values.pop();
        }
        (!values.is_empty()).then_some(Row {
            file: input.name,
            line: at + 1,
            values,
        })
    })
}
