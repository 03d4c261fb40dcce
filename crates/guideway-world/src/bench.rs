//! How fast worlds are made and seen.

use std::time::{Duration, Instant};

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use crate::drive::AT_ONCE;
use crate::labels::check::{check_agreement, check_picture, check_sweep};
use crate::labels::{LabelOptions, Picture, count_points, label_picture, label_sweep};
use crate::params::SceneParams;
use crate::picture::{encode_jpeg, failed, shot};
use crate::render::{Renderer as _, Shot};
use crate::sensors::Rig;
use crate::sensors::lidar::sweep;
use crate::sensors::rig::{CameraSpec, LidarSpec};
use crate::state::WorldState;
use crate::world::World;
use crate::{Seed, WorldError};

/// A stage of making a frame.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Stage {
    /// Its name.
    pub name: &'static str,
    /// Milliseconds a frame that is made alone, on all threads.
    pub ms_per_frame: f64,
    /// Its share of the time of a frame.
    pub share: f64,
}

/// What a benchmark measured.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BenchReport {
    /// Camera frames a second, each with one lidar sweep and all labels, encoding included; several at the same time, as in a drive.
    pub frames_per_second: f64,
    /// The same with everything but the encoding to JPEG.
    pub frames_per_second_without_encoding: f64,
    /// Rays from cameras and lidars a second of the time spent in casting them (shading, shadows and noise included), in frames that
    /// are made alone.
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

/// The scene that is measured: a part of a town at noon, with everyday traffic.
pub fn bench_scene() -> SceneParams {
    let mut params = SceneParams::default();
    params.road.extent = 240.0;
    params
}

/// What is measured.
struct Subject<'a> {
    world: World,
    camera: &'a CameraSpec,
    lidar: &'a LidarSpec,
    view: Shot,
    seed: Seed,
}

/// What is done with a frame besides seeing and labelling it.
#[derive(Clone, Copy)]
struct Extras {
    encode: bool,
    check: bool,
}

/// What a frame is.
struct Made {
    objects: usize,
    violations: usize,
}

impl Subject<'_> {
    /// Makes a frame; `lap` is called after each stage with its place in [`STAGES`].
    fn frame(
        &self,
        index: u32,
        state: &WorldState,
        extras: Extras,
        lap: &mut dyn FnMut(usize),
    ) -> Result<Made, WorldError> {
        let (renderer, camera, lidar) = (self.world.renderer(), self.camera, self.lidar);
        let snapshot = self.world.snapshot(state);
        let points = sweep(renderer, &snapshot, lidar, self.seed.index(u64::from(index)));
        let cuboids = label_sweep(&snapshot, lidar, &points, true);
        lap(LIDAR);
        let picture = renderer.camera(&snapshot, &self.view);
        lap(CAMERA);
        let seen = Picture {
            renderer,
            snapshot: &snapshot,
            shot: &self.view,
            frame: &picture,
            lanes: Some(self.world.lane_lines()),
            lidar_points: Some(&count_points(&points)),
        };
        let labels = label_picture(&seen, &LabelOptions::default()).map_err(|err| failed(&picture, &err))?;
        lap(LABELS);
        if extras.encode {
            encode_jpeg(&picture, camera.jpeg_quality)?;
            lap(JPEG);
        }
        let mut violations = 0;
        if extras.check {
            violations = check_picture(&snapshot, &self.view, &picture, &labels).len()
                + check_sweep(&snapshot, lidar, &points, &cuboids).len()
                + check_agreement(&snapshot, &self.view, &picture, lidar, &points).len();
        }
        Ok(Made {
            objects: labels.objects.len(),
            violations,
        })
    }

    /// Makes frames as a drive does, several at the same time, and gives the seconds it took.
    #[expect(clippy::disallowed_methods, reason = "measuring time is what it is for")]
    fn pace(&mut self, frames: std::ops::Range<u32>, encode: bool) -> Result<f64, WorldError> {
        let extras = Extras { encode, check: false };
        let started = Instant::now();
        for first in frames.clone().step_by(AT_ONCE) {
            let states: Vec<(u32, WorldState)> = (first..frames.end.min(first + AT_ONCE as u32))
                .map(|index| (index, self.world.state_at(f64::from(index) * STEP_S)))
                .collect();
            let this = &*self;
            states
                .par_iter()
                .try_for_each(|(index, state)| this.frame(*index, state, extras, &mut |_| ()).map(drop))?;
        }
        Ok(started.elapsed().as_secs_f64())
    }
}

const STAGES: [&str; 5] = ["simulation", "camera", "lidar", "labels", "jpeg"];
const SIMULATION: usize = 0;
const CAMERA: usize = 1;
const LIDAR: usize = 2;
const LABELS: usize = 3;
const JPEG: usize = 4;
/// Time between two frames, s.
const STEP_S: f64 = 0.1;
/// Frames for the shares of the stages.
const ALONE: u32 = 12;

/// Drives through the scene at the rig's first camera and lidar, at 10 Hz: `frames` pictures as a drive makes them, as many without
/// encoding, and before them some alone, for the time that each stage takes.
///
/// # Errors
/// A rig without a camera and a lidar.
#[expect(clippy::disallowed_methods, reason = "measuring time is what it is for")]
pub fn bench(rig: &Rig, frames: u32, seed: Seed) -> Result<BenchReport, WorldError> {
    let missing = |kind| WorldError::NoSensor {
        origin: "the rig".to_owned(),
        kind,
        problem: "the benchmark needs one camera and one lidar",
    };
    let camera = rig.cameras.first().ok_or_else(|| missing("camera"))?;
    let lidar = rig.lidars.first().ok_or_else(|| missing("lidar"))?;
    let started = Instant::now();
    let mut subject = Subject {
        world: World::new(bench_scene(), ".".as_ref(), seed)?,
        camera,
        lidar,
        view: shot(seed, camera, 0)?,
        seed,
    };
    let build_seconds = started.elapsed().as_secs_f64();

    let mut spent = [Duration::ZERO; STAGES.len()];
    let (mut objects, mut violations) = (0, 0);
    // The first frame fills caches that a drive fills once.
    for index in 0..=ALONE {
        if index == 1 {
            spent = [Duration::ZERO; STAGES.len()];
            objects = 0;
        }
        let mut clock = Instant::now();
        let mut lap = |stage: usize| {
            spent[stage] += clock.elapsed();
            clock = Instant::now();
        };
        let state = subject.world.state_at(f64::from(index) * STEP_S);
        lap(SIMULATION);
        let extras = Extras {
            encode: true,
            check: index % 4 == 0,
        };
        let made = subject.frame(index, &state, extras, &mut lap)?;
        objects += made.objects;
        violations += made.violations;
    }
    let frames = frames.max(1);
    let first = ALONE + 1;
    let with_encoding = subject.pace(first..first + frames, true)?;
    let first = first + frames;
    let without_encoding = subject.pace(first..first + frames, false)?;

    let state = subject.world.state_at(f64::from(first + frames) * STEP_S);
    let moving: usize = state
        .actors
        .iter()
        .flat_map(|actor| &actor.model.parts)
        .map(|part| part.mesh.triangles.len())
        .sum();
    let seconds = spent.map(|spent| spent.as_secs_f64());
    let total: f64 = seconds.iter().sum();
    let pixels = camera.width as usize * camera.height as usize;
    let rays = pixels * subject.view.samples.max(1) as usize + points_cast(lidar);
    Ok(BenchReport {
        frames_per_second: f64::from(frames) / with_encoding,
        frames_per_second_without_encoding: f64::from(frames) / without_encoding,
        rays_per_second: (rays * ALONE as usize) as f64 / (seconds[CAMERA] + seconds[LIDAR]),
        frames,
        image: [camera.width, camera.height],
        lidar_rays: points_cast(lidar) as u32,
        triangles: (subject.world.environment().triangles() + moving) as u64,
        actors: state.actors.len() as u32,
        objects_per_frame: objects as f64 / f64::from(ALONE),
        threads: rayon::current_num_threads() as u32,
        build_seconds,
        stages: STAGES
            .iter()
            .zip(&seconds)
            .map(|(name, s)| Stage {
                name,
                ms_per_frame: s * 1e3 / f64::from(ALONE),
                share: s / total,
            })
            .collect(),
        violations: violations as u64,
    })
}

fn points_cast(lidar: &LidarSpec) -> usize {
    lidar.vertical_angles().len() * lidar.points_per_turn as usize
}
