//! How a violation becomes known.

use crate::input::{Frame, View};
use crate::motion::seconds;
use crate::outcome::Outcome;
use crate::params::RuleSet;
use crate::priors::Priors;
use crate::rule::Rule;
use crate::seen::Seen;
use crate::stream::{At, Track};
use crate::violation::Violation;

/// What the checks of one frame share.
pub(crate) struct Desk<'a> {
    pub(crate) set: &'a RuleSet,
    pub(crate) priors: Option<&'a Priors>,
    pub(crate) frame: &'a Frame<'a>,
    pub(crate) view: View,
    pub(crate) outcome: &'a mut Outcome,
    pub(crate) out: &'a mut Vec<Violation>,
}

/// What was measured, what would have been allowed, and how far apart they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) value: f64,
    pub(crate) limit: f64,
    pub(crate) strength: f64,
}

impl Measured {
    /// By their ratio, at most a million: limits of zero have none.
    pub(crate) fn by(value: f64, limit: f64) -> Self {
        let (a, b) = (value.abs().max(1e-3), limit.abs().max(1e-3));
        Self {
            value,
            limit,
            strength: (a / b).max(b / a).min(1e6),
        }
    }

    /// What is so or not so, and never more so.
    pub(crate) fn yes_or_no(value: f64, limit: f64) -> Self {
        Self {
            value,
            limit,
            strength: 1.0,
        }
    }
}

impl Desk<'_> {
    pub(crate) fn enabled(&self, rule: Rule) -> bool {
        self.set.head(rule).enabled
    }

    /// Where an observation is.
    pub(crate) fn at(&self, seen: &Seen) -> At {
        At {
            stamp_ns: self.frame.stamp_ns,
            frame_id: self.frame.frame_id.map(str::to_owned),
            row: Some(seen.row),
            observation: seen.id.clone(),
            bbox: seen.bbox(),
        }
    }

    /// A violation. It is held until there are as many of its object as the rule asks for.
    pub(crate) fn report(
        &mut self,
        rule: Rule,
        (seen, track): (&Seen, &mut Track),
        at: At,
        measured: Measured,
        message: String,
    ) {
        let head = self.set.head(rule);
        let violation = Violation {
            rule,
            severity: head.severity,
            scope: head.scope,
            owner: head.owner.to_owned(),
            recording: self.frame.recording.to_owned(),
            sensor: self.frame.sensor.to_owned(),
            stamp_ns: at.stamp_ns,
            frame_id: at.frame_id,
            object: seen.key.clone(),
            class: seen.sight.kind.name.to_string(),
            row: at.row,
            observation: at.observation,
            bbox: at.bbox,
            value: measured.value,
            limit: measured.limit,
            strength: measured.strength,
            message,
        };
        let pending = track.pending.entry(rule).or_default();
        if pending.open {
            *self.outcome.violations.entry(rule).or_default() += 1;
            self.out.push(violation);
            return;
        }
        let memory_s = self.set.all.memory_s;
        let now = self.frame.stamp_ns;
        pending.held.retain(|held| seconds(held.stamp_ns, now) <= memory_s);
        pending.held.push(violation);
        if pending.held.len() >= head.min_frames as usize {
            pending.open = true;
            *self.outcome.violations.entry(rule).or_default() += pending.held.len() as u64;
            self.out.append(&mut pending.held);
        }
    }
}
