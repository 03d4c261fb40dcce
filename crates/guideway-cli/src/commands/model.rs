//! `train`, `predict` and `model`.

use guideway::{Error, ForeignFormat, ForeignOptions, ModelSummary, PredictReport, TrainOptions};
use serde_json::{Value, json};

use super::log::short;
use crate::cli::{self, ModelCommand, PredictArgs, TrainArgs};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count, plural};

pub(crate) fn train(context: &Context, args: &TrainArgs) -> Result<Outcome, Error> {
    let options = TrainOptions {
        dataset: args.dataset.clone(),
        name: args.name.clone(),
        train_split: args.train_split.clone(),
        val_split: args.val_split.clone(),
        seed: args.seed,
        start: args.start.clone(),
        times: 1,
        unwatched: false,
        device: args.device.clone(),
    };
    let trained = context
        .interruptible_workspace()?
        .train(&args.config, &options, &context.console)?;
    let state = match (trained.created, trained.resumed_at_step) {
        (false, _) => "was trained already: same file, dataset and seed".to_owned(),
        (true, Some(step)) => format!("trained, taken up again at step {}", count(step)),
        (true, None) => "trained".to_owned(),
    };
    let report = Report::new(&trained)
        .text(format!("Model {} {state}", trained.model.name))
        .pairs([
            ("model", trained.model.model_id.clone()),
            ("steps", count(trained.steps)),
            (
                "best",
                trained.best.map_or(String::new(), |best| {
                    format!(
                        "{} {best:.4} on {}",
                        trained.metric,
                        args.val_split.as_deref().unwrap_or("val")
                    )
                }),
            ),
            ("weights", trained.model.digest.clone()),
            ("folder", trained.model.path.clone()),
        ]);
    let report = report.pairs(trained.plots.iter().map(|(name, path)| (name.clone(), path.clone())));
    context.print(&report)?;
    Ok(context.outcome())
}

pub(crate) fn run(context: &Context, command: &ModelCommand) -> Result<Outcome, Error> {
    let workspace = context.workspace()?;
    match command {
        ModelCommand::Package { model, out } => {
            let package = workspace.package_model(model, out, &context.console)?;
            let mut grid = Grid::new(&["file", "BLAKE3"]);
            for (name, digest) in &package.files {
                grid.push(vec![json!(name), json!(short(digest))]);
            }
            context.print(
                &Report::new(&package)
                    .text(format!("Model {} packaged in {}", package.model, package.dir.display()))
                    .grid(grid.clone())
                    .rows(grid),
            )?;
        }
        ModelCommand::Ls => {
            let models = workspace.models()?;
            let mut grid = Grid::new(&["model", "id", "dataset", "classes", "best"]).decimals(&["best"], 4);
            for model in &models {
                grid.push(vec![
                    json!(model.name),
                    json!(short(&model.model_id)),
                    if model.made_elsewhere {
                        json!("(made elsewhere)")
                    } else {
                        json!(model.dataset)
                    },
                    json!(model.classes.len()),
                    model.best.map_or(Value::Null, |best| json!(best)),
                ]);
            }
            let mut report = Report::new(&models).rows(grid.clone());
            report = if grid.is_empty() {
                report.text("No models yet. Train one with `guideway train CONFIG --dataset NAME`.")
            } else {
                report.grid(grid)
            };
            context.print(&report)?;
        }
        ModelCommand::Show { model } => {
            let model: ModelSummary = workspace.model(model)?;
            if model.made_elsewhere {
                context.print(&made_elsewhere(&model))?;
                return Ok(Outcome::Done);
            }
            let report = Report::new(&model)
                .pairs([
                    ("name", model.name.clone()),
                    ("id", model.model_id.clone()),
                    ("dataset", model.dataset.clone()),
                    ("classes", model.classes.join(", ")),
                    ("best", model.best.map_or(String::new(), |best| format!("{best:.4}"))),
                    ("weights", model.digest.clone()),
                    ("folder", model.path.clone()),
                ])
                .heading("Configuration")
                .text(model.config.trim_end());
            context.print(&report)?;
        }
    }
    Ok(Outcome::Done)
}

/// A model of which only predictions are known.
fn made_elsewhere(model: &ModelSummary) -> Report {
    let mut grid = Grid::new(&["run", "on", "frames", "boxes", "cuboids", "format", "from"]);
    for import in &model.imports {
        let imported = &import.imported;
        grid.push(vec![
            json!(short(&import.run_id)),
            json!(import.on),
            json!(imported.frames),
            json!(imported.boxes),
            json!(imported.cuboids),
            json!(imported.format),
            json!(imported.from),
        ]);
    }
    Report::new(model)
        .pairs([
            ("name", model.name.clone()),
            ("id", model.model_id.clone()),
            (
                "made",
                "elsewhere: its predictions are known, its weights are not".to_owned(),
            ),
            ("classes", model.classes.join(", ")),
        ])
        .heading("Imported predictions")
        .grid(grid)
}

pub(crate) fn predict(context: &Context, args: &PredictArgs) -> Result<Outcome, Error> {
    let workspace = context.interruptible_workspace()?;
    let run = match (&args.from, args.format) {
        (Some(path), Some(format)) => {
            let options = ForeignOptions {
                path: path.clone(),
                format: format.into(),
                images: args.images.clone(),
            };
            workspace.import_predictions(&args.model, &args.on, &options, &context.console)?
        }
        _ => workspace.predict(&args.model, &args.on, args.device.as_deref(), &context.console)?,
    };
    let mut classes = Grid::new(&["class", "predictions"]);
    for (class, predictions) in &run.by_class {
        classes.push(vec![json!(class), json!(predictions)]);
    }
    let state = match (run.created, &run.imported) {
        (true, _) => "",
        (false, None) => " (made before: same model and frames)",
        (false, Some(_)) if args.from.is_some() => " (taken in before: same file and frames)",
        (false, Some(_)) => " (made elsewhere)",
    };
    let text = format!(
        "{} on {}{state}",
        plural(run.predictions, "prediction"),
        plural(run.frames, "frame")
    );
    context.print(&Report::new(&run).pairs(origin(&run)).grid(classes).text(text))?;
    Ok(context.outcome())
}

/// The run, and where its predictions come from if not from here.
fn origin(run: &PredictReport) -> Vec<(&'static str, String)> {
    let mut pairs = vec![("run", run.run_id.clone())];
    if let Some(imported) = &run.imported {
        pairs.extend([
            ("model", imported.model.clone()),
            ("from", imported.from.clone()),
            ("boxes", count(imported.boxes)),
            ("cuboids", count(imported.cuboids)),
            ("left out", count(imported.left_out)),
            (
                "frames without",
                count(imported.frames.saturating_sub(imported.frames_with)),
            ),
        ]);
    }
    pairs
}

impl From<cli::ForeignFormat> for ForeignFormat {
    fn from(format: cli::ForeignFormat) -> Self {
        match format {
            cli::ForeignFormat::Coco => Self::Coco,
            cli::ForeignFormat::Kitti => Self::Kitti,
            cli::ForeignFormat::Nuscenes => Self::Nuscenes,
            cli::ForeignFormat::Av2 => Self::Av2,
            cli::ForeignFormat::Jsonl => Self::Jsonl,
        }
    }
}
