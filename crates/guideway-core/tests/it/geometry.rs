//! Poses, cameras, cuboids and the earth against OpenCV, PROJ (pyproj) and GEOS (shapely). The table was computed by them
//! from generated cases and names their versions.

use guideway_core::{BBox, Camera, CameraModel, Cuboid, DVec3, Geodetic, GeometryError, Intrinsics, Se3, Utm};
use proptest::prelude::*;
use serde_json::Value;

use crate::read::{fixed, float, floats, list, near, point};

fn table(reference: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("fixtures/geometry_references.json")).unwrap();
    all[reference].clone()
}

fn camera(case: &Value) -> Camera {
    let [fx, fy, cx, cy] = fixed(&case["intrinsics"]);
    let model = CameraModel::from_coefficients(case["model"].as_str().unwrap(), &floats(&case["distortion"])).unwrap();
    let intrinsics = Intrinsics {
        fx,
        fy,
        cx,
        cy,
        width: 1920,
        height: 1208,
    };
    Camera::new(intrinsics, model).unwrap()
}

#[test]
fn projection_equals_opencv_and_unprojection_inverts_it() {
    let table = table("opencv");
    assert_eq!(list(&table["cameras"]).len(), 5);
    for case in list(&table["cameras"]) {
        let camera = camera(case);
        for (p, uv) in list(&case["points"]).iter().zip(list(&case["pixels"])) {
            let (p, expected) = (point(p), fixed::<2>(uv));
            let found = camera.project(p).unwrap();
            near(found[0], expected[0], 1e-9);
            near(found[1], expected[1], 1e-9);
            let ray = camera.unproject(expected).unwrap();
            near(ray.length(), 1.0, 1e-15);
            assert!((ray - p / p.length()).length() < 1e-11, "{case} {p}: {ray}");
        }
    }
}

#[test]
fn what_the_lens_cannot_see_is_nowhere() {
    let table = table("opencv");
    for case in list(&table["cameras"]) {
        let camera = camera(case);
        for p in [
            DVec3::new(0.1, 0.1, -5.0),
            DVec3::new(0.0, 0.0, 0.0),
            DVec3::new(f64::NAN, 0.0, 1.0),
            DVec3::new(0.0, f64::INFINITY, 1.0),
        ] {
            assert_eq!(camera.project(p), None);
        }
        assert_eq!(camera.unproject([f64::NAN, 0.0]), None);
    }
    // Strong barrel distortion turns back at r² = 1 / (3 · 0.3): OpenCV would put this point inside the image.
    let intrinsics = camera(&list(&table["cameras"])[0]).intrinsics();
    let barrel = CameraModel::from_coefficients("brown-conrady", &[-0.3, 0.0, 0.0, 0.0]).unwrap();
    let camera = Camera::new(intrinsics, barrel).unwrap();
    let edge = (1.0_f64 / 0.9).sqrt();
    assert!(camera.project(DVec3::new(edge - 1e-6, 0.0, 1.0)).is_some());
    assert_eq!(camera.project(DVec3::new(edge + 1e-6, 0.0, 1.0)), None);
    assert_eq!(camera.unproject([intrinsics.cx + intrinsics.fx, intrinsics.cy]), None);
}

#[test]
fn bad_cameras_are_refused() {
    let counts = |name: &str, c: &[f64]| CameraModel::from_coefficients(name, c).unwrap_err();
    assert!(matches!(
        counts("brown-conrady", &[0.1; 3]),
        GeometryError::WrongCount { found: 3, .. }
    ));
    assert!(matches!(
        counts("kannala-brandt", &[0.1; 5]),
        GeometryError::WrongCount { .. }
    ));
    assert!(matches!(counts("pinhole", &[0.1]), GeometryError::WrongCount { .. }));
    assert!(matches!(counts("omni", &[]), GeometryError::UnknownModel { .. }));
    assert!(matches!(
        counts("brown-conrady", &[f64::NAN; 5]),
        GeometryError::NotFinite { .. }
    ));
    let intrinsics = Intrinsics {
        fx: 0.0,
        fy: 1.0,
        cx: 0.0,
        cy: 0.0,
        width: 1,
        height: 1,
    };
    assert!(matches!(
        Camera::new(intrinsics, CameraModel::Pinhole),
        Err(GeometryError::OutOfRange { .. })
    ));
}

fn upright(v: &Value) -> Cuboid {
    let [x, y, z, l, w, h, yaw] = fixed(v);
    Cuboid::new(Se3::from_yaw(yaw, DVec3::new(x, y, z)).unwrap(), [l, w, h]).unwrap()
}

#[test]
fn rotated_overlaps_equal_shapely() {
    let table = table("shapely");
    let mut overlapping = 0;
    for case in list(&table["boxes"]) {
        let (a, b) = (upright(&case["a"]), upright(&case["b"]));
        let (bev, solid) = (float(&case["bev"]), float(&case["iou3d"]));
        near(a.rotated_iou_bev(&b), bev, 1e-9);
        near(b.rotated_iou_bev(&a), bev, 1e-9);
        near(a.iou_3d(&b), solid, 1e-9);
        overlapping += usize::from(bev > 0.0);
    }
    assert!(overlapping > 20);
}

#[test]
fn degenerate_boxes_overlap_nothing() {
    let flat = Cuboid::new(Se3::IDENTITY, [4.0, 0.0, 1.0]).unwrap();
    let solid = Cuboid::new(Se3::IDENTITY, [4.0, 2.0, 1.0]).unwrap();
    assert_eq!(flat.rotated_iou_bev(&flat), 0.0);
    assert_eq!(flat.iou_3d(&solid), 0.0);
    assert_eq!(solid.iou_3d(&solid), 1.0);
    let mut lost = solid;
    lost.center.x = f64::NAN;
    assert_eq!(lost.iou_3d(&solid), 0.0);
    assert!(Cuboid::new(Se3::IDENTITY, [-1.0, 1.0, 1.0]).is_err());
    assert!(Cuboid::from_slice(&[0.0; 9]).is_err());
    assert!(Cuboid::from_slice(&[0.0; 10]).is_err());
}

#[test]
fn cuboids_project_to_boxes() {
    let intrinsics = Intrinsics {
        fx: 100.0,
        fy: 100.0,
        cx: 50.0,
        cy: 40.0,
        width: 100,
        height: 80,
    };
    let camera = Camera::new(intrinsics, CameraModel::Pinhole).unwrap();
    // A cube of 2 m, its near face 9 m ahead.
    let ahead = |z: f64| {
        let pose = Se3::from_yaw(0.0, DVec3::new(0.0, 0.0, z)).unwrap();
        Cuboid::new(pose, [2.0; 3]).unwrap()
    };
    let seen = ahead(10.0).project(&camera, Se3::IDENTITY).unwrap();
    let half = 100.0 / 9.0;
    let expected = BBox::new(50.0 - half, 40.0 - half, 50.0 + half, 40.0 + half);
    for (found, want) in seen.to_xywh().into_iter().zip(expected.to_xywh()) {
        near(found, want, 1e-12);
    }
    // One that reaches behind the camera fills the image; one behind it is not seen.
    assert_eq!(
        ahead(0.5).project(&camera, Se3::IDENTITY),
        Some(BBox::new(0.0, 0.0, 100.0, 80.0))
    );
    assert_eq!(ahead(-3.0).project(&camera, Se3::IDENTITY), None);
}

#[test]
fn the_earth_equals_proj() {
    let table = table("pyproj");
    let mut in_utm = 0;
    for case in list(&table["geodetic"]) {
        let place = Geodetic::new(float(&case["lat"]), float(&case["lon"]), float(&case["h"])).unwrap();
        let ecef = point(&case["ecef"]);
        assert!((place.to_ecef() - ecef).length() < 2e-9, "{case}");
        let back = Geodetic::from_ecef(ecef).unwrap();
        near(back.latitude_deg, place.latitude_deg, 1e-13 * 90.0);
        near(back.longitude_deg, place.longitude_deg, 1e-13 * 180.0);
        near(back.height_m, place.height_m, 1e-8);
        if case["zone"].is_null() {
            assert!(matches!(place.to_utm(), Err(GeometryError::OutOfRange { .. })));
            continue;
        }
        in_utm += 1;
        let utm = place.to_utm().unwrap();
        assert_eq!(u64::from(utm.zone), case["zone"].as_u64().unwrap());
        let next = u8::try_from(case["next_zone"].as_u64().unwrap()).unwrap();
        for (utm, expected) in [(utm, "utm"), (place.to_utm_in(next).unwrap(), "next_utm")] {
            let [easting, northing] = fixed(&case[expected]);
            near(utm.easting_m, easting, 1e-6);
            near(utm.northing_m, northing, 1e-6);
            let back = utm.to_geodetic().unwrap();
            near(back.latitude_deg, place.latitude_deg, 1e-12);
            near(back.longitude_deg, place.longitude_deg, 1e-12);
        }
    }
    assert_eq!(in_utm, 11);
    for case in list(&table["enu"]) {
        let [lat, lon, h] = fixed(&case["origin"]);
        let origin = Geodetic::new(lat, lon, h).unwrap();
        let [lat, lon, h] = fixed(&case["point"]);
        let ecef = Geodetic::new(lat, lon, h).unwrap().to_ecef();
        let enu = origin.ecef_from_enu().unwrap().inverse() * ecef;
        assert!((enu - point(&case["enu"])).length() < 1e-8, "{case}: {enu}");
    }
}

#[test]
fn places_off_the_map_are_refused() {
    assert!(Geodetic::new(90.1, 0.0, 0.0).is_err());
    assert!(Geodetic::new(f64::NAN, 0.0, 0.0).is_err());
    assert!(Geodetic::from_ecef(DVec3::ZERO).is_err());
    let place = Geodetic::new(48.0, 11.0, 0.0).unwrap();
    assert!(place.to_utm_in(0).is_err());
    assert!(place.to_utm_in(61).is_err());
    assert!(place.to_utm_in(50).is_err());
    let far = Utm {
        zone: 32,
        is_north: true,
        easting_m: 1e9,
        northing_m: 0.0,
    };
    assert!(far.to_geodetic().is_err());
    assert_eq!(Geodetic::new(0.0, 180.0, 0.0).unwrap().utm_zone(), 1);
}

#[test]
fn bad_poses_are_refused() {
    let zero = Se3::from_xyz_wxyz([0.0; 3], [0.0; 4]);
    assert!(matches!(zero, Err(GeometryError::ZeroQuaternion { .. })));
    assert!(Se3::from_xyz_wxyz([f64::NAN, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]).is_err());
    let mut rows = Se3::IDENTITY.to_matrix();
    rows[0][0] = -1.0;
    assert!(matches!(Se3::from_matrix(rows), Err(GeometryError::NotRigid { .. })));
    rows[0][0] = 1.1;
    assert!(matches!(Se3::from_matrix(rows), Err(GeometryError::NotRigid { .. })));
    rows[0][0] = 1.0;
    rows[3][0] = 0.1;
    assert!(matches!(Se3::from_matrix(rows), Err(GeometryError::NotRigid { .. })));
    assert!(serde_json::from_str::<Se3>("[0,0,0,0,0,0,0]").is_err());
}

fn pose() -> impl Strategy<Value = Se3> {
    (
        proptest::array::uniform3(-1e3..1e3_f64),
        proptest::array::uniform4(-1.0..1.0_f64),
    )
        .prop_filter_map("no rotation", |(t, q)| {
            (q.iter().map(|v| v * v).sum::<f64>() > 1e-3).then(|| Se3::from_xyz_wxyz(t, q).unwrap())
        })
}

fn vector() -> impl Strategy<Value = DVec3> {
    proptest::array::uniform3(-1e3..1e3_f64).prop_map(DVec3::from_array)
}

proptest! {
    #[test]
    fn poses_form_a_group(a in pose(), b in pose(), c in pose(), p in vector()) {
        prop_assert!((a.inverse() * (a * p) - p).length() < 1e-9);
        prop_assert!(((a * b) * p - a * (b * p)).length() < 1e-9);
        prop_assert!((((a * b) * c) * p - (a * (b * c)) * p).length() < 1e-9);
        prop_assert!(((a * a.inverse()) * p - p).length() < 1e-9);
        prop_assert!(a.angle_to(a) < 1e-7);
    }

    #[test]
    fn poses_survive_matrices_tables_and_json(a in pose(), p in vector()) {
        prop_assert!((Se3::from_matrix(a.to_matrix()).unwrap() * p - a * p).length() < 1e-9);
        prop_assert_eq!(Se3::from_slice(&a.to_array()).unwrap(), a);
        let text = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(serde_json::from_str::<Se3>(&text).unwrap(), a);
    }

    #[test]
    fn interpolation_meets_its_ends_and_turns_evenly(a in pose(), b in pose(), t in 0.0..1.0_f64) {
        prop_assert!(a.interpolate(b, 0.0).angle_to(a) < 1e-6);
        prop_assert!(a.interpolate(b, 1.0).angle_to(b) < 1e-6);
        prop_assert!(((b.translation() - a.interpolate(b, 1.0).translation()).length()) < 1e-9);
        // Slerp turns at constant rate along the shorter arc; where the ends nearly agree it is replaced by a chord.
        prop_assert!((a.interpolate(b, t).angle_to(a) - t * a.angle_to(b)).abs() < 1e-4);
    }

    #[test]
    fn yaw_comes_back(yaw in -3.1..3.1_f64) {
        let pose = Se3::from_yaw(yaw, DVec3::ZERO).unwrap();
        prop_assert!((pose.yaw() - yaw).abs() < 1e-12);
    }

    #[test]
    fn overlaps_are_symmetric_and_bounded(
        a in proptest::array::uniform7(0.0..4.0_f64),
        b in proptest::array::uniform7(0.0..4.0_f64),
    ) {
        let cuboid = |v: [f64; 7]| {
            Cuboid::new(Se3::from_yaw(v[6], DVec3::new(v[0], v[1], v[2])).unwrap(), [v[3], v[4], v[5]]).unwrap()
        };
        let (a, b) = (cuboid(a), cuboid(b));
        for (one, other) in [(a.rotated_iou_bev(&b), b.rotated_iou_bev(&a)), (a.iou_3d(&b), b.iou_3d(&a))] {
            prop_assert!((0.0..=1.0).contains(&one));
            prop_assert!((one - other).abs() < 1e-9);
        }
    }

    #[test]
    fn no_camera_panics(
        k in proptest::collection::vec(-10.0..10.0_f64, 8),
        p in proptest::array::uniform3(proptest::num::f64::ANY),
        uv in proptest::array::uniform2(proptest::num::f64::ANY),
    ) {
        let intrinsics = Intrinsics { fx: 900.0, fy: 900.0, cx: 500.0, cy: 300.0, width: 1000, height: 600 };
        for (name, count) in [("pinhole", 0), ("brown-conrady", 5), ("brown-conrady", 8), ("kannala-brandt", 4)] {
            let camera = Camera::new(intrinsics, CameraModel::from_coefficients(name, &k[..count]).unwrap()).unwrap();
            if let Some(pixel) = camera.project(DVec3::from_array(p)) {
                prop_assert!(pixel.iter().all(|v| v.is_finite()));
            }
            for pixel in [uv, [uv[0] % 2000.0, uv[1] % 2000.0]] {
                if let Some(ray) = camera.unproject(pixel) {
                    prop_assert!((ray.length() - 1.0).abs() < 1e-12);
                    let again = camera.project(ray);
                    prop_assert!(again.is_none_or(|q| (q[0] - pixel[0]).abs() < 1e-4 + 1e-9 * pixel[0].abs()));
                }
            }
        }
    }
}
