//! Whatever happens to the bytes of a log, reading it ends, and nothing panics.

use std::sync::LazyLock;

use guideway_ingest::mcap::{Event, LogFile, LogIndex, MessageQuery, Messages, ScanOptions, Scanner, records::Record};
use guideway_ingest::schemas::Decoder;
use guideway_ingest::testing::{DriveOptions, drive_bytes};
use proptest::prelude::*;

static LOGS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let small = DriveOptions {
        frames: 3,
        width: 16,
        chunk_size: Some(2 << 10),
        ..DriveOptions::default()
    };
    [
        small,
        DriveOptions {
            compression: None,
            ..small
        },
        DriveOptions {
            chunk_size: None,
            ..small
        },
        DriveOptions {
            summary: false,
            json: true,
            ..small
        },
    ]
    .map(|options| drive_bytes(options).unwrap())
    .to_vec()
});

/// Reads in every way there is; the number of messages of the scan, and whether damage was found.
fn exercise(bytes: Vec<u8>) -> (usize, bool) {
    let Ok(file) = LogFile::from_bytes("test", bytes.clone()) else {
        return (0, true);
    };
    let mut scanner = Scanner::new(&file, ScanOptions::default());
    let (mut messages, mut damaged) = (0, false);
    while let Some(event) = scanner.next_event().unwrap() {
        match event {
            Event::Record {
                record: Record::Message { data, .. },
                ..
            } => {
                messages += 1;
                for name in [
                    "foxglove.CompressedImage",
                    "foxglove.SceneUpdate",
                    "sensor_msgs/msg/PointCloud2",
                ] {
                    for encoding in ["protobuf", "json", "cdr", "ros1"] {
                        if let Some(decoder) = Decoder::for_channel(encoding, Some(name)) {
                            drop(decoder.decode(&data));
                        }
                    }
                }
            }
            Event::Damage(_) => damaged = true,
            _ => {}
        }
    }
    let file = LogFile::from_bytes("test", bytes).unwrap();
    if let Ok(index) = LogIndex::of(file)
        && let Ok(all) = Messages::new(index, &MessageQuery::default())
    {
        assert!(all.take(10_000).flatten().count() <= 10_000);
    }
    (messages, damaged)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn changed_bytes_never_panic(log in 0usize..4, changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = LOGS[log].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        exercise(bytes);
    }

    #[test]
    fn a_cut_is_damage_and_keeps_what_came_before(log in 0usize..4, cut in any::<prop::sample::Index>()) {
        let whole = &LOGS[log];
        let at = cut.index(whole.len());
        let (all, damaged) = exercise(whole.clone());
        prop_assert!(!damaged);
        let (left, damaged) = exercise(whole[..at].to_vec());
        prop_assert!(damaged);
        prop_assert!(left <= all);
    }
}

#[test]
fn a_cut_chunk_gives_its_first_messages() {
    // Without compression every byte that is left counts: cutting in the middle keeps about half of the messages.
    let whole = &LOGS[1];
    let (all, _) = exercise(whole.clone());
    let (half, _) = exercise(whole[..whole.len() / 2].to_vec());
    assert!(half * 3 > all, "{half} of {all}");
}

#[test]
fn a_broken_record_is_skipped_with_the_summary() {
    let mut bytes = LOGS[0].clone();
    let index = LogIndex::of(LogFile::from_bytes("test", bytes.clone()).unwrap()).unwrap();
    assert!(index.chunks.len() > 3);
    let lost = index.chunks[1].message_count() as usize;
    // The length of the second chunk's record becomes absurd.
    let at = index.chunks[1].offset as usize;
    bytes[at + 1..at + 9].copy_from_slice(&(u64::MAX - 5).to_le_bytes());
    bytes[at] = 0x09;
    let (all, _) = exercise(LOGS[0].clone());
    let (left, damaged) = exercise(bytes);
    assert!(damaged);
    assert_eq!(left, all - lost);
}
