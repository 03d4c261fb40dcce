//! The reader of YOLO sets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use guideway_core::mask::Rle;
use guideway_core::{Clock, FrameId, IdBuilder, LabelId, RecordingId, Reporter, SensorId};
use guideway_schema::{FrameRow, IngestSummary, LabelRow, RecordingRow, SensorRow, Sink, Source, SourceError};
use serde_json::{Map, json};

use super::{YoloConfig, YoloLabel, YoloShape, parse_yolo_config, parse_yolo_label};
use crate::files::{
    Emitter, Fingerprint, Identity, absolute, canonical_class, count, file_name, has_ending, image_header, is_image,
    json_object, list, not_this_format, read_text, relative, walk_files,
};

/// One YOLO set, named by its `data.yaml`, as a collection.
///
/// Boxes come out in pixels, polygons also as masks. Places in the YAML are looked for relative to `path`, then to the YAML file,
/// then by what remains of them below the YAML file (`../train/images` and `/content/set/train/images` both find
/// `train/images`). Labels are looked for in `labels` for `images`, in the one sibling folder whose name ends so, and beside
/// the image. An image without a label file is background.
#[derive(Debug)]
pub struct YoloSource {
    path: PathBuf,
    scan: Option<Scan>,
}

#[derive(Debug)]
struct Entry {
    image: PathBuf,
    /// Path below the set: the frame's name.
    name: String,
    labels: Option<PathBuf>,
    split: String,
}

#[derive(Debug)]
struct Scan {
    identity: Identity,
    config: YoloConfig,
    entries: Vec<Entry>,
    /// Code, place, message, and whether something is lost.
    problems: Vec<(&'static str, String, String, bool)>,
}

impl YoloSource {
    /// A `data.yaml`. It is parsed at once, so that a file of another kind is refused here.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        if !path.is_file() {
            return Err(not_this_format(
                path,
                "a YOLO set is named by its YAML file, and this is none",
            ));
        }
        let path = absolute(path);
        read_config(&path)?;
        Ok(Self { path, scan: None })
    }

    fn scan(&mut self) -> Result<&Scan, SourceError> {
        if self.scan.is_none() {
            self.scan = Some(Scan::of(&self.path)?);
        }
        self.scan
            .as_ref()
            .ok_or_else(|| not_this_format(&self.path, "the folder was not listed"))
    }
}

fn read_config(path: &Path) -> Result<YoloConfig, SourceError> {
    parse_yolo_config(&read_text(path)?).map_err(|err| SourceError::Unreadable {
        message: err.to_string(),
        place: match &err {
            super::YoloConfigError::Yaml { line, .. } => format!("line {line}"),
            super::YoloConfigError::Value { key, .. } => format!("key {key}"),
            super::YoloConfigError::Missing { .. } => "top level".to_owned(),
        },
        hint: Some("a YOLO set's YAML needs `names` and at least one of `train`, `val`, `test`".to_owned()),
        path: path.to_owned(),
    })
}

/// Where a place in the YAML is; the second value says that it was not where the YAML says.
fn resolve(place: &str, bases: &[PathBuf], home: &Path) -> Option<(PathBuf, bool)> {
    for base in bases {
        let literal = base.join(place);
        if literal.exists() {
            return Some((literal, false));
        }
    }
    let parts: Vec<&std::ffi::OsStr> = Path::new(place)
        .components()
        .filter_map(|c| match c {
            Component::Normal(part) => Some(part),
            _ => None,
        })
        .collect();
    for skip in 0..parts.len() {
        let rest: PathBuf = parts.iter().skip(skip).collect();
        let candidate = home.join(&rest);
        if candidate.exists() {
            return Some((candidate, true));
        }
    }
    // Exporters write `valid` into the YAML and `val` onto the disk, or the other way round.
    let swapped: PathBuf = parts
        .iter()
        .map(|part| match part.to_str() {
            Some("valid") => std::ffi::OsStr::new("val"),
            Some("val") => std::ffi::OsStr::new("valid"),
            _ => part,
        })
        .collect();
    let candidate = home.join(swapped);
    (!parts.is_empty() && candidate.exists()).then_some((candidate, true))
}

/// The folder with the labels of the images in `folder`; the second value says that its name is not the usual one.
fn label_folder(folder: &Path) -> (PathBuf, bool) {
    let parts: Vec<Component<'_>> = folder.components().collect();
    let Some(at) = parts.iter().rposition(|c| c.as_os_str() == "images") else {
        return (folder.to_owned(), false);
    };
    let prefix: PathBuf = parts.iter().take(at).collect();
    let suffix: PathBuf = parts.iter().skip(at + 1).collect();
    let usual = prefix.join("labels").join(&suffix);
    if usual.is_dir() {
        return (usual, false);
    }
    let others: Vec<PathBuf> = list(&prefix)
        .unwrap_or_default()
        .into_iter()
        .filter(|p| file_name(p).ends_with("labels"))
        .map(|p| p.join(&suffix))
        .filter(|p| p.is_dir())
        .collect();
    match others.as_slice() {
        [one] => (one.clone(), true),
        _ => (folder.to_owned(), false),
    }
}

impl Scan {
    fn of(path: &Path) -> Result<Self, SourceError> {
        let config = read_config(path)?;
        let home = path.parent().unwrap_or(Path::new(".")).to_owned();
        let mut bases = Vec::new();
        if let Some(base) = &config.path {
            bases.push(home.join(base));
        }
        bases.push(home.clone());
        let mut scan = Self {
            identity: Fingerprint::default().finish("yolo"),
            entries: Vec::new(),
            problems: Vec::new(),
            config: YoloConfig::default(),
        };
        for note in &config.notes {
            scan.problems
                .push(("odd-yaml", path.display().to_string(), note.clone(), false));
        }
        let mut seen = BTreeSet::new();
        let mut names = BTreeSet::new();
        let mut folders: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        for (split, places) in &config.splits {
            for place in places {
                let Some((found, moved)) = resolve(place, &bases, &home) else {
                    scan.problems.push((
                        "missing-split",
                        format!("{}: {split}", path.display()),
                        format!("`{place}` is nowhere to be found; its images were left out"),
                        true,
                    ));
                    continue;
                };
                if moved {
                    scan.problems.push((
                        "moved-split",
                        format!("{}: {split}", path.display()),
                        format!("`{place}` is not there; {} was taken instead", relative(&home, &found)),
                        false,
                    ));
                }
                for image in scan.images(&found, &bases)? {
                    if !seen.insert(absolute(&image)) {
                        scan.problems.push((
                            "image-in-two-splits",
                            image.display().to_string(),
                            "images stand in more than one split; the first counts".to_owned(),
                            false,
                        ));
                        continue;
                    }
                    scan.add(&image, split, &bases, &mut names, &mut folders);
                }
            }
        }
        let mut print = Fingerprint::default();
        print.content("data.yaml", path)?;
        for entry in &scan.entries {
            print.media(&format!("{}/{}", entry.split, entry.name), &entry.image)?;
            if let Some(labels) = &entry.labels {
                print.content(&format!("{}/{}.labels", entry.split, entry.name), labels)?;
            }
        }
        scan.identity = print.finish("yolo");
        scan.config = config;
        Ok(scan)
    }

    /// The images of one place: a folder, a list or a single image.
    fn images(&mut self, place: &Path, bases: &[PathBuf]) -> Result<Vec<PathBuf>, SourceError> {
        if place.is_dir() {
            return walk_files(place, &is_image);
        }
        if is_image(place) {
            return Ok(vec![place.to_owned()]);
        }
        let near = place.parent().unwrap_or(Path::new(".")).to_owned();
        let mut out = Vec::new();
        for (index, line) in read_text(place)?.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let mut tried = std::iter::once(&near).chain(bases).map(|base| base.join(line));
            match tried.find(|p| p.is_file()) {
                Some(image) => out.push(image),
                None => self.problems.push((
                    "missing-image",
                    format!("{}:{}", place.display(), index + 1),
                    "listed images do not exist; they were left out with their labels".to_owned(),
                    true,
                )),
            }
        }
        Ok(out)
    }

    fn add(
        &mut self,
        image: &Path,
        split: &str,
        bases: &[PathBuf],
        names: &mut BTreeSet<String>,
        folders: &mut BTreeMap<PathBuf, PathBuf>,
    ) {
        let image = absolute(image);
        let parent = image.parent().unwrap_or(Path::new(".")).to_owned();
        let folder = folders.entry(parent).or_insert_with_key(|parent| {
            let (folder, odd) = label_folder(parent);
            if odd {
                self.problems.push((
                    "odd-label-folder",
                    folder.display().to_string(),
                    "labels were not in `labels`, but in a folder with another name".to_owned(),
                    false,
                ));
            }
            folder
        });
        let labels = image
            .file_stem()
            .map(|stem| {
                let mut name = stem.to_owned();
                name.push(".txt");
                folder.join(name)
            })
            .filter(|p| p.is_file());
        let below = bases
            .iter()
            .rev()
            .find_map(|base| image.strip_prefix(absolute(base)).ok());
        // Images elsewhere go by split and name, so that no absolute path gets into an id.
        let base_name = below.map_or_else(
            || format!("{split}/{}", file_name(&image)),
            |p| relative(Path::new(""), p),
        );
        let mut name = base_name.clone();
        let mut again = 1;
        while !names.insert(name.clone()) {
            again += 1;
            name = format!("{base_name}#{again}");
        }
        self.entries.push(Entry {
            image,
            name,
            labels,
            split: split.to_owned(),
        });
    }
}

/// Largest side of an image whose polygons become masks, px.
const MAX_MASK_SIDE: i64 = 1 << 16;

impl Source for YoloSource {
    fn format(&self) -> &'static str {
        "yolo"
    }

    fn uri(&self) -> String {
        guideway_core::uri::from_path(&self.path)
    }

    fn size_bytes(&self) -> u64 {
        self.scan.as_ref().map_or(0, |s| s.identity.bytes)
    }

    fn recording_id(&mut self) -> Result<RecordingId, SourceError> {
        Ok(self.scan()?.identity.recording_id.clone())
    }

    fn read(&mut self, sink: &mut dyn Sink, reporter: &dyn Reporter) -> Result<IngestSummary, SourceError> {
        let uri = self.uri();
        let path = self.path.clone();
        let scan = self.scan()?;
        let scope = path.display().to_string();
        let recording = scan.identity.recording_id.as_str().to_owned();
        let sensor_id: SensorId = IdBuilder::new("sensor").text(&recording).text("images").finish();
        let mut out = Emitter::new(
            sink,
            reporter,
            &format!("reading {scope}"),
            Some(scan.entries.len() as u64),
            "images",
        );
        for (code, place, message, lost) in &scan.problems {
            if *lost {
                out.damage(code, &scope, place.clone(), message.clone());
            } else {
                out.note(code, &scope, place.clone(), message.clone());
            }
        }
        out.sensors(vec![SensorRow {
            sensor_id: sensor_id.as_str().to_owned(),
            recording_id: recording.clone(),
            name: "images".to_owned(),
            modality: "camera".to_owned(),
            ..SensorRow::default()
        }])?;
        for (sequence, entry) in scan.entries.iter().enumerate() {
            let frame_id: FrameId = IdBuilder::new("frame").text(&recording).text(&entry.name).finish();
            let header = image_header(&entry.image);
            let mut row = FrameRow {
                frame_id: frame_id.as_str().to_owned(),
                recording_id: recording.clone(),
                sensor_id: sensor_id.as_str().to_owned(),
                modality: "camera".to_owned(),
                sequence: i64::try_from(sequence).unwrap_or(i64::MAX),
                name: entry.name.clone(),
                uri: guideway_core::uri::from_path(&entry.image),
                length: std::fs::metadata(&entry.image)
                    .ok()
                    .and_then(|m| i64::try_from(m.len()).ok()),
                media_type: crate::files::media_type_of_name(&entry.image).to_owned(),
                group_id: frame_id.as_str().to_owned(),
                source_split: Some(entry.split.clone()),
                ..FrameRow::default()
            };
            let size = match header {
                Ok(header) => {
                    header.media_type.clone_into(&mut row.media_type);
                    row.width = Some(header.width);
                    row.height = Some(header.height);
                    Some((header.width, header.height))
                }
                Err(what) => {
                    let text = format!("an image {what}; its labels were left out, since they need its size");
                    out.damage("unreadable-image", &scope, entry.image.display().to_string(), text);
                    None
                }
            };
            out.frame(row)?;
            if let (Some(labels), Some(size)) = (&entry.labels, size) {
                read_labels(labels, size, &scan.config, &recording, frame_id.as_str(), &mut out)?;
            }
            out.advance(1);
        }
        if !scan.entries.is_empty() && scan.entries.iter().all(|e| e.labels.is_none()) {
            out.damage(
                "no-labels",
                &scope,
                scope.clone(),
                "none of the images has a label file",
            );
        }
        let background = scan.entries.iter().filter(|e| e.labels.is_none()).count();
        let home = path.parent().map(file_name).unwrap_or_default();
        let row = RecordingRow {
            recording_id: recording.clone(),
            name: if home.is_empty() { file_name(&path) } else { home },
            uri,
            format: "yolo".to_owned(),
            kind: "collection".to_owned(),
            clock: Clock::None.as_str().to_owned(),
            size_bytes: count(scan.identity.bytes),
            digest: scan.identity.digest.clone(),
            metadata: Some(
                json!({
                    "names": scan.config.names.values().collect::<Vec<_>>(),
                    "images_without_label_file": background,
                })
                .to_string(),
            ),
            ..RecordingRow::default()
        };
        out.finish(row)
    }
}

fn read_labels(
    path: &Path,
    size: (i64, i64),
    config: &YoloConfig,
    recording: &str,
    frame_id: &str,
    out: &mut Emitter<'_>,
) -> Result<(), SourceError> {
    let scope = path.display().to_string();
    let uri = guideway_core::uri::from_path(path);
    for (index, line) in read_text(path)?.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let place = format!("{scope}:{}", index + 1);
        let label = match parse_yolo_label(line, config.keypoints) {
            Ok(label) => label,
            Err(err) => {
                out.damage("bad-label-line", &scope, place, err.to_string());
                continue;
            }
        };
        let Some(name) = config.names.get(&label.class) else {
            let text = format!("class {} has no name in the YAML file", label.class);
            out.damage("unknown-category", &scope, place, text);
            continue;
        };
        let mask = match polygon_mask(&label.shape, size) {
            Ok(mask) => mask,
            Err(what) => {
                out.damage("bad-mask", &scope, place, format!("a mask was left out: {what}"));
                None
            }
        };
        let row = label_row(&label, name, size, mask.as_ref());
        let number = i64::try_from(index).map_or(i64::MAX, |i| i.saturating_add(1));
        out.label(LabelRow {
            label_id: IdBuilder::new("label")
                .text(frame_id)
                .int(number)
                .finish::<LabelId>()
                .into_string(),
            frame_id: frame_id.to_owned(),
            recording_id: recording.to_owned(),
            source_uri: uri.clone(),
            source_row: Some(number),
            ..row
        })?;
    }
    out.close_scope(&scope);
    Ok(())
}

fn polygon_mask(shape: &YoloShape, (width, height): (i64, i64)) -> Result<Option<Rle>, String> {
    let YoloShape::Polygon(values) = shape else {
        return Ok(None);
    };
    if width > MAX_MASK_SIDE || height > MAX_MASK_SIDE {
        return Err(format!("the image is larger than {MAX_MASK_SIDE} px"));
    }
    let scaled: Vec<f64> = values
        .iter()
        .enumerate()
        .map(|(i, v)| v * if i % 2 == 0 { width as f64 } else { height as f64 })
        .collect();
    Rle::from_polygons(&[scaled], height as u32, width as u32)
        .map(Some)
        .map_err(|err| err.to_string())
}

/// The columns that come from the line itself.
fn label_row(label: &YoloLabel, name: &str, (width, height): (i64, i64), mask: Option<&Rle>) -> LabelRow {
    let bbox = label.shape.bbox(width as f64, height as f64);
    let mut attributes = Map::new();
    if let Some(score) = label.score {
        attributes.insert("score".to_owned(), json!(score));
    }
    if !label.keypoints.is_empty() {
        attributes.insert("keypoints_normalised".to_owned(), json!(label.keypoints));
    }
    LabelRow {
        class: canonical_class("yolo", name),
        source_class: name.to_owned(),
        x_min: Some(bbox.x_min),
        y_min: Some(bbox.y_min),
        x_max: Some(bbox.x_max),
        y_max: Some(bbox.y_max),
        area: mask.map(|m| m.area() as f64),
        mask_rle: mask.map(Rle::to_coco_string),
        attributes: json_object(attributes),
        ..LabelRow::default()
    }
}

/// Does a folder's file look like the YAML of a YOLO set?
pub(crate) fn is_yolo_yaml(path: &Path) -> bool {
    has_ending(path, &["yaml", "yml"])
        && std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() < 4 << 20)
        && read_text(path).is_ok_and(|text| parse_yolo_config(&text).is_ok())
}
