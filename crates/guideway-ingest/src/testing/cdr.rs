//! Writing CDR, for payloads of tests.

/// Writes little-endian plain CDR, behind the encapsulation header.
#[derive(Debug, Clone)]
pub struct CdrWriter {
    bytes: Vec<u8>,
}

impl Default for CdrWriter {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $type:ty),+ $(,)?) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, value: $type) -> Self {
            self.align(size_of::<$type>());
            self.bytes.extend(value.to_le_bytes());
            self
        }
    )+};
}

impl CdrWriter {
    /// An empty payload.
    pub fn new() -> Self {
        Self {
            bytes: vec![0, 1, 0, 0],
        }
    }

    fn align(&mut self, size: usize) {
        while !(self.bytes.len() - 4).is_multiple_of(size) {
            self.bytes.push(0);
        }
    }

    numbers! {
        /// One byte.
        u8: u8,
        /// Two bytes.
        u16: u16,
        /// Four bytes.
        u32: u32,
        /// Four signed bytes.
        i32: i32,
        /// A 64-bit float.
        f64: f64,
    }

    /// 64-bit floats, without a count.
    #[must_use]
    pub fn f64s(self, values: &[f64]) -> Self {
        values.iter().fold(self, |writer, value| writer.f64(*value))
    }

    /// A string with its count and closing zero.
    #[must_use]
    pub fn string(self, text: &str) -> Self {
        let mut writer = self.u32(text.len() as u32 + 1);
        writer.bytes.extend(text.as_bytes());
        writer.bytes.push(0);
        writer
    }

    /// Bytes with their count.
    #[must_use]
    pub fn blob(self, bytes: &[u8]) -> Self {
        let mut writer = self.u32(bytes.len() as u32);
        writer.bytes.extend(bytes);
        writer
    }

    /// A `std_msgs/Header`.
    #[must_use]
    pub fn header(self, seconds: i32, nanos: u32, frame_id: &str) -> Self {
        self.i32(seconds).u32(nanos).string(frame_id)
    }

    /// The payload.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}
