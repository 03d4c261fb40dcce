//! Foxglove's schemas in protobuf and in JSON. Field numbers: the public `.proto` files of the Foxglove SDK.
//!
//! One set of structs serves both: prost reads and writes the protobuf, serde the JSON. They have every field of the public schemas,
//! so that [`crate::write::LogWriter`] can write them too.

mod descriptors;
mod messages;

use std::borrow::Cow;

use prost::Message;
use serde::de::DeserializeOwned;

use super::model::{
    Annotation, AnnotationShape, Calibration as CalibrationData, Cloud, Coordinate, Cuboid, Decoded, ImageData,
    RawImage as Raw, Sample, SampleKind, Scene, TransformSample, stamp,
};
use super::{ChannelKind, DecodeError};

pub use descriptors::{FoxgloveMessage, descriptor_set};
pub use messages::{
    ArrowPrimitive, CameraCalibration, CircleAnnotation, Color, CompressedImage, CompressedVideo, CovarianceKind,
    CubePrimitive, CylinderPrimitive, DeletionKind, Duration, FrameTransform, FrameTransforms, ImageAnnotations,
    KeyValuePair, LineKind, LinePrimitive, LocationFix, LocationFixes, Log, LogLevel, ModelPrimitive, NumericType,
    Odometry, PackedElementField, Point2, Point3, PointCloud, PointsAnnotation, PointsKind, Pose, PoseInFrame,
    Quaternion, RawImage, SceneEntity, SceneEntityDeletion, SceneUpdate, SpherePrimitive, TextAnnotation,
    TextPrimitive, Time, TriangleListPrimitive, Vector3,
};

/// How a Foxglove message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Protobuf.
    Protobuf,
    /// JSON.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    RawImage,
    CompressedImage,
    CompressedVideo,
    PointCloud,
    LocationFix,
    LocationFixes,
    FrameTransform,
    FrameTransforms,
    PoseInFrame,
    Odometry,
    CameraCalibration,
    ImageAnnotations,
    SceneUpdate,
}

impl Schema {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("foxglove.")? {
            "RawImage" => Self::RawImage,
            "CompressedImage" => Self::CompressedImage,
            "CompressedVideo" => Self::CompressedVideo,
            "PointCloud" => Self::PointCloud,
            "LocationFix" => Self::LocationFix,
            "LocationFixes" => Self::LocationFixes,
            "FrameTransform" => Self::FrameTransform,
            "FrameTransforms" => Self::FrameTransforms,
            "PoseInFrame" => Self::PoseInFrame,
            "Odometry" => Self::Odometry,
            "CameraCalibration" => Self::CameraCalibration,
            "ImageAnnotations" => Self::ImageAnnotations,
            "SceneUpdate" => Self::SceneUpdate,
            _ => return None,
        })
    }

    pub(super) fn kind(self) -> ChannelKind {
        match self {
            Self::RawImage | Self::CompressedImage => ChannelKind::Camera,
            Self::CompressedVideo => ChannelKind::Video,
            Self::PointCloud => ChannelKind::Lidar,
            Self::LocationFix | Self::LocationFixes | Self::PoseInFrame | Self::Odometry => ChannelKind::Signal,
            Self::FrameTransform | Self::FrameTransforms => ChannelKind::Transform,
            Self::CameraCalibration => ChannelKind::Calibration,
            Self::ImageAnnotations | Self::SceneUpdate => ChannelKind::Annotation,
        }
    }
}

fn parse<T: Message + Default + DeserializeOwned>(wire: Wire, payload: &[u8]) -> Result<T, DecodeError> {
    match wire {
        Wire::Protobuf => T::decode(payload).map_err(|err| DecodeError::Encoding {
            encoding: "protobuf",
            what: err.to_string(),
        }),
        Wire::Json => serde_json::from_slice(payload).map_err(|err| DecodeError::Encoding {
            encoding: "JSON",
            what: err.to_string(),
        }),
    }
}

fn time(time: Option<&Time>) -> Option<i64> {
    time.and_then(|time| stamp(time.seconds, i64::from(time.nanos)))
}

fn vector(vector: Option<&Vector3>) -> [f64; 3] {
    vector.map_or([0.0; 3], |v| [v.x, v.y, v.z])
}

/// `w x y z`; the identity where the message has no rotation.
fn rotation(rotation: Option<&Quaternion>) -> [f64; 4] {
    rotation.map_or([1.0, 0.0, 0.0, 0.0], |q| [q.w, q.x, q.y, q.z])
}

fn transform(message: FrameTransform) -> TransformSample {
    TransformSample {
        stamp: time(message.timestamp.as_ref()),
        translation: vector(message.translation.as_ref()),
        rotation: rotation(message.rotation.as_ref()),
        parent: message.parent_frame_id,
        child: message.child_frame_id,
    }
}

fn fix(message: LocationFix) -> Sample {
    let mut sample = Sample::new(SampleKind::Gnss, time(message.timestamp.as_ref()), message.frame_id);
    sample.geodetic = Some([message.latitude, message.longitude, message.altitude]);
    sample
}

pub(super) fn decode(schema: Schema, wire: Wire, payload: &[u8]) -> Result<Decoded<'_>, DecodeError> {
    Ok(match schema {
        Schema::CompressedImage => {
            let message: CompressedImage = parse(wire, payload)?;
            Decoded::Image(ImageData {
                stamp: time(message.timestamp.as_ref()),
                frame_id: message.frame_id,
                format: message.format,
                data: Cow::Owned(message.data),
            })
        }
        Schema::CompressedVideo => {
            let message: CompressedVideo = parse(wire, payload)?;
            Decoded::Image(ImageData {
                stamp: time(message.timestamp.as_ref()),
                frame_id: message.frame_id,
                format: message.format,
                data: Cow::Owned(message.data),
            })
        }
        Schema::RawImage => {
            let message: RawImage = parse(wire, payload)?;
            Decoded::RawImage(Raw {
                stamp: time(message.timestamp.as_ref()),
                frame_id: message.frame_id,
                width: message.width,
                height: message.height,
                encoding: message.encoding,
                big_endian: false,
                step: message.step,
                data: Cow::Owned(message.data),
            })
        }
        Schema::PointCloud => {
            let message: PointCloud = parse(wire, payload)?;
            let points = (message.data.len() as u64).checked_div(u64::from(message.point_stride));
            let points = points.ok_or_else(|| DecodeError::Field {
                field: "point_stride",
                what: "it is 0".to_owned(),
            })?;
            let floats: Vec<(String, Coordinate)> = message
                .fields
                .iter()
                .filter_map(|field| {
                    let is_double = match field.r#type() {
                        NumericType::Float32 => false,
                        NumericType::Float64 => true,
                        _ => return None,
                    };
                    let offset = field.offset;
                    Some((field.name.clone(), Coordinate { offset, is_double }))
                })
                .collect();
            Decoded::Cloud(Cloud {
                stamp: time(message.timestamp.as_ref()),
                frame_id: message.frame_id,
                points,
                fields: message.fields.into_iter().map(|field| field.name).collect(),
                xyz: Cloud::find_xyz(&floats),
                stride: message.point_stride,
                big_endian: false,
                data: Cow::Owned(message.data),
            })
        }
        Schema::LocationFix => Decoded::Samples(vec![fix(parse(wire, payload)?)]),
        Schema::LocationFixes => {
            let message: LocationFixes = parse(wire, payload)?;
            Decoded::Samples(message.fixes.into_iter().map(fix).collect())
        }
        Schema::PoseInFrame => {
            let message: PoseInFrame = parse(wire, payload)?;
            let mut sample = Sample::new(SampleKind::Pose, time(message.timestamp.as_ref()), message.frame_id);
            let pose = message.pose.unwrap_or_default();
            sample.position = Some(vector(pose.position.as_ref()));
            sample.rotation = Some(rotation(pose.orientation.as_ref()));
            Decoded::Samples(vec![sample])
        }
        Schema::Odometry => {
            let message: Odometry = parse(wire, payload)?;
            let mut sample = Sample::new(SampleKind::Odometry, time(message.timestamp.as_ref()), message.frame_id);
            sample.child_frame_id = message.body_frame_id;
            if let Some(pose) = &message.pose {
                sample.position = Some(vector(pose.position.as_ref()));
                sample.rotation = Some(rotation(pose.orientation.as_ref()));
            }
            sample.velocity = message.linear_velocity.as_ref().map(|v| vector(Some(v)));
            sample.angular_velocity = message.angular_velocity.as_ref().map(|v| vector(Some(v)));
            Decoded::Samples(vec![sample])
        }
        Schema::FrameTransform => Decoded::Transforms(vec![transform(parse(wire, payload)?)]),
        Schema::FrameTransforms => {
            let message: FrameTransforms = parse(wire, payload)?;
            Decoded::Transforms(message.transforms.into_iter().map(transform).collect())
        }
        Schema::CameraCalibration => {
            let message: CameraCalibration = parse(wire, payload)?;
            Decoded::Calibration(CalibrationData {
                frame_id: message.frame_id,
                width: message.width,
                height: message.height,
                distortion_model: message.distortion_model,
                d: message.d,
                k: message.k,
                r: message.r,
                p: message.p,
            })
        }
        Schema::ImageAnnotations => Decoded::Annotations(annotations(&parse(wire, payload)?)),
        Schema::SceneUpdate => Decoded::Scene(scene(parse(wire, payload)?)),
    })
}

fn pairs(metadata: &[KeyValuePair]) -> Vec<(String, String)> {
    metadata
        .iter()
        .map(|pair| (pair.key.clone(), pair.value.clone()))
        .collect()
}

/// The value under the first of these keys that is there and not empty.
fn lookup(metadata: &[KeyValuePair], keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| {
        metadata
            .iter()
            .find(|pair| pair.key.eq_ignore_ascii_case(key) && !pair.value.is_empty())
            .map(|pair| pair.value.clone())
    })
}

const CLASS_KEYS: [&str; 6] = ["class", "category", "category_name", "label", "type", "name"];
const TRACK_KEYS: [&str; 4] = ["track_id", "instance_id", "instance", "object_id"];
const SCORE_KEYS: [&str; 2] = ["score", "confidence"];

fn score(metadata: &[KeyValuePair]) -> Option<f64> {
    lookup(metadata, &SCORE_KEYS)
        .and_then(|text| text.parse().ok())
        .filter(|score: &f64| score.is_finite())
}

/// Left, upper, right, lower edge of some points.
fn bounds(points: &[[f64; 2]]) -> [f64; 4] {
    let start = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    points.iter().fold(start, |b, p| {
        [b[0].min(p[0]), b[1].min(p[1]), b[2].max(p[0]), b[3].max(p[1])]
    })
}

/// The text that belongs to an outline: annotations have no class of their own, and tools write it at the box.
///
/// Of the texts that lie in the outline's box or within their own height of it, the one nearest to the upper left corner.
fn text_at(texts: &[TextAnnotation], box_: [f64; 4]) -> Option<String> {
    let mut best: Option<(f64, &str)> = None;
    for text in texts.iter().filter(|text| !text.text.trim().is_empty()) {
        let Some(at) = &text.position else { continue };
        let reach = text.font_size.clamp(5.0, 100.0);
        let near =
            at.x >= box_[0] - reach && at.x <= box_[2] + reach && at.y >= box_[1] - reach && at.y <= box_[3] + reach;
        let distance = (at.x - box_[0]).hypot(at.y - box_[1]);
        if near && best.is_none_or(|(other, _)| distance < other) {
            best = Some((distance, text.text.trim()));
        }
    }
    best.map(|(_, text)| text.to_owned())
}

fn annotations(message: &ImageAnnotations) -> Vec<Annotation> {
    let mut all = Vec::new();
    // The message's stamp overrides those of its annotations; their metadata add to the message's.
    let stamp = |own: Option<&Time>| time(message.timestamp.as_ref().or(own));
    let merged = |own: &[KeyValuePair]| -> Vec<KeyValuePair> {
        let shared = message.metadata.iter();
        let missing = shared.filter(|pair| own.iter().all(|other| other.key != pair.key));
        own.iter().chain(missing).cloned().collect()
    };
    for item in &message.points {
        let mut points: Vec<[f64; 2]> = item.points.iter().map(|point| [point.x, point.y]).collect();
        if points.is_empty() {
            continue;
        }
        // An open line that returns to its start is an outline drawn by hand.
        let returns = item.r#type == 3 && points.len() >= 4 && points.first() == points.last();
        if returns {
            points.pop();
        }
        let metadata = merged(&item.metadata);
        let class = lookup(&metadata, &CLASS_KEYS).or_else(|| text_at(&message.texts, bounds(&points)));
        let shape = match item.r#type {
            2 if points.len() >= 3 => outline(points),
            3 if returns => outline(points),
            2..=4 => AnnotationShape::Polyline(points),
            _ => AnnotationShape::Points(points),
        };
        all.push(Annotation {
            stamp: stamp(item.timestamp.as_ref()),
            shape,
            class,
            track: lookup(&metadata, &TRACK_KEYS),
            score: score(&metadata),
            metadata: pairs(&metadata),
        });
    }
    for item in &message.circles {
        let Some(at) = &item.position else { continue };
        let r = item.diameter / 2.0;
        let box_ = [at.x - r, at.y - r, at.x + r, at.y + r];
        let metadata = merged(&item.metadata);
        all.push(Annotation {
            stamp: stamp(item.timestamp.as_ref()),
            shape: AnnotationShape::Points(vec![[at.x, at.y]]),
            class: lookup(&metadata, &CLASS_KEYS).or_else(|| text_at(&message.texts, box_)),
            track: lookup(&metadata, &TRACK_KEYS),
            score: score(&metadata),
            metadata: pairs(&metadata),
        });
    }
    all
}

/// Four corners along the axes are a box, everything else a polygon.
fn outline(points: Vec<[f64; 2]>) -> AnnotationShape {
    let b = bounds(&points);
    let corner = |p: &[f64; 2]| (p[0] == b[0] || p[0] == b[2]) && (p[1] == b[1] || p[1] == b[3]);
    let step = |i: usize| {
        let (p, q) = (points[i], points[(i + 1) % 4]);
        (p[0] == q[0]) != (p[1] == q[1])
    };
    if points.len() == 4 && points.iter().all(corner) && (0..4).all(step) {
        AnnotationShape::Box(b)
    } else {
        AnnotationShape::Polygon(points)
    }
}

fn scene(message: SceneUpdate) -> Scene {
    let mut scene = Scene {
        deletions: message.deletions.len() as u64,
        ..Scene::default()
    };
    for entity in message.entities {
        let others = [
            entity.arrows.len(),
            entity.spheres.len(),
            entity.cylinders.len(),
            entity.lines.len(),
            entity.triangles.len(),
            entity.models.len(),
        ];
        scene.others += others.iter().map(|count| *count as u64).sum::<u64>();
        let text = entity
            .texts
            .iter()
            .map(|text| text.text.trim())
            .find(|text| !text.is_empty());
        let class = lookup(&entity.metadata, &CLASS_KEYS).or_else(|| text.map(str::to_owned));
        let track = Some(entity.id.clone()).filter(|id| !id.is_empty());
        for cube in &entity.cubes {
            let pose = cube.pose.clone().unwrap_or_default();
            scene.cuboids.push(Cuboid {
                stamp: time(entity.timestamp.as_ref()),
                frame_id: entity.frame_id.clone(),
                center: vector(pose.position.as_ref()),
                size: vector(cube.size.as_ref()),
                rotation: rotation(pose.orientation.as_ref()),
                class: class.clone(),
                track: track.clone().or_else(|| lookup(&entity.metadata, &TRACK_KEYS)),
                score: score(&entity.metadata),
                metadata: pairs(&entity.metadata),
            });
        }
    }
    scene
}
