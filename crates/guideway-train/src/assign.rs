//! Which cell learns which object: task-aligned assignment.
//!
//! After TOOD (Feng et al. 2021, arXiv:2108.07755): a cell whose centre lies in an object is the better a candidate for
//! it the higher the class score and the overlap that it already reaches, `score^α · iou^β`. The best few learn the
//! object; the target of their class score is their alignment, scaled so that the best one's is its overlap.
//!
//! Two things differ from the paper, because a few hundred images are trained on here from random weights, where early
//! overlaps are small and say little. The power of the overlap is lower, so that an object is learnt by several cells
//! and not by the one that happened to start well; and each cell that learns an object learns its box with at least
//! [`LEAST_WEIGHT`], so that objects whose boxes are still wrong are not the ones that the box loss passes over.

use guideway_core::BBox;

use crate::boxes::Point;
use crate::loader::Target;

/// Cells that learn one object.
const TOP: usize = 10;
/// Power of the score.
const ALPHA: f64 = 0.5;
/// Power of the overlap.
const BETA: f64 = 2.0;
/// Least weight of a cell in the box loss; the most is 1.
const LEAST_WEIGHT: f64 = 0.2;
const TINY: f64 = 1e-9;

/// A cell that learns an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Positive {
    /// Index of the cell.
    pub(crate) point: usize,
    /// Index of the object.
    pub(crate) target: usize,
    /// What its class score should be.
    pub(crate) score: f64,
    /// Its weight in the box loss.
    pub(crate) weight: f64,
}

/// What each cell of one image learns.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Assignment {
    /// By cell.
    pub(crate) positives: Vec<Positive>,
    /// Cells that learn nothing: inside an ignored box and no positive.
    pub(crate) ignored: Vec<usize>,
}

/// Assigns the objects of one image. `score(point, class)` and `bbox(point)` are what the network says now.
pub(crate) fn assign(
    points: &[Point],
    targets: &[Target],
    score: impl Fn(usize, usize) -> f32,
    bbox: impl Fn(usize) -> BBox,
) -> Assignment {
    // Per cell the object that it overlaps most among those that chose it: (iou, alignment, object).
    let mut chosen: Vec<Option<(f64, f64, usize)>> = vec![None; points.len()];
    for (index, target) in targets.iter().enumerate().filter(|(_, target)| !target.ignored) {
        let mut candidates: Vec<(f64, f64, usize)> = Vec::new();
        for (point, place) in points.iter().enumerate() {
            if inside(place, target.bbox) {
                let iou = bbox(point).iou(target.bbox);
                let alignment = f64::from(score(point, target.class)).powf(ALPHA) * iou.powf(BETA);
                candidates.push((alignment, iou, point));
            }
        }
        if candidates.is_empty() {
            // Smaller than a cell and between the centres: the nearest one learns it.
            let distance = |place: &Point| {
                let [x, y] = target.bbox.center();
                (place.x - x).hypot(place.y - y)
            };
            let nearest = (0..points.len()).min_by(|a, b| distance(&points[*a]).total_cmp(&distance(&points[*b])));
            if let Some(point) = nearest {
                candidates.push((TINY, bbox(point).iou(target.bbox), point));
            }
        }
        // Ties, as before any training, go to the cells nearest to the middle of the list's order.
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
        for (alignment, iou, point) in candidates.into_iter().take(TOP) {
            let better = chosen[point].is_none_or(|(other, _, _)| iou > other);
            if better {
                chosen[point] = Some((iou, alignment, index));
            }
        }
    }
    let mut best: Vec<(f64, f64)> = vec![(0.0, 0.0); targets.len()];
    for (iou, alignment, index) in chosen.iter().flatten() {
        let (best_alignment, best_iou) = &mut best[*index];
        *best_alignment = best_alignment.max(*alignment);
        *best_iou = best_iou.max(*iou);
    }
    let mut assignment = Assignment::default();
    for (point, choice) in chosen.iter().enumerate() {
        if let Some((_, alignment, index)) = *choice {
            let (best_alignment, best_iou) = best[index];
            let score = (alignment / best_alignment.max(TINY) * best_iou).clamp(0.0, 1.0);
            assignment.positives.push(Positive {
                point,
                target: index,
                score,
                weight: score.max(LEAST_WEIGHT),
            });
        } else if targets
            .iter()
            .any(|target| target.ignored && inside(&points[point], target.bbox))
        {
            assignment.ignored.push(point);
        }
    }
    assignment
}

fn inside(point: &Point, bbox: BBox) -> bool {
    point.x > bbox.x_min && point.x < bbox.x_max && point.y > bbox.y_min && point.y < bbox.y_max
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::points;
    use crate::config::ModelConfig;

    fn target(bbox: BBox, class: usize, ignored: bool) -> Target {
        Target { bbox, class, ignored }
    }

    #[test]
    fn each_object_is_learnt_where_it_is_and_ignored_ones_nowhere() {
        let config = ModelConfig {
            input_width: 128,
            input_height: 128,
            ..ModelConfig::default()
        };
        let points = points(&config);
        let targets = [
            target(BBox::new(10.0, 10.0, 60.0, 50.0), 0, false),
            target(BBox::new(70.5, 70.5, 71.0, 71.0), 1, false),
            target(BBox::new(80.0, 80.0, 120.0, 120.0), 0, true),
        ];
        let assignment = assign(&points, &targets, |_, _| 0.1, |i| points[i].decode([0.7; 4]));
        let of = |index: usize| assignment.positives.iter().filter(move |p| p.target == index);
        assert_eq!(of(0).count(), TOP);
        assert!(of(0).all(|p| inside(&points[p.point], targets[0].bbox)));
        assert_eq!(of(1).count(), 1);
        assert_eq!(of(2).count(), 0);
        assert!(assignment.ignored.iter().all(|p| inside(&points[*p], targets[2].bbox)));
        assert_eq!(assignment.ignored.len(), 25 + 4 + 1);
        // The best cell of an object is to say its overlap.
        let best = of(0).max_by(|a, b| a.score.total_cmp(&b.score)).unwrap();
        let overlap = of(0)
            .map(|p| points[p.point].decode([0.7; 4]).iou(targets[0].bbox))
            .fold(0.0, f64::max);
        assert!((best.score - overlap).abs() < 1e-12);
        assert_eq!(best.weight, best.score);
    }

    #[test]
    fn boxes_that_are_far_off_are_still_learnt() {
        let points = points(&ModelConfig::default());
        let targets = [target(BBox::new(20.0, 20.0, 200.0, 200.0), 0, false)];
        // Half a pixel around each cell's centre: overlaps near zero.
        let assignment = assign(
            &points,
            &targets,
            |_, _| 0.01,
            |i| {
                let Point { x, y, .. } = points[i];
                BBox::new(x - 0.5, y - 0.5, x + 0.5, y + 0.5)
            },
        );
        assert_eq!(assignment.positives.len(), TOP);
        assert!(
            assignment
                .positives
                .iter()
                .all(|p| p.score < 1e-3 && p.weight == LEAST_WEIGHT)
        );
    }

    #[test]
    fn a_cell_in_two_objects_learns_the_one_it_fits() {
        let points = vec![Point {
            x: 16.0,
            y: 16.0,
            stride: 8.0,
        }];
        let small = target(BBox::new(8.0, 8.0, 24.0, 24.0), 0, false);
        let large = target(BBox::new(0.0, 0.0, 100.0, 100.0), 1, false);
        let assignment = assign(&points, &[large, small], |_, _| 0.5, |_| small.bbox);
        assert_eq!(assignment.positives.len(), 1);
        assert_eq!(assignment.positives[0].target, 1);
        assert!((assignment.positives[0].score - 1.0).abs() < 1e-12);
    }
}
