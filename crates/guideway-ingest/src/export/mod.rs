//! Writes samples as a folder that other tools read.

mod coco;
mod kitti;
mod staging;
mod yolo;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use guideway_core::hint::{closest, for_io};
use guideway_core::{BBox, Hint, Reporter, Warning};
use guideway_schema::{LabelRow, SensorRow};
use thiserror::Error;

use crate::discover::UnknownFormat;
use staging::Staging;

/// One image with its labels, free of any table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExportSample {
    /// Name of the image; the file is named after it, made unique where it must be.
    pub name: String,
    /// The split that it belongs to, if any.
    pub split: Option<String>,
    /// The encoded image, written as it is.
    pub media: Vec<u8>,
    /// `image/jpeg`, `image/png`, ….
    pub media_type: String,
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// The labels. Boxes and masks are in pixels of this image.
    pub labels: Vec<LabelRow>,
    /// The camera, where its calibration is known: KITTI's cuboids need it.
    pub camera: Option<SensorRow>,
}

/// A format that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExportFormat {
    /// `annotations.json`, `images/`; with several splits also `instances_SPLIT.json`.
    Coco,
    /// `data.yaml`, `images/SPLIT/`, `labels/SPLIT/`.
    Yolo,
    /// `training/{image_2,label_2,calib}`, `ImageSets/SPLIT.txt`, and `names.csv` with the original names.
    Kitti,
}

impl ExportFormat {
    /// Every format.
    pub const ALL: &'static [Self] = &[Self::Coco, Self::Yolo, Self::Kitti];

    /// Its short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coco => "coco",
            Self::Yolo => "yolo",
            Self::Kitti => "kitti",
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ExportFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .iter()
            .copied()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat {
                name: name.to_owned(),
                known: "coco, yolo, kitti",
                closest: closest(name, Self::ALL.iter().map(|f| f.name())),
            })
    }
}

/// How to write.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// Replace a target that holds something.
    pub force: bool,
    /// The classes in the order of their numbers; classes that are not listed come after them, in the order they are met.
    pub classes: Vec<String>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportSummary {
    /// Samples written.
    pub samples: u64,
    /// Labels written.
    pub labels: u64,
    /// Samples and labels that the format cannot hold.
    pub left_out: u64,
    /// The classes, in the order of their numbers.
    pub classes: Vec<String>,
    /// What the format could not hold, one for each kind. They were given to the reporter too.
    pub warnings: Vec<Warning>,
}

/// An export that could not be done. The target is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The target holds something.
    #[error("the target is not empty: {}", path.display())]
    NotEmpty {
        /// The target.
        path: PathBuf,
    },
    /// The target is a file.
    #[error("the target is a file, not a folder: {}", path.display())]
    NotAFolder {
        /// The target.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("could not write {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A sample could not be had.
    #[error("could not read sample {index} for the export")]
    Sample {
        /// Its number, from 0.
        index: u64,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A row could not be written as JSON.
    #[error("could not write {} as JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl Hint for ExportError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotEmpty { .. } => Some("name an empty or new folder, or replace this one with --force".to_owned()),
            Self::NotAFolder { .. } => Some("name a folder".to_owned()),
            Self::Io { source, .. } => {
                for_io(source).or_else(|| Some("check the disk; the target is as it was".to_owned()))
            }
            Self::Sample { .. } => Some("`guideway doctor --deep` says whether the dataset is whole".to_owned()),
            Self::Json { .. } => Some("check the disk; the target is as it was".to_owned()),
        }
    }
}

/// Writes samples in a format, one sample in memory at a time.
///
/// Everything goes into a folder beside the target first, which takes the target's name when it is complete: a stop half-way leaves
/// no half export. What the format cannot hold (masks in YOLO, cuboids in COCO) is counted, told to the reporter and listed
/// in the summary.
pub fn export<I, E>(
    format: ExportFormat,
    target: &Path,
    samples: I,
    options: &ExportOptions,
    reporter: &dyn Reporter,
) -> Result<ExportSummary, ExportError>
where
    I: IntoIterator<Item = Result<ExportSample, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let staging = Staging::begin(target, options.force)?;
    let root = staging.path().to_owned();
    let mut book = Book::new(options);
    let mut writer: Box<dyn Writer> = match format {
        ExportFormat::Coco => Box::new(coco::CocoWriter::begin(&root)?),
        ExportFormat::Yolo => Box::new(yolo::YoloWriter::begin(&root)),
        ExportFormat::Kitti => Box::new(kitti::KittiWriter::begin(&root)),
    };
    let task = reporter.begin(&format!("writing {format} to {}", target.display()), None, "samples");
    for (index, sample) in samples.into_iter().enumerate() {
        let sample = sample.map_err(|err| ExportError::Sample {
            index: index as u64,
            source: err.into(),
        })?;
        let Some(ending) = ending_of(&sample.media_type) else {
            let text = format!(
                "media that is no image ({}) was left out with its labels",
                sample.media_type
            );
            book.left_out("not-an-image", &sample.name, text, 1 + sample.labels.len() as u64);
            continue;
        };
        if sample.width == 0 || sample.height == 0 {
            let text = "images of unknown size were left out with their labels".to_owned();
            book.left_out("no-size", &sample.name, text, 1 + sample.labels.len() as u64);
            continue;
        }
        writer.sample(&sample, ending, &mut book)?;
        book.summary.samples += 1;
        task.advance(1);
    }
    writer.finish(&mut book)?;
    staging.commit()?;
    Ok(book.close(reporter))
}

/// Is media of this kind and size written? What is not gets no number: numbers of images count what is written.
pub fn is_written(media_type: &str, width: u32, height: u32) -> bool {
    ending_of(media_type).is_some() && width > 0 && height > 0
}

/// One format.
trait Writer {
    fn sample(&mut self, sample: &ExportSample, ending: &str, book: &mut Book) -> Result<(), ExportError>;
    fn finish(&mut self, book: &mut Book) -> Result<(), ExportError>;
}

/// Classes, names and what was left out.
struct Book {
    summary: ExportSummary,
    numbers: BTreeMap<String, usize>,
    names: BTreeSet<String>,
    notes: BTreeMap<&'static str, (String, String, u64)>,
}

impl Book {
    fn new(options: &ExportOptions) -> Self {
        let mut book = Self {
            summary: ExportSummary::default(),
            numbers: BTreeMap::new(),
            names: BTreeSet::new(),
            notes: BTreeMap::new(),
        };
        for class in &options.classes {
            book.class(class);
        }
        book
    }

    /// The number of a class, from 0.
    fn class(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.summary.classes.len();
        self.summary.classes.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// A file name (without ending) for a sample: the stem of its name, safe on every system, unique within `folder`.
    fn file_stem(&mut self, folder: &str, name: &str) -> String {
        let stem = Path::new(name)
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut safe: String = stem
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') {
                    c
                } else {
                    '_'
                }
            })
            .take(120)
            .collect();
        if safe.trim_matches('.').is_empty() {
            "image".clone_into(&mut safe);
        }
        let mut unique = safe.clone();
        let mut again = 1u64;
        // Some file systems do not tell upper from lower case.
        while !self.names.insert(format!("{folder}/{}", unique.to_lowercase())) {
            again += 1;
            unique = format!("{safe}-{again}");
        }
        unique
    }

    /// Something that the format cannot hold; the label itself is written.
    fn note(&mut self, code: &'static str, place: &str, message: String) {
        self.notes
            .entry(code)
            .or_insert_with(|| (message, place.to_owned(), 0))
            .2 += 1;
    }

    /// Labels or samples that are not written.
    fn left_out(&mut self, code: &'static str, place: &str, message: String, count: u64) {
        self.note(code, place, message);
        self.summary.left_out += count;
    }

    fn close(mut self, reporter: &dyn Reporter) -> ExportSummary {
        for (code, (message, location, count)) in self.notes {
            let warning = Warning {
                code: code.to_owned(),
                message,
                location,
                count,
            };
            reporter.warn(warning.clone());
            self.summary.warnings.push(warning);
        }
        self.summary
    }
}

/// The file ending of an image's media type.
fn ending_of(media_type: &str) -> Option<&'static str> {
    Some(match media_type {
        "image/jpeg" | "image/jpg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "image/bmp" => "bmp",
        "image/gif" => "gif",
        "image/tiff" => "tif",
        _ => return None,
    })
}

/// The box of a label, if it has one with finite edges that are not inside out.
fn box_of(label: &LabelRow) -> Option<BBox> {
    let bbox = BBox::new(label.x_min?, label.y_min?, label.x_max?, label.y_max?);
    let finite = [bbox.x_min, bbox.y_min, bbox.x_max, bbox.y_max]
        .iter()
        .all(|v| v.is_finite());
    (finite && bbox.width() >= 0.0 && bbox.height() >= 0.0).then_some(bbox)
}

/// A split's name as a file or folder name.
fn safe_split(split: &str) -> String {
    let safe: String = split
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .take(60)
        .collect();
    if safe.is_empty() { "split".to_owned() } else { safe }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    std::fs::write(path, bytes).map_err(|source| ExportError::Io {
        path: path.to_owned(),
        source,
    })
}

fn make_folder(path: &Path) -> Result<(), ExportError> {
    std::fs::create_dir_all(path).map_err(|source| ExportError::Io {
        path: path.to_owned(),
        source,
    })
}
