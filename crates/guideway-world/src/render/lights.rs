//! Lamps near by: street lamps, headlights, beacons.

use glam::Vec3;

use super::lanes::{F8, LANES, V8};
use super::maths::luminance;
use super::scene::{lit_lamps, switch_bit};
use super::sky::Sky;
use super::trace::GROUPS;
use crate::environment::Environment;
use crate::material::Switch;
use crate::params::SceneParams;
use crate::state::WorldState;

/// A lamp in the world.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Light {
    pub(crate) position: Vec3,
    /// Axis of its cone.
    axis: Vec3,
    /// Cosines at the cone's edge, and where it reaches full strength.
    edge: f32,
    full: f32,
    /// Irradiance at 1 m on the axis.
    intensity: Vec3,
    /// Beyond this distance it is left out, m.
    pub(crate) range: f32,
    /// It stands at the ego vehicle: what it lights comes back from reflectors, and its shadows are hidden behind what casts them.
    pub(crate) ego: bool,
    /// A street lamp: worth a shadow.
    pub(crate) street: bool,
}

/// The lamps that matter in this light.
pub(crate) fn collect(environment: &Environment, state: &WorldState, params: &SceneParams, sky: &Sky) -> Vec<Light> {
    let mut lights = Vec::new();
    if sky.darkness <= 0.0 {
        return lights;
    }
    // What adds less than a fiftieth of what is there anyway is not seen.
    let least = (luminance(sky.ambient) * 0.02).max(1e-5);
    let range = |intensity: Vec3, most: f32| (luminance(intensity) / least).sqrt().min(most);
    if sky.night {
        for lamp in &environment.lamps {
            lights.push(Light {
                position: lamp.position,
                axis: Vec3::NEG_Z,
                edge: 0.0,
                full: 1.0,
                intensity: lamp.intensity,
                range: range(lamp.intensity, 45.0),
                ego: false,
                street: true,
            });
        }
    }
    for (actor, ego) in state
        .actors
        .iter()
        .map(|a| (a, false))
        .chain(state.ego.iter().map(|a| (a, true)))
    {
        let mut lit = lit_lamps(actor.lamps);
        if ego {
            let head = switch_bit(Switch::Head);
            let on = params.ego.headlights && sky.night;
            lit = if on { lit | head } else { lit & !head };
        }
        let world_from_body = actor.world_from_body();
        for lamp in &actor.model.lamps {
            if lit & switch_bit(lamp.switch) == 0 {
                continue;
            }
            let everywhere = lamp.direction == Vec3::ZERO;
            // Half an angle is at most a half turn; the cosine by its series, alike on every platform.
            let a = lamp.half_angle.clamp(0.0, 1.5);
            let edge = 1.0 - a * a / 2.0 * (1.0 - a * a / 12.0 * (1.0 - a * a / 30.0));
            lights.push(Light {
                position: world_from_body.transform_point3(lamp.position),
                axis: world_from_body.transform_vector3(lamp.direction).normalize_or_zero(),
                edge: if everywhere { -3.0 } else { edge },
                full: if everywhere { -2.0 } else { 1.0 - (1.0 - edge) * 0.25 },
                intensity: lamp.intensity,
                range: range(lamp.intensity, if ego { 140.0 } else { 70.0 }),
                ego,
                street: false,
            });
        }
    }
    lights.retain(|l| l.range > 0.0 && l.position.is_finite() && l.intensity.is_finite());
    lights
}

/// What lamps give to the points of a tile.
#[derive(Debug, Clone)]
pub(crate) struct Lit {
    /// Irradiance as a white surface's radiance.
    pub(crate) red: [F8; GROUPS],
    pub(crate) green: [F8; GROUPS],
    pub(crate) blue: [F8; GROUPS],
    /// The ego vehicle's part, without regard to the surface's normal.
    pub(crate) ego: [F8; GROUPS],
}

impl Lit {
    pub(crate) const NONE: Self = Self {
        red: [F8::ZERO; GROUPS],
        green: [F8::ZERO; GROUPS],
        blue: [F8::ZERO; GROUPS],
        ego: [F8::ZERO; GROUPS],
    };

    #[inline(always)]
    pub(crate) fn at(&self, group: usize) -> V8 {
        V8 {
            x: self.red[group],
            y: self.green[group],
            z: self.blue[group],
        }
    }
}

impl Light {
    /// May it reach a ball of this centre and radius?
    #[inline(always)]
    pub(crate) fn reaches(&self, center: Vec3, radius: f32) -> bool {
        let to = center - self.position;
        let far = self.range + radius;
        if to.length_squared() > far * far {
            return false;
        }
        // A ball wholly behind a forward cone.
        self.edge < 0.0 || to.dot(self.axis) > -radius
    }

    /// About what it gives at a place.
    pub(crate) fn strength(&self, at: Vec3) -> f32 {
        let to = at - self.position;
        let r2 = to.length_squared().max(0.01);
        luminance(self.intensity) / r2 * (to.dot(self.axis) / r2.sqrt()).max(0.1)
    }

    /// Adds what it gives to points (relative to `origin`) with these normals; `shadow` holds 0 for points that it does not reach.
    #[inline(always)]
    pub(crate) fn add(
        &self,
        origin: Vec3,
        points: &[V8; GROUPS],
        normals: &[V8; GROUPS],
        shadow: Option<&[F8; GROUPS]>,
        out: &mut Lit,
    ) {
        let from = self.position - origin;
        let from = V8::splat(from);
        let one = F8::splat(1.0);
        for group in 0..GROUPS {
            let to = from - points[group];
            let r2 = to.dot(&to).max(F8::splat(0.05));
            let mut r = r2;
            for lane in 0..LANES {
                r.0[lane] = r.0[lane].sqrt();
            }
            let facing = to.dot(&normals[group]).div(r).max(F8::ZERO);
            let along = (F8::ZERO - to.dot_vec(self.axis)).div(r);
            let cone = ((along - F8::splat(self.edge)) * (1.0 / (self.full - self.edge).max(1e-4)))
                .max(F8::ZERO)
                .min(one);
            // Ends softly at the range.
            let q = r2 * (1.0 / (self.range * self.range));
            let window = (one - q * q).max(F8::ZERO);
            let mut reach = cone * window.div(r2);
            if let Some(shadow) = shadow {
                reach = reach * shadow[group];
            }
            // Rough ground scatters some light also where it is met edge on.
            let diffuse = reach * (facing * 0.92 + F8::splat(0.08));
            out.red[group] += diffuse * self.intensity.x;
            out.green[group] += diffuse * self.intensity.y;
            out.blue[group] += diffuse * self.intensity.z;
            if self.ego {
                out.ego[group] += reach * luminance(self.intensity);
            }
        }
    }
}
