//! Lines of `label_2/*.txt` and `label_02/*.txt`.

use glam::{DAffine3, DMat3, DQuat, DVec3};
use guideway_core::BBox;
use thiserror::Error;

/// Which benchmark a label line is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KittiLabelLayout {
    /// 15 columns, 16 with a score.
    Object,
    /// Frame number and track id before the same columns.
    Tracking,
}

/// One line, as KITTI writes it. Angles are radians, lengths metres, boxes pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct KittiLabel {
    /// Frame number; only in the tracking benchmark.
    pub frame: Option<i64>,
    /// Track id, -1 for `DontCare`; only in the tracking benchmark.
    pub track_id: Option<i64>,
    /// Class: `Car`, `Van`, `Truck`, `Pedestrian`, `Person_sitting`, `Cyclist`, `Tram`, `Misc`, `DontCare`.
    pub class: String,
    /// Fraction outside the image (object benchmark), or level 0 to 2 (tracking); -1 when unknown.
    pub truncated: f64,
    /// 0 visible, 1 partly, 2 largely occluded, 3 unknown; -1 for `DontCare`.
    pub occluded: i64,
    /// Observation angle; -10 when unknown.
    pub alpha: f64,
    /// Box in the left colour image.
    pub bbox: BBox,
    /// Height, width, length.
    pub dimensions_hwl: [f64; 3],
    /// Centre of the cuboid's bottom face in the `rect` frame.
    pub location: [f64; 3],
    /// Rotation about the camera's y axis; 0 heads along x. -10 when unknown.
    pub rotation_y: f64,
    /// Confidence, where the line is a detection.
    pub score: Option<f64>,
}

/// A label line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KittiLabelError {
    /// Too few or too many columns.
    #[error("{found} columns where {expected} are expected")]
    Columns {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: &'static str,
    },
    /// A column that should hold a number.
    #[error("`{text}` is not a finite number (column {column})")]
    NotANumber {
        /// The column's name.
        column: &'static str,
        /// What stands there.
        text: String,
    },
    /// Right of left, or below the top.
    #[error("the box is inside out: {text}")]
    InsideOut {
        /// The box.
        text: String,
    },
}

const OBJECT_COLUMNS: &str = "15 (16 with a score)";
const TRACKING_COLUMNS: &str = "17 (18 with a score)";

/// Reads one line.
///
/// ```
/// use guideway_ingest::{KittiLabelLayout, parse_kitti_label};
/// let line = "Car 0.00 0 1.85 387.63 181.54 423.81 203.12 1.67 1.87 3.69 -16.53 2.39 58.49 1.57";
/// let label = parse_kitti_label(line, KittiLabelLayout::Object)?;
/// assert_eq!(label.class, "Car");
/// assert_eq!(label.dimensions_hwl, [1.67, 1.87, 3.69]);
/// # Ok::<(), guideway_ingest::KittiLabelError>(())
/// ```
pub fn parse_kitti_label(line: &str, layout: KittiLabelLayout) -> Result<KittiLabel, KittiLabelError> {
    let mut columns = line.split_ascii_whitespace();
    let found = line.split_ascii_whitespace().count();
    let (base, expected) = match layout {
        KittiLabelLayout::Object => (15, OBJECT_COLUMNS),
        KittiLabelLayout::Tracking => (17, TRACKING_COLUMNS),
    };
    let miscounted = KittiLabelError::Columns { found, expected };
    if found != base && found != base + 1 {
        return Err(miscounted);
    }
    let mut text = || columns.next().ok_or_else(|| miscounted.clone());
    let (frame, track_id) = match layout {
        KittiLabelLayout::Object => (None, None),
        KittiLabelLayout::Tracking => (Some(integer(text()?, "frame")?), Some(integer(text()?, "track_id")?)),
    };
    let class = text()?.to_owned();
    let truncated = number(text()?, "truncated")?;
    let occluded = integer(text()?, "occluded")?;
    let alpha = number(text()?, "alpha")?;
    let mut block = |names: &[&'static str]| -> Result<Vec<f64>, KittiLabelError> {
        names.iter().map(|name| number(text()?, name)).collect()
    };
    let corners = block(&["left", "top", "right", "bottom"])?;
    let dimensions = block(&["height", "width", "length"])?;
    let location = block(&["x", "y", "z"])?;
    let rotation_y = number(text()?, "rotation_y")?;
    let score = text().ok().map(|t| number(t, "score")).transpose()?;
    let ([x_min, y_min, x_max, y_max], [h, w, l], [x, y, z]) =
        (corners.as_slice(), dimensions.as_slice(), location.as_slice())
    else {
        return Err(miscounted);
    };
    if x_max < x_min || y_max < y_min {
        return Err(KittiLabelError::InsideOut {
            text: format!("{x_min} {y_min} {x_max} {y_max}"),
        });
    }
    Ok(KittiLabel {
        frame,
        track_id,
        class,
        truncated,
        occluded,
        alpha,
        bbox: BBox::new(*x_min, *y_min, *x_max, *y_max),
        dimensions_hwl: [*h, *w, *l],
        location: [*x, *y, *z],
        rotation_y,
        score,
    })
}

fn number(text: &str, column: &'static str) -> Result<f64, KittiLabelError> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(KittiLabelError::NotANumber {
            column,
            text: shortened(text),
        }),
    }
}

/// Integers are sometimes written as `0.0`.
fn integer(text: &str, column: &'static str) -> Result<i64, KittiLabelError> {
    if let Ok(value) = text.parse::<i64>() {
        return Ok(value);
    }
    let value = number(text, column)?;
    if value.fract() == 0.0 && value.abs() < 9e15 {
        Ok(value as i64)
    } else {
        Err(KittiLabelError::NotANumber {
            column,
            text: shortened(text),
        })
    }
}

/// At most 40 characters of what a file says, for a message.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A cuboid: centre, length-width-height, orientation (the box's x along its length, y to its left, z up).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cuboid {
    pub(crate) center: DVec3,
    pub(crate) lwh: [f64; 3],
    pub(crate) rotation: DQuat,
}

impl Cuboid {
    pub(crate) fn transformed(self, target_from_source: DAffine3) -> Self {
        let rotation = DQuat::from_mat3(&target_from_source.matrix3) * self.rotation;
        Self {
            center: target_from_source.transform_point3(self.center),
            lwh: self.lwh,
            rotation: canonical_quaternion(rotation),
        }
    }

    /// As the tables hold it.
    pub(crate) fn to_vec(self) -> Vec<f64> {
        let q = self.rotation;
        vec![
            self.center.x,
            self.center.y,
            self.center.z,
            self.lwh[0],
            self.lwh[1],
            self.lwh[2],
            q.w,
            q.x,
            q.y,
            q.z,
        ]
    }

    /// From a table's list; `None` unless it holds ten finite numbers with a usable quaternion.
    pub(crate) fn from_slice(values: &[f64]) -> Option<Self> {
        let &[x, y, z, l, w, h, qw, qx, qy, qz] = values else {
            return None;
        };
        let rotation = DQuat::from_xyzw(qx, qy, qz, qw);
        let usable = values.iter().all(|v| v.is_finite()) && rotation.length_squared() > 1e-12;
        usable.then(|| Self {
            center: DVec3::new(x, y, z),
            lwh: [l, w, h],
            rotation: rotation.normalize(),
        })
    }
}

/// Unit length, with w ≥ 0 and no negative zeros, so that one orientation has one spelling.
pub(crate) fn canonical_quaternion(q: DQuat) -> DQuat {
    let q = q.normalize();
    let q = if q.w < 0.0 { -q } else { q };
    DQuat::from_xyzw(q.x + 0.0, q.y + 0.0, q.z + 0.0, q.w)
}

impl KittiLabel {
    /// The cuboid in the `rect` frame; `None` where the line has none (`DontCare`, 2D-only labels).
    ///
    /// KITTI turns a box about the camera's y axis (down) from a heading along x: its length runs along
    /// `(cos ry, 0, −sin ry)`, and its centre is half its height above the given point, which is towards −y.
    pub(crate) fn rect_cuboid(&self) -> Option<Cuboid> {
        let [h, w, l] = self.dimensions_hwl;
        let [x, y, z] = self.location;
        let known = h > 0.0 && w > 0.0 && l > 0.0 && x > -999.0 && y > -999.0 && z > -999.0 && self.rotation_y > -9.0;
        if !known || self.class.eq_ignore_ascii_case("DontCare") {
            return None;
        }
        let (sin, cos) = self.rotation_y.sin_cos();
        let forward = DVec3::new(cos, 0.0, -sin);
        let left = DVec3::new(sin, 0.0, cos);
        let up = DVec3::NEG_Y;
        Some(Cuboid {
            center: DVec3::new(x, y - h / 2.0, z),
            lwh: [l, w, h],
            rotation: canonical_quaternion(DQuat::from_mat3(&DMat3::from_cols(forward, left, up))),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAR: &str = "Car 0.00 0 1.85 387.63 181.54 423.81 203.12 1.67 1.87 3.69 -16.53 2.39 58.49 1.57";

    #[test]
    fn both_layouts_are_read() {
        let object = parse_kitti_label(CAR, KittiLabelLayout::Object).expect("a good line");
        let tracking = parse_kitti_label(&format!("7 3 {CAR} 0.5"), KittiLabelLayout::Tracking).expect("a good line");
        assert_eq!(
            (tracking.frame, tracking.track_id, tracking.score),
            (Some(7), Some(3), Some(0.5))
        );
        assert_eq!(object.bbox, tracking.bbox);
        assert_eq!(object.rotation_y, 1.57);
    }

    #[test]
    fn bad_lines_say_what_is_wrong() {
        let parse = |line: &str| {
            parse_kitti_label(line, KittiLabelLayout::Object)
                .expect_err("a bad line")
                .to_string()
        };
        insta::assert_snapshot!(
            [
                parse("Car 0.00"),
                parse(&CAR.replace("387.63", "nan")),
                parse(&CAR.replace("387.63", "x")),
                parse(&CAR.replace("387.63", "500")),
                parse(&format!("{CAR} 1 2")),
            ]
            .join("\n"),
            @r"
        2 columns where 15 (16 with a score) are expected
        `nan` is not a finite number (column left)
        `x` is not a finite number (column left)
        the box is inside out: 500 181.54 423.81 203.12
        17 columns where 15 (16 with a score) are expected
        "
        );
    }

    #[test]
    fn a_cuboid_heading_along_x_has_its_corners_where_the_devkit_puts_them() {
        // The development kit's corners: (±l/2, 0 or −h, ±w/2) turned by [c 0 s; 0 1 0; −s 0 c], then moved.
        let label = parse_kitti_label(CAR, KittiLabelLayout::Object).expect("a good line");
        let cuboid = label.rect_cuboid().expect("a cuboid");
        let (s, c) = label.rotation_y.sin_cos();
        let [h, w, l] = label.dimensions_hwl;
        for (dx, dy, dz) in [(0.5, 0.0, 0.5), (-0.5, -1.0, 0.5), (0.5, -1.0, -0.5)] {
            let (x, y, z) = (dx * l, dy * h, dz * w);
            let reference = DVec3::new(
                c * x + s * z + label.location[0],
                y + label.location[1],
                -s * x + c * z + label.location[2],
            );
            // In the box's own axes: x along the length, y to the left (KITTI's +z at ry = 0), z up.
            let local = DVec3::new(dx * l, dz * w, -(dy + 0.5) * h);
            let ours = cuboid.center + cuboid.rotation * local;
            assert!((ours - reference).length() < 1e-9, "{ours} {reference}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,200}") {
            let _any = parse_kitti_label(&line, KittiLabelLayout::Object);
            let _any = parse_kitti_label(&line, KittiLabelLayout::Tracking);
        }

        #[test]
        fn a_mutated_line_is_read_or_refused(at in 0usize..80, byte in 32u8..127) {
            let mut bytes = CAR.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            let line = String::from_utf8(bytes).expect("ASCII");
            if let Ok(label) = parse_kitti_label(&line, KittiLabelLayout::Object) {
                prop_assert!(label.bbox.x_min <= label.bbox.x_max);
                prop_assert!(label.rect_cuboid().is_none_or(|c| c.to_vec().iter().all(|v| v.is_finite())));
            }
        }
    }
}
