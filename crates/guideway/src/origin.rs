//! Where the labels of a dataset come from.

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::{Reporter, Warning};
use guideway_schema::{LABEL_RUN, LabelRow};
use guideway_store::{NodeKind, NodeRef};

use crate::workspace::quote;

/// Who made a label: the labeler, and the run in which it was ordered.
type Maker<'a> = (Option<&'a str>, Option<&'a str>);

/// Where the labels seen so far come from.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// Runs that labels were ordered in.
    runs: BTreeSet<String>,
    /// Frames with labels by several labelers, or from several orders.
    shared: u64,
    /// The first of them.
    first_shared: Option<String>,
}

impl Origin {
    /// Looks at all labels of some frames.
    pub(crate) fn note(&mut self, rows: &[LabelRow]) {
        let mut makers: BTreeMap<&str, BTreeSet<Maker<'_>>> = BTreeMap::new();
        for row in rows {
            let run = row.source_uri.strip_prefix(LABEL_RUN);
            self.runs.extend(run.map(str::to_owned));
            let maker = (row.labeler.as_deref(), run);
            makers.entry(&row.frame_id).or_default().insert(maker);
        }
        for (frame, _) in makers.iter().filter(|(_, makers)| makers.len() > 1) {
            self.shared += 1;
            self.first_shared.get_or_insert_with(|| (*frame).to_owned());
        }
    }

    /// Says so when objects may be there twice.
    pub(crate) fn warn(&self, reporter: &dyn Reporter) {
        if let Some(first) = &self.first_shared {
            reporter.warn(Warning {
                code: "several-labelers".to_owned(),
                message: "frames have labels by several labelers or from several orders, so that objects may be there twice; \
                          --labeler chooses"
                    .to_owned(),
                location: first.clone(),
                count: self.shared,
            });
        }
    }

    /// The runs as nodes of the lineage.
    pub(crate) fn into_runs(self) -> impl Iterator<Item = NodeRef> {
        self.runs.into_iter().map(|run| NodeRef::new(NodeKind::Run, run))
    }
}

/// A condition on who made a label; empty for anybody.
pub(crate) fn by_labelers(labelers: &[String]) -> String {
    if labelers.is_empty() {
        return String::new();
    }
    let names: Vec<String> = labelers.iter().map(|name| quote(name)).collect();
    format!("AND labeler IN ({})", names.join(","))
}
