//! Perception bugs, and more frames like some objects.

use serde_json::Value;

use crate::errors::check;
use crate::support::{Bench, TINY};

const MISSES: &str = "SELECT event_id FROM events WHERE kind = 'miss'";

/// A model that has learnt next to nothing, evaluated; twenty more images; and a model that has learnt the task.
fn missed() -> Bench {
    let bench = Bench::with_images();
    bench.images("more", 24);
    bench.ws(&["ingest", "more"]);
    bench.write("tiny.toml", TINY);
    bench.write(
        "long.toml",
        &TINY.replace("epochs = 3", "epochs = 150\nlearning_rate = 5e-3"),
    );
    let first = "SELECT f.frame_id FROM frames f JOIN recordings r USING (recording_id) WHERE r.name = 'squares'";
    let rest = "SELECT f.frame_id FROM frames f JOIN recordings r USING (recording_id) WHERE r.name = 'more'";
    bench.ws(&[
        "dataset",
        "freeze",
        "few",
        "--from",
        first,
        "--split",
        "train=0.8,val=0.2",
    ]);
    bench.ws(&[
        "dataset",
        "freeze",
        "rest",
        "--from",
        rest,
        "--split",
        "train=0.7,test=0.3",
    ]);
    bench.ws(&["train", "tiny.toml", "--dataset", "few", "--name", "weak"]);
    bench.ws(&["eval", "run", "weak", "--on", "rest:test"]);
    bench
}

#[test]
fn a_bug_is_closed_by_a_model_that_passes_its_test_and_loses_nowhere() {
    let bench = missed();
    let new = [
        "bug",
        "new",
        "squares are missed",
        "--events",
        MISSES,
        "--threshold",
        "0.3",
    ];
    let first = bench.ws(&new);
    insta::assert_snapshot!("bug_new", first.stdout);
    assert_eq!(bench.ws(&new).stdout, first.stdout, "the same events are the same bug");
    assert_eq!(bench.ws_json(&["bug", "ls"]).as_array().unwrap().len(), 1);

    let pool = "SELECT frame_id FROM datasets.rest WHERE split = 'train'";
    let mined = bench.ws_json(&["bug", "mine", "squares are missed", "--from", pool, "--budget", "4"]);
    assert_eq!(mined["selected"], 4);
    let why = "SELECT reason FROM selections ORDER BY rank LIMIT 1";
    let why: Value = serde_json::from_str(bench.ws_json(&["query", why])[0]["reason"].as_str().unwrap()).unwrap();
    assert!(
        why["similarity"].as_f64().unwrap() > 0.0 && why["like"]["box"].is_array(),
        "{why}"
    );

    // The model that made the mistakes makes them again.
    check(
        &bench,
        "bug_not_fixed",
        &["-w", "ws", "bug", "check", "squares are missed", "--model", "weak"],
    );
    bench.ws(&["train", "long.toml", "--dataset", "few", "--name", "strong"]);
    let closed = bench.ws_json(&["bug", "check", "squares are missed", "--model", "strong"]);
    assert_eq!(
        (&closed["closes"], &closed["seen"]),
        (&Value::from(true), &Value::from(0)),
        "{closed}"
    );
    insta::assert_snapshot!("bug_status", bench.ws(&["bug", "status", "squares are missed"]).stdout);
    assert!(bench.ws(&["bug", "ls"]).stdout.contains("closed"));

    // More of the same is others, and never what the bug is tested on, also where the pool holds that.
    let all = "SELECT f.frame_id FROM frames f JOIN recordings r USING (recording_id) WHERE r.name = 'more'";
    let more = bench.ws_json(&["bug", "mine", "squares are missed", "--from", all, "--budget", "100"]);
    assert_eq!(more["selected"].as_u64().unwrap() + 4, 17, "{more}");
    let again = "SELECT count(*) AS n, count(DISTINCT frame_id) AS frames FROM selections WHERE selection LIKE 'bug-%'";
    let again = bench.ws_json(&["query", again]);
    assert_eq!(again[0]["n"], again[0]["frames"], "no frame twice");
    check(
        &bench,
        "bug_against_itself",
        &[
            "-w",
            "ws",
            "bug",
            "check",
            "squares are missed",
            "--model",
            "strong",
            "--baseline",
            "strong",
        ],
    );

    // A model that learnt from the bug's frames proves nothing, nor does one that went on from such a model; and neither does one that is worse elsewhere.
    let test = "SELECT frame_id FROM datasets.rest WHERE split = 'test'";
    bench.ws(&[
        "dataset",
        "freeze",
        "cheat",
        "--from",
        test,
        "--split",
        "train=0.8,val=0.2",
    ]);
    bench.ws(&["train", "tiny.toml", "--dataset", "cheat", "--name", "cheat"]);
    bench.ws(&[
        "train",
        "tiny.toml",
        "--dataset",
        "few",
        "--start",
        "cheat",
        "--name",
        "heir",
    ]);
    for model in ["cheat", "heir"] {
        let of = [
            "-w",
            "ws",
            "--output-format",
            "json",
            "bug",
            "check",
            "squares are missed",
            "--model",
            model,
        ];
        let run = bench.run(&of);
        let (learnt, seen) = (
            run.json()["learnt"].as_u64().unwrap(),
            run.json()["seen"].as_u64().unwrap(),
        );
        assert!(run.code == 10 && learnt == 6 && seen > 6, "{model}: {}", run.text());
    }
    let against = [
        "bug",
        "check",
        "squares are missed",
        "--model",
        "weak",
        "--baseline",
        "strong",
    ];
    let run = bench.run(&[&["-w", "ws", "--output-format", "json"], &against[..]].concat());
    let worse = &run.json()["worse"];
    assert!(
        run.code == 10 && !worse.as_array().unwrap().is_empty(),
        "{}",
        run.text()
    );
}

/// Images of which every fourth shows a square alone, and the others a bar alone.
fn apart(bench: &Bench, name: &str, count: u32) {
    bench.images(name, count);
    for index in 0..count {
        let square = index % 4 == 0;
        let path = bench.path(&format!("{name}/images/train/{index:03}.png"));
        let mut image = image::open(&path).unwrap().to_rgb8();
        let (yellow, blue) = (image::Rgb([250, 230, 40]), image::Rgb([10, 10, 60]));
        let gone = if square { blue } else { yellow };
        for pixel in image.pixels_mut().filter(|pixel| **pixel == gone) {
            *pixel = image::Rgb([120, (110 + index % 20) as u8, 120]);
        }
        image.save(&path).unwrap();
        let labels = bench.path(&format!("{name}/labels/train/{index:03}.txt"));
        let class = if square { "0 " } else { "1 " };
        let text = std::fs::read_to_string(&labels).unwrap();
        let kept: Vec<&str> = text.lines().filter(|line| line.starts_with(class)).collect();
        std::fs::write(&labels, kept.join("\n")).unwrap();
    }
}

#[test]
fn frames_like_some_objects_come_first() {
    let bench = Bench::with_workspace();
    for (name, count) in [("known", 16), ("pool", 24)] {
        apart(&bench, name, count);
        bench.ws(&["ingest", name]);
    }
    bench.write(
        "long.toml",
        &TINY.replace("epochs = 3", "epochs = 80\nlearning_rate = 5e-3"),
    );
    let of = |name: &str| {
        format!("SELECT f.frame_id FROM frames f JOIN recordings r USING (recording_id) WHERE r.name = '{name}'")
    };
    bench.ws(&["dataset", "freeze", "known", "--from", &of("known")]);
    bench.ws(&["train", "long.toml", "--dataset", "known", "--name", "strong"]);
    let like = "SELECT l.frame_id, l.x_min, l.y_min, l.x_max, l.y_max FROM labels l JOIN datasets.known d ON d.frame_id = l.frame_id \
                WHERE l.class = 'square' LIMIT 2";
    let pool = of("pool");
    for information in ["graph-cut", "facility-location-query", "facility-location"] {
        let mined = bench.ws_json(&[
            "mine",
            "--like",
            like,
            "--model",
            "strong",
            "--from",
            &pool,
            "--budget",
            "6",
            "--regions",
            "3",
            "--information",
            information,
            "--out",
            information,
        ]);
        if information == "facility-location" {
            // It wants frames that stand for others, and ends when those few do.
            let worthless = "SELECT count(*) AS n FROM selections WHERE selection = 'facility-location' AND score <= 0";
            assert_eq!(bench.ws_json(&["query", worthless])[0]["n"], 0);
        } else {
            assert_eq!(mined["selected"], 6, "{mined}");
        }
        let shown = format!(
            "SELECT count(DISTINCT s.frame_id) AS n FROM selections s JOIN labels l ON l.frame_id = s.frame_id \
             WHERE s.selection = '{information}' AND l.class = 'square'"
        );
        let found = bench.ws_json(&["query", &shown])[0]["n"].as_i64().unwrap();
        assert!(
            found + 1 >= mined["selected"].as_i64().unwrap().max(2),
            "{information}: {found} of {} frames show a square, as 6 of 24 do",
            mined["selected"]
        );
    }
    // What the model sees alone tells the squares from the bars.
    apart(&bench, "many", 160);
    bench.ws(&["ingest", "many"]);
    let rows = "SELECT f.frame_id, l.class = 'square' AS event FROM labels l JOIN frames f USING (frame_id)";
    let of = [
        "slices",
        rows,
        "--model",
        "strong",
        "--regions",
        "4",
        "--min-rows",
        "5",
        "--out",
        "squares",
    ];
    let found = bench.ws_json(&of);
    let best = &found["slices"][0];
    assert!(
        best["rate"].as_f64() > Some(0.9) && best["events"].as_u64() >= Some(5),
        "{found}"
    );
    let asked = format!(
        "SELECT count(*) AS n FROM ({rows}) WHERE {}",
        best["predicate"].as_str().unwrap()
    );
    assert_eq!(bench.ws_json(&["query", &asked])[0]["n"], best["rows"], "{found}");
    assert_eq!(bench.ws_json(&of), found, "done again, it is the same");
    let rest = ["--from", &pool, "--budget", "6", "--out", "x"];
    let boxless = ["-w", "ws", "mine", "--like", &pool, "--model", "strong"];
    check(&bench, "mine_like_without_boxes", &[&boxless, &rest[..]].concat());
    let two = ["-w", "ws", "mine", "--like", like, "--model", "strong,strong"];
    check(&bench, "mine_like_two_models", &[&two, &rest[..]].concat());
    let none = "SELECT event_id FROM events WHERE kind = 'none'";
    check(
        &bench,
        "bug_without_events",
        &["-w", "ws", "bug", "new", "nothing", "--events", none],
    );
}

#[test]
fn a_package_holds_the_model_and_says_where_it_comes_from() {
    let bench = Bench::with_images();
    bench.write("tiny.toml", TINY);
    bench.ws(&["dataset", "freeze", "v1", "--from", "SELECT frame_id FROM frames"]);
    bench.ws(&["train", "tiny.toml", "--dataset", "v1", "--name", "first"]);
    bench.ws(&["eval", "run", "first", "--on", "v1:val"]);
    let package = bench.ws_json(&["model", "package", "first", "--out", "taken"]);
    let manifest = std::fs::read_to_string(bench.path("taken/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["files"], package["files"]);
    for (name, digest) in manifest["files"].as_object().unwrap() {
        let bytes = std::fs::read(bench.path("taken").join(name)).unwrap();
        assert_eq!(
            blake3::hash(&bytes).to_hex().as_str(),
            digest.as_str().unwrap(),
            "{name}"
        );
    }
    let weights = bench.ws_json(&["model", "show", "first"])["digest"].clone();
    assert_eq!(manifest["files"]["model.safetensors"], weights);
    let card = std::fs::read_to_string(bench.path("taken/card.md")).unwrap();
    assert!(
        card.contains("| learnt from | v1:train, ")
            && !card.contains("12 frames with 24")
            && card.contains("## On v1:val"),
        "{card}"
    );
    let again = bench.ws_json(&["model", "package", "first", "--out", "taken"]);
    assert_eq!(again["files"], package["files"], "the same model, written anew");
    // One that was begun and not finished is written whole.
    std::fs::remove_file(bench.path("taken/manifest.json")).unwrap();
    bench.write("taken/card.md", "half");
    let again = bench.ws_json(&["model", "package", "first", "--out", "taken"]);
    assert_eq!(again["files"], package["files"]);
    bench.write("other/notes.txt", "precious");
    check(
        &bench,
        "package_over_files",
        &["-w", "ws", "model", "package", "first", "--out", "other"],
    );
}
