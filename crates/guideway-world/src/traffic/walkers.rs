//! People on foot, and animals.
//!
//! They are points that accelerate towards where they want to go and away from each other, after Helbing and Molnár, *Social force
//! model for pedestrian dynamics*, Phys. Rev. E 51, 4282 (1995), doi 10.1103/PhysRevE.51.4282 (relaxation time 0.5 s; repulsion
//! of finite range instead of an exponential, so that every machine computes the same bits). Crossing a road is a decision:
//! at crossings on green or when all who come can stop without effort, elsewhere when nobody comes for long enough.

use std::sync::Arc;

use glam::{DVec2, DVec3, Quat};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::body::{Body, BodyKind, Crowd};
use super::pavement::Pavements;
use super::ways::{Way, Ways};
use crate::actors::Model;
use crate::object::ObjectClass;
use crate::state::{ActorState, Articulation, Lamps, SignalState};

/// What one wants next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// Walk along a pavement.
    Along { way: u32, s: f64, forward: bool },
    /// Stand until this time, looking somewhere; then walk on, if on a pavement.
    Stand { until: f64, facing: DVec2 },
    /// Go to the kerb at an end of a crossing.
    ToKerb { crossing: u32, end: usize, aside: f64 },
    /// Wait there, since this time.
    Wait {
        crossing: u32,
        end: usize,
        aside: f64,
        since: f64,
    },
    /// Walk over it from this end.
    Cross { crossing: u32, end: usize, aside: f64 },
    /// Go straight to a place; over a road or not.
    To { target: DVec2, over_road: bool },
    /// Stay behind something until this time, then go straight to a place whatever comes.
    Dart { trigger: f64, target: DVec2 },
}

/// Someone who comes to a crossing by vehicle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Comer {
    /// From the front to the near edge, and from the rear to the far edge, m.
    pub near: f64,
    pub clear: f64,
    pub speed: f64,
}

/// Somebody on a crossing or about to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OnCrossing {
    /// Arc length on the crossing, m, and the direction in which they walk.
    pub at: f64,
    pub direction: f64,
    /// Still waiting at the kerb, for this long, s.
    pub waiting: Option<f64>,
}

/// A person or an animal.
#[derive(Debug, Clone)]
pub(super) struct Walker {
    pub id: u32,
    pub model: Arc<Model>,
    pub half: DVec2,
    pub position: DVec2,
    z: f64,
    pub velocity: DVec2,
    climb: f64,
    push: DVec2,
    pub heading: DVec2,
    turning: f64,
    /// Usual speed, m/s.
    pub pace: f64,
    /// Place on the pavement: −1 to 1 of what room it has.
    pub aside: f64,
    pub goal: Goal,
    /// Whom one walks with, and where beside: ahead and to the left, m.
    pub leader: Option<(u32, DVec2)>,
    gait: f32,
    /// Held up for this long on the way over a road, s; and a way round taken until a time, m/s.
    held: f64,
    detour: Option<(f64, DVec2)>,
    /// Metres walked.
    rolled: f32,
    /// Where it belongs (animals), m.
    pub home: DVec2,
    pub activity: Option<&'static str>,
    pub rng: ChaCha8Rng,
}

/// What walkers know of the world when they decide.
pub(super) struct Around<'a> {
    pub time: f64,
    pub ways: &'a Ways,
    pub pavements: &'a Pavements,
    pub crowd: &'a Crowd,
    pub signals: &'a [SignalState],
    /// For each crossing, who comes to it.
    pub comers: &'a [Vec<Comer>],
    /// Probability per minute of crossing anywhere.
    pub jaywalking: f64,
    /// Time since the last decision, s.
    pub dt: f64,
}

const RELAX_S: f64 = 0.5;
const REACH: f64 = 1.4;

impl Walker {
    /// Puts one somewhere.
    pub(super) fn new(
        id: u32,
        model: Arc<Model>,
        position: DVec3,
        heading: DVec2,
        pace: f64,
        goal: Goal,
        mut rng: ChaCha8Rng,
    ) -> Self {
        let moves = matches!(goal, Goal::Along { .. } | Goal::To { .. });
        Self {
            id,
            half: DVec2::new(f64::from(model.size.x), f64::from(model.size.y)) / 2.0,
            position: position.truncate(),
            z: position.z,
            velocity: if moves { heading * pace } else { DVec2::ZERO },
            climb: 0.0,
            push: DVec2::ZERO,
            heading,
            turning: 0.0,
            pace,
            aside: rng.random_range(-0.75..0.75),
            goal,
            leader: None,
            gait: rng.random_range(0.0..1.0),
            held: 0.0,
            detour: None,
            rolled: 0.0,
            home: position.truncate(),
            activity: None,
            model,
            rng,
        }
    }

    /// An animal?
    pub(super) fn animal(&self) -> bool {
        self.model.class == ObjectClass::Animal
    }

    /// Its footprint.
    pub(super) fn body(&self) -> Body {
        Body {
            id: self.id,
            kind: if self.animal() {
                BodyKind::Animal
            } else {
                BodyKind::Walker
            },
            center: self.position,
            axis: self.heading,
            half: self.half,
            velocity: self.velocity,
            shifting: false,
        }
    }

    /// Is it on a crossing, or about to be? The crossing, and where.
    pub(super) fn on_crossing(&self, pavements: &Pavements, time: f64) -> Option<(u32, OnCrossing)> {
        let (crossing, end, waiting) = match self.goal {
            Goal::Cross { crossing, end, .. } => (crossing, end, None),
            Goal::Wait {
                crossing, end, since, ..
            } => (crossing, end, Some(time - since)),
            _ => return None,
        };
        let zebra = pavements.zebras.get(crossing as usize)?;
        let (at, _) = zebra.track.project(self.position);
        Some((
            crossing,
            OnCrossing {
                at,
                direction: if end == 0 { 1.0 } else { -1.0 },
                waiting,
            },
        ))
    }

    /// Decides where to go for the next tenth of a second. `leader` is where the one stands with whom it walks.
    pub(super) fn decide(&mut self, around: &Around<'_>, leader: Option<&Self>) {
        let wanted = match (leader, self.leader) {
            (Some(leader), Some((_, beside))) => self.beside(around, leader, beside),
            _ => self.pursue(around),
        };
        let wanted = self.round(around, wanted);
        let wanted = self.mind_vehicles(around, wanted);
        self.keep_out(around);
        let mut push = (wanted - self.velocity) / RELAX_S;
        push += self.repulsion(around);
        self.push = push.clamp_length_max(4.0);
    }

    fn beside(&mut self, around: &Around<'_>, leader: &Self, beside: DVec2) -> DVec2 {
        self.goal = match (leader.goal, self.goal) {
            // One's own progress along the same way, for the height of the ground.
            (Goal::Along { way, forward, .. }, Goal::Along { way: own, s, .. }) if way == own => {
                Goal::Along { way, s, forward }
            }
            (goal, _) => goal,
        };
        self.track_progress(around);
        let place = leader.position + leader.heading * beside.x + leader.heading.perp() * beside.y;
        let wanted = leader.velocity + (place - self.position) * 0.8;
        if matches!(leader.goal, Goal::Stand { .. } | Goal::Wait { .. }) && wanted.length() < 0.25 {
            return DVec2::ZERO;
        }
        wanted.clamp_length_max(self.pace.max(leader.pace) * 1.5)
    }

    fn track_progress(&mut self, around: &Around<'_>) {
        if let Goal::Along { way, s, .. } = &mut self.goal {
            let (at, _) = around.ways.get(*way).track.refine(self.position, *s);
            // A jump along the way means that it bends away: then look at all of it.
            *s = if (at - *s).abs() < 3.0 {
                at
            } else {
                around.ways.get(*way).track.project(self.position).0
            };
        }
    }

    fn pursue(&mut self, around: &Around<'_>) -> DVec2 {
        match self.goal {
            Goal::Along { way, forward, s } => self.walk_along(around, way, s, forward),
            Goal::Stand { until, .. } => {
                if around.time >= until {
                    self.goal = self.next_goal(around);
                }
                DVec2::ZERO
            }
            Goal::ToKerb { crossing, end, aside } => {
                let kerb = around.pavements.zebras[crossing as usize].kerb(end, aside);
                let away = kerb - self.position;
                if away.length() < 0.5 {
                    let since = around.time;
                    self.goal = Goal::Wait {
                        crossing,
                        end,
                        aside,
                        since,
                    };
                }
                away.normalize_or_zero() * self.pace.min(0.3 + away.length())
            }
            Goal::Wait {
                crossing,
                end,
                aside,
                since,
            } => {
                if self.may_cross(around, crossing, around.time - since) {
                    self.goal = Goal::Cross { crossing, end, aside };
                } else if around.time - since > 90.0 {
                    self.goal = self.next_goal(around);
                }
                DVec2::ZERO
            }
            Goal::Cross { crossing, end, aside } => {
                let zebra = &around.pavements.zebras[crossing as usize];
                let (at, _) = zebra.track.project(self.position);
                let left = if end == 0 { zebra.track.length - at } else { at };
                if left < -0.3
                    && let Some((way, s)) = zebra.landings[1 - end]
                {
                    let forward = self.rng.random_bool(0.5);
                    self.goal = Goal::Along { way, s, forward };
                }
                let target = zebra.kerb(1 - end, aside);
                let target = target + (target - self.position).normalize_or_zero() * 0.6;
                (target - self.position).normalize_or_zero() * self.pace * 1.1
            }
            Goal::To { target, over_road } => {
                let away = target - self.position;
                if away.length() < 0.5 {
                    self.goal = self.next_goal(around);
                }
                let speed = if over_road && !self.animal() {
                    self.pace.max(1.5)
                } else {
                    self.pace
                };
                away.normalize_or_zero() * speed
            }
            Goal::Dart { trigger, target } => {
                if around.time >= trigger {
                    self.goal = Goal::To {
                        target,
                        over_road: true,
                    };
                }
                DVec2::ZERO
            }
        }
    }

    fn walk_along(&mut self, around: &Around<'_>, way: u32, before: f64, forward: bool) -> DVec2 {
        self.track_progress(around);
        let Goal::Along { s, .. } = self.goal else {
            return DVec2::ZERO;
        };
        let track = &around.ways.get(way).track;
        if (forward && s >= track.length) || (!forward && s <= 0.0) {
            let onward = around.pavements.onward(way, forward);
            self.goal = if onward.is_empty() {
                Goal::Along {
                    way,
                    s: s.clamp(0.0, track.length),
                    forward: !forward,
                }
            } else {
                let (next, at_start) = onward[self.rng.random_range(0..onward.len())];
                let length = around.ways.get(next).track.length;
                Goal::Along {
                    way: next,
                    s: if at_start { 0.0 } else { length },
                    forward: at_start,
                }
            };
            return self.velocity.normalize_or_zero() * self.pace;
        }
        // A crossing that one comes past: some use it.
        for (at, crossing, end) in &around.pavements.accesses[way as usize] {
            if (before - at) * (s - at) <= 0.0 && before != s && self.rng.random_bool(0.4) {
                self.goal = Goal::ToKerb {
                    crossing: *crossing,
                    end: *end,
                    aside: self.aside,
                };
                return self.velocity;
            }
        }
        let jaywalks = (around.jaywalking / 60.0 * around.dt).clamp(0.0, 1.0);
        if !self.animal()
            && self.rng.random_bool(jaywalks)
            && let Some(target) = self.jaywalk(around, way, s)
        {
            self.goal = Goal::To {
                target,
                over_road: true,
            };
            return self.velocity;
        }
        let here = track.at(s.clamp(0.0, track.length));
        let direction = if forward { here.tangent } else { -here.tangent };
        let room = (track.width(s) / 2.0 - 0.45).max(0.0);
        let error = (self.position - here.position.truncate()).dot(here.tangent.perp());
        // People keep to their side of each other: those who walk forward a little more to the one edge.
        let target = (self.aside + if forward { -0.2 } else { 0.2 }).clamp(-1.0, 1.0) * room;
        direction * self.pace + here.tangent.perp() * ((target - error) * 0.7).clamp(-0.7, 0.7)
    }

    fn next_goal(&mut self, around: &Around<'_>) -> Goal {
        if self.animal() {
            // Grazes here and there around its place; sometimes on the other side of the road.
            if self.rng.random_bool(0.6) {
                let until = around.time + self.rng.random_range(3.0..15.0);
                return Goal::Stand {
                    until,
                    facing: self.heading,
                };
            }
            let angle_x = self.rng.random_range(-1.0..1.0_f64);
            let angle_y = self.rng.random_range(-1.0..1.0_f64);
            let target = self.home + DVec2::new(angle_x, angle_y) * 4.0;
            if Self::on_road(around, target) || self.rng.random_bool(0.2) {
                if let Some((over, home)) = self.other_side(around) {
                    self.home = home;
                    return Goal::To {
                        target: over,
                        over_road: true,
                    };
                }
                return Goal::Stand {
                    until: around.time + 5.0,
                    facing: self.heading,
                };
            }
            return Goal::To {
                target,
                over_road: false,
            };
        }
        match around
            .ways
            .nearest(self.position, 12.0, |way| way.kind == crate::road::LaneKind::Sidewalk)
        {
            Some((way, s, _)) if around.pavements.walkable[way as usize] => {
                let forward = self.rng.random_bool(0.5);
                Goal::Along { way, s, forward }
            }
            _ => Goal::Stand {
                until: around.time + 10.0,
                facing: self.heading,
            },
        }
    }

    fn on_road(around: &Around<'_>, p: DVec2) -> bool {
        around
            .ways
            .nearest(p, 5.0, Way::drivable)
            .is_some_and(|(way, s, d)| d.abs() < around.ways.get(way).track.width(s) / 2.0 + 1.0)
    }

    /// A place for an animal on the other side of the nearest road, if nobody comes.
    fn other_side(&mut self, around: &Around<'_>) -> Option<(DVec2, DVec2)> {
        let (way, s, d) = around
            .ways
            .nearest(self.position, 25.0, |way| way.drivable() && way.junction.is_none())?;
        let place = around.ways.get(way).track.at(s);
        let mut across = 2.0 * d.abs();
        if around.ways.get(way).opposite.is_some() {
            across += 4.0;
        }
        let target = self.position - place.tangent.perp() * d.signum() * across;
        (!Self::on_road(around, target) && self.gap(around, target, self.pace)).then_some((target, target))
    }

    /// May one start over a crossing now?
    fn may_cross(&self, around: &Around<'_>, crossing: u32, waited: f64) -> bool {
        let zebra = &around.pavements.zebras[crossing as usize];
        if let Some(signal) = zebra.signal
            && !matches!(
                around.signals.get(signal as usize),
                Some(SignalState::Green | SignalState::Off) | None
            )
        {
            return false;
        }
        let needed = zebra.track.length / (self.pace * 1.1) + 1.5;
        let comers = around.comers.get(crossing as usize).map_or(&[][..], Vec::as_slice);
        comers.iter().all(|comer| {
            if comer.near <= 0.2 {
                // On it: wait until it is past, unless it leaves at this moment.
                return false;
            }
            if comer.speed < 0.4 {
                return true;
            }
            // Whoever can stop with little effort will; others must be far away.
            let stops = comer.speed * comer.speed / (2.0 * 2.2) + 0.4 * comer.speed + 1.5 < comer.near;
            let given_way = zebra.priority || zebra.signal.is_some() || waited > 12.0;
            stops && given_way || comer.near / comer.speed > needed + 1.0
        })
    }

    /// A place straight across the road to walk to, where that is possible now.
    fn jaywalk(&self, around: &Around<'_>, way: u32, s: f64) -> Option<DVec2> {
        let here = around.ways.get(way).track.at(s);
        for side in [1.0, -1.0] {
            let across = here.tangent.perp() * side;
            let other = around.ways.nearest(self.position + across * 11.0, 6.0, |way| {
                way.kind == crate::road::LaneKind::Sidewalk
            });
            let Some((other, at, _)) = other else { continue };
            if other == way || !around.pavements.walkable[other as usize] {
                continue;
            }
            let target = around.ways.get(other).track.at(at).position.truncate();
            let between = (self.position + target) / 2.0;
            let road = around.ways.nearest(between, 4.0, Way::drivable);
            let junction = around
                .ways
                .nearest(between, 12.0, |way| way.drivable() && way.junction.is_some());
            if road.is_some()
                && junction.is_none()
                && self.position.distance(target) < 20.0
                && self.gap(around, target, self.pace.max(1.5))
            {
                return Some(target);
            }
        }
        None
    }

    /// Is the straight way to `target` free of what stands there, and of who will come while one walks?
    pub(super) fn gap(&self, around: &Around<'_>, target: DVec2, pace: f64) -> bool {
        let needed = self.position.distance(target) / pace + 2.5;
        let middle = (self.position + target) / 2.0;
        around.crowd.around(middle, 130.0).all(|index| {
            let body = &around.crowd.bodies[index];
            if body.id == self.id || !matches!(body.kind, BodyKind::Vehicle | BodyKind::Cyclist | BodyKind::Thing) {
                return true;
            }
            if body.grown(0.5).touches(self.position, target) {
                return false;
            }
            let speed = body.velocity.length();
            if speed < 0.3 {
                // May start at any moment: not right before it.
                return body.kind == BodyKind::Thing || !body.swept(0.0).grown(6.0).touches(self.position, target);
            }
            // Along roads that bend, the distance is what counts.
            let distance = (middle - body.center).length() - body.half.x - self.position.distance(target) / 2.0;
            (middle - body.center).dot(body.velocity) < 0.0 && distance > 3.0 || distance / speed.max(6.0) > needed
        })
    }

    /// Stops before vehicles, and steps aside.
    fn mind_vehicles(&self, around: &Around<'_>, wanted: DVec2) -> DVec2 {
        let direction = wanted.normalize_or_zero();
        if direction == DVec2::ZERO {
            return wanted;
        }
        let mut wanted = wanted;
        for index in around.crowd.around(self.position, 3.0) {
            let body = &around.crowd.bodies[index];
            if !matches!(body.kind, BodyKind::Vehicle | BodyKind::Cyclist | BodyKind::Thing) || body.id == self.id {
                continue;
            }
            // Not into it; along it, if it stands.
            let (out, distance) = body.outward(self.position);
            if distance < 0.3 + self.half.length().min(0.6) && wanted.dot(out) < 0.0 {
                wanted -= out * wanted.dot(out);
                if wanted.length() < 0.4 {
                    // To the end that is nearer, and so on round it.
                    let ahead = (self.position - body.center).dot(body.axis) > 0.0;
                    let along = if ahead { body.axis } else { -body.axis };
                    wanted = (along - out * along.dot(out)).normalize_or(out.perp()) * 0.7;
                }
            }
            let near = body.swept(0.8).grown(0.4);
            if body.velocity.length() > 0.3 && near.touches(self.position, self.position + direction) {
                let leaving = body.velocity.dot(self.position - body.center) < 0.0 && distance > 0.4;
                if !leaving && !body.grown(0.4).touches(self.position, self.position) {
                    return DVec2::ZERO;
                }
            }
        }
        wanted
    }

    /// Forces can balance where nobody means to stand, such as between two vehicles: whoever is held up on a road for three seconds
    /// goes somewhere else for a moment.
    fn round(&mut self, around: &Around<'_>, wanted: DVec2) -> DVec2 {
        if let Some((until, way)) = self.detour {
            if around.time < until {
                return way;
            }
            self.detour = None;
        }
        let walks = matches!(self.goal, Goal::Cross { .. } | Goal::To { .. });
        self.held = if walks && self.velocity.length() < 0.35 {
            self.held + around.dt
        } else {
            0.0
        };
        if self.held > 3.0 {
            self.held = 0.0;
            let way = DVec2::new(self.rng.random_range(-1.0..1.0), self.rng.random_range(-1.0..1.0));
            self.detour = Some((
                around.time + self.rng.random_range(1.0..2.5),
                way.normalize_or(DVec2::X) * self.pace,
            ));
        }
        wanted
    }

    /// Takes back what would lead into a vehicle: whatever forces push, nobody walks into one.
    fn keep_out(&mut self, around: &Around<'_>) {
        let own = self.half.length().min(0.6);
        for index in around.crowd.around(self.position, 2.0) {
            let body = &around.crowd.bodies[index];
            if !matches!(body.kind, BodyKind::Vehicle | BodyKind::Cyclist | BodyKind::Thing) {
                continue;
            }
            let (out, distance) = body.outward(self.position);
            if distance < own + 0.16 {
                let inward = (body.velocity * 0.5 - self.velocity).dot(out);
                let needed = inward.clamp(0.0, 2.5) + if distance < own { 0.3 } else { 0.0 };
                self.velocity += out * needed;
            }
        }
    }

    fn repulsion(&self, around: &Around<'_>) -> DVec2 {
        let mut force = DVec2::ZERO;
        for index in around.crowd.around(self.position, REACH) {
            let body = &around.crowd.bodies[index];
            if body.id == self.id {
                continue;
            }
            let away = self.position - body.center;
            let distance = away.length();
            match body.kind {
                BodyKind::Walker | BodyKind::Animal => {
                    let reach = if self.leader.is_some_and(|(id, _)| id == body.id) {
                        0.6
                    } else {
                        REACH
                    };
                    if distance < reach && distance > 1e-6 {
                        let strength = 1.0 - distance / reach;
                        // To the right a little, so that two who meet do not mirror each other.
                        let direction = away / distance;
                        let aside = if body.velocity.dot(self.velocity) < 0.0 {
                            -self.heading.perp() * 0.6
                        } else {
                            DVec2::ZERO
                        };
                        force += (direction + aside) * (4.0 * strength * strength);
                    }
                }
                BodyKind::Vehicle | BodyKind::Cyclist | BodyKind::Thing => {
                    let out = body.outward(self.position);
                    let room = 0.2 + self.half.length().min(0.6);
                    if out.1 < room {
                        force += out.0 * (14.0 * (room - out.1));
                    }
                }
            }
        }
        for post in &around.pavements.posts {
            let away = self.position - *post;
            if away.x.abs() < 1.0 && away.y.abs() < 1.0 {
                let distance = away.length().max(0.05);
                let strength = (1.0 - distance).max(0.0);
                force += away / distance * (6.0 * strength * strength);
            }
        }
        force
    }

    /// Moves for `dt` seconds.
    pub(super) fn advance(&mut self, ways: &Ways, pavements: &Pavements, ground: &dyn Fn(DVec2) -> f64, dt: f64) {
        let still = matches!(self.goal, Goal::Stand { .. } | Goal::Wait { .. } | Goal::Dart { .. });
        self.velocity = (self.velocity + self.push * dt).clamp_length_max(self.pace.max(1.5) * 1.6);
        if still && self.velocity.length() < 0.08 {
            self.velocity = DVec2::ZERO;
        }
        self.position += self.velocity * dt;
        let facing = match self.goal {
            Goal::Stand { facing, .. } if self.velocity.length() < 0.2 => facing,
            Goal::Wait { crossing, end, .. } if self.velocity.length() < 0.2 => {
                let track = &pavements.zebras[crossing as usize].track;
                if end == 0 {
                    track.at(0.0).tangent
                } else {
                    -track.at(track.length).tangent
                }
            }
            _ if self.velocity.length() > 0.15 => self.velocity.normalize(),
            _ => self.heading,
        };
        let before = self.heading;
        // Turns by at most 4 rad/s; from the back over the left.
        let side = self.heading.perp_dot(facing);
        let turn = if self.heading.dot(facing) < 0.0 {
            if side >= 0.0 { 1.0 } else { -1.0 }
        } else {
            side
        };
        let turn = (turn * 5.0 * dt).clamp(-4.0 * dt, 4.0 * dt);
        self.heading = (self.heading + self.heading.perp() * turn).normalize_or(self.heading);
        self.turning = before.perp_dot(self.heading) / dt;
        let speed = self.velocity.length();
        self.rolled += (speed * dt) as f32;
        let stride = self.model.stride(speed as f32);
        if stride > 0.0 {
            self.gait += (speed * dt) as f32 / stride;
        }
        let floor = self.floor(ways, pavements, ground);
        // Kerbs are stepped on and off within a tenth of a second or two.
        let climb = (floor - self.z).clamp(-dt, dt);
        self.z += climb;
        self.climb = climb / dt;
    }

    fn floor(&self, ways: &Ways, pavements: &Pavements, ground: &dyn Fn(DVec2) -> f64) -> f64 {
        match self.goal {
            Goal::Along { way, s, .. } => ways.get(way).track.at(s).position.z,
            Goal::Cross { crossing, .. } => {
                let track = &pavements.zebras[crossing as usize].track;
                let (s, _) = track.project(self.position);
                if (0.2..track.length - 0.2).contains(&s) {
                    track.at(s).position.z
                } else {
                    ground(self.position)
                }
            }
            _ => ground(self.position),
        }
    }

    /// As others see it.
    pub(super) fn state(&self) -> ActorState {
        let speed = self.velocity.length();
        let yaw = self.heading.y.atan2(self.heading.x) as f32;
        // Prams and wheelchairs roll.
        let radius = self.model.wheel_radius;
        let wheel = if radius > 0.0 { self.rolled / radius } else { 0.0 };
        ActorState {
            id: self.id,
            model: Arc::clone(&self.model),
            position: self.position.extend(self.z).as_vec3(),
            rotation: Quat::from_rotation_z(yaw),
            velocity: self.velocity.extend(self.climb).as_vec3(),
            yaw_rate: self.turning as f32,
            acceleration: self.push.dot(self.heading) as f32,
            articulation: Articulation {
                wheel,
                gait: self.gait,
                pace: if speed < 0.05 { 0.0 } else { speed as f32 },
                ..Articulation::default()
            },
            lamps: Lamps::default(),
            activity: self.activity.unwrap_or(match self.goal {
                Goal::Cross { .. } | Goal::To { over_road: true, .. } => "crossing",
                Goal::Wait { .. } => "waiting",
                _ if speed < 0.1 => "standing",
                _ if speed > 2.3 => "running",
                _ => "walking",
            }),
        }
    }
}
