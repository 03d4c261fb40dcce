//! Light from the sun, the sky and the clouds, by the height of the sun.

use glam::Vec3;
use multiversion::multiversion;

use super::lanes::{F8, V8};
use super::maths::{exp, exp2, luminance, pow, smooth};
use super::noise::Noise;
use super::sun::sun_direction;
use super::wide;
use crate::params::{SceneParams, WeatherParams};

/// The light of a scene. Radiances in units where a white wall in full sun has 1.
#[derive(Debug, Clone)]
pub(crate) struct Sky {
    /// Direction to the sun.
    pub(crate) sun: Vec3,
    /// What direct light gives a white surface that faces the sun; zero when it is down or covered.
    pub(crate) direct: Vec3,
    /// The sun's disc and the glow around it.
    glow: Vec3,
    zenith: Vec3,
    horizon: Vec3,
    /// What the whole sky gives a white surface that faces up.
    pub(crate) ambient: Vec3,
    /// What the ground gives a white surface that faces down.
    pub(crate) bounce: Vec3,
    /// Light of the air itself, at infinity.
    pub(crate) haze: Vec3,
    clouds: f32,
    cloud_light: Vec3,
    /// Lamps for the night are lit.
    pub(crate) night: bool,
    /// Share of the light that is artificial and from the moon: 0 by day, 1 by night.
    pub(crate) darkness: f32,
}

/// Height of the sun, degrees; log2 of the sky's light on the ground; colours of the zenith and the horizon.
const HOURS: [(f32, f32, [f32; 3], [f32; 3]); 9] = [
    (-18.0, -15.6, [0.55, 0.70, 1.15], [0.85, 0.85, 1.00]),
    (-12.0, -15.0, [0.50, 0.70, 1.30], [0.85, 0.80, 1.00]),
    (-8.0, -12.0, [0.40, 0.65, 1.40], [1.10, 0.80, 0.90]),
    (-4.0, -8.6, [0.45, 0.70, 1.40], [1.60, 0.95, 0.65]),
    (0.0, -5.4, [0.55, 0.80, 1.30], [1.80, 1.05, 0.60]),
    (4.0, -3.9, [0.55, 0.80, 1.30], [1.50, 1.15, 0.80]),
    (10.0, -3.0, [0.50, 0.80, 1.40], [1.25, 1.20, 1.10]),
    (25.0, -2.4, [0.45, 0.75, 1.45], [1.20, 1.30, 1.40]),
    (90.0, -2.0, [0.38, 0.70, 1.50], [1.15, 1.35, 1.55]),
];

impl Sky {
    pub(crate) fn new(params: &SceneParams) -> Self {
        let sun = sun_direction(&params.time);
        let weather = &params.weather;
        let clouds = cloudiness(weather);
        let height = arc_sine_degrees(sun.z);
        let (light, zenith, horizon) = hour(height);
        // Kasten and Young's air mass, and an atmosphere that takes more of the blue.
        let mass = 1.0 / (sun.z.max(0.0) + 0.505_72 * pow(height.max(0.0) + 6.079_95, -1.6364));
        let through = Vec3::new(0.07, 0.12, 0.24) * (mass - 1.0);
        let up = smooth(-0.6, 0.8, height);
        let clear = Vec3::new(exp(-through.x), exp(-through.y), exp(-through.z)) * Vec3::new(1.0, 0.97, 0.91) * up;
        let direct = clear * (1.0 - clouds * clouds) * (1.0 - smooth(0.85, 0.98, clouds));
        // Clouds take the colour, and scatter the sun's light down.
        let scattered = luminance(clear) * sun.z.max(0.02) * 0.35 * clouds * clouds;
        let gray = Vec3::splat(light * 0.8 + scattered);
        let overcast = smooth(0.35, 1.0, clouds);
        let zenith = (zenith * light).lerp(gray * Vec3::new(0.95, 0.98, 1.04), overcast);
        let horizon = (horizon * light).lerp(gray * Vec3::new(1.0, 1.0, 1.0), overcast);
        let ambient = zenith * 0.6 + horizon * 0.4;
        let snow = weather.snow_cover as f32;
        let ground = Vec3::new(0.16, 0.15, 0.13).lerp(Vec3::splat(0.75), snow);
        let bounce = ground * (ambient + direct * sun.z.max(0.0));
        let sun_low = smooth(14.0, -4.0, height);
        Self {
            sun,
            direct,
            glow: direct.lerp(direct * Vec3::new(1.0, 0.75, 0.5), sun_low),
            zenith,
            horizon,
            ambient,
            bounce,
            haze: horizon * 0.75 + zenith * 0.25 + direct * 0.06,
            clouds,
            cloud_light: (clear * 0.55).max(Vec3::ZERO) + ambient * 0.9,
            night: height < 0.5 || (height < 8.0 && clouds > 0.9),
            darkness: smooth(2.0, -9.0, height),
        }
    }

    /// What the sky gives a white surface whose normal has this height, ground included.
    #[inline(always)]
    pub(crate) fn dome(&self, normal_z: F8) -> V8 {
        V8::between(self.bounce, self.ambient, normal_z * 0.5 + 0.5)
    }

    /// Radiance of the sky in these directions, without clouds' shapes: for reflections.
    #[inline(always)]
    pub(crate) fn plain(&self, dir: &V8) -> V8 {
        let below = dir.z.lt(F8::ZERO);
        let up = dir.z.max(F8::ZERO).sqrt();
        let half = 0.5 * self.clouds * (1.0 - self.clouds);
        let cover = |c: Vec3| c.lerp(self.cloud_light, half);
        let above = V8::between(cover(self.horizon), cover(self.zenith), up);
        if !below.any() {
            return above;
        }
        // Reflections of the ground.
        let ground = V8::between(self.bounce, self.horizon * 0.5, wide::exp(dir.z * 12.0));
        V8::pick(below, &ground, &above)
    }

    #[inline(always)]
    fn radiance(&self, dir: &V8, noise: &Noise) -> V8 {
        let above = dir.z.gt(F8::ZERO);
        let height = dir.z.max(F8::ZERO);
        let mut color = V8::between(self.horizon, self.zenith, height.sqrt());
        let towards = dir.dot_vec(self.sun).max(F8::ZERO);
        let towards2 = towards * towards;
        color += V8::of(self.glow, towards2 * towards2 * towards2 * 0.075);
        let near = towards.gt(F8::splat(0.97));
        if near.any() {
            let bright = wide::pow(towards, F8::splat(300.0)) * 0.8;
            color += V8::of(self.glow, near.pick(bright, F8::ZERO));
        }
        // A layer of clouds above; towards the horizon it fades into the haze.
        if self.clouds > 0.01 {
            let scale = F8::splat(0.9).div(height + 0.12);
            let (x, y) = (dir.x * scale, dir.y * scale);
            let shape = noise.plane(x * 1.3, y * 1.3) * 0.5
                + noise.plane(x * 3.1 + 7.0, y * 3.1) * 0.3
                + noise.plane(x * 7.7, y * 7.7 + 3.0) * 0.2;
            let edge = (1.0 - self.clouds) * 0.75;
            let dense = wide::smooth(edge + 0.1, edge + 0.35, shape) * wide::smooth(0.0, 0.18, height);
            let shade = noise.plane(x * 2.0 + 31.0, y * 2.0) * 0.45 + 0.65;
            let overcast = smooth(0.5, 1.0, self.clouds);
            let lit = V8::of(self.cloud_light, shade);
            let cloud = lit.lerp(&(color * (shade * 0.3 + 0.8)), F8::splat(overcast));
            color = color.lerp(&cloud, dense * (0.9 - 0.3 * overcast));
        }
        // The disc: half a degree wide.
        let disc = towards.gt(F8::splat(0.999_95));
        if disc.any() {
            color += V8::of(self.direct, disc.pick(F8::splat(60.0), F8::ZERO));
        }
        V8::pick(above, &color, &V8::splat(self.haze))
    }
}

/// Radiance of the sky in these directions.
#[multiversion(targets("x86_64+avx+avx2"))]
pub(crate) fn radiance(sky: &Sky, dir: &V8, noise: &Noise) -> V8 {
    sky.radiance(dir, noise)
}

/// Cloud cover; rain and snow do not fall from a clear sky.
pub(crate) fn cloudiness(weather: &WeatherParams) -> f32 {
    let wet = (weather.rain_mm_per_h / 2.0).max(weather.snowfall_mm_per_h).min(1.0) as f32;
    let fog = smooth(600.0, 100.0, weather.visibility_m as f32);
    (weather.clouds as f32).max(wet * 0.95).max(fog)
}

/// Light and colours at this height of the sun, degrees.
fn hour(height: f32) -> (f32, Vec3, Vec3) {
    let height = height.clamp(-18.0, 90.0);
    let next = HOURS
        .iter()
        .position(|h| h.0 >= height)
        .unwrap_or(HOURS.len() - 1)
        .max(1);
    let (a, b) = (&HOURS[next - 1], &HOURS[next]);
    let t = (height - a.0) / (b.0 - a.0);
    let blend = |x: [f32; 3], y: [f32; 3]| Vec3::from_array(x).lerp(Vec3::from_array(y), t);
    (exp2(a.1 + (b.1 - a.1) * t), blend(a.2, b.2), blend(a.3, b.3))
}

/// The arc sine, degrees, to 0.01: a polynomial by Abramowitz and Stegun (4.4.45).
fn arc_sine_degrees(x: f32) -> f32 {
    let a = x.abs().min(1.0);
    let p = std::f32::consts::FRAC_PI_2 + a * (-0.212_114_4 + a * (0.074_261 + a * -0.018_729_3));
    let angle = std::f32::consts::FRAC_PI_2 - (1.0 - a).sqrt() * p;
    angle.to_degrees() * x.signum()
}
