use glam::{DQuat, DVec3};
use guideway_ingest::{Format, KittiObjectSource, discover, parse_kitti_calibration};
use guideway_testkit::data;
use proptest::prelude::*;

use crate::common::{png, put, read, read_at, try_read};

const CALIB: &str = "P0: 700 0 600 0 0 700 170 0 0 0 1 0\nP1: 700 0 600 -380 0 700 170 0 0 0 1 0\n\
    P2: 700 0 600 45 0 700 170 0.2 0 0 1 0.003\nP3: 700 0 600 -340 0 700 170 2.2 0 0 1 0.003\n\
    R0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: 0 -1 0 0 0 0 -1 -0.08 1 0 0 -0.27\n\
    Tr_imu_to_velo: 1 0 0 -0.81 0 1 0 0.32 0 0 1 -0.8\n";
const LABELS: &str = "Car 0.10 1 1.5 100 150 200 220 1.5 1.6 4.0 -2.0 1.7 20.0 1.4\n\
    Pedestrian oops 0 0 1 2 3 4 1 1 1 1 1 1 0\n\n\
    DontCare -1 -1 -10 500 160 520 180 -1 -1 -1 -1000 -1000 -1000 -10\n";

fn object_folder(root: &std::path::Path) {
    put(root, "training/image_2/000000.png", png(1242, 375));
    put(root, "training/image_2/000001.png", png(1224, 370));
    put(root, "training/image_3/000000.png", png(1242, 375));
    put(root, "training/velodyne/000000.bin", vec![0u8; 40]);
    put(root, "training/calib/000000.txt", CALIB);
    put(root, "training/label_2/000000.txt", LABELS);
    put(root, "training/label_2/000002.txt", "Car 0 0 0 1 2 3 4 1 1 1 0 0 9 0\n");
    put(root, "ImageSets/val.txt", "000001\n");
}

#[test]
fn object_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    object_folder(folder.path());
    let read = read_at(folder.path());
    insta::assert_snapshot!(read.text(folder.path()));
}

#[test]
fn ids_do_not_depend_on_the_place_but_on_the_content() {
    let (a, b) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    object_folder(a.path());
    object_folder(b.path());
    let (first, again) = (read_at(a.path()), read_at(b.path()));
    let ids = |r: &crate::common::Read| r.labels.iter().map(|l| l.label_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ids(&again));
    assert_eq!(first.recordings[0].digest, again.recordings[0].digest);
    put(b.path(), "training/label_2/000000.txt", LABELS.replace("4.0", "4.1"));
    assert_ne!(
        read_at(b.path()).recordings[0].recording_id,
        first.recordings[0].recording_id
    );
}

#[test]
fn tracking_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    put(root, "training/image_02/0003/000000.png", png(1242, 375));
    put(root, "training/image_02/0003/extra.png", png(1242, 375));
    put(root, "training/velodyne/0003/000000.bin", vec![0u8; 32]);
    put(
        root,
        "training/calib/0003.txt",
        CALIB
            .replace("R0_rect:", "R_rect")
            .replace("Tr_velo_to_cam:", "Tr_velo_cam"),
    );
    put(
        root,
        "training/label_02/0003.txt",
        "0 -1 DontCare -1 -1 -10 5 1 9 4 -1000 -1000 -1000 -10 -1 -1 -1\n\
         0 7 Van 1 2 0.5 10 20 30 40 2 2 5 1 1.7 15 0.1\n2 7 Van 0 0 0.5 10 20 30 40 2 2 5 1 1.7 14 0.1\n-4 7 Van 0 0 0.5 10 20 30 40 2 2 5 1 1.7 14 0.1\n",
    );
    put(
        root,
        "training/oxts/0003.txt",
        "49 8.4 114 0.01 0.02 1.5 9 1 9.05 0.1 0.05 0.1 0.2 9.8 0 0 0 0.01 0.02 0.03 0 0 0 0.5 0.05 4 7 4 4 0\nbroken\n",
    );
    insta::assert_snapshot!(read_at(root).text(root));
}

/// Projects with the devkit's own matrices: P2 · R0_rect · Tr_velo_to_cam.
fn project(calib: &guideway_ingest::KittiCalibration, point: DVec3) -> [f64; 2] {
    let t = calib.camera_from_velodyne.expect("Tr_velo_to_cam");
    let r = calib.rect.expect("R0_rect");
    let p = calib.projections[2].expect("P2");
    let cam: Vec<f64> = (0..3)
        .map(|i| t[4 * i] * point.x + t[4 * i + 1] * point.y + t[4 * i + 2] * point.z + t[4 * i + 3])
        .collect();
    let rect: Vec<f64> = (0..3).map(|i| (0..3).map(|j| r[3 * i + j] * cam[j]).sum()).collect();
    let row = |i: usize| p[4 * i] * rect[0] + p[4 * i + 1] * rect[1] + p[4 * i + 2] * rect[2] + p[4 * i + 3];
    [row(0) / row(2), row(1) / row(2)]
}

#[test]
fn real_cuboids_project_onto_their_boxes() {
    let Some(root) = data("kitti_samples/scalabel/detection") else {
        return;
    };
    let read = read_at(&root);
    assert_eq!(read.frames.iter().filter(|f| f.modality == "camera").count(), 2);
    let points: Vec<i64> = read
        .frames
        .iter()
        .filter(|f| f.modality == "lidar")
        .filter_map(|f| Some(f.length? / 16))
        .collect();
    assert_eq!(points, [115_384, 120_268]);
    assert_eq!(read.summary.damaged, 0, "{:?}", read.warnings);
    let solid: Vec<_> = read.labels.iter().filter(|l| !l.cuboid.is_empty()).collect();
    assert!(solid.len() >= 4, "{} cuboids", solid.len());
    for label in solid {
        assert_eq!(label.cuboid_frame.as_deref(), Some("ego"));
        let frame = read
            .frames
            .iter()
            .find(|f| f.frame_id == label.frame_id)
            .expect("its frame");
        let number = frame.name.trim_start_matches("image_2/").trim_end_matches(".png");
        let text = std::fs::read_to_string(root.join(format!("training/calib/{number}.txt"))).expect("calibration");
        let (calib, _) = parse_kitti_calibration(&text);
        let c = &label.cuboid;
        let rotation = DQuat::from_xyzw(c[7], c[8], c[9], c[6]);
        let mut bounds = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for corner in 0..8u8 {
            let sign = |bit: u8| if corner >> bit & 1 == 0 { -0.5 } else { 0.5 };
            let local = DVec3::new(sign(0) * c[3], sign(1) * c[4], sign(2) * c[5]);
            let [u, v] = project(&calib, DVec3::new(c[0], c[1], c[2]) + rotation * local);
            bounds = [bounds[0].min(u), bounds[1].min(v), bounds[2].max(u), bounds[3].max(v)];
        }
        let given = [label.x_min, label.y_min, label.x_max, label.y_max].map(|v| v.expect("a box"));
        // The 2D boxes were drawn by hand (a pedestrian's arms reach beyond the cuboid), so they agree but roughly.
        let [a, b] = [bounds, given].map(|v| guideway_core::BBox::new(v[0], v[1], v[2], v[3]));
        assert!(a.iou(b) > 0.8, "{} {bounds:?} {given:?}", label.source_class);
        // Cars stand on the road, below the lidar and upright.
        assert!((rotation * DVec3::Z).z > 0.99);
    }
}

#[test]
fn real_tracking_sequences_have_all_their_labels() {
    let Some(root) = data("kitti_tracking") else { return };
    let mut sources = discover(&root, None).expect("tracking");
    let reads: Vec<_> = sources.iter_mut().map(|s| read(s.as_mut())).collect();
    let counts: Vec<(String, usize, usize)> = reads
        .iter()
        .map(|r| {
            let tracks: std::collections::BTreeSet<_> = r.labels.iter().filter_map(|l| l.track_id.clone()).collect();
            (r.recordings[0].name.clone(), r.labels.len(), tracks.len())
        })
        .collect();
    let labels: Vec<usize> = counts.iter().map(|c| c.1).collect();
    assert_eq!(labels, [1446, 1323, 354, 4145, 1794], "{counts:?}");
    let ignored = reads[0].labels.iter().filter(|l| l.is_ignored).count();
    assert_eq!(ignored, 684, "DontCare of sequence 0006");
    let with_media = reads[3].frames.iter().filter(|f| f.length.is_some()).count();
    assert_eq!((with_media, reads[3].frames.len()), (3, 209), "images of sequence 0016");
    assert_eq!(reads[3].warned("missing-image"), 206);
    assert!(
        reads
            .iter()
            .all(|r| r.recordings[0].kind == "drive" && r.largest_batch <= 8192)
    );
}

#[test]
fn real_oxts_agree_with_their_own_forward_velocity() {
    let Some(root) = data("kitti_samples/scalabel/tracking") else {
        return;
    };
    let read = read_at(&root);
    assert_eq!(read.recordings[0].name, "tracking/training/0001");
    let odometry: Vec<_> = read.signals.iter().filter(|s| s.kind == "odometry").collect();
    let text = std::fs::read_to_string(root.join("training/oxts/0001.txt")).expect("oxts");
    let lines: Vec<Vec<f64>> = text
        .lines()
        .map(|l| l.split_whitespace().filter_map(|w| w.parse().ok()).collect())
        .collect();
    assert_eq!(odometry.len(), lines.len());
    for (row, columns) in odometry.iter().zip(&lines) {
        // Column 9 is the velocity along the vehicle.
        assert!(
            (row.vx.expect("vx") - columns[8]).abs() < 0.2,
            "{:?} {}",
            row.vx,
            columns[8]
        );
    }
    // The pose moves as far as the speed says.
    let poses: Vec<_> = read.signals.iter().filter(|s| s.kind == "pose").collect();
    assert_eq!(poses.len(), lines.len());
    let travelled: f64 = poses
        .windows(2)
        .map(|w| {
            let d =
                |s: &guideway_schema::SignalRow| DVec3::new(s.x.unwrap_or(0.0), s.y.unwrap_or(0.0), s.z.unwrap_or(0.0));
            (d(w[1]) - d(w[0])).length()
        })
        .sum();
    let speeds: f64 = read.signals.iter().filter_map(|s| s.value).sum::<f64>() * 0.1;
    assert!((travelled - speeds).abs() / speeds < 0.05, "{travelled} m, {speeds} m");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn mutated_folders_never_panic(file in 0usize..3, at in 0usize..400, byte in any::<u8>(), cut in 0usize..600) {
        let folder = tempfile::tempdir().expect("a folder");
        object_folder(folder.path());
        let name = ["training/calib/000000.txt", "training/label_2/000000.txt", "training/image_2/000000.png"][file];
        let mut bytes = std::fs::read(folder.path().join(name)).expect("the file");
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(cut.max(1));
        put(folder.path(), name, &bytes);
        let mut source = KittiObjectSource::open(&folder.path().join("training")).expect("a folder");
        let read = try_read(&mut source).expect("damage is counted");
        prop_assert_eq!(read.frames.len(), 5);
    }
}

#[test]
fn a_format_by_name_is_taken_at_its_word() {
    let folder = tempfile::tempdir().expect("a folder");
    object_folder(folder.path());
    assert_eq!(
        discover(folder.path(), Some(Format::KittiObject)).expect("found").len(),
        1
    );
    assert!(discover(folder.path(), Some(Format::Coco)).is_err());
}
