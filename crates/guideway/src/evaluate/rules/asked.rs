//! Of which frames is asked what is wrong in space, and the objects in them.
//!
//! A model that draws boxes in a frame is asked about boxes there, and one that says where objects are without drawing any about objects in space. A frame in which it finds
//! nothing is asked about as others of its kind are, pictures or sweeps; and not at all where the model, which knows space elsewhere, says nothing about that kind.

use guideway_core::{Cuboid, DVec3, Reporter};
use guideway_eval::objects3d::{Detections3d, Keep, Truth3d};
use guideway_store::Dataset;

use super::objects::{Found, LabelObject, Objects};
use super::space::Placed;
use super::{Tally, class_ranges};
use crate::error::Error;
use crate::evaluate::case::LabelInfo;
use crate::workspace::{Workspace, quote};

/// What a frame is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::evaluate) enum Asked {
    /// Boxes in the image.
    Boxes,
    /// Objects in space.
    Space,
    /// Nothing.
    Nothing,
}

/// What a detection in space says beyond its columns.
pub(in crate::evaluate) struct SolidRow {
    pub(in crate::evaluate) prediction_id: String,
    /// Over ground along the ego's axes, m/s.
    pub(in crate::evaluate) velocity: Option<[f64; 2]>,
}

/// The objects of the frames that are asked about space, in the ego frame and with the dataset's classes.
#[derive(Default)]
pub(in crate::evaluate) struct InSpace {
    /// By frame; empty where all are asked about boxes.
    asked: Vec<Asked>,
    pub(in crate::evaluate) truth: Truth3d,
    pub(in crate::evaluate) detections: Detections3d,
    /// What is neither to be ignored nor out of range.
    pub(in crate::evaluate) keep: Keep,
    /// Those of the labels' rows; their cuboids are in the ego frame.
    pub(in crate::evaluate) labels: Vec<LabelInfo>,
    /// Over ground along the ego's axes, m/s, where labels say so.
    pub(in crate::evaluate) velocities: Vec<Option<[f64; 2]>>,
    pub(in crate::evaluate) rows: Vec<SolidRow>,
}

impl InSpace {
    pub(in crate::evaluate) fn asked(&self, frame: u32) -> Asked {
        self.asked.get(frame as usize).copied().unwrap_or(Asked::Boxes)
    }

    /// Number of frames that are asked about space.
    pub(in crate::evaluate) fn frames(&self) -> u64 {
        self.asked.iter().filter(|asked| **asked == Asked::Space).count() as u64
    }
}

impl Workspace {
    /// Does a run say of any frame where objects are without drawing their boxes?
    pub(in crate::evaluate) fn knows_space(&self, predict_run_id: &str) -> Result<bool, Error> {
        let run = quote(predict_run_id);
        let any = |condition: &str| -> Result<bool, Error> {
            let counts = self.counts(&format!(
                "SELECT 'cuboids', count(*) FROM predicted_cuboids WHERE run_id = {run}{condition}"
            ))?;
            Ok(counts.iter().any(|(_, count)| *count > 0))
        };
        // Most runs have no cuboids at all, and many boxes.
        let with_boxes = format!(" AND frame_id NOT IN (SELECT frame_id FROM predictions WHERE run_id = {run})");
        Ok(any("")? && any(&with_boxes)?)
    }

    /// The labels of some rows of a dataset and a run's predictions in space, where these are what is asked about. Classes have nuScenes' ranges, beyond which nothing is a
    /// mistake, and neither is what becomes of a label without a single point.
    pub(in crate::evaluate) fn in_space(
        &self,
        (dataset, rows): (&Dataset, &[u64]),
        predict_run_id: &str,
        reporter: &dyn Reporter,
    ) -> Result<InSpace, Error> {
        let mut objects = Objects::labels(self, dataset, rows)?;
        objects.find(self, predict_run_id)?;
        let mut asked = asked(&objects);
        let is_asked = |frame: u32| asked[frame as usize] == Asked::Space;
        objects.labels.retain(|label| is_asked(label.frame));
        objects.found.retain(|found| is_asked(found.frame));
        let mut tally = Tally::default();
        let placed = Placed::of(&objects, &mut tally);
        tally.send("events in space", reporter);
        for (asked, counts) in asked.iter_mut().zip(&placed.counts) {
            if *asked == Asked::Space && !counts {
                *asked = Asked::Nothing;
            }
        }
        let ranges = class_ranges(&objects.classes);
        let is_near = |class: u32, cuboid: &Cuboid| cuboid.center.truncate().length() < ranges[class as usize];
        let mut found = InSpace {
            truth: Truth3d::new(vec![DVec3::ZERO; placed.frames], objects.classes.len() as u32),
            asked,
            ..InSpace::default()
        };
        let (mut labels, mut detections) = (Vec::new(), Vec::new());
        for (label, cuboid) in placed.labels.iter().chain(&placed.ignored) {
            if let Some(class) = label.class {
                found.add_label(label, class, cuboid);
                labels.push(!label.is_ignored && label.points != Some(0) && is_near(class, cuboid));
            }
        }
        for (detection, cuboid) in &placed.found {
            found.add_detection(detection, cuboid);
            detections.push(is_near(detection.class, cuboid));
        }
        found.keep = Keep {
            labels: Some(labels),
            detections: Some(detections),
        };
        Ok(found)
    }
}

impl InSpace {
    fn add_label(&mut self, label: &LabelObject, class: u32, cuboid: &Cuboid) {
        self.truth.push(label.frame, class, *cuboid);
        if let Some(points) = self.truth.points.last_mut() {
            *points = label.points;
        }
        self.velocities
            .push(label.velocity.or(label.motion.map(|motion| motion.velocity)));
        self.labels.push(LabelInfo {
            label_id: label.label_id.clone(),
            track_id: label.track.clone(),
            cuboid_frame: Some("ego".to_owned()),
            cuboid: cuboid.to_array().to_vec(),
            occlusion: label.occlusion,
        });
    }

    fn add_detection(&mut self, found: &Found, cuboid: &Cuboid) {
        self.detections.push(found.frame, found.class, *cuboid, found.score);
        self.rows.push(SolidRow {
            prediction_id: found.prediction_id.clone(),
            velocity: found.velocity,
        });
    }
}

/// What each frame is asked about.
fn asked(objects: &Objects) -> Vec<Asked> {
    let mut said: Vec<Option<Asked>> = vec![None; objects.frames.len()];
    for found in &objects.found {
        let said = &mut said[found.frame as usize];
        if found.bbox.is_some() {
            *said = Some(Asked::Boxes);
        } else {
            said.get_or_insert(Asked::Space);
        }
    }
    let any = |wanted: Asked, is_image: Option<bool>| {
        let frames = objects.frames.iter().zip(&said);
        frames
            .filter(|(frame, _)| is_image.is_none_or(|is_image| frame.is_image == is_image))
            .any(|(_, said)| *said == Some(wanted))
    };
    let of_kind = |is_image: bool| {
        if any(Asked::Boxes, Some(is_image)) || !any(Asked::Space, None) {
            Asked::Boxes
        } else if any(Asked::Space, Some(is_image)) {
            Asked::Space
        } else {
            Asked::Nothing
        }
    };
    let (pictures, others) = (of_kind(true), of_kind(false));
    let frames = objects.frames.iter().zip(&said);
    frames
        .map(|(frame, said)| said.unwrap_or(if frame.is_image { pictures } else { others }))
        .collect()
}
