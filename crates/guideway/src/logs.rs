//! The recordings of the workspace, and the messages behind them.

use guideway_core::hint::closest;
use guideway_ingest::mcap::{MessageQuery, read_messages};
use guideway_schema::{ChannelRow, RecordingRow, SensorRow};
use guideway_store::pick;
use serde::Serialize;

use crate::error::Error;
use crate::workspace::{Workspace, quote};

/// Bytes of a message shown in a preview.
const PREVIEW_BYTES: usize = 48;

/// A message of a log, as the log holds it.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// When the recorder received it, ns.
    pub log_time_ns: u64,
    /// When it was published, ns.
    pub publish_time_ns: u64,
    /// Its sequence number.
    pub sequence: u32,
    /// Its length, bytes.
    pub length: u64,
    /// JSON as it is; other encodings as the first bytes in hexadecimal.
    pub preview: String,
}

impl Workspace {
    /// All recordings, by name and id.
    pub fn recordings(&self) -> Result<Vec<RecordingRow>, Error> {
        self.rows("SELECT * FROM recordings ORDER BY name, recording_id")
    }

    /// The recording of this name, id, or first four or more digits of an id.
    pub fn recording(&self, name: &str) -> Result<RecordingRow, Error> {
        Ok(pick("recording", name, self.recordings()?)?)
    }

    /// The channels of a recording, by topic.
    pub fn channels(&self, recording: &RecordingRow) -> Result<Vec<ChannelRow>, Error> {
        self.rows(&format!(
            "SELECT * FROM channels WHERE recording_id = {} ORDER BY topic, channel_id",
            quote(&recording.recording_id)
        ))
    }

    /// The sensors of a recording, by name, with their number of frames.
    pub fn sensors(&self, recording: &RecordingRow) -> Result<Vec<(SensorRow, u64)>, Error> {
        let id = quote(&recording.recording_id);
        let sensors: Vec<SensorRow> = self.rows(&format!(
            "SELECT * FROM sensors WHERE recording_id = {id} ORDER BY name, sensor_id"
        ))?;
        let counts = self.counts(&format!(
            "SELECT sensor_id, count(*) FROM frames WHERE recording_id = {id} GROUP BY sensor_id ORDER BY sensor_id"
        ))?;
        Ok(sensors
            .into_iter()
            .map(|sensor| {
                let frames = counts
                    .iter()
                    .find(|(id, _)| *id == sensor.sensor_id)
                    .map_or(0, |(_, count)| *count);
                (sensor, frames)
            })
            .collect())
    }

    /// The number of labels of a recording by class, most first.
    pub fn label_counts(&self, recording: &RecordingRow) -> Result<Vec<(String, u64)>, Error> {
        self.counts(&format!(
            "SELECT class, count(*) AS n FROM labels WHERE recording_id = {} GROUP BY class ORDER BY n DESC, class",
            quote(&recording.recording_id)
        ))
    }

    /// Messages of a channel within `[from, to)` of log time, read from the log itself, known channel or not.
    pub fn messages(
        &self,
        recording: &RecordingRow,
        topic: &str,
        from_ns: Option<i64>,
        to_ns: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Message>, Error> {
        let channels = self.channels(recording)?;
        let Some(channel) = channels.iter().find(|channel| channel.topic == topic) else {
            let topics: Vec<&str> = channels.iter().map(|channel| channel.topic.as_str()).collect();
            let hint = match closest(topic, topics.iter().copied()) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("`guideway log channels {}` lists them", recording.name),
            };
            return Err(Error::not_found("channel", topic, hint));
        };
        let Some(path) = guideway_core::uri::to_path(&recording.uri) else {
            return Err(Error::corrupt(
                format!("recording {}", recording.name),
                format!("`{}` is no file", recording.uri),
            ));
        };
        let is_json = channel.message_encoding == "json";
        let query = MessageQuery {
            topics: vec![topic.to_owned()],
            start_ns: from_ns,
            end_ns: to_ns,
            ..MessageQuery::default()
        };
        let mut messages = Vec::new();
        for message in read_messages(&path, &query)?.take(limit) {
            let message = message?;
            let preview = if is_json {
                String::from_utf8_lossy(&message.data).into_owned()
            } else {
                preview(&message.data)
            };
            messages.push(Message {
                log_time_ns: message.log_time,
                publish_time_ns: message.publish_time,
                sequence: message.sequence,
                length: message.data.len() as u64,
                preview,
            });
        }
        Ok(messages)
    }

    /// The rows of a `SELECT text, count`.
    pub(crate) fn counts(&self, sql: &str) -> Result<Vec<(String, u64)>, Error> {
        let mut result = self.query(sql)?;
        result.text_and_count()
    }
}

fn preview(data: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in data.iter().take(PREVIEW_BYTES) {
        // Writing to a string cannot fail.
        let _ignored = write!(text, "{byte:02x}");
    }
    if data.len() > PREVIEW_BYTES {
        text.push('…');
    }
    text
}
