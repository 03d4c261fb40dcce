//! Chunks: decompression that keeps whatever a damaged chunk still yields.

use std::io::Read;

use ::mcap::records::ChunkHeader;

use super::error::{Damage, DamageKind, McapError};
use super::file::LogFile;
use super::record::{self, HEAD, op};

/// The most that one record may hold, compressed or not. Writers use chunks of 1 to 32 MiB; the limit keeps a lying header
/// from exhausting the memory.
pub const MAX_RECORD_BYTES: u64 = 1 << 30;

/// Decompresses chunks, reusing its buffers.
#[derive(Default)]
pub(crate) struct Inflater {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").finish_non_exhaustive()
    }
}

impl Inflater {
    /// Decompresses `input` into `out`. On damage `out` keeps the longest prefix that could be had.
    ///
    /// `whole` says that `input` is all of the chunk's data, and not what a truncated file left of it.
    pub(crate) fn inflate(
        &mut self,
        header: &ChunkHeader,
        input: &[u8],
        whole: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        out.clear();
        if header.uncompressed_size > MAX_RECORD_BYTES {
            return Err(format!(
                "a chunk that claims {} bytes uncompressed, more than the limit of {MAX_RECORD_BYTES}",
                header.uncompressed_size
            ));
        }
        let size = header.uncompressed_size as usize;
        let problem = match header.compression.as_str() {
            "" => {
                out.extend_from_slice(&input[..input.len().min(size)]);
                None
            }
            "zstd" => self.zstd(input, size, whole, out),
            "lz4" => match lz4::Decoder::new(input) {
                Ok(decoder) => drain(decoder, size, out),
                Err(err) => Some(err.to_string()),
            },
            other => Some(format!("unknown compression `{other}`")),
        };
        match problem {
            Some(problem) if whole => Err(format!("a chunk that does not decompress: {problem}")),
            _ if out.len() != size && whole => Err(format!("a chunk of {} bytes that claims {size}", out.len())),
            _ => Ok(()),
        }
    }

    fn zstd(&mut self, input: &[u8], size: usize, whole: bool, out: &mut Vec<u8>) -> Option<String> {
        if whole {
            if self.zstd.is_none() {
                self.zstd = zstd::bulk::Decompressor::new().ok();
            }
            if let Some(bulk) = &mut self.zstd
                && out.try_reserve_exact(size).is_ok()
                && bulk.decompress_to_buffer(input, out).is_ok()
            {
                return None;
            }
            out.clear();
        }
        match zstd::stream::read::Decoder::with_buffer(input) {
            Ok(decoder) => drain(decoder, size, out),
            Err(err) => Some(err.to_string()),
        }
    }
}

/// Reads until the end, the first error or `size` bytes; the error, if any.
fn drain(mut from: impl Read, size: usize, out: &mut Vec<u8>) -> Option<String> {
    let mut block = vec![0u8; 64 << 10];
    loop {
        if out.len() >= size {
            // One byte more than promised is as wrong as one less.
            return match from.read(&mut block[..1]) {
                Ok(0) => None,
                Ok(_) => Some(format!("more than the {size} bytes that it claims")),
                Err(err) => Some(err.to_string()),
            };
        }
        let want = block.len().min(size - out.len());
        match from.read(&mut block[..want]) {
            Ok(0) => return None,
            Ok(got) => out.extend_from_slice(&block[..got]),
            Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
            Err(err) => return Some(err.to_string()),
        }
    }
}

/// Compares the checksum; 0 means that the writer computed none.
pub(crate) fn crc_problem(header: &ChunkHeader, data: &[u8]) -> Option<String> {
    if header.uncompressed_crc == 0 {
        return None;
    }
    let computed = crc32fast::hash(data);
    (computed != header.uncompressed_crc).then(|| {
        format!(
            "the chunk's checksum is {computed:#010x}, its header says {:#010x}",
            header.uncompressed_crc
        )
    })
}

/// A chunk read by its position.
#[derive(Debug)]
pub(crate) struct LoadedChunk {
    /// The records, decompressed.
    pub(crate) data: Vec<u8>,
    pub(crate) damage: Option<Damage>,
}

/// Reads what lies at `offset`: a chunk record (decompressed), or any other records (`length` bytes, as they are).
pub(crate) fn load(
    file: &LogFile,
    inflater: &mut Inflater,
    offset: u64,
    length: u64,
) -> Result<LoadedChunk, McapError> {
    if length > MAX_RECORD_BYTES {
        return Err(file.damaged(offset, format!("a chunk of {length} bytes, more than the limit")));
    }
    let raw = file.read_vec(offset, length)?;
    let Some((opcode, body_len)) = record::head(&raw, 0) else {
        return Err(file.damaged(offset, "no record"));
    };
    if opcode != op::CHUNK {
        return Ok(LoadedChunk {
            data: raw,
            damage: None,
        });
    }
    let body = &raw[HEAD..];
    let Some((header, from)) = record::chunk_header(body) else {
        return Err(file.damaged(offset, "a chunk without a whole header"));
    };
    let whole = body.len() as u64 >= body_len;
    let end = from.saturating_add(usize::try_from(header.compressed_size).unwrap_or(usize::MAX));
    let fits = end <= body.len();
    let input = &body[from.min(body.len())..end.min(body.len())];
    let mut data = Vec::new();
    let inflated = inflater.inflate(&header, input, whole && fits, &mut data);
    let damage = match inflated {
        Err(problem) => Some(Damage::new(DamageKind::BadChunk, offset, problem)),
        Ok(()) if !(whole && fits) => Some(Damage::new(DamageKind::Truncated, offset, "a chunk cut short")),
        Ok(()) => crc_problem(&header, &data).map(|problem| Damage::new(DamageKind::ChunkCrc, offset, problem)),
    };
    Ok(LoadedChunk { data, damage })
}
