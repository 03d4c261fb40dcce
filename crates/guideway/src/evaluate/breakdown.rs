//! Breakdowns: one matching seen by size, distance and occlusion of labels, by weather and time of day of frames, and by whatever a query says of frames.
//!
//! | slices | from |
//! |---|---|
//! | `area=small`, `medium`, `large` | the area in the image, as COCO has it |
//! | `range=0-20`, …, `60+` | the distance over ground from the ego, m, of labels with cuboids |
//! | `occlusion=visible`, `partly`, `largely` | the column `occlusion` as KITTI counts; where the source gives the hidden part, below 0.1, below 0.5 and the rest |
//! | `weather=…`, `time_of_day=…` | the frames' attributes; of sweeps, what all pictures of their recording say |
//!
//! Objects in space, where no frame is asked about boxes, have the slices of all but the area, and of numbers recall and misses.
//!
//! Labels and frames of which something is not known are in none of its slices. False alarms count by their own size, and in slices of frames by their frame; by range and occlusion, which they do
//! not have, each counts in every slice: see [`Part`].

use std::collections::{BTreeMap, BTreeSet};

use guideway_eval::EvalError;
use guideway_eval::bootstrap::{BootstrapParams, MetricDelta};
use guideway_eval::coco::{FoundAt, Part, PartCell, PartValue};
use guideway_eval::events::{EventParams, FoundInSpace, FoundPart, SpaceEventParams, find_events_in_space};
use guideway_eval::objects3d::Slice;
use guideway_eval::stats::wilson;
use guideway_schema::MetricRow;
use guideway_store::Dataset;
use serde::Serialize;
use serde_json::Value;

use super::case::{Case, LabelInfo, Truth};
use super::mistakes::{ASK, RANGES_M};
use super::{EvalReport, class_name};
use crate::dataset::ids;
use crate::error::Error;
use crate::workspace::{Workspace, quote};

/// What slices are about.
const KEYS: [&str; 5] = ["area", "range", "occlusion", "weather", "time_of_day"];
/// Levels of occlusion by KITTI's codes.
const OCCLUSIONS: [&str; 3] = ["visible", "partly", "largely"];
/// What sources call the attributes of frames that slices are made from.
const ATTRIBUTES: [(&str, &[&str]); 2] = [
    ("weather", &["weather"]),
    ("time_of_day", &["time_of_day", "timeofday"]),
];
/// Values of an attribute that have slices: the most frequent ones.
const MOST_VALUES: usize = 12;
/// Confidence of intervals where there is one recording.
const CONFIDENCE: f64 = 0.95;

/// A slice of frames: its name, and a flag per frame.
pub(super) type FrameSlice = (String, Vec<bool>);

/// A slice before a matching is seen through it.
pub(super) enum Cut {
    /// Of an area range, by its place.
    Size(String, usize),
    /// Of labels or frames.
    Rows(Slice),
}

impl Cut {
    /// Slices of frames by name, as a query makes them.
    pub(super) fn of_frames(slices: &[FrameSlice]) -> Vec<Self> {
        let slices = slices.iter();
        slices
            .map(|(name, flags)| Self::Rows(Slice::new(name).frames(flags.clone())))
            .collect()
    }
}

/// What a matching is, seen through a slice.
pub(super) enum Seen {
    Boxes(Part),
    Space(FoundPart),
}

impl Seen {
    /// The name of the slice, of a class or of all.
    pub(super) fn name(&self, class: Option<u32>, classes: &[String]) -> String {
        let name = match self {
            Self::Boxes(part) => &part.name,
            Self::Space(part) => &part.name,
        };
        match class {
            None => name.clone(),
            Some(class) => format!("class={},{name}", class_name(class, classes)),
        }
    }

    pub(super) fn cells(&self) -> Vec<PartCell> {
        match self {
            Self::Boxes(part) => part.cells(),
            Self::Space(part) => part.cells(),
        }
    }

    fn values(&self) -> Result<Vec<Option<f64>>, EvalError> {
        match self {
            Self::Boxes(part) => part.values(None),
            Self::Space(part) => part.values(None),
        }
    }

    fn intervals(&self, groups: &[u32], params: &BootstrapParams) -> Result<Vec<PartValue>, EvalError> {
        match self {
            Self::Boxes(part) => part.intervals(groups, params),
            Self::Space(part) => part.intervals(groups, params),
        }
    }

    /// The differences to the same slice of another run; `None` where that is asked about something else.
    pub(super) fn compare(
        &self,
        other: &Self,
        groups: &[u32],
        params: &BootstrapParams,
    ) -> Result<Option<Vec<MetricDelta>>, EvalError> {
        match (self, other) {
            (Self::Boxes(own), Self::Boxes(other)) => own.compare(other, groups, params).map(Some),
            (Self::Space(own), Self::Space(other)) => own.compare(other, groups, params).map(Some),
            _ => Ok(None),
        }
    }
}

/// How a model does on a slice of the labels or frames.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakdownRow {
    /// The slice, such as `occlusion=partly`.
    pub slice: String,
    /// The class; `None` for all.
    pub class: Option<String>,
    /// Its labels.
    pub labels: u64,
    /// Those that are not found.
    pub misses: u64,
    /// The part that is found, by the score and overlap from which mistakes are counted.
    pub recall: Option<f64>,
    /// Its interval: over recordings, or where a single one has such labels, over labels as if they were independent (Wilson).
    pub recall_interval: Option<[f64; 2]>,
    /// AP over IoU 0.50 to 0.95.
    pub ap: Option<f64>,
    /// AP at IoU 0.50.
    pub ap50: Option<f64>,
    /// AP at IoU 0.75.
    pub ap75: Option<f64>,
}

/// A number of a slice.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SliceValue {
    /// With the class, where it is of one.
    pub(super) slice: String,
    pub(super) class: Option<String>,
    pub(super) metric: &'static str,
    #[serde(skip)]
    pub(super) higher_is_better: bool,
    pub(super) value: Option<f64>,
    pub(super) lower: Option<f64>,
    pub(super) upper: Option<f64>,
    pub(super) support: u64,
}

impl Workspace {
    /// The slices that the labels and frames of an evaluation have. `told` is what its frames say of themselves.
    pub(super) fn cuts(
        &self,
        case: &Case,
        (dataset, rows): (&Dataset, &[u64]),
        told: &[FrameSlice],
    ) -> Result<Vec<Cut>, Error> {
        let (truth, mut cuts) = (&case.truth, Vec::new());
        if case.is_in_space() {
            let labels = &case.space.labels;
            let away = |label: &LabelInfo| Some(label.cuboid.first()?.hypot(*label.cuboid.get(1)?));
            let known = labels.iter().map(|label| (away(label), label.occlusion));
            cuts.extend(slices_of_labels(known, &[]).into_iter().map(Cut::Rows));
            cuts.extend(Cut::of_frames(told));
            return Ok(cuts);
        }
        let areas = guideway_eval::coco::CocoParams::default().areas;
        let sizes = areas.iter().enumerate().skip(1);
        cuts.extend(sizes.map(|(place, area)| Cut::Size(format!("area={}", area.label), place)));
        let facts = self.label_facts(dataset, rows)?;
        let known = truth.labels.iter().map(|label| {
            let facts = facts.get(&label.label_id);
            (
                facts.and_then(|facts| facts.range_m),
                facts.and_then(|facts| facts.occlusion),
            )
        });
        cuts.extend(slices_of_labels(known, &[]).into_iter().map(Cut::Rows));
        cuts.extend(Cut::of_frames(told));
        Ok(cuts)
    }

    /// What all pictures of a recording say of weather and time of day; nothing where they differ.
    fn seen_in_pictures(&self, recordings: &BTreeSet<&str>) -> Result<BTreeMap<String, [Option<String>; 2]>, Error> {
        let mut seen: BTreeMap<String, [BTreeSet<String>; 2]> = BTreeMap::new();
        for part in recordings.iter().copied().collect::<Vec<_>>().chunks(ASK) {
            for (place, (_, names)) in ATTRIBUTES.iter().enumerate() {
                for name in *names {
                    let told = format!("json_as_text(attributes, {})", quote(name));
                    let counts = self.counts(&format!(
                        "SELECT concat(recording_id, ' ', {told}), count(*) FROM frames \
                         WHERE modality = 'camera' AND recording_id IN ({}) AND {told} IS NOT NULL GROUP BY 1",
                        ids(part.iter().copied())
                    ))?;
                    for (both, _) in counts {
                        if let Some((recording, value)) = both.split_once(' ') {
                            let own = seen.entry(recording.to_owned()).or_default();
                            own[place].insert(value.to_owned());
                        }
                    }
                }
            }
        }
        let only = |mut values: BTreeSet<String>| values.pop_first().filter(|_| values.is_empty());
        Ok(seen
            .into_iter()
            .map(|(recording, values)| (recording, values.map(only)))
            .collect())
    }

    /// Slices of frames by what their attributes say of weather and time of day; of sweeps by what all pictures of their recording say.
    pub(super) fn told_of_frames(&self, truth: &Truth) -> Result<Vec<FrameSlice>, Error> {
        let mut values: Vec<[Option<String>; 2]> = Vec::with_capacity(truth.frames.len());
        // Sweeps, of which nobody wrote down the weather.
        let mut silent = Vec::new();
        for part in truth.frames.chunks(ASK) {
            let rows = self.frames_by_id(part.iter().map(|frame| frame.frame_id.as_str()))?;
            for frame in part {
                let row = rows.get(&frame.frame_id);
                let told: Value = row
                    .and_then(|row| row.attributes.as_deref())
                    .and_then(|told| serde_json::from_str(told).ok())
                    .unwrap_or_default();
                let of = |names: &[&str]| names.iter().find_map(|name| told[*name].as_str().map(str::to_owned));
                let value = ATTRIBUTES.map(|(_, names)| of(names));
                if value.contains(&None) && row.is_some_and(|row| row.modality != "camera") {
                    silent.push(values.len());
                }
                values.push(value);
            }
        }
        let recordings: BTreeSet<&str> = silent
            .iter()
            .map(|at| truth.frames[*at].recording_id.as_str())
            .collect();
        let seen = self.seen_in_pictures(&recordings)?;
        for at in silent {
            if let Some(seen) = seen.get(&truth.frames[at].recording_id) {
                for (value, seen) in values[at].iter_mut().zip(seen) {
                    *value = value.take().or_else(|| seen.clone());
                }
            }
        }
        let mut slices = Vec::new();
        for (place, (key, _)) in ATTRIBUTES.iter().enumerate() {
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            for value in values.iter().filter_map(|values| values[place].as_deref()) {
                *counts.entry(value).or_default() += 1;
            }
            let mut names: Vec<&str> = counts.keys().copied().collect();
            names.sort_by_key(|name| std::cmp::Reverse(counts[name]));
            names.truncate(MOST_VALUES);
            names.sort_unstable();
            for name in names {
                let flags = values.iter().map(|values| values[place].as_deref() == Some(name));
                slices.push((format!("{key}={name}"), flags.collect()));
            }
        }
        Ok(slices)
    }
}

/// Slices of labels by their distance over ground, m, and their occlusion, each where it is known. Where the distances of detections are given, a false alarm counts by its own.
pub(super) fn slices_of_labels(labels: impl Iterator<Item = (Option<f64>, Option<i64>)>, found: &[f64]) -> Vec<Slice> {
    let (ranges, occlusions): (Vec<Option<f64>>, Vec<Option<i64>>) = labels.unzip();
    let mut slices = Vec::new();
    let mut push = |slice: Slice, mask: Vec<bool>| {
        if mask.contains(&true) {
            slices.push(slice.labels(mask));
        }
    };
    for (at, from) in RANGES_M.iter().enumerate() {
        let to = RANGES_M.get(at + 1);
        let name = to.map_or_else(|| format!("range={from}+"), |to| format!("range={from}-{to}"));
        let is_in = |metres: f64| metres >= *from && to.is_none_or(|to| metres < *to);
        let mut slice = Slice::new(&name);
        if !found.is_empty() {
            slice = slice.detections(found.iter().map(|metres| is_in(*metres)).collect());
        }
        push(slice, ranges.iter().map(|metres| metres.is_some_and(is_in)).collect());
    }
    for (code, level) in (0..).zip(OCCLUSIONS) {
        let mask = occlusions.iter().map(|occlusion| *occlusion == Some(code)).collect();
        push(Slice::new(&format!("occlusion={level}")), mask);
    }
    slices
}

impl Case {
    /// The matching seen through these slices.
    pub(super) fn parts(&self, cuts: &[Cut]) -> Result<Vec<Seen>, Error> {
        let mut parts = Vec::with_capacity(cuts.len());
        let params = EventParams::default();
        let at = FoundAt {
            iou: params.iou,
            min_score: params.min_score,
        };
        let space = if self.is_in_space() {
            Some(self.found_in_space()?)
        } else {
            None
        };
        for cut in cuts {
            parts.push(match (cut, &space) {
                (Cut::Rows(slice), Some(space)) => Seen::Space(space.part(slice)?),
                (Cut::Rows(slice), None) => Seen::Boxes(self.matches.part(slice, at)?),
                (Cut::Size(name, area), None) => Seen::Boxes(self.matches.part_of_area(name, *area, at)?),
                // Nothing in space has an area in the image.
                (Cut::Size(..), Some(_)) => continue,
            });
        }
        Ok(parts)
    }

    /// Which labels of the frames that are asked about space are found.
    pub(super) fn found_in_space(&self) -> Result<FoundInSpace, Error> {
        let space = &self.space;
        let params = SpaceEventParams::default();
        let wrong = find_events_in_space(&space.truth, &space.detections, &space.keep, &params)?;
        Ok(FoundInSpace::new(&space.truth, &space.keep, &wrong)?)
    }

    /// The numbers of slices as rows of the table `metrics`.
    pub(super) fn breakdown(
        &self,
        cuts: &[Cut],
        run_id: &str,
        bootstrap: &BootstrapParams,
    ) -> Result<Vec<MetricRow>, Error> {
        let values = self.slice_values(cuts, Some(bootstrap))?.into_iter();
        Ok(values
            .map(|own| MetricRow {
                run_id: run_id.to_owned(),
                metric: own.metric.to_owned(),
                value: own.value,
                lower: own.lower,
                upper: own.upper,
                confidence: own.lower.map(|_| bootstrap.confidence),
                slice: own.slice,
                support: i64::try_from(own.support).ok(),
                unit: if own.metric == "misses" { "count" } else { "1" }.to_owned(),
                higher_is_better: own.higher_is_better,
            })
            .collect())
    }

    /// The numbers of slices, with intervals where these are asked for.
    pub(super) fn slice_values(
        &self,
        cuts: &[Cut],
        bootstrap: Option<&BootstrapParams>,
    ) -> Result<Vec<SliceValue>, Error> {
        let groups = self.truth.groups();
        let mut values = Vec::new();
        for part in self.parts(cuts)? {
            let measured = match bootstrap {
                Some(bootstrap) => part.intervals(&groups, bootstrap)?,
                None => part
                    .cells()
                    .into_iter()
                    .zip(part.values()?)
                    .map(|(cell, value)| PartValue {
                        cell,
                        value,
                        lower: None,
                        upper: None,
                    })
                    .collect(),
            };
            values.extend(measured.into_iter().map(|own| SliceValue {
                slice: part.name(own.cell.class, &self.truth.classes),
                class: own.cell.class.map(|class| class_name(class, &self.truth.classes)),
                metric: own.cell.metric,
                higher_is_better: own.cell.higher_is_better(),
                value: own.value,
                lower: own.lower,
                upper: own.upper,
                support: own.cell.support,
            }));
        }
        Ok(values)
    }
}

impl BreakdownRow {
    /// Takes in one of its numbers.
    fn set(&mut self, metric: &str, value: Option<f64>, interval: Option<[f64; 2]>) {
        match metric {
            "AP" => self.ap = value,
            "AP50" => self.ap50 = value,
            "AP75" => self.ap75 = value,
            "misses" => self.misses = value.map_or(0, |value| value as u64),
            "recall" => {
                self.recall = value;
                self.recall_interval = interval.or_else(|| {
                    let found = (value? * self.labels as f64).round() as u64;
                    let ends = wilson(found, self.labels, CONFIDENCE)?;
                    Some([ends.lower, ends.upper])
                });
            }
            _ => {}
        }
    }

    /// Takes in numbers as they come, a row for each slice and class.
    fn collect<'a>(numbers: impl Iterator<Item = Number<'a>>) -> Vec<Self> {
        let mut rows: Vec<Self> = Vec::new();
        for number in numbers {
            let is_same = |row: &Self| row.slice == number.slice && row.class.as_deref() == number.class;
            if !rows.last().is_some_and(is_same) {
                rows.push(Self {
                    slice: number.slice.to_owned(),
                    class: number.class.map(str::to_owned),
                    labels: number.support,
                    misses: 0,
                    recall: None,
                    recall_interval: None,
                    ap: None,
                    ap50: None,
                    ap75: None,
                });
            }
            if let Some(row) = rows.last_mut() {
                row.set(number.metric, number.value, number.interval);
            }
        }
        rows
    }

    /// Rows of slices that a query made.
    pub(super) fn of_values(values: &[SliceValue]) -> Vec<Self> {
        Self::collect(values.iter().map(|own| {
            let class = own.class.as_deref();
            let with_class = |class: &str| own.slice.strip_prefix("class=")?.strip_prefix(class)?.strip_prefix(',');
            Number {
                slice: class.and_then(with_class).unwrap_or(&own.slice),
                class,
                metric: own.metric,
                value: own.value,
                interval: own.lower.zip(own.upper).map(|(lower, upper)| [lower, upper]),
                support: own.support,
            }
        }))
    }
}

/// A number of a slice on its way to a row.
struct Number<'a> {
    slice: &'a str,
    class: Option<&'a str>,
    metric: &'a str,
    value: Option<f64>,
    interval: Option<[f64; 2]>,
    support: u64,
}

/// `class=car,area=small` as class and slice; `None` for what is no slice of a breakdown.
pub(super) fn parse(slice: &str) -> Option<(Option<&str>, &str)> {
    let is_key = |slice: &str| slice.split_once('=').is_some_and(|(key, _)| KEYS.contains(&key));
    if is_key(slice) {
        return Some((None, slice));
    }
    let of_class = slice.strip_prefix("class=")?;
    let at = KEYS.iter().find_map(|key| of_class.find(&format!(",{key}=")))?;
    Some((of_class.get(..at), of_class.get(at + 1..)?))
}

impl EvalReport {
    /// How the model does by size, distance and occlusion of labels, and by weather and time of day: of all classes, and of each. Empty in reports of older versions.
    pub fn breakdown(&self) -> Vec<BreakdownRow> {
        let names = ["AP", "AP50", "AP75", "recall", "misses"];
        let own = self.metrics.iter().filter(|row| names.contains(&row.metric.as_str()));
        BreakdownRow::collect(own.filter_map(|row| {
            let (class, slice) = parse(&row.slice)?;
            Some(Number {
                slice,
                class,
                metric: &row.metric,
                value: row.value,
                interval: row.lower.zip(row.upper).map(|(lower, upper)| [lower, upper]),
                support: row.support.and_then(|support| u64::try_from(support).ok()).unwrap_or(0),
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_slices_are_told_apart() {
        assert_eq!(parse("occlusion=partly"), Some((None, "occlusion=partly")));
        assert_eq!(parse("class=car,area=small"), Some((Some("car"), "area=small")));
        assert_eq!(
            parse("class=a,b,weather=rain, wet"),
            Some((Some("a,b"), "weather=rain, wet"))
        );
        for other in ["all", "class=car", "kind=miss", "class=car,level=easy", "in_path=true"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
