//! Frames in, violations and objects out.

use std::collections::BTreeMap;

use crate::input::{Frame, Observation};
use crate::motion::seconds;
use crate::object::Object;
use crate::outcome::Outcome;
use crate::params::RuleSet;
use crate::priors::Priors;
use crate::report::Desk;
use crate::rule::{Rule, Subject};
use crate::rules::Rules;
use crate::seen::{Kinds, clean, good_view};
use crate::stream::{Birth, Stream};
use crate::violation::Violation;

/// What a step of the check brought to light.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// What did not hold, in the order in which it became certain.
    pub violations: Vec<Violation>,
    /// Objects that are gone.
    pub objects: Vec<Object>,
}

impl Found {
    /// Adds what another step found.
    pub fn append(&mut self, mut other: Self) {
        self.violations.append(&mut other.violations);
        self.objects.append(&mut other.objects);
    }
}

/// Checks recordings, one after the other, frame by frame. Memory is bounded by what was alive in the last seconds.
///
/// ```
/// use guideway_assert::{BBox, Checker, Frame, Observation, Rule, Rules, Subject, View};
///
/// let mut checker = Checker::new(Rules::shipped()?, Subject::Detections);
/// let mut found = Vec::new();
/// for i in 0..20 {
///     let frame = Frame {
///         recording: "drive-1",
///         sensor: "/camera",
///         stamp_ns: i * 100_000_000,
///         view: View::Image { width: 1280.0, height: 720.0 },
///         ..Frame::default()
///     };
///     let car = Observation {
///         class: "car",
///         score: Some(0.9),
///         track: Some("7"),
///         // In the tenth frame it is somewhere else.
///         bbox: Some(BBox::from_xywh(if i == 10 { 900.0 } else { 300.0 }, 300.0, 120.0, 100.0)),
///         ..Observation::default()
///     };
///     found.append(&mut checker.frame(&frame, &[car]).violations);
/// }
/// found.append(&mut checker.finish_recording().violations);
/// assert_eq!(found[0].rule, Rule::Teleport);
/// assert_eq!(found[0].stamp_ns, 1_000_000_000);
/// // There was no cuboid: sizes in metres could not be checked, and nobody is left to believe that they were.
/// assert_eq!(checker.outcome().not_checked[&Rule::Size].reasons["no cuboid"], 20);
/// # Ok::<(), guideway_assert::AssertError>(())
/// ```
#[derive(Debug)]
pub struct Checker {
    rules: Rules,
    set: RuleSet,
    priors: Option<Priors>,
    kinds: Kinds,
    recording: Option<String>,
    streams: BTreeMap<String, Stream>,
    outcome: Outcome,
}

impl Checker {
    /// With rules, for detections or labels.
    pub fn new(rules: Rules, subject: Subject) -> Self {
        let set = rules.set(subject).clone();
        Self {
            kinds: Kinds::new(&rules, &set.all),
            set,
            rules,
            priors: None,
            recording: None,
            streams: BTreeMap::new(),
            outcome: Outcome::default(),
        }
    }

    /// Also checks what was learned of the classes.
    #[must_use]
    pub fn with_priors(mut self, priors: Priors) -> Self {
        self.priors = Some(priors);
        self
    }

    /// The next frame, and all that was found in it. A frame of another recording ends the one before. A frame that is not later than the last of its
    /// sensor is left out with a warning.
    pub fn frame(&mut self, frame: &Frame<'_>, observations: &[Observation<'_>]) -> Found {
        let mut found = Found::default();
        if self.recording.as_deref() != Some(frame.recording) {
            found = self.finish_recording();
            self.recording = Some(frame.recording.to_owned());
            self.outcome.recordings += 1;
        }
        if !self.streams.contains_key(frame.sensor) {
            self.streams.insert(frame.sensor.to_owned(), Stream::default());
        }
        let Some(stream) = self.streams.get_mut(frame.sensor) else {
            return found;
        };
        if !stream.step(frame, &mut self.outcome) {
            return found;
        }
        self.outcome.frames += 1;
        let view = good_view(frame, &mut self.outcome);
        let mut seen = clean(
            &self.rules,
            &mut self.kinds,
            &self.set.all,
            (frame, view, stream.frames),
            observations,
            &mut self.outcome,
        );
        for (key, track) in stream.expire(self.set.all.memory_s) {
            found
                .objects
                .push(track.tally.finish(frame.recording, frame.sensor, &key));
        }
        stream.identify(frame, &mut seen, &self.set, &mut self.outcome);
        let mut desk = Desk {
            set: &self.set,
            priors: self.priors.as_ref(),
            frame,
            view,
            outcome: &mut self.outcome,
            out: &mut found.violations,
        };
        for one in &seen {
            let new = stream.tracks.get(&one.key).is_some_and(|track| track.tally.frames == 0);
            let birth = if new && desk.enabled(Rule::Appearance) {
                Some(desk.birth(one, &seen, stream))
            } else {
                if desk.enabled(Rule::Appearance) {
                    desk.outcome.skip(Rule::Appearance, "not new");
                }
                None
            };
            let Stream {
                tracks,
                recent,
                returns,
                ..
            } = stream;
            let Some(track) = tracks.get_mut(&one.key) else {
                continue;
            };
            if let Some(birth) = birth {
                track.birth = birth;
            }
            desk.one(one, track, returns);
            desk.over_time(one, track, recent);
            if track.birth == Birth::Suspicious {
                desk.appeared(one, track);
            }
        }
        desk.duplicates(&seen, &mut stream.tracks);
        let keep_s = self.set.flicker.max_gap_s.max(1.0);
        stream.remember(frame, view, &seen, keep_s);
        found
    }

    /// The recording has no more frames: its objects are gone.
    pub fn finish_recording(&mut self) -> Found {
        let mut found = Found::default();
        let Some(recording) = self.recording.take() else {
            return found;
        };
        let streams = std::mem::take(&mut self.streams);
        let first = streams.values().filter(|s| s.frames > 0).map(|s| s.first_ns).min();
        let last = streams.values().filter(|s| s.frames > 0).map(|s| s.last_ns).max();
        if let Some((first, last)) = first.zip(last) {
            self.outcome.seconds += seconds(first, last);
        }
        for (sensor, stream) in streams {
            for (key, track) in stream.tracks {
                found.objects.push(track.tally.finish(&recording, &sensor, &key));
            }
        }
        found
    }

    /// What is asserted.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What was checked so far, and what could not be.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Checks all frames of a slice, recording by recording and in the order of time.
    pub fn check<'a>(&mut self, frames: impl IntoIterator<Item = (Frame<'a>, &'a [Observation<'a>])>) -> Found {
        let mut found = Found::default();
        for (frame, observations) in frames {
            found.append(self.frame(&frame, observations));
        }
        found.append(self.finish_recording());
        found
    }
}
