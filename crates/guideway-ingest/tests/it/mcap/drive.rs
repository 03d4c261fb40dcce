//! A real drive in eleven variants, whole and broken, against the reference reader.

use std::collections::BTreeMap;
use std::path::Path;

use guideway_ingest::mcap::{
    DamageKind, Event, IndexOrigin, LogFile, LogIndex, McapError, MessageQuery, ScanOptions, Scanner, read_messages,
    records::Record,
};
use guideway_ingest::media::MediaReader;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::read;

struct Tally {
    total: u64,
    per_topic: BTreeMap<String, u64>,
    /// First and last log time.
    times: Option<(u64, u64)>,
    sha256: String,
}

fn tally(path: &Path, query: &MessageQuery) -> Tally {
    let mut hash = Sha256::new();
    let mut per_topic: BTreeMap<String, u64> = BTreeMap::new();
    let mut total = 0;
    let mut times = None;
    for message in read_messages(path, query).unwrap() {
        let message = message.unwrap();
        let at = message.log_time;
        times = Some(times.map_or((at, at), |(first, last): (u64, u64)| (first.min(at), last.max(at))));
        hash.update(message.topic.as_bytes());
        hash.update(message.log_time.to_le_bytes());
        hash.update(message.sequence.to_le_bytes());
        hash.update(&message.data);
        *per_topic.entry(message.topic.to_string()).or_default() += 1;
        total += 1;
    }
    Tally {
        total,
        per_topic,
        times,
        sha256: format!("{:x}", hash.finalize()),
    }
}

fn check(path: &Path, query: &MessageQuery, want: &Value) {
    let got = tally(path, query);
    let what = path.display();
    assert_eq!(got.total, want["total"].as_u64().unwrap(), "{what}");
    let topics: BTreeMap<String, u64> = serde_json::from_value(want["per_topic"].clone()).unwrap();
    assert_eq!(got.per_topic, topics, "{what}");
    let times = want["min_log_time_ns"].as_u64().zip(want["max_log_time_ns"].as_u64());
    assert_eq!(got.times, times, "{what}");
    assert_eq!(
        got.sha256,
        want["sha256_topic_time_seq_data"].as_str().unwrap(),
        "{what}"
    );
}

/// The summary section as the reference reader sees it: channels with encodings and schemas, chunks, statistics.
fn check_summary(path: &Path, want: &Value) {
    let what = path.display();
    let index = LogIndex::open(path).unwrap();
    if want.get("summary_error").is_some() || want["summary"].is_null() {
        assert_eq!(index.origin, IndexOrigin::Walk, "{what}");
        assert_eq!(index.statistics, None, "{what}");
        return;
    }
    let want = &want["summary"];
    let channels: BTreeMap<&str, [&str; 3]> = index
        .channels
        .values()
        .map(|channel| {
            let schema = &index.schemas[&channel.schema_id];
            let of = [&channel.message_encoding, &schema.name, &schema.encoding];
            (channel.topic.as_str(), of.map(String::as_str))
        })
        .collect();
    assert_eq!(serde_json::json!(channels), want["channels"], "{what}");
    let chunks = index.chunks.iter().filter(|chunk| chunk.is_chunk).count() as u64;
    assert_eq!(Some(chunks), want["chunk_indexes"].as_u64(), "{what}");
    let statistics = index.statistics.as_ref().unwrap();
    let got = serde_json::json!({
        "message_count": statistics.message_count,
        "schema_count": statistics.schema_count,
        "channel_count": statistics.channel_count,
        "attachment_count": statistics.attachment_count,
        "metadata_count": statistics.metadata_count,
        "chunk_count": statistics.chunk_count,
        "message_start_time": statistics.message_start_time,
        "message_end_time": statistics.message_end_time,
    });
    assert_eq!(got, want["statistics"], "{what}");
    assert_eq!(index.message_count(), statistics.message_count, "{what}");
}

/// Messages seen, and what was found to be wrong, in one pass.
fn scan(path: &Path, options: ScanOptions) -> (u64, Vec<DamageKind>) {
    let file = LogFile::open(path).unwrap();
    let mut scanner = Scanner::new(&file, options);
    let (mut messages, mut damage) = (0, Vec::new());
    while let Some(event) = scanner.next_event().unwrap() {
        match event {
            Event::Record {
                record: Record::Message { .. },
                ..
            } => messages += 1,
            Event::Damage(found) => damage.push(found.kind),
            _ => {}
        }
    }
    (messages, damage)
}

#[test]
fn all_variants_read_as_the_reference_reader_reads_them() {
    let Some(root) = guideway_testkit::data("mcap_rosbag/mcap_drive") else {
        return;
    };
    let expected = guideway_testkit::json(&root.join("expected.json"));
    let mut seen = 0;
    for (name, want) in expected
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| !name.starts_with('_'))
    {
        let path = root.join(name);
        seen += 1;
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(Some(bytes.len() as u64), want["bytes"].as_u64(), "{name}");
        assert_eq!(
            format!("{:x}", Sha256::digest(&bytes)),
            want["sha256_file"].as_str().unwrap(),
            "{name}: another file than the one that the reference reader read"
        );
        if name == "bad_magic.mcap" {
            let err = LogFile::open(&path).unwrap_err().to_string();
            assert!(err.contains("89 4d 43 41 50 31 0d 0a"), "{err}");
            assert!(read(&path).is_err());
            continue;
        }
        check_summary(&path, want);
        if want.get("log_time_order").is_some() {
            check(&path, &MessageQuery::default(), &want["log_time_order"]);
            let in_file = MessageQuery {
                file_order: true,
                ..MessageQuery::default()
            };
            check(&path, &in_file, &want["file_order"]);
        }
        if let Some(query) = want.get("query_[1s,2s)_gps_and_camera") {
            let query_for = MessageQuery {
                topics: vec!["/gps/fix".to_owned(), "/camera/front/image/compressed".to_owned()],
                start_ns: query["start_ns"].as_i64(),
                end_ns: query["end_ns_exclusive"].as_i64(),
                ..MessageQuery::default()
            };
            if name == "empty.mcap" {
                // Asking a log without channels for a topic is a mistake that is said, not an empty answer.
                assert!(matches!(
                    read_messages(&path, &query_for),
                    Err(McapError::NoSuchTopic { .. })
                ));
            } else {
                check(&path, &query_for, query);
            }
        }
        let strict = ScanOptions {
            stop_at_damage: true,
            ..ScanOptions::default()
        };
        let (messages, _) = scan(&path, strict);
        let validated = want["stream_validate_crc"]["messages"].as_u64().unwrap();
        let (all, damage) = scan(&path, ScanOptions::default());
        let lenient = want["stream_no_crc"]["messages"].as_u64().unwrap();
        match name.as_str() {
            // One ends in the first block of a zstd chunk, of which nothing can be had: as much as the reference reads.
            "bad_truncated_60pct.mcap" | "bad_truncated_nofooter.mcap" => {
                assert_eq!((messages, all), (validated, lenient));
                assert_eq!(damage, [DamageKind::Truncated]);
            }
            "bad_chunk_bitflip.mcap" => {
                assert_eq!((messages, all), (validated, lenient));
                assert_eq!(damage, [DamageKind::ChunkCrc]);
            }
            _ => {
                assert_eq!((messages, all), (validated, lenient), "{name}");
                assert_eq!(damage, [], "{name}");
            }
        }
        let whole = read(&path).unwrap();
        assert_eq!(whole.summary.messages, all, "{name}");
        // A cut file may also have lost its summary, but that is the same damage; its own checksum is not checked twice.
        assert_eq!(
            whole.summary.damaged > 0,
            !damage.is_empty(),
            "{name}: {:?}",
            whole.codes()
        );
    }
    assert_eq!(seen, 11);
}

#[test]
fn the_index_counts_without_decompressing() {
    let Some(root) = guideway_testkit::data("mcap_rosbag/mcap_drive") else {
        return;
    };
    for (name, origin) in [
        ("drive_zstd.mcap", IndexOrigin::Summary),
        ("drive_zstd_noindex_nosummary.mcap", IndexOrigin::Walk),
        ("drive_unchunked.mcap", IndexOrigin::Walk),
        ("bad_truncated_nofooter.mcap", IndexOrigin::Walk),
    ] {
        let index = LogIndex::open(&root.join(name)).unwrap();
        assert_eq!(index.origin, origin, "{name}");
        assert_eq!(index.message_count(), 902, "{name}");
        assert_eq!(index.channels.len(), 9, "{name}");
        if name == "drive_zstd.mcap" {
            let touched = index.file().bytes_touched();
            assert!(
                touched < index.file().size() / 4,
                "{touched} of {}",
                index.file().size()
            );
            let chunk = &index.chunks[0];
            for (channel, count) in &chunk.counts {
                let entries = index.message_index(chunk, *channel).unwrap().unwrap();
                assert_eq!(entries.len() as u64, *count);
            }
        }
    }
}

#[test]
fn the_drive_becomes_rows() {
    let Some(root) = guideway_testkit::data("mcap_rosbag/mcap_drive") else {
        return;
    };
    let read = read(&root.join("drive_zstd.mcap")).unwrap();
    let counts: BTreeMap<String, (String, i64)> = read
        .channels()
        .into_iter()
        .map(|row| (row.topic, (row.kind, row.message_count)))
        .collect();
    insta::assert_debug_snapshot!("drive_channels", counts);
    let brief: Vec<_> = read
        .sensors()
        .into_iter()
        .map(|row| (row.name, row.modality, row.frame_name, row.width, row.height))
        .collect();
    insta::assert_debug_snapshot!("drive_sensors", brief);
    let frames = read.frames();
    assert_eq!(frames.iter().filter(|row| row.modality == "camera").count(), 15);
    assert_eq!(frames.iter().filter(|row| row.modality == "lidar").count(), 6);
    let camera = frames.iter().find(|row| row.modality == "camera").unwrap();
    assert_eq!(
        (camera.width, camera.height, camera.media_type.as_str()),
        (Some(320), Some(180), "image/jpeg")
    );
    let signals = read.signals();
    let gnss: Vec<_> = signals.iter().filter(|row| row.kind == "gnss").collect();
    assert_eq!(gnss.len(), 28 + 6 + 6);
    // The same positions were written in CDR, JSON and protobuf.
    let at = |topic: &str| gnss.iter().find(|row| row.topic == topic).unwrap();
    let (json, proto) = (at("/gps/json"), at("/gps/protobuf"));
    assert_eq!(
        (json.latitude_deg, json.longitude_deg),
        (proto.latitude_deg, proto.longitude_deg)
    );
    assert!(
        gnss.iter()
            .any(|row| row.topic == "/gps/fix" && row.latitude_deg == json.latitude_deg)
    );
    let speed = signals.iter().find(|row| row.topic == "/can/speed").unwrap();
    assert_eq!(speed.name.as_deref(), Some("speed"));
    assert!(
        speed.value.is_some_and(|value| value > 0.0 && value < 60.0),
        "{speed:?}"
    );
    let decoded = &guideway_testkit::json(&root.join("expected.json"))["_decoded"];
    let fixes = signals.iter().filter(|row| row.topic == "/gps/fix");
    for (row, want) in fixes.zip(decoded["first_gps_fixes"].as_array().unwrap()) {
        assert_eq!(row.log_time_ns, want["log_time_ns"].as_i64());
        assert_eq!(row.latitude_deg, want["latitude"].as_f64());
        assert_eq!(row.longitude_deg, want["longitude"].as_f64());
        assert_eq!(row.altitude_m, want["altitude"].as_f64());
    }
    let jpeg = guideway_ingest::media::fetch(camera).unwrap().bytes;
    let jpeg = format!("{:x}", Sha256::digest(&jpeg));
    assert_eq!(jpeg, decoded["first_camera_jpeg_sha256"].as_str().unwrap());
    let recording = &read.recordings()[0];
    assert_eq!(recording.message_count, 902);
    assert_eq!(recording.damage_count, 0, "{:?}", read.warnings);
    insta::assert_debug_snapshot!("drive_warnings", read.codes());
}

#[test]
fn media_are_the_same_in_every_variant() {
    let Some(root) = guideway_testkit::data("mcap_rosbag/mcap_drive") else {
        return;
    };
    let mut first: Option<Vec<Vec<u8>>> = None;
    for name in [
        "drive_zstd.mcap",
        "drive_lz4.mcap",
        "drive_none.mcap",
        "drive_unchunked.mcap",
        "drive_zstd_noindex_nosummary.mcap",
    ] {
        let mut reader = MediaReader::new();
        let media: Vec<Vec<u8>> = read(&root.join(name))
            .unwrap()
            .frames()
            .iter()
            .map(|frame| {
                let media = reader.fetch(frame).unwrap();
                assert_eq!(media.media_type, frame.media_type, "{name}");
                if frame.modality == "camera" {
                    let image = image::load_from_memory(&media.bytes).unwrap();
                    assert_eq!((image.width(), image.height()), (320, 180));
                    assert_eq!((media.width, media.height), (Some(320), Some(180)));
                }
                media.bytes
            })
            .collect();
        let same = first.get_or_insert_with(|| media.clone());
        assert_eq!(*same, media, "{name}");
    }
}
