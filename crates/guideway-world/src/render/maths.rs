//! Functions whose bits depend neither on the platform's mathematics library nor on the processor.

use glam::{Mat3, Vec3};

/// 2^x to 2e-7, for |x| < 126; outside it stays at the ends.
#[inline(always)]
pub(crate) fn exp2(x: f32) -> f32 {
    let x = x.clamp(-126.0, 126.0);
    // Rounds down without a call to the library's floor.
    let whole = (x + 512.0) as i32 - 512;
    let part = x - whole as f32;
    // Minimax polynomial of 2^x on [0, 1).
    let p = 1.877_576_7e-3;
    let p = p * part + 8.989_34e-3;
    let p = p * part + 5.582_631_8e-2;
    let p = p * part + 2.401_536_1e-1;
    let p = p * part + 6.931_531e-1;
    let p = p * part + 9.999_999_4e-1;
    p * f32::from_bits(((whole + 127) as u32) << 23)
}

/// e^x.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    exp2(x * std::f32::consts::LOG2_E)
}

/// log2 of a positive, normal number, to 5e-6.
#[inline(always)]
pub(crate) fn log2(x: f32) -> f32 {
    let bits = x.max(f32::MIN_POSITIVE).to_bits();
    // The mantissa in [√½, √2).
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let exponent = (shifted as i32) >> 23;
    let m = f32::from_bits((shifted & 0x007f_ffff) + 0x3f35_04f3);
    // 2 atanh((m − 1) / (m + 1)) / ln 2
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let series = 2.0 * s * (1.0 + s2 * (1.0 / 3.0 + s2 * (0.2 + s2 * (1.0 / 7.0))));
    series * std::f32::consts::LOG2_E + exponent as f32
}

/// x^p for x ≥ 0.
#[inline(always)]
pub(crate) fn pow(x: f32, p: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { exp2(p * log2(x)) }
}

/// Rises smoothly from 0 at `low` to 1 at `high`.
#[inline(always)]
pub(crate) fn smooth(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Brightness of a linear colour (Rec. 709).
#[inline(always)]
pub(crate) fn luminance(color: Vec3) -> f32 {
    0.2126 * color.x + 0.7152 * color.y + 0.0722 * color.z
}

/// A well-mixed number from another (Murmur3's finaliser).
#[inline(always)]
pub(crate) fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x85eb_ca6b);
    x ^= x >> 13;
    x = x.wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

/// The same for 64 bits (SplitMix64's finaliser).
#[inline(always)]
pub(crate) fn mix64(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// From 0 to 1, of a number's upper bits.
#[inline(always)]
pub(crate) fn unit(x: u32) -> f32 {
    (x >> 8) as f32 / 16_777_216.0
}

/// A turn about z by an angle of at most a few radians.
pub(crate) fn rotation_z(angle: f32) -> Mat3 {
    let x = f64::from(angle);
    let x2 = x * x;
    // Taylor series; exact to a float for |x| < 1.5, far beyond what turns within an exposure.
    let sin = x * (1.0 - x2 / 6.0 * (1.0 - x2 / 20.0 * (1.0 - x2 / 42.0 * (1.0 - x2 / 72.0 * (1.0 - x2 / 110.0)))));
    let cos = 1.0 - x2 / 2.0 * (1.0 - x2 / 12.0 * (1.0 - x2 / 30.0 * (1.0 - x2 / 56.0 * (1.0 - x2 / 90.0))));
    let (sin, cos) = (sin as f32, cos as f32);
    Mat3::from_cols(Vec3::new(cos, sin, 0.0), Vec3::new(-sin, cos, 0.0), Vec3::Z)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_library() {
        for i in -2000..2000 {
            let x = i as f32 * 0.01;
            let error = (exp2(x) / x.exp2() - 1.0).abs();
            assert!(error < 1e-6, "2^{x}: {error}");
            let y = (x * 0.7).exp2();
            let error = (log2(y) - y.log2()).abs();
            assert!(error < 2e-5, "log2 {y}: {error}");
        }
        assert_eq!(pow(0.0, 0.5), 0.0);
    }
}
