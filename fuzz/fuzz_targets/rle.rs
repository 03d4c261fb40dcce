//! Compressed masks from anywhere: read or refused, never a panic, never more memory than the size justifies.
//!
//! The first byte chooses the height and the second the width; a third chooses what the rest is: a compressed string, or
//! polygon coordinates as little-endian 32-bit floats.
#![no_main]

use guideway_core::Rle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [h, w, kind, rest @ ..] = input else { return };
    let (h, w) = (u32::from(*h), u32::from(*w));
    let mask = if kind % 2 == 0 {
        let Ok(text) = std::str::from_utf8(rest) else { return };
        Rle::from_coco_string(text, h, w)
    } else {
        let xy: Vec<f64> = rest
            .chunks_exact(4)
            .map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])))
            .collect();
        Rle::from_polygons(&[xy], h, w)
    };
    let Ok(mask) = mask else { return };
    let pixels = mask.decode();
    assert_eq!(pixels.len(), (h * w) as usize);
    assert_eq!(mask.area(), pixels.iter().map(|&p| u64::from(p)).sum::<u64>());
    assert_eq!(Rle::from_coco_string(&mask.to_coco_string(), h, w).as_ref(), Ok(&mask));
    let clean = Rle::encode(&pixels, h, w).expect("pixels of this size");
    assert_eq!(clean.bbox(), mask.bbox());
    assert_eq!(mask.union(&clean).as_ref(), Ok(&clean));
    assert_eq!(mask.intersection_area(&clean), mask.area());
});
