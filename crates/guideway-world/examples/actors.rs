//! Contact sheets of everyone on the road: `cargo run --release --example actors -- FOLDER [CLASS…]` writes `CLASS.png`, each kind
//! from several sides, and `street.png`, all of them 12 to 40 metres before a camera of 640 × 384 pixels.

use std::path::PathBuf;
use std::sync::Arc;

use glam::{Affine3A, Quat, Vec3};
use guideway_core::{Camera, CameraModel, DQuat, DVec3, Intrinsics, Se3};
use guideway_world::actors::{Variant, generate, kinds};
use guideway_world::environment::{Environment, Piece};
use guideway_world::material::{Material, Pattern, Semantic};
use guideway_world::mesh::Mesh;
use guideway_world::params::SceneParams;
use guideway_world::render::{CpuRenderer, Renderer as _, Shot, Snapshot};
use guideway_world::state::{ActorState, Articulation, Lamps, WorldState};
use guideway_world::{ObjectClass, Seed};
use image::{RgbImage, imageops};

type Failure = Box<dyn std::error::Error>;

/// Size of one picture of a sheet, px.
const CELL: (u32, u32) = (240, 180);
/// Pictures in a row.
const COLUMNS: u32 = 6;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: actors FOLDER [CLASS…]")?);
    let asked: Vec<String> = arguments.collect();
    std::fs::create_dir_all(&folder)?;
    let environment = road();
    let renderer = CpuRenderer::new(&environment);
    let view = View {
        environment: &environment,
        renderer: &renderer,
        params: SceneParams::default(),
    };
    for class in ObjectClass::ALL {
        if !kinds(class).is_empty() && (asked.is_empty() || asked.iter().any(|name| name == class.name())) {
            view.sheet(class)?.save(folder.join(format!("{}.png", class.name())))?;
        }
    }
    if asked.is_empty() || asked.iter().any(|name| name == "street") {
        view.street()?.save(folder.join("street.png"))?;
    }
    Ok(())
}

struct View<'a> {
    environment: &'a Environment,
    renderer: &'a CpuRenderer,
    params: SceneParams,
}

impl View<'_> {
    /// A row for each kind: three seeds, from ahead, from the side, from behind, as the left half of the row and the right.
    fn sheet(&self, class: ObjectClass) -> Result<RgbImage, Failure> {
        let kinds = kinds(class);
        let mut sheet = RgbImage::new(CELL.0 * COLUMNS, CELL.1 * kinds.len() as u32);
        for (row, kind) in kinds.iter().enumerate() {
            for column in 0..COLUMNS {
                let seed = Seed::new(1).index(row as u64).index(u64::from(column / 2));
                let model = generate(class, Variant::Kind(kind), seed);
                let yaw = [2.5_f32, 0.7, 1.55, 3.1, 2.2, 0.0][column as usize];
                let size = model.size;
                let width = size.x * yaw.sin().abs() + size.y * yaw.cos().abs();
                let distance = 4.0 * width.max(size.z) + size.x;
                let fill = f64::from((width * 1.1).max(size.z * 4.0 / 3.0 * 1.12));
                let focal = f64::from(distance) * f64::from(CELL.0) / fill;
                let articulation = Articulation {
                    gait: 0.13 * f64::from(column) as f32,
                    pace: if class == ObjectClass::Pedestrian { 1.4 } else { 1.0 },
                    steer: 0.2,
                    ..Articulation::default()
                };
                let eye = Vec3::new(0.0, 0.0, size.z * 0.5 + distance * 0.13);
                let actor = stand(1, model, Vec3::X * distance, yaw, articulation);
                let frame = self.picture(vec![actor], CELL, focal, eye, -0.13)?;
                imageops::replace(
                    &mut sheet,
                    &frame,
                    i64::from(column * CELL.0),
                    row as i64 * i64::from(CELL.1),
                );
            }
        }
        Ok(sheet)
    }

    /// One picture with all classes at the distances at which they matter.
    fn street(&self) -> Result<RgbImage, Failure> {
        let mut actors = vec![];
        for (row, distance) in [12.0_f32, 18.0, 26.0, 38.0].iter().enumerate() {
            let classes = [
                ObjectClass::Pedestrian,
                ObjectClass::Bicycle,
                ObjectClass::Car,
                ObjectClass::Motorcycle,
                ObjectClass::Animal,
                ObjectClass::Van,
                ObjectClass::Debris,
                ObjectClass::Truck,
                ObjectClass::Pedestrian,
                ObjectClass::Bus,
            ];
            let across = distance * 1.3;
            let per_row = 3 + 2 * row;
            for k in 0..per_row {
                let class = classes[(k * 3 + row * 2) % classes.len()];
                let id = actors.len() as u32 + 1;
                let model = generate(class, Variant::Any, Seed::new(20).index(u64::from(id)));
                let y = across * (0.5 - (k as f32 + 0.5) / per_row as f32);
                let yaw = 0.9 * id as f32;
                let articulation = Articulation {
                    gait: 0.21 * id as f32,
                    pace: 1.3,
                    ..Articulation::default()
                };
                actors.push(stand(id, model, Vec3::new(*distance, y, 0.0), yaw, articulation));
            }
        }
        self.picture(actors, (640, 384), 457.0, Vec3::new(0.0, 0.0, 1.6), 0.0)
    }

    /// What a camera at `eye` sees that looks along x, `pitch` rad up.
    fn picture(
        &self,
        actors: Vec<ActorState>,
        (width, height): (u32, u32),
        focal: f64,
        eye: Vec3,
        pitch: f64,
    ) -> Result<RgbImage, Failure> {
        let intrinsics = Intrinsics {
            fx: focal,
            fy: focal,
            cx: f64::from(width) / 2.0,
            cy: f64::from(height) / 2.0,
            width,
            height,
        };
        // Camera axes in the ego frame: x right is −y, y down is −z, z forward is x.
        let level = DQuat::from_mat3(&glam::DMat3::from_cols(-DVec3::Y, -DVec3::Z, DVec3::X));
        let ego = generate(ObjectClass::Car, Variant::Any, Seed::new(0));
        let state = WorldState {
            time: 0.0,
            actors,
            ego: Some(stand(1000, ego, Vec3::ZERO, 0.0, Articulation::default())),
            signals: vec![],
        };
        let shot = Shot {
            camera: Camera::new(intrinsics, CameraModel::Pinhole)?,
            ego_from_camera: Se3::new(DQuat::from_rotation_y(-pitch) * level, eye.as_dvec3())?,
            exposure_s: 0.0,
            rolling_shutter_s: 0.0,
            samples: 4,
            read_noise: 0.5,
            seed: Seed::new(3),
        };
        let snapshot = Snapshot {
            environment: self.environment,
            state: &state,
            params: &self.params,
            seed: Seed::new(1),
        };
        let frame = self.renderer.camera(&snapshot, &shot);
        Ok(RgbImage::from_raw(frame.width, frame.height, frame.rgb).ok_or("a frame of the wrong size")?)
    }
}

/// An actor at its place.
fn stand(
    id: u32,
    model: guideway_world::actors::Model,
    position: Vec3,
    yaw: f32,
    articulation: Articulation,
) -> ActorState {
    ActorState {
        id,
        model: Arc::new(model),
        position,
        rotation: Quat::from_rotation_z(yaw),
        velocity: Vec3::ZERO,
        yaw_rate: 0.0,
        acceleration: 0.0,
        articulation,
        lamps: Lamps::default(),
        activity: "standing",
    }
}

/// Nothing but asphalt.
fn road() -> Environment {
    let mut mesh = Mesh::new();
    let asphalt = Material::matte(Semantic::Road, [0.12, 0.12, 0.125]).pattern(Pattern::Asphalt);
    let p = |x: f32, y: f32| Vec3::new(x, y, 0.0);
    mesh.quad(
        asphalt,
        p(-500.0, -500.0),
        p(900.0, -500.0),
        p(900.0, 500.0),
        p(-500.0, 500.0),
    );
    Environment {
        pieces: vec![Piece {
            mesh: Arc::new(mesh),
            world_from_mesh: Affine3A::IDENTITY,
            object: None,
            signal: None,
        }],
        ..Environment::default()
    }
}
