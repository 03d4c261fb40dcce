//! Frames' media by point reads: one chunk is read and decompressed, never the log. The first fetch from a log also reads its
//! summary, for the channels.
//!
//! | the frame is | [`Media`] holds |
//! |---|---|
//! | a compressed image in a log | the encoded image as it was recorded |
//! | a raw image in a log | the same pixels as PNG |
//! | a video frame in a log | one access unit (`video/h264`, …); it is not decoded, and may need earlier ones |
//! | a lidar sweep in a log | the message's payload, with its schema's name as media type |
//! | a file of its own | the file |

mod points;
mod raw;
mod sniff;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use guideway_core::hint::for_io;
use guideway_core::{Hint, uri};
use guideway_schema::FrameRow;
use thiserror::Error;

use crate::mcap::{LogFile, LogIndex, McapError, chunk_data, message_payload};
use crate::schemas::{DecodeError, Decoded, Decoder};

pub(crate) use raw::is_whole;
pub use raw::{RawImageError, png_from_raw};
pub use sniff::{image_size, is_keyframe, media_type};

/// The largest file that is read as a frame's media, bytes.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// The bytes of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Encoded image, access unit, point cloud or file.
    pub bytes: Vec<u8>,
    /// `image/jpeg`, `image/png`, `video/h264`, …, or a schema's name.
    pub media_type: String,
    /// Width, px, where known without decoding.
    pub width: Option<u32>,
    /// Height, px.
    pub height: Option<u32>,
}

/// A frame whose media cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The URI is no file.
    #[error("frame `{frame}` lies at `{uri}`, which is no local file")]
    NotAFile {
        /// The frame's name.
        frame: String,
        /// The URI.
        uri: String,
    },
    /// The operating system refused.
    #[error("could not read the media of frame `{frame}` from {}", path.display())]
    Io {
        /// The frame's name.
        frame: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is larger than what is read at once.
    #[error("the media of frame `{frame}` have {size} bytes, at most {limit} are read: {}", path.display())]
    TooLarge {
        /// The frame's name.
        frame: String,
        /// The file.
        path: PathBuf,
        /// Its size, bytes.
        size: u64,
        /// The most that is read, bytes.
        limit: u64,
    },
    /// The log could not be read.
    #[error("could not read frame `{frame}`")]
    Log {
        /// The frame's name.
        frame: String,
        /// Why.
        source: McapError,
    },
    /// The message is not one that guideway decodes.
    #[error("frame `{frame}` is a message of a channel without known schema, in {}", path.display())]
    UnknownChannel {
        /// The frame's name.
        frame: String,
        /// The log.
        path: PathBuf,
    },
    /// The message does not decode.
    #[error("frame `{frame}` does not decode, in {}", path.display())]
    Decode {
        /// The frame's name.
        frame: String,
        /// The log.
        path: PathBuf,
        /// Why.
        source: DecodeError,
    },
    /// The pixel layout is not supported, or the image is shorter than it says.
    #[error("frame `{frame}` cannot be turned into a PNG, in {}", path.display())]
    Raw {
        /// The frame's name.
        frame: String,
        /// The log.
        path: PathBuf,
        /// Why.
        source: RawImageError,
    },
}

impl Hint for MediaError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotAFile { .. } => Some("copy the log to this machine and ingest it from there".to_owned()),
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some("the media stay where they were ingested from; put the file back or ingest it again".to_owned())
            }
            Self::Log { source, .. } => source.hint(),
            Self::Raw { source, .. } => source.hint(),
            Self::TooLarge { .. } => Some("leave the frame out of the query".to_owned()),
            Self::Io { source, .. } => for_io(source),
            Self::UnknownChannel { .. } | Self::Decode { .. } => {
                Some("the log differs from what was ingested: ingest it again with --force".to_owned())
            }
        }
    }
}

/// Reads frames' media, keeping the last log open and its last chunk decompressed: frames fetched in the order of the log
/// decompress each chunk once. One reader belongs to one thread; several threads take one each.
#[derive(Debug, Default)]
pub struct MediaReader {
    log: Option<OpenLog>,
}

#[derive(Debug)]
struct OpenLog {
    uri: String,
    file: LogFile,
    /// Found at the first fetch: decoder and schema name by the log's channel numbers.
    channels: Option<BTreeMap<u16, (Option<Decoder>, String)>>,
    chunk: Option<(u64, Vec<u8>)>,
}

/// Reads one frame's media. For several frames use a [`MediaReader`].
pub fn fetch(frame: &FrameRow) -> Result<Media, MediaError> {
    MediaReader::new().fetch(frame)
}

impl MediaReader {
    /// A reader with nothing open.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes of the open log were read so far; 0 when none is open.
    pub fn bytes_touched(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.file.bytes_touched())
    }

    /// Reads one frame's media.
    pub fn fetch(&mut self, frame: &FrameRow) -> Result<Media, MediaError> {
        let path = uri::to_path(&frame.uri).ok_or_else(|| MediaError::NotAFile {
            frame: frame.name.clone(),
            uri: frame.uri.clone(),
        })?;
        match (frame.message_offset, frame.length) {
            (Some(offset), Some(length)) => {
                let negative = |what: i64| u64::try_from(what).unwrap_or(u64::MAX);
                let chunk = frame.chunk_offset.map(negative);
                self.read_log(frame, &path, chunk, negative(offset), negative(length))
            }
            _ => from_file(frame, &path),
        }
    }

    fn read_log(
        &mut self,
        frame: &FrameRow,
        path: &Path,
        chunk: Option<u64>,
        offset: u64,
        length: u64,
    ) -> Result<Media, MediaError> {
        let log_error = |source| MediaError::Log {
            frame: frame.name.clone(),
            source,
        };
        let log = match self.log.take() {
            Some(log) if log.uri == frame.uri => self.log.insert(log),
            _ => self.log.insert(OpenLog {
                uri: frame.uri.clone(),
                file: LogFile::open(path).map_err(log_error)?,
                channels: None,
                chunk: None,
            }),
        };
        if let Some(at) = chunk
            && log.chunk.as_ref().is_none_or(|(cached, _)| *cached != at)
        {
            log.chunk = None;
            log.chunk = Some((at, chunk_data(&log.file, at).map_err(log_error)?));
        }
        let data = chunk.and(log.chunk.as_ref()).map(|(_, data)| data.as_slice());
        let (channel, payload) = message_payload(&log.file, data, chunk, offset, length).map_err(log_error)?;
        if log.channels.is_none() {
            let index = LogIndex::decoders(&log.file).map_err(log_error)?;
            log.channels = Some(index);
        }
        let unknown = || MediaError::UnknownChannel {
            frame: frame.name.clone(),
            path: path.to_owned(),
        };
        let (decoder, schema) = log
            .channels
            .as_ref()
            .and_then(|all| all.get(&channel))
            .ok_or_else(unknown)?;
        let decoded = decoder
            .ok_or_else(unknown)?
            .decode(&payload)
            .map_err(|source| MediaError::Decode {
                frame: frame.name.clone(),
                path: path.to_owned(),
                source,
            })?;
        match decoded {
            Decoded::Image(image) => {
                let bytes = image.data.into_owned();
                let size = image_size(&bytes);
                Ok(Media {
                    media_type: image_media_type(&bytes, &image.format),
                    width: size.map(|(width, _)| width),
                    height: size.map(|(_, height)| height),
                    bytes,
                })
            }
            Decoded::RawImage(image) => {
                let bytes = png_from_raw(&image).map_err(|source| MediaError::Raw {
                    frame: frame.name.clone(),
                    path: path.to_owned(),
                    source,
                })?;
                Ok(Media {
                    bytes,
                    media_type: "image/png".to_owned(),
                    width: Some(image.width),
                    height: Some(image.height),
                })
            }
            _ => Ok(Media {
                media_type: schema.clone(),
                width: None,
                height: None,
                bytes: payload,
            }),
        }
    }
}

fn from_file(frame: &FrameRow, path: &Path) -> Result<Media, MediaError> {
    let io = |source| MediaError::Io {
        frame: frame.name.clone(),
        path: path.to_owned(),
        source,
    };
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > MAX_FILE_BYTES {
        return Err(MediaError::TooLarge {
            frame: frame.name.clone(),
            path: path.to_owned(),
            size,
            limit: MAX_FILE_BYTES,
        });
    }
    let bytes = std::fs::read(path).map_err(io)?;
    let image = image_size(&bytes);
    Ok(Media {
        media_type: media_type(&bytes).map_or_else(|| frame.media_type.clone(), str::to_owned),
        width: image.map(|(width, _)| width),
        height: image.map(|(_, height)| height),
        bytes,
    })
}

/// The media type of a compressed image: from its first bytes, else from the format that the message names.
pub(crate) fn image_media_type(bytes: &[u8], format: &str) -> String {
    if let Some(known) = media_type(bytes) {
        return known.to_owned();
    }
    let lower = format.to_ascii_lowercase();
    for (name, media_type) in [
        ("h264", "video/h264"),
        ("h265", "video/h265"),
        ("hevc", "video/h265"),
        ("vp9", "video/vp9"),
        ("av1", "video/av1"),
        ("compresseddepth", "image/x-compressed-depth"),
        ("jpeg", "image/jpeg"),
        ("jpg", "image/jpeg"),
        ("png", "image/png"),
        ("webp", "image/webp"),
        ("avif", "image/avif"),
    ] {
        if lower.contains(name) {
            return media_type.to_owned();
        }
    }
    "application/octet-stream".to_owned()
}
