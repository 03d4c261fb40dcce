//! Draws of frames, against data sets in which frames are there so many times.

use guideway_eval::EvalError;
use guideway_eval::kitti::{KittiReport, Matches, files, match_detections};

use super::*;

/// A data set in which each frame is there so many times.
fn repeated(truth: &GroundTruth, detections: &[Detection], times: &[u32]) -> (GroundTruth, Vec<Detection>) {
    let mut copies = GroundTruth::new(0, truth.classes.clone());
    let mut found = Vec::new();
    for (frame, times) in (0..).zip(times) {
        for _ in 0..*times {
            let here = copies.frames;
            let labels = truth.labels.iter().filter(|label| label.object.frame == frame);
            copies.labels.extend(labels.map(|label| Label {
                object: Object {
                    frame: here,
                    ..label.object
                },
                ..*label
            }));
            let own = detections.iter().filter(|d| d.object.frame == frame);
            found.extend(own.map(|d| Detection {
                object: Object {
                    frame: here,
                    ..d.object
                },
                ..*d
            }));
            copies.frames += 1;
        }
    }
    (copies, found)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(1.0) || (a.is_nan() && b.is_nan())
}

/// To the last bit; of orientation to 1e-12, whose sums are made in another order.
fn assert_same(drawn: &KittiReport, evaluated: &KittiReport) {
    assert_eq!(drawn.frames, evaluated.frames);
    assert_eq!(drawn.labels, evaluated.labels);
    assert_eq!(drawn.detections, evaluated.detections);
    assert_eq!(drawn.classes.len(), evaluated.classes.len());
    for (a, b) in drawn.classes.iter().zip(&evaluated.classes) {
        let metrics = |class: &guideway_eval::kitti::ClassReport| -> Vec<Metric> {
            class.metrics.iter().map(|metric| metric.metric).collect()
        };
        assert_eq!((&a.name, metrics(a)), (&b.name, metrics(b)));
        for (a, b) in a.metrics.iter().zip(&b.metrics) {
            for (one, other) in a.levels.iter().zip(&b.levels) {
                assert_eq!(one.positives, other.positives);
                assert_eq!(one.thresholds, other.thresholds);
                assert_eq!(one.true_positives, other.true_positives);
                assert_eq!(one.false_positives, other.false_positives);
                assert_eq!(one.misses, other.misses);
                let values = |level: &guideway_eval::kitti::LevelReport| -> Vec<f64> {
                    let averages = level.averages.iter().map(|(_, value)| *value);
                    level.precision.iter().copied().chain(averages).collect()
                };
                let (one, other) = (values(one), values(other));
                assert_eq!(one.len(), other.len());
                for (one, other) in one.iter().zip(&other) {
                    let is_same = match a.metric {
                        Metric::Orientation => near(*one, *other),
                        _ => one.to_bits() == other.to_bits() || (one.is_nan() && other.is_nan()),
                    };
                    assert!(is_same, "{} {}: {one} {other}", b.metric, evaluated.frames);
                }
            }
        }
    }
}

fn check(matches: &Matches, truth: &GroundTruth, detections: &[Detection], times: &[u32], params: &KittiParams) {
    let (copies, found) = repeated(truth, detections, times);
    let evaluated = evaluate(&copies, &found, params).unwrap();
    assert_same(&matches.report_of_draw(times).unwrap(), &evaluated);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_draw_equals_the_data_set_it_stands_for(seed in any::<u64>(), frames in 1_u32..25) {
        let (truth, detections) = scene(seed, frames);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for params in [loose(), KittiParams::official()] {
            let matches = match_detections(&truth, &detections, &params).unwrap();
            check(&matches, &truth, &detections, &vec![1; frames as usize], &params);
            for _ in 0..3 {
                let times: Vec<u32> = (0..frames).map(|_| rng.random_range(0..4)).collect();
                check(&matches, &truth, &detections, &times, &params);
            }
        }
    }
}

#[test]
fn a_draw_of_many_frames_equals_the_data_set_it_stands_for() {
    let (truth, detections) = scene(5, 300);
    let times: Vec<u32> = (0..300).map(|frame| frame * 7 % 4).collect();
    let matches = match_detections(&truth, &detections, &loose()).unwrap();
    check(&matches, &truth, &detections, &times, &loose());
}

#[test]
fn what_is_computed_depends_on_the_frames_that_are_drawn() {
    let (truth, mut detections) = scene(3, 6);
    for detection in &mut detections {
        // Oriented in frame 0 alone, and in space elsewhere alone.
        if detection.object.frame > 0 {
            detection.object.alpha = -10.0;
        } else {
            detection.object.location = [-1000.0; 3];
        }
    }
    let matches = match_detections(&truth, &detections, &loose()).unwrap();
    for times in [[1, 0, 0, 0, 0, 0], [0, 2, 1, 0, 1, 1], [0; 6], [1; 6]] {
        check(&matches, &truth, &detections, &times, &loose());
    }
}

#[test]
fn once_each_are_the_numbers_of_the_development_kit() {
    let Some(cases) = cases("ref_kitti_object/visible") else {
        return;
    };
    for case in &cases {
        let params = KittiParams::official();
        let data = files::read(&case.join("label_2"), &case.join("result"), &Silent).unwrap();
        let matches = match_detections(&data.truth, &data.detections, &params).unwrap();
        let once = matches.report_of_draw(&vec![1; data.truth.frames as usize]).unwrap();
        assert_same(&once, &evaluate(&data.truth, &data.detections, &params).unwrap());
    }
}

#[test]
fn each_frame_has_a_number() {
    let (truth, detections) = scene(1, 4);
    let matches = match_detections(&truth, &detections, &loose()).unwrap();
    let wrong = matches.report_of_draw(&[1, 1]);
    assert!(matches!(wrong, Err(EvalError::Mismatch { a: 4, b: 2, .. })));
}

/// Measured on the reference data, as often as makes a val split of it.
#[test]
#[ignore = "prints a measurement: run with --ignored --nocapture"]
#[expect(clippy::disallowed_methods, reason = "a measurement; no result depends on it")]
fn speed_of_draws() {
    let Some(cases) = cases("ref_kitti_object/visible") else {
        return;
    };
    for case in &cases {
        let params = KittiParams::official();
        let data = files::read(&case.join("label_2"), &case.join("result"), &Silent).unwrap();
        let times = 3769 / data.truth.frames.max(1) + 1;
        let (truth, detections) = repeated(&data.truth, &data.detections, &vec![times; data.truth.frames as usize]);
        let begin = std::time::Instant::now();
        evaluate(&truth, &detections, &params).unwrap();
        let evaluated = begin.elapsed();
        let begin = std::time::Instant::now();
        let matches = match_detections(&truth, &detections, &params).unwrap();
        let matched = begin.elapsed();
        let groups: Vec<u32> = (0..truth.frames).map(|frame| frame / 50).collect();
        let how = guideway_eval::bootstrap::BootstrapParams {
            resamples: 500,
            ..Default::default()
        };
        let begin = std::time::Instant::now();
        let ends = guideway_eval::bootstrap::intervals_of(&groups, &how, |times| {
            let report = matches.report_of_draw(times).unwrap();
            vec![report.average("car", Metric::Image, "moderate", "AP_R40")]
        });
        println!(
            "{}: {} frames, {} labels, {} detections: evaluate {evaluated:?}, match {matched:?}, 500 draws {:?} {ends:?}",
            case.display(),
            truth.frames,
            truth.labels.len(),
            detections.len(),
            begin.elapsed()
        );
    }
}
