//! Argoverse 2's detection benchmark on a dataset's objects in space, in the ego frame and without a region of interest: a workspace has no maps.

use guideway_core::Cuboid;
use guideway_eval::av2::files::FilesReport;
use guideway_eval::av2::{Av2Params, match_detections};
use guideway_eval::objects3d::Keep;
use serde_json::{Map, Value};

use super::objects::Objects;
use super::space::{Placed, without_labels};
use super::{Computed, Measured, MetricSet, Tally, resolve, to_value};
use crate::error::Error;

/// The official parameters for these classes, but for the region of interest.
pub(super) fn params(classes: &[String]) -> Av2Params {
    Av2Params {
        categories: classes.to_vec(),
        eval_only_roi_instances: false,
        ..Av2Params::default()
    }
}

pub(super) fn compute(
    objects: &Objects,
    given: Option<&Map<String, Value>>,
    tally: &mut Tally,
) -> Result<Computed, Error> {
    let placed = Placed::of(objects, tally);
    let mut params = resolve(MetricSet::Av2, &params(&objects.classes), given)?;
    if params.eval_only_roi_instances {
        return Err(Error::usage(
            "a workspace has no maps, and `eval_only_roi_instances` asks for a region of interest made of them",
            "leave it out; `guideway eval files --format av2 --maps DIR` evaluates result files with their logs' maps"
                .to_owned(),
        ));
    }
    let mut notes = vec!["without a region of interest: a workspace has no maps".to_owned()];
    if !given.is_some_and(|given| given.contains_key("categories")) {
        let near = |_: &str, cuboid: &Cuboid| cuboid.center.length() < params.max_range_m;
        params.categories = placed.classes(objects, near)?;
        notes.extend(without_labels(objects, &params.categories));
    }
    let columns = placed.columns(objects, &params.categories);
    let matches = match_detections(&columns.truth, &columns.detections, &Keep::default(), &params)?;
    let report = FilesReport {
        report: matches.report(),
        dts_evaluated: matches.rows.detections(),
        gts_evaluated: matches.rows.labels(),
        n_dts: columns.detections.len() as u64,
        n_gts: columns.truth.len() as u64,
        n_sweeps: placed.frames as u64,
    };
    Ok(Computed {
        values: values(&report),
        report: to_value(&report)?,
        params: to_value(&params)?,
        notes,
    })
}

fn values(files: &FilesReport) -> Vec<Measured> {
    let mut values = Vec::new();
    // The means, which come last, first.
    let (classes, means): (Vec<_>, Vec<_>) = files
        .report
        .metrics
        .iter()
        .partition(|(category, _)| files.report.labels.get(category).is_some());
    for (category, metrics) in means.into_iter().chain(classes) {
        let labels = files.report.labels.get(category).copied();
        let support = labels.unwrap_or(files.gts_evaluated);
        for (metric, value, unit, higher_is_better) in [
            ("AP", metrics.ap, "1", true),
            ("ATE", metrics.ate, "m", false),
            ("ASE", metrics.ase, "1", false),
            ("AOE", metrics.aoe, "rad", false),
            ("CDS", metrics.cds, "1", true),
        ] {
            values.push(Measured {
                metric: metric.to_owned(),
                slice: labels.map_or_else(|| "all".to_owned(), |_| format!("class={category}")),
                value: Some(value).filter(|_| support > 0),
                support: Some(support),
                unit,
                higher_is_better,
            });
        }
    }
    values
}
