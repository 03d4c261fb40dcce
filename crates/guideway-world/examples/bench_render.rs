//! Times the renderer on a town of 100,000 and more triangles with 45 actors: `cargo run --release --example bench_render [ROUNDS [WHAT]]`;
//! WHAT picks one measurement by its name.
//! `bench_render --obj FOLDER` writes the same town as Wavefront files instead, one for what stands and one for each actor.
//!
//! One JSON object a line: what, threads, milliseconds of the median and of the best round, and (on Linux) milliseconds of processor
//! time a round, which other work on the machine disturbs less. Cameras take 640 × 384 pixels;
//! a sweep has 32 × 1024 rays in 16 time slices.

mod town;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use glam::Vec3;
use guideway_world::Seed;
use guideway_world::environment::Environment;
use guideway_world::mesh::Mesh;
use guideway_world::params::SceneParams;
use guideway_world::render::{CpuRenderer, Ray, Renderer as _, Snapshot};
use guideway_world::state::WorldState;

/// Times `work` and prints a line.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock and prints"
)]
fn time(what: &str, threads: usize, rounds: usize, mut work: impl FnMut(usize)) {
    if std::env::args().nth(2).is_some_and(|only| only != what) {
        return;
    }
    work(0);
    let before = processor_ms();
    let mut ms: Vec<f64> = (0..rounds)
        .map(|round| {
            let start = Instant::now();
            work(round);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let processor = (processor_ms() - before) / rounds as f64;
    ms.sort_by(f64::total_cmp);
    let (median, best) = (ms[ms.len() / 2], ms[0]);
    println!(
        r#"{{"what": "{what}", "threads": {threads}, "median_ms": {median:.2}, "best_ms": {best:.2}, "processor_ms": {processor:.2}}}"#
    );
}

/// Time that the threads of this process have run, ms; 0 where the system does not tell.
fn processor_ms() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    let of = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    };
    tasks.flatten().filter_map(of).sum::<f64>() / 1e6
}

/// Writes `standing.obj` and `actor_N.obj`, all in world coordinates.
fn write_town(environment: &Environment, state: &WorldState, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut standing = Mesh::new();
    for piece in &environment.pieces {
        standing.append(&piece.mesh, piece.world_from_mesh);
    }
    write_obj(&standing, &folder.join("standing.obj"))?;
    let mut pose = Vec::new();
    for actor in &state.actors {
        let mut mesh = Mesh::new();
        actor.model.pose(&actor.articulation, &mut pose);
        for (part, body_from_part) in actor.model.parts.iter().zip(&pose) {
            mesh.append(&part.mesh, actor.world_from_body() * *body_from_part);
        }
        write_obj(&mesh, &folder.join(format!("actor_{}.obj", actor.id)))?;
    }
    Ok(())
}

fn write_obj(mesh: &Mesh, path: &Path) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for p in &mesh.positions {
        writeln!(out, "v {} {} {}", p.x, p.y, p.z)?;
    }
    for n in &mesh.normals {
        writeln!(out, "vn {} {} {}", n.x, n.y, n.z)?;
    }
    for t in &mesh.triangles {
        let [a, b, c] = t.map(|i| i + 1);
        writeln!(out, "f {a}//{a} {b}//{b} {c}//{c}")?;
    }
    out.flush()
}

fn sweep(state: &WorldState) -> Vec<Ray> {
    let origin = state.ego.as_ref().map_or(Vec3::ZERO, |e| e.position) + Vec3::new(0.0, 0.0, 1.9);
    let mut rays = Vec::with_capacity(32 * 1024);
    for column in 0..1024 {
        let dt = ((column / 64) as f32 - 7.5) * 0.1 / 16.0;
        let around = column as f32 / 1024.0 * std::f32::consts::TAU;
        for ring in 0..32 {
            let up = (-25.0 + 40.0 * ring as f32 / 31.0_f32).to_radians();
            rays.push(Ray {
                origin: origin + Vec3::X * 8.0 * dt,
                direction: Vec3::new(up.cos() * around.cos(), up.cos() * around.sin(), up.sin()).normalize(),
                dt,
            });
        }
    }
    rays
}

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let environment = town::environment(420);
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("--obj") {
        let folder = arguments
            .next()
            .ok_or("usage: bench_render [ROUNDS] or bench_render --obj FOLDER")?;
        return Ok(write_town(&environment, &town::state(45), Path::new(&folder))?);
    }
    let rounds = first.map_or(Ok(20), |r| r.parse())?;
    let triangles: usize = environment.pieces.iter().map(|p| p.mesh.triangles.len()).sum();
    let state = town::state(45);
    let moving: usize = (state.actors.iter())
        .flat_map(|a| &a.model.parts)
        .map(|p| p.mesh.triangles.len())
        .sum();
    println!(r#"{{"what": "scene", "standing_triangles": {triangles}, "moving_triangles": {moving}}}"#);
    let renderer = CpuRenderer::new(&environment);
    let objects: Vec<u32> = state.actors.iter().map(|a| a.id).collect();
    let rays = sweep(&state);
    // Two states in turn, as in a drive: actors are placed anew for each frame.
    let mut later = state.clone();
    later.actors = state.actors.iter().map(|a| a.at(0.1)).collect();
    let states = [state, later];
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        pool.install(|| {
            time("build", threads, 1, |_| drop(CpuRenderer::new(&environment)));
            for (name, samples, change) in WEATHERS {
                let mut params = SceneParams::default();
                change(&mut params);
                let shot = town::shot(*samples);
                time(name, threads, rounds, |round| {
                    let snapshot = Snapshot {
                        environment: &environment,
                        state: &states[round % 2],
                        params: &params,
                        seed: Seed::new(1),
                    };
                    drop(renderer.camera(&snapshot, &shot));
                });
            }
            let params = SceneParams::default();
            let snapshot = Snapshot {
                environment: &environment,
                state: &states[0],
                params: &params,
                seed: Seed::new(1),
            };
            let mut hits = Vec::new();
            time("lidar 32x1024", threads, rounds, |_| {
                renderer.cast(&snapshot, &rays, &mut hits);
            });
            let shot = town::shot(1);
            time("silhouettes", threads, rounds, |_| {
                drop(renderer.silhouettes(&snapshot, &shot, &objects));
            });
            time("whole frame", threads, rounds, |round| {
                let snapshot = Snapshot {
                    state: &states[round % 2],
                    ..snapshot.clone()
                };
                drop(renderer.camera(&snapshot, &shot));
                renderer.cast(&snapshot, &rays, &mut hits);
                drop(renderer.silhouettes(&snapshot, &shot, &objects));
            });
        });
    }
    Ok(())
}

/// A name, rays for each pixel, and what is special about it.
type Weather = (&'static str, u32, fn(&mut SceneParams));

const WEATHERS: &[Weather] = &[
    ("camera, sun", 1, |_| ()),
    ("camera, overcast", 1, |p| p.weather.clouds = 1.0),
    ("camera, rain", 1, |p| {
        p.weather.rain_mm_per_h = 8.0;
        p.weather.wetness = 0.8;
    }),
    ("camera, night", 1, |p| p.time.hour = 23.5),
    ("camera, sun, 4 samples", 4, |_| ()),
];
