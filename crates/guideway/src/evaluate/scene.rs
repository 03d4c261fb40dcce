//! Where things were in a recording: sensors, the ego's way, and labelled objects.

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::{Cuboid, DVec3};
use guideway_schema::LabelRow;

use super::case::{Case, FrameInfo, LabelInfo, Wrong};
use super::mistakes::{ASK, Drive};
use crate::dataset::ids;
use crate::error::Error;
use crate::placement::Placement;
use crate::workspace::{Workspace, quote};

/// Two sightings of an object further apart than this say nothing about its speed, ns.
const SPEED_GAP_NS: i64 = 1_000_000_000;
/// An object is where it was this short a time ago, ns.
const MOMENT_NS: i64 = 150_000_000;

impl Workspace {
    /// The cuboids of some tracks of a recording, with their frames by id.
    fn cuboids_of(
        &self,
        recording_id: &str,
        tracks: &BTreeSet<&str>,
    ) -> Result<(Vec<LabelRow>, BTreeMap<String, FrameInfo>), Error> {
        if tracks.is_empty() {
            return Ok((Vec::new(), BTreeMap::new()));
        }
        let labels: Vec<LabelRow> = self.rows(&format!(
            "SELECT * FROM labels WHERE recording_id = {} AND cuboid_frame IS NOT NULL AND track_id IN ({}) ORDER BY label_id",
            quote(recording_id),
            ids(tracks.iter().copied())
        ))?;
        let named: BTreeSet<&str> = labels.iter().map(|label| label.frame_id.as_str()).collect();
        let mut frames = BTreeMap::new();
        let named: Vec<&str> = named.into_iter().collect();
        for part in named.chunks(ASK) {
            for (frame_id, frame) in self.frames_by_id(part.iter().copied())? {
                frames.insert(frame_id, frame.into());
            }
        }
        Ok((labels, frames))
    }
}

/// Where an object was at a moment, in the ego frame.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    stamp_ns: i64,
    pub(super) center: DVec3,
    pub(super) width_m: f64,
}

impl Seen {
    fn distance_m(&self) -> f64 {
        self.center.x.hypot(self.center.y)
    }
}

/// What is known about the space that a recording was driven in.
pub(super) struct Scene {
    pub(super) placement: Placement,
    /// Height of the ground in the ego frame, m.
    pub(super) ground_z_m: f64,
    /// Where the tracked objects are that something is wrong about, by stamp.
    tracks: BTreeMap<String, Vec<Seen>>,
}

impl Scene {
    pub(super) fn of(
        workspace: &Workspace,
        case: &Case,
        found: &[Wrong],
        recording_id: &str,
        drive: &Drive,
    ) -> Result<Self, Error> {
        let mut scene = Self {
            placement: workspace.placement(recording_id)?,
            ground_z_m: 0.0,
            tracks: BTreeMap::new(),
        };
        let wrong: BTreeSet<&str> = drive
            .events
            .iter()
            .filter_map(|row| case.label(&found[*row as usize])?.track_id.as_deref())
            .collect();
        let mut feet = Vec::new();
        // A camera's labels may have no cuboids; then those of the same objects in lidar sweeps say where they are.
        let (labels, frames) = workspace.cuboids_of(recording_id, &wrong)?;
        for label in &labels {
            if let Some(frame) = frames.get(&label.frame_id) {
                scene.see(&label.into(), frame, &mut feet);
            }
        }
        for row in &drive.labels {
            let frame = &case.truth.frames[case.truth.arrays.image[*row as usize] as usize];
            scene.see(&case.truth.labels[*row as usize], frame, &mut feet);
        }
        for row in &drive.solid_labels {
            let frame = &case.truth.frames[case.space.truth.frame[*row as usize] as usize];
            scene.see(&case.space.labels[*row as usize], frame, &mut feet);
        }
        for seen in scene.tracks.values_mut() {
            seen.sort_by_key(|seen| seen.stamp_ns);
            // Seen by two sensors at once it is still in one place.
            seen.dedup_by_key(|seen| seen.stamp_ns);
        }
        feet.sort_by(f64::total_cmp);
        scene.ground_z_m = feet.get(feet.len() / 2).copied().unwrap_or(0.0);
        Ok(scene)
    }

    fn see(&mut self, label: &LabelInfo, frame: &FrameInfo, feet: &mut Vec<f64>) {
        let Some(cuboid) = self.cuboid_in_ego(label, frame) else {
            return;
        };
        feet.push(cuboid.center.z - cuboid.height / 2.0);
        if let (Some(track), Some(stamp_ns)) = (&label.track_id, frame.timestamp_ns) {
            self.tracks.entry(track.clone()).or_default().push(Seen {
                stamp_ns,
                center: cuboid.center,
                width_m: cuboid.width,
            });
        }
    }

    pub(super) fn cuboid_in_ego(&self, label: &LabelInfo, frame: &FrameInfo) -> Option<Cuboid> {
        let cuboid = (label.cuboid.as_slice(), label.cuboid_frame.as_deref()?);
        self.placement.cuboid_in_ego(cuboid, frame.into())
    }

    /// Where a tracked object is and how fast its distance shrinks, m/s: on the straight line between its sightings before and after.
    pub(super) fn tracked(&self, track: &str, stamp_ns: i64) -> Option<(Seen, Option<f64>)> {
        let seen = self.tracks.get(track)?;
        let usable = |at: &&Seen| (at.stamp_ns - stamp_ns).abs() <= SPEED_GAP_NS;
        let next = seen.partition_point(|at| at.stamp_ns < stamp_ns);
        let before = next.checked_sub(1).and_then(|at| seen.get(at)).filter(usable);
        let now = seen.get(next).filter(|at| at.stamp_ns == stamp_ns);
        let after = seen.get(next + usize::from(now.is_some())).filter(usable);
        let (from, to) = (before.or(now), after.or(now));
        let closing = from
            .zip(to)
            .filter(|(from, to)| to.stamp_ns > from.stamp_ns)
            .map(|(from, to)| (from.distance_m() - to.distance_m()) / ((to.stamp_ns - from.stamp_ns) as f64 / 1e9));
        let here = match (now, from, to) {
            (Some(now), ..) => *now,
            (None, Some(from), Some(to)) => {
                let part = (stamp_ns - from.stamp_ns) as f64 / (to.stamp_ns - from.stamp_ns) as f64;
                Seen {
                    stamp_ns,
                    center: from.center.lerp(to.center, part),
                    width_m: from.width_m,
                }
            }
            // Before it was first seen, or after it was last: there, if that was a moment ago.
            (None, from, to) => *from.or(to).filter(|at| (at.stamp_ns - stamp_ns).abs() <= MOMENT_NS)?,
        };
        Some((here, closing))
    }
}
