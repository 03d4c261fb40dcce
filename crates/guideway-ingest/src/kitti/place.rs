//! Where KITTI's objects are, in the coordinate frames of the tables.

use glam::DAffine3;
use guideway_schema::SensorRow;
use serde_json::Value;

use super::{KittiCalibration, KittiLabel};

/// Puts the cuboids of label and result lines where ingest puts those of labels: in the ego frame where the calibration is known, and as they are
/// (`sensor`) otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct KittiPlace {
    ego_from_rect: Option<DAffine3>,
}

impl KittiPlace {
    /// With a calibration, or without one.
    pub(super) fn of_calibration(calib: Option<&KittiCalibration>) -> Self {
        Self {
            ego_from_rect: calib.and_then(KittiCalibration::ego_from_rect),
        }
    }

    /// As of a camera that ingest made of KITTI's files. Rows of older programs lack a matrix: then its pose stands in, which is as exact as the
    /// file's rotations are orthonormal, about 1e-7.
    pub fn of_sensor(camera: &SensorRow) -> Self {
        const ANY: usize = 2;
        let metadata = camera.metadata.as_deref().map(serde_json::from_str::<Value>);
        let Some(Ok(metadata)) = metadata else {
            return Self::default();
        };
        let mut calib = KittiCalibration {
            rect: numbers(&metadata, "rectification"),
            camera_from_velodyne: numbers(&metadata, "camera_from_velodyne"),
            ..KittiCalibration::default()
        };
        calib.projections[ANY] = numbers(&metadata, "projection");
        Self {
            ego_from_rect: calib
                .ego_from_rect()
                .or_else(|| calib.ego_from_rect_of_pose(ANY, &camera.ego_from_sensor)),
        }
    }

    /// The coordinate frame and the ten numbers of the object's cuboid; `None` where the line has none.
    pub fn cuboid(&self, label: &KittiLabel) -> Option<(&'static str, Vec<f64>)> {
        let rect = label.rect_cuboid()?;
        let (frame, values) = match self.ego_from_rect {
            Some(ego_from_rect) => ("ego", rect.transformed(ego_from_rect).to_vec()),
            None => ("sensor", rect.to_vec()),
        };
        // Numbers near the largest float overflow in the transform.
        values.iter().all(|v| v.is_finite()).then_some((frame, values))
    }
}

fn numbers<const N: usize>(metadata: &Value, key: &str) -> Option<[f64; N]> {
    let values: Option<Vec<f64>> = metadata.get(key)?.as_array()?.iter().map(Value::as_f64).collect();
    values?.try_into().ok()
}
