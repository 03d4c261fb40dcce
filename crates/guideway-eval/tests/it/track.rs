//! Tracking: what must hold for any scene, what bad input does, and real drives whose ids are known.

mod bad;
mod real;
mod speed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use guideway_core::{BBox, Cuboid, DVec3, Hint as _, Se3, TimeNs};
use guideway_eval::EvalError;
use guideway_eval::track::{
    BadInput, BoxDetection, CuboidDetection, FrameInput, Gate, Image, MotionModel, OfflineParams, Space, TrackFrame,
    TrackParams, TrackStatus, TrackWarnings, Tracker, Warp, World, finished_tracks, offline,
};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// Stamp of a frame at 10 Hz.
fn at(frame: i64) -> TimeNs {
    TimeNs(1_700_000_000_000_000_000 + frame * 100_000_000)
}

fn seconds(frame: i64) -> f64 {
    frame as f64 * 0.1
}

fn car(x: f64, y: f64, yaw: f64) -> Cuboid {
    Cuboid::new(Se3::from_yaw(yaw, DVec3::new(x, y, 0.8)).unwrap(), [4.4, 1.8, 1.6]).unwrap()
}

fn found(cuboid: Cuboid) -> CuboidDetection {
    CuboidDetection {
        class: 0,
        score: 0.9,
        cuboid,
        velocity: None,
    }
}

fn seen(bbox: BBox) -> BoxDetection {
    BoxDetection {
        class: 0,
        score: 0.9,
        bbox,
    }
}

fn world() -> Tracker<World> {
    Tracker::new(TrackParams::default()).unwrap()
}

fn image() -> Tracker<Image> {
    Tracker::new(TrackParams::default()).unwrap()
}

fn with_motion(motion: MotionModel) -> TrackParams<World> {
    let mut params = TrackParams::<World>::default();
    params.all.noise.motion = motion;
    params
}

fn ids<S: Space>(frame: &TrackFrame<S>) -> Vec<u64> {
    frame.tracks.iter().map(|track| track.id).collect()
}

/// The answer without what names rows, in terms of the detections themselves.
fn without_rows<S: Space>(frame: &TrackFrame<S>, detections: &[S::Detection]) -> String {
    let rows: Vec<Option<&S::Detection>> = frame
        .tracks
        .iter()
        .map(|track| track.detection.map(|row| &detections[row as usize]))
        .collect();
    let mut frame = frame.clone();
    frame.tracks.iter_mut().for_each(|track| track.detection = None);
    format!("{:?} {:?} {rows:?}", frame.tracks, frame.warnings)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_even_motion_is_followed_exactly(
        x in -50.0..50.0_f64, speed in -30.0..30.0_f64, yaw in -3.1..3.1_f64, hz in 5.0..30.0_f64, turn_rate in any::<bool>(),
    ) {
        let motion = if turn_rate { MotionModel::TurnRate } else { MotionModel::ConstantVelocity };
        let mut params = with_motion(motion);
        // from rest the first step is as long as the speed
        params.all.association.tentative = Gate::CenterDistance { below: 8.0, per_s: 0.0 };
        let mut tracker = Tracker::new(params).unwrap();
        let (sin, cos) = yaw.sin_cos();
        for frame in 0..100_i32 {
            let t = f64::from(frame) / hz;
            let truth = car(x + speed * t * cos, speed * t * sin, yaw);
            let answer = tracker.step(TimeNs((t * 1e9) as i64), &[found(truth)], &Se3::IDENTITY).unwrap();
            prop_assert_eq!(ids(&answer), [1]);
            let track = &answer.tracks[0];
            if frame == 99 {
                let off = (track.shape.center - truth.center).length();
                let velocity = DVec3::new(speed * cos, speed * sin, 0.0) - DVec3::from_array(track.motion.velocity);
                // what the first guess of the velocity was has been forgotten
                prop_assert!(off < 1e-3, "off by {off} m");
                prop_assert!(velocity.length() < 1e-2, "off by {velocity} m/s");
                prop_assert!((track.shape.length - truth.length).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn edges_that_move_evenly_are_followed_exactly(
        x in 0.0..1000.0_f64, vx in -200.0..200.0_f64, vy in -50.0..50.0_f64, grow in 0.0..60.0_f64,
    ) {
        let mut tracker = image();
        for frame in 0..100_i64 {
            let t = seconds(frame);
            let size = 80.0 + grow * t;
            let truth = BBox::from_cxcywh(x + vx * t, 300.0 + vy * t, 1.5 * size, size);
            let answer = tracker.step(at(frame), &[seen(truth)], &Warp::IDENTITY).unwrap();
            prop_assert_eq!(ids(&answer), [1]);
            if frame == 99 {
                let track = &answer.tracks[0];
                prop_assert!(track.shape.iou(truth) > 0.999);
                prop_assert!((track.motion.velocity[0] - vx).abs() < 0.1, "{:?} {vx}", track.motion);
                prop_assert!((track.motion.growth[1] - grow).abs() < 0.1, "{:?} {grow}", track.motion);
            }
        }
    }

    #[test]
    fn what_stands_stays_where_it_is(speed in 0.0..25.0_f64, turn in -0.3..0.3_f64, seed in any::<u64>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let parked: Vec<Cuboid> = (0..8_i32)
            .map(|i| car(7.0 * f64::from(i), rng.random_range(3.0..6.0), rng.random_range(-0.2..0.2)))
            .collect();
        let mut tracker = world();
        for frame in 0..40_i64 {
            let t = seconds(frame);
            let world_from_ego = Se3::from_yaw(turn * t, DVec3::new(speed * t, -0.5 * turn * t, 0.0)).unwrap();
            let detections: Vec<_> = parked.iter().map(|c| found(c.transformed(world_from_ego.inverse()))).collect();
            let answer = tracker.step(at(frame), &detections, &world_from_ego).unwrap();
            prop_assert_eq!(answer.tracks.len(), parked.len());
            for track in &answer.tracks {
                let own = &parked[track.detection.unwrap() as usize];
                prop_assert!((track.shape.center - own.center).length() < 1e-9);
                prop_assert!(DVec3::from_array(track.motion.velocity).length() < 1e-9);
                prop_assert!((track.shape.yaw() - own.yaw()).abs() < 1e-9);
                prop_assert!(track.id <= parked.len() as u64);
            }
        }
    }

    #[test]
    fn a_panning_camera_moves_nothing(pan in -80.0..80.0_f64, zoom in 0.98..1.02_f64) {
        let mut tracker = image();
        let warp = Warp::affine([[zoom, 0.0, pan], [0.0, zoom, 2.0]]).unwrap();
        let mut truth = BBox::from_cxcywh(600.0, 200.0, 40.0, 30.0);
        for frame in 0..30 {
            if frame > 0 {
                let corner = |x, y| warp.apply([x, y]).unwrap();
                let ([x0, y0], [x1, y1]) = (corner(truth.x_min, truth.y_min), corner(truth.x_max, truth.y_max));
                truth = BBox::new(x0, y0, x1, y1);
            }
            let answer = tracker.step(at(frame), &[seen(truth)], &warp).unwrap();
            prop_assert_eq!(ids(&answer), [1]);
            let track = &answer.tracks[0];
            prop_assert!(track.shape.iou(truth) > 1.0 - 1e-9, "{:?} {truth:?}", track.shape);
            prop_assert!(track.motion.velocity.iter().all(|v| v.abs() < 1e-6));
        }
    }

    #[test]
    fn the_order_of_detections_does_not_matter(seed in any::<u64>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut a, mut b) = (world(), world());
        let (mut c, mut d) = (image(), image());
        for frame in 0..15 {
            // few different places and scores: ties and copies
            let count = rng.random_range(0..12);
            let mut draw = |most: u32| f64::from(rng.random_range(0..most));
            let mut cuboids = Vec::new();
            let mut boxes = Vec::new();
            for _ in 0..count {
                let (x, y, score) = (draw(6), draw(4), 0.4 + 0.1 * draw(6));
                let class = draw(2) as u32;
                cuboids.push(CuboidDetection { class, score, ..found(car(2.0 * x, 2.0 * y, draw(3))) });
                boxes.push(BoxDetection { class, score, bbox: BBox::from_cxcywh(20.0 * x, 20.0 * y, 40.0, 30.0) });
            }
            let mut other_cuboids = cuboids.clone();
            let mut other_boxes = boxes.clone();
            for last in (1..count).rev() {
                let chosen = rng.random_range(0..=last);
                other_cuboids.swap(last, chosen);
                other_boxes.swap(last, chosen);
            }
            let one = a.step(at(frame), &cuboids, &Se3::IDENTITY).unwrap();
            let two = b.step(at(frame), &other_cuboids, &Se3::IDENTITY).unwrap();
            prop_assert_eq!(without_rows(&one, &cuboids), without_rows(&two, &other_cuboids));
            let one = c.step(at(frame), &boxes, &Warp::IDENTITY).unwrap();
            let two = d.step(at(frame), &other_boxes, &Warp::IDENTITY).unwrap();
            prop_assert_eq!(without_rows(&one, &boxes), without_rows(&two, &other_boxes));
            prop_assert!(ids(&two).is_sorted());
        }
    }

    #[test]
    fn hidden_for_less_than_the_death_time_keeps_the_id(gap in 1..20_i64, speed in 0.0..15.0_f64) {
        let mut tracker = world();
        let coast = tracker.params().all.life.coast_s;
        let mut last = 0;
        for frame in 0..60_i64 {
            let hidden = (30..30 + gap).contains(&frame);
            let here = found(car(speed * seconds(frame), 0.0, 0.0));
            let detections = if hidden { vec![] } else { vec![here] };
            let answer = tracker.step(at(frame), &detections, &Se3::IDENTITY).unwrap();
            let waited = seconds(frame - 29);
            if hidden {
                prop_assert_eq!(answer.tracks.len(), usize::from(waited < coast + 1e-6), "{}", waited);
                prop_assert!(answer.tracks.iter().all(|t| t.status == TrackStatus::Coasting && t.detection.is_none()));
            } else {
                last = answer.tracks[0].id;
            }
        }
        let survived = seconds(gap + 1) < coast + 1e-6;
        prop_assert_eq!(last, if survived { 1 } else { 2 });
    }

    #[test]
    fn crossing_objects_keep_their_ids(side in 0.3..1.5_f64, seed in any::<u64>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut tracker = world();
        let mut plane = image();
        let mut own: [BTreeMap<u32, u64>; 2] = Default::default();
        for frame in 0..60_i64 {
            // they meet in frame 30, closer than the gate
            let t = seconds(frame - 30);
            let noise = 0.05 * rng.random_range(-1.0..1.0_f64);
            let people = [[3.0 * t, 0.5 * side + 0.4 * t], [-3.0 * t, -0.5 * side - 0.4 * t]];
            let detections = people.map(|[x, y]| found(car(x + noise, y, 0.0)));
            let boxes = people.map(|[x, y]| seen(BBox::from_cxcywh(500.0 + 20.0 * x, 200.0 + 10.0 * y, 30.0, 70.0)));
            let answer = tracker.step(at(frame), &detections, &Se3::IDENTITY).unwrap();
            let flat = plane.step(at(frame), &boxes, &Warp::IDENTITY).unwrap();
            for (ids, rows) in own.iter_mut().zip([
                answer.tracks.iter().map(|t| (t.detection, t.id)).collect::<Vec<_>>(),
                flat.tracks.iter().map(|t| (t.detection, t.id)).collect(),
            ]) {
                prop_assert_eq!(rows.len(), 2, "frame {}", frame);
                for (row, id) in rows {
                    let before = *ids.entry(row.unwrap()).or_insert(id);
                    prop_assert_eq!(before, id, "frame {}", frame);
                }
            }
        }
    }

    #[test]
    fn covered_numbers_are_within_their_ranges(seed in any::<u64>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut tracker = Tracker::<World>::new(TrackParams { history: 64, max_tracks: 5, max_detections: 9, ..TrackParams::default() }).unwrap();
        let mut finished = Vec::new();
        for frame in 0..200 {
            let detections: Vec<_> = (0..rng.random_range(0..12))
                .map(|_| CuboidDetection {
                    score: rng.random_range(0.0..=1.0),
                    ..found(car(rng.random_range(-9.0..9.0), rng.random_range(-9.0..9.0), rng.random_range(-4.0..4.0)))
                })
                .collect();
            let answer = tracker.step(at(frame), &detections, &Se3::IDENTITY).unwrap();
            prop_assert!(answer.tracks.len() <= 5);
            prop_assert!(answer.tracks.iter().all(|t| (0.0..=1.0).contains(&t.score)));
            finished.extend(answer.finished);
        }
        finished.extend(tracker.finish());
        for track in &finished {
            let points: Vec<_> = track.points().collect();
            prop_assert!(points.len() <= 65, "{}", points.len());
            prop_assert!(points.is_sorted_by(|a, b| a.time < b.time));
            prop_assert!(points.first().unwrap().detection.is_some() && points.last().unwrap().detection.is_some());
        }
        // a part begins where the one before ended
        for track in &finished {
            let next = finished.iter().find(|t| t.id == track.id && t.part == track.part + 1);
            if let (true, Some(next)) = (track.continues, next) {
                prop_assert_eq!(track.span().unwrap().1, next.span().unwrap().0);
            }
        }
    }
}

/// A car on a circle: root of the mean squared distance from the truth, after the first second.
fn error_on_a_circle(motion: MotionModel, smooth: bool) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (speed, rate) = (8.0, 0.6);
    let truth = |frame: i64| {
        let yaw = rate * seconds(frame);
        car(speed / rate * yaw.sin(), speed / rate * (1.0 - yaw.cos()), yaw)
    };
    let frames = (0..100).map(|frame| {
        let c = truth(frame);
        let noise = DVec3::new(rng.random_range(-0.4..0.4), rng.random_range(-0.4..0.4), 0.0);
        // a second of every three nothing is seen
        let detections = if frame % 30 >= 22 {
            vec![]
        } else {
            vec![found(Cuboid {
                center: c.center + noise,
                ..c
            })]
        };
        FrameInput {
            time: at(frame),
            detections,
            ego: Se3::IDENTITY,
        }
    });
    let params = TrackParams {
        history: 1000,
        ..with_motion(motion)
    };
    let tracks: Vec<_> = finished_tracks(frames, params).unwrap().map(Result::unwrap).collect();
    assert_eq!(tracks.len(), 1);
    let online: Vec<_> = tracks[0].points().collect();
    let way = offline(tracks, OfflineParams::default()).unwrap().next().unwrap();
    let points = if smooth { &way.points } else { &online };
    let squares: Vec<f64> = points
        .iter()
        .filter(|p| p.time >= at(10))
        .map(|p| (p.shape.center - truth((p.time.0 - at(0).0) / 100_000_000).center).length_squared())
        .collect();
    (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
}

#[test]
fn turning_is_followed_better_by_its_own_model_and_in_hindsight() {
    let straight = error_on_a_circle(MotionModel::ConstantVelocity, false);
    let turning = error_on_a_circle(MotionModel::TurnRate, false);
    let straight_smooth = error_on_a_circle(MotionModel::ConstantVelocity, true);
    let turning_smooth = error_on_a_circle(MotionModel::TurnRate, true);
    println!("CV {straight:.3} m, smoothed {straight_smooth:.3}; CTRV {turning:.3} m, smoothed {turning_smooth:.3}");
    assert!(turning < 0.5 * straight, "{turning} {straight}");
    assert!(straight_smooth < straight, "{straight_smooth} {straight}");
    assert!(turning_smooth < turning, "{turning_smooth} {turning}");
}

#[test]
fn clutter_makes_no_object() {
    // on 100 m × 100 m, anywhere: two in a frame for the defaults, ten for settings that ask for more
    let defaults = TrackParams::default();
    assert_eq!(confirmed_clutter(defaults.clone(), 2), 0);
    let mut strict = defaults;
    (strict.all.life.confirm_hits, strict.all.life.confirm_window) = (5, 6);
    assert_eq!(confirmed_clutter(strict, 10), 0);
    // and the count can tell: what asks for nothing confirms everything
    let mut naive = TrackParams::<World>::default();
    (naive.all.life.confirm_hits, naive.all.life.confirm_window) = (1, 1);
    assert!(confirmed_clutter(naive, 2) > 500);
}

/// Confirmed tracks in 300 frames of clutter.
fn confirmed_clutter(params: TrackParams<World>, per_frame: u32) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut tracker = Tracker::new(params).unwrap();
    let mut confirmed = BTreeSet::new();
    for frame in 0..300 {
        let detections: Vec<_> = (0..per_frame)
            .map(|_| found(car(rng.random_range(-50.0..50.0), rng.random_range(-50.0..50.0), 0.0)))
            .collect();
        let answer = tracker.step(at(frame), &detections, &Se3::IDENTITY).unwrap();
        let objects = answer.tracks.iter().filter(|t| t.status != TrackStatus::Tentative);
        confirmed.extend(objects.map(|t| t.id));
    }
    confirmed.len()
}

#[test]
fn a_heading_turned_round_by_the_detector_is_folded_back() {
    for motion in [MotionModel::ConstantVelocity, MotionModel::TurnRate] {
        let mut tracker = Tracker::new(TrackParams {
            history: 100,
            ..with_motion(motion)
        })
        .unwrap();
        for frame in 0..40_i64 {
            // the first two are the wrong way round, and a few later ones
            let wrong = frame < 2 || frame % 7 == 0;
            let yaw = if wrong { std::f64::consts::PI } else { 0.0 };
            let detection = found(car(5.0 * seconds(frame), 1.0, yaw));
            let answer = tracker.step(at(frame), &[detection], &Se3::IDENTITY).unwrap();
            assert_eq!(ids(&answer), [1]);
            if frame > 10 {
                let track = &answer.tracks[0];
                assert!(
                    track.shape.yaw().abs() < 0.05,
                    "{motion:?} {frame}: {}",
                    track.shape.yaw()
                );
                assert!((track.motion.velocity[0] - 5.0).abs() < 0.3, "{:?}", track.motion);
            }
        }
        // the past was turned, too
        let track = tracker.finish().remove(0);
        assert!(track.points().all(|p| p.shape.yaw().abs() < 0.05));
        let way = track.trajectory(&OfflineParams::default());
        assert!(way.points.iter().all(|p| p.shape.yaw().abs() < 0.05));
    }
}

#[test]
fn classes_are_voted_on_within_a_group() {
    let mut params = TrackParams::<World>::default();
    params.all.group = Some(0);
    let mut own = params.all;
    own.group = None;
    params.classes.insert(9, own);
    let mut tracker = Tracker::new(params).unwrap();
    for (frame, class, score) in [(0, 1, 0.6), (1, 2, 0.9), (2, 2, 0.8), (3, 1, 0.7), (4, 2, 0.9)] {
        let here = found(car(0.0, 0.0, 0.0));
        let near = found(car(0.3, 0.0, 0.0));
        let detections = [
            CuboidDetection { class, score, ..here },
            CuboidDetection { class: 9, ..near },
        ];
        let answer = tracker.step(at(frame), &detections, &Se3::IDENTITY).unwrap();
        let mut classes: Vec<u32> = answer.tracks.iter().map(|t| t.class).collect();
        classes.sort_unstable();
        assert_eq!(classes, [if frame == 0 { 1 } else { 2 }, 9]);
    }
}

#[test]
fn a_low_score_keeps_a_track_and_starts_none() {
    use TrackStatus::{Coasting, Confirmed, Tentative};
    let mut tracker = image();
    let with = |score| BoxDetection {
        score,
        ..seen(BBox::from_xywh(100.0, 100.0, 40.0, 30.0))
    };
    let mut shown = Vec::new();
    for (frame, score) in [0.3, 0.9, 0.9, 0.3, 0.2, 0.05, 0.3, 0.9].into_iter().enumerate() {
        let answer = tracker.step(at(frame as i64), &[with(score)], &Warp::IDENTITY).unwrap();
        shown.push(answer.tracks.first().map(|t| (t.id, t.status)));
    }
    let expected = [
        None,
        Some((1, Tentative)),
        Some((1, Confirmed)),
        // the second stage
        Some((1, Confirmed)),
        Some((1, Confirmed)),
        // too low for that, and then not seen in the frame before
        Some((1, Coasting)),
        Some((1, Coasting)),
        Some((1, Confirmed)),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn gaps_are_filled_up_to_a_length() {
    // hidden in frames 10..=13 and 20..=27
    let hidden = |frame: i64| (10..14).contains(&frame) || (20..28).contains(&frame);
    let place = |frame: i64| BBox::from_xywh(100.0 + 10.0 * frame as f64, 50.0, 60.0, 40.0);
    let frames = (0..40).map(|frame| FrameInput::<Image> {
        time: at(frame),
        detections: if hidden(frame) {
            vec![]
        } else {
            vec![seen(place(frame))]
        },
        ego: Warp::IDENTITY,
    });
    let params = TrackParams {
        history: 64,
        ..TrackParams::default()
    };
    let tracks: Vec<_> = finished_tracks(frames, params).unwrap().map(Result::unwrap).collect();
    for (smooth, off) in [(true, 0.01), (false, 1.0)] {
        let params = OfflineParams {
            smooth,
            fill_gap_s: 0.55,
        };
        let ways: Vec<_> = offline(tracks.clone(), params).unwrap().collect();
        assert_eq!(ways.len(), 1);
        assert_eq!(ways[0].points.len(), 32);
        for point in &ways[0].points {
            let frame = (point.time.0 - at(0).0) / 100_000_000;
            assert!(!(20..28).contains(&frame));
            assert_eq!(point.detection.is_none(), hidden(frame));
            if frame > 8 {
                let gap = point.shape.center()[0] - place(frame).center()[0];
                assert!(gap.abs() < off, "{smooth} {frame}: {gap}");
            }
        }
    }
}
