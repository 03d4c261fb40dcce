//! nuScenes' detection benchmark on a dataset's objects in space.
//!
//! All is in the ego frame: distances are those from the ego, and errors do not depend on how axes are turned. A label's velocity is what the label says
//! (`velocity` of its attributes, m/s along the world's axes), else the difference of its track's places before and after in the world, as the devkit has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use guideway_eval::nuscenes::files::{AfterFilter, BeforeFilter, FilesReport};
use guideway_eval::nuscenes::{Matches, NuScenesParams, NuScenesReport, TpMetric, match_detections};
use guideway_eval::objects3d::{Keep, Named, Truth3d};
use serde_json::{Map, Value};

use super::objects::{LabelObject, Objects};
use super::parts::{Sliced, narrowed, parts};
use super::space::{Columns, Placed, without_labels};
use super::{Computed, Measured, MetricSet, Tally, resolve, to_value};
use crate::error::Error;

/// Range of a class that nuScenes does not have, m.
const RANGE_M: f64 = 50.0;
/// Classes that nuScenes has under another name.
const ALIASES: [(&str, &str); 4] = [
    ("cyclist", "bicycle"),
    ("rider", "bicycle"),
    ("scooter", "motorcycle"),
    ("motorcyclist", "motorcycle"),
];

/// The name that nuScenes has for a class.
fn official_name(class: &str) -> &str {
    let alias = ALIASES.iter().find(|(own, _)| *own == class);
    alias.map_or(class, |(_, official)| official)
}

/// The official parameters for these classes.
pub(super) fn params(classes: &[String]) -> NuScenesParams {
    let official = NuScenesParams::default();
    let known = || classes.iter().map(|class| (class.clone(), official_name(class)));
    NuScenesParams {
        class_range: known()
            .map(|(class, name)| (class, official.class_range.get(name).copied().unwrap_or(RANGE_M)))
            .collect(),
        undefined_errors: known()
            .filter_map(|(class, name)| Some((class, official.undefined_errors.get(name)?.clone())))
            .collect(),
        orientation_period: known()
            .filter_map(|(class, name)| Some((class, *official.orientation_period.get(name)?)))
            .collect(),
        ..official
    }
}

pub(super) fn compute(
    objects: &Objects,
    given: Option<&Map<String, Value>>,
    sliced: Sliced<'_>,
    tally: &mut Tally,
) -> Result<Computed, Error> {
    let placed = Placed::of(objects, tally);
    let every = resolve(MetricSet::NuScenes, &params(&objects.classes), given)?;
    let mut notes = Vec::new();
    let is_given = |name: &str| given.is_some_and(|given| given.contains_key(name));
    let mut params = every.clone();
    if !is_given("class_range") {
        let counting = placed.classes(objects, |class, cuboid| {
            let range = every.class_range.get(class);
            range.is_some_and(|range| cuboid.center.truncate().length() < *range)
        })?;
        notes.extend(without_labels(objects, &counting));
        params.class_range = every
            .class_range
            .iter()
            .filter(|(class, _)| counting.iter().any(|name| name == class))
            .map(|(class, range)| (class, *range))
            .collect();
    }
    let names: Vec<String> = params.class_range.names().map(str::to_owned).collect();
    let mut columns = placed.columns(objects, &names);
    fill(&mut columns, &params);
    if !is_given("undefined_errors") {
        notes.extend(undefine(&columns.truth, &mut params));
    }
    let keep = best_of_each_frame(&columns, &params, tally);
    let matches = match_detections(&columns.truth, &columns.detections, &keep, &params)?;
    let report = FilesReport {
        summary: matches.report(),
        before_filter: BeforeFilter {
            annotations: columns.truth.len() as u64,
            pred: columns.detections.len() as u64,
        },
        after_filter: AfterFilter {
            gt: matches.rows.labels(),
            pred: matches.rows.detections(),
        },
    };
    let (reported, used) = (to_value(&report)?, to_value(&params)?);
    let matches = Arc::new(matches);
    let parts = parts(sliced.of_columns(&columns), move |slice| {
        let matches = narrowed(&matches, slice, Matches::within)?;
        Ok(Box::new(move |slice| {
            let names = matches.params.class_range.names();
            let labels: Vec<(String, u64)> = names
                .zip(&matches.rows.per_class)
                .map(|(class, rows)| (class.to_owned(), rows.positives(slice)))
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

/// Velocities and attributes.
fn fill(columns: &mut Columns<'_>, params: &NuScenesParams) {
    let index: BTreeMap<&str, u32> = params.attributes.iter().map(String::as_str).zip(0..).collect();
    let place = |name: Option<&String>| name.and_then(|name| index.get(name.as_str()).copied());
    let truth = &mut columns.truth;
    for (row, label) in columns.labels.iter().enumerate() {
        truth.attribute[row] = place(label.attribute.as_ref());
        if let Some(velocity) = velocity(label, params) {
            truth.velocity[row] = velocity;
        }
    }
    let detections = &mut columns.detections;
    for (row, found) in columns.found.iter().enumerate() {
        detections.attribute[row] = place(found.attribute.as_ref());
        if let Some(velocity) = found.velocity {
            detections.velocity[row] = velocity;
        }
    }
}

/// What the label says, else how it moved, if its neighbours in time are near enough: as the devkit has it.
fn velocity(label: &LabelObject, params: &NuScenesParams) -> Option<[f64; 2]> {
    let limit = |is_central: bool| params.velocity_max_gap_s * if is_central { 2.0 } else { 1.0 };
    label.velocity.or_else(|| {
        let motion = label
            .motion
            .filter(|motion| motion.seconds <= limit(motion.is_central))?;
        Some(motion.velocity)
    })
}

/// An error of which no label knows anything is not defined, rather than 1; the score is the same. What was done is said.
fn undefine(truth: &Truth3d, params: &mut NuScenesParams) -> Vec<String> {
    let unknown = [
        (
            TpMetric::Velocity,
            "velocities",
            truth.velocity.iter().all(|[x, y]| x.is_nan() || y.is_nan()),
        ),
        (
            TpMetric::Attribute,
            "attributes",
            truth.attribute.iter().all(Option::is_none),
        ),
    ];
    let mut notes = Vec::new();
    for (metric, what, _) in unknown.into_iter().filter(|(.., is_unknown)| *is_unknown) {
        let names: Vec<String> = params.class_range.names().map(str::to_owned).collect();
        for name in names {
            let mut undefined = params.undefined_errors.get(&name).cloned().unwrap_or_default();
            if !undefined.contains(&metric) {
                undefined.push(metric);
            }
            params.undefined_errors.insert(&name, undefined);
        }
        notes.push(format!(
            "the labels know no {what}: {} is not defined, and adds nothing to NDS",
            metric.name()
        ));
    }
    notes
}

/// No frame has more detections than a submission may have.
fn best_of_each_frame(columns: &Columns<'_>, params: &NuScenesParams, tally: &mut Tally) -> Keep {
    let detections = &columns.detections;
    let mut by_frame: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (row, frame) in detections.frame.iter().enumerate() {
        by_frame.entry(*frame).or_default().push(row);
    }
    let most = params.max_boxes_per_sample as usize;
    let mut keep = vec![true; detections.len()];
    for rows in by_frame.values_mut().filter(|rows| rows.len() > most) {
        rows.sort_by(|a, b| detections.score[*b].total_cmp(&detections.score[*a]));
        for row in rows.iter().skip(most) {
            keep[*row] = false;
            tally.add(
                "too-many-detections",
                "detections beyond the most that a frame may have (max_boxes_per_sample) do not count",
            );
        }
    }
    Keep {
        labels: None,
        detections: Some(keep),
    }
}

/// Those of the classes, each with the number of its labels that count: as many whatever classes the summary has.
fn values(summary: &NuScenesReport, labels: &[(String, u64)]) -> Vec<Measured> {
    let mut values = Vec::new();
    let mut push = |metric: &str, slice: &str, value: Option<f64>, support: u64| {
        let error = TpMetric::ALL.into_iter().find(|error| error.name() == metric);
        values.push(Measured {
            metric: metric.to_owned(),
            slice: slice.to_owned(),
            value,
            support: Some(support),
            unit: match error {
                Some(TpMetric::Translation) => "m",
                Some(TpMetric::Orientation) => "rad",
                Some(TpMetric::Velocity) => "m/s",
                _ => "1",
            },
            higher_is_better: error.is_none(),
        });
    };
    let all = labels.iter().map(|(_, labels)| labels).sum();
    push("NDS", "all", Some(summary.nd_score), all);
    push("mAP", "all", Some(summary.mean_ap), all);
    let of = |errors: &Named<Option<f64>>, name: &str| errors.get(name).copied().flatten();
    for error in TpMetric::ALL {
        push(error.name(), "all", of(&summary.tp_errors, error.name()), all);
    }
    for (class, support) in labels {
        let (slice, support) = (format!("class={class}"), *support);
        let ap = summary.mean_dist_aps.get(class).copied();
        push("AP", &slice, ap.filter(|_| support > 0), support);
        for error in TpMetric::ALL {
            let value = summary.label_tp_errors.get(class);
            let value = value.and_then(|errors| of(errors, error.name()));
            push(error.name(), &slice, value.filter(|_| support > 0), support);
        }
    }
    values
}
