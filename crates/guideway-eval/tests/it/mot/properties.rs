//! What must hold for any input.

use guideway_eval::EvalError;
use guideway_eval::assign::{PairMatrix, assign_all, assign_most};
use guideway_eval::mot::{
    Accumulator, BoxFormat, BoxIou, BoxSequence, CenterDistance, ClassReport, ClassRules, DistanceView, FirstPass,
    OnePass, TrackFrame, TrackParams, evaluate, evaluate_boxes, similarities,
};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// Objects that drift, with tracks that mostly follow them, lose them and swap.
pub(super) fn drive(seed: u64, frames: u32, objects: u64) -> BoxSequence {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut sequence = BoxSequence {
        name: format!("drive {seed}"),
        frames,
        ..BoxSequence::default()
    };
    let mut at: Vec<[f64; 2]> = (0..objects)
        .map(|_| [rng.random_range(0.0..400.0), rng.random_range(0.0..200.0)])
        .collect();
    let mut track: Vec<u64> = (0..objects).collect();
    for frame in 0..frames {
        for object in 0..objects as usize {
            let [x, y] = &mut at[object];
            *x += rng.random_range(-4.0..4.0);
            *y += rng.random_range(-2.0..2.0);
            let own = [*x, *y, 40.0, 60.0];
            if rng.random_bool(0.9) {
                sequence.labels.push(frame, object as u64 + 100, 1, own);
            }
            if rng.random_bool(0.03) {
                let other = rng.random_range(0..objects as usize);
                track.swap(object, other);
            }
            if rng.random_bool(0.85) {
                let off = [own[0] + rng.random_range(-9.0..9.0), own[1], own[2], own[3]];
                sequence.tracks.push(frame, track[object], 1, off, 0.5);
            }
        }
        // a swap may have used an id twice in this frame
        let begin = sequence.tracks.frame.partition_point(|f| *f < frame);
        let mut seen = std::collections::HashSet::new();
        let keep: Vec<bool> = (0..sequence.tracks.frame.len())
            .map(|row| row < begin || seen.insert(sequence.tracks.track[row]))
            .collect();
        retain(&mut sequence.tracks.frame, &keep);
        retain(&mut sequence.tracks.track, &keep);
        retain(&mut sequence.tracks.class, &keep);
        retain(&mut sequence.tracks.boxes, &keep);
        retain(&mut sequence.tracks.score, &keep);
    }
    sequence
}

fn retain<T>(values: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    values.retain(|_| *keep.next().unwrap());
}

/// The frames of a sequence as the metrics take them, everything counting.
fn frames(sequence: &BoxSequence) -> Vec<TrackFrame> {
    sequence
        .each_frame()
        .unwrap()
        .map(|frame| {
            let mut out = TrackFrame {
                labels: frame.labels.to_vec(),
                predictions: frame.predictions.to_vec(),
                similarity: PairMatrix::default(),
            };
            let compare = BoxIou(BoxFormat::Xywh);
            similarities(&compare, frame.label_boxes, frame.prediction_boxes, &mut out.similarity);
            out
        })
        .collect()
}

fn report(frames: &[TrackFrame]) -> ClassReport {
    evaluate(&TrackParams::default(), || {
        frames.iter().cloned().map(Ok::<_, EvalError>)
    })
    .unwrap()
}

/// The least cost of any assignment, by trying them all.
fn brute_force(costs: &PairMatrix, row: usize, used: &mut Vec<bool>) -> f64 {
    if row == costs.rows() {
        return 0.0;
    }
    let mut best = f64::INFINITY;
    // a row may stay alone only if there are more rows than columns
    if costs.rows() - row > used.iter().filter(|used| !**used).count() {
        best = brute_force(costs, row + 1, used);
    }
    for column in 0..costs.columns() {
        if !used[column] {
            used[column] = true;
            best = best.min(costs.get(row, column) + brute_force(costs, row + 1, used));
            used[column] = false;
        }
    }
    best
}

fn total(costs: &PairMatrix, pairs: &[(usize, usize)]) -> f64 {
    pairs.iter().map(|(row, column)| costs.get(*row, *column)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn assignments_are_the_cheapest(
        (rows, columns) in (0_usize..6, 0_usize..6),
        numbers in prop::collection::vec(prop_oneof![-9.0..9.0_f64, (-2_i8..3).prop_map(f64::from)], 36),
        forbidden in prop::collection::vec(prop::bool::weighted(0.25), 36),
    ) {
        let costs = PairMatrix::from_vec(rows, columns, numbers[..rows * columns].to_vec()).unwrap();
        let pairs = assign_all(&costs).unwrap();
        prop_assert_eq!(pairs.len(), rows.min(columns));
        let best = brute_force(&costs, 0, &mut vec![false; columns]);
        prop_assert!((total(&costs, &pairs) - best).abs() < 1e-9);

        // with forbidden pairs: the same as with a price that dwarfs all others
        let mut sparse = costs.clone();
        let mut dear = costs.clone();
        for row in 0..rows {
            for column in 0..columns {
                if forbidden[row * columns + column] {
                    sparse.set(row, column, f64::NAN);
                    dear.set(row, column, 1e6);
                }
            }
        }
        let pairs = assign_most(&sparse).unwrap();
        prop_assert!(pairs.iter().all(|(row, column)| sparse.get(*row, *column).is_finite()));
        let best = brute_force(&dear, 0, &mut vec![false; columns]);
        let alone = (rows.min(columns) - pairs.len()) as f64 * 1e6;
        prop_assert!((total(&costs, &pairs) + alone - best).abs() < 1e-6, "{} {alone} {best}", total(&costs, &pairs));
    }

    #[test]
    fn perfect_tracks_score_one(seed in any::<u64>()) {
        let mut sequence = drive(seed, 12, 5);
        let (labels, tracks) = (&sequence.labels, &mut sequence.tracks);
        *tracks = guideway_eval::mot::BoxTracks::default();
        for row in 0..labels.frame.len() {
            tracks.push(labels.frame[row], labels.track[row], 1, labels.boxes[row], 1.0);
        }
        prop_assume!(!labels.frame.is_empty());
        let report = report(&frames(&sequence));
        prop_assert!(report.hota.hota.iter().all(|hota| (hota - 1.0).abs() < 1e-12));
        prop_assert_eq!((report.clear.mota, report.identity.idf1, report.clear.switches), (1.0, 1.0, 0));
    }

    #[test]
    fn names_of_tracks_and_the_order_of_boxes_do_not_matter(seed in any::<u64>()) {
        let plain = frames(&drive(seed, 15, 6));
        let mut other = plain.clone();
        for frame in &mut other {
            frame.labels.iter_mut().for_each(|id| *id = *id * 7 + 3);
            frame.predictions.iter_mut().for_each(|id| *id = 1000 - *id);
            frame.labels.reverse();
            frame.predictions.reverse();
            let (rows, columns) = (frame.similarity.rows(), frame.similarity.columns());
            let before = frame.similarity.clone();
            frame.similarity.fill_with(rows, columns, |row, column| before.get(rows - 1 - row, columns - 1 - column));
        }
        let (a, b) = (report(&plain), report(&other));
        prop_assert_eq!(&a.count, &b.count);
        prop_assert_eq!(&a.identity, &b.identity);
        prop_assert_eq!(a.clear.switches, b.clear.switches);
        for (a, b) in a.hota.hota.iter().zip(&b.hota.hota) {
            prop_assert!((a - b).abs() < 1e-12);
        }
    }

    #[test]
    fn empty_frames_change_rates_alone(seed in any::<u64>()) {
        let plain = frames(&drive(seed, 10, 4));
        let mut padded = vec![TrackFrame::default()];
        for frame in &plain {
            padded.push(frame.clone());
            padded.push(TrackFrame::default());
        }
        let (a, b) = (report(&plain), report(&padded));
        prop_assert_eq!(&a.hota, &b.hota);
        prop_assert_eq!(&a.identity, &b.identity);
        prop_assert_eq!((a.clear.mota, a.clear.fragmentations), (b.clear.mota, b.clear.fragmentations));
    }

    #[test]
    fn one_pass_is_two_passes(seed in any::<u64>()) {
        let frames = frames(&drive(seed, 20, 6));
        let mut one = OnePass::new(&TrackParams::default()).unwrap();
        let mut first = FirstPass::new(&TrackParams::default()).unwrap();
        for frame in &frames {
            one.push(frame.view()).unwrap();
            first.push(frame.view()).unwrap();
        }
        let both = report(&frames);
        prop_assert_eq!(&one.finish().unwrap(), &both);
        prop_assert_eq!(&first.finish_without_hota().unwrap().clear, &both.clear);
    }

    #[test]
    fn numbers_are_ratios(seed in any::<u64>()) {
        let report = report(&frames(&drive(seed, 12, 5)));
        let h = &report.hota;
        for value in [&h.hota, &h.det_a, &h.ass_a, &h.ass_re, &h.ass_pr, &h.loc_a, &h.owta].into_iter().flatten() {
            prop_assert!((0.0..=1.0 + 1e-12).contains(value), "{value}");
        }
        prop_assert!(report.clear.mota <= 1.0 && (0.0..=1.0).contains(&report.identity.idf1));
        prop_assert_eq!(report.clear.true_positives + report.clear.false_negatives, report.count.labels);
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let sequences: Vec<BoxSequence> = (0..6).map(|seed| drive(seed, 30, 8)).collect();
    let rules = [ClassRules::mot17(), ClassRules::everything("all")];
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| evaluate_boxes(&sequences, &rules, &TrackParams::default()).unwrap())
    };
    let one = run(1);
    assert_eq!(one, run(4));
    assert_eq!(
        serde_json::to_string(&one).unwrap(),
        serde_json::to_string(&run(3)).unwrap()
    );
    assert!(one.class_average().clear.mota > 0.0);
    assert_eq!(
        one.box_average().count.labels,
        one.combined.iter().map(|(_, r)| r.count.labels).sum::<u64>()
    );
}

/// What is held depends on the tracks alone: ten times the frames of the same tracks hold the same.
#[test]
fn memory_is_bounded_by_tracks() {
    let held = |times: usize| {
        let frames = frames(&drive(3, 40, 12));
        let mut first = FirstPass::new(&TrackParams::default()).unwrap();
        let mut events = Accumulator::default();
        for frame in std::iter::repeat_n(&frames, times).flatten() {
            first.push(frame.view()).unwrap();
            let mut distances = frame.similarity.clone();
            distances.map(|similarity| if similarity < 0.5 { f64::NAN } else { 1.0 - similarity });
            events
                .push(DistanceView {
                    labels: &frame.labels,
                    predictions: &frame.predictions,
                    distances: &distances,
                })
                .unwrap();
        }
        let held_first = first.held();
        let mut second = first.second();
        for frame in std::iter::repeat_n(&frames, times).flatten() {
            second.push(frame.view()).unwrap();
        }
        (held_first, second.held(), events.held())
    };
    let short = held(1);
    // 12 objects, 12 tracks, CLEAR's 12 objects, and at most every pair; then 19 counts for each
    assert!(
        short.0 <= 3 * 12 + 144 && short.1 <= short.0 + 19 * 144 && short.2 <= 24 + 144,
        "{short:?}"
    );
    // matching by the whole drive may differ a little from repetition to repetition, so pairs may be added but not frames
    let long = held(10);
    assert!(
        long.0 == short.0 && long.2 == short.2 && long.1 <= short.0 + 19 * 144,
        "{short:?} {long:?}"
    );
}

/// Frames per second, printed and not asserted: `--nocapture` shows it.
#[test]
#[expect(clippy::disallowed_methods, reason = "this measures time, and nothing depends on it")]
fn throughput() {
    let sequences: Vec<BoxSequence> = (0..4).map(|seed| drive(seed, 1000, 30)).collect();
    let boxes: usize = sequences
        .iter()
        .map(|s| s.labels.frame.len() + s.tracks.frame.len())
        .sum();
    let begin = std::time::Instant::now();
    let report = evaluate_boxes(&sequences, &[ClassRules::mot17()], &TrackParams::default()).unwrap();
    let seconds = begin.elapsed().as_secs_f64();
    assert!(report.combined[0].1.clear.true_positives > 0);
    println!(
        "4000 frames with {boxes} boxes in {seconds:.2} s: {:.0} frames/s",
        4000.0 / seconds
    );
}

#[test]
fn distances_in_space_are_similarities_too() {
    let (labels, predictions) = ([[0.0, 0.0, 0.0], [10.0, 0.0, 0.0]], [[10.0, 0.5, 0.0], [0.0, 0.0, 1.0]]);
    let frame = |predictions: &[[f64; 3]]| {
        let mut frame = TrackFrame {
            labels: vec![1, 2],
            predictions: vec![5, 6],
            similarity: PairMatrix::default(),
        };
        similarities(&CenterDistance::default(), &labels, predictions, &mut frame.similarity);
        frame
    };
    let report = report(&[frame(&predictions), frame(&predictions)]);
    assert_eq!((report.clear.mota, report.clear.motp), (1.0, 0.625));
    // and any function of two objects
    let mut out = PairMatrix::default();
    similarities(&|a: &u8, b: &u8| f64::from(u8::from(a == b)), &[1, 2], &[2], &mut out);
    assert_eq!(out.values(), [0.0, 1.0]);
}
