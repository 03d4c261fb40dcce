//! Footprints: who covers which ground, and who is near.

use glam::DVec2;

/// What a footprint belongs to, as far as others care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// A motor vehicle on the road.
    Vehicle,
    /// A bicycle.
    Cyclist,
    /// A person on foot.
    Walker,
    /// An animal.
    Animal,
    /// Something that lies or stands: parked vehicles, debris, a person lying.
    Thing,
}

impl BodyKind {
    /// Room left beside it when one drives past, m.
    pub(super) fn margin(self) -> f64 {
        match self {
            Self::Vehicle | Self::Thing => 0.2,
            Self::Cyclist => 0.45,
            Self::Walker | Self::Animal => 0.4,
        }
    }
}

/// A rectangle on the ground.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Body {
    /// Its actor.
    pub id: u32,
    /// What it is.
    pub kind: BodyKind,
    /// Its middle, m.
    pub center: DVec2,
    /// Forward, unit.
    pub axis: DVec2,
    /// Half its length and width, m.
    pub half: DVec2,
    /// m/s.
    pub velocity: DVec2,
    /// Is it moving sideways, or just about to?
    pub shifting: bool,
}

impl Body {
    /// Radius of the circle around it, m.
    pub(super) fn radius(&self) -> f64 {
        self.half.length()
    }

    /// Its corners.
    pub(super) fn corners(&self) -> [DVec2; 4] {
        let (x, y) = (self.axis * self.half.x, self.axis.perp() * self.half.y);
        [
            self.center + x + y,
            self.center - x + y,
            self.center - x - y,
            self.center + x - y,
        ]
    }

    /// Larger on all sides by this much, m.
    pub(super) fn grown(&self, by: f64) -> Self {
        Self {
            half: self.half + DVec2::splat(by),
            ..*self
        }
    }

    /// Together with where it will be within `seconds`.
    pub(super) fn swept(&self, seconds: f64) -> Self {
        let ahead = self.velocity.dot(self.axis) * seconds / 2.0;
        Self {
            center: self.center + self.axis * ahead,
            half: DVec2::new(self.half.x + ahead.abs(), self.half.y),
            ..*self
        }
    }

    /// The way out of it from `p`, unit, and the distance of `p` from its edge, m; 0 inside.
    pub(super) fn outward(&self, p: DVec2) -> (DVec2, f64) {
        let r = p - self.center;
        let local = DVec2::new(r.dot(self.axis), r.dot(self.axis.perp()));
        let edge = local.clamp(-self.half, self.half);
        let away = local - edge;
        let distance = away.length();
        let out = if distance > 1e-9 {
            away / distance
        } else {
            // Inside: over the nearest side.
            let depth = self.half - local.abs();
            if depth.x < depth.y {
                DVec2::new(local.x.signum(), 0.0)
            } else {
                DVec2::new(0.0, local.y.signum())
            }
        };
        (self.axis * out.x + self.axis.perp() * out.y, distance)
    }

    /// Do two overlap? By the separating axis theorem.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let between = other.center - self.center;
        if between.length() > self.radius() + other.radius() {
            return false;
        }
        let reach = |body: &Self, axis: DVec2| {
            body.half.x * body.axis.dot(axis).abs() + body.half.y * body.axis.perp().dot(axis).abs()
        };
        [self.axis, self.axis.perp(), other.axis, other.axis.perp()]
            .into_iter()
            .all(|axis| between.dot(axis).abs() <= reach(self, axis) + reach(other, axis))
    }

    /// Does the segment from `a` to `b` touch it?
    pub(super) fn touches(&self, a: DVec2, b: DVec2) -> bool {
        let local = |p: DVec2| {
            let r = p - self.center;
            DVec2::new(r.dot(self.axis), r.dot(self.axis.perp()))
        };
        let (a, b) = (local(a), local(b));
        let d = b - a;
        let (mut low, mut high) = (0.0_f64, 1.0_f64);
        for (from, step, half) in [(a.x, d.x, self.half.x), (a.y, d.y, self.half.y)] {
            if step.abs() < 1e-12 {
                if from.abs() > half {
                    return false;
                }
                continue;
            }
            let (t0, t1) = ((-half - from) / step, (half - from) / step);
            low = low.max(t0.min(t1));
            high = high.min(t0.max(t1));
        }
        low <= high
    }
}

/// Bodies in square cells.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd {
    /// The bodies.
    pub bodies: Vec<Body>,
    origin: DVec2,
    columns: usize,
    rows: usize,
    /// First index in `order` of each cell, and one past the last.
    starts: Vec<u32>,
    order: Vec<u32>,
}

const CELL: f64 = 16.0;

impl Crowd {
    /// Sorts the bodies into cells; call after changing them.
    pub(super) fn index(&mut self) {
        let (mut low, mut high) = (DVec2::splat(f64::INFINITY), DVec2::splat(f64::NEG_INFINITY));
        for body in &self.bodies {
            low = low.min(body.center);
            high = high.max(body.center);
        }
        if self.bodies.is_empty() {
            (low, high) = (DVec2::ZERO, DVec2::ZERO);
        }
        self.origin = low;
        // Bounded: whoever is far out shares the outermost cells.
        self.columns = (((high.x - low.x) / CELL) as usize + 1).min(512);
        self.rows = (((high.y - low.y) / CELL) as usize + 1).min(512);
        self.starts.clear();
        self.starts.resize(self.columns * self.rows + 1, 0);
        for body in &self.bodies {
            let cell = self.cell(body.center);
            self.starts[cell + 1] += 1;
        }
        for i in 1..self.starts.len() {
            self.starts[i] += self.starts[i - 1];
        }
        let mut next = self.starts.clone();
        self.order.clear();
        self.order.resize(self.bodies.len(), 0);
        for (i, body) in self.bodies.iter().enumerate() {
            let cell = self.cell(body.center);
            self.order[next[cell] as usize] = i as u32;
            next[cell] += 1;
        }
    }

    fn column_row(&self, p: DVec2) -> (usize, usize) {
        let q = ((p - self.origin) / CELL).max(DVec2::ZERO);
        ((q.x as usize).min(self.columns - 1), (q.y as usize).min(self.rows - 1))
    }

    fn cell(&self, p: DVec2) -> usize {
        let (x, y) = self.column_row(p);
        y * self.columns + x
    }

    /// The bodies whose cells meet the rectangle from `low` to `high`, in a fixed order.
    pub(super) fn within(&self, low: DVec2, high: DVec2) -> impl Iterator<Item = usize> + '_ {
        let (x0, y0) = if self.columns == 0 {
            (0, 0)
        } else {
            self.column_row(low)
        };
        let (x1, y1) = if self.columns == 0 {
            (0, 0)
        } else {
            self.column_row(high)
        };
        let rows = if self.columns == 0 { 0..0 } else { y0..y1 + 1 };
        rows.flat_map(move |y| {
            let first = self.starts[y * self.columns + x0] as usize;
            let last = self.starts[y * self.columns + x1 + 1] as usize;
            self.order[first..last].iter().map(|i| *i as usize)
        })
    }

    /// The bodies around a point; longest bodies are 20 m, so their middles are searched 10 m further.
    pub(super) fn around(&self, p: DVec2, radius: f64) -> impl Iterator<Item = usize> + '_ {
        let reach = DVec2::splat(radius + 10.0);
        self.within(p - reach, p + reach)
    }

    /// Is the ground that `body` covers, with `margin` metres around it, taken by another?
    pub(super) fn taken(&self, body: &Body, margin: f64) -> bool {
        let grown = body.grown(margin);
        self.around(body.center, grown.radius())
            .any(|i| self.bodies[i].id != body.id && self.bodies[i].overlaps(&grown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(id: u32, x: f64, y: f64, axis: DVec2) -> Body {
        Body {
            id,
            kind: BodyKind::Vehicle,
            center: DVec2::new(x, y),
            axis: axis.normalize(),
            half: DVec2::new(2.0, 1.0),
            velocity: DVec2::ZERO,
            shifting: false,
        }
    }

    #[test]
    fn rectangles_overlap_or_not() {
        let a = body(1, 0.0, 0.0, DVec2::X);
        assert!(a.overlaps(&body(2, 3.9, 0.0, DVec2::X)));
        assert!(!a.overlaps(&body(2, 4.1, 0.0, DVec2::X)));
        assert!(!a.overlaps(&body(2, 0.0, 3.1, DVec2::Y)));
        assert!(a.overlaps(&body(2, 0.0, 2.9, DVec2::Y)));
        // Corner to corner: the circles meet, the rectangles do not.
        assert!(!a.overlaps(&body(2, 3.6, 2.6, DVec2::new(1.0, -1.0))));
        assert!(a.overlaps(&body(2, 2.6, 1.6, DVec2::new(1.0, -1.0))));
    }

    #[test]
    fn segments_touch_or_not() {
        let a = body(1, 0.0, 0.0, DVec2::X);
        assert!(a.touches(DVec2::new(0.0, -5.0), DVec2::new(0.0, 5.0)));
        assert!(!a.touches(DVec2::new(2.1, -5.0), DVec2::new(2.1, 5.0)));
        assert!(!a.touches(DVec2::new(0.0, 1.1), DVec2::new(0.0, 5.0)));
        assert!(a.touches(DVec2::new(0.0, 0.0), DVec2::new(0.1, 0.1)));
    }

    #[test]
    fn neighbours_are_found() {
        let mut crowd = Crowd::default();
        crowd.index();
        assert_eq!(crowd.around(DVec2::ZERO, 5.0).count(), 0);
        crowd.bodies = (0..200)
            .map(|i| body(i, f64::from(i % 20) * 13.0, f64::from(i / 20) * 17.0, DVec2::X))
            .collect();
        crowd.index();
        for p in [DVec2::new(50.0, 50.0), DVec2::ZERO, DVec2::new(500.0, -20.0)] {
            let mut found: Vec<u32> = crowd.around(p, 30.0).map(|i| crowd.bodies[i].id).collect();
            found.sort_unstable();
            for b in &crowd.bodies {
                if b.center.distance(p) <= 30.0 {
                    assert!(found.contains(&b.id));
                }
            }
        }
    }
}
