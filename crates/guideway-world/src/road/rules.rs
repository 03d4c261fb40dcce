//! Who goes first at a junction: signals, signs, and which lanes give way to which.

use glam::Vec2;
use rand::RngExt as _;

use super::junction::{Connector, segments_meet};
use super::procedural::{Arm, Builder};
use super::{Control, Lane, LaneId, LaneKind, RoadNetwork, SignKind, SignPost, Signal, SignalHead};

/// How the traffic of one arm is held back.
#[derive(Clone, Copy, PartialEq)]
enum Right {
    Priority,
    Minor(Control),
    Phase(u32),
}

impl Builder<'_> {
    /// Sets controls, signals, signs, paint and `yields_to` of a junction.
    pub(super) fn rule(&mut self, node: usize, arms: &[Arm], connectors: &[Connector], crossings: &[(usize, Arm)]) {
        let mut rng = self.rng("rules", node);
        let through = self.through(arms);
        let signalled = rng.random::<f64>() < self.params.signals * if self.net.relief.lift > 0.0 { 1.0 } else { 0.25 };
        let stops = rng.random::<f32>() < 0.35;
        let rights: Vec<Right> = (0..arms.len())
            .map(|i| {
                let on_main = through.contains(&i);
                match (signalled, on_main) {
                    (true, main) => Right::Phase(u32::from(!main)),
                    (false, true) => Right::Priority,
                    (false, false) => Right::Minor(if stops { Control::Stop } else { Control::Yield }),
                }
            })
            .collect();
        for (arm, right) in arms.iter().zip(&rights) {
            let control = match right {
                Right::Priority => Control::Free,
                Right::Minor(control) => *control,
                Right::Phase(phase) => self.vehicle_signal(node, *arm, *phase),
            };
            let bicycle = self.bicycle(*arm, true);
            for lane in self.incoming(*arm).into_iter().chain(bicycle) {
                self.lane_mut(lane).control = control;
            }
            self.signs_before(*arm, control, matches!(right, Right::Priority), &mut rng);
            self.paint_before(*arm, control);
        }
        for (crossing, arm) in crossings {
            let phase = arms.iter().position(|a| a == arm).map(|i| rights[i]);
            if let Some(Right::Phase(phase)) = phase {
                let signal = self.walk_signal(node, *crossing, 1 - phase);
                self.net.crossings[*crossing].signal = Some(signal);
                // Where signals say who walks, two lines are enough.
                self.net.crossings[*crossing].zebra &= rng.random::<f32>() < 0.4;
            } else {
                self.crossing_signs(*crossing, *arm);
            }
            self.paint_crossing(*crossing, *arm);
        }
        self.give_way(arms, &rights, connectors);
    }

    /// The two arms that traffic goes straight through on: those of the higher rank, else the straightest pair.
    fn through(&self, arms: &[Arm]) -> Vec<usize> {
        let rank = |i: usize| self.profile(arms[i].street).rank;
        let mut best = (i32::MIN, f32::INFINITY, vec![0, 1]);
        for i in 0..arms.len() {
            for j in i + 1..arms.len() {
                let ranks = i32::from(rank(i)) + i32::from(rank(j));
                let bend = self
                    .outward(arms[i], self.mouth(arms[i]))
                    .dot(self.outward(arms[j], self.mouth(arms[j])));
                if ranks > best.0 || ranks == best.0 && bend < best.1 {
                    best = (ranks, bend, vec![i, j]);
                }
            }
        }
        best.2
    }

    /// The foot of a post on the drivers' right, this far before the line where they stop.
    fn post(&self, arm: Arm, before: f32, beyond_kerb: f32) -> (glam::Vec3, Vec2) {
        let s = self.cut(arm) + before;
        let p = self.at(arm, s, self.profile(arm.street).edge() + beyond_kerb);
        (
            self.net.relief.on(p) + glam::Vec3::Z * self.net.relief.lift.max(0.0),
            self.outward(arm, s),
        )
    }

    fn vehicle_signal(&mut self, node: usize, arm: Arm, phase: u32) -> Control {
        let profile = self.profile(arm.street);
        let (foot, facing) = self.post(arm, 0.5, 0.6);
        let mut heads = vec![SignalHead { foot, facing, arm: 0.0 }];
        let mut rng = self.rng("signals", self.net.signals.len());
        if profile.lanes >= 2 || rng.random::<f32>() < 0.4 {
            // Over the middle of the incoming lanes.
            let over = f32::midpoint(profile.inner(), profile.driving());
            heads.push(SignalHead {
                foot,
                facing,
                arm: -(profile.edge() + 0.6 - over),
            });
        }
        self.net.signals.push(Signal {
            junction: node as u32,
            phase,
            pedestrian: false,
            heads,
        });
        Control::Signal(self.net.signals.len() as u32 - 1)
    }

    fn walk_signal(&mut self, node: usize, crossing: usize, phase: u32) -> u32 {
        let path = &self.net.crossings[crossing].path;
        let (a, b) = (path.at(0.0), path.at(path.length()));
        let across = a.tangent.truncate().normalize_or(Vec2::X);
        let aside = across.perp() * (self.net.crossings[crossing].width / 2.0 + 0.3);
        let head = |p: Vec2, outwards: Vec2| SignalHead {
            foot: self.net.relief.on(p + outwards * 0.5 + aside) + glam::Vec3::Z * self.net.relief.lift.max(0.0),
            facing: -outwards,
            arm: 0.0,
        };
        let heads = vec![
            head(a.position.truncate(), -across),
            head(b.position.truncate(), across),
        ];
        self.net.signals.push(Signal {
            junction: node as u32,
            phase,
            pedestrian: true,
            heads,
        });
        self.net.signals.len() as u32 - 1
    }

    fn signs_before(&mut self, arm: Arm, control: Control, priority: bool, rng: &mut impl rand::Rng) {
        let kind = match control {
            Control::Stop => Some(SignKind::Stop),
            Control::Yield => Some(SignKind::Yield),
            Control::Signal(_) => None,
            Control::Free => (priority && rng.random::<f32>() < 0.6).then_some(SignKind::Priority),
        };
        if let Some(kind) = kind {
            let (foot, facing) = self.post(arm, 0.8, 0.7);
            self.net.signs.push(SignPost { foot, facing, kind });
        }
        // What the street behind the junction allows, for those who turn into it.
        let profile = self.profile(arm.street);
        if rng.random::<f32>() < 0.35 && self.axes[arm.street].length() > 60.0 {
            let s = self.cut(arm) + 3.0;
            let p = self.at(arm, s, -(profile.edge() + 0.7));
            let foot = self.net.relief.on(p) + glam::Vec3::Z * self.net.relief.lift.max(0.0);
            let facing = -self.outward(arm, s);
            self.net.signs.push(SignPost {
                foot,
                facing,
                kind: SignKind::SpeedLimit(profile.kmh),
            });
        }
    }

    fn crossing_signs(&mut self, crossing: usize, arm: Arm) {
        let crossing = &self.net.crossings[crossing];
        let path = &crossing.path;
        if !crossing.zebra {
            return;
        }
        // One for each direction, on its drivers' right, just before the crossing.
        let (left, right) = (path.at(0.0).position, path.at(path.length()).position);
        let outward = self.outward(arm, self.cut(arm));
        let side = (left - right).truncate().normalize_or(Vec2::Y);
        let before = crossing.width / 2.0 + 0.35;
        for (kerb, out, facing) in [(left, side, outward), (right, -side, -outward)] {
            let p = kerb.truncate() + out * 0.5 + facing * before;
            let foot = self.net.relief.on(p) + glam::Vec3::Z * self.net.relief.lift.max(0.0);
            self.net.signs.push(SignPost {
                foot,
                facing,
                kind: SignKind::Crossing,
            });
        }
    }

    fn give_way(&mut self, arms: &[Arm], rights: &[Right], connectors: &[Connector]) {
        let claims: Vec<Claim> = connectors
            .iter()
            .map(|c| {
                let arm = arms.iter().position(|a| *a == c.from).unwrap_or(0);
                let (right, phase) = match rights[arm] {
                    Right::Priority => (2, None),
                    Right::Minor(_) => (1, None),
                    Right::Phase(phase) => (0, Some(phase)),
                };
                Claim {
                    lane: c.lane,
                    arm,
                    right,
                    phase,
                }
            })
            .collect();
        give_way(&mut self.net, &claims, arms.len());
    }
}

/// What a lane through a junction can claim.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub lane: LaneId,
    /// Index of the arm that it comes from, counter-clockwise around the junction.
    pub arm: usize,
    /// The higher goes first.
    pub right: i32,
    /// Phase of its signal: lanes of different phases never meet.
    pub phase: Option<u32>,
}

/// Fills `yields_to` of a junction's lanes: of two that cross or merge one gives way. Those that turn left give way to all of the
/// same right, those that turn right to those that go straight on; bicycles straight on go before whoever turns across their lane;
/// among equals whoever comes from the right goes first (from the left where traffic keeps left).
pub(super) fn give_way(net: &mut RoadNetwork, claims: &[Claim], arms: usize) {
    let (left_turn, nearer) = if net.left_hand {
        (-1, arms.saturating_sub(1))
    } else {
        (1, 1)
    };
    let mut waits: Vec<(LaneId, LaneId)> = Vec::new();
    for (n, a) in claims.iter().enumerate() {
        for b in &claims[n + 1..] {
            let apart = a.phase.is_some() && b.phase.is_some() && a.phase != b.phase;
            if apart || !conflict(net.lane(a.lane), net.lane(b.lane)) {
                continue;
            }
            let standing = |claim: &Claim| {
                let lane = net.lane(claim.lane);
                let bicycle = lane.kind == LaneKind::Bicycle;
                let manner = match lane.turn {
                    0 if bicycle => 4,
                    0 => 3,
                    turn if turn == left_turn => 0,
                    _ if bicycle => 2,
                    _ => 1,
                };
                (claim.right, manner)
            };
            let (own, other) = (standing(a), standing(b));
            // Arms are counter-clockwise: where traffic keeps right, the next one is the driver's right.
            let a_waits = if own == other {
                (a.arm + nearer) % arms.max(1) == b.arm
            } else {
                own < other
            };
            waits.push(if a_waits { (a.lane, b.lane) } else { (b.lane, a.lane) });
        }
    }
    for (lane, before) in waits {
        net.lanes[lane.index()].yields_to.push(before);
    }
    for claim in claims {
        let lane = &mut net.lanes[claim.lane.index()];
        lane.yields_to.sort_unstable();
        lane.yields_to.dedup();
    }
}

/// Do two lanes of a junction cross, or end in the same lane? Lanes that start together only part.
fn conflict(a: &Lane, b: &Lane) -> bool {
    if a.predecessors.iter().any(|p| b.predecessors.contains(p)) {
        return false;
    }
    if a.successors.iter().any(|s| b.successors.contains(s)) {
        return true;
    }
    let (p, q) = (a.center.points(), b.center.points());
    p.windows(2).any(|s| {
        q.windows(2)
            .any(|t| segments_meet(s[0].truncate(), s[1].truncate(), t[0].truncate(), t[1].truncate()).is_some())
    })
}
