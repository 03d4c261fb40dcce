//! Signals in blocks, predictions in space with tracks, and priors.

use std::collections::BTreeMap;
use std::path::Path;

use guideway_assert::{Checker, Found, Rule, Rules, SignalChecker, Subject, Violation};
use guideway_core::Silent;
use guideway_ingest::testing::{DriveOptions, drive};
use guideway_schema::{FrameRow, LabelRow, PredictedCuboidRow, PredictionRow, RecordingRow, TrackRow};
use guideway_store::RunRecord;
use serde_json::json;

use super::boxes::Whose;
use crate::{IngestOptions, Workspace, clock};

const RUN: &str = "11111111111111111111111111111111";
const TRACKS: &str = "22222222222222222222222222222222";

/// A drive of so many frames.
fn driven(dir: &Path, frames: u32) -> (Workspace, String) {
    let log = dir.join("drive.mcap");
    let options = DriveOptions {
        frames,
        ..DriveOptions::default()
    };
    drive(&log, options).unwrap();
    let workspace = Workspace::init(&dir.join("ws")).unwrap();
    workspace.ingest(&[log], &IngestOptions::default(), &Silent).unwrap();
    let recordings: Vec<RecordingRow> = workspace.rows("SELECT * FROM recordings").unwrap();
    (workspace, recordings[0].recording_id.clone())
}

#[test]
fn blocks_of_any_size_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (workspace, recording) = driven(dir.path(), 100);
    let check = |most: u64| -> (Vec<Violation>, u64) {
        let mut checker = SignalChecker::new(&Rules::shipped().unwrap());
        let found = workspace
            .check_signals_by(&recording, (&mut checker, most), &BTreeMap::new())
            .unwrap();
        (found, checker.outcome().samples)
    };
    let (whole, samples) = check(1_000_000);
    // The log of the tests says that the fixes go ten times slower than the odometry.
    assert!(whole.iter().any(|v| v.rule == Rule::Disagree), "{whole:?}");
    assert!(samples > 900, "{samples}");
    for most in [41, 400] {
        assert_eq!(check(most), (whole.clone(), samples), "{most}");
    }
}

/// Writes rows, and a record of each kind that they need.
fn put(workspace: &Workspace, rows: Vec<guideway_schema::Rows>) {
    let mut transaction = workspace.block_on(workspace.store().begin()).unwrap();
    for rows in rows {
        workspace.block_on(transaction.push(rows)).unwrap();
    }
    for (run_id, kind) in [(RUN, "predict"), (TRACKS, "track")] {
        transaction.put_run(RunRecord {
            run_id: run_id.to_owned(),
            kind: kind.to_owned(),
            name: String::new(),
            params: json!({}),
            status: "done".to_owned(),
            code_version: clock::code_version(),
            seed: None,
            started_ns: 0,
            ended_ns: Some(0),
            machine: clock::machine(),
        });
    }
    let operation = clock::operation("predict", "tester", 0);
    workspace.block_on(transaction.commit(operation)).unwrap();
}

fn check(workspace: &Workspace, mut checker: Checker, whose: Whose<'_>) -> (Found, Checker) {
    let look = workspace
        .asserted("SELECT frame_id FROM frames WHERE modality = 'lidar'")
        .unwrap();
    let mut all = Found::default();
    workspace
        .check_frames(
            &look,
            (whose, None),
            &mut checker,
            ("Checking", &Silent),
            &mut |_, _, found| {
                all.append(found);
                Ok(())
            },
        )
        .unwrap();
    (all, checker)
}

#[test]
fn predictions_in_space_have_sizes_tracks_and_priors() {
    let dir = tempfile::tempdir().unwrap();
    let (workspace, recording) = driven(dir.path(), 20);
    let frames: Vec<FrameRow> = workspace
        .rows("SELECT * FROM frames WHERE modality = 'lidar' ORDER BY timestamp_ns")
        .unwrap();
    let (mut cuboids, mut boxes, mut tracks, mut labels) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (at, frame) in frames.iter().enumerate() {
        // One as long as a train, and one that is possible but not usual.
        for (name, length) in [("train", 40.0), ("odd", 7.2)] {
            let prediction_id = format!("{name}-{at}");
            cuboids.push(PredictedCuboidRow {
                prediction_id: prediction_id.clone(),
                run_id: RUN.to_owned(),
                frame_id: frame.frame_id.clone(),
                recording_id: recording.clone(),
                class: "car".to_owned(),
                score: 0.9,
                cuboid_frame: "ego".to_owned(),
                cuboid: vec![
                    20.0,
                    if name == "odd" { 6.0 } else { -6.0 },
                    0.8,
                    length,
                    1.9,
                    1.5,
                    1.0,
                    0.0,
                    0.0,
                    0.0,
                ],
                velocity: vec![10.0, 0.0],
                ..PredictedCuboidRow::default()
            });
            tracks.push(TrackRow {
                run_id: TRACKS.to_owned(),
                track_id: format!("track of {name}"),
                frame_id: frame.frame_id.clone(),
                recording_id: recording.clone(),
                timestamp_ns: frame.timestamp_ns.unwrap(),
                class: "car".to_owned(),
                prediction_id: Some(prediction_id.clone()),
                ..TrackRow::default()
            });
            // A box of the same prediction is no other object.
            boxes.push(PredictionRow {
                prediction_id,
                run_id: RUN.to_owned(),
                frame_id: frame.frame_id.clone(),
                recording_id: recording.clone(),
                class: "car".to_owned(),
                score: 0.9,
                x_max: 20.0,
                y_max: 10.0,
                ..PredictionRow::default()
            });
        }
        for car in 0..40 {
            let place = [f64::from(car) * 8.0 - 150.0, 12.0, 0.8];
            labels.push(LabelRow {
                label_id: format!("label-{car}-{at}"),
                frame_id: frame.frame_id.clone(),
                recording_id: recording.clone(),
                class: "car".to_owned(),
                cuboid_frame: Some("ego".to_owned()),
                cuboid: [&place[..], &[4.3 + 0.01 * f64::from(car), 1.8, 1.5, 1.0, 0.0, 0.0, 0.0]].concat(),
                track_id: Some(format!("car {car}")),
                ..LabelRow::default()
            });
        }
    }
    put(
        &workspace,
        vec![cuboids.into(), boxes.into(), tracks.into(), labels.into()],
    );
    let rules = Rules::shipped().unwrap();
    let whose = Whose::Predictions {
        run: RUN,
        tracks: Some(TRACKS),
    };
    let (found, checker) = check(&workspace, Checker::new(rules.clone(), Subject::Detections), whose);
    let told: Vec<(Rule, &str)> = found.violations.iter().map(|v| (v.rule, v.object.as_str())).collect();
    assert!(
        told.iter().all(|told| *told == (Rule::Size, "track:track of train")),
        "{told:?}"
    );
    assert_eq!(told.len(), frames.len());
    assert_eq!(checker.outcome().observations, 2 * frames.len() as u64);
    assert!(
        checker.outcome().checked[&Rule::Speed] > 10,
        "velocities and poses give speeds"
    );

    let priors = workspace
        .learn_priors("SELECT frame_id FROM frames WHERE modality = 'lidar'", &rules, &Silent)
        .unwrap();
    assert!(priors.classes.contains_key("car"), "{priors:?}");
    let checker = Checker::new(rules, Subject::Detections).with_priors(priors);
    let (found, checker) = check(&workspace, checker, whose);
    let unusual = found
        .violations
        .iter()
        .any(|v| v.rule == Rule::Prior && v.object == "track:track of odd");
    assert!(unusual, "{:?}", checker.outcome());

    // The tracks are those of this run's predictions, and of no other's.
    assert_eq!(workspace.tracking_run(&TRACKS[..6], RUN).unwrap(), TRACKS);
    let other = workspace.tracking_run(TRACKS, "of nobody").unwrap_err();
    assert!(other.to_string().contains("are of other predictions"), "{other}");
    let none = workspace.tracking_run(RUN, RUN).unwrap_err();
    assert!(none.to_string().contains("no tracking run"), "{none}");
}
