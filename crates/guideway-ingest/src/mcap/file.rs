//! A log file read by position: no memory map, so a file that shrinks under the reader is an error and not a crash.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::McapError;

/// The eight bytes with which an MCAP file begins and ends.
pub const MAGIC: [u8; 8] = *b"\x89MCAP0\r\n";

#[derive(Debug)]
enum Backing {
    File(File),
    Memory(Vec<u8>),
}

/// An open MCAP file.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    backing: Backing,
    size: u64,
    touched: AtomicU64,
}

impl LogFile {
    /// Opens a file and checks that it begins as an MCAP file does.
    pub fn open(path: &Path) -> Result<Self, McapError> {
        let io = |source| McapError::Open {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let meta = file.metadata().map_err(io)?;
        if meta.is_dir() {
            return Err(io(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        Self::check(path, Backing::File(file), meta.len())
    }

    /// A log that is in memory already; `name` stands for its path in errors.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, McapError> {
        let size = bytes.len() as u64;
        Self::check(Path::new(name), Backing::Memory(bytes), size)
    }

    fn check(path: &Path, backing: Backing, size: u64) -> Result<Self, McapError> {
        let log = Self {
            path: path.to_owned(),
            backing,
            size,
            touched: AtomicU64::new(0),
        };
        if size == 0 {
            return Err(McapError::Empty { path: path.to_owned() });
        }
        let mut magic = [0u8; 8];
        let length = size.min(8) as usize;
        log.read_at(0, &mut magic[..length])?;
        if magic != MAGIC {
            let found: Vec<String> = magic[..length].iter().map(|byte| format!("{byte:02x}")).collect();
            return Err(McapError::NotMcap {
                found: found.join(" "),
                path: path.to_owned(),
            });
        }
        Ok(log)
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size, bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes were read from the file so far, re-reading included.
    pub fn bytes_touched(&self) -> u64 {
        self.touched.load(Ordering::Relaxed)
    }

    /// Fills `buf` from `offset` on.
    pub(crate) fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), McapError> {
        let read = match &self.backing {
            Backing::File(file) => read_exact_at(file, offset, buf),
            Backing::Memory(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                match bytes.get(from..from.saturating_add(buf.len())) {
                    Some(part) => {
                        buf.copy_from_slice(part);
                        Ok(())
                    }
                    None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                }
            }
        };
        read.map_err(|source| McapError::Io {
            path: self.path.clone(),
            offset,
            length: buf.len() as u64,
            source,
        })?;
        self.touched.fetch_add(buf.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Reads `length` bytes from `offset` on, or as many as the file has there.
    pub(crate) fn read_vec(&self, offset: u64, length: u64) -> Result<Vec<u8>, McapError> {
        let length = length.min(self.size.saturating_sub(offset));
        let mut buf = vec![0u8; length as usize];
        self.read_at(offset, &mut buf)?;
        Ok(buf)
    }

    pub(crate) fn damaged(&self, offset: u64, what: impl Into<String>) -> McapError {
        McapError::Damaged {
            what: what.into(),
            offset,
            path: self.path.clone(),
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
    while !buf.is_empty() {
        let got = std::os::windows::fs::FileExt::seek_read(file, buf, offset)?;
        if got == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        offset += got as u64;
        buf = &mut buf[got..];
    }
    Ok(())
}

/// The part of a file that was read last, so that small neighbouring records cost one system call together.
#[derive(Debug)]
pub(crate) struct Window {
    start: u64,
    buf: Vec<u8>,
    size: usize,
}

impl Window {
    /// A window that reads at least `size` bytes at a time.
    pub(crate) fn new(size: usize) -> Self {
        Self {
            start: 0,
            buf: Vec::new(),
            size,
        }
    }

    /// Makes `length` bytes from `offset` on available to [`Self::slice`]. The caller has checked that the file has them.
    pub(crate) fn load(&mut self, file: &LogFile, offset: u64, length: usize) -> Result<(), McapError> {
        let inside = offset >= self.start
            && offset
                .checked_add(length as u64)
                .is_some_and(|end| end <= self.start + self.buf.len() as u64);
        if inside {
            return Ok(());
        }
        let available = file.size().saturating_sub(offset);
        let want = (length.max(self.size) as u64).min(available).max(length as u64) as usize;
        // A single huge record must not keep its memory for the rest of the log.
        if self.buf.capacity() > 4 * self.size.max(want) {
            self.buf = Vec::new();
        }
        self.buf.resize(want, 0);
        self.start = offset;
        file.read_at(offset, &mut self.buf).inspect_err(|_| self.buf.clear())
    }

    /// Everything from `offset` on that is loaded.
    pub(crate) fn rest(&self, offset: u64) -> &[u8] {
        let from = offset.saturating_sub(self.start) as usize;
        self.buf.get(from..).unwrap_or(&[])
    }

    /// The bytes that [`Self::load`] made available.
    pub(crate) fn slice(&self, offset: u64, length: usize) -> &[u8] {
        let from = offset.saturating_sub(self.start) as usize;
        self.buf.get(from..from.saturating_add(length)).unwrap_or(&[])
    }
}
