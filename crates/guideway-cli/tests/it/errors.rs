//! Every way to go wrong: what is said, where it is, and what to do next.

use crate::support::Bench;

/// Runs in the folder of a bench and compares with the snapshot of this name.
fn check(bench: &Bench, name: &str, args: &[&str]) {
    let run = bench.run(args);
    assert_ne!(run.code, 0, "{name} should fail");
    assert!(!run.stderr.contains("panicked"), "{}", run.text());
    insta::with_settings!({ description => format!("guideway {}", args.join(" ")), omit_expression => true }, {
        insta::assert_snapshot!(name, run.text());
    });
}

#[test]
fn without_a_workspace() {
    let bench = Bench::new();
    check(&bench, "no_workspace", &["log", "ls"]);
    check(&bench, "no_such_workspace", &["-w", "nowhere", "tables"]);
    check(&bench, "no_command", &["frobnicate"]);
    check(&bench, "missing_argument", &["query"]);
}

#[test]
fn broken_settings() {
    let bench = Bench::with_workspace();
    bench.write("ws/guideway.toml", "query_memory_mb = \"lots\"\n");
    check(&bench, "settings_wrong_type", &["-w", "ws", "tables"]);
    bench.write("ws/guideway.toml", "query_memory_mb = 3\n");
    check(&bench, "settings_out_of_range", &["-w", "ws", "tables"]);
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
    check(&bench, "dataset_unknown", &["-w", "ws", "dataset", "show", "e"]);
    bench.write("taken/file", "x");
    check(
        &bench,
        "export_not_empty",
        &["-w", "ws", "dataset", "export", "d", "--to", "coco", "taken"],
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
    check(&bench, "eval_unknown_run", &["-w", "ws", "eval", "show", "abc"]);
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
}
