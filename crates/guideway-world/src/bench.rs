//! How fast worlds are made and seen.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;

use crate::labels::check::{check_agreement, check_picture, check_sweep};
use crate::labels::{LabelOptions, Picture, count_points, label_picture, label_sweep};
use crate::params::{SceneParams, TrafficParams};
use crate::picture::{encode_jpeg, failed, shot};
use crate::render::Renderer as _;
use crate::sensors::Rig;
use crate::sensors::lidar::sweep;
use crate::world::World;
use crate::{Seed, WorldError};

/// A stage of making a frame.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Stage {
    /// Its name.
    pub name: &'static str,
    /// Milliseconds a frame.
    pub ms_per_frame: f64,
    /// Its share of the time of a frame.
    pub share: f64,
}

/// What a benchmark measured.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BenchReport {
    /// Camera frames a second, each with one lidar sweep and all labels, encoding included.
    pub frames_per_second: f64,
    /// The same with everything but the encoding to JPEG.
    pub frames_per_second_without_encoding: f64,
    /// Rays from cameras and lidars a second of the time spent in casting them (shading, shadows and noise included).
    pub rays_per_second: f64,
    /// Frames that were made.
    pub frames: u32,
    /// Size of a picture, px.
    pub image: [u32; 2],
    /// Rays of a sweep.
    pub lidar_rays: u32,
    /// Triangles of the scene, actors included.
    pub triangles: u64,
    /// Actors in the scene.
    pub actors: u32,
    /// Labelled objects in a picture, on average.
    pub objects_per_frame: f64,
    /// Threads.
    pub threads: u32,
    /// Time to build the world, s.
    pub build_seconds: f64,
    /// Where the time goes.
    pub stages: Vec<Stage>,
    /// Labels that broke a rule, of all that were made; 0 unless something is wrong.
    pub violations: u64,
}

/// The scene that is measured: a town at noon with dense traffic.
pub fn bench_scene() -> SceneParams {
    SceneParams {
        traffic: TrafficParams {
            vehicles_per_km: 30.0,
            pedestrians_per_km: 80.0,
            cyclists_per_km: 10.0,
            ..TrafficParams::default()
        },
        ..SceneParams::default()
    }
}

/// Drives through the scene at the rig's first camera and lidar, `frames` pictures at 10 Hz, and measures each stage.
///
/// # Errors
/// A rig without a camera and a lidar.
#[expect(clippy::disallowed_methods, reason = "measuring time is what it is for")]
pub fn bench(rig: &Rig, frames: u32, seed: Seed) -> Result<BenchReport, WorldError> {
    let started = Instant::now();
    let mut world = World::new(bench_scene(), ".".as_ref(), seed)?;
    let build_seconds = started.elapsed().as_secs_f64();
    let missing = |what: &str| WorldError::Rig {
        origin: "the rig".to_owned(),
        sensor: what.to_owned(),
        parameter: what.to_owned(),
        value: "none".to_owned(),
        problem: "the benchmark needs one camera and one lidar".to_owned(),
    };
    let camera = rig.cameras.first().ok_or_else(|| missing("camera"))?;
    let lidar = rig.lidars.first().ok_or_else(|| missing("lidar"))?;
    let view = shot(seed, camera, 0)?;

    let mut spent = [Duration::ZERO; 5];
    let (mut objects, mut violations, mut rays) = (0_usize, 0_usize, 0_usize);
    // The first frame fills caches that a drive fills once.
    for frame in 0..=frames {
        if frame == 1 {
            spent = [Duration::ZERO; 5];
            objects = 0;
        }
        let mut clock = Instant::now();
        let mut lap = |stage: usize| {
            spent[stage] += clock.elapsed();
            clock = Instant::now();
        };
        let state = world.state_at(f64::from(frame) * 0.1);
        lap(0);
        let snapshot = world.snapshot(&state);
        let points = sweep(world.renderer(), &snapshot, lidar, seed.index(u64::from(frame)));
        lap(2);
        let picture = world.renderer().camera(&snapshot, &view);
        lap(1);
        let counts = count_points(&points);
        let seen = Picture {
            renderer: world.renderer(),
            snapshot: &snapshot,
            shot: &view,
            frame: &picture,
            lanes: Some(world.lane_lines()),
            lidar_points: Some(&counts),
        };
        let labels = label_picture(&seen, &LabelOptions::default());
        let cuboids = label_sweep(&snapshot, lidar, &points, true);
        lap(3);
        let jpeg = encode_jpeg(&picture, camera.jpeg_quality);
        lap(4);
        let labels = labels.map_err(|err| failed(&picture, &err))?;
        jpeg?;
        objects += labels.objects.len();
        rays = picture.depth.len() * view.samples.max(1) as usize + points_cast(lidar);
        if frame % 10 == 0 {
            violations += check_picture(&snapshot, &view, &picture, &labels).len()
                + check_sweep(&snapshot, lidar, &points, &cuboids).len()
                + check_agreement(&snapshot, &view, &picture, lidar, &points).len();
        }
    }
    let frames = frames.max(1);
    let seconds: Vec<f64> = spent.iter().map(Duration::as_secs_f64).collect();
    let total: f64 = seconds.iter().sum();
    let state = world.state_at(f64::from(frames) * 0.1);
    let moving: usize = state
        .actors
        .iter()
        .flat_map(|actor| &actor.model.parts)
        .map(|part| part.mesh.triangles.len())
        .sum();
    let names = ["simulation", "camera", "lidar", "labels", "jpeg"];
    Ok(BenchReport {
        frames_per_second: f64::from(frames) / total,
        frames_per_second_without_encoding: f64::from(frames) / (total - seconds[4]),
        rays_per_second: rays as f64 * f64::from(frames) / (seconds[1] + seconds[2]),
        frames,
        image: [camera.width, camera.height],
        lidar_rays: points_cast(lidar) as u32,
        triangles: (world.environment().triangles() + moving) as u64,
        actors: state.actors.len() as u32,
        objects_per_frame: objects as f64 / f64::from(frames),
        threads: rayon::current_num_threads() as u32,
        build_seconds,
        stages: names
            .iter()
            .zip(&seconds)
            .map(|(name, s)| Stage {
                name,
                ms_per_frame: s * 1e3 / f64::from(frames),
                share: s / total,
            })
            .collect(),
        violations: violations as u64,
    })
}

fn points_cast(lidar: &crate::sensors::rig::LidarSpec) -> usize {
    lidar.vertical_angles().len() * lidar.points_per_turn as usize
}
