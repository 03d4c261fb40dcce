//! `assert` and `ticket`.

use guideway::assertions::{Rules, State, Ticket};
use guideway::{AssertOptions, AssertReport, Error};
use serde_json::json;

use super::log::short;
use crate::cli::assertions::{AssertCommand, AssertRunArgs, TicketCommand, TicketState};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count, plural};

pub(crate) fn assert(context: &Context, command: &AssertCommand) -> Result<Outcome, Error> {
    match command {
        AssertCommand::Run(args) => run(context, args),
        AssertCommand::Ls(args) if args.print_rules => {
            context.print(&Report::new(&Rules::default_toml()).text(Rules::default_toml().trim_end()))?;
            Ok(Outcome::Done)
        }
        AssertCommand::Ls(_) => ls(context),
    }
}

fn run(context: &Context, args: &AssertRunArgs) -> Result<Outcome, Error> {
    let options = AssertOptions {
        on: args.on.clone(),
        model: args.model.clone(),
        tracks: args.tracks.clone(),
        priors: args.priors.clone(),
        rules: args.rules.clone(),
        solids: args.solids.clone(),
        suspects: args.suspects,
        device: args.device.clone(),
    };
    let report = context
        .interruptible_workspace()?
        .assert_run(&options, &context.console)?;
    context.print(&describe(&report))?;
    Ok(context.outcome())
}

fn describe(report: &AssertReport) -> Report {
    let mut rules = Grid::new(&["assertion", "checked", "violations", "not checked", "because"]);
    for rule in &report.rules {
        let why = rule
            .reasons
            .iter()
            .max_by_key(|(_, count)| **count)
            .map(|(why, _)| *why);
        rules.push(vec![
            json!(rule.rule),
            json!(rule.checked),
            json!(rule.violations),
            json!(rule.not_checked),
            json!(why),
        ]);
    }
    let mut suspects =
        Grid::new(&["suspect", "class", "recording", "frames", "score", "because"]).decimals(&["score"], 2);
    for suspect in &report.suspects {
        suspects.push(vec![
            json!(suspect.object),
            json!(suspect.class),
            json!(short(&suspect.recording)),
            json!(suspect.frames),
            json!(suspect.score),
            json!(suspect.reasons.first().map(|reason| &reason.message)),
        ]);
    }
    let mut text = format!(
        "{}: {} opened, {} opened again, {} with more evidence",
        report.source,
        plural(report.opened.len() as u64, "ticket"),
        report.reopened.len(),
        report.grown.len()
    );
    if !report.dismissed.is_empty() {
        text.push_str("; more evidence for ");
        text.push_str(&count(report.dismissed.len() as u64));
        text.push_str(" dismissed");
    }
    if !report.learned.is_empty() {
        text.push_str("; priors learned for ");
        text.push_str(&report.learned.join(", "));
    }
    if report.without_stamp > 0 {
        text.push_str("; ");
        text.push_str(&count(report.without_stamp));
        text.push_str(" frames without a stamp were left out");
    }
    let mut out = Report::new(report)
        .pairs([
            ("run", report.run_id.clone()),
            ("recordings", count(report.recordings)),
            ("frames", count(report.frames)),
            ("boxes", count(report.observations)),
            ("samples", count(report.samples)),
            ("hours", format!("{:.3}", report.hours)),
        ])
        .grid(rules.clone());
    if !suspects.is_empty() {
        out = out.grid(suspects);
    }
    out.text(text).rows(rules)
}

fn ls(context: &Context) -> Result<Outcome, Error> {
    let tickets = context.workspace()?.tickets()?;
    let mut grid = Grid::new(&["assertion", "open tickets", "closed", "dismissed"]);
    for rule in guideway::assertions::RULES {
        let of_rule = || tickets.iter().filter(|ticket| ticket.rule == *rule);
        let of_state = |state| of_rule().filter(|ticket| ticket.state == state).count();
        grid.push(vec![
            json!(rule.name()),
            json!(of_rule().filter(|ticket| ticket.is_open()).count()),
            json!(of_state(State::Closed)),
            json!(of_state(State::Dismissed)),
        ]);
    }
    let rows = grid.clone();
    context.print(&Report::of_rows(rows, "no assertions"))?;
    Ok(Outcome::Done)
}

pub(crate) fn ticket(context: &Context, command: &TicketCommand) -> Result<Outcome, Error> {
    match command {
        TicketCommand::Ls { state, rule, max_rows } => list(context, (*state, rule.as_deref()), *max_rows),
        TicketCommand::Show { ticket } => {
            let ticket = context.workspace()?.ticket(ticket)?;
            context.print(&show(&ticket))?;
            Ok(Outcome::Done)
        }
        TicketCommand::Close {
            ticket,
            reason,
            not_a_bug,
        } => {
            let workspace = context.workspace()?;
            let ticket = if *not_a_bug {
                workspace.ticket_dismiss(ticket, reason)?
            } else {
                workspace.ticket_close(ticket, reason)?
            };
            context.print(&show(&ticket))?;
            Ok(context.outcome())
        }
        TicketCommand::Reopen { ticket } => {
            let ticket = context.workspace()?.ticket_reopen(ticket)?;
            context.print(&show(&ticket))?;
            Ok(context.outcome())
        }
    }
}

fn list(context: &Context, (state, rule): (TicketState, Option<&str>), max_rows: usize) -> Result<Outcome, Error> {
    let mut tickets = context.workspace()?.tickets()?;
    let wanted = |ticket: &Ticket| match state {
        TicketState::Open => ticket.is_open(),
        TicketState::Closed => ticket.state == State::Closed,
        TicketState::Dismissed => ticket.state == State::Dismissed,
        TicketState::All => true,
    };
    tickets.retain(|ticket| wanted(ticket) && rule.is_none_or(|rule| ticket.rule.name() == rule));
    tickets.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then(b.frames().cmp(&a.frames()))
            .then(a.id.cmp(&b.id))
    });
    let mut rows = Grid::new(&[
        "ticket",
        "state",
        "severity",
        "assertion",
        "about",
        "what",
        "source",
        "frames",
        "owner",
    ]);
    let mut grid = rows.clone();
    for (at, ticket) in tickets.iter().enumerate() {
        let row = vec![
            json!(short(&ticket.id)),
            json!(ticket.state.name()),
            json!(ticket.severity.name()),
            json!(ticket.rule.name()),
            json!(about(ticket)),
            json!(ticket.title()),
            json!(ticket.source),
            json!(ticket.frames()),
            json!(ticket.owner),
        ];
        if at < max_rows {
            grid.push(row.clone());
        }
        rows.push(row);
    }
    let mut report = Report::new(&tickets).rows(rows);
    report = if tickets.is_empty() {
        report.text("No such tickets. `guideway assert run` opens them, and `--state all` lists every one.")
    } else if tickets.len() > max_rows {
        let (shown, all) = (count(max_rows as u64), count(tickets.len() as u64));
        report
            .grid(grid)
            .text(format!("the gravest {shown} of {all}; `--max-rows` prints more"))
    } else {
        report.grid(grid)
    };
    context.print(&report)?;
    Ok(if tickets.is_empty() {
        Outcome::NothingSelected
    } else {
        Outcome::Done
    })
}

/// What a ticket is about: an object or signal, or a class.
fn about(ticket: &Ticket) -> &str {
    ticket.object.as_deref().unwrap_or(&ticket.class)
}

fn show(ticket: &Ticket) -> Report {
    let mut evidence = Grid::new(&["recording", "sensor", "ns", "frame", "what"]);
    for violation in &ticket.evidence {
        evidence.push(vec![
            json!(short(&violation.recording)),
            json!(violation.sensor),
            json!(violation.stamp_ns),
            json!(violation.frame_id.as_deref().map(short)),
            json!(violation.message),
        ]);
    }
    let mut pairs = vec![
        ("ticket", ticket.id.clone()),
        ("state", ticket.state.name().to_owned()),
        ("severity", ticket.severity.name().to_owned()),
        ("assertion", ticket.rule.name().to_owned()),
        ("what", ticket.title().to_owned()),
        ("source", ticket.source.clone()),
        ("class", ticket.class.clone()),
        ("frames", count(ticket.frames())),
        ("runs", ticket.runs.len().to_string()),
    ];
    if let Some(object) = &ticket.object {
        pairs.push(("object", object.clone()));
    }
    if !ticket.owner.is_empty() {
        pairs.push(("owner", ticket.owner.clone()));
    }
    if let Some(closing) = &ticket.closing {
        let how = match ticket.state {
            State::Dismissed => "dismissed by",
            _ => "closed by",
        };
        pairs.push((how, format!("{}: {}", closing.by, closing.reason)));
    }
    Report::new(ticket).pairs(pairs).grid(evidence.clone()).rows(evidence)
}
