//! What tables there are, and keeping them compact.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use guideway_schema::Table;
use lance::dataset::cleanup::CleanupPolicyBuilder;
use lance::dataset::optimize::{CompactionOptions, compact_files};

use crate::catalog::{Head, set_head};
use crate::durable::sync_version;
use crate::error::{Result, StoreError};
use crate::lineage::{NodeRef, Operation, record};
use crate::store::Store;

/// How long [`Store::compact_crowded`] keeps the files of versions that are no longer current, ns.
const GRACE_NS: i64 = 3600 * 1_000_000_000;

/// What is known about a table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableInfo {
    /// Its name in SQL.
    pub name: String,
    /// What it holds.
    pub description: String,
    /// Rows at the current version.
    pub rows: u64,
    /// The current version.
    pub version: u64,
    /// Bytes on disk, all versions together.
    pub bytes_on_disk: u64,
    /// Data files of the current version.
    pub fragments: usize,
    /// Its folder.
    pub path: PathBuf,
    /// Its columns.
    pub columns: Vec<ColumnInfo>,
}

/// What is known about a column.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// Its Arrow type.
    pub data_type: String,
    /// May it be null?
    pub nullable: bool,
    /// What it means.
    pub comment: String,
}

/// What compaction did to one table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Compacted {
    /// The table.
    pub table: String,
    /// Data files before.
    pub fragments_before: usize,
    /// Data files after.
    pub fragments_after: usize,
    /// Bytes on disk freed.
    pub bytes_freed: u64,
}

impl Store {
    /// Every table with its columns, in the order of [`Table::ALL`](guideway_schema::Table::ALL).
    pub async fn tables(&self) -> Result<Vec<TableInfo>> {
        let mut tables = Vec::new();
        for (table, head) in self.inner.catalog.heads().await? {
            let dataset = self.open_table(table, head.version).await?;
            let path = self.table_dir(table);
            let columns = table
                .schema()
                .fields()
                .iter()
                .map(|field| ColumnInfo {
                    name: field.name().clone(),
                    data_type: field.data_type().to_string(),
                    nullable: field.is_nullable(),
                    comment: field.metadata().get("comment").cloned().unwrap_or_default(),
                })
                .collect();
            tables.push(TableInfo {
                name: table.name().to_owned(),
                description: table.description().to_owned(),
                rows: head.rows,
                version: head.version,
                bytes_on_disk: folder_bytes(&path)?,
                fragments: dataset.count_fragments(),
                path,
                columns,
            });
        }
        Ok(tables)
    }

    /// Merges small data files, drops deleted rows, and removes files that only old versions need. Readers that are in
    /// the middle of a query on an old version may fail; the current version is never touched.
    pub async fn compact(&self, operation: Operation) -> Result<Vec<Compacted>> {
        let tables = self.inner.catalog.heads().await?;
        self.compact_tables(operation, tables, None).await
    }

    /// [`compact`](Self::compact) for the tables in which more than `limit` data files are small enough to be merged: many
    /// small writes make many small files, and every query opens each of them. Without such a table it does nothing.
    ///
    /// Files that a version of the last hour needs stay, so that no reader is disturbed; a later compaction removes them.
    pub async fn compact_crowded(&self, operation: Operation, limit: usize) -> Result<Vec<Compacted>> {
        let full = CompactionOptions::default().target_rows_per_fragment;
        let mut crowded = Vec::new();
        for (table, head) in self.inner.catalog.heads().await? {
            let dataset = self.open_table(table, head.version).await?;
            let rows = dataset.fragments().iter().map(|fragment| fragment.physical_rows);
            if rows.filter(|rows| rows.is_none_or(|rows| rows < full)).count() > limit {
                crowded.push((table, head));
            }
        }
        if crowded.is_empty() {
            return Ok(Vec::new());
        }
        let since = operation.started_ns.saturating_sub(GRACE_NS);
        self.compact_tables(operation, crowded, Some(since)).await
    }

    /// Compacts these tables. Files that a version since `since_ns` (since 1970, UTC) needs stay; with none, only the current
    /// version's do.
    async fn compact_tables(
        &self,
        mut operation: Operation,
        tables: Vec<(Table, Head)>,
        since_ns: Option<i64>,
    ) -> Result<Vec<Compacted>> {
        let transaction = self.begin().await?;
        // Undoing what a killed writer left may have pinned other versions.
        let heads: BTreeMap<Table, Head> = self.inner.catalog.heads().await?.into_iter().collect();
        let mut done = Vec::new();
        for (table, head) in tables {
            let head = heads.get(&table).copied().unwrap_or(head);
            let before_bytes = folder_bytes(&self.table_dir(table))?;
            let opened = self.open_table(table, head.version).await?;
            let mut dataset = opened.as_ref().clone();
            Box::pin(compact_files(&mut dataset, CompactionOptions::default(), None))
                .await
                .map_err(StoreError::table("compact", table.name()))?;
            sync_version(&self.table_dir(table), &opened, &dataset)?;
            let rows = dataset
                .count_rows(None)
                .await
                .map_err(StoreError::table("count the rows of", table.name()))?;
            let new = Head {
                version: dataset.version_id(),
                rows: rows as u64,
            };
            operation.inputs.push(NodeRef::table(table, head.version));
            operation.outputs.push(NodeRef::table(table, new.version));
            let result = Compacted {
                table: table.name().to_owned(),
                fragments_before: opened.count_fragments(),
                fragments_after: dataset.count_fragments(),
                bytes_freed: 0,
            };
            done.push((table, new, dataset, before_bytes, result));
        }
        let work: sqlx::Result<()> = async {
            let mut tx = self.inner.catalog.pool.begin_with("BEGIN IMMEDIATE").await?;
            for (table, head, ..) in &done {
                set_head(&mut tx, *table, *head).await?;
            }
            record(&mut tx, &operation).await?;
            tx.commit().await
        }
        .await;
        work.map_err(StoreError::catalog("write to"))?;
        // Only now that the new versions are pinned may the old ones go.
        let mut results = Vec::new();
        for (table, head, dataset, before_bytes, mut result) in done {
            let mut policy = CleanupPolicyBuilder::default()
                .delete_unverified(since_ns.is_none())
                .error_if_tagged_old_versions(false)
                .build();
            policy.before_version = Some(head.version);
            policy.before_timestamp = since_ns.map(DateTime::from_timestamp_nanos);
            Box::pin(dataset.cleanup_with_policy(policy))
                .await
                .map_err(StoreError::table("clean up", table.name()))?;
            result.bytes_freed = before_bytes.saturating_sub(folder_bytes(&self.table_dir(table))?);
            results.push(result);
        }
        drop(transaction);
        Ok(results)
    }
}

/// Bytes of all files below a folder.
pub(crate) fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&folder).map_err(StoreError::io("list", &folder))? {
            let entry = entry.map_err(StoreError::io("list", &folder))?;
            let path = entry.path();
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(path),
                Ok(metadata) => bytes += metadata.len(),
                // A writer may remove a file while we look.
                Err(err) if err.kind() == std::io::ErrorKind::NotFound => {}
                Err(err) => return Err(StoreError::io("look at", &path)(err)),
            }
        }
    }
    Ok(bytes)
}
