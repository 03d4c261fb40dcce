//! Going around what stands or is slow in one's lane: cyclists, things on the road, animals.
//!
//! Within the lane where there is room; over the middle of the road only when nobody comes from the front for as long as it takes, and
//! never near a junction.

use super::body::{Body, BodyKind, Crowd};
use super::mover::{Mover, Sample};
use super::outlook::{Found, Outlook, horizon, nearest};
use super::ways::Ways;

/// A way around something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Around {
    /// What.
    pub id: u32,
    /// Offset from the lane's middle, left positive, m.
    pub offset: f64,
    /// Over which distance to move there, m.
    pub length: f64,
}

/// Room to leave beside it, m.
fn clearance(kind: BodyKind) -> f64 {
    match kind {
        BodyKind::Cyclist => 1.0,
        BodyKind::Walker | BodyKind::Animal => 1.2,
        BodyKind::Vehicle | BodyKind::Thing => 0.5,
    }
}

/// Extent of a body beside a way: from and to along it, and from right to left.
fn extent(body: &Body, ways: &Ways, way: u32, near: f64) -> ((f64, f64), (f64, f64)) {
    let track = &ways.get(way).track;
    let mut along = (f64::INFINITY, f64::NEG_INFINITY);
    let mut across = along;
    for corner in body.corners() {
        let (s, d) = track.refine(corner, near);
        along = (along.0.min(s), along.1.max(s));
        across = (across.0.min(d), across.1.max(d));
    }
    (along, across)
}

/// Decides whether and how to go around what is ahead.
pub(super) fn decide(
    mover: &Mover,
    outlook: &Outlook,
    ways: &Ways,
    crowd: &Crowd,
    scratch: &mut Vec<Sample>,
) -> Option<Around> {
    let found = outlook.found?;
    let slow = match found.kind {
        BodyKind::Thing => true,
        BodyKind::Cyclist => !mover.cyclist() && found.speed > -0.5,
        BodyKind::Walker | BodyKind::Animal => mover.standing > 6.0 && found.speed.abs() < 0.3,
        // Two who face each other, one of them over the middle of the road, would stand there for ever.
        BodyKind::Vehicle => mover.standing > 3.0 && found.speed.abs() < 0.3,
    };
    let way = ways.get(mover.way());
    let wanted = (way.limit * mover.driver.factor).min(mover.driver.fastest);
    if !slow
        || found.gap > 14.0 + 2.5 * mover.speed
        || found.speed > wanted - 2.0
        || mover.shifting()
        || mover.pass.is_some()
        || way.junction.is_some()
    {
        return None;
    }
    let body = crowd.bodies[found.body];
    let ((first, last), (right, left)) = extent(&body, ways, mover.way(), mover.s + mover.half.x + found.gap);
    let clear = clearance(found.kind);
    let half = way.track.width(mover.s) / 2.0;
    let over = ways.side;
    let (outer, inner) = if over > 0.0 {
        (right - clear - mover.half.y, left + clear + mover.half.y)
    } else {
        (left + clear + mover.half.y, right - clear - mover.half.y)
    };
    let fits = |d: f64| d.abs() + mover.half.y <= half + 0.05;
    let now = mover.offset(mover.odometer).0;
    let mut choices: Vec<(f64, bool)> = Vec::new();
    if found.kind == BodyKind::Vehicle {
        if body.axis.dot(mover.heading) > -0.5 {
            return None;
        }
        return aside(mover, &found, ways, crowd, scratch);
    }
    if fits(outer) && found.kind == BodyKind::Thing {
        choices.push((outer, false));
    }
    if fits(inner) {
        choices.push((inner, false));
    } else if let Some(beside) = (if over > 0.0 { way.left } else { way.right }).or(way.opposite) {
        let other = ways.get(beside);
        if inner * over + mover.half.y <= half + other.track.narrowest() - 0.1 {
            choices.push((inner, true));
        }
    }
    choices.sort_by(|a, b| (a.0 - now).abs().total_cmp(&(b.0 - now).abs()));
    let brisk = mover.speed.max(wanted.min(5.0));
    let length = (2.2 * mover.speed + 6.0).min(found.gap + 0.3).max(5.0);
    let closing = (brisk - found.speed.max(0.0)).max(0.8);
    let distance = (found.gap + (last - first) + 2.0 * mover.half.x + 8.0) * brisk / closing;
    for (offset, beyond) in choices {
        let rest = way.track.length - mover.s - mover.half.x;
        if beyond && distance > rest - 4.0 {
            continue;
        }
        // Too sharp at this speed: brake first.
        if 5.774 * (offset - now).abs() * mover.speed * mover.speed > 3.0 * length * length {
            continue;
        }
        if !free(mover, ways, crowd, &body, offset, distance.min(rest + 20.0), brisk) {
            continue;
        }
        // Does the way there, with the width of the vehicle, really clear it?
        let mut trial = mover.clone();
        trial.shift_to(offset, length);
        trial.look(ways, horizon(mover.speed).min(60.0), scratch);
        if nearest(&trial, crowd, scratch, |b| b.id == found.id).is_none() {
            return Some(Around {
                id: found.id,
                offset,
                length,
            });
        }
    }
    None
}

/// A way out to the outer edge of the road, past who comes towards us: as little as it takes.
fn aside(mover: &Mover, found: &Found, ways: &Ways, crowd: &Crowd, scratch: &mut Vec<Sample>) -> Option<Around> {
    let now = mover.offset(mover.odometer).0;
    let half = ways.get(mover.way()).track.width(mover.s) / 2.0;
    for out in [0.3, 0.6, 0.9, 1.3] {
        let offset = now - ways.side * out;
        if offset.abs() + mover.half.y > half + 1.0 {
            continue;
        }
        for length in [5.0, 9.0, 14.0] {
            let mut trial = mover.clone();
            trial.shift_to(offset, length);
            trial.look(ways, 30.0, scratch);
            let further = nearest(&trial, crowd, scratch, |_| true).is_none_or(|next| next.gap > found.gap + 4.0);
            if further {
                return Some(Around {
                    id: found.id,
                    offset,
                    length,
                });
            }
        }
    }
    None
}

/// Is the strip around `offset` free for `distance` metres, of what stands there and of who comes?
fn free(mover: &Mover, ways: &Ways, crowd: &Crowd, around: &Body, offset: f64, distance: f64, speed: f64) -> bool {
    let track = &ways.get(mover.way()).track;
    let here = mover.position.truncate();
    let time = distance / speed.max(1.0);
    let now = mover.offset(mover.odometer).0;
    crowd.around(here, (distance + 20.0 * time).min(260.0)).all(|index| {
        let body = &crowd.bodies[index];
        if body.id == mover.id || body.id == around.id {
            return true;
        }
        let away = (body.center - here).dot(mover.heading);
        // Who moves sideways nearby may come into the strip.
        if body.shifting && away.abs() < body.half.x + mover.half.x + 8.0 {
            return false;
        }
        let (s, d) = track.refine(body.center, mover.s + away);
        let place = track.at(s);
        let turned = body.axis.dot(place.tangent).abs();
        let wide = body.half.y * turned + body.half.x * (1.0 - turned * turned).max(0.0).sqrt();
        let room = body.kind.margin() + 0.25;
        let (low, high) = (
            offset.min(now) - mover.half.y - room,
            offset.max(now) + mover.half.y + room,
        );
        if d + wide < low || d - wide > high {
            return true;
        }
        let long = body.half.x * turned + body.half.y * (1.0 - turned * turned).max(0.0).sqrt();
        let ahead = s - mover.s;
        if ahead.abs() < long + mover.half.x + 3.0 {
            return false;
        }
        let along = body.velocity.dot(place.tangent);
        if ahead > 0.0 {
            if along < -0.3 {
                ahead - long - distance > -along * time + 12.0
            } else {
                along > speed || ahead - long > distance + 4.0 || (d - offset).abs() > wide + mover.half.y + room
            }
        } else {
            // Who comes from behind and would have to brake, or is beside.
            -ahead - long - mover.half.x > 4.0 + 2.5 * (along - mover.speed).max(0.0)
                || along < -0.3
                || (d - offset).abs() > wide + mover.half.y + room
        }
    })
}

/// Is it time to go back to the usual place in the lane? Gives the distance over which to.
pub(super) fn over(mover: &Mover, ways: &Ways, crowd: &Crowd, scratch: &mut Vec<Sample>) -> Option<f64> {
    let pass = mover.pass?;
    if mover.shifting() {
        return None;
    }
    let here = mover.position.truncate();
    if let Some(body) = crowd.bodies.iter().find(|body| body.id == pass.around) {
        let away = (body.center - here).dot(mover.heading);
        let gone = away.abs() > 60.0;
        if !gone && away + body.half.length() > -mover.half.x - 1.0 - 0.25 * mover.speed {
            return None;
        }
    }
    let base = mover.base(ways);
    let length = (2.5 * mover.speed + 6.0).max(10.0);
    let track = &ways.get(mover.way()).track;
    let place = track.at(mover.s);
    let mut beside = mover.body();
    beside.center = place.position.truncate() + place.tangent.perp() * base;
    if crowd.taken(&beside, 0.3) {
        return None;
    }
    let mut trial = mover.clone();
    trial.shift_to(base, length);
    trial.look(ways, 25.0_f64.max(length + 6.0), scratch);
    let blocked = nearest(&trial, crowd, scratch, |body| body.kind != BodyKind::Vehicle)
        .is_some_and(|found| found.gap < length + 2.0 && found.speed < mover.speed - 0.5);
    // Not for ever: whoever cannot get back drives on beside it until there is a gap, or the lane ends.
    (!blocked || track.length - mover.s < length + 10.0).then_some(length)
}
