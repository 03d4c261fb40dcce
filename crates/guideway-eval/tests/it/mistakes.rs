//! Mistakes over time, planted and found again.

use guideway_core::BBox;
use guideway_eval::events::EventKind;
use guideway_eval::mistakes::{Exposure, GroupParams, Mistake, Rate, Sighting, Spot, group, rates};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

const FRAME_NS: i64 = 100_000_000;

fn seen(frame: i64, kind: EventKind, object: Option<u64>, x: f64) -> Sighting {
    Sighting {
        recording: 0,
        sensor: 0,
        stamp_ns: frame * FRAME_NS,
        kind,
        class: 0,
        object,
        spot: Spot::InImage(BBox::new(x, 0.0, x + 20.0, 40.0)),
        severity: 0.5,
    }
}

fn lengths(mistakes: &[Mistake]) -> Vec<(EventKind, usize)> {
    mistakes
        .iter()
        .map(|mistake| (mistake.kind, mistake.sightings.len()))
        .collect()
}

#[test]
fn an_object_is_one_mistake_whatever_is_wrong_about_it() {
    let mut sightings: Vec<Sighting> = (0..10).map(|at| seen(at, EventKind::Miss, Some(1), 0.0)).collect();
    sightings.extend((10..13).map(|at| seen(at, EventKind::Confusion, Some(1), 0.0)));
    // Another object in the same place, and the same one a recording later.
    sightings.extend((5..8).map(|at| seen(at, EventKind::Miss, Some(2), 0.0)));
    let later = seen(12, EventKind::Miss, Some(1), 0.0);
    sightings.push(Sighting { recording: 1, ..later });
    let mistakes = group(&sightings, &GroupParams::default()).unwrap();
    assert_eq!(
        lengths(&mistakes),
        [(EventKind::Miss, 13), (EventKind::Miss, 3), (EventKind::Miss, 1)]
    );
    assert_eq!((mistakes[0].first_ns, mistakes[0].last_ns), (0, 12 * FRAME_NS));
}

#[test]
fn a_false_alarm_goes_on_where_it_overlaps_itself() {
    // It moves by 4 px a frame; another one stands beside it, and a third comes where the first began.
    let mut sightings: Vec<Sighting> = (0..10)
        .map(|at| seen(at, EventKind::FalsePositive, Some(9), 4.0 * at as f64))
        .collect();
    sightings.extend((0..10).map(|at| seen(at, EventKind::FalsePositive, None, 100.0)));
    sightings.extend((8..10).map(|at| seen(at, EventKind::FalsePositive, None, 0.0)));
    let mistakes = group(&sightings, &GroupParams::default()).unwrap();
    let alarm = EventKind::FalsePositive;
    assert_eq!(lengths(&mistakes), [(alarm, 10), (alarm, 10), (alarm, 2)]);
    assert!(
        mistakes.iter().all(|mistake| mistake.object.is_none()),
        "a false alarm is about no object"
    );
}

#[test]
fn short_ones_are_left_out_on_request() {
    let sightings: Vec<Sighting> = [0, 1, 2, 40].map(|at| seen(at, EventKind::Miss, Some(1), 0.0)).into();
    let params = GroupParams {
        min_frames: 2,
        ..GroupParams::default()
    };
    assert_eq!(lengths(&group(&sightings, &params).unwrap()), [(EventKind::Miss, 3)]);
    let params = GroupParams {
        min_duration_ns: 300_000_000,
        ..GroupParams::default()
    };
    assert!(group(&sightings, &params).unwrap().is_empty());
}

#[test]
fn odd_parameters_and_stamps_are_met() {
    for (params, problem) in [
        (
            GroupParams {
                gap_ns: -1,
                ..GroupParams::default()
            },
            "parameter `gap_ns`: -1 is less than 0",
        ),
        (
            GroupParams {
                iou: f64::NAN,
                ..GroupParams::default()
            },
            "parameter `iou`: NaN is not above 0 and at most 1",
        ),
    ] {
        assert_eq!(group(&[], &params).unwrap_err().to_string(), problem);
    }
    // Stamps at both ends of time, and a box that is not a number: two mistakes, no panic.
    let mut first = seen(0, EventKind::FalsePositive, None, f64::NAN);
    first.stamp_ns = i64::MIN;
    let mut last = seen(0, EventKind::FalsePositive, None, 0.0);
    last.stamp_ns = i64::MAX;
    assert_eq!(group(&[first, last], &GroupParams::default()).unwrap().len(), 2);
}

/// Every planted mistake is one mistake, also where several go on at once: objects by their identity, false alarms by their place.
fn plant(rng: &mut ChaCha8Rng, frames: i64, count: usize, sightings: &mut Vec<Sighting>) {
    for object in 0..count {
        let length = rng.random_range(1..=60).min(frames);
        let first = rng.random_range(0..=frames - length);
        let alarm = rng.random_bool(0.4);
        let kind = if alarm {
            EventKind::FalsePositive
        } else {
            EventKind::Miss
        };
        for at in first..first + length {
            // Found in some of the frames in between.
            if at == first || rng.random_bool(0.8) {
                sightings.push(seen(at, kind, (!alarm).then_some(object as u64), 50.0 * object as f64));
            }
        }
    }
}

#[test]
fn planted_mistakes_come_back_one_by_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut sightings = Vec::new();
    plant(&mut rng, 36_000, 2_000, &mut sightings);
    let mistakes = group(&sightings, &GroupParams::default()).unwrap();
    assert_eq!(mistakes.len(), 2_000);
    assert_eq!(
        mistakes.iter().map(|mistake| mistake.sightings.len()).sum::<usize>(),
        sightings.len()
    );
}

#[test]
fn intervals_cover_the_planted_rate_of_fleets() {
    // Fleets of 20 hours with 3 mistakes an hour.
    let (rate, hours, fleets) = (3.0, 20.0, 1_000);
    let mut covered = 0;
    for fleet in 0..fleets {
        let mut rng = ChaCha8Rng::seed_from_u64(fleet);
        // As many as there are arrivals of a Poisson process in that time.
        let mut count = 0;
        let mut at = -(1.0 - rng.random::<f64>()).ln() / rate;
        while at < hours {
            count += 1;
            at -= (1.0 - rng.random::<f64>()).ln() / rate;
        }
        let mut sightings = Vec::new();
        plant(&mut rng, 720_000, count, &mut sightings);
        let mistakes = group(&sightings, &GroupParams::default()).unwrap();
        let found = Rate::of(mistakes.len() as u64, Exposure { hours, km: None }, 0.95);
        let interval = found.per_hour_interval.unwrap();
        covered += u32::from(interval.lower <= rate && rate <= interval.upper);
    }
    assert!(
        (930..=970).contains(&covered),
        "{covered} of {fleets} intervals cover the rate"
    );
}

#[test]
fn rates_are_by_kind_and_class_and_add_up() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut sightings = Vec::new();
    plant(&mut rng, 36_000, 300, &mut sightings);
    for sighting in &mut sightings {
        sighting.class = sighting.object.map_or(0, |object| (object % 3) as u32);
    }
    let mistakes = group(&sightings, &GroupParams::default()).unwrap();
    let exposure = Exposure {
        hours: 1.0,
        km: Some(40.0),
    };
    let rates = rates(&mistakes, exposure, 0.95);
    assert_eq!(rates.values().map(|rate| rate.mistakes).sum::<u64>(), 300);
    assert_eq!(rates.len(), 4, "misses of three classes, false alarms of one");
    let nothing = Rate::of(3, Exposure::default(), 0.95);
    assert_eq!((nothing.per_hour, nothing.per_km_interval), (None, None));
}

proptest! {
    /// Neither the order of rows nor a shift in time changes what is one mistake; nothing is lost.
    #[test]
    fn order_and_origin_do_not_matter(
        frames in prop::collection::vec((0_i64..200, 0_u64..4, any::<bool>()), 0..80),
        shift in -1_000_000_i64..1_000_000,
        seed in any::<u64>(),
    ) {
        // One row for each object and frame, so that no two are alike.
        let mut frames = frames;
        frames.sort_unstable();
        frames.dedup_by_key(|(at, object, _)| (*at, *object));
        let sightings: Vec<Sighting> = frames
            .iter()
            .map(|(at, object, wrong)| {
                let kind = if *wrong { EventKind::Confusion } else { EventKind::Miss };
                seen(*at, kind, Some(*object), 0.0)
            })
            .collect();
        let spans = |sightings: &[Sighting], shift: i64| -> Vec<(u64, i64, i64, usize)> {
            let mut spans: Vec<_> = group(sightings, &GroupParams::default())
                .unwrap()
                .iter()
                .map(|m| (m.object.unwrap(), m.first_ns - shift, m.last_ns - shift, m.sightings.len()))
                .collect();
            spans.sort_unstable();
            spans
        };
        let straight = spans(&sightings, 0);
        prop_assert_eq!(straight.iter().map(|span| span.3).sum::<usize>(), sightings.len());
        let mut moved: Vec<Sighting> = sightings.clone();
        for sighting in &mut moved {
            sighting.stamp_ns += shift;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for at in (1..moved.len()).rev() {
            moved.swap(at, rng.random_range(0..=at));
        }
        prop_assert_eq!(spans(&moved, shift), straight);
    }
}
