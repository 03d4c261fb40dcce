//! Finding the next chunk behind bytes that make no sense.

use ::mcap::records::ChunkHeader;

use super::error::McapError;
use super::file::{LogFile, Window};
use super::record::{self, HEAD, op};

/// The longest head of a chunk record that is known: up to the size of the records, with `zstd` as the compression's name.
const SIGNATURE: usize = HEAD + 32 + 4 + 8;

/// The first offset from `from` on at which a chunk begins, judged by its head alone: nothing else has a length that agrees with
/// the sizes in it and names a compression.
///
/// Each byte is looked at once, and the heads that begin with a chunk's opcode once more; the file is read through `window`, so that
/// short steps do not read it again.
pub(crate) fn find_chunk(file: &LogFile, window: &mut Window, from: u64) -> Result<Option<u64>, McapError> {
    let mut at = from;
    loop {
        let left = file.size().saturating_sub(at);
        if left < HEAD as u64 {
            return Ok(None);
        }
        window.load(file, at, (SIGNATURE as u64).min(left) as usize)?;
        let bytes = window.rest(at);
        let last = bytes.len() as u64 >= left;
        // A head that the window cuts is looked at with the next one.
        let whole = if last {
            bytes.len()
        } else {
            bytes.len().saturating_sub(SIGNATURE - 1)
        };
        let found = memchr::memchr_iter(op::CHUNK, &bytes[..whole])
            .find(|hit| begins_chunk(&bytes[*hit..bytes.len().min(hit + SIGNATURE)]));
        if let Some(hit) = found {
            return Ok(Some(at + hit as u64));
        }
        if last {
            return Ok(None);
        }
        at += whole.max(1) as u64;
    }
}

/// Is this the head of a chunk? At most [`SIGNATURE`] bytes are looked at.
fn begins_chunk(bytes: &[u8]) -> bool {
    let Some((op::CHUNK, length)) = record::head(bytes, 0) else {
        return false;
    };
    let Some((header, from)) = record::chunk_header(&bytes[HEAD..]) else {
        return false;
    };
    let ChunkHeader {
        compression,
        compressed_size,
        uncompressed_size,
        ..
    } = &header;
    let known = match compression.as_str() {
        "" => compressed_size == uncompressed_size,
        "lz4" | "zstd" => true,
        _ => false,
    };
    known
        && compressed_size.checked_add(from as u64) == Some(length)
        && header.message_start_time <= header.message_end_time
}

#[cfg(test)]
mod tests {
    use super::super::file::MAGIC;
    use super::*;

    /// The head of a chunk of `size` bytes with zeros for records.
    fn chunk(compression: &str, size: u64) -> Vec<u8> {
        let mut bytes = vec![op::CHUNK];
        bytes.extend((40 + compression.len() as u64 + size).to_le_bytes());
        bytes.extend(1u64.to_le_bytes());
        bytes.extend(2u64.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.extend((compression.len() as u32).to_le_bytes());
        bytes.extend(compression.as_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.resize(bytes.len() + size as usize, 0);
        bytes
    }

    fn find(content: &[u8], window: usize) -> (Option<u64>, u64) {
        let file = LogFile::from_bytes("test", [&MAGIC[..], content].concat()).unwrap();
        let before = file.bytes_touched();
        let found = find_chunk(&file, &mut Window::new(window), 8).unwrap();
        (found, file.bytes_touched() - before)
    }

    #[test]
    fn the_first_chunk_is_found_wherever_the_window_ends() {
        for compression in ["", "lz4", "zstd"] {
            for lead in 0..200usize {
                let content = [vec![op::CHUNK; lead], chunk(compression, 30)].concat();
                assert_eq!(find(&content, 64).0, Some(8 + lead as u64), "{compression} {lead}");
            }
        }
    }

    #[test]
    fn heads_that_do_not_agree_with_themselves_are_no_chunks() {
        let mut other = chunk("zstd", 30);
        other[1] += 1;
        assert_eq!(find(&other, 64).0, None);
        assert_eq!(find(&chunk("gzip", 30), 64).0, None);
        assert_eq!(find(&chunk("zstd", 30)[..40], 64).0, None);
        // A name of a gigabyte is not read.
        let mut long = chunk("", 1 << 16);
        long[HEAD + 28..HEAD + 32].copy_from_slice(&(60_000u32).to_le_bytes());
        assert_eq!(find(&long, 64).0, None);
    }

    #[test]
    fn false_beginnings_are_read_once() {
        let content = vec![op::CHUNK; 1 << 20];
        let (found, touched) = find(&content, 4096);
        assert_eq!(found, None);
        assert!(touched < 2 << 20, "{touched}");
    }
}
