//! MCAP logs: scanning, indexing, point reads, and turning a log into rows.
//!
//! | what | how |
//! |---|---|
//! | everything once, damage included | [`Scanner`] |
//! | where the messages lie, without decompressing them | [`LogIndex`] |
//! | messages by topic and time | [`read_messages`] |
//! | the rows of a recording | [`McapSource`] |
//!
//! Layout of the file: <https://mcap.dev/spec>. Damage is never silent and never stops what can still be read: see
//! [`Scanner`].

mod build;
mod chunk;
mod error;
mod file;
mod frames;
mod index;
mod labels;
mod messages;
mod notes;
mod record;
mod resync;
mod rows;
mod scan;
mod source;
mod summary;
mod tf;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use ::mcap::records;
pub use chunk::MAX_RECORD_BYTES;
pub use error::{Damage, DamageKind, McapError};
pub use file::{LogFile, MAGIC};
pub use index::{ChunkEntry, IndexOrigin, LogIndex};
pub use messages::{LogMessage, MessageQuery, Messages, read_messages};
pub use scan::{Event, Place, ScanOptions, Scanner};
pub use source::McapSource;
pub use summary::LogSchema;

pub(crate) use messages::payload as message_payload;

use crate::schemas::Decoder;

/// Does the file begin as an MCAP file does? `false` for a file that cannot be read.
pub fn is_mcap(path: &Path) -> bool {
    LogFile::open(path).is_ok()
}

/// The `.mcap` files of a ROS 2 bag folder (one with a `metadata.yaml`), in the order of their numbers; each is a recording
/// of its own. Empty when the folder is no such bag.
pub fn bag_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !folder.join("metadata.yaml").is_file() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("mcap"))
            && path.is_file()
        {
            files.push(path);
        }
    }
    // `bag_10` comes after `bag_9`: the length of the name first, then the name, within one stem.
    let stem = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        (name[..text].to_owned(), name.len(), name)
    };
    files.sort_by_cached_key(stem);
    Ok(files)
}

/// The decompressed chunk at an offset, as much of it as can be had.
pub(crate) fn chunk_data(file: &LogFile, offset: u64) -> Result<Vec<u8>, McapError> {
    let head = file.read_vec(offset, record::HEAD as u64)?;
    match record::head(&head, 0) {
        Some((record::op::CHUNK, length)) => {
            let length = length
                .saturating_add(record::HEAD as u64)
                .min(file.size().saturating_sub(offset));
            Ok(chunk::load(file, &mut chunk::Inflater::default(), offset, length)?.data)
        }
        _ => Err(file.damaged(offset, "no chunk where the index says")),
    }
}

impl LogIndex {
    /// Decoder and schema name of each channel: from the summary where it has them, else from the whole index.
    pub(crate) fn decoders(file: &LogFile) -> Result<BTreeMap<u16, (Option<Decoder>, String)>, McapError> {
        let (channels, schemas) = match summary::read(file)? {
            Ok(Some(summary)) if !summary.channels.is_empty() && !summary.schemas.is_empty() => {
                (summary.channels, summary.schemas)
            }
            _ => {
                let index = Self::open(file.path())?;
                (index.channels, index.schemas)
            }
        };
        Ok(channels
            .into_iter()
            .map(|(id, channel)| {
                let schema = schemas.get(&channel.schema_id).map(|schema| schema.name.as_str());
                let decoder = Decoder::for_channel(&channel.message_encoding, schema);
                (id, (decoder, schema.unwrap_or_default().to_owned()))
            })
            .collect())
    }
}
