//! Polygons to runs, exactly as COCO's `rleFrPoly`.
//!
//! COCO draws every edge as a chain of points on a grid five times finer than the pixels, keeps the places where the chain
//! steps over the middle of a pixel column, rounds each to a row, and toggles inside and outside there. Only the steps over
//! column middles matter, so they are found directly: by arithmetic along flat edges and by bisection along steep ones. The
//! work is proportional to the columns crossed, however far away the corners are, and what is stored never exceeds a few
//! times the image's pixels.

use super::MaskError;

/// COCO's upsampling factor.
const SCALE: f64 = 5.0;

/// Beyond this the reference overflows its integers.
const MAX_COORDINATE: f64 = 4e8;

/// The runs of one closed polygon. `height · width` has been checked to fit.
pub(super) fn rasterise(xy: &[f64], index: usize, height: u32, width: u32) -> Result<Vec<u32>, MaskError> {
    for (position, &value) in xy.iter().enumerate() {
        if value.is_nan() || value.abs() >= MAX_COORDINATE {
            return Err(MaskError::Coordinate { value, position, index });
        }
    }
    let n = height * width;
    let corner = |i: usize| {
        // C's conversion: towards zero, after adding a half. This differs from rounding for negative coordinates.
        let fine = |v: f64| (SCALE * v + 0.5) as i64;
        (fine(xy[2 * i]), fine(xy[2 * i + 1]))
    };
    let corners = xy.len() / 2;
    let mut toggles = Toggles::new(n);
    for i in 0..corners {
        let (from, to) = (corner(i), corner((i + 1) % corners));
        edge(from, to, width, |column, v| {
            // `v` is the smaller fine row of the two points beside the column's middle.
            let y = ((f64::from(v) + 0.5) / SCALE - 0.5)
                .clamp(0.0, f64::from(height))
                .ceil() as u32;
            toggles.add(column * height + y);
        });
    }
    Ok(toggles.into_counts())
}

/// Calls `cross(column, fine_row)` for each column whose middle lies under this edge.
fn edge((x0, y0): (i64, i64), (x1, y1): (i64, i64), width: u32, mut cross: impl FnMut(u32, i32)) {
    let (dx, dy) = ((x1 - x0).abs(), (y1 - y0).abs());
    let flat = dx >= dy;
    let flip = (flat && x0 > x1) || (!flat && y0 > y1);
    let (xs, ys, xe, ye) = if flip { (x1, y1, x0, y0) } else { (x0, y0, x1, y1) };
    // A column's middle lies between the fine columns 5c + 2 and 5c + 3.
    let (lo, hi) = (xs.min(xe), xs.max(xe));
    let first = (lo - 2).max(0).div_euclid(5) + i64::from((lo - 2).max(0).rem_euclid(5) != 0);
    let end = ((hi - 3).div_euclid(5) + 1).min(i64::from(width));
    if first >= end {
        return;
    }
    if flat {
        // `dx` is above zero here: there is a column between the ends.
        let slope = (ye - ys) as f64 / dx as f64;
        let row = |t: i64| (ys as f64 + slope * t as f64 + 0.5) as i32;
        for column in first..end {
            let t = 5 * column + 2 - xs;
            cross(column as u32, row(t).min(row(t + 1)));
        }
    } else {
        let slope = (xe - xs) as f64 / dy as f64;
        let fine_column = |t: i64| (xs as f64 + slope * t as f64 + 0.5) as i64;
        let rising = xe >= xs;
        let mut columns = first..end;
        // The fine column is monotonic in `t` and moves by at most one; successive crossings follow each other.
        let mut from = 0;
        while let Some(column) = if rising { columns.next() } else { columns.next_back() } {
            let past = |t: i64| {
                let u = fine_column(t);
                if rising {
                    u >= 5 * column + 3
                } else {
                    u <= 5 * column + 2
                }
            };
            let (mut before, mut after) = (from, dy);
            if past(before) || !past(after) {
                continue;
            }
            while after - before > 1 {
                let middle = i64::midpoint(before, after);
                if past(middle) {
                    after = middle;
                } else {
                    before = middle;
                }
            }
            from = before;
            cross(column as u32, (before + ys) as i32);
        }
    }
}

/// Places where inside and outside change, of which equal pairs cancel.
struct Toggles {
    n: u32,
    at: Vec<u32>,
    limit: usize,
}

impl Toggles {
    fn new(n: u32) -> Self {
        Self {
            n,
            at: Vec::new(),
            limit: 2 * n as usize + 1024,
        }
    }

    fn add(&mut self, at: u32) {
        if at >= self.n {
            return;
        }
        if self.at.len() >= self.limit {
            self.cancel();
        }
        self.at.push(at);
    }

    fn cancel(&mut self) {
        self.at.sort_unstable();
        let mut kept = 0;
        let mut i = 0;
        while i < self.at.len() {
            let value = self.at[i];
            let same = self.at[i..].iter().take_while(|&&v| v == value).count();
            if same % 2 == 1 {
                self.at[kept] = value;
                kept += 1;
            }
            i += same;
        }
        self.at.truncate(kept);
    }

    fn into_counts(mut self) -> Vec<u32> {
        self.cancel();
        let mut counts = Vec::with_capacity(self.at.len() + 1);
        let mut before = 0;
        for &at in &self.at {
            counts.push(at - before);
            before = at;
        }
        counts.push(self.n - before);
        counts
    }
}
