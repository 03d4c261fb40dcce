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

#[cfg(test)]
mod tests {
    use super::super::{KittiLabelLayout, camera_row, parse_kitti_calibration, parse_kitti_label};
    use super::*;

    const CALIB: &str = "P2: 721.5377 0 609.5593 44.85728 0 721.5377 172.854 0.2163791 0 0 1 0.002745884\n\
        R0_rect: 0.9999239 0.00983776 -0.007445048 -0.009869795 0.9999421 -0.004278459 0.007402527 0.004351614 0.9999631\n\
        Tr_velo_to_cam: 0.007533745 -0.9999714 -0.000616602 -0.004069766 0.01480249 0.0007280733 -0.9998902 -0.07631618 \
        0.9998621 0.00752379 0.01480755 -0.2717806\n";

    #[test]
    fn a_sensor_places_as_its_calibration_does() {
        let (calib, _) = parse_kitti_calibration(CALIB);
        let line = "Car 0.00 0 1.85 387.63 181.54 423.81 203.12 1.67 1.87 3.69 -16.53 2.39 58.49 1.57";
        let label = parse_kitti_label(line, KittiLabelLayout::Object).expect("a good line");
        let wanted = KittiPlace::of_calibration(Some(&calib))
            .cuboid(&label)
            .expect("a cuboid");
        assert_eq!(wanted.0, "ego");
        let mut camera = camera_row("r", "image_2", 2, Some(&calib), None);
        assert_eq!(KittiPlace::of_sensor(&camera).cuboid(&label), Some(wanted.clone()));
        // As older programs wrote it.
        let metadata = camera.metadata.clone().expect("metadata");
        camera.metadata = Some(metadata.replace("camera_from_velodyne", "unknown"));
        let (frame, close) = KittiPlace::of_sensor(&camera).cuboid(&label).expect("a cuboid");
        assert_eq!(frame, "ego");
        for (a, b) in close.iter().zip(&wanted.1) {
            assert!((a - b).abs() < 1e-4, "{close:?} {wanted:?}");
        }
        // Without a calibration they stay where they are.
        let bare = KittiPlace::of_sensor(&SensorRow::default()).cuboid(&label);
        assert_eq!(bare.map(|(frame, _)| frame), Some("sensor"));
    }
}
