//! `init`, `tables`, `doctor`, `config`.

use guideway::{CheckStatus, Compacted, ENV_VARS, Error, Workspace};
use serde_json::json;

use crate::cli::{ConfigCommand, DoctorArgs, InitArgs, TablesArgs};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, bytes};

pub(crate) fn init(context: &Context, args: &InitArgs) -> Result<Outcome, Error> {
    let fresh = !args.dir.join(guideway::PROJECT_FILE).exists();
    let workspace = Workspace::init(&args.dir)?;
    let root = workspace.root().display().to_string();
    let text = if fresh {
        format!("Workspace made in {root}")
    } else {
        format!("Workspace already in {root}")
    };
    context.print(&Report::new(&json!({ "workspace": root, "created": fresh })).text(text))?;
    Ok(Outcome::Done)
}

pub(crate) fn tables(context: &Context, args: &TablesArgs) -> Result<Outcome, Error> {
    let workspace = context.workspace()?;
    if args.compact {
        say_compacted(context, &workspace.compact(&context.console)?);
    }
    let tables = workspace.tables()?;
    if let Some(name) = &args.table {
        let known: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let table = tables.iter().find(|table| &table.name == name).ok_or_else(|| {
            let meant = guideway::core::hint::closest(name, known.iter().copied())
                .map_or(String::new(), |name| format!("did you mean `{name}`? "));
            Error::not_found("table", name, format!("{meant}the tables are {}", known.join(", ")))
        })?;
        let mut grid = Grid::new(&["column", "type", "meaning"]);
        for column in &table.columns {
            grid.push(vec![json!(column.name), json!(column.data_type), json!(column.comment)]);
        }
        context.print(&Report::of_rows(grid, "no columns"))?;
        return Ok(Outcome::Done);
    }
    let mut grid = Grid::new(&["table", "rows", "version", "size", "description"]);
    let mut text = grid.clone();
    for table in &tables {
        let row = |size| {
            vec![
                json!(table.name),
                json!(table.rows),
                json!(table.version),
                size,
                json!(table.description),
            ]
        };
        grid.push(row(json!(table.bytes_on_disk)));
        text.push(row(json!(bytes(table.bytes_on_disk))));
    }
    context.print(&Report::new(&tables).grid(text).rows(grid))?;
    Ok(Outcome::Done)
}

/// Says what compaction did.
pub(crate) fn say_compacted(context: &Context, tables: &[Compacted]) {
    for table in tables {
        let freed = if table.bytes_freed > 0 {
            format!(", {} freed", bytes(table.bytes_freed))
        } else {
            String::new()
        };
        context.console.say(&format!(
            "{}: {} fragments became {}{freed}",
            table.table, table.fragments_before, table.fragments_after
        ));
    }
}

pub(crate) fn doctor(context: &Context, args: &DoctorArgs) -> Result<Outcome, Error> {
    let workspace = context.workspace()?;
    let doctor = workspace.doctor(args.deep, &context.console)?;
    let mut grid = Grid::new(&["check", "status", "detail"]);
    let mut hints = Vec::new();
    for check in &doctor.checks {
        grid.push(vec![json!(check.name), json!(check.status), json!(check.detail)]);
        if let (Some(hint), true) = (&check.hint, check.status != CheckStatus::Ok) {
            hints.push(format!("{}: {hint}", check.name));
        }
    }
    let whole = doctor.is_whole();
    let mut report = Report::new(&json!({ "whole": whole, "checks": doctor.checks }))
        .grid(grid.clone())
        .rows(grid);
    if !hints.is_empty() {
        report = report.heading("What to do").text(hints.join("\n"));
    }
    let verdict = if whole {
        "The workspace is whole."
    } else {
        "The workspace is NOT whole."
    };
    context.print(&report.text(verdict))?;
    match doctor.status() {
        CheckStatus::Ok => Ok(Outcome::Done),
        CheckStatus::Warn => Ok(Outcome::Incomplete),
        CheckStatus::Error => Err(Error::failed(
            "the workspace is not whole",
            "the checks above say what is wrong",
        )),
    }
}

pub(crate) fn config(context: &Context, command: &ConfigCommand) -> Result<Outcome, Error> {
    let ConfigCommand::Show = command;
    let workspace = context.workspace()?;
    let settings = workspace.settings();
    let mut grid = Grid::new(&["setting", "value", "origin"]);
    for (key, setting) in settings.origins() {
        grid.push(vec![json!(key), json!(setting.value), json!(setting.origin)]);
    }
    let mut vars = Grid::new(&["variable", "meaning"]);
    for var in ENV_VARS {
        vars.push(vec![json!(var.name), json!(var.meaning)]);
    }
    let report = Report::new(&json!({
        "workspace": workspace.root(),
        "settings": settings.origins(),
        "environment_variables": ENV_VARS,
        "unknown": settings.unknown_keys(),
    }))
    .pairs([("workspace", workspace.root().display().to_string())])
    .grid(grid.clone())
    .rows(grid)
    .heading("Environment variables")
    .grid(vars);
    context.print(&report)?;
    Ok(context.outcome())
}
