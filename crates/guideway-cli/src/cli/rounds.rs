//! `loop` and `experiment`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum LoopCommand {
    /// Run a loop until its goal is reached, its rounds are done or its money is spent
    ///
    /// The seed set is labelled and a detector trained on it; then, round by round, frames are chosen, labelled by simulated labelers, and learnt from.
    /// Everything is kept as soon as it is done: a loop that was killed goes on where it was when it is run again, to the same end. The report, with plots
    /// and pictures, lies in the workspace's folder `reports/loops/NAME`.
    Run(LoopArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LoopArgs {
    /// The loop's TOML file (schema: docs/schema/loop.json)
    #[arg(value_name = "LOOP.TOML")]
    pub(crate) file: PathBuf,

    /// Where to compute
    #[arg(long, value_name = "cpu|cuda|wgpu")]
    pub(crate) device: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExperimentCommand {
    /// Run every arm with every seed, and compare them on a test set that none of them chose
    ///
    /// Arms of one seed begin with the same models, and label the same number of frames or, where `round.labels` is set, for the same money. The report, with
    /// intervals over the seeds, plots and pictures, lies in the workspace's folder `reports/experiments/NAME`. An experiment that was killed goes on where
    /// it was when it is run again.
    Run(ExperimentArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ExperimentArgs {
    /// The experiment's TOML file (schema: docs/schema/experiment.json)
    #[arg(value_name = "AB.TOML")]
    pub(crate) file: PathBuf,

    /// Where to compute
    #[arg(long, value_name = "cpu|cuda|wgpu")]
    pub(crate) device: Option<String>,
}
