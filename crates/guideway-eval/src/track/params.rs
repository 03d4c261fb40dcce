//! How things are tracked: everything that can be chosen, as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::image::Image;
use super::space::{Space, parameter};
use super::world::World;
use crate::error::EvalError;

/// Most frames in which hits are counted: they are bits of a number.
const MOST_FRAMES: u32 = 64;

/// When a track and a detection may be the same object. In a stage of the assignment the pairs are ranked by how far within the gate they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "measure", rename_all = "snake_case", deny_unknown_fields)]
pub enum Gate {
    /// Intersection over union of boxes, or of the volumes of cuboids.
    Iou {
        /// It must be larger than this, in 0..1.
        above: f64,
    },
    /// Intersection over union of cuboids seen from above.
    IouBev {
        /// It must be larger than this, in 0..1.
        above: f64,
    },
    /// Generalised IoU, which also tells how far apart those are that do not overlap.
    Giou {
        /// It must be larger than this, in -1..1.
        above: f64,
    },
    /// Distance of centres: in metres over ground, or in an image in sizes (mean of width and height) of the tracked box.
    CenterDistance {
        /// It must be smaller than this.
        below: f64,
        /// And this is added for each second since the track's last detection.
        per_s: f64,
    },
    /// Mahalanobis distance of the detection from the prediction: of a box's centre and size, of a cuboid's centre. Tracks that are less
    /// sure of themselves attract more; as the only measure it suits sparse scenes.
    Mahalanobis {
        /// The part of an object's own detections to be let through, in 0..1: the quantile of the χ² distribution.
        probability: f64,
    },
}

/// Which detections go to which tracks.
///
/// Three stages, as in ByteTrack (Zhang et al. 2022): detections of high score to confirmed tracks; those of low score, which are
/// occluded objects as often as clutter, to what is left of the tracks that the frame before still saw; what is left of high score to tentative
/// tracks. Within a stage the assignment is the best of all (SORT), or greedy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Association {
    /// Score from which a detection takes part in the first stage, 0..=1.
    pub high_score: f64,
    /// Score from which a detection takes part in the second stage; those below are not used at all.
    pub low_score: f64,
    /// Gate of the first stage.
    pub first: Gate,
    /// Gate of the second stage; without it there is no second stage.
    pub second: Option<Gate>,
    /// Gate between tentative tracks and what the first stage left.
    pub tentative: Gate,
    /// A Mahalanobis gate beside those of the stages: the part of an object's own detections to be let through, in 0..1.
    pub innovation: Option<f64>,
    /// Detections choose in the order of their scores, each the nearest track that is left, as in CenterPoint's tracker (Yin et al. 2021).
    pub greedy: bool,
}

/// How tracks come and go.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    /// Score from which an unassigned detection starts a track, 0..=1.
    pub birth_score: f64,
    /// A tentative track is confirmed with so many detections…
    pub confirm_hits: u32,
    /// …in so many of its last frames, at most 64; it is given up when that cannot happen any more.
    pub confirm_window: u32,
    /// Score from which a detection confirms its track at once.
    pub confirm_score: Option<f64>,
    /// A track ends when it had no detection for longer than this, s.
    pub coast_s: f64,
    /// A detection that overlaps a better one of its group by more than this IoU is the same object found twice, and starts no track. 1 allows all.
    pub duplicate_iou: f64,
    /// Weight of a new detection's score in the score of its track, in (0, 1].
    pub score_weight: f64,
    /// A track that is not seen loses half of its score in this time, s.
    pub score_half_life_s: f64,
}

/// How objects of one class are tracked.
///
/// A track keeps the settings of the class that it was born with; which class it has in the end is put to the vote.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "S: Space", deserialize = "S: Space"), deny_unknown_fields)]
pub struct ClassParams<S: Space> {
    /// Motion and measurement.
    pub noise: S::Noise,
    /// Assignment.
    pub association: Association,
    /// Birth and death.
    pub life: Lifecycle,
    /// Classes of one group may be mistaken for each other by the detector: a track takes detections of its group. Without a group, of its own
    /// class alone. The same number for all classes tracks without regard to class.
    pub group: Option<u32>,
}

/// What to do about detections and stamps that cannot be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadInput {
    /// Leave them out, and count them in [`TrackWarnings`](super::TrackWarnings). A clock that goes back ends all tracks.
    #[default]
    Skip,
    /// An error, and the tracker stays as it was.
    Refuse,
}

/// All settings of a tracker.
///
/// As JSON every key is optional: what is missing in a class is as in `all`, what is missing there is as in [`TrackParams::default`]. Unknown
/// keys are errors.
///
/// ```
/// use guideway_eval::track::{MotionModel, TrackParams, World};
///
/// let params: TrackParams<World> = serde_json::from_str(
///     r#"{"all": {"life": {"coast_s": 2.0}},
///         "classes": {"0": {"noise": {"motion": "turn_rate"}},
///                     "1": {"association": {"first": {"measure": "giou", "above": -0.4}}}}}"#,
/// )?;
/// params.check()?;
/// assert_eq!(params.class(0).noise.motion, MotionModel::TurnRate);
/// assert_eq!(params.class(0).life.coast_s, 2.0);
/// assert_eq!(params.class(7).noise.motion, MotionModel::ConstantVelocity);
///
/// let misspelt = serde_json::from_str::<TrackParams<World>>(r#"{"all": {"life": {"coast": 2.0}}}"#);
/// assert!(misspelt.unwrap_err().to_string().contains("unknown field `coast`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "S: Space", deserialize = "S: Space"), try_from = "Value")]
pub struct TrackParams<S: Space> {
    /// Every class that has no settings of its own.
    pub all: ClassParams<S>,
    /// Settings of single classes, by class index.
    pub classes: BTreeMap<u32, ClassParams<S>>,
    /// Frames that are kept of each track, to be handed out when it ends; a longer track comes in parts. 0 keeps none, which is enough where
    /// only the frames' answers are wanted. A frame of a track takes about 0.7 kB in an image, 1 kB in the world.
    pub history: u32,
    /// Most tracks at a time; further births are counted and do not happen.
    pub max_tracks: u32,
    /// Most detections per frame; those with the lowest scores are counted and left out.
    pub max_detections: u32,
    /// What to do about detections and stamps that cannot be.
    pub bad_input: BadInput,
}

/// The same, read strictly.
#[derive(Deserialize)]
#[serde(bound(deserialize = "S: Space"), deny_unknown_fields)]
struct Strict<S: Space> {
    all: ClassParams<S>,
    classes: BTreeMap<u32, ClassParams<S>>,
    history: u32,
    max_tracks: u32,
    max_detections: u32,
    bad_input: BadInput,
}

/// `given` over `base`, down to `depth` levels of keys; deeper values replace each other whole.
fn over(base: &Value, given: Value, depth: u32) -> Value {
    match (base, given) {
        (Value::Object(base), Value::Object(given)) if depth > 0 => {
            let mut out = base.clone();
            for (key, value) in given {
                let value = match base.get(&key) {
                    Some(below) => over(below, value, depth - 1),
                    None => value,
                };
                out.insert(key, value);
            }
            Value::Object(out)
        }
        (_, given) => given,
    }
}

impl<S: Space> TryFrom<Value> for TrackParams<S> {
    type Error = serde_json::Error;

    fn try_from(mut given: Value) -> Result<Self, serde_json::Error> {
        let mut classes = match given.get_mut("classes") {
            Some(classes) => classes.take(),
            None => Value::Object(Map::new()),
        };
        // `all`, its sections, their keys.
        let mut whole = over(&serde_json::to_value(Self::default())?, given, 3);
        if let Value::Object(classes) = &mut classes {
            for value in classes.values_mut() {
                *value = over(&whole["all"], value.take(), 2);
            }
        }
        if let Value::Object(whole) = &mut whole {
            whole.insert("classes".to_owned(), classes);
        }
        let strict: Strict<S> = serde_json::from_value(whole)?;
        Ok(Self {
            all: strict.all,
            classes: strict.classes,
            history: strict.history,
            max_tracks: strict.max_tracks,
            max_detections: strict.max_detections,
            bad_input: strict.bad_input,
        })
    }
}

impl<S: Space> Default for TrackParams<S> {
    /// In an image: after ByteTrack. Scores 0.6 and 0.1, birth from 0.7, confirmed by the second frame, ended after 1 s.
    ///
    /// In the world: constant velocity, assignment by distance over ground (new tracks: by what the filter thinks possible), confirmed by
    /// 3 detections in 4 frames, ended after 1 s.
    fn default() -> Self {
        Self {
            all: S::defaults(),
            classes: BTreeMap::new(),
            history: 0,
            max_tracks: 1000,
            max_detections: 1000,
            bad_input: BadInput::Skip,
        }
    }
}

impl TrackParams<Image> {
    /// In the manner of SORT (Bewley et al., "Simple online and realtime tracking", 2016): every detection counts, IoU above 0.3, confirmed by the
    /// third frame in a row, ended with the first frame without a detection. `frame_s` is the time between frames.
    pub fn sort(frame_s: f64) -> Self {
        let mut params = Self::default();
        let gate = Gate::Iou { above: 0.3 };
        let (association, life) = (&mut params.all.association, &mut params.all.life);
        (association.high_score, association.low_score) = (0.0, 0.0);
        (association.first, association.second, association.tentative) = (gate, None, gate);
        association.innovation = None;
        (life.birth_score, life.confirm_hits, life.confirm_window) = (0.0, 3, 3);
        life.coast_s = 1.5 * frame_s;
        life.duplicate_iou = 1.0;
        params
    }
}

impl TrackParams<World> {
    /// In the manner of AB3DMOT (Weng et al., "3D multi-object tracking: a baseline and new evaluation metrics", 2020), as its later versions track
    /// cars: every detection counts, generalised IoU above −0.2, confirmed by the third frame, ended after two frames without a
    /// detection. `frame_s` is the time between frames.
    pub fn ab3dmot(frame_s: f64) -> Self {
        let mut params = Self::default();
        let gate = Gate::Giou { above: -0.2 };
        let (association, life) = (&mut params.all.association, &mut params.all.life);
        (association.high_score, association.low_score) = (0.0, 0.0);
        (association.first, association.second, association.tentative) = (gate, None, gate);
        association.innovation = None;
        (life.birth_score, life.confirm_hits, life.confirm_window) = (0.0, 3, 3);
        life.coast_s = 2.5 * frame_s;
        params
    }

    /// In the manner of CenterPoint (Yin et al., "Center-based 3D object detection and tracking", 2021): detections choose greedily by distance of
    /// centres, every detection starts a track that counts at once, and tracks end after three frames without a detection. `below` is
    /// the most that a class's centre may be off, m: the paper's authors take 1 for pedestrians, 4 for cars. `frame_s` is the
    /// time between frames.
    ///
    /// Their tracker moves detections back by the velocity that the network predicts; here the same velocity is measured by the filter
    /// ([`CuboidDetection::velocity`](super::CuboidDetection::velocity)), which moves the track forward.
    pub fn center_point(below: f64, frame_s: f64) -> Self {
        let mut params = Self::default();
        let gate = Gate::CenterDistance { below, per_s: 0.0 };
        let (association, life) = (&mut params.all.association, &mut params.all.life);
        (association.high_score, association.low_score) = (0.0, 0.0);
        (association.first, association.second, association.tentative) = (gate, None, gate);
        association.innovation = None;
        association.greedy = true;
        (life.birth_score, life.confirm_hits, life.confirm_window) = (0.0, 1, 1);
        life.coast_s = 3.5 * frame_s;
        params
    }
}

impl<S: Space> TrackParams<S> {
    /// The settings of a class.
    pub fn class(&self, class: u32) -> &ClassParams<S> {
        self.classes.get(&class).unwrap_or(&self.all)
    }

    /// Are they usable? Says which parameter is not, and of which class.
    pub fn check(&self) -> Result<(), EvalError> {
        self.all.check()?;
        for (class, params) in &self.classes {
            params.check().map_err(|err| match err {
                EvalError::Parameter { parameter, problem } => EvalError::Parameter {
                    parameter,
                    problem: format!("{problem} (class {class})"),
                },
                other => other,
            })?;
        }
        if (1..MOST_FRAMES).contains(&self.history) {
            return parameter(
                "history",
                format!(
                    "{} frames are too few: 0 keeps none, otherwise at least {MOST_FRAMES} are needed",
                    self.history
                ),
            );
        }
        for (name, value) in [("max_tracks", self.max_tracks), ("max_detections", self.max_detections)] {
            if !(1..=10_000).contains(&value) {
                return parameter(name, format!("{value} is not within 1..=10000"));
            }
        }
        Ok(())
    }
}

fn check_score(name: &'static str, score: f64) -> Result<(), EvalError> {
    if (0.0..=1.0).contains(&score) {
        return Ok(());
    }
    parameter(name, format!("{score} is not within 0..=1"))
}

fn check_probability(name: &'static str, probability: f64) -> Result<(), EvalError> {
    if probability > 0.0 && probability < 1.0 {
        return Ok(());
    }
    parameter(name, format!("the probability {probability} is not between 0 and 1"))
}

impl<S: Space> ClassParams<S> {
    fn check(&self) -> Result<(), EvalError> {
        S::check_noise(&self.noise)?;
        let (a, life) = (&self.association, &self.life);
        check_score("association.high_score", a.high_score)?;
        check_score("association.low_score", a.low_score)?;
        if a.low_score > a.high_score {
            return parameter(
                "association.low_score",
                format!("{} is above `high_score`, {}", a.low_score, a.high_score),
            );
        }
        for (name, gate) in [
            ("association.first", Some(a.first)),
            ("association.second", a.second),
            ("association.tentative", Some(a.tentative)),
        ] {
            if let Some(gate) = gate {
                check_gate::<S>(name, gate)?;
            }
        }
        if let Some(probability) = a.innovation {
            check_probability("association.innovation", probability)?;
        }
        check_score("life.birth_score", life.birth_score)?;
        if let Some(score) = life.confirm_score {
            check_score("life.confirm_score", score)?;
        }
        if !(1..=MOST_FRAMES).contains(&life.confirm_window) {
            return parameter(
                "life.confirm_window",
                format!("{} is not within 1..={MOST_FRAMES}", life.confirm_window),
            );
        }
        if life.confirm_hits == 0 || life.confirm_hits > life.confirm_window {
            return parameter(
                "life.confirm_hits",
                format!(
                    "{} is not within 1..=`confirm_window`, {}",
                    life.confirm_hits, life.confirm_window
                ),
            );
        }
        if !(0.0..=3600.0).contains(&life.coast_s) {
            return parameter("life.coast_s", format!("{} is not within 0..=3600 s", life.coast_s));
        }
        check_score("life.duplicate_iou", life.duplicate_iou)?;
        if !(life.score_weight > 0.0 && life.score_weight <= 1.0) {
            return parameter(
                "life.score_weight",
                format!("{} is not within (0, 1]", life.score_weight),
            );
        }
        if !(life.score_half_life_s > 0.0 && life.score_half_life_s <= 1e9) {
            return parameter(
                "life.score_half_life_s",
                format!("{} is not within (0, 1e9] s", life.score_half_life_s),
            );
        }
        Ok(())
    }
}

fn check_gate<S: Space>(name: &'static str, gate: Gate) -> Result<(), EvalError> {
    if !S::has_gate(&gate) {
        return parameter(name, "boxes in an image have no IoU from above: take `iou` or `giou`");
    }
    match gate {
        Gate::Iou { above } | Gate::IouBev { above } if !(0.0..1.0).contains(&above) => {
            parameter(name, format!("`above` {above} is not within 0..1"))
        }
        Gate::Giou { above } if !(-1.0..1.0).contains(&above) => {
            parameter(name, format!("`above` {above} is not within -1..1"))
        }
        Gate::CenterDistance { below, per_s } if !(below > 0.0 && below <= 1e6 && (0.0..=1e6).contains(&per_s)) => {
            parameter(
                name,
                format!("`below` {below} and `per_s` {per_s} must be within 0..=1e6, `below` not 0"),
            )
        }
        Gate::Mahalanobis { probability } => check_probability(name, probability),
        _ => Ok(()),
    }
}
