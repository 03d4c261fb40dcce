//! Errors planted into labels: how many of them are among the first of the ranking, against limits of size written by hand.

use std::collections::{BTreeMap, BTreeSet};

use guideway_assert::{Checker, Cuboid, DVec3, Found, Observation, Priors, Rules, Subject, rank};
use rand::RngExt as _;

use crate::detector::{Kind, Row, alike, frame, turned};
use crate::world::{Moment, Rng, Truth, WIDTH, drive, normal, rng};

const FIRST: usize = 50;
/// So many that there are about as many errors as places among the first: with more, both rankings would be full of errors.
const RECORDINGS: u64 = 30;
/// Errors in this part of the objects.
const SHARE: f64 = 0.02;

/// What is wrong about a labelled object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Size,
    Class,
    Place,
    Missing,
    Yaw,
}

impl Wrong {
    const ALL: [Self; 5] = [Self::Size, Self::Class, Self::Place, Self::Missing, Self::Yaw];
}

struct Labels {
    name: String,
    moments: Vec<Moment>,
    rows: Vec<Vec<Row>>,
    wrong: BTreeMap<u32, Wrong>,
    objects: usize,
}

/// An object is labelled where a good part of it can be seen.
fn labelled(object: &Truth) -> bool {
    object.bbox.is_some_and(|b| b.height() > 18.0) && object.visible > 0.3
}

fn labels(seed: u64, index: u64) -> Labels {
    let moments = drive(seed * 7000 + index, 240.0, 0.6);
    let mut rng = rng(seed * 7000 + index + 0x1abe1);
    let mut frames_of: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (number, moment) in moments.iter().enumerate() {
        for object in moment.objects.iter().filter(|o| labelled(o)) {
            frames_of.entry(object.id).or_default().push(number);
        }
    }
    // What is labelled in a handful of frames is nothing that people would look for.
    frames_of.retain(|_, frames| frames.len() >= 15);
    let mut wrong = BTreeMap::new();
    let mut next = rng.random_range(0..5);
    for id in frames_of.keys() {
        if rng.random_bool(SHARE) {
            wrong.insert(*id, Wrong::ALL[next % 5]);
            next += 1;
        }
    }
    let mut rows = vec![Vec::new(); moments.len()];
    for (id, frames) in &frames_of {
        label(&mut rng, (*id, wrong.get(id).copied()), frames, &moments, &mut rows);
    }
    Labels {
        name: format!("drive-{seed}-{index}"),
        moments,
        rows,
        wrong,
        objects: frames_of.len(),
    }
}

/// The labels of one object: a size fixed by the annotator, a little off, and places that wander a little.
fn label(
    rng: &mut Rng,
    (id, wrong): (u32, Option<Wrong>),
    frames: &[usize],
    moments: &[Moment],
    rows: &mut [Vec<Row>],
) {
    let mut scale = [0, 1, 2].map(|_| normal(rng, 0.0, 0.025).exp());
    if wrong == Some(Wrong::Size) {
        // One side or all of them, by a third to twice.
        let factor: f64 = if rng.random_bool(0.5) {
            rng.random_range(1.35..2.0)
        } else {
            rng.random_range(0.5..0.74)
        };
        match rng.random_range(0..4) {
            3 => scale = scale.map(|s| s * factor),
            axis => scale[axis] *= factor,
        }
    }
    let yaw = if wrong == Some(Wrong::Yaw) {
        [std::f64::consts::PI, 1.57, 0.6, -0.9][rng.random_range(0..4)]
    } else {
        normal(rng, 0.0, 0.01)
    };
    let at = rng.random_range(3..frames.len() - 8);
    let span = match wrong {
        Some(Wrong::Place) => at..at + rng.random_range(1..4),
        Some(Wrong::Missing) => at..at + rng.random_range(2..6),
        _ => 0..0,
    };
    let angle = rng.random_range(0.0..std::f64::consts::TAU);
    let shift = rng.random_range(1.0..3.0) * DVec3::new(f64::cos(angle), f64::sin(angle), 0.0);
    let (mut x, mut y) = (0.0, 0.0);
    for (nth, number) in frames.iter().enumerate() {
        let moment = &moments[*number];
        let object = moment.objects.iter().find(|o| o.id == id).unwrap();
        x = 0.9 * x + normal(rng, 0.0, 0.02);
        y = 0.9 * y + normal(rng, 0.0, 0.02);
        let inside = span.contains(&nth);
        if wrong == Some(Wrong::Missing) && inside {
            continue;
        }
        let mut cuboid = turned(&object.cuboid, yaw);
        cuboid.length *= scale[0];
        cuboid.width *= scale[1];
        cuboid.height *= scale[2];
        cuboid.center += DVec3::new(x, y, normal(rng, 0.0, 0.02));
        let mut bbox = object.bbox.unwrap();
        if wrong == Some(Wrong::Place) && inside {
            cuboid.center += shift;
            let by = -1000.0 * shift.y / object.range.max(3.0);
            bbox =
                guideway_assert::BBox::new(bbox.x_min + by, bbox.y_min, bbox.x_max + by, bbox.y_max).clip(WIDTH, 900.0);
        }
        if !bbox.is_valid() {
            continue;
        }
        let points = 41_000.0 * object.cuboid.height * object.cuboid.width * object.gloss * object.visible
            / (object.range * object.range);
        let kept = overlap(&cuboid, &object.cuboid);
        rows[*number].push(Row {
            class: if wrong == Some(Wrong::Class) {
                alike(object.class)
            } else {
                object.class
            },
            score: None,
            track: Some(id.to_string()),
            bbox: Some(bbox),
            cuboid: Some(cuboid),
            points: Some((points * kept) as u32),
            ground_z: Some(0.0),
            in_solid: None,
            occlusion: Some(1.0 - object.visible),
        });
    }
}

/// The part of the true object that the labelled one holds.
fn overlap(labelled: &Cuboid, truth: &Cuboid) -> f64 {
    let bev = labelled.bev().intersection_area(&truth.bev());
    (bev / truth.bev().area()).min(1.0)
}

/// What a careful engineer writes down without looking at data: least and most of length, width, height.
fn by_hand(class: &str) -> [[f64; 2]; 3] {
    match class {
        "car" => [[3.0, 6.0], [1.4, 2.3], [1.2, 2.3]],
        "truck" => [[4.5, 19.0], [1.9, 3.0], [1.9, 4.3]],
        "bus" => [[7.0, 19.0], [2.2, 3.0], [2.6, 4.3]],
        "pedestrian" => [[0.3, 1.3], [0.3, 1.2], [1.1, 2.1]],
        _ => [[1.3, 2.3], [0.3, 1.0], [1.2, 2.1]],
    }
}

/// How far a cuboid is outside the limits by hand: the largest factor, as a logarithm; 0 inside.
fn outside(class: &str, cuboid: &Cuboid) -> f64 {
    let mut worst = 0.0_f64;
    for (value, [least, most]) in [cuboid.length, cuboid.width, cuboid.height]
        .into_iter()
        .zip(by_hand(class))
    {
        worst = worst.max((least / value).ln()).max((value / most).ln());
    }
    worst
}

fn precision(seed: u64) -> (f64, f64) {
    let rules = Rules::shipped().unwrap();
    let mut checker = Checker::new(rules.clone(), Subject::Labels);
    let mut found = Found::default();
    let mut wrong: BTreeMap<(String, String), Wrong> = BTreeMap::new();
    let mut hand: BTreeMap<(String, String), f64> = BTreeMap::new();
    let mut objects = 0;
    for index in 0..RECORDINGS {
        let labels = labels(seed, index);
        objects += labels.objects;
        let observations: Vec<Vec<Observation<'_>>> = labels
            .rows
            .iter()
            .map(|rows| rows.iter().map(Row::observation).collect())
            .collect();
        found.append(
            checker.check(
                labels
                    .moments
                    .iter()
                    .zip(&observations)
                    .map(|(moment, rows)| (frame(&labels.name, Kind::Full, moment), rows.as_slice())),
            ),
        );
        for row in labels.rows.iter().flatten() {
            let key = (labels.name.clone(), format!("track:{}", row.track.as_ref().unwrap()));
            let off = outside(row.class, row.cuboid.as_ref().unwrap());
            let worst = hand.entry(key).or_insert(0.0);
            *worst = worst.max(off);
        }
        wrong.extend(
            labels
                .wrong
                .into_iter()
                .map(|(id, what)| ((labels.name.clone(), format!("track:{id}")), what)),
        );
    }
    // Learned from the labels with their errors: there is nothing else.
    let priors = Priors::of_objects(&found.objects);
    let suspects = rank(&found.objects, &found.violations, &priors, rules.set(Subject::Labels));
    let distinct: BTreeSet<_> = suspects.iter().map(|s| (&s.recording, &s.object)).collect();
    assert_eq!(distinct.len(), suspects.len(), "one entry for each object");

    let mut hits: BTreeMap<Wrong, u32> = BTreeMap::new();
    for suspect in suspects.iter().take(FIRST) {
        match wrong.get(&(suspect.recording.clone(), suspect.object.clone())) {
            Some(what) => *hits.entry(*what).or_default() += 1,
            None => println!(
                "sound: {} {} {} {:.1} {:?}",
                suspect.recording, suspect.object, suspect.class, suspect.score, suspect.reasons
            ),
        }
    }
    let ours: u32 = hits.values().sum();
    let mut hand: Vec<(f64, (String, String))> = hand.into_iter().map(|(key, off)| (off, key)).collect();
    hand.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let flagged = hand.iter().filter(|(off, _)| *off > 0.0).count();
    let theirs = hand
        .iter()
        .take(FIRST)
        .filter(|(_, key)| wrong.contains_key(key))
        .count();
    println!(
        "seed {seed}: {} errors in {objects} objects; of the first {FIRST} are errors {ours} ranked {hits:?}, {theirs} by hand-written sizes ({flagged} flagged)",
        wrong.len()
    );
    (f64::from(ours) / FIRST as f64, theirs as f64 / FIRST as f64)
}

#[test]
fn the_first_suspects_are_wrong_far_more_often_than_by_hand_written_sizes() {
    let (mut ours, mut theirs) = (0.0, 0.0);
    let seeds = 6;
    for seed in 1..=seeds {
        let (a, b) = precision(seed);
        // One seed has some fifty errors: by chance alone the ratio differs by a fifth.
        assert!(a >= 1.6 * b, "seed {seed}: {a} against {b}");
        ours += a / seeds as f64;
        theirs += b / seeds as f64;
    }
    println!("all seeds: {ours:.3} against {theirs:.3}, {:.2} times", ours / theirs);
    assert!(ours >= 2.0 * theirs, "{ours} against {theirs}");
}
