//! Folders of the development kit: a text file of labels and one of results per frame.
//!
//! - Labels are in `label_2/000123.txt`, 15 columns per object: type, truncated, occluded, alpha, left, top, right, bottom, height, width, length,
//!   x, y, z, rotation_y. Results are in `data/000123.txt`, with the score as 16th; their truncated and occluded are not read.
//!   Either folder may be named itself, or the one that holds `label_2` or `data`.
//! - As in the development kit, **the results say which frames are evaluated**: those that have a result file, which is empty if nothing was
//!   found. A result file without labels is an error; labels without a result file are left out, with a warning that counts them.
//! - Any name may stand before `.txt`. Frames are in the order of their names.
//!
//! A line that the kit would read wrongly without a word is an error that names file, line and column: one of too few or too many columns,
//! or with a number that is none (or is NaN or infinite). Boxes without a proper size, odd truncations and occlusions are evaluated, and
//! counted as warnings.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use guideway_core::{Reporter, Warning};
use rayon::prelude::*;

use super::arrays::{Detection, GroundTruth, Label};
use super::line::{Counts, Parsed, Row, parse};
use super::matching::evaluate;
use super::params::KittiParams;
use super::report::KittiReport;
use crate::coco::files::Input;
use crate::error::{EvalError, Side};

/// What two folders hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KittiData {
    /// Labels of the frames that have results.
    pub truth: GroundTruth,
    /// Detections.
    pub detections: Vec<Detection>,
    /// Name of each frame: that of its files, without `.txt`.
    pub frames: Vec<String>,
}

/// Evaluates a folder of results against one of labels.
///
/// ```no_run
/// use std::path::Path;
///
/// use guideway_core::Silent;
/// use guideway_eval::kitti::{KittiParams, Metric, files};
///
/// let (labels, results) = (Path::new("training/label_2"), Path::new("results/mine/data"));
/// let report = files::evaluate_paths(labels, results, &KittiParams::official(), &Silent)?;
/// println!("{:?}", report.average("car", Metric::Volume, "moderate", "AP_R40"));
/// println!("{}", serde_json::to_string_pretty(&report)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of [`read`] and [`evaluate`].
pub fn evaluate_paths(
    gt: &Path,
    dt: &Path,
    params: &KittiParams,
    reporter: &dyn Reporter,
) -> Result<KittiReport, EvalError> {
    params.validate()?;
    let data = read(gt, dt, reporter)?;
    let report = evaluate(&data.truth, &data.detections, params)?;
    warn_of_gaps(&data, &report, params, dt, reporter);
    Ok(report)
}

/// Reads a folder of labels and one of results. Files are read in parallel, each line by line.
///
/// # Errors
/// [`EvalError::KittiLine`] for the first line that cannot be read, [`EvalError::KittiLabelsMissing`] for results of a frame without labels,
/// [`EvalError::KittiNoFiles`] where there are no results at all, and [`EvalError::Io`].
pub fn read(gt: &Path, dt: &Path, reporter: &dyn Reporter) -> Result<KittiData, EvalError> {
    let (gt, dt) = (inner(gt, "label_2"), inner(dt, "data"));
    let mut counts = Counts::default();
    let results = text_files(&dt, &mut counts)?;
    if results.is_empty() {
        return Err(EvalError::KittiNoFiles {
            folder: dt.display().to_string(),
        });
    }
    let mut labels = text_files(&gt, &mut counts)?;
    let mut pairs = Vec::with_capacity(results.len());
    for (name, result) in results {
        let Some(label) = labels.remove(&name) else {
            return Err(EvalError::KittiLabelsMissing {
                results: result.display().to_string(),
                labels: gt.display().to_string(),
            });
        };
        pairs.push((name, label, result));
    }
    for path in labels.values() {
        counts.add(
            "labels-without-results",
            "a frame of the labels without a result file: it is not evaluated",
            || path.display().to_string(),
        );
    }

    if u32::try_from(pairs.len()).is_err() {
        return Err(EvalError::TooManyRows {
            side: Side::Detections,
            rows: pairs.len(),
            limit: u32::MAX as usize,
        });
    }
    let parsed: Vec<_> = pairs
        .par_iter()
        .map(|(_, label, result)| Ok((parse_file(label)?, parse_file(result)?)))
        .collect();
    let mut reading = Reading {
        counts,
        ..Reading::default()
    };
    for ((name, ..), parsed) in pairs.into_iter().zip(parsed) {
        let (labels, results) = parsed?;
        reading.frame(
            Path::new(&name).with_extension("").display().to_string(),
            labels,
            results,
        );
    }
    Ok(reading.finish(reporter))
}

/// Reads one frame: the text of its labels and that of its results. The frame has the name of the results.
///
/// # Errors
/// [`EvalError::KittiLine`] for the first line that cannot be read.
pub fn read_frame(labels: Input<'_>, results: Input<'_>, reporter: &dyn Reporter) -> Result<KittiData, EvalError> {
    let mut reading = Reading::default();
    reading.frame(
        results.name.to_owned(),
        parse(labels.bytes, Path::new(labels.name))?,
        parse(results.bytes, Path::new(results.name))?,
    );
    Ok(reading.finish(reporter))
}

/// The results of one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct KittiResults {
    /// Name of the frame: that of the file, without `.txt`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Classes that the detections name by their place.
    pub classes: Vec<String>,
    /// Detections, in the order of the file.
    pub detections: Vec<Detection>,
    /// Line of each detection, from 1.
    pub lines: Vec<usize>,
}

/// The result files of a folder (or of `data` in it), by name. Other files are counted and reported.
///
/// # Errors
/// [`EvalError::KittiNoFiles`] where there are none, and [`EvalError::Io`].
pub fn result_files(dt: &Path, reporter: &dyn Reporter) -> Result<Vec<PathBuf>, EvalError> {
    let dt = inner(dt, "data");
    let mut counts = Counts::default();
    let files = text_files(&dt, &mut counts)?;
    if files.is_empty() {
        return Err(EvalError::KittiNoFiles {
            folder: dt.display().to_string(),
        });
    }
    counts.send(reporter);
    Ok(files.into_values().collect())
}

/// Reads one result file, without labels to compare it with.
///
/// # Errors
/// [`EvalError::KittiLine`] for the first line that cannot be read, and [`EvalError::Io`].
pub fn read_results(path: &Path) -> Result<KittiResults, EvalError> {
    let parsed: Parsed<Detection> = parse_file(path)?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(KittiResults {
        name: stem.unwrap_or_else(|| path.display().to_string()),
        path: path.to_owned(),
        classes: parsed.classes,
        detections: parsed.rows,
        lines: parsed.lines,
    })
}

/// The folder of this name in a folder, or the folder itself.
fn inner(folder: &Path, name: &str) -> PathBuf {
    let inner = folder.join(name);
    if inner.is_dir() { inner } else { folder.to_owned() }
}

/// Text files of a folder by name. Other files are counted; folders are nobody's business.
fn text_files(folder: &Path, counts: &mut Counts) -> Result<BTreeMap<OsString, PathBuf>, EvalError> {
    let failed = |source| EvalError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut files = BTreeMap::new();
    let mut others = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if path.is_dir() {
            continue;
        }
        if path.extension().is_some_and(|extension| extension == "txt") {
            files.insert(entry.file_name(), path);
        } else {
            others.push(path);
        }
    }
    others.sort();
    for path in others {
        counts.add("other-file", "a file that does not end in .txt, left out", || {
            path.display().to_string()
        });
    }
    Ok(files)
}

fn parse_file<R: Row>(path: &Path) -> Result<Parsed<R>, EvalError> {
    let file = File::open(path).map_err(|source| EvalError::Io {
        path: path.to_owned(),
        source,
    })?;
    parse(BufReader::new(file), path)
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    data: KittiData,
    /// Index of each class.
    places: BTreeMap<String, u32>,
    counts: Counts,
}

impl Reading {
    /// Adds a frame.
    fn frame(&mut self, name: String, labels: Parsed<Label>, results: Parsed<Detection>) {
        let Self { data, places, counts } = self;
        let frame = data.truth.frames;
        let classes = &mut data.truth.classes;
        append(labels, frame, &mut data.truth.labels, classes, places, counts);
        append(results, frame, &mut data.detections, classes, places, counts);
        data.truth.frames += 1;
        data.frames.push(name);
    }

    /// Everything, once the warnings are out.
    fn finish(self, reporter: &dyn Reporter) -> KittiData {
        self.counts.send(reporter);
        self.data
    }
}

/// Adds a file's rows, with the frame and the classes of the whole.
fn append<R: Row>(
    parsed: Parsed<R>,
    frame: u32,
    rows: &mut Vec<R>,
    classes: &mut Vec<String>,
    places: &mut BTreeMap<String, u32>,
    counts: &mut Counts,
) {
    let of_file: Vec<u32> = parsed
        .classes
        .into_iter()
        .map(|name| {
            *places.entry(name).or_insert_with_key(|name| {
                classes.push(name.clone());
                classes.len() as u32 - 1
            })
        })
        .collect();
    rows.extend(parsed.rows.into_iter().map(|mut row| {
        let object = row.object_mut();
        object.frame = frame;
        object.class = of_file[object.class as usize];
        row
    }));
    counts.merge(parsed.counts);
}

/// What a reader of the report may miss in it.
fn warn_of_gaps(data: &KittiData, report: &KittiReport, params: &KittiParams, dt: &Path, reporter: &dyn Reporter) {
    let send = |code: &str, message: String, count: u64| {
        reporter.warn(Warning {
            code: code.to_owned(),
            message,
            location: dt.display().to_string(),
            count,
        });
    };
    let unknown: Vec<_> = (data.detections.iter())
        .filter(|d| d.object.alpha == params.unknown_alpha)
        .collect();
    if let Some(first) = unknown.first() {
        let frame = data.frames.get(first.object.frame as usize).map_or("?", String::as_str);
        send(
            "no-orientation",
            format!(
                "detections with the alpha {} for unknown, the first in frame {frame}: there is no AOS, for any class",
                params.unknown_alpha
            ),
            unknown.len() as u64,
        );
    }
    let names = &data.truth.classes;
    let mut detected = vec![0_u64; names.len()];
    for detection in &data.detections {
        detected[detection.object.class as usize] += 1;
    }
    let mut others: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, count) in names.iter().zip(&detected) {
        if *count > 0 && !params.classes.iter().any(|class| class.name.eq_ignore_ascii_case(name)) {
            others.insert(name, *count);
        }
    }
    for (name, count) in others {
        send(
            "class-not-evaluated",
            format!("detections of `{name}`, which is not evaluated"),
            count,
        );
    }
    for class in &report.classes {
        let same = |name: &&String| name.eq_ignore_ascii_case(&class.name);
        let labels: u64 = report
            .labels
            .iter()
            .filter(|(name, _)| same(name))
            .map(|(_, count)| count)
            .sum();
        if class.metrics.is_empty() && labels > 0 {
            send(
                "class-not-detected",
                format!(
                    "labels of `{}` and no usable detection: it has no numbers, as in the development kit",
                    class.name
                ),
                labels,
            );
        }
        let undefined: u64 = class
            .metrics
            .iter()
            .flat_map(|metric| &metric.levels)
            .map(|level| level.precision.iter().filter(|value| value.is_nan()).count() as u64)
            .sum();
        if undefined > 0 {
            send(
                "undefined-precision",
                format!(
                    "samples of `{}` where every detection is left out of the count: 0/0",
                    class.name
                ),
                undefined,
            );
        }
    }
}
