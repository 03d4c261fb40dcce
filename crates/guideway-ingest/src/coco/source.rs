//! The reader of COCO sets.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use guideway_core::{Clock, FrameId, IdBuilder, LabelId, RecordingId, Reporter, SensorId};
use guideway_schema::{FrameRow, IngestSummary, LabelRow, RecordingRow, SensorRow, Sink, Source, SourceError};
use serde_json::Value;

use super::annotation::{CocoAnnotation, CocoId, CocoImage, CocoProblem, parse_category};
use super::stream::{CocoSection, stream_coco};
use crate::files::{
    Emitter, Fingerprint, Identity, absolute, canonical_class, count, file_name, image_header, io_error, json_object,
    media_type_of_name, not_this_format, split_in_name, split_name, stem,
};

/// How to read a COCO set.
#[derive(Debug, Clone, Default)]
pub struct CocoOptions {
    /// Where the images lie; found beside the annotations when not given.
    pub images: Option<PathBuf>,
}

/// One COCO annotation file with its images, as a collection.
///
/// The file is read twice, without ever being held: once for the tables that annotations refer to, which may stand behind
/// them, and once for the rows. Memory grows with the number of images and annotation ids, not with the file. An image that is
/// absent still gives a frame (its labels can be evaluated), with a null `length`.
#[derive(Debug)]
pub struct CocoSource {
    path: PathBuf,
    folders: Vec<PathBuf>,
    split: Option<String>,
    scan: Option<Scan>,
}

/// What the first pass finds.
#[derive(Debug)]
struct Scan {
    identity: Identity,
    /// Sizes by id, px; of the first image of an id.
    images: HashMap<CocoId, Option<(i64, i64)>>,
    categories: HashMap<CocoId, String>,
    problems: Vec<(CocoProblem, String)>,
    annotations: u64,
}

/// At most this many problems of the tables are kept one by one; there are few categories and images that go wrong in new ways.
const MAX_KEPT_PROBLEMS: usize = 10_000;

impl CocoSource {
    /// An annotation file. Nothing but its existence is checked yet.
    pub fn open(path: &Path, options: &CocoOptions) -> Result<Self, SourceError> {
        if !path.is_file() {
            return Err(not_this_format(
                path,
                "a COCO set is named by its JSON file, and this is none",
            ));
        }
        let path = absolute(path);
        let folders = match &options.images {
            Some(folder) => vec![absolute(folder)],
            None => image_folders(&path),
        };
        let split = split_in_name(&stem(&path)).or_else(|| {
            // `train/_annotations.coco.json`
            path.parent().and_then(|p| split_in_name(&file_name(p)))
        });
        Ok(Self {
            path,
            folders,
            split,
            scan: None,
        })
    }

    fn scan(&mut self) -> Result<&Scan, SourceError> {
        if self.scan.is_none() {
            self.scan = Some(Scan::of(&self.path, &self.folders)?);
        }
        self.scan
            .as_ref()
            .ok_or_else(|| not_this_format(&self.path, "the file was not read"))
    }
}

/// The folders that may hold the images of an annotation file, the most specific first.
fn image_folders(path: &Path) -> Vec<PathBuf> {
    let name = stem(path);
    // `instances_train2017` speaks of the folder `train2017`.
    let token = name.rsplit('_').next().unwrap_or_default().to_owned();
    let mut names: Vec<String> = vec![token];
    if let Some(split) = split_in_name(&name) {
        names.push(split);
    }
    let own = path.parent().unwrap_or(Path::new("."));
    let above = own.parent().unwrap_or(own);
    let roots = [
        own.join("images"),
        own.to_owned(),
        above.join("images"),
        above.to_owned(),
    ];
    let specific = roots.iter().flat_map(|root| names.iter().map(|name| root.join(name)));
    let general = roots.iter().cloned();
    let usual = roots.iter().flat_map(|root| {
        [
            "train2017",
            "val2017",
            "test2017",
            "train2014",
            "val2014",
            "train",
            "val",
            "valid",
            "test",
            "data",
        ]
        .map(|n| root.join(n))
    });
    let mut seen = BTreeSet::new();
    specific
        .chain(general)
        .chain(usual)
        .filter(|folder| folder.is_dir() && seen.insert(folder.clone()))
        .collect()
}

/// The image of this name in the first folder that has it; by its last component where the set was flattened.
fn find_image(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    let name = Path::new(name);
    let base = name.file_name().map(Path::new).filter(|base| *base != name);
    [Some(name), base]
        .into_iter()
        .flatten()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}

/// Hashes what goes through.
struct Hashing<R> {
    inner: R,
    hasher: blake3::Hasher,
    length: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..length).unwrap_or_default());
        self.length = self.length.saturating_add(length as u64);
        Ok(length)
    }
}

fn json_error(path: &Path, err: serde_json::Error) -> SourceError {
    if err.is_io() {
        return io_error(path, err.into());
    }
    let place = format!("line {}, column {}", err.line(), err.column());
    let text = err.to_string();
    SourceError::Unreadable {
        message: format!(
            "the COCO file cannot be read: {}",
            text.split(" at line ").next().unwrap_or(&text)
        ),
        place,
        hint: Some(if err.is_eof() {
            "the file ends too early; copy or download it again".to_owned()
        } else {
            "check the file with a JSON tool".to_owned()
        }),
        path: path.to_owned(),
    }
}

impl Scan {
    fn of(path: &Path, folders: &[PathBuf]) -> Result<Self, SourceError> {
        let file = File::open(path).map_err(|err| io_error(path, err))?;
        let mut hashing = Hashing {
            inner: file,
            hasher: blake3::Hasher::new(),
            length: 0,
        };
        let mut print = Fingerprint::default();
        let mut images: HashMap<CocoId, Option<(i64, i64)>> = HashMap::new();
        let mut categories = HashMap::new();
        let mut problems = Vec::new();
        let mut keep = |problem: CocoProblem, place: String| {
            if problems.len() < MAX_KEPT_PROBLEMS {
                problems.push((problem, place));
            }
        };
        let mut each = |section: CocoSection, index: u64, element: &Value| -> bool {
            match section {
                CocoSection::Annotations => {}
                CocoSection::Categories => match parse_category(element) {
                    Ok((id, name)) => {
                        if let Some(first) = categories.get(&id) {
                            keep(
                                CocoProblem {
                                    code: "duplicate-category",
                                    message: format!(
                                        "category {id} stands twice, as `{first}` and `{name}`; the first counts"
                                    ),
                                },
                                format!("categories[{index}]"),
                            );
                        } else {
                            categories.insert(id, name);
                        }
                    }
                    Err(problem) => keep(problem, format!("categories[{index}]")),
                },
                CocoSection::Images => {
                    // What is wrong with an image is told in the second pass, where its row would come.
                    let Ok(image) = CocoImage::parse(element) else {
                        return true;
                    };
                    let found = find_image(folders, &image.file_name);
                    if let Some(path) = &found {
                        // A file that vanishes meanwhile is reported when its row is made.
                        let _vanished = print.media(&image.file_name, path);
                    }
                    images.entry(image.id).or_insert_with(|| {
                        image.size.or_else(|| {
                            let header = image_header(&found?).ok()?;
                            Some((header.width, header.height))
                        })
                    });
                }
            }
            true
        };
        let seen = stream_coco(&mut hashing, &mut each).map_err(|err| json_error(path, err))?;
        if seen.images.is_none() {
            return Err(SourceError::Unreadable {
                message: "the JSON file has no `images` array".to_owned(),
                place: "top level".to_owned(),
                hint: Some(
                    "COCO instances have `images`, `annotations` and `categories`; results files are no data sets"
                        .to_owned(),
                ),
                path: path.to_owned(),
            });
        }
        print.hashed(&file_name(path), hashing.length, hashing.hasher.finalize().as_bytes());
        Ok(Self {
            identity: print.finish("coco"),
            images,
            categories,
            problems,
            annotations: seen.annotations.unwrap_or(0),
        })
    }
}

impl Source for CocoSource {
    fn format(&self) -> &'static str {
        "coco"
    }

    fn uri(&self) -> String {
        guideway_core::uri::from_path(&self.path)
    }

    fn size_bytes(&self) -> u64 {
        match &self.scan {
            Some(scan) => scan.identity.bytes,
            None => std::fs::metadata(&self.path).map_or(0, |m| m.len()),
        }
    }

    fn recording_id(&mut self) -> Result<RecordingId, SourceError> {
        Ok(self.scan()?.identity.recording_id.clone())
    }

    fn read(&mut self, sink: &mut dyn Sink, reporter: &dyn Reporter) -> Result<IngestSummary, SourceError> {
        self.scan()?;
        let uri = self.uri();
        let Some(scan) = &self.scan else {
            return Err(not_this_format(&self.path, "the file was not read"));
        };
        let scope = self.path.display().to_string();
        let recording = scan.identity.recording_id.as_str().to_owned();
        let sensor_id: SensorId = IdBuilder::new("sensor").text(&recording).text("images").finish();
        let total = scan.images.len() as u64 + scan.annotations;
        let mut out = Emitter::new(sink, reporter, &format!("reading {scope}"), Some(total), "rows");
        for (problem, place) in &scan.problems {
            out.damage(
                problem.code,
                &scope,
                format!("{scope}: {place}"),
                problem.message.clone(),
            );
        }
        out.sensors(vec![SensorRow {
            sensor_id: sensor_id.as_str().to_owned(),
            recording_id: recording.clone(),
            name: "images".to_owned(),
            modality: "camera".to_owned(),
            ..SensorRow::default()
        }])?;
        let mut rows = RowMaker {
            source: self,
            scan,
            scope: &scope,
            uri: &uri,
            recording: &recording,
            sensor_id: sensor_id.as_str(),
            seen_images: HashSet::new(),
            annotation_ids: HashMap::new(),
            sequence: 0,
            out,
        };
        let mut failed = None;
        let file = File::open(&self.path).map_err(|err| io_error(&self.path, err))?;
        let outcome = stream_coco(file, &mut |section, index, element| {
            let pushed = match section {
                CocoSection::Images => rows.image(index, element),
                CocoSection::Annotations => rows.annotation(index, element),
                CocoSection::Categories => Ok(()),
            };
            rows.out.advance(u64::from(section != CocoSection::Categories));
            pushed.map_err(|err| failed = Some(err)).is_ok()
        });
        if let Some(err) = failed {
            return Err(err);
        }
        outcome.map_err(|err| json_error(&self.path, err))?;
        let mut names: Vec<(&CocoId, &String)> = scan.categories.iter().collect();
        names.sort();
        let categories: Vec<Value> = names
            .iter()
            .map(|(id, name)| serde_json::json!({"id": id.to_string(), "name": name}))
            .collect();
        let row = RecordingRow {
            recording_id: recording.clone(),
            name: file_name(&self.path),
            uri: uri.clone(),
            format: "coco".to_owned(),
            kind: "collection".to_owned(),
            clock: Clock::None.as_str().to_owned(),
            size_bytes: count(scan.identity.bytes),
            digest: scan.identity.digest.clone(),
            metadata: Some(serde_json::json!({"categories": categories}).to_string()),
            ..RecordingRow::default()
        };
        rows.out.finish(row)
    }
}

struct RowMaker<'a> {
    source: &'a CocoSource,
    scan: &'a Scan,
    scope: &'a str,
    uri: &'a str,
    recording: &'a str,
    sensor_id: &'a str,
    seen_images: HashSet<CocoId>,
    /// How often each annotation id was seen.
    annotation_ids: HashMap<CocoId, i64>,
    sequence: i64,
    out: Emitter<'a>,
}

impl RowMaker<'_> {
    fn damage(&mut self, code: &'static str, place: &str, message: impl Into<String>) {
        self.out
            .damage(code, self.scope, format!("{}: {place}", self.scope), message);
    }

    fn frame_id(&self, image: &CocoId) -> String {
        IdBuilder::new("frame")
            .text(self.recording)
            .text(&image.to_string())
            .finish::<FrameId>()
            .into_string()
    }

    fn image(&mut self, index: u64, element: &Value) -> Result<(), SourceError> {
        let place = format!("images[{index}]");
        let image = match CocoImage::parse(element) {
            Ok(image) => image,
            Err(problem) => {
                self.damage(problem.code, &place, problem.message);
                return Ok(());
            }
        };
        if !self.seen_images.insert(image.id.clone()) {
            self.damage(
                "duplicate-image",
                &place,
                format!("image id {} stands twice; the first counts", image.id),
            );
            return Ok(());
        }
        let frame_id = self.frame_id(&image.id);
        let mut attributes = image.attributes;
        let size = self.scan.images.get(&image.id).copied().flatten();
        let found = find_image(&self.source.folders, &image.file_name);
        let mut row = FrameRow {
            frame_id: frame_id.clone(),
            recording_id: self.recording.to_owned(),
            sensor_id: self.sensor_id.to_owned(),
            modality: "camera".to_owned(),
            sequence: self.sequence,
            name: image.file_name.clone(),
            media_type: media_type_of_name(Path::new(&image.file_name)).to_owned(),
            width: size.map(|s| s.0),
            height: size.map(|s| s.1),
            group_id: frame_id,
            source_split: image
                .split
                .as_deref()
                .map(split_name)
                .or_else(|| self.source.split.clone()),
            ..FrameRow::default()
        };
        self.sequence += 1;
        if let Some(path) = found {
            row.uri = guideway_core::uri::from_path(&path);
            row.length = std::fs::metadata(&path).ok().and_then(|m| i64::try_from(m.len()).ok());
            match image_header(&path) {
                Ok(header) => {
                    header.media_type.clone_into(&mut row.media_type);
                    let real = (header.width, header.height);
                    if size.is_some_and(|size| size != real) {
                        let (w, h) = size.unwrap_or_default();
                        self.damage(
                            "size-mismatch",
                            &image.file_name,
                            format!("the annotations say {w}×{h} px, the image has {}×{}", real.0, real.1),
                        );
                    }
                }
                Err(what) => {
                    self.damage("unreadable-image", &image.file_name, format!("an image {what}"));
                }
            }
        } else {
            let expected = self.source.folders.first().map_or_else(
                || self.source.path.with_file_name(&image.file_name),
                |folder| folder.join(&image.file_name),
            );
            row.uri = guideway_core::uri::from_path(&expected);
            attributes.insert("media".to_owned(), Value::from("missing"));
            self.damage(
                "missing-image",
                &image.file_name,
                "images are not where the annotations say; their labels are kept, the media is absent",
            );
        }
        row.attributes = json_object(attributes);
        self.out.frame(row)
    }

    fn annotation(&mut self, index: u64, element: &Value) -> Result<(), SourceError> {
        let place = format!("annotations[{index}]");
        match self.label(index, element, &place) {
            Ok(row) => self.out.label(row),
            Err(problem) => {
                self.damage(problem.code, &place, problem.message);
                Ok(())
            }
        }
    }

    fn label(&mut self, index: u64, element: &Value, place: &str) -> Result<LabelRow, CocoProblem> {
        let annotation = CocoAnnotation::parse(element)?;
        let problem = |code: &'static str, message: String| CocoProblem { code, message };
        let Some(size) = self.scan.images.get(&annotation.image_id).copied() else {
            return Err(problem(
                "unknown-image",
                format!(
                    "an annotation belongs to image {}, which is not listed",
                    annotation.image_id
                ),
            ));
        };
        let Some(source_class) = self.scan.categories.get(&annotation.category_id) else {
            return Err(problem(
                "unknown-category",
                format!(
                    "an annotation has category {}, which is not listed",
                    annotation.category_id
                ),
            ));
        };
        let id = annotation
            .id
            .clone()
            .unwrap_or_else(|| CocoId::Text(format!("#{index}")));
        let occurrence = self.annotation_ids.entry(id.clone()).or_insert(0);
        let nth = *occurrence;
        *occurrence += 1;
        if nth > 0 {
            self.damage(
                "duplicate-annotation",
                place,
                format!("annotation id {id} stands more than once; all are kept"),
            );
        }
        let mask = match annotation.segmentation.mask(size) {
            Ok(mask) => mask,
            Err(what) => {
                self.damage("bad-mask", place, format!("a mask was left out: {what}"));
                None
            }
        };
        let bbox = annotation.bbox.or_else(|| annotation.segmentation.bbox(mask.as_ref()));
        if bbox.is_none() && !annotation.attributes.contains_key("keypoints") {
            return Err(problem(
                "no-geometry",
                format!("annotation {id} has neither box nor mask"),
            ));
        }
        let label_id: LabelId = IdBuilder::new("label")
            .text(self.recording)
            .text(&id.to_string())
            .int(nth)
            .finish();
        Ok(LabelRow {
            label_id: label_id.into_string(),
            frame_id: self.frame_id(&annotation.image_id),
            recording_id: self.recording.to_owned(),
            class: canonical_class("coco", source_class),
            source_class: source_class.clone(),
            x_min: bbox.map(|b| b.x_min),
            y_min: bbox.map(|b| b.y_min),
            x_max: bbox.map(|b| b.x_max),
            y_max: bbox.map(|b| b.y_max),
            mask_rle: mask.map(|m| m.to_coco_string()),
            area: annotation.area,
            is_crowd: annotation.is_crowd,
            is_ignored: annotation.is_ignored,
            track_id: annotation.track_id,
            source_uri: self.uri.to_owned(),
            source_row: match id {
                CocoId::Int(id) => Some(id),
                CocoId::Text(_) => i64::try_from(index).ok(),
            },
            attributes: json_object(annotation.attributes),
            ..LabelRow::default()
        })
    }
}

/// Parses every element of a file in memory, as the reader does, and makes the masks: for fuzzing.
#[doc(hidden)]
pub fn fuzz_coco(bytes: &[u8]) {
    let mut sizes: HashMap<CocoId, Option<(i64, i64)>> = HashMap::new();
    let _malformed = stream_coco(bytes, &mut |section, _, element| {
        match section {
            CocoSection::Images => {
                if let Ok(image) = CocoImage::parse(element) {
                    // Small images only: fuzzing looks for faults in the parser, not for the time a mask takes.
                    sizes.insert(image.id, image.size.filter(|(w, h)| *w <= 512 && *h <= 512));
                }
            }
            CocoSection::Categories => {
                let _bad = parse_category(element);
            }
            CocoSection::Annotations => {
                if let Ok(annotation) = CocoAnnotation::parse(element) {
                    let size = sizes.get(&annotation.image_id).copied().flatten();
                    let mask = annotation.segmentation.mask(size).ok().flatten();
                    let _box = annotation.segmentation.bbox(mask.as_ref());
                }
            }
        }
        true
    });
}
