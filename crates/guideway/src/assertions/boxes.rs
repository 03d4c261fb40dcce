//! What was predicted or labelled in frames, as the rules take it.

use std::collections::BTreeMap;

use guideway_assert::{Axes, Frame, Observation, View};
use guideway_core::{BBox, Cuboid, DVec3};
use guideway_schema::{FrameRow, LabelRow, PredictedCuboidRow, PredictionRow, TrackRow};
use serde_json::Value;

use crate::dataset::ids;
use crate::error::Error;
use crate::placement::Placement;
use crate::workspace::{Workspace, quote};

/// A camera's and a lidar's frames this near in time show the same, ns.
const MOMENT_NS: i64 = 150_000_000;
/// Of an object of which more than this part is hidden the lidar may see nothing.
const MOSTLY_HIDDEN: f64 = 0.4;

/// Whose boxes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose<'a> {
    Labels,
    /// Of a prediction run, with the identities that a tracking run gave them.
    Predictions {
        run: &'a str,
        tracks: Option<&'a str>,
    },
}

/// One row's boxes, whatever table they come from.
#[derive(Default)]
pub(super) struct BoxRow {
    class: String,
    id: String,
    score: Option<f64>,
    track: Option<String>,
    bbox: Option<BBox>,
    /// In the ego frame.
    cuboid: Option<Cuboid>,
    /// Over ground, in the ego frame.
    velocity: Option<DVec3>,
    points: Option<u32>,
    occlusion: Option<f64>,
}

impl Workspace {
    /// The boxes of some frames, by frame.
    pub(super) fn boxes_of(
        &self,
        frames: &[FrameRow],
        whose: Whose<'_>,
        place: &Placement,
    ) -> Result<BTreeMap<String, Vec<BoxRow>>, Error> {
        match whose {
            Whose::Labels => self.labelled_boxes(frames, place),
            Whose::Predictions { run, tracks } => self.predicted_boxes(frames, (run, tracks), place),
        }
    }

    fn predicted_boxes(
        &self,
        frames: &[FrameRow],
        (run, tracks): (&str, Option<&str>),
        place: &Placement,
    ) -> Result<BTreeMap<String, Vec<BoxRow>>, Error> {
        let listed = ids(frames.iter().map(|frame| frame.frame_id.as_str()));
        let by_id: BTreeMap<&str, &FrameRow> = frames.iter().map(|frame| (frame.frame_id.as_str(), frame)).collect();
        let of_run = |run: &str| format!("run_id = {} AND frame_id IN ({listed})", quote(run));
        let mut identities: BTreeMap<String, String> = BTreeMap::new();
        if let Some(tracks) = tracks {
            let rows: Vec<TrackRow> = self.rows(&format!(
                "SELECT * FROM tracks WHERE {} AND prediction_id IS NOT NULL",
                of_run(tracks)
            ))?;
            identities.extend(
                rows.into_iter()
                    .filter_map(|row| Some((row.prediction_id?, row.track_id))),
            );
        }
        // By frame and prediction: what has a box in an image and a cuboid is one object.
        let mut found: BTreeMap<(String, String), BoxRow> = BTreeMap::new();
        let rows: Vec<PredictionRow> = self.rows(&format!("SELECT * FROM predictions WHERE {}", of_run(run)))?;
        for row in rows {
            let one = BoxRow {
                class: row.class,
                track: identities.get(&row.prediction_id).cloned(),
                id: row.prediction_id.clone(),
                score: Some(row.score),
                bbox: Some(BBox::new(row.x_min, row.y_min, row.x_max, row.y_max)),
                ..BoxRow::default()
            };
            found.insert((row.frame_id, row.prediction_id), one);
        }
        let rows: Vec<PredictedCuboidRow> =
            self.rows(&format!("SELECT * FROM predicted_cuboids WHERE {}", of_run(run)))?;
        for row in rows {
            let frame = by_id.get(row.frame_id.as_str());
            let in_ego = frame.and_then(|frame| place.cuboid_in_ego((&row.cuboid, &row.cuboid_frame), (*frame).into()));
            let velocity =
                frame.and_then(|frame| place.velocity_in_ego((&row.velocity, &row.cuboid_frame), (*frame).into()));
            let one = found
                .entry((row.frame_id, row.prediction_id.clone()))
                .or_insert_with(|| BoxRow {
                    class: row.class,
                    track: identities.get(&row.prediction_id).cloned(),
                    id: row.prediction_id,
                    score: Some(row.score),
                    ..BoxRow::default()
                });
            one.cuboid = in_ego;
            one.velocity = velocity;
        }
        let mut boxes: BTreeMap<String, Vec<BoxRow>> = BTreeMap::new();
        for ((frame_id, _), row) in found {
            boxes.entry(frame_id).or_default().push(row);
        }
        Ok(boxes)
    }

    fn labelled_boxes(&self, frames: &[FrameRow], place: &Placement) -> Result<BTreeMap<String, Vec<BoxRow>>, Error> {
        let listed = ids(frames.iter().map(|frame| frame.frame_id.as_str()));
        let by_id: BTreeMap<&str, &FrameRow> = frames.iter().map(|frame| (frame.frame_id.as_str(), frame)).collect();
        let mut boxes: BTreeMap<String, Vec<BoxRow>> = BTreeMap::new();
        let rows: Vec<LabelRow> = self.rows(&format!(
            "SELECT * FROM labels WHERE frame_id IN ({listed}) AND NOT is_crowd AND NOT is_ignored ORDER BY label_id"
        ))?;
        // What a camera sees most of, by track: a wall may hide the others from the lidar as well.
        let mut seen: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for row in &rows {
            let frame = by_id
                .get(row.frame_id.as_str())
                .filter(|frame| frame.modality == "camera");
            if hidden(&attributes(row)).is_some_and(|part| part > MOSTLY_HIDDEN) {
                continue;
            }
            if let (Some(track), Some(stamp)) = (&row.track_id, frame.and_then(|frame| frame.timestamp_ns)) {
                seen.entry(track.clone()).or_default().push(stamp);
            }
        }
        let is_seen = |track: Option<&String>, stamp: Option<i64>| {
            let stamps = track.and_then(|track| seen.get(track));
            stamps
                .zip(stamp)
                .is_some_and(|(stamps, stamp)| stamps.iter().any(|at| (at - stamp).abs() <= MOMENT_NS))
        };
        for row in rows {
            let frame = by_id.get(row.frame_id.as_str());
            let attributes = attributes(&row);
            let corners = [row.x_min, row.y_min, row.x_max, row.y_max];
            boxes.entry(row.frame_id.clone()).or_default().push(BoxRow {
                bbox: match corners {
                    [Some(x_min), Some(y_min), Some(x_max), Some(y_max)] => Some(BBox::new(x_min, y_min, x_max, y_max)),
                    _ => None,
                },
                cuboid: frame.and_then(|frame| {
                    place.cuboid_in_ego((&row.cuboid, row.cuboid_frame.as_deref()?), (*frame).into())
                }),
                points: attributes["num_lidar_pts"]
                    .as_u64()
                    .filter(|_| is_seen(row.track_id.as_ref(), frame.and_then(|frame| frame.timestamp_ns)))
                    .and_then(|points| u32::try_from(points).ok()),
                occlusion: hidden(&attributes),
                class: row.class,
                id: row.label_id,
                track: row.track_id,
                ..BoxRow::default()
            });
        }
        Ok(boxes)
    }
}

/// A frame as the rules take it.
pub(super) fn frame_at<'a>(placement: &'a Placement, frame: &'a FrameRow) -> Frame<'a> {
    let stamp_ns = frame.timestamp_ns.unwrap_or(0);
    Frame {
        recording: &frame.recording_id,
        sensor: placement
            .sensor(&frame.sensor_id)
            .map_or(&frame.sensor_id, |sensor| &sensor.name),
        stamp_ns,
        frame_id: Some(&frame.frame_id),
        view: match (frame.modality.as_str(), frame.width, frame.height) {
            ("camera", Some(width), Some(height)) if width > 0 && height > 0 => View::Image {
                width: width as f64,
                height: height as f64,
            },
            ("lidar", ..) => View::Around,
            _ => View::Unknown,
        },
        axes: Axes::Ego,
        world_from_ego: placement.path.at(stamp_ns),
    }
}

/// What else a label says.
fn attributes(label: &LabelRow) -> Value {
    let text = label.attributes.as_deref();
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// How much of a labelled object is hidden, 0 to 1, where the label says so.
fn hidden(attributes: &Value) -> Option<f64> {
    attributes["occlusion"]
        .as_f64()
        .filter(|part| (0.0..=1.0).contains(part))
}

pub(super) fn observations(rows: &[BoxRow]) -> Vec<Observation<'_>> {
    rows.iter()
        .map(|row| Observation {
            class: &row.class,
            id: Some(&row.id),
            score: row.score,
            track: row.track.as_deref(),
            bbox: row.bbox,
            cuboid: row.cuboid,
            velocity: row.velocity,
            points: row.points,
            occlusion: row.occlusion,
            ..Observation::default()
        })
        .collect()
}
