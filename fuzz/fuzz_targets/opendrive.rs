//! OpenDRIVE files: whatever loads is consistent, finite, and has a surface.
#![no_main]

use std::path::Path;

use guideway_world::Seed;
use guideway_world::params::{RoadParams, SurroundingsParams};
use guideway_world::road::parse_opendrive;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (params, surroundings) = (RoadParams::default(), SurroundingsParams::default());
    if let Ok((network, _)) = parse_opendrive(&text, Path::new("fuzzed.xodr"), &params, &surroundings, Seed::new(1)) {
        assert_eq!(network.check(), Vec::<String>::new());
        assert!(network.lanes.iter().all(|lane| lane.center.length() > 0.0));
        assert!(network.patches.iter().all(|patch| patch.corners.iter().all(|corner| corner.is_finite())));
    }
});
