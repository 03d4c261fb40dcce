//! Evaluating a model on a frozen dataset: metrics, events, plots, and the comparison of two evaluations.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use guideway_core::{IdBuilder, Reporter};
use guideway_eval::bootstrap::{BootstrapParams, compare, intervals};
use guideway_eval::coco::{
    CocoParams, Confusion, Detections, GroundTruth, IouType, Matches, class_table, confusion, match_detections,
};
use guideway_eval::events::{Event, EventParams, find_events};
use guideway_schema::{EventRow, MetricRow, PredictionRow};
use guideway_store::{Columns, Dataset, NodeKind, NodeRef, RunRecord, Sample, pick};
use guideway_train::Prediction;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::atomic::write_atomic;
use crate::clock;
use crate::dataset::dataset_node;
use crate::error::Error;
use crate::plot::{ConfusionPlot, LinePlot, Series};
use crate::predict::is_query;
use crate::train::model_node;
use crate::workspace::{Workspace, quote};

/// Resamples behind the intervals of one evaluation.
const RESAMPLES: u32 = 500;
/// Rows of a table pushed at a time.
const PUSH_ROWS: usize = 8192;
/// Curves in one precision–recall plot.
const MOST_CURVES: usize = 8;

/// A class of an evaluation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClassResult {
    /// Its name.
    pub name: String,
    /// Number of labels that count.
    pub labels: u64,
    /// AP over IoU 0.50 to 0.95.
    pub ap: Option<f64>,
    /// AP at IoU 0.50.
    pub ap50: Option<f64>,
    /// AP at IoU 0.75.
    pub ap75: Option<f64>,
    /// AR with 100 detections per image.
    pub ar100: Option<f64>,
}

/// An evaluation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EvalReport {
    /// The run.
    pub run_id: String,
    /// The model's name.
    pub model: String,
    /// The model's id.
    pub model_id: String,
    /// The dataset or split.
    pub on: String,
    /// The run that predicted.
    pub predict_run_id: String,
    /// Number of frames.
    pub frames: u64,
    /// Number of labels.
    pub labels: u64,
    /// Number of predictions.
    pub predictions: u64,
    /// Every metric, overall and per class.
    pub metrics: Vec<MetricRow>,
    /// The per-class table.
    pub classes: Vec<ClassResult>,
    /// Number of events by kind.
    pub events: Vec<(String, u64)>,
    /// Confusion matrix, row-major, background last.
    pub confusion: Vec<u64>,
    /// The plots: name and path.
    pub plots: Vec<(String, String)>,
}

impl EvalReport {
    /// The value of an overall metric.
    pub fn stat(&self, name: &str) -> Option<f64> {
        self.metrics
            .iter()
            .find(|metric| metric.slice == "all" && metric.metric == name)?
            .value
    }
}

/// A metric of two evaluations.
#[derive(Debug, Clone, Serialize)]
pub struct EvalDelta {
    /// Name.
    pub metric: String,
    /// `all` or `class=…`.
    pub slice: String,
    /// Of the baseline.
    pub baseline: Option<f64>,
    /// Of the candidate.
    pub candidate: Option<f64>,
    /// Candidate minus baseline.
    pub delta: Option<f64>,
    /// Lower end of the interval of the difference.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// `better`, `worse`, or `no difference shown`.
    pub verdict: &'static str,
}

/// Two evaluations compared.
#[derive(Debug, Clone, Serialize)]
pub struct EvalDiff {
    /// The baseline's run.
    pub baseline: String,
    /// The candidate's run.
    pub candidate: String,
    /// Groups that the bootstrap draws: recordings, or independent images.
    pub groups: u64,
    /// Resamples.
    pub resamples: u64,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Every metric.
    pub deltas: Vec<EvalDelta>,
}

/// The labels of some rows of a dataset as columns, with what is needed to name them again.
pub(crate) struct Truth {
    pub(crate) arrays: GroundTruth,
    frames: Vec<FrameInfo>,
    label_ids: Vec<String>,
    classes: Vec<String>,
}

struct FrameInfo {
    frame_id: String,
    recording_id: String,
    group_id: String,
    timestamp_ns: Option<i64>,
}

impl Truth {
    /// Reads the labels of these rows, without media. Labels of other classes are left out.
    pub(crate) fn new(
        workspace: &Workspace,
        dataset: &Dataset,
        rows: &[u64],
        classes: &[String],
    ) -> Result<Self, Error> {
        let index: BTreeMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        let mut truth = Self {
            arrays: GroundTruth::new(rows.len() as u32, classes.len() as u32),
            frames: Vec::with_capacity(rows.len()),
            label_ids: Vec::new(),
            classes: classes.to_vec(),
        };
        let mut truncation = Vec::new();
        let mut sizes = Vec::with_capacity(rows.len());
        for part in rows.chunks(PUSH_ROWS) {
            for sample in workspace.block_on(dataset.take(part, Columns::WithoutMedia))? {
                let image = truth.frames.len() as u32;
                let size = |value: Option<i64>| value.and_then(|v| u32::try_from(v).ok()).unwrap_or(0);
                sizes.push([size(sample.width), size(sample.height)]);
                truth.add_labels(&sample, image, &index, &mut truncation);
                truth.frames.push(FrameInfo {
                    frame_id: sample.frame_id,
                    recording_id: sample.recording_id,
                    group_id: sample.group_id,
                    timestamp_ns: sample.timestamp_ns,
                });
            }
        }
        truth.arrays.truncation = Some(truncation);
        if sizes.iter().all(|[width, height]| *width > 0 && *height > 0) {
            truth.arrays.image_size = Some(sizes);
        }
        Ok(truth)
    }

    fn add_labels(&mut self, sample: &Sample, image: u32, index: &BTreeMap<&str, u32>, truncation: &mut Vec<f64>) {
        for label in &sample.labels {
            let (Some(class), Some(bbox)) = (index.get(label.class.as_str()), label.bbox()) else {
                continue;
            };
            self.arrays.push(image, *class, bbox.to_xywh());
            if let (Some(area), Some(last)) = (label.area, self.arrays.area.last_mut()) {
                *last = area;
            }
            if let Some(last) = self.arrays.crowd.last_mut() {
                *last = label.is_crowd;
            }
            if let Some(last) = self.arrays.ignore.last_mut() {
                *last = label.is_ignored;
            }
            truncation.push(label.truncation.unwrap_or(0.0));
            self.label_ids.push(label.label_id.clone());
        }
    }

    /// Group number of each image.
    fn groups(&self) -> Vec<u32> {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        for frame in &self.frames {
            let next = numbers.len() as u32;
            numbers.entry(&frame.group_id).or_insert(next);
        }
        self.frames
            .iter()
            .map(|frame| numbers.get(frame.group_id.as_str()).copied().unwrap_or(0))
            .collect()
    }

    fn image_of(&self) -> BTreeMap<&str, u32> {
        self.frames
            .iter()
            .map(|frame| frame.frame_id.as_str())
            .zip(0..)
            .collect()
    }

    /// AP at IoU 0.50 of predictions whose class indices are this truth's.
    pub(crate) fn ap50(&self, predictions: &[Prediction]) -> Result<f64, Error> {
        let images = self.image_of();
        let mut detections = Detections::default();
        for found in predictions {
            let Some(image) = images.get(found.id.as_str()) else {
                continue;
            };
            for ((bbox, class), score) in found.boxes.iter().zip(&found.classes).zip(&found.scores) {
                detections.push(*image, *class, bbox.to_xywh(), f64::from(*score));
            }
        }
        let params = CocoParams {
            iou_thresholds: vec![0.5],
            ..CocoParams::default()
        };
        let matches = match_detections(&self.arrays, &detections, IouType::Bbox, &params)?;
        Ok(matches.accumulate(None)?.ap(None, 0, None).unwrap_or(0.0))
    }
}

/// Everything that an evaluation is computed from.
struct Case {
    truth: Truth,
    detections: Detections,
    rows: Vec<PredictionRow>,
    matches: Matches,
}

impl Workspace {
    /// Runs a model on a frozen dataset or one of its splits, compares with the labels, and stores metrics and events.
    ///
    /// The same model on the same frames gives the same run; doing it again changes nothing.
    pub fn evaluate(
        &self,
        model: &str,
        on: &str,
        device: Option<&str>,
        reporter: &dyn Reporter,
    ) -> Result<EvalReport, Error> {
        let started = clock::now_ns();
        let model = self.model_record(model)?;
        if is_query(on) {
            return Err(Error::usage(
                "an evaluation is done on a frozen dataset, whose labels do not change, not on a query",
                "freeze what the query selects: `guideway dataset freeze NAME --from \"SELECT …\"`".to_owned(),
            ));
        }
        let (dataset, rows) = self.dataset_split(on)?;
        let (predict_run_id, ..) = self.predict_run(&model, on, device, reporter)?;
        let run_id: String = IdBuilder::new("run").text("eval").text(&predict_run_id).finish();
        let folder = self.run_dir(&run_id);
        if self.is_done(&run_id)? {
            return self.evaluation(&run_id);
        }
        self.stop_here(
            || format!("the predictions on {on} are stored, the evaluation is not"),
            "run it again: the predictions are not made twice",
        )?;
        let task = reporter.begin("Evaluating", None, "steps");
        let case = self.case(&dataset, &rows, &predict_run_id)?;
        let accumulated = case.matches.accumulate(None)?;
        let groups = case.truth.groups();
        let bootstrap = BootstrapParams {
            resamples: RESAMPLES,
            ..BootstrapParams::default()
        };
        task.note("intervals");
        let metrics: Vec<MetricRow> = intervals(&case.matches, &groups, &bootstrap)?
            .into_iter()
            .map(|metric| MetricRow {
                run_id: run_id.clone(),
                metric: metric.metric,
                value: metric.value,
                lower: metric.lower,
                upper: metric.upper,
                confidence: Some(bootstrap.confidence),
                slice: slice(metric.class, &case.truth.classes),
                support: i64::try_from(metric.support).ok(),
                unit: "1".to_owned(),
                higher_is_better: true,
            })
            .collect();
        let classes = class_table(&case.matches, &accumulated)?
            .into_iter()
            .map(|row| ClassResult {
                name: class_name(row.class, &case.truth.classes),
                labels: row.support,
                ap: row.ap,
                ap50: row.ap50,
                ap75: row.ap75,
                ar100: row.ar,
            })
            .collect();
        task.note("events");
        let event_params = EventParams::default();
        let params = CocoParams::default();
        let found = find_events(
            &case.truth.arrays,
            &case.detections,
            IouType::Bbox,
            &params,
            &event_params,
        )?;
        let events: Vec<EventRow> = found.iter().map(|event| case.event_row(event, &run_id)).collect();
        let mut by_kind: BTreeMap<String, u64> = BTreeMap::new();
        for event in &events {
            *by_kind.entry(event.kind.clone()).or_default() += 1;
        }
        let mixed = confusion(
            &case.truth.arrays,
            &case.detections,
            IouType::Bbox,
            &params,
            event_params.iou,
            event_params.min_score,
        )?;
        let plots = case.plots(&folder, &format!("{} on {on}", model.name), &mixed)?;
        let report = EvalReport {
            run_id: run_id.clone(),
            model: model.name.clone(),
            model_id: model.model_id.clone(),
            on: on.to_owned(),
            predict_run_id: predict_run_id.clone(),
            frames: case.truth.frames.len() as u64,
            labels: case.truth.arrays.len() as u64,
            predictions: case.detections.len() as u64,
            metrics: metrics.clone(),
            classes,
            events: by_kind.into_iter().collect(),
            confusion: mixed.counts,
            plots,
        };
        let bytes = serde_json::to_vec_pretty(&report).map_err(|err| Error::corrupt("the report", err))?;
        write_atomic(&folder.join("report.json"), &bytes)?;

        let params = json!({
            "model_id": model.model_id,
            "model": model.name,
            "dataset_id": dataset.info().dataset_id,
            "on": on,
            "predict_run_id": predict_run_id,
            "iou_type": "bbox",
            "event_params": event_params,
            "resamples": RESAMPLES,
        });
        let operation = clock::operation("eval", &self.settings().user, started)
            .input(model_node(&model))
            .input(dataset_node(dataset.info()))
            .input(NodeRef::new(NodeKind::Run, predict_run_id))
            .params(params.clone());
        let mut transaction = self.block_on(self.store().begin())?;
        self.block_on(transaction.push(metrics.into()))?;
        for part in events.chunks(PUSH_ROWS) {
            self.block_on(transaction.push(part.to_vec().into()))?;
        }
        transaction.put_run(RunRecord {
            run_id,
            kind: "eval".to_owned(),
            name: format!("{} on {on}", model.name),
            params,
            status: "done".to_owned(),
            code_version: clock::code_version(),
            seed: i64::try_from(bootstrap.seed).ok(),
            started_ns: started,
            ended_ns: Some(operation.ended_ns),
            machine: clock::machine(),
        });
        self.block_on(transaction.commit(operation))?;
        drop(task);
        Ok(report)
    }

    /// Every evaluation, oldest first.
    pub fn evaluations(&self) -> Result<Vec<EvalReport>, Error> {
        let runs = self.block_on(self.store().runs())?;
        let mut runs: Vec<RunRecord> = runs.into_iter().filter(|run| run.kind == "eval").collect();
        runs.sort_by(|a, b| a.started_ns.cmp(&b.started_ns).then_with(|| a.run_id.cmp(&b.run_id)));
        runs.iter().map(|run| self.read_report(&run.run_id)).collect()
    }

    /// The evaluation of this run id or id prefix.
    pub fn evaluation(&self, run: &str) -> Result<EvalReport, Error> {
        let record = self.eval_run(run)?;
        self.read_report(&record.run_id)
    }

    /// Two evaluations on the same labels, with paired bootstrap intervals over recordings (or independent images).
    pub fn eval_diff(
        &self,
        baseline: &str,
        candidate: &str,
        resamples: usize,
        seed: u64,
        reporter: &dyn Reporter,
    ) -> Result<EvalDiff, Error> {
        let (a, b) = (self.evaluation(baseline)?, self.evaluation(candidate)?);
        let (dataset_a, rows) = self.dataset_split(&a.on)?;
        let (dataset_b, rows_b) = self.dataset_split(&b.on)?;
        if dataset_a.info().hash != dataset_b.info().hash || rows != rows_b {
            return Err(Error::usage(
                format!(
                    "{} was evaluated on {}, {} on {}: they cannot be compared",
                    a.model, a.on, b.model, b.on
                ),
                format!(
                    "evaluate both on one, such as `guideway eval run {} --on {}`",
                    b.model, a.on
                ),
            ));
        }
        let task = reporter.begin("Comparing", None, "steps");
        let case_a = self.case(&dataset_a, &rows, &a.predict_run_id)?;
        let case_b = self.case(&dataset_b, &rows, &b.predict_run_id)?;
        let groups = case_a.truth.groups();
        let params = BootstrapParams {
            seed,
            resamples: u32::try_from(resamples).unwrap_or(u32::MAX),
            ..BootstrapParams::default()
        };
        let deltas = compare(&case_a.matches, &case_b.matches, &groups, &params)?;
        drop(task);
        Ok(EvalDiff {
            baseline: a.run_id,
            candidate: b.run_id,
            groups: u64::from(groups.iter().max().map_or(0, |last| last + 1)),
            resamples: resamples as u64,
            confidence: params.confidence,
            deltas: deltas
                .into_iter()
                .map(|delta| EvalDelta {
                    verdict: match (delta.lower, delta.upper) {
                        (Some(lower), _) if lower > 0.0 => "better",
                        (_, Some(upper)) if upper < 0.0 => "worse",
                        _ => "no difference shown",
                    },
                    slice: slice(delta.class, &case_a.truth.classes),
                    metric: delta.metric,
                    baseline: delta.a,
                    candidate: delta.b,
                    delta: delta.delta,
                    lower: delta.lower,
                    upper: delta.upper,
                })
                .collect(),
        })
    }

    fn eval_run(&self, run: &str) -> Result<RunRecord, Error> {
        let mut runs = self.block_on(self.store().runs())?;
        runs.retain(|record| record.kind == "eval");
        Ok(pick("evaluation", run, runs)?)
    }

    fn read_report(&self, run_id: &str) -> Result<EvalReport, Error> {
        let path = self.run_dir(run_id).join("report.json");
        let bytes = std::fs::read(&path).map_err(|source| Error::io("read", &path, source))?;
        serde_json::from_slice(&bytes).map_err(|err| Error::corrupt(path.display().to_string(), err))
    }

    fn run_dir(&self, run_id: &str) -> PathBuf {
        self.settings().data.join("runs").join(run_id)
    }

    /// The labels of some rows of a dataset, and the predictions of a run on them.
    fn case(&self, dataset: &Dataset, rows: &[u64], predict_run: &str) -> Result<Case, Error> {
        let truth = Truth::new(self, dataset, rows, dataset.classes())?;
        let predictions: Vec<PredictionRow> = self.rows(&format!(
            "SELECT * FROM predictions WHERE run_id = {} ORDER BY prediction_id",
            quote(predict_run)
        ))?;
        let images = truth.image_of();
        let index: BTreeMap<&str, u32> = truth.classes.iter().map(String::as_str).zip(0..).collect();
        let mut detections = Detections::default();
        let mut kept = Vec::new();
        for row in predictions {
            if let (Some(image), Some(class)) = (images.get(row.frame_id.as_str()), index.get(row.class.as_str())) {
                let xywh = [row.x_min, row.y_min, row.x_max - row.x_min, row.y_max - row.y_min];
                detections.push(*image, *class, xywh, row.score);
                kept.push(row);
            }
        }
        let matches = match_detections(&truth.arrays, &detections, IouType::Bbox, &CocoParams::default())?;
        Ok(Case {
            truth,
            detections,
            rows: kept,
            matches,
        })
    }
}

impl Case {
    fn event_row(&self, event: &Event, run_id: &str) -> EventRow {
        let frame = self.truth.frames.get(event.image as usize);
        let label = event
            .label
            .and_then(|row| self.truth.label_ids.get(row as usize))
            .cloned();
        let prediction = event.detection.and_then(|row| self.rows.get(row as usize));
        let corners = |[x, y, w, h]: [f64; 4]| vec![x, y, x + w, y + h];
        let label_box = event
            .label
            .and_then(|row| self.truth.arrays.boxes.get(row as usize))
            .copied();
        let name = |class: Option<u32>| class.map(|class| class_name(class, &self.truth.classes));
        EventRow {
            event_id: IdBuilder::new("event")
                .text(run_id)
                .text(event.kind.name())
                .text(frame.map_or("", |frame| &frame.frame_id))
                .text(label.as_deref().unwrap_or(""))
                .text(prediction.map_or("", |row| &row.prediction_id))
                .finish(),
            run_id: run_id.to_owned(),
            kind: event.kind.name().to_owned(),
            recording_id: frame.map(|frame| frame.recording_id.clone()).unwrap_or_default(),
            frame_id: frame.map(|frame| frame.frame_id.clone()).unwrap_or_default(),
            start_ns: frame.and_then(|frame| frame.timestamp_ns),
            end_ns: frame.and_then(|frame| frame.timestamp_ns),
            class: name(event.label_class),
            predicted_class: name(event.detection_class),
            label_id: label,
            prediction_id: prediction.map(|row| row.prediction_id.clone()),
            score: event.score,
            iou: event.iou,
            label_box: label_box.map(corners).unwrap_or_default(),
            predicted_box: prediction
                .map(|row| vec![row.x_min, row.y_min, row.x_max, row.y_max])
                .unwrap_or_default(),
            severity: Some(event.severity),
            cause: event.cause(),
        }
    }

    /// Draws the precision–recall curves and the confusion matrix.
    fn plots(&self, folder: &Path, title: &str, mixed: &Confusion) -> Result<Vec<(String, String)>, Error> {
        std::fs::create_dir_all(folder).map_err(|source| Error::io("make the folder", folder, source))?;
        let mut curves = self.matches.curves(0, 0, None)?;
        curves.sort_by(|a, b| b.support.cmp(&a.support).then(a.class.cmp(&b.class)));
        let shown = curves.len().min(MOST_CURVES);
        let plot = LinePlot {
            title: if shown < curves.len() {
                format!("Precision–recall at IoU 0.50: {title} ({shown} most frequent classes)")
            } else {
                format!("Precision–recall at IoU 0.50: {title}")
            },
            x_label: "recall".to_owned(),
            y_label: "precision".to_owned(),
            y_range: Some((0.0, 1.02)),
            series: curves
                .iter()
                .take(shown)
                .map(|curve| Series {
                    name: format!("{} ({})", class_name(curve.class, &self.truth.classes), curve.support),
                    points: curve
                        .recall
                        .iter()
                        .copied()
                        .zip(curve.precision.iter().copied())
                        .collect(),
                    band: Vec::new(),
                })
                .collect(),
        };
        let mut names = self.truth.classes.clone();
        names.push("background".to_owned());
        let matrix = ConfusionPlot {
            title: format!("Confusion: {title}"),
            names,
            counts: mixed.counts.clone(),
        };
        let mut plots = Vec::new();
        for (name, file, svg) in [
            ("precision–recall", "precision-recall.svg", plot.to_svg()?),
            ("confusion", "confusion.svg", matrix.to_svg()?),
        ] {
            let path = folder.join(file);
            write_atomic(&path, svg.as_bytes())?;
            plots.push((name.to_owned(), path.display().to_string()));
        }
        Ok(plots)
    }
}

fn class_name(class: u32, classes: &[String]) -> String {
    classes
        .get(class as usize)
        .cloned()
        .unwrap_or_else(|| format!("class {class}"))
}

fn slice(class: Option<u32>, classes: &[String]) -> String {
    class.map_or_else(
        || "all".to_owned(),
        |class| format!("class={}", class_name(class, classes)),
    )
}
