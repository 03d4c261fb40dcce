//! Logs and labelled data sets into the tables.

use std::path::PathBuf;

use guideway_core::uri::from_path;
use guideway_core::{Hint as _, RecordingId, Reporter, Task, Warning};
use guideway_ingest::{DiscoverOptions, Format, discover_with};
use guideway_schema::{IngestSummary, RecordingRow, Rows, Sink, SinkError, Source, SourceError};
use guideway_store::{BlockingSink, Compacted, NodeKind, NodeRef};
use serde::Serialize;
use serde_json::json;

use crate::clock;
use crate::dataset::ingested_path;
use crate::error::{Error, ErrorKind};
use crate::interrupt::{Interrupt, Stopped};
use crate::taxonomy::ClassNames;
use crate::workspace::{Workspace, quote};

/// How to ingest.
#[derive(Debug, Clone, Default)]
pub struct IngestOptions {
    /// The format; found by looking when `None`.
    pub format: Option<String>,
    /// Where the images of a COCO set lie; found beside the annotations when `None`.
    pub images: Option<PathBuf>,
    /// Read again what is in the workspace already.
    pub force: bool,
    /// Make labels and signals of the ground truth that a log carries too. A log that was ingested without is read
    /// again.
    pub with_ground_truth: bool,
}

/// What became of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// New in the workspace.
    Added,
    /// Read again; the rows of before were replaced.
    Updated,
    /// In the workspace already; not read.
    Unchanged,
    /// Not readable; nothing of it was kept.
    Failed,
}

/// One recording of an ingest.
#[derive(Debug, Clone, Serialize)]
pub struct IngestedRecording {
    /// Its id; empty when it could not be opened at all.
    pub recording_id: String,
    /// Its name.
    pub name: String,
    /// Where it lies.
    pub uri: String,
    /// Its format.
    pub format: String,
    /// What became of it.
    pub status: Status,
    /// What was found in it.
    #[serde(flatten)]
    pub summary: IngestSummary,
    /// Why it failed.
    pub error: Option<String>,
}

/// What an ingest did. Every recording reported as added is durable.
#[derive(Debug, Clone, Default, Serialize)]
pub struct IngestReport {
    /// The recordings, in the order found.
    pub recordings: Vec<IngestedRecording>,
    /// How many were not read, or not to their end, since the ingest was interrupted: nothing of them was kept.
    pub not_read: u64,
    /// The tables whose small files were merged, once for each time.
    pub compacted: Vec<Compacted>,
}

impl Workspace {
    /// Reads logs and labelled data sets into the tables. The media stay where they are.
    ///
    /// Each recording is one transaction: after a kill, those reported so far are there whole, and the same call goes on
    /// with the rest. A recording that cannot be read does not stop the others. Paths are all looked at before anything is
    /// read, so that a misspelt one costs nothing. [`Interrupt`](crate::Interrupt) ends it at once; the recordings that were
    /// read by then are kept.
    ///
    /// Each recording makes a file in every table, so tables with too many of them (the setting `compact_above`) are compacted.
    pub fn ingest(
        &self,
        paths: &[PathBuf],
        options: &IngestOptions,
        reporter: &dyn Reporter,
    ) -> Result<IngestReport, Error> {
        let format = match &options.format {
            None => None,
            Some(name) => Some(name.parse::<Format>().map_err(|err| {
                let hint = err
                    .hint()
                    .unwrap_or_else(|| "leave out --format to have it found by looking".to_owned());
                Error::usage(err.to_string(), hint)
            })?),
        };
        let looking = DiscoverOptions {
            format,
            images: options.images.clone(),
            with_ground_truth: options.with_ground_truth,
        };
        let classes = ClassNames::load(self.settings().taxonomy.as_deref())?;
        let mut sources = Vec::new();
        let mut report = IngestReport::default();
        for path in paths {
            let path = path.canonicalize().map_err(|source| Error::io("find", path, source))?;
            match discover_with(&path, &looking) {
                Ok(found) => {
                    let alone = paths.len() == 1 && found.len() == 1;
                    for found in found {
                        match found.opened {
                            Ok(source) => sources.push(source),
                            Err(err) if alone => return Err(err.into()),
                            Err(err) => report.recordings.push(failed(from_path(&found.path), "", &err.into())),
                        }
                    }
                }
                Err(err) if paths.len() == 1 => return Err(err.into()),
                Err(err) => report.recordings.push(failed(from_path(&path), "", &err.into())),
            }
        }
        let total: u64 = sources.iter().map(|source| source.size_bytes()).sum();
        let task = reporter.begin("Ingesting", Some(total), "B");
        for mut source in sources {
            if self.interrupt().is_requested() {
                report.not_read += 1;
                continue;
            }
            task.note(&source.uri());
            let uri = source.uri();
            let format = source.format();
            let size = source.size_bytes();
            let recording = match self.ingest_one(source.as_mut(), options, &classes, reporter) {
                Ok(recording) => recording,
                Err(err) => match err.kind() {
                    ErrorKind::Source(SourceError::Sink(sink)) if Stopped::is_in_sink(sink) => {
                        report.not_read += 1;
                        continue;
                    }
                    // The store refuses: the next recording would fare no better.
                    ErrorKind::Source(SourceError::Sink(_)) => return Err(err),
                    ErrorKind::Source(_) => failed(uri, format, &err),
                    _ => return Err(err),
                },
            };
            if matches!(recording.status, Status::Added | Status::Updated) {
                report.compacted.extend(self.compact_crowded()?);
            }
            report.recordings.push(recording);
            task.advance(size);
        }
        Ok(report)
    }

    /// Reads one recording that the program itself makes.
    pub(crate) fn ingest_source(
        &self,
        source: &mut dyn Source,
        reporter: &dyn Reporter,
    ) -> Result<IngestedRecording, Error> {
        let classes = ClassNames::load(self.settings().taxonomy.as_deref())?;
        self.ingest_one(source, &IngestOptions::default(), &classes, reporter)
    }

    fn ingest_one(
        &self,
        source: &mut dyn Source,
        options: &IngestOptions,
        classes: &ClassNames,
        reporter: &dyn Reporter,
    ) -> Result<IngestedRecording, Error> {
        let started = clock::now_ns();
        let id = source.recording_id()?;
        let known: Vec<RecordingRow> = self.rows(&format!(
            "SELECT * FROM recordings WHERE recording_id = {}",
            quote(id.as_str())
        ))?;
        let older: Vec<RecordingRow> = self.rows(&format!(
            "SELECT * FROM recordings WHERE uri = {} AND recording_id <> {}",
            quote(&source.uri()),
            quote(id.as_str())
        ))?;
        // A copy elsewhere is the same recording, as long as the first one is still there.
        let current = known
            .first()
            .filter(|row| row.uri == source.uri() || ingested_path(&row.uri).is_some_and(|path| path.exists()))
            .filter(|row| !(options.with_ground_truth && read_ground_truth(row) == Some(false)));
        if let (Some(known), false) = (current, options.force) {
            return Ok(IngestedRecording {
                recording_id: known.recording_id.clone(),
                name: known.name.clone(),
                uri: known.uri.clone(),
                format: known.format.clone(),
                status: Status::Unchanged,
                summary: IngestSummary {
                    frames: known.frame_count.max(0) as u64,
                    labels: known.label_count.max(0) as u64,
                    messages: known.message_count.max(0) as u64,
                    damaged: known.damage_count.max(0) as u64,
                    ..IngestSummary::default()
                },
                error: None,
            });
        }
        let mut transaction = self.block_on(self.store().begin())?;
        transaction.replace_recording(&id);
        // One place holds one recording: what was read there before it changed goes, or its frames would be there twice.
        for row in &older {
            transaction.replace_recording(&row.recording_id.clone().into());
        }
        let mut sink = Tap {
            sink: transaction.into_sink(),
            interrupt: self.interrupt(),
            classes,
            format: source.format(),
            recording: None,
        };
        let summary = source.read(&mut sink, &Quieter { reporter })?;
        let Some(row) = sink.recording else {
            return Err(Error::corrupt(source.uri(), "the reader gave no recording"));
        };
        let mut params = json!({ "format": row.format, "force": options.force });
        if options.with_ground_truth {
            params["with_ground_truth"] = true.into();
        }
        let operation = clock::operation("ingest", &self.settings().user, started)
            .input(
                NodeRef::new(NodeKind::File, row.uri.clone())
                    .with_detail(json!({ "digest": row.digest, "size_bytes": row.size_bytes })),
            )
            .output(recording_node(&row))
            .params(params);
        self.block_on(sink.sink.into_transaction().commit(operation))?;
        Ok(IngestedRecording {
            recording_id: row.recording_id,
            name: row.name,
            uri: row.uri,
            format: row.format,
            status: if known.is_empty() && older.is_empty() {
                Status::Added
            } else {
                Status::Updated
            },
            summary,
            error: None,
        })
    }
}

/// Were rows made of the ground truth that the recording carries? `None` where it carries none.
pub(crate) fn read_ground_truth(row: &RecordingRow) -> Option<bool> {
    let metadata: serde_json::Value = serde_json::from_str(row.metadata.as_deref()?).ok()?;
    metadata["ground_truth"]["read"].as_bool()
}

/// A recording that could not be read.
fn failed(uri: String, format: &str, err: &Error) -> IngestedRecording {
    let hint = err.hint().map_or(String::new(), |hint| format!(" (hint: {hint})"));
    IngestedRecording {
        recording_id: String::new(),
        name: file_name(&uri),
        uri,
        format: format.to_owned(),
        status: Status::Failed,
        summary: IngestSummary::default(),
        error: Some(format!("{}{hint}", chain(err))),
    }
}

/// A recording as a node of the lineage.
pub(crate) fn recording_node(row: &RecordingRow) -> NodeRef {
    let id: RecordingId = row.recording_id.clone().into();
    NodeRef::new(NodeKind::Recording, id.into_string())
        .with_detail(json!({ "name": row.name, "uri": row.uri, "digest": row.digest }))
}

/// Looks at what goes by: keeps the recording's row, applies the workspace's own class names, and stops when it is asked to.
struct Tap<'a> {
    sink: BlockingSink,
    interrupt: &'a Interrupt,
    classes: &'a ClassNames,
    format: &'static str,
    recording: Option<RecordingRow>,
}

impl Sink for Tap<'_> {
    fn push(&mut self, mut rows: Rows) -> Result<(), SinkError> {
        self.interrupt.check().map_err(|stopped| SinkError(Box::new(stopped)))?;
        match &mut rows {
            Rows::Recordings(recordings) => self.recording = recordings.last().cloned(),
            Rows::Labels(labels) => {
                for label in labels {
                    if let Some(class) = self.classes.class_of(self.format, &label.source_class) {
                        class.clone_into(&mut label.class);
                    }
                }
            }
            _ => {}
        }
        self.sink.push(rows)
    }
}

/// Passes warnings on; the bar of the whole ingest is enough.
struct Quieter<'a> {
    reporter: &'a dyn Reporter,
}

impl Reporter for Quieter<'_> {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: &str) -> Box<dyn Task> {
        Box::new(guideway_core::Silent)
    }

    fn warn(&self, warning: Warning) {
        self.reporter.warn(warning);
    }
}

fn file_name(uri: &str) -> String {
    uri.trim_end_matches('/').rsplit('/').next().unwrap_or(uri).to_owned()
}

/// An error with its causes on one line.
pub(crate) fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        let line = err.to_string();
        if !text.contains(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        cause = err.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use guideway_core::Silent;
    use guideway_ingest::testing::{DriveOptions, drive};
    use guideway_schema::LabelRow;

    use super::*;

    #[test]
    fn ground_truth_is_added_when_asked_for_and_only_once() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::init(&dir.path().join("workspace")).unwrap();
        let log = dir.path().join("drive.mcap");
        let options = DriveOptions {
            frames: 3,
            ground_truth: true,
            ..DriveOptions::default()
        };
        drive(&log, options).unwrap();
        let ingest = |with_ground_truth: bool| {
            let options = IngestOptions {
                with_ground_truth,
                ..IngestOptions::default()
            };
            let report = workspace.ingest(std::slice::from_ref(&log), &options, &Silent).unwrap();
            (report.recordings[0].status, report.recordings[0].summary.labels)
        };
        let labels = || -> Vec<LabelRow> { workspace.rows("SELECT * FROM labels ORDER BY label_id").unwrap() };
        assert_eq!(ingest(false), (Status::Added, 6));
        assert_eq!(ingest(false), (Status::Unchanged, 6));
        let plain = labels();
        assert_eq!(ingest(true), (Status::Updated, 12));
        assert_eq!(ingest(true), (Status::Unchanged, 12));
        // What was asked for once is not taken away by asking for less.
        assert_eq!(ingest(false), (Status::Unchanged, 12));
        let all = labels();
        assert_eq!(all.len(), 12);
        assert!(all.windows(2).all(|pair| pair[0].label_id != pair[1].label_id));
        assert!(plain.iter().all(|label| all.contains(label)));
        let true_ones = all
            .iter()
            .filter(|label| label.labeler.as_deref() == Some("ground truth"));
        assert_eq!(true_ones.count(), 6);
    }
}
