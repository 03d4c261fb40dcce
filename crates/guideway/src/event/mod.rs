//! Mistakes over time, to look at: which there are, what each is made of, and the seconds around it as a page or a log.

mod clip;
mod page;
mod small;
mod solid;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use guideway_core::{Cuboid, Reporter, Warning};
use guideway_eval::events::{EventParams, SpaceEventParams};
use guideway_ingest::media::{Media, MediaReader};
use guideway_schema::{EventRow, FrameRow, LabelRow, MistakeRow, PredictedCuboidRow, PredictionRow, RecordingRow};
use serde::Serialize;

use crate::atomic::{check_out, write_atomic};
use crate::dataset::ids;
use crate::error::Error;
use crate::evaluate::EvalReport;
use crate::placement::Placement;
use crate::workspace::{Workspace, quote};

/// Pictures on a page at most: a page that does not open is of no use.
const MOST_PICTURES: usize = 160;
/// Moments on a page at most.
const MOST_MOMENTS: usize = 60;
/// Frames of other sensors this near in time belong to a moment, ns.
const TOGETHER_NS: i64 = 150_000_000;
/// Seconds of a long mistake that a page shows at most, around its worst frame.
const LONGEST_S: f64 = 20.0;
/// Fewest digits of an id.
const FEWEST_DIGITS: usize = 4;

/// Which mistakes to list.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// The evaluation; the newest when `None`.
    pub run: Option<String>,
    /// A condition on the columns of the table `mistakes`, in SQL.
    pub condition: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// The mistakes of an evaluation that a filter lets through.
#[derive(Debug, Clone, Serialize)]
pub struct EventList {
    /// The evaluation.
    pub run_id: String,
    /// Its model.
    pub model: String,
    /// The dataset or split.
    pub on: String,
    /// How many pass the filter.
    pub total: u64,
    /// The gravest of them, gravest first.
    pub events: Vec<MistakeRow>,
}

/// A mistake with what it is made of.
#[derive(Debug, Clone, Serialize)]
pub struct EventDetail {
    /// The mistake.
    pub event: MistakeRow,
    /// Name of its recording.
    pub recording: String,
    /// Where that lies.
    pub uri: String,
    /// The model that made it.
    pub model: String,
    /// The dataset or split of the evaluation.
    pub on: String,
    /// What was wrong in single frames, by time.
    pub frames: Vec<EventRow>,
}

/// How to open a mistake.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Seconds before and after it.
    pub seconds: f64,
    /// The page to write, an HTML file; `reports/events/ID.html` of the workspace when `None`.
    pub out: Option<PathBuf>,
    /// An MCAP log of those seconds to write as well, with predictions and what was wrong.
    pub clip: Option<PathBuf>,
}

/// What was written.
#[derive(Debug, Clone, Serialize)]
pub struct OpenedEvent {
    /// The mistake.
    pub event_id: String,
    /// The page.
    pub page: PathBuf,
    /// Moments on it.
    pub moments: u64,
    /// Pictures on it.
    pub pictures: u64,
    /// Lidar sweeps on it.
    pub sweeps: u64,
    /// First stamp shown, ns; none for an independent image.
    pub from_ns: Option<i64>,
    /// Last stamp shown, ns.
    pub to_ns: Option<i64>,
    /// The log, where one was asked for.
    pub clip: Option<PathBuf>,
}

/// Everything around a mistake.
struct Around {
    detail: EventDetail,
    recording: RecordingRow,
    /// By stamp, then by sensor.
    frames: Vec<FrameRow>,
    labels: BTreeMap<String, Vec<LabelRow>>,
    predictions: BTreeMap<String, Vec<PredictionRow>>,
    /// Predicted objects in space; none where the mistake is about boxes.
    cuboids: BTreeMap<String, Vec<PredictedCuboidRow>>,
    /// Is it about objects in space?
    in_space: bool,
    placement: Placement,
    /// Topics that say how things stand: transforms and calibrations.
    standing: Vec<String>,
}

/// A moment of a page: frames of several sensors that belong together.
struct Moment {
    stamp_ns: Option<i64>,
    /// Place in [`Around::frames`] of the sensor's frame that saw the mistake.
    lead: usize,
    /// Places in [`Around::frames`], by the name of their sensor.
    cameras: Vec<usize>,
    sweep: Option<usize>,
    is_worst: bool,
}

impl Workspace {
    /// The mistakes over time of an evaluation, gravest first.
    pub fn events_over_time(&self, filter: &EventFilter) -> Result<EventList, Error> {
        let evaluation = match &filter.run {
            Some(run) => self.evaluation(run)?,
            None => self
                .evaluations()?
                .into_iter()
                .rev()
                .find(|report| report.driven.is_some())
                .ok_or_else(|| {
                    Error::failed(
                        "no evaluation has mistakes over time yet",
                        "make one with `guideway eval run MODEL --on DATASET:val`",
                    )
                })?,
        };
        if evaluation.driven.is_none() {
            return Err(Error::usage(
                format!(
                    "the evaluation of {} on {} was made by an older version, which kept mistakes of single frames only",
                    evaluation.model, evaluation.on
                ),
                format!(
                    "evaluate again: `guideway eval run {} --on {}`; the predictions are not made twice",
                    evaluation.model, evaluation.on
                ),
            ));
        }
        let condition = filter
            .condition
            .as_deref()
            .map_or_else(String::new, |sql| format!(" AND (\n{sql}\n)"));
        let from = format!("FROM mistakes WHERE run_id = {}{condition}", quote(&evaluation.run_id));
        let total = self.counts(&format!("SELECT 'all', count(*) {from}"))?;
        let events = self.rows(&format!(
            "SELECT * {from} ORDER BY severity DESC, mistake_id LIMIT {}",
            filter.limit
        ))?;
        Ok(EventList {
            run_id: evaluation.run_id,
            model: evaluation.model,
            on: evaluation.on,
            total: total.first().map_or(0, |(_, count)| *count),
            events,
        })
    }

    /// The mistake of this id, or the one that the event of a single frame belongs to; the first four or more digits will do.
    pub fn event(&self, id: &str) -> Result<EventDetail, Error> {
        let event = self.mistake(id)?;
        let frames: Vec<EventRow> = self.rows(&format!(
            "SELECT * FROM events WHERE event_id IN ({}) ORDER BY start_ns, event_id",
            ids(event.event_ids.iter().map(String::as_str))
        ))?;
        let evaluation = self.evaluation(&event.run_id)?;
        let recordings: Vec<RecordingRow> = self.rows(&format!(
            "SELECT * FROM recordings WHERE recording_id = {}",
            quote(&event.recording_id)
        ))?;
        let recording = recordings.into_iter().next();
        Ok(EventDetail {
            recording: recording.as_ref().map(|row| row.name.clone()).unwrap_or_default(),
            uri: recording.map(|row| row.uri).unwrap_or_default(),
            model: evaluation.model,
            on: evaluation.on,
            event,
            frames,
        })
    }

    fn mistake(&self, id: &str) -> Result<MistakeRow, Error> {
        let hint = "`guideway event ls` lists them";
        if id.len() < FEWEST_DIGITS || !id.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Error::not_found("event", id, hint));
        }
        let begins = |column: &str| format!("starts_with({column}, {})", quote(&id.to_ascii_lowercase()));
        let mut found: Vec<MistakeRow> = self.rows(&format!(
            "SELECT * FROM mistakes WHERE {} ORDER BY mistake_id LIMIT 5",
            begins("mistake_id")
        ))?;
        if found.is_empty() {
            found = self.rows(&format!(
                "SELECT m.* FROM mistakes m JOIN (SELECT event_id, run_id FROM events WHERE {}) e \
                 ON m.run_id = e.run_id AND array_has(m.event_ids, e.event_id) ORDER BY m.mistake_id LIMIT 5",
                begins("event_id")
            ))?;
        }
        if found.len() > 1 {
            let listed: Vec<&str> = found.iter().map(|row| row.mistake_id.as_str()).collect();
            return Err(Error::usage(
                format!("several events begin with {id}: {}, …", listed.join(", ")),
                "give more digits".to_owned(),
            ));
        }
        found.pop().ok_or_else(|| Error::not_found("event", id, hint))
    }

    /// Writes the seconds around a mistake as a page that opens without a server: every camera with labels and predictions, lidar from above, the ego's speed; and as
    /// an MCAP log where one is asked for.
    ///
    /// Only the messages of those seconds are read, however long the log is.
    pub fn open_event(&self, id: &str, options: &OpenOptions, reporter: &dyn Reporter) -> Result<OpenedEvent, Error> {
        Ok(self.open_with_picture(id, options, 0, reporter)?.0)
    }

    /// Like [`open_event`](Self::open_event), with a picture of the worst moment so many pixels wide, JPEG; none where it cannot be read, or for a width of 0.
    pub(crate) fn open_with_picture(
        &self,
        id: &str,
        options: &OpenOptions,
        width: u32,
        reporter: &dyn Reporter,
    ) -> Result<(OpenedEvent, Option<Vec<u8>>), Error> {
        if !(options.seconds >= 0.0 && options.seconds <= 600.0) {
            return Err(Error::usage(
                format!("{} seconds around an event", options.seconds),
                "give from 0 to 600 seconds".to_owned(),
            ));
        }
        let detail = self.event(id)?;
        let page = if let Some(path) = &options.out {
            check_out(path)?;
            path.clone()
        } else {
            let page = self.report_dir("events", &format!("{}.html", detail.event.mistake_id));
            if let Some(folder) = page.parent() {
                std::fs::create_dir_all(folder).map_err(|source| Error::io("make the folder", folder, source))?;
            }
            page
        };
        let around = self.around(detail, options.seconds)?;
        let moments = around.moments();
        let mut opened = OpenedEvent {
            event_id: around.detail.event.mistake_id.clone(),
            page: page.clone(),
            moments: moments.len() as u64,
            pictures: 0,
            sweeps: 0,
            from_ns: around.frames.first().and_then(|frame| frame.timestamp_ns),
            to_ns: around.frames.last().and_then(|frame| frame.timestamp_ns),
            clip: None,
        };
        let media = around.read(&moments, reporter);
        let html = page::write(&around, &moments, &media, &mut opened)?;
        write_atomic(&page, html.as_bytes())?;
        if let Some(path) = &options.clip {
            check_out(path)?;
            clip::write(&around, path, reporter)?;
            opened.clip = Some(path.clone());
        }
        let small = (width > 0).then(|| around.small(&moments, &media, width));
        Ok((opened, small.flatten()))
    }

    fn around(&self, detail: EventDetail, seconds: f64) -> Result<Around, Error> {
        let event = &detail.event;
        let margin = (seconds * 1e9) as i64;
        let recording_id = quote(&event.recording_id);
        let worst: Vec<FrameRow> = self.rows(&format!(
            "SELECT * FROM frames WHERE frame_id = {}",
            quote(&event.frame_id)
        ))?;
        let frames: Vec<FrameRow> = match (event.start_ns, event.end_ns) {
            (Some(start), Some(end)) => {
                let middle = worst.first().and_then(|frame| frame.timestamp_ns).unwrap_or(start);
                let longest = (LONGEST_S * 1e9) as i64 / 2;
                let from = start
                    .saturating_sub(margin)
                    .max(middle.saturating_sub(longest + margin));
                let to = end.saturating_add(margin).min(middle.saturating_add(longest + margin));
                self.rows(&format!(
                    "SELECT * FROM frames WHERE recording_id = {recording_id} AND timestamp_ns BETWEEN {from} AND {to} ORDER BY timestamp_ns, sensor_id, frame_id"
                ))?
            }
            _ => worst,
        };
        let recordings: Vec<RecordingRow> =
            self.rows(&format!("SELECT * FROM recordings WHERE recording_id = {recording_id}"))?;
        let recording = recordings.into_iter().next().ok_or_else(|| {
            Error::not_found(
                "recording",
                &event.recording_id,
                "it was removed from the workspace; ingest it again",
            )
        })?;
        let EvalReport { predict_run_id, .. } = self.evaluation(&event.run_id)?;
        let listed = ids(frames.iter().map(|frame| frame.frame_id.as_str()));
        let labels: Vec<LabelRow> = self.rows(&format!(
            "SELECT * FROM labels WHERE frame_id IN ({listed}) ORDER BY label_id"
        ))?;
        let predictions: Vec<PredictionRow> = self.rows(&format!(
            "SELECT * FROM predictions WHERE run_id = {} AND score >= {} AND frame_id IN ({listed}) ORDER BY prediction_id",
            quote(&predict_run_id),
            EventParams::default().min_score
        ))?;
        let in_space = detail
            .frames
            .iter()
            .all(|row| row.label_box.is_empty() && row.predicted_box.is_empty());
        let cuboids: Vec<PredictedCuboidRow> = if in_space {
            self.rows(&format!(
                "SELECT * FROM predicted_cuboids WHERE run_id = {} AND score >= {} AND frame_id IN ({listed}) ORDER BY prediction_id",
                quote(&predict_run_id),
                SpaceEventParams::default().min_score
            ))?
        } else {
            Vec::new()
        };
        Ok(Around {
            placement: self.placement(&event.recording_id)?,
            standing: self
                .channels(&recording)?
                .into_iter()
                .filter(|channel| ["transform", "calibration"].contains(&channel.kind.as_str()))
                .map(|channel| channel.topic)
                .collect(),
            recording,
            labels: by_frame(labels, |row| &row.frame_id),
            predictions: by_frame(predictions, |row| &row.frame_id),
            cuboids: by_frame(cuboids, |row| &row.frame_id),
            in_space,
            frames,
            detail,
        })
    }
}

fn by_frame<R>(rows: Vec<R>, frame_id: impl Fn(&R) -> &String) -> BTreeMap<String, Vec<R>> {
    let mut map: BTreeMap<String, Vec<R>> = BTreeMap::new();
    for row in rows {
        map.entry(frame_id(&row).clone()).or_default().push(row);
    }
    map
}

impl Around {
    fn sensor_name(&self, frame: &FrameRow) -> &str {
        self.placement
            .sensor(&frame.sensor_id)
            .map_or("camera", |sensor| sensor.name.as_str())
    }

    /// The frames of the sensor that saw the mistake set the pace; those of the others join the nearest.
    fn moments(&self) -> Vec<Moment> {
        let worst = self.detail.event.frame_id.as_str();
        let Some(lead) = self.frames.iter().find(|frame| frame.frame_id == worst) else {
            return Vec::new();
        };
        let is_camera = |frame: &FrameRow| frame.modality == "camera";
        let cameras: BTreeSet<(&str, &str)> = self
            .frames
            .iter()
            .filter(|frame| is_camera(frame))
            .map(|frame| (self.sensor_name(frame), frame.sensor_id.as_str()))
            .collect();
        let paced: Vec<usize> = (0..self.frames.len())
            .filter(|at| self.frames[*at].sensor_id == lead.sensor_id)
            .collect();
        let most = (MOST_PICTURES / cameras.len().max(1)).clamp(1, MOST_MOMENTS);
        let stride = paced.len().div_ceil(most).max(1);
        // The worst frame stays, whatever is left out.
        let worst_at = paced
            .iter()
            .position(|at| self.frames[*at].frame_id == worst)
            .unwrap_or(0);
        let nearest = |stamp: Option<i64>, wanted: &dyn Fn(&FrameRow) -> bool| -> Option<usize> {
            let stamp = stamp?;
            (0..self.frames.len())
                .filter(|at| wanted(&self.frames[*at]))
                .filter_map(|at| Some(((self.frames[at].timestamp_ns? - stamp).abs(), at)))
                .min()
                .filter(|(apart, _)| *apart <= TOGETHER_NS)
                .map(|(_, at)| at)
        };
        paced
            .iter()
            .enumerate()
            .filter(|(step, _)| step % stride == worst_at % stride)
            .map(|(step, at)| {
                let stamp_ns = self.frames[*at].timestamp_ns;
                let of_camera = |sensor: &str| {
                    if sensor == lead.sensor_id {
                        return Some(*at);
                    }
                    nearest(stamp_ns, &|frame| frame.sensor_id == sensor)
                };
                let sweep = if lead.modality == "lidar" {
                    Some(*at)
                } else {
                    nearest(stamp_ns, &|frame| frame.modality == "lidar")
                };
                Moment {
                    stamp_ns,
                    lead: *at,
                    cameras: cameras.iter().filter_map(|(_, sensor)| of_camera(sensor)).collect(),
                    sweep,
                    is_worst: step == worst_at,
                }
            })
            .collect()
    }

    /// The media of the moments' frames, read in the order of the log; what cannot be read is a warning, and missing.
    fn read(&self, moments: &[Moment], reporter: &dyn Reporter) -> BTreeMap<usize, Media> {
        let wanted: BTreeSet<usize> = moments
            .iter()
            .flat_map(|moment| moment.cameras.iter().copied().chain(moment.sweep))
            .collect();
        let mut reader = MediaReader::new();
        let mut media = BTreeMap::new();
        let mut failed: Option<(String, u64)> = None;
        for at in wanted {
            match reader.fetch(&self.frames[at]) {
                Ok(found) => {
                    media.insert(at, found);
                }
                Err(err) => {
                    failed.get_or_insert_with(|| (err.to_string(), 0)).1 += 1;
                }
            }
        }
        if let Some((message, count)) = failed {
            reporter.warn(Warning {
                code: "media-missing".to_owned(),
                message,
                location: self.recording.uri.clone(),
                count,
            });
        }
        media
    }

    /// A label's cuboid in the ego frame.
    fn cuboid_in_ego(&self, label: &LabelRow, frame: &FrameRow) -> Option<Cuboid> {
        let cuboid = (label.cuboid.as_slice(), label.cuboid_frame.as_deref()?);
        self.placement.cuboid_in_ego(cuboid, frame.into())
    }

    /// What is wrong in a frame.
    fn wrong(&self, frame: &FrameRow) -> impl Iterator<Item = &EventRow> {
        self.detail
            .frames
            .iter()
            .filter(move |row| row.frame_id == frame.frame_id)
    }

    /// The log, where the recording is one.
    fn log(&self) -> Option<PathBuf> {
        (self.recording.format == "mcap")
            .then(|| guideway_core::uri::to_path(&self.recording.uri))
            .flatten()
            .filter(|path: &PathBuf| Path::is_file(path))
    }
}
