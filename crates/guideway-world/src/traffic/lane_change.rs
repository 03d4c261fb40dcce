//! When to change lanes: MOBIL.
//!
//! Kesting, Treiber, Helbing: *General lane-changing model MOBIL for car-following models*, Transportation Research Record 1999
//! (2007), doi 10.3141/1999-10. A change must be safe for who drives behind in the new lane, and gain more for oneself than it costs
//! the others, weighed by politeness.

use super::body::Crowd;
use super::idm::STRONGEST;
use super::mover::{Mover, Sample};
use super::outlook::{Outlook, horizon, nearest};
use super::ways::Ways;

/// Nobody may be made to brake harder than this, m/s².
const SAFE: f64 = -2.5;

/// A change must gain this much, m/s².
const THRESHOLD: f64 = 0.25;

/// Keeping to the outer lane is worth this much on fast roads, m/s².
const OUTER: f64 = 0.3;

/// A lane change decided on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    /// The new way, the arc length on it, and how far left of its middle one is now, m.
    pub way: u32,
    pub s: f64,
    pub from: f64,
    /// Over which distance, m.
    pub length: f64,
    /// +1 to the left, −1 to the right.
    pub direction: i8,
}

/// Movers by way, sorted by arc length: `(s, index)`.
pub(super) type Lists = Vec<Vec<(f64, u32)>>;

/// Decides.
pub(super) fn decide(
    i: usize,
    movers: &[Mover],
    outlook: &Outlook,
    ways: &Ways,
    crowd: &Crowd,
    lists: &Lists,
) -> Option<Change> {
    let mover = &movers[i];
    let way = ways.get(mover.way());
    let length = (4.0 * mover.speed + 8.0).max(18.0);
    let rest = way.track.length - mover.s;
    if way.junction.is_some() || mover.shifting() || mover.pass.is_some() || mover.s < 3.0 {
        return None;
    }
    // Where the lane ends and its neighbour does not, one has to; then a shorter change will do.
    let ends = |w: u32| ways.get(w).reach < 500.0;
    let best_neighbour = [way.left, way.right]
        .into_iter()
        .flatten()
        .map(|w| ways.get(w).reach)
        .fold(0.0, f64::max);
    let must = ends(mover.way()) && best_neighbour > way.reach + 50.0;
    let length = if must {
        length.min((rest - 4.0).max(10.0))
    } else {
        length
    };
    if rest < length + if must { 2.0 } else { 12.0 } || mover.speed < 1.0 {
        return None;
    }
    let now = mover.accel.min(STRONGEST);
    let mut best: Option<(f64, Change)> = None;
    for (target, direction) in [(way.left, 1_i8), (way.right, -1)] {
        let Some(target) = target else { continue };
        let other = ways.get(target);
        if !other.drivable() || other.track.narrowest() < 2.0 * mover.half.y + 0.3 {
            continue;
        }
        let here = mover.position.truncate();
        let (s, from) = other
            .track
            .refine(here, mover.s / way.track.length * other.track.length);
        if s < 1.0
            || s > other.track.length - length
            || from.abs() > 6.0
            || other.crossings.iter().any(|(_, c)| *c > s && *c < s + length)
        {
            continue;
        }
        let Some((ahead, loss)) = effect(i, movers, ways, crowd, lists, target, s) else {
            continue;
        };
        let wanted = (other.limit * mover.driver.factor)
            .min(mover.driver.fastest)
            .min(outlook.cap.max(1.0));
        let then = match ahead {
            Some((gap, speed)) => mover.driver.follow(mover.speed, wanted, gap, speed, mover.driver.gap_m),
            None => mover.driver.free(mover.speed, wanted),
        };
        if then < SAFE {
            continue;
        }
        let mut gain = then - now - mover.driver.politeness * loss;
        if way.limit > 16.0 && f64::from(direction) * ways.side < 0.0 {
            gain += OUTER;
        } else if way.limit > 16.0 {
            gain -= OUTER;
        }
        if must {
            gain += if other.reach > way.reach + 50.0 { 3.0 } else { -9.0 };
        } else if other.reach < way.reach - 50.0 && ends(target) {
            gain -= 9.0;
        }
        if gain > THRESHOLD && best.is_none_or(|(b, _)| gain > b) {
            best = Some((
                gain,
                Change {
                    way: target,
                    s,
                    from,
                    length,
                    direction,
                },
            ));
        }
    }
    best.map(|(_, change)| change)
}

type Ahead = Option<(f64, f64)>;

/// What a change to `target` at `s` would mean: gap and speed of the new leader, and what all others lose, m/s². `None` when it
/// is not safe.
fn effect(
    i: usize,
    movers: &[Mover],
    ways: &Ways,
    crowd: &Crowd,
    lists: &Lists,
    target: u32,
    s: f64,
) -> Option<(Ahead, f64)> {
    let mover = &movers[i];
    let other = ways.get(target);
    for (at, j) in &lists[target as usize] {
        if *j as usize != i && (at - s).abs() < movers[*j as usize].half.x + mover.half.x + 2.5 {
            return None;
        }
    }
    // Whoever is on the new lane with any part, beside or behind.
    let mut behind: Option<(f64, usize)> = None;
    let here = mover.position.truncate();
    for index in crowd.around(here, 70.0) {
        let body = &crowd.bodies[index];
        if body.id == mover.id {
            continue;
        }
        let away = (body.center - here).dot(mover.heading);
        if body.shifting && away.abs() < body.half.x + mover.half.x + 8.0 && body.axis.dot(mover.heading) > 0.5 {
            return None;
        }
        let (at, d) = other.track.refine(body.center, s + away);
        if d.abs() > body.half.y + mover.half.y + 0.5 || at < 0.0 && away > 0.0 {
            continue;
        }
        let (rear, front) = (at - s - body.half.x, at - s + body.half.x);
        if front > -mover.half.x - 1.5 && rear < mover.half.x + 1.5 {
            return None;
        }
        if front < -mover.half.x && behind.is_none_or(|(f, _)| front > f) {
            behind = Some((front, index));
        }
    }
    let mut loss = 0.0;
    if let Some((front, index)) = behind {
        let body = &crowd.bodies[index];
        let gap = -front - mover.half.x;
        let speed = body.velocity.dot(body.axis);
        if let Ok(j) = movers.binary_search_by_key(&body.id, |m| m.id) {
            let then = movers[j]
                .driver
                .follow(speed, speed.max(1.0), gap, mover.speed, movers[j].driver.gap_m);
            if then < SAFE || gap < 3.0 {
                return None;
            }
            loss += movers[j].accel - then;
        } else if gap < 3.0 + 2.0 * speed {
            return None;
        }
    }
    // Who drives behind now gains the room.
    let own = &lists[mover.way() as usize];
    if let Some((at, j)) = own.iter().rev().find(|(at, j)| *at < mover.s && *j as usize != i) {
        let follower = &movers[*j as usize];
        let gap = mover.s - at - mover.half.x - follower.half.x;
        if gap < 60.0 {
            let free = follower.driver.free(
                follower.speed,
                (ways.get(mover.way()).limit * follower.driver.factor).max(1.0),
            );
            loss -= (free - follower.accel).clamp(0.0, 2.0);
        }
    }
    let far = (s + horizon(mover.speed)).min(other.track.length);
    let samples: Vec<Sample> = (0..=(far - s).max(0.0) as u32)
        .map(|k| s + f64::from(k))
        .map(|at| {
            let place = other.track.at(at);
            Sample {
                point: place.position.truncate(),
                axis: place.tangent,
                ahead: at - s,
                cap: other.limit,
            }
        })
        .collect();
    let ahead = nearest(mover, crowd, &samples, |_| true);
    if ahead.is_some_and(|found| found.gap < mover.driver.gap_m + 0.5 * mover.speed.min(8.0)) {
        return None;
    }
    Some((ahead.map(|found| (found.gap, found.speed)), loss))
}
