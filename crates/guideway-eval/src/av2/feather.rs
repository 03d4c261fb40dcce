//! Feather files (Arrow IPC) as plain columns.

use std::collections::HashMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array as _, ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch};
use arrow_ipc::reader::{FileReader, read_footer_length};
use arrow_ipc::{root_as_footer, root_as_message};
use arrow_schema::{ArrowError, DataType};

use crate::coco::files::Input;
use crate::error::EvalError;

const COLUMNS: &str = "the columns of a detection file are log_id, timestamp_ns, category, tx_m, ty_m, tz_m, length_m, width_m, height_m, \
    qw, qx, qy, qz, and score or num_interior_pts";

/// Most bytes of a buffer once it is decompressed. More is a number that a broken file claims.
const MAX_BUFFER: i64 = 1 << 32;

/// No compression makes a buffer smaller than this part of it: zstd needs four bytes for 128 KiB of the same byte.
const MAX_RATIO: i64 = 1 << 16;

/// The columns of a file that were asked for.
pub(super) struct Table {
    path: PathBuf,
    batches: Vec<RecordBatch>,
}

/// A column of text: each distinct value once.
pub(super) struct Texts {
    /// Distinct values, in the order in which they occur.
    pub(super) values: Vec<String>,
    /// Place of each row's value.
    pub(super) code: Vec<u32>,
}

impl Table {
    /// Reads these columns of a file.
    pub(super) fn parse(file: Input<'_>, columns: &[&str]) -> Result<Self, EvalError> {
        let Input { name, bytes } = file;
        let path = Path::new(name);
        let feather = |source| EvalError::Feather {
            path: path.to_owned(),
            source,
        };
        check_lengths(bytes).map_err(|problem| feather(ArrowError::ParseError(problem)))?;
        let missing = |column: &str| EvalError::Inconsistent {
            what: format!("there is no column `{column}`"),
            file: path.display().to_string(),
            hint: COLUMNS,
        };
        // what the check does not see may still stop the reader, which trusts what is written in the file
        let read = catch_unwind(AssertUnwindSafe(|| {
            let reader = FileReader::try_new(Cursor::new(bytes), None).map_err(feather)?;
            let schema = reader.schema();
            let mut projection = Vec::with_capacity(columns.len());
            for column in columns {
                let place = schema.column_with_name(column).map(|(place, _)| place);
                projection.push(place.ok_or_else(|| missing(column))?);
            }
            // the reader wants ascending places
            projection.sort_unstable();
            let reader = FileReader::try_new(Cursor::new(bytes), Some(projection)).map_err(feather)?;
            reader.collect::<Result<Vec<_>, _>>().map_err(feather)
        }));
        let batches = read.unwrap_or_else(|_| {
            Err(feather(ArrowError::ParseError(
                "its parts contradict one another".to_owned(),
            )))
        })?;
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
        self.column(column, "numbers", DataType::is_numeric, |array| {
            Some(match array.data_type() {
                DataType::Float64 => values(array.as_primitive::<Float64Type>(), |v| v),
                DataType::Float32 => values(array.as_primitive::<Float32Type>(), f64::from),
                DataType::Float16 => values(array.as_primitive::<Float16Type>(), f64::from),
                _ => integers(array)?.into_iter().map(|v| v as f64).collect(),
            })
        })
    }

    /// A column of whole numbers.
    pub(super) fn integers(&self, column: &str) -> Result<Vec<i64>, EvalError> {
        self.column(column, "whole numbers", DataType::is_integer, integers)
    }

    /// A column of text.
    pub(super) fn texts(&self, column: &str) -> Result<Texts, EvalError> {
        let parts = self.column(column, "text", is_text, |array| texts(array).map(|texts| vec![texts]))?;
        let mut out = Texts {
            values: Vec::new(),
            code: Vec::new(),
        };
        let mut known: HashMap<String, u32> = HashMap::new();
        for part in parts {
            let codes: Vec<u32> = part
                .values
                .into_iter()
                .map(|value| {
                    *known.entry(value).or_insert_with_key(|value| {
                        out.values.push(value.clone());
                        out.values.len() as u32 - 1
                    })
                })
                .collect();
            out.code.extend(part.code.iter().map(|code| codes[*code as usize]));
        }
        Ok(out)
    }

    fn column<T>(
        &self,
        column: &str,
        kind: &str,
        is_kind: impl Fn(&DataType) -> bool,
        read: impl Fn(&ArrayRef) -> Option<Vec<T>>,
    ) -> Result<Vec<T>, EvalError> {
        let bad = |what: String| EvalError::Inconsistent {
            what,
            file: self.file(),
            hint: COLUMNS,
        };
        let mut out = Vec::new();
        let mut rows = 0;
        for batch in &self.batches {
            let array = batch
                .column_by_name(column)
                .ok_or_else(|| bad(format!("there is no column `{column}`")))?;
            let other = || bad(format!("the column `{column}` is {}, not {kind}", array.data_type()));
            // first of all, as there are types whose arrays may claim any number of rows
            if !is_kind(array.data_type()) {
                return Err(other());
            }
            let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
            if let Some(row) = nulls.and_then(|nulls| nulls.iter().position(|is_there| !is_there)) {
                return Err(bad(format!("row {} has no `{column}`", rows + row)));
            }
            rows += array.len();
            let values = read(array).ok_or_else(other)?;
            out.extend(values);
        }
        Ok(out)
    }
}

fn values<P: ArrowPrimitiveType, T>(array: &PrimitiveArray<P>, convert: impl Fn(P::Native) -> T) -> Vec<T> {
    array.values().iter().map(|v| convert(*v)).collect()
}

fn integers(array: &ArrayRef) -> Option<Vec<i64>> {
    Some(match array.data_type() {
        DataType::Int64 => values(array.as_primitive::<Int64Type>(), |v| v),
        DataType::Int32 => values(array.as_primitive::<Int32Type>(), i64::from),
        DataType::Int16 => values(array.as_primitive::<Int16Type>(), i64::from),
        DataType::Int8 => values(array.as_primitive::<Int8Type>(), i64::from),
        DataType::UInt32 => values(array.as_primitive::<UInt32Type>(), i64::from),
        DataType::UInt16 => values(array.as_primitive::<UInt16Type>(), i64::from),
        DataType::UInt8 => values(array.as_primitive::<UInt8Type>(), i64::from),
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>().values().iter();
            let values: Result<Vec<i64>, _> = values.map(|v| i64::try_from(*v)).collect();
            values.ok()?
        }
        _ => return None,
    })
}

/// Text, or pandas' categorical columns of it.
fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => values.is_string(),
        other => other.is_string(),
    }
}

fn texts(array: &ArrayRef) -> Option<Texts> {
    match array.data_type() {
        DataType::Utf8 => Some(distinct(array.as_string::<i32>().iter())),
        DataType::LargeUtf8 => Some(distinct(array.as_string::<i64>().iter())),
        DataType::Utf8View => Some(distinct(array.as_string_view().iter())),
        // there is no key where there is no value
        DataType::Dictionary(_, _) if array.is_empty() => Some(Texts {
            values: Vec::new(),
            code: Vec::new(),
        }),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let values = texts(dictionary.values())?;
            let keys = dictionary.normalized_keys();
            let code: Option<Vec<u32>> = keys.into_iter().map(|key| values.code.get(key).copied()).collect();
            Some(Texts {
                values: values.values,
                code: code?,
            })
        }
        _ => None,
    }
}

fn distinct<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Texts {
    let mut out = Texts {
        values: Vec::new(),
        code: Vec::new(),
    };
    let mut known: HashMap<&str, u32> = HashMap::new();
    for text in texts {
        let text = text.unwrap_or_default();
        out.code.push(*known.entry(text).or_insert_with(|| {
            out.values.push(text.to_owned());
            out.values.len() as u32 - 1
        }));
    }
    out
}

/// Do the parts of an Arrow file lie in it? The reader takes the lengths in its metadata as they are, and a broken one would end the program.
fn check_lengths(bytes: &[u8]) -> Result<(), String> {
    if !bytes.starts_with(b"ARROW1") {
        return Err("it does not begin with `ARROW1`".to_owned());
    }
    let (rest, trailer) = bytes.split_last_chunk::<10>().ok_or("it is too short")?;
    let length = read_footer_length(*trailer).map_err(|err| err.to_string())?;
    let start = rest
        .len()
        .checked_sub(length)
        .ok_or("its footer is longer than the file")?;
    let footer = root_as_footer(&rest[start..]).map_err(|err| format!("its footer is broken: {err}"))?;
    footer.schema().ok_or("it has no schema")?;
    let blocks = [footer.dictionaries(), footer.recordBatches()];
    let mut left = bytes.len();
    for block in blocks.into_iter().flatten().flat_map(|blocks| blocks.iter()) {
        let outside = || format!("a part at byte {} is not in the file", block.offset());
        let at = usize::try_from(block.offset()).ok().ok_or_else(outside)?;
        let meta = usize::try_from(block.metaDataLength()).ok().ok_or_else(outside)?;
        let body = usize::try_from(block.bodyLength()).ok().ok_or_else(outside)?;
        let part = rest.get(at..).ok_or_else(outside)?;
        let meta_bytes = part.get(..meta).ok_or_else(outside)?;
        let body = part[meta..].get(..body).ok_or_else(outside)?;
        left = left
            .checked_sub(meta.saturating_add(body.len()))
            .ok_or("its parts overlap")?;
        // since version 0.15 of the format, four bytes before the length say that it follows
        let skipped = if meta_bytes.starts_with(&[0xff; 4]) { 8 } else { 4 };
        let broken = |what: &str| format!("the part at byte {at} {what}");
        let message = meta_bytes.get(skipped..).ok_or_else(outside)?;
        let message = root_as_message(message).map_err(|err| broken(&format!("is broken: {err}")))?;
        let dictionary = message.header_as_dictionary_batch().and_then(|batch| batch.data());
        let batch = message.header_as_record_batch().or(dictionary);
        let batch = batch.ok_or_else(|| broken("has no columns"))?;
        for node in batch.nodes().into_iter().flatten() {
            if node.length() < 0 || node.null_count() < 0 || node.null_count() > node.length() {
                return Err(broken("has a negative number of rows"));
            }
        }
        for buffer in batch.buffers().into_iter().flatten() {
            let from = usize::try_from(buffer.offset()).ok();
            let length = usize::try_from(buffer.length()).ok();
            let content = from
                .and_then(|from| body.get(from..))
                .zip(length)
                .and_then(|(rest, length)| rest.get(..length));
            let content = content.ok_or_else(|| broken("has a column that is not in the file"))?;
            if batch.compression().is_some()
                && let Some(size) = content.first_chunk::<8>()
                && !(-1..=MAX_BUFFER.min(content.len() as i64 * MAX_RATIO)).contains(&i64::from_le_bytes(*size))
            {
                return Err(broken("claims to be far larger than it is"));
            }
        }
    }
    Ok(())
}
