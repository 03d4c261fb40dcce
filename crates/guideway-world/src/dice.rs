//! Random choices, as the generators write them.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::Seed;

/// Draws numbers, colours and choices, one stream a seed.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// Starts at a seed.
    pub(crate) fn new(seed: Seed) -> Self {
        Self(seed.rng())
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f32 {
        self.0.random()
    }

    /// Uniform in `[low, high)`; `low` where the range is empty.
    pub(crate) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low).max(0.0) * self.unit()
    }

    /// A bell-shaped draw in `[low, high]` (mean of three uniform ones): sizes of living things.
    pub(crate) fn bell(&mut self, low: f32, high: f32) -> f32 {
        (self.range(low, high) + self.range(low, high) + self.range(low, high)) / 3.0
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// A whole number in `low..=high`; `low` where the range is empty.
    pub(crate) fn count(&mut self, low: u32, high: u32) -> u32 {
        self.0.random_range(low..=high.max(low))
    }

    /// One of these; `items` must not be empty.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let index: usize = self.0.random_range(0..items.len());
        items[index]
    }

    /// One of these, by weight. Weights need not sum to one; `items` must not be empty.
    pub(crate) fn weighted<T: Copy>(&mut self, items: &[(f32, T)]) -> T {
        items[self.place(items.iter().map(|(weight, _)| *weight))].1
    }

    /// The place of one of these weights, each as often as it weighs. The last one when all weights are zero.
    pub(crate) fn index(&mut self, weights: &[f32]) -> usize {
        self.place(weights.iter().copied())
    }

    fn place(&mut self, weights: impl ExactSizeIterator<Item = f32> + Clone) -> usize {
        let last = weights.len().saturating_sub(1);
        let mut left = self.unit() * weights.clone().sum::<f32>();
        for (i, weight) in weights.enumerate() {
            if left < weight {
                return i;
            }
            left -= weight;
        }
        last
    }

    /// A linear colour near this one: lighter or darker by up to `spread`, channels by a little.
    pub(crate) fn near(&mut self, color: [f32; 3], spread: f32) -> [f32; 3] {
        let gain = 1.0 + self.range(-spread, spread);
        color.map(|c| (c * gain * (1.0 + self.range(-0.06, 0.06))).clamp(0.003, 0.95))
    }

    /// A linear colour near this one of 8-bit sRGB: same hue, another shade.
    pub(crate) fn shade(&mut self, [r, g, b]: [u8; 3]) -> [f32; 3] {
        let factor = self.range(0.82, 1.12);
        crate::material::srgb(r, g, b).map(|c| (c * factor).min(0.95))
    }
}
