//! Mistakes among objects in space.

use guideway_core::Cuboid;
use rayon::prelude::*;

use super::{Cause, Event, EventKind};
use crate::error::EvalError;
use crate::objects3d::{Detections3d, Keep, Truth3d};

/// How mistakes among objects in space are told apart.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SpaceEventParams {
    /// Distance of the centres over ground below which a detection matches, m.
    pub distance_m: f64,
    /// Distance from which on a detection has nothing to do with a label, m.
    pub background_m: f64,
    /// Detections below this score are no mistakes, and find nothing.
    pub min_score: f64,
    /// Labels whose centres are nearer to each other than this crowd each other, m.
    pub crowded_m: f64,
    /// An object with fewer lidar and radar points than these is hardly seen.
    pub few_points: u32,
}

impl Default for SpaceEventParams {
    fn default() -> Self {
        Self {
            distance_m: 2.0,
            background_m: 4.0,
            min_score: super::EventParams::default().min_score,
            crowded_m: 2.0,
            few_points: 5,
        }
    }
}

/// Every mistake among objects in space, by frame; within a frame detections by row, then misses by row of the label. [`Event::image`] is the frame, and no event has an
/// IoU.
///
/// Distances are those of the centres over ground, as nuScenes has them. The kinds and causes are those of [`find_events`](super::find_events), but objects in space do not
/// overlap, so that a label that was found explains nothing but a second detection of itself. What `keep` leaves out (labels to be ignored or out of range, detections out of range) is
/// there to be matched, and no mistake: but that a label that counts has such a detection for a confusion or poor localisation. In each frame, with the detections that score at least [`SpaceEventParams::min_score`]:
///
/// 1. Detections take, best first, the nearest label of their class that nobody has taken yet and that is nearer than [`SpaceEventParams::distance_m`]; of equally near ones
///    first those that count. Of equal scores the one that is nearer to a label of its class comes first, then the one of the earlier row.
/// 2. A detection left over that is so near to a label of its class that was left out is no mistake. Otherwise what is nearest within that distance says what it is: a label of its class, which
///    a better detection has, a [`EventKind::FalsePositive`] with cause [`Cause::Duplicate`]; a label of another class that nothing found, a
///    [`EventKind::Confusion`]; any label that was left out, nothing.
/// 3. With none of these it is a [`EventKind::PoorLocalisation`] of the nearest label of its class that nothing found and that is nearer than
///    [`SpaceEventParams::background_m`], else a [`EventKind::FalsePositive`]: with cause [`Cause::OtherClassNearby`] when there is a label of another class within the
///    first distance, [`Cause::Background`] when not. It names the nearest label within the second distance.
/// 4. A counted label that is neither found nor named by a confusion or poor localisation is a [`EventKind::Miss`].
///
/// ```
/// use guideway_core::{Cuboid, DVec3};
/// use guideway_eval::events::{EventKind, SpaceEventParams, find_events_in_space};
/// use guideway_eval::objects3d::{Detections3d, Keep, Truth3d};
///
/// let car = |x: f64| Cuboid::from_slice(&[x, 0.0, 0.8, 4.5, 1.9, 1.6, 1.0, 0.0, 0.0, 0.0]);
/// let mut truth = Truth3d::new(vec![DVec3::ZERO], 2);
/// truth.push(0, 0, car(10.0)?);
/// truth.push(0, 0, car(30.0)?);
/// let mut detections = Detections3d::default();
/// detections.push(0, 0, car(11.0)?, 0.9);
/// detections.push(0, 1, car(29.5)?, 0.8);
/// let events = find_events_in_space(&truth, &detections, &Keep::default(), &SpaceEventParams::default())?;
/// assert_eq!((events.len(), events[0].kind, events[0].label), (1, EventKind::Confusion, Some(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`EvalError::Parameter`] for distances that make no sense, and whatever is wrong with the columns.
pub fn find_events_in_space(
    truth: &Truth3d,
    detections: &Detections3d,
    keep: &Keep,
    params: &SpaceEventParams,
) -> Result<Vec<Event>, EvalError> {
    params.check()?;
    truth.validate()?;
    detections.validate(truth)?;
    keep.validate(truth, detections)?;
    let frames = truth.ego.len();
    let (labels, found) = (by_frame(frames, &truth.frame), by_frame(frames, &detections.frame));
    let finder = Finder {
        truth,
        detections,
        keep,
        params,
    };
    let events: Vec<Vec<Event>> = labels
        .par_iter()
        .zip(&found)
        .enumerate()
        .map(|(frame, (labels, found))| finder.frame(frame as u32, labels, found))
        .collect();
    Ok(events.concat())
}

impl SpaceEventParams {
    fn check(&self) -> Result<(), EvalError> {
        let wrong = |parameter, problem| Err(EvalError::Parameter { parameter, problem });
        if !(self.distance_m > 0.0 && self.distance_m.is_finite()) {
            return wrong("distance_m", format!("{} is not a distance above 0", self.distance_m));
        }
        if !(self.background_m >= self.distance_m && self.background_m.is_finite()) {
            return wrong(
                "background_m",
                format!(
                    "{} is not at least the matching distance {}",
                    self.background_m, self.distance_m
                ),
            );
        }
        Ok(())
    }
}

fn by_frame(frames: usize, of: &[u32]) -> Vec<Vec<u32>> {
    let mut rows = vec![Vec::new(); frames];
    for (row, frame) in (0..).zip(of) {
        rows[*frame as usize].push(row);
    }
    rows
}

fn over_ground(a: &Cuboid, b: &Cuboid) -> f64 {
    (a.center - b.center).truncate().length()
}

struct Finder<'a> {
    truth: &'a Truth3d,
    detections: &'a Detections3d,
    keep: &'a Keep,
    params: &'a SpaceEventParams,
}

/// A label and how far away it is, m.
type Near = (f64, u32);

/// Who has whom in a frame, by places among its labels and detections.
struct Taken {
    label: Vec<Option<usize>>,
    detection: Vec<Option<usize>>,
}

impl Finder<'_> {
    fn frame(&self, frame: u32, labels: &[u32], found: &[u32]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut explained = Vec::new();
        let taken = self.matched(labels, found, self.params.min_score);
        // The same with every score: tells which misses are only a matter of the threshold.
        let unlimited = self.matched(labels, found, f64::NEG_INFINITY);
        for (at, row) in found.iter().enumerate() {
            let d = *row as usize;
            let is_sure = self.detections.score[d] >= self.params.min_score;
            if !is_sure || taken.detection[at].is_some() {
                continue;
            }
            let Some(event) = self.wrong_detection(frame, *row, labels, &taken) else {
                continue;
            };
            if event.kind != EventKind::FalsePositive {
                explained.extend(event.label);
            } else if !self.keep.detection(d) {
                continue;
            }
            events.push(event);
        }
        for (at, row) in labels.iter().enumerate() {
            if self.keep.label(*row as usize) && taken.label[at].is_none() && !explained.contains(row) {
                let low = unlimited.label[at].map(|at| found[at]);
                events.push(self.miss(frame, *row, low, labels));
            }
        }
        events
    }

    fn distance(&self, detection: u32, label: u32) -> f64 {
        over_ground(
            &self.detections.cuboid[detection as usize],
            &self.truth.cuboid[label as usize],
        )
    }

    fn is_same(&self, detection: u32, label: u32) -> bool {
        self.detections.class[detection as usize] == self.truth.class[label as usize]
    }

    /// The nearest of some labels, nearer than a limit; of equally near ones the first.
    fn nearest(&self, detection: u32, labels: impl Iterator<Item = u32>, limit_m: f64) -> Option<Near> {
        labels
            .map(|label| (self.distance(detection, label), label))
            .filter(|(distance, _)| *distance < limit_m)
            .reduce(|best, next| if next.0 < best.0 { next } else { best })
    }

    fn matched(&self, labels: &[u32], found: &[u32], min_score: f64) -> Taken {
        let reach = self.params.distance_m;
        let mut order: Vec<(usize, f64, f64)> = found
            .iter()
            .enumerate()
            .filter_map(|(at, row)| {
                let score = self.detections.score[*row as usize];
                let own = labels.iter().copied().filter(|label| self.is_same(*row, *label));
                let (distance, _) = self.nearest(*row, own, reach)?;
                (score >= min_score).then_some((at, score, distance))
            })
            .collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.2.total_cmp(&b.2)).then(a.0.cmp(&b.0)));
        let mut taken = Taken {
            label: vec![None; labels.len()],
            detection: vec![None; found.len()],
        };
        for (at, ..) in order {
            // Of equally near ones first those that count, as COCO has it.
            let nearest = (0..labels.len())
                .filter(|place| taken.label[*place].is_none() && self.is_same(found[at], labels[*place]))
                .map(|place| {
                    let is_left_out = !self.keep.label(labels[place] as usize);
                    (self.distance(found[at], labels[place]), is_left_out, place)
                })
                .filter(|(distance, ..)| *distance < reach)
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            if let Some((.., place)) = nearest {
                taken.label[place] = Some(at);
                taken.detection[at] = Some(place);
            }
        }
        taken
    }

    /// What a detection is that found nothing; `None` where it is no mistake.
    fn wrong_detection(&self, frame: u32, row: u32, labels: &[u32], taken: &Taken) -> Option<Event> {
        let (reach, far) = (self.params.distance_m, self.params.background_m);
        let nearest = |limit_m: f64, wanted: &dyn Fn(usize, u32) -> bool| {
            let of = labels.iter().enumerate().filter(|(at, label)| wanted(*at, **label));
            self.nearest(row, of.map(|(_, label)| *label), limit_m)
        };
        let counts = |label: u32| self.keep.label(label as usize);
        let is_same = |label: u32| self.is_same(row, label);
        let is_free = |at: usize| taken.label[at].is_none();
        if nearest(reach, &|_, label| is_same(label) && !counts(label)).is_some() {
            return None;
        }
        let second = nearest(reach, &|_, label| is_same(label) && counts(label));
        let confused = nearest(reach, &|at, label| !is_same(label) && counts(label) && is_free(at));
        let left_out = nearest(reach, &|_, label| !counts(label));
        let beats = |one: Option<Near>, other: Option<Near>| match (one, other) {
            (Some(one), Some(other)) => one.0 <= other.0,
            (one, _) => one.is_some(),
        };
        let badly_placed = || nearest(far, &|at, label| is_same(label) && counts(label) && is_free(at));
        let mut causes = Vec::new();
        let (kind, named) = if beats(second, confused) && beats(second, left_out) {
            causes.push(Cause::Duplicate);
            (EventKind::FalsePositive, second)
        } else if beats(confused, left_out) {
            (EventKind::Confusion, confused)
        } else if left_out.is_some() {
            return None;
        } else if let Some(label) = badly_placed() {
            (EventKind::PoorLocalisation, Some(label))
        } else {
            let named = nearest(far, &|_, label| counts(label));
            let other = nearest(reach, &|_, label| counts(label) && !is_same(label));
            causes.push(if other.is_some() {
                Cause::OtherClassNearby
            } else {
                Cause::Background
            });
            (EventKind::FalsePositive, other.or(named))
        };
        let label = named.map(|(_, label)| label);
        if let Some(label) = label.filter(|_| kind != EventKind::FalsePositive) {
            self.label_causes(label, labels, &mut causes);
        }
        let score = self.detections.score[row as usize];
        Some(Event {
            kind,
            image: frame,
            label,
            label_class: label.map(|label| self.truth.class[label as usize]),
            detection: Some(row),
            detection_class: Some(self.detections.class[row as usize]),
            iou: None,
            score: Some(score),
            severity: score.clamp(0.0, 1.0),
            causes,
        })
    }

    fn miss(&self, frame: u32, label: u32, low: Option<u32>, labels: &[u32]) -> Event {
        let mut causes = Vec::new();
        if low.is_some() {
            causes.push(Cause::LowScore);
        }
        self.label_causes(label, labels, &mut causes);
        let score = low.map(|d| self.detections.score[d as usize]);
        Event {
            kind: EventKind::Miss,
            image: frame,
            label: Some(label),
            label_class: Some(self.truth.class[label as usize]),
            detection: low,
            detection_class: low.map(|d| self.detections.class[d as usize]),
            iou: None,
            score,
            severity: 1.0 - score.unwrap_or(0.0).clamp(0.0, 1.0),
            causes,
        }
    }

    fn label_causes(&self, label: u32, labels: &[u32], causes: &mut Vec<Cause>) {
        let own = &self.truth.cuboid[label as usize];
        let is_crowded = labels.iter().any(|other| {
            *other != label && over_ground(own, &self.truth.cuboid[*other as usize]) < self.params.crowded_m
        });
        if is_crowded {
            causes.push(Cause::Crowded);
        }
        if self.truth.points[label as usize].is_some_and(|points| points < self.params.few_points) {
            causes.push(Cause::FewPoints);
        }
        causes.sort_unstable();
    }
}
