//! What did not hold.

use guideway_core::BBox;
use serde::{Deserialize, Serialize};

use crate::rule::{Rule, Scope, Severity};

/// An assertion that does not hold for one object in one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// The assertion.
    pub rule: Rule,
    /// How bad it is, as the rules say.
    pub severity: Severity,
    /// What its ticket is about.
    pub scope: Scope,
    /// Who gets the ticket; empty for nobody in particular.
    pub owner: String,
    /// The recording.
    pub recording: String,
    /// The sensor.
    pub sensor: String,
    /// The frame's stamp, ns. For a hole in a track, that of the frame in which the object is missing.
    pub stamp_ns: i64,
    /// The frame's id, where it was given.
    pub frame_id: Option<String>,
    /// The object within the recording: `track:ID`, or `link:SENSOR:STAMP:ROW` after its first sighting where boxes had no identity.
    pub object: String,
    /// Class group, or the class as the data call it where no group has it.
    pub class: String,
    /// Row in the frame's observations; `None` where nothing is there and something should be.
    pub row: Option<u32>,
    /// The observation's id, where it was given.
    pub observation: Option<String>,
    /// Where in the image: for a hole in a track, where the object should be.
    pub bbox: Option<BBox>,
    /// What was measured…
    pub value: f64,
    /// …and what would have been allowed, in the same unit.
    pub limit: f64,
    /// How far beyond the limit, 1 and more: the two by each other.
    pub strength: f64,
    /// In words, with numbers and units.
    pub message: String,
}
