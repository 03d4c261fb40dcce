//! Predictions made elsewhere: every format there and back, what counts when, and what is refused.

use std::fmt::Write as _;
use std::path::Path;

use guideway_testkit::{data, python};
use serde_json::{Value, json};

use crate::errors::check;
use crate::support::{Bench, Run};

/// Twelve images, six of them in the split `val`.
fn frozen() -> Bench {
    let bench = Bench::with_images();
    let halves = "SELECT frame_id, CASE WHEN sequence % 2 = 0 THEN 'train' ELSE 'val' END AS split FROM frames";
    bench.ws(&["dataset", "freeze", "v1", "--from", halves]);
    bench
}

fn import<'a>(model: &'a str, on: &'a str, from: &'a str, format: &'a str) -> Vec<&'a str> {
    vec!["predict", model, "--on", on, "--from", from, "--format", format]
}

/// Imports, wants this exit code, and gives the report.
fn imported(bench: &Bench, code: i32, args: &[&str]) -> Value {
    let run = bench.run(&[&["-w", "ws", "--output-format", "json"], args].concat());
    assert_eq!(run.code, code, "{}", run.text());
    run.json()
}

fn parsed(bench: &Bench, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(bench.path(file)).unwrap()).unwrap()
}

/// What a mediocre detector would say about the annotations of an export: shifted boxes, equal scores, a confusion and false alarms.
fn results(annotations: &Value) -> Vec<Value> {
    let mut results = Vec::new();
    for (index, label) in annotations["annotations"].as_array().unwrap().iter().enumerate() {
        let numbers: Vec<f64> = label["bbox"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect();
        let class = label["category_id"].as_i64().unwrap();
        let shift = [0.0, 1.0, 0.3, 2.5, 6.0][index % 5];
        let result = |class: i64, x: f64, score: f64| {
            json!({
                "image_id": label["image_id"], "category_id": class, "score": score,
                "bbox": [numbers[0] + x, numbers[1], numbers[2], numbers[3]],
            })
        };
        results.push(result(class, shift, 0.9 - 0.1 * (index % 3) as f64));
        match index % 4 {
            // As sure as the right one, and in the same place: the order of the file decides.
            0 => results.push(result(class, shift + 1.5, 0.9 - 0.1 * (index % 3) as f64)),
            1 => results.push(result(3 - class, 0.5, 0.6)),
            2 => results.push(result(class, -30.0, 0.35)),
            _ => {}
        }
    }
    results
}

#[test]
fn an_evaluation_of_imported_coco_results_is_that_of_the_files() {
    let bench = frozen();
    bench.ws(&["dataset", "export", "v1", "--to", "coco", "coco"]);
    let of_val = results(&parsed(&bench, "coco/instances_val.json"));
    bench.write("val.json", &json!(of_val).to_string());
    let files = [
        "--output-format",
        "json",
        "eval",
        "files",
        "--gt",
        "coco/instances_val.json",
        "--pred",
        "val.json",
    ];
    let files = bench.ok(&files).json();

    let report = imported(&bench, 0, &import("theirs", "v1:val", "val.json", "coco"));
    assert_eq!(
        (&report["created"], &report["predictions"]),
        (&json!(true), &json!(of_val.len()))
    );
    let evaluated = bench.ws_json(&["eval", "run", "theirs", "--on", "v1:val"]);
    let stat = |name: &str| {
        let metrics = evaluated["metrics"].as_array().unwrap();
        let found = metrics.iter().find(|m| m["metric"] == name && m["slice"] == "all");
        found.map(|metric| metric["value"].clone())
    };
    let stats = files["stats"].as_object().unwrap();
    let mut compared = 0;
    for (name, value) in stats {
        // Sizes of objects have longer names in our tables.
        let long = [("APs", "APsmall"), ("APm", "APmedium"), ("APl", "APlarge")];
        let long = long
            .iter()
            .find(|(short, _)| short == name)
            .map_or(name.as_str(), |(_, long)| *long);
        if let Some(ours) = stat(long) {
            let theirs = value.as_f64().filter(|value| *value >= 0.0);
            assert_eq!(ours.as_f64(), theirs, "{name}");
            compared += 1;
        }
    }
    assert!(
        compared >= 6 && stat("AP").unwrap().as_f64().unwrap() > 0.2,
        "{compared} {stats:?}"
    );

    // All that an evaluation leads to is there as of any other model.
    assert!(!bench.ws_json(&["event", "ls"])["events"].as_array().unwrap().is_empty());
    bench.ws(&[
        "eval",
        "report",
        evaluated["run_id"].as_str().unwrap(),
        "--out",
        "report",
    ]);
    let up = bench.ws_json(&["trace", evaluated["run_id"].as_str().unwrap(), "--direction", "up"]);
    let kinds: Vec<&str> = up["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|n| n["kind"].as_str())
        .collect();
    assert!(kinds.contains(&"file") && kinds.contains(&"dataset"), "{kinds:?}");
    insta::assert_snapshot!("foreign_model_ls", bench.ws(&["model", "ls"]).stdout);
    insta::assert_snapshot!("foreign_model_show", bench.ws(&["model", "show", "theirs"]).stdout);
    assert_eq!(bench.ws_json(&["doctor", "--deep"])["whole"], true);

    // Results for other frames are counted, and change nothing of these.
    let all = results(&parsed(&bench, "coco/annotations.json"));
    bench.write("all.json", &json!(all).to_string());
    let run = bench.run(&[&["-w", "ws"][..], &import("wider", "v1:val", "all.json", "coco")].concat());
    check_warned("foreign_outside", &run);
    let wider = imported(&bench, 0, &import("wider", "v1:val", "all.json", "coco"));
    let (taken, left_out) = (&wider["predictions"], &wider["imported"]["left_out"]);
    assert_eq!(taken.as_u64().unwrap() + left_out.as_u64().unwrap(), all.len() as u64);
    assert_eq!(
        &bench.ws_json(&["eval", "run", "wider", "--on", "v1:val"])["predictions"],
        taken
    );
}

fn kept(bench: &Bench, sql: &str) -> u64 {
    bench.ws_json(&["query", sql])[0]["n"].as_u64().unwrap()
}

/// Compares a run that ended with warnings with its snapshot.
fn check_warned(name: &str, run: &Run) {
    assert_eq!(run.code, 3, "{}", run.text());
    insta::assert_snapshot!(name, run.text());
}

#[test]
fn an_annotation_file_says_what_coco_ids_mean() {
    let bench = frozen();
    let names = bench.ws_json(&["query", "SELECT name FROM frames ORDER BY name"]);
    let images: Vec<Value> = names
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(index, row)| json!({ "id": format!("image-{index}"), "file_name": row["name"], "width": 64, "height": 48 }))
        .collect();
    let mine = json!({
        "images": images,
        "categories": [{ "id": 17, "name": "BAR" }, { "id": 3, "name": "kite" }],
    });
    bench.write("mine.json", &mine.to_string());
    // A mask of the whole image, one of a wrong size, and a box from a mask.
    let whole = json!({ "size": [48, 64], "counts": [0, 48 * 64] });
    let found = json!([
        { "image_id": "image-1", "category_id": 17, "score": 0.5, "bbox": [40, 36, 20, 6], "segmentation": whole },
        { "image_id": "image-2", "category_id": 3, "score": 0.25, "segmentation": whole },
        { "image_id": "image-2", "category_id": 3, "score": 1, "bbox": [1, 1, 2, 2], "segmentation": { "size": [2, 2], "counts": [0, 4] } },
        { "image_id": "image-1", "category_id": 17, "score": 0.5, "bbox": [40, 36, 20, 6], "segmentation": whole },
    ]);
    bench.write("found.json", &found.to_string());
    let args = [
        &import("masks", "v1", "found.json", "coco")[..],
        &["--images", "mine.json"],
    ]
    .concat();
    check_warned("foreign_masks", &bench.run(&[&["-w", "ws"][..], &args].concat()));
    let rows = "SELECT f.name, p.class, p.score, p.x_min, p.y_min, p.x_max, p.y_max, p.mask_rle IS NOT NULL AS mask \
        FROM predictions p JOIN frames f USING (frame_id) ORDER BY p.score";
    insta::assert_snapshot!("foreign_masks_rows", bench.ws(&["query", rows]).stdout);
    let classes = &bench.ws_json(&["model", "show", "masks"])["classes"];
    assert_eq!(classes, &json!(["bar", "kite"]), "the dataset's first");
}

#[test]
fn the_latest_file_counts_and_the_same_changes_nothing() {
    let bench = frozen();
    bench.ws(&["dataset", "export", "v1", "--to", "coco", "coco"]);
    let all = results(&parsed(&bench, "coco/annotations.json"));
    bench.write("a.json", &json!(all).to_string());
    bench.write("b.json", &json!(all[1..]).to_string());
    let rows = || kept(&bench, "SELECT count(*) AS n FROM predictions");
    let counts = || bench.ws_json(&["predict", "m", "--on", "v1:val"])["run_id"].clone();

    let a = imported(&bench, 0, &import("m", "v1", "a.json", "coco"));
    let (before, heads) = (rows(), bench.ws(&["tables"]).stdout);
    let again = imported(&bench, 0, &import("m", "v1", "a.json", "coco"));
    assert_eq!((&again["run_id"], &again["created"]), (&a["run_id"], &json!(false)));
    assert_eq!((rows(), bench.ws(&["tables"]).stdout), (before, heads));
    insta::assert_snapshot!("foreign_again", bench.ws(&import("m", "v1", "a.json", "coco")).stdout);

    let b = imported(&bench, 0, &import("m", "v1", "b.json", "coco"));
    assert_ne!(a["run_id"], b["run_id"]);
    assert_eq!(
        counts(),
        b["run_id"],
        "the latest counts, for a split of the dataset as well"
    );
    let evaluated = bench.ws_json(&["eval", "run", "m", "--on", "v1"]);
    assert_eq!(evaluated["predict_run_id"], b["run_id"]);
    // Wanted again, it counts again, without rows of its own.
    let before = rows();
    imported(&bench, 0, &import("m", "v1", "a.json", "coco"));
    assert_eq!((counts(), rows()), (a["run_id"].clone(), before));

    // A query is covered as far as its frames are.
    let some = "SELECT frame_id FROM frames WHERE sequence < 5";
    assert_eq!(bench.ws_json(&["predict", "m", "--on", some])["frames"], 5);
    bench.images("more", 13);
    bench.ws(&["ingest", "more"]);
    check(
        &bench,
        "foreign_not_covered",
        &["-w", "ws", "predict", "m", "--on", "SELECT frame_id FROM frames"],
    );
    bench.ws(&["dataset", "freeze", "other", "--from", "SELECT frame_id FROM frames"]);
    check(
        &bench,
        "foreign_not_covered_eval",
        &["-w", "ws", "eval", "run", "m", "--on", "other"],
    );
}

#[test]
fn what_needs_weights_says_that_there_are_none() {
    let bench = frozen();
    bench.write("none.json", "[]");
    let run = bench.run(&[&["-w", "ws"][..], &import("theirs", "v1", "none.json", "coco")].concat());
    check_warned("foreign_nothing_found", &run);
    bench.write("tiny.toml", crate::support::TINY);
    let ws = |rest: &[&'static str]| [&["-w", "ws"][..], rest].concat();
    let all = "SELECT frame_id FROM frames";
    check(
        &bench,
        "foreign_no_weights_train",
        &ws(&["train", "tiny.toml", "--dataset", "v1", "--start", "theirs"]),
    );
    check(
        &bench,
        "foreign_no_weights_package",
        &ws(&["model", "package", "theirs", "--out", "out"]),
    );
    let mine = [
        "mine", "--model", "theirs", "--score", "entropy", "--from", all, "--budget", "2", "--out", "x",
    ];
    check(&bench, "foreign_no_weights_mine", &ws(&mine));
    let slices = "SELECT frame_id, sequence, sequence > 5 AS event FROM frames";
    check(
        &bench,
        "foreign_no_weights_slices",
        &ws(&["slices", slices, "--model", "theirs", "--out", "x"]),
    );
    // The other way round: what was trained here is not to be mixed with what was made elsewhere.
    bench.ws(&["train", "tiny.toml", "--dataset", "v1", "--name", "ours"]);
    check(
        &bench,
        "foreign_trained_name",
        &ws(&import("ours", "v1", "none.json", "coco")),
    );
    check(
        &bench,
        "foreign_name_for_training",
        &ws(&["train", "tiny.toml", "--dataset", "v1", "--name", "theirs"]),
    );
}

/// A KITTI folder: images, labels in space, and calibrations.
fn kitti(bench: &Bench) {
    bench.images("squares", 4);
    let calib = "P2: 700 0 32 44.85728 0 700 24 0.2163791 0 0 1 0.002745884\n\
        R0_rect: 0.9999239 0.00983776 -0.007445048 -0.009869795 0.9999421 -0.004278459 0.007402527 0.004351614 0.9999631\n\
        Tr_velo_to_cam: 0.007533745 -0.9999714 -0.000616602 -0.004069766 0.01480249 0.0007280733 -0.9998902 -0.07631618 \
        0.9998621 0.00752379 0.01480755 -0.2717806\n";
    for (index, number) in ["000007", "000011", "000012", "000040"].iter().enumerate() {
        std::fs::create_dir_all(bench.path("kitti/training/image_2")).unwrap();
        let image = format!("kitti/training/image_2/{number}.png");
        std::fs::copy(
            bench.path(&format!("squares/images/train/{index:03}.png")),
            bench.path(&image),
        )
        .unwrap();
        let x = index as f64;
        let text = format!(
            "Car 0.00 0 1.85 {} 10 40 30.5 1.67 1.87 3.69 {} 2.39 58.49 1.57\n\
             Pedestrian 0.20 1 -0.20 5 6 15 40 1.89 0.48 1.20 1.84 1.47 8.41 0.01\n\
             Cyclist -1 -1 -10 1 2 3 4 -1 -1 -1 -1000 -1000 -1000 -10\n",
            x + 4.5,
            x - 6.53
        );
        bench.write(&format!("kitti/training/label_2/{number}.txt"), &text);
        // One has no calibration: its cuboids stay in the camera's frame.
        if index != 3 {
            bench.write(&format!("kitti/training/calib/{number}.txt"), calib);
        }
    }
}

/// Labels of a folder as results of a detector that is right and sure to this degree.
fn labels_as_results(bench: &Bench, labels: &Path, to: &str) -> usize {
    let mut lines = 0;
    for entry in std::fs::read_dir(labels).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut out = String::new();
        for (line, text) in text.lines().filter(|line| !line.starts_with("DontCare")).enumerate() {
            writeln!(out, "{text} 0.{}", 9 - line).unwrap();
            lines += 1;
        }
        bench.write(&format!("{to}/{}", path.file_name().unwrap().to_str().unwrap()), &out);
    }
    lines
}

/// Boxes and cuboids of labels, or of predictions, in an order of their own.
fn objects(bench: &Bench, tables: &str, cuboids: &str) -> Value {
    bench.ws_json(&[
        "query",
        &format!(
            "SELECT p.frame_id, p.class, p.x_min, p.y_min, p.x_max, p.y_max, {cuboids}.cuboid_frame, {cuboids}.cuboid \
             FROM {tables} ORDER BY p.frame_id, p.class, p.x_min"
        ),
    ])
}

#[test]
fn kitti_results_equal_to_the_labels_are_where_the_labels_are() {
    let bench = Bench::with_workspace();
    kitti(&bench);
    assert!([0, 3].contains(&bench.run(&["-w", "ws", "ingest", "kitti"]).code));
    bench.ws(&[
        "dataset",
        "freeze",
        "k",
        "--from",
        "SELECT frame_id, 'all' AS split FROM frames",
    ]);
    labels_as_results(&bench, &bench.path("kitti/training/label_2"), "results/data");
    let report = imported(&bench, 0, &import("theirs", "k", "results", "kitti"));
    assert_eq!(
        (&report["predictions"], &report["cuboids"]),
        (&json!(12), &json!(8)),
        "{report}"
    );
    let labels = objects(&bench, "labels p", "p");
    let both = "predictions p LEFT JOIN predicted_cuboids c ON p.prediction_id = c.prediction_id";
    let predictions = objects(&bench, both, "c");
    assert_eq!(labels.as_array().unwrap().len(), 12);
    for (label, prediction) in labels.as_array().unwrap().iter().zip(predictions.as_array().unwrap()) {
        let (mut label, mut prediction) = (label.clone(), prediction.clone());
        if label["cuboid_frame"].is_null() {
            for side in [&mut label, &mut prediction] {
                side["cuboid"] = Value::Null;
            }
        }
        assert_eq!(label, prediction, "to the last bit");
    }
    let frames: Vec<Value> = labels
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["cuboid_frame"].clone())
        .collect();
    assert!(frames.contains(&json!("ego")) && frames.contains(&json!("sensor")) && frames.contains(&Value::Null));

    // What was run on an export is in the cameras' own frames; the export's list says what its numbers mean.
    bench.ws(&["dataset", "export", "k", "--to", "kitti", "out"]);
    labels_as_results(&bench, &bench.path("out/training/label_2"), "numbered");
    let args = [
        &import("exported", "k", "numbered", "kitti")[..],
        &["--images", "out/names.csv"],
    ]
    .concat();
    let report = imported(&bench, 0, &args);
    assert_eq!(
        (&report["predictions"], &report["cuboids"]),
        (&json!(12), &json!(8)),
        "{report}"
    );
    let of_run = format!(
        "SELECT DISTINCT cuboid_frame FROM predicted_cuboids WHERE run_id = '{}'",
        report["run_id"].as_str().unwrap()
    );
    assert_eq!(
        bench.ws_json(&["query", &of_run]),
        json!([{ "cuboid_frame": "sensor" }])
    );
    let evaluated = bench.ws_json(&["eval", "run", "exported", "--on", "k"]);
    let ap = evaluated["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["metric"] == "AP" && m["slice"] == "all")
        .unwrap();
    assert!(ap["value"].as_f64().unwrap() > 0.999, "{ap}");
    // Without the list, the numbers are none of its frames' names.
    check(
        &bench,
        "foreign_kitti_names",
        &[&["-w", "ws"][..], &import("lost", "k", "numbered", "kitti")].concat(),
    );
}

#[test]
fn real_kitti_labels_as_results_are_all_found() {
    let Some(folder) = data("kitti_samples/scalabel/detection/training") else {
        return;
    };
    let bench = Bench::with_workspace();
    let run = bench.run(&[
        "-w",
        "ws",
        "ingest",
        folder.to_str().unwrap(),
        "--format",
        "kitti-object",
    ]);
    assert!([0, 3].contains(&run.code), "{}", run.text());
    let from = "SELECT frame_id, 'all' AS split FROM frames WHERE name LIKE 'image_2%'";
    bench.ws(&["dataset", "freeze", "k", "--from", from]);
    let lines = labels_as_results(&bench, &folder.join("label_2"), "data");
    let report = imported(&bench, 0, &import("theirs", "k", "data", "kitti"));
    assert_eq!(
        (&report["predictions"], &report["cuboids"]),
        (&json!(lines), &json!(lines))
    );
    let equal = "SELECT count(*) AS n FROM predicted_cuboids c JOIN labels l ON c.frame_id = l.frame_id AND c.class = l.class \
        AND c.cuboid_frame = l.cuboid_frame AND c.cuboid = l.cuboid";
    assert_eq!(kept(&bench, equal), lines as u64);
}

/// A drive with a camera and a lidar, frozen whole.
fn drive() -> Bench {
    let bench = Bench::with_workspace();
    bench.drive("drive.mcap", 3);
    bench.ws(&["ingest", "drive.mcap"]);
    bench.ws(&[
        "dataset",
        "freeze",
        "d",
        "--from",
        "SELECT frame_id, 'all' AS split FROM frames",
    ]);
    bench
}

const CUBOIDS: &str = "SELECT f.modality, f.sequence, c.class, c.score, c.cuboid_frame, c.cuboid, c.velocity, c.attribute \
    FROM predicted_cuboids c JOIN frames f USING (frame_id) ORDER BY f.sequence, c.score";

#[test]
fn nuscenes_boxes_are_in_the_world() {
    let bench = drive();
    let frames = bench.ws_json(&[
        "query",
        "SELECT frame_id, name FROM frames WHERE modality = 'lidar' ORDER BY sequence",
    ]);
    let found = |token: &Value, x: f64, velocity: Value| {
        json!({
            "sample_token": token, "translation": [x, 2.0, 1.0], "size": [1.9, 4.5, 1.6], "rotation": [1.0, 0.0, 0.0, 0.0],
            "velocity": velocity, "detection_name": "car", "detection_score": 0.5, "attribute_name": "vehicle.moving",
        })
    };
    let (first, second) = (&frames[0]["frame_id"], &frames[1]["name"]);
    let mut results = serde_json::Map::new();
    results.insert(
        first.as_str().unwrap().to_owned(),
        json!([found(first, 10.0, json!([1.0, -0.5]))]),
    );
    results.insert(
        second.as_str().unwrap().to_owned(),
        json!([found(second, 11.0, json!([null, null]))]),
    );
    results.insert(frames[2]["frame_id"].as_str().unwrap().to_owned(), json!([]));
    let text = json!({ "meta": {}, "results": results }).to_string();
    // As Python writes what it does not know.
    bench.write("results.json", &text.replace("[null,null]", "[NaN, NaN]"));
    imported(&bench, 0, &import("theirs", "d", "results.json", "nuscenes"));
    insta::assert_snapshot!("foreign_nuscenes", bench.ws(&["query", CUBOIDS]).stdout);
    bench.write("cut.json", &text[..text.len() / 2]);
    check(
        &bench,
        "foreign_nuscenes_cut",
        &[&["-w", "ws"][..], &import("theirs", "d", "cut.json", "nuscenes")].concat(),
    );
}

#[test]
fn argoverse_boxes_belong_to_the_sweep_of_their_stamp() {
    let Some(python) = python("pyarrow.feather") else {
        return;
    };
    let bench = drive();
    let frames = bench.ws_json(&[
        "query",
        "SELECT f.timestamp_ns, r.name FROM frames f JOIN recordings r USING (recording_id) WHERE modality = 'lidar' ORDER BY sequence",
    ]);
    let write = |file: &str, log: &str, stamps: &[i64], width: f64| {
        let script = format!(
            "import pyarrow as pa, pyarrow.feather as f\nn={n}\none=[1.0]*n\nzero=[0.0]*n\n\
             f.write_feather(pa.table(dict(log_id=['{log}']*n, timestamp_ns=pa.array({stamps:?}, pa.int64()), category=['CAR']*n, \
             tx_m=[10.0+i for i in range(n)], ty_m=zero, tz_m=one, length_m=[4.5]*n, width_m=[{width:?}]*n, height_m=[1.6]*n, \
             qw=one, qx=zero, qy=zero, qz=zero, score=[0.5]*n)), '{file}')",
            n = stamps.len()
        );
        let made = std::process::Command::new(&python)
            .args(["-c", &script])
            .current_dir(bench.path(""))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    };
    let stamp = |row: usize| frames[row]["timestamp_ns"].as_i64().unwrap();
    let log = frames[0]["name"].as_str().unwrap();
    write("dets.feather", log, &[stamp(0), stamp(2), stamp(2) + 1], 1.9);
    let run = bench.run(&[&["-w", "ws"][..], &import("theirs", "d", "dets.feather", "av2")].concat());
    check_warned("foreign_av2_report", &run);
    insta::assert_snapshot!("foreign_av2", bench.ws(&["query", CUBOIDS]).stdout);
    write("flat.feather", log, &[stamp(0)], 0.0);
    check(
        &bench,
        "foreign_av2_flat",
        &[&["-w", "ws"][..], &import("theirs", "d", "flat.feather", "av2")].concat(),
    );
    write("other.feather", "another-log", &[stamp(0)], 1.9);
    check(
        &bench,
        "foreign_av2_other_log",
        &[&["-w", "ws"][..], &import("theirs", "d", "other.feather", "av2")].concat(),
    );
}

#[test]
fn lines_of_json_name_frames_in_three_ways() {
    let bench = drive();
    let frames = bench.ws_json(&[
        "query",
        "SELECT f.frame_id, f.name, f.timestamp_ns, r.name AS recording, s.name AS sensor FROM frames f JOIN recordings r USING (recording_id) \
         JOIN sensors s USING (sensor_id) WHERE f.modality = 'camera' ORDER BY f.sequence",
    ]);
    let lines = [
        json!({ "frame_id": frames[0]["frame_id"], "class": "Car", "score": 0.9, "bbox": [1, 2, 3, 4.5] }),
        json!({
            "name": frames[1]["name"], "class": "car", "score": 0.8, "bbox": [1, 2, 3, 4], "note": "not ours",
            "cuboid": [9, 1, 0.5, 4, 2, 1.5, 2, 0, 0, 0], "velocity": [3, 0.5], "attribute": "vehicle.parked",
        }),
        json!({
            "recording": frames[2]["recording"], "sensor": frames[2]["sensor"], "timestamp_ns": frames[2]["timestamp_ns"],
            "class": "car", "score": 0.7, "cuboid": [9, 1, 0.5, 4, 2, 1.5, 1, 0, 0, 0], "cuboid_frame": "world",
        }),
    ];
    let text: String = lines
        .iter()
        .fold("\u{feff}".to_owned(), |text, line| text + &line.to_string() + "\n\n");
    bench.write("found.jsonl", &text);
    let run = bench.run(&[&["-w", "ws"][..], &import("theirs", "d", "found.jsonl", "jsonl")].concat());
    check_warned("foreign_jsonl_report", &run);
    insta::assert_snapshot!("foreign_jsonl", bench.ws(&["query", CUBOIDS]).stdout);
    let both = "SELECT count(*) AS n FROM predictions JOIN predicted_cuboids USING (prediction_id)";
    assert_eq!(kept(&bench, both), 1, "one object, one id");
    // The pictures are covered, and the sweeps of the same dataset too; a model of pictures alone is asked about pictures alone.
    let cameras = "SELECT frame_id FROM frames WHERE modality = 'camera'";
    bench.ws(&[
        "dataset",
        "freeze",
        "pictures",
        "--from",
        &format!("SELECT frame_id, 'all' AS split FROM ({cameras})"),
    ]);
    bench.run(&[&["-w", "ws"][..], &import("seeing", "pictures", "found.jsonl", "jsonl")].concat());
    let all = bench.ws_json(&["predict", "seeing", "--on", "SELECT frame_id FROM frames"]);
    assert_eq!(all["frames"], 3);
    bench.ws(&[
        "assert",
        "run",
        "--model",
        "seeing",
        "--on",
        "SELECT frame_id FROM frames",
    ]);

    let frame = frames[0]["frame_id"].as_str().unwrap();
    let line = |rest: &str| format!("{{\"frame_id\": \"{frame}\", \"class\": \"car\", {rest}}}\n");
    let good = line("\"score\": 0.5, \"bbox\": [1, 2, 3, 4]");
    for (name, text) in [
        ("score", line("\"score\": 37, \"bbox\": [1, 2, 3, 4]")),
        ("inside_out", line("\"score\": 0.5, \"bbox\": [10, 2, 3, 4]")),
        ("nan", line("\"score\": NaN, \"bbox\": [1, 2, 3, 4]")),
        ("nothing", line("\"score\": 0.5")),
        ("short_cuboid", line("\"score\": 0.5, \"cuboid\": [1, 2, 3]")),
        (
            "flat_rotation",
            line("\"score\": 0.5, \"cuboid\": [1, 2, 3, 4, 5, 6, 0, 0, 0, 0]"),
        ),
        (
            "negative_size",
            line("\"score\": 0.5, \"cuboid\": [1, 2, 3, 4, -5, 6, 1, 0, 0, 0]"),
        ),
        (
            "odd_frame",
            line("\"score\": 0.5, \"cuboid\": [1, 2, 3, 4, 5, 6, 1, 0, 0, 0], \"cuboid_frame\": \"map\""),
        ),
        (
            "no_frame",
            "{\"class\": \"car\", \"score\": 0.5, \"bbox\": [1, 2, 3, 4]}\n".to_owned(),
        ),
        (
            "no_class",
            line("\"score\": 0.5, \"bbox\": [1, 2, 3, 4]").replace("\"car\"", "\"\""),
        ),
        ("cut", good[..good.len() / 2].to_owned()),
        ("others_only", good.replace(frame, "nowhere")),
    ] {
        let text = if name == "others_only" {
            text
        } else {
            format!("{good}{text}")
        };
        bench.write("bad.jsonl", &text);
        let args = [&["-w", "ws"][..], &import("bad", "d", "bad.jsonl", "jsonl")].concat();
        check(&bench, &format!("foreign_jsonl_{name}"), &args);
    }
    assert_eq!(
        bench.run(&["-w", "ws", "model", "show", "bad"]).code,
        1,
        "nothing is left of a failed import"
    );
}

#[test]
fn results_that_cannot_be_taken_in_say_why() {
    let bench = frozen();
    let ws = |rest: &[&'static str]| [&["-w", "ws"][..], rest].concat();
    let one = |image: i64, category: i64, more: &str| {
        format!(
            "[{{\"image_id\": {image}, \"category_id\": {category}, \"bbox\": [1, 2, 3, 4], \"score\": 0.5{more}}}]"
        )
    };
    bench.write("good.json", &one(1, 1, ""));
    bench.write("image.json", &one(13, 1, ""));
    bench.write("category.json", &one(1, 9, ""));
    bench.write("negative.json", &one(1, 1, "").replace("3, 4", "-3, 4"));
    bench.write("score.json", &one(1, 1, "").replace("0.5", "1.5"));
    bench.write("nan.json", &one(1, 1, "").replace("0.5", "NaN"));
    bench.write(
        "mask.json",
        &one(1, 1, ", \"segmentation\": {\"size\": [48, 64], \"counts\": [5]}"),
    );
    bench.write("cut.json", &one(1, 1, "")[..30]);
    bench.write("gt.json", "{\"images\": [], \"annotations\": [], \"categories\": []}");
    for name in [
        "image", "category", "negative", "score", "nan", "mask", "cut", "gt", "missing",
    ] {
        let file = format!("{name}.json");
        let args = [&["-w", "ws"][..], &import("m", "v1", &file, "coco")].concat();
        check(&bench, &format!("foreign_coco_{name}"), &args);
    }
    check(
        &bench,
        "foreign_without_format",
        &ws(&["predict", "m", "--on", "v1", "--from", "good.json"]),
    );
    check(
        &bench,
        "foreign_without_from",
        &ws(&["predict", "m", "--on", "v1", "--format", "coco"]),
    );
    check(
        &bench,
        "foreign_on_a_query",
        &ws(&import("m", "SELECT frame_id FROM frames", "good.json", "coco")),
    );
    check(
        &bench,
        "foreign_no_split",
        &ws(&import("m", "v1:vla", "good.json", "coco")),
    );
    check(
        &bench,
        "foreign_odd_name",
        &ws(&import(" m", "v1", "good.json", "coco")),
    );
    check(
        &bench,
        "foreign_kitti_file",
        &ws(&import("m", "v1", "good.json", "kitti")),
    );
    check(
        &bench,
        "foreign_coco_folder",
        &ws(&import("m", "v1", "squares", "coco")),
    );
    let images = [&import("m", "v1", "good.json", "jsonl")[..], &["--images", "good.json"]].concat();
    check(&bench, "foreign_images_of_jsonl", &ws(&images));
    bench.write(
        "kitti/000000.txt",
        "Car 0.00 0 1.85 10 10 40 30.5 1.67 -1.87 3.69 5 2.39 58.49 1.57 0.5\n",
    );
    check(&bench, "foreign_kitti_size", &ws(&import("m", "v1", "kitti", "kitti")));
    bench.write(
        "kitti/000000.txt",
        "Car 0.00 0 1.85 10 10 40 30.5 1.67 1.87 3.69 5 2.39 58.49 1.57\n",
    );
    check(
        &bench,
        "foreign_kitti_no_score",
        &ws(&import("m", "v1", "kitti", "kitti")),
    );
    bench.write("odd/first.txt", "");
    check(
        &bench,
        "foreign_kitti_odd_name",
        &ws(&import("m", "v1", "odd", "kitti")),
    );
    assert_eq!(
        bench.ws_json(&["model", "ls"]),
        json!([]),
        "nothing is left of a failed import"
    );
}

#[test]
fn an_import_of_a_dataset_serves_each_of_its_splits_by_itself() {
    let bench = frozen();
    let labels = bench.ws_json(&[
        "query",
        "SELECT frame_id, class, x_min, y_min, x_max, y_max FROM labels",
    ]);
    let mut lines = String::new();
    for label in labels.as_array().unwrap() {
        let bbox = [&label["x_min"], &label["y_min"], &label["x_max"], &label["y_max"]];
        let found = json!({ "frame_id": label["frame_id"], "class": label["class"], "score": 0.9, "bbox": bbox });
        writeln!(lines, "{found}").unwrap();
    }
    bench.write("all.jsonl", &lines);
    imported(&bench, 0, &import("theirs", "v1", "all.jsonl", "jsonl"));
    let of = |on: &str| bench.ws_json(&["eval", "run", "theirs", "--on", on]);
    let (whole, val, train) = (of("v1"), of("v1:val"), of("v1:train"));
    assert_eq!(
        [&whole["frames"], &val["frames"], &train["frames"]],
        [&json!(12), &json!(6), &json!(6)]
    );
    assert_eq!(whole["predict_run_id"], val["predict_run_id"]);
    assert_ne!(whole["run_id"], val["run_id"]);
    assert_ne!(train["run_id"], val["run_id"]);
    assert_eq!(of("v1:val"), val, "the same again is the same");
}
