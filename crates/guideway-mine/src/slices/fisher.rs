//! Tails of the hypergeometric distribution: Fisher's exact test, one-sided.
//!
//! Probabilities come from Loader ("Fast and accurate computation of binomial probabilities", 2000): the deviance and
//! the error of Stirling's formula are summed apart, so that no large logarithms cancel. With plain logarithms of
//! factorials a million rows would cost half of the digits.

/// Rows and the events among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) rows: u32,
    pub(super) events: u32,
}

impl Counts {
    /// What is in `self` but not in `part`, which must be a part of it.
    pub(super) fn without(self, part: Self) -> Self {
        Self {
            rows: self.rows - part.rows,
            events: self.events - part.events,
        }
    }

    /// Events per row; 0 without rows.
    pub(super) fn rate(self) -> f64 {
        f64::from(self.events) / f64::from(self.rows.max(1))
    }

    /// Has `part` a higher rate than the rest?
    pub(super) fn exceeded_by(self, part: Self) -> bool {
        u64::from(part.events) * u64::from(self.rows) > u64::from(self.events) * u64::from(part.rows)
    }
}

/// Logarithm of the probability that a random choice of `part.rows` of the rows of `all` has `part.events` events or
/// more; `None` where that is more than `limit`, or where the part has no excess of events. Most parts fail at the
/// first term of the sum.
pub(super) fn ln_tail_within(all: Counts, part: Counts, limit: f64) -> Option<f64> {
    if !all.exceeded_by(part) {
        return None;
    }
    let first = ln_probability(all, part);
    if first > limit {
        return None;
    }
    let tail = first + upward(all, part).ln();
    (tail <= limit).then_some(tail)
}

/// The tail's sum as a multiple of its first term. Quick beyond the mean, where terms fall.
fn upward(all: Counts, part: Counts) -> f64 {
    let (mut term, mut sum) = (1.0_f64, 1.0_f64);
    // events left to take, places left to fill, events in the part, other rows outside of it
    let mut left = f64::from(all.events - part.events);
    let mut places = f64::from(part.rows - part.events);
    let mut inside = f64::from(part.events);
    let rest = all.without(part);
    let mut outside = f64::from(rest.rows - rest.events);
    while left > 0.0 && places > 0.0 {
        inside += 1.0;
        outside += 1.0;
        term *= left * places / (inside * outside);
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
        left -= 1.0;
        places -= 1.0;
    }
    sum
}

/// Logarithm of the hypergeometric probability of exactly these events, as a quotient of three binomial ones that share
/// their rate.
fn ln_probability(all: Counts, part: Counts) -> f64 {
    let rate = f64::from(part.rows) / f64::from(all.rows.max(1));
    let rest = f64::from(all.rows - part.rows) / f64::from(all.rows.max(1));
    let misses = all.rows - all.events;
    ln_binomial(part.events, all.events, rate, rest) + ln_binomial(part.rows - part.events, misses, rate, rest)
        - ln_binomial(part.rows, all.rows, rate, rest)
}

/// Logarithm of the probability of `hits` in `trials` with this rate and its complement.
fn ln_binomial(hits: u32, trials: u32, rate: f64, rest: f64) -> f64 {
    let n = f64::from(trials);
    if hits == 0 {
        return if trials == 0 { 0.0 } else { n * rest.ln() };
    }
    if hits == trials {
        return n * rate.ln();
    }
    let (x, y) = (f64::from(hits), f64::from(trials - hits));
    let errors = stirling_error(trials) - stirling_error(hits) - stirling_error(trials - hits);
    errors - deviance(x, n * rate) - deviance(y, n * rest) - 0.5 * (std::f64::consts::TAU * x * (y / n)).ln()
}

/// `x·ln(x / mean) + mean − x` without cancellation where both are close.
fn deviance(x: f64, mean: f64) -> f64 {
    let difference = x - mean;
    if difference.abs() >= 0.1 * (x + mean) {
        return x * (x / mean).ln() - difference;
    }
    let v = difference / (x + mean);
    let mut sum = difference * v;
    let mut power = 2.0 * x * v;
    let mut odd = 3.0;
    // v is below 0.1: each term is a hundredth of the one before
    for _ in 0..20 {
        power *= v * v;
        let next = sum + power / odd;
        if next == sum {
            break;
        }
        sum = next;
        odd += 2.0;
    }
    sum
}

/// `ln(n!) − ((n + ½)·ln n − n + ½·ln 2π)`.
fn stirling_error(n: u32) -> f64 {
    let x = f64::from(n);
    if let Some(error) = SMALL.get(n as usize) {
        return *error;
    }
    let square = x * x;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / x
}

/// [`stirling_error`] of 0 to 15, where the series is too short. The one of 0 is not used: it is infinite.
const SMALL: [f64; 16] = [
    0.0,
    0.081_061_466_795_327_26,
    0.041_340_695_955_409_3,
    0.027_677_925_684_998_34,
    0.020_790_672_103_765_093,
    0.016_644_691_189_821_193,
    0.013_876_128_823_070_748,
    0.011_896_709_945_891_77,
    0.010_411_265_261_972_096,
    0.009_255_462_182_712_733,
    0.008_330_563_433_362_87,
    0.007_573_675_487_951_841,
    0.006_942_840_107_209_53,
    0.006_408_994_188_004_207,
    0.005_951_370_112_758_847_5,
    0.005_554_733_551_962_801,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: u32, events: u32) -> Counts {
        Counts { rows, events }
    }

    fn ln_factorial(n: u32) -> f64 {
        let x = f64::from(n);
        (x + 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + stirling_error(n)
    }

    #[test]
    fn factorials_are_known() {
        let known = [
            (1, 0.0),
            (2, std::f64::consts::LN_2),
            (10, 15.104_412_573_075_516),
            (15, 27.899_271_383_840_89),
            (16, 30.671_860_106_080_673),
            (20, 42.335_616_460_753_485),
            (100, 363.739_375_555_563_5),
            (1000, 5_912.128_178_488_163),
        ];
        for (n, expected) in known {
            let got = ln_factorial(n);
            assert!(
                (got - expected).abs() <= 2e-15 * expected.max(1.0),
                "ln {n}! is not {got}"
            );
        }
    }

    #[test]
    fn tails_equal_sums_of_whole_numbers() {
        // summed with Python's integers and 60 digits: logarithms of Σ C(K, i)·C(N − K, n − i) / C(N, n) for i ≥ k
        let known = [
            (100_000, 7000, 2000, 180, -7.904_740_583_887_397),
            (100_000, 7000, 2000, 300, -80.886_556_067_060_31),
            (20_000, 1400, 400, 100, -67.635_828_681_641_28),
            (50, 5, 10, 4, -5.500_795_782_790_822),
            (5000, 350, 50, 8, -3.843_841_033_624_077_6),
            (100, 90, 50, 48, -3.082_956_524_601_872),
            (20_000, 1400, 10_000, 780, -12.176_051_924_639_926),
            (60_000, 3000, 1200, 110, -20.743_205_697_846_74),
        ];
        for (n_all, k_all, n, k, expected) in known {
            let got = ln_tail_within(counts(n_all, k_all), counts(n, k), 0.0).unwrap();
            assert!(
                (got - expected).abs() < 1e-12 * expected.abs(),
                "{got} is not {expected}"
            );
        }
    }

    #[test]
    fn tails_equal_a_count_of_all_choices() {
        for rows in 1..=11_u32 {
            for events in 0..=rows {
                for size in 0..=rows {
                    // row i is an event when i < events; every set of `size` rows is a choice
                    let mut with = vec![0_u64; size as usize + 1];
                    for set in 0..1_u32 << rows {
                        if set.count_ones() == size {
                            with[(set & ((1 << events) - 1)).count_ones() as usize] += 1;
                        }
                    }
                    let choices = with.iter().sum::<u64>() as f64;
                    for hits in 0..=size.min(events) {
                        let (all, part) = (counts(rows, events), counts(size, hits));
                        let expected = with[hits as usize..].iter().sum::<u64>() as f64 / choices;
                        match ln_tail_within(all, part, 0.0) {
                            Some(got) => assert!((got.exp() - expected).abs() < 1e-13, "{all:?} {part:?}"),
                            None => assert!(!all.exceeded_by(part), "{all:?} {part:?}"),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_limit_leaves_out_what_is_above_it() {
        let (all, part) = (counts(50, 5), counts(10, 4));
        assert!(ln_tail_within(all, part, -5.5).is_some());
        assert_eq!(ln_tail_within(all, part, -5.6), None);
        assert_eq!(ln_tail_within(all, counts(10, 1), 0.0), None);
    }
}
