//! Where the vehicle believes to be, how it feels to move, how fast its wheels turn.

use glam::DVec3;
use guideway_core::{Geodetic, GeometryError};

use super::EgoMotion;
use super::noise::{drift, normal, normal3, wiener3};
use super::rig::{GnssSpec, ImuSpec, WheelSpec};
use crate::Seed;
use crate::params::TimeParams;
use crate::state::WorldState;

/// Height of the world's origin above the ellipsoid, m.
pub const ORIGIN_HEIGHT_M: f64 = 0.0;

/// Acceleration of free fall at sea level and this latitude, m/s² (WGS84's formula of Somigliana).
pub fn gravity(latitude_deg: f64) -> f64 {
    let s = latitude_deg.to_radians().sin().powi(2);
    9.780_325_335_9 * (1.0 + 0.001_931_852_652_41 * s) / (1.0 - 0.006_694_379_990_13 * s).sqrt()
}

/// A fix of a GNSS receiver.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GnssFix {
    /// Where the antenna is, as far as the receiver knows.
    pub position: Geodetic,
    /// Velocity of the antenna, east, north, up, m/s.
    pub velocity: DVec3,
    /// Standard deviation that the receiver states, east, north, up, m.
    pub sigma: DVec3,
}

/// The place on earth of a point in the world frame (x east, y north, z up, tangent to the ellipsoid at the scene's latitude
/// and longitude).
///
/// # Errors
/// A latitude or longitude out of range.
pub fn geodetic(time: &TimeParams, point_in_world: DVec3) -> Result<Geodetic, GeometryError> {
    let origin = Geodetic::new(time.latitude_deg, time.longitude_deg, ORIGIN_HEIGHT_M)?;
    Geodetic::from_ecef(origin.ecef_from_enu()? * point_in_world)
}

/// What a GNSS receiver reports at the time of `state`. `seed` is the receiver's, the same over a drive: the slow part of the
/// error is a function of it and of the time.
///
/// # Errors
/// A latitude or longitude out of range.
pub fn gnss(state: &WorldState, time: &TimeParams, spec: &GnssSpec, seed: Seed) -> Result<GnssFix, GeometryError> {
    let motion = EgoMotion::of(state);
    let antenna = spec.common().ego_from_body.translation();
    let now = seed.child("fix").index(state.time.to_bits());
    let slow = |axis: &str| drift(seed.child("drift").child(axis), state.time, spec.drift_time_s) * spec.drift_m;
    // The vertical error is larger by what the horizon hides: about 1.6 times.
    let sigma = DVec3::new(spec.horizontal_noise_m, spec.horizontal_noise_m, spec.vertical_noise_m);
    let error = normal3(now.child("position")) * sigma + DVec3::new(slow("x"), slow("y"), 1.6 * slow("z"));
    let point = motion.world_from_ego(0.0) * antenna + error;
    let slow_sigma = DVec3::new(spec.drift_m, spec.drift_m, 1.6 * spec.drift_m);
    Ok(GnssFix {
        position: geodetic(time, point)?,
        velocity: motion.velocity_of(antenna, 0.0) + normal3(now.child("velocity")) * spec.velocity_noise_mps,
        sigma: (sigma * sigma + slow_sigma * slow_sigma).map(f64::sqrt),
    })
}

/// A measurement of an IMU, in its housing's frame (x forward, y left, z up).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImuSample {
    /// Specific force, m/s²: acceleration less gravity, so `(0, 0, +g)` at rest.
    pub specific_force: DVec3,
    /// Angular rate, rad/s.
    pub angular_rate: DVec3,
}

/// What an IMU measures at the time of `state`: the ego vehicle's acceleration along its axis and across (centripetal), what
/// its place off the axis adds, gravity, bias and noise. `seed` is the IMU's, the same over a drive.
pub fn imu(state: &WorldState, time: &TimeParams, spec: &ImuSpec, seed: Seed) -> ImuSample {
    let motion = EgoMotion::of(state);
    let ego_from_imu = spec.common().ego_from_body;
    let world_from_ego = motion.world_from_ego(0.0);
    let (turn, velocity, push) = state.ego.as_ref().map_or((DVec3::ZERO, DVec3::ZERO, 0.0), |ego| {
        (
            DVec3::Z * f64::from(ego.yaw_rate),
            ego.velocity.as_dvec3(),
            f64::from(ego.acceleration),
        )
    });
    let arm = world_from_ego.transform_vector(ego_from_imu.translation());
    let acceleration =
        world_from_ego.transform_vector(DVec3::X) * push + turn.cross(velocity) + turn.cross(turn.cross(arm));
    let imu_from_world = (world_from_ego * ego_from_imu).inverse();
    let force = imu_from_world.transform_vector(acceleration + DVec3::Z * gravity(time.latitude_deg));
    let rate = imu_from_world.transform_vector(turn);

    let now = seed.child("sample").index(state.time.to_bits());
    let white = spec.rate_hz.max(0.0).sqrt();
    let bias = |name: &str, start: f64, walk: f64| {
        let own = seed.child(name);
        normal3(own.child("start")) * start + wiener3(own.child("walk"), state.time) * walk
    };
    ImuSample {
        specific_force: force
            + bias("accel", spec.accel_bias, spec.accel_bias_walk)
            + normal3(now.child("accel")) * (spec.accel_noise_density * white),
        angular_rate: rate
            + bias("gyro", spec.gyro_bias, spec.gyro_bias_walk)
            + normal3(now.child("gyro")) * (spec.gyro_noise_density * white),
    }
}

/// Speed over ground from the wheels at the time of `state`, m/s: negative when it rolls backwards. A standing wheel says 0
/// exactly. `seed` is the sensor's, the same over a drive: the error of the wheels' radius is a function of it.
pub fn wheel_speed(state: &WorldState, spec: &WheelSpec, seed: Seed) -> f64 {
    let motion = EgoMotion::of(state);
    let place = spec.common().ego_from_body.translation();
    let forward = motion.world_from_ego(0.0).transform_vector(DVec3::X);
    let speed = motion.velocity_of(place, 0.0).dot(forward);
    if speed.abs() < 1e-3 {
        return 0.0;
    }
    let scale = 1.0 + spec.scale_error * normal(seed.child("scale"));
    let measured = speed * scale + spec.noise_mps * normal(seed.child("sample").index(state.time.to_bits()));
    if spec.resolution_mps > 0.0 {
        (measured / spec.resolution_mps).round() * spec.resolution_mps
    } else {
        measured
    }
}
