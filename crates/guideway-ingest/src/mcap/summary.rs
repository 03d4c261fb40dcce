//! The summary section at the end of a log.

use std::collections::BTreeMap;

use ::mcap::records::{Channel, ChunkIndex, Footer, Record, Statistics};

use super::chunk::MAX_RECORD_BYTES;
use super::error::{Damage, DamageKind, McapError};
use super::file::{LogFile, MAGIC};
use super::record::{self, HEAD, Walk, op};

/// Body of a footer record, bytes.
const FOOTER: u64 = 20;

/// A schema of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSchema {
    /// Name, such as `foxglove.CompressedImage`.
    pub name: String,
    /// Encoding of the definition: `protobuf`, `ros2msg`, `jsonschema`, ….
    pub encoding: String,
    /// The definition.
    pub data: Vec<u8>,
}

/// What the summary says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    pub(crate) schemas: BTreeMap<u16, LogSchema>,
    pub(crate) channels: BTreeMap<u16, Channel>,
    pub(crate) chunk_indexes: Vec<ChunkIndex>,
    pub(crate) statistics: Option<Statistics>,
}

/// Does the file end with the magic?
pub(crate) fn has_end(file: &LogFile) -> Result<bool, McapError> {
    let Some(offset) = file
        .size()
        .checked_sub(MAGIC.len() as u64)
        .filter(|at| *at >= MAGIC.len() as u64)
    else {
        return Ok(false);
    };
    Ok(file.read_vec(offset, MAGIC.len() as u64)? == MAGIC)
}

/// The footer and where it begins; `None` when the file does not end with one.
pub(crate) fn footer(file: &LogFile) -> Result<Option<(u64, Footer)>, McapError> {
    let tail = HEAD as u64 + FOOTER + MAGIC.len() as u64;
    let Some(offset) = file.size().checked_sub(tail).filter(|at| *at >= MAGIC.len() as u64) else {
        return Ok(None);
    };
    let bytes = file.read_vec(offset, tail)?;
    if record::head(&bytes, 0) != Some((op::FOOTER, FOOTER)) || !bytes.ends_with(&MAGIC) {
        return Ok(None);
    }
    match record::parse(op::FOOTER, &bytes[HEAD..HEAD + FOOTER as usize]) {
        Ok(Record::Footer(footer)) => Ok(Some((offset, footer))),
        _ => Ok(None),
    }
}

/// Reads the summary section. `Ok(Ok(None))`: the log has none (it was cut, or written without).
pub(crate) fn read(file: &LogFile) -> Result<Result<Option<Summary>, Damage>, McapError> {
    let Some((footer_at, footer)) = footer(file)? else {
        return Ok(Ok(None));
    };
    let start = footer.summary_start;
    if start == 0 {
        return Ok(Ok(None));
    }
    let bad = |message: &str| Ok(Err(Damage::new(DamageKind::BadSummary, start, message)));
    if start < MAGIC.len() as u64 || start > footer_at || footer_at - start > MAX_RECORD_BYTES {
        return bad("the footer names a summary outside the file");
    }
    // The checksum covers the section and the footer up to the checksum itself.
    let bytes = file.read_vec(start, footer_at - start + HEAD as u64 + FOOTER - 4)?;
    if footer.summary_crc != 0 && crc32fast::hash(&bytes) != footer.summary_crc {
        return bad("the summary's checksum is wrong; the log is read without it");
    }
    let mut summary = Summary::default();
    for item in Walk::new(&bytes[..(footer_at - start) as usize]) {
        let Ok(nested) = item else {
            return bad("the summary's records make no sense; the log is read without them");
        };
        match record::parse(nested.opcode, nested.body) {
            Ok(Record::Schema { header, data }) => {
                summary.schemas.insert(
                    header.id,
                    LogSchema {
                        name: header.name,
                        encoding: header.encoding,
                        data: data.into_owned(),
                    },
                );
            }
            Ok(Record::Channel(channel)) => {
                summary.channels.insert(channel.id, channel);
            }
            Ok(Record::ChunkIndex(index)) => summary.chunk_indexes.push(index),
            Ok(Record::Statistics(statistics)) => summary.statistics = Some(statistics),
            Ok(_) => {}
            Err(problem) => return bad(&format!("the summary holds {problem}")),
        }
    }
    Ok(Ok(Some(summary)))
}

/// The range of bytes that the data section's checksum covers, with that checksum; `None` when there is none.
///
/// The section's last record, `DataEnd`, holds the checksum of everything before it.
pub(crate) fn data_crc(file: &LogFile) -> Result<Option<(u64, u32)>, McapError> {
    let Some((footer_at, footer)) = footer(file)? else {
        return Ok(None);
    };
    let end = if footer.summary_start == 0 {
        footer_at
    } else {
        footer.summary_start
    };
    let length = HEAD as u64 + 4;
    let Some(at) = end.checked_sub(length).filter(|at| *at >= MAGIC.len() as u64) else {
        return Ok(None);
    };
    let bytes = file.read_vec(at, length)?;
    if record::head(&bytes, 0) != Some((op::DATA_END, 4)) {
        return Ok(None);
    }
    Ok(record::u32_at(&bytes, HEAD)
        .filter(|crc| *crc != 0)
        .map(|crc| (at, crc)))
}
