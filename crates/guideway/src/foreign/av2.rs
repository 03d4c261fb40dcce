//! Argoverse 2 detections: boxes by log and time, in the frame of the ego vehicle.

use std::collections::HashMap;
use std::path::Path;

use guideway_eval::EvalError;
use guideway_eval::av2::files::detections_from;
use guideway_eval::coco::files::Input;

use super::found::{Found, Sink, Solid, wrong};
use super::frames::{Frame, Frames, Named};
use crate::error::Error;

pub(super) fn read(path: &Path, frames: &Frames, sink: &mut Sink<'_>) -> Result<(), Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
    let file = path.display().to_string();
    let input = Input {
        name: &file,
        bytes: &bytes,
    };
    let found = detections_from(input).map_err(|err| match err {
        EvalError::Object3d { row, problem, .. } => wrong(
            path,
            format_args!("row {row}"),
            format!("the detection {problem}"),
            "drop or repair the row; a size is length, width and height in metres, a rotation a unit quaternion",
        ),
        err => err.into(),
    })?;
    // A sweep is what the boxes are of; only a dataset without sweeps has them at its pictures.
    let is_lidar = |frame: &Frame| frames.sensor(frame).is_some_and(|sensor| sensor.modality == "lidar");
    let any_lidar = frames.list.iter().any(is_lidar);
    let by_stamp: HashMap<(u32, i64), Named> = frames.by(|frame| {
        let stamp = frame.stamp_ns.filter(|_| !any_lidar || is_lidar(frame))?;
        Some((frame.recording, stamp))
    });
    let names = frames.recordings_by_name();
    let recordings: Vec<&[u32]> = found
        .logs
        .iter()
        .map(|log| names.get(log.as_str()).map_or(&[][..], Vec::as_slice))
        .collect();
    let columns = found.log.iter().zip(&found.time).zip(&found.category);
    for (row, (((log, time), category), (cuboid, score))) in
        columns.zip(found.cuboid.iter().zip(&found.score)).enumerate()
    {
        let at = format_args!("row {row}");
        let log = *log as usize;
        let mut frame = None;
        for recording in recordings.get(log).copied().unwrap_or_default() {
            let named = by_stamp.get(&(*recording, *time)).copied();
            frame = match (frame, named) {
                (before, None) => before,
                (None, Some(Named::One(place))) => Some(place),
                (_, Some(Named::One(place) | Named::Many(place))) => {
                    let log = found.logs.get(log).map_or("?", String::as_str);
                    return Err(wrong(
                        path,
                        at,
                        format!(
                            "{time} ns of log {log} is the time of several frames, one of them {}",
                            frames.show(place)
                        ),
                        "freeze a dataset of the lidar's frames or of one camera's, or name logs by recording ids",
                    ));
                }
            };
        }
        sink(Found {
            file: path,
            at: &at,
            frame,
            class: found.categories.get(*category as usize).map_or("", String::as_str),
            score: *score,
            bbox: None,
            mask: None,
            solid: Some(Solid {
                frame: "ego",
                cuboid: cuboid.to_array(),
                velocity: None,
                attribute: None,
            }),
        })?;
    }
    Ok(())
}
