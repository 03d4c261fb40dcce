//! Scalabel's JSON.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::coco::files::Input;
use crate::error::EvalError;

/// A box with its last pixel inside, px.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Box2d {
    /// Left.
    pub x1: f64,
    /// Top.
    pub y1: f64,
    /// Right, inside.
    pub x2: f64,
    /// Bottom, inside.
    pub y2: f64,
}

impl Box2d {
    /// Left, top, width, height.
    pub fn xywh(self) -> [f64; 4] {
        [self.x1, self.y1, self.x2 - self.x1 + 1.0, self.y2 - self.y1 + 1.0]
    }
}

/// A label or a prediction.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct ScalabelLabel {
    /// Track, or any id.
    #[serde(deserialize_with = "text")]
    pub id: String,
    /// Category.
    #[serde(default)]
    pub category: Option<String>,
    /// Box.
    #[serde(default)]
    pub box2d: Option<Box2d>,
    /// Score of a prediction.
    #[serde(default)]
    pub score: Option<f64>,
    /// Attributes; `crowd` and `ignored` count here.
    #[serde(default)]
    pub attributes: Option<BTreeMap<String, Value>>,
}

impl ScalabelLabel {
    /// Is it a crowd, or to be ignored?
    pub fn is_ignored(&self) -> bool {
        let attributes = self.attributes.as_ref();
        ["crowd", "ignored"]
            .iter()
            .filter_map(|name| attributes?.get(*name))
            .any(is_true)
    }
}

/// What Python takes for true.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(values) => !values.is_empty(),
    }
}

/// A frame.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalabelFrame {
    /// Name of the image.
    #[serde(deserialize_with = "text")]
    pub name: String,
    /// Video.
    #[serde(default)]
    pub video_name: Option<String>,
    /// Place in the video.
    #[serde(default)]
    pub frame_index: Option<i64>,
    /// Labels.
    #[serde(default)]
    pub labels: Option<Vec<ScalabelLabel>>,
}

impl ScalabelFrame {
    /// The labels, none if there is no list of them.
    pub fn labels(&self) -> &[ScalabelLabel] {
        self.labels.as_deref().unwrap_or_default()
    }
}

/// A text, or a number as one.
fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format!(
            "expected a text or a number, got {other}"
        ))),
    }
}

#[derive(serde::Deserialize)]
struct Dataset {
    frames: Vec<ScalabelFrame>,
    #[serde(default, rename = "groups")]
    _groups: IgnoredAny,
}

/// The frames of a file: a list, or an object with `frames`.
pub fn read_frames(input: Input<'_>) -> Result<Vec<ScalabelFrame>, EvalError> {
    let first = input.bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let parsed = if first == Some(&b'{') {
        serde_json::from_slice::<Dataset>(input.bytes).map(|dataset| dataset.frames)
    } else {
        serde_json::from_slice(input.bytes)
    };
    parsed.map_err(|source| EvalError::Line {
        file: input.name.to_owned(),
        line: source.line(),
        column: source.column(),
        problem: format!("these are no Scalabel frames: {source}"),
        next: "the file is a JSON list of frames, or an object with `frames`; see https://doc.scalabel.ai/format.html",
    })
}
