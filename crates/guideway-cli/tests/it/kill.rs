//! The program is killed at random moments, again and again, and ends where an undisturbed one does.

#![expect(
    clippy::disallowed_methods,
    reason = "kills must fall into the time that a run takes, which is measured"
)]

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::Bench;

const DRIVES: u32 = 5;
const INGEST_KILLS: usize = 8;
const FREEZE_KILLS: usize = 4;
const FREEZE: [&str; 8] = [
    "dataset",
    "freeze",
    "d",
    "--from",
    "SELECT frame_id FROM frames WHERE modality = 'camera'",
    "--split",
    "train=0.6,val=0.4",
    "--seed=3",
];

/// Numbers in `0..1`, the same every time (Knuth's 64-bit linear congruential generator).
pub(crate) struct Moments(u64);

impl Moments {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn in_workspace<'a>(workspace: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [&["-w", workspace], args].concat()
}

fn json(bench: &Bench, workspace: &str, args: &[&str]) -> serde_json::Value {
    let args = [&["--output-format", "json"], args].concat();
    bench.ok(&in_workspace(workspace, &args)).json()
}

/// Runs, and kills it after a while. True if it had ended by itself, with everything done.
pub(crate) fn killed(bench: &Bench, args: &[&str], after: Duration) -> bool {
    let mut command = bench.command(args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(
        status.success() || status.code().is_none(),
        "it failed instead of being killed: {status}"
    );
    status.success()
}

/// Every row of what an ingest writes, in no order, but without where the files were put.
fn rows(bench: &Bench, workspace: &str) -> Vec<String> {
    let mut all = Vec::new();
    for table in [
        "recordings",
        "channels",
        "chunks",
        "sensors",
        "frames",
        "signals",
        "labels",
    ] {
        let query = format!("SELECT * FROM {table}");
        let csv = bench
            .ok(&in_workspace(workspace, &["--output-format", "csv", "query", &query]))
            .stdout;
        all.extend(csv.lines().map(|line| format!("{table} {line}")));
    }
    all.sort();
    all
}

fn recordings(bench: &Bench, workspace: &str) -> BTreeSet<String> {
    let found = json(bench, workspace, &["query", "SELECT recording_id FROM recordings"]);
    let ids = found
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["recording_id"].as_str().unwrap().to_owned());
    ids.collect()
}

#[test]
fn a_killed_program_ends_where_an_undisturbed_one_does() {
    let bench = Bench::new();
    for drive in 0..DRIVES {
        bench.drive(&format!("drives/{drive}.mcap"), 6 + drive);
    }
    let ingest = ["ingest", "drives"];
    bench.ok(&["init", "calm"]);
    let begin = Instant::now();
    bench.ok(&in_workspace("calm", &ingest));
    let ingest_time = begin.elapsed();
    let expected = rows(&bench, "calm");
    let begin = Instant::now();
    let dataset = json(&bench, "calm", &FREEZE);
    let freeze_time = begin.elapsed();

    bench.ok(&["init", "wild"]);
    // So low that most ingests compact, and kills fall into that as well.
    bench.write("wild/guideway.toml", "compact_above = 2\n");
    let mut moments = Moments(20_261_121);
    let mut kills = 0;
    let mut seen = BTreeSet::new();
    for round in 0..INGEST_KILLS {
        // Forced, what is there already is replaced.
        let forced = if round % 2 == 1 { &["--force"][..] } else { &[] };
        let args = in_workspace("wild", &[&ingest, forced].concat());
        let done = killed(&bench, &args, ingest_time.mul_f64(moments.next()));
        kills += usize::from(!done);
        assert_eq!(
            json(&bench, "wild", &["doctor", "--deep"])["whole"],
            true,
            "round {round}"
        );
        let now = recordings(&bench, "wild");
        assert!(
            now.is_superset(&seen),
            "round {round}: a recording that was there is gone"
        );
        assert!(
            !done || now.len() == DRIVES as usize,
            "round {round}: less than was reported"
        );
        seen = now;
    }
    assert!(kills > INGEST_KILLS / 2, "{kills} kills came in time");
    bench.ok(&in_workspace("wild", &ingest));
    assert_eq!(rows(&bench, "wild"), expected);

    for round in 0..FREEZE_KILLS {
        let done = killed(
            &bench,
            &in_workspace("wild", &FREEZE),
            freeze_time.mul_f64(moments.next()),
        );
        assert_eq!(
            json(&bench, "wild", &["doctor", "--deep"])["whole"],
            true,
            "round {round}"
        );
        let there = json(&bench, "wild", &["dataset", "ls"]);
        assert!(!done || there[0]["hash"] == dataset["hash"], "round {round}: {there}");
    }
    let again = json(&bench, "wild", &FREEZE);
    assert_eq!(again["hash"], dataset["hash"]);
    assert_eq!(rows(&bench, "wild"), expected);
    let doctor = json(&bench, "wild", &["doctor", "--deep"]);
    assert_eq!(doctor["whole"], true);
}
