//! What a rig file holds.

use guideway_core::{Camera, CameraModel, DQuat, DVec3, GeometryError, Intrinsics, Se3};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Seed;
use crate::render::Shot;

/// What every sensor has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Common<'a> {
    /// Its name, unique in the rig.
    pub name: &'a str,
    /// `ego_from_body` of its housing: x forward, y left, z up.
    pub ego_from_body: Se3,
    /// Measurements per second.
    pub rate_hz: f64,
    /// Time of its first measurement, s.
    pub phase_s: f64,
    /// Mean time from a measurement to its log time, s.
    pub latency_s: f64,
    /// Standard deviation of that time, s.
    pub jitter_s: f64,
}

/// Adds to a sensor's own fields those that all have, and access to them.
macro_rules! sensor {
    ($(#[$meta:meta])* $name:ident { $($fields:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// Name, unique in the rig: letters, digits, `_` and `-`.
            pub name: String,
            /// Position in the ego frame (x forward, y left, z up, origin on the ground below the middle of the vehicle), m.
            #[schemars(inner(range(min = -100.0, max = 100.0)))]
            pub position: [f64; 3],
            /// Roll, pitch and yaw of its housing in the ego frame, degrees: about x (right side down is positive), y (nose
            /// down is positive) and z (to the left is positive), turned in the order yaw, pitch, roll.
            #[schemars(inner(range(min = -360.0, max = 360.0)))]
            pub rotation_deg: [f64; 3],
            /// Measurements per second.
            #[schemars(range(min = 0.01, max = 1000.0))]
            pub rate_hz: f64,
            /// Time of its first measurement after the start of a drive, s.
            #[schemars(range(min = 0.0, max = 100.0))]
            pub phase_s: f64,
            /// Mean time from a measurement to its log time, s.
            #[schemars(range(min = 0.0, max = 10.0))]
            pub latency_s: f64,
            /// Standard deviation of that time, s.
            #[schemars(range(min = 0.0, max = 1.0))]
            pub jitter_s: f64,
            $($fields)*
        }

        impl $name {
            /// What every sensor has.
            pub fn common(&self) -> Common<'_> {
                Common {
                    name: &self.name,
                    ego_from_body: pose(self.position, self.rotation_deg),
                    rate_hz: self.rate_hz,
                    phase_s: self.phase_s,
                    latency_s: self.latency_s,
                    jitter_s: self.jitter_s,
                }
            }
        }
    };
}

fn pose(position: [f64; 3], rotation_deg: [f64; 3]) -> Se3 {
    let [roll, pitch, yaw] = rotation_deg.map(f64::to_radians);
    let rotation = DQuat::from_rotation_z(yaw) * DQuat::from_rotation_y(pitch) * DQuat::from_rotation_x(roll);
    // Fails only for numbers that are not finite, which no checked rig holds.
    Se3::new(rotation, DVec3::from_array(position)).unwrap_or_default()
}

/// How a lens maps angles to pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LensModel {
    /// Straight lines stay straight. No distortion coefficients.
    #[default]
    Pinhole,
    /// Radial and tangential distortion: k1 k2 p1 p2, then k3, then k4 k5 k6 (4, 5 or 8 coefficients).
    BrownConrady,
    /// Fisheye: four coefficients k1 to k4, or none for an equidistant lens.
    KannalaBrandt,
}

impl LensModel {
    /// Every model's name.
    pub const NAMES: [&'static str; 3] = ["pinhole", "brown-conrady", "kannala-brandt"];

    /// Its name in files and tables.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

sensor! {
    /// A camera. Its housing looks along x; the image's frame (x right, y down, z forward) is [`CameraSpec::ego_from_camera`].
    CameraSpec {
        /// Width of the image, px.
        #[schemars(range(min = 16, max = 8192))]
        pub width: u32,
        /// Height of the image, px.
        #[schemars(range(min = 16, max = 8192))]
        pub height: u32,
        /// Lens model.
        pub model: LensModel,
        /// Horizontal field of view, degrees, from the left to the right edge of the image through its middle; for
        /// `brown-conrady` that of the lens without its distortion. Either this or focal lengths; 70 where both are missing.
        #[schemars(range(min = 1.0, max = 179.0))]
        #[serde(skip_serializing_if = "Option::is_none")]
        pub horizontal_fov_deg: Option<f64>,
        /// Focal length in x, px.
        #[schemars(range(min = 1.0, max = 100_000.0))]
        #[serde(skip_serializing_if = "Option::is_none")]
        pub fx: Option<f64>,
        /// Focal length in y, px; as in x where it is missing.
        #[schemars(range(min = 1.0, max = 100_000.0))]
        #[serde(skip_serializing_if = "Option::is_none")]
        pub fy: Option<f64>,
        /// Principal point x, px from the left edge of the image; its middle where it is missing.
        #[schemars(range(min = -8192.0, max = 16384.0))]
        #[serde(skip_serializing_if = "Option::is_none")]
        pub cx: Option<f64>,
        /// Principal point y, px from the upper edge of the image; its middle where it is missing.
        #[schemars(range(min = -8192.0, max = 16384.0))]
        #[serde(skip_serializing_if = "Option::is_none")]
        pub cy: Option<f64>,
        /// Distortion coefficients in the order of OpenCV.
        #[schemars(inner(range(min = -100.0, max = 100.0)))]
        pub distortion: Vec<f64>,
        /// Exposure time, s.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub exposure_s: f64,
        /// Time from the first row's exposure to the last row's, s; 0 is a global shutter. A picture's stamp is that of its
        /// middle row, in the middle of its exposure.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub rolling_shutter_s: f64,
        /// Standard deviation of the read noise, in 8-bit steps, at base gain.
        #[schemars(range(min = 0.0, max = 50.0))]
        pub read_noise: f64,
        /// Rays for a pixel's colour: 1, 2 or 4.
        #[schemars(range(min = 1, max = 4))]
        pub samples: u32,
        /// Quality of the JPEG.
        #[schemars(range(min = 1, max = 100))]
        pub jpeg_quality: u8,
    }
}

impl Default for CameraSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            position: [1.3, 0.0, 1.45],
            rotation_deg: [0.0; 3],
            rate_hz: 10.0,
            phase_s: 0.05,
            latency_s: 0.03,
            jitter_s: 0.002,
            width: 640,
            height: 384,
            model: LensModel::Pinhole,
            horizontal_fov_deg: None,
            fx: None,
            fy: None,
            cx: None,
            cy: None,
            distortion: Vec::new(),
            exposure_s: 0.008,
            rolling_shutter_s: 0.0,
            read_noise: 1.2,
            samples: 1,
            jpeg_quality: 90,
        }
    }
}

impl CameraSpec {
    /// Field of view of a camera whose file gives neither that nor focal lengths, degrees.
    pub const DEFAULT_FOV_DEG: f64 = 70.0;

    /// Its projection.
    ///
    /// # Errors
    /// A distortion of the wrong length, or numbers that make no camera; a checked rig has none.
    pub fn camera(&self) -> Result<Camera, GeometryError> {
        let (w, h) = (f64::from(self.width), f64::from(self.height));
        let coefficients: &[f64] = match (self.model, self.distortion.as_slice()) {
            (LensModel::BrownConrady, []) => &[0.0; 5],
            (LensModel::KannalaBrandt, []) => &[0.0; 4],
            (_, given) => given,
        };
        let model = CameraModel::from_coefficients(self.model.name(), coefficients)?;
        let half = self.horizontal_fov_deg.unwrap_or(Self::DEFAULT_FOV_DEG).to_radians() / 2.0;
        let reach = match model {
            CameraModel::KannalaBrandt { k } => {
                let s = half * half;
                half * (1.0 + s * (k[0] + s * (k[1] + s * (k[2] + s * k[3]))))
            }
            _ => half.tan(),
        };
        let focal = w / 2.0 / reach;
        let intrinsics = Intrinsics {
            fx: self.fx.unwrap_or(focal),
            fy: self.fy.or(self.fx).unwrap_or(focal),
            cx: self.cx.unwrap_or(w / 2.0),
            cy: self.cy.unwrap_or(h / 2.0),
            width: self.width,
            height: self.height,
        };
        Camera::new(intrinsics, model)
    }

    /// `ego_from_camera` (camera: x right, y down, z forward).
    pub fn ego_from_camera(&self) -> Se3 {
        // Columns: right is −y, down is −z, forward is x of the housing.
        let body_from_camera = Se3::new(DQuat::from_xyzw(-0.5, 0.5, -0.5, 0.5), DVec3::ZERO).unwrap_or_default();
        self.common().ego_from_body * body_from_camera
    }

    /// How it takes a picture. `seed` is this picture's own.
    ///
    /// # Errors
    /// As for [`CameraSpec::camera`].
    pub fn shot(&self, seed: Seed) -> Result<Shot, GeometryError> {
        Ok(Shot {
            camera: self.camera()?,
            ego_from_camera: self.ego_from_camera(),
            exposure_s: self.exposure_s,
            rolling_shutter_s: self.rolling_shutter_s,
            samples: self.samples,
            read_noise: self.read_noise,
            seed,
        })
    }
}

sensor! {
    /// A spinning lidar: a column of beams that turns clockwise seen from above. Its frame is that of its housing. A sweep
    /// begins and ends behind it and is stamped in its middle, when it looks along x.
    LidarSpec {
        /// Number of beams. Together with the limits of the vertical angle, in even steps; or leave these three out and list
        /// the angles.
        #[schemars(range(min = 1, max = 256))]
        #[serde(skip_serializing_if = "Option::is_none")]
        pub channels: Option<u32>,
        /// Angle of the lowest beam over the horizon, degrees.
        #[schemars(range(min = -90.0, max = 90.0))]
        #[serde(skip_serializing_if = "Option::is_none")]
        pub vertical_min_deg: Option<f64>,
        /// Angle of the highest beam over the horizon, degrees.
        #[schemars(range(min = -90.0, max = 90.0))]
        #[serde(skip_serializing_if = "Option::is_none")]
        pub vertical_max_deg: Option<f64>,
        /// Angle of each beam over the horizon, degrees, rising.
        #[schemars(inner(range(min = -90.0, max = 90.0)))]
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub vertical_deg: Vec<f64>,
        /// Columns in a turn.
        #[schemars(range(min = 8, max = 8192))]
        pub points_per_turn: u32,
        /// Nearest range, m.
        #[schemars(range(min = 0.0, max = 100.0))]
        pub range_min_m: f64,
        /// Farthest range, m.
        #[schemars(range(min = 0.1, max = 1000.0))]
        pub range_max_m: f64,
        /// Range at which half the echoes of a surface of 10 % reflectivity are lost, in clear air, m.
        #[schemars(range(min = 1.0, max = 1000.0))]
        pub range_10_percent_m: f64,
        /// Standard deviation of the range, m.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub range_noise_m: f64,
        /// Probability that an echo is lost for no reason.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub dropout: f64,
        /// Standard deviation of the intensity, in steps of 255.
        #[schemars(range(min = 0.0, max = 100.0))]
        pub intensity_noise: f64,
        /// Full angle of a beam, milliradians: what raindrops and snowflakes are met by.
        #[schemars(range(min = 0.1, max = 20.0))]
        pub divergence_mrad: f64,
    }
}

impl Default for LidarSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            position: [0.0, 0.0, 1.9],
            rotation_deg: [0.0; 3],
            rate_hz: 10.0,
            phase_s: 0.05,
            latency_s: 0.06,
            jitter_s: 0.002,
            channels: None,
            vertical_min_deg: None,
            vertical_max_deg: None,
            vertical_deg: Vec::new(),
            points_per_turn: 1024,
            range_min_m: 0.8,
            range_max_m: 120.0,
            range_10_percent_m: 80.0,
            range_noise_m: 0.02,
            dropout: 0.005,
            intensity_noise: 2.0,
            divergence_mrad: 3.0,
        }
    }
}

impl LidarSpec {
    /// Number of beams and limits of the angle where the file gives none.
    pub const DEFAULT_BEAMS: (u32, f64, f64) = (32, -24.0, 8.0);

    /// Angle of each beam over the horizon, rad, rising: index is the ring.
    pub fn vertical_angles(&self) -> Vec<f64> {
        if !self.vertical_deg.is_empty() {
            return self.vertical_deg.iter().map(|a| a.to_radians()).collect();
        }
        let (channels, low, high) = Self::DEFAULT_BEAMS;
        let channels = self.channels.unwrap_or(channels);
        let low = self.vertical_min_deg.unwrap_or(low).to_radians();
        let high = self.vertical_max_deg.unwrap_or(high).to_radians();
        let step = (high - low) / f64::from(channels.saturating_sub(1).max(1));
        (0..channels).map(|i| low + step * f64::from(i)).collect()
    }
}

sensor! {
    /// A radar that looks along x.
    RadarSpec {
        /// Width of its view, degrees.
        #[schemars(range(min = 1.0, max = 180.0))]
        pub azimuth_fov_deg: f64,
        /// Height of its view, degrees.
        #[schemars(range(min = 1.0, max = 90.0))]
        pub elevation_fov_deg: f64,
        /// Nearest range, m.
        #[schemars(range(min = 0.0, max = 100.0))]
        pub range_min_m: f64,
        /// Farthest range, m.
        #[schemars(range(min = 1.0, max = 1000.0))]
        pub range_max_m: f64,
        /// Range at which a target of 10 dBsm (a car) is found half the time, m.
        #[schemars(range(min = 1.0, max = 2000.0))]
        pub range_10_dbsm_m: f64,
        /// Standard deviation of the range, m.
        #[schemars(range(min = 0.0, max = 10.0))]
        pub range_noise_m: f64,
        /// Standard deviation of the azimuth, degrees.
        #[schemars(range(min = 0.0, max = 30.0))]
        pub azimuth_noise_deg: f64,
        /// Standard deviation of the range rate, m/s.
        #[schemars(range(min = 0.0, max = 10.0))]
        pub range_rate_noise_mps: f64,
        /// Size of a cell in range, m: what is in one cell is one detection.
        #[schemars(range(min = 0.05, max = 20.0))]
        pub range_cell_m: f64,
        /// Size of a cell in azimuth, degrees.
        #[schemars(range(min = 0.1, max = 45.0))]
        pub azimuth_cell_deg: f64,
        /// Mean number of false alarms in a measurement.
        #[schemars(range(min = 0.0, max = 1000.0))]
        pub false_alarms: f64,
        /// Probability that a strong target has a ghost at twice its range (an echo that went to and fro twice).
        #[schemars(range(min = 0.0, max = 1.0))]
        pub ghosts: f64,
        /// Rays across the view that look for walls, posts and rails.
        #[schemars(range(min = 0, max = 1024))]
        pub clutter_rays: u32,
    }
}

impl Default for RadarSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            position: [2.2, 0.0, 0.5],
            rotation_deg: [0.0; 3],
            rate_hz: 15.0,
            phase_s: 0.02,
            latency_s: 0.05,
            jitter_s: 0.003,
            azimuth_fov_deg: 100.0,
            elevation_fov_deg: 20.0,
            range_min_m: 0.5,
            range_max_m: 160.0,
            range_10_dbsm_m: 130.0,
            range_noise_m: 0.15,
            azimuth_noise_deg: 0.5,
            range_rate_noise_mps: 0.08,
            range_cell_m: 0.4,
            azimuth_cell_deg: 3.0,
            false_alarms: 1.0,
            ghosts: 0.05,
            clutter_rays: 96,
        }
    }
}

sensor! {
    /// A GNSS receiver; its position is that of the antenna.
    GnssSpec {
        /// Standard deviation of the noise of each fix, horizontal, m.
        #[schemars(range(min = 0.0, max = 100.0))]
        pub horizontal_noise_m: f64,
        /// Standard deviation of the noise of each fix, vertical, m.
        #[schemars(range(min = 0.0, max = 100.0))]
        pub vertical_noise_m: f64,
        /// Standard deviation of the slow error (atmosphere, orbits) in each direction, m.
        #[schemars(range(min = 0.0, max = 100.0))]
        pub drift_m: f64,
        /// Time over which the slow error changes, s.
        #[schemars(range(min = 1.0, max = 10_000.0))]
        pub drift_time_s: f64,
        /// Standard deviation of the velocity in each direction, m/s.
        #[schemars(range(min = 0.0, max = 10.0))]
        pub velocity_noise_mps: f64,
    }
}

impl Default for GnssSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            position: [0.0, 0.0, 1.6],
            rotation_deg: [0.0; 3],
            rate_hz: 5.0,
            phase_s: 0.0,
            latency_s: 0.08,
            jitter_s: 0.005,
            horizontal_noise_m: 0.3,
            vertical_noise_m: 0.6,
            drift_m: 1.2,
            drift_time_s: 120.0,
            velocity_noise_mps: 0.05,
        }
    }
}

sensor! {
    /// An inertial measurement unit: specific force and angular rate.
    ImuSpec {
        /// Noise density of the angular rate, rad/s/√Hz.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub gyro_noise_density: f64,
        /// Noise density of the specific force, m/s²/√Hz.
        #[schemars(range(min = 0.0, max = 10.0))]
        pub accel_noise_density: f64,
        /// Standard deviation of the angular rate's bias at the start, rad/s.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub gyro_bias: f64,
        /// Standard deviation of the specific force's bias at the start, m/s².
        #[schemars(range(min = 0.0, max = 10.0))]
        pub accel_bias: f64,
        /// Random walk of the angular rate's bias, rad/s/√s.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub gyro_bias_walk: f64,
        /// Random walk of the specific force's bias, m/s²/√s.
        #[schemars(range(min = 0.0, max = 10.0))]
        pub accel_bias_walk: f64,
    }
}

impl Default for ImuSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            position: [0.0, 0.0, 0.4],
            rotation_deg: [0.0; 3],
            rate_hz: 100.0,
            phase_s: 0.0,
            latency_s: 0.002,
            jitter_s: 0.0003,
            gyro_noise_density: 1.2e-4,
            accel_noise_density: 1.5e-3,
            gyro_bias: 2e-3,
            accel_bias: 0.03,
            gyro_bias_walk: 2e-5,
            accel_bias_walk: 3e-4,
        }
    }
}

sensor! {
    /// Speed over ground from the wheels.
    WheelSpec {
        /// Standard deviation of each measurement, m/s.
        #[schemars(range(min = 0.0, max = 10.0))]
        pub noise_mps: f64,
        /// Standard deviation of the scale (the wheels' radius), as a fraction; fixed over a drive.
        #[schemars(range(min = 0.0, max = 0.5))]
        pub scale_error: f64,
        /// Smallest step, m/s; 0 for none.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub resolution_mps: f64,
    }
}

impl Default for WheelSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            position: [0.0; 3],
            rotation_deg: [0.0; 3],
            rate_hz: 50.0,
            phase_s: 0.0,
            latency_s: 0.004,
            jitter_s: 0.0005,
            noise_mps: 0.02,
            scale_error: 0.005,
            resolution_mps: 0.01,
        }
    }
}
