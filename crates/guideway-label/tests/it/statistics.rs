//! Rates and deviations over thousands of draws equal the settings. Seeds are fixed: what passes once passes always.

use std::collections::BTreeMap;

use guideway_core::BBox;
use guideway_label::{Answer, Currency, Labeler as _, LabelerConfig, Pool, SimulatedLabeler, Tally, Task, TruthBox};

const WIDTH: u32 = 4000;
const HEIGHT: u32 = 3000;
/// Standard errors that a result may be off.
const ERRORS: f64 = 4.0;

fn labeler(set: impl FnOnce(&mut LabelerConfig)) -> SimulatedLabeler {
    let mut config = LabelerConfig::perfect();
    set(&mut config);
    SimulatedLabeler::new(config, 5, Currency::USD).unwrap()
}

/// `count` boxes of one size well inside the image.
fn boxes(count: usize, width: f64, height: f64) -> Vec<TruthBox> {
    (0..count)
        .map(|i| {
            let bbox = BBox::from_xywh(1000.0 + (i % 40) as f64, 900.0 + (i % 90) as f64, width, height);
            TruthBox::new(format!("{i}"), "van", bbox)
        })
        .collect()
}

fn label(labeler: &SimulatedLabeler, frame: usize, truth: &[TruthBox]) -> Answer {
    let frame_id = format!("frame-{frame}");
    labeler
        .label(&Task {
            frame_id: &frame_id,
            width: WIDTH,
            height: HEIGHT,
            classes: &[],
            truth,
        })
        .unwrap()
}

/// Is a count that of a binomial distribution?
fn rate(count: usize, trials: usize, probability: f64) {
    let n = trials as f64;
    let off = (count as f64 - n * probability).abs();
    let error = (n * probability * (1.0 - probability)).sqrt();
    assert!(off <= ERRORS * error, "{count} of {trials} is not {probability}");
}

/// Are these draws of this mean and standard deviation?
fn normal(values: &[f64], mean: f64, deviation: f64) {
    let n = values.len() as f64;
    let m = values.iter().sum::<f64>() / n;
    let d = (values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    assert!(
        (m - mean).abs() <= ERRORS * deviation / n.sqrt(),
        "mean {m} is not {mean}"
    );
    assert!(
        (d - deviation).abs() <= ERRORS * deviation / (2.0 * n).sqrt(),
        "deviation {d} is not {deviation}"
    );
}

#[test]
fn misses_follow_the_rate_the_height_and_what_is_hidden() {
    let labeler = labeler(|c| {
        c.miss_rate = 0.1;
        c.miss_half_height_px = 12.0;
        c.miss_half_visible = 0.3;
        c.miss_steepness = 2.0;
        c.min_height_px = 9.0;
    });
    let cases = [
        (2000.0, 0.0, 0.0, 0.9 * (-0.09_f64).exp2()),
        (12.0, 0.0, 0.0, 0.9 * 0.5 * (-0.09_f64).exp2()),
        (24.0, 0.5, 0.0, 0.9 * (-0.25 - 0.36_f64).exp2()),
        (2000.0, 0.5, 0.4, 0.9 * 0.5),
        (8.9, 0.0, 0.0, 0.0),
    ];
    for (frame, (height, occlusion, truncation, expected)) in cases.into_iter().enumerate() {
        let mut truth = boxes(4000, 50.0, height);
        for truth in &mut truth {
            (truth.occlusion, truth.truncation) = (Some(occlusion), Some(truncation));
        }
        let found = label(&labeler, frame, &truth).boxes().len();
        rate(found, truth.len(), expected);
        if expected > 0.0 {
            assert!((labeler.chance_found(height, truth[0].visible()) - expected).abs() < 1e-4);
        }
    }
}

#[test]
fn classes_are_confused_as_the_table_says() {
    let labeler = labeler(|c| {
        c.confusion = toml::from_str("van = { car = 0.1, truck = 0.25 }").unwrap();
    });
    let truth = boxes(6000, 80.0, 60.0);
    let mut counts = BTreeMap::new();
    for b in label(&labeler, 0, &truth).boxes() {
        *counts.entry(b.class.clone()).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 3);
    for (class, probability) in [("van", 0.65), ("car", 0.1), ("truck", 0.25)] {
        rate(counts[class], truth.len(), probability);
    }
}

#[test]
fn every_side_has_its_noise() {
    let labeler = labeler(|c| {
        c.box_noise = 0.03;
        c.box_noise_px = 2.0;
    });
    let truth = boxes(6000, 200.0, 100.0);
    let answer = label(&labeler, 0, &truth);
    let off = |side: fn(&BBox) -> f64| -> Vec<f64> {
        answer
            .boxes()
            .iter()
            .zip(&truth)
            .map(|(b, t)| side(&b.bbox) - side(&t.bbox))
            .collect()
    };
    let [left, right, top, bottom] = [off(|b| b.x_min), off(|b| b.x_max), off(|b| b.y_min), off(|b| b.y_max)];
    normal(&left, 0.0, 6.0_f64.hypot(2.0));
    normal(&right, 0.0, 6.0_f64.hypot(2.0));
    normal(&top, 0.0, 3.0_f64.hypot(2.0));
    normal(&bottom, 0.0, 3.0_f64.hypot(2.0));
    // Independent: the width varies as two sides do.
    let width: Vec<f64> = left.iter().zip(&right).map(|(l, r)| r - l).collect();
    normal(&width, 0.0, 80.0_f64.sqrt());
}

#[test]
fn frames_are_refused_for_each_reason_alike() {
    let labeler = labeler(|c| {
        c.refusal_rate = 0.2;
        c.refusal_reasons = ["a", "b", "c"].map(str::to_owned).to_vec();
    });
    let mut counts = BTreeMap::new();
    for frame in 0..6000 {
        if let Some(refusal) = label(&labeler, frame, &[]).refusal() {
            *counts.entry(refusal.reason.clone()).or_insert(0_usize) += 1;
        }
    }
    let refused = counts.values().sum();
    rate(refused, 6000, 0.2);
    for reason in ["a", "b", "c"] {
        rate(counts[reason], refused, 1.0 / 3.0);
    }
}

#[test]
fn boxes_are_invented_at_the_rate_and_never_more_than_the_bound() {
    let truth = [
        TruthBox::new("a", "car", BBox::default()),
        TruthBox::new("b", "van", BBox::default()),
    ];
    for (invent_rate, chances) in [(0.05, 1), (0.6, 3), (2.0, 8)] {
        let labeler = labeler(|c| c.invent_rate = invent_rate);
        let frames = 3000;
        let (mut cars, mut invented) = (0, 0);
        for frame in 0..frames {
            let answer = label(&labeler, frame, &truth);
            assert!(answer.boxes().len() <= chances);
            assert!(answer.boxes().iter().all(|b| b.truth_id.is_none()));
            invented += answer.boxes().len();
            cars += answer.boxes().iter().filter(|b| b.class == "car").count();
        }
        rate(invented, frames * chances, invent_rate / chances as f64);
        rate(cars, invented, 0.5);
    }
}

#[test]
fn times_are_log_normal_about_the_mean() {
    let labeler = labeler(|c| c.time_spread = 0.4);
    let truth = boxes(3, 50.0, 50.0);
    let mean = 8.0 + 3.0 * 26.0;
    let logs: Vec<f64> = (0..6000)
        .map(|frame| (label(&labeler, frame, &truth).seconds / mean).ln())
        .collect();
    normal(&logs, -0.08, 0.4);
}

#[test]
fn frames_are_shared_as_the_file_says() {
    let pool = Pool::from_toml(
        "[[labelers]]\nname = \"a\"\nshare = 5\n[[labelers]]\nname = \"b\"\nshare = 3\n[[labelers]]\nname = \"c\"\nshare = 2",
    )
    .unwrap();
    let mut counts = BTreeMap::new();
    for frame in 0..6000 {
        *counts
            .entry(pool.assign(&format!("frame-{frame}")).name().to_owned())
            .or_insert(0) += 1;
    }
    for (name, share) in [("a", 0.5), ("b", 0.3), ("c", 0.2)] {
        rate(counts[name], 6000, share);
    }
}

#[test]
fn estimates_are_the_means() {
    let pool = Pool::from_toml(
        "[[labelers]]\nname = \"a\"\nshare = 3\nprice_per_box = 0.05\nrefusal_rate = 0.1\ninvent_rate = 1\nmiss_rate = 0.2\n\
         [[labelers]]\nname = \"b\"\nseconds_per_box = 7",
    )
    .unwrap();
    let truth = boxes(4, 500.0, 500.0);
    let estimate = pool.estimate(4).unwrap();
    assert_eq!(estimate.price_at_most.to_string(), "$0.412");
    let frames = 4000;
    let mut tally = Tally::new(pool.currency());
    for frame in 0..frames {
        let frame_id = format!("frame-{frame}");
        let task = Task {
            frame_id: &frame_id,
            width: WIDTH,
            height: HEIGHT,
            classes: &[],
            truth: &truth,
        };
        tally.add(&task, &pool.label(&task).unwrap()).unwrap();
    }
    // Standard deviations per frame are about 0.06 dollars and 50 s.
    let n = f64::from(frames);
    assert!((tally.price.to_f64() / n - estimate.price.to_f64()).abs() < ERRORS * 0.06 / n.sqrt());
    assert!((tally.seconds / n - estimate.seconds).abs() < ERRORS * 50.0 / n.sqrt());
}

#[test]
fn the_defaults_are_as_good_as_they_say() {
    let pool = Pool::default();
    for (size, iou) in [(100.0, 0.93), (30.0, 0.90), (10.0, 0.78)] {
        let truth = boxes(4000, size, size);
        let task = Task {
            frame_id: "frame-1",
            width: WIDTH,
            height: HEIGHT,
            classes: &[],
            truth: &truth,
        };
        let mut tally = Tally::new(pool.currency());
        tally.add(&task, &pool.label(&task).unwrap()).unwrap();
        let mean = tally.mean_iou().unwrap();
        assert!((mean - iou).abs() < 0.01, "{size} px: {mean}");
    }
}
