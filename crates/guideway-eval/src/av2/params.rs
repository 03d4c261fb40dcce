//! What is evaluated, as data.

use super::roi::RoiParams;
use crate::error::EvalError;

/// The parameters of an evaluation; the default is that of av2's `DetectionCfg`, with the categories of the sensor challenge.
///
/// ```
/// use guideway_eval::av2::Av2Params;
/// let near: Av2Params = serde_json::from_str(r#"{"max_range_m": 50, "eval_only_roi_instances": false}"#)?;
/// assert_eq!(near.categories.len(), 26);
/// near.validate()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Av2Params {
    /// The categories that are reported, in the order of their class indices. The columns may have more classes after them, which are matched, but
    /// not reported.
    pub categories: Vec<String>,
    /// Distances below which a match counts, ascending, m.
    pub affinity_thresholds_m: Vec<f64>,
    /// Distance below which errors are measured, and the error of translation where there are none, m.
    pub tp_threshold_m: f64,
    /// Distance from the ego vehicle below which boxes count, m.
    pub max_range_m: f64,
    /// Most detections per sweep and category.
    pub max_num_dts_per_category: u32,
    /// Recalls at which precision is read, evenly from 0 to 1.
    pub num_recall_samples: u32,
    /// Evaluate boxes in the region of interest alone? What reads files asks this; the columns do not know maps.
    pub eval_only_roi_instances: bool,
    /// How the region of interest is made of a map.
    pub roi: RoiParams,
}

impl Default for Av2Params {
    fn default() -> Self {
        Self {
            categories: [
                "ARTICULATED_BUS",
                "BICYCLE",
                "BICYCLIST",
                "BOLLARD",
                "BOX_TRUCK",
                "BUS",
                "CONSTRUCTION_BARREL",
                "CONSTRUCTION_CONE",
                "DOG",
                "LARGE_VEHICLE",
                "MESSAGE_BOARD_TRAILER",
                "MOBILE_PEDESTRIAN_CROSSING_SIGN",
                "MOTORCYCLE",
                "MOTORCYCLIST",
                "PEDESTRIAN",
                "REGULAR_VEHICLE",
                "SCHOOL_BUS",
                "SIGN",
                "STOP_SIGN",
                "STROLLER",
                "TRUCK",
                "TRUCK_CAB",
                "VEHICULAR_TRAILER",
                "WHEELCHAIR",
                "WHEELED_DEVICE",
                "WHEELED_RIDER",
            ]
            .map(str::to_owned)
            .to_vec(),
            affinity_thresholds_m: vec![0.5, 1.0, 2.0, 4.0],
            tp_threshold_m: 2.0,
            max_range_m: 150.0,
            max_num_dts_per_category: 100,
            num_recall_samples: 101,
            eval_only_roi_instances: true,
            roi: RoiParams::default(),
        }
    }
}

impl Av2Params {
    /// Place of the threshold whose matches the errors are averaged over: the middle one.
    pub(super) fn middle_threshold(&self) -> usize {
        self.affinity_thresholds_m.len() / 2
    }

    /// Errors are measured only where their threshold is one of those of AP.
    pub(super) fn has_tp_threshold(&self) -> bool {
        let tp = self.tp_threshold_m.to_bits();
        self.affinity_thresholds_m.iter().any(|t| t.to_bits() == tp)
    }

    /// Are they usable?
    ///
    /// # Errors
    /// The first parameter that is not.
    pub fn validate(&self) -> Result<(), EvalError> {
        let bad = |parameter, problem: &str| {
            Err(EvalError::Parameter {
                parameter,
                problem: problem.to_owned(),
            })
        };
        if self.categories.is_empty() {
            return bad("categories", "there must be at least one");
        }
        let mut names: Vec<&String> = self.categories.iter().collect();
        names.sort();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return bad("categories", "one is named twice");
        }
        let t = &self.affinity_thresholds_m;
        if t.is_empty() || t.len() > 64 || !t.iter().all(|t| t.is_finite() && *t > 0.0) || !t.is_sorted() {
            return bad(
                "affinity_thresholds_m",
                "there must be 1 to 64 of them, ascending and above 0",
            );
        }
        if !(self.tp_threshold_m.is_finite() && self.tp_threshold_m > 0.0) {
            return bad("tp_threshold_m", "it must be above 0");
        }
        if self.max_range_m.is_nan() {
            return bad("max_range_m", "it must be a number");
        }
        if !(2..=100_001).contains(&self.num_recall_samples) {
            return bad("num_recall_samples", "there must be 2 to 100001 of them");
        }
        self.roi.validate()
    }
}
