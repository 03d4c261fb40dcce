//! From a surface and its light to a colour.

use glam::Vec3;

use super::bvh::Tri;
use super::lights::{Light, collect};
use super::maths::{exp, pow, smooth};
use super::noise::{Noise, floor};
use super::scene::{Face, Instance, Moving, Standing, lit_signal, switch_bit};
use super::shadow::{Blockers, Sunlight};
use super::sky::Sky;
use super::trace::MOVING;
use super::weather::{Finish, extinction};
use super::{STATIC_BASE, Snapshot};
use crate::material::{Material, Pattern, Switch};
use crate::params::SceneParams;
use crate::state::WorldState;

/// Everything that the colour of a surface depends on, besides the surface.
pub(crate) struct Scene<'a> {
    pub(crate) standing: &'a Standing,
    pub(crate) moving: &'a Moving,
    pub(crate) state: &'a WorldState,
    pub(crate) params: &'a SceneParams,
    pub(crate) sky: Sky,
    pub(crate) noise: &'a Noise,
    /// Lamps that are lit.
    pub(crate) lights: Vec<Light>,
    /// What shades; nothing without a sun.
    pub(crate) sunlight: Option<Sunlight<'a>>,
    /// Extinction of the air, 1/m.
    pub(crate) extinction: f32,
}

/// A place on a surface.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surface<'a> {
    pub(crate) point: Vec3,
    /// Unit normal of the triangle, towards the viewer.
    pub(crate) flat: Vec3,
    /// Unit normal between the corners' normals, on the viewer's side.
    pub(crate) normal: Vec3,
    pub(crate) material: &'a Material,
    pub(crate) instance: &'a Instance,
}

/// A triangle and what it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facet<'a> {
    tri: &'a Tri,
    face: &'a Face,
    /// Unit normal.
    flat: Vec3,
    material: &'a Material,
    instance: &'a Instance,
}

impl<'a> Facet<'a> {
    /// The surface at `point`, met by a ray of this direction.
    #[inline(always)]
    pub(crate) fn surface(&self, point: Vec3, dir: Vec3) -> Surface<'a> {
        let tri = self.tri;
        let flat = if self.flat.dot(dir) > 0.0 {
            -self.flat
        } else {
            self.flat
        };
        let mut normal = flat;
        if !self.face.flat {
            let (ab, ac, ap) = (tri.b - tri.a, tri.c - tri.a, point - tri.a);
            let scale = 1.0 / tri.normal.length_squared();
            let v = ap.cross(ac).dot(tri.normal) * scale;
            let w = ab.cross(ap).dot(tri.normal) * scale;
            let [a, b, c] = self.face.normals;
            let own = a * (1.0 - v - w) + b * v + c * w;
            normal = (self.instance.normals * own).normalize_or(flat);
            if normal.dot(flat) < 0.0 {
                normal = -normal;
            }
        }
        Surface {
            point,
            flat,
            normal,
            material: self.material,
            instance: self.instance,
        }
    }
}

/// The light that falls on a surface, besides the sky's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incident {
    /// The sun reaches it.
    pub(crate) sun: bool,
    /// From lamps near by.
    pub(crate) lamps: Vec3,
    /// From the ego vehicle's lamps.
    pub(crate) ego: f32,
    /// How much of the sky reaches it: less below and beside vehicles.
    pub(crate) open: f32,
    /// What a water mirror shows, where a ray was spent on it.
    pub(crate) mirror: Option<Vec3>,
    /// Size of a pixel there, m.
    pub(crate) footprint: f32,
}

/// Strength of the mirror image (Schlick's Fresnel term, weaker on rough surfaces) and its direction.
#[inline(always)]
fn mirror(finish: &Finish, normal: Vec3, dir: Vec3) -> (f32, Vec3) {
    let facing = (-normal.dot(dir)).clamp(0.0, 1.0);
    let rest = 1.0 - facing;
    let rest2 = rest * rest;
    let fresnel = finish.specular + (1.0 - finish.specular) * rest2 * rest2 * rest;
    let smoothness = 1.0 - finish.roughness;
    (fresnel * smoothness * smoothness, dir + normal * (2.0 * facing))
}

impl<'a> Scene<'a> {
    pub(crate) fn new(
        standing: &'a Standing,
        moving: &'a Moving,
        snapshot: &Snapshot<'a>,
        noise: &'a Noise,
        sky: Sky,
        blockers: Option<&'a Blockers>,
    ) -> Self {
        let (state, params) = (snapshot.state, snapshot.params);
        Self {
            standing,
            moving,
            state,
            params,
            noise,
            lights: collect(snapshot.environment, state, params, &sky),
            extinction: extinction(&params.weather),
            sunlight: blockers.map(|b| Sunlight::new(b, moving, sky.sun)),
            sky,
        }
    }

    /// What stands behind the number of a triangle.
    #[inline(always)]
    pub(crate) fn facet(&self, hit: u32) -> Facet<'a> {
        let (tri, owner, instances) = if hit & MOVING == 0 {
            let index = hit as usize;
            (
                &self.standing.tris[index],
                self.standing.owners[index],
                &self.standing.instances,
            )
        } else {
            let (tri, owner) = self.moving.tri(hit & !MOVING);
            (tri, owner, &self.moving.instances)
        };
        let instance = &instances[owner.instance as usize];
        let face = &instance.shape.faces[owner.face as usize];
        Facet {
            tri,
            face,
            flat: tri.normal.normalize_or(Vec3::Z),
            material: instance.shape.material(face.material),
            instance,
        }
    }

    /// What stands behind the number of a triangle that was met at `point`, by a ray of this direction.
    pub(crate) fn surface(&self, hit: u32, point: Vec3, dir: Vec3) -> Surface<'a> {
        self.facet(hit).surface(point, dir)
    }

    /// The same for something that moves, `dt` seconds after the snapshot; patterns stay where they are on it.
    pub(crate) fn surface_then(&self, hit: u32, point: Vec3, dir: Vec3, dt: f32) -> Surface<'a> {
        let owner = self.moving.owner(hit & !MOVING);
        let actor = self.moving.instances[owner.instance as usize].actor as usize;
        let frame = self.moving.movers[actor].motion.snapshot_from_then(dt);
        let mut surface = self.surface(hit, frame.transform_point3(point), frame.transform_vector3(dir));
        let back = frame.matrix3.transpose();
        surface.flat = back * surface.flat;
        surface.normal = back * surface.normal;
        surface
    }

    /// Switches that are on at an instance.
    fn lit(&self, instance: &Instance) -> u32 {
        let signal = instance.signal.and_then(|s| self.state.signals.get(s as usize));
        let night = if self.sky.night { switch_bit(Switch::Night) } else { 0 };
        switch_bit(Switch::Always) | night | instance.lit | signal.map_or(0, |s| lit_signal(*s))
    }

    /// Light from a surface towards the viewer, without the air between.
    #[inline(always)]
    pub(crate) fn outgoing(&self, surface: &Surface<'_>, dir: Vec3, falls: &Incident) -> Vec3 {
        let material = surface.material;
        let texture = texture(self.noise, material, surface, falls.footprint);
        let moves = surface.instance.object != 0 && surface.instance.object < STATIC_BASE;
        let weather = &self.params.weather;
        let finish = Finish::new(
            material,
            texture,
            surface.normal,
            surface.point,
            moves,
            weather,
            self.noise,
        );
        let normal = surface.normal;
        let mut out = finish.albedo * (self.sky.dome(normal) * falls.open + falls.lamps);
        let sky = &self.sky;
        if falls.sun {
            let facing = normal.dot(sky.sun).max(0.0);
            out += finish.albedo * sky.direct * facing;
            if finish.roughness < 0.85 {
                // Blinn and Phong's highlight, normalised.
                let half = (sky.sun - dir).normalize_or_zero();
                let a = finish.roughness * finish.roughness;
                let power = (2.0 / (a * a + 1e-4) - 2.0).clamp(1.0, 3000.0);
                let peak = (power + 8.0) / 8.0 * pow(normal.dot(half).max(0.0), power);
                out += sky.direct * (finish.specular * peak * facing).min(30.0);
            }
        }
        if finish.roughness < 0.6 {
            let (strength, mirrored) = mirror(&finish, normal, dir);
            let seen = falls
                .mirror
                .unwrap_or_else(|| sky.plain(mirrored) * falls.open.max(0.3));
            out += (seen - out * strength.min(1.0) * 0.5) * strength;
        }
        if material.retro > 0.0 {
            out += finish.albedo * (falls.ego * material.retro * 12.0);
        }
        if material.emission != Vec3::ZERO && self.lit(surface.instance) & switch_bit(material.switch) != 0 {
            out += material.emission;
        }
        out
    }

    /// How much of a water mirror a surface is, for those that are worth a ray, and where the mirrored ray goes.
    pub(crate) fn water(&self, surface: &Surface<'_>, dir: Vec3) -> Option<Vec3> {
        let weather = &self.params.weather;
        if weather.wetness < 0.15 || surface.normal.z < 0.95 {
            return None;
        }
        let finish = Finish::new(
            surface.material,
            1.0,
            surface.normal,
            surface.point,
            false,
            weather,
            self.noise,
        );
        let (strength, mirrored) = mirror(&finish, surface.normal, dir);
        (finish.mirror > 0.0 && strength > 0.03).then_some(mirrored)
    }

    /// A cheap colour of what a mirror shows.
    pub(crate) fn mirrored(&self, surface: &Surface<'_>) -> Vec3 {
        let material = surface.material;
        let mut out = material.color * self.sky.dome(surface.normal);
        if material.emission != Vec3::ZERO && self.lit(surface.instance) & switch_bit(material.switch) != 0 {
            out += material.emission;
        } else {
            out += material.color * self.sky.direct * (0.5 * surface.normal.dot(self.sky.sun).max(0.0));
        }
        out
    }

    /// A colour seen through this length of air.
    #[inline(always)]
    pub(crate) fn through_air(&self, color: Vec3, distance: f32) -> Vec3 {
        self.sky.haze.lerp(color, exp(-self.extinction * distance))
    }
}

/// How much of a pattern of this wavelength shows where pixels are this large.
#[inline(always)]
fn visible(footprint: f32, wavelength: f32) -> f32 {
    if footprint >= wavelength {
        0.0
    } else if footprint <= 0.3 * wavelength {
        1.0
    } else {
        smooth(1.0, 0.3, footprint / wavelength)
    }
}

/// Noise that pixels of this size show.
struct Grain<'a> {
    noise: &'a Noise,
    footprint: f32,
}

impl Grain<'_> {
    /// Noise of this wavelength around 0, none where it would be finer than a pixel.
    #[inline(always)]
    fn layer(&self, amount: f32, wavelength: f32, x: f32, y: f32) -> f32 {
        let seen = visible(self.footprint, wavelength);
        if seen > 0.0 {
            amount * seen * (self.noise.plane(x, y) - 0.5)
        } else {
            0.0
        }
    }
}

/// The factor of a pattern, faded out where it is finer than a pixel.
#[inline(always)]
fn texture(noise: &Noise, material: &Material, surface: &Surface<'_>, footprint: f32) -> f32 {
    if material.pattern == Pattern::Plain {
        return 1.0;
    }
    let visible = |wavelength: f32| visible(footprint, wavelength);
    let grain = Grain { noise, footprint };
    let p = surface.instance.mesh_from_world.transform_point3(surface.point);
    match material.pattern {
        Pattern::Plain => 1.0,
        Pattern::Noise { scale, amount } => {
            let s = 2.0 / scale.max(1e-3);
            1.0 + amount * visible(scale) * (2.0 * noise.space(p.x * s, p.y * s, p.z * s) - 1.0)
        }
        Pattern::Asphalt => {
            let fine = grain.layer(0.25, 0.05, p.x * 50.0, p.y * 50.0);
            let patches = grain.layer(0.35, 1.5, p.x * 0.9, p.y * 0.9);
            let tracks = grain.layer(0.25, 6.0, p.x * 0.13, p.y * 0.13);
            let shade = 1.0 + fine + patches + tracks;
            if footprint > 0.06 {
                return shade;
            }
            // Where a smooth field crosses a level, a crack runs.
            let field = noise.plane(p.x * 0.21 + 9.0, p.y * 0.21) + 0.12 * noise.plane(p.x * 3.0, p.y * 3.0);
            let crack = visible(0.06) * smooth(0.006, 0.002, (field - 0.68).abs());
            shade * (1.0 - 0.4 * crack)
        }
        Pattern::Grass => {
            let fine = grain.layer(0.5, 0.12, p.x * 17.0, p.y * 17.0);
            let clumps = grain.layer(0.4, 1.2, p.x * 1.7, p.y * 1.7);
            let fields = grain.layer(0.4, 15.0, p.x * 0.11, p.y * 0.11);
            1.0 + fine + clumps + fields
        }
        Pattern::Leaves { scale } => {
            let s = 2.0 / scale.max(1e-3);
            let coarse = noise.space(p.x * s, p.y * s, p.z * s) - 0.5;
            let fine = noise.space(p.x * s * 2.7 + 5.0, p.y * s * 2.7, p.z * s * 2.7) - 0.5;
            (1.0 + 1.3 * visible(scale) * coarse + 0.9 * visible(scale * 0.37) * fine).max(0.1)
        }
        Pattern::Bricks { length, height } => {
            let (length, height) = (length.max(1e-3), height.max(1e-3));
            // Along the wall and up; on flat ground, along y.
            let n = (surface.instance.mesh_from_world.matrix3 * glam::Vec3A::from(surface.flat)).abs();
            let (along, up) = if n.z > 0.7 {
                (p.x, p.y)
            } else if n.x > n.y {
                (p.y, p.z)
            } else {
                (p.x, p.z)
            };
            let row = floor(up / height);
            let shifted = along / length + 0.5 * (row & 1) as f32;
            let column = floor(shifted);
            let (fx, fy) = (shifted - column as f32, up / height - row as f32);
            let joint = (0.012 / length).min(0.1);
            let joint_up = (0.012 / height).min(0.1);
            let in_joint = fx < joint || fy < joint_up;
            let shade = 0.25 * (noise.cell(column, row) - 0.5) * visible(height * 2.0);
            let dark = if in_joint { 0.35 * visible(height.min(0.1)) } else { 0.0 };
            1.0 + shade - dark
        }
        Pattern::Stripes { width } => {
            let odd = floor(p.x / width.max(1e-3)) & 1 == 0;
            let strength = 0.35 * visible(width);
            if odd { 1.0 - strength } else { 1.0 + 0.3 * strength }
        }
        Pattern::Checker { size } => {
            let s = size.max(1e-3);
            let odd = (floor(p.x / s) ^ floor(p.y / s) ^ floor(p.z / s)) & 1 == 0;
            let strength = 0.35 * visible(size);
            if odd { 1.0 - strength } else { 1.0 + 0.3 * strength }
        }
    }
}
