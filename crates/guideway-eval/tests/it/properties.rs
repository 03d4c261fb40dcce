//! What must hold for any input.

use guideway_eval::coco::{CocoParams, Detections, GroundTruth, IouType, Matches, match_detections, summarize};
use proptest::prelude::*;

use crate::generate::scene;

fn matches(truth: &GroundTruth, det: &Detections) -> Matches {
    match_detections(truth, det, IouType::Bbox, &CocoParams::default()).unwrap()
}

fn summary(truth: &GroundTruth, det: &Detections) -> Vec<Option<f64>> {
    let m = matches(truth, det);
    let acc = m.accumulate(None).unwrap();
    summarize(&m.params, &acc).into_iter().map(|stat| stat.value).collect()
}

/// Detections that are the labels.
fn perfect(truth: &GroundTruth) -> Detections {
    let mut det = Detections::default();
    for row in 0..truth.len() {
        if truth.is_counted(row) {
            det.push(truth.image[row], truth.class[row], truth.boxes[row], 0.5);
        }
    }
    det
}

/// The same rows in another order.
fn permuted(det: &Detections, order: &[usize]) -> Detections {
    let mut out = Detections::default();
    for row in order {
        out.push(det.image[*row], det.class[*row], det.boxes[*row], det.score[*row]);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn numbers_are_ratios(seed in any::<u64>()) {
        let (truth, det) = scene(seed, 12, 3);
        for value in summary(&truth, &det).into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&value), "{value}");
        }
    }

    #[test]
    fn perfect_detections_score_one(seed in any::<u64>()) {
        let (mut truth, _) = scene(seed, 12, 3);
        // labels that overlap could be taken by one another's detection only at equal IoU, which does no harm
        truth.crowd.fill(false);
        let det = perfect(&truth);
        let values = summary(&truth, &det);
        prop_assume!(!truth.is_empty());
        for place in [0, 1, 2, 3, 4, 5, 8] {
            if let Some(value) = values[place] {
                prop_assert!((value - 1.0).abs() < 1e-9, "{place}: {value}");
            }
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter_without_ties(seed in any::<u64>(), shuffle in any::<u64>()) {
        let (truth, mut det) = scene(seed, 10, 3);
        let n = det.len();
        for (row, score) in det.score.iter_mut().enumerate() {
            *score = (row as f64 + 1.0) / (n as f64 + 1.0);
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|row| (*row as u64 ^ shuffle).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        prop_assert_eq!(summary(&truth, &det), summary(&truth, &permuted(&det, &order)));
    }

    #[test]
    fn only_the_order_of_scores_matters(seed in any::<u64>()) {
        let (truth, mut det) = scene(seed, 10, 3);
        let before = summary(&truth, &det);
        for score in &mut det.score {
            *score = score.powi(3) * 7.0 - 3.0;
        }
        prop_assert_eq!(before, summary(&truth, &det));
    }

    #[test]
    fn a_weight_is_a_repetition(seed in any::<u64>(), picks in prop::collection::vec(0_u32..3, 8)) {
        let (truth, det) = scene(seed, 8, 2);
        // the images really repeated, with ties broken by the image they come from, as weights do
        let mut long_truth = GroundTruth::new(0, 2);
        let mut long_det = Detections::default();
        for (image, times) in picks.iter().enumerate() {
            for _ in 0..*times {
                for row in (0..truth.len()).filter(|row| truth.image[*row] as usize == image) {
                    long_truth.push(long_truth.images, truth.class[row], truth.boxes[row]);
                    let last = long_truth.len() - 1;
                    long_truth.crowd[last] = truth.crowd[row];
                }
                for row in (0..det.len()).filter(|row| det.image[*row] as usize == image) {
                    // no ties: within a repeated image they would be ranked apart
                    let score = det.score[row] + row as f64 * 1e-6;
                    long_det.push(long_truth.images, det.class[row], det.boxes[row], score);
                }
                long_truth.images += 1;
            }
        }
        let mut untied = det.clone();
        for (row, score) in untied.score.iter_mut().enumerate() {
            *score += row as f64 * 1e-6;
        }
        let m = matches(&truth, &untied);
        let weighted = summarize(&m.params, &m.accumulate(Some(&picks)).unwrap());
        let repeated = summary(&long_truth, &long_det);
        for (weighted, repeated) in weighted.iter().zip(repeated) {
            match (weighted.value, repeated) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-12, "{}: {a} {b}", weighted.name),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}

#[test]
fn one_thread_or_many_give_the_same_bits() {
    let (truth, det) = scene(3, 400, 5);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let m = matches(&truth, &det);
            let acc = m.accumulate(None).unwrap();
            (m, acc)
        })
    };
    let one = run(1);
    assert!(one.1.ap(None, 0, None).unwrap() > 0.1);
    for threads in [2, 5] {
        assert!(run(threads) == one);
    }
}

#[test]
fn bad_columns_are_refused() {
    let (truth, det) = scene(1, 4, 2);
    let refuse = |truth: &GroundTruth, det: &Detections, iou_type| {
        match_detections(truth, det, iou_type, &CocoParams::default())
            .unwrap_err()
            .to_string()
    };
    let mut bad = det.clone();
    bad.score[2] = f64::NAN;
    insta::assert_snapshot!(refuse(&truth, &bad, IouType::Bbox), @"detections: row 2 has `score` NaN, which is not a finite number");
    let mut bad = det.clone();
    bad.boxes[1][3] = f64::INFINITY;
    insta::assert_snapshot!(refuse(&truth, &bad, IouType::Bbox), @"detections: row 1 has `boxes` inf, which is not a finite number");
    let mut bad = truth.clone();
    bad.class[0] = 2;
    insta::assert_snapshot!(refuse(&bad, &det, IouType::Bbox), @"ground truth: row 0 has `class` 2, and there are only 2");
    let mut bad = truth.clone();
    bad.area.pop();
    assert!(refuse(&bad, &det, IouType::Bbox).starts_with("ground truth: column `area` has"));
    insta::assert_snapshot!(refuse(&truth, &det, IouType::Segm), @"ground truth: there are no masks, and the IoU type is `segm`");
}
