//! Mistakes over time, and the seconds around them.

use serde_json::Value;

use crate::errors::{check, compare};
use crate::support::{Bench, TINY};
use crate::world;

/// A model that has learnt next to nothing, evaluated on a drive with a camera and a lidar.
pub(crate) fn driven() -> Bench {
    let bench = world::driven(2, 2);
    let cameras = "SELECT frame_id FROM frames WHERE modality = 'camera'";
    bench.ws(&[
        "dataset",
        "freeze",
        "drives",
        "--from",
        cameras,
        "--split",
        "train=0.5,val=0.5",
    ]);
    bench.write("tiny.toml", TINY);
    bench.ws(&["train", "tiny.toml", "--dataset", "drives", "--name", "weak"]);
    bench
}

#[test]
fn what_is_wrong_for_a_while_is_one_event_that_can_be_opened() {
    let bench = driven();
    // Nothing was evaluated yet.
    check(&bench, "event_ls_none", &["-w", "ws", "event", "ls"]);
    let report = bench.ws_json(&["eval", "run", "weak", "--on", "drives"]);
    let driven = &report["driven"];
    assert!(driven["hours"].as_f64().unwrap() > 2.0 / 3600.0, "{driven}");
    assert!(driven["km"].as_f64().is_some(), "{driven}");
    let list = bench.ws_json(&["event", "ls", "--limit", "1000"]);
    let events = list["events"].as_array().unwrap();
    assert_eq!(list["total"], events.len());
    assert_eq!(driven["rates"][0]["mistakes"], events.len());

    // Every mistake of a frame belongs to one over time, and to one alone.
    let frames = bench.ws_json(&["query", "SELECT count(*) n, count(DISTINCT event_id) d FROM events"]);
    let joined = "SELECT count(*) n, count(DISTINCT id) d FROM (SELECT unnest(event_ids) AS id FROM mistakes)";
    assert_eq!(frames, bench.ws_json(&["query", joined]));
    assert!(events.len() < frames[0]["n"].as_u64().unwrap() as usize);
    // Gravest first; a label is seen by the camera and placed by the lidar.
    let severity = |event: &Value| event["severity"].as_f64().unwrap();
    assert!(events.is_sorted_by(|a, b| severity(a) >= severity(b)));
    assert!(
        events
            .iter()
            .any(|event| event["distance_m"].is_f64() && event["ttc_s"].is_f64())
    );
    let rates =
        "SELECT DISTINCT metric, unit, higher_is_better FROM metrics WHERE metric LIKE 'mistakes%' ORDER BY metric";
    insta::assert_snapshot!("event_metrics", bench.ws(&["query", rates]).stdout);

    let longest = events.iter().max_by_key(|event| event["frames"].as_i64()).unwrap();
    let id = longest["mistake_id"].as_str().unwrap();
    let shown = bench.ws_json(&["event", "show", &id[..10]]);
    assert_eq!(
        shown["frames"].as_array().unwrap().len(),
        longest["event_ids"].as_array().unwrap().len()
    );
    // The event of a single frame leads to the one over time.
    let of_frame = shown["frames"][0]["event_id"].as_str().unwrap();
    assert_eq!(bench.ws_json(&["event", "show", of_frame])["event"], shown["event"]);
    check(&bench, "event_unknown", &["-w", "ws", "event", "show", "0000"]);

    let opened = bench.ws_json(&["event", "open", id, "--out", "event.html", "--rerun", "event.mcap"]);
    let page = std::fs::read_to_string(bench.path("event.html")).unwrap();
    assert_eq!(
        page.matches("<section").count() as u64,
        opened["moments"].as_u64().unwrap()
    );
    assert_eq!(
        page.matches("data:image/jpeg").count() as u64,
        opened["pictures"].as_u64().unwrap()
    );
    assert_eq!(
        page.matches("data:image/png").count() as u64,
        opened["sweeps"].as_u64().unwrap()
    );
    assert!(
        opened["sweeps"].as_u64().unwrap() > 0 && page.contains("#ff4d4d"),
        "{opened}"
    );
    for outside in ["href=\"http", "src=", "url("] {
        assert!(!page.contains(outside), "it opens without a network");
    }
    // Without a place of its own it goes into the workspace.
    let again = bench.ws_json(&["event", "open", id]);
    assert_eq!(std::fs::read_to_string(again["page"].as_str().unwrap()).unwrap(), page);

    // The clip is a log: those seconds, and what the model made of them.
    bench.ok(&["init", "clip"]);
    bench.ok(&["-w", "clip", "ingest", "event.mcap"]);
    let channels = bench.ok(&["-w", "clip", "log", "channels", "event.mcap"]).stdout;
    for topic in [
        "/camera/front/image",
        "/guideway/predictions/camera/front/image",
        "/guideway/event/camera/front/image",
    ] {
        assert!(channels.contains(topic), "{channels}");
    }

    // What is chosen among the events of all is chosen in SQL.
    let none = ["-w", "ws", "event", "ls", "--where", "severity > 1"];
    assert_eq!(bench.run(&none).code, 4);
    check(
        &bench,
        "event_bad_condition",
        &["-w", "ws", "event", "ls", "--where", "sevrity > 1"],
    );
}

#[test]
fn events_of_independent_images_stand_alone() {
    let bench = Bench::with_images();
    bench.write("tiny.toml", TINY);
    bench.ws(&["dataset", "freeze", "v1", "--from", "SELECT frame_id FROM frames"]);
    bench.ws(&["train", "tiny.toml", "--dataset", "v1", "--name", "weak"]);
    let report = bench.ws_json(&["eval", "run", "weak", "--on", "v1"]);
    assert_eq!(report["driven"]["hours"], 0.0);
    let frames = bench.ws_json(&["query", "SELECT count(*) n FROM events"])[0]["n"].clone();
    let list = bench.ws_json(&["event", "ls", "--limit", "1000"]);
    assert_eq!(
        (&list["total"], report["driven"]["rates"][0]["per_hour"].is_null()),
        (&frames, true)
    );
    let id = list["events"][0]["mistake_id"].as_str().unwrap();
    let opened = bench.ws_json(&["event", "open", id, "--out", "event.html"]);
    assert_eq!(
        (&opened["moments"], &opened["pictures"]),
        (&Value::from(1), &Value::from(1))
    );
}

#[test]
fn an_evaluation_is_judged_compared_and_reported() {
    let bench = driven();
    bench.write(
        "long.toml",
        &TINY.replace("epochs = 3", "epochs = 30\nlearning_rate = 5e-3"),
    );
    bench.ws(&["train", "long.toml", "--dataset", "drives", "--name", "strong"]);
    let run = |model: &str| {
        let report = bench.ws_json(&["eval", "run", model, "--on", "drives"]);
        report["run_id"].as_str().unwrap().to_owned()
    };
    let (weak, strong) = (run("weak"), run("strong"));

    // By recording, and in mistakes by the hour; a run is no better than itself.
    let by = "SELECT frame_id, r.name AS slice FROM frames f JOIN recordings r USING (recording_id)";
    let diff = bench.ws_json(&["eval", "diff", &weak, &strong, "--resamples", "50", "--by", by]);
    let deltas = diff["deltas"].as_array().unwrap();
    let of_frames: Vec<&str> = deltas
        .iter()
        .filter(|delta| delta["of_frames"] == true && delta["of_breakdown"] == false)
        .map(|delta| delta["metric"].as_str().unwrap())
        .collect();
    let of_slice = ["AP", "AP50", "AP75", "recall", "misses"];
    assert_eq!(of_frames, [of_slice, of_slice].concat());
    // Slices of labels and of classes within them are judged for themselves.
    let of_breakdown = deltas
        .iter()
        .filter(|delta| delta["of_breakdown"] == true && delta["metric"] == "recall");
    let slices: Vec<&str> = of_breakdown.map(|delta| delta["slice"].as_str().unwrap()).collect();
    assert!(slices.contains(&"occlusion=visible"), "{slices:?}");
    assert!(
        slices.iter().any(|slice| slice.ends_with(",occlusion=visible")),
        "{slices:?}"
    );
    let rate = deltas
        .iter()
        .find(|delta| delta["metric"] == "mistakes_per_hour" && delta["slice"] == "all")
        .unwrap();
    assert_eq!(
        (&rate["higher_is_better"], rate["baseline"].is_f64()),
        (&Value::from(false), true)
    );
    let same = bench.ws_json(&["eval", "diff", &weak, &weak, "--resamples", "50"]);
    let verdicts = same["deltas"].as_array().unwrap().iter().map(|delta| &delta["verdict"]);
    assert!(
        verdicts
            .clone()
            .all(|verdict| verdict == "no difference shown" || verdict == "not tested"),
        "{same}"
    );

    // Gates: reached, not reached, and wrong.
    bench.write(
        "gate.toml",
        "resamples = 50\n[[rule]]\nmetric = \"AP50\"\nmin = 0.0\nno_worse_by = 1.0\n[[rule]]\nmetric = \"mistakes\"\nmax = 1e6\n",
    );
    let met = bench.ws_json(&["eval", "gate", &strong, "gate.toml", "--against", &weak]);
    assert_eq!(
        (&met["met"], met["rules"].as_array().unwrap().len()),
        (&Value::from(true), 3)
    );
    bench.write("high.toml", "[[rule]]\nmetric = \"AP50\"\nmin = 0.99\n");
    let not_met = bench.run(&["-w", "ws", "eval", "gate", &strong, "high.toml"]);
    assert_eq!(not_met.code, 10);
    assert!(
        not_met.stdout.contains("the gate is not met: 1 of 1 rule"),
        "{}",
        not_met.text()
    );
    // A slice of frames has values without a baseline.
    bench.write(
        "sliced.toml",
        "by = \"SELECT frame_id, 'all of them' AS slice FROM frames\"\n[[rule]]\nmetric = \"AP50\"\nslice = \"all of them\"\nmin = 0.0\n",
    );
    let sliced = bench.ws_json(&["eval", "gate", &strong, "sliced.toml"]);
    let whole = bench.ws_json(&["eval", "show", &strong]);
    let metrics = whole["metrics"].as_array().unwrap();
    let ap50 = metrics
        .iter()
        .find(|row| row["metric"] == "AP50" && row["slice"] == "all");
    assert_eq!(sliced["rules"][0]["value"], ap50.unwrap()["value"]);
    let refused = |name: &str, text: &str| {
        bench.write("bad.toml", text);
        compare(
            name,
            "-w ws eval gate RUN bad.toml",
            &bench.run(&["-w", "ws", "eval", "gate", &strong, "bad.toml"]),
        );
    };
    refused(
        "gate_without_baseline",
        "[[rule]]\nmetric = \"AP\"\nno_worse_by = 0.1\n",
    );
    refused("gate_unknown_metric", "[[rule]]\nmetric = \"AP5\"\nmin = 0.1\n");
    refused("gate_asks_nothing", "[[rule]]\nmetric = \"AP\"\n");
    refused("gate_no_toml", "[[rule]\n");

    // The report and what lies beside it.
    let args = [
        "eval",
        "report",
        &strong,
        "--out",
        "report",
        "--against",
        &weak,
        "--by",
        by,
        "--events",
        "3",
    ];
    let written = bench.ws_json(&args);
    assert_eq!(written["events"], 3);
    let html = std::fs::read_to_string(bench.path("report/index.html")).unwrap();
    for part in [
        "Mistakes over time",
        "The gravest events",
        "Are scores probabilities?",
        "Against the baseline",
    ] {
        assert!(html.contains(part), "{part}");
    }
    for outside in ["href=\"http", "src=\"http"] {
        assert!(!html.contains(outside), "it opens without a network");
    }
    // Every file that the page names is there.
    let named: Vec<&str> = html.split("href=\"").chain(html.split("src=\"")).skip(1).collect();
    let files = named
        .iter()
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| name.starts_with("events/"));
    assert!(files.clone().count() >= 6);
    for file in files {
        assert!(bench.path("report").join(file).is_file(), "{file}");
    }
    let numbers: Value = serde_json::from_slice(&std::fs::read(bench.path("report/report.json")).unwrap()).unwrap();
    // Scores are judged where there are any.
    let predictions = numbers["evaluation"]["predictions"].as_u64().unwrap();
    match numbers["calibration"]["ece"].as_f64() {
        Some(ece) => assert!(predictions > 0 && (0.0..=1.0).contains(&ece), "{ece}"),
        None => assert_eq!(predictions, 0),
    }
    let labels = |key: &str| -> u64 {
        let bins = numbers[key].as_array().unwrap();
        bins.iter().map(|bin| bin["labels"].as_u64().unwrap()).sum()
    };
    assert_eq!(
        labels("found_by_height"),
        numbers["evaluation"]["labels"].as_u64().unwrap()
    );
    broken_down(&bench, [&weak, &strong], &numbers);
    assert!(html.contains("By size, range, occlusion and light") && html.contains("occlusion=visible"));
    assert!(bench.path("report/breakdown.svg").is_file() && bench.path("report/slices.svg").is_file());
}

/// Slices of all kinds, from one matching: they add up, and gates and SQL know them.
fn broken_down(bench: &Bench, [weak, strong]: [&str; 2], numbers: &Value) {
    let rows = numbers["breakdown"].as_array().unwrap();
    let sum = |what: &str, key: &str| -> u64 {
        let of_all = rows.iter().filter(|row| row["class"].is_null());
        let own = of_all.filter(|row| row["slice"].as_str().unwrap().starts_with(key));
        own.map(|row| row[what].as_u64().unwrap()).sum()
    };
    let labels = numbers["evaluation"]["labels"].as_u64().unwrap();
    let misses = sum("misses", "occlusion=");
    assert!(misses > 0);
    for key in ["range=", "occlusion=", "weather=", "time_of_day="] {
        assert_eq!((sum("labels", key), sum("misses", key)), (labels, misses), "{key}");
    }
    for row in rows.iter().filter(|row| row["class"].is_null()) {
        let of_classes = rows
            .iter()
            .filter(|own| own["slice"] == row["slice"] && !own["class"].is_null());
        let missed: u64 = of_classes.map(|own| own["misses"].as_u64().unwrap()).sum();
        assert_eq!(row["misses"], missed, "{row}");
        assert!(row["recall_interval"][1].as_f64().unwrap() >= row["recall"].as_f64().unwrap());
    }
    let stored = format!(
        "SELECT slice, support FROM metrics WHERE run_id = '{strong}' AND metric = 'recall' AND slice LIKE 'occlusion=%' ORDER BY slice"
    );
    let stored = bench.ws_json(&["query", &stored]);
    let labelled = "SELECT concat('occlusion=', CASE WHEN hidden < 0.1 THEN 'visible' WHEN hidden < 0.5 THEN 'partly' ELSE 'largely' END) AS slice, count(*) AS support \
                    FROM (SELECT CAST(json_as_text(l.attributes, 'occlusion') AS DOUBLE) AS hidden FROM labels l JOIN frames f USING (frame_id) \
                    WHERE f.modality = 'camera' AND l.x_min IS NOT NULL) GROUP BY 1 ORDER BY 1";
    assert_eq!(stored, bench.ws_json(&["query", labelled]));
    bench.write(
        "hidden.toml",
        "resamples = 50\n[[rule]]\nmetric = \"recall\"\nslice = \"occlusion=visible\"\nmin = 0.0\nno_worse_by = 1.0\n",
    );
    let judged = bench.ws_json(&["eval", "gate", strong, "hidden.toml", "--against", weak]);
    assert_eq!(judged["met"], true, "{judged}");
}
