//! Against pycocotools 2.0.11.

use std::path::Path;

use guideway_core::Silent;
use guideway_eval::coco::files::{Input, evaluate, evaluate_paths, read_results, read_truth};
use guideway_eval::coco::{CocoParams, IouType, Stat};
use guideway_testkit::{data, json};

const TOLERANCE: f64 = 1e-9;

fn check(case: &str, names: &[String], expected: &serde_json::Value, got: &[Stat]) -> usize {
    assert!(names.len() >= 7);
    for name in names {
        let expected = expected[name].as_f64().unwrap();
        let stat = got.iter().find(|stat| stat.name == *name).unwrap();
        let value = stat.value.unwrap_or(-1.0);
        assert!(
            (value - expected).abs() <= TOLERANCE,
            "{case}: {name} is {value}, pycocotools has {expected}"
        );
    }
    names.len()
}

fn check_case(case: &Path) -> usize {
    let expected = json(&case.join("expected.json"));
    let iou_type: IouType = expected["iou_type"].as_str().unwrap().parse().unwrap();
    let (gt, dt) = (case.join("gt.json"), case.join("dt.json"));
    let report = evaluate_paths(&gt, &dt, iou_type, &CocoParams::default(), &Silent).unwrap();
    let name = case.display().to_string();

    let names: Vec<String> = serde_json::from_value(expected["stat_names"].clone()).unwrap();
    let own: Vec<&str> = report.stats.iter().map(|stat| stat.name.as_str()).collect();
    assert_eq!(own, names, "names and order of the summary");
    let values: serde_json::Map<String, serde_json::Value> = names
        .iter()
        .cloned()
        .zip(expected["stats"].as_array().unwrap().iter().cloned())
        .collect();
    let mut checked = check(&name, &names, &values.into(), &report.stats);

    let categories = expected["per_category"].as_object().unwrap();
    assert_eq!(report.per_category.len(), categories.len());
    for category in &report.per_category {
        let expected = &categories[&category.id];
        let names: Vec<String> = expected.as_object().unwrap().keys().cloned().collect();
        checked += check(&name, &names, expected, &category.stats);
    }
    for (name, got) in [
        ("n_images", report.images),
        ("n_gt", report.labels),
        ("n_crowd", report.crowds),
        ("n_dt", report.detections),
    ] {
        assert_eq!(expected[name].as_u64(), Some(got), "{name}");
    }

    // and through JSON, with the same nesting
    let shown: serde_json::Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(shown["stats"]["AP"].as_f64(), report.stats[0].value);
    for (id, stats) in categories {
        for name in stats.as_object().unwrap().keys() {
            assert!(shown["per_category"][id][name].is_f64(), "{id} {name}");
        }
    }
    checked
}

#[test]
fn every_case_equals_pycocotools() {
    let Some(folder) = data("ref_coco_ap/visible") else {
        return;
    };
    let mut cases: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 5);
    let checked: usize = cases.iter().map(|case| check_case(case)).sum();
    assert!(checked > 300, "only {checked} numbers were compared");
}

/// A made-up case with what the others lack, evaluated by pycocotools 2.0.11 (see the constants for its output): an annotation with id 0, an
/// unknown category, images and categories out of order, equal IoUs, negative sizes, scores beyond 1, equal scores, a crowd.
#[test]
fn odd_files_equal_pycocotools() {
    let gt = include_bytes!("odd/gt.json");
    let dt = include_bytes!("odd/dt.json");
    let expected: serde_json::Value = serde_json::from_slice(include_bytes!("odd/expected.json")).unwrap();
    let gt = Input { name: "gt", bytes: gt };
    let dt = Input { name: "dt", bytes: dt };
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
            for (stat, expected) in report.stats.iter().zip(expected.as_array().unwrap()) {
                let value = stat.value.unwrap_or(-1.0);
                let expected = expected.as_f64().unwrap();
                assert!(
                    (value - expected).abs() <= TOLERANCE,
                    "{iou_type} {key}: {} is {value}, pycocotools has {expected}",
                    stat.name
                );
            }
        }
    }
}
