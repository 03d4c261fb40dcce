//! COCO: one JSON file, written as a stream.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use guideway_core::mask::Rle;
use guideway_schema::LabelRow;
use serde_json::{Map, Value, json};

use super::{Book, ExportError, ExportSample, Writer, box_of, make_folder, safe_split, write_file};

/// Writes `annotations.json` with everything, and `instances_SPLIT.json` where there is more than one split. Image, category
/// and annotation ids count from 1. The split of an image stands in its `split` key, which COCO's own tools pass over.
pub(super) struct CocoWriter {
    root: PathBuf,
    /// The parts by split; the empty name holds everything.
    parts: BTreeMap<String, Part>,
    next_image: i64,
    next_annotation: i64,
}

/// The arrays of one JSON file, under way in two files of their own.
struct Part {
    images: Stream,
    annotations: Stream,
}

struct Stream {
    path: PathBuf,
    file: BufWriter<File>,
    empty: bool,
}

impl Stream {
    fn begin(path: PathBuf) -> Result<Self, ExportError> {
        match File::create(&path) {
            Ok(file) => Ok(Self {
                path,
                file: BufWriter::new(file),
                empty: true,
            }),
            Err(source) => Err(ExportError::Io { path, source }),
        }
    }

    fn push(&mut self, value: &Value) -> Result<(), ExportError> {
        let text = serde_json::to_string(value).map_err(|source| ExportError::Json {
            path: self.path.clone(),
            source,
        })?;
        let separator = if std::mem::take(&mut self.empty) { "\n" } else { ",\n" };
        self.file
            .write_all(separator.as_bytes())
            .and_then(|()| self.file.write_all(text.as_bytes()))
            .map_err(|source| ExportError::Io {
                path: self.path.clone(),
                source,
            })
    }

    /// Copies what was written into `out` and removes the file.
    fn drain_into(&mut self, out: &mut BufWriter<File>) -> Result<(), ExportError> {
        let io = |source| ExportError::Io {
            path: self.path.clone(),
            source,
        };
        self.file.flush().map_err(io)?;
        let mut written = File::open(&self.path).map_err(io)?;
        std::io::copy(&mut written, out).map_err(io)?;
        std::fs::remove_file(&self.path).map_err(io)
    }
}

impl CocoWriter {
    pub(super) fn begin(root: &Path) -> Result<Self, ExportError> {
        make_folder(&root.join("images"))?;
        let mut writer = Self {
            root: root.to_owned(),
            parts: BTreeMap::new(),
            next_image: 1,
            next_annotation: 1,
        };
        writer.part("")?;
        Ok(writer)
    }

    fn part(&mut self, split: &str) -> Result<&mut Part, ExportError> {
        if !self.parts.contains_key(split) {
            let part = Part {
                images: Stream::begin(self.root.join(format!(".images-{split}.part")))?,
                annotations: Stream::begin(self.root.join(format!(".annotations-{split}.part")))?,
            };
            self.parts.insert(split.to_owned(), part);
        }
        self.parts.get_mut(split).ok_or_else(|| ExportError::Io {
            path: self.root.clone(),
            source: std::io::Error::other("a split was not begun"),
        })
    }
}

impl Writer for CocoWriter {
    fn sample(&mut self, sample: &ExportSample, ending: &str, book: &mut Book) -> Result<(), ExportError> {
        let file_name = format!("{}.{ending}", book.file_stem("", &sample.name));
        write_file(&self.root.join("images").join(&file_name), &sample.media)?;
        let image_id = self.next_image;
        self.next_image += 1;
        let mut image = json!({
            "id": image_id,
            "file_name": file_name,
            "width": sample.width,
            "height": sample.height,
        });
        let split = sample.split.as_deref().map(safe_split);
        if let (Some(split), Value::Object(map)) = (&sample.split, &mut image) {
            map.insert("split".to_owned(), json!(split));
        }
        let targets: Vec<String> = std::iter::once(String::new()).chain(split).collect();
        for target in &targets {
            self.part(target)?.images.push(&image)?;
        }
        for label in &sample.labels {
            let id = self.next_annotation;
            let Some(annotation) = annotation(label, sample, image_id, id, book) else {
                continue;
            };
            self.next_annotation += 1;
            for target in &targets {
                self.part(target)?.annotations.push(&annotation)?;
            }
            book.summary.labels += 1;
        }
        Ok(())
    }

    fn finish(&mut self, book: &mut Book) -> Result<(), ExportError> {
        let categories: Vec<Value> = book
            .summary
            .classes
            .iter()
            .enumerate()
            .map(|(i, name)| json!({"id": i + 1, "name": name, "supercategory": ""}))
            .collect();
        let several = self.parts.len() > 2;
        for (split, part) in &mut self.parts {
            let name = if split.is_empty() {
                "annotations.json".to_owned()
            } else {
                format!("instances_{split}.json")
            };
            let path = self.root.join(name);
            let io = |source| ExportError::Io {
                path: path.clone(),
                source,
            };
            let mut out = BufWriter::new(File::create(&path).map_err(io)?);
            out.write_all(b"{\"info\":{\"description\":\"exported by guideway\"},\"licenses\":[],\"images\":[")
                .map_err(io)?;
            part.images.drain_into(&mut out)?;
            out.write_all(b"],\n\"annotations\":[").map_err(io)?;
            part.annotations.drain_into(&mut out)?;
            out.write_all(b"],\n\"categories\":").map_err(io)?;
            serde_json::to_writer(&mut out, &categories).map_err(|source| ExportError::Json {
                path: path.clone(),
                source,
            })?;
            out.write_all(b"}\n").map_err(io)?;
            out.flush().map_err(io)?;
            if !split.is_empty() && !several {
                // One split only: it is the whole.
                std::fs::remove_file(&path).map_err(io)?;
            }
        }
        Ok(())
    }
}

fn annotation(label: &LabelRow, sample: &ExportSample, image_id: i64, id: i64, book: &mut Book) -> Option<Value> {
    let mask = match &label.mask_rle {
        None => None,
        Some(text) => match Rle::from_coco_string(text, sample.height, sample.width) {
            Ok(mask) => Some((text, mask)),
            Err(err) => {
                book.note("bad-mask", &sample.name, format!("a mask was left out: {err}"));
                None
            }
        },
    };
    let Some(bbox) = box_of(label).or_else(|| mask.as_ref().map(|(_, m)| m.bbox())) else {
        let text = "labels without box and mask were left out".to_owned();
        book.left_out("no-box", &sample.name, text, 1);
        return None;
    };
    if !label.cuboid.is_empty() {
        let text = "COCO holds no cuboids; the boxes were written without them".to_owned();
        book.note("cuboid-left-out", &sample.name, text);
    }
    let category = book.class(&label.class) + 1;
    let area = label
        .area
        .filter(|a| a.is_finite())
        .unwrap_or_else(|| mask.as_ref().map_or_else(|| bbox.area(), |(_, m)| m.area() as f64));
    let mut map = Map::new();
    map.insert("id".to_owned(), json!(id));
    map.insert("image_id".to_owned(), json!(image_id));
    map.insert("category_id".to_owned(), json!(category));
    map.insert("bbox".to_owned(), json!(bbox.to_xywh()));
    map.insert("area".to_owned(), json!(area));
    map.insert("iscrowd".to_owned(), json!(i32::from(label.is_crowd)));
    let segmentation = mask.map_or_else(
        || json!([]),
        |(text, _)| json!({"size": [sample.height, sample.width], "counts": text}),
    );
    map.insert("segmentation".to_owned(), segmentation);
    if label.is_ignored {
        map.insert("ignore".to_owned(), json!(1));
    }
    if let Some(track) = &label.track_id {
        map.insert("track_id".to_owned(), json!(track));
    }
    let mut attributes = match label.attributes.as_deref().map(serde_json::from_str::<Value>) {
        Some(Ok(Value::Object(attributes))) => attributes,
        _ => Map::new(),
    };
    if let Some(truncation) = label.truncation.filter(|t| t.is_finite()) {
        attributes.entry("truncation").or_insert_with(|| json!(truncation));
    }
    if let Some(occlusion) = label.occlusion {
        attributes.entry("occlusion").or_insert_with(|| json!(occlusion));
    }
    if !attributes.is_empty() {
        map.insert("attributes".to_owned(), Value::Object(attributes));
    }
    Some(Value::Object(map))
}
