//! `track`.

use guideway::{Error, TrackOptions, TrackReport, TrackSpace, default_track_params};
use serde_json::json;

use crate::cli::track::{Space, TrackArgs};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count};

pub(crate) fn run(context: &Context, args: &TrackArgs) -> Result<Outcome, Error> {
    let space = args.space.map(|space| match space {
        Space::Image => TrackSpace::Image,
        Space::World => TrackSpace::World,
    });
    let (Some(model), Some(on)) = (&args.model, &args.on) else {
        let params = default_track_params(space.unwrap_or(TrackSpace::Image))?;
        let text = serde_json::to_string_pretty(&params)
            .map_err(|err| Error::corrupt("the parameters of the tracker", err))?;
        context.print(&Report::new(&params).text(text))?;
        return Ok(Outcome::Done);
    };
    let options = TrackOptions {
        space,
        params: match &args.params {
            Some(path) => Some(TrackOptions::read_params(path)?),
            None => None,
        },
        device: args.device.clone(),
    };
    let report = context
        .interruptible_workspace()?
        .track(model, on, &options, &context.console)?;
    context.print(&describe(&report))?;
    Ok(context.outcome())
}

fn describe(report: &TrackReport) -> Report {
    let mut classes =
        Grid::new(&["class", "tracks", "detections", "median length [s]"]).decimals(&["median length [s]"], 2);
    for class in &report.classes {
        classes.push(vec![
            json!(class.class),
            json!(class.tracks),
            json!(class.detections),
            json!(class.median_s),
        ]);
    }
    Report::new(report)
        .pairs([
            ("run", report.run_id.clone()),
            ("space", report.space.name().to_owned()),
            ("recordings", count(report.recordings)),
            ("frames", count(report.frames)),
            ("tracks", count(report.tracks)),
            (
                "detections in tracks",
                format!("{} of {}", count(report.tracked), count(report.detections)),
            ),
            ("coasting", count(report.coasting)),
        ])
        .grid(classes.clone())
        .rows(classes)
}
