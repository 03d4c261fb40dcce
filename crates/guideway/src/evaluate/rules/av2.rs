//! Argoverse 2's detection benchmark on a dataset's objects in space, in the ego frame and without a region of interest: a workspace has no maps.

use std::sync::Arc;

use guideway_core::Cuboid;
use guideway_eval::av2::files::FilesReport;
use guideway_eval::av2::{Av2Params, Av2Report, Matches, match_detections};
use guideway_eval::objects3d::Keep;
use serde_json::{Map, Value};

use super::objects::Objects;
use super::parts::{Sliced, narrowed, parts};
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
    sliced: Sliced<'_>,
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
    let (reported, used) = (to_value(&report)?, to_value(&params)?);
    let matches = Arc::new(matches);
    let parts = parts(sliced.of_columns(&columns), move |slice| {
        let matches = narrowed(&matches, slice, Matches::within)?;
        Ok(Box::new(move |slice| {
            let categories = matches.params.categories.iter();
            let labels: Vec<(String, u64)> = categories
                .zip(&matches.rows.per_class)
                .map(|(category, rows)| (category.clone(), rows.positives(slice)))
                .collect();
            Ok(values(&matches.report_of_part(slice)?, &labels))
        }))
    })?;
    Ok(Computed {
        report: reported,
        params: used,
        notes,
        parts,
    })
}

/// The means, then those of the categories, each with the number of its labels that count: as many whatever categories the report has.
fn values(report: &Av2Report, labels: &[(String, u64)]) -> Vec<Measured> {
    let mut values = Vec::new();
    let all = labels.iter().map(|(_, labels)| labels).sum();
    let means = ("all".to_owned(), report.average(), all);
    let classes = labels
        .iter()
        .map(|(category, labels)| (format!("class={category}"), report.metrics.get(category), *labels));
    for (slice, metrics, support) in std::iter::once(means).chain(classes) {
        for (metric, value, unit, higher_is_better) in [
            ("AP", metrics.map(|metrics| metrics.ap), "1", true),
            ("ATE", metrics.map(|metrics| metrics.ate), "m", false),
            ("ASE", metrics.map(|metrics| metrics.ase), "1", false),
            ("AOE", metrics.map(|metrics| metrics.aoe), "rad", false),
            ("CDS", metrics.map(|metrics| metrics.cds), "1", true),
        ] {
            values.push(Measured {
                metric: metric.to_owned(),
                slice: slice.clone(),
                value: value.filter(|_| support > 0),
                support: Some(support),
                unit,
                higher_is_better,
            });
        }
    }
    values
}
