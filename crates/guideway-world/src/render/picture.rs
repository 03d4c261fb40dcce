//! One picture: rays, surfaces, light, and what the lens and the sensor make of it.

use std::sync::Arc;

use glam::{Affine3A, Vec3};
use multiversion::multiversion;
use rayon::prelude::*;

use super::bvh::Meets;
use super::cast::trace_packet;
use super::lanes::{F8, LANES, M8, V8};
use super::lens::{Grid, RayCache, Rays, TileRays};
use super::lights::Lit;
use super::maths::rotation_z;
use super::post::Tables;
use super::shade::{Facet, Incident, Look, Places, Scene, outgoing};
use super::shadow::{Hint, shade};
use super::sky::radiance;
use super::tiles::{Crowd, lamp_light, trace_tile};
use super::trace::{GROUPS, MISS, MOVING, TILE, Tile, turn};
use super::wide::smooth;
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
    /// Where the surfaces are, and their normals, as in [`Places`].
    points: [V8; GROUPS],
    flats: [V8; GROUPS],
    normals: [V8; GROUPS],
    /// Nothing where nothing was met.
    looks: [Option<Look<'a>>; PIXELS],
    /// All rays met the same flat surface, or none met anything.
    plain: bool,
    /// What shaded the tiles before.
    hint: Hint,
}

impl Default for Seen<'_> {
    fn default() -> Self {
        Self {
            tile: Tile::default(),
            points: [V8::default(); GROUPS],
            flats: [V8::default(); GROUPS],
            normals: [V8::default(); GROUPS],
            looks: [None; PIXELS],
            plain: false,
            hint: Hint::default(),
        }
    }
}

/// The looks that a group's rays met, each with the lanes that have it.
struct Looks<'b, 'a> {
    seen: &'b Seen<'a>,
    group: usize,
    /// Lanes that come later, as bits.
    left: u32,
}

impl<'b, 'a> Looks<'b, 'a> {
    #[inline(always)]
    fn new(seen: &'b Seen<'a>, group: usize) -> Self {
        let left = seen.tile.met(group).bits();
        Self { seen, group, left }
    }

    // Not an iterator: its adapters take closures, which are compiled apart and for narrow registers.
    #[inline(always)]
    fn next(&mut self) -> Option<(M8, Places<'a>)> {
        let (seen, group) = (self.seen, self.group);
        let looks = &seen.looks[group * LANES..][..LANES];
        let look = looks.get(self.left.trailing_zeros() as usize).copied().flatten()?;
        let mut mask = M8::default();
        for (lane, other) in looks.iter().enumerate() {
            if let Some(other) = other
                && other.is(&look)
            {
                mask.0[lane & (LANES - 1)] = u32::MAX;
            }
        }
        self.left &= !mask.bits();
        let places = Places {
            point: seen.points[group],
            flat: seen.flats[group],
            normal: seen.normals[group],
            look,
        };
        Some((mask, places))
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

/// Rays of a tile in the world, in place of what is in `tile`; false for one without rays.
#[inline(always)]
pub(crate) fn aim(tile: &mut Tile, rays: &TileRays, pose: Affine3A) -> bool {
    let Some(cone) = &rays.cone else {
        return false;
    };
    // Not two iterators joined, which compilers leave as a call.
    for g in 0..GROUPS {
        tile.dirs[g] = turn(pose.matrix3, &rays.dirs[g]);
    }
    tile.t = rays.reach;
    tile.begin(Vec3::from(pose.translation), cone.turned(pose.matrix3));
    true
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
        let tile = &mut seen.tile;
        if !aim(tile, rays, pose) {
            return false;
        }
        trace_tile(scene.standing, scene.moving, tile, dt);
        seen.plain = true;
        let first = tile.hit[0][0];
        // Neighbours often meet the same triangle.
        let mut known: Option<(u32, Facet<'a>)> = None;
        for group in 0..GROUPS {
            let (dirs, hits) = (&tile.dirs[group], &tile.hit[group]);
            let looks = &mut seen.looks[group * LANES..][..LANES];
            let points = *dirs * tile.t[group] + V8::splat(tile.origin);
            let (mut flats, mut normals) = (V8::default(), V8::default());
            seen.points[group] = points;
            if *hits == [MISS; LANES] {
                looks.fill(None);
                seen.plain &= first == MISS;
                continue;
            }
            // Lanes whose normal is not the triangle's.
            let mut bent = M8::default();
            for lane in 0..LANES {
                let hit = hits[lane];
                seen.plain &= hit == first;
                if hit == MISS {
                    looks[lane] = None;
                    continue;
                }
                let surface = if hit & MOVING != 0 && dt != 0.0 {
                    scene.surface_then(hit, points.lane(lane), dirs.lane(lane), dt)
                } else {
                    let facet = match known {
                        Some((number, facet)) if number == hit => facet,
                        _ => scene.facet(hit),
                    };
                    known = Some((hit, facet));
                    looks[lane] = Some(facet.look);
                    if facet.is_flat() {
                        flats.set(lane, facet.flat);
                        continue;
                    }
                    facet.surface(points.lane(lane), dirs.lane(lane))
                };
                looks[lane] = Some(surface.look);
                flats.set(lane, surface.flat);
                normals.set(lane, surface.normal);
                bent.0[lane] = u32::MAX;
            }
            let away = flats.dot(dirs).gt(F8::ZERO);
            flats = V8::pick(away, &-flats, &flats);
            seen.flats[group] = flats;
            seen.normals[group] = V8::pick(bent, &normals, &flats);
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
                if let Some(look) = &seen.looks[y * TILE + x] {
                    band.depth[out] = seen.tile.t[y].0[x] * rays.dirs[y].z.0[x];
                    band.object[out] = look.instance.object;
                    band.semantic[out] = look.material.semantic as u8;
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
        let mut dark = [M8::splat(true); GROUPS];
        let mut met = [M8::default(); GROUPS];
        for group in 0..GROUPS {
            let (flats, normals) = (&seen.flats[group], &seen.normals[group]);
            met[group] = tile.met(group);
            // Off the surface, so that it does not shade itself.
            let lift = tile.t[group] * 2e-4 + 2e-3;
            let point = tile.dirs[group] * tile.t[group] + *flats * lift;
            points[group] = V8::pick(met[group], &point, &V8::default());
            if sunny {
                let faces = flats.dot_vec(sky.sun).min(normals.dot_vec(sky.sun)).gt(F8::ZERO);
                dark[group] = !(met[group] & faces);
            }
        }
        let mut lit = Lit::NONE;
        if sunny || lamps {
            if let Some(sunlight) = &scene.sunlight {
                shade(sunlight, tile.origin, &points, &mut dark, dt, &mut hint);
            }
            if lamps {
                let (standing, moving, lights) = (scene.standing, scene.moving, &scene.lights);
                lit = lamp_light(standing, moving, lights, tile.origin, &points, &seen.normals, &met, dt);
            }
        }
        let mirrors = self.mirrors(seen, dt);
        let near = self.near(seen);
        for group in 0..GROUPS {
            let (dirs, t, met) = (&tile.dirs[group], tile.t[group], met[group]);
            let mut color = V8::default();
            let mut length = t;
            let open_sky = !met & t.ge(F8::ZERO);
            if open_sky.any() {
                color = V8::pick(open_sky, &radiance(sky, dirs, scene.noise), &color);
                // The air that dims is a layer of some 150 m.
                length = open_sky.pick(F8::splat(150.0).div(dirs.z.max(F8::splat(1e-3))), length);
            }
            let facing = (-seen.flats[group].dot(dirs)).max(F8::splat(0.05));
            let footprint = (t * self.pixel).div(facing);
            let mut looks = Looks::new(seen, group);
            while let Some((mask, places)) = looks.next() {
                let incident = Incident {
                    sun: mask & !dark[group],
                    lamps: lit.at(group),
                    ego: lit.ego[group],
                    open: openness(scene, &near, &places),
                    mirror: mirrors.as_ref().map(|m| m[group]),
                    footprint: mask.pick(footprint, F8::splat(f32::INFINITY)),
                };
                color = V8::pick(mask, &outgoing(scene, &places, dirs, &incident), &color);
            }
            color = scene.through_air(&color, length);
            color = V8::pick(met | open_sky, &color, &V8::default());
            for (lane, out) in out[group * LANES..][..LANES].iter_mut().enumerate() {
                *out = color.lane(lane);
            }
        }
        seen.hint = hint;
        let (mut some, mut all) = (M8::default(), M8::splat(true));
        for dark in &dark {
            (some, all) = (some | *dark, all & *dark);
        }
        lamps || (some.any() && !all.all())
    }

    /// What wet surfaces mirror, and where that can be seen.
    fn mirrors(&self, seen: &Seen<'_>, dt: f32) -> Option<[(M8, V8); GROUPS]> {
        let scene = self.scene;
        if scene.params.weather.wetness < 0.15 {
            return None;
        }
        let mut out = [(M8::default(), V8::default()); GROUPS];
        for (group, out) in out.iter_mut().enumerate() {
            let (mut worth, mut dirs) = (M8::default(), V8::splat(Vec3::Z));
            let mut looks = Looks::new(seen, group);
            while let Some((mask, places)) = looks.next() {
                let (some, mirrored) = scene.water(&places, &seen.tile.dirs[group]);
                worth = worth | (mask & some);
                dirs = V8::pick(mask & some, &mirrored, &dirs);
            }
            if !worth.any() {
                continue;
            }
            let nowhere = V8::default();
            let origins = V8::pick(
                worth,
                &(seen.points[group] + seen.flats[group] * F8::splat(0.01)),
                &nowhere,
            );
            let reach = worth.pick(F8::splat(150.0), F8::splat(-1.0));
            let (far, met) = trace_packet(scene.standing, scene.moving, &origins, &dirs, reach, dt);
            let mut shown = scene.sky.plain(&dirs);
            for (lane, hit) in met.into_iter().enumerate() {
                let (t, dir) = (far.0[lane], dirs.lane(lane));
                if worth.0[lane] != 0 && hit != MISS {
                    let surface = scene.surface(hit, origins.lane(lane) + dir * t, dir);
                    let seen = V8::splat(scene.mirrored(&surface));
                    shown.set(lane, scene.through_air(&seen, F8::splat(t)).lane(lane));
                }
            }
            *out = (worth, shown);
        }
        Some(out)
    }

    /// Movers that may darken the ground of a tile.
    fn near(&self, seen: &Seen<'_>) -> Vec<u32> {
        let (mut low, mut high) = (Vec3::splat(f32::INFINITY), Vec3::splat(f32::NEG_INFINITY));
        for (i, look) in seen.looks.iter().enumerate() {
            let (group, lane) = (i / LANES, i % LANES);
            let ground = look.is_some_and(|look| look.instance.object == 0);
            if ground && seen.flats[group].z.0[lane] > 0.7 {
                let point = seen.points[group].lane(lane);
                low = low.min(point);
                high = high.max(point);
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

/// How much of the sky reaches places on the ground: vehicles and people take some of it away around their footprints.
#[inline(always)]
fn openness(scene: &Scene<'_>, near: &[u32], places: &Places<'_>) -> F8 {
    let mut open = F8::splat(1.0);
    let ground = places.flat.z.ge(F8::splat(0.7));
    if near.is_empty() || places.look.instance.object != 0 || !ground.any() {
        return open;
    }
    for index in near {
        let mover = &scene.moving.movers[*index as usize];
        let to = places.point - V8::splat(mover.motion.position);
        let ahead = to.x * mover.forward.x + to.y * mover.forward.y;
        let aside = to.x * mover.forward.y - to.y * mover.forward.x;
        let out_x = (ahead.abs() + (0.15 - mover.footprint[0])).max(F8::ZERO);
        let out_y = (aside.abs() + (0.15 - mover.footprint[1])).max(F8::ZERO);
        let gap = (out_x * out_x + out_y * out_y).sqrt();
        let reach = (mover.footprint[1] * 0.9).clamp(0.15, 0.9);
        let beside = ground & to.z.abs().lt(F8::splat(0.6)) & gap.lt(F8::splat(reach));
        let taken = smooth(-0.2 * reach, reach, gap) * 0.75 + 0.25;
        open = beside.pick(open * taken, open);
    }
    open
}
