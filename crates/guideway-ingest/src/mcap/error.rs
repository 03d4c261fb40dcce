//! What can be wrong with a log.

use std::path::PathBuf;

use guideway_core::Hint;
use guideway_core::hint::for_io;
use thiserror::Error;

/// How a log of any version begins.
pub(crate) const ANY_VERSION: &str = "89 4d 43 41 50";

/// A log that cannot be read at all, or a place in it that cannot.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum McapError {
    /// The file cannot be opened.
    #[error("could not open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The operating system refused.
    #[error("could not read {length} bytes at offset {offset} of {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Where the read began, bytes.
        offset: u64,
        /// How much was wanted, bytes.
        length: u64,
        /// Why.
        source: std::io::Error,
    },
    /// The file has no bytes.
    #[error("the file is empty: {}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file does not begin as an MCAP file does.
    #[error("not an MCAP file: it begins with {found}, expected 89 4d 43 41 50 30 0d 0a: {}", path.display())]
    NotMcap {
        /// The first eight bytes in hexadecimal.
        found: String,
        /// The file.
        path: PathBuf,
    },
    /// A record that was asked for is not there, or is broken.
    #[error("{what} at offset {offset} of {}", path.display())]
    Damaged {
        /// What is wrong.
        what: String,
        /// Where, bytes from the start of the file.
        offset: u64,
        /// The file.
        path: PathBuf,
    },
    /// A topic that the log does not have.
    #[error("the log has no topic `{topic}`: {}", path.display())]
    NoSuchTopic {
        /// The topic that was asked for.
        topic: String,
        /// The topic with the closest name.
        closest: Option<String>,
        /// The file.
        path: PathBuf,
    },
}

impl Hint for McapError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Open { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some("logs stay where they were ingested from: put the file back, or ingest it from where it is now".to_owned())
            }
            Self::Open { source, .. } | Self::Io { source, .. } => for_io(source),
            Self::Empty { .. } => Some("the recorder wrote nothing; copy the log again or leave it out".to_owned()),
            Self::NotMcap { found, .. } if found.starts_with(ANY_VERSION) => {
                Some("it is an MCAP file of another version; convert it with the `mcap` tool".to_owned())
            }
            Self::NotMcap { .. } => Some(
                "the file is no longer the log that was ingested: put that file back, or ingest this one".to_owned(),
            ),
            Self::Damaged { .. } => {
                Some("ingest the log again: the index may be older than the file, or the file is damaged".to_owned())
            }
            Self::NoSuchTopic { closest, .. } => Some(match closest {
                Some(topic) => format!("did you mean `{topic}`?"),
                None => "`guideway log channels RECORDING` lists the topics; if this one is among them, the log was changed since: ingest it again".to_owned(),
            }),
        }
    }
}

/// A kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DamageKind {
    /// The file ends before it should.
    Truncated,
    /// A record whose length or content makes no sense.
    BadRecord,
    /// A chunk that does not decompress.
    BadChunk,
    /// A chunk whose checksum differs; its messages were still read.
    ChunkCrc,
    /// The data section's checksum differs.
    DataCrc,
    /// The summary section cannot be used; the log is read without it.
    BadSummary,
    /// A message that names a channel which the log does not declare.
    OrphanMessage,
    /// A message that does not decode by its schema.
    BadMessage,
}

impl DamageKind {
    /// The code under which it is reported as a warning.
    pub fn code(self) -> &'static str {
        match self {
            Self::Truncated => "truncated-file",
            Self::BadRecord => "bad-record",
            Self::BadChunk => "bad-chunk",
            Self::ChunkCrc => "chunk-crc",
            Self::DataCrc => "data-crc",
            Self::BadSummary => "bad-summary",
            Self::OrphanMessage => "message-without-channel",
            Self::BadMessage => "undecodable-message",
        }
    }
}

/// A damaged place in a log that leaves the rest readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The kind.
    pub kind: DamageKind,
    /// Where, bytes from the start of the file: of the record, or of the chunk that holds it.
    pub offset: u64,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
}

impl Damage {
    pub(crate) fn new(kind: DamageKind, offset: u64, message: impl Into<String>) -> Self {
        Self {
            kind,
            offset,
            message: message.into(),
        }
    }
}
