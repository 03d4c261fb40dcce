//! Random processes as functions of a seed and a time: whoever asks for any moment, in any order, gets the same path.

use glam::DVec3;
use rand::RngExt as _;
use rand_distr::StandardNormal;

use crate::Seed;

/// Length of a block of the Wiener process, s, and the step below which it is a straight line.
const BLOCK_S: f64 = 4096.0;
const STEP_S: f64 = 0.25;

/// A standard normal number that belongs to this seed.
pub(crate) fn normal(seed: Seed) -> f64 {
    seed.rng().sample(StandardNormal)
}

/// Three of them.
pub(crate) fn normal3(seed: Seed) -> DVec3 {
    let mut rng = seed.rng();
    DVec3::new(
        rng.sample(StandardNormal),
        rng.sample(StandardNormal),
        rng.sample(StandardNormal),
    )
}

/// A stationary process of variance 1 whose values are independent after about `correlation_s`.
///
/// Independent normal numbers at multiples of the correlation time, blended by cosine and sine so that the variance is 1 in
/// between too.
pub(crate) fn drift(seed: Seed, time_s: f64, correlation_s: f64) -> f64 {
    let u = time_s / correlation_s.max(1e-3);
    let (sin, cos) = ((u - u.floor()) * std::f64::consts::FRAC_PI_2).sin_cos();
    // Two's complement keeps times before the start apart from those after it.
    let at = |k: i64| normal(seed.index(k as u64));
    let k = u.floor() as i64;
    at(k) * cos + at(k + 1) * sin
}

/// A Wiener process: 0 at time 0, variance `time_s`. Lévy's construction by bisection, so that any moment costs the same.
pub(crate) fn wiener(seed: Seed, time_s: f64) -> f64 {
    let time = time_s.max(0.0);
    let block = (time / BLOCK_S).floor();
    let ends = seed.child("block");
    let step = |k: u64| normal(ends.index(k)) * BLOCK_S.sqrt();
    let mut left: f64 = (0..block as u64).map(step).sum();
    let mut right = left + step(block as u64);
    let inner = seed.child("inner").index(block as u64);
    let (mut begin, mut span, mut node) = (block * BLOCK_S, BLOCK_S, 1_u64);
    while span > STEP_S {
        let middle = f64::midpoint(left, right) + normal(inner.index(node)) * span.sqrt() / 2.0;
        span /= 2.0;
        node *= 2;
        if time < begin + span {
            right = middle;
        } else {
            begin += span;
            left = middle;
            node += 1;
        }
    }
    left + (right - left) * (time - begin) / span
}

/// Three of them.
pub(crate) fn wiener3(seed: Seed, time_s: f64) -> DVec3 {
    DVec3::new(
        wiener(seed.child("x"), time_s),
        wiener(seed.child("y"), time_s),
        wiener(seed.child("z"), time_s),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: impl Iterator<Item = f64>) -> (f64, f64) {
        let values: Vec<f64> = values.collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64;
        (mean, variance)
    }

    #[test]
    fn drift_keeps_its_variance_and_is_continuous() {
        for u in [0.0, 0.3, 0.5, 0.9] {
            let (mean, variance) = moments((0..4000).map(|i| drift(Seed::new(i), 30.0 * (3.0 + u), 30.0)));
            assert!(
                mean.abs() < 0.06 && (variance - 1.0).abs() < 0.09,
                "{u}: {mean} {variance}"
            );
        }
        let seed = Seed::new(5);
        for i in 0..500 {
            let t = f64::from(i) * 0.37 - 40.0;
            assert!((drift(seed, t, 10.0) - drift(seed, t + 1e-6, 10.0)).abs() < 1e-5);
        }
    }

    #[test]
    fn wiener_grows_like_the_square_root_of_time() {
        for (from, to) in [(0.0, 1.0), (10.0, 12.0), (4000.0, 4200.0), (9000.0, 9000.5)] {
            let steps = (0..3000).map(|i| wiener(Seed::new(i), to) - wiener(Seed::new(i), from));
            let (mean, variance) = moments(steps);
            let expected: f64 = to - from;
            assert!(mean.abs() < 0.08 * expected.sqrt(), "{from}..{to}: mean {mean}");
            assert!(
                (variance / expected - 1.0).abs() < 0.1,
                "{from}..{to}: variance {variance}"
            );
        }
        assert_eq!(wiener(Seed::new(1), 0.0), 0.0);
        // Continuous over the edge of a block.
        assert!((wiener(Seed::new(1), 4096.0 - 1e-9) - wiener(Seed::new(1), 4096.0)).abs() < 1e-3);
    }
}
