//! Argoverse 2's files: labels and detections in Feather, maps and poses of logs.
//!
//! ```no_run
//! use std::path::Path;
//! use guideway_core::Silent;
//! use guideway_eval::av2::Av2Params;
//! use guideway_eval::av2::files::{evaluate, read_inputs};
//!
//! let params = Av2Params::default();
//! let inputs = read_inputs(Path::new("labels.feather"), Path::new("detections.feather"), &params, &Silent)?;
//! let (report, _matches) = evaluate(&inputs, Some(Path::new("av2/sensor/val")), &params)?;
//! println!("{}", serde_json::to_string_pretty(&report)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Both files have a row per box: `log_id`, `timestamp_ns`, `category`, the centre `tx_m ty_m tz_m` and the quaternion `qw qx qy qz` in the
//! frame of the ego vehicle, `length_m width_m height_m`; labels `num_interior_pts` and detections `score`. A sweep is a log at a time;
//! sweeps that only one of the files has count, as in av2. For the region of interest a folder has one folder per log with
//! `map/log_map_archive_*.json` and `city_SE3_egovehicle.feather`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use guideway_core::{Cuboid, DVec3, Reporter, Se3};
use rayon::prelude::*;

use super::feather::{Table, Texts};
use super::matching::{Matches, match_detections};
use super::params::Av2Params;
use super::roi::{RegionOfInterest, RoiParams};
use super::summary::Av2Report;
use crate::coco::files::Input;
use crate::error::{EvalError, Side};
use crate::objects3d::{Detections3d, Keep, Truth3d, box_problem};
use crate::warnings::Warnings;

const MAP: &str = "a map is an object with `drivable_areas`, each of which has an `id` and an `area_boundary` of points with x, y and z";
const POSES: [&str; 8] = ["timestamp_ns", "qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m"];

/// Labels and detections of the same sweeps as columns, in the order of the files.
#[derive(Debug, Clone, PartialEq)]
pub struct Av2Inputs {
    /// Labels.
    pub truth: Truth3d,
    /// Detections.
    pub detections: Detections3d,
    /// Name of each class index: the categories of the parameters, then others that the files have.
    pub categories: Vec<String>,
    /// Log and time (ns) of each frame, ascending.
    pub sweeps: Vec<(String, i64)>,
}

/// The report of two files.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FilesReport {
    /// The numbers.
    #[serde(flatten)]
    pub report: Av2Report,
    /// Detections that were evaluated, those of other categories included.
    pub dts_evaluated: u64,
    /// Labels that were evaluated, those of other categories included.
    pub gts_evaluated: u64,
    /// Detections in the file.
    pub n_dts: u64,
    /// Labels in the file.
    pub n_gts: u64,
    /// Sweeps of either file.
    pub n_sweeps: u64,
}

/// The columns that both files have.
struct Rows {
    file: String,
    log: Texts,
    time: Vec<i64>,
    category: Texts,
    cuboid: Vec<Cuboid>,
}

impl Rows {
    /// Log and time of every row.
    fn sweeps(&self) -> impl Iterator<Item = (&str, i64)> {
        let log = self
            .log
            .code
            .iter()
            .map(|code| self.log.values[*code as usize].as_str());
        log.zip(self.time.iter().copied())
    }

    /// The frame of every row: the place of its sweep.
    fn frames(&self, sweeps: &BTreeMap<(&str, i64), u32>) -> Vec<u32> {
        let mut last = None;
        self.sweeps()
            .map(|sweep| match last {
                // rows of a sweep mostly follow one another
                Some((known, frame)) if known == sweep => frame,
                _ => {
                    let frame = sweeps.get(&sweep).copied().unwrap_or(0);
                    last = Some((sweep, frame));
                    frame
                }
            })
            .collect()
    }

    /// The class of every row.
    fn classes(&self, categories: &[String]) -> Vec<u32> {
        let index: HashMap<&String, u32> = categories.iter().zip(0..).collect();
        let of_value: Vec<u32> = self
            .category
            .values
            .iter()
            .map(|name| index.get(name).copied().unwrap_or(0))
            .collect();
        self.category.code.iter().map(|code| of_value[*code as usize]).collect()
    }
}

/// Reads labels and detections.
///
/// # Errors
/// [`EvalError::Io`], [`EvalError::Feather`] for a file that cannot be read; [`EvalError::Inconsistent`] for a missing column or value, with its row;
/// [`EvalError::Object3d`] and [`EvalError::NotFinite`] for a box that is none.
pub fn read_inputs(gt: &Path, dt: &Path, params: &Av2Params, reporter: &dyn Reporter) -> Result<Av2Inputs, EvalError> {
    params.validate()?;
    let (gt_bytes, dt_bytes) = (read(gt)?, read(dt)?);
    let (gt, dt) = (gt.display().to_string(), dt.display().to_string());
    inputs_from(
        Input {
            name: &gt,
            bytes: &gt_bytes,
        },
        Input {
            name: &dt,
            bytes: &dt_bytes,
        },
        params,
        reporter,
    )
}

/// Reads labels and detections like [`read_inputs`], from the bytes of their files.
///
/// # Errors
/// Those of [`read_inputs`].
pub fn inputs_from(
    gt: Input<'_>,
    dt: Input<'_>,
    params: &Av2Params,
    reporter: &dyn Reporter,
) -> Result<Av2Inputs, EvalError> {
    params.validate()?;
    let (gt_table, labels) = rows(gt, Side::GroundTruth, "num_interior_pts")?;
    let (dt_table, dets) = rows(dt, Side::Detections, "score")?;
    let points = gt_table.floats("num_interior_pts")?;
    let score = dt_table.floats("score")?;

    let known: BTreeSet<(&str, i64)> = labels.sweeps().collect();
    let found: BTreeSet<(&str, i64)> = dets.sweeps().collect();
    let sweeps: Vec<(&str, i64)> = known.union(&found).copied().collect();
    let frames: BTreeMap<(&str, i64), u32> = sweeps.iter().copied().zip(0..).collect();
    let mut categories = params.categories.clone();
    let in_files = labels.category.values.iter().chain(&dets.category.values);
    let others: BTreeSet<&String> = in_files.filter(|name| !categories.contains(name)).collect();
    categories.extend(others.into_iter().cloned());
    let (label_class, dets_class) = (labels.classes(&categories), dets.classes(&categories));
    for (side, classes) in [(&labels, &label_class), (&dets, &dets_class)] {
        let mut warnings = Warnings::new(&side.file);
        for class in classes
            .iter()
            .map(|class| *class as usize)
            .filter(|class| *class >= params.categories.len())
        {
            warnings.add(
                "category-not-evaluated",
                format_args!("boxes of the category {} are not in any number", categories[class]),
            );
        }
        warnings.send(reporter);
    }

    let mut truth = Truth3d::new(vec![DVec3::ZERO; frames.len()], categories.len() as u32);
    let mut warnings = Warnings::new(&labels.file);
    for (row, (frame, points)) in labels.frames(&frames).into_iter().zip(points).enumerate() {
        if points.is_nan() {
            warnings.add(
                "points-unknown",
                format_args!("row {row} has an unknown number of points, and is left out as if it had none"),
            );
        }
        truth.push(frame, label_class[row], labels.cuboid[row]);
        // the reference asks whether the number is above 0, its fraction cut off; more than a u32 can hold is as good as any
        truth.points[row] = Some(points.trunc().clamp(0.0, f64::from(u32::MAX)) as u32);
    }
    warnings.send(reporter);
    let mut warnings = Warnings::new(&dets.file);
    let mut detections = Detections3d::default();
    for (row, (frame, score)) in dets.frames(&frames).into_iter().zip(score).enumerate() {
        detections.push(frame, dets_class[row], dets.cuboid[row], score);
        if !score.is_finite() {
            return Err(EvalError::NotFinite {
                side: Side::Detections,
                row,
                column: "score",
                value: score,
            });
        }
        if !(0.0..=1.0).contains(&score) {
            warnings.add(
                "score-out-of-range",
                format_args!("row {row} has the score {score}, which is not in 0..=1; only the order counts"),
            );
        }
    }
    for (log, time) in found.difference(&known) {
        warnings.add(
            "sweep-without-labels",
            format_args!("log {log} at {time} ns has detections and no labels; they count as false positives"),
        );
    }
    warnings.send(reporter);
    let sweeps = sweeps.into_iter().map(|(log, time)| (log.to_owned(), time)).collect();
    Ok(Av2Inputs {
        truth,
        detections,
        categories,
        sweeps,
    })
}

/// The detections of a file by themselves, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Av2Detections {
    /// Logs that detections name by their place.
    pub logs: Vec<String>,
    /// Log of each detection.
    pub log: Vec<u32>,
    /// Time of each detection, ns.
    pub time: Vec<i64>,
    /// Categories that detections name by their place.
    pub categories: Vec<String>,
    /// Category of each detection.
    pub category: Vec<u32>,
    /// Each detection, in the frame of the ego vehicle.
    pub cuboid: Vec<Cuboid>,
    /// Confidence of each detection, as the file has it.
    pub score: Vec<f64>,
}

/// Reads detections without labels to compare them with.
///
/// # Errors
/// [`EvalError::Feather`] for a file that cannot be read, [`EvalError::Inconsistent`] for a missing column or value, [`EvalError::Object3d`] for a
/// box that is none.
pub fn detections_from(file: Input<'_>) -> Result<Av2Detections, EvalError> {
    let (table, rows) = rows(file, Side::Detections, "score")?;
    Ok(Av2Detections {
        logs: rows.log.values,
        log: rows.log.code,
        time: rows.time,
        categories: rows.category.values,
        category: rows.category.code,
        cuboid: rows.cuboid,
        score: table.floats("score")?,
    })
}

/// Evaluates what was read: the report, and the matches for slices. `dataset` is the folder of the logs, for the region of interest.
///
/// # Errors
/// Those of [`region_of_interest`]; [`EvalError::Parameter`] when the region is asked for without a folder, or the parameters make no sense.
pub fn evaluate(
    inputs: &Av2Inputs,
    dataset: Option<&Path>,
    params: &Av2Params,
) -> Result<(FilesReport, Matches), EvalError> {
    let keep = match (params.eval_only_roi_instances, dataset) {
        (false, _) => Keep::default(),
        (true, Some(dataset)) => region_of_interest(inputs, dataset, &params.roi)?,
        (true, None) => {
            return Err(EvalError::Parameter {
                parameter: "eval_only_roi_instances",
                problem:
                    "it is true, and no folder of logs with their maps and poses is named: name one, or set it to false"
                        .to_owned(),
            });
        }
    };
    let matches = match_detections(&inputs.truth, &inputs.detections, &keep, params)?;
    let report = FilesReport {
        report: matches.report(),
        dts_evaluated: matches.rows.detections(),
        gts_evaluated: matches.rows.labels(),
        n_dts: inputs.detections.len() as u64,
        n_gts: inputs.truth.len() as u64,
        n_sweeps: inputs.sweeps.len() as u64,
    };
    Ok((report, matches))
}

/// Which boxes have a corner in the region of interest of their log's map.
///
/// # Errors
/// [`EvalError::Io`], [`EvalError::BadRecord`], [`EvalError::Feather`] and [`EvalError::Inconsistent`] when the map or the poses of a log are
/// missing or cannot be read, or there is no pose at the time of a sweep.
pub fn region_of_interest(inputs: &Av2Inputs, dataset: &Path, params: &RoiParams) -> Result<Keep, EvalError> {
    // frames are sorted by log
    let mut by_log: Vec<(&str, std::ops::Range<usize>)> = Vec::new();
    for (frame, (log, _)) in inputs.sweeps.iter().enumerate() {
        match by_log.last_mut() {
            Some((last, frames)) if last == log => frames.end = frame + 1,
            _ => by_log.push((log, frame..frame + 1)),
        }
    }
    let rows_of = |frame: &[u32]| {
        let mut rows: Vec<u32> = (0..frame.len() as u32).collect();
        rows.sort_by_key(|row| frame[*row as usize]);
        rows
    };
    let (truth, detections) = (&inputs.truth, &inputs.detections);
    let (label_rows, detection_rows) = (rows_of(&truth.frame), rows_of(&detections.frame));
    let inside = |rows: &[u32], frame: &[u32], cuboid: &[Cuboid], range: &std::ops::Range<usize>, log: &Log| {
        let first = rows.partition_point(|row| (frame[*row as usize] as usize) < range.start);
        let last = rows.partition_point(|row| (frame[*row as usize] as usize) < range.end);
        let inside: Vec<u32> = rows[first..last]
            .iter()
            .copied()
            .filter(|row| {
                let row = *row as usize;
                let pose = log.poses[frame[row] as usize - range.start];
                log.region.has_corner_of(&cuboid[row], pose)
            })
            .collect();
        inside
    };
    let per_log: Vec<(Vec<u32>, Vec<u32>)> = by_log
        .par_iter()
        .map(|(name, range)| {
            let log = Log::read(&dataset.join(name), &inputs.sweeps[range.clone()], params)?;
            Ok((
                inside(&label_rows, &truth.frame, &truth.cuboid, range, &log),
                inside(&detection_rows, &detections.frame, &detections.cuboid, range, &log),
            ))
        })
        .collect::<Result<_, EvalError>>()?;
    let (mut labels, mut dets) = (vec![false; truth.len()], vec![false; detections.len()]);
    for (in_labels, in_dets) in per_log {
        for row in in_labels {
            labels[row as usize] = true;
        }
        for row in in_dets {
            dets[row as usize] = true;
        }
    }
    Ok(Keep {
        labels: Some(labels),
        detections: Some(dets),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, EvalError> {
    std::fs::read(path).map_err(|source| EvalError::Io {
        path: path.to_owned(),
        source,
    })
}

fn rows(file: Input<'_>, side: Side, extra: &str) -> Result<(Table, Rows), EvalError> {
    let columns = [
        "log_id",
        "timestamp_ns",
        "category",
        "tx_m",
        "ty_m",
        "tz_m",
        "length_m",
        "width_m",
        "height_m",
        "qw",
        "qx",
        "qy",
        "qz",
        extra,
    ];
    let table = Table::parse(file, &columns)?;
    let poses = poses(&table)?;
    let [length, width, height] = ["length_m", "width_m", "height_m"].map(|column| table.floats(column));
    let (length, width, height) = (length?, width?, height?);
    let mut cuboid = Vec::with_capacity(poses.len());
    for (row, pose) in poses.into_iter().enumerate() {
        let bad = |problem: String| EvalError::Object3d { side, row, problem };
        let pose = pose.map_err(|err| bad(format!("has no pose: {err}")))?;
        let made = Cuboid {
            center: pose.translation(),
            length: length[row],
            width: width[row],
            height: height[row],
            rotation: pose.rotation(),
        };
        match box_problem(&made) {
            None => cuboid.push(made),
            Some(problem) => return Err(bad(problem)),
        }
    }
    let rows = Rows {
        file: table.file(),
        log: table.texts("log_id")?,
        time: table.integers("timestamp_ns")?,
        category: table.texts("category")?,
        cuboid,
    };
    Ok((table, rows))
}

/// The pose of every row.
fn poses(table: &Table) -> Result<Vec<Result<Se3, guideway_core::GeometryError>>, EvalError> {
    let [x, y, z, qw, qx, qy, qz] = ["tx_m", "ty_m", "tz_m", "qw", "qx", "qy", "qz"].map(|column| table.floats(column));
    let (x, y, z, qw, qx, qy, qz) = (x?, y?, z?, qw?, qx?, qy?, qz?);
    Ok((0..x.len())
        .map(|i| Se3::from_xyz_wxyz([x[i], y[i], z[i]], [qw[i], qx[i], qy[i], qz[i]]))
        .collect())
}

/// What the region of interest needs of a log.
struct Log {
    region: RegionOfInterest,
    /// Pose of the ego vehicle in the city at each sweep.
    poses: Vec<Se3>,
}

#[derive(serde::Deserialize)]
struct MapRecord {
    drivable_areas: HashMap<String, AreaRecord>,
}

#[derive(serde::Deserialize)]
struct AreaRecord {
    area_boundary: Vec<PointRecord>,
}

#[derive(serde::Deserialize)]
struct PointRecord {
    x: f64,
    y: f64,
}

/// The region of interest of a vector map: near the polygons of its `drivable_areas`.
///
/// # Errors
/// [`EvalError::BadRecord`] and [`EvalError::Inconsistent`] for what is no map.
pub fn region_of_map(map: Input<'_>, params: &RoiParams) -> Result<RegionOfInterest, EvalError> {
    let Input { name, bytes } = map;
    let map: MapRecord = serde_json::from_slice(bytes).map_err(|source| EvalError::BadRecord {
        record: "the map".to_owned(),
        offset: offset_of(bytes, &source),
        file: name.to_owned(),
        format: MAP,
        source,
    })?;
    let mut areas: Vec<(String, Vec<[f64; 2]>)> = map
        .drivable_areas
        .into_iter()
        .map(|(id, area)| (id, area.area_boundary.iter().map(|p| [p.x, p.y]).collect()))
        .collect();
    areas.sort_by(|a, b| a.0.cmp(&b.0));
    let polygons: Vec<Vec<[f64; 2]>> = areas.into_iter().map(|(_, polygon)| polygon).collect();
    RegionOfInterest::new(&polygons, params).map_err(|err| EvalError::Inconsistent {
        what: err.to_string(),
        file: name.to_owned(),
        hint: MAP,
    })
}

impl Log {
    fn read(folder: &Path, sweeps: &[(String, i64)], params: &RoiParams) -> Result<Self, EvalError> {
        let path = map_file(&folder.join("map"))?;
        let region = region_of_map(
            Input {
                name: &path.display().to_string(),
                bytes: &read(&path)?,
            },
            params,
        )?;
        let path = folder.join("city_SE3_egovehicle.feather");
        let file = Input {
            name: &path.display().to_string(),
            bytes: &read(&path)?,
        };
        let table = Table::parse(file, &POSES)?;
        let bad = |what: String| EvalError::Inconsistent {
            what,
            file: table.file(),
            hint: "poses have a row per time, with a unit quaternion and a finite translation; the times of sweeps are among them",
        };
        let times = table.integers("timestamp_ns")?;
        let mut by_time = HashMap::with_capacity(times.len());
        for (row, (time, pose)) in times.into_iter().zip(poses(&table)?).enumerate() {
            let pose = pose.map_err(|err| bad(format!("row {row} is no pose: {err}")))?;
            by_time.insert(time, pose);
        }
        let poses = sweeps
            .iter()
            .map(|(_, time)| {
                by_time
                    .get(time)
                    .copied()
                    .ok_or_else(|| bad(format!("there is no pose at {time} ns, the time of a sweep")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { region, poses })
    }
}

/// Bytes before the place of an error.
fn offset_of(bytes: &[u8], err: &serde_json::Error) -> u64 {
    let lines = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .take(err.line().saturating_sub(1));
    lines.map(|line| line.len() as u64).sum::<u64>() + err.column().saturating_sub(1) as u64
}

/// The one vector map in a folder.
fn map_file(folder: &Path) -> Result<PathBuf, EvalError> {
    let io = |source| EvalError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        let named = entry.file_name().to_string_lossy().starts_with("log_map_archive_");
        if named && path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        count => Err(EvalError::Inconsistent {
            what: format!("there are {count} files `log_map_archive_*.json`"),
            file: folder.display().to_string(),
            hint: "a log's folder `map` has one vector map; download the maps of the sensor dataset, or switch `eval_only_roi_instances` off",
        }),
    }
}
