//! What the readers of dataset folders share: listing, hashing, image headers, batches of rows and counted warnings.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use guideway_core::taxonomy::Taxonomy;
use guideway_core::{IdBuilder, RecordingId, Reporter, Task, Warning};
use guideway_schema::{FrameRow, IngestSummary, LabelRow, Rows, SensorRow, SignalRow, Sink, SourceError};

/// Rows pushed at once.
pub(crate) const BATCH_ROWS: usize = 8192;

/// The largest text file (labels of one image, calibration, YAML) that is read in one piece, bytes.
pub(crate) const MAX_TEXT_BYTES: u64 = 256 << 20;

/// Image file endings that are taken for frames.
const IMAGE_ENDINGS: &[&str] = &["jpg", "jpeg", "png", "bmp", "webp", "tif", "tiff", "gif"];

pub(crate) fn io_error(path: &Path, source: std::io::Error) -> SourceError {
    SourceError::Io {
        path: path.to_owned(),
        source,
    }
}

pub(crate) fn not_this_format(path: &Path, message: impl Into<String>) -> SourceError {
    SourceError::NotThisFormat {
        message: message.into(),
        hint: None,
        path: path.to_owned(),
    }
}

/// A file of a format that is known and not read, with what to do about it.
pub(crate) fn another_format(path: &Path, message: impl Into<String>, hint: impl Into<String>) -> SourceError {
    SourceError::NotThisFormat {
        message: message.into(),
        hint: Some(hint.into()),
        path: path.to_owned(),
    }
}

/// Does the file name end like an image?
pub(crate) fn is_image(path: &Path) -> bool {
    has_ending(path, IMAGE_ENDINGS)
}

/// Does the file name end in one of these (without dot, any case)?
pub(crate) fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| endings.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

/// The file name without its ending.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem()
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The last component, as text.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The path below `root`, with `/` between the parts on every system; the whole path where it lies elsewhere.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    below
        .components()
        .map(|c| c.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}

/// The absolute path, links resolved where the file exists.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    path.canonicalize()
        .or_else(|_missing| std::path::absolute(path))
        .unwrap_or_else(|_unknown| path.to_owned())
}

/// What a folder holds, sorted by name. Names that begin with a dot are left out.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|err| io_error(folder, err))? {
        let path = entry.map_err(|err| io_error(folder, err))?.path();
        if !file_name(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The files of a folder that `keep` accepts, sorted; nothing when the folder does not exist.
pub(crate) fn list_files(folder: &Path, keep: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, SourceError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    Ok(list(folder)?.into_iter().filter(|p| keep(p) && p.is_file()).collect())
}

/// The files below a folder that `keep` accepts, sorted by path. Goes at most eight folders deep, so that a link that
/// points upwards cannot make it go round for ever.
pub(crate) fn walk_files(folder: &Path, keep: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>, SourceError> {
    fn walk(
        folder: &Path,
        keep: &dyn Fn(&Path) -> bool,
        depth: usize,
        out: &mut Vec<PathBuf>,
    ) -> Result<(), SourceError> {
        for path in list(folder)? {
            if path.is_dir() {
                if depth < 8 {
                    walk(&path, keep, depth + 1, out)?;
                }
            } else if keep(&path) {
                out.push(path);
            }
        }
        Ok(())
    }
    let mut out = Vec::new();
    walk(folder, keep, 0, &mut out)?;
    Ok(out)
}

/// A text file of bounded size. Bytes that are not UTF-8 become U+FFFD, which no parser takes for a number.
pub(crate) fn read_text(path: &Path) -> Result<String, SourceError> {
    let file = File::open(path).map_err(|err| io_error(path, err))?;
    let length = file.metadata().map_err(|err| io_error(path, err))?.len();
    if length > MAX_TEXT_BYTES {
        return Err(SourceError::Unreadable {
            message: format!("a text file of {length} bytes is over the limit of {MAX_TEXT_BYTES}"),
            place: "the whole file".to_owned(),
            hint: Some("check that this is a label, calibration or list file".to_owned()),
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    file.take(MAX_TEXT_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|err| io_error(path, err))?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned()))
}

/// What an image's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImageHeader {
    pub(crate) media_type: &'static str,
    pub(crate) width: i64,
    pub(crate) height: i64,
}

/// Reads only the header of an image; what is wrong, in words, when it is none.
pub(crate) fn image_header(path: &Path) -> Result<ImageHeader, String> {
    let file = File::open(path).map_err(|err| format!("could not be opened: {err}"))?;
    let mut reader = BufReader::with_capacity(4096, file);
    let kind = imagesize::reader_type(&mut reader).map_err(|err| format!("is not an image: {err}"))?;
    let media_type = match kind {
        imagesize::ImageType::Jpeg => "image/jpeg",
        imagesize::ImageType::Png => "image/png",
        imagesize::ImageType::Webp => "image/webp",
        imagesize::ImageType::Bmp => "image/bmp",
        imagesize::ImageType::Gif => "image/gif",
        imagesize::ImageType::Tiff => "image/tiff",
        other => return Err(format!("is an image of a kind that is not read: {other:?}")),
    };
    let size = kind
        .reader_size(&mut reader)
        .map_err(|err| format!("has a broken header: {err}"))?;
    let (Ok(width), Ok(height)) = (i64::try_from(size.width), i64::try_from(size.height)) else {
        return Err("has an impossible size".to_owned());
    };
    if width == 0 || height == 0 {
        return Err(format!("has no pixels ({width}×{height})"));
    }
    Ok(ImageHeader {
        media_type,
        width,
        height,
    })
}

/// The media type that a file name promises.
pub(crate) fn media_type_of_name(path: &Path) -> &'static str {
    if has_ending(path, &["png"]) {
        "image/png"
    } else if has_ending(path, &["webp"]) {
        "image/webp"
    } else if has_ending(path, &["bmp"]) {
        "image/bmp"
    } else if has_ending(path, &["gif"]) {
        "image/gif"
    } else if has_ending(path, &["tif", "tiff"]) {
        "image/tiff"
    } else {
        "image/jpeg"
    }
}

/// A digest over what a dataset folder holds: for every file its relative path and length, and for labels, annotations and
/// calibration the content too. Absolute paths stay out, so a copy elsewhere is the same recording.
#[derive(Debug, Default)]
pub(crate) struct Fingerprint {
    hasher: blake3::Hasher,
    bytes: u64,
    files: u64,
}

impl Fingerprint {
    /// A file whose content is not hashed: images and point clouds.
    pub(crate) fn media(&mut self, name: &str, path: &Path) -> Result<(), SourceError> {
        let length = std::fs::metadata(path).map_err(|err| io_error(path, err))?.len();
        self.entry(b'm', name, length);
        Ok(())
    }

    /// A file whose content is hashed.
    pub(crate) fn content(&mut self, name: &str, path: &Path) -> Result<(), SourceError> {
        let mut file = File::open(path).map_err(|err| io_error(path, err))?;
        let mut inner = blake3::Hasher::new();
        let length = std::io::copy(&mut file, &mut inner).map_err(|err| io_error(path, err))?;
        self.hashed(name, length, inner.finalize().as_bytes());
        Ok(())
    }

    /// A file whose content was hashed already.
    pub(crate) fn hashed(&mut self, name: &str, length: u64, hash: &[u8; 32]) {
        self.entry(b'c', name, length);
        self.hasher.update(hash);
    }

    fn entry(&mut self, kind: u8, name: &str, length: u64) {
        self.hasher.update(&[kind]);
        self.hasher.update(&(name.len() as u64).to_le_bytes());
        self.hasher.update(name.as_bytes());
        self.hasher.update(&length.to_le_bytes());
        self.bytes = self.bytes.saturating_add(length);
        self.files += 1;
    }

    pub(crate) fn finish(&self, format: &str) -> Identity {
        let digest = self.hasher.finalize().to_hex().to_string();
        Identity {
            recording_id: IdBuilder::new("recording").text(format).text(&digest).finish(),
            digest,
            bytes: self.bytes,
            files: self.files,
        }
    }
}

/// Which recording a folder is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) recording_id: RecordingId,
    pub(crate) digest: String,
    /// Bytes on disk.
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

/// Collects rows into batches and warnings into counts.
///
/// Warnings of one code and one scope (a label file, or the whole dataset) become one, with the first place and the number of
/// times, so that a broken set of a million rows does not drown the user.
pub(crate) struct Emitter<'a> {
    sink: &'a mut dyn Sink,
    reporter: &'a dyn Reporter,
    task: Box<dyn Task>,
    frames: Vec<FrameRow>,
    labels: Vec<LabelRow>,
    signals: Vec<SignalRow>,
    warnings: BTreeMap<(String, &'static str), (String, String, u64)>,
    pub(crate) summary: IngestSummary,
}

impl<'a> Emitter<'a> {
    pub(crate) fn new(
        sink: &'a mut dyn Sink,
        reporter: &'a dyn Reporter,
        what: &str,
        total: Option<u64>,
        unit: &str,
    ) -> Self {
        Self {
            sink,
            reporter,
            task: reporter.begin(what, total, unit),
            frames: Vec::new(),
            labels: Vec::new(),
            signals: Vec::new(),
            warnings: BTreeMap::new(),
            summary: IngestSummary::default(),
        }
    }

    pub(crate) fn advance(&self, amount: u64) {
        self.task.advance(amount);
    }

    pub(crate) fn sensors(&mut self, rows: Vec<SensorRow>) -> Result<(), SourceError> {
        if !rows.is_empty() {
            self.sink.push(Rows::Sensors(rows))?;
        }
        Ok(())
    }

    pub(crate) fn frame(&mut self, row: FrameRow) -> Result<(), SourceError> {
        self.summary.frames += 1;
        self.frames.push(row);
        if self.frames.len() >= BATCH_ROWS {
            self.sink.push(Rows::Frames(std::mem::take(&mut self.frames)))?;
        }
        Ok(())
    }

    pub(crate) fn label(&mut self, row: LabelRow) -> Result<(), SourceError> {
        self.summary.labels += 1;
        self.labels.push(row);
        if self.labels.len() >= BATCH_ROWS {
            self.sink.push(Rows::Labels(std::mem::take(&mut self.labels)))?;
        }
        Ok(())
    }

    pub(crate) fn signal(&mut self, row: SignalRow) -> Result<(), SourceError> {
        self.summary.signals += 1;
        self.signals.push(row);
        if self.signals.len() >= BATCH_ROWS {
            self.sink.push(Rows::Signals(std::mem::take(&mut self.signals)))?;
        }
        Ok(())
    }

    /// Counts something that was left out or is damaged.
    pub(crate) fn damage(&mut self, code: &'static str, scope: &str, location: String, message: impl Into<String>) {
        self.summary.damaged += 1;
        self.note(code, scope, location, message);
    }

    /// Counts something odd that lost nothing.
    pub(crate) fn note(&mut self, code: &'static str, scope: &str, location: String, message: impl Into<String>) {
        self.warnings
            .entry((scope.to_owned(), code))
            .or_insert_with(|| (message.into(), location, 0))
            .2 += 1;
    }

    /// Hands the warnings of one scope on.
    pub(crate) fn close_scope(&mut self, scope: &str) {
        let after = self.warnings.split_off(&(scope.to_owned(), ""));
        for ((of, code), (message, location, count)) in after {
            if of == scope {
                self.reporter.warn(Warning {
                    code: code.to_owned(),
                    message,
                    location,
                    count,
                });
            } else {
                self.warnings.insert((of, code), (message, location, count));
            }
        }
    }

    /// Pushes what is left, hands on every warning, and pushes the recording's row last.
    pub(crate) fn finish(mut self, mut recording: guideway_schema::RecordingRow) -> Result<IngestSummary, SourceError> {
        for ((_, code), (message, location, count)) in std::mem::take(&mut self.warnings) {
            self.reporter.warn(Warning {
                code: code.to_owned(),
                message,
                location,
                count,
            });
        }
        for rows in [
            Rows::Frames(std::mem::take(&mut self.frames)),
            Rows::Labels(std::mem::take(&mut self.labels)),
            Rows::Signals(std::mem::take(&mut self.signals)),
        ] {
            if !rows.is_empty() {
                self.sink.push(rows)?;
            }
        }
        recording.frame_count = count(self.summary.frames);
        recording.label_count = count(self.summary.labels);
        recording.damage_count = count(self.summary.damaged);
        self.sink.push(Rows::Recordings(vec![recording]))?;
        Ok(self.summary)
    }
}

/// A count as the tables hold it.
pub(crate) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The class of guideway's taxonomy for a class of a data set, or the set's own name where no mapping applies.
pub(crate) fn canonical_class(dataset: &str, source_class: &str) -> String {
    Taxonomy::builtin()
        .canonical(dataset, source_class)
        .unwrap_or(source_class)
        .to_owned()
}

/// The usual name of a split: `train`, `val`, `test`; anything else as it is, in lower case.
pub(crate) fn split_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "train" | "training" => "train".to_owned(),
        "val" | "valid" | "validation" | "minival" => "val".to_owned(),
        "test" | "testing" | "test-dev" => "test".to_owned(),
        _ => lower,
    }
}

/// The split that a file or folder name tells of (`instances_val2017`, `valid`), if it does.
pub(crate) fn split_in_name(name: &str) -> Option<String> {
    name.split(|c: char| !c.is_ascii_alphabetic())
        .map(split_name)
        .find(|word| matches!(word.as_str(), "train" | "val" | "test"))
}

/// A JSON object as the tables hold it: `None` when it is empty.
pub(crate) fn json_object(map: serde_json::Map<String, serde_json::Value>) -> Option<String> {
    (!map.is_empty()).then(|| serde_json::Value::Object(map).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_found_in_names() {
        assert_eq!(split_in_name("instances_val2017").as_deref(), Some("val"));
        assert_eq!(split_in_name("valid").as_deref(), Some("val"));
        assert_eq!(
            split_in_name("instances_from_panoptic_train2017").as_deref(),
            Some("train")
        );
        assert_eq!(split_in_name("annotations"), None);
        assert_eq!(split_in_name("latest"), None);
    }

    #[test]
    fn a_fingerprint_sees_names_lengths_and_content() -> Result<(), SourceError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.txt");
        let digest = |name: &str, text: &str, hashed: bool| -> Result<String, SourceError> {
            std::fs::write(&path, text).map_err(|err| io_error(&path, err))?;
            let mut print = Fingerprint::default();
            if hashed {
                print.content(name, &path)?;
            } else {
                print.media(name, &path)?;
            }
            Ok(print.finish("x").digest)
        };
        assert_ne!(digest("a", "1", true)?, digest("a", "2", true)?);
        assert_eq!(digest("a", "1", false)?, digest("a", "2", false)?);
        assert_ne!(digest("a", "1", false)?, digest("a", "22", false)?);
        assert_ne!(digest("a", "1", false)?, digest("b", "1", false)?);
        Ok(())
    }
}
