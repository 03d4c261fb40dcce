//! Labels from simulated labelers.

use guideway_ingest::testing::{DriveOptions, drive};
use serde_json::Value;

use crate::errors::check;
use crate::support::Bench;

/// A drive whose log carries ground truth, ingested without it, and a selection of its frames.
fn chosen() -> Bench {
    let bench = Bench::with_workspace();
    let options = DriveOptions {
        frames: 12,
        ground_truth: true,
        ..DriveOptions::default()
    };
    drive(&bench.path("drive.mcap"), options).unwrap();
    bench.ws(&["ingest", "drive.mcap"]);
    let cameras = "SELECT frame_id FROM frames WHERE modality = 'camera'";
    bench.ws(&[
        "mine", "--score", "random", "--from", cameras, "--budget", "8", "--out", "chosen",
    ]);
    bench
}

fn json(bench: &Bench, args: &[&str]) -> Value {
    bench.ws(&[&["--output-format", "json"], args].concat()).json()
}

fn number(bench: &Bench, sql: &str) -> i64 {
    json(bench, &["query", sql])[0]["n"].as_i64().unwrap()
}

const PERFECT: &str = "\
seed = 3
[[labelers]]
name = \"ann\"
box_noise = 0.0
box_noise_px = 0.0
miss_rate = 0.0
miss_half_height_px = 0.0
miss_half_visible = 0.0
min_height_px = 0.0
invent_rate = 0.0
refusal_rate = 0.0
price_per_box = 0.05
price_per_frame = 0.01
[[labelers]]
name = \"bob\"
refusal_rate = 1.0
price_per_frame = 0.02
";

#[test]
fn chosen_frames_are_labelled_once_and_paid_for_to_the_cent() {
    let bench = chosen();
    bench.write("two.toml", PERFECT);
    let own = number(&bench, "SELECT count(*) AS n FROM labels");
    let first = json(&bench, &["label", "oracle", "chosen", "--labelers", "two.toml"]);
    assert_eq!(
        (&first["created"], &first["frames"]),
        (&Value::from(true), &Value::from(8))
    );
    let again = json(&bench, &["label", "oracle", "chosen", "--labelers", "two.toml"]);
    assert_eq!(
        (&again["created"], &again["price_micros"]),
        (&Value::from(false), &first["price_micros"])
    );

    // Ann draws everything as it is, Bob refuses everything.
    let refused = number(&bench, "SELECT count(*) AS n FROM answers WHERE labeler = 'bob'");
    let boxes = number(&bench, "SELECT count(*) AS n FROM labels WHERE labeler = 'ann'");
    assert_eq!(first["refused"].as_i64().unwrap(), refused);
    assert_eq!(first["boxes"].as_i64().unwrap(), boxes);
    assert!(refused > 0 && refused < 8 && boxes > 0, "{first}");
    assert_eq!(
        first["price_micros"].as_i64().unwrap(),
        refused * 20_000 + (8 - refused) * 10_000 + boxes * 50_000
    );
    assert_eq!(first["tally"]["missed"], 0);

    // A larger selection pays for the frames that are new alone.
    let cameras = "SELECT frame_id FROM frames WHERE modality = 'camera'";
    bench.ws(&[
        "mine", "--score", "random", "--from", cameras, "--budget", "11", "--out", "larger",
    ]);
    let more = json(&bench, &["label", "oracle", "larger", "--labelers", "two.toml"]);
    assert_eq!(
        (&more["frames"], &more["answered_before"]),
        (&Value::from(3), &Value::from(8))
    );
    assert_eq!(
        number(
            &bench,
            "SELECT count(*) AS n FROM (SELECT DISTINCT frame_id FROM answers)"
        ),
        11
    );
    let boxes = number(&bench, "SELECT count(*) AS n FROM labels WHERE labeler = 'ann'");
    let refused = number(&bench, "SELECT count(*) AS n FROM answers WHERE labeler = 'bob'");

    // The same frames with the truth itself: the boxes are the same.
    let log = bench.ws(&["ingest", "drive.mcap", "--with-ground-truth"]);
    assert!(log.stdout.contains("updated"), "{}", log.stdout);
    assert_eq!(
        number(&bench, "SELECT count(*) AS n FROM labels WHERE labeler = 'ann'"),
        boxes,
        "what was paid for stays"
    );
    assert!(number(&bench, "SELECT count(*) AS n FROM labels") > own + boxes);
    let same = "SELECT count(*) AS n FROM labels a JOIN labels t ON a.frame_id = t.frame_id AND a.x_min = t.x_min \
                AND a.y_max = t.y_max AND a.class = t.class WHERE a.labeler = 'ann' AND t.labeler = 'ground truth'";
    assert_eq!(number(&bench, same), boxes);

    // A dataset takes the labels of one labeler, not the truth beside them.
    let labelled = "SELECT frame_id FROM answers WHERE refusal IS NULL";
    let frozen = json(
        &bench,
        &[
            "dataset",
            "freeze",
            "v1",
            "--from",
            labelled,
            "--labeler",
            "ann",
            "--group-by",
            "frame",
            "--split",
            "train=1",
        ],
    );
    assert_eq!(
        (frozen["frames"].as_i64().unwrap(), frozen["labels"].as_i64().unwrap()),
        (11 - refused, boxes)
    );
    assert!(
        bench.ws(&["trace", "v1"]).stdout.contains("← label"),
        "the dataset knows who was paid"
    );
    let trace = bench.ws(&["trace", first["run_id"].as_str().unwrap()]).stdout;
    assert!(trace.contains("← label") && trace.contains("chosen"), "{trace}");
    let both = [
        "dataset",
        "freeze",
        "v2",
        "--from",
        labelled,
        "--group-by",
        "frame",
        "--split",
        "train=1",
    ];
    let both = bench.run(&[&["-w", "ws"], &both[..]].concat());
    assert!(both.stderr.contains("[several-labelers]"), "{}", both.text());
    bench.ws(&["doctor"]);
}

#[test]
fn the_defaults_are_a_person_who_makes_mistakes() {
    let bench = chosen();
    insta::assert_snapshot!("label_oracle", bench.ws(&["label", "oracle", "chosen"]).stdout);
}

#[test]
fn what_cannot_be_labelled_is_said() {
    let bench = chosen();
    let refuse = |name: &str, rest: &[&str]| check(&bench, name, &[&["-w", "ws", "label", "oracle"], rest].concat());
    refuse("label_unknown_selection", &["chsen"]);
    refuse("label_nothing", &["SELECT frame_id FROM frames WHERE width < 0"]);
    refuse("label_over_budget", &["chosen", "--budget", "0.05"]);
    refuse("label_odd_budget", &["chosen", "--budget", "much"]);
    bench.write("odd.toml", "[[labelers]]\nname = \"x\"\nmiss_rate = 1.5\n");
    refuse("label_odd_labelers", &["chosen", "--labelers", "odd.toml"]);
    bench.write("misspelt.toml", "[[labelers]]\nname = \"x\"\nmis_rate = 0.5\n");
    refuse("label_misspelt_labelers", &["chosen", "--labelers", "misspelt.toml"]);
    refuse("label_no_labelers", &["chosen", "--labelers", "none.toml"]);
    bench.images("squares", 3);
    bench.ws(&["ingest", "squares"]);
    refuse(
        "label_without_truth",
        &["SELECT frame_id FROM frames WHERE media_type = 'image/png'"],
    );
    assert_eq!(number(&bench, "SELECT count(*) AS n FROM answers"), 0);
}
