//! `ingest` and `query`.

use std::io::{Read as _, Write as _};

use guideway::{Error, IngestOptions, Status};
use serde_json::json;

use super::workspace::say_compacted;
use crate::cli::{IngestArgs, OutputFormat, QueryArgs};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count, plural};

pub(crate) fn ingest(context: &Context, args: &IngestArgs) -> Result<Outcome, Error> {
    let workspace = context.interruptible_workspace()?;
    let options = IngestOptions {
        format: args.format.clone(),
        images: args.images.clone(),
        force: args.force,
        with_ground_truth: args.with_ground_truth,
    };
    let report = workspace.ingest(&args.paths, &options, &context.console)?;
    let mut grid = Grid::new(&[
        "recording",
        "name",
        "format",
        "status",
        "frames",
        "labels",
        "signals",
        "messages",
        "damaged",
    ]);
    let mut failures = Vec::new();
    for recording in &report.recordings {
        grid.push(vec![
            json!(recording.recording_id.get(..12).unwrap_or(&recording.recording_id)),
            json!(recording.name),
            json!(recording.format),
            json!(recording.status),
            json!(recording.summary.frames),
            json!(recording.summary.labels),
            json!(recording.summary.signals),
            json!(recording.summary.messages),
            json!(recording.summary.damaged),
        ]);
        if let Some(error) = &recording.error {
            failures.push(format!("{}: {error}", recording.uri));
        }
    }
    let added = report
        .recordings
        .iter()
        .filter(|r| matches!(r.status, Status::Added | Status::Updated))
        .count();
    let mut text = Report::new(&report).grid(grid.clone()).rows(grid).text(format!(
        "{} read, {} already there, {} failed",
        plural(added as u64, "recording"),
        report
            .recordings
            .iter()
            .filter(|r| r.status == Status::Unchanged)
            .count(),
        failures.len()
    ));
    if !failures.is_empty() {
        text = text.heading("Failed").text(failures.join("\n"));
    }
    context.print(&text)?;
    say_compacted(context, &report.compacted);
    if report.not_read > 0 {
        return Err(Error::interrupted(
            format!(
                "{} looked at, what was read of them is kept; {} not read",
                plural(report.recordings.len() as u64, "recording"),
                count(report.not_read)
            ),
            "run it again: it goes on with those",
        ));
    }
    let damaged = report
        .recordings
        .iter()
        .any(|r| r.summary.damaged > 0 || r.error.is_some());
    if !report.recordings.is_empty() && failures.len() == report.recordings.len() {
        return Err(Error::failed("no recording could be read", "see the reasons above"));
    }
    Ok(if damaged {
        Outcome::Incomplete
    } else {
        context.outcome()
    })
}

pub(crate) fn query(context: &Context, args: &QueryArgs) -> Result<Outcome, Error> {
    let sql = if args.sql == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|err| Error::io("read", "stdin".as_ref(), err))?;
        text
    } else {
        args.sql.clone()
    };
    let workspace = context.workspace()?;
    let mut result = workspace.query(&sql)?;
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    let rows = match context.format() {
        OutputFormat::Auto | OutputFormat::Text => {
            let (shown, total) = result.write_text(&mut out, args.max_rows)?;
            if total > shown {
                context.console.say(&format!(
                    "{shown} of {total} rows shown; --max-rows N shows more, --output-format csv all"
                ));
            }
            total
        }
        OutputFormat::Json => result.write_json(&mut out, guideway::JsonShape::Array)?,
        OutputFormat::Ndjson => result.write_json(&mut out, guideway::JsonShape::Lines)?,
        OutputFormat::Csv => result.write_csv(&mut out)?,
    };
    out.flush().map_err(Error::output)?;
    Ok(if rows == 0 {
        Outcome::NothingSelected
    } else {
        Outcome::Done
    })
}
