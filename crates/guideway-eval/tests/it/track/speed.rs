//! How long a frame takes. Not asserted: machines differ.

use super::*;

/// Frames per second with 30 objects, all seen in every frame.
#[test]
#[ignore = "prints a measurement: run with --ignored --nocapture"]
#[expect(clippy::disallowed_methods, reason = "a measurement; no result depends on it")]
fn frames_per_second() {
    const FRAMES: i64 = 5_000;
    fn rate<S: Space>(what: &str, params: TrackParams<S>, detections: impl Fn(i64) -> Vec<S::Detection>) {
        let frames: Vec<_> = (0..FRAMES).map(detections).collect();
        let mut tracker = Tracker::new(params).unwrap();
        let start = std::time::Instant::now();
        for (number, detections) in frames.iter().enumerate() {
            let answer = tracker.step(at(number as i64), detections, &S::Ego::default()).unwrap();
            assert_eq!(answer.tracks.len(), 30);
        }
        let taken = start.elapsed().as_secs_f64();
        println!("{what}: {:.0} frames/s", FRAMES as f64 / taken);
    }
    let place = |i: i32, frame: i64| 20.0 * f64::from(i) + (0.05 * frame as f64 + f64::from(i)).sin();
    let cuboids = |frame: i64| (0..30).map(|i| found(car(place(i, frame), 0.0, 0.0))).collect();
    let boxes = |frame: i64| {
        (0..30)
            .map(|i| seen(BBox::from_cxcywh(3.0 * place(i, frame), 300.0, 80.0, 60.0)))
            .collect()
    };
    rate::<Image>("2D", TrackParams::default(), boxes);
    rate::<World>("3D, constant velocity", TrackParams::default(), cuboids);
    rate::<World>("3D, turn rate", with_motion(MotionModel::TurnRate), cuboids);
    let mut giou = with_motion(MotionModel::ConstantVelocity);
    giou.all.association.first = Gate::Giou { above: -0.5 };
    rate::<World>("3D, constant velocity, GIoU", giou, cuboids);
}
