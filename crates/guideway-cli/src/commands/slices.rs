//! `slices`.

use guideway::{Error, RegionOptions, SliceOptions};
use serde_json::json;

use crate::cli::SlicesArgs;
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count, plural};

pub(crate) fn run(context: &Context, args: &SlicesArgs) -> Result<Outcome, Error> {
    let options = SliceOptions {
        sql: args.sql.clone(),
        event: args.event.clone(),
        group: args.group.clone(),
        regions: args.model.clone().map(|model| RegionOptions {
            model,
            regions: args.regions,
            out: args.out.clone().unwrap_or_default(),
        }),
        params: guideway::SliceParams {
            max_terms: args.terms,
            min_support: args.min_rows,
            false_discovery_rate: args.fdr,
            top: args.top,
            ..guideway::SliceParams::default()
        },
    };
    let found = context
        .interruptible_workspace()?
        .slices(&options, args.device.as_deref(), &context.console)?;
    let columns = ["rows", "events", "rate", "outside", "lift", "q", "predicate"];
    let mut grid = Grid::new(&columns)
        .decimals(&["rate", "outside"], 3)
        .decimals(&["lift"], 2);
    for slice in &found.slices {
        grid.push(vec![
            json!(slice.rows),
            json!(slice.events),
            json!(slice.rate),
            json!(slice.rate_outside),
            json!(slice.lift),
            json!(format!("{:.1e}", slice.q_value)),
            json!(slice.predicate),
        ]);
    }
    let share = 100.0 * found.events as f64 / found.rows.max(1) as f64;
    let mut report = Report::new(&found).rows(grid.clone()).text(format!(
        "{} of {} are events ({share:.1} %)",
        count(found.events),
        plural(found.rows, "row"),
    ));
    report = if grid.is_empty() {
        report.text("Nothing describes them better than chance.")
    } else {
        report.grid(grid)
    };
    context.print(&report)?;
    Ok(context.outcome())
}
