//! A ground-truth file and a results file, read and evaluated against each other.
#![no_main]

use guideway_core::Silent;
use guideway_eval::coco::files::{Input, evaluate_files};
use guideway_eval::coco::{CocoParams, IouType};
use libfuzzer_sys::fuzz_target;

// The kind of overlap, the ground truth, a zero byte, the results.
fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let Some(end) = data.iter().position(|byte| *byte == 0) else { return };
    let gt = Input { name: "gt.json", bytes: &data[..end] };
    let dt = Input { name: "dt.json", bytes: &data[end + 1..] };
    let iou_type = if kind % 2 == 0 { IouType::Bbox } else { IouType::Segm };
    if let Ok(report) = evaluate_files(gt, dt, iou_type, &CocoParams::default(), &Silent) {
        assert!(report.stats.iter().filter_map(|stat| stat.value).all(|value| (0.0..=1.0).contains(&value)));
    }
});
