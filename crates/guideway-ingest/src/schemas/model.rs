//! What messages say, whatever they were encoded as.
//!
//! Stamps are nanoseconds; `None` where the message has none or leaves it at zero. Quaternions are `w x y z`.

use std::borrow::Cow;

/// A decoded message.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded<'a> {
    /// A compressed image, or one access unit of a video.
    Image(ImageData<'a>),
    /// An uncompressed image.
    RawImage(RawImage<'a>),
    /// A point cloud.
    Cloud(Cloud<'a>),
    /// Samples of signals.
    Samples(Vec<Sample>),
    /// Transforms.
    Transforms(Vec<TransformSample>),
    /// A camera calibration.
    Calibration(Calibration),
    /// Labels in an image.
    Annotations(Vec<Annotation>),
    /// Labels in space.
    Scene(Scene),
    /// What is true of a whole image.
    Attributes(FrameAttributes),
}

/// What is true of a whole image: weather, time of day, road, ….
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FrameAttributes {
    /// Stamp of the image, ns.
    pub stamp: Option<i64>,
    /// By name.
    pub attributes: serde_json::Map<String, serde_json::Value>,
}

/// A compressed image or access unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageData<'a> {
    /// Stamp, ns.
    pub stamp: Option<i64>,
    /// Coordinate frame of the camera.
    pub frame_id: String,
    /// The format as the message names it: `jpeg`, `png`, `h264`, ….
    pub format: String,
    /// The encoded bytes.
    pub data: Cow<'a, [u8]>,
}

/// An uncompressed image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawImage<'a> {
    /// Stamp, ns.
    pub stamp: Option<i64>,
    /// Coordinate frame of the camera.
    pub frame_id: String,
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// Pixel layout as ROS and Foxglove name it: `rgb8`, `mono16`, `yuyv`, ….
    pub encoding: String,
    /// Are values of more than one byte big-endian?
    pub big_endian: bool,
    /// Bytes from one row to the next.
    pub step: u32,
    /// The rows.
    pub data: Cow<'a, [u8]>,
}

/// A floating-point number in a packed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coordinate {
    /// Offset in the point, bytes.
    pub offset: u32,
    /// Eight bytes instead of four.
    pub is_double: bool,
}

/// A point cloud.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cloud<'a> {
    /// Stamp, ns.
    pub stamp: Option<i64>,
    /// Coordinate frame of the points.
    pub frame_id: String,
    /// Number of points.
    pub points: u64,
    /// Names of the fields of a point.
    pub fields: Vec<String>,
    /// Where x, y and z lie in a point; `None` where they are not all floating-point numbers.
    pub xyz: Option<[Coordinate; 3]>,
    /// Bytes from one point to the next.
    pub stride: u32,
    /// The most significant byte comes first.
    pub big_endian: bool,
    /// The packed points.
    pub data: Cow<'a, [u8]>,
}

impl Cloud<'_> {
    /// x, y and z of the points, m, in the cloud's frame. Points that are nowhere (NaN, as many drivers mark what did not come back) are left out.
    pub fn positions(&self) -> Vec<[f32; 3]> {
        let (Some(xyz), stride) = (self.xyz, self.stride as usize) else {
            return Vec::new();
        };
        if stride == 0 {
            return Vec::new();
        }
        let points = usize::try_from(self.points).unwrap_or(usize::MAX);
        let read = |point: &[u8], at: Coordinate| -> Option<f32> {
            let from = at.offset as usize;
            if at.is_double {
                let bytes: [u8; 8] = point.get(from..from.checked_add(8)?)?.try_into().ok()?;
                let value = if self.big_endian {
                    f64::from_be_bytes(bytes)
                } else {
                    f64::from_le_bytes(bytes)
                };
                return Some(value as f32);
            }
            let bytes: [u8; 4] = point.get(from..from.checked_add(4)?)?.try_into().ok()?;
            Some(if self.big_endian {
                f32::from_be_bytes(bytes)
            } else {
                f32::from_le_bytes(bytes)
            })
        };
        self.data
            .chunks_exact(stride)
            .take(points)
            .filter_map(|point| Some([read(point, xyz[0])?, read(point, xyz[1])?, read(point, xyz[2])?]))
            .filter(|point| point.iter().all(|value| value.is_finite()))
            .collect()
    }

    /// Where the fields x, y and z lie, from each field's name, offset and whether it is a double; fields of other types are to be left out.
    pub(super) fn find_xyz(fields: &[(String, Coordinate)]) -> Option<[Coordinate; 3]> {
        let find = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, at)| *at);
        Some([find("x")?, find("y")?, find("z")?])
    }
}

/// What a sample measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleKind {
    /// A pose.
    Pose,
    /// A pose with velocity, or a velocity alone.
    Odometry,
    /// Angular velocity and linear acceleration.
    Imu,
    /// A position on Earth.
    Gnss,
    /// A single value.
    Value,
}

impl SampleKind {
    /// The name used in the `signals` table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pose => "pose",
            Self::Odometry => "odometry",
            Self::Imu => "imu",
            Self::Gnss => "gnss",
            Self::Value => "value",
        }
    }
}

/// A sample of a signal; each kind fills its own fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What it measures.
    pub kind: SampleKind,
    /// Stamp, ns.
    pub stamp: Option<i64>,
    /// The frame that the pose is given in, or the frame of the sensor.
    pub frame_id: String,
    /// The frame that the pose is of, and that velocities are given in.
    pub child_frame_id: String,
    /// Position, m.
    pub position: Option<[f64; 3]>,
    /// Orientation, `w x y z`.
    pub rotation: Option<[f64; 4]>,
    /// Linear velocity, m/s.
    pub velocity: Option<[f64; 3]>,
    /// Angular velocity, rad/s.
    pub angular_velocity: Option<[f64; 3]>,
    /// Linear acceleration, m/s².
    pub acceleration: Option<[f64; 3]>,
    /// Latitude (degrees, WGS84), longitude (degrees), altitude (m).
    pub geodetic: Option<[f64; 3]>,
    /// A single value.
    pub value: Option<f64>,
}

impl Sample {
    pub(crate) fn new(kind: SampleKind, stamp: Option<i64>, frame_id: String) -> Self {
        Self {
            kind,
            stamp,
            frame_id,
            child_frame_id: String::new(),
            position: None,
            rotation: None,
            velocity: None,
            angular_velocity: None,
            acceleration: None,
            geodetic: None,
            value: None,
        }
    }
}

/// `parent_from_child` at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformSample {
    /// Stamp, ns.
    pub stamp: Option<i64>,
    /// Parent frame.
    pub parent: String,
    /// Child frame.
    pub child: String,
    /// Translation, m.
    pub translation: [f64; 3],
    /// Rotation, `w x y z`.
    pub rotation: [f64; 4],
}

/// A camera calibration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// Coordinate frame of the camera.
    pub frame_id: String,
    /// Image width, px.
    pub width: u32,
    /// Image height, px.
    pub height: u32,
    /// `plumb_bob`, `rational_polynomial`, `kannala_brandt`, `equidistant`, …; may be empty.
    pub distortion_model: String,
    /// Distortion coefficients in the model's order.
    pub d: Vec<f64>,
    /// Intrinsic matrix 3×3, by rows; empty when not given.
    pub k: Vec<f64>,
    /// Rectification matrix 3×3, by rows; may be empty.
    pub r: Vec<f64>,
    /// Projection matrix 3×4, by rows; may be empty.
    pub p: Vec<f64>,
}

/// The geometry of a label in an image. Pixels, origin at the upper left corner of the upper left pixel.
#[derive(Debug, Clone, PartialEq)]
pub enum AnnotationShape {
    /// Single points.
    Points(Vec<[f64; 2]>),
    /// A closed outline.
    Polygon(Vec<[f64; 2]>),
    /// An open line.
    Polyline(Vec<[f64; 2]>),
    /// Left, upper, right, lower edge.
    Box([f64; 4]),
}

/// A label in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// Stamp, ns.
    pub stamp: Option<i64>,
    /// Its geometry.
    pub shape: AnnotationShape,
    /// Class, if the message says one.
    pub class: Option<String>,
    /// Identity over time.
    pub track: Option<String>,
    /// Confidence, for detections.
    pub score: Option<f64>,
    /// What else the message says.
    pub metadata: Vec<(String, String)>,
}

/// A box in space.
#[derive(Debug, Clone, PartialEq)]
pub struct Cuboid {
    /// Stamp, ns.
    pub stamp: Option<i64>,
    /// Coordinate frame.
    pub frame_id: String,
    /// Centre, m.
    pub center: [f64; 3],
    /// Length (x), width (y), height (z), m.
    pub size: [f64; 3],
    /// Orientation, `w x y z`.
    pub rotation: [f64; 4],
    /// Class, if the message says one.
    pub class: Option<String>,
    /// Identity over time.
    pub track: Option<String>,
    /// Confidence, for detections.
    pub score: Option<f64>,
    /// What else the message says.
    pub metadata: Vec<(String, String)>,
}

/// Labels in space.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scene {
    /// The boxes.
    pub cuboids: Vec<Cuboid>,
    /// How many entities the message removes from the scene.
    pub deletions: u64,
    /// How many other primitives (arrows, spheres, lines, …) it has; they are no labels.
    pub others: u64,
}

/// `None` for the zero that writers leave where they set no stamp, and for what does not fit.
pub(crate) fn stamp(seconds: i64, nanos: i64) -> Option<i64> {
    guideway_core::TimeNs::from_parts(seconds, nanos)
        .map(|time| time.0)
        .filter(|ns| *ns != 0)
}
