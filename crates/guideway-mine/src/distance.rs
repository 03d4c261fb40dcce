//! The one place where distances and products are summed, so that every function sees the same bits, on every processor.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled without the wider registers"
)]

use multiversion::multiversion;

/// Sums that run beside each other: four registers of eight floats.
const LANES: usize = 32;

/// Eight floats.
type Eight = [f32; 8];

#[inline(always)]
fn each(a: Eight, b: Eight, f: impl Fn(f32, f32) -> f32) -> Eight {
    let mut out = [0.0; 8];
    for i in 0..8 {
        out[i] = f(a[i], b[i]);
    }
    out
}

/// The sum of a term over the pairs of two vectors of one length. The sums are never indexed by a variable, which would keep them out
/// of registers.
macro_rules! sum_of_pairs {
    ($a:expr, $b:expr, |$x:ident, $y:ident| $term:expr) => {{
        let mut sums = [[0.0_f32; 8]; 4];
        let ((a, a_rest), (b, b_rest)) = ($a.as_chunks::<LANES>(), $b.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            let ((a, _), (b, _)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
            for i in 0..4 {
                let ($x, $y) = (a[i], b[i]);
                sums[i] = each(sums[i], $term, |s, t| s + t);
            }
        }
        let ((a, a_rest), (b, b_rest)) = (a_rest.as_chunks::<8>(), b_rest.as_chunks::<8>());
        for (a, b) in a.iter().zip(b) {
            let ($x, $y) = (*a, *b);
            sums[0] = each(sums[0], $term, |s, t| s + t);
        }
        if !a_rest.is_empty() {
            let ($x, $y) = (padded(a_rest), padded(b_rest));
            sums[0] = each(sums[0], $term, |s, t| s + t);
        }
        let pairs = [
            each(sums[0], sums[1], |s, t| s + t),
            each(sums[2], sums[3], |s, t| s + t),
        ];
        let [a, b, c, d, e, f, g, h] = each(pairs[0], pairs[1], |s, t| s + t);
        ((a + e) + (b + f)) + ((c + g) + (d + h))
    }};
}

#[inline(always)]
fn padded(rest: &[f32]) -> Eight {
    let mut out = [0.0; 8];
    for (out, value) in out.iter_mut().zip(rest) {
        *out = *value;
    }
    out
}

#[inline(always)]
fn squared_plain(a: &[f32], b: &[f32]) -> f32 {
    sum_of_pairs!(a, b, |x, y| each(x, y, |x, y| (x - y) * (x - y)))
}

/// The square of the Euclidean distance of two vectors of one length.
#[multiversion(targets("x86_64+avx+avx2"))]
pub(crate) fn squared(a: &[f32], b: &[f32]) -> f32 {
    squared_plain(a, b)
}

/// The inner product of two vectors of one length.
#[multiversion(targets("x86_64+avx+avx2"))]
pub(crate) fn product(a: &[f32], b: &[f32]) -> f32 {
    sum_of_pairs!(a, b, |x, y| each(x, y, |x, y| x * y))
}

/// How many of these copies (rows of bytes, one after the other) come before the first that is nearer than `enough`: with a sum of squared
/// differences below it.
#[multiversion(targets("x86_64+avx+avx2"))]
pub(crate) fn codes_apart(own: &[i8], copies: &[i8], enough: i32) -> usize {
    let mut apart = 0;
    for copy in copies.chunks_exact(own.len().max(1)) {
        let mut sum = 0_i32;
        for i in 0..own.len().min(copy.len()) {
            // Rows are short enough for the sum.
            let d = i32::from(own[i]).wrapping_sub(i32::from(copy[i]));
            sum = sum.wrapping_add(d.wrapping_mul(d));
        }
        if sum < enough {
            break;
        }
        apart += 1;
    }
    apart
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_are_right_at_every_length(pairs in prop::collection::vec((-2.0_f32..2.0, -2.0_f32..2.0), 0..100)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let sum = |f: fn(f64, f64) -> f64| a.iter().zip(&b).map(|(a, b)| f(f64::from(*a), f64::from(*b))).sum::<f64>();
            prop_assert!((f64::from(super::squared(&a, &b)) - sum(|a, b| (a - b) * (a - b))).abs() < 1e-3);
            prop_assert!((f64::from(super::product(&a, &b)) - sum(|a, b| a * b)).abs() < 1e-3);
        }
    }
}
