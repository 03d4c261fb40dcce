//! The seconds around a mistake as an MCAP log, for Foxglove and Rerun: what the recording holds, with predictions and what was wrong.

use std::collections::BTreeMap;
use std::path::Path;

use guideway_core::{Reporter, Se3, Warning};
use guideway_ingest::mcap::{LogIndex, LogMessage, MessageQuery, Messages};
use guideway_ingest::media::MediaReader;
use guideway_ingest::schemas::foxglove::{
    Color, CompressedImage, CubePrimitive, DeletionKind, FrameTransform, FrameTransforms, ImageAnnotations,
    KeyValuePair, Point2, PointCloud, PointsAnnotation, PointsKind, Pose, PoseInFrame, Quaternion, SceneEntity,
    SceneEntityDeletion, SceneUpdate, TextAnnotation, Time, Vector3,
};
use guideway_ingest::write::{ChannelSpec, LogWriter, WriteOptions};
use guideway_schema::FrameRow;

use super::Around;
use super::solid::{Solid, What};
use crate::error::Error;

/// How long before the clip messages are looked for that say how things stand, ns: calibration and transforms.
const BEFORE_NS: i64 = 2_000_000_000;

type Log = LogWriter<std::io::BufWriter<std::fs::File>>;

/// A message that waits for its turn.
enum Entry {
    Image {
        topic: String,
        image: CompressedImage,
    },
    Sweep {
        topic: String,
        cloud: PointCloud,
    },
    Pose(PoseInFrame),
    Placement(FrameTransforms),
    Annotations {
        topic: String,
        annotations: ImageAnnotations,
    },
    Scene {
        topic: String,
        update: SceneUpdate,
    },
    Copied(Box<LogMessage>),
}

pub(super) fn write(around: &Around, path: &Path, reporter: &dyn Reporter) -> Result<(), Error> {
    let options = WriteOptions {
        overwrite: true,
        ..WriteOptions::default()
    };
    let failed = |err: &dyn std::error::Error| {
        Error::failed(
            format!("the log could not be written: {err}"),
            "choose another place with --rerun",
        )
    };
    let mut log = LogWriter::create(path, options).map_err(|err| failed(&err))?;
    let mut entries: Vec<(i64, Entry)> = Vec::new();
    let mut index = None;
    if let Some(source) = around.log() {
        index = Some(LogIndex::open(&source)?);
        copied(around, &source, &mut entries)?;
    } else {
        remade(around, &mut entries, reporter);
    }
    annotations(around, &mut entries);
    scenes(around, &mut entries);
    entries.sort_by_key(|(time, _)| *time);
    for (time, entry) in &entries {
        put(&mut log, index.as_ref(), *time, entry).map_err(|err| failed(&err))?;
    }
    log.finish().map_err(|err| failed(&err))?;
    Ok(())
}

fn put(
    log: &mut Log,
    index: Option<&LogIndex>,
    time: i64,
    entry: &Entry,
) -> Result<(), guideway_ingest::write::WriteError> {
    match entry {
        Entry::Image { topic, image } => log.message(topic, time, time, image),
        Entry::Sweep { topic, cloud } => log.message(topic, time, time, cloud),
        Entry::Pose(pose) => log.message("/pose", time, time, pose),
        Entry::Placement(transforms) => log.message("/tf", time, time, transforms),
        Entry::Annotations { topic, annotations } => log.message(topic, time, time, annotations),
        Entry::Scene { topic, update } => log.message(topic, time, time, update),
        Entry::Copied(message) => {
            let schema = index.and_then(|index| {
                let channel = index.channels.get(&message.channel_id)?;
                index.schemas.get(&channel.schema_id)
            });
            let spec = ChannelSpec {
                schema_name: schema.map_or("", |schema| schema.name.as_str()),
                schema_encoding: schema.map_or("", |schema| schema.encoding.as_str()),
                schema: schema.map_or(&[], |schema| schema.data.as_slice()),
                message_encoding: &message.message_encoding,
            };
            let sent = i64::try_from(message.publish_time).unwrap_or(i64::MAX);
            log.raw(&message.topic, spec, time, sent, &message.data)
        }
    }
}

/// When the log was told of a frame.
fn log_time(frame: &FrameRow) -> Option<i64> {
    frame.log_time_ns.or(frame.timestamp_ns)
}

/// The log's own messages, with those from shortly before that say how things stand.
fn copied(around: &Around, source: &Path, entries: &mut Vec<(i64, Entry)>) -> Result<(), Error> {
    let times = || around.frames.iter().filter_map(log_time);
    let (Some(from), Some(to)) = (times().min(), times().max()) else {
        return Ok(());
    };
    let between = |start: i64, end: i64, topics: Vec<String>| -> Result<Messages, Error> {
        let query = MessageQuery {
            topics,
            start_ns: Some(start),
            end_ns: Some(end),
            ..MessageQuery::default()
        };
        Ok(Messages::new(LogIndex::open(source)?, &query)?)
    };
    let standing = &around.standing;
    if !standing.is_empty() {
        let mut latest: BTreeMap<String, LogMessage> = BTreeMap::new();
        for message in between(from - BEFORE_NS, from, standing.clone())? {
            let message = message?;
            latest.insert(message.topic.to_string(), message);
        }
        // What was said once, at the beginning.
        let once: Vec<String> = standing
            .iter()
            .filter(|topic| !latest.contains_key(*topic))
            .cloned()
            .collect();
        if !once.is_empty() {
            for message in between(0, from, once)? {
                let message = message?;
                latest.insert(message.topic.to_string(), message);
            }
        }
        entries.extend(
            latest
                .into_values()
                .map(|message| (from, Entry::Copied(Box::new(message)))),
        );
    }
    for message in between(from, to + 1, Vec::new())? {
        let message = message?;
        let time = i64::try_from(message.log_time).unwrap_or(i64::MAX);
        entries.push((time, Entry::Copied(Box::new(message))));
    }
    Ok(())
}

/// A recording that is no log, as one: pictures, sweeps, and where the ego is.
fn remade(around: &Around, entries: &mut Vec<(i64, Entry)>, reporter: &dyn Reporter) {
    let mut reader = MediaReader::new();
    let mut failed: Option<(String, u64)> = None;
    for frame in &around.frames {
        let time = frame.timestamp_ns.unwrap_or(0);
        let name = around.sensor_name(frame).trim_start_matches('/').to_owned();
        let media = match reader.fetch(frame) {
            Ok(media) => media,
            Err(err) => {
                failed.get_or_insert_with(|| (err.to_string(), 0)).1 += 1;
                continue;
            }
        };
        if let Some(format) = media.media_type.strip_prefix("image/") {
            let image = CompressedImage {
                timestamp: Some(Time::from_ns(time)),
                frame_id: name.clone(),
                format: format.to_owned(),
                data: media.bytes,
            };
            entries.push((
                time,
                Entry::Image {
                    topic: format!("/camera/{name}/image"),
                    image,
                },
            ));
        } else if let Ok(Some(points)) = media.points() {
            let cloud = PointCloud::packed(Time::from_ns(time), name.clone(), ["x", "y", "z"], points);
            entries.push((
                time,
                Entry::Sweep {
                    topic: format!("/lidar/{name}/points"),
                    cloud,
                },
            ));
        }
        if let Some(ego_from_sensor) = around.placement.ego_from_sensor(&frame.sensor_id) {
            let transforms = vec![transform(time, "ego", &name, ego_from_sensor)];
            entries.push((time, Entry::Placement(FrameTransforms { transforms })));
        }
        if let Some(pose) = around.placement.path.at(time) {
            let [x, y, z, w, qx, qy, qz] = pose.to_array();
            let pose = PoseInFrame {
                timestamp: Some(Time::from_ns(time)),
                frame_id: "world".to_owned(),
                pose: Some(Pose::new([x, y, z], [w, qx, qy, qz])),
            };
            entries.push((time, Entry::Pose(pose)));
        }
    }
    if let Some((message, count)) = failed {
        reporter.warn(Warning {
            code: "media-missing".to_owned(),
            message,
            location: around.recording.uri.clone(),
            count,
        });
    }
}

fn transform(time: i64, parent: &str, child: &str, pose: Se3) -> FrameTransform {
    let [x, y, z, qw, qx, qy, qz] = pose.to_array();
    FrameTransform {
        timestamp: Some(Time::from_ns(time)),
        parent_frame_id: parent.to_owned(),
        child_frame_id: child.to_owned(),
        translation: Some(Vector3 { x, y, z }),
        rotation: Some(Quaternion {
            x: qx,
            y: qy,
            z: qz,
            w: qw,
        }),
    }
}

/// Labels, predictions and what was wrong, as annotations of the pictures.
fn annotations(around: &Around, entries: &mut Vec<(i64, Entry)>) {
    let colour = |r, g, b| Color { r, g, b, a: 1.0 };
    for frame in around.frames.iter().filter(|frame| frame.modality == "camera") {
        let Some(time) = log_time(frame) else { continue };
        let at = frame.timestamp_ns.unwrap_or(time);
        // In a log a sensor's name is its topic.
        let name = around.sensor_name(frame).trim_start_matches('/');
        let mut push = |what: &str, outlines: Vec<Outline>| {
            let topic = format!("/guideway/{what}/{name}");
            entries.push((
                time,
                Entry::Annotations {
                    topic,
                    annotations: drawn(at, outlines),
                },
            ));
        };
        let labels = around.labels.get(&frame.frame_id).into_iter().flatten();
        push(
            "labels",
            labels
                .filter_map(|row| {
                    let corners = [row.x_min?, row.y_min?, row.x_max?, row.y_max?];
                    Some(Outline::new(corners, row.class.clone(), colour(0.24, 0.86, 0.52)))
                })
                .collect(),
        );
        let predictions = around.predictions.get(&frame.frame_id).into_iter().flatten();
        push(
            "predictions",
            predictions
                .map(|row| {
                    let corners = [row.x_min, row.y_min, row.x_max, row.y_max];
                    Outline::new(
                        corners,
                        format!("{} {:.2}", row.class, row.score),
                        colour(0.31, 0.64, 1.0),
                    )
                })
                .collect(),
        );
        push(
            "event",
            around
                .wrong(frame)
                .filter_map(|row| {
                    let labelled = <[f64; 4]>::try_from(row.label_box.as_slice());
                    let predicted = <[f64; 4]>::try_from(row.predicted_box.as_slice());
                    let corners = if row.kind == "miss" {
                        labelled
                    } else {
                        predicted.or(labelled)
                    };
                    Some(Outline::new(
                        corners.ok()?,
                        row.kind.replace('_', " "),
                        colour(1.0, 0.3, 0.3),
                    ))
                })
                .collect(),
        );
    }
}

/// Labels, predictions and what was wrong as boxes in space, in the frames of the sensor that saw the mistake.
fn scenes(around: &Around, entries: &mut Vec<(i64, Entry)>) {
    let worst = around.detail.event.frame_id.as_str();
    let Some(lead) = around.frames.iter().find(|frame| frame.frame_id == worst) else {
        return;
    };
    if !around.in_space {
        return;
    }
    // The log's own name of the sensor's coordinate frame, or the one that it has in a log made here.
    let own = || around.sensor_name(lead).trim_start_matches('/').to_owned();
    let named = around.placement.sensor(&lead.sensor_id);
    let frame_name = named
        .and_then(|sensor| sensor.frame_name.clone())
        .filter(|_| around.log().is_some())
        .unwrap_or_else(own);
    let ego_from_sensor = around.placement.ego_from_sensor(&lead.sensor_id);
    let sensor_from_ego = ego_from_sensor.map_or(Se3::IDENTITY, Se3::inverse);
    for frame in around.frames.iter().filter(|frame| frame.sensor_id == lead.sensor_id) {
        let Some(time) = log_time(frame) else { continue };
        let at = frame.timestamp_ns.unwrap_or(time);
        let solids = around.solids(frame);
        for what in ["labels", "predictions", "event"] {
            let entities = (0..).zip(&solids).filter(|(_, solid)| match what {
                "event" => solid.is_wrong,
                "predictions" => solid.what == What::Prediction,
                _ => solid.what != What::Prediction,
            });
            let update = SceneUpdate {
                // Those of the frame before go.
                deletions: vec![SceneEntityDeletion {
                    timestamp: Some(Time::from_ns(at)),
                    r#type: DeletionKind::All.into(),
                    id: String::new(),
                }],
                entities: entities
                    .map(|(number, solid)| entity(solid, (number, at), (&frame_name, sensor_from_ego)))
                    .collect(),
            };
            let topic = format!("/guideway/{what}/space");
            entries.push((time, Entry::Scene { topic, update }));
        }
    }
}

fn entity(solid: &Solid, (number, at): (usize, i64), (frame_id, sensor_from_ego): (&str, Se3)) -> SceneEntity {
    let (r, g, b) = match solid.what {
        _ if solid.is_wrong => (1.0, 0.3, 0.3),
        What::Label => (0.24, 0.86, 0.52),
        What::Ignored => (0.5, 0.5, 0.5),
        What::Prediction => (0.31, 0.64, 1.0),
    };
    let [x, y, z, length, width, height, qw, qx, qy, qz] = solid.cuboid.transformed(sensor_from_ego).to_array();
    SceneEntity {
        timestamp: Some(Time::from_ns(at)),
        frame_id: frame_id.to_owned(),
        id: number.to_string(),
        metadata: vec![KeyValuePair::new("text", solid.text.clone())],
        cubes: vec![CubePrimitive {
            pose: Some(Pose::new([x, y, z], [qw, qx, qy, qz])),
            size: Some(Vector3 {
                x: length,
                y: width,
                z: height,
            }),
            color: Some(Color { r, g, b, a: 0.5 }),
        }],
        ..SceneEntity::default()
    }
}

struct Outline {
    corners: [f64; 4],
    text: String,
    colour: Color,
}

impl Outline {
    fn new(corners: [f64; 4], text: String, colour: Color) -> Self {
        Self { corners, text, colour }
    }
}

fn drawn(at: i64, outlines: Vec<Outline>) -> ImageAnnotations {
    let mut annotations = ImageAnnotations {
        timestamp: Some(Time::from_ns(at)),
        ..ImageAnnotations::default()
    };
    for Outline { corners, text, colour } in outlines {
        let [x_min, y_min, x_max, y_max] = corners;
        let point = |x, y| Point2 { x, y };
        annotations.points.push(PointsAnnotation {
            timestamp: Some(Time::from_ns(at)),
            r#type: PointsKind::LineLoop.into(),
            points: vec![
                point(x_min, y_min),
                point(x_max, y_min),
                point(x_max, y_max),
                point(x_min, y_max),
            ],
            outline_color: Some(colour.clone()),
            thickness: 2.0,
            metadata: vec![KeyValuePair::new("text", text.clone())],
            ..PointsAnnotation::default()
        });
        annotations.texts.push(TextAnnotation {
            timestamp: Some(Time::from_ns(at)),
            position: Some(point(x_min, y_min)),
            text,
            font_size: 12.0,
            text_color: Some(colour),
            ..TextAnnotation::default()
        });
    }
    annotations
}
