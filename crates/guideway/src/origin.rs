//! Where the labels of a dataset come from.

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::{Reporter, Warning};
use guideway_schema::{LABEL_RUN, LabelRow};
use guideway_store::{NodeKind, NodeRef};

use crate::dataset::ids;
use crate::error::Error;
use crate::workspace::{Workspace, quote};

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
                          --labeler and --order choose"
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

impl Workspace {
    /// A condition on who made a label, and under which order; empty for anybody.
    pub(crate) fn made_by(&self, labelers: &[String], orders: &[String]) -> Result<String, Error> {
        let mut conditions = Vec::new();
        if !labelers.is_empty() {
            conditions.push(format!("AND labeler IN ({})", ids(labelers.iter().map(String::as_str))));
        }
        if !orders.is_empty() {
            let mut uris = BTreeSet::new();
            for order in orders {
                let found = self.counts(&format!(
                    "SELECT DISTINCT order_id, 1 FROM answers WHERE starts_with(order_id, {})",
                    quote(order)
                ))?;
                let [(order, _)] = found.as_slice() else {
                    return Err(Error::not_found(
                        "order",
                        order,
                        "`guideway query \"SELECT DISTINCT order_id FROM answers\"` lists them; the first digits do where no other begins so",
                    ));
                };
                let runs = self.counts(&format!(
                    "SELECT DISTINCT run_id, 1 FROM answers WHERE order_id = {}",
                    quote(order)
                ))?;
                uris.extend(runs.iter().map(|(run, _)| format!("{LABEL_RUN}{run}")));
            }
            conditions.push(format!("AND source_uri IN ({})", ids(uris.iter().map(String::as_str))));
        }
        Ok(conditions.join(" "))
    }
}
