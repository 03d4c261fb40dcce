//! `bug`.

use guideway::{Bug, BugCheck, BugEntry, BugOptions, BugState, Error};
use serde_json::json;

use super::log::short;
use super::mine;
use crate::cli::bug::{BugCommand, CheckArgs, MineBugArgs, NewArgs};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count, plural};

pub(crate) fn run(context: &Context, command: &BugCommand) -> Result<Outcome, Error> {
    match command {
        BugCommand::New(args) => new(context, args),
        BugCommand::Ls => ls(context),
        BugCommand::Status { bug } => {
            let bug = context.workspace()?.bug(bug)?;
            context.print(&describe(&bug))?;
            Ok(context.outcome())
        }
        BugCommand::Mine(args) => mine_bug(context, args),
        BugCommand::Check(args) => check(context, args),
    }
}

fn new(context: &Context, args: &NewArgs) -> Result<Outcome, Error> {
    let options = BugOptions {
        title: args.title.clone(),
        events: args.events.clone(),
        threshold: args.threshold,
    };
    let bug = context.workspace()?.bug_new(&options, &context.console)?;
    context.print(&describe(&bug))?;
    Ok(context.outcome())
}

fn ls(context: &Context) -> Result<Outcome, Error> {
    let bugs = context.workspace()?.bugs()?;
    let mut grid = Grid::new(&["bug", "title", "state", "events", "mined", "checks"]);
    for bug in &bugs {
        let mined: u64 = bug
            .history
            .iter()
            .map(|entry| match entry {
                BugEntry::Mined { frames, .. } => *frames,
                BugEntry::Checked(_) => 0,
            })
            .sum();
        let checks = bug.history.iter().filter(|entry| matches!(entry, BugEntry::Checked(_)));
        grid.push(vec![
            json!(short(&bug.bug_id)),
            json!(bug.title),
            json!(state(bug.state)),
            json!(bug.events.len()),
            json!(mined),
            json!(checks.count()),
        ]);
    }
    let mut report = Report::new(&bugs).rows(grid.clone());
    report = if grid.is_empty() {
        report.text(
            "No bugs yet. Open one with `guideway bug new TITLE --events \"SELECT event_id FROM events WHERE …\"`.",
        )
    } else {
        report.grid(grid)
    };
    context.print(&report)?;
    Ok(context.outcome())
}

fn mine_bug(context: &Context, args: &MineBugArgs) -> Result<Outcome, Error> {
    let workspace = context.interruptible_workspace()?;
    let mined = workspace.bug_mine(
        &args.bug,
        (&args.from, args.budget),
        args.model.as_deref(),
        args.device.as_deref(),
        &context.console,
    )?;
    mine::print(context, &mined, args.budget)
}

fn check(context: &Context, args: &CheckArgs) -> Result<Outcome, Error> {
    let workspace = context.interruptible_workspace()?;
    let (bug, check) = workspace.bug_check(
        &args.bug,
        &args.model,
        args.baseline.as_deref(),
        args.device.as_deref(),
        &context.console,
    )?;
    let mut pairs = vec![
        (
            "right",
            format!("{} of {} events", count(check.fixed), count(check.events)),
        ),
        ("wanted", percent(bug.threshold)),
        ("against", check.against.clone()),
        ("worse", worse(&check)),
    ];
    if check.learnt > 0 {
        pairs.push((
            "learnt from",
            format!(
                "{} of {}, so that a loss there does not show; {} in them do not count",
                plural(check.learnt, "frame"),
                bug.on,
                plural(check.seen, "event")
            ),
        ));
    }
    context.print(
        &Report::new(&check)
            .text(format!(
                "{}: {}",
                bug.title,
                if check.closes { "closed" } else { "the gate is not met" }
            ))
            .pairs(pairs),
    )?;
    Ok(if check.closes {
        context.outcome()
    } else {
        Outcome::GateNotMet
    })
}

fn describe(bug: &Bug) -> Report {
    let kinds: Vec<String> = bug
        .kinds
        .iter()
        .map(|(kind, n)| format!("{kind} {}", count(*n)))
        .collect();
    let mut history = Grid::new(&["what", "result"]);
    for entry in &bug.history {
        history.push(match entry {
            BugEntry::Mined { selection, frames } => vec![
                json!("mined"),
                json!(format!("{} as {selection}", plural(*frames, "frame"))),
            ],
            BugEntry::Checked(check) => vec![
                json!(format!("checked {}", check.model)),
                json!(format!(
                    "{} of {} right, worse elsewhere: {}{}",
                    count(check.fixed),
                    count(check.events),
                    worse(check),
                    if check.closes { "; closed" } else { "" }
                )),
            ],
        });
    }
    let pairs = vec![
        ("bug", short(&bug.bug_id).to_owned()),
        ("state", state(bug.state).to_owned()),
        (
            "events",
            format!("{} ({})", count(bug.events.len() as u64), kinds.join(", ")),
        ),
        (
            "slice",
            bug.slice
                .clone()
                .unwrap_or_else(|| "nothing that the events have in common beyond chance".to_owned()),
        ),
        ("test", format!("{} with {} right", bug.test, percent(bug.threshold))),
        ("found on", bug.on.clone()),
        ("by model", short(&bug.model_id).to_owned()),
    ];
    let query = bug.slice_query.clone().map(|query| ("slice as a query", query));
    let report = Report::new(bug)
        .text(bug.title.clone())
        .pairs(pairs.into_iter().chain(query));
    if history.is_empty() {
        report
    } else {
        report.grid(history)
    }
}

fn state(state: BugState) -> &'static str {
    match state {
        BugState::Open => "open",
        BugState::Closed => "closed",
    }
}

/// A part in percent, with as many digits as it has.
fn percent(part: f64) -> String {
    format!("{} %", (part * 1e6).round() / 1e4)
}

fn worse(check: &BugCheck) -> String {
    if check.worse.is_empty() {
        "nothing".to_owned()
    } else {
        check.worse.join(", ")
    }
}
