//! What can be wrong with what a world is asked for.

use std::path::PathBuf;

use guideway_core::Hint;
use guideway_core::hint::for_io;

/// A world that cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// A parameter outside its range, or of the wrong type.
    #[error("{origin}: parameter `{parameter}` is {value}, allowed is {allowed}")]
    Parameter {
        /// File, or `the program`.
        origin: String,
        /// Dotted path: `weather.rain_mm_per_h`.
        parameter: String,
        /// The value as given.
        value: String,
        /// What is allowed.
        allowed: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A rig that contradicts itself.
    #[error("{origin}: sensor `{sensor}`: `{parameter}` is {value}, but {problem}")]
    Rig {
        /// The rig file.
        origin: String,
        /// Name of the sensor.
        sensor: String,
        /// Its parameter.
        parameter: String,
        /// The value as given.
        value: String,
        /// What is wrong.
        problem: String,
    },
    /// An OpenDRIVE file that cannot be used.
    #[error("{}:{line}: element `{element}`: {problem}", path.display())]
    OpenDrive {
        /// The file.
        path: PathBuf,
        /// Line in it.
        line: u32,
        /// Path of the element: `road[id=7]/lanes/laneSection[1]`.
        element: String,
        /// What is wrong, with the value and what is allowed.
        problem: String,
    },
    /// A file that could not be read or written.
    #[error("{}: {action} failed: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: `reading`, `writing`.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A file that is not what it should be.
    #[error("{origin}: {problem}")]
    Syntax {
        /// File and line.
        origin: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// A rig without a sensor that is needed.
    #[error("{origin} has no {kind}: {problem}")]
    NoSensor {
        /// The rig: built-in, or a file.
        origin: String,
        /// `camera`, `lidar`.
        kind: &'static str,
        /// What it is needed for.
        problem: &'static str,
    },
    /// A picture that could not be labelled or encoded.
    #[error("a picture of {width}×{height} px: {problem}")]
    Picture {
        /// Width, px.
        width: u32,
        /// Height, px.
        height: u32,
        /// Why.
        problem: String,
    },
    /// No world can be made from these parameters (no drivable lane, no route, …).
    #[error("no world with seed {seed}: {problem}")]
    Impossible {
        /// The seed.
        seed: u64,
        /// What is missing.
        problem: String,
        /// What to do.
        hint: String,
    },
}

impl WorldError {
    pub(crate) const RIG_HINT: &str = "`guideway world schema --rig` describes a rig file";
    pub(crate) const ROAD_HINT: &str = "check the file with an OpenDRIVE viewer, or leave `road.opendrive` out";
    pub(crate) const OUR_FAULT: &str = "this is a fault of guideway: please report it with the command and its files";
}

impl Hint for WorldError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Parameter { hint, .. } => hint
                .clone()
                .or_else(|| Some("`guideway world schema` lists every parameter with its unit and range".to_owned())),
            Self::Rig { .. } | Self::NoSensor { .. } => Some(Self::RIG_HINT.to_owned()),
            Self::OpenDrive { .. } => Some(Self::ROAD_HINT.to_owned()),
            Self::Picture { .. } => Some("set a smaller `width` and `height` for the camera in the rig".to_owned()),
            Self::Io { source, .. } => for_io(source),
            Self::Syntax { hint, .. } => Some((*hint).to_owned()),
            Self::Impossible { hint, .. } => Some(hint.clone()),
        }
    }
}
