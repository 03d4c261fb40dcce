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

/// A record whose length runs past the end of the file: a false start for whoever reads record by record.
fn false_start() -> Vec<u8> {
    [&[0x05][..], &u64::MAX.to_le_bytes()].concat()
}

/// An uncompressed chunk that holds one message of channel 0.
fn chunk_of_one(log_time: u64) -> Vec<u8> {
    let mut message = vec![0x05];
    message.extend(22u64.to_le_bytes());
    message.extend([0; 6]);
    message.extend(log_time.to_le_bytes());
    message.extend(log_time.to_le_bytes());
    let size = message.len() as u64;
    let mut chunk = vec![0x06];
    chunk.extend((40 + size).to_le_bytes());
    for number in [log_time, log_time, size] {
        chunk.extend(number.to_le_bytes());
    }
    // No checksum, and no compression's name.
    chunk.extend([0; 8]);
    chunk.extend(size.to_le_bytes());
    chunk.extend(message);
    chunk
}

const MAGIC: &[u8] = b"\x89MCAP0\r\n";

/// Messages, damaged places and bytes read by a scan of such a file.
fn scan_hostile(bytes: Vec<u8>) -> (u64, u64, u64) {
    let file = LogFile::from_bytes("hostile", bytes).unwrap();
    let mut scanner = Scanner::new(&file, ScanOptions::default());
    let (mut messages, mut damaged) = (0, 0);
    while let Some(event) = scanner.next_event().unwrap() {
        match event {
            Event::Record {
                record: Record::Message { .. },
                ..
            } => messages += 1,
            Event::Damage(_) => damaged += 1,
            _ => {}
        }
    }
    (messages, damaged, file.bytes_touched())
}

#[test]
fn many_false_starts_without_a_summary_are_read_once() {
    const COUNT: u64 = 50_000;
    let mut bytes = MAGIC.to_vec();
    for at in 0..COUNT {
        bytes.extend(false_start());
        // Opcodes of chunks that are none.
        bytes.extend([0x06; 40]);
        bytes.extend(chunk_of_one(at));
    }
    let size = bytes.len() as u64;
    let (messages, damaged, touched) = scan_hostile(bytes.clone());
    assert_eq!((messages, damaged), (COUNT, COUNT + 1));
    assert!(touched < 2 * size, "{touched} bytes read of {size}");
    // The index finds the same messages.
    let index = LogIndex::of(LogFile::from_bytes("hostile", bytes).unwrap()).unwrap();
    assert_eq!(index.message_count(), COUNT);
    assert!(
        index.file().bytes_touched() < 4 * size,
        "{} of {size}",
        index.file().bytes_touched()
    );
}

#[test]
fn many_false_starts_with_a_summary_are_read_once() {
    const COUNT: u64 = 20_000;
    let mut bytes = MAGIC.to_vec();
    let mut starts = Vec::new();
    for at in 0..COUNT {
        bytes.extend(false_start());
        starts.push(bytes.len() as u64);
        bytes.extend(chunk_of_one(at));
    }
    let summary_start = bytes.len() as u64;
    let length = chunk_of_one(0).len() as u64;
    for start in starts {
        let mut index = Vec::new();
        for number in [0, 0, start, length] {
            index.extend(u64::to_le_bytes(number));
        }
        // No message indexes, no compression.
        index.extend([0; 4]);
        index.extend([0; 8]);
        index.extend([0; 4]);
        index.extend([31u64, 31].map(u64::to_le_bytes).concat());
        bytes.push(0x08);
        bytes.extend((index.len() as u64).to_le_bytes());
        bytes.extend(index);
    }
    bytes.push(0x02);
    bytes.extend(20u64.to_le_bytes());
    bytes.extend(summary_start.to_le_bytes());
    bytes.extend([0; 12]);
    bytes.extend(MAGIC);
    let size = bytes.len() as u64;
    let (messages, damaged, touched) = scan_hostile(bytes);
    assert_eq!((messages, damaged), (COUNT, COUNT));
    assert!(touched < 3 * size, "{touched} bytes read of {size}");
}

#[test]
fn a_broken_record_is_skipped_without_a_summary() {
    let options = DriveOptions {
        frames: 3,
        width: 16,
        chunk_size: Some(2 << 10),
        summary: false,
        ..DriveOptions::default()
    };
    let mut bytes = drive_bytes(options).unwrap();
    let index = LogIndex::of(LogFile::from_bytes("test", bytes.clone()).unwrap()).unwrap();
    assert!(index.chunks.len() > 3);
    let lost = index.chunks[1].message_count() as usize;
    let (all, damaged) = exercise(bytes.clone());
    assert!(!damaged);
    let at = index.chunks[1].offset as usize;
    bytes[at + 1..at + 9].copy_from_slice(&(u64::MAX - 5).to_le_bytes());
    bytes[at] = 0x09;
    let (left, damaged) = exercise(bytes.clone());
    assert!(damaged);
    assert_eq!(left, all - lost);
    let index = LogIndex::of(LogFile::from_bytes("test", bytes).unwrap()).unwrap();
    assert_eq!(index.message_count() as usize, left);
}
