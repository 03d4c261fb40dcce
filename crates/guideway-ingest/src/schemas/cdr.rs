//! Reading CDR (OMG, as ROS 2 writes it) and ROS 1 serialization.

use super::DecodeError;

/// How values are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// ROS 2: a four-byte encapsulation header names the byte order; values are aligned to their size, counted from behind
    /// the header; strings count and carry a closing zero.
    Cdr,
    /// ROS 1: little-endian, packed, strings without a closing zero.
    Ros1,
}

/// A cursor over a payload. Every read says which field it is for, so that an error names it.
#[derive(Debug, Clone)]
pub struct Cdr<'a> {
    data: &'a [u8],
    at: usize,
    layout: Layout,
    little_endian: bool,
    max_align: usize,
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $type:ty),+ $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, field: &'static str) -> Result<$type, DecodeError> {
            const SIZE: usize = size_of::<$type>();
            self.align(SIZE);
            let mut bytes = [0u8; SIZE];
            bytes.copy_from_slice(self.take(SIZE, field)?);
            Ok(if self.little_endian { <$type>::from_le_bytes(bytes) } else { <$type>::from_be_bytes(bytes) })
        }
    )+};
}

impl<'a> Cdr<'a> {
    /// Begins to read a payload.
    pub fn new(payload: &'a [u8], layout: Layout) -> Result<Self, DecodeError> {
        let mut cdr = Self {
            data: payload,
            at: 0,
            layout,
            little_endian: true,
            max_align: 8,
        };
        if layout == Layout::Cdr {
            let [0, kind, _, _, rest @ ..] = payload else {
                let what = if payload.len() < 4 {
                    "shorter than the encapsulation header"
                } else {
                    "the encapsulation header does not begin with 0"
                };
                return Err(DecodeError::Encoding {
                    encoding: "CDR",
                    what: what.to_owned(),
                });
            };
            cdr.data = rest;
            (cdr.little_endian, cdr.max_align) = match kind {
                0 => (false, 8),
                1 => (true, 8),
                // XCDR2, plain: nothing is aligned to more than four bytes.
                6 => (false, 4),
                7 => (true, 4),
                other => {
                    return Err(DecodeError::Encoding {
                        encoding: "CDR",
                        what: format!("representation {other:#04x} is not plain CDR"),
                    });
                }
            };
        }
        Ok(cdr)
    }

    /// The layout that is being read.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Are the values little-endian?
    pub fn is_little_endian(&self) -> bool {
        self.little_endian
    }

    /// Bytes not read yet.
    pub fn left(&self) -> usize {
        self.data.len().saturating_sub(self.at)
    }

    fn align(&mut self, size: usize) {
        if self.layout == Layout::Cdr {
            let size = size.min(self.max_align).max(1);
            self.at = self.at.next_multiple_of(size);
        }
    }

    fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let short = DecodeError::Short {
            field,
            at: self.at,
            needed: length,
            left: self.left(),
        };
        let end = self.at.checked_add(length).ok_or_else(|| short.clone())?;
        let bytes = self.data.get(self.at..end).ok_or(short)?;
        self.at = end;
        Ok(bytes)
    }

    numbers! {
        /// One byte.
        u8: u8,
        /// One signed byte.
        i8: i8,
        /// Two bytes.
        u16: u16,
        /// Two signed bytes.
        i16: i16,
        /// Four bytes.
        u32: u32,
        /// Four signed bytes.
        i32: i32,
        /// Eight bytes.
        u64: u64,
        /// Eight signed bytes.
        i64: i64,
        /// A 32-bit float.
        f32: f32,
        /// A 64-bit float.
        f64: f64,
    }

    /// `N` 64-bit floats.
    pub fn f64s<const N: usize>(&mut self, field: &'static str) -> Result<[f64; N], DecodeError> {
        let mut values = [0.0; N];
        for value in &mut values {
            *value = self.f64(field)?;
        }
        Ok(values)
    }

    /// The number of elements of a sequence, of which each takes at least `size` bytes: a count that cannot fit is refused
    /// before anything is allocated.
    pub fn count(&mut self, size: usize, field: &'static str) -> Result<usize, DecodeError> {
        let count = self.u32(field)? as usize;
        let needed = count.saturating_mul(size);
        if needed > self.left() {
            return Err(DecodeError::Short {
                field,
                at: self.at,
                needed,
                left: self.left(),
            });
        }
        Ok(count)
    }

    /// A sequence of 64-bit floats.
    pub fn f64_sequence(&mut self, field: &'static str) -> Result<Vec<f64>, DecodeError> {
        let count = self.count(8, field)?;
        (0..count).map(|_| self.f64(field)).collect()
    }

    /// A sequence of bytes, borrowed.
    pub fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let count = self.count(1, field)?;
        self.take(count, field)
    }

    /// A string.
    pub fn string(&mut self, field: &'static str) -> Result<String, DecodeError> {
        let mut bytes = self.bytes(field)?;
        if self.layout == Layout::Cdr
            && let [text @ .., 0] = bytes
        {
            bytes = text;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(err) => Err(DecodeError::Field {
                field,
                what: format!("not UTF-8 ({err})"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn alignment_counts_from_behind_the_header() {
        let mut bytes = vec![0, 1, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(2.5f64.to_le_bytes());
        let mut cdr = Cdr::new(&bytes, Layout::Cdr).unwrap();
        assert_eq!(cdr.u8("a").unwrap(), 7);
        assert_eq!(cdr.f64("b").unwrap(), 2.5);
        assert_eq!(cdr.left(), 0);
    }

    #[test]
    fn both_byte_orders() {
        let mut big = Cdr::new(&[0, 0, 0, 0, 1, 2], Layout::Cdr).unwrap();
        assert_eq!(big.u16("x").unwrap(), 0x0102);
        let mut little = Cdr::new(&[0, 1, 0, 0, 1, 2], Layout::Cdr).unwrap();
        assert_eq!(little.u16("x").unwrap(), 0x0201);
    }

    #[test]
    fn a_length_beyond_the_payload_names_its_field() {
        let bytes = [0, 1, 0, 0, 255, 255, 255, 255, 0];
        let err = Cdr::new(&bytes, Layout::Cdr).unwrap().string("frame_id").unwrap_err();
        assert_eq!(
            err.to_string(),
            "field `frame_id` needs 4294967295 bytes at byte 4, 1 are left"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for layout in [Layout::Cdr, Layout::Ros1] {
                if let Ok(mut cdr) = Cdr::new(&bytes, layout) {
                    drop((cdr.string("a"), cdr.f64("b"), cdr.bytes("c"), cdr.f64_sequence("d"), cdr.i16("e")));
                }
            }
        }
    }
}
