//! The workspace: a folder with settings and data.

use std::path::{Path, PathBuf};

use guideway_core::Reporter;
use guideway_schema::Row;
use guideway_store::{Compacted, DoctorOptions, DoctorReport, Store, StoreOptions};

use crate::config::{NEW_PROJECT_FILE, PROJECT_FILE, Settings};
use crate::error::{Error, ErrorKind};
use crate::interrupt::Interrupt;

/// A folder with `guideway.toml` and a data root, opened.
pub struct Workspace {
    root: PathBuf,
    settings: Settings,
    store: Store,
    runtime: tokio::runtime::Runtime,
    interrupt: Interrupt,
}

impl Workspace {
    /// Makes a folder a workspace and opens it. In a folder that is one already, it changes nothing.
    pub fn init(dir: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(dir).map_err(|source| Error::io("make the folder", dir, source))?;
        let root = dir
            .canonicalize()
            .map_err(|source| Error::io("find the folder", dir, source))?;
        let project = root.join(PROJECT_FILE);
        if !project.exists() {
            std::fs::write(&project, NEW_PROJECT_FILE).map_err(|source| Error::io("write", &project, source))?;
        }
        let settings = Settings::load(&root)?;
        let runtime = runtime(&root)?;
        match runtime.block_on(Store::init(&settings.data)) {
            Ok(_) | Err(guideway_store::StoreError::AlreadyInitialised { .. }) => {}
            Err(err) => return Err(err.into()),
        }
        drop(runtime);
        Self::open(&root)
    }

    /// Opens the workspace in this folder.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        if !dir.join(PROJECT_FILE).is_file() {
            return Err(ErrorKind::NotAWorkspace { path: dir.to_owned() }.into());
        }
        let root = dir
            .canonicalize()
            .map_err(|source| Error::io("find the folder", dir, source))?;
        let settings = Settings::load(&root)?;
        let runtime = runtime(&root)?;
        let options = StoreOptions {
            query_memory_bytes: usize::try_from(settings.query_memory_mb.saturating_mul(1_000_000))
                .unwrap_or(usize::MAX),
            ..StoreOptions::default()
        };
        let store = runtime.block_on(Store::open_with(&settings.data, options))?;
        Ok(Self {
            root,
            settings,
            store,
            runtime,
            interrupt: Interrupt::default(),
        })
    }

    /// Opens the workspace that the current folder lies in.
    pub fn discover() -> Result<Self, Error> {
        let here = std::env::current_dir().map_err(|source| Error::io("find", ".".as_ref(), source))?;
        let root = here
            .ancestors()
            .find(|dir| dir.join(PROJECT_FILE).is_file())
            .ok_or_else(|| ErrorKind::NoWorkspace { path: here.clone() })?;
        Self::open(root)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Stops the work of this workspace from another thread.
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The store, for what this facade does not offer.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The tables, with their columns and sizes.
    pub fn tables(&self) -> Result<Vec<guideway_store::TableInfo>, Error> {
        Ok(self.block_on(self.store.tables())?)
    }

    /// Merges small fragments and drops versions that nothing refers to.
    pub fn compact(&self, reporter: &dyn Reporter) -> Result<Vec<Compacted>, Error> {
        let _task = reporter.begin("Compacting", None, "tables");
        let operation = crate::clock::operation("compact", &self.settings.user, crate::clock::now_ns());
        Ok(self.block_on(self.store.compact(operation))?)
    }

    /// Merges the small fragments of the tables that have too many of them, as the setting `compact_above` says.
    pub(crate) fn compact_crowded(&self) -> Result<Vec<Compacted>, Error> {
        let Some(limit) = self.settings.compact_above else {
            return Ok(Vec::new());
        };
        let operation = crate::clock::operation("compact", &self.settings.user, crate::clock::now_ns());
        Ok(self.block_on(self.store.compact_crowded(operation, limit))?)
    }

    /// Checks that the workspace is whole; `deep` recomputes every hash.
    pub fn doctor(&self, deep: bool, reporter: &dyn Reporter) -> Result<DoctorReport, Error> {
        let _task = reporter.begin("Checking", None, "checks");
        Ok(self.block_on(self.store.doctor(DoctorOptions { deep }))?)
    }

    /// Waits for a future of the store.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The rows of a table that a SELECT yields.
    pub(crate) fn rows<R: Row>(&self, sql: &str) -> Result<Vec<R>, Error> {
        let batches = self.block_on(async { self.store.sql(sql).await?.collect().await })?;
        let mut rows = Vec::new();
        for batch in &batches {
            rows.extend(R::from_batch(batch).map_err(guideway_store::StoreError::from)?);
        }
        Ok(rows)
    }
}

impl std::fmt::Debug for Workspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workspace")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// Text as a SQL literal.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn runtime(root: &Path) -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("guideway-io")
        // The engine's plans are walked by recursion.
        .thread_stack_size(16 << 20)
        .build()
        .map_err(|source| Error::io("start the worker threads for", root, source))
}
