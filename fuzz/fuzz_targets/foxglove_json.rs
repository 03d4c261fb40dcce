//! Foxglove payloads in json. The first byte chooses the schema.
#![no_main]

use guideway_ingest::media::{image_size, png_from_raw};
use guideway_ingest::schemas::{Decoded, Decoder};
use guideway_ingest::testing::FOXGLOVE_SCHEMAS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, payload)) = bytes.split_first() else {
        return;
    };
    let schema = FOXGLOVE_SCHEMAS[usize::from(*choice) % FOXGLOVE_SCHEMAS.len()];
    let Some(decoder) = Decoder::for_channel("json", Some(schema)) else {
        return;
    };
    match decoder.decode(payload) {
        Ok(Decoded::Image(image)) => {
            let _ = image_size(&image.data);
        }
        Ok(Decoded::RawImage(image)) => {
            let _ = png_from_raw(&image);
        }
        _ => {}
    }
});
