//! Curves as dense polylines with arc length.

use glam::{Vec2, Vec3};

/// A point of a curve with its direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Position, m.
    pub position: Vec3,
    /// Unit tangent.
    pub tangent: Vec3,
}

impl CurvePoint {
    /// Heading in the plane, rad, counter-clockwise from x.
    pub fn yaw(&self) -> f32 {
        self.tangent.y.atan2(self.tangent.x)
    }

    /// Unit vector to the left, horizontal.
    pub fn left(&self) -> Vec3 {
        Vec2::new(-self.tangent.y, self.tangent.x)
            .normalize_or(Vec2::Y)
            .extend(0.0)
    }
}

/// A curve in space: a polyline of at least two distinct points, with arc length from its start.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    points: Vec<Vec3>,
    arc: Vec<f32>,
}

impl Curve {
    /// From points in order; repeated points are dropped. `None` when fewer than two remain or one is not finite.
    pub fn new(points: impl IntoIterator<Item = Vec3>) -> Option<Self> {
        let mut kept: Vec<Vec3> = Vec::new();
        let mut arc: Vec<f32> = Vec::new();
        let mut length = 0.0_f64;
        for p in points {
            if !p.is_finite() {
                return None;
            }
            if let Some(last) = kept.last() {
                let step = f64::from(last.distance(p));
                if step < 1e-4 {
                    continue;
                }
                length += step;
            }
            kept.push(p);
            arc.push(length as f32);
        }
        (kept.len() >= 2).then_some(Self { points: kept, arc })
    }

    /// The points.
    pub fn points(&self) -> &[Vec3] {
        &self.points
    }

    /// Arc length at each point, m.
    pub fn arc(&self) -> &[f32] {
        &self.arc
    }

    /// Length, m.
    pub fn length(&self) -> f32 {
        self.arc.last().copied().unwrap_or(0.0)
    }

    /// The point at this arc length, held at the ends.
    pub fn at(&self, s: f32) -> CurvePoint {
        let i = self.segment(s);
        let (a, b) = (self.points[i], self.points[i + 1]);
        let span = self.arc[i + 1] - self.arc[i];
        let t = ((s - self.arc[i]) / span).clamp(0.0, 1.0);
        // Tangents of neighbouring segments are blended, so that what drives along turns smoothly.
        let here = (b - a) / span;
        let tangent = if t < 0.5 {
            let before = i
                .checked_sub(1)
                .map_or(here, |j| (a - self.points[j]) / (self.arc[i] - self.arc[j]));
            before.lerp(here, 0.5 + t)
        } else {
            let after = self
                .points
                .get(i + 2)
                .map_or(here, |c| (*c - b) / (self.arc[i + 2] - self.arc[i + 1]));
            here.lerp(after, t - 0.5)
        };
        CurvePoint {
            position: a.lerp(b, t),
            tangent: tangent.normalize_or(here),
        }
    }

    /// The nearest point in the plane: arc length and lateral offset, left positive, m.
    pub fn project(&self, p: Vec2) -> (f32, f32) {
        let mut best = (f32::INFINITY, 0.0, 0.0);
        for i in 0..self.points.len() - 1 {
            let (a, b) = (self.points[i].truncate(), self.points[i + 1].truncate());
            let d = b - a;
            let t = ((p - a).dot(d) / d.length_squared().max(1e-12)).clamp(0.0, 1.0);
            let away = p - (a + d * t);
            if away.length_squared() < best.0 {
                let s = self.arc[i] + t * (self.arc[i + 1] - self.arc[i]);
                best = (away.length_squared(), s, d.perp_dot(away).signum() * away.length());
            }
        }
        (best.1, best.2)
    }

    /// The curve shifted sideways, left positive, m.
    #[must_use]
    pub fn offset(&self, lateral: f32) -> Option<Self> {
        Self::new(self.arc.iter().map(|s| {
            let p = self.at(*s);
            p.position + p.left() * lateral
        }))
    }

    /// The other way round.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let length = self.length();
        Self {
            points: self.points.iter().rev().copied().collect(),
            arc: self.arc.iter().rev().map(|s| length - s).collect(),
        }
    }

    fn segment(&self, s: f32) -> usize {
        self.arc
            .partition_point(|a| *a <= s)
            .saturating_sub(1)
            .min(self.points.len() - 2)
    }
}
