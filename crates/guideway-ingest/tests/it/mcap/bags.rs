//! ROS 2 bags, against the reference readers.

use std::collections::BTreeMap;
use std::path::Path;

use guideway_ingest::mcap::{LogIndex, McapSource, MessageQuery, bag_files, read_messages};
use sha2::{Digest as _, Sha256};

use super::read;

/// What the messages of a bag's files say, one file after the other, each in the order of log times.
struct Bag {
    messages: u64,
    times: Option<(i64, i64)>,
    /// Schema name, encoding and number of messages of each topic.
    topics: BTreeMap<String, (Option<String>, String, u64)>,
    /// Over topic, log time and payload.
    sha256: String,
}

fn bag(files: &[impl AsRef<Path>]) -> Bag {
    let mut hash = Sha256::new();
    let mut bag = Bag {
        messages: 0,
        times: None,
        topics: BTreeMap::new(),
        sha256: String::new(),
    };
    for file in files {
        for message in read_messages(file.as_ref(), &MessageQuery::default()).unwrap() {
            let message = message.unwrap();
            let at = i64::try_from(message.log_time).unwrap();
            hash.update(message.topic.as_bytes());
            hash.update(at.to_le_bytes());
            hash.update(&message.data);
            bag.messages += 1;
            let (first, last) = bag.times.unwrap_or((at, at));
            bag.times = Some((first.min(at), last.max(at)));
            let entry = bag.topics.entry(message.topic.to_string()).or_insert_with(|| {
                let schema = message.schema_name.as_deref().map(str::to_owned);
                (schema, message.message_encoding.to_string(), 0)
            });
            entry.2 += 1;
        }
    }
    bag.sha256 = format!("{:x}", hash.finalize());
    bag
}

/// The counts of the rows that ingest makes of these files.
fn ingested(files: &[impl AsRef<Path>]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for file in files {
        let read = read(file.as_ref()).unwrap();
        assert_eq!(read.summary.damaged, 0, "{}", file.as_ref().display());
        for row in read.channels().into_iter().filter(|row| row.message_count > 0) {
            *counts.entry(row.topic).or_default() += row.message_count as u64;
        }
    }
    counts
}

#[test]
fn folders_read_as_the_reference_reader_reads_them() {
    let Some(root) = guideway_testkit::data("mcap_rosbag") else {
        return;
    };
    let expected = guideway_testkit::json(&root.join("expected_bags.json"));
    let (mut seen, mut digests) = (0, 0);
    for (case, want) in expected["cases"].as_object().unwrap() {
        let folder = root.join(case);
        if !folder.is_dir() {
            continue;
        }
        let files = bag_files(&folder).unwrap();
        // The same bags with SQLite for storage are no MCAP logs.
        if files.is_empty() {
            continue;
        }
        seen += 1;
        assert_eq!(McapSource::open_all(&folder).unwrap().len(), files.len());
        let got = bag(&files);
        if want.get("error").is_some() {
            // Messages in an encoding that nobody knows: listed, and left alone.
            let channels = read(&files[0]).unwrap().channels();
            assert!(!channels.is_empty() && got.messages > 0, "{case}");
            assert!(channels.iter().all(|row| row.kind == "unknown"), "{case}: {channels:?}");
            continue;
        }
        assert_eq!(Some(got.messages), want["message_count"].as_u64(), "{case}");
        let mut counts = BTreeMap::new();
        for (topic, value) in want["topics"].as_object().unwrap() {
            let count = value[1].as_u64().unwrap();
            let Some((schema, encoding, found)) = got.topics.get(topic) else {
                assert_eq!(count, 0, "{case} {topic}");
                continue;
            };
            assert_eq!(schema.as_deref(), value[0].as_str(), "{case} {topic}");
            assert_eq!((encoding.as_str(), *found), ("cdr", count), "{case} {topic}");
            counts.insert(topic.clone(), count);
        }
        assert_eq!(ingested(&files), counts, "{case}");
        // The reference takes the times from `metadata.yaml`, which for this bag says other ones than its messages have. Its end
        // is one past the last message.
        if !case.ends_with("/wbag") {
            let (first, last) = got.times.unwrap();
            assert_eq!(
                (Some(first), Some(last + 1)),
                (want["start_time"].as_i64(), want["end_time"].as_i64()),
                "{case}"
            );
        }
        // Of some bags the reference reader gave no message, so that its digest is of nothing.
        if want["iterated"] == want["message_count"] {
            digests += 1;
            assert_eq!(
                Some(got.sha256.as_str()),
                want["sha256_topic_time_raw"].as_str(),
                "{case}"
            );
        } else {
            assert_eq!(want["iterated"], 0, "{case}");
        }
    }
    assert_eq!((seen, digests), (10, 6));
}

#[test]
fn single_files_read_as_the_reference_reader_reads_them() {
    let Some(root) = guideway_testkit::data("mcap_rosbag") else {
        return;
    };
    let expected = guideway_testkit::json(&root.join("expected_bags.json"));
    let mut seen = 0;
    for (case, want) in expected["cases"].as_object().unwrap() {
        let is_mcap = |name: &&str| Path::new(name).extension().is_some_and(|end| end == "mcap");
        let Some(file) = case.strip_prefix("file:").filter(is_mcap) else {
            continue;
        };
        seen += 1;
        let path = root.join(file);
        let counts: BTreeMap<String, u64> = serde_json::from_value(want["per_topic"].clone()).unwrap();
        let got = bag(&[&path]);
        let found: BTreeMap<String, u64> = got
            .topics
            .into_iter()
            .map(|(topic, (_, _, count))| (topic, count))
            .collect();
        assert_eq!(found, counts, "{file}");
        assert_eq!(ingested(&[&path]), counts, "{file}");
        assert_eq!(LogIndex::open(&path).unwrap().message_count(), got.messages, "{file}");
    }
    assert_eq!(seen, 20);
}
