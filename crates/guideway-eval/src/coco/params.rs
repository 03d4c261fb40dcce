//! What is evaluated: thresholds, areas, numbers of detections.

use crate::error::EvalError;

/// What is compared: boxes or instance masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IouType {
    /// Boxes.
    #[default]
    Bbox,
    /// Instance masks.
    Segm,
}

impl IouType {
    /// COCO's name of it: `bbox` or `segm`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bbox => "bbox",
            Self::Segm => "segm",
        }
    }
}

impl std::fmt::Display for IouType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for IouType {
    type Err = EvalError;

    fn from_str(name: &str) -> Result<Self, EvalError> {
        match name {
            "bbox" => Ok(Self::Bbox),
            "segm" => Ok(Self::Segm),
            other => Err(EvalError::Parameter {
                parameter: "iou_type",
                problem: format!("`{other}` is neither `bbox` nor `segm`"),
            }),
        }
    }
}

/// A range of object sizes, px², both ends included.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AreaRange {
    /// Name, as it stands in metric names: `small` makes `APsmall`. The first range of the parameters is the main one.
    pub label: String,
    /// Smallest area, px².
    pub min: f64,
    /// Largest area, px².
    pub max: f64,
}

impl AreaRange {
    /// A named range, px².
    pub fn new(label: &str, min: f64, max: f64) -> Self {
        Self {
            label: label.to_owned(),
            min,
            max,
        }
    }

    /// Is this area inside?
    pub fn contains(&self, area: f64) -> bool {
        area >= self.min && area <= self.max
    }
}

/// The parameters of an evaluation; the default is COCO's.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CocoParams {
    /// IoU from which a detection matches, ascending, in (0, 1]; at most 64.
    pub iou_thresholds: Vec<f64>,
    /// Recalls at which precision is read, ascending, in [0, 1].
    pub recall_thresholds: Vec<f64>,
    /// Object sizes; at most 64. The first one is what `AP` without a suffix means.
    pub areas: Vec<AreaRange>,
    /// Detections kept per image and class, ascending. AP uses the last.
    pub max_dets: Vec<u32>,
    /// Indices of the classes to evaluate; `None` for all.
    pub classes: Option<Vec<u32>>,
    /// Treat all classes as one.
    pub class_agnostic: bool,
}

impl Default for CocoParams {
    fn default() -> Self {
        Self {
            iou_thresholds: linspace(0.5, 0.95, 10),
            recall_thresholds: linspace(0.0, 1.0, 101),
            areas: vec![
                AreaRange::new("all", 0.0, 1e10),
                AreaRange::new("small", 0.0, 1024.0),
                AreaRange::new("medium", 1024.0, 9216.0),
                AreaRange::new("large", 9216.0, 1e10),
            ],
            max_dets: vec![1, 10, 100],
            classes: None,
            class_agnostic: false,
        }
    }
}

/// `count` evenly spaced numbers, with the rounding of `numpy.linspace`: thresholds decide ties, so their last bit counts.
pub fn linspace(start: f64, stop: f64, count: u32) -> Vec<f64> {
    let Some(last) = count.checked_sub(1).filter(|last| *last > 0) else {
        return vec![start; count as usize];
    };
    let step = (stop - start) / f64::from(last);
    (0..count)
        .map(|i| if i == last { stop } else { f64::from(i) * step + start })
        .collect()
}

impl CocoParams {
    /// Are they usable?
    pub fn validate(&self) -> Result<(), EvalError> {
        let bad = |parameter, problem: &str| {
            Err(EvalError::Parameter {
                parameter,
                problem: problem.to_owned(),
            })
        };
        let t = &self.iou_thresholds;
        if t.is_empty() || t.len() > 64 {
            return bad("iou_thresholds", "there must be 1 to 64 of them");
        }
        if !t.iter().all(|t| *t > 0.0 && *t <= 1.0) || !t.is_sorted() {
            return bad("iou_thresholds", "they must be ascending and in (0, 1]");
        }
        let r = &self.recall_thresholds;
        if r.is_empty() || !r.iter().all(|r| (0.0..=1.0).contains(r)) || !r.is_sorted() {
            return bad("recall_thresholds", "there must be some, ascending and in [0, 1]");
        }
        if self.areas.is_empty() || self.areas.len() > 64 {
            return bad("areas", "there must be 1 to 64 of them");
        }
        if self.areas.iter().any(|a| a.min.is_nan() || a.max.is_nan()) {
            return bad("areas", "a bound is not a number");
        }
        if self.max_dets.is_empty() || self.max_dets[0] == 0 || !self.max_dets.is_sorted() {
            return bad("max_dets", "there must be some, ascending and at least 1");
        }
        Ok(())
    }

    /// Place of an IoU threshold, within 1e-9.
    pub fn threshold_index(&self, iou: f64) -> Option<usize> {
        self.iou_thresholds.iter().position(|t| (t - iou).abs() < 1e-9)
    }

    /// Most detections per image and class.
    pub(crate) fn max_det(&self) -> u32 {
        self.max_dets.last().copied().unwrap_or(0)
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::unreadable_literal,
    reason = "a test must stop at what it did not expect; numbers stand as the reference prints them"
)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_have_the_bits_of_numpy() {
        let params = CocoParams::default();
        // numpy.linspace(.5, .95, 10), printed with repr
        let expected = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.8999999999999999, 0.95];
        assert_eq!(params.iou_thresholds, expected);
        // numpy.linspace(0, 1, 101)[[29, 35, 57, 58]]
        let r = &params.recall_thresholds;
        assert_eq!(
            [r[29], r[35], r[57], r[58]],
            [0.29, 0.35000000000000003, 0.5700000000000001, 0.58]
        );
        assert!(params.validate().is_ok());
    }

    #[test]
    fn senseless_parameters_are_refused() {
        let ok = CocoParams::default;
        for (name, params) in [
            (
                "iou_thresholds",
                CocoParams {
                    iou_thresholds: vec![],
                    ..ok()
                },
            ),
            (
                "iou_thresholds",
                CocoParams {
                    iou_thresholds: vec![0.7, 0.5],
                    ..ok()
                },
            ),
            (
                "iou_thresholds",
                CocoParams {
                    iou_thresholds: vec![f64::NAN],
                    ..ok()
                },
            ),
            (
                "recall_thresholds",
                CocoParams {
                    recall_thresholds: vec![1.5],
                    ..ok()
                },
            ),
            ("areas", CocoParams { areas: vec![], ..ok() }),
            (
                "max_dets",
                CocoParams {
                    max_dets: vec![0, 10],
                    ..ok()
                },
            ),
        ] {
            let err = params.validate().unwrap_err().to_string();
            assert!(err.contains(name), "{err}");
        }
    }
}
