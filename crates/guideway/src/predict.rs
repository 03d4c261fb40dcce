//! Running a model over a dataset or a query.

use std::sync::Arc;

use arrow_array::RecordBatch;
use guideway_core::{IdBuilder, Reporter, Warning};
use guideway_schema::PredictionRow;
use guideway_store::{ModelRecord, NodeKind, NodeRef, RunRecord, StoreError, Transaction};
use guideway_train::{SampleSource, Wanted};
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock;
use crate::dataset::{dataset_node, text};
use crate::error::{Error, ErrorKind};
use crate::foreign::Imported;
use crate::interrupt::Stopped;
use crate::samples::{DatasetSource, FrameList, FrameSource};
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
    /// Number of cuboids; a prediction may have a box, a cuboid or both.
    pub cuboids: u64,
    /// Predictions by class.
    pub by_class: Vec<(String, u64)>,
    /// Was it made just now?
    pub created: bool,
    /// Where they come from, if not from here.
    pub imported: Option<Imported>,
}

/// Predictions of a model on some frames.
pub(crate) struct Predicted {
    /// The run, whose predictions may be on other frames as well where they were made elsewhere.
    pub(crate) run_id: String,
    /// Names the predictions on just these frames.
    pub(crate) key: String,
    /// Number of frames.
    pub(crate) frames: u64,
    /// Was the run made just now?
    pub(crate) created: bool,
}

/// What a model runs over.
pub(crate) struct Target<'w> {
    pub(crate) source: Box<dyn SampleSource + 'w>,
    pub(crate) frames: Arc<FrameList>,
    /// Names the frames: equal for equal frames.
    pub(crate) key: String,
    pub(crate) node: NodeRef,
}

impl Workspace {
    /// Runs a model over a dataset, one of its splits, or the frames that a query selects, and stores the predictions.
    ///
    /// A model made elsewhere is not run: what was imported of it counts. The same model on the same frames is not run twice. Memory does not grow with the images, only by about a hundred bytes
    /// for each frame, and the query sorts within the setting `query_memory_mb`. [`Interrupt`](crate::Interrupt) ends it with
    /// nothing kept.
    pub fn predict(
        &self,
        model: &str,
        on: &str,
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<PredictReport, Error> {
        let model = self.model_record(model)?;
        let Predicted {
            run_id,
            frames,
            created,
            ..
        } = self.predict_run(&model, on, device, reporter)?;
        self.predict_report(run_id, frames, created)
    }

    /// What a prediction run holds.
    pub(crate) fn predict_report(&self, run_id: String, frames: u64, created: bool) -> Result<PredictReport, Error> {
        let run = self.block_on(self.store().find_run(&run_id))?;
        let imported = run.as_ref().and_then(Imported::of_run);
        let of_run = format!("WHERE run_id = {}", quote(&run_id));
        let found = match &imported {
            None => format!("SELECT class FROM predictions {of_run}"),
            // One object may have a row in both.
            Some(_) => format!(
                "SELECT DISTINCT prediction_id, class FROM (SELECT prediction_id, class FROM predictions {of_run} \
                 UNION ALL SELECT prediction_id, class FROM predicted_cuboids {of_run})"
            ),
        };
        let by_class = self.counts(&format!(
            "SELECT class, count(*) AS n FROM ({found}) GROUP BY class ORDER BY n DESC, class"
        ))?;
        Ok(PredictReport {
            run_id,
            frames,
            predictions: by_class.iter().map(|(_, count)| count).sum(),
            cuboids: imported.as_ref().map_or(0, |imported| imported.cuboids),
            by_class,
            created,
            imported,
        })
    }

    /// The predictions of a model, made now if they were not before.
    pub(crate) fn predict_run(
        &self,
        model: &ModelRecord,
        on: &str,
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<Predicted, Error> {
        if !model.has_weights() {
            return self.imported_run(model, on);
        }
        let started = clock::now_ns();
        let device = self.device(device)?;
        let target = self.target(&model.classes, on, reporter)?;
        let run_id: String = IdBuilder::new("run")
            .text("predict")
            .text(&model.model_id)
            .text(&model.digest)
            .text(&target.key)
            .text(device.name())
            .finish();
        let frames = target.source.len() as u64;
        let predicted = |created| Predicted {
            key: run_id.clone(),
            run_id: run_id.clone(),
            frames,
            created,
        };
        if self.is_done(&run_id)? {
            return Ok(predicted(false));
        }
        let detector = self.detector(model, device)?;
        let mut rows: Vec<PredictionRow> = Vec::new();
        let mut transaction: Option<Transaction> = None;
        let made = detector.predict(target.source.as_ref(), Wanted::default(), reporter, &mut |inference| {
            self.interrupt().check()?;
            let found = inference.prediction;
            let recording = target.frames.recording(&found.id).unwrap_or_default().to_owned();
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
                    recording_id: recording.clone(),
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
        });
        if let Err(err) = made {
            return Err(if Stopped::is_in_train(&err) {
                Error::interrupted(
                    format!("nothing of the predictions on {on} is kept"),
                    "run it again: it begins anew, with the same result",
                )
            } else {
                err.into()
            });
        }
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
            let recordings = target.frames.recordings();
            operation
                .inputs
                .extend(recordings.into_iter().map(|id| NodeRef::new(NodeKind::Recording, id)));
        }
        transaction.put_run(run(operation.ended_ns));
        self.block_on(transaction.commit(operation))?;
        Ok(predicted(true))
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

    /// What `--on` or `--from` names. Labels of a dataset are those of `classes`.
    pub(crate) fn target(&self, classes: &[String], on: &str, reporter: &dyn Reporter) -> Result<Target<'_>, Error> {
        if is_query(on) {
            return self.query_target(on, reporter);
        }
        if on.contains(char::is_whitespace) {
            return Err(Error::usage(
                format!("`{on}` is neither DATASET[:SPLIT] nor a query"),
                "a query begins with SELECT or WITH; `guideway dataset ls` lists the datasets".to_owned(),
            ));
        }
        let (dataset, rows) = self.dataset_split(on)?;
        let split = on.split_once(':').map_or("", |(_, split)| split);
        let table = format!("datasets.\"{}\"", dataset.info().name);
        let condition = if split.is_empty() {
            String::new()
        } else {
            format!("WHERE split = {}", quote(split))
        };
        let frames = self.frame_list(&format!("SELECT frame_id, recording_id FROM {table} {condition}"))?;
        let key = format!("dataset {} {split}", dataset.info().hash);
        let node = dataset_node(dataset.info());
        let source = DatasetSource::new(dataset, rows, classes);
        Ok(Target {
            source: Box::new(source),
            frames: Arc::new(frames),
            key,
            node,
        })
    }

    fn query_target(&self, sql: &str, reporter: &dyn Reporter) -> Result<Target<'_>, Error> {
        let (inner, _) = self.frame_query(sql)?;
        let cameras = format!(
            "FROM frames f WHERE f.modality = 'camera' AND f.frame_id IN (SELECT q.frame_id FROM (\n{inner}\n) q)"
        );
        let without = self.counts(&format!("SELECT min(f.uri), count(*) {cameras} AND f.length IS NULL"))?;
        if let Some((first, count)) = without.first()
            && *count > 0
        {
            reporter.warn(Warning {
                code: "missing-media".to_owned(),
                message: "frames without their image were left out".to_owned(),
                location: first.clone(),
                count: *count,
            });
        }
        let frames = self.frame_list(&format!(
            "SELECT f.frame_id AS frame_id, f.recording_id AS recording_id {cameras} AND f.length IS NOT NULL \
             ORDER BY f.uri, f.chunk_offset, f.message_offset, f.frame_id"
        ))?;
        if frames.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: "the query selects no camera frames that have an image".to_owned(),
                hint: Some(
                    "try it with `guideway query`; it must yield the ids of frames whose modality is camera".to_owned(),
                ),
            }
            .into());
        }
        let key: String = frames.sorted().fold(IdBuilder::new("frames"), IdBuilder::text).finish();
        let frames = Arc::new(frames);
        Ok(Target {
            source: Box::new(FrameSource::new(self, Arc::clone(&frames))),
            frames,
            key: format!("query {key}"),
            node: NodeRef::new(NodeKind::Query, sql.to_owned()).with_detail(Value::Null),
        })
    }

    /// The frames of a `SELECT frame_id, recording_id`, in its order.
    pub(crate) fn frame_list(&self, sql: &str) -> Result<FrameList, Error> {
        let mut result = self.query(sql)?;
        let batches = std::iter::from_fn(|| result.next_batch().transpose());
        FrameList::collect(batches.flat_map(|batch| match frames_of_batch(batch) {
            Ok(frames) => frames.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(err) => vec![Err(err)],
        }))
    }
}

/// Is this a query, not the name of a dataset?
pub(crate) fn is_query(on: &str) -> bool {
    let word = on.split_whitespace().next().unwrap_or_default();
    word.eq_ignore_ascii_case("select") || word.eq_ignore_ascii_case("with")
}

fn frames_of_batch(batch: Result<RecordBatch, Error>) -> Result<Vec<(Box<str>, String)>, Error> {
    let batch = batch?;
    let (frames, recordings) = (text(&batch, "frame_id")?, text(&batch, "recording_id")?);
    Ok((0..batch.num_rows())
        .map(|row| (frames.value(row).into(), recordings.value(row).to_owned()))
        .collect())
}

/// The samples of a dataset or of one of its splits (`night-v1:val`), as a table of a query.
pub(crate) fn samples_in(on: &str) -> String {
    match on.split_once(':') {
        Some((name, split)) => format!("(SELECT * FROM datasets.\"{name}\" WHERE split = {})", quote(split)),
        None => format!("datasets.\"{on}\""),
    }
}

/// A query for the frames of a dataset or of one of its splits.
pub(crate) fn frames_in(on: &str) -> String {
    format!("SELECT frame_id, recording_id FROM {}", samples_in(on))
}
