//! What must hold of labels, checked against the picture, the sweep and the scene that they were made from.
//!
//! The checks take other ways than the labels were made by, where there is one: pixels are counted row by row, corners are
//! projected one by one, points are moved back by their objects' motion.

use std::collections::BTreeMap;
use std::fmt;

use guideway_core::{BBox, CameraModel};

use super::camera::{FrameLabels, ObjectLabel};
use super::lidar::{LidarLabel, count_points};
use super::things::Thing;
use crate::material::Semantic;
use crate::render::{CameraFrame, ObjectId, Shot, Snapshot};
use crate::sensors::rig::LidarSpec;
use crate::sensors::{EgoMotion, LidarPoint};
use crate::state::WorldState;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Which rule: `mask`, `reprojection`, `depth`, ….
    pub rule: &'static str,
    /// The object, where the rule is about one.
    pub object: Option<ObjectId>,
    /// What was found and what should have been.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.object {
            Some(object) => write!(f, "{}: object {object}: {}", self.rule, self.detail),
            None => write!(f, "{}: {}", self.rule, self.detail),
        }
    }
}

/// Violations as they are found.
#[derive(Default)]
struct Log(Vec<Violation>);

impl Log {
    fn expect(&mut self, holds: bool, rule: &'static str, object: Option<ObjectId>, detail: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Violation {
                rule,
                object,
                detail: detail(),
            });
        }
    }
}

/// One object's pixels, counted row by row.
#[derive(Clone, Copy)]
struct Counted {
    area: u64,
    bounds: BBox,
    nearest: f32,
    farthest: f32,
    foreign: u64,
}

/// Checks the labels of a picture.
///
/// | rule | says |
/// |---|---|
/// | `labelled` | every object in the instance mask has one label, and every label an object in the scene |
/// | `mask` | mask, area and visible box are those of the pixels with the object's number |
/// | `semantic` | all these pixels have the class's value in the semantic mask |
/// | `depth` | they lie within the cuboid's range of depth |
/// | `reprojection` | the amodal box is the cuboid's, corner by corner, within half a pixel |
/// | `frames` | the cuboid in the world and that in the ego frame are one |
/// | `containment` | the visible box lies in the amodal box, within a pixel |
/// | `fractions` | visible ≤ inside ≤ total, and occlusion and truncation follow |
/// | `drivable` | the drivable mask has as many pixels as road and paint |
/// | `lanes` | lane lines lie in the image |
pub fn check_picture(
    snapshot: &Snapshot<'_>,
    shot: &Shot,
    frame: &CameraFrame,
    labels: &FrameLabels,
) -> Vec<Violation> {
    let mut log = Log::default();
    let counted = count_pixels(snapshot, frame);
    let by_id: BTreeMap<ObjectId, &ObjectLabel> = labels.objects.iter().map(|label| (label.id, label)).collect();
    log.expect(by_id.len() == labels.objects.len(), "labelled", None, || {
        format!("{} labels name {} objects", labels.objects.len(), by_id.len())
    });
    for (id, pixels) in &counted {
        log.expect(by_id.contains_key(id), "labelled", Some(*id), || {
            format!("{} pixels, but no label", pixels.area)
        });
    }
    for label in &labels.objects {
        check_object(&mut log, snapshot, shot, frame, label, counted.get(&label.id).copied());
    }
    let drivable = frame
        .semantic
        .iter()
        .filter(|s| **s == Semantic::Road as u8 || **s == Semantic::LaneMarking as u8)
        .count() as u64;
    log.expect(labels.drivable.area() == drivable, "drivable", None, || {
        format!("{} pixels, not {drivable}", labels.drivable.area())
    });
    let pixels = labels.lanes.iter().flat_map(|line| line.stretches.iter().flatten());
    let outside = pixels
        .filter(|[x, y]| !shot.camera.contains([f64::from(*x), f64::from(*y)]))
        .count();
    log.expect(outside == 0, "lanes", None, || {
        format!("{outside} points outside the image")
    });
    log.0
}

fn count_pixels(snapshot: &Snapshot<'_>, frame: &CameraFrame) -> BTreeMap<ObjectId, Counted> {
    let mut counted: BTreeMap<ObjectId, Counted> = BTreeMap::new();
    for (i, object) in frame.object.iter().enumerate() {
        if *object == 0 {
            continue;
        }
        let (x, y) = ((i % frame.width as usize) as f64, (i / frame.width as usize) as f64);
        let entry = counted.entry(*object).or_insert(Counted {
            area: 0,
            bounds: BBox::new(x, y, x, y),
            nearest: f32::INFINITY,
            farthest: 0.0,
            foreign: 0,
        });
        let b = entry.bounds;
        entry.area += 1;
        entry.bounds = BBox::new(
            b.x_min.min(x),
            b.y_min.min(y),
            b.x_max.max(x + 1.0),
            b.y_max.max(y + 1.0),
        );
        entry.nearest = entry.nearest.min(frame.depth[i]);
        entry.farthest = entry.farthest.max(frame.depth[i]);
        let own = Thing::find(snapshot, *object).map(|thing| thing.class().semantic() as u8);
        entry.foreign += u64::from(own != Some(frame.semantic[i]));
    }
    counted
}

fn check_object(
    log: &mut Log,
    snapshot: &Snapshot<'_>,
    shot: &Shot,
    frame: &CameraFrame,
    label: &ObjectLabel,
    counted: Option<Counted>,
) {
    let id = Some(label.id);
    let Some(thing) = Thing::find(snapshot, label.id) else {
        log.expect(false, "labelled", id, || "no such object in the scene".to_owned());
        return;
    };
    log.expect(
        thing.class() == label.class && thing.kind() == label.kind,
        "labelled",
        id,
        || {
            format!(
                "{:?} {} labelled as {:?} {}",
                thing.class(),
                thing.kind(),
                label.class,
                label.kind
            )
        },
    );
    let area = counted.map_or(0, |c| c.area);
    let bounds = counted.map_or_else(BBox::default, |c| c.bounds);
    let same_pixels = label.mask.height() == frame.height && label.mask.width() == frame.width && mask_is(frame, label);
    log.expect(
        same_pixels && label.mask.area() == area && u64::from(label.silhouette.visible) == area,
        "mask",
        id,
        || format!("mask of {} pixels, not the {area} of the picture", label.mask.area()),
    );
    log.expect(label.visible == bounds, "mask", id, || {
        format!("visible box {:?}, not {bounds:?}", label.visible)
    });
    let s = label.silhouette;
    log.expect(s.visible <= s.inside && s.inside <= s.total, "fractions", id, || {
        format!("visible {}, inside {}, total {}", s.visible, s.inside, s.total)
    });
    let fraction = |part: u32, whole: u32| 1.0 - f64::from(part) / f64::from(whole.max(1));
    log.expect(
        (label.occlusion - fraction(s.visible, s.inside)).abs() < 1e-9
            && (label.truncation - fraction(s.inside, s.total)).abs() < 1e-9,
        "fractions",
        id,
        || {
            format!(
                "occlusion {}, truncation {} with {s:?}",
                label.occlusion, label.truncation
            )
        },
    );
    check_boxes(log, snapshot, shot, label);
    let Some(counted) = counted else {
        return;
    };
    log.expect(counted.foreign == 0, "semantic", id, || {
        format!("{} of {area} pixels are not {:?}", counted.foreign, label.class)
    });
    let camera_from_ego = shot.ego_from_camera.inverse();
    let depths = label.cuboid_ego.corners().map(|c| (camera_from_ego * c).z);
    let near = depths.iter().fold(f64::INFINITY, |a, b| a.min(*b));
    let far = depths.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
    // Over the rows of a rolling shutter the object moves against the camera.
    let motion = EgoMotion::of(snapshot.state).velocity_of(label.cuboid_ego.center, 0.0) - thing.velocity();
    let slack = 0.03 + 0.001 * far.abs() + motion.length() * shot.rolling_shutter_s;
    log.expect(
        f64::from(counted.nearest) >= near - slack && f64::from(counted.farthest) <= far + slack,
        "depth",
        id,
        || {
            format!(
                "pixels {} to {} m deep, cuboid {near} to {far} m",
                counted.nearest, counted.farthest
            )
        },
    );
}

/// Is the mask, decoded, where the picture has the object?
fn mask_is(frame: &CameraFrame, label: &ObjectLabel) -> bool {
    let (w, h) = (frame.width as usize, frame.height as usize);
    let pixels = label.mask.decode();
    (0..w * h).all(|i| {
        let (x, y) = (i % w, i / w);
        (frame.object[i] == label.id) == (pixels[x * h + y] != 0)
    })
}

fn check_boxes(log: &mut Log, snapshot: &Snapshot<'_>, shot: &Shot, label: &ObjectLabel) {
    let id = Some(label.id);
    let numbers = label
        .velocity
        .iter()
        .chain([&label.yaw_rate, &label.distance_m, &label.dt_s]);
    log.expect(numbers.clone().all(|v| v.is_finite()), "frames", id, || {
        "a number is not finite".to_owned()
    });
    let world_from_ego = EgoMotion::of(snapshot.state).world_from_ego(label.dt_s);
    let apart = label
        .cuboid_ego
        .corners()
        .iter()
        .zip(label.cuboid_world.corners())
        .map(|(ego, world)| (world_from_ego * *ego - world).length())
        .fold(0.0, f64::max);
    log.expect(apart < 1e-6, "frames", id, || {
        format!("cuboids in world and ego frame are {apart} m apart")
    });
    let i = shot.camera.intrinsics();
    let (w, h) = (f64::from(i.width), f64::from(i.height));
    let camera_from_ego = shot.ego_from_camera.inverse();
    let corners = label.cuboid_ego.corners().map(|c| camera_from_ego * c);
    let is_in_front = corners.iter().all(|c| c.z > 0.1);
    if shot.camera.model() == CameraModel::Pinhole && is_in_front {
        let pixels = corners.map(|c| [i.fx * c.x / c.z + i.cx, i.fy * c.y / c.z + i.cy]);
        let bounds = pixels.iter().fold(
            BBox::new(f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY),
            |b, [x, y]| BBox::new(b.x_min.min(*x), b.y_min.min(*y), b.x_max.max(*x), b.y_max.max(*y)),
        );
        let clipped = bounds.clip(w, h);
        log.expect(
            gap(label.amodal, clipped) <= 0.5 && gap(label.amodal_unclipped, bounds) <= 0.5,
            "reprojection",
            id,
            || format!("amodal box {:?}, corners give {clipped:?}", label.amodal),
        );
    } else if let Some(projected) = label.cuboid_ego.project(&shot.camera, camera_from_ego) {
        log.expect(gap(label.amodal, projected) <= 0.5, "reprojection", id, || {
            format!("amodal box {:?}, the cuboid gives {projected:?}", label.amodal)
        });
    }
    if label.silhouette.visible == 0 {
        return;
    }
    let (a, v) = (label.amodal, label.visible);
    // Other rows of a rolling shutter see the object at another time than that of its centre.
    let slack = if shot.rolling_shutter_s > 0.0 {
        2.0 + 0.05 * a.width().max(a.height())
    } else {
        1.0
    };
    log.expect(
        v.x_min >= a.x_min - slack
            && v.y_min >= a.y_min - slack
            && v.x_max <= a.x_max + slack
            && v.y_max <= a.y_max + slack,
        "containment",
        id,
        || format!("visible box {v:?} is not in the amodal box {a:?}"),
    );
}

/// The largest distance between two boxes' edges, px.
fn gap(a: BBox, b: BBox) -> f64 {
    [
        a.x_min - b.x_min,
        a.y_min - b.y_min,
        a.x_max - b.x_max,
        a.y_max - b.y_max,
    ]
    .iter()
    .fold(0.0, |worst, d| d.abs().max(worst))
}

/// Checks the points and labels of a sweep.
///
/// | rule | says |
/// |---|---|
/// | `points` | rings, ranges, offsets and intensities are the lidar's; the compensated position is the raw one, moved |
/// | `counts` | every object with a point has one label, with the number of its points |
/// | `cuboid` | its points lie in its cuboid at the time at which each was measured |
pub fn check_sweep(
    snapshot: &Snapshot<'_>,
    spec: &LidarSpec,
    points: &[LidarPoint],
    labels: &[LidarLabel],
) -> Vec<Violation> {
    let mut log = Log::default();
    let rings = spec.vertical_angles();
    let motion = EgoMotion::of(snapshot.state);
    let ego_from_lidar = spec.common().ego_from_body;
    let stamp_from_world = (motion.world_from_ego(0.0) * ego_from_lidar).inverse();
    let noise = 6.0 * spec.range_noise_m + 1e-3;
    let mut bad = 0;
    let mut example = None;
    for point in points {
        let range = point.position.as_dvec3().length();
        let dt = f64::from(point.offset_ns) * 1e-9;
        let compensated = stamp_from_world * (motion.world_from_ego(dt) * (ego_from_lidar * point.position.as_dvec3()));
        let elevation = f64::from(point.position.z).atan2(f64::from(point.position.x.hypot(point.position.y)));
        let good = (spec.range_min_m - noise..=spec.range_max_m + noise).contains(&range)
            && dt.abs() <= 0.5 / spec.rate_hz
            && (0.0..=255.0).contains(&point.intensity)
            && rings
                .get(usize::from(point.ring))
                .is_some_and(|angle| (angle - elevation).abs() < 1e-4)
            && (compensated - point.compensated.as_dvec3()).length() < 1e-2;
        if !good {
            bad += 1;
            example.get_or_insert(*point);
        }
    }
    log.expect(bad == 0, "points", None, || {
        format!("{bad} points are not the lidar's: {example:?}")
    });
    let counts = count_points(points);
    for (id, count) in &counts {
        let found: Vec<&LidarLabel> = labels.iter().filter(|label| label.id == *id).collect();
        log.expect(
            matches!(found.as_slice(), [label] if label.num_points == *count),
            "counts",
            Some(*id),
            || {
                format!(
                    "{count} points, labels say {:?}",
                    found.iter().map(|l| l.num_points).collect::<Vec<_>>()
                )
            },
        );
    }
    for label in labels {
        log.expect(
            label.num_points == counts.get(&label.id).copied().unwrap_or(0),
            "counts",
            Some(label.id),
            || format!("label says {} points", label.num_points),
        );
        // The label's margin holds four standard deviations: 1 of 16,000 lies beyond.
        let stray = 1 + label.num_points / 1000;
        let allowed = if spec.range_noise_m > 0.0 { stray } else { 0 };
        log.expect(
            label.num_inside + allowed >= label.num_points,
            "cuboid",
            Some(label.id),
            || format!("{} of {} points lie in its cuboid", label.num_inside, label.num_points),
        );
    }
    log.0
}

/// Checks that lidar and camera, both at the snapshot's time, see the same objects at the same places: every point on an
/// object, moved to where the object is at the stamp, must fall on that object's pixels or be hidden from the camera. A
/// hundredth of them may miss: edges of pixels.
pub fn check_agreement(
    snapshot: &Snapshot<'_>,
    shot: &Shot,
    frame: &CameraFrame,
    spec: &LidarSpec,
    points: &[LidarPoint],
) -> Vec<Violation> {
    let motion = EgoMotion::of(snapshot.state);
    let ego_from_lidar = spec.common().ego_from_body;
    let camera_from_world = (motion.world_from_ego(0.0) * shot.ego_from_camera).inverse();
    let (mut checked, mut missed) = (0_u32, 0_u32);
    let mut example = None;
    for point in points.iter().filter(|p| p.object != 0) {
        let Some(thing) = Thing::find(snapshot, point.object) else {
            continue;
        };
        let dt = f64::from(point.offset_ns) * 1e-9;
        let world = motion.world_from_ego(dt) * (ego_from_lidar * point.position.as_dvec3());
        let (then, now) = (thing.cuboid(dt), thing.cuboid(0.0));
        let moved = now.center + now.rotation * (then.rotation.inverse() * (world - then.center));
        let p = camera_from_world * moved;
        let Some(pixel) = shot.camera.project(p).filter(|pixel| shot.camera.contains(*pixel)) else {
            continue;
        };
        let (x, y) = (pixel[0] as i64, pixel[1] as i64);
        let near = |dx: i64, dy: i64| {
            let (x, y) = (x + dx, y + dy);
            let inside = (0..i64::from(frame.width)).contains(&x) && (0..i64::from(frame.height)).contains(&y);
            inside.then(|| y as usize * frame.width as usize + x as usize)
        };
        let Some(index) = near(0, 0) else {
            continue;
        };
        if f64::from(frame.depth[index]) < p.z - 0.3 - 4.0 * spec.range_noise_m {
            continue;
        }
        checked += 1;
        let seen = (-1..=1)
            .flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)))
            .filter_map(|(dx, dy)| near(dx, dy))
            .any(|i| frame.object[i] == point.object);
        if !seen {
            missed += 1;
            example.get_or_insert((point.object, pixel));
        }
    }
    let mut log = Log::default();
    log.expect(missed <= 2 + checked / 100, "agreement", None, || {
        format!("{missed} of {checked} lidar points on objects miss them in the picture: {example:?}")
    });
    log.0
}

/// Checks two states of one drive: an actor's velocity is what it moved by, and its shape stays what it was.
///
/// Holds for states one step of the simulation apart; `tolerance_mps` is what positions in single precision and a step's
/// acceleration may add.
pub fn check_motion(before: &WorldState, after: &WorldState, tolerance_mps: f64) -> Vec<Violation> {
    let mut log = Log::default();
    let dt = after.time - before.time;
    if dt <= 0.0 {
        log.expect(false, "motion", None, || format!("{dt} s between the states"));
        return log.0;
    }
    let pairs = before.actors.iter().chain(&before.ego).filter_map(|a| {
        let later = after.actors.iter().chain(&after.ego).find(|b| b.id == a.id)?;
        Some((a, later))
    });
    for (a, b) in pairs {
        let moved = (b.position.as_dvec3() - a.position.as_dvec3()) / dt;
        let apart = (moved - b.velocity.as_dvec3()).length();
        log.expect(apart <= tolerance_mps, "motion", Some(b.id), || {
            format!("moved by {moved} m/s, velocity says {}", b.velocity)
        });
        log.expect(
            a.model.class == b.model.class && a.model.size == b.model.size,
            "motion",
            Some(b.id),
            || "its shape changed".to_owned(),
        );
    }
    log.0
}
