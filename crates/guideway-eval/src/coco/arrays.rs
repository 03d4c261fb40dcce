//! Labels and predictions as columns.

use guideway_core::mask::Rle;

use super::params::IouType;
use crate::columns::{check_finite, check_index, check_len, check_rows};
use crate::error::{EvalError, Side};

/// Labels: one entry per object in every column.
///
/// Images and classes are named by their index, from 0. Their order matters for ties alone: detections of one class and
/// equal score are ranked by image index, then by row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroundTruth {
    /// Number of images, those without labels included.
    pub images: u32,
    /// Number of classes.
    pub classes: u32,
    /// Image of each label.
    pub image: Vec<u32>,
    /// Class of each label.
    pub class: Vec<u32>,
    /// Box of each label: x, y, width, height, px.
    pub boxes: Vec<[f64; 4]>,
    /// Area that decides between small, medium and large, px²: of the mask, where the source has one.
    pub area: Vec<f64>,
    /// Is it a crowd region? It takes any number of detections, and neither they nor it are counted.
    pub crowd: Vec<bool>,
    /// Is it to be ignored? It takes one detection, and neither is counted.
    pub ignore: Vec<bool>,
    /// Mask of each label, for masks.
    pub masks: Option<Vec<Rle>>,
    /// Fraction outside the image, 0 to 1, where known: names truncated objects as a cause of mistakes.
    pub truncation: Option<Vec<f64>>,
    /// Width and height of each image, px, where known: objects that touch the border count as truncated.
    pub image_size: Option<Vec<[u32; 2]>>,
    /// The label that has the annotation id 0 in a COCO file. pycocotools writes a match as the label's id and reads 0 as
    /// "no match", so that a detection matched to this label counts as a false positive there. To give the same
    /// numbers, so it does here. `None` everywhere else.
    pub zero_id: Option<u32>,
}

/// Predictions: one entry per object in every column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detections {
    /// Image of each detection.
    pub image: Vec<u32>,
    /// Class of each detection.
    pub class: Vec<u32>,
    /// Box of each detection: x, y, width, height, px.
    pub boxes: Vec<[f64; 4]>,
    /// Confidence of each detection. Only the order matters to AP.
    pub score: Vec<f64>,
    /// Area that decides between small, medium and large, px².
    pub area: Vec<f64>,
    /// Mask of each detection, for masks.
    pub masks: Option<Vec<Rle>>,
}

impl GroundTruth {
    /// No labels yet, on this many images and classes.
    pub fn new(images: u32, classes: u32) -> Self {
        Self {
            images,
            classes,
            ..Self::default()
        }
    }

    /// Adds a plain label without mask; its area is the box's. `xywh` in px.
    pub fn push(&mut self, image: u32, class: u32, xywh: [f64; 4]) {
        self.image.push(image);
        self.class.push(class);
        self.boxes.push(xywh);
        self.area.push(xywh[2] * xywh[3]);
        self.crowd.push(false);
        self.ignore.push(false);
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.image.len()
    }

    /// No labels at all?
    pub fn is_empty(&self) -> bool {
        self.image.is_empty()
    }

    /// Neither a crowd nor to be ignored?
    pub fn is_counted(&self, row: usize) -> bool {
        !self.crowd[row] && !self.ignore[row]
    }

    /// Are the columns whole and the numbers finite?
    pub fn validate(&self, iou_type: IouType) -> Result<(), EvalError> {
        let side = Side::GroundTruth;
        let n = check_rows(side, self.len())?;
        check_len(side, "class", n, self.class.len())?;
        check_len(side, "boxes", n, self.boxes.len())?;
        check_len(side, "area", n, self.area.len())?;
        check_len(side, "crowd", n, self.crowd.len())?;
        check_len(side, "ignore", n, self.ignore.len())?;
        if let Some(truncation) = &self.truncation {
            check_len(side, "truncation", n, truncation.len())?;
        }
        if let Some(size) = &self.image_size {
            check_len(side, "image_size", self.images as usize, size.len())?;
        }
        check_masks(side, iou_type, n, self.masks.as_deref())?;
        check_index(side, "image", &self.image, self.images)?;
        check_index(side, "class", &self.class, self.classes)?;
        check_boxes(side, &self.boxes)?;
        check_finite(side, "area", &self.area)
    }
}

impl Detections {
    /// Adds a detection without mask; its area is the box's. `xywh` in px.
    pub fn push(&mut self, image: u32, class: u32, xywh: [f64; 4], score: f64) {
        self.image.push(image);
        self.class.push(class);
        self.boxes.push(xywh);
        self.score.push(score);
        self.area.push(xywh[2] * xywh[3]);
    }

    /// Number of detections.
    pub fn len(&self) -> usize {
        self.image.len()
    }

    /// No detections at all?
    pub fn is_empty(&self) -> bool {
        self.image.is_empty()
    }

    /// Are the columns whole and the numbers finite, for the images and classes of this ground truth?
    pub fn validate(&self, truth: &GroundTruth, iou_type: IouType) -> Result<(), EvalError> {
        let side = Side::Detections;
        let n = check_rows(side, self.len())?;
        check_len(side, "class", n, self.class.len())?;
        check_len(side, "boxes", n, self.boxes.len())?;
        check_len(side, "score", n, self.score.len())?;
        check_len(side, "area", n, self.area.len())?;
        check_masks(side, iou_type, n, self.masks.as_deref())?;
        check_index(side, "image", &self.image, truth.images)?;
        check_index(side, "class", &self.class, truth.classes)?;
        check_boxes(side, &self.boxes)?;
        check_finite(side, "area", &self.area)?;
        check_finite(side, "score", &self.score)
    }
}

fn check_masks(side: Side, iou_type: IouType, rows: usize, masks: Option<&[Rle]>) -> Result<(), EvalError> {
    match (iou_type, masks) {
        (_, Some(masks)) => check_len(side, "masks", rows, masks.len()),
        (IouType::Segm, None) => Err(EvalError::MissingMasks { side }),
        (IouType::Bbox, None) => Ok(()),
    }
}

fn check_boxes(side: Side, boxes: &[[f64; 4]]) -> Result<(), EvalError> {
    for (row, xywh) in boxes.iter().enumerate() {
        if let Some(value) = xywh.iter().find(|value| !value.is_finite()) {
            return Err(EvalError::NotFinite {
                side,
                row,
                column: "boxes",
                value: *value,
            });
        }
    }
    Ok(())
}
