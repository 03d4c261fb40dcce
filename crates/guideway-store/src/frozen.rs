//! Frozen datasets: what the catalog says about them, and reading them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use guideway_core::hint::closest;
use lance::dataset::ProjectionRequest;
use serde_json::json;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::error::{Result, StoreError};
use crate::find::{Entry, Named};
use crate::registry::parse;
use crate::sample::{Sample, from_batch, sample_schema};
use crate::store::Store;
use crate::transaction::block_on;

/// The Lance version of every frozen dataset: it is written once.
pub(crate) const FROZEN_VERSION: u64 = 1;
/// Samples read at a time by a scan, small enough for batches of full-size images.
const SCAN_ROWS: usize = 64;
/// Bytes of a scan's batch, roughly.
const SCAN_BYTES: u64 = 32 << 20;

/// How a dataset was made. The store adds the versions of the tables and the recordings.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct DatasetManifest {
    /// The SQL that selected the frames.
    pub query: Option<String>,
    /// The seed of the split.
    pub seed: Option<u64>,
    /// The fractions asked for, by split.
    pub split_fractions: BTreeMap<String, f64>,
    /// What the split kept together: `recording`, `group`, `frame` or a column.
    pub group_by: String,
    /// Free text.
    pub description: String,
    /// The versions of the tables that it was made from. Set by the store.
    pub table_versions: BTreeMap<String, u64>,
    /// The recordings that its frames come from. Set by the store.
    pub recordings: Vec<ParentRecording>,
}

/// A recording that a dataset has frames of.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct ParentRecording {
    /// Id.
    pub recording_id: String,
    /// Name.
    pub name: String,
    /// Where it lay when the dataset was frozen.
    pub uri: String,
    /// Digest of its content; empty when the recording is not in the tables.
    pub digest: String,
    /// Frames taken from it.
    pub frames: u64,
}

/// One split of a frozen dataset: a run of rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct SplitInfo {
    /// `train`, `val`, ….
    pub name: String,
    /// Index of its first row.
    pub first_row: u64,
    /// Number of frames.
    pub frames: u64,
    /// Number of labels.
    pub labels: u64,
}

/// What the catalog says about a frozen dataset.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct DatasetInfo {
    /// Id, of name and hash ([`guideway_core::DatasetId`]).
    pub dataset_id: String,
    /// Name.
    pub name: String,
    /// BLAKE3 of the canonical content, 64 hex digits: rows in order, class list, format version; not the name, not the
    /// manifest, no paths, no times.
    pub hash: String,
    /// The folder below `datasets`.
    pub folder: String,
    /// Number of frames.
    pub frames: u64,
    /// Number of labels.
    pub labels: u64,
    /// When it was frozen, ns since 1970, UTC.
    pub created_ns: i64,
    /// The classes, in the order that gives them their index.
    pub classes: Vec<String>,
    /// The splits, by name.
    pub splits: Vec<SplitInfo>,
    /// How it was made.
    pub manifest: DatasetManifest,
}

impl DatasetInfo {
    pub(crate) async fn write(&self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO datasets (dataset_id, name, hash, folder, frames, labels, created_ns, classes, splits, manifest)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&self.dataset_id)
        .bind(&self.name)
        .bind(&self.hash)
        .bind(&self.folder)
        .bind(self.frames as i64)
        .bind(self.labels as i64)
        .bind(self.created_ns)
        .bind(json!(self.classes).to_string())
        .bind(json!(self.splits).to_string())
        .bind(json!(self.manifest).to_string())
        .execute(connection)
        .await
        .map(|_| ())
    }

    /// The rows of a split.
    pub fn rows(&self, split: &str) -> Option<Range<u64>> {
        let split = self.splits.iter().find(|info| info.name == split)?;
        Some(split.first_row..split.first_row + split.frames)
    }
}

impl Named for DatasetInfo {
    fn id(&self) -> &str {
        &self.dataset_id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Entry for DatasetInfo {
    const WHAT: &'static str = "dataset";
    const ALL: &'static str = "SELECT * FROM datasets ORDER BY name";
    const ONE: &'static str = "SELECT * FROM datasets WHERE name = ?1 OR dataset_id = ?1";

    fn read(row: &SqliteRow) -> Result<Self> {
        let failed = || StoreError::catalog("read");
        Ok(Self {
            dataset_id: row.try_get("dataset_id").map_err(failed())?,
            name: row.try_get("name").map_err(failed())?,
            hash: row.try_get("hash").map_err(failed())?,
            folder: row.try_get("folder").map_err(failed())?,
            frames: row.try_get::<i64, _>("frames").map_err(failed())? as u64,
            labels: row.try_get::<i64, _>("labels").map_err(failed())? as u64,
            created_ns: row.try_get("created_ns").map_err(failed())?,
            classes: parse(row, "classes")?,
            splits: parse(row, "splits")?,
            manifest: parse(row, "manifest")?,
        })
    }
}

impl Store {
    /// Every frozen dataset, by name.
    pub async fn datasets(&self) -> Result<Vec<DatasetInfo>> {
        self.entries().await
    }

    /// What the catalog says about the dataset with this name or whole id; none if there is none.
    pub async fn find_dataset(&self, name_or_id: &str) -> Result<Option<DatasetInfo>> {
        self.find_entry(name_or_id).await
    }

    /// Opens the frozen dataset with this name, id, or first four or more digits of an id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], with the closest name; [`StoreError::Ambiguous`].
    pub async fn dataset(&self, asked: &str) -> Result<Dataset> {
        let info: DatasetInfo = self.entry(asked).await?;
        let lance = self.open_frozen(&info).await?;
        Ok(Dataset {
            store: self.clone(),
            info: Arc::new(info),
            lance,
        })
    }

    pub(crate) fn frozen_dir(&self, info: &DatasetInfo) -> PathBuf {
        self.datasets_dir().join(&info.folder)
    }

    pub(crate) async fn open_frozen(&self, info: &DatasetInfo) -> Result<Arc<lance::Dataset>> {
        self.open_folder(&self.frozen_dir(info), &info.name, FROZEN_VERSION)
            .await
    }
}

/// A frozen dataset, open for reading. Cheap to clone; usable from any thread.
#[derive(Debug, Clone)]
pub struct Dataset {
    store: Store,
    info: Arc<DatasetInfo>,
    pub(crate) lance: Arc<lance::Dataset>,
}

/// Which columns to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Columns {
    /// Everything.
    #[default]
    All,
    /// Everything but the media, which stays empty.
    WithoutMedia,
}

impl Columns {
    fn names(self) -> Vec<String> {
        sample_schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .filter(|name| self == Self::All || name != "media")
            .collect()
    }
}

impl Dataset {
    /// What the catalog says about it: name, hash, classes, splits, manifest.
    pub fn info(&self) -> &DatasetInfo {
        &self.info
    }

    /// The classes, in the order that gives them their index.
    pub fn classes(&self) -> &[String] {
        &self.info.classes
    }

    /// The splits, by name.
    pub fn splits(&self) -> &[SplitInfo] {
        &self.info.splits
    }

    /// How it was made.
    pub fn manifest(&self) -> &DatasetManifest {
        &self.info.manifest
    }

    /// Number of frames.
    pub fn len(&self) -> u64 {
        self.info.frames
    }

    /// No frames? Never true for a dataset that the store wrote.
    pub fn is_empty(&self) -> bool {
        self.info.frames == 0
    }

    /// The rows of a split.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], with the closest name.
    pub fn rows(&self, split: &str) -> Result<Range<u64>> {
        self.info.rows(split).ok_or_else(|| StoreError::NotFound {
            what: "split",
            name: format!("{}:{split}", self.info.name),
            closest: closest(split, self.info.splits.iter().map(|info| info.name.as_str())).map(str::to_owned),
        })
    }

    /// Samples by row, in the order asked for; a row may be asked for more than once. Rows are sorted by split and frame id.
    ///
    /// # Errors
    /// [`StoreError::RowOutOfRange`].
    pub async fn take(&self, rows: &[u64], columns: Columns) -> Result<Vec<Sample>> {
        if let Some(row) = rows.iter().find(|row| **row >= self.len()) {
            return Err(StoreError::RowOutOfRange {
                name: self.info.name.clone(),
                row: *row,
                len: self.len(),
            });
        }
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let projection = ProjectionRequest::from_columns(columns.names(), self.lance.schema());
        let batch = Box::pin(self.lance.take(rows, projection))
            .await
            .map_err(StoreError::table("read from", &self.info.name))?;
        let samples = from_batch(&self.info.name, &batch)?;
        if samples.len() != rows.len() {
            return Err(StoreError::BadDataset {
                name: self.info.name.clone(),
                column: "frame_id",
                row: samples.len(),
            });
        }
        Ok(samples)
    }

    /// [`take`](Self::take) for synchronous code, such as the loader of a training.
    pub fn take_blocking(&self, rows: &[u64], columns: Columns) -> Result<Vec<Sample>> {
        block_on(
            &self.store.inner.handle,
            "Dataset::take_blocking",
            self.take(rows, columns),
        )?
    }

    /// All samples in order, or those of one split.
    pub async fn scan(&self, split: Option<&str>, columns: Columns) -> Result<BoxStream<'static, Result<Sample>>> {
        let range = split.map(|split| self.rows(split)).transpose()?;
        let name = self.info.name.clone();
        let batches = self.batches(range, &columns.names()).await?;
        Ok(batches
            .map(move |batch| {
                let samples = from_batch(&name, &batch?)?;
                Ok::<_, StoreError>(futures::stream::iter(samples.into_iter().map(Ok::<_, StoreError>)))
            })
            .try_flatten()
            .boxed())
    }

    /// Batches of these columns in order, of a range of rows or of all.
    pub(crate) async fn batches(
        &self,
        range: Option<Range<u64>>,
        columns: &[String],
    ) -> Result<BoxStream<'static, Result<arrow_array::RecordBatch>>> {
        let failed = |err| StoreError::table("read from", &self.info.name)(err);
        let mut scanner = self.lance.scan();
        scanner.project(columns).map_err(failed)?;
        if columns.iter().any(|column| column == "media") {
            scanner
                .batch_size(SCAN_ROWS)
                .batch_size_bytes(SCAN_BYTES)
                .batch_readahead(2);
        }
        scanner.scan_in_order(true);
        if let Some(range) = range {
            let offset = i64::try_from(range.start).ok();
            let limit = i64::try_from(range.end - range.start).ok();
            scanner.limit(limit, offset).map_err(failed)?;
        }
        let stream = scanner.try_into_stream().await.map_err(failed)?;
        let name = self.info.name.clone();
        Ok(stream
            .map(move |batch| batch.map_err(StoreError::table("read from", &name)))
            .boxed())
    }
}
