//! Faults planted into hours of detections: which are found, and what is found that was not planted.
//!
//! The detector gives boxes and cuboids, boxes with or without identities, or cuboids all around, by turns. Every rule is violated on purpose where its kind of
//! data allows it, at objects in plain view. A fault is found when there is a ticket of its rule about its object (of unnamed objects: of its time). A false ticket
//! is one about an object and a time at which nothing was planted; a ticket about a whole class counts once for every such object.

use std::collections::{BTreeMap, BTreeSet};

use guideway_assert::{Checker, Object, Observation, Priors, Rule, Rules, Run, Subject, Tickets};

use crate::detector::{Fault, Kind, detect, frame, plan};
use crate::world::{DT, drive, rng};

const MINUTES: f64 = 5.0;
const RECORDINGS: u64 = 24;
/// A ticket within this time of a fault is about it, s: rules look three seconds back.
const NEAR_S: f64 = 4.0;

struct Tape {
    name: String,
    kind: Kind,
    moments: Vec<crate::world::Moment>,
    rows: Vec<Vec<crate::detector::Row>>,
    faults: Vec<Fault>,
    names: Vec<BTreeSet<String>>,
}

fn tape(seed: u64, index: u64, faulty: bool) -> Tape {
    let kind = [Kind::Full, Kind::Boxes, Kind::Around, Kind::Anonymous][index as usize % 4];
    let seed = seed * 1000 + index + if faulty { 0 } else { 500 };
    let moments = drive(seed, MINUTES * 60.0, 0.45);
    let mut rng = rng(seed ^ 0xfa11);
    let faults = if faulty {
        plan(&mut rng, kind, &moments, 9)
    } else {
        Vec::new()
    };
    let (rows, names) = detect(&mut rng, kind, &moments, &faults);
    Tape {
        name: format!("drive-{seed}"),
        kind,
        moments,
        rows,
        faults,
        names,
    }
}

fn play(checker: &mut Checker, tape: &Tape) -> guideway_assert::Found {
    let observations: Vec<Vec<Observation<'_>>> = tape
        .rows
        .iter()
        .map(|rows| rows.iter().map(crate::detector::Row::observation).collect())
        .collect();
    checker.check(
        tape.moments
            .iter()
            .zip(&observations)
            .map(|(moment, rows)| (frame(&tape.name, tape.kind, moment), rows.as_slice())),
    )
}

#[derive(Default)]
struct Score {
    planted: BTreeMap<Rule, (u32, u32)>,
    false_alarms: BTreeMap<Rule, u32>,
    hours: f64,
}

fn score(seed: u64) -> Score {
    let rules = Rules::shipped().unwrap();
    // What is usual is learned from drives without planted faults, as full of noise as the others.
    let mut objects: Vec<Object> = Vec::new();
    for index in [0, 2, 4, 6, 8, 10] {
        let clean = tape(seed, index, false);
        objects.extend(play(&mut Checker::new(rules.clone(), Subject::Detections), &clean).objects);
    }
    let priors = Priors::of_objects(&objects);
    let mut score = Score::default();
    for index in 0..RECORDINGS {
        let tape = tape(seed, index, true);
        let mut checker = Checker::new(rules.clone(), Subject::Detections).with_priors(priors.clone());
        let found = play(&mut checker, &tape);
        score.hours += checker.outcome().seconds / 3600.0;
        let mut tickets = Tickets::default();
        let run = Run {
            id: "run".to_owned(),
            source: "predictions".to_owned(),
            at_ns: 0,
        };
        tickets.merge(&run, &found.violations);
        let start = tape.moments[0].stamp_ns;
        let when = |number: usize| start + (number as f64 * DT * 1e9) as i64;
        let near = (NEAR_S * 1e9) as i64;
        // Objects without identity are told by the time alone: no two faults are at one time.
        // Objects without identity are told by the time alone: no two faults are at one time.
        let of_fault = |at: usize, object: &str| {
            let name = object.strip_prefix("track:").unwrap_or(object);
            tape.kind == Kind::Anonymous || tape.names[at].contains(name.strip_suffix("-twin").unwrap_or(name))
        };
        for (at, fault) in tape.faults.iter().enumerate() {
            let hit = tickets.iter().filter(|t| t.rule == fault.rule).any(|t| {
                t.occurrences.iter().any(|o| {
                    of_fault(at, &o.object)
                        && o.last_ns().unwrap() >= when(fault.from)
                        && o.first_ns().unwrap() <= when(fault.to) + near
                })
            });
            let entry = score.planted.entry(fault.rule).or_default();
            entry.0 += 1;
            entry.1 += u32::from(hit);
            if !hit {
                println!(
                    "missed: seed {seed} {} {:?} {} {:?} as {:?}",
                    tape.name, tape.kind, fault.rule, fault, tape.names[at]
                );
            }
        }
        // Every object of a ticket counts, also where one ticket is about a whole class.
        for ticket in tickets.iter() {
            for o in &ticket.occurrences {
                let about = tape.faults.iter().enumerate().any(|(at, fault)| {
                    of_fault(at, &o.object)
                        && o.last_ns().unwrap() >= when(fault.from) - near
                        && o.first_ns().unwrap() <= when(fault.to) + near
                });
                if !about {
                    *score.false_alarms.entry(ticket.rule).or_default() += 1;
                    println!(
                        "false: seed {seed} {} {:?} {} {} at {:.1} s: {}",
                        tape.name,
                        tape.kind,
                        ticket.rule,
                        o.object,
                        (o.first_ns().unwrap() - start) as f64 * 1e-9,
                        ticket.title()
                    );
                }
            }
        }
    }
    score
}

#[test]
fn planted_faults_are_found_and_little_else() {
    let mut all = Score::default();
    for seed in 1..=6 {
        let score = score(seed);
        let (planted, hit) = score.planted.values().fold((0, 0), |(p, h), (a, b)| (p + a, h + b));
        let wrong: u32 = score.false_alarms.values().sum();
        let recall = f64::from(hit) / f64::from(planted);
        let rate = f64::from(wrong) / score.hours;
        println!(
            "seed {seed}: recall {hit}/{planted} = {recall:.3}; {wrong} false in {:.2} h = {rate:.2} per hour",
            score.hours
        );
        assert!(recall >= 0.9, "seed {seed}");
        all.hours += score.hours;
        for (rule, (p, h)) in score.planted {
            let entry = all.planted.entry(rule).or_default();
            *entry = (entry.0 + p, entry.1 + h);
        }
        for (rule, n) in score.false_alarms {
            *all.false_alarms.entry(rule).or_default() += n;
        }
    }
    let wrong: u32 = all.false_alarms.values().sum();
    let rate = f64::from(wrong) / all.hours;
    println!("all seeds: {wrong} false in {:.1} h = {rate:.2} per hour", all.hours);
    assert!(rate <= 1.0);
    for rule in Rule::ALL.into_iter().filter(|rule| !rule.is_of_signals()) {
        let (planted, hit) = all.planted.get(&rule).copied().unwrap_or_default();
        let wrong = all.false_alarms.get(&rule).copied().unwrap_or_default();
        println!(
            "{rule:>11}: found {hit} of {planted}; {wrong} false in {:.1} h",
            all.hours
        );
        assert!(planted >= 5, "{rule} is hardly planted");
        assert!(f64::from(hit) >= 0.8 * f64::from(planted), "{rule}");
    }
}
