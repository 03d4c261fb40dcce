//! More ways to go wrong: files that are not what they seem, things that were moved away, values from other places.

use std::fs;
use std::path::{Path, PathBuf};

use guideway_ingest::schemas::foxglove::RawImage;
use guideway_ingest::write::{LogWriter, WriteOptions};

use crate::errors::{check, compare};
use crate::support::{Bench, TINY};

const ALL: &str = "SELECT frame_id FROM frames";

fn ws<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    [&["-w", "ws"], rest].concat()
}

#[test]
fn files_that_are_not_what_they_seem() {
    let bench = Bench::with_workspace();
    for (name, file, text) in [
        ("ingest_empty_log", "e.mcap", ""),
        ("ingest_log_of_another_version", "v.mcap", "\u{89}MCAP9\r\n"),
        ("ingest_other_json", "other.json", r#"{"a": 1}"#),
        (
            "ingest_captions",
            "cap.json",
            r#"{"images": [{"id": 1}], "annotations": [{"caption": "x"}], "categories": []}"#,
        ),
        ("ingest_ros1_bag", "o.bag", "#ROSBAG V2.0\n"),
        ("ingest_ros2_db3", "b.db3", "SQLite format 3\0"),
        ("ingest_yaml_without_names", "a.yaml", "train: x\n"),
        ("ingest_broken_yaml", "b.yaml", "train: [\n"),
        ("ingest_yaml_with_odd_names", "c.yaml", "train: x\nnames: {a: b}\n"),
    ] {
        let bytes: Vec<u8> = text.chars().map(|c| c as u8).collect();
        fs::write(bench.path(file), bytes).unwrap();
        check(&bench, name, &ws(&["ingest", file]));
    }
    check(
        &bench,
        "ingest_results_as_coco",
        &ws(&["ingest", "other.json", "--format", "coco"]),
    );
    check(
        &bench,
        "ingest_misspelt_format",
        &ws(&["ingest", "o.bag", "--format", "kiti-object"]),
    );
    bench.drive("both/drive.mcap", 1);
    bench.images("both", 1);
    check(&bench, "ingest_several_formats", &ws(&["ingest", "both"]));
    bench.write("texts/notes.txt", "these are notes\n");
    check(&bench, "ingest_folder_of_texts", &ws(&["ingest", "texts"]));
    check(
        &bench,
        "ingest_kitti_from_a_file",
        &ws(&["ingest", "texts/notes.txt", "--format", "kitti-object"]),
    );
    bench.drive("drive.mcap", 1);
    check(
        &bench,
        "ingest_one_of_two",
        &ws(&["ingest", "texts/notes.txt", "drive.mcap"]),
    );
    fs::create_dir_all(bench.path("kt/label_02")).unwrap();
    check(&bench, "ingest_kitti_without_sequences", &ws(&["ingest", "kt"]));
}

#[test]
fn one_bad_file_costs_only_itself() {
    let bench = Bench::with_workspace();
    bench.drive("drives/a.mcap", 2);
    bench.write("drives/b.mcap", "");
    check(&bench, "ingest_folder_with_a_bad_log", &ws(&["ingest", "drives"]));
    let logs = bench.ws_json(&["log", "ls"]);
    assert_eq!(logs.as_array().unwrap().len(), 1, "{logs}");
}

#[test]
fn queries_that_cannot_run() {
    let bench = Bench::with_images();
    for (name, sql) in [
        (
            "query_ambiguous_column",
            "SELECT frame_id FROM frames JOIN labels ON frames.frame_id = labels.frame_id",
        ),
        ("query_not_grouped", "SELECT class, count(*) FROM labels"),
        ("query_divides_by_zero", "SELECT 1 / 0"),
        ("query_empty", ""),
        ("query_two_statements", "SELECT 1; SELECT 2"),
    ] {
        check(&bench, name, &ws(&["query", sql]));
    }
    let mut command = bench.command(&ws(&["tables"]));
    let run = bench.finish(command.env("GUIDEWAY_QUERY_MEMORY_MB", "lots").output().unwrap());
    compare("settings_wrong_in_environment", "-w ws tables", &run);
    let mut command = bench.command(&ws(&["tables"]));
    let run = bench.finish(command.env("GUIDEWAY_CONFIG", "nowhere.toml").output().unwrap());
    compare("settings_file_missing", "-w ws tables", &run);
    fs::write(bench.path("ws/data/catalog.sqlite"), [b'x'; 4096]).unwrap();
    for rest in ["-wal", "-shm"] {
        drop(fs::remove_file(bench.path(&format!("ws/data/catalog.sqlite{rest}"))));
    }
    check(&bench, "catalog_overwritten", &ws(&["tables"]));
}

#[test]
fn queries_that_are_too_much() {
    let bench = Bench::with_images();
    check(
        &bench,
        "query_not_printable_as_json",
        &["-w", "ws", "--output-format", "json", "query", "SELECT MAP([1], [2])"],
    );
    bench.write("ws/guideway.toml", "query_memory_mb = 64\n");
    let large = "(SELECT repeat('x', 1000000) || i AS s FROM (SELECT unnest(range(1, 300)) AS i))";
    let sql = format!("SELECT count(*) FROM {large} a JOIN {large} b ON a.s = b.s");
    check(&bench, "query_out_of_memory", &ws(&["query", &sql]));
}

#[test]
fn media_that_were_moved_away() {
    let bench = Bench::with_workspace();
    bench.drive("drive.mcap", 3);
    bench.ws(&["ingest", "drive.mcap"]);
    let freeze = ws(&[
        "dataset",
        "freeze",
        "d",
        "--from",
        "SELECT frame_id FROM frames WHERE modality = 'camera'",
    ]);
    bench.write("drive.mcap", "short");
    check(&bench, "freeze_log_overwritten", &freeze);
    fs::remove_file(bench.path("drive.mcap")).unwrap();
    check(&bench, "freeze_log_gone", &freeze);
    bench.write("drive.mcap", "");
    check(&bench, "log_emptied", &ws(&["log", "cat", "drive.mcap", "/gps"]));
    fs::remove_file(bench.path("drive.mcap")).unwrap();
    let mut writer = LogWriter::create(bench.path("drive.mcap"), WriteOptions::default()).unwrap();
    writer.message("/cam", 1, 1, &raw_image("bayer_rggb8")).unwrap();
    writer.finish().unwrap();
    check(&bench, "log_replaced", &ws(&["log", "cat", "drive.mcap", "/gps"]));
}

fn raw_image(encoding: &str) -> RawImage {
    RawImage {
        width: 4,
        height: 2,
        step: 4,
        encoding: encoding.to_owned(),
        data: vec![0; 8],
        ..RawImage::default()
    }
}

#[test]
fn images_that_no_one_decodes() {
    for (name, encoding) in [("freeze_bayer", "bayer_rggb8"), ("freeze_short_image", "rgb8")] {
        let bench = Bench::with_workspace();
        let mut writer = LogWriter::create(bench.path("raw.mcap"), WriteOptions::default()).unwrap();
        writer.message("/cam", 1, 1, &raw_image(encoding)).unwrap();
        writer.finish().unwrap();
        bench.ws(&["ingest", "raw.mcap"]);
        check(&bench, name, &ws(&["dataset", "freeze", "d", "--from", ALL]));
    }
}

#[test]
fn datasets_that_cannot_be() {
    let bench = Bench::with_workspace();
    bench.write(
        "c.json",
        r#"{"images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}], "annotations": [], "categories": []}"#,
    );
    bench.run(&ws(&["ingest", "c.json"]));
    let freeze = |rest: &[&'static str]| ws(&[&["dataset", "freeze", "d", "--from"], rest].concat());
    check(&bench, "freeze_without_images", &freeze(&[ALL]));
    bench.images("plain", 2);
    for index in ["000", "001"] {
        bench.write(&format!("plain/labels/train/{index}.txt"), "");
    }
    bench.ws(&["ingest", "plain"]);
    check(
        &bench,
        "freeze_class_without_labels",
        &freeze(&[ALL, "--classes", "cat"]),
    );
    check(
        &bench,
        "freeze_empty_split",
        &freeze(&["SELECT frame_id, '' AS split FROM frames"]),
    );
    for (name, split) in [
        ("freeze_split_without_fraction", "train"),
        ("freeze_split_bad_name", "a b=1"),
        ("freeze_split_no_number", "train=x"),
        ("freeze_split_too_large", "train=1.5"),
        ("freeze_split_twice", "train=0.5,train=0.5"),
        ("freeze_split_empty", ""),
    ] {
        check(&bench, name, &freeze(&[ALL, "--split", split]));
    }
}

#[test]
fn a_dataset_that_was_moved_away() {
    let bench = Bench::with_images();
    bench.ws(&["dataset", "freeze", "d", "--from", ALL]);
    // The table engine's own words hold places in its sources.
    let say = |name: &str, args: &[&str]| {
        let run = bench.run(&ws(args));
        let said: Vec<&str> = run
            .stderr
            .lines()
            .filter(|line| !line.starts_with("  cause: "))
            .collect();
        insta::assert_snapshot!(name, format!("exit code: {}\n{}", run.code, said.join("\n")));
    };
    let datasets = bench.path("ws/data/datasets");
    let folder = fs::read_dir(&datasets).unwrap().next().unwrap().unwrap().path();
    let lance = walk(&folder).into_iter().find(|p| p.ends_with("data")).unwrap();
    for file in fs::read_dir(lance).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    say(
        "export_samples_gone",
        &["dataset", "export", "d", "--to", "coco", "out"],
    );
    say(
        "export_table_gone",
        &["dataset", "export", "d", "--to", "parquet", "out2"],
    );
    fs::remove_dir_all(folder).unwrap();
    say("dataset_gone", &["dataset", "show", "d"]);
}

/// The folders below one.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn models_that_cannot_be() {
    let bench = Bench::with_images();
    let split = ["--split", "train=0.5,val=0.5"];
    bench.ws(&[&["dataset", "freeze", "d", "--from", ALL][..], &split].concat());
    bench.write("tiny.toml", &TINY.replace("epochs = 3", "epochs = 1"));
    let train = ws(&["train", "tiny.toml", "--dataset", "d", "--name", "m"]);
    bench.write("ws/guideway.toml", "device = \"tpu\"\n");
    check(&bench, "train_device_of_settings", &train);
    bench.write("ws/guideway.toml", "");
    let mut command = bench.command(&train);
    let run = bench.finish(command.env("GUIDEWAY_DEVICE", "tpu").output().unwrap());
    compare("train_device_of_environment", "-w ws train tiny.toml", &run);
    fs::write(bench.path("latin.toml"), [0xff]).unwrap();
    check(
        &bench,
        "train_config_is_no_text",
        &ws(&["train", "latin.toml", "--dataset", "d"]),
    );
    bench.ok(&train);
    let report = bench.ws_json(&["eval", "run", "m", "--on", "d:val"]);
    let run = report["run_id"].as_str().unwrap();
    let diff = bench.run(&ws(&["eval", "diff", run, run, "--resamples", "0"]));
    compare("eval_diff_no_resamples", "-w ws eval diff RUN RUN --resamples 0", &diff);
    let large = ws(&[
        "train",
        "tiny.toml",
        "--dataset",
        "d",
        "--name",
        "n",
        "--seed",
        "18446744073709551615",
    ]);
    check(&bench, "train_seed_too_large", &large);
    let predict = |on: &'static str| ws(&["predict", "m", "--on", on]);
    check(&bench, "predict_misspelt_query", &predict("selct frame_id from frames"));
    fs::remove_file(bench.path("squares/images/train/000.png")).unwrap();
    check(&bench, "predict_image_gone", &predict(ALL));
    let images = fs::read_dir(bench.path("squares/images/train")).unwrap();
    for image in images {
        let path = image.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..60]).unwrap();
    }
    bench.ws(&["ingest", "squares", "--force"]);
    let whole = "SELECT frame_id FROM frames WHERE name NOT LIKE '%000%'";
    let cut = ["dataset", "freeze", "cut", "--from", whole, "--split", "train=1"];
    bench.run(&ws(&cut));
    let run = bench.run(&ws(&["train", "tiny.toml", "--dataset", "cut"]));
    compare("train_no_image_decodes", "-w ws train tiny.toml --dataset cut", &run);
    // The folder of that training is the one without a model.
    let folders = fs::read_dir(bench.path("ws/data/models")).unwrap();
    let mut folders = folders.map(|folder| folder.unwrap().path());
    let begun = folders.find(|folder| !folder.join("model").exists()).unwrap();
    fs::write(begun.join("checkpoint.safetensors"), "junk").unwrap();
    let again = ws(&["train", "tiny.toml", "--dataset", "cut"]);
    check(&bench, "train_checkpoint_broken", &again);
}

#[test]
fn models_that_were_damaged() {
    let bench = Bench::with_images();
    let split = ["--split", "train=0.5,val=0.5"];
    bench.ws(&[&["dataset", "freeze", "d", "--from", ALL][..], &split].concat());
    bench.write("tiny.toml", &TINY.replace("epochs = 3", "epochs = 1"));
    let model = bench.ws_json(&["train", "tiny.toml", "--dataset", "d", "--name", "m"]);
    let folder = model["model"]["path"].as_str().unwrap();
    let predict = ws(&["predict", "m", "--on", "d:val"]);
    for (name, file) in [
        ("predict_config_broken", "config.toml"),
        ("predict_classes_broken", "classes.json"),
    ] {
        let path = format!("{folder}/model/{file}");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, "{junk").unwrap();
        check(&bench, name, &predict);
        fs::write(&path, whole).unwrap();
    }
    bench.ok(&predict);
    let report = bench.ws_json(&["eval", "run", "m", "--on", "d:val"]);
    let run = report["run_id"].as_str().unwrap();
    fs::remove_file(bench.path(&format!("ws/data/runs/{run}/report.json"))).unwrap();
    let shown = bench.run(&ws(&["eval", "show", run]));
    compare("eval_report_gone", "-w ws eval show RUN", &shown);
    fs::remove_file(format!("{folder}/history.json")).unwrap();
    check(
        &bench,
        "train_history_gone",
        &ws(&["train", "tiny.toml", "--dataset", "d", "--name", "m"]),
    );
}

#[test]
fn logs_that_hold_less_than_is_asked_for() {
    let bench = Bench::with_workspace();
    bench.drive("monday/drive.mcap", 10);
    bench.drive("tuesday/drive.mcap", 11);
    bench.ws(&["ingest", "monday", "tuesday"]);
    let ids = bench.ws_json(&["log", "ls"]);
    let id = ids[0]["recording_id"].as_str().unwrap().to_owned();
    let cat = |rest: &[&str]| bench.run(&ws(&[&["log", "cat", &id], rest].concat()));
    compare("log_misspelt_topic", "-w ws log cat ID /gsp", &cat(&["/gsp"]));
    compare(
        "log_no_message_then",
        "-w ws log cat ID /gps --from 0 --to 1",
        &cat(&["/gps", "--from", "0", "--to", "1"]),
    );
    let by_query = "SELECT frame_id, CASE WHEN sequence < 5 THEN 'train' ELSE 'val' END AS split FROM frames WHERE modality = 'camera'";
    check(
        &bench,
        "freeze_straddles_twice",
        &ws(&["dataset", "freeze", "d", "--from", by_query]),
    );
    let mut command = bench.command(&ws(&["tables"]));
    let run = bench.finish(command.env("GUIDEWAY_OUTPUT_FORMAT", "xml").output().unwrap());
    compare("output_format_of_environment", "-w ws tables", &run);
}

#[test]
fn worlds_that_cannot_be() {
    let bench = Bench::with_workspace();
    let preview = |config: &'static str| ["world", "preview", config, "--scenes", "1", "--out", "p.png"];
    for (name, file, text) in [
        ("world_rig_of_config_missing", "a.toml", "rig = \"nowhere.toml\"\n"),
        ("world_not_toml", "b.toml", "[road\n"),
        ("world_rig_not_a_name", "c.toml", "rig = 3\n"),
        (
            "world_roads_missing",
            "d.toml",
            "[road]\nopendrive = \"nowhere.xodr\"\n",
        ),
        ("world_roads_not_xml", "e.toml", "[road]\nopendrive = \"cut.xodr\"\n"),
        (
            "world_roads_without_lanes",
            "f.toml",
            "[road]\nopendrive = \"none.xodr\"\n",
        ),
        (
            "world_uniform_inside_out",
            "g.toml",
            "[time]\nhour = { uniform = [9, 1] }\n",
        ),
        (
            "world_weights_do_not_fit",
            "h.toml",
            "[time]\nhour = { choice = [9, 10], weights = [1] }\n",
        ),
    ] {
        bench.write("cut.xodr", "<OpenDRIVE>");
        bench.write("none.xodr", "<OpenDRIVE/>");
        bench.write(file, text);
        check(&bench, name, &preview(file));
    }
    bench.write("n.toml", "[[gnss]]\nname = \"g\"\nrate_hz = 2.0\n");
    bench.write("r.toml", "[[camera]\n");
    bench.write("s.toml", "[[camera]]\nname = \"a\"\nfocal = 3\n");
    let rig = |rig: &'static str| ["world", "preview", "--rig", rig, "--scenes", "1", "--out", "p.png"];
    check(&bench, "world_rig_not_toml", &rig("r.toml"));
    check(&bench, "world_rig_unknown_key", &rig("s.toml"));
    check(&bench, "world_preview_without_camera", &rig("n.toml"));
    check(
        &bench,
        "world_bench_without_camera",
        &["world", "bench", "--rig", "n.toml", "--frames", "1"],
    );
    check(
        &bench,
        "world_report_without_camera",
        &["world", "report", "--rig", "n.toml", "--count", "1"],
    );
    let frames = |rest: &[&'static str]| ws(&[&["world", "frames", "--count"], rest].concat());
    check(&bench, "world_no_frames", &frames(&["0", "--dataset", "s"]));
    check(&bench, "world_frames_bad_name", &frames(&["4", "--dataset", "a/b"]));
    check(
        &bench,
        "world_frames_bad_class",
        &frames(&["4", "--dataset", "s", "--classes", "cat"]),
    );
    check(&bench, "world_no_seconds", &["world", "record", "--seconds", "0"]);
    bench.write("logs", "x");
    check(
        &bench,
        "world_record_onto_a_file",
        &["world", "record", "--drives", "1", "--seconds", "0.1", "--out", "logs"],
    );
    fs::create_dir(bench.path("dir")).unwrap();
    for (name, out) in [
        ("world_out_in_no_folder", "nodir/s.png"),
        ("world_out_is_a_folder", "dir"),
        ("world_out_below_a_file", "logs/s.png"),
    ] {
        check(&bench, name, &["world", "preview", "--scenes", "1", "--out", out]);
    }
    assert!(!bench.path("dir.partial").exists());
}

#[test]
fn pictures_that_are_not_of_worlds() {
    let bench = Bench::with_images();
    let remake = |what: &'static str| ws(&["world", "remake", what, "--out", "a.jpg"]);
    check(&bench, "remake_a_recording", &remake("squares"));
    check(&bench, "remake_missing_file", &remake("scene.jsn"));
}

#[test]
fn settings_and_folders() {
    let bench = Bench::with_workspace();
    bench.write("file", "x");
    check(&bench, "init_onto_a_file", &["init", "file"]);
    bench.drive("drive.mcap", 1);
    bench.write("ws/guideway.toml", "taxonomy = \"names.toml\"\n");
    bench.write("ws/names.toml", "[datasets.yolo]\nsquare = \"sqare\"\n");
    check(&bench, "taxonomy_unknown_class", &ws(&["ingest", "drive.mcap"]));
    bench.write("ws/names.toml", "[classes]\n\"My Car\" = \"\"\n");
    check(&bench, "taxonomy_bad_class", &ws(&["ingest", "drive.mcap"]));
}

#[test]
fn result_files_that_do_not_fit() {
    let bench = Bench::new();
    let annotation = r#"{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]"#;
    let truth = |rest: &str| {
        format!(
            r#"{{"images": [{{"id": 1, "width": 9, "height": 9}}], "categories": [{{"id": 1}}], "annotations": [{annotation}{rest}}}]}}"#
        )
    };
    bench.write("list.json", "[]");
    bench.write("gt.json", &truth(""));
    bench.write(
        "mask.json",
        &truth(r#", "segmentation": {"size": [5, 5], "counts": [3]}"#),
    );
    bench.write("bare.json", r#"[{"image_id": 1, "category_id": 1, "score": 0.5}]"#);
    bench.write(
        "nan.json",
        r#"[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": NaN}]"#,
    );
    bench.write("cut.json", r#"[{"image_id": 1"#);
    bench.write("empty.json", "{}");
    let segm = |gt: &'static str, dt: &'static str| ["eval", "files", "--iou-type", "segm", "--gt", gt, "--pred", dt];
    let bbox = |gt: &'static str, dt: &'static str| ["eval", "files", "--gt", gt, "--pred", dt];
    check(&bench, "eval_files_no_mask", &segm("gt.json", "list.json"));
    check(&bench, "eval_files_broken_mask", &segm("mask.json", "list.json"));
    check(&bench, "eval_files_result_without_box", &bbox("gt.json", "bare.json"));
    check(&bench, "eval_files_nan", &bbox("gt.json", "nan.json"));
    check(&bench, "eval_files_cut_off", &bbox("gt.json", "cut.json"));
    check(&bench, "eval_files_empty_object", &bbox("empty.json", "list.json"));
}
