//! Checks and generators of the guideway workspace: `cargo xtask <command>`.
//!
//! | command | what it does |
//! |---|---|
//! | `check-layers` | the dependency arrows are those of `xtask/layers.toml` ([`layers`]) |
//! | `check-features` | building and testing ask for the same dependencies ([`features`]) |
//! | `check-size` | no source file grows too long ([`size`]) |
//! | `check-words` | no leftovers such as unfinished-code macros ([`words`]) |
//! | `gen` | writes the CLI reference and the configuration schemas, or compares them ([`generate`]) |
//! | `clippy` | lints on top of the ordinary build's artefacts ([`clippy`]) |
//! | `ci` | the jobs above and the tests, one command for each ([`ci`]) |
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool of the workspace"
)]

mod ci;
mod clippy;
mod features;
mod generate;
mod layers;
mod project;
mod size;
mod words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The arguments.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    about = "Checks and generators of the guideway workspace",
    version
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
enum Command {
    /// Check the dependency arrows against xtask/layers.toml
    CheckLayers,
    /// Check that building and testing select the same features of every dependency
    CheckFeatures,
    /// Check that no source file grows too long
    CheckSize,
    /// Check that no unfinished-code markers are left in Rust files
    CheckWords,
    /// Write docs/cli.md and docs/schema/*.json from the built program
    Gen {
        /// Compare only; fail where a file on disk differs
        #[arg(long)]
        check: bool,
    },
    /// Lint the workspace, reusing the dependencies of the ordinary release build
    Clippy {
        /// Lint these packages only (default: the whole workspace)
        #[arg(short, long = "package", value_name = "NAME")]
        packages: Vec<String>,
    },
    /// Run checks as the continuous integration does
    Ci {
        /// Jobs to run, or `all`; see `ci --list`
        #[arg(required_unless_present = "list", value_name = "JOB")]
        jobs: Vec<String>,
        /// List the jobs with what they do
        #[arg(long)]
        list: bool,
        /// Run the package-wise jobs (clippy, test, doc) on these packages only (default: the whole workspace)
        #[arg(short, long = "package", value_name = "NAME")]
        packages: Vec<String>,
    },
}

fn main() -> ExitCode {
    // As cargo's compiler wrapper the arguments are the compiler's own, not ours.
    if let Some(driver) = clippy::wrapped_driver() {
        return clippy::wrapper_main(&driver);
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one command.
fn run(args: &Args) -> anyhow::Result<()> {
    let project = project::Project::find()?;
    match &args.command {
        Command::CheckLayers => layers::run(&project),
        Command::CheckFeatures => features::run(&project),
        Command::CheckSize => size::run(&project),
        Command::CheckWords => words::run(&project),
        Command::Gen { check } => generate::run(&project, *check),
        Command::Clippy { packages } => clippy::run(&project, packages),
        Command::Ci { list: true, .. } => {
            ci::list();
            Ok(())
        }
        Command::Ci { jobs, packages, .. } => ci::run(&project, jobs, packages),
    }
}
