//! Against nuscenes-devkit 1.2.0, against a plain twin, and what files can have wrong with them.

use std::path::Path;

use guideway_core::Silent;
use guideway_eval::nuscenes::NuScenesParams;
use guideway_eval::nuscenes::files::{evaluate, read_database, read_split, read_submission};
use guideway_testkit::{data, json};
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

/// Numbers compared, and the largest deviation.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) numbers: usize,
    pub(crate) worst: f64,
}

impl Tally {
    pub(crate) fn number(&mut self, place: &str, got: Option<f64>, expected: Option<f64>) {
        self.numbers += 1;
        match (got, expected) {
            (None, None) => {}
            (Some(got), Some(expected)) => {
                let deviation = (got - expected).abs();
                assert!(deviation <= TOLERANCE, "{place}: {got}, the reference has {expected}");
                self.worst = self.worst.max(deviation);
            }
            _ => panic!("{place}: {got:?}, the reference has {expected:?}"),
        }
    }

    /// Every number below `expected` has its twin at the same place of `got`.
    pub(crate) fn tree(&mut self, place: &str, got: &Value, expected: &Value) {
        match expected {
            Value::Object(members) => {
                for (name, expected) in members {
                    self.tree(&format!("{place}.{name}"), &got[name], expected);
                }
                assert_eq!(
                    got.as_object().map(serde_json::Map::len),
                    Some(members.len()),
                    "{place}"
                );
            }
            Value::Number(_) | Value::Null => {
                assert!(got.is_number() || got.is_null(), "{place}: {got}");
                self.number(place, got.as_f64(), expected.as_f64());
            }
            other => assert_eq!(got, other, "{place}"),
        }
    }
}

fn check_case(case: &Path, tally: &mut Tally) {
    let expected = json(&case.join("expected.json"));
    let config: NuScenesParams = serde_json::from_value(expected["summary"]["cfg"].clone()).unwrap();
    let params = NuScenesParams::default();
    assert_eq!(
        NuScenesParams {
            class_range: params.class_range.clone(),
            ..config.clone()
        },
        params
    );
    for (name, range) in params.class_range.iter() {
        assert_eq!(config.class_range.get(name), Some(range));
    }

    let folder = case.join("v1.0-synth");
    let scenes = read_split(&folder.join("splits.json"), "synth_all").unwrap();
    let database = read_database(&folder, Some(&scenes), &params, &Silent).unwrap();
    let truth = database.truth(&params, &Silent).unwrap();
    let submission = read_submission(&case.join("predictions.json"), &truth, &params, &Silent).unwrap();
    let (report, _) = evaluate(&truth, &submission, &params).unwrap();

    // through JSON, so that names and nesting are those of the devkit
    let got: Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    let name = case.display().to_string();
    for part in ["before_filter", "after_filter"] {
        tally.tree(&format!("{name}: {part}"), &got[part], &expected[part]);
    }
    let mut summary = expected["summary"].clone();
    for other in ["cfg", "eval_time"] {
        summary.as_object_mut().unwrap().remove(other);
    }
    tally.tree(&format!("{name}: summary"), &got["summary"], &summary);

    for check in expected["box_velocity_check"].as_array().unwrap() {
        let token = check["token"].as_str().unwrap();
        let row = database.token.iter().position(|known| known == token).unwrap();
        for (axis, expected) in check["velocity"].as_array().unwrap().iter().enumerate() {
            let got = Some(database.velocity[row][axis]).filter(|v| !v.is_nan());
            tally.number(&format!("{name}: velocity of {token}"), got, expected.as_f64());
        }
    }
}

#[test]
fn every_case_equals_nuscenes_devkit() {
    let Some(folder) = data("ref_nuscenes_det/visible") else {
        return;
    };
    let mut cases: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 3);
    let mut tally = Tally::default();
    for case in &cases {
        check_case(case, &mut tally);
    }
    println!("{} numbers, the largest deviation is {:e}", tally.numbers, tally.worst);
    assert!(tally.numbers > 500, "only {} numbers were compared", tally.numbers);
}
