//! Feather files (Arrow IPC) as plain columns.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array as _, ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch};
use arrow_ipc::reader::FileReader;
use arrow_schema::{ArrowError, DataType};

use crate::error::EvalError;

const COLUMNS: &str = "the columns of a detection file are log_id, timestamp_ns, category, tx_m, ty_m, tz_m, length_m, width_m, height_m, \
    qw, qx, qy, qz, and score or num_interior_pts";

/// The columns of a file that were asked for.
pub(super) struct Table {
    path: PathBuf,
    batches: Vec<RecordBatch>,
}

impl Table {
    /// Reads these columns.
    pub(super) fn read(path: &Path, columns: &[&str]) -> Result<Self, EvalError> {
        let io = |source| EvalError::Io {
            path: path.to_owned(),
            source,
        };
        let feather = |source| EvalError::Feather {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(io)?;
        let mut magic = [0; 6];
        let known = file.read_exact(&mut magic).is_ok() && &magic == b"ARROW1";
        if !known {
            return Err(feather(ArrowError::ParseError(
                "it does not begin with `ARROW1`".to_owned(),
            )));
        }
        let reader = FileReader::try_new(BufReader::new(file), None).map_err(feather)?;
        let schema = reader.schema();
        let mut projection = Vec::with_capacity(columns.len());
        for column in columns {
            let Some((place, _)) = schema.column_with_name(column) else {
                return Err(EvalError::Inconsistent {
                    what: format!("there is no column `{column}`"),
                    file: path.display().to_string(),
                    hint: COLUMNS,
                });
            };
            projection.push(place);
        }
        // the reader wants ascending places
        projection.sort_unstable();
        let file = File::open(path).map_err(io)?;
        let reader = FileReader::try_new(BufReader::new(file), Some(projection)).map_err(feather)?;
        let batches = reader.collect::<Result<Vec<_>, _>>().map_err(feather)?;
        Ok(Self {
            path: path.to_owned(),
            batches,
        })
    }

    pub(super) fn file(&self) -> String {
        self.path.display().to_string()
    }

    /// A column of numbers. Integers of more than 53 bits lose digits.
    pub(super) fn floats(&self, column: &str) -> Result<Vec<f64>, EvalError> {
        self.column(column, "numbers", |array| {
            let mut out = Vec::with_capacity(array.len());
            let done = match array.data_type() {
                DataType::Float64 => push(array.as_primitive::<Float64Type>(), &mut out, |v| v),
                DataType::Float32 => push(array.as_primitive::<Float32Type>(), &mut out, f64::from),
                DataType::Float16 => push(array.as_primitive::<Float16Type>(), &mut out, f64::from),
                _ => {
                    let integers = integers(array)?;
                    out.extend(integers.iter().map(|v| *v as f64));
                    true
                }
            };
            done.then_some(out)
        })
    }

    /// A column of whole numbers.
    pub(super) fn integers(&self, column: &str) -> Result<Vec<i64>, EvalError> {
        self.column(column, "whole numbers", integers)
    }

    /// A column of text.
    pub(super) fn texts(&self, column: &str) -> Result<Vec<String>, EvalError> {
        self.column(column, "text", texts)
    }

    fn column<T>(
        &self,
        column: &str,
        kind: &str,
        read: impl Fn(&ArrayRef) -> Option<Vec<T>>,
    ) -> Result<Vec<T>, EvalError> {
        let bad = |what: String| EvalError::Inconsistent {
            what,
            file: self.file(),
            hint: COLUMNS,
        };
        let mut out = Vec::new();
        for batch in &self.batches {
            let array = batch
                .column_by_name(column)
                .ok_or_else(|| bad(format!("there is no column `{column}`")))?;
            if array.null_count() > 0 {
                let row = (0..array.len()).find(|row| array.is_null(*row)).unwrap_or(0) + out.len();
                return Err(bad(format!("row {row} has no `{column}`")));
            }
            let values = read(array)
                .ok_or_else(|| bad(format!("the column `{column}` is {}, not {kind}", array.data_type())))?;
            out.extend(values);
        }
        Ok(out)
    }
}

fn push<P: ArrowPrimitiveType, T>(
    array: &PrimitiveArray<P>,
    out: &mut Vec<T>,
    convert: impl Fn(P::Native) -> T,
) -> bool {
    out.extend(array.values().iter().map(|v| convert(*v)));
    true
}

fn integers(array: &ArrayRef) -> Option<Vec<i64>> {
    let mut out = Vec::with_capacity(array.len());
    let fits = match array.data_type() {
        DataType::Int64 => push(array.as_primitive::<Int64Type>(), &mut out, |v| v),
        DataType::Int32 => push(array.as_primitive::<Int32Type>(), &mut out, i64::from),
        DataType::Int16 => push(array.as_primitive::<Int16Type>(), &mut out, i64::from),
        DataType::Int8 => push(array.as_primitive::<Int8Type>(), &mut out, i64::from),
        DataType::UInt32 => push(array.as_primitive::<UInt32Type>(), &mut out, i64::from),
        DataType::UInt16 => push(array.as_primitive::<UInt16Type>(), &mut out, i64::from),
        DataType::UInt8 => push(array.as_primitive::<UInt8Type>(), &mut out, i64::from),
        DataType::UInt64 => {
            let values: Result<Vec<i64>, _> = array
                .as_primitive::<UInt64Type>()
                .values()
                .iter()
                .map(|v| i64::try_from(*v))
                .collect();
            return values.ok();
        }
        _ => false,
    };
    fits.then_some(out)
}

fn texts(array: &ArrayRef) -> Option<Vec<String>> {
    let own = |text: Option<&str>| text.unwrap_or_default().to_owned();
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().iter().map(own).collect()),
        DataType::LargeUtf8 => Some(array.as_string::<i64>().iter().map(own).collect()),
        DataType::Utf8View => Some(array.as_string_view().iter().map(own).collect()),
        // pandas' categorical columns
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let values = texts(dictionary.values())?;
            let keys = dictionary.normalized_keys();
            keys.into_iter().map(|key| values.get(key).cloned()).collect()
        }
        _ => None,
    }
}
