//! The catalog: a SQLite file whose transactions are the commit points of the workspace.

use std::path::{Path, PathBuf};
use std::time::Duration;

use guideway_schema::{FORMAT_VERSION, FormatVersion, Table};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::error::{Result, StoreError};

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// How long a statement waits for another process's statement before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The catalog, open.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    pub(crate) pool: SqlitePool,
    path: PathBuf,
}

/// The pinned version of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The Lance version that readers see.
    pub(crate) version: u64,
    /// Its number of rows.
    pub(crate) rows: u64,
}

impl Catalog {
    /// Opens the file, creating it if `create` says so.
    pub(crate) async fn connect(path: &Path, create: bool) -> Result<Self> {
        // WAL lets readers go on while a writer commits; FULL makes a commit survive a power cut.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::CatalogUnusable {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            pool,
            path: path.to_owned(),
        })
    }

    /// Creates what is missing of the catalog's own tables.
    pub(crate) async fn migrate(&self) -> Result<()> {
        MIGRATOR.run(&self.pool).await.map_err(|source| StoreError::Migrate {
            path: self.path.clone(),
            source: Box::new(source),
        })
    }

    /// Does the catalog hold a whole workspace? A killed `init` leaves one that does not.
    pub(crate) async fn is_initialised(&self) -> Result<bool> {
        let tables: i64 =
            sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'meta'")
                .fetch_one(&self.pool)
                .await
                .map_err(StoreError::catalog("read"))?;
        Ok(tables == 1 && self.meta("format_version").await?.is_some())
    }

    /// Writes what makes it a workspace, in one transaction.
    pub(crate) async fn initialise(&self, heads: &[(Table, Head)]) -> Result<()> {
        let failed = StoreError::catalog("initialise");
        let work = async {
            let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            for (table, head) in heads {
                set_head(&mut tx, *table, *head).await?;
            }
            sqlx::query("INSERT INTO meta (key, value) VALUES ('format_version', ?)")
                .bind(FORMAT_VERSION.to_string())
                .execute(&mut *tx)
                .await?;
            tx.commit().await
        };
        work.await.map_err(failed)
    }

    /// Pins tables that are new in this build's format, and says that it is written in that format now.
    pub(crate) async fn upgrade(&self, heads: &[(Table, Head)]) -> Result<()> {
        let work = async {
            let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            for (table, head) in heads {
                set_head(&mut tx, *table, *head).await?;
            }
            sqlx::query("UPDATE meta SET value = ? WHERE key = 'format_version'")
                .bind(FORMAT_VERSION.to_string())
                .execute(&mut *tx)
                .await?;
            tx.commit().await
        };
        work.await.map_err(StoreError::catalog("upgrade"))
    }

    async fn meta(&self, key: &str) -> Result<Option<String>> {
        sqlx::query_scalar("SELECT value FROM meta WHERE key = ?")
            .bind(key)
            .fetch_optional(&self.pool)
            .await
            .map_err(StoreError::catalog("read"))
    }

    /// The format that the workspace is written in.
    pub(crate) async fn format_version(&self) -> Result<FormatVersion> {
        let text = self.meta("format_version").await?.unwrap_or_default();
        text.split_once('.')
            .and_then(|(major, minor)| {
                Some(FormatVersion {
                    major: major.parse().ok()?,
                    minor: minor.parse().ok()?,
                })
            })
            .ok_or_else(|| StoreError::BadVersion {
                text,
                path: self.path.clone(),
            })
    }

    /// The pinned versions of all tables that the catalog knows and this build knows.
    pub(crate) async fn heads(&self) -> Result<Vec<(Table, Head)>> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as("SELECT name, version, rows FROM table_heads ORDER BY name")
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::catalog("read"))?;
        let mut heads: Vec<(Table, Head)> = rows
            .into_iter()
            .filter_map(|(name, version, rows)| {
                Some((
                    name.parse().ok()?,
                    Head {
                        version: version.try_into().ok()?,
                        rows: rows.try_into().ok()?,
                    },
                ))
            })
            .collect();
        heads.sort_by_key(|(table, _)| *table);
        Ok(heads)
    }
}

/// Pins a version, within the caller's transaction.
pub(crate) async fn set_head(connection: &mut SqliteConnection, table: Table, head: Head) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO table_heads (name, version, rows) VALUES (?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET version = excluded.version, rows = excluded.rows",
    )
    .bind(table.name())
    .bind(head.version as i64)
    .bind(head.rows as i64)
    .execute(connection)
    .await
    .map(|_| ())
}
