//! What the readers of all formats give: results that say where they stand, of which frame they are and what they found.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use guideway_core::{Reporter, Warning};

use crate::error::{Error, ErrorKind};

/// An object in space.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Solid {
    /// `sensor`, `ego` or `world`.
    pub(super) frame: &'static str,
    /// As the tables hold it.
    pub(super) cuboid: [f64; 10],
    pub(super) velocity: Option<[f64; 2]>,
    pub(super) attribute: Option<String>,
}

/// One result.
pub(super) struct Found<'a> {
    /// Its file, and its place in it.
    pub(super) file: &'a Path,
    pub(super) at: &'a dyn Display,
    /// Its frame, as its place among those of the dataset; `None` for a frame that the dataset has not.
    pub(super) frame: Option<u32>,
    pub(super) class: &'a str,
    pub(super) score: f64,
    /// Left, upper, right and lower edge, px.
    pub(super) bbox: Option<[f64; 4]>,
    /// COCO's compressed run lengths.
    pub(super) mask: Option<String>,
    pub(super) solid: Option<Solid>,
}

/// Takes results, one after the other.
pub(super) type Sink<'s> = dyn FnMut(Found<'_>) -> Result<(), Error> + 's;

impl Found<'_> {
    /// The error that this result has this problem.
    pub(super) fn wrong(&self, problem: impl Into<String>, hint: &str) -> Error {
        wrong(self.file, self.at, problem, hint)
    }

    /// Refuses numbers that no result may have.
    pub(super) fn check(&self) -> Result<(), Error> {
        const REPAIR: &str = "drop or repair the result; a model that predicts NaN has usually diverged in training";
        if self.class.trim().is_empty() {
            return Err(self.wrong("a result without a class", "give every result the name of its class"));
        }
        if !(0.0..=1.0).contains(&self.score) {
            return Err(self.wrong(
                format!("the score {} is not in 0 to 1", self.score),
                "write confidences from 0 to 1: of logits their sigmoid, of percentages a hundredth",
            ));
        }
        if let Some([x_min, y_min, x_max, y_max]) = self.bbox {
            let shown = format!("{x_min} {y_min} {x_max} {y_max}");
            if ![x_min, y_min, x_max, y_max].iter().all(|edge| edge.is_finite()) {
                return Err(self.wrong(format!("the box {shown} is not finite"), REPAIR));
            }
            if x_max < x_min || y_max < y_min {
                return Err(self.wrong(
                    format!(
                        "the box {shown} is inside out: its right or lower edge comes before its left or upper one"
                    ),
                    "drop or repair the result; are the last two numbers width and height, or edges?",
                ));
            }
        }
        if let Some(solid) = &self.solid {
            let velocity = solid.velocity.unwrap_or([0.0; 2]);
            if !solid.cuboid.iter().chain(&velocity).all(|value| value.is_finite()) {
                return Err(self.wrong("the cuboid or its velocity is not finite", REPAIR));
            }
        }
        Ok(())
    }
}

/// The error that something in a file of results has this problem.
pub(super) fn wrong(file: &Path, at: impl Display, problem: impl Into<String>, hint: impl Into<String>) -> Error {
    ErrorKind::ResultsFile {
        problem: problem.into(),
        place: at.to_string(),
        path: file.to_owned(),
        hint: hint.into(),
    }
    .into()
}

/// What is to be said about results without refusing them: each kind once, counted, with its first place.
#[derive(Default)]
pub(super) struct Notes(BTreeMap<&'static str, Note>);

struct Note {
    message: String,
    location: String,
    count: u64,
}

impl Notes {
    pub(super) fn add(&mut self, code: &'static str, message: impl FnOnce() -> String, location: impl Display) {
        self.0
            .entry(code)
            .or_insert_with(|| Note {
                message: message(),
                location: location.to_string(),
                count: 0,
            })
            .count += 1;
    }

    pub(super) fn send(self, reporter: &dyn Reporter) {
        for (code, note) in self.0 {
            reporter.warn(Warning {
                code: code.to_owned(),
                message: note.message,
                location: note.location,
                count: note.count,
            });
        }
    }
}
