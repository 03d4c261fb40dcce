//! Arguments of `guideway world`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum WorldCommand {
    /// Print the JSON schema of a world's configuration: every parameter with its meaning, unit, range and default
    Schema {
        /// The schema of a rig file instead
        #[arg(long)]
        rig: bool,
    },
    /// Print a scene with every number fixed, as a configuration that gives it again
    Sample {
        #[command(flatten)]
        setup: SetupArgs,
        /// Which scene of the seed
        #[arg(long, value_name = "N", default_value_t = 0)]
        scene: u64,
    },
    /// Draw a contact sheet: pictures, labels, depth, objects, lidar from above
    Preview(PreviewArgs),
    /// Send a fleet out and bring its logs back, as MCAP with Foxglove's schemas
    ///
    /// Beside the logs it writes solids.geojson: where the buildings of their worlds stand, for `guideway assert run --solids`.
    Record(RecordArgs),
    /// Make independent frames of many scenes, straight into a dataset
    Frames(FramesArgs),
    /// Make a picture again, bit for bit, from the seed and the parameters that it records
    Remake(RemakeArgs),
    /// Count what a configuration gives: classes, sizes, distances, occlusion, light
    Report(ReportArgs),
    /// Measure how many frames a second this machine makes
    Bench(BenchArgs),
}

/// What to make.
#[derive(Debug, Args)]
pub(crate) struct SetupArgs {
    /// The configuration [default: every parameter at its default]
    #[arg(value_name = "WORLD.TOML")]
    pub(crate) config: Option<PathBuf>,

    /// The sensors: default, three_cameras, surround, or a rig file [default: what the configuration names]
    #[arg(long, value_name = "RIG")]
    pub(crate) rig: Option<String>,

    /// The same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    #[command(flatten)]
    pub(crate) setup: SetupArgs,

    /// The PNG file
    #[arg(long, value_name = "FILE", default_value = "preview.png")]
    pub(crate) out: PathBuf,

    /// How many scenes, one a row
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) scenes: u32,
}

#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    #[command(flatten)]
    pub(crate) setup: SetupArgs,

    /// How many drives
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) drives: u32,

    /// Length of each drive, s
    #[arg(long, value_name = "S", default_value_t = 30.0)]
    pub(crate) seconds: f64,

    /// The folder for the logs; those that are there already are not made again
    #[arg(long, value_name = "DIR", default_value = "logs")]
    pub(crate) out: PathBuf,

    /// Leave the logs uncompressed
    #[arg(long)]
    pub(crate) no_compression: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FramesArgs {
    #[command(flatten)]
    pub(crate) setup: SetupArgs,

    /// How many frames
    #[arg(long, value_name = "N")]
    pub(crate) count: u32,

    /// How many of them share a scene, some seconds apart; they stay in one split
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) per_scene: u32,

    /// Name of the dataset
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: String,

    /// Fractions of frames, such as train=0.8,val=0.2 [default: train=0.8,val=0.2]
    #[arg(long, value_name = "NAME=FRACTION,…")]
    pub(crate) split: Option<String>,

    /// Keep only labels of these classes [default: all that occur]
    #[arg(long, value_delimiter = ',', value_name = "CLASS,…")]
    pub(crate) classes: Vec<String>,

    /// Labels of a smaller area are kept as to be ignored: neither learnt nor counted [px²; the mask's, else the box's]
    #[arg(long, value_name = "PX2", default_value_t = 0.0)]
    pub(crate) min_area: f64,
}

#[derive(Debug, Args)]
pub(crate) struct RemakeArgs {
    /// The id of a frame that `world frames` made; or a file (`-`: standard input) with what `log cat` prints of
    /// /ground_truth/CAMERA/scene with `--output-format json`
    #[arg(value_name = "FRAME|FILE")]
    pub(crate) origin: String,

    /// The JPEG file
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) setup: SetupArgs,

    /// How many frames
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) count: u32,

    /// An SVG file for the histograms
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// The sensors: the first camera and the first lidar are measured
    #[arg(long, value_name = "RIG")]
    pub(crate) rig: Option<String>,

    /// Seed of the scene
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// How many frames
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) frames: u32,
}
