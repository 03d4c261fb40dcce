//! What is behind the numbers of tracking adds up to them.

use guideway_core::TimeNs;
use guideway_eval::assign::PairMatrix;
use guideway_eval::mot::{Follower, OnePass, TrackFrame, TrackParams};
use proptest::collection::vec;
use proptest::prelude::*;

/// A frame of at most three objects and three tracks, with any similarities.
fn frame() -> impl Strategy<Value = TrackFrame> {
    (
        proptest::sample::subsequence(vec![1_u64, 2, 3], 0..=3),
        proptest::sample::subsequence(vec![7_u64, 8, 9], 0..=3),
        vec(0.0..1.0_f64, 9),
    )
        .prop_map(|(labels, predictions, values)| {
            let mut similarity = PairMatrix::default();
            similarity.fill_with(labels.len(), predictions.len(), |row, column| values[3 * row + column]);
            TrackFrame {
                labels,
                predictions,
                similarity,
            }
        })
}

proptest! {
    #[test]
    fn what_is_listed_is_what_is_counted(frames in vec(frame(), 1..30)) {
        let params = TrackParams::default();
        let mut follower = Follower::new(&params, "drive").unwrap();
        let mut pass = OnePass::new(&params).unwrap();
        for (at, frame) in (0..).zip(&frames) {
            follower.push(TimeNs(at * 100_000_000), frame.view()).unwrap();
            pass.push(frame.view()).unwrap();
        }
        let followed = follower.finish().unwrap();
        let report = pass.finish().unwrap();
        prop_assert_eq!(&followed.report, &report);
        // A side that is empty throughout has its own rules.
        if report.count.predictions > 0 && report.count.labels > 0 {
            prop_assert_eq!(followed.switches.len() as u64, report.clear.switches);
            let sum = |of: fn(&guideway_eval::mot::FollowedObject) -> u64| followed.objects.iter().map(of).sum::<u64>();
            prop_assert_eq!(sum(|object| object.fragmentations), report.clear.fragmentations);
            prop_assert_eq!(sum(|object| object.matched), report.clear.true_positives);
            prop_assert_eq!(sum(|object| object.frames), report.count.labels);
        }
        prop_assert_eq!(followed.objects.len() as u64, report.count.objects);
        for object in &followed.objects {
            prop_assert_eq!(object.found.is_some(), object.matched > 0);
            let last = frames.len() as i64 * 100_000_000;
            prop_assert!(object.longest_gap_ns <= last);
            prop_assert!(object.latency_s().is_none_or(|seconds| seconds * 1e9 <= object.longest_gap_ns as f64 + 1.0));
        }
        for switch in &followed.switches {
            let frame = &frames[switch.frame as usize];
            prop_assert!(frame.labels.contains(&switch.object) && frame.predictions.contains(&switch.to));
            prop_assert!(switch.from != switch.to);
        }
    }
}
