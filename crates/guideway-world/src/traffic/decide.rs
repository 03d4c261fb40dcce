//! The decisions of everyone, ten times a second.

use glam::DVec2;

use super::body::BodyKind;
use super::idm::{HARDEST, STRONGEST};
use super::junction::{Asking, Junctions};
use super::lane_change::{self, Lists};
use super::mover::Pass;
use super::outlook::{self, Outlook};
use super::pass;
use super::walkers::{Around, Comer, Goal};
use super::{Traffic, Walker};

impl Traffic {
    /// Everyone decides what to do until the next decision.
    pub(super) fn decide(&mut self) {
        self.gather();
        self.look();
        self.meet_at_crossings();
        self.enter_junctions();
        self.move_sideways();
        self.drive();
        self.walk();
    }

    fn look(&mut self) {
        self.outlooks.resize_with(self.movers.len(), Outlook::default);
        for (mover, outlook) in self.movers.iter_mut().zip(&mut self.outlooks) {
            mover.plan(&self.ways, outlook::horizon(mover.speed) + 30.0);
            outlook::look(mover, &self.ways, &self.crowd, &self.widths, outlook);
        }
    }

    /// Notes who is on which crossing, and who comes to it.
    fn meet_at_crossings(&mut self) {
        let time = self.clock();
        for list in &mut self.on_crossings {
            list.clear();
        }
        for list in &mut self.comers {
            list.clear();
        }
        for walker in &self.walkers {
            if let Some((crossing, who)) = walker.on_crossing(&self.pavements, time)
                && let Some(list) = self.on_crossings.get_mut(crossing as usize)
            {
                list.push(who);
            }
        }
        for (mover, outlook) in self.movers.iter().zip(&self.outlooks) {
            for ahead in &outlook.crossings {
                if let Some(list) = self.comers.get_mut(ahead.crossing as usize) {
                    list.push(Comer {
                        near: ahead.near,
                        clear: ahead.clear,
                        speed: mover.speed,
                    });
                }
            }
        }
    }

    /// Does vehicle `i` have to stop before the `k`-th crossing of its outlook?
    fn blocked(&self, i: usize, k: usize) -> bool {
        let (mover, ahead) = (&self.movers[i], &self.outlooks[i].crossings[k]);
        let Some(zebra) = self.pavements.zebras.get(ahead.crossing as usize) else {
            return false;
        };
        let way = self.ways.get(ahead.way);
        let Some((_, s)) = way.crossings.iter().find(|(c, _)| *c == ahead.crossing) else {
            return false;
        };
        let place = way.track.at(*s).position.truncate();
        let (own, _) = zebra.track.project(place);
        let wide = mover.half.y + 0.6;
        let time = (ahead.clear / mover.speed.max(2.5)).min(6.0);
        self.on_crossings[ahead.crossing as usize].iter().any(|who| {
            let away = (own - who.at) * who.direction;
            match who.waiting {
                None => away > -wide && away < wide + 1.0 + 1.5 * time,
                Some(waited) => {
                    // Vehicles give way at zebras, elsewhere out of courtesy, if they need not brake hard for it.
                    let gives_way = zebra.signal.is_none() && (zebra.priority || waited > 12.0);
                    let brakes = mover.speed * mover.speed / (2.0 * ahead.near.max(0.1));
                    gives_way && ahead.near > 0.0 && brakes < 2.5 && ahead.near < 35.0
                }
            }
        })
    }

    fn enter_junctions(&mut self) {
        for (mover, outlook) in self.movers.iter_mut().zip(&self.outlooks) {
            if let Some(gate) = outlook.gate
                && mover.speed < 0.4
                && gate.line < 3.0
            {
                mover.stopped_for = Some(gate.way);
            }
        }
        let mut junctions = std::mem::take(&mut self.junctions);
        junctions.collect(&self.ways, &mut self.movers, &self.outlooks);
        let blocked = |i: usize, k: usize| self.blocked(i, k);
        let asking = Asking {
            ways: &self.ways,
            movers: &self.movers,
            outlooks: &self.outlooks,
            signals: &self.state.signals,
            blocked: &blocked,
        };
        let revoked = Junctions::revoke(&asking);
        let given = junctions.give(&asking);
        for (i, way) in given {
            self.movers[i as usize].grants.push(way);
            self.outlooks[i as usize].gate = None;
        }
        for (i, way) in revoked {
            self.movers[i as usize].grants.retain(|grant| *grant != way);
        }
        self.junctions = junctions;
    }

    /// Lane changes, and going around things.
    fn move_sideways(&mut self) {
        let time = self.clock();
        let turn = self.tick / Self::STEPS_PER_DECISION;
        let mut lists: Lists = vec![Vec::new(); self.ways.all.len()];
        for (i, mover) in self.movers.iter().enumerate() {
            lists[mover.way() as usize].push((mover.s, i as u32));
        }
        for list in &mut lists {
            list.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        }
        for i in 0..self.movers.len() {
            if self.movers[i].pass.is_some() {
                if let Some(length) = pass::over(&self.movers[i], &self.ways, &self.crowd, &mut self.scratch) {
                    let mover = &mut self.movers[i];
                    let base = mover.base(&self.ways);
                    mover.shift_to(base, length);
                    mover.pass = None;
                }
                continue;
            }
            // Each looks for a better lane twice a second, in turn.
            if !(turn + u64::from(self.movers[i].id)).is_multiple_of(5) {
                continue;
            }
            if let Some(around) = pass::decide(
                &self.movers[i],
                &self.outlooks[i],
                &self.ways,
                &self.crowd,
                &mut self.scratch,
            ) {
                let mover = &mut self.movers[i];
                self.crowd.bodies[i].shifting = true;
                let side = if around.offset > mover.offset(mover.odometer).0 {
                    1
                } else {
                    -1
                };
                mover.shift_to(around.offset, around.length);
                mover.pass = Some(Pass { around: around.id });
                mover.changed = (time, side);
                // Seen from the new line, the way is free again at the next decision.
                outlook::look(mover, &self.ways, &self.crowd, &self.widths, &mut self.outlooks[i]);
                continue;
            }
            let mover = &self.movers[i];
            if mover.cyclist() || time - mover.changed.0 < 5.0 || mover.activity.is_some() {
                continue;
            }
            let change = lane_change::decide(i, &self.movers, &self.outlooks[i], &self.ways, &self.crowd, &lists);
            if let Some(change) = change {
                self.crowd.bodies[i].shifting = true;
                let mover = &mut self.movers[i];
                mover.change_to(&self.ways, change.way, change.s, change.from, change.length);
                mover.plan(&self.ways, outlook::horizon(mover.speed) + 30.0);
                mover.changed = (time, change.direction);
                outlook::look(mover, &self.ways, &self.crowd, &self.widths, &mut self.outlooks[i]);
                lists[change.way as usize].push((change.s, i as u32));
                lists[change.way as usize].sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            }
        }
    }

    fn drive(&mut self) {
        let time = self.clock();
        let ego = self.ego().map(|ego| (ego.position.truncate(), ego.heading));
        for i in 0..self.movers.len() {
            let (mover, outlook) = (&self.movers[i], &self.outlooks[i]);
            let driver = mover.driver;
            let (speed, wanted) = (mover.speed, outlook.cap.max(0.5));
            let mut accel = driver.free(speed, wanted);
            // Where a limit or a bend comes closer than expected, brakes as hard as it takes, within comfort and a little.
            if outlook.slow > 1.2 {
                accel = accel.min(-(1.1 * outlook.slow).min(4.5));
            }
            if let Some(found) = outlook.found {
                let standing = match found.kind {
                    BodyKind::Thing if mover.pass.is_none() => 7.0,
                    BodyKind::Animal => 5.0,
                    BodyKind::Walker => 2.5,
                    _ => driver.gap_m,
                };
                accel = accel.min(driver.follow(speed, wanted, found.gap, found.speed, standing));
            }
            if let Some(gate) = outlook.gate {
                accel = accel.min(driver.stop_at(speed, wanted, gate.line));
            }
            for (k, ahead) in outlook.crossings.iter().enumerate() {
                if ahead.near > -0.4 && self.blocked(i, k) {
                    accel = accel.min(driver.stop_at(speed, wanted, (ahead.near - 0.6).max(0.0)));
                }
            }
            if let Some(end) = outlook.end {
                // The road ends: out of sight one simply leaves; in sight one stops.
                let seen = ego.is_some_and(|(place, forward)| {
                    let away = mover.position.truncate() - place;
                    away.length() < 90.0 && away.dot(forward) > -10.0
                });
                if mover.ego || seen {
                    accel = accel.min(driver.stop_at(speed, wanted, end - 1.0));
                }
            }
            let side = if mover.shifting() && time - mover.changed.0 < 12.0 {
                mover.changed.1
            } else {
                outlook.turn
            };
            let swerve = (mover.activity == Some("wrong_way"))
                .then(|| {
                    outlook
                        .found
                        .filter(|f| f.kind == BodyKind::Vehicle && f.gap < 20.0 + 4.0 * speed)
                })
                .flatten();
            let tilt = {
                let left = mover.heading.perp() * mover.half.y;
                let at = |p: DVec2| f64::from((self.ground)(p.as_vec2()));
                let place = mover.position.truncate();
                (at(place + left) - at(place - left)) / (2.0 * mover.half.y).max(0.3)
            };
            let mover = &mut self.movers[i];
            mover.accel = accel.clamp(HARDEST, STRONGEST);
            mover.indicate(side, time);
            mover.tilt(tilt, 0.2);
            if swerve.is_some() && !mover.shifting() && mover.offset_target().abs() < 1.0 {
                let width = self.ways.get(mover.way()).track.width(mover.s);
                mover.shift_to(-self.ways.side * width, (2.0 * mover.speed).max(14.0));
            }
        }
    }

    fn walk(&mut self) {
        let time = self.clock();
        let ego = self
            .ego()
            .map(|ego| (ego.position.truncate(), ego.heading, ego.speed, ego.half.x));
        let around = Around {
            time,
            ways: &self.ways,
            pavements: &self.pavements,
            crowd: &self.crowd,
            signals: &self.state.signals,
            comers: &self.comers,
            jaywalking: self.params.traffic.jaywalking,
            dt: Self::STEP_S * Self::STEPS_PER_DECISION as f64,
        };
        for i in 0..self.walkers.len() {
            // Leaders come before those who follow them.
            let (before, rest) = self.walkers.split_at_mut(i);
            let Some(walker) = rest.first_mut() else { break };
            if let (Goal::Dart { trigger, .. }, Some((place, forward, speed, half))) = (&mut walker.goal, ego)
                && trigger.is_infinite()
            {
                let away = (walker.position - place).dot(forward) - half;
                // Late enough to surprise, early enough to stop at 5 m/s² or so.
                if away > 0.0 && away < speed * 1.1 + speed * speed / 8.0 + 5.0 {
                    *trigger = time;
                }
            }
            let leader = walker
                .leader
                .and_then(|(id, _)| before.binary_search_by_key(&id, |w: &Walker| w.id).ok())
                .map(|at| &before[at]);
            if leader.is_none() {
                walker.leader = None;
            }
            walker.decide(&around, leader);
        }
    }
}
