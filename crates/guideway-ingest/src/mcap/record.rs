//! The framing of records and the two kinds that are read often enough to be worth parsing by hand.
//!
//! Layouts: <https://mcap.dev/spec>. Everything else goes through the `mcap` crate's parser.

use ::mcap::records::{ChunkHeader, MessageHeader, Record};
use std::borrow::Cow;

/// Opcode and length before every record, bytes.
pub(crate) const HEAD: usize = 9;
/// Channel, sequence and two times before a message's payload, bytes.
pub(crate) const MESSAGE_HEAD: usize = 22;
/// The part of a chunk record before the name of its compression, bytes.
const CHUNK_FIXED: usize = 32;

pub(crate) use ::mcap::records::op;

fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..at.checked_add(N)?)?.try_into().ok()
}

pub(crate) fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    array(data, at).map(u16::from_le_bytes)
}

pub(crate) fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    array(data, at).map(u32::from_le_bytes)
}

pub(crate) fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    array(data, at).map(u64::from_le_bytes)
}

/// Opcode and body length of the record that begins at `at`.
pub(crate) fn head(data: &[u8], at: usize) -> Option<(u8, u64)> {
    Some((*data.get(at)?, u64_at(data, at.checked_add(1)?)?))
}

/// The header of a message from its record body; the payload is what follows at [`MESSAGE_HEAD`].
pub(crate) fn message_header(body: &[u8]) -> Option<MessageHeader> {
    Some(MessageHeader {
        channel_id: u16_at(body, 0)?,
        sequence: u32_at(body, 2)?,
        log_time: u64_at(body, 6)?,
        publish_time: u64_at(body, 14)?,
    })
}

/// The header of a chunk from the first bytes of its record body, and where in the body its records begin.
pub(crate) fn chunk_header(body: &[u8]) -> Option<(ChunkHeader, usize)> {
    let name_len = u32_at(body, 28)? as usize;
    let name_end = CHUNK_FIXED.checked_add(name_len)?;
    let compression = String::from_utf8(body.get(CHUNK_FIXED..name_end)?.to_vec()).ok()?;
    Some((
        ChunkHeader {
            message_start_time: u64_at(body, 0)?,
            message_end_time: u64_at(body, 8)?,
            uncompressed_size: u64_at(body, 16)?,
            uncompressed_crc: u32_at(body, 24)?,
            compression,
            compressed_size: u64_at(body, name_end)?,
        },
        name_end + 8,
    ))
}

/// Parses any record but a chunk. The error says what is wrong.
pub(crate) fn parse(opcode: u8, body: &[u8]) -> Result<Record<'_>, String> {
    if opcode == op::MESSAGE {
        let header = message_header(body).ok_or("a message record shorter than its header")?;
        return Ok(Record::Message {
            header,
            data: Cow::Borrowed(&body[MESSAGE_HEAD..]),
        });
    }
    ::mcap::parse_record(opcode, body).map_err(|err| {
        // The parser's own messages run over several lines; the last one is the cause.
        let text = err.to_string();
        let cause = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("");
        format!("a record (opcode {opcode}) that does not parse: {cause}")
    })
}

/// One record inside decompressed chunk data or in a run of unchunked records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nested<'a> {
    /// Where the record begins in the data.
    pub(crate) offset: usize,
    pub(crate) opcode: u8,
    pub(crate) body: &'a [u8],
}

/// Walks the records in decompressed chunk data; `Err` holds the offset at which the data stop making sense, and ends it.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// Begins at an offset known to be a record's.
    pub(crate) fn from(data: &'a [u8], at: usize) -> Self {
        Self { data, at }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Nested<'a>, usize>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.data.len() {
            return None;
        }
        let offset = self.at;
        let nested = head(self.data, offset).and_then(|(opcode, length)| {
            let from = offset + HEAD;
            let to = from.checked_add(usize::try_from(length).ok()?)?;
            Some((to, opcode, self.data.get(from..to)?))
        });
        let Some((to, opcode, body)) = nested else {
            self.at = self.data.len();
            return Some(Err(offset));
        };
        self.at = to;
        Some(Ok(Nested { offset, opcode, body }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_stops_at_a_record_longer_than_the_data() {
        let mut data = vec![op::MESSAGE];
        data.extend(3u64.to_le_bytes());
        data.extend([1, 2, 3]);
        let whole = data.len();
        data.push(op::MESSAGE);
        data.extend(u64::MAX.to_le_bytes());
        let seen: Vec<_> = Walk::new(&data)
            .map(|item| item.map(|nested| nested.body.len()))
            .collect();
        assert_eq!(seen, vec![Ok(3), Err(whole)]);
    }

    #[test]
    fn short_bodies_are_refused() {
        assert!(message_header(&[0; 21]).is_none());
        assert!(message_header(&[0; 22]).is_some());
        assert!(chunk_header(&[0; 39]).is_none());
        let mut lying = [0u8; 48];
        lying[28..32].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(chunk_header(&lying).is_none());
    }
}
