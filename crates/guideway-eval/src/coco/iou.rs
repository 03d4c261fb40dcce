//! Intersection over union with COCO's arithmetic.

use guideway_core::mask::Rle;
use rayon::prelude::*;

use super::arrays::{Detections, GroundTruth};
use super::params::IouType;

/// IoU of a detection's and a label's box (x, y, width, height), operation for operation as COCO's `bbIou`: thresholds
/// are compared with `>=`, so that the last bit can decide. Against a crowd it is the intersection over the
/// detection's own area.
pub fn box_iou(detection: [f64; 4], label: [f64; 4], crowd: bool) -> f64 {
    let w = (detection[2] + detection[0]).min(label[2] + label[0]) - detection[0].max(label[0]);
    if w <= 0.0 {
        return 0.0;
    }
    let h = (detection[3] + detection[1]).min(label[3] + label[1]) - detection[1].max(label[1]);
    if h <= 0.0 {
        return 0.0;
    }
    let intersection = w * h;
    let own = detection[2] * detection[3];
    let union = if crowd {
        own
    } else {
        own + label[2] * label[3] - intersection
    };
    intersection / union
}

/// What a pair is compared by.
pub(crate) enum Geometry<'a> {
    Boxes {
        labels: &'a [[f64; 4]],
        detections: &'a [[f64; 4]],
    },
    Masks {
        labels: &'a [Rle],
        detections: &'a [Rle],
        /// Boxes and areas around the masks: most pairs do not touch, and this tells cheaply.
        label_extents: Vec<Extent>,
        detection_extents: Vec<Extent>,
    },
}

#[derive(Clone, Copy)]
pub(crate) struct Extent {
    bbox: [f64; 4],
    area: u64,
}

impl<'a> Geometry<'a> {
    /// Masks for `segm` where both sides have them (the columns have been validated), else boxes.
    pub(crate) fn new(truth: &'a GroundTruth, detections: &'a Detections, iou_type: IouType) -> Self {
        let extent = |mask: &Rle| Extent {
            bbox: mask.bbox().to_xywh(),
            area: mask.area(),
        };
        match (iou_type, &truth.masks, &detections.masks) {
            (IouType::Segm, Some(labels), Some(masks)) => Self::Masks {
                labels,
                detections: masks,
                label_extents: labels.par_iter().map(extent).collect(),
                detection_extents: masks.par_iter().map(extent).collect(),
            },
            _ => Self::Boxes {
                labels: &truth.boxes,
                detections: &detections.boxes,
            },
        }
    }

    /// IoU of a detection's row with a label's row. Masks of different sizes never match.
    pub(crate) fn iou(&self, detection: u32, label: u32, crowd: bool) -> f64 {
        let (d, g) = (detection as usize, label as usize);
        match self {
            Self::Boxes { labels, detections } => box_iou(detections[d], labels[g], crowd),
            Self::Masks {
                labels,
                detections,
                label_extents,
                detection_extents,
            } => {
                let (de, ge) = (detection_extents[d], label_extents[g]);
                let (dm, gm) = (&detections[d], &labels[g]);
                let touching = box_iou(de.bbox, ge.bbox, crowd) > 0.0;
                if !touching || dm.height() != gm.height() || dm.width() != gm.width() {
                    return 0.0;
                }
                let intersection = dm.intersection_area(gm);
                if intersection == 0 {
                    return 0.0;
                }
                let union = if crowd {
                    de.area
                } else {
                    (de.area + ge.area).saturating_sub(intersection)
                };
                intersection as f64 / union as f64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_follow_the_reference() {
        let a = [0.0, 0.0, 10.0, 10.0];
        assert_eq!(box_iou(a, a, false), 1.0);
        assert_eq!(box_iou(a, [10.0, 0.0, 10.0, 10.0], false), 0.0);
        assert_eq!(box_iou(a, [5.0, 0.0, 10.0, 10.0], false), 50.0 / 150.0);
        assert_eq!(box_iou([2.0, 2.0, 2.0, 2.0], a, true), 1.0);
        assert_eq!(box_iou([0.0, 0.0, -3.0, 2.0], a, false), 0.0);
        assert_eq!(box_iou([0.0; 4], [0.0; 4], false), 0.0);
    }
}
