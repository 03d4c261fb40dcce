use guideway_ingest::{Format, YoloSource, discover};
use guideway_testkit::data;
use proptest::prelude::*;

use crate::common::{message, png, put, read, read_at, try_read};

fn set(root: &std::path::Path) {
    put(
        root,
        "data.yaml",
        "train: ../train/images\nval: valid/images\ntest: nowhere\nnc: 3\nnames: ['car', 'big bus']\n",
    );
    put(root, "train/images/a.png", png(100, 50));
    put(root, "train/images/b.png", png(100, 50));
    put(root, "valid/images/a.png", png(200, 100));
    put(
        root,
        "train/labels/a.txt",
        "0 0.5 0.5 0.2 0.4\n1 0 0 0.5 0 0.5 0.5 0 0.5\n7 .5 .5 .1 .1\n0 50 25 10 10\nx\n",
    );
    put(root, "valid/labels/a.txt", "1 0.5 0.5 1 1 0.75\n");
}

#[test]
fn rows_and_warnings() {
    let folder = tempfile::tempdir().expect("a folder");
    set(folder.path());
    insta::assert_snapshot!(read_at(folder.path()).text(folder.path()));
}

#[test]
fn lists_of_images_and_shared_folders() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    put(
        root,
        "set.yml",
        "path: sub\ntrain: train.txt\nval: [images]\nnames: {0: a}\n",
    );
    put(root, "sub/images/x.png", png(10, 10));
    put(root, "sub/images/y.png", png(10, 10));
    put(root, "sub/labels/x.txt", "0 .5 .5 1 1");
    put(root, "sub/train.txt", "./images/x.png\n./images/gone.png\n");
    let read = read_at(root);
    let splits: Vec<(&str, &str)> = read
        .frames
        .iter()
        .map(|f| (f.name.as_str(), f.source_split.as_deref().expect("a split")))
        .collect();
    assert_eq!(splits, [("sub/images/x.png", "train"), ("sub/images/y.png", "val")]);
    assert_eq!(read.warned("image-in-two-splits"), 1);
    assert_eq!(read.warned("missing-image"), 1);
    assert_eq!(read.labels.len(), 1);
}

#[test]
fn real_vehicles_are_read_whole() {
    let Some(root) = data("vehicles_openimages") else {
        return;
    };
    let read = read_at(&root);
    let count = |split: &str| {
        read.frames
            .iter()
            .filter(|f| f.source_split.as_deref() == Some(split))
            .count()
    };
    assert_eq!((count("train"), count("val"), count("test")), (100, 60, 40));
    assert!(
        read.frames
            .iter()
            .all(|f| (f.width, f.height) == (Some(416), Some(416)) && f.group_id == f.frame_id)
    );
    // Blank lines aside, every line of every label file is a label.
    let mut lines = 0;
    for split in ["train", "valid", "test"] {
        for entry in std::fs::read_dir(root.join(split).join("labels")).expect("labels") {
            let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a label file");
            lines += text.lines().filter(|l| !l.trim().is_empty()).count();
        }
    }
    assert_eq!(read.labels.len(), lines);
    assert_eq!(read.summary.damaged, 0, "{:?}", read.warnings);
    let inside = |v: Option<f64>| v.is_some_and(|v| (-5.0..=421.0).contains(&v));
    assert!(read.labels.iter().all(|l| inside(l.x_min) && inside(l.y_max)));
}

#[test]
fn real_coco_in_yolo_form_has_its_labels_in_an_odd_folder() {
    let Some(root) = data("coco128_real") else { return };
    // COCO files lie beside it: without a name, the folder is two things at once.
    let err = discover(&root, None).err().expect("ambiguous");
    assert!(err.to_string().contains("several formats"), "{err}");
    let mut sources = discover(&root, Some(Format::Yolo)).expect("by name");
    let read = read(sources[0].as_mut());
    assert_eq!(read.frames.len(), 23);
    assert_eq!(read.warned("missing-split"), 1, "train images are absent");
    let mut lines = 0;
    for frame in &read.frames {
        let stem = frame
            .name
            .trim_start_matches("images/val2017/")
            .trim_end_matches(".jpg");
        let text = std::fs::read_to_string(root.join(format!("yolo_labels/val2017/{stem}.txt"))).unwrap_or_default();
        lines += text.lines().filter(|l| !l.trim().is_empty()).count();
    }
    assert_eq!(
        (read.labels.len() as u64 + read.warned("bad-label-line")) as usize,
        lines
    );
    assert!(lines > 100, "{lines}");
}

#[test]
fn broken_yaml_says_what_and_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let out: Vec<String> = ["train: [", "names: [a]", "train: x\nnames: {a: b}"]
        .iter()
        .map(|text| {
            put(root, "data.yaml", text);
            message(
                &discover(&root.join("data.yaml"), None).err().expect("unreadable"),
                root,
            )
        })
        .collect();
    insta::assert_snapshot!(out.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn mutated_sets_never_panic(file in 0usize..3, at in 0usize..200, byte in any::<u8>(), cut in 1usize..200) {
        let folder = tempfile::tempdir().expect("a folder");
        set(folder.path());
        let name = ["data.yaml", "train/labels/a.txt", "train/images/a.png"][file];
        let mut bytes = std::fs::read(folder.path().join(name)).expect("the file");
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(cut);
        put(folder.path(), name, &bytes);
        if let Ok(mut source) = YoloSource::open(&folder.path().join("data.yaml")) {
            let read = try_read(&mut source).expect("damage is counted");
            prop_assert!(read.labels.iter().all(|l| l.x_min.is_some_and(f64::is_finite)));
        }
    }
}
