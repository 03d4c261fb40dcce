//! Trains a detector on a folder in YOLO's layout (`train`, `valid`, `test`, each with `images` and `labels`), compares
//! it with the best constant predictor, and prints one JSON object per seed.
//!
//! ```text
//! cargo run --release -p guideway-train --example vehicles -- FOLDER CONFIG.toml SEED… [--classes N]
//! ```
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    dead_code,
    reason = "a program to measure with; the support module is shared with the tests"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "measures time and writes to the temporary folder, which libraries must not"
)]

#[path = "../tests/it/support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::time::Instant;

use guideway_core::{Reporter, Task, Warning};
use guideway_train::{ConstantPredictor, DetectorConfig, DeviceChoice, MemorySource, Training, train};

/// Progress as lines on stderr.
struct Lines;

impl Reporter for Lines {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: &str) -> Box<dyn Task> {
        Box::new(Self)
    }

    fn warn(&self, warning: Warning) {
        eprintln!("{}: {} ({})", warning.code, warning.message, warning.location);
    }
}

impl Task for Lines {
    fn advance(&self, _amount: u64) {}

    fn note(&self, text: &str) {
        eprintln!("{text}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "FOLDER CONFIG.toml SEED…";
    let folder = PathBuf::from(arguments.next().ok_or(usage)?);
    let config = std::fs::read_to_string(arguments.next().ok_or(usage)?)?;
    let mut config = DetectorConfig::from_toml(&config)?;
    let seeds = arguments.map(|seed| seed.parse()).collect::<Result<Vec<u64>, _>>()?;

    let mut learnt = support::yolo_folder(&folder.join("train"));
    learnt.extend(support::yolo_folder(&folder.join("valid")));
    let test = support::yolo_folder(&folder.join("test"));
    let count = learnt
        .iter()
        .flat_map(|s| &s.boxes)
        .map(|b| b.class + 1)
        .max()
        .unwrap_or(0);
    let classes: Vec<String> = (0..count).map(|class| class.to_string()).collect();
    let (learnt, test) = (MemorySource::new(learnt), MemorySource::new(test));

    let constant = ConstantPredictor::fit(&learnt, 20)?;
    let fixed: Vec<_> = test
        .samples()
        .iter()
        .map(|s| constant.predict(&s.id, s.width, s.height))
        .collect();
    let constant = support::ap50(&fixed, test.samples());
    eprintln!("constant predictor: AP50 {constant:.4}");

    for seed in seeds {
        config.train.seed = seed;
        let out = std::env::temp_dir().join(format!("guideway-vehicles-{}-{seed}", std::process::id()));
        let started = Instant::now();
        let training = Training {
            config: &config,
            classes: &classes,
            train: &learnt,
            validation: None,
            folder: &out,
            device: DeviceChoice::Cpu,
            resume: false,
            start: None,
            stop: None,
        };
        let trained = train(&training, &mut |_| Ok(0.0), &Lines)?;
        let seconds = started.elapsed().as_secs_f64();
        let predictions = trained.detector.predict_all(&test, &Lines)?;
        let ap50 = support::ap50(&predictions, test.samples());
        let on_learnt = support::ap50(&trained.detector.predict_all(&learnt, &Lines)?, learnt.samples());
        let loss = trained.history.epochs.last().map(|epoch| epoch.loss);
        println!(
            "{}",
            serde_json::json!({
                "seed": seed,
                "ap50": ap50,
                "constant_ap50": constant,
                "ratio": ap50 / constant,
                "ap50_on_training_images": on_learnt,
                "last_loss": loss,
                "seconds": seconds,
                "weights": trained.detector.parameters()?,
            })
        );
        std::fs::remove_dir_all(out)?;
    }
    Ok(())
}
