//! One line of a label or result file, and one file of such lines.

use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};
use std::path::Path;

use guideway_core::{BBox, Reporter, Warning};

use super::arrays::{Detection, Label, Object};
use crate::error::{EvalError, Side};

/// No line of numbers is longer, bytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// Columns of a result; labels have all but the last.
const COLUMNS: [&str; 16] = [
    "type",
    "truncated",
    "occluded",
    "alpha",
    "left",
    "top",
    "right",
    "bottom",
    "height",
    "width",
    "length",
    "x",
    "y",
    "z",
    "rotation_y",
    "score",
];

/// Warnings by code: what they say, the first place and how many.
#[derive(Debug, Default)]
pub(super) struct Counts(pub(super) BTreeMap<&'static str, Count>);

#[derive(Debug)]
pub(super) struct Count {
    pub(super) message: &'static str,
    pub(super) first: String,
    pub(super) times: u64,
}

impl Counts {
    pub(super) fn add(&mut self, code: &'static str, message: &'static str, first: impl FnOnce() -> String) {
        self.0
            .entry(code)
            .or_insert_with(|| Count {
                message,
                first: first(),
                times: 0,
            })
            .times += 1;
    }

    /// Reports them.
    pub(super) fn send(self, reporter: &dyn Reporter) {
        for (code, count) in self.0 {
            reporter.warn(Warning {
                code: code.to_owned(),
                message: count.message.to_owned(),
                location: count.first,
                count: count.times,
            });
        }
    }

    /// Adds those of a later file.
    pub(super) fn merge(&mut self, later: Self) {
        for (code, more) in later.0 {
            match self.0.get_mut(code) {
                Some(count) => count.times += more.times,
                None => drop(self.0.insert(code, more)),
            }
        }
    }
}

/// A row of either side.
pub(super) trait Row: Sized + Copy + Send {
    const SIDE: Side;
    const COLUMNS: usize;

    fn new(object: Object, occlusion: i32, values: &[f64; 16]) -> Self;

    fn object_mut(&mut self) -> &mut Object;
}

impl Row for Label {
    const SIDE: Side = Side::GroundTruth;
    const COLUMNS: usize = 15;

    fn new(object: Object, occlusion: i32, values: &[f64; 16]) -> Self {
        Self {
            object,
            truncation: values[1],
            occlusion,
        }
    }

    fn object_mut(&mut self) -> &mut Object {
        &mut self.object
    }
}

impl Row for Detection {
    const SIDE: Side = Side::Detections;
    const COLUMNS: usize = 16;

    fn new(object: Object, _occlusion: i32, values: &[f64; 16]) -> Self {
        Self {
            object,
            score: values[15],
        }
    }

    fn object_mut(&mut self) -> &mut Object {
        &mut self.object
    }
}

/// A file: its rows, whose classes are places in `classes`.
#[derive(Debug)]
pub(super) struct Parsed<R> {
    pub(super) classes: Vec<String>,
    pub(super) rows: Vec<R>,
    /// Line of each row, from 1.
    pub(super) lines: Vec<usize>,
    pub(super) counts: Counts,
}

/// Reads a file line by line.
pub(super) fn parse<R: Row>(mut reader: impl BufRead, path: &Path) -> Result<Parsed<R>, EvalError> {
    let mut parsed = Parsed {
        classes: Vec::new(),
        rows: Vec::new(),
        lines: Vec::new(),
        counts: Counts::default(),
    };
    let mut places: BTreeMap<String, u32> = BTreeMap::new();
    let mut bytes = Vec::new();
    for number in 1_usize.. {
        bytes.clear();
        let read = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut bytes);
        let read = read.map_err(|source| EvalError::Io {
            path: path.to_owned(),
            source,
        })?;
        if read == 0 {
            break;
        }
        let error = |problem: String| EvalError::KittiLine {
            problem,
            line: number,
            file: path.display().to_string(),
        };
        if read as u64 == LONGEST_LINE {
            return Err(error(format!("a line of {LONGEST_LINE} bytes or more")));
        }
        let text = std::str::from_utf8(&bytes).map_err(|err| error(format!("the line is not UTF-8 text: {err}")))?;
        let text = if number == 1 {
            text.trim_start_matches('\u{feff}')
        } else {
            text
        };
        let mut fields = [""; 16];
        let mut found = 0;
        for field in text.split_ascii_whitespace() {
            if let Some(place) = fields.get_mut(found) {
                *place = field;
            }
            found += 1;
        }
        if found == 0 {
            continue;
        }
        if found != R::COLUMNS {
            return Err(error(format!("{found} columns where {} are expected", R::COLUMNS)));
        }
        let (values, occlusion) = numbers::<R>(&fields).map_err(error)?;
        let class = *places.entry(fields[0].to_owned()).or_insert_with(|| {
            parsed.classes.push(fields[0].to_owned());
            parsed.classes.len() as u32 - 1
        });
        let object = Object {
            frame: 0,
            class,
            bbox: BBox::new(values[4], values[5], values[6], values[7]),
            alpha: values[3],
            dimensions: [values[8], values[9], values[10]],
            location: [values[11], values[12], values[13]],
            rotation_y: values[14],
        };
        warn::<R>(&object, &values, occlusion, &mut parsed.counts, || {
            format!("{}:{number}", path.display())
        });
        parsed.rows.push(R::new(object, occlusion, &values));
        parsed.lines.push(number);
    }
    Ok(parsed)
}

/// The numbers of a line by column, and the occlusion.
fn numbers<R: Row>(fields: &[&str; 16]) -> Result<([f64; 16], i32), String> {
    let mut values = [0.0; 16];
    let mut occlusion = 0;
    for column in 1..R::COLUMNS {
        // results have both columns, and nothing reads them
        let read = R::SIDE == Side::GroundTruth || !(1..=2).contains(&column);
        let field = fields[column];
        let problem = |what: &str| {
            let shown: String = field.chars().take(40).collect();
            let name = COLUMNS[column];
            Err(format!(
                "column {} (`{name}`) holds `{shown}`, which is not {what}",
                column + 1
            ))
        };
        let Ok(value) = field.parse::<f64>() else {
            return problem("a number");
        };
        if read && !value.is_finite() {
            return problem("a finite number");
        }
        if read && column == 2 {
            // some write 0.0
            if value.fract() != 0.0 || value.abs() > f64::from(i32::MAX) {
                return problem("a whole number");
            }
            occlusion = value as i32;
        }
        values[column] = value;
    }
    Ok((values, occlusion))
}

/// What is read and evaluated, and yet looks wrong.
fn warn<R: Row>(object: &Object, values: &[f64; 16], occlusion: i32, counts: &mut Counts, place: impl Fn() -> String) {
    if object.bbox.width() < 0.0 || object.bbox.height() < 0.0 {
        counts.add(
            "box-inside-out",
            "a box whose right or bottom edge comes before its left or top one: it overlaps nothing in the image",
            &place,
        );
    }
    // As areas that nobody labelled have them, in the object benchmark and in tracking.
    let unknown = [[-1.0; 3], [-1000.0; 3]].contains(&object.dimensions) || object.location[0] == -1000.0;
    if !unknown && object.dimensions.iter().any(|side| *side <= 0.0) {
        counts.add(
            "no-size",
            "a height, width or length that is not positive: the box matches little or nothing in space",
            &place,
        );
    }
    if R::SIDE == Side::Detections {
        return;
    }
    let truncation = values[1];
    if !(0.0..=1.0).contains(&truncation) && truncation != -1.0 {
        counts.add(
            "truncation-range",
            "a truncation that is neither in 0 to 1 nor -1",
            &place,
        );
    }
    if !(-1..=3).contains(&occlusion) {
        counts.add("occlusion-range", "an occlusion that is none of -1, 0, 1, 2, 3", &place);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAR: &str = "Car 0.00 0 1.85 387.63 181.54 423.81 203.12 1.67 1.87 3.69 -16.53 2.39 58.49 1.57";

    fn labels(text: &[u8]) -> Result<Parsed<Label>, EvalError> {
        parse(text, Path::new("a.txt"))
    }

    fn results(text: &[u8]) -> Result<Parsed<Detection>, EvalError> {
        parse(text, Path::new("a.txt"))
    }

    #[test]
    fn both_kinds_of_lines_are_read() {
        let text = format!("\u{feff}{CAR}\r\n\n  car{} \n{CAR}", &CAR[3..]);
        let read = labels(text.as_bytes()).unwrap();
        assert_eq!(read.classes, ["Car", "car"]);
        assert_eq!(
            read.rows.iter().map(|row| row.object.class).collect::<Vec<_>>(),
            [0, 1, 0]
        );
        assert_eq!(read.rows[0].object.location, [-16.53, 2.39, 58.49]);
        let text = format!("{} 0.5", CAR.replacen("0.00 0", "-1 nan", 1));
        let read = results(text.as_bytes()).unwrap();
        assert_eq!(read.rows[0].score, 0.5);
        assert_eq!(read.rows[0].object.bbox, BBox::new(387.63, 181.54, 423.81, 203.12));
        assert_eq!(
            labels(CAR.replacen(" 0 ", " 2.0 ", 1).as_bytes()).unwrap().rows[0].occlusion,
            2
        );
    }

    #[test]
    fn what_is_no_line_of_text_is_refused() {
        let err = labels(b"\nCar \xff").unwrap_err().to_string();
        assert!(
            err.starts_with("the line is not UTF-8 text") && err.ends_with("in line 2 of a.txt"),
            "{err}"
        );
        let text = "1 ".repeat(40_000);
        let err = labels(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(err, "a line of 65536 bytes or more, in line 1 of a.txt");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _either = (labels(&bytes).is_ok(), results(&bytes).is_ok());
        }

        #[test]
        fn a_mutated_line_is_read_or_refused(at in 0_usize..80, byte in 32_u8..127) {
            let mut bytes = CAR.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(read) = labels(&bytes) {
                prop_assert!(read.rows.iter().all(|row| row.object.location.iter().all(|v| v.is_finite())));
            }
        }
    }
}
