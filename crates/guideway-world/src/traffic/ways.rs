//! The road network as traffic sees it: tracks, who conflicts with whom, where to stop, how far a lane leads.

use glam::DVec2;

use super::body::{Body, BodyKind};
use super::mover::trailed;
use super::track::Track;
use crate::road::{Control, LaneKind, RoadNetwork};

/// A piece of two lanes where vehicles on them would touch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Conflict {
    /// The other lane.
    pub other: u32,
    /// From and to, arc length on this lane, m.
    pub own: (f64, f64),
    /// From and to, arc length on the other, m.
    pub others: (f64, f64),
    /// Must this lane give way?
    pub yields: bool,
}

/// A lane and what one must know to drive on it.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub track: Track,
    pub kind: LaneKind,
    pub limit: f64,
    pub junction: Option<u32>,
    pub control: Control,
    pub successors: Vec<u32>,
    pub left: Option<u32>,
    pub right: Option<u32>,
    pub turn: i8,
    /// May only be entered with leave: it has conflicts.
    pub conflicts: Vec<Conflict>,
    /// Where to stop before its end, m: before a crossing that lies there.
    pub stop: f64,
    /// The lane of the opposite direction beside it.
    pub opposite: Option<u32>,
    /// Crossings on it: index, arc length of the middle, by arc length.
    pub crossings: Vec<(u32, f64)>,
    /// How far one can drive from its start, m, at most [`FAR`].
    pub reach: f64,
}

impl Way {
    /// Must one have leave to enter it?
    pub(super) fn gated(&self) -> bool {
        !self.conflicts.is_empty()
    }

    /// Does motor traffic use it?
    pub(super) fn drivable(&self) -> bool {
        self.kind == LaneKind::Driving
    }
}

/// Further than anyone plans, m.
pub(super) const FAR: f64 = 2500.0;

/// All lanes.
#[derive(Debug, Clone, Default)]
pub(super) struct Ways {
    pub all: Vec<Way>,
    /// +1 where traffic keeps right and overtakes on the left, −1 the other way round.
    pub side: f64,
    /// Lanes of each junction, by its number.
    pub junctions: Vec<(u32, Vec<u32>)>,
}

impl Ways {
    /// Prepares a network.
    pub(super) fn new(network: &RoadNetwork) -> Self {
        let count = network.lanes.len();
        let known = |ids: &[crate::road::LaneId]| -> Vec<u32> {
            ids.iter().filter(|id| id.index() < count).map(|id| id.0).collect()
        };
        let ways: Vec<Way> = network
            .lanes
            .iter()
            .map(|lane| {
                let track = Track::new(lane);
                Way {
                    stop: track.length,
                    kind: lane.kind,
                    limit: f64::from(lane.speed_limit).max(2.0),
                    junction: lane.junction,
                    control: lane.control,
                    successors: known(&lane.successors),
                    left: lane.left.filter(|id| id.index() < count).map(|id| id.0),
                    right: lane.right.filter(|id| id.index() < count).map(|id| id.0),
                    turn: lane.turn,
                    conflicts: Vec::new(),
                    opposite: None,
                    crossings: Vec::new(),
                    reach: 0.0,
                    track,
                }
            })
            .collect();
        let mut prepared = Self {
            all: ways,
            side: if network.left_hand { -1.0 } else { 1.0 },
            junctions: Vec::new(),
        };
        prepared.find_crossings(network);
        prepared.join_bicycle_lanes();
        prepared.find_conflicts(network);
        prepared.make_room_for_long_vehicles();
        prepared.find_opposites();
        prepared.find_reach();
        prepared
    }

    /// The way of this index.
    pub(super) fn get(&self, way: u32) -> &Way {
        &self.all[way as usize]
    }

    /// Lanes of a junction.
    pub(super) fn of_junction(&self, junction: u32) -> &[u32] {
        match self.junctions.binary_search_by_key(&junction, |(j, _)| *j) {
            Ok(i) => &self.junctions[i].1,
            Err(_) => &[],
        }
    }

    fn find_crossings(&mut self, network: &RoadNetwork) {
        for (i, crossing) in network.crossings.iter().enumerate() {
            let half = f64::from(crossing.width) / 2.0;
            for (lane, s) in &crossing.lanes {
                let Some(way) = self.all.get_mut(lane.index()) else {
                    continue;
                };
                let s = f64::from(*s);
                way.crossings.push((i as u32, s));
                if way.track.length - s < half + 14.0 && s - half - 1.0 > 6.0 {
                    way.stop = way.stop.min(s - half - 1.0);
                }
            }
        }
        for way in &mut self.all {
            way.crossings.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        }
    }

    /// A bicycle lane that ends goes on into the lane that begins or runs beside its end.
    fn join_bicycle_lanes(&mut self) {
        let lost: Vec<usize> = (0..self.all.len())
            .filter(|i| self.all[*i].kind == LaneKind::Bicycle && self.all[*i].successors.is_empty())
            .collect();
        for i in lost {
            let track = &self.all[i].track;
            let end = track.at(track.length);
            let p = end.position.truncate();
            let best = self
                .all
                .iter()
                .enumerate()
                .filter(|(j, way)| {
                    *j != i && matches!(way.kind, LaneKind::Driving | LaneKind::Bicycle) && way.track.near(p, 8.0)
                })
                .filter_map(|(j, way)| {
                    let start = way.track.at(0.0);
                    let away = start.position.truncate() - p;
                    let ahead = away.dot(end.tangent);
                    (end.tangent.dot(start.tangent) > 0.7 && ahead > -1.0 && away.length() < 7.0)
                        .then(|| (away.length() + if way.kind == LaneKind::Bicycle { 0.0 } else { 3.0 }, j))
                })
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            if let Some((_, j)) = best {
                self.all[i].successors.push(j as u32);
            }
        }
    }

    fn find_conflicts(&mut self, network: &RoadNetwork) {
        let mut junctions: Vec<(u32, u32)> = self
            .all
            .iter()
            .enumerate()
            .filter(|(_, way)| matches!(way.kind, LaneKind::Driving | LaneKind::Bicycle))
            .filter_map(|(i, way)| way.junction.map(|j| (j, i as u32)))
            .collect();
        junctions.sort_unstable();
        for group in junctions.chunk_by(|a, b| a.0 == b.0) {
            self.junctions
                .push((group[0].0, group.iter().map(|(_, way)| *way).collect()));
        }
        let mut origins: Vec<Vec<u32>> = vec![Vec::new(); self.all.len()];
        for (i, way) in self.all.iter().enumerate() {
            for next in &way.successors {
                origins[*next as usize].push(i as u32);
            }
        }
        let mut found: Vec<(u32, Conflict)> = Vec::new();
        for (_, lanes) in &self.junctions {
            for (n, i) in lanes.iter().enumerate() {
                for j in &lanes[n + 1..] {
                    let shared = |a: &[u32], b: &[u32]| a.iter().any(|x| b.contains(x));
                    if shared(&origins[*i as usize], &origins[*j as usize]) {
                        continue;
                    }
                    let (a, b) = (self.get(*i), self.get(*j));
                    let Some((own, others)) = zone(a, b) else {
                        continue;
                    };
                    let yields = |x: u32, y: u32| network.lanes[x as usize].yields_to.iter().any(|lane| lane.0 == y);
                    found.push((
                        *i,
                        Conflict {
                            other: *j,
                            own,
                            others,
                            yields: yields(*i, *j),
                        },
                    ));
                    found.push((
                        *j,
                        Conflict {
                            other: *i,
                            own: others,
                            others: own,
                            yields: yields(*j, *i),
                        },
                    ));
                }
            }
        }
        for (way, conflict) in found {
            self.all[way as usize].conflicts.push(conflict);
        }
    }

    /// Sets the places to stop back where a long vehicle that turns sweeps over them, as engineers do with stop lines.
    fn make_room_for_long_vehicles(&mut self) {
        // A bus of 12 m.
        let (half, arm) = (DVec2::new(6.0, 1.3), 2.9);
        let rectangle = |center: DVec2, axis: DVec2, half: DVec2| Body {
            id: 0,
            kind: BodyKind::Vehicle,
            center,
            axis,
            half,
            velocity: DVec2::ZERO,
            shifting: false,
        };
        let mut incoming: Vec<Vec<u32>> = vec![Vec::new(); self.junctions.len()];
        let mut origins: Vec<Vec<u32>> = vec![Vec::new(); self.all.len()];
        for (i, way) in self.all.iter().enumerate() {
            for next in &way.successors {
                origins[*next as usize].push(i as u32);
                let next = self.get(*next);
                if let (true, Some(junction)) = (next.gated() && way.drivable(), next.junction)
                    && let Ok(j) = self.junctions.binary_search_by_key(&junction, |(j, _)| *j)
                    && !incoming[j].contains(&(i as u32))
                {
                    incoming[j].push(i as u32);
                }
            }
        }
        let mut back = vec![0.0_f64; self.all.len()];
        for (j, (_, lanes)) in self.junctions.iter().enumerate() {
            for lane in lanes {
                let way = self.get(*lane);
                let (Some(before), Some(after)) = (origins[*lane as usize].first(), way.successors.first()) else {
                    continue;
                };
                if !way.drivable() || way.track.sharpest() < 0.05 {
                    continue;
                }
                let (from, to) = (&self.get(*before).track, &self.get(*after).track);
                let first = (from.length - 10.0).max(0.0);
                let mut axis = from.at(first).tangent;
                let mut last = from.at(first).position.truncate();
                let mut poses = Vec::new();
                let mut s = first;
                while s < from.length + way.track.length + 14.0_f64.min(to.length) {
                    let place = if s < from.length {
                        from.at(s)
                    } else if s < from.length + way.track.length {
                        way.track.at(s - from.length)
                    } else {
                        to.at(s - from.length - way.track.length)
                    };
                    let point = place.position.truncate();
                    axis = trailed(axis, point - last, arm);
                    last = point;
                    poses.push(rectangle(point, axis, half));
                    s += 0.7;
                }
                for other in &incoming[j] {
                    if origins[*lane as usize].contains(other) {
                        continue;
                    }
                    let track = &self.get(*other).track;
                    let waits = |back: f64| {
                        let place = track.at(track.length - 0.3 - back - 2.2);
                        rectangle(place.position.truncate(), place.tangent, DVec2::new(2.2, 1.0))
                    };
                    let room = (0..16).map(|k| f64::from(k) * 0.5).find(|back| {
                        let car = waits(*back);
                        poses.iter().all(|pose| !pose.overlaps(&car))
                    });
                    if let Some(room) = room {
                        back[*other as usize] = back[*other as usize].max(room);
                    }
                }
            }
        }
        for (way, back) in self.all.iter_mut().zip(back) {
            if back > 0.0 && way.track.length > back + 8.0 {
                way.stop = way.stop.min(way.track.length - back);
            }
        }
    }

    fn find_opposites(&mut self) {
        let side = self.side;
        let found: Vec<Option<u32>> = self
            .all
            .iter()
            .map(|way| {
                if !way.drivable() || way.junction.is_some() || way.left.is_some() && side > 0.0 {
                    return None;
                }
                let middle = way.track.at(way.track.length / 2.0);
                let p = middle.position.truncate();
                self.all
                    .iter()
                    .enumerate()
                    .filter(|(_, other)| other.drivable() && other.junction.is_none() && other.track.near(p, 6.0))
                    .filter_map(|(j, other)| {
                        let (s, d) = other.track.project(p);
                        if s < 0.0 || s > other.track.length || !(1.5..6.0).contains(&(d * side)) {
                            return None;
                        }
                        let there = other.track.at(s);
                        (there.tangent.dot(middle.tangent) < -0.8).then_some((d.abs(), j as u32))
                    })
                    .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
                    .map(|(_, j)| j)
            })
            .collect();
        for (way, opposite) in self.all.iter_mut().zip(found) {
            way.opposite = opposite;
        }
    }

    fn find_reach(&mut self) {
        for way in &mut self.all {
            way.reach = way.track.length.min(FAR);
        }
        for _ in 0..400 {
            let mut changed = false;
            for i in 0..self.all.len() {
                let next = self.all[i]
                    .successors
                    .iter()
                    .map(|j| self.get(*j).reach)
                    .fold(0.0, f64::max);
                let reach = (self.all[i].track.length + next).min(FAR);
                if reach > self.all[i].reach + 0.5 {
                    self.all[i].reach = reach;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
    }

    /// The nearest way of a kind that passes `accept`: its index, arc length and offset, within `reach` metres.
    pub(super) fn nearest(&self, p: DVec2, reach: f64, accept: impl Fn(&Way) -> bool) -> Option<(u32, f64, f64)> {
        let mut best: Option<(u32, f64, f64)> = None;
        for (i, way) in self.all.iter().enumerate() {
            if !accept(way) || !way.track.near(p, reach) {
                continue;
            }
            let (s, d) = way.track.project(p);
            if s < -0.5 || s > way.track.length + 0.5 || d.abs() > reach {
                continue;
            }
            if best.is_none_or(|(_, _, b)| d.abs() < b.abs()) {
                best = Some((i as u32, s, d));
            }
        }
        best
    }
}

/// Where the corridors of two lanes meet: the stretch of each, from the first to the last metre that is too close to the other.
fn zone(a: &Way, b: &Way) -> Option<((f64, f64), (f64, f64))> {
    let breadth = |way: &Way| {
        if way.kind == LaneKind::Bicycle {
            1.2
        } else {
            (0.88 * way.track.narrowest()).min(3.0)
        }
    };
    let close = f64::midpoint(breadth(a), breadth(b));
    let places = |way: &Way| -> Vec<(f64, DVec2)> {
        let n = (way.track.length / 0.7).ceil().max(2.0);
        (0..=n as usize)
            .map(|i| way.track.length * i as f64 / n)
            .map(|s| (s, way.track.at(s).position.truncate()))
            .collect()
    };
    let (on_a, on_b) = (places(a), places(b));
    let mut own = (f64::INFINITY, f64::NEG_INFINITY);
    let mut others = own;
    for (s, p) in &on_a {
        for (t, q) in &on_b {
            if p.distance_squared(*q) < close * close {
                own = (own.0.min(*s), own.1.max(*s));
                others = (others.0.min(*t), others.1.max(*t));
            }
        }
    }
    (own.0 <= own.1).then_some((own, others))
}
