//! `loop` and `experiment`.

use guideway::{Error, LoopOptions, Round};
use serde_json::json;

use crate::cli::rounds::{ExperimentArgs, ExperimentCommand, LoopArgs, LoopCommand};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count, plural};

pub(crate) fn run(context: &Context, command: &LoopCommand) -> Result<Outcome, Error> {
    match command {
        LoopCommand::Run(args) => run_loop(context, args),
    }
}

pub(crate) fn experiment(context: &Context, command: &ExperimentCommand) -> Result<Outcome, Error> {
    match command {
        ExperimentCommand::Run(args) => run_experiment(context, args),
    }
}

fn run_experiment(context: &Context, args: &ExperimentArgs) -> Result<Outcome, Error> {
    let options = LoopOptions {
        device: args.device.clone(),
    };
    let said = |arm: &str, seed: u64, round: &Round| {
        context.console.say(&format!("{arm}, seed {seed}, {}", line(round)));
    };
    let done = context
        .interruptible_workspace()?
        .run_experiment(&args.file, &options, &context.console, &said)?;
    let mut arms = Grid::new(&[
        "arm",
        "frames",
        "labels",
        "to baseline",
        "KPI before",
        "KPI after",
        "gain",
        "lower",
        "upper",
    ])
    .decimals(&["frames"], 0)
    .decimals(&["labels"], 2)
    .decimals(&["to baseline"], 3)
    .decimals(&["KPI before", "KPI after", "gain", "lower", "upper"], 4);
    for arm in &done.arms {
        let gain = arm.gain.as_ref();
        arms.push(vec![
            json!(arm.arm),
            json!(arm.frames),
            json!(arm.labels),
            json!(arm.labels_to_baseline),
            json!(arm.before.as_ref().map(|before| before.mean)),
            json!(arm.after.as_ref().map(|after| after.mean)),
            json!(gain.map(|gain| gain.mean)),
            json!(gain.map(|gain| gain.lower)),
            json!(gain.map(|gain| gain.upper)),
        ]);
    }
    let mut against = Grid::new(&["arm", "round", "of", "difference", "p", "ratio of gains"]).decimals(&["p"], 4);
    for one in &done.comparisons {
        against.push(vec![
            json!(one.arm),
            json!(one.round),
            json!(one.what),
            json!(one.difference_in_words()),
            json!(one.p_adjusted),
            json!(one.ratio_in_words()),
        ]);
    }
    let mut report = Report::new(&done)
        .text(format!(
            "Experiment {}: {} on {} frames, intervals at {} % over the seeds",
            done.name,
            done.kpi,
            count(done.frames[1]),
            (done.confidence * 100.0).round()
        ))
        .grid(arms.clone())
        .rows(arms)
        .text(format!("Against {}, paired by seed:", done.baseline))
        .grid(against);
    if !done.pool_shares.is_empty() {
        let mut shares = Grid::new(&[
            "arm",
            "with the whole pool",
            "reached with",
            "at the end",
            "with",
            "difference",
        ])
        .decimals(&["with the whole pool", "at the end"], 4);
        let percent = |part: f64| format!("{:.1} %", part * 100.0);
        for share in &done.pool_shares {
            shares.push(vec![
                json!(share.arm),
                json!(share.full),
                json!(share.share.map_or_else(|| "not reached".to_owned(), percent)),
                json!(share.last),
                json!(percent(share.last_share)),
                json!(share.difference_in_words()),
            ]);
        }
        report = report.grid(shares);
    }
    let files = done.reports.iter().map(|path| ("report", path.display().to_string()));
    context.print(&report.pairs(files))?;
    Ok(context.outcome())
}

fn run_loop(context: &Context, args: &LoopArgs) -> Result<Outcome, Error> {
    let options = LoopOptions {
        device: args.device.clone(),
    };
    let mut said = |round: &Round| context.console.say(&line(round));
    let done = context
        .interruptible_workspace()?
        .run_loop(&args.file, &options, &context.console, &mut said)?;
    let mut grid = Grid::new(&[
        "round",
        "labelled",
        "boxes",
        "learnt from",
        "KPI",
        "labels",
        "computing",
    ])
    .decimals(&["KPI"], 4);
    for round in &done.rounds {
        grid.push(vec![
            json!(round.round),
            json!(round.frames),
            json!(round.boxes),
            json!(round.train_frames),
            json!(round.kpi),
            json!(format!("{:.2}", round.cost.labels(round.currency))),
            json!(format!("{:.2}", round.cost.compute(round.currency))),
        ]);
    }
    let [labels, computing, together] = done.price.clone();
    let mut pairs = vec![
        ("KPI", done.kpi.clone()),
        ("labels", labels),
        ("computing", computing),
        ("together", together),
    ];
    if let Some((round, model)) = &done.best {
        pairs.push(("best", format!("{model}, of round {round}")));
    }
    let files = done.reports.iter().map(|path| ("report", path.display().to_string()));
    context.print(
        &Report::new(&done)
            .text(format!(
                "Loop {}: {}, and {}",
                done.name,
                plural(done.rounds.len().saturating_sub(1) as u64, "round"),
                done.ended.in_words()
            ))
            .grid(grid.clone())
            .rows(grid)
            .pairs(pairs)
            .pairs(files),
    )?;
    Ok(context.outcome())
}

/// What a round brought, in a line.
fn line(round: &Round) -> String {
    let kpi = round.kpi.map_or_else(|| "–".to_owned(), |kpi| format!("{kpi:.4}"));
    format!(
        "round {}: {} labelled with {} boxes, learnt from {}: KPI {kpi}; spent so far {:.2}",
        round.round,
        plural(round.frames, "frame"),
        count(round.boxes),
        count(round.train_frames),
        round.spent.total(round.currency)
    )
}
