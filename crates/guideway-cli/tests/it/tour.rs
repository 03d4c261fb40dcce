//! The whole path on small images, from ingest to trace.

use crate::support::{Bench, TINY};

#[test]
fn from_images_to_a_traced_evaluation() {
    let bench = Bench::with_workspace();
    bench.images("squares", 12);
    bench.write("tiny.toml", TINY);
    insta::assert_snapshot!("ingest", bench.ws(&["ingest", "squares"]).stdout);
    insta::assert_snapshot!("ingest_again", bench.ws(&["ingest", "squares"]).stdout);
    insta::assert_snapshot!("log_ls", bench.ws(&["log", "ls"]).stdout);
    insta::assert_snapshot!("log_show", bench.ws(&["log", "show", "squares"]).stdout);
    let by_class = "SELECT class, count(*) AS n FROM labels JOIN frames USING (frame_id) GROUP BY class ORDER BY class";
    insta::assert_snapshot!("query", bench.ws(&["query", by_class]).stdout);
    insta::assert_snapshot!(
        "query_csv",
        bench.ws(&["--output-format", "csv", "query", by_class]).stdout
    );
    insta::assert_snapshot!(
        "query_ndjson",
        bench.ws(&["--output-format", "ndjson", "query", by_class]).stdout
    );

    let freeze = [
        "dataset",
        "freeze",
        "v1",
        "--from",
        "SELECT frame_id FROM frames",
        "--split",
        "train=0.75,val=0.25",
        "--seed",
        "7",
    ];
    insta::assert_snapshot!("freeze", bench.ws(&freeze).stdout);
    let again = bench.ws(&[&["--output-format", "json"], &freeze[..]].concat()).json();
    assert_eq!(
        again["created"], false,
        "the same query, seed and tables give the same dataset"
    );
    let first = bench.ws(&["--output-format", "json", "dataset", "show", "v1"]).json();
    assert_eq!(again["hash"], first["hash"]);

    let trained = bench
        .ws(&[
            "--output-format",
            "json",
            "train",
            "tiny.toml",
            "--dataset",
            "v1",
            "--name",
            "a",
        ])
        .json();
    assert_eq!(trained["created"], true);
    let twin = bench
        .ws(&[
            "--output-format",
            "json",
            "train",
            "tiny.toml",
            "--dataset",
            "v1",
            "--name",
            "b",
        ])
        .json();
    assert_eq!(
        trained["model"]["digest"], twin["model"]["digest"],
        "one seed, one result"
    );
    let other = bench
        .ws(&[
            "--output-format",
            "json",
            "train",
            "tiny.toml",
            "--dataset",
            "v1",
            "--name",
            "c",
            "--seed",
            "6",
        ])
        .json();
    assert_ne!(trained["model"]["digest"], other["model"]["digest"]);
    assert!(
        std::fs::read_to_string(trained["plots"][0][1].as_str().unwrap())
            .unwrap()
            .contains("<svg")
    );

    let predicted = bench
        .ws(&["--output-format", "json", "predict", "a", "--on", "v1:val"])
        .json();
    assert_eq!(predicted["frames"], 3);
    let by_query = bench
        .ws(&[
            "--output-format",
            "json",
            "predict",
            "a",
            "--on",
            "SELECT frame_id FROM frames",
        ])
        .json();
    assert_eq!(by_query["frames"], 12);

    let evaluated = bench
        .ws(&["--output-format", "json", "eval", "run", "a", "--on", "v1:val"])
        .json();
    let metrics = evaluated["metrics"].as_array().unwrap();
    for name in ["AP", "AP50", "AP75", "APsmall", "AR1", "AR10", "AR100"] {
        assert!(
            metrics.iter().any(|m| m["metric"] == name && m["slice"] == "all"),
            "{name}"
        );
    }
    let events =
        "SELECT count(*) AS n FROM events WHERE frame_id IN (SELECT frame_id FROM datasets.\"v1\" WHERE split = 'val')";
    let counted = bench.ws(&["--output-format", "json", "query", events]).json();
    let total: u64 = evaluated["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e[1].as_u64().unwrap())
        .sum();
    assert_eq!(
        counted[0]["n"].as_u64().unwrap(),
        total,
        "every event is a row that names its frame"
    );

    let run = |model: &str| {
        let json = bench
            .ws(&["--output-format", "json", "eval", "run", model, "--on", "v1:val"])
            .json();
        json["run_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(run("a"), run("a"));

    let up = bench
        .ws(&["--output-format", "json", "trace", "a", "--direction", "up"])
        .json();
    let kinds: Vec<&str> = up["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n["kind"].as_str().unwrap())
        .collect();
    for kind in ["dataset", "recording", "file", "query"] {
        assert!(kinds.contains(&kind), "a model reaches its {kind}: {kinds:?}");
    }
    let down = bench
        .ws(&["--output-format", "json", "trace", "squares", "--direction", "down"])
        .json();
    let kinds: Vec<&str> = down["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n["kind"].as_str().unwrap())
        .collect();
    for kind in ["dataset", "model", "run"] {
        assert!(kinds.contains(&kind), "a recording reaches its {kind}: {kinds:?}");
    }
    let doctor = bench.ws(&["--output-format", "json", "doctor", "--deep"]).json();
    assert_eq!(doctor["whole"], true);
    let tables = bench.ws(&["tables"]).stdout;
    assert!(tables.contains("labels") && tables.contains("events"));
}

#[test]
fn exports_are_read_back() {
    let bench = Bench::with_images();
    bench.ws(&["dataset", "freeze", "v1", "--from", "SELECT frame_id FROM frames"]);
    for format in ["coco", "yolo", "parquet"] {
        bench.ws(&["dataset", "export", "v1", "--to", format, &format!("out-{format}")]);
    }
    bench.ok(&["init", "second"]);
    for format in ["coco", "yolo"] {
        let run = bench.run(&[
            "-w",
            "second",
            "--output-format",
            "json",
            "ingest",
            &format!("out-{format}"),
        ]);
        assert_eq!(run.code, 0, "{}", run.text());
        let report = run.json();
        let sum = |what: &str| -> u64 {
            report["recordings"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r[what].as_u64().unwrap())
                .sum()
        };
        assert_eq!((sum("frames"), sum("labels")), (12, 24), "{format}: {}", run.text());
    }
}

#[test]
fn changes_between_datasets_are_named() {
    let bench = Bench::with_images();
    let ids = bench
        .ws(&[
            "--output-format",
            "json",
            "query",
            "SELECT frame_id FROM frames ORDER BY name",
        ])
        .json();
    assert_eq!(ids.as_array().unwrap().len(), 12);
    bench.ws(&[
        "dataset",
        "freeze",
        "all",
        "--from",
        "SELECT frame_id, 'train' AS split FROM frames",
    ]);
    let fewer = "SELECT frame_id, 'train' AS split FROM frames WHERE sequence < 10";
    bench.ws(&["dataset", "freeze", "few", "--from", fewer]);
    let diff = bench
        .ws(&["--output-format", "json", "dataset", "diff", "all", "few"])
        .json();
    assert_eq!(
        (&diff["frames_removed"]["count"], &diff["labels_removed"]["count"]),
        (&2.into(), &4.into())
    );
    let same = bench.ws(&["dataset", "diff", "all", "all"]).stdout;
    assert!(same.contains("the same frames"), "{same}");
}

#[test]
fn a_changed_folder_replaces_what_was_read_there() {
    let bench = Bench::with_images();
    std::fs::write(bench.path("squares/labels/train/000.txt"), "0 0.5 0.5 0.2 0.2\n").unwrap();
    let again = bench.ws(&["--output-format", "json", "ingest", "squares"]).json();
    assert_eq!(again["recordings"][0]["status"], "updated");
    let counts = "SELECT (SELECT count(*) FROM frames) AS frames, (SELECT count(*) FROM labels) AS labels";
    let counts = bench.ws(&["--output-format", "json", "query", counts]).json();
    assert_eq!((&counts[0]["frames"], &counts[0]["labels"]), (&12.into(), &23.into()));
}

#[test]
fn a_moved_folder_is_found_again() {
    let bench = Bench::with_images();
    std::fs::rename(bench.path("squares"), bench.path("elsewhere")).unwrap();
    let moved = bench.ws(&["--output-format", "json", "ingest", "elsewhere"]).json();
    assert_eq!(moved["recordings"][0]["status"], "updated");
    bench.ws(&["dataset", "freeze", "v1", "--from", "SELECT frame_id FROM frames"]);
    assert_eq!(
        bench
            .ws(&["--output-format", "json", "log", "ls"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn an_export_spares_the_workspace_and_the_data() {
    let bench = Bench::with_images();
    bench.ws(&["dataset", "freeze", "v1", "--from", "SELECT frame_id FROM frames"]);
    for target in ["ws", ".", "squares", "ws/data/tables"] {
        let run = bench.run(&["-w", "ws", "dataset", "export", "v1", "--to", "yolo", target, "--force"]);
        assert_eq!(run.code, 2, "{target}: {}", run.text());
    }
    assert!(bench.path("ws/guideway.toml").exists() && bench.path("squares/data.yaml").exists());
}

#[test]
fn what_is_too_small_is_neither_learnt_nor_counted() {
    let bench = Bench::with_images();
    let exported = |name: &str, area: &str| {
        let from = "SELECT frame_id FROM frames";
        bench.ws(&["dataset", "freeze", name, "--from", from, "--min-area", area]);
        let out = format!("out-{name}");
        bench.ws(&["dataset", "export", name, "--to", "yolo", &out]);
        lines_below(&bench.path(&out).join("labels"))
    };
    let (all, large, none) = (exported("all", "0"), exported("large", "150"), exported("none", "1e6"));
    assert!(all > large && large > none && none == 0, "{all} {large} {none}");
}

/// Lines of all files in a folder and those below it.
fn lines_below(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                lines_below(&path)
            } else {
                std::fs::read_to_string(path).unwrap().lines().count()
            }
        })
        .sum()
}
