//! Running a model over a dataset or a query.

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::{IdBuilder, Reporter, Warning};
use guideway_schema::{FrameRow, PredictionRow};
use guideway_store::{ModelRecord, NodeKind, NodeRef, RunRecord, StoreError, Transaction};
use guideway_train::{SampleSource, Wanted};
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock;
use crate::dataset::{dataset_node, text};
use crate::error::{Error, ErrorKind};
use crate::samples::{DatasetSource, FrameSource};
use crate::train::model_node;
use crate::workspace::{Workspace, quote};

/// Rows kept in memory before the store's lock is taken.
const ROWS_BEFORE_WRITING: usize = 200_000;

/// What a prediction run did.
#[derive(Debug, Clone, Serialize)]
pub struct PredictReport {
    /// The run.
    pub run_id: String,
    /// Number of frames.
    pub frames: u64,
    /// Number of predictions.
    pub predictions: u64,
    /// Predictions by class.
    pub by_class: Vec<(String, u64)>,
    /// Was it made just now?
    pub created: bool,
}

/// What a model runs over.
struct Target {
    source: Box<dyn SampleSource>,
    /// Recording of each frame.
    recordings: BTreeMap<String, String>,
    /// Names the frames: equal for equal frames.
    key: String,
    node: NodeRef,
}

impl Workspace {
    /// Runs a model over a dataset, one of its splits, or the frames that a query selects, and stores the predictions.
    ///
    /// The same model on the same frames is not run twice.
    pub fn predict(
        &self,
        model: &str,
        on: &str,
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<PredictReport, Error> {
        let model = self.model_record(model)?;
        let (run_id, frames, created) = self.predict_run(&model, on, device, reporter)?;
        let by_class = self.counts(&format!(
            "SELECT class, count(*) AS n FROM predictions WHERE run_id = {} GROUP BY class ORDER BY n DESC, class",
            quote(&run_id)
        ))?;
        let predictions = by_class.iter().map(|(_, count)| count).sum();
        Ok(PredictReport {
            run_id,
            frames,
            predictions,
            by_class,
            created,
        })
    }

    /// The prediction run of a model: its id, the number of frames, and whether it was made just now.
    pub(crate) fn predict_run(
        &self,
        model: &ModelRecord,
        on: &str,
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<(String, u64, bool), Error> {
        let started = clock::now_ns();
        let device = self.device(device)?;
        let target = self.target(model, on, reporter)?;
        let run_id: String = IdBuilder::new("run")
            .text("predict")
            .text(&model.model_id)
            .text(&model.digest)
            .text(&target.key)
            .text(device.name())
            .finish();
        let frames = target.source.len() as u64;
        match self.block_on(self.store().run(&run_id)) {
            Ok(run) if run.status == "done" => return Ok((run_id, frames, false)),
            Ok(_) | Err(StoreError::NotFound { .. }) => {}
            Err(err) => return Err(err.into()),
        }
        let detector = self.detector(model, device)?;
        let mut rows: Vec<PredictionRow> = Vec::new();
        let mut transaction: Option<Transaction> = None;
        detector.predict(target.source.as_ref(), Wanted::default(), reporter, &mut |inference| {
            let found = inference.prediction;
            for (index, bbox) in found.boxes.iter().enumerate() {
                let class = found
                    .classes
                    .get(index)
                    .and_then(|class| detector.classes().get(*class as usize));
                rows.push(PredictionRow {
                    prediction_id: IdBuilder::new("prediction")
                        .text(&run_id)
                        .text(&found.id)
                        .int(index as i64)
                        .finish(),
                    run_id: run_id.clone(),
                    model_id: model.model_id.clone(),
                    frame_id: found.id.clone(),
                    recording_id: target.recordings.get(&found.id).cloned().unwrap_or_default(),
                    class: class.cloned().unwrap_or_default(),
                    score: found.scores.get(index).copied().map_or(0.0, f64::from),
                    x_min: bbox.x_min,
                    y_min: bbox.y_min,
                    x_max: bbox.x_max,
                    y_max: bbox.y_max,
                    mask_rle: None,
                });
            }
            if rows.len() >= ROWS_BEFORE_WRITING {
                self.write_predictions(&mut transaction, &mut rows)?;
            }
            Ok(())
        })?;
        let run = |ended_ns| RunRecord {
            run_id: run_id.clone(),
            kind: "predict".to_owned(),
            name: format!("{} on {on}", model.name),
            params: json!({ "model_id": model.model_id, "on": on, "device": device.name(), "frames": frames }),
            status: "done".to_owned(),
            code_version: clock::code_version(),
            seed: None,
            started_ns: started,
            ended_ns: Some(ended_ns),
            machine: clock::machine(),
        };
        self.write_predictions(&mut transaction, &mut rows)?;
        let mut transaction = match transaction {
            Some(transaction) => transaction,
            None => self.block_on(self.store().begin())?,
        };
        let mut operation = clock::operation("predict", &self.settings().user, started)
            .input(model_node(model))
            .input(target.node.clone())
            .params(json!({ "on": on, "device": device.name() }));
        if matches!(target.node.kind, NodeKind::Query) {
            // A dataset knows its recordings; a query does not.
            let recordings: BTreeSet<&String> = target.recordings.values().collect();
            operation.inputs.extend(
                recordings
                    .into_iter()
                    .map(|id| NodeRef::new(NodeKind::Recording, id.clone())),
            );
        }
        transaction.put_run(run(operation.ended_ns));
        self.block_on(transaction.commit(operation))?;
        Ok((run_id, frames, true))
    }

    fn write_predictions(
        &self,
        transaction: &mut Option<Transaction>,
        rows: &mut Vec<PredictionRow>,
    ) -> Result<(), StoreError> {
        if transaction.is_none() {
            *transaction = Some(self.block_on(self.store().begin())?);
        }
        if let Some(transaction) = transaction {
            self.block_on(transaction.push(std::mem::take(rows).into()))?;
        }
        Ok(())
    }

    /// What `--on` names.
    fn target(&self, model: &ModelRecord, on: &str, reporter: &dyn Reporter) -> Result<Target, Error> {
        let word = on.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        if word == "select" || word == "with" {
            return self.query_target(on, reporter);
        }
        let (dataset, rows) = self.dataset_split(on)?;
        let split = on.split_once(':').map_or("", |(_, split)| split);
        let table = format!("datasets.\"{}\"", dataset.info().name);
        let condition = if split.is_empty() {
            String::new()
        } else {
            format!("WHERE split = {}", quote(split))
        };
        let recordings = self.text_pairs(&format!("SELECT frame_id, recording_id FROM {table} {condition}"))?;
        let key = format!("dataset {} {split}", dataset.info().hash);
        let node = dataset_node(dataset.info());
        let source = DatasetSource::new(dataset, rows, &model.classes);
        Ok(Target {
            source: Box::new(source),
            recordings,
            key,
            node,
        })
    }

    fn query_target(&self, sql: &str, reporter: &dyn Reporter) -> Result<Target, Error> {
        let inner = sql.trim().trim_end_matches(';');
        let frames: Vec<FrameRow> = self.rows(&format!(
            "SELECT * FROM frames WHERE modality = 'camera' AND frame_id IN (SELECT frame_id FROM (\n{inner}\n) q) \
             ORDER BY uri, chunk_offset, message_offset, frame_id"
        ))?;
        let (frames, missing): (Vec<FrameRow>, Vec<FrameRow>) =
            frames.into_iter().partition(|frame| frame.length.is_some());
        if let Some(first) = missing.first() {
            reporter.warn(Warning {
                code: "missing-media".to_owned(),
                message: "frames without their image were left out".to_owned(),
                location: first.uri.clone(),
                count: missing.len() as u64,
            });
        }
        if frames.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: "the query selects no camera frames".to_owned(),
                hint: Some("try it with `guideway query`; it must yield the column frame_id".to_owned()),
            }
            .into());
        }
        let mut ids: Vec<&str> = frames.iter().map(|frame| frame.frame_id.as_str()).collect();
        ids.sort_unstable();
        let key: String = ids
            .iter()
            .fold(IdBuilder::new("frames"), |id, frame| id.text(frame))
            .finish();
        let recordings = frames
            .iter()
            .map(|frame| (frame.frame_id.clone(), frame.recording_id.clone()))
            .collect();
        Ok(Target {
            source: Box::new(FrameSource::new(frames)),
            recordings,
            key: format!("query {key}"),
            node: NodeRef::new(NodeKind::Query, sql.to_owned()).with_detail(Value::Null),
        })
    }

    /// The rows of a `SELECT text, text` as a map.
    pub(crate) fn text_pairs(&self, sql: &str) -> Result<BTreeMap<String, String>, Error> {
        let mut result = self.query(sql)?;
        let mut pairs = BTreeMap::new();
        while let Some(batch) = result.next_batch()? {
            let schema = batch.schema();
            let (key, value) = (
                text(&batch, schema.field(0).name())?,
                text(&batch, schema.field(1).name())?,
            );
            pairs.extend((0..batch.num_rows()).map(|row| (key.value(row).to_owned(), value.value(row).to_owned())));
        }
        Ok(pairs)
    }
}
