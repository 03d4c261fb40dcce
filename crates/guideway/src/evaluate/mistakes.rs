//! Mistakes over time: which events of single frames belong together, what they mean to the car, and how often they happen.

use std::collections::{BTreeMap, BTreeSet};

use guideway_core::{BBox, Cuboid, DVec3, IdBuilder};
use guideway_eval::events::EventKind;
use guideway_eval::mistakes::{Exposure, GroupParams, Mistake, Rate, Sighting, Spot, group};
use guideway_eval::severity::{Place, Risk, RiskParams, ground_point};
use guideway_schema::{EventRow, FrameRow, MetricRow, MistakeRow};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::case::{Case, FrameInfo, LabelInfo, Wrong};
use super::class_name;
use super::rules::Asked;
use super::scene::Scene;
use crate::dataset::ids;
use crate::error::Error;
use crate::workspace::Workspace;

/// Confidence of the rates' intervals.
const CONFIDENCE: f64 = 0.95;
/// Where distances are cut into slices, m.
pub(super) const RANGES_M: [f64; 4] = [0.0, 20.0, 40.0, 60.0];
/// From this distance on an object is far, m.
const FAR_M: f64 = 50.0;
/// From this level of occlusion on an object is largely hidden, as KITTI counts: 0 visible, 1 partly, 2 largely occluded.
const LARGELY_OCCLUDED: i64 = 2;
/// Shapes that so small a part of a class's labels have are rare.
const RARE_PART: f64 = 0.02;
/// With fewer labels of a class nobody knows what is usual.
const LEAST_SHAPES: usize = 200;
/// What leans so far is not upright, degrees.
const LEANING_DEG: f64 = 25.0;
/// A box on flat ground is not placed further away than this, m.
const GROUND_LIMIT_M: f64 = 150.0;
/// Frames whose attributes are asked for at a time.
pub(super) const ASK: usize = 4096;

/// How often something happens, with exact Poisson intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MistakeRate {
    /// `all`, `kind=…`, `class=…`, `range=…` (m) or `in_path=true`.
    pub slice: String,
    /// Number of mistakes.
    pub mistakes: u64,
    /// By the hour; none where no time was driven.
    pub per_hour: Option<f64>,
    /// Lower and upper end of that.
    pub per_hour_interval: Option<[f64; 2]>,
    /// By the kilometre; none where the way is not known.
    pub per_km: Option<f64>,
    /// Lower and upper end of that.
    pub per_km_interval: Option<[f64; 2]>,
}

/// What was driven, and what went wrong on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Driven {
    /// Hours that the evaluated frames cover: the times between frames at most a second apart.
    pub hours: f64,
    /// Kilometres in that time, where the poses of all recordings are known.
    pub km: Option<f64>,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Rates: of all, by kind, class and range.
    pub rates: Vec<MistakeRate>,
}

/// The mistakes over time of an evaluation.
pub(super) struct OverTime {
    pub(super) rows: Vec<MistakeRow>,
    pub(super) metrics: Vec<MetricRow>,
    pub(super) driven: Driven,
    /// How they were found.
    pub(super) params: Value,
}

/// The rows of one recording in a case.
#[derive(Default)]
pub(super) struct Drive {
    images: Vec<u32>,
    pub(super) labels: Vec<u32>,
    /// Labels in space.
    pub(super) solid_labels: Vec<u32>,
    pub(super) events: Vec<u32>,
}

impl Workspace {
    /// Joins the events of an evaluation to mistakes over time; `events` are the rows of `found`.
    pub(super) fn mistakes(
        &self,
        case: &Case,
        found: &[Wrong],
        events: &[EventRow],
        run_id: &str,
    ) -> Result<OverTime, Error> {
        let (params, risk) = (GroupParams::default(), RiskParams::default());
        let mut over_time = OverTime {
            rows: Vec::new(),
            metrics: Vec::new(),
            driven: Driven {
                hours: 0.0,
                km: None,
                confidence: CONFIDENCE,
                rates: Vec::new(),
            },
            params: json!({"group": params, "risk": risk}),
        };
        let usual = usual_shapes(case);
        let mut exposure = Exposure::default();
        for (recording_id, drive) in drives(case, found) {
            let scene = Scene::of(self, case, found, recording_id, &drive)?;
            let mut stamps: Vec<i64> = drive
                .images
                .iter()
                .filter(|image| case.space.asked(**image) != Asked::Nothing)
                .filter_map(|image| case.truth.frames[*image as usize].timestamp_ns)
                .collect();
            stamps.sort_unstable();
            exposure = exposure.plus(Exposure::driven(&stamps, params.gap_ns, Some(&scene.placement.path)));
            let finder = Finder {
                case,
                found,
                events,
                scene,
                risk: &risk,
                usual: &usual,
            };
            over_time.rows.extend(finder.rows(&drive, &params, run_id)?);
        }
        self.note_light(&mut over_time.rows)?;
        over_time.driven.hours = exposure.hours;
        over_time.driven.km = exposure.km;
        over_time.driven.rates = rates(&over_time.rows, exposure);
        over_time.metrics = metrics(&over_time.driven, run_id);
        Ok(over_time)
    }

    /// Mistakes whose worst frame is said to be taken by night, or against the sun, have that among their causes.
    fn note_light(&self, rows: &mut [MistakeRow]) -> Result<(), Error> {
        for part in rows.chunks_mut(ASK) {
            let frames: BTreeSet<&str> = part.iter().map(|row| row.frame_id.as_str()).collect();
            let told: Vec<FrameRow> = self.rows(&format!(
                "SELECT * FROM frames WHERE attributes IS NOT NULL AND frame_id IN ({})",
                ids(frames)
            ))?;
            let light: BTreeMap<String, &str> = told
                .into_iter()
                .filter_map(|frame| Some((frame.frame_id, bad_light(frame.attributes.as_deref()?)?)))
                .collect();
            for row in part.iter_mut() {
                if let Some(light) = light.get(&row.frame_id) {
                    row.cause = Some(match row.cause.take() {
                        Some(causes) => format!("{causes},{light}"),
                        None => (*light).to_owned(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// What each recording has of a case, by recording.
fn drives<'a>(case: &'a Case, found: &[Wrong]) -> BTreeMap<&'a str, Drive> {
    let mut drives: BTreeMap<&str, Drive> = BTreeMap::new();
    for (image, frame) in (0..).zip(&case.truth.frames) {
        drives.entry(&frame.recording_id).or_default().images.push(image);
    }
    let recording = |image: u32| case.truth.frames[image as usize].recording_id.as_str();
    for (row, image) in (0..).zip(&case.truth.arrays.image) {
        drives.entry(recording(*image)).or_default().labels.push(row);
    }
    for (row, frame) in (0..).zip(&case.space.truth.frame) {
        drives.entry(recording(*frame)).or_default().solid_labels.push(row);
    }
    for (row, wrong) in (0..).zip(found) {
        drives.entry(recording(wrong.event.image)).or_default().events.push(row);
    }
    drives
}

/// What a frame's attributes say of its light, where that is bad: `dark` or `glare`.
fn bad_light(attributes: &str) -> Option<&'static str> {
    let told: Value = serde_json::from_str(attributes).unwrap_or_default();
    if told["night"] == json!(true) || told["time_of_day"] == json!("night") || told["timeofday"] == json!("night") {
        return Some("dark");
    }
    (told["glare"] == json!(true)).then_some("glare")
}

/// Shapes of labelled boxes that are usual for each class: the middle part of the logarithms of width over height.
fn usual_shapes(case: &Case) -> BTreeMap<u32, [f64; 2]> {
    let arrays = &case.truth.arrays;
    let mut shapes: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for row in 0..arrays.len() {
        if let Some(shape) = shape(case, row) {
            shapes.entry(arrays.class[row]).or_default().push(shape);
        }
    }
    shapes.retain(|_, shapes| shapes.len() >= LEAST_SHAPES);
    shapes
        .into_iter()
        .filter_map(|(class, mut shapes)| {
            shapes.sort_by(f64::total_cmp);
            let tail = (shapes.len() as f64 * RARE_PART / 2.0) as usize;
            Some((class, [*shapes.get(tail)?, *shapes.get(shapes.len() - 1 - tail)?]))
        })
        .collect()
}

/// Logarithm of a label's width over its height; nothing for one of which only a part is in the image.
fn shape(case: &Case, row: usize) -> Option<f64> {
    let arrays = &case.truth.arrays;
    let [_, _, width, height] = arrays.boxes[row];
    let is_cut = arrays
        .truncation
        .as_ref()
        .is_some_and(|truncation| truncation[row] > 0.0);
    (width > 0.0 && height > 0.0 && !is_cut && !arrays.crowd[row]).then(|| (width / height).ln())
}

struct Finder<'a> {
    case: &'a Case,
    found: &'a [Wrong],
    events: &'a [EventRow],
    scene: Scene,
    risk: &'a RiskParams,
    /// Shapes of boxes by class.
    usual: &'a BTreeMap<u32, [f64; 2]>,
}

impl Finder<'_> {
    fn rows(&self, drive: &Drive, params: &GroupParams, run_id: &str) -> Result<Vec<MistakeRow>, Error> {
        let sensors: BTreeSet<&str> = drive
            .images
            .iter()
            .map(|image| self.frame(*image).sensor_id.as_str())
            .collect();
        let sensors: BTreeMap<&str, u32> = sensors.into_iter().zip(0..).collect();
        let mut tracks: BTreeMap<&str, u64> = BTreeMap::new();
        let (mut sightings, mut risks) = (Vec::new(), Vec::new());
        for row in &drive.events {
            let wrong = &self.found[*row as usize];
            let event = &wrong.event;
            let frame = self.frame(event.image);
            let risk = self.place(wrong).map(|place| {
                let motion = frame
                    .timestamp_ns
                    .and_then(|stamp| self.scene.placement.path.motion(stamp));
                self.risk.risk(&place, motion)
            });
            let severity = event.severity * self.risk.relevance(risk.as_ref());
            let class = match event.kind {
                EventKind::FalsePositive => event.detection_class,
                _ => event.label_class,
            };
            let next = tracks.len() as u64;
            let object = self
                .label(wrong)
                .and_then(|label| label.track_id.as_deref())
                .map(|track| *tracks.entry(track).or_insert(next));
            sightings.push(Sighting {
                // Nothing comes before or after an independent image: it is a recording of its own.
                recording: if frame.timestamp_ns.is_some() {
                    0
                } else {
                    event.image + 1
                },
                sensor: sensors.get(frame.sensor_id.as_str()).copied().unwrap_or(0),
                stamp_ns: frame.timestamp_ns.unwrap_or(0),
                kind: event.kind,
                class: class.unwrap_or(0),
                object,
                spot: self.spot(wrong),
                severity,
            });
            risks.push(risk);
        }
        Ok(group(&sightings, params)?
            .iter()
            .filter_map(|mistake| self.row(mistake, &sightings, &drive.events, &risks, run_id))
            .collect())
    }

    fn row(
        &self,
        mistake: &Mistake,
        sightings: &[Sighting],
        rows: &[u32],
        risks: &[Option<Risk>],
        run_id: &str,
    ) -> Option<MistakeRow> {
        let at = || mistake.sightings.iter().map(|at| *at as usize);
        let worst = at().reduce(|worst, at| {
            if sightings[at].severity > sightings[worst].severity {
                at
            } else {
                worst
            }
        })?;
        let event_of = |at: usize| &self.events[rows[at] as usize];
        let (first, worst_event) = (event_of(at().next()?), event_of(worst));
        let last = event_of(at().next_back()?);
        let known: Vec<Risk> = at().filter_map(|at| risks[at]).collect();
        let least = |values: Vec<f64>| values.into_iter().reduce(f64::min);
        let distance_m = least(known.iter().map(|risk| risk.distance_m).collect());
        let frames: BTreeSet<&str> = at().map(|at| event_of(at).frame_id.as_str()).collect();
        let is_false_alarm = mistake.kind == EventKind::FalsePositive;
        let label = at().find_map(|at| self.label(&self.found[rows[at] as usize]));
        Some(MistakeRow {
            mistake_id: IdBuilder::new("mistake").text(run_id).text(&first.event_id).finish(),
            run_id: run_id.to_owned(),
            kind: mistake.kind.name().to_owned(),
            recording_id: first.recording_id.clone(),
            start_ns: first.start_ns,
            end_ns: last.end_ns,
            frames: frames.len() as i64,
            frame_id: worst_event.frame_id.clone(),
            class: (!is_false_alarm).then(|| class_name(mistake.class, &self.case.truth.classes)),
            predicted_class: worst_event.predicted_class.clone(),
            track_id: label
                .filter(|_| !is_false_alarm)
                .and_then(|label| label.track_id.clone()),
            severity: mistake.severity,
            distance_m,
            ttc_s: least(known.iter().filter_map(|risk| risk.ttc_s).collect()),
            in_path: (!known.is_empty()).then(|| known.iter().any(|risk| risk.in_path)),
            cause: self.causes(mistake, rows, &known),
            event_ids: at().map(|at| event_of(at).event_id.clone()).collect(),
        })
    }

    /// What holds in at least half of the frames.
    fn causes(&self, mistake: &Mistake, rows: &[u32], known: &[Risk]) -> Option<String> {
        let half = mistake.sightings.len().div_ceil(2);
        let events: Vec<&Wrong> = mistake
            .sightings
            .iter()
            .map(|at| &self.found[rows[*at as usize] as usize])
            .collect();
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        for cause in events.iter().flat_map(|wrong| &wrong.event.causes) {
            *counts.entry(*cause).or_default() += 1;
        }
        let mut names: Vec<&str> = counts
            .into_iter()
            .filter(|(_, count)| *count >= half)
            .map(|(cause, _)| cause.name())
            .collect();
        if known.iter().filter(|risk| risk.distance_m >= FAR_M).count() >= half {
            names.push("far");
        }
        let is_hidden = |wrong: &&&Wrong| {
            self.label(wrong)
                .is_some_and(|label| label.occlusion.is_some_and(|level| level == LARGELY_OCCLUDED))
        };
        if events.iter().filter(is_hidden).count() >= half {
            names.push("occluded");
        }
        if events.iter().filter(|wrong| self.is_rare_pose(wrong)).count() >= half {
            names.push("rare_pose");
        }
        (!names.is_empty()).then(|| names.join(","))
    }

    /// Is the object seen as its class rarely is: lying, overturned, or in a box of a rare shape?
    fn is_rare_pose(&self, wrong: &Wrong) -> bool {
        let (Some(label), Some(row)) = (self.label(wrong), wrong.event.label) else {
            return false;
        };
        let cuboid = self.scene.cuboid_in_ego(label, self.frame(wrong.event.image));
        let leans = cuboid.is_some_and(|cuboid| {
            let up = cuboid.rotation * DVec3::Z;
            up.z < LEANING_DEG.to_radians().cos()
        });
        if wrong.in_space {
            return leans;
        }
        let row = row as usize;
        let usual = self.usual.get(&self.case.truth.arrays.class[row]);
        let odd = usual
            .zip(shape(self.case, row))
            .is_some_and(|([least, most], shape)| shape < *least || shape > *most);
        leans || odd
    }

    fn frame(&self, image: u32) -> &FrameInfo {
        &self.case.truth.frames[image as usize]
    }

    /// The label that a mistake is about: none for a false alarm.
    fn label(&self, wrong: &Wrong) -> Option<&LabelInfo> {
        let is_about = wrong.event.kind != EventKind::FalsePositive;
        self.case.label(wrong).filter(|_| is_about)
    }

    /// The label's box, or that of the false alarm.
    fn bbox(&self, wrong: &Wrong) -> BBox {
        let event = &wrong.event;
        let labelled = event.label.filter(|_| event.kind != EventKind::FalsePositive);
        let [x, y, width, height] = match (labelled, event.detection) {
            (Some(row), _) => self.case.truth.arrays.boxes[row as usize],
            (None, Some(row)) => self.case.detections.boxes[row as usize],
            (None, None) => [0.0; 4],
        };
        BBox::from_xywh(x, y, width, height)
    }

    /// The label's cuboid, or that of the false alarm, in the ego frame; and its velocity over ground along the ego's axes (m/s), where somebody says so.
    fn solid(&self, wrong: &Wrong) -> Option<(&Cuboid, Option<[f64; 2]>)> {
        let (event, space) = (&wrong.event, &self.case.space);
        let labelled = event.label.filter(|_| event.kind != EventKind::FalsePositive);
        match (labelled, event.detection) {
            _ if !wrong.in_space => None,
            (Some(row), _) => Some((space.truth.cuboid.get(row as usize)?, space.velocities[row as usize])),
            (None, Some(row)) => {
                let row = row as usize;
                Some((space.detections.cuboid.get(row)?, space.rows[row].velocity))
            }
            (None, None) => None,
        }
    }

    /// By what a mistake is known again in the next frame: its box, or where it stands in the world; about the ego where nobody knows how that moved.
    fn spot(&self, wrong: &Wrong) -> Spot {
        let Some((cuboid, velocity)) = self.solid(wrong) else {
            return Spot::InImage(self.bbox(wrong));
        };
        let pose = self
            .scene
            .placement
            .world_from_ego(self.frame(wrong.event.image).into());
        let [vx, vy] = velocity.unwrap_or_default();
        let (mut at, mut velocity) = (cuboid.center, DVec3::new(vx, vy, 0.0));
        if let Some(world_from_ego) = pose {
            at = world_from_ego.transform_point(at);
            velocity = world_from_ego.transform_vector(velocity);
        }
        Spot::OnGround {
            at: [at.x, at.y],
            velocity: [velocity.x, velocity.y],
        }
    }

    /// Where a mistake is: where the cuboid says, or where its box stands on flat ground.
    fn place(&self, wrong: &Wrong) -> Option<Place> {
        let frame = self.frame(wrong.event.image);
        let label = self.label(wrong);
        let tracked = label
            .and_then(|label| label.track_id.as_deref())
            .zip(frame.timestamp_ns)
            .and_then(|(track, stamp)| self.scene.tracked(track, stamp));
        let solid = self.solid(wrong);
        let cuboid = solid
            .map(|(cuboid, _)| *cuboid)
            .or_else(|| label.and_then(|label| self.scene.cuboid_in_ego(label, frame)));
        let (position, half_width_m) = match (cuboid, tracked) {
            (Some(cuboid), _) => (cuboid.center, cuboid.width / 2.0),
            (None, Some((seen, _))) => (seen.center, seen.width_m / 2.0),
            (None, None) => (self.on_the_ground(frame, self.bbox(wrong))?, 0.0),
        };
        let distance = position.x.hypot(position.y);
        // What nobody knows to move is taken to stand: it comes nearer as the ego drives towards it.
        let [vx, vy] = solid.and_then(|(_, velocity)| velocity).unwrap_or_default();
        let closing = || {
            let motion = self.scene.placement.path.motion(frame.timestamp_ns?)?;
            (distance > 0.0).then(|| ((motion.speed_mps - vx) * position.x - vy * position.y) / distance)
        };
        Some(Place {
            position: [position.x, position.y],
            half_width_m,
            closing_mps: tracked.and_then(|(_, closing)| closing).or_else(closing),
        })
    }

    fn on_the_ground(&self, frame: &FrameInfo, bbox: BBox) -> Option<DVec3> {
        let placement = &self.scene.placement;
        let foot = [f64::midpoint(bbox.x_min, bbox.x_max), bbox.y_max];
        ground_point(
            &placement.camera(&frame.sensor_id)?,
            placement.ego_from_sensor(&frame.sensor_id)?,
            foot,
            self.scene.ground_z_m,
            GROUND_LIMIT_M,
        )
    }
}

/// Rates of all mistakes, then by kind, by class, by range, and of those in the way.
fn rates(rows: &[MistakeRow], exposure: Exposure) -> Vec<MistakeRate> {
    let mut counts: BTreeMap<(u8, usize, String), u64> = BTreeMap::new();
    counts.insert((0, 0, "all".to_owned()), rows.len() as u64);
    for row in rows {
        let mut count = |level: u8, at: usize, slice: String| *counts.entry((level, at, slice)).or_default() += 1;
        count(1, 0, format!("kind={}", row.kind));
        if let Some(class) = row.class.as_ref().or(row.predicted_class.as_ref()) {
            count(2, 0, format!("class={class}"));
        }
        if let Some(distance) = row.distance_m {
            let above = RANGES_M.partition_point(|from| *from <= distance);
            let from = RANGES_M[above.saturating_sub(1)];
            let slice = match RANGES_M.get(above) {
                Some(to) => format!("range={from}-{to}"),
                None => format!("range={from}+"),
            };
            count(3, above, slice);
        }
        if row.in_path == Some(true) {
            count(4, 0, "in_path=true".to_owned());
        }
    }
    counts
        .into_iter()
        .map(|((.., slice), mistakes)| {
            let rate = Rate::of(mistakes, exposure, CONFIDENCE);
            MistakeRate {
                slice,
                mistakes,
                per_hour: rate.per_hour,
                per_hour_interval: rate.per_hour_interval.map(|ends| [ends.lower, ends.upper]),
                per_km: rate.per_km,
                per_km_interval: rate.per_km_interval.map(|ends| [ends.lower, ends.upper]),
            }
        })
        .collect()
}

/// The rates as rows of the table `metrics`.
fn metrics(driven: &Driven, run_id: &str) -> Vec<MetricRow> {
    let mut rows = Vec::new();
    for rate in &driven.rates {
        let mut push = |metric: &str, unit: &str, value: Option<f64>, interval: Option<[f64; 2]>| {
            rows.push(MetricRow {
                run_id: run_id.to_owned(),
                metric: metric.to_owned(),
                value,
                lower: interval.map(|[lower, _]| lower),
                upper: interval.map(|[_, upper]| upper),
                confidence: interval.map(|_| driven.confidence),
                slice: rate.slice.clone(),
                support: i64::try_from(rate.mistakes).ok(),
                unit: unit.to_owned(),
                higher_is_better: false,
            });
        };
        push("mistakes", "1", Some(rate.mistakes as f64), None);
        if rate.per_hour.is_some() {
            push("mistakes_per_hour", "1/h", rate.per_hour, rate.per_hour_interval);
        }
        if rate.per_km.is_some() {
            push("mistakes_per_km", "1/km", rate.per_km, rate.per_km_interval);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_light_is_told_in_several_ways() {
        assert_eq!(bad_light(r#"{"time_of_day": "day", "glare": true}"#), Some("glare"));
        for told in [
            r#"{"night": true}"#,
            r#"{"time_of_day": "night"}"#,
            r#"{"timeofday": "night", "weather": "rain"}"#,
        ] {
            assert_eq!(bad_light(told), Some("dark"), "{told}");
        }
        for told in [r#"{"night": false}"#, r#"{"time_of_day": "dusk"}"#, "[]", "no JSON"] {
            assert_eq!(bad_light(told), None, "{told}");
        }
    }

    #[test]
    fn rates_are_cut_by_kind_class_and_range() {
        let row = |kind: &str, class: &str, distance_m: Option<f64>| MistakeRow {
            kind: kind.to_owned(),
            class: Some(class.to_owned()),
            distance_m,
            in_path: distance_m.map(|d| d < 20.0),
            ..MistakeRow::default()
        };
        let rows = [
            row("miss", "car", Some(10.0)),
            row("miss", "car", Some(60.0)),
            row("false_positive", "bus", None),
        ];
        let exposure = Exposure {
            hours: 0.5,
            km: Some(30.0),
        };
        let found: Vec<(String, u64, Option<f64>)> = rates(&rows, exposure)
            .into_iter()
            .map(|rate| (rate.slice, rate.mistakes, rate.per_hour))
            .collect();
        let expected = [
            ("all", 3, 6.0),
            ("kind=false_positive", 1, 2.0),
            ("kind=miss", 2, 4.0),
            ("class=bus", 1, 2.0),
            ("class=car", 2, 4.0),
            ("range=0-20", 1, 2.0),
            ("range=60+", 1, 2.0),
            ("in_path=true", 1, 2.0),
        ];
        assert_eq!(
            found,
            expected.map(|(slice, n, rate)| (slice.to_owned(), n, Some(rate)))
        );
    }
}
