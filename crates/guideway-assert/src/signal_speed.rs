//! How fast the vehicle is by each signal, and which of them is wrong.

use std::collections::{BTreeMap, VecDeque};

use crate::motion::{median, seconds};
use crate::report::Measured;
use crate::rule::Rule;
use crate::signal_stream::{Role, SignalStream};
use crate::signals::{Hit, Ledger};

/// Speeds are means over this time, s…
const WINDOW_S: f64 = 2.0;
/// …of which at least so much must be there, s.
const LEAST_S: f64 = 1.4;
/// Samples nearer to each other than this are one point, s.
const STEP_S: f64 = 0.1;
/// How often speeds are compared, s.
const TICK_S: f64 = 0.5;
/// A speed whose unit nobody names is measured by the others from this speed on, m/s…
const UNIT_MPS: f64 = 3.0;
/// …so many times.
const UNIT_TICKS: u32 = 10;
/// Metres per second, kilometres and miles per hour.
pub(crate) const UNITS: [f64; 3] = [1.0, 1.0 / 3.6, 0.447_04];
/// Mean radius of the Earth, m.
const EARTH_M: f64 = 6_371_008.8;
/// A fix further from the anchor than this begins anew, m: the plane ends there.
const PLANE_M: f64 = 20_000.0;

#[derive(Debug, Clone, Copy)]
struct Point {
    stamp_ns: i64,
    at_ns: i64,
    place: [f64; 3],
}

/// The way of the last seconds.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    points: VecDeque<Point>,
    last: Option<Point>,
    /// Latitude and longitude of the plane's origin, degrees.
    anchor: Option<[f64; 2]>,
}

pub(crate) fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1]).hypot(a[2] - b[2])
}

impl Trail {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// A fix on the plane that touches the Earth where the trail began.
    pub(crate) fn on_plane(&mut self, latitude: f64, longitude: f64) -> [f64; 3] {
        let [south, west] = *self.anchor.get_or_insert([latitude, longitude]);
        // The shorter way round.
        let east_deg = (longitude - west + 540.0).rem_euclid(360.0) - 180.0;
        let place = [
            east_deg.to_radians() * south.to_radians().cos() * EARTH_M,
            (latitude - south).to_radians() * EARTH_M,
            0.0,
        ];
        // Who drove there has left the plane; who jumped there has not.
        let drove = self
            .last
            .is_none_or(|last| distance(last.place, place) < PLANE_M / 10.0);
        if place[0].hypot(place[1]) > PLANE_M && drove {
            self.clear();
            self.anchor = Some([latitude, longitude]);
            return [0.0; 3];
        }
        place
    }

    pub(crate) fn push(&mut self, stamp_ns: i64, at_ns: i64, place: [f64; 3]) {
        let point = Point { stamp_ns, at_ns, place };
        self.last = Some(point);
        if self
            .points
            .back()
            .is_none_or(|back| seconds(back.stamp_ns, stamp_ns) >= STEP_S)
        {
            self.points.push_back(point);
        }
        while self
            .points
            .front()
            .is_some_and(|front| seconds(front.stamp_ns, stamp_ns) > WINDOW_S + 2.0 * STEP_S)
        {
            self.points.pop_front();
        }
    }

    /// Where it should be at a stamp, and over how long its velocity was taken, s; `None` for the latter where it is not known.
    pub(crate) fn ahead(&self, stamp_ns: i64) -> Option<([f64; 3], Option<f64>)> {
        let last = self.last?;
        let dt = seconds(last.stamp_ns, stamp_ns);
        let base = self
            .points
            .iter()
            .rev()
            .find(|point| seconds(point.stamp_ns, last.stamp_ns) >= 3.0 * STEP_S);
        let Some(base) = base else {
            return Some((last.place, None));
        };
        let over = seconds(base.stamp_ns, last.stamp_ns);
        let place = [0, 1, 2].map(|axis| last.place[axis] + (last.place[axis] - base.place[axis]) / over * dt);
        Some((place, Some(over)))
    }

    /// Mean speed of the last seconds, m/s.
    fn speed(&self, now_ns: i64, fresh_s: f64) -> Option<f64> {
        let (first, last) = (self.points.front()?, self.last?);
        let over = seconds(first.stamp_ns, last.stamp_ns);
        let fresh = seconds(last.at_ns, now_ns) <= fresh_s;
        (fresh && over >= LEAST_S).then(|| distance(first.place, last.place) / over)
    }
}

/// Speeds of the last seconds, in steps.
#[derive(Debug, Default)]
pub(crate) struct Means {
    /// Begin, sum and number of each step.
    steps: VecDeque<(i64, f64, u32)>,
    last_ns: i64,
}

impl Means {
    pub(crate) fn push(&mut self, at_ns: i64, speed: f64) {
        self.last_ns = at_ns;
        match self.steps.back_mut() {
            Some((begin, sum, count)) if seconds(*begin, at_ns) < STEP_S => {
                *sum += speed;
                *count += 1;
            }
            _ => self.steps.push_back((at_ns, speed, 1)),
        }
        while self
            .steps
            .front()
            .is_some_and(|(begin, ..)| seconds(*begin, at_ns) > WINDOW_S)
        {
            self.steps.pop_front();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.steps.clear();
    }

    fn speed(&self, now_ns: i64, fresh_s: f64) -> Option<f64> {
        let (first, ..) = self.steps.front()?;
        if seconds(*first, self.last_ns) < LEAST_S || seconds(self.last_ns, now_ns) > fresh_s {
            return None;
        }
        let means = self.steps.iter().map(|(_, sum, count)| sum / f64::from(*count));
        Some(means.sum::<f64>() / self.steps.len() as f64)
    }
}

/// The unit of a speed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    /// So many metres per second.
    Known(f64),
    /// What each of [`UNITS`] was off by, in how many comparisons.
    Unknown([f64; 3], u32),
}

impl Unit {
    fn measure(&mut self, speed: f64, reference: f64) {
        if let Self::Unknown(off, count) = self
            && reference >= UNIT_MPS
        {
            for (off, unit) in off.iter_mut().zip(UNITS) {
                *off += (speed * unit - reference).abs() / reference;
            }
            *count += 1;
            if *count >= UNIT_TICKS {
                let best = off
                    .iter()
                    .zip(UNITS)
                    .min_by(|a, b| a.0.total_cmp(b.0))
                    .map_or(1.0, |(_, unit)| unit);
                *self = Self::Known(best);
            }
        }
    }
}

/// What one source says.
#[derive(Debug, Clone, Copy)]
struct Reading {
    stream: usize,
    /// From places, not from velocities?
    way: bool,
    gnss: bool,
    held: bool,
    speed: f64,
}

/// Compares the sources, twice a second.
#[derive(Debug, Default)]
pub(crate) struct Panel {
    last_ns: Option<i64>,
    /// For how long each contradicts the others, s.
    odd: BTreeMap<String, f64>,
}

impl Panel {
    pub(crate) fn is_due(&self, now_ns: i64) -> bool {
        self.last_ns.is_none_or(|last| seconds(last, now_ns) >= TICK_S)
    }

    pub(crate) fn tick(&mut self, now_ns: i64, streams: &mut [SignalStream], ledger: &mut Ledger) {
        let dt = self.last_ns.map_or(0.0, |last| seconds(last, now_ns).min(2.0 * TICK_S));
        self.last_ns = Some(now_ns);
        let readings = readings(now_ns, streams);
        let mut free: Vec<Reading> = readings.iter().copied().filter(|reading| !reading.held).collect();
        let held: Vec<Reading> = readings.into_iter().filter(|reading| reading.held).collect();
        let steady: Vec<Reading> = held
            .into_iter()
            .filter(|reading| !frozen(reading, &free, (now_ns, dt), streams, ledger))
            .collect();
        free.extend(steady);
        self.disagree(&free, (now_ns, dt), streams, ledger);
    }

    fn disagree(
        &mut self,
        free: &[Reading],
        (now_ns, dt): (i64, f64),
        streams: &mut [SignalStream],
        ledger: &mut Ledger,
    ) {
        let before = std::mem::take(&mut self.odd);
        let mut speeds: Vec<f64> = free.iter().map(|reading| reading.speed).collect();
        let Some(middle) = median(&mut speeds).filter(|_| free.len() > 1) else {
            return;
        };
        for reading in free {
            streams[reading.stream].compared_ns = Some(now_ns);
        }
        let p = ledger.set.disagree.clone();
        for reading in free {
            // Of two nobody knows which is right.
            let other = free
                .iter()
                .find(|other| free.len() == 2 && (other.stream, other.way) != (reading.stream, reading.way));
            let reference = other.map_or(middle, |other| other.speed);
            let gnss = reading.gnss || other.is_some_and(|other| other.gnss);
            let allowed = tolerance(&p, reading.speed.max(reference), gnss);
            let off = (reading.speed - reference).abs();
            if off <= allowed {
                continue;
            }
            let stream = &streams[reading.stream];
            let (object, topic) = match other {
                Some(other) if other.stream != reading.stream => {
                    if reading.stream > other.stream {
                        continue;
                    }
                    let other = &streams[other.stream];
                    let (a, b) = if stream.object <= other.object {
                        (stream, other)
                    } else {
                        (other, stream)
                    };
                    if a.object == b.object {
                        (a.object.clone(), a.topic.clone())
                    } else {
                        (format!("{}, {}", a.object, b.topic), a.topic.clone())
                    }
                }
                // Its places and its velocities: said once.
                Some(_) if !reading.way => continue,
                _ => (stream.object.clone(), stream.topic.clone()),
            };
            let lasted = before.get(&object).copied().unwrap_or(0.0) + dt;
            let known = self.odd.entry(object.clone()).or_insert(lasted);
            *known = known.max(lasted);
            if lasted >= p.for_s {
                let hit = Hit {
                    object: &object,
                    topic: &topic,
                    class: stream.class,
                    stamp_ns: stream.last_stamp_ns().unwrap_or(now_ns),
                    at_ns: now_ns,
                    frame_id: None,
                };
                let what = if reading.way { "its way gives" } else { "it says" };
                let who = match other {
                    Some(other) if other.stream != reading.stream => streams[other.stream].topic.as_str(),
                    Some(_) => "its velocity",
                    None => "the others",
                };
                ledger.hit(Rule::Disagree, hit, Measured::by(off + 1.0, allowed + 1.0), || {
                    format!(
                        "{what} {:.1} m/s, {who} {reference:.1} m/s, for more than {:.0} s: {off:.1} apart, allowed is {allowed:.1}",
                        reading.speed,
                        lasted.floor()
                    )
                });
            }
        }
    }
}

fn tolerance(p: &crate::params::DisagreeRule, speed: f64, gnss: bool) -> f64 {
    p.margin_mps + p.share * speed + if gnss { p.gnss_mps } else { 0.0 }
}

/// Something repeats exactly: what do the others say? False where a speed is as steady as theirs, and may be the true one.
fn frozen(
    reading: &Reading,
    free: &[Reading],
    (now_ns, dt): (i64, f64),
    streams: &mut [SignalStream],
    ledger: &mut Ledger,
) -> bool {
    let others: Vec<Reading> = free
        .iter()
        .copied()
        .filter(|other| other.stream != reading.stream)
        .collect();
    let stream = &mut streams[reading.stream];
    let held = &mut stream.held;
    let mut speeds: Vec<f64> = others.iter().map(|other| other.speed).collect();
    let p = &ledger.set.disagree;
    let gnss = reading.gnss || others.iter().all(|other| other.gnss);
    let moving = median(&mut speeds);
    let odd = if reading.way {
        &mut held.way_odd_s
    } else {
        &mut held.speed_odd_s
    };
    let Some(moving) = moving else {
        *odd = 0.0;
        return reading.way;
    };
    let allowed = tolerance(p, moving.max(reading.speed), gnss);
    *odd = if (reading.speed - moving).abs() > allowed {
        *odd + dt
    } else {
        0.0
    };
    let odd = *odd;
    let [least, most] = held.others.unwrap_or([moving; 2]);
    let [least, most] = [least.min(moving), most.max(moving)];
    held.others = Some([least, most]);
    if !reading.way && most - least <= tolerance(p, 0.0, gnss) {
        return false;
    }
    let for_s = ledger.set.frozen.for_s;
    stream.compared_ns = Some(now_ns);
    if odd >= for_s {
        let held_s = stream.held.lasted_s();
        let what = if reading.way {
            "the same place".to_owned()
        } else {
            format!("{:.2} m/s", reading.speed)
        };
        let message = || format!("exactly {what} for {held_s:.1} s, while the vehicle goes {moving:.1} m/s");
        // It may have been the true one for a while.
        let since_ns = stream
            .last_stamp_ns()
            .unwrap_or(now_ns)
            .saturating_sub((odd * 1e9) as i64);
        let since_ns = since_ns.max(stream.held.since_stamp_ns);
        stream.hit(
            Rule::Frozen,
            (since_ns, now_ns, None),
            Measured::by(held_s.max(for_s), for_s),
            ledger,
            message,
        );
    }
    true
}

/// What all sources say. Speeds whose unit is not known yet are measured by the others.
fn readings(now_ns: i64, streams: &mut [SignalStream]) -> Vec<Reading> {
    let mut out = Vec::new();
    let mut unknown = Vec::new();
    for (at, stream) in streams.iter().enumerate() {
        let gnss = stream.role == Role::Gnss;
        let fresh_s = (2.5 * stream.rate.period().unwrap_or(0.0)).clamp(1.0, 2.6);
        let held = stream.is_held();
        let of = |way, speed| Reading {
            stream: at,
            way,
            gnss,
            held,
            speed,
        };
        if let Some(speed) = stream.trail.speed(now_ns, fresh_s) {
            out.push(of(true, if held { 0.0 } else { speed }));
        }
        if let Some(speed) = stream.means.speed(now_ns, fresh_s) {
            match stream.unit {
                Unit::Known(unit) => out.push(of(false, speed * unit)),
                // Nothing is nothing in any unit.
                Unit::Unknown(..) if held && speed.abs() < 1e-9 => out.push(of(false, 0.0)),
                Unit::Unknown(..) if !held => unknown.push((at, speed)),
                Unit::Unknown(..) => {}
            }
        }
    }
    let mut known: Vec<f64> = out.iter().filter(|reading| !reading.held).map(|r| r.speed).collect();
    if let Some(reference) = median(&mut known) {
        for (at, speed) in unknown {
            streams[at].unit.measure(speed, reference);
        }
    }
    out
}
