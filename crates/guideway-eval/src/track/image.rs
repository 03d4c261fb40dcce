//! Boxes in an image: the state, its motion, and how well two boxes agree.

use std::cmp::Ordering;

use guideway_core::BBox;
use serde::{Deserialize, Serialize};

use super::kalman::{Gaussian, Predicted, white_acceleration};
use super::mat::Mat;
use super::params::{Association, ClassParams, Gate, Lifecycle};
use super::space::{LARGEST, Problem, Sealed, Space, Updated, check_sigmas};
use super::warp::Warp;
use crate::error::EvalError;

/// Tracking of boxes in one camera's image, in pixels.
///
/// The state is the box's centre, width and height and the rates of these four. SORT has area and aspect ratio instead and ByteTrack aspect
/// ratio and height; here a box whose four edges each move evenly is followed without error, a turning car's width is free to change, and
/// the camera's motion acts on the state linearly (BoT-SORT found the same state to fit boxes better). Noise is in units of the box's size,
/// the mean of width and height, as in those trackers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Image;

/// A box that a detector found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoxDetection {
    /// Class index.
    pub class: u32,
    /// Score in 0..=1.
    pub score: f64,
    /// Box, px.
    pub bbox: BBox,
}

/// How a box moves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoxMotion {
    /// Of the centre, px/s.
    pub velocity: [f64; 2],
    /// Of width and height, px/s.
    pub growth: [f64; 2],
}

/// How boxes move and how exact they are; all standard deviations, in units of the box's size (the mean of its width and height).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxNoise {
    /// Of a detected centre.
    pub position: f64,
    /// Of a detected width or height.
    pub size: f64,
    /// By how much the velocity changes within a second, sizes/s (the root of the acceleration's spectral density).
    pub acceleration: f64,
    /// By how much the rates of width and height change within a second, sizes/s.
    pub growth: f64,
    /// Of an unknown velocity, sizes/s.
    pub initial_velocity: f64,
    /// Of unknown rates of width and height, sizes/s.
    pub initial_growth: f64,
}

impl Default for BoxNoise {
    fn default() -> Self {
        Self {
            position: 0.05,
            size: 0.07,
            acceleration: 1.0,
            growth: 0.5,
            initial_velocity: 3.0,
            initial_growth: 0.7,
        }
    }
}

/// `[cx, cy, w, h]` and their rates.
type State = Gaussian<8>;

/// Positions among the eight numbers, as rows of the measurement.
fn observed() -> Mat<4, 8> {
    let mut out = Mat::ZERO;
    for (i, row) in out.0.iter_mut().enumerate() {
        row[i] = 1.0;
    }
    out
}

fn numbers(bbox: &BBox) -> [f64; 4] {
    let [x, y] = bbox.center();
    [x, y, bbox.width(), bbox.height()]
}

fn size(state: &State) -> f64 {
    // Far below a pixel, for boxes in units of the image's width.
    f64::midpoint(state.mean[2], state.mean[3]).max(1e-6)
}

fn sigmas(state: &State, noise: &BoxNoise) -> [f64; 4] {
    let size = size(state);
    [noise.position, noise.position, noise.size, noise.size].map(|s| s * size)
}

/// The motion of the object, then that of the camera.
fn predicted(state: &State, seconds: f64, warp: &Warp, noise: &BoxNoise) -> Predicted<8> {
    let size = size(state);
    let mut step = Predicted::identity(state.mean);
    for i in 0..4 {
        let density = if i < 2 { noise.acceleration } else { noise.growth };
        let [place, cross, rate] = white_acceleration(density * size, seconds);
        step.noise.0[i][i] = place;
        step.noise.0[i][i + 4] = cross;
        step.noise.0[i + 4][i] = cross;
        step.noise.0[i + 4][i + 4] = rate;
        let moved = state.mean[i] + state.mean[i + 4] * seconds;
        // A side that would vanish stays as it is: boxes far away shrink ever more slowly.
        if i < 2 || moved > 0.25 * state.mean[i] {
            step.mean[i] = moved;
            step.transition.0[i][i + 4] = seconds;
        }
    }
    match camera(&step.mean, warp) {
        Some(camera) => step.then(&camera),
        None => step,
    }
}

/// What the camera's motion does to a state: the map around the box's centre, for width and height the box around the warped box. `None` when
/// the camera stands, or turned so far that the box is behind it.
fn camera(mean: &[f64; 8], warp: &Warp) -> Option<Predicted<8>> {
    if *warp == Warp::IDENTITY {
        return None;
    }
    let ([x, y], slope) = warp.around([mean[0], mean[1]])?;
    let mut transition = Mat::ZERO;
    for (i, row) in slope.iter().enumerate() {
        for (j, value) in row.iter().enumerate() {
            for rates in [0, 4] {
                transition.0[i + rates][j + rates] = *value;
                transition.0[i + 2 + rates][j + 2 + rates] = value.abs();
            }
        }
    }
    let mut moved = transition.times(mean);
    moved[0] = x;
    moved[1] = y;
    Some(Predicted {
        mean: moved,
        transition,
        noise: Mat::ZERO,
    })
}

impl Sealed for Image {}

impl Space for Image {
    type Shape = BBox;
    type Motion = BoxMotion;
    type Detection = BoxDetection;
    type Ego = Warp;
    type Noise = BoxNoise;
    type State = State;
    type Innovation = ([f64; 4], Mat<4, 4>);
    const DEGREES: f64 = 4.0;

    fn defaults() -> ClassParams<Self> {
        ClassParams {
            noise: BoxNoise::default(),
            association: Association {
                high_score: 0.6,
                low_score: 0.1,
                first: Gate::Iou { above: 0.2 },
                second: Some(Gate::Iou { above: 0.5 }),
                tentative: Gate::Iou { above: 0.3 },
                innovation: None,
                greedy: false,
            },
            life: Lifecycle {
                birth_score: 0.7,
                confirm_hits: 2,
                confirm_window: 2,
                confirm_score: None,
                coast_s: 1.0,
                duplicate_iou: 0.85,
                score_weight: 0.3,
                score_half_life_s: 1.0,
            },
            group: None,
        }
    }

    fn check_noise(noise: &BoxNoise) -> Result<(), EvalError> {
        check_sigmas(&[
            ("noise.position", noise.position),
            ("noise.size", noise.size),
            ("noise.acceleration", noise.acceleration),
            ("noise.growth", noise.growth),
            ("noise.initial_velocity", noise.initial_velocity),
            ("noise.initial_growth", noise.initial_growth),
        ])
    }

    fn has_gate(gate: &Gate) -> bool {
        !matches!(gate, Gate::IouBev { .. })
    }

    fn class_and_score(detection: &BoxDetection) -> (u32, f64) {
        (detection.class, detection.score)
    }

    fn problem(detection: &BoxDetection) -> Option<Problem> {
        let b = detection.bbox;
        if ![b.x_min, b.y_min, b.x_max, b.y_max].iter().all(|v| v.abs() <= LARGEST) {
            return Some(Problem::NotFinite);
        }
        (!b.is_valid()).then_some(Problem::Size)
    }

    fn repair(_: &mut BoxDetection) -> Option<Problem> {
        None
    }

    fn compare(a: &BoxDetection, b: &BoxDetection) -> Ordering {
        let key = |d: &BoxDetection| [d.bbox.x_min, d.bbox.y_min, d.bbox.x_max, d.bbox.y_max];
        compare_numbers(&key(a), &key(b))
    }

    fn measure(detection: &BoxDetection, _: &Warp) -> BoxDetection {
        *detection
    }

    fn detected(detection: &BoxDetection) -> BBox {
        detection.bbox
    }

    fn start(detection: &BoxDetection, noise: &BoxNoise) -> State {
        let [x, y, w, h] = numbers(&detection.bbox);
        let mean = [x, y, w, h, 0.0, 0.0, 0.0, 0.0];
        let size = f64::midpoint(w, h).max(1e-6);
        let (p, s) = (noise.position, noise.size);
        let (v, g) = (noise.initial_velocity, noise.initial_growth);
        Gaussian::independent(mean, [p, p, s, s, v, v, g, g].map(|sigma| sigma * size))
    }

    fn predict(state: &State, seconds: f64, ego: &Warp, noise: &BoxNoise) -> Option<State> {
        let after = predicted(state, seconds, ego, noise).of(state);
        (after.is_sane() && after.mean[2] > 0.0 && after.mean[3] > 0.0).then_some(after)
    }

    fn update(state: &mut State, detection: &BoxDetection, noise: &BoxNoise) -> Updated {
        let found = numbers(&detection.bbox);
        let residual = std::array::from_fn(|i| found[i] - state.mean[i]);
        let sigmas = sigmas(state, noise);
        if !state.update(&observed(), &residual, &sigmas) {
            return Updated::Failed;
        }
        // The gain may overshoot below 0 where position and size are correlated by the camera's motion.
        for (mean, found) in state.mean.iter_mut().zip(found).skip(2) {
            *mean = mean.max(0.5 * found);
        }
        Updated::Done
    }

    fn turn(_: &mut State) {}

    fn smooth(state: &State, next: &State, seconds: f64, ego: &Warp, noise: &BoxNoise) -> State {
        let predicted = predicted(state, seconds, ego, noise);
        let difference = std::array::from_fn(|i| next.mean[i] - predicted.mean[i]);
        let mut out = state.smoothed(&predicted, next, &difference);
        for i in 2..4 {
            out.mean[i] = out.mean[i].max(0.25 * state.mean[i]);
        }
        out
    }

    fn innovation(state: &State, noise: &BoxNoise) -> Option<Self::Innovation> {
        let squares = sigmas(state, noise).map(|s| s * s);
        let mut covariance = Mat::diagonal(&squares);
        for (i, row) in covariance.0.iter_mut().enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value += state.covariance.0[i][j];
            }
        }
        let m = state.mean;
        Some(([m[0], m[1], m[2], m[3]], covariance.cholesky()?))
    }

    fn mahalanobis((expected, root): &Self::Innovation, detection: &BoxDetection) -> f64 {
        let found = numbers(&detection.bbox);
        root.square(&std::array::from_fn(|i| found[i] - expected[i]))
    }

    fn compare_shapes(gate: &Gate, track: &BBox, detection: &BBox) -> f64 {
        match gate {
            Gate::CenterDistance { .. } => {
                let ([ax, ay], [bx, by]) = (track.center(), detection.center());
                (ax - bx).hypot(ay - by) / f64::midpoint(track.width(), track.height()).max(1e-6)
            }
            Gate::Giou { .. } => {
                let both = track.intersection_area(*detection);
                let union = track.area() + detection.area() - both;
                let around = BBox::new(
                    track.x_min.min(detection.x_min),
                    track.y_min.min(detection.y_min),
                    track.x_max.max(detection.x_max),
                    track.y_max.max(detection.y_max),
                )
                .area();
                both / union - (around - union) / around
            }
            Gate::Iou { .. } | Gate::IouBev { .. } | Gate::Mahalanobis { .. } => track.iou(*detection),
        }
    }

    fn iou(a: &BBox, b: &BBox) -> f64 {
        a.iou(*b)
    }

    fn shape(state: &State) -> BBox {
        let [x, y, w, h, ..] = state.mean;
        BBox::from_cxcywh(x, y, w, h)
    }

    fn motion(state: &State) -> BoxMotion {
        let [.., x, y, w, h] = state.mean;
        BoxMotion {
            velocity: [x, y],
            growth: [w, h],
        }
    }

    fn position_sigma(state: &State) -> f64 {
        f64::midpoint(state.covariance.0[0][0], state.covariance.0[1][1]).sqrt()
    }

    fn between(a: &BBox, b: &BBox, t: f64) -> BBox {
        let mix = |a: f64, b: f64| a + (b - a) * t;
        BBox::new(
            mix(a.x_min, b.x_min),
            mix(a.y_min, b.y_min),
            mix(a.x_max, b.x_max),
            mix(a.y_max, b.y_max),
        )
    }
}

/// By the first number that differs.
pub(super) fn compare_numbers<const N: usize>(a: &[f64; N], b: &[f64; N]) -> Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.total_cmp(b))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
