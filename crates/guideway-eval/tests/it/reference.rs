//! Against pycocotools 2.0.11.

use std::path::Path;

use guideway_core::Silent;
use guideway_eval::coco::files::{Input, evaluate, evaluate_paths, read_results, read_truth};
use guideway_eval::coco::{CocoParams, IouType};
use guideway_testkit::{Compared, cases, json};
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

fn check_case(case: &Path, compared: &mut Compared) {
    let expected = json(&case.join("expected.json"));
    let iou_type: IouType = expected["iou_type"].as_str().unwrap().parse().unwrap();
    let (gt, dt) = (case.join("gt.json"), case.join("dt.json"));
    let report = evaluate_paths(&gt, &dt, iou_type, &CocoParams::default(), &Silent).unwrap();
    let name = case.display().to_string();

    let names: Vec<String> = serde_json::from_value(expected["stat_names"].clone()).unwrap();
    let own: Vec<&str> = report.stats.iter().map(|stat| stat.name.as_str()).collect();
    assert_eq!(own, names, "names and order of the summary");
    assert!(names.len() >= 7);
    for category in &report.per_category {
        assert!(category.stats.len() >= 7);
    }

    // through JSON, with the same nesting
    let shown: Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    let values = expected["stats"].as_array().unwrap().iter().cloned();
    assert_eq!(values.len(), names.len());
    let stats: serde_json::Map<String, Value> = names.into_iter().zip(values).collect();
    compared.all(&format!("{name}: stats"), &shown["stats"], &stats.into());
    for part in ["per_category", "n_images", "n_gt", "n_crowd", "n_dt"] {
        compared.all(&format!("{name}: {part}"), &shown[part], &expected[part]);
    }
    // which has the numbers that the program has
    let categories = report.per_category.iter();
    for (shown, stats) in categories
        .map(|category| (&shown["per_category"][&category.id], &category.stats))
        .chain([(&shown["stats"], &report.stats)])
    {
        for stat in stats {
            assert_eq!(
                shown[&stat.name].as_f64(),
                Some(stat.value.unwrap_or(-1.0)),
                "{name}: {}",
                stat.name
            );
        }
    }
}

#[test]
fn every_case_equals_pycocotools() {
    let Some(cases) = cases("ref_coco_ap/visible") else {
        return;
    };
    assert!(cases.len() >= 5);
    let mut compared = Compared::within(TOLERANCE);
    for case in &cases {
        check_case(case, &mut compared);
    }
    compared.finish(800);
}

/// A made-up case with what the others lack, evaluated by pycocotools 2.0.11 (see the constants for its output): an annotation with id 0, an
/// unknown category, images and categories out of order, equal IoUs, negative sizes, scores beyond 1, equal scores, a crowd.
#[test]
fn odd_files_equal_pycocotools() {
    let gt = include_bytes!("odd/gt.json");
    let dt = include_bytes!("odd/dt.json");
    let expected: Value = serde_json::from_slice(include_bytes!("odd/expected.json")).unwrap();
    let gt = Input { name: "gt", bytes: gt };
    let dt = Input { name: "dt", bytes: dt };
    let mut compared = Compared::within(TOLERANCE);
    for iou_type in [IouType::Bbox, IouType::Segm] {
        let truth = read_truth(gt, iou_type, &Silent).unwrap();
        let results = read_results(dt, &truth, iou_type, &Silent).unwrap();
        for (key, class_agnostic) in [("classes", false), ("agnostic", true)] {
            let params = CocoParams {
                class_agnostic,
                ..CocoParams::default()
            };
            let (report, _) = evaluate(&truth, &results, iou_type, &params).unwrap();
            let expected = &expected[iou_type.name()][key];
            let values: Vec<f64> = report.stats.iter().map(|stat| stat.value.unwrap_or(-1.0)).collect();
            compared.all(&format!("{iou_type} {key}"), &values.into(), expected);
        }
    }
    compared.finish(48);
}
