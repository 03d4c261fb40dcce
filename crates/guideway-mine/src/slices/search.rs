//! Which conjunctions are tested, and which of them pass.
//!
//! Single terms and pairs are tested one and all. Triples are looked for around the best pairs of every two columns,
//! and those not looked at count as tested without success. So the number of tests never depends on the events.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::cells::Cells;
use super::fisher::{Counts, ln_tail_within};
use super::table::{Table, Term};
use super::{Outcome, SliceParams};

/// Pairs of every two columns around which triples are looked for.
const SEEDS: usize = 8;

/// A pair whose tail is above this is no seed.
const SEED_LIMIT: f64 = 0.05;

/// Of candidates of the same columns that overlap by more than this, only the best goes on.
const TWINS: f64 = 0.8;

/// Candidates that go on from the same columns.
const KEPT: usize = 256;

/// Candidates that go on to the selection.
const POOL: usize = 8192;

/// Terms of one column.
#[derive(Debug, Clone, Copy)]
struct TermAt {
    column: usize,
    from: u16,
    to: u16,
}

impl TermAt {
    fn holds(self, cell: u16) -> bool {
        cell.wrapping_sub(self.from) < self.to - self.from
    }
}

/// A conjunction that passed.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Terms in the order of their columns.
    pub(super) terms: Vec<u32>,
    pub(super) counts: Counts,
    /// Logarithm of the tail among all rows.
    pub(super) ln_marginal: f64,
    /// The largest logarithm of the tails among all rows and inside of each part.
    pub(super) ln_p: f64,
}

/// The space of conjunctions, with all counts that its tests need.
pub(super) struct Space<'t> {
    table: &'t Table<'t>,
    pub(super) events: &'t [bool],
    params: &'t SliceParams,
    columns: Vec<Cells>,
    terms: Vec<TermAt>,
    /// The first term of each column, and the end.
    first: Vec<usize>,
    pub(super) all: Counts,
    single: Vec<Counts>,
    /// For each two columns, the first before the second.
    pairs: Vec<Sums>,
    /// Row after row its cells in all columns, numbered through; for triples only.
    by_row: Vec<u32>,
    /// The number of each column's first cell there, and the end.
    offset: Vec<usize>,
    /// Tests of each number of terms.
    tests: Vec<f64>,
}

impl<'t> Space<'t> {
    pub(super) fn new(table: &'t Table<'t>, outcome: &Outcome<'t>, params: &'t SliceParams) -> Self {
        let columns: Vec<Cells> = table
            .columns
            .par_iter()
            .map(|column| Cells::new(column, params))
            .collect();
        let mut terms = Vec::new();
        let mut first = Vec::with_capacity(columns.len() + 1);
        for (column, cells) in columns.iter().enumerate() {
            first.push(terms.len());
            terms.extend(cells.terms.iter().map(|run| TermAt {
                column,
                from: run.from,
                to: run.to,
            }));
        }
        first.push(terms.len());
        let mut space = Self {
            table,
            events: outcome.events,
            params,
            columns,
            terms,
            first,
            all: Counts {
                rows: table.rows as u32,
                events: outcome.events.iter().filter(|event| **event).count() as u32,
            },
            single: Vec::new(),
            pairs: Vec::new(),
            by_row: Vec::new(),
            offset: vec![0],
            tests: Vec::new(),
        };
        // one column beside itself
        let alone: Vec<Sums> = space
            .columns
            .par_iter()
            .map(|cells| Sums::new(cells, None, outcome.events))
            .collect();
        space.single = space
            .terms
            .iter()
            .map(|term| alone[term.column].between((term.from, term.to), (0, 1)))
            .collect();
        space.tests.push(space.terms.len() as f64);
        if params.max_terms >= 2 {
            space.pairs = space
                .column_pairs()
                .into_par_iter()
                .map(|(a, b)| Sums::new(&space.columns[a], Some(&space.columns[b]), outcome.events))
                .collect();
            let supported: u64 = space
                .column_pairs()
                .into_par_iter()
                .map(|(a, b)| space.pairs_of(a, b).count() as u64)
                .sum();
            space.tests.push(supported as f64);
        }
        if params.max_terms >= 3 {
            let sizes: Vec<f64> = space.first.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
            let mut triples = 0.0;
            for (a, b) in space.column_pairs() {
                triples += sizes[a] * sizes[b] * sizes[b + 1..].iter().sum::<f64>();
            }
            space.tests.push(triples);
            for cells in &space.columns {
                space.offset.push(space.offset[space.offset.len() - 1] + cells.count);
            }
            space.by_row = (0..table.rows)
                .flat_map(|row| {
                    let (columns, offset) = (&space.columns, &space.offset);
                    (0..columns.len()).map(move |at| offset[at] as u32 + u32::from(columns[at].cell[row]))
                })
                .collect();
        }
        space
    }

    /// How many tests the false discoveries of a conjunction of this many terms are shared among: those of its number
    /// of terms, times the numbers of terms that there are.
    pub(super) fn tests(&self, terms: usize) -> f64 {
        let depths = self.tests.iter().filter(|tests| **tests > 0.0).count();
        self.tests[terms - 1] * depths as f64
    }

    /// The candidates whose logarithms are within the limits for one, two and three terms, best first.
    pub(super) fn candidates(&self, limit: impl Fn(usize) -> f64) -> Vec<Candidate> {
        let mut found = self.singles(limit(1));
        let mut seeds: Vec<Candidate> = Vec::new();
        if self.params.max_terms >= 2 {
            let limit = limit(2);
            let pairs: Vec<(Vec<Candidate>, Vec<Candidate>)> = self
                .column_pairs()
                .into_par_iter()
                .map(|(a, b)| self.pairs_within(a, b, limit))
                .collect();
            for (mut kept, seed) in pairs {
                found.append(&mut kept);
                seeds.extend(seed);
            }
        }
        if self.params.max_terms >= 3 {
            let limit = limit(3);
            let mut triples: Vec<Candidate> = seeds
                .par_iter()
                .flat_map_iter(|seed| self.triples_around(seed, limit))
                .collect();
            self.sort(&mut triples);
            // one triple can come from three pairs
            triples.dedup_by(|a, b| a.terms == b.terms);
            found.append(&mut triples);
        }
        self.sort(&mut found);
        found.truncate(POOL);
        found
    }

    fn singles(&self, limit: f64) -> Vec<Candidate> {
        let passed = |(term, counts): (usize, &Counts)| {
            let ln_p = ln_tail_within(self.all, *counts, limit)?;
            Some(Candidate {
                terms: vec![term as u32],
                counts: *counts,
                ln_marginal: ln_p,
                ln_p,
            })
        };
        self.single.iter().enumerate().filter_map(passed).collect()
    }

    /// The pairs of two columns that are tested: with enough rows, and fewer than each part.
    fn pairs_of(&self, a: usize, b: usize) -> impl Iterator<Item = (usize, usize, Counts)> {
        let sums = &self.pairs[self.pair(a, b)];
        let least = self.params.min_support;
        (self.first[a]..self.first[a + 1])
            .flat_map(move |i| (self.first[b]..self.first[b + 1]).map(move |j| (i, j)))
            .filter_map(move |(i, j)| {
                let counts = sums.of(self.terms[i], self.terms[j]);
                let tested = counts.rows as usize >= least
                    && counts.rows < self.single[i].rows
                    && counts.rows < self.single[j].rows;
                tested.then_some((i, j, counts))
            })
    }

    /// Candidates and seeds of two columns.
    fn pairs_within(&self, a: usize, b: usize, limit: f64) -> (Vec<Candidate>, Vec<Candidate>) {
        let (mut found, mut seeds) = (Vec::new(), Vec::new());
        let deep = self.params.max_terms >= 3;
        let marginal_limit = if deep { limit.max(SEED_LIMIT.ln()) } else { limit };
        for (i, j, counts) in self.pairs_of(a, b) {
            let Some(ln_marginal) = ln_tail_within(self.all, counts, marginal_limit) else {
                continue;
            };
            let candidate = |ln_p| Candidate {
                terms: vec![i as u32, j as u32],
                counts,
                ln_marginal,
                ln_p,
            };
            if deep {
                seeds.push(candidate(ln_marginal));
            }
            if let Some(ln_p) = inside([self.single[i], self.single[j]], counts, ln_marginal, limit) {
                found.push(candidate(ln_p));
            }
        }
        self.sort(&mut found);
        self.sort(&mut seeds);
        seeds.truncate(SEEDS);
        (self.without_twins(found, &self.pairs[self.pair(a, b)]), seeds)
    }

    /// Leaves out what a better candidate of the same two columns all but covers.
    fn without_twins(&self, found: Vec<Candidate>, sums: &Sums) -> Vec<Candidate> {
        let ends = |candidate: &Candidate| {
            let at = |place: usize| self.terms[candidate.terms[place] as usize];
            (at(0), at(1))
        };
        let most = self.params.overlap.max(TWINS);
        let mut kept: Vec<Candidate> = Vec::new();
        for candidate in found {
            let (a, b) = ends(&candidate);
            let twin = kept.iter().any(|better| {
                let (c, d) = ends(better);
                let shared = sums.of(common(a, c), common(b, d)).rows;
                let either = candidate.counts.rows + better.counts.rows - shared;
                f64::from(shared) > most * f64::from(either)
            });
            if !twin {
                kept.push(candidate);
                if kept.len() == KEPT {
                    break;
                }
            }
        }
        kept
    }

    /// The triples that a pair and a term of another column make.
    fn triples_around(&self, seed: &Candidate, limit: f64) -> Vec<Candidate> {
        let cells = self.cells_among(&self.rows_of(&seed.terms));
        let at = |term: u32| self.terms[term as usize];
        let taken = [at(seed.terms[0]).column, at(seed.terms[1]).column];
        let mut found = Vec::new();
        for column in (0..self.columns.len()).filter(|column| !taken.contains(column)) {
            let sums = Sums::of_cells(&cells[self.offset[column]..self.offset[column + 1]], 1);
            for term in self.first[column]..self.first[column + 1] {
                let counts = sums.between((self.terms[term].from, self.terms[term].to), (0, 1));
                if (counts.rows as usize) < self.params.min_support {
                    continue;
                }
                let Some(ln_marginal) = ln_tail_within(self.all, counts, limit) else {
                    continue;
                };
                let mut terms = vec![seed.terms[0], seed.terms[1], term as u32];
                terms.sort_unstable();
                let parts = self.parts(&terms);
                if parts.iter().any(|part| part.rows == counts.rows) {
                    continue;
                }
                if let Some(ln_p) = inside(parts, counts, ln_marginal, limit) {
                    found.push(Candidate {
                        terms,
                        counts,
                        ln_marginal,
                        ln_p,
                    });
                }
            }
        }
        self.sort(&mut found);
        found.truncate(KEPT);
        found
    }

    /// Counts of all columns' cells among some rows.
    fn cells_among(&self, rows: &[u32]) -> Vec<Counts> {
        let width = self.columns.len();
        // rows in the lower half, events in the upper
        let mut packed = vec![0_u64; self.offset[width]];
        for row in rows {
            let row = *row as usize;
            let one = 1 | u64::from(self.events[row]) << 32;
            for cell in &self.by_row[row * width..(row + 1) * width] {
                packed[*cell as usize] += one;
            }
        }
        let counts = |packed| Counts {
            rows: packed as u32,
            events: (packed >> 32) as u32,
        };
        packed.into_iter().map(counts).collect()
    }

    /// Counts of all parts of a triple: its terms and pairs.
    fn parts(&self, terms: &[u32]) -> Vec<Counts> {
        let mut parts: Vec<Counts> = terms.iter().map(|term| self.single[*term as usize]).collect();
        for (place, a) in terms.iter().enumerate() {
            for b in &terms[place + 1..] {
                let (a, b) = (self.terms[*a as usize], self.terms[*b as usize]);
                parts.push(self.pairs[self.pair(a.column, b.column)].of(a, b));
            }
        }
        parts
    }

    /// Each two columns.
    fn column_pairs(&self) -> Vec<(usize, usize)> {
        let count = self.columns.len();
        (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect()
    }

    /// Place of two columns among [`Self::column_pairs`].
    fn pair(&self, a: usize, b: usize) -> usize {
        a * self.columns.len() - a * (a + 1) / 2 + (b - a - 1)
    }

    /// The rows of a conjunction, ascending. Called for thousands of conjunctions: written without branches, the rarest
    /// term first.
    pub(super) fn rows_of(&self, terms: &[u32]) -> Vec<u32> {
        let mut order: Vec<usize> = terms.iter().map(|term| *term as usize).collect();
        order.sort_unstable_by_key(|term| (self.single[*term].rows, *term));
        let mut rows: Vec<u32> = vec![0; self.all.rows as usize];
        let mut count = rows.len();
        for (place, term) in order.into_iter().enumerate() {
            let term = self.terms[term];
            let cell = &self.columns[term.column].cell;
            let mut kept = 0;
            for at in 0..count {
                let row = if place == 0 { at as u32 } else { rows[at] };
                rows[kept] = row;
                kept += usize::from(term.holds(cell[row as usize]));
            }
            count = kept;
        }
        rows.truncate(count);
        rows
    }

    /// The conjunction's terms for the user.
    pub(super) fn terms_of(&self, candidate: &Candidate) -> Vec<Term> {
        candidate
            .terms
            .iter()
            .map(|term| {
                let at = self.terms[*term as usize];
                Term {
                    column: self.table.columns[at.column].sql.clone(),
                    test: self.columns[at.column].terms[*term as usize - self.first[at.column]]
                        .test
                        .clone(),
                }
            })
            .collect()
    }

    /// The SQL of a conjunction.
    pub(super) fn predicate(&self, candidate: &Candidate) -> String {
        let terms: Vec<String> = self.terms_of(candidate).iter().map(Term::to_string).collect();
        terms.join(" AND ")
    }

    fn sort(&self, candidates: &mut [Candidate]) {
        candidates.sort_unstable_by(|a, b| self.order(a, b));
    }

    /// Best first: the least likely among all rows, then the one of fewer terms, then the larger one, then by text.
    fn order(&self, a: &Candidate, b: &Candidate) -> Ordering {
        a.ln_marginal
            .total_cmp(&b.ln_marginal)
            .then_with(|| a.terms.len().cmp(&b.terms.len()))
            .then_with(|| b.counts.rows.cmp(&a.counts.rows))
            .then_with(|| self.predicate(a).cmp(&self.predicate(b)))
    }
}

/// The larger of `ln_marginal` and the logarithms of the tails inside of each part; `None` where one is above the
/// limit.
fn inside(parts: impl IntoIterator<Item = Counts>, counts: Counts, ln_marginal: f64, limit: f64) -> Option<f64> {
    if ln_marginal > limit {
        return None;
    }
    let mut most = ln_marginal;
    for part in parts {
        most = most.max(ln_tail_within(part, counts, limit)?);
    }
    Some(most)
}

/// The cells that two runs of one column share.
fn common(a: TermAt, b: TermAt) -> TermAt {
    let from = a.from.max(b.from);
    TermAt {
        from,
        to: a.to.min(b.to).max(from),
        ..a
    }
}

/// Counts of the rows in all cells before a corner, for two columns.
struct Sums {
    sums: Vec<Counts>,
    /// Corners of the second column.
    width: usize,
}

impl Sums {
    fn new(a: &Cells, b: Option<&Cells>, events: &[bool]) -> Self {
        let width = b.map_or(1, |b| b.count);
        let mut counts = vec![Counts::default(); a.count * width];
        let mut count = |at: usize, event: bool| {
            counts[at].rows += 1;
            counts[at].events += u32::from(event);
        };
        match b {
            Some(b) => {
                for ((a, b), event) in a.cell.iter().zip(&b.cell).zip(events) {
                    count(usize::from(*a) * width + usize::from(*b), *event);
                }
            }
            None => {
                for (a, event) in a.cell.iter().zip(events) {
                    count(usize::from(*a), *event);
                }
            }
        }
        Self::of_cells(&counts, width)
    }

    fn of_cells(counts: &[Counts], cells: usize) -> Self {
        let width = cells + 1;
        let mut sums = vec![Counts::default(); (counts.len() / cells + 1) * width];
        for (at, line) in counts.chunks_exact(cells).enumerate() {
            let mut so_far = Counts::default();
            for (place, count) in line.iter().enumerate() {
                so_far.rows += count.rows;
                so_far.events += count.events;
                let above = sums[at * width + place + 1];
                sums[(at + 1) * width + place + 1] = Counts {
                    rows: above.rows + so_far.rows,
                    events: above.events + so_far.events,
                };
            }
        }
        Self { sums, width }
    }

    /// The rows where both terms hold, given in the columns' order.
    fn of(&self, a: TermAt, b: TermAt) -> Counts {
        self.between((a.from, a.to), (b.from, b.to))
    }

    fn between(&self, a: (u16, u16), b: (u16, u16)) -> Counts {
        let corner = |a: u16, b: u16| self.sums[usize::from(a) * self.width + usize::from(b)];
        let upper = corner(a.1, b.1).without(corner(a.0, b.1));
        let left = corner(a.1, b.0).without(corner(a.0, b.0));
        upper.without(left)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::super::table::{Column, Values};
    use super::*;

    #[test]
    fn sums_count_what_the_terms_select() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let rows = 300;
        let words: Vec<Option<&str>> = (0..rows)
            .map(|_| [None, Some("a"), Some("b"), Some("c")][rng.random_range(0..4)])
            .collect();
        let numbers: Vec<f64> = (0..rows)
            .map(|_| {
                if rng.random::<f64>() < 0.1 {
                    f64::NAN
                } else {
                    rng.random_range(-5.0..5.0)
                }
            })
            .collect();
        let flags: Vec<Option<bool>> = (0..rows).map(|_| Some(rng.random())).collect();
        let events: Vec<bool> = (0..rows).map(|_| rng.random()).collect();
        let table = Table::new(vec![
            Column::new("word", Values::Text(&words)),
            Column::new("number", Values::Number(&numbers)),
            Column::new("flag", Values::Flag(&flags)),
        ])
        .unwrap();
        let params = SliceParams {
            max_terms: 3,
            min_support: 2,
            bins: 5,
            ..SliceParams::default()
        };
        let outcome = Outcome::new(&events);
        let space = Space::new(&table, &outcome, &params);
        let check = |terms: &[u32], counts: Counts| {
            let candidate = Candidate {
                terms: terms.to_vec(),
                counts,
                ln_marginal: 0.0,
                ln_p: 0.0,
            };
            let selected = table.matches(&space.terms_of(&candidate)).unwrap();
            let expected: Vec<u32> = (0..rows as u32).filter(|row| selected[*row as usize]).collect();
            assert_eq!(space.rows_of(terms), expected);
            assert_eq!(counts.rows as usize, expected.len());
            let hits = expected.iter().filter(|row| events[**row as usize]).count();
            assert_eq!(counts.events as usize, hits, "{}", space.predicate(&candidate));
        };
        for (term, counts) in space.single.iter().enumerate() {
            check(&[term as u32], *counts);
        }
        let mut pairs = 0;
        for (a, b) in space.column_pairs() {
            for (i, j, counts) in space.pairs_of(a, b) {
                check(&[i as u32, j as u32], counts);
                pairs += 1;
                for (k, term) in space.terms.iter().enumerate().filter(|(_, term)| term.column > b) {
                    let cells = space.cells_among(&space.rows_of(&[i as u32, j as u32]));
                    let cells = &cells[space.offset[term.column]..space.offset[term.column + 1]];
                    let counts = Sums::of_cells(cells, 1).between((term.from, term.to), (0, 1));
                    check(&[i as u32, j as u32, k as u32], counts);
                }
            }
        }
        assert!(pairs > 100);
        assert_eq!(space.tests(2), 3.0 * f64::from(pairs));
        // a limit of 1 takes every excess that all parts leave
        let found = space.candidates(|_| 0.0);
        for candidate in &found {
            check(&candidate.terms, candidate.counts);
            assert!(candidate.ln_p >= candidate.ln_marginal);
        }
        assert!(found.iter().any(|candidate| candidate.terms.len() == 3));
        assert!(found.is_sorted_by(|a, b| space.order(a, b).is_lt()));
    }
}
