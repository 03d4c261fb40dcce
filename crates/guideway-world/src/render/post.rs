//! Exposure, noise and tone curve: from light to the bytes of a picture.

use glam::Vec3;
use multiversion::multiversion;
use rayon::prelude::*;

use super::lanes::{F8, LANES};
use super::maths::{exp2, log2, luminance, mix64, pow, unit};
use super::{Shot, Snapshot, wide};

/// Entries of the tone curve's table.
const CURVE: usize = 8192;
/// Entries of the table of normally distributed numbers.
const NORMAL: usize = 4096;

/// Tables that are the same for all pictures.
#[derive(Debug)]
pub(crate) struct Tables {
    /// Display bytes by `v / (1 + v)`.
    curve: Box<[u8; CURVE]>,
    normal: Box<[f32; NORMAL]>,
}

impl Tables {
    pub(crate) fn new() -> Self {
        let (mut curve, mut normal) = (Box::new([0; CURVE]), Box::new([0.0; NORMAL]));
        for (i, byte) in curve.iter_mut().enumerate() {
            let t = (i as f32 + 0.5) / CURVE as f32;
            *byte = (tone(t / (1.0 - t)) * 255.0 + 0.5) as u8;
        }
        // Sums of twelve uniform numbers.
        for (i, value) in (0..).zip(normal.iter_mut()) {
            let draws = (0..12).map(|k| unit((mix64(i * 12 + k + 1) >> 32) as u32));
            *value = draws.sum::<f32>() - 6.0;
        }
        Self { curve, normal }
    }
}

/// Makes the bytes of a picture from radiances.
pub(crate) fn develop(
    hdr: &[Vec3],
    exposure: f32,
    snapshot: &Snapshot<'_>,
    shot: &Shot,
    tables: &Tables,
    rgb: &mut [u8],
) {
    // By day the exposure is about 1; beyond, the shutter opens first and then the gain rises.
    let stops = log2(exposure.max(1.0));
    let gain = exp2(stops * 0.22) * snapshot.params.optics.noise as f32;
    let sensor = Sensor {
        exposure,
        shot: 0.005 * gain,
        read: shot.read_noise.max(0.0) as f32 * gain * 0.35 / 255.0,
        seed: shot.seed.value(),
    };
    let chunk = 2048;
    rgb.par_chunks_mut(3 * chunk)
        .zip(hdr.par_chunks(chunk))
        .enumerate()
        .for_each(|(i, (out, light))| sensor_chunk(&sensor, tables, i * chunk, light, out));
}

/// What turns light into bytes.
struct Sensor {
    exposure: f32,
    /// Standard deviation of photon noise at a signal of 1.
    shot: f32,
    /// Standard deviation in the dark.
    read: f32,
    seed: u64,
}

#[multiversion(targets("x86_64+avx+avx2"))]
fn sensor_chunk(sensor: &Sensor, tables: &Tables, first: usize, light: &[Vec3], out: &mut [u8]) {
    // Arrays of a known length, so that nothing is copied by a call for a few bytes.
    let (groups, rest) = light.as_chunks::<LANES>();
    let (bytes, rest_bytes) = out.as_chunks_mut::<{ 3 * LANES }>();
    for (part, (bytes, light)) in bytes.iter_mut().zip(groups).enumerate() {
        sensor.eight(tables, first + part * LANES, light, bytes);
    }
    if !rest.is_empty() {
        let (mut light, mut bytes) = ([Vec3::ZERO; LANES], [0; 3 * LANES]);
        light[..rest.len()].copy_from_slice(rest);
        sensor.eight(tables, first + groups.len() * LANES, &light, &mut bytes);
        rest_bytes.copy_from_slice(&bytes[..rest_bytes.len()]);
    }
}

impl Sensor {
    /// Eight pixels, of which this is the number of the first.
    #[inline(always)]
    fn eight(&self, tables: &Tables, first: usize, light: &[Vec3; LANES], bytes: &mut [u8; 3 * LANES]) {
        let (shot2, read2) = (self.shot * self.shot, self.read * self.read);
        let (mut values, mut draws) = ([F8::ZERO; 3], [F8::ZERO; 3]);
        for i in 0..LANES {
            let pixel = (first + i) as u64;
            let bits = mix64(self.seed ^ pixel.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            for (k, light) in light[i].to_array().into_iter().enumerate() {
                let at = 3 * i + k;
                values[at / LANES].0[at % LANES] = light;
                draws[at / LANES].0[at % LANES] = tables.normal[(bits >> (12 * k)) as usize & (NORMAL - 1)];
            }
        }
        for ((value, draw), bytes) in values.iter().zip(&draws).zip(bytes.as_chunks_mut::<LANES>().0) {
            let v = (*value * self.exposure).max(F8::ZERO);
            let v = (v + *draw * (v * shot2 + read2).sqrt()).max(F8::ZERO);
            // Casts to whole numbers look at each lane for what is no number; this leaves them in the lower bits.
            let places = (v.div(v + 1.0) * CURVE as f32)
                .min(F8::splat((CURVE - 1) as f32))
                .floor();
            let places = places.whole_bits();
            for (byte, place) in bytes.iter_mut().zip(places) {
                *byte = tables.curve[place as usize & (CURVE - 1)];
            }
        }
    }
}

/// The factor that a camera would choose, by the mean of the logarithms. Dark scenes are left darker than bright ones, as night
/// cameras do (the key of Krawczyk, Myszkowski and Seidel, "Lightness perception in tone reproduction", 2005, is such a curve).
pub(crate) fn exposure(hdr: &[Vec3], bias: f32) -> f32 {
    let sums: Vec<f32> = hdr.par_chunks(2048).map(sum_of_logs).collect();
    let count: usize = hdr.chunks(2048).map(|chunk| chunk.len().div_ceil(3)).sum();
    let mean = sums.iter().sum::<f32>() / count.max(1) as f32;
    let bright = exp2(mean);
    let key = 0.20 * pow(bright / 0.25, 0.22).clamp(0.15, 1.2);
    (key / bright).clamp(0.05, 900.0) * exp2(bias)
}

/// The logarithms of every third pixel's brightness.
#[multiversion(targets("x86_64+avx+avx2"))]
fn sum_of_logs(chunk: &[Vec3]) -> f32 {
    let mut sums = F8::ZERO;
    for part in chunk.chunks(3 * LANES) {
        // The logarithm of 1 is 0.
        let mut light = F8::splat(1.0);
        for (light, color) in light.0.iter_mut().zip(part.iter().step_by(3)) {
            *light = luminance(*color).clamp(2e-5, 4.0);
        }
        sums += wide::log2(light);
    }
    sums.0.iter().sum()
}

/// Display value, 0 to 1, of an exposed radiance: Narkowicz's fit of the ACES film curve, then sRGB.
fn tone(v: f32) -> f32 {
    let v = (v * (2.51 * v + 0.03)) / (v * (2.43 * v + 0.59) + 0.14);
    let v = v.clamp(0.0, 1.0);
    if v <= 0.003_130_8 {
        v * 12.92
    } else {
        1.055 * pow(v, 1.0 / 2.4) - 0.055
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_what_they_say() {
        let tables = Tables::new();
        assert!(tables.curve.windows(2).all(|w| w[0] <= w[1]));
        assert_eq!((tables.curve[0], tables.curve[CURVE - 1]), (0, 255));
        let mean = tables.normal.iter().sum::<f32>() / NORMAL as f32;
        let variance = tables.normal.iter().map(|v| v * v).sum::<f32>() / NORMAL as f32;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn a_gray_picture_becomes_gray_and_a_dark_one_stays_darker() {
        let day = vec![Vec3::splat(0.25); 4096];
        let night = vec![Vec3::splat(0.001); 4096];
        let (a, b) = (0.25 * exposure(&day, 0.0), 0.001 * exposure(&night, 0.0));
        assert!((a - 0.2).abs() < 1e-3, "{a}");
        assert!(b < 0.5 * a && b > 0.02, "{b}");
        assert!((exposure(&day, 1.0) / exposure(&day, 0.0) - 2.0).abs() < 1e-5);
    }
}
