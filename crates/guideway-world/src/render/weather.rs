//! What weather does: to surfaces, to the air, and what falls through the picture.

use glam::Vec3;

use super::maths::{pow, smooth};
use super::noise::Noise;
use crate::material::{Material, Semantic};
use crate::params::WeatherParams;

/// Extinction of the air, 1/m: Koschmieder's for the visibility, and what rain (Chen, 1975: about 0.25 R^0.63 per km) and snow add.
pub(crate) fn extinction(weather: &WeatherParams) -> f32 {
    let rain = 2.5e-4 * pow(weather.rain_mm_per_h as f32, 0.63);
    let snow = 2.0e-3 * pow(weather.snowfall_mm_per_h as f32, 0.7);
    3.0 / weather.visibility_m.max(1.0) as f32 + rain + snow
}

/// What a surface looks like in this weather.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish {
    pub(crate) albedo: Vec3,
    pub(crate) specular: f32,
    pub(crate) roughness: f32,
    /// How much of a water mirror it is, 0 to 1.
    pub(crate) mirror: f32,
}

impl Finish {
    /// A material of this texture, at a place with this normal. `moves`: less snow stays on it.
    #[inline(always)]
    pub(crate) fn new(
        material: &Material,
        texture: f32,
        normal: Vec3,
        point: Vec3,
        moves: bool,
        weather: &WeatherParams,
        noise: &Noise,
    ) -> Self {
        let mut out = Self {
            albedo: material.color * texture,
            specular: material.specular,
            roughness: material.roughness,
            mirror: 0.0,
        };
        let ground = matches!(
            material.semantic,
            Semantic::Road | Semantic::LaneMarking | Semantic::Sidewalk | Semantic::Kerb
        );
        let wet = weather.wetness as f32;
        if wet > 0.0 {
            if ground && normal.z > 0.7 {
                let dip = 0.65 * noise.plane(point.x * 0.35, point.y * 0.35) + 0.35 * noise.plane(point.x, point.y);
                let puddle = smooth(0.0, 0.25, dip - (1.0 - 0.75 * wet)) * wet;
                out.albedo *= 1.0 - wet * (0.45 + 0.25 * puddle);
                out.specular = 0.02;
                out.roughness += (0.42 - 0.38 * puddle - out.roughness) * wet;
                out.mirror = (0.25 * wet + 0.75 * puddle).min(1.0);
            } else if material.semantic == Semantic::Terrain || !moves {
                out.albedo *= 1.0 - 0.3 * wet;
            }
        }
        let cover = weather.snow_cover as f32 * if moves { 0.35 } else { 1.0 };
        if cover > 0.0 && normal.z > 0.25 && material.emission == Vec3::ZERO {
            let patches = 0.6 * noise.plane(point.x * 0.6 + 40.0, point.y * 0.6)
                + 0.4 * noise.plane(point.x * 2.9, point.y * 2.9);
            // Wheels keep the road clearer than what lies beside it.
            let cover = if ground { cover * 0.85 } else { cover * 1.15 };
            let snow = smooth(-0.08, 0.08, patches * 0.7 + 0.15 - (1.0 - cover)) * smooth(0.25, 0.6, normal.z);
            out.albedo = out
                .albedo
                .lerp(Vec3::new(0.82, 0.84, 0.87) * (0.9 + 0.1 * patches), snow);
            out.roughness += (0.8 - out.roughness) * snow;
            out.specular *= 1.0 - snow;
            out.mirror *= 1.0 - snow;
        }
        out
    }
}
