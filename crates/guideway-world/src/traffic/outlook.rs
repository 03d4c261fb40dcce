//! What a driver sees ahead: the nearest thing in the way, the next junction to ask leave for, crossings, the end of the road.

use glam::DVec2;

use super::body::{Body, BodyKind, Crowd};
use super::mover::{Mover, Sample};
use super::ways::Ways;

/// Something in the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// Its index in the crowd.
    pub body: usize,
    /// Its actor.
    pub id: u32,
    /// What it is.
    pub kind: BodyKind,
    /// From the front bumper, m.
    pub gap: f64,
    /// Its speed along the way, m/s; negative when it comes closer.
    pub speed: f64,
}

/// A junction way that may not be entered without leave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gate {
    /// The way.
    pub way: u32,
    /// The way before it.
    pub before: u32,
    /// The way after it, if the route goes on.
    pub after: Option<u32>,
    /// From the front to where one waits, m.
    pub line: f64,
    /// From the front to the start of the way, m.
    pub start: f64,
}

/// A crossing for people on foot on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CrossingAhead {
    /// Its index.
    pub crossing: u32,
    /// The way that it lies on.
    pub way: u32,
    /// From the front to its near edge, m; negative when the front is past it.
    pub near: f64,
    /// From the rear to its far edge, m.
    pub clear: f64,
}

/// What a driver sees ahead.
#[derive(Debug, Clone, Default)]
pub(super) struct Outlook {
    pub samples: Vec<Sample>,
    pub found: Option<Found>,
    /// Speed that what lies ahead allows now, m/s.
    pub cap: f64,
    /// Braking that this asks for, m/s².
    pub slow: f64,
    pub gate: Option<Gate>,
    pub crossings: Vec<CrossingAhead>,
    /// From the front to the end of the road, m.
    pub end: Option<f64>,
    /// Smallest turn on the way: +1 left, −1 right, 0 none; for the indicators.
    pub turn: i8,
}

/// How far ahead one looks at this speed, m.
pub(super) fn horizon(speed: f64) -> f64 {
    (speed * speed / 3.0 + 2.0 * speed + 30.0).clamp(40.0, 200.0)
}

/// Looks ahead.
pub(super) fn look(mover: &Mover, ways: &Ways, crowd: &Crowd, widths: &[f64], out: &mut Outlook) {
    let far = horizon(mover.speed);
    mover.look(ways, far, &mut out.samples);
    out.found = nearest(mover, crowd, &out.samples, |_| true);
    out.cap = f64::INFINITY;
    out.slow = 0.0;
    for sample in &out.samples {
        // Slows down at 1.5 m/s² before bends and limits.
        let cap = (sample.cap * sample.cap + 2.0 * 1.5 * (sample.ahead - 1.0).max(0.0)).sqrt();
        out.cap = out.cap.min(cap);
        let over = mover.speed * mover.speed - sample.cap * sample.cap;
        out.slow = out.slow.max(over / (2.0 * (sample.ahead - 0.3 * mover.speed).max(1.0)));
    }
    out.gate = None;
    out.crossings.clear();
    out.turn = 0;
    let mut start = -mover.s;
    for (i, leg) in mover.legs.iter().enumerate() {
        let way = ways.get(leg.way);
        for (crossing, s) in &way.crossings {
            let middle = start + s;
            let half = widths.get(*crossing as usize).copied().unwrap_or(3.0) / 2.0;
            let (near, clear) = (middle - half - mover.half.x, middle + half + mover.half.x);
            if clear > 0.0 && near < far.min(70.0) {
                out.crossings.push(CrossingAhead {
                    crossing: *crossing,
                    way: leg.way,
                    near,
                    clear,
                });
            }
        }
        if i > 0 && out.gate.is_none() && way.gated() && !mover.grants.contains(&leg.way) {
            let before = mover.legs[i - 1].way;
            let back = {
                let track = &ways.get(before);
                track.track.length - track.stop
            };
            let to_start = start - mover.half.x;
            let line = to_start - back - 0.5;
            out.gate = Some(Gate {
                way: leg.way,
                before,
                after: mover.legs.get(i + 1).map(|leg| leg.way),
                line: if line < -1.0 { to_start - 0.3 } else { line },
                start: to_start,
            });
        }
        if out.turn == 0 && way.turn != 0 && start - mover.half.x < 35.0 {
            out.turn = way.turn;
        }
        start += way.track.length;
        if start > far {
            break;
        }
    }
    out.end = (start <= far).then_some(start - mover.half.x);
}

/// The nearest thing that the vehicle would touch if it drove on along `samples`.
///
/// Its footprint is put on the points ahead one after the other, with the room that it leaves to both sides; that grows from nothing
/// over the first four metres, since what one is beside one does not touch.
pub(super) fn nearest(
    mover: &Mover,
    crowd: &Crowd,
    samples: &[Sample],
    wanted: impl Fn(&Body) -> bool,
) -> Option<Found> {
    let (mut low, mut high) = (DVec2::splat(f64::INFINITY), DVec2::splat(f64::NEG_INFINITY));
    for sample in samples {
        low = low.min(sample.point);
        high = high.max(sample.point);
    }
    if samples.is_empty() {
        return None;
    }
    let reach = DVec2::splat(mover.half.x + 10.0);
    let own = mover.body();
    let around = own.radius();
    let mut best: Option<Found> = None;
    for index in crowd.within(low - reach, high + reach) {
        let seen = &crowd.bodies[index];
        if seen.id == mover.id || !wanted(seen) {
            continue;
        }
        let body = match seen.kind {
            BodyKind::Walker | BodyKind::Animal => seen.swept(0.7),
            _ => *seen,
        };
        let far = around + body.radius() + 0.5;
        let mut i = 1;
        while i < samples.len() {
            let sample = &samples[i];
            if best.is_some_and(|b| sample.ahead - 1.0 > b.gap) {
                break;
            }
            let away = sample.point.distance(body.center) - far;
            if away > 0.0 {
                i += ((away / 2.0) as usize).max(1);
                continue;
            }
            // Those who meet keep less room than those who overtake.
            let margin = if body.kind == BodyKind::Vehicle && body.axis.dot(sample.axis) < -0.5 {
                0.08
            } else {
                body.kind.margin()
            };
            let margin = margin * (sample.ahead / 4.0).min(1.0);
            let there = |sample: &Sample| Body {
                center: sample.point,
                axis: sample.axis,
                half: DVec2::new(mover.half.x, mover.half.y + margin),
                ..own
            };
            if there(sample).overlaps(&body) {
                // Between the last free point and this one, to a few centimetres.
                let before = &samples[i - 1];
                let (mut free, mut hit) = (0.0, 1.0);
                for _ in 0..5 {
                    let t = f64::midpoint(free, hit);
                    if there(&before.toward(sample, t)).overlaps(&body) {
                        hit = t;
                    } else {
                        free = t;
                    }
                }
                best = Some(Found {
                    body: index,
                    id: body.id,
                    kind: body.kind,
                    gap: before.ahead + (sample.ahead - before.ahead) * free,
                    speed: body.velocity.dot(sample.axis),
                });
                break;
            }
            i += 1;
        }
    }
    best
}

/// The speed at which a vehicle enters, as if it had driven there: by limit, bends, the one ahead and what it may have to stop for.
pub(super) fn entry_speed(mover: &Mover, seen: &Outlook) -> f64 {
    let mut speed = seen.cap;
    if let Some(found) = seen.found {
        let gap = (found.gap - mover.driver.gap_m).max(0.0);
        speed = speed.min((gap / mover.driver.gap_s).max(found.speed.min(gap / 0.8)));
    }
    if let Some(gate) = seen.gate {
        speed = speed.min((2.0 * 1.4 * (gate.line - 1.0).max(0.0)).sqrt());
    }
    if let Some(end) = seen.end {
        speed = speed.min((2.0 * 1.4 * (end - 3.0).max(0.0)).sqrt().max(2.0));
    }
    speed.clamp(0.0, mover.driver.fastest)
}
