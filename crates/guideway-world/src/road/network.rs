//! Asking a network: routes, nearest lanes, consistency.

use glam::Vec2;
use rand::RngExt as _;

use super::{Control, Lane, LaneId, LaneKind, RoadNetwork};
use crate::Seed;

/// Largest gap between the end of a lane and the start of the next, m.
const GAP: f32 = 0.05;

impl RoadNetwork {
    /// A lane.
    ///
    /// # Panics
    /// When the id is of another network.
    pub fn lane(&self, id: LaneId) -> &Lane {
        &self.lanes[id.index()]
    }

    /// Lanes of one kind, by id.
    pub fn lanes_of(&self, kind: LaneKind) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().filter(move |lane| lane.kind == kind)
    }

    /// A random way on from a lane: it and its successors of the same kind, until they are `length_m` long together or end. Lanes
    /// that lead on for longer are preferred, and lanes not driven yet, so that routes do not run in small circles.
    pub fn route(&self, from: LaneId, seed: Seed, length_m: f32) -> Vec<LaneId> {
        let mut route = vec![from];
        let Some(first) = self.lanes.get(from.index()) else {
            return Vec::new();
        };
        let mut rng = seed.rng();
        let mut visits = vec![0_u32; self.lanes.len()];
        let mut length = first.center.length();
        let mut here = first;
        // A lane has a length of its own, but a network read from a file may have very short ones.
        while length < length_m && route.len() < 100_000 {
            let choices: Vec<(LaneId, f64)> = here
                .successors
                .iter()
                .filter(|next| self.lane(**next).kind == first.kind)
                .map(|next| {
                    let dead = self.lane(*next).successors.is_empty();
                    let weight = 0.25_f64.powi(visits[next.index()].min(8) as i32);
                    (*next, if dead { 1e-4 * weight } else { weight })
                })
                .collect();
            let total: f64 = choices.iter().map(|(_, weight)| weight).sum();
            let mut ticket = rng.random::<f64>() * total;
            let Some(next) = choices
                .iter()
                .find(|(_, weight)| {
                    ticket -= weight;
                    ticket < 0.0
                })
                .or(choices.last())
                .map(|(next, _)| *next)
            else {
                break;
            };
            visits[next.index()] += 1;
            here = self.lane(next);
            length += here.center.length();
            route.push(next);
        }
        route
    }

    /// The nearest lane of these kinds (all kinds when empty): its id, arc length and lateral offset, left positive, m.
    pub fn nearest(&self, p: Vec2, kinds: &[LaneKind]) -> Option<(LaneId, f32, f32)> {
        if !p.is_finite() {
            return None;
        }
        let segments = self.index.get(&self.lanes);
        let (cell, farthest) = segments.grid.reach(p);
        let mut radius = cell;
        loop {
            let box_half = Vec2::splat(radius);
            let mut best: Option<(f32, LaneId, f32, f32)> = None;
            for i in segments.grid.touching(p - box_half, p + box_half) {
                let (id, k) = segments.of[i as usize];
                let lane = &self.lanes[id as usize];
                if !kinds.is_empty() && !kinds.contains(&lane.kind) {
                    continue;
                }
                let k = k as usize;
                let (a, b) = (
                    lane.center.points()[k].truncate(),
                    lane.center.points()[k + 1].truncate(),
                );
                let d = b - a;
                let t = ((p - a).dot(d) / d.length_squared().max(1e-12)).clamp(0.0, 1.0);
                let away = p - (a + d * t);
                let squared = away.length_squared();
                if best.is_none_or(|(nearest, ..)| squared < nearest) {
                    let arc = lane.center.arc();
                    let side = if d.perp_dot(away) < 0.0 { -1.0 } else { 1.0 };
                    best = Some((
                        squared,
                        lane.id,
                        arc[k] + t * (arc[k + 1] - arc[k]),
                        side * away.length(),
                    ));
                }
            }
            match best {
                Some((squared, id, s, lateral)) if squared <= radius * radius => return Some((id, s, lateral)),
                _ if radius > farthest => return best.map(|(_, id, s, lateral)| (id, s, lateral)),
                _ => radius *= 2.0,
            }
        }
    }

    /// What is inconsistent in the network; nothing when all is well. Each line names the lane, crossing or signal.
    pub fn check(&self) -> Vec<String> {
        let mut found = Vec::new();
        let known = |id: LaneId| id.index() < self.lanes.len();
        for (i, lane) in self.lanes.iter().enumerate() {
            let mut say = |what: String| found.push(format!("lane {i} ({:?}): {what}", lane.kind));
            if lane.id.index() != i {
                say(format!("its id is {}", lane.id.0));
            }
            if lane.width.len() != lane.center.points().len() {
                say(format!(
                    "{} widths for {} points",
                    lane.width.len(),
                    lane.center.points().len()
                ));
            }
            if let Some(width) = lane.width.iter().find(|w| !(**w >= 0.0 && w.is_finite())) {
                say(format!("a width of {width} m"));
            }
            if !lane.width.iter().any(|w| *w > 0.0) {
                say("no width at all".to_owned());
            }
            if !(lane.speed_limit > 0.0 && lane.speed_limit.is_finite()) {
                say(format!("a speed limit of {} m/s", lane.speed_limit));
            }
            let references = lane.successors.iter().chain(&lane.predecessors).chain(&lane.yields_to);
            let mut broken = false;
            for id in references.chain(&lane.left).chain(&lane.right) {
                if !known(*id) {
                    say(format!("refers to lane {}, which is not there", id.0));
                    broken = true;
                }
            }
            if broken {
                continue;
            }
            let end = lane.center.at(lane.center.length()).position;
            for next in &lane.successors {
                let other = self.lane(*next);
                let gap = end.distance(other.center.at(0.0).position);
                if gap > GAP {
                    say(format!("ends {gap:.2} m from the start of its successor {}", next.0));
                }
                if !other.predecessors.contains(&lane.id) {
                    say(format!("is no predecessor of its successor {}", next.0));
                }
            }
            for before in &lane.predecessors {
                if !self.lane(*before).successors.contains(&lane.id) {
                    say(format!("is no successor of its predecessor {}", before.0));
                }
            }
            if let Some(left) = lane.left
                && (self.lane(left).right != Some(lane.id) || self.lane(left).kind != lane.kind)
            {
                say(format!("its left neighbour {} does not know it", left.0));
            }
            if let Some(right) = lane.right
                && (self.lane(right).left != Some(lane.id) || self.lane(right).kind != lane.kind)
            {
                say(format!("its right neighbour {} does not know it", right.0));
            }
            for other in &lane.yields_to {
                let other = self.lane(*other);
                if other.junction != lane.junction || lane.junction.is_none() {
                    say(format!("gives way to {} outside its junction", other.id.0));
                }
                if other.yields_to.contains(&lane.id) {
                    say(format!("and {} give way to each other", other.id.0));
                }
            }
            if let Control::Signal(signal) = lane.control
                && signal as usize >= self.signals.len()
            {
                say(format!("obeys signal {signal}, which is not there"));
            }
        }
        for (i, crossing) in self.crossings.iter().enumerate() {
            for (id, s) in &crossing.lanes {
                if !known(*id) || !(-GAP..=self.lane(*id).center.length() + GAP).contains(s) {
                    found.push(format!("crossing {i}: {s} m is not on lane {}", id.0));
                }
            }
            if crossing.signal.is_some_and(|s| s as usize >= self.signals.len()) {
                found.push(format!("crossing {i}: its signal is not there"));
            }
        }
        for (i, signal) in self.signals.iter().enumerate() {
            if signal.heads.is_empty() {
                found.push(format!("signal {i}: no head"));
            }
        }
        found
    }
}
