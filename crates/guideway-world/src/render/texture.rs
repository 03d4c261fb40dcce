//! Patterns on surfaces.

use multiversion::multiversion;

use super::lanes::{F8, LANES, V8, each};
use super::noise::Noise;
use super::shade::Places;
use super::trace::turn;
use super::wide::smooth_step;
use crate::material::Pattern;

/// How much of a pattern of this wavelength shows where pixels are this large: all where they are below 0.3 of it, nothing where they
/// are as large.
#[inline(always)]
fn visible(footprint: F8, wavelength: f32) -> F8 {
    smooth_step((F8::splat(1.0) - footprint * (1.0 / wavelength)) * (1.0 / 0.7))
}

/// Noise that pixels of these sizes show.
struct Grain<'a> {
    noise: &'a Noise,
    footprint: F8,
    /// The smallest of them.
    finest: f32,
}

impl Grain<'_> {
    /// Noise of this wavelength around 0, none where it would be finer than a pixel.
    #[inline(always)]
    fn layer(&self, amount: f32, wavelength: f32, x: F8, y: F8) -> F8 {
        if self.finest >= wavelength {
            return F8::ZERO;
        }
        (self.noise.plane(x, y) + -0.5) * visible(self.footprint, wavelength) * amount
    }
}

/// The factors of a look's pattern at eight places, faded out where it is finer than a pixel.
#[multiversion(targets("x86_64+avx+avx2"))]
pub(crate) fn texture<'a>(noise: &Noise, places: &Places<'a>, footprint: F8) -> F8 {
    let one = F8::splat(1.0);
    let (material, instance) = (places.look.material, places.look.instance);
    let visible = |wavelength: f32| visible(footprint, wavelength);
    let finest = footprint.lowest();
    let grain = Grain {
        noise,
        footprint,
        finest,
    };
    let frame = &instance.mesh_from_world;
    let p = turn(frame.matrix3, &places.point) + V8::splat(frame.translation.into());
    match material.pattern {
        Pattern::Plain => one,
        Pattern::Noise { scale, amount } => {
            if finest >= scale {
                return one;
            }
            let s = 2.0 / scale.max(1e-3);
            (noise.space(p.x * s, p.y * s, p.z * s) * 2.0 + -1.0) * visible(scale) * amount + 1.0
        }
        Pattern::Asphalt => {
            let fine = grain.layer(0.25, 0.05, p.x * 50.0, p.y * 50.0);
            let patches = grain.layer(0.35, 1.5, p.x * 0.9, p.y * 0.9);
            let tracks = grain.layer(0.25, 6.0, p.x * 0.13, p.y * 0.13);
            let shade = fine + patches + tracks + 1.0;
            if finest >= 0.06 {
                return shade;
            }
            // Where a smooth field crosses a level, a crack runs.
            let field = noise.plane(p.x * 0.21 + 9.0, p.y * 0.21) + noise.plane(p.x * 3.0, p.y * 3.0) * 0.12;
            let near = (F8::splat(0.006) - (field + -0.68).abs()) * (1.0 / 0.004);
            shade * (one - visible(0.06) * smooth_step(near) * 0.4)
        }
        Pattern::Grass => {
            let fine = grain.layer(0.5, 0.12, p.x * 17.0, p.y * 17.0);
            let clumps = grain.layer(0.4, 1.2, p.x * 1.7, p.y * 1.7);
            let fields = grain.layer(0.4, 15.0, p.x * 0.11, p.y * 0.11);
            fine + clumps + fields + 1.0
        }
        Pattern::Leaves { scale } => {
            if finest >= scale {
                return one;
            }
            let s = 2.0 / scale.max(1e-3);
            let (x, y, z) = (p.x * s, p.y * s, p.z * s);
            let coarse = (noise.space(x, y, z) + -0.5) * visible(scale) * 1.3;
            let fine = (noise.space(x * 2.7 + 5.0, y * 2.7, z * 2.7) + -0.5) * visible(scale * 0.37) * 0.9;
            (coarse + fine + 1.0).max(F8::splat(0.1))
        }
        Pattern::Bricks { length, height } => {
            let (length, height) = (length.max(1e-3), height.max(1e-3));
            // Along the wall and up; on flat ground, along y.
            let n = turn(frame.matrix3, &places.flat);
            let (nx, ny, level) = (n.x.abs(), n.y.abs(), n.z.abs().gt(F8::splat(0.7)));
            let along = level.pick(p.x, nx.gt(ny).pick(p.y, p.x)) * (1.0 / length);
            let up = level.pick(p.y, p.z) * (1.0 / height);
            let row = up.floor();
            let rows = row.whole_bits();
            let shifted = along + F8(each!(|i| 0.5 * (rows[i] & 1) as f32));
            let column = shifted.floor();
            let in_joint = (shifted - column).lt(F8::splat((0.012 / length).min(0.1)))
                | (up - row).lt(F8::splat((0.012 / height).min(0.1)));
            let shade = (noise.cells(&column.whole_bits(), &rows) + -0.5) * visible(height * 2.0) * 0.25;
            one + shade - in_joint.pick(visible(height.min(0.1)) * 0.35, F8::ZERO)
        }
        Pattern::Stripes { width } => {
            let fields = (p.x * (1.0 / width.max(1e-3))).floor().whole_bits();
            two_shades(&fields, visible(width))
        }
        Pattern::Checker { size } => {
            let s = 1.0 / size.max(1e-3);
            let (x, y, z) = ((p.x * s).floor(), (p.y * s).floor(), (p.z * s).floor());
            let (x, y, z) = (x.whole_bits(), y.whole_bits(), z.whole_bits());
            two_shades(&each!(|i| x[i] ^ y[i] ^ z[i]), visible(size))
        }
    }
}

/// Darker in even fields, brighter in odd ones.
#[inline(always)]
fn two_shades(fields: &[u32; LANES], visible: F8) -> F8 {
    let step = F8(each!(|i| if fields[i] & 1 == 0 { -0.35 } else { 0.3 * 0.35 }));
    visible * step + 1.0
}
