//! What rule sets are computed from: labels and detections, in the image and in space.

use std::collections::BTreeMap;
use std::ops::Bound;

use guideway_core::{BBox, Cuboid, DVec3, Se3};
use guideway_schema::{LabelRow, PredictedCuboidRow, PredictionRow};
use guideway_store::{Columns, Dataset, Sample, SampleLabel};
use serde_json::Value;

use crate::dataset::ids;
use crate::error::Error;
use crate::evaluate::mistakes::ASK;
use crate::placement::{Moment, Placement};
use crate::workspace::{Workspace, quote};
use crate::world::occlusion_code;

/// A frame of the evaluation.
pub(super) struct FrameAt {
    pub(super) frame_id: String,
    pub(super) recording_id: String,
    pub(super) sensor_id: String,
    pub(super) timestamp_ns: Option<i64>,
    pub(super) is_image: bool,
}

/// A box in space as a table has it.
struct Given {
    frame: String,
    numbers: Vec<f64>,
}

/// A box in space where rule sets want it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Solid {
    /// In the ego frame; `None` where nothing says how to get there.
    pub(super) in_ego: Option<Cuboid>,
    /// In the frame of the sensor, which is KITTI's for a camera: x right, y down, z forward.
    pub(super) in_sensor: Option<Cuboid>,
}

/// How a label moved between its neighbours in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Motion {
    /// Along the ego's axes, m/s.
    pub(super) velocity: [f64; 2],
    /// Time between the two places, s.
    pub(super) seconds: f64,
    /// From the one before to the one after? Otherwise one of the places is its own.
    pub(super) is_central: bool,
}

/// A label.
pub(super) struct LabelObject {
    pub(super) label_id: String,
    pub(super) frame: u32,
    /// Place among the dataset's classes; `None` for what is to be ignored and has another.
    pub(super) class: Option<u32>,
    /// Class as the source names it.
    pub(super) source_class: String,
    pub(super) bbox: Option<BBox>,
    given: Option<Given>,
    pub(super) solid: Option<Solid>,
    /// To be ignored, or a crowd.
    pub(super) is_ignored: bool,
    pub(super) truncation: Option<f64>,
    /// As KITTI counts: 0 visible, 1 partly, 2 largely, 3 unknown.
    pub(super) occlusion: Option<i64>,
    pub(super) alpha: Option<f64>,
    pub(super) track: Option<String>,
    /// Lidar and radar points.
    pub(super) points: Option<u32>,
    /// Over ground along the ego's axes, m/s, where the label says so.
    pub(super) velocity: Option<[f64; 2]>,
    told_velocity: Option<[f64; 3]>,
    pub(super) motion: Option<Motion>,
    pub(super) attribute: Option<String>,
}

/// A detection.
pub(super) struct Found {
    pub(super) prediction_id: String,
    pub(super) frame: u32,
    pub(super) class: u32,
    pub(super) score: f64,
    pub(super) bbox: Option<BBox>,
    given: Option<Given>,
    pub(super) solid: Option<Solid>,
    /// Over ground along the ego's axes, m/s.
    pub(super) velocity: Option<[f64; 2]>,
    told_velocity: Option<[f64; 2]>,
    pub(super) attribute: Option<String>,
}

/// Labels and detections of an evaluation.
pub(super) struct Objects {
    pub(super) classes: Vec<String>,
    pub(super) frames: Vec<FrameAt>,
    pub(super) labels: Vec<LabelObject>,
    pub(super) found: Vec<Found>,
}

impl Objects {
    /// Reads the labels of these rows of a dataset. What a frozen label does not hold (points, velocity, the source's name of the class) is looked up in
    /// the table of labels; where it is gone, it is not known.
    pub(super) fn labels(workspace: &Workspace, dataset: &Dataset, rows: &[u64]) -> Result<Self, Error> {
        let mut objects = Self {
            classes: dataset.classes().to_vec(),
            frames: Vec::with_capacity(rows.len()),
            labels: Vec::new(),
            found: Vec::new(),
        };
        let classes = objects.classes.clone();
        let index: BTreeMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        for part in rows.chunks(ASK) {
            let samples = workspace.block_on(dataset.take(part, Columns::WithoutMedia))?;
            let labelled = samples.iter().filter(|sample| !sample.labels.is_empty());
            let frames = ids(labelled.map(|sample| sample.frame_id.as_str()));
            let rows: Vec<LabelRow> = if frames.is_empty() {
                Vec::new()
            } else {
                workspace.rows(&format!("SELECT * FROM labels WHERE frame_id IN ({frames})"))?
            };
            let told: BTreeMap<&str, &LabelRow> = rows.iter().map(|row| (row.label_id.as_str(), row)).collect();
            for sample in samples {
                objects.add_sample(&sample, &index, &told);
            }
        }
        Ok(objects)
    }

    fn add_sample(&mut self, sample: &Sample, index: &BTreeMap<&str, u32>, told: &BTreeMap<&str, &LabelRow>) {
        let frame = self.frames.len() as u32;
        let mut labels: Vec<(Option<&LabelRow>, &SampleLabel)> = sample
            .labels
            .iter()
            .map(|label| (told.get(label.label_id.as_str()).copied(), label))
            .collect();
        // In the order of the source's file: where two labels could take one detection, KITTI gives it to the first.
        labels.sort_by_key(|(told, label)| {
            let at = told.map(|row| (row.source_uri.as_str(), row.source_row));
            (at.is_none(), at, label.label_id.as_str())
        });
        for (told, label) in labels {
            let class = index.get(label.class.as_str()).copied();
            if class.is_some() || label.is_ignored {
                self.labels.push(label_object(frame, class, label, told));
            }
        }
        self.frames.push(FrameAt {
            frame_id: sample.frame_id.clone(),
            recording_id: sample.recording_id.clone(),
            sensor_id: sample.sensor_id.clone(),
            timestamp_ns: sample.timestamp_ns,
            is_image: sample.media_type.starts_with("image/") || sample.media_type.starts_with("video/"),
        });
    }

    /// Are any of the labels that count labelled in space?
    pub(super) fn are_labelled_in_space(&self) -> bool {
        self.labels
            .iter()
            .any(|label| label.given.is_some() && !label.is_ignored)
    }

    /// Adds the detections of a run, and takes all that is in space to the frames of the ego and of the sensors.
    pub(super) fn find(&mut self, workspace: &Workspace, run_id: &str) -> Result<(), Error> {
        let ids = self.frames.iter().map(|frame| frame.frame_id.as_str());
        let images: BTreeMap<&str, u32> = ids.zip(0..).collect();
        let index: BTreeMap<&str, u32> = self.classes.iter().map(String::as_str).zip(0..).collect();
        let (boxes, cuboids): (Vec<PredictionRow>, Vec<PredictedCuboidRow>) = (
            workspace.rows(&format!("SELECT * FROM predictions WHERE run_id = {}", quote(run_id)))?,
            workspace.rows(&format!(
                "SELECT * FROM predicted_cuboids WHERE run_id = {}",
                quote(run_id)
            ))?,
        );
        // By id: of equal scores the order decides.
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        let known = |frame: &str, class: &str| Some((*images.get(frame)?, *index.get(class)?));
        for row in boxes {
            if let Some((frame, class)) = known(&row.frame_id, &row.class) {
                let bbox = BBox::new(row.x_min, row.y_min, row.x_max, row.y_max);
                let object = Found {
                    bbox: Some(bbox),
                    ..Found::new(&row.prediction_id, (frame, class), row.score)
                };
                found.insert(row.prediction_id, object);
            }
        }
        for row in cuboids {
            if let Some((frame, class)) = known(&row.frame_id, &row.class) {
                let new = Found::new(&row.prediction_id, (frame, class), row.score);
                let object = found.entry(row.prediction_id).or_insert(new);
                object.given = Some(Given {
                    frame: row.cuboid_frame,
                    numbers: row.cuboid,
                });
                object.told_velocity = <[f64; 2]>::try_from(row.velocity.as_slice()).ok();
                object.attribute = row.attribute;
            }
        }
        self.found = found.into_values().collect();
        self.place(workspace)
    }

    /// Cuboids of labels that have no box, by frame and track.
    pub(super) fn cuboids_apart(&self) -> BTreeMap<(u32, &str), Solid> {
        let apart = self.labels.iter().filter(|label| label.bbox.is_none());
        apart
            .filter_map(|label| Some(((label.frame, label.track.as_deref()?), label.solid?)))
            .collect()
    }

    /// Takes what is in space to the frames of the ego and of the sensors, recording by recording.
    pub(super) fn place(&mut self, workspace: &Workspace) -> Result<(), Error> {
        let Self {
            frames, labels, found, ..
        } = self;
        let of = |frame: u32| &frames[frame as usize];
        let mut recordings: BTreeMap<&str, [Vec<usize>; 2]> = BTreeMap::new();
        for (row, label) in labels.iter().enumerate().filter(|(_, label)| label.given.is_some()) {
            recordings.entry(&of(label.frame).recording_id).or_default()[0].push(row);
        }
        for (row, found) in found.iter().enumerate().filter(|(_, found)| found.given.is_some()) {
            recordings.entry(&of(found.frame).recording_id).or_default()[1].push(row);
        }
        for (recording, [label_rows, found_rows]) in recordings {
            let place = workspace.placement(recording)?;
            let mut tracks: BTreeMap<(&str, String), BTreeMap<i64, DVec3>> = BTreeMap::new();
            for row in &label_rows {
                let label = &mut labels[*row];
                let frame = of(label.frame);
                label.solid = label.given.as_ref().map(|given| solid(&place, given, frame.into()));
                let in_ego = |told: [f64; 3]| place.velocity_in_ego((&told, "world"), frame.into());
                label.velocity = label.told_velocity.and_then(in_ego).map(|v| [v.x, v.y]);
                let center = label.solid.and_then(|solid| Some(solid.in_ego?.center));
                if let (Some(track), Some(stamp), Some(center)) = (&label.track, frame.timestamp_ns, center)
                    && let Some(world_from_ego) = place.path.at(stamp)
                {
                    let track = tracks.entry((&frame.sensor_id, track.clone())).or_default();
                    track.insert(stamp, world_from_ego * center);
                }
            }
            for row in &label_rows {
                let label = &mut labels[*row];
                let frame = of(label.frame);
                let key = label.track.clone().map(|track| (frame.sensor_id.as_str(), track));
                let track = key.and_then(|key| tracks.get(&key));
                label.motion = track
                    .zip(frame.timestamp_ns)
                    .and_then(|(track, stamp)| motion(track, stamp, place.path.at(stamp)?));
            }
            for row in &found_rows {
                let found = &mut found[*row];
                let frame = of(found.frame);
                found.solid = found.given.as_ref().map(|given| solid(&place, given, frame.into()));
                found.velocity = found
                    .given
                    .as_ref()
                    .zip(found.told_velocity)
                    .and_then(|(given, told)| place.velocity_in_ego((&told, &given.frame), frame.into()))
                    .map(|v| [v.x, v.y]);
            }
        }
        Ok(())
    }
}

impl<'a> From<&'a FrameAt> for Moment<'a> {
    fn from(frame: &'a FrameAt) -> Self {
        Self {
            sensor_id: &frame.sensor_id,
            stamp_ns: frame.timestamp_ns,
        }
    }
}

impl Found {
    fn new(prediction_id: &str, (frame, class): (u32, u32), score: f64) -> Self {
        Self {
            prediction_id: prediction_id.to_owned(),
            frame,
            class,
            score,
            bbox: None,
            given: None,
            solid: None,
            velocity: None,
            told_velocity: None,
            attribute: None,
        }
    }
}

/// The difference of the places before and after, or of one of them and the place at `stamp`.
fn motion(track: &BTreeMap<i64, DVec3>, stamp: i64, world_from_ego: Se3) -> Option<Motion> {
    let here = track.get_key_value(&stamp)?;
    let before = track.range(..stamp).next_back();
    let after = track.range((Bound::Excluded(stamp), Bound::Unbounded)).next();
    let (from, to) = (before.unwrap_or(here), after.unwrap_or(here));
    let seconds = (to.0 - from.0) as f64 / 1e9;
    let velocity = world_from_ego.inverse().transform_vector((*to.1 - *from.1) / seconds);
    (seconds > 0.0).then_some(Motion {
        velocity: [velocity.x, velocity.y],
        seconds,
        is_central: before.is_some() && after.is_some(),
    })
}

/// A box in space where rule sets want it.
fn solid(placement: &Placement, given: &Given, at: Moment<'_>) -> Solid {
    let in_ego = placement.cuboid_in_ego((&given.numbers, &given.frame), at);
    let in_sensor = if given.frame == "sensor" {
        Cuboid::from_slice(&given.numbers).ok()
    } else {
        in_ego
            .zip(placement.ego_from_sensor(at.sensor_id))
            .map(|(cuboid, ego_from_sensor)| cuboid.transformed(ego_from_sensor.inverse()))
    };
    Solid { in_ego, in_sensor }
}

fn label_object(frame: u32, class: Option<u32>, label: &SampleLabel, told: Option<&LabelRow>) -> LabelObject {
    let said: Value = told
        .and_then(|row| row.attributes.as_deref())
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let own = label.cuboid_frame.clone().map(|frame| Given {
        frame,
        numbers: label.cuboid.clone(),
    });
    let points = ["num_lidar_pts", "num_radar_pts"].map(|key| said[key].as_u64());
    let points = points.into_iter().flatten().reduce(u64::saturating_add);
    let fraction = said["occlusion"].as_f64().filter(|part| (0.0..=1.0).contains(part));
    LabelObject {
        label_id: label.label_id.clone(),
        frame,
        class,
        source_class: told.map(|row| row.source_class.clone()).unwrap_or_default(),
        bbox: label.bbox(),
        given: own.or_else(|| told_cuboid(&said)),
        solid: None,
        is_ignored: label.is_ignored || label.is_crowd,
        truncation: label.truncation,
        occlusion: label.occlusion.or_else(|| fraction.map(occlusion_code)),
        alpha: said["alpha"].as_f64(),
        track: label.track_id.clone(),
        points: points.map(|points| u32::try_from(points).unwrap_or(u32::MAX)),
        velocity: None,
        told_velocity: numbers(&said["velocity"]).or_else(|| numbers(&said["velocity"]).map(|[x, y]| [x, y, 0.0])),
        motion: None,
        attribute: said["attribute"].as_str().map(str::to_owned),
    }
}

/// The cuboid that the ground truth of a camera carries beside its box: ten numbers as text, in the ego frame.
fn told_cuboid(said: &Value) -> Option<Given> {
    let told: Value = serde_json::from_str(said["cuboid"].as_str()?).ok()?;
    Some(Given {
        frame: "ego".to_owned(),
        numbers: numbers::<10>(&told)?.to_vec(),
    })
}

fn numbers<const N: usize>(value: &Value) -> Option<[f64; N]> {
    let found: Option<Vec<f64>> = value.as_array()?.iter().map(Value::as_f64).collect();
    found?.try_into().ok()
}
