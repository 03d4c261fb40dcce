//! Loops and experiments.

#![expect(
    clippy::disallowed_methods,
    reason = "kills must fall into the time that a run takes, which is measured"
)]

use std::collections::BTreeSet;
use std::time::Instant;

use guideway_ingest::testing::{DriveOptions, drive};
use serde_json::Value;

use crate::errors::check;
use crate::kill::{Moments, killed};
use crate::support::Bench;

const DETECTOR: &str = "\
[model]
input_width = 64
input_height = 64
width = 8
neck = 8
depth = 0
strides = [8, 16]
classes = [\"car\"]

[train]
epochs = 2
batch = 4
";

/// Two drives to choose from, whose ground truth stays in the logs, and one to test on.
const PARTS: &str = "\
[pool]
from = \"SELECT f.frame_id FROM frames f JOIN recordings r USING (recording_id) WHERE r.name LIKE 'pool%' AND f.modality = 'camera'\"

[seed_set]
frames = 6

[test]
from = \"SELECT f.frame_id FROM frames f JOIN recordings r USING (recording_id) WHERE r.name LIKE 'test%' AND f.modality = 'camera'\"

[labels]
labelers = \"labelers.toml\"
classes = [\"car\"]

[model]
config = \"detector.toml\"
ensemble = 2
start = \"previous\"

[round]
frames = 5

[compute]
per_1000_trained = \"0.05\"
per_1000_predicted = \"0.02\"
";

/// Drives, and the files of a loop.
fn prepared(workspaces: &[&str]) -> Bench {
    let bench = Bench::new();
    for (name, width, frames) in [("pool-a", 64, 14), ("pool-b", 80, 14), ("test", 96, 8)] {
        let options = DriveOptions {
            width,
            frames,
            ground_truth: true,
            ..DriveOptions::default()
        };
        std::fs::create_dir_all(bench.path("drives")).unwrap();
        drive(&bench.path(&format!("drives/{name}.mcap")), options).unwrap();
    }
    bench.write("detector.toml", DETECTOR);
    bench.write("labelers.toml", "[[labelers]]\nname = \"ann\"\nrefusal_rate = 0.1\n");
    for workspace in workspaces {
        bench.ok(&["init", workspace]);
        let pool = ["drives/pool-a.mcap", "drives/pool-b.mcap"];
        bench.ok(&[&["-w", workspace, "ingest"], &pool[..]].concat());
        bench.ok(&["-w", workspace, "ingest", "drives/test.mcap", "--with-ground-truth"]);
    }
    bench
}

fn json(bench: &Bench, workspace: &str, args: &[&str]) -> Value {
    let args = [&["-w", workspace, "--output-format", "json", "--quiet"], args].concat();
    bench.ok(&args).json()
}

fn number(bench: &Bench, workspace: &str, sql: &str) -> i64 {
    json(bench, workspace, &["query", sql])[0]["n"].as_i64().unwrap()
}

fn a_loop(name: &str, rest: &str) -> String {
    format!("name = \"{name}\"\nseed = 4\n{PARTS}\n{rest}")
}

#[test]
fn a_loop_killed_at_ten_moments_ends_as_one_that_was_not() {
    let bench = prepared(&["calm", "wild"]);
    let stop = "[strategy]\nkind = \"mined\"\nclasses = [\"car\"]\ndiversity = \"core-set\"\n[stop]\nrounds = 2\n";
    bench.write("loop.toml", &a_loop("night", stop));
    let begin = Instant::now();
    let calm = json(&bench, "calm", &["loop", "run", "loop.toml"]);
    let time = begin.elapsed();
    assert_eq!(calm["rounds"].as_array().unwrap().len(), 3);

    let mut moments = Moments::new(20_261_122);
    let mut kills = 0;
    let args = ["-w", "wild", "loop", "run", "loop.toml"];
    for _ in 0..10 {
        // What is done stays done, so that each run gets further: kills fall into the first part of what is left.
        kills += u32::from(!killed(&bench, &args, time.mul_f64(0.03 + 0.17 * moments.next())));
    }
    let wild = json(&bench, "wild", &["loop", "run", "loop.toml"]);
    assert!(kills >= 5, "only {kills} kills fell into a run");
    for key in ["rounds", "cost", "ended", "best"] {
        assert_eq!(calm[key], wild[key], "{key}");
    }
    for sql in [
        "SELECT selection, rank, frame_id, score FROM selections ORDER BY selection, rank",
        "SELECT frame_id, labeler, boxes, price_micros, order_id FROM answers ORDER BY frame_id",
        "SELECT name, digest FROM models ORDER BY name",
        "SELECT name, hash FROM datasets ORDER BY name",
    ] {
        assert_eq!(
            json(&bench, "calm", &["query", sql]),
            json(&bench, "wild", &["query", sql]),
            "{sql}"
        );
    }
    bench.ok(&["-w", "wild", "doctor", "--deep"]);
}

#[test]
fn a_pool_of_unlabelled_frames_stays_the_pool() {
    let bench = prepared(&["ws"]);
    let open = "AND f.frame_id NOT IN (SELECT frame_id FROM labels WHERE labeler = 'ann')";
    let stop = "[strategy]\nkind = \"random\"\n[stop]\nrounds = 1\n";
    let file = a_loop("open", stop).replacen("AND f.modality", &format!("{open} AND f.modality"), 1);
    bench.write("loop.toml", &file);
    let first = json(&bench, "ws", &["loop", "run", "loop.toml"]);
    // The loop's own labels would take frames away.
    bench.write("loop.toml", &file.replace("rounds = 1", "rounds = 2"));
    let second = json(&bench, "ws", &["loop", "run", "loop.toml"]);
    assert_eq!(first["rounds"][1], second["rounds"][1]);
    assert_eq!(second["rounds"].as_array().unwrap().len(), 3);
    assert_eq!(
        number(
            &bench,
            "ws",
            "SELECT count(*) AS n FROM selections WHERE selection = 'open-pool'"
        ),
        28
    );
}

#[test]
fn the_ledger_adds_up_and_nothing_is_overspent() {
    let bench = prepared(&["ws"]);
    let rounds = "[strategy]\nkind = \"mined\"\nscore = \"entropy\"\n[stop]\nrounds = 2\n";
    bench.write("loop.toml", &a_loop("all", rounds));
    let done = json(&bench, "ws", &["loop", "run", "loop.toml"]);
    assert_eq!(done["ended"], "rounds");
    let micros = |value: &Value, what: &str| value[what].as_i64().unwrap();
    let of = |what: &str| {
        done["rounds"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| micros(&r["cost"], what))
            .sum::<i64>()
    };
    assert_eq!(of("labels_micros"), micros(&done["cost"], "labels_micros"));
    assert_eq!(of("compute_micros"), micros(&done["cost"], "compute_micros"));
    assert_eq!(
        number(&bench, "ws", "SELECT sum(price_micros) AS n FROM answers"),
        micros(&done["cost"], "labels_micros"),
        "what the labelers were paid"
    );
    let last = &done["rounds"][2];
    assert_eq!(last["spent"], done["cost"]);
    // Six, five and five frames, less those that were refused, two epochs, two models.
    let learnt: i64 = (0..3).map(|at| micros(&done["rounds"][at], "train_frames")).sum();
    let trained: i64 = (0..3).map(|at| micros(&done["rounds"][at]["work"], "trained")).sum();
    assert_eq!(trained, learnt * 2 * 2);
    let predicted: i64 = (0..3).map(|at| micros(&done["rounds"][at]["work"], "predicted")).sum();
    assert_eq!(predicted, 3 * 8 * 2 + 2 * 28 * 2, "tests, and the pool twice");
    assert_eq!(
        micros(&done["cost"], "compute_micros"),
        (0..3)
            .map(|at| {
                let work = &done["rounds"][at]["work"];
                let part = |images: i64, price: i64| {
                    (images * price).div_euclid(1000) + i64::from((images * price) % 1000 > 0)
                };
                part(micros(work, "trained"), 50_000) + part(micros(work, "predicted"), 20_000)
            })
            .sum::<i64>()
    );
    // No frame is paid for twice, and none of the rounds saw the test drive.
    let chosen = "SELECT count(*) - count(DISTINCT frame_id) AS n FROM selections WHERE selection LIKE 'all-r%'";
    assert_eq!(number(&bench, "ws", chosen), 0);

    // A little more than the first training: the next round is not begun, or ends with what is left.
    let first =
        micros(&done["rounds"][0]["spent"], "labels_micros") + micros(&done["rounds"][0]["spent"], "compute_micros");
    for (name, more) in [("less", 20_000), ("more", 150_000)] {
        let limit = first + more;
        let stop = format!(
            "[strategy]\nkind = \"random\"\n[stop]\nrounds = 50\ncost = \"{}.{:06}\"\n",
            limit / 1_000_000,
            limit % 1_000_000
        );
        bench.write("poor.toml", &a_loop(name, &stop));
        let poor = json(&bench, "ws", &["loop", "run", "poor.toml"]);
        assert_eq!(poor["ended"], "cost", "{poor}");
        let spent = micros(&poor["cost"], "labels_micros") + micros(&poor["cost"], "compute_micros");
        assert!(spent <= limit, "{spent} of {limit}");
    }
    let run = bench.run(&["-w", "ws", "loop", "run", "poor.toml"]);
    assert_eq!(run.code, 0, "{}", run.text());

    // The goal and patience end it too; what may change in the file is when to stop.
    bench.write(
        "loop.toml",
        &a_loop(
            "all",
            &rounds.replace("rounds = 2", "rounds = 9\nkpi = { at_least = 0.0 }"),
        ),
    );
    let reached = json(&bench, "ws", &["loop", "run", "loop.toml"]);
    assert_eq!(
        (&reached["ended"], &reached["rounds"][0]),
        (&Value::from("kpi"), &done["rounds"][0])
    );
    bench.write(
        "loop.toml",
        &a_loop("all", "[strategy]\nkind = \"random\"\n[stop]\nrounds = 2\n"),
    );
    check(
        &bench,
        "loop_of_another_strategy",
        &["-w", "ws", "loop", "run", "loop.toml"],
    );
}

#[test]
fn the_report_shows_the_curve_the_ledger_and_the_pictures() {
    let bench = prepared(&["ws"]);
    let hand = "[strategy]\nkind = \"by-hand\"\nmin_height = 0.05\nmin_visible = 0.3\nlook_every_s = 0.0\nskip_s = 0.2\n[stop]\nrounds = 1\n";
    bench.write("loop.toml", &a_loop("hand", hand));
    let done = json(&bench, "ws", &["loop", "run", "loop.toml"]);
    assert_eq!(done["ended"], "rounds", "{done}");
    let html = std::fs::read_to_string(bench.path("ws/reports/loops/hand/index.html")).unwrap();
    let markdown = std::fs::read_to_string(bench.path("ws/reports/loops/hand/report.md")).unwrap();
    assert!(html.contains("<svg") && html.contains("Ledger"), "{html}");
    assert!(
        markdown.contains("![AP50 of car against the cost of labels](kpi.svg)"),
        "{markdown}"
    );
    let shown: Vec<&str> = html
        .split("src=\"")
        .skip(1)
        .filter_map(|part| part.split('"').next())
        .collect();
    assert!(shown.len() >= 7, "{shown:?}");
    for picture in shown {
        let image = image::open(bench.path("ws/reports/loops/hand").join(picture)).unwrap();
        assert_eq!(image.width(), 320);
    }
    assert!(markdown.contains("car seen"), "{markdown}");
    let best = done["best"][1].as_str().unwrap();
    assert!(
        markdown.contains(best) && bench.ws(&["trace", best]).stdout.contains("hand-r"),
        "{markdown}"
    );
}

#[test]
fn an_experiment_pairs_its_arms_by_seed() {
    let bench = prepared(&["ws", "again"]);
    let arms = "\
[[arm]]
name = \"lot\"
strategy = { kind = \"random\" }

[[arm]]
name = \"unsure\"
strategy = { kind = \"mined\", score = \"mutual-information\", gap_s = 0.1 }

[[arm]]
name = \"alike\"
strategy = { kind = \"targeted\", like = \"SELECT * FROM labels WHERE x_max - x_min > 12 AND recording_id IN (SELECT recording_id FROM recordings WHERE name LIKE 'seen%')\" }
";
    // The objects to look for come from drives of their own.
    let seen = DriveOptions {
        width: 112,
        frames: 4,
        ground_truth: true,
        ..DriveOptions::default()
    };
    drive(&bench.path("drives/seen.mcap"), seen).unwrap();
    for workspace in ["ws", "again"] {
        bench.ok(&["-w", workspace, "ingest", "drives/seen.mcap", "--with-ground-truth"]);
    }
    let slice = "kpi = { on = { from = \"SELECT frame_id FROM frames WHERE sequence < 4\" } }\n";
    let head = "name = \"ab\"\nseeds = [1, 2]\nbaseline = \"lot\"\nrounds = 1\nfull_pool = true\n";
    bench.write("ab.toml", &format!("{head}{slice}{PARTS}\n{arms}"));
    let done = json(&bench, "ws", &["experiment", "run", "ab.toml"]);
    let courses = done["courses"].as_array().unwrap();
    assert_eq!(courses.len(), 8, "three arms and the whole pool, two seeds each");
    for seed in [1, 2] {
        let firsts: BTreeSet<String> = courses
            .iter()
            .filter(|course| course["seed"] == seed)
            .map(|course| course["rounds"][0]["models"].to_string())
            .collect();
        assert_eq!(firsts.len(), 1, "the arms of seed {seed} do not begin alike");
    }
    assert_ne!(courses[0]["rounds"][0]["models"], courses[1]["rounds"][0]["models"]);
    let whole = courses.iter().find(|course| course["arm"] == "full-pool").unwrap();
    assert_eq!(whole["rounds"][1]["frames"].as_u64().unwrap() + 6, 28);
    let compared: Vec<&str> = done["comparisons"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["arm"] == "alike")
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert_eq!(compared, ["KPI", "all classes", "car"]);
    let shares = done["pool_shares"].as_array().unwrap();
    assert_eq!(shares.len(), 3);
    for share in shares {
        let apart = share["last"].as_f64().unwrap() - share["full"].as_f64().unwrap();
        let paired = &share["difference"];
        assert!((paired["mean"].as_f64().unwrap() - apart).abs() < 1e-9, "{share}");
        assert!(paired["lower"].as_f64() <= paired["upper"].as_f64());
    }
    // The KPI is that of a part of the test set, which was frozen beside it.
    let sizes = "SELECT name, frames AS n FROM datasets WHERE name IN ('ab-slice', 'ab-test') ORDER BY name";
    let sizes = json(&bench, "ws", &["query", sizes]);
    assert!(
        sizes[0]["n"].as_i64() < sizes[1]["n"].as_i64() && sizes[0]["n"].as_i64() > Some(0),
        "{sizes}"
    );
    let round = &courses[0]["rounds"][1];
    assert_eq!(
        round["evaluations"].as_array().unwrap().len(),
        2 * round["models"].as_array().unwrap().len()
    );
    // Courses ran side by side: in whatever order, the same comes out. A second run finds everything done.
    let again = json(&bench, "again", &["experiment", "run", "ab.toml"]);
    assert_eq!(done["courses"], again["courses"]);
    let models = number(&bench, "ws", "SELECT count(*) AS n FROM models");
    json(&bench, "ws", &["experiment", "run", "ab.toml"]);
    assert_eq!(number(&bench, "ws", "SELECT count(*) AS n FROM models"), models);

    bench.write(
        "ab.toml",
        &format!("{}{PARTS}\n{arms}", head.replace("\"lot\"", "\"lots\"")),
    );
    check(
        &bench,
        "experiment_without_baseline",
        &["-w", "ws", "experiment", "run", "ab.toml"],
    );
    bench.write(
        "ab.toml",
        &format!("{head}{PARTS}\n{arms}").replace("kind = \"random\"", "kind = \"radnom\""),
    );
    check(
        &bench,
        "experiment_of_unknown_kind",
        &["-w", "ws", "experiment", "run", "ab.toml"],
    );
}

#[test]
fn what_is_tested_on_is_never_learnt_from() {
    let bench = prepared(&["ws"]);
    let leaky = a_loop("leaky", "").replace("r.name LIKE 'pool%'", "r.name LIKE '%'");
    bench.write("loop.toml", &leaky);
    check(
        &bench,
        "loop_that_learns_the_test",
        &["-w", "ws", "loop", "run", "loop.toml"],
    );
    for (name, from, to) in [
        (
            "loop_with_unknown_class",
            "[compute]",
            "[strategy]\nkind = \"by-hand\"\nclasses = [\"cra\"]\n[compute]",
        ),
        (
            "loop_with_odd_gap",
            "[compute]",
            "[strategy]\nkind = \"mined\"\ngap_s = -1.0\n[compute]",
        ),
        (
            "loop_like_what_is_tested",
            "[compute]",
            "[strategy]\nkind = \"targeted\"\nlike = \"SELECT * FROM labels\"\n[compute]",
        ),
        (
            "loop_without_labels_to_test",
            "classes = [\"car\"]\n",
            "classes = [\"car\"]\nmin_area = 100000.0\n",
        ),
    ] {
        bench.write("loop.toml", &a_loop(name, "").replacen(from, to, 1));
        check(&bench, name, &["-w", "ws", "loop", "run", "loop.toml"]);
    }
    assert_eq!(
        number(&bench, "ws", "SELECT count(*) AS n FROM answers"),
        0,
        "nothing was paid"
    );
    bench.write("loop.toml", &a_loop("none", "").replace("frames = 5", "frames = 0"));
    check(&bench, "loop_without_frames", &["-w", "ws", "loop", "run", "loop.toml"]);
}

#[test]
fn a_loop_records_its_own_drives_and_begins_with_the_past() {
    let bench = Bench::with_workspace();
    let rig = "[[camera]]\nname = \"front\"\nposition = [1.6, 0.0, 1.5]\nwidth = 96\nheight = 64\nhorizontal_fov_deg = 50.0\nrate_hz = 4.0\n";
    bench.write("rig.toml", rig);
    bench.write(
        "world.toml",
        "rig = \"rig.toml\"\n[road]\nkind = \"urban\"\nextent = 160\n[traffic]\nvehicles_per_km = 35\n",
    );
    bench.write("detector.toml", DETECTOR);
    let record = |name: &str, seed: u32, truth: bool| {
        format!(
            "[[record]]\nname = \"{name}\"\nworld = \"world.toml\"\ndrives = 1\nseconds = 2\nseed = {seed}\nground_truth = {truth}\n"
        )
    };
    let parts = "name = \"own\"\npool = { record = [\"pool\"] }\nseed_set = { frames = 3 }\ntest = { record = [\"test\"] }\n\
                 past = { record = [\"past\"], config = \"detector.toml\" }\nmodel = { config = \"detector.toml\", start = \"previous\" }\n\
                 round = { frames = 2 }\nstop = { rounds = 1 }\n";
    bench.write("loop.toml", parts);
    check(
        &bench,
        "loop_without_past_drives",
        &["-w", "ws", "loop", "run", "loop.toml"],
    );
    let twins = record("pool", 1, false) + &record("test", 1, true) + &record("past", 3, true);
    bench.write("loop.toml", &format!("{parts}{twins}"));
    check(
        &bench,
        "loop_tested_on_its_pool",
        &["-w", "ws", "loop", "run", "loop.toml"],
    );
    let drives = record("pool", 1, false) + &record("test", 2, true) + &record("past", 3, true);
    bench.write("loop.toml", &format!("{parts}{drives}"));
    check(&bench, "loop_of_one_mind", &["-w", "ws", "loop", "run", "loop.toml"]);
    let parts = parts.replace("start =", "ensemble = 2, start =");
    bench.write("loop.toml", &format!("{parts}{drives}"));
    let done = json(&bench, "ws", &["loop", "run", "loop.toml"]);
    assert_eq!(
        (&done["ended"], done["rounds"].as_array().unwrap().len()),
        (&Value::from("rounds"), 2)
    );
    // What is to be labelled stays in the logs; the past is there, and the first model comes from it.
    let labelled = "SELECT count(DISTINCT r.name) AS n FROM labels l JOIN recordings r USING (recording_id) WHERE l.labeler = 'ground truth'";
    assert_eq!(number(&bench, "ws", labelled), 2);
    let first = bench.ws(&["trace", "own-r0-m0"]).stdout;
    assert!(first.contains("own-past-m0"), "{first}");
    bench.write(
        "loop.toml",
        &format!("{parts}{drives}").replace("record = [\"past\"]", "record = [\"pool\"]"),
    );
    check(
        &bench,
        "loop_with_an_unlabelled_past",
        &["-w", "ws", "loop", "run", "loop.toml"],
    );
}

#[test]
fn a_partial_order_reaches_equally_far_each_time() {
    let bench = prepared(&["ws"]);
    let cameras = "SELECT f.frame_id FROM frames f JOIN recordings r USING (recording_id) WHERE r.name LIKE 'pool%' AND f.modality = 'camera'";
    bench.ws(&[
        "mine", "--score", "random", "--from", cameras, "--budget", "20", "--out", "lot",
    ]);
    let order = [
        "label",
        "oracle",
        "lot",
        "--labelers",
        "labelers.toml",
        "--budget",
        "0.50",
        "--partly",
    ];
    let first = json(&bench, "ws", &order);
    let (reached, price) = (
        first["reached"].as_u64().unwrap(),
        first["price_micros"].as_i64().unwrap(),
    );
    assert!(reached > 1 && reached < 20 && price <= 500_000, "{first}");
    // The next frame could not be sure to be paid for: less than the most that one costs is left.
    assert!(price > 500_000 - 90_000, "{first}");
    let again = json(&bench, "ws", &order);
    assert_eq!(
        (&again["reached"], &again["price_micros"]),
        (&first["reached"], &first["price_micros"])
    );
    assert_eq!(
        number(&bench, "ws", "SELECT count(*) AS n FROM answers") as u64,
        reached
    );
    let order_id = first["order_id"].as_str().unwrap();
    bench.ws(&[
        "dataset",
        "freeze",
        "part",
        "--from",
        "SELECT frame_id FROM answers WHERE refusal IS NULL",
        "--order",
        &order_id[..8],
    ]);
    check(
        &bench,
        "freeze_of_unknown_order",
        &[
            "-w", "ws", "dataset", "freeze", "none", "--from", cameras, "--order", "ffffffff",
        ],
    );
    let tiny = ["-w", "ws", "label", "oracle", "lot", "--budget", "0.01", "--partly"];
    check(&bench, "label_partly_with_nothing", &tiny);
}
