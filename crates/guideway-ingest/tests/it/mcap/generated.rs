//! Logs made here: what goes in comes out, whatever the encoding and the layout of the file.

use guideway_ingest::mcap::{LogIndex, McapSource, MessageQuery, read_messages};
use guideway_ingest::media::{MediaReader, fetch};
use guideway_ingest::testing::{DRIVE_START_NS, DriveOptions, FRAME_NS, drive};
use guideway_schema::{Source as _, SourceError};
use tempfile::TempDir;

use super::read;

fn written(options: DriveOptions) -> (TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("drive.mcap");
    drive(&path, options).unwrap();
    (dir, path)
}

#[test]
fn protobuf_and_json_say_the_same() {
    let (_a, protobuf) = written(DriveOptions::default());
    let (_b, json) = written(DriveOptions {
        json: true,
        ..DriveOptions::default()
    });
    let (protobuf, json) = (read(&protobuf).unwrap(), read(&json).unwrap());
    assert_eq!(protobuf.summary, json.summary);
    assert_eq!(protobuf.codes(), []);
    let boxes = |read: &super::Read| -> Vec<_> {
        read.labels()
            .into_iter()
            .map(|row| {
                (
                    row.class,
                    row.x_min,
                    row.y_max,
                    row.cuboid,
                    row.track_id,
                    row.attributes,
                )
            })
            .collect()
    };
    assert_eq!(boxes(&protobuf), boxes(&json));
    let poses = |read: &super::Read| -> Vec<_> {
        read.signals()
            .into_iter()
            .map(|row| (row.kind, row.timestamp_ns, row.x, row.qw, row.vx, row.latitude_deg))
            .collect()
    };
    assert_eq!(poses(&protobuf), poses(&json));
}

#[test]
fn every_layout_gives_the_same_rows() {
    let (_dir, path) = written(DriveOptions::default());
    let first = read(&path).unwrap();
    assert_eq!(first.summary.frames, 20);
    assert_eq!(first.summary.labels, 20);
    assert_eq!(first.summary.damaged, 0);
    for options in [
        DriveOptions {
            compression: None,
            ..DriveOptions::default()
        },
        DriveOptions {
            chunk_size: None,
            ..DriveOptions::default()
        },
        DriveOptions {
            summary: false,
            ..DriveOptions::default()
        },
        DriveOptions {
            chunk_size: Some(1 << 20),
            ..DriveOptions::default()
        },
    ] {
        let (_dir, path) = written(options);
        let other = read(&path).unwrap();
        assert_eq!(other.summary, first.summary, "{options:?}");
        assert_eq!(other.codes(), [], "{options:?}");
        let labels = |read: &super::Read| -> Vec<_> {
            let mut labels: Vec<_> = read
                .labels()
                .into_iter()
                .map(|row| (row.source_row, row.class, row.x_min, row.cuboid_frame))
                .collect();
            labels.sort_by(|a, b| a.partial_cmp(b).unwrap());
            labels
        };
        assert_eq!(labels(&other), labels(&first), "{options:?}");
        assert_eq!(LogIndex::open(&path).unwrap().message_count(), first.summary.messages);
    }
}

#[test]
fn rows_are_complete() {
    let (_dir, path) = written(DriveOptions {
        frames: 2,
        ..DriveOptions::default()
    });
    let read = read(&path).unwrap();
    let sensors = read.sensors();
    let camera = sensors.iter().find(|row| row.modality == "camera").unwrap();
    assert_eq!(camera.camera_model.as_deref(), Some("brown-conrady"));
    assert_eq!((camera.fx, camera.cy), (Some(64.0), Some(24.0)));
    assert_eq!(camera.ego_from_sensor, [1.5, 0.0, 1.2, 0.5, -0.5, 0.5, -0.5]);
    let lidar = sensors.iter().find(|row| row.modality == "lidar").unwrap();
    assert_eq!(lidar.ego_from_sensor, [0.0, 0.0, 1.8, 1.0, 0.0, 0.0, 0.0]);
    let frames = read.frames();
    let images: Vec<_> = frames.iter().filter(|row| row.modality == "camera").collect();
    assert_eq!(images[1].sequence, 1);
    assert_eq!(images[1].timestamp_ns, Some(DRIVE_START_NS + FRAME_NS));
    assert_eq!(images[1].log_time_ns, Some(DRIVE_START_NS + FRAME_NS + 1_000_000));
    assert_eq!((images[1].width, images[1].height), (Some(64), Some(48)));
    let labels = read.labels();
    let boxed: Vec<_> = labels.iter().filter(|row| row.x_min.is_some()).collect();
    assert_eq!(boxed.len(), 2);
    assert_eq!(boxed[1].frame_id, images[1].frame_id);
    assert_eq!(
        (boxed[1].x_min, boxed[1].y_min, boxed[1].area),
        (Some(3.0), Some(12.0), Some(256.0))
    );
    let cuboid = labels.iter().find(|row| !row.cuboid.is_empty()).unwrap();
    assert_eq!(cuboid.cuboid_frame.as_deref(), Some("ego"));
    assert_eq!(cuboid.cuboid, [10.0, 2.0, 0.8, 4.5, 1.9, 1.6, 1.0, 0.0, 0.0, 0.0]);
    assert!(
        frames
            .iter()
            .any(|frame| frame.modality == "lidar" && frame.frame_id == cuboid.frame_id)
    );
    let kinds: Vec<_> = read
        .channels()
        .into_iter()
        .map(|row| (row.topic, row.kind, row.message_count))
        .collect();
    insta::assert_debug_snapshot!("generated_channels", kinds);
    let recording = &read.recordings()[0];
    assert_eq!(
        (recording.clock.as_str(), recording.start_ns),
        ("sensor", Some(DRIVE_START_NS))
    );
    assert_eq!(
        recording.digest,
        blake3::hash(&std::fs::read(&path).unwrap()).to_hex().as_str()
    );
    assert!(matches!(read.rows.last(), Some(guideway_schema::Rows::Recordings(_))));
}

#[test]
fn reading_twice_or_elsewhere_changes_nothing() {
    let (dir, path) = written(DriveOptions::default());
    let first = read(&path).unwrap();
    let moved = dir.path().join("other name.mcap");
    std::fs::copy(&path, &moved).unwrap();
    assert_eq!(first.rows, read(&path).unwrap().rows);
    let again = read(&moved).unwrap();
    let ids = |read: &super::Read| -> Vec<String> {
        let frames = read.frames().into_iter().map(|row| row.frame_id);
        frames
            .chain(read.labels().into_iter().map(|row| row.label_id))
            .collect()
    };
    assert_eq!(ids(&first), ids(&again));
    let id = McapSource::open(&moved).unwrap().recording_id().unwrap();
    assert_eq!(id.as_str(), first.recordings()[0].recording_id);
}

#[test]
fn a_point_read_touches_one_chunk() {
    let (_dir, path) = written(DriveOptions {
        frames: 100,
        ..DriveOptions::default()
    });
    let read = read(&path).unwrap();
    let frame = read
        .frames()
        .into_iter()
        .filter(|row| row.modality == "camera")
        .nth(50)
        .unwrap();
    let chunk = read
        .chunks()
        .into_iter()
        .find(|row| Some(row.chunk_offset) == frame.chunk_offset)
        .unwrap();
    let mut reader = MediaReader::new();
    let media = reader.fetch(&frame).unwrap();
    assert_eq!(media.media_type, "image/jpeg");
    // Beside the chunk itself: magic, footer and the summary with its schemas, all of them about 17 kB.
    let touched = reader.bytes_touched();
    assert!(
        touched <= chunk.chunk_length as u64 + 20_480,
        "{touched} bytes for a chunk of {}",
        chunk.chunk_length
    );
    assert_eq!(fetch(&frame).unwrap(), media);
}

#[test]
fn unknown_channels_stay_reachable() {
    let (_dir, path) = written(DriveOptions {
        frames: 3,
        ..DriveOptions::default()
    });
    let query = MessageQuery {
        topics: vec!["/status".to_owned()],
        start_ns: Some(DRIVE_START_NS + FRAME_NS),
        ..MessageQuery::default()
    };
    let texts: Vec<String> = read_messages(&path, &query)
        .unwrap()
        .map(|message| String::from_utf8(message.unwrap().data).unwrap())
        .collect();
    assert_eq!(texts, [r#"{"state":"ok","frame":1}"#, r#"{"state":"ok","frame":2}"#]);
    let wrong = MessageQuery {
        topics: vec!["/statos".to_owned()],
        ..MessageQuery::default()
    };
    let err = read_messages(&path, &wrong).unwrap_err();
    assert_eq!(
        guideway_core::Hint::hint(&err).as_deref(),
        Some("did you mean `/status`?")
    );
}

#[test]
fn errors_say_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.mcap");
    std::fs::write(&empty, b"").unwrap();
    assert!(matches!(read(&empty), Err(SourceError::Unreadable { .. })));
    let other = dir.path().join("other.mcap");
    std::fs::write(&other, b"#ROSBAG V2.0\n").unwrap();
    assert!(matches!(read(&other), Err(SourceError::NotThisFormat { .. })));
    assert!(matches!(
        read(&dir.path().join("absent.mcap")),
        Err(SourceError::Io { .. })
    ));
    // A frame whose log has changed is an error that says so, not other bytes.
    let (_keep, path) = written(DriveOptions {
        frames: 2,
        ..DriveOptions::default()
    });
    let mut frame = read(&path).unwrap().frames().remove(0);
    frame.message_offset = frame.message_offset.map(|offset| offset + 1);
    let err = fetch(&frame).unwrap_err();
    assert!(
        guideway_core::Hint::hint(&err)
            .unwrap()
            .contains("ingest the log again"),
        "{err:?}"
    );
}
