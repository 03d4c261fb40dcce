//! A nuScenes submission: boxes by sample, in the world.

use std::collections::HashSet;
use std::path::Path;

use guideway_eval::nuscenes::files::each_sample;

use super::found::{Found, Sink, Solid, wrong};
use super::frames::{Frames, Named};
use crate::error::Error;

pub(super) fn read(path: &Path, frames: &Frames, sink: &mut Sink<'_>) -> Result<(), Error> {
    let file = std::fs::File::open(path).map_err(|source| Error::io("read", path, source))?;
    let by_id = frames.by_id();
    let by_name = frames.by(|frame| Some(&*frame.name));
    let mut seen = HashSet::new();
    each_sample(file, &path.display().to_string(), |token, boxes| {
        let frame = match (by_id.get(token), by_name.get(token)) {
            (Some(frame), _) | (None, Some(Named::One(frame))) => Some(*frame),
            (None, Some(Named::Many(frame))) => {
                return Err(wrong(
                    path,
                    format_args!("results.{token}"),
                    format!(
                        "the token is the name of several frames, one of them {}",
                        frames.show(*frame)
                    ),
                    "name frames by their frame_id",
                ));
            }
            (None, None) => None,
        };
        if let Some(frame) = frame
            && !seen.insert(frame)
        {
            return Err(wrong(
                path,
                format_args!("results.{token}"),
                "the boxes of this frame come twice",
                "keep one list for each sample",
            ));
        }
        for (index, found) in boxes.into_iter().enumerate() {
            sink(Found {
                file: path,
                at: &format_args!("results.{token}[{index}]"),
                frame,
                class: &found.class,
                score: found.score,
                bbox: None,
                mask: None,
                solid: Some(Solid {
                    frame: "world",
                    cuboid: found.cuboid.to_array(),
                    velocity: found.velocity,
                    attribute: found.attribute,
                }),
            })?;
        }
        Ok(())
    })
}
