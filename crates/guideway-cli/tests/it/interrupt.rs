//! Ctrl-C: the work stops at a safe point, says what is kept, and goes on when it is run again.

#![cfg(unix)]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::errors::compare;
use crate::support::{Bench, TINY};

/// Drives enough for an ingest that lasts longer than it takes to stop it.
const DRIVES: usize = 30;

fn start(bench: &Bench, args: &[&str]) -> Child {
    let mut command = bench.command(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until something is so, but not for ever.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited 30 s for {what}");
}

/// What Ctrl-C sends.
fn interrupt(child: Child) -> Output {
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    child.wait_with_output().unwrap()
}

fn holds_files(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

#[test]
fn an_interrupted_ingest_keeps_what_it_read_and_goes_on() {
    let bench = Bench::with_workspace();
    for drive in 0..DRIVES {
        bench.drive(&format!("drives/{drive:02}.mcap"), 10 + drive as u32);
    }
    let ingest = ["-w", "ws", "--output-format", "json", "ingest", "drives"];
    let child = start(&bench, &ingest);
    wait_until("the first recording", || {
        holds_files(&bench.path("ws/data/tables/recordings.lance/data"))
    });
    let run = bench.finish(interrupt(child));
    assert_eq!(run.code, 130, "{}", run.text());
    let report = run.json();
    let read = report["recordings"].as_array().unwrap().len();
    assert!((1..DRIVES).contains(&read), "{}", run.text());
    assert_eq!(report["not_read"], DRIVES - read);
    for part in [
        "stopping at the next safe point",
        "error: interrupted: ",
        "hint: run it again",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.text());
    }
    let count = || bench.ws_json(&["log", "ls"]).as_array().unwrap().len();
    assert_eq!(count(), read, "what was reported is there, and nothing else");
    assert_eq!(bench.ws_json(&["doctor", "--deep"])["whole"], true);
    let rest = bench.ok(&ingest).json();
    let status = |name: &str| {
        let recordings = rest["recordings"].as_array().unwrap();
        recordings
            .iter()
            .filter(|recording| recording["status"] == name)
            .count()
    };
    assert_eq!((status("unchanged"), status("added")), (read, DRIVES - read));
    assert_eq!(count(), DRIVES);
}

#[test]
fn an_interrupted_training_goes_on_to_the_same_weights() {
    let bench = Bench::with_images();
    bench.ws(&["dataset", "freeze", "d", "--from", "SELECT frame_id FROM frames"]);
    bench.write("long.toml", &TINY.replace("epochs = 3", "epochs = 100"));
    let train = |name: &'static str| {
        [
            "-w",
            "ws",
            "--output-format",
            "json",
            "train",
            "long.toml",
            "--dataset",
            "d",
            "--name",
            name,
        ]
    };
    let child = start(&bench, &train("stopped"));
    // The folder of the model is made right before the first step.
    wait_until("the training", || holds_files(&bench.path("ws/data/models")));
    compare(
        "train_twice_at_once",
        "-w ws train long.toml --dataset d --name stopped",
        &bench.run(&train("stopped")),
    );
    let run = bench.finish(interrupt(child));
    assert_eq!(run.code, 130, "{}", run.text());
    for part in [
        "error: interrupted: model `stopped` has learnt for",
        "hint: train it again",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.text());
    }
    assert_eq!(run.stdout, "", "nothing is made yet");
    assert_eq!(bench.ws_json(&["model", "ls"]), serde_json::json!([]));
    let resumed = bench.ok(&train("stopped")).json();
    assert!(
        resumed["resumed_at_step"].as_u64().is_some_and(|step| step > 0),
        "{resumed}"
    );
    let straight = bench.ok(&train("straight")).json();
    assert_eq!(resumed["model"]["digest"], straight["model"]["digest"]);
    assert_eq!(resumed["best"], straight["best"]);
}
