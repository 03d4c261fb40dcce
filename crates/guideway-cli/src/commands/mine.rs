//! `mine`.

use guideway::{Dropout, Error, MineOptions};
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
    let mined = context
        .interruptible_workspace()?
        .mine(&options, args.device.as_deref(), &context.console)?;
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
    let mut report = Report::new(&mined)
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
    if mined.selected < args.budget as u64 {
        context.console.say(&format!(
            "the pool holds fewer frames to choose from than the budget of {}",
            count(args.budget as u64)
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
