//! Warnings of a file, counted by kind.

use std::collections::BTreeMap;
use std::fmt::Display;

use guideway_core::{Reporter, Warning};

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
