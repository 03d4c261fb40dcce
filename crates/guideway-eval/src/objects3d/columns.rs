//! Labels and predictions as columns.

use guideway_core::{Cuboid, DVec3};

use crate::columns::{check_finite, check_index, check_len, check_rows};
use crate::error::{EvalError, Side};

/// Labels: one entry per object in every column, and one per frame in `ego`.
///
/// Frames and classes are named by their index, from 0. The boxes of a frame, its velocities and the position of the ego vehicle
/// are in one frame of reference, which may differ from frame to frame: global for nuScenes, the ego vehicle's for Argoverse 2.
///
/// ```
/// use guideway_core::{Cuboid, DVec3};
/// use guideway_eval::objects3d::Truth3d;
/// let mut truth = Truth3d::new(vec![DVec3::ZERO], 2);
/// // x y z, length width height, quaternion w x y z
/// truth.push(0, 1, Cuboid::from_slice(&[10.0, 2.0, 0.8, 4.5, 1.9, 1.6, 1.0, 0.0, 0.0, 0.0])?);
/// truth.velocity[0] = [5.0, 0.0];
/// assert!(truth.validate().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Truth3d {
    /// Number of classes.
    pub classes: u32,
    /// Position of the ego vehicle in each frame, m. Its length is the number of frames, those without labels included.
    pub ego: Vec<DVec3>,
    /// Frame of each label.
    pub frame: Vec<u32>,
    /// Class of each label.
    pub class: Vec<u32>,
    /// Box of each label.
    pub cuboid: Vec<Cuboid>,
    /// Velocity of each label along x and y, m/s; NaN where unknown.
    pub velocity: Vec<[f64; 2]>,
    /// Attribute of each label: an index into a list of the caller's; `None` where it has none.
    pub attribute: Vec<Option<u32>>,
    /// Lidar and radar points in each label's box; `None` where unknown.
    pub points: Vec<Option<u32>>,
}

/// Predictions: one entry per object in every column, for the frames and classes of a [`Truth3d`].
///
/// The order of the rows decides between equal scores, each benchmark in its way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detections3d {
    /// Frame of each detection.
    pub frame: Vec<u32>,
    /// Class of each detection.
    pub class: Vec<u32>,
    /// Box of each detection.
    pub cuboid: Vec<Cuboid>,
    /// Confidence of each detection.
    pub score: Vec<f64>,
    /// Velocity of each detection along x and y, m/s; NaN where unknown.
    pub velocity: Vec<[f64; 2]>,
    /// Attribute of each detection, of the same list as the labels'.
    pub attribute: Vec<Option<u32>>,
}

/// Rows that stay in the evaluation, by a rule that the columns do not know. `None` keeps all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// One entry per label.
    pub labels: Option<Vec<bool>>,
    /// One entry per detection.
    pub detections: Option<Vec<bool>>,
}

impl Truth3d {
    /// No labels yet, on frames with these positions of the ego vehicle (m).
    pub fn new(ego: Vec<DVec3>, classes: u32) -> Self {
        Self {
            classes,
            ego,
            ..Self::default()
        }
    }

    /// Adds a label without velocity, attribute and number of points.
    pub fn push(&mut self, frame: u32, class: u32, cuboid: Cuboid) {
        self.frame.push(frame);
        self.class.push(class);
        self.cuboid.push(cuboid);
        self.velocity.push([f64::NAN; 2]);
        self.attribute.push(None);
        self.points.push(None);
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.frame.len()
    }

    /// No labels at all?
    pub fn is_empty(&self) -> bool {
        self.frame.is_empty()
    }

    /// Distance of each label's centre from the ego vehicle, seen from above, m.
    pub fn range_xy(&self) -> Vec<f64> {
        ranges(&self.frame, &self.cuboid, &self.ego)
    }

    /// Are the columns whole, the numbers finite and the sizes positive?
    ///
    /// # Errors
    /// The first column or row that is not.
    pub fn validate(&self) -> Result<(), EvalError> {
        let side = Side::GroundTruth;
        let n = check_rows(side, self.len())?;
        check_rows(side, self.ego.len())?;
        check_len(side, "class", n, self.class.len())?;
        check_len(side, "cuboid", n, self.cuboid.len())?;
        check_len(side, "velocity", n, self.velocity.len())?;
        check_len(side, "attribute", n, self.attribute.len())?;
        check_len(side, "points", n, self.points.len())?;
        if let Some(frame) = self.ego.iter().position(|ego| !ego.is_finite()) {
            return Err(EvalError::Object3d {
                side,
                row: frame,
                problem: "of `ego` is not a finite position".to_owned(),
            });
        }
        check_index(side, "frame", &self.frame, self.ego.len() as u32)?;
        check_index(side, "class", &self.class, self.classes)?;
        boxes(side, &self.cuboid)
    }
}

impl Detections3d {
    /// Adds a detection without velocity and attribute.
    pub fn push(&mut self, frame: u32, class: u32, cuboid: Cuboid, score: f64) {
        self.frame.push(frame);
        self.class.push(class);
        self.cuboid.push(cuboid);
        self.score.push(score);
        self.velocity.push([f64::NAN; 2]);
        self.attribute.push(None);
    }

    /// Number of detections.
    pub fn len(&self) -> usize {
        self.frame.len()
    }

    /// No detections at all?
    pub fn is_empty(&self) -> bool {
        self.frame.is_empty()
    }

    /// Distance of each detection's centre from the ego vehicle of its frame, seen from above, m; NaN for a frame that `truth` lacks.
    pub fn range_xy(&self, truth: &Truth3d) -> Vec<f64> {
        ranges(&self.frame, &self.cuboid, &truth.ego)
    }

    /// Are the columns whole, the numbers finite and the sizes positive, for the frames and classes of these labels?
    ///
    /// # Errors
    /// The first column or row that is not.
    pub fn validate(&self, truth: &Truth3d) -> Result<(), EvalError> {
        let side = Side::Detections;
        let n = check_rows(side, self.len())?;
        check_len(side, "class", n, self.class.len())?;
        check_len(side, "cuboid", n, self.cuboid.len())?;
        check_len(side, "score", n, self.score.len())?;
        check_len(side, "velocity", n, self.velocity.len())?;
        check_len(side, "attribute", n, self.attribute.len())?;
        check_index(side, "frame", &self.frame, truth.ego.len() as u32)?;
        check_index(side, "class", &self.class, truth.classes)?;
        boxes(side, &self.cuboid)?;
        check_finite(side, "score", &self.score)
    }
}

impl Keep {
    /// Does it fit these columns?
    ///
    /// # Errors
    /// When a mask has another length than the columns.
    pub fn validate(&self, truth: &Truth3d, detections: &Detections3d) -> Result<(), EvalError> {
        if let Some(mask) = &self.labels {
            check_len(Side::GroundTruth, "keep", truth.len(), mask.len())?;
        }
        if let Some(mask) = &self.detections {
            check_len(Side::Detections, "keep", detections.len(), mask.len())?;
        }
        Ok(())
    }

    pub(crate) fn label(&self, row: usize) -> bool {
        self.labels.as_ref().is_none_or(|mask| mask[row])
    }

    pub(crate) fn detection(&self, row: usize) -> bool {
        self.detections.as_ref().is_none_or(|mask| mask[row])
    }
}

/// Why a box cannot be evaluated; `None` for one that can.
pub(crate) fn box_problem(cuboid: &Cuboid) -> Option<String> {
    let size = [cuboid.length, cuboid.width, cuboid.height];
    if !cuboid.center.is_finite() {
        return Some(format!("has its centre at {}, which is not finite", cuboid.center));
    }
    if !size.iter().all(|s| s.is_finite() && *s > 0.0) {
        return Some(format!(
            "has the size {} × {} × {} m, which is not above 0",
            size[0], size[1], size[2]
        ));
    }
    let norm = cuboid.rotation.length();
    if !norm.is_finite() || (norm - 1.0).abs() > 1e-6 {
        return Some(format!(
            "has a rotation of length {norm}, which is not a unit quaternion"
        ));
    }
    None
}

fn ranges(frame: &[u32], cuboid: &[Cuboid], ego: &[DVec3]) -> Vec<f64> {
    frame
        .iter()
        .zip(cuboid)
        .map(|(frame, cuboid)| {
            ego.get(*frame as usize)
                .map_or(f64::NAN, |ego| (cuboid.center - *ego).truncate().length())
        })
        .collect()
}

fn boxes(side: Side, cuboids: &[Cuboid]) -> Result<(), EvalError> {
    for (row, cuboid) in cuboids.iter().enumerate() {
        if let Some(problem) = box_problem(cuboid) {
            return Err(EvalError::Object3d { side, row, problem });
        }
    }
    Ok(())
}
