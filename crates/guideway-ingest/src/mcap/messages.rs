//! Messages by topic and time, known and unknown channels alike.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use guideway_core::hint::closest;

use super::chunk::{self, Inflater};
use super::error::{Damage, DamageKind, McapError};
use super::index::LogIndex;
use super::record::{self, HEAD, MESSAGE_HEAD, Walk, op};

/// Decompressed chunks kept while their messages wait for their turn, bytes.
const CACHE_BYTES: usize = 64 << 20;

/// Which messages to read.
#[derive(Debug, Clone, Default)]
pub struct MessageQuery {
    /// Topics; empty for all.
    pub topics: Vec<String>,
    /// The log's channel numbers; empty for all. A message must satisfy both.
    pub channels: Vec<u16>,
    /// First log time, ns.
    pub start_ns: Option<i64>,
    /// End of the log times, ns, exclusive.
    pub end_ns: Option<i64>,
    /// In the order of the file instead of that of the log times.
    pub file_order: bool,
}

/// A message with what is needed to make sense of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogMessage {
    /// The log's channel number.
    pub channel_id: u16,
    /// Topic.
    pub topic: Arc<str>,
    /// Message encoding: `protobuf`, `cdr`, `json`, ….
    pub message_encoding: Arc<str>,
    /// Schema name; none for a channel without schema.
    pub schema_name: Option<Arc<str>>,
    /// The publisher's counter.
    pub sequence: u32,
    /// When it was recorded, ns.
    pub log_time: u64,
    /// When it was published, ns.
    pub publish_time: u64,
    /// The payload.
    pub data: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Topic {
    name: Arc<str>,
    encoding: Arc<str>,
    schema: Option<Arc<str>>,
}

/// A message that waits: log time, chunk (by position in the file), offset in the chunk.
type Waiting = Reverse<(u64, usize, usize)>;

/// The messages of a log that a [`MessageQuery`] asks for. Memory is bounded: positions of the messages of overlapping
/// chunks, and a few decompressed chunks.
#[derive(Debug)]
pub struct Messages {
    index: LogIndex,
    topics: BTreeMap<u16, Topic>,
    start: u64,
    end: u64,
    file_order: bool,
    inflater: Inflater,
    /// Chunks not looked at yet, by first log time or by offset.
    chunks: VecDeque<usize>,
    waiting: BinaryHeap<Waiting>,
    in_order: VecDeque<(usize, usize)>,
    cache: VecDeque<(usize, Arc<Vec<u8>>)>,
    damage: Vec<Damage>,
}

/// Opens a log and finds the messages that `query` asks for. Works on logs without index and on damaged ones.
///
/// ```no_run
/// use guideway_ingest::mcap::{MessageQuery, read_messages};
///
/// let query = MessageQuery { topics: vec!["/gps/fix".to_owned()], ..MessageQuery::default() };
/// for message in read_messages("drive.mcap".as_ref(), &query)? {
///     let message = message?;
///     println!("{} {} {} bytes", message.log_time, message.topic, message.data.len());
/// }
/// # Ok::<(), guideway_ingest::mcap::McapError>(())
/// ```
pub fn read_messages(path: &Path, query: &MessageQuery) -> Result<Messages, McapError> {
    Messages::new(LogIndex::open(path)?, query)
}

impl Messages {
    /// Reads from a log that is indexed already.
    pub fn new(index: LogIndex, query: &MessageQuery) -> Result<Self, McapError> {
        for topic in &query.topics {
            if !index.channels.values().any(|channel| channel.topic == *topic) {
                let known = index.channels.values().map(|channel| channel.topic.as_str());
                return Err(McapError::NoSuchTopic {
                    topic: topic.clone(),
                    closest: closest(topic, known).map(str::to_owned),
                    path: index.file().path().to_owned(),
                });
            }
        }
        let topics: BTreeMap<u16, Topic> = index
            .channels
            .values()
            .filter(|channel| query.topics.is_empty() || query.topics.contains(&channel.topic))
            .filter(|channel| query.channels.is_empty() || query.channels.contains(&channel.id))
            .map(|channel| {
                let schema = index.schemas.get(&channel.schema_id);
                let topic = Topic {
                    name: channel.topic.as_str().into(),
                    encoding: channel.message_encoding.as_str().into(),
                    schema: schema.map(|schema| schema.name.as_str().into()),
                };
                (channel.id, topic)
            })
            .collect();
        // Log times are unsigned in the file and signed in the tables.
        let start = query.start_ns.map_or(0, |ns| u64::try_from(ns).unwrap_or(0));
        let end = query.end_ns.map_or(u64::MAX, |ns| u64::try_from(ns).unwrap_or(0));
        let wanted = |at: &usize| {
            let entry = &index.chunks[*at];
            entry.counts.keys().any(|id| topics.contains_key(id))
                && entry.end >= start
                && (entry.start < end || query.end_ns.is_none())
        };
        let mut order: Vec<usize> = (0..index.chunks.len()).filter(wanted).collect();
        if !query.file_order {
            order.sort_by_key(|at| (index.chunks[*at].start, index.chunks[*at].offset));
        }
        let damage = index.damage.clone();
        Ok(Self {
            topics,
            start,
            end: if query.end_ns.is_none() { u64::MAX } else { end },
            file_order: query.file_order,
            inflater: Inflater::default(),
            chunks: order.into(),
            waiting: BinaryHeap::new(),
            in_order: VecDeque::new(),
            cache: VecDeque::new(),
            damage,
            index,
        })
    }

    /// The index that is being read from.
    pub fn index(&self) -> &LogIndex {
        &self.index
    }

    /// What was found to be wrong so far.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    fn load(&mut self, at: usize) -> Result<Arc<Vec<u8>>, McapError> {
        if let Some(hit) = self.cache.iter().position(|(cached, _)| *cached == at) {
            let entry = self.cache.remove(hit);
            if let Some((_, data)) = entry {
                self.cache.push_back((at, Arc::clone(&data)));
                return Ok(data);
            }
        }
        let entry = &self.index.chunks[at];
        let loaded = chunk::load(self.index.file(), &mut self.inflater, entry.offset, entry.length)?;
        if let Some(damage) = loaded.damage
            && !self.damage.contains(&damage)
        {
            self.damage.push(damage);
        }
        let data = Arc::new(loaded.data);
        let mut held: usize = self.cache.iter().map(|(_, data)| data.len()).sum();
        while held + data.len() > CACHE_BYTES {
            let Some((_, dropped)) = self.cache.pop_front() else {
                break;
            };
            held -= dropped.len();
        }
        self.cache.push_back((at, Arc::clone(&data)));
        Ok(data)
    }

    /// Finds the wanted messages of a chunk.
    fn open_chunk(&mut self, at: usize) -> Result<(), McapError> {
        let data = self.load(at)?;
        for nested in Walk::new(&data).map_while(Result::ok) {
            if nested.opcode != op::MESSAGE {
                continue;
            }
            let Some(header) = record::message_header(nested.body) else {
                continue;
            };
            let in_time = header.log_time >= self.start && (header.log_time < self.end || self.end == u64::MAX);
            if in_time && self.topics.contains_key(&header.channel_id) {
                if self.file_order {
                    self.in_order.push_back((at, nested.offset));
                } else {
                    self.waiting.push(Reverse((header.log_time, at, nested.offset)));
                }
            }
        }
        Ok(())
    }

    fn next_place(&mut self) -> Result<Option<(usize, usize)>, McapError> {
        if self.file_order {
            while self.in_order.is_empty() {
                let Some(at) = self.chunks.pop_front() else { break };
                self.open_chunk(at)?;
            }
            return Ok(self.in_order.pop_front());
        }
        // A chunk that begins no later than the earliest waiting message may hold an earlier one.
        while let Some(at) = self.chunks.front().copied() {
            let first = self.waiting.peek().map(|Reverse((time, _, _))| *time);
            if first.is_some_and(|time| self.index.chunks[at].start > time) {
                break;
            }
            self.chunks.pop_front();
            self.open_chunk(at)?;
        }
        Ok(self.waiting.pop().map(|Reverse((_, at, offset))| (at, offset)))
    }

    fn message(&mut self, at: usize, offset: usize) -> Result<LogMessage, McapError> {
        let data = self.load(at)?;
        let place = self.index.chunks[at].offset;
        let gone = |file: &super::file::LogFile| file.damaged(place, "a message that is gone");
        let Some(Ok(nested)) = Walk::from(&data, offset).next() else {
            return Err(gone(self.index.file()));
        };
        let header = record::message_header(nested.body).ok_or_else(|| gone(self.index.file()))?;
        let topic = self
            .topics
            .get(&header.channel_id)
            .ok_or_else(|| gone(self.index.file()))?;
        Ok(LogMessage {
            channel_id: header.channel_id,
            topic: Arc::clone(&topic.name),
            message_encoding: Arc::clone(&topic.encoding),
            schema_name: topic.schema.clone(),
            sequence: header.sequence,
            log_time: header.log_time,
            publish_time: header.publish_time,
            data: nested.body[MESSAGE_HEAD..].to_vec(),
        })
    }
}

impl Iterator for Messages {
    type Item = Result<LogMessage, McapError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_place() {
            Ok(Some((at, offset))) => Some(self.message(at, offset)),
            Ok(None) => None,
            Err(err) => {
                // The file itself failed: nothing after this can be trusted.
                self.chunks.clear();
                self.waiting.clear();
                self.in_order.clear();
                Some(Err(err))
            }
        }
    }
}

/// Reads one message by its place: the chunk at `chunk_offset` (none for a log without chunks) and the record inside it.
///
/// Returns the channel's number and the payload. One chunk is read and decompressed, nothing else.
pub(crate) fn payload(
    file: &super::file::LogFile,
    chunk: Option<&[u8]>,
    chunk_offset: Option<u64>,
    offset: u64,
    length: u64,
) -> Result<(u16, Vec<u8>), McapError> {
    let place = chunk_offset.unwrap_or(offset);
    let bad = |what: &str| file.damaged(place, what);
    let owned;
    let record: &[u8] = if let Some(data) = chunk {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let to = from.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        data.get(from..to)
            .ok_or_else(|| bad("no message where the index says"))?
    } else {
        if length > chunk::MAX_RECORD_BYTES {
            return Err(bad("a message larger than the limit"));
        }
        owned = file.read_vec(offset, length)?;
        &owned
    };
    let body = record
        .get(HEAD..)
        .ok_or_else(|| bad("no message where the index says"))?;
    if record::head(record, 0) != Some((op::MESSAGE, body.len() as u64)) {
        return Err(bad("no message where the index says"));
    }
    let header = record::message_header(body).ok_or_else(|| bad("a message shorter than its header"))?;
    Ok((header.channel_id, body[MESSAGE_HEAD..].to_vec()))
}

/// A note for a damage list: the message does not decode.
pub(crate) fn undecodable(offset: u64, topic: &str, problem: &str) -> Damage {
    Damage::new(
        DamageKind::BadMessage,
        offset,
        format!("a message on `{topic}`: {problem}"),
    )
}
