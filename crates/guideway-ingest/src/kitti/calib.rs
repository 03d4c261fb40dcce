//! `calib/*.txt`: projection, rectification and the transforms between the sensors.

use glam::{DAffine3, DMat3, DQuat, DVec3};

use super::label::canonical_quaternion;

/// What a calibration file says, matrices row by row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KittiCalibration {
    /// `P0` to `P3`: 3×4, `rect` frame (m) to pixels of that rectified camera.
    pub projections: [Option<[f64; 12]>; 4],
    /// `R0_rect`: 3×3, camera 0 to `rect`.
    pub rect: Option<[f64; 9]>,
    /// `Tr_velo_to_cam`: 3×4, Velodyne to camera 0.
    pub camera_from_velodyne: Option<[f64; 12]>,
    /// `Tr_imu_to_velo`: 3×4, IMU to Velodyne.
    pub velodyne_from_imu: Option<[f64; 12]>,
}

/// Reads a calibration file. The object benchmark writes `R0_rect:`, the tracking benchmark sometimes `R_rect` without the
/// colon, and `Tr_velo_cam`: all are accepted. Lines that cannot be read come back with their number, from 1, and what is
/// wrong; keys that are not known are passed over.
pub fn parse_kitti_calibration(text: &str) -> (KittiCalibration, Vec<(usize, String)>) {
    let mut calib = KittiCalibration::default();
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let Some(end) = line.find(|c: char| c == ':' || c.is_ascii_whitespace()) else {
            if !line.is_empty() {
                problems.push((index + 1, "a key without numbers".to_owned()));
            }
            continue;
        };
        let (key, rest) = line.split_at(end);
        let rest = rest.trim_start_matches(':');
        let outcome = match key {
            "P0" => matrix(rest).map(|m| calib.projections[0] = Some(m)),
            "P1" => matrix(rest).map(|m| calib.projections[1] = Some(m)),
            "P2" => matrix(rest).map(|m| calib.projections[2] = Some(m)),
            "P3" => matrix(rest).map(|m| calib.projections[3] = Some(m)),
            "R0_rect" | "R_rect" => matrix(rest).map(|m| calib.rect = Some(m)),
            "Tr_velo_to_cam" | "Tr_velo_cam" => matrix(rest).map(|m| calib.camera_from_velodyne = Some(m)),
            "Tr_imu_to_velo" | "Tr_imu_velo" => matrix(rest).map(|m| calib.velodyne_from_imu = Some(m)),
            _ => Ok(()),
        };
        if let Err(what) = outcome {
            problems.push((index + 1, format!("`{key}` {what}")));
        }
    }
    (calib, problems)
}

fn matrix<const N: usize>(text: &str) -> Result<[f64; N], String> {
    let mut out = [0.0; N];
    let mut found = 0usize;
    for word in text.split_ascii_whitespace() {
        match (word.parse::<f64>(), out.get_mut(found)) {
            (Ok(value), Some(slot)) if value.is_finite() => *slot = value,
            (Ok(value), None) if value.is_finite() => {}
            _ => {
                return Err(format!(
                    "holds `{}`, not a finite number",
                    word.chars().take(40).collect::<String>()
                ));
            }
        }
        found += 1;
    }
    if found == N {
        Ok(out)
    } else {
        Err(format!("holds {found} numbers where {N} are expected"))
    }
}

fn affine(m: [f64; 12]) -> DAffine3 {
    DAffine3::from_mat3_translation(
        DMat3::from_cols(
            DVec3::new(m[0], m[4], m[8]),
            DVec3::new(m[1], m[5], m[9]),
            DVec3::new(m[2], m[6], m[10]),
        ),
        DVec3::new(m[3], m[7], m[11]),
    )
}

/// A transform is used only if it can be inverted: a matrix of zeros is not a rotation.
fn invertible(transform: DAffine3) -> Option<DAffine3> {
    let determinant = transform.matrix3.determinant();
    (determinant.is_finite() && (0.5..2.0).contains(&determinant)).then_some(transform)
}

impl KittiCalibration {
    /// `rect_from_ego`: R0_rect · Tr_velo_to_cam.
    pub(crate) fn rect_from_ego(&self) -> Option<DAffine3> {
        let r = self.rect?;
        let rect = DMat3::from_cols(
            DVec3::new(r[0], r[3], r[6]),
            DVec3::new(r[1], r[4], r[7]),
            DVec3::new(r[2], r[5], r[8]),
        );
        invertible(DAffine3::from_mat3(rect) * affine(self.camera_from_velodyne?))
    }

    /// The inverse of that.
    pub(crate) fn ego_from_rect(&self) -> Option<DAffine3> {
        self.rect_from_ego().map(|t| t.inverse())
    }

    /// `fx fy cx cy` of a rectified camera, px; `None` without its P matrix or where the focal length is not positive.
    pub(crate) fn camera(&self, projection: usize) -> Option<[f64; 4]> {
        let p = self.projections.get(projection).copied().flatten()?;
        (p[0] > 0.0 && p[5] > 0.0).then_some([p[0], p[5], p[2], p[6]])
    }

    /// `camera_from_rect`: P is `K · [I | t]`, so the camera stands at −t in the `rect` frame.
    fn camera_from_rect(&self, projection: usize) -> Option<DAffine3> {
        let p = self.projections.get(projection).copied().flatten()?;
        let [fx, fy, cx, cy] = self.camera(projection)?;
        let z = p[11];
        Some(DAffine3::from_translation(DVec3::new(
            (p[3] - cx * z) / fx,
            (p[7] - cy * z) / fy,
            z,
        )))
    }

    /// `ego_from_rect` from the pose of a camera, for tables that do not hold the transform from which both were made.
    pub(crate) fn ego_from_rect_of_pose(&self, projection: usize, ego_from_camera: &[f64]) -> Option<DAffine3> {
        let camera_from_ego = rect_from_camera_pose(ego_from_camera)?;
        Some(camera_from_ego.inverse() * self.camera_from_rect(projection)?)
    }

    /// `ego_from_sensor` of a camera as the tables hold it: x y z (m), qw qx qy qz.
    pub(crate) fn ego_from_camera(&self, projection: usize) -> Option<[f64; 7]> {
        let camera_from_ego = self.camera_from_rect(projection)? * self.rect_from_ego()?;
        Some(pose_list(camera_from_ego.inverse()))
    }

    /// `ego_from_imu`, where the file has it.
    pub(crate) fn ego_from_imu(&self) -> Option<DAffine3> {
        invertible(affine(self.velodyne_from_imu?))
    }

    /// Every number of the file, for an id.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        let mut out = Vec::new();
        for (tag, values) in [
            self.projections[0].as_ref().map(<[f64; 12]>::as_slice),
            self.projections[1].as_ref().map(<[f64; 12]>::as_slice),
            self.projections[2].as_ref().map(<[f64; 12]>::as_slice),
            self.projections[3].as_ref().map(<[f64; 12]>::as_slice),
            self.rect.as_ref().map(<[f64; 9]>::as_slice),
            self.camera_from_velodyne.as_ref().map(<[f64; 12]>::as_slice),
            self.velodyne_from_imu.as_ref().map(<[f64; 12]>::as_slice),
        ]
        .into_iter()
        .enumerate()
        {
            if let Some(values) = values {
                out.push(tag as f64);
                out.extend_from_slice(values);
            }
        }
        out
    }
}

/// A rigid transform as the tables hold it.
pub(crate) fn pose_list(transform: DAffine3) -> [f64; 7] {
    let q = canonical_quaternion(DQuat::from_mat3(&transform.matrix3));
    let t = transform.translation;
    [t.x, t.y, t.z, q.w, q.x, q.y, q.z]
}

/// `camera_from_ego` from a table's `ego_from_sensor`; `None` unless it holds seven usable numbers.
pub(crate) fn rect_from_camera_pose(ego_from_sensor: &[f64]) -> Option<DAffine3> {
    let &[x, y, z, qw, qx, qy, qz] = ego_from_sensor else {
        return None;
    };
    let rotation = DQuat::from_xyzw(qx, qy, qz, qw);
    let usable = ego_from_sensor.iter().all(|v| v.is_finite()) && rotation.length_squared() > 1e-12;
    usable.then(|| DAffine3::from_rotation_translation(rotation.normalize(), DVec3::new(x, y, z)).inverse())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "P2: 721.5377 0 609.5593 44.85728 0 721.5377 172.854 0.2163791 0 0 1 0.002745884\n\
        R0_rect: 0.9999239 0.00983776 -0.007445048 -0.009869795 0.9999421 -0.004278459 0.007402527 0.004351614 0.9999631\n\
        Tr_velo_to_cam: 0.007533745 -0.9999714 -0.000616602 -0.004069766 0.01480249 0.0007280733 -0.9998902 -0.07631618 0.9998621 0.00752379 0.01480755 -0.2717806\n";

    #[test]
    fn pose_and_intrinsics_project_as_the_matrices_do() {
        let (calib, problems) = parse_kitti_calibration(TEXT);
        assert!(problems.is_empty());
        let p = calib.projections[2].expect("P2");
        let [fx, fy, cx, cy] = calib.camera(2).expect("a camera");
        let pose = calib.ego_from_camera(2).expect("a pose");
        let ego_from_camera = DAffine3::from_rotation_translation(
            DQuat::from_xyzw(pose[4], pose[5], pose[6], pose[3]),
            DVec3::new(pose[0], pose[1], pose[2]),
        );
        for point in [DVec3::new(10.0, 2.0, -1.0), DVec3::new(40.0, -8.0, 0.5)] {
            let rect = calib.rect_from_ego().expect("a transform").transform_point3(point);
            let w = p[8] * rect.x + p[9] * rect.y + p[10] * rect.z + p[11];
            let reference = [
                (p[0] * rect.x + p[1] * rect.y + p[2] * rect.z + p[3]) / w,
                (p[4] * rect.x + p[5] * rect.y + p[6] * rect.z + p[7]) / w,
            ];
            let camera = ego_from_camera.inverse().transform_point3(point);
            let ours = [fx * camera.x / camera.z + cx, fy * camera.y / camera.z + cy];
            // The file's seven digits make the rotation orthonormal to about 1e-7 only.
            assert!(
                (ours[0] - reference[0]).abs() < 1e-3 && (ours[1] - reference[1]).abs() < 1e-3,
                "{ours:?} {reference:?}"
            );
        }
    }

    #[test]
    fn broken_lines_are_named() {
        let (calib, problems) = parse_kitti_calibration("P2: 1 2 x\nP3: 1 2 3\nR0_rect\n\nQ 1\n");
        assert_eq!(calib, KittiCalibration::default());
        insta::assert_debug_snapshot!(problems, @r#"
        [
            (
                1,
                "`P2` holds `x`, not a finite number",
            ),
            (
                2,
                "`P3` holds 3 numbers where 12 are expected",
            ),
            (
                3,
                "a key without numbers",
            ),
        ]
        "#);
    }

    #[test]
    fn a_matrix_that_is_no_rotation_gives_no_pose() {
        let (calib, problems) = parse_kitti_calibration(
            "P2: 0 0 0 0 0 0 0 0 0 0 0 0\nR0_rect: 0 0 0 0 0 0 0 0 0\nTr_velo_to_cam: 0 0 0 0 0 0 0 0 0 0 0 0",
        );
        assert!(problems.is_empty());
        assert_eq!(calib.camera(2), None);
        assert_eq!(calib.ego_from_camera(2), None);
        assert!(calib.ego_from_rect().is_none());
    }

    proptest! {
        #[test]
        fn no_text_panics(at in 0usize..400, byte in 9u8..127, cut in 0usize..500) {
            let mut bytes = TEXT.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut);
            let (calib, _) = parse_kitti_calibration(&String::from_utf8(bytes).expect("ASCII"));
            let _pose = (calib.ego_from_camera(2), calib.ego_from_imu(), calib.numbers());
        }
    }
}
