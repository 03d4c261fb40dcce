//! The rig: which sensors the ego vehicle carries, where, and how good they are.

mod check;
mod spec;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::WorldError;

pub use spec::{CameraSpec, Common, GnssSpec, ImuSpec, LensModel, LidarSpec, RadarSpec, WheelSpec};

/// A rig file: any number of sensors of each kind.
///
/// ```
/// let rig = guideway_world::sensors::Rig::parse(
///     "[[camera]]\nname = \"front\"\nhorizontal_fov_deg = 60\n\n[[lidar]]\nname = \"top\"\nchannels = 16",
///     "my-rig.toml",
/// )?;
/// assert_eq!(rig.cameras[0].camera().unwrap().intrinsics().width, 640);
/// assert_eq!(rig.lidars[0].vertical_angles().len(), 16);
/// # Ok::<(), guideway_world::WorldError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rig {
    /// Cameras.
    #[serde(rename = "camera", skip_serializing_if = "Vec::is_empty")]
    pub cameras: Vec<CameraSpec>,
    /// Lidars.
    #[serde(rename = "lidar", skip_serializing_if = "Vec::is_empty")]
    pub lidars: Vec<LidarSpec>,
    /// Radars.
    #[serde(rename = "radar", skip_serializing_if = "Vec::is_empty")]
    pub radars: Vec<RadarSpec>,
    /// GNSS receivers.
    #[serde(rename = "gnss", skip_serializing_if = "Vec::is_empty")]
    pub gnss: Vec<GnssSpec>,
    /// Inertial measurement units.
    #[serde(rename = "imu", skip_serializing_if = "Vec::is_empty")]
    pub imus: Vec<ImuSpec>,
    /// Wheel speed sensors.
    #[serde(rename = "wheel", skip_serializing_if = "Vec::is_empty")]
    pub wheels: Vec<WheelSpec>,
}

/// A sensor of a rig: its kind, and its place in the list of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SensorRef {
    /// Index into [`Rig::cameras`].
    Camera(usize),
    /// Index into [`Rig::lidars`].
    Lidar(usize),
    /// Index into [`Rig::radars`].
    Radar(usize),
    /// Index into [`Rig::gnss`].
    Gnss(usize),
    /// Index into [`Rig::imus`].
    Imu(usize),
    /// Index into [`Rig::wheels`].
    Wheel(usize),
}

impl std::fmt::Display for SensorRef {
    /// Its place in a rig file, from 0: `camera[0]`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, index) = match self {
            Self::Camera(i) => ("camera", i),
            Self::Lidar(i) => ("lidar", i),
            Self::Radar(i) => ("radar", i),
            Self::Gnss(i) => ("gnss", i),
            Self::Imu(i) => ("imu", i),
            Self::Wheel(i) => ("wheel", i),
        };
        write!(f, "{kind}[{index}]")
    }
}

impl Rig {
    /// Names of the built-in rigs.
    pub const BUILTIN: [&'static str; 3] = ["default", "three_cameras", "surround"];

    /// Reads and checks a rig file; `origin` (its path) is named in errors.
    ///
    /// # Errors
    /// [`WorldError::Syntax`] for what is no rig file (with line and column), [`WorldError::Rig`] for a sensor that has a
    /// value outside its range or contradicts itself or another.
    pub fn parse(text: &str, origin: &str) -> Result<Self, WorldError> {
        check::models(text, origin)?;
        let rig: Self = toml::from_str(text).map_err(|err| check::syntax(&err, origin))?;
        rig.check(origin)?;
        Ok(rig)
    }

    /// A rig that comes with the program: `default`, `three_cameras` or `surround`.
    ///
    /// # Errors
    /// [`WorldError::Syntax`] for another name.
    pub fn builtin(name: &str) -> Result<Self, WorldError> {
        let text = match name {
            "default" => include_str!("default.toml"),
            "three_cameras" => include_str!("three_cameras.toml"),
            "surround" => include_str!("surround.toml"),
            _ => {
                return Err(WorldError::Syntax {
                    origin: "rig".to_owned(),
                    problem: format!(
                        "no rig is named `{name}`: built in are {}; a file is given by its path",
                        Self::BUILTIN.join(", ")
                    ),
                    hint: WorldError::RIG_HINT,
                });
            }
        };
        Self::parse(text, name)
    }

    /// The rig as a file that [`Rig::parse`] reads back to the same rig.
    ///
    /// # Errors
    /// [`WorldError::Syntax`] for numbers that TOML cannot hold; no checked rig has any.
    pub fn to_toml(&self) -> Result<String, WorldError> {
        toml::to_string(self).map_err(|err| WorldError::Syntax {
            origin: "rig".to_owned(),
            problem: err.to_string(),
            hint: WorldError::OUR_FAULT,
        })
    }

    /// The JSON schema of a rig file, with the range of every number.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Checks a rig that was put together in memory, as [`Rig::parse`] does.
    ///
    /// # Errors
    /// [`WorldError::Rig`] for a value outside its range, or sensors that contradict themselves or each other.
    pub fn check(&self, origin: &str) -> Result<(), WorldError> {
        check::ranges(self, origin)?;
        check::contradictions(self, origin)
    }

    /// Every sensor: cameras first, then lidars, radars, GNSS, IMUs, wheels.
    pub fn sensors(&self) -> Vec<(SensorRef, Common<'_>)> {
        let mut all = Vec::new();
        all.extend(
            self.cameras
                .iter()
                .enumerate()
                .map(|(i, s)| (SensorRef::Camera(i), s.common())),
        );
        all.extend(
            self.lidars
                .iter()
                .enumerate()
                .map(|(i, s)| (SensorRef::Lidar(i), s.common())),
        );
        all.extend(
            self.radars
                .iter()
                .enumerate()
                .map(|(i, s)| (SensorRef::Radar(i), s.common())),
        );
        all.extend(
            self.gnss
                .iter()
                .enumerate()
                .map(|(i, s)| (SensorRef::Gnss(i), s.common())),
        );
        all.extend(
            self.imus
                .iter()
                .enumerate()
                .map(|(i, s)| (SensorRef::Imu(i), s.common())),
        );
        all.extend(
            self.wheels
                .iter()
                .enumerate()
                .map(|(i, s)| (SensorRef::Wheel(i), s.common())),
        );
        all
    }
}
