//! Every way to go wrong: what is said, where it is, and what to do next.

use crate::failures::check_doctor;
use crate::support::{Bench, Run, TINY};

/// Runs in the folder of a bench and compares with the snapshot of this name.
pub(crate) fn check(bench: &Bench, name: &str, args: &[&str]) {
    compare(name, &args.join(" "), &bench.run(args));
}

/// Compares a run that should have failed with the snapshot of this name.
pub(crate) fn compare(name: &str, args: &str, run: &Run) {
    assert_ne!(run.code, 0, "{name} should fail");
    assert!(!run.stderr.contains("panicked"), "{}", run.text());
    insta::with_settings!({ description => format!("guideway {args}"), omit_expression => true }, {
        insta::assert_snapshot!(name, run.text());
    });
}

#[test]
fn without_a_workspace() {
    let bench = Bench::new();
    check(&bench, "no_workspace", &["log", "ls"]);
    check(&bench, "no_such_workspace", &["-w", "nowhere", "tables"]);
    check(&bench, "no_command", &["frobnicate"]);
    check(
        &bench,
        "no_such_choice",
        &["dataset", "export", "d", "--to", "voc", "out"],
    );
    check(&bench, "no_schema", &["docs", "schema", "detectr"]);
    check(&bench, "missing_argument", &["query"]);
}

#[test]
fn broken_settings() {
    let bench = Bench::with_workspace();
    bench.write("ws/guideway.toml", "query_memory_mb = \"lots\"\n");
    check(&bench, "settings_wrong_type", &["-w", "ws", "tables"]);
    bench.write("ws/guideway.toml", "query_memory_mb = 3\n");
    check(&bench, "settings_out_of_range", &["-w", "ws", "tables"]);
    bench.write("ws/guideway.toml", "compact_above = -1\n");
    check(&bench, "settings_negative", &["-w", "ws", "tables"]);
    bench.write("ws/guideway.toml", "taxonomy = \"names.toml\"\n");
    bench.drive("drive.mcap", 1);
    check(
        &bench,
        "settings_taxonomy_missing",
        &["-w", "ws", "ingest", "drive.mcap"],
    );
    bench.write("ws/names.toml", "not a mapping");
    check(
        &bench,
        "settings_taxonomy_broken",
        &["-w", "ws", "ingest", "drive.mcap"],
    );
    bench.write("ws/guideway.toml", "data = \n");
    check(&bench, "settings_not_toml", &["-w", "ws", "tables"]);
}

#[test]
fn ingest() {
    let bench = Bench::with_workspace();
    check(&bench, "ingest_missing_path", &["-w", "ws", "ingest", "nowhere.mcap"]);
    bench.write("notes.txt", "these are notes\n");
    check(&bench, "ingest_unknown_file", &["-w", "ws", "ingest", "notes.txt"]);
    std::fs::create_dir(bench.path("empty")).unwrap();
    check(&bench, "ingest_empty_folder", &["-w", "ws", "ingest", "empty"]);
    check(
        &bench,
        "ingest_unknown_format",
        &["-w", "ws", "ingest", "notes.txt", "--format", "rosbag"],
    );
    check(
        &bench,
        "ingest_wrong_format",
        &["-w", "ws", "ingest", "notes.txt", "--format", "mcap"],
    );
    bench.write("broken.json", "{\"images\": [");
    check(
        &bench,
        "ingest_broken_json",
        &["-w", "ws", "ingest", "broken.json", "--format", "coco"],
    );
}

#[test]
fn query() {
    let bench = Bench::with_images();
    check(&bench, "query_syntax", &["-w", "ws", "query", "SELEC 1"]);
    check(
        &bench,
        "query_unknown_table",
        &["-w", "ws", "query", "SELECT * FROM frmaes"],
    );
    check(
        &bench,
        "query_unknown_column",
        &["-w", "ws", "query", "SELECT frame FROM frames"],
    );
    check(
        &bench,
        "query_unknown_column_of_alias",
        &[
            "-w",
            "ws",
            "query",
            "SELECT l.clas FROM frames f JOIN labels l USING (frame_id)",
        ],
    );
    check(
        &bench,
        "query_unknown_function",
        &["-w", "ws", "query", "SELECT cuont(*) FROM frames"],
    );
    check(
        &bench,
        "query_wrong_type",
        &["-w", "ws", "query", "SELECT CAST(name AS BIGINT) FROM frames"],
    );
    check(
        &bench,
        "query_ends_early",
        &["-w", "ws", "query", "SELECT frame_id FROM frames WHERE"],
    );
    check(
        &bench,
        "query_not_read_only",
        &["-w", "ws", "query", "DROP TABLE frames"],
    );
    check(
        &bench,
        "query_no_rows",
        &["-w", "ws", "query", "SELECT frame_id FROM frames WHERE 1 = 2"],
    );
    check(&bench, "tables_unknown", &["-w", "ws", "tables", "lables"]);
}

#[test]
fn logs() {
    let bench = Bench::with_images();
    check(&bench, "log_unknown", &["-w", "ws", "log", "show", "squarse"]);
    check(
        &bench,
        "log_channel_unknown",
        &["-w", "ws", "log", "cat", "squares", "/camera"],
    );
    check(&bench, "trace_unknown", &["-w", "ws", "trace", "no-such-thing"]);
    check(&bench, "trace_misspelt", &["-w", "ws", "trace", "sqaures"]);
}

#[test]
fn several_things_answer_to_one_name() {
    let bench = Bench::with_workspace();
    bench.drive("monday/drive.mcap", 200);
    bench.drive("tuesday/drive.mcap", 300);
    bench.ws(&["ingest", "monday", "tuesday"]);
    check(&bench, "log_ambiguous_name", &["-w", "ws", "log", "show", "drive.mcap"]);
    let shared =
        "SELECT substr(frame_id, 1, 4) AS digits FROM frames GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1";
    let digits = bench.ws_json(&["query", shared])[0]["digits"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut run = bench.run(&["-w", "ws", "trace", &digits]);
    run.stderr = run.stderr.replace(&digits, "[DIGITS]");
    // The rest of each id may be of digits or letters alone, which are not taken for an id.
    compare("trace_ambiguous_digits", "-w ws trace [DIGITS]", &run);
}

#[test]
fn datasets() {
    let bench = Bench::with_images();
    let freeze = |rest: &[&'static str]| [&["-w", "ws", "dataset", "freeze"], rest].concat();
    check(
        &bench,
        "freeze_no_frame_id",
        &freeze(&["d", "--from", "SELECT class FROM labels"]),
    );
    check(
        &bench,
        "freeze_nothing",
        &freeze(&["d", "--from", "SELECT frame_id FROM frames WHERE false"]),
    );
    let all = "SELECT frame_id FROM frames";
    check(
        &bench,
        "freeze_bad_split",
        &freeze(&["d", "--from", all, "--split", "train=0.5"]),
    );
    check(
        &bench,
        "freeze_bad_class",
        &freeze(&["d", "--from", all, "--classes", "cat"]),
    );
    check(
        &bench,
        "freeze_bad_area",
        &freeze(&["d", "--from", all, "--min-area=-1"]),
    );
    check(&bench, "freeze_bad_name", &freeze(&["a/b", "--from", all]));
    bench.ok(&freeze(&["d", "--from", all, "--seed", "1"]));
    check(
        &bench,
        "freeze_name_taken",
        &freeze(&["d", "--from", all, "--seed", "2"]),
    );
    check(
        &bench,
        "freeze_two_splits",
        &freeze(&[
            "e",
            "--from",
            "SELECT frame_id, 'train' AS split FROM frames",
            "--split",
            "train=1",
        ]),
    );
    check(
        &bench,
        "freeze_null_split",
        &freeze(&["e", "--from", "SELECT frame_id, NULL AS split FROM frames"]),
    );
    check(
        &bench,
        "freeze_frame_in_two_splits",
        &freeze(&["e", "--from", "SELECT frame_id, class AS split FROM labels"]),
    );
    check(&bench, "dataset_unknown", &["-w", "ws", "dataset", "show", "e"]);
    check(
        &bench,
        "dataset_diff_unknown",
        &["-w", "ws", "dataset", "diff", "d", "dd"],
    );
    let export = |format: &'static str, dir: &'static str| ["-w", "ws", "dataset", "export", "d", "--to", format, dir];
    check(&bench, "export_over_the_data", &export("yolo", "squares"));
    bench.write("file", "x");
    check(&bench, "export_onto_a_file", &export("yolo", "file"));
    check(&bench, "export_below_a_file", &export("coco", "file/out"));
    check(&bench, "export_parquet_below_a_file", &export("parquet", "file/out"));
    bench.write("taken/file", "x");
    check(
        &bench,
        "export_not_empty",
        &["-w", "ws", "dataset", "export", "d", "--to", "coco", "taken"],
    );
    check(&bench, "export_parquet_not_empty", &export("parquet", "taken"));
}

#[test]
fn a_split_may_not_tear_a_drive_apart() {
    let bench = Bench::with_workspace();
    bench.drive("drive.mcap", 10);
    bench.ws(&["ingest", "drive.mcap"]);
    let freeze = ["-w", "ws", "dataset", "freeze", "d", "--from"];
    let cameras = "SELECT frame_id FROM frames WHERE modality = 'camera'";
    check(
        &bench,
        "freeze_straddles",
        &[&freeze[..], &[cameras, "--group-by", "frame"]].concat(),
    );
    let by_query = "SELECT frame_id, CASE WHEN sequence < 5 THEN 'train' ELSE 'val' END AS split FROM frames WHERE modality = 'camera'";
    check(
        &bench,
        "freeze_straddles_by_query",
        &[&freeze[..], &[by_query]].concat(),
    );
}

#[test]
fn models() {
    let bench = Bench::with_images();
    bench.ws(&["dataset", "freeze", "d", "--from", "SELECT frame_id FROM frames"]);
    bench.write("good.toml", "[train]\nepochs = 1\n");
    bench.write("bad-key.toml", "[train]\nepoch = 1\n");
    bench.write("bad-value.toml", "[train]\nbatch = 0\n");
    bench.write("bad-class.toml", "[model]\nclasses = [\"cat\"]\n");
    let train =
        |config: &'static str, rest: &[&'static str]| [&["-w", "ws", "train", config, "--dataset"], rest].concat();
    check(&bench, "train_missing_config", &train("nowhere.toml", &["d"]));
    check(&bench, "train_bad_key", &train("bad-key.toml", &["d"]));
    check(&bench, "train_bad_value", &train("bad-value.toml", &["d"]));
    check(&bench, "train_bad_class", &train("bad-class.toml", &["d"]));
    check(&bench, "train_unknown_dataset", &train("good.toml", &["dd"]));
    check(
        &bench,
        "train_unknown_split",
        &train("good.toml", &["d", "--train-split", "trian"]),
    );
    check(
        &bench,
        "train_unknown_device",
        &train("good.toml", &["d", "--device", "tpu"]),
    );
    check(
        &bench,
        "train_device_not_built",
        &train("good.toml", &["d", "--device", "cuda"]),
    );
    check(
        &bench,
        "predict_unknown_model",
        &["-w", "ws", "predict", "m", "--on", "d"],
    );
    check(&bench, "model_unknown", &["-w", "ws", "model", "show", "m"]);
    check(&bench, "eval_unknown_run", &["-w", "ws", "eval", "show", "abc"]);
    check(
        &bench,
        "eval_diff_unknown_run",
        &["-w", "ws", "eval", "diff", "abc", "abd"],
    );
    bench.write("broken.toml", "[train\nepochs = 1\n");
    bench.write("bad-strides.toml", "[model]\nstrides = [16, 8]\n");
    bench.write("contradiction.toml", "[augment]\nscale_min = 2.0\nscale_max = 1.0\n");
    check(&bench, "train_not_toml", &train("broken.toml", &["d"]));
    check(&bench, "train_bad_strides", &train("bad-strides.toml", &["d"]));
    check(&bench, "train_contradiction", &train("contradiction.toml", &["d"]));
    std::fs::create_dir(bench.path("folder.toml")).unwrap();
    check(&bench, "train_config_is_a_folder", &train("folder.toml", &["d"]));
    check(
        &bench,
        "train_unknown_val_split",
        &train("good.toml", &["d", "--val-split", "test"]),
    );
    // Nothing to learn: no labels at all.
    bench.images("plain", 2);
    for index in ["000", "001"] {
        std::fs::write(bench.path(&format!("plain/labels/train/{index}.txt")), "").unwrap();
    }
    bench.ws(&["ingest", "plain"]);
    let plain = "SELECT f.frame_id FROM frames f JOIN recordings r USING (recording_id) WHERE r.name = 'plain'";
    bench.ws(&["dataset", "freeze", "plain", "--from", plain, "--split", "train=1"]);
    check(&bench, "train_without_classes", &train("good.toml", &["plain"]));
}

#[test]
fn a_trained_model() {
    let bench = Bench::with_images();
    let split = ["--split", "train=0.5,val=0.5"];
    bench.ws(&[
        &["dataset", "freeze", "d", "--from", "SELECT frame_id FROM frames"][..],
        &split,
    ]
    .concat());
    bench.write("tiny.toml", &TINY.replace("epochs = 3", "epochs = 1"));
    bench.write("other.toml", &TINY.replace("epochs = 3", "epochs = 2"));
    let model = bench.ws_json(&["train", "tiny.toml", "--dataset", "d", "--name", "m"]);
    check(
        &bench,
        "train_name_taken",
        &["-w", "ws", "train", "other.toml", "--dataset", "d", "--name", "m"],
    );
    let predict = |on: &'static str| ["-w", "ws", "predict", "m", "--on", on];
    check(&bench, "predict_unknown_dataset", &predict("dd"));
    check(&bench, "predict_unknown_split", &predict("d:vla"));
    check(
        &bench,
        "predict_sql_without_frame_id",
        &predict("SELECT class FROM labels"),
    );
    check(&bench, "predict_sql_broken", &predict("SELECT frame_id FROM"));
    check(
        &bench,
        "predict_sql_selects_nothing",
        &predict("SELECT frame_id FROM frames WHERE false"),
    );
    let eval = |model: &'static str, on: &'static str| ["-w", "ws", "eval", "run", model, "--on", on];
    check(&bench, "eval_unknown_model", &eval("mm", "d"));
    check(&bench, "eval_unknown_dataset", &eval("m", "dd"));
    check(&bench, "eval_unknown_split", &eval("m", "d:vla"));
    check(&bench, "eval_on_sql", &eval("m", "SELECT frame_id FROM frames"));
    let with = |more: &[&'static str]| [&eval("m", "d:val"), more].concat();
    check(
        &bench,
        "eval_metrics_without_cuboids",
        &with(&["--metrics", "coco,nuscenes"]),
    );
    bench.write("params.json", r#"{"kitti": {"recall_samples": 11}}"#);
    check(&bench, "eval_params_not_asked_for", &with(&["--params", "params.json"]));
    bench.write("broken.json", "{");
    check(&bench, "eval_params_broken", &with(&["--params", "broken.json"]));
    let run = |on: &str| {
        let report = bench.ws_json(&["eval", "run", "m", "--on", on]);
        report["run_id"].as_str().unwrap().to_owned()
    };
    let (train, val) = (run("d:train"), run("d:val"));
    let diff = bench.run(&["-w", "ws", "eval", "diff", &train, &val]);
    compare("eval_diff_on_different_frames", "-w ws eval diff TRAIN VAL", &diff);

    bench.write(&format!("ws/data/runs/{train}/report.json"), "{");
    let broken = bench.run(&["-w", "ws", "eval", "show", &train]);
    compare("eval_report_broken", "-w ws eval show TRAIN", &broken);
    let folder = model["model"]["path"].as_str().unwrap();
    let weights = format!("{folder}/model/model.safetensors");
    std::fs::write(&weights, "junk").unwrap();
    check(&bench, "predict_weights_broken", &predict("d"));
    check_doctor(&bench, "doctor_model_broken", &["-w", "ws", "doctor", "--deep"]);
    std::fs::remove_file(&weights).unwrap();
    check(&bench, "predict_weights_gone", &predict("d"));
}

#[test]
fn eval_files() {
    let bench = Bench::new();
    bench.write("list.json", "[]");
    bench.write("text.json", "nothing");
    bench.write(
        "gt.json",
        r#"{"images": [{"id": 1, "width": 9, "height": 9}], "categories": [{"id": 1, "name": "car"}], "annotations": []}"#,
    );
    bench.write(
        "dt.json",
        r#"[{"image_id": 2, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 0.5}]"#,
    );
    let files = |gt: &'static str, dt: &'static str| ["eval", "files", "--gt", gt, "--pred", dt];
    check(&bench, "eval_files_missing", &files("nowhere.json", "list.json"));
    check(&bench, "eval_files_not_json", &files("text.json", "list.json"));
    check(&bench, "eval_files_not_coco", &files("list.json", "list.json"));
    check(&bench, "eval_files_unknown_image", &files("gt.json", "dt.json"));
    bench.write(
        "record.json",
        r#"[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1], "score": 0.5}]"#,
    );
    check(&bench, "eval_files_bad_record", &files("gt.json", "record.json"));
    std::fs::create_dir(bench.path("folder.json")).unwrap();
    check(&bench, "eval_files_folder", &files("folder.json", "list.json"));
}
