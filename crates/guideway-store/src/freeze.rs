//! Freezing: writing an immutable, content-hashed dataset version.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use guideway_core::{DatasetId, IdBuilder};
use guideway_schema::{RecordingRow, Row as _, Table};
use lance::dataset::{InsertBuilder, WriteMode, WriteParams};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::durable::{sync, sync_tree};
use crate::error::{Result, StoreError};
use crate::frozen::{DatasetInfo, DatasetManifest, FROZEN_VERSION, ParentRecording, SplitInfo};
use crate::lineage::{NodeKind, NodeRef, Operation};
use crate::recover::TEMP_PREFIX;
use crate::sample::{Canonical as _, Sample, sample_schema, to_batch};
use crate::store::{Store, utf8};
use crate::transaction::{Transaction, block_on, quote};

/// Samples that go to the writer together.
const BATCH_ROWS: usize = 256;
/// Bytes of media that go to the writer together.
const BATCH_BYTES: usize = 16 << 20;
/// Batches between the caller and the writer.
const QUEUE: usize = 2;
/// Rows of a data file.
const ROWS_PER_FILE: usize = 1 << 20;
/// Longest name.
const NAME_LENGTH: usize = 100;

/// Writers begun by this process, to name their folders.
static WRITERS: AtomicU64 = AtomicU64::new(0);

/// What is to be frozen.
#[derive(Debug, Clone, Default)]
pub struct DatasetSpec {
    /// Its name: letters, digits, `.`, `_` and `-`, up to 100.
    pub name: String,
    /// The classes, in the order that gives them their index. Every label's class must be among them, but for labels that are to be ignored.
    pub classes: Vec<String>,
    /// How it is made.
    pub manifest: DatasetManifest,
}

/// What freezing did.
#[derive(Debug, Clone, PartialEq)]
pub struct Frozen {
    /// The dataset.
    pub info: DatasetInfo,
    /// `false` when a dataset of this name and content was there already: nothing was written.
    pub created: bool,
}

/// Writes one dataset version. Drop it to give up.
///
/// Samples come sorted by `(split, frame_id)`. Memory holds a few batches and one entry per group, whatever the size of
/// the dataset. The writer's lock is held until the end.
#[derive(Debug)]
pub struct DatasetWriter {
    store: Store,
    transaction: Transaction,
    spec: DatasetSpec,
    folder: PathBuf,
    queue: Option<mpsc::Sender<RecordBatch>>,
    task: WriterTask,
    hasher: blake3::Hasher,
    samples: Vec<Sample>,
    bytes: usize,
    last: Option<(String, String)>,
    groups: HashMap<String, usize>,
    splits: Vec<SplitInfo>,
    recordings: BTreeMap<String, u64>,
}

/// The hash of a dataset's content begins with this.
/// The version of what a dataset's rows are made of. A table more in the workspace changes no dataset.
const DATASET_FORMAT: &str = "1.0";

fn begin_hash(classes: &[String]) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    "guideway-dataset".to_owned().feed(&mut hasher);
    DATASET_FORMAT.to_owned().feed(&mut hasher);
    classes.to_vec().feed(&mut hasher);
    hasher
}

/// The hash of a dataset's content, from its samples in order.
pub(crate) async fn content_hash(
    classes: &[String],
    mut samples: BoxStream<'static, Result<Sample>>,
) -> Result<String> {
    let mut hasher = begin_hash(classes);
    while let Some(sample) = samples.next().await {
        let mut sample = sample?;
        // The stored digest is not trusted: the bytes themselves are what is checked.
        sample.media_digest = blake3::hash(&sample.media).to_hex().to_string();
        sample.feed(&mut hasher);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn check_name(name: &str) -> Result<()> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.len() > NAME_LENGTH {
        "it is longer than 100 characters"
    } else if !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        "only letters, digits, `.`, `_` and `-` are allowed"
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        "it must begin with a letter or a digit"
    } else {
        return Ok(());
    };
    Err(StoreError::BadName {
        what: "dataset",
        name: name.to_owned(),
        why,
    })
}

impl Store {
    /// Refuses a name that no dataset can have.
    pub fn check_dataset_name(&self, name: &str) -> Result<()> {
        check_name(name)
    }

    /// Begins to freeze a dataset. Takes the writer's lock.
    pub async fn begin_dataset(&self, spec: DatasetSpec) -> Result<DatasetWriter> {
        check_name(&spec.name)?;
        let transaction = self.begin().await?;
        // A name of its own: the task of a writer that was given up may still be closing its files.
        let number = WRITERS.fetch_add(1, Ordering::Relaxed);
        let temp = format!("{TEMP_PREFIX}{}-{}-{number}.lance", spec.name, std::process::id());
        let folder = self.datasets_dir().join(temp);
        let uri = utf8(&folder)?.to_owned();
        let (queue, batches) = mpsc::channel(QUEUE);
        let task = WriterTask(self.inner.handle.spawn(write_folder(uri, batches)));
        Ok(DatasetWriter {
            store: self.clone(),
            transaction,
            hasher: begin_hash(&spec.classes),
            spec,
            folder,
            queue: Some(queue),
            task,
            samples: Vec::new(),
            bytes: 0,
            last: None,
            groups: HashMap::new(),
            splits: Vec::new(),
            recordings: BTreeMap::new(),
        })
    }

    /// Freezes a dataset from a stream of samples sorted by `(split, frame_id)`.
    pub async fn create_dataset<E>(
        &self,
        spec: DatasetSpec,
        mut samples: BoxStream<'_, Result<Sample, E>>,
        operation: Operation,
    ) -> Result<Frozen, E>
    where
        E: From<StoreError>,
    {
        let mut writer = self.begin_dataset(spec).await?;
        while let Some(sample) = samples.next().await {
            writer.push(sample?).await?;
        }
        Ok(writer.finish(operation).await?)
    }
}

async fn write_folder(uri: String, batches: mpsc::Receiver<RecordBatch>) -> lance::Result<u64> {
    let stream = futures::stream::unfold(batches, |mut batches| async move {
        let batch = batches.recv().await?;
        Some((Ok::<_, DataFusionError>(batch), batches))
    });
    let stream: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(sample_schema(), stream.boxed()));
    let params = WriteParams {
        mode: WriteMode::Create,
        max_rows_per_file: ROWS_PER_FILE,
        ..WriteParams::default()
    };
    let written = Box::pin(
        InsertBuilder::new(uri.as_str())
            .with_params(&params)
            .execute_stream(stream),
    )
    .await?;
    Ok(written.version_id())
}

impl DatasetWriter {
    /// Adds a sample. Its labels may come in any order; its `media_digest` is computed here.
    ///
    /// # Errors
    /// [`StoreError::BadSample`] out of order, twice, with an unknown class or with numbers that are not finite;
    /// [`StoreError::GroupStraddles`] when its group has frames in another split.
    pub async fn push(&mut self, mut sample: Sample) -> Result<()> {
        self.check(&sample)?;
        sample.labels.sort_by(|a, b| a.label_id.cmp(&b.label_id));
        if let Some(pair) = sample
            .labels
            .windows(2)
            .find(|pair| pair[0].label_id == pair[1].label_id)
        {
            let why = format!("label `{}` comes twice", pair[0].label_id);
            return Err(bad(&sample, why));
        }
        sample.media_digest = blake3::hash(&sample.media).to_hex().to_string();
        sample.feed(&mut self.hasher);

        let first_row = self.splits.last().map_or(0, |split| split.first_row + split.frames);
        if self.splits.last().is_none_or(|split| split.name != sample.split) {
            self.splits.push(SplitInfo {
                name: sample.split.clone(),
                first_row,
                frames: 0,
                labels: 0,
            });
        }
        if let Some(split) = self.splits.last_mut() {
            split.frames += 1;
            split.labels += sample.labels.len() as u64;
        }
        let split = self.splits.len() - 1;
        let group = *self.groups.entry(sample.group_id.clone()).or_insert(split);
        if group != split {
            return Err(StoreError::GroupStraddles {
                group_id: sample.group_id,
                first: self.splits[group].name.clone(),
                second: sample.split,
            });
        }
        *self.recordings.entry(sample.recording_id.clone()).or_default() += 1;
        self.last = Some((sample.split.clone(), sample.frame_id.clone()));
        self.bytes += sample.media.len() + 1024 + 256 * sample.labels.len();
        self.samples.push(sample);
        if self.samples.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
            self.send().await?;
        }
        Ok(())
    }

    /// [`push`](Self::push) for synchronous code.
    pub fn push_blocking(&mut self, sample: Sample) -> Result<()> {
        let handle = self.store.inner.handle.clone();
        block_on(&handle, "DatasetWriter::push_blocking", self.push(sample))?
    }

    fn check(&self, sample: &Sample) -> Result<()> {
        if let Some((split, frame_id)) = &self.last {
            let order = (split, frame_id).cmp(&(&sample.split, &sample.frame_id));
            if order.is_eq() {
                return Err(bad(sample, "it comes twice".to_owned()));
            }
            if order.is_gt() {
                let why =
                    format!("samples must be sorted by split and frame id, and it comes after `{split}` `{frame_id}`");
                return Err(bad(sample, why));
            }
        }
        if sample.frame_id.is_empty() || sample.split.is_empty() {
            return Err(bad(sample, "its id or its split is empty".to_owned()));
        }
        for label in &sample.labels {
            if !label.is_ignored && !self.spec.classes.contains(&label.class) {
                let why = format!(
                    "label `{}` has class `{}`, which is not in the list",
                    label.label_id, label.class
                );
                return Err(bad(sample, why));
            }
            let numbers = [
                label.x_min,
                label.y_min,
                label.x_max,
                label.y_max,
                label.area,
                label.truncation,
            ];
            if !numbers
                .iter()
                .flatten()
                .chain(&label.cuboid)
                .all(|number| number.is_finite())
            {
                let why = format!("label `{}` has a number that is not finite", label.label_id);
                return Err(bad(sample, why));
            }
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<()> {
        let samples = std::mem::take(&mut self.samples);
        self.bytes = 0;
        let batch = to_batch(&samples)?;
        let sent = match &self.queue {
            Some(queue) => queue.send(batch).await.is_ok(),
            None => false,
        };
        if sent {
            return Ok(());
        }
        // The writer is gone: its error is the one to show.
        self.queue = None;
        Err(match (&mut self.task.0).await {
            Ok(Err(err)) => StoreError::table("write dataset", &self.spec.name)(err),
            Ok(Ok(_)) | Err(_) => self.stopped(),
        })
    }

    fn stopped(&self) -> StoreError {
        StoreError::WriterStopped {
            name: self.spec.name.clone(),
        }
    }

    /// Closes the files, gives them their final name and commits. The operation gets the dataset as an output and the
    /// recordings, with their digests and URIs, as inputs.
    ///
    /// # Errors
    /// [`StoreError::DatasetFrozen`] when the name is taken by other content; [`StoreError::EmptyDataset`].
    pub async fn finish(mut self, mut operation: Operation) -> Result<Frozen> {
        if self.splits.is_empty() {
            return Err(StoreError::EmptyDataset {
                name: self.spec.name.clone(),
            });
        }
        if !self.samples.is_empty() {
            self.send().await?;
        }
        self.queue = None;
        match (&mut self.task.0).await {
            Ok(Ok(FROZEN_VERSION)) => {}
            Ok(Err(err)) => return Err(StoreError::table("write dataset", &self.spec.name)(err)),
            Ok(Ok(_)) | Err(_) => return Err(self.stopped()),
        }
        let hash = self.hasher.finalize().to_hex().to_string();
        if let Some(existing) = self.store.find_dataset(&self.spec.name).await? {
            std::fs::remove_dir_all(&self.folder).map_err(StoreError::io("remove", &self.folder))?;
            if existing.hash == hash {
                return Ok(Frozen {
                    info: existing,
                    created: false,
                });
            }
            return Err(StoreError::DatasetFrozen {
                name: self.spec.name.clone(),
                existing: short(&existing.hash).to_owned(),
                new: short(&hash).to_owned(),
            });
        }
        let recordings = self.parents().await?;
        for parent in &recordings {
            let node = NodeRef::new(NodeKind::Recording, &parent.recording_id).with_detail(serde_json::json!({
                "name": parent.name, "uri": parent.uri, "digest": parent.digest, "frames": parent.frames,
            }));
            operation.inputs.insert(0, node);
        }
        let versions = self.store.table_versions().await?;
        for table in [Table::Recordings, Table::Frames, Table::Labels] {
            if let Some(version) = versions.get(table.name()) {
                operation.inputs.push(NodeRef::table(table, *version));
            }
        }
        let dataset_id: DatasetId = IdBuilder::new("dataset").text(&self.spec.name).text(&hash).finish();
        let mut info = DatasetInfo {
            dataset_id: dataset_id.into_string(),
            name: self.spec.name.clone(),
            folder: format!("{}@{}.lance", self.spec.name, short(&hash)),
            hash,
            frames: self.splits.iter().map(|split| split.frames).sum(),
            labels: self.splits.iter().map(|split| split.labels).sum(),
            created_ns: operation.ended_ns,
            classes: self.spec.classes,
            splits: self.splits,
            manifest: self.spec.manifest,
        };
        info.manifest.table_versions = versions;
        info.manifest.recordings = recordings;
        let target = self.store.frozen_dir(&info);
        sync_tree(&self.folder)?;
        std::fs::rename(&self.folder, &target).map_err(StoreError::io("move the dataset to", &target))?;
        sync(&self.store.datasets_dir())?;
        self.transaction.put_dataset(info.clone());
        self.transaction.commit(operation).await?;
        Ok(Frozen { info, created: true })
    }

    /// The recordings that the samples came from, as the tables know them.
    async fn parents(&self) -> Result<Vec<ParentRecording>> {
        let ids: Vec<&str> = self.recordings.keys().map(String::as_str).collect();
        let known = self.store.recordings_by_id(&ids).await?;
        let known: HashMap<&str, &RecordingRow> = known.iter().map(|row| (row.recording_id.as_str(), row)).collect();
        Ok(self
            .recordings
            .iter()
            .map(|(id, frames)| {
                let row = known.get(id.as_str());
                ParentRecording {
                    recording_id: id.clone(),
                    name: row.map(|row| row.name.clone()).unwrap_or_default(),
                    uri: row.map(|row| row.uri.clone()).unwrap_or_default(),
                    digest: row.map(|row| row.digest.clone()).unwrap_or_default(),
                    frames: *frames,
                }
            })
            .collect())
    }
}

/// The task that writes the files; it does not outlive the writer.
#[derive(Debug)]
struct WriterTask(JoinHandle<lance::Result<u64>>);

impl Drop for WriterTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Store {
    /// Every recording, by id.
    pub async fn recordings(&self) -> Result<Vec<RecordingRow>> {
        self.select_recordings(None).await
    }

    /// The recording with this id; none if it was not ingested.
    pub async fn recording(&self, recording_id: &str) -> Result<Option<RecordingRow>> {
        Ok(self.recordings_by_id(&[recording_id]).await?.pop())
    }

    /// The recordings with these ids, by id; unknown ones are left out.
    pub async fn recordings_by_id(&self, ids: &[&str]) -> Result<Vec<RecordingRow>> {
        let mut found = Vec::new();
        for chunk in ids.chunks(500) {
            let list: Vec<String> = chunk.iter().map(|id| quote(id)).collect();
            found.extend(
                self.select_recordings(Some(format!("recording_id IN ({})", list.join(", "))))
                    .await?,
            );
        }
        found.sort_by(|a, b| a.recording_id.cmp(&b.recording_id));
        Ok(found)
    }

    async fn select_recordings(&self, filter: Option<String>) -> Result<Vec<RecordingRow>> {
        let mut rows = Vec::new();
        for batch in self.select(Table::Recordings, &[], filter.as_deref()).await? {
            rows.extend(RecordingRow::from_batch(&batch)?);
        }
        rows.sort_by(|a, b| a.recording_id.cmp(&b.recording_id));
        Ok(rows)
    }

    /// Rows of a table at its head; all columns when none are named.
    pub(crate) async fn select(
        &self,
        table: Table,
        columns: &[&str],
        filter: Option<&str>,
    ) -> Result<Vec<RecordBatch>> {
        let failed = |err| StoreError::table("read from", table.name())(err);
        let heads = self.inner.catalog.heads().await?;
        let Some((_, head)) = heads.into_iter().find(|(name, _)| *name == table) else {
            return Ok(Vec::new());
        };
        let dataset = self.open_table(table, head.version).await?;
        let mut scanner = dataset.scan();
        if !columns.is_empty() {
            scanner.project(columns).map_err(failed)?;
        }
        if let Some(filter) = filter {
            scanner.filter(filter).map_err(failed)?;
        }
        let mut stream = scanner.try_into_stream().await.map_err(failed)?;
        let mut batches = Vec::new();
        while let Some(batch) = stream.next().await {
            batches.push(batch.map_err(failed)?);
        }
        Ok(batches)
    }
}

fn bad(sample: &Sample, why: String) -> StoreError {
    StoreError::BadSample {
        frame_id: sample.frame_id.clone(),
        why,
    }
}

/// The first 12 digits of a hash: enough to tell versions apart.
pub(crate) fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
