//! Pictures as baseline JPEG (ITU-T T.81) with full colour resolution, the standard's example tables of Annex K, and the scale of
//! quality that libjpeg made common.
//!
//! The same bytes everywhere: every sum is one IEEE operation on each lane, in one order, whatever the width of the registers.

#![expect(
    clippy::inline_always,
    reason = "compiled into one function for each kind of register; the writer's few lines run for every coefficient"
)]

use multiversion::multiversion;

use crate::render::lanes::{F8, LANES, each};

/// Samples of a block.
const SAMPLES: usize = 64;
/// Quantised coefficients of a block: the horizontal frequency times 8, plus the vertical one.
type Block = [i16; SAMPLES];

/// The largest side that the format can say.
const MOST: u32 = 0xffff;

/// Where the coefficients of a [`Block`] stand in the order in which they are written.
const PLACE: [u8; SAMPLES] = {
    let mut place = [0; SAMPLES];
    let mut k = 0;
    while k < SAMPLES {
        place[ORDER[k] as usize] = k as u8;
        k += 1;
    }
    place
};

/// Coefficients of a [`Block`] in the order in which they are written: along diagonals, to and fro.
const ORDER: [u8; SAMPLES] = {
    let mut order = [0; SAMPLES];
    let (mut across, mut down) = (0_usize, 0_usize);
    let mut k = 0;
    while k < SAMPLES {
        order[k] = (across * 8 + down) as u8;
        let even = (across + down).is_multiple_of(2);
        if even {
            if across == 7 {
                down += 1;
            } else {
                across += 1;
                down = down.saturating_sub(1);
            }
        } else if down == 7 {
            across += 1;
        } else {
            down += 1;
            across = across.saturating_sub(1);
        }
        k += 1;
    }
    order
};

/// Steps of quality 50 for brightness and for colour, row by row (tables K.1 and K.2).
#[rustfmt::skip]
const STEPS: [[u16; SAMPLES]; 2] = [
    [
        16, 11, 10, 16, 24, 40, 51, 61,
        12, 12, 14, 19, 26, 58, 60, 55,
        14, 13, 16, 24, 40, 57, 69, 56,
        14, 17, 22, 29, 51, 87, 80, 62,
        18, 22, 37, 56, 68, 109, 103, 77,
        24, 35, 55, 64, 81, 104, 113, 92,
        49, 64, 78, 87, 103, 121, 120, 101,
        72, 92, 95, 98, 112, 100, 103, 99,
    ],
    [
        17, 18, 24, 47, 99, 99, 99, 99,
        18, 21, 26, 66, 99, 99, 99, 99,
        24, 26, 56, 99, 99, 99, 99, 99,
        47, 66, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
    ],
];

/// Codes of each length from 1 to 16 bits, and the symbols in the order of their codes (tables K.3 to K.6).
struct Code {
    lengths: [u8; 16],
    symbols: &'static [u8],
}

const FIRST: [Code; 2] = [
    Code {
        lengths: [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        symbols: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    },
    Code {
        lengths: [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
        symbols: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    },
];

#[rustfmt::skip]
const OTHERS: [Code; 2] = [
    Code {
        lengths: [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d],
        symbols: &[
            0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
            0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72,
            0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37,
            0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
            0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83,
            0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3,
            0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
            0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
            0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
        ],
    },
    Code {
        lengths: [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
        symbols: &[
            0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
            0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1,
            0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36,
            0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
            0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
            0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a,
            0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba,
            0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
            0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
        ],
    },
];

/// A symbol's bits and how many they are.
type Bits = (u32, u32);

impl Code {
    /// Bits by symbol.
    const fn table(&self) -> [Bits; 256] {
        let mut table = [(0, 0); 256];
        let (mut code, mut next, mut length) = (0_u32, 0, 0);
        while length < self.lengths.len() {
            let mut k = 0;
            while k < self.lengths[length] {
                table[self.symbols[next] as usize] = (code, length as u32 + 1);
                code += 1;
                next += 1;
                k += 1;
            }
            code <<= 1;
            length += 1;
        }
        table
    }
}

static FIRST_BITS: [[Bits; 256]; 2] = [FIRST[0].table(), FIRST[1].table()];
static OTHER_BITS: [[Bits; 256]; 2] = [OTHERS[0].table(), OTHERS[1].table()];

/// Why a picture cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JpegError {
    /// Neither side can be 0 or longer than the format can say.
    #[error("JPEG has pictures of 1 × 1 to {MOST} × {MOST} px")]
    Size,
    /// Not three bytes for each pixel.
    #[error("{found} bytes where {expected} make a picture of this size")]
    Bytes {
        /// Bytes that were given.
        found: usize,
        /// Bytes of a picture of this size.
        expected: usize,
    },
}

/// An RGB picture, row by row, as JPEG of this quality, 1 to 100.
pub(crate) fn encode(rgb: &[u8], width: u32, height: u32, quality: u8) -> Result<Vec<u8>, JpegError> {
    if !(1..=MOST).contains(&width) || !(1..=MOST).contains(&height) {
        return Err(JpegError::Size);
    }
    let (columns, rows) = (width as usize, height as usize);
    let expected = columns.saturating_mul(rows).saturating_mul(3);
    if rgb.len() != expected {
        return Err(JpegError::Bytes {
            found: rgb.len(),
            expected,
        });
    }
    let steps = STEPS.map(|steps| scaled(&steps, quality));
    let mut out = Vec::with_capacity(rgb.len() / 8 + 1024);
    head(&mut out, width as u16, height as u16, &steps);
    let factors = [factors(&steps[0]), factors(&steps[1])];
    let mut blocks = vec![[0; SAMPLES]; columns.div_ceil(8) * 3];
    let mut writer = Writer::new(out);
    let mut last = [0; 3];
    for stripe in rgb.chunks(columns * 3 * 8) {
        transform(stripe, columns, &factors, &mut blocks);
        for (i, block) in blocks.iter().enumerate() {
            let component = i % 3;
            writer.block(block, &mut last[component], component.min(1));
        }
    }
    let mut out = writer.finish();
    out.extend([0xff, 0xd9]);
    Ok(out)
}

/// The steps at a quality.
fn scaled(steps: &[u16; SAMPLES], quality: u8) -> [u8; SAMPLES] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 {
        5000 / quality
    } else {
        200 - 2 * quality
    };
    steps.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as u8)
}

/// What each coefficient of a [`Block`] is to be multiplied by: one over its step, and what the transform leaves out.
fn factors(steps: &[u8; SAMPLES]) -> [F8; 8] {
    // √2 cos(k π / 16), and 1 for 0; √8 twice for both directions.
    const SCALE: [f64; 8] = [
        1.0,
        1.387_039_845,
        1.306_562_965,
        1.175_875_602,
        1.0,
        0.785_694_958,
        0.541_196_100,
        0.275_899_379,
    ];
    each!(|across| F8(each!(|down| {
        let step = f64::from(steps[down * 8 + across]);
        (1.0 / (step * SCALE[across] * SCALE[down] * 8.0)) as f32
    })))
}

fn head(out: &mut Vec<u8>, width: u16, height: u16, steps: &[[u8; SAMPLES]; 2]) {
    let mut segment = |marker: u8, parts: &[&[u8]]| {
        let length: usize = 2 + parts.iter().map(|p| p.len()).sum::<usize>();
        out.extend([0xff, marker]);
        out.extend((length as u16).to_be_bytes());
        for part in parts {
            out.extend_from_slice(part);
        }
    };
    // JFIF 1.2, square pixels.
    segment(0xe0, &[b"JFIF\0", &[1, 2, 0, 0, 1, 0, 1, 0, 0]]);
    for (id, steps) in (0..).zip(steps) {
        // Where a block counts down its columns, these count along the rows.
        let ordered = ORDER.map(|at| steps[usize::from(at % 8 * 8 + at / 8)]);
        segment(0xdb, &[&[id], &ordered]);
    }
    let (w, h) = (width.to_be_bytes(), height.to_be_bytes());
    segment(0xc0, &[&[8], &h, &w, &[3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]]);
    for id in 0..2 {
        segment(0xc4, &[&[id as u8], &FIRST[id].lengths, FIRST[id].symbols]);
        segment(0xc4, &[&[0x10 | id as u8], &OTHERS[id].lengths, OTHERS[id].symbols]);
    }
    segment(0xda, &[&[3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]]);
    out.splice(0..0, [0xff, 0xd8]);
}

/// The cosine transform of eight columns by Arai, Agui and Nakajima (1988), but for the factors that [`factors`] makes good.
#[inline(always)]
fn cosines(v: &mut [F8; 8]) {
    let (a0, a7) = (v[0] + v[7], v[0] - v[7]);
    let (a1, a6) = (v[1] + v[6], v[1] - v[6]);
    let (a2, a5) = (v[2] + v[5], v[2] - v[5]);
    let (a3, a4) = (v[3] + v[4], v[3] - v[4]);
    let (b0, b3) = (a0 + a3, a0 - a3);
    let (b1, b2) = (a1 + a2, a1 - a2);
    let c = (b2 + b3) * std::f32::consts::FRAC_1_SQRT_2;
    v[0] = b0 + b1;
    v[4] = b0 - b1;
    v[2] = b3 + c;
    v[6] = b3 - c;
    let (d0, d1, d2) = (a4 + a5, a5 + a6, a6 + a7);
    let turned = (d0 - d2) * 0.382_683_43;
    let e2 = d0 * 0.541_196_1 + turned;
    let e4 = d2 * 1.306_563 + turned;
    let e3 = d1 * std::f32::consts::FRAC_1_SQRT_2;
    let (f1, f3) = (a7 + e3, a7 - e3);
    v[5] = f3 + e2;
    v[3] = f3 - e2;
    v[1] = f1 + e4;
    v[7] = f1 - e4;
}

/// The quantised coefficients of samples.
#[inline(always)]
fn quantised(samples: &[F8; 8], factors: &[F8; 8], out: &mut Block) {
    /// Added to a float below 2²² it leaves the nearest whole number in the lower bits of the sum.
    const MAGIC: f32 = 12_582_912.0;
    let mut down = *samples;
    cosines(&mut down);
    let mut across: [F8; 8] = each!(|x| F8(each!(|y| down[y].0[x])));
    cosines(&mut across);
    for (x, out) in out.chunks_exact_mut(LANES).enumerate() {
        // What baseline JPEG can say; rounding takes no picture much beyond it.
        let v = (across[x] * factors[x]).clamp(-1023.0, 1023.0) + MAGIC;
        for (out, v) in out.iter_mut().zip(v.0) {
            *out = v.to_bits() as u16 as i16;
        }
    }
}

/// The blocks of up to eight rows of pixels: brightness, blue and red of each place. Beyond the edges the last pixels go on.
#[multiversion(targets("x86_64+avx+avx2"))]
fn transform(stripe: &[u8], columns: usize, factors: &[[F8; 8]; 2], out: &mut [Block]) {
    transform_plain(stripe, columns, factors, out);
}

#[inline(always)]
fn transform_plain(stripe: &[u8], columns: usize, factors: &[[F8; 8]; 2], out: &mut [Block]) {
    let row_bytes = columns * 3;
    let rows = stripe.len() / row_bytes;
    for (place, blocks) in out.chunks_exact_mut(3).enumerate() {
        let left = place * 8;
        let (mut light, mut blue, mut red) = ([F8::ZERO; 8], [F8::ZERO; 8], [F8::ZERO; 8]);
        for row in 0..8 {
            let line = &stripe[row.min(rows - 1) * row_bytes..][..row_bytes];
            let mut edge = [0; 24];
            let pixels = if let Some(pixels) = line.get(left * 3..left * 3 + 24) {
                pixels
            } else {
                for (x, pixel) in edge.chunks_exact_mut(3).enumerate() {
                    pixel.copy_from_slice(&line[(left + x).min(columns - 1) * 3..][..3]);
                }
                &edge
            };
            let Ok(pixels) = <&[u8; 24]>::try_from(pixels) else {
                continue;
            };
            let r = F8(each!(|i| f32::from(pixels[3 * i])));
            let g = F8(each!(|i| f32::from(pixels[3 * i + 1])));
            let b = F8(each!(|i| f32::from(pixels[3 * i + 2])));
            let y = r * 0.299 + g * 0.587 + b * 0.114;
            light[row] = y + -128.0;
            blue[row] = (b - y) * (0.5 / 0.886);
            red[row] = (r - y) * (0.5 / 0.701);
        }
        quantised(&light, &factors[0], &mut blocks[0]);
        quantised(&blue, &factors[1], &mut blocks[1]);
        quantised(&red, &factors[1], &mut blocks[2]);
    }
}

/// Writes bits, the highest first.
struct Writer {
    out: Vec<u8>,
    /// Bits that are not written yet, the latest lowest.
    waiting: u64,
    count: u32,
}

impl Writer {
    fn new(out: Vec<u8>) -> Self {
        Self {
            out,
            waiting: 0,
            count: 0,
        }
    }

    /// Up to 32 bits.
    #[inline(always)]
    fn put(&mut self, (bits, count): Bits) {
        self.waiting = (self.waiting << count) | u64::from(bits);
        self.count += count;
        if self.count >= 32 {
            self.count -= 32;
            self.flush((self.waiting >> self.count) as u32);
        }
    }

    #[inline(always)]
    fn flush(&mut self, word: u32) {
        let bytes = word.to_be_bytes();
        // A byte of ones would begin a marker: a 0 follows it. The usual word has none.
        let ones = word & 0x8080_8080 & !word.wrapping_add(0x0101_0101);
        if ones == 0 {
            self.out.extend_from_slice(&bytes);
        } else {
            self.stuffed(bytes);
        }
    }

    #[cold]
    fn stuffed(&mut self, bytes: [u8; 4]) {
        for byte in bytes {
            self.out.push(byte);
            if byte == 0xff {
                self.out.push(0);
            }
        }
    }

    /// A block with the codes of its kind: 0 for brightness, 1 for colour. `last` is the first coefficient of the block before.
    fn block(&mut self, block: &Block, last: &mut i32, kind: usize) {
        let first = i32::from(block[0]);
        self.value(&FIRST_BITS[kind], 0, first - *last);
        *last = first;
        // Which coefficients are there, in the order in which they are written.
        let mut there = 0_u64;
        for (line, values) in block.chunks_exact(LANES).enumerate() {
            let mut found = 0_u32;
            for (i, value) in values.iter().enumerate() {
                found |= u32::from(*value != 0) << i;
            }
            while found != 0 {
                let at = line * LANES + found.trailing_zeros() as usize;
                there |= 1 << PLACE[at];
                found &= found - 1;
            }
        }
        there &= !1;
        let others = &OTHER_BITS[kind];
        let mut before = 0;
        while there != 0 {
            let place = there.trailing_zeros();
            there &= there - 1;
            let mut zeros = place - before - 1;
            before = place;
            while zeros >= 16 {
                self.put(others[0xf0]);
                zeros -= 16;
            }
            let value = block[usize::from(ORDER[place as usize & 63]) & 63];
            self.value(others, zeros << 4, i32::from(value));
        }
        if before != 63 {
            self.put(others[0]);
        }
    }

    /// A number after its symbol: how many zeros come before it, and how many bits it has.
    #[inline(always)]
    fn value(&mut self, codes: &[Bits; 256], zeros: u32, value: i32) {
        let size = 32 - value.unsigned_abs().leading_zeros();
        let (code, length) = codes[(zeros | size) as usize & 255];
        // Negative numbers are written as what is left when all bits of their size are taken away.
        let bits = (value + (value >> 31)) as u32 & ((1 << size) - 1);
        self.put(((code << size) | bits, length + size));
    }

    /// The last byte is filled up with ones.
    fn finish(mut self) -> Vec<u8> {
        let missing = self.count.next_multiple_of(8) - self.count;
        self.waiting = (self.waiting << missing) | ((1 << missing) - 1);
        self.count += missing;
        while self.count > 0 {
            self.count -= 8;
            let byte = (self.waiting >> self.count) as u8;
            self.out.push(byte);
            if byte == 0xff {
                self.out.push(0);
            }
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use image::ImageEncoder as _;

    use super::*;

    /// The picture that a decoder makes of it.
    fn decoded(jpeg: &[u8], width: u32, height: u32) -> Vec<u8> {
        let picture = image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg).unwrap();
        assert_eq!((picture.width(), picture.height()), (width, height));
        picture.to_rgb8().into_raw()
    }

    fn psnr(a: &[u8], b: &[u8]) -> f64 {
        let error: f64 = a
            .iter()
            .zip(b)
            .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
            .sum();
        10.0 * (255.0 * 255.0 * a.len() as f64 / error.max(1e-9)).log10()
    }

    /// Smooth colours with edges, and noise of this strength.
    fn picture(width: u32, height: u32, noise: u32) -> Vec<u8> {
        let mut state = 1_u32;
        let mut out = Vec::new();
        for y in 0..height {
            for x in 0..width {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let grain = (state >> 16) % (noise + 1);
                let edge = if (x / 13 + y / 9) % 3 == 0 { 90 } else { 0 };
                let blend = |a: u32, b: u32| ((x * a + y * b) % 120 + edge + grain).min(255) as u8;
                out.extend([blend(2, 1), blend(1, 2), blend(1, 1)]);
            }
        }
        out
    }

    fn peer(rgb: &[u8], width: u32, height: u32, quality: u8) -> Vec<u8> {
        let mut out = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, quality)
            .write_image(rgb, width, height, image::ExtendedColorType::Rgb8)
            .unwrap();
        out
    }

    #[test]
    fn every_small_size_is_read_back() {
        for width in 1..=40 {
            for height in 1..=40 {
                let rgb = picture(width, height, 0);
                let ours = decoded(&encode(&rgb, width, height, 95).unwrap(), width, height);
                let theirs = decoded(&peer(&rgb, width, height, 95), width, height);
                let (a, b) = (psnr(&rgb, &ours), psnr(&rgb, &theirs));
                assert!(a > 30.0 && (a > b - 0.3 || a > 45.0), "{width} × {height}: {a} {b}");
            }
        }
    }

    #[test]
    fn no_worse_and_no_larger_than_another_encoder() {
        for noise in [0, 8, 60, 255] {
            let (width, height) = (200, 136);
            let rgb = picture(width, height, noise);
            for quality in [1, 10, 30, 50, 75, 90, 95, 100] {
                let (ours, theirs) = (
                    encode(&rgb, width, height, quality).unwrap(),
                    peer(&rgb, width, height, quality),
                );
                let a = psnr(&rgb, &decoded(&ours, width, height));
                let b = psnr(&rgb, &decoded(&theirs, width, height));
                assert!(a > b - 0.1, "noise {noise}, quality {quality}: {a} dB, {b} dB");
                let most = theirs.len() * 104 / 100;
                assert!(
                    ours.len() <= most,
                    "noise {noise}, quality {quality}: {} {}",
                    ours.len(),
                    theirs.len()
                );
            }
        }
    }

    #[test]
    fn the_hardest_pictures_stay_within_the_format() {
        // Black and white dots, single colours, ramps.
        let dots: Vec<u8> = (0..64 * 64)
            .flat_map(|i| [if (i % 64 + i / 64) % 2 == 0 { 255 } else { 0 }; 3])
            .collect();
        let ramp: Vec<u8> = (0..64 * 64).flat_map(|i| [(i % 64 * 4) as u8; 3]).collect();
        let stripes: Vec<u8> = (0..64 * 64)
            .flat_map(|i| [if i / 64 % 2 == 0 { 255 } else { 0 }, 0, 255])
            .collect();
        for rgb in [vec![0; 64 * 64 * 3], vec![255; 64 * 64 * 3], dots, ramp, stripes] {
            for quality in [1, 50, 100] {
                let found = decoded(&encode(&rgb, 64, 64, quality).unwrap(), 64, 64);
                let (a, b) = (
                    psnr(&rgb, &found),
                    psnr(&rgb, &decoded(&peer(&rgb, 64, 64, quality), 64, 64)),
                );
                assert!(a > b - 0.3 || a > 45.0, "quality {quality}: {a} {b}");
            }
        }
    }

    #[test]
    fn the_bytes_are_the_same_everywhere() {
        let jpeg = encode(&picture(123, 77, 40), 123, 77, 90).unwrap();
        insta::assert_snapshot!(format!("{} bytes, {}", jpeg.len(), blake3::hash(&jpeg)), @"7798 bytes, 4b655ce534d3e3e70bdf1ebcedaac78f1559e8f4c3b4b79f667a37f3f8e2d46a");
        let plain = {
            let rgb = picture(123, 8, 40);
            let factors = STEPS.map(|steps| factors(&scaled(&steps, 90)));
            let mut wide = vec![[0; SAMPLES]; 16 * 3];
            let mut narrow = wide.clone();
            transform(&rgb, 123, &factors, &mut wide);
            transform_plain(&rgb, 123, &factors, &mut narrow);
            wide == narrow
        };
        assert!(plain, "registers of another width give other coefficients");
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert_eq!(encode(&[], 0, 4, 90), Err(JpegError::Size));
        assert_eq!(encode(&[], 4, 0, 90), Err(JpegError::Size));
        assert_eq!(encode(&[], 70_000, 1, 90), Err(JpegError::Size));
        let error = encode(&[0; 11], 2, 2, 90);
        assert_eq!(
            error,
            Err(JpegError::Bytes {
                found: 11,
                expected: 12
            })
        );
    }
}
