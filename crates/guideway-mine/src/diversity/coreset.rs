//! Core-set selection: the greedy solution of the k-centre problem.
//!
//! Sener and Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach", ICLR 2018, after Gonzalez,
//! "Clustering to minimize the maximum intercluster distance", 1985. With weights, as Haussmann et al., "Scalable Active Learning for Object
//! Detection", IV 2020, combine it with uncertainty.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::lazy::{BLOCK, Bound, Known};
use super::{Pool, check_budget};
use crate::error::MineError;

/// Rows that are looked at one by one before all others.
const FIRST: usize = 32;

/// Selects `budget` rows, one after the other, each the one with the greatest `wᵢ · dᵢ`: its weight times its Euclidean distance
/// to the nearest row that is selected or was labelled before. Of equal rows the lowest is taken. Where nothing is labelled, the first
/// is the row of the greatest weight.
///
/// The result is exactly that of the plain algorithm, on any number of threads. Memory: for each row 16 bytes and a byte for each value,
/// and a copy of the selected rows.
/// Time: at most that of the plain algorithm, `n · budget` distances; in practice a small part of it.
///
/// ```
/// use guideway_mine::{Points, diversity::{Pool, core_set}};
/// let points = Points::new(&[0.0, 1.0, 10.0, 11.0, 5.0], 1)?;
/// assert_eq!(core_set(&Pool::new(points), 3)?, [0, 3, 4]);
/// # Ok::<(), guideway_mine::MineError>(())
/// ```
///
/// # Errors
/// [`MineError::Parameter`] for a budget of 0.
pub fn core_set(pool: &Pool<'_>, budget: usize) -> Result<Vec<u32>, MineError> {
    check_budget(budget)?;
    let mut search = Search::new(pool);
    let mut selected = Vec::with_capacity(budget.min(pool.points.len()));
    if pool.labelled.is_empty() {
        let Some(first) = super::top_n_of(pool, 1).first().copied() else {
            return Ok(selected);
        };
        search.take(first as usize);
        selected.push(first);
    }
    search.begin();
    while selected.len() < budget {
        let Some(next) = search.farthest() else { break };
        search.take(next);
        selected.push(next as u32);
    }
    Ok(selected)
}

/// What is known about the rows between two picks.
struct Search<'a> {
    pool: &'a Pool<'a>,
    known: Known<'a>,
    bounds: Vec<Bound>,
    /// `w · d` of each row with the bound's distance: at least what it is in truth; below 0 for rows that are taken.
    keys: Vec<f32>,
    /// The greatest key of each block.
    tops: Vec<f32>,
}

impl<'a> Search<'a> {
    fn new(pool: &'a Pool<'a>) -> Self {
        let rows = pool.points.len();
        let mut search = Self {
            pool,
            known: Known::new(pool.points),
            bounds: Vec::new(),
            keys: vec![f32::INFINITY; rows],
            tops: vec![f32::INFINITY; rows.div_ceil(BLOCK)],
        };
        for row in pool.labelled {
            search.take(*row as usize);
        }
        search
    }

    fn take(&mut self, row: usize) {
        self.known.add(row);
        self.keys[row] = -1.0;
    }

    /// The first bounds.
    fn begin(&mut self) {
        self.bounds = self.known.begin();
        for (row, key) in self.keys.iter_mut().enumerate().filter(|(_, key)| **key >= 0.0) {
            *key = key_of(self.pool.weight(row), self.bounds[row].distance2);
        }
        for (top, keys) in self.tops.iter_mut().zip(self.keys.chunks(BLOCK)) {
            *top = highest(keys);
        }
    }

    /// The row with the greatest true key, the lowest of equal ones.
    fn farthest(&mut self) -> Option<usize> {
        let best = Best::default();
        let Self {
            pool,
            known,
            bounds,
            keys,
            tops,
        } = self;
        let look = |row: usize, key: &mut f32, bound: &mut Bound| {
            let weight = pool.weight(row);
            // Below this distance the row cannot win any more, and the other centres need not be looked at. A little
            // lower than computed: rounding must not end the search too early.
            let stop = if weight > 0.0 {
                (best.key() / weight).powi(2) * 0.999_99
            } else {
                f32::NEG_INFINITY
            };
            let exact = known.tighten(row, bound, stop);
            *key = key_of(weight, bound.distance2);
            if exact {
                best.offer(*key, row);
            }
        };
        let block = |number: usize, top: &mut f32, keys: &mut [f32], bounds: &mut [Bound]| {
            for (i, (key, bound)) in keys.iter_mut().zip(bounds).enumerate() {
                let row = number * BLOCK + i;
                if *key >= 0.0 && best.may_be_beaten_by(*key, row) {
                    look(row, key, bound);
                }
            }
            *top = highest(keys);
        };
        // The rows that seem best first: what the best of them turns out to be spares all others most of their work.
        for _ in 0..FIRST {
            let (number, top) = first_of_highest(tops);
            if top < 0.0 || !best.may_be_beaten_by(top, number * BLOCK) {
                break;
            }
            let range = number * BLOCK..((number + 1) * BLOCK).min(keys.len());
            let (place, key) = first_of_highest(&keys[range.clone()]);
            let row = range.start + place;
            if key >= 0.0 {
                look(row, &mut keys[row], &mut bounds[row]);
            }
            tops[number] = highest(&keys[range]);
        }
        tops.par_iter_mut()
            .zip(keys.par_chunks_mut(BLOCK))
            .zip(bounds.par_chunks_mut(BLOCK))
            .enumerate()
            .with_min_len(256)
            .for_each(|(number, ((top, keys), bounds))| {
                if *top >= 0.0 && best.may_be_beaten_by(*top, number * BLOCK) {
                    block(number, top, keys, bounds);
                }
            });
        best.row()
    }
}

fn key_of(weight: f32, distance2: f32) -> f32 {
    // Where nothing tells rows apart (no distance is known yet, or a weight is 0), no NaN must come of it.
    if weight == 0.0 { 0.0 } else { weight * distance2.sqrt() }
}

/// The place of the highest key, the first of equal ones, and the key; below 0 when all are.
fn first_of_highest(keys: &[f32]) -> (usize, f32) {
    let higher = |best: (usize, f32), (i, key): (usize, &f32)| if *key > best.1 { (i, *key) } else { best };
    keys.iter().enumerate().fold((0, -1.0), higher)
}

fn highest(keys: &[f32]) -> f32 {
    keys.iter().fold(-1.0, |a, b| if *b > a { *b } else { a })
}

/// The best row found so far by all threads: its key's bits above, its number, inverted, below, so that the greater of two is the better.
#[derive(Debug, Default)]
struct Best(AtomicU64);

impl Best {
    /// Keys are at least 0, whose bits are in the order of their values.
    fn pack(key: f32, row: usize) -> u64 {
        (u64::from(key.to_bits()) << 32) | u64::from(u32::MAX - row as u32)
    }

    fn offer(&self, key: f32, row: usize) {
        self.0.fetch_max(Self::pack(key, row), Ordering::Relaxed);
    }

    fn may_be_beaten_by(&self, key: f32, row: usize) -> bool {
        Self::pack(key, row) > self.0.load(Ordering::Relaxed)
    }

    fn key(&self) -> f32 {
        f32::from_bits((self.0.load(Ordering::Relaxed) >> 32) as u32)
    }

    fn row(&self) -> Option<usize> {
        let packed = self.0.load(Ordering::Relaxed);
        (packed != 0).then(|| (u32::MAX - packed as u32) as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Points;

    /// The plain algorithm.
    fn plain(pool: &Pool<'_>, budget: usize) -> Vec<u32> {
        let n = pool.points.len();
        let mut centers: Vec<usize> = pool.labelled.iter().map(|r| *r as usize).collect();
        let mut selected = Vec::new();
        while selected.len() < budget {
            let mut best: Option<(f32, usize)> = None;
            for row in (0..n).filter(|row| !centers.contains(row)) {
                let nearest = centers
                    .iter()
                    .map(|c| pool.points.distance2(row, *c))
                    .fold(f32::INFINITY, f32::min);
                let key = if centers.is_empty() {
                    pool.weight(row)
                } else {
                    key_of(pool.weight(row), nearest)
                };
                if best.is_none_or(|(k, _)| key > k) {
                    best = Some((key, row));
                }
            }
            let Some((_, row)) = best else { break };
            centers.push(row);
            selected.push(row as u32);
        }
        selected
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn the_result_is_that_of_the_plain_algorithm(
            rows in 1_usize..60, width in 1_usize..40, budget in 1_usize..70, seed in any::<u64>(),
            weighted in any::<bool>(), labelled in 0_usize..4, grid in any::<bool>(),
        ) {
            use rand::{RngExt as _, SeedableRng as _};
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            // On a grid many distances are equal, and many rows too.
            let mut value = || if grid { f32::from(rng.random_range(0_u8..3)) } else { rng.random::<f32>() };
            let values: Vec<f32> = (0..rows * width).map(|_| value()).collect();
            let weights: Vec<f32> = (0..rows).map(|_| value()).collect();
            let labelled: Vec<u32> = (0..labelled.min(rows) as u32).map(|i| rows as u32 - 1 - i).collect();
            let points = Points::new(&values, width).unwrap();
            let mut pool = Pool::new(points).labelled(&labelled).unwrap();
            if weighted {
                pool = pool.weights(&weights).unwrap();
            }
            prop_assert_eq!(core_set(&pool, budget).unwrap(), plain(&pool, budget));
        }
    }

    #[test]
    fn many_rows_on_any_number_of_threads() {
        use rand::{RngExt as _, SeedableRng as _};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let values: Vec<f32> = (0..6_000 * 16).map(|_| rng.random::<f32>()).collect();
        let weights: Vec<f32> = (0..6_000).map(|_| rng.random::<f32>()).collect();
        let pool = Pool::new(Points::new(&values, 16).unwrap()).weights(&weights).unwrap();
        let with = |threads: usize| {
            let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            threads.install(|| core_set(&pool, 200).unwrap())
        };
        let one = with(1);
        assert_eq!(one, with(4));
        assert_eq!(one, plain(&pool, 200));
    }
}
