//! Where an object was and where it was going.

use std::collections::VecDeque;
use std::sync::Arc;

use guideway_core::{BBox, DVec3};

use crate::place::Place;
use crate::rules::ClassLimits;

/// Fewest sightings that say how something moves.
const ENOUGH: usize = 4;
/// Most sightings that a prediction looks at: older ones know less of where it is going.
const RECENT: usize = 5;
/// Sightings older than this before the last say nothing of where it is going now, s.
const RECENT_S: f64 = 1.1;

/// Longest time over which the way of a box in the image is a straight line, s.
const MOST_AHEAD_S: f64 = 1.0;

/// A class as the rules see it.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    /// Its group.
    pub(crate) group: Arc<str>,
    /// The group, or the class itself where no group has it.
    pub(crate) name: Arc<str>,
    pub(crate) limits: Arc<ClassLimits>,
}

/// An object in one frame.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    pub(crate) stamp_ns: i64,
    /// The frame's number in its stream.
    pub(crate) frame: u64,
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    /// Is it hidden in part, or cut by the border?
    pub(crate) cut: bool,
    pub(crate) score: Option<f64>,
    /// Centre, m, over ground or relative to the vehicle.
    pub(crate) position: Option<DVec3>,
    pub(crate) over_ground: bool,
    /// Length, width, height, m.
    pub(crate) size: Option<[f64; 3]>,
    /// In the frame of `position`, radians.
    pub(crate) yaw: Option<f64>,
    /// As given, over ground, in the frame of `position`, m/s.
    pub(crate) velocity: Option<DVec3>,
}

/// The last seconds of an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    pub(crate) sights: VecDeque<Sight>,
    /// Frame number from which positions belong together: after a jump they begin anew.
    moves_from: u64,
    boxes_from: u64,
}

/// How an object moves over ground.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Motion {
    pub(crate) velocity: DVec3,
    /// Heading in the middle of the time over which the velocity was taken.
    pub(crate) yaw: Option<f64>,
    /// Is the way long enough against the noise for its direction to mean something?
    pub(crate) clear: bool,
}

/// How its motion over ground changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    /// m/s².
    pub(crate) acceleration: f64,
    /// Of its course, degrees/s; `None` where it hardly moves.
    pub(crate) turn_rate: Option<f64>,
}

impl Change {
    pub(crate) fn lesser(self, other: Self) -> Self {
        Self {
            acceleration: self.acceleration.min(other.acceleration),
            turn_rate: self.turn_rate.zip(other.turn_rate).map(|(a, b)| a.min(b)),
        }
    }
}

/// Where a box in the image should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BoxAhead {
    /// Centre, px.
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// Logarithm of the size (root of the area) in px.
    pub(crate) ln_size: f64,
    /// Height of the one that it goes on from, px.
    pub(crate) height: f64,
    /// Is its motion known? With fewer than three sightings it is taken to stand still.
    pub(crate) known: bool,
    /// Since the sighting that it goes on from, s.
    pub(crate) age_s: f64,
}

impl BoxAhead {
    /// A box of before at the centre that is predicted.
    pub(crate) fn carry(self, bbox: BBox) -> BBox {
        let [x, y] = bbox.center();
        let (dx, dy) = (self.x - x, self.y - y);
        BBox::new(bbox.x_min + dx, bbox.y_min + dy, bbox.x_max + dx, bbox.y_max + dy)
    }
}

pub(crate) fn seconds(from_ns: i64, to_ns: i64) -> f64 {
    // Stamps may be as far apart as they like: the difference is taken as floats only when integers cannot hold it.
    to_ns
        .checked_sub(from_ns)
        .map_or_else(|| to_ns as f64 - from_ns as f64, |d| d as f64)
        * 1e-9
}

impl Past {
    pub(crate) fn last(&self) -> Option<&Sight> {
        self.sights.back()
    }

    pub(crate) fn push(&mut self, sight: Sight, memory_s: f64) {
        // Positions relative to the vehicle and over ground do not go together.
        if self.last().is_some_and(|last| {
            last.over_ground != sight.over_ground || last.position.is_some() != sight.position.is_some()
        }) {
            self.moves_from = sight.frame;
        }
        while self
            .sights
            .front()
            .is_some_and(|first| seconds(first.stamp_ns, sight.stamp_ns) > memory_s)
        {
            self.sights.pop_front();
        }
        self.sights.push_back(sight);
    }

    /// Positions after this frame do not go on from those before.
    pub(crate) fn break_motion(&mut self, frame: u64) {
        self.moves_from = frame;
    }

    pub(crate) fn break_boxes(&mut self, frame: u64) {
        self.boxes_from = frame;
    }

    /// Sightings since the last jump that are at most so old, but at least [`ENOUGH`] of them where there are as many; the oldest first.
    fn window(&self, window_s: f64) -> Vec<&Sight> {
        let Some(last) = self.last() else {
            return Vec::new();
        };
        let mut out: Vec<&Sight> = Vec::new();
        for sight in self.sights.iter().rev() {
            let old = seconds(sight.stamp_ns, last.stamp_ns) > window_s;
            if sight.frame < self.moves_from || sight.position.is_none() || (old && out.len() >= ENOUGH) {
                break;
            }
            out.push(sight);
        }
        out.reverse();
        out
    }

    /// How it moves, from the medians of the two halves of a window: single outliers do not count.
    pub(crate) fn motion(&self, window_s: f64) -> Option<Motion> {
        let window = self.window(window_s);
        if window.len() < ENOUGH || !window[0].over_ground {
            return None;
        }
        let half = window.len() / 2;
        let (early, late) = (&window[..half], &window[window.len() - half..]);
        let (from, to) = (middle(early), middle(late));
        let dt = mean_time(late, window[0].stamp_ns) - mean_time(early, window[0].stamp_ns);
        if dt <= 0.0 {
            return None;
        }
        let velocity = (to - from) / dt;
        let scatter = |sights: &[&Sight], center: DVec3| {
            let t0 = mean_time(sights, window[0].stamp_ns);
            let mut off: Vec<f64> = sights
                .iter()
                .filter_map(|s| {
                    let t = seconds(window[0].stamp_ns, s.stamp_ns) - t0;
                    s.position.map(|p| (p - center - velocity * t).truncate().length())
                })
                .collect();
            median(&mut off).unwrap_or(0.0)
        };
        let noise = scatter(early, from).max(scatter(late, to));
        Some(Motion {
            velocity,
            yaw: window[window.len() / 2].yaw,
            clear: (to - from).truncate().length() > 5.0 * noise + 0.5,
        })
    }

    /// The median of the velocities that were given, m/s.
    pub(crate) fn given_speed(&self, window_s: f64) -> Option<f64> {
        let last = self.last()?;
        let mut speeds: Vec<f64> = self
            .sights
            .iter()
            .filter(|s| seconds(s.stamp_ns, last.stamp_ns) <= window_s)
            .filter_map(|s| s.velocity.map(|v| v.truncate().length()))
            .collect();
        if speeds.len() < 2 {
            return None;
        }
        median(&mut speeds)
    }

    fn is_recent(&self, sight: &Sight) -> bool {
        self.last()
            .is_some_and(|last| seconds(sight.stamp_ns, last.stamp_ns) <= RECENT_S)
    }

    /// Where it should be, m, and whether its motion was known: with fewer than three sightings it is taken to stand still.
    pub(crate) fn predict(&self, stamp_ns: i64) -> Option<(DVec3, bool)> {
        let sights: Vec<(f64, [f64; 3])> = self
            .sights
            .iter()
            .rev()
            .take(RECENT)
            .take_while(|s| s.frame >= self.moves_from && self.is_recent(s))
            .filter_map(|s| s.position.map(|p| (seconds(stamp_ns, s.stamp_ns), p.to_array())))
            .collect();
        let known = sights.len() >= 3;
        extrapolate(&sights).map(|p| (DVec3::from_array(p), known))
    }

    /// Where its box should be. Only boxes that nothing cuts say where they go; what they say is forgotten after a second.
    pub(crate) fn predict_box(&self, stamp_ns: i64) -> Option<BoxAhead> {
        let boxes: Vec<(f64, BBox)> = self
            .sights
            .iter()
            .rev()
            .take(RECENT)
            .take_while(|s| s.frame >= self.boxes_from && self.is_recent(s))
            .filter(|s| !s.cut)
            .filter_map(|s| s.place.bbox.map(|b| (seconds(stamp_ns, s.stamp_ns), b)))
            .collect();
        let (newest, latest) = boxes.first()?;
        let (age_s, height) = (-newest, latest.height());
        let sights: Vec<(f64, [f64; 3])> = boxes.iter().map(|(at, b)| (*at, box_state(*b))).collect();
        if age_s > MOST_AHEAD_S {
            return None;
        }
        let [x, y, ln_size] = extrapolate(&sights)?;
        Some(BoxAhead {
            x,
            y,
            ln_size,
            height,
            known: sights.len() >= 3,
            age_s,
        })
    }

    /// Frames per second, as far as its sightings tell.
    pub(crate) fn frame_rate(&self, frame: u64, stamp_ns: i64) -> Option<f64> {
        let first = self.sights.front()?;
        let time = seconds(first.stamp_ns, stamp_ns);
        (time > 0.0).then(|| (frame - first.frame) as f64 / time)
    }

    /// Medians of length, width and height, m, and of how many sightings.
    pub(crate) fn usual_size(&self) -> Option<([f64; 3], usize)> {
        let mut out = [0.0; 3];
        let mut count = 0;
        for (axis, slot) in out.iter_mut().enumerate() {
            let mut values: Vec<f64> = self.sights.iter().filter_map(|s| s.size.map(|v| v[axis])).collect();
            count = values.len();
            *slot = median(&mut values)?;
        }
        Some((out, count))
    }
}

/// Centre, px, and logarithm of the size (root of the area).
pub(crate) fn box_state(bbox: BBox) -> [f64; 3] {
    let [x, y] = bbox.center();
    [x, y, 0.5 * bbox.area().max(1e-9).ln()]
}

/// A straight line through the means of both halves, at time 0. The newest comes first; fewer than three stand still.
fn extrapolate(sights: &[(f64, [f64; 3])]) -> Option<[f64; 3]> {
    let (_, newest) = sights.first()?;
    if sights.len() < 3 {
        return Some(*newest);
    }
    let half = sights.len().div_ceil(2);
    let mean = |part: &[(f64, [f64; 3])]| {
        let n = part.len() as f64;
        let t = part.iter().map(|s| s.0).sum::<f64>() / n;
        let x = [0, 1, 2].map(|axis| part.iter().map(|s| s.1[axis]).sum::<f64>() / n);
        (t, x)
    };
    let (late, early) = (mean(&sights[..half]), mean(&sights[half..]));
    let dt = late.0 - early.0;
    if dt <= 0.0 {
        return Some(*newest);
    }
    Some([0, 1, 2].map(|axis| late.1[axis] + (late.1[axis] - early.1[axis]) / dt * -late.0))
}

fn middle(sights: &[&Sight]) -> DVec3 {
    let axis = |pick: fn(DVec3) -> f64| {
        let mut values: Vec<f64> = sights.iter().filter_map(|s| s.position.map(pick)).collect();
        median(&mut values).unwrap_or(0.0)
    };
    DVec3::new(axis(|p| p.x), axis(|p| p.y), axis(|p| p.z))
}

fn mean_time(sights: &[&Sight], since_ns: i64) -> f64 {
    sights.iter().map(|s| seconds(since_ns, s.stamp_ns)).sum::<f64>() / sights.len().max(1) as f64
}

/// The median; the mean of the two in the middle for an even number.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    Some(if values.len() % 2 == 1 {
        values[half]
    } else {
        f64::midpoint(values[half - 1], values[half])
    })
}
