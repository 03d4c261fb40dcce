//! Labels on their way to their frames.

use std::collections::BTreeMap;

use guideway_schema::{FrameRow, LabelRow};
use serde_json::{Map, Value};

use super::{Builder, HELD_FRAMES, Message};
use crate::mcap::labels::{Group, Items, NoCuboid, Seen, Target, annotation_row, cuboid_row, enrich, settle};
use crate::schemas::{Annotation, Cuboid, FrameAttributes};

/// Adds attributes to those that a frame has.
pub(super) fn tell(frame: &mut FrameRow, told: Map<String, Value>) {
    let own = frame.attributes.take();
    let own = own.and_then(|own| serde_json::from_str::<Map<String, Value>>(&own).ok());
    let mut all = own.unwrap_or_default();
    all.extend(told);
    frame.attributes = (!all.is_empty()).then(|| Value::Object(all).to_string());
}

impl Builder<'_> {
    pub(super) fn annotations(&mut self, message: Message<'_>, annotations: Vec<Annotation>) {
        let mut by_stamp: BTreeMap<i64, Vec<Annotation>> = BTreeMap::new();
        for annotation in annotations {
            by_stamp
                .entry(annotation.stamp.unwrap_or(message.log_time))
                .or_default()
                .push(annotation);
        }
        for (stamp, annotations) in by_stamp {
            let topic = message.topic.to_owned();
            let target = if message.ground_truth {
                Target::CameraOfTruth(topic)
            } else {
                Target::CameraBeside(topic)
            };
            self.group(Group {
                target,
                stamp,
                topic: message.topic.to_owned(),
                ordinal: message.ordinal,
                ground_truth: message.ground_truth,
                items: Items::Annotations(annotations),
            });
        }
    }

    pub(super) fn scene(&mut self, message: Message<'_>, cuboids: Vec<Cuboid>) {
        let mut by_place: BTreeMap<(i64, String), Vec<Cuboid>> = BTreeMap::new();
        for cuboid in cuboids {
            let key = (cuboid.stamp.unwrap_or(message.log_time), cuboid.frame_id.clone());
            by_place.entry(key).or_default().push(cuboid);
        }
        for ((stamp, frame_id), cuboids) in by_place {
            self.group(Group {
                target: Target::Scene(frame_id),
                stamp,
                topic: message.topic.to_owned(),
                ordinal: message.ordinal,
                ground_truth: message.ground_truth,
                items: Items::Cuboids(cuboids),
            });
        }
    }

    /// What is true of a whole image, for the row of its frame.
    pub(super) fn attributes(&mut self, message: Message<'_>, told: FrameAttributes) {
        let camera = if message.ground_truth {
            self.sensors.camera_of_truth(message.topic)
        } else {
            self.sensors.beside(message.topic, "camera")
        };
        let stamp = told.stamp.unwrap_or(message.log_time);
        let Some(camera) = camera else {
            self.untold(message, 1);
            return;
        };
        let id = self.sensors.all[camera].id.as_str();
        let is_it = |frame: &&mut FrameRow| frame.sensor_id == id && frame.timestamp_ns == Some(stamp);
        match self.frames.iter_mut().rev().take(HELD_FRAMES).find(is_it) {
            Some(frame) => tell(frame, told.attributes),
            None => {
                self.told.insert((camera, stamp), told.attributes);
            }
        }
        if self.told.len() > HELD_FRAMES {
            self.told.pop_first();
            self.untold(message, 1);
        }
    }

    fn untold(&mut self, message: Message<'_>, count: u64) {
        self.note(message, "attributes-without-image", count, || {
            "attributes of images that are not in the log were left out".to_owned()
        });
    }

    fn group(&mut self, group: Group) {
        if let Some((seen, group)) = self.matcher.labels(&self.sensors, group) {
            self.settle(&seen, &group);
        }
        for lost in self.matcher.overflow() {
            self.unmatched(&lost);
        }
    }

    pub(super) fn unmatched(&mut self, group: &Group) {
        let topic = &group.topic;
        self.notes.add("label-without-frame", topic, 0, group.len() as u64, || {
            format!("labels of `{topic}` have no frame: no sensor beside the topic has one with their stamp")
        });
    }

    /// Labels have found their frame.
    pub(super) fn settle(&mut self, seen: &Seen, group: &Group) {
        let (mut bad, mut unknown) = (0, 0);
        let mut bad_masks = Vec::new();
        let mut add = |labels: &mut Vec<LabelRow>, index: usize, row: Option<LabelRow>, said: &[(String, String)]| {
            let Some(mut label) = row else {
                bad += 1;
                return;
            };
            settle(&mut label, &seen.frame_id, group, index);
            if group.ground_truth {
                bad_masks.extend(enrich(&mut label, said, seen.size).err());
            }
            labels.push(label);
        };
        let before = self.labels.len();
        match &group.items {
            Items::Annotations(all) => {
                for (index, annotation) in all.iter().enumerate() {
                    let row = annotation_row(&self.recording_id, &self.uri, &group.topic, group.ordinal, annotation);
                    add(&mut self.labels, index, row, &annotation.metadata);
                }
            }
            Items::Cuboids(all) => {
                for (index, cuboid) in all.iter().enumerate() {
                    let (id, uri) = (&self.recording_id, &self.uri);
                    match cuboid_row(id, uri, &group.topic, group.ordinal, cuboid, &self.sensors, &self.tree) {
                        Ok(row) => add(&mut self.labels, index, Some(row), &cuboid.metadata),
                        Err(NoCuboid::BadNumbers) => add(&mut self.labels, index, None, &[]),
                        Err(NoCuboid::UnknownFrame) => unknown += 1,
                    }
                }
            }
        }
        self.summary.labels += (self.labels.len() - before) as u64;
        let topic = &group.topic;
        if let Some(problem) = bad_masks.first() {
            self.notes.add("bad-mask", topic, 0, bad_masks.len() as u64, || {
                format!("masks of `{topic}` that do not fit their frame stay attributes: {problem}")
            });
        }
        if bad > 0 {
            self.notes.add("bad-box", topic, 0, bad, || {
                format!("labels of `{topic}` that are not finite or have no size were left out")
            });
        }
        if unknown > 0 {
            self.notes.add("label-in-unknown-frame", topic, 0, unknown, || {
                format!("cuboids of `{topic}` are in a coordinate frame that is neither a lidar's, the vehicle's nor the world's")
            });
        }
    }
}
