//! Walls in GeoJSON: what is taken holds nothing that is far from all of its corners.
#![no_main]

use guideway_assert::{Cuboid, DVec3, Se3, Solids};
use libfuzzer_sys::fuzz_target;

/// Coordinates are taken up to here, m.
const FARTHEST_M: f64 = 1e8;

fn car(x: f64, y: f64, yaw: f64) -> Cuboid {
    Cuboid::new(Se3::from_yaw(yaw, DVec3::new(x, y, 0.8)).unwrap(), [4.4, 1.8, 1.5]).unwrap()
}

fuzz_target!(|data: &[u8]| {
    let Ok((solids, left_out)) = Solids::from_geojson(data) else {
        return;
    };
    assert!(left_out.kinds.len() as u64 <= left_out.count);
    for name in ["drive.mcap", ""] {
        let Some(walls) = solids.of("0123", name) else { continue };
        for x in -8..=8_i32 {
            for y in -8..=8_i32 {
                walls.hold(&car(f64::from(x) * 2.7, f64::from(y * y * y) * 5.1, f64::from(x)));
            }
        }
        for (x, y) in [(2.0, 0.0), (-2.0, 2.0), (0.0, -2.0)] {
            assert!(!walls.hold(&car(x * FARTHEST_M, y * FARTHEST_M, 0.5)));
        }
    }
});
