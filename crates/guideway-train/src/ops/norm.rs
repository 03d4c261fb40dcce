//! Group normalisation followed by a rectifier, in one pass.
//!
//! Group normalisation (Wu and He, 2018, arXiv:1803.08494) takes its statistics from one image, so it works at any batch
//! size and keeps no running state that a checkpoint would have to carry.

use burn::tensor::{Tensor, activation};
use rayon::prelude::*;

use super::{Forward, Grads, Kernel, Map, run};

const EPSILON: f32 = 1e-5;

/// `max(0, (x − mean) / √(variance + 1e-5) · gamma + beta)` with mean and variance over each of `groups` equal groups of
/// channels of each image. `x [n, c, h, w]`, `gamma [c]`, `beta [c]`; `groups` divides `c`.
pub(crate) fn group_norm_relu(x: &Tensor<4>, gamma: &Tensor<1>, beta: &Tensor<1>, groups: usize) -> Tensor<4> {
    run(GroupNorm { groups }, x, gamma, beta).unwrap_or_else(|| composed(x, gamma, beta, groups))
}

/// The same from the framework's own operations, for other devices.
fn composed(x: &Tensor<4>, gamma: &Tensor<1>, beta: &Tensor<1>, groups: usize) -> Tensor<4> {
    let [images, channels, height, width] = x.dims();
    let grouped: Tensor<3> = x.clone().reshape([images, groups, channels / groups * height * width]);
    let centred = grouped.clone() - grouped.mean_dim(2);
    let variance = centred.clone().square().mean_dim(2);
    let normal = (centred / (variance + EPSILON).sqrt()).reshape([images, channels, height, width]);
    let scaled = normal * gamma.clone().reshape([1, channels, 1, 1]) + beta.clone().reshape([1, channels, 1, 1]);
    activation::relu(scaled)
}

#[derive(Debug, Clone, Copy)]
struct GroupNorm {
    groups: usize,
}

/// Sum with sixteen running sums: quick, accurate enough for a few thousand values, and always in the same order.
pub(super) fn sum(values: &[f32]) -> f32 {
    fold(values, |value| value)
}

fn fold(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let chunks = values.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().map(|value| term(*value)).sum();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += term(*value);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

fn fold2(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let (chunks_a, chunks_b) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = chunks_a
        .remainder()
        .iter()
        .zip(chunks_b.remainder())
        .map(|(a, b)| term(*a, *b))
        .sum();
    for (chunk_a, chunk_b) in chunks_a.zip(chunks_b) {
        for ((lane, a), b) in lanes.iter_mut().zip(chunk_a).zip(chunk_b) {
            *lane += term(*a, *b);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

impl Kernel for GroupNorm {
    fn forward(&self, x: Map<'_>, gamma: &[f32], beta: &[f32]) -> Forward {
        let [images, channels, height, width] = x.dims;
        let area = height * width;
        let per_group = channels / self.groups;
        let mut data = vec![0.0; x.data.len()];
        // Per image and group: the mean and one over the deviation.
        let mut saved = vec![0.0; images * self.groups * 2];
        data.par_chunks_exact_mut(channels * area)
            .zip(x.data.par_chunks_exact(channels * area))
            .zip(saved.par_chunks_exact_mut(self.groups * 2))
            .for_each(|((out, image), stats)| {
                let groups = out
                    .chunks_exact_mut(per_group * area)
                    .zip(image.chunks_exact(per_group * area))
                    .zip(stats.chunks_exact_mut(2))
                    .enumerate();
                for (index, ((out, values), stats)) in groups {
                    let count = values.len() as f32;
                    let mean = sum(values) / count;
                    let variance = fold(values, |value| (value - mean) * (value - mean)) / count;
                    let scale = 1.0 / (variance + EPSILON).sqrt();
                    stats[0] = mean;
                    stats[1] = scale;
                    let planes = out.chunks_exact_mut(area).zip(values.chunks_exact(area)).enumerate();
                    for (channel, (out, plane)) in planes {
                        let channel = index * per_group + channel;
                        let (gain, offset) = (scale * gamma[channel], beta[channel]);
                        for (slot, value) in out.iter_mut().zip(plane) {
                            *slot = ((value - mean) * gain + offset).max(0.0);
                        }
                    }
                }
            });
        Forward {
            data,
            dims: x.dims,
            saved,
        }
    }

    fn backward(&self, x: Map<'_>, gamma: &[f32], beta: &[f32], saved: &[f32], grad: Map<'_>, _want_x: bool) -> Grads {
        let [_, channels, height, width] = x.dims;
        let area = height * width;
        let per_group = channels / self.groups;
        let mut grad_x = vec![0.0; x.data.len()];
        let partial: Vec<Vec<f32>> = grad_x
            .par_chunks_exact_mut(channels * area)
            .zip(x.data.par_chunks_exact(channels * area))
            .zip(grad.data.par_chunks_exact(channels * area))
            .zip(saved.par_chunks_exact(self.groups * 2))
            .map(|(((target, image), grad), stats)| {
                // Gradients of gamma, then of beta.
                let mut sums = vec![0.0; channels * 2];
                for group in 0..self.groups {
                    let (mean, scale) = (stats[group * 2], stats[group * 2 + 1]);
                    let (mut total, mut total_normal) = (0.0_f32, 0.0_f32);
                    for channel in group * per_group..(group + 1) * per_group {
                        let range = channel * area..(channel + 1) * area;
                        let (gain, offset) = (scale * gamma[channel], beta[channel]);
                        // The gradient that passes the rectifier is kept in the target for the second pass.
                        let passed = &mut target[range.clone()];
                        for ((slot, value), grad) in
                            passed.iter_mut().zip(&image[range.clone()]).zip(&grad[range.clone()])
                        {
                            *slot = if (value - mean) * gain + offset > 0.0 {
                                *grad
                            } else {
                                0.0
                            };
                        }
                        let of_beta = sum(passed);
                        let of_gamma = fold2(passed, &image[range], |g, v| g * (v - mean)) * scale;
                        sums[channel] = of_gamma;
                        sums[channels + channel] = of_beta;
                        total += of_beta * gamma[channel];
                        total_normal += of_gamma * gamma[channel];
                    }
                    let count = (per_group * area) as f32;
                    let (total, total_normal) = (total / count, total_normal / count);
                    let own = gamma.iter().enumerate().skip(group * per_group).take(per_group);
                    for (channel, gain) in own {
                        let range = channel * area..(channel + 1) * area;
                        for (slot, value) in target[range.clone()].iter_mut().zip(&image[range]) {
                            let normal = (value - mean) * scale;
                            *slot = scale * (*slot * gain - total - normal * total_normal);
                        }
                    }
                }
                sums
            })
            .collect();
        let mut weight = vec![0.0; channels];
        let mut bias = vec![0.0; channels];
        for sums in partial {
            for (slot, value) in weight.iter_mut().zip(&sums[..channels]) {
                *slot += value;
            }
            for (slot, value) in bias.iter_mut().zip(&sums[channels..]) {
                *slot += value;
            }
        }
        Grads {
            x: Some(grad_x),
            weight,
            bias,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    #[test]
    fn equals_the_composition_of_plain_operations() {
        let device = Device::flex().autodiff();
        device.seed(11);
        let random = Distribution::Uniform(-2.0, 3.0);
        let x = Tensor::<4>::random([3, 8, 5, 7], random, &device).require_grad();
        let gamma = Tensor::<1>::random([8], random, &device).require_grad();
        let beta = Tensor::<1>::random([8], random, &device).require_grad();
        let ours = group_norm_relu(&x, &gamma, &beta, 2);
        let plain = composed(&x, &gamma, &beta, 2);
        let close = |a: Vec<f32>, b: Vec<f32>, what: &str| {
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 1e-3 * (1.0 + b.abs()), "{what}: {a} is not {b}");
            }
        };
        let values = |t: Tensor<4>| t.into_data().try_to_vec::<f32>().unwrap();
        let vector = |t: Tensor<1>| t.into_data().try_to_vec::<f32>().unwrap();
        close(values(ours.clone()), values(plain.clone()), "output");
        let probe = Tensor::<4>::random(ours.dims(), random, &device);
        let a = (ours * probe.clone()).sum().backward();
        let b = (plain * probe).sum().backward();
        close(
            values(x.grad(&a).unwrap()),
            values(x.grad(&b).unwrap()),
            "gradient of x",
        );
        close(
            vector(gamma.grad(&a).unwrap()),
            vector(gamma.grad(&b).unwrap()),
            "gradient of gamma",
        );
        close(
            vector(beta.grad(&a).unwrap()),
            vector(beta.grad(&b).unwrap()),
            "gradient of beta",
        );
    }
}
