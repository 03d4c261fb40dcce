//! Intervals of the numbers of rule sets, single and paired: a bootstrap over recordings.
//!
//! Objects are matched once. In a draw each frame counts as often as its recording was drawn; a class that loses all of its labels is not in the means of that draw. KITTI's thresholds are chosen
//! anew in each draw, among the scores of the frames that are in it.

use std::collections::BTreeMap;

use guideway_eval::bootstrap::{BootstrapParams, MetricDelta, compare_of_within, intervals_of_within};
use guideway_schema::MetricRow;
use guideway_store::Dataset;
use serde_json::Value;

use super::objects::Objects;
use super::parts::{Part, PartKind};
use super::{Again, Computed, Measured, MetricSet, Sliced, Tally};
use crate::error::Error;
use crate::evaluate::EvalReport;
use crate::evaluate::breakdown::FrameSlice;
use crate::workspace::Workspace;

/// The difference of a number of a rule set between two evaluations.
pub(in crate::evaluate) struct RuleDelta {
    pub(in crate::evaluate) slice: String,
    /// Of a slice of frames that a query makes?
    pub(in crate::evaluate) of_frames: bool,
    /// Of the breakdown, or of a class within a slice?
    pub(in crate::evaluate) of_breakdown: bool,
    pub(in crate::evaluate) higher_is_better: bool,
    pub(in crate::evaluate) delta: MetricDelta,
}

/// The numbers of a slice of frames by the rules of a benchmark.
pub(in crate::evaluate) struct RuleSlices {
    pub(in crate::evaluate) set: MetricSet,
    /// The slice.
    pub(in crate::evaluate) name: String,
    pub(in crate::evaluate) metrics: Vec<MetricRow>,
}

/// The numbers of a draw. What cannot be measured has none.
fn measure(again: &Again, times: &[u32], numbers: usize) -> Vec<Option<f64>> {
    let mut values = again(times).unwrap_or_default();
    values.resize(numbers, None);
    for value in &mut values {
        *value = value.filter(|value| value.is_finite());
    }
    values
}

impl Part {
    /// Its numbers, with intervals over the recordings that it has. `groups` has the recording of each frame.
    pub(super) fn rows(
        self,
        set: MetricSet,
        run_id: &str,
        (groups, params): (&[u32], Option<&BootstrapParams>),
    ) -> Result<Vec<MetricRow>, Error> {
        let numbers = self.values.len();
        let ends = match params {
            Some(params) => {
                let again = (self.draws)()?;
                // What is wrong is said once, here.
                again(&vec![1; groups.len()])?;
                let drawn = |times: &[u32]| measure(&again, times, numbers);
                intervals_of_within(groups, self.frames.as_deref(), params, drawn)?
            }
            None => vec![[None; 2]; numbers],
        };
        let confidence = params.map_or(0.0, |params| params.confidence);
        let rows = self.values.into_iter().zip(ends);
        Ok(rows
            .map(|(value, ends)| {
                let ends = if value.value.is_some() { ends } else { [None; 2] };
                value.row(set, run_id, ends, confidence)
            })
            .collect())
    }
}

impl Workspace {
    /// The numbers of slices of frames by the rules that an evaluation was made with; with intervals where these are asked for.
    pub(in crate::evaluate) fn rules_by(
        &self,
        report: &EvalReport,
        (dataset, rows, groups): (&Dataset, &[u64], &[u32]),
        asked: &[FrameSlice],
        params: Option<&BootstrapParams>,
    ) -> Result<Vec<RuleSlices>, Error> {
        let sets = MetricSet::ALL.into_iter().filter(|set| set.is_computed_here());
        let used: Vec<(MetricSet, &Value)> = sets
            .filter_map(|set| Some((set, &report.rule_sets.get(set.name())?.params)))
            .collect();
        if used.is_empty() {
            return Ok(Vec::new());
        }
        let mut objects = Objects::labels(self, dataset, rows)?;
        objects.find(self, &report.predict_run_id)?;
        let sliced = Sliced {
            asked,
            ..Sliced::default()
        };
        let mut slices = Vec::new();
        for (set, own) in used {
            let computed = set.compute(&objects, own.as_object(), sliced, &mut Tally::default())?;
            let parts = computed.into_iter().flat_map(|computed| computed.parts);
            for part in parts.filter(|part| part.kind == PartKind::Asked) {
                slices.push(RuleSlices {
                    set,
                    name: part.name.clone(),
                    metrics: part.rows(set, &report.run_id, (groups, params))?,
                });
            }
        }
        Ok(slices)
    }

    /// The numbers that both evaluations have by the same rules and parameters, with paired intervals; those that are not defined in one are left out.
    pub(in crate::evaluate) fn rules_drawn(
        &self,
        reports: [&EvalReport; 2],
        (dataset, rows, groups): (&Dataset, &[u64], &[u32]),
        sliced: Sliced<'_>,
        params: &BootstrapParams,
    ) -> Result<Vec<RuleDelta>, Error> {
        let [a, b] = reports;
        let shared: Vec<(MetricSet, &Value)> = MetricSet::ALL
            .into_iter()
            .filter(|set| set.is_computed_here())
            .filter_map(|set| {
                let (own, other) = (a.rule_sets.get(set.name())?, b.rule_sets.get(set.name())?);
                (own.params == other.params).then_some((set, &own.params))
            })
            .collect();
        if shared.is_empty() {
            return Ok(Vec::new());
        }
        let mut objects = Objects::labels(self, dataset, rows)?;
        let mut sides: Vec<Vec<Computed>> = Vec::with_capacity(2);
        for report in reports {
            objects.find(self, &report.predict_run_id)?;
            let mut computed = Vec::with_capacity(shared.len());
            for (set, params) in &shared {
                // What is left out was said when it was evaluated.
                computed.extend(set.compute(&objects, params.as_object(), sliced, &mut Tally::default())?);
            }
            sides.push(computed);
        }
        let [a, b] = sides.as_slice() else {
            return Ok(Vec::new());
        };
        let mut deltas = Vec::new();
        for ((set, _), (a, b)) in shared.iter().zip(a.iter().zip(b)) {
            for part in &a.parts {
                // Which there are depends on labels alone.
                let other = b
                    .parts
                    .iter()
                    .find(|other| (other.kind, &other.name) == (part.kind, &part.name));
                if let Some(other) = other {
                    deltas.extend(compared(*set, [part, other], groups, params)?);
                }
            }
        }
        Ok(deltas)
    }
}

/// The numbers that both have, such as those of boxes alone where one has cuboids and the other has not.
fn compared(
    set: MetricSet,
    [a, b]: [&Part; 2],
    groups: &[u32],
    params: &BootstrapParams,
) -> Result<Vec<RuleDelta>, Error> {
    let key = |value: &Measured| (value.name(set), value.slice.clone());
    let of_b: BTreeMap<(String, String), usize> = b.values.iter().map(key).zip(0..).collect();
    let shared: Vec<(String, usize, usize)> = a
        .values
        .iter()
        .enumerate()
        .filter_map(|(at, value)| {
            let (metric, slice) = key(value);
            let other = *of_b.get(&(metric.clone(), slice))?;
            Some((metric, at, other))
        })
        .collect();
    let once = vec![1; groups.len()];
    let again = [(a.draws)()?, (b.draws)()?];
    let numbers = [a, b].map(|side| side.values.len());
    for again in &again {
        again(&once)?;
    }
    let metrics: Vec<&str> = shared.iter().map(|(metric, ..)| metric.as_str()).collect();
    let deltas = compare_of_within(&metrics, groups, a.frames.as_deref(), params, |second, times| {
        let side = usize::from(second);
        let all = measure(&again[side], times, numbers[side]);
        let place = |(_, of_a, of_b): &(String, usize, usize)| if second { *of_b } else { *of_a };
        shared.iter().map(|shared| all[place(shared)]).collect()
    })?;
    let known = deltas
        .into_iter()
        .zip(&shared)
        .filter(|(delta, _)| delta.delta.is_some());
    Ok(known
        .map(|(delta, (_, at, _))| {
            let value = &a.values[*at];
            RuleDelta {
                slice: value.slice.clone(),
                of_frames: a.kind == PartKind::Asked,
                of_breakdown: match a.kind {
                    PartKind::Whole => false,
                    PartKind::Breakdown => true,
                    // By class they are many.
                    PartKind::Asked => value.slice != a.name,
                },
                higher_is_better: value.higher_is_better,
                delta: MetricDelta {
                    support: value.support.unwrap_or(0),
                    ..delta
                },
            }
        })
        .collect())
}
