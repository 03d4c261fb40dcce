//! The index of a log: which channels it has and where their messages lie, without decompressing them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ::mcap::records::{Channel, Record, Statistics};

use super::chunk::{self, Inflater};
use super::error::{Damage, DamageKind, McapError};
use super::file::{LogFile, MAGIC, Window};
use super::record::{self, HEAD, Walk, op};
use super::resync::find_chunk;
use super::summary::{self, LogSchema};

/// Messages outside chunks are indexed in runs of this many bytes.
pub(crate) const RUN_BYTES: u64 = 4 << 20;
/// The most that the records naming a chunk's messages may take together, bytes.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// A chunk, or a run of messages outside chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkEntry {
    /// Offset in the file: of the chunk record, or of the run's first record, bytes.
    pub offset: u64,
    /// Length in the file, bytes.
    pub length: u64,
    /// Compression: empty, `zstd` or `lz4`.
    pub compression: String,
    /// Size once decompressed, bytes.
    pub uncompressed_size: u64,
    /// First log time, ns.
    pub start: u64,
    /// Last log time, ns.
    pub end: u64,
    /// Messages of each channel inside.
    pub counts: BTreeMap<u16, u64>,
    /// Is it a chunk, and not a run of messages outside chunks?
    pub is_chunk: bool,
    /// File offset of each channel's message index; empty where the log has none for this chunk.
    pub message_indexes: BTreeMap<u16, u64>,
}

impl ChunkEntry {
    /// How many messages are inside.
    pub fn message_count(&self) -> u64 {
        self.counts.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// How the index came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexOrigin {
    /// The summary section names the chunks.
    Summary,
    /// The file has no usable summary: the chunks were found by walking over them.
    Walk,
}

/// The channels and chunks of a log.
///
/// With a summary, opening reads the end of the file and the message indexes behind each chunk, and never a payload.
/// Without one it walks from chunk to chunk, skipping the payloads; only chunks that have no message index, and those that
/// declare a channel for the first time, are decompressed.
#[derive(Debug)]
pub struct LogIndex {
    file: LogFile,
    /// How the index came about.
    pub origin: IndexOrigin,
    /// The schemas, by the log's numbers.
    pub schemas: BTreeMap<u16, LogSchema>,
    /// The channels, by the log's numbers.
    pub channels: BTreeMap<u16, Channel>,
    /// The chunks and runs, in the order of the file.
    pub chunks: Vec<ChunkEntry>,
    /// The log's own statistics, where it has them.
    pub statistics: Option<Statistics>,
    /// What was found to be wrong.
    pub damage: Vec<Damage>,
}

impl LogIndex {
    /// Indexes a log.
    pub fn open(path: &Path) -> Result<Self, McapError> {
        Self::of(LogFile::open(path)?)
    }

    /// Indexes a log that is open.
    pub fn of(file: LogFile) -> Result<Self, McapError> {
        let mut index = Self {
            file,
            origin: IndexOrigin::Walk,
            schemas: BTreeMap::new(),
            channels: BTreeMap::new(),
            chunks: Vec::new(),
            statistics: None,
            damage: Vec::new(),
        };
        match summary::read(&index.file)? {
            Ok(Some(summary)) => {
                index.schemas = summary.schemas;
                index.channels = summary.channels;
                let no_chunks = summary.statistics.as_ref().is_some_and(|all| all.message_count == 0);
                index.statistics = summary.statistics;
                if no_chunks || !summary.chunk_indexes.is_empty() {
                    index.use_summary(summary.chunk_indexes)?;
                } else {
                    index.walk()?;
                }
            }
            Ok(None) => index.walk()?,
            Err(damage) => {
                index.damage.push(damage);
                index.walk()?;
            }
        }
        index.chunks.sort_by_key(|entry| entry.offset);
        index.find_channels()?;
        Ok(index)
    }

    /// The file.
    pub fn file(&self) -> &LogFile {
        &self.file
    }

    /// How many messages the chunks hold.
    pub fn message_count(&self) -> u64 {
        self.chunks
            .iter()
            .fold(0, |sum, entry| sum.saturating_add(entry.message_count()))
    }

    /// Log times and offsets in the decompressed chunk of the messages of one channel, in the order of the log, from the
    /// chunk's message index. `None` where the log has no index for it.
    pub fn message_index(&self, entry: &ChunkEntry, channel: u16) -> Result<Option<Vec<(u64, u64)>>, McapError> {
        let Some(offset) = entry.message_indexes.get(&channel) else {
            return Ok(None);
        };
        let head = self.file.read_vec(*offset, HEAD as u64)?;
        let bad = || self.file.damaged(*offset, "no message index");
        let (opcode, length) = record::head(&head, 0).ok_or_else(bad)?;
        if opcode != op::MESSAGE_INDEX || length > MAX_INDEX_BYTES {
            return Err(bad());
        }
        let body = self.file.read_vec(offset.saturating_add(HEAD as u64), length)?;
        match record::parse(opcode, &body) {
            Ok(Record::MessageIndex(index)) => Ok(Some(
                index
                    .records
                    .iter()
                    .map(|entry| (entry.log_time, entry.offset))
                    .collect(),
            )),
            _ => Err(bad()),
        }
    }

    fn use_summary(&mut self, indexes: Vec<::mcap::records::ChunkIndex>) -> Result<(), McapError> {
        self.origin = IndexOrigin::Summary;
        let mut inflater = Inflater::default();
        for index in indexes {
            let offset = index.chunk_start_offset;
            let end = offset.checked_add(index.chunk_length);
            if offset < MAGIC.len() as u64 || end.is_none_or(|end| end > self.file.size()) {
                let message = "the summary names a chunk outside the file";
                self.damage.push(Damage::new(DamageKind::BadSummary, offset, message));
                continue;
            }
            let mut entry = ChunkEntry {
                offset,
                length: index.chunk_length,
                compression: index.compression,
                uncompressed_size: index.uncompressed_size,
                start: index.message_start_time,
                end: index.message_end_time,
                counts: BTreeMap::new(),
                is_chunk: true,
                message_indexes: index.message_index_offsets,
            };
            let behind = end.unwrap_or(offset);
            if !entry.message_indexes.is_empty() {
                let length = index.message_index_length.min(MAX_INDEX_BYTES);
                let bytes = self.file.read_vec(behind, length)?;
                count_indexes(&bytes, behind, &mut entry);
            }
            if entry.counts.is_empty() && index.uncompressed_size > 0 {
                self.read_chunk(&mut entry, &mut inflater)?;
            }
            self.chunks.push(entry);
        }
        Ok(())
    }

    /// Decompresses a chunk that has no message index, for the counts, times and channels.
    fn read_chunk(&mut self, entry: &mut ChunkEntry, inflater: &mut Inflater) -> Result<(), McapError> {
        let loaded = chunk::load(&self.file, inflater, entry.offset, entry.length)?;
        self.damage.extend(loaded.damage);
        let mut times: Option<(u64, u64)> = None;
        entry.counts.clear();
        for nested in Walk::new(&loaded.data).map_while(Result::ok) {
            if nested.opcode == op::MESSAGE {
                let Some(header) = record::message_header(nested.body) else {
                    continue;
                };
                add(&mut entry.counts, header.channel_id, 1);
                times = Some(widen(times, header.log_time));
            } else {
                self.declare(nested.opcode, nested.body);
            }
        }
        if let Some((start, end)) = times {
            (entry.start, entry.end) = (start, end);
        }
        Ok(())
    }

    /// Keeps a schema or channel record; the first declaration of a number counts.
    fn declare(&mut self, opcode: u8, body: &[u8]) {
        if !matches!(opcode, op::SCHEMA | op::CHANNEL) {
            return;
        }
        match record::parse(opcode, body) {
            Ok(Record::Schema { header, data }) => {
                self.schemas.entry(header.id).or_insert_with(|| LogSchema {
                    name: header.name,
                    encoding: header.encoding,
                    data: data.into_owned(),
                });
            }
            Ok(Record::Channel(channel)) => {
                self.channels.entry(channel.id).or_insert(channel);
            }
            _ => {}
        }
    }

    /// Decompresses chunks until every channel that has messages is declared.
    fn find_channels(&mut self) -> Result<(), McapError> {
        let mut inflater = Inflater::default();
        let mut wanted: BTreeSet<u16> = self
            .chunks
            .iter()
            .flat_map(|entry| entry.counts.keys().copied())
            .filter(|id| !self.channels.contains_key(id))
            .collect();
        for at in 0..self.chunks.len() {
            if wanted.is_empty() {
                break;
            }
            let entry = &self.chunks[at];
            if !entry.is_chunk || !entry.counts.keys().any(|id| wanted.contains(id)) {
                continue;
            }
            let (offset, length) = (entry.offset, entry.length);
            let loaded = chunk::load(&self.file, &mut inflater, offset, length)?;
            for nested in Walk::new(&loaded.data).map_while(Result::ok) {
                self.declare(nested.opcode, nested.body);
            }
            wanted.retain(|id| !self.channels.contains_key(id));
        }
        for id in wanted {
            let message = format!("the log has messages of channel {id}, which it does not declare");
            self.damage.push(Damage::new(DamageKind::OrphanMessage, 0, message));
        }
        Ok(())
    }

    /// Goes from record to record, skipping payloads.
    fn walk(&mut self) -> Result<(), McapError> {
        self.origin = IndexOrigin::Walk;
        let mut window = Window::new(8 << 10);
        let mut inflater = Inflater::default();
        let mut position = MAGIC.len() as u64;
        let mut open: Option<ChunkEntry> = None;
        let mut run: Option<ChunkEntry> = None;
        let mut ended = false;
        while self.file.size().saturating_sub(position) >= HEAD as u64 {
            window.load(&self.file, position, HEAD)?;
            let (opcode, length) = record::head(window.slice(position, HEAD), 0).unwrap_or((0, 0));
            let left = self.file.size() - position - HEAD as u64;
            if opcode == 0 || (length > left && opcode != op::CHUNK) {
                let Some(next) = find_chunk(&self.file, &mut window, position + 1)? else {
                    break;
                };
                self.close(open.take(), &mut inflater)?;
                self.chunks.extend(run.take());
                let message = format!("a record that makes no sense; reading goes on at offset {next}");
                self.damage.push(Damage::new(DamageKind::BadRecord, position, message));
                position = next;
                continue;
            }
            let have = length.min(left);
            let next = position + HEAD as u64 + have;
            if opcode != op::MESSAGE_INDEX {
                self.close(open.take(), &mut inflater)?;
            }
            if opcode != op::MESSAGE {
                self.chunks.extend(run.take());
            }
            match opcode {
                op::CHUNK => {
                    let peek = have.min(256) as usize;
                    window.load(&self.file, position, HEAD + peek)?;
                    if let Some((header, _)) = record::chunk_header(&window.slice(position, HEAD + peek)[HEAD..]) {
                        open = Some(ChunkEntry {
                            offset: position,
                            length: HEAD as u64 + have,
                            compression: header.compression,
                            uncompressed_size: header.uncompressed_size,
                            start: header.message_start_time,
                            end: header.message_end_time,
                            counts: BTreeMap::new(),
                            is_chunk: true,
                            message_indexes: BTreeMap::new(),
                        });
                    } else {
                        let message = "a chunk whose header cannot be read";
                        self.damage.push(Damage::new(DamageKind::BadChunk, position, message));
                    }
                }
                op::MESSAGE_INDEX => {
                    if let Some(entry) = &mut open
                        && have >= 6
                    {
                        window.load(&self.file, position, HEAD + 6)?;
                        let body = &window.slice(position, HEAD + 6)[HEAD..];
                        count_index(body, position, entry);
                    }
                }
                op::MESSAGE if have >= record::MESSAGE_HEAD as u64 => {
                    let length = HEAD + record::MESSAGE_HEAD;
                    window.load(&self.file, position, length)?;
                    let header = record::message_header(&window.slice(position, length)[HEAD..]);
                    if let Some(header) = header {
                        extend_run(&mut run, position, next, header.channel_id, header.log_time);
                    }
                    if run.as_ref().is_some_and(|run| run.length >= RUN_BYTES) {
                        self.chunks.extend(run.take());
                    }
                }
                op::SCHEMA | op::CHANNEL if have <= MAX_INDEX_BYTES => {
                    let whole = HEAD + have as usize;
                    window.load(&self.file, position, whole)?;
                    let body = window.slice(position, whole)[HEAD..].to_vec();
                    self.declare(opcode, &body);
                }
                op::DATA_END | op::FOOTER => {
                    ended = true;
                    position = next;
                    break;
                }
                _ => {}
            }
            position = next;
        }
        self.close(open, &mut inflater)?;
        self.chunks.extend(run);
        // A chunk that is cut short has said so already.
        let said = self.damage.iter().any(|damage| damage.kind == DamageKind::Truncated);
        if !ended && !said {
            let message = "the log ends here without a footer";
            self.damage.push(Damage::new(DamageKind::Truncated, position, message));
        }
        Ok(())
    }

    /// Ends a chunk found by walking; one without message index is decompressed.
    fn close(&mut self, entry: Option<ChunkEntry>, inflater: &mut Inflater) -> Result<(), McapError> {
        let Some(mut entry) = entry else {
            return Ok(());
        };
        if entry.counts.is_empty() && entry.uncompressed_size > 0 {
            self.read_chunk(&mut entry, inflater)?;
        }
        self.chunks.push(entry);
        Ok(())
    }
}

pub(crate) fn extend_run(run: &mut Option<ChunkEntry>, from: u64, to: u64, channel: u16, log_time: u64) {
    let entry = run.get_or_insert_with(|| ChunkEntry {
        offset: from,
        length: 0,
        compression: String::new(),
        uncompressed_size: 0,
        start: log_time,
        end: log_time,
        counts: BTreeMap::new(),
        is_chunk: false,
        message_indexes: BTreeMap::new(),
    });
    entry.length = to - entry.offset;
    entry.uncompressed_size = entry.length;
    entry.start = entry.start.min(log_time);
    entry.end = entry.end.max(log_time);
    add(&mut entry.counts, channel, 1);
}

pub(crate) fn add(counts: &mut BTreeMap<u16, u64>, channel: u16, amount: u64) {
    let count = counts.entry(channel).or_default();
    *count = count.saturating_add(amount);
}

pub(crate) fn widen(range: Option<(u64, u64)>, time: u64) -> (u64, u64) {
    range.map_or((time, time), |(start, end)| (start.min(time), end.max(time)))
}

/// Counts the entries of the message indexes in `bytes`, which lie at `offset` in the file.
fn count_indexes(bytes: &[u8], offset: u64, entry: &mut ChunkEntry) {
    for nested in Walk::new(bytes).map_while(Result::ok) {
        if nested.opcode == op::MESSAGE_INDEX {
            count_index(nested.body, offset + nested.offset as u64, entry);
        }
    }
}

/// Adds one message index, of which `body` holds at least the first six bytes. An entry takes 16 bytes.
fn count_index(body: &[u8], offset: u64, entry: &mut ChunkEntry) {
    let (Some(channel), Some(bytes)) = (record::u16_at(body, 0), record::u32_at(body, 2)) else {
        return;
    };
    if bytes >= 16 {
        add(&mut entry.counts, channel, u64::from(bytes / 16));
        entry.message_indexes.insert(channel, offset);
    }
}
