//! Every file of the MCAP project's conformance suite reads as its JSON says.

use std::collections::BTreeMap;
use std::fmt::Display;

use guideway_ingest::mcap::records::Record;
use guideway_ingest::mcap::{Event, LogFile, LogIndex, MessageQuery, Messages, ScanOptions, Scanner};
use serde_json::{Value, json};

fn text(value: impl Display) -> Value {
    Value::String(value.to_string())
}

fn bytes(data: &[u8]) -> Value {
    data.iter().map(text).collect()
}

fn counts<V: Display>(map: &BTreeMap<u16, V>) -> Value {
    map.iter()
        .map(|(key, value)| (key.to_string(), text(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The suite's way of writing a record: its type and its fields by name. `None` for the kinds that it leaves out.
fn described(record: &Record<'_>) -> Option<(&'static str, Value)> {
    Some(match record {
        Record::Header(r) => ("Header", json!({"library": r.library, "profile": r.profile})),
        Record::Footer(r) => (
            "Footer",
            json!({
                "summary_crc": text(r.summary_crc),
                "summary_offset_start": text(r.summary_offset_start),
                "summary_start": text(r.summary_start),
            }),
        ),
        Record::Schema { header, data } => (
            "Schema",
            json!({"data": bytes(data), "encoding": header.encoding, "id": text(header.id), "name": header.name}),
        ),
        Record::Channel(r) => (
            "Channel",
            json!({
                "id": text(r.id),
                "message_encoding": r.message_encoding,
                "metadata": r.metadata,
                "schema_id": text(r.schema_id),
                "topic": r.topic,
            }),
        ),
        Record::Message { header, data } => (
            "Message",
            json!({
                "channel_id": text(header.channel_id),
                "data": bytes(data),
                "log_time": text(header.log_time),
                "publish_time": text(header.publish_time),
                "sequence": text(header.sequence),
            }),
        ),
        Record::ChunkIndex(r) => (
            "ChunkIndex",
            json!({
                "chunk_length": text(r.chunk_length),
                "chunk_start_offset": text(r.chunk_start_offset),
                "compressed_size": text(r.compressed_size),
                "compression": r.compression,
                "message_end_time": text(r.message_end_time),
                "message_index_length": text(r.message_index_length),
                "message_index_offsets": counts(&r.message_index_offsets),
                "message_start_time": text(r.message_start_time),
                "uncompressed_size": text(r.uncompressed_size),
            }),
        ),
        Record::Attachment { header, data, .. } => (
            "Attachment",
            json!({
                "create_time": text(header.create_time),
                "data": bytes(data),
                "log_time": text(header.log_time),
                "media_type": header.media_type,
                "name": header.name,
            }),
        ),
        Record::AttachmentIndex(r) => (
            "AttachmentIndex",
            json!({
                "create_time": text(r.create_time),
                "data_size": text(r.data_size),
                "length": text(r.length),
                "log_time": text(r.log_time),
                "media_type": r.media_type,
                "name": r.name,
                "offset": text(r.offset),
            }),
        ),
        Record::Statistics(r) => (
            "Statistics",
            json!({
                "attachment_count": text(r.attachment_count),
                "channel_count": text(r.channel_count),
                "channel_message_counts": counts(&r.channel_message_counts),
                "chunk_count": text(r.chunk_count),
                "message_count": text(r.message_count),
                "message_end_time": text(r.message_end_time),
                "message_start_time": text(r.message_start_time),
                "metadata_count": text(r.metadata_count),
                "schema_count": text(r.schema_count),
            }),
        ),
        Record::Metadata(r) => ("Metadata", json!({"metadata": r.metadata, "name": r.name})),
        Record::MetadataIndex(r) => (
            "MetadataIndex",
            json!({"length": text(r.length), "name": r.name, "offset": text(r.offset)}),
        ),
        Record::SummaryOffset(r) => (
            "SummaryOffset",
            json!({
                "group_length": text(r.group_length),
                "group_opcode": text(r.group_opcode),
                "group_start": text(r.group_start),
            }),
        ),
        Record::DataEnd(r) => ("DataEnd", json!({"data_section_crc": text(r.data_section_crc)})),
        Record::MessageIndex(_) | Record::Chunk { .. } | Record::Unknown { .. } => return None,
    })
}

/// The suite writes fields as pairs.
fn expected(record: &Value) -> (String, Value) {
    let fields: serde_json::Map<_, _> = record["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].clone()))
        .collect();
    (record["type"].as_str().unwrap().to_owned(), fields.into())
}

#[test]
fn all_files_read_as_expected() {
    let Some(root) = guideway_testkit::data("mcap_rosbag/mcap_conformance") else {
        return;
    };
    let mut files = 0;
    for folder in std::fs::read_dir(&root).unwrap() {
        for entry in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "mcap") {
                continue;
            }
            let expectation = guideway_testkit::json(&path.with_extension("json"));
            let want: Vec<_> = expectation["records"]
                .as_array()
                .unwrap()
                .iter()
                .map(expected)
                .collect();
            let file = LogFile::open(&path).unwrap();
            let mut scanner = Scanner::new(&file, ScanOptions::default());
            let mut got = Vec::new();
            while let Some(event) = scanner.next_event().unwrap() {
                match event {
                    Event::Record { record, .. } => {
                        got.extend(described(&record).map(|(kind, fields)| (kind.to_owned(), fields)));
                    }
                    Event::Chunk { .. } => {}
                    other => panic!("{}: {other:?}", path.display()),
                }
            }
            assert_eq!(got, want, "{}", path.display());

            // The index and the indexed reader see the same messages, in the order of their log times.
            let index = LogIndex::open(&path).unwrap();
            assert_eq!(index.damage, [], "{}", path.display());
            let mut times: Vec<(u64, u64)> = want
                .iter()
                .filter(|(kind, _)| kind == "Message")
                .map(|(_, fields)| {
                    let number = |name: &str| fields[name].as_str().unwrap().parse::<u64>().unwrap();
                    (number("log_time"), number("sequence"))
                })
                .collect();
            times.sort_by_key(|(time, _)| *time);
            assert_eq!(index.message_count(), times.len() as u64, "{}", path.display());
            let messages = Messages::new(index, &MessageQuery::default()).unwrap();
            let read: Vec<(u64, u64)> = messages
                .map(|message| message.map(|m| (m.log_time, u64::from(m.sequence))).unwrap())
                .collect();
            assert_eq!(read, times, "{}", path.display());
            files += 1;
        }
    }
    assert_eq!(files, 416);
}
