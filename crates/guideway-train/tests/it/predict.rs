//! What a detector says, and that it says the same after saving, in any batch, on any number of threads.

use guideway_core::Silent;
use guideway_train::{Detector, DeviceChoice, Inference, MemorySource, TrainError, Wanted};
use image::{ImageFormat, Rgb, RgbImage};

use crate::support::{Collected, shapes};
use crate::training::{classes, small};

fn everything(detector: &Detector, source: &MemorySource) -> Vec<Inference> {
    let mut all = Vec::new();
    let wanted = Wanted {
        maps: true,
        features: true,
        embedding: true,
    };
    let mut sink = |inference| {
        all.push(inference);
        Ok(())
    };
    detector.predict(source, wanted, &Silent, &mut sink).unwrap();
    all
}

/// Random weights find nothing with confidence, so every cell is kept.
fn detector(batch: usize) -> Detector {
    let mut config = small(1);
    config.predict.score_threshold = 0.0;
    config.predict.batch = batch;
    Detector::new(config, classes(), DeviceChoice::Cpu).unwrap()
}

#[test]
fn neither_the_batch_nor_the_threads_change_a_prediction() {
    let source = MemorySource::new(shapes(7, 11));
    let run = |batch: usize, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| everything(&detector(batch), &source))
    };
    let alone = run(1, 1);
    assert_eq!(alone.len(), 7);
    assert!(alone.iter().all(|inference| !inference.prediction.boxes.is_empty()));
    assert!(alone == run(7, 4));
    assert!(alone == run(3, 2));
}

#[test]
fn a_saved_detector_predicts_the_same_and_a_damaged_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = MemorySource::new(shapes(3, 12));
    let first = detector(4);
    first.save(folder.path()).unwrap();
    let second = Detector::load(folder.path(), DeviceChoice::Cpu).unwrap();
    assert_eq!(second.classes(), classes());
    assert_eq!(first.parameters().unwrap(), second.parameters().unwrap());
    assert!(everything(&first, &source) == everything(&second, &source));

    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    assert!(matches!(
        Detector::load(folder.path(), DeviceChoice::Cpu),
        Err(TrainError::Weights { .. })
    ));
    std::fs::write(&path, &bytes).unwrap();
    let config = std::fs::read_to_string(folder.path().join("config.toml")).unwrap();
    std::fs::write(
        folder.path().join("config.toml"),
        config.replace("neck = 16", "neck = 24"),
    )
    .unwrap();
    assert!(matches!(
        Detector::load(folder.path(), DeviceChoice::Cpu),
        Err(TrainError::WeightsMismatch { .. })
    ));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(
        Detector::load(folder.path(), DeviceChoice::Cpu),
        Err(TrainError::Io { .. })
    ));
}

#[test]
fn maps_and_embeddings_have_the_documented_shapes() {
    let source = MemorySource::new(shapes(2, 13));
    let all = everything(&detector(2), &source);
    for inference in &all {
        let maps = inference.maps.as_ref().unwrap();
        let sizes: Vec<_> = maps
            .levels
            .iter()
            .map(|l| (l.stride, l.height, l.width, l.values.len()))
            .collect();
        assert_eq!(sizes, [(8, 12, 12, 2 * 144), (16, 6, 6, 2 * 36)]);
        let probabilities = maps.levels.iter().flat_map(|level| &level.values);
        assert!(probabilities.clone().all(|p| (0.0..=1.0).contains(p)));
        // The strongest box has the strongest cell's probability.
        let strongest = probabilities.fold(0.0_f32, |a, b| a.max(*b));
        assert_eq!(inference.prediction.scores[0], strongest);
        assert_eq!(inference.embedding.len(), 8 * 16);
        assert!(inference.prediction.scores.windows(2).all(|pair| pair[0] >= pair[1]));
    }
    assert!(all[0].embedding != all[1].embedding);
    let plain = detector(2).predict_all(&source, &Silent).unwrap();
    assert!(plain.iter().zip(&all).all(|(a, b)| *a == b.prediction));
}

#[test]
fn boxes_lie_in_the_original_image_and_broken_images_are_counted() {
    let mut samples = shapes(3, 14);
    // Wide: the network sees it with bars above and below.
    let wide = RgbImage::from_fn(300, 60, |x, y| Rgb([(x % 256) as u8, (y * 4) as u8, 128]));
    let mut media = std::io::Cursor::new(Vec::new());
    wide.write_to(&mut media, ImageFormat::Jpeg).unwrap();
    samples[0].media = media.into_inner();
    (samples[0].width, samples[0].height) = (300, 60);
    samples[1].media = b"no image".to_vec();
    let reporter = Collected::default();
    let mut predictions = Vec::new();
    let mut sink = |inference: Inference| {
        predictions.push(inference.prediction);
        Ok(())
    };
    let source = MemorySource::new(samples);
    let summary = detector(2)
        .predict(&source, Wanted::default(), &reporter, &mut sink)
        .unwrap();
    assert_eq!((summary.images, summary.broken), (2, 1));
    assert_eq!(reporter.take().len(), 1);
    assert_eq!(predictions[0].id, "shape-000");
    assert!(predictions[0].boxes.iter().any(|b| b.x_max > 200.0));
    assert!(
        predictions[0]
            .boxes
            .iter()
            .all(|b| b.is_valid() && b.x_max <= 300.0 && b.y_max <= 60.0)
    );
    let error = detector(2).predict(&source, Wanted::default(), &Silent, &mut |_| {
        Err("the table is full".into())
    });
    assert!(matches!(error, Err(TrainError::Source { first: 0, .. })));
}

#[test]
fn detectors_together_say_what_each_says_alone() {
    let source = MemorySource::new(shapes(5, 13));
    let first = detector(2);
    let second = first.with_dropout(0.5, 1).unwrap();
    let mut together = Vec::new();
    let mut sink = |inferences| {
        together.push(inferences);
        Ok(())
    };
    let wanted = Wanted {
        maps: true,
        features: true,
        embedding: true,
    };
    let summary = Detector::predict_together(&[&first, &second], &source, wanted, &Silent, &mut sink).unwrap();
    assert_eq!(summary.images, 5);
    let apart = everything(&first, &source)
        .into_iter()
        .zip(everything(&second, &source));
    let apart: Vec<Vec<Inference>> = apart.map(|(a, b)| vec![a, b]).collect();
    assert!(together == apart);
}

#[test]
fn dropout_changes_what_is_said_and_nothing_dropped_changes_nothing() {
    let source = MemorySource::new(shapes(2, 14));
    let whole = detector(2);
    let said = |detector: &Detector| everything(detector, &source);
    assert!(said(&whole) == said(&whole.with_dropout(0.0, 3).unwrap()));
    let (one, two) = (whole.with_dropout(0.3, 1).unwrap(), whole.with_dropout(0.3, 2).unwrap());
    assert!(said(&one) == said(&whole.with_dropout(0.3, 1).unwrap()));
    let values = |detector: &Detector| said(detector)[0].maps.as_ref().unwrap().levels[0].values.clone();
    assert_ne!(values(&one), values(&whole));
    assert_ne!(values(&one), values(&two));
    assert!(matches!(
        whole.with_dropout(1.0, 1),
        Err(TrainError::ConfigValue { .. })
    ));
}

#[test]
fn features_come_with_the_maps() {
    let source = MemorySource::new(shapes(1, 15));
    let maps = everything(&detector(1), &source)[0].maps.clone().unwrap();
    for level in &maps.levels {
        let cells = level.height * level.width;
        assert_eq!(level.values.len(), classes().len() * cells, "classes");
        assert_eq!(level.features.len(), 16 * cells, "the neck's channels");
        assert!(
            level.features.iter().all(|f| f.is_finite() && *f >= 0.0),
            "after a rectifier"
        );
    }
}
