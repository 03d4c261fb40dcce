//! Undoing what a killed writer left: table versions beyond the pinned ones, and dataset folders that the catalog does
//! not name. Only called while the writer's lock is held, so nobody is at work on them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use guideway_schema::Table;

use crate::catalog::{Head, set_head};
use crate::error::{Result, StoreError};
use crate::store::Store;

/// Prefix of folders under construction.
pub(crate) const TEMP_PREFIX: &str = ".tmp-";

/// A table whose latest version is beyond the pinned one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beyond {
    pub(crate) table: Table,
    pub(crate) pinned: Head,
    pub(crate) latest: u64,
}

/// The tables with uncommitted versions.
pub(crate) async fn beyond(store: &Store) -> Result<Vec<Beyond>> {
    let mut found = Vec::new();
    for (table, pinned) in store.inner.catalog.heads().await? {
        let dataset = store.open_table(table, pinned.version).await?;
        let latest = dataset
            .latest_version_id()
            .await
            .map_err(StoreError::table("list the versions of", table.name()))?;
        if latest > pinned.version {
            found.push(Beyond { table, pinned, latest });
        }
    }
    Ok(found)
}

/// Folders below `datasets` that the catalog does not name.
pub(crate) async fn stray_folders(store: &Store) -> Result<Vec<PathBuf>> {
    let named: Vec<String> = sqlx::query_scalar("SELECT folder FROM datasets ORDER BY folder")
        .fetch_all(&store.inner.catalog.pool)
        .await
        .map_err(StoreError::catalog("read"))?;
    let named: BTreeSet<String> = named.into_iter().collect();
    let dir = store.datasets_dir();
    let mut stray: Vec<PathBuf> = folders(&dir)?
        .into_iter()
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // Anything else there is not ours to touch.
            let ours = name.starts_with(TEMP_PREFIX)
                || (name.contains('@') && path.extension().is_some_and(|extension| extension == "lance"));
            ours && !named.contains(name)
        })
        .collect();
    stray.sort();
    Ok(stray)
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(StoreError::io("list", dir))? {
        let path = entry.map_err(StoreError::io("list", dir))?.path();
        if path.is_dir() {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Brings tables and folders back to what the catalog says. Killed half-way, it is simply repeated.
pub(crate) async fn recover(store: &Store) -> Result<()> {
    for Beyond { table, pinned, latest } in beyond(store).await? {
        tracing::info!(
            table = table.name(),
            pinned = pinned.version,
            latest,
            "undoing an uncommitted write"
        );
        let mut dataset = store.open_table(table, pinned.version).await?.as_ref().clone();
        Box::pin(dataset.restore())
            .await
            .map_err(StoreError::table("restore", table.name()))?;
        let restored = dataset
            .latest_version_id()
            .await
            .map_err(StoreError::table("list the versions of", table.name()))?;
        // The restored version has the pinned one's content, so pinning it is not visible to anyone.
        let failed = StoreError::catalog("write to");
        let mut connection = store
            .inner
            .catalog
            .pool
            .acquire()
            .await
            .map_err(StoreError::catalog("open"))?;
        set_head(
            &mut connection,
            table,
            Head {
                version: restored,
                rows: pinned.rows,
            },
        )
        .await
        .map_err(failed)?;
        store.forget_folder(&store.table_dir(table));
    }
    for folder in stray_folders(store).await? {
        tracing::info!(folder = %folder.display(), "removing a half-written dataset");
        store.forget_folder(&folder);
        if let Err(err) = std::fs::remove_dir_all(&folder) {
            // It is in nobody's way: the next write tries again, and `doctor` names it.
            tracing::warn!(%err, folder = %folder.display(), "could not remove a half-written dataset");
        }
    }
    Ok(())
}
