//! Intervals for counts, and the distributions behind intervals.
//!
//! Quantiles come from the incomplete gamma function (series and continued fraction after Abramowitz and Stegun,
//! "Handbook of Mathematical Functions", 6.5.29 and 6.5.31) and the incomplete beta function (continued fraction,
//! 26.5.8), inverted by bisection: not fast, but to the last digits.

/// Lower and upper end of an interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// Wilson's score interval for a proportion: `successes` of `trials` (Wilson 1927, without continuity correction).
///
/// `None` without trials, with more successes than trials, or with a confidence outside (0, 1).
///
/// ```
/// let i = guideway_eval::stats::wilson(8, 10, 0.95).unwrap();
/// assert!((i.lower - 0.490162).abs() < 1e-6 && (i.upper - 0.943318).abs() < 1e-6);
/// ```
pub fn wilson(successes: u64, trials: u64, confidence: f64) -> Option<Interval> {
    if trials == 0 || successes > trials {
        return None;
    }
    let z = normal_quantile_two_sided(confidence)?;
    let n = trials as f64;
    let p = successes as f64 / n;
    let z2 = z * z;
    let centre = p + z2 / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    // at the ends the formula gives 0 and 1 but for rounding
    Some(Interval {
        lower: if successes == 0 { 0.0 } else { (centre - half) / scale },
        upper: if successes == trials {
            1.0
        } else {
            (centre + half) / scale
        },
    })
}

/// The exact interval for the rate of a Poisson process that was seen `events` times in `exposure` (km, hours, frames), after Garwood
/// (1936). In events per unit of exposure.
///
/// `None` for an exposure that is not positive and finite, or a confidence outside (0, 1).
pub fn poisson_rate(events: u64, exposure: f64, confidence: f64) -> Option<Interval> {
    if !(exposure > 0.0 && exposure.is_finite() && confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let tail = (1.0 - confidence) / 2.0;
    let lower = if events == 0 {
        0.0
    } else {
        gamma_quantile(events as f64, tail)
    };
    let upper = gamma_quantile(events as f64 + 1.0, 1.0 - tail);
    Some(Interval {
        lower: lower / exposure,
        upper: upper / exposure,
    })
}

/// `z` with probability `confidence` between `-z` and `z` under the standard normal distribution; `None` outside (0, 1).
pub fn normal_quantile_two_sided(confidence: f64) -> Option<f64> {
    // z² / 2 has a gamma distribution of shape 1/2
    (confidence > 0.0 && confidence < 1.0).then(|| (2.0 * gamma_quantile(0.5, confidence)).sqrt())
}

/// Probability of values below `t` under Student's t distribution (Student 1908) with `degrees` (ν) degrees of freedom.
///
/// To 1e-9 up to a million degrees; for more the distribution of a million is given, within 1e-6 of theirs. `None` for a
/// `t` that is not a number, or `degrees` that are not at least 1.
///
/// ```
/// let p = guideway_eval::stats::student_t_cdf(2.776_445, 4.0).unwrap();
/// assert!((p - 0.975).abs() < 1e-8);
/// ```
pub fn student_t_cdf(t: f64, degrees: f64) -> Option<f64> {
    let tail = student_t_tails(t, degrees)? / 2.0;
    Some(if t > 0.0 { 1.0 - tail } else { tail })
}

/// Probability of values beyond `±t` under Student's t distribution: the two-sided p value of a `t`, Iₓ(ν/2, 1/2) at
/// x = ν / (ν + t²) (Abramowitz and Stegun 26.7.1). Small ones keep their digits.
///
/// `None` as for [`student_t_cdf`].
///
/// ```
/// // one degree of freedom: 1 − 2/π · arctan t
/// let p = guideway_eval::stats::student_t_tails(1.0, 1.0).unwrap();
/// assert!((p - 0.5).abs() < 1e-12);
/// ```
pub fn student_t_tails(t: f64, degrees: f64) -> Option<f64> {
    let degrees = student_t_degrees(degrees)?;
    let [x, y] = student_t_place(t, degrees);
    (!t.is_nan()).then(|| beta_i(degrees / 2.0, 0.5, x, y))
}

/// `t` with probability `confidence` between `-t` and `t` under Student's t distribution with `degrees` degrees of
/// freedom.
///
/// `None` for a confidence outside (0, 1), or `degrees` that are not at least 1.
///
/// ```
/// let t = guideway_eval::stats::student_t_quantile_two_sided(0.95, 4.0).unwrap();
/// assert!((t - 2.776_445_105).abs() < 1e-9);
/// ```
pub fn student_t_quantile_two_sided(confidence: f64, degrees: f64) -> Option<f64> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let degrees = student_t_degrees(degrees)?;
    // compare the smaller of the two probabilities, which has more digits
    let below = |t: f64| {
        let [x, y] = student_t_place(t, degrees);
        if confidence < 0.5 {
            beta_i(0.5, degrees / 2.0, y, x) < confidence
        } else {
            beta_i(degrees / 2.0, 0.5, x, y) > 1.0 - confidence
        }
    };
    Some(first_not_below(1.0, below))
}

/// The degrees of freedom to compute with.
fn student_t_degrees(degrees: f64) -> Option<f64> {
    (degrees >= 1.0).then(|| degrees.min(1e6))
}

/// ν / (ν + t²) and t² / (ν + t²), without a difference and for any `t`.
fn student_t_place(t: f64, degrees: f64) -> [f64; 2] {
    let square = t * t / degrees;
    [1.0 / (1.0 + square), 1.0 / (1.0 + 1.0 / square)]
}

/// Quantile of the gamma distribution with this shape and scale 1, for a probability in (0, 1).
pub(crate) fn gamma_quantile(shape: f64, probability: f64) -> f64 {
    first_not_below(shape + 1.0, |x| gamma_p(shape, x) < probability)
}

/// Where `below`, true from 0 on, stops being true, by bisection; looked for up to `high` first.
fn first_not_below(high: f64, below: impl Fn(f64) -> bool) -> f64 {
    let mut low = 0.0;
    let mut high = high;
    while below(high) && high < 1e300 {
        low = high;
        high *= 2.0;
    }
    // each step halves the interval; 200 are enough for any pair of doubles
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Regularised lower incomplete gamma function P(a, x).
fn gamma_p(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let factor = (a * x.ln() - x - ln_gamma(a)).exp();
    // both converge within about the square root of `a` times ten terms
    let most = 1000 + (a.sqrt() * 20.0) as u64;
    if x < a + 1.0 {
        let mut term = 1.0 / a;
        let mut sum = term;
        let mut n = a;
        for _ in 0..most {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        return (sum * factor).min(1.0);
    }
    // modified Lentz for the continued fraction of Q(a, x)
    let tiny = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / tiny;
    let mut d = 1.0 / b;
    let mut h = d;
    let mut i = 0.0;
    for _ in 0..most {
        i += 1.0;
        let an = -i * (i - a);
        b += 2.0;
        d = an * d + b;
        if d.abs() < tiny {
            d = tiny;
        }
        c = b + an / c;
        if c.abs() < tiny {
            c = tiny;
        }
        d = 1.0 / d;
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    (1.0 - factor * h).max(0.0)
}

/// Regularised incomplete beta function Iₓ(a, b), given `x` and `y` = 1 − x.
fn beta_i(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    // beyond the bulk the other side's fraction converges fast
    if x > (a + 1.0) / (a + b + 2.0) {
        return (1.0 - beta_fraction(b, a, y, x)).max(0.0);
    }
    beta_fraction(a, b, x, y).min(1.0)
}

/// The continued fraction of Iₓ(a, b) for an `x` below (a + 1) / (a + b + 2), by the modified Lentz method.
fn beta_fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let tiny = 1e-300;
    let away = |v: f64| if v.abs() < tiny { tiny } else { v };
    let ln_beta = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let factor = (a * x.ln() + b * y.ln() - ln_beta).exp() / a;
    let most = 1000 + (a.max(b).sqrt() * 20.0) as u64;
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    let mut m = 0.0;
    for _ in 0..most {
        m += 1.0;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    factor * h
}

/// Logarithm of the gamma function for positive arguments: Stirling's series (Abramowitz and Stegun 6.1.41) after shifting the argument
/// beyond 15 by the recurrence.
fn ln_gamma(x: f64) -> f64 {
    let mut shift = 0.0;
    let mut x = x;
    while x < 15.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let series = inverse
        * (1.0 / 12.0
            - square
                * (1.0 / 360.0
                    - square
                        * (1.0 / 1260.0
                            - square * (1.0 / 1680.0 - square * (1.0 / 1188.0 - square * 691.0 / 360_360.0)))));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - shift
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::unreadable_literal,
    reason = "a test must stop at what it did not expect; numbers stand as the reference prints them"
)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64) {
        assert!(
            (got - expected).abs() <= 1e-10 * expected.abs().max(1.0),
            "{got} is not {expected}"
        );
    }

    #[test]
    fn normal_quantiles_equal_scipy() {
        // scipy.stats.norm.ppf((1 + c) / 2)
        for (confidence, z) in NORMAL {
            close(normal_quantile_two_sided(confidence).unwrap(), z);
        }
    }

    #[test]
    fn wilson_equals_scipy() {
        // scipy.stats.binomtest(k, n).proportion_ci(c, method="wilson")
        for (k, n, confidence, lower, upper) in WILSON {
            let i = wilson(k, n, confidence).unwrap();
            close(i.lower, lower);
            close(i.upper, upper);
        }
        assert_eq!(wilson(0, 0, 0.95), None);
        assert_eq!(wilson(3, 2, 0.95), None);
        assert_eq!(wilson(1, 2, 1.0), None);
    }

    #[test]
    fn poisson_equals_scipy() {
        // scipy.stats.chi2.ppf(tail, 2 k) / 2 and scipy.stats.chi2.ppf(1 - tail, 2 k + 2) / 2
        for (k, confidence, lower, upper) in POISSON {
            let i = poisson_rate(k, 1.0, confidence).unwrap();
            close(i.lower, lower);
            close(i.upper, upper);
        }
        assert_eq!(poisson_rate(1, 0.0, 0.95), None);
        assert_eq!(poisson_rate(1, 1.0, f64::NAN), None);
    }

    #[test]
    fn student_t_equals_scipy() {
        // scipy.stats.t.cdf(t, degrees), scipy 1.17.1; the same from mpmath.betainc with 40 digits
        for (t, degrees, below) in STUDENT_T_CDF {
            let got = student_t_cdf(t, degrees).unwrap();
            // relative, so that small tails count
            assert!(
                (got - below).abs() <= 1e-9 * below,
                "t {t}, {degrees}: {got} is not {below}"
            );
            close(student_t_cdf(-t, degrees).unwrap(), 1.0 - below);
        }
        // scipy.stats.t.ppf((1 + c) / 2, degrees)
        for (confidence, degrees, t) in STUDENT_T {
            let got = student_t_quantile_two_sided(confidence, degrees).unwrap();
            assert!((got - t).abs() <= 1e-9 * t, "{confidence}, {degrees}: {got} is not {t}");
        }
        assert_eq!(student_t_cdf(0.0, 7.0), Some(0.5));
        assert_eq!(student_t_cdf(f64::NEG_INFINITY, 7.0), Some(0.0));
        assert_eq!(student_t_tails(1e200, 1e308), Some(0.0));
        assert_eq!(student_t_cdf(f64::NAN, 7.0), None);
        assert_eq!(student_t_cdf(1.0, 0.5), None);
        assert_eq!(student_t_cdf(1.0, f64::INFINITY), student_t_cdf(1.0, 1e6));
        for confidence in [0.0, 1.0, f64::NAN] {
            assert_eq!(student_t_quantile_two_sided(confidence, 4.0), None);
        }
        assert_eq!(student_t_quantile_two_sided(0.95, f64::NAN), None);
    }

    #[test]
    fn student_t_has_its_closed_forms() {
        // ν = 1: tails 1 − 2/π · arctan t; ν = 2: tails 1 − t / √(2 + t²)
        for t in [1e-9_f64, 0.01, 0.7, 1.0, 3.0, 250.0] {
            close(
                student_t_tails(t, 1.0).unwrap(),
                1.0 - t.atan() * std::f64::consts::FRAC_2_PI,
            );
            close(student_t_tails(t, 2.0).unwrap(), 1.0 - t / (2.0 + t * t).sqrt());
        }
    }

    const STUDENT_T_CDF: [(f64, f64, f64); 10] = [
        (0.3, 1.0, 0.5927735790777423),
        (-2.0, 1.0, 0.14758361765043326),
        (1e-06, 3.0, 0.5000003675525969),
        (1.5, 2.5, 0.8760817734568519),
        (-0.7, 4.0, 0.2612500827967251),
        (2.776, 4.0, 0.9749886108400118),
        (-40.0, 9.0, 9.491499224669913e-12),
        (5.0, 30.0, 0.9999883516572665),
        (-1.96, 1000.0, 0.02513659247787436),
        (1.0, 1e6, 0.841344625083211),
    ];

    const STUDENT_T: [(f64, f64, f64); 10] = [
        (0.01, 2.0, 0.014142842783549577),
        (0.5, 1.0, 1.0),
        (0.9, 2.0, 2.9199855803537242),
        (0.95, 1.0, 12.706204736174694),
        (0.95, 4.0, 2.7764451051977934),
        (0.99, 9.0, 3.249835541592126),
        (0.999999, 3.0, 130.15458955229283),
        (0.95, 2.5, 3.5746548420036817),
        (0.95, 1000.0, 1.9623390808264083),
        // mpmath, as scipy has no digits left here
        (0.999999999999, 4.0, 1565.0921708841859),
    ];

    const NORMAL: [(f64, f64); 4] = [
        (0.5, 0.6744897501960817),
        (0.8, 1.2815515655446004),
        (0.95, 1.959963984540054),
        (0.99, 2.5758293035489004),
    ];

    const WILSON: [(u64, u64, f64, f64, f64); 5] = [
        (0, 10, 0.95, 0.0, 0.27753279986288926),
        (8, 10, 0.95, 0.4901624715366418, 0.9433178485456248),
        (10, 10, 0.9, 0.787058029916593, 1.0),
        (1, 3, 0.99, 0.04042662929608476, 0.855783984952333),
        (1234, 100000, 0.95, 0.01167424781439686, 0.013043217262567632),
    ];

    const POISSON: [(u64, f64, f64, f64); 5] = [
        (0, 0.95, 0.0, 3.6888794541139354),
        (1, 0.95, 0.025317807984289897, 5.571643390938898),
        (10, 0.95, 4.7953886961324335, 18.39035604201778),
        (250, 0.99, 211.15168243116386, 293.68468832742985),
        (20000, 0.9, 19767.952469659518, 20234.19037163374),
    ];
}
