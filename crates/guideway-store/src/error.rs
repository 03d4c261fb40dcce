//! What can go wrong in the store.

use std::path::{Path, PathBuf};

use guideway_core::Hint;
use guideway_core::hint::for_io;
use guideway_schema::{SchemaError, VersionError};
use thiserror::Error;

/// The result of a store operation.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Any error of the store.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No workspace data there.
    #[error("there is no workspace data at {}", path.display())]
    NotAWorkspace {
        /// The data root.
        path: PathBuf,
    },
    /// A workspace is there already.
    #[error("there is a workspace already at {}", path.display())]
    AlreadyInitialised {
        /// The data root.
        path: PathBuf,
    },
    /// Tables with rows lie there, but no catalog that names them.
    #[error("table `{table}` has {rows} rows but the catalog is missing at {}", path.display())]
    CatalogLost {
        /// The table.
        table: &'static str,
        /// Its rows.
        rows: u64,
        /// The data root.
        path: PathBuf,
    },
    /// The workspace's format is not ours.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The format version in the catalog makes no sense.
    #[error("the catalog says format version `{text}`, which is no version: {}", path.display())]
    BadVersion {
        /// What it says.
        text: String,
        /// The catalog.
        path: PathBuf,
    },
    /// Another writer is at work.
    #[error("another process is writing to this workspace ({holder}): {}", path.display())]
    Locked {
        /// Who, as far as known.
        holder: String,
        /// The lock file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("could not {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The catalog cannot be opened.
    #[error("could not open the catalog {}", path.display())]
    CatalogUnusable {
        /// The catalog.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The catalog refused.
    #[error("could not {what} the catalog")]
    Catalog {
        /// What was tried: `read`, `write to`, ….
        what: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// The catalog's tables could not be brought up to date.
    #[error("could not bring the catalog up to date at {}", path.display())]
    Migrate {
        /// The catalog.
        path: PathBuf,
        /// Why.
        source: Box<sqlx::migrate::MigrateError>,
    },
    /// The table engine refused.
    #[error("could not {what} table `{table}`")]
    Table {
        /// What was tried: `open`, `append to`, ….
        what: &'static str,
        /// The table or dataset.
        table: String,
        /// Why.
        source: Box<lance::Error>,
    },
    /// The catalog pins a version that the table does not have.
    #[error("the catalog names version {version} of table `{table}`, which cannot be opened")]
    MissingVersion {
        /// The table.
        table: String,
        /// The pinned version.
        version: u64,
        /// Why.
        source: Box<lance::Error>,
    },
    /// Rows that do not have the shape of the table.
    #[error(transparent)]
    Rows(#[from] SchemaError),
    /// Arrow refused a batch.
    #[error("could not {what}")]
    Arrow {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: arrow_schema::ArrowError,
    },
    /// JSON in the catalog that does not read back, or a value that cannot be written.
    #[error("could not {what}")]
    Json {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// The query is not SQL.
    #[error("could not parse the query: {message}{}", place(*line, *column))]
    SqlSyntax {
        /// What the parser says.
        message: String,
        /// Line, from 1.
        line: Option<u64>,
        /// Column, from 1.
        column: Option<u64>,
    },
    /// No such table.
    #[error("there is no table `{name}`")]
    UnknownTable {
        /// The name.
        name: String,
        /// What was meant, perhaps.
        closest: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// No such column.
    #[error("there is no column `{name}`")]
    UnknownColumn {
        /// The name.
        name: String,
        /// What was meant, perhaps.
        closest: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// The statement would change something.
    #[error("queries only read, this one does not: {message}")]
    NotReadOnly {
        /// What it would do.
        message: String,
    },
    /// The query was understood but could not be run.
    #[error("could not run the query: {message}")]
    Sql {
        /// What the engine says.
        message: String,
        /// The engine's own error. Not in the chain of causes: the message says it already.
        engine: Box<datafusion::error::DataFusionError>,
    },
    /// A dataset of this name holds something else.
    #[error("dataset `{name}` is frozen with hash {existing}, the new content has hash {new}")]
    DatasetFrozen {
        /// The name.
        name: String,
        /// The hash that it has, 12 digits.
        existing: String,
        /// The hash of what was to be written, 12 digits.
        new: String,
    },
    /// A dataset name that cannot be used.
    #[error("`{name}` cannot be the name of a {what}: {why}")]
    BadName {
        /// `dataset` or `model`.
        what: &'static str,
        /// The name.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// A sample that must not enter a dataset.
    #[error("frame `{frame_id}` cannot enter the dataset: {why}")]
    BadSample {
        /// The frame.
        frame_id: String,
        /// Why.
        why: String,
    },
    /// A recording, or another group of frames that belong together, straddles two splits.
    #[error("group `{group_id}` has frames in split `{first}` and in split `{second}`")]
    GroupStraddles {
        /// The group.
        group_id: String,
        /// One split.
        first: String,
        /// The other.
        second: String,
    },
    /// A dataset without frames.
    #[error("dataset `{name}` would have no frames")]
    EmptyDataset {
        /// The name.
        name: String,
    },
    /// No such dataset, model, run, ….
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// `dataset`, `model`, ….
        what: &'static str,
        /// The name or id.
        name: String,
        /// What was meant, perhaps.
        closest: Option<String>,
    },
    /// Several things answer to what was asked for.
    #[error("`{name}` could be any of {count} {what}s: {examples}")]
    Ambiguous {
        /// `model`, `recording`, `thing`, ….
        what: &'static str,
        /// What was asked for.
        name: String,
        /// How many answer to it.
        count: usize,
        /// The first digits of the ids of some of them, and their names.
        examples: String,
    },
    /// A row beyond the end of a dataset.
    #[error("row {row} of dataset `{name}` was asked for, which has {len} rows")]
    RowOutOfRange {
        /// The dataset.
        name: String,
        /// The row.
        row: u64,
        /// How many there are.
        len: u64,
    },
    /// A column of a stored dataset does not read back.
    #[error("column `{column}` of dataset `{name}` cannot be read back in row {row}")]
    BadDataset {
        /// The dataset.
        name: String,
        /// The column.
        column: &'static str,
        /// The row of the batch.
        row: usize,
    },
    /// An entry of the catalog exists with other content.
    #[error("{what} `{name}` exists already")]
    Exists {
        /// `model` or `run`.
        what: &'static str,
        /// The name or id.
        name: String,
    },
    /// A helper thread could not do its work.
    #[error("the helper thread of {what} failed")]
    Thread {
        /// The function.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A background task of the store died.
    #[error("the background task that writes dataset `{name}` stopped")]
    WriterStopped {
        /// The dataset.
        name: String,
    },
    /// There is no async runtime.
    #[error("the store needs a running tokio runtime")]
    NoRuntime {
        /// What tokio says.
        source: tokio::runtime::TryCurrentError,
    },
}

fn place(line: Option<u64>, column: Option<u64>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(" (line {line}, column {column})"),
        _ => String::new(),
    }
}

impl StoreError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    pub(crate) fn catalog(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Catalog { what, source }
    }

    pub(crate) fn table(what: &'static str, table: &str) -> impl FnOnce(lance::Error) -> Self {
        let table = table.to_owned();
        move |source| Self::Table {
            what,
            table,
            source: Box::new(source),
        }
    }

    pub(crate) fn arrow(what: &'static str) -> impl FnOnce(arrow_schema::ArrowError) -> Self {
        move |source| Self::Arrow { what, source }
    }

    pub(crate) fn json(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Json { what, source }
    }
}

fn known_or_closest(what: &str, closest: Option<&String>, known: &[String]) -> String {
    let list = known.join(", ");
    match closest {
        Some(closest) => format!("did you mean `{closest}`? The {what} are {list}"),
        None => format!("the {what} are {list}"),
    }
}

impl Hint for StoreError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotAWorkspace { .. } => Some("make one with `guideway init`".to_owned()),
            Self::AlreadyInitialised { .. } => Some("use it, or choose another folder".to_owned()),
            Self::CatalogLost { .. } => {
                Some("put catalog.sqlite back from a backup, or move the tables away and ingest again".to_owned())
            }
            Self::Version(err) => err.hint(),
            Self::BadVersion { .. } => Some("the catalog is damaged: put it back from a backup".to_owned()),
            Self::Locked { .. } => {
                Some("wait until it is done; reading works meanwhile; a process that died holds no lock".to_owned())
            }
            Self::MissingVersion { .. } => {
                Some("run `guideway doctor`; the table's files were changed from outside".to_owned())
            }
            Self::UnknownTable { closest, known, .. } => Some(known_or_closest("tables", closest.as_ref(), known)),
            Self::UnknownColumn { closest, known, .. } => Some(known_or_closest("columns", closest.as_ref(), known)),
            Self::NotReadOnly { .. } => Some("only SELECT, EXPLAIN, SHOW and DESCRIBE are allowed".to_owned()),
            Self::Sql { engine, .. }
                if matches!(
                    engine.find_root(),
                    datafusion::error::DataFusionError::ResourcesExhausted(_)
                ) =>
            {
                Some("select fewer columns, aggregate earlier, or raise the setting `query_memory_mb`".to_owned())
            }
            Self::DatasetFrozen { .. } => {
                Some("a frozen dataset never changes: choose another name for the new version".to_owned())
            }
            Self::GroupStraddles { .. } => {
                Some("split by recording, so that near-identical frames do not leak into validation".to_owned())
            }
            Self::EmptyDataset { .. } => Some("the query selects no frames; run it with `guideway query`".to_owned()),
            Self::NotFound { what, closest, .. } => {
                let list = match *what {
                    "split" => "`guideway dataset show NAME` lists its splits",
                    "dataset" => "`guideway dataset ls` lists them",
                    "model" => "`guideway model ls` lists them",
                    "recording" => "`guideway log ls` lists them",
                    "ticket" => "`guideway ticket ls --state all` lists them",
                    "tracking run" => "`guideway query \"SELECT run_id, name FROM runs WHERE kind = 'track'\"` lists them",
                    "evaluation" => "`guideway eval ls` lists them",
                    "run" => "`guideway query \"SELECT run_id, kind, name FROM runs\"` lists them",
                    _ => "`log ls`, `dataset ls`, `model ls` and `eval ls` list what there is",
                };
                Some(match closest {
                    Some(closest) => format!("did you mean `{closest}`? {list}"),
                    None => list.to_owned(),
                })
            }
            Self::Ambiguous { .. } => Some("give the id instead of the name, or more of its digits".to_owned()),
            Self::Exists { .. } | Self::BadName { .. } => Some("choose another name".to_owned()),
            Self::SqlSyntax { .. } => Some(
                "a query is one SELECT; `guideway tables` lists the tables, `guideway tables NAME` its columns"
                    .to_owned(),
            ),
            Self::Io { source, .. } => {
                for_io(source).or_else(|| Some("check the disk; `guideway doctor` says whether all is whole".to_owned()))
            }
            Self::CatalogUnusable { .. } => Some(
                "check that the disk has room and that the data folder can be written to; if the file is damaged, put it back from a \
                 backup"
                    .to_owned(),
            ),
            Self::Catalog { .. } | Self::Migrate { .. } => Some(
                "check that the disk has room and that the data folder can be written to; `guideway doctor` says whether all \
                 is whole"
                    .to_owned(),
            ),
            Self::Table { .. } | Self::Arrow { .. } | Self::WriterStopped { .. } => Some(
                "nothing half-written is visible; check that the disk has room, and run `guideway doctor`".to_owned(),
            ),
            Self::BadSample { .. } => Some("let the query give each frame a split, leave the frame out, or ingest its recording again".to_owned()),
            Self::RowOutOfRange { .. } => Some("rows are counted from 0".to_owned()),
            Self::Json { .. } | Self::BadDataset { .. } => Some("`guideway doctor --deep` says what is damaged".to_owned()),
            Self::Sql { message, .. } => Some(crate::sql_error::remedy(message).to_owned()),
            Self::Rows(_) | Self::Thread { .. } | Self::NoRuntime { .. } => None,
        }
    }
}
