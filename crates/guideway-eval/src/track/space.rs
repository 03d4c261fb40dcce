//! What a tracker needs to know about the things it tracks.

use std::cmp::Ordering;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::params::{ClassParams, Gate};
use crate::error::EvalError;

pub trait Sealed {}

/// Where objects are tracked: [`Image`](super::Image) or [`World`](super::World). The trait is sealed; its types say what goes in and comes out.
pub trait Space: Sealed + Copy + Debug + Default + PartialEq + Send + Sync + 'static {
    /// An object's place and size: [`BBox`](guideway_core::BBox) or [`Cuboid`](guideway_core::Cuboid).
    type Shape: Copy + Debug + PartialEq + Send + Sync + Serialize;
    /// How the shape changes in time.
    type Motion: Copy + Debug + PartialEq + Send + Sync + Serialize;
    /// What a detector found.
    type Detection: Copy + Debug + PartialEq + Send + Sync;
    /// How the sensor moved: [`Warp`](super::Warp) since the frame before, or the pose `world_from_ego` ([`Se3`](guideway_core::Se3)).
    type Ego: Copy + Debug + Default + PartialEq + Send + Sync;
    /// How objects move and how exact detections are.
    type Noise: Copy + Debug + PartialEq + Send + Sync + Serialize + DeserializeOwned;

    #[doc(hidden)]
    type State: Copy + Debug + PartialEq + Send + Sync;
    /// What a Mahalanobis distance needs of a track.
    #[doc(hidden)]
    type Innovation: Copy + Debug;
    /// Numbers in a Mahalanobis distance.
    #[doc(hidden)]
    const DEGREES: f64;

    #[doc(hidden)]
    fn defaults() -> ClassParams<Self>;
    #[doc(hidden)]
    fn check_noise(noise: &Self::Noise) -> Result<(), EvalError>;
    #[doc(hidden)]
    fn has_gate(gate: &Gate) -> bool;
    #[doc(hidden)]
    fn class_and_score(detection: &Self::Detection) -> (u32, f64);
    /// What makes a detection useless, if anything.
    #[doc(hidden)]
    fn problem(detection: &Self::Detection) -> Option<Problem>;
    /// A part of the detection that is useless while the rest is good is taken out of it.
    #[doc(hidden)]
    fn repair(detection: &mut Self::Detection) -> Option<Problem>;
    /// A total order, equal only for the same shape.
    #[doc(hidden)]
    fn compare(a: &Self::Detection, b: &Self::Detection) -> Ordering;
    #[doc(hidden)]
    fn measure(detection: &Self::Detection, ego: &Self::Ego) -> Self::Detection;
    #[doc(hidden)]
    fn detected(detection: &Self::Detection) -> Self::Shape;
    #[doc(hidden)]
    fn start(detection: &Self::Detection, noise: &Self::Noise) -> Self::State;
    /// `None` where the numbers ran away.
    #[doc(hidden)]
    fn predict(state: &Self::State, seconds: f64, ego: &Self::Ego, noise: &Self::Noise) -> Option<Self::State>;
    #[doc(hidden)]
    fn update(state: &mut Self::State, detection: &Self::Detection, noise: &Self::Noise) -> Updated;
    /// Turns front and back of an object.
    #[doc(hidden)]
    fn turn(state: &mut Self::State);
    #[doc(hidden)]
    fn smooth(
        state: &Self::State,
        next: &Self::State,
        seconds: f64,
        ego: &Self::Ego,
        noise: &Self::Noise,
    ) -> Self::State;
    #[doc(hidden)]
    fn innovation(state: &Self::State, noise: &Self::Noise) -> Option<Self::Innovation>;
    #[doc(hidden)]
    fn mahalanobis(innovation: &Self::Innovation, detection: &Self::Detection) -> f64;
    /// IoU, GIoU, or distance of centres, as the gate asks.
    #[doc(hidden)]
    fn compare_shapes(gate: &Gate, track: &Self::Shape, detection: &Self::Shape) -> f64;
    #[doc(hidden)]
    fn iou(a: &Self::Shape, b: &Self::Shape) -> f64;
    #[doc(hidden)]
    fn shape(state: &Self::State) -> Self::Shape;
    #[doc(hidden)]
    fn motion(state: &Self::State) -> Self::Motion;
    /// Root of the mean variance of the centre's coordinates.
    #[doc(hidden)]
    fn position_sigma(state: &Self::State) -> f64;
    /// A shape on the way from one to another, `t` in 0..=1.
    #[doc(hidden)]
    fn between(a: &Self::Shape, b: &Self::Shape, t: f64) -> Self::Shape;
}

/// What is wrong with a detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    NotFinite,
    Size,
    Score,
    Velocity,
    Duplicate,
}

impl Problem {
    pub fn text(self) -> &'static str {
        match self {
            Self::NotFinite => "a coordinate is not finite, or beyond 1e9",
            Self::Size => "a side is not longer than 0",
            Self::Score => "the score is not within 0..=1",
            Self::Velocity => "the velocity is not finite, or beyond 1e4 m/s",
            Self::Duplicate => "it repeats another detection of the frame",
        }
    }
}

/// What became of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    Done,
    /// Most detections say that front is back: the track's past has to be turned, too.
    Turned,
    /// The numbers did not allow it.
    Failed,
}

/// Largest coordinate, px or m.
pub(super) const LARGEST: f64 = 1e9;

pub(super) fn parameter<T>(parameter: &'static str, problem: impl Into<String>) -> Result<T, EvalError> {
    Err(EvalError::Parameter {
        parameter,
        problem: problem.into(),
    })
}

/// A standard deviation must be larger than nothing, so that covariances can be inverted.
pub(super) fn check_sigmas(sigmas: &[(&'static str, f64)]) -> Result<(), EvalError> {
    for (name, value) in sigmas {
        if !(1e-6..=1e6).contains(value) {
            return parameter(name, format!("{value} is not within 1e-6..=1e6"));
        }
    }
    Ok(())
}
