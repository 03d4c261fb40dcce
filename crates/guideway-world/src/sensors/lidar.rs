//! Sweeps of a spinning lidar, by ray casting.

use glam::{DMat3, DVec3, Vec3};
use guideway_core::Se3;
use rand::RngExt as _;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::air::Air;
use super::rig::LidarSpec;
use super::{EgoMotion, LidarPoint};
use crate::Seed;
use crate::material::Semantic;
use crate::render::{Hit, Ray, Renderer, Snapshot};

/// Packets in a turn, at the most. The columns of a packet are fired at one time, as the drivers of real devices report it,
/// and see the vehicle and the objects where they are at that time.
pub const PACKETS: u32 = 64;

/// A turn of a lidar, without what its place on the vehicle and the scene add.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Sine and cosine of each ring's angle over the horizon.
    rings: Vec<(f64, f64)>,
    /// Sine and cosine of each column's azimuth in the lidar's frame (from x towards y).
    columns: Vec<(f64, f64)>,
    /// Columns in a packet.
    packet: usize,
    /// Time of each packet after the sweep's stamp, ns.
    offsets_ns: Vec<i32>,
}

impl Pattern {
    /// Of this lidar.
    ///
    /// The turn begins and ends behind the lidar, runs clockwise seen from above, and is at its middle at the stamp.
    pub fn new(spec: &LidarSpec) -> Self {
        let count = spec.points_per_turn.max(1);
        let packet = count.div_ceil(PACKETS);
        let period_ns = 1e9 / spec.rate_hz.max(1e-3);
        let packets = count.div_ceil(packet);
        let turn = |column: f64| column / f64::from(count);
        Self {
            rings: spec.vertical_angles().iter().map(|a| a.sin_cos()).collect(),
            columns: (0..count)
                .map(|i| (std::f64::consts::PI * (1.0 - 2.0 * turn(f64::from(i) + 0.5))).sin_cos())
                .collect(),
            packet: packet as usize,
            offsets_ns: (0..packets)
                .map(|p| {
                    let middle = (f64::from(p) + 0.5) * f64::from(packet);
                    ((turn(middle.min(f64::from(count))) - 0.5) * period_ns).round() as i32
                })
                .collect(),
        }
    }

    /// Unit direction of a ray in the lidar's frame.
    fn direction(&self, column: usize, ring: usize) -> DVec3 {
        let ((sin_a, cos_a), (sin_v, cos_v)) = (self.columns[column], self.rings[ring]);
        DVec3::new(cos_v * cos_a, cos_v * sin_a, sin_v)
    }

    /// The columns of a packet.
    fn columns_of(&self, packet: usize) -> std::ops::Range<usize> {
        let begin = packet * self.packet;
        begin..(begin + self.packet).min(self.columns.len())
    }
}

/// One sweep around the snapshot's time, which is its stamp. Points are in firing order: packet by packet, column by column,
/// rings from the lowest.
///
/// The vehicle moves during the sweep at the constant velocity and rate of turn of its state, and so do the objects. `seed`
/// is this sweep's own. What a point is:
///
/// - its range is that of the surface with normal noise; nothing is measured outside `range_min_m` to `range_max_m`;
/// - an echo is lost with a probability that rises as reflectivity and the cosine of incidence fall and range grows: half of
///   them at `range_10_percent_m` for 10 % at right angles; water on the road takes most of its light away;
/// - rain, snow and fog weaken echoes and sometimes answer before the surface does (see [`Air`]); such points have object 0
///   and semantic [`Semantic::Sky`];
/// - intensity is reflectivity times cosine times attenuation: 0 to 100 for diffuse surfaces, up to 255 for retroreflectors,
///   which saturate and hardly depend on incidence.
pub fn sweep(renderer: &dyn Renderer, snapshot: &Snapshot<'_>, spec: &LidarSpec, seed: Seed) -> Vec<LidarPoint> {
    let pattern = Pattern::new(spec);
    let (rays, poses) = rays(&pattern, snapshot, spec);
    let mut hits = Vec::new();
    renderer.cast(snapshot, &rays, &mut hits);
    let air = Air::new(&snapshot.params.weather);
    let echoes = Echoes {
        spec,
        air,
        is_air_clear: air.is_clear(),
        wetness: snapshot.params.weather.wetness.clamp(0.0, 1.0),
    };
    let rings = pattern.rings.len();
    let per_packet = (pattern.packet * rings).max(1);
    let ego_from_lidar = spec.common().ego_from_body;
    let lidar_from_world = (EgoMotion::of(snapshot.state).world_from_ego(0.0) * ego_from_lidar).inverse();
    let packets: Vec<Vec<LidarPoint>> = hits
        .par_chunks(per_packet)
        .zip(rays.par_chunks(per_packet))
        .enumerate()
        .map(|(packet, (hits, rays))| {
            let mut rng = seed.index(packet as u64).rng();
            let stamp_from_point = lidar_from_world * poses[packet];
            // A matrix turns many points faster than a quaternion does.
            let (turn, shift) = (
                DMat3::from_quat(stamp_from_point.rotation()),
                stamp_from_point.translation(),
            );
            let first = packet * pattern.packet;
            let mut points = Vec::with_capacity(hits.len());
            for (i, (hit, ray)) in hits.iter().zip(rays).enumerate() {
                let Some(echo) = echoes.echo(&mut rng, hit, ray) else {
                    continue;
                };
                let ring = i % rings;
                let position = pattern.direction(first + i / rings, ring) * echo.range;
                points.push(LidarPoint {
                    position: position.as_vec3(),
                    compensated: (turn * position + shift).as_vec3(),
                    intensity: echo.intensity,
                    ring: ring as u16,
                    offset_ns: pattern.offsets_ns[packet],
                    object: echo.object,
                    semantic: echo.semantic,
                });
            }
            points
        })
        .collect();
    packets.concat()
}

/// The rays of a turn, and `world_from_lidar` for each packet.
fn rays(pattern: &Pattern, snapshot: &Snapshot<'_>, spec: &LidarSpec) -> (Vec<Ray>, Vec<Se3>) {
    let motion = EgoMotion::of(snapshot.state);
    let ego_from_lidar = spec.common().ego_from_body;
    let mut rays = Vec::with_capacity(pattern.columns.len() * pattern.rings.len());
    let mut poses = Vec::with_capacity(pattern.offsets_ns.len());
    for (packet, offset_ns) in pattern.offsets_ns.iter().enumerate() {
        let dt = f64::from(*offset_ns) * 1e-9;
        let world_from_lidar = motion.world_from_ego(dt) * ego_from_lidar;
        let origin = world_from_lidar.translation().as_vec3();
        let rotation = DMat3::from_quat(world_from_lidar.rotation());
        for column in pattern.columns_of(packet) {
            for ring in 0..pattern.rings.len() {
                let direction = rotation * pattern.direction(column, ring);
                rays.push(Ray {
                    origin,
                    direction: direction.as_vec3().normalize_or(Vec3::X),
                    dt: dt as f32,
                });
            }
        }
        poses.push(world_from_lidar);
    }
    (rays, poses)
}

struct Echo {
    range: f64,
    intensity: f32,
    object: u32,
    semantic: u8,
}

struct Echoes<'a> {
    spec: &'a LidarSpec,
    air: Air,
    is_air_clear: bool,
    wetness: f64,
}

impl Echoes<'_> {
    fn echo(&self, rng: &mut impl rand::Rng, hit: &Hit, ray: &Ray) -> Option<Echo> {
        let spec = self.spec;
        let distance = f64::from(hit.distance);
        let incidence = f64::from(hit.normal.dot(-ray.direction)).clamp(0.0, 1.0);
        let reflectivity = self.reflectivity(hit, incidence);
        let is_surface = distance >= spec.range_min_m && distance <= spec.range_max_m;
        let mut found = is_surface.then(|| {
            (
                distance,
                reflectivity * self.air.two_way(distance),
                hit.object,
                hit.semantic,
            )
        });
        if !self.is_air_clear {
            let limit = if distance.is_finite() {
                distance
            } else {
                spec.range_max_m
            };
            let answer = self.air.echo(rng, limit, spec.divergence_mrad * 1e-3);
            if let Some(answer) = answer.filter(|e| e.range >= spec.range_min_m) {
                let power = |range: f64, reflectivity: f64| reflectivity / (range * range).max(1e-6);
                let is_stronger =
                    found.is_none_or(|(range, r, ..)| power(answer.range, answer.reflectivity) > power(range, r));
                if is_stronger {
                    found = Some((answer.range, answer.reflectivity, 0, Semantic::Sky as u8));
                }
            }
        }
        let (range, effective, object, semantic) = found?;
        let snr = effective / 0.1 * (spec.range_10_percent_m / range.max(0.1)).powi(2);
        // A steep but smooth threshold: half at 1, 94 % at 2, 6 % at ½.
        let s2 = snr * snr;
        let detected = s2 * s2 / (1.0 + s2 * s2);
        if rng.random::<f64>() >= detected * (1.0 - spec.dropout) {
            return None;
        }
        let noise: f64 = rng.sample(StandardNormal);
        let intensity_noise: f64 = rng.sample(StandardNormal);
        let diffuse = 100.0 * effective.min(1.0);
        let retro = 155.0 * (1.0 - (-2.0 * (effective - 1.0).max(0.0)).exp());
        let intensity = diffuse + retro + spec.intensity_noise * intensity_noise;
        Some(Echo {
            range: (range + spec.range_noise_m * noise).max(0.01),
            intensity: intensity.clamp(0.0, 255.0) as f32,
            object,
            semantic,
        })
    }

    /// What a surface sends back, as a diffuse wall at right angles would.
    fn reflectivity(&self, hit: &Hit, incidence: f64) -> f64 {
        let material = f64::from(hit.lidar).max(0.0);
        // The part above 1 is a retroreflector's: it works up to steep angles.
        let (diffuse, retro) = (material.min(1.0), (material - 1.0).max(0.0));
        let is_ground = [
            Semantic::Road as u8,
            Semantic::LaneMarking as u8,
            Semantic::Sidewalk as u8,
            Semantic::Kerb as u8,
        ]
        .contains(&hit.semantic);
        let dry = if is_ground { 1.0 - 0.8 * self.wetness } else { 1.0 };
        diffuse * incidence * dry + retro * incidence.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_clockwise_and_looks_along_x_at_its_stamp() {
        for count in [8, 63, 64, 65, 1000, 1024] {
            let spec = LidarSpec {
                points_per_turn: count,
                ..LidarSpec::default()
            };
            let pattern = Pattern::new(&spec);
            assert_eq!(pattern.columns.len(), count as usize);
            assert!(pattern.offsets_ns.len() <= PACKETS as usize);
            assert!(pattern.offsets_ns.is_sorted());
            assert!(pattern.offsets_ns.iter().all(|o| o.abs() <= 50_000_000));
            let total: usize = (0..pattern.offsets_ns.len()).map(|p| pattern.columns_of(p).len()).sum();
            assert_eq!(total, count as usize);
            let first = pattern.direction(0, 0);
            assert!(first.x < 0.0 && first.y >= 0.0, "{first}");
            let quarter = pattern.direction(count as usize / 4, 0);
            assert!(quarter.y > 0.5, "{quarter}");
            assert!(pattern.direction(0, 31).z > pattern.direction(0, 0).z);
        }
    }
}
