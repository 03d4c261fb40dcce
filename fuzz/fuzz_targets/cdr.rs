//! ROS payloads. The first byte chooses the schema.
#![no_main]

use guideway_ingest::schemas::Decoder;
use guideway_ingest::testing::ROS_SCHEMAS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, payload)) = bytes.split_first() else {
        return;
    };
    let schema = ROS_SCHEMAS[usize::from(*choice) % ROS_SCHEMAS.len()];
    for encoding in ["cdr", "ros1"] {
        if let Some(decoder) = Decoder::for_channel(encoding, Some(schema)) {
            let _ = decoder.decode(payload);
        }
    }
});
