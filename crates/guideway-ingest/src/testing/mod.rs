//! Logs for tests: small, made from nothing, the same bytes every time.

mod cdr;
mod robot;

use std::io::{Cursor, Seek, Write};
use std::path::Path;

use guideway_core::Rle;
use image::{ImageFormat, Rgb, RgbImage};

use crate::schemas::foxglove::{
    CameraCalibration, CompressedImage, CubePrimitive, FoxgloveMessage, FrameTransform, FrameTransforms,
    ImageAnnotations, KeyValuePair, LocationFix, Odometry, Point2, PointCloud, PointsAnnotation, PointsKind, Pose,
    Quaternion, RawImage, SceneEntity, SceneUpdate, Time, Vector3,
};
use crate::write::{ChannelSpec, Compression, LogWriter, WriteOptions};

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
    /// Add a radar, and channels of ground truth.
    pub ground_truth: bool,
}

impl DriveOptions {
    fn write(self) -> WriteOptions {
        WriteOptions {
            compression: self.compression,
            chunk_size: self.chunk_size,
            summary: self.summary,
            library: "guideway test log".to_owned(),
            overwrite: true,
            ..WriteOptions::default()
        }
    }
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
            ground_truth: false,
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
    log: LogWriter<W>,
    json: bool,
}

impl<W: Write + Seek> Drive<W> {
    fn send<M: FoxgloveMessage>(&mut self, topic: &str, at: i64, message: &M) -> Result<(), TestLogError> {
        if self.json {
            return self.text(topic, M::SCHEMA, at, &serde_json::to_vec(message)?);
        }
        Ok(self.log.message(topic, log_time(at), at, message)?)
    }

    /// A JSON message.
    fn text(&mut self, topic: &str, schema_name: &str, at: i64, payload: &[u8]) -> Result<(), TestLogError> {
        let channel = ChannelSpec {
            schema_name,
            schema_encoding: "jsonschema",
            schema: b"{}",
            message_encoding: "json",
        };
        Ok(self.log.raw(topic, channel, log_time(at), at, payload)?)
    }
}

/// A little after the stamp, as a recorder sees it.
fn log_time(at: i64) -> i64 {
    at + 1_000_000
}

const UPRIGHT: [f64; 4] = [1.0, 0.0, 0.0, 0.0];

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<KeyValuePair> {
    pairs
        .into_iter()
        .map(|(key, value)| KeyValuePair::new(key, value))
        .collect()
}

/// An outline along the axes.
fn boxed(at: i64, [x, y]: [f64; 2], side: f64, metadata: Vec<KeyValuePair>) -> ImageAnnotations {
    let corners = [[x, y], [x + side, y], [x + side, y + side], [x, y + side]];
    ImageAnnotations {
        points: vec![PointsAnnotation {
            timestamp: Some(Time::from_ns(at)),
            r#type: PointsKind::LineLoop.into(),
            points: corners.map(Point2::from).to_vec(),
            metadata,
            ..PointsAnnotation::default()
        }],
        ..ImageAnnotations::default()
    }
}

/// A car as a cuboid in the ego frame.
fn car(at: i64, center: [f64; 3], metadata: Vec<KeyValuePair>) -> SceneUpdate {
    SceneUpdate {
        entities: vec![SceneEntity {
            timestamp: Some(Time::from_ns(at)),
            frame_id: "base_link".to_owned(),
            id: "7".to_owned(),
            metadata,
            cubes: vec![CubePrimitive {
                pose: Some(Pose::new(center, UPRIGHT)),
                size: Some([4.5, 1.9, 1.6].into()),
                ..CubePrimitive::default()
            }],
            ..SceneEntity::default()
        }],
        ..SceneUpdate::default()
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
///
/// With [`DriveOptions::ground_truth`] also `/radar/points`, and what is true: `/ground_truth/camera/front/annotations` (a box with
/// mask), `/ground_truth/camera/front/depth`, `/ground_truth/cuboids` and `/ground_truth/odom`.
pub fn drive(path: &Path, options: DriveOptions) -> Result<(), TestLogError> {
    drive_to(LogWriter::create(path, options.write())?, options)?.finish()?;
    Ok(())
}

/// The bytes of a small drive, as [`drive`] writes it.
pub fn drive_bytes(options: DriveOptions) -> Result<Vec<u8>, TestLogError> {
    let log = LogWriter::new(Cursor::new(Vec::new()), options.write())?;
    Ok(drive_to(log, options)?.finish_into()?.1.into_inner())
}

fn drive_to<W: Write + Seek>(log: LogWriter<W>, options: DriveOptions) -> Result<LogWriter<W>, TestLogError> {
    let mut log = Drive {
        log,
        json: options.json,
    };
    let side = f64::from((options.width / 4).max(1));
    let height = options.width * 3 / 4;
    for frame in 0..options.frames {
        let at = DRIVE_START_NS + i64::from(frame) * FRAME_NS;
        let timestamp = Some(Time::from_ns(at));
        let step = f64::from(frame);
        let transform = |parent: &str, child: &str, translation: [f64; 3], rotation: [f64; 4]| FrameTransform {
            timestamp: Some(Time::from_ns(at)),
            parent_frame_id: parent.to_owned(),
            child_frame_id: child.to_owned(),
            translation: Some(translation.into()),
            rotation: Some(Quaternion::from_wxyz(rotation)),
        };
        // The camera looks along ego's x: its z is ego's x, its x is ego's -y.
        let looks_ahead = [0.5, -0.5, 0.5, -0.5];
        let transforms = FrameTransforms {
            transforms: vec![
                transform("base_link", "camera_front", [1.5, 0.0, 1.2], looks_ahead),
                transform("base_link", "lidar", [0.0, 0.0, 1.8], UPRIGHT),
                transform("map", "base_link", [step, 0.0, 0.0], UPRIGHT),
            ],
        };
        log.send("/tf", at, &transforms)?;
        if frame == 0 {
            let focal = f64::from(options.width);
            let [x, y] = [f64::from(options.width) / 2.0, f64::from(height) / 2.0];
            let calibration = CameraCalibration {
                timestamp: timestamp.clone(),
                width: options.width,
                height,
                distortion_model: "plumb_bob".to_owned(),
                d: vec![-0.1, 0.01, 0.0, 0.0, 0.0],
                k: vec![focal, 0.0, x, 0.0, focal, y, 0.0, 0.0, 1.0],
                r: vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
                p: vec![focal, 0.0, x, 0.0, 0.0, focal, y, 0.0, 0.0, 0.0, 1.0, 0.0],
                frame_id: "camera_front".to_owned(),
            };
            log.send("/camera/front/calibration", at, &calibration)?;
        }
        let (data, corner) = picture(frame, options.width)?;
        let labelled = pairs([("class", "car"), ("track_id", "7")]);
        let annotations = boxed(at, corner.map(f64::from), side, labelled);
        // Every other message comes before its image: readers must not depend on the order.
        if frame % 2 == 0 {
            log.send("/camera/front/annotations", at, &annotations)?;
        }
        let image = CompressedImage {
            timestamp: timestamp.clone(),
            data,
            format: "jpeg".to_owned(),
            frame_id: "camera_front".to_owned(),
        };
        log.send("/camera/front/image", at, &image)?;
        if frame % 2 == 1 {
            log.send("/camera/front/annotations", at, &annotations)?;
        }
        let points = (0..32u32).map(|i| [i as f32 * 0.5, step as f32, 0.0]);
        let cloud = PointCloud::packed(Time::from_ns(at), "lidar", ["x", "y", "z"], points);
        log.send("/lidar/points", at, &cloud)?;
        let center = [10.0 + step, 2.0, 0.8];
        log.send("/objects", at, &car(at, center, pairs([("class", "car")])))?;
        if options.ground_truth {
            truth(
                &mut log,
                at,
                center,
                &boxed(at, corner.map(f64::from), side, Vec::new()),
                options,
            )?;
        }
        for part in 0..5 {
            let at = at + i64::from(part) * FRAME_NS / 5;
            log.send("/odom", at, &odometry(at, step + f64::from(part) * 0.2))?;
        }
        let fix = LocationFix {
            latitude: 48.1 + step * 1e-6,
            longitude: 11.6,
            altitude: 520.0,
            timestamp,
            frame_id: "gps".to_owned(),
            ..LocationFix::default()
        };
        log.send("/gps", at, &fix)?;
        let status = format!("{{\"state\":\"ok\",\"frame\":{frame}}}");
        log.text("/status", "acme.Status", at, status.as_bytes())?;
    }
    Ok(log.log)
}

fn odometry(at: i64, x: f64) -> Odometry {
    Odometry {
        timestamp: Some(Time::from_ns(at)),
        frame_id: "map".to_owned(),
        body_frame_id: "base_link".to_owned(),
        pose: Some(Pose::new([x, 0.0, 0.0], UPRIGHT)),
        linear_velocity: Some([10.0, 0.0, 0.0].into()),
        angular_velocity: Some(Vector3::default()),
        ..Odometry::default()
    }
}

/// What a simulator knows: the box of `seen` with its mask, depth, the cuboid at `center`, the pose.
fn truth<W: Write + Seek>(
    log: &mut Drive<W>,
    at: i64,
    center: [f64; 3],
    seen: &ImageAnnotations,
    options: DriveOptions,
) -> Result<(), TestLogError> {
    let radar = [[10.0f32, 2.0, 0.5, 12.5, -3.0]];
    let cloud = PointCloud::packed(Time::from_ns(at), "radar", PointCloud::RADAR_FIELDS, radar);
    log.send("/radar/points", at, &cloud)?;
    let (width, height) = (options.width, options.width * 3 / 4);
    let edges: Vec<f64> = seen.points[0].points.iter().flat_map(|p| [p.x, p.y]).collect();
    let mask = Rle::from_polygons(&[edges], height, width)?.to_coco_string();
    let mut annotations = seen.clone();
    annotations.points[0].metadata = pairs([
        ("class", "car"),
        ("track_id", "7"),
        ("occlusion", "0.25"),
        ("truncation", "0.5"),
        ("mask_rle", mask.as_str()),
    ]);
    log.send("/ground_truth/camera/front/annotations", at, &annotations)?;
    let depth = RawImage {
        timestamp: Some(Time::from_ns(at)),
        width,
        height,
        encoding: "16UC1".to_owned(),
        step: width * 2,
        data: vec![1; (width * 2 * height) as usize],
        frame_id: "camera_front".to_owned(),
    };
    log.send("/ground_truth/camera/front/depth", at, &depth)?;
    let known = pairs([
        ("class", "car"),
        ("num_lidar_pts", "31"),
        ("velocity", "[10.0,0.0,0.0]"),
    ]);
    log.send("/ground_truth/cuboids", at, &car(at, center, known))?;
    log.send("/ground_truth/odom", at, &odometry(at, center[0] - 10.0))
}
