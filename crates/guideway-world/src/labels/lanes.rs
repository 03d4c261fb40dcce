//! Lane lines in a picture.

use guideway_core::{DVec3, Se3};
use serde::Serialize;

use super::camera::row_time;
use crate::render::{CameraFrame, Shot, Snapshot};
use crate::road::{LaneId, LineKind, RoadNetwork};
use crate::sensors::EgoMotion;

/// Distance between the points that a line is followed by, m.
const STEP_M: f32 = 0.5;
/// Lines are followed to this distance from the camera, m.
const REACH_M: f64 = 80.0;
/// Two lanes' lines closer than this are one, m.
const SAME_M: f32 = 0.35;

/// The lines of a road network, each once, as points in the world.
#[derive(Debug, Clone, Default)]
pub struct LaneLines {
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    lane: LaneId,
    is_left: bool,
    kind: LineKind,
    points: Vec<DVec3>,
    center: DVec3,
    radius: f64,
}

/// A lane line in a picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LaneLineLabel {
    /// The lane whose edge it is.
    pub lane: u32,
    /// Its left edge, or its right.
    pub is_left: bool,
    /// `solid`, `broken`, `double_solid`, `solid_broken` or `broken_solid`, seen from the lane.
    pub kind: &'static str,
    /// Its visible stretches along the direction of travel, px. Broken lines go on over their gaps.
    pub stretches: Vec<Vec<[f32; 2]>>,
}

fn kind_word(kind: LineKind) -> Option<&'static str> {
    match kind {
        LineKind::None => None,
        LineKind::Solid => Some("solid"),
        LineKind::Broken => Some("broken"),
        LineKind::DoubleSolid => Some("double_solid"),
        LineKind::SolidBroken => Some("solid_broken"),
        LineKind::BrokenSolid => Some("broken_solid"),
    }
}

impl LaneLines {
    /// Of this network: lines that two lanes share are kept once, for the lane with the lower number.
    pub fn new(network: &RoadNetwork) -> Self {
        let mut lines: Vec<Line> = Vec::new();
        for lane in &network.lanes {
            for (is_left, kind) in [(true, lane.left_line), (false, lane.right_line)] {
                if kind == LineKind::None {
                    continue;
                }
                let count = (lane.center.length() / STEP_M).ceil().max(1.0) as u32;
                let points: Vec<DVec3> = (0..=count)
                    .map(|i| {
                        let s = lane.center.length() * i as f32 / count as f32;
                        let at = lane.center.at(s);
                        let half = width_at(&lane.width, lane.center.arc(), s) / 2.0;
                        let side = if is_left { half } else { -half };
                        (at.position + at.left() * side).as_dvec3()
                    })
                    .collect();
                let (low, high) = points
                    .iter()
                    .fold((points[0], points[0]), |(low, high), p| (low.min(*p), high.max(*p)));
                let line = Line {
                    lane: lane.id,
                    is_left,
                    kind,
                    center: (low + high) / 2.0,
                    radius: (high - low).length() / 2.0,
                    points,
                };
                if !lines.iter().any(|known| known.is_same(&line)) {
                    lines.push(line);
                }
            }
        }
        Self { lines }
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines' visible stretches. A point is visible where the picture's depth says that nothing stands before it.
    pub fn in_picture(&self, snapshot: &Snapshot<'_>, shot: &Shot, frame: &CameraFrame) -> Vec<LaneLineLabel> {
        let motion = EgoMotion::of(snapshot.state);
        let camera_from_ego = shot.ego_from_camera.inverse();
        let camera_from_world = |dt: f64| camera_from_ego * motion.world_from_ego(dt).inverse();
        let still = camera_from_world(0.0);
        let eye = still.inverse().translation();
        let mut found = Vec::new();
        for line in &self.lines {
            if (line.center - eye).length() > line.radius + REACH_M {
                continue;
            }
            let Some(kind) = kind_word(line.kind) else {
                continue;
            };
            let mut stretches: Vec<Vec<[f32; 2]>> = Vec::new();
            let mut was_visible = false;
            for point in &line.points {
                let pixel = visible(*point, still, &camera_from_world, shot, frame);
                if let Some(pixel) = pixel {
                    if !was_visible {
                        stretches.push(Vec::new());
                    }
                    if let Some(stretch) = stretches.last_mut() {
                        stretch.push(pixel);
                    }
                }
                was_visible = pixel.is_some();
            }
            stretches.retain(|stretch| stretch.len() >= 2);
            if !stretches.is_empty() {
                found.push(LaneLineLabel {
                    lane: line.lane.0,
                    is_left: line.is_left,
                    kind,
                    stretches,
                });
            }
        }
        found
    }
}

impl Line {
    /// Is the other line where this one is? Compares three of its points with this one's segments.
    fn is_same(&self, other: &Self) -> bool {
        if (self.center - other.center).length() > self.radius + other.radius {
            return false;
        }
        let last = other.points.len() - 1;
        [last / 4, last / 2, last * 3 / 4].iter().all(|i| {
            let p = other.points[*i];
            self.points
                .iter()
                .any(|q| (*q - p).length() < f64::from(SAME_M.max(STEP_M / 2.0 + 0.1)))
        })
    }
}

fn width_at(widths: &[f32], arc: &[f32], s: f32) -> f32 {
    let after = arc.partition_point(|a| *a < s);
    let (Some(high), Some(low)) = (
        widths.get(after).or(widths.last()),
        widths.get(after.saturating_sub(1)).or(widths.last()),
    ) else {
        return 0.0;
    };
    let (a, b) = (
        arc.get(after.saturating_sub(1)).copied().unwrap_or(0.0),
        arc.get(after).copied().unwrap_or(s),
    );
    if b - a > 1e-6 {
        low + (high - low) * ((s - a) / (b - a)).clamp(0.0, 1.0)
    } else {
        *high
    }
}

/// The pixel at which a point of the road is seen, if it is.
fn visible(
    point: DVec3,
    still: Se3,
    camera_from_world: &impl Fn(f64) -> Se3,
    shot: &Shot,
    frame: &CameraFrame,
) -> Option<[f32; 2]> {
    let p = still * point;
    if p.z < 0.3 || p.length() > REACH_M {
        return None;
    }
    let p = if shot.rolling_shutter_s > 0.0 {
        camera_from_world(row_time(shot, |dt| camera_from_world(dt) * point)) * point
    } else {
        p
    };
    let pixel = shot.camera.project(p).filter(|pixel| shot.camera.contains(*pixel))?;
    let index = pixel[1] as usize * frame.width as usize + pixel[0] as usize;
    let depth = f64::from(*frame.depth.get(index)?);
    // Seen at a grazing angle, the depth of a pixel of road varies by some metres far away.
    let slack = 0.15 + 0.004 * p.z * p.z;
    (depth > p.z - slack.min(0.08 * p.z + 0.15)).then_some([pixel[0] as f32, pixel[1] as f32])
}
