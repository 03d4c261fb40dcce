//! The comparison of two evaluations on the same labels: overall, by class, by slices of labels and frames, and in mistakes by the hour.

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::Reporter;
use guideway_eval::arms::holm;
use guideway_eval::bootstrap::{BootstrapParams, MetricDelta, compare, compare_rates};
use guideway_eval::mistakes::{Exposure, GroupParams};
use guideway_schema::{MetricRow, MistakeRow};
use serde::Serialize;

use super::breakdown::{Cut, FrameSlice, parse};
use super::case::{Case, Truth};
use super::rules::Sliced;
use super::{EvalReport, slice};
use crate::dataset::text;
use crate::error::Error;
use crate::workspace::{Workspace, quote};

/// Slices at most: more are no answer to anything.
const MOST_SLICES: usize = 200;

/// How to compare.
#[derive(Debug, Clone)]
pub struct DiffOptions {
    /// Bootstrap resamples.
    pub resamples: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Confidence of each interval, and of all verdicts together.
    pub confidence: f64,
    /// A SELECT that yields `frame_id` and `slice`: compare within each slice as well. A frame may be in several.
    pub by: Option<String>,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self {
            resamples: 1000,
            seed: 0,
            confidence: 0.95,
            by: None,
        }
    }
}

/// A metric of two evaluations.
#[derive(Debug, Clone, Serialize)]
pub struct EvalDelta {
    /// Name.
    pub metric: String,
    /// `all`, `class=…`, `kind=…`, a slice of the breakdown (`area=…`, `class=…,occlusion=…`), or a slice of frames.
    pub slice: String,
    /// Is it a slice of frames, as [`DiffOptions::by`] makes them?
    pub of_frames: bool,
    /// Is it a row of the breakdown: by size, range, occlusion, weather or time of day, or by class within a slice? These are judged together, and make
    /// no other verdict weaker.
    pub of_breakdown: bool,
    /// Of the baseline.
    pub baseline: Option<f64>,
    /// Of the candidate.
    pub candidate: Option<f64>,
    /// Candidate minus baseline.
    pub delta: Option<f64>,
    /// Lower end of the interval of the difference.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Is more better?
    pub higher_is_better: bool,
    /// p-value of no difference, adjusted for all comparisons made (Holm 1979): for those of the breakdown, or for all others.
    pub p_adjusted: Option<f64>,
    /// `better` or `worse` where that holds for all these comparisons together, `perhaps better` or `perhaps worse` where only this interval says so, or
    /// `no difference shown`; `not tested` for what has no interval: counts of tracks, what fewer than two
    /// recordings have labels of, and what is not defined.
    pub verdict: &'static str,
}

/// Two evaluations compared.
#[derive(Debug, Clone, Serialize)]
pub struct EvalDiff {
    /// The baseline's run.
    pub baseline: String,
    /// The candidate's run.
    pub candidate: String,
    /// Groups that the bootstrap draws: recordings, or independent images.
    pub groups: u64,
    /// Resamples.
    pub resamples: u64,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Every metric.
    pub deltas: Vec<EvalDelta>,
}

/// A difference before all of them are judged together.
struct Raw {
    slice: String,
    of_frames: bool,
    of_breakdown: bool,
    higher_is_better: bool,
    delta: MetricDelta,
}

impl Workspace {
    /// Two evaluations on the same labels, with paired bootstrap intervals over recordings (or independent images).
    pub fn eval_diff(
        &self,
        baseline: &str,
        candidate: &str,
        options: &DiffOptions,
        reporter: &dyn Reporter,
    ) -> Result<EvalDiff, Error> {
        let (a, b) = (self.evaluation(baseline)?, self.evaluation(candidate)?);
        let (dataset_a, rows) = self.dataset_split(&a.on)?;
        let (dataset_b, rows_b) = self.dataset_split(&b.on)?;
        if dataset_a.info().hash != dataset_b.info().hash || rows != rows_b {
            return Err(Error::usage(
                format!(
                    "{} was evaluated on {}, {} on {}: they cannot be compared",
                    a.model, a.on, b.model, b.on
                ),
                format!(
                    "evaluate both on one, such as `guideway eval run {} --on {}`",
                    b.model, a.on
                ),
            ));
        }
        let params = BootstrapParams {
            seed: options.seed,
            resamples: u32::try_from(options.resamples).unwrap_or(u32::MAX),
            confidence: options.confidence,
        };
        let task = reporter.begin("Comparing", None, "steps");
        let case_a = self.case_of(&a, &dataset_a, &rows)?;
        let case_b = self.case_of(&b, &dataset_b, &rows)?;
        let mut raw = compared(&case_a, &case_b, &params)?;
        let told = self.told_of_frames(&case_a.truth)?;
        let asked = match &options.by {
            Some(sql) => self.slices_of_frames(sql, &case_a.truth)?,
            None => Vec::new(),
        };
        if !asked.is_empty() {
            let cuts = Cut::of_frames(&asked);
            raw.extend(parts_compared([&case_a, &case_b], &cuts, &params)?.map(|raw| Raw {
                of_frames: true,
                // By class they are many.
                of_breakdown: raw.delta.class.is_some(),
                ..raw
            }));
        }
        let cuts = self.cuts(&case_a, (&dataset_a, &rows), &told)?;
        raw.extend(parts_compared([&case_a, &case_b], &cuts, &params)?);
        raw.extend(self.rates_compared([&a, &b], &case_a.truth, &params)?);
        let tracks = self.tracks_compared([(&a, &case_a), (&b, &case_b)], (&dataset_a, &rows), &params)?;
        raw.extend(tracks.into_iter().map(|(slice, delta)| Raw {
            slice,
            of_frames: false,
            of_breakdown: false,
            higher_is_better: true,
            delta,
        }));
        let groups = case_a.truth.groups();
        let sliced = Sliced {
            labels: true,
            told: &told,
            asked: &asked,
        };
        let rules = self.rules_drawn([&a, &b], (&dataset_a, &rows, &groups), sliced, &params)?;
        raw.extend(rules.into_iter().map(|rule| Raw {
            slice: rule.slice,
            of_frames: rule.of_frames,
            of_breakdown: rule.of_breakdown,
            higher_is_better: rule.higher_is_better,
            delta: rule.delta,
        }));
        let drawn: BTreeSet<(&str, &str)> = raw
            .iter()
            .map(|raw| (raw.delta.metric.as_str(), raw.slice.as_str()))
            .collect();
        let mut rules = rules_compared(&a, &b);
        rules.retain(|rule| !drawn.contains(&(rule.metric.as_str(), rule.slice.as_str())));
        let (breakdown, main): (Vec<Raw>, Vec<Raw>) = raw.into_iter().partition(|raw| raw.of_breakdown);
        let error = 1.0 - params.confidence;
        let mut deltas = judged(main, error);
        deltas.extend(rules);
        deltas.extend(judged(breakdown, error));
        drop(task);
        Ok(EvalDiff {
            baseline: a.run_id,
            candidate: b.run_id,
            groups: u64::from(groups.iter().max().map_or(0, |last| last + 1)),
            resamples: options.resamples as u64,
            confidence: params.confidence,
            deltas,
        })
    }

    /// The slices that a query makes of frames.
    pub(super) fn slices_of_frames(&self, sql: &str, truth: &Truth) -> Result<Vec<FrameSlice>, Error> {
        let inner = sql.trim().trim_end_matches(';');
        let mut result = self.query(&format!(
            "SELECT DISTINCT q.frame_id AS frame_id, CAST(q.slice AS VARCHAR) AS slice FROM (\n{inner}\n) q \
             WHERE q.frame_id IS NOT NULL AND q.slice IS NOT NULL"
        ))?;
        let mut frames: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        while let Some(batch) = result.next_batch()? {
            let (ids, names) = (text(&batch, "frame_id")?, text(&batch, "slice")?);
            for row in 0..batch.num_rows() {
                let of_slice = frames.entry(names.value(row).to_owned()).or_default();
                of_slice.insert(ids.value(row).to_owned());
                if frames.len() > MOST_SLICES {
                    return Err(Error::usage(
                        format!("the query makes more than {MOST_SLICES} slices"),
                        "cut numbers into ranges, as in `CASE WHEN x < 10 THEN 'near' ELSE 'far' END AS slice`"
                            .to_owned(),
                    ));
                }
            }
        }
        let slices: Vec<FrameSlice> = frames
            .into_iter()
            .map(|(name, ids)| {
                (
                    name,
                    truth.frames.iter().map(|frame| ids.contains(&frame.frame_id)).collect(),
                )
            })
            .filter(|(_, flags): &FrameSlice| flags.contains(&true))
            .collect();
        if slices.is_empty() {
            return Err(Error::usage(
                "the query yields none of the frames that were evaluated",
                "it must yield frame_id and slice, such as `SELECT frame_id, name AS slice FROM frames`".to_owned(),
            ));
        }
        Ok(slices)
    }

    /// Mistakes by the hour, where both evaluations know of them.
    fn rates_compared(
        &self,
        reports: [&EvalReport; 2],
        truth: &Truth,
        params: &BootstrapParams,
    ) -> Result<Vec<Raw>, Error> {
        if reports.iter().any(|report| report.driven.is_none()) {
            return Ok(Vec::new());
        }
        let mut stamps: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for frame in &truth.frames {
            stamps
                .entry(&frame.recording_id)
                .or_default()
                .extend(frame.timestamp_ns);
        }
        let gap_ns = GroupParams::default().gap_ns;
        let hours: BTreeMap<&str, f64> = stamps
            .into_iter()
            .map(|(recording, mut stamps)| {
                stamps.sort_unstable();
                (recording, Exposure::driven(&stamps, gap_ns, None).hours)
            })
            .collect();
        if hours.values().sum::<f64>() <= 0.0 {
            return Ok(Vec::new());
        }
        let place: BTreeMap<&str, usize> = hours.keys().copied().zip(0..).collect();
        let mut counts: BTreeMap<(u8, String), [Vec<u64>; 2]> = BTreeMap::new();
        for (side, report) in reports.into_iter().enumerate() {
            let rows: Vec<MistakeRow> = self.rows(&format!(
                "SELECT * FROM mistakes WHERE run_id = {}",
                quote(&report.run_id)
            ))?;
            for row in &rows {
                let Some(at) = place.get(row.recording_id.as_str()) else {
                    continue;
                };
                let class = row.class.as_ref().or(row.predicted_class.as_ref());
                let slices = [
                    Some((0, "all".to_owned())),
                    Some((1, format!("kind={}", row.kind))),
                    class.map(|class| (2, format!("class={class}"))),
                ];
                for slice in slices.into_iter().flatten() {
                    let both = counts
                        .entry(slice)
                        .or_insert_with(|| [vec![0; hours.len()], vec![0; hours.len()]]);
                    both[side][*at] += 1;
                }
            }
        }
        let hours: Vec<f64> = hours.into_values().collect();
        counts
            .into_iter()
            .map(|((_, slice), [a, b])| {
                Ok(Raw {
                    slice,
                    of_frames: false,
                    of_breakdown: false,
                    higher_is_better: false,
                    delta: compare_rates("mistakes_per_hour", [&a, &b], &hours, params)?,
                })
            })
            .collect()
    }
}

/// COCO's metrics: overall and by class.
fn compared(a: &Case, b: &Case, params: &BootstrapParams) -> Result<Vec<Raw>, Error> {
    let deltas = compare(&a.matches, &b.matches, &a.truth.groups(), params)?;
    Ok(deltas
        .into_iter()
        .map(|delta| Raw {
            slice: slice(delta.class, &a.truth.classes),
            of_frames: false,
            of_breakdown: false,
            higher_is_better: true,
            delta,
        })
        .collect())
}

/// Slices of both, of all classes and of each.
fn parts_compared<'a>(
    [a, b]: [&'a Case; 2],
    cuts: &[Cut],
    params: &BootstrapParams,
) -> Result<impl Iterator<Item = Raw> + use<'a>, Error> {
    let groups = a.truth.groups();
    let mut raw = Vec::new();
    // Slices of labels are by the row, and those of boxes and of space have others.
    if a.is_in_space() != b.is_in_space() {
        return Ok(raw.into_iter());
    }
    for (own, other) in a.parts(cuts)?.iter().zip(b.parts(cuts)?) {
        let deltas = own.compare(&other, &groups, params)?.unwrap_or_default();
        raw.extend(own.cells().into_iter().zip(deltas).map(|(cell, delta)| Raw {
            slice: own.name(cell.class, &a.truth.classes),
            of_frames: false,
            of_breakdown: true,
            higher_is_better: cell.higher_is_better(),
            delta,
        }));
    }
    Ok(raw.into_iter())
}

/// What the rules of other benchmarks say of both, where they were applied with the same parameters.
fn rules_compared(a: &EvalReport, b: &EvalReport) -> Vec<EvalDelta> {
    let params = |report: &EvalReport, metric: &MetricRow| {
        let (set, _) = metric.metric.split_once('/')?;
        Some(report.rule_sets.get(set)?.params.clone())
    };
    let shared = a.metrics.iter().filter(|metric| {
        let own = params(a, metric);
        own.is_some() && own == params(b, metric)
    });
    shared
        .filter_map(|metric| {
            let other = b
                .metrics
                .iter()
                .find(|other| other.metric == metric.metric && other.slice == metric.slice)?;
            Some(EvalDelta {
                metric: metric.metric.clone(),
                slice: metric.slice.clone(),
                of_frames: false,
                of_breakdown: parse(&metric.slice).is_some(),
                baseline: metric.value,
                candidate: other.value,
                delta: metric.value.zip(other.value).map(|(a, b)| b - a),
                lower: None,
                upper: None,
                higher_is_better: metric.higher_is_better,
                p_adjusted: None,
                verdict: "not tested",
            })
        })
        .collect()
}

/// Judges all differences together: with many comparisons some intervals miss 0 by chance.
fn judged(raw: Vec<Raw>, error: f64) -> Vec<EvalDelta> {
    let tested: Vec<f64> = raw.iter().filter_map(|raw| raw.delta.p).collect();
    let mut adjusted = holm(&tested).into_iter();
    raw.into_iter()
        .map(|raw| {
            let p_adjusted = raw.delta.p.and_then(|_| adjusted.next());
            let (gain, loss) = if raw.higher_is_better {
                ("better", "worse")
            } else {
                ("worse", "better")
            };
            let side = match (raw.delta.lower, raw.delta.upper) {
                (Some(lower), _) if lower > 0.0 => Some(gain),
                (_, Some(upper)) if upper < 0.0 => Some(loss),
                _ => None,
            };
            let is_sure = p_adjusted.is_some_and(|p| p < error);
            EvalDelta {
                verdict: match (side, is_sure) {
                    _ if p_adjusted.is_none() => "not tested",
                    (Some("better"), true) => "better",
                    (Some("better"), false) => "perhaps better",
                    (Some(_), true) => "worse",
                    (Some(_), false) => "perhaps worse",
                    (None, _) => "no difference shown",
                },
                slice: raw.slice,
                of_frames: raw.of_frames,
                of_breakdown: raw.of_breakdown,
                metric: raw.delta.metric,
                baseline: raw.delta.a,
                candidate: raw.delta.b,
                delta: raw.delta.delta,
                lower: raw.delta.lower,
                upper: raw.delta.upper,
                higher_is_better: raw.higher_is_better,
                p_adjusted,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_hold_for_all_comparisons_together() {
        let raw = |p: f64, (lower, upper): (f64, f64), higher_is_better: bool| Raw {
            slice: "all".to_owned(),
            of_frames: false,
            of_breakdown: false,
            higher_is_better,
            delta: MetricDelta {
                metric: "AP".to_owned(),
                class: None,
                a: Some(0.5),
                b: Some(0.6),
                delta: Some(0.1),
                lower: Some(lower),
                upper: Some(upper),
                p: Some(p),
                support: 9,
            },
        };
        let verdicts =
            |raw: Vec<Raw>| -> Vec<&'static str> { judged(raw, 0.05).into_iter().map(|delta| delta.verdict).collect() };
        let rows = vec![
            raw(0.001, (0.05, 0.15), true),
            raw(0.03, (0.01, 0.2), true),
            raw(0.001, (0.05, 0.15), false),
            raw(0.03, (-0.2, -0.01), true),
            raw(0.5, (-0.1, 0.3), true),
        ];
        assert_eq!(
            verdicts(rows),
            [
                "better",
                "perhaps better",
                "worse",
                "perhaps worse",
                "no difference shown"
            ]
        );
        // alone, the second is sure
        assert_eq!(verdicts(vec![raw(0.03, (0.01, 0.2), true)]), ["better"]);
    }
}
