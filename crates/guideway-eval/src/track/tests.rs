//! What the filters must do that cannot be seen from outside.
#![allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]

use guideway_core::{BBox, Cuboid, DVec3, Se3};
use proptest::prelude::*;

use super::kalman::Gaussian;
use super::mat::Mat;
use super::space::{Space as _, Updated};
use super::*;

fn cuboid_detection([x, y, yaw]: [f64; 3], velocity: Option<[f64; 3]>) -> CuboidDetection {
    let pose = Se3::from_yaw(yaw, DVec3::new(x, y, 0.5)).unwrap();
    CuboidDetection {
        class: 0,
        score: 0.9,
        cuboid: Cuboid::new(pose, [4.0, 2.0, 1.5]).unwrap(),
        velocity,
    }
}

fn is_sound<const N: usize>(gaussian: &Gaussian<N>) -> bool {
    let c = &gaussian.covariance;
    *c == c.transpose() && c.cholesky().is_some() && gaussian.is_sane()
}

fn noise(motion: MotionModel) -> CuboidNoise {
    CuboidNoise {
        motion,
        ..CuboidNoise::default()
    }
}

fn motions() -> impl Strategy<Value = MotionModel> {
    prop_oneof![Just(MotionModel::ConstantVelocity), Just(MotionModel::TurnRate)]
}

/// Steps of a microsecond to an hour, detections anywhere, or none.
fn steps() -> impl Strategy<Value = Vec<(f64, Option<[f64; 3]>, bool)>> {
    prop::collection::vec(
        (
            prop_oneof![4 => 0.01..0.5_f64, 1 => 1e-6..1e-3_f64, 1 => 1.0..20.0_f64, 1 => Just(0.0)],
            prop::option::of([-100.0..100.0_f64, -100.0..100.0_f64, -7.0..7.0_f64]),
            any::<bool>(),
        ),
        1..60,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn covariances_of_cuboids_stay_sound(steps in steps(), motion in motions(), exponent in -6.0..2.0_f64) {
        let mut noise = noise(motion);
        // from absurdly exact detections to useless ones
        noise.position = 10.0_f64.powf(exponent);
        let mut state = World::start(&cuboid_detection([0.0, 0.0, 1.0], None), &noise);
        let mut past = vec![(state, 0.0)];
        for (seconds, found, moving) in steps {
            state = World::predict(&state, seconds, &Se3::IDENTITY, &noise).unwrap();
            prop_assert!(is_sound(&state.gaussian), "predicted {:?}", state.gaussian.covariance);
            if let Some(found) = found {
                let velocity = moving.then_some([found[1], found[0], 0.0]);
                prop_assert_ne!(World::update(&mut state, &cuboid_detection(found, velocity), &noise), Updated::Failed);
                prop_assert!(is_sound(&state.gaussian), "updated {:?}", state.gaussian.covariance);
            }
            past.push((state, seconds));
        }
        let mut next = past.pop().unwrap();
        while let Some((before, seconds)) = past.pop() {
            let smooth = World::smooth(&before, &next.0, next.1, &Se3::IDENTITY, &noise);
            prop_assert!(is_sound(&smooth.gaussian), "smoothed {:?}", smooth.gaussian.covariance);
            next = (smooth, seconds);
        }
    }

    #[test]
    fn covariances_of_boxes_stay_sound(steps in steps(), zoom in 0.9..1.1_f64, shift in -30.0..30.0_f64) {
        let noise = BoxNoise::default();
        let warp = Warp::homography([[zoom, 0.01, shift], [-0.01, zoom, 0.0], [1e-6, 0.0, 1.0]]).unwrap();
        let detection = |[x, y, size]: [f64; 3]| BoxDetection {
            class: 0,
            score: 0.5,
            bbox: BBox::from_cxcywh(500.0 + 4.0 * x, 300.0 + 2.0 * y, 2.0 + size.abs() * 20.0, 3.0 + size.abs() * 10.0),
        };
        let mut state = Image::start(&detection([0.0, 0.0, 2.0]), &noise);
        let mut past = vec![(state, 0.0)];
        for (seconds, found, _) in steps {
            state = Image::predict(&state, seconds, &warp, &noise).unwrap();
            prop_assert!(is_sound(&state));
            if let Some(found) = found {
                prop_assert_ne!(Image::update(&mut state, &detection(found), &noise), Updated::Failed);
                prop_assert!(is_sound(&state));
            }
            prop_assert!(Image::shape(&state).is_valid());
            past.push((state, seconds));
        }
        let mut next = past.pop().unwrap();
        while let Some((before, seconds)) = past.pop() {
            let smooth = Image::smooth(&before, &next.0, next.1, &warp, &noise);
            prop_assert!(is_sound(&smooth));
            prop_assert!(Image::shape(&smooth).is_valid());
            next = (smooth, seconds);
        }
    }

    #[test]
    fn two_steps_are_one(a in 0.001..1.0_f64, b in 0.001..1.0_f64) {
        let noise = noise(MotionModel::ConstantVelocity);
        let mut start = World::start(&cuboid_detection([3.0, 4.0, 1.0], None), &noise);
        start.gaussian.mean[7] = 5.0;
        let go = |state, seconds| World::predict(&state, seconds, &Se3::IDENTITY, &noise).unwrap();
        let (two, one) = (go(go(start, a), b), go(start, a + b));
        for (two, one) in two.gaussian.mean.iter().zip(&one.gaussian.mean) {
            prop_assert!((two - one).abs() < 1e-9);
        }
        let off = two.gaussian.covariance.minus(&one.gaussian.covariance);
        prop_assert!(off.0.as_flattened().iter().all(|v| v.abs() < 1e-9), "{off:?}");
    }

    #[test]
    fn a_circle_is_a_circle(speed in -20.0..20.0_f64, rate in -1.0..1.0_f64, yaw in -3.0..3.0_f64, seconds in 0.0..5.0_f64) {
        let noise = noise(MotionModel::TurnRate);
        let mut state = World::start(&cuboid_detection([1.0, 2.0, yaw], None), &noise);
        state.gaussian.mean[7] = speed;
        state.gaussian.mean[8] = rate;
        let after = World::predict(&state, seconds, &Se3::IDENTITY, &noise).unwrap().gaussian.mean;
        let expected = if rate.abs() < 1e-6 {
            [1.0 + speed * seconds * yaw.cos(), 2.0 + speed * seconds * yaw.sin()]
        } else {
            let end = yaw + rate * seconds;
            [1.0 + speed / rate * (end.sin() - yaw.sin()), 2.0 - speed / rate * (end.cos() - yaw.cos())]
        };
        prop_assert!((after[0] - expected[0]).abs() < 1e-6 && (after[1] - expected[1]).abs() < 1e-6, "{after:?} {expected:?}");
    }

    /// The Jacobian of the motion against differences: a column of the covariance of a state known but for one number.
    #[test]
    fn the_motion_is_linearised_rightly(
        speed in -20.0..20.0_f64, rate in -1.0..1.0_f64, yaw in -3.0..3.0_f64, seconds in 0.001..1.0_f64, which in 0_usize..10,
    ) {
        let noise = noise(MotionModel::TurnRate);
        let mut state = World::start(&cuboid_detection([1.0, 2.0, yaw], None), &noise);
        state.gaussian.mean[7] = speed;
        state.gaussian.mean[8] = rate;
        let after = |state| World::predict(&state, seconds, &Se3::IDENTITY, &noise).unwrap().gaussian;
        let step = 1e-6;
        let (mut lower, mut upper) = (state, state);
        lower.gaussian.mean[which] -= step;
        upper.gaussian.mean[which] += step;
        let (lower, upper) = (after(lower).mean, after(upper).mean);
        // with all but one number known exactly, less the same without any uncertainty, is the Jacobian's column squared
        let (mut with, mut without) = (state, state);
        without.gaussian.covariance = Mat::ZERO;
        with.gaussian.covariance = Mat::ZERO;
        with.gaussian.covariance.0[which][which] = 1.0;
        let square = after(with).covariance.minus(&after(without).covariance);
        for i in 0..10 {
            for j in 0..10 {
                let slope = |i: usize| (upper[i] - lower[i]) / (2.0 * step);
                let expected = slope(i) * slope(j);
                prop_assert!((square.0[i][j] - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{i} {j} {} {expected}", square.0[i][j]);
            }
        }
    }
}

/// RTS must give the least-squares answer: for a linear motion the mean of the normal distribution of all states given all detections.
#[test]
fn smoothing_is_least_squares() {
    // a walk of one number, detected three times: the joint normal equations by hand
    let (q, r) = (0.5_f64, 0.2_f64);
    let found = [1.0, 2.5, 2.0];
    let mut state = Gaussian::independent([found[0]], [r]);
    let mut filtered = vec![state];
    let ahead = |mean| kalman::Predicted {
        mean,
        transition: Mat::identity(),
        noise: Mat([[q * q]]),
    };
    for z in &found[1..] {
        state = ahead(state.mean).of(&state);
        assert!(state.update(&Mat([[1.0]]), &[z - state.mean[0]], &[r]));
        filtered.push(state);
    }
    let mut smooth = filtered[2];
    let mut means = vec![smooth.mean[0]];
    for before in [filtered[1], filtered[0]] {
        let predicted = ahead(before.mean);
        smooth = before.smoothed(&predicted, &smooth, &[smooth.mean[0] - before.mean[0]]);
        means.push(smooth.mean[0]);
    }
    means.reverse();
    let (a, b) = (1.0 / (r * r), 1.0 / (q * q));
    let precision = Mat([[a + b, -b, 0.0], [-b, a + 2.0 * b, -b], [0.0, -b, a + b]]);
    let root = precision.cholesky().unwrap();
    let expected = root.solve(&Mat(found.map(|z| [z * a])));
    for (got, expected) in means.iter().zip(expected.0) {
        assert!((got - expected[0]).abs() < 1e-12, "{got} {expected:?}");
    }
    let covariance = root.solve(&Mat::identity());
    assert!((smooth.covariance.0[0][0] - covariance.0[0][0]).abs() < 1e-12);
}
