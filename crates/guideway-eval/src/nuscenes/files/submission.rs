//! A submission: boxes by frame.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use guideway_core::{Cuboid, Reporter, Se3};

use super::stream::{At, Stream, bad_record, elements, open, parse};
use super::tables::NuScenesTruth;
use crate::error::EvalError;
use crate::nuscenes::params::NuScenesParams;
use crate::objects3d::{Detections3d, box_problem};
use crate::warnings::Warnings;

const FORMAT: &str = "a submission is an object with `meta` and `results`, which has a list of boxes for every sample token; \
    see https://www.nuscenes.org/object-detection";

/// A submission as columns, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Detections of the classes of the parameters.
    pub detections: Detections3d,
    /// Boxes that say of themselves that they have 0 points (`num_pts`), which are filtered like labels; `None` where no box does.
    pub empty: Option<Vec<bool>>,
    /// Boxes in the file, those of classes that are not evaluated included.
    pub boxes: u64,
}

#[derive(serde::Deserialize)]
struct BoxRecord {
    sample_token: String,
    translation: [f64; 3],
    size: [f64; 3],
    rotation: [f64; 4],
    velocity: [Option<f64>; 2],
    detection_name: String,
    #[serde(default = "no_score")]
    detection_score: f64,
    attribute_name: String,
    #[serde(default = "no_points")]
    num_pts: f64,
}

fn no_score() -> f64 {
    -1.0
}

fn no_points() -> f64 {
    -1.0
}

/// Reads a submission for these labels.
///
/// # Errors
/// [`EvalError::Io`], [`EvalError::BadFile`] and [`EvalError::BadRecord`] with file, sample, place and byte for what the format or the devkit
/// refuses; [`EvalError::Inconsistent`] when its frames are not those of the labels.
pub fn read_submission(
    path: &Path,
    truth: &NuScenesTruth,
    params: &NuScenesParams,
    reporter: &dyn Reporter,
) -> Result<Submission, EvalError> {
    submission_from(open(path)?, &path.display().to_string(), truth, params, reporter)
}

/// Reads a submission like [`read_submission`], from anywhere; errors and warnings speak of it as `name`.
///
/// # Errors
/// Those of [`read_submission`].
pub fn submission_from(
    reader: impl Read,
    name: &str,
    truth: &NuScenesTruth,
    params: &NuScenesParams,
    reporter: &dyn Reporter,
) -> Result<Submission, EvalError> {
    params.validate()?;
    let frames: HashMap<&str, u32> = truth.sample_tokens.iter().map(String::as_str).zip(0..).collect();
    let file = name.to_owned();
    let mut stream = Stream::new(reader, file.clone(), FORMAT)?;
    let mut warnings = Warnings::new(&file);
    let mut read = Reading {
        frames: &frames,
        params,
        seen: vec![false; frames.len()],
        out: Submission {
            detections: Detections3d::default(),
            empty: None,
            boxes: 0,
        },
    };
    let (mut meta, mut results) = (false, false);
    let mut skipped = Vec::new();
    stream.object("a submission object", |stream, key| {
        if key != "results" {
            meta |= key == "meta";
            skipped.clear();
            return stream.value(&mut skipped);
        }
        if results {
            return Err(stream.error("there are two `results`", 0));
        }
        results = true;
        let parse = |token: &str, offset: u64, bytes: &[u8]| boxes_of(token, offset, bytes, name);
        stream.members(
            "an object of boxes by sample token in `results`",
            &parse,
            |token, offset, boxes| read.frame(token, offset, boxes, &file, &mut warnings),
        )
    })?;
    stream.finish()?;
    if !results {
        return Err(stream.error("expected `results` in the submission", 0));
    }
    if !meta {
        warnings.add("missing-meta", "there is no `meta`, which the devkit asks for");
    }
    let missing: Vec<&String> = truth
        .sample_tokens
        .iter()
        .zip(&read.seen)
        .filter(|(_, seen)| !**seen)
        .map(|(t, _)| t)
        .collect();
    if let Some(first) = missing.first() {
        return Err(EvalError::Inconsistent {
            what: format!(
                "{} of {} samples are missing in `results`, the first is {first}",
                missing.len(),
                frames.len()
            ),
            file,
            hint: "a submission has an entry for every sample of the split, an empty list where nothing was found; is it of the same split?",
        });
    }
    if read.out.detections.is_empty() {
        warnings.add("empty-results", "there are no boxes");
    }
    warnings.send(reporter);
    Ok(read.out)
}

/// A box of a submission by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct SubmissionBox {
    /// Where it is, in the global frame.
    pub cuboid: Cuboid,
    /// Along x and y of the global frame, m/s; `None` where the submission does not know it.
    pub velocity: Option<[f64; 2]>,
    /// Class.
    pub class: String,
    /// Confidence; −1 where the submission has none.
    pub score: f64,
    /// Attribute, where it has one.
    pub attribute: Option<String>,
}

/// Gives the boxes of each sample to `f`, in the order of the file, whatever samples, classes and attributes they name; errors speak of `name`.
///
/// # Errors
/// [`EvalError::Io`], [`EvalError::BadFile`] and [`EvalError::BadRecord`] for what is no submission; and those of `f`.
pub fn each_sample<E: From<EvalError>>(
    reader: impl Read,
    name: &str,
    mut f: impl FnMut(&str, Vec<SubmissionBox>) -> Result<(), E>,
) -> Result<(), E> {
    let mut stream = Stream::new(reader, name.to_owned(), FORMAT)?;
    let mut results = false;
    let mut skipped = Vec::new();
    stream.object("a submission object", |stream, key| {
        if key != "results" {
            skipped.clear();
            return stream.value(&mut skipped).map_err(E::from);
        }
        if results {
            return Err(stream.error("there are two `results`", 0).into());
        }
        results = true;
        let parse = |token: &str, offset: u64, bytes: &[u8]| {
            let array = format!("results.{token}");
            let boxes = boxes_of(token, offset, bytes, name)?;
            (0_u64..)
                .zip(boxes)
                .map(|(index, (offset, record))| {
                    let at = At {
                        array: &array,
                        index,
                        offset,
                        file: name,
                        format: FORMAT,
                    };
                    record.alone(at, token)
                })
                .collect()
        };
        let what = "an object of boxes by sample token in `results`";
        stream.members(what, &parse, |token, _, boxes: Vec<SubmissionBox>| f(token, boxes))
    })?;
    stream.finish()?;
    if !results {
        return Err(stream.error("expected `results` in the submission", 0).into());
    }
    Ok(())
}

impl BoxRecord {
    /// This box of the sample `token`.
    fn alone(self, at: At<'_>, token: &str) -> Result<SubmissionBox, EvalError> {
        if self.sample_token != token {
            return Err(at.problem(&format!("has the `sample_token` {}", self.sample_token)));
        }
        let cuboid = cuboid(self.translation, self.size, self.rotation).map_err(|problem| at.problem(&problem))?;
        let [vx, vy] = self.velocity;
        Ok(SubmissionBox {
            cuboid,
            velocity: vx.zip(vy).map(|(vx, vy)| [vx, vy]),
            class: self.detection_name,
            score: self.detection_score,
            attribute: (!self.attribute_name.is_empty()).then_some(self.attribute_name),
        })
    }
}

/// Parses the boxes of one sample; the error is that of the first bad one.
fn boxes_of(token: &str, offset: u64, bytes: &[u8], file: &str) -> Result<Vec<(u64, BoxRecord)>, EvalError> {
    let array = format!("results.{token}");
    let at = |index: usize, start: usize| At {
        array: &array,
        index: index as u64,
        offset: offset + start as u64,
        file,
        format: FORMAT,
    };
    let spans = bytes.starts_with(b"[").then(|| elements(bytes)).flatten();
    let Some(spans) = spans else {
        return Err(EvalError::BadFile {
            what: format!("expected a list of boxes in {array}"),
            offset,
            file: file.to_owned(),
            format: FORMAT,
        });
    };
    // grows with what can be parsed: a broken file may have an element for every two bytes
    let mut records = Vec::new();
    for (index, span) in spans.into_iter().enumerate() {
        let start = span.start;
        let record = parse(&bytes[span]).map_err(|source| bad_record(at(index, start), source))?;
        records.push((offset + start as u64, record));
    }
    Ok(records)
}

/// What has been read of a submission.
struct Reading<'a> {
    frames: &'a HashMap<&'a str, u32>,
    params: &'a NuScenesParams,
    seen: Vec<bool>,
    out: Submission,
}

impl Reading<'_> {
    fn frame(
        &mut self,
        token: &str,
        offset: u64,
        boxes: Vec<(u64, BoxRecord)>,
        file: &str,
        warnings: &mut Warnings,
    ) -> Result<(), EvalError> {
        let whole = |what: String| EvalError::BadFile {
            what,
            offset,
            file: file.to_owned(),
            format: FORMAT,
        };
        let Some(frame) = self.frames.get(token).copied() else {
            return Err(EvalError::Inconsistent {
                what: format!(
                    "`results` has the sample {token}, which is not among the {} that are evaluated",
                    self.frames.len()
                ),
                file: file.to_owned(),
                hint: "give the submission for the split that is evaluated, and evaluate the split that it is for",
            });
        };
        if std::mem::replace(&mut self.seen[frame as usize], true) {
            return Err(whole(format!("`results` has the sample {token} twice")));
        }
        let limit = self.params.max_boxes_per_sample as usize;
        if boxes.len() > limit {
            return Err(whole(format!(
                "results.{token} has {} boxes, and at most {limit} are allowed",
                boxes.len()
            )));
        }
        let array = format!("results.{token}");
        for (index, (offset, record)) in boxes.into_iter().enumerate() {
            let at = At {
                array: &array,
                index: index as u64,
                offset,
                file,
                format: FORMAT,
            };
            self.out.boxes += 1;
            self.push(at, frame, token, &record, warnings)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        at: At<'_>,
        frame: u32,
        token: &str,
        record: &BoxRecord,
        warnings: &mut Warnings,
    ) -> Result<(), EvalError> {
        if record.sample_token != token {
            return Err(at.problem(&format!("has the `sample_token` {}", record.sample_token)));
        }
        let name = &record.detection_name;
        let class = self.params.class_index(name);
        if class.is_none() && !self.params.knows_class(name) {
            return Err(at.problem(&format!("has the unknown `detection_name` {name:?}")));
        }
        let attribute = match record.attribute_name.as_str() {
            "" => None,
            name => {
                let known = self.params.attributes.iter().position(|known| known == name);
                Some(known.ok_or_else(|| at.problem(&format!("has the unknown `attribute_name` {name:?}")))? as u32)
            }
        };
        let cuboid =
            cuboid(record.translation, record.size, record.rotation).map_err(|problem| at.problem(&problem))?;
        let score = record.detection_score;
        if !(0.0..=1.0).contains(&score) {
            warnings.add(
                "score-out-of-range",
                format_args!(
                    "{}[{}] has the score {score}, which is not in 0..=1; only the order counts",
                    at.array, at.index
                ),
            );
        }
        let Some(class) = class else {
            warnings.add(
                "class-not-evaluated",
                format_args!(
                    "{}[{}] is of the class {name}, which is not evaluated; left out",
                    at.array, at.index
                ),
            );
            return Ok(());
        };
        let row = self.out.detections.len();
        let out = &mut self.out.detections;
        out.push(frame, class, cuboid, score);
        out.velocity[row] = record.velocity.map(|v| v.unwrap_or(f64::NAN));
        out.attribute[row] = attribute;
        // a whole number in Python, which cuts digits off
        let empty = record.num_pts.trunc() == 0.0;
        if empty && self.out.empty.is_none() {
            self.out.empty = Some(vec![false; row]);
        }
        if let Some(mask) = &mut self.out.empty {
            mask.push(empty);
        }
        Ok(())
    }
}

/// A box of nuScenes, whose size is width, length, height.
pub(super) fn cuboid(translation: [f64; 3], size: [f64; 3], rotation: [f64; 4]) -> Result<Cuboid, String> {
    let pose = Se3::from_xyz_wxyz(translation, rotation).map_err(|err| format!("has no pose: {err}"))?;
    let [width, length, height] = size;
    let made = Cuboid {
        center: pose.translation(),
        length,
        width,
        height,
        rotation: pose.rotation(),
    };
    match box_problem(&made) {
        None => Ok(made),
        Some(problem) => Err(problem),
    }
}
