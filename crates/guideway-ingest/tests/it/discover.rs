use guideway_ingest::{DiscoverOptions, Format, discover, discover_with};
use guideway_testkit::data;

use crate::common::{message, png, put};

#[test]
fn errors_name_what_was_looked_for_and_what_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    put(root, "notes.txt", "hello");
    put(root, "other.json", "{\"a\": 1}");
    put(
        root,
        "captions.json",
        "{\"images\": [{\"id\": 1}], \"annotations\": [{\"caption\": \"x\"}]}",
    );
    put(root, "old.bag", "#ROSBAG V2.0\n");
    put(root, "bag.db3", "SQLite format 3\0");
    std::fs::create_dir(root.join("empty")).expect("a folder");
    put(root, "both/data.yaml", "train: x\nnames: [a]\n");
    put(
        root,
        "both/set.json",
        "{\"images\": [{\"id\": 1}], \"annotations\": [{\"bbox\": []}]}",
    );
    let cases = [
        "notes.txt",
        "other.json",
        "captions.json",
        "old.bag",
        "bag.db3",
        "empty",
        "both",
        "absent",
    ];
    let text: Vec<String> = cases
        .iter()
        .map(|name| message(&discover(&root.join(name), None).err().expect("an error"), root))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn a_tree_of_recordings_gives_them_all_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    put(root, "b/training/image_2/000000.png", png(4, 4));
    put(root, "b/testing/image_2/000000.png", png(4, 4));
    put(root, "a/data.yaml", "train: images\nnames: [x]\n");
    put(root, "a/images/1.png", png(4, 4));
    for sequence in ["0001", "0000"] {
        put(root, &format!("c/training/image_02/{sequence}/000000.png"), png(4, 4));
    }
    let uris = |format| -> Vec<String> {
        discover(root, format)
            .expect("recordings")
            .iter()
            .map(|s| {
                format!(
                    "{} {}",
                    s.format(),
                    s.uri()
                        .rsplit(&*root.file_name().expect("a name").to_string_lossy())
                        .next()
                        .unwrap_or_default()
                )
            })
            .collect()
    };
    assert_eq!(
        uris(None),
        [
            "yolo /a/data.yaml",
            "kitti-object /b/testing",
            "kitti-object /b/training",
            "kitti-tracking /c/training#0000",
            "kitti-tracking /c/training#0001",
        ]
    );
    assert_eq!(uris(Some(Format::Yolo)), ["yolo /a/data.yaml"]);
}

#[test]
fn options_without_a_format_look_like_discover() {
    let Some(root) = data("vehicles_openimages") else {
        return;
    };
    let found = discover_with(&root, &DiscoverOptions::default()).expect("a set");
    let formats: Vec<_> = found
        .iter()
        .filter_map(|f| Some(f.opened.as_ref().ok()?.format()))
        .collect();
    assert_eq!(formats, ["yolo"]);
}

#[test]
fn a_bad_file_in_a_folder_costs_only_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("a.mcap"), b"").expect("written");
    let whole = b"\x89MCAP0\r\n";
    std::fs::write(dir.path().join("b.mcap"), whole).expect("written");
    let found = discover_with(dir.path(), &DiscoverOptions::default()).expect("two logs");
    let opened: Vec<_> = found
        .iter()
        .map(|f| (f.path.file_name().expect("a file").to_owned(), f.opened.is_ok()))
        .collect();
    assert_eq!(opened, [("a.mcap".into(), false), ("b.mcap".into(), true)]);
}

#[test]
fn other_peoples_miniatures_are_recognised() {
    let Some(root) = data("datumaro_assets") else { return };
    for (folder, format, count) in [
        ("coco_dataset/coco_instances", "coco", 2),
        ("roboflow_dataset/coco", "coco", 2),
        ("roboflow_dataset/yolo", "yolo", 1),
        ("kitti_dataset/kitti_3d", "kitti-object", 1),
    ] {
        let mut sources = discover(&root.join(folder), None).expect(folder);
        assert_eq!(sources.len(), count, "{folder}");
        for source in &mut sources {
            assert_eq!(source.format(), format);
            let read = crate::common::read(source.as_mut());
            assert!(
                !read.frames.is_empty() && !read.labels.is_empty(),
                "{folder}: {:?}",
                read.warnings
            );
        }
    }
}
