//! Ids derived from content and origin, so that doing the same thing twice changes nothing.
//!
//! An id is the first 128 bits of a BLAKE3 hash over length-prefixed parts, written as 32 hexadecimal digits. The parts
//! begin with the kind of thing, so that a frame and a label made of the same parts still differ.

use std::fmt;

/// Collects the parts of an id.
///
/// ```
/// use guideway_core::{FrameId, IdBuilder};
/// let a: FrameId = IdBuilder::new("frame").text("recording-1").text("/camera").int(7).finish();
/// let b: FrameId = IdBuilder::new("frame").text("recording-1").text("/camera").int(7).finish();
/// assert_eq!(a, b);
/// assert_eq!(a.as_str().len(), 32);
/// ```
#[derive(Debug, Clone)]
pub struct IdBuilder(blake3::Hasher);

impl IdBuilder {
    /// Starts an id of this kind (`"frame"`, `"label"`, …).
    pub fn new(kind: &str) -> Self {
        Self(blake3::Hasher::new()).text(kind)
    }

    /// Adds a text part.
    #[must_use]
    pub fn text(self, part: &str) -> Self {
        self.bytes(part.as_bytes())
    }

    /// Adds an integer part.
    #[must_use]
    pub fn int(self, part: i64) -> Self {
        self.bytes(&part.to_le_bytes())
    }

    /// Adds a part of raw bytes. The length goes in first: `("ab", "c")` and `("a", "bc")` differ.
    #[must_use]
    pub fn bytes(mut self, part: &[u8]) -> Self {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// The id.
    pub fn finish<I: From<String>>(self) -> I {
        let mut hex = self.0.finalize().to_hex().to_string();
        hex.truncate(32);
        I::from(hex)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The 32 hexadecimal digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The digits as an owned string, for a table row.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl From<String> for $name {
            fn from(hex: String) -> Self {
                Self(hex)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    )+};
}

ids! {
    /// One log, drive or collection of images.
    RecordingId,
    /// One sensor of one recording.
    SensorId,
    /// One camera image or lidar sweep.
    FrameId,
    /// One labelled object in one frame.
    LabelId,
    /// One predicted object in one frame.
    PredictionId,
    /// One event: a miss, a false positive, ….
    EventId,
    /// One frozen dataset version.
    DatasetId,
    /// One trained model.
    ModelId,
    /// One run of a command that computes: a training, a prediction, an evaluation.
    RunId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let a: FrameId = IdBuilder::new("frame").text("ab").text("c").finish();
        let b: FrameId = IdBuilder::new("frame").text("a").text("bc").finish();
        assert_ne!(a, b);
    }

    #[test]
    fn kinds_differ() {
        let frame: String = IdBuilder::new("frame").text("x").finish();
        let label: String = IdBuilder::new("label").text("x").finish();
        assert_ne!(frame, label);
    }
}
