//! How far each row is from the nearest centre, found out only where it matters.
//!
//! A row's distance to the nearest centre only falls as centres are added, so that a distance to some of them is an upper bound.
//! Both selections here ask for few rows' exact distance at each step, and keep the bounds of all others: the idea of Minoux's lazy
//! greedy algorithm (1978) and of Elkan's k-means (2003). Where a plain version reads every row for every centre, this one reads a few
//! rows for many centres, which stay in the cache.
//!
//! What is left to read are rows that a new centre does not come near. A copy of each row in bytes, a quarter of its size, says so for most of
//! them: the distance of two copies is that of the rows but for the two rounding errors, which are known.

use rayon::prelude::*;

use crate::distance::{codes_apart, squared};
use crate::points::Points;

/// Rows that share a summary.
pub(super) const BLOCK: usize = 512;

/// The greatest code.
const CODE: f32 = 127.0;

/// The longest row that gets codes: sums of squares of longer ones may not fit.
const WIDEST: usize = 16_384;

/// A row's bound, and how many centres it takes into account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// Upper bound of the squared distance to the nearest centre.
    pub(super) distance2: f32,
    /// Centres looked at.
    seen: u32,
}

impl Bound {
    pub(super) const NONE: Self = Self {
        distance2: f32::INFINITY,
        seen: 0,
    };
}

/// Rows rounded to bytes.
#[derive(Debug)]
struct Codes {
    /// Value of a step.
    step: f32,
    /// Codes in a row: its width, filled up with zeros.
    width: usize,
    rows: Vec<i8>,
    /// At most how far each row is from its copy.
    errors: Vec<f32>,
    /// The greatest of these.
    worst: f32,
}

impl Codes {
    /// `None` where there is nothing to gain: short rows, or all values 0.
    fn new(points: &Points<'_>) -> Option<Self> {
        let highest = points.values().par_iter().map(|v| v.abs()).reduce(|| 0.0, f32::max);
        let step = highest / CODE;
        if points.width() < 16 || points.width() > WIDEST || !(step.is_normal() && (1.0 / step).is_normal()) {
            return None;
        }
        let inverse = 1.0 / step;
        let width = points.width().next_multiple_of(32);
        let mut rows = vec![0_i8; points.len() * width];
        let mut errors = vec![0.0_f32; points.len()];
        rows.par_chunks_mut(width)
            .zip(&mut errors)
            .enumerate()
            .for_each(|(row, (codes, error))| {
                let mut sum = 0.0_f64;
                for (code, value) in codes.iter_mut().zip(points.row(row)) {
                    // Any rounding will do: the error is measured.
                    let steps = value * inverse;
                    *code = (steps + 0.5_f32.copysign(steps)) as i8;
                    let off = f64::from(*value) - f64::from(step) * f64::from(*code);
                    sum += off * off;
                }
                // Rounded up: it is a bound.
                *error = (sum.sqrt() * 1.000_001) as f32;
            });
        let worst = errors.iter().copied().fold(0.0, f32::max);
        Some(Self {
            step,
            width,
            rows,
            errors,
            worst,
        })
    }

    fn row(&self, row: usize) -> &[i8] {
        &self.rows[row * self.width..(row + 1) * self.width]
    }

    /// Two copies with a sum of squared steps of this or more come from rows that are not nearer than `distance2`.
    fn enough(&self, row: usize, distance2: f32) -> i32 {
        // The sums of distances are rounded too, by less than this.
        let distance = (f64::from(distance2) * 1.000_1).sqrt();
        let apart = (distance + f64::from(self.errors[row]) + f64::from(self.worst)) / f64::from(self.step);
        // Infinity becomes the greatest number, which no sum reaches.
        (apart * apart).ceil() as i32
    }
}

/// Rows and centres.
#[derive(Debug)]
pub(super) struct Known<'a> {
    points: Points<'a>,
    centers: Vec<f32>,
    codes: Option<Codes>,
    center_codes: Vec<i8>,
}

impl<'a> Known<'a> {
    pub(super) fn new(points: Points<'a>) -> Self {
        Self {
            points,
            centers: Vec::new(),
            codes: Codes::new(&points),
            center_codes: Vec::new(),
        }
    }

    /// One more centre.
    pub(super) fn add(&mut self, row: usize) {
        self.centers.extend_from_slice(self.points.row(row));
        if let Some(codes) = &self.codes {
            self.center_codes.extend_from_slice(codes.row(row));
        }
    }

    /// How many centres there are.
    fn count(&self) -> usize {
        self.centers.len() / self.points.width()
    }

    /// The bounds of all rows by the first centre: without it there is nothing to begin with.
    pub(super) fn begin(&self) -> Vec<Bound> {
        let first = self.centers.get(..self.points.width());
        let bound = |row: usize| match first {
            None => Bound::NONE,
            Some(center) => Bound {
                distance2: squared(self.points.row(row), center),
                seen: 1,
            },
        };
        (0..self.points.len()).into_par_iter().map(bound).collect()
    }

    /// Looks at the centres that a row has not seen yet, until the squared distance falls below `stop`. Is the bound exact now?
    pub(super) fn tighten(&self, row: usize, bound: &mut Bound, stop: f32) -> bool {
        let count = self.count();
        let width = self.points.width();
        let center = |index: usize| &self.centers[index * width..(index + 1) * width];
        let look = |bound: &mut Bound| {
            let distance2 = squared(self.points.row(row), center(bound.seen as usize));
            bound.seen += 1;
            let nearer = distance2 < bound.distance2;
            if nearer {
                bound.distance2 = distance2;
            }
            nearer
        };
        let Some(codes) = &self.codes else {
            while (bound.seen as usize) < count {
                if look(bound) && bound.distance2 < stop {
                    break;
                }
            }
            return bound.seen as usize == count;
        };
        let own = codes.row(row);
        let mut enough = codes.enough(row, bound.distance2);
        while (bound.seen as usize) < count {
            let rest = &self.center_codes[bound.seen as usize * codes.width..];
            bound.seen += codes_apart(own, rest, enough) as u32;
            if bound.seen as usize == count {
                break;
            }
            if look(bound) {
                if bound.distance2 < stop {
                    break;
                }
                enough = codes.enough(row, bound.distance2);
            }
        }
        bound.seen as usize == count
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The copies never hide a nearer centre.
        #[test]
        fn bounds_are_the_distances_to_the_nearest(
            rows in prop::collection::vec(prop::collection::vec(-3.0_f32..3.0, 20), 2..20), scale in -20_i32..20, far in any::<bool>(),
        ) {
            let scale = 2.0_f32.powi(scale);
            let mut values: Vec<f32> = rows.iter().flatten().map(|v| v * scale).collect();
            if far {
                // One large value makes the steps coarse for all.
                values[0] = 1e3 * scale;
            }
            let points = Points::new(&values, 20).unwrap();
            let mut known = Known::new(points);
            prop_assert!(known.codes.is_some());
            for center in 0..points.len() / 2 {
                known.add(center);
            }
            for row in 0..points.len() {
                let mut bound = Bound::NONE;
                prop_assert!(known.tighten(row, &mut bound, f32::NEG_INFINITY));
                let plain = (0..points.len() / 2).map(|c| points.distance2(row, c)).fold(f32::INFINITY, f32::min);
                prop_assert_eq!(bound.distance2, plain);
            }
        }
    }
}
