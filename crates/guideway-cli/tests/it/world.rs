//! Worlds from the command line: recorded, ingested with and without their truth, framed, and refused.

use crate::support::Bench;

const RIG: &str = r#"
[[camera]]
name = "front"
position = [1.5, 0.0, 1.5]
width = 160
height = 96
horizontal_fov_deg = 70.0
rate_hz = 5.0

[[lidar]]
name = "top"
position = [0.5, 0.0, 1.9]
channels = 8
vertical_min_deg = -20.0
vertical_max_deg = 5.0
points_per_turn = 180
rate_hz = 5.0

[[gnss]]
name = "gnss"
rate_hz = 2.0
"#;

const WORLD: &str = r#"
rig = "rig.toml"
[road]
extent = 200
block_length = 70
[weather]
clouds = { uniform = [0.0, 1.0] }
"#;

pub(crate) fn bench() -> Bench {
    let bench = Bench::with_workspace();
    bench.write("rig.toml", RIG);
    bench.write("world.toml", WORLD);
    bench
}

/// A workspace with drives of so many seconds, labels included.
pub(crate) fn driven(drives: u32, seconds: u32) -> Bench {
    let bench = bench();
    let (drives, seconds) = (drives.to_string(), seconds.to_string());
    let record = [
        "world",
        "record",
        "world.toml",
        "--drives",
        &drives,
        "--seconds",
        &seconds,
        "--out",
        "logs",
    ];
    bench.ok(&record);
    bench.ws(&["ingest", "logs", "--with-ground-truth"]);
    bench
}

#[test]
fn a_fleet_is_recorded_once_and_its_truth_is_read_on_request() {
    let bench = bench();
    let record = [
        "world",
        "record",
        "world.toml",
        "--drives",
        "2",
        "--seconds",
        "1",
        "--seed",
        "3",
        "--out",
        "logs",
    ];
    let first = bench.ok(&[&record[..], &["--output-format", "json"]].concat()).json();
    let logs = first["logs"].as_array().unwrap();
    assert_eq!(logs.len(), 2);
    assert_eq!(logs[0]["frames"], 10, "five pictures and five sweeps: {first}");
    let bytes = |index: usize| std::fs::read(bench.path(logs[index]["path"].as_str().unwrap())).unwrap();
    let before = (bytes(0), bytes(1));
    assert_ne!(before.0, before.1, "two drives differ");
    let again = bench.ok(&[&record[..], &["--output-format", "json"]].concat()).json();
    assert_eq!(again["logs"][0]["existed"], true);
    std::fs::remove_dir_all(bench.path("logs")).unwrap();
    bench.ok(&record);
    assert!((bytes(0), bytes(1)) == before, "the same seed gives the same bytes");

    bench.ws(&["ingest", "logs"]);
    let count = |sql: &str| {
        bench.ws(&["query", sql, "--output-format", "json"]).json()[0]["n"]
            .as_i64()
            .unwrap()
    };
    assert_eq!(count("SELECT count(*) AS n FROM labels"), 0);
    assert_eq!(count("SELECT count(*) AS n FROM frames WHERE modality = 'camera'"), 10);
    assert_eq!(
        count("SELECT count(*) AS n FROM sensors WHERE modality = 'camera' AND fx > 0"),
        2
    );
    bench.ws(&["ingest", "logs", "--with-ground-truth"]);
    assert_eq!(count("SELECT count(*) AS n FROM frames WHERE modality = 'camera'"), 10);
    let boxes = count("SELECT count(*) AS n FROM labels WHERE x_min IS NOT NULL");
    let with_mask = count(
        "SELECT count(*) AS n FROM labels WHERE x_min IS NOT NULL AND mask_rle IS NOT NULL AND labeler = 'ground truth'",
    );
    assert!(
        boxes > 0 && boxes == with_mask,
        "{boxes} boxes, {with_mask} with a mask"
    );
    assert!(count("SELECT count(*) AS n FROM labels WHERE cuboid_frame IS NOT NULL") > 0);
    // What is true of whole pictures stands with their frames.
    let told = "SELECT count(*) AS n FROM frames WHERE modality = 'camera' AND json_as_text(attributes, 'time_of_day') IN ('day', 'dawn', 'dusk', 'night') \
                AND json_as_text(attributes, 'weather') IS NOT NULL";
    assert_eq!(count(told), 10);
    bench.ws(&["doctor"]);
}

#[test]
fn frames_become_a_dataset_whose_pictures_can_be_made_again() {
    let bench = bench();
    let made = bench
        .ws(&[
            "world",
            "frames",
            "world.toml",
            "--count",
            "6",
            "--per-scene",
            "2",
            "--dataset",
            "syn-v1",
            "--split",
            "train=0.5,val=0.5",
            "--output-format",
            "json",
        ])
        .json();
    assert_eq!(made["frames"], 6);
    let rows = bench
        .ws(&[
            "query",
            "SELECT frame_id, uri, attributes, group_id FROM frames ORDER BY sequence",
            "--output-format",
            "json",
        ])
        .json();
    let rows = rows.as_array().unwrap();
    assert_eq!(
        rows[0]["group_id"], rows[1]["group_id"],
        "frames of one scene stay together"
    );
    assert_ne!(rows[1]["group_id"], rows[2]["group_id"]);
    let attributes: serde_json::Value = serde_json::from_str(rows[0]["attributes"].as_str().unwrap()).unwrap();
    assert!(attributes["origin"]["params"]["weather"]["clouds"].as_f64().unwrap() > 0.0);
    for row in [&rows[0], &rows[3]] {
        let frame = row["frame_id"].as_str().unwrap();
        bench.ws(&["world", "remake", frame, "--out", "again.jpg"]);
        let first = std::fs::read(row["uri"].as_str().unwrap().trim_start_matches("file://")).unwrap();
        assert!(first == std::fs::read(bench.path("again.jpg")).unwrap(), "{frame}");
    }
    bench.ws(&["dataset", "show", "syn-v1"]);
    bench.ws(&["doctor"]);
}

#[test]
fn a_picture_of_a_log_can_be_made_again() {
    let bench = bench();
    let record = ["--drives", "1", "--seconds", "0.7", "--no-compression", "--out", "logs"];
    bench.ok(&[&["world", "record", "world.toml"], &record[..]].concat());
    let recordings = bench.ws(&["ingest", "logs", "--output-format", "json"]).json();
    let name = recordings["recordings"][0]["name"].as_str().unwrap().to_owned();
    let log = std::fs::read(bench.path("logs").join(&name)).unwrap();
    let topic = "/ground_truth/front/scene";
    let messages = bench
        .ws(&["log", "cat", &name, topic, "--output-format", "json"])
        .json();
    let messages = messages.as_array().unwrap();
    assert!(messages.len() >= 3, "{}", messages.len());
    for message in messages {
        bench.write("scene.json", &message.to_string());
        bench.ws(&["world", "remake", "scene.json", "--out", "again.jpg"]);
        let again = std::fs::read(bench.path("again.jpg")).unwrap();
        assert!(
            log.windows(again.len()).any(|part| part == again),
            "the log holds other bytes"
        );
    }
    bench.write("scene.json", "{\"speed\": 3}");
    let refused = bench.run(&["-w", "ws", "world", "remake", "scene.json", "--out", "again.jpg"]);
    insta::assert_snapshot!("world_remake_of_something_else", refused.text());
}

#[test]
fn a_sample_is_a_configuration_and_a_preview_is_a_picture() {
    let bench = bench();
    let sample = bench.ok(&["world", "sample", "world.toml", "--seed", "5"]);
    bench.write("fixed.toml", &sample.stdout);
    let again = bench.ok(&["world", "sample", "fixed.toml", "--seed", "9"]);
    assert_eq!(sample.stdout, again.stdout);
    bench.ok(&["world", "preview", "world.toml", "--scenes", "1", "--out", "sheet.png"]);
    let sheet = image::open(bench.path("sheet.png")).unwrap();
    assert!(sheet.width() > 1600 && sheet.height() > 200);
    for args in [&["world", "schema"][..], &["world", "schema", "--rig"]] {
        let schema = bench.ok(&[args, &["--output-format", "json"]].concat()).json();
        assert!(schema["properties"].as_object().unwrap().len() > 3);
    }
}

#[test]
fn what_cannot_be_made_is_refused() {
    let bench = bench();
    let check = |name: &str, args: &[&str]| {
        let run = bench.run(args);
        assert_ne!(run.code, 0, "{name} should fail");
        insta::with_settings!({ description => format!("guideway {}", args.join(" ")), omit_expression => true }, {
            insta::assert_snapshot!(name, run.text());
        });
    };
    bench.write("range.toml", "[weather]\nrain_mm_per_h = 300\n");
    check("world_out_of_range", &["world", "sample", "range.toml"]);
    bench.write("typo.toml", "[weather]\nrain = 3\n");
    check("world_unknown_parameter", &["world", "sample", "typo.toml"]);
    bench.write("bad-rig.toml", &format!("{RIG}\n[[camera]]\nname = \"front\"\n"));
    check(
        "world_rig_contradicts",
        &["world", "preview", "world.toml", "--rig", "bad-rig.toml"],
    );
    check("world_no_such_rig", &["world", "preview", "--rig", "five_cameras"]);
    check("world_no_file", &["world", "sample", "nowhere.toml"]);
    bench.write(
        "broken.xodr",
        "<OpenDRIVE>\n  <header/>\n  <road id=\"1\" length=\"ten\"/>\n</OpenDRIVE>\n",
    );
    bench.write("roads.toml", "[road]\nopendrive = \"broken.xodr\"\n");
    check("world_broken_opendrive", &["world", "preview", "roads.toml"]);
    check(
        "world_no_drives",
        &["world", "record", "--drives", "0", "--out", "logs"],
    );
}
