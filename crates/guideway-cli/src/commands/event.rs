//! `event`.

use guideway::{Error, EventFilter, MistakeRow, OpenOptions};
use serde_json::{Value, json};

use super::eval::number;
use super::log::short;
use crate::cli::event::{EventCommand, LsArgs, OpenArgs};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count, plural};

pub(crate) fn run(context: &Context, command: &EventCommand) -> Result<Outcome, Error> {
    match command {
        EventCommand::Ls(args) => ls(context, args),
        EventCommand::Show { event } => show(context, event),
        EventCommand::Open(args) => open(context, args),
    }
}

fn lasted(event: &MistakeRow) -> Option<f64> {
    Some((event.end_ns? - event.start_ns?) as f64 / 1e9)
}

fn ls(context: &Context, args: &LsArgs) -> Result<Outcome, Error> {
    let filter = EventFilter {
        run: args.run.clone(),
        condition: args.condition.clone(),
        limit: args.limit,
    };
    let list = context.workspace()?.events_over_time(&filter)?;
    let mut grid = Grid::new(&[
        "event", "kind", "class", "severity", "frames", "seconds", "distance", "ttc", "in path", "cause",
    ])
    .decimals(&["severity"], 2)
    .decimals(&["seconds", "distance", "ttc"], 1);
    for event in &list.events {
        grid.push(vec![
            json!(short(&event.mistake_id)),
            json!(event.kind),
            json!(event.class.as_ref().or(event.predicted_class.as_ref())),
            json!(event.severity),
            json!(event.frames),
            number(lasted(event)),
            number(event.distance_m),
            number(event.ttc_s),
            event
                .in_path
                .map_or(Value::Null, |in_path| json!(if in_path { "yes" } else { "no" })),
            json!(event.cause),
        ]);
    }
    let mut rows = Grid::new(&[
        "mistake_id",
        "kind",
        "class",
        "predicted_class",
        "recording_id",
        "start_ns",
        "end_ns",
        "frames",
        "frame_id",
        "track_id",
        "severity",
        "distance_m",
        "ttc_s",
        "in_path",
        "cause",
    ]);
    for event in &list.events {
        rows.push(vec![
            json!(event.mistake_id),
            json!(event.kind),
            json!(event.class),
            json!(event.predicted_class),
            json!(event.recording_id),
            json!(event.start_ns),
            json!(event.end_ns),
            json!(event.frames),
            json!(event.frame_id),
            json!(event.track_id),
            json!(event.severity),
            number(event.distance_m),
            number(event.ttc_s),
            json!(event.in_path),
            json!(event.cause),
        ]);
    }
    let selected = !list.events.is_empty();
    let shown = list.events.len() as u64;
    let mut report = Report::new(&list).rows(rows);
    let of = format!("{} on {} (run {})", list.model, list.on, short(&list.run_id));
    report = if selected {
        let all = if shown < list.total {
            format!("the gravest {} of {}", count(shown), count(list.total))
        } else {
            plural(list.total, "event")
        };
        report.grid(grid).text(format!("{all}: {of}"))
    } else {
        report.text(format!("no events: {of}"))
    };
    context.print(&report)?;
    Ok(if selected {
        context.outcome()
    } else {
        Outcome::NothingSelected
    })
}

fn show(context: &Context, id: &str) -> Result<Outcome, Error> {
    let detail = context.workspace()?.event(id)?;
    let event = &detail.event;
    let mut grid = Grid::new(&[
        "frame event",
        "kind",
        "ns",
        "frame",
        "class",
        "predicted",
        "score",
        "IoU",
        "cause",
    ])
    .decimals(&["score", "IoU"], 2);
    for row in &detail.frames {
        grid.push(vec![
            json!(short(&row.event_id)),
            json!(row.kind),
            json!(row.start_ns),
            json!(short(&row.frame_id)),
            json!(row.class),
            json!(row.predicted_class),
            number(row.score),
            number(row.iou),
            json!(row.cause),
        ]);
    }
    let what = event.class.as_ref().or(event.predicted_class.as_ref());
    let metres = event.distance_m.map(|metres| format!("{metres:.1} m"));
    let optional = [
        ("class", what.cloned()),
        ("track", event.track_id.clone()),
        ("seconds", lasted(event).map(|seconds| format!("{seconds:.1}"))),
        ("distance", metres),
        ("time to collision", event.ttc_s.map(|ttc| format!("{ttc:.1} s"))),
        (
            "in the ego's way",
            event
                .in_path
                .map(|in_path| if in_path { "yes" } else { "no" }.to_owned()),
        ),
        ("cause", event.cause.clone()),
    ];
    let pairs = [
        ("event", event.mistake_id.clone()),
        ("kind", event.kind.clone()),
        ("severity", format!("{:.2}", event.severity)),
        ("model", detail.model.clone()),
        ("on", detail.on.clone()),
        ("recording", detail.recording.clone()),
        ("log", detail.uri.clone()),
        ("worst frame", event.frame_id.clone()),
    ];
    let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let report = Report::new(&detail)
        .pairs(pairs.into_iter().chain(optional))
        .grid(grid.clone())
        .rows(grid);
    context.print(&report)?;
    Ok(context.outcome())
}

fn open(context: &Context, args: &OpenArgs) -> Result<Outcome, Error> {
    let options = OpenOptions {
        seconds: args.seconds,
        out: args.out.clone(),
        clip: args.rerun.clone(),
    };
    let opened = context
        .workspace()?
        .open_event(&args.event, &options, &context.console)?;
    let mut pairs = vec![
        ("event", opened.event_id.clone()),
        ("moments", count(opened.moments)),
        ("pictures", count(opened.pictures)),
        ("sweeps", count(opened.sweeps)),
        ("page", opened.page.display().to_string()),
    ];
    if let Some(clip) = &opened.clip {
        pairs.push(("log", clip.display().to_string()));
    }
    context.print(&Report::new(&opened).pairs(pairs))?;
    Ok(context.outcome())
}
