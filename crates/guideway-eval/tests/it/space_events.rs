//! Mistakes among objects in space: by hand, against the rules written down once more, and what must hold whatever is there.

use guideway_core::{Cuboid, DVec3};
use guideway_eval::bootstrap::BootstrapParams;
use guideway_eval::events::{Cause, Event, EventKind, FoundInSpace, SpaceEventParams, find_events_in_space};
use guideway_eval::mistakes::{GroupParams, Sighting, Spot, group};
use guideway_eval::objects3d::{Detections3d, Keep, Slice, Truth3d};
use proptest::prelude::*;

const CLASSES: u32 = 3;

fn at(x: f64, y: f64) -> Cuboid {
    Cuboid::from_slice(&[x, y, 0.8, 4.5, 1.9, 1.6, 1.0, 0.0, 0.0, 0.0]).unwrap()
}

/// Labels and detections by frame, class and place; detections with a score.
fn columns(labels: &[(u32, u32, f64, f64)], found: &[(u32, u32, f64, f64, f64)]) -> (Truth3d, Detections3d) {
    let mut truth = Truth3d::new(vec![DVec3::ZERO; 2], CLASSES);
    for (frame, class, x, y) in labels {
        truth.push(*frame, *class, at(*x, *y));
    }
    let mut detections = Detections3d::default();
    for (frame, class, x, y, score) in found {
        detections.push(*frame, *class, at(*x, *y), *score);
    }
    (truth, detections)
}

fn events(labels: &[(u32, u32, f64, f64)], found: &[(u32, u32, f64, f64, f64)]) -> Vec<Event> {
    let (truth, detections) = columns(labels, found);
    find_events_in_space(&truth, &detections, &Keep::default(), &SpaceEventParams::default()).unwrap()
}

type Shown = (EventKind, Option<u32>, Option<u32>, Vec<Cause>);

fn shown(events: &[Event]) -> Vec<Shown> {
    let shown = |event: &Event| (event.kind, event.label, event.detection, event.causes.clone());
    events.iter().map(shown).collect()
}

#[test]
fn each_kind_is_told_by_hand() {
    let (alarm, none) = (EventKind::FalsePositive, Vec::<Cause>::new());
    // Found well; a second one of the same; nothing there; another class in place of one that was found.
    let labels = [(0, 0, 10.0, 0.0)];
    let found = [
        (0, 0, 10.5, 0.0, 0.9),
        (0, 0, 10.0, 1.0, 0.8),
        (0, 0, 30.0, 0.0, 0.7),
        (0, 1, 11.0, 0.5, 0.6),
    ];
    assert_eq!(
        shown(&events(&labels, &found)),
        [
            (alarm, Some(0), Some(1), vec![Cause::Duplicate]),
            (alarm, None, Some(2), vec![Cause::Background]),
            (alarm, Some(0), Some(3), vec![Cause::OtherClassNearby]),
        ]
    );
    // A wrong name, a bad place, found with too low a score, and in another frame.
    let labels = [
        (0, 0, 10.0, 0.0),
        (0, 0, 30.0, 0.0),
        (1, 0, 50.0, 0.0),
        (1, 1, 70.0, 0.0),
    ];
    let found = [
        (0, 1, 10.5, 0.0, 0.9),
        (0, 0, 33.0, 0.0, 0.8),
        (1, 0, 50.5, 0.0, 0.2),
        (0, 1, 70.0, 0.0, 0.1),
    ];
    let told = events(&labels, &found);
    assert_eq!(
        shown(&told),
        [
            (EventKind::Confusion, Some(0), Some(0), none.clone()),
            (EventKind::PoorLocalisation, Some(1), Some(1), none.clone()),
            (EventKind::Miss, Some(2), Some(2), vec![Cause::LowScore]),
            (EventKind::Miss, Some(3), None, none),
        ]
    );
    let severity: Vec<f64> = told.iter().map(|event| event.severity).collect();
    assert_eq!(severity, [0.9, 0.8, 0.8, 1.0]);
    assert!(told.iter().all(|event| event.iou.is_none()));
}

#[test]
fn what_is_left_out_is_no_mistake_either_way() {
    let labels = [(0, 0, 10.0, 0.0), (0, 1, 30.0, 0.0), (0, 0, 50.0, 0.0)];
    // On an ignored label of its class, on one of another class, and out of range beside a label that counts.
    let found = [
        (0, 0, 10.0, 0.0, 0.9),
        (0, 0, 31.0, 0.0, 0.9),
        (0, 0, 51.0, 0.0, 0.9),
        (0, 2, 60.0, 0.0, 0.9),
    ];
    let (truth, detections) = columns(&labels, &found);
    let keep = Keep {
        labels: Some(vec![false, false, true]),
        detections: Some(vec![true, true, false, false]),
    };
    let told = |keep: &Keep| {
        let params = SpaceEventParams::default();
        shown(&find_events_in_space(&truth, &detections, keep, &params).unwrap())
    };
    assert_eq!(told(&keep), []);
    // A label that counts and that nothing finds is missed, with the hint that hardly a point is on it.
    let mut truth = truth.clone();
    truth.points = vec![Some(4); 3];
    let params = SpaceEventParams::default();
    let missed = find_events_in_space(&truth, &Detections3d::default(), &keep_labels(&keep), &params).unwrap();
    assert_eq!(
        shown(&missed),
        [(EventKind::Miss, Some(2), None, vec![Cause::FewPoints])]
    );
}

fn keep_labels(keep: &Keep) -> Keep {
    Keep {
        labels: keep.labels.clone(),
        detections: None,
    }
}

#[test]
fn odd_parameters_are_refused() {
    let (truth, detections) = columns(&[], &[]);
    for (params, problem) in [
        (
            SpaceEventParams {
                distance_m: 0.0,
                ..SpaceEventParams::default()
            },
            "parameter `distance_m`: 0 is not a distance above 0",
        ),
        (
            SpaceEventParams {
                background_m: 1.0,
                ..SpaceEventParams::default()
            },
            "parameter `background_m`: 1 is not at least the matching distance 2",
        ),
    ] {
        let refused = find_events_in_space(&truth, &detections, &Keep::default(), &params).unwrap_err();
        assert_eq!(refused.to_string(), problem);
    }
}

/// The rules once more, in the words of the documentation: everything is looked up anew, and nothing is sorted.
fn by_the_book(truth: &Truth3d, found: &Detections3d, keep: &Keep, p: &SpaceEventParams) -> Vec<Shown> {
    let distance = |d: usize, g: usize| {
        let apart = truth.cuboid[g].center - found.cuboid[d].center;
        apart.x.hypot(apart.y)
    };
    let counts = |g: usize| keep.labels.as_ref().unwrap()[g];
    let is_same = |d: usize, g: usize| found.class[d] == truth.class[g];
    let mut all = Vec::new();
    for frame in 0..truth.ego.len() as u32 {
        let labels: Vec<usize> = (0..truth.len()).filter(|g| truth.frame[*g] == frame).collect();
        let nearest = |d: usize, limit: f64, wanted: &dyn Fn(usize) -> bool| {
            let near = labels.iter().filter(|g| wanted(**g) && distance(d, **g) < limit);
            near.copied()
                .min_by(|a, b| distance(d, *a).total_cmp(&distance(d, *b)).then(a.cmp(b)))
        };
        // Who takes whom, with these scores at least.
        let matching = |least: f64| -> Vec<(usize, usize)> {
            let mut left: Vec<usize> = (0..found.len())
                .filter(|d| found.frame[*d] == frame && found.score[*d] >= least)
                .collect();
            let mut pairs: Vec<(usize, usize)> = Vec::new();
            loop {
                let own =
                    |d: usize| nearest(d, f64::INFINITY, &|g| is_same(d, g)).map_or(f64::INFINITY, |g| distance(d, g));
                let best = left.iter().copied().min_by(|a, b| {
                    found.score[*b]
                        .total_cmp(&found.score[*a])
                        .then(own(*a).total_cmp(&own(*b)))
                        .then(a.cmp(b))
                });
                let Some(best) = best else { return pairs };
                left.retain(|d| *d != best);
                let is_free = |g: usize| pairs.iter().all(|(_, taken)| *taken != g);
                let take = labels
                    .iter()
                    .copied()
                    .filter(|g| is_same(best, *g) && is_free(*g) && distance(best, *g) < p.distance_m)
                    .min_by(|a, b| {
                        let nearer = distance(best, *a).total_cmp(&distance(best, *b));
                        nearer.then(counts(*b).cmp(&counts(*a))).then(a.cmp(b))
                    });
                pairs.extend(take.map(|g| (best, g)));
            }
        };
        let pairs = matching(p.min_score);
        let is_found = |g: usize| pairs.iter().any(|(_, taken)| *taken == g);
        let crowded = |g: usize| {
            labels.iter().any(|other| {
                let apart = truth.cuboid[g].center - truth.cuboid[*other].center;
                *other != g && apart.x.hypot(apart.y) < p.crowded_m
            })
        };
        let hints = |g: usize| if crowded(g) { vec![Cause::Crowded] } else { Vec::new() };
        let mut explained = Vec::new();
        for d in (0..found.len()).filter(|d| found.frame[*d] == frame && found.score[*d] >= p.min_score) {
            let is_matched = pairs.iter().any(|(matched, _)| *matched == d);
            if is_matched {
                continue;
            }
            let is_kept = keep.detections.as_ref().unwrap()[d];
            let within = |wanted: &dyn Fn(usize) -> bool| nearest(d, p.distance_m, wanted);
            if within(&|g| is_same(d, g) && !counts(g)).is_some() {
                continue;
            }
            // What is nearest decides; of equally near ones the duplicate, then the confusion, then nothing.
            let candidates = [
                within(&|g| is_same(d, g) && counts(g)),
                within(&|g| !is_same(d, g) && counts(g) && !is_found(g)),
                within(&|g| !counts(g)),
            ];
            let decided = (0..3)
                .filter(|rule| candidates[*rule].is_some())
                .min_by(|a, b| distance(d, candidates[*a].unwrap()).total_cmp(&distance(d, candidates[*b].unwrap())));
            let row = Some(d as u32);
            match decided {
                Some(0) if is_kept => all.push((
                    EventKind::FalsePositive,
                    candidates[0].map(|g| g as u32),
                    row,
                    vec![Cause::Duplicate],
                )),
                Some(1) => {
                    let g = candidates[1].unwrap();
                    explained.push(g);
                    all.push((EventKind::Confusion, Some(g as u32), row, hints(g)));
                }
                Some(_) => {}
                None => {
                    if let Some(g) = nearest(d, p.background_m, &|g| is_same(d, g) && counts(g) && !is_found(g)) {
                        explained.push(g);
                        all.push((EventKind::PoorLocalisation, Some(g as u32), row, hints(g)));
                        continue;
                    }
                    if !is_kept {
                        continue;
                    }
                    let other = within(&|g| counts(g) && !is_same(d, g));
                    let named = other.or(nearest(d, p.background_m, &|g| counts(g)));
                    let cause = if other.is_some() {
                        Cause::OtherClassNearby
                    } else {
                        Cause::Background
                    };
                    all.push((EventKind::FalsePositive, named.map(|g| g as u32), row, vec![cause]));
                }
            }
        }
        let with_all = matching(f64::NEG_INFINITY);
        for g in labels.iter().copied() {
            if counts(g) && !is_found(g) && !explained.contains(&g) {
                let low = with_all.iter().find(|(_, taken)| *taken == g).map(|(d, _)| *d as u32);
                let mut causes = if low.is_some() {
                    vec![Cause::LowScore]
                } else {
                    Vec::new()
                };
                causes.extend(hints(g));
                causes.sort_unstable();
                all.push((EventKind::Miss, Some(g as u32), low, causes));
            }
        }
    }
    all
}

/// Places on a grid so coarse that many are equally far from each other.
fn place() -> impl Strategy<Value = (u32, u32, f64, f64)> {
    (0..2_u32, 0..CLASSES, 0..12_i32, 0..8_i32)
        .prop_map(|(frame, class, x, y)| (frame, class, f64::from(x) * 0.5, f64::from(y) * 0.5))
}

proptest! {
    #[test]
    fn events_are_those_of_the_book(
        labels in prop::collection::vec((place(), prop::bool::weighted(0.8)), 0..14),
        found in prop::collection::vec((place(), 0..4_u32, prop::bool::weighted(0.8)), 0..14),
    ) {
        let keep = Keep {
            labels: Some(labels.iter().map(|(_, keep)| *keep).collect()),
            detections: Some(found.iter().map(|(.., keep)| *keep).collect()),
        };
        let labels: Vec<_> = labels.into_iter().map(|(place, _)| place).collect();
        let found: Vec<_> = found
            .into_iter()
            .map(|((frame, class, x, y), score, _)| (frame, class, x, y, 0.1 + 0.25 * f64::from(score)))
            .collect();
        let (truth, detections) = columns(&labels, &found);
        let params = SpaceEventParams::default();
        let told = find_events_in_space(&truth, &detections, &keep, &params).unwrap();
        prop_assert_eq!(shown(&told), by_the_book(&truth, &detections, &keep, &params));
        // No label is missed and named wrong at once, and none twice missed; what is left out is never missed.
        let missed: Vec<u32> = told.iter().filter(|e| e.kind == EventKind::Miss).filter_map(|e| e.label).collect();
        for event in &told {
            let label = event.label.map(|row| row as usize);
            prop_assert!(label.is_none_or(|row| keep.labels.as_ref().unwrap()[row] && truth.frame[row] == event.image));
            let named = matches!(event.kind, EventKind::Confusion | EventKind::PoorLocalisation);
            prop_assert!(!named || !missed.contains(&event.label.unwrap()));
        }
        let mut once = missed.clone();
        once.dedup();
        prop_assert_eq!(once, missed);
    }

    /// Where the axes of a frame point and where its origin lies changes nothing.
    #[test]
    fn the_frame_of_reference_does_not_matter(
        labels in prop::collection::vec(place(), 0..12),
        found in prop::collection::vec((place(), 0..1000_u32), 0..12),
        shift in -200_i32..200,
    ) {
        let found: Vec<_> = found
            .into_iter()
            .enumerate()
            // No two scores are alike: roundings of turned distances decide nothing.
            .map(|(row, ((frame, class, x, y), score))| (frame, class, x, y, f64::from(score) / 1001.0 + row as f64 * 1e-6))
            .collect();
        let turned = |x: f64, y: f64| (-y + f64::from(shift) * 0.5, x - 7.0);
        let moved_labels: Vec<_> = labels
            .iter()
            .map(|(frame, class, x, y)| (*frame, *class, turned(*x, *y).0, turned(*x, *y).1))
            .collect();
        let moved_found: Vec<_> = found
            .iter()
            .map(|(frame, class, x, y, score)| (*frame, *class, turned(*x, *y).0, turned(*x, *y).1, *score))
            .collect();
        prop_assert_eq!(shown(&events(&labels, &found)), shown(&events(&moved_labels, &moved_found)));
    }
}

#[test]
fn a_false_alarm_in_space_goes_on_where_it_should_be_by_now() {
    let seen = |frame: i64, at: [f64; 2], velocity: [f64; 2]| Sighting {
        recording: 0,
        sensor: 0,
        stamp_ns: frame * 500_000_000,
        kind: EventKind::FalsePositive,
        class: 0,
        object: None,
        spot: Spot::OnGround { at, velocity },
        severity: 0.5,
    };
    // Twice a second: one stands and trembles, one drives at 15 m/s past it, one jumps by three metres.
    let mut sightings: Vec<Sighting> = (0..8)
        .map(|at| seen(at, [10.0 + 0.4 * (at % 3) as f64, 5.0], [0.0; 2]))
        .collect();
    sightings.extend((0..8).map(|at| seen(at, [7.5 * at as f64, 1.0], [15.0, 0.0])));
    sightings.extend((0..4).map(|at| seen(at, [3.0 * at as f64, -20.0], [0.0; 2])));
    let mistakes = group(&sightings, &GroupParams::default()).unwrap();
    let mut lengths: Vec<usize> = mistakes.iter().map(|mistake| mistake.sightings.len()).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [1, 1, 1, 1, 8, 8]);
    // A box in an image has nothing to do with a place on the ground, and a place that is not a number with nothing at all.
    let odd = [seen(0, [f64::NAN, 0.0], [0.0; 2]), seen(1, [f64::NAN, 0.0], [0.0; 2])];
    assert_eq!(group(&odd, &GroupParams::default()).unwrap().len(), 2);
}

/// Class, metric, labels and value.
type Row = (Option<u32>, &'static str, u64, Option<f64>);

#[test]
fn slices_say_what_is_found_in_them() {
    let labels = [
        (0, 0, 10.0, 0.0),
        (0, 0, 30.0, 0.0),
        (0, 1, 20.0, 0.0),
        (1, 0, 10.0, 0.0),
        (1, 2, 30.0, 0.0),
    ];
    // One of class 0 is missed, and another does not count; the one of class 1 has a wrong name.
    let found = [(0, 0, 10.5, 0.0, 0.9), (0, 2, 20.0, 0.0, 0.9), (1, 2, 30.5, 0.0, 0.9)];
    let (truth, detections) = columns(&labels, &found);
    let keep = Keep {
        labels: Some(vec![true, true, true, false, true]),
        detections: None,
    };
    let seen = |detections: &Detections3d| {
        let events = find_events_in_space(&truth, detections, &keep, &SpaceEventParams::default()).unwrap();
        FoundInSpace::new(&truth, &keep, &events).unwrap()
    };
    let one = seen(&detections);
    assert_eq!(
        one.labels().collect::<Vec<_>>(),
        [(0, true), (1, false), (2, false), (4, true)]
    );
    let rows = |slice: &Slice| -> Vec<Row> {
        let part = one.part(slice).unwrap();
        let cells = part.cells().into_iter().zip(part.values(None).unwrap());
        cells
            .map(|(cell, value)| (cell.class, cell.metric, cell.support, value))
            .collect()
    };
    assert_eq!(
        rows(&Slice::new("all")),
        [
            (None, "recall", 4, Some(0.5)),
            (None, "misses", 4, Some(2.0)),
            (Some(0), "recall", 2, Some(0.5)),
            (Some(0), "misses", 2, Some(1.0)),
            (Some(1), "recall", 1, Some(0.0)),
            (Some(1), "misses", 1, Some(1.0)),
            (Some(2), "recall", 1, Some(1.0)),
            (Some(2), "misses", 1, Some(0.0)),
        ]
    );
    let far = Slice::new("far").labels(vec![false, true, false, false, true]);
    assert_eq!(rows(&far)[0], (None, "recall", 2, Some(0.5)));
    let second = Slice::new("second").frames(vec![false, true]);
    assert_eq!(
        rows(&second)[..2],
        [(None, "recall", 1, Some(1.0)), (None, "misses", 1, Some(0.0))]
    );
    assert_eq!(rows(&Slice::new("none").labels(vec![false; 5])), []);
    assert!(one.part(&Slice::new("short").labels(vec![true])).is_err());

    // A draw counts frames again, and intervals lie about the value where both frames have labels.
    let all = one.part(&Slice::new("all")).unwrap();
    assert_eq!(all.values(Some(&[1, 2])).unwrap()[..2], [Some(0.6), Some(2.0)]);
    assert_eq!(all.values(Some(&[0, 1])).unwrap()[4], None, "no label of class 1 in it");
    assert!(all.values(Some(&[1])).is_err());
    let params = BootstrapParams::default();
    let intervals = all.intervals(&[0, 1], &params).unwrap();
    assert!(intervals[0].lower.unwrap() < 0.5 && intervals[0].upper.unwrap() > 0.5);
    assert_eq!(intervals[4].lower, None, "one group has such labels");

    // A run that finds what the other missed.
    let mut more = detections.clone();
    more.push(0, 0, at(30.0, 0.5), 0.8);
    let other = seen(&more);
    let deltas = all
        .compare(&other.part(&Slice::new("all")).unwrap(), &[0, 1], &params)
        .unwrap();
    assert_eq!((deltas[0].a, deltas[0].b), (Some(0.5), Some(0.75)));
    assert_eq!(
        (deltas[1].metric.as_str(), deltas[1].delta, deltas[1].support),
        ("misses", Some(-1.0), 4)
    );
    assert!(all.compare(&one.part(&far).unwrap(), &[0, 1], &params).is_err());
    assert!(all.intervals(&[0], &params).is_err());
}
