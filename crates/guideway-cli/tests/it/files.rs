//! `eval files`: the reference implementations' numbers from their own files.

use std::path::Path;

use guideway_testkit::{Compared, cases, data, json};
use serde_json::Value;

use crate::errors::check;
use crate::support::Bench;

/// Compares with a reference's JSON, and says how many numbers there were.
fn compare(got: &Value, expected: &Value) -> usize {
    // KITTI's development kit does not say how many labels count
    let mut compared = Compared::within(1e-6).with_more(&["n_gt"]);
    compared.all("printed", got, expected);
    compared.numbers
}

fn evaluate(bench: &Bench, format: &str, gt: &Path, pred: &Path, more: &[&str]) -> Value {
    let (gt, pred) = (gt.to_str().unwrap(), pred.to_str().unwrap());
    let args = [
        "--output-format",
        "json",
        "eval",
        "files",
        "--format",
        format,
        "--gt",
        gt,
        "--pred",
        pred,
    ];
    let run = bench.run(&[&args, more].concat());
    // 3 says that something was left out, as the reference does without a word.
    assert!([0, 3].contains(&run.code), "{}", run.text());
    run.json()
}

#[test]
fn kitti_has_the_development_kits_numbers() {
    for case in cases("ref_kitti_object/visible").unwrap_or_default() {
        let expected = json(&case.join("expected.json"));
        let got = evaluate(&Bench::new(), "kitti", &case.join("label_2"), &case.join("result"), &[]);
        assert!(compare(&got["results"], &expected["results"]) > 500);
    }
}

#[test]
fn nuscenes_has_the_devkits_numbers() {
    for case in cases("ref_nuscenes_det/visible").unwrap_or_default() {
        let mut expected = json(&case.join("expected.json"));
        let summary = expected["summary"].as_object_mut().unwrap();
        summary.retain(|name, _| !["cfg", "eval_time", "meta"].contains(&name.as_str()));
        let got = evaluate(
            &Bench::new(),
            "nuscenes",
            &case.join("v1.0-synth"),
            &case.join("predictions.json"),
            &[],
        );
        assert!(compare(&got["summary"], &expected["summary"]) > 100);
        assert_eq!(got["after_filter"], expected["after_filter"]);
    }
}

#[test]
fn argoverse_2_has_the_devkits_numbers() {
    for case in cases("ref_av2_det/visible").unwrap_or_default() {
        let expected = json(&case.join("expected.json"));
        let bench = Bench::new();
        let printed = bench.ok(&[
            "--output-format",
            "json",
            "eval",
            "files",
            "--format",
            "av2",
            "--print-params",
        ]);
        let mut params = printed.json();
        for name in ["max_range_m", "eval_only_roi_instances"] {
            params[name] = expected["config"][name].clone();
        }
        bench.write("params.json", &params.to_string());
        let mut more = vec!["--params", "params.json"];
        let maps = data("av2/sensor/val").unwrap();
        if expected["config"]["eval_only_roi_instances"] == true {
            more.extend(["--maps", maps.to_str().unwrap()]);
        }
        let got = evaluate(&bench, "av2", &case.join("gt.feather"), &case.join("dt.feather"), &more);
        assert!(compare(&got["metrics"], &expected["metrics"]) > 100);
    }
}

#[test]
fn tracking_has_track_evals_numbers() {
    for case in cases("ref_mot/visible").unwrap_or_default() {
        let expected = json(&case.join("expected.json"));
        let (bench, gt) = (Bench::new(), case.join("gt"));
        let mut more = vec![];
        if case.file_name().unwrap().to_str().unwrap().starts_with("mot15") {
            let printed = bench.ok(&[
                "--output-format",
                "json",
                "eval",
                "files",
                "--format",
                "mot",
                "--print-params",
            ]);
            let mut params = printed.json();
            // The marks of 2015 alone say what counts.
            let rules = &mut params["classes"][0];
            for (name, value) in [
                ("class", Value::Null),
                ("distractors", Value::Array(vec![])),
                ("remove_threshold", Value::Null),
            ] {
                rules[name] = value;
            }
            for (name, value) in [
                ("predicted", Value::Null),
                ("known", Value::Array(vec![])),
                ("all_compete", Value::Bool(false)),
            ] {
                rules[name] = value;
            }
            params["mot_challenge"]["max_class"] = Value::Null;
            bench.write("params.json", &params.to_string());
            more.extend(["--params", "params.json"]);
        }
        let got = evaluate(&bench, "mot", &gt, &case.join("trackers/trk"), &more);
        assert!(compare(&got, &expected["trackeval"]) > 100);
    }
}

#[test]
fn tables_are_readable() {
    let bench = Bench::new();
    let line = "Car 0.00 0 -1.8 600.0 170.0 690.0 240.0 1.6 1.7 3.2 0.8 1.7 20.4 -1.7";
    for frame in 0..3 {
        bench.write(&format!("label_2/{frame:06}.txt"), &format!("{line}\n"));
        bench.write(&format!("data/{frame:06}.txt"), &format!("{line} 0.9{frame}\n"));
    }
    let kitti = [
        "eval", "files", "--format", "kitti", "--gt", "label_2", "--pred", "data",
    ];
    insta::assert_snapshot!("files_kitti", bench.ok(&kitti).text());
    bench.write("gt/a/gt/gt.txt", "1,7,0,0,40,80,1,1,1\n2,7,5,0,40,80,1,1,1\n");
    bench.write("gt/a/seqinfo.ini", "[Sequence]\nname=a\nseqLength=2\n");
    bench.write(
        "mine/data/a.txt",
        "1,3,0,0,40,80,0.9,-1,-1,-1\n2,4,5,0,40,80,0.9,-1,-1,-1\n",
    );
    let mot = ["eval", "files", "--format", "mot", "--gt", "gt", "--pred", "mine"];
    insta::assert_snapshot!("files_mot", bench.ok(&mot).text());
}

#[test]
fn what_cannot_be_read_is_said() {
    let bench = Bench::new();
    bench.write("label_2/000000.txt", "Car 0.00 0 -1.8\n");
    bench.write("data/000000.txt", "");
    bench.write("params.json", "{\"metrics\": {}}");
    let files = |format: &'static str, gt: &'static str, pred: &'static str| {
        ["eval", "files", "--format", format, "--gt", gt, "--pred", pred]
    };
    check(&bench, "files_kitti_short_line", &files("kitti", "label_2", "data"));
    check(&bench, "files_kitti_nothing", &files("kitti", "label_2", "nowhere"));
    check(
        &bench,
        "files_nuscenes_no_tables",
        &files("nuscenes", "label_2", "params.json"),
    );
    check(
        &bench,
        "files_av2_no_feather",
        &files("av2", "params.json", "params.json"),
    );
    check(&bench, "files_mot_no_sequences", &files("mot", "label_2", "data"));
    let wrong = [
        "eval",
        "files",
        "--format",
        "kitti",
        "--gt",
        "label_2",
        "--pred",
        "data",
        "--params",
        "params.json",
    ];
    check(&bench, "files_params_of_another_format", &wrong);
    check(&bench, "files_without_paths", &["eval", "files", "--format", "kitti"]);
}
