//! Ground truth stays aside until it is asked for.

use std::collections::BTreeMap;

use guideway_core::Rle;
use guideway_ingest::mcap::{McapSource, MessageQuery, read_messages};
use guideway_ingest::schemas::foxglove::{ImageAnnotations, KeyValuePair, Point2, PointsAnnotation, PointsKind, Time};
use guideway_ingest::testing::{DRIVE_START_NS, DriveOptions, drive};
use guideway_ingest::write::{ChannelSpec, GROUND_TRUTH_KEY, LogWriter, WriteOptions};
use guideway_ingest::{DiscoverOptions, discover_with};
use guideway_schema::{Collected, LabelRow, Rows};
use serde_json::{Value, json};

use super::{Read, read, read_source};

fn written(json: bool) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("drive.mcap");
    let options = DriveOptions {
        frames: 4,
        ground_truth: true,
        json,
        ..DriveOptions::default()
    };
    drive(&path, options).unwrap();
    (dir, path)
}

fn with_truth(path: &std::path::Path) -> Read {
    read_source(McapSource::open(path).unwrap().with_ground_truth(true)).unwrap()
}

fn truth(read: &Read) -> Value {
    let metadata: Value = serde_json::from_str(read.recordings()[0].metadata.as_deref().unwrap()).unwrap();
    metadata["ground_truth"].clone()
}

fn is_truth(label: &LabelRow) -> bool {
    label.labeler.as_deref() == Some("ground truth")
}

#[test]
fn unasked_it_is_listed_and_nothing_else() {
    let (_dir, path) = written(false);
    let read = read(&path).unwrap();
    assert_eq!(read.codes(), []);
    let listed: BTreeMap<String, (String, i64)> = read
        .channels()
        .into_iter()
        .map(|row| (row.topic, (row.kind, row.message_count)))
        .collect();
    let kind = |topic: &str| listed[topic].0.as_str();
    assert_eq!(kind("/ground_truth/camera/front/annotations"), "annotation");
    assert_eq!(kind("/ground_truth/camera/front/depth"), "camera");
    assert_eq!(kind("/ground_truth/cuboids"), "annotation");
    assert_eq!(listed["/ground_truth/odom"], ("signal".to_owned(), 4));
    assert!(!read.labels().iter().any(is_truth));
    assert_eq!(read.labels().len(), 8);
    let below = |topic: &str| topic.starts_with("/ground_truth/");
    assert!(!read.signals().iter().any(|row| below(&row.topic)));
    assert!(!read.sensors().iter().any(|row| below(&row.name)));
    assert!(!read.frames().iter().any(|row| below(&row.name)));
    assert_eq!(truth(&read), json!({"channels": 4, "read": false}));
    // The messages are there for whoever asks for the topic.
    let query = MessageQuery {
        topics: vec!["/ground_truth/cuboids".to_owned()],
        ..MessageQuery::default()
    };
    assert_eq!(read_messages(&path, &query).unwrap().count(), 4);
}

#[test]
fn asked_it_becomes_labels_of_what_was_seen() {
    for json in [false, true] {
        let (_dir, path) = written(json);
        let without = read(&path).unwrap();
        let with = with_truth(&path);
        assert_eq!(with.codes(), []);
        assert_eq!(truth(&with), json!({"channels": 4, "read": true}));
        // Nothing that was there before changes, and nothing comes twice.
        assert_eq!(without.recordings()[0].recording_id, with.recordings()[0].recording_id);
        let sensors = with.sensors();
        for row in without.sensors() {
            assert!(sensors.contains(&row), "{row:?}");
        }
        let frames = with.frames();
        for row in without.frames() {
            assert!(frames.contains(&row), "{row:?}");
        }
        // Pictures and clouds among the ground truth are no sensor's.
        assert_eq!(frames.len(), without.frames().len());
        let labels = with.labels();
        for row in without.labels() {
            assert!(labels.contains(&row), "{row:?}");
        }
        let mut ids: Vec<&str> = labels.iter().map(|row| row.label_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), labels.len());
        assert_eq!(with.summary.labels as usize, without.labels().len() + 8);

        let modality: BTreeMap<&str, &str> = frames
            .iter()
            .filter(|row| !row.name.starts_with("/ground_truth/"))
            .map(|row| (row.frame_id.as_str(), row.modality.as_str()))
            .collect();
        let boxes: Vec<&LabelRow> = labels
            .iter()
            .filter(|row| is_truth(row) && row.x_min.is_some())
            .collect();
        assert_eq!(boxes.len(), 4);
        for label in boxes {
            assert_eq!(modality.get(label.frame_id.as_str()), Some(&"camera"));
            let mask = Rle::from_coco_string(label.mask_rle.as_deref().unwrap(), 48, 64).unwrap();
            assert_eq!((mask.area(), label.area), (256, Some(256.0)));
            assert_eq!(
                (label.class.as_str(), label.track_id.as_deref(), label.truncation),
                ("car", Some("7"), Some(0.5))
            );
            let attributes: Value = serde_json::from_str(label.attributes.as_deref().unwrap()).unwrap();
            assert_eq!(
                attributes,
                json!({"class": "car", "track_id": "7", "occlusion": 0.25, "truncation": 0.5})
            );
        }
        let cuboids: Vec<&LabelRow> = labels
            .iter()
            .filter(|row| is_truth(row) && !row.cuboid.is_empty())
            .collect();
        assert_eq!(cuboids.len(), 4);
        for label in cuboids {
            assert_eq!(modality.get(label.frame_id.as_str()), Some(&"lidar"));
            let attributes: Value = serde_json::from_str(label.attributes.as_deref().unwrap()).unwrap();
            assert_eq!(attributes["num_lidar_pts"], 31);
            assert_eq!(attributes["velocity"], json!([10.0, 0.0, 0.0]));
        }
        let poses = with.signals();
        assert_eq!(poses.iter().filter(|row| row.topic == "/ground_truth/odom").count(), 4);
    }
}

#[test]
fn a_radar_is_a_sensor_of_its_own() {
    let (_dir, path) = written(false);
    let read = read(&path).unwrap();
    let kinds: BTreeMap<String, String> = read.channels().into_iter().map(|row| (row.topic, row.kind)).collect();
    assert_eq!(
        (kinds["/radar/points"].as_str(), kinds["/lidar/points"].as_str()),
        ("radar", "lidar")
    );
    let radars: Vec<_> = read
        .sensors()
        .into_iter()
        .filter(|row| row.modality == "radar")
        .collect();
    assert_eq!(radars.len(), 1);
    assert_eq!(radars[0].frame_name.as_deref(), Some("radar"));
    let frames = read.frames();
    let of_radar = frames.iter().filter(|row| row.sensor_id == radars[0].sensor_id);
    assert_eq!(of_radar.filter(|row| row.modality == "radar").count(), 4);
}

#[test]
fn discovery_hands_the_wish_on() {
    let (_dir, path) = written(false);
    for (with_ground_truth, labels) in [(false, 8), (true, 16)] {
        let options = DiscoverOptions {
            with_ground_truth,
            ..DiscoverOptions::default()
        };
        let mut found = discover_with(&path, &options).unwrap();
        let summary = found
            .remove(0)
            .opened
            .unwrap()
            .read(&mut Collected::default(), &guideway_core::Silent)
            .unwrap();
        assert_eq!(summary.labels, labels);
    }
}

fn outline(metadata: &[(&str, &str)]) -> ImageAnnotations {
    ImageAnnotations {
        timestamp: Some(Time::from_ns(DRIVE_START_NS)),
        points: vec![PointsAnnotation {
            r#type: PointsKind::LineLoop.into(),
            points: [[1.0, 1.0], [5.0, 1.0], [5.0, 4.0], [1.0, 4.0]]
                .map(Point2::from)
                .to_vec(),
            metadata: metadata
                .iter()
                .map(|(key, value)| KeyValuePair::new(*key, *value))
                .collect(),
            ..PointsAnnotation::default()
        }],
        ..ImageAnnotations::default()
    }
}

/// A log with one image of 8 × 6 px on `/cam/image`, and annotations on another topic, whose channel has metadata.
fn one_image(
    topic: &str,
    flag: Option<&str>,
    annotations: &ImageAnnotations,
) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("one.mcap");
    let mut log = LogWriter::create(&path, WriteOptions::default()).unwrap();
    let at = DRIVE_START_NS;
    let mut jpeg = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(8, 6)
        .write_to(&mut jpeg, image::ImageFormat::Jpeg)
        .unwrap();
    let image = guideway_ingest::schemas::foxglove::CompressedImage {
        timestamp: Some(Time::from_ns(at)),
        data: jpeg.into_inner(),
        format: "jpeg".to_owned(),
        ..Default::default()
    };
    log.message("/cam/image", at, at, &image).unwrap();
    if let Some(flag) = flag {
        let metadata = BTreeMap::from([(GROUND_TRUTH_KEY.to_owned(), flag.to_owned())]);
        log.channel_metadata(topic, metadata).unwrap();
    }
    log.message(topic, at, at, annotations).unwrap();
    log.finish().unwrap();
    (dir, path)
}

#[test]
fn a_channel_may_say_so_itself() {
    for (topic, flag, aside) in [
        ("/cam/labels", None, false),
        ("/cam/labels", Some("false"), false),
        ("/cam/labels", Some("true"), true),
        ("/ground_truth/cam/annotations", None, true),
        ("/ground_truthful/annotations", None, false),
    ] {
        let (_dir, path) = one_image(topic, flag, &outline(&[("class", "van")]));
        let plain = read(&path).unwrap().labels();
        assert_eq!(plain.len(), usize::from(!aside), "{topic} {flag:?}");
        let asked = with_truth(&path).labels();
        assert_eq!(asked.len(), 1, "{topic} {flag:?}");
        assert_eq!(is_truth(&asked[0]), aside);
        assert_eq!(asked[0].source_class, "van");
    }
}

#[test]
fn a_mask_that_does_not_fit_is_said() {
    let topic = "/ground_truth/cam/annotations";
    let fits = Rle::from_box(guideway_core::BBox::new(1.0, 1.0, 5.0, 4.0), 6, 8)
        .unwrap()
        .to_coco_string();
    let other = Rle::from_box(guideway_core::BBox::new(1.0, 1.0, 5.0, 4.0), 60, 80)
        .unwrap()
        .to_coco_string();
    let (_dir, path) = one_image(topic, None, &outline(&[("mask_rle", &fits)]));
    let read = with_truth(&path);
    assert_eq!((read.codes(), read.labels()[0].area), (vec![], Some(12.0)));
    let (_dir, path) = one_image(topic, None, &outline(&[("mask_rle", &other)]));
    let read = with_truth(&path);
    assert_eq!(read.codes(), [("bad-mask", 1)]);
    let label = &read.labels()[0];
    assert_eq!((label.mask_rle.as_deref(), label.area), (None, Some(12.0)));
    assert!(label.attributes.as_deref().unwrap().contains("mask_rle"));
}

#[test]
fn a_payload_nobody_looks_at_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broken.mcap");
    let mut log = LogWriter::create(&path, WriteOptions::default()).unwrap();
    let spec = ChannelSpec {
        schema_name: "foxglove.SceneUpdate",
        schema_encoding: "jsonschema",
        schema: b"{}",
        message_encoding: "json",
    };
    log.raw("/ground_truth/cuboids", spec, 1, 1, b"not json").unwrap();
    log.finish().unwrap();
    assert_eq!(read(&path).unwrap().summary.damaged, 0);
    assert_eq!(with_truth(&path).summary.damaged, 1);
    let rows = read(&path).unwrap().rows;
    assert!(matches!(rows.last(), Some(Rows::Recordings(_))));
}
