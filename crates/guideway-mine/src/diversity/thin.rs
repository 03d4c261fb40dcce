//! Thinning in time: no two frames of one scene within a set time.
//!
//! Frames a tenth of a second apart show the same objects, so that labelling both pays little. A score does not see that: the neighbours of
//! a hard frame are hard as well. Here the best frame stays, and what is near it in time goes.

use std::collections::BTreeSet;

use super::check_budget;
use crate::error::MineError;

/// A frame, as far as thinning is concerned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Its scene: a recording, or one camera of it. Frames of different groups never stand in each other's way.
    pub group: u32,
    /// When it was taken, ns. `None` where nobody knows: such a frame is always kept, and keeps no other away.
    pub time_ns: Option<i64>,
    /// How much it is wanted.
    pub score: f32,
}

/// Keeps frames by descending score, of equal ones the lowest row first: a frame stays when no kept frame of its group lies within `gap_ns`
/// of it. A frame exactly `gap_ns` away is within; a gap of 0 drops only what has the very same time.
///
/// Rows in `chosen` are kept from the start, whatever is near them, and are not in the result. Gives row numbers in the order in which they
/// were kept. Time: O(n log n). Memory: about 40 bytes a row.
///
/// ```
/// use guideway_mine::diversity::thin::{Moment, keep};
/// let at = |time_ns, score| Moment { group: 0, time_ns, score };
/// let frames = [at(Some(0), 0.5), at(Some(100), 0.9), at(Some(250), 0.4), at(None, 0.1)];
/// assert_eq!(keep(&frames, &[], 100)?, [1, 2, 3]);
/// assert_eq!(keep(&frames, &[2], 200)?, [0, 3]);
/// # Ok::<(), guideway_mine::MineError>(())
/// ```
///
/// # Errors
/// [`MineError::NotFinite`] for a score, [`MineError::OutOfRange`] for a chosen row that is not there, [`MineError::TooManyRows`].
pub fn keep(frames: &[Moment], chosen: &[u32], gap_ns: u64) -> Result<Vec<u32>, MineError> {
    greedy(frames, chosen, gap_ns, usize::MAX)
}

/// As [`keep`], but stops when `budget` frames are kept, the chosen ones not counted.
///
/// # Errors
/// As [`keep`], and [`MineError::Parameter`] for a budget of 0.
pub fn keep_at_most(frames: &[Moment], chosen: &[u32], gap_ns: u64, budget: usize) -> Result<Vec<u32>, MineError> {
    check_budget(budget)?;
    greedy(frames, chosen, gap_ns, budget)
}

fn greedy(frames: &[Moment], chosen: &[u32], gap_ns: u64, budget: usize) -> Result<Vec<u32>, MineError> {
    if frames.len() > u32::MAX as usize {
        return Err(MineError::TooManyRows {
            rows: frames.len(),
            limit: u32::MAX as usize,
        });
    }
    if let Some(row) = frames.iter().position(|frame| !frame.score.is_finite()) {
        return Err(MineError::NotFinite {
            what: "scores",
            row,
            value: f64::from(frames[row].score),
        });
    }
    let mut is_chosen = vec![false; frames.len()];
    let mut times = BTreeSet::new();
    for (row, value) in chosen.iter().enumerate() {
        let (Some(is_chosen), Some(frame)) = (is_chosen.get_mut(*value as usize), frames.get(*value as usize)) else {
            return Err(MineError::OutOfRange {
                what: "chosen",
                row,
                value: f64::from(*value),
                allowed: "the rows of the frames",
            });
        };
        *is_chosen = true;
        times.extend(frame.time_ns.map(|time| (frame.group, time)));
    }
    let mut order: Vec<u32> = (0..frames.len() as u32)
        .filter(|row| !is_chosen[*row as usize])
        .collect();
    let score = |row: u32| frames[row as usize].score;
    // Plain comparison, not `total_cmp`: 0 and -0 are equal. All scores are finite.
    order.sort_by(|a, b| score(*b).partial_cmp(&score(*a)).unwrap_or(std::cmp::Ordering::Equal));
    let mut kept = Vec::new();
    for row in order {
        if kept.len() >= budget {
            break;
        }
        let frame = &frames[row as usize];
        if let Some(time) = frame.time_ns {
            // The nearest kept times before and after say all: the others of the group are farther away.
            let before = times.range((frame.group, i64::MIN)..=(frame.group, time)).next_back();
            let after = times.range((frame.group, time)..=(frame.group, i64::MAX)).next();
            if before
                .into_iter()
                .chain(after)
                .any(|(_, kept)| kept.abs_diff(time) <= gap_ns)
            {
                continue;
            }
            times.insert((frame.group, time));
        }
        kept.push(row);
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every frame against every kept one.
    fn plain(frames: &[Moment], chosen: &[u32], gap_ns: u64, budget: usize) -> Vec<u32> {
        let mut kept: Vec<u32> = chosen.to_vec();
        let mut new = Vec::new();
        let mut left: Vec<u32> = (0..frames.len() as u32).filter(|row| !chosen.contains(row)).collect();
        while !left.is_empty() && new.len() < budget {
            let best = left
                .iter()
                .map(|row| frames[*row as usize].score)
                .fold(f32::NEG_INFINITY, f32::max);
            let at = left.iter().position(|row| frames[*row as usize].score == best).unwrap();
            let row = left.remove(at);
            let near = kept.iter().any(|other| {
                let (a, b) = (&frames[row as usize], &frames[*other as usize]);
                match (a.time_ns, b.time_ns) {
                    (Some(x), Some(y)) => {
                        a.group == b.group && i128::from(x).abs_diff(i128::from(y)) <= u128::from(gap_ns)
                    }
                    _ => false,
                }
            });
            if !near {
                kept.push(row);
                new.push(row);
            }
        }
        new
    }

    fn moments() -> impl Strategy<Value = Vec<Moment>> {
        let time = prop_oneof![
            8 => (-12_i64..12).prop_map(Some),
            1 => Just(None),
            1 => prop_oneof![Just(i64::MIN), Just(i64::MAX)].prop_map(Some),
        ];
        let one = (0_u32..3, time, -2_i8..3).prop_map(|(group, time_ns, score)| Moment {
            group,
            time_ns,
            score: f32::from(score) * 0.5,
        });
        prop::collection::vec(one, 0..40)
    }

    proptest! {
        #[test]
        fn the_result_is_that_of_the_plain_algorithm(
            frames in moments(), chosen in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
            gap in prop_oneof![0_u64..8, Just(u64::MAX)], budget in 1_usize..50,
        ) {
            let chosen: Vec<u32> = if frames.is_empty() {
                Vec::new()
            } else {
                chosen.iter().map(|i| i.index(frames.len()) as u32).collect()
            };
            prop_assert_eq!(keep_at_most(&frames, &chosen, gap, budget).unwrap(), plain(&frames, &chosen, gap, budget));
            prop_assert_eq!(keep(&frames, &chosen, gap).unwrap(), plain(&frames, &chosen, gap, usize::MAX));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let frame = Moment {
            group: 0,
            time_ns: None,
            score: 0.0,
        };
        assert!(keep(&[frame], &[1], 0).is_err());
        assert!(keep_at_most(&[frame], &[], 0, 0).is_err());
        let nan = Moment {
            score: f32::NAN,
            ..frame
        };
        assert!(keep(&[nan], &[], 0).is_err());
        assert!(keep(&[], &[], 0).unwrap().is_empty());
    }
}
