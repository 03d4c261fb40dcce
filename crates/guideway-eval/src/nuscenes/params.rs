//! What is evaluated, as data.

use std::f64::consts::PI;

use crate::error::EvalError;
use crate::objects3d::Named;

/// How the distance between a label and a detection is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DistanceFunction {
    /// Between the centres, seen from above.
    #[default]
    CenterDistance,
}

/// An error of true positives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum TpMetric {
    /// Translation: distance of the centres seen from above, m.
    #[serde(rename = "trans_err")]
    Translation,
    /// Scale: 1 − IoU of the boxes laid on one another.
    #[serde(rename = "scale_err")]
    Scale,
    /// Orientation: angle between the headings, rad.
    #[serde(rename = "orient_err")]
    Orientation,
    /// Velocity: length of the difference seen from above, m/s.
    #[serde(rename = "vel_err")]
    Velocity,
    /// Attribute: 0 or 1.
    #[serde(rename = "attr_err")]
    Attribute,
}

impl TpMetric {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Translation,
        Self::Scale,
        Self::Orientation,
        Self::Velocity,
        Self::Attribute,
    ];

    /// The name that it has in reports: `trans_err`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Translation => "trans_err",
            Self::Scale => "scale_err",
            Self::Orientation => "orient_err",
            Self::Velocity => "vel_err",
            Self::Attribute => "attr_err",
        }
    }
}

/// The parameters of an evaluation; the default is `detection_cvpr_2019` of nuscenes-devkit.
///
/// As JSON, the first fields are those of the devkit's configuration files, which can be read as they are; the others hold what the devkit
/// has in its code.
///
/// ```
/// use guideway_eval::nuscenes::NuScenesParams;
/// let own: NuScenesParams = serde_json::from_str(r#"{"class_range": {"car": 80, "pedestrian": 50}, "dist_ths": [1.0, 2.0]}"#)?;
/// assert_eq!(own.class_range.get("car"), Some(&80.0));
/// assert_eq!(own.min_recall, 0.1);
/// own.validate()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct NuScenesParams {
    /// The classes, in the order of their indices, and the range of each: the distance from the ego vehicle, seen from above, below which
    /// boxes count, m.
    pub class_range: Named<f64>,
    /// How distances are measured.
    pub dist_fcn: DistanceFunction,
    /// Distances below which a detection matches a label, ascending, m.
    pub dist_ths: Vec<f64>,
    /// The one of them at which errors are measured, m.
    pub dist_th_tp: f64,
    /// Recall up to which nothing counts, 0 to 1.
    pub min_recall: f64,
    /// Precision below which nothing counts, from 0 to below 1.
    pub min_precision: f64,
    /// Most detections per frame; a submission with more is refused.
    pub max_boxes_per_sample: u32,
    /// Weight of mAP in NDS; each error has the weight 1.
    pub mean_ap_weight: f64,
    /// Recalls at which curves are read, evenly from 0 to 1.
    pub recall_points: u32,
    /// Errors that are not defined for a class.
    pub undefined_errors: Named<Vec<TpMetric>>,
    /// Angle after which a class looks the same, rad; 2π where not named.
    pub orientation_period: Named<f64>,
    /// Category of annotations around which cycles are left out.
    pub rack_category: String,
    /// Classes that are left out there.
    pub rack_classes: Vec<String>,
    /// Class of each category of annotations. Categories without a class are not evaluated.
    pub category_mapping: Named<String>,
    /// Attributes, in the order of their indices.
    pub attributes: Vec<String>,
    /// Longest time between neighbouring annotations from which a label's velocity is made, s; doubled between the ones before and after.
    pub velocity_max_gap_s: f64,
    /// Sensor whose pose is the ego vehicle's position in a frame.
    pub ego_channel: String,
}

impl Default for NuScenesParams {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            class_range: [
                ("car", 50.0),
                ("truck", 50.0),
                ("bus", 50.0),
                ("trailer", 50.0),
                ("construction_vehicle", 50.0),
                ("pedestrian", 40.0),
                ("motorcycle", 40.0),
                ("bicycle", 40.0),
                ("traffic_cone", 30.0),
                ("barrier", 30.0),
            ]
            .into_iter()
            .collect(),
            dist_fcn: DistanceFunction::CenterDistance,
            dist_ths: vec![0.5, 1.0, 2.0, 4.0],
            dist_th_tp: 2.0,
            min_recall: 0.1,
            min_precision: 0.1,
            max_boxes_per_sample: 500,
            mean_ap_weight: 5.0,
            recall_points: 101,
            undefined_errors: [
                (
                    "traffic_cone",
                    vec![TpMetric::Attribute, TpMetric::Velocity, TpMetric::Orientation],
                ),
                ("barrier", vec![TpMetric::Attribute, TpMetric::Velocity]),
            ]
            .into_iter()
            .collect(),
            orientation_period: [("barrier", PI)].into_iter().collect(),
            rack_category: "static_object.bicycle_rack".to_owned(),
            rack_classes: owned(&["bicycle", "motorcycle"]),
            category_mapping: [
                ("movable_object.barrier", "barrier"),
                ("vehicle.bicycle", "bicycle"),
                ("vehicle.bus.bendy", "bus"),
                ("vehicle.bus.rigid", "bus"),
                ("vehicle.car", "car"),
                ("vehicle.construction", "construction_vehicle"),
                ("vehicle.motorcycle", "motorcycle"),
                ("human.pedestrian.adult", "pedestrian"),
                ("human.pedestrian.child", "pedestrian"),
                ("human.pedestrian.construction_worker", "pedestrian"),
                ("human.pedestrian.police_officer", "pedestrian"),
                ("movable_object.trafficcone", "traffic_cone"),
                ("vehicle.trailer", "trailer"),
                ("vehicle.truck", "truck"),
            ]
            .into_iter()
            .map(|(category, class)| (category, class.to_owned()))
            .collect(),
            attributes: owned(&[
                "pedestrian.moving",
                "pedestrian.sitting_lying_down",
                "pedestrian.standing",
                "cycle.with_rider",
                "cycle.without_rider",
                "vehicle.moving",
                "vehicle.parked",
                "vehicle.stopped",
            ]),
            velocity_max_gap_s: 1.5,
            ego_channel: "LIDAR_TOP".to_owned(),
        }
    }
}

impl NuScenesParams {
    /// Number of classes.
    pub fn classes(&self) -> u32 {
        self.class_range.len() as u32
    }

    /// Index of a class.
    pub fn class_index(&self, name: &str) -> Option<u32> {
        self.class_range
            .names()
            .zip(0..)
            .find(|(known, _)| *known == name)
            .map(|(_, index)| index)
    }

    /// Is this a class of the parameters, or one that a category is mapped to?
    pub(super) fn knows_class(&self, name: &str) -> bool {
        self.class_range.get(name).is_some() || self.category_mapping.values().any(|class| class == name)
    }

    /// Place of the threshold for errors; [`validate`](Self::validate) sees to it that there is one.
    pub(super) fn tp_threshold(&self) -> usize {
        self.dist_ths
            .iter()
            .position(|t| t.to_bits() == self.dist_th_tp.to_bits())
            .unwrap_or(0)
    }

    /// First place of the recalls that count.
    pub(super) fn first_recall(&self) -> usize {
        let last = f64::from(self.recall_points.saturating_sub(1));
        // 0 to 1 times a u32
        (last * self.min_recall).round_ties_even() as usize + 1
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
        if self.class_range.is_empty() || self.class_range.values().any(|range| range.is_nan()) {
            return bad(
                "class_range",
                "there must be at least one class, and each range must be a number",
            );
        }
        let t = &self.dist_ths;
        if t.is_empty() || t.len() > 64 || !t.iter().all(|t| t.is_finite() && *t > 0.0) || !t.is_sorted() {
            return bad("dist_ths", "there must be 1 to 64 of them, ascending and above 0");
        }
        if !t.iter().any(|t| t.to_bits() == self.dist_th_tp.to_bits()) {
            return bad("dist_th_tp", "it must be one of `dist_ths`");
        }
        if !(0.0..=1.0).contains(&self.min_recall) {
            return bad("min_recall", "it must be in 0..=1");
        }
        if !(0.0..1.0).contains(&self.min_precision) {
            return bad("min_precision", "it must be at least 0 and below 1");
        }
        if !(2..=100_001).contains(&self.recall_points) {
            return bad("recall_points", "there must be 2 to 100001 of them");
        }
        if self.first_recall() >= self.recall_points as usize {
            return bad("min_recall", "it leaves no recall to count");
        }
        if !(self.mean_ap_weight.is_finite() && self.mean_ap_weight >= 0.0) {
            return bad("mean_ap_weight", "it must be a number from 0");
        }
        if !self
            .orientation_period
            .values()
            .all(|period| period.is_finite() && *period > 0.0)
        {
            return bad("orientation_period", "each must be above 0");
        }
        if self.velocity_max_gap_s.is_nan() {
            return bad("velocity_max_gap_s", "it must be a number");
        }
        Ok(())
    }
}
