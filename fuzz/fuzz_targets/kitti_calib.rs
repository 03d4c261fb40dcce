//! KITTI calibration files.
#![no_main]

use guideway_ingest::parse_kitti_calibration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (calib, _problems) = parse_kitti_calibration(&String::from_utf8_lossy(data));
    assert!(calib.projections.iter().flatten().flatten().all(|v| v.is_finite()));
});
