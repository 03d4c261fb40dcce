//! A small workspace to test with.

use std::error::Error;

use futures::StreamExt as _;
use guideway_core::{FrameId, IdBuilder, LabelId, RecordingId, SensorId};
use guideway_schema::{FrameRow, LabelRow, RecordingRow, SensorRow};
use guideway_store::{
    DatasetManifest, DatasetSpec, Frozen, NodeKind, NodeRef, Operation, Result, Sample, SampleLabel, Store, Transaction,
};
use serde_json::json;
use tempfile::TempDir;

/// What a test gives.
pub(crate) type Outcome = std::result::Result<(), Box<dyn Error>>;

/// The classes of the fixture.
pub(crate) const CLASSES: [&str; 3] = ["bicycle", "car", "truck"];

/// A new workspace in a temporary folder.
pub(crate) async fn workspace() -> std::result::Result<(TempDir, Store), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::init(dir.path().join("data")).await?;
    Ok((dir, store))
}

pub(crate) fn recording_id(number: i64) -> RecordingId {
    IdBuilder::new("recording").int(number).finish()
}

pub(crate) fn frame_id(recording: i64, sequence: i64) -> FrameId {
    IdBuilder::new("frame").int(recording).int(sequence).finish()
}

pub(crate) fn recording_row(number: i64, frames: i64) -> RecordingRow {
    RecordingRow {
        recording_id: recording_id(number).into_string(),
        name: format!("drive-{number}"),
        uri: format!("memory:///drive-{number}.mcap"),
        format: "mcap".to_owned(),
        kind: "drive".to_owned(),
        start_ns: Some(number * 1_000_000_000),
        end_ns: Some((number + 1) * 1_000_000_000),
        clock: "log".to_owned(),
        size_bytes: 1000,
        digest: format!("{number:064x}"),
        frame_count: frames,
        label_count: frames * 2,
        ..RecordingRow::default()
    }
}

pub(crate) fn frame_rows(number: i64, frames: i64) -> Vec<FrameRow> {
    (0..frames)
        .map(|sequence| FrameRow {
            frame_id: frame_id(number, sequence).into_string(),
            recording_id: recording_id(number).into_string(),
            sensor_id: sensor_id(number).into_string(),
            modality: "camera".to_owned(),
            sequence,
            timestamp_ns: Some(number * 1_000_000_000 + sequence * 100_000_000),
            name: format!("image_{sequence:03}"),
            uri: format!("memory:///drive-{number}.mcap"),
            media_type: "image/jpeg".to_owned(),
            width: Some(64),
            height: Some(48),
            group_id: recording_id(number).into_string(),
            ..FrameRow::default()
        })
        .collect()
}

pub(crate) fn sensor_id(number: i64) -> SensorId {
    IdBuilder::new("sensor").int(number).finish()
}

pub(crate) fn label_rows(number: i64, frames: i64) -> Vec<LabelRow> {
    (0..frames)
        .flat_map(|sequence| {
            (0..2).map(move |object| {
                let id: LabelId = IdBuilder::new("label").int(number).int(sequence).int(object).finish();
                LabelRow {
                    label_id: id.into_string(),
                    frame_id: frame_id(number, sequence).into_string(),
                    recording_id: recording_id(number).into_string(),
                    class: CLASSES[usize::try_from((number + sequence + object) % 3).unwrap_or(0)].to_owned(),
                    source_class: "x".to_owned(),
                    x_min: Some(object as f64),
                    y_min: Some(sequence as f64),
                    x_max: Some(object as f64 + 10.5),
                    y_max: Some(sequence as f64 + 4.25),
                    source_uri: "memory:///labels.json".to_owned(),
                    ..LabelRow::default()
                }
            })
        })
        .collect()
}

/// Pushes one recording with its sensor, frames and two labels per frame.
pub(crate) async fn push_recording(write: &mut Transaction, number: i64, frames: i64) -> Result<()> {
    let sensor = SensorRow {
        sensor_id: sensor_id(number).into_string(),
        recording_id: recording_id(number).into_string(),
        name: "/camera".to_owned(),
        modality: "camera".to_owned(),
        ..SensorRow::default()
    };
    write.push(vec![sensor].into()).await?;
    write.push(frame_rows(number, frames).into()).await?;
    write.push(label_rows(number, frames).into()).await?;
    write.push(vec![recording_row(number, frames)].into()).await
}

/// The lineage record of ingesting a recording.
pub(crate) fn ingest_operation(number: i64) -> Operation {
    let row = recording_row(number, 0);
    Operation {
        started_ns: 1_000 + number,
        ended_ns: 2_000 + number,
        code_version: "0.1.0 test".to_owned(),
        user: "tester".to_owned(),
        ..Operation::new("ingest")
            .input(NodeRef::new(NodeKind::File, &row.uri).with_detail(json!({ "name": row.uri, "digest": row.digest })))
            .output(
                NodeRef::new(NodeKind::Recording, &row.recording_id)
                    .with_detail(json!({ "name": row.name, "uri": row.uri, "digest": row.digest })),
            )
    }
}

/// Ingests one recording, replacing what is there.
pub(crate) async fn ingest(store: &Store, number: i64, frames: i64) -> Result<()> {
    let mut write = store.begin().await?;
    write.replace_recording(&recording_id(number));
    push_recording(&mut write, number, frames).await?;
    write.commit(ingest_operation(number)).await.map(|_| ())
}

/// Samples of a recording, as a freeze would make them from tables and media.
pub(crate) fn samples(number: i64, frames: i64, split: &str) -> Vec<Sample> {
    let labels = label_rows(number, frames);
    frame_rows(number, frames)
        .into_iter()
        .map(|frame| Sample {
            media: format!("media of {}", frame.frame_id).into_bytes(),
            labels: labels
                .iter()
                .filter(|label| label.frame_id == frame.frame_id)
                .cloned()
                .map(SampleLabel::from)
                .collect(),
            frame_id: frame.frame_id,
            recording_id: frame.recording_id,
            sensor_id: frame.sensor_id,
            group_id: frame.group_id,
            timestamp_ns: frame.timestamp_ns,
            split: split.to_owned(),
            name: frame.name,
            media_type: frame.media_type,
            media_digest: String::new(),
            width: frame.width,
            height: frame.height,
        })
        .collect()
}

/// What to freeze under this name.
pub(crate) fn spec(name: &str) -> DatasetSpec {
    DatasetSpec {
        name: name.to_owned(),
        classes: CLASSES.map(str::to_owned).to_vec(),
        manifest: DatasetManifest {
            query: Some("SELECT frame_id FROM frames".to_owned()),
            seed: Some(7),
            group_by: "recording".to_owned(),
            ..DatasetManifest::default()
        },
    }
}

/// Freezes samples in the order that the store wants.
pub(crate) async fn freeze(store: &Store, name: &str, mut samples: Vec<Sample>) -> Result<Frozen> {
    samples.sort_by(|a, b| (&a.split, &a.frame_id).cmp(&(&b.split, &b.frame_id)));
    let operation = Operation {
        started_ns: 10_000,
        ended_ns: 11_000,
        ..Operation::new("freeze")
    };
    let stream = futures::stream::iter(samples.into_iter().map(Ok)).boxed();
    store.create_dataset(spec(name), stream, operation).await
}

/// The one number that a query gives.
pub(crate) async fn number(store: &Store, query: &str) -> Result<i64> {
    let text = store.sql(query).await?.pretty().await?;
    let cell = text.lines().nth(3).unwrap_or_default().trim_matches(['|', ' ']).parse();
    Ok(cell.unwrap_or(i64::MIN))
}

/// An error with its causes and its hint.
pub(crate) fn explain(err: &(impl Error + guideway_core::Hint)) -> String {
    let mut text = err.to_string();
    let hint = err.hint();
    let mut source = err.source();
    while let Some(cause) = source {
        text = format!("{text}\ncause: {cause}");
        source = cause.source();
    }
    if let Some(hint) = hint {
        text = format!("{text}\nhint: {hint}");
    }
    text
}
