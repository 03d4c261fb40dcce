//! The ground everywhere, out to the horizon.

use std::f64::consts::TAU;

use glam::{Vec2, Vec3};
use rand::RngExt as _;

use super::index::Grid;
use super::roadside::bounds;
use super::{LaneKind, Patch, RoadNetwork};
use crate::Seed;
use crate::params::{RoadKind, RoadParams};

/// How far the ground goes on beyond the roads, m.
const HORIZON: f32 = 3200.0;

/// The ground: a lattice of heights between the roads, the roads' own surface where they are.
#[derive(Debug, Clone)]
pub struct Terrain {
    pub(super) xs: Vec<f32>,
    pub(super) ys: Vec<f32>,
    heights: Vec<f32>,
    patches: Vec<Patch>,
    under: Grid,
}

/// Waves of hills: wave vector, phase.
struct Waves(Vec<([f64; 2], f64)>);

impl Waves {
    fn new(seed: Seed, length: f64) -> Self {
        let mut rng = seed.rng();
        Self(
            (0..4)
                .map(|i| {
                    let length = length * rng.random_range(0.7..1.5) / (1.0 + 0.5 * f64::from(i));
                    let heading = rng.random_range(0.0..TAU);
                    (
                        [TAU / length * heading.cos(), TAU / length * heading.sin()],
                        rng.random_range(0.0..TAU),
                    )
                })
                .collect(),
        )
    }

    /// Between −1 and 1.
    fn at(&self, p: Vec2) -> f32 {
        let (x, y) = (f64::from(p.x), f64::from(p.y));
        let sum: f64 = self
            .0
            .iter()
            .map(|(k, phase)| (k[0] * x + k[1] * y + phase).sin())
            .sum();
        (sum / self.0.len() as f64) as f32
    }
}

impl Terrain {
    /// The ground around a network. `seed` is the network's.
    pub fn new(network: &RoadNetwork, params: &RoadParams, seed: Seed) -> Self {
        let seed = seed.child("terrain");
        let points = network.footprint.iter().flatten();
        let (low, high) = points.fold((Vec2::splat(-50.0), Vec2::splat(50.0)), |(l, h), p| {
            (l.min(*p), h.max(*p))
        });
        let size = (high - low).max_element();
        let cell = (size / 40.0).clamp(10.0, 25.0);
        let (xs, ys) = (
            coordinates(low.x - 25.0, high.x + 25.0, cell),
            coordinates(low.y - 25.0, high.y + 25.0, cell),
        );
        let (near, far) = (
            Waves::new(seed.child("near"), 140.0),
            Waves::new(seed.child("far"), 1100.0),
        );
        // Fields roll a little between country roads; towns are graded.
        let roll = match params.kind {
            RoadKind::Rural => 2.0,
            RoadKind::Highway => 3.0,
            RoadKind::Urban | RoadKind::Suburban => 0.0,
        };
        let mountains = 30.0 + 1.5 * params.hills.clamp(0.0, 60.0) as f32;
        let kinds = [
            LaneKind::Driving,
            LaneKind::Shoulder,
            LaneKind::Parking,
            LaneKind::Sidewalk,
            LaneKind::Bicycle,
        ];
        let mut heights = Vec::with_capacity(xs.len() * ys.len());
        for y in &ys {
            for x in &xs {
                let p = Vec2::new(*x, *y);
                let mut z = network.relief.height(p) + network.relief.lift;
                let outside = (p - p.clamp(low, high)).length();
                z += ramp(outside, 120.0, 2400.0) * mountains * (1.0 + far.at(p));
                if roll > 0.0 {
                    let away = if outside > 120.0 {
                        outside
                    } else {
                        network.nearest(p, &kinds).map_or(1e3, |(_, _, lateral)| lateral.abs())
                    };
                    z += ramp(away, 16.0, 70.0) * roll * near.at(p);
                }
                heights.push(z);
            }
        }
        let patches = network.patches.clone();
        let boxes: Vec<(Vec2, Vec2)> = patches
            .iter()
            .map(|patch| bounds(&patch.corners.map(Vec3::truncate)))
            .collect();
        Self {
            xs,
            ys,
            heights,
            patches,
            under: Grid::new(&boxes, 6.0),
        }
    }

    /// Height of what one stands on, m: the road, the pavement, or the land between.
    pub fn height(&self, p: Vec2) -> f32 {
        self.paved(p).unwrap_or_else(|| self.land(p))
    }

    /// Unit normal of what one stands on.
    pub fn normal(&self, p: Vec2) -> Vec3 {
        let d = 0.2;
        let slope = |step: Vec2| {
            // Not across kerbs: their step is no slope.
            let (a, b) = (self.height(p - step), self.height(p + step));
            if (b - a).abs() > 0.05 { 0.0 } else { (b - a) / (2.0 * d) }
        };
        Vec3::new(-slope(Vec2::new(d, 0.0)), -slope(Vec2::new(0.0, d)), 1.0).normalize_or(Vec3::Z)
    }

    /// Height of the road or pavement here, the highest if there are several; `None` beside them.
    pub fn paved(&self, p: Vec2) -> Option<f32> {
        let mut best: Option<f32> = None;
        for i in self.under.under(p) {
            let [a, b, c, d] = self.patches[*i as usize].corners;
            for t in [[a, b, c], [a, c, d]] {
                if let Some(z) = height_in(t, p)
                    && best.is_none_or(|other| z > other)
                {
                    best = Some(z);
                }
            }
        }
        best
    }

    /// Height of the land, as its triangles have it, roads or not.
    pub(super) fn land(&self, p: Vec2) -> f32 {
        let cell = |coordinates: &[f32], v: f32| {
            let last = coordinates.len() - 2;
            let i = coordinates.partition_point(|x| *x <= v).saturating_sub(1).min(last);
            (
                i,
                ((v - coordinates[i]) / (coordinates[i + 1] - coordinates[i])).clamp(0.0, 1.0),
            )
        };
        let ((i, fx), (j, fy)) = (cell(&self.xs, p.x), cell(&self.ys, p.y));
        let z = |a: usize, b: usize| self.node(i + a, j + b);
        // Split from the south-west to the north-east corner.
        if fx >= fy {
            z(0, 0) + (z(1, 0) - z(0, 0)) * fx + (z(1, 1) - z(1, 0)) * fy
        } else {
            z(0, 0) + (z(0, 1) - z(0, 0)) * fy + (z(1, 1) - z(0, 1)) * fx
        }
    }

    pub(super) fn node(&self, i: usize, j: usize) -> f32 {
        self.heights[j * self.xs.len() + i]
    }

    /// Smooth normal at a lattice node.
    pub(super) fn node_normal(&self, i: usize, j: usize) -> Vec3 {
        let (a, b) = (i.saturating_sub(1), (i + 1).min(self.xs.len() - 1));
        let (c, d) = (j.saturating_sub(1), (j + 1).min(self.ys.len() - 1));
        let dx = (self.node(b, j) - self.node(a, j)) / (self.xs[b] - self.xs[a]);
        let dy = (self.node(i, d) - self.node(i, c)) / (self.ys[d] - self.ys[c]);
        Vec3::new(-dx, -dy, 1.0).normalize_or(Vec3::Z)
    }
}

/// Even steps from `low` to `high`, then growing ones out to the horizon on both sides.
fn coordinates(low: f32, high: f32, cell: f32) -> Vec<f32> {
    let count = ((high - low) / cell).ceil().max(1.0) as usize;
    let mut outside = Vec::new();
    let (mut step, mut reach) = (cell, 0.0);
    while reach < HORIZON {
        step *= 1.4;
        reach += step;
        outside.push(reach);
    }
    let mut all: Vec<f32> = outside.iter().rev().map(|reach| low - reach).collect();
    all.extend((0..=count).map(|i| low + i as f32 * cell));
    let end = low + count as f32 * cell;
    all.extend(outside.iter().map(|reach| end + reach));
    all
}

/// 0 below `from`, 1 above `to`, smooth between.
fn ramp(v: f32, from: f32, to: f32) -> f32 {
    let t = ((v - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Height of a triangle at a place inside it.
fn height_in([a, b, c]: [Vec3; 3], p: Vec2) -> Option<f32> {
    let (ab, ac, ap) = ((b - a).truncate(), (c - a).truncate(), p - a.truncate());
    let area = ab.perp_dot(ac);
    if area.abs() < 1e-7 {
        return None;
    }
    let (v, w) = (ap.perp_dot(ac) / area, ab.perp_dot(ap) / area);
    let slack = -1e-4;
    (v >= slack && w >= slack && v + w <= 1.0 - slack).then_some(a.z + (b.z - a.z) * v + (c.z - a.z) * w)
}
