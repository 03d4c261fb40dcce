//! What is evaluated: classes, levels of difficulty, samples of recall.

use crate::error::EvalError;

/// Beyond this many samples the parameters are a mistake.
const MOST_SAMPLES: u32 = 10_001;

/// From which overlap on, exclusive, a detection is that of a label; also the part of a detection in a `DontCare` area from which on it is left
/// out. 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MinOverlap {
    /// Of boxes in the image: 2D and AOS.
    pub image: f64,
    /// Of rectangles on the ground: BEV.
    pub ground: f64,
    /// Of boxes in space: 3D.
    pub volume: f64,
}

impl MinOverlap {
    /// The same for all.
    pub fn all(overlap: f64) -> Self {
        Self {
            image: overlap,
            ground: overlap,
            volume: overlap,
        }
    }
}

/// A class to evaluate. Names are compared without regard to the case of ASCII letters, here and in the data.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct KittiClass {
    /// Name, and key of the class in the report.
    pub name: String,
    /// Classes whose labels are ignored rather than held against a detection.
    pub neighbours: Vec<String>,
    /// Minimum overlaps.
    pub min_overlap: MinOverlap,
}

/// A level of difficulty.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Level {
    /// Name, and key of the level in the report.
    pub name: String,
    /// Labels and detections that are less high in the image are ignored, px.
    pub min_height: f64,
    /// Labels that are more occluded are ignored: 0 visible, 1 partly, 2 largely, 3 unknown.
    pub max_occlusion: i32,
    /// Labels of which a larger fraction is outside the image are ignored.
    pub max_truncation: f64,
}

/// A mean of some samples of the precision.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Average {
    /// Name, and key of the number in the report.
    pub name: String,
    /// The first sample, from 0.
    pub first: u32,
    /// The distance to each next one.
    pub step: u32,
}

/// The parameters of an evaluation; the default is [`KittiParams::official`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct KittiParams {
    /// Classes.
    pub classes: Vec<KittiClass>,
    /// Levels of difficulty.
    pub levels: Vec<Level>,
    /// Class of the areas that nobody labelled.
    pub dont_care: String,
    /// Samples of recall, both ends included, from 2.
    pub recall_samples: u32,
    /// What is averaged over them.
    pub averages: Vec<Average>,
    /// The alpha of a detection without orientation, radians: one of them, of any class, and there is no AOS.
    pub unknown_alpha: f64,
    /// The x or y of a detection without a place in space, m.
    pub unknown_coordinate: f64,
    /// The first pass sees only scores above.
    pub lowest_score: f64,
}

impl Default for KittiParams {
    fn default() -> Self {
        Self::official()
    }
}

impl KittiParams {
    /// The configuration of the development kit: cars (with vans as neighbours) at an overlap of 0.7, pedestrians (with people sitting) and
    /// cyclists at 0.5; easy, moderate and hard; 41 samples.
    ///
    /// ```
    /// use guideway_eval::kitti::{KittiParams, MinOverlap};
    ///
    /// // the looser overlaps that papers often give as well
    /// let mut params = KittiParams::official();
    /// params.classes[0].min_overlap = MinOverlap { image: 0.7, ground: 0.5, volume: 0.5 };
    /// assert!(params.validate().is_ok());
    /// ```
    pub fn official() -> Self {
        let class = |name: &str, neighbours: &[&str], overlap| KittiClass {
            name: name.to_owned(),
            neighbours: neighbours.iter().map(|name| (*name).to_owned()).collect(),
            min_overlap: MinOverlap::all(overlap),
        };
        let level = |name: &str, min_height, max_occlusion, max_truncation| Level {
            name: name.to_owned(),
            min_height,
            max_occlusion,
            max_truncation,
        };
        let average = |name: &str, first, step| Average {
            name: name.to_owned(),
            first,
            step,
        };
        Self {
            classes: vec![
                class("car", &["van"], 0.7),
                class("pedestrian", &["person_sitting"], 0.5),
                class("cyclist", &[], 0.5),
            ],
            levels: vec![
                level("easy", 40.0, 0, 0.15),
                level("moderate", 25.0, 1, 0.3),
                level("hard", 25.0, 2, 0.5),
            ],
            dont_care: "DontCare".to_owned(),
            recall_samples: 41,
            averages: vec![average("AP_R11", 0, 4), average("AP_R40", 1, 1)],
            unknown_alpha: -10.0,
            unknown_coordinate: -1000.0,
            lowest_score: -1e7,
        }
    }

    /// Are they usable?
    pub fn validate(&self) -> Result<(), EvalError> {
        let bad = |parameter, problem: String| Err(EvalError::Parameter { parameter, problem });
        if self.classes.is_empty() {
            return bad("classes", "there must be one".to_owned());
        }
        for (place, class) in self.classes.iter().enumerate() {
            let name = &class.name;
            if self.classes[..place]
                .iter()
                .any(|other| other.name.eq_ignore_ascii_case(name))
            {
                return bad("classes", format!("`{name}` is named twice"));
            }
            let o = class.min_overlap;
            if ![o.image, o.ground, o.volume].iter().all(|o| (0.0..1.0).contains(o)) {
                return bad(
                    "min_overlap",
                    format!("those of `{name}` must be at least 0 and below 1"),
                );
            }
        }
        if self.levels.is_empty() {
            return bad("levels", "there must be one".to_owned());
        }
        for (place, level) in self.levels.iter().enumerate() {
            if self.levels[..place].iter().any(|other| other.name == level.name) {
                return bad("levels", format!("`{}` is named twice", level.name));
            }
            if level.min_height.is_nan() || level.max_truncation.is_nan() {
                return bad("levels", format!("a bound of `{}` is not a number", level.name));
            }
        }
        if !(2..=MOST_SAMPLES).contains(&self.recall_samples) {
            return bad("recall_samples", format!("there must be 2 to {MOST_SAMPLES} of them"));
        }
        for (place, average) in self.averages.iter().enumerate() {
            let name = &average.name;
            if self.averages[..place].iter().any(|other| other.name == *name) {
                return bad("averages", format!("`{name}` is named twice"));
            }
            if average.first >= self.recall_samples || average.step == 0 {
                return bad(
                    "averages",
                    format!(
                        "`{name}` must begin before sample {} and go on in steps of at least 1",
                        self.recall_samples
                    ),
                );
            }
        }
        if self.lowest_score.is_nan() {
            return bad("lowest_score", "it is not a number".to_owned());
        }
        Ok(())
    }
}
