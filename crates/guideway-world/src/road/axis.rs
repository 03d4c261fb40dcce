//! The middle line of a street in the plan, with arc length and smooth normals.

use glam::Vec2;

/// A polyline in the plan.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    points: Vec<Vec2>,
    arc: Vec<f32>,
    left: Vec<Vec2>,
}

impl Axis {
    /// From at least two distinct points.
    pub(super) fn new(path: &[Vec2]) -> Option<Self> {
        let mut points: Vec<Vec2> = Vec::with_capacity(path.len());
        let mut arc: Vec<f32> = Vec::with_capacity(path.len());
        let mut length = 0.0;
        for p in path {
            if let Some(last) = points.last() {
                let step = last.distance(*p);
                if step < 1e-3 {
                    continue;
                }
                length += step;
            }
            points.push(*p);
            arc.push(length);
        }
        if points.len() < 2 {
            return None;
        }
        let left = (0..points.len())
            .map(|i| {
                let before = points[i.saturating_sub(1)];
                let after = points[(i + 1).min(points.len() - 1)];
                (after - before).perp().normalize_or(Vec2::Y)
            })
            .collect();
        Some(Self { points, arc, left })
    }

    /// Sets the direction at the start (0) or the end (1).
    pub(super) fn set_end(&mut self, end: usize, direction: Vec2) {
        let i = if end == 0 { 0 } else { self.left.len() - 1 };
        self.left[i] = direction.perp();
    }

    /// Length, m.
    pub(super) fn length(&self) -> f32 {
        self.arc.last().copied().unwrap_or(0.0)
    }

    /// Position and unit normal to the left at this arc length; straight on beyond the ends.
    pub(super) fn frame(&self, s: f32) -> (Vec2, Vec2) {
        let i = self
            .arc
            .partition_point(|a| *a <= s)
            .saturating_sub(1)
            .min(self.points.len() - 2);
        let t = (s - self.arc[i]) / (self.arc[i + 1] - self.arc[i]);
        let left = self.left[i]
            .lerp(self.left[i + 1], t.clamp(0.0, 1.0))
            .normalize_or(self.left[i]);
        (self.points[i] + (self.points[i + 1] - self.points[i]) * t, left)
    }

    /// The point this far along and this far to the left, m.
    pub(super) fn at(&self, s: f32, left: f32) -> Vec2 {
        let (p, normal) = self.frame(s);
        p + normal * left
    }

    /// Direction at this arc length.
    pub(super) fn direction(&self, s: f32) -> Vec2 {
        -self.frame(s).1.perp()
    }

    /// Arc lengths from `from` to `to` through all of `through`, close enough together for strips along bends and hills, m.
    pub(super) fn stations(&self, from: f32, to: f32, through: &[f32]) -> Vec<f32> {
        let mut stops = vec![from];
        let mut inside: Vec<f32> = through
            .iter()
            .copied()
            .filter(|s| *s > from + 0.3 && *s < to - 0.3)
            .collect();
        inside.sort_by(f32::total_cmp);
        inside.dedup_by(|b, a| *b - *a < 0.3);
        stops.extend(inside);
        stops.push(to);
        let mut stations = vec![from];
        for pair in stops.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let turn: f32 = (0..8)
                .map(|i| {
                    let at = |k: i32| self.frame(a + (b - a) * k as f32 / 8.0).1;
                    at(i).perp_dot(at(i + 1)).abs()
                })
                .sum();
            let steps = ((b - a) / 8.0).ceil().max((turn / 0.07).ceil()).max(1.0) as usize;
            stations.extend((1..=steps).map(|i| a + (b - a) * i as f32 / steps as f32));
        }
        stations
    }
}

/// Points of a smooth curve from one place and direction to another, both ends included. Directions are those of travel.
pub(super) fn blend(from: Vec2, heading: Vec2, to: Vec2, arriving: Vec2, steps: usize) -> Vec<Vec2> {
    let chord = to - from;
    let turn = heading.perp_dot(arriving);
    // Handles towards the point where both tangents meet, if there is one ahead; else a third of the way.
    let (a, b) = if turn.abs() > 0.3 {
        (chord.perp_dot(arriving) / turn, heading.perp_dot(chord) / turn)
    } else {
        (-1.0, -1.0)
    };
    let length = chord.length();
    let limit = |x: f32| {
        if a > 0.0 && b > 0.0 {
            (0.58 * x).min(length)
        } else {
            0.38 * length
        }
    };
    let (p1, p2) = (from + heading * limit(a), to - arriving * limit(b));
    (0..=steps)
        .map(|i| {
            let t = i as f32 / steps as f32;
            let u = 1.0 - t;
            from * (u * u * u) + p1 * (3.0 * u * u * t) + p2 * (3.0 * u * t * t) + to * (t * t * t)
        })
        .collect()
}
