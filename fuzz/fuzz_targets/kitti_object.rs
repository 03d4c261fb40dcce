//! Labels and results of a frame of KITTI's object benchmark, read and evaluated against each other.
#![no_main]

mod support;

use guideway_eval::kitti::files::read_frame;
use guideway_eval::kitti::{KittiParams, evaluate};
use libfuzzer_sys::fuzz_target;

// The labels, a zero byte, the results.
fuzz_target!(|data: &[u8]| {
    let [labels, results] = support::files(data);
    let warned = support::Counted::default();
    let read = read_frame(support::input("labels.txt", labels), support::input("results.txt", results), &warned);
    let Ok(read) = read else { return };
    assert_eq!((read.frames.len(), read.truth.frames), (1, 1));
    warned.at_most(read.truth.labels.len() + read.detections.len());

    let report = evaluate(&read.truth, &read.detections, &KittiParams::official()).unwrap();
    for level in report.classes.iter().flat_map(|class| &class.metrics).flat_map(|metric| &metric.levels) {
        assert!(level.positives <= read.truth.labels.len() as u64);
        assert!(level.precision.iter().all(|value| value.is_nan() || (0.0..=1.0).contains(value)), "{level:?}");
        assert!(level.averages.iter().all(|(_, value)| value.is_nan() || (0.0..=100.0 + 1e-9).contains(value)), "{level:?}");
    }
});
