mod bags;
mod conformance;
mod drive;
mod generated;
mod payloads;
mod robust;
mod truth;
mod write;

use std::path::Path;

use guideway_core::{Reporter, Silent, Task, Warning};
use guideway_ingest::mcap::McapSource;
use guideway_schema::{Collected, IngestSummary, Rows, Source as _, SourceError};

/// Keeps the warnings.
#[derive(Default)]
pub(crate) struct Heard(pub(crate) std::sync::Mutex<Vec<Warning>>);

impl Reporter for Heard {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: &str) -> Box<dyn Task> {
        Box::new(Silent)
    }

    fn warn(&self, warning: Warning) {
        self.0.lock().unwrap().push(warning);
    }
}

pub(crate) struct Read {
    pub(crate) rows: Vec<Rows>,
    pub(crate) summary: IngestSummary,
    pub(crate) warnings: Vec<Warning>,
}

impl Read {
    pub(crate) fn codes(&self) -> Vec<(&str, u64)> {
        self.warnings
            .iter()
            .map(|warning| (warning.code.as_str(), warning.count))
            .collect()
    }
}

pub(crate) fn read(path: &Path) -> Result<Read, SourceError> {
    read_source(McapSource::open(path)?)
}

pub(crate) fn read_source(mut source: McapSource) -> Result<Read, SourceError> {
    let mut sink = Collected::default();
    let heard = Heard::default();
    let summary = source.read(&mut sink, &heard)?;
    Ok(Read {
        rows: sink.rows,
        summary,
        warnings: heard.0.into_inner().unwrap(),
    })
}

macro_rules! of {
    ($($name:ident: $variant:ident => $row:ident),+) => {
        impl Read {$(
            pub(crate) fn $name(&self) -> Vec<guideway_schema::$row> {
                self.rows
                    .iter()
                    .filter_map(|rows| if let Rows::$variant(rows) = rows { Some(rows.clone()) } else { None })
                    .flatten()
                    .collect()
            }
        )+}
    };
}

of!(
    recordings: Recordings => RecordingRow,
    channels: Channels => ChannelRow,
    chunks: Chunks => ChunkRow,
    sensors: Sensors => SensorRow,
    frames: Frames => FrameRow,
    signals: Signals => SignalRow,
    labels: Labels => LabelRow
);
