//! Evaluating a model on a frozen dataset: metrics, events, plots, and the comparison of two evaluations.

mod breakdown;
mod case;
mod diff;
mod gate;
mod mistakes;
mod report;
mod rules;
mod scene;
#[cfg(test)]
mod tests;
mod tracking;

use std::collections::BTreeMap;
use std::path::PathBuf;

use guideway_core::{IdBuilder, Reporter};
use guideway_eval::bootstrap::{BootstrapParams, intervals};
use guideway_eval::coco::{CocoParams, IouType, class_table, confusion};
use guideway_eval::events::{EventParams, SpaceEventParams, find_events};
use guideway_schema::{EventRow, MetricRow};
use guideway_store::{NodeKind, NodeRef, RunRecord, pick};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::atomic::write_atomic;
use crate::clock;
use crate::dataset::dataset_node;
use crate::error::Error;
use crate::predict::is_query;
use crate::train::model_node;
use crate::workspace::Workspace;

pub use breakdown::BreakdownRow;
pub(crate) use case::Truth;
pub use diff::{DiffOptions, EvalDelta, EvalDiff};
pub use gate::{GateFile, GateReport, GateResult, GateRule};
pub use mistakes::{Driven, MistakeRate};
pub use report::{ReportOptions, WrittenReport};
pub use rules::{EvalOptions, MetricSet, RuleRow, RuleSetReport, RuleTable};
pub use tracking::{TrackScores, TrackingReport};

/// Raised when an evaluation finds more than it did: then the same predictions are evaluated anew. 2: mistakes over time. 3: breakdowns, events in space. 4: breakdowns in space.
const EVALUATION_VERSION: i64 = 4;
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
    /// Frames of which the events are about objects in space: the model says where these are, and draws no boxes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub frames_in_space: u64,
    /// Number of labels: those with boxes, and in frames in space those with cuboids.
    pub labels: u64,
    /// Number of predictions.
    pub predictions: u64,
    /// Every metric, overall and per class.
    pub metrics: Vec<MetricRow>,
    /// The per-class table.
    pub classes: Vec<ClassResult>,
    /// Number of events by kind.
    pub events: Vec<(String, u64)>,
    /// Mistakes over time, by the hour and by the kilometre; none in reports of older versions.
    #[serde(default)]
    pub driven: Option<Driven>,
    /// Confusion matrix, row-major, background last.
    pub confusion: Vec<u64>,
    /// The plots: name and path.
    pub plots: Vec<(String, String)>,
    /// What the rules of other benchmarks say, by their names; their values are among the metrics too, as `kitti/…`. None in reports of older versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rule_sets: BTreeMap<String, RuleSetReport>,
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
        let options = EvalOptions {
            device: device.map(str::to_owned),
            ..EvalOptions::default()
        };
        self.evaluate_with(model, on, &options, reporter)
    }

    /// Runs a model on a frozen dataset or one of its splits like [`evaluate`](Self::evaluate), with the rules of other benchmarks beside COCO's.
    ///
    /// Other rules or parameters make another run, of the same predictions.
    pub fn evaluate_with(
        &self,
        model: &str,
        on: &str,
        options: &EvalOptions,
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
        self.check_rules(options, &model, (on, &dataset, &rows))?;
        let predicted = self.predict_run(&model, on, options.device.as_deref(), reporter)?;
        let id = IdBuilder::new("run")
            .text("eval")
            .text(&predicted.key)
            .int(EVALUATION_VERSION);
        let run_id: String = options.identify(id).finish();
        let predict_run_id = predicted.run_id.clone();
        let folder = self.run_dir(&run_id);
        if self.is_done(&run_id)? {
            return self.evaluation(&run_id);
        }
        self.stop_here(
            || format!("the predictions on {on} are stored, the evaluation is not"),
            "run it again: the predictions are not made twice",
        )?;
        let task = reporter.begin("Evaluating", None, "steps");
        let mut case = self.case(&dataset, &rows, &predict_run_id)?;
        let knows_space = self.knows_space(&predict_run_id)?;
        if knows_space {
            case.space = self.in_space((&dataset, &rows), &predict_run_id, reporter)?;
        }
        let case = case;
        let groups = case.truth.groups();
        let mut rule_sets = BTreeMap::new();
        let mut rule_metrics = Vec::new();
        let of_model = (model.name.as_str(), on, predict_run_id.as_str());
        let told = self.told_of_frames(&case.truth)?;
        let with_groups = (&dataset, rows.as_slice(), groups.as_slice(), told.as_slice());
        for (name, outcome) in self.rule_sets(options, with_groups, of_model, &run_id, reporter)? {
            rule_metrics.extend(outcome.metrics);
            rule_sets.insert(name, outcome.report);
        }
        let accumulated = case.matches.accumulate(None)?;
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
        let (event_params, space_params) = (EventParams::default(), SpaceEventParams::default());
        let params = CocoParams::default();
        let found = find_events(
            &case.truth.arrays,
            &case.detections,
            IouType::Bbox,
            &params,
            &event_params,
        )?;
        let mut found = case.wrong(found, &space_params)?;
        if options.metrics.contains(&MetricSet::Tracking) {
            task.note("tracks");
            let tracking = self.tracking(
                &case,
                (&model, on, &predicted),
                (&dataset, &rows),
                options,
                &run_id,
                reporter,
            )?;
            rule_sets.insert(MetricSet::Tracking.name().to_owned(), tracking.rule_set());
            rule_metrics.extend(tracking.metrics);
            found.extend(tracking.events);
        }
        let events: Vec<EventRow> = found.iter().map(|wrong| case.event_row(wrong, &run_id)).collect();
        let over_time = self.mistakes(&case, &found, &events, &run_id)?;
        task.note("slices");
        let cuts = self.cuts(&case, (&dataset, &rows), &told)?;
        let mut metrics = metrics;
        metrics.extend(case.breakdown(&cuts, &run_id, &bootstrap)?);
        metrics.extend(over_time.metrics);
        metrics.extend(rule_metrics);
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
        std::fs::create_dir_all(&folder).map_err(|source| Error::io("make the folder", &folder, source))?;
        // Of what has no boxes they would be empty.
        let plots = if case.is_in_space() {
            Vec::new()
        } else {
            case.plots(&folder, &format!("{} on {on}", model.name), &mixed)?
        };
        let [labels, predictions] = case.sizes();
        let report = EvalReport {
            run_id: run_id.clone(),
            model: model.name.clone(),
            model_id: model.model_id.clone(),
            on: on.to_owned(),
            predict_run_id: predict_run_id.clone(),
            frames: case.truth.frames.len() as u64,
            frames_in_space: case.space.frames(),
            labels,
            predictions,
            metrics: metrics.clone(),
            classes,
            events: by_kind.into_iter().collect(),
            driven: Some(over_time.driven),
            confusion: mixed.counts,
            plots,
            rule_sets,
        };
        let bytes = serde_json::to_vec_pretty(&report).map_err(|err| Error::corrupt("the report", err))?;
        write_atomic(&folder.join("report.json"), &bytes)?;

        let mut params = json!({
            "model_id": model.model_id,
            "model": model.name,
            "dataset_id": dataset.info().dataset_id,
            "on": on,
            "predict_run_id": predict_run_id,
            "iou_type": "bbox",
            "event_params": event_params,
            "mistake_params": over_time.params,
            "resamples": RESAMPLES,
        });
        if knows_space {
            params["space_event_params"] = json!(space_params);
        }
        if !report.rule_sets.is_empty() {
            let used = report.rule_sets.iter();
            params["rule_sets"] = used.map(|(name, set)| (name.clone(), set.params.clone())).collect();
        }
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
        for part in over_time.rows.chunks(PUSH_ROWS) {
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
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(value: &u64) -> bool {
    *value == 0
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
