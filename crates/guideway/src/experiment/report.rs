//! The page that says which arm is better, by how much, and how sure that is.

use std::path::PathBuf;

use guideway_eval::arms::{Estimate, Paired, RatioInterval, mean_interval};

use super::compare::curve;
use super::file::ExperimentFile;
use super::{Comparison, CourseResult, ExperimentReport, FULL, PoolShare};
use crate::atomic::write_atomic;
use crate::error::Error;
use crate::page::{Page, digits};
use crate::plot::{LinePlot, Series};
use crate::rounds::{Ground, Round};
use crate::workspace::Workspace;

/// `0.0123 (0.0100 to 0.0146)`.
pub(super) fn estimate(estimate: Option<&Estimate>) -> String {
    estimate.map_or_else(
        || "–".to_owned(),
        |e| format!("{:.4} ({:.4} to {:.4})", e.mean, e.lower, e.upper),
    )
}

/// `+0.0123 (+0.0100 to +0.0146)`.
fn difference(paired: Option<&Paired>) -> String {
    paired.map_or_else(
        || "–".to_owned(),
        |d| format!("{:+.4} ({:+.4} to {:+.4})", d.mean, d.lower, d.upper),
    )
}

impl PoolShare {
    /// The difference to the whole pool with its interval, in words.
    pub fn difference_in_words(&self) -> String {
        difference(self.difference.as_ref())
    }
}

impl Comparison {
    /// The difference with its interval, in words.
    pub fn difference_in_words(&self) -> String {
        difference(self.difference.as_ref())
    }

    /// The ratio of gains with its interval, in words.
    pub fn ratio_in_words(&self) -> String {
        let Some(ratio) = &self.gain_ratio else {
            return "–".to_owned();
        };
        let interval = match &ratio.interval {
            RatioInterval::Bounded { lower, upper } => format!("{lower:.2} to {upper:.2}"),
            RatioInterval::Outside { below, above } => format!("below {below:.2} or above {above:.2}"),
            RatioInterval::Everything => "any".to_owned(),
        };
        format!("{:.2}× ({interval})", ratio.ratio)
    }
}

impl Workspace {
    /// Writes an experiment's report into `reports/experiments/NAME`.
    pub(super) fn write_experiment_report(
        &self,
        file: &ExperimentFile,
        ground: &Ground<'_>,
        report: &ExperimentReport,
    ) -> Result<Vec<PathBuf>, Error> {
        let dir = self.report_dir("experiments", &report.name);
        let percent = (report.confidence * 100.0).round();
        let mut page = Page::new(format!("Experiment {}", report.name));
        page.text(format!(
            "{} arms, {} seeds each, {} of choosing from {} frames; every model is tested on the same {} frames, from which nothing is learnt. \
             Arms of one seed begin with the same models. The KPI is the {}. Intervals are at {percent} %, over the seeds.",
            file.arm.len(),
            file.seeds.len(),
            if file.rounds == 1 { "1 round".to_owned() } else { format!("{} rounds", file.rounds) },
            report.frames[0],
            report.frames[1],
            report.kpi,
        ));
        page.plot("kpi.svg", &self::plot(file, report))?;
        page.heading("Arms after the last round");
        let rows = report.arms.iter().map(|arm| {
            vec![
                arm.arm.clone(),
                format!("{:.0}", arm.frames),
                format!("{:.2}", arm.labels),
                arm.labels_to_baseline
                    .map_or_else(|| "–".to_owned(), |part| format!("{part:.3}")),
                estimate(arm.before.as_ref()),
                estimate(arm.after.as_ref()),
                estimate(arm.gain.as_ref()),
            ]
        });
        let labels = format!("labels, {}", report.currency);
        page.table(
            &[
                "arm",
                "frames",
                &labels,
                "to baseline",
                "KPI before",
                "KPI after",
                "gain",
            ],
            rows.collect(),
        );
        page.heading(format!("Against {}, on the neutral test set", report.baseline));
        page.text(
            "Differences are paired by seed; p values are those of the paired t test, after Holm over all arms and rounds. The ratio is that of the gains \
             since the first training, with Fieller's interval: where the baseline's gain may be 0, it has no upper end, and where it is none, there is no ratio. \
             The intervals are about the luck of choosing, labelling and training; pool, test set and what was learnt before are the same for all seeds.",
        );
        let rows = report.comparisons.iter().map(|one| {
            vec![
                one.arm.clone(),
                one.round.to_string(),
                one.what.clone(),
                one.difference_in_words(),
                one.p_adjusted.map_or_else(|| "–".to_owned(), |p| format!("{p:.4}")),
                one.ratio_in_words(),
            ]
        });
        page.table(
            &["arm", "round", "of", "difference", "p", "ratio of gains"],
            rows.collect(),
        );
        page.heading("Gain of each class");
        let mut head = vec!["arm"];
        head.extend(ground.classes().iter().map(String::as_str));
        let gains = |list: &[(String, Option<Estimate>)], arm: &str| {
            let mut row = vec![arm.to_owned()];
            row.extend(list.iter().map(|(_, gain)| estimate(gain.as_ref())));
            row
        };
        page.table(
            &head,
            report.arms.iter().map(|arm| gains(&arm.gains, &arm.arm)).collect(),
        );
        if file.own_fold > 0.0 {
            page.heading("The same gains on each arm's own fold");
            page.text(
                "Frames of drives kept from training that the arm itself chose, or that the seed set took from the pool. Each arm has other frames here, so these numbers say nothing about which arm is \
                 better: they are what one would publish without a neutral test set.",
            );
            page.table(
                &head,
                report.arms.iter().map(|arm| gains(&arm.own_gains, &arm.arm)).collect(),
            );
        }
        if !report.pool_shares.is_empty() {
            page.heading("Which part of the pool is enough?");
            let rows = report.pool_shares.iter().map(|share| {
                vec![
                    share.arm.clone(),
                    digits(Some(share.full)),
                    share
                        .share
                        .map_or_else(|| "not reached".to_owned(), |part| format!("{:.1} %", part * 100.0)),
                    format!("{} with {:.1} %", digits(Some(share.last)), share.last_share * 100.0),
                    share.difference_in_words(),
                ]
            });
            page.table(
                &[
                    "arm",
                    "KPI with the whole pool",
                    "reached with",
                    "at the end",
                    "difference",
                ],
                rows.collect(),
            );
        }
        page.heading("What was picked, and why");
        for arm in &file.arm {
            let course = report.courses.iter().find(|course| course.arm == arm.name);
            let Some(round) = course.and_then(|course| course.rounds.get(1)) else {
                continue;
            };
            page.text(format!(
                "{} ({}), the first round of the first seed:",
                arm.name,
                arm.strategy.name()
            ));
            page.pictures(self.pictures(
                &dir,
                &round.selection,
                (&file.labels.classes, ground.labelers_by_name()),
            )?);
        }
        page.heading("Every course");
        let rows = report.courses.iter().map(|course| {
            vec![
                course.arm.clone(),
                course.seed.to_string(),
                course
                    .rounds
                    .iter()
                    .map(|round| digits(round.kpi))
                    .collect::<Vec<_>>()
                    .join(" → "),
            ]
        });
        page.table(&["arm", "seed", "KPI by round"], rows.collect());
        let paths = page.write(&dir)?;
        let json = dir.join("results.json");
        let bytes = serde_json::to_vec_pretty(report).map_err(|err| Error::corrupt("the report", err))?;
        write_atomic(&json, &bytes)?;
        let [html, markdown] = paths;
        Ok(vec![html, markdown, json])
    }
}

/// What labels cost up to a round.
fn paid(rounds: &[Round]) -> f64 {
    rounds
        .last()
        .map_or(0.0, |round| round.spent.labels(round.currency).to_f64())
}

/// The KPI against the cost of labels: means and intervals over the seeds.
fn plot(file: &ExperimentFile, report: &ExperimentReport) -> LinePlot {
    let of_arm =
        |arm: &str| -> Vec<&CourseResult> { report.courses.iter().filter(|course| course.arm == arm).collect() };
    let mut series: Vec<Series> = file
        .arm
        .iter()
        .map(|arm| {
            let courses = of_arm(&arm.name);
            let points = curve(&courses, paid);
            let band = points.iter().enumerate().filter_map(|(round, (x, _))| {
                let kpis: Option<Vec<f64>> = courses.iter().map(|course| course.rounds[round].kpi).collect();
                let interval = mean_interval(&kpis?, report.confidence)?;
                Some((*x, interval.lower, interval.upper))
            });
            Series {
                name: arm.name.clone(),
                band: band.collect(),
                points,
            }
        })
        .collect();
    let widest = series
        .iter()
        .flat_map(|line| &line.points)
        .map(|(x, _)| *x)
        .fold(0.0, f64::max);
    let from = series
        .iter()
        .flat_map(|line| &line.points)
        .map(|(x, _)| *x)
        .fold(f64::INFINITY, f64::min);
    if let Some((_, full)) = curve(&of_arm(FULL), paid).get(1) {
        series.push(Series {
            name: "the whole pool".to_owned(),
            points: vec![(from, *full), (widest, *full)],
            band: Vec::new(),
        });
    }
    LinePlot {
        title: format!("{}: {} on the neutral test set", report.name, report.kpi),
        x_label: format!("labels paid, {}", report.currency),
        y_label: file.kpi.metric.name().to_owned(),
        y_range: None,
        series,
    }
}
