//! A drive through a world as an MCAP log with Foxglove's schemas.
//!
//! | topic | message |
//! |---|---|
//! | `/camera/NAME/image` | `foxglove.CompressedImage`, JPEG |
//! | `/camera/NAME/calibration` | `foxglove.CameraCalibration`, with each picture |
//! | `/lidar/NAME/points` | `foxglove.PointCloud`: x y z intensity ring time, as measured |
//! | `/radar/NAME/detections` | `foxglove.PointCloud`: x y z range rate, RCS |
//! | `/gnss/NAME/fix`, `/imu/NAME/data`, `/wheel/NAME/speed` | `foxglove.LocationFix`, `guideway.Imu`, `guideway.Speed` |
//! | `/tf` | `foxglove.FrameTransforms`: `map` → `ego` → each sensor |
//! | `/odometry` | `foxglove.Odometry` of the ego vehicle |
//! | `/ground_truth/…` | labels, see below |
//!
//! Ground truth: `/ground_truth/NAME/annotations` (`foxglove.ImageAnnotations`: visible boxes; class, track, amodal box,
//! mask, occlusion, truncation, … as metadata), `…/depth`, `…/instances`, `…/semantics` (`foxglove.RawImage`; depth in steps of 1/256 m as KITTI has it),
//! `…/scene` (`guideway.FrameTruth`: seed and parameters that make the frame again, lanes, drivable area, signals, attributes), and
//! `/ground_truth/cuboids` (`foxglove.SceneUpdate` in the ego frame, with the points of the first lidar on each).

use std::collections::BTreeMap;
use std::io::{Seek, Write};

use guideway_core::{BBox, DVec3, Rle, Se3};
use guideway_ingest::schemas::foxglove::{
    CameraCalibration, Color, CompressedImage, CovarianceKind, CubePrimitive, FrameTransform, FrameTransforms,
    ImageAnnotations, KeyValuePair, LocationFix, NumericType, Odometry, PackedElementField, Point2, PointCloud,
    PointsAnnotation, PointsKind, Pose, Quaternion, RawImage, SceneEntity, SceneUpdate, Time,
};
use guideway_ingest::write::{LogWriter, WriteError};
use guideway_world::drive::{Data, Drive, LidarReading, Measurement};
use guideway_world::labels::{LidarLabel, ObjectLabel};
use guideway_world::picture::{CameraReading, FrameOrigin};
use guideway_world::preview::class_colour;
use guideway_world::sensors::navigation::{GnssFix, ImuSample};
use guideway_world::sensors::radar::RadarDetection;
use guideway_world::sensors::{LidarPoint, SensorRef};
use schemars::JsonSchema;
use serde::Serialize;

/// The world's frame in logs.
const MAP: &str = "map";
/// The ego vehicle's frame in logs.
const EGO: &str = "ego";

/// A sample of an IMU, in its housing's frame.
#[derive(Debug, Serialize, JsonSchema)]
struct Imu {
    /// Stamp.
    timestamp: Stamp,
    /// Coordinate frame.
    frame_id: String,
    /// Angular rate x y z, rad/s.
    angular_velocity: Xyz,
    /// Specific force x y z, m/s²: +g upwards at rest.
    linear_acceleration: Xyz,
}

/// A speed over ground.
#[derive(Debug, Serialize, JsonSchema)]
struct Speed {
    /// Stamp.
    timestamp: Stamp,
    /// Coordinate frame.
    frame_id: String,
    /// m/s, forward positive.
    data: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Stamp {
    sec: i64,
    nsec: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Xyz {
    x: f64,
    y: f64,
    z: f64,
}

/// What the labels of a picture say about the whole of it.
#[derive(Debug, Serialize, JsonSchema)]
struct FrameTruth {
    /// Stamp.
    timestamp: Stamp,
    /// What makes the picture again.
    origin: Option<FrameOrigin>,
    /// Weather, time of day, road, traffic.
    scene: serde_json::Value,
    /// Lane lines: lane, side, kind, visible stretches in px.
    lanes: serde_json::Value,
    /// Drivable area as COCO run lengths.
    drivable_rle: String,
    /// Traffic lights in view and what they show.
    signals: serde_json::Value,
}

impl From<DVec3> for Xyz {
    fn from(v: DVec3) -> Self {
        Self { x: v.x, y: v.y, z: v.z }
    }
}

fn stamp(ns: i64) -> Stamp {
    Stamp {
        sec: ns.div_euclid(1_000_000_000),
        nsec: ns.rem_euclid(1_000_000_000),
    }
}

/// Writes measurements into a log, as they come.
pub(super) struct Scribe<'d, W: Write + Seek> {
    log: LogWriter<W>,
    drive: &'d DriveFacts,
    counts: Counts,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) frames: u64,
    pub(super) labels: u64,
}

/// What every message of a drive needs.
#[derive(Debug)]
pub(super) struct DriveFacts {
    start_ns: i64,
    names: BTreeMap<SensorRef, (String, Se3)>,
    calibrations: Vec<CameraCalibration>,
    /// What makes each camera's picture again, at time 0.
    origins: BTreeMap<String, FrameOrigin>,
}

impl DriveFacts {
    /// Of a drive that starts at this time.
    pub(super) fn new(drive: &Drive, start_ns: i64) -> Self {
        let rig = drive.rig();
        let names = rig
            .sensors()
            .into_iter()
            .map(|(sensor, common)| {
                let ego_from_sensor = match sensor {
                    SensorRef::Camera(i) => rig.cameras[i].ego_from_camera(),
                    _ => common.ego_from_body,
                };
                (sensor, (common.name.to_owned(), ego_from_sensor))
            })
            .collect();
        let calibrations = rig.cameras.iter().filter_map(calibration).collect();
        Self {
            start_ns,
            names,
            calibrations,
            origins: rig
                .cameras
                .iter()
                .map(|camera| (camera.name.clone(), FrameOrigin::new(drive.world(), camera, 0)))
                .collect(),
        }
    }
}

fn calibration(spec: &guideway_world::sensors::rig::CameraSpec) -> Option<CameraCalibration> {
    let camera = spec.camera().ok()?;
    let i = camera.intrinsics();
    let (distortion_model, d) = match camera.model().name() {
        "kannala-brandt" => ("kannala_brandt", camera.model().coefficients()),
        "brown-conrady" => ("plumb_bob", camera.model().coefficients()),
        // An ideal pinhole is a plumb bob without distortion.
        _ => ("plumb_bob", vec![0.0; 5]),
    };
    Some(CameraCalibration {
        width: i.width,
        height: i.height,
        distortion_model: distortion_model.to_owned(),
        d,
        k: vec![i.fx, 0.0, i.cx, 0.0, i.fy, i.cy, 0.0, 0.0, 1.0],
        r: vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p: vec![i.fx, 0.0, i.cx, 0.0, 0.0, i.fy, i.cy, 0.0, 0.0, 0.0, 1.0, 0.0],
        frame_id: spec.name.clone(),
        ..CameraCalibration::default()
    })
}

impl<'d, W: Write + Seek> Scribe<'d, W> {
    pub(super) fn new(log: LogWriter<W>, drive: &'d DriveFacts) -> Self {
        Self {
            log,
            drive,
            counts: Counts::default(),
        }
    }

    /// The writer, for what comes after the last measurement.
    pub(super) fn finish(self) -> (LogWriter<W>, Counts) {
        (self.log, self.counts)
    }

    /// Writes one measurement and its ground truth.
    pub(super) fn write(&mut self, measurement: &Measurement) -> Result<(), WriteError> {
        let at = self.drive.start_ns + measurement.firing.stamp_ns;
        let log_ns = self.drive.start_ns + measurement.firing.log_ns;
        let Some((name, _)) = self.drive.names.get(&measurement.firing.sensor) else {
            return Ok(());
        };
        let name = name.clone();
        match &measurement.data {
            Data::Camera(reading) => {
                self.pose(measurement, at, log_ns)?;
                self.camera(measurement, &name, at, log_ns, reading)
            }
            Data::Lidar(reading) => {
                self.pose(measurement, at, log_ns)?;
                self.lidar(measurement, &name, at, log_ns, reading)
            }
            Data::Radar(found) => {
                let message = radar_cloud(found, &name, at);
                self.log
                    .message(&format!("/radar/{name}/detections"), log_ns, at, &message)
            }
            Data::Gnss(Some(fix)) => {
                let message = location(fix, &name, at);
                self.log.message(&format!("/gnss/{name}/fix"), log_ns, at, &message)
            }
            Data::Gnss(None) => Ok(()),
            Data::Imu(sample) => {
                let message = imu(sample, &name, at);
                self.log
                    .json(&format!("/imu/{name}/data"), "guideway.Imu", log_ns, at, &message)
            }
            Data::Wheel(speed) => {
                let message = Speed {
                    timestamp: stamp(at),
                    frame_id: name.clone(),
                    data: *speed,
                };
                self.log
                    .json(&format!("/wheel/{name}/speed"), "guideway.Speed", log_ns, at, &message)
            }
        }
    }

    /// Where the ego vehicle and its sensors are.
    fn pose(&mut self, measurement: &Measurement, at: i64, log_ns: i64) -> Result<(), WriteError> {
        let mut transforms = vec![transform(MAP, EGO, measurement.world_from_ego, at)];
        transforms.extend(
            self.drive
                .names
                .values()
                .map(|(name, ego_from_sensor)| transform(EGO, name, *ego_from_sensor, at)),
        );
        self.log.message("/tf", log_ns, at, &FrameTransforms { transforms })?;
        let ego_from_world = measurement.world_from_ego.inverse();
        let velocity = ego_from_world.transform_vector(DVec3::from_array(measurement.velocity));
        let odometry = Odometry {
            timestamp: Some(Time::from_ns(at)),
            frame_id: MAP.to_owned(),
            body_frame_id: EGO.to_owned(),
            pose: Some(pose(measurement.world_from_ego)),
            linear_velocity: Some(velocity.to_array().into()),
            angular_velocity: Some([0.0, 0.0, measurement.yaw_rate].into()),
            ..Odometry::default()
        };
        self.log.message("/odometry", log_ns, at, &odometry)
    }

    fn camera(
        &mut self,
        measurement: &Measurement,
        name: &str,
        at: i64,
        log_ns: i64,
        reading: &CameraReading,
    ) -> Result<(), WriteError> {
        self.counts.frames += 1;
        self.counts.labels += reading.labels.objects.len() as u64;
        let origin = self.drive.origins.get(name).map(|origin| FrameOrigin {
            time_ns: measurement.firing.stamp_ns,
            ..origin.clone()
        });
        let image = CompressedImage {
            timestamp: Some(Time::from_ns(at)),
            data: reading.jpeg.clone(),
            format: "jpeg".to_owned(),
            frame_id: name.to_owned(),
        };
        self.log.message(&format!("/camera/{name}/image"), log_ns, at, &image)?;
        if let Some(calibration) = self.drive.calibrations.iter().find(|c| c.frame_id == name) {
            let calibration = CameraCalibration {
                timestamp: Some(Time::from_ns(at)),
                ..calibration.clone()
            };
            self.log
                .message(&format!("/camera/{name}/calibration"), log_ns, at, &calibration)?;
        }
        let truth = format!("/ground_truth/{name}");
        let annotations = ImageAnnotations {
            points: reading
                .labels
                .objects
                .iter()
                .map(|object| annotation(object, at))
                .collect(),
            timestamp: Some(Time::from_ns(at)),
            ..ImageAnnotations::default()
        };
        self.log
            .message(&format!("{truth}/annotations"), log_ns, at, &annotations)?;
        let frame = &reading.frame;
        let plane = |encoding: &str, bytes: u32, data: Vec<u8>| RawImage {
            timestamp: Some(Time::from_ns(at)),
            width: frame.width,
            height: frame.height,
            encoding: encoding.to_owned(),
            step: frame.width * bytes,
            data,
            frame_id: name.to_owned(),
        };
        let depth = frame.depth.iter().flat_map(|z| depth_steps(*z).to_le_bytes()).collect();
        self.log
            .message(&format!("{truth}/depth"), log_ns, at, &plane("16UC1", 2, depth))?;
        let instances = frame.object.iter().flat_map(|id| instance(*id).to_le_bytes()).collect();
        self.log
            .message(&format!("{truth}/instances"), log_ns, at, &plane("16UC1", 2, instances))?;
        self.log.message(
            &format!("{truth}/semantics"),
            log_ns,
            at,
            &plane("mono8", 1, frame.semantic.clone()),
        )?;
        let json = |value: serde_json::Result<serde_json::Value>| value.unwrap_or_default();
        let scene = FrameTruth {
            timestamp: stamp(at),
            origin,
            scene: json(serde_json::to_value(&reading.labels.scene)),
            lanes: json(serde_json::to_value(&reading.labels.lanes)),
            drivable_rle: reading.labels.drivable.to_coco_string(),
            signals: json(serde_json::to_value(&reading.labels.signals)),
        };
        self.log
            .json(&format!("{truth}/scene"), "guideway.FrameTruth", log_ns, at, &scene)
    }

    fn lidar(
        &mut self,
        measurement: &Measurement,
        name: &str,
        at: i64,
        log_ns: i64,
        reading: &LidarReading,
    ) -> Result<(), WriteError> {
        self.counts.frames += 1;
        let cloud = lidar_cloud(&reading.points, name, at);
        self.log.message(&format!("/lidar/{name}/points"), log_ns, at, &cloud)?;
        if measurement.firing.sensor != SensorRef::Lidar(0) {
            return Ok(());
        }
        self.counts.labels += reading.labels.len() as u64;
        let update = SceneUpdate {
            entities: reading.labels.iter().map(|label| entity(label, at)).collect(),
            ..SceneUpdate::default()
        };
        self.log.message("/ground_truth/cuboids", log_ns, at, &update)
    }
}

/// Steps of 1/256 m, as in KITTI's depth maps; 0 for the sky and for what is beyond 255 m.
fn depth_steps(z: f32) -> u16 {
    let steps = (z * 256.0).round();
    if steps.is_finite() && steps < 65_535.0 {
        steps as u16
    } else {
        0
    }
}

/// Object numbers in 16 bits: actors below 32,768, things that stand still from there on; a scene has some thousands of either.
fn instance(id: u32) -> u16 {
    let fixed = guideway_world::render::STATIC_BASE;
    if id >= fixed {
        (id - fixed).min(0x7fff) as u16 | 0x8000
    } else {
        id.min(0x7fff) as u16
    }
}

fn wxyz(q: guideway_core::DQuat) -> [f64; 4] {
    [q.w, q.x, q.y, q.z]
}

fn pose(frame_from_body: Se3) -> Pose {
    Pose::new(
        frame_from_body.translation().to_array(),
        wxyz(frame_from_body.rotation()),
    )
}

fn transform(parent: &str, child: &str, parent_from_child: Se3, at: i64) -> FrameTransform {
    FrameTransform {
        timestamp: Some(Time::from_ns(at)),
        parent_frame_id: parent.to_owned(),
        child_frame_id: child.to_owned(),
        translation: Some(parent_from_child.translation().to_array().into()),
        rotation: Some(Quaternion::from_wxyz(wxyz(parent_from_child.rotation()))),
    }
}

fn outline(b: BBox) -> Vec<Point2> {
    [
        [b.x_min, b.y_min],
        [b.x_max, b.y_min],
        [b.x_max, b.y_max],
        [b.x_min, b.y_max],
    ]
    .map(Point2::from)
    .to_vec()
}

fn colour(rgb: [u8; 3], a: f64) -> Color {
    let [r, g, b] = rgb.map(|v| f64::from(v) / 255.0);
    Color { r, g, b, a }
}

fn pair(key: &str, value: impl std::fmt::Display) -> KeyValuePair {
    KeyValuePair::new(key, value.to_string())
}

fn list(values: &[f64]) -> String {
    let numbers: Vec<String> = values.iter().map(f64::to_string).collect();
    format!("[{}]", numbers.join(","))
}

fn annotation(object: &ObjectLabel, at: i64) -> PointsAnnotation {
    let amodal = object.amodal;
    let mut metadata = vec![
        pair("class", object.class.name()),
        pair("track_id", object.id),
        pair("kind", &object.kind),
        pair("occlusion", object.occlusion),
        pair("truncation", object.truncation),
        pair(
            "amodal",
            list(&[amodal.x_min, amodal.y_min, amodal.x_max, amodal.y_max]),
        ),
        pair("distance", object.distance_m),
        pair("velocity", list(&object.velocity)),
        pair("cuboid", list(&object.cuboid_ego.to_array())),
        pair("mask_rle", mask(&object.mask)),
    ];
    metadata.extend(object.num_lidar_points.map(|points| pair("num_lidar_pts", points)));
    metadata.extend(object.attributes.iter().map(|(key, value)| pair(key, value)));
    PointsAnnotation {
        timestamp: Some(Time::from_ns(at)),
        r#type: PointsKind::LineLoop.into(),
        points: outline(object.visible),
        outline_color: Some(colour(class_colour(object.class), 1.0)),
        thickness: 1.0,
        metadata,
        ..PointsAnnotation::default()
    }
}

fn mask(mask: &Rle) -> String {
    mask.to_coco_string()
}

fn entity(label: &LidarLabel, at: i64) -> SceneEntity {
    let c = &label.cuboid_ego;
    let mut metadata = vec![
        pair("class", label.class.name()),
        pair("track_id", label.id),
        pair("kind", &label.kind),
        pair("num_lidar_pts", label.num_points),
        pair("velocity", list(&label.velocity)),
        pair("world", list(&label.cuboid_world.to_array())),
    ];
    metadata.extend(label.attributes.iter().map(|(key, value)| pair(key, value)));
    SceneEntity {
        timestamp: Some(Time::from_ns(at)),
        frame_id: EGO.to_owned(),
        id: label.id.to_string(),
        // Gone with the next update.
        lifetime: Some(guideway_ingest::schemas::foxglove::Duration {
            seconds: 0,
            nanos: 150_000_000,
        }),
        metadata,
        cubes: vec![CubePrimitive {
            pose: Some(Pose::new(c.center.to_array(), wxyz(c.rotation))),
            size: Some([c.length, c.width, c.height].into()),
            color: Some(colour(class_colour(label.class), 0.4)),
        }],
        ..SceneEntity::default()
    }
}

fn field(name: &str, offset: u32, kind: NumericType) -> PackedElementField {
    PackedElementField {
        name: name.to_owned(),
        offset,
        r#type: kind.into(),
    }
}

fn lidar_cloud(points: &[LidarPoint], name: &str, at: i64) -> PointCloud {
    let mut data = Vec::with_capacity(points.len() * 22);
    for p in points {
        for v in [p.position.x, p.position.y, p.position.z, p.intensity] {
            data.extend(v.to_le_bytes());
        }
        data.extend(p.ring.to_le_bytes());
        data.extend(p.offset_ns.to_le_bytes());
    }
    PointCloud {
        timestamp: Some(Time::from_ns(at)),
        frame_id: name.to_owned(),
        pose: Some(Pose::new([0.0; 3], [1.0, 0.0, 0.0, 0.0])),
        point_stride: 22,
        fields: vec![
            field("x", 0, NumericType::Float32),
            field("y", 4, NumericType::Float32),
            field("z", 8, NumericType::Float32),
            field("intensity", 12, NumericType::Float32),
            field("ring", 16, NumericType::Uint16),
            field("offset_ns", 18, NumericType::Int32),
        ],
        data,
    }
}

fn radar_cloud(found: &[RadarDetection], name: &str, at: i64) -> PointCloud {
    let mut data = Vec::with_capacity(found.len() * 20);
    for d in found {
        let (s, c) = d.azimuth_rad.sin_cos();
        for v in [d.range_m * c, d.range_m * s, 0.0, d.range_rate_mps, d.rcs_dbsm] {
            data.extend((v as f32).to_le_bytes());
        }
    }
    PointCloud {
        timestamp: Some(Time::from_ns(at)),
        frame_id: name.to_owned(),
        pose: Some(Pose::new([0.0; 3], [1.0, 0.0, 0.0, 0.0])),
        point_stride: 20,
        fields: ["x", "y", "z", "doppler", "rcs"]
            .iter()
            .zip((0..).step_by(4))
            .map(|(name, offset)| field(name, offset, NumericType::Float32))
            .collect(),
        data,
    }
}

fn location(fix: &GnssFix, name: &str, at: i64) -> LocationFix {
    let variance = fix.sigma * fix.sigma;
    LocationFix {
        latitude: fix.position.latitude_deg,
        longitude: fix.position.longitude_deg,
        altitude: fix.position.height_m,
        position_covariance: vec![variance.x, 0.0, 0.0, 0.0, variance.y, 0.0, 0.0, 0.0, variance.z],
        position_covariance_type: CovarianceKind::DiagonalKnown.into(),
        timestamp: Some(Time::from_ns(at)),
        frame_id: name.to_owned(),
        velocity: Some(fix.velocity.to_array().into()),
        ..LocationFix::default()
    }
}

fn imu(sample: &ImuSample, name: &str, at: i64) -> Imu {
    Imu {
        timestamp: stamp(at),
        frame_id: name.to_owned(),
        angular_velocity: sample.angular_rate.into(),
        linear_acceleration: sample.specific_force.into(),
    }
}
