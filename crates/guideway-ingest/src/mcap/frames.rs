//! Sensors: what is known of each while a log is read, and the rows that come of it.

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::{IdBuilder, SensorId};
use guideway_schema::SensorRow;
use serde_json::json;

use super::tf::{TransformTree, plain};
use crate::schemas::Calibration;
use crate::write::GROUND_TRUTH_PREFIX;

/// A sensor of the log: a topic that carries frames or measurements.
#[derive(Debug)]
pub(crate) struct Sensor {
    pub(crate) id: SensorId,
    pub(crate) topic: String,
    /// `camera`, `lidar`, `radar`, `imu`, `gnss`.
    pub(crate) modality: &'static str,
    /// Does it show what is true instead of what was seen? Labels never belong to such a sensor's frames.
    pub(crate) ground_truth: bool,
    pub(crate) frame_name: Option<String>,
    pub(crate) size: Option<(u32, u32)>,
    /// Number of frames so far.
    pub(crate) sequence: i64,
}

/// The sensors of a log, in the order in which they were met.
#[derive(Debug, Default)]
pub(crate) struct Sensors {
    pub(crate) all: Vec<Sensor>,
    by_name: BTreeMap<(String, &'static str), usize>,
    /// Topics of ground truth.
    truth: BTreeSet<String>,
    calibrations: BTreeMap<String, Calibration>,
}

fn parts(topic: &str) -> Vec<&str> {
    topic.split('/').filter(|part| !part.is_empty()).collect()
}

/// How many leading parts two topics share: `/cam/front/image` and `/cam/front/info` share two.
pub(crate) fn shared_parts(a: &str, b: &str) -> usize {
    parts(a).iter().zip(parts(b)).take_while(|(a, b)| **a == *b).count()
}

fn sensor_id(recording_id: &str, topic: &str, modality: &str) -> SensorId {
    IdBuilder::new("sensor")
        .text(recording_id)
        .text(topic)
        .text(modality)
        .finish()
}

impl Sensors {
    /// The sensor of a topic; two channels of one topic and modality are one sensor.
    pub(crate) fn of(&mut self, recording_id: &str, topic: &str, modality: &'static str) -> usize {
        let key = (topic.to_owned(), modality);
        if let Some(at) = self.by_name.get(&key) {
            return *at;
        }
        let at = self.all.len();
        self.all.push(Sensor {
            id: sensor_id(recording_id, topic, modality),
            topic: topic.to_owned(),
            modality,
            ground_truth: self.truth.contains(topic),
            frame_name: None,
            size: None,
            sequence: 0,
        });
        self.by_name.insert(key, at);
        at
    }

    /// Notes that a topic carries ground truth, before its sensor is made.
    pub(crate) fn tells_the_truth(&mut self, topic: &str) {
        self.truth.insert(topic.to_owned());
    }

    /// What was taken for a lidar by its schema turns out to be a radar with its first cloud.
    pub(crate) fn is_radar(&mut self, recording_id: &str, topic: &str) {
        let known = (topic.to_owned(), "radar");
        if self.by_name.contains_key(&known) {
            return;
        }
        let taken = (topic.to_owned(), "lidar");
        if let Some(at) = self.by_name.get(&taken).copied()
            && let Some(sensor) = self.all.get_mut(at)
            && sensor.sequence == 0
        {
            sensor.modality = "radar";
            sensor.id = sensor_id(recording_id, topic, "radar");
            self.by_name.remove(&taken);
            self.by_name.insert(known, at);
        }
    }

    /// The camera that ground truth at `/ground_truth/NAME/…` is about: the one whose coordinate frame or part of whose topic has
    /// this name, else the one beside `/NAME/…`.
    pub(crate) fn camera_of_truth(&self, topic: &str) -> Option<usize> {
        let Some(rest) = topic.strip_prefix(GROUND_TRUTH_PREFIX) else {
            return self.beside(topic, "camera");
        };
        let mut name = parts(rest);
        name.pop();
        let is_named = |sensor: &Sensor| {
            let frame = sensor.frame_name.as_deref().map(parts);
            !name.is_empty()
                && (frame.is_some_and(|frame| frame == name)
                    || parts(&sensor.topic).windows(name.len()).any(|part| part == name))
        };
        let mut cameras = self
            .all
            .iter()
            .enumerate()
            .filter(|(_, sensor)| sensor.modality == "camera" && !sensor.ground_truth && is_named(sensor));
        match (cameras.next(), cameras.next()) {
            (Some((at, _)), None) => Some(at),
            _ => self.beside(&format!("/{rest}"), "camera"),
        }
    }

    /// Notes a calibration; `false` when the topic had another one before, which is kept.
    pub(crate) fn calibrate(&mut self, topic: &str, calibration: Calibration) -> bool {
        if let Some(known) = self.calibrations.get(topic) {
            return *known == calibration;
        }
        self.calibrations.insert(topic.to_owned(), calibration);
        true
    }

    /// The one sensor of this modality that a topic beside it (annotations, calibration) belongs to: the one that shares most
    /// of its topic. Sensors that share as much are told apart only if they are in the same coordinate frame.
    pub(crate) fn beside(&self, topic: &str, modality: &str) -> Option<usize> {
        let mut best: Vec<usize> = Vec::new();
        let mut most = 0;
        for (at, sensor) in self
            .all
            .iter()
            .enumerate()
            .filter(|(_, sensor)| sensor.modality == modality && !sensor.ground_truth)
        {
            let shared = shared_parts(topic, &sensor.topic);
            if shared > most {
                best.clear();
                most = shared;
            }
            if shared == most {
                best.push(at);
            }
        }
        let first = *best.iter().min_by_key(|at| &self.all[**at].topic)?;
        let frame = &self.all[first].frame_name;
        let same = |at: &usize| *at == first || (frame.is_some() && self.all[*at].frame_name == *frame);
        best.iter().all(same).then_some(first)
    }

    /// The calibration of a camera: by the coordinate frame where exactly one names it, else by the topic.
    fn calibration_of(&self, sensor: &Sensor) -> Option<(&String, &Calibration)> {
        // Ground truth changes nothing of the sensors that saw.
        let apt = |topic: &String| self.truth.contains(topic) == sensor.ground_truth;
        if let Some(frame) = &sensor.frame_name {
            let mut named = self
                .calibrations
                .iter()
                .filter(|(topic, calibration)| apt(topic) && plain(&calibration.frame_id) == plain(frame));
            if let (Some(one), None) = (named.next(), named.next()) {
                return Some(one);
            }
        }
        let shared = |topic: &str| shared_parts(topic, &sensor.topic);
        let topics = || self.calibrations.iter().filter(move |(topic, _)| apt(topic));
        let most = topics().map(|(topic, _)| shared(topic)).max()?;
        let mut best = topics().filter(|(topic, _)| shared(topic) == most);
        let (one, another) = (best.next(), best.next());
        let alike = |other: &&Sensor| other.modality == "camera" && other.ground_truth == sensor.ground_truth;
        let cameras = self.all.iter().filter(alike).count();
        one.filter(|_| another.is_none() && (most > 0 || cameras == 1))
    }

    /// The rows, in the order of the topics.
    pub(crate) fn rows(&self, recording_id: &str, tree: &TransformTree) -> Vec<SensorRow> {
        let mut rows: Vec<SensorRow> = self
            .all
            .iter()
            .map(|sensor| self.row(sensor, recording_id, tree))
            .collect();
        rows.sort_by(|a, b| (&a.name, &a.modality).cmp(&(&b.name, &b.modality)));
        rows
    }

    fn row(&self, sensor: &Sensor, recording_id: &str, tree: &TransformTree) -> SensorRow {
        let mut row = SensorRow {
            sensor_id: sensor.id.as_str().to_owned(),
            recording_id: recording_id.to_owned(),
            name: sensor.topic.clone(),
            modality: sensor.modality.to_owned(),
            frame_name: sensor.frame_name.clone(),
            width: sensor.size.map(|(width, _)| i64::from(width)),
            height: sensor.size.map(|(_, height)| i64::from(height)),
            ..SensorRow::default()
        };
        if sensor.modality == "camera"
            && let Some((topic, calibration)) = self.calibration_of(sensor)
        {
            row.frame_name = row
                .frame_name
                .or_else(|| Some(calibration.frame_id.clone()).filter(|name| !name.is_empty()));
            row.width = row
                .width
                .or(Some(i64::from(calibration.width)).filter(|width| *width > 0));
            row.height = row
                .height
                .or(Some(i64::from(calibration.height)).filter(|height| *height > 0));
            row.metadata = Some(
                json!({
                    "calibration_topic": topic,
                    "calibration_width": calibration.width,
                    "calibration_height": calibration.height,
                    "distortion_model": calibration.distortion_model,
                    "K": calibration.k,
                    "R": calibration.r,
                    "P": calibration.p,
                })
                .to_string(),
            );
            // A focal length of 0 is how drivers say that the camera is not calibrated.
            let finite = calibration
                .k
                .iter()
                .chain(&calibration.d)
                .all(|value| value.is_finite());
            if let [fx, _, cx, _, fy, cy, ..] = calibration.k[..]
                && fx > 0.0
                && fy > 0.0
                && finite
            {
                row.camera_model = camera_model(calibration).map(str::to_owned);
                (row.fx, row.fy, row.cx, row.cy) = (Some(fx), Some(fy), Some(cx), Some(cy));
                if row.camera_model.as_deref() != Some("pinhole") {
                    row.distortion.clone_from(&calibration.d);
                }
            }
        }
        if let Some(frame) = &row.frame_name
            && let Some(ego_from_sensor) = tree.ego_from(frame)
        {
            row.ego_from_sensor = [&ego_from_sensor.t[..], &ego_from_sensor.q[..]].concat();
        }
        row
    }
}

/// The model in guideway's words; `None` for one that it does not know.
fn camera_model(calibration: &Calibration) -> Option<&'static str> {
    let straight = calibration.d.iter().all(|coefficient| *coefficient == 0.0);
    match calibration.distortion_model.as_str() {
        "kannala_brandt" | "equidistant" | "fisheye" if calibration.d.len() >= 4 => Some("kannala-brandt"),
        "" | "none" | "plumb_bob" | "rational_polynomial" | "pinhole" if straight => Some("pinhole"),
        "plumb_bob" | "rational_polynomial" | "" => Some("brown-conrady"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensors(topics: &[&str]) -> Sensors {
        let mut sensors = Sensors::default();
        for topic in topics {
            sensors.of("r", topic, "camera");
        }
        sensors
    }

    #[test]
    fn annotations_find_the_camera_beside_them() {
        let two = sensors(&["/CAM_FRONT/image", "/CAM_BACK/image"]);
        assert_eq!(two.beside("/CAM_BACK/annotations", "camera"), Some(1));
        assert_eq!(two.beside("/annotations", "camera"), None);
        let one = sensors(&["/camera"]);
        assert_eq!(one.beside("/annotations", "camera"), Some(0));
        let mut same = sensors(&["/cam/raw", "/cam/compressed"]);
        assert_eq!(same.beside("/cam/boxes", "camera"), None);
        for sensor in &mut same.all {
            sensor.frame_name = Some("cam".to_owned());
        }
        assert_eq!(same.beside("/cam/boxes", "camera"), Some(1));
    }

    #[test]
    fn ground_truth_finds_its_camera() {
        let mut all = sensors(&["/camera/front/image", "/camera/rear/image"]);
        assert_eq!(all.camera_of_truth("/ground_truth/camera/rear/annotations"), Some(1));
        assert_eq!(all.camera_of_truth("/ground_truth/rear/annotations"), Some(1));
        assert_eq!(all.camera_of_truth("/ground_truth/camera/annotations"), None);
        assert_eq!(all.camera_of_truth("/ground_truth/annotations"), None);
        assert_eq!(all.camera_of_truth("/camera/rear/truth"), Some(1));
        all.all[0].frame_name = Some("cam_f".to_owned());
        assert_eq!(all.camera_of_truth("/ground_truth/cam_f/annotations"), Some(0));
        all.tells_the_truth("/ground_truth/rear/depth");
        all.of("r", "/ground_truth/rear/depth", "camera");
        assert_eq!(all.camera_of_truth("/ground_truth/rear/annotations"), Some(1));
        let one = sensors(&["/image"]);
        assert_eq!(one.camera_of_truth("/ground_truth/main/annotations"), Some(0));
    }

    #[test]
    fn a_radar_is_no_lidar() {
        let mut all = Sensors::default();
        let at = all.of("r", "/radar", "lidar");
        all.is_radar("r", "/radar");
        assert_eq!((all.all[at].modality, all.of("r", "/radar", "radar")), ("radar", at));
        let mut other = Sensors::default();
        assert_eq!(other.of("r", "/radar", "radar"), 0);
        assert_eq!(other.all[0].id, all.all[at].id);
    }

    #[test]
    fn calibration_turns_into_a_model() {
        let mut all = sensors(&["/cam/image"]);
        let mut calibration = Calibration {
            width: 640,
            height: 480,
            distortion_model: "plumb_bob".to_owned(),
            d: vec![-0.1, 0.0, 0.0, 0.0, 0.0],
            k: vec![500.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0],
            ..Calibration::default()
        };
        assert!(all.calibrate("/cam/camera_info", calibration.clone()));
        calibration.k[0] = 501.0;
        assert!(!all.calibrate("/cam/camera_info", calibration));
        let row = &all.rows("r", &TransformTree::default())[0];
        assert_eq!(row.camera_model.as_deref(), Some("brown-conrady"));
        assert_eq!(
            (row.fx, row.fy, row.cx, row.cy),
            (Some(500.0), Some(510.0), Some(320.0), Some(240.0))
        );
        assert_eq!(row.width, Some(640));
    }
}
