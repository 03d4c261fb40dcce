//! `assert` and `ticket`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum AssertCommand {
    /// Check predictions or labels, and signals, by rules that need no truth: sizes, speeds, flicker, teleports, duplicates, …
    ///
    /// The signals of the same recordings are checked with them: clocks, silence, frozen and impossible values, jumps, speeds that contradict each other. What is wrong becomes tickets, one for each cause; checking the same again changes nothing, and a closed ticket whose cause is back is opened again.
    Run(AssertRunArgs),
    /// List the assertions, with how many tickets each has open
    Ls(AssertLsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AssertRunArgs {
    /// What to check: a SELECT that yields frame_id, a dataset (`night-v1`) or one of its splits (`night-v1:val`)
    #[arg(
        long,
        default_value = "SELECT frame_id FROM frames WHERE timestamp_ns IS NOT NULL",
        value_name = "SQL|DATASET[:SPLIT]"
    )]
    pub(crate) on: String,

    /// Check this model's predictions [default: the labels]
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// Take identities from this tracking run over the same predictions
    #[arg(long, value_name = "RUN", requires = "model")]
    pub(crate) tracks: Option<String>,

    /// Learn from the labels of these frames what size and motion is usual for each class
    #[arg(long, value_name = "SQL|DATASET[:SPLIT]")]
    pub(crate) priors: Option<String>,

    /// Rules of your own over the shipped ones
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) rules: Option<PathBuf>,

    /// Walls that nothing can be inside of: GeoJSON polygons in metres, in the world frame of the recordings' poses
    ///
    /// A FeatureCollection of Polygons or MultiPolygons; what is in a hole is outside. A feature with the property `recording` counts in the recording of this name or id alone. A cuboid is inside when its centre is, and three of four corners of its footprint shrunk to half: what touches a facade is not. `guideway world record` writes such a file, solids.geojson.
    #[arg(long, value_name = "FILE.geojson")]
    pub(crate) solids: Option<PathBuf>,

    /// List so many labels that are most likely wrong
    #[arg(long, default_value_t = 20, value_name = "N", conflicts_with = "model")]
    pub(crate) suspects: usize,

    /// Where to compute
    #[arg(long, value_name = "cpu|cuda|wgpu")]
    pub(crate) device: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AssertLsArgs {
    /// Print the shipped rules as the TOML that --rules takes
    #[arg(long)]
    pub(crate) print_rules: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TicketState {
    /// Found, or found again
    Open,
    /// Said to be mended
    Closed,
    /// Said to be no bug
    Dismissed,
    /// Every ticket
    All,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TicketCommand {
    /// List tickets, gravest first
    Ls {
        /// Which
        #[arg(long, value_enum, default_value = "open", value_name = "STATE")]
        state: TicketState,
        /// Only those of this assertion
        #[arg(long, value_name = "RULE")]
        rule: Option<String>,
        /// Rows to print as text at most; other formats print all
        #[arg(long, default_value_t = 100, value_name = "N")]
        max_rows: usize,
    },
    /// Show a ticket with its evidence
    Show {
        /// Ticket id (its first 4 digits or more will do)
        #[arg(value_name = "TICKET")]
        ticket: String,
    },
    /// Say that a ticket's cause is mended; new evidence opens it again
    Close {
        /// Ticket id (its first 4 digits or more will do)
        #[arg(value_name = "TICKET")]
        ticket: String,
        /// How, or why it is no bug
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Say that it is no bug: new evidence is counted and does not open it
        #[arg(long)]
        not_a_bug: bool,
    },
    /// Open a closed or dismissed ticket again
    Reopen {
        /// Ticket id (its first 4 digits or more will do)
        #[arg(value_name = "TICKET")]
        ticket: String,
    },
}
