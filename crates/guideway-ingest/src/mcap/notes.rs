//! Warnings of one log, counted.

use std::collections::BTreeMap;
use std::path::Path;

use guideway_core::{Reporter, Warning};

use super::error::Damage;

/// Damaged places of one kind that are listed one by one; the rest is counted together.
const LISTED: usize = 100;

/// Collects warnings and reports them together, each with its first place and its count.
#[derive(Debug)]
pub(crate) struct Notes {
    path: String,
    warnings: BTreeMap<(&'static str, String), Warning>,
    listed: BTreeMap<&'static str, usize>,
}

impl Notes {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.display().to_string(),
            warnings: BTreeMap::new(),
            listed: BTreeMap::new(),
        }
    }

    /// Notes something about a topic; what was noted before is only counted.
    pub(crate) fn add(
        &mut self,
        code: &'static str,
        topic: &str,
        offset: u64,
        count: u64,
        message: impl FnOnce() -> String,
    ) {
        let warning = self
            .warnings
            .entry((code, topic.to_owned()))
            .or_insert_with(|| Warning {
                code: code.to_owned(),
                message: message(),
                location: format!("{} at byte {offset}", self.path),
                count: 0,
            });
        warning.count = warning.count.saturating_add(count);
    }

    /// Notes a damaged place.
    pub(crate) fn damage(&mut self, damage: &Damage) {
        let code = damage.kind.code();
        let listed = self.listed.entry(code).or_default();
        *listed += 1;
        // Zero-padded, so that the places come out in the order of the file.
        let key = if *listed <= LISTED {
            format!("{:020}", damage.offset)
        } else {
            "more".to_owned()
        };
        self.add(code, &key, damage.offset, 1, || damage.message.clone());
    }

    /// Reports everything, in a fixed order.
    pub(crate) fn report(self, reporter: &dyn Reporter) {
        for warning in self.warnings.into_values() {
            reporter.warn(warning);
        }
    }
}
