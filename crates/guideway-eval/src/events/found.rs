//! Which labels in space are found, seen through slices.

use std::collections::BTreeMap;

use super::{Event, EventKind};
use crate::bootstrap::{BootstrapParams, MetricDelta};
use crate::coco::{MISSES, PartCell, PartValue, RECALL, compared, with_intervals};
use crate::error::EvalError;
use crate::objects3d::{Keep, Slice, Truth3d};

/// The labels in space that count, and which of them are found: those that no mistake is about. Nothing is matched again for a slice of them.
///
/// ```
/// use guideway_core::{Cuboid, DVec3};
/// use guideway_eval::events::{FoundInSpace, SpaceEventParams, find_events_in_space};
/// use guideway_eval::objects3d::{Detections3d, Keep, Slice, Truth3d};
///
/// let car = |x: f64| Cuboid::from_slice(&[x, 0.0, 0.8, 4.5, 1.9, 1.6, 1.0, 0.0, 0.0, 0.0]);
/// let mut truth = Truth3d::new(vec![DVec3::ZERO], 1);
/// truth.push(0, 0, car(10.0)?);
/// truth.push(0, 0, car(30.0)?);
/// let mut detections = Detections3d::default();
/// detections.push(0, 0, car(10.5)?, 0.9);
/// let events = find_events_in_space(&truth, &detections, &Keep::default(), &SpaceEventParams::default())?;
///
/// let found = FoundInSpace::new(&truth, &Keep::default(), &events)?;
/// let far = found.part(&Slice::new("range=20-40").labels(vec![false, true]))?;
/// assert_eq!(far.cells()[0].metric, "recall");
/// assert_eq!(far.values(None)?[0], Some(0.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FoundInSpace {
    frames: usize,
    /// Labels, also those that do not count.
    rows: usize,
    labels: Vec<Label>,
}

/// A label that counts.
#[derive(Debug, Clone, Copy)]
struct Label {
    row: u32,
    frame: u32,
    class: u32,
    is_found: bool,
}

/// Those of a slice. It has, of all classes and of each that has labels in it, `recall`, the part of its labels that are found, and `misses`, the number of the others.
#[derive(Debug, Clone)]
pub struct FoundPart {
    /// Its name in reports.
    pub name: String,
    images: usize,
    frames: Option<Vec<bool>>,
    classes: Vec<OfClass>,
}

/// The labels of a class: of each frame that has any, how many are missed and found.
#[derive(Debug, Clone)]
struct OfClass {
    class: u32,
    frames: Vec<(u32, [u64; 2])>,
}

impl FoundInSpace {
    /// Of the `events` that [`find_events_in_space`](super::find_events_in_space) found with the same `keep`.
    ///
    /// # Errors
    /// [`EvalError`] for columns that do not fit each other.
    pub fn new(truth: &Truth3d, keep: &Keep, events: &[Event]) -> Result<Self, EvalError> {
        truth.validate()?;
        if let Some(mask) = keep.labels.as_ref().filter(|mask| mask.len() != truth.len()) {
            return Err(mismatch("numbers of labels and of flags", truth.len(), mask.len()));
        }
        let mut is_wrong = vec![false; truth.len()];
        for event in events.iter().filter(|event| event.kind != EventKind::FalsePositive) {
            if let Some(wrong) = event.label.and_then(|row| is_wrong.get_mut(row as usize)) {
                *wrong = true;
            }
        }
        let labels = (0..truth.len()).filter(|row| keep.label(*row)).map(|row| Label {
            row: row as u32,
            frame: truth.frame[row],
            class: truth.class[row],
            is_found: !is_wrong[row],
        });
        Ok(Self {
            frames: truth.ego.len(),
            rows: truth.len(),
            labels: labels.collect(),
        })
    }

    /// The row of each label that counts, and whether it is found.
    pub fn labels(&self) -> impl Iterator<Item = (u32, bool)> + '_ {
        self.labels.iter().map(|label| (label.row, label.is_found))
    }

    /// The labels and frames of a slice, by row. What it says of detections and times says nothing here.
    ///
    /// # Errors
    /// [`EvalError::Slice`] for masks of another length.
    pub fn part(&self, slice: &Slice) -> Result<FoundPart, EvalError> {
        let detections = slice.detections.as_ref().map_or(0, Vec::len);
        slice.check_lengths(self.rows, detections, self.frames)?;
        let has_frame = |frame: u32| slice.frames.as_ref().is_none_or(|mask| mask[frame as usize]);
        let mut counts: BTreeMap<u32, BTreeMap<u32, [u64; 2]>> = BTreeMap::new();
        for label in &self.labels {
            if slice.has_label(label.row) && has_frame(label.frame) {
                let of_class = counts.entry(label.class).or_default();
                of_class.entry(label.frame).or_default()[usize::from(label.is_found)] += 1;
            }
        }
        Ok(FoundPart {
            name: slice.name.clone(),
            images: self.frames,
            frames: slice.frames.clone(),
            classes: counts
                .into_iter()
                .map(|(class, frames)| OfClass {
                    class,
                    frames: frames.into_iter().collect(),
                })
                .collect(),
        })
    }
}

impl FoundPart {
    /// What it has: of all classes, then of each that has labels in it; nothing without any.
    pub fn cells(&self) -> Vec<PartCell> {
        let of_class = self.counts(None).into_iter();
        of_class
            .flat_map(|(class, [missed, found])| {
                [RECALL, MISSES].map(|metric| PartCell {
                    class,
                    metric,
                    support: missed + found,
                })
            })
            .collect()
    }

    /// Missed and found labels of all classes (`None`) and of each that has labels here, with a weight per frame.
    fn counts(&self, weights: Option<&[u32]>) -> Vec<(Option<u32>, [u64; 2])> {
        let weight = |frame: u32| weights.map_or(1, |weights| u64::from(weights[frame as usize]));
        let add = |[a, b]: [u64; 2], [c, d]: [u64; 2]| [a + c, b + d];
        let of_class = |frames: &[(u32, [u64; 2])]| {
            let weighted = frames
                .iter()
                .map(|(frame, counts)| counts.map(|count| count * weight(*frame)));
            weighted.fold([0; 2], add)
        };
        let each: Vec<(Option<u32>, [u64; 2])> = self
            .classes
            .iter()
            .map(|of| (Some(of.class), of_class(&of.frames)))
            .collect();
        let all = each.iter().map(|(_, counts)| *counts).fold([0; 2], add);
        let all = (!each.is_empty()).then_some((None, all));
        all.into_iter().chain(each).collect()
    }

    fn measure(&self, weights: Option<&[u32]>) -> Vec<Option<f64>> {
        let counts = self.counts(weights).into_iter();
        counts
            .flat_map(|(_, [missed, found])| {
                let labels = missed + found;
                [found as f64 / labels as f64, missed as f64].map(|value| (labels > 0).then_some(value))
            })
            .collect()
    }

    /// The values in the order of [`FoundPart::cells`]; with a weight per frame, of a draw.
    ///
    /// # Errors
    /// [`EvalError::Mismatch`] where there is not one weight for each frame.
    pub fn values(&self, weights: Option<&[u32]>) -> Result<Vec<Option<f64>>, EvalError> {
        if let Some(weights) = weights.filter(|weights| weights.len() != self.images) {
            return Err(mismatch("numbers of frames and of weights", self.images, weights.len()));
        }
        Ok(self.measure(weights))
    }

    /// The values with their intervals. `groups` has a group number per frame; a part of frames draws from the groups that have such frames.
    ///
    /// # Errors
    /// [`EvalError::Mismatch`] where there is not one group for each frame, [`EvalError::Parameter`].
    pub fn intervals(&self, groups: &[u32], params: &BootstrapParams) -> Result<Vec<PartValue>, EvalError> {
        self.check_groups(groups)?;
        with_intervals(self.cells(), (groups, self.frames.as_deref()), params, |weights| {
            self.measure(weights)
        })
    }

    /// The differences to the same part of another run, in the order of [`FoundPart::cells`], drawn in pairs.
    ///
    /// # Errors
    /// [`EvalError::Mismatch`] where the labels are not the same or there is not one group for each frame, [`EvalError::Parameter`].
    pub fn compare(
        &self,
        other: &Self,
        groups: &[u32],
        params: &BootstrapParams,
    ) -> Result<Vec<MetricDelta>, EvalError> {
        self.check_groups(groups)?;
        if !self.labels().eq(other.labels()) {
            return Err(mismatch(
                "labels of a slice",
                self.labels().count(),
                other.labels().count(),
            ));
        }
        compared(
            self.cells(),
            (groups, self.frames.as_deref()),
            params,
            |second, times| if second { other } else { self }.measure(Some(times)),
        )
    }

    /// Class, frame and number of labels.
    fn labels(&self) -> impl Iterator<Item = (u32, u32, u64)> + '_ {
        self.classes.iter().flat_map(|of| {
            let counts = of.frames.iter();
            counts.map(|(frame, [missed, found])| (of.class, *frame, missed + found))
        })
    }

    fn check_groups(&self, groups: &[u32]) -> Result<(), EvalError> {
        if groups.len() == self.images {
            return Ok(());
        }
        Err(mismatch(
            "numbers of frames and of group numbers",
            self.images,
            groups.len(),
        ))
    }
}

fn mismatch(what: &'static str, a: usize, b: usize) -> EvalError {
    EvalError::Mismatch {
        what,
        a: a as u64,
        b: b as u64,
    }
}
