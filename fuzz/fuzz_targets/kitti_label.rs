//! Label lines of both KITTI benchmarks, and oxts lines.
#![no_main]

use guideway_ingest::{KittiLabelLayout, parse_kitti_label, parse_kitti_oxts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for line in String::from_utf8_lossy(data).lines() {
        for layout in [KittiLabelLayout::Object, KittiLabelLayout::Tracking] {
            if let Ok(label) = parse_kitti_label(line, layout) {
                assert!(label.bbox.x_min <= label.bbox.x_max && label.rotation_y.is_finite());
            }
        }
        if let Ok(oxts) = parse_kitti_oxts(line) {
            assert!(oxts.latitude_deg.abs() <= 90.0);
        }
    }
});
