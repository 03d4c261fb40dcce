//! What weather does: to surfaces, to the air, and what falls through the picture.

use glam::Vec3;

use super::lanes::{F8, M8, V8};
use super::maths::pow;
use super::noise::Noise;
use super::shade::Places;
use super::wide::smooth;
use crate::material::Semantic;
use crate::params::WeatherParams;

/// Extinction of the air, 1/m: Koschmieder's for the visibility, and what rain (Chen, 1975: about 0.25 R^0.63 per km) and snow add.
pub(crate) fn extinction(weather: &WeatherParams) -> f32 {
    let rain = 2.5e-4 * pow(weather.rain_mm_per_h as f32, 0.63);
    let snow = 2.0e-3 * pow(weather.snowfall_mm_per_h as f32, 0.7);
    3.0 / weather.visibility_m.max(1.0) as f32 + rain + snow
}

/// What eight places look like in this weather.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish {
    pub(crate) albedo: V8,
    pub(crate) specular: F8,
    pub(crate) roughness: F8,
    /// How much of a water mirror each is, 0 to 1.
    pub(crate) mirror: F8,
}

impl Finish {
    /// Places of one look, of this texture.
    #[inline(always)]
    pub(crate) fn new(places: &Places<'_>, texture: F8, weather: &WeatherParams, noise: &Noise) -> Self {
        let (material, normal, point) = (places.look.material, &places.normal, &places.point);
        let one = F8::splat(1.0);
        let mut out = Self {
            albedo: V8::of(material.color, texture),
            specular: F8::splat(material.specular),
            roughness: F8::splat(material.roughness),
            mirror: F8::ZERO,
        };
        // Less snow stays on what moves.
        let moves = places.look.moves();
        let ground = matches!(
            material.semantic,
            Semantic::Road | Semantic::LaneMarking | Semantic::Sidewalk | Semantic::Kerb
        );
        let wet = weather.wetness as f32;
        if wet > 0.0 {
            let level = M8::splat(ground) & normal.z.gt(F8::splat(0.7));
            if level.any() {
                let dip = noise.plane(point.x * 0.35, point.y * 0.35) * 0.65 + noise.plane(point.x, point.y) * 0.35;
                let puddle = smooth(0.0, 0.25, dip + -(1.0 - 0.75 * wet)) * wet;
                let dark = one - (puddle * 0.25 + 0.45) * wet;
                out.albedo = V8::pick(level, &(out.albedo * dark), &out.albedo);
                out.specular = level.pick(F8::splat(0.02), out.specular);
                let smoother = out.roughness.lerp(puddle * -0.38 + 0.42, F8::splat(wet));
                out.roughness = level.pick(smoother, out.roughness);
                out.mirror = level.pick((puddle * 0.75 + 0.25 * wet).min(one), F8::ZERO);
            }
            if material.semantic == Semantic::Terrain || !moves {
                let dark = level.pick(one, F8::splat(1.0 - 0.3 * wet));
                out.albedo = out.albedo * dark;
            }
        }
        let cover = weather.snow_cover as f32 * if moves { 0.35 } else { 1.0 };
        if cover > 0.0 && material.emission == Vec3::ZERO {
            let patches = noise.plane(point.x * 0.6 + 40.0, point.y * 0.6) * 0.6
                + noise.plane(point.x * 2.9, point.y * 2.9) * 0.4;
            // Wheels keep the road clearer than what lies beside it.
            let cover = if ground { cover * 0.85 } else { cover * 1.15 };
            let snow = smooth(-0.08, 0.08, patches * 0.7 + (0.15 - (1.0 - cover))) * smooth(0.25, 0.6, normal.z);
            let white = V8::of(Vec3::new(0.82, 0.84, 0.87), patches * 0.1 + 0.9);
            out.albedo = out.albedo.lerp(&white, snow);
            out.roughness = out.roughness.lerp(F8::splat(0.8), snow);
            out.specular = out.specular * (one - snow);
            out.mirror = out.mirror * (one - snow);
        }
        out
    }
}
