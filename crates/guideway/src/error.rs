//! The facade's error: what failed, where, and what to do next.

use std::path::{Path, PathBuf};

use guideway_assert::AssertError;
use guideway_core::hint::for_io;
use guideway_core::{Hint, exit};
use guideway_eval::EvalError;
use guideway_ingest::media::MediaError;
use guideway_ingest::write::WriteError;
use guideway_label::LabelError;
use guideway_mine::MineError;
use guideway_schema::{SinkError, SourceError};
use guideway_store::StoreError;
use guideway_train::TrainError;
use thiserror::Error as ThisError;

/// An error of any use case.
#[derive(Debug, ThisError)]
#[error(transparent)]
pub struct Error(Box<ErrorKind>);

/// What failed.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file could not be read, written or renamed.
    #[error("could not {action} {}", path.display())]
    Io {
        /// `read`, `write`, ….
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Results could not be printed.
    #[error("could not print the result")]
    Output {
        /// Why.
        source: std::io::Error,
    },
    /// No workspace here.
    #[error("no workspace: neither {} nor a folder above it holds guideway.toml", path.display())]
    NoWorkspace {
        /// Where the search began.
        path: PathBuf,
    },
    /// No workspace in the folder that was named.
    #[error("no workspace: {} holds no guideway.toml", path.display())]
    NotAWorkspace {
        /// The folder.
        path: PathBuf,
    },
    /// The file of extra class names is broken.
    #[error("{message}\n  in the class names of {}", path.display())]
    ClassNames {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
        /// What to do, where more is known.
        hint: Option<String>,
    },
    /// A settings file is broken.
    #[error("{message}\n  in the settings file {}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What TOML says.
        message: String,
    },
    /// A setting has a bad value.
    #[error("setting `{key}` is wrong: {message} ({origin})")]
    Setting {
        /// The setting.
        key: String,
        /// What is wrong.
        message: String,
        /// Where the value comes from.
        origin: String,
    },
    /// A value on the command line does not make sense.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What would be right.
        hint: Option<String>,
    },
    /// The work was done, and its result is bad.
    #[error("{message}")]
    Failed {
        /// What is bad.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The work was stopped on request.
    #[error("interrupted: {message}")]
    Interrupted {
        /// What was done and is kept.
        message: String,
        /// How to go on.
        hint: String,
    },
    /// A name that is not in the workspace.
    #[error("there is no {kind} `{name}` in this workspace")]
    NotFound {
        /// `channel`, `table`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What to do.
        hint: String,
    },
    /// A query, a split or a pattern matched nothing.
    #[error("{message}")]
    NothingSelected {
        /// What was empty.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A split would separate frames that belong together.
    #[error(
        "{} in more than one split, so that validation would see what training saw: {examples}",
        if *count == 1 { "a group lies".to_owned() } else { format!("{count} groups lie") }
    )]
    Straddle {
        /// How many.
        count: usize,
        /// Some of them.
        examples: String,
    },
    /// A plot could not be drawn.
    #[error("could not draw the plot `{title}`: {message}")]
    Plot {
        /// Its title.
        title: String,
        /// What the drawing library says.
        message: String,
    },
    /// Something inside a stored thing cannot be understood.
    #[error("{what} cannot be read: {message}")]
    Corrupt {
        /// What it is.
        what: String,
        /// What is wrong with it.
        message: String,
    },
    /// Reading a recording failed.
    #[error(transparent)]
    Source(#[from] guideway_schema::SourceError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Training or prediction failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A detector's file is wrong.
    #[error("{source}\n  in {}", path.display())]
    DetectorFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TrainError,
    },
    /// Assertions or tickets that cannot be.
    #[error(transparent)]
    Assert(#[from] AssertError),
    /// A file of assertions is wrong.
    #[error("{source}\n  in {}", path.display())]
    RulesFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: AssertError,
    },
    /// A file of walls is wrong.
    #[error("{source}\n  in {}", path.display())]
    SolidsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and at which feature.
        source: AssertError,
    },
    /// A gate's file is wrong.
    #[error("{message}\n  in {}", path.display())]
    GateFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A file of results made elsewhere is wrong.
    #[error("{problem}\n  in {place} of {}", path.display())]
    ResultsFile {
        /// What is wrong.
        problem: String,
        /// Where in the file.
        place: String,
        /// The file.
        path: PathBuf,
        /// What to do.
        hint: String,
    },
    /// Evaluation failed.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A selection failed.
    #[error(transparent)]
    Mine(#[from] MineError),
    /// Labelling failed.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// A labelers file is wrong.
    #[error("{source}\n  in {}", path.display())]
    LabelersFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: LabelError,
    },
    /// A budget does not pay for what it is meant for. Nothing was paid.
    #[error("{message}")]
    TooDear {
        /// What is too dear.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A loop's or an experiment's file is wrong.
    #[error("{message}\n  in {}", path.display())]
    LoopFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
        /// What to do, where more is known.
        hint: Option<String>,
    },
    /// A file of an evaluation's parameters is wrong.
    #[error("cannot read the parameters in {}", path.display())]
    ParamsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The file of parameters of rule sets cannot be read.
    #[error("cannot read the parameters in {}", path.display())]
    RuleParamsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Reading a log failed.
    #[error(transparent)]
    Log(#[from] guideway_ingest::mcap::McapError),
    /// Fetching media failed.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Writing another format failed.
    #[error(transparent)]
    Export(#[from] guideway_ingest::export::ExportError),
    /// Writing a log failed.
    #[error(transparent)]
    LogWrite(#[from] WriteError),
    /// A log could not be recorded.
    #[error("could not record {}", path.display())]
    Recording {
        /// The log.
        path: PathBuf,
        /// Why.
        source: WriteError,
    },
    /// A world cannot be made.
    #[error(transparent)]
    World(#[from] guideway_world::WorldError),
}

macro_rules! from {
    ($($source:ty),+ $(,)?) => {$(
        impl From<$source> for Error {
            fn from(source: $source) -> Self {
                Self(Box::new(ErrorKind::from(source)))
            }
        }
    )+};
}

// One by one: a blanket impl would overlap with `From<Error> for Error`.
from!(
    ErrorKind,
    guideway_schema::SourceError,
    StoreError,
    TrainError,
    AssertError,
    EvalError,
    MineError,
    LabelError,
    guideway_ingest::mcap::McapError,
    MediaError,
    guideway_ingest::export::ExportError,
    WriteError,
    guideway_world::WorldError,
);

impl Error {
    /// Names the log whose writer failed.
    pub(crate) fn of_recording(self, path: &Path) -> Self {
        match *self.0 {
            ErrorKind::LogWrite(source) => Self(Box::new(ErrorKind::Recording {
                path: path.to_owned(),
                source,
            })),
            other => Self(Box::new(other)),
        }
    }

    /// What failed.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// A failed file operation.
    pub fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        ErrorKind::Io {
            action,
            path: path.to_owned(),
            source,
        }
        .into()
    }

    /// Results that could not be printed.
    pub fn output(source: std::io::Error) -> Self {
        ErrorKind::Output { source }.into()
    }

    /// A value that does not make sense.
    pub fn usage(message: impl Into<String>, hint: impl Into<Option<String>>) -> Self {
        ErrorKind::Usage {
            message: message.into(),
            hint: hint.into(),
        }
        .into()
    }

    /// A command that failed for a reason that it has printed.
    pub fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        ErrorKind::Failed {
            message: message.into(),
            hint: hint.into(),
        }
        .into()
    }

    /// A name that is not there.
    pub fn not_found(kind: &'static str, name: &str, hint: impl Into<String>) -> Self {
        ErrorKind::NotFound {
            kind,
            name: name.to_owned(),
            hint: hint.into(),
        }
        .into()
    }

    /// Stored bytes that make no sense.
    pub fn corrupt(what: impl Into<String>, message: impl std::fmt::Display) -> Self {
        ErrorKind::Corrupt {
            what: what.into(),
            message: message.to_string(),
        }
        .into()
    }

    /// The reader of stdout has gone away: no error to a person.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self.kind(), ErrorKind::Output { source } if source.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// The exit code of a command that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self.kind() {
            ErrorKind::Usage { .. }
            | ErrorKind::TooDear { .. }
            | ErrorKind::World(guideway_world::WorldError::Parameter { .. })
            | ErrorKind::Store(StoreError::BadName { .. })
            | ErrorKind::Mine(MineError::Parameter { .. })
            | ErrorKind::GateFile { .. }
            | ErrorKind::SolidsFile { .. }
            | ErrorKind::RulesFile { .. }
            | ErrorKind::LoopFile { .. }
            | ErrorKind::RuleParamsFile { .. }
            | ErrorKind::Eval(EvalError::Parameter { .. }) => exit::USAGE,
            ErrorKind::NothingSelected { .. } => exit::NOTHING_SELECTED,
            ErrorKind::Interrupted { .. } => exit::INTERRUPTED,
            _ => exit::FAILED,
        }
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self.kind() {
            ErrorKind::NoWorkspace { .. } | ErrorKind::NotAWorkspace { .. } => {
                Some("make one with `guideway init DIR`, or name one with --workspace DIR".to_owned())
            }
            ErrorKind::Config { .. } => Some("`guideway config show` lists the settings and their defaults".to_owned()),
            ErrorKind::ClassNames { hint, .. } => hint.clone().or_else(|| {
                Some("the file maps names to classes: `[datasets.yolo]` and below it `auto = \"car\"`".to_owned())
            }),
            ErrorKind::Usage { hint, .. } | ErrorKind::NothingSelected { hint, .. } => hint.clone(),
            ErrorKind::TooDear { hint, .. }
            | ErrorKind::NotFound { hint, .. }
            | ErrorKind::Failed { hint, .. }
            | ErrorKind::GateFile { hint, .. }
            | ErrorKind::ResultsFile { hint, .. }
            | ErrorKind::Interrupted { hint, .. } => Some(hint.clone()),
            ErrorKind::Straddle { .. } => {
                Some("leave out --group-by frame, or let the query put whole recordings into one split".to_owned())
            }
            ErrorKind::Corrupt { .. } => Some("`guideway doctor --deep` says what else is damaged".to_owned()),
            ErrorKind::Source(err) => match err {
                // The store's own words help more than what a reader can say about it.
                SourceError::Sink(SinkError(cause)) => cause
                    .downcast_ref::<StoreError>()
                    .map_or_else(|| err.hint(), Hint::hint),
                _ => err.hint(),
            },
            ErrorKind::Store(err) => err.hint(),
            ErrorKind::Train(TrainError::Source { source, .. } | TrainError::Evaluate { source, .. }) => {
                hint_of(source.as_ref())
            }
            ErrorKind::Train(err) => err.hint(),
            ErrorKind::DetectorFile { source, .. } => source.hint(),
            ErrorKind::Assert(err)
            | ErrorKind::RulesFile { source: err, .. }
            | ErrorKind::SolidsFile { source: err, .. } => err.hint(),
            ErrorKind::LoopFile { hint, .. } => hint.clone().or_else(|| {
                Some("`guideway docs schema loop` and `guideway docs schema experiment` list every key".to_owned())
            }),
            ErrorKind::ParamsFile { .. } => Some(
                "`guideway eval files --format FORMAT --print-params` writes a whole file, to be changed".to_owned(),
            ),
            ErrorKind::RuleParamsFile { .. } => Some(
                "it is a JSON object with one object for each rule set, such as {\"kitti\": {…}, \"nuscenes\": {…}}"
                    .to_owned(),
            ),
            ErrorKind::Setting { .. } => Some("change it there, or remove it for the default".to_owned()),
            ErrorKind::Eval(err) => err.hint(),
            ErrorKind::Mine(err) => err.hint(),
            ErrorKind::Label(err) | ErrorKind::LabelersFile { source: err, .. } => err.hint(),
            ErrorKind::Log(err) => err.hint(),
            ErrorKind::Media(err) => err.hint(),
            ErrorKind::Export(err) => err.hint(),
            ErrorKind::LogWrite(err) | ErrorKind::Recording { source: err, .. } => err.hint(),
            ErrorKind::World(err) => err.hint(),
            ErrorKind::Io { source, .. } => {
                for_io(source).or_else(|| Some("check that the folder can be written to and has room".to_owned()))
            }
            ErrorKind::Output { source } => for_io(source).or_else(|| Some("check where stdout goes".to_owned())),
            ErrorKind::Plot { .. } => None,
        }
    }
}

/// The hint of an error of ours that passed through a crate that does not know it.
fn hint_of(err: &(dyn std::error::Error + 'static)) -> Option<String> {
    let ours = [
        err.downcast_ref::<Error>().map(|err| err as &dyn Hint),
        err.downcast_ref::<StoreError>().map(|err| err as _),
        err.downcast_ref::<MediaError>().map(|err| err as _),
        err.downcast_ref::<EvalError>().map(|err| err as _),
        err.downcast_ref::<MineError>().map(|err| err as _),
    ];
    ours.into_iter().flatten().next()?.hint()
}
