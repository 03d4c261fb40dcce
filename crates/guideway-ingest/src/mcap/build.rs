//! Turns the records of a log into rows, as they come.

mod labelling;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ::mcap::records::{Channel, ChunkHeader, Header, MessageHeader, Metadata};
use guideway_core::{IdBuilder, RecordingId, Reporter};
use guideway_schema::{
    ChannelRow, ChunkRow, FrameRow, IngestSummary, LabelRow, RecordingRow, SignalRow, Sink, SourceError,
};
use serde_json::{Map, Value, json};

use self::labelling::tell;
use super::error::{Damage, DamageKind};
use super::frames::Sensors;
use super::index::{self, ChunkEntry};
use super::labels::{Matcher, Seen};
use super::messages::undecodable;
use super::notes::Notes;
use super::rows::{self, ns};
use super::scan::Place;
use super::source::{is_ground_truth, json_object, same_channel};
use super::summary::LogSchema;
use super::tf::{TransformTree, plain};
use crate::media::{image_media_type, image_size, is_keyframe, is_whole};
use crate::schemas::{ChannelKind, Decoded, Decoder, Sample, SampleKind, TransformSample};

/// Rows that are kept before they are pushed.
const BATCH: usize = 4096;
/// Frames that wait for what is told of them.
const HELD_FRAMES: usize = 256;
/// Log times of a channel may go back by this much before it counts as a jump of the clock, ns.
const JUMP_NS: i64 = 1_000_000_000;
/// Stamps farther than this from their log times are of another clock, ns.
const OTHER_CLOCK_NS: i64 = 86_400 * 1_000_000_000;
/// Metadata records that are kept for the recording's row, bytes.
const MAX_METADATA: usize = 64 << 10;

#[derive(Debug)]
struct ChannelState {
    channel: Channel,
    schema: Option<LogSchema>,
    decoder: Option<Decoder>,
    kind: ChannelKind,
    ground_truth: bool,
    count: i64,
    times: Option<(u64, u64)>,
    last_log: Option<i64>,
    /// Stamp minus log time of the last message, ns.
    last_offset: Option<i64>,
}

/// The chunk, or run of messages outside chunks, that is being read.
#[derive(Debug)]
struct Open {
    entry: ChunkEntry,
    times: Option<(u64, u64)>,
}

/// Builds the rows of one log.
pub(crate) struct Builder<'s> {
    recording_id: String,
    name: String,
    uri: String,
    size: u64,
    sink: &'s mut dyn Sink,
    notes: Notes,
    summary: IngestSummary,
    schemas: BTreeMap<u16, LogSchema>,
    channels: BTreeMap<u16, ChannelState>,
    topics: BTreeMap<String, BTreeSet<String>>,
    sensors: Sensors,
    tree: TransformTree,
    matcher: Matcher,
    open: Option<Open>,
    chunks: Vec<ChunkRow>,
    frames: Vec<FrameRow>,
    signals: Vec<SignalRow>,
    labels: Vec<LabelRow>,
    /// What was told of frames that are still to come, by sensor and stamp.
    told: BTreeMap<(usize, i64), Map<String, Value>>,
    stamps: Option<(i64, i64)>,
    log_times: Option<(u64, u64)>,
    stamped: bool,
    header: Option<Header>,
    attachments: u64,
    metadata: BTreeMap<String, BTreeMap<String, String>>,
    metadata_bytes: usize,
    deletions: u64,
    /// Make rows of ground truth too?
    with_truth: bool,
}

impl std::fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

/// What a message's rows need to know of it.
#[derive(Debug, Clone, Copy)]
struct Message<'m> {
    place: Place,
    topic: &'m str,
    schema: &'m str,
    log_time: i64,
    ordinal: i64,
    ground_truth: bool,
}

impl<'s> Builder<'s> {
    pub(crate) fn new(id: &RecordingId, path: &Path, uri: String, size: u64, sink: &'s mut dyn Sink) -> Self {
        Self {
            recording_id: id.as_str().to_owned(),
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            uri,
            size,
            sink,
            notes: Notes::new(path),
            summary: IngestSummary::default(),
            schemas: BTreeMap::new(),
            channels: BTreeMap::new(),
            topics: BTreeMap::new(),
            sensors: Sensors::default(),
            tree: TransformTree::default(),
            matcher: Matcher::default(),
            open: None,
            chunks: Vec::new(),
            frames: Vec::new(),
            signals: Vec::new(),
            labels: Vec::new(),
            told: BTreeMap::new(),
            stamps: None,
            log_times: None,
            stamped: false,
            header: None,
            attachments: 0,
            metadata: BTreeMap::new(),
            metadata_bytes: 0,
            deletions: 0,
            with_truth: false,
        }
    }

    /// Makes rows of ground truth too.
    pub(crate) fn with_ground_truth(mut self, yes: bool) -> Self {
        self.with_truth = yes;
        self
    }

    pub(crate) fn damage(&mut self, damage: &Damage) {
        self.summary.damaged = self.summary.damaged.saturating_add(1);
        self.notes.damage(damage);
    }

    pub(crate) fn header(&mut self, header: Header) {
        self.header = Some(header);
    }

    pub(crate) fn attachment(&mut self) {
        self.attachments += 1;
    }

    pub(crate) fn large(&mut self, place: Place, opcode: u8) {
        if opcode == super::record::op::ATTACHMENT {
            self.attachment();
        } else {
            let message = format!(
                "a record (opcode {opcode}) of {} bytes, more than is read",
                place.length
            );
            self.damage(&Damage::new(DamageKind::BadRecord, place.file_offset(), message));
        }
    }

    pub(crate) fn metadata(&mut self, metadata: Metadata) {
        let size: usize = metadata
            .metadata
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        self.metadata_bytes = self.metadata_bytes.saturating_add(size + metadata.name.len());
        if self.metadata_bytes <= MAX_METADATA {
            self.metadata.insert(metadata.name, metadata.metadata);
        } else {
            self.notes.add("metadata-left-out", "", 0, 1, || {
                format!("the log's metadata records hold more than {MAX_METADATA} bytes; the rest was left out")
            });
        }
    }

    pub(crate) fn schema(&mut self, id: u16, schema: LogSchema) {
        self.schemas.entry(id).or_insert(schema);
    }

    pub(crate) fn channel(&mut self, channel: Channel, offset: u64) {
        if let Some(known) = self.channels.get_mut(&channel.id) {
            if !same_channel(&known.channel, &channel) {
                let (id, topic) = (channel.id, &known.channel.topic);
                self.notes.add("channel-redeclared", topic, offset, 1, || {
                    format!(
                        "channel {id} is declared again with other content; the first declaration (`{topic}`) holds"
                    )
                });
            } else if known.schema.is_none()
                && let Some(schema) = self.schemas.get(&channel.schema_id)
            {
                known.schema = Some(schema.clone());
                known.decoder = Decoder::for_channel(&channel.message_encoding, Some(&schema.name));
                known.kind = known.decoder.map_or(ChannelKind::Unknown, Decoder::kind);
            }
            return;
        }
        let schema = self.schemas.get(&channel.schema_id).cloned();
        if channel.schema_id != 0 && schema.is_none() {
            self.notes.add("schema-missing", &channel.topic, offset, 1, || {
                format!(
                    "channel `{}` names schema {}, which the log does not have",
                    channel.topic, channel.schema_id
                )
            });
        }
        let name = schema.as_ref().map(|schema| schema.name.as_str());
        let decoder = Decoder::for_channel(&channel.message_encoding, name);
        let kind = decoder.map_or(ChannelKind::Unknown, Decoder::kind);
        let content = format!("{} {}", name.unwrap_or_default(), channel.message_encoding);
        let contents = self.topics.entry(channel.topic.clone()).or_default();
        if contents.insert(content) && contents.len() == 2 {
            self.notes.add("topic-of-two-schemas", &channel.topic, offset, 1, || {
                format!("topic `{}` has channels of different schemas", channel.topic)
            });
        }
        let ground_truth = is_ground_truth(&channel);
        if ground_truth {
            self.sensors.tells_the_truth(&channel.topic);
        }
        match kind {
            // Depth, masks and the like are no sensor's; they stay reachable as messages.
            _ if ground_truth => {}
            ChannelKind::Camera | ChannelKind::Video => {
                self.sensors.of(&self.recording_id, &channel.topic, "camera");
            }
            ChannelKind::Lidar => {
                self.sensors.of(&self.recording_id, &channel.topic, "lidar");
            }
            _ => {}
        }
        self.channels.insert(
            channel.id,
            ChannelState {
                schema,
                decoder,
                kind,
                ground_truth,
                channel,
                count: 0,
                times: None,
                last_log: None,
                last_offset: None,
            },
        );
    }

    pub(crate) fn chunk(&mut self, offset: u64, length: u64, header: ChunkHeader) -> Result<(), SourceError> {
        self.close()?;
        self.open = Some(Open {
            entry: ChunkEntry {
                offset,
                length,
                compression: header.compression,
                uncompressed_size: header.uncompressed_size,
                start: header.message_start_time,
                end: header.message_end_time,
                counts: BTreeMap::new(),
                is_chunk: true,
                message_indexes: BTreeMap::new(),
            },
            times: None,
        });
        Ok(())
    }

    /// Ends the chunk or run that is being read.
    fn close(&mut self) -> Result<(), SourceError> {
        let Some(Open { mut entry, times }) = self.open.take() else {
            return Ok(());
        };
        if let Some(times) = times {
            (entry.start, entry.end) = times;
        }
        self.chunks.push(ChunkRow {
            recording_id: self.recording_id.clone(),
            chunk_offset: ns(entry.offset),
            chunk_length: ns(entry.length),
            uncompressed_size: ns(entry.uncompressed_size),
            start_ns: ns(entry.start),
            end_ns: ns(entry.end),
            message_count: ns(entry.message_count()),
            channel_counts: serde_json::to_string(&entry.counts).unwrap_or_default(),
            compression: entry.compression,
        });
        self.flush(BATCH)
    }

    /// Pushes every kind of row of which there are at least `at_least`.
    fn flush(&mut self, at_least: usize) -> Result<(), SourceError> {
        let at_least = at_least.max(1);
        if self.chunks.len() >= at_least {
            self.sink.push(std::mem::take(&mut self.chunks).into())?;
        }
        // What is true of an image may be told after it.
        let kept = if at_least > 1 && self.with_truth {
            HELD_FRAMES
        } else {
            0
        };
        if self.frames.len() >= at_least + kept {
            let rest = self.frames.split_off(self.frames.len() - kept);
            self.sink.push(std::mem::replace(&mut self.frames, rest).into())?;
        }
        // One message may hold many transforms or labels: these are cut to size.
        while self.signals.len() >= at_least {
            let rest = self.signals.split_off(self.signals.len().min(BATCH));
            self.sink.push(std::mem::replace(&mut self.signals, rest).into())?;
        }
        while self.labels.len() >= at_least {
            let rest = self.labels.split_off(self.labels.len().min(BATCH));
            self.sink.push(std::mem::replace(&mut self.labels, rest).into())?;
        }
        Ok(())
    }

    pub(crate) fn message(&mut self, place: Place, header: MessageHeader, data: &[u8]) -> Result<(), SourceError> {
        self.summary.messages += 1;
        self.log_times = Some(index::widen(self.log_times, header.log_time));
        self.locate(place, header)?;
        let Some(state) = self.channels.get_mut(&header.channel_id) else {
            let id = header.channel_id;
            let message = format!("a message of channel {id}, which the log does not declare");
            self.damage(&Damage::new(DamageKind::OrphanMessage, place.file_offset(), message));
            return Ok(());
        };
        let log_time = ns(header.log_time);
        let ordinal = state.count;
        state.count += 1;
        state.times = Some(index::widen(state.times, header.log_time));
        let back = state
            .last_log
            .is_some_and(|last| last.saturating_sub(log_time) > JUMP_NS);
        state.last_log = Some(log_time);
        let topic = state.channel.topic.clone();
        if back {
            self.notes.add("clock-jump", &topic, place.file_offset(), 1, || {
                format!("log times of `{topic}` go back by more than a second")
            });
        }
        let ground_truth = state.ground_truth;
        let is_media = matches!(
            state.kind,
            ChannelKind::Camera | ChannelKind::Video | ChannelKind::Lidar | ChannelKind::Radar
        );
        let wanted = !ground_truth || (self.with_truth && !is_media);
        let Some(decoder) = state.decoder.filter(|_| wanted) else {
            return Ok(());
        };
        let schema = state
            .schema
            .as_ref()
            .map(|schema| schema.name.clone())
            .unwrap_or_default();
        let message = Message {
            place,
            topic: &topic,
            schema: &schema,
            log_time,
            ordinal,
            ground_truth,
        };
        match decoder.decode(data) {
            Ok(decoded) => self.decoded(header.channel_id, message, decoded),
            Err(err) => self.damage(&undecodable(place.file_offset(), &topic, &err.to_string())),
        }
        self.flush(BATCH)
    }

    /// Counts a message for its chunk, or for the run of messages outside chunks.
    fn locate(&mut self, place: Place, header: MessageHeader) -> Result<(), SourceError> {
        let (id, time) = (header.channel_id, header.log_time);
        if place.chunk.is_some() {
            if let Some(open) = &mut self.open {
                index::add(&mut open.entry.counts, id, 1);
                open.times = Some(index::widen(open.times, time));
            }
            return Ok(());
        }
        let full = |open: &Open| open.entry.is_chunk || open.entry.length >= index::RUN_BYTES;
        if self.open.as_ref().is_some_and(full) {
            self.close()?;
        }
        let mut run = self.open.take().map(|open| open.entry);
        index::extend_run(&mut run, place.offset, place.offset + place.length, id, time);
        self.open = run.map(|entry| Open { entry, times: None });
        Ok(())
    }

    fn decoded(&mut self, channel: u16, message: Message<'_>, decoded: Decoded<'_>) {
        match decoded {
            Decoded::Image(image) => {
                let media_type = image_media_type(&image.data, &image.format);
                if image.data.is_empty() {
                    self.damage(&undecodable(
                        message.place.file_offset(),
                        message.topic,
                        "the image has no bytes",
                    ));
                    return;
                }
                let mut frame = FrameRow {
                    modality: if media_type.starts_with("video/") {
                        "video"
                    } else {
                        "camera"
                    }
                    .to_owned(),
                    ..FrameRow::default()
                };
                if let Some(key) = is_keyframe(&image.data, &media_type) {
                    frame.attributes = Some(json!({ "keyframe": key }).to_string());
                }
                frame.media_type = media_type;
                self.frame(
                    channel,
                    message,
                    image.stamp,
                    &image.frame_id,
                    image_size(&image.data),
                    frame,
                );
            }
            Decoded::RawImage(image) => {
                if !is_whole(&image) {
                    let problem = format!(
                        "{} bytes for {}×{} px with {} bytes a row",
                        image.data.len(),
                        image.width,
                        image.height,
                        image.step
                    );
                    self.damage(&undecodable(message.place.file_offset(), message.topic, &problem));
                    return;
                }
                let frame = FrameRow {
                    modality: "camera".to_owned(),
                    media_type: format!("image/x-raw;encoding={}", image.encoding),
                    ..FrameRow::default()
                };
                let size = Some((image.width, image.height));
                self.frame(channel, message, image.stamp, &image.frame_id, size, frame);
            }
            Decoded::Cloud(cloud) => {
                let radar = cloud.fields.iter().any(|field| field == "rcs" || field == "doppler");
                if radar {
                    self.sensors.is_radar(&self.recording_id, message.topic);
                    if let Some(state) = self.channels.get_mut(&channel) {
                        state.kind = ChannelKind::Radar;
                    }
                }
                let frame = FrameRow {
                    modality: if radar { "radar" } else { "lidar" }.to_owned(),
                    media_type: message.schema.to_owned(),
                    attributes: Some(json!({ "points": cloud.points, "fields": cloud.fields }).to_string()),
                    ..FrameRow::default()
                };
                self.frame(channel, message, cloud.stamp, &cloud.frame_id, None, frame);
            }
            Decoded::Samples(samples) => {
                for sample in samples {
                    self.sample(channel, message, &sample);
                }
            }
            Decoded::Transforms(transforms) => {
                for transform in transforms {
                    self.transform(channel, message, &transform);
                }
            }
            Decoded::Calibration(calibration) => {
                if !self.sensors.calibrate(message.topic, calibration) {
                    self.note(message, "calibration-changed", 1, || {
                        "the calibration changes during the log; the first one holds".to_owned()
                    });
                }
            }
            Decoded::Annotations(annotations) => self.annotations(message, annotations),
            Decoded::Attributes(told) => self.attributes(message, told),
            Decoded::Scene(scene) => {
                self.deletions = self.deletions.saturating_add(scene.deletions);
                if scene.others > 0 {
                    self.note(message, "primitives-left-out", scene.others, || {
                        "primitives other than cubes are no labels and were left out".to_owned()
                    });
                }
                self.scene(message, scene.cuboids);
            }
        }
    }

    fn note(&mut self, message: Message<'_>, code: &'static str, count: u64, text: impl FnOnce() -> String) {
        let topic = message.topic;
        self.notes.add(code, topic, message.place.file_offset(), count, || {
            format!("{} (`{topic}`)", text())
        });
    }

    /// The stamp of a message, or its log time; watches how the two run against each other.
    fn stamp(&mut self, channel: u16, message: Message<'_>, stamp: Option<i64>) -> i64 {
        let log_time = message.log_time;
        let at = stamp.unwrap_or(log_time);
        self.stamps = Some(
            self.stamps
                .map_or((at, at), |(start, end)| (start.min(at), end.max(at))),
        );
        let Some(stamp) = stamp else {
            return at;
        };
        self.stamped = true;
        let offset = stamp.saturating_sub(log_time);
        let last = self
            .channels
            .get_mut(&channel)
            .and_then(|state| state.last_offset.replace(offset));
        if last.is_some_and(|last| last.saturating_sub(offset).saturating_abs() > JUMP_NS) {
            self.note(message, "clock-jump", 1, || {
                "stamp and log time move against each other by more than a second".to_owned()
            });
        }
        if offset.saturating_abs() > OTHER_CLOCK_NS {
            self.note(message, "other-clock", 1, || {
                "stamps are more than a day away from the log times: they are of another clock".to_owned()
            });
        }
        at
    }

    fn frame(
        &mut self,
        channel: u16,
        message: Message<'_>,
        stamp: Option<i64>,
        frame_id: &str,
        size: Option<(u32, u32)>,
        mut frame: FrameRow,
    ) {
        let timestamp = self.stamp(channel, message, stamp);
        let modality = match frame.modality.as_str() {
            "lidar" => "lidar",
            "radar" => "radar",
            _ => "camera",
        };
        let at = self.sensors.of(&self.recording_id, message.topic, modality);
        let sensor = &mut self.sensors.all[at];
        let frame_name = plain(frame_id);
        if sensor.frame_name.is_none() && !frame_name.is_empty() {
            sensor.frame_name = Some(frame_name.to_owned());
        }
        sensor.size = sensor.size.or(size);
        frame.sequence = sensor.sequence;
        sensor.sequence += 1;
        let id = IdBuilder::new("frame")
            .text(sensor.id.as_str())
            .int(frame.sequence)
            .int(timestamp);
        frame.frame_id = id.finish();
        sensor.id.as_str().clone_into(&mut frame.sensor_id);
        frame.recording_id.clone_from(&self.recording_id);
        frame.group_id.clone_from(&self.recording_id);
        frame.timestamp_ns = Some(timestamp);
        frame.log_time_ns = Some(message.log_time);
        frame.name = rows::frame_name(message.topic, timestamp);
        frame.uri.clone_from(&self.uri);
        frame.chunk_offset = message.place.chunk.map(ns);
        frame.message_offset = Some(ns(message.place.offset));
        frame.length = Some(ns(message.place.length));
        frame.width = size.map(|(width, _)| i64::from(width));
        frame.height = size.map(|(_, height)| i64::from(height));
        self.summary.frames += 1;
        let seen = Seen {
            frame_id: frame.frame_id.clone(),
            size,
        };
        let ready = self.matcher.frame(&self.sensors, at, timestamp, seen);
        if let Some(told) = self.told.remove(&(at, timestamp)) {
            tell(&mut frame, told);
        }
        self.frames.push(frame);
        for (seen, group) in ready {
            self.settle(&seen, &group);
        }
    }

    fn sample(&mut self, channel: u16, message: Message<'_>, sample: &Sample) {
        let modality = match sample.kind {
            SampleKind::Imu => Some("imu"),
            SampleKind::Gnss => Some("gnss"),
            _ => None,
        };
        if let Some(modality) = modality {
            let at = self.sensors.of(&self.recording_id, message.topic, modality);
            let frame = plain(&sample.frame_id);
            if self.sensors.all[at].frame_name.is_none() && !frame.is_empty() {
                self.sensors.all[at].frame_name = Some(frame.to_owned());
            }
        }
        let timestamp = self.stamp(channel, message, sample.stamp);
        let (mut row, bad) = rows::signal(&self.recording_id, message.topic, message.log_time, sample);
        row.timestamp_ns = timestamp;
        if bad > 0 {
            self.note(message, "bad-number", bad, || {
                "values that are not finite, or no rotation, were left out".to_owned()
            });
        }
        self.summary.signals += 1;
        self.signals.push(row);
    }

    fn transform(&mut self, channel: u16, message: Message<'_>, sample: &TransformSample) {
        let Some((mut row, rigid)) = rows::transform(&self.recording_id, message.topic, message.log_time, sample)
        else {
            self.note(message, "bad-number", 1, || {
                "transforms that are not finite, or no rotation, were left out".to_owned()
            });
            return;
        };
        // A static transform keeps the stamp of the day it was measured: it says nothing about the clocks.
        if message.topic.ends_with("tf_static") {
            row.timestamp_ns = message.log_time;
        } else {
            row.timestamp_ns = self.stamp(channel, message, sample.stamp);
        }
        // Ground truth changes nothing of what the vehicle knew of itself.
        if !message.ground_truth && !self.tree.insert(&sample.parent, &sample.child, rigid) {
            self.note(message, "too-many-frames", 1, || {
                "the log has more coordinate frames than are kept".to_owned()
            });
        }
        self.summary.signals += 1;
        self.signals.push(row);
    }

    /// The last rows.
    pub(crate) fn finish(mut self, digest: String, reporter: &dyn Reporter) -> Result<IngestSummary, SourceError> {
        self.close()?;
        for group in self.matcher.rest() {
            self.unmatched(&group);
        }
        self.flush(1)?;
        let id = self.recording_id.clone();
        let truths = self.channels.values().filter(|state| state.ground_truth).count();
        let channels: Vec<ChannelRow> = self
            .channels
            .values()
            .map(|state| ChannelRow {
                channel_id: IdBuilder::new("channel")
                    .text(&id)
                    .int(i64::from(state.channel.id))
                    .text(&state.channel.topic)
                    .finish(),
                recording_id: id.clone(),
                log_channel_id: i64::from(state.channel.id),
                topic: state.channel.topic.clone(),
                schema_name: state.schema.as_ref().map(|schema| schema.name.clone()),
                schema_encoding: state.schema.as_ref().map(|schema| schema.encoding.clone()),
                message_encoding: state.channel.message_encoding.clone(),
                kind: state.kind.as_str().to_owned(),
                message_count: state.count,
                start_ns: state.times.map(|(start, _)| ns(start)),
                end_ns: state.times.map(|(_, end)| ns(end)),
                metadata: json_object(&state.channel.metadata),
            })
            .collect();
        for batch in channels.chunks(BATCH) {
            self.sink.push(batch.to_vec().into())?;
        }
        let sensors = self.sensors.rows(&id, &self.tree);
        for batch in sensors.chunks(BATCH) {
            self.sink.push(batch.to_vec().into())?;
        }
        let log = self.log_times.map(|(start, end)| (ns(start), ns(end)));
        let clock = match (self.stamped, log) {
            (true, _) => "sensor",
            (false, Some(_)) => "log",
            (false, None) => "none",
        };
        // Without a single stamped row the log times of all messages, known or not, say when the log was recorded.
        let range = self.stamps.or(log);
        let mut metadata = json!({
            "profile": self.header.as_ref().map(|header| header.profile.as_str()),
            "library": self.header.as_ref().map(|header| header.library.as_str()),
            "log_start_ns": log.map(|(start, _)| start),
            "log_end_ns": log.map(|(_, end)| end),
            "attachments": self.attachments,
            "scene_deletions": self.deletions,
            "metadata": self.metadata,
        });
        if truths > 0 {
            metadata["ground_truth"] = json!({ "channels": truths, "read": self.with_truth });
        }
        let recording = RecordingRow {
            recording_id: id,
            name: self.name,
            uri: self.uri,
            format: "mcap".to_owned(),
            kind: "drive".to_owned(),
            start_ns: range.map(|(start, _)| start),
            end_ns: range.map(|(_, end)| end),
            clock: clock.to_owned(),
            size_bytes: ns(self.size),
            digest,
            message_count: ns(self.summary.messages),
            frame_count: ns(self.summary.frames),
            label_count: ns(self.summary.labels),
            damage_count: ns(self.summary.damaged),
            metadata: Some(metadata.to_string()),
        };
        self.sink.push(vec![recording].into())?;
        self.notes.report(reporter);
        Ok(self.summary)
    }
}
