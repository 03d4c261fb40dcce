//! Labels and predictions as Scalabel's JSON, read and evaluated as tracks and as detections.
#![no_main]

mod support;

use guideway_eval::coco::CocoParams;
use guideway_eval::mot::scalabel::{
    Category, ScalabelFrame, ScalabelTrackParams, evaluate_det, evaluate_track, read_frames,
};
use libfuzzer_sys::fuzz_target;

fn boxes(frames: &[ScalabelFrame]) -> usize {
    frames.len() + frames.iter().map(|frame| frame.labels().len()).sum::<usize>()
}

// The labels, a zero byte, the predictions.
fuzz_target!(|data: &[u8]| {
    let [labels, predictions] = support::files(data);
    let Ok(labels) = read_frames(support::input("labels.json", labels)) else { return };
    let Ok(predictions) = read_frames(support::input("predictions.json", predictions)) else { return };
    let things = boxes(&labels) + boxes(&predictions);

    let (params, warned) = (ScalabelTrackParams::new(Category::bdd100k_track()), support::Counted::default());
    if let Ok(report) = evaluate_track(&labels, &predictions, &params, &warned) {
        warned.at_most(things);
        for (_, scores) in report.categories.iter().chain(&report.super_categories) {
            let percent = |value: Option<f64>| value.is_none_or(|value| (0.0..=100.0 + 1e-9).contains(&value));
            assert!(scores.mota.is_none_or(|value| value <= 100.0), "{scores:?}");
            assert!(percent(scores.motp) && percent(scores.idf1), "{scores:?}");
            assert!(scores.misses <= things as u64 && scores.false_positives <= things as u64, "{scores:?}");
        }
    }
    let (categories, warned) = (Category::bdd100k_det(), support::Counted::default());
    if let Ok(report) = evaluate_det(&labels, &predictions, &categories, &CocoParams::default(), &warned) {
        warned.at_most(things);
        let each = report.categories.iter().flat_map(|(_, values)| values).chain(&report.overall);
        assert!(each.flatten().all(|value| (0.0..=100.0 + 1e-9).contains(value)), "{report:?}");
    }
});
