//! What every labeler can do, simulated or not.

use serde::{Deserialize, Serialize};

use crate::error::LabelError;
use crate::money::Money;
use crate::task::{Answer, Task};

/// Someone who labels frames: a simulated person, a pool of them, later a service with people behind it.
///
/// Contract: `label` never charges more than the `price_at_most` that `estimate` gives for as many boxes as there are objects of any
/// class in the frame, so that whoever orders while that fits what is left of a budget never exceeds it. Answers may come from
/// several threads at once.
pub trait Labeler: Send + Sync {
    /// Who it is. An answer's own `labeler` may name a member.
    fn name(&self) -> &str;

    /// Labels one frame. A refusal is an answer; an error means that there is none.
    fn label(&self, task: &Task<'_>) -> Result<Answer, LabelError>;

    /// What a frame with this many boxes takes, before it is ordered.
    fn estimate(&self, boxes: u64) -> Result<Estimate, LabelError>;
}

/// What labelling one frame takes, as far as that is known before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean time, s.
    pub seconds: f64,
    /// Mean price, to the next whole millionth above.
    pub price: Money,
    /// The price that is never exceeded.
    pub price_at_most: Money,
}
