//! Settings of a tracker: what is taken can be tracked with, and survives being written.
#![no_main]

use guideway_core::{BBox, Cuboid, Se3, TimeNs};
use guideway_eval::track::{
    BoxDetection, CuboidDetection, Image, Space, TrackFrame, TrackParams, Tracker, Warp, World,
};
use libfuzzer_sys::fuzz_target;

fn params<S: Space>(data: &[u8]) -> Option<TrackParams<S>> {
    let params: TrackParams<S> = serde_json::from_slice(data).ok()?;
    let text = serde_json::to_string(&params).unwrap();
    assert_eq!(serde_json::from_str::<TrackParams<S>>(&text).unwrap(), params);
    if params.check().is_err() {
        assert!(Tracker::new(params).is_err());
        return None;
    }
    Some(params)
}

/// Stamps with gaps, which repeat and go back.
fn stamps() -> impl Iterator<Item = TimeNs> {
    [0_i64, 1, 2, 2, 3, 50, 51, 10_000, 3, 4].into_iter().map(|tenths| TimeNs(tenths * 100_000_000))
}

fn hold<S: Space>(answer: &TrackFrame<S>, detections: usize) {
    assert!(answer.tracks.is_sorted_by(|a, b| a.id < b.id));
    for track in &answer.tracks {
        assert!((0.0..=1.0).contains(&track.score) && track.position_sigma >= 0.0);
        assert!(track.detection.is_none_or(|row| (row as usize) < detections));
    }
}

fuzz_target!(|data: &[u8]| {
    if let Some(params) = params::<Image>(data) {
        let mut tracker = Tracker::new(params).unwrap();
        for (x, time) in (0_u32..).map(f64::from).zip(stamps()) {
            let found = |class, score, x| BoxDetection { class, score, bbox: BBox::from_xywh(x, 10.0, 40.0, 30.0) };
            let found = [found(0, 0.9, 4.0 * x), found(1, 0.9, 4.0 * x), found(0, 0.4, 200.0)];
            // refused where the parameters say so
            if let Ok(answer) = tracker.step(time, &found, &Warp::IDENTITY) {
                hold(&answer, found.len());
            }
        }
        tracker.finish();
    }
    if let Some(params) = params::<World>(data) {
        let mut tracker = Tracker::new(params).unwrap();
        for (x, time) in (0_u32..).map(f64::from).zip(stamps()) {
            let found = |class, score, x| {
                let cuboid = Cuboid::from_slice(&[x, 1.0, 0.8, 4.0, 2.0, 1.5, 1.0, 0.0, 0.0, 0.0]).unwrap();
                CuboidDetection { class, score, cuboid, velocity: Some([1.0, 0.0, 0.0]) }
            };
            let found = [found(0, 0.9, x), found(1, 0.9, x), found(0, 0.4, 20.0)];
            if let Ok(answer) = tracker.step(time, &found, &Se3::IDENTITY) {
                hold(&answer, found.len());
            }
        }
        tracker.finish();
    }
});
