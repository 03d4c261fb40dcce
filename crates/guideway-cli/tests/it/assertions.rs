//! Assertions over labels and predictions, and their tickets.

use guideway_ingest::schemas::foxglove::{CompressedImage, Odometry, Pose, Time};
use guideway_ingest::write::{LogWriter, WriteOptions};
use serde_json::Value;

use crate::errors::{check, compare};
use crate::support::Bench;
use crate::{event, track, world};

const SECOND: i64 = 1_000_000_000;

/// Half a minute at 8 m/s: odometry, which is silent for a while and then 30 m off, and a camera.
fn half_a_minute(bench: &Bench, name: &str, faulty: bool) {
    let mut log = LogWriter::create(bench.path(name), WriteOptions::default()).unwrap();
    for step in 0..600_i64 {
        let at = 1_700_000_000 * SECOND + step * SECOND / 20;
        let silent = faulty && (200..230).contains(&step);
        let off = if faulty && step >= 400 { 30.0 } else { 0.0 };
        if !silent {
            let odometry = Odometry {
                timestamp: Some(Time::from_ns(at)),
                frame_id: "map".to_owned(),
                body_frame_id: "base_link".to_owned(),
                pose: Some(Pose::new([0.4 * step as f64 + off, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0])),
                linear_velocity: Some([8.0, 0.0, 0.0].into()),
                ..Odometry::default()
            };
            log.message("/odometry", at + 2_000_000, at, &odometry).unwrap();
        }
        if step % 4 == 0 {
            let image = CompressedImage {
                timestamp: Some(Time::from_ns(at)),
                data: vec![0],
                format: "jpeg".to_owned(),
                frame_id: "camera".to_owned(),
            };
            log.message("/camera/image", at + 5_000_000, at, &image).unwrap();
        }
    }
    log.finish().unwrap();
}

#[test]
fn a_fault_of_a_signal_is_one_ticket_whosever_boxes_are_checked() {
    let bench = Bench::with_workspace();
    half_a_minute(&bench, "good.mcap", false);
    half_a_minute(&bench, "bad.mcap", true);
    bench.ws(&["ingest", "good.mcap", "bad.mcap"]);
    let run = ["assert", "run"];
    let first = bench.ws_json(&run);
    assert_eq!(first["samples"], 2 * (600 + 150) - 30);
    let tickets = bench.ws_json(&["ticket", "ls"]);
    let tickets = tickets.as_array().unwrap();
    let mut told: Vec<(&str, &str, &str)> = tickets
        .iter()
        .map(|t| {
            let of = |key: &str| t[key].as_str().unwrap();
            (of("rule"), of("object"), of("source"))
        })
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("gap", "signal:/odometry", "signals"),
            ("signal_jump", "signal:/odometry", "signals")
        ]
    );
    let recordings = bench.ws_json(&["query", "SELECT recording_id id FROM recordings WHERE name LIKE 'bad%'"]);
    assert!(tickets.iter().all(|t| t["recording"] == recordings[0]["id"]));
    let short = bench.ws(&["ticket", "ls", "--max-rows", "1"]).stdout;
    assert!(
        short.contains("the gravest 1 of 2") && !(short.contains("gap") && short.contains("signal_jump")),
        "{short}"
    );
    let silent = tickets.iter().find(|t| t["rule"] == "gap").unwrap();
    assert_eq!(
        silent["evidence"][0]["message"],
        "silent for 1.55 s, 31 of its periods: about 30 samples are missing"
    );

    // Closed, it stays closed for checks of a part, and for the same check again.
    let id = silent["id"].as_str().unwrap();
    bench.ws(&["ticket", "close", id, "--reason", "a cable"]);
    let part = "SELECT frame_id FROM frames WHERE sequence < 20";
    for again in [&run[..], &[&run[..], &["--on", part]].concat()] {
        let report = bench.ws_json(again);
        assert_eq!(
            (
                report["opened"].as_array().unwrap().len(),
                report["reopened"].as_array().unwrap().len()
            ),
            (0, 0)
        );
    }
    // Other rules that find it are another check.
    bench.write("gap.toml", "[rules.gap]\nperiods = 7.0\n");
    let other = bench.ws_json(&["assert", "run", "--rules", "gap.toml"]);
    assert_eq!(other["reopened"], Value::from(vec![id]));
}

#[test]
fn a_world_is_without_faults() {
    let bench = world::driven(2, 12);
    let report = bench.ws_json(&["assert", "run"]);
    assert!(report["samples"].as_u64().unwrap() > 500, "{report}");
    let all = bench
        .run(&["-w", "ws", "--output-format", "json", "ticket", "ls", "--state", "all"])
        .json();
    let of_signals: Vec<&Value> = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|t| t["source"] == "signals")
        .collect();
    assert!(of_signals.is_empty(), "{of_signals:#?}");
    let checked = |rule: &str| {
        let rules = report["rules"].as_array().unwrap();
        rules.iter().find(|row| row["rule"] == rule).unwrap()["checked"]
            .as_u64()
            .unwrap()
    };
    for rule in ["clock", "gap", "frozen", "signal_range", "signal_jump", "disagree"] {
        assert!(checked(rule) > 50, "{rule}");
    }
}

#[test]
fn what_cannot_be_is_one_ticket_until_it_is_mended() {
    let bench = event::driven();
    // No car is shorter than 9 m, says this file: each car of the lidar's labels is one ticket.
    bench.write("long.toml", "[classes.car]\nlength_m = [9.0, 30.0]\n");
    let run = ["assert", "run", "--rules", "long.toml", "--suspects", "3"];
    let first = bench.ws_json(&run);
    let opened = first["opened"].as_array().unwrap().len();
    let cars = "SELECT count(DISTINCT concat(recording_id, track_id)) n FROM labels WHERE class IN ('car', 'van') AND cuboid_frame IS NOT NULL";
    let cars = bench.ws_json(&["query", cars])[0]["n"].as_u64().unwrap() as usize;
    let of_size = bench.ws_json(&["ticket", "ls", "--rule", "size"]);
    // One ticket for each car at most: those seen in too few sweeps have none.
    let of_cars = of_size
        .as_array()
        .unwrap()
        .iter()
        .filter(|ticket| ticket["class"] == "car");
    let tickets = of_cars.count();
    assert!(
        tickets > 0 && tickets <= cars && opened >= tickets,
        "{opened} opened, {tickets} of {cars} cars"
    );
    assert!(first["suspects"].as_array().unwrap().len() <= 3);
    let checked = |rule: &str| {
        let rules = first["rules"].as_array().unwrap();
        rules.iter().find(|row| row["rule"] == rule).unwrap().clone()
    };
    assert!(checked("size")["violations"].as_u64().unwrap() > 0);
    assert!(
        !checked("solid")["reasons"].as_object().unwrap().is_empty(),
        "what could not be checked says why"
    );

    // Doing it again changes nothing.
    let again = bench.ws_json(&run);
    assert_eq!(
        (&again["run_id"], &again["opened"], &again["grown"]),
        (
            &first["run_id"],
            &Value::from(Vec::<Value>::new()),
            &Value::from(Vec::<Value>::new())
        )
    );
    assert_eq!(bench.ws_json(&["ticket", "ls", "--rule", "size"]), of_size);

    // Closed by hand it stays closed, until another check finds its cause again.
    let id = of_size[0]["id"].as_str().unwrap();
    let closed = bench.ws_json(&["ticket", "close", &id[..10], "--reason", "they are cars all the same"]);
    assert_eq!(closed["state"], "closed");
    check(
        &bench,
        "ticket_closed_twice",
        &["-w", "ws", "ticket", "close", id, "--reason", "again"],
    );
    bench.ws(&run);
    assert_eq!(bench.ws_json(&["ticket", "show", id])["state"], "closed");
    bench.write("longer.toml", "[classes.car]\nlength_m = [9.5, 30.0]\n");
    let later = bench.ws_json(&["assert", "run", "--rules", "longer.toml"]);
    assert_eq!(later["reopened"], Value::from(vec![id]));
    let shown = bench.ws(&["ticket", "show", id]).stdout;
    assert!(
        shown.contains("reopened") && shown.contains("they are cars all the same"),
        "{shown}"
    );

    // What is no bug stays dismissed, whatever is found, until somebody opens it.
    let dismissed = bench.ws_json(&["ticket", "close", id, "--not-a-bug", "--reason", "a test"]);
    assert_eq!(dismissed["state"], "dismissed");
    bench.write("longest.toml", "[classes.car]\nlength_m = [9.7, 30.0]\n");
    let again = bench.ws_json(&["assert", "run", "--rules", "longest.toml"]);
    assert_eq!(again["reopened"], Value::from(Vec::<Value>::new()));
    assert!(
        again["dismissed"].as_array().unwrap().contains(&Value::from(id)),
        "{again}"
    );
    let listed = |state: &str| {
        let run = bench.run(&[
            "-w",
            "ws",
            "--output-format",
            "json",
            "ticket",
            "ls",
            "--rule",
            "size",
            "--state",
            state,
        ]);
        let ids = run
            .json()
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>();
        (run.code, ids)
    };
    assert_eq!(listed("dismissed"), (0, vec![id.to_owned()]));
    assert_eq!(listed("closed"), (4, Vec::new()));
    assert!(!listed("open").1.contains(&id.to_owned()) && listed("all").1.contains(&id.to_owned()));
    assert_eq!(bench.ws_json(&["ticket", "reopen", id])["state"], "reopened");
    let open = bench.run(&["-w", "ws", "ticket", "reopen", id]);
    assert!(open.code == 1 && open.stderr.contains("is open"), "{}", open.text());

    // Predictions have tickets of their own, and assertions say how many each has.
    track::found(&bench, ("theirs", "drives"), "camera", "x_min IS NOT NULL");
    let on = ["assert", "run", "--model", "theirs", "--on", "drives"];
    let predicted = bench.ws_json(&on);
    assert_eq!(predicted["source"], "theirs");
    let why = |report: &Value| {
        let rules = report["rules"].as_array().unwrap();
        let prior = rules.iter().find(|row| row["rule"] == "prior").unwrap();
        prior["reasons"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(why(&predicted), ["no priors: --priors learns them from labels"]);
    // Two short drives teach nothing.
    let bad = [
        &["-w", "ws"],
        &on[..],
        &["--priors", "SELECT frame_id FROM frames LIMIT 3"],
    ]
    .concat();
    let bad = bench.run(&bad);
    assert!(
        bad.code == 4 && bad.stderr.contains("nothing can be learned"),
        "{}",
        bad.text()
    );
    let bad = bench.run(&[&["-w", "ws"], &on[..], &["--tracks", "0000"]].concat());
    assert!(
        bad.code == 1 && bad.stderr.contains("there is no tracking run"),
        "{}",
        bad.text()
    );
    // With a tracker's identities what was lost and found again is one object.
    let tracks = bench.ws_json(&["track", "theirs", "--on", "drives"]);
    let followed = bench.ws_json(&[&on[..], &["--tracks", tracks["run_id"].as_str().unwrap()]].concat());
    assert_ne!(followed["run_id"], predicted["run_id"]);
    assert_eq!(followed["observations"], predicted["observations"]);
    assert!(bench.ws(&["assert", "ls"]).stdout.contains("size"));
    assert!(
        bench
            .ws(&["assert", "ls", "--print-rules"])
            .stdout
            .contains("[rules.size]")
    );

    bench.write("bad.toml", "[rules.sise]\nenabled = false\n");
    let bad = ["-w", "ws", "assert", "run", "--rules", "bad.toml"];
    compare("assert_bad_rules", &bad.join(" "), &bench.run(&bad));
    check(&bench, "ticket_unknown", &["-w", "ws", "ticket", "show", "0000"]);
    check(
        &bench,
        "assert_nothing",
        &[
            "-w",
            "ws",
            "assert",
            "run",
            "--on",
            "SELECT frame_id FROM frames WHERE false",
        ],
    );
}
