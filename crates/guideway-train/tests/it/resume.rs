//! A training that is killed and started again ends with the weights of one that was not.

#![allow(
    clippy::disallowed_methods,
    reason = "the moment of the kill is to differ from run to run"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use guideway_core::{Reporter, Silent, Task, Warning};
use guideway_train::{DetectorConfig, DeviceChoice, MemorySource, Training, train};

use crate::support::{ap50, shapes};
use crate::training::{classes, small};

const FOLDER: &str = "GUIDEWAY_TRAIN_TEST_FOLDER";
const STEPS: u64 = 24;

fn config() -> DetectorConfig {
    let mut config = small(8);
    config.train.checkpoint_every = 2;
    config.train.eval_every = 2;
    config
}

fn run(folder: &Path, reporter: &dyn Reporter) -> Option<u64> {
    let (config, classes) = (config(), classes());
    let source = MemorySource::new(shapes(20, 9));
    let validation = MemorySource::new(shapes(4, 10));
    let training = Training {
        config: &config,
        classes: &classes,
        train: &source,
        validation: Some(&validation),
        folder,
        device: DeviceChoice::Cpu,
        resume: true,
        start: None,
        stop: None,
    };
    let mut evaluate = |predictions: &[_]| Ok(ap50(predictions, validation.samples()));
    train(&training, &mut evaluate, reporter).unwrap().resumed_at
}

/// Says each step on stdout, for the process that is to kill this one.
struct Steps;

impl Reporter for Steps {
    fn begin(&self, what: &str, _total: Option<u64>, _unit: &str) -> Box<dyn Task> {
        if what == "training" {
            Box::new(Self)
        } else {
            Box::new(Silent)
        }
    }

    fn warn(&self, _warning: Warning) {}
}

impl Task for Steps {
    #[expect(clippy::print_stdout, reason = "the parent reads it")]
    fn advance(&self, amount: u64) {
        println!("\nsteps {amount}");
    }

    fn note(&self, _text: &str) {}
}

/// Not a test by itself: the process that [`a_killed_training_resumes_to_the_same_bits`] kills.
#[test]
#[ignore = "run as a process of its own by the test below"]
fn child() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        run(Path::new(&folder), &Steps);
    }
}

#[test]
fn a_killed_training_resumes_to_the_same_bits() {
    let whole = tempfile::tempdir().unwrap();
    assert_eq!(run(whole.path(), &Silent), None);
    let killed = tempfile::tempdir().unwrap();
    // Truly random: over many runs of this test every step gets its turn. The step is in the message of a failure.
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let moment = 3 + u64::from(nanos / 1000) % (STEPS - 5);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["resume::child", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, killed.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut steps = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Some(count) = line.unwrap().strip_prefix("steps ") {
            steps += count.parse::<u64>().unwrap();
        }
        if steps >= moment {
            break;
        }
    }
    assert_eq!(steps, moment, "the child ended before it could be killed");
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "killed at step {moment}");
    let resumed_at = run(killed.path(), &Silent).unwrap();
    assert!(
        (2..STEPS).contains(&resumed_at),
        "killed at step {moment}, resumed at {resumed_at}"
    );
    for file in ["model/model.safetensors", "checkpoint.safetensors", "history.json"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(
            read(whole.path()) == read(killed.path()),
            "{file} differs: killed at step {moment}"
        );
    }
}
