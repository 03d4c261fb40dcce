//! Slices from one matching pass, against evaluating what is left of the input when the rest is taken out.

use guideway_eval::EvalError;
use guideway_eval::bootstrap::BootstrapParams;
use guideway_eval::coco::{
    CocoParams, DetectionState, Detections, FoundAt, GroundTruth, IouType, Matches, Part, assign, match_detections,
    summarize,
};
use guideway_eval::objects3d::Slice;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

const AT: FoundAt = FoundAt {
    iou: 0.5,
    min_score: 0.4,
};

/// Labels with crowds and ignored ones among them, and detections near them and elsewhere.
fn scene(rng: &mut ChaCha8Rng, images: u32) -> (GroundTruth, Detections) {
    let mut truth = GroundTruth::new(images, 3);
    let mut found = Detections::default();
    for image in 0..images {
        for _ in 0..rng.random_range(0..6_u32) {
            let class = rng.random_range(0..3);
            let label = [
                rng.random_range(0.0..90.0),
                rng.random_range(0.0..90.0),
                rng.random_range(10.0..120.0),
                rng.random_range(10.0..120.0),
            ];
            truth.push(image, class, label);
            *truth.crowd.last_mut().unwrap() = rng.random_bool(0.05);
            *truth.ignore.last_mut().unwrap() = rng.random_bool(0.1);
            for _ in 0..rng.random_range(0..4_u32) {
                let near = label.map(|v| v + rng.random_range(-6.0..6.0));
                found.push(image, class, near, rng.random_range(0.0..1.0));
            }
        }
        for _ in 0..rng.random_range(0..3_u32) {
            let anywhere = [rng.random_range(0.0..90.0), rng.random_range(0.0..90.0), 40.0, 40.0];
            found.push(image, rng.random_range(0..3), anywhere, rng.random_range(0.0..1.0));
        }
    }
    (truth, found)
}

fn matched(truth: &GroundTruth, found: &Detections) -> Matches {
    match_detections(truth, found, IouType::Bbox, &CocoParams::default()).unwrap()
}

fn value(part: &Part, class: Option<u32>, metric: &str, weights: Option<&[u32]>) -> Option<f64> {
    let place = part
        .cells()
        .iter()
        .position(|cell| cell.class == class && cell.metric == metric)?;
    part.values(weights).unwrap()[place]
}

/// The input with these images, labels and detections alone.
fn filtered(
    (truth, found): (&GroundTruth, &Detections),
    labels: impl Fn(usize) -> bool,
    detections: impl Fn(usize) -> bool,
) -> (GroundTruth, Detections) {
    let mut less = GroundTruth::new(truth.images, truth.classes);
    for row in (0..truth.len()).filter(|row| labels(*row)) {
        less.push(truth.image[row], truth.class[row], truth.boxes[row]);
        *less.crowd.last_mut().unwrap() = truth.crowd[row];
        *less.ignore.last_mut().unwrap() = truth.ignore[row];
    }
    let mut fewer = Detections::default();
    for row in (0..found.len()).filter(|row| detections(*row)) {
        fewer.push(found.image[row], found.class[row], found.boxes[row], found.score[row]);
    }
    (less, fewer)
}

fn found_labels(truth: &GroundTruth, found: &Detections) -> Vec<bool> {
    let params = CocoParams::default();
    let assigned = assign(truth, found, IouType::Bbox, &params, AT.iou, AT.min_score).unwrap();
    let mut is_found = vec![false; truth.len()];
    for state in &assigned.detection {
        if let DetectionState::Matched { label, .. } = state {
            is_found[*label as usize] = true;
        }
    }
    is_found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn labels_of_a_slice_are_as_if_the_rest_were_taken_out(seed in any::<u64>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (truth, found) = scene(&mut rng, 8);
        let labels: Vec<bool> = (0..truth.len()).map(|_| rng.random_bool(0.5)).collect();
        let detections: Vec<bool> = (0..found.len()).map(|_| rng.random_bool(0.7)).collect();
        let slice = Slice::new("some").labels(labels.clone()).detections(detections.clone());
        let part = matched(&truth, &found).part(&slice, AT).unwrap();
        for (metric, iou) in [("AP50", 0.5), ("AP75", 0.75)] {
            let all = assign(&truth, &found, IouType::Bbox, &CocoParams::default(), iou, f64::NEG_INFINITY).unwrap();
            let stays = |row: usize| match all.detection[row] {
                DetectionState::Matched { label, .. } => labels[label as usize],
                DetectionState::Ignored { .. } => true,
                DetectionState::Unmatched | DetectionState::Dropped => detections[row],
            };
            let is_ignored = |row: usize| !truth.is_counted(row);
            let (less, fewer) = filtered((&truth, &found), |row| labels[row] || is_ignored(row), stays);
            let expected = matched(&less, &fewer);
            let accumulated = expected.accumulate(None).unwrap();
            let threshold = expected.params.threshold_index(iou);
            prop_assert_eq!(value(&part, None, metric, None), accumulated.ap(None, 0, threshold));
            for class in 0..3_u32 {
                prop_assert_eq!(
                    value(&part, Some(class), metric, None),
                    accumulated.ap(Some(class as usize), 0, threshold)
                );
            }
        }
        let is_found = found_labels(&truth, &found);
        let counted: Vec<usize> = (0..truth.len()).filter(|row| labels[*row] && truth.is_counted(*row)).collect();
        let missed = counted.iter().filter(|row| !is_found[**row]).count();
        prop_assert_eq!(part.support(), counted.len() as u64);
        if counted.is_empty() {
            prop_assert!(part.cells().is_empty());
        } else {
            prop_assert_eq!(value(&part, None, "misses", None), Some(missed as f64));
            let recall = (counted.len() - missed) as f64 / counted.len() as f64;
            prop_assert_eq!(value(&part, None, "recall", None), Some(recall));
        }
    }

    #[test]
    fn frames_of_a_slice_are_as_if_there_were_no_others(seed in any::<u64>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (truth, found) = scene(&mut rng, 10);
        let frames: Vec<bool> = (0..10).map(|_| rng.random_bool(0.5)).collect();
        let part = matched(&truth, &found).part(&Slice::new("night").frames(frames.clone()), AT).unwrap();
        let is_in = |image: &[u32], row: usize| frames[image[row] as usize];
        let (less, fewer) = filtered(
            (&truth, &found),
            |row| is_in(&truth.image, row),
            |row| is_in(&found.image, row),
        );
        let expected = matched(&less, &fewer);
        let whole = expected.part(&Slice::new("all"), AT).unwrap();
        prop_assert_eq!(part.cells(), whole.cells());
        prop_assert_eq!(part.values(None).unwrap(), whole.values(None).unwrap());
        let accumulated = expected.accumulate(None).unwrap();
        prop_assert_eq!(value(&part, None, "AP", None), accumulated.ap(None, 0, None));
        // A draw counts each frame so many times.
        let weights: Vec<u32> = (0..10).map(|_| rng.random_range(0..3)).collect();
        let drawn = expected.accumulate(Some(&weights)).unwrap();
        if part.support() > 0 {
            prop_assert_eq!(value(&part, None, "AP", Some(&weights)), drawn.ap(None, 0, None));
        }
    }

    #[test]
    fn sizes_have_the_numbers_of_coco(seed in any::<u64>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (truth, found) = scene(&mut rng, 8);
        let matches = matched(&truth, &found);
        let stats = summarize(&matches.params, &matches.accumulate(None).unwrap());
        for (area, name) in [(1, "APsmall"), (2, "APmedium"), (3, "APlarge")] {
            let part = matches.part_of_area(name, area, AT).unwrap();
            let expected = stats.iter().find(|stat| stat.name == name).unwrap().value;
            prop_assert_eq!(value(&part, None, "AP", None), expected);
        }
    }
}

#[test]
fn misses_of_slices_add_up() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (truth, found) = scene(&mut rng, 60);
    let matches = matched(&truth, &found);
    let level: Vec<u32> = (0..truth.len()).map(|_| rng.random_range(0..3)).collect();
    let misses = |part: &Part| value(part, None, "misses", None).unwrap();
    let whole = misses(&matches.part(&Slice::new("all"), AT).unwrap());
    let parts: f64 = (0..3)
        .map(|wanted| {
            let mask = level.iter().map(|level| *level == wanted).collect();
            misses(&matches.part(&Slice::new("level").labels(mask), AT).unwrap())
        })
        .sum();
    assert!(whole > 10.0 && whole == parts);
}

#[test]
fn parts_have_intervals_and_are_compared_in_pairs() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let (truth, found) = scene(&mut rng, 60);
    let groups: Vec<u32> = (0..60).map(|image| image / 5).collect();
    let params = BootstrapParams {
        resamples: 200,
        ..BootstrapParams::default()
    };
    // A model that does not find what is on the left.
    let is_left = |[x, ..]: [f64; 4]| x < 45.0;
    let (_, fewer) = filtered((&truth, &found), |_| true, |row| !is_left(found.boxes[row]));
    let (a, b) = (matched(&truth, &found), matched(&truth, &fewer));
    let mask = |left: bool| {
        truth
            .boxes
            .iter()
            .map(|own| is_left(*own) == left)
            .collect::<Vec<bool>>()
    };
    let recall = |left: bool| {
        let slice = Slice::new("side").labels(mask(left));
        let (a, b) = (a.part(&slice, AT).unwrap(), b.part(&slice, AT).unwrap());
        let own = a.intervals(&groups, &params).unwrap();
        let own = own
            .into_iter()
            .find(|own| own.cell.metric == "recall" && own.cell.class.is_none())
            .unwrap();
        assert!(own.lower.unwrap() < own.value.unwrap() && own.value.unwrap() < own.upper.unwrap());
        let deltas = a.compare(&b, &groups, &params).unwrap();
        deltas
            .into_iter()
            .find(|delta| delta.metric == "recall" && delta.class.is_none())
            .unwrap()
    };
    assert!(recall(true).is_significant() && recall(true).delta.unwrap() < -0.3);
    assert!(recall(false).delta.unwrap() > -0.1);
}

#[test]
fn masks_and_thresholds_that_do_not_fit_are_refused() {
    let (truth, found) = scene(&mut ChaCha8Rng::seed_from_u64(1), 3);
    let matches = matched(&truth, &found);
    let wrong = matches.part(&Slice::new("few").labels(vec![true]), AT).unwrap_err();
    assert!(matches!(
        wrong,
        EvalError::Slice {
            what: "labels",
            got: 1,
            ..
        }
    ));
    let wrong = matches
        .part(&Slice::new("all"), FoundAt { iou: 0.42, ..AT })
        .unwrap_err();
    assert!(wrong.to_string().contains("0.42"), "{wrong}");
    assert!(matches.part_of_area("huge", 4, AT).is_err());
    let part = matches.part(&Slice::new("all"), AT).unwrap();
    assert!(part.values(Some(&[1])).is_err());
    assert!(part.intervals(&[0], &BootstrapParams::default()).is_err());
}
