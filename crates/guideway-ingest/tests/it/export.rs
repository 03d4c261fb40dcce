use std::path::Path;

use glam::{DQuat, DVec3};
use guideway_core::Hint as _;
use guideway_core::mask::Rle;
use guideway_ingest::export::{ExportError, ExportFormat, ExportOptions, ExportSample, ExportSummary, export};
use guideway_schema::{LabelRow, SensorRow};
use proptest::prelude::*;

use crate::common::{Warnings, png, put, read_at};

type Never = std::io::Error;

fn write(format: ExportFormat, target: &Path, samples: &[ExportSample]) -> ExportSummary {
    let items = samples.iter().cloned().map(Ok::<_, Never>);
    export(format, target, items, &ExportOptions::default(), &Warnings::default()).expect("written")
}

fn label(class: &str, x: f64, y: f64, w: f64, h: f64) -> LabelRow {
    LabelRow {
        class: class.to_owned(),
        source_class: class.to_owned(),
        x_min: Some(x),
        y_min: Some(y),
        x_max: Some(x + w),
        y_max: Some(y + h),
        ..LabelRow::default()
    }
}

/// One of everything.
fn rich() -> ExportSample {
    let mask = Rle::from_polygons(&[vec![2.0, 2.0, 20.0, 2.0, 20.0, 15.0]], 40, 60).expect("a polygon");
    ExportSample {
        name: "drive one/frame 1.jpeg".to_owned(),
        split: Some("val".to_owned()),
        media: png(60, 40),
        media_type: "image/png".to_owned(),
        width: 60,
        height: 40,
        labels: vec![
            LabelRow {
                mask_rle: Some(mask.to_coco_string()),
                attributes: Some("{\"colour\":\"red\"}".to_owned()),
                track_id: Some("7".to_owned()),
                ..label("traffic light", 2.0, 2.0, 18.0, 13.0)
            },
            LabelRow {
                is_crowd: true,
                ..label("person", 0.0, 0.0, 30.0, 30.0)
            },
            LabelRow {
                is_ignored: true,
                ..label("DontCare", 1.0, 1.0, 5.0, 5.0)
            },
            LabelRow {
                cuboid_frame: Some("world".to_owned()),
                cuboid: vec![1.0, 2.0, 3.0, 4.0, 2.0, 1.5, 1.0, 0.0, 0.0, 0.0],
                ..label("Car", 50.0, 30.0, 30.0, 5.0)
            },
            LabelRow {
                x_min: None,
                ..label("Car", 0.0, 0.0, 1.0, 1.0)
            },
        ],
        camera: None,
    }
}

fn tree(root: &Path) -> String {
    fn walk(folder: &Path, root: &Path, out: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, root, out);
                continue;
            }
            let name = path.strip_prefix(root).expect("below").display().to_string();
            let bytes = std::fs::read(&path).expect("a file");
            match String::from_utf8(bytes) {
                Ok(text) if !name.ends_with("png") => out.push(format!("== {name}\n{text}")),
                _ => out.push(format!("== {name} (binary)")),
            }
        }
    }
    let mut out = Vec::new();
    walk(root, root, &mut out);
    out.sort();
    out.join("\n")
}

#[test]
fn what_each_format_writes_and_leaves_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let lidar = ExportSample {
        media_type: "application/x-kitti-velodyne".to_owned(),
        ..rich()
    };
    for format in ExportFormat::ALL {
        let target = folder.path().join(format.name());
        let summary = write(
            *format,
            &target,
            &[rich(), lidar.clone(), ExportSample { split: None, ..rich() }],
        );
        let warnings: Vec<String> = summary
            .warnings
            .iter()
            .map(|w| format!("{} ×{} {}: {}", w.code, w.count, w.location, w.message))
            .collect();
        insta::assert_snapshot!(
            format!("export_{format}"),
            format!(
                "{}\n== summary: {} samples, {} labels, {} left out\n{}",
                tree(&target),
                summary.samples,
                summary.labels,
                summary.left_out,
                warnings.join("\n")
            )
        );
    }
    // Nothing half-done stays behind.
    let left: Vec<String> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|n| n.starts_with('.'))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_target_that_holds_something_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("out");
    put(&target, "precious.txt", "x");
    let go = |force: bool, items: Vec<Result<ExportSample, Never>>| {
        let options = ExportOptions {
            force,
            ..ExportOptions::default()
        };
        export(ExportFormat::Coco, &target, items, &options, &Warnings::default())
    };
    let err = go(false, vec![Ok(rich())]).expect_err("refused");
    assert!(matches!(err, ExportError::NotEmpty { .. }) && err.hint().is_some_and(|h| h.contains("--force")));
    // A failure half-way leaves the target as it was, even with force.
    let err = go(true, vec![Ok(rich()), Err(std::io::Error::other("gone"))]).expect_err("failed");
    assert!(matches!(err, ExportError::Sample { index: 1, .. }));
    assert!(target.join("precious.txt").exists());
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
    go(true, vec![Ok(rich())]).expect("replaced");
    assert!(!target.join("precious.txt").exists() && target.join("annotations.json").exists());
    let file = target.join("annotations.json");
    let err = export(
        ExportFormat::Coco,
        &file,
        [Ok::<_, Never>(rich())],
        &ExportOptions::default(),
        &Warnings::default(),
    );
    assert!(matches!(err, Err(ExportError::NotAFolder { .. })));
}

#[test]
fn coco_files_have_what_pycocotools_needs() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("out");
    write(
        ExportFormat::Coco,
        &target,
        &[
            rich(),
            ExportSample {
                split: Some("train".to_owned()),
                ..rich()
            },
        ],
    );
    for name in ["annotations.json", "instances_train.json", "instances_val.json"] {
        let file = guideway_testkit::json(&target.join(name));
        let ids = |key: &str| -> Vec<i64> {
            file[key]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(|v| v["id"].as_i64())
                .collect()
        };
        let (images, categories) = (ids("images"), ids("categories"));
        assert!(!images.is_empty() && !categories.is_empty());
        for annotation in file["annotations"].as_array().expect("a list") {
            assert!(images.contains(&annotation["image_id"].as_i64().expect("an id")));
            assert!(categories.contains(&annotation["category_id"].as_i64().expect("an id")));
            assert_eq!(annotation["bbox"].as_array().expect("a box").len(), 4);
            assert!(annotation["area"].is_number() && annotation["iscrowd"].is_i64());
            if let Some(rle) = annotation["segmentation"].as_object() {
                let counts = rle["counts"].as_str().expect("compressed");
                assert_eq!(rle["size"], serde_json::json!([40, 60]));
                Rle::from_coco_string(counts, 40, 60).expect("a mask");
            }
        }
        assert!(
            target
                .join("images")
                .join(file["images"][0]["file_name"].as_str().expect("a name"))
                .is_file()
        );
    }
}

/// What must survive: class, box, mask, flags, track, attributes.
type Essence = (String, [f64; 4], Option<String>, bool, bool, Option<String>);

fn essence(label: &LabelRow) -> Essence {
    let edge = |v: Option<f64>| v.unwrap_or(f64::NAN);
    (
        label.class.clone(),
        [
            edge(label.x_min),
            edge(label.y_min),
            edge(label.x_max),
            edge(label.y_max),
        ],
        label.mask_rle.clone(),
        label.is_crowd,
        label.is_ignored,
        label.track_id.clone(),
    )
}

fn same(before: &[Essence], after: &[Essence]) -> Result<(), TestCaseError> {
    prop_assert_eq!(before.len(), after.len());
    for (a, b) in before.iter().zip(after) {
        prop_assert_eq!((&a.0, &a.2, a.3, a.4, &a.5), (&b.0, &b.2, b.3, b.4, &b.5));
        for (x, y) in a.1.iter().zip(b.1) {
            prop_assert!((x - y).abs() < 1e-9, "{:?} {:?}", a.1, b.1);
        }
    }
    Ok(())
}

const W: u32 = 64;
const H: u32 = 48;

fn any_label() -> impl Strategy<Value = LabelRow> {
    let class = prop::sample::select(vec!["unit-c", "unit-a", "unit b", "naïve: \"q\"", "#x"]);
    (class, 0.0..30.0f64, 0.0..20.0f64, 0.5..30.0f64, 0.5..20.0f64)
        .prop_map(|(class, x, y, w, h)| label(class, x, y, w, h))
}

fn any_samples(extra: impl Strategy<Value = LabelRow> + Clone + 'static) -> impl Strategy<Value = Vec<ExportSample>> {
    let split = prop::option::of(prop::sample::select(vec!["train", "val", "test"]));
    let name = prop::sample::select(vec!["a.jpg", "dir/a.jpg", "b c.png", "ü", "..", "A"]);
    let sample = (name, split, prop::collection::vec(extra, 0..4)).prop_map(|(name, split, labels)| ExportSample {
        name: name.to_owned(),
        split: split.map(str::to_owned),
        media: png(W, H),
        media_type: "image/png".to_owned(),
        width: W,
        height: H,
        labels,
        camera: None,
    });
    prop::collection::vec(sample, 1..5)
}

fn flagged_label() -> impl Strategy<Value = LabelRow> + Clone {
    let mask = prop::option::of(prop::collection::vec(prop::bool::ANY, (W * H) as usize));
    (
        any_label().boxed(),
        any::<bool>(),
        any::<bool>(),
        prop::option::of(0u32..99),
        mask,
    )
        .prop_map(|(label, is_crowd, is_ignored, track, mask)| LabelRow {
            is_crowd,
            is_ignored,
            track_id: track.map(|t| t.to_string()),
            mask_rle: mask.map(|m| {
                let pixels: Vec<u8> = m.into_iter().map(u8::from).collect();
                Rle::encode(&pixels, H, W).expect("a mask").to_coco_string()
            }),
            attributes: Some("{\"lit\":true,\"n\":[1,2.5]}".to_owned()),
            ..label
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn coco_comes_back_as_it_went(samples in any_samples(flagged_label().boxed())) {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("out");
        write(ExportFormat::Coco, &target, &samples);
        let read = read_at(&target);
        prop_assert_eq!(read.summary.damaged, 0, "{:?}", read.warnings);
        let before: Vec<Essence> = samples.iter().flat_map(|s| &s.labels).map(essence).collect();
        same(&before, &read.labels.iter().map(essence).collect::<Vec<_>>())?;
        let kept = read.labels.iter().all(|l| l.attributes.as_deref() == Some("{\"lit\":true,\"n\":[1,2.5]}"));
        prop_assert!(kept);
        let splits: Vec<_> = samples.iter().map(|s| s.split.clone()).collect();
        prop_assert_eq!(splits, read.frames.iter().map(|f| f.source_split.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn yolo_comes_back_as_it_went(samples in any_samples(any_label().boxed())) {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("out");
        write(ExportFormat::Yolo, &target, &samples);
        let read = read_at(&target);
        prop_assert_eq!(read.summary.damaged, 0, "{:?}", read.warnings);
        prop_assert_eq!(read.frames.len(), samples.len());
        // The reader goes by split and name; the writer by sample.
        let key = |e: &Essence| (e.0.clone(), e.1.map(|v| (v * 1e6).round() as i64));
        let mut before: Vec<Essence> = samples.iter().flat_map(|s| &s.labels).map(essence).collect();
        let mut after: Vec<Essence> = read.labels.iter().map(essence).collect();
        before.sort_by_key(key);
        after.sort_by_key(key);
        same(&before, &after)?;
    }

    #[test]
    fn kitti_comes_back_as_it_went(
        boxed in any_label(),
        yaw in -3.1..3.1f64,
        place in (5.0..40.0f64, -10.0..10.0f64, -2.0..2.0f64),
        lwh in (0.5..10.0f64, 0.5..3.0f64, 0.5..4.0f64),
    ) {
        let rotation = DQuat::from_rotation_z(yaw);
        // A camera that looks forward: its x is the ego's right, its y down, its z forward.
        let ego_from_camera = DQuat::from_mat3(&glam::DMat3::from_cols(DVec3::NEG_Y, DVec3::NEG_Z, DVec3::X));
        let camera = SensorRow {
            fx: Some(700.0), fy: Some(710.0), cx: Some(32.0), cy: Some(24.0),
            ego_from_sensor: vec![1.2, 0.1, 1.6, ego_from_camera.w, ego_from_camera.x, ego_from_camera.y, ego_from_camera.z],
            ..SensorRow::default()
        };
        let row = LabelRow {
            class: "unit-a".to_owned(),
            source_class: "unit-a".to_owned(),
            truncation: Some(0.25),
            occlusion: Some(2),
            cuboid_frame: Some("ego".to_owned()),
            cuboid: vec![place.0, place.1, place.2, lwh.0, lwh.1, lwh.2, rotation.w, rotation.x, rotation.y, rotation.z],
            ..boxed
        };
        let sample = ExportSample { labels: vec![row.clone()], camera: Some(camera), split: Some("val".to_owned()), ..rich() };
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("out");
        let summary = write(ExportFormat::Kitti, &target, &[sample]);
        prop_assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
        let read = read_at(&target);
        prop_assert_eq!(read.summary.damaged, 0, "{:?}", read.warnings);
        same(&[essence(&row)], &read.labels.iter().map(essence).collect::<Vec<_>>())?;
        let back = &read.labels[0];
        prop_assert_eq!((back.truncation, back.occlusion), (Some(0.25), Some(2)));
        prop_assert_eq!(back.cuboid_frame.as_deref(), Some("ego"));
        for (a, b) in row.cuboid[..6].iter().zip(&back.cuboid) {
            prop_assert!((a - b).abs() < 1e-9, "{:?} {:?}", row.cuboid, back.cuboid);
        }
        // The same orientation, whichever sign the quaternion has.
        let dot: f64 = row.cuboid[6..].iter().zip(&back.cuboid[6..]).map(|(a, b)| a * b).sum();
        prop_assert!((dot.abs() - 1.0).abs() < 1e-9);
        prop_assert_eq!(read.frames[0].source_split.as_deref(), Some("val"));
        prop_assert!((read.sensors[0].ego_from_sensor[2] - 1.6).abs() < 1e-9);
    }
}
