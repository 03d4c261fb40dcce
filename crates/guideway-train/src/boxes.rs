//! From the network's maps to boxes: the grid of cells, decoding, and class-wise non-maximum suppression.

use guideway_core::BBox;

use crate::config::ModelConfig;
use crate::network::EXPONENT;

/// The centre of a cell of a level, in input pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) stride: f64,
}

/// Height and width of each level's map.
pub(crate) fn level_sizes(config: &ModelConfig) -> Vec<[usize; 2]> {
    let size = |stride: &usize| [config.input_height / stride, config.input_width / stride];
    config.strides.iter().map(size).collect()
}

/// The cells of all levels, finest level first, row by row.
pub(crate) fn points(config: &ModelConfig) -> Vec<Point> {
    let mut points = Vec::new();
    for (stride, [height, width]) in config.strides.iter().zip(level_sizes(config)) {
        let stride = *stride as f64;
        for row in 0..height {
            for column in 0..width {
                points.push(Point {
                    x: (column as f64 + 0.5) * stride,
                    y: (row as f64 + 0.5) * stride,
                    stride,
                });
            }
        }
    }
    points
}

impl Point {
    /// The box whose distances to left, top, right and bottom are `exp(value) · stride`.
    pub(crate) fn decode(&self, values: [f32; 4]) -> BBox {
        let reach = |value: f32| f64::from(value.clamp(EXPONENT[0], EXPONENT[1]).exp()) * self.stride;
        let [left, top, right, bottom] = values.map(reach);
        BBox::new(self.x - left, self.y - top, self.x + right, self.y + bottom)
    }
}

/// A box with its score and class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) bbox: BBox,
    pub(crate) score: f32,
    pub(crate) class: usize,
}

/// Candidates that enter the suppression; the rest are weaker than all of these.
const MOST_CANDIDATES: usize = 1000;

/// Keeps the strongest candidates of which no two of one class overlap by more than `iou`; at most `most`, strongest
/// first. Equal scores keep their order.
pub(crate) fn suppress(mut candidates: Vec<Candidate>, iou: f64, most: usize) -> Vec<Candidate> {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    candidates.truncate(MOST_CANDIDATES.max(most));
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        if kept.len() == most {
            break;
        }
        let hidden = kept
            .iter()
            .any(|other| other.class == candidate.class && other.bbox.iou(candidate.bbox) > iou);
        if !hidden {
            kept.push(candidate);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: a candidate stays if no stronger one that stays hides it.
    fn brute_force(candidates: &[Candidate], iou: f64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by(|a, b| candidates[*b].score.total_cmp(&candidates[*a].score).then(a.cmp(b)));
        let mut alive = vec![true; candidates.len()];
        for (rank, &strong) in order.iter().enumerate() {
            if !alive[strong] {
                continue;
            }
            for &weak in &order[rank + 1..] {
                let (a, b) = (candidates[strong], candidates[weak]);
                if a.class == b.class && a.bbox.iou(b.bbox) > iou {
                    alive[weak] = false;
                }
            }
        }
        order.into_iter().filter(|index| alive[*index]).collect()
    }

    proptest! {
        #[test]
        fn suppression_equals_its_definition(
            raw in prop::collection::vec((0.0..80.0, 0.0..80.0, 5.0..60.0, 5.0..60.0, 0_u8..20, 0_usize..3), 0..60),
            iou in 0.0..1.0,
        ) {
            let candidates: Vec<Candidate> = raw
                .into_iter()
                .map(|(x, y, w, h, score, class)| Candidate {
                    bbox: BBox::from_xywh(x, y, w, h),
                    // Few values, so that there are ties.
                    score: f32::from(score) / 20.0,
                    class,
                })
                .collect();
            let expected: Vec<Candidate> = brute_force(&candidates, iou).into_iter().map(|i| candidates[i]).collect();
            prop_assert_eq!(suppress(candidates.clone(), iou, 1000), expected.clone());
            let few: Vec<Candidate> = expected.into_iter().take(5).collect();
            prop_assert_eq!(suppress(candidates, iou, 5), few);
        }
    }

    #[test]
    fn there_is_one_point_per_cell() {
        let config = ModelConfig {
            input_width: 96,
            input_height: 64,
            ..ModelConfig::default()
        };
        let points = points(&config);
        assert_eq!(points.len(), 12 * 8 + 6 * 4 + 3 * 2);
        assert_eq!((points[0].x, points[0].y, points[0].stride), (4.0, 4.0, 8.0));
        let last = points[points.len() - 1];
        assert_eq!((last.x, last.y, last.stride), (80.0, 48.0, 32.0));
    }
}
