//! Logs that are written here open elsewhere, and come back as they were.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::process::Command;

use guideway_core::Hint as _;
use guideway_ingest::mcap::records::Record;
use guideway_ingest::mcap::{Event, LogFile, LogIndex, MessageQuery, ScanOptions, Scanner, read_messages};
use guideway_ingest::schemas::foxglove::{
    self, FoxgloveMessage, LocationFix, PointCloud, SceneUpdate, Time, descriptor_set,
};
use guideway_ingest::write::{ChannelSpec, Compression, LogWriter, WriteError, WriteOptions};
use proptest::prelude::*;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumValueDescriptorProto, FileDescriptorSet};

const AT: i64 = 1_700_000_000_000_000_000;

/// Makes messages from their public description alone: every field is there, and none has its default.
struct Maker {
    types: BTreeMap<String, DescriptorProto>,
    enums: BTreeMap<String, Vec<i32>>,
    state: u64,
}

impl Maker {
    fn new(schema: &str, seed: u64) -> Self {
        let set = FileDescriptorSet::decode(&descriptor_set(schema).unwrap()[..]).unwrap();
        let (mut types, mut enums) = (BTreeMap::new(), BTreeMap::new());
        let mut seen: Vec<String> = Vec::new();
        for file in set.file {
            assert!(
                file.dependency.iter().all(|name| seen.contains(name)),
                "{schema}: {} comes before what it imports",
                file.name()
            );
            seen.push(file.name().to_owned());
            for message in file.message_type {
                let name = format!(".{}.{}", file.package.as_deref().unwrap(), message.name());
                for list in &message.enum_type {
                    let numbers = list.value.iter().map(EnumValueDescriptorProto::number).collect();
                    enums.insert(format!("{name}.{}", list.name()), numbers);
                }
                types.insert(name, message);
            }
        }
        Self {
            types,
            enums,
            state: seed.wrapping_mul(2) + 1,
        }
    }

    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// One value of a field as on the wire, without its key.
    fn value(&mut self, kind: Type, type_name: &str) -> (u32, Vec<u8>) {
        let random = self.random();
        let mut out = Vec::new();
        let wire = match kind {
            Type::Double => {
                out.extend((random % 100_000 + 1).to_string().parse::<f64>().unwrap().to_le_bytes());
                1
            }
            Type::Fixed32 => {
                out.extend((random as u32 | 1).to_le_bytes());
                5
            }
            Type::Bool => {
                out.push(1);
                0
            }
            Type::Int64 | Type::Int32 => {
                prost::encoding::encode_varint(random % 1_000_000_000 + 1, &mut out);
                0
            }
            Type::Enum => {
                let numbers: Vec<i32> = self.enums[type_name]
                    .iter()
                    .copied()
                    .filter(|number| *number != 0)
                    .collect();
                prost::encoding::encode_varint(numbers[random as usize % numbers.len()] as u64, &mut out);
                0
            }
            Type::String | Type::Bytes | Type::Message => {
                let content = match kind {
                    Type::String => format!("ü{random:x}").into_bytes(),
                    Type::Bytes => random.to_le_bytes().to_vec(),
                    _ => self.message(type_name),
                };
                prost::encoding::encode_varint(content.len() as u64, &mut out);
                out.extend(content);
                2
            }
            other => panic!("Foxglove's schemas have no fields of {other:?}"),
        };
        (wire, out)
    }

    fn message(&mut self, name: &str) -> Vec<u8> {
        let mut fields = self.types[name].field.clone();
        fields.sort_by_key(prost_types::FieldDescriptorProto::number);
        let mut out = Vec::new();
        for field in fields {
            let count = if field.label() == Label::Repeated {
                self.random() % 3 + 1
            } else {
                1
            };
            let values: Vec<(u32, Vec<u8>)> = (0..count)
                .map(|_| self.value(field.r#type(), field.type_name()))
                .collect();
            let key = |wire: u32| (field.number() as u64) << 3 | u64::from(wire);
            // Numbers in a list are packed, which is the default of proto3.
            if field.label() == Label::Repeated && values[0].0 != 2 {
                let packed: Vec<u8> = values.into_iter().flat_map(|(_, value)| value).collect();
                prost::encoding::encode_varint(key(2), &mut out);
                prost::encoding::encode_varint(packed.len() as u64, &mut out);
                out.extend(packed);
                continue;
            }
            for (wire, value) in values {
                prost::encoding::encode_varint(key(wire), &mut out);
                out.extend(value);
            }
        }
        out
    }
}

fn made<M: FoxgloveMessage>(seed: u64) -> (Vec<u8>, M) {
    let bytes = Maker::new(M::SCHEMA, seed).message(&format!(".{}", M::SCHEMA));
    let message = M::decode(&bytes[..]).unwrap_or_else(|err| panic!("{}: {err}", M::SCHEMA));
    (bytes, message)
}

fn check<M: FoxgloveMessage + PartialEq>(log: &mut LogWriter<Cursor<Vec<u8>>>, seed: u64) -> (String, Vec<u8>) {
    let (bytes, message) = made::<M>(seed);
    // A field that the struct lacks, or has as another type, would be lost here.
    assert_eq!(message.encode_to_vec(), bytes, "{}", M::SCHEMA);
    let json = serde_json::to_string(&message).unwrap();
    let back: M = serde_json::from_str(&json).unwrap_or_else(|err| panic!("{}: {err}: {json}", M::SCHEMA));
    assert!(back == message, "{}: {json}", M::SCHEMA);
    // What is not given stays out of the JSON, and that reads too.
    let empty = serde_json::to_string(&M::default()).unwrap();
    assert!(!empty.contains("null"), "{}: {empty}", M::SCHEMA);
    assert!(serde_json::from_str::<M>(&empty).unwrap() == M::default());
    let topic = format!("/{}", M::SCHEMA);
    log.message(&topic, AT + seed as i64 % 1000, AT, &message).unwrap();
    (topic, bytes)
}

/// One message of every type, made from the seed; the payloads by topic.
fn every(log: &mut LogWriter<Cursor<Vec<u8>>>, seed: u64) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([
        check::<foxglove::CameraCalibration>(log, seed),
        check::<foxglove::CompressedImage>(log, seed),
        check::<foxglove::CompressedVideo>(log, seed),
        check::<foxglove::FrameTransform>(log, seed),
        check::<foxglove::FrameTransforms>(log, seed),
        check::<foxglove::ImageAnnotations>(log, seed),
        check::<foxglove::LocationFix>(log, seed),
        check::<foxglove::LocationFixes>(log, seed),
        check::<foxglove::Log>(log, seed),
        check::<foxglove::Odometry>(log, seed),
        check::<foxglove::PointCloud>(log, seed),
        check::<foxglove::PoseInFrame>(log, seed),
        check::<foxglove::RawImage>(log, seed),
        check::<foxglove::SceneUpdate>(log, seed),
    ])
}

fn memory(options: &WriteOptions) -> LogWriter<Cursor<Vec<u8>>> {
    LogWriter::new(Cursor::new(Vec::new()), options.clone()).unwrap()
}

fn finished(log: LogWriter<Cursor<Vec<u8>>>) -> Vec<u8> {
    log.finish_into().unwrap().1.into_inner()
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Weather {
    /// Millimetres an hour.
    rain_mmph: f64,
    night: bool,
}

const WEATHER: Weather = Weather {
    rain_mmph: 2.5,
    night: true,
};

fn layouts() -> Vec<WriteOptions> {
    let with = |compression, chunk_size, summary| WriteOptions {
        compression,
        chunk_size,
        summary,
        ..WriteOptions::default()
    };
    vec![
        with(Some(Compression::Zstd), Some(1 << 10), true),
        with(Some(Compression::Lz4), Some(1 << 20), true),
        with(None, Some(1 << 12), true),
        with(None, None, true),
        with(Some(Compression::Zstd), Some(1 << 12), false),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_message_comes_back(seed in any::<u64>(), layout in 0usize..5) {
        let options = &layouts()[layout];
        let mut log = memory(options);
        let wrote = every(&mut log, seed);
        let bytes = finished(log);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.mcap");
        std::fs::write(&path, &bytes).unwrap();
        let mut read = BTreeMap::new();
        for message in read_messages(&path, &MessageQuery::default()).unwrap() {
            let message = message.unwrap();
            prop_assert_eq!(message.schema_name.as_deref(), message.topic.strip_prefix('/'));
            prop_assert_eq!(&*message.message_encoding, "protobuf");
            prop_assert_eq!((message.log_time, message.publish_time), ((AT + seed as i64 % 1000) as u64, AT as u64));
            read.insert(message.topic.to_string(), message.data);
        }
        prop_assert_eq!(&read, &wrote);
        // The same calls, the same bytes.
        let mut again = memory(options);
        every(&mut again, seed);
        prop_assert_eq!(finished(again), bytes);
    }
}

#[test]
fn the_rest_of_a_log_comes_back() {
    let mut log = memory(&WriteOptions::default());
    let world = BTreeMap::from([("seed".to_owned(), "7".to_owned())]);
    log.metadata("guideway.world", &world).unwrap();
    for step in 0..3 {
        log.json("/weather", "acme.Weather", AT + step, AT, &WEATHER).unwrap();
    }
    let cdr = ChannelSpec {
        schema_name: "",
        schema_encoding: "",
        schema: b"",
        message_encoding: "cdr",
    };
    log.raw("/bytes", cdr, AT - 5, AT - 6, &[1, 2, 3]).unwrap();
    log.attachment("map.xodr", "application/xml", b"<OpenDRIVE/>").unwrap();
    let (summary, bytes) = log.finish_into().unwrap();
    let bytes = bytes.into_inner();
    assert_eq!(
        (summary.path, summary.messages, summary.bytes),
        (None, 4, bytes.len() as u64)
    );
    let weather = &summary.topics["/weather"];
    assert_eq!(
        (weather.schema.as_str(), weather.messages, weather.log_times_ns),
        ("acme.Weather", 3, (AT, AT + 2))
    );
    assert_eq!(
        (summary.topics["/bytes"].bytes, summary.topics["/bytes"].schema.as_str()),
        (3, "")
    );

    let file = LogFile::from_bytes("log", bytes.clone()).unwrap();
    let mut scanner = Scanner::new(&file, ScanOptions::default());
    let mut seen = Vec::new();
    while let Some(event) = scanner.next_event().unwrap() {
        match event {
            Event::Record { record, .. } => match record {
                Record::Metadata(found) if found.name == "guideway.world" => {
                    assert_eq!(found.metadata, world);
                    seen.push("metadata");
                }
                Record::Attachment { header, data, .. } => {
                    assert_eq!((header.name.as_str(), &data[..]), ("map.xodr", &b"<OpenDRIVE/>"[..]));
                    assert_eq!(header.log_time, (AT + 2) as u64);
                    seen.push("attachment");
                }
                Record::Message { header, data } if header.log_time >= AT as u64 => {
                    assert_eq!(&data[..], br#"{"rain_mmph":2.5,"night":true}"#);
                    seen.push("message");
                }
                _ => {}
            },
            Event::Damage(damage) => panic!("{damage:?}"),
            _ => {}
        }
    }
    assert_eq!(seen, ["metadata", "message", "message", "message", "attachment"]);
    let index = LogIndex::of(LogFile::from_bytes("log", bytes).unwrap()).unwrap();
    let schema = index
        .schemas
        .values()
        .find(|schema| schema.name == "acme.Weather")
        .unwrap();
    assert_eq!(schema.encoding, "jsonschema");
    let schema: serde_json::Value = serde_json::from_slice(&schema.data).unwrap();
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["properties"]["rain_mmph"]["description"], "Millimetres an hour.");
    let bytes_channel = index
        .channels
        .values()
        .find(|channel| channel.topic == "/bytes")
        .unwrap();
    assert_eq!(bytes_channel.schema_id, 0);
}

#[test]
fn a_log_appears_when_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("drive.mcap");
    let partial = dir.path().join("drive.mcap.partial");
    let options = WriteOptions {
        compression: None,
        chunk_size: Some(64 << 10),
        ..WriteOptions::default()
    };
    let mut log = LogWriter::create(&path, options.clone()).unwrap();
    let points = |step: usize| (0..10_000).map(move |i| [i as f32, step as f32, 0.0, 1.0]);
    for step in 0..20 {
        let at = AT + step as i64;
        let cloud = PointCloud::packed(Time::from_ns(at), "lidar", ["x", "y", "z", "intensity"], points(step));
        log.message("/lidar", at, at, &cloud).unwrap();
    }
    assert!(partial.exists() && !path.exists());
    // What a kill would leave behind.
    let left = dir.path().join("left.mcap");
    std::fs::copy(&partial, &left).unwrap();
    let index = LogIndex::open(&left).unwrap();
    assert!((1..20).contains(&index.message_count()), "{}", index.message_count());
    assert!(!index.damage.is_empty());

    let summary = log.finish().unwrap();
    assert!(!partial.exists());
    assert_eq!(summary.path.as_deref(), Some(path.as_path()));
    assert_eq!(summary.bytes, std::fs::metadata(&path).unwrap().len());
    assert_eq!(LogIndex::open(&path).unwrap().message_count(), 20);

    let err = LogWriter::create(&path, options.clone()).unwrap_err();
    assert!(matches!(err, WriteError::Exists { .. }));
    assert!(err.hint().unwrap().contains("overwrite"));
    let again = WriteOptions {
        overwrite: true,
        ..options
    };
    LogWriter::create(&path, again).unwrap().finish().unwrap();
    assert_eq!(LogIndex::open(&path).unwrap().message_count(), 0);
    let nowhere = dir.path().join("absent/drive.mcap");
    assert!(matches!(
        LogWriter::create(&nowhere, WriteOptions::default()),
        Err(WriteError::Io { what: "create", .. })
    ));
}

#[test]
fn a_radar_cloud_holds_what_it_was_given() {
    let points = [[1.0f32, 2.0, 3.0, -5.5, 12.0], [4.0, 5.0, 6.0, 7.0, -8.0]];
    let cloud = PointCloud::packed(Time::from_ns(AT), "radar", PointCloud::RADAR_FIELDS, points);
    assert_eq!(cloud.point_stride, 20);
    let names: Vec<(&str, u32, i32)> = cloud
        .fields
        .iter()
        .map(|f| (f.name.as_str(), f.offset, f.r#type))
        .collect();
    assert_eq!(names[3..], [("rcs", 12, 7), ("doppler", 16, 7)]);
    let numbers: Vec<f32> = cloud
        .data
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    assert_eq!(numbers, points.concat());
    assert_eq!(
        Time::from_ns(-1),
        Time {
            seconds: -1,
            nanos: 999_999_999
        }
    );
}

#[test]
fn mistakes_are_said() {
    let mut log = memory(&WriteOptions::default());
    let fix = LocationFix::default();
    log.message("/gps", 0, 0, &fix).unwrap();
    let mut said = Vec::new();
    let mut say = |result: Result<(), WriteError>| {
        let err = result.unwrap_err();
        said.push(format!("{err}\nhint: {}", err.hint().unwrap_or_default()));
    };
    say(log.message("/gps", 0, 0, &SceneUpdate::default()));
    say(log.json("/gps", "foxglove.LocationFix", 0, 0, &WEATHER));
    say(log.message("/gps", -1, 0, &fix));
    say(log.message("/gps", 0, i64::MIN, &fix));
    say(log.channel_metadata("/gps", BTreeMap::new()));
    insta::assert_snapshot!("write_errors", said.join("\n\n"));
    // None of them is in the log, and it is still whole.
    let (summary, _) = log.finish_into().unwrap();
    assert_eq!(summary.messages, 1);
}

const SCRIPT: &str = r#"
import json, sys
from google.protobuf.unknown_fields import UnknownFieldSet
from mcap.reader import make_reader
from mcap_protobuf.decoder import DecoderFactory

def whole(message):
    """Nothing in it, or in what it holds, is unknown to its schema."""
    if len(UnknownFieldSet(message)):
        return False
    for field, value in message.ListFields():
        if field.message_type:
            many = value if not hasattr(value, "ListFields") else [value]
            if not all(whole(item) for item in many):
                return False
    return True

with open(sys.argv[1], "rb") as file:
    reader = make_reader(file, decoder_factories=[DecoderFactory()], validate_crcs=True)
    messages = {}
    for schema, channel, message, decoded in reader.iter_decoded_messages():
        same = decoded.SerializeToString(deterministic=True) == message.data
        messages[channel.topic] = [decoded.DESCRIPTOR.full_name, same, whole(decoded)]
        if schema.name == "foxglove.PointCloud":
            fields = [(f.name, f.type, f.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[f.type].name) for f in decoded.fields]
    statistics = reader.get_summary().statistics
    print(json.dumps({
        "messages": messages,
        "count": statistics.message_count,
        "chunks": statistics.chunk_count,
        "fields": fields[-1],
        "metadata": [[record.name, record.metadata] for record in reader.iter_metadata()],
        "attachments": [[a.name, a.media_type, a.data.decode()] for a in reader.iter_attachments()],
    }))
"#;

#[test]
fn another_reader_decodes_every_message() {
    let Some(python) = guideway_testkit::python("mcap_protobuf, lz4, zstandard") else {
        return;
    };
    for options in layouts() {
        // Its seeking reader needs a summary.
        if !options.summary {
            continue;
        }
        let mut log = memory(&options);
        let wrote = every(&mut log, 11);
        let topic = "/radar";
        let cloud = PointCloud::packed(Time::from_ns(AT), "radar", PointCloud::RADAR_FIELDS, [[1.0; 5]]);
        log.message(topic, AT + 5_000, AT, &cloud).unwrap();
        log.metadata("guideway.world", &BTreeMap::from([("seed".to_owned(), "7".to_owned())]))
            .unwrap();
        log.attachment("map", "text/plain", b"here").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.mcap");
        std::fs::write(&path, finished(log)).unwrap();
        let output = Command::new(&python).args(["-c", SCRIPT]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{options:?}: {said}");
        let seen: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for name in wrote.keys() {
            let schema = name.trim_start_matches('/');
            assert_eq!(
                seen["messages"][name],
                serde_json::json!([schema, true, true]),
                "{options:?}"
            );
        }
        assert_eq!(
            seen["messages"][topic],
            serde_json::json!(["foxglove.PointCloud", true, true])
        );
        assert_eq!(seen["fields"], serde_json::json!(["doppler", 7, "FLOAT32"]));
        assert_eq!(seen["count"], 15);
        assert_eq!(seen["chunks"].as_u64() > Some(0), options.chunk_size.is_some());
        assert_eq!(seen["metadata"], serde_json::json!([["guideway.world", {"seed": "7"}]]));
        assert_eq!(seen["attachments"], serde_json::json!([["map", "text/plain", "here"]]));
    }
}
