//! Where things may stand: what is taken already, and the frame of a plot.

use std::collections::HashMap;

use glam::Vec2;

use crate::road::{LaneKind, Plot, RoadNetwork};

/// Side of a cell of the grid, m.
const CELL: f32 = 8.0;

/// What takes a place, as bits of a mask.
pub(super) mod layer {
    /// Lanes of vehicles and bicycles, places to park.
    pub(in crate::environment) const ROAD: u8 = 1;
    /// Pavements.
    pub(in crate::environment) const WALK: u8 = 2;
    /// Crossings for people on foot, with room to wait.
    pub(in crate::environment) const CROSSING: u8 = 4;
    /// Things that stand.
    pub(in crate::environment) const SOLID: u8 = 8;
    /// All of these.
    pub(in crate::environment) const ALL: u8 = 15;
    /// Plots with a building or a garden on them: no fields and no wild growth there.
    pub(in crate::environment) const PLOT: u8 = 16;
}

/// A rectangle on the ground, turned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Footprint {
    /// Its middle, m.
    pub(super) center: Vec2,
    /// Direction of its length, unit.
    pub(super) axis: Vec2,
    /// Half its length and half its width, m.
    pub(super) half: Vec2,
}

impl Footprint {
    /// A rectangle.
    pub(super) fn new(center: Vec2, axis: Vec2, half: Vec2) -> Self {
        Self {
            center,
            axis: axis.normalize_or(Vec2::X),
            half,
        }
    }

    /// The square around a disc.
    pub(super) fn disc(center: Vec2, radius: f32) -> Self {
        Self::new(center, Vec2::X, Vec2::splat(radius))
    }

    /// Grown on all sides, m.
    pub(super) fn grown(self, by: f32) -> Self {
        Self {
            half: self.half + Vec2::splat(by),
            ..self
        }
    }

    /// Its corners, counter-clockwise.
    pub(super) fn corners(&self) -> [Vec2; 4] {
        let (u, v) = (self.axis * self.half.x, self.axis.perp() * self.half.y);
        [
            self.center - u - v,
            self.center + u - v,
            self.center + u + v,
            self.center - u + v,
        ]
    }

    /// Do two rectangles share a point? (Separating axes.)
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let d = other.center - self.center;
        [self.axis, self.axis.perp(), other.axis, other.axis.perp()]
            .iter()
            .all(|axis| {
                let reach = |f: &Self| f.half.x * f.axis.dot(*axis).abs() + f.half.y * f.axis.perp_dot(*axis).abs();
                d.dot(*axis).abs() <= reach(self) + reach(other)
            })
    }

    fn bounds(&self) -> (Vec2, Vec2) {
        let reach = (self.axis * self.half.x).abs() + (self.axis.perp() * self.half.y).abs();
        (self.center - reach, self.center + reach)
    }
}

/// What is taken, in a grid.
#[derive(Debug, Default)]
pub(super) struct Occupancy {
    items: Vec<(Footprint, u8)>,
    // Looked up, never walked through: its order is nobody's.
    cells: HashMap<(i32, i32), Vec<u32>>,
}

impl Occupancy {
    /// With the lanes, crossings and places to park of a network.
    pub(super) fn of(network: &RoadNetwork) -> Self {
        let mut taken = Self::default();
        for lane in &network.lanes {
            let layer = match lane.kind {
                LaneKind::Sidewalk => layer::WALK,
                LaneKind::Driving | LaneKind::Bicycle | LaneKind::Parking | LaneKind::Shoulder => layer::ROAD,
            };
            let points = lane.center.points();
            for (i, pair) in points.windows(2).enumerate() {
                let width = |i: usize| lane.width.get(i).or(lane.width.last()).copied().unwrap_or(3.0);
                let (a, b) = (pair[0].truncate(), pair[1].truncate());
                let half = Vec2::new(a.distance(b) / 2.0, width(i).max(width(i + 1)) / 2.0);
                taken.claim(Footprint::new(a.midpoint(b), b - a, half), layer);
            }
        }
        for crossing in &network.crossings {
            for pair in crossing.path.points().windows(2) {
                let (a, b) = (pair[0].truncate(), pair[1].truncate());
                let half = Vec2::new(a.distance(b) / 2.0 + 1.5, crossing.width / 2.0 + 0.4);
                taken.claim(Footprint::new(a.midpoint(b), b - a, half), layer::CROSSING);
            }
        }
        for spot in &network.parking {
            let footprint = Footprint::new(spot.center.truncate(), Vec2::from_angle(spot.yaw), spot.size / 2.0);
            taken.claim(footprint, layer::ROAD);
        }
        taken
    }

    /// Marks a place as taken.
    pub(super) fn claim(&mut self, footprint: Footprint, layer: u8) {
        let index = self.items.len() as u32;
        for cell in cells(&footprint) {
            self.cells.entry(cell).or_default().push(index);
        }
        self.items.push((footprint, layer));
    }

    /// Is nothing of these layers there?
    pub(super) fn free(&self, footprint: &Footprint, mask: u8) -> bool {
        cells(footprint).all(|cell| {
            self.cells.get(&cell).is_none_or(|indices| {
                indices.iter().all(|i| {
                    let (item, layer) = &self.items[*i as usize];
                    layer & mask == 0 || !item.overlaps(footprint)
                })
            })
        })
    }

    /// Marks a place as taken by a thing if nothing of these layers is there.
    pub(super) fn take(&mut self, footprint: Footprint, mask: u8) -> bool {
        let free = self.free(&footprint, mask);
        if free {
            self.claim(footprint, layer::SOLID);
        }
        free
    }
}

/// Cells that a rectangle's bounds touch.
fn cells(footprint: &Footprint) -> impl Iterator<Item = (i32, i32)> {
    let (low, high) = footprint.bounds();
    let cell = |v: f32| (v / CELL).floor() as i32;
    let (x0, x1, y0, y1) = (cell(low.x), cell(high.x), cell(low.y), cell(high.y));
    (x0..=x1).flat_map(move |x| (y0..=y1).map(move |y| (x, y)))
}

/// Is a point inside a simple polygon?
pub(super) fn contains(polygon: &[Vec2], p: Vec2) -> bool {
    let mut inside = false;
    for (i, a) in polygon.iter().enumerate() {
        let b = polygon[(i + 1) % polygon.len()];
        if (a.y > p.y) != (b.y > p.y) && p.x < a.x + (p.y - a.y) / (b.y - a.y) * (b.x - a.x) {
            inside = !inside;
        }
    }
    inside
}

/// Is a rectangle inside a simple polygon?
pub(super) fn encloses(polygon: &[Vec2], footprint: &Footprint) -> bool {
    let corners = footprint.corners();
    let crosses = |a: Vec2, b: Vec2, c: Vec2, d: Vec2| {
        let side = |p: Vec2, q: Vec2, r: Vec2| (q - p).perp_dot(r - p);
        side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
    };
    corners.iter().all(|p| contains(polygon, *p))
        && (0..polygon.len()).all(|i| {
            let (a, b) = (polygon[i], polygon[(i + 1) % polygon.len()]);
            (0..4).all(|k| !crosses(a, b, corners[k], corners[(k + 1) % 4]))
        })
}

/// A plot in its own frame: x along its front edge (to the right for who looks at it from the road), y into it.
#[derive(Debug, Clone)]
pub(super) struct PlotFrame {
    /// Start of the front edge, m.
    pub(super) origin: Vec2,
    /// Along the front edge, unit.
    pub(super) along: Vec2,
    /// Length of the front edge, m.
    pub(super) length: f32,
    /// How far the plot reaches from the line of its front edge, m.
    pub(super) depth: f32,
    /// The plot's outline, world, m.
    pub(super) outline: Vec<Vec2>,
    /// How far the outline reaches along x, m.
    pub(super) reach: Vec2,
}

impl PlotFrame {
    /// The frame of a plot; `None` for outlines without area or with numbers that are not finite.
    pub(super) fn of(plot: &Plot) -> Option<Self> {
        let n = plot.outline.len();
        if n < 3 || plot.outline.iter().any(|p| !p.is_finite()) {
            return None;
        }
        let origin = plot.outline[plot.front % n];
        let end = plot.outline[(plot.front + 1) % n];
        let along = (end - origin).try_normalize()?;
        let mut frame = Self {
            origin,
            along,
            length: origin.distance(end),
            depth: 0.0,
            outline: plot.outline.clone(),
            reach: Vec2::ZERO,
        };
        for p in &plot.outline {
            let q = frame.local(*p);
            frame.depth = frame.depth.max(q.y);
            frame.reach = Vec2::new(frame.reach.x.min(q.x), frame.reach.y.max(q.x));
        }
        (frame.depth > 1.0 && frame.length > 1.0).then_some(frame)
    }

    /// World from plot.
    pub(super) fn world(&self, x: f32, y: f32) -> Vec2 {
        self.origin + self.along * x + self.along.perp() * y
    }

    /// Plot from world.
    pub(super) fn local(&self, p: Vec2) -> Vec2 {
        let d = p - self.origin;
        Vec2::new(self.along.dot(d), self.along.perp_dot(d))
    }

    /// The rectangle from `x0, y0` to `x1, y1` in the plot's frame.
    pub(super) fn rectangle(&self, x0: f32, y0: f32, x1: f32, y1: f32) -> Footprint {
        Footprint::new(
            self.world(f32::midpoint(x0, x1), f32::midpoint(y0, y1)),
            self.along,
            Vec2::new((x1 - x0).abs() / 2.0, (y1 - y0).abs() / 2.0),
        )
    }

    /// Is this rectangle inside the plot?
    pub(super) fn encloses(&self, footprint: &Footprint) -> bool {
        encloses(&self.outline, footprint)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rectangles_that_touch_overlap_and_others_do_not() {
        let a = Footprint::new(Vec2::ZERO, Vec2::X, Vec2::new(2.0, 1.0));
        assert!(a.overlaps(&Footprint::new(Vec2::new(2.9, 0.0), Vec2::Y, Vec2::new(2.0, 1.0))));
        assert!(!a.overlaps(&Footprint::new(Vec2::new(3.1, 0.0), Vec2::Y, Vec2::new(2.0, 1.0))));
        let diagonal = Vec2::new(1.0, 1.0).normalize();
        // Bounds overlap, the rectangles do not.
        assert!(!a.overlaps(&Footprint::new(
            Vec2::new(3.2, 2.2),
            diagonal.perp(),
            Vec2::new(3.0, 0.1)
        )));
    }

    #[test]
    fn a_notch_in_a_plot_is_outside() {
        let l_shape = [(0., 0.), (10., 0.), (10., 10.), (6., 10.), (6., 4.), (0., 4.)].map(Vec2::from);
        assert!(contains(&l_shape, Vec2::new(8.0, 8.0)));
        assert!(!contains(&l_shape, Vec2::new(3.0, 8.0)));
        let across = Footprint::new(Vec2::new(5.0, 2.0), Vec2::X, Vec2::new(4.5, 1.5));
        assert!(encloses(&l_shape, &across));
        assert!(!encloses(&l_shape, &across.grown(1.0)));
    }

    proptest! {
        #[test]
        fn what_is_taken_is_found_again(
            x in -200.0_f32..200.0, y in -200.0_f32..200.0, angle in 0.0_f32..6.3,
            length in 0.1_f32..30.0, width in 0.1_f32..30.0, u in -1.0_f32..1.0, v in -1.0_f32..1.0,
        ) {
            let place = Footprint::new(Vec2::new(x, y), Vec2::from_angle(angle), Vec2::new(length, width));
            let mut taken = Occupancy::default();
            prop_assert!(taken.take(place, layer::ALL));
            let inside = place.center + place.axis * (u * length) + place.axis.perp() * (v * width);
            prop_assert!(!taken.free(&Footprint::disc(inside, 0.01), layer::SOLID));
            prop_assert!(taken.free(&Footprint::disc(inside, 0.01), layer::ROAD));
            let far = place.center + place.axis * (length + 60.0);
            prop_assert!(taken.free(&Footprint::disc(far, 0.01), layer::ALL));
        }
    }
}
