//! YOLO's YAML and label lines: the first byte chooses.
#![no_main]

use guideway_ingest::{parse_yolo_config, parse_yolo_label};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    if choice % 2 == 0 {
        if let Ok(config) = parse_yolo_config(&text) {
            assert!(!config.names.is_empty() && !config.splits.is_empty());
        }
    } else {
        let keypoints = (choice / 2 > 0).then_some((usize::from(choice / 2), 3));
        for line in text.lines() {
            if let Ok(label) = parse_yolo_label(line, keypoints) {
                assert!(label.shape.bbox(640.0, 480.0).x_min.is_finite());
            }
        }
    }
});
