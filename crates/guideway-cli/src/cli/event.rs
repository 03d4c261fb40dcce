//! `event`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// List the mistakes of an evaluation over time, gravest first
    ///
    /// What is wrong about one object in many frames in a row is one event; what is wrong in single frames is in the table events.
    Ls(LsArgs),
    /// Show an event: when, what, why, and every frame of it
    Show {
        /// Event id (its first 4 digits or more will do)
        #[arg(value_name = "EVENT")]
        event: String,
    },
    /// Write the seconds around an event as a page: cameras with labels and predictions, lidar from above, the ego's speed
    Open(OpenArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Run id of the evaluation (its first 4 digits or more will do) [default: the newest]
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,

    /// Only where this holds, on the columns of the table mistakes
    #[arg(long = "where", value_name = "SQL")]
    pub(crate) condition: Option<String>,

    /// At most this many
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// Event id (its first 4 digits or more will do)
    #[arg(value_name = "EVENT")]
    pub(crate) event: String,

    /// Seconds before and after it
    #[arg(long, default_value_t = 2.0, value_name = "S")]
    pub(crate) seconds: f64,

    /// The page [default: reports/events/EVENT.html in the workspace]
    #[arg(long, value_name = "FILE.html")]
    pub(crate) out: Option<PathBuf>,

    /// Write those seconds as a log for Rerun or Foxglove as well, with predictions and what was wrong
    #[arg(long, value_name = "FILE.mcap")]
    pub(crate) rerun: Option<PathBuf>,
}
