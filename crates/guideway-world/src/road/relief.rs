//! The lie of the land: long smooth waves, so that roads laid on them are drivable and everything agrees on the height.

use std::f64::consts::TAU;

use glam::{Vec2, Vec3};
use rand::RngExt as _;

use crate::Seed;

/// Steepest slope of the hills, as a ratio.
const SLOPE: f64 = 0.06;

/// Heights as a sum of plane waves, plus measured heights where roads bring their own.
#[derive(Debug, Clone, Default)]
pub struct Relief {
    waves: Vec<Wave>,
    /// Height of the ground beside the roads over the roads, m: the height of the kerbs.
    pub lift: f32,
    /// Known heights of the ground, on a grid.
    pub(super) known: Known,
}

#[derive(Debug, Clone, Copy)]
struct Wave {
    k: [f64; 2],
    phase: f64,
    amplitude: f64,
}

/// Heights given at points, as a raster that fades to the mean of the points around.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    origin: Vec2,
    cell: f32,
    size: [usize; 2],
    heights: Vec<f32>,
}

impl Relief {
    /// Hills of this height from valley to top, m. Slopes stay below 6 %: higher hills are wider.
    pub fn hills(height: f64, seed: Seed) -> Self {
        let mut rng = seed.rng();
        let shares = [0.5, 0.3, 0.2];
        let waves = shares
            .iter()
            .map(|share| {
                let amplitude = 0.5 * height.max(0.0) * share;
                let shortest = TAU * amplitude * shares.len() as f64 * 0.6 / SLOPE;
                let length = shortest.max(260.0) * rng.random_range(1.0..1.6);
                let heading = rng.random_range(0.0..TAU);
                Wave {
                    k: [TAU / length * heading.cos(), TAU / length * heading.sin()],
                    phase: rng.random_range(0.0..TAU),
                    amplitude,
                }
            })
            .collect();
        Self {
            waves,
            ..Self::default()
        }
    }

    /// From points of roads, m.
    pub(super) fn from_points(points: &[Vec3]) -> Self {
        Self {
            known: Known::new(points),
            ..Self::default()
        }
    }

    /// Height of a road here, m.
    pub fn height(&self, p: Vec2) -> f32 {
        let (x, y) = (f64::from(p.x), f64::from(p.y));
        let sum: f64 = self
            .waves
            .iter()
            .map(|w| w.amplitude * (w.k[0] * x + w.k[1] * y + w.phase).sin())
            .sum();
        sum as f32 + self.known.height(p)
    }

    /// The point of a road here.
    pub fn on(&self, p: Vec2) -> Vec3 {
        p.extend(self.height(p))
    }

    /// Unit normal of the smooth surface here.
    pub fn normal(&self, p: Vec2) -> Vec3 {
        let d = 0.5;
        let dx = self.height(p + Vec2::new(d, 0.0)) - self.height(p - Vec2::new(d, 0.0));
        let dy = self.height(p + Vec2::new(0.0, d)) - self.height(p - Vec2::new(0.0, d));
        Vec3::new(-dx / (2.0 * d), -dy / (2.0 * d), 1.0).normalize_or(Vec3::Z)
    }

    /// Mirrored at the y axis.
    pub(super) fn mirror(&mut self) {
        for wave in &mut self.waves {
            wave.k[0] = -wave.k[0];
        }
    }
}

impl Known {
    /// Inverse-distance weights over the points near each node; nodes far from all points get the mean of their neighbours.
    fn new(points: &[Vec3]) -> Self {
        let Some(first) = points.first() else {
            return Self::default();
        };
        let (low, high) = points
            .iter()
            .fold((*first, *first), |(low, high), p| (low.min(*p), high.max(*p)));
        let margin = Vec2::splat(60.0);
        let origin = low.truncate() - margin;
        let extent = high.truncate() + margin - origin;
        let cell = (extent.max_element() / 256.0).max(4.0);
        let size = [(extent.x / cell) as usize + 2, (extent.y / cell) as usize + 2];
        let mut sums = vec![(0.0_f64, 0.0_f64); size[0] * size[1]];
        let reach = 3_i64;
        for p in points {
            let q = (p.truncate() - origin) / cell;
            for i in (q.x as i64 - reach).max(0)..=(q.x as i64 + reach).min(size[0] as i64 - 1) {
                for j in (q.y as i64 - reach).max(0)..=(q.y as i64 + reach).min(size[1] as i64 - 1) {
                    let d = (Vec2::new(i as f32, j as f32) - q).length_squared();
                    let weight = f64::from(1.0 / (d * d + 1e-3));
                    let sum = &mut sums[j as usize * size[0] + i as usize];
                    sum.0 += weight * f64::from(p.z);
                    sum.1 += weight;
                }
            }
        }
        let mut heights: Vec<Option<f32>> = sums
            .iter()
            .map(|(sum, weight)| (*weight > 0.0).then(|| (sum / weight) as f32))
            .collect();
        // Spread outwards ring by ring until every node has a height.
        let around = |n: usize| {
            let (i, j) = (n % size[0], n / size[0]);
            let columns = i.saturating_sub(1)..=(i + 1).min(size[0] - 1);
            (j.saturating_sub(1)..=(j + 1).min(size[1] - 1))
                .flat_map(move |b| columns.clone().map(move |a| b * size[0] + a))
        };
        let mut rim: Vec<usize> = (0..heights.len())
            .filter(|n| heights[*n].is_none() && around(*n).any(|m| heights[m].is_some()))
            .collect();
        while !rim.is_empty() {
            let means: Vec<f32> = rim
                .iter()
                .map(|n| {
                    let known = around(*n).filter_map(|m| heights[m]);
                    let (sum, count) = known.fold((0.0, 0.0), |(sum, count), z| (sum + z, count + 1.0));
                    sum / f32::max(count, 1.0)
                })
                .collect();
            for (n, mean) in rim.iter().zip(means) {
                heights[*n] = Some(mean);
            }
            let mut next: Vec<usize> = rim
                .iter()
                .flat_map(|n| around(*n))
                .filter(|m| heights[*m].is_none())
                .collect();
            next.sort_unstable();
            next.dedup();
            rim = next;
        }
        Self {
            origin,
            cell,
            size,
            heights: heights.into_iter().map(|z| z.unwrap_or(0.0)).collect(),
        }
    }

    /// Bilinear, held at the edges; 0 without points.
    fn height(&self, p: Vec2) -> f32 {
        if self.heights.is_empty() {
            return 0.0;
        }
        let last = Vec2::new(self.size[0] as f32 - 1.001, self.size[1] as f32 - 1.001);
        let q = ((p - self.origin) / self.cell).clamp(Vec2::ZERO, last);
        let (i, j) = (q.x as usize, q.y as usize);
        let f = q - q.floor();
        let z = |a: usize, b: usize| self.heights[(j + b) * self.size[0] + i + a];
        let low = z(0, 0) + (z(1, 0) - z(0, 0)) * f.x;
        let high = z(0, 1) + (z(1, 1) - z(0, 1)) * f.x;
        low + (high - low) * f.y
    }
}
