//! Which arm of an experiment is better, and by how much?
//!
//! An arm is a way of doing something that has luck in it, such as choosing the images that a model learns from. It is
//! run once per seed, and gives one number per seed. Arms are paired: runs of one seed begin with the same model and
//! the same draw, so that the difference within a seed leaves out the luck that they share. Slices of two arms have the
//! same seeds in the same order.
//!
//! Seeds are few, so that intervals are those of Student's t distribution with n − 1 degrees of freedom; they take the
//! numbers (of a pair: their differences) for normally distributed over seeds. Where a result is `None`, the
//! documentation says why; a number that is not finite is never left out quietly.
//!
//! Learning curves are slices of (cost, value) points, such as (labelled images, AP): at least one point, all numbers
//! finite, costs strictly ascending. Between points they are straight; beyond the ends there is no curve.

use crate::stats::{student_t_quantile_two_sided, student_t_tails};

/// The mean over seeds with its interval, in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// Mean over seeds.
    pub mean: f64,
    /// Standard deviation of one seed's value (divisor n − 1), not of the mean.
    pub sd: f64,
    /// Lower end of the mean's interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Number of seeds.
    pub n: usize,
}

/// Mean and interval of the mean: mean ± t · sd / √n, with n − 1 degrees of freedom (Student 1908).
///
/// `None` with fewer than two values, with one that is not finite, or with a confidence outside (0, 1). Equal values
/// have an interval of width 0.
///
/// ```
/// let ap = guideway_eval::arms::mean_interval(&[0.40, 0.42, 0.44], 0.95).unwrap();
/// assert!((ap.mean - 0.42).abs() < 1e-12 && (ap.sd - 0.02).abs() < 1e-12);
/// assert!((ap.upper - 0.469_683).abs() < 1e-6);
/// ```
pub fn mean_interval(values: &[f64], confidence: f64) -> Option<Estimate> {
    let t = student_t(values.len(), confidence)?;
    let mean = mean(values)?;
    let variance = covariance_of_means([values, values])?;
    let half = t * variance.sqrt();
    finite([mean - half, mean + half]).map(|[lower, upper]| Estimate {
        mean,
        sd: (variance * values.len() as f64).sqrt(),
        lower,
        upper,
        n: values.len(),
    })
}

/// The mean difference of two arms, in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Paired {
    /// Mean of candidate − baseline over seeds.
    pub mean: f64,
    /// Lower end of its interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Two-sided: how often a difference this far from 0, or further, comes up between arms that do not differ.
    pub p_value: f64,
    /// Number of seeds.
    pub n: usize,
}

/// Paired t test and interval of the mean of candidate − baseline (Student 1908): [`mean_interval`] of the differences,
/// and the probability of a |t| as large as mean / (sd / √n).
///
/// `None` for slices of different lengths, and as for [`mean_interval`]. Where all differences are the same, the
/// interval has width 0, and the p value is 1 if they are 0, and 0 otherwise.
///
/// ```
/// let gain = guideway_eval::arms::paired(&[0.43, 0.45, 0.44], &[0.40, 0.41, 0.42], 0.95).unwrap();
/// assert!((gain.mean - 0.03).abs() < 1e-12 && gain.lower > 0.0);
/// assert!((gain.p_value - 0.035_099).abs() < 1e-6);
/// ```
pub fn paired(candidate: &[f64], baseline: &[f64], confidence: f64) -> Option<Paired> {
    if candidate.len() != baseline.len() {
        return None;
    }
    let differences: Vec<f64> = candidate.iter().zip(baseline).map(|(a, b)| a - b).collect();
    let gain = mean_interval(&differences, confidence)?;
    let p_value = if gain.mean == 0.0 {
        1.0
    } else {
        // without variation t is infinite, and p is 0
        student_t_tails(gain.mean * (gain.n as f64).sqrt() / gain.sd, gain.n as f64 - 1.0)?
    };
    Some(Paired {
        mean: gain.mean,
        lower: gain.lower,
        upper: gain.upper,
        p_value,
        n: gain.n,
    })
}

/// The ratio of two arms' means.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Ratio {
    /// Mean of the numerators divided by the mean of the denominators; no unit where theirs is the same.
    pub ratio: f64,
    /// The ratios that the seeds do not speak against.
    pub interval: RatioInterval,
    /// Number of seeds.
    pub n: usize,
}

/// The ratios that an experiment does not speak against. All ends belong to it.
///
/// ```
/// let interval = guideway_eval::arms::RatioInterval::Outside { below: -1.0, above: 2.0 };
/// assert_eq!(serde_json::to_string(&interval).unwrap(), r#"{"kind":"outside","below":-1.0,"above":2.0}"#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RatioInterval {
    /// From `lower` to `upper`: the denominator is clear of 0.
    Bounded {
        /// Lower end.
        lower: f64,
        /// Upper end.
        upper: f64,
    },
    /// Everything outside (`below`, `above`): the denominator may be 0, so that the ratio may be as large as one likes,
    /// with either sign; only what lies between is ruled out.
    Outside {
        /// Upper end of the part on the left.
        below: f64,
        /// Lower end of the part on the right.
        above: f64,
    },
    /// Every ratio: both means may be 0.
    Everything,
}

impl RatioInterval {
    /// Is the interval bounded, without `value` in it? With 1, whether the means differ, and the ratio says by how
    /// much.
    ///
    /// ```
    /// use guideway_eval::arms::RatioInterval;
    /// assert!(RatioInterval::Bounded { lower: 1.2, upper: 3.0 }.clear_of(1.0));
    /// assert!(!RatioInterval::Bounded { lower: 0.8, upper: 3.0 }.clear_of(1.0));
    /// assert!(!RatioInterval::Outside { below: -2.0, above: 3.0 }.clear_of(1.0));
    /// ```
    pub fn clear_of(&self, value: f64) -> bool {
        matches!(self, Self::Bounded { lower, upper } if value < *lower || value > *upper)
    }
}

/// Mean of the numerators / mean of the denominators with Fieller's interval for it (Fieller 1954, "Some problems in
/// interval estimation", Journal of the Royal Statistical Society B 16). Numerators and denominators of a seed go
/// together; their covariance counts.
///
/// A ratio θ is in the interval if the paired test does not reject that numerator − θ · denominator has mean 0:
///
/// (x̄ − θ ȳ)² ≤ t² (v_xx − 2 θ v_xy + θ² v_yy)
///
/// with the means x̄ and ȳ, their variances and covariance v, and t for n − 1 degrees of freedom. This is exact for
/// normal values, unlike the usual ± for a ratio, which is too narrow just where the denominator is small and noisy.
/// The inequality is quadratic in θ, and its solution has one of three shapes: between the roots if the denominator's
/// own interval leaves out 0 (ȳ² > t² v_yy); otherwise beyond the roots, or all numbers where there are no two roots. A
/// denominator whose interval ends at exactly 0 would leave half a line; it is given as [`RatioInterval::Everything`].
///
/// `None` for slices of different lengths, with fewer than two seeds, with a value that is not finite, with a
/// confidence outside (0, 1), or if the denominators' mean is 0.
///
/// ```
/// use guideway_eval::arms::{RatioInterval, ratio_of_means};
/// // gain in AP by selected images, and by random ones
/// let gain = ratio_of_means(&[0.020, 0.024, 0.022, 0.026], &[0.010, 0.013, 0.011, 0.012], 0.95).unwrap();
/// assert!((gain.ratio - 2.0).abs() < 1e-9 && gain.interval.clear_of(1.0));
/// // noise as the denominator: the ratio is not known
/// let noise = ratio_of_means(&[0.020, 0.024, 0.022, 0.026], &[0.010, -0.013, 0.011, -0.004], 0.95).unwrap();
/// assert!(matches!(noise.interval, RatioInterval::Outside { .. }));
/// ```
pub fn ratio_of_means(numerator: &[f64], denominator: &[f64], confidence: f64) -> Option<Ratio> {
    let n = numerator.len();
    if denominator.len() != n {
        return None;
    }
    let t = student_t(n, confidence)?;
    let below_line = mean(denominator)?;
    let [ratio] = finite([mean(numerator)? / below_line])?;
    // With θ = ratio + δ and the rests r = x − ratio · y, whose mean is 0, the inequality becomes
    // a δ² + 2 t² v_ry δ − t² v_rr ≤ 0. Its roots need no difference of large numbers; for a > 0 they enclose 0.
    let rests: Vec<f64> = numerator.iter().zip(denominator).map(|(x, y)| x - ratio * y).collect();
    let v_rr = covariance_of_means([&rests, &rests])?;
    let v_ry = covariance_of_means([&rests, denominator])?;
    let a = below_line * below_line - t * t * covariance_of_means([denominator, denominator])?;
    let discriminant = t * t * v_ry * v_ry + a * v_rr;
    let roots = || {
        let ends = [-1.0, 1.0].map(|sign| ratio + t * (sign * discriminant.sqrt() - t * v_ry) / a);
        finite(ends).map(|[x, y]| [x.min(y), x.max(y)])
    };
    let interval = if a > 0.0 {
        let [lower, upper] = roots()?;
        RatioInterval::Bounded { lower, upper }
    } else if a < 0.0 && discriminant > 0.0 {
        let [below, above] = roots()?;
        RatioInterval::Outside { below, above }
    } else {
        RatioInterval::Everything
    };
    Some(Ratio { ratio, interval, n })
}

/// P values adjusted for being many (Holm 1979, "A simple sequentially rejective multiple test procedure"), in the
/// order of the input: the i-th smallest of m becomes the largest of min(1, (m − j + 1) p₍ⱼ₎) over j ≤ i. To call those
/// up to α findings is wrong anywhere with a probability of at most α, however the tests depend on each other.
///
/// A p value that is NaN stays NaN, and counts as one of the m.
///
/// ```
/// let adjusted = guideway_eval::arms::holm(&[0.01, 0.04, 0.03]);
/// assert!(adjusted.iter().zip([0.03, 0.06, 0.06]).all(|(got, expected)| (got - expected).abs() < 1e-12));
/// ```
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).filter(|i| !p_values[*i].is_nan()).collect();
    order.sort_by(|i, j| p_values[*i].total_cmp(&p_values[*j]));
    let mut adjusted = p_values.to_vec();
    let mut most = 0.0_f64;
    for (place, i) in order.into_iter().enumerate() {
        most = most.max(p_values[i] * (p_values.len() - place) as f64).min(1.0);
        adjusted[i] = most;
    }
    adjusted
}

/// Height of a learning curve at cost `x`, in the unit of its values.
///
/// `None` where the points are no curve, or outside their costs: nothing is extrapolated.
///
/// ```
/// let curve = [(100.0, 0.20), (200.0, 0.30)];
/// assert_eq!(guideway_eval::arms::value_at(&curve, 150.0), Some(0.25));
/// assert_eq!(guideway_eval::arms::value_at(&curve, 201.0), None);
/// ```
pub fn value_at(curve: &[(f64, f64)], x: f64) -> Option<f64> {
    check_curve(curve)?;
    let place = curve.partition_point(|point| point.0 < x);
    let (x1, y1) = *curve.get(place)?;
    if x1 == x {
        return Some(y1);
    }
    let (x0, y0) = *curve.get(place.checked_sub(1)?)?;
    Some(between(y0, y1, (x - x0) / (x1 - x0)))
}

/// Mean height of a learning curve between the costs `from` and `to`: the area under it by trapezoids / (`to` −
/// `from`), in the unit of its values.
///
/// `None` where the points are no curve, where `from` is not below `to`, or if the curve does not span both.
///
/// ```
/// let curve = [(100.0, 0.20), (200.0, 0.30), (400.0, 0.30)];
/// let area = guideway_eval::arms::area(&curve, 100.0, 400.0).unwrap();
/// assert!((area - 0.85 / 3.0).abs() < 1e-12);
/// ```
pub fn area(curve: &[(f64, f64)], from: f64, to: f64) -> Option<f64> {
    if from >= to {
        return None;
    }
    let mut before = (from, value_at(curve, from)?);
    let end = (to, value_at(curve, to)?);
    let mut sum = 0.0;
    for point in curve
        .iter()
        .filter(|point| point.0 > from && point.0 < to)
        .chain([&end])
    {
        sum += (point.0 - before.0) * f64::midpoint(before.1, point.1);
        before = *point;
    }
    Some(sum / (to - from))
}

/// The smallest cost at which a learning curve is at least as high as `value`, in the unit of its costs. A curve that
/// begins so high is there at its first point, whose cost is then more than was needed.
///
/// `None` where the points are no curve, or if it stays below `value`.
///
/// ```
/// let curve = [(100.0, 0.20), (200.0, 0.30), (400.0, 0.25)];
/// let cost = guideway_eval::arms::cost_to_reach(&curve, 0.25).unwrap();
/// assert!((cost - 150.0).abs() < 1e-9);
/// assert_eq!(guideway_eval::arms::cost_to_reach(&curve, 0.31), None);
/// ```
pub fn cost_to_reach(curve: &[(f64, f64)], value: f64) -> Option<f64> {
    check_curve(curve)?;
    let place = curve.iter().position(|point| point.1 >= value)?;
    let (x1, y1) = curve[place];
    let Some((x0, y0)) = place.checked_sub(1).map(|before| curve[before]) else {
        return Some(x1);
    };
    Some(between(x0, x1, (value - y0) / (y1 - y0)))
}

/// `Some` for at least one point, finite numbers, and costs that ascend strictly.
fn check_curve(curve: &[(f64, f64)]) -> Option<()> {
    let finite = curve.iter().all(|point| point.0.is_finite() && point.1.is_finite());
    (!curve.is_empty() && finite && curve.windows(2).all(|pair| pair[0].0 < pair[1].0)).then_some(())
}

/// The point at this fraction of the way, exact at both ends.
fn between(from: f64, to: f64, fraction: f64) -> f64 {
    from * (1.0 - fraction) + to * fraction
}

/// Half the width of an interval in standard deviations of the mean; `None` with fewer than two values, or a confidence
/// outside (0, 1).
fn student_t(n: usize, confidence: f64) -> Option<f64> {
    student_t_quantile_two_sided(confidence, n.checked_sub(1)? as f64)
}

/// The mean, taken from the first value on, so that equal values have exactly themselves as mean; `None` where it is
/// not finite.
fn mean(values: &[f64]) -> Option<f64> {
    let first = values.first()?;
    finite([first + values.iter().map(|value| value - first).sum::<f64>() / values.len() as f64]).map(|[mean]| mean)
}

/// Covariance of the means of two columns of one length: Σ (a − ā)(b − b̄) / (n (n − 1)).
fn covariance_of_means([a, b]: [&[f64]; 2]) -> Option<f64> {
    let [mean_a, mean_b] = [mean(a)?, mean(b)?];
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum();
    let n = a.len() as f64;
    finite([sum / (n * (n - 1.0))]).map(|[covariance]| covariance)
}

/// The numbers, if all are finite.
fn finite<const N: usize>(numbers: [f64; N]) -> Option<[f64; N]> {
    numbers.iter().all(|number| number.is_finite()).then_some(numbers)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::unreadable_literal,
    reason = "a test must stop at what it did not expect; numbers stand as the reference prints them"
)]
mod tests {
    use super::*;

    // what the reference numbers below were computed from, with scipy 1.17.1, numpy 2.4.6 and statsmodels 0.15.0
    const A: [f64; 5] = [0.412, 0.398, 0.431, 0.405, 0.42];
    const B: [f64; 5] = [0.391, 0.392, 0.409, 0.4, 0.398];
    const X: [f64; 5] = [0.021, 0.006, 0.022, 0.005, 0.022];
    const Y: [f64; 5] = [0.011, 0.004, 0.008, 0.007, 0.013];
    const NOISE: [f64; 5] = [0.011, -0.004, 0.008, -0.007, 0.013];

    #[track_caller]
    fn close<const N: usize>(got: [f64; N], expected: [f64; N]) {
        let near = |(got, expected): (&f64, &f64)| (got - expected).abs() <= 1e-9 * expected.abs();
        assert!(got.iter().zip(&expected).all(near), "{got:?} is not {expected:?}");
    }

    #[test]
    fn means_equal_scipy() {
        let e = mean_interval(&A, 0.95).unwrap();
        // A.mean(), A.std(ddof=1), scipy.stats.ttest_1samp(A, 0).confidence_interval(0.95)
        let expected = [0.4132, 0.012872451204024804, 0.3972167407713278, 0.42918325922867234];
        close([e.mean, e.sd, e.lower, e.upper], expected);
        assert_eq!(e.n, 5);
        let same = mean_interval(&[0.1; 3], 0.95).unwrap();
        assert_eq!([same.mean, same.sd, same.lower, same.upper], [0.1, 0.0, 0.1, 0.1]);
        for values in [
            &[][..],
            &[1.0],
            &[1.0, f64::NAN],
            &[1.0, f64::INFINITY],
            &[1e308, -1e308],
        ] {
            assert_eq!(mean_interval(values, 0.95), None);
        }
        assert_eq!(mean_interval(&A, 0.0), None);
        assert_eq!(mean_interval(&A, 1.0), None);
    }

    #[test]
    fn paired_tests_equal_scipy() {
        // (A - B).mean(), r = scipy.stats.ttest_rel(A, B); r.confidence_interval(0.9), r.pvalue
        let p = paired(&A, &B, 0.9).unwrap();
        let expected = [0.0152, 0.006742181656086262, 0.023657818343913714, 0.018598088231920447];
        close([p.mean, p.lower, p.upper, p.p_value], expected);
        let same = paired(&A, &A, 0.95).unwrap();
        assert_eq!([same.mean, same.lower, same.upper, same.p_value], [0.0, 0.0, 0.0, 1.0]);
        let moved = paired(&[1.5, 2.5, 4.5], &[1.0, 2.0, 4.0], 0.95).unwrap();
        assert_eq!(
            [moved.mean, moved.lower, moved.upper, moved.p_value],
            [0.5, 0.5, 0.5, 0.0]
        );
        assert_eq!(paired(&A, &B[1..], 0.95), None);
        assert_eq!(paired(&[1e308, 1.0], &[-1e308, 1.0], 0.95), None);
    }

    #[test]
    fn ratios_equal_the_roots_of_fiellers_quadratic() {
        // t = scipy.stats.t.ppf((1 + c) / 2, 4); v = numpy.cov(x, y) / 5; numpy.roots([y.mean()**2 - t*t*v[1, 1], -2 *
        // (x.mean() * y.mean() - t*t*v[0, 1]), x.mean()**2 - t*t*v[0, 0]]); between them if the first coefficient is
        // positive
        for (x, y, confidence, expected) in [
            (A, B, 0.95, (0, [1.0105778397020282, 1.0655071626564265])),
            (X, Y, 0.95, (0, [0.7641857422393382, 2.610322493742979])),
            (X, Y, 0.99, (0, [-1.2727956427724798, 3.695803851955477])),
            (X, NOISE, 0.8, (1, [-4.539525721906194, 2.012363323204276])),
            (X, NOISE, 0.95, (1, [-0.6047020140301534, 1.6513718164498905])),
        ] {
            let got = ratio_of_means(&x, &y, confidence).unwrap();
            close([got.ratio], [x.iter().sum::<f64>() / y.iter().sum::<f64>()]);
            let (shape, ends) = match got.interval {
                RatioInterval::Bounded { lower, upper } => (0, [lower, upper]),
                RatioInterval::Outside { below, above } => (1, [below, above]),
                RatioInterval::Everything => (2, [0.0; 2]),
            };
            assert_eq!(shape, expected.0);
            close(ends, expected.1);
        }
        // no real roots
        let unknown = ratio_of_means(&[0.01, -0.02, 0.015, -0.01, 0.02], &NOISE, 0.95).unwrap();
        assert_eq!(unknown.interval, RatioInterval::Everything);
        // without variation
        let (lower, upper) = (4.0, 4.0);
        let same = ratio_of_means(&[2.0; 3], &[0.5; 3], 0.95).unwrap();
        assert_eq!(same.interval, RatioInterval::Bounded { lower, upper });
        assert!(same.interval.clear_of(1.0) && !same.interval.clear_of(4.0) && !same.interval.clear_of(f64::NAN));
        assert_eq!(ratio_of_means(&A, &[1.0, -1.0, 0.0, 2.0, -2.0], 0.95), None);
        assert_eq!(ratio_of_means(&A, &B[1..], 0.95), None);
        assert_eq!(ratio_of_means(&A, &B, f64::NAN), None);
    }

    #[test]
    fn holm_equals_statsmodels() {
        // statsmodels.stats.multitest.multipletests(p, method="holm")[1]
        close(
            holm(&[0.01, 0.04, 0.03, 0.005])[..].try_into().unwrap(),
            [0.03, 0.06, 0.06, 0.02],
        );
        let many = holm(&[0.2, 0.9, 0.01, 0.01, 0.6]);
        close(many[..].try_into().unwrap(), [0.6, 1.0, 0.05, 0.05, 1.0]);
        let gap = holm(&[0.01, -f64::NAN, 0.02]);
        assert!(gap[1].is_nan());
        close([gap[0], gap[2]], [0.03, 0.04]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn curves_equal_numpy() {
        let curve = [(10.0, 0.2), (20.0, 0.3), (40.0, 0.28), (80.0, 0.5)];
        // numpy.interp(q, x, y)
        let heights = [10.0, 15.0, 33.0, 79.0, 80.0].map(|x| value_at(&curve, x).unwrap());
        close(heights, [0.2, 0.25, 0.287, 0.4945, 0.5]);
        // k = the ends and the points between; numpy.trapezoid(numpy.interp(k, x, y), k) / (to - from)
        let areas = [(15.0, 60.0), (22.0, 30.0), (10.0, 80.0)].map(|(from, to)| area(&curve, from, to).unwrap());
        close(areas, [0.30833333333333335, 0.294, 0.34142857142857147]);
        // by hand; the last is numpy.interp(0.4, [0.28, 0.5], [40, 80])
        let costs = [0.1, 0.2, 0.29, 0.3, 0.5, 0.4].map(|value| cost_to_reach(&curve, value).unwrap());
        close(costs, [10.0, 10.0, 19.0, 20.0, 80.0, 61.81818181818182]);
        for x in [9.0, 81.0, f64::NAN, f64::INFINITY] {
            assert_eq!(value_at(&curve, x), None);
            assert_eq!(area(&curve, 15.0, x), None);
        }
        assert_eq!(area(&curve, 20.0, 20.0), None);
        assert_eq!(cost_to_reach(&curve, 0.51), None);
        assert_eq!(cost_to_reach(&curve, f64::NAN), None);
        for bad in [
            &[][..],
            &[(1.0, 0.0), (1.0, 1.0)],
            &[(2.0, 0.0), (1.0, 1.0)],
            &[(1.0, f64::NAN)],
        ] {
            assert_eq!(value_at(bad, 1.0), None);
            assert_eq!(cost_to_reach(bad, 0.0), None);
        }
    }
}
