//! Samples of signals and stamps of frames in, [`Violation`]s out.
//!
//! What goes wrong for a while is one violation: it begins with its first sample, ends when nothing was wrong for [`EPISODE_S`], says how often it was seen, and is
//! given back when it is over. The object of a violation is `signal:TOPIC`, for transforms `signal:TOPIC CHILD`, where two signals contradict each other and nobody can say
//! which is right `signal:TOPIC, TOPIC`, and `signal:*` where all were silent at once.

use std::collections::BTreeMap;

use crate::motion::seconds;
use crate::outcome::Outcome;
use crate::params::RuleSet;
use crate::report::Measured;
use crate::rule::{Rule, Subject};
use crate::rules::Rules;
use crate::signal_speed::Panel;
use crate::signal_stream::SignalStream;
use crate::violation::Violation;

/// Violations of one rule by one signal that are no further apart than this are one, s.
pub const EPISODE_S: f64 = 2.0;

/// So many silences of all signals are remembered.
const SILENCES: usize = 4;
/// This part of a signal's silence must be everybody's for the recorder to be its cause.
const SHARED: f64 = 0.7;

/// What a sample is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignalKind {
    /// The stamp of a frame.
    #[default]
    Frame,
    /// Where the vehicle is.
    Pose,
    /// Where it is and how it moves.
    Odometry,
    /// Inertial measurements.
    Imu,
    /// A fix.
    Gnss,
    /// Where a frame of coordinates is in another.
    Transform,
    /// A single value.
    Value,
}

impl SignalKind {
    /// Its name in tables; a frame is a `frame`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Pose => "pose",
            Self::Odometry => "odometry",
            Self::Imu => "imu",
            Self::Gnss => "gnss",
            Self::Transform => "transform",
            Self::Value => "value",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Frame,
            Self::Pose,
            Self::Odometry,
            Self::Imu,
            Self::Gnss,
            Self::Transform,
            Self::Value,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }
}

/// A sample. Numbers that a kind does not have are `None`; a number that should be there and is `None`, or not finite, is a fault.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signal<'a> {
    /// The recording that it belongs to. Recordings come one after the other.
    pub recording: &'a str,
    /// The topic, or the sensor of a frame.
    pub topic: &'a str,
    /// What it is of.
    pub kind: SignalKind,
    /// Stamp, ns.
    pub stamp_ns: i64,
    /// When the log got it, ns, by a clock that all topics share. It ascends over all samples; without it the stamps do.
    pub arrival_ns: Option<i64>,
    /// The frame's id in the tables, for the evidence.
    pub frame_id: Option<&'a str>,
    /// Parent frame of a pose or transform.
    pub parent: Option<&'a str>,
    /// Child frame of a pose or transform.
    pub child: Option<&'a str>,
    /// Name of a single value.
    pub name: Option<&'a str>,
    /// Position x y z, m.
    pub position: [Option<f64>; 3],
    /// Orientation w x y z.
    pub rotation: [Option<f64>; 4],
    /// Velocity x y z, m/s.
    pub velocity: [Option<f64>; 3],
    /// Rate of turn x y z, rad/s.
    pub turn: [Option<f64>; 3],
    /// Acceleration x y z, m/s².
    pub acceleration: [Option<f64>; 3],
    /// Latitude and longitude, degrees; altitude, m.
    pub geodetic: [Option<f64>; 3],
    /// Single value.
    pub value: Option<f64>,
}

impl Signal<'_> {
    /// When it came, by the clock that all share, ns.
    pub(crate) fn at_ns(&self) -> i64 {
        self.arrival_ns.unwrap_or(self.stamp_ns)
    }
}

/// Who is wrong, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit<'a> {
    pub(crate) object: &'a str,
    pub(crate) topic: &'a str,
    pub(crate) class: &'static str,
    pub(crate) stamp_ns: i64,
    pub(crate) at_ns: i64,
    pub(crate) frame_id: Option<&'a str>,
}

#[derive(Debug)]
struct Episode {
    topic: String,
    class: &'static str,
    first_ns: i64,
    last_ns: i64,
    at_ns: i64,
    frame_id: Option<String>,
    count: u32,
    worst: Measured,
    message: String,
}

/// The account, and what is wrong at the moment.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) set: RuleSet,
    pub(crate) outcome: Outcome,
    episodes: BTreeMap<(String, Rule), Episode>,
}

impl Ledger {
    pub(crate) fn enabled(&self, rule: Rule) -> bool {
        self.set.head(rule).enabled
    }

    pub(crate) fn check(&mut self, rule: Rule) {
        if self.enabled(rule) {
            self.outcome.check(rule);
        }
    }

    pub(crate) fn skip(&mut self, rule: Rule, reason: &'static str) {
        if self.enabled(rule) {
            self.outcome.skip(rule, reason);
        }
    }

    /// Something is wrong. The message of the worst is kept.
    pub(crate) fn hit(&mut self, rule: Rule, hit: Hit<'_>, measured: Measured, message: impl FnOnce() -> String) {
        if !self.enabled(rule) {
            return;
        }
        let key = (hit.object.to_owned(), rule);
        if let Some(episode) = self.episodes.get_mut(&key) {
            // Signals of one topic may have the same fault at the same time.
            if hit.stamp_ns != episode.last_ns {
                episode.count = episode.count.saturating_add(1);
            }
            episode.last_ns = episode.last_ns.max(hit.stamp_ns);
            episode.at_ns = hit.at_ns;
            if measured.strength > episode.worst.strength {
                episode.worst = measured;
                episode.message = message();
            }
            return;
        }
        self.episodes.insert(
            key,
            Episode {
                topic: hit.topic.to_owned(),
                class: hit.class,
                first_ns: hit.stamp_ns,
                last_ns: hit.stamp_ns,
                at_ns: hit.at_ns,
                frame_id: hit.frame_id.map(str::to_owned),
                count: 1,
                worst: measured,
                message: message(),
            },
        );
    }

    /// What is over, in the order of objects and rules.
    fn finish(&mut self, recording: &str, now_ns: Option<i64>, out: &mut Vec<Violation>) {
        let over: Vec<((String, Rule), Episode)> = self
            .episodes
            .extract_if(.., |_, episode| {
                now_ns.is_none_or(|now| seconds(episode.at_ns, now) > EPISODE_S)
            })
            .collect();
        for ((object, rule), episode) in over {
            let head = self.set.head(rule);
            if episode.count < head.min_frames {
                continue;
            }
            *self.outcome.violations.entry(rule).or_default() += 1;
            let lasted = seconds(episode.first_ns, episode.last_ns).max(0.0);
            // What lasts says for how long by itself.
            let again = episode.count > 1 && !matches!(rule, Rule::Frozen | Rule::Disagree);
            let mut message = episode.message;
            if again {
                message = format!("{message}; {} times within {lasted:.1} s", episode.count);
            }
            out.push(Violation {
                rule,
                severity: head.severity,
                scope: head.scope,
                owner: head.owner.to_owned(),
                recording: recording.to_owned(),
                sensor: episode.topic,
                stamp_ns: episode.first_ns,
                frame_id: episode.frame_id,
                object,
                class: episode.class.to_owned(),
                row: None,
                observation: None,
                bbox: None,
                value: episode.worst.value,
                limit: episode.worst.limit,
                strength: episode.worst.strength,
                message,
            });
        }
    }
}

/// Times in which no signal said anything.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    /// From, to, and whether a signal was said to be silent then.
    known: Vec<(i64, i64, bool)>,
    /// There are others than the one that asks.
    several: bool,
}

impl Silences {
    /// Is this silence of a signal everybody's? Then whether it is the first that is asked about it.
    pub(crate) fn shared(&mut self, from_ns: i64, to_ns: i64) -> Option<bool> {
        if !self.several {
            return None;
        }
        let length = seconds(from_ns, to_ns);
        let silence = self
            .known
            .iter_mut()
            .find(|(from, to, _)| *from >= from_ns && *to <= to_ns && seconds(*from, *to) >= SHARED * length)?;
        Some(!std::mem::replace(&mut silence.2, true))
    }
}

/// Checks the signals of recordings, one after the other, sample by sample in the order in which the log got them. Memory is bounded by the number of topics.
///
/// ```
/// use guideway_assert::{Rule, Rules, Signal, SignalChecker, SignalKind};
///
/// let mut checker = SignalChecker::new(&Rules::shipped()?);
/// let mut found = Vec::new();
/// for i in 0..600_i64 {
///     // Wheels turn with 9 m/s; the fifth second of them is missing.
///     if (250..300).contains(&i) {
///         continue;
///     }
///     found.extend(checker.sample(&Signal {
///         recording: "drive-1",
///         topic: "/can/speed",
///         kind: SignalKind::Value,
///         stamp_ns: i * 20_000_000,
///         arrival_ns: Some(i * 20_000_000 + 3_000_000),
///         name: Some("speed"),
///         value: Some(9.0 + 0.01 * (i % 7) as f64),
///         ..Signal::default()
///     }));
/// }
/// found.extend(checker.finish_recording());
/// assert_eq!((found.len(), found[0].rule, found[0].object.as_str()), (1, Rule::Gap, "signal:/can/speed"));
/// assert_eq!(found[0].message, "silent for 1.02 s, 51 of its periods: about 50 samples are missing");
/// // Nothing else said how fast the vehicle was.
/// assert_eq!(checker.outcome().not_checked[&Rule::Disagree].reasons["no other source of speed"], 550);
/// # Ok::<(), guideway_assert::AssertError>(())
/// ```
#[derive(Debug)]
pub struct SignalChecker {
    ledger: Ledger,
    recording: Option<String>,
    /// Topic, kind and frames or name → place in `streams`.
    places: BTreeMap<String, usize>,
    streams: Vec<SignalStream>,
    key: String,
    panel: Panel,
    silences: Silences,
    first_ns: i64,
    now_ns: Option<i64>,
}

impl SignalChecker {
    /// With the rules for detections: signals have no others.
    pub fn new(rules: &Rules) -> Self {
        Self {
            ledger: Ledger {
                set: rules.set(Subject::Detections).clone(),
                outcome: Outcome::default(),
                episodes: BTreeMap::new(),
            },
            recording: None,
            places: BTreeMap::new(),
            streams: Vec::new(),
            key: String::new(),
            panel: Panel::default(),
            silences: Silences::default(),
            first_ns: 0,
            now_ns: None,
        }
    }

    /// The next sample. One of another recording ends the one before. A sample that the log got before the last one is left out with a warning.
    pub fn sample(&mut self, signal: &Signal<'_>) -> Vec<Violation> {
        let mut out = Vec::new();
        if self.recording.as_deref() != Some(signal.recording) {
            out = self.finish_recording();
            self.recording = Some(signal.recording.to_owned());
            self.ledger.outcome.recordings += 1;
            self.first_ns = signal.at_ns();
        }
        self.ledger.outcome.samples += 1;
        let at = signal.at_ns();
        let place_of = || format!("{}, {}, stamp {}", signal.recording, signal.topic, signal.stamp_ns);
        if let Some(now) = self.now_ns {
            if at < now && signal.arrival_ns.is_some() {
                let what = "a sample that the log got before the last one: it is left out";
                self.ledger.outcome.warn("unsorted-samples", what, place_of);
                return out;
            }
            if seconds(now, at) > self.ledger.set.gap.min_s {
                if self.silences.known.len() == SILENCES {
                    self.silences.known.remove(0);
                }
                self.silences.known.push((now, at, false));
            }
        }
        let now = self.now_ns.map_or(at, |now| now.max(at));
        self.now_ns = Some(now);
        if self.panel.is_due(now) {
            self.panel.tick(now, &mut self.streams, &mut self.ledger);
            self.ledger.finish(signal.recording, Some(now), &mut out);
        }
        let Some(place) = self.place(signal) else {
            let most = self.ledger.set.all.max_objects;
            let what = format!("more than {most} signals: new ones are left out");
            self.ledger.outcome.warn("too-many-signals", what, place_of);
            return out;
        };
        if let Some(stream) = self.streams.get_mut(place) {
            stream.step(signal, &mut self.ledger, &mut self.silences);
        }
        out
    }

    /// The recording has no more samples: what is wrong at its end is wrong to the end.
    pub fn finish_recording(&mut self) -> Vec<Violation> {
        let mut out = Vec::new();
        let streams = std::mem::take(&mut self.streams);
        self.places.clear();
        self.panel = Panel::default();
        self.silences = Silences::default();
        let (Some(recording), Some(now)) = (self.recording.take(), self.now_ns.take()) else {
            return out;
        };
        self.ledger.outcome.seconds += seconds(self.first_ns, now).max(0.0);
        let mut ends: Vec<i64> = streams.iter().filter_map(SignalStream::steady_end_ns).collect();
        ends.sort_unstable();
        // Where most are silent the recording is over, whatever goes on.
        if let Some(end) = ends.get(ends.len() / 2) {
            for stream in &streams {
                stream.ended(*end, &mut self.ledger);
            }
        }
        self.ledger.finish(&recording, None, &mut out);
        out
    }

    /// What was checked so far, and what could not be.
    pub fn outcome(&self) -> &Outcome {
        &self.ledger.outcome
    }

    fn place(&mut self, signal: &Signal<'_>) -> Option<usize> {
        self.key.clear();
        for part in [
            signal.topic,
            signal.kind.name(),
            signal.parent.unwrap_or(""),
            signal.child.unwrap_or(""),
            signal.name.unwrap_or(""),
        ] {
            self.key.push_str(part);
            self.key.push('\0');
        }
        if let Some(place) = self.places.get(&self.key) {
            return Some(*place);
        }
        let place = self.streams.len();
        if place >= self.ledger.set.all.max_objects as usize {
            return None;
        }
        self.places.insert(self.key.clone(), place);
        self.streams.push(SignalStream::new(signal));
        self.silences.several = self.streams.iter().any(|stream| stream.topic != signal.topic);
        Some(place)
    }
}
