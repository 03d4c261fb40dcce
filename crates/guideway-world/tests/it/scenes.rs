//! Random scenes of boxes and ellipsoids.

use std::sync::Arc;

use glam::{Affine3A, Quat, Vec3};
use guideway_world::actors::{Joint, Kinematics, Model, Part};
use guideway_world::environment::{Environment, Piece, StaticObject};
use guideway_world::material::{Material, Semantic};
use guideway_world::mesh::Mesh;
use guideway_world::params::SceneParams;
use guideway_world::render::{Shot, Snapshot};
use guideway_world::sensors::rig::{CameraSpec, LidarSpec};
use guideway_world::state::{ActorState, Articulation, Lamps, WorldState};
use guideway_world::{ObjectClass, Seed};
use rand::{Rng, RngExt as _};

/// A scene that can be looked at.
pub(crate) struct RandomScene {
    pub(crate) environment: Environment,
    pub(crate) state: WorldState,
    pub(crate) params: SceneParams,
    pub(crate) seed: Seed,
}

impl RandomScene {
    pub(crate) fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            environment: &self.environment,
            state: &self.state,
            params: &self.params,
            seed: self.seed,
        }
    }

    /// The same scene `dt` seconds later.
    pub(crate) fn later(&self, dt: f32) -> WorldState {
        WorldState {
            time: self.state.time + f64::from(dt),
            actors: self.state.actors.iter().map(|a| a.at(dt)).collect(),
            ego: self.state.ego.as_ref().map(|a| a.at(dt)),
            signals: self.state.signals.clone(),
        }
    }
}

fn model(rng: &mut impl Rng, class: ObjectClass) -> Model {
    let size = match class {
        ObjectClass::Car | ObjectClass::Van => Vec3::new(4.4, 1.8, 1.6),
        ObjectClass::Truck | ObjectClass::Bus => Vec3::new(9.0, 2.5, 3.2),
        ObjectClass::Motorcycle | ObjectClass::Bicycle => Vec3::new(1.9, 0.7, 1.8),
        ObjectClass::Pedestrian => Vec3::new(0.5, 0.6, 1.8),
        _ => Vec3::new(0.8, 0.5, 0.6),
    } * (0.8 + 0.4 * rng.random::<f32>());
    let paint = Material::matte(class.semantic(), [0.2, 0.4, 0.6]);
    let center = Vec3::Z * size.z / 2.0;
    let mut mesh = Mesh::new();
    if rng.random::<bool>() {
        mesh.cuboid(paint, center, size);
    } else {
        mesh.ellipsoid(paint, center, size / 2.0, 6, 8);
        mesh.cuboid(paint, center, size * 0.5);
    }
    Model {
        class,
        kind: "test",
        size,
        parts: vec![Part {
            mesh: Arc::new(mesh),
            joint: Joint::Fixed,
        }],
        lamps: Vec::new(),
        wheelbase: 0.0,
        wheel_radius: 0.0,
        kinematics: Kinematics::default(),
        attributes: vec![("colour", "blue".to_owned())],
    }
}

fn actor(rng: &mut impl Rng, id: u32, class: ObjectClass, position: Vec3, speed: f32) -> ActorState {
    let yaw = rng.random::<f32>() * 6.0;
    ActorState {
        id,
        model: Arc::new(model(rng, class)),
        position,
        rotation: Quat::from_rotation_z(yaw) * Quat::from_rotation_y((rng.random::<f32>() - 0.5) * 0.1),
        velocity: Quat::from_rotation_z(yaw) * Vec3::X * speed * rng.random::<f32>(),
        yaw_rate: (rng.random::<f32>() - 0.5) * 0.4,
        acceleration: 0.0,
        articulation: Articulation::default(),
        lamps: Lamps::default(),
        activity: "driving",
    }
}

/// A road, walls, signs and 3 to 12 actors around and before an ego vehicle that drives and turns. `speed` is the largest.
pub(crate) fn scene(seed: u64, speed: f32) -> RandomScene {
    let seed = Seed::new(seed);
    let mut rng = seed.child("scene").rng();
    let mut environment = Environment::default();
    let mut ground = Mesh::new();
    let road = Material::matte(Semantic::Road, [0.1; 3]);
    let e = 150.0;
    ground.quad(
        road,
        Vec3::new(-e, -e, 0.0),
        Vec3::new(e, -e, 0.0),
        Vec3::new(e, e, 0.0),
        Vec3::new(-e, e, 0.0),
    );
    let mut put = |mesh: Mesh, at: Vec3, object: Option<u32>| {
        environment.pieces.push(Piece {
            mesh: Arc::new(mesh),
            world_from_mesh: Affine3A::from_translation(at),
            object,
            signal: None,
        });
    };
    put(ground, Vec3::ZERO, None);
    for _ in 0..rng.random_range(0..4) {
        let mut wall = Mesh::new();
        let size = Vec3::new(6.0, 6.0, 8.0);
        wall.cuboid(Material::matte(Semantic::Building, [0.5; 3]), Vec3::Z * 4.0, size);
        let side = if rng.random::<bool>() { 1.0 } else { -1.0 };
        put(
            wall,
            Vec3::new(rng.random_range(0.0..60.0), side * rng.random_range(9.0..20.0), 0.0),
            None,
        );
    }
    let mut objects = Vec::new();
    for index in 0..rng.random_range(0..4) {
        let size = Vec3::new(0.05, 0.7, 0.7);
        let mut plate = Mesh::new();
        plate.cuboid(
            Material::matte(Semantic::TrafficSign, [0.8, 0.1, 0.1]),
            Vec3::ZERO,
            size,
        );
        let center = Vec3::new(rng.random_range(5.0..40.0), rng.random_range(-8.0..8.0), 2.5);
        put(plate, center, Some(index));
        objects.push(StaticObject {
            class: ObjectClass::TrafficSign,
            kind: "stop".to_owned(),
            center,
            rotation: Quat::IDENTITY,
            size,
            signal: None,
        });
    }
    environment.objects = objects;
    let classes = &ObjectClass::ALL[..9];
    let count = rng.random_range(3..13);
    let actors = (0..count)
        .map(|i| {
            let class = classes[rng.random_range(0..classes.len())];
            let position = Vec3::new(rng.random_range(-20.0..50.0), rng.random_range(-12.0..12.0), 0.0);
            // None stands where the ego vehicle is.
            let position = if position.truncate().length() < 7.0 {
                position + Vec3::X * 14.0
            } else {
                position
            };
            actor(&mut rng, 1 + i * 3, class, position, speed)
        })
        .collect();
    let mut ego = actor(&mut rng, 1000, ObjectClass::Car, Vec3::ZERO, speed);
    ego.rotation = Quat::from_rotation_z((rng.random::<f32>() - 0.5) * 0.6);
    ego.velocity = ego.rotation * Vec3::X * speed * rng.random::<f32>();
    RandomScene {
        environment,
        state: WorldState {
            time: 3.0,
            actors,
            ego: Some(ego),
            signals: Vec::new(),
        },
        params: SceneParams::default(),
        seed,
    }
}

/// A camera that looks forward.
pub(crate) fn shot(spec: &CameraSpec) -> Shot {
    Shot {
        exposure_s: 0.0,
        read_noise: 0.0,
        ..spec.shot(Seed::new(7)).unwrap()
    }
}

/// A small camera.
pub(crate) fn small_camera() -> CameraSpec {
    CameraSpec {
        name: "front".to_owned(),
        width: 96,
        height: 64,
        ..CameraSpec::default()
    }
}

/// A small lidar without noise, dropouts or limits that matter.
pub(crate) fn exact_lidar() -> LidarSpec {
    LidarSpec {
        name: "top".to_owned(),
        channels: Some(12),
        points_per_turn: 256,
        range_noise_m: 0.0,
        dropout: 0.0,
        range_10_percent_m: 1000.0,
        ..LidarSpec::default()
    }
}
