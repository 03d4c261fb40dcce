//! MCAP logs out: what a simulator or a recorder writes with, in Foxglove's schemas, which Foxglove, Rerun and others know.
//!
//! ```
//! use guideway_ingest::schemas::foxglove::{LocationFix, Time};
//! use guideway_ingest::write::{LogWriter, WriteOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("drive.mcap");
//! let mut log = LogWriter::create(&path, WriteOptions::default())?;
//! let at = 1_700_000_000_000_000_000;
//! let fix = LocationFix {
//!     timestamp: Some(Time::from_ns(at)),
//!     latitude: 48.1,
//!     longitude: 11.6,
//!     ..LocationFix::default()
//! };
//! log.message("/gps", at, at, &fix)?;
//! let written = log.finish()?;
//! assert_eq!((written.messages, path.exists()), (1, true));
//! # Ok(())
//! # }
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use ::mcap::records::{MessageHeader, Metadata};
use ::mcap::{Attachment, McapError, Writer};
use guideway_core::Hint;
use guideway_core::hint::for_io;
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

use crate::schemas::foxglove::{FoxgloveMessage, descriptor_set};

pub use ::mcap::Compression;

/// Topics that begin so carry ground truth: perfect labels beside what the sensors saw. Ingest lists them and makes rows of them
/// only on request, see [`crate::mcap::McapSource::with_ground_truth`].
pub const GROUND_TRUTH_PREFIX: &str = "/ground_truth/";
/// The key of a channel's metadata that says `true` where a channel of another topic carries ground truth.
pub const GROUND_TRUTH_KEY: &str = "guideway.ground_truth";

/// How a log is written.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// How chunks are compressed; `None` leaves them as they are. A log without chunks is never compressed.
    pub compression: Option<Compression>,
    /// Size at which a chunk is closed, bytes before compression; `None` writes no chunks. A reader that wants one message
    /// decompresses its chunk.
    pub chunk_size: Option<u64>,
    /// Write the summary and the message indexes, without which a reader must go through the whole file.
    pub summary: bool,
    /// The profile in the log's header; empty for none.
    pub profile: String,
    /// The program in the log's header.
    pub library: String,
    /// Replace a log that is there already.
    pub overwrite: bool,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            compression: Some(Compression::Zstd),
            chunk_size: Some(1 << 20),
            summary: true,
            profile: String::new(),
            library: concat!("guideway ", env!("CARGO_PKG_VERSION")).to_owned(),
            overwrite: false,
        }
    }
}

/// A log that could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The operating system refused.
    #[error("could not {what} {}", path.display())]
    Io {
        /// What was tried: `create`, `finish`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is a file at the log's path.
    #[error("the log exists already: {}", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The format's writer refused, or the writer below it.
    #[error("could not write {what}")]
    Mcap {
        /// What was to be written: a topic, a metadata record, an attachment, the summary.
        what: String,
        /// Why.
        source: Box<McapError>,
    },
    /// A message that does not encode.
    #[error("could not encode a message of `{topic}`")]
    Encode {
        /// Its topic.
        topic: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// MCAP's times are not negative.
    #[error("a message of `{topic}` at {time_ns} ns: times in a log are not negative")]
    NegativeTime {
        /// The topic.
        topic: String,
        /// The time.
        time_ns: i64,
    },
    /// A topic holds messages of one schema and encoding.
    #[error("`{topic}` holds {had}, and a message of {got} was to be added")]
    OtherSchema {
        /// The topic.
        topic: String,
        /// What it holds.
        had: String,
        /// What was to be added.
        got: String,
    },
    /// A channel's metadata come with its first message, and cannot change.
    #[error("`{topic}` has messages already; its metadata can no longer be set")]
    ChannelStarted {
        /// The topic.
        topic: String,
    },
}

impl Hint for WriteError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => Some("choose another path, or set `WriteOptions::overwrite`".to_owned()),
            Self::OtherSchema { .. } => Some("write the other messages to a topic of their own".to_owned()),
            Self::ChannelStarted { .. } => Some("set the metadata before the first message".to_owned()),
            Self::NegativeTime { .. } => Some("give times in ns since the Unix epoch or since the start".to_owned()),
            Self::Io { source, .. } => for_io(source),
            Self::Mcap { source, .. } => match source.as_ref() {
                McapError::Io(source) => for_io(source),
                _ => None,
            },
            Self::Encode { .. } => None,
        }
    }
}

/// What the messages of a channel are, for [`LogWriter::raw`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelSpec<'a> {
    /// The schema's name; empty for a channel without a schema.
    pub schema_name: &'a str,
    /// How the schema is written: `protobuf`, `jsonschema`, `ros2msg`, ….
    pub schema_encoding: &'a str,
    /// The schema itself.
    pub schema: &'a [u8],
    /// How the messages are written: `protobuf`, `json`, `cdr`, ….
    pub message_encoding: &'a str,
}

/// What was written on a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSummary {
    /// The schema's name; empty for none.
    pub schema: String,
    /// Messages.
    pub messages: u64,
    /// Their payloads before compression, bytes.
    pub bytes: u64,
    /// First and last log time, ns.
    pub log_times_ns: (i64, i64),
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogSummary {
    /// The log; `None` for one that was not written to a path.
    pub path: Option<PathBuf>,
    /// Messages.
    pub messages: u64,
    /// Size of the log, bytes.
    pub bytes: u64,
    /// By topic.
    pub topics: BTreeMap<String, TopicSummary>,
}

#[derive(Debug)]
struct Channel {
    id: u16,
    sequence: u32,
    message_encoding: String,
    summary: TopicSummary,
}

/// Where the finished log goes.
#[derive(Debug)]
struct Target {
    path: PathBuf,
    partial: PathBuf,
}

/// Writes one MCAP log.
///
/// Channels and schemas are made when a topic is first used. The same calls give the same bytes, whatever the machine and the
/// number of its cores. A log written to a path appears there only when [`LogWriter::finish`] has ended it and the disk has it; until
/// then it is `PATH.partial`, and what a killed process leaves there can be read up to the last whole chunk.
pub struct LogWriter<W: Write + Seek> {
    writer: Writer<W>,
    target: Option<Target>,
    channels: BTreeMap<String, Channel>,
    metadata: BTreeMap<String, BTreeMap<String, String>>,
    buffer: Vec<u8>,
    latest: u64,
}

impl<W: Write + Seek> std::fmt::Debug for LogWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogWriter")
            .field("target", &self.target)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

fn refused(what: impl Into<String>) -> impl FnOnce(McapError) -> WriteError {
    move |source| WriteError::Mcap {
        what: what.into(),
        source: Box::new(source),
    }
}

fn describe(schema: &str, encoding: &str) -> String {
    let name = if schema.is_empty() { "no schema" } else { schema };
    format!("{name} in {encoding}")
}

impl LogWriter<BufWriter<File>> {
    /// Begins a log that will appear at `path`. Its folder must exist.
    pub fn create(path: impl AsRef<Path>, options: WriteOptions) -> Result<Self, WriteError> {
        let path = path.as_ref().to_owned();
        if !options.overwrite && path.exists() {
            return Err(WriteError::Exists { path });
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = path.with_file_name(name);
        let file = File::create(&partial).map_err(|source| WriteError::Io {
            what: "create",
            path: partial.clone(),
            source,
        })?;
        let mut log = Self::new(BufWriter::with_capacity(1 << 20, file), options)?;
        log.target = Some(Target { path, partial });
        Ok(log)
    }
}

impl<W: Write + Seek> LogWriter<W> {
    /// Begins a log in any writer, memory included.
    pub fn new(writer: W, options: WriteOptions) -> Result<Self, WriteError> {
        let writer = ::mcap::WriteOptions::new()
            .profile(options.profile)
            .library(options.library)
            .compression(options.compression)
            // Helpers would make the bytes depend on whether there are any.
            .compression_threads(0)
            .use_chunks(options.chunk_size.is_some())
            .chunk_size(options.chunk_size)
            .emit_summary_records(options.summary)
            .emit_summary_offsets(options.summary)
            .emit_message_indexes(options.summary)
            .create(writer)
            .map_err(refused("the header"))?;
        Ok(Self {
            writer,
            target: None,
            channels: BTreeMap::new(),
            metadata: BTreeMap::new(),
            buffer: Vec::new(),
            latest: 0,
        })
    }

    /// Metadata of a topic's channel, such as [`GROUND_TRUTH_KEY`]; before its first message.
    pub fn channel_metadata(&mut self, topic: &str, metadata: BTreeMap<String, String>) -> Result<(), WriteError> {
        if self.channels.contains_key(topic) {
            return Err(WriteError::ChannelStarted {
                topic: topic.to_owned(),
            });
        }
        self.metadata.insert(topic.to_owned(), metadata);
        Ok(())
    }

    /// A message of Foxglove's schemas, as protobuf. Times are ns: when it was recorded, and when it was sent.
    pub fn message<M: FoxgloveMessage>(
        &mut self,
        topic: &str,
        log_time_ns: i64,
        publish_time_ns: i64,
        message: &M,
    ) -> Result<(), WriteError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        message.encode(&mut buffer).map_err(|err| WriteError::Encode {
            topic: topic.to_owned(),
            source: Box::new(err),
        })?;
        self.open(topic, M::SCHEMA, "protobuf", || {
            Ok(("protobuf", descriptor_set(M::SCHEMA).unwrap_or_default().into()))
        })?;
        let written = self.put(topic, log_time_ns, publish_time_ns, &buffer);
        self.buffer = buffer;
        written
    }

    /// A value as JSON, on a channel whose JSON Schema comes from the type. Numbers that are not finite become `null`.
    pub fn json<T: Serialize + JsonSchema>(
        &mut self,
        topic: &str,
        schema_name: &str,
        log_time_ns: i64,
        publish_time_ns: i64,
        value: &T,
    ) -> Result<(), WriteError> {
        let failed = |err: serde_json::Error| WriteError::Encode {
            topic: topic.to_owned(),
            source: Box::new(err),
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        serde_json::to_writer(&mut buffer, value).map_err(failed)?;
        self.open(topic, schema_name, "json", || {
            let schema = serde_json::to_vec(&schemars::schema_for!(T)).map_err(failed)?;
            Ok(("jsonschema", schema.into()))
        })?;
        let written = self.put(topic, log_time_ns, publish_time_ns, &buffer);
        self.buffer = buffer;
        written
    }

    /// A message that is encoded already.
    pub fn raw(
        &mut self,
        topic: &str,
        channel: ChannelSpec<'_>,
        log_time_ns: i64,
        publish_time_ns: i64,
        payload: &[u8],
    ) -> Result<(), WriteError> {
        self.open(topic, channel.schema_name, channel.message_encoding, || {
            Ok((channel.schema_encoding, channel.schema.into()))
        })?;
        self.put(topic, log_time_ns, publish_time_ns, payload)
    }

    /// A metadata record: pairs of texts under a name. A log may have several of the same name.
    pub fn metadata(&mut self, name: &str, metadata: &BTreeMap<String, String>) -> Result<(), WriteError> {
        self.writer
            .write_metadata(&Metadata {
                name: name.to_owned(),
                metadata: metadata.clone(),
            })
            .map_err(refused(format!("metadata `{name}`")))
    }

    /// A file that goes with the log. Its time is the latest log time so far.
    pub fn attachment(&mut self, name: &str, media_type: &str, bytes: &[u8]) -> Result<(), WriteError> {
        self.writer
            .attach(&Attachment {
                log_time: self.latest,
                create_time: self.latest,
                name: name.to_owned(),
                media_type: media_type.to_owned(),
                data: bytes.into(),
            })
            .map_err(refused(format!("attachment `{name}`")))
    }

    /// Ends the log and gives it its name.
    pub fn finish(self) -> Result<LogSummary, WriteError> {
        Ok(self.finish_into()?.0)
    }

    /// Ends the log and gives the writer back.
    pub fn finish_into(mut self) -> Result<(LogSummary, W), WriteError> {
        self.writer.finish().map_err(refused("the summary"))?;
        let mut writer = self.writer.into_inner();
        let place = self.target.as_ref().map(|target| target.partial.clone());
        let failed = |source| WriteError::Io {
            what: "finish",
            path: place.clone().unwrap_or_else(|| PathBuf::from("the log")),
            source,
        };
        let bytes = writer.flush().and_then(|()| writer.stream_position()).map_err(failed)?;
        if let Some(target) = &self.target {
            File::open(&target.partial)
                .and_then(|file| file.sync_all())
                .and_then(|()| std::fs::rename(&target.partial, &target.path))
                .map_err(failed)?;
        }
        let topics: BTreeMap<String, TopicSummary> = self
            .channels
            .into_iter()
            .map(|(topic, channel)| (topic, channel.summary))
            .collect();
        let summary = LogSummary {
            path: self.target.map(|target| target.path),
            messages: topics.values().map(|topic| topic.messages).sum(),
            bytes,
            topics,
        };
        Ok((summary, writer))
    }

    /// Makes the topic's channel if it has none yet. `schema` gives the schema's encoding and the schema.
    fn open<'s>(
        &mut self,
        topic: &str,
        schema_name: &str,
        message_encoding: &str,
        schema: impl FnOnce() -> Result<(&'s str, Cow<'s, [u8]>), WriteError>,
    ) -> Result<(), WriteError> {
        if let Some(channel) = self.channels.get(topic) {
            if channel.summary.schema == schema_name && channel.message_encoding == message_encoding {
                return Ok(());
            }
            return Err(WriteError::OtherSchema {
                topic: topic.to_owned(),
                had: describe(&channel.summary.schema, &channel.message_encoding),
                got: describe(schema_name, message_encoding),
            });
        }
        let what = || format!("the channel `{topic}`");
        let schema_id = if schema_name.is_empty() {
            0
        } else {
            let (encoding, definition) = schema()?;
            self.writer
                .add_schema(schema_name, encoding, &definition)
                .map_err(refused(what()))?
        };
        let metadata = self.metadata.remove(topic).unwrap_or_default();
        let id = self
            .writer
            .add_channel(schema_id, topic, message_encoding, &metadata)
            .map_err(refused(what()))?;
        let channel = Channel {
            id,
            sequence: 0,
            message_encoding: message_encoding.to_owned(),
            summary: TopicSummary {
                schema: schema_name.to_owned(),
                messages: 0,
                bytes: 0,
                log_times_ns: (i64::MAX, i64::MIN),
            },
        };
        self.channels.insert(topic.to_owned(), channel);
        Ok(())
    }

    fn put(&mut self, topic: &str, log_time: i64, publish_time: i64, payload: &[u8]) -> Result<(), WriteError> {
        let unsigned = |time_ns: i64| {
            u64::try_from(time_ns).map_err(|_negative| WriteError::NegativeTime {
                topic: topic.to_owned(),
                time_ns,
            })
        };
        let (log_ns, publish_ns) = (unsigned(log_time)?, unsigned(publish_time)?);
        let Some(channel) = self.channels.get_mut(topic) else {
            return Ok(());
        };
        let header = MessageHeader {
            channel_id: channel.id,
            sequence: channel.sequence,
            log_time: log_ns,
            publish_time: publish_ns,
        };
        self.writer
            .write_to_known_channel(&header, payload)
            .map_err(refused(format!("a message of `{topic}`")))?;
        channel.sequence = channel.sequence.wrapping_add(1);
        let summary = &mut channel.summary;
        summary.messages += 1;
        summary.bytes += payload.len() as u64;
        let (first, last) = summary.log_times_ns;
        summary.log_times_ns = (first.min(log_time), last.max(log_time));
        self.latest = self.latest.max(log_ns);
        Ok(())
    }
}
