//! `mine`.

use guideway::{Dropout, Error, LikeOptions, LikeWhat, MineOptions, MineReport};
use serde_json::json;

use super::log::short;
use crate::cli::mine::MineArgs;
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count, plural};

pub(crate) fn mine(context: &Context, args: &MineArgs) -> Result<Outcome, Error> {
    let options = MineOptions {
        models: args.models.clone(),
        dropout: args.dropout_passes.map(|passes| Dropout {
            passes,
            rate: args.dropout_rate,
        }),
        from: args.from.clone(),
        budget: args.budget,
        score: args.score.into(),
        aggregate: args.aggregate,
        classes: args.classes.clone(),
        per_class: args.per_class,
        diversity: args.diversity.into(),
        gap_s: args.gap,
        seed: args.seed,
        out: args.out.clone(),
    };
    let workspace = context.interruptible_workspace()?;
    let mined = match &args.like {
        Some(sql) => workspace.mine_like(&like(args, sql)?, args.device.as_deref(), &context.console)?,
        None => workspace.mine(&options, args.device.as_deref(), &context.console)?,
    };
    print(context, &mined, args.budget)
}

/// More of what some objects look like.
fn like(args: &MineArgs, sql: &str) -> Result<LikeOptions, Error> {
    let [model] = args.models.as_slice() else {
        return Err(Error::usage(
            format!(
                "{} models are named to describe what frames are to be like",
                args.models.len()
            ),
            "name one with --model; `guideway model ls` lists them".to_owned(),
        ));
    };
    Ok(LikeOptions {
        model: model.clone(),
        like: LikeWhat::Sql(sql.to_owned()),
        from: args.from.clone(),
        budget: args.budget,
        information: args.information.into(),
        regions: args.regions,
        scene: args.scene,
        out: args.out.clone(),
    })
}

/// Prints what was chosen.
pub(crate) fn print(context: &Context, mined: &MineReport, budget: usize) -> Result<Outcome, Error> {
    let state = if mined.created {
        ""
    } else {
        " (made before: same models, pool and options)"
    };
    let mut pairs = vec![
        ("run", short(&mined.run_id).to_owned()),
        ("pool", plural(mined.pool, "frame")),
    ];
    if mined.labelled > 0 {
        pairs.push(("trained on", count(mined.labelled)));
    }
    if mined.thinned > 0 {
        pairs.push(("within the gap", count(mined.thinned)));
    }
    if let Some([first, middle, last]) = mined.scores {
        pairs.push((
            "scores",
            format!("{} to {}, median {}", score(first), score(last), score(middle)),
        ));
    }
    let mut classes = Grid::new(&["wanted for", "frames"]);
    for (class, frames) in &mined.by_class {
        classes.push(vec![json!(class), json!(frames)]);
    }
    let mut report = Report::new(mined)
        .text(format!(
            "{} chosen as {}{state}",
            plural(mined.selected, "frame"),
            mined.selection
        ))
        .pairs(pairs);
    if !classes.is_empty() {
        report = report.grid(classes);
    }
    context.print(&report)?;
    if mined.selected < budget as u64 {
        context.console.say(&format!(
            "fewer frames are worth choosing from the pool than the budget of {}",
            count(budget as u64)
        ));
    }
    Ok(context.outcome())
}

/// A score with four digits that say something: those of a weak model are small.
fn score(value: f64) -> String {
    if value == 0.0 || value.abs() >= 1e-3 {
        format!("{value:.4}")
    } else {
        format!("{value:.3e}")
    }
}
