//! The loss: cross entropy of the class scores, and generalised IoU of the boxes.

use burn::tensor::{Device, Tensor, TensorData, activation};

use crate::assign::{Assignment, assign};
use crate::boxes::Point;
use crate::error::TrainError;
use crate::loader::Target;
use crate::network::{EXPONENT, Outputs};

/// The loss of one batch.
pub(crate) struct Loss {
    /// What is minimised.
    pub(crate) total: Tensor<1>,
    /// The classes' part of it.
    pub(crate) class: Tensor<1>,
    /// The boxes' part of it, before its weight.
    pub(crate) boxes: Tensor<1>,
}

/// Joins the levels: `[n, c, h, w]` each to `[n, c, points]`.
fn join(levels: &[Tensor<4>]) -> Tensor<3> {
    let flat = levels.iter().map(|level| {
        let [images, channels, height, width] = level.dims();
        level.clone().reshape([images, channels, height * width])
    });
    Tensor::cat(flat.collect(), 2)
}

/// The loss of a batch's outputs against its objects. The class part is divided by the sum of the target scores, the box
/// part by the sum of its weights, so that images with many objects weigh more, as they do in average precision.
///
/// - class: `Σ max(x, 0) − x·t + log(1 + e^−|x|)` over all cells and classes that are not ignored;
/// - box: `Σ weight · (1 − GIoU)` over the cells that learn an object (Rezatofighi et al. 2019, arXiv:1902.09630).
///
/// # Errors
/// When the device does not give the outputs, which the assignment needs.
pub(crate) fn loss(
    outputs: &Outputs,
    points: &[Point],
    targets: &[Vec<Target>],
    box_weight: f64,
    device: &Device,
) -> Result<Loss, TrainError> {
    let logits = join(&outputs.classes);
    let raw = join(&outputs.boxes);
    let [images, classes, count] = logits.dims();
    let assignments = assign_batch(&logits, &raw, points, targets)?;

    let mut class_targets = vec![0.0_f32; images * classes * count];
    let mut class_weights = vec![1.0_f32; images * count];
    let mut box_targets = vec![1.0_f32; images * 4 * count];
    let mut box_weights = vec![0.0_f32; images * count];
    let (mut total_score, mut total_weight) = (0.0, 0.0);
    for (image, (assignment, targets)) in assignments.iter().zip(targets).enumerate() {
        for positive in &assignment.positives {
            let (point, target) = (&points[positive.point], &targets[positive.target]);
            class_targets[(image * classes + target.class) * count + positive.point] = positive.score as f32;
            box_weights[image * count + positive.point] = positive.weight as f32;
            total_score += positive.score;
            total_weight += positive.weight;
            // A cell beside a tiny object learns distances just above zero.
            let sides = [
                point.x - target.bbox.x_min,
                point.y - target.bbox.y_min,
                target.bbox.x_max - point.x,
                target.bbox.y_max - point.y,
            ];
            for (side, distance) in sides.into_iter().enumerate() {
                box_targets[(image * 4 + side) * count + positive.point] = distance.max(0.1) as f32;
            }
        }
        for point in &assignment.ignored {
            class_weights[image * count + point] = 0.0;
        }
    }
    // Never below 1: a batch with next to nothing in it must not weigh as much as a full one.
    let scale = |total: f64| 1.0 / total.max(1.0);
    let tensor = |values: Vec<f32>, channels: usize| -> Tensor<3> {
        Tensor::from_data(TensorData::new(values, [images, channels, count]), device)
    };
    let class_targets = tensor(class_targets, classes);
    let class_weights = tensor(class_weights, 1);
    let box_targets = tensor(box_targets, 4);
    let box_weights = tensor(box_weights, 1);

    let entropy = activation::relu(logits.clone()) - logits.clone() * class_targets + logits.abs().neg().exp().log1p();
    let class = (entropy * class_weights).sum() * scale(total_score);

    let strides: Vec<f32> = points.iter().map(|point| point.stride as f32).collect();
    let strides: Tensor<3> = Tensor::from_data(TensorData::new(strides, [1, 1, count]), device);
    let distances = raw.clamp(EXPONENT[0], EXPONENT[1]).exp() * strides;
    let overlap = giou(&distances, &box_targets);
    let boxes = ((overlap.neg() + 1.0) * box_weights).sum() * scale(total_weight);
    Ok(Loss {
        total: class.clone() + boxes.clone() * box_weight,
        class,
        boxes,
    })
}

/// Generalised IoU of boxes around the same points, given as positive distances `[n, 4, points]` to left, top, right and
/// bottom. Returns `[n, 1, points]`.
fn giou(a: &Tensor<3>, b: &Tensor<3>) -> Tensor<3> {
    let sides = |t: &Tensor<3>, first: usize| t.clone().narrow(1, first, 1) + t.clone().narrow(1, first + 2, 1);
    let area = |t: &Tensor<3>| sides(t, 0) * sides(t, 1);
    let less = a.clone().min_pair(b.clone());
    let more = a.clone().max_pair(b.clone());
    let inter = area(&less);
    let union = area(a) + area(b) - inter.clone();
    let hull = area(&more);
    inter / union.clone() - (hull.clone() - union) / hull
}

fn assign_batch(
    logits: &Tensor<3>,
    raw: &Tensor<3>,
    points: &[Point],
    targets: &[Vec<Target>],
) -> Result<Vec<Assignment>, TrainError> {
    let read = |tensor: &Tensor<3>| {
        tensor.try_to_vec_as::<f32>().map_err(|err| TrainError::Device {
            what: "the outputs",
            reason: err.to_string(),
        })
    };
    let [_, classes, count] = logits.dims();
    let (logits, raw) = (read(logits)?, read(raw)?);
    let assignments = targets.iter().enumerate().map(|(image, targets)| {
        let score = |point: usize, class: usize| {
            let logit = logits[(image * classes + class) * count + point];
            1.0 / (1.0 + (-logit).exp())
        };
        let bbox = |point: usize| {
            let value = |side: usize| raw[(image * 4 + side) * count + point];
            points[point].decode([value(0), value(1), value(2), value(3)])
        };
        assign(points, targets, score, bbox)
    });
    Ok(assignments.collect())
}

#[cfg(test)]
mod tests {
    use guideway_core::BBox;

    use super::*;

    /// The definition, in pixels.
    fn plain(a: BBox, b: BBox) -> f64 {
        let hull = BBox::new(
            a.x_min.min(b.x_min),
            a.y_min.min(b.y_min),
            a.x_max.max(b.x_max),
            a.y_max.max(b.y_max),
        );
        let inter = a.intersection_area(b);
        let union = a.area() + b.area() - inter;
        inter / union - (hull.area() - union) / hull.area()
    }

    #[test]
    fn giou_equals_its_definition() {
        let device = Device::flex();
        let a = [[3.0_f32, 2.0, 5.0, 7.0], [1.0, 1.0, 1.0, 1.0], [9.0, 0.5, 2.0, 4.0]];
        let b = [[3.0_f32, 2.0, 5.0, 7.0], [4.0, 2.0, 3.0, 9.0], [1.0, 6.0, 8.0, 0.2]];
        let tensor = |rows: [[f32; 4]; 3]| -> Tensor<3> {
            let values: Vec<f32> = (0..4).flat_map(|side| rows.map(|row| row[side])).collect();
            Tensor::from_data(TensorData::new(values, [1, 4, 3]), &device)
        };
        let ours = giou(&tensor(a), &tensor(b)).into_data().try_to_vec::<f32>().unwrap();
        let around = |d: [f32; 4]| BBox::new(-f64::from(d[0]), -f64::from(d[1]), f64::from(d[2]), f64::from(d[3]));
        for ((value, a), b) in ours.into_iter().zip(a).zip(b) {
            assert!((f64::from(value) - plain(around(a), around(b))).abs() < 1e-6);
        }
    }
}
