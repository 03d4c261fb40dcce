//! Tracking: what a model detected in one frame after another becomes tracks.

mod follow;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use guideway_core::{BBox, IdBuilder, Reporter, TimeNs, Warning};
use guideway_eval::track::{Image, Space, TrackParams, TrackStatus, TrackWarnings, Tracker, World};
use guideway_schema::{FrameRow, PredictedCuboidRow, PredictionRow, TrackRow};
use guideway_store::{ModelRecord, NodeKind, NodeRef, RunRecord, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock;
use crate::dataset::ids;
use crate::error::{Error, ErrorKind};
use crate::placement::Placement;
use crate::predict::Predicted;
use crate::train::model_node;
use crate::workspace::{Workspace, quote};
use follow::{Follow, Found};

/// Raised when tracking the same detections gives other tracks: then they are tracked anew.
const TRACKING_VERSION: i64 = 1;
/// Frames whose detections are in memory at a time.
const BLOCK: usize = 2048;
/// Rows kept in memory before the store's lock is taken.
const ROWS_BEFORE_WRITING: usize = 100_000;
/// The kind of the run.
pub(crate) const TRACK: &str = "track";

/// Where objects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackSpace {
    /// Boxes, in the images of each camera by itself.
    Image,
    /// Cuboids, in the world, those of all sensors of a recording together.
    World,
}

impl TrackSpace {
    /// Its name: `image` or `world`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::World => "world",
        }
    }
}

/// How to track.
#[derive(Debug, Clone, Default)]
pub struct TrackOptions {
    /// Where; in the world if the model's predictions have cuboids, when `None`.
    pub space: Option<TrackSpace>,
    /// [`TrackParams`] as JSON, classes by name: see [`TrackOptions::read_params`]; [`default_track_params`] when `None`.
    pub params: Option<Value>,
    /// Where to predict, where that was not done before.
    pub device: Option<String>,
}

impl TrackOptions {
    /// Reads a file of parameters.
    pub fn read_params(path: &Path) -> Result<Value, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        serde_json::from_str(&text).map_err(|source| {
            ErrorKind::ParamsFile {
                path: path.to_owned(),
                source,
            }
            .into()
        })
    }
}

/// What a tracking run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackReport {
    /// The run; its rows are those of the table `tracks` with this id.
    pub run_id: String,
    /// The run whose predictions were tracked.
    pub predict_run_id: String,
    /// Where.
    pub space: TrackSpace,
    /// Recordings.
    pub recordings: u64,
    /// Frames.
    pub frames: u64,
    /// Frames that were left out, since they have no stamp.
    pub without_stamp: u64,
    /// Frames that were left out, since nobody knows where the vehicle was.
    pub without_pose: u64,
    /// Detections.
    pub detections: u64,
    /// Detections that could not be used: a cuboid whose sensor is not calibrated.
    pub not_placed: u64,
    /// Detections that belong to a track.
    pub tracked: u64,
    /// Frames of tracks in which they were not detected.
    pub coasting: u64,
    /// Tracks.
    pub tracks: u64,
    /// By class.
    pub classes: Vec<TrackedClass>,
    /// What else was odd.
    pub warnings: TrackWarnings,
}

/// Tracks of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackedClass {
    /// Its name.
    pub class: String,
    /// Tracks.
    pub tracks: u64,
    /// Detections in them.
    pub detections: u64,
    /// Half of the tracks are at least so long, from the first detection to the last, s.
    pub median_s: f64,
}

/// The parameters of a tracker that `guideway track --params` takes, as JSON.
pub fn default_track_params(space: TrackSpace) -> Result<Value, Error> {
    let value = match space {
        TrackSpace::Image => serde_json::to_value(TrackParams::<Image>::default()),
        TrackSpace::World => serde_json::to_value(TrackParams::<World>::default()),
    };
    value.map_err(|err| {
        Error::failed(
            format!("cannot write the parameters: {err}"),
            "report this: it is a defect of guideway",
        )
    })
}

impl Workspace {
    /// Follows what a model detects from frame to frame. Tracks are rows of the table `tracks`.
    ///
    /// In images each camera's boxes are tracked by themselves, and moved with the camera's turning where the recording has poses and calibration. In the world the cuboids of all
    /// sensors are tracked together. Frames without a stamp are left out. The same detections with the same parameters are not tracked twice.
    pub fn track(
        &self,
        model: &str,
        on: &str,
        options: &TrackOptions,
        reporter: &dyn Reporter,
    ) -> Result<TrackReport, Error> {
        let model = self.model_record(model)?;
        let predicted = self.predict_run(&model, on, options.device.as_deref(), reporter)?;
        self.track_run(&model, on, &predicted, options, reporter)
    }

    /// The tracks of a run's predictions.
    pub(crate) fn track_run(
        &self,
        model: &ModelRecord,
        on: &str,
        predicted: &Predicted,
        options: &TrackOptions,
        reporter: &dyn Reporter,
    ) -> Result<TrackReport, Error> {
        let cuboids = self
            .counts(&format!(
                "SELECT 'all', count(*) FROM predicted_cuboids WHERE run_id = {}",
                quote(&predicted.run_id)
            ))?
            .first()
            .map_or(0, |(_, count)| *count);
        let space = match options.space {
            Some(TrackSpace::World) if cuboids == 0 => {
                return Err(Error::usage(
                    format!(
                        "`{}` predicts no cuboids, so there is nothing to track in the world",
                        model.name
                    ),
                    "track in images: `--space image`".to_owned(),
                ));
            }
            Some(space) => space,
            None if cuboids > 0 => TrackSpace::World,
            None => TrackSpace::Image,
        };
        let job = Job {
            workspace: self,
            model,
            on,
            predicted,
            classes: self.classes_tracked(model, &predicted.run_id)?,
        };
        let given = options.params.as_ref();
        match space {
            TrackSpace::Image => job.run::<Image>(space, given, reporter),
            TrackSpace::World => job.run::<World>(space, given, reporter),
        }
    }

    /// The classes of a model, and others that its predictions have.
    fn classes_tracked(&self, model: &ModelRecord, predict_run: &str) -> Result<Vec<String>, Error> {
        let mut classes = model.classes.clone();
        for table in ["predictions", "predicted_cuboids"] {
            let found = self.counts(&format!(
                "SELECT class, count(*) FROM {table} WHERE run_id = {} GROUP BY class ORDER BY class",
                quote(predict_run)
            ))?;
            for (class, _) in found {
                if !classes.contains(&class) {
                    classes.push(class);
                }
            }
        }
        Ok(classes)
    }
}

/// What is to be tracked.
struct Job<'a> {
    workspace: &'a Workspace,
    model: &'a ModelRecord,
    on: &'a str,
    predicted: &'a Predicted,
    classes: Vec<String>,
}

/// What is known of a track when it has ended.
#[derive(Default)]
struct Tally {
    class: String,
    detections: u64,
    first_ns: i64,
    last_ns: i64,
}

/// The rows so far.
struct Output {
    report: TrackReport,
    rows: Vec<TrackRow>,
    transaction: Option<Transaction>,
    /// Lengths of the tracks of each class, s, and their detections.
    lengths: BTreeMap<String, (Vec<f64>, u64)>,
}

impl Job<'_> {
    fn run<S: Follow>(
        &self,
        space: TrackSpace,
        given: Option<&Value>,
        reporter: &dyn Reporter,
    ) -> Result<TrackReport, Error> {
        let started = clock::now_ns();
        let workspace = self.workspace;
        let params = params_of::<S>(given, &self.classes)?;
        let told = serde_json::to_value(&params).map_err(|err| Error::corrupt("the parameters", err))?;
        let (inner, _) = workspace
            .frame_query(&workspace.pool(self.on)?)
            .map(|(sql, columns)| (sql.to_owned(), columns))?;
        let run_id: String = IdBuilder::new("run")
            .text(TRACK)
            .text(&self.predicted.key)
            .text(space.name())
            .text(&told.to_string())
            .int(TRACKING_VERSION)
            .finish();
        if workspace.is_done(&run_id)? {
            return workspace.read_track_report(&run_id);
        }
        let chosen = format!("f.frame_id IN (SELECT q.frame_id FROM (\n{inner}\n) q)");
        let recordings = workspace.counts(&format!(
            "SELECT f.recording_id, count(*) FROM frames f WHERE f.timestamp_ns IS NOT NULL AND {chosen} \
             GROUP BY f.recording_id ORDER BY f.recording_id"
        ))?;
        let without_stamp = workspace
            .counts(&format!(
                "SELECT 'none', count(*) FROM frames f WHERE f.timestamp_ns IS NULL AND {chosen}"
            ))?
            .first()
            .map_or(0, |(_, count)| *count);
        if recordings.is_empty() {
            return Err(ErrorKind::NothingSelected {
                message: "none of the frames has a stamp".to_owned(),
                hint: Some("tracks need frames in time: those of a drive, not independent images".to_owned()),
            }
            .into());
        }
        let mut out = Output {
            report: TrackReport {
                run_id: run_id.clone(),
                predict_run_id: self.predicted.run_id.clone(),
                space,
                recordings: recordings.len() as u64,
                frames: 0,
                without_stamp,
                without_pose: 0,
                detections: 0,
                not_placed: 0,
                tracked: 0,
                coasting: 0,
                tracks: 0,
                classes: Vec::new(),
                warnings: TrackWarnings::default(),
            },
            rows: Vec::new(),
            transaction: None,
            lengths: BTreeMap::new(),
        };
        let task = reporter.begin(
            "Tracking",
            Some(recordings.iter().map(|(_, frames)| frames).sum()),
            "frames",
        );
        for (recording_id, _) in &recordings {
            let frames: Vec<FrameRow> = workspace.rows(&format!(
                "SELECT f.* FROM frames f WHERE f.recording_id = {} AND f.timestamp_ns IS NOT NULL AND {chosen} \
                 ORDER BY f.timestamp_ns, f.sensor_id, f.frame_id",
                quote(recording_id)
            ))?;
            let place = workspace.placement(recording_id)?;
            for stream in self.streams(space, recording_id, &frames)? {
                self.follow::<S>(&params, &stream, &place, &mut out)?;
            }
            task.advance(frames.len() as u64);
        }
        drop(task);
        out.report.classes = out
            .lengths
            .iter()
            .map(|(class, (lengths, detections))| TrackedClass {
                class: class.clone(),
                tracks: lengths.len() as u64,
                detections: *detections,
                median_s: median(lengths),
            })
            .collect();
        warn(&out.report, reporter);
        self.commit(out, &told, started)
    }

    /// The frames that one tracker sees, by time.
    fn streams<'f>(
        &self,
        space: TrackSpace,
        recording_id: &str,
        frames: &'f [FrameRow],
    ) -> Result<Vec<Vec<&'f FrameRow>>, Error> {
        if space == TrackSpace::Image {
            let mut by_sensor: BTreeMap<&str, Vec<&FrameRow>> = BTreeMap::new();
            for frame in frames {
                by_sensor.entry(&frame.sensor_id).or_default().push(frame);
            }
            by_sensor.retain(|_, frames| frames.first().is_some_and(|frame| frame.modality == "camera"));
            return Ok(by_sensor.into_values().collect());
        }
        // A sensor in whose frames nothing was ever predicted says nothing about what is there.
        let seeing = self.workspace.counts(&format!(
            "SELECT f.sensor_id, count(*) FROM predicted_cuboids p JOIN frames f ON f.frame_id = p.frame_id \
             WHERE p.run_id = {} AND f.recording_id = {} GROUP BY f.sensor_id",
            quote(&self.predicted.run_id),
            quote(recording_id)
        ))?;
        let seeing: BTreeSet<&str> = seeing.iter().map(|(sensor, _)| sensor.as_str()).collect();
        let seen: Vec<&FrameRow> = frames
            .iter()
            .filter(|frame| seeing.contains(frame.sensor_id.as_str()))
            .collect();
        Ok(if seen.is_empty() { Vec::new() } else { vec![seen] })
    }

    fn follow<S: Follow>(
        &self,
        params: &TrackParams<S>,
        frames: &[&FrameRow],
        place: &Placement,
        out: &mut Output,
    ) -> Result<(), Error> {
        let Some(first) = frames.first() else {
            return Ok(());
        };
        let mut tracker = Tracker::<S>::new(params.clone())?;
        let stream = format!("{} {}", first.recording_id, first.sensor_id);
        let mut tallies: BTreeMap<u64, Tally> = BTreeMap::new();
        // The sensor that saw a track last: where another one does not see it, nothing is to be said.
        let mut last_seen_by: BTreeMap<u64, String> = BTreeMap::new();
        let mut before: Option<&FrameRow> = None;
        for part in frames.chunks(BLOCK) {
            self.workspace.stop_here(
                || "nothing of the tracks is kept".to_owned(),
                "run it again: it begins anew",
            )?;
            let mut found = self.found(part, out.report.space)?;
            for frame in part {
                let found = found.remove(&frame.frame_id).unwrap_or_default();
                out.report.frames += 1;
                out.report.detections += found.len() as u64;
                let Some(ego) = S::ego(place, before, frame) else {
                    out.report.without_pose += 1;
                    continue;
                };
                before = Some(*frame);
                let mut placed = Vec::with_capacity(found.len());
                let mut rows = Vec::with_capacity(found.len());
                for one in &found {
                    match S::detection(one, place, frame) {
                        Some(detection) => {
                            placed.push(detection);
                            rows.push(one);
                        }
                        None => out.report.not_placed += 1,
                    }
                }
                let stamp = frame.timestamp_ns.unwrap_or(0);
                let answer = tracker.step(TimeNs(stamp), &placed, &ego)?;
                for view in &answer.tracks {
                    let class = self.classes.get(view.class as usize).cloned().unwrap_or_default();
                    if view.status == TrackStatus::Tentative {
                        continue;
                    }
                    let detection = view.detection.and_then(|row| rows.get(row as usize));
                    if detection.is_some() {
                        last_seen_by.insert(view.id, frame.sensor_id.clone());
                        let tally = tallies.entry(view.id).or_insert_with(|| Tally {
                            first_ns: stamp,
                            ..Tally::default()
                        });
                        tally.detections += 1;
                        tally.last_ns = stamp;
                        tally.class.clone_from(&class);
                        out.report.tracked += 1;
                    } else if last_seen_by.get(&view.id) == Some(&frame.sensor_id) {
                        out.report.coasting += 1;
                    } else {
                        continue;
                    }
                    let mut row = TrackRow {
                        run_id: out.report.run_id.clone(),
                        track_id: IdBuilder::new("track")
                            .text(&out.report.run_id)
                            .text(&stream)
                            .int(view.id as i64)
                            .finish(),
                        model_id: self.model.model_id.clone(),
                        frame_id: frame.frame_id.clone(),
                        recording_id: frame.recording_id.clone(),
                        timestamp_ns: stamp,
                        class,
                        score: view.score,
                        prediction_id: detection.map(|found| found.prediction_id.clone()),
                        ..TrackRow::default()
                    };
                    S::place(view, place, &mut row);
                    out.rows.push(row);
                }
            }
            if out.rows.len() >= ROWS_BEFORE_WRITING {
                self.write(out)?;
            }
        }
        for tally in tallies.into_values() {
            let (lengths, detections) = out.lengths.entry(tally.class).or_default();
            lengths.push((tally.last_ns - tally.first_ns) as f64 / 1e9);
            *detections += tally.detections;
            out.report.tracks += 1;
        }
        out.report.warnings.add(&tracker.warnings());
        Ok(())
    }

    /// What was detected in some frames, by frame.
    fn found(&self, frames: &[&FrameRow], space: TrackSpace) -> Result<BTreeMap<String, Vec<Found>>, Error> {
        let listed = ids(frames.iter().map(|frame| frame.frame_id.as_str()));
        let run = quote(&self.predicted.run_id);
        let of_class = |class: &str| {
            let place = self.classes.iter().position(|known| known == class);
            place.and_then(|place| u32::try_from(place).ok()).unwrap_or(u32::MAX)
        };
        let mut found: BTreeMap<String, Vec<Found>> = BTreeMap::new();
        if space == TrackSpace::World {
            let rows: Vec<PredictedCuboidRow> = self.workspace.rows(&format!(
                "SELECT * FROM predicted_cuboids WHERE run_id = {run} AND frame_id IN ({listed}) ORDER BY prediction_id"
            ))?;
            for row in rows {
                found.entry(row.frame_id).or_default().push(Found {
                    prediction_id: row.prediction_id,
                    class: of_class(&row.class),
                    score: row.score,
                    bbox: BBox::default(),
                    cuboid: Some((row.cuboid, row.cuboid_frame, row.velocity)),
                });
            }
        } else {
            let rows: Vec<PredictionRow> = self.workspace.rows(&format!(
                "SELECT * FROM predictions WHERE run_id = {run} AND frame_id IN ({listed}) ORDER BY prediction_id"
            ))?;
            for row in rows {
                found.entry(row.frame_id).or_default().push(Found {
                    prediction_id: row.prediction_id,
                    class: of_class(&row.class),
                    score: row.score,
                    bbox: BBox::new(row.x_min, row.y_min, row.x_max, row.y_max),
                    cuboid: None,
                });
            }
        }
        Ok(found)
    }

    fn write(&self, out: &mut Output) -> Result<(), Error> {
        let store = self.workspace.store();
        if out.transaction.is_none() {
            out.transaction = Some(self.workspace.block_on(store.begin())?);
        }
        if let Some(transaction) = &mut out.transaction {
            let rows = std::mem::take(&mut out.rows);
            self.workspace.block_on(transaction.push(rows.into()))?;
        }
        Ok(())
    }

    fn commit(&self, mut out: Output, told: &Value, started: i64) -> Result<TrackReport, Error> {
        self.write(&mut out)?;
        let workspace = self.workspace;
        let mut transaction = match out.transaction {
            Some(transaction) => transaction,
            None => workspace.block_on(workspace.store().begin())?,
        };
        let report = out.report;
        let params = json!({
            "model_id": self.model.model_id, "on": self.on, "predict_run_id": self.predicted.run_id, "space": report.space, "params": told,
        });
        let operation = clock::operation(TRACK, &workspace.settings().user, started)
            .input(model_node(self.model))
            .input(NodeRef::new(NodeKind::Run, self.predicted.run_id.clone()))
            .params(params.clone());
        let mut params = params;
        params["report"] = serde_json::to_value(&report).map_err(|err| Error::corrupt("the report", err))?;
        transaction.put_run(RunRecord {
            run_id: report.run_id.clone(),
            kind: TRACK.to_owned(),
            name: format!("{} on {}", self.model.name, self.on),
            params,
            status: "done".to_owned(),
            code_version: clock::code_version(),
            seed: None,
            started_ns: started,
            ended_ns: Some(operation.ended_ns),
            machine: clock::machine(),
        });
        workspace.block_on(transaction.commit(operation))?;
        Ok(report)
    }
}

impl Workspace {
    fn read_track_report(&self, run_id: &str) -> Result<TrackReport, Error> {
        let run = self.block_on(self.store().find_run(run_id))?;
        let report = run.map(|mut run| run.params["report"].take()).unwrap_or_default();
        serde_json::from_value(report).map_err(|err| Error::corrupt(format!("the run {run_id}"), err))
    }
}

/// Says what could not be used.
fn warn(report: &TrackReport, reporter: &dyn Reporter) {
    let odd = &report.warnings;
    let told = [
        ("no-stamp", "frames without a stamp were left out", report.without_stamp),
        (
            "no-pose",
            "frames were left out, since nobody knows where the vehicle was",
            report.without_pose,
        ),
        (
            "not-placed",
            "cuboids were left out: their sensor is not calibrated, or their numbers make no cuboid",
            report.not_placed,
        ),
        (
            "odd-detection",
            "detections were left out: not finite, without size, with a score outside 0 to 1, or too many",
            odd.not_finite + odd.bad_size + odd.bad_score + odd.too_many,
        ),
        (
            "copied-detection",
            "detections were left out: exact copies of others",
            odd.duplicates,
        ),
        (
            "too-many-tracks",
            "tracks were not begun: there are too many at a time",
            odd.births_refused,
        ),
    ];
    for (code, message, count) in told.into_iter().filter(|(_, _, count)| *count > 0) {
        reporter.warn(Warning {
            code: code.to_owned(),
            message: message.to_owned(),
            location: report.run_id.clone(),
            count,
        });
    }
}

/// Parameters whose classes are named.
fn params_of<S: Space>(given: Option<&Value>, classes: &[String]) -> Result<TrackParams<S>, Error> {
    let Some(given) = given else {
        return Ok(TrackParams::default());
    };
    let mut given = given.clone();
    if let Some(Value::Object(of_classes)) = given.get_mut("classes") {
        let mut numbered = serde_json::Map::new();
        for (name, value) in std::mem::take(of_classes) {
            let Some(place) = classes.iter().position(|class| *class == name) else {
                return Err(Error::usage(
                    format!("the tracker has parameters for `{name}`, and the model has no such class"),
                    format!("its classes are {}", classes.join(", ")),
                ));
            };
            numbered.insert(place.to_string(), value);
        }
        *of_classes = numbered;
    }
    let params: TrackParams<S> = serde_json::from_value(given).map_err(|err| {
        Error::usage(
            format!("the parameters of the tracker cannot be read: {err}"),
            "`guideway track --print-params` shows their form".to_owned(),
        )
    })?;
    params.check()?;
    Ok(params)
}

fn median(lengths: &[f64]) -> f64 {
    let mut sorted = lengths.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_parameters_are_named() {
        let classes = ["car".to_owned(), "pedestrian".to_owned()];
        let given = json!({ "all": { "life": { "coast_s": 2.0 } }, "classes": { "pedestrian": { "life": { "coast_s": 3.0 } } } });
        let params = params_of::<Image>(Some(&given), &classes).unwrap();
        assert_eq!([params.class(0).life.coast_s, params.class(1).life.coast_s], [2.0, 3.0]);
        let unknown = json!({ "classes": { "tram": {} } });
        let error = params_of::<Image>(Some(&unknown), &classes).unwrap_err();
        assert!(error.to_string().contains("`tram`"), "{error}");
        let misspelt = json!({ "all": { "life": { "coast": 2.0 } } });
        let error = params_of::<Image>(Some(&misspelt), &classes).unwrap_err();
        assert!(error.to_string().contains("unknown field `coast`"), "{error}");
    }
}
