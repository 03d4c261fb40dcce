//! Which import counts for which frames.

use std::collections::BTreeMap;

use guideway_core::IdBuilder;
use guideway_store::{ModelRecord, NodeKind, NodeRef, RunRecord};
use serde::Serialize;
use serde_json::json;

use super::Imported;
use crate::clock;
use crate::error::Error;
use crate::predict::{PredictReport, Predicted, frames_in, is_query};
use crate::samples::FrameList;
use crate::train::model_node;
use crate::workspace::Workspace;

/// One import of a model's predictions.
#[derive(Debug, Clone, Serialize)]
pub struct ImportSummary {
    /// The run.
    pub run_id: String,
    /// The dataset or split.
    pub on: String,
    /// Where they come from.
    #[serde(flatten)]
    pub imported: Imported,
}

/// The frames that predictions are wanted on, by modality: a model that looks at pictures says nothing about sweeps.
struct WantedFrames(BTreeMap<String, FrameList>);

/// The frames that an import covers.
struct Covered {
    frames: FrameList,
    modalities: Vec<String>,
}

impl Workspace {
    /// The imports of a model, oldest first.
    pub(crate) fn imports(&self, model: &ModelRecord) -> Result<Vec<ImportSummary>, Error> {
        let runs = self.block_on(self.store().runs())?;
        Ok(runs
            .iter()
            .filter(|run| run.kind == "predict" && run.status == "done")
            .filter(|run| run.params["model_id"].as_str() == Some(model.model_id.as_str()))
            .filter_map(|run| {
                Some(ImportSummary {
                    run_id: run.run_id.clone(),
                    on: run.params["on"].as_str()?.to_owned(),
                    imported: Imported::of_run(run)?,
                })
            })
            .collect())
    }

    /// The latest import that covers a dataset, a split, or all frames that a query selects (of the kinds of sensors that it covers any of), and the
    /// number of frames.
    pub(crate) fn imported_run(&self, model: &ModelRecord, on: &str) -> Result<Predicted, Error> {
        let wanted = self.wanted_frames(on)?;
        let mut known: BTreeMap<(String, Option<String>), Covered> = BTreeMap::new();
        for import in self.imports(model)?.iter().rev() {
            let key = (import.imported.dataset_id.clone(), import.imported.split.clone());
            if !known.contains_key(&key) {
                known.insert(key.clone(), self.covered(&key.0, key.1.as_deref())?);
            }
            if let Some(frames) = known.get(&key).and_then(|covered| wanted.within(covered)) {
                let frames_of = wanted.0.values().flat_map(FrameList::sorted);
                let key = IdBuilder::new("predicted").text(&import.run_id);
                return Ok(Predicted {
                    run_id: import.run_id.clone(),
                    key: frames_of.fold(key, IdBuilder::text).finish(),
                    frames,
                    created: false,
                });
            }
        }
        let all: Vec<&Covered> = known.values().collect();
        let lists = || wanted.0.values().flat_map(FrameList::sorted);
        let there = lists()
            .filter(|frame| all.iter().any(|covered| covered.frames.recording(frame).is_some()))
            .count();
        let missing = lists().count() - there;
        let (message, hint) = if missing == 0 && there > 0 {
            (
                format!(
                    "the imported predictions of model `{}` on these {there} frames come from several files, none of which covers all of them",
                    model.name
                ),
                "name one dataset or split after the other, or import one file for all of them",
            )
        } else {
            (
                format!(
                    "model `{}` was made elsewhere, and its imported predictions cover {there} of these {} frames",
                    model.name,
                    there + missing
                ),
                "run it on the others as well, and import what it says",
            )
        };
        Err(Error::usage(
            message,
            format!(
                "{hint}: `guideway predict {} --on {} --from PATH --format FORMAT`; `guideway model show {}` lists what there is",
                model.name,
                if is_query(on) { "DATASET[:SPLIT]" } else { on },
                model.name
            ),
        ))
    }

    /// The same file for the same frames was taken in before: it counts again, should another have come after it.
    pub(super) fn count_again(
        &self,
        model: &ModelRecord,
        run: RunRecord,
        on: &str,
        started: i64,
    ) -> Result<PredictReport, Error> {
        let Predicted {
            run_id: counts, frames, ..
        } = self.imported_run(model, on)?;
        if counts != run.run_id {
            let run_id = run.run_id.clone();
            let operation = clock::operation("predict", &self.settings().user, started)
                .input(model_node(model))
                .input(NodeRef::new(NodeKind::Run, counts))
                .params(json!({ "on": on, "counts_again": run_id }));
            let mut transaction = self.block_on(self.store().begin())?;
            transaction.put_run(RunRecord {
                started_ns: started,
                ended_ns: Some(operation.ended_ns),
                ..run
            });
            self.block_on(transaction.commit(operation))?;
            return self.predict_report(run_id, frames, false);
        }
        self.predict_report(counts, frames, false)
    }

    fn wanted_frames(&self, on: &str) -> Result<WantedFrames, Error> {
        if !is_query(on) {
            // Says what is wrong with the name, if something is.
            self.dataset_split(on)?;
            return Ok(WantedFrames(
                [(String::new(), self.frame_list(&frames_in(on))?)]
                    .into_iter()
                    .collect(),
            ));
        }
        let (inner, _) = self.frame_query(on)?;
        let chosen = format!("f.frame_id IN (SELECT q.frame_id FROM (\n{inner}\n) q)");
        let mut lists = BTreeMap::new();
        for (modality, _) in self.counts(&format!(
            "SELECT f.modality, count(*) FROM frames f WHERE {chosen} GROUP BY f.modality ORDER BY f.modality"
        ))? {
            let frames = self.frame_list(&format!(
                "SELECT f.frame_id AS frame_id, f.recording_id AS recording_id FROM frames f WHERE {chosen} AND f.modality = {}",
                crate::workspace::quote(&modality)
            ))?;
            lists.insert(modality, frames);
        }
        if lists.is_empty() {
            return Err(crate::error::ErrorKind::NothingSelected {
                message: "the query selects no frames".to_owned(),
                hint: Some("try it with `guideway query`".to_owned()),
            }
            .into());
        }
        Ok(WantedFrames(lists))
    }

    /// The frames of a dataset, by its id, or of one of its splits; none where it is gone.
    fn covered(&self, dataset_id: &str, split: Option<&str>) -> Result<Covered, Error> {
        let Some(info) = self.block_on(self.store().find_dataset(dataset_id))? else {
            return Ok(Covered {
                frames: FrameList::default(),
                modalities: Vec::new(),
            });
        };
        let on = split.map_or_else(|| info.name.clone(), |split| format!("{}:{split}", info.name));
        let frames = frames_in(&on);
        let modalities = self.counts(&format!(
            "SELECT f.modality, count(*) FROM frames f WHERE f.frame_id IN (SELECT d.frame_id FROM ({frames}) d) GROUP BY f.modality"
        ))?;
        Ok(Covered {
            frames: self.frame_list(&frames)?,
            modalities: modalities.into_iter().map(|(modality, _)| modality).collect(),
        })
    }
}

impl WantedFrames {
    /// How many they are, if all that the import can say something about are covered, and there are any.
    fn within(&self, covered: &Covered) -> Option<u64> {
        let mut frames = 0;
        for (modality, list) in &self.0 {
            if !modality.is_empty() && !covered.modalities.contains(modality) {
                continue;
            }
            if !list.sorted().all(|frame| covered.frames.recording(frame).is_some()) {
                return None;
            }
            frames += list.len() as u64;
        }
        (frames > 0).then_some(frames)
    }
}
