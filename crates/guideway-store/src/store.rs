//! The store: opening it, and what everything else in this crate needs from it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::SchemaRef;
use guideway_schema::{FORMAT_VERSION, FormatVersion, Table};
use lance::dataset::builder::DatasetBuilder;
use lance::dataset::{InsertBuilder, WriteMode, WriteParams};
use lance::session::Session;
use tokio::runtime::Handle;

use crate::catalog::{Catalog, Head};
use crate::error::{Result, StoreError};
use crate::lock::WriteLock;
use crate::transaction::Transaction;

/// Bytes of table metadata kept between queries.
const METADATA_CACHE_BYTES: usize = 256 << 20;
/// Bytes of index data kept between queries.
const INDEX_CACHE_BYTES: usize = 64 << 20;

/// How the store behaves; none of it changes what is stored.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Memory that one query may use before it spills to disk or fails, bytes.
    pub query_memory_bytes: usize,
    /// Partitions of a query. With 1, the default, a query gives the same rows in the same order with the same bits every
    /// time, even without ORDER BY; with more, sums of floats and unordered rows may come in any order. Reading and
    /// decoding use all cores either way.
    pub query_partitions: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            query_memory_bytes: 2 << 30,
            query_partitions: 1,
        }
    }
}

/// Time between two tries to become the writer.
const RETRY: Duration = Duration::from_millis(20);

/// The data platform of one workspace: tables, frozen datasets, catalog and lineage below one data root.
///
/// Cheap to clone. Needs a multi-threaded tokio runtime.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) root: PathBuf,
    pub(crate) catalog: Catalog,
    pub(crate) format: FormatVersion,
    pub(crate) options: StoreOptions,
    pub(crate) session: Arc<Session>,
    pub(crate) handle: Handle,
    /// How often a writer tries again while another one writes.
    lock_tries: AtomicU64,
    /// Open tables by folder and version: a version never changes once written.
    opened: Mutex<HashMap<(PathBuf, u64), Arc<lance::Dataset>>>,
}

impl Store {
    /// Makes the data root of a new workspace and opens it.
    ///
    /// A killed `init` can simply be repeated.
    ///
    /// # Errors
    /// [`StoreError::AlreadyInitialised`] where there is one; [`StoreError::CatalogLost`] where tables with rows lie
    /// without a catalog.
    pub async fn init(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        for folder in [
            root.to_owned(),
            root.join("tables"),
            root.join("datasets"),
            root.join("models"),
        ] {
            std::fs::create_dir_all(&folder).map_err(StoreError::io("create the folder", &folder))?;
        }
        let root = absolute(root)?;
        let _lock = WriteLock::take(&root.join(".lock"))?;
        let catalog_path = root.join("catalog.sqlite");
        let existed = catalog_path.exists();
        let catalog = Catalog::connect(&catalog_path, true).await?;
        if existed && catalog.is_initialised().await? {
            return Err(StoreError::AlreadyInitialised { path: root });
        }
        let mut heads = Vec::new();
        for table in Table::ALL {
            heads.push((*table, create_table(&root, *table).await?));
        }
        catalog.migrate().await?;
        catalog.initialise(&heads).await?;
        Self::finish_opening(root, catalog, StoreOptions::default()).await
    }

    /// Opens the workspace data at this root with default options.
    ///
    /// # Errors
    /// [`StoreError::NotAWorkspace`], or [`StoreError::Version`] for one in a format that this build cannot read.
    pub async fn open(root: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(root, StoreOptions::default()).await
    }

    /// Opens the workspace data at this root.
    pub async fn open_with(root: impl AsRef<Path>, options: StoreOptions) -> Result<Self> {
        let root = root.as_ref();
        let catalog_path = root.join("catalog.sqlite");
        if !catalog_path.is_file() {
            return Err(StoreError::NotAWorkspace { path: root.to_owned() });
        }
        let root = absolute(root)?;
        let catalog = Catalog::connect(&root.join("catalog.sqlite"), false).await?;
        if !catalog.is_initialised().await? {
            return Err(StoreError::NotAWorkspace { path: root });
        }
        Self::finish_opening(root, catalog, options).await
    }

    async fn finish_opening(root: PathBuf, catalog: Catalog, options: StoreOptions) -> Result<Self> {
        let format = catalog.format_version().await?;
        format.check_readable()?;
        if format.check_writable().is_ok() {
            catalog.migrate().await?;
        }
        let handle = Handle::try_current().map_err(|source| StoreError::NoRuntime { source })?;
        Ok(Self {
            inner: Arc::new(Inner {
                root,
                catalog,
                format,
                options,
                session: Arc::new(Session::new(INDEX_CACHE_BYTES, METADATA_CACHE_BYTES, Arc::default())),
                handle,
                lock_tries: AtomicU64::new(0),
                opened: Mutex::default(),
            }),
        })
    }

    /// The data root, absolute.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// Where the files of models lie. The store never writes there; it checks what the catalog says about it.
    pub fn models_dir(&self) -> PathBuf {
        self.inner.root.join("models")
    }

    /// The format that the workspace is written in.
    pub fn format_version(&self) -> FormatVersion {
        self.inner.format
    }

    /// Begins a write: takes the lock, and undoes whatever a killed writer left.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process or task writes; [`StoreError::Version`] when the workspace is newer
    /// than this build.
    pub async fn begin(&self) -> Result<Transaction> {
        let lock = self.lock_patiently().await?;
        crate::recover::recover(self).await?;
        self.upgrade().await?;
        Transaction::new(self.clone(), lock).await
    }

    /// Lets writers wait for each other, at most so long, instead of failing at once: for several tasks of one process that write in turn.
    pub fn wait_for_writers(&self, at_most: Duration) {
        let tries = at_most.as_millis() / RETRY.as_millis();
        let tries = u64::try_from(tries).unwrap_or(u64::MAX);
        self.inner.lock_tries.store(tries, Ordering::Relaxed);
    }

    async fn lock_patiently(&self) -> Result<WriteLock> {
        let mut tries = self.inner.lock_tries.load(Ordering::Relaxed);
        loop {
            match self.lock() {
                Err(StoreError::Locked { .. }) if tries > 0 => {
                    tries -= 1;
                    tokio::time::sleep(RETRY).await;
                }
                other => return other,
            }
        }
    }

    /// Makes the tables that a workspace of an older minor version lacks. Until then they are read as empty.
    async fn upgrade(&self) -> Result<()> {
        if self.inner.catalog.format_version().await? >= FORMAT_VERSION {
            return Ok(());
        }
        let known: BTreeMap<Table, Head> = self.inner.catalog.heads().await?.into_iter().collect();
        let mut heads = Vec::new();
        for table in Table::ALL.iter().filter(|table| !known.contains_key(table)) {
            heads.push((*table, create_table(&self.inner.root, *table).await?));
        }
        self.inner.catalog.upgrade(&heads).await
    }

    /// Takes the writer's lock, if this build may write at all.
    pub(crate) fn lock(&self) -> Result<WriteLock> {
        self.inner.format.check_writable()?;
        WriteLock::take(&self.inner.root.join(".lock"))
    }

    /// The versions of all tables that make up the current state of the workspace.
    pub async fn table_versions(&self) -> Result<BTreeMap<String, u64>> {
        let heads = self.inner.catalog.heads().await?;
        Ok(heads
            .into_iter()
            .map(|(table, head)| (table.name().to_owned(), head.version))
            .collect())
    }

    pub(crate) fn table_dir(&self, table: Table) -> PathBuf {
        table_dir(&self.inner.root, table)
    }

    pub(crate) fn datasets_dir(&self) -> PathBuf {
        self.inner.root.join("datasets")
    }

    /// A table at a version.
    pub(crate) async fn open_table(&self, table: Table, version: u64) -> Result<Arc<lance::Dataset>> {
        self.open_folder(&self.table_dir(table), table.name(), version).await
    }

    /// A Lance folder at a version; kept open for the next time.
    pub(crate) async fn open_folder(&self, folder: &Path, name: &str, version: u64) -> Result<Arc<lance::Dataset>> {
        let key = (folder.to_owned(), version);
        let known = self.opened().get(&key).cloned();
        if let Some(dataset) = known {
            return Ok(dataset);
        }
        let dataset = DatasetBuilder::from_uri(utf8(folder)?)
            .with_session(Arc::clone(&self.inner.session))
            .with_version(version)
            .load()
            .await
            .map_err(|source| StoreError::MissingVersion {
                table: name.to_owned(),
                version,
                source: Box::new(source),
            })?;
        let dataset = Arc::new(dataset);
        let mut opened = self.opened();
        // Older versions of the same table are not asked for again.
        opened.retain(|(other, _), _| other != folder);
        opened.insert(key, Arc::clone(&dataset));
        Ok(dataset)
    }

    pub(crate) fn forget_folder(&self, folder: &Path) {
        self.opened().retain(|(other, _), _| other != folder);
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, HashMap<(PathBuf, u64), Arc<lance::Dataset>>> {
        self.inner.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folder of a table.
fn table_dir(root: &Path, table: Table) -> PathBuf {
    root.join("tables").join(format!("{}.lance", table.name()))
}

/// The path as the table engine wants it.
pub(crate) fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| StoreError::Io {
        what: "use (the path is not UTF-8)",
        path: path.to_owned(),
        source: std::io::Error::from(std::io::ErrorKind::InvalidFilename),
    })
}

fn absolute(root: &Path) -> Result<PathBuf> {
    let root = root.canonicalize().map_err(StoreError::io("find the folder", root))?;
    utf8(&root)?;
    Ok(root)
}

/// An empty table, or the empty one that a killed `init` left.
async fn create_table(root: &Path, table: Table) -> Result<Head> {
    let dir = table_dir(root, table);
    let uri = utf8(&dir)?;
    if dir.exists() {
        if let Ok(existing) = lance::Dataset::open(uri).await {
            let rows = existing
                .count_rows(None)
                .await
                .map_err(StoreError::table("count the rows of", table.name()))?;
            return if rows == 0 {
                Ok(Head {
                    version: existing.version_id(),
                    rows: 0,
                })
            } else {
                Err(StoreError::CatalogLost {
                    table: table.name(),
                    rows: rows as u64,
                    path: root.to_owned(),
                })
            };
        }
        // A folder that does not open holds no committed version: `init` was killed while making it.
        std::fs::remove_dir_all(&dir).map_err(StoreError::io("remove the half-made table", &dir))?;
    }
    let version = write_empty(uri, table.schema())
        .await
        .map_err(StoreError::table("create", table.name()))?;
    Ok(Head { version, rows: 0 })
}

async fn write_empty(uri: &str, schema: SchemaRef) -> lance::Result<u64> {
    let params = WriteParams {
        mode: WriteMode::Create,
        ..WriteParams::default()
    };
    let none: Vec<Result<RecordBatch, arrow_schema::ArrowError>> = Vec::new();
    let reader = RecordBatchIterator::new(none, schema);
    let dataset = Box::pin(InsertBuilder::new(uri).with_params(&params).execute_stream(reader)).await?;
    Ok(dataset.version_id())
}
