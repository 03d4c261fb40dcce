//! Tracking: against `TrackEval`, motmetrics, Scalabel, the nuScenes devkit and SciPy; what must hold for any input; what bad input does.

mod bad_input;
mod fixtures;
mod properties;

use std::path::Path;

use guideway_core::Silent;
use guideway_eval::coco::CocoParams;
use guideway_eval::coco::files::Input;
use guideway_eval::mot::files::{Kitti, MotChallenge};
use guideway_eval::mot::scalabel::{Category, ScalabelTrackParams, evaluate_det, evaluate_track, read_frames};
use guideway_eval::mot::{
    BoxSequence, ClassRules, MotCounts, MotParams, TrackParams, TrackReport, count_boxes, evaluate_boxes,
};
use guideway_testkit::{Compared, cases, data, json};
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

fn read_case(case: &Path, config: &Value) -> Vec<BoxSequence> {
    let (gt, tracker) = (case.join("gt"), case.join("trackers/trk"));
    if config["dataset"] == "Kitti2DBox" {
        let reader = Kitti::default();
        let read =
            |(name, frames): &(String, u32)| reader.read_sequence(&gt, &tracker, name, *frames, &Silent).unwrap();
        let lengths = Kitti::sequences(&gt, config["split"].as_str().unwrap()).unwrap();
        return lengths.iter().map(read).collect();
    }
    let reader = MotChallenge::default();
    let read = |name: &String| reader.read_sequence(&gt, &tracker, name, &Silent).unwrap();
    MotChallenge::sequences(&gt).unwrap().iter().map(read).collect()
}

/// The same from files to numbers, sequence by sequence.
fn evaluate_case(case: &Path, config: &Value) -> TrackReport {
    let (gt, tracker) = (case.join("gt"), case.join("trackers/trk"));
    let (rules, params) = (rules_of(config), TrackParams::default());
    if config["dataset"] == "Kitti2DBox" {
        let split = config["split"].as_str().unwrap();
        return Kitti::default()
            .evaluate_folder(&gt, split, &tracker, &rules, &params, &Silent)
            .unwrap();
    }
    MotChallenge::default()
        .evaluate_folder(&gt, &tracker, &rules, &params, &Silent)
        .unwrap()
}

fn rules_of(config: &Value) -> Vec<ClassRules> {
    if config["dataset"] == "Kitti2DBox" {
        return ClassRules::kitti();
    }
    let prepared = config["DO_PREPROC"] == true;
    vec![match config["BENCHMARK"].as_str().unwrap() {
        "MOT20" if prepared => ClassRules::mot20(),
        "MOT16" | "MOT17" if prepared => ClassRules::mot17(),
        _ => ClassRules::mot15(),
    }]
}

/// Compares everything that a case expects.
fn check_report(name: &str, expected: &Value, sequences: &[BoxSequence], compared: &mut Compared) -> TrackReport {
    let rules = rules_of(&expected["trackeval_config"]);
    let report = evaluate_boxes(sequences, &rules, &TrackParams::default()).unwrap();
    let shown = serde_json::to_value(&report).unwrap();
    compared.all(name, &shown, &expected["trackeval"]);

    let Some(expected_mot) = expected.get("motmetrics") else {
        return report;
    };
    let one_class = expected["motmetrics_config"].as_str().unwrap().contains("class 1 only");
    let params = MotParams {
        class: one_class.then_some(1),
        ..MotParams::default()
    };
    let counts: Vec<MotCounts> = sequences.iter().map(|s| count_boxes(s, &params).unwrap()).collect();
    let mut shown = serde_json::Map::new();
    for (sequence, counts) in sequences.iter().zip(&counts) {
        shown.insert(sequence.name.clone(), serde_json::to_value(counts.scores()).unwrap());
    }
    let overall = MotCounts::sum(&counts).scores();
    shown.insert("OVERALL".to_owned(), serde_json::to_value(overall).unwrap());
    compared.all(name, &shown.into(), expected_mot);
    report
}

#[test]
fn every_case_equals_trackeval_and_motmetrics() {
    let Some(cases) = cases("ref_mot/visible") else { return };
    assert!(cases.len() >= 3);
    let mut compared = Compared::within(TOLERANCE);
    for case in &cases {
        let expected = json(&case.join("expected.json"));
        let sequences = read_case(case, &expected["trackeval_config"]);
        let report = check_report(&case.display().to_string(), &expected, &sequences, &mut compared);
        assert_eq!(evaluate_case(case, &expected["trackeval_config"]), report);
    }
    compared.finish(3001);
}

#[test]
fn scalabel_equals_scalabel() {
    let Some(folder) = data("scalabel_testcases") else {
        return;
    };
    let expected = json(&folder.join("expected.json"));
    let read = |name: &str| {
        let path = folder.join("eval/testcases").join(name);
        let bytes = std::fs::read(&path).unwrap();
        read_frames(Input { name, bytes: &bytes }).unwrap()
    };
    let labels = read("box_track/track_sample_anns.json");
    let mut compared = Compared::within(TOLERANCE);

    let params = ScalabelTrackParams::new(Category::bdd100k_track());
    let report = evaluate_track(&labels, &read("box_track/track_predictions.json"), &params, &Silent).unwrap();
    let shown = serde_json::to_value(&report).unwrap();
    for part in ["summary", "per_class"] {
        compared.all(part, &shown[part], &expected["cases"]["box_track"][part]);
    }

    let predictions = read("det/bbox_predictions.json");
    let categories = Category::bdd100k_det();
    let report = evaluate_det(&labels, &predictions, &categories, &CocoParams::default(), &Silent).unwrap();
    let shown = serde_json::to_value(&report).unwrap();
    for part in ["summary", "per_class"] {
        compared.all(part, &shown[part], &expected["cases"]["det"][part]);
    }
    compared.finish(251);
}
