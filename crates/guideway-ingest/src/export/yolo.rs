//! YOLO: `data.yaml`, images and labels by split.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{Book, ExportError, ExportSample, Writer, box_of, make_folder, safe_split, write_file};

/// Writes boxes only. Samples without a split go to `train`.
pub(super) struct YoloWriter {
    root: PathBuf,
    splits: BTreeSet<String>,
}

impl YoloWriter {
    pub(super) fn begin(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            splits: BTreeSet::new(),
        }
    }
}

impl Writer for YoloWriter {
    fn sample(&mut self, sample: &ExportSample, ending: &str, book: &mut Book) -> Result<(), ExportError> {
        let split = sample.split.as_deref().map_or_else(|| "train".to_owned(), safe_split);
        let stem = book.file_stem(&split, &sample.name);
        let (images, labels) = (
            self.root.join("images").join(&split),
            self.root.join("labels").join(&split),
        );
        if self.splits.insert(split) {
            make_folder(&images)?;
            make_folder(&labels)?;
        }
        let (width, height) = (f64::from(sample.width), f64::from(sample.height));
        let mut text = String::new();
        for label in &sample.labels {
            if label.is_crowd || label.is_ignored {
                let why = "YOLO holds no crowd and no ignored regions; they were left out".to_owned();
                book.left_out("ignored-left-out", &sample.name, why, 1);
                continue;
            }
            let Some(bbox) = box_of(label) else {
                book.left_out(
                    "no-box",
                    &sample.name,
                    "labels without a box were left out".to_owned(),
                    1,
                );
                continue;
            };
            let clipped = bbox.clip(width, height);
            if !clipped.is_valid() {
                let why = "boxes that are empty or wholly outside the image were left out".to_owned();
                book.left_out("box-outside", &sample.name, why, 1);
                continue;
            }
            if clipped != bbox {
                book.note(
                    "box-clipped",
                    &sample.name,
                    "boxes were cut at the border of the image".to_owned(),
                );
            }
            for (present, code, what) in [
                (label.mask_rle.is_some(), "mask-left-out", "masks"),
                (!label.cuboid.is_empty(), "cuboid-left-out", "cuboids"),
                (label.track_id.is_some(), "track-left-out", "track ids"),
            ] {
                if present {
                    book.note(
                        code,
                        &sample.name,
                        format!("YOLO boxes hold no {what}; the boxes were written without them"),
                    );
                }
            }
            let class = book.class(&label.class);
            let [cx, cy] = clipped.center();
            let values = [
                cx / width,
                cy / height,
                clipped.width() / width,
                clipped.height() / height,
            ];
            let _infallible = write!(text, "{class}");
            for value in values {
                let _infallible = write!(text, " {value}");
            }
            text.push('\n');
            book.summary.labels += 1;
        }
        write_file(&images.join(format!("{stem}.{ending}")), &sample.media)?;
        write_file(&labels.join(format!("{stem}.txt")), text.as_bytes())
    }

    fn finish(&mut self, book: &mut Book) -> Result<(), ExportError> {
        if !self.splits.contains("train") || !self.splits.contains("val") {
            let have: Vec<&str> = self.splits.iter().map(String::as_str).collect();
            let text = format!(
                "training tools want the splits train and val; this set has {}",
                have.join(", ")
            );
            book.note("no-validation-split", "data.yaml", text);
        }
        if book.summary.classes.is_empty() {
            // A YAML file without names is none of YOLO's.
            book.class("object");
        }
        let mut text = String::from("path: .\n");
        for split in &self.splits {
            let _infallible = writeln!(text, "{split}: images/{split}");
        }
        let _infallible = write!(text, "nc: {}\nnames:\n", book.summary.classes.len());
        for (number, name) in book.summary.classes.iter().enumerate() {
            // A JSON string is a YAML double-quoted one.
            let _infallible = writeln!(text, "  {number}: {}", serde_json::Value::from(name.as_str()));
        }
        write_file(&self.root.join("data.yaml"), text.as_bytes())
    }
}
