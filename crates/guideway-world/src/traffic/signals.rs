//! The cycles of traffic signals.
//!
//! Signals of a junction share a cycle: each phase in turn is green; then amber for 3 s, then all are red for 2 s while the next one
//! shows red and amber for its last second. People on foot get red some seconds earlier, so that they are across when the cars start.

use rand::RngExt as _;

use crate::Seed;
use crate::road::RoadNetwork;
use crate::state::SignalState;

const AMBER: f64 = 3.0;
const ALL_RED: f64 = 2.0;
const RED_AMBER: f64 = 1.0;

#[derive(Debug, Clone, Copy)]
struct Plan {
    /// Start of green in the cycle, and its length, s.
    start: f64,
    green: f64,
    cycle: f64,
    /// Where in the cycle the junction is at time 0, s.
    offset: f64,
    pedestrian: bool,
}

/// All signals.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    plans: Vec<Plan>,
}

impl Signals {
    /// Makes the plans; greens last 12 to 24 s.
    pub(super) fn new(network: &RoadNetwork, seed: Seed) -> Self {
        let plans = network
            .signals
            .iter()
            .map(|signal| {
                let mut phases: Vec<u32> = network
                    .signals
                    .iter()
                    .filter(|other| other.junction == signal.junction)
                    .map(|other| other.phase)
                    .collect();
                phases.sort_unstable();
                phases.dedup();
                let mut rng = seed.child("signals").index(u64::from(signal.junction)).rng();
                let greens: Vec<f64> = phases.iter().map(|_| rng.random_range(12.0..24.0)).collect();
                // A single phase still has a red, for people to cross.
                let pause = if phases.len() < 2 { 10.0 } else { 0.0 };
                let cycle = greens.iter().map(|g| g + AMBER + ALL_RED).sum::<f64>() + pause;
                let own = phases.iter().position(|phase| *phase == signal.phase).unwrap_or(0);
                let start = greens[..own].iter().map(|g| g + AMBER + ALL_RED).sum();
                Plan {
                    start,
                    green: greens[own],
                    cycle,
                    offset: rng.random_range(0.0..cycle),
                    pedestrian: signal.pedestrian,
                }
            })
            .collect();
        Self { plans }
    }

    /// The state of each at a time.
    pub(super) fn at(&self, time: f64, out: &mut Vec<SignalState>) {
        out.clear();
        out.extend(self.plans.iter().map(|plan| {
            let t = (time + plan.offset - plan.start).rem_euclid(plan.cycle);
            if plan.pedestrian {
                return if t < plan.green * 0.6 {
                    SignalState::Green
                } else {
                    SignalState::Red
                };
            }
            if t < plan.green {
                SignalState::Green
            } else if t < plan.green + AMBER {
                SignalState::Amber
            } else if t > plan.cycle - RED_AMBER {
                SignalState::RedAmber
            } else {
                SignalState::Red
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::road::Signal;

    fn network() -> RoadNetwork {
        let signal = |junction, phase, pedestrian| Signal {
            junction,
            phase,
            pedestrian,
            heads: Vec::new(),
        };
        RoadNetwork {
            signals: vec![
                signal(0, 0, false),
                signal(0, 1, false),
                signal(0, 0, true),
                signal(1, 4, false),
                signal(0, 1, false),
            ],
            ..RoadNetwork::default()
        }
    }

    #[test]
    fn phases_exclude_each_other_and_follow_the_order() {
        let signals = Signals::new(&network(), Seed::new(5));
        let mut before = Vec::new();
        signals.at(0.0, &mut before);
        let mut seen = [0_u32; 4];
        for i in 1..20_000 {
            let mut now = Vec::new();
            signals.at(f64::from(i) * 0.02, &mut now);
            let open = |s: SignalState| matches!(s, SignalState::Green | SignalState::Amber);
            assert!(!(open(now[0]) && open(now[1])), "two phases at once");
            assert!(now[2] != SignalState::Green || now[0] == SignalState::Green);
            assert_eq!(now[1], now[4], "one phase, one state");
            for (a, b) in [(before[0], now[0]), (before[3], now[3])] {
                use SignalState::{Amber, Green, Red, RedAmber};
                let order = [(Red, RedAmber), (RedAmber, Green), (Green, Amber), (Amber, Red)];
                assert!(a == b || order.contains(&(a, b)), "{a:?} then {b:?}");
                if a != b {
                    seen[order.iter().position(|o| *o == (a, b)).unwrap()] += 1;
                }
            }
            before = now;
        }
        assert!(seen.iter().all(|n| *n >= 5), "{seen:?}");
    }
}
