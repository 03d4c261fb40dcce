//! One frame: who is there, and who is like whom.

use std::collections::HashMap;

use crate::assign::PairMatrix;
use crate::error::{EvalError, Side};

/// A frame of one sequence, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct FrameView<'a> {
    /// Track of each label; no id twice.
    pub labels: &'a [u64],
    /// Track of each prediction; no id twice.
    pub predictions: &'a [u64],
    /// Similarity of each label (row) and prediction (column), 0 to 1.
    pub similarity: &'a PairMatrix,
}

/// A frame of one sequence, owned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrackFrame {
    /// Track of each label; no id twice.
    pub labels: Vec<u64>,
    /// Track of each prediction; no id twice.
    pub predictions: Vec<u64>,
    /// Similarity of each label (row) and prediction (column), 0 to 1.
    pub similarity: PairMatrix,
}

impl TrackFrame {
    /// The same, borrowed.
    pub fn view(&self) -> FrameView<'_> {
        FrameView {
            labels: &self.labels,
            predictions: &self.predictions,
            similarity: &self.similarity,
        }
    }
}

/// Checks that a matrix has a row for every label and a column for every prediction.
pub(crate) fn check_shape(
    matrix: &PairMatrix,
    rows: usize,
    columns: usize,
    place: &dyn Fn() -> String,
) -> Result<(), EvalError> {
    if matrix.rows() == rows && matrix.columns() == columns {
        return Ok(());
    }
    Err(EvalError::Frame {
        problem: format!(
            "there are {} × {} numbers for {rows} labels and {columns} predictions",
            matrix.rows(),
            matrix.columns()
        ),
        place: place(),
        next: "give one row per label and one column per prediction",
    })
}

impl FrameView<'_> {
    /// Do the parts fit, and are all similarities from 0 to 1? `place` is for the message.
    pub(crate) fn check(&self, place: &dyn Fn() -> String) -> Result<(), EvalError> {
        check_shape(self.similarity, self.labels.len(), self.predictions.len(), place)?;
        // an IoU may exceed 1 by rounding
        let odd = |s: &f64| !(*s >= 0.0 && *s <= 1.0 + 1e-9);
        if let Some(at) = self.similarity.values().iter().position(odd) {
            let columns = self.similarity.columns();
            return Err(EvalError::Frame {
                problem: format!(
                    "the similarity of label {} and prediction {} is {}, which is not from 0 to 1",
                    at / columns,
                    at % columns,
                    self.similarity.values()[at]
                ),
                place: place(),
                next: "similarities are from 0 (nothing in common) to 1 (the same); `CenterDistance` makes such of distances",
            });
        }
        Ok(())
    }
}

/// Numbers tracks from 0 in the order in which they are first seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    index: HashMap<u64, u32>,
    /// The frame, counted from 1, in which each was seen last: finds ids that are twice in a frame.
    seen: Vec<u64>,
}

impl Ids {
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// The numbers of a frame's tracks. `frame` counts from 1 and grows.
    pub(crate) fn number(
        &mut self,
        ids: &[u64],
        frame: u64,
        side: Side,
        out: &mut Vec<u32>,
        place: &dyn Fn() -> String,
    ) -> Result<(), EvalError> {
        out.clear();
        for id in ids {
            let next = self.seen.len() as u32;
            let index = *self.index.entry(*id).or_insert(next);
            if index == next {
                self.seen.push(0);
            }
            if std::mem::replace(&mut self.seen[index as usize], frame) == frame {
                return Err(EvalError::DuplicateTrack {
                    side,
                    id: id.to_string(),
                    place: place(),
                });
            }
            out.push(index);
        }
        Ok(())
    }

    /// The numbers of tracks that are known, or the first id that is not.
    pub(crate) fn lookup(&self, ids: &[u64], out: &mut Vec<u32>) -> Result<(), u64> {
        out.clear();
        for id in ids {
            out.push(*self.index.get(id).ok_or(*id)?);
        }
        Ok(())
    }
}

/// A pair of track numbers as one key.
pub(crate) fn key(label: u32, prediction: u32) -> u64 {
    (u64::from(label) << 32) | u64::from(prediction)
}

/// The pair that a key stands for.
pub(crate) fn pair(key: u64) -> (usize, usize) {
    ((key >> 32) as usize, (key & u64::from(u32::MAX)) as usize)
}
