//! What can be said about a track when it has ended: a smoother path, and where the object was while nothing saw it.

use guideway_core::TimeNs;
use serde::{Deserialize, Serialize};

use super::params::TrackParams;
use super::space::{Space, parameter};
use super::tracker::{Tracker, seconds_between};
use crate::error::EvalError;

/// A frame of a track's past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step<S: Space> {
    pub(super) time: TimeNs,
    pub(super) ego: S::Ego,
    /// After this frame's detection, if there was one.
    pub(super) state: S::State,
    /// Row and score.
    pub(super) detection: Option<(u32, f64)>,
}

/// A confirmed track that ended, or a part of a long one, from its first to its last detection with everything the filter knew.
#[derive(Debug, Clone, PartialEq)]
pub struct Track<S: Space> {
    /// Its id.
    pub id: u64,
    /// The class with most votes.
    pub class: u32,
    /// Sum of the scores of the detections of each class, by class.
    pub votes: Vec<(u32, f64)>,
    /// Number of the part, from 0.
    pub part: u32,
    /// The track goes on: the next part begins with the last frame of this one.
    pub continues: bool,
    pub(super) steps: Vec<Step<S>>,
    pub(super) noise: S::Noise,
}

/// A moment of a trajectory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(bound(serialize = "S: Space"))]
pub struct TrackPoint<S: Space> {
    /// Stamp of the frame.
    pub time: TimeNs,
    /// Place and size: in the image, or in the world frame.
    pub shape: S::Shape,
    /// And their change.
    pub motion: S::Motion,
    /// Standard deviation of the centre, mean over its axes, px or m.
    pub position_sigma: f64,
    /// Row of the detection in its frame; `None` where nothing was detected and the point fills a gap.
    pub detection: Option<u32>,
    /// Score of that detection.
    pub score: Option<f64>,
}

/// The way of an object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(bound(serialize = "S: Space"))]
pub struct Trajectory<S: Space> {
    /// Id of the track.
    pub id: u64,
    /// Number of the part, from 0.
    pub part: u32,
    /// The track goes on: the next part begins with the last point of this one.
    pub continues: bool,
    /// The class with most votes.
    pub class: u32,
    /// Mean score of the detections.
    pub score: f64,
    /// Its points in the order of time.
    pub points: Vec<TrackPoint<S>>,
}

/// What to make of finished tracks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfflineParams {
    /// Go back through the track so that every point knows of all detections, not of the earlier ones alone.
    pub smooth: bool,
    /// Fill gaps up to this time between detections, s: with the smoothed path, or without smoothing on straight lines between the points at
    /// both ends. Frames in longer gaps have no points.
    pub fill_gap_s: f64,
}

impl Default for OfflineParams {
    /// Smoothed, gaps filled up to 1 s.
    fn default() -> Self {
        Self {
            smooth: true,
            fill_gap_s: 1.0,
        }
    }
}

impl OfflineParams {
    /// Are they usable?
    pub fn check(&self) -> Result<(), EvalError> {
        if (0.0..=1e9).contains(&self.fill_gap_s) {
            return Ok(());
        }
        parameter("fill_gap_s", format!("{} is not within 0..=1e9 s", self.fill_gap_s))
    }
}

impl<S: Space> Track<S> {
    /// Stamps of the first and the last detection.
    pub fn span(&self) -> Option<(TimeNs, TimeNs)> {
        Some((self.steps.first()?.time, self.steps.last()?.time))
    }

    /// The estimates as they were made frame by frame, gaps included.
    pub fn points(&self) -> impl Iterator<Item = TrackPoint<S>> + '_ {
        self.steps.iter().map(|step| point(step, &step.state))
    }

    /// The way of the object with all that is known now.
    ///
    /// Smoothing is that of Rauch, Tung and Striebel, "Maximum likelihood estimates of linear dynamic systems" (1965), with the motion
    /// linearised where the filter did; the camera's motion counts as part of it. It takes as much time as tracking, and one more state per frame.
    pub fn trajectory(&self, params: &OfflineParams) -> Trajectory<S> {
        let mut points: Vec<TrackPoint<S>> = if params.smooth {
            self.smoothed()
        } else {
            self.points().collect()
        };
        let mut keep = vec![true; points.len()];
        let seen: Vec<usize> = (0..points.len()).filter(|i| points[*i].detection.is_some()).collect();
        for ends in seen.windows(2) {
            let (a, b) = (points[ends[0]], points[ends[1]]);
            let gap = seconds_between(a.time, b.time);
            for place in ends[0] + 1..ends[1] {
                keep[place] = gap <= params.fill_gap_s;
                if !params.smooth {
                    let t = if gap > 0.0 {
                        seconds_between(a.time, points[place].time) / gap
                    } else {
                        0.0
                    };
                    points[place].shape = S::between(&a.shape, &b.shape, t);
                }
            }
        }
        let mut kept = keep.into_iter();
        points.retain(|_| kept.next().unwrap_or(true));
        let scores: Vec<f64> = points.iter().filter_map(|point| point.score).collect();
        Trajectory {
            id: self.id,
            part: self.part,
            continues: self.continues,
            class: self.class,
            score: scores.iter().sum::<f64>() / scores.len().max(1) as f64,
            points,
        }
    }

    fn smoothed(&self) -> Vec<TrackPoint<S>> {
        let mut out = Vec::with_capacity(self.steps.len());
        let mut next: Option<(S::State, &Step<S>)> = None;
        for step in self.steps.iter().rev() {
            let state = match next {
                Some((after, later)) => {
                    let seconds = seconds_between(step.time, later.time);
                    S::smooth(&step.state, &after, seconds, &later.ego, &self.noise)
                }
                None => step.state,
            };
            out.push(point(step, &state));
            next = Some((state, step));
        }
        out.reverse();
        out
    }
}

fn point<S: Space>(step: &Step<S>, state: &S::State) -> TrackPoint<S> {
    TrackPoint {
        time: step.time,
        shape: S::shape(state),
        motion: S::motion(state),
        position_sigma: S::position_sigma(state),
        detection: step.detection.map(|(row, _)| row),
        score: step.detection.map(|(_, score)| score),
    }
}

/// Finished tracks as trajectories, one by one: [`offline`].
#[derive(Debug, Clone)]
pub struct Trajectories<I> {
    tracks: I,
    params: OfflineParams,
}

/// Smooths finished tracks and fills their gaps, holding one track at a time.
pub fn offline<S, I>(tracks: I, params: OfflineParams) -> Result<Trajectories<I::IntoIter>, EvalError>
where
    S: Space,
    I: IntoIterator<Item = Track<S>>,
{
    params.check()?;
    Ok(Trajectories {
        tracks: tracks.into_iter(),
        params,
    })
}

impl<S: Space, I: Iterator<Item = Track<S>>> Iterator for Trajectories<I> {
    type Item = Trajectory<S>;

    fn next(&mut self) -> Option<Trajectory<S>> {
        Some(self.tracks.next()?.trajectory(&self.params))
    }
}

/// A frame for [`finished_tracks`].
#[derive(Debug, Clone, PartialEq)]
pub struct FrameInput<S: Space> {
    /// Stamp.
    pub time: TimeNs,
    /// What was detected.
    pub detections: Vec<S::Detection>,
    /// How the sensor moved: see [`Tracker::step`].
    pub ego: S::Ego,
}

/// The tracks of a stream of frames, in the order in which they end: [`finished_tracks`].
#[derive(Debug, Clone)]
pub struct FinishedTracks<S: Space, I> {
    /// `None` when the stream has ended.
    frames: Option<I>,
    tracker: Tracker<S>,
    ready: std::collections::VecDeque<Track<S>>,
}

/// Tracks a stream of frames to its end. What is held at a time are the tracks alive with as many of their frames as
/// [`TrackParams::history`] says, which must not be 0.
///
/// An error ends the stream. [`FinishedTracks::tracker`] knows what was odd.
pub fn finished_tracks<S, I>(frames: I, params: TrackParams<S>) -> Result<FinishedTracks<S, I::IntoIter>, EvalError>
where
    S: Space,
    I: IntoIterator<Item = FrameInput<S>>,
{
    if params.history == 0 {
        return parameter(
            "history",
            "0 frames are kept of each track, so that there is nothing to hand out",
        );
    }
    Ok(FinishedTracks {
        frames: Some(frames.into_iter()),
        tracker: Tracker::new(params)?,
        ready: std::collections::VecDeque::new(),
    })
}

impl<S: Space, I> FinishedTracks<S, I> {
    /// The tracker as it is by now.
    pub fn tracker(&self) -> &Tracker<S> {
        &self.tracker
    }
}

impl<S: Space, I: Iterator<Item = FrameInput<S>>> Iterator for FinishedTracks<S, I> {
    type Item = Result<Track<S>, EvalError>;

    fn next(&mut self) -> Option<Result<Track<S>, EvalError>> {
        loop {
            if let Some(track) = self.ready.pop_front() {
                return Some(Ok(track));
            }
            let Some(frame) = self.frames.as_mut()?.next() else {
                self.frames = None;
                self.ready.extend(self.tracker.finish());
                continue;
            };
            match self.tracker.step(frame.time, &frame.detections, &frame.ego) {
                Ok(answer) => self.ready.extend(answer.finished),
                Err(err) => {
                    self.frames = None;
                    return Some(Err(err));
                }
            }
        }
    }
}
