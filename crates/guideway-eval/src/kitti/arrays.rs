//! Labels and detections as rows: all numbers of an object are needed together.

use guideway_core::BBox;

use super::params::KittiParams;
use crate::error::{EvalError, Side};

/// What labels and detections have in common. Angles are radians, lengths metres, boxes pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Object {
    /// Frame, from 0.
    pub frame: u32,
    /// Class: an index into [`GroundTruth::classes`].
    pub class: u32,
    /// Box in the image.
    pub bbox: BBox,
    /// Observation angle; −10 when unknown.
    pub alpha: f64,
    /// Height, width, length; −1 when unknown.
    pub dimensions: [f64; 3],
    /// The middle of the bottom in the camera's frame (x right, y down, z forward); −1000 when unknown.
    pub location: [f64; 3],
    /// Rotation about the camera's y axis; 0 heads along x, and −10 stands for unknown.
    pub rotation_y: f64,
}

impl Object {
    /// An object that is known in the image only: KITTI's values for "unknown" stand for the rest.
    pub fn in_image(frame: u32, class: u32, bbox: BBox) -> Self {
        Self {
            frame,
            class,
            bbox,
            alpha: -10.0,
            dimensions: [-1.0; 3],
            location: [-1000.0; 3],
            rotation_y: -10.0,
        }
    }

    fn numbers(&self) -> [(&'static str, f64); 12] {
        let b = self.bbox;
        let [height, width, length] = self.dimensions;
        let [x, y, z] = self.location;
        [
            ("left", b.x_min),
            ("top", b.y_min),
            ("right", b.x_max),
            ("bottom", b.y_max),
            ("alpha", self.alpha),
            ("height", height),
            ("width", width),
            ("length", length),
            ("x", x),
            ("y", y),
            ("z", z),
            ("rotation_y", self.rotation_y),
        ]
    }
}

/// A label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Label {
    /// What and where.
    pub object: Object,
    /// Fraction outside the image, 0 to 1; −1 when unknown, which is never too much.
    pub truncation: f64,
    /// 0 visible, 1 partly, 2 largely occluded, 3 unknown; −1 for `DontCare`.
    pub occlusion: i32,
}

/// A detection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// What and where.
    pub object: Object,
    /// Confidence, on any scale.
    pub score: f64,
}

/// Labels of all frames. The order of rows within a frame decides between labels that could take the same detection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroundTruth {
    /// Number of frames, those without labels included.
    pub frames: u32,
    /// Names of the classes of labels and detections.
    pub classes: Vec<String>,
    /// Rows, `DontCare` areas among them.
    pub labels: Vec<Label>,
}

impl GroundTruth {
    /// No labels yet, on this many frames, for classes of these names.
    pub fn new<N: Into<String>>(frames: u32, classes: impl IntoIterator<Item = N>) -> Self {
        Self {
            frames,
            classes: classes.into_iter().map(Into::into).collect(),
            labels: Vec::new(),
        }
    }

    /// Are the indices in range and the numbers finite?
    pub fn validate(&self) -> Result<(), EvalError> {
        let side = Side::GroundTruth;
        check_rows(side, self.labels.len())?;
        for (row, label) in self.labels.iter().enumerate() {
            self.check(side, row, &label.object, ("truncation", label.truncation))?;
        }
        Ok(())
    }

    /// Do these detections fit, and are their numbers finite?
    pub fn validate_detections(&self, detections: &[Detection]) -> Result<(), EvalError> {
        let side = Side::Detections;
        check_rows(side, detections.len())?;
        for (row, detection) in detections.iter().enumerate() {
            self.check(side, row, &detection.object, ("score", detection.score))?;
        }
        Ok(())
    }

    fn check(&self, side: Side, row: usize, object: &Object, own: (&'static str, f64)) -> Result<(), EvalError> {
        let classes = u32::try_from(self.classes.len()).unwrap_or(u32::MAX);
        for (column, value, limit) in [("frame", object.frame, self.frames), ("class", object.class, classes)] {
            if value >= limit {
                return Err(EvalError::IndexOutOfRange {
                    side,
                    row,
                    column,
                    value,
                    limit,
                });
            }
        }
        for (column, value) in object.numbers().into_iter().chain([own]) {
            if !value.is_finite() {
                return Err(EvalError::NotFinite {
                    side,
                    row,
                    column,
                    value,
                });
            }
        }
        Ok(())
    }
}

fn check_rows(side: Side, rows: usize) -> Result<(), EvalError> {
    let limit = i32::MAX as usize;
    if rows > limit {
        return Err(EvalError::TooManyRows { side, rows, limit });
    }
    Ok(())
}

/// Rows grouped by frame, in their order.
pub(super) struct ByFrame {
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl ByFrame {
    /// Frames are below `frames`, and there are fewer rows than 2³¹: both were checked.
    pub(super) fn new(frames: u32, frame: impl Iterator<Item = u32> + Clone) -> Self {
        let mut starts = vec![0_u32; frames as usize + 1];
        for f in frame.clone() {
            starts[f as usize + 1] += 1;
        }
        for f in 0..frames as usize {
            starts[f + 1] += starts[f];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; starts.last().map_or(0, |end| *end as usize)];
        for (row, f) in frame.enumerate() {
            let place = &mut next[f as usize];
            rows[*place as usize] = row as u32;
            *place += 1;
        }
        Self { starts, rows }
    }

    pub(super) fn rows(&self, frame: usize) -> &[u32] {
        &self.rows[self.starts[frame] as usize..self.starts[frame + 1] as usize]
    }
}

/// What a class name in the data is to a class that is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The class itself.
    Same,
    /// Its labels are ignored.
    Neighbour,
    /// An area that nobody labelled.
    DontCare,
    /// Something else.
    Other,
}

/// The role of each of these names for a class.
pub(super) fn roles(names: &[String], class: usize, params: &KittiParams) -> Vec<Role> {
    let class = &params.classes[class];
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    names
        .iter()
        .map(|name| {
            if same(name, &class.name) {
                Role::Same
            } else if class.neighbours.iter().any(|neighbour| same(name, neighbour)) {
                Role::Neighbour
            } else if same(name, &params.dont_care) {
                Role::DontCare
            } else {
                Role::Other
            }
        })
        .collect()
}
