//! What a labeler is asked, and what comes back.

use std::collections::BTreeSet;

use guideway_core::BBox;
use serde::{Deserialize, Serialize};

use crate::error::LabelError;
use crate::money::Money;

/// One frame to label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Task<'a> {
    /// The frame.
    pub frame_id: &'a str,
    /// Width of the image, px.
    pub width: u32,
    /// Height of the image, px.
    pub height: u32,
    /// The classes to draw. Objects of other classes are left out. With none listed every class is drawn, also those that only the
    /// labeler's confusion table knows.
    pub classes: &'a [String],
    /// What is really there: simulated labelers draw from it. People look at the image, and their tasks leave it empty.
    pub truth: &'a [TruthBox],
}

impl Task<'_> {
    /// Is this class to be drawn?
    pub fn asks_for(&self, class: &str) -> bool {
        self.classes.is_empty() || self.classes.iter().any(|asked| asked == class)
    }

    /// The part of a box inside the image; `None` where nothing is.
    pub fn visible_part(&self, bbox: BBox) -> Option<BBox> {
        let part = bbox.clip(f64::from(self.width), f64::from(self.height));
        part.is_valid().then_some(part)
    }

    /// Checks the size of the image and every true box.
    pub(crate) fn check(&self) -> Result<(), LabelError> {
        if self.width == 0 || self.height == 0 {
            return Err(LabelError::EmptyImage {
                frame_id: self.frame_id.to_owned(),
                width: self.width,
                height: self.height,
            });
        }
        let mut ids = BTreeSet::new();
        for truth in self.truth {
            let wrong = |field, value, allowed| LabelError::Truth {
                frame_id: self.frame_id.to_owned(),
                label_id: truth.label_id.clone(),
                field,
                value,
                allowed,
            };
            let b = truth.bbox;
            if let Some(edge) = [b.x_min, b.y_min, b.x_max, b.y_max]
                .into_iter()
                .find(|v| !v.is_finite())
            {
                return Err(wrong("bbox", edge, "finite numbers"));
            }
            for (field, fraction) in [("occlusion", truth.occlusion), ("truncation", truth.truncation)] {
                if let Some(value) = fraction.filter(|f| !(0.0..=1.0).contains(f)) {
                    return Err(wrong(field, value, "from 0 to 1"));
                }
            }
            if !ids.insert(truth.label_id.as_str()) {
                return Err(LabelError::RepeatedLabel {
                    frame_id: self.frame_id.to_owned(),
                    label_id: truth.label_id.clone(),
                });
            }
        }
        Ok(())
    }
}

/// An object that is really in a frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthBox {
    /// Its id, once per frame.
    pub label_id: String,
    /// Class.
    pub class: String,
    /// Box around what is visible of it, px. What lies outside the image, or is empty, is never drawn.
    pub bbox: BBox,
    /// Fraction of its pixels in the image that other things hide, 0 to 1. Nothing, where it is not known.
    pub occlusion: Option<f64>,
    /// Fraction of it outside the image, 0 to 1. Nothing, where it is not known.
    pub truncation: Option<f64>,
    /// A crowd region: its class is never confused.
    pub is_crowd: bool,
    /// To be ignored in evaluation: its class is never confused.
    pub is_ignored: bool,
    /// Identity over time.
    pub track_id: Option<String>,
}

impl TruthBox {
    /// A single object that is wholly visible.
    pub fn new(label_id: impl Into<String>, class: impl Into<String>, bbox: BBox) -> Self {
        Self {
            label_id: label_id.into(),
            class: class.into(),
            bbox,
            occlusion: None,
            truncation: None,
            is_crowd: false,
            is_ignored: false,
            track_id: None,
        }
    }

    /// Fraction of it that can be seen, 0 to 1: neither hidden nor outside the image.
    pub fn visible(&self) -> f64 {
        (1.0 - self.occlusion.unwrap_or(0.0)) * (1.0 - self.truncation.unwrap_or(0.0))
    }
}

/// What a labeler gives back for a frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The frame.
    pub frame_id: String,
    /// Who answered.
    pub labeler: String,
    /// Boxes, or why there are none.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Time spent on the frame, s.
    pub seconds: f64,
    /// What it costs.
    pub price: Money,
}

impl Answer {
    /// The boxes; none for a refusal.
    pub fn boxes(&self) -> &[LabelledBox] {
        match &self.outcome {
            Outcome::Boxes(boxes) => boxes,
            Outcome::Refused(_) => &[],
        }
    }

    /// Why the frame was refused, if it was.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.outcome {
            Outcome::Boxes(_) => None,
            Outcome::Refused(refusal) => Some(refusal),
        }
    }
}

/// What became of a frame. A labelled frame without boxes is one where nothing was seen; a refused frame says nothing about what is
/// in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Labelled.
    Boxes(Vec<LabelledBox>),
    /// Not labelled.
    Refused(Refusal),
}

/// Why a frame was not labelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// In the labeler's words: `too dark`, `blurred`.
    pub reason: String,
}

/// A box that a labeler drew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelledBox {
    /// Class that the labeler chose.
    pub class: String,
    /// The box, inside the image, px.
    pub bbox: BBox,
    /// The true box behind it. None for an invented box, and for what people drew.
    pub truth_id: Option<String>,
    /// Identity over time, as the truth has it.
    pub track_id: Option<String>,
    /// A crowd region.
    pub is_crowd: bool,
    /// To be ignored in evaluation.
    pub is_ignored: bool,
}
