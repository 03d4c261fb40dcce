//! `eval`: run, list, show, compare, and result files made elsewhere.

use guideway::{Error, EvalReport};
use serde_json::{Value, json};

use super::files;
use super::log::short;
use crate::cli::EvalCommand;
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count};

pub(crate) fn run(context: &Context, command: &EvalCommand) -> Result<Outcome, Error> {
    match command {
        EvalCommand::Run { model, on, device } => {
            let report = context
                .interruptible_workspace()?
                .evaluate(model, on, device.as_deref(), &context.console)?;
            context.print(&describe(&report))?;
            Ok(context.outcome())
        }
        EvalCommand::Ls => {
            let runs = context.workspace()?.evaluations()?;
            let mut grid = Grid::new(&["run", "model", "on", "AP", "AP50"]).decimals(&["AP", "AP50"], 4);
            for run in &runs {
                grid.push(vec![
                    json!(short(&run.run_id)),
                    json!(run.model),
                    json!(run.on),
                    number(run.stat("AP")),
                    number(run.stat("AP50")),
                ]);
            }
            let mut report = Report::new(&runs).rows(grid.clone());
            report = if grid.is_empty() {
                report.text("No evaluations yet. Make one with `guideway eval run MODEL --on DATASET:val`.")
            } else {
                report.grid(grid)
            };
            context.print(&report)?;
            Ok(Outcome::Done)
        }
        EvalCommand::Show { run } => {
            let report = context.workspace()?.evaluation(run)?;
            context.print(&describe(&report))?;
            Ok(Outcome::Done)
        }
        EvalCommand::Diff {
            baseline,
            candidate,
            resamples,
            seed,
        } => diff(context, baseline, candidate, *resamples, *seed),
        EvalCommand::Files(args) => files::run(context, args),
    }
}

pub(super) fn number(value: Option<f64>) -> Value {
    value.filter(|v| v.is_finite()).map_or(Value::Null, |v| json!(v))
}

fn describe(report: &EvalReport) -> Report {
    let mut stats = Grid::new(&["metric", "value", "lower", "upper"]).decimals(&["value", "lower", "upper"], 4);
    for metric in report.metrics.iter().filter(|metric| metric.slice == "all") {
        stats.push(vec![
            json!(metric.metric),
            number(metric.value),
            number(metric.lower),
            number(metric.upper),
        ]);
    }
    let mut classes =
        Grid::new(&["class", "labels", "AP", "AP50", "AP75", "AR100"]).decimals(&["AP", "AP50", "AP75", "AR100"], 4);
    for class in &report.classes {
        classes.push(vec![
            json!(class.name),
            json!(class.labels),
            number(class.ap),
            number(class.ap50),
            number(class.ap75),
            number(class.ar100),
        ]);
    }
    let mut events = Grid::new(&["event", "count"]);
    for (kind, number) in &report.events {
        events.push(vec![json!(kind), json!(number)]);
    }
    let mut rows = Grid::new(&["metric", "slice", "value", "lower", "upper", "support"]);
    for metric in &report.metrics {
        rows.push(vec![
            json!(metric.metric),
            json!(metric.slice),
            number(metric.value),
            number(metric.lower),
            number(metric.upper),
            json!(metric.support),
        ]);
    }
    Report::new(report)
        .pairs([
            ("run", report.run_id.clone()),
            ("model", report.model.clone()),
            ("on", report.on.clone()),
            ("frames", count(report.frames)),
            ("labels", count(report.labels)),
            ("predictions", count(report.predictions)),
        ])
        .grid(stats)
        .grid(classes)
        .grid(events)
        .pairs(report.plots.iter().map(|(name, path)| (name.clone(), path.clone())))
        .rows(rows)
}

fn diff(context: &Context, baseline: &str, candidate: &str, resamples: usize, seed: u64) -> Result<Outcome, Error> {
    let diff = context
        .workspace()?
        .eval_diff(baseline, candidate, resamples, seed, &context.console)?;
    let mut grid = Grid::new(&[
        "metric",
        "slice",
        "baseline",
        "candidate",
        "delta",
        "lower",
        "upper",
        "verdict",
    ])
    .decimals(&["baseline", "candidate", "delta", "lower", "upper"], 4);
    for delta in &diff.deltas {
        grid.push(vec![
            json!(delta.metric),
            json!(delta.slice),
            number(delta.baseline),
            number(delta.candidate),
            number(delta.delta),
            number(delta.lower),
            number(delta.upper),
            json!(delta.verdict),
        ]);
    }
    let note = format!(
        "{:.0} % intervals, paired bootstrap over {} groups, {} resamples, seed {seed}",
        diff.confidence * 100.0,
        count(diff.groups),
        count(diff.resamples)
    );
    context.print(&Report::new(&diff).grid(grid.clone()).text(note).rows(grid))?;
    Ok(context.outcome())
}
