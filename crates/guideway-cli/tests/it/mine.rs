//! Choosing what to label next.

use serde_json::Value;

use crate::errors::check;
use crate::support::{Bench, TINY};

/// Two models trained on twelve images, and twelve more images that nobody has trained on.
fn two_models() -> Bench {
    let bench = Bench::with_images();
    bench.write("tiny.toml", TINY);
    bench.ws(&["dataset", "freeze", "v1", "--from", "SELECT frame_id FROM frames"]);
    for (name, seed) in [("a", "1"), ("b", "2")] {
        bench.ws(&["train", "tiny.toml", "--dataset", "v1", "--name", name, "--seed", seed]);
    }
    bench.images("more", 20);
    bench.ws(&["ingest", "more"]);
    bench
}

const ALL: &str = "SELECT frame_id FROM frames";

fn mine(bench: &Bench, rest: &[&str]) -> Value {
    bench
        .ws(&[
            &["--output-format", "json", "mine", "--from", ALL, "--budget", "5"],
            rest,
        ]
        .concat())
        .json()
}

fn frames(bench: &Bench, selection: &str) -> Vec<String> {
    let sql = format!("SELECT frame_id FROM selections WHERE selection = '{selection}' ORDER BY rank");
    let rows = bench.ws(&["--output-format", "json", "query", &sql]).json();
    let id = |row: &Value| row["frame_id"].as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(id).collect()
}

#[test]
fn every_score_and_every_diversity_chooses_frames_that_nobody_trained_on() {
    let bench = two_models();
    let first = bench.ws(&["mine", "--model", "a,b", "--from", ALL, "--budget", "5", "--out", "mi"]);
    insta::assert_snapshot!("mine", first.stdout);
    let again = mine(&bench, &["--model", "a,b", "--out", "mi"]);
    assert_eq!(
        (&again["created"], &again["labelled"]),
        (&Value::from(false), &Value::from(12))
    );
    for score in ["entropy", "margin", "gradient-norm", "detection-entropy"] {
        mine(
            &bench,
            &["--model", "a", "--score", score, "--aggregate", "top-3", "--out", score],
        );
    }
    for diversity in ["core-set", "k-means++", "sparse-modelling", "badge"] {
        mine(
            &bench,
            &["--model", "a,b", "--diversity", diversity, "--out", diversity],
        );
    }
    mine(&bench, &["--score", "random", "--seed", "3", "--out", "random"]);
    mine(&bench, &["--score", "random", "--seed", "4", "--out", "random-4"]);
    mine(&bench, &["--model", "a", "--dropout-passes", "3", "--out", "dropout"]);
    let trained = "SELECT count(*) AS n FROM selections WHERE selection NOT LIKE 'random%' \
                   AND frame_id IN (SELECT frame_id FROM datasets.v1)";
    assert_eq!(
        bench.ws(&["--output-format", "json", "query", trained]).json()[0]["n"],
        0
    );
    let sizes = "SELECT selection, count(DISTINCT frame_id) AS n FROM selections GROUP BY selection ORDER BY selection";
    insta::assert_snapshot!("mine_sizes", bench.ws(&["query", sizes]).stdout);
    assert_ne!(frames(&bench, "random"), frames(&bench, "random-4"));

    for diversity in ["top-n", "core-set"] {
        let out = format!("each-{diversity}");
        let each = mine(
            &bench,
            &["--model", "a,b", "--per-class", "--diversity", diversity, "--out", &out],
        );
        assert_eq!(each["selected"], 5);
        let classes = serde_json::json!([["square", 3], ["bar", 2]]);
        let turned = serde_json::json!([["bar", 3], ["square", 2]]);
        assert!(each["by_class"] == classes || each["by_class"] == turned, "{each}");
        let twice = frames(&bench, &out);
        assert_eq!(twice.iter().collect::<std::collections::BTreeSet<_>>().len(), 5);
    }

    // What was chosen can be frozen and traced.
    let chosen = "SELECT frame_id FROM selections WHERE selection = 'mi'";
    let frozen = bench
        .ws(&["--output-format", "json", "dataset", "freeze", "next", "--from", chosen])
        .json();
    assert_eq!(frozen["frames"], 5);
    let trace = bench.ws(&["trace", "mi"]).stdout;
    assert!(trace.contains("v1") && trace.contains("← mine"), "{trace}");
    bench.ws(&["doctor"]);
}

#[test]
fn frames_of_a_drive_are_kept_apart() {
    let bench = two_models();
    bench.drive("drive.mcap", 12);
    bench.ws(&["ingest", "drive.mcap"]);
    let drive = "SELECT f.frame_id FROM frames f WHERE f.modality = 'camera' AND f.timestamp_ns IS NOT NULL";
    let mine = |gap: &str, out: &str| {
        let args = [
            "mine", "--model", "a,b", "--from", drive, "--budget", "100", "--gap", gap, "--out", out,
        ];
        bench.ws(&[&["--output-format", "json"], &args[..]].concat()).json()
    };
    let all = mine("0", "all");
    let apart = mine("0.25", "apart");
    assert!(apart["selected"].as_u64() < all["selected"].as_u64(), "{apart} {all}");
    assert_eq!(
        apart["selected"].as_u64().unwrap() + apart["thinned"].as_u64().unwrap(),
        apart["pool"].as_u64().unwrap()
    );
    let near = "SELECT count(*) AS n FROM selections a JOIN selections b ON a.selection = b.selection AND a.rank < b.rank \
                JOIN frames f ON f.frame_id = a.frame_id JOIN frames g ON g.frame_id = b.frame_id \
                WHERE a.selection = 'apart' AND f.group_id = g.group_id AND abs(f.timestamp_ns - g.timestamp_ns) < 250000000";
    assert_eq!(bench.ws(&["--output-format", "json", "query", near]).json()[0]["n"], 0);
    let tracks = [
        "mine",
        "--model",
        "a",
        "--score",
        "track-disagreement",
        "--budget",
        "3",
        "--out",
        "tracks",
        "--from",
        drive,
    ];
    assert_eq!(
        bench.ws(&[&["--output-format", "json"], &tracks[..]].concat()).json()["selected"],
        3
    );
}

#[test]
fn what_cannot_be_mined_is_said() {
    let bench = two_models();
    mine(&bench, &["--model", "a,b", "--out", "taken"]);
    let refuse = |name: &str, rest: &[&str]| {
        check(&bench, name, &[&["-w", "ws", "mine", "--from", ALL], rest].concat());
    };
    refuse("mine_no_budget", &["--model", "a,b", "--budget", "0", "--out", "x"]);
    refuse("mine_one_model", &["--model", "a", "--budget", "5", "--out", "x"]);
    refuse("mine_no_model", &["--score", "entropy", "--budget", "5", "--out", "x"]);
    refuse("mine_unknown_model", &["--model", "a,z", "--budget", "5", "--out", "x"]);
    refuse(
        "mine_unknown_class",
        &["--model", "a,b", "--class", "sqare", "--budget", "5", "--out", "x"],
    );
    refuse(
        "mine_odd_aggregate",
        &["--model", "a,b", "--aggregate", "top-0", "--budget", "5", "--out", "x"],
    );
    refuse(
        "mine_negative_gap",
        &["--model", "a,b", "--gap=-1", "--budget", "5", "--out", "x"],
    );
    refuse(
        "mine_name_taken",
        &["--model", "a,b", "--budget", "6", "--out", "taken"],
    );
    refuse(
        "mine_random_with_model",
        &["--model", "a", "--score", "random", "--budget", "5", "--out", "x"],
    );
    refuse(
        "mine_high_dropout",
        &[
            "--model",
            "a",
            "--dropout-passes",
            "2",
            "--dropout-rate",
            "1",
            "--budget",
            "5",
            "--out",
            "x",
        ],
    );
    refuse(
        "mine_tracks_of_a_collection",
        &[
            "--model",
            "a",
            "--score",
            "track-disagreement",
            "--budget",
            "5",
            "--out",
            "x",
        ],
    );
    check(
        &bench,
        "mine_nothing",
        &[
            "-w",
            "ws",
            "mine",
            "--from",
            "SELECT frame_id FROM frames WHERE width < 0",
            "--model",
            "a,b",
            "--budget",
            "5",
            "--out",
            "x",
        ],
    );
    check(
        &bench,
        "mine_all_trained",
        &[
            "-w", "ws", "mine", "--from", "v1", "--model", "a,b", "--budget", "5", "--out", "x",
        ],
    );
}

#[test]
fn what_mistakes_have_in_common_is_found_and_can_be_asked_for() {
    let bench = Bench::new();
    bench.ok(&["init", "ws"]);
    // Rows out of thin air: half of the wide ones at night fail, one in ten elsewhere.
    let rows = "SELECT CASE WHEN v % 2 = 0 THEN 'night' ELSE 'day' END AS time, (v * 7 % 100) AS width, v % 3 AS lane, \
                CASE WHEN v % 2 = 0 AND (v * 7 % 100) >= 70 THEN v % 20 < 10 ELSE v % 10 = 1 END AS event \
                FROM (SELECT unnest(range(0, 3000)) AS v)";
    let found = bench.ws(&["slices", rows, "--top", "3"]);
    insta::assert_snapshot!("slices", found.stdout);
    let json = bench
        .ws(&["--output-format", "json", "slices", rows, "--top", "3"])
        .json();
    let best = &json["slices"][0];
    let predicate = best["predicate"].as_str().unwrap();
    let asked = format!("SELECT count(*) AS n FROM ({rows}) WHERE {predicate}");
    let counted = bench.ws(&["--output-format", "json", "query", &asked]).json();
    assert_eq!(counted[0]["n"], best["rows"], "{predicate}");
    check(&bench, "slices_no_event", &["-w", "ws", "slices", "SELECT 1 AS a"]);
    check(
        &bench,
        "slices_text_event",
        &["-w", "ws", "slices", "SELECT 1 AS a, 'x' AS event"],
    );
    check(
        &bench,
        "slices_no_attributes",
        &["-w", "ws", "slices", "SELECT true AS event"],
    );
    check(
        &bench,
        "slices_no_rows",
        &["-w", "ws", "slices", "SELECT frame_id, true AS event FROM frames"],
    );
    check(
        &bench,
        "slices_odd_terms",
        &["-w", "ws", "slices", "SELECT 1 AS a, true AS event", "--terms", "9"],
    );
}
