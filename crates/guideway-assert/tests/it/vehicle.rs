//! What a vehicle's log says of it: poses, wheels, fixes, inertial measurements and stamps of frames, as they come out of real loggers, and what can be wrong about them.
//!
//! What it has of the real ones: stops at lights, receivers that hold their fix while standing, speeds in kilometres an hour under a name without a unit, values that
//! come when they change, stalls after which everything arrives at once, samples that are lost one by one, topics that begin late and end early.

use guideway_assert::{Rule, Signal, SignalKind};
use rand::RngExt as _;

use crate::world::{Rng, normal, rng};

const STEP_S: f64 = 0.01;
const START_NS: i64 = 1_700_000_000_000_000_000;
const LATITUDE: f64 = 48.1;
const LONGITUDE: f64 = 11.5;

/// A sample as the log has it.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) topic: &'static str,
    pub(crate) kind: SignalKind,
    pub(crate) stamp_ns: i64,
    pub(crate) arrival_ns: i64,
    /// When it was measured, s from the start.
    time_s: f64,
    position: [Option<f64>; 3],
    rotation: [Option<f64>; 4],
    velocity: [Option<f64>; 3],
    turn: [Option<f64>; 3],
    acceleration: [Option<f64>; 3],
    geodetic: [Option<f64>; 3],
    value: Option<f64>,
}

impl Message {
    pub(crate) fn signal<'a>(&'a self, recording: &'a str) -> Signal<'a> {
        let value = self.kind == SignalKind::Value;
        Signal {
            recording,
            topic: self.topic,
            kind: self.kind,
            stamp_ns: self.stamp_ns,
            arrival_ns: Some(self.arrival_ns),
            parent: (self.kind == SignalKind::Transform).then_some("map"),
            child: (self.kind == SignalKind::Transform).then_some("base_link"),
            name: value.then(|| self.topic.rsplit('/').next().unwrap()),
            position: self.position,
            rotation: self.rotation,
            velocity: self.velocity,
            turn: self.turn,
            acceleration: self.acceleration,
            geodetic: self.geodetic,
            value: self.value,
            ..Signal::default()
        }
    }
}

/// What is wrong with a topic for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum What {
    /// Stamps are off by so much, s.
    Shift(f64),
    /// Stamps stand still.
    Stands,
    Silent,
    Frozen,
    Nan,
    /// Values are so many times too large.
    Huge(f64),
    /// A quaternion of this length.
    Length(f64),
    /// Places are off by so much, m.
    Away(f64),
    /// A speed is off by so much, m/s.
    Faster(f64),
    /// Turned by so much, radians.
    Turned(f64),
    /// Speeds are so many times the true ones, from one moment to the other within two seconds.
    Scaled(f64),
}

/// A fault of one topic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) rule: Rule,
    pub(crate) topic: &'static str,
    pub(crate) what: What,
    pub(crate) from_s: f64,
    pub(crate) to_s: f64,
}

impl Fault {
    pub(crate) fn at_ns(&self, near_s: f64) -> std::ops::RangeInclusive<i64> {
        let shift = if let What::Shift(shift) = self.what { shift } else { 0.0 };
        let ns = |time: f64| START_NS + (time * 1e9) as i64;
        ns(self.from_s + shift.min(0.0) - near_s)..=ns(self.to_s + shift.max(0.0) + near_s)
    }
}

/// How the vehicle moved, every hundredth of a second.
#[derive(Debug, Clone, Copy)]
struct Moment {
    x: f64,
    y: f64,
    yaw: f64,
    speed: f64,
    acceleration: f64,
    turn: f64,
}

#[derive(Debug, Clone, Copy)]
struct Topic {
    name: &'static str,
    kind: SignalKind,
    hz: f64,
}

/// A vehicle's drive.
pub(crate) struct Trip {
    moments: Vec<Moment>,
    topics: Vec<Topic>,
    holds_fix: bool,
    kmh: bool,
}

pub(crate) fn trip(seed: u64, seconds: f64) -> Trip {
    let mut rng = rng(seed);
    let mut moments = Vec::new();
    let (mut x, mut y, mut yaw, mut speed): (f64, f64, f64, f64) = (0.0, 0.0, 0.3, 8.0);
    let (mut wish, mut turn_wish, mut turn, mut acceleration): (f64, f64, f64, f64) = (12.0, 0.0, 0.0, 0.0);
    for step in 0..(seconds / STEP_S) as usize {
        if step % 100 == 0 {
            if rng.random_bool(0.07) {
                wish = [0.0, 5.0, 9.0, 13.0, 13.9, 22.0, 30.0][rng.random_range(0..7)];
            }
            if wish == 0.0 && speed == 0.0 && rng.random_bool(0.08) {
                wish = 12.0;
            }
            turn_wish = if rng.random_bool(0.12) {
                normal(&mut rng, 0.0, 0.25)
            } else {
                0.0
            };
        }
        let goal = ((wish - speed) * 0.6).clamp(-3.5, 2.0);
        acceleration += (goal - acceleration).clamp(-0.08, 0.08);
        speed = (speed + acceleration * STEP_S).max(0.0);
        if speed < 0.02 && wish == 0.0 {
            (speed, acceleration) = (0.0, 0.0);
        }
        turn += ((turn_wish * (speed / 8.0).min(1.0)).clamp(-0.5, 0.5) - turn).clamp(-0.006, 0.006);
        if speed == 0.0 {
            turn = 0.0;
        }
        yaw += turn * STEP_S;
        x += speed * yaw.cos() * STEP_S;
        y += speed * yaw.sin() * STEP_S;
        moments.push(Moment {
            x,
            y,
            yaw,
            speed,
            acceleration,
            turn,
        });
    }
    let topic = |name, kind, hz| Topic { name, kind, hz };
    let mut topics = vec![
        topic("/camera/front", SignalKind::Frame, 10.0),
        topic("/lidar/top", SignalKind::Frame, 10.0),
        topic("/imu/data", SignalKind::Imu, 50.0),
        topic("/can/speed", SignalKind::Value, 50.0),
        topic("/can/gear", SignalKind::Value, 0.0),
        topic("/can/steering_angle", SignalKind::Value, 25.0),
        topic(
            "/gnss/fix",
            SignalKind::Gnss,
            if seed.is_multiple_of(2) { 5.0 } else { 1.0 },
        ),
    ];
    match seed % 3 {
        0 => topics.push(topic("/odometry", SignalKind::Odometry, 20.0)),
        1 => topics.push(topic("/pose", SignalKind::Pose, 20.0)),
        _ => {
            topics.push(topic("/odometry", SignalKind::Odometry, 20.0));
            topics.push(topic("/tf", SignalKind::Transform, 50.0));
        }
    }
    Trip {
        moments,
        topics,
        holds_fix: seed % 4 < 2,
        kmh: seed % 5 < 2,
    }
}

impl Trip {
    pub(crate) fn seconds(&self) -> f64 {
        self.moments.len() as f64 * STEP_S
    }

    pub(crate) fn has(&self, topic: &str) -> bool {
        self.topics.iter().any(|t| t.name == topic)
    }

    fn at(&self, time_s: f64) -> Moment {
        let index = (time_s / STEP_S) as usize;
        self.moments[index.min(self.moments.len() - 1)]
    }

    /// The least and the greatest speed in between.
    pub(crate) fn speeds(&self, from_s: f64, to_s: f64) -> [f64; 2] {
        let mut out = [f64::MAX, 0.0];
        let mut time = from_s;
        while time < to_s {
            let speed = self.at(time).speed;
            out = [out[0].min(speed), out[1].max(speed)];
            time += 0.1;
        }
        out
    }

    fn measure(&self, rng: &mut Rng, topic: Topic, time_s: f64, wander: &mut [f64; 2]) -> Message {
        let now = self.at(time_s);
        let mut message = Message {
            topic: topic.name,
            kind: topic.kind,
            stamp_ns: START_NS + (time_s * 1e9) as i64,
            arrival_ns: 0,
            time_s,
            position: [None; 3],
            rotation: [None; 4],
            velocity: [None; 3],
            turn: [None; 3],
            acceleration: [None; 3],
            geodetic: [None; 3],
            value: None,
        };
        let mut noise = |sd: f64| normal(rng, 0.0, sd);
        match topic.kind {
            SignalKind::Frame => {}
            SignalKind::Pose | SignalKind::Odometry | SignalKind::Transform => {
                // A localisation that stands when the vehicle does.
                let still = now.speed == 0.0;
                let sd = if still { 0.0 } else { 0.02 };
                message.position = [Some(now.x + noise(sd)), Some(now.y + noise(sd)), Some(0.0)];
                message.rotation = [
                    Some((0.5 * now.yaw).cos()),
                    Some(0.0),
                    Some(0.0),
                    Some((0.5 * now.yaw).sin()),
                ];
                if topic.kind == SignalKind::Odometry {
                    message.velocity = [Some(now.speed + noise(2.0 * sd)), Some(0.0), Some(0.0)];
                    message.turn = [Some(0.0), Some(0.0), Some(now.turn)];
                }
            }
            SignalKind::Imu => {
                message.turn = [Some(noise(0.004)), Some(noise(0.004)), Some(now.turn + noise(0.004))];
                let across = now.speed * now.turn;
                message.acceleration = [
                    Some(now.acceleration + noise(0.3)),
                    Some(across + noise(0.3)),
                    Some(9.81 + noise(0.5)),
                ];
            }
            SignalKind::Gnss => {
                let keep = 0.98_f64.powf(10.0 / topic.hz);
                for axis in wander.iter_mut() {
                    *axis = keep * *axis + noise(1.8 * (1.0 - keep * keep).sqrt());
                }
                let (x, y) = (now.x + wander[0] + noise(0.2), now.y + wander[1] + noise(0.2));
                let degree = 6_371_008.8_f64.to_radians();
                message.geodetic = [
                    Some(LATITUDE + y / degree),
                    Some(LONGITUDE + x / degree / LATITUDE.to_radians().cos()),
                    Some(520.0 + noise(1.0)),
                ];
            }
            SignalKind::Value => {
                message.value = Some(match topic.name {
                    "/can/speed" => {
                        let unit = if self.kmh { 3.6 } else { 1.0 };
                        (now.speed * 1.015 * unit / 0.01).round() * 0.01
                    }
                    "/can/steering_angle" => (now.turn * 200.0).round(),
                    _ => (now.speed / 7.0).ceil(),
                });
            }
        }
        message
    }

    /// The log, in the order in which it got its messages.
    pub(crate) fn log(&self, seed: u64, faults: &[Fault]) -> Vec<Message> {
        let mut rng = rng(seed ^ 0x51_6e_a1);
        let mut out = Vec::new();
        for topic in &self.topics {
            let mut messages = Vec::new();
            let mut wander = [0.0; 2];
            let late = rng.random_range(0.002..0.06);
            let mut time = rng.random_range(0.0..2.0);
            let end = self.seconds() - rng.random_range(0.0..1.0);
            let mut stall = 0.0;
            let mut arrival = 0_i64;
            while time < end {
                let mut message = self.measure(&mut rng, *topic, time, &mut wander);
                if self.holds_fix
                    && topic.kind == SignalKind::Gnss
                    && self.at(time).speed == 0.0
                    && let Some(last) = messages.last()
                {
                    let last: &Message = last;
                    message.geodetic = last.geodetic;
                }
                // Now and then the logger has other things to do, and what waits comes at once.
                if rng.random_bool(0.0005) {
                    stall = time + rng.random_range(0.05..0.4);
                }
                let jitter = -0.003 * rng.random_range(0.001..1.0_f64).ln();
                let came = (time + late + jitter).max(stall);
                arrival = (arrival + 20_000).max(START_NS + (came * 1e9) as i64);
                message.arrival_ns = arrival;
                if !rng.random_bool(0.001) {
                    messages.push(message);
                }
                time += if topic.hz > 0.0 {
                    (1.0 + normal(&mut rng, 0.0, 0.02).clamp(-0.2, 0.2)) / topic.hz
                } else {
                    // When it changes.
                    -8.0 * rng.random_range(0.001..1.0_f64).ln()
                };
            }
            for fault in faults.iter().filter(|fault| fault.topic == topic.name) {
                spoil(&mut messages, fault);
            }
            out.extend(messages);
        }
        out.sort_by_key(|message| (message.arrival_ns, message.topic));
        out
    }
}

fn spoil(messages: &mut Vec<Message>, fault: &Fault) {
    let inside = |m: &Message| (fault.from_s..fault.to_s).contains(&m.time_s);
    if fault.what == What::Silent {
        messages.retain(|m| !inside(m));
        return;
    }
    let first = messages.iter().find(|m| inside(m)).cloned();
    let Some(first) = first else { return };
    for m in messages.iter_mut().filter(|m| inside(m)) {
        // Faults of values come on softly where they are meant to.
        let share = ((m.time_s - fault.from_s).min(fault.to_s - m.time_s) / 2.0).clamp(0.0, 1.0);
        match fault.what {
            What::Silent => {}
            What::Shift(shift) => m.stamp_ns += (shift * 1e9) as i64,
            What::Stands => m.stamp_ns = first.stamp_ns,
            What::Frozen => {
                *m = Message {
                    stamp_ns: m.stamp_ns,
                    arrival_ns: m.arrival_ns,
                    time_s: m.time_s,
                    ..first.clone()
                };
            }
            What::Nan => {
                let none = |v: &mut Option<f64>| *v = v.map(|_| f64::NAN);
                m.position.iter_mut().take(1).for_each(none);
                m.turn.iter_mut().for_each(none);
                m.value.iter_mut().for_each(|v| *v = f64::NAN);
                m.geodetic.iter_mut().take(1).for_each(none);
            }
            What::Huge(factor) => {
                let scale = |v: &mut Option<f64>| *v = v.map(|v| (v.abs() + 1.0) * factor);
                m.velocity.iter_mut().take(1).for_each(scale);
                m.acceleration.iter_mut().take(1).for_each(scale);
                m.geodetic.iter_mut().take(1).for_each(scale);
                m.value.iter_mut().for_each(|v| *v = (v.abs() + 1.0) * factor);
            }
            What::Length(length) => m.rotation.iter_mut().for_each(|v| *v = v.map(|v| v * length)),
            What::Away(by) => {
                m.position[0] = m.position[0].map(|x| x + by);
                m.geodetic[0] = m.geodetic[0].map(|x| x + by / 111_195.0);
            }
            What::Faster(by) => {
                m.velocity[0] = m.velocity[0].map(|v| v + by);
                m.value = m.value.map(|v| v + by);
            }
            What::Turned(by) => {
                if let [Some(w), _, _, Some(z)] = m.rotation {
                    let yaw = 2.0 * z.atan2(w) + by;
                    m.rotation = [Some((0.5 * yaw).cos()), Some(0.0), Some(0.0), Some((0.5 * yaw).sin())];
                }
            }
            What::Scaled(factor) => {
                let factor = 1.0 + share * (factor - 1.0);
                m.velocity[0] = m.velocity[0].map(|v| v * factor);
                m.value = m.value.map(|v| v * factor);
            }
        }
    }
}

/// A fault of a rule that can be seen, between two times; `None` where the drive has no place for it.
pub(crate) fn plant(rng: &mut Rng, trip: &Trip, rule: Rule, from_s: f64) -> Option<Fault> {
    let places = ["/odometry", "/pose", "/tf"];
    let pick = |rng: &mut Rng, of: &[&'static str]| {
        let there: Vec<&'static str> = of.iter().copied().filter(|topic| trip.has(topic)).collect();
        (!there.is_empty()).then(|| there[rng.random_range(0..there.len())])
    };
    let place = pick(rng, &places)?;
    let steady = [
        place,
        "/camera/front",
        "/lidar/top",
        "/imu/data",
        "/can/speed",
        "/gnss/fix",
    ];
    let fault = |topic: &'static str, what: What, lasts_s: f64| Fault {
        rule,
        topic,
        what,
        from_s,
        to_s: from_s + lasts_s,
    };
    let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
    Some(match rule {
        Rule::Clock => match rng.random_range(0..3) {
            0 => fault(
                pick(rng, &steady)?,
                What::Shift(-rng.random_range(1.2..6.0)),
                rng.random_range(1.5..6.0),
            ),
            1 => fault(
                pick(rng, &steady)?,
                What::Shift(rng.random_range(0.8..90.0)),
                rng.random_range(1.5..6.0),
            ),
            _ => fault(pick(rng, &steady[..5])?, What::Stands, rng.random_range(1.0..4.0)),
        },
        Rule::Gap => {
            let topic = pick(rng, &steady)?;
            let least = if topic == "/gnss/fix" { 7.0 } else { 1.2 };
            fault(topic, What::Silent, rng.random_range(least..least + 5.0))
        }
        Rule::Frozen => {
            let topic = pick(rng, &[place, "/can/speed", "/gnss/fix", "/imu/data"])?;
            let lasts = rng.random_range(6.5..12.0);
            let [slow, fast] = trip.speeds(from_s, from_s + lasts);
            let shows = match topic {
                "/imu/data" => true,
                // It must have changed for a while.
                "/can/speed" => {
                    let [a, b] = trip.speeds(from_s + 2.5, from_s + lasts);
                    let then = trip.at(from_s).speed;
                    a > then + 5.0 || b < then - 5.0
                }
                _ => slow > 7.0 && fast > 8.0,
            };
            if !shows {
                return None;
            }
            fault(topic, What::Frozen, lasts)
        }
        Rule::SignalRange => match rng.random_range(0..6) {
            0 => fault(pick(rng, &[place, "/can/speed", "/imu/data"])?, What::Nan, 0.3),
            1 => fault("/gnss/fix", What::Huge(3.0), 2.2),
            2 => fault("/imu/data", What::Huge(400.0), 0.2),
            3 => fault("/can/speed", What::Huge(1000.0), 0.2),
            _ => fault(place, What::Length(rng.random_range(1.1..3.0)), 0.4),
        },
        Rule::SignalJump => match rng.random_range(0..4) {
            0 => fault(
                place,
                What::Away(sign * rng.random_range(6.0..300.0)),
                rng.random_range(0.2..6.0),
            ),
            1 => fault(
                "/gnss/fix",
                What::Away(sign * rng.random_range(40.0..900.0)),
                rng.random_range(3.0..6.0),
            ),
            2 => fault(
                "/can/speed",
                What::Faster(sign * rng.random_range(14.0..20.0)),
                rng.random_range(0.1..1.0),
            ),
            _ => fault(
                place,
                What::Turned(sign * rng.random_range(0.9..3.0)),
                rng.random_range(0.2..4.0),
            ),
        },
        Rule::Disagree => {
            let [slow, _] = trip.speeds(from_s, from_s + 14.0);
            if slow < 10.0 {
                return None;
            }
            let factor = if sign > 0.0 {
                rng.random_range(1.6..2.0)
            } else {
                rng.random_range(0.2..0.45)
            };
            fault(pick(rng, &["/can/speed", "/odometry"])?, What::Scaled(factor), 14.0)
        }
        _ => return None,
    })
}
