//! Parts of a matched evaluation.

use super::matches::Matches3d;
use crate::error::EvalError;

/// A part of an evaluation: the labels, unmatched detections and frames that count in it, and how often. `None` counts all, and once.
///
/// ```
/// use guideway_eval::objects3d::Slice;
/// let night = Slice::new("night").frames(vec![false, true]);
/// let occluded = Slice::new("occluded").labels(vec![true, false, true]);
/// assert!(night.labels.is_none() && occluded.frames.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// Its name in reports.
    pub name: String,
    /// One entry per label: is it in?
    pub labels: Option<Vec<bool>>,
    /// One entry per detection: would it be a false positive here, without a label? Without this mask every unmatched detection is,
    /// which is right for properties that only labels have, such as occlusion; AP of such a slice compares two models, not two slices.
    pub detections: Option<Vec<bool>>,
    /// One entry per frame: is it in?
    pub frames: Option<Vec<bool>>,
    /// One entry per frame: how often does it count? Its labels and detections count as often, as if the frame were there so many times; 0 leaves it out. Of
    /// equal scores, copies of one detection follow one another.
    pub times: Option<Vec<u32>>,
}

/// The report of a slice.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SliceReport<R> {
    /// Name of the slice.
    pub slice: String,
    /// Labels in it that were evaluated.
    pub labels: u64,
    /// Its numbers.
    pub report: R,
}

impl Slice {
    /// Everything, under this name.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// With only these labels.
    #[must_use]
    pub fn labels(mut self, mask: Vec<bool>) -> Self {
        self.labels = Some(mask);
        self
    }

    /// With only these detections as false positives.
    #[must_use]
    pub fn detections(mut self, mask: Vec<bool>) -> Self {
        self.detections = Some(mask);
        self
    }

    /// With only these frames.
    #[must_use]
    pub fn frames(mut self, mask: Vec<bool>) -> Self {
        self.frames = Some(mask);
        self
    }

    /// With each frame so many times.
    ///
    /// ```
    /// use guideway_eval::objects3d::Slice;
    /// let drawn = Slice::new("drawn").times(vec![2, 0, 1]);
    /// assert_eq!(drawn.times.as_deref(), Some(&[2, 0, 1][..]));
    /// ```
    #[must_use]
    pub fn times(mut self, times: Vec<u32>) -> Self {
        self.times = Some(times);
        self
    }

    pub(crate) fn check(&self, matches: &Matches3d) -> Result<(), EvalError> {
        self.check_lengths(matches.label_rows, matches.detection_rows, matches.frames as usize)
    }

    /// Are the masks for so many labels, detections and frames?
    pub(crate) fn check_lengths(&self, labels: usize, detections: usize, frames: usize) -> Result<(), EvalError> {
        let len = |mask: &Option<Vec<bool>>| mask.as_ref().map(Vec::len);
        let lengths = [
            ("labels", len(&self.labels), labels),
            ("detections", len(&self.detections), detections),
            ("frames", len(&self.frames), frames),
            ("times", self.times.as_ref().map(Vec::len), frames),
        ];
        for (what, got, expected) in lengths {
            if let Some(got) = got.filter(|got| *got != expected) {
                return Err(EvalError::Slice {
                    slice: self.name.clone(),
                    what,
                    expected,
                    got,
                });
            }
        }
        Ok(())
    }

    /// How often a frame counts: 0 where it is not in the slice.
    ///
    /// # Panics
    /// When a mask is shorter.
    pub fn times_of(&self, frame: u32) -> u32 {
        let frame = frame as usize;
        if self.frames.as_ref().is_some_and(|mask| !mask[frame]) {
            return 0;
        }
        self.times.as_ref().map_or(1, |times| times[frame])
    }

    pub(crate) fn has_label(&self, row: u32) -> bool {
        self.labels.as_ref().is_none_or(|mask| mask[row as usize])
    }

    pub(crate) fn has_detection(&self, row: u32) -> bool {
        self.detections.as_ref().is_none_or(|mask| mask[row as usize])
    }
}

/// One slice for each pair of neighbours in `edges`: labels and detections whose value is at least the lower edge and below the upper one.
///
/// The values are any number per row: range, length of the box, speed. NaN is in no slice.
///
/// ```
/// use guideway_eval::objects3d::bins;
/// let slices = bins("range_m", &[0.0, 20.0, 40.0], &[5.0, 30.0], &[20.0]);
/// assert_eq!(slices[1].name, "range_m 20..40");
/// assert_eq!(slices[1].labels, Some(vec![false, true]));
/// assert_eq!(slices[1].detections, Some(vec![true]));
/// ```
pub fn bins(name: &str, edges: &[f64], labels: &[f64], detections: &[f64]) -> Vec<Slice> {
    edges
        .windows(2)
        .map(|edge| {
            let mask = |values: &[f64]| values.iter().map(|v| *v >= edge[0] && *v < edge[1]).collect();
            Slice::new(&format!("{name} {}..{}", edge[0], edge[1]))
                .labels(mask(labels))
                .detections(mask(detections))
        })
        .collect()
}
