//! What the lens does: motion blur, veiling glare, flare, dirt and drops.

use glam::{Affine3A, Vec2, Vec3};
use multiversion::multiversion;
use rand::RngExt as _;
use rayon::prelude::*;

use super::lanes::{F8, LANES, V8, each};
use super::maths::{luminance, smooth};
use super::picture::world_from_camera;
use super::post::exposure;
use super::scene::Motion;
use super::shade::Scene;
use super::{CameraFrame, ObjectId, STATIC_BASE, Shot, wide};
use crate::Seed;

/// A blurred, smaller picture is made of blocks of this many pixels each way.
const BLOCK: usize = 8;
/// Taps of the longest motion blur.
const TAPS: usize = 12;
/// The longest motion blur, px.
const LONGEST: f32 = 60.0;

/// Blurs along what each pixel's surface moves on the sensor while the shutter is open. Needs no second ray: depth and velocity
/// give the motion (an ideal lens's; others bend it little within an exposure).
pub(crate) fn blur(hdr: &mut [Vec3], frame: &CameraFrame, scene: &Scene<'_>, shot: &Shot) {
    let open = shot.exposure_s as f32;
    if open <= 0.0 {
        return;
    }
    let intrinsics = shot.camera.intrinsics();
    let (now, then) = (
        world_from_camera(scene.state, shot, 0.0),
        world_from_camera(scene.state, shot, open),
    );
    let then = then.inverse();
    let mut motions: Vec<_> = scene.moving.movers.iter().map(|m| (m.object, m.motion)).collect();
    motions.sort_by_key(|(object, _)| *object);
    // For what stands still, both steps are one.
    let then_from_now = then * now;
    let width = frame.width as usize;
    let source = hdr.to_vec();
    let smear = Smear {
        source: &source,
        frame,
        open,
        world_from_now: now,
        then_from_world: then,
        motions,
        still: Still {
            rotation: glam::Mat3::from(then_from_now.matrix3),
            translation: then_from_now.translation.into(),
            focal: [intrinsics.fx as f32, intrinsics.fy as f32],
            center: [intrinsics.cx as f32, intrinsics.cy as f32],
        },
    };
    hdr.par_chunks_mut(width)
        .enumerate()
        .for_each(|(row, line)| smear_row(&smear, row, line));
}

/// What moves how while the shutter is open.
struct Smear<'a> {
    /// The picture without blur.
    source: &'a [Vec3],
    frame: &'a CameraFrame,
    /// Time for which the shutter is open, s.
    open: f32,
    world_from_now: Affine3A,
    then_from_world: Affine3A,
    /// Motions of the objects, by number.
    motions: Vec<(ObjectId, Motion)>,
    still: Still,
}

#[multiversion(targets("x86_64+avx+avx2"))]
fn smear_row<'a>(smear: &Smear<'a>, row: usize, line: &mut [Vec3]) {
    smear.row(row, line);
}

impl Smear<'_> {
    /// How far a pixel's surface moves, px.
    fn motion(&self, column: usize, row: usize) -> Vec2 {
        let ([fx, fy], [cx, cy]) = (self.still.focal, self.still.center);
        let i = row * self.frame.width as usize + column;
        // What is behind the sky is far away, and moves as the camera turns.
        let z = self.frame.depth[i].min(1e4);
        let (x, y) = (column as f32 + 0.5, row as f32 + 0.5);
        let place = Vec3::new((x - cx) / fx * z, (y - cy) / fy * z, z);
        let world = self.world_from_now.transform_point3(place);
        let object = self.frame.object[i];
        let found = self.motions.binary_search_by_key(&object, |(object, _)| *object);
        let moved = match found {
            Ok(k) if object != 0 => world + self.motions[k].1.velocity_at(world) * self.open,
            _ => world,
        };
        let after = self.then_from_world.transform_point3(moved);
        if after.z < 0.1 {
            return Vec2::ZERO;
        }
        let at = Vec2::new(after.x / after.z * fx + cx, after.y / after.z * fy + cy);
        (at - Vec2::new(x, y)).clamp_length_max(LONGEST)
    }

    #[inline(always)]
    fn row(&self, row: usize, line: &mut [Vec3]) {
        let (width, height) = (self.frame.width as usize, self.frame.height as usize);
        let (depths, objects) = (
            &self.frame.depth[row * width..(row + 1) * width],
            &self.frame.object[row * width..(row + 1) * width],
        );
        let moves = |object: u32| object != 0 && object < STATIC_BASE;
        for (part, colors) in line.chunks_mut(LANES).enumerate() {
            let first = part * LANES;
            let count = colors.len();
            let group = &objects[first..first + count];
            let crowd = group.iter().any(|o| moves(*o));
            let mut along = [Vec2::ZERO; LANES];
            if crowd || count < LANES {
                for (k, along) in along.iter_mut().enumerate().take(count) {
                    *along = self.motion(first + k, row);
                }
            } else {
                let z = F8(each!(|k| depths[first + k].min(1e4)));
                let Some([x, y]) = self.still.shift(first, row, z) else {
                    continue;
                };
                along = each!(|k| Vec2::new(x.0[k], y.0[k]).clamp_length_max(LONGEST));
            }
            for (k, (color, along)) in colors.iter_mut().zip(along).enumerate() {
                let taps = (along.length().ceil() as usize).min(TAPS);
                if taps < 2 {
                    continue;
                }
                let mut sum = Vec3::ZERO;
                for tap in 0..taps {
                    let t = (tap as f32 + 0.5) / taps as f32 - 0.5;
                    let x = ((first + k) as f32 + 0.5 + along.x * t).clamp(0.0, width as f32 - 1.0);
                    let y = (row as f32 + 0.5 + along.y * t).clamp(0.0, height as f32 - 1.0);
                    sum += self.source[y as usize * width + x as usize];
                }
                *color = sum / taps as f32;
            }
        }
    }
}

/// How far what stands still moves on the sensor.
struct Still {
    rotation: glam::Mat3,
    translation: Vec3,
    focal: [f32; 2],
    center: [f32; 2],
}

impl Still {
    /// Of eight neighbours at these depths; `None` if all stay within a pixel.
    #[inline(always)]
    fn shift(&self, column: usize, row: usize, z: F8) -> Option<[F8; 2]> {
        let ([fx, fy], [cx, cy]) = (self.focal, self.center);
        let x = F8(each!(|k| (column + k) as f32 + 0.5));
        let y = row as f32 + 0.5;
        let place = V8 {
            x: (x - F8::splat(cx)) * (1.0 / fx) * z,
            y: z * ((y - cy) / fy),
            z,
        };
        let (a, b, c) = (self.rotation.x_axis, self.rotation.y_axis, self.rotation.z_axis);
        let t = self.translation;
        let after = |a: f32, b: f32, c: f32, t: f32| place.x * a + place.y * b + place.z * c + F8::splat(t);
        let depth = after(a.z, b.z, c.z, t.z);
        // What comes this near moves out of the picture.
        let usable = depth.ge(F8::splat(0.1));
        let depth = depth.max(F8::splat(0.1));
        let u = after(a.x, b.x, c.x, t.x).div(depth) * fx + F8::splat(cx) - x;
        let v = after(a.y, b.y, c.y, t.y).div(depth) * fy + F8::splat(cy - y);
        let long = (u * u + v * v).gt(F8::splat(1.0)) & usable;
        long.any().then(|| [usable.pick(u, F8::ZERO), usable.pick(v, F8::ZERO)])
    }
}

/// A picture of mean colours of blocks.
struct Coarse {
    width: usize,
    height: usize,
    colors: Vec<Vec3>,
}

impl Coarse {
    /// Means of blocks; no pixel counts as brighter than `most`.
    fn new(hdr: &[Vec3], width: usize, height: usize, most: f32) -> Self {
        let (w, h) = (width.div_ceil(BLOCK), height.div_ceil(BLOCK));
        let mut colors = vec![Vec3::ZERO; w * h];
        colors.par_chunks_mut(w).enumerate().for_each(|(row, line)| {
            let rows = row * BLOCK..(row * BLOCK + BLOCK).min(height);
            for y in rows.clone() {
                for (x, color) in hdr[y * width..(y + 1) * width].iter().enumerate() {
                    line[x / BLOCK] += color.min(Vec3::splat(most));
                }
            }
            for (x, sum) in line.iter_mut().enumerate() {
                let columns = (width - x * BLOCK).min(BLOCK);
                *sum /= (rows.len() * columns) as f32;
            }
        });
        Self {
            width: w,
            height: h,
            colors,
        }
    }

    /// Spreads light over about `reach` blocks: a falling exponential in four directions.
    fn spread(&self, reach: f32) -> Self {
        let keep = reach / (1.0 + reach);
        let mut colors = self.colors.clone();
        let (w, h) = (self.width, self.height);
        let mut pass = |start: usize, stride: usize, count: usize| {
            let mut carry = colors[start];
            for k in 0..count {
                carry = carry * keep + colors[start + k * stride] * (1.0 - keep);
                colors[start + k * stride] = carry;
            }
            let mut carry = colors[start + (count - 1) * stride];
            for k in (0..count).rev() {
                carry = carry * keep + colors[start + k * stride] * (1.0 - keep);
                colors[start + k * stride] = carry;
            }
        };
        for y in 0..h {
            pass(y * w, 1, w);
        }
        for x in 0..w {
            pass(x, w, h);
        }
        Self {
            width: w,
            height: h,
            colors,
        }
    }

    /// The blocks' colours along a row of the full picture, between rows of blocks.
    fn row(&self, y: f32) -> Vec<Vec3> {
        let (a, b, t) = place(y, self.height);
        let line = |row: usize| self.colors[row * self.width..(row + 1) * self.width].iter();
        line(a).zip(line(b)).map(|(a, b)| a.lerp(*b, t)).collect()
    }

    /// The colour at a pixel of the full picture, between blocks.
    #[inline(always)]
    fn at(&self, x: f32, y: f32) -> Vec3 {
        let (x0, x1, fx) = place(x, self.width);
        let (y0, y1, fy) = place(y, self.height);
        let get = |x: usize, y: usize| self.colors[y * self.width + x];
        let low = get(x0, y0).lerp(get(x1, y0), fx);
        let high = get(x0, y1).lerp(get(x1, y1), fx);
        low.lerp(high, fy)
    }
}

/// The blocks around a pixel, in one direction, and how far it is from the first to the second.
#[inline(always)]
fn place(v: f32, size: usize) -> (usize, usize, f32) {
    let v = (v / BLOCK as f32 - 0.5).clamp(0.0, size as f32 - 1.0);
    let low = (v as usize).min(size.saturating_sub(2));
    (low, (low + 1).min(size - 1), v - low as f32)
}

/// A drop of water on the lens, px.
struct Drop {
    center: Vec2,
    radius: f32,
    squeeze: f32,
}

/// Glare, flare, dirt and drops. `seed`: the recording's; dirt stays where it is for a whole drive.
pub(crate) fn lens(hdr: &mut [Vec3], frame: &CameraFrame, scene: &Scene<'_>, shot: &Shot, seed: Seed) {
    let optics = &scene.params.optics;
    let (width, height) = (frame.width as usize, frame.height as usize);
    let (flare, dirt, drops) = (optics.flare as f32, optics.dirt as f32, optics.drops as f32);
    if flare <= 0.0 && dirt <= 0.0 && drops <= 0.0 {
        return;
    }
    let white = 1.0 / exposure(hdr, optics.exposure_bias as f32);
    let coarse = Coarse::new(hdr, width, height, 60.0 * white);
    // Each camera has its own dirt.
    let mut own = seed.child("lens");
    for v in shot.ego_from_camera.to_array() {
        own = own.index(v.to_bits());
    }
    if flare > 0.0 {
        glare(hdr, &coarse, width, flare, white);
        ghosts(hdr, frame, scene, shot, flare);
    }
    if dirt > 0.0 {
        soil(hdr, &coarse, scene, width, dirt, own);
    }
    if drops > 0.0 {
        let wide = coarse.spread(1.0);
        let mut rng = own.child("drops").rng();
        let scale = width as f32 / 640.0;
        for _ in 0..(drops * 70.0) as u32 {
            let drop = Drop {
                center: Vec2::new(
                    rng.random_range(0.0..width as f32),
                    rng.random_range(0.0..height as f32),
                ),
                radius: scale * (4.0 + 22.0 * rng.random_range(0.0_f32..1.0).powi(3)),
                squeeze: rng.random_range(0.75..1.1),
            };
            water(hdr, &wide, [width, height], &drop);
        }
    }
}

/// Light from bright places spread over the picture.
fn glare(hdr: &mut [Vec3], coarse: &Coarse, width: usize, flare: f32, white: f32) {
    let mut bright = Coarse {
        colors: coarse.colors.clone(),
        ..*coarse
    };
    for c in &mut bright.colors {
        let over = luminance(*c) / white;
        *c *= smooth(1.0, 4.0, over);
    }
    if bright.colors.iter().all(|c| *c == Vec3::ZERO) {
        return;
    }
    let (mut veil, wide) = (bright.spread(0.8), bright.spread(6.0));
    for (a, b) in veil.colors.iter_mut().zip(&wide.colors) {
        *a = *a * (0.35 * flare) + *b * (0.3 * flare);
    }
    // For each column the blocks around it.
    let places: Vec<(usize, usize, f32)> = (0..width).map(|x| place(x as f32 + 0.5, veil.width)).collect();
    hdr.par_chunks_mut(width)
        .enumerate()
        .for_each(|(y, line)| veil_row(&veil.row(y as f32 + 0.5), &places, line));
}

#[multiversion(targets("x86_64+avx+avx2"))]
fn veil_row(veil: &[Vec3], places: &[(usize, usize, f32)], line: &mut [Vec3]) {
    for (color, (a, b, t)) in line.iter_mut().zip(places) {
        let (a, b) = (veil[*a], veil[*b]);
        *color += a + (b - a) * *t;
    }
}

/// Mirror images of the sun between the surfaces of the lens, when it shines into it.
fn ghosts(hdr: &mut [Vec3], frame: &CameraFrame, scene: &Scene<'_>, shot: &Shot, flare: f32) {
    if scene.sky.direct == Vec3::ZERO {
        return;
    }
    let camera = world_from_camera(scene.state, shot, 0.0).inverse();
    let sun = camera.transform_vector3(scene.sky.sun);
    let Some(at) = shot.camera.project(sun.as_dvec3()) else {
        return;
    };
    let (width, height) = (frame.width as i32, frame.height as i32);
    let (x, y) = (at[0].floor() as i32, at[1].floor() as i32);
    let inside = x >= 0 && y >= 0 && x < width && y < height;
    if !inside || frame.depth[(y * width + x) as usize].is_finite() {
        return;
    }
    let middle = Vec2::new(width as f32, height as f32) / 2.0;
    let sun = Vec2::new(at[0] as f32, at[1] as f32);
    let unit = width as f32 / 640.0;
    for (along, radius, tint, strength) in [
        (0.45_f32, 18.0_f32, Vec3::new(0.9, 0.7, 0.4), 0.05_f32),
        (-0.3, 30.0, Vec3::new(0.4, 0.8, 0.6), 0.035),
        (-0.6, 12.0, Vec3::new(0.5, 0.6, 1.0), 0.06),
        (-1.1, 46.0, Vec3::new(0.8, 0.5, 0.5), 0.025),
    ] {
        let (center, radius) = (middle + (sun - middle) * along, radius * unit);
        let light = scene.sky.direct * tint * (strength * flare * 3.0);
        let rows = (center.y - radius).max(0.0) as usize..(center.y + radius).clamp(0.0, height as f32) as usize;
        for row in rows {
            for column in (center.x - radius).max(0.0) as usize..(center.x + radius).clamp(0.0, width as f32) as usize {
                let away = (Vec2::new(column as f32, row as f32) - center).length() / radius;
                let edge = smooth(1.0, 0.92, away) * (0.6 + 0.4 * away);
                hdr[row * width as usize + column] += light * edge;
            }
        }
    }
}

/// Dirt: takes light away, and scatters some of what falls on it.
fn soil(hdr: &mut [Vec3], coarse: &Coarse, scene: &Scene<'_>, width: usize, dirt: f32, seed: Seed) {
    let around = coarse.spread(4.0);
    let shift = Vec2::new((seed.value() & 0xff) as f32, (seed.value() >> 8 & 0xff) as f32);
    let scale = 640.0 / width as f32;
    hdr.par_chunks_mut(width).enumerate().for_each(|(y, line)| {
        for (part, colors) in line.chunks_mut(LANES).enumerate() {
            let left = part * LANES;
            let (px, py) = (F8(each!(|i| (left + i) as f32 * scale)), F8::splat(y as f32 * scale));
            let noise = |wavelength: f32| {
                let frequency = 1.0 / wavelength;
                scene.noise.plane(px * frequency + shift.x, py * frequency + shift.y)
            };
            let film = noise(90.0) * 0.6 + noise(31.0) * 0.4;
            let specks = wide::smooth(0.80, 0.88, noise(7.0)) * wide::smooth(0.35, 0.75, noise(50.0));
            let film = wide::smooth(1.0 - dirt * 0.75, 1.15 - dirt * 0.5, film);
            let cover = (film * 0.75 + specks * 0.85).min(F8::splat(1.0)) * dirt;
            for (i, (color, cover)) in colors.iter_mut().zip(cover.0).enumerate() {
                let scattered = around.at((left + i) as f32 + 0.5, y as f32 + 0.5);
                *color = color.lerp(scattered * Vec3::new(0.62, 0.55, 0.45), cover);
            }
        }
    });
}

/// A drop shows the scene small and upside down.
fn water(hdr: &mut [Vec3], coarse: &Coarse, [width, height]: [usize; 2], drop: &Drop) {
    let reach = drop.radius / drop.squeeze.min(1.0);
    let rows = (drop.center.y - reach).max(0.0) as usize..((drop.center.y + reach + 1.0) as usize).min(height);
    for y in rows {
        let columns = (drop.center.x - reach).max(0.0) as usize..((drop.center.x + reach + 1.0) as usize).min(width);
        for x in columns {
            let to = Vec2::new(x as f32 + 0.5, y as f32 + 0.5) - drop.center;
            let away = Vec2::new(to.x, to.y * drop.squeeze).length() / drop.radius;
            if away >= 1.0 {
                continue;
            }
            let bend = 1.0 + 4.0 * away * away;
            let at = drop.center - to * (3.0 * bend);
            let color = coarse.at(at.x, at.y) * (1.05 - 0.35 * away * away);
            let at = y * width + x;
            hdr[at] = hdr[at].lerp(color, smooth(1.0, 0.8, away) * 0.9);
        }
    }
}
