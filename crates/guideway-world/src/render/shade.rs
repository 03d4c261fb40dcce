//! From a surface and its light to a colour.

use glam::Vec3;
use multiversion::multiversion;

use super::bvh::Tri;
use super::lanes::{F8, M8, V8};
use super::lights::{Light, collect};
use super::noise::Noise;
use super::scene::{Face, Instance, Moving, Standing, lit_signal, switch_bit};
use super::shadow::{Blockers, Sunlight};
use super::sky::Sky;
use super::texture::texture;
use super::trace::MOVING;
use super::weather::{Finish, extinction};
use super::wide::{exp, pow};
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

/// What a place looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) material: &'a Material,
    pub(crate) instance: &'a Instance,
}

impl Look<'_> {
    /// The same material of the same instance.
    #[inline(always)]
    pub(crate) fn is(&self, other: &Look<'_>) -> bool {
        std::ptr::eq(self.material, other.material) && std::ptr::eq(self.instance, other.instance)
    }

    /// It is part of an actor.
    #[inline(always)]
    pub(crate) fn moves(&self) -> bool {
        self.instance.object != 0 && self.instance.object < STATIC_BASE
    }
}

/// A surface at one place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surface<'a> {
    /// Unit normal of the triangle, towards the viewer.
    pub(crate) flat: Vec3,
    /// Unit normal between the corners' normals, on the viewer's side.
    pub(crate) normal: Vec3,
    pub(crate) look: Look<'a>,
}

/// A triangle and what it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facet<'a> {
    tri: &'a Tri,
    face: &'a Face,
    /// Unit normal.
    pub(crate) flat: Vec3,
    pub(crate) look: Look<'a>,
}

impl<'a> Facet<'a> {
    /// Its normal is the same everywhere.
    #[inline(always)]
    pub(crate) fn is_flat(&self) -> bool {
        self.face.flat
    }

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
            normal = (self.look.instance.normals * own).normalize_or(flat);
            if normal.dot(flat) < 0.0 {
                normal = -normal;
            }
        }
        Surface {
            flat,
            normal,
            look: self.look,
        }
    }
}

/// Eight places on surfaces of one look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    pub(crate) point: V8,
    /// Unit normals of the triangles, towards the viewer.
    pub(crate) flat: V8,
    /// Unit normals between the corners' normals, on the viewer's side.
    pub(crate) normal: V8,
    pub(crate) look: Look<'a>,
}

/// The light that falls on eight places, besides the sky's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incident {
    /// The sun reaches it.
    pub(crate) sun: M8,
    /// From lamps near by.
    pub(crate) lamps: V8,
    /// From the ego vehicle's lamps.
    pub(crate) ego: F8,
    /// How much of the sky reaches it: less below and beside vehicles.
    pub(crate) open: F8,
    /// What a water mirror shows, where rays were spent on it.
    pub(crate) mirror: Option<(M8, V8)>,
    /// Size of a pixel there, m.
    pub(crate) footprint: F8,
}

/// Strength of the mirror image (Schlick's Fresnel term, weaker on rough surfaces) and its direction.
#[inline(always)]
fn mirror(finish: &Finish, normal: &V8, dir: &V8) -> (F8, V8) {
    let one = F8::splat(1.0);
    let facing = (-normal.dot(dir)).clamp(0.0, 1.0);
    let rest = one - facing;
    let rest2 = rest * rest;
    let fresnel = finish.specular + (one - finish.specular) * rest2 * rest2 * rest;
    let smoothness = one - finish.roughness;
    (fresnel * smoothness * smoothness, *dir + *normal * (facing * 2.0))
}

/// Light from eight places towards the viewer, without the air between.
// Apart from the rest: much that is compiled in one piece takes the compiler very long.
#[multiversion(targets("x86_64+avx+avx2"))]
pub(crate) fn outgoing<'a, 'b>(scene: &Scene<'a>, places: &Places<'b>, dir: &V8, falls: &Incident) -> V8 {
    let (material, normal, sky) = (places.look.material, &places.normal, &scene.sky);
    let texture = match material.pattern {
        Pattern::Plain => F8::splat(1.0),
        _ => texture(scene.noise, places, falls.footprint),
    };
    let finish = Finish::new(places, texture, &scene.params.weather, scene.noise);
    let mut light = sky.dome(normal.z) * falls.open + falls.lamps;
    let facing = falls.sun.pick(normal.dot_vec(sky.sun).max(F8::ZERO), F8::ZERO);
    light += V8::of(sky.direct, facing);
    let mut out = finish.albedo * light;
    let glossy = falls.sun & finish.roughness.lt(F8::splat(0.85));
    if glossy.any() {
        // Blinn and Phong's highlight, normalised.
        let half = V8::splat(sky.sun) - *dir;
        let along = normal.dot(&half).div(half.length().max(F8::splat(1e-6)));
        let a = finish.roughness * finish.roughness;
        let power = (F8::splat(2.0).div(a * a + 1e-4) + -2.0).clamp(1.0, 3000.0);
        let peak = (power + 8.0) * (1.0 / 8.0) * pow(along.max(F8::ZERO), power);
        let strength = (finish.specular * peak * facing).min(F8::splat(30.0));
        out += V8::of(sky.direct, glossy.pick(strength, F8::ZERO));
    }
    let mirrors = finish.roughness.lt(F8::splat(0.6));
    if mirrors.any() {
        let (strength, mirrored) = mirror(&finish, normal, dir);
        let mut seen = sky.plain(&mirrored) * falls.open.max(F8::splat(0.3));
        if let Some((there, shown)) = &falls.mirror {
            seen = V8::pick(*there, shown, &seen);
        }
        let strength = mirrors.pick(strength, F8::ZERO);
        out += (seen - out * (strength.min(F8::splat(1.0)) * 0.5)) * strength;
    }
    if material.retro > 0.0 {
        out += finish.albedo * (falls.ego * (material.retro * 12.0));
    }
    if scene.shines(places.look) {
        out += V8::splat(material.emission);
    }
    out
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
            look: Look {
                material: instance.shape.material(face.material),
                instance,
            },
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
    #[inline(always)]
    fn lit(&self, instance: &Instance) -> u32 {
        let signal = instance.signal.and_then(|s| self.state.signals.get(s as usize));
        let night = if self.sky.night { switch_bit(Switch::Night) } else { 0 };
        switch_bit(Switch::Always) | night | instance.lit | signal.map_or(0, |s| lit_signal(*s))
    }

    /// Does the material of a lamp shine?
    #[inline(always)]
    fn shines(&self, look: Look<'_>) -> bool {
        look.material.emission != Vec3::ZERO && self.lit(look.instance) & switch_bit(look.material.switch) != 0
    }

    /// Which places are worth a ray for their water mirror, and where the mirrored rays go.
    #[inline(always)]
    pub(crate) fn water(&self, places: &Places<'_>, dir: &V8) -> (M8, V8) {
        let weather = &self.params.weather;
        let level = places.normal.z.ge(F8::splat(0.95));
        if weather.wetness < 0.15 || !level.any() {
            return (M8::default(), V8::default());
        }
        let finish = Finish::new(places, F8::splat(1.0), weather, self.noise);
        let (strength, mirrored) = mirror(&finish, &places.normal, dir);
        let worth = level & finish.mirror.gt(F8::ZERO) & strength.gt(F8::splat(0.03));
        (worth, mirrored)
    }

    /// A cheap colour of what a mirror shows.
    pub(crate) fn mirrored(&self, surface: &Surface<'_>) -> Vec3 {
        let material = surface.look.material;
        let mut out = material.color * self.sky.dome(F8::splat(surface.normal.z)).lane(0);
        if self.shines(surface.look) {
            out += material.emission;
        } else {
            out += material.color * self.sky.direct * (0.5 * surface.normal.dot(self.sky.sun).max(0.0));
        }
        out
    }

    /// Colours seen through these lengths of air.
    #[inline(always)]
    pub(crate) fn through_air(&self, color: &V8, distance: F8) -> V8 {
        let haze = V8::splat(self.sky.haze);
        haze.lerp(color, exp(distance * -self.extinction))
    }
}
