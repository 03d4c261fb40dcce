//! Box detection, by means of [`coco`](crate::coco).

use std::collections::{BTreeMap, HashMap, HashSet};

use guideway_core::Reporter;
use serde::ser::SerializeMap as _;

use super::read::ScalabelFrame;
use super::track::note;
use super::{Category, leaf_categories};
use crate::coco::{Accumulated, CocoParams, Detections, GroundTruth, IouType, match_detections};
use crate::error::EvalError;

/// The detection report; ratios in percent, `None` where there is nothing to measure them on.
///
/// As JSON it is `{"summary": {"AP": …, "AP/CATEGORY": …}, "per_class": {NAME: {"AP": …}}}`, with `OVERALL` last in `per_class`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalabelDetReport {
    /// `AP`, `AP50`, `AP75`, `APs`, …: the names of the numbers.
    pub metrics: Vec<String>,
    /// The numbers of each category.
    pub categories: Vec<(String, Vec<Option<f64>>)>,
    /// The numbers of all categories.
    pub overall: Vec<Option<f64>>,
}

struct Numbers<'a>(&'a [String], &'a [Option<f64>]);

impl serde::Serialize for Numbers<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().zip(self.1))
    }
}

impl serde::Serialize for ScalabelDetReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut summary: Vec<(String, Option<f64>)> =
            self.metrics.iter().cloned().zip(self.overall.iter().copied()).collect();
        for (name, numbers) in &self.categories {
            summary.push((format!("AP/{name}"), numbers.first().copied().flatten()));
        }
        let mut names: Vec<&str> = self.categories.iter().map(|(name, _)| name.as_str()).collect();
        names.push("OVERALL");
        let mut rows: Vec<Numbers<'_>> = Vec::new();
        rows.extend(
            self.categories
                .iter()
                .map(|(_, numbers)| Numbers(&self.metrics, numbers)),
        );
        rows.push(Numbers(&self.metrics, &self.overall));
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("summary", &summary.into_iter().collect::<Ordered<_>>())?;
        map.serialize_entry("per_class", &names.into_iter().zip(rows).collect::<Ordered<_>>())?;
        map.end()
    }
}

/// A map in the order of its entries.
struct Ordered<T>(Vec<T>);

impl<T> FromIterator<T> for Ordered<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl<K: serde::Serialize, V: serde::Serialize> serde::Serialize for Ordered<(K, V)> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// Evaluates detections in the frames of the ground truth. Labels that are crowds or ignored are crowds to COCO.
///
/// Boxes of unknown categories and predictions for unknown frames are left out, frames without predictions have none; all three are counted in
/// warnings.
pub fn evaluate_det(
    labels: &[ScalabelFrame],
    predictions: &[ScalabelFrame],
    categories: &[Category],
    params: &CocoParams,
    reporter: &dyn Reporter,
) -> Result<ScalabelDetReport, EvalError> {
    params.validate()?;
    let names = leaf_categories(categories);
    let class_of: BTreeMap<&str, u32> = (0_u32..)
        .zip(&names)
        .map(|(class, name)| (name.as_str(), class))
        .collect();
    let mut frames: Vec<&ScalabelFrame> = labels.iter().collect();
    frames.sort_by(|a, b| a.name.cmp(&b.name));

    let mut unknown = 0;
    let mut truth = GroundTruth::new(frames.len() as u32, names.len() as u32);
    for (image, frame) in (0_u32..).zip(&frames) {
        for label in frame.labels() {
            let Some(numbers) = label.box2d else {
                continue;
            };
            let class = label.category.as_deref().and_then(|name| class_of.get(name));
            let Some(class) = class else {
                unknown += 1;
                continue;
            };
            truth.push(image, *class, numbers.xywh());
            if let Some(crowd) = truth.crowd.last_mut() {
                *crowd = label.is_ignored();
            }
        }
    }

    let found = Found::new(&frames, predictions);
    let mut detections = Detections::default();
    let mut missing = 0;
    for (image, frame) in (0_u32..).zip(&frames) {
        let Some((place, frame)) = found.of(frame) else {
            missing += 1;
            continue;
        };
        for (row, label) in frame.labels().iter().enumerate() {
            let Some(numbers) = label.box2d else {
                continue;
            };
            let class = label.category.as_deref().and_then(|name| class_of.get(name));
            let Some(class) = class else {
                unknown += 1;
                continue;
            };
            let Some(score) = label.score else {
                return Err(EvalError::Frame {
                    problem: format!("detections: label {row} (`{}`) has no score", label.id),
                    place: format!("frames[{place}] (`{}`)", frame.name),
                    next: "give every prediction a score",
                });
            };
            detections.push(image, *class, numbers.xywh(), score);
        }
    }
    note(
        reporter,
        "unknown-category",
        "boxes of unknown categories are left out",
        unknown,
    );
    note(
        reporter,
        "missing-frame",
        "frames without predictions have none",
        missing,
    );
    note(
        reporter,
        "unknown-frame",
        "predictions for frames that the ground truth does not have are left out",
        found.unused,
    );

    let metrics = metric_names(params);
    if detections.is_empty() {
        // Scalabel's own rule, which differs from COCO's for categories with crowds alone
        let zero = |any: bool| vec![any.then_some(0.0); metrics.len()];
        let present: HashSet<u32> = truth.class.iter().copied().collect();
        let rows = (0_u32..)
            .zip(names)
            .map(|(class, name)| (name, zero(present.contains(&class))));
        return Ok(ScalabelDetReport {
            categories: rows.collect(),
            overall: zero(!present.is_empty()),
            metrics,
        });
    }
    let accumulated = match_detections(&truth, &detections, IouType::Bbox, params)?.accumulate(None)?;
    let rows = names.into_iter().enumerate();
    Ok(ScalabelDetReport {
        categories: rows
            .map(|(class, name)| (name, numbers(params, &accumulated, Some(class))))
            .collect(),
        overall: numbers(params, &accumulated, None),
        metrics,
    })
}

/// The frames with predictions by name, or by video and name where names alone are ambiguous.
struct Found<'a> {
    by_name: HashMap<(&'a str, &'a str), (usize, &'a ScalabelFrame)>,
    with_video: bool,
    unused: u64,
}

impl<'a> Found<'a> {
    fn new(labels: &[&'a ScalabelFrame], predictions: &'a [ScalabelFrame]) -> Self {
        let names: HashSet<&str> = predictions.iter().map(|frame| frame.name.as_str()).collect();
        let named = |frame: &ScalabelFrame| frame.video_name.as_ref().is_some_and(|video| !video.is_empty());
        let with_video = names.len() != predictions.len()
            && predictions.iter().all(named)
            && labels.iter().all(|frame| named(frame));
        let mut out = Self {
            by_name: HashMap::with_capacity(predictions.len()),
            with_video,
            unused: 0,
        };
        for (place, frame) in predictions.iter().enumerate() {
            out.by_name.insert(out.key(frame), (place, frame));
        }
        let known: HashSet<(&str, &str)> = labels.iter().map(|frame| out.key(frame)).collect();
        out.unused = predictions
            .iter()
            .filter(|frame| !known.contains(&out.key(frame)))
            .count() as u64;
        out
    }

    fn key(&self, frame: &'a ScalabelFrame) -> (&'a str, &'a str) {
        let video = frame.video_name.as_deref().filter(|_| self.with_video);
        (video.unwrap_or(""), &frame.name)
    }

    fn of(&self, label: &'a ScalabelFrame) -> Option<(usize, &'a ScalabelFrame)> {
        self.by_name.get(&self.key(label)).copied()
    }
}

const NAMED: [(&str, f64); 2] = [("AP50", 0.5), ("AP75", 0.75)];

fn metric_names(params: &CocoParams) -> Vec<String> {
    let mut names = vec!["AP".to_owned()];
    let fixed = NAMED.iter().filter(|(_, iou)| params.threshold_index(*iou).is_some());
    names.extend(fixed.map(|(name, _)| (*name).to_owned()));
    let short = |area: &crate::coco::AreaRange| area.label.chars().take(1).collect::<String>();
    names.extend(params.areas.iter().skip(1).map(|area| format!("AP{}", short(area))));
    names.extend(params.max_dets.iter().map(|most| format!("AR{most}")));
    names.extend(params.areas.iter().skip(1).map(|area| format!("AR{}", short(area))));
    names
}

fn numbers(params: &CocoParams, accumulated: &Accumulated, class: Option<usize>) -> Vec<Option<f64>> {
    let mut out = vec![accumulated.ap(class, 0, None)];
    let fixed = NAMED.iter().filter_map(|(_, iou)| params.threshold_index(*iou));
    out.extend(fixed.map(|threshold| accumulated.ap(class, 0, Some(threshold))));
    out.extend((1..params.areas.len()).map(|area| accumulated.ap(class, area, None)));
    out.extend((0..params.max_dets.len()).map(|most| accumulated.ar(class, 0, most)));
    let last = params.max_dets.len().saturating_sub(1);
    out.extend((1..params.areas.len()).map(|area| accumulated.ar(class, area, last)));
    out.into_iter().map(|value| value.map(|value| 100.0 * value)).collect()
}
