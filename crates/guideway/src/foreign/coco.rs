//! COCO results.

use std::collections::HashMap;
use std::path::Path;

use guideway_core::Reporter;
use guideway_eval::coco::files::{CocoId, Input, each_result, read_index};

use super::found::{Found, Notes, Sink, wrong};
use super::frames::{Frames, Named, base_name};
use crate::error::Error;

/// What the ids of images and categories mean.
struct Meaning {
    /// Frame of each image; `None` for one that the dataset has not.
    images: HashMap<CocoId, Option<u32>>,
    categories: HashMap<CocoId, String>,
    /// Who says so, for errors.
    source: String,
}

pub(super) fn read(
    path: &Path,
    images: Option<&Path>,
    frames: &Frames,
    sink: &mut Sink<'_>,
    reporter: &dyn Reporter,
) -> Result<(), Error> {
    let meaning = match images {
        Some(file) => Meaning::of_file(file, frames, reporter)?,
        None => Meaning::of_export(frames),
    };
    let bytes = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
    let file = path.display().to_string();
    let mut notes = Notes::default();
    let input = Input {
        name: &file,
        bytes: &bytes,
    };
    each_result(input, |result| {
        let at = format_args!("results[{}]", result.row);
        let Some(frame) = meaning.images.get(&result.image_id).copied() else {
            return Err(wrong(
                path,
                at,
                format!("the image_id {} is not one of {}", result.image_id, meaning.source),
                meaning.hint(),
            ));
        };
        let Some(class) = meaning.categories.get(&result.category_id) else {
            return Err(wrong(
                path,
                at,
                format!(
                    "the category_id {} is not one of {}",
                    result.category_id, meaning.source
                ),
                meaning.hint(),
            ));
        };
        let size = frame.and_then(|frame| frames.get(frame)?.size);
        let mask = result.mask(size, &file)?;
        let bbox = match (result.xywh, &mask) {
            (Some([x, y, w, h]), _) => Some([x, y, x + w, y + h]),
            (None, Some(mask)) => {
                let [x, y, w, h] = mask.bbox().to_xywh();
                Some([x, y, x + w, y + h])
            }
            (None, None) => None,
        };
        let fits = |mask: &guideway_core::mask::Rle| size.is_none_or(|size| size == [mask.height(), mask.width()]);
        let mask = mask.filter(|mask| {
            let fits = fits(mask);
            if !fits {
                let message = || "masks of another size than the image's were left out, the boxes were kept".to_owned();
                notes.add("mask-size", message, format_args!("{at} of {file}"));
            }
            fits
        });
        sink(Found {
            file: path,
            at: &at,
            frame,
            class,
            score: result.score,
            bbox,
            mask: mask.map(|mask| mask.to_coco_string()),
            solid: None,
        })
    })?;
    notes.send(reporter);
    Ok(())
}

impl Meaning {
    /// As `dataset export --to coco` numbers images and classes.
    fn of_export(frames: &Frames) -> Self {
        let numbered = frames.numbered();
        Self {
            images: (1..).map(CocoId::Number).zip(numbered.into_iter().map(Some)).collect(),
            categories: (1..)
                .map(CocoId::Number)
                .zip(frames.info.classes.iter().cloned())
                .collect(),
            source: format!("`dataset export {} --to coco`", frames.info.name),
        }
    }

    fn of_file(file: &Path, frames: &Frames, reporter: &dyn Reporter) -> Result<Self, Error> {
        let bytes = std::fs::read(file).map_err(|source| Error::io("read", file, source))?;
        let shown = file.display().to_string();
        let input = Input {
            name: &shown,
            bytes: &bytes,
        };
        let index = read_index(input, reporter)?;
        let whole = frames.by(|frame| Some(&*frame.name));
        let base = frames.by(|frame| Some(base_name(&frame.name)));
        let mut images = HashMap::with_capacity(index.image_ids.len());
        for (id, name) in index.image_ids.into_iter().zip(&index.image_names) {
            let named = whole.get(name.as_str()).or_else(|| base.get(base_name(name)));
            let frame = match named.copied() {
                None => None,
                Some(Named::One(frame)) => Some(frame),
                Some(Named::Many(frame)) => {
                    return Err(wrong(
                        file,
                        format_args!("image {id}"),
                        format!(
                            "`{name}` is the name of several frames, one of them {}",
                            frames.show(frame)
                        ),
                        "give the names as `guideway query \"SELECT name FROM frames\"` shows them, or import one recording at a time",
                    ));
                }
            };
            images.insert(id, frame);
        }
        Ok(Self {
            images,
            categories: index.category_ids.into_iter().zip(index.category_names).collect(),
            source: shown,
        })
    }

    fn hint(&self) -> String {
        if self.source.starts_with('`') {
            "results must be of what that export wrote; name the annotation file that yours are of with --images FILE"
                .to_owned()
        } else {
            "name the annotation file that the results are of with --images".to_owned()
        }
    }
}
