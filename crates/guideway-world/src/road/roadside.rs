//! Beside the road: lamp posts, further signs, land to build on.

use std::collections::BTreeMap;

use glam::{Vec2, Vec3};
use rand::RngExt as _;

use super::index::Grid;
use super::procedural::Builder;
use super::{Plot, RoadNetwork, SignKind, SignPost};
use crate::params::RoadKind;

/// How land is divided.
pub(super) struct Division {
    frontage: (f32, f32),
    depth: (f32, f32),
    /// From the outer edge of pavement or verge.
    setback: f32,
    /// Fraction of the frontage that is divided at all.
    share: f32,
}

impl Builder<'_> {
    pub(super) fn furnish(&mut self) {
        for street in 0..self.plan.streets.len() {
            self.lamp_posts(street);
            self.street_signs(street);
        }
        self.divide_land();
    }

    fn on_ground(&self, p: Vec2) -> Vec3 {
        self.net.relief.on(p) + Vec3::Z * self.net.relief.lift
    }

    fn lamp_posts(&mut self, street: usize) {
        let profile = self.profile(street);
        let mut rng = self.rng("lamps", street);
        let offset = match self.params.kind {
            RoadKind::Urban | RoadKind::Suburban => profile.parked_edge() + 0.6,
            // Few motorways are lit; where one is, it is lit all along.
            RoadKind::Highway if self.rng("lit", 0).random::<f32>() < 0.4 => profile.edge() + 1.2,
            RoadKind::Rural | RoadKind::Highway => return,
        };
        let axis = &self.axes[street];
        let spacing = (self.surroundings.lamp_spacing as f32).clamp(10.0, 200.0);
        let (from, to) = (self.cuts[street][0] + 1.0, axis.length() - self.cuts[street][1] - 1.0);
        let count = ((to - from) / spacing).round().max(1.0) as usize;
        let both = profile.lanes >= 2;
        let first: bool = rng.random();
        for i in 0..count {
            let s = from + (to - from) * (i as f32 + 0.5) / count as f32;
            for sign in [1.0, -1.0] {
                if both || ((i % 2 == 0) == (sign > 0.0)) == first {
                    let foot = self.on_ground(axis.at(s, sign * offset));
                    let over = axis.at(s, 0.0) - axis.at(s, sign * offset);
                    self.net.lamp_posts.push((foot, over.normalize_or(Vec2::X)));
                }
            }
        }
    }

    fn street_signs(&mut self, street: usize) {
        let profile = self.profile(street);
        let mut rng = self.rng("signs", street);
        let axis = &self.axes[street];
        let (from, to) = (self.cuts[street][0], axis.length() - self.cuts[street][1]);
        let mut wanted: Vec<(f32, f32, SignKind)> = Vec::new();
        match self.params.kind {
            RoadKind::Urban | RoadKind::Suburban => {
                for side in [1.0, -1.0] {
                    if profile.parking == 0.0 && to - from > 40.0 && rng.random::<f32>() < 0.3 {
                        wanted.push((
                            from + (to - from) * rng.random_range(0.25..0.75),
                            side,
                            SignKind::NoParking,
                        ));
                    }
                }
            }
            RoadKind::Rural => {
                for side in [1.0, -1.0] {
                    if to - from > 120.0 {
                        let s = if side > 0.0 { to - 25.0 } else { from + 25.0 };
                        wanted.push((s, side, SignKind::SpeedLimit(profile.kmh)));
                        // Before the junction that traffic of this side drives towards.
                        let before = if side > 0.0 { from + 55.0 } else { to - 55.0 };
                        wanted.push((
                            before,
                            side,
                            if rng.random::<f32>() < 0.5 {
                                SignKind::Direction
                            } else {
                                SignKind::Warning
                            },
                        ));
                    }
                }
            }
            RoadKind::Highway => {
                for side in [1.0, -1.0] {
                    wanted.push((
                        from + (to - from) * rng.random_range(0.2..0.4),
                        side,
                        SignKind::SpeedLimit(profile.kmh),
                    ));
                    if rng.random::<f32>() < 0.6 {
                        wanted.push((
                            from + (to - from) * rng.random_range(0.6..0.8),
                            side,
                            SignKind::Direction,
                        ));
                    }
                }
            }
        }
        for (s, side, kind) in wanted {
            let beyond = if profile.sidewalk > 0.0 { 0.5 } else { 1.2 };
            let p = axis.at(s, side * (profile.parked_edge() + beyond));
            // Who keeps right and has this side on the right drives against the path on the left side, along it on the right.
            let facing = axis.direction(s) * side;
            self.net.signs.push(SignPost {
                foot: self.on_ground(p),
                facing,
                kind,
            });
        }
    }

    fn divide_land(&mut self) {
        let division = Division::of(self.params.kind);
        let half = self.plan.half;
        let mut land = Land::new(&self.net, half);
        for street in 0..self.plan.streets.len() {
            let mut rng = self.rng("plots", street);
            let axis = &self.axes[street];
            let edge = self.profile(street).outer();
            let span = (self.mouths[street][0], axis.length() - self.mouths[street][1]);
            for side in [1.0, -1.0] {
                land.divide(&division, span, &mut rng, &|s, beyond| {
                    axis.at(s, side * (edge + beyond))
                });
            }
        }
        let plots = land.plots;
        self.net.plots = plots;
    }
}

impl Division {
    pub(super) fn of(kind: RoadKind) -> Self {
        let division = |frontage, depth, setback, share| Self {
            frontage,
            depth,
            setback,
            share,
        };
        match kind {
            RoadKind::Urban => division((11.0, 24.0), (11.0, 18.0), 0.4, 0.97),
            RoadKind::Suburban => division((15.0, 26.0), (20.0, 30.0), 0.4, 0.92),
            RoadKind::Rural => division((25.0, 45.0), (25.0, 40.0), 9.0, 0.14),
            RoadKind::Highway => division((25.0, 60.0), (25.0, 45.0), 26.0, 0.16),
        }
    }
}

/// Land that is being divided: what roads and plots take up already.
pub(super) struct Land<'a> {
    network: &'a RoadNetwork,
    roads: Grid,
    taken: BTreeMap<(i32, i32), Vec<usize>>,
    half: f32,
    pub plots: Vec<Plot>,
}

impl<'a> Land<'a> {
    /// `half`: distance from the middle to where the town ends, m.
    pub(super) fn new(network: &'a RoadNetwork, half: f32) -> Self {
        let boxes: Vec<(Vec2, Vec2)> = network.footprint.iter().map(|q| bounds(q)).collect();
        Self {
            network,
            roads: Grid::new(&boxes, 20.0),
            taken: BTreeMap::new(),
            half: half.max(1.0),
            plots: Vec::new(),
        }
    }

    /// Plots along one side of a road, as far as nothing stands in their way; `at` gives the point this far along and this far
    /// beyond its edge.
    pub(super) fn divide(
        &mut self,
        division: &Division,
        (from, to): (f32, f32),
        rng: &mut impl rand::Rng,
        at: &dyn Fn(f32, f32) -> Vec2,
    ) {
        let mut s = from + 0.5;
        while s < to - 8.0 {
            let mut frontage = rng.random_range(division.frontage.0..division.frontage.1);
            if to - s - frontage < division.frontage.0 {
                frontage = to - s - 0.5;
            }
            let depth = rng.random_range(division.depth.0..division.depth.1);
            let (a, b) = (s, s + frontage - 0.3);
            s += frontage;
            if frontage < 7.0 || rng.random::<f32>() > division.share {
                continue;
            }
            for shrink in [1.0, 0.8, 0.6, 0.45] {
                let far = division.setback + depth * shrink;
                let near = division.setback;
                let mut outline = [at(a, near), at(b, near), at(b, far), at(a, far)];
                // The front stays the first edge.
                if area(&outline) < 0.0 {
                    outline = [outline[1], outline[0], outline[3], outline[2]];
                }
                // Where the road's line jumps, a plot would span the gap.
                let (low, high) = bounds(&outline);
                if (high - low).max_element() > 250.0 {
                    break;
                }
                let small = outline[0].distance(outline[1]) < 6.0 || outline[2].distance(outline[3]) < 5.0;
                if depth * shrink < 7.0 || small || !convex(&outline) || !self.is_free(&outline) {
                    continue;
                }
                for cell in cells(low, high) {
                    self.taken.entry(cell).or_default().push(self.plots.len());
                }
                let middle = outline.iter().sum::<Vec2>() / 4.0;
                let remoteness = (middle.length() / self.half).min(1.0);
                self.plots.push(Plot {
                    outline: outline.to_vec(),
                    front: 0,
                    remoteness,
                });
                break;
            }
        }
    }

    fn is_free(&self, outline: &[Vec2; 4]) -> bool {
        let (low, high) = bounds(outline);
        let mut roads = self.roads.touching(low, high).into_iter();
        let mut others = cells(low, high).flat_map(|cell| self.taken.get(&cell).into_iter().flatten());
        !roads.any(|i| overlap(outline, &self.network.footprint[i as usize]))
            && !others.any(|i| overlap(outline, &self.plots[*i].outline))
    }
}

fn cells(low: Vec2, high: Vec2) -> impl Iterator<Item = (i32, i32)> {
    let cell = |v: f32| (v / 40.0).floor() as i32;
    let (i, j) = ((cell(low.x), cell(high.x)), (cell(low.y), cell(high.y)));
    (i.0..=i.1).flat_map(move |a| (j.0..=j.1).map(move |b| (a, b)))
}

pub(super) fn bounds(outline: &[Vec2]) -> (Vec2, Vec2) {
    outline.iter().fold(
        (Vec2::splat(f32::INFINITY), Vec2::splat(f32::NEG_INFINITY)),
        |(low, high), p| (low.min(*p), high.max(*p)),
    )
}

fn area(outline: &[Vec2]) -> f32 {
    (1..outline.len() - 1)
        .map(|i| (outline[i] - outline[0]).perp_dot(outline[i + 1] - outline[0]))
        .sum::<f32>()
        / 2.0
}

fn convex(outline: &[Vec2]) -> bool {
    let n = outline.len();
    (0..n).all(|i| (outline[(i + 1) % n] - outline[i]).perp_dot(outline[(i + 2) % n] - outline[(i + 1) % n]) > 0.01)
}

/// Do two convex polygons overlap? By separating axes; touching is not overlapping.
pub(super) fn overlap(a: &[Vec2], b: &[Vec2]) -> bool {
    let separates = |of: &[Vec2], other: &[Vec2]| {
        (0..of.len()).any(|i| {
            let (p, q) = (of[i], of[(i + 1) % of.len()]);
            let normal = (q - p).perp();
            if normal.length_squared() < 1e-8 {
                return false;
            }
            let normal = normal.normalize();
            let range = |points: &[Vec2]| {
                points
                    .iter()
                    .map(|v| normal.dot(*v - p))
                    .fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), d| (l.min(d), h.max(d)))
            };
            let (one, two) = (range(of), range(other));
            one.1 <= two.0 + 1e-3 || two.1 <= one.0 + 1e-3
        })
    };
    !separates(a, b) && !separates(b, a)
}

impl RoadNetwork {
    /// The mirror image (x becomes −x): traffic that keeps right keeps left.
    #[must_use]
    pub(super) fn mirrored(mut self) -> Self {
        let flip = |p: &mut Vec3| p.x = -p.x;
        let flip2 = |p: &mut Vec2| p.x = -p.x;
        let mirror = |curve: &mut super::Curve| {
            if let Some(mirrored) = super::Curve::new(curve.points().iter().map(|p| Vec3::new(-p.x, p.y, p.z))) {
                *curve = mirrored;
            }
        };
        for lane in &mut self.lanes {
            mirror(&mut lane.center);
            std::mem::swap(&mut lane.left, &mut lane.right);
            std::mem::swap(&mut lane.left_line, &mut lane.right_line);
            lane.turn = -lane.turn;
        }
        self.crossings.iter_mut().for_each(|c| mirror(&mut c.path));
        for head in self.signals.iter_mut().flat_map(|s| &mut s.heads) {
            flip(&mut head.foot);
            flip2(&mut head.facing);
            head.arm = -head.arm;
        }
        for sign in &mut self.signs {
            flip(&mut sign.foot);
            flip2(&mut sign.facing);
        }
        for spot in &mut self.parking {
            flip(&mut spot.center);
            spot.yaw = std::f32::consts::PI - spot.yaw;
        }
        for plot in &mut self.plots {
            plot.outline.iter_mut().for_each(flip2);
            // Reversed to stay counter-clockwise: edge `front` is now the one from the last but `front` corner.
            plot.outline.reverse();
            plot.front = (2 * plot.outline.len() - 2 - plot.front) % plot.outline.len();
        }
        for (foot, over) in &mut self.lamp_posts {
            flip(foot);
            flip2(over);
        }
        for patch in &mut self.patches {
            patch.corners.iter_mut().for_each(flip);
            let [a, b, c, d] = patch.corners;
            patch.corners = if c == d { [b, a, c, c] } else { [b, a, d, c] };
        }
        for quad in &mut self.footprint {
            quad.iter_mut().for_each(flip2);
            let [a, b, c, d] = *quad;
            *quad = if c == d { [b, a, c, c] } else { [b, a, d, c] };
        }
        self.kerbs
            .iter_mut()
            .flat_map(|k| &mut k.points)
            .for_each(|(p, _)| flip(p));
        self.strokes.iter_mut().flat_map(|s| &mut s.path).for_each(flip);
        for stroke in &mut self.strokes {
            stroke.kind = match stroke.kind {
                super::LineKind::SolidBroken => super::LineKind::BrokenSolid,
                super::LineKind::BrokenSolid => super::LineKind::SolidBroken,
                other => other,
            };
        }
        for mark in &mut self.marks {
            mark.iter_mut().for_each(flip2);
            mark.reverse();
        }
        self.rails.iter_mut().for_each(mirror);
        self.relief.mirror();
        self.left_hand = !self.left_hand;
        self.index = super::LaneIndex::default();
        self
    }
}
