//! Finds out what lies at a path.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use guideway_core::Hint;
use guideway_core::hint::closest;
use guideway_schema::{Source, SourceError};
use thiserror::Error;

use crate::coco::{CocoOptions, CocoSource, Sniffed, sniff};
use crate::files::{another_format, file_name, has_ending, list, not_this_format};
use crate::kitti::{KittiObjectSource, KittiTrackingSource, looks_like_kitti_object, looks_like_kitti_tracking};
use crate::mcap::McapSource;
use crate::yolo::{YoloSource, is_yolo_yaml};

/// A format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// MCAP logs, those of ROS 2 bags included.
    Mcap,
    /// KITTI's object benchmark.
    KittiObject,
    /// KITTI's tracking benchmark.
    KittiTracking,
    /// COCO instances.
    Coco,
    /// YOLO with a `data.yaml`.
    Yolo,
}

impl Format {
    /// Every format.
    pub const ALL: &'static [Self] = &[
        Self::Mcap,
        Self::KittiObject,
        Self::KittiTracking,
        Self::Coco,
        Self::Yolo,
    ];

    /// Its short name, as on the command line and in `recordings.format`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mcap => "mcap",
            Self::KittiObject => "kitti-object",
            Self::KittiTracking => "kitti-tracking",
            Self::Coco => "coco",
            Self::Yolo => "yolo",
        }
    }

    /// What it is recognised by.
    fn sign(self) -> &'static str {
        match self {
            Self::Mcap => "MCAP files (magic bytes, *.mcap)",
            Self::KittiObject => "KITTI object (image_2, label_2)",
            Self::KittiTracking => "KITTI tracking (image_02, label_02)",
            Self::Coco => "COCO (a JSON file with images, annotations and categories)",
            Self::Yolo => "YOLO (a YAML file with names and train, val or test)",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A format name that is not known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown format `{name}`; the formats are {known}")]
pub struct UnknownFormat {
    /// The name.
    pub name: String,
    /// The names that are known.
    pub known: &'static str,
    /// The one that may be meant.
    pub closest: Option<&'static str>,
}

impl Hint for UnknownFormat {
    fn hint(&self) -> Option<String> {
        self.closest.map(|name| format!("did you mean `{name}`?"))
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .iter()
            .copied()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat {
                name: name.to_owned(),
                known: "mcap, kitti-object, kitti-tracking, coco, yolo",
                closest: closest(name, Self::ALL.iter().map(|f| f.name())),
            })
    }
}

/// How to look.
#[derive(Debug, Clone, Default)]
pub struct DiscoverOptions {
    /// Only this format; found by looking when not given.
    pub format: Option<Format>,
    /// Where the images of a COCO set lie; found beside the annotations when not given.
    pub images: Option<PathBuf>,
    /// Make rows of a log's ground truth too, see [`McapSource::with_ground_truth`].
    pub with_ground_truth: bool,
}

/// The recordings at a path, in the order of their paths.
///
/// A file is recognised by its first bytes or keys, a folder by what it holds. A folder of several recordings (logs, KITTI
/// sequences, `training` beside `testing`) gives them all; a folder that is none itself is searched three levels deep. A folder
/// that is two things at once needs a format.
///
/// Errors: [`SourceError::NotThisFormat`] where nothing is found, naming what was looked for and what is there;
/// [`SourceError::Io`] where the path cannot be read; that of the first recording that cannot be opened.
pub fn discover(path: &Path, format: Option<Format>) -> Result<Vec<Box<dyn Source>>, SourceError> {
    discover_with(
        path,
        &DiscoverOptions {
            format,
            ..DiscoverOptions::default()
        },
    )?
    .into_iter()
    .map(|found| found.opened)
    .collect()
}

/// What was found at a path.
pub struct Discovered {
    /// The file or folder.
    pub path: PathBuf,
    /// The recording, or why it cannot be opened.
    pub opened: Result<Box<dyn Source>, SourceError>,
}

/// The same, with all options. What cannot be opened stands among the rest, so that one bad file in a folder costs only itself.
pub fn discover_with(path: &Path, options: &DiscoverOptions) -> Result<Vec<Discovered>, SourceError> {
    let metadata = std::fs::metadata(path).map_err(|source| SourceError::Io {
        path: path.to_owned(),
        source,
    })?;
    let found = if metadata.is_dir() {
        let mut seen = Vec::new();
        let found = in_folder(path, options.format, 0, &mut seen)?;
        if found.is_empty() {
            return Err(nothing_found(path, options.format, &seen));
        }
        found
    } else {
        let format = match options.format {
            Some(format) => format,
            None => format_of_file(path)?,
        };
        vec![(format, path.to_owned())]
    };
    let mut all = Vec::new();
    for (format, path) in found {
        match open(format, &path, options) {
            Ok(sources) => all.extend(sources.into_iter().map(|source| Discovered {
                path: path.clone(),
                opened: Ok(source),
            })),
            Err(err) => all.push(Discovered { path, opened: Err(err) }),
        }
    }
    Ok(all)
}

fn open(format: Format, path: &Path, options: &DiscoverOptions) -> Result<Vec<Box<dyn Source>>, SourceError> {
    Ok(match format {
        Format::Mcap => {
            let source = McapSource::open(path)?;
            vec![Box::new(source.with_ground_truth(options.with_ground_truth))]
        }
        Format::KittiObject => vec![Box::new(KittiObjectSource::open(path)?)],
        Format::KittiTracking => {
            let sources = KittiTrackingSource::open_all(path)?;
            sources.into_iter().map(|source| Box::new(source) as _).collect()
        }
        Format::Coco => {
            let coco = CocoOptions {
                images: options.images.clone(),
            };
            vec![Box::new(CocoSource::open(path, &coco)?)]
        }
        Format::Yolo => vec![Box::new(YoloSource::open(path)?)],
    })
}

/// The first bytes of an MCAP file.
const MCAP_MAGIC: &[u8] = b"\x89MCAP0\r\n";

fn starts_with(path: &Path, magic: &[u8]) -> Result<bool, SourceError> {
    let io = |source| SourceError::Io {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(io)?
        .take(magic.len() as u64)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    Ok(bytes == magic)
}

fn format_of_file(path: &Path) -> Result<Format, SourceError> {
    // A log whose first bytes are damaged is still a log: its reader says what is wrong.
    if has_ending(path, &["mcap"]) || starts_with(path, MCAP_MAGIC)? {
        return Ok(Format::Mcap);
    }
    if has_ending(path, &["json"]) {
        let file = File::open(path).map_err(|source| SourceError::Io {
            path: path.to_owned(),
            source,
        })?;
        return match sniff(file) {
            Sniffed::Instances => Ok(Format::Coco),
            Sniffed::OtherCoco(kind) => Err(another_format(
                path,
                format!("a COCO file, but not one of instances ({kind})"),
                "give the file whose annotations have boxes, such as instances_val2017.json",
            )),
            Sniffed::NotCoco => Err(another_format(
                path,
                "a JSON file that is not COCO instances: looked for images, annotations and categories",
                "give a file with those three arrays, or a folder of logs or labels",
            )),
        };
    }
    if has_ending(path, &["yaml", "yml"]) {
        // Opened as YOLO, so that the error says which key is missing.
        return Ok(Format::Yolo);
    }
    if starts_with(path, b"#ROSBAG V2.0")? {
        return Err(another_format(
            path,
            "a ROS 1 bag",
            "convert it: `mcap convert drive.bag drive.mcap`",
        ));
    }
    if starts_with(path, b"SQLite format 3\0")? {
        return Err(another_format(
            path,
            "a SQLite file, as older ROS 2 bags are",
            "convert the bag to MCAP with `ros2 bag convert`",
        ));
    }
    let signs: Vec<&str> = Format::ALL.iter().map(|f| f.sign()).collect();
    Err(not_this_format(
        path,
        format!("not a format that is known; looked for {}", signs.join(", ")),
    ))
}

/// How deep a folder that is no recording itself is searched.
const MAX_DEPTH: usize = 3;

type Found = Vec<(Format, PathBuf)>;

fn in_folder(folder: &Path, only: Option<Format>, depth: usize, seen: &mut Vec<String>) -> Result<Found, SourceError> {
    let entries = list(folder)?;
    if depth == 0 {
        seen.extend(entries.iter().map(|p| {
            let mut name = file_name(p);
            if p.is_dir() {
                name.push('/');
            }
            name
        }));
    }
    let mut kinds: Vec<(Format, Vec<PathBuf>)> = Vec::new();
    for format in Format::ALL
        .iter()
        .copied()
        .filter(|f| only.is_none_or(|only| only == *f))
    {
        let paths = directly(folder, &entries, format);
        if !paths.is_empty() {
            kinds.push((format, paths));
        }
    }
    if kinds.len() > 1 {
        let names: Vec<String> = kinds
            .iter()
            .map(|(format, paths)| {
                let first = paths.first().map(|p| file_name(p)).unwrap_or_default();
                format!("{format} ({first})")
            })
            .collect();
        return Err(another_format(
            folder,
            format!("several formats in one folder: {}", names.join(", ")),
            "say which with --format, or name the files",
        ));
    }
    if let Some((format, paths)) = kinds.pop() {
        return Ok(paths.into_iter().map(|path| (format, path)).collect());
    }
    let mut found = Vec::new();
    if depth < MAX_DEPTH {
        for entry in entries.iter().filter(|p| p.is_dir()) {
            found.extend(in_folder(entry, only, depth + 1, seen)?);
        }
    }
    Ok(found)
}

/// What of one format lies in a folder itself.
fn directly(folder: &Path, entries: &[PathBuf], format: Format) -> Vec<PathBuf> {
    let files = |keep: &dyn Fn(&Path) -> bool| -> Vec<PathBuf> {
        entries.iter().filter(|p| keep(p) && p.is_file()).cloned().collect()
    };
    let own_or_parts = |is: &dyn Fn(&Path) -> bool| -> Vec<PathBuf> {
        if is(folder) {
            return vec![folder.to_owned()];
        }
        ["testing", "training"]
            .iter()
            .map(|name| folder.join(name))
            .filter(|p| is(p))
            .collect()
    };
    match format {
        Format::Mcap => files(&|p| has_ending(p, &["mcap"])),
        Format::KittiObject => own_or_parts(&looks_like_kitti_object),
        Format::KittiTracking => own_or_parts(&looks_like_kitti_tracking),
        Format::Yolo => {
            let all = files(&is_yolo_yaml);
            // Beside the usual name, others are variants of the same set.
            let usual = ["data.yaml", "dataset.yaml"];
            match usual.iter().find_map(|name| all.iter().find(|p| file_name(p) == *name)) {
                Some(path) => vec![path.clone()],
                None => all,
            }
        }
        Format::Coco => {
            let is_coco = |path: &Path| {
                has_ending(path, &["json"]) && File::open(path).is_ok_and(|file| sniff(file) == Sniffed::Instances)
            };
            // The one file for everything makes the files of its splits redundant.
            let whole = folder.join("annotations.json");
            if is_coco(&whole) {
                return vec![whole];
            }
            let mut found = files(&is_coco);
            let below = folder.join("annotations");
            if below.is_dir() {
                found.extend(list(&below).unwrap_or_default().into_iter().filter(|p| is_coco(p)));
            }
            found
        }
    }
}

fn nothing_found(path: &Path, only: Option<Format>, seen: &[String]) -> SourceError {
    let looked = match only {
        Some(format) => format.sign().to_owned(),
        None => Format::ALL.iter().map(|f| f.sign()).collect::<Vec<_>>().join(", "),
    };
    let there = match seen.len() {
        0 => "the folder is empty".to_owned(),
        n if n <= 6 => format!("found only {}", seen.join(", ")),
        n => format!(
            "found {} and {} more",
            seen.iter().take(5).cloned().collect::<Vec<_>>().join(", "),
            n - 5
        ),
    };
    not_this_format(path, format!("nothing that can be read: looked for {looked}; {there}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(*format));
        }
        let err = "kiti-object".parse::<Format>().expect_err("unknown");
        assert_eq!(err.hint().as_deref(), Some("did you mean `kitti-object`?"));
    }
}
