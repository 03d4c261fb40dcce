//! The numbers that people read.

use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;

use super::accumulate::{Accumulated, OperatingPoint};
use super::matching::Matches;
use super::params::{CocoParams, IouType};
use crate::error::EvalError;

/// A named number; `None` where there is nothing to measure it on.
#[derive(Debug, Clone, PartialEq)]
pub struct Stat {
    /// Name: `AP`, `AP50`, `APsmall`, `AR100`, ….
    pub name: String,
    /// Value, 0 to 1.
    pub value: Option<f64>,
}

/// The summary of an evaluation: the twelve numbers of COCO for COCO's parameters, and their like for others.
///
/// In this order: `AP`, `AP50` and `AP75` (if those thresholds are evaluated), AP of each area range but the first, `AR` at each
/// number of detections, AR of each area range but the first.
pub fn summarize(params: &CocoParams, accumulated: &Accumulated) -> Vec<Stat> {
    stats(params, accumulated, None, false)
}

/// The summary of one class (its place in [`Matches::per_class`]) with COCO's short names: `AP`, `AP50`, `AP75`, `APs`, `APm`, `APl`
/// (the first letter of the area range), and `AR` at the largest number of detections.
pub fn summarize_class(params: &CocoParams, accumulated: &Accumulated, class: usize) -> Vec<Stat> {
    stats(params, accumulated, Some(class), true)
}

fn stats(params: &CocoParams, acc: &Accumulated, class: Option<usize>, short: bool) -> Vec<Stat> {
    let mut out = Vec::new();
    let mut put = |name: String, value| out.push(Stat { name, value });
    put("AP".to_owned(), acc.ap(class, 0, None));
    for (name, iou) in [("AP50", 0.5), ("AP75", 0.75)] {
        if let Some(t) = params.threshold_index(iou) {
            put(name.to_owned(), acc.ap(class, 0, Some(t)));
        }
    }
    let last = params.max_dets.len().saturating_sub(1);
    let label = |area: usize| {
        let label = params.areas[area].label.as_str();
        if short {
            label.chars().take(1).collect()
        } else {
            label.to_owned()
        }
    };
    for area in 1..params.areas.len() {
        put(format!("AP{}", label(area)), acc.ap(class, area, None));
    }
    for (m, max_det) in params.max_dets.iter().enumerate() {
        if !short || m == last {
            put(format!("AR{max_det}"), acc.ar(class, 0, m));
        }
    }
    if !short {
        for area in 1..params.areas.len() {
            put(format!("AR{}", label(area)), acc.ar(class, area, last));
        }
    }
    out
}

/// One line of the per-class table.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ClassRow {
    /// Class index.
    pub class: u32,
    /// Average precision over the IoU thresholds.
    pub ap: Option<f64>,
    /// Average precision at IoU 0.5.
    pub ap50: Option<f64>,
    /// Average precision at IoU 0.75.
    pub ap75: Option<f64>,
    /// Average recall with the largest number of detections per image.
    pub ar: Option<f64>,
    /// Labels that count.
    pub support: u64,
    /// Detections considered.
    pub detections: u64,
    /// The score threshold with the best F1 at the lowest IoU threshold.
    pub best: Option<OperatingPoint>,
}

/// The per-class table, by class index. Classes without labels are in it, with `None` for what is undefined.
pub fn class_table(matches: &Matches, accumulated: &Accumulated) -> Result<Vec<ClassRow>, EvalError> {
    let params = &matches.params;
    let mut best: BTreeMap<u32, OperatingPoint> = BTreeMap::new();
    for curve in matches.curves(params.threshold_index(0.5).unwrap_or(0), 0, None)? {
        if let Some(point) = curve.best {
            best.insert(curve.class, point);
        }
    }
    let at = |place, iou| {
        let t = params.threshold_index(iou)?;
        accumulated.ap(Some(place), 0, Some(t))
    };
    Ok(matches
        .per_class
        .iter()
        .enumerate()
        .map(|(place, class)| ClassRow {
            class: class.class,
            ap: accumulated.ap(Some(place), 0, None),
            ap50: at(place, 0.5),
            ap75: at(place, 0.75),
            ar: accumulated.ar(Some(place), 0, params.max_dets.len().saturating_sub(1)),
            support: accumulated.support(Some(place), 0),
            detections: class.detection.len() as u64,
            best: best.get(&class.class).copied(),
        })
        .collect())
}

/// The evaluation of a results file against a ground-truth file.
///
/// As JSON it is `{"iou_type", "stats": {"AP": …}, "per_category": {"<id>": {"AP": …}}, "n_images", "n_gt", "n_crowd", "n_dt"}`; what is
/// undefined is -1 there, as pycocotools has it.
#[derive(Debug, Clone, PartialEq)]
pub struct CocoReport {
    /// Boxes or masks.
    pub iou_type: IouType,
    /// The summary.
    pub stats: Vec<Stat>,
    /// The summary of each category of the ground truth, by ascending id.
    pub per_category: Vec<CategoryReport>,
    /// Images of the ground truth.
    pub images: u64,
    /// Its annotations, crowds included.
    pub labels: u64,
    /// Its crowds.
    pub crowds: u64,
    /// Results.
    pub detections: u64,
}

/// One category of a [`CocoReport`].
#[derive(Debug, Clone, PartialEq)]
pub struct CategoryReport {
    /// Category id, as text.
    pub id: String,
    /// Category name.
    pub name: String,
    /// Labels that count.
    pub support: u64,
    /// `AP`, `AP50`, `AP75`, `APs`, `APm`, `APl`, `AR100`.
    pub stats: Vec<Stat>,
}

impl CocoReport {
    /// A number of the summary by its name.
    pub fn stat(&self, name: &str) -> Option<f64> {
        self.stats.iter().find(|stat| stat.name == name)?.value
    }
}

/// What JSON shows for an undefined number.
const UNDEFINED: f64 = -1.0;

struct Stats<'a>(&'a [Stat]);

impl serde::Serialize for Stats<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|stat| (&stat.name, stat.value.unwrap_or(UNDEFINED))))
    }
}

struct Categories<'a>(&'a [CategoryReport]);

impl serde::Serialize for Categories<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|category| (&category.id, Stats(&category.stats))))
    }
}

impl serde::Serialize for CocoReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(7))?;
        map.serialize_entry("iou_type", &self.iou_type)?;
        map.serialize_entry("stats", &Stats(&self.stats))?;
        map.serialize_entry("per_category", &Categories(&self.per_category))?;
        map.serialize_entry("n_images", &self.images)?;
        map.serialize_entry("n_gt", &self.labels)?;
        map.serialize_entry("n_crowd", &self.crowds)?;
        map.serialize_entry("n_dt", &self.detections)?;
        map.end()
    }
}
