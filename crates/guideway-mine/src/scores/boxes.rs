//! Scores of found objects.

use guideway_core::BBox;

use crate::error::MineError;

/// An object that a detector found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Box, px.
    pub bbox: BBox,
    /// Confidence, 0 to 1.
    pub score: f32,
    /// Class.
    pub class: u32,
}

/// When objects of consecutive frames are the same, and when one may come or go.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrackParams {
    /// Least intersection over union of the two boxes. Default 0.3: at 10 frames a second a car moves by a part of its length.
    pub iou: f64,
    /// Objects this near to the border of the image may come and go, as a fraction of its width and height. Default 0.03.
    pub border: f64,
}

impl Default for TrackParams {
    fn default() -> Self {
        Self { iou: 0.3, border: 0.03 }
    }
}

/// Entropy of each object's confidence, bits. Summed it favours crowded frames.
///
/// # Errors
/// [`MineError::OutOfRange`] for a confidence that is no probability.
pub fn detection_entropy(detections: &[Detection], out: &mut Vec<f32>) -> Result<(), MineError> {
    let scores: Vec<f32> = detections.iter().map(|d| d.score).collect();
    super::entropy(&[&scores], out)
}

/// How much consecutive frames contradict each other, for each object of either: objects of one class are paired by their boxes' overlap, the
/// best pair first. A pair contradicts by the difference of its confidences, an object without a partner by its confidence, unless it is at the
/// border of the image. Temporal inconsistency as a sign of errors: Aghdam et al., "Active Learning for Deep Detection Neural Networks", ICCV 2019.
///
/// `size` is the image's width and height, px.
///
/// # Errors
/// [`MineError::OutOfRange`] for a confidence that is no probability.
pub fn track_disagreement(
    before: &[Detection],
    now: &[Detection],
    size: [f64; 2],
    params: &TrackParams,
    out: &mut Vec<f32>,
) -> Result<(), MineError> {
    for (row, d) in before.iter().chain(now).enumerate() {
        if !(0.0..=1.0).contains(&d.score) {
            return Err(MineError::OutOfRange {
                what: "confidence",
                row,
                value: f64::from(d.score),
                allowed: "a probability, 0 to 1",
            });
        }
    }
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (i, a) in before.iter().enumerate() {
        for (j, b) in now.iter().enumerate().filter(|(_, b)| b.class == a.class) {
            let iou = a.bbox.iou(b.bbox);
            if iou >= params.iou {
                pairs.push((iou, i, j));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut free_before, mut free_now) = (vec![true; before.len()], vec![true; now.len()]);
    for (_, i, j) in pairs {
        if free_before[i] && free_now[j] {
            (free_before[i], free_now[j]) = (false, false);
            out.push((before[i].score - now[j].score).abs());
        }
    }
    let [x, y] = [size[0] * params.border, size[1] * params.border];
    let is_inside = |b: &BBox| b.x_min > x && b.y_min > y && b.x_max < size[0] - x && b.y_max < size[1] - y;
    let alone = before.iter().zip(free_before).chain(now.iter().zip(free_now));
    out.extend(
        alone
            .filter(|(d, free)| *free && is_inside(&d.bbox))
            .map(|(d, _)| d.score),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn detection(x: f64, score: f32, class: u32) -> Detection {
        Detection {
            bbox: BBox::new(x, 40.0, x + 10.0, 60.0),
            score,
            class,
        }
    }

    fn disagreement(before: &[Detection], now: &[Detection]) -> Vec<f32> {
        let mut out = Vec::new();
        track_disagreement(before, now, [100.0, 100.0], &TrackParams::default(), &mut out).unwrap();
        out
    }

    #[test]
    fn what_flickers_contradicts() {
        let car = detection(40.0, 0.75, 0);
        assert_eq!(disagreement(&[car], &[detection(42.0, 0.75, 0)]), [0.0]);
        assert_eq!(disagreement(&[car], &[detection(42.0, 0.25, 0)]), [0.5]);
        assert_eq!(disagreement(&[car], &[]), [0.75]);
        assert_eq!(disagreement(&[], &[car]), [0.75]);
        // Another class or another place is another object.
        assert_eq!(disagreement(&[car], &[detection(42.0, 0.5, 1)]), [0.75, 0.5]);
        assert_eq!(disagreement(&[car], &[detection(70.0, 0.5, 0)]), [0.75, 0.5]);
        // What leaves the image may do so.
        assert!(disagreement(&[detection(1.0, 0.9, 0)], &[]).is_empty());
        // The best pair first: the other is alone.
        assert_eq!(
            disagreement(
                &[detection(40.0, 0.5, 0), detection(43.0, 1.0, 0)],
                &[detection(43.0, 1.0, 0)]
            ),
            [0.0, 0.5]
        );
    }

    proptest! {
        #[test]
        fn it_is_the_same_forwards_and_backwards(
            a in prop::collection::vec((0.0_f64..90.0, 0.0_f32..=1.0, 0_u32..2), 0..6),
            b in prop::collection::vec((0.0_f64..90.0, 0.0_f32..=1.0, 0_u32..2), 0..6),
        ) {
            let make = |list: Vec<(f64, f32, u32)>| list.into_iter().map(|(x, s, c)| detection(x, s, c)).collect::<Vec<_>>();
            let (a, b) = (make(a), make(b));
            let sorted = |mut v: Vec<f32>| { v.sort_by(f32::total_cmp); v };
            prop_assert_eq!(sorted(disagreement(&a, &b)), sorted(disagreement(&b, &a)));
            prop_assert!(disagreement(&a, &a).iter().all(|d| *d == 0.0));
        }
    }
}
