//! Linear interpolation as `numpy.interp` does it, which both benchmarks sample their curves with.

/// The value at `x` of the piecewise linear function through (`xs`, `ys`), `xs` ascending: at equal `xs` the last one counts, left of the
/// first `ys[0]`, right of the last `right` (`None`: the last of `ys`). NaN for no points.
pub(crate) fn interp(x: f64, xs: &[f64], ys: &[f64], right: Option<f64>) -> f64 {
    let (Some(first), Some(last)) = (xs.first(), xs.last()) else {
        return f64::NAN;
    };
    let last_y = ys[ys.len() - 1];
    if x.is_nan() {
        return x;
    }
    if x < *first {
        return ys[0];
    }
    if x > *last {
        return right.unwrap_or(last_y);
    }
    let at = xs.partition_point(|known| *known <= x).saturating_sub(1);
    if at + 1 == xs.len() {
        return last_y;
    }
    if xs[at] >= x {
        return ys[at];
    }
    let slope = (ys[at + 1] - ys[at]) / (xs[at + 1] - xs[at]);
    let value = slope * (x - xs[at]) + ys[at];
    if !value.is_nan() {
        return value;
    }
    // infinite values beside one another
    let value = slope * (x - xs[at + 1]) + ys[at + 1];
    if value.is_nan() && ys[at].to_bits() == ys[at + 1].to_bits() {
        return ys[at];
    }
    value
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the values are exact")]
mod tests {
    use super::interp;

    #[test]
    fn plateaus_ends_and_infinities_are_those_of_numpy() {
        // numpy.interp([-1, 0, .25, .5, .75, 1, 2], [0, .5, .5, 1], [1, 2, 4, 8], right=0)
        let (xs, ys) = ([0.0, 0.5, 0.5, 1.0], [1.0, 2.0, 4.0, 8.0]);
        let got = [-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0].map(|x| interp(x, &xs, &ys, Some(0.0)));
        assert_eq!(got, [1.0, 1.0, 1.5, 4.0, 6.0, 8.0, 0.0]);
        assert_eq!(interp(2.0, &xs, &ys, None), 8.0);
        assert_eq!(interp(0.3, &[0.3], &[7.0], Some(0.0)), 7.0);
        assert_eq!(interp(0.2, &[0.3], &[7.0], Some(0.0)), 7.0);
        assert_eq!(interp(0.5, &[0.0, 1.0], &[f64::INFINITY; 2], None), f64::INFINITY);
        assert!(interp(0.5, &[], &[], None).is_nan());
        assert!(interp(f64::NAN, &xs, &ys, None).is_nan());
    }
}
