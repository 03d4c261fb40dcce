//! A renderer that asks every triangle for every ray, in 64-bit floats: slow, short, and so an oracle.

use glam::{DAffine3, DVec3, Vec3};
use guideway_core::Camera;
use guideway_world::mesh::Mesh;
use guideway_world::render::{CameraFrame, Hit, ObjectId, Ray, Renderer, STATIC_BASE, Shot, Silhouette, Snapshot};
use guideway_world::sensors::{EgoMotion, world_from_body};

/// See above.
pub(crate) struct Brute;

struct Body {
    object: ObjectId,
    triangles: Vec<([DVec3; 3], f32, u8)>,
    low: DVec3,
    high: DVec3,
    actor: Option<usize>,
}

struct World<'a> {
    snapshot: &'a Snapshot<'a>,
    bodies: Vec<Body>,
}

fn body(object: ObjectId, actor: Option<usize>, parts: &[(&Mesh, DAffine3)]) -> Body {
    let mut triangles = Vec::new();
    let (mut low, mut high) = (DVec3::INFINITY, DVec3::NEG_INFINITY);
    for (mesh, frame) in parts {
        for (triangle, material) in mesh.triangles.iter().zip(&mesh.materials) {
            let corners = triangle.map(|i| frame.transform_point3(mesh.positions[i as usize].as_dvec3()));
            for corner in corners {
                low = low.min(corner);
                high = high.max(corner);
            }
            let material = &mesh.palette[usize::from(*material)];
            triangles.push((corners, material.lidar, material.semantic as u8));
        }
    }
    Body {
        object,
        triangles,
        low,
        high,
        actor,
    }
}

impl<'a> World<'a> {
    fn new(snapshot: &'a Snapshot<'a>) -> Self {
        let mut bodies = Vec::new();
        for piece in &snapshot.environment.pieces {
            let object = piece.object.map_or(0, |i| STATIC_BASE + i);
            let frame = DAffine3::from_cols_array(&piece.world_from_mesh.to_cols_array().map(f64::from));
            bodies.push(body(object, None, &[(&piece.mesh, frame)]));
        }
        let mut pose = Vec::new();
        for (index, actor) in snapshot.state.actors.iter().enumerate() {
            actor.model.pose(&actor.articulation, &mut pose);
            let parts: Vec<(&Mesh, DAffine3)> = actor
                .model
                .parts
                .iter()
                .zip(&pose)
                .map(|(part, frame)| {
                    (
                        part.mesh.as_ref(),
                        DAffine3::from_cols_array(&frame.to_cols_array().map(f64::from)),
                    )
                })
                .collect();
            bodies.push(body(actor.id, Some(index), &parts));
        }
        Self { snapshot, bodies }
    }

    /// Nearest hit: distance, normal, reflectivity, object, semantic, velocity. `only` leaves all other objects out.
    fn trace(&self, origin: DVec3, direction: DVec3, dt: f64, only: Option<ObjectId>) -> Hit {
        let mut best = f64::INFINITY;
        let mut hit = Hit {
            distance: f32::INFINITY,
            normal: Vec3::ZERO,
            lidar: 0.0,
            object: 0,
            semantic: 0,
            velocity: Vec3::ZERO,
        };
        for body in &self.bodies {
            if only.is_some_and(|id| id != body.object) {
                continue;
            }
            let actor = body.actor.map(|i| &self.snapshot.state.actors[i]);
            let (o, d) = actor.map_or((origin, direction), |actor| {
                let body_from_world = world_from_body(actor, dt).inverse();
                (body_from_world * origin, body_from_world.transform_vector(direction))
            });
            let (a, b) = ((body.low - o) / d, (body.high - o) / d);
            if a.max(b).min_element() < a.min(b).max_element().max(0.0) {
                continue;
            }
            for (corners, lidar, semantic) in &body.triangles {
                let Some((t, normal)) = meet(o, d, corners).filter(|(t, _)| *t < best) else {
                    continue;
                };
                best = t;
                let (normal, velocity) = actor.map_or((normal, DVec3::ZERO), |actor| {
                    let world_from_body = world_from_body(actor, dt);
                    let arm = world_from_body.transform_vector(o + d * t);
                    (
                        world_from_body.transform_vector(normal),
                        actor.velocity.as_dvec3() + DVec3::Z.cross(arm) * f64::from(actor.yaw_rate),
                    )
                });
                hit = Hit {
                    distance: t as f32,
                    normal: normal.as_vec3(),
                    lidar: *lidar,
                    object: body.object,
                    semantic: *semantic,
                    velocity: velocity.as_vec3(),
                };
            }
        }
        hit
    }

    /// What the point of an image at `pixel` shows; `row` of the height says when.
    fn pixel(&self, shot: &Shot, camera: &Camera, pixel: [f64; 2], only: Option<ObjectId>) -> Option<(Hit, f64)> {
        let ray = camera.unproject(pixel)?;
        let rows = f64::from(shot.camera.intrinsics().height);
        let dt = if shot.rolling_shutter_s > 0.0 {
            ((pixel[1] - 0.5) / (rows - 1.0) - 0.5) * shot.rolling_shutter_s
        } else {
            0.0
        };
        let world_from_camera = EgoMotion::of(self.snapshot.state).world_from_ego(dt) * shot.ego_from_camera;
        let direction = world_from_camera.transform_vector(ray);
        Some((self.trace(world_from_camera.translation(), direction, dt, only), ray.z))
    }
}

/// Möller and Trumbore: distance and normal towards the ray's origin.
fn meet(o: DVec3, d: DVec3, [a, b, c]: &[DVec3; 3]) -> Option<(f64, DVec3)> {
    let (e1, e2) = (*b - *a, *c - *a);
    let p = d.cross(e2);
    let det = e1.dot(p);
    if det.abs() < 1e-14 {
        return None;
    }
    let s = (o - *a) / det;
    let q = s.cross(e1);
    let (u, v) = (s.dot(p), d.dot(q));
    let t = e2.dot(q);
    if u < 0.0 || v < 0.0 || u + v > 1.0 || t <= 1e-6 {
        return None;
    }
    let normal = e1.cross(e2).normalize_or_zero();
    Some((t, if normal.dot(d) > 0.0 { -normal } else { normal }))
}

impl Renderer for Brute {
    fn camera(&self, snapshot: &Snapshot<'_>, shot: &Shot) -> CameraFrame {
        let world = World::new(snapshot);
        let i = shot.camera.intrinsics();
        let mut frame = CameraFrame {
            width: i.width,
            height: i.height,
            ..CameraFrame::default()
        };
        for y in 0..i.height {
            for x in 0..i.width {
                let seen = world.pixel(shot, &shot.camera, [f64::from(x) + 0.5, f64::from(y) + 0.5], None);
                let (depth, object, semantic) = seen.map_or((f32::INFINITY, 0, 0), |(hit, z)| {
                    ((f64::from(hit.distance) * z) as f32, hit.object, hit.semantic)
                });
                frame.depth.push(depth);
                frame.object.push(object);
                frame.semantic.push(semantic);
                frame.rgb.extend([semantic * 10, (object % 251) as u8, 128]);
            }
        }
        frame
    }

    fn cast(&self, snapshot: &Snapshot<'_>, rays: &[Ray], hits: &mut Vec<Hit>) {
        let world = World::new(snapshot);
        hits.clear();
        hits.extend(
            rays.iter()
                .map(|ray| world.trace(ray.origin.as_dvec3(), ray.direction.as_dvec3(), f64::from(ray.dt), None)),
        );
    }

    fn silhouettes(&self, snapshot: &Snapshot<'_>, shot: &Shot, objects: &[ObjectId]) -> Vec<Silhouette> {
        let world = World::new(snapshot);
        let i = shot.camera.intrinsics();
        let (w, h) = (i64::from(i.width), i64::from(i.height));
        objects
            .iter()
            .map(|object| {
                let mut out = Silhouette::default();
                for y in -h..2 * h {
                    for x in -w..2 * w {
                        let seen = world.pixel(shot, &shot.camera, [x as f64 + 0.5, y as f64 + 0.5], Some(*object));
                        if seen.is_some_and(|(hit, _)| hit.distance.is_finite()) {
                            out.total += 1;
                            out.inside += u32::from((0..w).contains(&x) && (0..h).contains(&y));
                        }
                    }
                }
                out
            })
            .collect()
    }
}
