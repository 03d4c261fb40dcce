//! KITTI object: numbered images, labels and calibration.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use glam::{DAffine3, DVec3};
use guideway_schema::{LabelRow, SensorRow};
use serde_json::Value;

use super::{Book, ExportError, ExportSample, Writer, box_of, make_folder, safe_split, write_file};
use crate::files::canonical_class;
use crate::kitti::{Cuboid, rect_from_camera_pose};

/// The classes of the benchmark.
const KITTI_CLASSES: &[&str] = &[
    "Car",
    "Van",
    "Truck",
    "Pedestrian",
    "Person_sitting",
    "Cyclist",
    "Tram",
    "Misc",
];

/// Writes `training/{image_2,label_2,calib}` numbered from 000000.
///
/// The exported `rect` frame is the camera's own: every P is `K·[I|0]`, R0_rect is the identity, and Tr_velo_to_cam is
/// `camera_from_ego`. Cuboids are kept where the camera's pose is known, or where they are in the camera's frame already.
pub(super) struct KittiWriter {
    root: PathBuf,
    next: u64,
    sets: BTreeMap<String, String>,
    names: String,
}

impl KittiWriter {
    pub(super) fn begin(root: &Path) -> Self {
        Self {
            root: root.join("training"),
            next: 0,
            sets: BTreeMap::new(),
            names: "number,name\n".to_owned(),
        }
    }
}

impl Writer for KittiWriter {
    fn sample(&mut self, sample: &ExportSample, ending: &str, book: &mut Book) -> Result<(), ExportError> {
        let number = format!("{:06}", self.next);
        self.next += 1;
        if let Some(split) = &sample.split {
            let set = self.sets.entry(safe_split(split)).or_default();
            let _infallible = writeln!(set, "{number}");
        }
        let _infallible = writeln!(self.names, "{number},{}", csv_field(&sample.name));
        let rect_from_ego = sample
            .camera
            .as_ref()
            .and_then(|c| rect_from_camera_pose(&c.ego_from_sensor));
        if let Some(text) = sample.camera.as_ref().and_then(|c| calibration(c, rect_from_ego?)) {
            write_file(&self.root.join("calib").join(format!("{number}.txt")), text.as_bytes())?;
        }
        let mut text = String::new();
        for label in &sample.labels {
            if let Some(line) = line(label, sample, rect_from_ego, book) {
                text.push_str(&line);
                text.push('\n');
                book.summary.labels += 1;
            }
        }
        write_file(
            &self.root.join("image_2").join(format!("{number}.{ending}")),
            &sample.media,
        )?;
        write_file(
            &self.root.join("label_2").join(format!("{number}.txt")),
            text.as_bytes(),
        )
    }

    fn finish(&mut self, _book: &mut Book) -> Result<(), ExportError> {
        make_folder(&self.root.join("image_2"))?;
        make_folder(&self.root.join("label_2"))?;
        let top = self.root.parent().unwrap_or(&self.root).to_owned();
        for (split, text) in &self.sets {
            write_file(&top.join("ImageSets").join(format!("{split}.txt")), text.as_bytes())?;
        }
        write_file(&top.join("names.csv"), self.names.as_bytes())
    }
}

/// A field of a CSV file (RFC 4180).
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Seven lines in the benchmark's order, some readers of which go by number.
fn calibration(camera: &SensorRow, rect_from_ego: DAffine3) -> Option<String> {
    let (fx, fy, cx, cy) = (camera.fx?, camera.fy?, camera.cx?, camera.cy?);
    let m = rect_from_ego.matrix3;
    let t = rect_from_ego.translation;
    let row = |i: usize| [m.x_axis[i], m.y_axis[i], m.z_axis[i], t[i]];
    let velo: Vec<f64> = (0..3).flat_map(row).collect();
    let join = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
    let p = join(&[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]);
    Some(format!(
        "P0: {p}\nP1: {p}\nP2: {p}\nP3: {p}\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: {}\nTr_imu_to_velo: 1 0 0 0 0 1 0 0 0 0 1 0\n",
        join(&velo)
    ))
}

/// The benchmark's name of a class where it has one, so that its tools know it.
fn class_name(label: &LabelRow) -> String {
    if label.is_ignored {
        return "DontCare".to_owned();
    }
    let same = |name: &str| canonical_class("kitti", name) == label.class;
    if !label.source_class.is_empty()
        && KITTI_CLASSES.contains(&label.source_class.as_str())
        && same(&label.source_class)
    {
        return label.source_class.clone();
    }
    KITTI_CLASSES
        .iter()
        .find(|name| same(name))
        .map_or_else(|| label.class.clone(), |name| (*name).to_owned())
}

fn line(label: &LabelRow, sample: &ExportSample, rect_from_ego: Option<DAffine3>, book: &mut Book) -> Option<String> {
    let Some(bbox) = box_of(label) else {
        book.left_out(
            "no-box",
            &sample.name,
            "labels without a 2D box were left out".to_owned(),
            1,
        );
        return None;
    };
    if label.is_crowd {
        let why = "KITTI holds no crowd regions; they were written as DontCare".to_owned();
        book.note("crowd-as-dontcare", &sample.name, why);
    }
    for (present, code, what) in [
        (label.mask_rle.is_some(), "mask-left-out", "masks"),
        (label.track_id.is_some(), "track-left-out", "track ids"),
    ] {
        if present {
            book.note(
                code,
                &sample.name,
                format!("KITTI object holds no {what}; the boxes were written without them"),
            );
        }
    }
    let mut class = if label.is_crowd {
        "DontCare".to_owned()
    } else {
        class_name(label)
    };
    if class.contains(char::is_whitespace) || class.is_empty() {
        let why = "KITTI's columns are parted by blanks; blanks in class names became `_`".to_owned();
        book.note("class-renamed", &sample.name, why);
        class = class.split_whitespace().collect::<Vec<_>>().join("_");
        if class.is_empty() {
            "unknown".clone_into(&mut class);
        }
    }
    let cuboid = rect_cuboid(label, rect_from_ego, sample, book);
    let attributes: Option<Value> = label.attributes.as_deref().and_then(|a| serde_json::from_str(a).ok());
    let number = |key: &str| attributes.as_ref().and_then(|a| a.get(key)?.as_f64());
    let mut alpha = number("alpha").unwrap_or(-10.0);
    let truncation = label.truncation.filter(|t| t.is_finite()).unwrap_or(-1.0);
    let occlusion = label.occlusion.unwrap_or(-1);
    let solid = match cuboid {
        Some((lwh, bottom, rotation_y)) => {
            if number("alpha").is_none() {
                // The observation angle: the heading as seen along the line of sight.
                alpha = wrap(rotation_y - bottom.x.atan2(bottom.z));
            }
            let [l, w, h] = lwh;
            format!("{h} {w} {l} {} {} {} {rotation_y}", bottom.x, bottom.y, bottom.z)
        }
        None => "-1 -1 -1 -1000 -1000 -1000 -10".to_owned(),
    };
    // Whole numbers of pixels stay as short as they are; nothing is rounded.
    Some(format!(
        "{class} {truncation} {occlusion} {alpha} {} {} {} {} {solid}",
        bbox.x_min, bbox.y_min, bbox.x_max, bbox.y_max
    ))
}

/// Into −π to π.
fn wrap(angle: f64) -> f64 {
    let turned = angle.rem_euclid(std::f64::consts::TAU);
    if turned > std::f64::consts::PI {
        turned - std::f64::consts::TAU
    } else {
        turned
    }
}

/// Length-width-height, bottom centre and rotation about y, in the exported `rect` frame.
fn rect_cuboid(
    label: &LabelRow,
    rect_from_ego: Option<DAffine3>,
    sample: &ExportSample,
    book: &mut Book,
) -> Option<([f64; 3], DVec3, f64)> {
    if label.cuboid.is_empty() || label.is_ignored {
        return None;
    }
    let placed = Cuboid::from_slice(&label.cuboid).and_then(|cuboid| match label.cuboid_frame.as_deref() {
        Some("sensor") => Some(cuboid),
        Some("ego") => Some(cuboid.transformed(rect_from_ego?)),
        _ => None,
    });
    let Some(cuboid) = placed else {
        let why =
            "cuboids whose place relative to the camera is unknown were left out; the boxes were written".to_owned();
        book.note("cuboid-left-out", &sample.name, why);
        return None;
    };
    let forward = cuboid.rotation * DVec3::X;
    let up = cuboid.rotation * DVec3::Z;
    // 5 degrees; KITTI only has the angle about the camera's y axis.
    if up.dot(DVec3::NEG_Y) < 0.996 {
        let why = "cuboids that lean relative to the camera were written upright".to_owned();
        book.note("cuboid-straightened", &sample.name, why);
    }
    let [_, _, height] = cuboid.lwh;
    let bottom = cuboid.center + DVec3::Y * (height / 2.0);
    Some((cuboid.lwh, bottom, (-forward.z).atan2(forward.x)))
}
