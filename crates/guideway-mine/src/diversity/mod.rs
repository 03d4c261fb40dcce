//! Selections that do not take the same thing twice.
//!
//! | function | takes | after |
//! |---|---|---|
//! | [`top_n`] | the highest scores, and nothing else | – |
//! | [`core_set`] | what is farthest from all that is taken | Sener and Savarese 2018 |
//! | [`k_means_plus_plus`] | at random, rather what is far from all that is taken | Arthur and Vassilvitskii 2007 |
//! | [`badge`] | the same, over gradients | Ash et al. 2020 |
//! | [`omp`] | what explains most of the pool | Haussmann et al. 2020 |
//! | [`ppal`] | uncertain for its class's difficulty, then unlike in its objects | Yang et al. 2024 |
//! | [`thin`] | nothing within a set time of what is taken | – |
//!
//! Every function gives row numbers in the order in which it takes them, the same on any number of threads.

mod coreset;
mod kmeans;
mod lazy;
pub mod omp;
pub mod ppal;
pub mod thin;

pub use coreset::core_set;
pub(crate) use kmeans::draw_apart;
pub use kmeans::{badge, k_means_plus_plus};

use crate::error::{MineError, finite, length, marked};
use crate::points::Points;

/// What to select from: embeddings, perhaps with weights, and with rows that are labelled already.
#[derive(Debug, Clone, Copy)]
pub struct Pool<'a> {
    points: Points<'a>,
    weights: Option<&'a [f32]>,
    labelled: &'a [u32],
}

impl<'a> Pool<'a> {
    /// These rows, all alike.
    pub fn new(points: Points<'a>) -> Self {
        Self {
            points,
            weights: None,
            labelled: &[],
        }
    }

    /// How much each row is wanted: its uncertainty, for one. At least 0.
    ///
    /// # Errors
    /// [`MineError::Length`], [`MineError::NotFinite`], [`MineError::OutOfRange`].
    pub fn weights(self, weights: &'a [f32]) -> Result<Self, MineError> {
        length("weights", weights.len(), self.points.len())?;
        finite("weights", weights, 1)?;
        if let Some(row) = weights.iter().position(|w| *w < 0.0) {
            return Err(MineError::OutOfRange {
                what: "weights",
                row,
                value: f64::from(weights[row]),
                allowed: "0 and more",
            });
        }
        Ok(Self {
            weights: Some(weights),
            ..self
        })
    }

    /// Rows that are labelled already: never selected, and nothing near them is worth much. No row twice.
    ///
    /// # Errors
    /// [`MineError::OutOfRange`] for a row that is not there, or twice.
    pub fn labelled(self, labelled: &'a [u32]) -> Result<Self, MineError> {
        marked(labelled, self.points.len())?;
        Ok(Self { labelled, ..self })
    }

    /// The same rows, all alike.
    #[must_use]
    pub fn unweighted(self) -> Self {
        Self { weights: None, ..self }
    }

    /// The embeddings.
    pub fn points(&self) -> Points<'a> {
        self.points
    }

    fn weight(&self, row: usize) -> f32 {
        self.weights.map_or(1.0, |weights| weights[row])
    }
}

/// The rows with the highest scores, the highest first, of equal ones the lowest row.
///
/// ```
/// assert_eq!(guideway_mine::diversity::top_n(&[0.1, 0.9, 0.4, 0.9], 3)?, [1, 3, 2]);
/// # Ok::<(), guideway_mine::MineError>(())
/// ```
///
/// # Errors
/// [`MineError::Parameter`] for a budget of 0, [`MineError::NotFinite`].
pub fn top_n(scores: &[f32], budget: usize) -> Result<Vec<u32>, MineError> {
    check_budget(budget)?;
    finite("scores", scores, 1)?;
    Ok(highest(scores.len(), |row| scores[row], budget))
}

/// The rows of a pool with the greatest weights.
fn top_n_of(pool: &Pool<'_>, budget: usize) -> Vec<u32> {
    highest(pool.points.len(), |row| pool.weight(row), budget)
}

fn highest(rows: usize, score: impl Fn(usize) -> f32, budget: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows as u32).collect();
    let better = |a: &u32, b: &u32| score(*b as usize).total_cmp(&score(*a as usize)).then(a.cmp(b));
    if budget < rows {
        order.select_nth_unstable_by(budget, better);
        order.truncate(budget);
    }
    order.sort_unstable_by(better);
    order
}

fn check_budget(budget: usize) -> Result<(), MineError> {
    if budget == 0 {
        return Err(MineError::Parameter {
            parameter: "budget",
            value: "0".to_owned(),
            allowed: "1 and more",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_highest_scores_are_those_of_a_full_sort(scores in prop::collection::vec(-3_i8..3, 0..50), budget in 1_usize..60) {
            let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
            let mut all: Vec<u32> = (0..scores.len() as u32).collect();
            all.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]));
            all.truncate(budget);
            prop_assert_eq!(top_n(&scores, budget).unwrap(), all);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let points = Points::new(&[0.0, 1.0], 1).unwrap();
        assert!(core_set(&Pool::new(points), 0).is_err());
        assert!(Pool::new(points).weights(&[1.0]).is_err());
        assert!(Pool::new(points).weights(&[1.0, -1.0]).is_err());
        assert!(Pool::new(points).weights(&[1.0, f32::NAN]).is_err());
        assert!(Pool::new(points).labelled(&[2]).is_err());
        assert!(Pool::new(points).labelled(&[1, 1]).is_err());
        assert!(top_n(&[f32::NAN], 1).is_err());
    }
}
