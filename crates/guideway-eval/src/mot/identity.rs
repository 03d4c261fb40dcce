//! Identity: Ristani et al., "Performance measures and a data set for multi-target, multi-camera tracking" (2016).
//!
//! Objects and tracks are matched one to one over the whole sequence so that most boxes agree; a pair of boxes agrees where its similarity
//! reaches the threshold.

use std::collections::{BTreeMap, BTreeSet};

use crate::assign::{Assigner, PairMatrix};
use crate::error::EvalError;

/// The identity numbers of one class; field names in JSON are `TrackEval`'s.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct IdentityScores {
    /// F1 of the two below.
    #[serde(rename = "IDF1")]
    pub idf1: f64,
    /// Fraction of the labels that their object's track found.
    #[serde(rename = "IDR")]
    pub recall: f64,
    /// Fraction of the predictions that belong to their track's object.
    #[serde(rename = "IDP")]
    pub precision: f64,
    /// Boxes that agree under the matching.
    #[serde(rename = "IDTP")]
    pub true_positives: u64,
    /// Labels that do not.
    #[serde(rename = "IDFN")]
    pub false_negatives: u64,
    /// Predictions that do not.
    #[serde(rename = "IDFP")]
    pub false_positives: u64,
}

impl IdentityScores {
    pub(crate) fn finish(mut self) -> Self {
        let (tp, fn_, fp) = (
            self.true_positives as f64,
            self.false_negatives as f64,
            self.false_positives as f64,
        );
        self.recall = tp / (tp + fn_).max(1.0);
        self.precision = tp / (tp + fp).max(1.0);
        self.idf1 = tp / (tp + 0.5 * fp + 0.5 * fn_).max(1.0);
        self
    }

    fn sum<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.true_positives += part.true_positives;
            all.false_negatives += part.false_negatives;
            all.false_positives += part.false_positives;
        }
        all
    }

    /// Several sequences or classes as one.
    pub(crate) fn combine<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        Self::sum(parts).finish()
    }

    /// The mean of several classes' ratios and the sum of their counts.
    pub(crate) fn average(parts: &[&Self]) -> Self {
        let mean = |value: fn(&Self) -> f64| super::report::mean(parts.iter().map(|part| value(part)));
        Self {
            idf1: mean(|p| p.idf1),
            recall: mean(|p| p.recall),
            precision: mean(|p| p.precision),
            ..Self::sum(parts.iter().copied())
        }
    }

    /// The numbers of a sequence, from the boxes that agree for each pair of an object and a track.
    pub(crate) fn new(
        labels: u64,
        predictions: u64,
        [objects, tracks]: [usize; 2],
        agreeing: impl Iterator<Item = (usize, usize, u64)>,
    ) -> Result<Self, EvalError> {
        let found = most_agreeing(objects, tracks, agreeing)?;
        let counts = Self {
            true_positives: found,
            false_negatives: labels - found,
            false_positives: predictions - found,
            ..Self::default()
        };
        // without one of the sides TrackEval leaves the ratios at 0, which is what they are
        Ok(counts.finish())
    }
}

/// The most boxes that can agree when objects and tracks are paired one to one.
///
/// The references solve it with a row and a column more for each object and track, to be left alone at the cost of all
/// its boxes. That costs labels + predictions - 2 · agreeing, so its least is where most agree. Objects and tracks that no chain of
/// agreeing pairs joins cannot disturb one another, so each such group is solved alone, which keeps the matrices small.
pub(crate) fn most_agreeing(
    objects: usize,
    tracks: usize,
    agreeing: impl Iterator<Item = (usize, usize, u64)>,
) -> Result<u64, EvalError> {
    let pairs: Vec<(usize, usize, u64)> = agreeing.filter(|(_, _, boxes)| *boxes > 0).collect();
    let mut groups = Groups::new(objects + tracks);
    for (object, track, _) in &pairs {
        groups.join(*object, objects + track);
    }
    let mut by_group: BTreeMap<usize, Vec<(usize, usize, u64)>> = BTreeMap::new();
    for pair in pairs {
        by_group.entry(groups.of(pair.0)).or_default().push(pair);
    }
    let mut assigner = Assigner::default();
    let mut costs = PairMatrix::default();
    let mut most = 0;
    for pairs in by_group.into_values() {
        let places = |ids: BTreeSet<usize>| -> BTreeMap<usize, usize> {
            ids.into_iter().enumerate().map(|(place, id)| (id, place)).collect()
        };
        let rows = places(pairs.iter().map(|(object, _, _)| *object).collect());
        let columns = places(pairs.iter().map(|(_, track, _)| *track).collect());
        costs.reset(rows.len(), columns.len(), 0.0);
        for (object, track, boxes) in &pairs {
            if let (Some(row), Some(column)) = (rows.get(object), columns.get(track)) {
                costs.set(*row, *column, -(*boxes as f64));
            }
        }
        let matched = assigner.all(&costs)?.iter();
        most += matched.map(|(row, column)| -costs.get(*row, *column)).sum::<f64>() as u64;
    }
    Ok(most)
}

/// Sets that are joined.
struct Groups(Vec<usize>);

impl Groups {
    fn new(members: usize) -> Self {
        Self((0..members).collect())
    }

    /// The member that stands for a member's set.
    fn of(&mut self, member: usize) -> usize {
        let mut at = member;
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        self.0[a.max(b)] = a.min(b);
    }
}
