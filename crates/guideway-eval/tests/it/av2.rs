//! Against av2 0.3.6, against a plain twin, and what files can have wrong with them.

use std::path::Path;

use guideway_core::Silent;
use guideway_eval::av2::Av2Params;
use guideway_eval::av2::files::{evaluate, read_inputs};
use guideway_testkit::{data, json};
use serde_json::Value;

use crate::nuscenes::Tally;

fn check_case(case: &Path, maps: &Path, tally: &mut Tally) {
    let expected = json(&case.join("expected.json"));
    let params: Av2Params = serde_json::from_value(expected["config"].clone()).unwrap();
    let (gt, dt) = (case.join("gt.feather"), case.join("dt.feather"));
    let inputs = read_inputs(&gt, &dt, &params, &Silent).unwrap();
    let (report, matches) = evaluate(&inputs, Some(maps), &params).unwrap();
    assert_eq!(matches.report(), report.report);

    let got: Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    let name = case.display().to_string();
    for part in [
        "metrics",
        "dts_evaluated",
        "gts_evaluated",
        "n_dts",
        "n_gts",
        "n_sweeps",
    ] {
        tally.tree(&format!("{name}: {part}"), &got[part], &expected[part]);
    }
}

#[test]
fn every_case_equals_av2() {
    let (Some(folder), Some(maps)) = (data("ref_av2_det/visible"), data("av2/sensor/val")) else {
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
        check_case(case, &maps, &mut tally);
    }
    println!("{} numbers, the largest deviation is {:e}", tally.numbers, tally.worst);
    assert!(tally.numbers > 400, "only {} numbers were compared", tally.numbers);
}
