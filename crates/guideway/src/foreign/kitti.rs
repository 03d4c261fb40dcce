//! KITTI results: a text file for each frame.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use guideway_core::Reporter;
use guideway_eval::kitti::Detection;
use guideway_eval::kitti::files::{read_results, result_files};
use guideway_ingest::{KittiLabel, KittiPlace};

use super::found::{Found, Notes, Sink, Solid, wrong};
use super::frames::{Frame, Frames, Named, stem};
use crate::error::Error;

/// What the names of files mean.
struct Meaning {
    by_stem: HashMap<String, Named>,
    /// Are the numbers those of `dataset export`? Then cuboids are in the camera's own frame.
    exported: bool,
}

pub(super) fn read(
    folder: &Path,
    names: Option<&Path>,
    frames: &Frames,
    sink: &mut Sink<'_>,
    reporter: &dyn Reporter,
) -> Result<(), Error> {
    let files = result_files(folder, reporter)?;
    let meaning = Meaning::of(&files, names, frames)?;
    let places: Vec<KittiPlace> = frames
        .sensors
        .iter()
        .map(|sensor| {
            if meaning.exported {
                KittiPlace::default()
            } else {
                KittiPlace::of_sensor(sensor)
            }
        })
        .collect();
    let mut notes = Notes::default();
    for path in &files {
        let results = read_results(path)?;
        let frame = match meaning.by_stem.get(&results.name).copied() {
            None => None,
            Some(Named::One(frame)) => Some(frame),
            Some(Named::Many(frame)) => {
                return Err(wrong(
                    path,
                    "the name",
                    format!("several frames are called so, one of them {}", frames.show(frame)),
                    "import one recording at a time, or results on `dataset export --to kitti` with its names.csv as --images",
                ));
            }
        };
        let sensor = frame
            .and_then(|frame| frames.get(frame))
            .map(|frame| frame.sensor as usize);
        let place = sensor
            .and_then(|sensor| places.get(sensor))
            .copied()
            .unwrap_or_default();
        for (detection, line) in results.detections.iter().zip(&results.lines) {
            let at = format_args!("line {line}");
            let class = results.classes.get(detection.object.class as usize);
            let class = class.map_or("", String::as_str);
            let solid = solid(detection, class, place).map_err(|problem| {
                wrong(
                    path,
                    at,
                    problem,
                    "write -1 -1 -1 for a size and -1000 -1000 -1000 for a place that is not known",
                )
            })?;
            let bbox = bbox(detection);
            if bbox.is_none() && solid.is_none() {
                let message = || "results with neither a box nor an object in space were left out".to_owned();
                notes.add("empty-result", message, format_args!("{}:{line}", path.display()));
                continue;
            }
            sink(Found {
                file: path,
                at: &at,
                frame,
                class,
                score: detection.score,
                bbox,
                mask: None,
                solid,
            })?;
        }
    }
    notes.send(reporter);
    Ok(())
}

/// The box in the image. Who does not know it writes one number four times.
fn bbox(detection: &Detection) -> Option<[f64; 4]> {
    let bbox = detection.object.bbox;
    let edges = [bbox.x_min, bbox.y_min, bbox.x_max, bbox.y_max];
    edges.iter().any(|edge| *edge != edges[0]).then_some(edges)
}

/// The object in space, where it is known.
fn solid(detection: &Detection, class: &str, place: KittiPlace) -> Result<Option<Solid>, String> {
    let object = &detection.object;
    let [h, w, l] = object.dimensions;
    let unknown = [[-1.0; 3], [-1000.0; 3], [0.0; 3]].contains(&object.dimensions)
        || object.location.iter().any(|value| *value <= -999.0)
        || object.rotation_y <= -9.0;
    if !unknown && object.dimensions.iter().any(|side| *side <= 0.0) {
        return Err(format!("the size {h} {w} {l} is not above 0"));
    }
    let label = KittiLabel {
        frame: None,
        track_id: None,
        class: class.to_owned(),
        truncated: -1.0,
        occluded: -1,
        alpha: object.alpha,
        bbox: object.bbox,
        dimensions_hwl: object.dimensions,
        location: object.location,
        rotation_y: object.rotation_y,
        score: Some(detection.score),
    };
    let Some((frame, values)) = place.cuboid(&label) else {
        return Ok(None);
    };
    let cuboid = values
        .try_into()
        .map_err(|values: Vec<f64>| format!("a cuboid of {} numbers", values.len()))?;
    Ok(Some(Solid {
        frame,
        cuboid,
        velocity: None,
        attribute: None,
    }))
}

impl Meaning {
    fn of(files: &[PathBuf], names: Option<&Path>, frames: &Frames) -> Result<Self, Error> {
        if let Some(names) = names {
            return Self::of_names(names, frames);
        }
        let own = Self::own(frames);
        let native = |frame: &Frame| {
            let recording = frames.recording(frame);
            recording.is_some_and(|row| row.format.starts_with("kitti"))
        };
        if frames.list.iter().all(native) {
            return Ok(own);
        }
        let exported = Self::exported(frames);
        let covers = |meaning: &Self| files.iter().all(|file| meaning.knows(file));
        match (covers(&exported), covers(&own)) {
            (true, true) if files.iter().any(|file| exported.get(file) != own.get(file)) => Err(Error::usage(
                format!(
                    "the names of the results may be numbers of `dataset export {} --to kitti` or names of its frames, and mean different frames",
                    frames.info.name
                ),
                "say which with --images: the names.csv of the export, or a file like it, `number,name` and a line for each result".to_owned(),
            )),
            (true, _) => Ok(exported),
            // Files of frames that the dataset has not are counted later.
            (false, _) if files.iter().any(|file| own.knows(file)) => Ok(own),
            _ => {
                let unknown = files.iter().find(|file| !exported.knows(file));
                let name = unknown.map_or_else(String::new, |file| file.display().to_string());
                Err(Error::usage(
                    format!(
                        "the name of {name} is neither a number of `dataset export {} --to kitti` nor that of one of its frames",
                        frames.info.name
                    ),
                    "name each file after its frame; results on another export need its names.csv: --images names.csv"
                        .to_owned(),
                ))
            }
        }
    }

    fn get(&self, file: &Path) -> Option<Named> {
        let stem = file.file_stem()?.to_str()?;
        self.by_stem.get(stem).copied()
    }

    fn knows(&self, file: &Path) -> bool {
        self.get(file).is_some()
    }

    /// Files are named after frames: KITTI's own are labelled in the left colour image alone.
    fn own(frames: &Frames) -> Self {
        let is_left = |frame: &Frame| {
            let sensor = frames.sensor(frame);
            sensor.is_none_or(|row| row.modality != "lidar" && !["image_3", "image_03"].contains(&row.name.as_str()))
        };
        Self {
            by_stem: frames.by(|frame| is_left(frame).then(|| stem(&frame.name).to_owned())),
            exported: false,
        }
    }

    /// Files are numbered as `dataset export --to kitti` does.
    fn exported(frames: &Frames) -> Self {
        let numbered = frames.numbered().into_iter().enumerate();
        Self {
            by_stem: numbered
                .map(|(number, frame)| (format!("{number:06}"), Named::One(frame)))
                .collect(),
            exported: true,
        }
    }

    /// Files are named as a file says: `number,name` and a line for each.
    fn of_names(file: &Path, frames: &Frames) -> Result<Self, Error> {
        let text = std::fs::read_to_string(file).map_err(|source| Error::io("read", file, source))?;
        let names = frames.by(|frame| Some(&*frame.name));
        let mut by_stem = HashMap::new();
        for (line, text) in (1..).zip(text.lines()) {
            let at = format_args!("line {line}");
            let Some((number, name)) = text.split_once(',') else {
                return Err(wrong(
                    file,
                    at,
                    "expected `number,name`",
                    "give the names.csv that `dataset export --to kitti` wrote",
                ));
            };
            if line == 1 && (number, name) == ("number", "name") {
                continue;
            }
            let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
            let name = quoted.map_or_else(|| name.to_owned(), |name| name.replace("\"\"", "\""));
            match names.get(name.as_str()).copied() {
                Some(named @ Named::One(_)) => drop(by_stem.insert(number.to_owned(), named)),
                // Another dataset's frame.
                None => {}
                Some(Named::Many(frame)) => {
                    return Err(wrong(
                        file,
                        at,
                        format!(
                            "`{name}` is the name of several frames, one of them {}",
                            frames.show(frame)
                        ),
                        "leave --images out: results on the export of this very dataset are found by their numbers",
                    ));
                }
            }
        }
        Ok(Self {
            by_stem,
            exported: true,
        })
    }
}
