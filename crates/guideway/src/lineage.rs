//! Where something came from and what was made of it.

use std::path::Path;

use guideway_core::hint::closest;
use guideway_schema::RecordingRow;
use guideway_store::{DatasetInfo, Direction, NodeKind, NodeRef, TraceGraph, TraceLimits};

use crate::error::{Error, ErrorKind};
use crate::workspace::Workspace;

impl Workspace {
    /// Follows the lineage of a model, dataset, run, recording or frame, named by name, id or id prefix; a
    /// recording also by its file.
    pub fn trace(&self, what: &str, direction: Direction) -> Result<TraceGraph, Error> {
        let node = self.resolve(what)?;
        Ok(self.block_on(self.store().trace(&node, direction, TraceLimits::default()))?)
    }

    /// What a name, id or id prefix means. Whole names come first, then ids, in the order model, dataset, run, recording, frame.
    fn resolve(&self, what: &str) -> Result<NodeRef, Error> {
        let models = self.block_on(self.store().models())?;
        let datasets = self.block_on(self.store().datasets())?;
        let runs = self.block_on(self.store().runs())?;
        let recordings = self.recordings()?;
        let mut candidates: Vec<(NodeKind, &str, &str)> = Vec::new();
        candidates.extend(
            models
                .iter()
                .map(|m| (NodeKind::Model, m.name.as_str(), m.model_id.as_str())),
        );
        candidates.extend(
            datasets
                .iter()
                .map(|d| (NodeKind::Dataset, d.name.as_str(), d.dataset_id.as_str())),
        );
        candidates.extend(
            datasets
                .iter()
                .map(|d| (NodeKind::Dataset, d.name.as_str(), d.hash.as_str())),
        );
        candidates.extend(runs.iter().map(|r| (NodeKind::Run, "", r.run_id.as_str())));
        candidates.extend(
            recordings
                .iter()
                .map(|r| (NodeKind::Recording, r.name.as_str(), r.recording_id.as_str())),
        );
        let exact = |(kind, name, id): &(NodeKind, &str, &str)| {
            (*name == what || *id == what).then(|| (*kind, id_of(*kind, id, &datasets)))
        };
        let mut found: Vec<(NodeKind, String)> = candidates.iter().filter_map(exact).collect();
        let uri = Path::new(what)
            .canonicalize()
            .ok()
            .map(|path| guideway_core::uri::from_path(&path));
        let is_here = |row: &&RecordingRow| row.uri == what || uri.as_ref() == Some(&row.uri);
        found.extend(
            recordings
                .iter()
                .filter(is_here)
                .map(|row| (NodeKind::Recording, row.recording_id.clone())),
        );
        if found.is_empty() && what.len() >= 4 {
            found = candidates
                .iter()
                .filter(|(_, _, id)| id.starts_with(what))
                .map(|(kind, _, id)| (*kind, id_of(*kind, id, &datasets)))
                .collect();
            if let Some(frame) = self.frame(what)? {
                found.push((NodeKind::Frame, frame.frame_id));
            }
        }
        found.sort();
        found.dedup();
        match found.as_slice() {
            [(kind, id)] => Ok(NodeRef::new(*kind, id.clone())),
            [] => {
                let names = candidates
                    .iter()
                    .map(|(_, name, _)| *name)
                    .filter(|name| !name.is_empty());
                let hint = match closest(what, names) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => "`model ls`, `dataset ls`, `eval ls` and `log ls` list what there is".to_owned(),
                };
                Err(Error::not_found("model, dataset, run, recording or frame", what, hint))
            }
            several => {
                let examples: Vec<String> = several
                    .iter()
                    .take(4)
                    .map(|(kind, id)| format!("{kind} {id}"))
                    .collect();
                Err(ErrorKind::Ambiguous {
                    kind: "thing",
                    name: what.to_owned(),
                    count: several.len(),
                    examples: examples.join(", "),
                }
                .into())
            }
        }
    }
}

/// Datasets are found by their hash too; the lineage knows their id.
fn id_of(kind: NodeKind, id: &str, datasets: &[DatasetInfo]) -> String {
    let by_hash = datasets
        .iter()
        .find(|info| kind == NodeKind::Dataset && info.hash == id);
    by_hash.map_or_else(|| id.to_owned(), |info| info.dataset_id.clone())
}
