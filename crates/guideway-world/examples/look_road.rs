//! Draws road networks as maps and as seen by a driver: `cargo run --release --example look_road -- FOLDER [SEED [FILE.xodr…]]`.

#![expect(clippy::print_stdout, reason = "an example says what it made")]

use std::path::{Path, PathBuf};

use glam::{DMat3, DQuat, Vec2, Vec3};
use guideway_core::{Camera, CameraModel, Intrinsics, Se3};
use guideway_world::Seed;
use guideway_world::environment::Environment;
use guideway_world::params::{RoadKind, RoadParams, SceneParams, SurroundingsParams};
use guideway_world::render::{CpuRenderer, Renderer as _, Shot, Snapshot};
use guideway_world::road::{LaneKind, RoadNetwork, Terrain, surface};
use guideway_world::state::WorldState;
use image::{Rgb, RgbImage};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: look_road FOLDER [SEED [FILE.xodr…]]")?);
    let seed = Seed::new(arguments.next().map_or(Ok(1), |s| s.parse())?);
    std::fs::create_dir_all(&folder)?;
    let files: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    for file in &files {
        let params = RoadParams::default();
        let (network, warnings) = RoadNetwork::from_opendrive(file, &params, &SurroundingsParams::default(), seed)?;
        for warning in warnings {
            println!(
                "{}:{}: {}: {}",
                file.display(),
                warning.line,
                warning.element,
                warning.problem
            );
        }
        let name = file.file_stem().map_or("file".into(), |stem| stem.to_string_lossy());
        look(&folder, &name, &network, &params, seed)?;
    }
    if !files.is_empty() {
        return Ok(());
    }
    let kinds = [
        ("urban", RoadKind::Urban, 1),
        ("urban_2", RoadKind::Urban, 2),
        ("suburban", RoadKind::Suburban, 1),
        ("rural", RoadKind::Rural, 1),
        ("highway", RoadKind::Highway, 3),
    ];
    for (name, kind, lanes) in kinds {
        let params = RoadParams {
            kind,
            lanes,
            extent: if kind == RoadKind::Rural { 900.0 } else { 480.0 },
            ..RoadParams::default()
        };
        let network = RoadNetwork::generate(&params, &SurroundingsParams::default(), seed)?;
        look(&folder, name, &network, &params, seed)?;
    }
    Ok(())
}

fn look(folder: &Path, name: &str, network: &RoadNetwork, params: &RoadParams, seed: Seed) -> Result<(), Failure> {
    let terrain = Terrain::new(network, params, seed);
    let pieces = surface(network, &terrain, params, seed);
    let triangles: usize = pieces.iter().map(|p| p.mesh.triangles.len()).sum();
    println!(
        "{name}: {} lanes, {} crossings, {} signals, {} signs, {} spots, {} plots, {} lamps, {} patches, {triangles} triangles",
        network.lanes.len(),
        network.crossings.len(),
        network.signals.len(),
        network.signs.len(),
        network.parking.len(),
        network.plots.len(),
        network.lamp_posts.len(),
        network.patches.len()
    );
    let environment = Environment {
        pieces,
        ..Environment::default()
    };
    map(network, &environment).save(folder.join(format!("{name}_map.png")))?;
    let renderer = CpuRenderer::new(&environment);
    let scene = SceneParams {
        road: params.clone(),
        ..SceneParams::default()
    };
    let state = WorldState::default();
    let snapshot = Snapshot {
        environment: &environment,
        state: &state,
        params: &scene,
        seed,
    };
    let long: Vec<_> = network
        .lanes_of(LaneKind::Driving)
        .filter(|l| l.junction.is_none() && l.center.length() > 20.0)
        .collect();
    for view in 0..3_usize {
        let Some(lane) = long.get((view * 7 + 3) % long.len().max(1)) else {
            continue;
        };
        let place = lane.center.at(if view == 2 {
            lane.center.length() * 0.5
        } else {
            lane.center.length() - 16.0
        });
        let up = if view == 2 { 9.0 } else { 1.6 };
        let tilt = if view == 2 { -0.3 } else { -0.06 };
        let eye = place.position + Vec3::Z * up;
        let ahead = (place.tangent + Vec3::Z * tilt).normalize();
        let frame = renderer.camera(&snapshot, &shot(eye, ahead)?);
        let image = RgbImage::from_raw(frame.width, frame.height, frame.rgb).ok_or("a frame of the wrong size")?;
        image.save(folder.join(format!("{name}_{view}.png")))?;
    }
    Ok(())
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
    let x = z.cross(glam::DVec3::Z).normalize();
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

/// The meshes from above, 3 px a metre at most, with lanes and plots drawn over them.
fn map(network: &RoadNetwork, environment: &Environment) -> RgbImage {
    let points = network.footprint.iter().flatten();
    let (low, high) = points.fold((Vec2::splat(f32::MAX), Vec2::splat(f32::MIN)), |(l, h), p| {
        (l.min(*p), h.max(*p))
    });
    let (low, high) = (low - 30.0, high + 30.0);
    let scale = (1500.0 / (high - low).max_element()).min(4.0);
    let size = ((high - low) * scale).ceil();
    let mut image = RgbImage::from_pixel(size.x as u32, size.y as u32, Rgb([30, 30, 30]));
    let pixel = |p: Vec2| Vec2::new((p.x - low.x) * scale, size.y - 1.0 - (p.y - low.y) * scale);
    for piece in &environment.pieces {
        for (t, m) in piece.mesh.triangles.iter().zip(&piece.mesh.materials) {
            let color = piece.mesh.palette[usize::from(*m)].color * 255.0;
            let color = (color / 255.0).powf(0.45) * 255.0;
            let corners = t.map(|i| pixel(piece.mesh.positions[i as usize].truncate()));
            fill(&mut image, corners, Rgb(color.to_array().map(|c| c as u8)));
        }
    }
    let mut line = |a: Vec2, b: Vec2, color: [u8; 3]| {
        let steps = (a.distance(b) * scale).ceil().max(1.0) as usize;
        for i in 0..=steps {
            let p = pixel(a.lerp(b, i as f32 / steps as f32));
            if p.x >= 0.0 && p.y >= 0.0 && p.x < size.x && p.y < size.y {
                image.put_pixel(p.x as u32, p.y as u32, Rgb(color));
            }
        }
    };
    for lane in &network.lanes {
        let color = match lane.kind {
            LaneKind::Driving if lane.turn > 0 => [255, 160, 40],
            LaneKind::Driving if lane.turn < 0 => [80, 200, 255],
            LaneKind::Driving => [255, 255, 80],
            LaneKind::Bicycle => [80, 255, 80],
            LaneKind::Sidewalk => [255, 80, 255],
            LaneKind::Parking => [80, 80, 255],
            LaneKind::Shoulder => [160, 160, 160],
        };
        for pair in lane.center.points().windows(2) {
            line(pair[0].truncate(), pair[1].truncate(), color);
        }
    }
    for plot in &network.plots {
        for i in 0..plot.outline.len() {
            let color = if i == plot.front { [255, 0, 0] } else { [255, 200, 200] };
            line(plot.outline[i], plot.outline[(i + 1) % plot.outline.len()], color);
        }
    }
    for (foot, over) in &network.lamp_posts {
        line(foot.truncate(), foot.truncate() + *over * 2.0, [255, 255, 255]);
    }
    for sign in &network.signs {
        line(
            sign.foot.truncate(),
            sign.foot.truncate() + sign.facing * 3.0,
            [255, 60, 60],
        );
    }
    for head in network.signals.iter().flat_map(|s| &s.heads) {
        line(
            head.foot.truncate(),
            head.foot.truncate() + head.facing * 3.0,
            [60, 255, 160],
        );
        line(
            head.foot.truncate(),
            head.foot.truncate() + head.facing.perp() * head.arm,
            [60, 255, 160],
        );
    }
    image
}

fn fill(image: &mut RgbImage, [a, b, c]: [Vec2; 3], color: Rgb<u8>) {
    let area = (b - a).perp_dot(c - a);
    if area.abs() < 1e-6 {
        return;
    }
    let (low, high) = (a.min(b).min(c), a.max(b).max(c));
    let clamp = |v: f32, most: u32| v.clamp(0.0, most as f32) as u32;
    for y in clamp(low.y.floor(), image.height())..clamp(high.y.ceil(), image.height()) {
        for x in clamp(low.x.floor(), image.width())..clamp(high.x.ceil(), image.width()) {
            let p = Vec2::new(x as f32 + 0.5, y as f32 + 0.5) - a;
            let (v, w) = (p.perp_dot(c - a) / area, (b - a).perp_dot(p) / area);
            if v >= 0.0 && w >= 0.0 && v + w <= 1.0 {
                image.put_pixel(x, y, color);
            }
        }
    }
}
