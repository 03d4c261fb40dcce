//! Which candidates are told: few, different, and each with an excess of its own.

use rayon::prelude::*;

use super::fisher::Counts;
use super::search::{Candidate, Space};
use super::{Outcome, Slice, SliceParams, Test};

/// The list of slices.
///
/// A list of `k` slices may hold those whose p-values are at most `rate · k / (tests · H)`, with `H = 1 + 1/2 + … +
/// 1/top`. The largest threshold comes first; where it leaves fewer slices than it needs, the one for so few is tried.
/// Any list that keeps to the threshold of its own length will do, however it was picked: that is the self-consistency
/// of Blanchard and Roquain.
pub(super) fn list(space: &Space<'_>, outcome: &Outcome<'_>, params: &SliceParams) -> Vec<Slice> {
    let harmonic: f64 = (1..=params.top).map(|k| 1.0 / k as f64).sum();
    let limit = |length: usize, terms: usize| {
        (params.false_discovery_rate * length as f64 / (space.tests(terms) * harmonic)).ln()
    };
    let candidates = space.candidates(|terms| limit(params.top, terms));
    let groups = outcome.groups.map(|groups| Groups::new(groups, outcome.events));
    let mut length = params.top;
    while length > 0 {
        let within = |candidate: &Candidate| limit(length, candidate.terms.len());
        let eligible = candidates
            .iter()
            .filter(|candidate| candidate.ln_p <= within(candidate));
        let chosen = greedy(space, params, groups.as_ref(), eligible, within);
        if chosen.len() >= length {
            let scale = harmonic / chosen.len() as f64;
            return chosen
                .into_iter()
                .map(|(candidate, ln_p)| {
                    let q_value = (ln_p.exp() * space.tests(candidate.terms.len()) * scale).min(1.0);
                    slice(space, candidate, ln_p.exp(), q_value)
                })
                .collect();
        }
        length = chosen.len();
    }
    Vec::new()
}

fn slice(space: &Space<'_>, candidate: &Candidate, p_value: f64, q_value: f64) -> Slice {
    let (inside, all) = (candidate.counts, space.all);
    let outside = all.without(inside);
    let terms = space.terms_of(candidate);
    Slice {
        predicate: space.predicate(candidate),
        region: terms.iter().find_map(|term| match term.test {
            Test::Region(region) => Some(region),
            _ => None,
        }),
        terms,
        rows: inside.rows as usize,
        events: inside.events as usize,
        rate: inside.rate(),
        rate_outside: outside.rate(),
        difference: inside.rate() - outside.rate(),
        lift: inside.rate() / all.rate(),
        excess: f64::from(inside.events) - f64::from(inside.rows) * outside.rate(),
        p_value,
        q_value,
    }
}

/// Takes the best candidate that differs enough from those taken before and is not explained by them, again and again.
/// Each comes with the largest logarithm of its tests.
fn greedy<'c>(
    space: &Space<'_>,
    params: &SliceParams,
    groups: Option<&Groups<'_>>,
    candidates: impl Iterator<Item = &'c Candidate>,
    limit: impl Fn(&Candidate) -> f64 + Sync,
) -> Vec<(&'c Candidate, f64)> {
    let mut chosen: Vec<(&Candidate, f64)> = Vec::new();
    let mut strata = Strata::new(space);
    let mut left: Vec<(&Candidate, f64)> = candidates.map(|candidate| (candidate, candidate.ln_p)).collect();
    loop {
        let found = left.par_iter().enumerate().find_map_first(|(at, (candidate, ln_p))| {
            let grouped = groups.map_or(f64::NEG_INFINITY, |groups| groups.ln_tail(space, candidate));
            (grouped <= limit(candidate)).then_some((at, *candidate, ln_p.max(grouped)))
        });
        let Some((at, candidate, ln_p)) = found else {
            return chosen;
        };
        chosen.push((candidate, ln_p));
        if chosen.len() == params.top {
            return chosen;
        }
        strata.split(candidate, space);
        left = left[at + 1..]
            .par_iter()
            .filter_map(|(other, _)| {
                let ln_tail = strata.ln_tail(other, space, params.overlap)?;
                (ln_tail <= limit(other)).then_some((*other, other.ln_p.max(ln_tail)))
            })
            .collect();
    }
}

/// Rows by which of the chosen slices they are in.
struct Strata {
    /// Stratum of each row.
    of_row: Vec<u32>,
    totals: Vec<Counts>,
    /// For each chosen slice its rows, and which strata are in it.
    chosen: Vec<(u32, Vec<bool>)>,
}

impl Strata {
    fn new(space: &Space<'_>) -> Self {
        Self {
            of_row: vec![0; space.all.rows as usize],
            totals: vec![space.all],
            chosen: Vec::new(),
        }
    }

    /// Logarithm of a bound of the probability that a choice of as many rows from each stratum has as many events: does
    /// the candidate add to what is known of the chosen slices? `None` where it overlaps one of them too much.
    ///
    /// The number of such events is distributed as a sum of independent ones (Vatutin and Mikhailov, "Limit theorems
    /// for the number of empty cells in an equiprobable scheme for group allocation of particles", 1982), to which
    /// [`ln_bennett`] applies.
    fn ln_tail(&self, candidate: &Candidate, space: &Space<'_>, overlap: f64) -> Option<f64> {
        let mut rows = vec![0_u32; self.totals.len()];
        for row in space.rows_of(&candidate.terms) {
            rows[self.of_row[row as usize] as usize] += 1;
        }
        for (size, within) in &self.chosen {
            let shared: u32 = rows.iter().zip(within).map(|(n, w)| if *w { *n } else { 0 }).sum();
            let either = f64::from(*size) + f64::from(candidate.counts.rows - shared);
            if f64::from(shared) > overlap * either {
                return None;
            }
        }
        let (mut mean, mut variance) = (0.0, 0.0);
        for (total, rows) in self.totals.iter().zip(rows) {
            if rows > 0 {
                let (rate, taken) = (total.rate(), f64::from(rows));
                let left = f64::from(total.rows - rows) / f64::from(total.rows - 1).max(1.0);
                mean += taken * rate;
                variance += taken * rate * (1.0 - rate) * left;
            }
        }
        Some(ln_bennett(f64::from(candidate.counts.events) - mean, variance))
    }

    /// Splits the strata by a slice.
    fn split(&mut self, candidate: &Candidate, space: &Space<'_>) {
        let rows = space.rows_of(&candidate.terms);
        let mut inside = vec![Counts::default(); self.totals.len()];
        for row in &rows {
            let counts = &mut inside[self.of_row[*row as usize] as usize];
            counts.rows += 1;
            counts.events += u32::from(space.events[*row as usize]);
        }
        let mut within = vec![false; self.totals.len()];
        // where the rows of the slice go from each stratum
        let mut target: Vec<u32> = (0..self.totals.len() as u32).collect();
        for (stratum, inside) in inside.into_iter().enumerate() {
            if inside.rows == 0 {
                continue;
            }
            if inside.rows == self.totals[stratum].rows {
                within[stratum] = true;
                continue;
            }
            target[stratum] = self.totals.len() as u32;
            self.totals[stratum] = self.totals[stratum].without(inside);
            self.totals.push(inside);
            within.push(true);
            for (_, other) in &mut self.chosen {
                other.push(other[stratum]);
            }
        }
        for row in rows {
            let stratum = &mut self.of_row[row as usize];
            *stratum = target[*stratum as usize];
        }
        self.chosen.push((candidate.counts.rows, within));
    }
}

/// Logarithm of a bound of the probability that a sum of independent events exceeds its mean by so much (Bennett,
/// "Probability inequalities for the sum of independent random variables", 1962).
fn ln_bennett(excess: f64, variance: f64) -> f64 {
    if excess <= 0.0 || variance <= 0.0 {
        return 0.0;
    }
    let ratio = excess / variance;
    -variance * ((1.0 + ratio) * ratio.ln_1p() - ratio)
}

/// Rows that come together: a drive, a track.
struct Groups<'a> {
    /// Group of each row, from 0 without gaps.
    of_row: Vec<u32>,
    totals: Vec<Counts>,
    events: &'a [bool],
}

impl<'a> Groups<'a> {
    fn new(groups: &[u32], events: &'a [bool]) -> Self {
        let mut names = groups.to_vec();
        names.sort_unstable();
        names.dedup();
        let mut built = Self {
            of_row: groups
                .par_iter()
                .map(|group| names.partition_point(|name| name < group) as u32)
                .collect(),
            totals: vec![Counts::default(); names.len()],
            events,
        };
        built.totals = built.count(0..groups.len() as u32);
        built
    }

    /// Rows and events of each group, among some rows.
    fn count(&self, rows: impl IntoIterator<Item = u32>) -> Vec<Counts> {
        let mut counts = vec![Counts::default(); self.totals.len()];
        for row in rows {
            let counts = &mut counts[self.of_row[row as usize] as usize];
            counts.rows += 1;
            counts.events += u32::from(self.events[row as usize]);
        }
        counts
    }

    /// The largest logarithm of the bounds among all rows and inside of each part.
    fn ln_tail(&self, space: &Space<'_>, candidate: &Candidate) -> f64 {
        let terms = &candidate.terms;
        let slice = self.count(space.rows_of(terms));
        let mut most = ln_grouped_tail(&self.totals, &slice);
        let mut among = |part: &[u32]| {
            most = most.max(ln_grouped_tail(&self.count(space.rows_of(part)), &slice));
        };
        if terms.len() > 1 {
            for term in terms {
                among(&[*term]);
            }
        }
        if terms.len() > 2 {
            for without in terms {
                let pair: Vec<u32> = terms.iter().copied().filter(|term| term != without).collect();
                among(&pair);
            }
        }
        most
    }
}

/// Logarithm of a bound of the probability of such an excess of events in a slice of `all`, with one independent
/// contribution for each group.
///
/// The excess is a sum of one score for each group. Divided by the root of its scores' squares, it has no heavier a
/// tail than the normal distribution's bound `exp(−t²/2)`, when scores are as likely to be negative as positive (Efron,
/// "Student's t-test under symmetry conditions", 1969). A slice in one group thus never passes, and `n` groups give
/// `exp(−n/2)` at the very best.
fn ln_grouped_tail(all: &[Counts], slice: &[Counts]) -> f64 {
    let sum = |counts: &[Counts]| {
        counts.iter().fold(Counts::default(), |sum, counts| Counts {
            rows: sum.rows + counts.rows,
            events: sum.events + counts.events,
        })
    };
    let (total, inside) = (sum(all), sum(slice));
    let rate = total.rate();
    let share = f64::from(inside.rows) / f64::from(total.rows.max(1));
    let beyond = |counts: &Counts| f64::from(counts.events) - rate * f64::from(counts.rows);
    let squares: f64 = all
        .iter()
        .zip(slice)
        .map(|(all, slice)| (beyond(slice) - share * beyond(all)).powi(2))
        .sum();
    let excess = beyond(&inside);
    if excess <= 0.0 || squares <= 0.0 {
        return 0.0;
    }
    -excess * excess / (2.0 * squares)
}

#[cfg(test)]
mod tests {
    use super::super::fisher::ln_tail_within;
    use super::*;

    fn counts(rows: u32, events: u32) -> Counts {
        Counts { rows, events }
    }

    #[test]
    fn bennett_bounds_the_exact_tail() {
        for (all, part) in [
            (counts(5000, 350), counts(50, 8)),
            (counts(100, 90), counts(50, 48)),
            (counts(20_000, 1400), counts(400, 100)),
            (counts(60_000, 3000), counts(1200, 110)),
        ] {
            let (n, rate) = (f64::from(part.rows), all.rate());
            let left = f64::from(all.rows - part.rows) / f64::from(all.rows - 1);
            let bound = ln_bennett(f64::from(part.events) - n * rate, n * rate * (1.0 - rate) * left);
            let exact = ln_tail_within(all, part, 0.0).unwrap();
            assert!(bound >= exact && bound < 0.4 * exact, "{bound} {exact}");
        }
        assert_eq!(ln_bennett(-1.0, 3.0), 0.0);
        assert_eq!(ln_bennett(0.0, 0.0), 0.0);
    }

    #[test]
    fn groups_bound_what_a_slice_can_show() {
        // each group half in the slice, with all of its events there
        let bound = |groups: usize| ln_grouped_tail(&vec![counts(20, 4); groups], &vec![counts(10, 4); groups]);
        for groups in [1, 2, 40] {
            assert!((bound(groups) + groups as f64 / 2.0).abs() < 1e-9);
        }
        // one bad drive among many
        let mut all = vec![counts(20, 1); 50];
        all[7].events = 20;
        let mut slice = vec![counts(0, 0); 50];
        slice[7] = all[7];
        assert!((ln_grouped_tail(&all, &slice) + 0.5).abs() < 0.03);
        // no excess
        assert_eq!(ln_grouped_tail(&[counts(20, 4); 2], &[counts(10, 1); 2]), 0.0);
    }
}
