//! Gates: what an evaluation must reach, and where it must not be worse than a baseline.

use std::path::Path;

use guideway_core::Reporter;
use guideway_core::hint::closest;
use serde::{Deserialize, Serialize};

use super::breakdown::Cut;
use super::{DiffOptions, EvalDelta, EvalReport};
use crate::error::{Error, ErrorKind};
use crate::workspace::Workspace;

/// A gate as a file.
///
/// ```toml
/// confidence = 0.95
///
/// [[rule]]                      # a value that must be reached
/// metric = "AP50"
/// min = 0.45
///
/// [[rule]]                      # a loss that must not be shown
/// metric = "AP50"
/// slice = "class=pedestrian"
/// no_worse_by = 0.01
///
/// [[rule]]                      # a loss that must be ruled out
/// metric = "mistakes_per_hour"
/// no_worse_by = 5.0
/// proven = true
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateFile {
    /// Confidence of all comparisons together: with several, each is judged at a higher one (Bonferroni).
    #[serde(default = "confidence")]
    pub confidence: f64,
    /// Bootstrap resamples.
    #[serde(default = "resamples")]
    pub resamples: usize,
    /// Seed of the bootstrap.
    #[serde(default)]
    pub seed: u64,
    /// A SELECT that yields `frame_id` and `slice`: rules may name these slices as well.
    #[serde(default)]
    pub by: Option<String>,
    /// The rules, all of which must be met.
    pub rule: Vec<GateRule>,
}

/// A rule of a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateRule {
    /// The metric: `AP`, `AP50`, `AR100`, `mistakes_per_hour`, `nuscenes/NDS`, ….
    pub metric: String,
    /// Its slice: `all`, `class=…`, `class=…,level=…`, `kind=…`, `area=…`, `range=…`, `occlusion=…`, `weather=…`, `time_of_day=…`, `class=…,occlusion=…`, or one that `by` makes.
    #[serde(default = "all")]
    pub slice: String,
    /// The least value.
    pub min: Option<f64>,
    /// The greatest value.
    pub max: Option<f64>,
    /// How much worse than the baseline it may be, in the metric's unit.
    pub no_worse_by: Option<f64>,
    /// Whether a greater loss must be ruled out. Otherwise it must not be shown.
    #[serde(default)]
    pub proven: bool,
}

fn confidence() -> f64 {
    0.95
}

fn resamples() -> usize {
    2000
}

fn all() -> String {
    "all".to_owned()
}

/// How a rule was met.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateResult {
    /// The metric.
    pub metric: String,
    /// Its slice.
    pub slice: String,
    /// What was asked: `at least 0.45`, `no worse by 0.01`, ….
    pub rule: String,
    /// The value of the run.
    pub value: Option<f64>,
    /// The baseline's.
    pub baseline: Option<f64>,
    /// Lower end of the interval of the difference.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Met?
    pub met: bool,
}

/// What a gate says of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateReport {
    /// The run.
    pub run: String,
    /// The baseline's run.
    pub baseline: Option<String>,
    /// Are all rules met?
    pub met: bool,
    /// Confidence of each comparison's interval.
    pub confidence: f64,
    /// The rules.
    pub rules: Vec<GateResult>,
}

impl GateFile {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        let wrong = |message: String, hint: &str| -> Error {
            ErrorKind::GateFile {
                path: path.to_owned(),
                message,
                hint: hint.to_owned(),
            }
            .into()
        };
        let file: Self = toml::from_str(&text).map_err(|err| {
            wrong(
                err.to_string().trim_end().to_owned(),
                "a gate has `[[rule]]` tables with `metric` and `min`, `max` or `no_worse_by`",
            )
        })?;
        if !(file.confidence > 0.0 && file.confidence < 1.0) {
            return Err(wrong(
                format!("`confidence` is {}", file.confidence),
                "give a number between 0 and 1, such as 0.95",
            ));
        }
        if file.rule.is_empty() {
            return Err(wrong("there are no rules".to_owned(), "add a `[[rule]]`"));
        }
        for (at, rule) in file.rule.iter().enumerate() {
            let limits = [rule.min, rule.max, rule.no_worse_by];
            if limits.iter().all(Option::is_none) {
                return Err(wrong(
                    format!("rule {} ({}) asks for nothing", at + 1, rule.metric),
                    "give it `min`, `max` or `no_worse_by`",
                ));
            }
            if limits.iter().flatten().any(|limit| !limit.is_finite()) || rule.no_worse_by.is_some_and(|by| by < 0.0) {
                return Err(wrong(
                    format!("rule {} ({}) has a limit that is none", at + 1, rule.metric),
                    "give finite numbers, and `no_worse_by` from 0",
                ));
            }
        }
        Ok(file)
    }

    fn compares(&self) -> usize {
        self.rule.iter().filter(|rule| rule.no_worse_by.is_some()).count()
    }
}

impl Workspace {
    /// Judges an evaluation by a gate's rules, some of which may compare it with a baseline on the same labels.
    pub fn eval_gate(
        &self,
        run: &str,
        baseline: Option<&str>,
        gate: &GateFile,
        reporter: &dyn Reporter,
    ) -> Result<GateReport, Error> {
        let report = self.evaluation(run)?;
        let compares = gate.compares();
        // Each at a confidence at which all of them hold together.
        let confidence = 1.0 - (1.0 - gate.confidence) / compares.max(1) as f64;
        let diff = match baseline {
            Some(baseline) => Some(self.eval_diff(
                baseline,
                run,
                &DiffOptions {
                    resamples: gate.resamples,
                    seed: gate.seed,
                    confidence,
                    by: gate.by.clone(),
                },
                reporter,
            )?),
            None if compares > 0 => {
                return Err(Error::usage(
                    "a rule has `no_worse_by`, and there is nothing to compare with",
                    "name the evaluation that it must not be worse than: `--against RUN`".to_owned(),
                ));
            }
            None => None,
        };
        let slices = match &gate.by {
            Some(sql) if diff.is_none() => self.values_by(sql, &report)?,
            _ => Vec::new(),
        };
        let compared = diff.as_ref().map_or(&[][..], |diff| diff.deltas.as_slice());
        let mut rules = Vec::new();
        for rule in &gate.rule {
            rules.extend(judge(rule, &report, compared, &slices)?);
        }
        Ok(GateReport {
            run: report.run_id,
            baseline: diff.map(|diff| diff.baseline),
            met: rules.iter().all(|rule| rule.met),
            confidence,
            rules,
        })
    }
}

impl Workspace {
    /// The numbers of the slices that a query makes.
    fn values_by(&self, sql: &str, report: &EvalReport) -> Result<Vec<InSlice>, Error> {
        let (dataset, rows) = self.dataset_split(&report.on)?;
        let case = self.case_of(report, &dataset, &rows)?;
        let asked = self.slices_of_frames(sql, &case.truth)?;
        let own = case.slice_values(&Cut::of_frames(&asked), None)?.into_iter();
        let mut values: Vec<InSlice> = own
            .map(|own| InSlice {
                metric: own.metric.to_owned(),
                slice: own.slice,
                value: own.value,
            })
            .collect();
        let rules = self.rules_by(report, (&dataset, &rows, &case.truth.groups()), &asked, None)?;
        values.extend(rules.into_iter().flat_map(|rule| rule.metrics).map(|row| InSlice {
            metric: row.metric,
            slice: row.slice,
            value: row.value,
        }));
        Ok(values)
    }
}

/// A number of a slice that a query makes.
struct InSlice {
    metric: String,
    slice: String,
    value: Option<f64>,
}

/// One result for each limit of a rule.
fn judge(
    rule: &GateRule,
    report: &EvalReport,
    compared: &[EvalDelta],
    slices: &[InSlice],
) -> Result<Vec<GateResult>, Error> {
    let delta = compared
        .iter()
        .find(|delta| delta.metric == rule.metric && delta.slice == rule.slice);
    let metric = report
        .metrics
        .iter()
        .find(|metric| metric.metric == rule.metric && metric.slice == rule.slice);
    let sliced = slices
        .iter()
        .find(|slice| slice.metric == rule.metric && slice.slice == rule.slice);
    if delta.is_none() && metric.is_none() && sliced.is_none() {
        let known = report
            .metrics
            .iter()
            .map(|metric| format!("{} {}", metric.metric, metric.slice))
            .chain(compared.iter().map(|delta| format!("{} {}", delta.metric, delta.slice)))
            .chain(slices.iter().map(|slice| format!("{} {}", slice.metric, slice.slice)));
        let known: Vec<String> = known.collect();
        let asked = format!("{} {}", rule.metric, rule.slice);
        let hint = match closest(&asked, known.iter().map(String::as_str)) {
            Some(close) => format!("did you mean `{close}`?"),
            None => "`guideway eval show RUN --output-format csv` lists metrics and slices".to_owned(),
        };
        return Err(Error::usage(
            format!(
                "a rule asks for {} of the slice {}, which the evaluation has not",
                rule.metric, rule.slice
            ),
            hint,
        ));
    }
    let value = metric
        .and_then(|metric| metric.value)
        .or_else(|| delta.and_then(|delta| delta.candidate))
        .or_else(|| sliced.and_then(|slice| slice.value));
    let result = |text: String, met: bool| GateResult {
        metric: rule.metric.clone(),
        slice: rule.slice.clone(),
        rule: text,
        value,
        baseline: None,
        lower: None,
        upper: None,
        met,
    };
    let mut results = Vec::new();
    // A value that is not defined reaches nothing.
    if let Some(min) = rule.min {
        results.push(result(
            format!("at least {min}"),
            value.is_some_and(|value| value >= min),
        ));
    }
    if let Some(max) = rule.max {
        results.push(result(
            format!("at most {max}"),
            value.is_some_and(|value| value <= max),
        ));
    }
    if let (Some(by), Some(delta)) = (rule.no_worse_by, delta) {
        let text = if rule.proven {
            "surely no worse by"
        } else {
            "no worse by"
        };
        results.push(GateResult {
            baseline: delta.baseline,
            lower: delta.lower,
            upper: delta.upper,
            ..result(format!("{text} {by}"), holds(delta, by, rule.proven))
        });
    } else if let Some(by) = rule.no_worse_by {
        results.push(result(
            format!("no worse by {by} (not compared: undefined in the baseline)"),
            false,
        ));
    }
    Ok(results)
}

/// Is the loss no greater than `by`: not shown to be, or shown not to be?
fn holds(delta: &EvalDelta, by: f64, proven: bool) -> bool {
    // How much worse: least and most.
    let loss = |ends: (Option<f64>, Option<f64>)| match (delta.higher_is_better, ends) {
        (true, (lower, upper)) => (upper.map(|v| -v), lower.map(|v| -v)),
        (false, ends) => ends,
    };
    // Without an interval (a single recording) the difference itself must do.
    let ends = match (delta.lower, delta.upper) {
        (None, None) => loss((delta.delta, delta.delta)),
        ends => loss(ends),
    };
    match (proven, ends) {
        (false, (Some(least), _)) => least <= by,
        (true, (_, Some(most))) => most <= by,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(higher_is_better: bool, ends: Option<(f64, f64)>) -> EvalDelta {
        EvalDelta {
            metric: "AP".to_owned(),
            slice: "all".to_owned(),
            baseline: Some(0.5),
            candidate: Some(0.45),
            delta: Some(-0.05),
            lower: ends.map(|(lower, _)| lower),
            upper: ends.map(|(_, upper)| upper),
            of_frames: false,
            of_breakdown: false,
            higher_is_better,
            p_adjusted: None,
            verdict: "worse",
        }
    }

    #[test]
    fn a_loss_is_shown_or_ruled_out() {
        // five points less, surely between 8 and 2 points less
        let ap = delta(true, Some((-0.08, -0.02)));
        assert!(holds(&ap, 0.02, false) && holds(&ap, 0.05, false) && !holds(&ap, 0.01, false));
        assert!(holds(&ap, 0.08, true) && !holds(&ap, 0.05, true));
        // fewer mistakes are better
        let rate = delta(false, Some((-0.08, -0.02)));
        assert!(holds(&rate, 0.0, false) && holds(&rate, 0.0, true));
        // a single recording
        let alone = delta(true, None);
        assert!(holds(&alone, 0.05, true) && !holds(&alone, 0.04, false));
    }
}
