//! COCO's files: ground truth and results, to columns and to a report.
//!
//! The rules are those of pycocotools (`COCO`, `loadRes`, `COCOeval`), so that the numbers are equal:
//!
//! - Images and categories are evaluated by ascending id. Annotations and results of an image or category that the ground truth does not
//!   list are left out, except that results of an unknown image are an error.
//! - If the first result has a box, the area of every result is that of its box, and one without a segmentation is the rectangle
//!   of its box; if not, the area and box of every result are those of its mask.
//! - `ignore` in the ground truth has no effect; `iscrowd` has. A missing `iscrowd` is 0.
//!
//! What pycocotools does silently or by crashing is a counted warning or an error here.

mod records;
mod results;
mod scan;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use guideway_core::Reporter;
use guideway_core::mask::Rle;
use rayon::prelude::*;
use serde::de::IgnoredAny;

pub use records::CocoId;
use records::{
    BoxField, CategoryRecord, ImageRecord, LabelRecord, MaskProblem, ResultRecord, Segmentation, Shape, box_polygon,
};
pub use results::{CocoIndex, CocoResult, each_result, read_index};
use scan::Scanner;

use super::arrays::{Detections, GroundTruth};
use super::matching::{Matches, match_detections};
use super::params::{CocoParams, IouType};
use super::summary::{CategoryReport, CocoReport, summarize, summarize_class};
use crate::error::EvalError;
use crate::warnings::Warnings;

/// A file's bytes and its name for messages.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Name: the path, or what the user calls it.
    pub name: &'a str,
    /// Content.
    pub bytes: &'a [u8],
}

/// A ground-truth file as columns. Images and categories are numbered by ascending id.
#[derive(Debug, Clone, PartialEq)]
pub struct CocoTruth {
    /// Labels, without those of unknown images and categories.
    pub truth: GroundTruth,
    /// Id of each image index.
    pub image_ids: Vec<CocoId>,
    /// File name of each image index; its id where the file gives none.
    pub image_names: Vec<String>,
    /// Id of each class index.
    pub category_ids: Vec<CocoId>,
    /// Name of each class index; its id where the file gives none.
    pub category_names: Vec<String>,
    /// Place of each label's row in the file's `annotations`.
    pub annotation_rows: Vec<u32>,
    /// Id of each label's row.
    pub annotation_ids: Vec<CocoId>,
    /// Annotations in the file, those that are left out included.
    pub annotations: u64,
    /// Height and width of each image index, where given.
    sizes: Vec<Option<[u32; 2]>>,
}

/// A results file as columns.
#[derive(Debug, Clone, PartialEq)]
pub struct CocoResults {
    /// Detections, without those of unknown categories.
    pub detections: Detections,
    /// Place of each detection's row in the file.
    pub rows: Vec<u32>,
    /// Results in the file, those that are left out included.
    pub results: u64,
}

/// Evaluates a results file against a ground-truth file, both in memory.
///
/// ```
/// use guideway_core::Silent;
/// use guideway_eval::coco::files::{Input, evaluate_files};
/// use guideway_eval::coco::{CocoParams, IouType};
///
/// let gt = br#"{"images": [{"id": 7}], "categories": [{"id": 1, "name": "car"}],
///     "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 0}]}"#;
/// let dt = br#"[{"image_id": 7, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.5}]"#;
/// let gt = Input { name: "gt.json", bytes: gt };
/// let dt = Input { name: "dt.json", bytes: dt };
/// let report = evaluate_files(gt, dt, IouType::Bbox, &CocoParams::default(), &Silent)?;
/// assert!((report.stat("AP").unwrap() - 1.0).abs() < 1e-9);
/// # Ok::<(), guideway_eval::EvalError>(())
/// ```
pub fn evaluate_files(
    gt: Input<'_>,
    dt: Input<'_>,
    iou_type: IouType,
    params: &CocoParams,
    reporter: &dyn Reporter,
) -> Result<CocoReport, EvalError> {
    let truth = read_truth(gt, iou_type, reporter)?;
    let results = read_results(dt, &truth, iou_type, reporter)?;
    Ok(evaluate(&truth, &results, iou_type, params)?.0)
}

/// [`evaluate_files`] with files on disk.
pub fn evaluate_paths(
    gt: &Path,
    dt: &Path,
    iou_type: IouType,
    params: &CocoParams,
    reporter: &dyn Reporter,
) -> Result<CocoReport, EvalError> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| EvalError::Io {
            path: path.to_owned(),
            source,
        })
    };
    let (gt_bytes, dt_bytes) = (read(gt)?, read(dt)?);
    let (gt, dt) = (gt.display().to_string(), dt.display().to_string());
    let gt = Input {
        name: &gt,
        bytes: &gt_bytes,
    };
    let dt = Input {
        name: &dt,
        bytes: &dt_bytes,
    };
    evaluate_files(gt, dt, iou_type, params, reporter)
}

/// Evaluates results against the ground truth that they were read for: the report, and the matches for everything else.
pub fn evaluate(
    truth: &CocoTruth,
    results: &CocoResults,
    iou_type: IouType,
    params: &CocoParams,
) -> Result<(CocoReport, Matches), EvalError> {
    let matches = match_detections(&truth.truth, &results.detections, iou_type, params)?;
    let accumulated = matches.accumulate(None)?;
    let per_category = if params.class_agnostic {
        Vec::new()
    } else {
        matches
            .per_class
            .iter()
            .enumerate()
            .map(|(place, class)| CategoryReport {
                id: truth.category_ids[class.class as usize].to_string(),
                name: truth.category_names[class.class as usize].clone(),
                support: accumulated.support(Some(place), 0),
                stats: summarize_class(params, &accumulated, place),
            })
            .collect()
    };
    let report = CocoReport {
        iou_type,
        stats: summarize(params, &accumulated),
        per_category,
        images: truth.image_ids.len() as u64,
        labels: truth.annotations,
        crowds: truth.truth.crowd.iter().filter(|crowd| **crowd).count() as u64,
        detections: results.results,
    };
    Ok((report, matches))
}

/// Reads a ground-truth file. Masks are read for `segm` alone.
pub fn read_truth(input: Input<'_>, iou_type: IouType, reporter: &dyn Reporter) -> Result<CocoTruth, EvalError> {
    match iou_type {
        IouType::Bbox => read_truth_as::<IgnoredAny>(input, iou_type, reporter),
        IouType::Segm => read_truth_as::<Segmentation>(input, iou_type, reporter),
    }
}

fn read_truth_as<S: Shape>(
    input: Input<'_>,
    iou_type: IouType,
    reporter: &dyn Reporter,
) -> Result<CocoTruth, EvalError> {
    let scanner = Scanner::new(input);
    let start = scanner.start();
    if scanner.byte(start) == Some(b'[') {
        return Err(scanner.error(
            "expected a ground-truth object with `images`, found an array: these are results",
            start,
        ));
    }
    let (members, end) = scanner.members(start)?;
    scanner.finish(end)?;
    // as in Python, the last of equal keys counts
    let mut values: BTreeMap<&[u8], std::ops::Range<usize>> = BTreeMap::new();
    for (key, span) in members {
        values.insert(key, span);
    }
    let array = |name: &'static str| {
        let span = values
            .remove(name.as_bytes())
            .ok_or_else(|| scanner.error(&format!("expected `{name}` in the ground truth"), start))?;
        Ok::<_, EvalError>(scanner.elements(span.start)?.0)
    };
    let mut array = array;
    let images: Vec<ImageRecord> = scanner.parse("images", &array("images")?)?;
    let categories: Vec<CategoryRecord> = scanner.parse("categories", &array("categories")?)?;
    let labels: Vec<LabelRecord<S>> = scanner.parse("annotations", &array("annotations")?)?;
    for (key, span) in values {
        // not needed, but a file that is not JSON must not pass
        scanner.record::<IgnoredAny>(&String::from_utf8_lossy(key), 0, &span)?;
    }

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
    let sizes: Vec<Option<[u32; 2]>> = images
        .values()
        .map(|image| image_size(image.height, image.width))
        .collect();
    let mut out = CocoTruth {
        truth: GroundTruth::new(count(images.len()), count(categories.len())),
        image_names: images
            .values()
            .map(|image| image.file_name.clone().unwrap_or_else(|| image.id.to_string()))
            .collect(),
        category_names: categories
            .values()
            .map(|category| category.name.clone().unwrap_or_else(|| category.id.to_string()))
            .collect(),
        image_ids: images.into_keys().collect(),
        category_ids: categories.into_keys().collect(),
        annotation_rows: Vec::new(),
        annotation_ids: Vec::new(),
        annotations: labels.len() as u64,
        sizes,
    };
    out.truth.image_size = out
        .sizes
        .iter()
        .map(|size| size.map(|[height, width]| [width, height]))
        .collect();

    let image_table = IdTable::new(&out.image_ids);
    let class_table = IdTable::new(&out.category_ids);
    // the kept records with their image and class
    let mut kept = Vec::with_capacity(labels.len());
    let mut seen: HashSet<&CocoId> = HashSet::with_capacity(labels.len());
    for (index, record) in labels.iter().enumerate() {
        if !seen.insert(&record.id) {
            warnings.add(
                "duplicate-annotation",
                format!("annotation id {} occurs more than once, all count", record.id),
            );
        }
        let Some(image) = image_table.get(&record.image_id) else {
            warnings.add(
                "unknown-image",
                format!(
                    "annotation of image id {}, which is not listed, left out",
                    record.image_id
                ),
            );
            continue;
        };
        let Some(class) = class_table.get(&record.category_id) else {
            warnings.add(
                "unknown-category",
                format!(
                    "annotation of category id {}, which is not listed, left out",
                    record.category_id
                ),
            );
            continue;
        };
        kept.push((index, record, image, class));
    }

    let masks: Option<Vec<Rle>> = match iou_type {
        IouType::Bbox => None,
        IouType::Segm => {
            let made: Vec<_> = kept
                .par_iter()
                .map(|(index, record, image, _)| {
                    let segmentation = record.segmentation.segmentation().unwrap_or(&Segmentation::Missing);
                    segmentation
                        .to_rle(out.sizes[*image as usize])
                        .map_err(|problem| mask_error(problem, "annotations", *index, input.name))
                })
                .collect();
            Some(made.into_iter().collect::<Result<_, _>>()?)
        }
    };
    let t = &mut out.truth;
    for (row, (index, record, image, class)) in kept.into_iter().enumerate() {
        let mask = masks.as_ref().map(|masks| &masks[row]);
        let xywh = match (record.bbox, mask) {
            (BoxField::Four(xywh), _) => xywh,
            (_, Some(mask)) => mask.bbox().to_xywh(),
            _ => return Err(incomplete("annotations", index, "has no `bbox`", input.name)),
        };
        if xywh[2] < 0.0 || xywh[3] < 0.0 {
            warnings.add(
                "negative-size",
                format!("annotations[{index}] has a negative width or height, and matches nothing"),
            );
        }
        t.push(image, class, xywh);
        let area = match (record.area, mask) {
            (Some(area), _) => area,
            (None, mask) => {
                warnings.add(
                    "missing-area",
                    format!("annotations[{index}] has no `area`, that of its mask or box is taken"),
                );
                mask.map_or(xywh[2] * xywh[3], |mask| mask.area() as f64)
            }
        };
        t.area[row] = area;
        t.crowd[row] = record.iscrowd.0;
        if record.ignore.0 && !record.iscrowd.0 {
            warnings.add(
                "ignore-without-effect",
                format!("annotations[{index}] has `ignore`, which has no effect in COCO's evaluation"),
            );
        }
        if record.id == CocoId::Number(0) {
            t.zero_id = Some(count(row));
            warnings.add(
                "annotation-id-0",
                "annotation id 0: COCO's evaluation counts a detection of it as a false positive; number annotations from 1",
            );
        }
        out.annotation_rows.push(count(index));
        out.annotation_ids.push(record.id.clone());
    }
    t.masks = masks;
    warnings.send(reporter);
    Ok(out)
}

/// Reads a results file for a ground truth. Masks are read for `segm`, and where they stand in for boxes.
pub fn read_results(
    input: Input<'_>,
    truth: &CocoTruth,
    iou_type: IouType,
    reporter: &dyn Reporter,
) -> Result<CocoResults, EvalError> {
    let scanner = Scanner::new(input);
    let start = scanner.start();
    if scanner.byte(start) != Some(b'[') {
        return Err(scanner.error("expected an array of results", start));
    }
    let (spans, end) = scanner.elements(start)?;
    scanner.finish(end)?;
    // the first result decides what all of them are
    let boxes = match spans.first() {
        None => {
            let mut warnings = Warnings::new(input.name);
            warnings.add("empty-results", "there are no results");
            warnings.send(reporter);
            true
        }
        Some(span) => {
            let first: ResultRecord<Segmentation> = scanner.record("results", 0, span)?;
            match first.bbox {
                BoxField::Four(_) => true,
                BoxField::Missing | BoxField::Empty => {
                    if first.segmentation == Segmentation::Missing {
                        return Err(incomplete(
                            "results",
                            0,
                            "has neither `bbox` nor `segmentation`",
                            input.name,
                        ));
                    }
                    false
                }
            }
        }
    };
    if boxes && iou_type == IouType::Bbox {
        let records = scanner.parse::<ResultRecord<IgnoredAny>>("results", &spans)?;
        read_results_as(input, &records, boxes, truth, iou_type, reporter)
    } else {
        let records = scanner.parse::<ResultRecord<Segmentation>>("results", &spans)?;
        read_results_as(input, &records, boxes, truth, iou_type, reporter)
    }
}

fn read_results_as<S: Shape>(
    input: Input<'_>,
    records: &[ResultRecord<S>],
    boxes: bool,
    truth: &CocoTruth,
    iou_type: IouType,
    reporter: &dyn Reporter,
) -> Result<CocoResults, EvalError> {
    let mut warnings = Warnings::new(input.name);
    let image_table = IdTable::new(&truth.image_ids);
    let class_table = IdTable::new(&truth.category_ids);
    let mut unknown: Option<(usize, usize)> = None;
    let mut kept = Vec::with_capacity(records.len());
    for (index, record) in records.iter().enumerate() {
        let Some(image) = image_table.get(&record.image_id) else {
            unknown = Some(unknown.map_or((index, 1), |(first, count)| (first, count + 1)));
            continue;
        };
        let Some(class) = class_table.get(&record.category_id) else {
            warnings.add(
                "unknown-category",
                format!(
                    "result of category id {}, which the ground truth does not list, left out",
                    record.category_id
                ),
            );
            continue;
        };
        kept.push((index, record, image, class));
    }
    if let Some((index, count)) = unknown {
        return Err(EvalError::UnknownImages {
            count,
            index,
            image_id: records[index].image_id.to_string(),
            file: input.name.to_owned(),
        });
    }

    let need_masks = iou_type == IouType::Segm || !boxes;
    let masks: Option<Vec<Rle>> = if need_masks {
        let made: Vec<_> = kept
            .par_iter()
            .map(|(index, record, image, _)| {
                let size = truth.sizes[*image as usize];
                let made = match (record.segmentation.segmentation(), record.bbox) {
                    (None | Some(Segmentation::Missing), BoxField::Four(xywh)) if boxes => {
                        Segmentation::Polygons(vec![box_polygon(xywh)]).to_rle(size)
                    }
                    (None, _) => Err(MaskProblem::Missing),
                    (Some(segmentation), _) => segmentation.to_rle(size),
                };
                made.map_err(|problem| mask_error(problem, "results", *index, input.name))
            })
            .collect();
        Some(made.into_iter().collect::<Result<_, _>>()?)
    } else {
        None
    };

    let mut out = CocoResults {
        detections: Detections::default(),
        rows: Vec::with_capacity(kept.len()),
        results: records.len() as u64,
    };
    let d = &mut out.detections;
    for (row, (index, record, image, class)) in kept.into_iter().enumerate() {
        let mask = masks.as_ref().map(|masks| &masks[row]);
        let xywh = match (record.bbox, mask) {
            (BoxField::Four(xywh), _) => xywh,
            (_, Some(mask)) if !boxes => mask.bbox().to_xywh(),
            _ => {
                return Err(incomplete(
                    "results",
                    index,
                    "has no `bbox`, unlike the first result",
                    input.name,
                ));
            }
        };
        if xywh[2] < 0.0 || xywh[3] < 0.0 {
            warnings.add(
                "negative-size",
                format!("results[{index}] has a negative width or height, and matches nothing"),
            );
        }
        if !(0.0..=1.0).contains(&record.score) {
            warnings.add(
                "score-range",
                format!("results[{index}] has score {}, outside 0 to 1", record.score),
            );
        }
        if let (Some(mask), Some([height, width])) = (mask, truth.sizes[image as usize])
            && (mask.height() != height || mask.width() != width)
        {
            warnings.add(
                "mask-size",
                format!(
                    "results[{index}] has a mask of {} × {} in an image of {width} × {height}, and matches no mask of the image's size",
                    mask.width(),
                    mask.height()
                ),
            );
        }
        d.push(image, class, xywh, record.score);
        if let (false, Some(mask)) = (boxes, mask) {
            d.area[row] = mask.area() as f64;
        }
        out.rows.push(count(index));
    }
    if iou_type == IouType::Segm {
        d.masks = masks;
    }
    warnings.send(reporter);
    Ok(out)
}

fn incomplete(array: &'static str, index: usize, problem: &str, file: &str) -> EvalError {
    EvalError::Incomplete {
        array,
        index,
        problem: problem.to_owned(),
        file: file.to_owned(),
    }
}

fn mask_error(problem: MaskProblem, array: &'static str, index: usize, file: &str) -> EvalError {
    match problem {
        MaskProblem::Missing => incomplete(array, index, "has no `segmentation`", file),
        MaskProblem::NoImageSize => incomplete(
            array,
            index,
            "has polygons, and its image has no `width` and `height`",
            file,
        ),
        MaskProblem::Broken(source) => EvalError::Mask {
            array,
            index,
            file: file.to_owned(),
            source,
        },
    }
}

/// A number of records; files that hold more than 2^32 of them do not fit in memory, and columns are checked before use.
fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn image_size(height: Option<f64>, width: Option<f64>) -> Option<[u32; 2]> {
    let whole =
        |value: f64| (value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value)).then_some(value as u32);
    Some([whole(height?)?, whole(width?)?])
}

/// Records by ascending id, the last of equal ones.
fn unique<T>(records: Vec<T>, id: impl Fn(&T) -> CocoId, mut twice: impl FnMut(&CocoId)) -> BTreeMap<CocoId, T> {
    let mut map = BTreeMap::new();
    for record in records {
        let id = id(&record);
        if map.contains_key(&id) {
            twice(&id);
        }
        map.insert(id, record);
    }
    map
}

/// From ids to indices; quick for numbers of the usual size, since every record asks twice.
struct IdTable<'a> {
    dense: Vec<u32>,
    map: HashMap<&'a CocoId, u32>,
}

impl<'a> IdTable<'a> {
    const ABSENT: u32 = u32::MAX;
    const DENSE_LIMIT: usize = 1 << 22;

    fn new(ids: &'a [CocoId]) -> Self {
        let mut table = Self {
            dense: Vec::new(),
            map: HashMap::new(),
        };
        for (index, id) in ids.iter().enumerate() {
            match Self::small(id) {
                Some(place) => {
                    if table.dense.len() <= place {
                        table.dense.resize(place + 1, Self::ABSENT);
                    }
                    table.dense[place] = index as u32;
                }
                None => {
                    table.map.insert(id, index as u32);
                }
            }
        }
        table
    }

    fn get(&self, id: &CocoId) -> Option<u32> {
        match Self::small(id) {
            Some(place) => self.dense.get(place).copied().filter(|index| *index != Self::ABSENT),
            None => self.map.get(id).copied(),
        }
    }

    fn small(id: &CocoId) -> Option<usize> {
        match id {
            CocoId::Number(number) => usize::try_from(*number).ok().filter(|place| *place < Self::DENSE_LIMIT),
            CocoId::Text(_) => None,
        }
    }
}
