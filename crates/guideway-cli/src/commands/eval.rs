//! `eval`: run, list, show, compare, and result files made elsewhere.

use guideway::{DiffOptions, Error, EvalOptions, EvalReport, GateFile, MetricSet, ReportOptions, RuleTable};
use serde_json::{Map, Value, json};

use super::files;
use super::log::short;
use crate::cli::{EvalCommand, EvalGateArgs, EvalReportArgs, EvalRunArgs, MetricSet as MetricSetArg};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count, plural};

pub(crate) fn run(context: &Context, command: &EvalCommand) -> Result<Outcome, Error> {
    match command {
        EvalCommand::Run(args) => evaluate(context, args),
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
            confidence,
            by,
        } => {
            let options = DiffOptions {
                resamples: *resamples,
                seed: *seed,
                confidence: *confidence,
                by: by.clone(),
            };
            diff(context, baseline, candidate, &options)
        }
        EvalCommand::Report(args) => report(context, args),
        EvalCommand::Gate(args) => gate(context, args),
        EvalCommand::Files(args) => files::run(context, args),
    }
}

fn evaluate(context: &Context, args: &EvalRunArgs) -> Result<Outcome, Error> {
    let metrics = args.metrics.iter().map(|set| match set {
        MetricSetArg::Coco => MetricSet::Coco,
        MetricSetArg::Kitti => MetricSet::Kitti,
        MetricSetArg::Nuscenes => MetricSet::NuScenes,
        MetricSetArg::Av2 => MetricSet::Av2,
        MetricSetArg::Tracking => MetricSet::Tracking,
    });
    let options = EvalOptions {
        device: args.device.clone(),
        metrics: metrics.collect(),
        params: match &args.params {
            Some(path) => EvalOptions::read_params(path)?,
            None => Map::new(),
        },
    };
    let report = context
        .interruptible_workspace()?
        .evaluate_with(&args.model, &args.on, &options, &context.console)?;
    context.print(&describe(&report))?;
    Ok(context.outcome())
}

/// The numbers of a rule set: a row for each slice.
fn rule_grid(table: &RuleTable) -> Grid {
    let (keys, metrics) = (table.keys.iter(), table.metrics.iter());
    let columns: Vec<&str> = keys
        .map(String::as_str)
        .chain(["labels"])
        .chain(metrics.map(String::as_str))
        .collect();
    let mut grid = Grid::new(&columns);
    for (metric, decimals) in table.metrics.iter().zip(&table.decimals) {
        grid = grid.decimals(&[metric], *decimals);
    }
    for row in &table.rows {
        let keys = row.keys.iter().map(|key| json!(key));
        let values = row.values.iter().map(|value| number(*value));
        grid.push(keys.chain([json!(row.labels)]).chain(values).collect());
    }
    grid
}

pub(super) fn number(value: Option<f64>) -> Value {
    value.filter(|v| v.is_finite()).map_or(Value::Null, |v| json!(v))
}

fn describe(report: &EvalReport) -> Report {
    let mut stats = Grid::new(&["metric", "value", "lower", "upper"]).decimals(&["value", "lower", "upper"], 4);
    // Mistakes over time have a table of their own.
    let ratios = report
        .metrics
        .iter()
        .filter(|metric| metric.unit == "1" && metric.metric != "mistakes" && !metric.metric.contains('/'));
    for metric in ratios.filter(|metric| metric.slice == "all") {
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
    let mut driven = Grid::new(&["mistakes over time", "count", "per hour", "lower", "upper", "per km"])
        .decimals(&["per hour", "lower", "upper", "per km"], 2);
    let rates = report.driven.iter().flat_map(|driven| &driven.rates);
    for rate in rates.filter(|rate| rate.slice == "all" || rate.slice.starts_with("kind=")) {
        driven.push(vec![
            json!(rate.slice.strip_prefix("kind=").unwrap_or(&rate.slice)),
            json!(rate.mistakes),
            number(rate.per_hour),
            number(rate.per_hour_interval.map(|[lower, _]| lower)),
            number(rate.per_hour_interval.map(|[_, upper]| upper)),
            number(rate.per_km),
        ]);
    }
    let heads = ["slice", "labels", "missed", "recall", "lower", "upper", "AP", "AP50"];
    // Slices of objects in space have no AP.
    let columns = if report.frames_in_space < report.frames {
        heads.len()
    } else {
        heads.len() - 2
    };
    let mut slices = Grid::new(&heads[..columns]).decimals(&heads[3..columns], 4);
    for row in report.breakdown().iter().filter(|row| row.class.is_none()) {
        let mut cells = vec![
            json!(row.slice),
            json!(row.labels),
            json!(row.misses),
            number(row.recall),
            number(row.recall_interval.map(|[lower, _]| lower)),
            number(row.recall_interval.map(|[_, upper]| upper)),
            number(row.ap),
            number(row.ap50),
        ];
        cells.truncate(columns);
        slices.push(cells);
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
    let mut pairs = vec![
        ("run", report.run_id.clone()),
        ("model", report.model.clone()),
        ("on", report.on.clone()),
        ("frames", count(report.frames)),
    ];
    let is_empty = report.labels == 0 && report.predictions == 0;
    if !is_empty {
        pairs.extend((report.frames_in_space > 0).then(|| ("asked in space", count(report.frames_in_space))));
        pairs.push(("labels", count(report.labels)));
        pairs.push(("predictions", count(report.predictions)));
    }
    let mut described = Report::new(report).pairs(pairs);
    if !is_empty {
        described = described.pairs(report.driven.iter().filter(|driven| driven.hours > 0.0).map(|driven| {
            let km = driven.km.map(|km| format!(", {km:.2} km")).unwrap_or_default();
            ("driven", format!("{:.1} min{km}", driven.hours * 60.0))
        }));
    }
    described = if is_empty {
        described.text("There are no boxes in images, so COCO's metrics, events and mistakes are empty.")
    } else if report.frames_in_space == report.frames {
        described
            .text("All predictions are objects in space without boxes in images: COCO's metrics are empty, and events are told by the distance of centres.")
            .grid(slices)
            .grid(events)
            .grid(driven)
    } else {
        described
            .grid(stats)
            .grid(classes)
            .grid(slices)
            .grid(events)
            .grid(driven)
    };
    for table in report.rule_tables() {
        described = described
            .text(format!("By the rules of {}:", table.title))
            .grid(rule_grid(&table));
        for note in &table.notes {
            described = described.text(note);
        }
    }
    for table in report.rule_slice_tables() {
        described = described
            .text(format!("Slices by the rules of {}:", table.title))
            .grid(rule_grid(&table));
    }
    described
        .pairs(report.plots.iter().map(|(name, path)| (name.clone(), path.clone())))
        .rows(rows)
}

fn diff(context: &Context, baseline: &str, candidate: &str, options: &DiffOptions) -> Result<Outcome, Error> {
    let diff = context
        .workspace()?
        .eval_diff(baseline, candidate, options, &context.console)?;
    let columns = [
        "metric",
        "slice",
        "baseline",
        "candidate",
        "delta",
        "lower",
        "upper",
        "p (Holm)",
        "verdict",
    ];
    let new = || Grid::new(&columns).decimals(&["baseline", "candidate", "delta", "lower", "upper", "p (Holm)"], 4);
    let (mut grid, mut main, mut breakdown, mut shown) = (new(), new(), new(), 0);
    for delta in &diff.deltas {
        let row = vec![
            json!(delta.metric),
            json!(delta.slice),
            number(delta.baseline),
            number(delta.candidate),
            number(delta.delta),
            number(delta.lower),
            number(delta.upper),
            number(delta.p_adjusted),
            json!(delta.verdict),
        ];
        // Of many slices those are shown that say something.
        if !delta.of_breakdown {
            main.push(row.clone());
        } else if delta.verdict.ends_with("better") || delta.verdict.ends_with("worse") {
            breakdown.push(row.clone());
            shown += 1;
        }
        grid.push(row);
    }
    let of_main = || diff.deltas.iter().filter(|delta| !delta.of_breakdown);
    let left = match of_main().filter(|delta| delta.verdict == "not tested").count() {
        0 => String::new(),
        left => format!(
            "; {left} are not tested: counts of tracks, what a single recording has and what is not defined have no interval"
        ),
    };
    let note = format!(
        "{:.0} % intervals, paired bootstrap over {} groups, {} resamples, seed {}; better and worse hold for all {} comparisons together{left}",
        diff.confidence * 100.0,
        count(diff.groups),
        count(diff.resamples),
        options.seed,
        of_main().filter(|delta| delta.verdict != "not tested").count()
    );
    let mut report = Report::new(&diff).grid(main).text(note);
    let slices = diff.deltas.iter().filter(|delta| delta.of_breakdown).count();
    if slices > 0 {
        report = report
            .text(format!(
                "slices of labels and frames, and classes within them: {shown} of {slices} comparisons differ, judged for themselves; `--output-format csv` lists all"
            ))
            .grid(breakdown);
    }
    context.print(&report.rows(grid))?;
    Ok(context.outcome())
}

fn report(context: &Context, args: &EvalReportArgs) -> Result<Outcome, Error> {
    let options = ReportOptions {
        out: args.out.clone(),
        baseline: args.against.clone(),
        by: args.by.clone(),
        events: args.events,
    };
    let written = context
        .workspace()?
        .eval_report(&args.run, &options, &context.console)?;
    context.print(&Report::new(&written).pairs([
        ("page", written.index.display().to_string()),
        ("markdown", written.markdown.display().to_string()),
        ("numbers", written.json.display().to_string()),
        ("events", count(written.events)),
    ]))?;
    Ok(context.outcome())
}

fn gate(context: &Context, args: &EvalGateArgs) -> Result<Outcome, Error> {
    let gate = GateFile::read(&args.gate)?;
    let judged = context
        .workspace()?
        .eval_gate(&args.run, args.against.as_deref(), &gate, &context.console)?;
    let mut grid = Grid::new(&["metric", "slice", "rule", "value", "baseline", "lower", "upper", "met"])
        .decimals(&["value", "baseline", "lower", "upper"], 4);
    for rule in &judged.rules {
        grid.push(vec![
            json!(rule.metric),
            json!(rule.slice),
            json!(rule.rule),
            number(rule.value),
            number(rule.baseline),
            number(rule.lower),
            number(rule.upper),
            json!(if rule.met { "yes" } else { "no" }),
        ]);
    }
    let failed = judged.rules.iter().filter(|rule| !rule.met).count();
    let verdict = match (judged.met, judged.rules.len()) {
        (true, rules) => format!("the gate is met: {}", plural(rules as u64, "rule")),
        (false, rules) => format!("the gate is not met: {failed} of {}", plural(rules as u64, "rule")),
    };
    let mut report = Report::new(&judged).grid(grid.clone()).text(verdict).rows(grid);
    if judged.baseline.is_some() {
        report = report.text(format!(
            "lower and upper: {:.1} % intervals of the difference",
            judged.confidence * 100.0
        ));
    }
    context.print(&report)?;
    Ok(if judged.met {
        context.outcome()
    } else {
        Outcome::GateNotMet
    })
}
