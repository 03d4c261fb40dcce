//! Curves, averages, and the report as people and JSON have it.

use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;

use super::matching::Tally;
use super::overlap::KINDS;
use super::params::{KittiParams, MinOverlap};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Metric {
    /// Precision of boxes in the image.
    #[serde(rename = "2d")]
    Image,
    /// Orientation similarity of boxes in the image.
    #[serde(rename = "aos")]
    Orientation,
    /// Precision of rectangles on the ground.
    #[serde(rename = "bev")]
    Ground,
    /// Precision of boxes in space.
    #[serde(rename = "3d")]
    Volume,
}

impl Metric {
    /// Every metric, in the order of the report.
    pub const ALL: [Self; 4] = [Self::Image, Self::Orientation, Self::Ground, Self::Volume];

    /// Those with an overlap of their own, by the number of the kind of overlap.
    pub(super) const KINDS: [Self; KINDS] = [Self::Image, Self::Ground, Self::Volume];

    /// KITTI's name of it: `2d`, `aos`, `bev` or `3d`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "2d",
            Self::Orientation => "aos",
            Self::Ground => "bev",
            Self::Volume => "3d",
        }
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// One class, metric and level.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelReport {
    /// Name of the level.
    pub level: String,
    /// Labels that count. Where there are none, all numbers are 0.
    pub positives: u64,
    /// Scores at which the samples were taken, descending; fewer than samples where the detector's recall ends.
    pub thresholds: Vec<f64>,
    /// True positives at each threshold.
    pub true_positives: Vec<u64>,
    /// False positives at each threshold.
    pub false_positives: Vec<u64>,
    /// Labels that count and were missed, at each threshold.
    pub misses: Vec<u64>,
    /// Precision (orientation similarity for AOS) at each sample of recall, 0 to 1, never rising; 0 beyond the last threshold. NaN at a threshold
    /// where every detection was left out of the count.
    pub precision: Vec<f64>,
    /// Each [`super::Average`] of the parameters: its name and value in percent, NaN where one of its samples is.
    pub averages: Vec<(String, f64)>,
}

/// One class and metric.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricReport {
    /// Metric.
    pub metric: Metric,
    /// By level, in the order of the parameters.
    pub levels: Vec<LevelReport>,
}

/// One class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassReport {
    /// Name, as the parameters have it.
    pub name: String,
    /// The overlaps it was evaluated at.
    pub min_overlap: MinOverlap,
    /// What could be evaluated: empty if the class was never detected.
    pub metrics: Vec<MetricReport>,
}

/// The result of an evaluation.
///
/// As JSON it is `{"frames", "gt_objects": {"Car": …}, "detections", "min_overlap": {"car": 0.7}, "results": {"car": {"2d": {"easy":
/// {"AP_R11", "AP_R40", "precision_41", "n_gt"}}}}}`. Names follow the parameters (the number in `precision_41` is that of the samples); `aos`
/// has its similarities as `precision_41`. Classes and metrics that could not be evaluated are not in `results`. A minimum overlap is an object
/// with `image`, `ground` and `volume` where they differ. What is NaN here is null there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KittiReport {
    /// Frames.
    pub frames: u64,
    /// Labels by class, as the data spell it.
    pub labels: BTreeMap<String, u64>,
    /// Detections of all classes.
    pub detections: u64,
    /// By class, in the order of the parameters.
    pub classes: Vec<ClassReport>,
}

impl KittiReport {
    /// The report of a class (by its name in the parameters), metric and level; `None` if it could not be evaluated.
    pub fn level(&self, class: &str, metric: Metric, level: &str) -> Option<&LevelReport> {
        let class = self.classes.iter().find(|c| c.name.eq_ignore_ascii_case(class))?;
        let metric = class.metrics.iter().find(|m| m.metric == metric)?;
        metric.levels.iter().find(|l| l.level == level)
    }

    /// An average by its name, in percent: `report.average("car", Metric::Volume, "moderate", "AP_R40")`.
    pub fn average(&self, class: &str, metric: Metric, level: &str, name: &str) -> Option<f64> {
        let averages = &self.level(class, metric, level)?.averages;
        Some(averages.iter().find(|(own, _)| own == name)?.1)
    }
}

/// Curve and averages from the counts at the thresholds, of which there are at most as many as samples.
pub(super) fn curve_report(
    level: &str,
    positives: u64,
    thresholds: &[f64],
    tallies: &[Tally],
    over: fn(&Tally) -> f64,
    params: &KittiParams,
) -> LevelReport {
    let mut precision: Vec<f64> = tallies
        .iter()
        .map(|tally| over(tally) / (tally.tp + tally.fp) as f64)
        .collect();
    let mut most = 0.0_f64;
    for value in precision.iter_mut().rev() {
        // `max` passes over NaN, as the kit's search for a maximum does, except where it begins there
        most = most.max(*value);
        if !value.is_nan() {
            *value = most;
        }
    }
    precision.resize(params.recall_samples as usize, 0.0);
    let averages = params
        .averages
        .iter()
        .map(|average| {
            let samples = || {
                precision
                    .iter()
                    .skip(average.first as usize)
                    .step_by(average.step as usize)
            };
            let mean = samples().sum::<f64>() / samples().count() as f64;
            (average.name.clone(), mean * 100.0)
        })
        .collect();
    LevelReport {
        level: level.to_owned(),
        positives,
        thresholds: thresholds.to_vec(),
        true_positives: tallies.iter().map(|tally| tally.tp).collect(),
        false_positives: tallies.iter().map(|tally| tally.fp).collect(),
        misses: tallies.iter().map(|tally| tally.missed).collect(),
        precision,
        averages,
    }
}

impl serde::Serialize for LevelReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.averages {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(&format!("precision_{}", self.precision.len()), &self.precision)?;
        map.serialize_entry("n_gt", &self.positives)?;
        map.end()
    }
}

impl serde::Serialize for MetricReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.levels.iter().map(|level| (&level.level, level)))
    }
}

impl serde::Serialize for ClassReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.metrics.iter().map(|metric| (metric.metric.name(), metric)))
    }
}

/// One number where the three are equal.
struct Overlap(MinOverlap);

impl serde::Serialize for Overlap {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == MinOverlap::all(self.0.image) {
            serializer.serialize_f64(self.0.image)
        } else {
            self.0.serialize(serializer)
        }
    }
}

/// `min_overlap` and `results`, which are keyed by class.
struct Overlaps<'a>(&'a [ClassReport]);

impl serde::Serialize for Overlaps<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|class| (&class.name, Overlap(class.min_overlap))))
    }
}

struct Results<'a>(&'a [ClassReport]);

impl serde::Serialize for Results<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let evaluated = self.0.iter().filter(|class| !class.metrics.is_empty());
        serializer.collect_map(evaluated.map(|class| (&class.name, class)))
    }
}

impl serde::Serialize for KittiReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("frames", &self.frames)?;
        map.serialize_entry("gt_objects", &self.labels)?;
        map.serialize_entry("detections", &self.detections)?;
        map.serialize_entry("min_overlap", &Overlaps(&self.classes))?;
        map.serialize_entry("results", &Results(&self.classes))?;
        map.end()
    }
}
