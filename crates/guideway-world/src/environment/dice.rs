//! Random choices, as the generators write them.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::seed::Seed;

/// A generator with the few draws that the builders here use.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Starts at a seed.
    pub(super) fn new(seed: Seed) -> Self {
        Self(seed.rng())
    }

    /// Uniform in 0..1.
    pub(super) fn unit(&mut self) -> f32 {
        self.0.random::<f32>()
    }

    /// Uniform between two values.
    pub(super) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform between two counts, both included.
    pub(super) fn count(&mut self, low: u32, high: u32) -> u32 {
        self.0.random_range(low..=high.max(low))
    }

    /// True with this probability.
    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of these.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, from: &[T; N]) -> T {
        from[self.0.random_range(0..N)]
    }

    /// A choice by weights: its index. The last one when all weights are zero.
    pub(super) fn weighted(&mut self, weights: &[f32]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f32>();
        for (i, weight) in weights.iter().enumerate() {
            if left < *weight {
                return i;
            }
            left -= weight;
        }
        weights.len().saturating_sub(1)
    }

    /// A colour near this one (8-bit sRGB), linear: same hue, another shade.
    pub(super) fn shade(&mut self, [r, g, b]: [u8; 3]) -> [f32; 3] {
        let factor = self.range(0.82, 1.12);
        crate::material::srgb(r, g, b).map(|c| (c * factor).min(0.95))
    }
}
