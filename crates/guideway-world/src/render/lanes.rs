//! Eight floats at once, in plain Rust that compilers turn into vector instructions. Every operation is one IEEE operation on each
//! lane, so a build for wider registers gives the same bits.

#![expect(
    clippy::needless_range_loop,
    reason = "counted loops over arrays are what the compiler turns into vector instructions"
)]

use std::ops::{Add, AddAssign, BitAnd, BitOr, Mul, Neg, Not, Sub};

use glam::Vec3;

/// Number of lanes.
pub(crate) const LANES: usize = 8;

/// An array of what the expression gives for each index. A loop: compilers leave the closures of `array::map` and
/// `array::from_fn` as calls, with vectors passed through memory.
macro_rules! each {
    (|$i:ident| $body:expr) => {{
        let mut out = [Default::default(); _];
        for $i in 0..out.len() {
            out[$i] = $body;
        }
        out
    }};
}
pub(crate) use each;

/// Eight floats.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(32))]
pub(crate) struct F8(pub(crate) [f32; LANES]);

/// Eight answers: all bits set for yes, none for no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(32))]
pub(crate) struct M8(pub(crate) [u32; LANES]);

// Not derived: compilers leave the arrays' own `default` as a call, which stores and reloads every register.
impl Default for F8 {
    #[inline(always)]
    fn default() -> Self {
        Self([0.0; LANES])
    }
}

impl Default for M8 {
    #[inline(always)]
    fn default() -> Self {
        Self([0; LANES])
    }
}

impl Default for V8 {
    #[inline(always)]
    fn default() -> Self {
        Self {
            x: F8::ZERO,
            y: F8::ZERO,
            z: F8::ZERO,
        }
    }
}

impl F8 {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);

    #[inline(always)]
    pub(crate) fn splat(v: f32) -> Self {
        Self([v; LANES])
    }

    #[inline(always)]
    fn map2(self, b: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = [0.0; LANES];
        for i in 0..LANES {
            out[i] = f(self.0[i], b.0[i]);
        }
        Self(out)
    }

    #[inline(always)]
    pub(crate) fn min(self, b: Self) -> Self {
        self.map2(b, |x, y| if x < y { x } else { y })
    }

    #[inline(always)]
    pub(crate) fn max(self, b: Self) -> Self {
        self.map2(b, |x, y| if x > y { x } else { y })
    }

    #[inline(always)]
    pub(crate) fn div(self, b: Self) -> Self {
        self.map2(b, |x, y| x / y)
    }

    #[inline(always)]
    fn compare(self, b: Self, f: impl Fn(f32, f32) -> bool) -> M8 {
        let mut out = [0; LANES];
        for i in 0..LANES {
            out[i] = if f(self.0[i], b.0[i]) { u32::MAX } else { 0 };
        }
        M8(out)
    }

    #[inline(always)]
    pub(crate) fn lt(self, b: Self) -> M8 {
        self.compare(b, |x, y| x < y)
    }

    #[inline(always)]
    pub(crate) fn le(self, b: Self) -> M8 {
        self.compare(b, |x, y| x <= y)
    }

    #[inline(always)]
    pub(crate) fn ge(self, b: Self) -> M8 {
        self.compare(b, |x, y| x >= y)
    }

    #[inline(always)]
    pub(crate) fn gt(self, b: Self) -> M8 {
        self.compare(b, |x, y| x > y)
    }

    #[inline(always)]
    pub(crate) fn clamp(self, low: f32, high: f32) -> Self {
        self.max(Self::splat(low)).min(Self::splat(high))
    }

    #[inline(always)]
    pub(crate) fn abs(self) -> Self {
        let mut out = [0.0; LANES];
        for i in 0..LANES {
            out[i] = self.0[i].abs();
        }
        Self(out)
    }

    #[inline(always)]
    pub(crate) fn sqrt(self) -> Self {
        let mut out = [0.0; LANES];
        for i in 0..LANES {
            out[i] = self.0[i].sqrt();
        }
        Self(out)
    }

    /// From this where `t` is 0 to `b` where it is 1.
    #[inline(always)]
    pub(crate) fn lerp(self, b: Self, t: Self) -> Self {
        self + (b - self) * t
    }

    /// The sum of the lanes.
    #[inline(always)]
    pub(crate) fn total(self) -> f32 {
        let v = &self.0;
        ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]))
    }

    /// The smallest lane.
    #[inline(always)]
    pub(crate) fn lowest(self) -> f32 {
        let v = &self.0;
        let low = |a: f32, b: f32| if a < b { a } else { b };
        let (a, b) = (low(v[0], v[4]), low(v[1], v[5]));
        let (c, d) = (low(v[2], v[6]), low(v[3], v[7]));
        low(low(a, c), low(b, d))
    }

    /// The largest lane.
    #[inline(always)]
    pub(crate) fn highest(self) -> f32 {
        let v = &self.0;
        let high = |a: f32, b: f32| if a > b { a } else { b };
        let (a, b) = (high(v[0], v[4]), high(v[1], v[5]));
        let (c, d) = (high(v[2], v[6]), high(v[3], v[7]));
        high(high(a, c), high(b, d))
    }
}

impl M8 {
    #[inline(always)]
    pub(crate) fn splat(yes: bool) -> Self {
        Self([if yes { u32::MAX } else { 0 }; LANES])
    }

    #[inline(always)]
    pub(crate) fn any(self) -> bool {
        let m = &self.0;
        (m[0] | m[4]) | (m[1] | m[5]) | (m[2] | m[6]) | (m[3] | m[7]) != 0
    }

    #[inline(always)]
    pub(crate) fn all(self) -> bool {
        let m = &self.0;
        (m[0] & m[4]) & (m[1] & m[5]) & (m[2] & m[6]) & (m[3] & m[7]) != 0
    }

    /// The lanes that say yes, as bits.
    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        let bit: [u32; LANES] = each!(|i| self.0[i] & (1 << i));
        ((bit[0] | bit[4]) | (bit[1] | bit[5])) | ((bit[2] | bit[6]) | (bit[3] | bit[7]))
    }

    /// `a` where yes, `b` where no.
    #[inline(always)]
    pub(crate) fn pick(self, a: F8, b: F8) -> F8 {
        let mut out = [0.0; LANES];
        for i in 0..LANES {
            out[i] = f32::from_bits((self.0[i] & a.0[i].to_bits()) | (!self.0[i] & b.0[i].to_bits()));
        }
        F8(out)
    }

    /// `a` where yes, what stands in `b` where no.
    #[inline(always)]
    pub(crate) fn pick_index(self, a: u32, b: [u32; LANES]) -> [u32; LANES] {
        let mut out = [0; LANES];
        for i in 0..LANES {
            out[i] = (self.0[i] & a) | (!self.0[i] & b[i]);
        }
        out
    }
}

impl Add for F8 {
    type Output = Self;
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        self.map2(b, |x, y| x + y)
    }
}

impl Sub for F8 {
    type Output = Self;
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self.map2(b, |x, y| x - y)
    }
}

impl Mul for F8 {
    type Output = Self;
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self.map2(b, |x, y| x * y)
    }
}

impl Add<f32> for F8 {
    type Output = Self;
    #[inline(always)]
    fn add(self, b: f32) -> Self {
        self + Self::splat(b)
    }
}

impl AddAssign for F8 {
    #[inline(always)]
    fn add_assign(&mut self, b: Self) {
        *self = *self + b;
    }
}

impl Neg for F8 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        let mut out = [0.0; LANES];
        for i in 0..LANES {
            out[i] = -self.0[i];
        }
        Self(out)
    }
}

impl Mul<f32> for F8 {
    type Output = Self;
    #[inline(always)]
    fn mul(self, b: f32) -> Self {
        self * Self::splat(b)
    }
}

impl BitAnd for M8 {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, b: Self) -> Self {
        let mut out = [0; LANES];
        for i in 0..LANES {
            out[i] = self.0[i] & b.0[i];
        }
        Self(out)
    }
}

impl Not for M8 {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        let mut out = [0; LANES];
        for i in 0..LANES {
            out[i] = !self.0[i];
        }
        Self(out)
    }
}

impl BitOr for M8 {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, b: Self) -> Self {
        let mut out = [0; LANES];
        for i in 0..LANES {
            out[i] = self.0[i] | b.0[i];
        }
        Self(out)
    }
}

/// Eight vectors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct V8 {
    pub(crate) x: F8,
    pub(crate) y: F8,
    pub(crate) z: F8,
}

impl V8 {
    #[inline(always)]
    pub(crate) fn splat(v: Vec3) -> Self {
        Self {
            x: F8::splat(v.x),
            y: F8::splat(v.y),
            z: F8::splat(v.z),
        }
    }

    #[inline(always)]
    pub(crate) fn gather(v: [Vec3; LANES]) -> Self {
        Self {
            x: F8(each!(|i| v[i].x)),
            y: F8(each!(|i| v[i].y)),
            z: F8(each!(|i| v[i].z)),
        }
    }

    #[inline(always)]
    pub(crate) fn lane(&self, i: usize) -> Vec3 {
        Vec3::new(self.x.0[i], self.y.0[i], self.z.0[i])
    }

    #[inline(always)]
    pub(crate) fn set(&mut self, i: usize, v: Vec3) {
        (self.x.0[i], self.y.0[i], self.z.0[i]) = (v.x, v.y, v.z);
    }

    #[inline(always)]
    pub(crate) fn dot(&self, b: &Self) -> F8 {
        self.x * b.x + self.y * b.y + self.z * b.z
    }

    #[inline(always)]
    pub(crate) fn dot_vec(&self, b: Vec3) -> F8 {
        self.x * b.x + self.y * b.y + self.z * b.z
    }

    #[inline(always)]
    pub(crate) fn length(&self) -> F8 {
        self.dot(self).sqrt()
    }

    /// `a` where yes, `b` where no.
    #[inline(always)]
    pub(crate) fn pick(mask: M8, a: &Self, b: &Self) -> Self {
        Self {
            x: mask.pick(a.x, b.x),
            y: mask.pick(a.y, b.y),
            z: mask.pick(a.z, b.z),
        }
    }

    /// From `a` where `t` is 0 to `b` where it is 1.
    #[inline(always)]
    pub(crate) fn between(a: Vec3, b: Vec3, t: F8) -> Self {
        let step = b - a;
        Self {
            x: t * step.x + a.x,
            y: t * step.y + a.y,
            z: t * step.z + a.z,
        }
    }

    /// From this where `t` is 0 to `b` where it is 1.
    #[inline(always)]
    pub(crate) fn lerp(&self, b: &Self, t: F8) -> Self {
        Self {
            x: self.x.lerp(b.x, t),
            y: self.y.lerp(b.y, t),
            z: self.z.lerp(b.z, t),
        }
    }

    /// This vector, longer by each lane's factor.
    #[inline(always)]
    pub(crate) fn of(v: Vec3, factor: F8) -> Self {
        Self {
            x: factor * v.x,
            y: factor * v.y,
            z: factor * v.z,
        }
    }

    #[inline(always)]
    pub(crate) fn cross(&self, b: &Self) -> Self {
        Self {
            x: self.y * b.z - self.z * b.y,
            y: self.z * b.x - self.x * b.z,
            z: self.x * b.y - self.y * b.x,
        }
    }
}

impl Add for V8 {
    type Output = Self;
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self {
            x: self.x + b.x,
            y: self.y + b.y,
            z: self.z + b.z,
        }
    }
}

impl Sub for V8 {
    type Output = Self;
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        Self {
            x: self.x - b.x,
            y: self.y - b.y,
            z: self.z - b.z,
        }
    }
}

impl Mul for V8 {
    type Output = Self;
    /// Component by component.
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Self {
            x: self.x * b.x,
            y: self.y * b.y,
            z: self.z * b.z,
        }
    }
}

impl Mul<F8> for V8 {
    type Output = Self;
    #[inline(always)]
    fn mul(self, b: F8) -> Self {
        Self {
            x: self.x * b,
            y: self.y * b,
            z: self.z * b,
        }
    }
}

impl AddAssign for V8 {
    #[inline(always)]
    fn add_assign(&mut self, b: Self) {
        *self = *self + b;
    }
}

impl Neg for V8 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self {
            x: -self.x,
            y: -self.y,
            z: -self.z,
        }
    }
}
