//! What was checked, what could not be, and what was wrong with the input.

use std::collections::BTreeMap;
use std::fmt::Display;

use guideway_core::Warning;
use serde::Serialize;

use crate::rule::Rule;

/// How often a rule could not be checked, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NotChecked {
    /// Observations, or samples of signals.
    pub count: u64,
    /// The same by reason.
    pub reasons: BTreeMap<&'static str, u64>,
}

/// The account of a check. Every observation is in [`Self::observations`], and for every enabled rule in exactly one of [`Self::checked`] and
/// [`Self::not_checked`], unless it was below the lowest score, left alone, or left out with a warning. The same holds for the samples of signals, in
/// [`Self::samples`], and the rules about signals; of a frame there is only a stamp, which the rules `clock` and `gap` alone look at.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// Recordings.
    pub recordings: u64,
    /// Frames that were checked.
    pub frames: u64,
    /// Observations in them.
    pub observations: u64,
    /// Samples of signals, stamps of frames included.
    pub samples: u64,
    /// Observations below the lowest score.
    pub below_score: u64,
    /// Observations of classes that are to be left alone.
    pub ignored: u64,
    /// From the first to the last frame, over all recordings, s.
    pub seconds: f64,
    /// Observations or samples of which a rule was checked.
    pub checked: BTreeMap<Rule, u64>,
    /// Observations or samples of which it could not be.
    pub not_checked: BTreeMap<Rule, NotChecked>,
    /// Violations.
    pub violations: BTreeMap<Rule, u64>,
    #[serde(skip)]
    warnings: BTreeMap<&'static str, (String, String, u64)>,
}

impl Outcome {
    /// What was wrong with the input, by kind, each with the text and place of its first.
    pub fn warnings(&self) -> Vec<Warning> {
        self.warnings
            .iter()
            .map(|(code, (message, location, count))| Warning {
                code: (*code).to_owned(),
                message: message.clone(),
                location: location.clone(),
                count: *count,
            })
            .collect()
    }

    pub(crate) fn warn(&mut self, code: &'static str, message: impl Display, location: impl FnOnce() -> String) {
        self.warnings
            .entry(code)
            .or_insert_with(|| (message.to_string(), location(), 0))
            .2 += 1;
    }

    pub(crate) fn check(&mut self, rule: Rule) {
        *self.checked.entry(rule).or_default() += 1;
    }

    pub(crate) fn skip(&mut self, rule: Rule, reason: &'static str) {
        let not = self.not_checked.entry(rule).or_default();
        not.count += 1;
        *not.reasons.entry(reason).or_default() += 1;
    }
}
