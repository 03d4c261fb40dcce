//! `label`.

use guideway::{Error, OracleOptions};
use serde_json::json;

use super::log::short;
use crate::cli::label::{LabelCommand, OracleArgs};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count, plural};

pub(crate) fn run(context: &Context, command: &LabelCommand) -> Result<Outcome, Error> {
    match command {
        LabelCommand::Oracle(args) => oracle(context, args),
    }
}

fn oracle(context: &Context, args: &OracleArgs) -> Result<Outcome, Error> {
    let options = OracleOptions {
        selection: args.selection.clone(),
        labelers: args.labelers.clone(),
        classes: args.classes.clone(),
        budget: args.budget.clone(),
        partly: args.partly,
    };
    let labelled = context.workspace()?.label_oracle(&options, &context.console)?;
    let state = if labelled.created {
        ""
    } else {
        " (labelled before: same frames, labelers and classes)"
    };
    let mut pairs = vec![
        ("run", short(&labelled.run_id).to_owned()),
        ("order", short(&labelled.order_id).to_owned()),
    ];
    if labelled.answered_before > 0 {
        pairs.push((
            "before",
            format!("{} more, not asked again", count(labelled.answered_before)),
        ));
    }
    pairs.extend([
        ("refused", count(labelled.refused)),
        ("boxes", count(labelled.boxes)),
        ("time", format!("{:.1} h", labelled.seconds / 3600.0)),
        ("price", labelled.price.clone()),
    ]);
    if let Some(tally) = &labelled.tally {
        pairs.push((
            "not drawn",
            format!(
                "{} of {} objects, overlooked or smaller than the guideline",
                count(tally.missed),
                count(tally.objects)
            ),
        ));
        pairs.push(("wrong class", count(tally.confused)));
        pairs.push(("invented", count(tally.invented)));
        if let Some(iou) = tally.mean_iou() {
            pairs.push(("mean IoU", format!("{iou:.3}")));
        }
    }
    let mut grid = Grid::new(&["labeler", "frames", "boxes"]);
    for (name, frames, boxes) in &labelled.by_labeler {
        grid.push(vec![json!(name), json!(frames), json!(boxes)]);
    }
    context.print(
        &Report::new(&labelled)
            .text(format!("{} answered{state}", plural(labelled.frames, "frame")))
            .pairs(pairs)
            .grid(grid),
    )?;
    Ok(context.outcome())
}
