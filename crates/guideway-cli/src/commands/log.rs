//! `log`: the recordings of the workspace.

use guideway::{Error, RecordingRow, Workspace};
use serde_json::{Value, json};

use crate::cli::LogCommand;
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, bytes, count, duration};

pub(crate) fn run(context: &Context, command: &LogCommand) -> Result<Outcome, Error> {
    let workspace = context.workspace()?;
    match command {
        LogCommand::Ls => ls(context, &workspace),
        LogCommand::Show { recording } => show(context, &workspace, recording),
        LogCommand::Channels { recording } => channels(context, &workspace, recording),
        LogCommand::Cat {
            recording,
            topic,
            from,
            to,
            limit,
        } => {
            let recording = workspace.recording(recording)?;
            let messages = workspace.messages(&recording, topic, *from, *to, *limit)?;
            let mut grid = Grid::new(&["log_time_ns", "publish_time_ns", "sequence", "bytes", "data"]);
            for message in &messages {
                grid.push(vec![
                    json!(message.log_time_ns),
                    json!(message.publish_time_ns),
                    json!(message.sequence),
                    json!(message.length),
                    json!(message.preview),
                ]);
            }
            let selected = !messages.is_empty();
            context.print(&Report::of_rows(grid, "no messages in this time range"))?;
            Ok(if selected {
                Outcome::Done
            } else {
                Outcome::NothingSelected
            })
        }
    }
}

fn ls(context: &Context, workspace: &Workspace) -> Result<Outcome, Error> {
    let recordings = workspace.recordings()?;
    let mut grid = Grid::new(&[
        "recording",
        "name",
        "format",
        "duration",
        "frames",
        "labels",
        "messages",
        "size",
        "damaged",
    ]);
    let mut rows = Grid::new(&[
        "recording_id",
        "name",
        "format",
        "kind",
        "start_ns",
        "end_ns",
        "frames",
        "labels",
        "messages",
        "size_bytes",
        "damaged",
        "uri",
    ]);
    for r in &recordings {
        grid.push(vec![
            json!(short(&r.recording_id)),
            json!(r.name),
            json!(r.format),
            json!(span(r)),
            json!(r.frame_count),
            json!(r.label_count),
            json!(r.message_count),
            json!(bytes(r.size_bytes.max(0) as u64)),
            json!(r.damage_count),
        ]);
        rows.push(vec![
            json!(r.recording_id),
            json!(r.name),
            json!(r.format),
            json!(r.kind),
            json!(r.start_ns),
            json!(r.end_ns),
            json!(r.frame_count),
            json!(r.label_count),
            json!(r.message_count),
            json!(r.size_bytes),
            json!(r.damage_count),
            json!(r.uri),
        ]);
    }
    let mut report = Report::new(&recordings).rows(rows);
    report = if grid.is_empty() {
        report.text("No recordings yet. Read some with `guideway ingest PATH…`.")
    } else {
        report.grid(grid)
    };
    context.print(&report)?;
    Ok(Outcome::Done)
}

fn show(context: &Context, workspace: &Workspace, name: &str) -> Result<Outcome, Error> {
    let r = workspace.recording(name)?;
    let sensors = workspace.sensors(&r)?;
    let classes = workspace.label_counts(&r)?;
    let mut sensor_grid = Grid::new(&["sensor", "modality", "frames", "size", "calibration", "pose"]);
    for (sensor, frames) in &sensors {
        let size = match (sensor.width, sensor.height) {
            (Some(width), Some(height)) => json!(format!("{width}×{height}")),
            _ => Value::Null,
        };
        sensor_grid.push(vec![
            json!(sensor.name),
            json!(sensor.modality),
            json!(frames),
            size,
            json!(sensor.camera_model),
            json!(if sensor.ego_from_sensor.is_empty() {
                "unknown"
            } else {
                "known"
            }),
        ]);
    }
    let mut class_grid = Grid::new(&["class", "labels"]);
    for (class, labels) in &classes {
        class_grid.push(vec![json!(class), json!(labels)]);
    }
    let report = Report::new(&json!({
        "recording": r,
        "sensors": sensors.iter().map(|(sensor, frames)| json!({ "sensor": sensor, "frames": frames })).collect::<Vec<_>>(),
        "labels": classes.iter().map(|(class, labels)| json!({ "class": class, "labels": labels })).collect::<Vec<_>>(),
    }))
    .pairs([
        ("recording", r.recording_id.clone()),
        ("name", r.name.clone()),
        ("where", r.uri.clone()),
        ("format", format!("{} ({})", r.format, r.kind)),
        ("size", bytes(r.size_bytes.max(0) as u64)),
        ("digest", r.digest.clone()),
        ("duration", span(&r)),
        ("clock", r.clock.clone()),
        ("messages", count(r.message_count.max(0) as u64)),
        ("frames", count(r.frame_count.max(0) as u64)),
        ("labels", count(r.label_count.max(0) as u64)),
        ("damaged", count(r.damage_count.max(0) as u64)),
        ("metadata", r.metadata.clone().unwrap_or_default()),
    ])
    .grid(sensor_grid)
    .grid(class_grid);
    context.print(&report)?;
    Ok(if r.damage_count > 0 {
        Outcome::Incomplete
    } else {
        Outcome::Done
    })
}

fn channels(context: &Context, workspace: &Workspace, name: &str) -> Result<Outcome, Error> {
    let r = workspace.recording(name)?;
    let mut grid = Grid::new(&["topic", "kind", "schema", "encoding", "messages", "rate_hz"]).decimals(&["rate_hz"], 1);
    for channel in workspace.channels(&r)? {
        let rate = match (channel.start_ns, channel.end_ns) {
            (Some(start), Some(end)) if end > start && channel.message_count > 1 => {
                json!((channel.message_count - 1) as f64 / ((end - start) as f64 * 1e-9))
            }
            _ => Value::Null,
        };
        grid.push(vec![
            json!(channel.topic),
            json!(channel.kind),
            json!(channel.schema_name),
            json!(channel.message_encoding),
            json!(channel.message_count),
            rate,
        ]);
    }
    let when_empty = format!("a {} recording has no channels", r.format);
    context.print(&Report::of_rows(grid, &when_empty))?;
    Ok(Outcome::Done)
}

/// The first twelve digits of an id.
pub(crate) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

fn span(recording: &RecordingRow) -> String {
    match (recording.start_ns, recording.end_ns) {
        (Some(start), Some(end)) if end >= start && recording.clock != "sequence" => duration(end - start),
        _ => String::new(),
    }
}
