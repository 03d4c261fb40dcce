//! Where people walk: pavements joined at their ends, and crossings that lead from one to another.

use glam::{DVec2, DVec3};

use super::track::Track;
use super::ways::{Way, Ways};
use crate::road::{Lane, LaneId, LaneKind, LineKind, RoadNetwork};

/// A crossing as people use it.
#[derive(Debug, Clone)]
pub(super) struct Zebra {
    /// From kerb to kerb.
    pub track: Track,
    pub width: f64,
    /// Vehicles give way.
    pub priority: bool,
    pub signal: Option<u32>,
    /// The pavement at its start and at its end: way and arc length.
    pub landings: [Option<(u32, f64)>; 2],
}

impl Zebra {
    /// Where one waits before crossing from this end, `aside` of the middle as a fraction of the half width.
    pub(super) fn kerb(&self, end: usize, aside: f64) -> DVec2 {
        let (place, back) = if end == 0 {
            (self.track.at(0.0), -0.5)
        } else {
            (self.track.at(self.track.length), 0.5)
        };
        place.position.truncate() + place.tangent * back + place.tangent.perp() * (aside * self.width / 2.0 * 0.8)
    }
}

/// All pavements.
#[derive(Debug, Clone, Default)]
pub(super) struct Pavements {
    pub zebras: Vec<Zebra>,
    /// For each way: the pavements at its start and at its end, as `(way, at its start)`.
    ends: Vec<[Vec<(u32, bool)>; 2]>,
    /// For each way: where crossings begin, as `(arc length, crossing, end)`.
    pub accesses: Vec<Vec<(f64, u32, usize)>>,
    /// For each way: do people walk on it? Lanes over crossings do not count.
    pub walkable: Vec<bool>,
    /// Feet of posts, m.
    pub posts: Vec<DVec2>,
}

impl Pavements {
    /// Joins what is there.
    pub(super) fn new(network: &RoadNetwork, ways: &Ways) -> Self {
        let mut zebras: Vec<Zebra> = network
            .crossings
            .iter()
            .map(|crossing| {
                let lane = Lane {
                    id: LaneId(0),
                    kind: LaneKind::Sidewalk,
                    center: crossing.path.clone(),
                    width: vec![crossing.width],
                    successors: Vec::new(),
                    predecessors: Vec::new(),
                    left: None,
                    right: None,
                    left_line: LineKind::None,
                    right_line: LineKind::None,
                    speed_limit: 2.0,
                    junction: None,
                    control: crate::road::Control::Free,
                    yields_to: Vec::new(),
                    turn: 0,
                };
                Zebra {
                    track: Track::new(&lane),
                    width: f64::from(crossing.width).max(1.0),
                    priority: crossing.zebra,
                    signal: crossing.signal,
                    landings: [None, None],
                }
            })
            .collect();
        let over = |way: &Way| {
            let middle = way.track.at(way.track.length / 2.0).position.truncate();
            zebras.iter().any(|zebra| {
                zebra.track.near(middle, 3.0) && way.track.length < zebra.track.length + 8.0 && {
                    let (s, d) = zebra.track.project(middle);
                    (0.0..=zebra.track.length).contains(&s) && d.abs() < zebra.width / 2.0 + 0.3
                }
            })
        };
        let walkable: Vec<bool> = ways
            .all
            .iter()
            .map(|way| way.kind == LaneKind::Sidewalk && !over(way))
            .collect();
        let mut accesses = vec![Vec::new(); ways.all.len()];
        for (i, zebra) in zebras.iter_mut().enumerate() {
            for end in 0..2 {
                let at = zebra.track.at(zebra.track.length * end as f64).position.truncate();
                let mut best: Option<(f64, u32, f64)> = None;
                for (w, way) in ways.all.iter().enumerate() {
                    if !walkable[w] || !way.track.near(at, 6.0) {
                        continue;
                    }
                    let (s, _) = way.track.project(at);
                    let s = s.clamp(0.0, way.track.length);
                    let away = way.track.at(s).position.truncate().distance(at);
                    if away < 6.0 && best.is_none_or(|(b, _, _)| away < b) {
                        best = Some((away, w as u32, s));
                    }
                }
                zebra.landings[end] = best.map(|(_, way, s)| (way, s));
            }
            if let [Some(a), Some(b)] = zebra.landings {
                for (end, (way, s)) in [a, b].into_iter().enumerate() {
                    accesses[way as usize].push((s, i as u32, end));
                }
            }
        }
        let mut tips: Vec<(u32, bool, DVec3)> = Vec::new();
        for (w, way) in ways.all.iter().enumerate() {
            if walkable[w] {
                tips.push((w as u32, true, way.track.at(0.0).position));
                tips.push((w as u32, false, way.track.at(way.track.length).position));
            }
        }
        let mut ends = vec![[Vec::new(), Vec::new()]; ways.all.len()];
        for (w, start, p) in &tips {
            for reach in [1.0, 4.0] {
                let near: Vec<(u32, bool)> = tips
                    .iter()
                    .filter(|(other, _, q)| other != w && p.distance(*q) < reach)
                    .map(|(other, at_start, _)| (*other, *at_start))
                    .collect();
                if !near.is_empty() {
                    ends[*w as usize][usize::from(!start)] = near;
                    break;
                }
            }
        }
        let heads = network
            .signals
            .iter()
            .flat_map(|signal| signal.heads.iter().map(|head| head.foot));
        let posts = network
            .lamp_posts
            .iter()
            .map(|(foot, _)| *foot)
            .chain(heads)
            .chain(network.signs.iter().map(|sign| sign.foot))
            .map(|foot| foot.truncate().as_dvec2())
            .collect();
        Self {
            zebras,
            ends,
            accesses,
            walkable,
            posts,
        }
    }

    /// Where one can walk on from an end of a pavement: `(way, forward)`.
    pub(super) fn onward(&self, way: u32, forward: bool) -> &[(u32, bool)] {
        &self.ends[way as usize][usize::from(forward)]
    }
}
