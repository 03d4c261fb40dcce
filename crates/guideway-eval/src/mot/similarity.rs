//! How alike two objects are.
//!
//! Three libraries compute the IoU of two boxes in three orders of operations, and a threshold can be met to the last bit, so each metric
//! has the arithmetic of its reference.

use guideway_core::Cuboid;

use crate::assign::PairMatrix;
use crate::mot::params::EPSILON;

/// How the four numbers of a box are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BoxFormat {
    /// Left, top, width, height, px: `MOTChallenge`.
    #[default]
    Xywh,
    /// Left, top, right, bottom, px: KITTI.
    Xyxy,
}

impl BoxFormat {
    /// Left, top, right, bottom.
    pub fn corners(self, b: [f64; 4]) -> [f64; 4] {
        match self {
            Self::Xywh => [b[0], b[1], b[0] + b[2], b[1] + b[3]],
            Self::Xyxy => b,
        }
    }
}

/// Says how alike two objects of a type are, from 0 (nothing in common) to 1 (the same). Functions are comparisons too.
pub trait Compare<T> {
    /// Similarity of a label and a prediction.
    fn similarity(&self, label: &T, prediction: &T) -> f64;
}

impl<T, F: Fn(&T, &T) -> f64> Compare<T> for F {
    fn similarity(&self, label: &T, prediction: &T) -> f64 {
        self(label, prediction)
    }
}

/// Intersection over union of boxes in an image, with `TrackEval`'s arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BoxIou(pub BoxFormat);

impl Compare<[f64; 4]> for BoxIou {
    fn similarity(&self, label: &[f64; 4], prediction: &[f64; 4]) -> f64 {
        let (a, b) = (self.0.corners(*label), self.0.corners(*prediction));
        let (area_a, area_b) = (area(a), area(b));
        let intersection = intersection(a, b);
        let union = area_a + area_b - intersection;
        if area_a <= EPSILON || area_b <= EPSILON || union <= EPSILON {
            0.0
        } else {
            intersection / union
        }
    }
}

/// Distance of the centres as a similarity: `max(0, 1 - distance / zero)`. Points are in metres, in a common frame.
///
/// With `zero` 2 m, the default, a threshold of 0.5 is met within 1 m, as in `MOTChallenge` 3D.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CenterDistance {
    /// Distance at which nothing is left in common, m.
    pub zero: f64,
}

impl Default for CenterDistance {
    fn default() -> Self {
        Self { zero: 2.0 }
    }
}

impl<const N: usize> Compare<[f64; N]> for CenterDistance {
    fn similarity(&self, label: &[f64; N], prediction: &[f64; N]) -> f64 {
        let squares: f64 = label.iter().zip(prediction).map(|(a, b)| (a - b) * (a - b)).sum();
        (1.0 - squares.sqrt() / self.zero).max(0.0)
    }
}

impl Compare<Cuboid> for CenterDistance {
    fn similarity(&self, label: &Cuboid, prediction: &Cuboid) -> f64 {
        self.similarity(&label.center.to_array(), &prediction.center.to_array())
    }
}

/// Similarities of all labels (rows) and predictions (columns).
///
/// ```
/// use guideway_eval::assign::PairMatrix;
/// use guideway_eval::mot::{BoxFormat, BoxIou, CenterDistance, similarities};
///
/// let mut out = PairMatrix::default();
/// similarities(&BoxIou(BoxFormat::Xywh), &[[0.0, 0.0, 2.0, 2.0]], &[[1.0, 0.0, 2.0, 2.0]], &mut out);
/// assert!((out.get(0, 0) - 1.0 / 3.0).abs() < 1e-12);
/// similarities(&CenterDistance { zero: 4.0 }, &[[0.0, 0.0, 0.0]], &[[3.0, 0.0, 0.0]], &mut out);
/// assert_eq!(out.get(0, 0), 0.25);
/// ```
pub fn similarities<T>(compare: &impl Compare<T>, labels: &[T], predictions: &[T], out: &mut PairMatrix) {
    out.fill_with(labels.len(), predictions.len(), |row, column| {
        compare.similarity(&labels[row], &predictions[column])
    });
}

/// Distances `1 - IoU` of boxes `[left, top, width, height]` with motmetrics' arithmetic; NaN beyond `max`.
pub fn iou_distances(labels: &[[f64; 4]], predictions: &[[f64; 4]], max: f64, out: &mut PairMatrix) {
    out.fill_with(labels.len(), predictions.len(), |row, column| {
        let distance = 1.0 - plain_iou(labels[row], predictions[column]);
        if distance > max { f64::NAN } else { distance }
    });
}

fn plain_iou(a: [f64; 4], b: [f64; 4]) -> f64 {
    let (ca, cb) = (BoxFormat::Xywh.corners(a), BoxFormat::Xywh.corners(b));
    let intersection = intersection(ca, cb);
    if intersection == 0.0 {
        return 0.0;
    }
    let positive_area = |c: [f64; 4]| (c[2] - c[0]).max(0.0) * (c[3] - c[1]).max(0.0);
    intersection / (positive_area(ca) + positive_area(cb) - intersection)
}

/// The fraction of a box `[left, top, right, bottom]` that is inside a region; 0 for a box without area.
pub(crate) fn inside(own: [f64; 4], region: [f64; 4]) -> f64 {
    let area = area(own);
    if area > EPSILON {
        intersection(own, region) / area
    } else {
        0.0
    }
}

fn area(c: [f64; 4]) -> f64 {
    (c[2] - c[0]) * (c[3] - c[1])
}

fn intersection(a: [f64; 4], b: [f64; 4]) -> f64 {
    (a[2].min(b[2]) - a[0].max(b[0])).max(0.0) * (a[3].min(b[3]) - a[1].max(b[1])).max(0.0)
}
