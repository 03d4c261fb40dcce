use guideway_core::mask::Rle;
use guideway_ingest::{CocoOptions, CocoSource, Format, discover};
use guideway_testkit::data;
use proptest::prelude::*;
use serde_json::json;

use crate::common::{message, png, put, read, read_at, try_read};

fn set(root: &std::path::Path) {
    // Annotations before the images and categories that they speak of.
    let file = json!({
        "annotations": [
            {"id": 1, "image_id": 10, "category_id": 3, "bbox": [1, 2, 3.5, 4], "area": 14.0, "iscrowd": 0, "segmentation": [[1, 2, 4, 2, 4, 6]]},
            {"id": 2, "image_id": 10, "category_id": 3, "bbox": [0, 0, 8, 6], "iscrowd": 1,
             "segmentation": {"size": [6, 8], "counts": [4, 8, 36]}},
            {"id": 3, "image_id": 11, "category_id": 4, "bbox": [0, 0, 2, 2], "area": 4, "iscrowd": 0, "score": 0.5, "attributes": {"occluded": true}},
            {"id": 3, "image_id": 11, "category_id": 4, "segmentation": {"size": [6, 8], "counts": "44T1"}, "track_id": 7},
            {"id": 5, "image_id": 99, "category_id": 3, "bbox": [0, 0, 1, 1]},
            {"id": 6, "image_id": 10, "category_id": 99, "bbox": [0, 0, 1, 1]},
            {"id": 7, "image_id": 10, "category_id": 3, "bbox": [0, 0, -1, 1]},
            {"id": 8, "image_id": 10, "category_id": 3},
            {"id": 9, "image_id": 10, "category_id": 3, "bbox": [0, 0, 1, 1], "segmentation": {"size": [5, 5], "counts": [25]}},
            {"id": 10, "image_id": 10, "category_id": 3, "bbox": "NAN"},
            17
        ],
        "images": [
            {"id": 10, "file_name": "a.png", "width": 8, "height": 6},
            {"id": 11, "file_name": "b.png", "width": 8, "height": 6},
            {"id": 11, "file_name": "c.png", "width": 8, "height": 6},
            {"id": 12, "width": 8, "height": 6}
        ],
        "categories": [{"id": 3, "name": "car"}, {"id": 4, "name": "traffic light"}, {"id": 4, "name": "again"}]
    });
    put(
        root,
        "annotations/instances_val2017.json",
        file.to_string().replace("\"NAN\"", "[0, NaN, Infinity, 1]"),
    );
    put(root, "val2017/a.png", png(8, 6));
}

#[test]
fn rows_and_warnings() {
    let folder = tempfile::tempdir().expect("a folder");
    set(folder.path());
    insta::assert_snapshot!(read_at(folder.path()).text(folder.path()));
}

#[test]
fn images_can_be_said_to_lie_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    set(folder.path());
    put(folder.path(), "elsewhere/b.png", png(8, 6));
    let options = CocoOptions {
        images: Some(folder.path().join("elsewhere")),
    };
    let mut source =
        CocoSource::open(&folder.path().join("annotations/instances_val2017.json"), &options).expect("a file");
    let found = read(&mut source);
    let present: Vec<&str> = found
        .frames
        .iter()
        .filter(|f| f.length.is_some())
        .map(|f| f.name.as_str())
        .collect();
    assert_eq!(present, ["b.png"]);
    // Another set of images is another recording.
    assert_ne!(
        found.recordings[0].recording_id,
        read_at(folder.path()).recordings[0].recording_id
    );
}

#[test]
fn polygons_become_the_masks_of_the_reference() {
    let folder = tempfile::tempdir().expect("a folder");
    set(folder.path());
    let read = read_at(folder.path());
    let mask =
        |row: usize| Rle::from_coco_string(read.labels[row].mask_rle.as_deref().expect("a mask"), 6, 8).expect("valid");
    assert_eq!(mask(1).area(), 8, "uncompressed run lengths");
    assert_eq!(
        mask(0),
        Rle::from_polygons(&[vec![1.0, 2.0, 4.0, 2.0, 4.0, 6.0]], 6, 8).expect("a polygon")
    );
    // A label without box takes that of its mask.
    assert!(read.labels[3].x_max.is_some());
}

#[test]
fn broken_files_say_what_and_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let mut out = Vec::new();
    for text in [
        "{\"images\": [{\"id\": 1}",
        "[]",
        "{\"annotations\": [], \"images\": 5}",
        "{\"annotations\": []}",
        "",
    ] {
        put(root, "x.json", text);
        let mut sources = discover(&root.join("x.json"), Some(Format::Coco)).expect("taken at its word");
        out.push(message(&try_read(sources[0].as_mut()).expect_err("unreadable"), root));
    }
    insta::assert_snapshot!(out.join("\n"));
}

#[test]
fn real_instances_are_read_whole() {
    let Some(root) = data("coco128_real") else { return };
    for (name, images, labels, crowd, media) in [("train", 100, 746, 6, 0), ("val", 100, 712, 5, 16)] {
        let read = read_at(&root.join(format!("instances_from_panoptic_{name}2017.json")));
        assert_eq!((read.frames.len(), read.labels.len()), (images, labels));
        assert_eq!(read.labels.iter().filter(|l| l.is_crowd).count(), crowd);
        let present = read.frames.iter().filter(|f| f.length.is_some()).count();
        assert_eq!(present, media);
        assert_eq!(read.warned("missing-image") as usize, images - media);
        assert_eq!(read.summary.damaged as usize, images - media, "{:?}", read.warnings);
        assert!(read.frames.iter().all(|f| f.source_split.as_deref() == Some(name)));
    }
}

#[test]
fn real_masks_have_the_areas_that_the_file_gives() {
    let Some(root) = data("ref_coco_ap/visible/segm_street_valid") else {
        return;
    };
    let mut sources = discover(&root.join("gt.json"), Some(Format::Coco)).expect("a file");
    let read = read(sources[0].as_mut());
    assert_eq!(read.warned("bad-mask"), 0);
    let gt = guideway_testkit::json(&root.join("gt.json"));
    assert_eq!(read.labels.len(), gt["annotations"].as_array().expect("a list").len());
    let masks = read.labels.iter().filter(|l| l.mask_rle.is_some()).count();
    assert!(masks > 0, "the case has masks");
}

#[test]
fn a_panoptic_file_is_refused_by_name() {
    let Some(root) = data("coco128_real") else { return };
    let err = discover(&root.join("panoptic_val2017.json"), None)
        .err()
        .expect("refused");
    assert!(err.to_string().contains("panoptic"), "{err}");
}

#[test]
fn many_annotations_come_in_bounded_batches() {
    let folder = tempfile::tempdir().expect("a folder");
    let annotations: Vec<_> = (0..20_000)
        .map(|i| json!({"id": i, "image_id": i % 7, "category_id": 1, "bbox": [0, 0, 2, 2]}))
        .collect();
    let images: Vec<_> = (0..7)
        .map(|i| json!({"id": i, "file_name": format!("{i}.png"), "width": 4, "height": 4}))
        .collect();
    let file = json!({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "x"}]});
    put(folder.path(), "set.json", file.to_string());
    let read = read_at(folder.path());
    assert_eq!((read.labels.len(), read.largest_batch), (20_000, 8192));
    assert!(
        read.labels.windows(2).all(|w| w[0].source_row < w[1].source_row),
        "in the order of the file"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn mutated_files_never_panic(at in 0usize..2400, byte in any::<u8>(), cut in proptest::option::of(0usize..2400)) {
        let folder = tempfile::tempdir().expect("a folder");
        set(folder.path());
        let path = folder.path().join("annotations/instances_val2017.json");
        let mut bytes = std::fs::read(&path).expect("the file");
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Some(cut) = cut {
            bytes.truncate(cut);
        }
        std::fs::write(&path, &bytes).expect("written");
        let mut source = CocoSource::open(&path, &CocoOptions::default()).expect("a file");
        // Readable with counted damage, or an error with a place.
        if let Ok(read) = try_read(&mut source) {
            prop_assert!(read.labels.iter().all(|l| l.x_min.is_none_or(f64::is_finite)));
        }
        guideway_ingest::fuzz_coco(&bytes);
    }
}
