//! Tables in text files: one row per line, values between commas or blanks.

use std::borrow::Cow;
use std::iter::Enumerate;
use std::str::Lines;

use crate::error::EvalError;

/// The text of a file; bytes that are no text become `�`.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    // almost every file is text, and finding just that out is much faster than looking for the places where it is not
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// The rows of a table one after the other, all in the same memory. Empty lines are left out.
pub(super) struct Rows<'a> {
    file: &'a str,
    lines: Enumerate<Lines<'a>>,
    commas: bool,
    values: Vec<&'a str>,
}

impl<'a> Rows<'a> {
    /// The rows of a file's text. Values are between commas if the first row has one, else between blanks.
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let commas = text
            .lines()
            .find(|line| !line.trim().is_empty())
            .is_some_and(|line| line.contains(','));
        Self {
            file,
            lines: text.lines().enumerate(),
            commas,
            values: Vec::new(),
        }
    }

    /// The next row that is not empty.
    pub(super) fn next_row(&mut self) -> Option<Row<'_>> {
        for (at, line) in self.lines.by_ref() {
            self.values.clear();
            if self.commas {
                split_at_commas(line, &mut self.values);
            } else {
                split_at_blanks(line, &mut self.values);
            }
            if self.values.last().is_some_and(|last| last.is_empty()) {
                self.values.pop();
            }
            if !self.values.is_empty() {
                return Some(Row {
                    file: self.file,
                    line: at + 1,
                    values: &self.values,
                });
            }
        }
        None
    }
}

/// What [`str::split`] and [`str::trim`] give, without decoding characters: a comma is one byte, and most values have nothing to trim.
fn split_at_commas<'a>(line: &'a str, values: &mut Vec<&'a str>) {
    let mut begin = 0;
    for (at, byte) in line.bytes().enumerate() {
        if byte == b',' {
            values.push(trim(&line[begin..at]));
            begin = at + 1;
        }
    }
    values.push(trim(&line[begin..]));
}

fn trim(value: &str) -> &str {
    let ends = [value.as_bytes().first(), value.as_bytes().last()];
    if ends.iter().all(|end| end.is_some_and(u8::is_ascii_graphic)) {
        value
    } else {
        value.trim()
    }
}

/// What [`str::split_whitespace`] gives, without decoding characters where all are ASCII.
fn split_at_blanks<'a>(line: &'a str, values: &mut Vec<&'a str>) {
    if !line.is_ascii() {
        values.extend(line.split_whitespace());
        return;
    }
    let mut begin = 0;
    for (at, byte) in line.bytes().enumerate() {
        if matches!(byte, b' ' | b'\t'..=b'\r') {
            if begin < at {
                values.push(&line[begin..at]);
            }
            begin = at + 1;
        }
    }
    if begin < line.len() {
        values.push(&line[begin..]);
    }
}

/// A row of a table.
pub(super) struct Row<'a> {
    file: &'a str,
    line: usize,
    values: &'a [&'a str],
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
        if let Some(value) = short(text) {
            return Ok(value);
        }
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
        let whole = value as i64;
        if whole as f64 != value || value.abs() > 2_f64.powi(53) {
            let text = quoted(self.text(column, name)?);
            return Err(self.error(column, format!("`{name}` is {text}, which is not a whole number")));
        }
        Ok(whole)
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

/// The powers of ten by which at most 15 digits can be divided.
const TENS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// The number in a text of at most 15 digits, with a sign and a point or not; `None` for all else, numbers or not.
///
/// Such digits and such a power of ten are exact, so their quotient is the nearest number, the same that [`str::parse`] gives.
fn short(text: &str) -> Option<f64> {
    let text = text.as_bytes();
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    if unsigned.len() > 16 {
        return None;
    }
    let (mut digits, mut count, mut decimals) = (0_u64, 0_usize, None);
    for byte in unsigned {
        match byte {
            b'0'..=b'9' => {
                digits = digits * 10 + u64::from(byte - b'0');
                count += 1;
            }
            b'.' if decimals.is_none() => decimals = Some(count),
            _ => return None,
        }
    }
    if !(1..=15).contains(&count) {
        return None;
    }
    let value = digits as f64 / TENS.get(decimals.map_or(0, |before| count - before))?;
    Some(if unsigned.len() < text.len() { -value } else { value })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<(usize, Vec<String>)> {
        let mut rows = Rows::new("file", text);
        let mut out = Vec::new();
        while let Some(row) = rows.next_row() {
            out.push((row.line, row.values.iter().map(|value| (*value).to_owned()).collect()));
        }
        out
    }

    #[test]
    fn short_numbers_are_read_here() {
        for (text, value) in [
            ("-0", -0.0),
            ("7", 7.0),
            ("-12.50", -12.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("0.00000000000001", 1e-14),
        ] {
            assert_eq!(short(text).map(f64::to_bits), Some(f64::to_bits(value)), "{text}");
        }
        for text in [
            "",
            "-",
            ".",
            "-.",
            "1.2.3",
            "--1",
            "+1",
            "1e3",
            "inf",
            "1234567890123456",
            "1_0",
            "é",
        ] {
            assert_eq!(short(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn short_numbers_are_those_of_the_library(text in "-?[0-9]{0,9}(\\.[0-9]{0,9})?|[-+.0-9e]{0,17}") {
            if let Some(value) = short(&text) {
                prop_assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits());
            }
        }

        #[test]
        fn rows_are_those_of_the_library(text in "([0-9a]{0,2}|[,\r\n \t\x0b\x0c\x1c\x7f\u{a0}\u{2028}\u{3000}é])*") {
            let commas = text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.contains(','));
            let expected: Vec<(usize, Vec<String>)> = text
                .lines()
                .enumerate()
                .filter_map(|(at, line)| {
                    let mut values: Vec<&str> =
                        if commas { line.split(',').map(str::trim).collect() } else { line.split_whitespace().collect() };
                    if values.last() == Some(&"") {
                        values.pop();
                    }
                    (!values.is_empty()).then(|| (at + 1, values.into_iter().map(str::to_owned).collect()))
                })
                .collect();
            prop_assert_eq!(rows(&text), expected);
        }
    }
}
