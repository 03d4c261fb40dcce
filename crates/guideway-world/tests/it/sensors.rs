//! What sensors measure, against what is known of the scene.

use glam::{Quat, Vec3};
use guideway_core::DVec3;
use guideway_world::Seed;
use guideway_world::material::Semantic;
use guideway_world::params::TimeParams;
use guideway_world::render::CpuRenderer;
use guideway_world::sensors::lidar::sweep;
use guideway_world::sensors::navigation::{gnss, gravity, imu, wheel_speed};
use guideway_world::sensors::radar::{RadarSource, detections};
use guideway_world::sensors::rig::{GnssSpec, ImuSpec, LidarSpec, RadarSpec, WheelSpec};
use guideway_world::sensors::{EgoMotion, LidarPoint};
use guideway_world::state::WorldState;

use crate::scenes::{exact_lidar, scene};

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[test]
fn the_ground_is_flat_once_the_motion_is_taken_out() {
    let mut scene = scene(3, 25.0);
    scene.state.actors.clear();
    let ego = scene.state.ego.as_mut().unwrap();
    ego.velocity = ego.rotation * Vec3::X * 25.0;
    ego.yaw_rate = 0.5;
    let spec = exact_lidar();
    let snapshot = scene.snapshot();
    let points = sweep(&CpuRenderer::new(&scene.environment), &snapshot, &spec, Seed::new(1));
    let world_from_lidar = EgoMotion::of(snapshot.state).world_from_ego(0.0) * spec.common().ego_from_body;
    let (mut walls_raw, mut walls, mut count) = (0.0_f64, 0.0_f64, 0);
    for point in &points {
        let there = world_from_lidar * point.compensated.as_dvec3();
        if point.semantic == Semantic::Road as u8 {
            assert!(there.z.abs() < 0.01, "{there}");
            count += 1;
        }
        if point.semantic == Semantic::Building as u8 {
            // Walls stand on an axis-parallel grid of their own: only the true position lies on one of their faces.
            let raw = world_from_lidar * point.position.as_dvec3();
            let off = |p: DVec3| {
                let faces = scene
                    .environment
                    .pieces
                    .iter()
                    .filter(|piece| piece.object.is_none())
                    .skip(1);
                faces
                    .map(|piece| {
                        let local = p - Vec3::from(piece.world_from_mesh.translation).as_dvec3();
                        let out = local.truncate().abs() - 3.0;
                        if out.max_element() > 1.0 {
                            9.0
                        } else {
                            out.max_element().abs()
                        }
                    })
                    .fold(9.0, f64::min)
            };
            walls_raw = walls_raw.max(off(raw));
            walls = walls.max(off(there));
        }
    }
    assert!(count > 500);
    assert!(walls < 0.01, "{walls}");
    assert!(
        walls_raw > 0.1 || walls == 0.0,
        "without compensation walls are bent: {walls_raw}"
    );
}

fn at_weather(change: impl Fn(&mut guideway_world::params::WeatherParams)) -> Vec<LidarPoint> {
    let mut scene = scene(6, 5.0);
    change(&mut scene.params.weather);
    let spec = LidarSpec {
        name: "top".to_owned(),
        ..LidarSpec::default()
    };
    sweep(
        &CpuRenderer::new(&scene.environment),
        &scene.snapshot(),
        &spec,
        Seed::new(2),
    )
}

#[test]
fn weather_takes_echoes_and_adds_some() {
    let ground = |points: &[LidarPoint]| points.iter().filter(|p| p.semantic == Semantic::Road as u8).count();
    let air = |points: &[LidarPoint]| points.iter().filter(|p| p.semantic == Semantic::Sky as u8).count();
    let clear = at_weather(|_| {});
    let wet = at_weather(|w| w.wetness = 1.0);
    let rain = at_weather(|w| w.rain_mm_per_h = 30.0);
    let snow = at_weather(|w| w.snowfall_mm_per_h = 4.0);
    let fog = at_weather(|w| w.visibility_m = 40.0);
    assert_eq!(air(&clear), 0);
    assert!(
        ground(&wet) < ground(&clear) * 9 / 10,
        "{} {}",
        ground(&wet),
        ground(&clear)
    );
    let share = |points: &[LidarPoint]| air(points) as f64 / points.len() as f64;
    let shares = [share(&rain), share(&snow), share(&fog)];
    assert!((0.003..0.2).contains(&shares[0]), "rain {shares:?}");
    assert!((0.01..0.5).contains(&shares[1]), "snow {shares:?}");
    assert!((0.02..0.7).contains(&shares[2]), "fog {shares:?}");
    let far = |points: &[LidarPoint]| {
        points
            .iter()
            .filter(|p| p.semantic != Semantic::Sky as u8)
            .map(|p| p.position.length())
            .fold(0.0, f32::max)
    };
    assert!(far(&fog) < far(&clear) * 0.8);
    assert!(fog.iter().all(|p| p.object == 0 || p.semantic != Semantic::Sky as u8));
}

#[test]
fn sweeps_do_not_depend_on_threads() {
    let scene = scene(8, 20.0);
    let mut weather = scene;
    weather.params.weather.rain_mm_per_h = 5.0;
    let spec = LidarSpec {
        name: "top".to_owned(),
        ..LidarSpec::default()
    };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            sweep(
                &CpuRenderer::new(&weather.environment),
                &weather.snapshot(),
                &spec,
                Seed::new(2),
            )
        })
    };
    let one = on(1);
    assert!(one.len() > 10_000);
    assert_eq!(one, on(2));
    assert_eq!(one, on(3));
}

#[test]
fn noise_is_as_large_as_stated() {
    let mut scene = scene(3, 0.0);
    scene.state.actors.clear();
    let renderer = CpuRenderer::new(&scene.environment);
    let exact = exact_lidar();
    let noisy = LidarSpec {
        range_noise_m: 0.05,
        dropout: 0.25,
        ..exact.clone()
    };
    let clean = sweep(&renderer, &scene.snapshot(), &exact, Seed::new(1));
    let dirty = sweep(&renderer, &scene.snapshot(), &noisy, Seed::new(1));
    let share = dirty.len() as f64 / clean.len() as f64;
    assert!((0.72..0.78).contains(&share), "{share}");
    let key = |p: &LidarPoint| {
        let azimuth = f64::from(p.position.y).atan2(f64::from(p.position.x));
        (p.offset_ns, (azimuth * 1e3).round() as i64, p.ring)
    };
    let known: std::collections::BTreeMap<_, f32> = clean.iter().map(|p| (key(p), p.position.length())).collect();
    let errors: Vec<f64> = dirty
        .iter()
        .filter_map(|p| Some(f64::from(p.position.length() - known.get(&key(p))?)))
        .collect();
    assert!(errors.len() > 1000);
    let sigma = mean(errors.iter().map(|e| e * e)).sqrt();
    assert!((0.047..0.053).contains(&sigma), "{sigma}");
    assert!(mean(errors.iter().copied()).abs() < 0.005);
}

#[test]
fn radar_measures_range_azimuth_and_rate_of_what_it_sees() {
    let spec = RadarSpec {
        name: "r".to_owned(),
        false_alarms: 0.0,
        ghosts: 0.0,
        ..RadarSpec::default()
    };
    let (mut found, mut visible) = (0, 0);
    for seed in 0..40 {
        let scene = scene(seed, 15.0);
        let snapshot = scene.snapshot();
        let detections = detections(&CpuRenderer::new(&scene.environment), &snapshot, &spec, Seed::new(seed));
        assert!(detections.is_sorted_by(|a, b| a.range_m <= b.range_m));
        let motion = EgoMotion::of(snapshot.state);
        let world_from_radar = motion.world_from_ego(0.0) * spec.common().ego_from_body;
        let radar_velocity = motion.velocity_of(spec.common().ego_from_body.translation(), 0.0);
        for d in &detections {
            assert!(d.azimuth_rad.abs() < 52_f64.to_radians());
            match d.source {
                RadarSource::Object(id) => {
                    found += 1;
                    let actor = snapshot.state.actors.iter().find(|a| a.id == id).unwrap();
                    let size = actor.model.size.as_dvec3();
                    let center = actor.position.as_dvec3() + DVec3::Z * size.z / 2.0;
                    let to = center - world_from_radar.translation();
                    assert!((to.length() - d.range_m).abs() < size.length() / 2.0 + 1.0);
                    let away = (actor.velocity.as_dvec3() - radar_velocity).dot(to.normalize());
                    // Turning adds half the object's length times the rate; aspect over its extent the rest.
                    let slack = 0.5 + 0.2 * size.length() + 15.0 * size.length() / to.length();
                    assert!((away - d.range_rate_mps).abs() < slack, "{away} {d:?}");
                }
                RadarSource::Structure => {
                    // What stands comes nearer by the radar's own speed along the ray.
                    let own = world_from_radar.inverse().transform_vector(radar_velocity);
                    let along = DVec3::new(d.azimuth_rad.cos(), d.azimuth_rad.sin(), 0.0).dot(own);
                    assert!((d.range_rate_mps + along).abs() < 1.2, "{d:?}");
                }
                other => panic!("{other:?} was turned off"),
            }
        }
        let in_view = snapshot.state.actors.iter().filter(|a| {
            let p = world_from_radar.inverse() * a.position.as_dvec3();
            p.x > 3.0 && p.y.abs() < p.x && a.model.class.is_vehicle()
        });
        visible += in_view.count();
    }
    assert!(found * 2 > visible, "{found} detections of {visible} vehicles");
}

#[test]
fn radar_makes_ghosts_and_false_alarms_as_often_as_asked() {
    let spec = RadarSpec {
        name: "r".to_owned(),
        false_alarms: 4.0,
        ghosts: 1.0,
        ..RadarSpec::default()
    };
    let scene = scene(5, 10.0);
    let renderer = CpuRenderer::new(&scene.environment);
    let all: Vec<_> = (0..100)
        .map(|i| detections(&renderer, &scene.snapshot(), &spec, Seed::new(i)))
        .collect();
    let count =
        |is: &dyn Fn(RadarSource) -> bool| mean(all.iter().map(|d| d.iter().filter(|d| is(d.source)).count() as f64));
    let alarms = count(&|s| s == RadarSource::FalseAlarm);
    assert!((3.3..4.7).contains(&alarms), "{alarms}");
    assert!(count(&|s| matches!(s, RadarSource::Ghost(_))) > 0.3);
}

fn driving(time: f64) -> WorldState {
    let mut scene = scene(1, 0.0);
    let ego = scene.state.ego.as_mut().unwrap();
    ego.rotation = Quat::from_rotation_z(1.0);
    ego.velocity = ego.rotation * Vec3::X * 12.0;
    ego.yaw_rate = 0.25;
    ego.acceleration = 1.5;
    ego.position = Vec3::new(300.0, -200.0, 2.0);
    scene.state.time = time;
    scene.state
}

#[test]
fn an_imu_feels_gravity_push_and_curve() {
    let spec = ImuSpec {
        name: "imu".to_owned(),
        ..ImuSpec::default()
    };
    let time = TimeParams::default();
    let samples: Vec<_> = (0..400)
        .map(|i| imu(&driving(f64::from(i) * 0.01), &time, &spec, Seed::new(i as u64)))
        .collect();
    // Over many units biases cancel.
    let force = |axis: usize| mean(samples.iter().map(|s| s.specific_force[axis]));
    assert!((force(0) - 1.5).abs() < 0.01);
    assert!((force(1) - 12.0 * 0.25).abs() < 0.01);
    assert!((force(2) - gravity(48.1)).abs() < 0.01);
    assert!((mean(samples.iter().map(|s| s.angular_rate.z)) - 0.25).abs() < 1e-3);
    assert!((gravity(45.0) - 9.806_2).abs() < 1e-3);
    let state = driving(1.0);
    assert_eq!(
        imu(&state, &time, &spec, Seed::new(1)),
        imu(&state, &time, &spec, Seed::new(1))
    );
    // Across the axis, and tilted: a unit on its side measures gravity along its y axis.
    let tilted = ImuSpec {
        rotation_deg: [90.0, 0.0, 0.0],
        ..spec
    };
    let mut at_rest = driving(1.0);
    let ego = at_rest.ego.as_mut().unwrap();
    (ego.velocity, ego.yaw_rate, ego.acceleration) = (Vec3::ZERO, 0.0, 0.0);
    let sample = imu(&at_rest, &time, &tilted, Seed::new(1));
    assert!((sample.specific_force.y - gravity(48.1)).abs() < 0.2, "{sample:?}");
}

#[test]
fn gnss_is_as_far_off_as_stated() {
    let spec = GnssSpec {
        name: "gnss".to_owned(),
        ..GnssSpec::default()
    };
    let time = TimeParams::default();
    let truth = {
        let state = driving(0.0);
        EgoMotion::of(&state).world_from_ego(0.0) * spec.common().ego_from_body.translation()
    };
    let origin = guideway_core::Geodetic::new(time.latitude_deg, time.longitude_deg, 0.0).unwrap();
    let enu_from_ecef = origin.ecef_from_enu().unwrap().inverse();
    let errors: Vec<DVec3> = (0..2000_u64)
        .map(|i| {
            let fix = gnss(&driving(i as f64 * 0.2), &time, &spec, Seed::new(i)).unwrap();
            enu_from_ecef * fix.position.to_ecef() - truth
        })
        .collect();
    let sigma = mean(errors.iter().map(|e| e.x * e.x)).sqrt();
    assert!((sigma - 1.237).abs() < 0.08, "{sigma}");
    // One receiver's error moves slowly: fixes a second apart are off by the noise alone.
    let one = |t: f64| {
        enu_from_ecef
            * gnss(&driving(t), &time, &spec, Seed::new(1))
                .unwrap()
                .position
                .to_ecef()
            - truth
    };
    let steps = mean((0..500).map(|i| (one(f64::from(i)) - one(f64::from(i) + 1.0)).x.powi(2))).sqrt();
    assert!((steps - 0.3 * 2_f64.sqrt()).abs() < 0.06, "{steps}");
    let bad = TimeParams {
        latitude_deg: 95.0,
        ..time
    };
    assert!(gnss(&driving(0.0), &bad, &spec, Seed::new(1)).is_err());
}

#[test]
fn wheels_measure_speed() {
    let spec = WheelSpec {
        name: "wheel".to_owned(),
        ..WheelSpec::default()
    };
    let speeds: Vec<f64> = (0..500)
        .map(|i| wheel_speed(&driving(f64::from(i)), &spec, Seed::new(i as u64)))
        .collect();
    assert!((mean(speeds.iter().copied()) - 12.0).abs() < 0.02);
    assert!(speeds.iter().all(|v| (v / 0.01 - (v / 0.01).round()).abs() < 1e-6));
    let mut standing = driving(0.0);
    let ego = standing.ego.as_mut().unwrap();
    (ego.velocity, ego.yaw_rate) = (Vec3::ZERO, 0.0);
    assert_eq!(wheel_speed(&standing, &spec, Seed::new(3)), 0.0);
}
