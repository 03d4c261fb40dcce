//! A town put together by hand from mesh primitives: for looking at the renderer and for timing it.

#![expect(clippy::expect_used, reason = "the numbers stand beside the call")]

use std::sync::Arc;

use glam::{Affine3A, Quat, Vec2, Vec3};
use guideway_core::{Camera, CameraModel, DQuat, DVec3, Intrinsics, Se3};
use guideway_world::actors::{Joint, Kinematics, Lamp, Model, Part};
use guideway_world::environment::{Environment, Piece, StreetLamp};
use guideway_world::material::{Material, Pattern, Semantic, Switch, srgb};
use guideway_world::mesh::Mesh;
use guideway_world::render::Shot;
use guideway_world::state::{ActorState, Lamps, WorldState};
use guideway_world::{ObjectClass, Seed};
use rand::RngExt as _;

/// A straight street with a crossroads, houses and trees on both sides, and at least this many triangles in its trees.
pub(crate) fn environment(trees: u32) -> Environment {
    let mut environment = Environment::default();
    let mut add = |mesh: Arc<Mesh>, world_from_mesh: Affine3A| {
        environment.pieces.push(Piece {
            mesh,
            world_from_mesh,
            object: None,
            signal: None,
        });
    };
    let mut ground = Mesh::new();
    let asphalt = Material::matte(Semantic::Road, [0.09, 0.09, 0.095]).pattern(Pattern::Asphalt);
    let grass = Material::matte(Semantic::Terrain, [0.10, 0.16, 0.05]).pattern(Pattern::Grass);
    let slabs = Material::matte(Semantic::Sidewalk, [0.32, 0.31, 0.29]).pattern(Pattern::Bricks {
        length: 0.6,
        height: 0.6,
    });
    let paint = Material::matte(Semantic::LaneMarking, [0.8, 0.8, 0.78]).retro(0.2);
    let flat = |mesh: &mut Mesh, material: Material, x0: f32, y0: f32, x1: f32, y1: f32, z: f32| {
        mesh.quad(
            material,
            Vec3::new(x0, y0, z),
            Vec3::new(x1, y0, z),
            Vec3::new(x1, y1, z),
            Vec3::new(x0, y1, z),
        );
    };
    flat(&mut ground, grass, -400.0, -300.0, 400.0, 300.0, -0.05);
    for i in 0..160 {
        let x = -400.0 + 5.0 * i as f32;
        flat(&mut ground, asphalt, x, -4.0, x + 5.0, 4.0, 0.0);
        if i % 2 == 0 {
            flat(&mut ground, paint, x, -0.07, x + 3.0, 0.07, 0.006);
        }
        for (a, b) in [(-8.0, -4.0), (4.0, 8.0)] {
            flat(&mut ground, slabs, x, a, x + 5.0, b, 0.12);
        }
    }
    add(Arc::new(ground), Affine3A::IDENTITY);
    let mut rng = Seed::new(1).rng();
    for i in 0..60 {
        for side in [-1.0, 1.0] {
            let place = Vec3::new(-390.0 + 13.0 * i as f32, side * rng.random_range(15.0..20.0), 0.0);
            add(Arc::new(house(&mut rng)), Affine3A::from_translation(place));
        }
    }
    let shapes: Vec<Arc<Mesh>> = (0..6).map(|_| Arc::new(tree(&mut rng))).collect();
    for i in 0..trees {
        let side = if i % 2 == 0 { -1.0 } else { 1.0 };
        let x = rng.random_range(-390.0..390.0);
        let y = side * (if i % 4 < 2 { 6.8 } else { rng.random_range(28.0..120.0) });
        let turn = Affine3A::from_rotation_z(rng.random_range(0.0..6.0));
        add(
            Arc::clone(&shapes[i as usize % shapes.len()]),
            Affine3A::from_translation(Vec3::new(x, y, 0.0)) * turn,
        );
    }
    let mut post = Mesh::new();
    let metal = Material::metal(Semantic::Pole, [0.3, 0.3, 0.3]);
    post.tube(metal, Vec3::ZERO, Vec3::Z * 7.0, 0.09, 0.06, 6, false);
    post.tube(metal, Vec3::Z * 7.0, Vec3::new(0.0, 1.5, 7.2), 0.05, 0.05, 6, false);
    let head = Material::lamp(Semantic::Pole, [0.5, 0.5, 0.45], Switch::Night, [3.0, 2.6, 1.8]);
    post.cuboid(head, Vec3::new(0.0, 1.6, 7.15), Vec3::new(0.25, 0.6, 0.08));
    let post = Arc::new(post);
    for i in 0..24 {
        let x = -390.0 + 32.0 * i as f32;
        add(Arc::clone(&post), Affine3A::from_translation(Vec3::new(x, -4.6, 0.1)));
        environment.lamps.push(StreetLamp {
            position: Vec3::new(x, -3.0, 7.1),
            intensity: Vec3::new(0.022, 0.018, 0.011),
        });
    }
    environment
}

fn house(rng: &mut impl rand::Rng) -> Mesh {
    let mut mesh = Mesh::new();
    let walls = [
        srgb(214, 200, 176),
        srgb(176, 96, 72),
        srgb(230, 226, 214),
        srgb(150, 155, 160),
    ];
    let wall = Material::matte(Semantic::Building, walls[rng.random_range(0..4)]).pattern(Pattern::Bricks {
        length: 0.25,
        height: 0.08,
    });
    let (w, d) = (rng.random_range(8.0..12.0_f32), rng.random_range(8.0..11.0_f32));
    let storeys = rng.random_range(2..6_u32);
    let h = 3.0 * storeys as f32;
    mesh.cuboid(wall, Vec3::new(0.0, 0.0, h / 2.0), Vec3::new(w, d, h));
    let roof = Material::matte(Semantic::Building, srgb(120, 60, 45));
    let outline = [
        Vec2::new(-w / 2.0 - 0.3, h),
        Vec2::new(w / 2.0 + 0.3, h),
        Vec2::new(0.0, h + 3.0),
    ];
    mesh.extrude_xz(roof, &outline, -d / 2.0, d / 2.0);
    for storey in 0..storeys {
        for k in 0..4 {
            for side in [-1.0_f32, 1.0] {
                let lit = rng.random_range(0.0..1.0) < 0.3;
                let mut glass = Material::glass(Semantic::Building);
                if lit {
                    glass.emission = Vec3::new(0.012, 0.009, 0.005);
                    glass.switch = Switch::Night;
                }
                let (x, z) = (-w / 2.0 + w * (k as f32 + 0.5) / 4.0, 3.0 * storey as f32 + 1.6);
                let y = side * (d / 2.0 + 0.015);
                let (a, b) = (x - 0.5 * side, x + 0.5 * side);
                mesh.quad(
                    glass,
                    Vec3::new(b, y, z - 0.7),
                    Vec3::new(a, y, z - 0.7),
                    Vec3::new(a, y, z + 0.7),
                    Vec3::new(b, y, z + 0.7),
                );
            }
        }
    }
    mesh
}

fn tree(rng: &mut impl rand::Rng) -> Mesh {
    let mut mesh = Mesh::new();
    let bark = Material::matte(Semantic::Vegetation, [0.09, 0.06, 0.04]);
    mesh.tube(bark, Vec3::ZERO, Vec3::Z * 3.0, 0.16, 0.1, 7, false);
    for _ in 0..4 {
        let green = [rng.random_range(0.04..0.09), rng.random_range(0.12..0.2), 0.03];
        let leaves = Material::matte(Semantic::Vegetation, green).pattern(Pattern::Leaves { scale: 0.5 });
        let center = Vec3::new(
            rng.random_range(-1.0..1.0),
            rng.random_range(-1.0..1.0),
            rng.random_range(3.2..5.2),
        );
        mesh.ellipsoid(leaves, center, Vec3::splat(rng.random_range(1.0..1.7)), 5, 8);
    }
    mesh
}

fn car(color: [f32; 3]) -> Model {
    let mut body = Mesh::new();
    let paint = Material::paint(Semantic::Car, color);
    let outline = [
        Vec2::new(-2.1, 0.3),
        Vec2::new(2.1, 0.3),
        Vec2::new(2.15, 0.7),
        Vec2::new(1.1, 0.95),
        Vec2::new(-1.9, 0.95),
        Vec2::new(-2.1, 0.8),
    ];
    body.extrude_xz(paint, &outline, -0.88, 0.88);
    let cabin = [
        Vec2::new(-1.6, 0.95),
        Vec2::new(0.9, 0.95),
        Vec2::new(0.1, 1.45),
        Vec2::new(-1.2, 1.45),
    ];
    body.extrude_xz(Material::glass(Semantic::Car), &cabin, -0.78, 0.78);
    body.cuboid(paint, Vec3::new(-0.55, 0.0, 1.46), Vec3::new(1.3, 1.5, 0.04));
    for y in [-0.65, 0.65] {
        let head = Material::lamp(Semantic::Car, [0.6, 0.6, 0.6], Switch::Head, [6.0, 5.8, 5.2]);
        body.cuboid(head, Vec3::new(2.13, y, 0.62), Vec3::new(0.06, 0.3, 0.14));
        let tail = Material::lamp(Semantic::Car, [0.3, 0.02, 0.02], Switch::Tail, [0.15, 0.01, 0.005]).retro(0.3);
        body.cuboid(tail, Vec3::new(-2.1, y, 0.7), Vec3::new(0.05, 0.3, 0.14));
        let brake = Material::lamp(Semantic::Car, [0.3, 0.02, 0.02], Switch::Brake, [1.5, 0.08, 0.05]);
        body.cuboid(brake, Vec3::new(-2.1, y, 0.82), Vec3::new(0.05, 0.3, 0.08));
    }
    // As many triangles as a finely modelled one has.
    for y in [-0.9, 0.9] {
        body.ellipsoid(paint, Vec3::new(0.5, y, 0.98), Vec3::new(0.12, 0.08, 0.08), 8, 12);
    }
    let mut wheel = Mesh::new();
    let rubber = Material::rubber(Semantic::Car);
    wheel.tube(rubber, Vec3::Y * -0.1, Vec3::Y * 0.1, 0.33, 0.33, 14, true);
    let wheel = Arc::new(wheel);
    let mut parts = vec![Part {
        mesh: Arc::new(body),
        joint: Joint::Fixed,
    }];
    for (x, y) in [(1.3, 0.75), (1.3, -0.75), (-1.3, 0.75), (-1.3, -0.75)] {
        parts.push(Part {
            mesh: Arc::clone(&wheel),
            joint: Joint::Wheel {
                pivot: Vec3::new(x, y, 0.33),
                steers: x > 0.0,
            },
        });
    }
    let lamp = |y: f32| Lamp {
        position: Vec3::new(2.15, y, 0.62),
        direction: Vec3::new(1.0, 0.0, -0.03).normalize(),
        half_angle: 0.35,
        intensity: Vec3::new(0.5, 0.48, 0.44),
        switch: Switch::Head,
    };
    Model {
        class: ObjectClass::Car,
        kind: "sedan",
        size: Vec3::new(4.3, 1.98, 1.48),
        parts,
        lamps: vec![lamp(-0.65), lamp(0.65)],
        wheelbase: 2.6,
        wheel_radius: 0.33,
        kinematics: Kinematics::Rigid,
        attributes: Vec::new(),
    }
}

fn person(color: [f32; 3]) -> Model {
    let mut parts = Vec::new();
    let mut part = |color: [f32; 3], from: Vec3, to: Vec3, radius: f32| {
        let mut mesh = Mesh::new();
        let cloth = Material::matte(Semantic::Pedestrian, color);
        mesh.tube(cloth, from, to, radius, radius * 0.85, 10, true);
        parts.push(Part {
            mesh: Arc::new(mesh),
            joint: Joint::Fixed,
        });
    };
    let p = Vec3::new;
    for side in [-1.0_f32, 1.0] {
        part(
            [0.03, 0.04, 0.09],
            p(0.12 * side, 0.09 * side, 0.05),
            p(0.0, 0.09 * side, 0.85),
            0.075,
        );
        part(color, p(-0.1 * side, 0.24 * side, 0.85), p(0.0, 0.2 * side, 1.4), 0.05);
    }
    part(color, p(0.0, 0.0, 0.82), p(0.0, 0.0, 1.45), 0.17);
    let mut head = Mesh::new();
    let skin = Material::matte(Semantic::Pedestrian, [0.45, 0.28, 0.2]);
    head.ellipsoid(skin, p(0.0, 0.0, 1.64), p(0.1, 0.08, 0.13), 8, 10);
    parts.push(Part {
        mesh: Arc::new(head),
        joint: Joint::Fixed,
    });
    Model {
        class: ObjectClass::Pedestrian,
        kind: "adult",
        size: p(0.6, 0.6, 1.78),
        parts,
        lamps: Vec::new(),
        wheelbase: 0.0,
        wheel_radius: 0.0,
        kinematics: Kinematics::Rigid,
        attributes: Vec::new(),
    }
}

/// An ego vehicle at the origin that looks along the street, and this many actors before and behind it.
pub(crate) fn state(actors: u32) -> WorldState {
    let mut rng = Seed::new(2).rng();
    let colors = [
        srgb(170, 20, 25),
        srgb(240, 240, 240),
        srgb(25, 45, 110),
        srgb(20, 20, 22),
        srgb(130, 135, 140),
    ];
    let cars: Vec<Arc<Model>> = colors.iter().map(|c| Arc::new(car(*c))).collect();
    let people: Vec<Arc<Model>> = colors.iter().map(|c| Arc::new(person(*c))).collect();
    let actor = |id: u32, model: &Arc<Model>, position: Vec3, yaw: f32, speed: f32| ActorState {
        id,
        model: Arc::clone(model),
        position,
        rotation: Quat::from_rotation_z(yaw),
        velocity: Quat::from_rotation_z(yaw) * Vec3::X * speed,
        yaw_rate: 0.0,
        acceleration: 0.0,
        articulation: guideway_world::state::Articulation::default(),
        lamps: Lamps {
            head: true,
            tail: true,
            brake: id.is_multiple_of(3),
            ..Lamps::default()
        },
        activity: "driving",
    };
    let list = (0..actors)
        .map(|i| {
            let index = i as usize % colors.len();
            if i % 3 == 2 {
                let place = Vec3::new(rng.random_range(6.0..90.0), rng.random_range(-7.0..7.0_f32), 0.12);
                actor(i + 1, &people[index], place, rng.random_range(0.0..6.0), 1.4)
            } else {
                let ahead = i % 2 == 0;
                let x = 12.0 * (i / 2) as f32 - 60.0 + if ahead { 4.0 } else { 9.0 };
                let (y, yaw) = if ahead {
                    (-2.0, 0.0)
                } else {
                    (2.0, std::f32::consts::PI)
                };
                let x = if ahead && x.abs() < 8.0 { x + 16.0 } else { x };
                actor(i + 1, &cars[index], Vec3::new(x, y, 0.0), yaw, 8.0)
            }
        })
        .collect();
    let ego = actor(actors + 1, &cars[0], Vec3::new(0.0, -2.0, 0.0), 0.0, 8.0);
    WorldState {
        time: 0.0,
        actors: list,
        ego: Some(ego),
        signals: Vec::new(),
    }
}

/// A front camera of 640 × 384 pixels, 70 degrees wide.
pub(crate) fn shot(samples: u32) -> Shot {
    let intrinsics = Intrinsics {
        fx: 457.0,
        fy: 457.0,
        cx: 320.0,
        cy: 192.0,
        width: 640,
        height: 384,
    };
    // Camera axes in the ego frame: x right is −y, y down is −z, z forward is x.
    let rotation = DQuat::from_mat3(&glam::DMat3::from_cols(-DVec3::Y, -DVec3::Z, DVec3::X));
    Shot {
        camera: Camera::new(intrinsics, CameraModel::Pinhole).expect("a camera with plain numbers"),
        ego_from_camera: Se3::new(rotation, DVec3::new(1.6, 0.0, 1.4)).expect("a rotation"),
        exposure_s: 0.0,
        rolling_shutter_s: 0.0,
        samples,
        read_noise: 1.0,
        seed: Seed::new(3),
    }
}
