//! What every command needs: the global options, the workspace, the console.

use std::io::Write as _;

use guideway::core::exit;
use guideway::{Error, Workspace};

use crate::cli::{ColorChoice, Global, OutputFormat};
use crate::interrupt;
use crate::output::Report;
use crate::progress::Console;

/// How a command ended, short of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All done.
    Done,
    /// Finished, but with damage, warnings or data left out.
    Incomplete,
    /// Nothing matched.
    NothingSelected,
    /// A gate was not met.
    GateNotMet,
}

impl Outcome {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => exit::OK,
            Self::Incomplete => exit::INCOMPLETE,
            Self::NothingSelected => exit::NOTHING_SELECTED,
            Self::GateNotMet => exit::GATE_NOT_MET,
        }
    }
}

/// The surroundings of a command.
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) console: Console,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        match global.color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        let console = Console::new(&global);
        Self { global, console }
    }

    /// The workspace of `--workspace`, or the one that this folder is in.
    pub(crate) fn workspace(&self) -> Result<Workspace, Error> {
        let workspace = match &self.global.workspace {
            Some(dir) => Workspace::open(dir),
            None => Workspace::discover(),
        }?;
        for line in workspace.settings().unknown_keys() {
            self.console.say(&format!("\u{1b}[33mwarning\u{1b}[0m: {line}"));
        }
        Ok(workspace)
    }

    /// The same, for a command that Ctrl-C stops at a safe point instead of at once.
    pub(crate) fn interruptible_workspace(&self) -> Result<Workspace, Error> {
        let workspace = self.workspace()?;
        interrupt::listen(workspace.interrupt().clone(), self.console.clone());
        Ok(workspace)
    }

    /// The format of results.
    pub(crate) fn format(&self) -> OutputFormat {
        self.global.output_format
    }

    /// Prints a result on stdout.
    pub(crate) fn print(&self, report: &Report) -> Result<(), Error> {
        let mut out = anstream::stdout().lock();
        report
            .write(self.format(), &mut out)
            .and_then(|()| out.flush())
            .map_err(Error::output)
    }

    /// `Incomplete` when anything was warned about, else `Done`.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.console.has_warned() {
            Outcome::Incomplete
        } else {
            Outcome::Done
        }
    }
}
