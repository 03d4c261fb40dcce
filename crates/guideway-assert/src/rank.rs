//! Labels ranked by how likely they are wrong.
//!
//! The same checks over labels give violations and objects. An object's suspicion is the sum of
//!
//! - for every rule that it violates, the rule's `weight`, and more the further beyond the limit;
//! - for every measurement, how surprising it is for its class, beyond [`EXPECTED`] nats;
//! - how much better another class would explain its size and speed, beyond the same, by half: that is the same evidence seen from another side.
//!
//! Each summand is kept as a [`Reason`]. Priors may be learned from the labels that are ranked: quantiles do not mind a few per cent of errors.
//!
//! ```
//! use guideway_assert::{Checker, Priors, Rules, Subject, rank};
//!
//! let mut checker = Checker::new(Rules::shipped()?, Subject::Labels);
//! let found = checker.check([]);
//! let priors = Priors::of_objects(&found.objects);
//! let suspects = rank(&found.objects, &found.violations, &priors, Rules::shipped()?.set(Subject::Labels));
//! assert!(suspects.is_empty(), "there was nothing to be suspicious of");
//! # Ok::<(), guideway_assert::AssertError>(())
//! ```

use std::collections::BTreeMap;

use serde::Serialize;

use crate::object::{Feature, Object};
use crate::params::RuleSet;
use crate::priors::Priors;
use crate::rule::Rule;
use crate::violation::Violation;

/// So much surprise is nothing: about what one in three hundred sound objects has, nats.
pub const EXPECTED: f64 = 3.0;

/// Strength counts by its logarithm, and no further than this.
const MOST_STRENGTH: f64 = 3.0;

/// What makes an object suspicious.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It violates a rule.
    Rule(Rule),
    /// A measurement is unlike its class.
    Unusual(Feature),
    /// It is more like this class.
    LooksLike(String),
}

/// A summand of an object's suspicion.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// What.
    pub cause: Cause,
    /// How much it adds.
    pub score: f64,
    /// In words.
    pub message: String,
}

/// An object whose labels may be wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suspect {
    /// The recording.
    pub recording: String,
    /// The sensor: of several the one by which it is the most suspicious.
    pub sensor: String,
    /// The object within the recording.
    pub object: String,
    /// Its class group.
    pub class: String,
    /// Stamp of its first frame, ns.
    pub first_ns: i64,
    /// Stamp of its last frame, ns.
    pub last_ns: i64,
    /// Frames in which it was seen.
    pub frames: u64,
    /// How suspicious.
    pub score: f64,
    /// Why, the heaviest first.
    pub reasons: Vec<Reason>,
}

/// The suspicious objects, the most suspicious first and of equals by recording and object; one entry for each object. Objects that nothing speaks against
/// are not there.
pub fn rank(objects: &[Object], violations: &[Violation], priors: &Priors, set: &RuleSet) -> Vec<Suspect> {
    type Key<'a> = (&'a str, &'a str, &'a str);
    // The strongest violation of each rule stands for all.
    let mut by_object: BTreeMap<Key<'_>, BTreeMap<Rule, &Violation>> = BTreeMap::new();
    // What priors say is taken from the objects below, once.
    for violation in violations.iter().filter(|violation| violation.rule != Rule::Prior) {
        by_object
            .entry((&violation.recording, &violation.object, &violation.sensor))
            .or_default()
            .entry(violation.rule)
            .and_modify(|kept| {
                if violation.strength > kept.strength {
                    *kept = violation;
                }
            })
            .or_insert(violation);
    }
    let mut best: BTreeMap<(&str, &str), Suspect> = BTreeMap::new();
    for object in objects {
        let mut reasons = Vec::new();
        for (rule, worst) in by_object
            .get(&(&*object.recording, &*object.object, &*object.sensor))
            .into_iter()
            .flatten()
        {
            reasons.push(Reason {
                cause: Cause::Rule(*rule),
                score: set.head(*rule).weight * (1.0 + worst.strength.ln().clamp(0.0, MOST_STRENGTH)),
                message: worst.message.clone(),
            });
        }
        for (feature, value) in &object.features {
            let surprise = priors.surprise(&object.class, *feature, *value).unwrap_or(0.0);
            if surprise > EXPECTED {
                reasons.push(Reason {
                    cause: Cause::Unusual(*feature),
                    score: surprise - EXPECTED,
                    message: format!("{}: {feature} {value:.2} is unlike the class", object.class),
                });
            }
        }
        if let Some((class, gain)) = priors.better_class(object)
            && gain > EXPECTED
        {
            reasons.push(Reason {
                cause: Cause::LooksLike(class.to_owned()),
                score: 0.5 * (gain - EXPECTED),
                message: format!("{}: looks like {class}", object.class),
            });
        }
        if reasons.is_empty() {
            continue;
        }
        // The sort is stable: equals keep the order in which they were found.
        reasons.sort_by(|a, b| b.score.total_cmp(&a.score));
        let score = reasons.iter().map(|reason| reason.score).sum();
        let key = (object.recording.as_str(), object.object.as_str());
        if best.get(&key).is_some_and(|other| other.score >= score) {
            continue;
        }
        best.insert(
            key,
            Suspect {
                recording: object.recording.clone(),
                sensor: object.sensor.clone(),
                object: object.object.clone(),
                class: object.class.clone(),
                first_ns: object.first_ns,
                last_ns: object.last_ns,
                frames: object.frames,
                score,
                reasons,
            },
        );
    }
    let mut suspects: Vec<Suspect> = best.into_values().collect();
    suspects.sort_by(|a, b| b.score.total_cmp(&a.score));
    suspects
}
