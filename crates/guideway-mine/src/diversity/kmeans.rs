//! Seeding of k-means++: rows drawn in proportion to their squared distance from those drawn before.
//!
//! Arthur and Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007. With weights it is the diverse sampling of
//! Haussmann et al., "Scalable Active Learning for Object Detection", IV 2020; over gradient embeddings it is BADGE.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::lazy::{BLOCK, Bound, Known};
use super::{Pool, check_budget};
use crate::error::MineError;

/// Draws `budget` rows, one after the other, each with a probability in proportion to `wᵢ · dᵢ²`: its weight times the square of its Euclidean
/// distance to the nearest row that is drawn or was labelled before. Where nothing is labelled, the first is drawn in proportion to the weights.
/// When all that is left has probability 0, the rest is taken by weight.
///
/// The draw is exact, and still needs few distances: a row is proposed in proportion to an upper bound of its probability, which an
/// older distance gives, and accepted with the ratio of the true one to the bound. Memory: for each row 16 bytes and a byte for each value,
/// and a copy of the drawn rows.
///
/// ```
/// use guideway_mine::{Points, diversity::{Pool, k_means_plus_plus}};
/// let points = Points::new(&[0.0, 0.1, 10.0, 10.1], 1)?;
/// let drawn = k_means_plus_plus(&Pool::new(points), 2, 7)?;
/// assert_ne!(drawn[0] < 2, drawn[1] < 2, "one of each pair");
/// # Ok::<(), guideway_mine::MineError>(())
/// ```
///
/// # Errors
/// [`MineError::Parameter`] for a budget of 0.
pub fn k_means_plus_plus(pool: &Pool<'_>, budget: usize, seed: u64) -> Result<Vec<u32>, MineError> {
    check_budget(budget)?;
    let budget = budget.min(pool.points.len() - pool.labelled.len());
    let mut drawn = draw_apart(pool, budget, seed);
    if drawn.len() < budget {
        let mut taken: Vec<u32> = drawn.iter().chain(pool.labelled).copied().collect();
        taken.sort_unstable();
        let rest = super::top_n_of(pool, pool.points.len());
        let rest = rest.into_iter().filter(|row| taken.binary_search(row).is_err());
        drawn.extend(rest.take(budget - drawn.len()));
    }
    Ok(drawn)
}

/// As [`k_means_plus_plus`], ending where all that is left has probability 0: no two of the rows are equal.
pub(crate) fn draw_apart(pool: &Pool<'_>, budget: usize, seed: u64) -> Vec<u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut urn = Urn::new(pool);
    let mut drawn = Vec::with_capacity(budget);
    if pool.labelled.is_empty() {
        let Some(first) = urn.propose(&mut rng) else {
            return drawn;
        };
        urn.take(first);
        drawn.push(first as u32);
    }
    urn.begin();
    while drawn.len() < budget {
        let Some(next) = urn.draw(&mut rng) else { break };
        urn.take(next);
        drawn.push(next as u32);
    }
    drawn
}

/// BADGE: Ash et al., "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds", ICLR 2020. The rows are gradients of the
/// loss by the output layer, for the label that the model itself finds likeliest: long where it is unsure, and apart where it is unsure for
/// different reasons. [`gradient_embedding`](crate::scores::gradient_embedding) makes them.
///
/// # Errors
/// [`MineError::Parameter`] for a budget of 0.
pub fn badge(gradients: &Pool<'_>, budget: usize, seed: u64) -> Result<Vec<u32>, MineError> {
    k_means_plus_plus(&gradients.unweighted(), budget, seed)
}

/// Rows with upper bounds of their probabilities.
struct Urn<'a> {
    pool: &'a Pool<'a>,
    known: Known<'a>,
    bounds: Vec<Bound>,
    /// `w · d²` with the bound's distance.
    lots: Vec<f32>,
    /// Sum of the lots of each block.
    sums: Vec<f64>,
}

impl<'a> Urn<'a> {
    /// At first every row's lot is its weight.
    fn new(pool: &'a Pool<'a>) -> Self {
        let lots: Vec<f32> = (0..pool.points.len()).map(|row| pool.weight(row)).collect();
        let mut urn = Self {
            pool,
            known: Known::new(pool.points),
            bounds: Vec::new(),
            sums: lots.par_chunks(BLOCK).map(sum).collect(),
            lots,
        };
        for row in pool.labelled {
            urn.take(*row as usize);
        }
        urn
    }

    fn take(&mut self, row: usize) {
        self.known.add(row);
        self.set(row, 0.0);
    }

    fn set(&mut self, row: usize, lot: f32) {
        self.lots[row] = lot;
        let block = row / BLOCK;
        let end = ((block + 1) * BLOCK).min(self.lots.len());
        // Summed anew, so that no rounding errors pile up.
        self.sums[block] = sum(&self.lots[block * BLOCK..end]);
    }

    fn begin(&mut self) {
        self.bounds = self.known.begin();
        for (row, lot) in self.lots.iter_mut().enumerate() {
            // What is taken has no lot, nor has what has no weight.
            if *lot > 0.0 {
                *lot = self.pool.weight(row) * self.bounds[row].distance2;
            }
        }
        self.sums = self.lots.par_chunks(BLOCK).map(sum).collect();
    }

    /// A row in proportion to the lots; `None` when all are 0.
    fn propose(&self, rng: &mut ChaCha8Rng) -> Option<usize> {
        let total: f64 = self.sums.iter().sum();
        if total <= 0.0 {
            return None;
        }
        let mut left = rng.random::<f64>() * total;
        let block = position(self.sums.iter().copied(), &mut left)?;
        let lots = &self.lots[block * BLOCK..((block + 1) * BLOCK).min(self.lots.len())];
        position(lots.iter().map(|lot| f64::from(*lot)), &mut left).map(|i| block * BLOCK + i)
    }

    fn draw(&mut self, rng: &mut ChaCha8Rng) -> Option<usize> {
        loop {
            let row = self.propose(rng)?;
            let bound = &mut self.bounds[row];
            self.known.tighten(row, bound, f32::NEG_INFINITY);
            let (proposed, lot) = (self.lots[row], self.pool.weight(row) * bound.distance2);
            self.set(row, lot);
            if rng.random::<f64>() * f64::from(proposed) < f64::from(lot) {
                return Some(row);
            }
        }
    }
}

fn sum(lots: &[f32]) -> f64 {
    lots.iter().map(|lot| f64::from(*lot)).sum()
}

/// Which of these lengths, laid end to end, holds the place `left`, which becomes the place within it. The last that is not 0 when rounding
/// leads beyond the end.
fn position(lengths: impl Iterator<Item = f64>, left: &mut f64) -> Option<usize> {
    let mut last = None;
    for (i, length) in lengths.enumerate() {
        if length > 0.0 {
            if *left < length {
                return Some(i);
            }
            *left -= length;
            last = Some((i, length));
        }
    }
    last.map(|(i, length)| {
        *left = length;
        i
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::Points;

    /// The probability of every ordered draw of three, by the definition.
    fn plain(pool: &Pool<'_>) -> BTreeMap<Vec<u32>, f64> {
        let n = pool.points.len() as u32;
        let lot = |row: u32, drawn: &[u32]| {
            let before = pool.labelled.iter().chain(drawn);
            let nearest = before
                .map(|c| pool.points.distance2(row as usize, *c as usize))
                .fold(f32::INFINITY, f32::min);
            let distance2 = if nearest.is_finite() { f64::from(nearest) } else { 1.0 };
            f64::from(pool.weight(row as usize)) * distance2
        };
        let mut open = vec![(Vec::new(), 1.0)];
        for _ in 0..3 {
            let mut next = Vec::new();
            for (drawn, p) in open {
                let total: f64 = (0..n).map(|row| lot(row, &drawn)).sum();
                for row in 0..n {
                    let longer: Vec<u32> = drawn.iter().copied().chain([row]).collect();
                    next.push((longer, p * lot(row, &drawn) / total));
                }
            }
            open = next;
        }
        open.into_iter().filter(|(_, p)| *p > 0.0).collect()
    }

    #[test]
    fn draws_have_the_probabilities_of_the_definition() {
        let values = [0.0, 0.0, 1.0, 0.0, 0.0, 2.0, 3.0, 1.0, -1.0, 2.5, 4.0, 4.0];
        let weights = [1.0, 0.5, 2.0, 1.0, 0.1, 1.5];
        let pool = Pool::new(Points::new(&values, 2).unwrap()).weights(&weights).unwrap();
        for pool in [pool.labelled(&[]).unwrap(), pool.labelled(&[3]).unwrap()] {
            let expected = plain(&pool);
            let draws = 20_000_u32;
            let mut seen: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
            for seed in 0..draws {
                *seen
                    .entry(k_means_plus_plus(&pool, 3, u64::from(seed)).unwrap())
                    .or_default() += 1;
            }
            assert!(
                seen.keys().all(|drawn| expected.contains_key(drawn)),
                "an impossible draw"
            );
            for (drawn, p) in &expected {
                let n = f64::from(draws);
                let deviation = (n * p * (1.0 - p)).sqrt();
                let got = f64::from(seen.get(drawn).copied().unwrap_or(0));
                assert!(
                    (got - n * p).abs() < 5.0 * deviation + 1.0,
                    "{drawn:?}: {got} where {} are expected",
                    n * p
                );
            }
        }
    }

    proptest! {
        #[test]
        fn a_draw_has_no_row_twice_and_none_of_the_labelled(
            rows in 1_usize..50, budget in 1_usize..60, seed in any::<u64>(), labelled in 0_usize..5, same in any::<bool>(),
        ) {
            let values: Vec<f32> = (0..rows).map(|i| if same { 1.0 } else { (i * 7 % 5) as f32 }).collect();
            let labelled: Vec<u32> = (0..labelled.min(rows) as u32).collect();
            let pool = Pool::new(Points::new(&values, 1).unwrap()).labelled(&labelled).unwrap();
            let drawn = k_means_plus_plus(&pool, budget, seed).unwrap();
            prop_assert_eq!(drawn.len(), budget.min(rows - labelled.len()));
            let mut all: Vec<u32> = drawn.iter().chain(&labelled).copied().collect();
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(all.len(), drawn.len() + labelled.len());
            prop_assert_eq!(&drawn, &k_means_plus_plus(&pool, budget, seed).unwrap());
        }
    }
}
