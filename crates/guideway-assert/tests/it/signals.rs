//! Faults planted into the signals of hours of driving: which are found, and what is found that was not planted.
//!
//! A fault is found when there is a ticket of its rule about its topic and its time. A false ticket is one about a topic and a time at which nothing was planted; what another
//! rule says of a planted fault is counted beside them.

use std::collections::BTreeMap;

use guideway_assert::{Rule, Rules, Run, Signal, SignalChecker, SignalKind, Tickets, Violation};
use proptest::prelude::*;

use crate::vehicle::{Fault, Message, What, plant, trip};
use crate::world::rng;

const MINUTES: f64 = 20.0;
const RECORDINGS: u64 = 6;
const NEAR_S: f64 = 5.0;

fn of_signals() -> impl Iterator<Item = Rule> {
    Rule::ALL.into_iter().filter(|rule| rule.is_of_signals())
}

fn play(checker: &mut SignalChecker, name: &str, log: &[Message]) -> Vec<Violation> {
    let mut found = Vec::new();
    for message in log {
        found.extend(checker.sample(&message.signal(name)));
    }
    found.extend(checker.finish_recording());
    found
}

fn tickets(found: &[Violation]) -> Tickets {
    let mut tickets = Tickets::default();
    let run = Run {
        id: "run".to_owned(),
        source: "signals".to_owned(),
        at_ns: 0,
    };
    tickets.merge(&run, found);
    tickets
}

#[derive(Default)]
struct Score {
    planted: BTreeMap<Rule, (u32, u32)>,
    wrong: BTreeMap<Rule, u32>,
    beside: u32,
    hours: f64,
}

fn score(seed: u64) -> Score {
    let rules = Rules::shipped().unwrap();
    let mut score = Score::default();
    for index in 0..RECORDINGS {
        let seed = seed * 1000 + index;
        let trip = trip(seed, MINUTES * 60.0);
        let mut rng = rng(seed ^ 0xfa117);
        let mut faults = Vec::new();
        let mut from_s = 40.0;
        let mut next = seed as usize;
        let all: Vec<Rule> = of_signals().collect();
        while from_s < MINUTES * 60.0 - 40.0 {
            if let Some(fault) = plant(&mut rng, &trip, all[next % all.len()], from_s) {
                from_s = fault.to_s + 25.0;
                faults.push(fault);
                next += 1;
            } else {
                // Where the vehicle stands, faults of speed do not show: another time.
                from_s += 3.0;
                next += usize::from((from_s as usize).is_multiple_of(7));
            }
        }
        let mut checker = SignalChecker::new(&rules);
        let found = play(&mut checker, "drive", &trip.log(seed, &faults));
        score.hours += checker.outcome().seconds / 3600.0;
        let tickets = tickets(&found);
        let about = |fault: &Fault, object: &str, stamps: &[i64]| {
            object.contains(fault.topic) && stamps.iter().any(|stamp| fault.at_ns(NEAR_S).contains(stamp))
        };
        for fault in &faults {
            let hit = tickets.iter().filter(|t| t.rule == fault.rule).any(|t| {
                t.occurrences
                    .iter()
                    .any(|o| o.stamps_ns.values().any(|stamps| about(fault, &o.object, stamps)))
            });
            let entry = score.planted.entry(fault.rule).or_default();
            entry.0 += 1;
            entry.1 += u32::from(hit);
            if !hit {
                println!("missed: seed {seed} {fault:?}");
            }
        }
        for violation in &found {
            let here = [violation.stamp_ns];
            let of: Vec<&Fault> = faults
                .iter()
                .filter(|fault| about(fault, &violation.object, &here))
                .collect();
            if of.is_empty() {
                *score.wrong.entry(violation.rule).or_default() += 1;
                println!(
                    "false: seed {seed} {} {}: {}",
                    violation.rule, violation.object, violation.message
                );
            } else if of.iter().all(|fault| fault.rule != violation.rule) {
                score.beside += 1;
                println!(
                    "beside: {} {}: {} for {:?}",
                    violation.rule, violation.object, violation.message, of[0]
                );
            }
        }
    }
    score
}

#[test]
fn planted_faults_of_signals_are_found_and_little_else() {
    let mut all = Score::default();
    for seed in 1..=5 {
        let score = score(seed);
        let (planted, hit) = score.planted.values().fold((0, 0), |(p, h), (a, b)| (p + a, h + b));
        let wrong: u32 = score.wrong.values().sum();
        let recall = f64::from(hit) / f64::from(planted);
        println!(
            "seed {seed}: recall {hit}/{planted} = {recall:.3}; {wrong} false in {:.2} h = {:.2} per hour; {} beside",
            score.hours,
            f64::from(wrong) / score.hours,
            score.beside
        );
        assert!(recall >= 0.9, "seed {seed}");
        all.hours += score.hours;
        all.beside += score.beside;
        for (rule, (p, h)) in score.planted {
            let entry = all.planted.entry(rule).or_default();
            *entry = (entry.0 + p, entry.1 + h);
        }
        for (rule, n) in score.wrong {
            *all.wrong.entry(rule).or_default() += n;
        }
    }
    let wrong: u32 = all.wrong.values().sum();
    let rate = f64::from(wrong) / all.hours;
    println!(
        "all seeds: {wrong} false in {:.1} h = {rate:.2} per hour; {} beside",
        all.hours, all.beside
    );
    for rule in of_signals() {
        let (planted, hit) = all.planted.get(&rule).copied().unwrap_or_default();
        let wrong = all.wrong.get(&rule).copied().unwrap_or_default();
        println!(
            "{rule:>12}: found {hit} of {planted}; {wrong} false in {:.1} h",
            all.hours
        );
        assert!(planted >= 15, "{rule} is hardly planted");
        assert!(f64::from(hit) >= 0.85 * f64::from(planted), "{rule}");
    }
    assert!(rate <= 1.0);
    assert!(f64::from(all.beside) <= 0.1 * f64::from(all.planted.values().map(|(p, _)| p).sum::<u32>()));
}

#[test]
fn signals_without_faults_are_silent() {
    for seed in 0..12 {
        let trip = trip(seed, 600.0);
        let log = trip.log(seed, &[]);
        let mut checker = SignalChecker::new(&Rules::shipped().unwrap());
        let found = play(&mut checker, "drive", &log);
        assert!(found.is_empty(), "seed {seed}: {:?}", found[0]);
        let outcome = checker.outcome();
        assert_eq!((outcome.samples, outcome.recordings), (log.len() as u64, 1));
        assert!(of_signals().all(|rule| outcome.checked[&rule] > 500), "{outcome:?}");
    }
}

#[test]
fn one_fault_is_one_ticket_of_its_rule() {
    let fault = |rule, topic, what, from_s: f64, lasts_s: f64| Fault {
        rule,
        topic,
        what,
        from_s,
        to_s: from_s + lasts_s,
    };
    // The first drive in which nothing stands or changes its speed much for half a minute.
    let (seed, from) = (0..200_u64)
        .filter(|seed| seed % 3 == 2)
        .find_map(|seed| {
            let trip = trip(seed, 120.0);
            let mut starts = (20..80).map(f64::from);
            let from = starts.find(|from| {
                let [slow, fast] = trip.speeds(*from, from + 20.0);
                slow > 12.0 && fast < 24.0
            });
            from.map(|from| (seed, from))
        })
        .unwrap();
    let trip = trip(seed, 120.0);
    for fault in [
        fault(Rule::Clock, "/camera/front", What::Shift(-2.5), from, 0.1),
        fault(Rule::Clock, "/imu/data", What::Stands, from, 1.0),
        fault(Rule::Clock, "/odometry", What::Shift(40.0), from, 60.0),
        fault(Rule::Gap, "/lidar/top", What::Silent, from, 1.5),
        fault(Rule::Gap, "/can/speed", What::Silent, from, 200.0),
        fault(Rule::Frozen, "/imu/data", What::Frozen, from, 4.0),
        fault(Rule::Frozen, "/gnss/fix", What::Frozen, from, 9.0),
        fault(Rule::Frozen, "/odometry", What::Frozen, from, 9.0),
        fault(Rule::SignalRange, "/can/speed", What::Huge(1000.0), from, 0.1),
        fault(Rule::SignalRange, "/tf", What::Length(1.3), from, 30.0),
        fault(Rule::SignalRange, "/odometry", What::Nan, from, 1.0),
        fault(Rule::SignalJump, "/odometry", What::Away(20.0), from, 200.0),
        fault(Rule::SignalJump, "/tf", What::Turned(2.0), from, 0.5),
        fault(Rule::SignalJump, "/gnss/fix", What::Away(400.0), from, 3.1),
        fault(Rule::Disagree, "/can/speed", What::Scaled(1.7), from, 16.0),
        fault(Rule::Disagree, "/odometry", What::Scaled(0.4), from, 16.0),
    ] {
        let found = play(
            &mut SignalChecker::new(&Rules::shipped().unwrap()),
            "drive",
            &trip.log(seed, &[fault]),
        );
        let tickets = tickets(&found);
        let told: Vec<_> = tickets
            .iter()
            .map(|t| (t.rule, t.occurrences[0].object.as_str()))
            .collect();
        assert_eq!(told.len(), 1, "{fault:?}: {found:#?}");
        assert_eq!(told[0].0, fault.rule, "{fault:?}: {found:#?}");
        assert!(told[0].1.contains(fault.topic), "{fault:?}: {found:#?}");
        let evidence = &tickets.iter().next().unwrap().evidence;
        assert!(
            evidence
                .iter()
                .all(|v| v.strength >= 1.0 && v.message.contains(char::is_numeric) || v.rule == Rule::SignalRange)
        );
    }
}

#[test]
fn a_recorder_that_pauses_is_one_ticket() {
    let trip = trip(5, 200.0);
    let mut log = trip.log(5, &[]);
    let from = log[0].arrival_ns + 60_000_000_000;
    log.retain(|message| !(from..from + 4_000_000_000).contains(&message.arrival_ns));
    let found = play(&mut SignalChecker::new(&Rules::shipped().unwrap()), "drive", &log);
    let told: Vec<_> = found.iter().map(|v| (v.rule, v.object.as_str())).collect();
    assert_eq!(told, [(Rule::Gap, "signal:*")], "{found:#?}");
}

fn any_signal() -> impl Strategy<Value = (u8, u8, i64, i64, [Option<f64>; 8])> {
    let number = prop_oneof![
        Just(None),
        (-1e3..1e3).prop_map(Some),
        Just(Some(f64::NAN)),
        Just(Some(f64::INFINITY)),
        Just(Some(1e300)),
        Just(Some(0.0)),
    ];
    let stamp = prop_oneof![-50_000_000_i64..400_000_000, Just(i64::MAX), Just(i64::MIN)];
    (
        0..4_u8,
        0..7_u8,
        stamp,
        -1_000_i64..300_000_000,
        prop::array::uniform8(number),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever comes, every sample is accounted for once by every rule.
    #[test]
    fn every_sample_is_accounted_for(rows in prop::collection::vec(any_signal(), 1..120)) {
        let kinds = ["frame", "pose", "odometry", "imu", "gnss", "transform", "value"];
        let topics = ["/a", "/b/speed", "/c", "/tf"];
        let mut checker = SignalChecker::new(&Rules::shipped().unwrap());
        let (mut stamp, mut arrival) = (0_i64, 0_i64);
        let mut found = Vec::new();
        let mut frames = 0;
        for (topic, kind, by, later, n) in &rows {
            stamp = stamp.saturating_add(*by);
            arrival += later.max(&0);
            let kind = SignalKind::from_name(kinds[*kind as usize]).unwrap();
            frames += u64::from(kind == SignalKind::Frame);
            found.extend(checker.sample(&Signal {
                recording: "r",
                topic: topics[*topic as usize],
                kind,
                stamp_ns: stamp,
                arrival_ns: (*topic > 0).then_some(arrival),
                name: Some("speed"),
                position: [n[0], n[1], n[2]],
                rotation: [n[3], n[4], n[5], n[6]],
                velocity: [n[1], n[2], n[3]],
                geodetic: [n[4], n[5], n[6]],
                value: n[7],
                ..Signal::default()
            }));
        }
        found.extend(checker.finish_recording());
        let outcome = checker.outcome();
        let left_out: u64 = outcome.warnings().iter().map(|w| w.count).sum();
        prop_assert_eq!(outcome.samples, rows.len() as u64);
        for rule in of_signals() {
            let seen = outcome.checked.get(&rule).copied().unwrap_or(0)
                + outcome.not_checked.get(&rule).map_or(0, |not| not.count);
            let of_frames = matches!(rule, Rule::Clock | Rule::Gap);
            let least = outcome.samples.saturating_sub(left_out + if of_frames { 0 } else { frames });
            prop_assert!(seen >= least && seen <= outcome.samples - left_out, "{} {}", rule, seen);
        }
        prop_assert_eq!(found.len() as u64, outcome.violations.values().sum::<u64>());
        prop_assert!(found.iter().all(|v| v.strength.is_finite() && v.strength >= 1.0));
    }
}
