//! Our own: one JSON object a line.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use guideway_core::{Cuboid, Reporter};
use serde::Deserialize;
use serde_json::Value;

use super::found::{Found, Notes, Sink, Solid, wrong};
use super::frames::{Frames, Named};
use crate::error::Error;

/// No line of a result is longer, bytes.
const LONGEST_LINE: u64 = 1 << 20;

const FIELDS: &str = "a line is an object with `frame_id` (or `name`, or `recording`, `sensor` and `timestamp_ns`), `class`, `score`, and `bbox`, \
    `cuboid` or both; `guideway predict --help` lists every field";

#[derive(Deserialize)]
struct Line {
    frame_id: Option<String>,
    name: Option<String>,
    recording: Option<String>,
    sensor: Option<String>,
    timestamp_ns: Option<i64>,
    class: String,
    score: f64,
    bbox: Option<[f64; 4]>,
    cuboid: Option<[f64; 10]>,
    cuboid_frame: Option<String>,
    velocity: Option<[f64; 2]>,
    attribute: Option<String>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// The ways to name a frame.
struct Names<'f> {
    frames: &'f Frames,
    by_id: HashMap<&'f str, u32>,
    by_name: HashMap<&'f str, Named>,
    by_name_in: HashMap<(u32, &'f str), Named>,
    /// By recording, sensor and stamp.
    by_stamp: HashMap<(u32, u32, i64), Named>,
    recordings: BTreeMap<&'f str, Vec<u32>>,
    sensors: BTreeMap<&'f str, Vec<u32>>,
}

impl<'f> Names<'f> {
    fn new(frames: &'f Frames) -> Self {
        let mut sensors: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (row, place) in frames.sensors.iter().zip(0..) {
            sensors.entry(&row.name).or_default().push(place);
            if row.name != row.sensor_id {
                sensors.entry(&row.sensor_id).or_default().push(place);
            }
        }
        Self {
            frames,
            by_id: frames.by_id(),
            by_name: frames.by(|frame| Some(&*frame.name)),
            by_name_in: frames.by(|frame| Some((frame.recording, &*frame.name))),
            by_stamp: frames.by(|frame| Some((frame.recording, frame.sensor, frame.stamp_ns?))),
            recordings: frames.recordings_by_name(),
            sensors,
        }
    }

    /// The frame of a line; the error says what is wrong with its name.
    fn find(&self, line: &Line) -> Result<Option<u32>, String> {
        if let Some(id) = &line.frame_id {
            return Ok(self.by_id.get(id.as_str()).copied());
        }
        let recordings = |name: &str| self.recordings.get(name).map_or(&[][..], Vec::as_slice);
        let found: Vec<Named> = match (&line.name, &line.recording, &line.sensor, line.timestamp_ns) {
            (Some(name), None, _, _) => self.by_name.get(name.as_str()).copied().into_iter().collect(),
            (Some(name), Some(recording), _, _) => recordings(recording)
                .iter()
                .filter_map(|recording| self.by_name_in.get(&(*recording, name.as_str())).copied())
                .collect(),
            (None, Some(recording), Some(sensor), Some(stamp)) => {
                let sensors = self.sensors.get(sensor.as_str()).map_or(&[][..], Vec::as_slice);
                recordings(recording)
                    .iter()
                    .flat_map(|recording| sensors.iter().map(move |sensor| (*recording, *sensor, stamp)))
                    .filter_map(|key| self.by_stamp.get(&key).copied())
                    .collect()
            }
            _ => {
                return Err(
                    "the frame is not named: there is neither `frame_id` nor `name`, nor all of `recording`, `sensor` and `timestamp_ns`"
                        .to_owned(),
                );
            }
        };
        match found.as_slice() {
            [] => Ok(None),
            [Named::One(frame)] => Ok(Some(*frame)),
            [Named::One(frame) | Named::Many(frame), ..] => Err(format!(
                "several frames are called so, one of them {}",
                self.frames.show(*frame)
            )),
        }
    }
}

pub(super) fn read(path: &Path, frames: &Frames, sink: &mut Sink<'_>, reporter: &dyn Reporter) -> Result<(), Error> {
    let failed = |source| Error::io("read", path, source);
    let names = Names::new(frames);
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let mut notes = Notes::default();
    let mut bytes = Vec::new();
    for number in 1_u64.. {
        bytes.clear();
        let read = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut bytes);
        let read = read.map_err(failed)?;
        if read == 0 {
            break;
        }
        let at = format_args!("line {number}");
        if read as u64 == LONGEST_LINE {
            return Err(wrong(
                path,
                at,
                format!("a line of {LONGEST_LINE} bytes or more"),
                FIELDS,
            ));
        }
        let text = if number == 1 {
            bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)
        } else {
            &bytes
        };
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let line: Line = serde_json::from_slice(text).map_err(|err| {
            let hint = if err.is_eof() {
                "the line ends too early; was the file cut off in a copy?"
            } else if err.is_syntax() {
                "the line is not valid JSON; `NaN` and `Infinity` are not numbers in JSON"
            } else {
                FIELDS
            };
            wrong(path, at, format!("no result: {}", without_line(&err)), hint)
        })?;
        for key in line.others.keys() {
            let message = || format!("fields that mean nothing here were passed over, the first is `{key}`");
            notes.add("unknown-field", message, format_args!("{}:{number}", path.display()));
        }
        let frame = names
            .find(&line)
            .map_err(|problem| wrong(path, at, problem, "name it by `frame_id`, which is unique"))?;
        let solid = solid(&line).map_err(|problem| {
            wrong(
                path,
                at,
                problem,
                "a cuboid is x y z, length width height (m) and a rotation qw qx qy qz, in the frame `ego`, `sensor` or `world`",
            )
        })?;
        if line.bbox.is_none() && solid.is_none() {
            return Err(wrong(path, at, "there is neither `bbox` nor `cuboid`", FIELDS));
        }
        sink(Found {
            file: path,
            at: &at,
            frame,
            class: &line.class,
            score: line.score,
            bbox: line.bbox,
            mask: None,
            solid,
        })?;
    }
    notes.send(reporter);
    Ok(())
}

/// The object in space of a line, if it has one.
fn solid(line: &Line) -> Result<Option<Solid>, String> {
    let Some(numbers) = &line.cuboid else {
        let given = [
            ("cuboid_frame", line.cuboid_frame.is_some()),
            ("velocity", line.velocity.is_some()),
            ("attribute", line.attribute.is_some()),
        ];
        return match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(format!("there is `{name}` without `cuboid`")),
            None => Ok(None),
        };
    };
    let frame = match line.cuboid_frame.as_deref() {
        None | Some("ego") => "ego",
        Some("sensor") => "sensor",
        Some("world") => "world",
        Some(other) => return Err(format!("the cuboid_frame `{other}` is unknown")),
    };
    let cuboid = Cuboid::from_slice(numbers).map_err(|err| format!("the cuboid cannot be: {err}"))?;
    Ok(Some(Solid {
        frame,
        cuboid: cuboid.to_array(),
        velocity: line.velocity,
        attribute: line.attribute.clone(),
    }))
}

/// What serde says, without "at line 1": the line is another one.
fn without_line(err: &serde_json::Error) -> String {
    let text = err.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) if err.column() > 0 => format!("{what}, at column {}", err.column()),
        _ => text,
    }
}
