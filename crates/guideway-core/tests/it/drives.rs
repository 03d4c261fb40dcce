//! Real drives: Argoverse 2 (projection, city frame, forecasts; reference: av2) and comma2k19 (GNSS; reference: pymap3d).

use std::path::Path;

use guideway_core::trajectory::{MISS_THRESHOLD_M, ModeErrors, best_by_final};
use guideway_core::{Camera, CameraModel, DVec3, Geodetic, Intrinsics, Se3, Utm};
use guideway_testkit::{data, json};
use serde_json::Value;

use crate::read::{fixed, float, floats, list, near, point, rows};

/// Solves `rows · x = right` by elimination with pivoting.
fn solve(mut rows: [[f64; 4]; 4], mut right: [f64; 4]) -> [f64; 4] {
    for i in 0..4 {
        let pivot = (i..4)
            .max_by(|&a, &b| rows[a][i].abs().total_cmp(&rows[b][i].abs()))
            .unwrap();
        rows.swap(i, pivot);
        right.swap(i, pivot);
        let top = rows[i];
        for j in (0..4).filter(|&j| j != i) {
            let factor = rows[j][i] / top[i];
            for (value, above) in rows[j].iter_mut().zip(top) {
                *value -= factor * above;
            }
            right[j] -= factor * right[i];
        }
    }
    std::array::from_fn(|i| right[i] / rows[i][i])
}

/// Four of the points that span space well: the pose follows from them, and all the others must agree.
fn camera_from_ego(points: &[(DVec3, DVec3)]) -> Se3 {
    let volume = |i: [usize; 4]| {
        let [a, b, c, d] = i.map(|i| points[i].0);
        (b - a).cross(c - a).dot(d - a).abs()
    };
    let n = points.len().min(14);
    let mut best = [0, 1, 2, 3];
    for a in 0..n {
        for b in a + 1..n {
            for c in b + 1..n {
                for d in c + 1..n {
                    if volume([a, b, c, d]) > volume(best) {
                        best = [a, b, c, d];
                    }
                }
            }
        }
    }
    let ego = best.map(|i| {
        let p = points[i].0;
        [p.x, p.y, p.z, 1.0]
    });
    let row = |axis: usize| solve(ego, best.map(|i| points[i].1[axis]));
    Se3::from_matrix([row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]]).unwrap()
}

/// Slope and offset through the two points that are furthest apart.
fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> (f64, f64) {
    let low = points.clone().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    let high = points.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    let slope = (high.1 - low.1) / (high.0 - low.0);
    (slope, low.1 - slope * low.0)
}

#[test]
fn lidar_points_land_where_av2_puts_them() {
    let Some(path) = data("ref_geometry/visible/av2_lidar_to_image.json") else {
        return;
    };
    let cases = json(&path);
    for case in list(&cases["cameras"]) {
        // The file gives no calibration. Few of its points determine it; the others test it.
        let points: Vec<_> = list(&case["points"])
            .iter()
            .map(|p| {
                (
                    point(&p["ego_xyz"]),
                    point(&p["cam_xyz"]),
                    fixed::<2>(&p["uv"]),
                    &p["in_image"],
                )
            })
            .collect();
        let pairs: Vec<_> = points.iter().map(|p| (p.0, p.1)).collect();
        let camera_from_ego = camera_from_ego(&pairs);
        let (fx, cx) = line(points.iter().map(|(_, c, uv, _)| (c.x / c.z, uv[0])));
        let (fy, cy) = line(points.iter().map(|(_, c, uv, _)| (c.y / c.z, uv[1])));
        let is_front = case["camera"] == "ring_front_center";
        let (width, height) = if is_front { (1550, 2048) } else { (2048, 1550) };
        let intrinsics = Intrinsics {
            fx,
            fy,
            cx,
            cy,
            width,
            height,
        };
        let camera = Camera::new(intrinsics, CameraModel::Pinhole).unwrap();
        for (ego, in_camera, uv, in_image) in points {
            let found = camera_from_ego * ego;
            assert!((found - in_camera).length() < 1e-7, "{found} is not {in_camera}");
            let pixel = camera.project(found).unwrap();
            near(pixel[0], uv[0], 1e-4);
            near(pixel[1], uv[1], 1e-4);
            let exact = camera.project(in_camera).unwrap();
            near(exact[0], uv[0], 1e-8);
            near(exact[1], uv[1], 1e-8);
            assert_eq!(Value::Bool(camera.contains(exact)), *in_image);
        }
    }
}

#[test]
fn ego_points_reach_the_city_and_the_map() {
    let Some(path) = data("ref_geometry/visible/av2_ego_to_city.json") else {
        return;
    };
    // Where av2 puts the origin of Pittsburgh's city frame.
    let origin = Geodetic::new(40.441_779_029_893_21, -80.012_943_772_425_84, 0.0).unwrap();
    let origin = origin.to_utm().unwrap();
    let cases = json(&path);
    for case in list(&cases["cases"]) {
        let city_from_ego = Se3::from_matrix(rows(&case["matrix"]).try_into().unwrap()).unwrap();
        let points = list(&case["ego_points"]).iter().zip(list(&case["city_points"]));
        let maps = rows::<2>(&case["wgs84_lat_lon"])
            .into_iter()
            .zip(rows::<2>(&case["utm_easting_northing"]));
        for ((ego, city), (lat_lon, utm)) in points.zip(maps) {
            let (ego, city) = (point(ego), point(city));
            let found = city_from_ego * ego;
            assert!((found - city).length() < 1e-9, "{found} is not {city}");
            assert!((city_from_ego.inverse() * city - ego).length() < 1e-9);
            let on_map = Utm {
                easting_m: found.x + origin.easting_m,
                northing_m: found.y + origin.northing_m,
                ..origin
            };
            near(on_map.easting_m, utm[0], 1e-6);
            near(on_map.northing_m, utm[1], 1e-6);
            let place = on_map.to_geodetic().unwrap();
            near(place.latitude_deg, lat_lon[0], 1e-11);
            near(place.longitude_deg, lat_lon[1], 1e-11);
            let back = Geodetic::new(lat_lon[0], lat_lon[1], 0.0).unwrap().to_utm().unwrap();
            assert_eq!(back.zone, 17);
            near(back.easting_m, utm[0], 1e-6);
            near(back.northing_m, utm[1], 1e-6);
        }
    }
}

#[test]
fn forecasts_score_as_av2_scores_them() {
    let Some(path) = data("ref_geometry/visible/av2_forecasting_metrics.json") else {
        return;
    };
    let cases = json(&path);
    for case in list(&cases["cases"]) {
        let driven = rows::<2>(&case["ground_truth"]);
        let probabilities = floats(&case["probabilities"]);
        let modes: Vec<ModeErrors> = list(&case["forecasts"])
            .iter()
            .zip(probabilities)
            .map(|(forecast, p)| ModeErrors::of(&rows(forecast), &driven, p).unwrap())
            .collect();
        let expected = |name: &str, i: usize| float(&case[name][i]);
        for (i, mode) in modes.iter().enumerate() {
            near(mode.average_m, expected("ade", i), 1e-9);
            near(mode.last_m, expected("fde", i), 1e-9);
            near(mode.brier_last(), expected("brier_fde", i), 1e-9);
            near(mode.brier_average(), expected("brier_ade", i), 1e-9);
            assert_eq!(Value::Bool(mode.is_missed(2.0)), case["missed_2m"][i]);
        }
        let best = best_by_final(&modes).unwrap();
        near(best.last_m, float(&case["minFDE"]), 1e-9);
        near(best.average_m, float(&case["minADE_of_minFDE_mode"]), 1e-9);
        near(best.brier_last(), float(&case["brier_minFDE"]), 1e-9);
        let min_ade = modes.iter().map(|m| m.average_m).fold(f64::INFINITY, f64::min);
        near(min_ade, float(&case["minADE"]), 1e-9);
        assert_eq!(Value::Bool(best.is_missed(MISS_THRESHOLD_M)), case["miss"]);
        assert_eq!(ModeErrors::of(&driven[1..], &driven, 1.0), None);
        assert_eq!(ModeErrors::of(&[], &[], 1.0), None);
    }
}

/// The rows of a little-endian, C-ordered `.npy` file of 64-bit floats with three columns.
fn positions(path: &Path) -> Vec<DVec3> {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..7], b"\x93NUMPY\x01");
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..start]).unwrap();
    assert!(
        header.contains("<f8") && header.contains(", 3)") && header.contains("False"),
        "{header}"
    );
    let values: Vec<f64> = bytes[start..]
        .chunks_exact(8)
        .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
        .collect();
    values.chunks_exact(3).map(DVec3::from_slice).collect()
}

#[test]
fn a_real_minute_lies_where_pymap3d_puts_it() {
    let Some(folder) = data("comma2k19") else { return };
    let expected = json(&folder.join("expected.json"));
    let positions = positions(&folder.join("segment/global_pose/frame_positions"));
    assert_eq!(Value::from(positions.len()), expected["frames"]);
    let length: f64 = positions.windows(2).map(|p| (p[1] - p[0]).length()).sum();
    near(length, float(&expected["path_length_ecef_m"]), 1e-6);
    let origin = Geodetic::from_ecef(positions[0]).unwrap();
    let enu_from_ecef = origin.ecef_from_enu().unwrap().inverse();
    for case in list(&expected["geodetic"]) {
        let ecef = positions[usize::try_from(case["frame"].as_u64().unwrap()).unwrap()];
        let place = Geodetic::from_ecef(ecef).unwrap();
        near(place.latitude_deg, float(&case["lat"]), 1e-11);
        near(place.longitude_deg, float(&case["lon"]), 1e-11);
        near(place.height_m, float(&case["h"]), 1e-6);
        assert!((place.to_ecef() - ecef).length() < 1e-8);
        let enu = enu_from_ecef * ecef;
        assert!((enu - point(&case["enu_from_frame0"])).length() < 1e-7, "{case}: {enu}");
    }
}
