//! Made-up cases with what real ones lack: ties, equal boxes, frames and sequences without anything, thresholds met to the last bit. The numbers were
//! made by `TrackEval` 1.3.0, motmetrics 1.4.0, SciPy 1.10.1 and nuscenes-devkit 1.2.0 (with exact distances in place of scikit-learn's).

use guideway_eval::assign::{PairMatrix, assign_all, assign_most};
use guideway_eval::coco::files::Input;
use guideway_eval::mot::files::{Kitti, MotChallenge};
use guideway_eval::mot::nuscenes::{CenterBox, CenterFrame, CenterScene, SweepParams, sweep};
use guideway_eval::mot::{BoxFormat, BoxSequence};
use guideway_testkit::{Compared, json};
use serde_json::{Value, json};

use super::{TOLERANCE, check_report};

/// What the fixture has only some of, or none.
const LEFT_OUT: [&str; 13] = [
    "AssA",
    "AssPr",
    "AssRe",
    "DetA",
    "DetPr",
    "DetRe",
    "HOTALocA(0)",
    "HOTA_FN",
    "HOTA_FP",
    "HOTA_TP",
    "LocA",
    "OWTA",
    "num_frames",
];

fn fixture(name: &str) -> Value {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mot");
    json(&folder.join(name))
}

/// A sequence from the texts of its files.
fn inline(sequence: &Value, kitti: bool) -> BoxSequence {
    let input = |key: &str| Input {
        name: "inline",
        bytes: sequence[key].as_str().unwrap().as_bytes(),
    };
    let frames = sequence["frames"].as_u64().unwrap() as u32;
    let name = sequence["name"].as_str().unwrap().to_owned();
    if kitti {
        let reader = Kitti::default();
        let (labels, ignored, _) = reader.read_labels(input("gt"), frames).unwrap();
        let (tracks, _) = reader.read_predictions(input("tracks"), frames).unwrap();
        return BoxSequence {
            name,
            frames,
            first_frame: 0,
            format: BoxFormat::Xyxy,
            labels,
            tracks,
            ignored,
        };
    }
    BoxSequence {
        name,
        frames,
        first_frame: 1,
        format: BoxFormat::Xywh,
        labels: MotChallenge::read_labels(input("gt"), frames).unwrap(),
        tracks: MotChallenge::default()
            .read_predictions(input("tracks"), frames)
            .unwrap(),
        ignored: Vec::new(),
    }
}

#[test]
fn odd_sequences_equal_trackeval_and_motmetrics() {
    let mut compared = Compared::within(TOLERANCE).with_more(&LEFT_OUT);
    for (at, case) in fixture("trackeval.json").as_array().unwrap().iter().enumerate() {
        let kitti = case["trackeval_config"]["dataset"] == "Kitti2DBox";
        let sequences = case["sequences"].as_array().unwrap();
        let sequences: Vec<BoxSequence> = sequences.iter().map(|one| inline(one, kitti)).collect();
        check_report(&format!("case {at}"), case, &sequences, &mut compared);
    }
    compared.finish(1201);
}

#[test]
fn assignments_equal_scipy_and_motmetrics() {
    for case in fixture("assignments.json").as_array().unwrap() {
        let rows = case["costs"].as_array().unwrap();
        let rows: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| {
                row.as_array()
                    .unwrap()
                    .iter()
                    .map(|cost| cost.as_f64().unwrap_or(f64::INFINITY))
                    .collect()
            })
            .collect();
        let costs = PairMatrix::from_rows(&rows).unwrap();
        assert_eq!(json!(assign_all(&costs).ok()), case["all"], "{rows:?}");
        assert_eq!(json!(assign_most(&costs).unwrap()), case["most"], "{rows:?}");
    }
}

fn center_boxes(boxes: &Value) -> Vec<CenterBox> {
    let boxes = boxes.as_array().unwrap().iter();
    boxes
        .map(|numbers| CenterBox {
            track: numbers[0].as_u64().unwrap(),
            class: numbers[1].as_u64().unwrap() as u32,
            center: [numbers[2].as_f64().unwrap(), numbers[3].as_f64().unwrap(), 0.0],
            score: numbers[4].as_f64().unwrap_or(0.0),
        })
        .collect()
}

#[test]
fn sweeps_equal_the_nuscenes_devkit() {
    let mut compared = Compared::within(TOLERANCE);
    for (at, case) in fixture("nuscenes.json").as_array().unwrap().iter().enumerate() {
        let scenes: Vec<CenterScene> = case["scenes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|frames| {
                let frames = frames.as_array().unwrap().iter();
                frames
                    .map(|frame| CenterFrame {
                        time: frame["time"].as_i64().unwrap(),
                        labels: center_boxes(&frame["labels"]),
                        predictions: center_boxes(&frame["predictions"]),
                    })
                    .collect()
            })
            .collect();
        let report = sweep(&scenes, &SweepParams::default()).unwrap();
        let mut shown = serde_json::to_value(&report).unwrap();
        for (name, class) in &report.classes {
            let missing = vec![None; 40];
            let curve = |value: Vec<Option<f64>>| if value.is_empty() { missing.clone() } else { value };
            shown["curves"][name] = json!({
                "threshold": curve(class.curve.iter().map(|point| point.threshold).collect()),
                "motar": curve(class.curve.iter().map(|point| point.scores.motar).collect()),
            });
        }
        compared.all(&format!("case {at}"), &shown, &case["expected"]);
    }
    compared.finish(1001);
    // nothing at all is no error
    let nothing = sweep(&[], &SweepParams::default()).unwrap();
    assert_eq!(nothing.all.amota, None);
}
