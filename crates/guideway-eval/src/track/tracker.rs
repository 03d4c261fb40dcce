//! The tracker: one frame in, the tracks as they are then out.

use std::collections::BTreeMap;

use guideway_core::TimeNs;
use serde::{Deserialize, Serialize};

use super::associate::{Candidate, Expected, Ready, Stage, choose};
use super::offline::{Step, Track};
use super::params::{BadInput, TrackParams};
use super::space::{Problem, Space, Updated};
use crate::error::EvalError;

/// What a track is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackStatus {
    /// It may be clutter yet.
    Tentative,
    /// It is an object, detected in this frame.
    Confirmed,
    /// It is an object, not detected in this frame: where it should be.
    Coasting,
}

/// A track in a frame.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(bound(serialize = "S: Space"))]
pub struct TrackView<S: Space> {
    /// Its id: ascending from 1 in the order of births, never used twice.
    pub id: u64,
    /// What it is at the moment.
    pub status: TrackStatus,
    /// The class with most votes; detections vote with their scores.
    pub class: u32,
    /// Weighted mean of its detections' scores, the recent ones first, less while it is not seen.
    pub score: f64,
    /// Filtered place and size: in the image, or in the world frame.
    pub shape: S::Shape,
    /// And their change.
    pub motion: S::Motion,
    /// Standard deviation of the centre, mean over its axes, px or m.
    pub position_sigma: f64,
    /// Row of its detection in the frame, as it was given.
    pub detection: Option<u32>,
    /// Stamp of its first detection.
    pub born: TimeNs,
    /// Stamp of its last detection.
    pub last_seen: TimeNs,
    /// Detections so far.
    pub hits: u64,
}

/// What was odd and could be worked round, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackWarnings {
    /// Detections left out: a coordinate is not finite.
    pub not_finite: u64,
    /// Detections left out: a side is not longer than 0.
    pub bad_size: u64,
    /// Detections left out: the score is not within 0..=1.
    pub bad_score: u64,
    /// Detections left out: exact copies of others.
    pub duplicates: u64,
    /// Velocities left out of their detections: not finite.
    pub bad_velocity: u64,
    /// Detections left out: more than [`TrackParams::max_detections`].
    pub too_many: u64,
    /// Tracks that were not started: more than [`TrackParams::max_tracks`].
    pub births_refused: u64,
    /// Stamps before that of the frame before: all tracks ended there.
    pub clock_resets: u64,
    /// Stamps equal to that of the frame before: taken as a second look at the same moment.
    pub repeated_stamps: u64,
    /// Tracks ended because their numbers ran away: a camera motion or measurements that cannot be.
    pub diverged: u64,
}

impl TrackWarnings {
    /// Was anything odd?
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    fn count(&mut self, problem: Problem) {
        *match problem {
            Problem::NotFinite => &mut self.not_finite,
            Problem::Size => &mut self.bad_size,
            Problem::Score => &mut self.bad_score,
            Problem::Velocity => &mut self.bad_velocity,
            Problem::Duplicate => &mut self.duplicates,
        } += 1;
    }

    /// Adds the counts of another tracker.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.not_finite, other.not_finite),
            (&mut self.bad_size, other.bad_size),
            (&mut self.bad_score, other.bad_score),
            (&mut self.duplicates, other.duplicates),
            (&mut self.bad_velocity, other.bad_velocity),
            (&mut self.too_many, other.too_many),
            (&mut self.births_refused, other.births_refused),
            (&mut self.clock_resets, other.clock_resets),
            (&mut self.repeated_stamps, other.repeated_stamps),
            (&mut self.diverged, other.diverged),
        ] {
            *sum += more;
        }
    }
}

/// The answer to a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackFrame<S: Space> {
    /// Stamp of the frame.
    pub time: TimeNs,
    /// All tracks alive, by id.
    pub tracks: Vec<TrackView<S>>,
    /// Confirmed tracks that ended with this frame, and parts of tracks longer than [`TrackParams::history`]; nothing when that is 0.
    pub finished: Vec<Track<S>>,
    /// What was odd in this frame.
    pub warnings: TrackWarnings,
}

/// One track while it lives.
#[derive(Debug, Clone)]
struct Live<S: Space> {
    id: u64,
    /// The class that it was born with.
    class: u32,
    votes: BTreeMap<u32, f64>,
    state: S::State,
    confirmed: bool,
    /// Bit 0 is this frame, the higher ones those before: was there a detection?
    seen: u64,
    /// Frames since birth, with that one.
    frames: u32,
    hits: u64,
    /// Row of this frame's detection.
    detection: Option<u32>,
    born: TimeNs,
    last_seen: TimeNs,
    score: f64,
    steps: Vec<Step<S>>,
    part: u32,
}

impl<S: Space> Live<S> {
    /// The class with most votes, the one of birth among equals.
    fn voted(&self) -> u32 {
        let mut best = self.class;
        for (class, votes) in &self.votes {
            if *votes > self.votes.get(&best).copied().unwrap_or(0.0) {
                best = *class;
            }
        }
        best
    }

    fn is_seen(&self) -> bool {
        self.seen & 1 == 1
    }

    /// As a finished track: up to the last detection. What is kept afterwards begins with that one.
    fn take_part(&mut self, noise: S::Noise, continues: bool) -> Option<Track<S>> {
        let last = self.steps.iter().rposition(|step| step.detection.is_some())?;
        let rest = if continues {
            self.steps.split_off(last)
        } else {
            Vec::new()
        };
        let mut steps = std::mem::replace(&mut self.steps, rest);
        if let Some(first) = self.steps.first() {
            steps.push(*first);
        } else {
            steps.truncate(last + 1);
        }
        let part = self.part;
        self.part += 1;
        self.confirmed.then(|| Track {
            id: self.id,
            class: self.voted(),
            votes: self.votes.iter().map(|(class, votes)| (*class, *votes)).collect(),
            part,
            continues,
            steps,
            noise,
        })
    }
}

/// A detection that is fit for use.
struct Sifted<S: Space> {
    /// Row as it was given.
    row: u32,
    class: u32,
    score: f64,
    /// In the tracks' frame.
    detection: S::Detection,
}

/// A tracker of boxes in an image, or of cuboids in the world. See the [module](super) for how it works.
///
/// It is fed frame by frame, remembers no more than its tracks, and gives the same answer to the same frames; the order of the detections in a frame
/// does not matter. One tracker follows one stream: one camera, or one vehicle.
#[derive(Debug, Clone)]
pub struct Tracker<S: Space> {
    params: TrackParams<S>,
    all: Ready<S>,
    classes: BTreeMap<u32, Ready<S>>,
    live: Vec<Live<S>>,
    next_id: u64,
    time: Option<TimeNs>,
    warnings: TrackWarnings,
}

impl<S: Space> Tracker<S> {
    /// A tracker without tracks. Parameters that make no sense are an error.
    pub fn new(params: TrackParams<S>) -> Result<Self, EvalError> {
        params.check()?;
        Ok(Self {
            all: Ready::new(params.all),
            classes: params.classes.iter().map(|(c, p)| (*c, Ready::new(*p))).collect(),
            params,
            live: Vec::new(),
            next_id: 1,
            time: None,
            warnings: TrackWarnings::default(),
        })
    }

    /// The settings.
    pub fn params(&self) -> &TrackParams<S> {
        &self.params
    }

    /// What was odd so far.
    pub fn warnings(&self) -> TrackWarnings {
        self.warnings
    }

    /// Takes the detections of a frame.
    ///
    /// `ego` is the camera's motion since the frame before ([`Warp`](super::Warp)), or the pose `world_from_ego` of this frame. Frames come in the
    /// order of their stamps, at any distance; one without detections is a frame, too.
    ///
    /// With [`BadInput::Refuse`] a detection or stamp that cannot be is an error, and the tracker stays as it was.
    pub fn step(
        &mut self,
        time: TimeNs,
        detections: &[S::Detection],
        ego: &S::Ego,
    ) -> Result<TrackFrame<S>, EvalError> {
        let mut warnings = TrackWarnings::default();
        let back = self.check_clock(time, &mut warnings)?;
        let sifted = self.sift(detections, ego, &mut warnings)?;
        let mut finished = Vec::new();
        if back {
            finished.extend(self.end_all());
        }
        let seconds = self.time.map_or(0.0, |before| seconds_between(before, time));
        self.time = Some(time);
        self.end_old(time, &mut finished);
        self.predict(seconds, ego, &mut warnings, &mut finished);
        let detection_of = self.associate(time, &sifted);
        self.update(time, ego, &sifted, &detection_of, &mut warnings, &mut finished);
        self.give_up();
        self.births(time, ego, &sifted, &detection_of, &mut warnings);
        self.cut_histories(&mut finished);
        finished.sort_by_key(|track| (track.id, track.part));
        self.warnings.add(&warnings);
        Ok(TrackFrame {
            time,
            tracks: self.views(time),
            finished,
            warnings,
        })
    }

    /// Ends all tracks, and hands out those that were confirmed. Ids go on.
    pub fn finish(&mut self) -> Vec<Track<S>> {
        self.end_all()
    }

    /// Did the clock go back?
    fn check_clock(&self, time: TimeNs, warnings: &mut TrackWarnings) -> Result<bool, EvalError> {
        let Some(previous) = self.time.filter(|previous| time <= *previous) else {
            return Ok(false);
        };
        if self.params.bad_input == BadInput::Refuse {
            return Err(EvalError::Clock { previous, time });
        }
        if time == previous {
            warnings.repeated_stamps += 1;
            return Ok(false);
        }
        warnings.clock_resets += 1;
        Ok(true)
    }

    /// The detections fit for use, best first: an order that does not depend on the one given.
    fn sift(
        &self,
        detections: &[S::Detection],
        ego: &S::Ego,
        warnings: &mut TrackWarnings,
    ) -> Result<Vec<Sifted<S>>, EvalError> {
        let refuse = self.params.bad_input == BadInput::Refuse;
        let mut odd = |row: usize, problem: Problem| {
            if refuse {
                return Err(EvalError::Detection {
                    row,
                    problem: problem.text(),
                });
            }
            warnings.count(problem);
            Ok(())
        };
        let mut good: Vec<(u32, S::Detection)> = Vec::with_capacity(detections.len());
        for (row, given) in detections.iter().enumerate() {
            let mut detection = *given;
            let (_, score) = S::class_and_score(&detection);
            if let Some(problem) = S::problem(&detection) {
                odd(row, problem)?;
            } else if !(0.0..=1.0).contains(&score) {
                odd(row, Problem::Score)?;
            } else {
                if let Some(problem) = S::repair(&mut detection) {
                    odd(row, problem)?;
                }
                good.push((row as u32, detection));
            }
        }
        let compare = |a: &S::Detection, b: &S::Detection| {
            let ((class_a, score_a), (class_b, score_b)) = (S::class_and_score(a), S::class_and_score(b));
            (score_b.total_cmp(&score_a))
                .then(class_a.cmp(&class_b))
                .then_with(|| S::compare(a, b))
        };
        good.sort_by(|(_, a), (_, b)| compare(a, b));
        let mut kept: Vec<(u32, S::Detection)> = Vec::with_capacity(good.len());
        for (row, detection) in good {
            if kept.last().is_some_and(|(_, last)| compare(last, &detection).is_eq()) {
                odd(row as usize, Problem::Duplicate)?;
            } else {
                kept.push((row, detection));
            }
        }
        let most = self.params.max_detections as usize;
        if kept.len() > most {
            if refuse {
                return Err(EvalError::Detection {
                    row: kept[most].0 as usize,
                    problem: "the frame has more detections than `max_detections`",
                });
            }
            warnings.too_many += (kept.len() - most) as u64;
            kept.truncate(most);
        }
        Ok(kept
            .into_iter()
            .map(|(row, detection)| {
                let (class, score) = S::class_and_score(&detection);
                Sifted {
                    row,
                    class,
                    score,
                    detection: S::measure(&detection, ego),
                }
            })
            .collect())
    }

    fn ready(&self, class: u32) -> &Ready<S> {
        self.classes.get(&class).unwrap_or(&self.all)
    }

    /// Detections and tracks of the same group may pair: a shared number, or the class itself.
    fn group(&self, class: u32) -> (Option<u32>, u32) {
        match self.params.class(class).group {
            Some(group) => (Some(group), 0),
            None => (None, class),
        }
    }

    fn end_all(&mut self) -> Vec<Track<S>> {
        let live = std::mem::take(&mut self.live);
        live.into_iter()
            .filter_map(|mut track| track.take_part(self.params.class(track.class).noise, false))
            .collect()
    }

    /// Removes the tracks for which `ends`.
    fn end(&mut self, finished: &mut Vec<Track<S>>, mut ends: impl FnMut(&Live<S>, &TrackParams<S>) -> bool) {
        let params = &self.params;
        self.live.retain_mut(|track| {
            let gone = ends(track, params);
            if gone {
                finished.extend(track.take_part(params.class(track.class).noise, false));
            }
            !gone
        });
    }

    fn end_old(&mut self, time: TimeNs, finished: &mut Vec<Track<S>>) {
        self.end(finished, |track, params| {
            seconds_between(track.last_seen, time) > params.class(track.class).life.coast_s
        });
    }

    fn predict(&mut self, seconds: f64, ego: &S::Ego, warnings: &mut TrackWarnings, finished: &mut Vec<Track<S>>) {
        let mut lost = Vec::new();
        for track in &mut self.live {
            let params = self.params.class(track.class);
            match S::predict(&track.state, seconds, ego, &params.noise) {
                Some(state) => track.state = state,
                None => lost.push(track.id),
            }
            track.seen <<= 1;
            track.detection = None;
            track.frames = track.frames.saturating_add(1);
        }
        warnings.diverged += lost.len() as u64;
        if !lost.is_empty() {
            self.end(finished, |track, _| lost.contains(&track.id));
        }
    }

    /// For each track the place of its detection among the sifted ones.
    fn associate(&self, time: TimeNs, sifted: &[Sifted<S>]) -> Vec<Option<usize>> {
        let expected: Vec<Expected<S>> = self
            .live
            .iter()
            .map(|track| {
                let ready = self.ready(track.class);
                Expected {
                    shape: S::shape(&track.state),
                    innovation: if ready.needs_innovation() {
                        S::innovation(&track.state, &ready.params.noise)
                    } else {
                        None
                    },
                    unseen_s: seconds_between(track.last_seen, time),
                }
            })
            .collect();
        let mut detection_of: Vec<Option<usize>> = vec![None; self.live.len()];
        let mut taken = vec![false; sifted.len()];
        for stage in [Stage::First, Stage::Second, Stage::Tentative] {
            let mut candidates = Vec::new();
            for (place, track) in self.live.iter().enumerate() {
                let takes_part = match stage {
                    Stage::First => track.confirmed,
                    // Bit 0 is this frame.
                    Stage::Second => track.confirmed && track.seen & 2 != 0,
                    Stage::Tentative => !track.confirmed,
                };
                if !takes_part || detection_of[place].is_some() {
                    continue;
                }
                let (ready, group) = (self.ready(track.class), self.group(track.class));
                for (number, found) in sifted.iter().enumerate() {
                    let bounds = &self.ready(found.class).params.association;
                    let is_high = found.score >= bounds.high_score;
                    let fits = if stage == Stage::Second {
                        !is_high && found.score >= bounds.low_score
                    } else {
                        is_high
                    };
                    if !fits || taken[number] || self.group(found.class) != group {
                        continue;
                    }
                    if let Some(cost) = ready.cost(stage, &expected[place], &found.detection) {
                        candidates.push(Candidate {
                            track: place,
                            detection: number,
                            cost,
                            greedy: ready.params.association.greedy,
                        });
                    }
                }
            }
            for (track, detection) in choose(self.live.len(), sifted.len(), &candidates) {
                detection_of[track] = Some(detection);
                taken[detection] = true;
            }
        }
        detection_of
    }

    fn update(
        &mut self,
        time: TimeNs,
        ego: &S::Ego,
        sifted: &[Sifted<S>],
        detection_of: &[Option<usize>],
        warnings: &mut TrackWarnings,
        finished: &mut Vec<Track<S>>,
    ) {
        let keeps_steps = self.params.history > 0;
        let mut lost = Vec::new();
        for (track, detection) in self.live.iter_mut().zip(detection_of) {
            let params = self.params.class(track.class);
            let found = detection.and_then(|number| sifted.get(number));
            if let Some(found) = found {
                match S::update(&mut track.state, &found.detection, &params.noise) {
                    Updated::Done => {}
                    Updated::Turned => track.steps.iter_mut().for_each(|step| S::turn(&mut step.state)),
                    Updated::Failed => {
                        lost.push(track.id);
                        continue;
                    }
                }
                track.seen |= 1;
                track.detection = Some(found.row);
                track.hits += 1;
                track.last_seen = time;
                track.score += params.life.score_weight * (found.score - track.score);
                *track.votes.entry(found.class).or_insert(0.0) += found.score;
                let window = u64::MAX >> (64 - params.life.confirm_window.clamp(1, 64));
                track.confirmed |= (track.seen & window).count_ones() >= params.life.confirm_hits
                    || params.life.confirm_score.is_some_and(|score| found.score >= score);
            }
            // A past begins with a detection.
            if keeps_steps && (found.is_some() || !track.steps.is_empty()) {
                track.steps.push(Step {
                    time,
                    ego: *ego,
                    state: track.state,
                    detection: found.map(|found| (found.row, found.score)),
                });
            }
        }
        warnings.diverged += lost.len() as u64;
        if !lost.is_empty() {
            self.end(finished, |track, _| lost.contains(&track.id));
        }
    }

    /// Tentative tracks with too many misses to be confirmed any more are clutter.
    fn give_up(&mut self) {
        let params = &self.params;
        self.live.retain(|track| {
            let life = &params.class(track.class).life;
            let frames = track.frames.min(life.confirm_window).clamp(1, 64);
            let hits = (track.seen & (u64::MAX >> (64 - frames))).count_ones();
            track.confirmed || frames - hits <= life.confirm_window - life.confirm_hits
        });
    }

    fn births(
        &mut self,
        time: TimeNs,
        ego: &S::Ego,
        sifted: &[Sifted<S>],
        detection_of: &[Option<usize>],
        warnings: &mut TrackWarnings,
    ) {
        let mut used = vec![false; sifted.len()];
        for number in detection_of.iter().flatten() {
            used[*number] = true;
        }
        for (number, found) in sifted.iter().enumerate() {
            let params = *self.params.class(found.class);
            if used[number] || found.score < params.life.birth_score {
                continue;
            }
            let group = self.group(found.class);
            let repeats = params.life.duplicate_iou < 1.0
                && sifted.iter().zip(&used).any(|(other, used)| {
                    let overlap = || S::iou(&S::detected(&other.detection), &S::detected(&found.detection));
                    *used && self.group(other.class) == group && overlap() > params.life.duplicate_iou
                });
            if repeats {
                continue;
            }
            if self.live.len() >= self.params.max_tracks as usize {
                warnings.births_refused += 1;
                continue;
            }
            used[number] = true;
            let state = S::start(&found.detection, &params.noise);
            let mut track = Live {
                id: self.next_id,
                class: found.class,
                votes: BTreeMap::from([(found.class, found.score)]),
                state,
                confirmed: params.life.confirm_hits <= 1
                    || params.life.confirm_score.is_some_and(|score| found.score >= score),
                seen: 1,
                frames: 1,
                hits: 1,
                detection: Some(found.row),
                born: time,
                last_seen: time,
                score: found.score,
                steps: Vec::new(),
                part: 0,
            };
            if self.params.history > 0 {
                track.steps.push(Step {
                    time,
                    ego: *ego,
                    state,
                    detection: Some((found.row, found.score)),
                });
            }
            self.next_id += 1;
            self.live.push(track);
        }
    }

    /// Hands out the beginnings of tracks that became too long to keep.
    fn cut_histories(&mut self, finished: &mut Vec<Track<S>>) {
        let most = self.params.history as usize;
        for track in &mut self.live {
            if most > 0 && track.steps.len() > most {
                finished.extend(track.take_part(self.params.class(track.class).noise, true));
                // A gap alone longer than what may be kept: the track goes on without its past.
                if track.steps.len() > most {
                    track.steps.clear();
                }
            }
        }
    }

    fn views(&self, time: TimeNs) -> Vec<TrackView<S>> {
        self.live
            .iter()
            .map(|track| {
                let unseen = seconds_between(track.last_seen, time);
                let half_life = self.params.class(track.class).life.score_half_life_s;
                TrackView {
                    id: track.id,
                    status: match (track.confirmed, track.is_seen()) {
                        (false, _) => TrackStatus::Tentative,
                        (true, true) => TrackStatus::Confirmed,
                        (true, false) => TrackStatus::Coasting,
                    },
                    class: track.voted(),
                    score: track.score * (-unseen / half_life).exp2(),
                    shape: S::shape(&track.state),
                    motion: S::motion(&track.state),
                    position_sigma: S::position_sigma(&track.state),
                    detection: track.detection,
                    born: track.born,
                    last_seen: track.last_seen,
                    hits: track.hits,
                }
            })
            .collect()
    }
}

/// Stamps of one clock may be further apart than an `i64` holds.
pub(super) fn seconds_between(from: TimeNs, to: TimeNs) -> f64 {
    (i128::from(to.0) - i128::from(from.0)) as f64 * 1e-9
}
