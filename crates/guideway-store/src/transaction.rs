//! Writing: rows of any number of tables become visible together, or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use guideway_core::RecordingId;
use guideway_schema::{LABEL_RUN, Rows, Sink, SinkError, Table};
use lance::dataset::transaction::Transaction as TableWrite;
use lance::dataset::{CommitBuilder, DeleteBuilder, InsertBuilder, WriteMode, WriteParams};
use tokio::runtime::Handle;

use crate::catalog::{Head, set_head};
use crate::durable::sync_version;
use crate::error::{Result, StoreError};
use crate::frozen::DatasetInfo;
use crate::lineage::{NodeRef, Operation, record};
use crate::lock::WriteLock;
use crate::registry::{CatalogRow, ModelRecord, RunRecord};
use crate::store::Store;

/// Rows of one table that are written to a file together.
const FLUSH_ROWS: usize = 64 * 1024;
/// Bytes of one table that are written to a file together.
const FLUSH_BYTES: usize = 32 << 20;
/// Bytes of all tables together that are held in memory.
const TOTAL_BYTES: usize = 96 << 20;

/// The tables that ingest fills, and that [`Transaction::replace_recording`] therefore empties. Predictions, events and
/// metrics are results about frames; they stay.
const INGESTED: [Table; 7] = [
    Table::Recordings,
    Table::Channels,
    Table::Chunks,
    Table::Sensors,
    Table::Frames,
    Table::Signals,
    Table::Labels,
];

/// A write in progress. Nothing of it is visible before [`commit`](Self::commit); dropping it drops it all.
///
/// Rows go to data files as they come (about 64k rows or 32 MB at a time), so memory stays bounded; the files become part of the tables only on
/// commit, whose last step is one SQLite transaction that pins the new versions and writes the lineage record.
#[derive(Debug)]
pub struct Transaction {
    store: Store,
    _lock: WriteLock,
    heads: BTreeMap<Table, Head>,
    pending: BTreeMap<Table, Pending>,
    buffered_bytes: usize,
    rows: Vec<CatalogRow>,
}

#[derive(Debug, Default)]
struct Pending {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    total_rows: u64,
    /// Data files written but not part of the table yet.
    written: Vec<TableWrite>,
    /// Rows of the table as it was at the beginning that are to go.
    deletes: BTreeSet<String>,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CommitInfo {
    /// The id of the lineage record.
    pub op_id: String,
    /// What changed, by table.
    pub tables: BTreeMap<String, TableChange>,
}

/// What a commit did to one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct TableChange {
    /// The version that is current now.
    pub version: u64,
    /// Rows that came.
    pub added: u64,
    /// Rows that went.
    pub deleted: u64,
    /// Rows now.
    pub rows: u64,
}

impl Transaction {
    pub(crate) async fn new(store: Store, lock: WriteLock) -> Result<Self> {
        let heads = store.inner.catalog.heads().await?.into_iter().collect();
        Ok(Self {
            store,
            _lock: lock,
            heads,
            pending: BTreeMap::new(),
            buffered_bytes: 0,
            rows: Vec::new(),
        })
    }

    /// The store that is written to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Adds rows.
    pub async fn push(&mut self, rows: Rows) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let table = rows.table();
        let batch = rows.to_batch()?;
        let bytes = batch.get_array_memory_size();
        let pending = self.pending.entry(table).or_default();
        pending.rows += batch.num_rows();
        pending.total_rows += batch.num_rows() as u64;
        pending.bytes += bytes;
        pending.batches.push(batch);
        self.buffered_bytes += bytes;
        if pending.rows >= FLUSH_ROWS || pending.bytes >= FLUSH_BYTES {
            self.flush(table).await?;
        }
        while self.buffered_bytes > TOTAL_BYTES {
            let largest = self.pending.iter().max_by_key(|(_, pending)| pending.bytes);
            let Some(table) = largest.map(|(table, _)| *table) else {
                break;
            };
            self.flush(table).await?;
        }
        Ok(())
    }

    /// Removes the rows that match a SQL predicate, among those that were there when the transaction began. Rows pushed in
    /// this transaction stay, whichever call comes first.
    pub fn delete(&mut self, table: Table, predicate: impl Into<String>) {
        self.pending.entry(table).or_default().deletes.insert(predicate.into());
    }

    /// Removes what ingest wrote about a recording (not labels that labelers made since), to be followed by pushing it anew.
    pub fn replace_recording(&mut self, recording: &RecordingId) {
        let predicate = format!("recording_id = {}", quote(recording.as_str()));
        for table in INGESTED {
            // Labels that were ordered and paid for are no part of the log: they stay.
            let predicate = match table {
                Table::Labels => format!("{predicate} AND source_uri NOT LIKE '{LABEL_RUN}%'"),
                _ => predicate.clone(),
            };
            self.delete(table, predicate);
        }
    }

    /// Writes the buffered rows of a table to a data file.
    async fn flush(&mut self, table: Table) -> Result<()> {
        let Some(pending) = self.pending.get_mut(&table) else {
            return Ok(());
        };
        let batches = std::mem::take(&mut pending.batches);
        self.buffered_bytes = self.buffered_bytes.saturating_sub(pending.bytes);
        pending.rows = 0;
        pending.bytes = 0;
        if batches.is_empty() {
            return Ok(());
        }
        let version = self.heads.get(&table).map_or(0, |head| head.version);
        let dataset = self.store.open_table(table, version).await?;
        let params = WriteParams {
            mode: WriteMode::Append,
            ..WriteParams::default()
        };
        let write = Box::pin(
            InsertBuilder::new(dataset)
                .with_params(&params)
                .execute_uncommitted(batches),
        )
        .await
        .map_err(StoreError::table("write rows of", table.name()))?;
        if let Some(pending) = self.pending.get_mut(&table) {
            pending.written.push(write);
        }
        Ok(())
    }

    /// Writes a model into the catalog as part of this commit.
    pub fn put_model(&mut self, model: ModelRecord) {
        self.rows.push(CatalogRow::Model(model));
    }

    /// Writes a run into the catalog as part of this commit, replacing what it says about the same run.
    pub fn put_run(&mut self, run: RunRecord) {
        self.rows.push(CatalogRow::Run(run));
    }

    pub(crate) fn put_dataset(&mut self, info: DatasetInfo) {
        self.rows.push(CatalogRow::Dataset(Box::new(info)));
    }

    /// Makes everything visible at once, and records the operation. The versions of the tables that changed, and the models
    /// and runs written, are added to the operation's outputs.
    pub async fn commit(mut self, mut operation: Operation) -> Result<CommitInfo> {
        let tables: Vec<Table> = self.pending.keys().copied().collect();
        let mut changes = BTreeMap::new();
        for table in tables {
            self.flush(table).await?;
            let Some(pending) = self.pending.remove(&table) else {
                continue;
            };
            if let Some(change) = self.apply(table, pending).await? {
                changes.insert(table, change);
            }
        }
        for (table, change) in &changes {
            operation.outputs.push(NodeRef::table(*table, change.version));
        }
        let rows = std::mem::take(&mut self.rows);
        operation.outputs.extend(rows.iter().map(CatalogRow::node));
        let work: sqlx::Result<String> = async {
            let mut tx = self.store.inner.catalog.pool.begin_with("BEGIN IMMEDIATE").await?;
            for (table, change) in &changes {
                let head = Head {
                    version: change.version,
                    rows: change.rows,
                };
                set_head(&mut tx, *table, head).await?;
            }
            for row in &rows {
                row.write(&mut tx).await?;
            }
            let op_id = record(&mut tx, &operation).await?;
            tx.commit().await?;
            Ok(op_id)
        }
        .await;
        let op_id = work.map_err(|err| taken(&err, &rows).unwrap_or_else(|| StoreError::catalog("write to")(err)))?;
        Ok(CommitInfo {
            op_id,
            tables: changes
                .into_iter()
                .map(|(table, change)| (table.name().to_owned(), change))
                .collect(),
        })
    }

    /// Makes the table's new version, which nobody sees yet.
    async fn apply(&self, table: Table, pending: Pending) -> Result<Option<TableChange>> {
        let Some(head) = self.heads.get(&table).copied() else {
            return Ok(None);
        };
        let mut dataset = self.store.open_table(table, head.version).await?;
        let mut deleted = 0;
        if !pending.deletes.is_empty() && head.rows > 0 {
            let predicates: Vec<String> = pending.deletes.iter().map(|text| format!("({text})")).collect();
            let result = Box::pin(DeleteBuilder::new(Arc::clone(&dataset), predicates.join(" OR ")).execute())
                .await
                .map_err(StoreError::table("delete rows of", table.name()))?;
            deleted = result.num_deleted_rows;
            dataset = result.new_dataset;
        }
        if !pending.written.is_empty() {
            let result = Box::pin(CommitBuilder::new(Arc::clone(&dataset)).execute_batch(pending.written))
                .await
                .map_err(StoreError::table("append to", table.name()))?;
            dataset = Arc::new(result.dataset);
        }
        if deleted == 0 && pending.total_rows == 0 && dataset.version_id() == head.version {
            return Ok(None);
        }
        let old = self.store.open_table(table, head.version).await?;
        sync_version(&self.store.table_dir(table), &old, &dataset)?;
        let rows = dataset
            .count_rows(None)
            .await
            .map_err(StoreError::table("count the rows of", table.name()))?;
        Ok(Some(TableChange {
            version: dataset.version_id(),
            added: pending.total_rows,
            deleted,
            rows: rows as u64,
        }))
    }

    /// Drops everything. The same as dropping the transaction.
    pub fn abort(self) {
        drop(self);
    }

    /// For synchronous code on a blocking thread: a [`Sink`] that owns the transaction.
    pub fn into_sink(self) -> BlockingSink {
        BlockingSink { transaction: self }
    }
}

/// A text as a SQL literal.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Lets synchronous code push rows into a [`Transaction`].
///
/// Must live on a thread that is not one of the async runtime's (`tokio::task::spawn_blocking`, or a plain thread): `push` waits there
/// until the rows are taken, so a slow disk slows the reader down instead of filling memory.
#[derive(Debug)]
pub struct BlockingSink {
    transaction: Transaction,
}

impl BlockingSink {
    /// The transaction back, to be committed.
    pub fn into_transaction(self) -> Transaction {
        self.transaction
    }

    /// The transaction, to remove rows.
    pub fn transaction(&mut self) -> &mut Transaction {
        &mut self.transaction
    }
}

impl Sink for BlockingSink {
    fn push(&mut self, rows: Rows) -> Result<(), SinkError> {
        let handle = self.transaction.store.inner.handle.clone();
        block_on(&handle, "BlockingSink::push", self.transaction.push(rows))
            .and_then(|result| result)
            .map_err(|err| SinkError(Box::new(err)))
    }
}

/// Waits for a future, on whatever thread.
///
/// A thread that belongs to a runtime must not block on it, so there a helper thread waits instead: a few microseconds.
pub(crate) fn block_on<F>(handle: &Handle, what: &'static str, future: F) -> Result<F::Output>
where
    F: Future + Send,
    F::Output: Send,
{
    if Handle::try_current().is_err() {
        return Ok(handle.block_on(future));
    }
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("guideway-store-wait".to_owned())
            .spawn_scoped(scope, || handle.block_on(future))
            .and_then(|thread| thread.join().map_err(|_panic| std::io::Error::other("it panicked")))
            .map_err(|source| StoreError::Thread { what, source })
    })
}

/// Is the error that a name is taken? Two trainings under one name may end at the same time.
fn taken(err: &sqlx::Error, rows: &[CatalogRow]) -> Option<StoreError> {
    if !err.as_database_error()?.is_unique_violation() {
        return None;
    }
    rows.iter().find_map(|row| match row {
        CatalogRow::Model(model) => Some(StoreError::Exists {
            what: "model",
            name: model.name.clone(),
        }),
        _ => None,
    })
}
