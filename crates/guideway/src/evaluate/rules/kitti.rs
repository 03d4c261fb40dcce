//! The KITTI object benchmark on a dataset's camera frames.
//!
//! What KITTI's files say is made of the tables:
//!
//! | KITTI | here |
//! |---|---|
//! | location, dimensions, `rotation_y` | the cuboid in the camera's frame, its bottom's middle; it is taken to stand upright |
//! | alpha | `rotation_y` less the direction of the location; the label's own where it has no cuboid |
//! | occluded | the column `occlusion`; where the source gives the part that is hidden, below 0.1 is 0, below 0.5 is 1, and the rest 2; 0 where nothing is known |
//! | truncated | the column `truncation`; −1, which is never too much, where nothing is known |
//! | `DontCare` | labels to be ignored, and crowds |
//! | type | the class; a label that its source calls by a neighbour's name, such as `Person_sitting`, is that neighbour |
//!
//! A label without a cuboid has that of a label of the same track in the same frame, where boxes and cuboids come apart.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::{PI, TAU};
use std::sync::Arc;

use guideway_core::taxonomy::{Taxonomy, normalise};
use guideway_core::{BBox, Cuboid, DVec3};
use guideway_eval::kitti::{
    Detection, GroundTruth, KittiClass, KittiParams, KittiReport, Label, Metric, MinOverlap, Object, evaluate,
    match_detections,
};
use serde_json::{Map, Value};

use super::objects::{LabelObject, Objects};
use super::parts::{Sliced, parts};
use super::{Computed, Measured, MetricSet, Tally, resolve, to_value};
use crate::error::Error;

/// Overlap of large vehicles, and of everything else.
const OVERLAPS: [f64; 2] = [0.7, 0.5];

/// The official parameters for these classes. Those that KITTI evaluates have its overlaps and neighbours.
pub(super) fn params(classes: &[String]) -> KittiParams {
    let official = KittiParams::official();
    let taxonomy = Taxonomy::builtin();
    let of = |name: &String| {
        let known = official.classes.iter().find(|class| class.name == *name);
        known.cloned().unwrap_or_else(|| {
            let is_large = taxonomy.is_a(name, "vehicle") && !taxonomy.is_a(name, "two_wheeler");
            KittiClass {
                name: name.clone(),
                neighbours: Vec::new(),
                min_overlap: MinOverlap::all(OVERLAPS[usize::from(!is_large)]),
            }
        })
    };
    KittiParams {
        classes: classes.iter().map(of).collect(),
        ..official
    }
}

/// What KITTI says of an object in the camera's frame (x right, y down, z forward).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct InCamera {
    /// Height, width, length, m.
    pub(super) dimensions: [f64; 3],
    /// The middle of the bottom, m.
    pub(super) location: [f64; 3],
    /// Rotation about y; 0 heads along x.
    pub(super) rotation_y: f64,
    /// The angle at which it is seen.
    pub(super) alpha: f64,
}

impl InCamera {
    /// The cuboid's length runs along its x, `(cos ry, 0, −sin ry)` in the camera's frame, and its bottom is half its height towards y.
    pub(super) fn of(cuboid: &Cuboid) -> Self {
        let forward = cuboid.rotation * DVec3::X;
        let bottom = cuboid.center + DVec3::Y * (cuboid.height / 2.0);
        let rotation_y = (-forward.z).atan2(forward.x);
        Self {
            dimensions: [cuboid.height, cuboid.width, cuboid.length],
            location: bottom.to_array(),
            rotation_y,
            alpha: wrap(rotation_y - bottom.x.atan2(bottom.z)),
        }
    }
}

/// Into −π to π.
fn wrap(angle: f64) -> f64 {
    let turned = angle.rem_euclid(TAU);
    if turned > PI { turned - TAU } else { turned }
}

/// Makes the files' rows of objects.
struct Builder<'a> {
    params: &'a KittiParams,
    names: Vec<String>,
    /// Place of each camera frame among them.
    frames: BTreeMap<u32, u32>,
}

impl Builder<'_> {
    fn object(&self, frame: u32, class: u32, bbox: BBox, cuboid: Option<&Cuboid>) -> Object {
        let mut object = Object {
            alpha: self.params.unknown_alpha,
            location: [self.params.unknown_coordinate; 3],
            ..Object::in_image(frame, class, bbox)
        };
        if let Some(cuboid) = cuboid {
            let InCamera {
                dimensions,
                location,
                rotation_y,
                alpha,
            } = InCamera::of(cuboid);
            object = Object {
                alpha,
                dimensions,
                location,
                rotation_y,
                ..object
            };
        }
        object
    }

    fn name(&mut self, name: &str) -> u32 {
        let known = self.names.iter().position(|known| known.eq_ignore_ascii_case(name));
        let place = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        place as u32
    }

    /// The class of a label in KITTI's sense; `None` for what is none of the dataset's.
    fn class(&mut self, label: &LabelObject) -> Option<u32> {
        if label.is_ignored {
            let name = self.params.dont_care.clone();
            return Some(self.name(&name));
        }
        let class = label.class?;
        let source = normalise(&label.source_class);
        let (params, own) = (self.params, &self.names[class as usize]);
        let neighbour = params
            .classes
            .iter()
            .filter(|class| class.name.eq_ignore_ascii_case(own))
            .flat_map(|class| &class.neighbours)
            .find(|neighbour| !neighbour.eq_ignore_ascii_case(own) && neighbour.eq_ignore_ascii_case(&source));
        Some(match neighbour.cloned() {
            Some(neighbour) => self.name(&neighbour),
            None => class,
        })
    }
}

pub(super) fn compute(
    objects: &Objects,
    given: Option<&Map<String, Value>>,
    sliced: Sliced<'_>,
    tally: &mut Tally,
) -> Result<Computed, Error> {
    let params = resolve(MetricSet::Kitti, &params(&objects.classes), given)?;
    let images = (0..).zip(&objects.frames).filter(|(_, frame)| frame.is_image);
    let mut builder = Builder {
        params: &params,
        names: objects.classes.clone(),
        frames: images.map(|(frame, _)| frame).zip(0..).collect(),
    };
    let in_space = objects
        .found
        .iter()
        .any(|found| found.bbox.is_some() && found.solid.is_some());
    let mut truth = GroundTruth::new(builder.frames.len() as u32, Vec::<String>::new());
    let apart = objects.cuboids_apart();
    for label in &objects.labels {
        let (Some(frame), Some(bbox)) = (builder.frames.get(&label.frame).copied(), label.bbox) else {
            continue;
        };
        let Some(class) = builder.class(label) else { continue };
        let beside = || {
            label
                .track
                .as_deref()
                .and_then(|track| apart.get(&(label.frame, track)))
        };
        let solid = label.solid.or_else(|| beside().copied());
        let cuboid = solid.and_then(|solid| solid.in_sensor);
        let mut object = builder.object(frame, class, bbox, cuboid.as_ref());
        if let (None, Some(alpha)) = (cuboid, label.alpha) {
            object.alpha = alpha;
        }
        if in_space && cuboid.is_none() && !label.is_ignored {
            tally.add(
                "label-without-cuboid",
                "labels have no cuboid in the camera's frame; BEV and 3D cannot find them",
            );
        }
        truth.labels.push(Label {
            object,
            truncation: label.truncation.unwrap_or(-1.0),
            occlusion: label.occlusion.and_then(|level| i32::try_from(level).ok()).unwrap_or(0),
        });
    }
    let mut detections = Vec::with_capacity(objects.found.len());
    for found in &objects.found {
        let (Some(frame), Some(bbox)) = (builder.frames.get(&found.frame).copied(), found.bbox) else {
            tally.add(
                "detection-without-box",
                "detections have no box in an image, and play no role in KITTI's numbers",
            );
            continue;
        };
        let cuboid = found.solid.and_then(|solid| solid.in_sensor);
        if found.solid.is_some() && cuboid.is_none() {
            tally.add(
                "cuboid-not-placed",
                "detections whose cuboid cannot be taken to the camera's frame (no calibration, or no pose) count in the image alone",
            );
        }
        detections.push(Detection {
            object: builder.object(frame, found.class, bbox, cuboid.as_ref()),
            score: found.score,
        });
    }
    truth.classes = std::mem::take(&mut builder.names);
    let report = evaluate(&truth, &detections, &params)?;
    let metrics = computed(&report);
    let (reported, used) = (to_value(&report)?, to_value(&params)?);
    let images: Vec<u32> = builder.frames.into_keys().collect();
    let matches = match_detections(&truth, &detections, &params)?;
    let measured = Arc::new((matches, images, params, metrics));
    let parts = parts(sliced.of_frames(), move |_| {
        let measured = Arc::clone(&measured);
        Ok(Box::new(move |slice| {
            let (matches, images, params, metrics) = &*measured;
            let times: Vec<u32> = images.iter().map(|frame| slice.times_of(*frame)).collect();
            Ok(values(&matches.report_of_draw(&times)?, params, metrics))
        }))
    })?;
    Ok(Computed {
        report: reported,
        params: used,
        notes: Vec::new(),
        parts,
    })
}

/// What is measured of any class; of boxes in any case.
fn computed(report: &KittiReport) -> BTreeSet<Metric> {
    let metrics = report.classes.iter().flat_map(|class| &class.metrics);
    metrics.map(|metric| metric.metric).chain([Metric::Image]).collect()
}

/// Every average of these metrics: of classes that were detected, and undefined of the others.
fn values(report: &KittiReport, params: &KittiParams, metrics: &BTreeSet<Metric>) -> Vec<Measured> {
    let mut values = Vec::new();
    for class in &params.classes {
        for level in &params.levels {
            for average in &params.averages {
                for metric in metrics {
                    let found = report.level(&class.name, *metric, &level.name);
                    let counted = found.filter(|found| found.positives > 0);
                    values.push(Measured {
                        metric: format!("{}_{metric}", average.name),
                        slice: format!("class={},level={}", class.name, level.name),
                        value: counted.and_then(|_| report.average(&class.name, *metric, &level.name, &average.name)),
                        support: found.map(|found| found.positives),
                        unit: "%",
                        higher_is_better: true,
                    });
                }
            }
        }
    }
    values
}
