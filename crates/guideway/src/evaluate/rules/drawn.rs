//! Intervals of the numbers of rule sets, single and paired: a bootstrap over recordings.
//!
//! Objects are matched once. In a draw each frame counts as often as its recording was drawn; a class that loses all of its labels is not in the means of that draw. KITTI's thresholds are chosen
//! anew in each draw, among the scores of the frames that are in it.

use std::collections::BTreeMap;

use guideway_eval::bootstrap::{BootstrapParams, MetricDelta, compare_of, intervals_of};
use guideway_store::Dataset;
use serde_json::Value;

use super::objects::Objects;
use super::{Again, Computed, Measured, MetricSet, Tally};
use crate::error::Error;
use crate::evaluate::EvalReport;
use crate::workspace::Workspace;

/// The difference of a number of a rule set between two evaluations.
pub(in crate::evaluate) struct RuleDelta {
    pub(in crate::evaluate) slice: String,
    pub(in crate::evaluate) higher_is_better: bool,
    pub(in crate::evaluate) delta: MetricDelta,
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

impl Computed {
    /// The ends of the interval of each of its values. `groups` has the recording of each frame.
    pub(super) fn intervals(&self, groups: &[u32], params: &BootstrapParams) -> Result<Vec<[Option<f64>; 2]>, Error> {
        let numbers = self.values.len();
        let again = &self.again;
        // What is wrong is said once, here.
        again(&vec![1; groups.len()])?;
        let mut ends = intervals_of(groups, params, |times| measure(again, times, numbers))?;
        for (ends, value) in ends.iter_mut().zip(&self.values) {
            if value.value.is_none() {
                *ends = [None; 2];
            }
        }
        Ok(ends)
    }
}

impl Workspace {
    /// The numbers that both evaluations have by the same rules and parameters, with paired intervals; those that are not defined in one are left out.
    pub(in crate::evaluate) fn rules_drawn(
        &self,
        reports: [&EvalReport; 2],
        (dataset, rows, groups): (&Dataset, &[u64], &[u32]),
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
                computed.extend(set.compute(&objects, params.as_object(), &mut Tally::default())?);
            }
            sides.push(computed);
        }
        let [a, b] = sides.as_slice() else {
            return Ok(Vec::new());
        };
        let mut deltas = Vec::new();
        for ((set, _), (a, b)) in shared.iter().zip(a.iter().zip(b)) {
            deltas.extend(compared(*set, [a, b], groups, params)?);
        }
        Ok(deltas)
    }
}

/// The numbers that both have, such as those of boxes alone where one has cuboids and the other has not.
fn compared(
    set: MetricSet,
    [a, b]: [&Computed; 2],
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
    (a.again)(&once)?;
    (b.again)(&once)?;
    let metrics: Vec<&str> = shared.iter().map(|(metric, ..)| metric.as_str()).collect();
    let deltas = compare_of(&metrics, groups, params, |second, times| {
        let side = if second { b } else { a };
        let all = measure(&side.again, times, side.values.len());
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
                higher_is_better: value.higher_is_better,
                delta: MetricDelta {
                    support: value.support.unwrap_or(0),
                    ..delta
                },
            }
        })
        .collect())
}
