//! The rules of benchmarks over a workspace's labels and predictions, beside COCO's: which of them, with which parameters, and what comes out.
//!
//! | module | holds |
//! |---|---|
//! | [`objects`] | labels and detections in the image and in space, taken to the frames that rules want |
//! | [`kitti`] | the KITTI object benchmark, in the frames of cameras |
//! | [`space`] | what nuScenes and Argoverse 2 have in common: which objects in the ego frame count |
//! | [`asked`] | of which frames events are asked in space, and the objects in them |
//! | [`nuscenes`], [`av2`] | these two |
//! | [`parts`] | the numbers of slices, from the same matching |
//! | [`table`] | the numbers as tables for people |
//! | [`drawn`] | intervals of the numbers, single and paired |
//!
//! Tracks are compared elsewhere, in `tracking`, since they have to be made first. A rule set more is a variant of [`MetricSet`], an arm where they are computed, and a function that makes an [`Outcome`].

mod asked;
mod av2;
mod drawn;
mod kitti;
mod nuscenes;
mod objects;
mod parts;
mod space;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use guideway_core::hint::closest;
use guideway_core::{Cuboid, IdBuilder, Reporter, Warning};
use guideway_eval::EvalError;
use guideway_eval::bootstrap::BootstrapParams;
use guideway_schema::MetricRow;
use guideway_store::{Dataset, ModelRecord};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::objects::Objects;
use self::parts::Part;
use super::RESAMPLES;
use super::breakdown::FrameSlice;
use crate::error::{Error, ErrorKind};
use crate::workspace::{Workspace, quote};

pub(super) use self::asked::{Asked, InSpace};
pub(super) use self::parts::Sliced;
pub(super) use self::table::asked_tables;
pub use self::table::{RuleRow, RuleTable};

/// The rules of a benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MetricSet {
    /// COCO's AP and AR, with events and mistakes. These always come.
    Coco,
    /// The KITTI object benchmark: 2D, orientation, bird's eye view and 3D.
    Kitti,
    /// nuScenes detection: mAP over centre distances, errors of true positives, NDS.
    NuScenes,
    /// Argoverse 2 detection: AP, errors of true positives, CDS.
    Av2,
    /// Tracks: HOTA, CLEAR, identity, and AMOTA in the world; identity switches as events.
    Tracking,
}

impl MetricSet {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Coco, Self::Kitti, Self::NuScenes, Self::Av2, Self::Tracking];

    /// Its name: what its metrics in the table `metrics` begin with, and its key in a file of parameters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coco => "coco",
            Self::Kitti => "kitti",
            Self::NuScenes => "nuscenes",
            Self::Av2 => "av2",
            Self::Tracking => "tracking",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Coco => "COCO",
            Self::Kitti => "KITTI",
            Self::NuScenes => "nuScenes",
            Self::Av2 => "Argoverse 2",
            Self::Tracking => "tracking, as TrackEval and nuScenes have them",
        }
    }

    /// Is it computed from objects as they are, frame by frame? COCO's numbers always come, and tracks are made first.
    fn is_computed_here(self) -> bool {
        !matches!(self, Self::Coco | Self::Tracking)
    }

    /// Does it evaluate objects in space alone?
    fn is_in_space(self) -> bool {
        matches!(self, Self::NuScenes | Self::Av2)
    }
}

/// What to evaluate, and how.
#[derive(Debug, Clone, Default)]
pub struct EvalOptions {
    /// Where to predict; the setting's device when `None`.
    pub device: Option<String>,
    /// Rules beside COCO's.
    pub metrics: BTreeSet<MetricSet>,
    /// Parameters in place of a rule set's own, by its name and theirs. See [`EvalOptions::read_params`].
    pub params: Map<String, Value>,
}

impl EvalOptions {
    /// Reads a file of parameters: a JSON object with one object for each rule set, such as `{"kitti": {"recall_samples": 41}}`. What it does not
    /// name stays as it is.
    pub fn read_params(path: &Path) -> Result<Map<String, Value>, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        serde_json::from_str(&text).map_err(|source| {
            ErrorKind::RuleParamsFile {
                path: path.to_owned(),
                source,
            }
            .into()
        })
    }

    /// The rule sets that are not COCO's.
    pub(super) fn rule_sets(&self) -> impl Iterator<Item = MetricSet> + '_ {
        self.metrics.iter().copied().filter(|set| *set != MetricSet::Coco)
    }

    /// Are the parameters those of rule sets that are asked for?
    pub(super) fn check(&self) -> Result<(), Error> {
        for (name, params) in &self.params {
            let known = || MetricSet::ALL.into_iter().filter(|set| *set != MetricSet::Coco);
            if !known().any(|set| set.name() == name) {
                let names: Vec<&str> = known().map(MetricSet::name).collect();
                return Err(Error::usage(
                    format!(
                        "there are parameters for `{name}`, which is none of {}",
                        names.join(", ")
                    ),
                    closest(name, names.iter().copied()).map(|close| format!("did you mean `{close}`?")),
                ));
            }
            if !self.rule_sets().any(|set| set.name() == name) {
                return Err(Error::usage(
                    format!("there are parameters for `{name}`, whose metrics are not asked for"),
                    format!("ask for them, as in `--metrics coco,{name}`, or leave the parameters out"),
                ));
            }
            if !params.is_object() {
                return Err(Error::usage(
                    format!("the parameters of `{name}` are not a JSON object"),
                    format!("write {{\"{name}\": {{…}}}}"),
                ));
            }
        }
        Ok(())
    }

    /// What makes a run with rule sets another one than a run without: nothing where there are none. `slices` is there since runs of before had none.
    pub(super) fn identify(&self, id: IdBuilder) -> IdBuilder {
        self.rule_sets().fold(id, |id, set| {
            let id = id.text("metrics").text(set.name());
            let id = if set.is_computed_here() { id.text("slices") } else { id };
            match self.params.get(set.name()) {
                Some(params) => id.text(&params.to_string()),
                None => id,
            }
        })
    }
}

/// What the rules of a benchmark say.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleSetReport {
    /// Every number, under the names and with the nesting of the reference implementation.
    pub report: Value,
    /// The parameters, as a file of parameters takes them.
    pub params: Value,
    /// What was left out, and what else to know.
    pub notes: Vec<String>,
}

/// What comes of computing a rule set.
pub(super) struct Outcome {
    pub(super) report: RuleSetReport,
    pub(super) metrics: Vec<MetricRow>,
}

/// Counts what is left out.
#[derive(Default)]
struct Tally(BTreeMap<(&'static str, &'static str), u64>);

impl Tally {
    /// One more of these: `code` and `message` are a warning's.
    fn add(&mut self, code: &'static str, message: &'static str) {
        *self.0.entry((code, message)).or_default() += 1;
    }

    fn send(&self, location: &str, reporter: &dyn Reporter) {
        for ((code, message), count) in &self.0 {
            reporter.warn(Warning {
                code: (*code).to_owned(),
                message: (*message).to_owned(),
                location: location.to_owned(),
                count: *count,
            });
        }
    }

    fn notes(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|((_, message), count)| format!("{message}: {count}"))
    }
}

/// A value of a rule set on its way to the table `metrics`.
struct Measured {
    metric: String,
    slice: String,
    value: Option<f64>,
    support: Option<u64>,
    unit: &'static str,
    higher_is_better: bool,
}

impl Measured {
    /// The same of a slice.
    fn within(self, slice: &str) -> Self {
        Self {
            slice: if self.slice == "all" {
                slice.to_owned()
            } else {
                format!("{},{slice}", self.slice)
            },
            ..self
        }
    }

    /// Its name among those of all rule sets.
    fn name(&self, set: MetricSet) -> String {
        format!("{}/{}", set.name(), self.metric)
    }

    fn row(self, set: MetricSet, run_id: &str, [lower, upper]: [Option<f64>; 2], confidence: f64) -> MetricRow {
        MetricRow {
            run_id: run_id.to_owned(),
            metric: self.name(set),
            value: self.value.filter(|value| value.is_finite()),
            lower,
            upper,
            confidence: lower.map(|_| confidence),
            slice: self.slice,
            support: self.support.and_then(|support| i64::try_from(support).ok()),
            unit: self.unit.to_owned(),
            higher_is_better: self.higher_is_better,
        }
    }
}

/// Measures again with each frame counted so many times; gives the numbers in the order of [`Part::values`].
type Again = Box<dyn Fn(&[u32]) -> Result<Vec<Option<f64>>, EvalError> + Send + Sync>;

/// The numbers of a rule set, before they have a run.
struct Computed {
    report: Value,
    params: Value,
    notes: Vec<String>,
    /// Those of everything come first.
    parts: Vec<Part>,
}

impl MetricSet {
    /// Computes it; nothing where that is not done here.
    fn compute(
        self,
        objects: &Objects,
        given: Option<&Map<String, Value>>,
        sliced: Sliced<'_>,
        tally: &mut Tally,
    ) -> Result<Option<Computed>, Error> {
        match self {
            // Tracks are made first, and compared where the events are.
            Self::Coco | Self::Tracking => Ok(None),
            Self::Kitti => kitti::compute(objects, given, sliced, tally).map(Some),
            Self::NuScenes => nuscenes::compute(objects, given, sliced, tally).map(Some),
            Self::Av2 => av2::compute(objects, given, sliced, tally).map(Some),
        }
    }
}

/// Is this a metric of a rule set, not of COCO's or of mistakes over time?
pub(super) fn is_rule_metric(metric: &MetricRow) -> bool {
    metric.metric.contains('/')
}

impl Workspace {
    /// Where rule sets ask for objects in space: are there such labels and predictions? Said before anything is computed.
    pub(super) fn check_rules(
        &self,
        options: &EvalOptions,
        model: &ModelRecord,
        (on, dataset, rows): (&str, &Dataset, &[u64]),
    ) -> Result<(), Error> {
        options.check()?;
        let Some(set) = options.metrics.iter().find(|set| set.is_in_space()) else {
            return Ok(());
        };
        if !Objects::labels(self, dataset, rows)?.are_labelled_in_space() {
            return Err(Error::usage(
                format!(
                    "the labels of {on} have no cuboids, and the rules of {} are about objects in space",
                    set.title()
                ),
                "evaluate on a dataset whose labels have cuboids: `guideway query \"SELECT cuboid_frame, count(*) FROM labels GROUP BY 1\"` counts them"
                    .to_owned(),
            ));
        }
        self.check_cuboids(
            *set,
            &format!("model_id = {}", quote(&model.model_id)),
            (&model.name, on),
        )
    }

    fn check_cuboids(&self, set: MetricSet, condition: &str, (model, on): (&str, &str)) -> Result<(), Error> {
        let counts = self.counts(&format!(
            "SELECT 'cuboids', count(*) FROM predicted_cuboids WHERE {condition}"
        ))?;
        if counts.iter().any(|(_, count)| *count > 0) {
            return Ok(());
        }
        Err(Error::usage(
            format!(
                "the predictions of {model} on {on} have no cuboids, and the rules of {} are about objects in space",
                set.title()
            ),
            format!(
                "`guideway predict {model} --on {on} --from FILE --format FORMAT` takes in a model's results with cuboids"
            ),
        ))
    }

    /// Computes the rule sets that are asked for. `groups` has the recording of each row; `told` are slices of frames.
    pub(super) fn rule_sets(
        &self,
        options: &EvalOptions,
        (dataset, rows, groups, told): (&Dataset, &[u64], &[u32], &[FrameSlice]),
        (model, on, predict_run_id): (&str, &str, &str),
        run_id: &str,
        reporter: &dyn Reporter,
    ) -> Result<BTreeMap<String, Outcome>, Error> {
        let mut outcomes = BTreeMap::new();
        if options.rule_sets().all(|set| set == MetricSet::Tracking) {
            return Ok(outcomes);
        }
        for set in options.rule_sets().filter(|set| set.is_in_space()) {
            self.check_cuboids(set, &format!("run_id = {}", quote(predict_run_id)), (model, on))?;
        }
        let mut objects = Objects::labels(self, dataset, rows)?;
        objects.find(self, predict_run_id)?;
        let bootstrap = BootstrapParams {
            resamples: RESAMPLES,
            ..BootstrapParams::default()
        };
        for set in options.rule_sets() {
            let mut tally = Tally::default();
            let given = options.params.get(set.name()).and_then(Value::as_object);
            let sliced = Sliced {
                labels: true,
                told,
                asked: &[],
            };
            let Some(mut computed) = set.compute(&objects, given, sliced, &mut tally)? else {
                continue;
            };
            tally.send(&format!("metrics of {}", set.name()), reporter);
            computed.notes.extend(tally.notes());
            let mut metrics = Vec::new();
            for part in computed.parts {
                metrics.extend(part.rows(set, run_id, (groups, Some(&bootstrap)))?);
            }
            let outcome = Outcome {
                report: RuleSetReport {
                    report: computed.report,
                    params: computed.params,
                    notes: computed.notes,
                },
                metrics,
            };
            outcomes.insert(set.name().to_owned(), outcome);
        }
        Ok(outcomes)
    }
}

/// How far from the ego vehicle objects of each class count by nuScenes' rules, m.
pub(super) fn class_ranges(classes: &[String]) -> Vec<f64> {
    let params = nuscenes::params(classes);
    let range = |class: &String| params.class_range.get(class).copied().unwrap_or(f64::INFINITY);
    classes.iter().map(range).collect()
}

/// A label in space, and where it is.
pub(super) struct PlacedLabel {
    pub(super) frame: u32,
    pub(super) class: u32,
    pub(super) track: Option<String>,
    pub(super) is_ignored: bool,
    /// Lidar and radar points, where they are counted.
    pub(super) points: Option<u32>,
    /// In the ego frame.
    pub(super) cuboid: Cuboid,
}

impl Workspace {
    /// The labels of a dataset that can be placed in space, in the order of its frames.
    pub(super) fn labels_in_space(
        &self,
        dataset: &Dataset,
        rows: &[u64],
        predict_run_id: &str,
    ) -> Result<Vec<PlacedLabel>, Error> {
        let mut objects = Objects::labels(self, dataset, rows)?;
        objects.find(self, predict_run_id)?;
        let placed = objects.labels.into_iter().filter_map(|label| {
            Some(PlacedLabel {
                frame: label.frame,
                class: label.class?,
                track: label.track,
                is_ignored: label.is_ignored,
                points: label.points,
                cuboid: label.solid?.in_ego?,
            })
        });
        Ok(placed.collect())
    }
}

/// What slices of labels are made from.
pub(super) struct LabelFacts {
    /// Distance from the ego over ground, m.
    pub(super) range_m: Option<f64>,
    /// As KITTI counts: 0 visible, 1 partly, 2 largely occluded, 3 unknown.
    pub(super) occlusion: Option<i64>,
}

impl Workspace {
    /// What is known of the labels of a dataset that have boxes, by their ids. A box without a cuboid is where a cuboid of the same track in the same frame is.
    pub(super) fn label_facts(&self, dataset: &Dataset, rows: &[u64]) -> Result<BTreeMap<String, LabelFacts>, Error> {
        let mut objects = Objects::labels(self, dataset, rows)?;
        objects.place(self)?;
        let apart = objects.cuboids_apart();
        let labels = objects.labels.iter().filter(|label| label.bbox.is_some());
        Ok(labels
            .map(|label| {
                let beside = || apart.get(&(label.frame, label.track.as_deref()?)).copied();
                let in_ego = label.solid.or_else(beside).and_then(|solid| solid.in_ego);
                let facts = LabelFacts {
                    range_m: in_ego.map(|cuboid| cuboid.center.truncate().length()),
                    occlusion: label.occlusion,
                };
                (label.label_id.clone(), facts)
            })
            .collect())
    }
}

/// A rule set's own parameters with those in place that were given; unknown ones are refused.
fn resolve<P: Serialize + DeserializeOwned>(
    set: MetricSet,
    own: &P,
    given: Option<&Map<String, Value>>,
) -> Result<P, Error> {
    let mut all = to_value(own)?;
    if let Value::Object(all) = &mut all {
        for (name, value) in given.into_iter().flatten() {
            let Some(place) = all.get_mut(name) else {
                let hint = match closest(name, all.keys().map(String::as_str)) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => format!(
                        "`guideway eval files --format {} --print-params` lists them",
                        set.name()
                    ),
                };
                return Err(Error::usage(
                    format!("the rules of {} have no parameter `{name}`", set.title()),
                    hint,
                ));
            };
            *place = value.clone();
        }
    }
    serde_json::from_value(all).map_err(|err| {
        Error::usage(
            format!("the parameters of `{}` cannot be read: {err}", set.name()),
            format!(
                "`guideway eval files --format {} --print-params` shows their form",
                set.name()
            ),
        )
    })
}

/// A report or parameters as JSON.
fn to_value(value: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|err| Error::corrupt("the report", err))
}
