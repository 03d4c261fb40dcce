//! Leave to enter a junction.
//!
//! A way that crosses or merges with others may only be entered with leave, and whoever has it keeps it until its rear is past the
//! last place where the others could touch it. Two vehicles never hold leave for ways whose corridors meet, unless the first is
//! past. Leave is asked for before one would have to brake, and refused
//!
//! - at a signal that is not green, at a stop sign before one has stood still;
//! - while a conflicting way is taken;
//! - while someone with priority would arrive before one is across (gap acceptance with a second to spare);
//! - while there is no room behind the junction, or people are on the crossing at its entrance.

use super::mover::Mover;
use super::outlook::{Gate, Outlook};
use super::ways::{Way, Ways};
use crate::road::Control;
use crate::state::SignalState;

/// A second more than the reckoned time to be across.
const SPARE_S: f64 = 1.0;

/// Who has leave for what, and who asks.
#[derive(Debug, Default)]
pub(super) struct Junctions {
    /// For each way the vehicles with leave, as indices.
    holders: Vec<Vec<u32>>,
    /// For each way the vehicles that come to it without leave, with the distance of their fronts from its start, m.
    coming: Vec<Vec<(u32, f64)>>,
    /// Junctions kept for one vehicle: junction, vehicle.
    reserved: Vec<(u32, u32)>,
}

/// May something be taken for granted while asking?
pub(super) struct Asking<'a> {
    pub ways: &'a Ways,
    pub movers: &'a [Mover],
    pub outlooks: &'a [Outlook],
    pub signals: &'a [SignalState],
    /// Is somebody on foot in the way at this crossing (in the order of the outlook's) of this vehicle?
    pub blocked: &'a dyn Fn(usize, usize) -> bool,
}

impl Junctions {
    /// Lets vehicles that are past give their leave back, and notes who holds and who comes.
    pub(super) fn collect(&mut self, ways: &Ways, movers: &mut [Mover], outlooks: &[Outlook]) {
        self.holders.resize(ways.all.len(), Vec::new());
        self.coming.resize(ways.all.len(), Vec::new());
        for list in &mut self.holders {
            list.clear();
        }
        for list in &mut self.coming {
            list.clear();
        }
        for (i, mover) in movers.iter_mut().enumerate() {
            let mut grants = std::mem::take(&mut mover.grants);
            grants.retain(|way| {
                mover
                    .progress(ways, *way)
                    .is_some_and(|s| s - mover.half.x < ways.get(*way).track.length + 1.0)
            });
            for way in &grants {
                self.holders[*way as usize].push(i as u32);
            }
            mover.grants = grants;
            if let Some(gate) = outlooks[i].gate {
                self.coming[gate.way as usize].push((i as u32, gate.start));
            }
        }
    }

    /// Gives leave to all who may have it, nearest first.
    pub(super) fn give(&mut self, asking: &Asking<'_>) -> Vec<(u32, u32)> {
        let mut queue: Vec<(f64, u32, Gate)> = asking
            .outlooks
            .iter()
            .enumerate()
            .filter_map(|(i, outlook)| outlook.gate.map(|gate| (gate.line, i as u32, gate)))
            .collect();
        queue.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        // A long vehicle that has waited for a while to have a junction for itself is let through before others enter.
        self.reserved.clear();
        for (line, i, gate) in &queue {
            let (mover, way) = (&asking.movers[*i as usize], asking.ways.get(gate.way));
            if let Some(junction) = way.junction
                && *line < 4.0
                && mover.standing > 8.0
                && sweeps(mover, way)
                && open(asking, gate.before)
                && !self.reserved.iter().any(|(j, _)| *j == junction)
            {
                self.reserved.push((junction, *i));
            }
        }
        let mut given = Vec::new();
        for (_, i, gate) in queue {
            let junction = asking.ways.get(gate.way).junction;
            let kept = self.reserved.iter().any(|(j, by)| Some(*j) == junction && *by != i);
            if !kept && self.may_enter(asking, i as usize, gate) {
                self.holders[gate.way as usize].push(i);
                given.push((i, gate.way));
            }
        }
        given
    }

    /// Takes leave back from those who stand before a junction that they cannot enter, or whose signal has changed in time.
    pub(super) fn revoke(asking: &Asking<'_>) -> Vec<(u32, u32)> {
        let mut revoked = Vec::new();
        for (i, mover) in asking.movers.iter().enumerate() {
            for way in &mover.grants {
                let Some(progress) = mover.progress(asking.ways, *way) else {
                    continue;
                };
                let line = -progress - mover.half.x;
                if line < 0.3 {
                    continue;
                }
                let before = mover
                    .legs
                    .iter()
                    .zip(mover.legs.iter().skip(1))
                    .find(|(_, next)| next.way == *way);
                let red = before.is_some_and(|(leg, _)| !open(asking, leg.way));
                let brakes = mover.speed * mover.speed / (2.0 * line.max(0.1));
                let stuck = mover.standing > 2.5;
                if red && brakes < 3.0 || stuck {
                    revoked.push((i as u32, *way));
                }
            }
        }
        revoked
    }

    fn may_enter(&self, asking: &Asking<'_>, i: usize, gate: Gate) -> bool {
        let (ways, mover, outlook) = (asking.ways, &asking.movers[i], &asking.outlooks[i]);
        let way = ways.get(gate.way);
        let speed = mover.speed;
        if gate.line > speed * speed / 2.6 + 1.2 * speed + 6.0 {
            return false;
        }
        // The one ahead decides first, and who cannot see the junction for a queue does not ask.
        if outlook.found.is_some_and(|found| {
            found.gap < gate.start - 1.0 && (found.speed < 2.0 || !self.holds(asking, found.id, gate.way))
        }) {
            return false;
        }
        if !open(asking, gate.before) {
            return false;
        }
        if ways.get(gate.before).control == Control::Stop && mover.stopped_for != Some(gate.way) && gate.start > -0.5 {
            return false;
        }
        if outlook
            .crossings
            .iter()
            .enumerate()
            .any(|(k, crossing)| crossing.near < gate.start + 7.0 && crossing.near > -0.5 && (asking.blocked)(i, k))
        {
            return false;
        }
        self.room_behind(asking, i, gate, way) && self.free_of_conflicts(asking, i, gate, way)
    }

    fn holds(&self, asking: &Asking<'_>, id: u32, way: u32) -> bool {
        let Ok(other) = asking.movers.binary_search_by_key(&id, |mover| mover.id) else {
            return false;
        };
        let other = &asking.movers[other];
        let junction = asking.ways.get(way).junction;
        other
            .grants
            .iter()
            .any(|grant| asking.ways.get(*grant).junction == junction)
            || self.holders[way as usize]
                .iter()
                .any(|h| asking.movers[*h as usize].id == id)
    }

    /// Is there room for the whole vehicle on the other side?
    fn room_behind(&self, asking: &Asking<'_>, i: usize, gate: Gate, way: &Way) -> bool {
        let (mover, outlook) = (&asking.movers[i], &asking.outlooks[i]);
        let needed = gate.start + way.track.length + 2.0 * mover.half.x + 1.0;
        let Some(found) = outlook.found else {
            return true;
        };
        if found.speed > 4.0 {
            return true;
        }
        // Others who are on their way there take room as well.
        let mut taken = 0.0;
        if let (Some(after), Some(junction)) = (gate.after, way.junction) {
            for lane in asking.ways.of_junction(junction) {
                for h in &self.holders[*lane as usize] {
                    let other = &asking.movers[*h as usize];
                    let heads_there = other.legs.iter().skip(1).any(|leg| leg.way == after);
                    if *h as usize != i && other.id != found.id && heads_there {
                        taken += 2.0 * other.half.x + 2.5;
                    }
                }
            }
        }
        found.gap + found.speed.max(0.0) * 2.5 >= needed + taken
    }

    fn free_of_conflicts(&self, asking: &Asking<'_>, i: usize, gate: Gate, way: &Way) -> bool {
        let (ways, movers) = (asking.ways, asking.movers);
        let mover = &movers[i];
        // A long vehicle that turns needs the junction for itself.
        if let Some(junction) = way.junction {
            let alone = sweeps(mover, way);
            for lane in ways.of_junction(junction) {
                for h in &self.holders[*lane as usize] {
                    let other = &movers[*h as usize];
                    if *h as usize == i || follows(other, gate.before) {
                        continue;
                    }
                    if alone || sweeps(other, ways.get(*lane)) {
                        return false;
                    }
                }
            }
        }
        for conflict in &way.conflicts {
            for h in &self.holders[conflict.other as usize] {
                let other = &movers[*h as usize];
                let past = other
                    .progress(ways, conflict.other)
                    .is_some_and(|s| s - other.half.x > conflict.others.1 + 1.0);
                if *h as usize != i && !past {
                    return false;
                }
            }
            if !conflict.yields {
                continue;
            }
            let across = time_for(
                mover.speed,
                mover.driver.accel,
                asking.outlooks[i].cap.min(9.0),
                gate.start + conflict.own.1 + 2.0 * mover.half.x,
            );
            for (c, start) in &self.coming[conflict.other as usize] {
                let other = &movers[*c as usize];
                if *c as usize == i || !open(asking, before(other, conflict.other).unwrap_or(conflict.other)) {
                    continue;
                }
                let distance = (start + conflict.others.0 - 1.0).max(0.0);
                if other.speed < 1.0 {
                    // Who stands there and could go has priority, but not for ever: courtesy breaks ties.
                    if mover.standing < 3.0 && distance < 12.0 {
                        return false;
                    }
                    continue;
                }
                if distance / other.speed < across + SPARE_S && distance < 150.0 {
                    return false;
                }
            }
        }
        true
    }
}

/// The way before a way of a vehicle's route.
fn before(mover: &Mover, way: u32) -> Option<u32> {
    mover
        .legs
        .iter()
        .zip(mover.legs.iter().skip(1))
        .find(|(_, next)| next.way == way)
        .map(|(leg, _)| leg.way)
}

/// Does the vehicle come, or has it come, from this way?
fn follows(mover: &Mover, way: u32) -> bool {
    mover.came_from(way) || mover.legs.iter().any(|leg| leg.way == way)
}

/// Does it sweep over more than its own corridor?
fn sweeps(mover: &Mover, way: &Way) -> bool {
    mover.half.x > 3.6 && way.track.sharpest() * mover.half.x * mover.half.x > 0.8
}

/// Does the signal at the end of a way let one go?
fn open(asking: &Asking<'_>, way: u32) -> bool {
    match asking.ways.get(way).control {
        Control::Signal(signal) => matches!(
            asking.signals.get(signal as usize),
            Some(SignalState::Green | SignalState::Off) | None
        ),
        _ => true,
    }
}

/// Seconds for a distance, from `speed` with acceleration `accel` up to `top`.
fn time_for(speed: f64, accel: f64, top: f64, distance: f64) -> f64 {
    let (top, distance) = (top.max(2.0), distance.max(0.0));
    if speed >= top {
        return distance / speed.max(0.1).min(top.max(speed));
    }
    let ramp = (top * top - speed * speed) / (2.0 * accel);
    if ramp >= distance {
        ((speed * speed + 2.0 * accel * distance).sqrt() - speed) / accel
    } else {
        (top - speed) / accel + (distance - ramp) / top
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_uniform_acceleration() {
        // From rest at 2 m/s²: 9 m take 3 s and end at 6 m/s; then 6 m more take 1 s.
        assert!((time_for(0.0, 2.0, 6.0, 9.0) - 3.0).abs() < 1e-12);
        assert!((time_for(0.0, 2.0, 6.0, 15.0) - 4.0).abs() < 1e-12);
        assert!((time_for(10.0, 2.0, 6.0, 20.0) - 2.0).abs() < 1e-12);
    }
}
