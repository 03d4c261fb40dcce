//! One signal of one recording.

use crate::motion::{median, seconds};
use crate::report::Measured;
use crate::rule::Rule;
use crate::signal_speed::{Means, Trail, UNITS, Unit, distance};
use crate::signals::{Hit, Ledger, Signal, SignalKind, Silences};

/// Intervals from which a rate is known…
const FEWEST: usize = 12;
/// …and most that are remembered.
const MOST: usize = 32;
/// A rate is steady when this part of the intervals…
const STEADY: f64 = 0.8;
/// …is within these factors of their median.
const NEAR: [f64; 2] = [0.6, 1.5];
/// What repeats for so long is held, s.
const HELD_S: f64 = 1.0;
/// Fewest samples of an IMU that repeat.
const HELD_IMU: u32 = 20;
/// Stamps are compared with the log's clock over twice this time, s.
const CLOCK_S: f64 = 5.0;
/// After a silence longer than this nothing is said about jumps, s.
const SILENT_S: f64 = 2.0;
/// A number that was in the first so many samples belongs into all.
const ALWAYS: u64 = 10;
/// Coordinates beyond this are no places on Earth, m.
const FARTHEST: f64 = 1e8;
/// Frames of coordinates that are the vehicle's.
const EGO: [&str; 6] = [
    "ego",
    "base_link",
    "base_footprint",
    "vehicle",
    "ego_vehicle",
    "rear_axle",
];
/// Frames of coordinates that stand still.
const WORLD: [&str; 8] = ["map", "world", "odom", "enu", "utm", "local", "global", "earth"];
/// Poses of these are not where the vehicle is.
const NOT_EGO: [&str; 9] = [
    "goal", "target", "initial", "plan", "path", "waypoint", "lead", "object", "predict",
];
/// Speeds of these are not the vehicle's.
const NOT_SPEED: [&str; 19] = [
    "engine", "motor", "fan", "wind", "yaw", "angular", "turn", "rot", "rpm", "limit", "set", "target", "cruise",
    "lead", "relative", "desired", "max", "air", "wiper",
];

/// What a signal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Stamps alone.
    Stamps,
    /// Where the vehicle is.
    Pose,
    /// The same, by satellites.
    Gnss,
    Imu,
    /// How fast it is.
    Speed,
    /// What may be anything.
    Other,
}

fn role(signal: &Signal<'_>) -> (Role, Unit) {
    let mps = Unit::Known(1.0);
    match signal.kind {
        SignalKind::Frame => (Role::Stamps, mps),
        SignalKind::Gnss => (Role::Gnss, mps),
        SignalKind::Imu => (Role::Imu, mps),
        SignalKind::Pose | SignalKind::Odometry => {
            let topic = signal.topic.to_ascii_lowercase();
            let ego = !NOT_EGO.iter().any(|word| topic.contains(word));
            (if ego { Role::Pose } else { Role::Other }, mps)
        }
        SignalKind::Transform => {
            let ego = signal.child.is_some_and(|child| EGO.contains(&child))
                && signal.parent.is_none_or(|parent| WORLD.contains(&parent));
            (if ego { Role::Pose } else { Role::Other }, mps)
        }
        SignalKind::Value => {
            let name = signal.name.unwrap_or("").to_ascii_lowercase();
            let topic = signal.topic.to_ascii_lowercase();
            let not = |word: &&str| name.contains(*word) || topic.contains(*word);
            if !(name.contains("speed") || name.contains("velocity")) || NOT_SPEED.iter().any(not) {
                return (Role::Other, mps);
            }
            let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
            let unit = if ends(&["mps", "m_s", "_ms"]) {
                mps
            } else if ends(&["kmh", "kph", "km_h"]) {
                Unit::Known(UNITS[1])
            } else if ends(&["mph"]) {
                Unit::Known(UNITS[2])
            } else {
                Unit::Unknown([0.0; 3], 0)
            };
            (Role::Speed, unit)
        }
    }
}

/// How often it comes.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    intervals: Vec<f64>,
    next: usize,
    since: usize,
    /// The usual interval, s, and whether most are near it.
    known: Option<(f64, bool)>,
}

impl Rate {
    fn push(&mut self, interval_s: f64) {
        if self.intervals.len() < MOST {
            self.intervals.push(interval_s);
        } else {
            self.intervals[self.next] = interval_s;
            self.next = (self.next + 1) % MOST;
        }
        self.since += 1;
        // A median of 32 hardly changes with one of them.
        if self.intervals.len() < FEWEST || (self.known.is_some() && self.since < 8) {
            return;
        }
        self.since = 0;
        let mut sorted = self.intervals.clone();
        self.known = median(&mut sorted).map(|usual| {
            let near = |v: &&f64| (NEAR[0] * usual..=NEAR[1] * usual).contains(*v);
            let steady = sorted.iter().filter(near).count() as f64 >= STEADY * sorted.len() as f64;
            (usual, steady)
        });
    }

    /// The usual interval, s, once it is known.
    pub(crate) fn period(&self) -> Option<f64> {
        self.known.map(|(usual, _)| usual)
    }

    fn steady(&self) -> Option<f64> {
        self.known.filter(|(_, steady)| *steady).map(|(usual, _)| usual)
    }
}

/// How far stamps are behind the log's clock.
#[derive(Debug)]
struct Behind {
    /// Since when this and the last time are gathered, by the log's clock.
    since_ns: i64,
    least_ns: [i64; 2],
}

/// What repeats exactly.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) since_stamp_ns: i64,
    since_at_ns: i64,
    last_at_ns: i64,
    samples: u32,
    /// For how long the others say something else, s.
    pub(crate) way_odd_s: f64,
    pub(crate) speed_odd_s: f64,
    /// The least and the greatest speed that the others said since then, m/s.
    pub(crate) others: Option<[f64; 2]>,
}

impl Held {
    pub(crate) fn lasted_s(&self) -> f64 {
        seconds(self.since_at_ns, self.last_at_ns)
    }
}

/// Is a sample what it should be?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    Good,
    Bad,
    NoFix,
}

#[derive(Debug)]
pub(crate) struct SignalStream {
    pub(crate) topic: String,
    pub(crate) object: String,
    pub(crate) class: &'static str,
    pub(crate) role: Role,
    pub(crate) unit: Unit,
    pub(crate) rate: Rate,
    pub(crate) trail: Trail,
    pub(crate) means: Means,
    pub(crate) held: Held,
    /// When its speed was compared with another, last.
    pub(crate) compared_ns: Option<i64>,
    samples: u64,
    /// Stamp and arrival of the last sample.
    last: Option<(i64, i64)>,
    standing: u32,
    behind: Option<Behind>,
    /// Which of its numbers were whole in so many samples.
    whole: [u64; 7],
    payload: [u64; 20],
    rotation: Option<[f64; 4]>,
    speed: Option<f64>,
}

fn numbers<'s>(signal: &'s Signal<'_>) -> [&'s [Option<f64>]; 7] {
    [
        &signal.position,
        &signal.rotation,
        &signal.velocity,
        &signal.turn,
        &signal.acceleration,
        &signal.geodetic,
        std::slice::from_ref(&signal.value),
    ]
}

fn length(values: &[Option<f64>]) -> Option<f64> {
    let sum = values.iter().try_fold(0.0, |sum, value| value.map(|v| sum + v * v))?;
    Some(sum.sqrt())
}

impl SignalStream {
    pub(crate) fn new(signal: &Signal<'_>) -> Self {
        let (role, unit) = role(signal);
        let object = match (signal.kind, signal.child) {
            (SignalKind::Transform, Some(child)) => format!("signal:{} {child}", signal.topic),
            _ => format!("signal:{}", signal.topic),
        };
        Self {
            topic: signal.topic.to_owned(),
            object,
            class: signal.kind.name(),
            role,
            unit,
            rate: Rate::default(),
            trail: Trail::default(),
            means: Means::default(),
            held: Held::default(),
            compared_ns: None,
            samples: 0,
            last: None,
            standing: 0,
            behind: None,
            whole: [0; 7],
            payload: [0; 20],
            rotation: None,
            speed: None,
        }
    }

    pub(crate) fn last_stamp_ns(&self) -> Option<i64> {
        self.last.map(|(stamp, _)| stamp)
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.samples >= 3 && self.held.lasted_s() >= HELD_S
    }

    /// When it came last, by the log's clock, if it has a steady rate.
    pub(crate) fn steady_end_ns(&self) -> Option<i64> {
        self.rate.steady().and(self.last).map(|(_, at)| at)
    }

    pub(crate) fn hit(
        &self,
        rule: Rule,
        (stamp_ns, at_ns, frame_id): (i64, i64, Option<&str>),
        measured: Measured,
        ledger: &mut Ledger,
        message: impl FnOnce() -> String,
    ) {
        let hit = Hit {
            object: &self.object,
            topic: &self.topic,
            class: self.class,
            stamp_ns,
            at_ns,
            frame_id,
        };
        ledger.hit(rule, hit, measured, message);
    }

    /// The next sample.
    pub(crate) fn step(&mut self, signal: &Signal<'_>, ledger: &mut Ledger, silences: &mut Silences) {
        let at_ns = signal.at_ns();
        let steady_clock = self.clock(signal, ledger);
        self.gap(signal, ledger, silences);
        if let Some((stamp_ns, _)) = self.last {
            let interval = seconds(stamp_ns, signal.stamp_ns);
            if interval > 0.0 && steady_clock {
                self.rate.push(interval);
            }
        }
        if self.role != Role::Stamps {
            let worth = self.range(signal, ledger);
            let was_held = self.hold(signal, ledger);
            if !steady_clock {
                self.forget();
            }
            self.jump(signal, (worth, was_held && steady_clock), ledger);
            self.compared(at_ns, ledger);
        }
        self.samples += 1;
        self.last = Some((signal.stamp_ns, at_ns));
    }

    fn forget(&mut self) {
        self.trail.clear();
        self.means.clear();
        self.rotation = None;
        self.speed = None;
    }

    /// False where the stamp does not go on from the one before.
    fn clock(&mut self, signal: &Signal<'_>, ledger: &mut Ledger) -> bool {
        let (stamp_ns, at_ns) = (signal.stamp_ns, signal.at_ns());
        let behind_ns = at_ns.saturating_sub(stamp_ns);
        let Some((last_ns, last_at_ns)) = self.last else {
            self.behind = signal.arrival_ns.map(|_| Behind {
                since_ns: at_ns,
                least_ns: [behind_ns; 2],
            });
            ledger.skip(Rule::Clock, "first sample");
            return true;
        };
        ledger.check(Rule::Clock);
        let p = &ledger.set.clock;
        let (back_s, repeats, ahead_s) = (p.back_s, p.repeats, p.ahead_s);
        let place = (stamp_ns, at_ns, signal.frame_id);
        let back = seconds(stamp_ns, last_ns);
        // What one message says twice is no repetition.
        let repeated = stamp_ns == last_ns && (signal.arrival_ns.is_none() || at_ns != last_at_ns);
        self.standing = if repeated { self.standing + 1 } else { 0 };
        if back > back_s {
            self.hit(Rule::Clock, place, Measured::by(back, back_s), ledger, || {
                format!("the stamp goes back by {back:.3} s")
            });
        } else if self.standing >= repeats {
            let standing = self.standing;
            let measured = Measured::by(f64::from(standing), f64::from(repeats));
            self.hit(Rule::Clock, place, measured, ledger, || {
                format!("the stamp stands still for {standing} samples")
            });
            return true;
        }
        let Some(behind) = &mut self.behind else {
            return back <= back_s;
        };
        let least = behind.least_ns[0].min(behind.least_ns[1]);
        let ahead = seconds(behind_ns, least);
        if back > back_s || ahead > ahead_s {
            behind.least_ns = [behind_ns; 2];
            behind.since_ns = at_ns;
            if back <= back_s {
                self.hit(Rule::Clock, place, Measured::by(ahead, ahead_s), ledger, || {
                    format!("the stamp jumps ahead of the log's clock by {ahead:.3} s")
                });
            }
            return false;
        }
        if seconds(behind.since_ns, at_ns) > CLOCK_S {
            behind.least_ns = [behind.least_ns[1], behind_ns];
            behind.since_ns = at_ns;
        } else {
            behind.least_ns[1] = behind.least_ns[1].min(behind_ns);
        }
        true
    }

    fn gap(&mut self, signal: &Signal<'_>, ledger: &mut Ledger, silences: &mut Silences) {
        let (Some((last_ns, last_at_ns)), Some(_)) = (self.last, self.rate.period()) else {
            ledger.skip(Rule::Gap, "rate not known yet");
            return;
        };
        let Some(period) = self.rate.steady() else {
            ledger.skip(Rule::Gap, "no steady rate");
            return;
        };
        ledger.check(Rule::Gap);
        let at_ns = signal.at_ns();
        let p = &ledger.set.gap;
        let limit = (p.periods * period).max(p.min_s);
        // Both clocks must say so: a stamp may be wrong, and a sample late.
        let silent = seconds(last_ns, signal.stamp_ns).min(seconds(last_at_ns, at_ns));
        if silent <= limit {
            return;
        }
        let measured = Measured::by(silent, limit);
        match silences.shared(last_at_ns, at_ns) {
            Some(false) => {}
            Some(true) => {
                let hit = Hit {
                    object: "signal:*",
                    topic: "*",
                    class: "log",
                    stamp_ns: signal.stamp_ns,
                    at_ns,
                    frame_id: None,
                };
                ledger.hit(Rule::Gap, hit, measured, || {
                    format!("every signal is silent for {silent:.2} s")
                });
            }
            None => {
                let place = (signal.stamp_ns, at_ns, signal.frame_id);
                self.hit(Rule::Gap, place, measured, ledger, || {
                    let periods = silent / period;
                    format!(
                        "silent for {silent:.2} s, {periods:.0} of its periods: about {:.0} samples are missing",
                        periods - 1.0
                    )
                });
            }
        }
    }

    /// Silent while the others went on?
    pub(crate) fn ended(&self, end_ns: i64, ledger: &mut Ledger) {
        let (Some(period), Some((stamp_ns, at_ns))) = (self.rate.steady(), self.last) else {
            return;
        };
        let p = &ledger.set.gap;
        let limit = p.end_s.max(p.periods * period);
        let silent = seconds(at_ns, end_ns);
        if silent > limit {
            let measured = Measured::by(silent, limit);
            self.hit(Rule::Gap, (stamp_ns, end_ns, None), measured, ledger, || {
                format!(
                    "silent from here on, for {silent:.1} s to the end of the recording: about {:.0} samples are missing",
                    silent / period
                )
            });
        }
    }

    fn range(&mut self, signal: &Signal<'_>, ledger: &mut Ledger) -> Worth {
        let numbers = numbers(signal);
        let mut lost = false;
        for (whole, values) in self.whole.iter_mut().zip(numbers) {
            let there = values.iter().flatten().filter(|v| v.is_finite()).count();
            let given = values.iter().flatten().count();
            let always = self.samples >= ALWAYS && *whole >= ALWAYS && *whole * 10 >= self.samples * 9;
            lost |= there < given || (there < values.len() && (there > 0 && *whole > 0 || always));
            *whole += u64::from(there == values.len());
        }
        let [latitude, longitude, altitude] = signal.geodetic;
        if self.role == Role::Gnss {
            let fix = latitude.zip(longitude);
            if fix.is_none() || fix == Some((0.0, 0.0)) {
                ledger.skip(Rule::SignalRange, "no fix");
                return Worth::NoFix;
            }
        }
        ledger.check(Rule::SignalRange);
        let p = ledger.set.signal_range.clone();
        // The widest unit that it may have.
        let most = match self.unit {
            Unit::Known(unit) => p.max_mps / unit,
            Unit::Unknown(..) => p.max_mps * 3.6,
        };
        let axis = |values: &[Option<f64>]| values.iter().flatten().fold(0.0_f64, |most, v| most.max(v.abs()));
        let [low, high] = p.altitude_m;
        let altitude = altitude.filter(|_| self.role == Role::Gnss).unwrap_or(low);
        let speed = signal.value.filter(|_| self.role == Role::Speed).unwrap_or(0.0).abs();
        let unit = length(&signal.rotation).unwrap_or(1.0);
        let wrong = [
            (axis(&signal.position), FARTHEST, "m from the origin"),
            (length(&signal.velocity).unwrap_or(0.0), p.max_mps, "m/s"),
            (speed, most, "as a speed"),
            (axis(&signal.turn), p.max_radps, "rad/s"),
            (axis(&signal.acceleration), p.max_mps2, "m/s²"),
            (latitude.unwrap_or(0.0).abs(), 90.0, "degrees of latitude"),
            (longitude.unwrap_or(0.0).abs(), 180.0, "degrees of longitude"),
            (altitude.max(high), high, "m of altitude"),
            ((low - altitude).max(0.0), 0.0, "m below all roads"),
            ((unit - 1.0).abs(), p.unit, "off the unit length of a quaternion"),
        ];
        let place = (signal.stamp_ns, signal.at_ns(), signal.frame_id);
        if lost {
            self.hit(Rule::SignalRange, place, Measured::yes_or_no(0.0, 0.0), ledger, || {
                "a number is missing, or none".to_owned()
            });
            return Worth::Bad;
        }
        for (value, limit, what) in wrong {
            if value > limit {
                self.hit(Rule::SignalRange, place, Measured::by(value, limit), ledger, || {
                    format!("{value:.2} {what}, possible is {limit}")
                });
                return Worth::Bad;
            }
        }
        Worth::Good
    }

    /// Counts exact repetitions. Does one end here that lasted?
    fn hold(&mut self, signal: &Signal<'_>, ledger: &mut Ledger) -> bool {
        let mut payload = [u64::MAX; 20];
        for (slot, value) in payload.iter_mut().zip(numbers(signal).into_iter().flatten()) {
            if let Some(value) = value {
                *slot = value.to_bits();
            }
        }
        let at_ns = signal.at_ns();
        if self.samples > 0 && payload == self.payload {
            self.held.samples += 1;
            self.held.last_at_ns = at_ns;
            let (lasted, for_s) = (self.held.lasted_s(), ledger.set.frozen.for_s);
            if self.role == Role::Imu && self.held.samples >= HELD_IMU && lasted >= for_s {
                let place = (self.held.since_stamp_ns, at_ns, None);
                self.hit(Rule::Frozen, place, Measured::by(lasted, for_s), ledger, || {
                    format!("exactly the same for {lasted:.1} s: there is not even noise")
                });
            }
            return false;
        }
        let ends = self.is_held();
        self.payload = payload;
        self.held = Held {
            since_stamp_ns: signal.stamp_ns,
            since_at_ns: at_ns,
            last_at_ns: at_ns,
            samples: 1,
            ..Held::default()
        };
        ends
    }

    fn jump(&mut self, signal: &Signal<'_>, (worth, was_held): (Worth, bool), ledger: &mut Ledger) {
        let (stamp_ns, at_ns) = (signal.stamp_ns, signal.at_ns());
        let follows = matches!(self.role, Role::Pose | Role::Gnss | Role::Speed);
        let dt = self.last.map(|(last, _)| seconds(last, stamp_ns));
        let silent = dt.is_none_or(|dt| dt > SILENT_S);
        if was_held || silent || worth != Worth::Good {
            self.forget();
        }
        let why = match worth {
            _ if !follows => Some("may change at will"),
            Worth::NoFix => Some("no fix"),
            Worth::Bad => Some("not a possible value"),
            Worth::Good if was_held => Some("stood still before"),
            Worth::Good if silent => Some("first sample, or after a silence"),
            // Twice the same stamp.
            Worth::Good if dt.is_some_and(|dt| dt <= 0.0) => Some("not later than the one before"),
            Worth::Good => None,
        };
        if let Some(why) = why {
            ledger.skip(Rule::SignalJump, why);
            let repeated = dt.is_some_and(|dt| dt <= 0.0);
            if !follows || worth != Worth::Good || repeated {
                return;
            }
        } else {
            ledger.check(Rule::SignalJump);
        }
        let dt = dt.unwrap_or(0.0);
        let p = ledger.set.signal_jump.clone();
        let place = (stamp_ns, at_ns, signal.frame_id);
        let here = match (self.role, signal.position, signal.geodetic) {
            (Role::Pose, [Some(x), Some(y), Some(z)], _) => Some([x, y, z]),
            (Role::Gnss, _, [Some(latitude), Some(longitude), _]) => Some(self.trail.on_plane(latitude, longitude)),
            _ => None,
        };
        if let Some(here) = here {
            if let Some((there, base)) = self.trail.ahead(stamp_ns) {
                let margin = if self.role == Role::Gnss { p.gnss_m } else { p.margin_m };
                let fastest = ledger.set.signal_range.max_mps * dt;
                let more = base.map_or(fastest, |base| (0.5 * p.max_mps2 * dt * (dt + base)).min(fastest));
                let (off, limit) = (distance(here, there), margin + more);
                if off > limit {
                    self.hit(Rule::SignalJump, place, Measured::by(off, limit), ledger, || {
                        format!("{off:.1} m from where it was going, within {dt:.2} s; allowed is {limit:.1} m")
                    });
                    self.trail.clear();
                }
            }
            // The plane of fixes may have been left behind with the trail.
            let here = match signal.geodetic {
                [Some(latitude), Some(longitude), _] if self.role == Role::Gnss => {
                    self.trail.on_plane(latitude, longitude)
                }
                _ => here,
            };
            self.trail.push(stamp_ns, at_ns, here);
        }
        if let (Role::Pose, [Some(w), Some(x), Some(y), Some(z)]) = (self.role, signal.rotation) {
            let now = [w, x, y, z];
            if let Some(before) = self.rotation.replace(now) {
                let dot: f64 = before.iter().zip(now).map(|(a, b)| a * b).sum();
                let turned = 2.0 * dot.abs().min(1.0).acos().to_degrees();
                let limit = p.margin_deg + p.per_s_deg * dt;
                if turned > limit {
                    self.hit(Rule::SignalJump, place, Measured::by(turned, limit), ledger, || {
                        format!("turned by {turned:.0}° within {dt:.2} s, allowed is {limit:.0}°")
                    });
                }
            }
        }
        let speed = match self.role {
            Role::Speed => signal.value,
            Role::Pose => length(&signal.velocity),
            _ => None,
        };
        if let Some(speed) = speed {
            if let Some(before) = self.speed.replace(speed) {
                let unit = match self.unit {
                    Unit::Known(unit) => unit,
                    Unit::Unknown(..) => UNITS[1],
                };
                let (off, limit) = ((speed - before).abs(), (p.margin_mps + p.max_mps2 * dt) / unit);
                if off > limit {
                    self.hit(Rule::SignalJump, place, Measured::by(off, limit), ledger, || {
                        format!("from {before:.2} to {speed:.2} within {dt:.2} s, allowed is a change by {limit:.1}")
                    });
                    self.means.clear();
                }
            }
            self.means.push(at_ns, speed.abs());
        }
    }

    /// Counts whether its speed could be compared.
    fn compared(&self, at_ns: i64, ledger: &mut Ledger) {
        const RECENT_S: f64 = 1.5;
        let recent = self.compared_ns.is_some_and(|then| seconds(then, at_ns) <= RECENT_S);
        match self.role {
            Role::Imu => ledger.check(Rule::Frozen),
            Role::Pose | Role::Gnss | Role::Speed if recent => ledger.check(Rule::Frozen),
            Role::Pose | Role::Gnss | Role::Speed => {
                ledger.skip(Rule::Frozen, "nothing else says how fast the vehicle is");
            }
            Role::Stamps | Role::Other => ledger.skip(Rule::Frozen, "may stay as it is"),
        }
        match self.role {
            Role::Pose | Role::Gnss | Role::Speed if recent => ledger.check(Rule::Disagree),
            Role::Pose | Role::Gnss | Role::Speed => ledger.skip(Rule::Disagree, "no other source of speed"),
            _ => ledger.skip(Rule::Disagree, "says no speed"),
        }
    }
}
