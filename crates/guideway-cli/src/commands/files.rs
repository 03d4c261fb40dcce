//! `eval files`: result files made elsewhere.

use std::collections::BTreeSet;

use guideway::eval::coco::CocoReport;
use guideway::eval::kitti::KittiReport;
use guideway::eval::mot::{ClassReport, TrackReport};
use guideway::eval::nuscenes::NuScenesReport;
use guideway::eval::{av2, coco};
use guideway::{Error, FilesOptions, FilesReport, ResultFormat, default_params, evaluate_files};
use serde_json::{Value, json};

use super::eval::number;
use crate::cli::{FilesArgs, IouType, ResultFormat as ResultFormatArg};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, count};

pub(crate) fn run(context: &Context, args: &FilesArgs) -> Result<Outcome, Error> {
    let format = match args.format {
        ResultFormatArg::Coco => ResultFormat::Coco,
        ResultFormatArg::Kitti => ResultFormat::Kitti,
        ResultFormatArg::Nuscenes => ResultFormat::NuScenes,
        ResultFormatArg::Av2 => ResultFormat::Av2,
        ResultFormatArg::Mot => ResultFormat::Mot,
    };
    if args.print_params {
        let params = default_params(format, args.gt.as_deref())?;
        let text = serde_json::to_string_pretty(&params).unwrap_or_default();
        context.print(&Report::new(&params).text(text))?;
        return Ok(Outcome::Done);
    }
    let (Some(gt), Some(pred)) = (&args.gt, &args.pred) else {
        return Err(Error::usage("--gt and --pred are missing", None));
    };
    let options = FilesOptions {
        format,
        gt: gt.clone(),
        pred: pred.clone(),
        iou_type: match args.iou_type {
            IouType::Bbox => coco::IouType::Bbox,
            IouType::Segm => coco::IouType::Segm,
        },
        params: args.params.clone(),
        split: args.split.clone(),
        maps: args.maps.clone(),
    };
    let result = evaluate_files(&options, &context.console)?;
    let report = Report::new(&result);
    let report = match &result {
        FilesReport::Coco(coco) => describe_coco(report, coco),
        FilesReport::Kitti(kitti) => describe_kitti(report, kitti),
        FilesReport::NuScenes(files) => describe_nuscenes(report, &files.summary).pairs([
            ("labels", of_all(files.after_filter.gt, files.before_filter.annotations)),
            ("detections", of_all(files.after_filter.pred, files.before_filter.pred)),
        ]),
        FilesReport::Av2(files) => describe_av2(report, &files.report).pairs([
            ("sweeps", count(files.n_sweeps)),
            ("labels", of_all(files.gts_evaluated, files.n_gts)),
            ("detections", of_all(files.dts_evaluated, files.n_dts)),
        ]),
        FilesReport::Tracks(tracks) => describe_tracks(report, tracks),
    };
    context.print(&report)?;
    Ok(context.outcome())
}

fn of_all(evaluated: u64, all: u64) -> String {
    format!("{} of {}", count(evaluated), count(all))
}

fn describe_coco(report: Report, result: &CocoReport) -> Report {
    let mut stats = Grid::new(&["metric", "value"]).decimals(&["value"], 4);
    for stat in &result.stats {
        stats.push(vec![json!(stat.name), number(stat.value)]);
    }
    let mut classes = Grid::new(&["category", "AP", "AP50"]).decimals(&["AP", "AP50"], 4);
    for category in &result.per_category {
        let of = |name: &str| {
            let stat = category.stats.iter().find(|stat| stat.name == name);
            number(stat.and_then(|stat| stat.value))
        };
        classes.push(vec![json!(category.name), of("AP"), of("AP50")]);
    }
    report.grid(stats.clone()).grid(classes).rows(stats)
}

/// A row for each class, metric and average, and a column for each level.
fn describe_kitti(report: Report, result: &KittiReport) -> Report {
    let mut levels: Vec<&str> = Vec::new();
    for level in result
        .classes
        .iter()
        .flat_map(|class| &class.metrics)
        .flat_map(|metric| &metric.levels)
    {
        if !levels.contains(&level.level.as_str()) {
            levels.push(&level.level);
        }
    }
    let columns: Vec<&str> = ["class", "metric", "average"]
        .into_iter()
        .chain(levels.iter().copied())
        .collect();
    let mut grid = Grid::new(&columns).decimals(&levels, 2);
    for class in &result.classes {
        for metric in &class.metrics {
            let averages: BTreeSet<&str> = metric
                .levels
                .iter()
                .flat_map(|level| level.averages.iter().map(|(name, _)| name.as_str()))
                .collect();
            for average in averages {
                let mut row = vec![json!(class.name), json!(metric.metric.name()), json!(average)];
                row.extend(
                    levels
                        .iter()
                        .map(|level| number(result.average(&class.name, metric.metric, level, average))),
                );
                grid.push(row);
            }
        }
    }
    report
        .pairs([
            ("frames", count(result.frames)),
            ("labels", count(result.labels.values().sum())),
            ("detections", count(result.detections)),
        ])
        .grid(grid.clone())
        .rows(grid)
}

const ERRORS: [(&str, &str); 5] = [
    ("ATE", "trans_err"),
    ("ASE", "scale_err"),
    ("AOE", "orient_err"),
    ("AVE", "vel_err"),
    ("AAE", "attr_err"),
];

fn describe_nuscenes(report: Report, result: &NuScenesReport) -> Report {
    let names = ERRORS.map(|(name, _)| name);
    let columns: Vec<&str> = ["class", "AP"].into_iter().chain(names).collect();
    let mut grid = Grid::new(&columns).decimals(&columns, 4);
    for (class, ap) in result.mean_dist_aps.iter() {
        let errors = result.label_tp_errors.get(class);
        let mut row = vec![json!(class), number(Some(*ap))];
        row.extend(ERRORS.map(|(_, key)| number(errors.and_then(|errors| errors.get(key)).copied().flatten())));
        grid.push(row);
    }
    let mut mean = vec![json!("mean"), number(Some(result.mean_ap))];
    mean.extend(ERRORS.map(|(_, key)| number(result.tp_errors.get(key).copied().flatten())));
    grid.push(mean);
    report
        .pairs([
            ("NDS", format!("{:.4}", result.nd_score)),
            ("mAP", format!("{:.4}", result.mean_ap)),
        ])
        .grid(grid.clone())
        .rows(grid)
}

fn describe_av2(report: Report, result: &av2::Av2Report) -> Report {
    let columns = ["category", "labels", "AP", "ATE", "ASE", "AOE", "CDS"];
    let mut grid = Grid::new(&columns).decimals(&columns[2..], 4);
    for (category, metrics) in result.metrics.iter() {
        let labels = result.labels.get(category).map_or(Value::Null, |labels| json!(labels));
        let numbers = [metrics.ap, metrics.ate, metrics.ase, metrics.aoe, metrics.cds];
        let mut row = vec![json!(category), labels];
        row.extend(numbers.map(|value| number(Some(value))));
        grid.push(row);
    }
    report.grid(grid.clone()).rows(grid)
}

/// A row for each class and sequence; several sequences together come last.
fn describe_tracks(report: Report, result: &TrackReport) -> Report {
    let columns = [
        "sequence", "class", "HOTA", "DetA", "AssA", "MOTA", "MOTP", "IDF1", "IDSW", "Frag", "FN", "FP", "labels",
        "tracks",
    ];
    let mut grid = Grid::new(&columns).decimals(&columns[2..8], 4);
    let mut push = |sequence: &str, class: &str, report: &ClassReport| {
        let (means, clear) = (report.hota.means(), &report.clear);
        let ratios = [
            means.hota,
            means.det_a,
            means.ass_a,
            clear.mota,
            clear.motp,
            report.identity.idf1,
        ];
        let counts = [
            clear.switches,
            clear.fragmentations,
            clear.false_negatives,
            clear.false_positives,
        ];
        let mut row = vec![json!(sequence), json!(class)];
        row.extend(ratios.map(|value| number(Some(value))));
        row.extend(counts.map(|value| json!(value)));
        row.extend([json!(report.count.labels), json!(report.count.objects)]);
        grid.push(row);
    };
    for (sequence, classes) in &result.sequences {
        for (class, report) in classes {
            push(sequence, class, report);
        }
    }
    for (class, report) in &result.combined {
        push("COMBINED_SEQ", class, report);
    }
    report.grid(grid.clone()).rows(grid)
}
