//! Intervals over recordings.

use guideway_eval::bootstrap::{BootstrapParams, compare, intervals};
use guideway_eval::coco::{CocoParams, Detections, IouType, Matches, match_detections};

use crate::generate::scene;

const IMAGES: u32 = 60;

/// A run, and one whose every third detection of class 0 is gone.
fn two_runs() -> (Matches, Matches) {
    let (truth, det) = scene(5, IMAGES, 2);
    let mut worse = Detections::default();
    for row in (0..det.len()).filter(|row| det.class[*row] != 0 || row % 3 != 0) {
        worse.push(det.image[row], det.class[row], det.boxes[row], det.score[row]);
    }
    let run = |det| match_detections(&truth, det, IouType::Bbox, &CocoParams::default()).unwrap();
    (run(&det), run(&worse))
}

fn groups() -> Vec<u32> {
    (0..IMAGES).map(|image| 100 - image / 4).collect()
}

fn params() -> BootstrapParams {
    BootstrapParams {
        seed: 7,
        resamples: 200,
        confidence: 0.9,
    }
}

#[test]
fn a_worse_run_is_found_out() {
    let (a, b) = two_runs();
    let deltas = compare(&a, &b, &groups(), &params()).unwrap();
    let get = |metric: &str, class| deltas.iter().find(|d| d.metric == metric && d.class == class).unwrap();
    let hurt = get("AR100", Some(0));
    assert!(hurt.delta.unwrap() < -0.05 && hurt.is_significant(), "{hurt:?}");
    assert!(hurt.lower.unwrap() <= hurt.delta.unwrap() && hurt.delta.unwrap() <= hurt.upper.unwrap());
    // class 1 is untouched: the pairing takes out all of the variation
    let same = get("AP", Some(1));
    assert_eq!((same.delta, same.lower, same.upper), (Some(0.0), Some(0.0), Some(0.0)));
    assert!(!same.is_significant());
    assert_eq!(
        get("AP", None).support,
        get("AP50", Some(0)).support + get("AP50", Some(1)).support
    );
    assert!(get("APsmall", None).support < get("AP", None).support);
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
    let (a, b) = two_runs();
    let run = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| compare(&a, &b, &groups(), &BootstrapParams { seed, ..params() }).unwrap())
    };
    let one = run(1, 7);
    assert_eq!(one, run(4, 7));
    assert_ne!(one, run(1, 8));
}

#[test]
fn single_runs_have_intervals_too() {
    let (a, b) = two_runs();
    let found = intervals(&a, &groups(), &params()).unwrap();
    for m in &found {
        let (value, lower, upper) = (m.value.unwrap(), m.lower.unwrap(), m.upper.unwrap());
        assert!((0.0..=1.0).contains(&lower) && lower <= upper && upper <= 1.0);
        assert!(lower - 0.05 <= value && value <= upper + 0.05, "{m:?}");
    }
    // one group: nothing to draw from
    let single = intervals(&a, &[3; IMAGES as usize], &params()).unwrap();
    assert!(
        single
            .iter()
            .all(|m| m.value.is_some() && m.lower.is_none() && m.upper.is_none())
    );

    let err = compare(&a, &b, &[0; 3], &params()).unwrap_err().to_string();
    assert_eq!(err, "the numbers of images and of group numbers differ: 60 against 3");
    let (truth, det) = scene(6, IMAGES, 2);
    let other = match_detections(&truth, &det, IouType::Bbox, &CocoParams::default()).unwrap();
    assert!(compare(&a, &other, &groups(), &params()).is_err());
}

#[test]
fn intervals_shrink_with_the_number_of_groups() {
    let width = |images: u32| {
        let (truth, det) = scene(9, images, 1);
        let m = match_detections(&truth, &det, IouType::Bbox, &CocoParams::default()).unwrap();
        let groups: Vec<u32> = (0..images).collect();
        let found = intervals(&m, &groups, &params()).unwrap();
        found[0].upper.unwrap() - found[0].lower.unwrap()
    };
    let (few, many) = (width(25), width(400));
    // 16 times the groups: a quarter of the width
    assert!(many < few / 2.5 && many > few / 7.0, "{few} {many}");
}

#[test]
fn what_a_single_group_has_is_not_tested() {
    use guideway_eval::bootstrap::compare_of;
    // The mean of what the groups found of two kinds of things: one is everywhere, the other in one group, or in two.
    let groups: Vec<u32> = (0..12).collect();
    let things: [[f64; 12]; 3] = [
        std::array::from_fn(|_| 1.0),
        std::array::from_fn(|group| f64::from(u8::from(group == 3))),
        std::array::from_fn(|group| f64::from(u8::from(group == 3 || group == 7))),
    ];
    let measure = |second: bool, times: &[u32]| {
        let share = |things: &[f64; 12]| {
            let count: f64 = things.iter().zip(times).map(|(n, times)| n * f64::from(*times)).sum();
            let found = |group: usize| if second { 0.3 + 0.02 * group as f64 } else { 0.8 };
            let sum: f64 = (0..12).map(|at| found(at) * things[at] * f64::from(times[at])).sum();
            (count > 0.0).then(|| sum / count)
        };
        things.iter().map(share).collect()
    };
    let deltas = compare_of(&["everywhere", "once", "twice"], &groups, &params(), measure).unwrap();
    assert!(deltas.iter().all(|delta| delta.delta.unwrap() < -0.2));
    assert!(deltas[0].p.unwrap() < 1e-6 && deltas[0].is_significant());
    assert_eq!((deltas[1].lower, deltas[1].upper, deltas[1].p), (None, None, None));
    // With two there is one degree of freedom.
    assert!(deltas[2].lower.is_some() && deltas[2].p.unwrap() > 0.01);
}
