//! Which objects in space count, for the rules that know no images: in the ego frame, the ego at its origin.
//!
//! A frame whose labels have boxes and no cuboid is not labelled in space, and one with a labelled cuboid that cannot be taken to the ego frame is not known
//! in whole: neither counts, with its detections. Labels to be ignored and crowds are left out.

use std::collections::BTreeMap;

use guideway_core::{Cuboid, DVec3};
use guideway_eval::objects3d::{Detections3d, Truth3d};

use super::Tally;
use super::objects::{Found, LabelObject, Objects};
use crate::error::Error;

/// Labels and detections that can be placed, in the order of the tables.
pub(super) struct Placed<'a> {
    pub(super) frames: usize,
    pub(super) labels: Vec<(&'a LabelObject, Cuboid)>,
    /// Labels to be ignored and crowds, which no rule set asks for.
    pub(super) ignored: Vec<(&'a LabelObject, Cuboid)>,
    pub(super) found: Vec<(&'a Found, Cuboid)>,
    /// Does the frame count?
    pub(super) counts: Vec<bool>,
}

/// What is known of a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// All of it, as far as anybody labelled it.
    Whole,
    /// The labels have boxes alone.
    InImage,
    /// A cuboid has no place.
    Lost,
}

/// A box that has a size, in the ego frame.
fn in_ego(cuboid: Option<Cuboid>) -> Option<Cuboid> {
    cuboid.filter(|cuboid| {
        [cuboid.length, cuboid.width, cuboid.height]
            .iter()
            .all(|side| *side > 0.0)
    })
}

impl<'a> Placed<'a> {
    pub(super) fn of(objects: &'a Objects, tally: &mut Tally) -> Self {
        let mut known = vec![None; objects.frames.len()];
        for label in objects.labels.iter().filter(|label| !label.is_ignored) {
            let own = match label.solid {
                None => Known::InImage,
                Some(solid) if in_ego(solid.in_ego).is_some() => Known::Whole,
                Some(_) => {
                    tally.add(
                        "cuboid-not-placed",
                        "labels whose cuboid cannot be taken to the ego frame (no calibration, no pose, or no size); their frames do not count",
                    );
                    Known::Lost
                }
            };
            let place = &mut known[label.frame as usize];
            *place = Some(match (*place, own) {
                (Some(Known::Lost), _) | (_, Known::Lost) => Known::Lost,
                (Some(Known::Whole), _) | (_, Known::Whole) => Known::Whole,
                _ => Known::InImage,
            });
        }
        let is_whole = |frame: u32| matches!(known[frame as usize], None | Some(Known::Whole));
        for _ in known.iter().filter(|known| **known == Some(Known::InImage)) {
            tally.add(
                "frame-not-labelled-in-space",
                "frames whose labels have boxes and no cuboids do not count",
            );
        }
        let (ignored, labels) = objects
            .labels
            .iter()
            .filter(|label| is_whole(label.frame))
            .filter_map(|label| Some((label, in_ego(label.solid?.in_ego)?)))
            .partition(|(label, _)| label.is_ignored);
        let mut found = Vec::new();
        for detection in objects.found.iter().filter(|found| is_whole(found.frame)) {
            let Some(solid) = detection.solid else { continue };
            match in_ego(solid.in_ego) {
                Some(cuboid) => found.push((detection, cuboid)),
                None => tally.add(
                    "detection-not-placed",
                    "detections whose cuboid cannot be taken to the ego frame (no calibration, no pose, or no size) do not count",
                ),
            }
        }
        Self {
            frames: objects.frames.len(),
            labels,
            ignored,
            found,
            counts: (0..objects.frames.len() as u32).map(is_whole).collect(),
        }
    }

    /// The dataset's classes of which a label counts, in their order.
    pub(super) fn classes(
        &self,
        objects: &Objects,
        counts: impl Fn(&str, &Cuboid) -> bool,
    ) -> Result<Vec<String>, Error> {
        let mut has = vec![false; objects.classes.len()];
        for (label, cuboid) in &self.labels {
            if let Some(class) = label.class
                && label.points != Some(0)
                && counts(&objects.classes[class as usize], cuboid)
            {
                has[class as usize] = true;
            }
        }
        let names: Vec<String> = objects
            .classes
            .iter()
            .zip(has)
            .filter(|(_, has)| *has)
            .map(|(name, _)| name.clone())
            .collect();
        if names.is_empty() {
            return Err(Error::usage(
                "no label in space counts: each is out of range, without a lidar point, or in a frame that does not count",
                "the warnings say what was left out; `--params` sets other ranges".to_owned(),
            ));
        }
        Ok(names)
    }

    /// What was given without a class that is evaluated.
    pub(super) fn columns(&self, objects: &Objects, names: &[String]) -> Columns<'a> {
        let index: BTreeMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
        let place = |class: u32| index.get(objects.classes[class as usize].as_str()).copied();
        let mut columns = Columns {
            truth: Truth3d::new(vec![DVec3::ZERO; self.frames], names.len() as u32),
            detections: Detections3d::default(),
            labels: Vec::new(),
            found: Vec::new(),
        };
        for (label, cuboid) in &self.labels {
            if let Some(class) = label.class.and_then(place) {
                columns.truth.push(label.frame, class, *cuboid);
                if let Some(points) = columns.truth.points.last_mut() {
                    *points = label.points;
                }
                columns.labels.push(label);
            }
        }
        for (found, cuboid) in &self.found {
            if let Some(class) = place(found.class) {
                columns.detections.push(found.frame, class, *cuboid, found.score);
                columns.found.push(found);
            }
        }
        columns
    }
}

/// Objects of the classes that are evaluated.
pub(super) struct Columns<'a> {
    pub(super) truth: Truth3d,
    pub(super) detections: Detections3d,
    /// The label of each row.
    pub(super) labels: Vec<&'a LabelObject>,
    /// The detection of each row.
    pub(super) found: Vec<&'a Found>,
}

/// Says which of the dataset's classes are not evaluated.
pub(super) fn without_labels(objects: &Objects, names: &[String]) -> Option<String> {
    let left: Vec<&str> = objects
        .classes
        .iter()
        .filter(|class| !names.contains(class))
        .map(String::as_str)
        .collect();
    (!left.is_empty()).then(|| {
        format!(
            "classes without a label that counts are not evaluated: {}",
            left.join(", ")
        )
    })
}
