//! `dataset`: freeze, list, show, compare, export.

use guideway::split::SplitSpec;
use guideway::{DatasetSummary, Error, FreezeOptions, GroupBy};
use serde_json::{Value, json};

use super::log::short;
use crate::cli::{DatasetCommand, ExportFormat, FreezeArgs, GroupBy as GroupByArg};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, bytes, count, plural};

/// Examples of each kind of change that a diff prints as text; JSON has more.
const EXAMPLES: usize = 3;

pub(crate) fn run(context: &Context, command: &DatasetCommand) -> Result<Outcome, Error> {
    match command {
        DatasetCommand::Freeze(args) => freeze(context, args),
        DatasetCommand::Ls => ls(context),
        DatasetCommand::Show { name } => {
            let dataset = context.workspace()?.dataset(name)?;
            context.print(&describe(&dataset, Report::new(&dataset)))?;
            Ok(Outcome::Done)
        }
        DatasetCommand::Diff { old, new } => diff(context, old, new),
        DatasetCommand::Export { name, to, dir, force } => {
            let format = match to {
                ExportFormat::Coco => guideway::ExportFormat::Coco,
                ExportFormat::Yolo => guideway::ExportFormat::Yolo,
                ExportFormat::Kitti => guideway::ExportFormat::Kitti,
                ExportFormat::Parquet => guideway::ExportFormat::Parquet,
            };
            let exported = context
                .workspace()?
                .export(name, format, dir, *force, &context.console)?;
            let text = format!(
                "{} with {} written to {}",
                plural(exported.frames, "frame"),
                plural(exported.labels, "label"),
                exported.dir
            );
            context.print(&Report::new(&exported).text(text))?;
            Ok(context.outcome())
        }
    }
}

/// The fractions of `--split`.
pub(super) fn split(text: Option<&str>) -> Result<Option<SplitSpec>, Error> {
    text.map(|text| {
        text.parse().map_err(|message: String| {
            Error::usage(
                format!("--split {text}: {message}"),
                "write it like train=0.8,val=0.2".to_owned(),
            )
        })
    })
    .transpose()
}

fn freeze(context: &Context, args: &FreezeArgs) -> Result<Outcome, Error> {
    let options = FreezeOptions {
        sql: args.from.clone(),
        split: split(args.split.as_deref())?,
        group_by: match args.group_by {
            GroupByArg::Recording => GroupBy::Recording,
            GroupByArg::Frame => GroupBy::Frame,
        },
        seed: args.seed,
        classes: args.classes.clone(),
        may_lack_classes: false,
        labelers: args.labelers.clone(),
        orders: args.orders.clone(),
        min_area: args.min_area,
    };
    let dataset = context
        .interruptible_workspace()?
        .freeze(&args.name, &options, &context.console)?;
    let state = if dataset.created {
        "frozen"
    } else {
        "was frozen already, with the same content"
    };
    let report = Report::new(&dataset).text(format!("Dataset {} {state}", dataset.name));
    context.print(&describe(&dataset, report))?;
    Ok(context.outcome())
}

fn describe(dataset: &DatasetSummary, report: Report) -> Report {
    let mut splits = Grid::new(&["split", "frames", "labels", "groups"]);
    for split in &dataset.splits {
        splits.push(vec![
            json!(split.name),
            json!(split.frames),
            json!(split.labels),
            json!(split.groups),
        ]);
    }
    let mut classes = Grid::new(&["class", "labels"]);
    for class in &dataset.classes {
        classes.push(vec![json!(class.name), json!(class.labels)]);
    }
    report
        .pairs([
            ("name", dataset.name.clone()),
            ("hash", dataset.hash.clone()),
            ("frames", count(dataset.frames)),
            ("labels", count(dataset.labels)),
            ("recordings", count(dataset.recordings)),
            ("size", bytes(dataset.bytes)),
            ("seed", dataset.seed.to_string()),
            ("from", dataset.sql.clone()),
        ])
        .grid(splits)
        .grid(classes)
}

fn ls(context: &Context) -> Result<Outcome, Error> {
    let datasets = context.workspace()?.datasets()?;
    let mut grid = Grid::new(&["dataset", "hash", "frames", "labels", "splits", "classes", "size"]);
    for dataset in &datasets {
        let splits: Vec<String> = dataset
            .splits
            .iter()
            .map(|s| format!("{} {}", s.name, s.frames))
            .collect();
        grid.push(vec![
            json!(dataset.name),
            json!(short(&dataset.hash)),
            json!(dataset.frames),
            json!(dataset.labels),
            json!(splits.join(", ")),
            json!(dataset.classes.len()),
            json!(bytes(dataset.bytes)),
        ]);
    }
    let mut report = Report::new(&datasets).rows(grid.clone());
    report = if grid.is_empty() {
        report.text(
            "No datasets yet. Make one with `guideway dataset freeze NAME --from \"SELECT frame_id FROM frames\"`.",
        )
    } else {
        report.grid(grid)
    };
    context.print(&report)?;
    Ok(Outcome::Done)
}

fn diff(context: &Context, old: &str, new: &str) -> Result<Outcome, Error> {
    let diff = context.workspace()?.dataset_diff(old, new, 1000)?;
    let mut counts = Grid::new(&["what", "added", "removed", "changed", "moved"]);
    counts.push(vec![
        json!("frames"),
        json!(diff.frames_added.count),
        json!(diff.frames_removed.count),
        json!(diff.frames_changed.count),
        json!(diff.frames_moved.count),
    ]);
    counts.push(vec![
        json!("labels"),
        json!(diff.labels_added.count),
        json!(diff.labels_removed.count),
        json!(diff.labels_changed.count),
        Value::Null,
    ]);
    let mut examples = Grid::new(&["example", "id", "change"]);
    for (ids, change) in [
        (&diff.frames_added, "added"),
        (&diff.frames_removed, "removed"),
        (&diff.frames_changed, "other media or description"),
    ] {
        for id in ids.first.iter().take(EXAMPLES) {
            examples.push(vec![json!("frame"), json!(short(id)), json!(change)]);
        }
    }
    for moved in diff.frames_moved.first.iter().take(EXAMPLES) {
        let change = format!("split {} → {}", moved.from, moved.to);
        examples.push(vec![json!("frame"), json!(short(&moved.frame_id)), json!(change)]);
    }
    for label in [&diff.labels_added, &diff.labels_removed, &diff.labels_changed]
        .into_iter()
        .flat_map(|changes| changes.first.iter().take(EXAMPLES))
    {
        let change = match (&label.class_before, &label.class_after) {
            (None, Some(after)) => format!("added, {after}"),
            (Some(before), None) => format!("removed, {before}"),
            (Some(before), Some(after)) if before != after => format!("class {before} → {after}"),
            _ => "other geometry or attributes".to_owned(),
        };
        examples.push(vec![json!("label"), json!(short(&label.label_id)), json!(change)]);
    }
    let mut report = Report::new(&diff).grid(counts.clone()).grid(examples).rows(counts);
    if diff.is_empty() {
        report = report.text("The datasets hold the same frames and labels.");
    }
    context.print(&report)?;
    Ok(Outcome::Done)
}
