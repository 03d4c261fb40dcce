//! Logs for tests: small, made from nothing, the same bytes every time.

mod cdr;
mod robot;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Cursor, Seek, Write};
use std::path::Path;

use ::mcap::records::MessageHeader;
use ::mcap::{Compression, WriteOptions, Writer};
use image::{ImageFormat, Rgb, RgbImage};
use prost::Message;
use serde::Serialize;

use crate::schemas::foxglove::{
    CameraCalibration, CompressedImage, CubePrimitive, FrameTransform, FrameTransforms, ImageAnnotations, KeyValuePair,
    LocationFix, Odometry, PackedElementField, PointCloud, PointsAnnotation, Pose, Quaternion, SceneEntity,
    SceneUpdate, Time, Vector2, Vector3,
};

pub use cdr::CdrWriter;
pub use robot::robot;

/// What went wrong in writing a test log.
pub type TestLogError = Box<dyn std::error::Error + Send + Sync>;

/// How a test log is written.
#[derive(Debug, Clone, Copy)]
pub struct DriveOptions {
    /// Camera images; ten a second, and as many lidar sweeps, annotations and scenes.
    pub frames: u32,
    /// Foxglove JSON instead of protobuf.
    pub json: bool,
    /// `zstd`, `lz4`, or none.
    pub compression: Option<Compression>,
    /// Write messages into chunks of this many bytes; none for a log without chunks.
    pub chunk_size: Option<u64>,
    /// Write the summary and the message indexes.
    pub summary: bool,
    /// Width of the images, px; the height is three quarters of it.
    pub width: u32,
}

impl Default for DriveOptions {
    fn default() -> Self {
        Self {
            frames: 10,
            json: false,
            compression: Some(Compression::Zstd),
            chunk_size: Some(16 << 10),
            summary: true,
            width: 64,
        }
    }
}

/// First stamp of every test drive, ns.
pub const DRIVE_START_NS: i64 = 1_700_000_000_000_000_000;
/// From one image to the next, ns.
pub const FRAME_NS: i64 = 100_000_000;

/// Every ROS schema that has a decoder, in its ROS 2 spelling.
pub const ROS_SCHEMAS: [&str; 18] = [
    "sensor_msgs/msg/Image",
    "sensor_msgs/msg/CompressedImage",
    "foxglove_msgs/msg/CompressedVideo",
    "sensor_msgs/msg/PointCloud2",
    "sensor_msgs/msg/Imu",
    "sensor_msgs/msg/NavSatFix",
    "sensor_msgs/msg/CameraInfo",
    "nav_msgs/msg/Odometry",
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
    "geometry_msgs/msg/TwistStamped",
    "geometry_msgs/msg/TwistWithCovarianceStamped",
    "geometry_msgs/msg/TransformStamped",
    "tf2_msgs/msg/TFMessage",
    "vision_msgs/msg/Detection2DArray",
    "vision_msgs/msg/Detection3DArray",
    "std_msgs/msg/Bool",
    "std_msgs/msg/Float64",
];

/// Every Foxglove schema that has a decoder.
pub const FOXGLOVE_SCHEMAS: [&str; 13] = [
    "foxglove.RawImage",
    "foxglove.CompressedImage",
    "foxglove.CompressedVideo",
    "foxglove.PointCloud",
    "foxglove.LocationFix",
    "foxglove.LocationFixes",
    "foxglove.FrameTransform",
    "foxglove.FrameTransforms",
    "foxglove.PoseInFrame",
    "foxglove.Odometry",
    "foxglove.CameraCalibration",
    "foxglove.ImageAnnotations",
    "foxglove.SceneUpdate",
];

struct Drive<W: Write + Seek> {
    writer: Writer<W>,
    json: bool,
    channels: BTreeMap<&'static str, u16>,
    sequence: u32,
}

impl<W: Write + Seek> Drive<W> {
    fn send<M: Message + Serialize>(
        &mut self,
        topic: &'static str,
        schema: &str,
        at: i64,
        message: &M,
    ) -> Result<(), TestLogError> {
        let payload = if self.json {
            serde_json::to_vec(message)?
        } else {
            message.encode_to_vec()
        };
        let encoding = if self.json { "json" } else { "protobuf" };
        self.raw(topic, Some(schema), encoding, at, &payload)
    }

    fn raw(
        &mut self,
        topic: &'static str,
        schema: Option<&str>,
        encoding: &str,
        at: i64,
        payload: &[u8],
    ) -> Result<(), TestLogError> {
        let channel_id = if let Some(id) = self.channels.get(topic) {
            *id
        } else {
            let schema_encoding = if self.json { "jsonschema" } else { "protobuf" };
            let schema_id = schema.map_or(Ok(0), |name| self.writer.add_schema(name, schema_encoding, b"{}"))?;
            let id = self.writer.add_channel(schema_id, topic, encoding, &BTreeMap::new())?;
            self.channels.insert(topic, id);
            id
        };
        let time = u64::try_from(at)?;
        // A log time a little after the stamp, as a recorder sees it.
        let header = MessageHeader {
            channel_id,
            sequence: self.sequence,
            log_time: time + 1_000_000,
            publish_time: time,
        };
        self.sequence += 1;
        self.writer.write_to_known_channel(&header, payload)?;
        Ok(())
    }
}

fn time(at: i64) -> Time {
    Time {
        seconds: at / 1_000_000_000,
        nanos: (at % 1_000_000_000) as i32,
    }
}

fn pose(x: f64, y: f64, z: f64) -> Pose {
    Pose {
        position: Some(Vector3 { x, y, z }),
        orientation: Some(Quaternion {
            x: 0.0,
            y: 0.0,
            z: 0.0,
            w: 1.0,
        }),
    }
}

/// A JPEG in which a bright box moves over a dark gradient; the box's left upper corner in px.
fn picture(frame: u32, width: u32) -> Result<(Vec<u8>, [u32; 2]), TestLogError> {
    let height = width * 3 / 4;
    let corner = [(frame * 3) % (width / 2).max(1), height / 4];
    let side = (width / 4).max(1);
    let image = RgbImage::from_fn(width, height, |x, y| {
        let inside = x >= corner[0] && x < corner[0] + side && y >= corner[1] && y < corner[1] + side;
        if inside {
            Rgb([240, 200, 40])
        } else {
            Rgb([(x % 97) as u8, (y % 89) as u8, 60])
        }
    });
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Jpeg)?;
    Ok((bytes.into_inner(), corner))
}

/// Writes a small drive: `/camera/front/image` (JPEG), its calibration and annotations, `/lidar/points`, `/objects` (cuboids in
/// the ego frame), `/tf`, `/odom`, `/gps`, and `/status`, whose schema nobody knows. Every frame has one box labelled `car`.
pub fn drive(path: &Path, options: DriveOptions) -> Result<(), TestLogError> {
    let file = BufWriter::new(File::create(path)?);
    drive_to(file, options)?;
    Ok(())
}

/// The bytes of a small drive, as [`drive`] writes it.
pub fn drive_bytes(options: DriveOptions) -> Result<Vec<u8>, TestLogError> {
    Ok(drive_to(Cursor::new(Vec::new()), options)?.into_inner())
}

fn drive_to<W: Write + Seek>(to: W, options: DriveOptions) -> Result<W, TestLogError> {
    let write = WriteOptions::new()
        .library("guideway test log")
        .compression(options.compression)
        .use_chunks(options.chunk_size.is_some())
        .chunk_size(options.chunk_size)
        .emit_summary_records(options.summary)
        .emit_summary_offsets(options.summary)
        .emit_message_indexes(options.summary);
    let mut log = Drive {
        writer: write.create(to)?,
        json: options.json,
        channels: BTreeMap::new(),
        sequence: 0,
    };
    let side = f64::from((options.width / 4).max(1));
    let height = options.width * 3 / 4;
    let identity = Some(Quaternion {
        x: 0.0,
        y: 0.0,
        z: 0.0,
        w: 1.0,
    });
    for frame in 0..options.frames {
        let at = DRIVE_START_NS + i64::from(frame) * FRAME_NS;
        let step = f64::from(frame);
        let mount = |child: &str, x: f64, z: f64, rotation: Option<Quaternion>| FrameTransform {
            timestamp: Some(time(at)),
            parent_frame_id: "base_link".to_owned(),
            child_frame_id: child.to_owned(),
            translation: Some(Vector3 { x, y: 0.0, z }),
            rotation,
        };
        // The camera looks along ego's x: its z is ego's x, its x is ego's -y.
        let looks_ahead = Some(Quaternion {
            x: -0.5,
            y: 0.5,
            z: -0.5,
            w: 0.5,
        });
        let transforms = FrameTransforms {
            transforms: vec![
                mount("camera_front", 1.5, 1.2, looks_ahead),
                mount("lidar", 0.0, 1.8, identity.clone()),
                FrameTransform {
                    timestamp: Some(time(at)),
                    parent_frame_id: "map".to_owned(),
                    child_frame_id: "base_link".to_owned(),
                    translation: Some(Vector3 {
                        x: step,
                        y: 0.0,
                        z: 0.0,
                    }),
                    rotation: identity.clone(),
                },
            ],
        };
        log.send("/tf", "foxglove.FrameTransforms", at, &transforms)?;
        if frame == 0 {
            let focal = f64::from(options.width);
            let center = [f64::from(options.width) / 2.0, f64::from(height) / 2.0];
            let calibration = CameraCalibration {
                timestamp: Some(time(at)),
                width: options.width,
                height,
                distortion_model: "plumb_bob".to_owned(),
                d: vec![-0.1, 0.01, 0.0, 0.0, 0.0],
                k: vec![focal, 0.0, center[0], 0.0, focal, center[1], 0.0, 0.0, 1.0],
                r: vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
                p: vec![
                    focal, 0.0, center[0], 0.0, 0.0, focal, center[1], 0.0, 0.0, 0.0, 1.0, 0.0,
                ],
                frame_id: "camera_front".to_owned(),
            };
            log.send(
                "/camera/front/calibration",
                "foxglove.CameraCalibration",
                at,
                &calibration,
            )?;
        }
        let (data, corner) = picture(frame, options.width)?;
        let [x, y] = corner.map(f64::from);
        let corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)];
        let annotations = ImageAnnotations {
            points: vec![PointsAnnotation {
                timestamp: Some(time(at)),
                r#type: 2,
                points: corners.map(|(x, y)| Vector2 { x, y }).to_vec(),
                metadata: vec![
                    KeyValuePair {
                        key: "class".to_owned(),
                        value: "car".to_owned(),
                    },
                    KeyValuePair {
                        key: "track_id".to_owned(),
                        value: "7".to_owned(),
                    },
                ],
            }],
            ..ImageAnnotations::default()
        };
        // Every other message comes before its image: readers must not depend on the order.
        if frame % 2 == 0 {
            log.send(
                "/camera/front/annotations",
                "foxglove.ImageAnnotations",
                at,
                &annotations,
            )?;
        }
        let image = CompressedImage {
            timestamp: Some(time(at)),
            data,
            format: "jpeg".to_owned(),
            frame_id: "camera_front".to_owned(),
        };
        log.send("/camera/front/image", "foxglove.CompressedImage", at, &image)?;
        if frame % 2 == 1 {
            log.send(
                "/camera/front/annotations",
                "foxglove.ImageAnnotations",
                at,
                &annotations,
            )?;
        }
        let field = |name: &str, offset: u32| PackedElementField {
            name: name.to_owned(),
            offset,
            r#type: 7,
        };
        let points = (0..32u32)
            .flat_map(|i| [i as f32 * 0.5, step as f32, 0.0])
            .flat_map(f32::to_le_bytes);
        let cloud = PointCloud {
            timestamp: Some(time(at)),
            frame_id: "lidar".to_owned(),
            pose: Some(pose(0.0, 0.0, 0.0)),
            point_stride: 12,
            fields: vec![field("x", 0), field("y", 4), field("z", 8)],
            data: points.collect(),
        };
        log.send("/lidar/points", "foxglove.PointCloud", at, &cloud)?;
        let scene = SceneUpdate {
            entities: vec![SceneEntity {
                timestamp: Some(time(at)),
                frame_id: "base_link".to_owned(),
                id: "7".to_owned(),
                metadata: vec![KeyValuePair {
                    key: "class".to_owned(),
                    value: "car".to_owned(),
                }],
                cubes: vec![CubePrimitive {
                    pose: Some(pose(10.0 + step, 2.0, 0.8)),
                    size: Some(Vector3 { x: 4.5, y: 1.9, z: 1.6 }),
                }],
                ..SceneEntity::default()
            }],
            ..SceneUpdate::default()
        };
        log.send("/objects", "foxglove.SceneUpdate", at, &scene)?;
        for part in 0..5 {
            let at = at + i64::from(part) * FRAME_NS / 5;
            let odometry = Odometry {
                timestamp: Some(time(at)),
                frame_id: "map".to_owned(),
                child_frame_id: "base_link".to_owned(),
                pose: Some(pose(step + f64::from(part) * 0.2, 0.0, 0.0)),
                linear_velocity: Some(Vector3 {
                    x: 10.0,
                    y: 0.0,
                    z: 0.0,
                }),
                angular_velocity: Some(Vector3::default()),
            };
            log.send("/odom", "foxglove.Odometry", at, &odometry)?;
        }
        let fix = LocationFix {
            latitude: 48.1 + step * 1e-6,
            longitude: 11.6,
            altitude: 520.0,
            timestamp: Some(time(at)),
            frame_id: "gps".to_owned(),
        };
        log.send("/gps", "foxglove.LocationFix", at, &fix)?;
        let status = format!("{{\"state\":\"ok\",\"frame\":{frame}}}");
        log.raw("/status", Some("acme.Status"), "json", at, status.as_bytes())?;
    }
    log.writer.finish()?;
    Ok(log.writer.into_inner())
}
