//! Box tracking.

use std::collections::{BTreeMap, HashMap};

use guideway_core::{Reporter, Warning};
use rayon::prelude::*;
use serde::ser::SerializeMap as _;

use super::read::{ScalabelFrame, ScalabelLabel};
use super::{Category, leaf_categories, super_categories};
use crate::assign::{Assigner, PairMatrix};
use crate::error::{EvalError, Side};
use crate::mot::accumulator::{Accumulator, DistanceView, MotCounts};
use crate::mot::params::bad;
use crate::mot::similarity::iou_distances;

/// What is compared.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ScalabelTrackParams {
    /// Categories.
    pub categories: Vec<Category>,
    /// IoU from which boxes match.
    pub min_iou: f64,
    /// A prediction with more than this fraction of its area in one ignored label, and without match, does not count.
    pub max_ignored: f64,
    /// Leave out labels of unknown categories, instead of refusing them?
    pub skip_unknown: bool,
}

impl ScalabelTrackParams {
    /// Scalabel's thresholds for these categories.
    pub fn new(categories: Vec<Category>) -> Self {
        Self {
            categories,
            min_iou: 0.5,
            max_ignored: 0.5,
            skip_unknown: false,
        }
    }

    /// Are they usable?
    pub fn check(&self) -> Result<(), EvalError> {
        if !(0.0..=1.0).contains(&self.min_iou) {
            return bad("min_iou", "it must be in [0, 1]");
        }
        if !(0.0..=1.0).contains(&self.max_ignored) {
            return bad("max_ignored", "it must be in [0, 1]");
        }
        if leaf_categories(&self.categories).is_empty() {
            return bad("categories", "there must be some");
        }
        Ok(())
    }
}

/// The numbers of a category; ratios in percent, `None` where Scalabel divides by 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ScalabelScores {
    /// Accuracy.
    #[serde(rename = "MOTA")]
    pub mota: Option<f64>,
    /// Mean IoU of the matches.
    #[serde(rename = "MOTP")]
    pub motp: Option<f64>,
    /// Identity F1.
    #[serde(rename = "IDF1")]
    pub idf1: Option<f64>,
    /// False positives.
    #[serde(rename = "FP")]
    pub false_positives: u64,
    /// Misses.
    #[serde(rename = "FN")]
    pub misses: u64,
    /// Identity switches.
    #[serde(rename = "IDSw")]
    pub switches: u64,
    /// Mostly tracked.
    #[serde(rename = "MT")]
    pub mostly_tracked: u64,
    /// Partly tracked.
    #[serde(rename = "PT")]
    pub partly_tracked: u64,
    /// Mostly lost.
    #[serde(rename = "ML")]
    pub mostly_lost: u64,
    /// Fragmentations.
    #[serde(rename = "FM")]
    pub fragmentations: u64,
}

impl ScalabelScores {
    fn new(counts: &MotCounts) -> Self {
        Self {
            mota: counts.mota().map(|value| 100.0 * value),
            motp: counts.mean_distance().map(|distance| 100.0 * (1.0 - distance)),
            idf1: counts.idf1().map(|value| 100.0 * value),
            false_positives: counts.false_positives,
            misses: counts.misses,
            switches: counts.switches,
            mostly_tracked: counts.mostly_tracked,
            partly_tracked: counts.partly_tracked,
            mostly_lost: counts.mostly_lost,
            fragmentations: counts.fragmentations,
        }
    }

    /// Means over categories, where undefined is 0; counts are added up.
    fn average(parts: &[Self]) -> Self {
        let mean = |value: fn(&Self) -> Option<f64>| {
            Some(crate::mot::report::mean(
                parts.iter().map(|part| value(part).unwrap_or(0.0)),
            ))
        };
        let sum = |value: fn(&Self) -> u64| parts.iter().map(value).sum();
        Self {
            mota: mean(|p| p.mota),
            motp: mean(|p| p.motp),
            idf1: mean(|p| p.idf1),
            false_positives: sum(|p| p.false_positives),
            misses: sum(|p| p.misses),
            switches: sum(|p| p.switches),
            mostly_tracked: sum(|p| p.mostly_tracked),
            partly_tracked: sum(|p| p.partly_tracked),
            mostly_lost: sum(|p| p.mostly_lost),
            fragmentations: sum(|p| p.fragmentations),
        }
    }
}

/// The tracking report.
///
/// As JSON it is `{"summary": {"mMOTA", "mMOTP", "mIDF1", "MOTA", …}, "per_class": {NAME: {…}}}`, with `AVERAGE` and `OVERALL` last in
/// `per_class`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalabelTrackReport {
    /// Each category.
    pub categories: Vec<(String, ScalabelScores)>,
    /// Each super-category, if there are any.
    pub super_categories: Vec<(String, ScalabelScores)>,
    /// The mean over categories.
    pub average: ScalabelScores,
    /// Everything together.
    pub overall: ScalabelScores,
}

struct Summary<'a>(&'a ScalabelTrackReport);

impl serde::Serialize for Summary<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Fields {
            #[serde(rename = "mMOTA")]
            mota: Option<f64>,
            #[serde(rename = "mMOTP")]
            motp: Option<f64>,
            #[serde(rename = "mIDF1")]
            idf1: Option<f64>,
            #[serde(flatten)]
            overall: ScalabelScores,
        }
        let average = self.0.average;
        Fields {
            mota: average.mota,
            motp: average.motp,
            idf1: average.idf1,
            overall: self.0.overall,
        }
        .serialize(serializer)
    }
}

struct PerClass<'a>(&'a ScalabelTrackReport);

impl serde::Serialize for PerClass<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.0;
        let named = report.categories.iter().chain(&report.super_categories);
        let named = named.map(|(name, scores)| (name.as_str(), scores));
        serializer.collect_map(named.chain([("AVERAGE", &report.average), ("OVERALL", &report.overall)]))
    }
}

impl serde::Serialize for ScalabelTrackReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("summary", &Summary(self))?;
        map.serialize_entry("per_class", &PerClass(self))?;
        map.end()
    }
}

/// Evaluates predicted tracks. Videos without predictions count as empty, with a warning; a video with predictions must have every frame.
pub fn evaluate_track(
    labels: &[ScalabelFrame],
    predictions: &[ScalabelFrame],
    params: &ScalabelTrackParams,
    reporter: &dyn Reporter,
) -> Result<ScalabelTrackReport, EvalError> {
    params.check()?;
    let classes = leaf_categories(&params.categories);
    let labels = videos(labels, Side::GroundTruth)?;
    let predictions = videos(predictions, Side::Detections)?;
    if let Some(name) = predictions.keys().find(|name| !labels.contains_key(*name)) {
        return Err(EvalError::MissingSequence {
            side: Side::GroundTruth,
            name: format!("the video `{name}`"),
            problem: "there are predictions for it".to_owned(),
            next: "leave out predictions for videos that are not to be evaluated",
        });
    }
    let missing = labels.keys().filter(|name| !predictions.contains_key(*name)).count();
    note(
        reporter,
        "missing-video",
        "videos without predictions count as empty",
        missing as u64,
    );

    let counted: Result<Vec<VideoCounts>, EvalError> = labels
        .par_iter()
        .map(|(name, frames)| {
            let found = predictions.get(name).map(Vec::as_slice);
            Video::new(name, &classes, params).count(frames, found)
        })
        .collect();
    let counted = counted?;
    let skipped = counted.iter().map(|video| video.skipped).sum();
    note(
        reporter,
        "unknown-category",
        "labels of unknown categories are left out",
        skipped,
    );

    let of = |wanted: &dyn Fn(usize) -> bool| {
        let parts = counted.iter().flat_map(|video| video.classes.iter().enumerate());
        let parts = parts.filter(|(class, _)| wanted(*class)).map(|(_, counts)| counts);
        ScalabelScores::new(&MotCounts::sum(parts))
    };
    let scores: Vec<ScalabelScores> = (0..classes.len()).map(|class| of(&|c| c == class)).collect();
    let super_categories = super_categories(&params.categories)
        .into_iter()
        .map(|(name, below)| {
            let scores = of(&|class| below.contains(&classes[class]));
            (name, scores)
        })
        .collect();
    Ok(ScalabelTrackReport {
        average: ScalabelScores::average(&scores),
        overall: of(&|_| true),
        categories: classes.iter().cloned().zip(scores).collect(),
        super_categories,
    })
}

pub(super) fn note(reporter: &dyn Reporter, code: &str, message: &str, count: u64) {
    if count > 0 {
        reporter.warn(Warning {
            code: code.to_owned(),
            message: message.to_owned(),
            location: "Scalabel frames".to_owned(),
            count,
        });
    }
}

/// The frames of each video, by their index.
fn videos(frames: &[ScalabelFrame], side: Side) -> Result<BTreeMap<&str, Vec<&ScalabelFrame>>, EvalError> {
    let mut out: BTreeMap<&str, Vec<&ScalabelFrame>> = BTreeMap::new();
    for frame in frames {
        let Some(video) = &frame.video_name else {
            return Err(EvalError::Frame {
                problem: format!("{side}: there is no `videoName`"),
                place: format!("frame `{}`", frame.name),
                next: "give every frame the name of its video and its place there, `frameIndex`",
            });
        };
        out.entry(video).or_default().push(frame);
    }
    for frames in out.values_mut() {
        frames.sort_by_key(|frame| frame.frame_index.unwrap_or(0));
    }
    Ok(out)
}

/// The counts of each category in a video.
struct VideoCounts {
    classes: Vec<MotCounts>,
    skipped: u64,
}

/// One video under evaluation.
struct Video<'a> {
    name: &'a str,
    classes: &'a [String],
    params: &'a ScalabelTrackParams,
    accumulators: Vec<Accumulator>,
    /// Numbers for the ids of the file.
    label_ids: HashMap<&'a str, u64>,
    prediction_ids: HashMap<&'a str, u64>,
    distances: PairMatrix,
    kept: PairMatrix,
    assigner: Assigner,
    skipped: u64,
}

/// The boxes of one frame and category.
#[derive(Default)]
struct Objects {
    ids: Vec<u64>,
    boxes: Vec<[f64; 4]>,
}

impl<'a> Video<'a> {
    fn new(name: &'a str, classes: &'a [String], params: &'a ScalabelTrackParams) -> Self {
        Self {
            name,
            classes,
            params,
            accumulators: vec![Accumulator::default(); classes.len()],
            label_ids: HashMap::new(),
            prediction_ids: HashMap::new(),
            distances: PairMatrix::default(),
            kept: PairMatrix::default(),
            assigner: Assigner::default(),
            skipped: 0,
        }
    }

    fn count(
        mut self,
        labels: &[&'a ScalabelFrame],
        predictions: Option<&[&'a ScalabelFrame]>,
    ) -> Result<VideoCounts, EvalError> {
        if let Some(predictions) = predictions {
            let index = |frame: Option<&&ScalabelFrame>| frame.map(|frame| frame.frame_index);
            let longest = labels.len().max(predictions.len());
            let differs = (0..longest).find(|at| index(labels.get(*at)) != index(predictions.get(*at)));
            if let Some(at) = differs {
                let show = |frame: Option<&&ScalabelFrame>| match frame {
                    None => "none".to_owned(),
                    Some(frame) => match frame.frame_index {
                        None => "no `frameIndex`".to_owned(),
                        Some(index) => format!("`frameIndex` {index}"),
                    },
                };
                return Err(EvalError::MissingSequence {
                    side: Side::Detections,
                    name: format!("a frame of the video `{}`", self.name),
                    problem: format!(
                        "the frame in place {at} is {} in the ground truth, {} in the predictions",
                        show(labels.get(at)),
                        show(predictions.get(at))
                    ),
                    next: "give every frame of the video, with an empty list of labels where nothing was found",
                });
            }
        }
        for (at, frame) in labels.iter().enumerate() {
            let found = predictions.and_then(|predictions| predictions.get(at));
            self.push(frame, found.map_or(&[], |frame| frame.labels()))?;
        }
        let classes: Result<Vec<MotCounts>, EvalError> =
            self.accumulators.into_iter().map(Accumulator::finish).collect();
        Ok(VideoCounts {
            classes: classes?,
            skipped: self.skipped,
        })
    }

    fn push(&mut self, frame: &'a ScalabelFrame, predictions: &'a [ScalabelLabel]) -> Result<(), EvalError> {
        let mut ignored = Vec::new();
        let labels = self.sort_out(frame, frame.labels(), Side::GroundTruth, &mut ignored)?;
        let predictions = self.sort_out(frame, predictions, Side::Detections, &mut Vec::new())?;
        for (class, (labels, predictions)) in labels.iter().zip(&predictions).enumerate() {
            iou_distances(
                &labels.boxes,
                &predictions.boxes,
                1.0 - self.params.min_iou,
                &mut self.distances,
            );
            let mut counts = vec![true; predictions.ids.len()];
            if !ignored.is_empty() {
                let mut false_positive = vec![true; predictions.ids.len()];
                for (_, column) in self.assigner.most(&self.distances)? {
                    false_positive[*column] = false;
                }
                for (column, counts) in counts.iter_mut().enumerate() {
                    let own = predictions.boxes[column];
                    let covered = ignored
                        .iter()
                        .any(|region| share(own, *region) > self.params.max_ignored);
                    *counts = !(false_positive[column] && covered);
                }
            }
            let columns: Vec<usize> = (0..counts.len()).filter(|column| counts[*column]).collect();
            if labels.ids.is_empty() && columns.is_empty() {
                continue;
            }
            let distances = &self.distances;
            self.kept.fill_with(labels.ids.len(), columns.len(), |row, column| {
                distances.get(row, columns[column])
            });
            let ids: Vec<u64> = columns.iter().map(|column| predictions.ids[*column]).collect();
            let pushed = self.accumulators[class].push(DistanceView {
                labels: &labels.ids,
                predictions: &ids,
                distances: &self.kept,
            });
            if let Err(err) = pushed {
                return Err(match err {
                    EvalError::DuplicateTrack { side, id, .. } => EvalError::DuplicateTrack {
                        side,
                        id: self.original(side, &id),
                        place: format!("frame `{}` as `{}`", frame.name, self.classes[class]),
                    },
                    other => other,
                });
            }
        }
        Ok(())
    }

    /// The id in the file of a track's number.
    fn original(&self, side: Side, number: &str) -> String {
        let ids = match side {
            Side::GroundTruth => &self.label_ids,
            Side::Detections => &self.prediction_ids,
        };
        let found = ids.iter().find(|(_, known)| known.to_string() == number);
        found.map_or(number, |(id, _)| id).to_owned()
    }

    /// Boxes by category; those that are ignored apart.
    fn sort_out(
        &mut self,
        frame: &ScalabelFrame,
        labels: &'a [ScalabelLabel],
        side: Side,
        ignored: &mut Vec<[f64; 4]>,
    ) -> Result<Vec<Objects>, EvalError> {
        let mut out: Vec<Objects> = self.classes.iter().map(|_| Objects::default()).collect();
        for label in labels {
            let Some(numbers) = label.box2d else {
                continue;
            };
            let category = label.category.as_deref();
            let Some(class) = self.classes.iter().position(|class| Some(class.as_str()) == category) else {
                if self.params.skip_unknown {
                    self.skipped += 1;
                    continue;
                }
                return Err(EvalError::Frame {
                    problem: format!(
                        "{side}: `{}` of label `{}` is none of the categories {}",
                        category.unwrap_or("null"),
                        label.id,
                        self.classes.join(", ")
                    ),
                    place: format!("frame `{}`", frame.name),
                    next: "correct the category, or set `skip_unknown`",
                });
            };
            if label.is_ignored() {
                ignored.push(numbers.xywh());
                continue;
            }
            let ids = match side {
                Side::GroundTruth => &mut self.label_ids,
                Side::Detections => &mut self.prediction_ids,
            };
            let next = ids.len() as u64;
            out[class].ids.push(*ids.entry(&label.id).or_insert(next));
            out[class].boxes.push(numbers.xywh());
        }
        Ok(out)
    }
}

/// The fraction of a box's area inside a region.
fn share(own: [f64; 4], region: [f64; 4]) -> f64 {
    let width = (own[0] + own[2]).min(region[0] + region[2]) - own[0].max(region[0]);
    let height = (own[1] + own[3]).min(region[1] + region[3]) - own[1].max(region[1]);
    let area = own[2] * own[3];
    if area == 0.0 {
        0.0
    } else {
        width.max(0.0) * height.max(0.0) / area
    }
}
