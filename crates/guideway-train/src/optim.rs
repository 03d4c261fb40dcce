//! AdamW, its schedule, and the moving average of the weights, on plain numbers.
//!
//! A few million numbers per step cost next to nothing here, the state goes into a checkpoint as it is, and the
//! arithmetic is the same on every device.

use crate::config::TrainConfig;
use crate::params::ParamSet;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f32 = 1e-8;

/// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) with clipping by the global norm, and a moving average.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Optimizer {
    /// The weights that are trained.
    pub(crate) weights: ParamSet,
    /// Their moving average.
    pub(crate) average: ParamSet,
    /// First moments of the gradients.
    pub(crate) first: ParamSet,
    /// Second moments of the gradients.
    pub(crate) second: ParamSet,
    /// Steps made.
    pub(crate) step: u64,
}

impl Optimizer {
    pub(crate) fn new(weights: ParamSet) -> Self {
        Self {
            average: weights.clone(),
            first: weights.zeros(),
            second: weights.zeros(),
            weights,
            step: 0,
        }
    }

    /// One step along the gradients. Returns their norm before clipping.
    pub(crate) fn advance(&mut self, gradients: &[Vec<f32>], rate: f64, config: &TrainConfig) -> f64 {
        let squares = |values: &Vec<f32>| values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>();
        let norm = gradients.iter().map(squares).sum::<f64>().sqrt();
        let clip = if norm > config.clip_norm {
            config.clip_norm / norm
        } else {
            1.0
        } as f32;
        self.step += 1;
        let power = i32::try_from(self.step).unwrap_or(i32::MAX);
        // The corrections of the moments' bias towards their start at zero, taken into the rate.
        let correction_1 = 1.0 - BETA_1.powi(power);
        let correction_2 = (1.0 - BETA_2.powi(power)).sqrt();
        let step_size = (rate / correction_1) as f32;
        let correction_2 = correction_2 as f32;
        // Short at first, so that the average forgets the random start.
        let decay = config
            .ema_decay
            .min((1.0 + self.step as f64) / (10.0 + self.step as f64)) as f32;
        let (beta_1, beta_2) = (BETA_1 as f32, BETA_2 as f32);
        let sets = self
            .weights
            .values_mut()
            .zip(self.average.values_mut())
            .zip(self.first.values_mut())
            .zip(self.second.values_mut())
            .zip(gradients);
        for (((((weights, decays), (average, _)), (first, _)), (second, _)), gradients) in sets {
            let shrink = if decays {
                1.0 - (rate * config.weight_decay) as f32
            } else {
                1.0
            };
            let values = weights.iter_mut().zip(average).zip(first).zip(second).zip(gradients);
            for ((((weight, average), first), second), gradient) in values {
                let gradient = gradient * clip;
                *first = beta_1 * *first + (1.0 - beta_1) * gradient;
                *second = beta_2 * *second + (1.0 - beta_2) * gradient * gradient;
                *weight = *weight * shrink - step_size * *first / (second.sqrt() / correction_2 + EPSILON);
                *average = decay * *average + (1.0 - decay) * *weight;
            }
        }
        norm
    }
}

/// The learning rate of a step: a line up through the warm-up, then half a cosine down.
pub(crate) fn learning_rate(config: &TrainConfig, step: u64, steps_per_epoch: u64, steps: u64) -> f64 {
    let warmup = config.warmup_epochs * steps_per_epoch as f64;
    let position = step as f64 + 1.0;
    if position < warmup {
        return config.learning_rate * position / warmup;
    }
    let rest = (steps as f64 - warmup).max(1.0);
    let progress = ((position - warmup) / rest).clamp(0.0, 1.0);
    let cosine = f64::midpoint(1.0, (std::f64::consts::PI * progress).cos());
    config.learning_rate * (config.final_learning_rate + (1.0 - config.final_learning_rate) * cosine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_falls_and_ends_where_it_should() {
        let config = TrainConfig {
            learning_rate: 1.0,
            final_learning_rate: 0.1,
            warmup_epochs: 2.0,
            ..TrainConfig::default()
        };
        let rates: Vec<f64> = (0..100).map(|step| learning_rate(&config, step, 10, 100)).collect();
        assert!((rates[0] - 0.05).abs() < 1e-12);
        assert!(rates[..20].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(rates[19..].windows(2).all(|pair| pair[0] > pair[1]));
        assert!((rates[99] - 0.1).abs() < 1e-12);
    }

    #[test]
    fn it_finds_the_minimum_of_a_parabola() {
        let mut weights = ParamSet::default();
        weights.push("x".into(), vec![2], vec![3.0, -4.0]);
        let mut optimizer = Optimizer::new(weights);
        let config = TrainConfig {
            weight_decay: 0.0,
            ema_decay: 0.9,
            ..TrainConfig::default()
        };
        for _ in 0..2000 {
            let gradients: Vec<Vec<f32>> = optimizer
                .weights
                .iter_values()
                .map(|v| vec![2.0 * (v[0] - 1.0), 2.0 * (v[1] - 2.0)])
                .collect();
            optimizer.advance(&gradients, 0.01, &config);
        }
        for set in [&optimizer.weights, &optimizer.average] {
            assert!((set.values(0)[0] - 1.0).abs() < 1e-2 && (set.values(0)[1] - 2.0).abs() < 1e-2);
        }
    }
}
