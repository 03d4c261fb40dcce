//! Warnings of a file, counted by kind; and those of one of several works at once, held back.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use guideway_core::{Reporter, Silent, Task, Warning};

/// Counts warnings by kind; each keeps the text of its first.
pub(crate) struct Warnings {
    file: String,
    found: BTreeMap<&'static str, (String, u64)>,
}

impl Warnings {
    pub(crate) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            found: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, code: &'static str, message: impl Display) {
        self.found.entry(code).or_insert_with(|| (message.to_string(), 0)).1 += 1;
    }

    pub(crate) fn send(self, reporter: &dyn Reporter) {
        for (code, (message, count)) in self.found {
            reporter.warn(Warning {
                code: code.to_owned(),
                message,
                location: self.file.clone(),
                count,
            });
        }
    }
}

/// Holds warnings back, so that works that run at the same time can tell theirs in an order that does not depend on threads. Shows no progress.
#[derive(Debug, Default)]
pub(crate) struct HeldBack(Mutex<Vec<Warning>>);

impl HeldBack {
    pub(crate) fn send(self, reporter: &dyn Reporter) {
        for warning in self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            reporter.warn(warning);
        }
    }
}

impl Reporter for HeldBack {
    fn begin(&self, what: &str, total: Option<u64>, unit: &str) -> Box<dyn Task> {
        Silent.begin(what, total, unit)
    }

    fn warn(&self, warning: Warning) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
    }
}
