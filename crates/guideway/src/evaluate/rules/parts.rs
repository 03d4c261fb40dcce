//! The numbers of slices by the rules of a benchmark, from the matching that gives those of everything.
//!
//! In space these are slices by range and occlusion of labels, by weather and time of day of frames, and whatever a query says of frames. KITTI's rules leave labels out by levels of their own, and
//! have slices of frames alone. A false alarm in space has a range, by which it counts, and no occlusion: there it counts in every slice. A class without labels in a slice is not in
//! its means.

use std::rc::Rc;
use std::sync::Arc;

use guideway_core::Cuboid;
use guideway_eval::EvalError;
use guideway_eval::objects3d::Slice;

use super::space::Columns;
use super::{Again, Measured};
use crate::evaluate::breakdown::{FrameSlice, slices_of_labels};

/// Which slices to measure beside everything.
#[derive(Clone, Copy, Default)]
pub(in crate::evaluate) struct Sliced<'a> {
    /// By range and occlusion of labels?
    pub(in crate::evaluate) labels: bool,
    /// By what frames say of themselves.
    pub(in crate::evaluate) told: &'a [FrameSlice],
    /// By what a query says of frames.
    pub(in crate::evaluate) asked: &'a [FrameSlice],
}

impl Sliced<'_> {
    /// Everything, and slices of frames.
    pub(super) fn of_frames(self) -> Vec<(PartKind, Slice)> {
        let slices = |kind: PartKind, frames: &[FrameSlice]| -> Vec<(PartKind, Slice)> {
            let slices = frames
                .iter()
                .map(|(name, flags)| Slice::new(name).frames(flags.clone()));
            slices.map(|slice| (kind, slice)).collect()
        };
        let mut all = vec![(PartKind::Whole, Slice::new("all"))];
        all.extend(slices(PartKind::Breakdown, self.told));
        all.extend(slices(PartKind::Asked, self.asked));
        all
    }

    /// Everything, and slices of labels in space and of frames.
    pub(super) fn of_columns(self, columns: &Columns<'_>) -> Vec<(PartKind, Slice)> {
        let mut all = self.of_frames();
        if self.labels {
            let away = |cuboid: &Cuboid| cuboid.center.truncate().length();
            let labels = columns.labels.iter().zip(&columns.truth.cuboid);
            let known = labels.map(|(label, cuboid)| (Some(away(cuboid)), label.occlusion));
            let found: Vec<f64> = columns.detections.cuboid.iter().map(away).collect();
            let slices = slices_of_labels(known, &found).into_iter();
            all.splice(1..1, slices.map(|slice| (PartKind::Breakdown, slice)));
        }
        all
    }
}

/// What part of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::evaluate) enum PartKind {
    /// All of it.
    Whole,
    /// A slice as all evaluations have.
    Breakdown,
    /// A slice that a query makes.
    Asked,
}

/// Measures a slice, or a draw from it; as many numbers for any.
pub(super) type Measure = Box<dyn Fn(&Slice) -> Result<Vec<Measured>, EvalError> + Send + Sync>;

/// The numbers of a part.
pub(super) struct Part {
    pub(super) kind: PartKind,
    /// `all`, or the slice's name.
    pub(super) name: String,
    /// The frames of a slice of frames.
    pub(super) frames: Option<Vec<bool>>,
    pub(super) values: Vec<Measured>,
    /// Prepares to measure draws: what that takes is kept no longer than they do.
    pub(super) draws: Box<dyn Fn() -> Result<Again, EvalError>>,
}

/// Measures each slice; those without labels are left out, and so are the numbers of classes that have none in a slice. `prepare` makes ready to measure a slice and draws from it.
pub(super) fn parts(
    slices: Vec<(PartKind, Slice)>,
    prepare: impl Fn(&Slice) -> Result<Measure, EvalError> + 'static,
) -> Result<Vec<Part>, EvalError> {
    let prepare = Rc::new(prepare);
    let mut parts = Vec::with_capacity(slices.len());
    for (kind, slice) in slices {
        let is_whole = kind == PartKind::Whole;
        let (mut kept, mut values) = (Vec::new(), Vec::new());
        for (at, value) in prepare(&slice)?(&slice)?.into_iter().enumerate() {
            if is_whole {
                values.push(value);
            } else if value.support.is_some_and(|support| support > 0) {
                values.push(value.within(&slice.name));
            } else {
                continue;
            }
            kept.push(at);
        }
        if values.is_empty() && !is_whole {
            continue;
        }
        let (name, frames) = (slice.name.clone(), slice.frames.clone());
        let prepare = Rc::clone(&prepare);
        parts.push(Part {
            kind,
            name,
            frames,
            values,
            draws: Box::new(move || {
                let (measure, slice, kept) = (prepare(&slice)?, slice.clone(), kept.clone());
                Ok(Box::new(move |times: &[u32]| {
                    let drawn = measure(&slice.clone().times(times.to_vec()))?;
                    let value = |at: &usize| drawn.get(*at).and_then(|value| value.value);
                    Ok(kept.iter().map(value).collect())
                }))
            }),
        });
    }
    Ok(parts)
}

/// A matching for a slice alone, made by `within`; everything is as it is.
pub(super) fn narrowed<M>(
    matches: &Arc<M>,
    slice: &Slice,
    within: impl Fn(&M, &Slice) -> Result<M, EvalError>,
) -> Result<Arc<M>, EvalError> {
    if slice.labels.is_none() && slice.detections.is_none() && slice.frames.is_none() {
        return Ok(Arc::clone(matches));
    }
    within(matches, slice).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use guideway_core::report::Silent;
    use guideway_schema::{MetricRow, PredictedCuboidRow, PredictionRow};
    use serde_json::json;

    use super::super::tests::{Planted, asking, labels_as_detections, near, plant, value};
    use super::super::{EvalOptions, MetricSet};
    use crate::evaluate::tests::driven;
    use crate::{DiffOptions, EvalReport, FreezeOptions, GateFile, ReportOptions, Workspace};

    /// Finds four in five, one in seven of them twice.
    fn often(
        workspace: &Workspace,
        (model, on): (&str, &str),
        run: &str,
    ) -> (Vec<PredictionRow>, Vec<PredictedCuboidRow>) {
        let (boxes, cuboids) = labels_as_detections(workspace, (model, on), run, &Planted::default());
        // By what they are, not by where they are in the list: that is another one for a part of the frames.
        let of = |frame: &str, place: f64| frame.bytes().map(usize::from).sum::<usize>() + (place.abs() * 1e3) as usize;
        let score = |number: usize| 0.3 + 0.6 * (number % 97) as f64 / 97.0;
        let (mut some, mut solid) = (Vec::new(), Vec::new());
        for own in boxes {
            let number = of(&own.frame_id, own.x_min);
            if !number.is_multiple_of(5) {
                some.push(PredictionRow {
                    score: score(number),
                    ..own
                });
            }
        }
        for own in cuboids {
            let number = of(&own.frame_id, own.cuboid[0]);
            if number.is_multiple_of(5) {
                continue;
            }
            let own = PredictedCuboidRow {
                score: score(number),
                ..own
            };
            if number.is_multiple_of(7) {
                solid.push(PredictedCuboidRow {
                    prediction_id: format!("{}twice", own.prediction_id),
                    score: own.score / 2.0,
                    ..own.clone()
                });
            }
            solid.push(own);
        }
        (some, solid)
    }

    fn numbers<'a>(rows: impl Iterator<Item = &'a MetricRow>) -> BTreeMap<(String, String), f64> {
        rows.filter(|row| row.metric.contains('/') && row.support.is_some_and(|support| support > 0))
            .filter_map(|row| Some(((row.metric.clone(), row.slice.clone()), row.value?)))
            .collect()
    }

    #[test]
    fn a_slice_has_the_numbers_of_an_evaluation_of_it_alone() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = driven(dir.path(), 2, 5.0);
        let sets = [MetricSet::Kitti, MetricSet::NuScenes, MetricSet::Av2];
        plant(&workspace, "often", "drives", |run| {
            often(&workspace, ("often", "drives"), run)
        });
        let report = workspace
            .evaluate_with("often", "drives", &asking(sets), &Silent)
            .unwrap();
        let (dataset, rows) = workspace.dataset_split("drives").unwrap();
        let case = workspace.case(&dataset, &rows, &report.predict_run_id).unwrap();
        let groups = case.truth.groups();
        let asked = workspace
            .slices_of_frames("SELECT frame_id, recording_id AS slice FROM frames", &case.truth)
            .unwrap();
        assert_eq!(asked.len(), 2);
        let slices = workspace
            .rules_by(&report, (&dataset, &rows, &groups), &asked, None)
            .unwrap();
        let mut compared = 0;
        for (number, (recording, _)) in asked.iter().enumerate() {
            let (name, model) = (format!("drive{number}"), format!("often{number}"));
            let options = FreezeOptions {
                sql: format!("SELECT frame_id FROM frames WHERE modality = 'camera' AND recording_id = '{recording}'"),
                ..FreezeOptions::default()
            };
            workspace.freeze(&name, &options, &Silent).unwrap();
            plant(&workspace, &model, &name, |run| often(&workspace, (&model, &name), run));
            let alone = workspace.evaluate_with(&model, &name, &asking(sets), &Silent).unwrap();
            let alone = numbers(alone.metrics.iter());
            let own = slices.iter().filter(|slice| slice.name == *recording);
            for ((metric, slice), found) in numbers(own.flat_map(|slice| &slice.metrics)) {
                let base = slice.strip_suffix(recording).unwrap().trim_end_matches(',');
                let base = if base.is_empty() { "all" } else { base }.to_owned();
                near(found, alone[&(metric, base)]);
                compared += 1;
            }
        }
        assert!(compared > 60, "{compared}");
        by_range(&workspace, &report);
        seen(&workspace, &report, dir.path());
    }

    /// Where what is found lies where the labels do, a slice by range is an evaluation with that range.
    fn by_range(workspace: &Workspace, report: &EvalReport) {
        let options = EvalOptions {
            params: json!({"nuscenes": {"class_range": {"car": 20.0}}})
                .as_object()
                .cloned()
                .unwrap(),
            ..asking([MetricSet::NuScenes])
        };
        let near_only = workspace.evaluate_with("often", "drives", &options, &Silent).unwrap();
        for metric in ["AP", "trans_err", "orient_err", "vel_err"] {
            let metric = format!("nuscenes/{metric}");
            near(
                value(report, &metric, "class=car,range=0-20"),
                value(&near_only, &metric, "class=car"),
            );
        }
        let ap = value(report, "nuscenes/AP", "class=car,range=0-20");
        assert!(ap > 0.5 && ap < 0.9, "{ap}");
        // Every label that counts is in one range.
        for metric in ["nuscenes/mAP", "av2/AP"] {
            let rows = || report.metrics.iter().filter(|row| row.metric == metric);
            let of = |slice: &str| rows().find(|row| row.slice == slice).and_then(|row| row.support);
            let ranges = rows().filter(|row| row.slice.starts_with("range="));
            let sum: i64 = ranges.filter_map(|row| row.support).sum();
            assert_eq!(Some(sum), of("all"), "{metric}");
        }
    }

    /// Slices are in tables, pages, comparisons and gates.
    fn seen(workspace: &Workspace, report: &EvalReport, dir: &std::path::Path) {
        let tables = report.rule_slice_tables();
        let titles: Vec<&str> = tables.iter().map(|table| table.title.as_str()).collect();
        assert_eq!(titles, ["KITTI", "nuScenes", "Argoverse 2"]);
        assert_eq!(tables[0].keys, ["class", "level", "slice"]);
        assert_eq!(tables[1].keys, ["slice"]);
        assert_eq!(tables[1].metrics[..2], ["NDS", "mAP"]);
        let of_all = report.rule_tables().into_iter().flat_map(|table| table.rows);
        assert!(!of_all.flat_map(|row| row.keys).any(|key| key.contains("range")));

        plant(workspace, "perfect", "drives", |run| {
            labels_as_detections(workspace, ("perfect", "drives"), run, &Planted::default())
        });
        let sets = [MetricSet::NuScenes, MetricSet::Av2];
        let [a, b] = ["perfect", "often"].map(|model| {
            let report = workspace.evaluate_with(model, "drives", &asking(sets), &Silent);
            report.unwrap().run_id
        });
        let by = "SELECT frame_id, 'every' AS slice FROM frames".to_owned();
        let options = DiffOptions {
            resamples: 40,
            by: Some(by.clone()),
            ..DiffOptions::default()
        };
        let diff = workspace.eval_diff(&a, &b, &options, &Silent).unwrap();
        let of = |slice: &str| {
            let mut own = diff.deltas.iter().filter(|delta| delta.slice == slice);
            own.find(|delta| delta.metric == "nuscenes/NDS").unwrap()
        };
        let (range, every, all) = (of("range=20-40"), of("every"), of("all"));
        assert!(
            range.of_breakdown && !range.of_frames && range.upper.unwrap() < 0.0,
            "{range:?}"
        );
        assert!(every.of_frames && !every.of_breakdown);
        near(every.delta.unwrap(), all.delta.unwrap());
        // One drive alone has labels so near, and one alone has this weather.
        let of_one = [of("range=0-20"), of("weather=overcast")];
        assert!(
            of_one
                .iter()
                .all(|delta| delta.delta.is_some() && delta.verdict == "not tested")
        );

        let path = dir.join("slices.toml");
        let gate = format!(
            "by = \"{by}\"\n\n[[rule]]\nmetric = \"nuscenes/NDS\"\nslice = \"range=0-20\"\nmin = 0.89\n\n\
             [[rule]]\nmetric = \"av2/CDS\"\nslice = \"every\"\nmin = 0.99\n"
        );
        std::fs::write(&path, gate).unwrap();
        let gate = GateFile::read(&path).unwrap();
        for (run, expected) in [(&a, true), (&b, false)] {
            let judged = workspace.eval_gate(run, None, &gate, &Silent).unwrap();
            let met: Vec<bool> = judged.rules.iter().map(|rule| rule.met).collect();
            assert_eq!(met, [expected; 2], "{:?}", judged.rules);
        }
        let options = ReportOptions {
            out: Some(dir.join("slices")),
            baseline: None,
            by: Some(by),
            events: 0,
        };
        let written = workspace.eval_report(&b, &options, &Silent).unwrap();
        let text = std::fs::read_to_string(written.markdown).unwrap();
        for heading in [
            "Slices by the rules of nuScenes",
            "Slices that were asked for, by the rules of Argoverse 2",
        ] {
            assert!(text.contains(heading), "{heading}");
        }
    }
}
