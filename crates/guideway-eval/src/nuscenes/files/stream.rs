//! JSON arrays and objects read from front to back, a few megabytes at a time: tables have gigabytes, and little of them is needed.
//!
//! Only brackets, strings and commas are looked at here; whether a record is valid JSON is the parser's business.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use serde::de::DeserializeOwned;

use crate::error::EvalError;

/// Bytes read at a time.
const BLOCK: usize = 1 << 20;

/// Bytes of records that are parsed together, in parallel.
const BATCH: usize = 4 << 20;

/// And no more records than this: parsed, a record takes far more than the two bytes that it may have in a broken file.
const RECORDS: usize = 1 << 15;

/// What makes the bytes of a member of an object into a value, given its key and where its value begins.
type Parse<'a, T> = &'a (dyn Fn(&str, u64, &[u8]) -> Result<T, EvalError> + Sync);

/// A file of JSON with the place that has been read up to.
pub(super) struct Stream<R> {
    reader: R,
    file: String,
    format: &'static str,
    block: Vec<u8>,
    at: usize,
    end: usize,
    /// Bytes of the file before the block.
    before: u64,
}

/// A record's place.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    /// Array that it is in.
    pub(super) array: &'a str,
    /// Its place in the array, from 0.
    pub(super) index: u64,
    /// Bytes of the file before it.
    pub(super) offset: u64,
    pub(super) file: &'a str,
    pub(super) format: &'static str,
}

impl At<'_> {
    /// The error that this record has this problem.
    pub(super) fn problem(self, problem: &str) -> EvalError {
        EvalError::BadFile {
            what: format!("{}[{}] {problem}", self.array, self.index),
            offset: self.offset,
            file: self.file.to_owned(),
            format: self.format,
        }
    }
}

/// Opens a file.
pub(super) fn open(path: &Path) -> Result<File, EvalError> {
    File::open(path).map_err(|source| EvalError::Io {
        path: path.to_owned(),
        source,
    })
}

impl<R: Read> Stream<R> {
    /// Begins to read; errors speak of `file`, and `format` says in them what it should be.
    pub(super) fn new(reader: R, file: String, format: &'static str) -> Result<Self, EvalError> {
        let mut stream = Self {
            reader,
            file,
            format,
            block: vec![0; BLOCK],
            at: 0,
            end: 0,
            before: 0,
        };
        if stream.peek()? == Some(0xef) {
            for mark in [0xef, 0xbb, 0xbf] {
                stream.expect(mark, "text in UTF-8")?;
            }
        }
        Ok(stream)
    }

    pub(super) fn error(&self, what: &str, offset: u64) -> EvalError {
        EvalError::BadFile {
            what: what.to_owned(),
            offset,
            file: self.file.clone(),
            format: self.format,
        }
    }

    fn offset(&self) -> u64 {
        self.before + self.at as u64
    }

    /// The next byte, which stays.
    fn peek(&mut self) -> Result<Option<u8>, EvalError> {
        if self.at == self.end {
            self.before += self.end as u64;
            (self.at, self.end) = (0, 0);
            self.end = loop {
                match self.reader.read(&mut self.block) {
                    Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
                    done => {
                        break done.map_err(|source| EvalError::Io {
                            path: self.file.clone().into(),
                            source,
                        })?;
                    }
                }
            };
        }
        Ok(self.block[..self.end].get(self.at).copied())
    }

    /// The next byte after white space, which stays.
    pub(super) fn next_token(&mut self) -> Result<Option<u8>, EvalError> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return Ok(other),
            }
        }
    }

    /// Takes the next byte after white space, which must be this one.
    pub(super) fn expect(&mut self, byte: u8, what: &str) -> Result<(), EvalError> {
        let found = self.next_token()?;
        if found == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.unexpected(found, what))
    }

    fn unexpected(&self, found: Option<u8>, what: &str) -> EvalError {
        let ended = if found.is_none() { ", but the file ends" } else { "" };
        self.error(&format!("expected {what}{ended}"), self.offset())
    }

    /// Nothing but white space from here on?
    pub(super) fn finish(&mut self) -> Result<(), EvalError> {
        match self.next_token()? {
            None => Ok(()),
            found => Err(self.unexpected(found, "nothing more after the value")),
        }
    }

    /// Takes the next value and adds its bytes to `out`.
    pub(super) fn value(&mut self, out: &mut Vec<u8>) -> Result<(), EvalError> {
        let first = self.next_token()?;
        let nested = match first {
            None | Some(b',' | b'}' | b']' | b':') => return Err(self.unexpected(first, "a value")),
            Some(byte) => matches!(byte, b'{' | b'[' | b'"'),
        };
        let (mut depth, mut in_string, mut escaped) = (0_u64, false, false);
        loop {
            if self.peek()?.is_none() {
                if nested {
                    return Err(self.unexpected(None, "the end of an object, array or string"));
                }
                return Ok(());
            }
            let rest = &self.block[self.at..self.end];
            let mut taken = 0;
            let mut done = false;
            for byte in rest {
                if in_string {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' => escaped = true,
                        b'"' => {
                            in_string = false;
                            done = depth == 0;
                        }
                        _ => {}
                    }
                } else {
                    match byte {
                        b'"' => in_string = true,
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' if depth > 0 => {
                            depth -= 1;
                            done = depth == 0;
                        }
                        b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' if !nested => {
                            done = true;
                            break;
                        }
                        _ => {}
                    }
                }
                taken += 1;
                if done {
                    break;
                }
            }
            out.extend_from_slice(&rest[..taken]);
            self.at += taken;
            if done {
                return Ok(());
            }
        }
    }

    /// After a value: is there another one in this array or object? Takes the comma or the closing bracket.
    fn more(&mut self, close: u8) -> Result<bool, EvalError> {
        let found = self.next_token()?;
        if found != Some(b',') && found != Some(close) {
            return Err(self.unexpected(found, &format!("`,` or `{}`", char::from(close))));
        }
        self.at += 1;
        Ok(found == Some(b','))
    }

    /// Takes the opening bracket of an array or object; is there anything in it?
    fn enter(&mut self, open: u8, close: u8, what: &str) -> Result<bool, EvalError> {
        self.expect(open, what)?;
        if self.next_token()? == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// Reads an array: parses its records in parallel, and gives them to `f` in order.
    pub(super) fn array<T: DeserializeOwned + Send>(
        &mut self,
        array: &str,
        mut f: impl FnMut(At<'_>, T) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let mut more = self.enter(b'[', b']', &format!("an array: `{array}`"))?;
        let mut index = 0_u64;
        let (mut bytes, mut spans): (Vec<u8>, Vec<(u64, Range<usize>)>) = (Vec::new(), Vec::new());
        while more {
            bytes.clear();
            spans.clear();
            while more && bytes.len() < BATCH && spans.len() < RECORDS {
                self.next_token()?;
                let (offset, start) = (self.offset(), bytes.len());
                self.value(&mut bytes)?;
                spans.push((offset, start..bytes.len()));
                more = self.more(b']')?;
            }
            let parsed: Vec<_> = spans
                .par_iter()
                .map(|(_, span)| parse::<T>(&bytes[span.clone()]))
                .collect();
            for ((offset, _), record) in spans.iter().zip(parsed) {
                let at = At {
                    array,
                    index,
                    offset: *offset,
                    file: &self.file,
                    format: self.format,
                };
                f(at, record.map_err(|source| bad_record(at, source))?)?;
                index += 1;
            }
        }
        Ok(())
    }

    /// Reads an object: `f` takes the value of each key from the stream.
    pub(super) fn object<E: From<EvalError>>(
        &mut self,
        what: &str,
        mut f: impl FnMut(&mut Self, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut more = self.enter(b'{', b'}', what)?;
        while more {
            let key = self.key()?;
            f(self, &key)?;
            more = self.more(b'}')?;
        }
        Ok(())
    }

    /// Reads an object whose values are parsed in parallel, and gives them to `f` in order.
    pub(super) fn members<T: Send, E: From<EvalError>>(
        &mut self,
        what: &str,
        parse: Parse<'_, T>,
        mut f: impl FnMut(&str, u64, T) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut more = self.enter(b'{', b'}', what)?;
        let mut bytes = Vec::new();
        let mut spans: Vec<(String, u64, Range<usize>)> = Vec::new();
        while more {
            bytes.clear();
            spans.clear();
            while more && bytes.len() < BATCH && spans.len() < RECORDS {
                let key = self.key()?;
                self.next_token()?;
                let (offset, start) = (self.offset(), bytes.len());
                self.value(&mut bytes)?;
                spans.push((key, offset, start..bytes.len()));
                more = self.more(b'}')?;
            }
            let parsed: Vec<_> = spans
                .par_iter()
                .map(|(key, offset, span)| parse(key, *offset, &bytes[span.clone()]))
                .collect();
            for ((key, offset, _), value) in spans.iter().zip(parsed) {
                f(key, *offset, value?)?;
            }
        }
        Ok(())
    }

    /// Takes a key and the colon after it.
    fn key(&mut self) -> Result<String, EvalError> {
        let found = self.next_token()?;
        let offset = self.offset();
        if found != Some(b'"') {
            return Err(self.unexpected(found, "a key in quotes"));
        }
        let mut raw = Vec::new();
        self.value(&mut raw)?;
        let key = serde_json::from_slice(&raw).map_err(|source| EvalError::BadRecord {
            record: "a key".to_owned(),
            offset,
            file: self.file.clone(),
            format: self.format,
            source,
        })?;
        self.expect(b':', "`:`")?;
        Ok(key)
    }
}

pub(super) fn bad_record(at: At<'_>, source: serde_json::Error) -> EvalError {
    EvalError::BadRecord {
        record: format!("{}[{}]", at.array, at.index),
        offset: at.offset,
        file: at.file.to_owned(),
        format: at.format,
        source,
    }
}

/// Parses a value. Python writes numbers that are not known as `NaN`, which is not JSON: they are read as null.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes).or_else(|err| {
        if err.is_syntax()
            && let Some(repaired) = without_nan(bytes)
        {
            return serde_json::from_slice(&repaired);
        }
        Err(err)
    })
}

/// The same text with `null` for every `NaN` outside of strings; `None` without any.
fn without_nan(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let (mut in_string, mut escaped, mut found) = (false, false, false);
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        if !in_string && let Some(after) = rest.strip_prefix(b"NaN") {
            out.extend_from_slice(b"null");
            found = true;
            rest = after;
            continue;
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ => {}
        }
        out.push(*byte);
        rest = after;
    }
    found.then_some(out)
}

/// Elements of an array whose bytes are in memory, as spans; `None` where the brackets do not fit.
pub(super) fn elements(bytes: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut spans = Vec::new();
    let (mut depth, mut in_string, mut escaped, mut start) = (0_u64, false, false, None);
    for (at, byte) in bytes.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        let space = matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        if depth == 1 && start.is_none() && !space && *byte != b']' {
            start = Some(at);
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    spans.extend(start.map(|start| start..at));
                    return Some(spans);
                }
            }
            b',' if depth == 1 => {
                spans.push(start.take()?..at);
            }
            _ => {}
        }
    }
    None
}
