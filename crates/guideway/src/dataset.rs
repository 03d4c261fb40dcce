//! Frozen datasets: made from a query, looked at, compared, exported.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::compute::cast;
use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, RecordBatch, StringArray};
use arrow_schema::DataType;
use futures::StreamExt as _;
use guideway_core::{BBox, Reporter, Warning};
use guideway_ingest::export::{self, ExportSample};
use guideway_ingest::media::MediaReader;
use guideway_schema::{FrameRow, LabelRow, SensorRow};
use guideway_store::{
    Columns, Dataset, DatasetDiff, DatasetInfo, DatasetManifest, DatasetSpec, NodeKind, NodeRef, Sample, SampleLabel,
};
use serde::Serialize;
use serde_json::json;

use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::origin::Origin;
use crate::split::{SplitSpec, assign, straddling};
use crate::workspace::{Workspace, quote};

/// Frames whose rows are looked up with one query.
pub(crate) const LOOKUP_FRAMES: usize = 8192;
/// Frames whose media are in memory at a time.
const MEDIA_FRAMES: usize = 256;
/// Bytes of media that are in memory at a time.
const MEDIA_BYTES: i64 = 128 << 20;

/// What a split must not separate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// All frames of a drive; images of a collection stand alone.
    #[default]
    Recording,
    /// Nothing: each frame alone. Refused when it tears a drive apart.
    Frame,
}

/// How to freeze a dataset.
#[derive(Debug, Clone, Default)]
pub struct FreezeOptions {
    /// A SELECT that yields `frame_id`, and optionally `split`.
    pub sql: String,
    /// Fractions of frames; 80 % train and 20 % val when neither this nor the query says anything.
    pub split: Option<SplitSpec>,
    /// What must not be separated.
    pub group_by: GroupBy,
    /// Seed of the split.
    pub seed: u64,
    /// Keep only labels of these classes; all that occur when empty.
    pub classes: Vec<String>,
    /// Classes of which no frame has a label are no error: the dataset knows them all the same.
    pub may_lack_classes: bool,
    /// Keep only labels by these labelers; all when empty.
    pub labelers: Vec<String>,
    /// Keep only labels made under these orders (`answers.order_id`); all when empty.
    pub orders: Vec<String>,
    /// Labels whose area (the mask's where there is one, else the box's) is smaller than this, px², are kept as to be ignored: neither
    /// learnt nor counted.
    pub min_area: f64,
}

/// A split of a dataset.
#[derive(Debug, Clone, Serialize)]
pub struct SplitSummary {
    /// Its name.
    pub name: String,
    /// Number of frames.
    pub frames: u64,
    /// Number of labels.
    pub labels: u64,
    /// Number of groups: drives, or independent images.
    pub groups: u64,
}

/// A class of a dataset.
#[derive(Debug, Clone, Serialize)]
pub struct ClassSummary {
    /// Its name.
    pub name: String,
    /// Number of labels.
    pub labels: u64,
}

/// A frozen dataset.
#[derive(Debug, Clone, Serialize)]
pub struct DatasetSummary {
    /// Its name.
    pub name: String,
    /// Its id.
    pub dataset_id: String,
    /// BLAKE3 of its content.
    pub hash: String,
    /// Number of frames.
    pub frames: u64,
    /// Number of labels.
    pub labels: u64,
    /// Number of recordings.
    pub recordings: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Seed of the split.
    pub seed: u64,
    /// The query that it was made from.
    pub sql: String,
    /// The splits.
    pub splits: Vec<SplitSummary>,
    /// The classes, in the order of their index.
    pub classes: Vec<ClassSummary>,
    /// How it was made.
    pub manifest: DatasetManifest,
    /// Was it made just now?
    pub created: bool,
}

/// A format to export to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// COCO instances JSON with images.
    Coco,
    /// YOLO text labels with images.
    Yolo,
    /// KITTI object.
    Kitti,
    /// Parquet.
    Parquet,
}

/// What an export wrote.
#[derive(Debug, Clone, Serialize)]
pub struct ExportReport {
    /// The folder.
    pub dir: String,
    /// Number of frames.
    pub frames: u64,
    /// Number of labels.
    pub labels: u64,
}

impl FreezeOptions {
    /// Refuses what makes no sense, whatever the frames.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.min_area >= 0.0 && self.min_area.is_finite() {
            return Ok(());
        }
        Err(Error::usage(
            format!("a least area of {} px²", self.min_area),
            "give 0 or more, such as --min-area 64".to_owned(),
        ))
    }
}

/// A frame to freeze.
struct Selected {
    frame_id: String,
    group_id: String,
    split: Option<String>,
}

impl Workspace {
    /// Freezes the frames that a query selects, with their media, labels and splits, as an immutable version.
    ///
    /// The same query, options and tables give the same hash; freezing the same content under the same name again changes
    /// nothing, other content under a name that is taken is refused. [`Interrupt`](crate::Interrupt) ends it with nothing kept.
    pub fn freeze(
        &self,
        name: &str,
        options: &FreezeOptions,
        reporter: &dyn Reporter,
    ) -> Result<DatasetSummary, Error> {
        options.check()?;
        let started = clock::now_ns();
        let selected = self.select(&options.sql, reporter)?;
        let splits = split_frames(&selected, options)?;
        let mut order: Vec<(String, String)> = selected
            .iter()
            .zip(splits)
            .map(|(frame, split)| (split, frame.frame_id.clone()))
            .collect();
        order.sort();
        if selected.iter().all(|frame| frame.split.is_none()) {
            for (name, _) in options.split.clone().unwrap_or_default().parts() {
                if order.iter().all(|(split, _)| split != name) {
                    reporter.warn(Warning {
                        code: "empty-split".to_owned(),
                        message: format!("the split `{name}` got no frames: there are fewer recordings than splits"),
                        location: options.sql.clone(),
                        count: 1,
                    });
                }
            }
        }
        let by = self.made_by(&options.labelers, &options.orders)?;
        let classes = self.classes_of(&order, options, &by)?;
        let fractions = options.split.clone().unwrap_or_default();
        let by_query = selected.iter().any(|frame| frame.split.is_some());
        let spec = DatasetSpec {
            name: name.to_owned(),
            classes: classes.iter().cloned().collect(),
            manifest: DatasetManifest {
                query: Some(options.sql.clone()),
                seed: Some(options.seed),
                split_fractions: if by_query {
                    BTreeMap::new()
                } else {
                    fractions.parts().iter().cloned().collect()
                },
                group_by: match options.group_by {
                    GroupBy::Recording => "recording".to_owned(),
                    GroupBy::Frame => "frame".to_owned(),
                },
                ..DatasetManifest::default()
            },
        };
        let task = reporter.begin("Freezing", Some(order.len() as u64), "frames");
        let mut writer = self.block_on(self.store().begin_dataset(spec))?;
        let mut media = MediaReader::default();
        let mut origin = Origin::default();
        for part in order.chunks(LOOKUP_FRAMES) {
            let frames = self.frames_by_id(frame_ids(part))?;
            let mut labels = self.labels_of(part, &classes, (options.min_area, &by), &mut origin)?;
            for few in by_media_size(part, &frames) {
                self.stop_here(
                    || format!("nothing of dataset `{name}` is kept, and its name is free"),
                    "freeze it again: the same query and seed give the same dataset",
                )?;
                for sample in samples(few, &frames, &mut labels, &mut media, reporter)? {
                    self.block_on(writer.push(sample))?;
                    task.advance(1);
                }
            }
        }
        origin.warn(reporter);
        let mut operation = clock::operation("freeze", &self.settings().user, started)
            .input(NodeRef::new(NodeKind::Query, options.sql.clone()))
            .params(json!({
                "name": name,
                "seed": options.seed,
                "split": if by_query { "by the query".to_owned() } else { fractions.to_string() },
                "group_by": options.group_by,
                "classes": options.classes,
                "labelers": options.labelers,
                "orders": options.orders,
                "min_area": options.min_area,
            }));
        operation.inputs.extend(origin.into_runs());
        let frozen = self.block_on(writer.finish(operation))?;
        let mut summary = self.summary(&frozen.info)?;
        summary.created = frozen.created;
        Ok(summary)
    }

    /// Every frozen dataset, by name.
    pub fn datasets(&self) -> Result<Vec<DatasetSummary>, Error> {
        let infos = self.block_on(self.store().datasets())?;
        infos.iter().map(|info| self.summary(info)).collect()
    }

    /// One frozen dataset.
    pub fn dataset(&self, name: &str) -> Result<DatasetSummary, Error> {
        let dataset = self.block_on(self.store().dataset(name))?;
        self.summary(dataset.info())
    }

    /// What two datasets differ in, from the older to the newer. Counts are complete; lists end at `limit`.
    pub fn dataset_diff(&self, old: &str, new: &str, limit: usize) -> Result<DatasetDiff, Error> {
        let old = self.block_on(self.store().dataset(old))?;
        let new = self.block_on(self.store().dataset(new))?;
        Ok(self.block_on(old.diff(&new, limit))?)
    }

    /// Writes a dataset in another format.
    pub fn export(
        &self,
        name: &str,
        format: ExportFormat,
        dir: &Path,
        force: bool,
        reporter: &dyn Reporter,
    ) -> Result<ExportReport, Error> {
        let started = clock::now_ns();
        let dataset = self.block_on(self.store().dataset(name))?;
        let info = dataset.info().clone();
        self.refuse_precious(dir)?;
        if format == ExportFormat::Parquet {
            let occupied = dir.read_dir().is_ok_and(|mut entries| entries.next().is_some());
            if occupied && !force {
                return Err(Error::usage(
                    format!("the folder {} is not empty", dir.display()),
                    "name a new folder, or replace its files with --force".to_owned(),
                ));
            }
            self.block_on(dataset.export_parquet(dir))?;
        } else {
            let format = match format {
                ExportFormat::Coco => export::ExportFormat::Coco,
                ExportFormat::Yolo => export::ExportFormat::Yolo,
                ExportFormat::Kitti | ExportFormat::Parquet => export::ExportFormat::Kitti,
            };
            let cameras = self.cameras(&info)?;
            let mut stream = self.block_on(dataset.scan(None, Columns::All))?;
            let samples = std::iter::from_fn(|| self.block_on(stream.next()))
                .map(|sample| sample.map(|sample| export_sample(sample, format, &cameras)));
            let options = export::ExportOptions {
                force,
                classes: info.classes.clone(),
            };
            export::export(format, dir, samples, &options, reporter)?;
        }
        let dir = dir
            .canonicalize()
            .map_err(|source| Error::io("find", dir, source))?
            .display()
            .to_string();
        let operation = clock::operation("export", &self.settings().user, started)
            .input(dataset_node(&info))
            .output(NodeRef::new(NodeKind::Artifact, dir.clone()).with_detail(json!({ "format": format })));
        let transaction = self.block_on(self.store().begin())?;
        self.block_on(transaction.commit(operation))?;
        Ok(ExportReport {
            dir,
            frames: info.frames,
            labels: info.labels,
        })
    }

    /// Refuses to export into, or over, what must not be replaced: the workspace, logs that were ingested, the current folder.
    fn refuse_precious(&self, dir: &Path) -> Result<(), Error> {
        let Ok(target) = dir.canonicalize() else {
            return Ok(());
        };
        let mut precious = vec![self.root().to_owned(), self.settings().data.clone()];
        precious.extend(std::env::current_dir().ok());
        precious.extend(self.recordings()?.iter().filter_map(|row| ingested_path(&row.uri)));
        let holds = |path: &PathBuf| path.canonicalize().is_ok_and(|path| path.starts_with(&target));
        let in_data = self
            .settings()
            .data
            .canonicalize()
            .is_ok_and(|data| target.starts_with(data));
        if in_data || precious.iter().any(holds) {
            return Err(Error::usage(
                format!(
                    "{} holds the workspace, ingested data or the current folder",
                    target.display()
                ),
                "name a new folder".to_owned(),
            ));
        }
        Ok(())
    }

    /// A query that is to select frames, without what ends a statement, and the columns that it yields.
    pub(crate) fn frame_query<'q>(&self, sql: &'q str) -> Result<(&'q str, Vec<String>), Error> {
        let inner = sql.trim().trim_end_matches(';');
        let mut probe = self.query(inner)?;
        let schema = probe.schema();
        let columns: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        if !columns.iter().any(|column| column == "frame_id") {
            return Err(Error::usage(
                format!("the query yields {}, not frame_id", columns.join(", ")),
                "select the column frame_id of the table frames, labels, predictions or events".to_owned(),
            ));
        }
        drop(probe.next_batch()?);
        Ok((inner, columns))
    }

    /// The frames of a query, each once.
    fn select(&self, sql: &str, reporter: &dyn Reporter) -> Result<Vec<Selected>, Error> {
        let (inner, columns) = self.frame_query(sql)?;
        let has_split = columns.iter().any(|column| column == "split");
        let split = if has_split {
            "CAST(q.split AS VARCHAR)"
        } else {
            "CAST(NULL AS VARCHAR)"
        };
        let mut result = self.query(&format!(
            "SELECT DISTINCT f.frame_id AS frame_id, f.group_id AS group_id, {split} AS split, f.uri AS uri, \
             f.length IS NOT NULL AS has_media \
             FROM frames f JOIN (\n{inner}\n) q ON f.frame_id = q.frame_id ORDER BY 1, 3"
        ))?;
        let mut missing: Vec<String> = Vec::new();
        let mut selected: Vec<Selected> = Vec::new();
        while let Some(batch) = result.next_batch()? {
            let frame = text(&batch, "frame_id")?;
            let group = text(&batch, "group_id")?;
            let split = text(&batch, "split")?;
            let uri = text(&batch, "uri")?;
            let has_media = batch
                .column_by_name("has_media")
                .and_then(|column| column.as_boolean_opt());
            for row in 0..batch.num_rows() {
                if has_media.is_some_and(|column| !column.value(row)) {
                    missing.push(uri.value(row).to_owned());
                    continue;
                }
                selected.push(Selected {
                    frame_id: frame.value(row).to_owned(),
                    group_id: group.value(row).to_owned(),
                    split: (!split.is_null(row)).then(|| split.value(row).to_owned()),
                });
            }
        }
        if let Some(first) = missing.first() {
            reporter.warn(Warning {
                code: "missing-media".to_owned(),
                message: "frames without their image were left out".to_owned(),
                location: first.clone(),
                count: missing.len() as u64,
            });
        }
        if selected.is_empty() {
            let (message, hint) = if missing.is_empty() {
                (
                    "the query selects no frames",
                    "try it with `guideway query`; it must yield ids of the table frames",
                )
            } else {
                (
                    "the query selects frames without their images alone",
                    "put the images where the labels name them, or say where they are with --images, and ingest again",
                )
            };
            return Err(ErrorKind::NothingSelected {
                message: message.to_owned(),
                hint: Some(hint.to_owned()),
            }
            .into());
        }
        if let Some(pair) = selected.windows(2).find(|pair| pair[0].frame_id == pair[1].frame_id) {
            return Err(Error::usage(
                format!("the query puts frame {} into two splits", pair[0].frame_id),
                "yield each frame with one split".to_owned(),
            ));
        }
        if has_split && selected.iter().any(|frame| frame.split.is_none()) {
            return Err(Error::usage(
                "the query yields a split that is NULL",
                "end the CASE with an ELSE, or filter those frames out".to_owned(),
            ));
        }
        Ok(selected)
    }

    /// The classes of the labels to freeze, sorted.
    fn classes_of(
        &self,
        order: &[(String, String)],
        options: &FreezeOptions,
        by: &str,
    ) -> Result<BTreeSet<String>, Error> {
        let wanted = &options.classes;
        let mut found = BTreeSet::new();
        for part in order.chunks(LOOKUP_FRAMES) {
            let sql = format!(
                "SELECT DISTINCT class, 1 FROM labels WHERE NOT is_ignored {by} AND frame_id IN ({})",
                ids(frame_ids(part))
            );
            found.extend(self.counts(&sql)?.into_iter().map(|(class, _)| class));
        }
        if wanted.is_empty() {
            return Ok(found);
        }
        if let Some(missing) = wanted.iter().find(|class| !found.contains(*class))
            && !options.may_lack_classes
        {
            let names: Vec<&str> = found.iter().map(String::as_str).collect();
            let hint = match names.as_slice() {
                [] => "the selected frames have no labels at all: leave out --classes, or ingest labels".to_owned(),
                names => format!("the classes there are {}", names.join(", ")),
            };
            return Err(Error::usage(
                format!("no selected frame has a label of class `{missing}`"),
                hint,
            ));
        }
        Ok(wanted.iter().cloned().collect())
    }

    /// The sensors of the recordings that a dataset has frames of, by id.
    pub(crate) fn cameras(&self, info: &DatasetInfo) -> Result<BTreeMap<String, SensorRow>, Error> {
        let recordings: Vec<String> = info
            .manifest
            .recordings
            .iter()
            .map(|r| quote(&r.recording_id))
            .collect();
        let rows: Vec<SensorRow> = self.rows(&format!(
            "SELECT * FROM sensors WHERE recording_id IN ({})",
            recordings.join(",")
        ))?;
        Ok(rows.into_iter().map(|row| (row.sensor_id.clone(), row)).collect())
    }

    /// The rows of some frames, by id.
    pub(crate) fn frames_by_id<'a>(
        &self,
        frame_ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeMap<String, FrameRow>, Error> {
        let rows: Vec<FrameRow> = self.rows(&format!("SELECT * FROM frames WHERE frame_id IN ({})", ids(frame_ids)))?;
        Ok(rows.into_iter().map(|row| (row.frame_id.clone(), row)).collect())
    }

    fn labels_of(
        &self,
        part: &[(String, String)],
        classes: &BTreeSet<String>,
        (min_area, by): (f64, &str),
        origin: &mut Origin,
    ) -> Result<BTreeMap<String, Vec<SampleLabel>>, Error> {
        let rows: Vec<LabelRow> = self.rows(&format!(
            "SELECT * FROM labels WHERE frame_id IN ({}) {by}",
            ids(frame_ids(part))
        ))?;
        origin.note(&rows);
        let mut labels: BTreeMap<String, Vec<SampleLabel>> = BTreeMap::new();
        // What is to be ignored stays, whatever it is called: it must not be learnt as background.
        for row in rows
            .into_iter()
            .filter(|row| row.is_ignored || classes.contains(&row.class))
        {
            let frame_id = row.frame_id.clone();
            let mut label = SampleLabel::from(row);
            let area = label.area.or_else(|| label.bbox().map(BBox::area));
            label.is_ignored |= area.is_some_and(|area| area < min_area);
            labels.entry(frame_id).or_default().push(label);
        }
        Ok(labels)
    }

    fn summary(&self, info: &DatasetInfo) -> Result<DatasetSummary, Error> {
        let table = format!("datasets.\"{}\"", info.name.replace('"', "\"\""));
        let counts = self.counts(&format!(
            "SELECT label['class'] AS class, count(*) FROM (SELECT unnest(labels) AS label FROM {table}) GROUP BY 1 ORDER BY 1"
        ))?;
        let groups = self.counts(&format!(
            "SELECT split, count(DISTINCT group_id) FROM {table} GROUP BY split ORDER BY split"
        ))?;
        let find = |list: &[(String, u64)], name: &str| list.iter().find(|(n, _)| n == name).map_or(0, |(_, c)| *c);
        Ok(DatasetSummary {
            name: info.name.clone(),
            dataset_id: info.dataset_id.clone(),
            hash: info.hash.clone(),
            frames: info.frames,
            labels: info.labels,
            recordings: info.manifest.recordings.len() as u64,
            bytes: folder_size(&self.settings().data.join("datasets").join(&info.folder)),
            seed: info.manifest.seed.unwrap_or(0),
            sql: info.manifest.query.clone().unwrap_or_default(),
            splits: info
                .splits
                .iter()
                .map(|split| SplitSummary {
                    name: split.name.clone(),
                    frames: split.frames,
                    labels: split.labels,
                    groups: find(&groups, &split.name),
                })
                .collect(),
            classes: info
                .classes
                .iter()
                .map(|class| ClassSummary {
                    name: class.clone(),
                    labels: find(&counts, class),
                })
                .collect(),
            manifest: info.manifest.clone(),
            created: false,
        })
    }

    /// A dataset by name, with the rows of a split: `night-v1`, or `night-v1:val`.
    pub(crate) fn dataset_split(&self, on: &str) -> Result<(Dataset, Vec<u64>), Error> {
        let (name, split) = match on.split_once(':') {
            Some((name, split)) => (name, Some(split)),
            None => (on, None),
        };
        let dataset = self.block_on(self.store().dataset(name))?;
        let rows = match split {
            Some(split) => dataset.rows(split)?.collect(),
            None => (0..dataset.len()).collect(),
        };
        Ok((dataset, rows))
    }
}

/// A dataset as a node of the lineage.
pub(crate) fn dataset_node(info: &DatasetInfo) -> NodeRef {
    NodeRef::new(NodeKind::Dataset, info.dataset_id.clone())
        .with_detail(json!({ "name": info.name, "hash": info.hash }))
}

/// The split of every selected frame, in their order.
fn split_frames(selected: &[Selected], options: &FreezeOptions) -> Result<Vec<String>, Error> {
    let by_query = selected.iter().any(|frame| frame.split.is_some());
    if by_query && options.split.is_some() {
        return Err(Error::usage(
            "the query yields a column `split`, and --split is given as well",
            "leave out one of the two".to_owned(),
        ));
    }
    let splits: Vec<String> = if by_query {
        selected
            .iter()
            .map(|frame| frame.split.clone().unwrap_or_default())
            .collect()
    } else {
        let key = |frame: &Selected| match options.group_by {
            GroupBy::Recording => frame.group_id.clone(),
            GroupBy::Frame => frame.frame_id.clone(),
        };
        let mut groups: BTreeMap<String, u64> = BTreeMap::new();
        for frame in selected {
            *groups.entry(key(frame)).or_default() += 1;
        }
        let assigned = assign(&groups, &options.split.clone().unwrap_or_default(), options.seed);
        selected
            .iter()
            .map(|frame| assigned.get(&key(frame)).cloned().unwrap_or_default())
            .collect()
    };
    let torn = straddling(
        selected
            .iter()
            .zip(&splits)
            .map(|(frame, split)| (frame.group_id.as_str(), split.as_str())),
    );
    if torn.is_empty() {
        return Ok(splits);
    }
    let examples: Vec<String> = torn
        .iter()
        .take(3)
        .map(|(group, splits)| {
            format!(
                "{group} in {}",
                splits.iter().copied().collect::<Vec<_>>().join(" and ")
            )
        })
        .collect();
    Err(ErrorKind::Straddle {
        count: torn.len(),
        examples: examples.join("; "),
    }
    .into())
}

/// Runs of frames whose media fit into memory together.
fn by_media_size<'a>(part: &'a [(String, String)], frames: &BTreeMap<String, FrameRow>) -> Vec<&'a [(String, String)]> {
    let mut runs = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, (_, frame_id)) in part.iter().enumerate() {
        let length = frames.get(frame_id).and_then(|frame| frame.length).unwrap_or(0);
        if index > start && (bytes + length > MEDIA_BYTES || index - start >= MEDIA_FRAMES) {
            runs.push(&part[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += length;
    }
    runs.push(&part[start..]);
    runs
}

/// The file or folder behind a recording's URI; a fragment names a sequence in it.
pub(crate) fn ingested_path(uri: &str) -> Option<PathBuf> {
    guideway_core::uri::to_path(uri.split('#').next().unwrap_or(uri))
}

/// The samples of a few frames, in order; their media are read in the order of the log.
fn samples(
    order: &[(String, String)],
    frames: &BTreeMap<String, FrameRow>,
    labels: &mut BTreeMap<String, Vec<SampleLabel>>,
    media: &mut MediaReader,
    reporter: &dyn Reporter,
) -> Result<Vec<Sample>, Error> {
    let mut wanted: Vec<(&String, &FrameRow)> = Vec::new();
    for (split, frame_id) in order {
        let frame = frames
            .get(frame_id)
            .ok_or_else(|| Error::corrupt(format!("frame {frame_id}"), "it vanished from the table frames"))?;
        wanted.push((split, frame));
    }
    wanted.sort_by(|a, b| {
        let place = |row: &FrameRow| (row.chunk_offset, row.message_offset);
        a.1.uri.cmp(&b.1.uri).then_with(|| place(a.1).cmp(&place(b.1)))
    });
    let mut samples = Vec::with_capacity(wanted.len());
    for (split, frame) in wanted {
        let found = media.fetch(frame)?;
        if found.media_type.starts_with("video/") {
            reporter.warn(Warning {
                code: "video-frame".to_owned(),
                message: "a frame of compressed video was frozen as it is; training cannot decode it".to_owned(),
                location: frame.uri.clone(),
                count: 1,
            });
        }
        samples.push(Sample {
            frame_id: frame.frame_id.clone(),
            recording_id: frame.recording_id.clone(),
            sensor_id: frame.sensor_id.clone(),
            group_id: frame.group_id.clone(),
            timestamp_ns: frame.timestamp_ns,
            split: split.clone(),
            name: frame.name.clone(),
            media_type: found.media_type,
            media_digest: String::new(),
            width: found.width.map(i64::from).or(frame.width),
            height: found.height.map(i64::from).or(frame.height),
            labels: labels.remove(&frame.frame_id).unwrap_or_default(),
            media: found.bytes,
        });
    }
    samples.sort_by(|a, b| (&a.split, &a.frame_id).cmp(&(&b.split, &b.frame_id)));
    Ok(samples)
}

fn export_sample(sample: Sample, format: export::ExportFormat, cameras: &BTreeMap<String, SensorRow>) -> ExportSample {
    let pixels = |size: Option<i64>| size.and_then(|size| u32::try_from(size).ok()).unwrap_or(0);
    let labels = sample
        .labels
        .into_iter()
        // Only KITTI has a word for regions that are to be ignored.
        .filter(|label| !label.is_ignored || format == export::ExportFormat::Kitti)
        .map(|label| LabelRow {
            label_id: label.label_id,
            frame_id: sample.frame_id.clone(),
            recording_id: sample.recording_id.clone(),
            source_class: label.class.clone(),
            class: label.class,
            x_min: label.x_min,
            y_min: label.y_min,
            x_max: label.x_max,
            y_max: label.y_max,
            mask_rle: label.mask_rle,
            area: label.area,
            is_crowd: label.is_crowd,
            is_ignored: label.is_ignored,
            cuboid_frame: label.cuboid_frame,
            cuboid: label.cuboid,
            track_id: label.track_id,
            truncation: label.truncation,
            occlusion: label.occlusion,
            ..LabelRow::default()
        })
        .collect();
    ExportSample {
        name: sample.name,
        split: Some(sample.split),
        media: sample.media,
        media_type: sample.media_type,
        width: pixels(sample.width),
        height: pixels(sample.height),
        labels,
        camera: cameras.get(&sample.sensor_id).cloned(),
    }
}

fn frame_ids(part: &[(String, String)]) -> impl Iterator<Item = &str> {
    part.iter().map(|(_, id)| id.as_str())
}

/// Ids as a list of SQL literals.
pub(crate) fn ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = ids.into_iter().map(quote).collect();
    quoted.join(",")
}

/// A text column of a batch, whatever layout the query engine chose for its text.
pub(crate) fn text(batch: &RecordBatch, name: &str) -> Result<StringArray, Error> {
    let bad = |why: &str| Error::corrupt("the answer to a query", format!("the column {name} {why}"));
    let column = batch.column_by_name(name).ok_or_else(|| bad("is missing"))?;
    let column = cast(column, &DataType::Utf8).map_err(|err| bad(&format!("is not text: {err}")))?;
    Ok(column.as_string_opt::<i32>().ok_or_else(|| bad("is not text"))?.clone())
}

fn folder_size(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => folder_size(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
