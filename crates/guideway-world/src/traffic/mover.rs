//! Vehicles and cyclists: where they are on their route, and how they move along it.
//!
//! The middle of the footprint follows the lane (plus a sideways profile) exactly; the body is drawn behind it like a trailer whose
//! axle is the rear one and does not slip. The steering angle is the one that this motion asks of a single-track model.

use std::collections::VecDeque;
use std::sync::Arc;

use glam::{DVec2, DVec3, Quat};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::body::{Body, BodyKind};
use super::idm::Driver;
use super::track::ease;
use super::ways::Ways;
use crate::actors::Model;
use crate::object::ObjectClass;
use crate::road::LaneKind;
use crate::state::{ActorState, Articulation, Lamps};

/// A way of the route.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Leg {
    /// The way.
    pub way: u32,
    /// What is missing between the end of the way before and the start of this one, m: taken back over the first metres.
    pub gap: DVec3,
}

/// A move sideways, over a stretch of road: what stands still does not slide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    /// Where it starts, on the odometer, m.
    pub start: f64,
    /// Over which distance, m.
    pub length: f64,
    /// Offset before it, m, left positive.
    pub from: f64,
    /// Offset after it, m.
    pub to: f64,
}

/// Going around something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pass {
    /// What.
    pub around: u32,
}

/// A point of the road ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Where the middle of the vehicle will be.
    pub point: DVec2,
    /// Direction in which the vehicle will stand there, unit.
    pub axis: DVec2,
    /// Distance from where it is now, m.
    pub ahead: f64,
    /// Speed allowed there, m/s.
    pub cap: f64,
}

impl Sample {
    /// Part of the way to another.
    pub(super) fn toward(&self, other: &Self, t: f64) -> Self {
        Self {
            point: self.point.lerp(other.point, t),
            axis: self.axis.lerp(other.axis, t).normalize_or(self.axis),
            ahead: self.ahead + (other.ahead - self.ahead) * t,
            ..*self
        }
    }
}

/// The direction of a body after its middle, `arm` metres ahead of an axle that does not slip, has moved by `step`.
pub(super) fn trailed(heading: DVec2, step: DVec2, arm: f64) -> DVec2 {
    let length = step.length();
    if length < 1e-9 {
        return heading;
    }
    let direction = step / length;
    let turn = (length / arm).min(1.0) * heading.perp_dot(direction);
    (heading + heading.perp() * turn).normalize_or(heading)
}

/// A vehicle or a cyclist, with a route.
#[derive(Debug, Clone)]
pub(super) struct Mover {
    pub id: u32,
    pub model: Arc<Model>,
    pub ego: bool,
    pub driver: Driver,
    /// Half the length and width, m.
    pub half: DVec2,
    /// From the rear axle to the middle, m.
    pub arm: f64,
    pub legs: VecDeque<Leg>,
    /// Ways left behind, with the metres since their ends.
    past: VecDeque<(u32, f64)>,
    /// Arc length of the middle on the first leg, m.
    pub s: f64,
    pub odometer: f64,
    shifts: Vec<Shift>,
    /// Usual offset in the lane, in units of what room the lane leaves, −1 to 1.
    habit: f64,
    pub speed: f64,
    pub accel: f64,
    pub position: DVec3,
    pub heading: DVec2,
    velocity: DVec3,
    moved_accel: f64,
    yaw_rate: f64,
    slope: f64,
    roll: f64,
    articulation: Articulation,
    /// Junction ways that it has leave to drive on.
    pub grants: Vec<u32>,
    /// Stood still before this way (for stop signs).
    pub stopped_for: Option<u32>,
    /// Standing for this long, s.
    pub standing: f64,
    pub pass: Option<Pass>,
    /// Time of the last lane change, and its direction.
    pub changed: (f64, i8),
    indicating: (i8, f64),
    /// Lights: on at all, and able to be.
    pub lights: bool,
    pub activity: Option<&'static str>,
    pub rng: ChaCha8Rng,
}

impl Mover {
    /// Puts one on a way. The route must be extended before it is asked for anything ahead.
    #[expect(clippy::too_many_arguments, reason = "each says one thing of a vehicle at its start")]
    pub(super) fn new(
        ways: &Ways,
        id: u32,
        model: Arc<Model>,
        driver: Driver,
        way: u32,
        s: f64,
        speed: f64,
        mut rng: ChaCha8Rng,
    ) -> Self {
        let size = model.size.as_dvec3();
        let habit = rng.random_range(-0.35..0.35);
        let mut mover = Self {
            id,
            ego: false,
            half: DVec2::new(size.x, size.y) / 2.0,
            arm: (f64::from(model.wheelbase) / 2.0).clamp(0.3, 4.0),
            model,
            driver,
            legs: VecDeque::from([Leg { way, gap: DVec3::ZERO }]),
            past: VecDeque::new(),
            s,
            odometer: 0.0,
            shifts: Vec::new(),
            habit,
            speed,
            accel: 0.0,
            position: DVec3::ZERO,
            heading: DVec2::X,
            velocity: DVec3::ZERO,
            moved_accel: 0.0,
            yaw_rate: 0.0,
            slope: 0.0,
            roll: 0.0,
            articulation: Articulation {
                wheel: rng.random_range(0.0..std::f32::consts::TAU),
                gait: rng.random_range(0.0..1.0),
                ..Articulation::default()
            },
            grants: Vec::new(),
            stopped_for: None,
            standing: 0.0,
            pass: None,
            changed: (-100.0, 0),
            indicating: (0, 0.0),
            lights: true,
            activity: None,
            rng,
        };
        let base = mover.base(ways);
        mover.shifts.push(Shift {
            start: -1.0,
            length: 1.0,
            from: base,
            to: base,
        });
        let (position, tangent) = mover.place(ways);
        mover.position = position;
        mover.heading = tangent;
        mover.velocity = (tangent * speed).extend(0.0);
        mover.pitch(ways, 1.0);
        mover
    }

    /// A bicycle?
    pub(super) fn cyclist(&self) -> bool {
        self.model.class == ObjectClass::Bicycle
    }

    /// The way that it is on.
    pub(super) fn way(&self) -> u32 {
        self.legs[0].way
    }

    /// Its usual offset on its way, m, left positive: bicycles keep to the edge.
    pub(super) fn base(&self, ways: &Ways) -> f64 {
        let way = ways.get(self.way());
        let width = way.track.width(self.s.clamp(0.0, way.track.length));
        if self.cyclist() {
            return match way.kind {
                LaneKind::Driving => -ways.side * (width / 2.0 - 0.65).max(0.0),
                _ => 0.0,
            };
        }
        self.habit * (width / 2.0 - self.half.y - 0.25).clamp(0.0, 0.6)
    }

    /// Offset to the left of the lane's middle where the odometer will show `odometer`, m, and its slope.
    pub(super) fn offset(&self, odometer: f64) -> (f64, f64) {
        let shift = self
            .shifts
            .iter()
            .rev()
            .find(|shift| shift.start <= odometer)
            .or(self.shifts.first());
        shift.map_or((0.0, 0.0), |shift| {
            let (value, slope) = ease((odometer - shift.start) / shift.length);
            let by = shift.to - shift.from;
            (shift.from + by * value, by * slope / shift.length)
        })
    }

    /// Sharpest curvature of the sideways move that is under way where the odometer will show `odometer`, 1/m.
    fn bend(&self, odometer: f64) -> f64 {
        let under_way = |shift: &&Shift| (shift.start..shift.start + shift.length).contains(&odometer);
        // The second derivative of the profile is at most 10/√3.
        self.shifts.last().filter(under_way).map_or(0.0, |shift| {
            5.774 * (shift.to - shift.from).abs() / (shift.length * shift.length)
        })
    }

    /// Is it moving sideways?
    pub(super) fn shifting(&self) -> bool {
        self.shifts
            .last()
            .is_some_and(|shift| self.odometer < shift.start + shift.length && shift.from != shift.to)
    }

    /// Where a sideways move that is under way will end, or the offset now.
    pub(super) fn offset_target(&self) -> f64 {
        self.shifts.last().map_or(0.0, |shift| shift.to)
    }

    /// Begins to move sideways to `to` over `length` metres.
    pub(super) fn shift_to(&mut self, to: f64, length: f64) {
        let (from, _) = self.offset(self.odometer);
        self.shifts = vec![Shift {
            start: self.odometer,
            length: length.max(4.0),
            from,
            to,
        }];
    }

    /// Changes to a neighbouring way, where the middle is at `s`, `from` metres left of its middle.
    pub(super) fn change_to(&mut self, ways: &Ways, way: u32, s: f64, from: f64, length: f64) {
        self.legs = VecDeque::from([Leg { way, gap: DVec3::ZERO }]);
        self.s = s;
        self.grants.clear();
        self.pass = None;
        let to = self.base(ways);
        self.shifts = vec![Shift {
            start: self.odometer,
            length,
            from,
            to,
        }];
    }

    /// Metres of route ahead of the middle.
    pub(super) fn planned(&self, ways: &Ways) -> f64 {
        self.legs.iter().map(|leg| ways.get(leg.way).track.length).sum::<f64>() - self.s
    }

    /// Plans the route at least this far ahead, m, or to its end.
    pub(super) fn plan(&mut self, ways: &Ways, ahead: f64) {
        while self.planned(ways) < ahead && self.legs.len() < 64 {
            let Some(last) = self.legs.back().map(|leg| leg.way) else {
                return;
            };
            let from = ways.get(last);
            let weights: Vec<f64> = from.successors.iter().map(|next| self.liking(ways, *next)).collect();
            let total: f64 = weights.iter().sum();
            if total <= 0.0 {
                return;
            }
            let mut left = self.rng.random_range(0.0..total);
            let mut chosen = from.successors[weights.len() - 1];
            for (next, weight) in from.successors.iter().zip(&weights) {
                if left < *weight {
                    chosen = *next;
                    break;
                }
                left -= weight;
            }
            let gap = from.track.at(from.track.length).position - ways.get(chosen).track.at(0.0).position;
            self.legs.push_back(Leg { way: chosen, gap });
        }
    }

    fn liking(&self, ways: &Ways, next: u32) -> f64 {
        let way = ways.get(next);
        let cyclist = self.cyclist();
        let mut weight = match (way.kind, cyclist) {
            (LaneKind::Driving, false) => 1.0,
            (LaneKind::Driving, true) => 0.4,
            (LaneKind::Bicycle, true) => 2.0,
            _ => return 0.0,
        };
        if way.turn == 0 {
            weight *= 2.5;
        }
        let reach = way.reach / 600.0;
        weight *= if self.ego {
            reach * reach + 1e-4
        } else {
            reach.min(1.0) + 0.02
        };
        // Long vehicles avoid what they hardly get around, wide ones what is narrow.
        if self.half.x > 3.7 && way.track.sharpest() * self.half.x > 0.5 {
            weight *= 0.01;
        }
        if way.track.narrowest() < 2.0 * self.half.y + 0.3 && !cyclist {
            weight *= 0.01;
        }
        weight
    }

    /// Where the middle is, and in which direction the lane and the sideways move lead.
    fn place(&self, ways: &Ways) -> (DVec3, DVec2) {
        let leg = self.legs[0];
        let here = ways.get(leg.way).track.at(self.s);
        let (d, slope) = self.offset(self.odometer);
        let (gap, gap_slope) = gap_at(ways, leg, self.s);
        let tangent = (here.tangent + gap_slope.truncate()).normalize_or(here.tangent);
        let direction = (tangent + tangent.perp() * slope).normalize_or(tangent);
        (here.position + gap + (here.tangent.perp() * d).extend(0.0), direction)
    }

    /// The road from the middle to `horizon` metres ahead.
    pub(super) fn look(&self, ways: &Ways, horizon: f64, out: &mut Vec<Sample>) {
        out.clear();
        let mut leg = 0;
        let mut s = self.s;
        let mut ahead = 0.0;
        let mut axis = self.heading;
        while ahead <= horizon {
            while s > ways.get(self.legs[leg].way).track.length && leg + 1 < self.legs.len() {
                s -= ways.get(self.legs[leg].way).track.length;
                leg += 1;
            }
            let way = ways.get(self.legs[leg].way);
            if s > way.track.length + 2.0 {
                return;
            }
            let here = way.track.at(s);
            let (gap, _) = gap_at(ways, self.legs[leg], s);
            let (d, _) = self.offset(self.odometer + ahead);
            let curvature = way.track.curvature(s);
            let bend = curvature.abs() + self.bend(self.odometer + ahead);
            let wanted = (way.limit * self.driver.factor).min(self.driver.fastest);
            let point = (here.position + gap).truncate() + here.tangent.perp() * d;
            if let Some(last) = out.last() {
                let half = (point - last.point) / 2.0;
                axis = trailed(trailed(axis, half, self.arm), half, self.arm);
            }
            out.push(Sample {
                point,
                axis,
                ahead,
                cap: wanted.min((self.driver.lateral / bend.max(1e-6)).sqrt()),
            });
            let step = if ahead < 40.0 { 1.0 } else { 2.0 };
            ahead += step;
            s += step;
        }
    }

    /// How far the middle has come on a way of the route, m from its start; negative before it.
    pub(super) fn progress(&self, ways: &Ways, way: u32) -> Option<f64> {
        let mut before = 0.0;
        for leg in &self.legs {
            if leg.way == way {
                return Some(self.s - before);
            }
            before += ways.get(leg.way).track.length;
        }
        self.past
            .iter()
            .rev()
            .find(|(past, _)| *past == way)
            .map(|(past, since)| ways.get(*past).track.length + since)
    }

    /// Starts with this speed.
    pub(super) fn start_at(&mut self, speed: f64) {
        self.speed = speed;
        self.velocity = (self.heading * speed).extend(self.slope * speed);
        self.articulation.pace = speed as f32;
    }

    /// Has it come from this way, not long ago?
    pub(super) fn came_from(&self, way: u32) -> bool {
        self.past.iter().any(|(past, since)| *past == way && *since < 60.0)
    }

    /// Moves for `dt` seconds with the acceleration decided on.
    pub(super) fn advance(&mut self, ways: &Ways, dt: f64) {
        let before = self.speed;
        self.speed = (before + self.accel * dt).max(0.0);
        if self.speed < 0.02 && (-1.0..=0.0).contains(&self.accel) {
            self.speed = 0.0;
        }
        self.moved_accel = (self.speed - before) / dt;
        let driven = f64::midpoint(before, self.speed) * dt;
        self.standing = if self.speed < 0.2 { self.standing + dt } else { 0.0 };
        let from = self.position;
        let (d, slope) = self.offset(self.odometer);
        let curvature = ways.get(self.way()).track.curvature(self.s);
        let slope = slope.clamp(-0.8, 0.8);
        self.odometer += driven;
        // A vehicle beside the middle of a bend drives on another radius than the middle line: the step along the lane is the one
        // that moves the vehicle by what it drives.
        let start = self.s;
        let mut along = driven * (1.0 - slope * slope).sqrt() / (1.0 - curvature * d).clamp(0.4, 2.0);
        for _ in 0..2 {
            self.s = start + along;
            let moved = self.place(ways).0.distance(from);
            if moved > 1e-9 {
                along *= (driven / moved).clamp(0.5, 2.0);
            }
        }
        self.s = start + along;
        for past in &mut self.past {
            past.1 += along;
        }
        while self.legs.len() > 1 && self.s > ways.get(self.way()).track.length {
            self.enter_next(ways);
        }
        let (position, direction) = self.place(ways);
        self.velocity = (position - from) / dt;
        self.position = position;
        let step = (position - from).truncate();
        let direction = if step.length() > 1e-4 {
            step.normalize()
        } else {
            direction
        };
        let heading = trailed(self.heading, direction * driven, self.arm);
        let turned = self.heading.perp_dot(heading);
        if driven > 0.0 {
            let slip = heading.perp_dot(direction) / heading.dot(direction).max(0.2);
            self.articulation.steer = (2.0 * slip).atan().clamp(-0.6, 0.6) as f32;
        }
        self.heading = heading;
        self.yaw_rate = turned / dt;
        self.articulate(driven, turned, dt);
        self.pitch(ways, (2.0 * dt).min(1.0));
    }

    /// Goes on to the next leg. Whatever its start lacks to the end of the one before, at this vehicle's offset, is made up for over the
    /// first metres.
    fn enter_next(&mut self, ways: &Ways) {
        let (here, _) = self.place(ways);
        let Some(done) = self.legs.pop_front() else { return };
        self.s -= ways.get(done.way).track.length;
        self.past.push_back((done.way, self.s));
        if self.past.len() > 8 {
            self.past.pop_front();
        }
        self.legs[0].gap = DVec3::ZERO;
        let (there, _) = self.place(ways);
        let gap = here - there;
        let (value, _) = ease(self.s / blend_length(ways, self.legs[0].way, gap));
        self.legs[0].gap = gap / (1.0 - value).max(0.5);
        let base = self.base(ways);
        if self.pass.is_none() && !self.shifting() && (base - self.offset_target()).abs() > 0.02 {
            self.shift_to(
                base,
                10.0 + 3.0 * self.speed + 4.0 * (base - self.offset_target()).abs(),
            );
        }
    }

    fn articulate(&mut self, driven: f64, turned: f64, dt: f64) {
        let a = &mut self.articulation;
        let radius = self.model.wheel_radius;
        if radius > 0.0 {
            a.wheel += driven as f32 / radius;
        }
        a.pace = self.speed as f32;
        // Nobody pedals while braking.
        let stride = self.model.stride(a.pace);
        if stride > 0.0 && self.accel > -0.3 {
            a.gait += driven as f32 / stride;
        }
        if self.half.x > 4.5 {
            let trailer = (self.half.x * 1.1) as f32;
            let hitch = a.hitch - turned as f32 - driven as f32 / trailer * a.hitch.sin();
            a.hitch = hitch.clamp(-0.35, 0.35);
        }
        if matches!(self.model.class, ObjectClass::Bicycle | ObjectClass::Motorcycle) {
            let lean = (self.speed * self.yaw_rate / 9.81).atan().clamp(-0.6, 0.6) as f32;
            a.lean += (lean - a.lean) * (4.0 * dt as f32).min(1.0);
        }
    }

    /// The slope of the road below, taken on by `share`.
    fn pitch(&mut self, ways: &Ways, share: f64) {
        let leg = self.legs[0];
        let track = &ways.get(leg.way).track;
        let reach = self.arm.max(0.8);
        let s = self.s.clamp(0.0, track.length);
        let (low, high) = ((s - reach).max(0.0), (s + reach).min(track.length));
        let slope = if high - low > 0.5 {
            (track.at(high).position.z - track.at(low).position.z) / (high - low)
        } else {
            self.slope
        };
        self.slope += (slope - self.slope) * share;
    }

    /// Tilts sideways with the ground: rise to the left over a metre.
    pub(super) fn tilt(&mut self, rise: f64, share: f64) {
        self.roll += (rise.clamp(-0.12, 0.12) - self.roll) * share;
    }

    /// Its footprint.
    pub(super) fn body(&self) -> Body {
        Body {
            id: self.id,
            kind: if self.cyclist() {
                BodyKind::Cyclist
            } else {
                BodyKind::Vehicle
            },
            center: self.position.truncate(),
            axis: self.heading,
            half: self.half,
            velocity: self.velocity.truncate(),
            shifting: self.shifting(),
        }
    }

    /// Turns the indicators on to the left (1), right (−1), or off.
    pub(super) fn indicate(&mut self, side: i8, time: f64) {
        if self.indicating.0 != side {
            self.indicating = (side, time);
        }
    }

    /// As others see it.
    pub(super) fn state(&self, time: f64, dark: bool) -> ActorState {
        let yaw = self.heading.y.atan2(self.heading.x) as f32;
        let pitch = (-self.slope.atan()) as f32;
        let roll = self.roll.atan() as f32;
        // 1.5 blinks a second, lit first.
        let lit = ((time - self.indicating.1) * 3.0).rem_euclid(2.0) < 1.0;
        let stands = self.speed < 0.1;
        let lights = dark && self.lights;
        let motor = !self.cyclist();
        ActorState {
            id: self.id,
            model: Arc::clone(&self.model),
            position: self.position.as_vec3(),
            rotation: Quat::from_rotation_z(yaw) * Quat::from_rotation_y(pitch) * Quat::from_rotation_x(roll),
            velocity: self.velocity.as_vec3(),
            yaw_rate: self.yaw_rate as f32,
            acceleration: self.moved_accel as f32,
            articulation: self.articulation,
            lamps: Lamps {
                head: lights,
                tail: lights,
                brake: motor && (self.accel < -0.5 || stands && self.accel < 0.3),
                left: motor && lit && self.indicating.0 > 0,
                right: motor && lit && self.indicating.0 < 0,
                reverse: false,
                beacon: false,
            },
            activity: self.activity.unwrap_or(match (stands, self.cyclist()) {
                (true, _) => "stopped",
                (false, true) => "cycling",
                (false, false) => "driving",
            }),
        }
    }
}

/// What is left at `s` of the gap before a leg, and its slope.
fn gap_at(ways: &Ways, leg: Leg, s: f64) -> (DVec3, DVec3) {
    if leg.gap.length_squared() < 1e-8 {
        return (DVec3::ZERO, DVec3::ZERO);
    }
    let over = blend_length(ways, leg.way, leg.gap);
    let (value, slope) = ease(s / over);
    (leg.gap * (1.0 - value), leg.gap * (-slope / over))
}

/// Over which distance a gap is made up for, m.
fn blend_length(ways: &Ways, way: u32, gap: DVec3) -> f64 {
    (8.0 + 6.0 * gap.length()).min(ways.get(way).track.length)
}
