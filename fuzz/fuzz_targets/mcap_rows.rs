//! A whole log, all the way to the rows of the tables: what reaches a table is finite, complete and counted.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use guideway_core::Silent;
use guideway_ingest::mcap::McapSource;
use guideway_schema::{IngestSummary, Rows, Sink, SinkError, Source as _};
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("guideway-fuzz-{}.mcap", std::process::id())));

#[derive(Default)]
struct Checked {
    seen: IngestSummary,
    recordings: usize,
}

impl Sink for Checked {
    fn push(&mut self, rows: Rows) -> Result<(), SinkError> {
        assert!(!rows.is_empty());
        rows.to_batch().expect("rows of this table");
        let count = rows.len() as u64;
        match rows {
            Rows::Recordings(rows) => self.recordings += rows.len(),
            Rows::Frames(rows) => {
                self.seen.frames += count;
                assert!(rows.iter().all(|row| row.width != Some(0) && row.height != Some(0)));
            }
            Rows::Signals(_) => self.seen.signals += count,
            Rows::Sensors(rows) => {
                for row in rows {
                    assert!([0, 7].contains(&row.ego_from_sensor.len()));
                    let numbers = row.ego_from_sensor.iter().chain(&row.distortion).copied();
                    assert!(numbers.chain(row.fx).chain(row.fy).all(f64::is_finite));
                }
            }
            Rows::Labels(rows) => {
                self.seen.labels += count;
                for row in rows {
                    assert!(!row.frame_id.is_empty() && !row.label_id.is_empty());
                    assert!([0, 10].contains(&row.cuboid.len()));
                    let edges = [row.x_min, row.y_min, row.x_max, row.y_max, row.area];
                    let numbers = edges.into_iter().flatten().chain(row.cuboid);
                    assert!(numbers.into_iter().all(f64::is_finite));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a temporary folder that can be written to");
    let Ok(mut source) = McapSource::open(&FILE) else {
        return;
    };
    let mut sink = Checked::default();
    let Ok(summary) = source.read(&mut sink, &Silent) else {
        return;
    };
    assert_eq!(sink.recordings, 1);
    let IngestSummary {
        frames,
        labels,
        signals,
        ..
    } = sink.seen;
    assert_eq!(
        (frames, labels, signals),
        (summary.frames, summary.labels, summary.signals)
    );
});
