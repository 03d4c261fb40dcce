//! One sensor of one recording: who is alive, and the last frames.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use guideway_core::BBox;

use crate::input::{Frame, View};
use crate::motion::{Change, Motion, Past, seconds};
use crate::object::Tally;
use crate::outcome::Outcome;
use crate::params::RuleSet;
use crate::place::Place;
use crate::returns::Returns;
use crate::rule::Rule;
use crate::seen::{Seen, place_of};
use crate::violation::Violation;

/// Where a violation is.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) stamp_ns: i64,
    pub(crate) frame_id: Option<String>,
    pub(crate) row: Option<u32>,
    pub(crate) observation: Option<String>,
    pub(crate) bbox: Option<BBox>,
}

/// A hole in a track.
#[derive(Debug, Clone)]
pub(crate) struct Gap {
    pub(crate) end_ns: i64,
    /// In so many frames.
    pub(crate) frames: u64,
    /// The frames in which it was missing; empty once they were reported.
    pub(crate) missing: Vec<At>,
}

/// A change of class.
#[derive(Debug, Clone)]
pub(crate) struct Flip {
    pub(crate) stamp_ns: i64,
    /// `None` once it was reported.
    pub(crate) at: Option<At>,
    pub(crate) message: String,
}

/// Violations of one rule that wait for more of them.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) held: Vec<Violation>,
    /// There were enough: every further one counts.
    pub(crate) open: bool,
}

/// Did it appear out of nowhere?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Birth {
    /// There is nothing to say against how it came.
    Fine,
    /// Out of nowhere, if it stays.
    Suspicious,
}

#[derive(Debug)]
pub(crate) struct Track {
    /// Has it an identity of its own, or was it put together by overlaps?
    pub(crate) linked: bool,
    pub(crate) past: Past,
    /// How it moved a while ago, for what changes.
    pub(crate) moved: Option<(i64, Motion)>,
    /// How its motion changed, as measured last…
    pub(crate) changed: Option<Change>,
    /// …and the lesser of the last two: single outliers do not count. It holds until it is measured again.
    pub(crate) lasting: Option<Change>,
    pub(crate) tally: Tally,
    pub(crate) pending: BTreeMap<Rule, Pending>,
    pub(crate) gaps: VecDeque<Gap>,
    pub(crate) flips: VecDeque<Flip>,
    pub(crate) birth: Birth,
}

/// A frame of the last second.
#[derive(Debug)]
pub(crate) struct Recent {
    pub(crate) number: u64,
    pub(crate) stamp_ns: i64,
    pub(crate) frame_id: Option<String>,
    pub(crate) view: View,
    pub(crate) places: Vec<Place>,
}

#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) tracks: BTreeMap<String, Track>,
    pub(crate) recent: VecDeque<Recent>,
    pub(crate) returns: Returns,
    pub(crate) frames: u64,
    pub(crate) first_ns: i64,
    pub(crate) last_ns: i64,
    /// Since when there was no hole in the recording.
    pub(crate) steady_since_ns: i64,
    /// Usual time between frames, s; 0 until it is known.
    interval_s: f64,
}

impl Stream {
    /// Takes the stamp of a new frame. False when it is not later than the last: the frame cannot be used.
    pub(crate) fn step(&mut self, frame: &Frame<'_>, outcome: &mut Outcome) -> bool {
        if self.frames == 0 {
            self.first_ns = frame.stamp_ns;
            self.steady_since_ns = frame.stamp_ns;
        } else {
            if frame.stamp_ns <= self.last_ns {
                outcome.warn(
                    "unsorted-frames",
                    format!(
                        "the frame is not later than the one before, of stamp {}: it is left out",
                        self.last_ns
                    ),
                    || place_of(frame),
                );
                return false;
            }
            let dt = seconds(self.last_ns, frame.stamp_ns);
            if self.interval_s > 0.0 && dt > 2.5 * self.interval_s {
                self.steady_since_ns = frame.stamp_ns;
            } else {
                // A running mean over about ten frames.
                self.interval_s = if self.interval_s > 0.0 {
                    0.9 * self.interval_s + 0.1 * dt
                } else {
                    dt
                };
            }
        }
        self.last_ns = frame.stamp_ns;
        self.frames += 1;
        true
    }

    /// Gives every observation its object, and makes those that are new.
    pub(crate) fn identify(&mut self, frame: &Frame<'_>, seen: &mut Vec<Seen>, set: &RuleSet, outcome: &mut Outcome) {
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for one in seen.iter_mut() {
            if let Some(track) = &one.track {
                let key = format!("track:{track}");
                if taken.insert(key.clone()) {
                    one.key = key;
                } else {
                    outcome.warn(
                        "repeated-track",
                        format!("track {track:?} is there twice in a frame: the second goes without identity"),
                        || place_of(frame),
                    );
                }
            }
        }
        self.link(frame.stamp_ns, seen, set);
        for one in seen.iter_mut().filter(|one| one.key.is_empty()) {
            one.key = format!("link:{}:{}:{}", frame.sensor, frame.stamp_ns, one.row);
        }
        seen.retain(|one| {
            if self.tracks.contains_key(&one.key) {
                return true;
            }
            if self.tracks.len() >= set.all.max_objects as usize {
                outcome.warn(
                    "too-many-objects",
                    format!(
                        "more than {} objects at a time: new ones are left out",
                        set.all.max_objects
                    ),
                    || place_of(frame),
                );
                return false;
            }
            self.tracks.insert(
                one.key.clone(),
                Track {
                    linked: one.key.starts_with("link:"),
                    past: Past::default(),
                    moved: None,
                    changed: None,
                    lasting: None,
                    tally: Tally::default(),
                    pending: BTreeMap::new(),
                    gaps: VecDeque::new(),
                    flips: VecDeque::new(),
                    birth: Birth::Fine,
                },
            );
            true
        });
    }

    /// Links observations without identity to what was there a moment ago, the best fits first; of equals, those of one class.
    fn link(&self, stamp_ns: i64, seen: &mut [Seen], set: &RuleSet) {
        const SAME_CLASS: f64 = 0.2;
        let mut fits: Vec<(f64, usize, &String)> = Vec::new();
        let candidates: Vec<(&String, &Track)> = self.tracks.iter().filter(|(_, track)| track.linked).collect();
        for (i, one) in seen.iter().enumerate().filter(|(_, one)| one.key.is_empty()) {
            for (key, track) in &candidates {
                let Some(last) = track.past.last() else { continue };
                let dt = seconds(last.stamp_ns, stamp_ns);
                if dt > set.flicker.max_gap_s {
                    continue;
                }
                let fit = match (one.bbox(), last.place.bbox) {
                    (Some(bbox), Some(before)) => {
                        let ahead = track
                            .past
                            .predict_box(stamp_ns)
                            .map_or(before, |ahead| ahead.carry(before));
                        let iou = bbox.iou(before).max(bbox.iou(ahead));
                        (iou >= set.all.link_iou).then_some(iou)
                    }
                    _ => one
                        .sight
                        .position
                        .zip(track.past.predict(stamp_ns))
                        .and_then(|(here, (there, _))| {
                            let limit = set.all.link_m + set.teleport.per_s_m * dt;
                            let share = (here - there).truncate().length() / limit.max(1e-9);
                            (share <= 1.0).then_some(1.0 - share)
                        }),
                };
                if let Some(fit) = fit {
                    let same = one.sight.kind.name == last.kind.name;
                    fits.push((fit + if same { SAME_CLASS } else { 0.0 }, i, key));
                }
            }
        }
        fits.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(b.2)));
        let mut taken = BTreeSet::new();
        for (_, i, key) in fits {
            if seen[i].key.is_empty() && taken.insert(key) {
                seen[i].key.clone_from(key);
            }
        }
    }

    /// Remembers the frame, and forgets those that no hole can reach.
    pub(crate) fn remember(&mut self, frame: &Frame<'_>, view: View, seen: &[Seen], keep_s: f64) {
        self.recent.push_back(Recent {
            number: self.frames,
            stamp_ns: frame.stamp_ns,
            frame_id: frame.frame_id.map(str::to_owned),
            view,
            places: seen.iter().map(|one| one.sight.place).collect(),
        });
        while self
            .recent
            .front()
            .is_some_and(|old| seconds(old.stamp_ns, frame.stamp_ns) > keep_s)
        {
            self.recent.pop_front();
        }
    }

    /// Takes out the objects that were not seen for so long.
    pub(crate) fn expire(&mut self, memory_s: f64) -> Vec<(String, Track)> {
        let now = self.last_ns;
        self.tracks
            .extract_if(.., |_, track| {
                track
                    .past
                    .last()
                    .is_none_or(|last| seconds(last.stamp_ns, now) > memory_s)
            })
            .collect()
    }
}
