//! `track`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Follow what a model detects from frame to frame.
///
/// Tracks are rows of the table `tracks`: where each object is in each frame, filtered, with its velocity, also in frames in which it was not detected for a moment.
///
/// In images the boxes of each camera are tracked by themselves; where the recording has poses and calibration, what the camera's turning does to the image is taken into account. In the
/// world the cuboids of all sensors are tracked together, in the world frame. Objects are followed by Kalman filters and assigned in stages, as in ByteTrack; all that can be chosen is in --params.
#[derive(Debug, Args)]
pub(crate) struct TrackArgs {
    /// Model name, or id (its first 4 digits or more will do)
    #[arg(value_name = "MODEL", required_unless_present = "print_params")]
    pub(crate) model: Option<String>,

    /// A dataset (`night-v1`), one of its splits (`night-v1:val`), or a SELECT that yields frame_id; frames without a stamp are left out
    #[arg(long, value_name = "DATASET[:SPLIT]|SQL", required_unless_present = "print_params")]
    pub(crate) on: Option<String>,

    /// Where to follow objects [default: world if the model predicts cuboids]
    #[arg(long, value_enum, value_name = "SPACE")]
    pub(crate) space: Option<Space>,

    /// Gates, noise, birth and death, for all classes and for each by its name
    #[arg(long, value_name = "FILE.json")]
    pub(crate) params: Option<PathBuf>,

    /// Print the parameters as the JSON that --params takes
    #[arg(long, conflicts_with_all = ["model", "on", "params"])]
    pub(crate) print_params: bool,

    /// Where to compute
    #[arg(long, value_name = "cpu|cuda|wgpu")]
    pub(crate) device: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Space {
    /// Boxes in each camera's images
    Image,
    /// Cuboids in the world
    World,
}
