//! Masks against pycocotools. The table was computed by it from generated masks, polygons and boxes.

use guideway_core::{BBox, Rle};
use proptest::prelude::*;
use serde_json::Value;

use crate::read::floats;

fn table() -> Value {
    serde_json::from_str(include_str!("fixtures/rle_pycocotools.json")).unwrap()
}

fn size(case: &Value) -> (u32, u32) {
    let side = |name: &str| u32::try_from(case[name].as_u64().unwrap()).unwrap();
    (side("h"), side("w"))
}

fn cases(name: &str) -> Vec<Value> {
    let cases = table()[name].as_array().unwrap().clone();
    assert!(cases.len() >= 20, "{name}: the table is too small to say anything");
    cases
}

#[test]
fn encodings_areas_and_boxes_equal_pycocotools() {
    for case in cases("masks") {
        let (h, w) = size(&case);
        let pixels: Vec<u8> = case["pixels"].as_str().unwrap().bytes().map(|b| b - b'0').collect();
        let mask = Rle::encode(&pixels, h, w).unwrap();
        let text = case["rle"].as_str().unwrap();
        assert_eq!(mask.to_coco_string(), text);
        assert_eq!(Rle::from_coco_string(text, h, w).unwrap(), mask);
        assert_eq!(mask.decode(), pixels);
        assert_eq!(mask.area(), case["area"].as_u64().unwrap());
        assert_eq!(mask.bbox().to_xywh().to_vec(), floats(&case["bbox"]), "{text}");
    }
}

#[test]
fn polygons_equal_pycocotools_bit_for_bit() {
    for (i, case) in cases("polygons").iter().enumerate() {
        let (h, w) = size(case);
        let polygons: Vec<Vec<f64>> = case["polygons"].as_array().unwrap().iter().map(floats).collect();
        let mask = Rle::from_polygons(&polygons, h, w).unwrap();
        assert_eq!(
            mask.to_coco_string(),
            case["rle"].as_str().unwrap(),
            "case {i}, {h}x{w}, {polygons:?}"
        );
    }
}

#[test]
fn boxes_equal_pycocotools_bit_for_bit() {
    for case in cases("boxes") {
        let (h, w) = size(&case);
        let b = floats(&case["box"]);
        let mask = Rle::from_box(BBox::from_xywh(b[0], b[1], b[2], b[3]), h, w).unwrap();
        assert_eq!(mask.to_coco_string(), case["rle"].as_str().unwrap(), "{b:?}");
    }
}

#[test]
fn overlaps_and_merges_equal_pycocotools() {
    for case in cases("pairs") {
        let (h, w) = size(&case);
        let read = |name: &str| Rle::from_coco_string(case[name].as_str().unwrap(), h, w).unwrap();
        let (detection, object) = (read("dt"), read("gt"));
        assert_eq!(detection.iou(&object, false), case["iou"].as_f64().unwrap());
        assert_eq!(detection.iou(&object, true), case["crowd"].as_f64().unwrap());
        assert_eq!(detection.union(&object).unwrap().to_coco_string(), case["union"]);
        assert_eq!(
            detection.intersect(&object).unwrap().to_coco_string(),
            case["intersection"]
        );
        let both = [detection, object];
        assert_eq!(Rle::merge_union(&both).unwrap().to_coco_string(), case["union"]);
    }
}

/// Two masks of one size.
fn pair() -> impl Strategy<Value = (u32, u32, Vec<u8>, Vec<u8>)> {
    (1_u32..12, 1_u32..12).prop_flat_map(|(h, w)| {
        let n = (h * w) as usize;
        let pixels = || proptest::collection::vec(0_u8..2, n);
        (Just(h), Just(w), pixels(), pixels())
    })
}

proptest! {
    #[test]
    fn set_operations_on_runs_equal_those_on_pixels((h, w, a, b) in pair()) {
        let (ra, rb) = (Rle::encode(&a, h, w).unwrap(), Rle::encode(&b, h, w).unwrap());
        let and: Vec<u8> = a.iter().zip(&b).map(|(x, y)| x & y).collect();
        let or: Vec<u8> = a.iter().zip(&b).map(|(x, y)| x | y).collect();
        prop_assert_eq!(ra.intersect(&rb).unwrap(), Rle::encode(&and, h, w).unwrap());
        prop_assert_eq!(ra.union(&rb).unwrap(), Rle::encode(&or, h, w).unwrap());
        prop_assert_eq!(ra.intersection_area(&rb), and.iter().map(|&v| u64::from(v)).sum::<u64>());
        prop_assert_eq!(Rle::from_coco_string(&ra.to_coco_string(), h, w).unwrap(), ra);
    }

    #[test]
    fn any_string_is_read_or_refused(text in "[0-p]{0,40}", h in 0_u32..9, w in 0_u32..9) {
        if let Ok(mask) = Rle::from_coco_string(&text, h, w) {
            prop_assert_eq!(mask.decode().len(), (h * w) as usize);
            prop_assert!(mask.area() <= u64::from(h * w));
            prop_assert_eq!(Rle::from_coco_string(&mask.to_coco_string(), h, w).unwrap(), mask);
        }
    }

    #[test]
    fn any_polygon_fills_the_image_or_is_refused(
        xy in proptest::collection::vec(prop_oneof![-20.0..40.0_f64, proptest::num::f64::ANY], 6..16),
        h in 0_u32..20,
        w in 0_u32..20,
    ) {
        if let Ok(mask) = Rle::from_polygons(std::slice::from_ref(&xy), h, w) {
            prop_assert_eq!(mask.decode().len(), (h * w) as usize);
        } else {
            prop_assert!(xy.len() % 2 == 1 || xy.iter().any(|v| !v.is_finite() || v.abs() >= 4e8));
        }
    }
}
