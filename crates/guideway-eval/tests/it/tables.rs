//! Snapshots of what people read.

use std::fmt::Write as _;

use guideway_core::Silent;
use guideway_eval::coco::files::{Input, evaluate, read_results, read_truth};
use guideway_eval::coco::{CocoParams, IouType, class_table, confusion};
use guideway_eval::events::{EventParams, find_events};

use crate::generate::scene;

#[test]
fn the_report_as_json() {
    let gt = Input {
        name: "gt",
        bytes: include_bytes!("odd/gt.json"),
    };
    let dt = Input {
        name: "dt",
        bytes: include_bytes!("odd/dt.json"),
    };
    let truth = read_truth(gt, IouType::Bbox, &Silent).unwrap();
    let results = read_results(dt, &truth, IouType::Bbox, &Silent).unwrap();
    let (report, _) = evaluate(&truth, &results, IouType::Bbox, &CocoParams::default()).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn table_curves_and_confusion() {
    let (truth, det) = scene(11, 40, 3);
    let params = CocoParams::default();
    let m = guideway_eval::coco::match_detections(&truth, &det, IouType::Bbox, &params).unwrap();
    let rows = class_table(&m, &m.accumulate(None).unwrap()).unwrap();
    let mut text =
        String::from("class    AP  AP50  AP75    AR support detections  best F1 at score, precision, recall\n");
    for row in &rows {
        let best = row.best.unwrap();
        writeln!(
            text,
            "{:>5} {:.3} {:.3} {:.3} {:.3} {:>7} {:>10}  {:.3} at {:.1}, {:.3}, {:.3}",
            row.class,
            row.ap.unwrap(),
            row.ap50.unwrap(),
            row.ap75.unwrap(),
            row.ar.unwrap(),
            row.support,
            row.detections,
            best.f1,
            best.score,
            best.precision,
            best.recall
        )
        .unwrap();
    }
    let c = confusion(&truth, &det, IouType::Bbox, &params, 0.5, 0.3).unwrap();
    text += "\nlabels down, detections across, background last\n";
    for row in c.counts.chunks(4) {
        writeln!(text, "{row:?}").unwrap();
    }
    let counted = (0..truth.len()).filter(|row| truth.is_counted(*row)).count() as u64;
    let labels: u64 = c.counts.iter().take(12).sum();
    assert_eq!(labels, counted, "every counted label is in the matrix once");
    let kept = det.score.iter().filter(|score| **score >= 0.3).count() as u64;
    let named: u64 = c.counts.chunks(4).map(|row| row[..3].iter().sum::<u64>()).sum();
    assert_eq!(
        named + c.ignored,
        kept,
        "every kept detection is in the matrix once or ignored"
    );

    for curve in m.curves(0, 0, None).unwrap() {
        // the mean of the curve is the AP at its threshold
        let mean = curve.precision.iter().sum::<f64>() / 101.0;
        assert!((mean - rows[curve.class as usize].ap50.unwrap()).abs() < 1e-12);
        assert!(curve.precision.is_sorted_by(|a, b| a >= b));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn events_of_a_scene() {
    let (truth, det) = scene(11, 6, 3);
    let events = find_events(
        &truth,
        &det,
        IouType::Bbox,
        &CocoParams::default(),
        &EventParams::default(),
    )
    .unwrap();
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    let row = |value: Option<u32>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let lines: Vec<String> = events
        .iter()
        .map(|e| {
            format!(
                "image {} {:<17} label {:>2} class {} detection {:>2} class {} iou {:>5} score {:>5} severity {:.1} {}",
                e.image,
                e.kind,
                row(e.label),
                row(e.label_class),
                row(e.detection),
                row(e.detection_class),
                number(e.iou),
                number(e.score),
                e.severity,
                e.cause().unwrap_or_default()
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
