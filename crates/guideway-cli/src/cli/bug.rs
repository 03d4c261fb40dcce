//! `bug`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum BugCommand {
    /// Open a bug: events of one evaluation that belong together
    ///
    /// Their frames are frozen as the bug's test, and what the events have in common is looked for. The bug is closed by a model that passes the test without
    /// losing elsewhere (`bug check`).
    New(NewArgs),
    /// List the bugs
    Ls,
    /// Show a bug, its test, and what happened to it
    Status {
        /// Title, or id (its first 4 digits or more will do)
        #[arg(value_name = "BUG")]
        bug: String,
    },
    /// Choose frames that show the like of a bug's objects, to be labelled
    Mine(MineBugArgs),
    /// Test a model: is what was wrong right now, and nothing else worse? Exit code 10 when not
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// What is wrong, in a sentence
    #[arg(value_name = "TITLE")]
    pub(crate) title: String,

    /// A SELECT over the table events that yields event_id; all of one evaluation
    #[arg(long, value_name = "SQL")]
    pub(crate) events: String,

    /// The part of the events that a model must do right to pass
    #[arg(long, default_value_t = 0.5, value_name = "PART")]
    pub(crate) threshold: f64,
}

#[derive(Debug, Args)]
pub(crate) struct MineBugArgs {
    /// Title, or id (its first 4 digits or more will do)
    #[arg(value_name = "BUG")]
    pub(crate) bug: String,

    /// The pool: a SELECT that yields frame_id, a dataset (`night-v1`) or one of its splits (`night-v1:val`)
    #[arg(
        long,
        default_value = "SELECT frame_id FROM frames WHERE modality = 'camera'",
        value_name = "SQL|DATASET[:SPLIT]"
    )]
    pub(crate) from: String,

    /// How many frames to choose
    #[arg(long, value_name = "N")]
    pub(crate) budget: usize,

    /// The model that describes what frames show [default: the one that made the mistakes]
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// Where to compute
    #[arg(long, value_name = "cpu|cuda|wgpu")]
    pub(crate) device: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Title, or id (its first 4 digits or more will do)
    #[arg(value_name = "BUG")]
    pub(crate) bug: String,

    /// The model to test
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: String,

    /// The model that it must not be worse than elsewhere [default: the one that made the mistakes]
    #[arg(long, value_name = "MODEL")]
    pub(crate) baseline: Option<String>,

    /// Where to compute
    #[arg(long, value_name = "cpu|cuda|wgpu")]
    pub(crate) device: Option<String>,
}
