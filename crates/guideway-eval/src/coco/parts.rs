//! Parts of a matched evaluation: the labels of a slice, of a size, of some frames.

use super::matching::{ClassMatches, Matches, Outcome, Taken};
use crate::bootstrap::{
    BootstrapParams, MetricDelta, check_groups, check_same, compare_of_within, intervals_of_within,
};
use crate::error::EvalError;
use crate::objects3d::Slice;

/// From when on a label counts as found.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FoundAt {
    /// IoU with the detection: one of the thresholds of the parameters.
    pub iou: f64,
    /// Score of the detection.
    pub min_score: f64,
}

/// A number that a part has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct PartCell {
    /// Class index; `None` for all classes.
    pub class: Option<u32>,
    /// `AP`, `AP50`, `AP75`, `recall` or `misses`.
    pub metric: &'static str,
    /// Labels of the part.
    pub support: u64,
}

/// A number of a part with its interval.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct PartValue {
    /// Which.
    #[serde(flatten)]
    pub cell: PartCell,
    /// Value on all frames of the part.
    pub value: Option<f64>,
    /// Lower end; `None` where fewer than two groups have such labels.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
}

impl PartCell {
    /// Is more of it better?
    pub fn higher_is_better(&self) -> bool {
        self.metric != MISSES
    }
}

pub(crate) const RECALL: &str = "recall";
pub(crate) const MISSES: &str = "misses";
const AVERAGES: [(&str, Option<f64>); 3] = [("AP", None), ("AP50", Some(0.5)), ("AP75", Some(0.75))];

/// A matched evaluation seen through a slice. Nothing is matched again.
///
/// It has, of all classes and of each that has labels in it:
///
/// - `recall`, the part of its labels that are found at one threshold of IoU and score, and `misses`, the number of the others. Over slices that
///   divide the labels, misses add up to those of the whole;
/// - `AP`, `AP50` and `AP75`. Labels outside are ignored as COCO ignores those of other sizes: what found one of them is no detection of the part.
///   Which of the unmatched detections are false alarms of the part is said by [`Slice::detections`]. A false alarm has no occlusion, and in the image no distance
///   either: without that mask each counts in every part, as in the levels of KITTI and Caltech. Then AP compares models on a part; parts are
///   compared by recall.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name in reports.
    pub name: String,
    /// In one area range.
    matches: Matches,
    /// By class, is each label found?
    found: Vec<Vec<bool>>,
    frames: Option<Vec<bool>>,
}

impl Matches {
    /// The labels, unmatched detections and frames of a slice, by row. [`Slice::times`] says nothing here: draws come with [`Part::values`].
    ///
    /// ```
    /// use guideway_eval::coco::{CocoParams, Detections, FoundAt, GroundTruth, IouType, match_detections};
    /// use guideway_eval::objects3d::Slice;
    ///
    /// let mut truth = GroundTruth::new(1, 1);
    /// truth.push(0, 0, [10.0, 10.0, 50.0, 50.0]); // in plain view
    /// truth.push(0, 0, [200.0, 10.0, 50.0, 50.0]); // hidden in part, and missed
    /// let mut detections = Detections::default();
    /// detections.push(0, 0, [12.0, 10.0, 50.0, 50.0], 0.9);
    ///
    /// let matches = match_detections(&truth, &detections, IouType::Bbox, &CocoParams::default())?;
    /// let at = FoundAt { iou: 0.5, min_score: 0.3 };
    /// let hidden = matches.part(&Slice::new("hidden").labels(vec![false, true]), at)?;
    /// let recall = hidden.cells().iter().position(|cell| cell.metric == "recall").unwrap();
    /// assert_eq!(hidden.values(None)?[recall], Some(0.0));
    /// # Ok::<(), guideway_eval::EvalError>(())
    /// ```
    ///
    /// # Errors
    /// [`EvalError::Slice`] for masks of another length, [`EvalError::Parameter`] where the IoU is none of the thresholds.
    pub fn part(&self, slice: &Slice, at: FoundAt) -> Result<Part, EvalError> {
        slice.check_lengths(self.label_rows, self.detection_rows, self.images as usize)?;
        let found = self.found(at)?;
        let stride = self.params.areas.len();
        let every = self.every();
        let has_frame = |image: u32| slice.frames.as_ref().is_none_or(|mask| mask[image as usize]);
        let per_class = self.per_class.iter().map(|class| {
            let is_in: Vec<bool> = (0..class.label.len())
                .map(|at| slice.has_label(class.label[at]) && has_frame(class.label_image[at]))
                .collect();
            let mut taken = vec![0; class.detection.len()];
            for one in class.taken.iter().filter(|one| is_in[one.label as usize]) {
                taken[one.detection as usize] |= one.thresholds;
            }
            let outcomes = class.outcome.iter().step_by(stride).zip(&taken);
            let seen = outcomes.enumerate().map(|(at, (outcome, taken))| {
                let elsewhere = outcome.true_positive & !taken;
                let outside = !has_frame(class.image[at]) || !slice.has_detection(class.detection[at]);
                Outcome {
                    true_positive: *taken,
                    ignored: outcome.ignored | elsewhere | if outside { every & !taken } else { 0 },
                }
            });
            let counted = is_in.iter().zip(&class.label_counted);
            let counted = counted.map(|(is_in, counted)| u64::from(*is_in) & counted);
            seen_through(class, every, seen.collect(), counted.collect())
        });
        Ok(Part {
            name: slice.name.clone(),
            matches: self.of_one_area(per_class.collect(), 0),
            found,
            frames: slice.frames.clone(),
        })
    }

    /// The labels of one of the area ranges, with false alarms of that size: its AP is COCO's.
    ///
    /// # Errors
    /// [`EvalError::Parameter`] where there is no such range, or the IoU is none of the thresholds.
    pub fn part_of_area(&self, name: &str, area: usize, at: FoundAt) -> Result<Part, EvalError> {
        let stride = self.params.areas.len();
        if area >= stride {
            return Err(EvalError::Parameter {
                parameter: "area",
                problem: format!("there is no area range {area}, only {stride} of them"),
            });
        }
        let per_class = self.per_class.iter().map(|class| {
            let outcomes = class.outcome.iter().skip(area).step_by(stride).copied();
            let counted = class.label_counted.iter().map(|counted| counted >> area & 1);
            seen_through(class, self.every(), outcomes.collect(), counted.collect())
        });
        Ok(Part {
            name: name.to_owned(),
            matches: self.of_one_area(per_class.collect(), area),
            found: self.found(at)?,
            frames: None,
        })
    }

    /// A bit for every threshold.
    fn every(&self) -> u64 {
        u64::MAX >> (64 - self.params.iou_thresholds.len().clamp(1, 64))
    }

    fn of_one_area(&self, per_class: Vec<ClassMatches>, area: usize) -> Self {
        let mut params = self.params.clone();
        params.areas = vec![params.areas.swap_remove(area)];
        Self {
            params,
            per_class,
            ..*self
        }
    }

    /// By class, is each label found?
    fn found(&self, at: FoundAt) -> Result<Vec<Vec<bool>>, EvalError> {
        let Some(threshold) = self.params.threshold_index(at.iou) else {
            return Err(EvalError::Parameter {
                parameter: "iou",
                problem: format!("{} is none of the thresholds that were matched at", at.iou),
            });
        };
        let of = |class: &ClassMatches| {
            let mut found = vec![false; class.label.len()];
            for Taken {
                detection,
                label,
                thresholds,
            } in &class.taken
            {
                found[*label as usize] |=
                    thresholds >> threshold & 1 == 1 && class.score[*detection as usize] >= at.min_score;
            }
            found
        };
        Ok(self.per_class.iter().map(of).collect())
    }
}

/// A class with other outcomes, without the detections that play no role.
fn seen_through(class: &ClassMatches, every: u64, outcomes: Vec<Outcome>, label_counted: Vec<u64>) -> ClassMatches {
    let is_live = |outcome: &Outcome| outcome.ignored & every != every;
    let mut places = vec![None; outcomes.len()];
    let mut seen = ClassMatches {
        class: class.class,
        label: class.label.clone(),
        label_image: class.label_image.clone(),
        label_counted,
        ..ClassMatches::default()
    };
    for (at, outcome) in outcomes.into_iter().enumerate().filter(|(_, outcome)| is_live(outcome)) {
        places[at] = Some(seen.detection.len() as u32);
        seen.detection.push(class.detection[at]);
        seen.image.push(class.image[at]);
        seen.rank.push(class.rank[at]);
        seen.score.push(class.score[at]);
        seen.outcome.push(outcome);
    }
    let taken = class
        .taken
        .iter()
        .filter(|one| seen.label_counted[one.label as usize] != 0);
    seen.taken = taken
        .filter_map(|one| {
            Some(Taken {
                detection: places[one.detection as usize]?,
                ..*one
            })
        })
        .collect();
    seen
}

impl Part {
    /// Labels of all classes.
    pub fn support(&self) -> u64 {
        self.matches
            .per_class
            .iter()
            .map(|class| class.label_counted.iter().sum::<u64>())
            .sum()
    }

    /// What it has: of all classes, then of each that has labels in it; nothing without any.
    pub fn cells(&self) -> Vec<PartCell> {
        let mut classes = vec![(None, self.support())];
        classes.extend(self.matches.per_class.iter().map(|class| {
            let support = class.label_counted.iter().sum();
            (Some(class.class), support)
        }));
        let metrics: Vec<&'static str> = self.averages().map(|(name, _)| name).chain([RECALL, MISSES]).collect();
        classes
            .into_iter()
            .filter(|(_, support)| *support > 0)
            .flat_map(|(class, support)| metrics.iter().map(move |metric| PartCell { class, metric, support }))
            .collect()
    }

    /// Averages of precision, each with its threshold, of those that were matched at.
    fn averages(&self) -> impl Iterator<Item = (&'static str, Option<usize>)> + '_ {
        AVERAGES.into_iter().filter_map(|(name, iou)| match iou {
            None => Some((name, None)),
            Some(iou) => Some((name, Some(self.matches.params.threshold_index(iou)?))),
        })
    }

    /// The values in the order of [`Part::cells`]; with a weight per image, of a draw.
    ///
    /// # Errors
    /// [`EvalError::Mismatch`] where there is not one weight for each image.
    pub fn values(&self, weights: Option<&[u32]>) -> Result<Vec<Option<f64>>, EvalError> {
        if let Some(weights) = weights.filter(|weights| weights.len() != self.matches.images as usize) {
            return Err(EvalError::Mismatch {
                what: "numbers of images and of weights",
                a: u64::from(self.matches.images),
                b: weights.len() as u64,
            });
        }
        Ok(self.measure(weights))
    }

    /// [`Part::values`] of weights that are trusted.
    fn measure(&self, weights: Option<&[u32]>) -> Vec<Option<f64>> {
        let accumulated = self.matches.accumulate_serially(weights);
        let weight = |image: u32| weights.map_or(1, |weights| u64::from(weights[image as usize]));
        let counts: Vec<[u64; 2]> = self
            .matches
            .per_class
            .iter()
            .zip(&self.found)
            .map(|(class, found)| {
                let mut counts = [0; 2];
                for ((image, counted), found) in class.label_image.iter().zip(&class.label_counted).zip(found) {
                    counts[usize::from(*found)] += counted * weight(*image);
                }
                counts
            })
            .collect();
        let averages: Vec<Option<usize>> = self.averages().map(|(_, threshold)| threshold).collect();
        let all = counts
            .iter()
            .fold([0; 2], |sum, own| [sum[0] + own[0], sum[1] + own[1]]);
        let mut values = Vec::new();
        let mut push = |place: Option<usize>, [missed, found]: [u64; 2]| {
            values.extend(averages.iter().map(|threshold| accumulated.ap(place, 0, *threshold)));
            let labels = missed + found;
            values.push((labels > 0).then(|| found as f64 / labels as f64));
            values.push((labels > 0).then_some(missed as f64));
        };
        if self.support() > 0 {
            push(None, all);
        }
        for (place, class) in self.matches.per_class.iter().enumerate() {
            if class.label_counted.iter().any(|counted| *counted > 0) {
                push(Some(place), counts[place]);
            }
        }
        values
    }

    /// The values with their intervals. `groups` has a group number per image; a part of frames draws from the groups that have such frames.
    ///
    /// # Errors
    /// [`EvalError::Mismatch`] where there is not one group for each image, [`EvalError::Parameter`].
    pub fn intervals(&self, groups: &[u32], params: &BootstrapParams) -> Result<Vec<PartValue>, EvalError> {
        check_groups(&self.matches, groups)?;
        with_intervals(self.cells(), (groups, self.frames.as_deref()), params, |weights| {
            self.measure(weights)
        })
    }

    /// The differences to the same part of another run, in the order of [`Part::cells`], drawn in pairs.
    ///
    /// # Errors
    /// [`EvalError::Mismatch`] where the labels are not the same or there is not one group for each image, [`EvalError::Parameter`].
    pub fn compare(
        &self,
        other: &Self,
        groups: &[u32],
        params: &BootstrapParams,
    ) -> Result<Vec<MetricDelta>, EvalError> {
        check_groups(&self.matches, groups)?;
        check_same(&self.matches, &other.matches)?;
        compared(
            self.cells(),
            (groups, self.frames.as_deref()),
            params,
            |second, times| if second { other } else { self }.measure(Some(times)),
        )
    }
}

/// The numbers of a part that `measure` gives for a weight per frame, with their intervals. Draws are from the groups of those frames that are flagged, if there are flags.
pub(crate) fn with_intervals(
    cells: Vec<PartCell>,
    (groups, frames): (&[u32], Option<&[bool]>),
    params: &BootstrapParams,
    measure: impl Fn(Option<&[u32]>) -> Vec<Option<f64>> + Sync,
) -> Result<Vec<PartValue>, EvalError> {
    let ends = intervals_of_within(groups, frames, params, |times| measure(Some(times)))?;
    let values = measure(None).into_iter().zip(ends);
    Ok(cells
        .into_iter()
        .zip(values)
        .map(|(cell, (value, [lower, upper]))| PartValue {
            cell,
            value,
            lower,
            upper,
        })
        .collect())
}

/// The differences between two parts that have the same cells, drawn in pairs: `measure` gives the numbers of either (false: the first).
pub(crate) fn compared(
    cells: Vec<PartCell>,
    (groups, frames): (&[u32], Option<&[bool]>),
    params: &BootstrapParams,
    measure: impl Fn(bool, &[u32]) -> Vec<Option<f64>> + Sync,
) -> Result<Vec<MetricDelta>, EvalError> {
    let metrics: Vec<&str> = cells.iter().map(|cell| cell.metric).collect();
    let deltas = compare_of_within(&metrics, groups, frames, params, measure)?;
    Ok(deltas
        .into_iter()
        .zip(cells)
        .map(|(delta, cell)| MetricDelta {
            class: cell.class,
            support: cell.support,
            ..delta
        })
        .collect())
}
