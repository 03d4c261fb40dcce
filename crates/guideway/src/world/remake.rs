//! A picture of a world again, from what it records of itself.

use std::path::Path;

use guideway_core::{Reporter, Warning};
use guideway_schema::FrameRow;
use guideway_store::NodeKind;
use guideway_world::picture::FrameOrigin;
use serde_json::Value;

use crate::error::Error;
use crate::workspace::{Workspace, quote};

/// A picture made again.
#[derive(Debug, Clone)]
pub struct Remade {
    /// The JPEG file, the same bytes as the first time.
    pub jpeg: Vec<u8>,
    /// The version of guideway that made the picture; the bytes are only promised by the same one.
    pub version: String,
    /// Width and height, px.
    pub size: [u32; 2],
    /// Labelled objects.
    pub objects: usize,
}

/// Makes a picture again from its origin: the JSON of a [`FrameOrigin`], or something that holds one, such as a frame's attributes or
/// what `log cat` prints of `/ground_truth/CAMERA/scene` (of several messages, the first). A relative `road.opendrive` is looked for
/// from the current folder. An origin of another version is warned of.
pub fn world_remake(origin: &str, place: &str, reporter: &dyn Reporter) -> Result<Remade, Error> {
    let read = || {
        let mut at: Value = serde_json::from_str(origin)?;
        loop {
            at = match at {
                Value::Array(messages) => messages.into_iter().next().unwrap_or_default(),
                Value::Object(mut fields) => match (fields.remove("origin"), fields.remove("data")) {
                    (Some(origin), _) => origin,
                    (None, Some(Value::String(message))) => serde_json::from_str(&message)?,
                    _ => return serde_json::from_value::<FrameOrigin>(Value::Object(fields)),
                },
                other => return serde_json::from_value(other),
            };
        }
    };
    let origin = read().map_err(|err| no_origin(place, &err.to_string()))?;
    let here = env!("CARGO_PKG_VERSION");
    if origin.version != here {
        reporter.warn(Warning {
            code: "other-version".to_owned(),
            message: format!(
                "made with guideway {}, made again with {here}: the bytes may differ",
                origin.version
            ),
            location: place.to_owned(),
            count: 1,
        });
    }
    let reading = origin.remake(Path::new(""))?;
    Ok(Remade {
        size: [reading.frame.width, reading.frame.height],
        objects: reading.labels.objects.len(),
        jpeg: reading.jpeg,
        version: origin.version,
    })
}

impl Workspace {
    /// What a frame of a made dataset records of itself, as JSON for [`world_remake`]. `frame` is an id or its first digits.
    pub fn world_origin(&self, frame: &str) -> Result<String, Error> {
        let node = self.block_on(self.store().resolve(frame))?;
        let rows: Vec<FrameRow> = match node.kind {
            NodeKind::Frame => self.rows(&format!("SELECT * FROM frames WHERE frame_id = {}", quote(&node.id)))?,
            _ => Vec::new(),
        };
        let attributes = rows.into_iter().next().and_then(|row| row.attributes);
        attributes.ok_or_else(|| no_origin(frame, "it is not a frame of a world"))
    }
}

fn no_origin(place: &str, problem: &str) -> Error {
    Error::usage(
        format!("{place} holds no origin of a picture: {problem}"),
        "give the id of a frame that `guideway world frames` made, or what `guideway log cat RECORDING /ground_truth/CAMERA/scene \
         --output-format json` prints"
            .to_owned(),
    )
}
