//! What bad input does.

use super::*;

fn text(err: &EvalError) -> String {
    format!("{err}\n  hint: {}", err.hint().unwrap_or_default())
}

fn boxes() -> Vec<BoxDetection> {
    let good = BBox::from_xywh(100.0, 100.0, 40.0, 30.0);
    let with = |bbox| seen(bbox);
    let scored = |score| BoxDetection { score, ..seen(good) };
    vec![
        seen(good),
        with(BBox::from_xywh(f64::NAN, 100.0, 40.0, 30.0)),
        with(BBox::from_xywh(100.0, f64::INFINITY, 40.0, 30.0)),
        with(BBox::from_xywh(1e300, 100.0, 40.0, 30.0)),
        with(BBox::from_xywh(100.0, 100.0, -40.0, 30.0)),
        with(BBox::from_xywh(100.0, 100.0, 0.0, 30.0)),
        scored(-0.1),
        scored(1.0001),
        scored(f64::NAN),
        seen(good),
        seen(good),
    ]
}

fn cuboids() -> Vec<CuboidDetection> {
    let good = car(10.0, 0.0, 0.0);
    vec![
        found(good),
        found(Cuboid {
            center: DVec3::new(f64::NAN, 0.0, 0.0),
            ..good
        }),
        found(Cuboid {
            rotation: good.rotation * 0.0,
            ..good
        }),
        found(Cuboid { width: -1.0, ..good }),
        found(Cuboid { height: 0.0, ..good }),
        CuboidDetection {
            score: 2.0,
            ..found(good)
        },
        CuboidDetection {
            velocity: Some([f64::NAN, 0.0, 0.0]),
            ..found(car(30.0, 0.0, 0.0))
        },
        found(good),
    ]
}

#[test]
fn odd_detections_are_counted_and_left_out() {
    let mut tracker = image();
    let answer = tracker.step(at(0), &boxes(), &Warp::IDENTITY).unwrap();
    let expected = TrackWarnings {
        not_finite: 3,
        bad_size: 2,
        bad_score: 3,
        duplicates: 2,
        ..TrackWarnings::default()
    };
    assert_eq!(answer.warnings, expected);
    assert_eq!(ids(&answer), [1]);
    assert_eq!(answer.tracks[0].detection, Some(0));

    let mut tracker = world();
    let answer = tracker.step(at(0), &cuboids(), &Se3::IDENTITY).unwrap();
    let expected = TrackWarnings {
        not_finite: 2,
        bad_size: 2,
        bad_score: 1,
        duplicates: 1,
        bad_velocity: 1,
        ..TrackWarnings::default()
    };
    assert_eq!(answer.warnings, expected);
    assert_eq!(answer.tracks.len(), 2);
    assert!(
        answer
            .tracks
            .iter()
            .all(|t| t.detection == Some(0) || t.detection == Some(6))
    );
    assert_eq!(tracker.warnings(), expected);
}

#[test]
fn odd_detections_are_refused_where_that_is_wanted() {
    let mut lines = Vec::new();
    let params = TrackParams::<Image> {
        bad_input: BadInput::Refuse,
        max_detections: 1,
        ..TrackParams::default()
    };
    let mut tracker = Tracker::new(params).unwrap();
    let all = boxes();
    for row in [1, 4, 6, 10] {
        let before = format!("{tracker:?}");
        let err = tracker.step(at(0), &[all[0], all[row]], &Warp::IDENTITY).unwrap_err();
        assert_eq!(before, format!("{tracker:?}"));
        lines.push(err.to_string());
    }
    let two = [all[0], seen(BBox::from_xywh(1.0, 1.0, 9.0, 9.0))];
    lines.push(text(&tracker.step(at(0), &two, &Warp::IDENTITY).unwrap_err()));
    tracker.step(at(1), &all[..1], &Warp::IDENTITY).unwrap();
    for frame in [1, 0] {
        lines.push(text(&tracker.step(at(frame), &all[..1], &Warp::IDENTITY).unwrap_err()));
    }
    assert_eq!(
        tracker.step(at(2), &all[..1], &Warp::IDENTITY).unwrap().tracks[0].hits,
        2
    );

    let params = TrackParams::<World> {
        bad_input: BadInput::Refuse,
        ..TrackParams::default()
    };
    let mut tracker = Tracker::new(params).unwrap();
    let all = cuboids();
    for row in [2, 6] {
        lines.push(
            tracker
                .step(at(0), &all[row..=row], &Se3::IDENTITY)
                .unwrap_err()
                .to_string(),
        );
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn clocks_that_jump() {
    let mut tracker = Tracker::<World>::new(TrackParams {
        history: 100,
        ..TrackParams::default()
    })
    .unwrap();
    let here = [found(car(5.0, 0.0, 0.0))];
    for frame in 0..5 {
        tracker.step(at(frame), &here, &Se3::IDENTITY).unwrap();
    }
    // the same moment again: a second look, not a frame of nothing
    let again = tracker.step(at(4), &here, &Se3::IDENTITY).unwrap();
    assert_eq!((ids(&again), again.warnings.repeated_stamps), (vec![1], 1));
    // back: everything ends, and ids are not used again
    let back = tracker.step(at(2), &here, &Se3::IDENTITY).unwrap();
    assert_eq!((ids(&back), back.warnings.clock_resets), (vec![2], 1));
    assert_eq!(back.finished.len(), 1);
    assert_eq!(back.finished[0].points().count(), 6);
    // far ahead, further than an `i64` of nanoseconds holds
    let mut tracker = world();
    for (stamp, id) in [(i64::MIN, 1), (i64::MIN + 100_000_000, 1), (i64::MAX, 2)] {
        let answer = tracker.step(TimeNs(stamp), &here, &Se3::IDENTITY).unwrap();
        assert_eq!((ids(&answer), answer.warnings.any()), (vec![id], false));
    }
}

#[test]
fn too_much_of_everything_is_bounded() {
    let mut tracker = Tracker::<Image>::new(TrackParams {
        max_tracks: 3,
        max_detections: 5,
        ..TrackParams::default()
    })
    .unwrap();
    let crowd: Vec<_> = (0..9_i32)
        .map(|i| BoxDetection {
            score: 0.8 + 0.01 * f64::from(i),
            ..seen(BBox::from_xywh(100.0 * f64::from(i), 0.0, 50.0, 50.0))
        })
        .collect();
    let answer = tracker.step(at(0), &crowd, &Warp::IDENTITY).unwrap();
    assert_eq!((answer.warnings.too_many, answer.warnings.births_refused), (4, 2));
    // the best ones
    let rows: Vec<_> = answer.tracks.iter().map(|t| t.detection).collect();
    assert_eq!(rows, [Some(8), Some(7), Some(6)]);
    // a camera motion that cannot be blows tracks up: they end, and nothing else happens
    let mut params = TrackParams::<Image>::default();
    (params.all.life.confirm_hits, params.all.life.confirm_window) = (1, 1);
    let mut tracker = Tracker::new(params).unwrap();
    let wild = Warp::affine([[1e5, 0.0, 0.0], [0.0, 1e5, 0.0]]).unwrap();
    for frame in 0..6 {
        let answer = tracker.step(at(frame), &crowd, &wild).unwrap();
        assert!(answer.tracks.iter().all(|t| t.shape.is_valid()));
    }
    assert!(tracker.warnings().diverged > 0);
}

#[test]
fn senseless_parameters_are_refused() {
    let mut lines = Vec::new();
    let mut refuse = |change: &dyn Fn(&mut TrackParams<Image>)| {
        let mut params = TrackParams::<Image>::default();
        change(&mut params);
        lines.push(Tracker::new(params).unwrap_err().to_string());
    };
    refuse(&|p| p.all.noise.position = 0.0);
    refuse(&|p| p.all.noise.acceleration = f64::NAN);
    refuse(&|p| p.all.association.high_score = 1.5);
    refuse(&|p| p.all.association.low_score = 0.7);
    refuse(&|p| p.all.association.first = Gate::Iou { above: 1.0 });
    refuse(&|p| p.all.association.first = Gate::IouBev { above: 0.1 });
    refuse(&|p| p.all.association.second = Some(Gate::Giou { above: -2.0 }));
    refuse(&|p| p.all.association.tentative = Gate::CenterDistance { below: 0.0, per_s: 1.0 });
    refuse(&|p| p.all.association.first = Gate::Mahalanobis { probability: 1.0 });
    refuse(&|p| p.all.association.innovation = Some(0.0));
    refuse(&|p| p.all.life.confirm_hits = 3);
    refuse(&|p| p.all.life.confirm_window = 65);
    refuse(&|p| p.all.life.coast_s = -1.0);
    refuse(&|p| p.all.life.score_weight = 0.0);
    refuse(&|p| p.all.life.score_half_life_s = f64::INFINITY);
    refuse(&|p| {
        let mut own = p.all;
        own.life.duplicate_iou = 2.0;
        p.classes.insert(3, own);
    });
    refuse(&|p| p.history = 1);
    refuse(&|p| p.max_tracks = 0);
    let none = finished_tracks(Vec::<FrameInput<World>>::new(), TrackParams::default());
    lines.push(text(&none.unwrap_err()));
    let far = OfflineParams {
        fill_gap_s: f64::NAN,
        ..OfflineParams::default()
    };
    lines.push(
        offline(Vec::<guideway_eval::track::Track<World>>::new(), far)
            .unwrap_err()
            .to_string(),
    );
    for rows in [
        [[1.0, 0.0, f64::NAN], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]],
    ] {
        lines.push(Warp::homography(rows).unwrap_err().to_string());
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn parameters_survive_json() {
    for params in [
        TrackParams::<World>::default(),
        TrackParams::ab3dmot(0.1),
        TrackParams::center_point(4.0, 0.5),
    ] {
        params.check().unwrap();
        let mut params = params;
        params.classes.insert(4, with_motion(MotionModel::TurnRate).all);
        params.all.association.innovation = Some(0.99);
        let json = serde_json::to_string(&params).unwrap();
        assert_eq!(serde_json::from_str::<TrackParams<World>>(&json).unwrap(), params);
    }
    TrackParams::sort(0.1).check().unwrap();
    assert_eq!(
        serde_json::from_str::<TrackParams<Image>>("{}").unwrap(),
        TrackParams::default()
    );
    let wrong = |json: &str| {
        serde_json::from_str::<TrackParams<Image>>(json)
            .unwrap_err()
            .to_string()
    };
    let lines = [
        wrong(r#"{"al": {}}"#),
        wrong(r#"{"all": {"noise": {"drift": 1.0}}}"#),
        wrong(r#"{"all": {"association": {"first": {"measure": "iuo", "above": 0.1}}}}"#),
        wrong(r#"{"all": {"association": {"first": {"measure": "iou", "above": 0.1, "below": 2}}}}"#),
        wrong(r#"{"classes": {"car": {}}}"#),
        wrong(r#"{"classes": [1]}"#),
        wrong(r#"{"all": 3}"#),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}
