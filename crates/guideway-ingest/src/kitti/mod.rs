//! KITTI's object and tracking benchmarks.
//!
//! Frames: the ego frame is the Velodyne's (x forward, y left, z up, about 1.73 m above the road). `rect` is the rectified
//! frame of the grey left camera 0, in which KITTI writes its 3D labels; the colour cameras `image_2` and `image_3` are the
//! same frame shifted along the baseline. Cuboids come out in the ego frame (`cuboid_frame = "ego"`) where the calibration is
//! known, and otherwise as KITTI has them, in `rect` (`cuboid_frame = "sensor"`).

mod calib;
mod label;
mod object;
mod oxts;
mod place;
mod tracking;

pub use calib::{KittiCalibration, parse_kitti_calibration};
pub use label::{KittiLabel, KittiLabelError, KittiLabelLayout, parse_kitti_label};
pub use object::KittiObjectSource;
pub use oxts::{KittiOxts, parse_kitti_oxts};
pub use place::KittiPlace;
pub use tracking::KittiTrackingSource;

pub(crate) use calib::rect_from_camera_pose;
pub(crate) use label::Cuboid;
pub(crate) use object::looks_like_kitti_object;
pub(crate) use tracking::looks_like_kitti_tracking;

use std::path::Path;

use guideway_core::{IdBuilder, SensorId};
use guideway_schema::{FrameRow, LabelRow, SensorRow};
use serde_json::json;

use crate::files::{Emitter, canonical_class, image_header, json_object, media_type_of_name, relative};

/// How the media of a Velodyne sweep is named: little-endian `f32` quadruples x y z (m, ego frame), reflectance (0 to 1).
pub const VELODYNE_MEDIA_TYPE: &str = "application/x-kitti-velodyne";

/// Bytes of one point of a sweep.
const POINT_BYTES: u64 = 16;

/// The row of a camera; `projection` is the number of its P matrix.
fn camera_row(
    recording: &str,
    name: &str,
    projection: usize,
    calib: Option<&KittiCalibration>,
    size: Option<(i64, i64)>,
) -> SensorRow {
    let camera = calib.and_then(|c| c.camera(projection));
    let pose = calib.and_then(|c| c.ego_from_camera(projection));
    let mut metadata = serde_json::Map::new();
    if let Some(calib) = calib {
        if let Some(p) = calib.projections.get(projection).copied().flatten() {
            metadata.insert("projection".to_owned(), json!(p));
        }
        if let Some(r) = calib.rect {
            metadata.insert("rectification".to_owned(), json!(r));
        }
        if let Some(t) = calib.camera_from_velodyne {
            metadata.insert("camera_from_velodyne".to_owned(), json!(t));
        }
    }
    SensorRow {
        sensor_id: sensor_id(recording, name, calib, size).into_string(),
        recording_id: recording.to_owned(),
        name: name.to_owned(),
        modality: "camera".to_owned(),
        frame_name: Some(name.to_owned()),
        camera_model: camera.map(|_| "pinhole".to_owned()),
        width: size.map(|s| s.0),
        height: size.map(|s| s.1),
        fx: camera.map(|c| c[0]),
        fy: camera.map(|c| c[1]),
        cx: camera.map(|c| c[2]),
        cy: camera.map(|c| c[3]),
        distortion: Vec::new(),
        ego_from_sensor: pose.map(|p| p.to_vec()).unwrap_or_default(),
        metadata: json_object(metadata),
    }
}

/// The row of the Velodyne, which is the ego frame.
fn velodyne_row(recording: &str) -> SensorRow {
    SensorRow {
        sensor_id: sensor_id(recording, "velodyne", None, None).into_string(),
        recording_id: recording.to_owned(),
        name: "velodyne".to_owned(),
        modality: "lidar".to_owned(),
        frame_name: Some("velodyne".to_owned()),
        ego_from_sensor: vec![0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        ..SensorRow::default()
    }
}

fn sensor_id(recording: &str, name: &str, calib: Option<&KittiCalibration>, size: Option<(i64, i64)>) -> SensorId {
    let mut id = IdBuilder::new("sensor").text(recording).text(name);
    if let Some(calib) = calib {
        for number in calib.numbers() {
            id = id.bytes(&number.to_le_bytes());
        }
    }
    if let Some((width, height)) = size {
        id = id.int(width).int(height);
    }
    id.finish()
}

/// One image or sweep that is to become a frame.
struct Media<'a> {
    root: &'a Path,
    recording: &'a str,
    sensor: &'a str,
    /// Where the file is, or would be.
    path: &'a Path,
    exists: bool,
    sequence: i64,
}

impl Media<'_> {
    /// The frame's id: from the recording, the sensor's folder and the number.
    fn frame_id(recording: &str, sensor: &str, key: &str) -> String {
        IdBuilder::new("frame")
            .text(recording)
            .text(sensor)
            .text(key)
            .finish::<guideway_core::FrameId>()
            .into_string()
    }

    /// The frame's row but for sensor, group, time and split. What is wrong with the file is counted.
    fn frame(&self, key: &str, lidar: bool, out: &mut Emitter<'_>) -> FrameRow {
        let name = relative(self.root, self.path);
        let mut row = FrameRow {
            frame_id: Self::frame_id(self.recording, self.sensor, key),
            recording_id: self.recording.to_owned(),
            modality: if lidar { "lidar" } else { "camera" }.to_owned(),
            sequence: self.sequence,
            uri: guideway_core::uri::from_path(self.path),
            media_type: if lidar {
                VELODYNE_MEDIA_TYPE
            } else {
                media_type_of_name(self.path)
            }
            .to_owned(),
            ..FrameRow::default()
        };
        let root = self.root.display().to_string();
        if !self.exists {
            out.damage(
                "missing-image",
                &root,
                name.clone(),
                "labelled frames have no image; their labels are kept, the media is absent",
            );
            row.attributes = Some(json!({"media": "missing"}).to_string());
            row.name = name;
            return row;
        }
        let length = std::fs::metadata(self.path).map(|m| m.len());
        match length {
            Ok(bytes) => {
                row.length = i64::try_from(bytes).ok();
                if lidar && bytes % POINT_BYTES != 0 {
                    out.damage(
                        "truncated-sweep",
                        &root,
                        name.clone(),
                        format!("a sweep of {bytes} bytes does not hold whole points of {POINT_BYTES} bytes"),
                    );
                }
            }
            Err(err) => out.damage(
                "unreadable-file",
                &root,
                name.clone(),
                format!("a file cannot be read: {err}"),
            ),
        }
        if !lidar {
            match image_header(self.path) {
                Ok(header) => {
                    header.media_type.clone_into(&mut row.media_type);
                    row.width = Some(header.width);
                    row.height = Some(header.height);
                }
                Err(what) => out.damage("unreadable-image", &root, name.clone(), format!("an image {what}")),
            }
        }
        row.name = name;
        row
    }
}

/// A parsed line as a label row. `None` for the columns that KITTI fills with -1 or -1000.
fn label_row(
    label: &KittiLabel,
    calib: Option<&KittiCalibration>,
    recording: &str,
    frame_id: &str,
    source_uri: &str,
    line: usize,
) -> LabelRow {
    let ignored = label.class.eq_ignore_ascii_case("DontCare");
    let mut attributes = serde_json::Map::new();
    if label.alpha >= -std::f64::consts::TAU {
        attributes.insert("alpha".to_owned(), json!(label.alpha));
    }
    if let Some(score) = label.score {
        attributes.insert("score".to_owned(), json!(score));
    }
    let tracking = label.frame.is_some();
    if tracking && label.truncated >= 0.0 {
        attributes.insert("truncation_level".to_owned(), json!(label.truncated));
    }
    let (cuboid_frame, cuboid) = match KittiPlace::of_calibration(calib).cuboid(label) {
        None => (None, Vec::new()),
        Some((frame, values)) => (Some(frame.to_owned()), values),
    };
    LabelRow {
        label_id: IdBuilder::new("label")
            .text(frame_id)
            .int(i64::try_from(line).unwrap_or(i64::MAX))
            .finish::<guideway_core::LabelId>()
            .into_string(),
        frame_id: frame_id.to_owned(),
        recording_id: recording.to_owned(),
        class: canonical_class("kitti", &label.class),
        source_class: label.class.clone(),
        x_min: Some(label.bbox.x_min),
        y_min: Some(label.bbox.y_min),
        x_max: Some(label.bbox.x_max),
        y_max: Some(label.bbox.y_max),
        is_ignored: ignored,
        cuboid_frame,
        cuboid,
        track_id: label.track_id.filter(|id| *id >= 0).map(|id| id.to_string()),
        truncation: (!tracking && (0.0..=1.0).contains(&label.truncated)).then_some(label.truncated),
        occlusion: (label.occluded >= 0).then_some(label.occluded),
        source_uri: source_uri.to_owned(),
        source_row: i64::try_from(line).ok(),
        attributes: json_object(attributes),
        ..LabelRow::default()
    }
}
