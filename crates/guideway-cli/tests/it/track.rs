//! Tracks of imported detections, and what an evaluation says of them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::errors::check;
use crate::support::Bench;
use crate::world;

/// A drive with a camera and a lidar, and detectors that found most of what is labelled, in either.
fn driven() -> Bench {
    let bench = world::driven(2, 4);
    for (name, modality, columns) in [
        ("pictures", "camera", "x_min IS NOT NULL"),
        // What no ray hit does not count.
        (
            "sweeps",
            "lidar",
            "cuboid_frame IS NOT NULL AND json_as_text(l.attributes, 'num_lidar_pts') <> '0'",
        ),
    ] {
        let frames = format!("SELECT frame_id, 'val' AS split FROM frames WHERE modality = '{modality}'");
        bench.ws(&["dataset", "freeze", name, "--from", &frames]);
        found(&bench, (name, name), modality, columns);
    }
    bench
}

/// Imports what a detector found on a dataset: most of what is labelled in frames of this modality, where that holds of the labels `l`.
pub(crate) fn found(bench: &Bench, (model, on): (&str, &str), modality: &str, condition: &str) {
    let sql = format!(
        "SELECT l.* FROM labels l JOIN frames f USING (frame_id) WHERE f.modality = '{modality}' AND l.{condition} ORDER BY l.label_id"
    );
    let labels = bench.ws_json(&["query", &sql]);
    let mut lines = String::new();
    for (index, label) in labels.as_array().unwrap().iter().enumerate() {
        // One of thirteen is overlooked.
        if index % 13 == 0 {
            continue;
        }
        let mut found = json!({ "frame_id": label["frame_id"], "class": label["class"], "score": 0.9 });
        if modality == "camera" {
            found["bbox"] = json!([label["x_min"], label["y_min"], label["x_max"], label["y_max"]]);
        } else {
            found["cuboid"] = label["cuboid"].clone();
            found["cuboid_frame"] = label["cuboid_frame"].clone();
        }
        writeln!(lines, "{found}").unwrap();
    }
    let file = format!("{model}.jsonl");
    bench.write(&file, &lines);
    bench.ws(&["predict", model, "--on", on, "--from", &file, "--format", "jsonl"]);
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn what_is_detected_is_followed_and_compared() {
    let bench = driven();
    let report = bench.ws_json(&["track", "pictures", "--on", "pictures"]);
    assert_eq!((&report["space"], &report["recordings"]), (&json!("image"), &json!(2)));
    assert!(number(&report["tracks"]) > 3.0, "{report}");
    assert!(
        number(&report["tracked"]) > 0.6 * number(&report["detections"]),
        "{report}"
    );
    // Every row has its box; where it was detected it names the detection.
    let rows = |condition: &str| {
        let sql = format!("SELECT count(*) AS n FROM tracks WHERE {condition}");
        number(&bench.ws_json(&["query", &sql])[0]["n"])
    };
    assert_eq!(rows("prediction_id IS NOT NULL"), number(&report["tracked"]));
    assert_eq!(rows("prediction_id IS NULL"), number(&report["coasting"]));
    assert_eq!(rows("x_min IS NULL OR x_max <= x_min OR cuboid_frame IS NOT NULL"), 0.0);
    assert_eq!(
        rows("prediction_id NOT IN (SELECT prediction_id FROM predictions)"),
        0.0
    );
    // The same again is the same run, other parameters are another.
    assert_eq!(bench.ws_json(&["track", "pictures", "--on", "pictures"]), report);
    bench.write(
        "patient.json",
        r#"{"all": {"life": {"coast_s": 2.0}}, "classes": {"car": {"life": {"birth_score": 0.95}}}}"#,
    );
    let patient = bench.ws_json(&["track", "pictures", "--on", "pictures", "--params", "patient.json"]);
    assert_ne!(patient["run_id"], report["run_id"]);
    let cars = |report: &Value| {
        let classes = report["classes"].as_array().unwrap();
        classes.iter().any(|class| class["class"] == "car")
    };
    assert!(cars(&report) && !cars(&patient), "{patient}");

    let evaluated = bench.ws_json(&["eval", "run", "pictures", "--on", "pictures", "--metrics", "tracking"]);
    let tracking = &evaluated["rule_sets"]["tracking"]["report"];
    assert_eq!(tracking["track_run_id"], report["run_id"]);
    let all = &tracking["all"];
    assert!(number(&all["hota"]) > 0.6 && number(&all["mota"]) > 0.5, "{all}");
    assert!(number(&all["latency_s"]) < 1.0, "{all}");
    // Each switch is an event, and part of a mistake that the tracker made.
    let events = "SELECT count(*) AS n FROM events WHERE kind = 'identity_switch' AND label_id IS NOT NULL";
    assert_eq!(
        number(&bench.ws_json(&["query", events])[0]["n"]),
        number(&all["switches"])
    );
    let metric = "SELECT value FROM metrics WHERE metric = 'tracking/IDSW' AND slice = 'all'";
    assert_eq!(
        number(&bench.ws_json(&["query", metric])[0]["value"]),
        number(&all["switches"])
    );
    let text = bench
        .ws(&["eval", "show", evaluated["run_id"].as_str().unwrap()])
        .text();
    assert!(text.contains("HOTA") && text.contains("longest_gap"), "{text}");
}

#[test]
fn cuboids_are_followed_in_the_world() {
    let bench = driven();
    let metrics = [
        "eval",
        "run",
        "sweeps",
        "--on",
        "sweeps",
        "--metrics",
        "nuscenes,av2,tracking",
    ];
    let evaluated = bench.run(&[&["-w", "ws", "--output-format", "json"][..], &metrics].concat());
    let evaluated = evaluated.json();
    let tracking = &evaluated["rule_sets"]["tracking"]["report"];
    assert_eq!(tracking["space"], "world");
    let all = &tracking["all"];
    assert!(number(&all["hota"]) > 0.6 && number(&all["amota"]) > 0.3, "{all}");
    assert!(number(&all["amotp_m"]) < 2.0, "{all}");
    // Tracks stand in the world: what does not move stays where it is while the vehicle drives.
    let spread = "SELECT count(*) AS n, count(*) FILTER (WHERE spread < 0.5) AS standing FROM (SELECT max(cuboid[1]) - min(cuboid[1]) AS spread FROM tracks \
                  WHERE class = 'traffic_sign' AND cuboid_frame = 'world' GROUP BY track_id)";
    let spread = &bench.ws_json(&["query", spread])[0];
    assert!(2.0 * number(&spread["standing"]) >= number(&spread["n"]), "{spread}");
    // The detections are perfect where there are any.
    let metrics = evaluated["metrics"].as_array().unwrap();
    let ate = metrics
        .iter()
        .find(|metric| metric["metric"] == "nuscenes/trans_err" && metric["slice"] == "all");
    assert!(number(&ate.unwrap()["value"]) < 1e-6, "{ate:?}");
}

#[test]
fn what_cannot_be_tracked_is_said() {
    let bench = Bench::with_images();
    bench.ws(&[
        "dataset",
        "freeze",
        "v1",
        "--from",
        "SELECT frame_id, 'val' AS split FROM frames",
    ]);
    bench.write("none.jsonl", "");
    // A warning says that nothing was found.
    let import = [
        "-w",
        "ws",
        "predict",
        "theirs",
        "--on",
        "v1",
        "--from",
        "none.jsonl",
        "--format",
        "jsonl",
    ];
    assert_eq!(bench.run(&import).code, 3);
    check(&bench, "track_images", &["-w", "ws", "track", "theirs", "--on", "v1"]);
    check(
        &bench,
        "track_world",
        &["-w", "ws", "track", "theirs", "--on", "v1", "--space", "world"],
    );
    bench.write("odd.json", r#"{"classes": {"tram": {}}}"#);
    check(
        &bench,
        "track_class",
        &["-w", "ws", "track", "theirs", "--on", "v1", "--params", "odd.json"],
    );
    bench.write("odd.json", r#"{"all": {"life": {"coast": 1.0}}}"#);
    check(
        &bench,
        "track_params",
        &["-w", "ws", "track", "theirs", "--on", "v1", "--params", "odd.json"],
    );
    check(
        &bench,
        "track_identities",
        &[
            "-w",
            "ws",
            "eval",
            "run",
            "theirs",
            "--on",
            "v1",
            "--metrics",
            "tracking",
        ],
    );
    let params = bench.ok(&["track", "--print-params", "--space", "world"]).json();
    assert_eq!(params["all"]["life"]["confirm_hits"], 3);
}
