//! A vector map of Argoverse 2, as a region of interest.
#![no_main]

mod support;

use guideway_eval::av2::RoiParams;
use guideway_eval::av2::files::region_of_map;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    // coarse cells, so that most of the time is not spent on drawing
    let params = RoiParams { resolution_m: 1.0, dilation_m: 5.0 };
    let Ok(region) = region_of_map(support::input("map.json", data), &params) else { return };
    // what the reader passes over may be no text
    let Ok(map) = serde_json::from_slice::<Value>(data) else { return };
    let areas = map["drivable_areas"].as_object().unwrap();
    for corner in areas.values().flat_map(|area| area["area_boundary"].as_array().unwrap()) {
        let corner = [corner["x"].as_f64().unwrap(), corner["y"].as_f64().unwrap()];
        assert!(region.contains(corner), "{corner:?}");
    }
    assert!(!region.contains([f64::NAN, 0.0]) && !region.contains([f64::INFINITY, f64::MAX]));
});
