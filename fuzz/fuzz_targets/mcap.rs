//! A whole log.
#![no_main]

use guideway_ingest::mcap::{Event, LogFile, LogIndex, MessageQuery, Messages, ScanOptions, Scanner, records::Record};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = LogFile::from_bytes("fuzz", bytes.to_vec()) else {
        return;
    };
    let mut scanner = Scanner::new(&file, ScanOptions::default());
    let mut messages = 0usize;
    while let Ok(Some(event)) = scanner.next_event() {
        messages += usize::from(matches!(
            event,
            Event::Record {
                record: Record::Message { .. },
                ..
            }
        ));
        // A file of zeros compresses a thousandfold: the work is bounded by the messages, not by the bytes.
        if messages > 100_000 {
            return;
        }
    }
    if let Ok(index) = LogIndex::of(file)
        && let Ok(all) = Messages::new(index, &MessageQuery::default())
    {
        let _ = all.take(10_000).filter(Result::is_ok).count();
    }
});
