//! The functions of [`super::maths`], for eight lanes at once, without a branch.

use super::lanes::{F8, LANES, each};

/// Added to a float below 2²² it leaves a whole number in the lower bits of the sum.
const MAGIC: f32 = 12_582_912.0;

impl F8 {
    /// Rounds down, for |x| < 2²².
    #[inline(always)]
    pub(crate) fn floor(self) -> Self {
        Self(each!(|i| {
            let near = (self.0[i] + MAGIC) - MAGIC;
            if near > self.0[i] { near - 1.0 } else { near }
        }))
    }

    /// The lower bits (22 at least) of whole numbers, two's complement.
    #[inline(always)]
    pub(crate) fn whole_bits(self) -> [u32; LANES] {
        each!(|i| (self.0[i] + MAGIC).to_bits())
    }
}

/// 2^x to 2e-7, for |x| < 126; outside it stays at the ends.
#[inline(always)]
pub(crate) fn exp2(x: F8) -> F8 {
    let x = x.clamp(-126.0, 126.0);
    let whole = x.floor();
    let part = x - whole;
    // The polynomial of `maths::exp2`.
    let p = part * 1.877_576_7e-3 + 8.989_34e-3;
    let p = p * part + 5.582_631_8e-2;
    let p = p * part + 2.401_536_1e-1;
    let p = p * part + 6.931_531e-1;
    let p = p * part + 9.999_999_4e-1;
    let exponent = (whole + 127.0).whole_bits();
    p * F8(each!(|i| f32::from_bits(exponent[i] << 23)))
}

/// e^x.
#[inline(always)]
pub(crate) fn exp(x: F8) -> F8 {
    exp2(x * std::f32::consts::LOG2_E)
}

/// log2 of positive, normal numbers, to 5e-6.
#[inline(always)]
pub(crate) fn log2(x: F8) -> F8 {
    let x = x.max(F8::splat(f32::MIN_POSITIVE));
    let shifted: [u32; LANES] = each!(|i| x.0[i].to_bits().wrapping_sub(0x3f35_04f3));
    let exponent = F8(each!(|i| ((shifted[i] as i32) >> 23) as f32));
    let m = F8(each!(|i| f32::from_bits((shifted[i] & 0x007f_ffff) + 0x3f35_04f3)));
    let s = (m + -1.0).div(m + 1.0);
    let s2 = s * s;
    let series = s * 2.0 * (s2 * (s2 * (s2 * (1.0 / 7.0) + 0.2) + 1.0 / 3.0) + 1.0);
    series * std::f32::consts::LOG2_E + exponent
}

/// x^p for x ≥ 0.
#[inline(always)]
pub(crate) fn pow(x: F8, p: F8) -> F8 {
    x.gt(F8::ZERO).pick(exp2(p * log2(x)), F8::ZERO)
}

/// Rises smoothly from 0 at `low` to 1 at `high`.
#[inline(always)]
pub(crate) fn smooth(low: f32, high: f32, x: F8) -> F8 {
    smooth_step((x + -low) * (1.0 / (high - low)))
}

/// Rises smoothly from 0 at 0 to 1 at 1.
#[inline(always)]
pub(crate) fn smooth_step(t: F8) -> F8 {
    let t = t.clamp(0.0, 1.0);
    t * t * (t * -2.0 + 3.0)
}

#[cfg(test)]
mod tests {
    use super::super::maths;
    use super::*;

    #[test]
    fn lanes_are_what_one_number_gives() {
        for i in -2000..2000 {
            let x = i as f32 * 0.011;
            let v = F8::splat(x);
            assert_eq!(v.floor().0[0], x.floor());
            assert_eq!(v.floor().whole_bits()[0] & 0xffff, x.floor() as i32 as u32 & 0xffff);
            let error = (exp2(v).0[0] / maths::exp2(x) - 1.0).abs();
            assert!(error < 1e-6, "2^{x}: {error}");
            let y = x.exp2();
            let error = (log2(F8::splat(y)).0[0] - maths::log2(y)).abs();
            assert!(error < 1e-6, "log2 {y}: {error}");
            let error = (smooth(1.0, 0.3, v).0[0] - maths::smooth(1.0, 0.3, x)).abs();
            assert!(error < 1e-6, "smooth {x}: {error}");
            let base = F8::splat(x.abs());
            let error = (pow(base, F8::splat(2.5)).0[0] - maths::pow(x.abs(), 2.5)).abs();
            assert!(error <= 1e-5 * x.abs().powf(2.5), "{x}^2.5: {error}");
        }
    }
}
