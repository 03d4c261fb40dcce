//! Schemas of guideway's own worlds: JSON.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{ChannelKind, DecodeError, Decoded, FrameAttributes};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// What is true of a whole image.
    FrameTruth,
}

#[derive(Deserialize)]
struct Stamp {
    sec: i64,
    nsec: i64,
}

#[derive(Deserialize)]
struct FrameTruth {
    timestamp: Option<Stamp>,
    #[serde(default)]
    scene: Map<String, Value>,
}

impl Schema {
    pub(super) fn named(name: &str) -> Option<Self> {
        (name == "guideway.FrameTruth").then_some(Self::FrameTruth)
    }

    pub(super) fn kind(self) -> ChannelKind {
        match self {
            Self::FrameTruth => ChannelKind::Annotation,
        }
    }
}

pub(super) fn decode(schema: Schema, payload: &[u8]) -> Result<Decoded<'static>, DecodeError> {
    match schema {
        Schema::FrameTruth => {
            let message: FrameTruth = serde_json::from_slice(payload).map_err(|err| DecodeError::Encoding {
                encoding: "JSON",
                what: err.to_string(),
            })?;
            let stamp = message
                .timestamp
                .and_then(|at| at.sec.checked_mul(1_000_000_000)?.checked_add(at.nsec));
            Ok(Decoded::Attributes(FrameAttributes {
                stamp,
                attributes: message.scene,
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_scene_of_an_image_is_read() {
        let payload =
            json!({ "timestamp": { "sec": 3, "nsec": 5 }, "scene": { "weather": "rain", "vehicles": 3 }, "lanes": [] });
        let Ok(Decoded::Attributes(told)) = decode(Schema::FrameTruth, payload.to_string().as_bytes()) else {
            panic!("not read");
        };
        assert_eq!(told.stamp, Some(3_000_000_005));
        assert_eq!(told.attributes["weather"], "rain");
        assert!(decode(Schema::FrameTruth, b"{\"scene\": 3}").is_err());
        let far = json!({ "timestamp": { "sec": i64::MAX, "nsec": 5 } });
        assert!(matches!(
            decode(Schema::FrameTruth, far.to_string().as_bytes()),
            Ok(Decoded::Attributes(FrameAttributes { stamp: None, .. }))
        ));
    }
}
