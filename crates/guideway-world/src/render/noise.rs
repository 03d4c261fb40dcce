//! Smooth noise from a table that is the same everywhere.

use super::lanes::{F8, LANES, each};
use super::maths::{mix, unit};

/// Side of the table.
const SIDE: usize = 256;

/// Value noise on a lattice, 0 to 1, repeating after 256 steps.
#[derive(Debug)]
pub(crate) struct Noise {
    table: Box<[f32; SIDE * SIDE]>,
}

impl Noise {
    #[expect(
        clippy::large_stack_arrays,
        reason = "once for each renderer, and a stack has megabytes"
    )]
    pub(crate) fn new() -> Self {
        let mut table = Box::new([0.0; SIDE * SIDE]);
        for (i, value) in table.iter_mut().enumerate() {
            *value = unit(mix(i as u32 + 1));
        }
        Self { table }
    }

    /// Noise at eight places in a plane; wavelength about 2.
    #[inline(always)]
    pub(crate) fn plane(&self, x: F8, y: F8) -> F8 {
        let (low_x, low_y) = (x.floor(), y.floor());
        let (dx, dy) = (x - low_x, y - low_y);
        let (sx, sy) = (dx * dx * (dx * -2.0 + 3.0), dy * dy * (dy * -2.0 + 3.0));
        let (column, row) = (low_x.whole_bits(), low_y.whole_bits());
        let (mut a, mut b, mut c, mut d) = (F8::ZERO, F8::ZERO, F8::ZERO, F8::ZERO);
        for i in 0..LANES {
            let (left, right) = (column[i] & 255, column[i].wrapping_add(1) & 255);
            let (here, above) = ((row[i] & 255) << 8, (row[i].wrapping_add(1) & 255) << 8);
            a.0[i] = self.table[(here | left) as usize];
            b.0[i] = self.table[(here | right) as usize];
            c.0[i] = self.table[(above | left) as usize];
            d.0[i] = self.table[(above | right) as usize];
        }
        a.lerp(b, sx).lerp(c.lerp(d, sx), sy)
    }

    /// Noise in space at eight places: slices of the plane, shifted.
    #[inline(always)]
    pub(crate) fn space(&self, x: F8, y: F8, z: F8) -> F8 {
        let low = z.floor();
        let dz = z - low;
        let sz = dz * dz * (dz * -2.0 + 3.0);
        let slice = low.whole_bits();
        let here = F8(each!(|i| ((slice[i] & 255) * 37) as f32));
        let above = F8(each!(|i| ((slice[i].wrapping_add(1) & 255) * 37) as f32));
        let a = self.plane(x + here, y + here * 0.5);
        let b = self.plane(x + above, y + above * 0.5);
        a.lerp(b, sz)
    }

    /// The values of lattice cells.
    #[inline(always)]
    pub(crate) fn cells(&self, column: &[u32; LANES], row: &[u32; LANES]) -> F8 {
        F8(each!(
            |i| self.table[(((row[i] & 255) << 8) | (column[i] & 255)) as usize]
        ))
    }
}
