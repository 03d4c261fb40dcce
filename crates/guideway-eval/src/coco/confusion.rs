//! What is taken for what.

use rayon::prelude::*;

use super::arrays::{Detections, GroundTruth};
use super::iou::Geometry;
use super::params::{CocoParams, IouType};
use crate::error::EvalError;

/// Labels by class against detections by class. The last row and column are the background.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Confusion {
    /// Number of classes, without the background.
    pub classes: u32,
    /// Counts: `counts[label_class * (classes + 1) + detection_class]`. The row `classes` has detections of nothing, the column
    /// `classes` has labels that nothing was matched to.
    pub counts: Vec<u64>,
    /// Detections that are on ignored or crowd labels alone, and so not counted.
    pub ignored: u64,
}

impl Confusion {
    /// Labels of a class (`None`: background) taken for a class (`None`: background).
    pub fn get(&self, label: Option<u32>, detection: Option<u32>) -> u64 {
        let side = self.classes as usize + 1;
        let row = label.unwrap_or(self.classes) as usize;
        let column = detection.unwrap_or(self.classes) as usize;
        if row >= side || column >= side {
            return 0;
        }
        self.counts.get(row * side + column).copied().unwrap_or(0)
    }
}

/// Most classes of a confusion matrix: half a gigabyte of counts.
const MAX_CLASSES: u32 = 8192;

/// Counts what is taken for what, among detections that score at least `min_score`.
///
/// Within an image, pairs of a counted label and a detection of whatever class with an IoU of at least `iou_threshold` are
/// joined one to one, the highest IoU first; at equal IoU a pair of one class comes first, then the higher score, then the
/// lower rows. A detection left over is background, unless it reaches the threshold with an ignored or crowd label.
/// Classes that the parameters leave out are left out; so are detections beyond the largest `max_dets` per image and class.
pub fn confusion(
    truth: &GroundTruth,
    detections: &Detections,
    iou_type: IouType,
    params: &CocoParams,
    iou_threshold: f64,
    min_score: f64,
) -> Result<Confusion, EvalError> {
    if truth.classes > MAX_CLASSES {
        return Err(EvalError::Parameter {
            parameter: "classes",
            problem: format!(
                "a confusion matrix of {} classes is too large, it takes at most {MAX_CLASSES}",
                truth.classes
            ),
        });
    }
    let states = super::assign(truth, detections, iou_type, params, iou_threshold, min_score)?;
    let geometry = Geometry::new(truth, detections, iou_type);
    let keep_class = |class: u32| params.classes.as_ref().is_none_or(|classes| classes.contains(&class));
    let labels = by_image(truth.images, &truth.image, |row| keep_class(truth.class[row]));
    let kept = by_image(truth.images, &detections.image, |row| {
        states.detection[row] != super::DetectionState::Dropped
    });
    let classes = truth.classes;
    let side = classes as usize + 1;

    // (label class, detection class) of every pair and leftover, in the order of the images
    let images: Vec<(Vec<(u32, u32)>, u64)> = labels
        .par_iter()
        .zip(&kept)
        .map(|(labels, kept)| {
            let mut pairs = Vec::new();
            let mut on_ignored = vec![false; kept.len()];
            for (d, detection) in kept.iter().enumerate() {
                for (g, label) in labels.iter().enumerate() {
                    let row = *label as usize;
                    let iou = geometry.iou(*detection, *label, truth.crowd[row]);
                    if iou >= iou_threshold {
                        if truth.is_counted(row) {
                            pairs.push((iou, d, g));
                        } else {
                            on_ignored[d] = true;
                        }
                    }
                }
            }
            let differs = |d: usize, g: usize| detections.class[kept[d] as usize] != truth.class[labels[g] as usize];
            pairs.sort_by(|a, b| {
                b.0.total_cmp(&a.0)
                    .then(differs(a.1, a.2).cmp(&differs(b.1, b.2)))
                    .then_with(|| detections.score[kept[b.1] as usize].total_cmp(&detections.score[kept[a.1] as usize]))
                    .then((a.1, a.2).cmp(&(b.1, b.2)))
            });
            let mut found = Vec::new();
            let mut used_detection = vec![false; kept.len()];
            let mut used_label = vec![false; labels.len()];
            for (_, d, g) in pairs {
                if !used_detection[d] && !used_label[g] {
                    used_detection[d] = true;
                    used_label[g] = true;
                    found.push((truth.class[labels[g] as usize], detections.class[kept[d] as usize]));
                }
            }
            let mut ignored = 0;
            for (d, detection) in kept.iter().enumerate() {
                if used_detection[d] {
                    continue;
                }
                if on_ignored[d] {
                    ignored += 1;
                } else {
                    found.push((classes, detections.class[*detection as usize]));
                }
            }
            for (g, label) in labels.iter().enumerate() {
                if !used_label[g] && truth.is_counted(*label as usize) {
                    found.push((truth.class[*label as usize], classes));
                }
            }
            (found, ignored)
        })
        .collect();

    let mut result = Confusion {
        classes,
        counts: vec![0; side * side],
        ignored: 0,
    };
    for (found, ignored) in images {
        result.ignored += ignored;
        for (label, detection) in found {
            result.counts[label as usize * side + detection as usize] += 1;
        }
    }
    Ok(result)
}

/// Rows of each image.
pub(crate) fn by_image(images: u32, image: &[u32], keep: impl Fn(usize) -> bool) -> Vec<Vec<u32>> {
    let mut rows = vec![Vec::new(); images as usize];
    for (row, image) in image.iter().enumerate() {
        if keep(row) {
            rows[*image as usize].push(row as u32);
        }
    }
    rows
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
mod tests {
    use super::*;

    #[test]
    fn pairs_go_by_iou_over_all_classes() {
        let mut truth = GroundTruth::new(1, 2);
        truth.push(0, 0, [0.0, 0.0, 10.0, 10.0]);
        truth.push(0, 1, [50.0, 0.0, 10.0, 10.0]);
        truth.push(0, 1, [80.0, 0.0, 10.0, 10.0]);
        truth.push(0, 0, [100.0, 0.0, 50.0, 50.0]);
        truth.crowd[3] = true;
        let mut det = Detections::default();
        det.push(0, 1, [0.0, 0.0, 10.0, 10.0], 0.6); // class 1 exactly on the label of class 0
        det.push(0, 0, [1.0, 0.0, 10.0, 10.0], 0.9); // class 0 less exactly: left over
        det.push(0, 1, [50.0, 0.0, 10.0, 10.0], 0.9);
        det.push(0, 1, [80.0, 0.0, 10.0, 10.0], 0.2); // below the score threshold
        det.push(0, 0, [110.0, 10.0, 5.0, 5.0], 0.9); // inside the crowd
        let c = confusion(&truth, &det, IouType::Bbox, &CocoParams::default(), 0.5, 0.5).unwrap();
        assert_eq!(c.get(Some(0), Some(1)), 1);
        assert_eq!(c.get(None, Some(0)), 1);
        assert_eq!(c.get(Some(1), Some(1)), 1);
        assert_eq!(c.get(Some(1), None), 1);
        assert_eq!(c.ignored, 1);
        assert_eq!(c.counts.iter().sum::<u64>(), 4);
    }
}
