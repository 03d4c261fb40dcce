//! Tracks against labels: HOTA, CLEAR and identity, how long it takes to find an object, and each identity switch as an event.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use guideway_core::{BBox, DVec3, Reporter, Se3, TimeNs};
use guideway_eval::assign::PairMatrix;
use guideway_eval::bootstrap::{BootstrapParams, intervals_of};
use guideway_eval::events::{Cause, Event, EventKind};
use guideway_eval::mot::nuscenes::{CenterBox, CenterFrame, CenterScene, SweepParams, SweepReport, sweep};
use guideway_eval::mot::{
    BoxSequence, CenterDistance, ClassReport, ClassRules, Followed, FollowedObject, Follower, RuleFilter, Switch,
    TrackFrame, TrackParams, similarities,
};
use guideway_eval::severity::EgoPath;
use guideway_schema::{MetricRow, TrackRow};
use guideway_store::{Dataset, ModelRecord};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::case::Case;
use super::rules::PlacedLabel;
use super::{EvalOptions, MetricSet, RESAMPLES, RuleSetReport, class_name};
use crate::error::Error;
use crate::track::{TrackOptions, TrackSpace};
use crate::workspace::{Workspace, quote};

/// Distance of two centres on the ground at which they have nothing in common, m: CLEAR matches within half of it.
const NOTHING_IN_COMMON_M: f64 = 4.0;

/// What has intervals, in the order of [`ratios`].
const RATIOS: [&str; 5] = ["HOTA", "DetA", "AssA", "MOTA", "IDF1"];

/// How a class was tracked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrackScores {
    /// The class, or `all`.
    pub class: String,
    /// Labelled objects.
    pub objects: u64,
    /// Tracks.
    pub tracks: u64,
    /// Luiten et al. 2021.
    pub hota: f64,
    /// Its part that says how well objects are detected.
    pub det_a: f64,
    /// Its part that says how well their identities are kept.
    pub ass_a: f64,
    /// Bernardin and Stiefelhagen 2008.
    pub mota: f64,
    /// Ristani et al. 2016.
    pub idf1: f64,
    /// Identity switches.
    pub switches: u64,
    /// Times that the tracking of an object was taken up again.
    pub fragmentations: u64,
    /// Objects tracked in more than 80 % of their frames.
    pub mostly_tracked: u64,
    /// Objects tracked in less than 20 % of them.
    pub mostly_lost: u64,
    /// Objects that were never found.
    pub never_found: u64,
    /// From an object's first label to its first match, s, mean over those that were found.
    pub latency_s: Option<f64>,
    /// The longest time that an object was not tracked, s, mean over those that were found.
    pub longest_gap_s: Option<f64>,
    /// Weng et al. 2020, as nuScenes has it; of tracks in the world only.
    pub amota: Option<f64>,
    /// Mean distance over the same recalls, m.
    pub amotp_m: Option<f64>,
}

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
    pub(super) events: Vec<Event>,
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

/// A sensor's frames by time: what [`Follower`] is fed with.
#[derive(Default)]
struct Sequence {
    name: String,
    group: u32,
    /// Index of each frame, by time.
    images: Vec<u32>,
    stamps: Vec<i64>,
    /// Rows of labels and of tracks in each frame.
    labels: Vec<Vec<Seen>>,
    tracks: Vec<Vec<Seen>>,
    /// Boxes of labels that do not count.
    ignored: Vec<Vec<[f64; 4]>>,
}

/// An object in a frame, on either side.
#[derive(Clone, Copy)]
struct Seen {
    /// Row of the label, or of the track.
    row: u32,
    class: u32,
    /// Number of its identity within the sequence.
    identity: u64,
    /// x, y, width and height, px.
    bbox: [f64; 4],
    /// In the world, m.
    center: DVec3,
    score: f64,
}

/// A label that tracks are compared with.
pub(super) struct Labelled {
    image: u32,
    /// Its row in the case, where it has a box.
    row: Option<u32>,
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
        (model, on, predict_run_id): (&ModelRecord, &str, &str),
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
        let report = self.track_run(model, on, predict_run_id, &options, reporter)?;
        let tracks: Vec<TrackRow> = self.rows(&format!(
            "SELECT * FROM tracks WHERE run_id = {} AND prediction_id IS NOT NULL ORDER BY timestamp_ns, track_id, frame_id",
            quote(&report.run_id)
        ))?;
        let labelled = match report.space {
            TrackSpace::Image => case.labelled(),
            TrackSpace::World => self.labelled_in_world(case, self.labels_in_space(dataset, rows, predict_run_id)?)?,
        };
        let mut tracking = case.tracking((&report.run_id, report.space), &tracks, &labelled, run_id)?;
        tracking.params = given.cloned().unwrap_or_else(|| json!({}));
        Ok(tracking)
    }

    /// Do any labels in the frames of a dataset have identities?
    fn has_identities(&self, on: &str) -> Result<bool, Error> {
        let found = self.counts(&format!(
            "SELECT 'labels', count(*) FROM labels WHERE track_id IS NOT NULL AND frame_id IN (SELECT frame_id FROM ({}))",
            self.pool(on)?
        ))?;
        Ok(found.first().is_some_and(|(_, count)| *count > 0))
    }

    /// Labels in space where tracks are: in the world, or in the ego frame where nobody knows how the vehicle moved.
    fn labelled_in_world(&self, case: &Case, placed: Vec<PlacedLabel>) -> Result<Vec<Labelled>, Error> {
        let mut with_box: BTreeMap<(u32, &str), u32> = BTreeMap::new();
        for (row, image) in (0..).zip(&case.truth.arrays.image) {
            if let Some(track) = &case.truth.labels[row as usize].track_id {
                with_box.insert((*image, track), row);
            }
        }
        let mut ways: BTreeMap<&str, EgoPath> = BTreeMap::new();
        let mut labelled = Vec::with_capacity(placed.len());
        for label in placed {
            let frame = &case.truth.frames[label.frame as usize];
            let path = match ways.entry(&frame.recording_id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.ego_path(&frame.recording_id)?),
            };
            let world_from_ego = if path.is_empty() {
                Some(Se3::IDENTITY)
            } else {
                frame.timestamp_ns.and_then(|stamp| path.at(stamp))
            };
            let Some(world_from_ego) = world_from_ego else {
                continue;
            };
            let row = label
                .track
                .as_deref()
                .and_then(|track| with_box.get(&(label.frame, track)).copied());
            labelled.push(Labelled {
                image: label.frame,
                row,
                class: label.class,
                counts: !label.is_ignored,
                bbox: row.map_or([0.0; 4], |row| case.truth.arrays.boxes[row as usize]),
                center: world_from_ego.transform_point(label.cuboid.center),
                identity: label.track,
            });
        }
        Ok(labelled)
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
        let swept = (space == TrackSpace::World)
            .then(|| self.swept(&sequences))
            .transpose()?;
        let events = self.switches(&sequences, (rows, labelled), &of_class);
        self.reported(
            TrackingReport {
                track_run_id: track_run.to_owned(),
                space,
                sequences: sequences.len() as u64,
                frames: sequences.iter().map(|sequence| sequence.images.len() as u64).sum(),
                without_identity,
                classes: Vec::new(),
                all: TrackScores::default(),
                trackeval: Value::Null,
                nuscenes: Value::Null,
            },
            (&sequences, &of_class, swept.as_ref()),
            events,
            run_id,
        )
    }

    /// The frames of each sensor by time, and how many labels have no identity.
    fn sequences(&self, rows: &[TrackRow], labelled: &[Labelled]) -> (Vec<Sequence>, u64) {
        let truth = &self.truth;
        let groups = truth.groups();
        let mut images: BTreeMap<(&str, &str), Vec<(i64, u32)>> = BTreeMap::new();
        for (image, frame) in (0..).zip(&truth.frames) {
            if let Some(stamp) = frame.timestamp_ns {
                images
                    .entry((&frame.recording_id, &frame.sensor_id))
                    .or_default()
                    .push((stamp, image));
            }
        }
        let mut labels_of: Vec<Vec<u32>> = vec![Vec::new(); truth.frames.len()];
        for (row, label) in (0..).zip(labelled) {
            labels_of[label.image as usize].push(row);
        }
        let image_of = truth.image_of();
        let class_of: BTreeMap<&str, u32> = truth.classes.iter().map(String::as_str).zip(0..).collect();
        let mut tracks_of: Vec<Vec<u32>> = vec![Vec::new(); truth.frames.len()];
        for (row, track) in (0..).zip(rows) {
            // Where a track coasts nobody saw anything.
            if let (Some(image), true) = (image_of.get(track.frame_id.as_str()), track.prediction_id.is_some()) {
                tracks_of[*image as usize].push(row);
            }
        }
        let mut without_identity = 0;
        let mut sequences = Vec::with_capacity(images.len());
        for ((recording, sensor), mut of_sensor) in images {
            of_sensor.sort_unstable();
            let mut sequence = Sequence {
                name: format!("{recording} {sensor}"),
                group: of_sensor.first().map_or(0, |(_, image)| groups[*image as usize]),
                ..Sequence::default()
            };
            let mut objects: BTreeMap<&str, u64> = BTreeMap::new();
            let mut identities: BTreeMap<&str, u64> = BTreeMap::new();
            for (stamp, image) in of_sensor {
                let (mut labels, mut ignored) = (Vec::new(), Vec::new());
                for row in &labels_of[image as usize] {
                    let label = &labelled[*row as usize];
                    let Some(track) = label.identity.as_deref().filter(|_| label.counts) else {
                        without_identity += u64::from(label.counts);
                        ignored.push(label.bbox);
                        continue;
                    };
                    let next = objects.len() as u64;
                    labels.push(Seen {
                        row: *row,
                        class: label.class,
                        identity: *objects.entry(track).or_insert(next),
                        bbox: label.bbox,
                        center: label.center,
                        score: 0.0,
                    });
                }
                let mut tracks = Vec::new();
                for row in &tracks_of[image as usize] {
                    let track = &rows[*row as usize];
                    // Classes that the dataset does not have are nobody's.
                    let Some(class) = class_of.get(track.class.as_str()) else {
                        continue;
                    };
                    let corner = |value: Option<f64>| value.unwrap_or(0.0);
                    let next = identities.len() as u64;
                    tracks.push(Seen {
                        row: *row,
                        class: *class,
                        identity: *identities.entry(&track.track_id).or_insert(next),
                        bbox: BBox::new(
                            corner(track.x_min),
                            corner(track.y_min),
                            corner(track.x_max),
                            corner(track.y_max),
                        )
                        .to_xywh(),
                        center: match track.cuboid.as_slice() {
                            [x, y, z, ..] => DVec3::new(*x, *y, *z),
                            _ => DVec3::ZERO,
                        },
                        score: track.score,
                    });
                }
                sequence.images.push(image);
                sequence.stamps.push(stamp);
                sequence.labels.push(labels);
                sequence.tracks.push(tracks);
                sequence.ignored.push(ignored);
            }
            sequences.push(sequence);
        }
        // A sensor of which nothing is labelled has nothing to say.
        sequences.retain(|sequence| sequence.labels.iter().any(|labels| !labels.is_empty()));
        (sequences, without_identity)
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
    fn switches(
        &self,
        sequences: &[Sequence],
        (rows, labelled): (&[TrackRow], &[Labelled]),
        of_class: &[(u32, Vec<Followed>)],
    ) -> Vec<Event> {
        let detection_of: BTreeMap<&str, u32> = self
            .rows
            .iter()
            .map(|row| row.prediction_id.as_str())
            .zip(0..)
            .collect();
        let mut events = Vec::new();
        for (class, followed) in of_class {
            for (sequence, followed) in sequences.iter().zip(followed) {
                for switch in &followed.switches {
                    let Some((label, track)) = sequence.switched(switch, *class) else {
                        continue;
                    };
                    // Events are about boxes; an object that has none is counted alone.
                    let Some(label) = labelled[label as usize].row else {
                        continue;
                    };
                    let prediction = rows[track as usize].prediction_id.as_deref();
                    let detection = prediction.and_then(|id| detection_of.get(id)).copied();
                    let score = detection.map(|row| self.detections.score[row as usize]);
                    let corners = |[x, y, w, h]: [f64; 4]| BBox::from_xywh(x, y, w, h);
                    events.push(Event {
                        kind: EventKind::IdentitySwitch,
                        image: sequence.images[switch.frame as usize],
                        label: Some(label),
                        label_class: Some(*class),
                        detection,
                        detection_class: detection.map(|row| self.detections.class[row as usize]),
                        iou: detection.map(|row| {
                            corners(self.detections.boxes[row as usize])
                                .iou(corners(self.truth.arrays.boxes[label as usize]))
                        }),
                        score,
                        severity: score.unwrap_or(1.0).clamp(0.0, 1.0),
                        causes: vec![Cause::Tracker],
                    });
                }
            }
        }
        events.sort_by_key(|event| (event.image, event.label));
        events
    }

    fn reported(
        &self,
        mut report: TrackingReport,
        (sequences, of_class, swept): (&[Sequence], &[(u32, Vec<Followed>)], Option<&SweepReport>),
        events: Vec<Event>,
        run_id: &str,
    ) -> Result<Tracking, Error> {
        let groups: Vec<u32> = sequences.iter().map(|sequence| sequence.group).collect();
        let mut metrics = Vec::new();
        let mut told = serde_json::Map::new();
        let mut everything: Vec<Vec<ClassReport>> = vec![Vec::new(); sequences.len()];
        let mut objects: Vec<FollowedObject> = Vec::new();
        for (class, followed) in of_class {
            let name = class_name(*class, &self.truth.classes);
            let parts: Vec<ClassReport> = followed.iter().map(|followed| followed.report.clone()).collect();
            for (of_sequence, part) in everything.iter_mut().zip(&parts) {
                of_sequence.push(part.clone());
            }
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
        let parts: Vec<ClassReport> = everything.iter().map(ClassReport::combine).collect();
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

impl Sequence {
    fn in_image(&self, class: u32, params: &TrackParams) -> Result<Followed, Error> {
        let mut boxes = BoxSequence {
            name: self.name.clone(),
            frames: self.images.len() as u32,
            ..BoxSequence::default()
        };
        for (frame, ((labels, tracks), ignored)) in (0..).zip(self.labels.iter().zip(&self.tracks).zip(&self.ignored)) {
            for seen in labels {
                boxes
                    .labels
                    .push(frame, seen.identity, i64::from(seen.class), seen.bbox);
            }
            for seen in tracks {
                boxes
                    .tracks
                    .push(frame, seen.identity, i64::from(seen.class), seen.bbox, seen.score);
            }
            boxes.ignored.extend(ignored.iter().map(|region| (frame, *region)));
        }
        let rules = ClassRules {
            class: Some(i64::from(class)),
            predicted: Some(i64::from(class)),
            max_ignored: Some(0.5),
            ..ClassRules::everything("")
        };
        let mut filter = RuleFilter::new(&rules, boxes.format)?;
        let mut follower = Follower::new(params, &self.name)?;
        for ((at, frame), stamp) in boxes.each_frame()?.enumerate().zip(&self.stamps) {
            let place = || format!("frame {at} of {}", self.name);
            follower.push(TimeNs(*stamp), filter.apply(&frame, &place)?)?;
        }
        Ok(follower.finish()?)
    }

    fn in_world(&self, class: u32, params: &TrackParams) -> Result<Followed, Error> {
        let mut follower = Follower::new(params, &self.name)?;
        for ((labels, tracks), stamp) in self.labels.iter().zip(&self.tracks).zip(&self.stamps) {
            let side = |seen: &[Seen]| -> (Vec<u64>, Vec<[f64; 2]>) {
                let of_class = seen.iter().filter(|seen| seen.class == class);
                of_class
                    .map(|seen| (seen.identity, [seen.center.x, seen.center.y]))
                    .unzip()
            };
            let ((labels, at), (predictions, where_predicted)) = (side(labels), side(tracks));
            let mut frame = TrackFrame {
                labels,
                predictions,
                similarity: PairMatrix::default(),
            };
            let compare = CenterDistance {
                zero: NOTHING_IN_COMMON_M,
            };
            similarities(&compare, &at, &where_predicted, &mut frame.similarity);
            follower.push(TimeNs(*stamp), frame.view())?;
        }
        Ok(follower.finish()?)
    }

    fn scene(&self) -> CenterScene {
        let centers = |seen: &[Seen]| {
            seen.iter()
                .map(|seen| CenterBox {
                    track: seen.identity,
                    class: seen.class,
                    center: seen.center.to_array(),
                    score: seen.score,
                })
                .collect()
        };
        let mut scene: CenterScene = self
            .labels
            .iter()
            .zip(&self.tracks)
            .zip(&self.stamps)
            .map(|((labels, tracks), stamp)| CenterFrame {
                time: *stamp,
                labels: centers(labels),
                predictions: centers(tracks),
            })
            .collect();
        // Of two frames of one moment the sweep takes the first.
        scene.dedup_by_key(|frame| frame.time);
        scene
    }

    /// Rows of the label and of the track where an identity switch shows.
    fn switched(&self, switch: &Switch, class: u32) -> Option<(u32, u32)> {
        let at = usize::try_from(switch.frame).ok()?;
        let row = |seen: &[Seen], identity: u64| {
            let of_class = seen
                .iter()
                .find(|seen| seen.class == class && seen.identity == identity);
            of_class.map(|seen| seen.row)
        };
        Some((
            row(self.labels.get(at)?, switch.object)?,
            row(self.tracks.get(at)?, switch.to)?,
        ))
    }
}

impl TrackScores {
    fn new(class: &str, report: &ClassReport, objects: &[FollowedObject]) -> Self {
        let means = report.hota.means();
        let latencies: Vec<f64> = objects.iter().filter_map(FollowedObject::latency_s).collect();
        let gaps = objects.iter().filter(|object| object.found.is_some());
        let gaps: Vec<f64> = gaps.map(|object| object.longest_gap_ns as f64 / 1e9).collect();
        Self {
            class: class.to_owned(),
            objects: report.count.objects,
            tracks: report.count.tracks,
            hota: means.hota,
            det_a: means.det_a,
            ass_a: means.ass_a,
            mota: report.clear.mota,
            idf1: report.identity.idf1,
            switches: report.clear.switches,
            fragmentations: report.clear.fragmentations,
            mostly_tracked: report.clear.mostly_tracked,
            mostly_lost: report.clear.mostly_lost,
            never_found: (objects.len() - latencies.len()) as u64,
            latency_s: mean(&latencies),
            longest_gap_s: mean(&gaps),
            amota: None,
            amotp_m: None,
        }
    }

    /// Rows of the table `metrics`; the ratios with intervals over recordings.
    fn metrics(
        &self,
        run_id: &str,
        slice: &str,
        parts: &[ClassReport],
        groups: &[u32],
    ) -> Result<Vec<MetricRow>, Error> {
        let bootstrap = BootstrapParams {
            resamples: RESAMPLES,
            ..BootstrapParams::default()
        };
        let intervals = intervals_of(groups, &bootstrap, |times| ratios(parts, times))?;
        let mut rows = Vec::new();
        let mut push = |metric: &str, unit: &str, value: Option<f64>, higher_is_better: bool| {
            let place = RATIOS.iter().position(|ratio| *ratio == metric);
            let [lower, upper] = place.map_or([None; 2], |place| intervals[place]);
            rows.push(MetricRow {
                run_id: run_id.to_owned(),
                metric: format!("tracking/{metric}"),
                value,
                lower,
                upper,
                confidence: lower.map(|_| bootstrap.confidence),
                slice: slice.to_owned(),
                support: i64::try_from(self.objects).ok(),
                unit: unit.to_owned(),
                higher_is_better,
            });
        };
        push("HOTA", "1", Some(self.hota), true);
        push("DetA", "1", Some(self.det_a), true);
        push("AssA", "1", Some(self.ass_a), true);
        push("MOTA", "1", Some(self.mota), true);
        push("IDF1", "1", Some(self.idf1), true);
        push("IDSW", "count", Some(self.switches as f64), false);
        push("Frag", "count", Some(self.fragmentations as f64), false);
        push("MT", "count", Some(self.mostly_tracked as f64), true);
        push("ML", "count", Some(self.mostly_lost as f64), false);
        push("never_found", "count", Some(self.never_found as f64), false);
        push("latency", "s", self.latency_s, false);
        push("longest_gap", "s", self.longest_gap_s, false);
        if self.amota.is_some() {
            push("AMOTA", "1", self.amota, true);
            push("AMOTP", "m", self.amotp_m, false);
        }
        Ok(rows)
    }
}

/// What sequences give together when each counts so many times.
fn ratios(parts: &[ClassReport], times: &[u32]) -> Vec<Option<f64>> {
    let drawn = parts
        .iter()
        .zip(times)
        .flat_map(|(part, times)| std::iter::repeat_n(part, *times as usize));
    let together = ClassReport::combine(drawn);
    let means = together.hota.means();
    let known = together.count.labels > 0;
    [
        means.hota,
        means.det_a,
        means.ass_a,
        together.clear.mota,
        together.identity.idf1,
    ]
    .map(|value| known.then_some(value))
    .to_vec()
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
