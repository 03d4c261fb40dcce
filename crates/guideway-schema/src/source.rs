//! Where rows come from and where they go.

use std::path::PathBuf;

use guideway_core::hint::for_io;
use guideway_core::{Hint, RecordingId, Reporter};
use thiserror::Error;

use crate::rows::Rows;

/// One recording that can be read: a log file, a drive folder, a collection of labelled images.
///
/// A source reads once, streams rows in batches of bounded size, and knows nothing of the store. Calls come in the order
/// `recording_id`, `digest_hint`, `read`, all on one thread.
pub trait Source: Send {
    /// The format's short name: `mcap`, `kitti-object`, `kitti-tracking`, `coco`, `yolo`.
    fn format(&self) -> &'static str;

    /// What it reads, as the user would name it.
    fn uri(&self) -> String;

    /// Size on disk of what `read` will go through, for progress. Bytes.
    fn size_bytes(&self) -> u64;

    /// The recording's id: from a fingerprint of its content (size, first and last block, file names), cheap to compute.
    fn recording_id(&mut self) -> Result<RecordingId, SourceError>;

    /// Reads everything and pushes the rows. The last rows pushed are the [`Rows::Recordings`] row.
    ///
    /// Damage that leaves the rest readable is counted in the summary and reported as a warning; only what makes the whole
    /// recording unreadable is an error.
    fn read(&mut self, sink: &mut dyn Sink, reporter: &dyn Reporter) -> Result<IngestSummary, SourceError>;
}

/// Receives rows.
pub trait Sink {
    /// Takes one batch of rows of one table, a few thousand at most.
    fn push(&mut self, rows: Rows) -> Result<(), SinkError>;
}

/// The sink could not take the rows.
#[derive(Debug, Error)]
#[error("could not store rows")]
pub struct SinkError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What reading one recording gave.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct IngestSummary {
    /// Frames found.
    pub frames: u64,
    /// Labels found.
    pub labels: u64,
    /// Signal samples found.
    pub signals: u64,
    /// Messages of a log, known and unknown channels together.
    pub messages: u64,
    /// Damaged places: truncated or corrupt chunks, undecodable messages, unreadable rows. Each was reported.
    pub damaged: u64,
}

/// A recording that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The operating system refused.
    #[error("could not read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is of another format, or not of this one.
    #[error("{message}: {}", path.display())]
    NotThisFormat {
        /// What was expected and what was found.
        message: String,
        /// What to do about it, where more is known than that it is another format.
        hint: Option<String>,
        /// The file.
        path: PathBuf,
    },
    /// The file is of this format, but nothing in it can be used.
    #[error("{message} (at {place}): {}", path.display())]
    Unreadable {
        /// What is wrong.
        message: String,
        /// Byte offset, line or field.
        place: String,
        /// What to do about it.
        hint: Option<String>,
        /// The file.
        path: PathBuf,
    },
    /// The sink refused the rows.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

impl Hint for SourceError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } => {
                for_io(source).or_else(|| Some("check the disk, and that the file can be read by other programs".to_owned()))
            }
            Self::NotThisFormat { hint, .. } => hint.clone().or_else(|| {
                Some(
                    "name a file or folder of one format, and say which with --format mcap|kitti-object|kitti-tracking|coco|yolo if it \
                     is not found by looking"
                        .to_owned(),
                )
            }),
            Self::Unreadable { hint, .. } => hint.clone(),
            Self::Sink(_) => Some("`guideway doctor` says whether the workspace is whole".to_owned()),
        }
    }
}

/// A sink that keeps everything in memory: for tests and small conversions.
#[derive(Debug, Default)]
pub struct Collected {
    /// The batches, in the order they came.
    pub rows: Vec<Rows>,
}

impl Sink for Collected {
    fn push(&mut self, rows: Rows) -> Result<(), SinkError> {
        self.rows.push(rows);
        Ok(())
    }
}
