use std::path::Path;
use std::sync::Mutex;

use guideway_core::{Reporter, Silent, Task, Warning};
use guideway_schema::{
    Collected, FrameRow, IngestSummary, LabelRow, RecordingRow, Rows, SensorRow, SignalRow, Source, SourceError,
};

/// Keeps the warnings.
#[derive(Debug, Default)]
pub(crate) struct Warnings(pub(crate) Mutex<Vec<Warning>>);

impl Reporter for Warnings {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: &str) -> Box<dyn Task> {
        Box::new(Silent)
    }

    fn warn(&self, warning: Warning) {
        self.0.lock().expect("not poisoned").push(warning);
    }
}

/// Everything that reading one source gives.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) summary: IngestSummary,
    pub(crate) recordings: Vec<RecordingRow>,
    pub(crate) sensors: Vec<SensorRow>,
    pub(crate) frames: Vec<FrameRow>,
    pub(crate) labels: Vec<LabelRow>,
    pub(crate) signals: Vec<SignalRow>,
    pub(crate) warnings: Vec<Warning>,
    /// Rows of the largest batch.
    pub(crate) largest_batch: usize,
}

impl Read {
    pub(crate) fn warned(&self, code: &str) -> u64 {
        self.warnings.iter().filter(|w| w.code == code).map(|w| w.count).sum()
    }

    /// All rows as JSON lines, with the folder's own path taken out.
    pub(crate) fn text(&self, root: &Path) -> String {
        let mut lines = Vec::new();
        let json = |value: Result<String, serde_json::Error>| value.expect("rows are JSON");
        lines.extend(
            self.sensors
                .iter()
                .map(|r| format!("sensor {}", json(serde_json::to_string(r)))),
        );
        lines.extend(
            self.frames
                .iter()
                .map(|r| format!("frame {}", json(serde_json::to_string(r)))),
        );
        lines.extend(
            self.labels
                .iter()
                .map(|r| format!("label {}", json(serde_json::to_string(r)))),
        );
        lines.extend(
            self.signals
                .iter()
                .map(|r| format!("signal {}", json(serde_json::to_string(r)))),
        );
        lines.extend(
            self.recordings
                .iter()
                .map(|r| format!("recording {}", json(serde_json::to_string(r)))),
        );
        lines.extend(
            self.warnings
                .iter()
                .map(|w| format!("warning {} ×{} {}: {}", w.code, w.count, w.location, w.message)),
        );
        let root = root.canonicalize().expect("the folder exists");
        lines
            .join("\n")
            .replace("null,", "∅,")
            .replace(&guideway_core::uri::from_path(&root), "ROOT")
            .replace(&root.display().to_string(), "ROOT")
            .replace(&*root.file_name().expect("a name").to_string_lossy(), "ROOT")
    }
}

pub(crate) fn try_read(source: &mut dyn Source) -> Result<Read, SourceError> {
    let reporter = Warnings::default();
    let mut sink = Collected::default();
    let id = source.recording_id()?;
    let summary = source.read(&mut sink, &reporter)?;
    let mut out = Read {
        summary,
        warnings: std::mem::take(&mut *reporter.0.lock().expect("not poisoned")),
        ..Read::default()
    };
    let last = sink.rows.last().cloned();
    for rows in sink.rows {
        out.largest_batch = out.largest_batch.max(rows.len());
        // What is pushed must fit the tables.
        rows.to_batch().expect("a batch of the table's schema");
        match rows {
            Rows::Recordings(rows) => out.recordings.extend(rows),
            Rows::Sensors(rows) => out.sensors.extend(rows),
            Rows::Frames(rows) => out.frames.extend(rows),
            Rows::Labels(rows) => out.labels.extend(rows),
            Rows::Signals(rows) => out.signals.extend(rows),
            other => panic!("rows of an unexpected table: {:?}", other.table()),
        }
    }
    assert!(matches!(last, Some(Rows::Recordings(rows)) if rows.len() == 1 && rows[0].recording_id == id.as_str()));
    assert_eq!(out.frames.len() as u64, out.summary.frames);
    assert_eq!(out.labels.len() as u64, out.summary.labels);
    assert_eq!(out.signals.len() as u64, out.summary.signals);
    assert_eq!(out.recordings[0].damage_count as u64, out.summary.damaged);
    // Every reference leads somewhere, and no id stands twice.
    let frames: std::collections::BTreeSet<&str> = out.frames.iter().map(|f| f.frame_id.as_str()).collect();
    assert_eq!(frames.len(), out.frames.len(), "frame ids are unique");
    assert!(
        out.labels.iter().all(|l| frames.contains(l.frame_id.as_str())),
        "labels belong to frames"
    );
    let labels: std::collections::BTreeSet<&str> = out.labels.iter().map(|l| l.label_id.as_str()).collect();
    assert_eq!(labels.len(), out.labels.len(), "label ids are unique");
    assert!(
        out.frames
            .iter()
            .all(|f| out.sensors.iter().any(|s| s.sensor_id == f.sensor_id))
    );
    Ok(out)
}

pub(crate) fn read(source: &mut dyn Source) -> Read {
    try_read(source).expect("a readable source")
}

/// The one source at a path.
pub(crate) fn read_at(path: &Path) -> Read {
    let mut sources = guideway_ingest::discover(path, None).expect("a known format");
    assert_eq!(sources.len(), 1, "one recording at {}", path.display());
    read(sources[0].as_mut())
}

/// The header of a PNG image of this size: all that an index needs.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

pub(crate) fn put(root: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, content).expect("a file");
}

/// The chain of an error's messages, with the folder's path taken out.
pub(crate) fn message(err: &SourceError, root: &Path) -> String {
    use guideway_core::Hint as _;
    let real = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    format!("{err}\n  hint: {}", err.hint().unwrap_or_default())
        .replace(&real.display().to_string(), "ROOT")
        .replace(&root.display().to_string(), "ROOT")
}
