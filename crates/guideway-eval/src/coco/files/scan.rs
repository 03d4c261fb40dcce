//! Finds where the records of a JSON file begin and end, so that they can be parsed in parallel.
//!
//! Only brackets, strings and commas are looked at here; whether a record is valid JSON is the parser's business.

use std::ops::Range;

use rayon::prelude::*;
use serde::de::DeserializeOwned;

use super::Input;
use crate::error::EvalError;

/// The raw key and the place of the value of a member of an object.
pub(super) type Member<'a> = (&'a [u8], Range<usize>);

/// A file with a position for messages.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    input: Input<'a>,
    bytes: &'a [u8],
}

impl<'a> Scanner<'a> {
    pub(super) fn new(input: Input<'a>) -> Self {
        Self {
            input,
            bytes: input.bytes,
        }
    }

    /// Where the value of the file begins, after a byte order mark and white space.
    pub(super) fn start(self) -> usize {
        let mark = if self.bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        self.skip_space(mark)
    }

    pub(super) fn byte(self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(super) fn error(self, what: &str, offset: usize) -> EvalError {
        let ended = if offset >= self.bytes.len() {
            ", but the file ends"
        } else {
            ""
        };
        EvalError::Format {
            what: format!("{what}{ended}"),
            offset,
            file: self.input.name.to_owned(),
        }
    }

    /// Nothing but white space from here on?
    pub(super) fn finish(self, at: usize) -> Result<(), EvalError> {
        let at = self.skip_space(at);
        if at < self.bytes.len() {
            return Err(self.error("expected nothing more after the value", at));
        }
        Ok(())
    }

    /// Elements of the array that begins at `at`, and where it ends.
    pub(super) fn elements(self, at: usize) -> Result<(Vec<Range<usize>>, usize), EvalError> {
        if self.byte(at) != Some(b'[') {
            return Err(self.error("expected an array", at));
        }
        let mut spans = Vec::new();
        let mut i = self.skip_space(at + 1);
        if self.byte(i) == Some(b']') {
            return Ok((spans, i + 1));
        }
        loop {
            let end = self.skip_value(i)?;
            spans.push(i..end);
            i = self.skip_space(end);
            match self.byte(i) {
                Some(b',') => i = self.skip_space(i + 1),
                Some(b']') => return Ok((spans, i + 1)),
                _ => return Err(self.error("expected `,` or `]`", i)),
            }
        }
    }

    /// Keys and values of the object that begins at `at`, and where it ends. Keys are raw: without quotes, escapes left in.
    pub(super) fn members(self, at: usize) -> Result<(Vec<Member<'a>>, usize), EvalError> {
        if self.byte(at) != Some(b'{') {
            return Err(self.error("expected an object", at));
        }
        let mut members = Vec::new();
        let mut i = self.skip_space(at + 1);
        if self.byte(i) == Some(b'}') {
            return Ok((members, i + 1));
        }
        loop {
            if self.byte(i) != Some(b'"') {
                return Err(self.error("expected a key in quotes", i));
            }
            let key_end = self.skip_string(i)?;
            let key = &self.bytes[i + 1..key_end - 1];
            i = self.skip_space(key_end);
            if self.byte(i) != Some(b':') {
                return Err(self.error("expected `:`", i));
            }
            i = self.skip_space(i + 1);
            let end = self.skip_value(i)?;
            members.push((key, i..end));
            i = self.skip_space(end);
            match self.byte(i) {
                Some(b',') => i = self.skip_space(i + 1),
                Some(b'}') => return Ok((members, i + 1)),
                _ => return Err(self.error("expected `,` or `}`", i)),
            }
        }
    }

    /// Parses each span, in parallel; the error is that of the first bad one.
    pub(super) fn parse<T: DeserializeOwned + Send>(
        self,
        array: &str,
        spans: &[Range<usize>],
    ) -> Result<Vec<T>, EvalError> {
        const RUN: usize = 1024;
        let runs: Vec<Result<Vec<T>, EvalError>> = spans
            .par_chunks(RUN)
            .enumerate()
            .map(|(run, spans)| {
                spans
                    .iter()
                    .enumerate()
                    .map(|(i, span)| self.record(array, run * RUN + i, span))
                    .collect()
            })
            .collect();
        let mut records = Vec::with_capacity(spans.len());
        for run in runs {
            records.append(&mut run?);
        }
        Ok(records)
    }

    /// Parses one span.
    pub(super) fn record<T: DeserializeOwned>(
        self,
        array: &str,
        index: usize,
        span: &Range<usize>,
    ) -> Result<T, EvalError> {
        serde_json::from_slice(&self.bytes[span.clone()]).map_err(|source| EvalError::Record {
            array: array.to_owned(),
            index,
            offset: span.start,
            file: self.input.name.to_owned(),
            source,
        })
    }

    fn skip_space(self, mut at: usize) -> usize {
        while matches!(self.byte(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            at += 1;
        }
        at
    }

    /// The position after the string that begins at `at`.
    fn skip_string(self, at: usize) -> Result<usize, EvalError> {
        let mut i = at + 1;
        loop {
            match self.byte(i) {
                Some(b'"') => return Ok(i + 1),
                Some(b'\\') => i += 2,
                Some(_) => i += 1,
                None => return Err(self.error("expected the end of a string", self.bytes.len())),
            }
        }
    }

    /// The position after the value that begins at `at`.
    fn skip_value(self, at: usize) -> Result<usize, EvalError> {
        match self.byte(at) {
            Some(b'"') => self.skip_string(at),
            Some(b'{' | b'[') => {
                let mut depth = 0_usize;
                let mut i = at;
                loop {
                    match self.byte(i) {
                        Some(b'{' | b'[') => {
                            depth += 1;
                            i += 1;
                        }
                        Some(b'}' | b']') => {
                            depth -= 1;
                            i += 1;
                            if depth == 0 {
                                return Ok(i);
                            }
                        }
                        Some(b'"') => i = self.skip_string(i)?,
                        Some(_) => i += 1,
                        None => return Err(self.error("expected the end of an object or array", self.bytes.len())),
                    }
                }
            }
            Some(b',' | b'}' | b']' | b':') | None => Err(self.error("expected a value", at)),
            Some(_) => {
                let mut i = at + 1;
                while !matches!(
                    self.byte(i),
                    None | Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t')
                ) {
                    i += 1;
                }
                Ok(i)
            }
        }
    }
}
