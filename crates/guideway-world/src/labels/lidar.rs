//! Cuboids with the lidar points that lie on them.

use std::collections::BTreeMap;

use guideway_core::{Cuboid, DVec3, Se3};
use serde::Serialize;

use super::things::Thing;
use crate::object::ObjectClass;
use crate::render::{ObjectId, Snapshot};
use crate::sensors::rig::LidarSpec;
use crate::sensors::{EgoMotion, LidarPoint};

/// A cuboid counts as holding a point that is at most this far outside it, m: rounding of single precision, with a margin.
pub const MARGIN_M: f64 = 0.02;

/// An object in a lidar sweep, at the sweep's stamp.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LidarLabel {
    /// Number in the points' ground truth; for actors the track id.
    pub id: ObjectId,
    /// Class.
    pub class: ObjectClass,
    /// What it is in its class.
    pub kind: String,
    /// Its cuboid in the ego frame.
    pub cuboid_ego: Cuboid,
    /// Its cuboid in the world.
    pub cuboid_world: Cuboid,
    /// Velocity in the world, m/s.
    pub velocity: [f64; 3],
    /// Rate of turn about the world's z, rad/s.
    pub yaw_rate: f64,
    /// Points that lie on it.
    pub num_points: u32,
    /// Those of them that lie in its cuboid, with the object where it was when each was measured; a margin of 2 cm and four
    /// standard deviations of the range noise is allowed. Without noise this is `num_points`.
    pub num_inside: u32,
    /// Points of other things in its cuboid (no margin): ground below it, a wall it leans on, rain.
    pub num_foreign: u32,
    /// Activity, colour, lamps, signal state, ….
    pub attributes: BTreeMap<String, String>,
}

/// Points on each object.
pub fn count_points(points: &[LidarPoint]) -> BTreeMap<ObjectId, u32> {
    let mut counts = BTreeMap::new();
    // Neighbouring points mostly lie on the same object.
    for run in points.chunk_by(|a, b| a.object == b.object) {
        let object = run[0].object;
        if object != 0 {
            *counts.entry(object).or_insert(0) += run.len() as u32;
        }
    }
    counts
}

/// The objects of a sweep: those with a point on them, and those within the lidar's range without one if
/// `with_empty`. By number.
pub fn label_sweep(
    snapshot: &Snapshot<'_>,
    spec: &LidarSpec,
    points: &[LidarPoint],
    with_empty: bool,
) -> Vec<LidarLabel> {
    let motion = EgoMotion::of(snapshot.state);
    let ego_from_lidar = spec.common().ego_from_body;
    let ego_from_world = motion.world_from_ego(0.0).inverse();
    let world_from_lidar = motion.world_from_ego(0.0) * ego_from_lidar;
    let counts = count_points(points);
    let cloud = Cloud::new(points, motion, ego_from_lidar);
    let mut labels: Vec<LidarLabel> = Thing::all(snapshot)
        .filter_map(|thing| {
            let num_points = counts.get(&thing.id()).copied().unwrap_or(0);
            let cuboid_world = thing.cuboid(0.0);
            let distance = (cuboid_world.center - world_from_lidar.translation()).length();
            if num_points == 0 && !(with_empty && distance <= spec.range_max_m) {
                return None;
            }
            let slack = MARGIN_M + 4.0 * spec.range_noise_m;
            let (num_inside, num_foreign) = cloud.inside(&thing, slack);
            Some(LidarLabel {
                id: thing.id(),
                class: thing.class(),
                kind: thing.kind().to_owned(),
                cuboid_ego: cuboid_world.transformed(ego_from_world),
                cuboid_world,
                velocity: thing.velocity().to_array(),
                yaw_rate: thing.yaw_rate(),
                num_points,
                num_inside,
                num_foreign,
                attributes: thing.attributes(),
            })
        })
        .collect();
    labels.sort_by_key(|label| label.id);
    labels
}

/// Points of a sweep in the world, packet by packet.
struct Cloud<'a> {
    packets: Vec<Packet<'a>>,
}

struct Packet<'a> {
    dt: f64,
    points: &'a [LidarPoint],
    world: Vec<DVec3>,
    low: DVec3,
    high: DVec3,
}

impl<'a> Cloud<'a> {
    fn new(points: &'a [LidarPoint], motion: EgoMotion<'_>, ego_from_lidar: Se3) -> Self {
        let packets = points
            .chunk_by(|a, b| a.offset_ns == b.offset_ns)
            .map(|points| {
                let dt = f64::from(points[0].offset_ns) * 1e-9;
                let world_from_lidar = motion.world_from_ego(dt) * ego_from_lidar;
                let world: Vec<DVec3> = points
                    .iter()
                    .map(|p| world_from_lidar * p.position.as_dvec3())
                    .collect();
                let (low, high) = world
                    .iter()
                    .fold((DVec3::INFINITY, DVec3::NEG_INFINITY), |(low, high), p| {
                        (low.min(*p), high.max(*p))
                    });
                Packet {
                    dt,
                    points,
                    world,
                    low,
                    high,
                }
            })
            .collect();
        Self { packets }
    }

    /// Own points in the object's cuboid grown by `slack`, and others' points in the cuboid itself.
    fn inside(&self, thing: &Thing<'_>, slack: f64) -> (u32, u32) {
        let id = thing.id();
        let (mut own, mut foreign) = (0, 0);
        for packet in &self.packets {
            let cuboid = thing.cuboid(packet.dt);
            let half = DVec3::new(cuboid.length, cuboid.width, cuboid.height) / 2.0;
            let radius = half.length() + slack;
            let nearest = cuboid.center.clamp(packet.low, packet.high);
            if (nearest - cuboid.center).length() > radius {
                continue;
            }
            let box_from_world = cuboid.rotation.inverse();
            for (point, world) in packet.points.iter().zip(&packet.world) {
                let offset = *world - cuboid.center;
                if offset.length_squared() > radius * radius {
                    continue;
                }
                let outside = ((box_from_world * offset).abs() - half).max_element();
                if point.object == id {
                    own += u32::from(outside <= slack);
                } else {
                    foreign += u32::from(outside < 0.0);
                }
            }
        }
        (own, foreign)
    }
}
