//! The frames that results may be about, and the names by which files know them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use arrow::compute::cast;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, Int64Array, RecordBatch};
use arrow_schema::DataType;
use guideway_ingest::export::is_written;
use guideway_schema::{RecordingRow, SensorRow};
use guideway_store::DatasetInfo;

use crate::dataset::{ids, text};
use crate::error::Error;
use crate::workspace::Workspace;

/// A frame of the dataset.
pub(super) struct Frame {
    pub(super) id: Box<str>,
    pub(super) name: Box<str>,
    /// Place in [`Frames::recordings`].
    pub(super) recording: u32,
    /// Place in [`Frames::sensors`].
    pub(super) sensor: u32,
    pub(super) stamp_ns: Option<i64>,
    /// Height and width, px, where known.
    pub(super) size: Option<[u32; 2]>,
    /// Is it among those that the results are to cover?
    pub(super) wanted: bool,
    /// Does `dataset export` write it, and so number it?
    pub(super) numbered: bool,
}

/// The frames of a dataset, in its order.
pub(super) struct Frames {
    pub(super) info: DatasetInfo,
    /// The split that the results are to cover; the whole dataset when `None`.
    pub(super) split: Option<String>,
    pub(super) list: Vec<Frame>,
    pub(super) recordings: Vec<RecordingRow>,
    pub(super) sensors: Vec<SensorRow>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    One(u32),
    /// Several frames, of which this is one.
    Many(u32),
}

impl Frames {
    /// The frames of a dataset, of which those of `on` are wanted.
    pub(super) fn load(workspace: &Workspace, on: &str) -> Result<Self, Error> {
        let (dataset, _) = workspace.dataset_split(on)?;
        let info = dataset.info().clone();
        let recording_ids = info.manifest.recordings.iter().map(|row| row.recording_id.as_str());
        let listed = ids(recording_ids);
        let recordings: Vec<RecordingRow> = if listed.is_empty() {
            Vec::new()
        } else {
            workspace.rows(&format!(
                "SELECT * FROM recordings WHERE recording_id IN ({listed}) ORDER BY recording_id"
            ))?
        };
        let mut frames = Self {
            split: on.split_once(':').map(|(_, split)| split.to_owned()),
            sensors: workspace.cameras(&info)?.into_values().collect(),
            info,
            list: Vec::new(),
            recordings,
        };
        let mut known_recordings: HashMap<String, u32> = HashMap::new();
        for (row, place) in frames.recordings.iter().zip(0..) {
            known_recordings.insert(row.recording_id.clone(), place);
        }
        let mut known_sensors: HashMap<String, u32> = HashMap::new();
        for (row, place) in frames.sensors.iter().zip(0..) {
            known_sensors.insert(row.sensor_id.clone(), place);
        }
        // The order of the dataset itself, and so of what `dataset export` writes.
        let mut result = workspace.query(&format!(
            "SELECT frame_id, name, recording_id, sensor_id, split, media_type, timestamp_ns, width, height \
             FROM datasets.\"{}\" ORDER BY split, frame_id",
            frames.info.name
        ))?;
        while let Some(batch) = result.next_batch()? {
            let [id, name, recording, sensor, split, media] =
                ["frame_id", "name", "recording_id", "sensor_id", "split", "media_type"].map(|name| text(&batch, name));
            let (id, name, recording) = (id?, name?, recording?);
            let (sensor, split, media) = (sensor?, split?, media?);
            let [stamp, width, height] = ["timestamp_ns", "width", "height"].map(|name| integers(&batch, name));
            let (stamp, width, height) = (stamp?, width?, height?);
            for row in 0..batch.num_rows() {
                let pixels = |column: &Int64Array| {
                    let value = (!column.is_null(row)).then(|| column.value(row));
                    value.and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
                };
                let (width, height) = (pixels(&width), pixels(&height));
                let recording_place = *known_recordings
                    .entry(recording.value(row).to_owned())
                    .or_insert_with_key(|id| {
                        frames.recordings.push(RecordingRow {
                            recording_id: id.clone(),
                            name: id.clone(),
                            ..RecordingRow::default()
                        });
                        frames.recordings.len() as u32 - 1
                    });
                let sensor_place = *known_sensors
                    .entry(sensor.value(row).to_owned())
                    .or_insert_with_key(|id| {
                        frames.sensors.push(SensorRow {
                            sensor_id: id.clone(),
                            name: id.clone(),
                            ..SensorRow::default()
                        });
                        frames.sensors.len() as u32 - 1
                    });
                frames.list.push(Frame {
                    id: id.value(row).into(),
                    name: name.value(row).into(),
                    recording: recording_place,
                    sensor: sensor_place,
                    stamp_ns: (!stamp.is_null(row)).then(|| stamp.value(row)),
                    size: (width > 0 && height > 0).then_some([height, width]),
                    wanted: frames.split.as_deref().is_none_or(|wanted| wanted == split.value(row)),
                    numbered: is_written(media.value(row), width, height),
                });
            }
        }
        Ok(frames)
    }

    pub(super) fn get(&self, place: u32) -> Option<&Frame> {
        self.list.get(place as usize)
    }

    pub(super) fn recording(&self, frame: &Frame) -> Option<&RecordingRow> {
        self.recordings.get(frame.recording as usize)
    }

    pub(super) fn sensor(&self, frame: &Frame) -> Option<&SensorRow> {
        self.sensors.get(frame.sensor as usize)
    }

    /// How many the results are to cover.
    pub(super) fn wanted(&self) -> u64 {
        self.list.iter().filter(|frame| frame.wanted).count() as u64
    }

    /// Every frame with its place.
    pub(super) fn places(&self) -> impl Iterator<Item = (u32, &Frame)> {
        (0..).zip(&self.list)
    }

    /// Frames in the order in which `dataset export` numbers them.
    pub(super) fn numbered(&self) -> Vec<u32> {
        self.places()
            .filter(|(_, frame)| frame.numbered)
            .map(|(place, _)| place)
            .collect()
    }

    pub(super) fn by_id(&self) -> HashMap<&str, u32> {
        self.places().map(|(place, frame)| (&*frame.id, place)).collect()
    }

    /// Frames by something that may name several.
    pub(super) fn by<'a, K: std::hash::Hash + Eq>(&'a self, key: impl Fn(&'a Frame) -> Option<K>) -> HashMap<K, Named> {
        let mut names: HashMap<K, Named> = HashMap::new();
        for (place, frame) in self.places() {
            let Some(key) = key(frame) else { continue };
            names
                .entry(key)
                .and_modify(|named| {
                    let (Named::One(first) | Named::Many(first)) = *named;
                    *named = Named::Many(first);
                })
                .or_insert(Named::One(place));
        }
        names
    }

    /// What a frame is to a person: its recording and its name.
    pub(super) fn show(&self, place: u32) -> String {
        let Some(frame) = self.get(place) else {
            return "?".to_owned();
        };
        let recording = self.recording(frame).map_or("?", |row| row.name.as_str());
        format!("{} of {recording}", frame.name)
    }

    /// Recordings by their names and ids; a name that several have is in there with all of them.
    pub(super) fn recordings_by_name(&self) -> BTreeMap<&str, Vec<u32>> {
        let mut names: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (row, place) in self.recordings.iter().zip(0..) {
            names.entry(&row.name).or_default().push(place);
            if row.name != row.recording_id {
                names.entry(&row.recording_id).or_default().push(place);
            }
        }
        names
    }
}

/// The last part of a name that may be a path.
pub(super) fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// That without its ending.
pub(super) fn stem(name: &str) -> &str {
    let base = base_name(name);
    Path::new(base)
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or(base)
}

fn integers(batch: &RecordBatch, name: &str) -> Result<Int64Array, Error> {
    let bad = |why: &str| Error::corrupt("the answer to a query", format!("the column {name} {why}"));
    let column = batch.column_by_name(name).ok_or_else(|| bad("is missing"))?;
    let column = cast(column, &DataType::Int64).map_err(|err| bad(&format!("is no number: {err}")))?;
    Ok(column.as_primitive::<Int64Type>().clone())
}
