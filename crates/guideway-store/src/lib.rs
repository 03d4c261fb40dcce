//! The data platform: versioned tables, frozen datasets, SQL, catalog and lineage. The only crate that names the table
//! engine.
//!
//! A [`Store`] is one folder, the data root of a workspace:
//!
//! ```text
//! catalog.sqlite                the catalog: what is true
//! tables/<name>.lance           the tables, versioned
//! datasets/<name>@<hash>.lance  the frozen datasets
//! models/                       files of models
//! .lock                         held by the one writer
//! ```
//!
//! **Atomic.** Each table version is written beside the older ones. The catalog pins, per table, the version that readers
//! see. Files are flushed to the disk first, then one SQLite transaction moves all pins and writes the lineage record. So a
//! reader sees all of a commit or nothing, and a writer killed at any moment leaves at most versions and folders that
//! nothing names; the next write undoes them.
//!
//! **One writer, many readers.** [`Store::begin`] takes a lock that the kernel releases with its process. Readers never wait.
//!
//! ```no_run
//! # async fn example(rows: Vec<guideway_schema::FrameRow>) -> guideway_store::Result<()> {
//! use guideway_store::{NodeKind, NodeRef, Operation, Store};
//!
//! let store = Store::init("ws/data").await?;
//! let mut write = store.begin().await?;
//! write.push(rows.into()).await?;
//! let operation = Operation::new("ingest").input(NodeRef::new(NodeKind::File, "file:///logs/drive.mcap"));
//! write.commit(operation).await?;
//! println!("{}", store.sql("SELECT count(*) FROM frames").await?.pretty().await?);
//! # Ok(())
//! # }
//! ```
//!
//! | topic | entry |
//! |---|---|
//! | writing | [`Transaction`], [`BlockingSink`] |
//! | asking | [`Store::sql`], [`Store::tables`] |
//! | freezing | [`Store::begin_dataset`], [`DatasetWriter`] |
//! | reading frozen data | [`Store::dataset`], [`Dataset`] |
//! | catalog | [`ModelRecord`], [`RunRecord`], [`DatasetInfo`] |
//! | lineage | [`Operation`], [`Store::resolve`], [`Store::trace`] |
//! | health | [`Store::doctor`], [`Store::compact`], [`Store::compact_crowded`] |

// The table engine's futures nest deeper than the compiler's default limit.
#![recursion_limit = "512"]

mod catalog;
mod catalog_tables;
mod diff;
mod doctor;
mod durable;
mod error;
mod export;
mod find;
mod freeze;
mod frozen;
mod lineage;
mod lock;
mod recover;
mod registry;
mod sample;
mod sql;
mod sql_error;
mod sql_json;
mod sql_names;
mod store;
mod tables;
mod trace;
mod transaction;

pub use diff::{ChangedLabel, Changes, DatasetDiff, MovedFrame};
pub use doctor::{Check, DoctorOptions, DoctorReport, Status};
pub use error::{Result, StoreError};
pub use find::{Named, pick};
pub use freeze::{DatasetSpec, DatasetWriter, Frozen};
pub use frozen::{Columns, Dataset, DatasetInfo, DatasetManifest, ParentRecording, SplitInfo};
pub use lineage::{NodeKind, NodeRef, Operation};
pub use registry::{ModelRecord, RunRecord};
pub use sample::{Sample, SampleLabel, sample_schema};
pub use sql::SqlResult;
pub use store::{Store, StoreOptions};
pub use tables::{ColumnInfo, Compacted, TableInfo};
pub use trace::{Direction, TraceEdge, TraceGraph, TraceLimits, TraceNode, TraceOperation};
pub use transaction::{BlockingSink, CommitInfo, TableChange, Transaction};
