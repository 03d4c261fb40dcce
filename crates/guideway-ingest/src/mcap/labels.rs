//! Labels in a log find their frames by sensor and stamp. They may come before or after the frame; both sides wait for each
//! other in bounded queues.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use guideway_core::{IdBuilder, Rle};
use guideway_schema::{GROUND_TRUTH_LABELER, LabelRow};
use serde_json::{Map, Value, json};

use super::frames::Sensors;
use super::tf::{Rigid, TransformTree, is_ego, is_world, plain};
use crate::files::canonical_class;
use crate::schemas::{Annotation, AnnotationShape, Cuboid};

/// Frames of each sensor that are remembered.
const RECENT: usize = 4096;
/// The key of an instance mask as COCO's compressed run lengths.
const MASK_KEY: &str = "mask_rle";
/// Keys of metadata that hold numbers or lists of them.
const MEASURES: [&str; 7] = [
    "occlusion",
    "truncation",
    "visibility",
    "num_lidar_pts",
    "num_radar_pts",
    "velocity",
    "acceleration",
];
/// Labels that may wait for their frame.
const MAX_WAITING: usize = 65_536;

/// Which frames a message's labels may belong to.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// The camera beside this topic.
    CameraBeside(String),
    /// The camera that this topic of ground truth is about.
    CameraOfTruth(String),
    /// A lidar, or a camera where the log has no lidar; better one whose coordinate frame has this name.
    Scene(String),
}

/// The labels themselves; they become rows once their frame is known.
#[derive(Debug)]
pub(crate) enum Items {
    Annotations(Vec<Annotation>),
    Cuboids(Vec<Cuboid>),
}

/// Labels of one message and stamp, without their frame.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) target: Target,
    pub(crate) stamp: i64,
    pub(crate) topic: String,
    /// Tells the messages of a topic apart.
    pub(crate) ordinal: i64,
    /// Are they true by construction?
    pub(crate) ground_truth: bool,
    pub(crate) items: Items,
}

/// A frame as labels need to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) frame_id: String,
    /// Width and height, px.
    pub(crate) size: Option<(u32, u32)>,
}

impl Group {
    pub(crate) fn len(&self) -> usize {
        match &self.items {
            Items::Annotations(all) => all.len(),
            Items::Cuboids(all) => all.len(),
        }
    }
}

#[derive(Debug, Default)]
struct Recent {
    by_stamp: BTreeMap<i64, Seen>,
    order: VecDeque<i64>,
}

/// Brings labels and frames together.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    recent: BTreeMap<usize, Recent>,
    waiting: BTreeMap<i64, Vec<Group>>,
    /// Labels waiting, and the stamps in the order in which they came.
    held: usize,
    order: VecDeque<i64>,
}

impl Matcher {
    /// A frame has come: gives the labels that waited for it.
    pub(crate) fn frame(&mut self, sensors: &Sensors, sensor: usize, stamp: i64, seen: Seen) -> Vec<(Seen, Group)> {
        let recent = self.recent.entry(sensor).or_default();
        if let Entry::Vacant(vacant) = recent.by_stamp.entry(stamp) {
            vacant.insert(seen);
            recent.order.push_back(stamp);
            if recent.order.len() > RECENT
                && let Some(oldest) = recent.order.pop_front()
            {
                recent.by_stamp.remove(&oldest);
            }
        }
        let Some(groups) = self.waiting.remove(&stamp) else {
            return Vec::new();
        };
        self.order.retain(|waiting| *waiting != stamp);
        self.held = self.held.saturating_sub(groups.iter().map(Group::len).sum());
        groups
            .into_iter()
            .filter_map(|group| self.labels(sensors, group))
            .collect()
    }

    /// Labels have come: gives them with their frame, or keeps them until it comes.
    pub(crate) fn labels(&mut self, sensors: &Sensors, group: Group) -> Option<(Seen, Group)> {
        if let Some(seen) = self.find(sensors, &group.target, group.stamp) {
            return Some((seen, group));
        }
        self.held += group.len();
        if !self.waiting.contains_key(&group.stamp) {
            self.order.push_back(group.stamp);
        }
        self.waiting.entry(group.stamp).or_default().push(group);
        None
    }

    fn find(&self, sensors: &Sensors, target: &Target, stamp: i64) -> Option<Seen> {
        let frame_of = |sensor: usize| self.recent.get(&sensor)?.by_stamp.get(&stamp);
        match target {
            Target::CameraBeside(topic) => frame_of(sensors.beside(topic, "camera")?).cloned(),
            Target::CameraOfTruth(topic) => frame_of(sensors.camera_of_truth(topic)?).cloned(),
            Target::Scene(frame_name) => {
                let lidars = sensors
                    .all
                    .iter()
                    .any(|sensor| sensor.modality == "lidar" && !sensor.ground_truth);
                let modality = if lidars { "lidar" } else { "camera" };
                let same = |name: &Option<String>| name.as_deref().map(plain) == Some(plain(frame_name));
                sensors
                    .all
                    .iter()
                    .enumerate()
                    .filter(|(_, sensor)| sensor.modality == modality && !sensor.ground_truth)
                    .filter_map(|(at, sensor)| Some((!same(&sensor.frame_name), &sensor.topic, frame_of(at)?)))
                    .min_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)))
                    .map(|(_, _, seen)| seen.clone())
            }
        }
    }

    /// Groups that have waited too long for the room there is.
    pub(crate) fn overflow(&mut self) -> Vec<Group> {
        let mut lost = Vec::new();
        while self.held > MAX_WAITING {
            let Some(stamp) = self.order.pop_front() else { break };
            for group in self.waiting.remove(&stamp).unwrap_or_default() {
                self.held = self.held.saturating_sub(group.len());
                lost.push(group);
            }
        }
        lost
    }

    /// The groups that never found a frame.
    pub(crate) fn rest(&mut self) -> Vec<Group> {
        self.held = 0;
        self.order.clear();
        std::mem::take(&mut self.waiting).into_values().flatten().collect()
    }
}

fn text(metadata: &[(String, String)], score: Option<f64>) -> Map<String, Value> {
    let mut map: Map<String, Value> = metadata
        .iter()
        .map(|(key, value)| (key.clone(), Value::String(value.clone())))
        .collect();
    if let Some(score) = score {
        map.insert("score".to_owned(), json!(score));
    }
    map
}

fn base(recording_id: &str, uri: &str, topic: &str, row: i64, class: Option<&String>) -> LabelRow {
    let class = class.cloned().unwrap_or_else(|| "unknown".to_owned());
    LabelRow {
        recording_id: recording_id.to_owned(),
        class: canonical_class("mcap", &class),
        source_class: class,
        labeler: Some(topic.to_owned()),
        source_uri: uri.to_owned(),
        source_row: Some(row),
        ..LabelRow::default()
    }
}

/// The row's id, and the frame that it belongs to.
pub(crate) fn settle(label: &mut LabelRow, frame_id: &str, group: &Group, index: usize) {
    label.label_id = IdBuilder::new("label")
        .text(frame_id)
        .text(&group.topic)
        .int(group.ordinal)
        .int(index as i64)
        .finish();
    frame_id.clone_into(&mut label.frame_id);
    if group.ground_truth {
        label.labeler = Some(GROUND_TRUTH_LABELER.to_owned());
    }
}

/// What ground truth says beside geometry, class and identity: `mask_rle` becomes the label's mask and area, `truncation` its
/// column, and the numbers among the attributes become numbers. `Err`: the mask is none of this frame's size; it stays an attribute.
pub(crate) fn enrich(
    label: &mut LabelRow,
    metadata: &[(String, String)],
    size: Option<(u32, u32)>,
) -> Result<(), String> {
    let value = |key: &str| metadata.iter().find(|pair| pair.0 == key).map(|pair| pair.1.as_str());
    label.truncation = value("truncation")
        .and_then(|text| text.trim().parse().ok())
        .filter(|part: &f64| (0.0..=1.0).contains(part));
    let mut attributes: Map<String, Value> = label
        .attributes
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    for key in MEASURES {
        if let Some(number) = value(key).and_then(numbers) {
            attributes.insert(key.to_owned(), number);
        }
    }
    let mask = value(MASK_KEY).map(|text| {
        let (width, height) = size.ok_or("the frame's size is not known")?;
        Rle::from_coco_string(text, height, width).map_err(|err| err.to_string())
    });
    let problem = match mask {
        None => Ok(()),
        Some(Err(problem)) => Err(problem),
        Some(Ok(mask)) => {
            label.area = Some(mask.area() as f64);
            label.mask_rle = Some(mask.to_coco_string());
            attributes.remove(MASK_KEY);
            Ok(())
        }
    };
    label.attributes = Some(attributes)
        .filter(|map| !map.is_empty())
        .map(|map| Value::Object(map).to_string());
    problem
}

/// A finite number, or a list of such.
fn numbers(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    let apt = match &value {
        Value::Number(_) => true,
        Value::Array(all) => all.iter().all(Value::is_number),
        _ => false,
    };
    apt.then_some(value)
}

/// A label in an image as a row without frame; `None` when its numbers or its area are not finite, or its box is empty.
pub(crate) fn annotation_row(
    recording_id: &str,
    uri: &str,
    topic: &str,
    row: i64,
    annotation: &Annotation,
) -> Option<LabelRow> {
    let mut label = base(recording_id, uri, topic, row, annotation.class.as_ref());
    let mut attributes = text(&annotation.metadata, annotation.score);
    let (points, name) = match &annotation.shape {
        AnnotationShape::Box(edges) => (vec![[edges[0], edges[1]], [edges[2], edges[3]]], None),
        AnnotationShape::Polygon(points) => (points.clone(), Some("polygon")),
        AnnotationShape::Polyline(points) => (points.clone(), Some("polyline")),
        AnnotationShape::Points(points) => (points.clone(), Some("points")),
    };
    if points.iter().flatten().any(|value| !value.is_finite()) {
        return None;
    }
    if matches!(annotation.shape, AnnotationShape::Box(_) | AnnotationShape::Polygon(_)) {
        let edge = |axis: usize, pick: fn(f64, f64) -> f64| points.iter().map(|p| p[axis]).reduce(pick);
        let edges = (
            edge(0, f64::min)?,
            edge(1, f64::min)?,
            edge(0, f64::max)?,
            edge(1, f64::max)?,
        );
        if edges.2 <= edges.0 || edges.3 <= edges.1 {
            return None;
        }
        (label.x_min, label.y_min, label.x_max, label.y_max) =
            (Some(edges.0), Some(edges.1), Some(edges.2), Some(edges.3));
        let area = if name.is_some() {
            shoelace(&points)
        } else {
            (edges.2 - edges.0) * (edges.3 - edges.1)
        };
        // Coordinates near the end of the floats are finite, and their products are not.
        if !area.is_finite() {
            return None;
        }
        label.area = Some(area);
    }
    if let Some(name) = name {
        attributes.insert(name.to_owned(), json!(points));
    }
    label.track_id.clone_from(&annotation.track);
    label.attributes = Some(Value::Object(attributes))
        .filter(|value| value != &json!({}))
        .map(|value| value.to_string());
    Some(label)
}

/// Area of a simple polygon, px².
fn shoelace(points: &[[f64; 2]]) -> f64 {
    let next = points.iter().cycle().skip(1);
    (points
        .iter()
        .zip(next)
        .map(|(p, q)| p[0] * q[1] - q[0] * p[1])
        .sum::<f64>()
        / 2.0)
        .abs()
}

/// Why a cuboid gives no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoCuboid {
    /// Its numbers are not finite, or it has no size.
    BadNumbers,
    /// Its coordinate frame is neither the sensor's, nor the vehicle's or fixed to it, nor the world's.
    UnknownFrame,
}

/// A box in space as a row without frame. It stays in the sensor's, ego or world frame; one in a frame fixed to the vehicle
/// is moved to the ego frame.
pub(crate) fn cuboid_row(
    recording_id: &str,
    uri: &str,
    topic: &str,
    row: i64,
    cuboid: &Cuboid,
    sensors: &Sensors,
    tree: &TransformTree,
) -> Result<LabelRow, NoCuboid> {
    let pose = Rigid::new(cuboid.center, cuboid.rotation).ok_or(NoCuboid::BadNumbers)?;
    if !cuboid.size.iter().all(|side| side.is_finite() && *side > 0.0) {
        return Err(NoCuboid::BadNumbers);
    }
    let frame = plain(&cuboid.frame_id);
    let of_sensor = sensors
        .all
        .iter()
        .any(|sensor| sensor.modality == "lidar" && sensor.frame_name.as_deref().map(plain) == Some(frame));
    let (name, pose) = if is_ego(frame) {
        ("ego", pose)
    } else if is_world(frame) {
        ("world", pose)
    } else if of_sensor {
        ("sensor", pose)
    } else if let Some(ego_from_frame) = tree.ego_from(frame) {
        ("ego", ego_from_frame.then(pose))
    } else {
        return Err(NoCuboid::UnknownFrame);
    };
    // The way to the ego frame may be longer than a float is large.
    if !pose.t.iter().all(|value| value.is_finite()) {
        return Err(NoCuboid::BadNumbers);
    }
    let mut label = base(recording_id, uri, topic, row, cuboid.class.as_ref());
    label.cuboid_frame = Some(name.to_owned());
    label.cuboid = [&pose.t[..], &cuboid.size[..], &pose.q[..]].concat();
    label.track_id.clone_from(&cuboid.track);
    let mut attributes = text(&cuboid.metadata, cuboid.score);
    attributes.insert("frame_name".to_owned(), json!(cuboid.frame_id));
    label.attributes = Some(Value::Object(attributes).to_string());
    Ok(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(stamp: i64) -> Group {
        Group {
            target: Target::CameraBeside("/cam/boxes".to_owned()),
            stamp,
            topic: "/cam/boxes".to_owned(),
            ordinal: 0,
            ground_truth: false,
            items: Items::Annotations(Vec::new()),
        }
    }

    #[test]
    fn labels_wait_for_their_frame_and_frames_for_their_labels() {
        let mut sensors = Sensors::default();
        let camera = sensors.of("r", "/cam/image", "camera");
        let mut matcher = Matcher::default();
        assert!(matcher.labels(&sensors, group(5)).is_none());
        let seen = |frame_id: &str| Seen {
            frame_id: frame_id.to_owned(),
            size: None,
        };
        let ready = matcher.frame(&sensors, camera, 5, seen("frame-5"));
        assert_eq!(
            ready.iter().map(|(seen, _)| seen.frame_id.as_str()).collect::<Vec<_>>(),
            ["frame-5"]
        );
        assert!(matcher.frame(&sensors, camera, 6, seen("frame-6")).is_empty());
        assert!(matcher.labels(&sensors, group(6)).is_some());
        assert!(matcher.labels(&sensors, group(7)).is_none());
        assert_eq!(matcher.rest().len(), 1);
        assert!(matcher.rest().is_empty());
    }

    #[test]
    fn an_outline_has_box_and_area() {
        let triangle = Annotation {
            stamp: None,
            shape: AnnotationShape::Polygon(vec![[0.0, 0.0], [4.0, 0.0], [0.0, 2.0]]),
            class: Some("car".to_owned()),
            track: None,
            score: None,
            metadata: Vec::new(),
        };
        let row = annotation_row("r", "u", "/t", 0, &triangle).unwrap();
        assert_eq!((row.x_max, row.y_max, row.area), (Some(4.0), Some(2.0), Some(4.0)));
        assert_eq!(
            row.attributes.as_deref(),
            Some(r#"{"polygon":[[0.0,0.0],[4.0,0.0],[0.0,2.0]]}"#)
        );
        let broken = Annotation {
            shape: AnnotationShape::Box([0.0, f64::NAN, 1.0, 1.0]),
            ..triangle
        };
        assert!(annotation_row("r", "u", "/t", 0, &broken).is_none());
    }

    #[test]
    fn ground_truth_fills_the_columns() {
        let metadata = [
            ("class", "car"),
            ("truncation", "0.5"),
            ("occlusion", "0.25"),
            ("velocity", "[1.5,0,0]"),
            ("visibility", "good"),
            ("mask_rle", "222"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let row = || LabelRow {
            attributes: Some(Value::Object(text(&metadata, None)).to_string()),
            area: Some(4.0),
            ..LabelRow::default()
        };
        let mut label = row();
        enrich(&mut label, &metadata, Some((3, 2))).unwrap();
        assert_eq!(
            (label.truncation, label.area, label.mask_rle.as_deref()),
            (Some(0.5), Some(2.0), Some("222"))
        );
        assert_eq!(
            label.attributes.as_deref(),
            Some(r#"{"class":"car","occlusion":0.25,"truncation":0.5,"velocity":[1.5,0,0],"visibility":"good"}"#)
        );
        // A mask of another size stays where it was, and is said.
        for size in [Some((3, 3)), None] {
            let mut label = row();
            assert!(enrich(&mut label, &metadata, size).is_err());
            assert_eq!((label.mask_rle, label.area), (None, Some(4.0)));
            assert!(label.attributes.unwrap().contains(r#""mask_rle":"222""#));
        }
    }

    #[test]
    fn numbers_that_overflow_give_no_row() {
        for shape in [
            AnnotationShape::Box([0.0, 0.0, 1e200, 1e200]),
            AnnotationShape::Polygon(vec![[0.0, 0.0], [1e200, 0.0], [0.0, 1e200]]),
        ] {
            let huge = Annotation {
                stamp: None,
                shape,
                class: None,
                track: None,
                score: None,
                metadata: Vec::new(),
            };
            assert!(annotation_row("r", "u", "/t", 0, &huge).is_none());
        }
        let far = Rigid::new([1e308, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]).unwrap();
        let mut tree = TransformTree::default();
        tree.insert("base_link", "mast", far);
        let cuboid = Cuboid {
            stamp: None,
            frame_id: "mast".to_owned(),
            center: far.t,
            size: [1.0; 3],
            rotation: far.q,
            class: None,
            track: None,
            score: None,
            metadata: Vec::new(),
        };
        let row = cuboid_row("r", "u", "/t", 0, &cuboid, &Sensors::default(), &tree);
        assert_eq!(row.err(), Some(NoCuboid::BadNumbers));
    }
}
