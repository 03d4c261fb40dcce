//! `label`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum LabelCommand {
    /// Simulated labelers draw on the ground truth of logs, with errors, refusals, time and price
    ///
    /// They see what `ingest` leaves aside: the channels below /ground_truth/ of recorded worlds. Labels go into the table `labels` under the labelers'
    /// names, and what became of each frame, with its time and price, into `answers`. Asked again for the same frames, they give the same answers,
    /// once.
    Oracle(OracleArgs),
}

#[derive(Debug, Args)]
pub(crate) struct OracleArgs {
    /// A selection that `guideway mine` made, or a SELECT that yields frame_id
    #[arg(value_name = "SELECTION|SQL")]
    pub(crate) selection: String,

    /// Who labels: how many, their errors, times and prices (schema: docs/schema/labelers.json) [default: one with the defaults]
    #[arg(long, value_name = "FILE")]
    pub(crate) labelers: Option<PathBuf>,

    /// Draw only objects of these classes [default: all]
    #[arg(long = "class", value_name = "CLASS", value_delimiter = ',')]
    pub(crate) classes: Vec<String>,

    /// The most that it may cost, such as 12.50: an order that could cost more is refused before anybody is asked
    #[arg(long, value_name = "MONEY")]
    pub(crate) budget: Option<String>,

    /// With --budget: label in the order of choice as far as the money is sure to last, instead of refusing
    #[arg(long, requires = "budget")]
    pub(crate) partly: bool,
}
