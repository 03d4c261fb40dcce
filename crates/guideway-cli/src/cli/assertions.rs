//! `assert` and `ticket`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum AssertCommand {
    /// Check predictions or labels by rules that need no truth: sizes, speeds, flicker, teleports, duplicates, …
    ///
    /// What is wrong becomes tickets, one for each cause; checking the same again changes nothing, and a closed ticket whose cause is back is opened again.
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

    /// Rules of your own over the shipped ones
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) rules: Option<PathBuf>,

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

#[derive(Debug, Subcommand)]
pub(crate) enum TicketCommand {
    /// List the open tickets, gravest first
    Ls {
        /// The closed ones too
        #[arg(long)]
        all: bool,
        /// Only those of this assertion
        #[arg(long, value_name = "RULE")]
        rule: Option<String>,
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
        /// How
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}
