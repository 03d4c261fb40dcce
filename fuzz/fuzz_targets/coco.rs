//! COCO annotation files, masks included.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| guideway_ingest::fuzz_coco(data));
