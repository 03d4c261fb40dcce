//! Independent frames of a world, straight into a dataset.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use guideway_core::{IdBuilder, RecordingId, Reporter, Se3, uri};
use guideway_schema::{
    FrameRow, GROUND_TRUTH_LABELER, IngestSummary, LabelRow, RecordingRow, Rows, SensorRow, Sink, Source, SourceError,
};
use guideway_world::frames::{Frame, FrameSet};
use guideway_world::labels::ObjectLabel;
use guideway_world::object::ObjectClass;
use guideway_world::sensors::rig::CameraSpec;
use serde::Serialize;
use serde_json::json;

use super::WorldSetup;
use crate::atomic::write_atomic;
use crate::dataset::{DatasetSummary, FreezeOptions};
use crate::error::Error;
use crate::workspace::{Workspace, quote};

/// Rows that are pushed at once.
const BATCH: usize = 256;

/// What frames to make.
#[derive(Debug, Clone)]
pub struct WorldFramesOptions {
    /// How many.
    pub count: u32,
    /// How many of them share a scene; they stay in one split.
    pub per_scene: u32,
    /// The seed.
    pub seed: u64,
    /// Name of the dataset.
    pub dataset: String,
    /// How to freeze; its `sql` is replaced by the frames made.
    pub freeze: FreezeOptions,
}

/// What was made.
#[derive(Debug, Clone, Serialize)]
pub struct WorldFramesReport {
    /// The recording that holds the frames.
    pub recording_id: String,
    /// Folder with the pictures.
    pub folder: PathBuf,
    /// Frames.
    pub frames: u64,
    /// Labels.
    pub labels: u64,
    /// The dataset.
    pub dataset: DatasetSummary,
}

impl Workspace {
    /// Makes independent frames of many scenes and freezes them as a dataset.
    ///
    /// The pictures lie in the workspace's folder `worlds/NAME`; their rows hold the exact labels, and in `frames.attributes` the seed and
    /// the parameters that make each again.
    pub fn world_frames(
        &self,
        setup: &WorldSetup,
        options: &WorldFramesOptions,
        reporter: &dyn Reporter,
    ) -> Result<WorldFramesReport, Error> {
        if options.count == 0 {
            return Err(Error::usage(
                "0 frames were asked for",
                "ask for at least one: --count 100".to_owned(),
            ));
        }
        // Before hours of work: what freezing would refuse.
        self.store().check_dataset_name(&options.dataset)?;
        options.freeze.check()?;
        let known = ObjectClass::ALL.map(ObjectClass::name);
        if let Some(class) = options
            .freeze
            .classes
            .iter()
            .find(|class| !known.contains(&class.as_str()))
        {
            return Err(Error::usage(
                format!("worlds have no class `{class}`"),
                format!("the classes are {}", known.join(", ")),
            ));
        }
        let name: String = options
            .dataset
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        let folder = self.root().join("worlds").join(name);
        let mut source = Frames {
            setup,
            seed: options.seed,
            count: options.count,
            per_scene: options.per_scene.max(1),
            folder: folder.clone(),
            failure: None,
        };
        setup.warn_of_roads(options.seed, source.set()?.scenes(), reporter)?;
        std::fs::create_dir_all(&folder).map_err(|err| Error::io("create", &folder, err))?;
        let recording = self.ingest_source(&mut source, reporter);
        if let Some(err) = source.failure {
            return Err(err);
        }
        let recording = recording?;
        let dataset = self.freeze(
            &options.dataset,
            &FreezeOptions {
                sql: format!(
                    "SELECT frame_id FROM frames WHERE recording_id = {} ORDER BY sequence",
                    quote(&recording.recording_id)
                ),
                ..options.freeze.clone()
            },
            reporter,
        )?;
        Ok(WorldFramesReport {
            recording_id: recording.recording_id,
            folder,
            frames: recording.summary.frames,
            labels: recording.summary.labels,
            dataset,
        })
    }
}

/// The frames as a recording.
struct Frames<'s> {
    setup: &'s WorldSetup,
    seed: u64,
    count: u32,
    per_scene: u32,
    folder: PathBuf,
    failure: Option<Error>,
}

impl Frames<'_> {
    fn set(&self) -> Result<FrameSet<'_>, Error> {
        self.setup.frame_set(self.seed, self.count, self.per_scene)
    }

    fn id(&self) -> Result<RecordingId, Error> {
        let rig = self.setup.rig.to_toml()?;
        let mut id = IdBuilder::new("recording")
            .text("world-frames")
            .text(env!("CARGO_PKG_VERSION"))
            .text(&rig)
            .int(self.seed as i64)
            .int(i64::from(self.count))
            .int(i64::from(self.per_scene));
        for scene in 0..self.set()?.scenes() {
            id = id.text(&self.setup.sample_toml(self.seed, scene)?);
        }
        Ok(id.finish())
    }

    fn make(&self, sink: &mut dyn Sink, reporter: &dyn Reporter) -> Result<IngestSummary, Error> {
        let recording_id = self.id()?.into_string();
        let set = self.set()?;
        let sensor = sensor_row(&recording_id, set.camera);
        let sensor_id = sensor.sensor_id.clone();
        push(sink, vec![sensor])?;
        let task = reporter.begin("Making frames", Some(u64::from(self.count)), "frames");
        let mut summary = IngestSummary::default();
        let mut digest = blake3::Hasher::new();
        let mut bytes = 0;
        let (mut frames, mut labels) = (Vec::new(), Vec::new());
        for frame in set.frames() {
            let frame = frame?;
            let index = frame.index;
            let file = self.folder.join(format!("{index:06}.jpg"));
            write_atomic(&file, &frame.reading.jpeg)?;
            digest.update(&frame.reading.jpeg);
            bytes += frame.reading.jpeg.len() as i64;
            let row = frame_row(&recording_id, &sensor_id, &file, &frame)?;
            labels.extend(
                frame
                    .reading
                    .labels
                    .objects
                    .iter()
                    .map(|object| label_row(&row, object)),
            );
            frames.push(row);
            summary.frames += 1;
            if frames.len() >= BATCH {
                summary.labels += labels.len() as u64;
                push(sink, std::mem::take(&mut frames))?;
                push(sink, std::mem::take(&mut labels))?;
            }
            task.advance(1);
        }
        summary.labels += labels.len() as u64;
        push(sink, frames)?;
        push(sink, labels)?;
        let recording = RecordingRow {
            recording_id,
            name: self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            uri: self.uri(),
            format: self.format().to_owned(),
            kind: "collection".to_owned(),
            start_ns: None,
            end_ns: None,
            clock: "none".to_owned(),
            size_bytes: bytes,
            digest: digest.finalize().to_hex().to_string(),
            message_count: 0,
            frame_count: summary.frames as i64,
            label_count: summary.labels as i64,
            damage_count: 0,
            metadata: Some(json!({ "seed": self.seed, "count": self.count, "per_scene": self.per_scene, "world": env!("CARGO_PKG_VERSION") }).to_string()),
        };
        push(sink, vec![recording])?;
        Ok(summary)
    }
}

impl Source for Frames<'_> {
    fn format(&self) -> &'static str {
        "world"
    }

    fn uri(&self) -> String {
        uri::from_path(&self.folder)
    }

    fn size_bytes(&self) -> u64 {
        u64::from(self.count)
    }

    fn recording_id(&mut self) -> Result<RecordingId, SourceError> {
        self.id().map_err(|err| self.keep(err))
    }

    fn read(&mut self, sink: &mut dyn Sink, reporter: &dyn Reporter) -> Result<IngestSummary, SourceError> {
        self.make(sink, reporter).map_err(|err| self.keep(err))
    }
}

impl Frames<'_> {
    /// The source's errors are of files; the world's own is kept for the caller.
    fn keep(&mut self, err: Error) -> SourceError {
        let message = err.to_string();
        self.failure = Some(err);
        SourceError::Unreadable {
            message,
            place: "the world".to_owned(),
            hint: None,
            path: self.folder.clone(),
        }
    }
}

fn push<R>(sink: &mut dyn Sink, rows: Vec<R>) -> Result<(), Error>
where
    Rows: From<Vec<R>>,
{
    let rows = Rows::from(rows);
    if rows.is_empty() {
        return Ok(());
    }
    sink.push(rows).map_err(|err| SourceError::from(err).into())
}

fn sensor_row(recording_id: &str, camera: &CameraSpec) -> SensorRow {
    let model = camera.camera().ok();
    let intrinsics = model.map(|camera| camera.intrinsics());
    let ego_from_camera: Se3 = camera.ego_from_camera();
    SensorRow {
        sensor_id: IdBuilder::new("sensor")
            .text(recording_id)
            .text(&camera.name)
            .finish::<guideway_core::SensorId>()
            .into_string(),
        recording_id: recording_id.to_owned(),
        name: camera.name.clone(),
        modality: "camera".to_owned(),
        frame_name: Some(camera.name.clone()),
        camera_model: model.map(|camera| camera.model().name().to_owned()),
        width: Some(i64::from(camera.width)),
        height: Some(i64::from(camera.height)),
        fx: intrinsics.map(|i| i.fx),
        fy: intrinsics.map(|i| i.fy),
        cx: intrinsics.map(|i| i.cx),
        cy: intrinsics.map(|i| i.cy),
        distortion: model.map(|camera| camera.model().coefficients()).unwrap_or_default(),
        ego_from_sensor: ego_from_camera.to_array().to_vec(),
        metadata: None,
    }
}

fn frame_row(recording_id: &str, sensor_id: &str, file: &Path, frame: &Frame) -> Result<FrameRow, Error> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let frame_id = IdBuilder::new("frame")
        .text(recording_id)
        .text(&name)
        .finish::<guideway_core::FrameId>()
        .into_string();
    let mut attributes = serde_json::to_value(&frame.reading.labels.scene).map_err(|err| Error::corrupt(&name, err))?;
    if let Some(map) = attributes.as_object_mut() {
        let origin = serde_json::to_value(&frame.origin).map_err(|err| Error::corrupt(&name, err))?;
        map.insert("origin".to_owned(), origin);
    }
    Ok(FrameRow {
        recording_id: recording_id.to_owned(),
        sensor_id: sensor_id.to_owned(),
        modality: "camera".to_owned(),
        sequence: frame.index as i64,
        timestamp_ns: None,
        log_time_ns: None,
        name,
        uri: uri::from_path(file),
        chunk_offset: None,
        message_offset: None,
        length: Some(frame.reading.jpeg.len() as i64),
        media_type: "image/jpeg".to_owned(),
        width: Some(i64::from(frame.reading.frame.width)),
        height: Some(i64::from(frame.reading.frame.height)),
        group_id: format!("{recording_id}:{}", frame.scene),
        source_split: None,
        attributes: Some(attributes.to_string()),
        frame_id,
    })
}

fn label_row(frame: &FrameRow, object: &ObjectLabel) -> LabelRow {
    let b = object.visible;
    let mut attributes: BTreeMap<String, serde_json::Value> =
        object.attributes.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
    let a = object.amodal;
    attributes.insert("kind".to_owned(), json!(object.kind));
    attributes.insert("occlusion".to_owned(), json!(object.occlusion));
    attributes.insert("amodal".to_owned(), json!([a.x_min, a.y_min, a.x_max, a.y_max]));
    attributes.insert("velocity".to_owned(), json!(object.velocity));
    attributes.insert("distance".to_owned(), json!(object.distance_m));
    LabelRow {
        label_id: IdBuilder::new("label")
            .text(&frame.frame_id)
            .int(i64::from(object.id))
            .finish::<guideway_core::LabelId>()
            .into_string(),
        frame_id: frame.frame_id.clone(),
        recording_id: frame.recording_id.clone(),
        class: object.class.name().to_owned(),
        source_class: object.class.name().to_owned(),
        x_min: Some(b.x_min),
        y_min: Some(b.y_min),
        x_max: Some(b.x_max),
        y_max: Some(b.y_max),
        mask_rle: Some(object.mask.to_coco_string()),
        area: Some(object.mask.area() as f64),
        is_crowd: false,
        is_ignored: false,
        cuboid_frame: Some("ego".to_owned()),
        cuboid: object.cuboid_ego.to_array().to_vec(),
        track_id: Some(object.id.to_string()),
        truncation: Some(object.truncation),
        occlusion: Some(occlusion_code(object.occlusion)),
        labeler: Some(GROUND_TRUTH_LABELER.to_owned()),
        source_uri: frame.uri.clone(),
        source_row: Some(i64::from(object.id)),
        attributes: serde_json::to_string(&attributes).ok(),
    }
}

/// KITTI's code of a hidden fraction: 0 visible, 1 partly, 2 largely.
pub(crate) fn occlusion_code(fraction: f64) -> i64 {
    match fraction {
        f if f < 0.1 => 0,
        f if f < 0.5 => 1,
        _ => 2,
    }
}
