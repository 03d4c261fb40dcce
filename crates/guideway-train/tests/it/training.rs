//! What a training learns, and that it always learns the same.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use guideway_core::Silent;
use guideway_train::{
    DetectorConfig, DeviceChoice, History, MemorySource, Sample, SampleSource, SourceError, TrainError, Trained,
    Training, train,
};

use crate::support::{Collected, ap50, shapes};

pub(crate) fn classes() -> Vec<String> {
    vec!["bright".to_owned(), "cross".to_owned()]
}

/// A network that trains in seconds.
pub(crate) fn small(epochs: usize) -> DetectorConfig {
    let mut config = DetectorConfig::default();
    config.model.input_width = 96;
    config.model.input_height = 96;
    config.model.width = 8;
    config.model.neck = 16;
    config.model.depth = 0;
    config.model.strides = vec![8, 16];
    config.train.epochs = epochs;
    config.train.batch = 8;
    config.train.learning_rate = 5e-3;
    config.train.ema_decay = 0.95;
    config.augment.color = 0.1;
    config
}

fn training<'a>(
    config: &'a DetectorConfig,
    classes: &'a [String],
    source: &'a dyn SampleSource,
    folder: &'a Path,
) -> Training<'a> {
    Training {
        config,
        classes,
        train: source,
        validation: None,
        folder,
        device: DeviceChoice::Cpu,
        resume: false,
        start: None,
        stop: None,
    }
}

/// Trains without evaluation in a fresh folder and returns the saved weights' bytes.
fn weights(config: &DetectorConfig, source: &dyn SampleSource) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    train(
        &training(config, &classes(), source, folder.path()),
        &mut |_| Ok(0.0),
        &Silent,
    )
    .unwrap();
    std::fs::read(folder.path().join("model/model.safetensors")).unwrap()
}

#[test]
fn it_learns_drawn_shapes_and_finds_them_in_new_images() {
    let mut config = small(40);
    config.train.eval_every = 20;
    let source = MemorySource::new(shapes(48, 1));
    let fresh = MemorySource::new(shapes(24, 2));
    let folder = tempfile::tempdir().unwrap();
    let classes = classes();
    let mut training = training(&config, &classes, &source, folder.path());
    training.validation = Some(&fresh);
    let mut evaluate = |predictions: &[_]| Ok::<f64, SourceError>(ap50(predictions, fresh.samples()));
    let Trained { detector, history, .. } = train(&training, &mut evaluate, &Silent).unwrap();
    let score = ap50(&detector.predict_all(&fresh, &Silent).unwrap(), fresh.samples());
    assert!(score > 0.6, "AP50 {score}: {history:?}");
    assert_eq!(
        history.best_metric,
        Some(score),
        "the best evaluation's weights are the ones kept"
    );
    assert_eq!(history.epochs.iter().filter(|epoch| epoch.metric.is_some()).count(), 2);
    assert!(history.epochs[39].loss < 0.5 * history.epochs[0].loss);
    let stored = std::fs::read(folder.path().join("history.json")).unwrap();
    assert_eq!(serde_json::from_slice::<History>(&stored).unwrap(), history);
}

#[test]
fn the_same_seed_gives_the_same_weights_on_any_number_of_threads() {
    let source = MemorySource::new(shapes(20, 3));
    let mut config = small(2);
    config.augment.mosaic = 0.5;
    let run = |threads: usize, config: &DetectorConfig| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| weights(config, &source))
    };
    config.train.loader_threads = 1;
    let one = run(1, &config);
    config.train.loader_threads = 4;
    config.train.cache_mb = 0;
    assert!(
        one == run(4, &config),
        "four threads and no cache gave other weights than one thread"
    );
    config.train.seed = 1;
    assert!(one != run(1, &config), "another seed gave the same weights");
}

#[test]
fn images_stand_for_as_many_passes_as_fit() {
    let source = MemorySource::new(shapes(20, 3));
    let mut config = small(1);
    config.train.images = Some(50);
    let counted = weights(&config, &source);
    assert!(
        counted == weights(&small(2), &source),
        "50 images are two passes over 20"
    );
    config.train.images = Some(7);
    assert!(counted != weights(&config, &source), "7 images are one pass over 20");
}

#[test]
fn a_training_that_no_longer_improves_stops_and_keeps_its_best() {
    let mut config = small(30);
    config.train.eval_every = 1;
    config.train.patience = 3;
    let source = MemorySource::new(shapes(8, 4));
    let folder = tempfile::tempdir().unwrap();
    let classes = classes();
    let mut training = training(&config, &classes, &source, folder.path());
    training.validation = Some(&source);
    let mut scores = [0.1, 0.4, 0.2, f64::NAN, 0.3].into_iter();
    let trained = train(&training, &mut |_| Ok(scores.next().unwrap()), &Silent).unwrap();
    assert!(trained.finished && trained.history.stopped_early);
    assert_eq!(trained.history.epochs.len(), 5);
    assert_eq!(trained.history.best_epoch, Some(2));
}

#[test]
fn a_stopped_training_continues_to_the_same_weights() {
    let config = small(3);
    let source = MemorySource::new(shapes(20, 5));
    let whole = weights(&config, &source);
    let folder = tempfile::tempdir().unwrap();
    let classes = classes();
    let stop = AtomicBool::new(true);
    let mut training = training(&config, &classes, &source, folder.path());
    training.resume = true;
    training.stop = Some(&stop);
    // Each run makes one step: 3 epochs of 3 steps.
    for step in 0..8 {
        let trained = train(&training, &mut |_| Ok(0.0), &Silent).unwrap();
        assert!(!trained.finished);
        assert_eq!(trained.resumed_at.unwrap_or(0), step);
    }
    stop.store(false, Ordering::Relaxed);
    assert!(train(&training, &mut |_| Ok(0.0), &Silent).unwrap().finished);
    assert!(std::fs::read(folder.path().join("model/model.safetensors")).unwrap() == whole);

    // A checkpoint of another training, and a damaged one, are refused.
    let other = small(4);
    training.config = &other;
    let error = train(&training, &mut |_| Ok(0.0), &Silent).unwrap_err();
    assert!(
        matches!(
            error,
            TrainError::CheckpointMismatch {
                what: "another configuration",
                ..
            }
        ),
        "{error}"
    );
    training.config = &config;
    let path = folder.path().join("checkpoint.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = train(&training, &mut |_| Ok(0.0), &Silent).unwrap_err();
    assert!(matches!(error, TrainError::Weights { .. }), "{error}");
}

#[test]
fn damaged_samples_are_counted_and_left_out() {
    let config = small(2);
    let mut samples = shapes(10, 6);
    samples[3].media.truncate(50);
    samples[5].boxes[0].bbox.x_min = f64::NAN;
    let reporter = Collected::default();
    let folder = tempfile::tempdir().unwrap();
    let classes = classes();
    let source = MemorySource::new(samples.clone());
    train(
        &training(&config, &classes, &source, folder.path()),
        &mut |_| Ok(0.0),
        &reporter,
    )
    .unwrap();
    let warnings = reporter.take();
    let of = |code: &str| -> Vec<(String, u64)> {
        let own = warnings.iter().filter(|w| w.code == code);
        own.map(|w| (w.location.clone(), w.count)).collect()
    };
    assert_eq!(of("broken-image"), [("shape-003".to_owned(), 1)]);
    assert_eq!(of("invalid-box"), [("shape-005".to_owned(), 1)]);

    let none = MemorySource::new(samples[3..4].to_vec());
    let error = train(
        &training(&config, &classes, &none, folder.path()),
        &mut |_| Ok(0.0),
        &Silent,
    )
    .unwrap_err();
    assert!(matches!(error, TrainError::NoSamples { .. }), "{error}");
    let empty = MemorySource::default();
    let error = train(
        &training(&config, &classes, &empty, folder.path()),
        &mut |_| Ok(0.0),
        &Silent,
    )
    .unwrap_err();
    assert!(matches!(error, TrainError::NoSamples { .. }), "{error}");
}

/// A source that fails at one sample.
struct Failing(MemorySource);

impl SampleSource for Failing {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn fetch(&self, indices: &[usize]) -> Result<Vec<Sample>, SourceError> {
        if indices.contains(&4) {
            return Err("the disk is gone".into());
        }
        self.0.fetch(indices)
    }
}

#[test]
fn a_failing_source_and_an_unknown_class_end_the_training() {
    let config = small(2);
    let folder = tempfile::tempdir().unwrap();
    let names = classes();
    let failing = Failing(MemorySource::new(shapes(10, 7)));
    let error = train(
        &training(&config, &names, &failing, folder.path()),
        &mut |_| Ok(0.0),
        &Silent,
    )
    .unwrap_err();
    assert!(matches!(error, TrainError::Source { first: 4, .. }), "{error}");
    let mut samples = shapes(4, 8);
    samples[2].boxes[0].class = 9;
    let source = MemorySource::new(samples);
    let error = train(
        &training(&config, &names, &source, folder.path()),
        &mut |_| Ok(0.0),
        &Silent,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "sample shape-002 has a box of class 9, but there are 2 classes"
    );
}

#[test]
fn a_training_starts_from_the_weights_of_another() {
    let source = MemorySource::new(shapes(16, 6));
    let first = tempfile::tempdir().unwrap();
    let classes = classes();
    let config = small(2);
    let start = train(
        &training(&config, &classes, &source, first.path()),
        &mut |_| Ok(0.0),
        &Silent,
    )
    .unwrap()
    .detector;

    // Steps so small that nothing is learnt: what comes out is what went in.
    let mut still = small(1);
    still.train.learning_rate = 1e-12;
    still.train.seed = 9;
    let second = tempfile::tempdir().unwrap();
    let mut tuning = training(&still, &classes, &source, second.path());
    tuning.start = Some(&start);
    let tuned = train(&tuning, &mut |_| Ok(0.0), &Silent).unwrap().detector;
    let boxes = |detector: &guideway_train::Detector| detector.predict_all(&source, &Silent).unwrap();
    assert!(boxes(&start).iter().any(|found| !found.boxes.is_empty()));
    for (before, after) in boxes(&start).iter().zip(boxes(&tuned)) {
        assert_eq!(before.classes, after.classes);
        for (a, b) in before.scores.iter().zip(&after.scores) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }

    let other = ["bright".to_owned(), "square".to_owned()];
    let mut wrong = training(&still, &other, &source, second.path());
    wrong.start = Some(&start);
    let refused = train(&wrong, &mut |_| Ok(0.0), &Silent);
    assert!(matches!(refused, Err(TrainError::Start { .. })), "{refused:?}");
    let mut wider = still.clone();
    wider.model.neck = 24;
    let mut wrong = training(&wider, &classes, &source, second.path());
    wrong.start = Some(&start);
    let refused = train(&wrong, &mut |_| Ok(0.0), &Silent);
    assert!(matches!(refused, Err(TrainError::Start { .. })), "{refused:?}");
}
