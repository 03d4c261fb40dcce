//! An evaluation as a page: from how many mistakes an hour down to the frame.

use std::path::{Path, PathBuf};

use guideway_core::Reporter;
use guideway_eval::bootstrap::BootstrapParams;
use guideway_eval::calibration::{Calibration, calibrate, scored};
use guideway_eval::coco::{CocoParams, DetectionState, IouType, assign, confusion};
use guideway_eval::events::{EventParams, SpaceEventParams};
use guideway_eval::stats::wilson;
use guideway_schema::MetricRow;
use serde::Serialize;

use super::breakdown::{BreakdownRow, Cut, SliceValue};
use super::case::Case;
use super::rules::{RuleTable, asked_tables, is_rule_metric};
use super::{DiffOptions, Driven, EvalDiff, EvalReport, RESAMPLES};
use crate::atomic::write_atomic;
use crate::error::Error;
use crate::event::{EventFilter, OpenOptions};
use crate::page::{Page, digits};
use crate::plot::{BarPlot, LinePlot, Series};
use crate::workspace::Workspace;

/// Bins of a reliability diagram.
const BINS: usize = 10;
/// IoU from which a detection is right.
const IOU: f64 = 0.5;
/// Edges of the bins of box heights, px, and of distances, m.
const HEIGHTS: [f64; 9] = [0.0, 8.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0];
const DISTANCES: [f64; 8] = [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0];
/// Width of the gravest events' pictures, px.
const PICTURE_WIDTH: u32 = 320;

/// What goes into a report.
#[derive(Debug, Clone)]
pub struct ReportOptions {
    /// The folder for it; `reports/eval/RUN` of the workspace when `None`.
    pub out: Option<PathBuf>,
    /// An evaluation to compare with.
    pub baseline: Option<String>,
    /// A SELECT that yields `frame_id` and `slice`.
    pub by: Option<String>,
    /// How many of the gravest events are opened.
    pub events: usize,
}

/// A written report.
#[derive(Debug, Clone, Serialize)]
pub struct WrittenReport {
    /// The page to open.
    pub index: PathBuf,
    /// The same as Markdown.
    pub markdown: PathBuf,
    /// The same numbers as JSON.
    pub json: PathBuf,
    /// Pages of events.
    pub events: u64,
}

/// How many labels of a range are found.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Found {
    from: f64,
    /// None for the last, which has no end.
    to: Option<f64>,
    labels: u64,
    detected: u64,
}

/// The numbers of a report.
#[derive(Debug, Serialize)]
struct Numbers<'a> {
    evaluation: &'a EvalReport,
    calibration: Option<Calibration>,
    /// By height of the box, px.
    found_by_height: Vec<Found>,
    /// By distance, m, of labels that have cuboids.
    found_by_distance: Vec<Found>,
    /// By size, distance and occlusion of labels, and by weather and time of day: of all classes, and of each.
    breakdown: Vec<BreakdownRow>,
    comparison: Option<&'a EvalDiff>,
    /// Slices of frames, where some were asked for.
    slices: Vec<SliceValue>,
    /// The same by the rules of other benchmarks.
    rule_slices: Vec<MetricRow>,
}

impl Workspace {
    /// Writes a page about an evaluation that opens without a server, with the gravest events beside it, as Markdown and as JSON.
    pub fn eval_report(
        &self,
        run: &str,
        options: &ReportOptions,
        reporter: &dyn Reporter,
    ) -> Result<WrittenReport, Error> {
        let report = self.evaluation(run)?;
        let name = report.run_id.get(..16).unwrap_or(&report.run_id);
        let out = &options.out.clone().unwrap_or_else(|| self.report_dir("eval", name));
        std::fs::create_dir_all(out).map_err(|source| Error::io("make the folder", out, source))?;
        let (dataset, rows) = self.dataset_split(&report.on)?;
        let case = self.case_of(&report, &dataset, &rows)?;
        let comparison = match &options.baseline {
            Some(baseline) => {
                let how = DiffOptions {
                    by: options.by.clone(),
                    ..DiffOptions::default()
                };
                Some(self.eval_diff(baseline, &report.run_id, &how, reporter)?)
            }
            None => None,
        };
        let (slices, rule_slices) = match &options.by {
            Some(sql) => {
                let bootstrap = BootstrapParams {
                    resamples: RESAMPLES,
                    ..BootstrapParams::default()
                };
                let asked = self.slices_of_frames(sql, &case.truth)?;
                let of_case = (&dataset, rows.as_slice(), &*case.truth.groups());
                (
                    case.slice_values(&Cut::of_frames(&asked), Some(&bootstrap))?,
                    self.rules_by(&report, of_case, &asked, Some(&bootstrap))?,
                )
            }
            None => (Vec::new(), Vec::new()),
        };
        let asked_by_rules = asked_tables(&rule_slices);
        let params = CocoParams::default();
        let every = assign(
            &case.truth.arrays,
            &case.detections,
            IouType::Bbox,
            &params,
            IOU,
            f64::NEG_INFINITY,
        )?;
        let calibration = calibrate(&scored(&every, &case.detections.score), BINS)?;
        let (by_height, by_distance) = case.found()?;
        let numbers = Numbers {
            evaluation: &report,
            calibration,
            found_by_height: by_height,
            found_by_distance: by_distance,
            breakdown: report.breakdown(),
            comparison: comparison.as_ref(),
            slices,
            rule_slices: rule_slices.into_iter().flat_map(|slice| slice.metrics).collect(),
        };
        let mut page = Page::new(format!("{} on {}", report.model, report.on));
        summary(&mut page, &numbers);
        if let Some(driven) = &report.driven {
            mistakes(&mut page, driven)?;
        }
        let events = self.gravest(&mut page, &report, (out, options.events), reporter)?;
        if has_boxes(&report) {
            classes(&mut page, &report);
        }
        for table in report.rule_tables() {
            rule_table(&mut page, format!("By the rules of {}", table.title), table);
        }
        for table in report.rule_slice_tables() {
            rule_table(&mut page, format!("Slices by the rules of {}", table.title), table);
        }
        if !numbers.breakdown.is_empty() {
            breakdown(
                &mut page,
                "By size, range, occlusion and light",
                "breakdown.svg",
                (&numbers.breakdown, has_boxes(&report)),
            )?;
        }
        if !numbers.breakdown.is_empty() && has_boxes(&report) {
            page.text(
                "AP leaves labels of other slices out. A false alarm has a size and a frame, but no range and no occlusion in an image: there it counts in every slice, so that AP tells models apart on a slice; \
                 slices are told apart by recall.",
            );
        }
        curves(&mut page, &case, &numbers)?;
        if let Some(diff) = numbers.comparison {
            compared(&mut page, diff);
        }
        let slices = BreakdownRow::of_values(&numbers.slices);
        breakdown(
            &mut page,
            "Slices that were asked for",
            "slices.svg",
            (&slices, has_boxes(&report)),
        )?;
        for table in asked_by_rules {
            rule_table(
                &mut page,
                format!("Slices that were asked for, by the rules of {}", table.title),
                table,
            );
        }
        let json = out.join("report.json");
        let bytes = serde_json::to_vec_pretty(&numbers).map_err(|err| Error::corrupt("the report", err))?;
        write_atomic(&json, &bytes)?;
        let [index, markdown] = page.write(out)?;
        Ok(WrittenReport {
            index,
            markdown,
            json,
            events,
        })
    }

    /// Pages and pictures of the gravest events; how many there are.
    fn gravest(
        &self,
        page: &mut Page,
        report: &EvalReport,
        (out, most): (&Path, usize),
        reporter: &dyn Reporter,
    ) -> Result<u64, Error> {
        if most == 0 || report.driven.is_none() {
            return Ok(0);
        }
        let list = self.events_over_time(&EventFilter {
            run: Some(report.run_id.clone()),
            condition: None,
            limit: most,
        })?;
        if list.events.is_empty() {
            return Ok(0);
        }
        let folder = out.join("events");
        std::fs::create_dir_all(&folder).map_err(|source| Error::io("make the folder", &folder, source))?;
        let task = reporter.begin("Opening events", Some(list.events.len() as u64), "events");
        let mut pictures = Vec::new();
        for event in &list.events {
            let name = event.mistake_id.get(..16).unwrap_or(&event.mistake_id);
            let open = OpenOptions {
                seconds: 2.0,
                out: Some(folder.join(format!("{name}.html"))),
                clip: None,
            };
            let (_, small) = self.open_with_picture(&event.mistake_id, &open, PICTURE_WIDTH, reporter)?;
            task.advance(1);
            let what = event.class.as_ref().or(event.predicted_class.as_ref());
            let near = event
                .distance_m
                .map(|metres| format!(", {metres:.0} m"))
                .unwrap_or_default();
            let caption = format!(
                "{}: {}{near}, {} frames, severity {:.2}",
                event.kind.replace('_', " "),
                what.map_or("object", String::as_str),
                event.frames,
                event.severity
            );
            // A picture that cannot be read is no reason to have no report; its page says so.
            if let Some(jpeg) = small {
                write_atomic(&folder.join(format!("{name}.jpg")), &jpeg)?;
                pictures.push((format!("events/{name}.jpg"), caption, format!("events/{name}.html")));
            }
        }
        page.heading("The gravest events");
        page.text(format!(
            "{} of {}; a picture leads to the seconds around it.",
            list.events.len(),
            list.total
        ));
        page.linked_pictures(pictures);
        Ok(list.events.len() as u64)
    }
}

fn interval(ends: Option<[f64; 2]>, decimals: usize) -> String {
    ends.map_or_else(
        || "–".to_owned(),
        |[lower, upper]| format!("{lower:.decimals$} to {upper:.decimals$}"),
    )
}

/// Is any frame asked about boxes? Else COCO's metrics are empty.
fn has_boxes(report: &EvalReport) -> bool {
    report.frames_in_space < report.frames
}

fn summary(page: &mut Page, numbers: &Numbers<'_>) {
    let report = numbers.evaluation;
    let driven = report
        .driven
        .as_ref()
        .filter(|driven| driven.hours > 0.0)
        .map(|driven| {
            let km = driven.km.map(|km| format!(" and {km:.2} km")).unwrap_or_default();
            format!(", {:.1} min{km} of driving", driven.hours * 60.0)
        });
    page.text(format!(
        "{} frames{} with {} labels; {} predictions. Run {}.",
        report.frames,
        driven.unwrap_or_default(),
        report.labels,
        report.predictions,
        report.run_id
    ));
    if !has_boxes(report) {
        page.text("All predictions are objects in space without boxes in images: what is wrong is told by the distance of centres, and COCO's metrics are empty.");
    }
    let rows = report
        .metrics
        .iter()
        .filter(|metric| metric.slice == "all" && metric.unit == "1" && metric.metric != "mistakes")
        .filter(|metric| {
            if is_rule_metric(metric) {
                // Their tables have the rest.
                metric.higher_is_better && metric.lower.is_some()
            } else {
                has_boxes(report)
            }
        })
        .map(|metric| {
            vec![
                metric.metric.clone(),
                digits(metric.value),
                interval(metric.lower.zip(metric.upper).map(|(lower, upper)| [lower, upper]), 4),
            ]
        });
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        page.table(&["metric", "value", "95 % interval"], rows);
    }
}

fn mistakes(page: &mut Page, driven: &Driven) -> Result<(), Error> {
    page.heading("Mistakes over time");
    page.text(
        "What is wrong about one object for a while is one mistake. Intervals are exact for Poisson counts; the time is that in which frames follow each other within a second.",
    );
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
    let rows = driven.rates.iter().map(|rate| {
        vec![
            rate.slice.clone(),
            rate.mistakes.to_string(),
            number(rate.per_hour),
            interval(rate.per_hour_interval, 2),
            number(rate.per_km),
        ]
    });
    page.table(
        &["slice", "mistakes", "per hour", "95 % interval", "per km"],
        rows.collect(),
    );
    let bars: Vec<(String, f64, [f64; 2])> = driven
        .rates
        .iter()
        .filter_map(|rate| Some((rate.slice.clone(), rate.per_hour?, rate.per_hour_interval?)))
        .collect();
    if !bars.is_empty() {
        let plot = BarPlot {
            title: "Mistakes per hour, with 95 % intervals".to_owned(),
            unit: "1/h".to_owned(),
            bars,
        };
        page.svg("mistakes.svg", &plot.title, plot.to_svg()?);
    }
    Ok(())
}

fn classes(page: &mut Page, report: &EvalReport) {
    page.heading("Classes");
    let rows = report.classes.iter().map(|class| {
        vec![
            class.name.clone(),
            class.labels.to_string(),
            digits(class.ap),
            digits(class.ap50),
            digits(class.ap75),
            digits(class.ar100),
        ]
    });
    page.table(&["class", "labels", "AP", "AP50", "AP75", "AR100"], rows.collect());
}

/// The numbers of a benchmark whose rules were asked for.
fn rule_table(page: &mut Page, heading: String, table: RuleTable) {
    page.heading(heading);
    let (keys, metrics) = (table.keys.iter(), table.metrics.iter());
    let head: Vec<&str> = keys
        .map(String::as_str)
        .chain(["labels"])
        .chain(metrics.map(String::as_str))
        .collect();
    let number = |(value, decimals): (&Option<f64>, &usize)| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
    };
    let rows = table.rows.iter().map(|row| {
        let labels = row.labels.map_or_else(|| "–".to_owned(), |labels| labels.to_string());
        let values = row.values.iter().zip(&table.decimals).map(number);
        row.keys.iter().cloned().chain([labels]).chain(values).collect()
    });
    page.table(&head, rows.collect());
    for note in table.notes {
        page.text(note);
    }
}

fn curves(page: &mut Page, case: &Case, numbers: &Numbers<'_>) -> Result<(), Error> {
    let report = numbers.evaluation;
    if has_boxes(report) {
        matched(page, case, report)?;
        calibrated(page, numbers.calibration.as_ref())?;
    }
    for (found, what, unit, file) in [
        (
            &numbers.found_by_height,
            "height of the box",
            "px",
            "found-by-height.svg",
        ),
        (&numbers.found_by_distance, "distance", "m", "found-by-distance.svg"),
    ] {
        if found.iter().filter(|bin| bin.labels > 0).count() < 2 {
            continue;
        }
        page.plot(file, &found_plot(found, what, unit))?;
    }
    Ok(())
}

/// What the boxes of a run are matched with.
fn matched(page: &mut Page, case: &Case, report: &EvalReport) -> Result<(), Error> {
    let title = format!("{} on {}", report.model, report.on);
    page.plot("precision-recall.svg", &case.precision_recall(&title)?)?;
    let events = EventParams::default();
    let mixed = confusion(
        &case.truth.arrays,
        &case.detections,
        IouType::Bbox,
        &CocoParams::default(),
        events.iou,
        events.min_score,
    )?;
    let matrix = case.confusion_plot(&title, &mixed);
    page.svg("confusion.svg", &matrix.title, matrix.to_svg()?);
    Ok(())
}

fn calibrated(page: &mut Page, calibration: Option<&Calibration>) -> Result<(), Error> {
    page.heading("Are scores probabilities?");
    let Some(calibration) = calibration else {
        page.text("There are no detections to say so.");
        return Ok(());
    };
    page.text(format!(
            "Expected calibration error {:.4}, the largest gap {:.4}, over {} detections in {BINS} bins; right is what overlaps a label of its class by at least {IOU}.",
            calibration.ece, calibration.largest, calibration.detections
        ));
    let plot = LinePlot {
        title: "Reliability".to_owned(),
        x_label: "score".to_owned(),
        y_label: "precision".to_owned(),
        y_range: Some((0.0, 1.0)),
        series: vec![
            Series {
                name: "the model".to_owned(),
                points: calibration.bins.iter().map(|bin| (bin.score, bin.precision)).collect(),
                band: calibration
                    .bins
                    .iter()
                    .filter_map(|bin| {
                        let right = (bin.precision * bin.detections as f64).round() as u64;
                        let ends = wilson(right, bin.detections, 0.95)?;
                        Some((bin.score, ends.lower, ends.upper))
                    })
                    .collect(),
            },
            Series {
                name: "calibrated".to_owned(),
                points: vec![(0.0, 0.0), (1.0, 1.0)],
                band: Vec::new(),
            },
        ],
    };
    page.plot("calibration.svg", &plot)?;
    Ok(())
}

fn found_plot(found: &[Found], what: &str, unit: &str) -> LinePlot {
    let middle = |bin: &Found| bin.to.map_or(bin.from * 1.15, |to| f64::midpoint(bin.from, to));
    let filled = || found.iter().filter(|bin| bin.labels > 0);
    LinePlot {
        title: format!("Labels found, by {what}"),
        x_label: format!("{what}, {unit}"),
        y_label: format!("part found (score from {})", EventParams::default().min_score),
        y_range: Some((0.0, 1.0)),
        series: vec![Series {
            name: "found".to_owned(),
            points: filled()
                .map(|bin| (middle(bin), bin.detected as f64 / bin.labels as f64))
                .collect(),
            band: filled()
                .filter_map(|bin| {
                    let ends = wilson(bin.detected, bin.labels, 0.95)?;
                    Some((middle(bin), ends.lower, ends.upper))
                })
                .collect(),
        }],
    }
}

fn compared(page: &mut Page, diff: &EvalDiff) {
    page.heading("Against the baseline");
    let count = |verdict: &str| diff.deltas.iter().filter(|delta| delta.verdict == verdict).count();
    page.text(format!(
        "Baseline {}: {} better, {} worse, {} perhaps better, {} perhaps worse of {} comparisons; {:.0} % intervals from a paired bootstrap over {} recordings. \
         Better and worse hold for all comparisons together (Holm).",
        diff.baseline,
        count("better"),
        count("worse"),
        count("perhaps better"),
        count("perhaps worse"),
        diff.deltas.len() - count("not tested"),
        diff.confidence * 100.0,
        diff.groups
    ));
    let rows = diff.deltas.iter().map(|delta| {
        vec![
            delta.metric.clone(),
            delta.slice.clone(),
            digits(delta.baseline),
            digits(delta.candidate),
            digits(delta.delta),
            interval(delta.lower.zip(delta.upper).map(|(lower, upper)| [lower, upper]), 4),
            delta.verdict.to_owned(),
        ]
    });
    page.table(
        &[
            "metric",
            "slice",
            "baseline",
            "this",
            "difference",
            "interval",
            "verdict",
        ],
        rows.collect(),
    );
}

/// Slices of labels or frames: what is found of each, drawn and as a table, then by class.
fn breakdown(
    page: &mut Page,
    heading: &str,
    file: &str,
    (rows, has_boxes): (&[BreakdownRow], bool),
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    page.heading(heading);
    let space = SpaceEventParams::default();
    let found = if has_boxes {
        format!("overlaps by at least {IOU}")
    } else {
        format!(
            "is less than {} m from over ground, from centre to centre,",
            space.distance_m
        )
    };
    let source = if has_boxes { "metrics" } else { "events" };
    page.text(format!(
        "Found is what a detection of its class {found} with a score from {}; all from the one matching that gives the {source}. Intervals are over recordings; where there is one, over labels.",
        EventParams::default().min_score
    ));
    let (of_all, of_class): (Vec<&BreakdownRow>, Vec<&BreakdownRow>) = rows.iter().partition(|row| row.class.is_none());
    let bars: Vec<(String, f64, [f64; 2])> = of_all
        .iter()
        .filter_map(|row| {
            Some((
                row.slice.clone(),
                row.recall? * 100.0,
                row.recall_interval?.map(|end| end * 100.0),
            ))
        })
        .collect();
    if !bars.is_empty() {
        let plot = BarPlot {
            title: "Labels found, with 95 % intervals".to_owned(),
            unit: "%".to_owned(),
            bars,
        };
        page.svg(file, &plot.title, plot.to_svg()?);
    }
    let cells = |row: &BreakdownRow| {
        let mut cells = vec![
            row.slice.clone(),
            row.labels.to_string(),
            row.misses.to_string(),
            digits(row.recall),
            interval(row.recall_interval, 3),
        ];
        if has_boxes {
            cells.extend([row.ap, row.ap50, row.ap75].map(digits));
        }
        cells
    };
    let mut head = vec!["slice", "labels", "missed", "recall", "95 % interval"];
    if has_boxes {
        head.extend(["AP", "AP50", "AP75"]);
    }
    page.table(&head, of_all.into_iter().map(cells).collect());
    let with_class = |row: &BreakdownRow| {
        let mut cells = cells(row);
        cells.insert(1, row.class.clone().unwrap_or_default());
        cells
    };
    head.insert(1, "class");
    page.table(&head, of_class.into_iter().map(with_class).collect());
    Ok(())
}

impl Case {
    /// How many labels are found with the score from which mistakes are counted: by height of the box, and by distance; in space those in range.
    fn found(&self) -> Result<(Vec<Found>, Vec<Found>), Error> {
        let params = EventParams::default();
        let arrays = &self.truth.arrays;
        let assigned = assign(
            arrays,
            &self.detections,
            IouType::Bbox,
            &CocoParams::default(),
            params.iou,
            params.min_score,
        )?;
        let mut found = vec![false; arrays.len()];
        for state in &assigned.detection {
            if let DetectionState::Matched { label, .. } = state {
                found[*label as usize] = true;
            }
        }
        let mut heights = empty(&HEIGHTS);
        let mut distances = empty(&DISTANCES);
        for (row, is_found) in found.into_iter().enumerate() {
            if arrays.crowd[row] || arrays.ignore[row] {
                continue;
            }
            add(&mut heights, arrays.boxes[row][3], is_found);
            let label = &self.truth.labels[row];
            if let (Some("ego"), [x, y, ..]) = (label.cuboid_frame.as_deref(), label.cuboid.as_slice()) {
                add(&mut distances, x.hypot(*y), is_found);
            }
        }
        for (row, is_found) in self.found_in_space()?.labels() {
            let center = self.space.truth.cuboid[row as usize].center;
            add(&mut distances, center.truncate().length(), is_found);
        }
        Ok((heights, distances))
    }
}

fn empty(edges: &[f64]) -> Vec<Found> {
    let bins = edges.iter().enumerate().map(|(at, from)| Found {
        from: *from,
        to: edges.get(at + 1).copied(),
        labels: 0,
        detected: 0,
    });
    bins.collect()
}

fn add(bins: &mut [Found], value: f64, is_found: bool) {
    let place = bins.partition_point(|bin| bin.from <= value);
    if let Some(bin) = place.checked_sub(1).and_then(|place| bins.get_mut(place)) {
        bin.labels += 1;
        bin.detected += u64::from(is_found);
    }
}
