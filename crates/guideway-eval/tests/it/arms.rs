//! What must hold for arms with any values.

use guideway_eval::arms::{Ratio, RatioInterval, holm, mean_interval, paired, ratio_of_means};
use proptest::prelude::*;

/// Two columns of one length.
fn pairs() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    let number = || (-1000_i32..1000).prop_map(|number| f64::from(number) / 1000.0);
    prop::collection::vec((number(), number()), 2..8).prop_map(|rows| rows.into_iter().unzip())
}

proptest! {
    #[test]
    fn fiellers_interval_is_what_the_paired_test_leaves((x, y) in pairs(), shift in 0.0..3.0_f64, c in 0.5..0.99_f64) {
        let y: Vec<f64> = y.iter().map(|y| y + shift).collect();
        let Some(got) = ratio_of_means(&x, &y, c) else { return Ok(()) };
        let p_at = |ratio: f64| paired(&x, &y.iter().map(|y| ratio * y).collect::<Vec<f64>>(), c).unwrap().p_value;
        let denominator = mean_interval(&y, c).unwrap();
        let clear = denominator.lower > 0.0 || denominator.upper < 0.0;
        prop_assert_eq!(matches!(got.interval, RatioInterval::Bounded { .. }), clear);
        match got.interval {
            RatioInterval::Bounded { lower, upper } => {
                prop_assert!(lower <= got.ratio && got.ratio <= upper, "{got:?}");
                // ends of an interval of some width have the p value of the test's level
                if upper - lower > 1e-6 && upper - lower < 1e6 {
                    prop_assert!((p_at(lower) - (1.0 - c)).abs() < 1e-6, "{got:?}: {}", p_at(lower));
                    prop_assert!((p_at(upper) - (1.0 - c)).abs() < 1e-6, "{got:?}: {}", p_at(upper));
                }
            }
            RatioInterval::Outside { below, above } => {
                prop_assert!(below <= above && (got.ratio <= below || got.ratio >= above), "{got:?}");
                prop_assert!(p_at(f64::midpoint(below, above)) <= 1.0 - c + 1e-6, "{got:?}");
            }
            RatioInterval::Everything => prop_assert!(p_at(0.0) >= 1.0 - c - 1e-6, "{got:?}"),
        }
    }

    #[test]
    fn signs_turn_fiellers_interval_round((x, y) in pairs(), c in 0.5..0.99_f64) {
        let negative = |values: &[f64]| values.iter().map(|value| -value).collect::<Vec<f64>>();
        let turned = ratio_of_means(&x, &y, c).map(|got| Ratio {
            ratio: -got.ratio,
            interval: match got.interval {
                RatioInterval::Bounded { lower, upper } => RatioInterval::Bounded { lower: -upper, upper: -lower },
                RatioInterval::Outside { below, above } => RatioInterval::Outside { below: -above, above: -below },
                RatioInterval::Everything => RatioInterval::Everything,
            },
            n: got.n,
        });
        prop_assert_eq!(ratio_of_means(&negative(&x), &y, c), turned);
        prop_assert_eq!(ratio_of_means(&x, &negative(&y), c), turned);
        prop_assert_eq!(ratio_of_means(&negative(&x), &negative(&y), c), ratio_of_means(&x, &y, c));
    }

    #[test]
    fn holm_keeps_the_order_and_only_raises(p in prop::collection::vec(0.0..=1.0_f64, 0..12)) {
        let adjusted = holm(&p);
        prop_assert_eq!(adjusted.len(), p.len());
        for (i, a) in adjusted.iter().enumerate() {
            prop_assert!(*a >= p[i] && *a <= 1.0);
            prop_assert!((0..p.len()).all(|j| p[i] > p[j] || *a <= adjusted[j]));
        }
    }
}
