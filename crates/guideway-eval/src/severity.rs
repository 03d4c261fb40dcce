//! How much a mistake matters to the car: how far away it is, when the car would be there, and whether it is in the car's way.
//!
//! All positions are in the ego frame (ISO 8855: x forward, y left, z up, m), so nothing here needs a map. A labelled cuboid says where an object is; of a box in an image, [`ground_point`]
//! says it where the ground is flat.
//!
//! ```
//! use guideway_eval::severity::{EgoMotion, Place, RiskParams};
//!
//! let params = RiskParams::default();
//! let straight_on = EgoMotion { speed_mps: 10.0, yaw_rate: 0.0 };
//! // Someone stands in the way, 15 m ahead: the car is there in a second and a half.
//! let ahead = Place { position: [15.0, 0.0], half_width_m: 0.3, closing_mps: Some(10.0) };
//! let risk = params.risk(&ahead, Some(straight_on));
//! assert!(risk.in_path);
//! assert_eq!(risk.ttc_s, Some(1.5));
//! assert_eq!(params.relevance(Some(&risk)), 1.0);
//! // Who walks 60 m away on the pavement matters little.
//! let aside = Place { position: [60.0, 8.0], half_width_m: 0.3, closing_mps: Some(10.0) };
//! assert!(params.relevance(Some(&params.risk(&aside, Some(straight_on)))) < 0.2);
//! ```

use guideway_core::{Camera, DVec3, Se3};
use serde::{Deserialize, Serialize};

/// How the ego moves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EgoMotion {
    /// Speed, m/s.
    pub speed_mps: f64,
    /// Yaw rate, rad/s, positive to the left.
    pub yaw_rate: f64,
}

/// Where something is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Centre in the ego frame: x forward, y left, m.
    pub position: [f64; 2],
    /// Half of its width, m; 0 where unknown.
    pub half_width_m: f64,
    /// How fast the distance shrinks, m/s; `None` where unknown.
    pub closing_mps: Option<f64>,
}

impl Place {
    /// Distance over ground, m.
    pub fn distance_m(&self) -> f64 {
        self.position[0].hypot(self.position[1])
    }
}

/// What the place of a mistake means to the car.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Risk {
    /// Distance over ground, m.
    pub distance_m: f64,
    /// Time to collision, s: distance by closing speed; `None` where it does not come nearer, or nobody knows.
    pub ttc_s: Option<f64>,
    /// Is it where the ego will pass?
    pub in_path: bool,
}

/// What is near, soon and in the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskParams {
    /// Half of the width of the way that the ego needs, m.
    pub half_path_m: f64,
    /// Up to this distance an object is as near as can be, m.
    pub near_m: f64,
    /// From this distance on its nearness counts nothing, m.
    pub far_m: f64,
    /// Up to this time to collision it is as urgent as can be, s.
    pub urgent_s: f64,
    /// From this time to collision on its urgency counts nothing, s.
    pub calm_s: f64,
    /// The least that a mistake can matter, 0 to 1.
    pub least: f64,
    /// How much one matters of which nobody knows where it is, 0 to 1.
    pub unknown: f64,
}

impl Default for RiskParams {
    fn default() -> Self {
        Self {
            half_path_m: 1.25,
            near_m: 10.0,
            far_m: 80.0,
            urgent_s: 1.5,
            calm_s: 6.0,
            least: 0.1,
            unknown: 0.5,
        }
    }
}

/// Slower than this a yaw rate says nothing about where the ego goes, m/s.
const STANDING_MPS: f64 = 1.0;
/// A distance that shrinks more slowly than this does not shrink, m/s.
const CLOSING_MPS: f64 = 0.1;

impl RiskParams {
    /// Distance, time to collision, and whether it is in the way: within [`RiskParams::half_path_m`] and its own half width of the circle on which the ego drives at
    /// its present yaw rate, ahead of it. Without motion the way is straight on.
    pub fn risk(&self, place: &Place, motion: Option<EgoMotion>) -> Risk {
        let [x, y] = place.position;
        let curvature = motion
            .filter(|motion| motion.speed_mps > STANDING_MPS)
            .map_or(0.0, |motion| motion.yaw_rate / motion.speed_mps);
        let aside = if curvature.abs() < 1e-6 {
            y.abs()
        } else {
            let radius = 1.0 / curvature;
            (x.hypot(y - radius) - radius.abs()).abs()
        };
        let distance_m = place.distance_m();
        Risk {
            distance_m,
            ttc_s: place
                .closing_mps
                .filter(|closing| *closing > CLOSING_MPS)
                .map(|closing| distance_m / closing),
            in_path: x > 0.0 && aside <= self.half_path_m + place.half_width_m,
        }
    }

    /// How much a mistake there matters, from [`RiskParams::least`] to 1: in the way, the greater of nearness (1 up to `near_m`, falling to 0 at `far_m`) and urgency (1 up to
    /// `urgent_s`, falling to 0 at `calm_s`); aside, half of the nearness. [`RiskParams::unknown`] where nothing is known.
    pub fn relevance(&self, risk: Option<&Risk>) -> f64 {
        let Some(risk) = risk else {
            return self.unknown;
        };
        let falling = |value: f64, from: f64, to: f64| ((to - value) / (to - from)).clamp(0.0, 1.0);
        let near = falling(risk.distance_m, self.near_m, self.far_m);
        let urgent = risk.ttc_s.map_or(0.0, |ttc| falling(ttc, self.urgent_s, self.calm_s));
        let matters = if risk.in_path { near.max(urgent) } else { near / 2.0 };
        matters.max(self.least)
    }
}

/// The point of a flat ground, `ground_z_m` above the ego's origin, that a pixel shows; `None` where it shows the sky, or ground further than `limit_m` away.
///
/// The lower edge of an object's box is where it stands, if nothing hides its feet.
pub fn ground_point(
    camera: &Camera,
    ego_from_camera: Se3,
    pixel: [f64; 2],
    ground_z_m: f64,
    limit_m: f64,
) -> Option<DVec3> {
    let ray = ego_from_camera.transform_vector(camera.unproject(pixel)?);
    let from = ego_from_camera.translation();
    let above = from.z - ground_z_m;
    if ray.z >= 0.0 || above <= 0.0 {
        return None;
    }
    let point = from + ray * (-above / ray.z);
    (point.x.hypot(point.y) <= limit_m).then_some(point)
}

/// Poses nearer to each other than this say how the ego shakes, not where it goes, ns.
const STRIDE_NS: i64 = 500_000_000;
/// Poses further apart than this say nothing about what lies between them, ns.
const GAP_NS: i64 = 5_000_000_000;

/// The way of the ego through a recording.
#[derive(Debug, Clone, Default)]
pub struct EgoPath {
    stamps: Vec<i64>,
    poses: Vec<Se3>,
    /// Way from the first pose to each, m.
    travelled: Vec<f64>,
}

impl EgoPath {
    /// From `world_from_ego` poses in any order; of those with one stamp the first counts.
    pub fn new(mut poses: Vec<(i64, Se3)>) -> Self {
        poses.sort_by_key(|(stamp, _)| *stamp);
        poses.dedup_by_key(|(stamp, _)| *stamp);
        let mut path = Self::default();
        // A stride begins at the pose after which the way was last added to.
        let mut stride: Option<(i64, DVec3)> = None;
        let mut way = 0.0;
        for (stamp, pose) in poses {
            let here = pose.translation();
            match stride {
                Some((since, _)) if stamp - since < STRIDE_NS => {}
                Some((since, from)) => {
                    if stamp - since <= GAP_NS {
                        way += from.distance(here);
                    }
                    stride = Some((stamp, here));
                }
                None => stride = Some((stamp, here)),
            }
            path.stamps.push(stamp);
            path.poses.push(pose);
            path.travelled.push(way);
        }
        path
    }

    /// Are there no poses?
    pub fn is_empty(&self) -> bool {
        self.stamps.is_empty()
    }

    /// `world_from_ego` at a time, interpolated; `None` outside the way and in its gaps.
    pub fn at(&self, stamp_ns: i64) -> Option<Se3> {
        let next = self.stamps.partition_point(|stamp| *stamp < stamp_ns);
        if self.stamps.get(next) == Some(&stamp_ns) {
            return self.poses.get(next).copied();
        }
        let last = next.checked_sub(1)?;
        let (from, to) = (self.stamps[last], *self.stamps.get(next)?);
        if to - from > GAP_NS {
            return None;
        }
        let part = (stamp_ns - from) as f64 / (to - from) as f64;
        Some(self.poses[last].interpolate(self.poses[next], part))
    }

    /// How the ego moves at a time: the mean over half a second around it; `None` where the way does not say.
    pub fn motion(&self, stamp_ns: i64) -> Option<EgoMotion> {
        let (Some(&first), Some(&last)) = (self.stamps.first(), self.stamps.last()) else {
            return None;
        };
        let from = stamp_ns.saturating_sub(STRIDE_NS / 2).max(first);
        let to = stamp_ns.saturating_add(STRIDE_NS / 2).min(last);
        if to <= from {
            return None;
        }
        let seconds = (to - from) as f64 / 1e9;
        let (a, b) = (self.at(from)?, self.at(to)?);
        Some(EgoMotion {
            speed_mps: a.translation().distance(b.translation()) / seconds,
            yaw_rate: (a.inverse() * b).yaw() / seconds,
        })
    }

    /// Metres driven between two times, summed over strides of half a second; the way counts from its first pose to its last.
    pub fn travelled_m(&self, from_ns: i64, to_ns: i64) -> f64 {
        (self.way(to_ns) - self.way(from_ns)).max(0.0)
    }

    fn way(&self, stamp_ns: i64) -> f64 {
        let next = self.stamps.partition_point(|stamp| *stamp < stamp_ns);
        let at = |index: usize| self.travelled.get(index).copied();
        let (Some(last), Some(after)) = (next.checked_sub(1), at(next)) else {
            // before the first, or after the last
            return at(next.min(self.travelled.len().saturating_sub(1))).unwrap_or(0.0);
        };
        let (from, to) = (self.stamps[last], self.stamps[next]);
        let part = (stamp_ns - from) as f64 / (to - from) as f64;
        self.travelled[last] + (after - self.travelled[last]) * part
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
mod tests {
    use std::f64::consts::FRAC_PI_2;

    use super::*;

    fn place(x: f64, y: f64) -> Place {
        Place {
            position: [x, y],
            half_width_m: 0.5,
            closing_mps: None,
        }
    }

    #[test]
    fn the_way_bends_with_the_yaw_rate() {
        let params = RiskParams::default();
        // 10 m/s at 0.5 rad/s: a circle of 20 m to the left. A quarter of it on, the ego is at (20, 20).
        let left = Some(EgoMotion {
            speed_mps: 10.0,
            yaw_rate: 0.5,
        });
        assert!(params.risk(&place(20.0, 20.0), left).in_path);
        assert!(!params.risk(&place(20.0, 0.0), left).in_path);
        assert!(!params.risk(&place(20.0, -20.0), left).in_path);
        let right = left.map(|motion| EgoMotion {
            yaw_rate: -0.5,
            ..motion
        });
        assert!(params.risk(&place(20.0, -20.0), right).in_path);
        // Straight on without motion, and never behind.
        assert!(params.risk(&place(20.0, 1.7), None).in_path);
        assert!(!params.risk(&place(20.0, 1.8), None).in_path);
        assert!(!params.risk(&place(-20.0, 0.0), None).in_path);
    }

    #[test]
    fn what_is_nearer_or_sooner_matters_more() {
        let params = RiskParams::default();
        let risk = |distance_m, ttc_s, in_path| {
            params.relevance(Some(&Risk {
                distance_m,
                ttc_s,
                in_path,
            }))
        };
        assert_eq!(risk(5.0, None, true), 1.0);
        assert_eq!(risk(45.0, None, true), 0.5);
        assert_eq!(risk(45.0, Some(1.0), true), 1.0);
        assert_eq!(risk(45.0, Some(1.0), false), 0.25);
        assert_eq!(risk(200.0, Some(20.0), true), 0.1);
        assert_eq!(params.relevance(None), 0.5);
        // what goes away never collides
        let going = Place {
            closing_mps: Some(-3.0),
            ..place(10.0, 0.0)
        };
        assert_eq!(params.risk(&going, None).ttc_s, None);
    }

    /// 10 m/s for 10 s, with poses every 10 ms that shake by a centimetre.
    fn shaking() -> EgoPath {
        EgoPath::new(
            (0..=1000_i32)
                .map(|step| {
                    let shake = if step % 2 == 0 { 0.01 } else { -0.01 };
                    let at = DVec3::new(f64::from(step) / 10.0, shake, 0.0);
                    (i64::from(step) * 10_000_000, Se3::from_yaw(0.0, at).unwrap())
                })
                .collect(),
        )
    }

    #[test]
    fn a_shaking_pose_drives_no_further() {
        let path = shaking();
        assert!((path.travelled_m(0, 10_000_000_000) - 100.0).abs() < 0.1);
        assert!((path.travelled_m(2_000_000_000, 4_000_000_000) - 20.0).abs() < 0.1);
        assert!((path.travelled_m(-5, i64::MAX) - 100.0).abs() < 0.1);
        let motion = path.motion(5_000_000_000).unwrap();
        assert!((motion.speed_mps - 10.0).abs() < 0.1 && motion.yaw_rate.abs() < 1e-9);
        assert!(EgoPath::default().motion(0).is_none());
        assert_eq!(EgoPath::default().travelled_m(0, 10), 0.0);
    }

    #[test]
    fn gaps_are_not_driven() {
        let at = |seconds: i64, x: f64| {
            (
                seconds * 1_000_000_000,
                Se3::from_yaw(0.0, DVec3::new(x, 0.0, 0.0)).unwrap(),
            )
        };
        let path = EgoPath::new(vec![at(21, 1010.0), at(0, 0.0), at(1, 10.0), at(20, 1000.0)]);
        assert!((path.travelled_m(0, 30_000_000_000) - 20.0).abs() < 1e-9);
        assert!(path.at(10_000_000_000).is_none());
        assert!((path.at(500_000_000).unwrap().translation().x - 5.0).abs() < 1e-9);
        assert!(path.at(22_000_000_000).is_none());
    }

    #[test]
    fn turning_shows_as_yaw_rate() {
        let path = EgoPath::new(
            (0..=10_i32)
                .map(|step| {
                    let yaw = FRAC_PI_2 * f64::from(step) / 10.0;
                    (i64::from(step) * 100_000_000, Se3::from_yaw(yaw, DVec3::ZERO).unwrap())
                })
                .collect(),
        );
        let motion = path.motion(500_000_000).unwrap();
        assert!((motion.yaw_rate - FRAC_PI_2).abs() < 1e-9, "{motion:?}");
    }

    #[test]
    fn the_lower_edge_stands_on_the_ground() {
        use guideway_core::{CameraModel, Intrinsics};
        let intrinsics = Intrinsics {
            fx: 500.0,
            fy: 500.0,
            cx: 320.0,
            cy: 240.0,
            width: 640,
            height: 480,
        };
        let camera = Camera::new(intrinsics, CameraModel::Pinhole).unwrap();
        // looks forward from 1.5 m above the ground: camera x is -y of the ego, camera y is -z, camera z is x
        let ego_from_camera =
            Se3::from_rotation_rows([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]], [1.0, 0.0, 1.5]).unwrap();
        // 20 m before the camera, 2 m to the left
        let pixel = [320.0 - 500.0 * 2.0 / 20.0, 240.0 + 500.0 * 1.5 / 20.0];
        let point = ground_point(&camera, ego_from_camera, pixel, 0.0, 200.0).unwrap();
        assert!((point - DVec3::new(21.0, 2.0, 0.0)).length() < 1e-9, "{point}");
        assert!(ground_point(&camera, ego_from_camera, pixel, 0.0, 15.0).is_none());
        assert!(ground_point(&camera, ego_from_camera, pixel, 1.6, 200.0).is_none());
        assert!(ground_point(&camera, ego_from_camera, [320.0, 100.0], 0.0, 200.0).is_none());
    }
}
