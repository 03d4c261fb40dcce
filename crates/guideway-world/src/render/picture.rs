//! One picture: rays, surfaces, light, and what the lens and the sensor make of it.

use std::sync::Arc;

use glam::{Affine3A, Vec3};
use multiversion::multiversion;
use rayon::prelude::*;

use super::bvh::Meets;
use super::cast::{Packet, trace_packet};
use super::lanes::{F8, LANES, M8, V8, each};
use super::lens::{Grid, RayCache, Rays, TileRays};
use super::lights::Lit;
use super::maths::{rotation_z, smooth};
use super::post::Tables;
use super::shade::{Facet, Incident, Scene, Surface};
use super::shadow::{Hint, shade};
use super::tiles::{Crowd, lamp_light, trace_tile};
use super::trace::{Cone, GROUPS, MISS, MOVING, TILE, Tile, turn};
use super::{CameraFrame, ObjectId, Shot, Snapshot};
use crate::material::Semantic;
use crate::state::WorldState;

/// Pixels of a tile.
const PIXELS: usize = TILE * TILE;

/// What one picture is made with.
pub(crate) struct Picture<'a> {
    scene: &'a Scene<'a>,
    shot: &'a Shot,
    /// Rays through the pixels' centres.
    centers: Arc<Rays>,
    /// Rays for the colours, where those are others.
    samples: Vec<Arc<Rays>>,
    width: usize,
    height: usize,
    /// Angle between neighbouring pixels, rad.
    pixel: f32,
}

/// A row of tiles of the planes that come out.
struct Band<'a> {
    hdr: &'a mut [Vec3],
    depth: &'a mut [f32],
    object: &'a mut [ObjectId],
    semantic: &'a mut [u8],
}

/// What the rays of a tile met.
struct Seen<'a> {
    tile: Tile,
    surfaces: [Option<(Surface<'a>, f32)>; PIXELS],
    /// All rays met the same flat surface, or none met anything.
    plain: bool,
    /// What shaded the tiles before.
    hint: Hint,
}

impl Default for Seen<'_> {
    fn default() -> Self {
        let nothing = Cone {
            axis: Vec3::Z,
            sides: [Vec3::ZERO; 4],
            corners: [Vec3::ZERO; 4],
            open: true,
        };
        Self {
            tile: Tile::new(Vec3::ZERO, [V8::default(); GROUPS], [F8::splat(-1.0); GROUPS], nothing),
            surfaces: [None; PIXELS],
            plain: false,
            hint: Hint::default(),
        }
    }
}

/// `world_from_camera`, `dt` seconds after the snapshot.
pub(crate) fn world_from_camera(state: &WorldState, shot: &Shot, dt: f32) -> Affine3A {
    let mount = &shot.ego_from_camera;
    let ego_from_camera =
        Affine3A::from_rotation_translation(mount.rotation().as_quat(), mount.translation().as_vec3());
    match &state.ego {
        None => ego_from_camera,
        Some(ego) => {
            let position = ego.position + ego.velocity * dt;
            let turn = Affine3A::from_mat3(rotation_z(ego.yaw_rate * dt));
            Affine3A::from_translation(position) * turn * Affine3A::from_quat(ego.rotation) * ego_from_camera
        }
    }
}

/// Pose and seconds after the snapshot of the row of tiles with this number, in a picture of this height.
pub(crate) fn pose_of_tiles(state: &WorldState, shot: &Shot, row: usize, height: usize) -> (Affine3A, f32) {
    let middle = ((row * TILE) as f64 + TILE as f64 / 2.0).min(height as f64);
    let dt = (shot.rolling_shutter_s * (middle / height as f64 - 0.5)) as f32;
    (world_from_camera(state, shot, dt), dt)
}

/// Rays of a tile in the world; `None` for one without rays.
#[inline(always)]
pub(crate) fn tile_of(rays: &TileRays, pose: Affine3A) -> Option<Tile> {
    let cone = rays.cone?.turned(pose.matrix3);
    let dirs = each!(|g| turn(pose.matrix3, &rays.dirs[g]));
    Some(Tile::new(Vec3::from(pose.translation), dirs, rays.reach, cone))
}

/// A row of tiles, compiled for wide registers where the processor has them.
#[multiversion(targets("x86_64+avx+avx2"))]
fn row_of_tiles<'a, 'b>(picture: &Picture<'a>, row: usize, band: &mut Band<'b>) {
    picture.row_of_tiles(row, band);
}

impl<'a> Picture<'a> {
    pub(crate) fn new(scene: &'a Scene<'a>, shot: &'a Shot, cache: &RayCache) -> Self {
        let intrinsics = shot.camera.intrinsics();
        let places: &[[f64; 2]] = match shot.samples {
            0 | 1 => &[],
            2 | 3 => &[[0.25, 0.75], [0.75, 0.25]],
            _ => &[[0.375, 0.125], [0.875, 0.375], [0.625, 0.875], [0.125, 0.625]],
        };
        let grid = |place: [f64; 2]| cache.get(&shot.camera, Grid::image(&shot.camera, place));
        Self {
            scene,
            shot,
            centers: grid([0.5, 0.5]),
            samples: places.iter().map(|p| grid(*p)).collect(),
            width: intrinsics.width as usize,
            height: intrinsics.height as usize,
            pixel: (1.0 / intrinsics.fx) as f32,
        }
    }

    pub(crate) fn take(&self, snapshot: &Snapshot<'_>, tables: &Tables) -> CameraFrame {
        let count = self.width * self.height;
        let mut frame = CameraFrame {
            width: self.width as u32,
            height: self.height as u32,
            rgb: vec![0; count * 3],
            depth: vec![f32::INFINITY; count],
            object: vec![0; count],
            semantic: vec![Semantic::Sky as u8; count],
        };
        if count == 0 {
            return frame;
        }
        let mut hdr = vec![Vec3::ZERO; count];
        let step = self.width * TILE;
        hdr.par_chunks_mut(step)
            .zip(frame.depth.par_chunks_mut(step))
            .zip(frame.object.par_chunks_mut(step))
            .zip(frame.semantic.par_chunks_mut(step))
            .enumerate()
            .for_each(|(row, (((hdr, depth), object), semantic))| {
                let mut band = Band {
                    hdr,
                    depth,
                    object,
                    semantic,
                };
                row_of_tiles(self, row, &mut band);
            });
        super::optics::blur(&mut hdr, &frame, self.scene, self.shot);
        super::precipitation::fall(&mut hdr, &frame, self.scene, self.shot);
        super::optics::lens(&mut hdr, &frame, self.scene, self.shot, snapshot.seed);
        let exposure = super::post::exposure(&hdr, snapshot.params.optics.exposure_bias as f32);
        super::post::develop(&hdr, exposure, snapshot, self.shot, tables, &mut frame.rgb);
        frame
    }

    #[inline(always)]
    fn row_of_tiles(&self, row: usize, band: &mut Band<'_>) {
        let (pose, dt) = pose_of_tiles(self.scene.state, self.shot, row, self.height);
        let mut seen = Seen::default();
        let alone = self.samples.is_empty();
        let share = 1.0 / self.samples.len().max(1) as f32;
        for column in 0..self.centers.columns {
            let index = row * self.centers.columns + column;
            let left = column * TILE;
            let mut lit = [Vec3::ZERO; PIXELS];
            // The pixels' centres first, for depth and masks; then the samples, for the colours. One call for both: much is compiled
            // into this place.
            for pass in 0..=self.samples.len() {
                let grid = if pass == 0 {
                    &self.centers
                } else {
                    &self.samples[pass - 1]
                };
                let rays = &grid.tiles[index];
                if !self.look(rays, pose, dt, &mut seen) {
                    if pass == 0 {
                        break;
                    }
                    continue;
                }
                if pass == 0 {
                    self.planes(rays, &seen, left, band);
                    if !alone && !seen.plain {
                        continue;
                    }
                }
                let mut sample = [Vec3::ZERO; PIXELS];
                let mixed = self.light(&mut seen, dt, &mut sample);
                // One flat surface, wholly in the sun or wholly in shadow, looks the same through every sample.
                if pass == 0 && (alone || !mixed) {
                    lit = sample;
                    break;
                }
                if pass > 0 {
                    for (sum, c) in lit.iter_mut().zip(&sample) {
                        *sum += *c * share;
                    }
                }
            }
            let columns = TILE.min(self.width - left);
            for (out, lit) in band.hdr.chunks_mut(self.width).zip(lit.chunks(TILE)) {
                out[left..left + columns].copy_from_slice(&lit[..columns]);
            }
        }
    }

    /// Traces a tile; false for one without rays.
    #[inline(always)]
    fn look(&self, rays: &TileRays, pose: Affine3A, dt: f32, seen: &mut Seen<'a>) -> bool {
        let scene = self.scene;
        let Some(tile) = tile_of(rays, pose) else {
            return false;
        };
        seen.tile = tile;
        let tile = &mut seen.tile;
        trace_tile(scene.standing, scene.moving, tile, dt);
        seen.plain = true;
        let first = tile.hit[0][0];
        // Neighbours often meet the same triangle.
        let mut known: Option<(u32, Facet<'a>)> = None;
        for (i, out) in seen.surfaces.iter_mut().enumerate() {
            let (group, lane) = (i / LANES, i % LANES);
            let hit = tile.hit[group][lane];
            seen.plain &= hit == first;
            if hit == MISS {
                *out = None;
                continue;
            }
            let (dir, t) = (tile.dirs[group].lane(lane), tile.t[group].0[lane]);
            let point = tile.origin + dir * t;
            let surface = if hit & MOVING != 0 && dt != 0.0 {
                scene.surface_then(hit, point, dir, dt)
            } else {
                let facet = match known {
                    Some((number, facet)) if number == hit => facet,
                    _ => scene.facet(hit),
                };
                known = Some((hit, facet));
                facet.surface(point, dir)
            };
            *out = Some((surface, t));
        }
        true
    }

    /// Writes depth and masks.
    #[inline(always)]
    fn planes(&self, rays: &TileRays, seen: &Seen<'_>, left: usize, band: &mut Band<'_>) {
        let rows = band.depth.len() / self.width;
        for y in 0..rows {
            for x in 0..TILE.min(self.width - left) {
                let out = y * self.width + left + x;
                if let Some((surface, t)) = &seen.surfaces[y * TILE + x] {
                    band.depth[out] = t * rays.dirs[y].z.0[x];
                    band.object[out] = surface.instance.object;
                    band.semantic[out] = surface.material.semantic as u8;
                }
            }
        }
    }

    /// The light that a tile's rays bring. Tells whether a shadow's edge may run through the tile.
    #[inline(always)]
    fn light(&self, seen: &mut Seen<'_>, dt: f32, out: &mut [Vec3; PIXELS]) -> bool {
        let scene = self.scene;
        let mut hint = seen.hint;
        let tile = &seen.tile;
        let sky = &scene.sky;
        let sunny = scene.sunlight.is_some();
        let lamps = !scene.lights.is_empty();
        let mut points = [V8::default(); GROUPS];
        let mut normals = points;
        let mut dark = [M8([u32::MAX; LANES]); GROUPS];
        let mut used = [M8([0; LANES]); GROUPS];
        for (i, surface) in seen.surfaces.iter().enumerate() {
            let Some((surface, t)) = surface else { continue };
            let (group, lane) = (i / LANES, i % LANES);
            // Off the surface, so that it does not shade itself.
            let point = tile.dirs[group].lane(lane) * *t + surface.flat * (2e-3 + 2e-4 * t);
            points[group].set(lane, point);
            if lamps {
                normals[group].set(lane, surface.normal);
            }
            used[group].0[lane] = u32::MAX;
            if sunny && surface.flat.dot(sky.sun) > 0.0 && surface.normal.dot(sky.sun) > 0.0 {
                dark[group].0[lane] = 0;
            }
        }
        let mut lit = Lit::NONE;
        if sunny || lamps {
            if let Some(sunlight) = &scene.sunlight {
                shade(sunlight, tile.origin, &points, &mut dark, dt, &mut hint);
            }
            if lamps {
                let (standing, moving, lights) = (scene.standing, scene.moving, &scene.lights);
                lit = lamp_light(standing, moving, lights, tile.origin, &points, &normals, &used, dt);
            }
        }
        let mirrors = self.mirrors(seen, dt);
        let near = self.near(seen);
        for (i, (color, surface)) in out.iter_mut().zip(&seen.surfaces).enumerate() {
            let (group, lane) = (i / LANES, i % LANES);
            let dir = tile.dirs[group].lane(lane);
            *color = match surface {
                None if tile.t[group].0[lane] < 0.0 => Vec3::ZERO,
                // The air that dims is a layer of some 150 m.
                None => scene.through_air(sky.radiance(dir, scene.noise), 150.0 / dir.z.max(1e-3)),
                Some((surface, t)) => {
                    let incident = Incident {
                        sun: dark[group].0[lane] == 0,
                        lamps: lit.at(group, lane),
                        ego: lit.ego[group].0[lane],
                        open: openness(scene, &near, surface),
                        mirror: mirrors.as_ref().and_then(|m| m[i]),
                        footprint: t * self.pixel / surface.flat.dot(-dir).max(0.05),
                    };
                    scene.through_air(scene.outgoing(surface, dir, &incident), *t)
                }
            };
        }
        seen.hint = hint;
        let shaded = dark.iter().flat_map(|m| m.0).filter(|m| *m != 0).count();
        lamps || (shaded != 0 && shaded != PIXELS)
    }

    /// What wet surfaces mirror, where that can be seen.
    fn mirrors(&self, seen: &Seen<'_>, dt: f32) -> Option<[Option<Vec3>; PIXELS]> {
        let scene = self.scene;
        if scene.params.weather.wetness < 0.15 {
            return None;
        }
        let mut out = [None; PIXELS];
        for group in 0..GROUPS {
            let mut dirs = [Vec3::Z; LANES];
            let mut origins = [Vec3::ZERO; LANES];
            let mut reach = [-1.0; LANES];
            for lane in 0..LANES {
                let Some((surface, _)) = &seen.surfaces[group * LANES + lane] else {
                    continue;
                };
                let dir = seen.tile.dirs[group].lane(lane);
                if let Some(mirrored) = scene.water(surface, dir) {
                    dirs[lane] = mirrored;
                    origins[lane] = surface.point + surface.flat * 0.01;
                    reach[lane] = 150.0;
                }
            }
            if reach.iter().all(|r| *r < 0.0) {
                continue;
            }
            let mut packet = Packet::new(V8::gather(origins), V8::gather(dirs), F8(reach));
            trace_packet(scene.standing, scene.moving, &mut packet, dt);
            for lane in 0..LANES {
                if reach[lane] < 0.0 {
                    continue;
                }
                let (hit, t, dir) = (packet.hit[lane], packet.t.0[lane], dirs[lane]);
                out[group * LANES + lane] = Some(if hit == MISS {
                    scene.sky.plain(dir)
                } else {
                    let surface = scene.surface(hit, origins[lane] + dir * t, dir);
                    scene.through_air(scene.mirrored(&surface), t)
                });
            }
        }
        Some(out)
    }

    /// Movers that may darken the ground of a tile.
    fn near(&self, seen: &Seen<'_>) -> Vec<u32> {
        let (mut low, mut high) = (Vec3::splat(f32::INFINITY), Vec3::splat(f32::NEG_INFINITY));
        for (surface, _) in seen.surfaces.iter().flatten() {
            if surface.flat.z > 0.7 && surface.instance.object == 0 {
                low = low.min(surface.point);
                high = high.max(surface.point);
            }
        }
        if low.x > high.x {
            return Vec::new();
        }
        let moving = self.scene.moving;
        let pad = Vec3::splat(0.8);
        let (low, high) = (low - pad, high + pad);
        let around = Around { low, high };
        let mut found = Vec::new();
        let mut crowd = Crowd::new(moving, 0.0);
        while let Some(index) = crowd.next(&around) {
            found.push(index);
        }
        // The ego vehicle is not among those that sensors see.
        for (index, ego) in moving.movers.iter().enumerate().skip(moving.seen) {
            if around.meets(ego.low, ego.high) {
                found.push(index as u32);
            }
        }
        found
    }
}

/// A box that may meet others.
struct Around {
    low: Vec3,
    high: Vec3,
}

impl Meets for Around {
    #[inline(always)]
    fn meets(&self, low: Vec3, high: Vec3) -> bool {
        low.cmple(self.high).all() && high.cmpge(self.low).all()
    }
}

/// How much of the sky reaches a place on the ground: vehicles and people take some of it away around their footprints.
#[inline(always)]
fn openness(scene: &Scene<'_>, near: &[u32], surface: &Surface<'_>) -> f32 {
    if near.is_empty() || surface.flat.z < 0.7 || surface.instance.object != 0 {
        return 1.0;
    }
    let mut open = 1.0_f32;
    for index in near {
        let mover = &scene.moving.movers[*index as usize];
        let to = surface.point - mover.motion.position;
        let ahead = to.x * mover.forward.x + to.y * mover.forward.y;
        let aside = to.x * mover.forward.y - to.y * mover.forward.x;
        let out_x = (ahead.abs() - mover.footprint[0] + 0.15).max(0.0);
        let out_y = (aside.abs() - mover.footprint[1] + 0.15).max(0.0);
        let gap = (out_x * out_x + out_y * out_y).sqrt();
        let reach = (mover.footprint[1] * 0.9).clamp(0.15, 0.9);
        if to.z.abs() < 0.6 && gap < reach {
            open *= 0.25 + 0.75 * smooth(-0.2 * reach, reach, gap);
        }
    }
    open
}
