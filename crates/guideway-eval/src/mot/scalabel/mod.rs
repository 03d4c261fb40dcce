//! Scalabel and BDD100K: box tracking and detection.
//!
//! Tracking counts motmetrics' events for each video and class, and adds them up for classes, super-categories and everything; what lies in
//! a crowd or ignored label and matches nothing is not counted. Detection is COCO's, with crowd and ignored labels as crowds. Boxes are
//! `x1`, `y1`, `x2`, `y2` with the last pixel inside, so a box is `x2 - x1 + 1` wide.
//!
//! The official evaluation is `scalabel.eval.mot` and `scalabel.eval.detect`.

mod det;
mod read;
mod track;

pub use det::{ScalabelDetReport, evaluate_det};
pub use read::{Box2d, ScalabelFrame, ScalabelLabel, read_frames};
pub use track::{ScalabelScores, ScalabelTrackParams, ScalabelTrackReport, evaluate_track};

/// A category, or a super-category with others below.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Category {
    /// Name.
    pub name: String,
    /// What is below; `None` for a category that labels have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcategories: Option<Vec<Self>>,
}

impl Category {
    /// A category that labels have.
    pub fn leaf(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            subcategories: None,
        }
    }

    /// A super-category.
    pub fn group(name: &str, below: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            subcategories: Some(below.iter().map(|name| Self::leaf(name)).collect()),
        }
    }

    /// BDD100K's tracking categories.
    pub fn bdd100k_track() -> Vec<Self> {
        vec![
            Self::group("human", &["pedestrian", "rider"]),
            Self::group("vehicle", &["car", "truck", "bus", "train"]),
            Self::group("bike", &["motorcycle", "bicycle"]),
        ]
    }

    /// BDD100K's detection categories.
    pub fn bdd100k_det() -> Vec<Self> {
        let mut all = Self::bdd100k_track();
        all.extend(["traffic light", "traffic sign"].map(Self::leaf));
        all
    }
}

/// The names that labels can have, in order.
pub fn leaf_categories(categories: &[Category]) -> Vec<String> {
    let mut names = Vec::new();
    for category in categories {
        match &category.subcategories {
            None => names.push(category.name.clone()),
            Some(below) => names.extend(leaf_categories(below)),
        }
    }
    names
}

/// Super-categories and the names below each, the inner ones first. As in Scalabel there are none at all in a list with a leaf.
pub fn super_categories(categories: &[Category]) -> Vec<(String, Vec<String>)> {
    let mut out = Vec::new();
    for category in categories {
        let Some(below) = &category.subcategories else {
            return Vec::new();
        };
        out.extend(super_categories(below));
        out.push((category.name.clone(), leaf_categories(below)));
    }
    out
}
