//! A lane's centre line as something to drive on: smooth, evenly sampled, answered in constant time.

use glam::{DVec2, DVec3};

use crate::road::{Curve, Lane};

/// Where on a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// On the centre line, world, m.
    pub position: DVec3,
    /// Direction of travel in the plane, unit.
    pub tangent: DVec2,
}

/// A centre line, resampled at equal steps of about a metre and joined by Catmull-Rom splines: position and direction are
/// continuous, so that what drives along it turns smoothly.
#[derive(Debug, Clone)]
pub(super) struct Track {
    /// Length, m.
    pub length: f64,
    step: f64,
    points: Vec<DVec3>,
    /// 1/m, left positive.
    curvature: Vec<f64>,
    width: Vec<f64>,
    low: DVec2,
    high: DVec2,
}

impl Track {
    /// From a lane.
    pub(super) fn new(lane: &Lane) -> Self {
        let curve = &lane.center;
        let width = |s: f32| {
            let arc = curve.arc();
            let i = arc
                .partition_point(|a| *a <= s)
                .saturating_sub(1)
                .min(arc.len().saturating_sub(2));
            let t = ((s - arc[i]) / (arc[i + 1] - arc[i]).max(1e-6)).clamp(0.0, 1.0);
            let at = |k: usize| lane.width.get(k).or(lane.width.last()).copied().unwrap_or(3.0);
            f64::from(at(i) * (1.0 - t) + at(i + 1) * t)
        };
        let smooth = Smooth::new(curve);
        Self::sampled(f64::from(curve.length()), |s| smooth.at(s), |s| width(s as f32))
    }

    /// The other way round.
    pub(super) fn reversed(&self) -> Self {
        Self::sampled(
            self.length,
            |s| self.at(self.length - s).position,
            |s| self.width(self.length - s),
        )
    }

    fn sampled(length: f64, position: impl Fn(f64) -> DVec3, width: impl Fn(f64) -> f64) -> Self {
        let length = length.max(1e-3);
        let pieces = (length.ceil() as usize).max(4);
        let step = length / pieces as f64;
        let points: Vec<DVec3> = (0..=pieces).map(|i| position(i as f64 * step)).collect();
        let width = (0..=pieces).map(|i| width(i as f64 * step)).collect();
        let bend = |i: usize| {
            let (a, b, c) = (points[i - 1].truncate(), points[i].truncate(), points[i + 1].truncate());
            let (u, v) = (b - a, c - b);
            // Menger curvature: 4 × area over the product of the sides.
            2.0 * u.perp_dot(v) / (u.length() * v.length() * (c - a).length()).max(1e-9)
        };
        let mut curvature: Vec<f64> = (0..=pieces).map(|i| bend(i.clamp(1, pieces - 1))).collect();
        for _ in 0..2 {
            let before = curvature.clone();
            for i in 1..pieces {
                curvature[i] = (before[i - 1] + 2.0 * before[i] + before[i + 1]) / 4.0;
            }
        }
        let (mut low, mut high) = (DVec2::splat(f64::INFINITY), DVec2::splat(f64::NEG_INFINITY));
        for p in &points {
            low = low.min(p.truncate());
            high = high.max(p.truncate());
        }
        Self {
            length,
            step,
            points,
            curvature,
            width,
            low,
            high,
        }
    }

    fn piece(&self, s: f64) -> (usize, f64) {
        let x = (s / self.step).clamp(0.0, (self.points.len() - 1) as f64);
        let i = (x as usize).min(self.points.len() - 2);
        (i, x - i as f64)
    }

    /// The place at this arc length; beyond the ends straight on.
    pub(super) fn at(&self, s: f64) -> Place {
        let (i, t) = self.piece(s);
        let last = self.points.len() - 1;
        let (b, c) = (self.points[i], self.points[i + 1]);
        // Beyond the ends a parabola goes on: its slope at the end is right to second order.
        let a = if i > 0 {
            self.points[i - 1]
        } else {
            3.0 * b - 3.0 * c + self.points[2]
        };
        let d = if i + 2 <= last {
            self.points[i + 2]
        } else {
            3.0 * c - 3.0 * b + self.points[last - 2]
        };
        let (m0, m1) = ((c - a) / 2.0, (d - b) / 2.0);
        let (t2, t3) = (t * t, t * t * t);
        let position =
            b * (2.0 * t3 - 3.0 * t2 + 1.0) + m0 * (t3 - 2.0 * t2 + t) + c * (3.0 * t2 - 2.0 * t3) + m1 * (t3 - t2);
        let slope = b * (6.0 * t2 - 6.0 * t)
            + m0 * (3.0 * t2 - 4.0 * t + 1.0)
            + c * (6.0 * t - 6.0 * t2)
            + m1 * (3.0 * t2 - 2.0 * t);
        let tangent = slope.truncate().normalize_or(DVec2::X);
        let beyond = if s < 0.0 { s } else { (s - self.length).max(0.0) };
        Place {
            position: position + (tangent * beyond).extend(0.0),
            tangent,
        }
    }

    fn sample(&self, values: &[f64], s: f64) -> f64 {
        let (i, t) = self.piece(s);
        values[i] * (1.0 - t) + values[i + 1] * t
    }

    /// Curvature, 1/m, left positive.
    pub(super) fn curvature(&self, s: f64) -> f64 {
        self.sample(&self.curvature, s)
    }

    /// Width of the lane, m.
    pub(super) fn width(&self, s: f64) -> f64 {
        self.sample(&self.width, s)
    }

    /// Its smallest width, m.
    pub(super) fn narrowest(&self) -> f64 {
        self.width.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Its sharpest curvature, 1/m, positive.
    pub(super) fn sharpest(&self) -> f64 {
        self.curvature.iter().fold(0.0, |most, k| most.max(k.abs()))
    }

    /// May it come within `reach` metres of `p`? Rough and quick.
    pub(super) fn near(&self, p: DVec2, reach: f64) -> bool {
        let r = DVec2::splat(reach);
        p.cmpge(self.low - r).all() && p.cmple(self.high + r).all()
    }

    /// The nearest place in the plane: arc length and offset to the left, m. Beyond the ends the arc length goes on.
    pub(super) fn project(&self, p: DVec2) -> (f64, f64) {
        let mut best = (f64::INFINITY, 0);
        for (i, point) in self.points.iter().enumerate() {
            let away = point.truncate().distance_squared(p);
            if away < best.0 {
                best = (away, i);
            }
        }
        self.refine(p, best.1 as f64 * self.step)
    }

    /// The nearest place in the plane, searched from arc length `near`.
    pub(super) fn refine(&self, p: DVec2, near: f64) -> (f64, f64) {
        let mut s = near;
        for _ in 0..4 {
            let here = self.at(s);
            let away = p - here.position.truncate();
            let (along, across) = (away.dot(here.tangent), away.dot(here.tangent.perp()));
            // Newton on the distance: where the curve bends towards p, a step along the tangent is too long or too short.
            s += along / (1.0 - self.curvature(s) * across).max(0.3);
            if along.abs() < 1e-7 {
                break;
            }
        }
        let here = self.at(s);
        (s, (p - here.position.truncate()).dot(here.tangent.perp()))
    }
}

/// A cubic through the points of a polyline, with the slopes of the parabolas through each three of them.
struct Smooth {
    points: Vec<DVec3>,
    slopes: Vec<DVec3>,
    arc: Vec<f64>,
}

impl Smooth {
    fn new(curve: &Curve) -> Self {
        let points: Vec<DVec3> = curve.points().iter().map(|p| p.as_dvec3()).collect();
        let arc: Vec<f64> = curve.arc().iter().map(|s| f64::from(*s)).collect();
        let last = points.len() - 1;
        let chord = |i: usize| (points[i + 1] - points[i]) / (arc[i + 1] - arc[i]).max(1e-6);
        let inner = |i: usize| {
            let (before, after) = (arc[i] - arc[i - 1], arc[i + 1] - arc[i]);
            (chord(i - 1) * after + chord(i) * before) / (before + after).max(1e-6)
        };
        let slopes = (0..=last)
            .map(|i| match i {
                _ if last == 1 => chord(0),
                0 => chord(0) * 2.0 - inner(1),
                _ if i == last => chord(last - 1) * 2.0 - inner(last - 1),
                _ => inner(i),
            })
            .collect();
        Self { points, slopes, arc }
    }

    fn at(&self, s: f64) -> DVec3 {
        let i = self
            .arc
            .partition_point(|a| *a <= s)
            .saturating_sub(1)
            .min(self.points.len() - 2);
        let span = (self.arc[i + 1] - self.arc[i]).max(1e-6);
        let t = ((s - self.arc[i]) / span).clamp(0.0, 1.0);
        let (t2, t3) = (t * t, t * t * t);
        self.points[i] * (2.0 * t3 - 3.0 * t2 + 1.0)
            + self.slopes[i] * (span * (t3 - 2.0 * t2 + t))
            + self.points[i + 1] * (3.0 * t2 - 2.0 * t3)
            + self.slopes[i + 1] * (span * (t3 - t2))
    }
}

/// `t` from 0 to 1 to a value from 0 to 1 with no slope and no bend at the ends, and its derivative.
pub(super) fn ease(t: f64) -> (f64, f64) {
    let t = t.clamp(0.0, 1.0);
    let value = t * t * t * (t * (6.0 * t - 15.0) + 10.0);
    let slope = 30.0 * t * t * (t * (t - 2.0) + 1.0);
    (value, slope)
}

#[cfg(test)]
mod tests {
    use glam::Vec3;

    use super::*;
    use crate::traffic::testing::lane;

    fn quarter(radius: f32) -> Track {
        let points = (0..=40).map(|i| {
            let a = std::f32::consts::FRAC_PI_2 * i as f32 / 40.0;
            Vec3::new(radius * a.sin(), radius * (1.0 - a.cos()), 0.0)
        });
        Track::new(&lane(0, Curve::new(points).unwrap(), 3.2))
    }

    #[test]
    fn an_arc_is_an_arc() {
        let track = quarter(10.0);
        assert!((track.length - 5.0 * std::f64::consts::PI).abs() < 0.01);
        for i in 0..=100 {
            let s = track.length * f64::from(i) / 100.0;
            let here = track.at(s);
            let center = DVec2::new(0.0, 10.0);
            assert!((here.position.truncate().distance(center) - 10.0).abs() < 0.01);
            let radial = (here.position.truncate() - center).normalize();
            assert!(
                here.tangent.dot(radial).abs() < 0.02,
                "{i}: {}",
                here.tangent.dot(radial)
            );
            assert!((track.curvature(s) - 0.1).abs() < 0.004);
            assert!((track.width(s) - 3.2).abs() < 1e-6);
        }
    }

    #[test]
    fn projection_inverts_placing() {
        let track = quarter(12.0);
        for i in 1..40 {
            for d in [-3.0, 0.0, 2.5] {
                let s = track.length * f64::from(i) / 40.0;
                let here = track.at(s);
                let p = here.position.truncate() + here.tangent.perp() * d;
                let (s2, d2) = track.project(p);
                assert!((s2 - s).abs() < 1e-3 && (d2 - d).abs() < 1e-4, "{s} {d}: {s2} {d2}");
            }
        }
    }

    #[test]
    fn goes_straight_on_beyond_its_ends() {
        let track = quarter(10.0);
        let end = track.at(track.length);
        let beyond = track.at(track.length + 5.0);
        assert!((beyond.position - end.position).truncate().distance(end.tangent * 5.0) < 1e-9);
    }
}
