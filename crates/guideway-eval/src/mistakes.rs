//! Mistakes over time: what is wrong in many frames in a row is one mistake.
//!
//! A detector that misses one cyclist in forty frames made one mistake, not forty; how often that happens in an hour or on a kilometre is what a
//! driver of the car would ask. [`group`] joins the mistakes of single frames ([`crate::events`]) to mistakes over time, and [`rates`] counts
//! them against the time and the way driven, with exact Poisson intervals (Garwood 1936).
//!
//! - What is wrong about a labelled object with an identity (missed, taken for another class, badly placed) is one mistake as long as it is wrong again within
//!   [`GroupParams::gap_ns`]. That a tracker confuses it with another one is a mistake of its own. Its kind is what it was most often, and of equals the one that comes first in [`EventKind`].
//! - What has no identity (false alarms, objects that are labelled in single frames) goes on where a box of the same sensor, class and kind overlaps the last one within that
//!   time, the best overlap first; in space, where its centre is no further than [`GroupParams::distance_m`] from where the last one should be by now, the nearest first.
//! - What was wrong in fewer than [`GroupParams::min_frames`] frames, or for less than [`GroupParams::min_duration_ns`], is left out.
//!
//! ```
//! use guideway_core::BBox;
//! use guideway_eval::events::EventKind;
//! use guideway_eval::mistakes::{GroupParams, Sighting, Spot, group};
//!
//! let missed = |frame: i64| Sighting {
//!     recording: 0,
//!     sensor: 0,
//!     stamp_ns: frame * 100_000_000,
//!     kind: EventKind::Miss,
//!     class: 2,
//!     object: Some(7),
//!     spot: Spot::InImage(BBox::new(0.0, 0.0, 20.0, 40.0)),
//!     severity: 1.0,
//! };
//! // Missed in 40 frames, found for three seconds, and missed again.
//! let sightings: Vec<Sighting> = (0..40).chain([70, 71]).map(missed).collect();
//! let mistakes = group(&sightings, &GroupParams::default())?;
//! assert_eq!(mistakes.iter().map(|mistake| mistake.sightings.len()).collect::<Vec<_>>(), [40, 2]);
//! # Ok::<(), guideway_eval::EvalError>(())
//! ```

use std::collections::BTreeMap;

use guideway_core::BBox;
use serde::{Deserialize, Serialize};

use crate::error::EvalError;
use crate::events::EventKind;
use crate::severity::EgoPath;
use crate::stats::{Interval, poisson_rate};

/// A mistake in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// Index of the recording.
    pub recording: u32,
    /// Index of the sensor within its recording: boxes of two cameras have nothing to do with each other.
    pub sensor: u32,
    /// When, ns.
    pub stamp_ns: i64,
    /// What kind.
    pub kind: EventKind,
    /// Class of the label, or of the detection where nothing is labelled.
    pub class: u32,
    /// Identity of the labelled object within its recording. It does not count for false positives, which are about no object.
    pub object: Option<u64>,
    /// Where: that of the label, or of the detection.
    pub spot: Spot,
    /// How much it matters, 0 to 1.
    pub severity: f64,
}

/// Where something is that is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spot {
    /// Its box in an image, px.
    InImage(BBox),
    /// Its centre over ground.
    OnGround {
        /// In a frame of reference that stays while the ego drives, m.
        at: [f64; 2],
        /// Along the same axes, m/s; 0 where unknown.
        velocity: [f64; 2],
    },
}

impl Spot {
    /// How well this goes on with `last`, seen so many seconds before: 0 to 1, the higher the better; `None` where it does not.
    fn goes_on(&self, last: &Self, seconds: f64, params: &GroupParams) -> Option<f64> {
        match (self, last) {
            (Self::InImage(new), Self::InImage(last)) => {
                let iou = new.iou(*last);
                (iou >= params.iou).then_some(iou)
            }
            (Self::OnGround { at, .. }, Self::OnGround { at: last, velocity }) => {
                let by_now = [0, 1].map(|axis| last[axis] + velocity[axis] * seconds);
                let apart = (at[0] - by_now[0]).hypot(at[1] - by_now[1]);
                (apart <= params.distance_m).then(|| 1.0 - apart / params.distance_m)
            }
            _ => None,
        }
    }
}

/// When mistakes in frames are one mistake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupParams {
    /// The longest time in between in which nothing is wrong, ns.
    pub gap_ns: i64,
    /// Without an identity: IoU with the last box from which it is the same.
    pub iou: f64,
    /// Without an identity, in space: distance over ground from where the last one should be by now up to which it is the same, m.
    pub distance_m: f64,
    /// Fewer frames than these are no mistake.
    pub min_frames: u32,
    /// A shorter time than this is no mistake, ns.
    pub min_duration_ns: i64,
}

impl Default for GroupParams {
    fn default() -> Self {
        Self {
            gap_ns: 1_000_000_000,
            iou: 0.3,
            distance_m: 2.0,
            min_frames: 1,
            min_duration_ns: 0,
        }
    }
}

impl GroupParams {
    /// Do they make sense?
    pub fn check(&self) -> Result<(), EvalError> {
        let wrong = |parameter, problem| Err(EvalError::Parameter { parameter, problem });
        if self.gap_ns < 0 {
            return wrong("gap_ns", format!("{} is less than 0", self.gap_ns));
        }
        if !(self.iou > 0.0 && self.iou <= 1.0) {
            return wrong("iou", format!("{} is not above 0 and at most 1", self.iou));
        }
        if !(self.distance_m > 0.0 && self.distance_m.is_finite()) {
            return wrong("distance_m", format!("{} is not a distance above 0", self.distance_m));
        }
        Ok(())
    }
}

/// A mistake over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mistake {
    /// Index of the recording.
    pub recording: u32,
    /// What it was most often.
    pub kind: EventKind,
    /// Class of what it is about, as in the first frame.
    pub class: u32,
    /// Identity of the object that it is about.
    pub object: Option<u64>,
    /// Stamp of the first frame, ns.
    pub first_ns: i64,
    /// Stamp of the last frame, ns.
    pub last_ns: i64,
    /// The highest severity of a frame.
    pub severity: f64,
    /// Rows of the sightings that it is made of, by time.
    pub sightings: Vec<u32>,
}

/// Joins mistakes of single frames to mistakes over time, by recording, then by when they began, then by the row of their first sighting. Sightings may come in any order;
/// of those with one stamp, the order of rows counts.
///
/// # Errors
/// [`EvalError::Parameter`] for parameters that make no sense, [`EvalError::TooManyRows`].
pub fn group(sightings: &[Sighting], params: &GroupParams) -> Result<Vec<Mistake>, EvalError> {
    params.check()?;
    let limit = u32::MAX as usize;
    if sightings.len() > limit {
        return Err(EvalError::TooManyRows {
            side: crate::Side::Detections,
            rows: sightings.len(),
            limit,
        });
    }
    let mut order: Vec<u32> = (0..sightings.len() as u32).collect();
    order.sort_by_key(|row| {
        let sighting = &sightings[*row as usize];
        (sighting.recording, sighting.stamp_ns, *row)
    });
    let grouping = Grouping { sightings, params };
    let mut mistakes = Vec::new();
    for of_recording in order.chunk_by(|a, b| sightings[*a as usize].recording == sightings[*b as usize].recording) {
        grouping.recording(of_recording, &mut mistakes);
    }
    mistakes.sort_by_key(|mistake| (mistake.recording, mistake.first_ns, mistake.sightings.first().copied()));
    Ok(mistakes)
}

/// A mistake that may go on: rows of its sightings.
type Open = Vec<u32>;

struct Grouping<'a> {
    sightings: &'a [Sighting],
    params: &'a GroupParams,
}

impl Grouping<'_> {
    fn of(&self, row: u32) -> &Sighting {
        &self.sightings[row as usize]
    }

    /// The identity that a sighting is about.
    fn object(&self, row: u32) -> Option<u64> {
        let sighting = self.of(row);
        sighting.object.filter(|_| sighting.kind != EventKind::FalsePositive)
    }

    /// What a sighting goes on with: an object that is detected wrongly, or one that is tracked wrongly.
    fn key(&self, row: u32) -> Option<(u64, bool)> {
        Some((self.object(row)?, self.of(row).kind == EventKind::IdentitySwitch))
    }

    fn last(&self, open: &Open) -> Option<&Sighting> {
        open.last().map(|row| self.of(*row))
    }

    fn recording(&self, rows: &[u32], done: &mut Vec<Mistake>) {
        let mut of_object: BTreeMap<(u64, bool), Open> = BTreeMap::new();
        let mut nameless: Vec<Open> = Vec::new();
        for moment in rows.chunk_by(|a, b| self.of(*a).stamp_ns == self.of(*b).stamp_ns) {
            let Some(now) = moment.first().map(|row| self.of(*row).stamp_ns) else {
                continue;
            };
            // What ended too long ago cannot go on: no more is held than what is going on.
            let goes_on = |open: &Open| {
                self.last(open)
                    .is_some_and(|last| now.saturating_sub(last.stamp_ns) <= self.params.gap_ns)
            };
            let (kept, ended): (Vec<Open>, Vec<Open>) = std::mem::take(&mut nameless).into_iter().partition(goes_on);
            let stale: Vec<(u64, bool)> = of_object
                .iter()
                .filter(|(_, open)| !goes_on(open))
                .map(|(object, _)| *object)
                .collect();
            nameless = kept;
            let stale = stale.iter().filter_map(|object| of_object.remove(object));
            done.extend(ended.into_iter().chain(stale).filter_map(|open| self.closed(open)));
            let (named, other): (Vec<u32>, Vec<u32>) = moment.iter().partition(|row| self.key(**row).is_some());
            for row in named {
                if let Some(key) = self.key(row) {
                    of_object.entry(key).or_default().push(row);
                }
            }
            self.go_on(&mut nameless, other);
        }
        done.extend(
            of_object
                .into_values()
                .chain(nameless)
                .filter_map(|open| self.closed(open)),
        );
    }

    /// Each of the rows goes on with at most one open mistake, the best overlap first; the others begin one.
    fn go_on(&self, nameless: &mut Vec<Open>, rows: Vec<u32>) {
        let mut pairs: Vec<(f64, usize, u32)> = Vec::new();
        for row in &rows {
            let new = self.of(*row);
            for (at, open) in nameless.iter().enumerate() {
                let Some(last) = self.last(open) else { continue };
                let alike = (last.sensor, last.kind, last.class) == (new.sensor, new.kind, new.class);
                let seconds = new.stamp_ns.saturating_sub(last.stamp_ns) as f64 / 1e9;
                if let Some(well) = new.spot.goes_on(&last.spot, seconds, self.params).filter(|_| alike) {
                    pairs.push((well, at, *row));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let mut taken = vec![false; nameless.len()];
        let mut placed: Vec<u32> = Vec::new();
        for (_, at, row) in pairs {
            if !taken[at] && !placed.contains(&row) {
                taken[at] = true;
                placed.push(row);
                nameless[at].push(row);
            }
        }
        nameless.extend(
            rows.into_iter()
                .filter(|row| !placed.contains(row))
                .map(|row| vec![row]),
        );
    }

    /// The mistake that has ended; nothing when it was too short.
    fn closed(&self, open: Open) -> Option<Mistake> {
        let (first, last) = (self.of(*open.first()?), self.last(&open)?);
        // An object may be wrong in two ways in one frame.
        let mut stamps: Vec<i64> = open.iter().map(|row| self.of(*row).stamp_ns).collect();
        stamps.dedup();
        let lasted = last.stamp_ns.saturating_sub(first.stamp_ns);
        if stamps.len() < self.params.min_frames as usize || lasted < self.params.min_duration_ns {
            return None;
        }
        let mut often: BTreeMap<EventKind, usize> = BTreeMap::new();
        for row in &open {
            *often.entry(self.of(*row).kind).or_default() += 1;
        }
        let most = often.values().max().copied();
        let kind = often.iter().find(|(_, times)| Some(**times) == most);
        Some(Mistake {
            recording: first.recording,
            kind: kind.map_or(first.kind, |(kind, _)| *kind),
            class: first.class,
            object: open.first().and_then(|row| self.object(*row)),
            first_ns: first.stamp_ns,
            last_ns: last.stamp_ns,
            severity: open.iter().map(|row| self.of(*row).severity).fold(0.0, f64::max),
            sightings: open,
        })
    }
}

/// What was driven.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Exposure {
    /// Hours.
    pub hours: f64,
    /// Kilometres, where the ego's pose or speed is known.
    pub km: Option<f64>,
}

impl Exposure {
    /// What was driven in one recording while frames with these stamps were looked at (ascending; several cameras may share stamps): the times between two of them that
    /// are at most `gap_ns` apart. Frames that are further apart were picked from the drive, and say nothing about the time in between.
    ///
    /// ```
    /// use guideway_eval::mistakes::Exposure;
    /// let seconds = |s: i64| s * 1_000_000_000;
    /// let stamps = [0, 1, 2, 3600, 3601].map(seconds);
    /// let exposure = Exposure::driven(&stamps, seconds(1), None);
    /// assert!((exposure.hours * 3600.0 - 3.0).abs() < 1e-9);
    /// ```
    pub fn driven(stamps: &[i64], gap_ns: i64, path: Option<&EgoPath>) -> Self {
        let (mut ns, mut metres) = (0.0, 0.0);
        for pair in stamps.windows(2) {
            let step = pair[1].saturating_sub(pair[0]);
            if step > 0 && step <= gap_ns {
                ns += step as f64;
                metres += path.map_or(0.0, |path| path.travelled_m(pair[0], pair[1]));
            }
        }
        Self {
            hours: ns / 3.6e12,
            km: path.filter(|path| !path.is_empty()).map(|_| metres / 1000.0),
        }
    }

    /// Both together. The way is known where both are, or where one of them drove nothing.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let km = match (self.km, other.km) {
            (Some(a), Some(b)) => Some(a + b),
            (a, None) if other.hours == 0.0 => a,
            (None, b) if self.hours == 0.0 => b,
            _ => None,
        };
        Self {
            hours: self.hours + other.hours,
            km,
        }
    }
}

/// How often something happens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rate {
    /// How many there were.
    pub mistakes: u64,
    /// By the hour.
    pub per_hour: Option<f64>,
    /// The interval of that.
    pub per_hour_interval: Option<Interval>,
    /// By the kilometre.
    pub per_km: Option<f64>,
    /// The interval of that.
    pub per_km_interval: Option<Interval>,
}

impl Rate {
    /// So many mistakes in this exposure, with intervals of this confidence: `None` where nothing was driven, or no one knows how far.
    ///
    /// ```
    /// use guideway_eval::mistakes::{Exposure, Rate};
    /// let rate = Rate::of(12, Exposure { hours: 2.0, km: Some(60.0) }, 0.95);
    /// assert_eq!((rate.per_hour, rate.per_km), (Some(6.0), Some(0.2)));
    /// let interval = rate.per_hour_interval.unwrap();
    /// assert!((interval.lower - 3.100).abs() < 1e-3 && (interval.upper - 10.481).abs() < 1e-3);
    /// ```
    pub fn of(mistakes: u64, exposure: Exposure, confidence: f64) -> Self {
        let driven = |amount: f64| (amount > 0.0 && amount.is_finite()).then_some(amount);
        let (hours, km) = (driven(exposure.hours), exposure.km.and_then(driven));
        Self {
            mistakes,
            per_hour: hours.map(|hours| mistakes as f64 / hours),
            per_hour_interval: hours.and_then(|hours| poisson_rate(mistakes, hours, confidence)),
            per_km: km.map(|km| mistakes as f64 / km),
            per_km_interval: km.and_then(|km| poisson_rate(mistakes, km, confidence)),
        }
    }
}

/// Rates of all mistakes of each kind and class that occurs, by kind, then by class.
pub fn rates(mistakes: &[Mistake], exposure: Exposure, confidence: f64) -> BTreeMap<(EventKind, u32), Rate> {
    let mut counts: BTreeMap<(EventKind, u32), u64> = BTreeMap::new();
    for mistake in mistakes {
        *counts.entry((mistake.kind, mistake.class)).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(key, count)| (key, Rate::of(count, exposure, confidence)))
        .collect()
}
