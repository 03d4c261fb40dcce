//! Smooth noise from a table that is the same everywhere.

use super::maths::{mix, unit};

/// Side of the table.
const SIDE: usize = 256;

/// Value noise on a lattice, 0 to 1, repeating after 256 steps.
#[derive(Debug)]
pub(crate) struct Noise {
    table: Vec<f32>,
}

impl Noise {
    pub(crate) fn new() -> Self {
        Self {
            table: (0..SIDE * SIDE).map(|i| unit(mix(i as u32 + 1))).collect(),
        }
    }

    #[inline(always)]
    fn at(&self, x: i32, y: i32) -> f32 {
        self.table[((y as usize & (SIDE - 1)) << 8) | (x as usize & (SIDE - 1))]
    }

    /// Noise in a plane; wavelength about 2.
    #[inline(always)]
    pub(crate) fn plane(&self, x: f32, y: f32) -> f32 {
        let (ix, iy) = (floor(x), floor(y));
        let (fx, fy) = (x - ix as f32, y - iy as f32);
        let (sx, sy) = (fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy));
        let (a, b) = (self.at(ix, iy), self.at(ix.wrapping_add(1), iy));
        let iy = iy.wrapping_add(1);
        let (c, d) = (self.at(ix, iy), self.at(ix.wrapping_add(1), iy));
        let (low, high) = (a + (b - a) * sx, c + (d - c) * sx);
        low + (high - low) * sy
    }

    /// Noise in space: slices of the plane, shifted.
    #[inline(always)]
    pub(crate) fn space(&self, x: f32, y: f32, z: f32) -> f32 {
        let iz = floor(z);
        let fz = z - iz as f32;
        let sz = fz * fz * (3.0 - 2.0 * fz);
        let shift = |k: i32| ((k & 255).wrapping_mul(37)) as f32;
        let a = self.plane(x + shift(iz), y + 0.5 * shift(iz));
        let next = iz.wrapping_add(1);
        let b = self.plane(x + shift(next), y + 0.5 * shift(next));
        a + (b - a) * sz
    }

    /// The value of a lattice cell.
    #[inline(always)]
    pub(crate) fn cell(&self, x: i32, y: i32) -> f32 {
        self.at(x, y)
    }
}

/// Rounds down, without a call to the library.
#[inline(always)]
pub(crate) fn floor(x: f32) -> i32 {
    let i = x as i32;
    if (i as f32) > x { i.wrapping_sub(1) } else { i }
}
