//! The samples of a recording's signals and the stamps of its frames, in the order in which the log got them.

use std::collections::BTreeMap;

use guideway_assert::{Signal, SignalChecker, SignalKind, Violation};
use guideway_schema::{FrameRow, SensorRow, SignalRow};

use crate::error::Error;
use crate::workspace::{Workspace, quote};

/// Samples that are in memory at a time.
const BLOCK: u64 = 100_000;
/// When the log got a sample; where the source has no log, its stamp.
const AT: &str = "coalesce(log_time_ns, timestamp_ns)";

/// A sample as it stands in the tables.
enum Row {
    Signal(SignalRow),
    Frame(FrameRow),
}

impl Row {
    fn at_ns(&self) -> i64 {
        match self {
            Self::Signal(row) => row.log_time_ns.unwrap_or(row.timestamp_ns),
            Self::Frame(row) => row.log_time_ns.or(row.timestamp_ns).unwrap_or(0),
        }
    }

    /// Order of what came at one time.
    fn place(&self) -> (&str, &str, &str, i64) {
        match self {
            Self::Signal(row) => (
                &row.topic,
                &row.kind,
                row.child_frame.as_deref().unwrap_or(""),
                row.timestamp_ns,
            ),
            Self::Frame(row) => (&row.sensor_id, "", "", row.timestamp_ns.unwrap_or(0)),
        }
    }

    fn signal<'a>(&'a self, sensors: &'a BTreeMap<String, SensorRow>) -> Signal<'a> {
        match self {
            Self::Frame(row) => Signal {
                recording: &row.recording_id,
                topic: sensors
                    .get(&row.sensor_id)
                    .map_or(&row.sensor_id, |sensor| &sensor.name),
                kind: SignalKind::Frame,
                stamp_ns: row.timestamp_ns.unwrap_or(0),
                arrival_ns: row.log_time_ns,
                frame_id: Some(&row.frame_id),
                ..Signal::default()
            },
            Self::Signal(row) => Signal {
                recording: &row.recording_id,
                topic: &row.topic,
                kind: SignalKind::from_name(&row.kind).unwrap_or(SignalKind::Value),
                stamp_ns: row.timestamp_ns,
                arrival_ns: row.log_time_ns,
                frame_id: None,
                parent: row.parent_frame.as_deref(),
                child: row.child_frame.as_deref(),
                name: row.name.as_deref(),
                position: [row.x, row.y, row.z],
                rotation: [row.qw, row.qx, row.qy, row.qz],
                velocity: [row.vx, row.vy, row.vz],
                turn: [row.wx, row.wy, row.wz],
                acceleration: [row.ax, row.ay, row.az],
                geodetic: [row.latitude_deg, row.longitude_deg, row.altitude_m],
                value: row.value,
            },
        }
    }
}

impl Workspace {
    /// Checks the signals of a recording, and the stamps of all its frames: also of those that nobody asked for, for a sensor is silent only where it has none at all.
    pub(super) fn check_signals(
        &self,
        recording_id: &str,
        checker: &mut SignalChecker,
        sensors: &BTreeMap<String, SensorRow>,
    ) -> Result<Vec<Violation>, Error> {
        self.check_signals_by(recording_id, (checker, BLOCK), sensors)
    }

    pub(super) fn check_signals_by(
        &self,
        recording_id: &str,
        (checker, most): (&mut SignalChecker, u64),
        sensors: &BTreeMap<String, SensorRow>,
    ) -> Result<Vec<Violation>, Error> {
        let recording = quote(recording_id);
        let times = |from: i64, to: i64| {
            format!("recording_id = {recording} AND {AT} >= {from} AND {AT} < {to} AND timestamp_ns IS NOT NULL")
        };
        let mut found = Vec::new();
        let mut parts: Vec<(i64, i64)> = self.time_span(&recording)?.into_iter().collect();
        while let Some((from, to)) = parts.pop() {
            self.stop_here(|| "nothing was changed".to_owned(), "run it again: it begins anew")?;
            let within = times(from, to);
            let counts = self.counts(&format!(
                "SELECT 's', count(*) FROM signals WHERE {within} UNION ALL SELECT 'f', count(*) FROM frames WHERE {within}"
            ))?;
            let count: u64 = counts.iter().map(|(_, count)| count).sum();
            if count > most && to.saturating_sub(from) > 1 {
                let half = from + to.saturating_sub(from) / 2;
                // The later half waits below the earlier one.
                parts.push((half, to));
                parts.push((from, half));
                continue;
            }
            let signals: Vec<SignalRow> = self.rows(&format!("SELECT * FROM signals WHERE {within}"))?;
            let frames: Vec<FrameRow> = self.rows(&format!("SELECT * FROM frames WHERE {within}"))?;
            let mut rows: Vec<Row> = signals.into_iter().map(Row::Signal).collect();
            rows.extend(frames.into_iter().map(Row::Frame));
            rows.sort_by(|a, b| (a.at_ns(), a.place()).cmp(&(b.at_ns(), b.place())));
            for row in &rows {
                found.extend(checker.sample(&row.signal(sensors)));
            }
        }
        found.extend(checker.finish_recording());
        Ok(found)
    }

    /// From when to when there is anything, the end not included.
    fn time_span(&self, recording: &str) -> Result<Option<(i64, i64)>, Error> {
        let of = |table: &str| {
            format!("SELECT {AT} AS at FROM {table} WHERE recording_id = {recording} AND timestamp_ns IS NOT NULL")
        };
        let ends = self.counts(&format!(
            "SELECT concat(cast(min(at) AS VARCHAR), ' ', cast(max(at) AS VARCHAR)), count(*) FROM ({} UNION ALL {}) t",
            of("signals"),
            of("frames")
        ))?;
        let span = ends.first().and_then(|(text, _)| {
            let (from, to) = text.split_once(' ')?;
            Some((from.parse().ok()?, to.parse::<i64>().ok()?.saturating_add(1)))
        });
        Ok(span)
    }
}
