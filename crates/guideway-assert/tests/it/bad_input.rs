//! Whatever comes in: no panic, and everything is accounted for.

use guideway_assert::{Axes, BBox, Checker, Cuboid, DVec3, Frame, Observation, Rule, Rules, Se3, Subject, View};
use guideway_core::DQuat;
use proptest::prelude::*;

/// What a map is asked needs a place in the world, and says which part of it is missing.
#[test]
fn a_map_without_an_answer_says_why() {
    let cuboid = Cuboid::new(Se3::from_yaw(0.0, DVec3::new(9.0, 2.0, 0.8)).unwrap(), [4.0, 1.8, 1.5]).unwrap();
    let reason = |world_from_ego: Option<Se3>, cuboid: Option<Cuboid>| {
        let mut checker = Checker::new(Rules::shipped().unwrap(), Subject::Labels);
        let frame = Frame {
            recording: "drive",
            sensor: "/lidar",
            world_from_ego,
            ..Frame::default()
        };
        let car = Observation {
            class: "car",
            bbox: Some(BBox::new(0.0, 0.0, 9.0, 9.0)),
            cuboid,
            ..Observation::default()
        };
        checker.frame(&frame, &[car]);
        let not = &checker.outcome().not_checked[&Rule::Solid];
        assert_eq!((not.count, not.reasons.len()), (1, 1));
        not.reasons.keys().next().copied().unwrap()
    };
    assert_eq!(reason(None, None), "no cuboid");
    assert_eq!(reason(None, Some(cuboid)), "no pose of the vehicle");
    assert_eq!(reason(Some(Se3::IDENTITY), Some(cuboid)), "no map of solid things");
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -50.0..150.0_f64,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(-1e300),
        1 => Just(0.0),
    ]
}

#[derive(Debug, Clone)]
struct Any {
    class: &'static str,
    score: Option<f64>,
    track: Option<&'static str>,
    bbox: Option<[f64; 4]>,
    cuboid: Option<[f64; 7]>,
    velocity: Option<f64>,
    points: Option<u32>,
    ground: Option<f64>,
    occlusion: Option<f64>,
}

fn any_row() -> impl Strategy<Value = Any> {
    let class = prop_oneof![Just("car"), Just("bicycle"), Just(""), Just("Größe"), Just("DontCare")];
    let track = proptest::option::of(prop_oneof![Just("1"), Just("2"), Just("3")]);
    (
        class,
        proptest::option::of(number()),
        track,
        proptest::option::of(proptest::array::uniform4(number())),
        proptest::option::of(proptest::array::uniform7(number())),
        proptest::option::of(number()),
        proptest::option::of(0..9_u32),
        proptest::option::of(number()),
        proptest::option::of(number()),
    )
        .prop_map(
            |(class, score, track, bbox, cuboid, velocity, points, ground, occlusion)| Any {
                class,
                score,
                track,
                bbox,
                cuboid,
                velocity,
                points,
                ground,
                occlusion,
            },
        )
}

impl Any {
    fn observation(&self) -> Observation<'_> {
        Observation {
            class: self.class,
            score: self.score,
            track: self.track,
            bbox: self.bbox.map(|[a, b, c, d]| BBox::new(a, b, c, d)),
            cuboid: self.cuboid.map(|[x, y, z, l, w, h, q]| Cuboid {
                center: DVec3::new(x, y, z),
                length: l,
                width: w,
                height: h,
                rotation: if q > 0.0 {
                    DQuat::IDENTITY
                } else {
                    DQuat::from_xyzw(q, 0.0, 0.0, 1.0)
                },
            }),
            velocity: self.velocity.map(|v| DVec3::new(v, 0.0, 0.0)),
            points: self.points,
            ground_z: self.ground,
            in_solid: None,
            occlusion: self.occlusion,
            id: None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_can_come_in(
        frames in proptest::collection::vec((proptest::collection::vec(any_row(), 0..6), -2_i64..20, 0..3_u8, number()), 1..20),
        labels in any::<bool>(),
    ) {
        let subject = if labels { Subject::Labels } else { Subject::Detections };
        let run = || {
            let mut checker = Checker::new(Rules::shipped().unwrap(), subject);
            let mut found = Vec::new();
            let mut objects = 0;
            let mut stamp = 0_i64;
            for (rows, step, view, width) in &frames {
                stamp = stamp.wrapping_add(step * if *step > 17 { i64::MAX / 40 } else { 50_000_000 });
                let frame = Frame {
                    recording: "r",
                    sensor: "s",
                    stamp_ns: stamp,
                    frame_id: None,
                    view: match view {
                        0 => View::Unknown,
                        1 => View::Around,
                        _ => View::Image { width: *width, height: 700.0 },
                    },
                    axes: if *view == 1 { Axes::World } else { Axes::Ego },
                    world_from_ego: (*step % 2 == 0).then_some(Se3::IDENTITY),
                };
                let observations: Vec<_> = rows.iter().map(Any::observation).collect();
                let step = checker.frame(&frame, &observations);
                found.extend(step.violations);
                objects += step.objects.len();
            }
            let last = checker.finish_recording();
            found.extend(last.violations);
            objects += last.objects.len();
            (found, objects, checker.outcome().clone())
        };
        let (found, objects, outcome) = run();
        for violation in &found {
            prop_assert!(violation.strength >= 1.0 && violation.strength.is_finite(), "{violation:?}");
        }
        // Every observation is either checked by a rule or counted as not checked by it, or it was left out before.
        let each = |rule: Rule| {
            outcome.checked.get(&rule).copied().unwrap_or_default() + outcome.not_checked.get(&rule).map_or(0, |n| n.count)
        };
        let size = each(Rule::Size);
        for rule in Rule::ALL.into_iter().filter(|rule| !rule.is_of_signals()) {
            prop_assert_eq!(each(rule), size, "{}", rule);
        }
        prop_assert!(size <= outcome.observations - outcome.below_score - outcome.ignored);
        let total: u64 = outcome.violations.values().sum();
        prop_assert_eq!(total, found.len() as u64);
        let again = run();
        prop_assert!(again == (found, objects, outcome));
    }
}

#[test]
fn what_is_wrong_is_counted_with_its_first_place() {
    let mut checker = Checker::new(Rules::shipped().unwrap(), Subject::Detections);
    let frame = |stamp_ns| Frame {
        recording: "drive-1",
        sensor: "/camera",
        stamp_ns,
        view: View::Image {
            width: f64::NAN,
            height: 720.0,
        },
        ..Frame::default()
    };
    let car = Observation {
        class: "car",
        track: Some("7"),
        bbox: Some(BBox::from_xywh(10.0, 10.0, 50.0, 40.0)),
        ..Observation::default()
    };
    let rows = [
        car,
        // The same identity once more.
        car,
        Observation {
            bbox: Some(BBox::new(10.0, 10.0, 5.0, 50.0)),
            ..car
        },
        Observation {
            class: "Fahrrad",
            track: None,
            score: Some(f64::NAN),
            ..car
        },
        Observation {
            class: "dont care",
            ..car
        },
        Observation {
            track: None,
            occlusion: Some(7.0),
            velocity: Some(DVec3::NAN),
            ground_z: Some(f64::INFINITY),
            cuboid: Some(Cuboid {
                center: DVec3::ZERO,
                length: -4.0,
                width: 2.0,
                height: 1.0,
                rotation: DQuat::IDENTITY,
            }),
            ..car
        },
    ];
    checker.frame(&frame(5), &rows);
    checker.frame(&frame(5), &rows);
    checker.frame(&frame(4), &rows);
    let lines: Vec<String> = checker
        .outcome()
        .warnings()
        .iter()
        .map(|w| format!("{} ×{}: {} ({})", w.code, w.count, w.message, w.location))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert_eq!(checker.outcome().ignored, 1);
}

#[test]
fn memory_is_bounded_by_what_is_alive() {
    let rules = Rules::from_toml("[rules.all]\nmax_objects = 20").unwrap();
    let mut checker = Checker::new(rules, Subject::Detections);
    let mut gone = 0;
    let names: Vec<String> = (0..2000).map(|i| i.to_string()).collect();
    for (i, name) in names.iter().enumerate() {
        let frame = Frame {
            recording: "drive-1",
            sensor: "/camera",
            stamp_ns: i as i64 * 500_000_000,
            ..Frame::default()
        };
        let car = Observation {
            class: "car",
            track: Some(name),
            bbox: Some(BBox::from_xywh(10.0, 10.0, 50.0, 40.0)),
            ..Observation::default()
        };
        gone += checker.frame(&frame, &[car]).objects.len();
        // Those of the last three seconds are kept, no more.
        assert!(i + 1 - gone <= 8, "{} alive", i + 1 - gone);
    }
    assert_eq!(gone + checker.finish_recording().objects.len(), 2000);
    assert!(checker.outcome().warnings().is_empty());
}
