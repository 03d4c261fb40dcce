//! Tracks against labels: HOTA, CLEAR and identity, how long it takes to find an object, and each identity switch as an event.

mod scores;
mod sequence;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use guideway_core::{BBox, DVec3, Reporter, Se3};
use guideway_eval::bootstrap::{BootstrapParams, MetricDelta, compare_of};
use guideway_eval::events::{Cause, Event, EventKind};
use guideway_eval::mot::nuscenes::{CenterScene, SweepParams, SweepReport, sweep};
use guideway_eval::mot::{ClassReport, Followed, FollowedObject, TrackParams};
use guideway_eval::severity::EgoPath;
use guideway_schema::{MetricRow, TrackRow};
use guideway_store::{Dataset, ModelRecord};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::case::{Case, Wrong};
use super::rules::{Asked, PlacedLabel, class_ranges};
use super::{EvalOptions, EvalReport, MetricSet, RuleSetReport, class_name, slice};
use crate::error::Error;
use crate::predict::Predicted;
use crate::track::{TrackOptions, TrackSpace};
use crate::workspace::{Workspace, quote};

pub use self::scores::TrackScores;
use self::scores::{RATIOS, ratios};
use self::sequence::Sequence;

/// An evaluation of tracks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackingReport {
    /// The run that tracked.
    pub track_run_id: String,
    /// Where it tracked.
    pub space: TrackSpace,
    /// Sequences: sensors of recordings.
    pub sequences: u64,
    /// Frames in them.
    pub frames: u64,
    /// Labels that are not counted, since they have no identity: where they are, nothing is held against a track.
    pub without_identity: u64,
    /// Every class that has labels or tracks.
    pub classes: Vec<TrackScores>,
    /// All of them, every box weighing the same.
    pub all: TrackScores,
    /// Every number by class, under the names that `TrackEval` gives them.
    pub trackeval: Value,
    /// The same for nuScenes' tracking benchmark; null for tracks in images.
    pub nuscenes: Value,
}

/// What was found out about tracks.
pub(super) struct Tracking {
    pub(super) report: TrackingReport,
    /// Identity switches.
    pub(super) events: Vec<Wrong>,
    pub(super) metrics: Vec<MetricRow>,
    /// Those of the tracker that were given.
    pub(super) params: Value,
}

impl Tracking {
    /// As one of the rule sets of a report.
    pub(super) fn rule_set(&self) -> RuleSetReport {
        let report = &self.report;
        let mut notes = vec![format!(
            "tracks: run {}, in the {}; {} sequences of {} frames",
            report.track_run_id,
            report.space.name(),
            report.sequences,
            report.frames
        )];
        if report.without_identity > 0 {
            notes.push(format!(
                "labels without an identity do not count: {}",
                report.without_identity
            ));
        }
        RuleSetReport {
            report: json!(report),
            params: self.params.clone(),
            notes,
        }
    }
}

/// Labels and tracks, followed class by class.
struct Compared {
    sequences: Vec<Sequence>,
    /// By class, for each sequence.
    of_class: Vec<(u32, Vec<Followed>)>,
    without_identity: u64,
}

impl Compared {
    /// Group of each sequence: its recording.
    fn groups(&self) -> Vec<u32> {
        self.sequences.iter().map(|sequence| sequence.group).collect()
    }

    /// The numbers of each sequence: of a class, or of all classes together.
    fn parts(&self, class: Option<u32>) -> Option<Vec<ClassReport>> {
        let report = |followed: &Followed| followed.report.clone();
        if let Some(class) = class {
            let (_, followed) = self.of_class.iter().find(|(known, _)| *known == class)?;
            return Some(followed.iter().map(report).collect());
        }
        let of_sequence = |at: usize| {
            let classes: Vec<ClassReport> = self
                .of_class
                .iter()
                .map(|(_, followed)| report(&followed[at]))
                .collect();
            ClassReport::combine(&classes)
        };
        Some((0..self.sequences.len()).map(of_sequence).collect())
    }
}

impl EvalReport {
    /// What it says of tracks, if that was asked for.
    pub fn tracking(&self) -> Option<TrackingReport> {
        let told = self.rule_sets.get(MetricSet::Tracking.name())?;
        serde_json::from_value(told.report.clone()).ok()
    }
}

/// A label that tracks are compared with.
pub(super) struct Labelled {
    image: u32,
    /// Its row in the case, where it has a box.
    row: Option<u32>,
    /// Its row among the case's labels in space, where its frame is asked about these.
    solid: Option<u32>,
    class: u32,
    identity: Option<String>,
    /// Does it count? Where others are, nothing is held against a track.
    counts: bool,
    bbox: [f64; 4],
    /// Where tracks are, in the world.
    center: DVec3,
}

impl Workspace {
    /// Tracks what was predicted, and compares it with the labels.
    pub(super) fn tracking(
        &self,
        case: &Case,
        (model, on, predicted): (&ModelRecord, &str, &Predicted),
        (dataset, rows): (&Dataset, &[u64]),
        options: &EvalOptions,
        run_id: &str,
        reporter: &dyn Reporter,
    ) -> Result<Tracking, Error> {
        if !case.truth.labels.iter().any(|label| label.track_id.is_some()) && !self.has_identities(on)? {
            return Err(Error::usage(
                format!("the labels of {on} have no identities, so tracks cannot be compared with them"),
                "leave out `tracking`, or evaluate on labels with a track_id, such as KITTI tracking's or a log's ground truth".to_owned(),
            ));
        }
        let given = options.params.get(MetricSet::Tracking.name());
        let options = TrackOptions {
            params: given.cloned(),
            device: options.device.clone(),
            ..TrackOptions::default()
        };
        let report = self.track_run(model, on, predicted, &options, reporter)?;
        let made = (report.run_id.as_str(), report.space);
        let (labelled, tracks) = self.sides(case, made, (dataset, rows), &predicted.run_id)?;
        let mut tracking = case.tracking((&report.run_id, report.space), &tracks, &labelled, run_id)?;
        tracking.params = given.cloned().unwrap_or_else(|| json!({}));
        Ok(tracking)
    }

    /// Labels and tracks to be compared.
    fn sides(
        &self,
        case: &Case,
        (track_run, space): (&str, TrackSpace),
        (dataset, rows): (&Dataset, &[u64]),
        predict_run_id: &str,
    ) -> Result<(Vec<Labelled>, Vec<TrackRow>), Error> {
        let tracks: Vec<TrackRow> = self.rows(&format!(
            "SELECT * FROM tracks WHERE run_id = {} AND prediction_id IS NOT NULL ORDER BY timestamp_ns, track_id, frame_id",
            quote(track_run)
        ))?;
        match space {
            TrackSpace::Image => Ok((case.labelled(), tracks)),
            TrackSpace::World => {
                let placed = self.labels_in_space(dataset, rows, predict_run_id)?;
                self.within_range(case, placed, tracks)
            }
        }
    }

    /// The ratios of two evaluations' tracks with paired intervals, each with its slice; nothing where they were not made alike.
    pub(super) fn tracks_compared(
        &self,
        both: [(&EvalReport, &Case); 2],
        (dataset, rows): (&Dataset, &[u64]),
        params: &BootstrapParams,
    ) -> Result<Vec<(String, MetricDelta)>, Error> {
        let mut made = Vec::with_capacity(2);
        for (report, case) in both {
            let Some(told) = report.tracking() else {
                return Ok(Vec::new());
            };
            let run = (told.track_run_id.as_str(), told.space);
            let (labelled, tracks) = self.sides(case, run, (dataset, rows), &report.predict_run_id)?;
            made.push((told.space, case.followed(told.space, &tracks, &labelled)?));
        }
        let [(space_a, a), (space_b, b)] = made.as_slice() else {
            return Ok(Vec::new());
        };
        if space_a != space_b || a.sequences.len() != b.sequences.len() {
            return Ok(Vec::new());
        }
        let groups = a.groups();
        let metrics = RATIOS.map(|ratio| format!("tracking/{ratio}"));
        let metrics: Vec<&str> = metrics.iter().map(String::as_str).collect();
        let classes = a.of_class.iter().map(|(class, _)| Some(*class));
        let mut deltas = Vec::new();
        for class in [None].into_iter().chain(classes) {
            let (Some(a), Some(b)) = (a.parts(class), b.parts(class)) else {
                continue;
            };
            let name = slice(class, &both[0].1.truth.classes);
            let measure = |second: bool, times: &[u32]| ratios(if second { &b } else { &a }, times);
            let compared = compare_of(&metrics, &groups, params, measure)?;
            deltas.extend(compared.into_iter().map(|delta| (name.clone(), delta)));
        }
        Ok(deltas)
    }

    /// Do any labels in the frames of a dataset have identities?
    fn has_identities(&self, on: &str) -> Result<bool, Error> {
        let found = self.counts(&format!(
            "SELECT 'labels', count(*) FROM labels WHERE track_id IS NOT NULL AND frame_id IN (SELECT frame_id FROM ({}))",
            self.pool(on)?
        ))?;
        Ok(found.first().is_some_and(|(_, count)| *count > 0))
    }

    /// Labels in space where tracks are (in the world, or in the ego frame where nobody knows how the vehicle moved), and tracks; of both, what counts by nuScenes' rules: within
    /// the range of its class, and no label that is known to have no point.
    fn within_range(
        &self,
        case: &Case,
        placed: Vec<PlacedLabel>,
        mut tracks: Vec<TrackRow>,
    ) -> Result<(Vec<Labelled>, Vec<TrackRow>), Error> {
        let ranges = class_ranges(&case.truth.classes);
        let mut with_box: BTreeMap<(u32, &str), u32> = BTreeMap::new();
        for (row, image) in (0..).zip(&case.truth.arrays.image) {
            if let Some(track) = &case.truth.labels[row as usize].track_id {
                with_box.insert((*image, track), row);
            }
        }
        let mut in_space: BTreeMap<(u32, &str), u32> = BTreeMap::new();
        for (row, frame) in (0..).zip(&case.space.truth.frame) {
            if let Some(track) = &case.space.labels[row as usize].track_id {
                in_space.insert((*frame, track), row);
            }
        }
        let mut ways: BTreeMap<&str, EgoPath> = BTreeMap::new();
        let mut poses: Vec<Option<Se3>> = Vec::with_capacity(case.truth.frames.len());
        for frame in &case.truth.frames {
            let path = match ways.entry(&frame.recording_id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.ego_path(&frame.recording_id)?),
            };
            poses.push(if path.is_empty() {
                Some(Se3::IDENTITY)
            } else {
                frame.timestamp_ns.and_then(|stamp| path.at(stamp))
            });
        }
        let image_of = case.truth.image_of();
        let class_of: BTreeMap<&str, usize> = case.truth.classes.iter().map(String::as_str).zip(0..).collect();
        tracks.retain(|track| {
            let pose = image_of
                .get(track.frame_id.as_str())
                .and_then(|image| poses[*image as usize]);
            let range = class_of.get(track.class.as_str()).map(|class| ranges[*class]);
            let (Some(pose), Some(range), [x, y, ..]) = (pose, range, track.cuboid.as_slice()) else {
                return false;
            };
            let ego = pose.translation();
            (x - ego.x).hypot(y - ego.y) < range
        });
        let mut labelled = Vec::with_capacity(placed.len());
        for label in placed {
            let at = label.cuboid.center;
            let is_near = at.x.hypot(at.y) < ranges[label.class as usize];
            let Some(world_from_ego) = poses[label.frame as usize].filter(|_| is_near && label.points != Some(0))
            else {
                continue;
            };
            let key = label.track.as_deref().map(|track| (label.frame, track));
            let row = key.and_then(|key| with_box.get(&key).copied());
            labelled.push(Labelled {
                image: label.frame,
                row,
                solid: key.and_then(|key| in_space.get(&key).copied()),
                class: label.class,
                counts: !label.is_ignored,
                bbox: row.map_or([0.0; 4], |row| case.truth.arrays.boxes[row as usize]),
                center: world_from_ego.transform_point(label.cuboid.center),
                identity: label.track,
            });
        }
        Ok((labelled, tracks))
    }
}

impl Case {
    /// The labels that have boxes.
    pub(super) fn labelled(&self) -> Vec<Labelled> {
        let arrays = &self.truth.arrays;
        (0..arrays.len())
            .map(|row| Labelled {
                image: arrays.image[row],
                row: Some(row as u32),
                solid: None,
                class: arrays.class[row],
                identity: self.truth.labels[row].track_id.clone(),
                counts: !arrays.crowd[row] && !arrays.ignore[row],
                bbox: arrays.boxes[row],
                center: DVec3::ZERO,
            })
            .collect()
    }

    /// Compares tracks with labels that have identities.
    pub(super) fn tracking(
        &self,
        (track_run, space): (&str, TrackSpace),
        rows: &[TrackRow],
        labelled: &[Labelled],
        run_id: &str,
    ) -> Result<Tracking, Error> {
        let compared = self.followed(space, rows, labelled)?;
        let sequences = &compared.sequences;
        let swept = (space == TrackSpace::World)
            .then(|| self.swept(sequences))
            .transpose()?;
        let events = self.switches(&compared, (rows, labelled));
        let report = TrackingReport {
            track_run_id: track_run.to_owned(),
            space,
            sequences: sequences.len() as u64,
            frames: sequences.iter().map(|sequence| sequence.images.len() as u64).sum(),
            without_identity: compared.without_identity,
            classes: Vec::new(),
            all: TrackScores::default(),
            trackeval: Value::Null,
            nuscenes: Value::Null,
        };
        self.reported(report, (&compared, swept.as_ref()), events, run_id)
    }

    /// Follows the objects of each class.
    fn followed(&self, space: TrackSpace, rows: &[TrackRow], labelled: &[Labelled]) -> Result<Compared, Error> {
        let (sequences, without_identity) = self.sequences(rows, labelled);
        let classes: BTreeSet<u32> = sequences
            .iter()
            .flat_map(|sequence| sequence.labels.iter().chain(&sequence.tracks).flatten())
            .map(|seen| seen.class)
            .collect();
        let params = TrackParams::default();
        let mut of_class = Vec::with_capacity(classes.len());
        for class in classes {
            let followed: Vec<Followed> = sequences
                .iter()
                .map(|sequence| match space {
                    TrackSpace::Image => sequence.in_image(class, &params),
                    TrackSpace::World => sequence.in_world(class, &params),
                })
                .collect::<Result<_, Error>>()?;
            of_class.push((class, followed));
        }
        Ok(Compared {
            sequences,
            of_class,
            without_identity,
        })
    }

    /// AMOTA and its kin.
    fn swept(&self, sequences: &[Sequence]) -> Result<SweepReport, Error> {
        let scenes: Vec<CenterScene> = sequences.iter().map(Sequence::scene).collect();
        let mut steps: Vec<i64> = sequences
            .iter()
            .flat_map(|sequence| sequence.stamps.windows(2).map(|pair| pair[1] - pair[0]))
            .collect();
        steps.sort_unstable();
        let period = steps.get(steps.len() / 2).copied().filter(|step| *step > 0);
        let params = SweepParams {
            classes: self.truth.classes.clone(),
            max_boxes: usize::MAX,
            period: period.map_or(0.5, |step| step as f64 / 1e9),
            ..SweepParams::default()
        };
        Ok(sweep(&scenes, &params)?)
    }

    /// Every identity switch, with the label and the detection where it shows.
    fn switches(&self, compared: &Compared, (rows, labelled): (&[TrackRow], &[Labelled])) -> Vec<Wrong> {
        let boxes = self.rows.iter().map(|row| row.prediction_id.as_str());
        let boxes: BTreeMap<&str, u32> = boxes.zip(0..).collect();
        let solids = self.space.rows.iter().map(|row| row.prediction_id.as_str());
        let solids: BTreeMap<&str, u32> = solids.zip(0..).collect();
        let mut events: Vec<Wrong> = Vec::new();
        for (class, followed) in &compared.of_class {
            for (sequence, followed) in compared.sequences.iter().zip(followed) {
                for switch in &followed.switches {
                    let Some((label, track)) = sequence.switched(switch, *class) else {
                        continue;
                    };
                    let image = sequence.images[switch.frame as usize];
                    let in_space = self.space.asked(image) == Asked::Space;
                    let label = &labelled[label as usize];
                    // An object that has no row where its frame is asked is counted alone.
                    let Some(label) = (if in_space { label.solid } else { label.row }) else {
                        continue;
                    };
                    let prediction = rows[track as usize].prediction_id.as_deref();
                    let known = if in_space { &solids } else { &boxes };
                    let detection = prediction.and_then(|id| known.get(id)).copied();
                    let (score, detection_class) = if in_space {
                        let found = &self.space.detections;
                        let of = detection.map(|row| (found.score[row as usize], found.class[row as usize]));
                        of.unzip()
                    } else {
                        let found = &self.detections;
                        let of = detection.map(|row| (found.score[row as usize], found.class[row as usize]));
                        of.unzip()
                    };
                    let corners = |[x, y, w, h]: [f64; 4]| BBox::from_xywh(x, y, w, h);
                    let event = Event {
                        kind: EventKind::IdentitySwitch,
                        image,
                        label: Some(label),
                        label_class: Some(*class),
                        detection,
                        detection_class,
                        iou: detection.filter(|_| !in_space).map(|row| {
                            corners(self.detections.boxes[row as usize])
                                .iou(corners(self.truth.arrays.boxes[label as usize]))
                        }),
                        score,
                        severity: score.unwrap_or(1.0).clamp(0.0, 1.0),
                        causes: vec![Cause::Tracker],
                    };
                    events.push(Wrong { event, in_space });
                }
            }
        }
        events.sort_by_key(|wrong| (wrong.event.image, wrong.event.label));
        events
    }

    fn reported(
        &self,
        mut report: TrackingReport,
        (compared, swept): (&Compared, Option<&SweepReport>),
        events: Vec<Wrong>,
        run_id: &str,
    ) -> Result<Tracking, Error> {
        let groups = compared.groups();
        let mut metrics = Vec::new();
        let mut told = serde_json::Map::new();
        let mut objects: Vec<FollowedObject> = Vec::new();
        for (class, followed) in &compared.of_class {
            let name = class_name(*class, &self.truth.classes);
            let parts = compared.parts(Some(*class)).unwrap_or_default();
            let combined = ClassReport::combine(&parts);
            told.insert(name.clone(), json!(combined));
            let of_this: Vec<FollowedObject> = followed.iter().flat_map(|followed| followed.objects.clone()).collect();
            let best = swept.and_then(|swept| swept.classes.get(&name));
            let mut scores = TrackScores::new(&name, &combined, &of_this);
            scores.amota = best.and_then(|best| best.amota);
            scores.amotp_m = best.and_then(|best| best.amotp);
            metrics.extend(scores.metrics(run_id, &format!("class={name}"), &parts, &groups)?);
            report.classes.push(scores);
            objects.extend(of_this);
        }
        let parts = compared.parts(None).unwrap_or_default();
        let combined = ClassReport::combine(&parts);
        told.insert("all".to_owned(), json!(combined));
        report.all = TrackScores::new("all", &combined, &objects);
        if let Some(swept) = swept {
            report.all.amota = swept.all.amota;
            report.all.amotp_m = swept.all.amotp;
            report.nuscenes = json!(swept);
        }
        metrics.extend(report.all.metrics(run_id, "all", &parts, &groups)?);
        report.trackeval = Value::Object(told);
        Ok(Tracking {
            report,
            events,
            metrics,
            params: Value::Null,
        })
    }
}
