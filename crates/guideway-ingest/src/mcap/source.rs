//! A log as a source of rows.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ::mcap::records::{Channel, Record};
use guideway_core::{IdBuilder, RecordingId, Reporter, uri};
use guideway_schema::{IngestSummary, Sink, Source, SourceError};

use super::build::Builder;
use super::error::{ANY_VERSION, Damage, DamageKind, McapError};
use super::file::LogFile;
use super::scan::{Event, ScanOptions, Scanner};
use super::summary;
use crate::write::{GROUND_TRUTH_KEY, GROUND_TRUTH_PREFIX};

/// The first and last bytes of a file that go into its recording's id.
const FINGERPRINT: u64 = 1 << 20;

/// One MCAP log.
///
/// [`Source::read`] goes through the file once and pushes chunks, frames, signals and labels as it meets them, and channels,
/// sensors and the recording at the end. Nothing is copied out of the log but what the rows say: a frame's row tells where
/// its message lies, and [`crate::media::fetch`] reads it there.
///
/// The recording's id is made of the file's size and its first and last mebibyte: it is cheap, and moving or renaming the
/// file does not change it. The digest is the BLAKE3 of the whole file, computed on a second thread while the log is read.
///
/// Stamps are the messages' own (clock `sensor`); where a message has none, its log time stands in. Frames are numbered in
/// the order of the file.
#[derive(Debug)]
pub struct McapSource {
    path: PathBuf,
    size: u64,
    recording_id: Option<RecordingId>,
    with_truth: bool,
}

impl McapSource {
    /// Opens a log. A file of another format, or without any content, is an error.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let path = path.canonicalize().map_err(|source| SourceError::Io {
            path: path.to_owned(),
            source,
        })?;
        let file = LogFile::open(&path).map_err(source_error)?;
        Ok(Self {
            size: file.size(),
            path,
            recording_id: None,
            with_truth: false,
        })
    }

    /// Makes rows of ground truth too.
    ///
    /// Channels below [`GROUND_TRUTH_PREFIX`](crate::write::GROUND_TRUTH_PREFIX), and those whose metadata say
    /// [`GROUND_TRUTH_KEY`](crate::write::GROUND_TRUTH_KEY), carry what is true instead of what was seen. Without this they are only
    /// listed. With it their annotations and scenes become labels of the cameras' and lidars' frames, made by `ground truth`; an
    /// annotation's metadata may hold the instance's mask (`mask_rle`, COCO's compressed run lengths), `truncation`, and other
    /// numbers. The ids of all other rows are the same either way.
    #[must_use]
    pub fn with_ground_truth(mut self, yes: bool) -> Self {
        self.with_truth = yes;
        self
    }

    /// Opens a log file, or all logs of a ROS 2 bag folder, each of which is a recording of its own.
    pub fn open_all(path: &Path) -> Result<Vec<Self>, SourceError> {
        if !path.is_dir() {
            return Ok(vec![Self::open(path)?]);
        }
        let files = super::bag_files(path).map_err(|source| SourceError::Io {
            path: path.to_owned(),
            source,
        })?;
        if files.is_empty() {
            return Err(SourceError::NotThisFormat {
                message: "no bag folder with metadata.yaml and .mcap files".to_owned(),
                hint: None,
                path: path.to_owned(),
            });
        }
        files.iter().map(|file| Self::open(file)).collect()
    }

    /// Where the log lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn fingerprint(&self, file: &LogFile) -> Result<RecordingId, McapError> {
        let last = self.size.saturating_sub(FINGERPRINT);
        Ok(IdBuilder::new("recording")
            .text("mcap")
            .bytes(&self.size.to_le_bytes())
            .bytes(&file.read_vec(0, FINGERPRINT)?)
            .bytes(&file.read_vec(last, FINGERPRINT)?)
            .finish())
    }
}

fn source_error(err: McapError) -> SourceError {
    use guideway_core::Hint as _;
    let hint = err.hint();
    match err {
        McapError::Open { path, source } | McapError::Io { path, source, .. } => SourceError::Io { path, source },
        McapError::NotMcap { found, path } => SourceError::NotThisFormat {
            message: format!("not an MCAP file: it begins with {found}, expected 89 4d 43 41 50 30 0d 0a"),
            hint: hint.filter(|_| found.starts_with(ANY_VERSION)),
            path,
        },
        McapError::Empty { path } => SourceError::Unreadable {
            message: "the file is empty".to_owned(),
            place: "byte 0".to_owned(),
            hint,
            path,
        },
        McapError::Damaged { what, offset, path } => SourceError::Unreadable {
            message: what,
            place: format!("byte {offset}"),
            hint,
            path,
        },
        McapError::NoSuchTopic { topic, path, .. } => SourceError::Unreadable {
            message: format!("no topic `{topic}`"),
            place: "channels".to_owned(),
            hint,
            path,
        },
    }
}

impl Source for McapSource {
    fn format(&self) -> &'static str {
        "mcap"
    }

    fn uri(&self) -> String {
        uri::from_path(&self.path)
    }

    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn recording_id(&mut self) -> Result<RecordingId, SourceError> {
        if let Some(id) = &self.recording_id {
            return Ok(id.clone());
        }
        let file = LogFile::open(&self.path).map_err(source_error)?;
        let id = self.fingerprint(&file).map_err(source_error)?;
        self.recording_id = Some(id.clone());
        Ok(id)
    }

    fn read(&mut self, sink: &mut dyn Sink, reporter: &dyn Reporter) -> Result<IngestSummary, SourceError> {
        let recording_id = self.recording_id()?;
        let file = LogFile::open(&self.path).map_err(source_error)?;
        let data_crc = summary::data_crc(&file).map_err(source_error)?;
        let path = &self.path;
        let given_up = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let hashing = std::thread::Builder::new()
                .name("mcap-digest".to_owned())
                .spawn_scoped(scope, || digest(path, data_crc.map(|(end, _)| end), &given_up))
                .map_err(|source| SourceError::Io {
                    path: path.clone(),
                    source,
                })?;
            let mut builder =
                Builder::new(&recording_id, path, self.uri(), file.size(), sink).with_ground_truth(self.with_truth);
            if let Err(err) = read_events(&file, &mut builder, reporter) {
                given_up.store(true, Ordering::Relaxed);
                return Err(err);
            }
            let hashed = hashing
                .join()
                .unwrap_or_else(|_| Err(std::io::Error::other("the digest thread failed")));
            let (digest, computed) = hashed.map_err(|source| SourceError::Io {
                path: path.clone(),
                source,
            })?;
            if let (Some((end, stated)), Some(computed)) = (data_crc, computed)
                && stated != computed
            {
                let message = format!("the data section's checksum is {computed:#010x}, the log says {stated:#010x}");
                builder.damage(&Damage::new(DamageKind::DataCrc, end, message));
            }
            builder.finish(digest, reporter)
        })
    }
}

/// The summary first, for the channels, so that labels know every camera from the start; then the log itself.
fn read_events(file: &LogFile, builder: &mut Builder<'_>, reporter: &dyn Reporter) -> Result<(), SourceError> {
    match summary::read(file).map_err(source_error)? {
        Ok(Some(summary)) => {
            for (id, schema) in summary.schemas {
                builder.schema(id, schema);
            }
            for channel in summary.channels.into_values() {
                builder.channel(channel, 0);
            }
        }
        Ok(None) => {}
        Err(damage) => builder.damage(&damage),
    }
    let task = reporter.begin(&format!("reading {}", file.path().display()), Some(file.size()), "B");
    let mut scanner = Scanner::new(file, ScanOptions::default());
    let mut shown = 0;
    loop {
        let position = scanner.position();
        if position - shown >= 1 << 20 {
            task.advance(position - shown);
            shown = position;
        }
        let Some(event) = scanner.next_event().map_err(source_error)? else {
            task.advance(file.size().saturating_sub(shown));
            return Ok(());
        };
        match event {
            Event::Chunk { offset, length, header } => builder.chunk(offset, length, header)?,
            Event::Damage(damage) => builder.damage(&damage),
            Event::Large { place, opcode } => builder.large(place, opcode),
            Event::Record { place, record } => match record {
                Record::Header(header) => builder.header(header),
                Record::Schema { header, data } => builder.schema(
                    header.id,
                    summary::LogSchema {
                        name: header.name,
                        encoding: header.encoding,
                        data: data.into_owned(),
                    },
                ),
                Record::Channel(channel) => builder.channel(channel, place.file_offset()),
                Record::Message { header, data } => builder.message(place, header, &data)?,
                Record::Attachment { .. } => builder.attachment(),
                Record::Metadata(metadata) => builder.metadata(metadata),
                _ => {}
            },
        }
    }
}

/// BLAKE3 of a file, and the CRC-32 of its first `crc_end` bytes where one is asked for. Of no use once the log is given up.
fn digest(path: &Path, crc_end: Option<u64>, given_up: &AtomicBool) -> std::io::Result<(String, Option<u32>)> {
    let mut file = std::fs::File::open(path)?;
    let mut block = vec![0u8; 1 << 20];
    let mut hasher = blake3::Hasher::new();
    let mut crc = crc32fast::Hasher::new();
    let mut left = crc_end.unwrap_or(0);
    loop {
        let got = file.read(&mut block)?;
        if got == 0 || given_up.load(Ordering::Relaxed) {
            break;
        }
        hasher.update(&block[..got]);
        let covered = left.min(got as u64);
        crc.update(&block[..covered as usize]);
        left -= covered;
    }
    Ok((hasher.finalize().to_hex().to_string(), crc_end.map(|_| crc.finalize())))
}

/// Declared channels with the same content are one declaration.
pub(crate) fn same_channel(a: &Channel, b: &Channel) -> bool {
    a.topic == b.topic && a.message_encoding == b.message_encoding && a.schema_id == b.schema_id
}

/// Does the channel carry what is true instead of what was seen?
pub(crate) fn is_ground_truth(channel: &Channel) -> bool {
    channel.topic.starts_with(GROUND_TRUTH_PREFIX)
        || channel
            .metadata
            .get(GROUND_TRUTH_KEY)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// A map of texts as a JSON object; `None` when it is empty.
pub(crate) fn json_object(map: &BTreeMap<String, String>) -> Option<String> {
    if map.is_empty() {
        return None;
    }
    serde_json::to_string(map).ok()
}
