//! Answers counted against the truth.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::LabelError;
use crate::money::{Currency, Money};
use crate::task::{Answer, Task};

/// How a labeler did, over any number of frames.
///
/// Boxes are compared with the true ones that they name ([`crate::LabelledBox::truth_id`]), so this is for simulated labelers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tally {
    /// Frames answered, refused ones too.
    pub frames: u64,
    /// Frames refused.
    pub refused: u64,
    /// True boxes of the classes asked for, with some part in the image, in frames not refused.
    pub objects: u64,
    /// Of these, how many were not drawn: overlooked, or below the guideline's size.
    pub missed: u64,
    /// Boxes drawn.
    pub boxes: u64,
    /// Boxes drawn with another class than the true one.
    pub confused: u64,
    /// Boxes drawn where nothing is.
    pub invented: u64,
    /// Sum of the IoU of boxes drawn with the true ones, over `boxes - invented`.
    pub iou_sum: f64,
    /// Time spent, s.
    pub seconds: f64,
    /// What it costs.
    pub price: Money,
}

impl Tally {
    /// Nothing yet.
    pub fn new(currency: Currency) -> Self {
        Self {
            frames: 0,
            refused: 0,
            objects: 0,
            missed: 0,
            boxes: 0,
            confused: 0,
            invented: 0,
            iou_sum: 0.0,
            seconds: 0.0,
            price: Money::zero(currency),
        }
    }

    /// Counts an answer to a task.
    ///
    /// # Errors
    /// [`LabelError::Currencies`] or [`LabelError::TooMuchMoney`] when the price does not add; nothing is counted then.
    pub fn add(&mut self, task: &Task<'_>, answer: &Answer) -> Result<(), LabelError> {
        self.price = self.price.checked_add(answer.price)?;
        self.frames += 1;
        self.seconds += answer.seconds;
        if answer.refusal().is_some() {
            self.refused += 1;
            return Ok(());
        }
        let mut open: BTreeMap<&str, _> = task
            .truth
            .iter()
            .filter_map(|truth| Some((truth.label_id.as_str(), (truth, task.visible_part(truth.bbox)?))))
            .collect();
        let asked = |class: &str| u64::from(task.asks_for(class));
        self.objects += open.values().map(|(truth, _)| asked(&truth.class)).sum::<u64>();
        for drawn in answer.boxes() {
            self.boxes += 1;
            match drawn.truth_id.as_deref().and_then(|id| open.remove(id)) {
                None => self.invented += 1,
                Some((truth, part)) => {
                    self.confused += u64::from(drawn.class != truth.class);
                    self.iou_sum += drawn.bbox.iou(part);
                }
            }
        }
        self.missed += open.values().map(|(truth, _)| asked(&truth.class)).sum::<u64>();
        Ok(())
    }

    /// Mean IoU of the boxes drawn with the true ones; `None` without any.
    pub fn mean_iou(&self) -> Option<f64> {
        let matched = self.boxes - self.invented;
        (matched > 0).then(|| self.iou_sum / matched as f64)
    }
}
