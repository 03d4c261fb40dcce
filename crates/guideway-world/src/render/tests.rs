//! The renderer against geometry, against brute force, and against itself on other threads and other registers.

use std::sync::Arc;

use glam::{Affine3A, Quat, Vec3};
use guideway_core::{Camera, CameraModel, DQuat, DVec3, Intrinsics, Se3};
use rand::RngExt as _;

use super::cast::{trace_packet, trace_packet_plain};
use super::lanes::{F8, LANES, M8, V8};
use super::lens::{Grid, Rays};
use super::picture::aim;
use super::scene::{Moving, Shapes, Standing};
use super::shadow::{Blockers, Hint, Sunlight, shade, shade_plain};
use super::sun::sun_direction;
use super::tiles::{trace_tile, trace_tile_plain};
use super::trace::{GROUPS, MISS, Tile};
use super::*;
use crate::Seed;
use crate::actors::{Joint, Kinematics, Model, Part};
use crate::environment::Piece;
use crate::material::{Material, Semantic};
use crate::mesh::Mesh;
use crate::object::ObjectClass;
use crate::state::{ActorState, Articulation, Lamps, WorldState};

fn environment(meshes: Vec<Mesh>) -> Environment {
    let piece = |mesh| Piece {
        mesh: Arc::new(mesh),
        world_from_mesh: Affine3A::IDENTITY,
        object: None,
        signal: None,
    };
    Environment {
        pieces: meshes.into_iter().map(piece).collect(),
        ..Environment::default()
    }
}

fn ground() -> Mesh {
    let mut mesh = Mesh::new();
    let p = |x: f32, y: f32| Vec3::new(x, y, 0.0);
    let road = Material::matte(Semantic::Road, [0.3, 0.3, 0.3]);
    mesh.quad(
        road,
        p(-200.0, -200.0),
        p(200.0, -200.0),
        p(200.0, 200.0),
        p(-200.0, 200.0),
    );
    mesh
}

fn actor(id: u32, position: Vec3, size: Vec3) -> ActorState {
    let mut mesh = Mesh::new();
    mesh.cuboid(
        Material::matte(Semantic::Car, [0.5, 0.1, 0.1]),
        Vec3::Z * (size.z / 2.0),
        size,
    );
    let part = Part {
        mesh: Arc::new(mesh),
        joint: Joint::Fixed,
    };
    ActorState {
        id,
        model: Arc::new(Model {
            class: ObjectClass::Car,
            kind: "box",
            size,
            parts: vec![part],
            lamps: Vec::new(),
            wheelbase: 0.0,
            wheel_radius: 0.0,
            kinematics: Kinematics::Rigid,
            attributes: Vec::new(),
        }),
        position,
        rotation: Quat::IDENTITY,
        velocity: Vec3::ZERO,
        yaw_rate: 0.0,
        acceleration: 0.0,
        articulation: Articulation::default(),
        lamps: Lamps::default(),
        activity: "parked",
    }
}

/// A camera 1.5 m above the origin that looks along x.
fn shot() -> Shot {
    let intrinsics = Intrinsics {
        fx: 200.0,
        fy: 200.0,
        cx: 160.0,
        cy: 100.0,
        width: 320,
        height: 200,
    };
    let rotation = DQuat::from_mat3(&glam::DMat3::from_cols(-DVec3::Y, -DVec3::Z, DVec3::X));
    Shot {
        camera: Camera::new(intrinsics, CameraModel::Pinhole).unwrap(),
        ego_from_camera: Se3::new(rotation, DVec3::new(0.0, 0.0, 1.5)).unwrap(),
        exposure_s: 0.0,
        rolling_shutter_s: 0.0,
        samples: 1,
        read_noise: 1.0,
        seed: Seed::new(5),
    }
}

/// Random triangles around the origin, and boxes that move.
fn clutter(count: u32) -> (Environment, WorldState) {
    let mut rng = Seed::new(11).rng();
    let mut mesh = Mesh::new();
    let gray = Material::matte(Semantic::Building, [0.4, 0.4, 0.4]);
    for _ in 0..count {
        let mut near = |c: Vec3, r: f32| {
            c + Vec3::new(
                rng.random_range(-r..r),
                rng.random_range(-r..r),
                rng.random_range(-r..r),
            )
        };
        let center = near(Vec3::new(0.0, 0.0, 5.0), 30.0);
        let corners = [near(center, 2.0), near(center, 2.0), near(center, 2.0)];
        mesh.polygon(gray, &corners);
    }
    let actors = (0..8)
        .map(|i| {
            let place = Vec3::new(rng.random_range(-20.0..20.0), rng.random_range(-20.0..20.0), 0.0);
            let mut actor = actor(i + 1, place, Vec3::new(4.0, 2.0, 1.5));
            actor.velocity = Vec3::new(rng.random_range(-10.0..10.0), rng.random_range(-10.0..10.0), 0.0);
            actor.yaw_rate = rng.random_range(-0.5..0.5);
            actor
        })
        .collect();
    let state = WorldState {
        actors,
        ..WorldState::default()
    };
    (environment(vec![ground(), mesh]), state)
}

fn random_rays(count: usize, dts: &[f32]) -> Vec<Ray> {
    let mut rng = Seed::new(12).rng();
    let mut any = move |r: f32| {
        Vec3::new(
            rng.random_range(-r..r),
            rng.random_range(-r..r),
            rng.random_range(-r..r),
        )
    };
    (0..count)
        .map(|i| Ray {
            origin: any(20.0) + Vec3::Z * 10.0,
            direction: any(1.0).normalize_or(Vec3::X),
            dt: dts[i % dts.len()],
        })
        .collect()
}

/// Rays of a lidar: they come together in flat fans.
fn sweep_rays(dts: &[f32]) -> Vec<Ray> {
    let mut rays = Vec::new();
    for column in 0..360 {
        let around = column as f32 / 360.0 * std::f32::consts::TAU;
        for ring in 0..12 {
            let up = (-30.0 + 4.0 * ring as f32).to_radians();
            rays.push(Ray {
                origin: Vec3::new(3.0, -2.0, 4.0),
                direction: Vec3::new(up.cos() * around.cos(), up.cos() * around.sin(), up.sin()),
                dt: dts[column * dts.len() / 360],
            });
        }
    }
    rays
}

fn snapshot<'a>(environment: &'a Environment, state: &'a WorldState, params: &'a SceneParams) -> Snapshot<'a> {
    Snapshot {
        environment,
        state,
        params,
        seed: Seed::new(9),
    }
}

#[test]
fn a_box_covers_the_pixels_that_geometry_says_at_its_depth() {
    let environment = environment(vec![ground()]);
    let state = WorldState {
        actors: vec![actor(7, Vec3::new(11.0, 0.3, 0.0), Vec3::new(2.0, 3.0, 1.3))],
        ..WorldState::default()
    };
    let params = SceneParams::default();
    let frame = CpuRenderer::new(&environment).camera(&snapshot(&environment, &state, &params), &shot());
    // Its front stands at x = 10, from y = −1.2 to 1.8 and z = 0 to 1.3; the camera is at z = 1.5 and sees a little of its top.
    let (left, right) = (160.0 - 20.0 * 1.8, 160.0 + 20.0 * 1.2);
    let (top, bottom) = (100.0 + 20.0 * 0.2, 100.0 + 20.0 * 1.5);
    for y in 0..200 {
        for x in 0..320 {
            let (px, py) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
            let at = (y * 320 + x) as usize;
            if (left..right).contains(&px) && (top..bottom).contains(&py) {
                assert_eq!(
                    (frame.object[at], frame.semantic[at]),
                    (7, Semantic::Car as u8),
                    "{x} {y}"
                );
                assert!((frame.depth[at] - 10.0).abs() < 1e-4, "{x} {y}: {}", frame.depth[at]);
            } else if py > bottom {
                // The ground: 1.5 m below the camera.
                assert_eq!(frame.semantic[at], Semantic::Road as u8);
                let depth = (1.5 * 200.0 / (py - 100.0)) as f32;
                assert!(
                    (frame.depth[at] / depth - 1.0).abs() < 1e-4,
                    "{x} {y}: {} {depth}",
                    frame.depth[at]
                );
            } else if py < 99.0 {
                assert_eq!((frame.semantic[at], frame.depth[at]), (0, f32::INFINITY));
            }
        }
    }
    assert_eq!((right - left, bottom - top), (60.0, 26.0));
}

#[test]
fn a_sphere_has_the_depth_of_a_sphere() {
    let mut mesh = Mesh::new();
    let (center, radius) = (Vec3::new(12.0, 0.0, 1.5), 2.0_f32);
    mesh.ellipsoid(
        Material::matte(Semantic::Furniture, [0.5; 3]),
        center,
        Vec3::splat(radius),
        200,
        400,
    );
    let environment = environment(vec![mesh]);
    let state = WorldState::default();
    let params = SceneParams::default();
    let frame = CpuRenderer::new(&environment).camera(&snapshot(&environment, &state, &params), &shot());
    let mut met = 0;
    for y in 0..200_u32 {
        for x in 0..320_u32 {
            let dir = Vec3::new(1.0, (160.0 - x as f32 - 0.5) / 200.0, (100.0 - y as f32 - 0.5) / 200.0);
            // |t d − c| = r with c = (12, 0, 0) from the camera.
            let (a, b, c) = (dir.length_squared(), -2.0 * 12.0 * dir.x, 144.0 - radius * radius);
            let root = b * b - 4.0 * a * c;
            let depth = frame.depth[(y * 320 + x) as usize];
            // Facets lie up to r (1 − cos(π / 200)) = 0.25 mm inside, more where they are met edge on.
            if root > 4.0 * a {
                met += 1;
                let expected = (-b - root.sqrt()) / (2.0 * a);
                assert!((depth - expected).abs() < 2e-3, "{x} {y}: {depth} {expected}");
            } else if root < 0.0 {
                assert_eq!(depth, f32::INFINITY, "{x} {y}");
            }
        }
    }
    assert!(met > 1500, "{met}");
}

#[test]
fn a_ray_alone_meets_the_same_bits_as_among_others() {
    let (environment, state) = clutter(2000);
    let renderer = CpuRenderer::new(&environment);
    let params = SceneParams::default();
    let snapshot = snapshot(&environment, &state, &params);
    let mut rays = random_rays(1500, &[0.0, -0.03, 0.04]);
    rays.extend(sweep_rays(&[-0.04, 0.0, 0.04]));
    let mut together = Vec::new();
    renderer.cast(&snapshot, &rays, &mut together);
    assert!(together.iter().filter(|h| h.object != 0).count() > 10);
    let mut alone = Vec::new();
    for (ray, hit) in rays.iter().zip(&together) {
        renderer.cast(&snapshot, std::slice::from_ref(ray), &mut alone);
        assert_eq!(alone.as_slice(), std::slice::from_ref(hit));
    }
}

/// Möller and Trumbore's test in 64 bits, over every triangle.
fn brute(triangles: &[[Vec3; 3]], ray: &Ray) -> f64 {
    let (o, d) = (ray.origin.as_dvec3(), ray.direction.as_dvec3());
    let mut nearest = f64::INFINITY;
    for t in triangles {
        let [a, b, c] = t.map(Vec3::as_dvec3);
        let (ab, ac) = (b - a, c - a);
        let p = d.cross(ac);
        let det = ab.dot(p);
        if det.abs() < 1e-12 {
            continue;
        }
        let to = o - a;
        let q = to.cross(ab);
        let (u, v, t) = (to.dot(p) / det, d.dot(q) / det, ac.dot(q) / det);
        if u >= 0.0 && v >= 0.0 && u + v <= 1.0 && t > 0.0 {
            nearest = nearest.min(t);
        }
    }
    nearest
}

#[test]
fn the_tree_finds_what_brute_force_finds() {
    let (environment, mut state) = clutter(3000);
    for actor in &mut state.actors {
        actor.yaw_rate = 0.0;
    }
    let renderer = CpuRenderer::new(&environment);
    let params = SceneParams::default();
    let mut rays = random_rays(2000, &[0.05]);
    rays.extend(sweep_rays(&[0.05]));
    let mut hits = Vec::new();
    renderer.cast(&snapshot(&environment, &state, &params), &rays, &mut hits);
    let mut triangles: Vec<[Vec3; 3]> = Vec::new();
    let mut add = |mesh: &Mesh, place: Vec3| {
        for t in &mesh.triangles {
            triangles.push(t.map(|i| mesh.positions[i as usize] + place));
        }
    };
    for piece in &environment.pieces {
        add(&piece.mesh, Vec3::ZERO);
    }
    for actor in &state.actors {
        add(&actor.model.parts[0].mesh, actor.at(0.05).position);
    }
    let mut different = 0;
    for (ray, hit) in rays.iter().zip(&hits) {
        let expected = brute(&triangles, ray);
        let same = f64::from(hit.distance) == expected || (f64::from(hit.distance) - expected).abs() < 1e-3;
        different += usize::from(!same);
    }
    // A ray through an edge may fall to either side of it.
    assert!(different <= 2, "{different} of {}", rays.len());
}

#[test]
fn wide_and_narrow_registers_give_the_same_bits() {
    let (environment, state) = clutter(2000);
    let standing = Standing::new(&environment);
    let moving = Moving::new(&Shapes::default(), &state.actors, None);
    let shot = shot();
    let rays = Rays::new(&shot.camera, Grid::image(&shot.camera, [0.5, 0.5]));
    let pose = super::picture::world_from_camera(&state, &shot, 0.0);
    let sun = sun_direction(&SceneParams::default().time);
    let blockers = Blockers::standing(&standing, sun);
    let sunlight = Sunlight::new(&blockers, &moving, sun);
    let (mut shaded, mut hint) = (0, Hint::default());
    for (index, rays) in rays.tiles.iter().enumerate() {
        let dt = if index % 2 == 0 { 0.0 } else { 0.02 };
        let mut a = Tile::default();
        if !aim(&mut a, rays, pose) {
            continue;
        }
        let mut b = a.clone();
        trace_tile(&standing, &moving, &mut a, dt);
        trace_tile_plain(&standing, &moving, &mut b, dt);
        assert_eq!((a.t, a.hit), (b.t, b.hit), "tile {index}");
        let points: [V8; GROUPS] = std::array::from_fn(|g| {
            V8::gather(std::array::from_fn(|lane| {
                a.dirs[g].lane(lane) * (a.t[g].0[lane].min(1e3) - 0.01)
            }))
        });
        let asking = a.hit.map(|h| M8(h.map(|n| if n == MISS { u32::MAX } else { 0 })));
        let (mut wide, mut narrow) = (asking, asking);
        // What the tiles before left as a hint saves time and changes nothing.
        shade(&sunlight, a.origin, &points, &mut wide, dt, &mut hint);
        shade_plain(&sunlight, a.origin, &points, &mut narrow, dt, &mut Hint::default());
        assert_eq!(wide, narrow, "tile {index}");
        shaded += wide.iter().flat_map(|m| m.0).filter(|m| *m != 0).count();
    }
    assert!(shaded > 1000);
    let fans = sweep_rays(&[0.03]);
    for rays in random_rays(400, &[0.03]).chunks(LANES).chain(fans.chunks(LANES)) {
        let at = |lane: usize| rays[lane.min(rays.len() - 1)];
        let origin = V8::gather(std::array::from_fn(|lane| at(lane).origin));
        let dir = V8::gather(std::array::from_fn(|lane| at(lane).direction));
        let reach = F8::splat(f32::INFINITY);
        let a = trace_packet(&standing, &moving, &origin, &dir, reach, 0.03);
        let b = trace_packet_plain(&standing, &moving, &origin, &dir, reach, 0.03);
        assert_eq!(a, b);
    }
}

/// Every point of every tile: in shadow where a ray towards the sun meets something, and nowhere else.
#[test]
fn shadows_fall_where_rays_to_the_sun_end() {
    let (environment, state) = clutter(600);
    let renderer = CpuRenderer::new(&environment);
    let params = SceneParams::default();
    let moving = Moving::new(&Shapes::default(), &state.actors, None);
    let sun = sun_direction(&params.time);
    let blockers = Blockers::standing(&renderer.standing, sun);
    let sunlight = Sunlight::new(&blockers, &moving, sun);
    let mut rng = Seed::new(3).rng();
    let (mut different, mut dark_points) = (0, 0);
    for _ in 0..60 {
        let center = Vec3::new(rng.random_range(-25.0..25.0), rng.random_range(-25.0..25.0), 0.5);
        let mut point = || center + Vec3::new(rng.random_range(-3.0..3.0), rng.random_range(-3.0..3.0), 0.0);
        let points: [V8; GROUPS] = std::array::from_fn(|_| V8::gather(std::array::from_fn(|_| point())));
        let mut dark = [M8([0; LANES]); GROUPS];
        shade(&sunlight, Vec3::ZERO, &points, &mut dark, 0.0, &mut Hint::default());
        let rays: Vec<Ray> = (0..GROUPS * LANES)
            .map(|i| Ray {
                origin: points[i / LANES].lane(i % LANES),
                direction: sun,
                dt: 0.0,
            })
            .collect();
        let mut hits = Vec::new();
        renderer.cast(&snapshot(&environment, &state, &params), &rays, &mut hits);
        for (i, hit) in hits.iter().enumerate() {
            let shaded = dark[i / LANES].0[i % LANES] != 0;
            dark_points += usize::from(shaded);
            // The ground, which is below every point here, does not count.
            let road = hit.semantic == Semantic::Road as u8;
            different += usize::from(shaded != (hit.distance.is_finite() && hit.distance > 1e-3 && !road));
        }
    }
    assert!(different <= 3, "{different}");
    assert!((100..3700).contains(&dark_points), "{dark_points}");
}

#[test]
fn one_thread_and_two_take_the_same_picture() {
    let (environment, mut state) = clutter(800);
    state.ego = Some(actor(99, Vec3::ZERO, Vec3::new(0.2, 0.2, 0.2)));
    if let Some(ego) = &mut state.ego {
        ego.velocity = Vec3::X * 12.0;
    }
    let mut params = SceneParams::default();
    params.weather.wetness = 0.7;
    params.weather.rain_mm_per_h = 5.0;
    params.optics.dirt = 0.5;
    params.optics.drops = 0.5;
    let mut shot = shot();
    (shot.samples, shot.exposure_s, shot.rolling_shutter_s) = (2, 0.01, 0.02);
    for hour in [13.0, 23.0] {
        params.time.hour = hour;
        let frames = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| CpuRenderer::new(&environment).camera(&snapshot(&environment, &state, &params), &shot))
        });
        for frame in &frames[1..] {
            assert!(frame.rgb == frames[0].rgb, "colours differ at {hour}");
            assert_eq!(frame.object, frames[0].object);
            assert_eq!(frame.depth, frames[0].depth);
        }
    }
}

#[test]
fn night_is_darker_than_day_and_fog_hides_what_is_far() {
    let (environment, state) = clutter(300);
    let renderer = CpuRenderer::new(&environment);
    let mean = |params: &SceneParams| {
        let frame = renderer.camera(&snapshot(&environment, &state, params), &shot());
        frame.rgb.iter().map(|v| f64::from(*v)).sum::<f64>() / frame.rgb.len() as f64
    };
    let mut params = SceneParams::default();
    let day = mean(&params);
    params.time.hour = 23.9;
    let night = mean(&params);
    assert!(day > 80.0 && night < 0.5 * day, "day {day}, night {night}");
    let mut foggy = SceneParams::default();
    foggy.weather.visibility_m = 25.0;
    let (plain, nobody) = (self::environment(vec![ground()]), WorldState::default());
    let frame = CpuRenderer::new(&plain).camera(&snapshot(&plain, &nobody, &foggy), &shot());
    // Ground near the horizon, hundreds of metres away, has the colour of the air above it.
    let at = |y: usize| f64::from(frame.rgb[(y * 320 + 160) * 3 + 1]);
    assert!((at(101) - at(97)).abs() < 12.0, "{} {}", at(101), at(97));
}

#[test]
fn silhouettes_know_nothing_of_what_stands_before_them() {
    let environment = environment(vec![ground()]);
    let size = Vec3::new(2.0, 3.0, 1.3);
    let behind = actor(1, Vec3::new(11.0, 0.3, 0.0), size);
    // Its right half is beyond the image's right edge, 8 m to the right at a depth of 10.
    let aside = actor(2, Vec3::new(11.0, -8.0, 0.0), size);
    let before = actor(3, Vec3::new(5.0, 0.0, 0.0), size);
    let away = actor(4, Vec3::new(-20.0, 0.0, 0.0), size);
    let state = WorldState {
        actors: vec![behind, aside, before, away],
        ..WorldState::default()
    };
    let params = SceneParams::default();
    let renderer = CpuRenderer::new(&environment);
    let found = renderer.silhouettes(&snapshot(&environment, &state, &params), &shot(), &[1, 2, 4, 77]);
    // The front face alone covers 60 × 26 pixels; the top adds one or two rows.
    assert_eq!(found[0].inside, found[0].total);
    assert!((1560..1760).contains(&found[0].inside), "{:?}", found[0]);
    let share = f64::from(found[1].inside) / f64::from(found[1].total);
    assert!((0.4..0.62).contains(&share), "{:?}", found[1]);
    assert_eq!((found[2], found[3]), (Silhouette::default(), Silhouette::default()));
    let alone = WorldState {
        actors: vec![state.actors[0].clone()],
        ..WorldState::default()
    };
    let frame = renderer.camera(&snapshot(&environment, &alone, &params), &shot());
    let mask = frame.object.iter().filter(|o| **o == 1).count();
    assert_eq!(found[0].inside as usize, mask);
}

#[test]
fn what_moves_is_met_where_it_is_at_the_ray_s_time() {
    let environment = Environment::default();
    let mut car = actor(1, Vec3::new(20.0, 0.0, 0.0), Vec3::new(2.0, 2.0, 2.0));
    car.velocity = Vec3::X * 10.0;
    let state = WorldState {
        actors: vec![car],
        ..WorldState::default()
    };
    let params = SceneParams::default();
    let ray = |dt: f32| Ray {
        origin: Vec3::Z,
        direction: Vec3::X,
        dt,
    };
    let mut hits = Vec::new();
    let rays = [ray(-0.05), ray(0.0), ray(0.05)];
    CpuRenderer::new(&environment).cast(&snapshot(&environment, &state, &params), &rays, &mut hits);
    for (hit, expected) in hits.iter().zip([18.5, 19.0, 19.5]) {
        assert!((hit.distance - expected).abs() < 1e-4, "{} {expected}", hit.distance);
        assert_eq!((hit.object, hit.normal, hit.velocity), (1, Vec3::NEG_X, Vec3::X * 10.0));
    }
}

#[test]
fn broken_meshes_and_empty_scenes_are_no_reason_to_stop() {
    let mut broken = ground();
    broken.positions.push(Vec3::NAN);
    let last = broken.positions.len() as u32 - 1;
    broken.triangles.push([0, 1, last]);
    broken.triangles.push([0, 1, 4_000_000]);
    broken.triangles.push([0, 0, 1]);
    broken.materials.extend([0, 0, 0]);
    let params = SceneParams::default();
    let state = WorldState::default();
    for environment in [Environment::default(), environment(vec![broken])] {
        let renderer = CpuRenderer::new(&environment);
        let snapshot = snapshot(&environment, &state, &params);
        let frame = renderer.camera(&snapshot, &shot());
        assert_eq!(frame.rgb.len(), 320 * 200 * 3);
        let mut hits = Vec::new();
        let lost = Ray {
            origin: Vec3::NAN,
            direction: Vec3::X,
            dt: 0.0,
        };
        let up = Ray {
            origin: Vec3::Z,
            direction: Vec3::Z,
            dt: 0.0,
        };
        renderer.cast(&snapshot, &[lost, up], &mut hits);
        assert!(hits.iter().all(|h| h.distance == f32::INFINITY && h.object == 0));
    }
}
