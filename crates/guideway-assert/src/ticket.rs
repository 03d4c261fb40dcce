//! Tickets: one for each cause, however often it is seen.
//!
//! **What one cause is** is said by the rule's [`Scope`]:
//!
//! | scope | a ticket is about | shipped for |
//! |---|---|---|
//! | `object` | one object, or one signal, of one recording | what went wrong there and then: jumps, flicker, class flips, walls, ground, lidar, duplicates, appearances; everything about labels, which are mended one by one; and everything about signals |
//! | `recording` | one class in one recording | nothing |
//! | `class` | one class, in whatever recording | what a detector believes of a class wherever it sees it: sizes, shapes, speeds, what priors say |
//!
//! together with the rule and the [`Run::source`], whose boxes were checked. The id is made of these alone, so that the same cause has the same ticket on every
//! machine and in every run. What a ticket of a wide scope is about is listed object by object in [`Ticket::occurrences`].
//!
//! **Doing it twice changes nothing.** Frames that a ticket already has are not counted again. **A closed ticket opens again** when it is seen in a frame that it did
//! not have, or by a run that it did not know: the same frames, found wrong again by a later run, say that it was not mended. The run that it was closed after cannot
//! open it with what it said before. **A dismissed ticket stays dismissed**: it is no bug, new evidence is counted, and only a person opens it again.
//!
//! A ticket keeps the stamps of all its frames (eight bytes each: exact counts need them) and the strongest [`MAX_EVIDENCE`] violations.

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::IdBuilder;
use serde::{Deserialize, Serialize};

use crate::error::AssertError;
use crate::rule::{Rule, Scope, Severity};
use crate::violation::Violation;

/// Most violations that a ticket keeps whole: the strongest, and of equals the first.
pub const MAX_EVIDENCE: usize = 32;

/// A check whose violations become tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id: the same for the same check of the same data.
    pub id: String,
    /// Whose boxes were checked, the same over all runs that belong together: `predictions`, a detector's name, a labeller's name.
    pub source: String,
    /// When, ns, by the caller's clock. It is kept for people to read; nothing is decided by it.
    pub at_ns: i64,
}

/// The state of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Found, and nobody says that it is mended.
    Open,
    /// Said to be mended.
    Closed,
    /// Said to be mended or no bug, and found again or opened again by hand.
    Reopened,
    /// Said to be no bug.
    Dismissed,
}

impl State {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
            Self::Dismissed => "dismissed",
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// How a ticket was closed or dismissed, last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, ns, by the caller's clock.
    pub at_ns: i64,
}

/// One object of one recording in a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The recording.
    pub recording: String,
    /// The object.
    pub object: String,
    /// Sensor → stamps of the frames, ns, ascending.
    pub stamps_ns: BTreeMap<String, Vec<i64>>,
    /// How far beyond the limit it was at most.
    pub strength: f64,
}

impl Occurrence {
    /// Frames of evidence.
    pub fn frames(&self) -> u64 {
        self.stamps_ns.values().map(|stamps| stamps.len() as u64).sum()
    }

    /// Stamp of the first frame, ns.
    pub fn first_ns(&self) -> Option<i64> {
        self.stamps_ns
            .values()
            .filter_map(|stamps| stamps.first())
            .min()
            .copied()
    }

    /// Stamp of the last frame, ns.
    pub fn last_ns(&self) -> Option<i64> {
        self.stamps_ns
            .values()
            .filter_map(|stamps| stamps.last())
            .max()
            .copied()
    }
}

/// One cause, and all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// Made of source, rule, scope and what the scope names.
    pub id: String,
    /// Whose boxes.
    pub source: String,
    /// The assertion.
    pub rule: Rule,
    /// What it is about.
    pub scope: Scope,
    /// Class group: of the scope, or as first seen where the scope is an object.
    pub class: String,
    /// The recording, unless the scope is the class.
    pub recording: Option<String>,
    /// The object, where it is the scope.
    pub object: Option<String>,
    /// How bad it is: the worst that a rule said, or what a person said after that.
    pub severity: Severity,
    /// Did a person say so? Then rules do not raise it.
    pub severity_set: bool,
    /// Who has it; empty for nobody.
    pub owner: String,
    /// Open, closed, reopened, dismissed.
    pub state: State,
    /// How it was closed or dismissed, last.
    pub closing: Option<Closing>,
    /// How often it was found again after it was closed. Opening it by hand does not count.
    pub reopened: u32,
    /// When it was opened, ns, by the caller's clock.
    pub opened_at_ns: i64,
    /// When there was new evidence, last, ns, by the caller's clock.
    pub seen_at_ns: i64,
    /// The run that opened it.
    pub first_run: String,
    /// The run that had new evidence, last.
    pub last_run: String,
    /// All runs that found it.
    pub runs: BTreeSet<String>,
    /// Object by object, sorted by recording and object.
    pub occurrences: Vec<Occurrence>,
    /// The strongest violations, the strongest first.
    pub evidence: Vec<Violation>,
}

impl Ticket {
    /// Frames of evidence over all its objects: exact.
    pub fn frames(&self) -> u64 {
        self.occurrences.iter().map(Occurrence::frames).sum()
    }

    /// Is there something to be done?
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open | State::Reopened)
    }

    /// In words: what its strongest violation says.
    pub fn title(&self) -> &str {
        self.evidence.first().map_or("", |worst| &worst.message)
    }

    fn new(id: String, run: &Run, of: &Violation) -> Self {
        Self {
            id,
            source: run.source.clone(),
            rule: of.rule,
            scope: of.scope,
            class: of.class.clone(),
            recording: (of.scope != Scope::Class).then(|| of.recording.clone()),
            object: (of.scope == Scope::Object).then(|| of.object.clone()),
            severity: of.severity,
            severity_set: false,
            owner: of.owner.clone(),
            state: State::Open,
            closing: None,
            reopened: 0,
            opened_at_ns: run.at_ns,
            seen_at_ns: run.at_ns,
            first_run: run.id.clone(),
            last_run: run.id.clone(),
            runs: BTreeSet::new(),
            occurrences: Vec::new(),
            evidence: Vec::new(),
        }
    }

    fn end(&mut self, state: State, by: &str, reason: &str, at_ns: i64) {
        self.state = state;
        self.closing = Some(Closing {
            by: by.to_owned(),
            reason: reason.to_owned(),
            at_ns,
        });
    }

    /// Adds a violation. False when its frame is there already.
    fn add(&mut self, violation: &Violation) -> bool {
        let key = (&violation.recording, &violation.object);
        let at = self
            .occurrences
            .binary_search_by(|o| (&o.recording, &o.object).cmp(&key))
            .unwrap_or_else(|at| {
                self.occurrences.insert(
                    at,
                    Occurrence {
                        recording: violation.recording.clone(),
                        object: violation.object.clone(),
                        stamps_ns: BTreeMap::new(),
                        strength: violation.strength,
                    },
                );
                at
            });
        let occurrence = &mut self.occurrences[at];
        let stamps = occurrence.stamps_ns.entry(violation.sensor.clone()).or_default();
        let Err(place) = stamps.binary_search(&violation.stamp_ns) else {
            return false;
        };
        stamps.insert(place, violation.stamp_ns);
        occurrence.strength = occurrence.strength.max(violation.strength);
        if !self.severity_set {
            self.severity = self.severity.max(violation.severity);
        }
        let order = |a: &Violation, b: &Violation| {
            b.strength.total_cmp(&a.strength).then_with(|| {
                (&a.recording, a.stamp_ns, &a.sensor, &a.object).cmp(&(&b.recording, b.stamp_ns, &b.sensor, &b.object))
            })
        };
        let place = self
            .evidence
            .partition_point(|kept| order(kept, violation) == std::cmp::Ordering::Less);
        if place < MAX_EVIDENCE {
            self.evidence.insert(place, violation.clone());
            self.evidence.truncate(MAX_EVIDENCE);
        }
        true
    }
}

/// What a merge did, as ids of tickets in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// New ones.
    pub opened: BTreeSet<String>,
    /// Those that had been closed.
    pub reopened: BTreeSet<String>,
    /// Those that were open and have new evidence.
    pub grown: BTreeSet<String>,
    /// Those that were dismissed and have new evidence: they stay dismissed.
    pub dismissed: BTreeSet<String>,
    /// Those of which nothing new was said.
    pub unchanged: BTreeSet<String>,
}

impl Merged {
    /// Adds what another merge did.
    pub fn append(&mut self, other: Self) {
        self.opened.extend(other.opened);
        self.reopened.extend(other.reopened);
        self.grown.extend(other.grown);
        self.dismissed.extend(other.dismissed);
        self.unchanged.extend(other.unchanged);
    }
}

/// All tickets.
///
/// ```
/// use guideway_assert::{Run, State, Tickets};
/// # use guideway_assert::{Rule, Scope, Severity, Violation};
/// # let violation = |recording: &str, stamp_ns: i64| Violation {
/// #     rule: Rule::Size, severity: Severity::High, scope: Scope::Class, owner: String::new(), recording: recording.to_owned(),
/// #     sensor: "/camera".to_owned(), stamp_ns, frame_id: None, object: "track:7".to_owned(), class: "bicycle".to_owned(), row: Some(0),
/// #     observation: None, bbox: None, value: 50.0, limit: 3.0, strength: 16.7, message: "bicycle: 50.00 m long".to_owned(),
/// # };
/// let run = |id: &str| Run { id: id.to_owned(), source: "predictions".to_owned(), at_ns: 0 };
/// let found: Vec<_> = (0..300).map(|i| violation("drive-1", i * 100_000_000)).collect();
///
/// let mut tickets = Tickets::default();
/// let id = tickets.merge(&run("a"), &found).opened.pop_first().unwrap_or_default();
/// assert_eq!(tickets.get(&id)?.frames(), 300);
///
/// let before = tickets.clone();
/// tickets.merge(&run("a"), &found);
/// assert_eq!(tickets, before);
///
/// tickets.close(&id, "ann", "a new model", 0)?;
/// tickets.merge(&run("a"), &found);
/// assert_eq!(tickets.get(&id)?.state, State::Closed, "that was known when it was closed");
/// tickets.merge(&run("b"), &[violation("drive-2", 0)]);
/// assert_eq!((tickets.get(&id)?.state, tickets.len()), (State::Reopened, 1));
///
/// tickets.dismiss(&id, "ann", "they carry a trailer", 0)?;
/// tickets.merge(&run("c"), &[violation("drive-3", 0)]);
/// assert_eq!((tickets.get(&id)?.state, tickets.get(&id)?.frames()), (State::Dismissed, 302));
/// tickets.reopen(&id)?;
/// assert!(tickets.get(&id)?.is_open());
/// # Ok::<(), guideway_assert::AssertError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tickets {
    by_id: BTreeMap<String, Ticket>,
}

impl Tickets {
    /// From tickets that were kept; of two with one id the last.
    pub fn from_tickets(tickets: impl IntoIterator<Item = Ticket>) -> Self {
        Self {
            by_id: tickets.into_iter().map(|ticket| (ticket.id.clone(), ticket)).collect(),
        }
    }

    /// The id of the ticket that a violation belongs to.
    pub fn id_of(source: &str, violation: &Violation) -> String {
        let id = IdBuilder::new("ticket")
            .text(source)
            .text(violation.rule.name())
            .text(violation.scope.name());
        match violation.scope {
            Scope::Object => id.text(&violation.recording).text(&violation.object),
            Scope::Recording => id.text(&violation.recording).text(&violation.class),
            Scope::Class => id.text(&violation.class),
        }
        .finish()
    }

    /// Takes in what a run found, all at once or in parts.
    pub fn merge(&mut self, run: &Run, violations: &[Violation]) -> Merged {
        let mut groups: BTreeMap<String, Vec<&Violation>> = BTreeMap::new();
        for violation in violations {
            groups
                .entry(Self::id_of(&run.source, violation))
                .or_default()
                .push(violation);
        }
        let mut merged = Merged::default();
        for (id, group) in groups {
            let new = !self.by_id.contains_key(&id);
            let ticket = self
                .by_id
                .entry(id.clone())
                .or_insert_with(|| Ticket::new(id.clone(), run, group[0]));
            let mut more = 0_u64;
            for violation in group {
                more += u64::from(ticket.add(violation));
            }
            let new_run = ticket.runs.insert(run.id.clone());
            if more == 0 && !new_run {
                merged.unchanged.insert(id);
                continue;
            }
            ticket.seen_at_ns = run.at_ns;
            ticket.last_run.clone_from(&run.id);
            if new {
                merged.opened.insert(id);
            } else if ticket.state == State::Dismissed {
                merged.dismissed.insert(id);
            } else if ticket.state == State::Closed {
                ticket.state = State::Reopened;
                ticket.reopened += 1;
                merged.reopened.insert(id);
            } else {
                merged.grown.insert(id);
            }
        }
        merged
    }

    /// Says that a ticket's cause is mended.
    ///
    /// # Errors
    /// [`AssertError::UnknownTicket`]; [`AssertError::AlreadyClosed`] for one that is closed or dismissed.
    pub fn close(&mut self, id: &str, by: &str, reason: &str, at_ns: i64) -> Result<(), AssertError> {
        let ticket = self.get_mut(id)?;
        if !ticket.is_open() {
            return Err(AssertError::AlreadyClosed {
                id: id.to_owned(),
                state: ticket.state,
            });
        }
        ticket.end(State::Closed, by, reason, at_ns);
        Ok(())
    }

    /// Says that a ticket is no bug: new evidence is counted and does not open it. A closed ticket can be dismissed too.
    ///
    /// # Errors
    /// [`AssertError::UnknownTicket`]; [`AssertError::AlreadyClosed`] for one that is dismissed.
    pub fn dismiss(&mut self, id: &str, by: &str, reason: &str, at_ns: i64) -> Result<(), AssertError> {
        let ticket = self.get_mut(id)?;
        if ticket.state == State::Dismissed {
            return Err(AssertError::AlreadyClosed {
                id: id.to_owned(),
                state: ticket.state,
            });
        }
        ticket.end(State::Dismissed, by, reason, at_ns);
        Ok(())
    }

    /// Opens a closed or dismissed ticket again.
    ///
    /// # Errors
    /// [`AssertError::UnknownTicket`]; [`AssertError::StillOpen`].
    pub fn reopen(&mut self, id: &str) -> Result<(), AssertError> {
        let ticket = self.get_mut(id)?;
        if ticket.is_open() {
            return Err(AssertError::StillOpen { id: id.to_owned() });
        }
        ticket.state = State::Reopened;
        Ok(())
    }

    /// Gives a ticket to somebody, or with an empty name to nobody.
    pub fn assign(&mut self, id: &str, owner: &str) -> Result<(), AssertError> {
        owner.clone_into(&mut self.get_mut(id)?.owner);
        Ok(())
    }

    /// Says how bad it is; from now on rules do not raise it.
    pub fn set_severity(&mut self, id: &str, severity: Severity) -> Result<(), AssertError> {
        let ticket = self.get_mut(id)?;
        ticket.severity = severity;
        ticket.severity_set = true;
        Ok(())
    }

    /// The ticket of this id.
    pub fn get(&self, id: &str) -> Result<&Ticket, AssertError> {
        self.by_id.get(id).ok_or_else(|| unknown(id))
    }

    fn get_mut(&mut self, id: &str) -> Result<&mut Ticket, AssertError> {
        self.by_id.get_mut(id).ok_or_else(|| unknown(id))
    }

    /// All tickets, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Ticket> {
        self.by_id.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

fn unknown(id: &str) -> AssertError {
    AssertError::UnknownTicket { id: id.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a workspace of the first version with tickets holds them.
    const OLD: &str = r#"{
        "id": "01ef", "source": "predictions", "rule": "size", "scope": "class", "class": "bicycle", "recording": null, "object": null,
        "severity": "high", "severity_set": false, "owner": "ann", "state": "closed", "closing": {"by": "ann", "reason": "mended", "at_ns": 7},
        "reopened": 1, "opened_at_ns": 1, "seen_at_ns": 2, "first_run": "a", "last_run": "b", "runs": ["a", "b"],
        "occurrences": [{"recording": "drive-1", "object": "track:7", "stamps_ns": {"/camera": [10, 20]}, "strength": 3.0}],
        "evidence": []
    }"#;

    #[test]
    fn tickets_of_before_are_read_and_dismissed_ones_survive() {
        let old: Ticket = serde_json::from_str(OLD).unwrap();
        assert_eq!((old.state, old.frames(), old.is_open()), (State::Closed, 2, false));
        let mut tickets = Tickets::from_tickets([old]);
        assert!(tickets.close("01ef", "bob", "again", 8).is_err());
        tickets.dismiss("01ef", "bob", "it tows", 9).unwrap();
        assert!(tickets.dismiss("01ef", "bob", "again", 9).is_err());
        let text = serde_json::to_string(&tickets).unwrap();
        assert!(text.contains("\"state\":\"dismissed\""), "{text}");
        let mut read: Tickets = serde_json::from_str(&text).unwrap();
        assert_eq!(read, tickets);
        read.reopen("01ef").unwrap();
        let ticket = read.get("01ef").unwrap();
        assert_eq!((ticket.state, ticket.reopened), (State::Reopened, 1));
        assert_eq!(
            read.reopen("01ef").unwrap_err(),
            AssertError::StillOpen { id: "01ef".to_owned() }
        );
    }
}
