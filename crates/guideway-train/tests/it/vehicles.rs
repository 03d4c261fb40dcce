//! Real photographs with boxes.

use guideway_core::Silent;
use guideway_train::{ConstantPredictor, DetectorConfig, DeviceChoice, MemorySource, Training, train};

use crate::support::{Collected, ap50, yolo_folder};

#[test]
fn the_committed_configuration_learns_from_real_photographs() {
    let Some(folder) = guideway_testkit::data("vehicles_openimages") else {
        return;
    };
    let mut config = DetectorConfig::from_toml(include_str!("../../configs/vehicles.toml")).unwrap();
    config.train.epochs = 3;
    config.train.warmup_epochs = 1.0;
    let mut samples = yolo_folder(&folder.join("train"));
    samples.truncate(16);
    let source = MemorySource::new(samples);
    let classes: Vec<String> = ["ambulance", "bus", "car", "motorcycle", "truck"]
        .map(str::to_owned)
        .to_vec();
    let out = tempfile::tempdir().unwrap();
    let training = Training {
        config: &config,
        classes: &classes,
        train: &source,
        validation: None,
        folder: out.path(),
        device: DeviceChoice::Cpu,
        resume: false,
        start: None,
        stop: None,
    };
    let reporter = Collected::default();
    let trained = train(&training, &mut |_| Ok(0.0), &reporter).unwrap();
    assert_eq!(reporter.take(), []);
    let losses: Vec<f64> = trained.history.epochs.iter().map(|epoch| epoch.loss).collect();
    assert!(losses[2] < losses[0], "{losses:?}");
    assert_eq!(trained.detector.predict_all(&source, &Silent).unwrap().len(), 16);
}

#[test]
fn the_constant_predictor_is_a_bar_above_zero() {
    let Some(folder) = guideway_testkit::data("vehicles_openimages") else {
        return;
    };
    let mut learnt = yolo_folder(&folder.join("train"));
    learnt.extend(yolo_folder(&folder.join("valid")));
    let test = yolo_folder(&folder.join("test"));
    let constant = ConstantPredictor::fit(&MemorySource::new(learnt), 20).unwrap();
    let predictions: Vec<_> = test
        .iter()
        .map(|s| constant.predict(&s.id, s.width, s.height))
        .collect();
    let score = ap50(&predictions, &test);
    assert!(score > 0.05 && score < 0.15, "{score}");
}
