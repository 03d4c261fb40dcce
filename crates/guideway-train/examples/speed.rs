//! Images per second of training and prediction, as one line of JSON; `bench/train` sets it beside PyTorch.
//!
//! ```text
//! cargo run --release -p guideway-train --example speed -- CONFIG.toml
//! ```
#![expect(
    clippy::print_stdout,
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

use std::sync::{Arc, Mutex};
use std::time::Instant;

use guideway_core::{Reporter, Silent, Task, Warning};
use guideway_train::{DetectorConfig, DeviceChoice, MemorySource, Training, train};

const IMAGES: usize = 160;
const EPOCHS: usize = 6;
const CLASSES: usize = 5;

/// Notes when each epoch ends.
#[derive(Clone, Default)]
struct Clock(Arc<Mutex<Vec<Instant>>>);

impl Reporter for Clock {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: &str) -> Box<dyn Task> {
        Box::new(self.clone())
    }

    fn warn(&self, _warning: Warning) {}
}

impl Task for Clock {
    fn advance(&self, _amount: u64) {}

    fn note(&self, _text: &str) {
        self.0.lock().unwrap().push(Instant::now());
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("CONFIG.toml")?;
    let mut config = DetectorConfig::from_toml(&std::fs::read_to_string(path)?)?;
    config.train.epochs = EPOCHS;
    config.train.warmup_epochs = 0.0;
    config.predict.batch = config.train.batch;
    let source = MemorySource::new(support::shapes(IMAGES, 1));
    let classes: Vec<String> = (0..CLASSES).map(|class| class.to_string()).collect();
    let folder = std::env::temp_dir().join(format!("guideway-speed-{}", std::process::id()));
    let clock = Clock::default();
    let training = Training {
        config: &config,
        classes: &classes,
        train: &source,
        validation: None,
        folder: &folder,
        device: DeviceChoice::Cpu,
        resume: false,
        start: None,
        stop: None,
    };
    let trained = train(&training, &mut |_| Ok(0.0), &clock)?;
    std::fs::remove_dir_all(&folder)?;
    let ends = clock.0.lock().unwrap().clone();
    // The first epoch decodes and warms up.
    let fastest = ends
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64())
        .fold(f64::INFINITY, f64::min);
    let mut predicting = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        trained.detector.predict_all(&source, &Silent)?;
        predicting = predicting.min(start.elapsed().as_secs_f64());
    }
    println!(
        "{}",
        serde_json::json!({
            "who": "guideway",
            "threads": rayon::current_num_threads(),
            "weights": trained.detector.parameters()?,
            "train_images_per_second": IMAGES as f64 / fastest,
            "predict_images_per_second": IMAGES as f64 / predicting,
        })
    );
    Ok(())
}
