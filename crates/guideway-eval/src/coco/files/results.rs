//! Results alone, and what the ids in them name: for whoever takes results in without evaluating them.

use std::ops::Range;

use guideway_core::Reporter;
use guideway_core::mask::Rle;
use rayon::prelude::*;

use super::records::{BoxField, CategoryRecord, ImageRecord, ResultRecord, Segmentation};
use super::scan::Scanner;
use super::{CocoId, Input, image_size, incomplete, mask_error, unique};
use crate::error::EvalError;
use crate::warnings::Warnings;

/// Results that are parsed together, in parallel.
const RUN: usize = 1 << 14;

/// The images and categories of an annotation file, by ascending id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CocoIndex {
    /// Id of each image.
    pub image_ids: Vec<CocoId>,
    /// File name of each image; its id where the file gives none.
    pub image_names: Vec<String>,
    /// Id of each category.
    pub category_ids: Vec<CocoId>,
    /// Name of each category; its id where the file gives none.
    pub category_names: Vec<String>,
    /// Height and width of each image, where given.
    pub sizes: Vec<Option<[u32; 2]>>,
}

/// One result.
#[derive(Debug, Clone, PartialEq)]
pub struct CocoResult {
    /// Its place in the file, from 0.
    pub row: usize,
    /// Its image.
    pub image_id: CocoId,
    /// Its category.
    pub category_id: CocoId,
    /// x, y, width, height, px; `None` where it has no box.
    pub xywh: Option<[f64; 4]>,
    /// Confidence.
    pub score: f64,
    segmentation: Segmentation,
}

impl CocoResult {
    /// The mask, where it has one. Polygons need the size of the image, height and width; errors speak of `file`.
    ///
    /// # Errors
    /// [`EvalError::Mask`] and [`EvalError::Incomplete`].
    pub fn mask(&self, size: Option<[u32; 2]>, file: &str) -> Result<Option<Rle>, EvalError> {
        if self.segmentation == Segmentation::Missing {
            return Ok(None);
        }
        let made = self.segmentation.to_rle(size);
        made.map(Some)
            .map_err(|problem| mask_error(problem, "results", self.row, file))
    }
}

/// Reads which images and categories an annotation file has; it needs no annotations.
///
/// # Errors
/// [`EvalError::Format`] and [`EvalError::Record`].
pub fn read_index(input: Input<'_>, reporter: &dyn Reporter) -> Result<CocoIndex, EvalError> {
    let scanner = Scanner::new(input);
    let start = scanner.start();
    let (members, end) = scanner.members(start)?;
    scanner.finish(end)?;
    let array = |name: &str| -> Result<Vec<Range<usize>>, EvalError> {
        // as in Python, the last of equal keys counts
        let found = members.iter().rev().find(|(key, _)| *key == name.as_bytes());
        let (_, span) = found.ok_or_else(|| scanner.error(&format!("expected `{name}` in the annotations"), start))?;
        Ok(scanner.elements(span.start)?.0)
    };
    let images: Vec<ImageRecord> = scanner.parse("images", &array("images")?)?;
    let categories: Vec<CategoryRecord> = scanner.parse("categories", &array("categories")?)?;
    let mut warnings = Warnings::new(input.name);
    let images = unique(
        images,
        |image| image.id.clone(),
        |id| {
            warnings.add(
                "duplicate-image",
                format!("image id {id} is listed more than once, the last counts"),
            );
        },
    );
    let categories = unique(
        categories,
        |category| category.id.clone(),
        |id| {
            warnings.add(
                "duplicate-category",
                format!("category id {id} is listed more than once, the last counts"),
            );
        },
    );
    warnings.send(reporter);
    let name_of = |id: &CocoId, name: Option<&String>| name.cloned().unwrap_or_else(|| id.to_string());
    Ok(CocoIndex {
        image_names: images
            .iter()
            .map(|(id, image)| name_of(id, image.file_name.as_ref()))
            .collect(),
        sizes: images
            .values()
            .map(|image| image_size(image.height, image.width))
            .collect(),
        category_names: categories
            .iter()
            .map(|(id, category)| name_of(id, category.name.as_ref()))
            .collect(),
        image_ids: images.into_keys().collect(),
        category_ids: categories.into_keys().collect(),
    })
}

/// Gives each result of a file to `f`, in the order of the file. Unlike [`read_results`](super::read_results), each may have a box, a mask or both.
///
/// # Errors
/// [`EvalError::Format`], [`EvalError::Record`] and [`EvalError::Incomplete`] for what is no result; and those of `f`.
pub fn each_result<E: From<EvalError>>(
    input: Input<'_>,
    mut f: impl FnMut(CocoResult) -> Result<(), E>,
) -> Result<(), E> {
    let scanner = Scanner::new(input);
    let start = scanner.start();
    if scanner.byte(start) != Some(b'[') {
        return Err(scanner.error("expected an array of results", start).into());
    }
    let (spans, end) = scanner.elements(start)?;
    scanner.finish(end)?;
    for (run, spans) in spans.chunks(RUN).enumerate() {
        let parsed: Vec<Result<CocoResult, EvalError>> = spans
            .par_iter()
            .enumerate()
            .map(|(place, span)| {
                let row = run * RUN + place;
                let record: ResultRecord<Segmentation> = scanner.record("results", row, span)?;
                let xywh = match record.bbox {
                    BoxField::Four(xywh) => Some(xywh),
                    BoxField::Missing | BoxField::Empty => None,
                };
                if xywh.is_none() && record.segmentation == Segmentation::Missing {
                    return Err(incomplete(
                        "results",
                        row,
                        "has neither `bbox` nor `segmentation`",
                        input.name,
                    ));
                }
                Ok(CocoResult {
                    row,
                    image_id: record.image_id,
                    category_id: record.category_id,
                    xywh,
                    score: record.score,
                    segmentation: record.segmentation,
                })
            })
            .collect();
        for result in parsed {
            f(result?)?;
        }
    }
    Ok(())
}
