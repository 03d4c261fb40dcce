//! Detections of a radar: where echoes come from is found by ray casting, how strong they are by the radar equation.

use glam::{DVec3, Vec3};
use rand::RngExt as _;
use rand_distr::{Distribution as _, Exp1, Poisson, StandardNormal};

use super::rig::RadarSpec;
use super::{EgoMotion, world_from_body};
use crate::Seed;
use crate::material::Semantic;
use crate::object::ObjectClass;
use crate::render::{Hit, ObjectId, Ray, Renderer, Snapshot};
use crate::state::ActorState;

/// False alarm probability of the detector of one cell; sets how sharp the limit of detection is.
const CELL_FALSE_ALARM: f64 = 1e-5;

/// What made a detection. Ground truth: not part of what the device reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RadarSource {
    /// An actor, by its track id.
    Object(ObjectId),
    /// A wall, post or rail.
    Structure,
    /// The echo of an actor that went to and fro twice.
    Ghost(ObjectId),
    /// Noise.
    FalseAlarm,
}

/// One detection, in the radar's frame (x along its axis, y left).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadarDetection {
    /// Range, m.
    pub range_m: f64,
    /// Azimuth from x towards y, rad.
    pub azimuth_rad: f64,
    /// Rate of the range, m/s: negative when it comes nearer. The ego vehicle's own motion is in it.
    pub range_rate_mps: f64,
    /// Radar cross-section as the device estimates it, dBsm.
    pub rcs_dbsm: f64,
    /// Ratio of signal to noise, dB.
    pub snr_db: f64,
    /// What made it. Ground truth.
    pub source: RadarSource,
}

/// Mean radar cross-section, dBsm: seen from the end, and from the side.
///
/// Values at 76 to 81 GHz from the middle of what is published: K. Schuler, D. Becker, W. Wiesbeck, "Extraction of virtual
/// scattering centers of vehicles by ray-tracing simulations" (2008); M. Stephan and others, and Euro NCAP's target
/// specifications, for people and bicycles.
fn cross_section_dbsm(class: ObjectClass) -> (f64, f64) {
    match class {
        ObjectClass::Car => (10.0, 17.0),
        ObjectClass::Van => (13.0, 20.0),
        ObjectClass::Truck => (18.0, 27.0),
        ObjectClass::Bus => (19.0, 28.0),
        ObjectClass::Motorcycle => (2.0, 7.0),
        ObjectClass::Bicycle => (-4.0, 3.0),
        ObjectClass::Pedestrian => (-6.0, -7.0),
        ObjectClass::Animal => (-8.0, -4.0),
        ObjectClass::Debris => (-14.0, -14.0),
        ObjectClass::TrafficLight | ObjectClass::TrafficSign => (0.0, -10.0),
    }
}

/// The cross-section for a view at this angle from the object's axis, dBsm: broadside flashes fall off quickly.
fn aspect_dbsm(class: ObjectClass, aspect_rad: f64) -> f64 {
    let (end, side) = cross_section_dbsm(class);
    let (sin, cos) = aspect_rad.sin_cos();
    let corner = end.min(side) - 3.0;
    let broad = sin.abs().powi(16);
    let head = cos.abs().powi(8);
    corner + (side - corner) * broad + (end - corner) * head * (1.0 - broad)
}

/// How well a structure answers, dBsm, and whether it does at all.
fn structure_dbsm(semantic: u8) -> Option<f64> {
    [
        (Semantic::Building, 14.0),
        (Semantic::Barrier, 11.0),
        (Semantic::Pole, 6.0),
        (Semantic::TrafficLight, 4.0),
        (Semantic::TrafficSign, 6.0),
        (Semantic::Furniture, 2.0),
        (Semantic::Vegetation, -4.0),
        (Semantic::Kerb, -8.0),
    ]
    .into_iter()
    .find_map(|(known, dbsm)| (known as u8 == semantic).then_some(dbsm))
}

/// A scatterer before noise.
struct Target {
    range: f64,
    azimuth: f64,
    rate: f64,
    dbsm: f64,
    source: RadarSource,
}

/// Detections at the snapshot's time, by range. `seed` is this measurement's own.
///
/// Rays go to points spread over each actor's cuboid, and where nothing stands before it, what they hit there echoes: its
/// range and range rate (with the ego vehicle's motion and turning) are those of the hit. Cross-sections depend on class and
/// aspect, fluctuate from measurement to measurement (Swerling 1), and give the probability of detection
/// `P_fa^(1 / (1 + snr))` (M. I. Skolnik, "Introduction to Radar Systems", 3rd ed., 2.8) with an SNR that falls with the
/// fourth power of the range. What falls into one cell is one detection.
pub fn detections(
    renderer: &dyn Renderer,
    snapshot: &Snapshot<'_>,
    spec: &RadarSpec,
    seed: Seed,
) -> Vec<RadarDetection> {
    let view = View::new(snapshot, spec);
    let mut targets = view.actors(renderer, snapshot);
    targets.extend(view.structures(renderer, snapshot, seed.child("clutter")));
    let mut rng = seed.child("echoes").rng();
    let mut found: Vec<RadarDetection> = Vec::new();
    let cells = |range: f64, azimuth: f64| {
        (
            (range / spec.range_cell_m).floor() as i64,
            (azimuth.to_degrees() / spec.azimuth_cell_deg).floor() as i64,
        )
    };
    // The strongest of a cell answers for it.
    targets.sort_by(|a, b| {
        let (ca, cb) = (cells(a.range, a.azimuth), cells(b.range, b.azimuth));
        ca.cmp(&cb).then(b.dbsm.total_cmp(&a.dbsm))
    });
    targets.dedup_by_key(|t| cells(t.range, t.azimuth));
    let mut ghosts = Vec::new();
    for target in &targets {
        if let Some(detection) = view.detect(&mut rng, target) {
            let is_ghostly = rng.random::<f64>() < spec.ghosts;
            if let RadarSource::Object(id) = target.source
                && is_ghostly
                && detection.snr_db > 20.0
                && 2.0 * target.range < spec.range_max_m
            {
                ghosts.push(RadarDetection {
                    range_m: 2.0 * detection.range_m,
                    range_rate_mps: 2.0 * detection.range_rate_mps,
                    snr_db: detection.snr_db - 15.0,
                    rcs_dbsm: detection.rcs_dbsm - 3.0,
                    source: RadarSource::Ghost(id),
                    ..detection
                });
            }
            found.push(detection);
        }
    }
    found.append(&mut ghosts);
    if let Ok(poisson) = Poisson::new(spec.false_alarms.max(1e-12)) {
        let count: f64 = poisson.sample(&mut rng);
        for _ in 0..count as u32 {
            let range = spec.range_min_m + (spec.range_max_m - spec.range_min_m) * rng.random::<f64>();
            let snr_db = 10.0 + 2.0 * rng.sample::<f64, _>(Exp1);
            found.push(RadarDetection {
                range_m: range,
                azimuth_rad: (rng.random::<f64>() - 0.5) * spec.azimuth_fov_deg.to_radians(),
                range_rate_mps: 20.0 * (rng.random::<f64>() - 0.5),
                rcs_dbsm: snr_db - view.snr_db(range, 0.0),
                snr_db,
                source: RadarSource::FalseAlarm,
            });
        }
    }
    found.sort_by(|a, b| {
        a.range_m
            .total_cmp(&b.range_m)
            .then(a.azimuth_rad.total_cmp(&b.azimuth_rad))
    });
    found
}

struct View<'a> {
    spec: &'a RadarSpec,
    radar_from_world: guideway_core::Se3,
    world_from_radar: guideway_core::Se3,
    origin: DVec3,
    velocity: DVec3,
}

impl<'a> View<'a> {
    fn new(snapshot: &Snapshot<'_>, spec: &'a RadarSpec) -> Self {
        let motion = EgoMotion::of(snapshot.state);
        let ego_from_radar = spec.common().ego_from_body;
        let world_from_radar = motion.world_from_ego(0.0) * ego_from_radar;
        Self {
            spec,
            radar_from_world: world_from_radar.inverse(),
            world_from_radar,
            origin: world_from_radar.translation(),
            velocity: motion.velocity_of(ego_from_radar.translation(), 0.0),
        }
    }

    /// Range and azimuth of a point in the world, if it is in view.
    fn place(&self, point: DVec3) -> Option<(f64, f64)> {
        let p = self.radar_from_world * point;
        let (range, azimuth) = (p.length(), p.y.atan2(p.x));
        let elevation = p.z.atan2(p.x.hypot(p.y));
        let inside = (self.spec.range_min_m..=self.spec.range_max_m).contains(&range)
            && azimuth.abs() <= self.spec.azimuth_fov_deg.to_radians() / 2.0
            && elevation.abs() <= self.spec.elevation_fov_deg.to_radians() / 2.0;
        inside.then_some((range, azimuth))
    }

    fn ray(&self, towards: DVec3) -> Ray {
        Ray {
            origin: self.origin.as_vec3(),
            direction: (towards - self.origin).as_vec3().normalize_or(Vec3::X),
            dt: 0.0,
        }
    }

    /// What a ray that hit something measures there.
    fn measure(&self, ray: &Ray, hit: &Hit) -> Option<(f64, f64, f64)> {
        if !hit.distance.is_finite() {
            return None;
        }
        let direction = ray.direction.as_dvec3();
        let (range, azimuth) = self.place(self.origin + direction * f64::from(hit.distance))?;
        let rate = (hit.velocity.as_dvec3() - self.velocity).dot(direction);
        Some((range, azimuth, rate))
    }

    fn actors(&self, renderer: &dyn Renderer, snapshot: &Snapshot<'_>) -> Vec<Target> {
        let mut rays = Vec::new();
        let mut owners: Vec<(&ActorState, f64, usize)> = Vec::new();
        for actor in &snapshot.state.actors {
            let points = self.scatterers(actor);
            if points.is_empty() {
                continue;
            }
            let to_radar = actor.rotation.as_dquat().inverse() * (self.origin - actor.position.as_dvec3());
            let aspect = to_radar.y.atan2(to_radar.x);
            let dbsm = aspect_dbsm(actor.model.class, aspect);
            owners.push((actor, dbsm, points.len()));
            rays.extend(points.into_iter().map(|p| self.ray(p)));
        }
        let mut hits = Vec::new();
        renderer.cast(snapshot, &rays, &mut hits);
        let mut targets = Vec::new();
        let mut next = 0;
        for (actor, dbsm, count) in owners {
            let mine = next..next + count;
            next += count;
            for (ray, hit) in rays[mine.clone()].iter().zip(&hits[mine]) {
                let Some((range, azimuth, rate)) = self.measure(ray, hit).filter(|_| hit.object == actor.id) else {
                    continue;
                };
                targets.push(Target {
                    range,
                    azimuth,
                    rate,
                    // The points share the cross-section of the whole.
                    dbsm: dbsm - 10.0 * (count as f64 / 4.0).max(1.0).log10(),
                    source: RadarSource::Object(actor.id),
                });
            }
        }
        targets
    }

    /// Points over an actor's cuboid at which rays are aimed, those out of view left out.
    fn scatterers(&self, actor: &ActorState) -> Vec<DVec3> {
        let size = actor.model.size.as_dvec3();
        let world_from_body = world_from_body(actor, 0.0);
        let along = (size.x / 2.0).ceil().clamp(1.0, 9.0) as i32;
        let mut points = Vec::new();
        for i in 0..along {
            for (y, z) in [(-0.3, 0.35), (0.0, 0.5), (0.3, 0.35)] {
                let x = (f64::from(i) + 0.5) / f64::from(along) - 0.5;
                let p = world_from_body * DVec3::new(x * size.x * 0.96, y * size.y, z * size.z);
                if self.place(p).is_some() {
                    points.push(p);
                }
            }
        }
        points
    }

    /// Walls, posts, rails and the like, along rays across the view.
    fn structures(&self, renderer: &dyn Renderer, snapshot: &Snapshot<'_>, seed: Seed) -> Vec<Target> {
        let mut rng = seed.rng();
        let count = self.spec.clutter_rays;
        let rays: Vec<Ray> = (0..count)
            .map(|i| {
                let turn = (f64::from(i) + rng.random::<f64>()) / f64::from(count) - 0.5;
                let azimuth = turn * self.spec.azimuth_fov_deg.to_radians();
                let elevation = (rng.random::<f64>() - 0.5) * self.spec.elevation_fov_deg.to_radians() * 0.6;
                let direction = DVec3::new(
                    elevation.cos() * azimuth.cos(),
                    elevation.cos() * azimuth.sin(),
                    elevation.sin(),
                );
                self.ray(self.world_from_radar * direction)
            })
            .collect();
        let mut hits = Vec::new();
        renderer.cast(snapshot, &rays, &mut hits);
        let mut targets = Vec::new();
        for (ray, hit) in rays.iter().zip(&hits) {
            let Some(dbsm) = structure_dbsm(hit.semantic) else {
                continue;
            };
            let Some((range, azimuth, rate)) = self.measure(ray, hit) else {
                continue;
            };
            let facing = f64::from(hit.normal.dot(-ray.direction)).clamp(0.05, 1.0);
            targets.push(Target {
                range,
                azimuth,
                rate,
                // Smooth walls throw most of the wave away from where it came.
                dbsm: dbsm + 20.0 * facing.log10(),
                source: RadarSource::Structure,
            });
        }
        targets
    }

    /// Mean ratio of signal to noise, dB.
    fn snr_db(&self, range: f64, dbsm: f64) -> f64 {
        // At the stated range 10 dBsm are found half the time: snr = ln P_fa / ln ½ − 1.
        let half = 10.0 * (CELL_FALSE_ALARM.ln() / 0.5_f64.ln() - 1.0).log10();
        half + (dbsm - 10.0) + 40.0 * (self.spec.range_10_dbsm_m / range.max(0.1)).log10()
    }

    fn detect(&self, rng: &mut impl rand::Rng, target: &Target) -> Option<RadarDetection> {
        let mean = 10_f64.powf(self.snr_db(target.range, target.dbsm) / 10.0);
        // The power of a fluctuating echo with its noise is exponential, and so is that of noise alone.
        let fading = rng.sample::<f64, _>(Exp1);
        let power = (1.0 + mean) * fading;
        if power < -CELL_FALSE_ALARM.ln() {
            return None;
        }
        let snr_db = 10.0 * power.log10();
        // Strong echoes are placed better, down to half the stated noise.
        let sharp = 10_f64.powf(-(snr_db - 15.0).clamp(0.0, 20.0) / 20.0);
        let spread = 0.5 + 0.5 * sharp;
        let mut noise = |sigma: f64| sigma * spread * rng.sample::<f64, _>(StandardNormal);
        Some(RadarDetection {
            range_m: (target.range + noise(self.spec.range_noise_m)).max(0.0),
            azimuth_rad: target.azimuth + noise(self.spec.azimuth_noise_deg).to_radians(),
            range_rate_mps: target.rate + noise(self.spec.range_rate_noise_mps),
            rcs_dbsm: target.dbsm + 10.0 * fading.log10(),
            snr_db,
            source: target.source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_car_is_largest_from_the_side_and_smallest_at_its_corners() {
        let at = |degrees: f64| aspect_dbsm(ObjectClass::Car, degrees.to_radians());
        assert!(at(90.0) > at(0.0) && at(0.0) > at(45.0));
        assert!((at(90.0) - at(-90.0)).abs() < 1e-9 && (at(0.0) - at(180.0)).abs() < 1e-9);
    }
}
