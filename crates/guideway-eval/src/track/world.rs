//! Cuboids in the world: the state, its two motions, and how well two cuboids agree.

use std::cmp::Ordering;
use std::f64::consts::{FRAC_PI_2, PI, TAU};

use guideway_core::{Cuboid, DQuat, DVec3, Se3};
use serde::{Deserialize, Serialize};

use super::image::compare_numbers;
use super::kalman::{Gaussian, Predicted, white_acceleration};
use super::mat::Mat;
use super::overlap::giou_3d;
use super::params::{Association, ClassParams, Gate, Lifecycle};
use super::space::{LARGEST, Problem, Sealed, Space, Updated, check_sigmas};
use crate::error::EvalError;

/// A turning motion is linearised anew after this long, s.
const PIECE_S: f64 = 0.2;

/// Most pieces of one step.
const MOST_PIECES: f64 = 50.0;

/// After so many detections that agree about the front it takes as many and one more to turn an object.
const MOST_SURE: i8 = 10;

/// Largest speed of a detection, m/s.
const FASTEST: f64 = 1e4;

/// Tracking of cuboids, in metres. Detections come in the ego frame with the pose `world_from_ego`; tracks live in the world frame, so that
/// what stands stays where it is while the ego vehicle drives.
///
/// The state is the centre, heading, length, width and height with either motion of [`MotionModel`]. Roll and pitch are those of the last detection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct World;

/// A cuboid that a detector found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CuboidDetection {
    /// Class index.
    pub class: u32,
    /// Score in 0..=1.
    pub score: f64,
    /// Cuboid in the ego frame.
    pub cuboid: Cuboid,
    /// Velocity over ground along the ego frame's axes, m/s, where the detector estimates one (as CenterPoint does).
    #[serde(default)]
    pub velocity: Option<[f64; 3]>,
}

/// How a cuboid moves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CuboidMotion {
    /// Of the centre, m/s.
    pub velocity: [f64; 3],
    /// Of the heading, rad/s; 0 for [`MotionModel::ConstantVelocity`], which does not estimate it.
    pub yaw_rate: f64,
}

/// How objects move over ground. Up and down all move at constant velocity, and sizes stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MotionModel {
    /// Straight on in any direction, whatever the heading (CV, as in AB3DMOT). For what can step aside: pedestrians, and anything
    /// whose heading the detector does not know well.
    #[default]
    ConstantVelocity,
    /// Along the heading at constant speed, on a circle of constant turn rate (CTRV; Schubert, Richter and Wanielik, "Comparison and
    /// evaluation of advanced motion models for vehicle tracking", 2008), in an extended Kalman filter. For what has wheels.
    TurnRate,
}

/// How cuboids move and how exact they are: standard deviations, in metres, radians and seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CuboidNoise {
    /// How objects move.
    pub motion: MotionModel,
    /// Of a detected centre over ground, m.
    pub position: f64,
    /// Of a detected centre's height, m.
    pub vertical: f64,
    /// Of a detected heading, rad.
    pub yaw: f64,
    /// Of a detected length, width or height, m.
    pub size: f64,
    /// Of a detected velocity, m/s.
    pub velocity: f64,
    /// By how much the velocity over ground changes within a second, m/s (the root of the acceleration's spectral density).
    pub acceleration: f64,
    /// The same up and down, m/s.
    pub vertical_acceleration: f64,
    /// By how much the turn rate changes within a second, rad/s ([`MotionModel::TurnRate`]).
    pub yaw_acceleration: f64,
    /// By how far an object leaves its motion within a second, m: what slips and what the heading has wrong.
    pub drift: f64,
    /// By how much the heading changes within a second besides, rad.
    pub yaw_drift: f64,
    /// By how much a size changes within a second, m.
    pub size_drift: f64,
    /// Of an unknown velocity over ground, m/s.
    pub initial_velocity: f64,
    /// Of an unknown vertical velocity, m/s.
    pub initial_vertical_velocity: f64,
    /// Of an unknown turn rate, rad/s.
    pub initial_yaw_rate: f64,
    /// Take a heading that is off by more than a right angle for one with front and back confused, as most detectors confuse them
    /// (AB3DMOT does so, too). The track turns round when most of its detections say so.
    pub fold_heading: bool,
}

impl Default for CuboidNoise {
    fn default() -> Self {
        Self {
            motion: MotionModel::ConstantVelocity,
            position: 0.2,
            vertical: 0.15,
            yaw: 0.1,
            size: 0.2,
            velocity: 1.0,
            acceleration: 2.0,
            vertical_acceleration: 0.3,
            yaw_acceleration: 0.5,
            drift: 0.1,
            yaw_drift: 0.2,
            size_drift: 0.02,
            initial_velocity: 10.0,
            initial_vertical_velocity: 0.5,
            initial_yaw_rate: 0.5,
            fold_heading: true,
        }
    }
}

/// `[x, y, z, yaw, length, width, height]`, then `[vx, vy, vz]` or `[speed, yaw rate, vz]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    pub gaussian: Gaussian<10>,
    model: MotionModel,
    /// What is left of the last detection's rotation without its heading.
    tilt: DQuat,
    /// Detections that agreed about the front, less those that did not.
    front: i8,
}

/// An angle in -π..=π.
fn wrapped(angle: f64) -> f64 {
    let turned = angle.rem_euclid(TAU);
    if turned > PI { turned - TAU } else { turned }
}

/// sin(u)/u and its slope.
fn sinc(u: f64) -> (f64, f64) {
    if u.abs() < 1e-3 {
        return (1.0 - u * u / 6.0, -u / 3.0 + u * u * u / 30.0);
    }
    let s = u.sin() / u;
    (s, (u.cos() - s) / u)
}

/// `[x, y, z, yaw, length, width, height]`.
fn numbers(cuboid: &Cuboid) -> [f64; 7] {
    let c = cuboid.center;
    let yaw = cuboid.yaw();
    [c.x, c.y, c.z, yaw, cuboid.length, cuboid.width, cuboid.height]
}

fn sigmas(noise: &CuboidNoise) -> [f64; 7] {
    let (p, z, yaw, s) = (noise.position, noise.vertical, noise.yaw, noise.size);
    [p, p, z, yaw, s, s, s]
}

/// The noise that both motions have.
fn common_noise(noise: &CuboidNoise, seconds: f64) -> Mat<10, 10> {
    let walk = |sigma: f64| sigma * sigma * seconds;
    let [place, cross, rate] = white_acceleration(noise.vertical_acceleration, seconds);
    let (d, s) = (walk(noise.drift), walk(noise.size_drift));
    let mut out = Mat::diagonal(&[d, d, place, walk(noise.yaw_drift), s, s, s, 0.0, 0.0, rate]);
    out.0[2][9] = cross;
    out.0[9][2] = cross;
    out
}

fn straight(mean: &[f64; 10], seconds: f64, noise: &CuboidNoise) -> Predicted<10> {
    let mut out = Predicted::identity(*mean);
    out.noise = common_noise(noise, seconds);
    for i in 0..3 {
        out.mean[i] += mean[i + 7] * seconds;
        out.transition.0[i][i + 7] = seconds;
    }
    let [place, cross, rate] = white_acceleration(noise.acceleration, seconds);
    for i in 0..2 {
        out.noise.0[i][i] += place;
        out.noise.0[i][i + 7] = cross;
        out.noise.0[i + 7][i] = cross;
        out.noise.0[i + 7][i + 7] = rate;
    }
    out
}

/// The object moves along a chord of its circle: of length `speed · t · sin(u)/u`, in the direction it has half-way, with `u` = half the angle
/// turned. This form needs no case for straight lines.
fn circle(mean: &[f64; 10], seconds: f64, noise: &CuboidNoise) -> Predicted<10> {
    let t = seconds;
    let [.., speed, rate, vz] = *mean;
    let half = 0.5 * rate * t;
    let (s, slope) = sinc(half);
    let (sin, cos) = (mean[3] + half).sin_cos();
    let chord = speed * t * s;
    let mut out = Predicted::identity(*mean);
    out.mean[0] += chord * cos;
    out.mean[1] += chord * sin;
    out.mean[2] += vz * t;
    out.mean[3] = wrapped(mean[3] + rate * t);
    let f = &mut out.transition.0;
    f[0][3] = -chord * sin;
    f[1][3] = chord * cos;
    f[0][7] = t * s * cos;
    f[1][7] = t * s * sin;
    let lengthened = speed * t * slope * 0.5 * t;
    f[0][8] = lengthened * cos - 0.5 * t * chord * sin;
    f[1][8] = lengthened * sin + 0.5 * t * chord * cos;
    f[2][9] = t;
    f[3][8] = t;

    // White noise in the acceleration along the way and in that of the heading; the latter also moves the object sideways, where it
    // is integrated a third time.
    out.noise = common_noise(noise, t);
    let [place, cross, along] = white_acceleration(noise.acceleration, t);
    let [turn, turn_cross, turn_rate] = white_acceleration(noise.yaw_acceleration, t);
    let q = noise.yaw_acceleration * noise.yaw_acceleration;
    let side = q * speed * speed * t.powi(5) / 20.0;
    let (side_yaw, side_rate) = (q * speed * t.powi(4) / 8.0, q * speed * t.powi(3) / 6.0);
    let n = &mut out.noise.0;
    let (ahead, left) = ([cos, sin], [-sin, cos]);
    for i in 0..2 {
        for j in 0..2 {
            n[i][j] += place * ahead[i] * ahead[j] + side * left[i] * left[j];
        }
        for (column, value) in [(3, side_yaw * left[i]), (7, cross * ahead[i]), (8, side_rate * left[i])] {
            n[i][column] += value;
            n[column][i] += value;
        }
    }
    n[3][3] += turn;
    n[3][8] += turn_cross;
    n[8][3] += turn_cross;
    n[7][7] += along;
    n[8][8] += turn_rate;
    // The products above were rounded in different orders.
    out.noise = out.noise.symmetrised();
    out
}

fn predicted(state: &State, seconds: f64, noise: &CuboidNoise) -> Predicted<10> {
    let mean = &state.gaussian.mean;
    match state.model {
        MotionModel::ConstantVelocity => straight(mean, seconds, noise),
        MotionModel::TurnRate => {
            let pieces = (seconds / PIECE_S).ceil().clamp(1.0, MOST_PIECES);
            let piece = seconds / pieces;
            let mut out = circle(mean, piece, noise);
            for _ in 1..pieces as u32 {
                let next = circle(&out.mean, piece, noise);
                out = out.then(&next);
            }
            out
        }
    }
}

/// The same object with front and back exchanged.
fn reversed(cuboid: &Cuboid) -> Cuboid {
    Cuboid {
        rotation: cuboid.rotation * DQuat::from_rotation_z(PI),
        ..*cuboid
    }
}

fn tilt(cuboid: &Cuboid) -> DQuat {
    DQuat::from_rotation_z(-cuboid.yaw()) * cuboid.rotation
}

/// A velocity found by the detector, over ground and upwards.
fn update_velocity(state: &mut State, velocity: [f64; 3], sigma: f64) -> bool {
    let gaussian = &mut state.gaussian;
    let mut jacobian: Mat<3, 10> = Mat::ZERO;
    let [.., a, b, vz] = gaussian.mean;
    jacobian.0[2][9] = 1.0;
    let expected = match state.model {
        MotionModel::ConstantVelocity => {
            jacobian.0[0][7] = 1.0;
            jacobian.0[1][8] = 1.0;
            [a, b, vz]
        }
        MotionModel::TurnRate => {
            let (sin, cos) = gaussian.mean[3].sin_cos();
            jacobian.0[0][3] = -a * sin;
            jacobian.0[0][7] = cos;
            jacobian.0[1][3] = a * cos;
            jacobian.0[1][7] = sin;
            [a * cos, a * sin, vz]
        }
    };
    let done = gaussian.update(
        &jacobian,
        &std::array::from_fn(|i| velocity[i] - expected[i]),
        &[sigma; 3],
    );
    gaussian.mean[3] = wrapped(gaussian.mean[3]);
    done
}

impl Sealed for World {}

impl Space for World {
    type Shape = Cuboid;
    type Motion = CuboidMotion;
    type Detection = CuboidDetection;
    type Ego = Se3;
    type Noise = CuboidNoise;
    type State = State;
    type Innovation = ([f64; 3], Mat<3, 3>);
    const DEGREES: f64 = 3.0;

    fn defaults() -> ClassParams<Self> {
        ClassParams {
            noise: CuboidNoise::default(),
            association: Association {
                high_score: 0.5,
                low_score: 0.1,
                first: Gate::CenterDistance { below: 1.0, per_s: 4.0 },
                second: Some(Gate::CenterDistance { below: 1.0, per_s: 1.0 }),
                // Their velocity is unknown, so that the way to the next detection depends on the time between frames.
                tentative: Gate::Mahalanobis { probability: 0.997 },
                innovation: None,
                greedy: false,
            },
            life: Lifecycle {
                birth_score: 0.5,
                confirm_hits: 3,
                confirm_window: 4,
                confirm_score: None,
                coast_s: 1.0,
                duplicate_iou: 0.3,
                score_weight: 0.3,
                score_half_life_s: 1.0,
            },
            group: None,
        }
    }

    fn check_noise(noise: &CuboidNoise) -> Result<(), EvalError> {
        check_sigmas(&[
            ("noise.position", noise.position),
            ("noise.vertical", noise.vertical),
            ("noise.yaw", noise.yaw),
            ("noise.size", noise.size),
            ("noise.velocity", noise.velocity),
            ("noise.acceleration", noise.acceleration),
            ("noise.vertical_acceleration", noise.vertical_acceleration),
            ("noise.yaw_acceleration", noise.yaw_acceleration),
            ("noise.drift", noise.drift),
            ("noise.yaw_drift", noise.yaw_drift),
            ("noise.size_drift", noise.size_drift),
            ("noise.initial_velocity", noise.initial_velocity),
            ("noise.initial_vertical_velocity", noise.initial_vertical_velocity),
            ("noise.initial_yaw_rate", noise.initial_yaw_rate),
        ])
    }

    fn has_gate(_: &Gate) -> bool {
        true
    }

    fn class_and_score(detection: &CuboidDetection) -> (u32, f64) {
        (detection.class, detection.score)
    }

    fn problem(detection: &CuboidDetection) -> Option<Problem> {
        let c = detection.cuboid;
        if !c.to_array().iter().all(|v| v.abs() <= LARGEST) || !(0.5..=2.0).contains(&c.rotation.length()) {
            return Some(Problem::NotFinite);
        }
        ([c.length, c.width, c.height].iter().any(|side| *side <= 0.0)).then_some(Problem::Size)
    }

    fn repair(detection: &mut CuboidDetection) -> Option<Problem> {
        let bad = |v: [f64; 3]| !v.iter().all(|v| v.abs() <= FASTEST);
        if detection.velocity.is_some_and(bad) {
            detection.velocity = None;
            return Some(Problem::Velocity);
        }
        None
    }

    fn compare(a: &CuboidDetection, b: &CuboidDetection) -> Ordering {
        let velocity = |d: &CuboidDetection| d.velocity.unwrap_or([f64::INFINITY; 3]);
        compare_numbers(&a.cuboid.to_array(), &b.cuboid.to_array())
            .then_with(|| compare_numbers(&velocity(a), &velocity(b)))
    }

    fn measure(detection: &CuboidDetection, world_from_ego: &Se3) -> CuboidDetection {
        let cuboid = detection.cuboid.transformed(*world_from_ego);
        CuboidDetection {
            cuboid: Cuboid {
                rotation: cuboid.rotation / cuboid.rotation.length(),
                ..cuboid
            },
            velocity: detection
                .velocity
                .map(|v| world_from_ego.transform_vector(DVec3::from_array(v)).to_array()),
            ..*detection
        }
    }

    fn detected(detection: &CuboidDetection) -> Cuboid {
        detection.cuboid
    }

    fn start(detection: &CuboidDetection, noise: &CuboidNoise) -> State {
        let [x, y, z, yaw, length, width, height] = numbers(&detection.cuboid);
        let [p, _, pz, py, s, ..] = sigmas(noise);
        let v = noise.initial_velocity;
        let second = match noise.motion {
            MotionModel::ConstantVelocity => v,
            MotionModel::TurnRate => noise.initial_yaw_rate,
        };
        let mut state = State {
            gaussian: Gaussian::independent(
                [x, y, z, yaw, length, width, height, 0.0, 0.0, 0.0],
                [p, p, pz, py, s, s, s, v, second, noise.initial_vertical_velocity],
            ),
            model: noise.motion,
            tilt: tilt(&detection.cuboid),
            front: 1,
        };
        if let Some(velocity) = detection.velocity {
            update_velocity(&mut state, velocity, noise.velocity);
        }
        state
    }

    fn predict(state: &State, seconds: f64, _: &Se3, noise: &CuboidNoise) -> Option<State> {
        let gaussian = predicted(state, seconds, noise).of(&state.gaussian);
        gaussian.is_sane().then_some(State { gaussian, ..*state })
    }

    fn update(state: &mut State, detection: &CuboidDetection, noise: &CuboidNoise) -> Updated {
        let mut cuboid = detection.cuboid;
        let off = |cuboid: &Cuboid, state: &State| wrapped(cuboid.yaw() - state.gaussian.mean[3]);
        if noise.fold_heading && off(&cuboid, state).abs() > FRAC_PI_2 {
            cuboid = reversed(&cuboid);
            state.front -= 1;
        } else {
            state.front = (state.front + 1).min(MOST_SURE);
        }
        let found = numbers(&cuboid);
        let mut residual: [f64; 7] = std::array::from_fn(|i| found[i] - state.gaussian.mean[i]);
        residual[3] = wrapped(residual[3]);
        let mut jacobian: Mat<7, 10> = Mat::ZERO;
        for (i, row) in jacobian.0.iter_mut().enumerate() {
            row[i] = 1.0;
        }
        if !state.gaussian.update(&jacobian, &residual, &sigmas(noise)) {
            return Updated::Failed;
        }
        let mean = &mut state.gaussian.mean;
        mean[3] = wrapped(mean[3]);
        for i in 4..7 {
            mean[i] = mean[i].max(0.5 * found[i]);
        }
        state.tilt = tilt(&cuboid);
        if let Some(velocity) = detection.velocity
            && !update_velocity(state, velocity, noise.velocity)
        {
            return Updated::Failed;
        }
        if state.front < 0 {
            Self::turn(state);
            state.front = 1;
            return Updated::Turned;
        }
        Updated::Done
    }

    fn turn(state: &mut State) {
        state.gaussian.mean[3] = wrapped(state.gaussian.mean[3] + PI);
        let half = DQuat::from_rotation_z(PI);
        state.tilt = half.conjugate() * state.tilt * half;
        if state.model == MotionModel::TurnRate {
            state.gaussian.mean[7] = -state.gaussian.mean[7];
            for i in (0..10).filter(|i| *i != 7) {
                let value = -state.gaussian.covariance.0[i][7];
                state.gaussian.covariance.0[i][7] = value;
                state.gaussian.covariance.0[7][i] = value;
            }
        }
    }

    fn smooth(state: &State, next: &State, seconds: f64, _: &Se3, noise: &CuboidNoise) -> State {
        let predicted = predicted(state, seconds, noise);
        let mut difference: [f64; 10] = std::array::from_fn(|i| next.gaussian.mean[i] - predicted.mean[i]);
        difference[3] = wrapped(difference[3]);
        let mut gaussian = state.gaussian.smoothed(&predicted, &next.gaussian, &difference);
        gaussian.mean[3] = wrapped(gaussian.mean[3]);
        for i in 4..7 {
            gaussian.mean[i] = gaussian.mean[i].max(0.25 * state.gaussian.mean[i]);
        }
        State { gaussian, ..*state }
    }

    /// Of the centre: neither a wrong heading nor a wrong length makes it another object.
    fn innovation(state: &State, noise: &CuboidNoise) -> Option<Self::Innovation> {
        let mut covariance: Mat<3, 3> = Mat::ZERO;
        for (i, row) in covariance.0.iter_mut().enumerate() {
            row.copy_from_slice(&state.gaussian.covariance.0[i][..3]);
            row[i] += sigmas(noise)[i] * sigmas(noise)[i];
        }
        let [x, y, z, ..] = state.gaussian.mean;
        Some(([x, y, z], covariance.cholesky()?))
    }

    fn mahalanobis((expected, root): &Self::Innovation, detection: &CuboidDetection) -> f64 {
        root.square(&(detection.cuboid.center - DVec3::from_array(*expected)).to_array())
    }

    fn compare_shapes(gate: &Gate, track: &Cuboid, detection: &Cuboid) -> f64 {
        match gate {
            Gate::CenterDistance { .. } => (track.center - detection.center).truncate().length(),
            Gate::Giou { .. } => giou_3d(track, detection),
            Gate::IouBev { .. } => track.rotated_iou_bev(detection),
            Gate::Iou { .. } | Gate::Mahalanobis { .. } => track.iou_3d(detection),
        }
    }

    fn iou(a: &Cuboid, b: &Cuboid) -> f64 {
        a.iou_3d(b)
    }

    fn shape(state: &State) -> Cuboid {
        let [x, y, z, yaw, length, width, height, ..] = state.gaussian.mean;
        let rotation = DQuat::from_rotation_z(yaw) * state.tilt;
        Cuboid {
            center: DVec3::new(x, y, z),
            length,
            width,
            height,
            rotation: rotation / rotation.length(),
        }
    }

    fn motion(state: &State) -> CuboidMotion {
        let [.., a, b, vz] = state.gaussian.mean;
        match state.model {
            MotionModel::ConstantVelocity => CuboidMotion {
                velocity: [a, b, vz],
                yaw_rate: 0.0,
            },
            MotionModel::TurnRate => {
                let (sin, cos) = state.gaussian.mean[3].sin_cos();
                CuboidMotion {
                    velocity: [a * cos, a * sin, vz],
                    yaw_rate: b,
                }
            }
        }
    }

    fn position_sigma(state: &State) -> f64 {
        let c = &state.gaussian.covariance.0;
        ((c[0][0] + c[1][1] + c[2][2]) / 3.0).sqrt()
    }

    fn between(a: &Cuboid, b: &Cuboid, t: f64) -> Cuboid {
        let mix = |a: f64, b: f64| a + (b - a) * t;
        let rotation = a.rotation.slerp(b.rotation, t);
        Cuboid {
            center: a.center.lerp(b.center, t),
            length: mix(a.length, b.length),
            width: mix(a.width, b.width),
            height: mix(a.height, b.height),
            rotation: rotation / rotation.length(),
        }
    }
}
