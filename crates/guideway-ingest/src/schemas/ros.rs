//! ROS messages. Layouts: the `.msg` files of common_interfaces, geometry2 and vision_msgs 4. ROS 1 differs in the header's
//! counter and in being packed; the field orders are the same.

use std::borrow::Cow;

use super::cdr::{Cdr, Layout};
use super::model::{
    Annotation, AnnotationShape, Calibration, Cloud, Coordinate, Cuboid, Decoded, ImageData, RawImage, Sample,
    SampleKind, Scene, TransformSample, stamp,
};
use super::{ChannelKind, DecodeError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    Image,
    CompressedImage,
    CompressedVideo,
    PointCloud2,
    Imu,
    NavSatFix,
    CameraInfo,
    Odometry,
    PoseStamped,
    PoseWithCovarianceStamped,
    TwistStamped,
    TwistWithCovarianceStamped,
    TransformStamped,
    TfMessage,
    Scalar(Scalar),
    Detection2DArray,
    Detection3DArray,
}

impl Schema {
    /// `sensor_msgs/msg/Imu` (ROS 2) and `sensor_msgs/Imu` (ROS 1).
    pub(super) fn named(name: &str) -> Option<Self> {
        let (package, message) = name.split_once('/')?;
        let message = message.strip_prefix("msg/").unwrap_or(message);
        Some(match (package, message) {
            ("sensor_msgs", "Image") => Self::Image,
            ("sensor_msgs", "CompressedImage") => Self::CompressedImage,
            ("foxglove_msgs", "CompressedVideo") => Self::CompressedVideo,
            ("sensor_msgs", "PointCloud2") => Self::PointCloud2,
            ("sensor_msgs", "Imu") => Self::Imu,
            ("sensor_msgs", "NavSatFix") => Self::NavSatFix,
            ("sensor_msgs", "CameraInfo") => Self::CameraInfo,
            ("nav_msgs", "Odometry") => Self::Odometry,
            ("geometry_msgs", "PoseStamped") => Self::PoseStamped,
            ("geometry_msgs", "PoseWithCovarianceStamped") => Self::PoseWithCovarianceStamped,
            ("geometry_msgs", "TwistStamped") => Self::TwistStamped,
            ("geometry_msgs", "TwistWithCovarianceStamped") => Self::TwistWithCovarianceStamped,
            ("geometry_msgs", "TransformStamped") => Self::TransformStamped,
            ("tf2_msgs", "TFMessage") | ("tf", "tfMessage") => Self::TfMessage,
            ("vision_msgs", "Detection2DArray") => Self::Detection2DArray,
            ("vision_msgs", "Detection3DArray") => Self::Detection3DArray,
            ("std_msgs", "Bool") => Self::Scalar(Scalar::Bool),
            ("std_msgs", "Int8") => Self::Scalar(Scalar::I8),
            ("std_msgs", "UInt8" | "Byte" | "Char") => Self::Scalar(Scalar::U8),
            ("std_msgs", "Int16") => Self::Scalar(Scalar::I16),
            ("std_msgs", "UInt16") => Self::Scalar(Scalar::U16),
            ("std_msgs", "Int32") => Self::Scalar(Scalar::I32),
            ("std_msgs", "UInt32") => Self::Scalar(Scalar::U32),
            ("std_msgs", "Int64") => Self::Scalar(Scalar::I64),
            ("std_msgs", "UInt64") => Self::Scalar(Scalar::U64),
            ("std_msgs", "Float32") => Self::Scalar(Scalar::F32),
            ("std_msgs", "Float64") => Self::Scalar(Scalar::F64),
            _ => return None,
        })
    }

    pub(super) fn kind(self) -> ChannelKind {
        match self {
            Self::Image | Self::CompressedImage => ChannelKind::Camera,
            Self::CompressedVideo => ChannelKind::Video,
            Self::PointCloud2 => ChannelKind::Lidar,
            Self::CameraInfo => ChannelKind::Calibration,
            Self::TransformStamped | Self::TfMessage => ChannelKind::Transform,
            Self::Detection2DArray | Self::Detection3DArray => ChannelKind::Annotation,
            Self::Imu
            | Self::NavSatFix
            | Self::Odometry
            | Self::PoseStamped
            | Self::PoseWithCovarianceStamped
            | Self::TwistStamped
            | Self::TwistWithCovarianceStamped
            | Self::Scalar(_) => ChannelKind::Signal,
        }
    }
}

struct Header {
    stamp: Option<i64>,
    frame_id: String,
}

fn time(cdr: &mut Cdr<'_>) -> Result<Option<i64>, DecodeError> {
    let seconds = match cdr.layout() {
        Layout::Cdr => i64::from(cdr.i32("stamp.sec")?),
        Layout::Ros1 => i64::from(cdr.u32("stamp.secs")?),
    };
    let nanos = i64::from(cdr.u32("stamp.nanosec")?);
    Ok(stamp(seconds, nanos))
}

fn header(cdr: &mut Cdr<'_>) -> Result<Header, DecodeError> {
    if cdr.layout() == Layout::Ros1 {
        cdr.u32("header.seq")?;
    }
    Ok(Header {
        stamp: time(cdr)?,
        frame_id: cdr.string("header.frame_id")?,
    })
}

/// ROS writes `x y z w`.
fn quaternion(cdr: &mut Cdr<'_>, field: &'static str) -> Result<[f64; 4], DecodeError> {
    let [x, y, z, w] = cdr.f64s::<4>(field)?;
    Ok([w, x, y, z])
}

fn transform(cdr: &mut Cdr<'_>) -> Result<TransformSample, DecodeError> {
    let header = header(cdr)?;
    Ok(TransformSample {
        stamp: header.stamp,
        parent: header.frame_id,
        child: cdr.string("child_frame_id")?,
        translation: cdr.f64s("transform.translation")?,
        rotation: quaternion(cdr, "transform.rotation")?,
    })
}

/// The hypothesis with the highest score: class and score.
fn results(cdr: &mut Cdr<'_>) -> Result<Option<(String, f64)>, DecodeError> {
    let mut best: Option<(String, f64)> = None;
    for _ in 0..cdr.count(8, "results")? {
        let class = cdr.string("results.hypothesis.class_id")?;
        let score = cdr.f64("results.hypothesis.score")?;
        cdr.f64s::<7>("results.pose")?;
        cdr.f64s::<36>("results.pose.covariance")?;
        if best.as_ref().is_none_or(|(_, other)| score > *other) {
            best = Some((class, score));
        }
    }
    Ok(best)
}

fn some_text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// Versions of vision_msgs differ in their fields: reading must end where the payload does.
fn at_end(cdr: &Cdr<'_>) -> Result<(), DecodeError> {
    if cdr.left() < 8 {
        return Ok(());
    }
    Err(DecodeError::Field {
        field: "detections",
        what: format!("{} bytes are left over: not the layout of vision_msgs 4", cdr.left()),
    })
}

pub(super) fn decode(schema: Schema, layout: Layout, payload: &[u8]) -> Result<Decoded<'_>, DecodeError> {
    let cdr = &mut Cdr::new(payload, layout)?;
    Ok(match schema {
        Schema::Image => {
            let header = header(cdr)?;
            let height = cdr.u32("height")?;
            let width = cdr.u32("width")?;
            Decoded::RawImage(RawImage {
                stamp: header.stamp,
                frame_id: header.frame_id,
                width,
                height,
                encoding: cdr.string("encoding")?,
                big_endian: cdr.u8("is_bigendian")? != 0,
                step: cdr.u32("step")?,
                data: Cow::Borrowed(cdr.bytes("data")?),
            })
        }
        Schema::CompressedImage => {
            let header = header(cdr)?;
            Decoded::Image(ImageData {
                stamp: header.stamp,
                frame_id: header.frame_id,
                format: cdr.string("format")?,
                data: Cow::Borrowed(cdr.bytes("data")?),
            })
        }
        Schema::CompressedVideo => {
            let stamp = time(cdr)?;
            let frame_id = cdr.string("frame_id")?;
            let data = Cow::Borrowed(cdr.bytes("data")?);
            Decoded::Image(ImageData {
                stamp,
                frame_id,
                format: cdr.string("format")?,
                data,
            })
        }
        Schema::PointCloud2 => {
            let header = header(cdr)?;
            let height = cdr.u32("height")?;
            let width = cdr.u32("width")?;
            let (mut fields, mut floats) = (Vec::new(), Vec::new());
            for _ in 0..cdr.count(13, "fields")? {
                let name = cdr.string("fields.name")?;
                let offset = cdr.u32("fields.offset")?;
                let datatype = cdr.u8("fields.datatype")?;
                cdr.u32("fields.count")?;
                // 7 is FLOAT32, 8 is FLOAT64
                if matches!(datatype, 7 | 8) {
                    let is_double = datatype == 8;
                    floats.push((name.clone(), Coordinate { offset, is_double }));
                }
                fields.push(name);
            }
            let big_endian = cdr.u8("is_bigendian")? != 0;
            let stride = cdr.u32("point_step")?;
            let point_step = u64::from(stride);
            cdr.u32("row_step")?;
            let data = cdr.bytes("data")?;
            let points = u64::from(width) * u64::from(height);
            if points
                .checked_mul(point_step)
                .is_none_or(|bytes| bytes > data.len() as u64)
            {
                return Err(DecodeError::Field {
                    field: "data",
                    what: format!(
                        "{points} points of {point_step} bytes do not fit in {} bytes",
                        data.len()
                    ),
                });
            }
            Decoded::Cloud(Cloud {
                stamp: header.stamp,
                frame_id: header.frame_id,
                points,
                fields,
                xyz: Cloud::find_xyz(&floats),
                stride,
                big_endian,
                data: Cow::Borrowed(data),
            })
        }
        Schema::Imu => {
            let header = header(cdr)?;
            let mut sample = Sample::new(SampleKind::Imu, header.stamp, header.frame_id);
            let rotation = quaternion(cdr, "orientation")?;
            // A covariance that begins with -1 says that the sensor does not measure this.
            let known = cdr.f64s::<9>("orientation_covariance")?[0] != -1.0;
            // An orientation of all zeros is what drivers leave that forget to say so.
            sample.rotation = Some(rotation).filter(|q| known && *q != [0.0; 4]);
            let angular = cdr.f64s::<3>("angular_velocity")?;
            let known = cdr.f64s::<9>("angular_velocity_covariance")?[0] != -1.0;
            sample.angular_velocity = Some(angular).filter(|_| known);
            let acceleration = cdr.f64s::<3>("linear_acceleration")?;
            let known = cdr.f64s::<9>("linear_acceleration_covariance")?[0] != -1.0;
            sample.acceleration = Some(acceleration).filter(|_| known);
            Decoded::Samples(vec![sample])
        }
        Schema::NavSatFix => {
            let header = header(cdr)?;
            let mut sample = Sample::new(SampleKind::Gnss, header.stamp, header.frame_id);
            let status = cdr.i8("status.status")?;
            cdr.u16("status.service")?;
            let position = cdr.f64s::<3>("latitude, longitude, altitude")?;
            // A negative status says that the receiver has no fix.
            sample.geodetic = Some(position).filter(|_| status >= 0);
            Decoded::Samples(vec![sample])
        }
        Schema::CameraInfo => {
            let header = header(cdr)?;
            let height = cdr.u32("height")?;
            let width = cdr.u32("width")?;
            Decoded::Calibration(Calibration {
                frame_id: header.frame_id,
                width,
                height,
                distortion_model: cdr.string("distortion_model")?,
                d: cdr.f64_sequence("d")?,
                k: cdr.f64s::<9>("k")?.to_vec(),
                r: cdr.f64s::<9>("r")?.to_vec(),
                p: cdr.f64s::<12>("p")?.to_vec(),
            })
        }
        Schema::Odometry => {
            let header = header(cdr)?;
            let mut sample = Sample::new(SampleKind::Odometry, header.stamp, header.frame_id);
            sample.child_frame_id = cdr.string("child_frame_id")?;
            sample.position = Some(cdr.f64s("pose.position")?);
            sample.rotation = Some(quaternion(cdr, "pose.orientation")?);
            cdr.f64s::<36>("pose.covariance")?;
            sample.velocity = Some(cdr.f64s("twist.linear")?);
            sample.angular_velocity = Some(cdr.f64s("twist.angular")?);
            Decoded::Samples(vec![sample])
        }
        Schema::PoseStamped | Schema::PoseWithCovarianceStamped => {
            let header = header(cdr)?;
            let mut sample = Sample::new(SampleKind::Pose, header.stamp, header.frame_id);
            sample.position = Some(cdr.f64s("pose.position")?);
            sample.rotation = Some(quaternion(cdr, "pose.orientation")?);
            Decoded::Samples(vec![sample])
        }
        Schema::TwistStamped | Schema::TwistWithCovarianceStamped => {
            let header = header(cdr)?;
            let mut sample = Sample::new(SampleKind::Odometry, header.stamp, String::new());
            sample.child_frame_id = header.frame_id;
            sample.velocity = Some(cdr.f64s("twist.linear")?);
            sample.angular_velocity = Some(cdr.f64s("twist.angular")?);
            Decoded::Samples(vec![sample])
        }
        Schema::TransformStamped => Decoded::Transforms(vec![transform(cdr)?]),
        Schema::TfMessage => {
            let mut transforms = Vec::new();
            for _ in 0..cdr.count(64, "transforms")? {
                transforms.push(transform(cdr)?);
            }
            Decoded::Transforms(transforms)
        }
        Schema::Scalar(scalar) => {
            let mut sample = Sample::new(SampleKind::Value, None, String::new());
            sample.value = Some(match scalar {
                Scalar::Bool => f64::from(u8::from(cdr.u8("data")? != 0)),
                Scalar::I8 => f64::from(cdr.i8("data")?),
                Scalar::U8 => f64::from(cdr.u8("data")?),
                Scalar::I16 => f64::from(cdr.i16("data")?),
                Scalar::U16 => f64::from(cdr.u16("data")?),
                Scalar::I32 => f64::from(cdr.i32("data")?),
                Scalar::U32 => f64::from(cdr.u32("data")?),
                Scalar::I64 => cdr.i64("data")? as f64,
                Scalar::U64 => cdr.u64("data")? as f64,
                Scalar::F32 => f64::from(cdr.f32("data")?),
                Scalar::F64 => cdr.f64("data")?,
            });
            Decoded::Samples(vec![sample])
        }
        Schema::Detection2DArray => {
            let outer = header(cdr)?;
            let mut annotations = Vec::new();
            for _ in 0..cdr.count(56, "detections")? {
                let inner = header(cdr)?;
                let best = results(cdr)?;
                let [x, y, _theta, w, h] = cdr.f64s::<5>("bbox")?;
                let track = some_text(cdr.string("id")?);
                annotations.push(Annotation {
                    stamp: outer.stamp.or(inner.stamp),
                    shape: AnnotationShape::Box([x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0]),
                    score: best.as_ref().map(|(_, score)| *score),
                    class: best.and_then(|(class, _)| some_text(class)),
                    track,
                    metadata: Vec::new(),
                });
            }
            at_end(cdr)?;
            Decoded::Annotations(annotations)
        }
        Schema::Detection3DArray => {
            let outer = header(cdr)?;
            let mut scene = Scene::default();
            for _ in 0..cdr.count(96, "detections")? {
                let inner = header(cdr)?;
                let best = results(cdr)?;
                let center = cdr.f64s("bbox.center.position")?;
                let rotation = quaternion(cdr, "bbox.center.orientation")?;
                let size = cdr.f64s("bbox.size")?;
                let track = some_text(cdr.string("id")?);
                scene.cuboids.push(Cuboid {
                    stamp: outer.stamp.or(inner.stamp),
                    frame_id: some_text(inner.frame_id).unwrap_or_else(|| outer.frame_id.clone()),
                    center,
                    size,
                    rotation,
                    score: best.as_ref().map(|(_, score)| *score),
                    class: best.and_then(|(class, _)| some_text(class)),
                    track,
                    metadata: Vec::new(),
                });
            }
            at_end(cdr)?;
            Decoded::Scene(scene)
        }
    })
}
