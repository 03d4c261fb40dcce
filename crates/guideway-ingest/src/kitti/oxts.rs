//! `oxts/*.txt`: the combined GNSS and inertial navigation, 30 columns a frame.

use glam::{DAffine3, DQuat, DVec3};
use guideway_schema::SignalRow;

use super::calib::pose_list;

/// One line of an oxts file.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct KittiOxts {
    /// Latitude, degrees, WGS84.
    pub latitude_deg: f64,
    /// Longitude, degrees.
    pub longitude_deg: f64,
    /// Altitude, m.
    pub altitude_m: f64,
    /// Roll, rad: 0 is level, positive is left side up.
    pub roll: f64,
    /// Pitch, rad: 0 is level, positive is front down.
    pub pitch: f64,
    /// Yaw, rad: 0 is east, positive is counter-clockwise.
    pub yaw: f64,
    /// Velocity to the north, m/s.
    pub north_mps: f64,
    /// Velocity to the east, m/s.
    pub east_mps: f64,
    /// Velocity upwards, m/s.
    pub up_mps: f64,
    /// Velocity along the vehicle and level with the ground, m/s.
    pub forward_mps: f64,
    /// Acceleration in the IMU's axes (x forward, y left, z up), m/s², gravity included.
    pub acceleration: [f64; 3],
    /// Angular velocity in the IMU's axes, rad/s.
    pub angular_velocity: [f64; 3],
}

/// Columns that are used; the file has 30, the rest being accuracies and receiver states.
const MIN_COLUMNS: usize = 23;

/// Reads one line; what is wrong, in words, when it cannot be.
pub fn parse_kitti_oxts(line: &str) -> Result<KittiOxts, String> {
    let mut values = [0.0f64; MIN_COLUMNS];
    let mut words = line.split_ascii_whitespace();
    for (column, slot) in values.iter_mut().enumerate() {
        let word = words
            .next()
            .ok_or_else(|| format!("{column} columns where at least {MIN_COLUMNS} are expected"))?;
        *slot = word.parse().ok().filter(|v: &f64| v.is_finite()).ok_or_else(|| {
            let text: String = word.chars().take(40).collect();
            format!("`{text}` is not a finite number (column {})", column + 1)
        })?;
    }
    // ve vs vn: the file has north first. Of accelerations and rates it has vehicle axes (x y z), then level ones (f l u).
    let [
        lat,
        lon,
        alt,
        roll,
        pitch,
        yaw,
        vn,
        ve,
        vf,
        _,
        vu,
        ax,
        ay,
        az,
        _,
        _,
        _,
        wx,
        wy,
        wz,
        ..,
    ] = values;
    if !(-90.0..=90.0).contains(&lat) || !(-180.0..=180.0).contains(&lon) {
        return Err(format!("{lat}, {lon} is not a place on Earth"));
    }
    Ok(KittiOxts {
        latitude_deg: lat,
        longitude_deg: lon,
        altitude_m: alt,
        roll,
        pitch,
        yaw,
        north_mps: vn,
        east_mps: ve,
        up_mps: vu,
        forward_mps: vf,
        acceleration: [ax, ay, az],
        angular_velocity: [wx, wy, wz],
    })
}

/// The local frame of one drive: x east, y north, z up, with its origin at the first fix.
///
/// Positions come from the Mercator projection scaled for the latitude of the first fix, as KITTI's development kit does it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalFrame {
    scale: f64,
    origin: DVec3,
}

/// Radius that the development kit uses, m.
const EARTH_RADIUS_M: f64 = 6_378_137.0;

impl LocalFrame {
    pub(crate) fn at(first: &KittiOxts) -> Self {
        let scale = first.latitude_deg.to_radians().cos();
        let mut frame = Self {
            scale,
            origin: DVec3::ZERO,
        };
        frame.origin = frame.position(first);
        frame
    }

    fn position(&self, oxts: &KittiOxts) -> DVec3 {
        let x = self.scale * oxts.longitude_deg.to_radians() * EARTH_RADIUS_M;
        let y = self.scale
            * EARTH_RADIUS_M
            * (std::f64::consts::FRAC_PI_4 + oxts.latitude_deg.to_radians() / 2.0)
                .tan()
                .ln();
        DVec3::new(x, y, oxts.altitude_m) - self.origin
    }

    /// `world_from_imu`.
    pub(crate) fn world_from_imu(&self, oxts: &KittiOxts) -> DAffine3 {
        let rotation =
            DQuat::from_rotation_z(oxts.yaw) * DQuat::from_rotation_y(oxts.pitch) * DQuat::from_rotation_x(oxts.roll);
        DAffine3::from_rotation_translation(rotation, self.position(oxts))
    }
}

/// The signal rows of one line: fix, inertial measurement, odometry of the IMU, pose of the ego frame (where the calibration
/// gives `ego_from_imu`), and speed. `Err` where the numbers leave what a float can hold.
pub(crate) fn signal_rows(
    oxts: &KittiOxts,
    local: &LocalFrame,
    ego_from_imu: Option<DAffine3>,
    recording: &str,
    timestamp_ns: i64,
) -> Result<Vec<SignalRow>, String> {
    let row = |kind: &str| SignalRow {
        recording_id: recording.to_owned(),
        topic: "oxts".to_owned(),
        kind: kind.to_owned(),
        timestamp_ns,
        ..SignalRow::default()
    };
    let world_from_imu = local.world_from_imu(oxts);
    // Velocities stand in the world's axes in the file; the table wants those of the child frame.
    let velocity = world_from_imu.matrix3.transpose() * DVec3::new(oxts.east_mps, oxts.north_mps, oxts.up_mps);
    let [wx, wy, wz] = oxts.angular_velocity.map(Some);
    let [ax, ay, az] = oxts.acceleration.map(Some);
    let posed = |kind: &str, child: &str, pose: DAffine3| {
        let [x, y, z, qw, qx, qy, qz] = pose_list(pose).map(Some);
        SignalRow {
            parent_frame: Some("world".to_owned()),
            child_frame: Some(child.to_owned()),
            x,
            y,
            z,
            qw,
            qx,
            qy,
            qz,
            ..row(kind)
        }
    };
    let mut rows = vec![
        SignalRow {
            child_frame: Some("imu".to_owned()),
            latitude_deg: Some(oxts.latitude_deg),
            longitude_deg: Some(oxts.longitude_deg),
            altitude_m: Some(oxts.altitude_m),
            ..row("gnss")
        },
        SignalRow {
            child_frame: Some("imu".to_owned()),
            wx,
            wy,
            wz,
            ax,
            ay,
            az,
            ..row("imu")
        },
        SignalRow {
            vx: Some(velocity.x),
            vy: Some(velocity.y),
            vz: Some(velocity.z),
            wx,
            wy,
            wz,
            ..posed("odometry", "imu", world_from_imu)
        },
    ];
    if let Some(ego_from_imu) = ego_from_imu {
        rows.push(posed("pose", "ego", world_from_imu * ego_from_imu.inverse()));
    }
    rows.push(SignalRow {
        name: Some("speed_mps".to_owned()),
        value: Some(oxts.east_mps.hypot(oxts.north_mps)),
        ..row("value")
    });
    let finite = rows
        .iter()
        .flat_map(|r| [r.x, r.y, r.z, r.qw, r.vx, r.vy, r.vz, r.value])
        .flatten()
        .all(f64::is_finite);
    if finite {
        Ok(rows)
    } else {
        Err("the numbers are too large for a pose".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_of_latitude_is_111_km_northwards() {
        let first = KittiOxts {
            latitude_deg: 49.0,
            longitude_deg: 8.4,
            ..KittiOxts::default()
        };
        let local = LocalFrame::at(&first);
        let north = local.world_from_imu(&KittiOxts {
            latitude_deg: 49.001,
            ..first
        });
        assert!((north.translation.y - 111.3).abs() < 0.1, "{}", north.translation);
        assert!(north.translation.x.abs() < 1e-6);
        assert!(local.world_from_imu(&first).translation.length() < 1e-9);
    }

    #[test]
    fn driving_north_is_forward_motion() {
        let oxts = KittiOxts {
            latitude_deg: 49.0,
            yaw: std::f64::consts::FRAC_PI_2,
            north_mps: 10.0,
            ..KittiOxts::default()
        };
        let rows = signal_rows(&oxts, &LocalFrame::at(&oxts), None, "r", 0).expect("finite");
        let odometry = &rows[2];
        assert!((odometry.vx.unwrap_or(0.0) - 10.0).abs() < 1e-9);
        assert!(odometry.vy.unwrap_or(1.0).abs() < 1e-9);
        assert_eq!(rows.len(), 4, "no ego pose without calibration");
    }

    #[test]
    fn bad_lines_are_refused() {
        assert_eq!(
            parse_kitti_oxts("49 8 114").expect_err("too short"),
            "3 columns where at least 23 are expected"
        );
        let far = "95 8 114 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0";
        assert_eq!(
            parse_kitti_oxts(far).expect_err("no such place"),
            "95, 8 is not a place on Earth"
        );
        assert!(parse_kitti_oxts(&far.replace("95", "nan")).is_err());
        // At the pole the Mercator projection has no finite north coordinate.
        let pole = parse_kitti_oxts(&far.replace("95", "90")).expect("a place");
        let equator = KittiOxts::default();
        let rows = signal_rows(&pole, &LocalFrame::at(&equator), None, "r", 0);
        assert!(rows.is_err() || rows.is_ok_and(|r| r.iter().all(|r| r.y.is_none_or(f64::is_finite))));
    }
}
