//! Renders streets of every kind of place as a driver sees them, and single things side by side:
//! `cargo run --release --example look_environment -- FOLDER [SEED] [NAME…]`.

#![allow(clippy::print_stdout, reason = "an example tells who runs it what it made")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use glam::{Affine3A, DMat3, DQuat, DVec3, Vec2, Vec3};
use guideway_core::{Camera, CameraModel, Intrinsics, Se3};
use guideway_world::Seed;
use guideway_world::environment::building::{BuildingKind, BuildingSpec, Detail, building};
use guideway_world::environment::furniture::{FurnitureKind, furniture};
use guideway_world::environment::lamp::{LampKind, lamp_post};
use guideway_world::environment::sign::plate;
use guideway_world::environment::signal::{SignalStyle, pedestrian_head, vehicle_head};
use guideway_world::environment::vegetation::{PlantKind, Season, plant};
use guideway_world::environment::{Environment, Piece};
use guideway_world::material::{Material, Semantic};
use guideway_world::mesh::Mesh;
use guideway_world::params::{RoadKind, SceneParams};
use guideway_world::render::{CpuRenderer, Renderer as _, Shot, Snapshot};
use guideway_world::road::{LaneKind, RoadNetwork, SignKind, Terrain, surface};
use guideway_world::state::{SignalState, WorldState};
use image::RgbImage;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(
        arguments
            .next()
            .ok_or("usage: look_environment FOLDER [SEED] [NAME…]")?,
    );
    let seed = Seed::new(arguments.next().map_or(Ok(1), |s| s.parse())?);
    let names: Vec<String> = arguments.collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
    std::fs::create_dir_all(&folder)?;
    let kinds = [
        ("urban", RoadKind::Urban, 2, 480.0),
        ("suburban", RoadKind::Suburban, 1, 480.0),
        ("rural", RoadKind::Rural, 1, 900.0),
        ("highway", RoadKind::Highway, 3, 900.0),
    ];
    for (name, kind, lanes, extent) in kinds {
        if wanted(name) {
            let mut params = SceneParams::default();
            params.road.kind = kind;
            params.road.lanes = lanes;
            params.road.extent = extent;
            street(&folder, name, &params, seed)?;
        }
    }
    if wanted("things") {
        things(&folder, seed)?;
    }
    Ok(())
}

/// Four views along lanes of one place, by day and by night.
fn street(folder: &Path, name: &str, params: &SceneParams, seed: Seed) -> Result<(), Failure> {
    let network = RoadNetwork::generate(&params.road, &params.surroundings, seed)?;
    let terrain = Terrain::new(&network, &params.road, seed);
    let roads = surface(&network, &terrain, &params.road, seed);
    let of_roads: usize = roads.iter().map(|p| p.mesh.triangles.len()).sum();
    let environment = Environment::generate(&network, &|p| terrain.height(p), roads, params, seed);
    println!(
        "{name}: {} triangles, {of_roads} of them roads, {} pieces, {} objects, {} lamps",
        environment.triangles(),
        environment.pieces.len(),
        environment.objects.len(),
        environment.lamps.len()
    );
    let renderer = CpuRenderer::new(&environment);
    let state = WorldState {
        signals: (0..network.signals.len())
            .map(|i| [SignalState::Red, SignalState::Green, SignalState::Amber][i % 3])
            .collect(),
        ..WorldState::default()
    };
    let long: Vec<_> = network
        .lanes_of(LaneKind::Driving)
        .filter(|l| l.junction.is_none() && l.center.length() > 40.0)
        .collect();
    for view in 0..4_usize {
        let Some(lane) = long.get((view * 7 + seed.value() as usize) % long.len().max(1)) else {
            continue;
        };
        let place = lane.center.at(lane.center.length() * [0.2, 0.45, 0.6, 0.05][view]);
        let eye = place.position + Vec3::Z * 1.5;
        let ahead = (place.tangent + Vec3::Z * 0.02).normalize();
        let mut scene = params.clone();
        if view == 3 {
            scene.time.hour = 23.0;
        }
        let snapshot = Snapshot {
            environment: &environment,
            state: &state,
            params: &scene,
            seed,
        };
        save(
            &renderer,
            &snapshot,
            &shot(eye, ahead)?,
            &folder.join(format!("{name}_{view}.png")),
        )?;
    }
    Ok(())
}

/// Things side by side on a plain.
fn things(folder: &Path, seed: Seed) -> Result<(), Failure> {
    let mut rows: Vec<(&str, f32, Vec<Mesh>)> = Vec::new();
    let houses = |detail: Detail| {
        BuildingKind::ALL.map(|kind| {
            let spec = BuildingSpec {
                kind,
                size: match kind {
                    BuildingKind::Garage | BuildingKind::Shed => Vec2::new(3.2, 4.0),
                    BuildingKind::Detached | BuildingKind::TownHouse => Vec2::new(11.0, 10.0),
                    _ => Vec2::new(18.0, 14.0),
                },
                storeys: 4,
                party: [false; 2],
                plinth: 0.5,
                lit: 0.3,
                detail,
            };
            building(&spec, seed.index(kind as u64)).mesh
        })
    };
    let [a, b] = [houses(Detail::Full), houses(Detail::Low)];
    rows.push(("houses_1", 22.0, a[..6].to_vec()));
    rows.push(("houses_2", 22.0, a[6..].to_vec()));
    rows.push(("houses_far", 22.0, b[..6].to_vec()));
    for (name, foliage, spring) in [
        ("plants_summer", 1.0, false),
        ("plants_autumn", 0.5, false),
        ("plants_winter", 0.0, false),
    ] {
        let season = Season { foliage, spring };
        let plants = PlantKind::ALL.map(|kind| plant(kind, season, Detail::Full, seed));
        rows.push((name, 7.5, plants.to_vec()));
    }
    let things = FurnitureKind::ALL.map(|kind| furniture(kind, seed));
    rows.push(("furniture_1", 2.4, things[..8].to_vec()));
    rows.push(("furniture_2", 2.8, things[8..16].to_vec()));
    rows.push(("furniture_3", 3.4, things[16..].to_vec()));
    let lamps = LampKind::ALL.map(|kind| lamp_post(kind, [1.0, 0.8, 0.5], true, seed).mesh);
    rows.push(("lamps", 3.5, lamps.to_vec()));
    let signs = [
        SignKind::Stop,
        SignKind::Yield,
        SignKind::Priority,
        SignKind::SpeedLimit(30),
        SignKind::SpeedLimit(50),
        SignKind::SpeedLimit(120),
        SignKind::Crossing,
        SignKind::Warning,
        SignKind::NoEntry,
        SignKind::NoParking,
        SignKind::Direction,
    ]
    .map(|kind| plate(kind, 0.62, false, seed));
    rows.push(("signs", 0.75, signs.to_vec()));
    let heads: Vec<Mesh> = (0..4)
        .flat_map(|i| {
            let style = SignalStyle::of(seed.index(i));
            [vehicle_head(&style), pedestrian_head(&style)]
        })
        .collect();
    rows.push(("signals", 0.8, heads));
    for (name, pitch, meshes) in rows {
        sheet(folder, name, pitch, meshes)?;
    }
    Ok(())
}

/// One row of things, `pitch` m apart; plants, houses and furniture look towards −y, signs and signals along x.
fn sheet(folder: &Path, name: &str, pitch: f32, meshes: Vec<Mesh>) -> Result<(), Failure> {
    let signs = name.starts_with("sign");
    let turn = if name.starts_with("houses") {
        0.0
    } else {
        -std::f32::consts::FRAC_PI_2
    };
    let wide = pitch * meshes.len() as f32;
    let mut floor = Mesh::new();
    let grass = Material::matte(Semantic::Terrain, [0.16, 0.2, 0.1]);
    let p = |x: f32, y: f32| Vec3::new(x, y, if signs { -2.0 } else { 0.0 });
    floor.quad(grass, p(-300., -300.), p(300., -300.), p(300., 300.), p(-300., 300.));
    let piece = |mesh: Mesh, world_from_mesh: Affine3A| Piece {
        mesh: Arc::new(mesh),
        world_from_mesh,
        object: None,
        signal: Some(0),
    };
    let mut environment = Environment::default();
    environment.pieces.push(piece(floor, Affine3A::IDENTITY));
    for (i, mesh) in meshes.into_iter().enumerate() {
        let x = pitch * i as f32 - wide / 2.0;
        let place = Affine3A::from_translation(Vec3::new(x, 0.0, 0.0)) * Affine3A::from_rotation_z(turn);
        environment.pieces.push(piece(mesh, place));
    }
    let renderer = CpuRenderer::new(&environment);
    let mut params = SceneParams::default();
    params.time.hour = 12.8;
    let snapshot = Snapshot {
        environment: &environment,
        state: &WorldState {
            signals: vec![SignalState::Red],
            ..WorldState::default()
        },
        params: &params,
        seed: Seed::new(1),
    };
    let up = if signs { 0.0 } else { wide * 0.12 };
    let eye = Vec3::new(-pitch / 2.0, -wide * 0.72, up);
    let ahead = (Vec3::new(-pitch / 2.0, 0.0, if signs { 0.0 } else { wide * 0.05 }) - eye).normalize();
    save(
        &renderer,
        &snapshot,
        &shot(eye, ahead)?,
        &folder.join(format!("{name}.png")),
    )
}

fn save(renderer: &CpuRenderer, snapshot: &Snapshot<'_>, shot: &Shot, path: &Path) -> Result<(), Failure> {
    let frame = renderer.camera(snapshot, shot);
    let image = RgbImage::from_raw(frame.width, frame.height, frame.rgb).ok_or("a frame of the wrong size")?;
    Ok(image.save(path)?)
}

/// A camera of 640 × 384 pixels, 70 degrees wide, in the world frame.
fn shot(eye: Vec3, ahead: Vec3) -> Result<Shot, Failure> {
    let intrinsics = Intrinsics {
        fx: 457.0,
        fy: 457.0,
        cx: 320.0,
        cy: 192.0,
        width: 640,
        height: 384,
    };
    let z = ahead.as_dvec3();
    let x = z.cross(DVec3::Z).normalize();
    let rotation = DQuat::from_mat3(&DMat3::from_cols(x, z.cross(x), z));
    Ok(Shot {
        camera: Camera::new(intrinsics, CameraModel::Pinhole)?,
        ego_from_camera: Se3::new(rotation, eye.as_dvec3())?,
        exposure_s: 0.0,
        rolling_shutter_s: 0.0,
        samples: 4,
        read_noise: 1.0,
        seed: Seed::new(3),
    })
}
