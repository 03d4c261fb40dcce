//! The numbers of a sequence with what is behind them: each identity switch, and how long it took to find each object.

use std::collections::BTreeMap;

use guideway_core::TimeNs;

use super::evaluate::OnePass;
use super::frame::FrameView;
use super::params::TrackParams;
use super::report::ClassReport;
use crate::error::EvalError;

/// An identity switch, as CLEAR counts it: an object is matched with another track than when it was last matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// Number of the frame, from 0.
    pub frame: u64,
    /// The object: the label's track.
    pub object: u64,
    /// The track that it was matched with before.
    pub from: u64,
    /// The track that it is matched with now.
    pub to: u64,
}

/// How an object was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowedObject {
    /// The object: the label's track.
    pub object: u64,
    /// Stamp of its first label.
    pub appeared: TimeNs,
    /// Stamp of its first match; none if it was never found.
    pub found: Option<TimeNs>,
    /// Frames in which it is labelled.
    pub frames: u64,
    /// Frames in which it is matched.
    pub matched: u64,
    /// Times that its tracking was taken up again.
    pub fragmentations: u64,
    /// The longest time from match to match, or to its first or from its last one, ns.
    pub longest_gap_ns: i64,
}

impl FollowedObject {
    /// From its first label to its first match, s.
    pub fn latency_s(&self) -> Option<f64> {
        Some((self.found?.0 - self.appeared.0) as f64 / 1e9)
    }
}

/// The numbers of one class in one sequence, and what is behind them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Followed {
    /// The same numbers as from [`OnePass`].
    pub report: ClassReport,
    /// Identity switches, by frame.
    pub switches: Vec<Switch>,
    /// Objects, by their ids.
    pub objects: Vec<FollowedObject>,
}

/// What is known of an object so far.
#[derive(Debug, Clone, Copy)]
struct State {
    followed: FollowedObject,
    track: u64,
    /// Stamp of the first label or of the last match.
    since: i64,
    last_label: i64,
}

/// Evaluates frames with stamps one after the other.
///
/// What it holds beside [`OnePass`] is a few numbers per object, and the switches.
///
/// ```
/// use guideway_core::TimeNs;
/// use guideway_eval::assign::PairMatrix;
/// use guideway_eval::mot::{Follower, TrackFrame, TrackParams};
///
/// let mut follower = Follower::new(&TrackParams::default(), "drive")?;
/// for frame in 0..10_i64 {
///     // Nothing is predicted in the first three frames, and from the seventh on it is another track.
///     let predictions = if frame < 3 { vec![] } else { vec![if frame < 6 { 5 } else { 6 }] };
///     let similarity = PairMatrix::new(1, predictions.len(), 0.8);
///     let frame_of = TrackFrame { labels: vec![1], predictions, similarity };
///     follower.push(TimeNs(frame * 100_000_000), frame_of.view())?;
/// }
/// let followed = follower.finish()?;
/// assert_eq!(followed.report.clear.switches, 1);
/// assert_eq!((followed.switches[0].frame, followed.switches[0].from, followed.switches[0].to), (6, 5, 6));
/// assert_eq!(followed.objects[0].latency_s(), Some(0.3));
/// # Ok::<(), guideway_eval::EvalError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Follower {
    pass: OnePass,
    frames: u64,
    objects: BTreeMap<u64, State>,
    switches: Vec<Switch>,
}

impl Follower {
    /// Nothing seen yet. Messages name the sequence.
    pub fn new(params: &TrackParams, sequence: &str) -> Result<Self, EvalError> {
        Ok(Self {
            pass: OnePass::new(params)?.named(sequence, 0),
            frames: 0,
            objects: BTreeMap::new(),
            switches: Vec::new(),
        })
    }

    /// The next frame of the sequence, by ascending stamps; one without labels and predictions counts as a frame.
    pub fn push(&mut self, time: TimeNs, frame: FrameView<'_>) -> Result<(), EvalError> {
        self.pass.push(frame)?;
        for label in frame.labels {
            let state = self.objects.entry(*label).or_insert_with(|| State {
                followed: FollowedObject {
                    object: *label,
                    appeared: time,
                    found: None,
                    frames: 0,
                    matched: 0,
                    fragmentations: 0,
                    longest_gap_ns: 0,
                },
                track: 0,
                since: time.0,
                last_label: time.0,
            });
            state.followed.frames += 1;
            state.last_label = time.0;
        }
        for matched in self.pass.matches() {
            let Some(state) = self.objects.get_mut(&frame.labels[matched.label]) else {
                continue;
            };
            let track = frame.predictions[matched.prediction];
            let followed = &mut state.followed;
            if matched.switched {
                self.switches.push(Switch {
                    frame: self.frames,
                    object: followed.object,
                    from: state.track,
                    to: track,
                });
            }
            followed.found.get_or_insert(time);
            followed.matched += 1;
            followed.fragmentations += u64::from(matched.resumed);
            followed.longest_gap_ns = followed.longest_gap_ns.max(time.0 - state.since);
            state.since = time.0;
            state.track = track;
        }
        self.frames += 1;
        Ok(())
    }

    /// The numbers of the sequence.
    pub fn finish(self) -> Result<Followed, EvalError> {
        Ok(Followed {
            report: self.pass.finish()?,
            switches: self.switches,
            objects: self
                .objects
                .into_values()
                .map(|state| FollowedObject {
                    longest_gap_ns: state.followed.longest_gap_ns.max(state.last_label - state.since),
                    ..state.followed
                })
                .collect(),
        })
    }
}
