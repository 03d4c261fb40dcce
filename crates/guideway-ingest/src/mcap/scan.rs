//! One pass over a log, from the first record to the last that can be read.

use std::collections::VecDeque;

use ::mcap::records::{ChunkHeader, Record};

use super::chunk::{Inflater, MAX_RECORD_BYTES, crc_problem};
use super::error::{Damage, DamageKind, McapError};
use super::file::{LogFile, MAGIC, Window};
use super::record::{self, HEAD, Walk, op};
use super::resync::find_chunk;
use super::summary;

/// Attachments and other records above this size are not read into memory, bytes.
const LARGE: u64 = 16 << 20;
/// How much is read at a time, bytes.
const WINDOW: usize = 1 << 20;

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The file offset of the chunk that holds it; none for a record outside chunks.
    pub chunk: Option<u64>,
    /// Offset of the record (its opcode) in the decompressed chunk, or in the file for a record outside chunks, bytes.
    pub offset: u64,
    /// Length of the record with its opcode and length fields, bytes.
    pub length: u64,
}

impl Place {
    /// An offset in the file: of the record, or of its chunk.
    pub fn file_offset(self) -> u64 {
        self.chunk.unwrap_or(self.offset)
    }
}

/// What a scan meets.
#[derive(Debug)]
pub enum Event<'a> {
    /// A chunk begins; its records follow.
    Chunk {
        /// Offset of the chunk record in the file, bytes.
        offset: u64,
        /// Length of the record with its opcode and length fields; what the file has of it where it is cut short.
        length: u64,
        /// Its header.
        header: ChunkHeader,
    },
    /// Any record but a chunk.
    Record {
        /// Where it lies.
        place: Place,
        /// The record.
        record: Record<'a>,
    },
    /// A record too large to be read into memory (an attachment).
    Large {
        /// Where it lies.
        place: Place,
        /// What kind of record.
        opcode: u8,
    },
    /// Something is wrong; the scan goes on where it can.
    Damage(Damage),
}

/// How a scan treats what it meets.
#[derive(Debug, Clone, Copy)]
pub struct ScanOptions {
    /// Compute the checksum of each chunk and compare it.
    pub verify_crc: bool,
    /// End at the first damage instead of reading what is left.
    pub stop_at_damage: bool,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            verify_crc: true,
            stop_at_damage: false,
        }
    }
}

/// Reads a log once, front to back, in bounded memory: one chunk at a time.
///
/// Damage never ends the scan early where something can still be read: a chunk that is cut short or does not decompress
/// yields its good prefix, a chunk with a wrong checksum is read and counted, and after a record that makes no sense the
/// scan goes on at the next chunk that the summary names, or without a summary at the next one that can be told by its head.
/// However often that happens, the time is linear in the size of the file.
///
/// ```no_run
/// use guideway_ingest::mcap::{Event, LogFile, ScanOptions, Scanner};
///
/// let file = LogFile::open("drive.mcap".as_ref())?;
/// let mut scanner = Scanner::new(&file, ScanOptions::default());
/// let mut damaged = 0;
/// while let Some(event) = scanner.next_event()? {
///     if let Event::Damage(_) = event {
///         damaged += 1;
///     }
/// }
/// # Ok::<(), guideway_ingest::mcap::McapError>(())
/// ```
#[derive(Debug)]
pub struct Scanner<'f> {
    file: &'f LogFile,
    options: ScanOptions,
    window: Window,
    inflater: Inflater,
    buffer: Vec<u8>,
    state: State,
    /// The next record outside chunks, bytes from the start of the file.
    position: u64,
    /// The chunk whose incompleteness has been reported: that its records end in the middle of one is the same damage.
    cut: Option<u64>,
    /// The file ends in the middle of a chunk, and that has been reported.
    cut_at_end: bool,
    /// Where chunks begin by the summary, once that was needed.
    named: Option<Vec<u64>>,
    pending: VecDeque<Damage>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    File,
    Chunk { offset: u64, at: usize, data: Data },
    Done,
}

/// Where the records of the current chunk are: decompressed in the buffer, or as they are in the window.
#[derive(Debug, Clone, Copy)]
enum Data {
    Buffer,
    Window { from: u64, length: usize },
}

/// What a step found, by position, so that the borrow of the bytes begins only once it is returned.
enum Step {
    Again,
    End,
    Chunk {
        offset: u64,
        length: u64,
        header: ChunkHeader,
    },
    Record {
        place: Place,
        opcode: u8,
        data: Data,
        from: usize,
        to: usize,
    },
    Large {
        place: Place,
        opcode: u8,
    },
}

impl<'f> Scanner<'f> {
    /// Begins after the magic, which [`LogFile::open`] has checked.
    pub fn new(file: &'f LogFile, options: ScanOptions) -> Self {
        Self {
            file,
            options,
            window: Window::new(WINDOW),
            inflater: Inflater::default(),
            buffer: Vec::new(),
            state: State::File,
            position: MAGIC.len() as u64,
            cut: None,
            cut_at_end: false,
            named: None,
            pending: VecDeque::new(),
        }
    }

    /// How far the scan has come, bytes from the start of the file.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next record or damage; `None` at the end.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, McapError> {
        loop {
            if let Some(damage) = self.pending.pop_front() {
                if self.options.stop_at_damage {
                    self.state = State::Done;
                    self.pending.clear();
                }
                return Ok(Some(Event::Damage(damage)));
            }
            let step = match self.state {
                State::File => self.step_file()?,
                State::Chunk { offset, at, data } => self.step_chunk(offset, at, data),
                State::Done => Step::End,
            };
            match step {
                Step::Again => {}
                Step::End => return Ok(None),
                Step::Chunk { offset, length, header } => return Ok(Some(Event::Chunk { offset, length, header })),
                Step::Large { place, opcode } => return Ok(Some(Event::Large { place, opcode })),
                Step::Record {
                    place,
                    opcode,
                    data,
                    from,
                    to,
                } => {
                    let stop = self.options.stop_at_damage;
                    let body = Self::bytes(&self.window, &self.buffer, data)
                        .get(from..to)
                        .unwrap_or(&[]);
                    return Ok(Some(match record::parse(opcode, body) {
                        Ok(record) => Event::Record { place, record },
                        Err(problem) => {
                            if stop {
                                self.state = State::Done;
                            }
                            Event::Damage(Damage::new(DamageKind::BadRecord, place.file_offset(), problem))
                        }
                    }));
                }
            }
        }
    }

    fn bytes<'b>(window: &'b Window, buffer: &'b [u8], data: Data) -> &'b [u8] {
        match data {
            Data::Buffer => buffer,
            Data::Window { from, length } => window.slice(from, length),
        }
    }

    fn damage(&mut self, kind: DamageKind, offset: u64, message: impl Into<String>) {
        self.pending.push_back(Damage::new(kind, offset, message));
    }

    fn step_chunk(&mut self, offset: u64, at: usize, data: Data) -> Step {
        let bytes = Self::bytes(&self.window, &self.buffer, data);
        match Walk::from(bytes, at).next() {
            None => {
                self.state = State::File;
                Step::Again
            }
            Some(Err(stopped)) => {
                let message = format!(
                    "the records of a chunk make no sense from byte {stopped} of {} on",
                    bytes.len()
                );
                self.state = State::File;
                if self.cut != Some(offset) {
                    self.damage(DamageKind::BadRecord, offset, message);
                }
                Step::Again
            }
            Some(Ok(nested)) => {
                let from = nested.offset + HEAD;
                let to = from + nested.body.len();
                let place = Place {
                    chunk: Some(offset),
                    offset: nested.offset as u64,
                    length: (to - nested.offset) as u64,
                };
                let opcode = nested.opcode;
                self.state = State::Chunk { offset, at: to, data };
                Step::Record {
                    place,
                    opcode,
                    data,
                    from,
                    to,
                }
            }
        }
    }

    fn step_file(&mut self) -> Result<Step, McapError> {
        let offset = self.position;
        let left = self.file.size().saturating_sub(offset);
        if left < HEAD as u64 {
            self.state = State::Done;
            if self.cut_at_end {
                return Ok(Step::Again);
            }
            let message = if left == 0 {
                "the file ends without a footer".to_owned()
            } else {
                format!("the file ends {left} bytes into a record")
            };
            self.damage(DamageKind::Truncated, offset, message);
            return Ok(Step::Again);
        }
        self.window.load(self.file, offset, HEAD)?;
        let (opcode, length) = record::head(self.window.slice(offset, HEAD), 0).unwrap_or((0, 0));
        let body_left = left - HEAD as u64;
        if opcode == 0 {
            return self.resync(offset, "a record with opcode 0".to_owned());
        }
        if length > body_left && opcode != op::CHUNK {
            let message = format!("a record (opcode {opcode}) of {length} bytes where {body_left} are left");
            return self.resync(offset, message);
        }
        let have = length.min(body_left);
        let place = Place {
            chunk: None,
            offset,
            length: have + HEAD as u64,
        };
        if opcode == op::CHUNK {
            return self.begin_chunk(place, length, have);
        }
        self.position = offset + place.length;
        if have > LARGE && opcode != op::MESSAGE || have > MAX_RECORD_BYTES {
            return Ok(Step::Large { place, opcode });
        }
        let whole = place.length as usize;
        self.window.load(self.file, offset, whole)?;
        if opcode == op::FOOTER {
            self.state = State::Done;
            self.check_end()?;
            // The check may have moved the window.
            self.window.load(self.file, offset, whole)?;
        }
        Ok(Step::Record {
            place,
            opcode,
            data: Data::Window {
                from: offset,
                length: whole,
            },
            from: HEAD,
            to: whole,
        })
    }

    /// After the footer comes the magic, and nothing else.
    fn check_end(&mut self) -> Result<(), McapError> {
        let left = self.file.size() - self.position;
        if left < MAGIC.len() as u64 {
            self.damage(
                DamageKind::Truncated,
                self.position,
                "the file ends before its closing magic",
            );
            return Ok(());
        }
        self.window.load(self.file, self.position, MAGIC.len())?;
        if self.window.slice(self.position, MAGIC.len()) != MAGIC {
            self.damage(DamageKind::BadRecord, self.position, "the closing magic is wrong");
        } else if left > MAGIC.len() as u64 {
            let more = left - MAGIC.len() as u64;
            let message = format!("{more} bytes follow the end of the log; they were not read");
            self.damage(DamageKind::BadRecord, self.position + MAGIC.len() as u64, message);
        }
        Ok(())
    }

    /// A chunk record of `length` bytes, of which the file has `have`.
    fn begin_chunk(&mut self, place: Place, length: u64, have: u64) -> Result<Step, McapError> {
        let offset = place.offset;
        self.position = offset + place.length;
        if have > MAX_RECORD_BYTES {
            let message = format!("a chunk of {have} bytes, more than the limit of {MAX_RECORD_BYTES}; it was skipped");
            self.damage(DamageKind::BadChunk, offset, message);
            return Ok(Step::Again);
        }
        let whole = have == length;
        self.cut_at_end = !whole;
        self.window.load(self.file, offset, place.length as usize)?;
        let body = &self.window.slice(offset, place.length as usize)[HEAD..];
        let Some((header, from)) = record::chunk_header(body) else {
            let (kind, message) = if whole {
                (DamageKind::BadChunk, "a chunk without a whole header")
            } else {
                (DamageKind::Truncated, "the file ends in the header of a chunk")
            };
            self.damage(kind, offset, message);
            self.state = if whole { State::File } else { State::Done };
            return Ok(Step::Again);
        };
        let to = from.saturating_add(usize::try_from(header.compressed_size).unwrap_or(usize::MAX));
        let whole = whole && to <= body.len();
        let input = &body[from..to.min(body.len())];
        let mut found = None;
        let data = if header.compression.is_empty() && whole && header.compressed_size == header.uncompressed_size {
            if self.options.verify_crc {
                found = crc_problem(&header, input).map(|problem| (DamageKind::ChunkCrc, problem));
            }
            Data::Window {
                from: offset + (HEAD + from) as u64,
                length: input.len(),
            }
        } else {
            match self.inflater.inflate(&header, input, whole, &mut self.buffer) {
                Err(problem) => {
                    self.cut = Some(offset);
                    found = Some((DamageKind::BadChunk, problem));
                }
                Ok(()) if !whole => {
                    self.cut = Some(offset);
                    let message = format!("the file ends {have} bytes into a chunk of {length}");
                    found = Some((DamageKind::Truncated, message));
                }
                Ok(()) if self.options.verify_crc => {
                    found = crc_problem(&header, &self.buffer).map(|problem| (DamageKind::ChunkCrc, problem));
                }
                Ok(()) => {}
            }
            Data::Buffer
        };
        if let Some((kind, message)) = found {
            self.damage(kind, offset, message);
        }
        self.state = State::Chunk { offset, at: 0, data };
        Ok(Step::Chunk {
            offset,
            length: place.length,
            header,
        })
    }

    /// The record at `offset` makes no sense: goes on at the next chunk that the summary names, or without a summary at the next
    /// bytes that look like one.
    fn resync(&mut self, offset: u64, message: String) -> Result<Step, McapError> {
        self.state = State::Done;
        let next = if self.named()?.is_empty() {
            find_chunk(self.file, &mut self.window, offset + 1)?
        } else {
            let named = self.named()?;
            named.get(named.partition_point(|start| *start <= offset)).copied()
        };
        if let Some(next) = next {
            self.damage(
                DamageKind::BadRecord,
                offset,
                format!("{message}; reading goes on at offset {next}"),
            );
            self.position = next;
            self.state = State::File;
        } else if summary::has_end(self.file)? {
            self.damage(DamageKind::BadRecord, offset, message);
        } else {
            self.damage(DamageKind::Truncated, offset, format!("the file ends early: {message}"));
        }
        Ok(Step::Again)
    }

    /// Where chunks begin by the summary, in order; read once, since a hostile file may need it at every record.
    fn named(&mut self) -> Result<&[u64], McapError> {
        if self.named.is_none() {
            let mut starts: Vec<u64> = match summary::read(self.file)? {
                Ok(Some(summary)) => summary
                    .chunk_indexes
                    .iter()
                    .map(|index| index.chunk_start_offset)
                    .collect(),
                Ok(None) | Err(_) => Vec::new(),
            };
            starts.sort_unstable();
            self.named = Some(starts);
        }
        Ok(self.named.as_deref().unwrap_or_default())
    }
}
