//! Instance masks as run lengths, bit for bit what COCO's mask API (`pycocotools.mask`) makes and reads.
//!
//! A mask is stored column by column (`index = x · height + y`) as the lengths of alternating runs, of which the first is
//! of zeros (and so may be 0). Two texts of these lengths exist: a plain list, and COCO's compressed string, in which
//! each length from the fourth on is written as the difference to the one two before, in base-32 digits.
//!
//! Set operations and overlaps walk the runs and never decode to pixels.

mod polygon;

use crate::{BBox, Hint};

/// The most pixels a mask may have (2²⁸, a square of 16,384): a limit on what a damaged size can make us allocate.
pub const MAX_PIXELS: u64 = 1 << 28;

/// What is wrong with a mask.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MaskError {
    /// More pixels than [`MAX_PIXELS`].
    #[error("a mask of {height} x {width} pixels is larger than the limit of {MAX_PIXELS} pixels")]
    TooLarge {
        /// Rows.
        height: u32,
        /// Columns.
        width: u32,
    },
    /// The runs do not add up to the number of pixels.
    #[error("mask runs add up to {sum} pixels, but {height} x {width} makes {}", u64::from(*.height) * u64::from(*.width))]
    WrongSum {
        /// What they add up to, as far as they were read.
        sum: u64,
        /// Rows.
        height: u32,
        /// Columns.
        width: u32,
    },
    /// More runs than pixels could ever need: runs of length zero in the middle.
    #[error("mask has more than {limit} runs, more than {height} x {width} pixels can need")]
    TooManyRuns {
        /// Most that a mask of this size can have.
        limit: u64,
        /// Rows.
        height: u32,
        /// Columns.
        width: u32,
    },
    /// A byte outside `'0'..='o'` in a compressed string.
    #[error("byte {byte:#04x} at offset {offset} is no digit of a compressed mask")]
    BadDigit {
        /// The byte.
        byte: u8,
        /// Where in the string.
        offset: usize,
    },
    /// A number in a compressed string that is negative, longer than 32 bits, or cut off by the end.
    #[error("the run length that begins at offset {offset} of a compressed mask is {problem}")]
    BadRun {
        /// What is wrong with it.
        problem: &'static str,
        /// Where in the string.
        offset: usize,
    },
    /// The pixels do not fill the size.
    #[error("{len} mask pixels given, but {height} x {width} makes {}", u64::from(*.height) * u64::from(*.width))]
    WrongLength {
        /// Pixels given.
        len: usize,
        /// Rows.
        height: u32,
        /// Columns.
        width: u32,
    },
    /// A polygon with an odd number of coordinates or fewer than three points.
    #[error("polygon {index} has {len} coordinates; it needs an even number, at least 6")]
    PolygonLength {
        /// Which of the polygons, from 0.
        index: usize,
        /// Its number of coordinates.
        len: usize,
    },
    /// A coordinate that is NaN, infinite or absurdly far away.
    #[error("coordinate {value} at position {position} of polygon {index} is not a finite number below 4e8 in size")]
    Coordinate {
        /// The value.
        value: f64,
        /// Which of the coordinates, from 0.
        position: usize,
        /// Which of the polygons, from 0.
        index: usize,
    },
    /// Masks of different sizes cannot be combined.
    #[error("masks of {}x{} and {}x{} pixels (height x width) cannot be combined", left[0], left[1], right[0], right[1])]
    SizeMismatch {
        /// Height and width of the first.
        left: [u32; 2],
        /// Height and width of the other.
        right: [u32; 2],
    },
}

impl Hint for MaskError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::WrongSum { .. } | Self::WrongLength { .. } => {
                Some("check that the mask's size is [height, width], in this order, and that of its image".to_owned())
            }
            Self::BadDigit { .. } => {
                Some("compressed masks are COCO's own coding, not base64; decode the latter first".to_owned())
            }
            Self::PolygonLength { .. } => Some("a polygon is a flat list x1, y1, x2, y2, x3, y3, …".to_owned()),
            Self::SizeMismatch { .. } => Some("both masks must belong to the same image".to_owned()),
            _ => None,
        }
    }
}

/// A binary mask as COCO run lengths.
///
/// The invariant that every constructor checks: the runs add up to `height · width`.
///
/// ```
/// use guideway_core::Rle;
/// // 2 rows, 3 columns, the middle column set.
/// let mask = Rle::from_counts(2, 3, vec![2, 2, 2])?;
/// assert_eq!(mask.area(), 2);
/// assert_eq!(mask.to_coco_string(), "222");
/// assert_eq!(Rle::from_coco_string("222", 2, 3)?, mask);
/// # Ok::<(), guideway_core::mask::MaskError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rle {
    height: u32,
    width: u32,
    counts: Vec<u32>,
}

/// Number of pixels, if allowed.
fn pixels(height: u32, width: u32) -> Result<u32, MaskError> {
    let n = u64::from(height) * u64::from(width);
    if n > MAX_PIXELS {
        return Err(MaskError::TooLarge { height, width });
    }
    Ok(n as u32)
}

impl Rle {
    /// From run lengths, column-major, beginning with zeros. They must add up to `height · width`.
    pub fn from_counts(height: u32, width: u32, counts: Vec<u32>) -> Result<Self, MaskError> {
        let n = pixels(height, width)?;
        let limit = u64::from(n) + 1;
        if counts.len() as u64 > limit {
            return Err(MaskError::TooManyRuns { limit, height, width });
        }
        let sum: u64 = counts.iter().map(|&c| u64::from(c)).sum();
        if sum != u64::from(n) {
            return Err(MaskError::WrongSum { sum, height, width });
        }
        Ok(Self { height, width, counts })
    }

    /// From COCO's compressed string. Reading stops at the first thing that cannot be right, so that what is allocated
    /// is bounded by the string's length and by `height · width`.
    pub fn from_coco_string(text: &str, height: u32, width: u32) -> Result<Self, MaskError> {
        let n = u64::from(pixels(height, width)?);
        let limit = n + 1;
        let bytes = text.as_bytes();
        let mut counts: Vec<u32> = Vec::with_capacity(bytes.len().min(limit as usize));
        let mut sum = 0_u64;
        let mut offset = 0;
        while offset < bytes.len() {
            let start = offset;
            let bad = |problem| MaskError::BadRun { problem, offset: start };
            let mut value = 0_i64;
            let mut shift = 0;
            loop {
                let Some(&byte) = bytes.get(offset) else {
                    return Err(bad("cut off by the end of the string"));
                };
                if !(48..112).contains(&byte) {
                    return Err(MaskError::BadDigit { byte, offset });
                }
                if shift > 30 {
                    return Err(bad("longer than 32 bits"));
                }
                let digit = byte - 48;
                value |= i64::from(digit & 0x1f) << shift;
                shift += 5;
                offset += 1;
                if digit & 0x20 == 0 {
                    if digit & 0x10 != 0 {
                        value |= -1_i64 << shift;
                    }
                    break;
                }
            }
            if counts.len() > 2 {
                value += i64::from(counts[counts.len() - 2]);
            }
            if value < 0 {
                return Err(bad("negative"));
            }
            sum += value.unsigned_abs();
            if sum > n {
                return Err(MaskError::WrongSum { sum, height, width });
            }
            if counts.len() as u64 >= limit {
                return Err(MaskError::TooManyRuns { limit, height, width });
            }
            // At most `n`, which fits.
            counts.push(value as u32);
        }
        if sum != n {
            return Err(MaskError::WrongSum { sum, height, width });
        }
        Ok(Self { height, width, counts })
    }

    /// COCO's compressed string.
    pub fn to_coco_string(&self) -> String {
        let mut text = String::with_capacity(self.counts.len() * 2);
        for (i, &count) in self.counts.iter().enumerate() {
            let mut value = i64::from(count);
            if i > 2 {
                value -= i64::from(self.counts[i - 2]);
            }
            loop {
                let mut digit = (value & 0x1f) as u8;
                value >>= 5;
                let more = if digit & 0x10 == 0 { value != 0 } else { value != -1 };
                if more {
                    digit |= 0x20;
                }
                text.push(char::from(digit + 48));
                if !more {
                    break;
                }
            }
        }
        text
    }

    /// The union of polygons, each a flat list `x1, y1, x2, y2, …` in pixels, rasterised exactly as COCO's `rleFrPoly`
    /// does it (edges drawn at five times the resolution, then sampled down). No polygons make an empty mask.
    pub fn from_polygons(polygons: &[Vec<f64>], height: u32, width: u32) -> Result<Self, MaskError> {
        let n = pixels(height, width)?;
        let mut union: Option<Self> = None;
        for (index, polygon) in polygons.iter().enumerate() {
            if polygon.len() < 6 || polygon.len() % 2 != 0 {
                return Err(MaskError::PolygonLength {
                    index,
                    len: polygon.len(),
                });
            }
            let counts = polygon::rasterise(polygon, index, height, width)?;
            let mask = Self { height, width, counts };
            union = Some(match union {
                None => mask,
                Some(before) => before.union(&mask)?,
            });
        }
        Ok(union.unwrap_or_else(|| Self {
            height,
            width,
            counts: vec![n],
        }))
    }

    /// The mask of a box, rasterised as the polygon of its four corners (COCO's `rleFrBbox`).
    pub fn from_box(bbox: BBox, height: u32, width: u32) -> Result<Self, MaskError> {
        pixels(height, width)?;
        let BBox {
            x_min: x,
            y_min: y,
            x_max: x1,
            y_max: y1,
        } = bbox;
        let counts = polygon::rasterise(&[x, y, x, y1, x1, y1, x1, y], 0, height, width)?;
        Ok(Self { height, width, counts })
    }

    /// From pixels, column-major (`index = x · height + y`). Anything but 0 is inside.
    pub fn encode(pixels_column_major: &[u8], height: u32, width: u32) -> Result<Self, MaskError> {
        let n = pixels(height, width)?;
        if pixels_column_major.len() != n as usize {
            return Err(MaskError::WrongLength {
                len: pixels_column_major.len(),
                height,
                width,
            });
        }
        let mut counts = Vec::new();
        let mut inside = false;
        let mut run = 0_u32;
        for &pixel in pixels_column_major {
            if (pixel != 0) != inside {
                counts.push(run);
                run = 0;
                inside = !inside;
            }
            run += 1;
        }
        counts.push(run);
        Ok(Self { height, width, counts })
    }

    /// The pixels, column-major, 0 or 1.
    pub fn decode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.height as usize * self.width as usize);
        for (i, &count) in self.counts.iter().enumerate() {
            out.resize(out.len() + count as usize, (i % 2) as u8);
        }
        out
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// The run lengths.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The run lengths, taken out.
    pub fn into_counts(self) -> Vec<u32> {
        self.counts
    }

    /// Pixels inside.
    pub fn area(&self) -> u64 {
        self.counts.iter().skip(1).step_by(2).map(|&c| u64::from(c)).sum()
    }

    /// The smallest box around the pixels inside; all zeros for an empty mask, as COCO has it.
    ///
    /// As in COCO, a run that goes over the end of a column counts as spanning the full height.
    pub fn bbox(&self) -> BBox {
        if self.height == 0 {
            return BBox::default();
        }
        let h = self.height;
        let (mut x0, mut y0, mut x1, mut y1) = (self.width, h, 0, 0);
        let mut any = false;
        let mut end = 0_u32;
        for (i, &count) in self.counts.iter().enumerate() {
            let begin = end;
            end += count;
            if i % 2 == 0 || count == 0 {
                continue;
            }
            any = true;
            let (first_x, last_x) = (begin / h, (end - 1) / h);
            x0 = x0.min(first_x);
            x1 = x1.max(last_x);
            if last_x > first_x {
                (y0, y1) = (0, h - 1);
            } else {
                y0 = y0.min(begin % h);
                y1 = y1.max((end - 1) % h);
            }
        }
        if any {
            BBox::new(f64::from(x0), f64::from(y0), f64::from(x1) + 1.0, f64::from(y1) + 1.0)
        } else {
            BBox::default()
        }
    }

    /// Pixels in either mask.
    pub fn union(&self, other: &Self) -> Result<Self, MaskError> {
        self.combine(other, |a, b| a || b)
    }

    /// Pixels in both masks.
    pub fn intersect(&self, other: &Self) -> Result<Self, MaskError> {
        self.combine(other, |a, b| a && b)
    }

    /// Pixels in any of the masks; none at all make a mask of 0 × 0 pixels, as in COCO.
    pub fn merge_union(masks: &[Self]) -> Result<Self, MaskError> {
        Self::merge(masks, Self::union)
    }

    /// Pixels in all of the masks; none at all make a mask of 0 × 0 pixels, as in COCO.
    pub fn merge_intersect(masks: &[Self]) -> Result<Self, MaskError> {
        Self::merge(masks, Self::intersect)
    }

    fn merge(masks: &[Self], op: impl Fn(&Self, &Self) -> Result<Self, MaskError>) -> Result<Self, MaskError> {
        let Some((first, rest)) = masks.split_first() else {
            return Ok(Self {
                height: 0,
                width: 0,
                counts: Vec::new(),
            });
        };
        rest.iter().try_fold(first.clone(), |merged, mask| op(&merged, mask))
    }

    fn combine(&self, other: &Self, op: impl Fn(bool, bool) -> bool) -> Result<Self, MaskError> {
        if (self.height, self.width) != (other.height, other.width) {
            return Err(MaskError::SizeMismatch {
                left: [self.height, self.width],
                right: [other.height, other.width],
            });
        }
        let mut counts = Vec::with_capacity(self.counts.len().max(other.counts.len()));
        let mut inside = false;
        let mut run = 0_u32;
        let mut spans = Spans::new(self, other);
        while let Some((length, a, b)) = spans.next() {
            if op(a, b) != inside {
                counts.push(run);
                run = 0;
                inside = !inside;
            }
            run += length;
        }
        counts.push(run);
        Ok(Self {
            height: self.height,
            width: self.width,
            counts,
        })
    }

    /// Pixels in both masks, without making the intersection. 0 for masks of different sizes.
    pub fn intersection_area(&self, other: &Self) -> u64 {
        if (self.height, self.width) != (other.height, other.width) {
            return 0;
        }
        let mut both = 0_u64;
        let mut spans = Spans::new(self, other);
        while let Some((length, a, b)) = spans.next() {
            if a && b {
                both += u64::from(length);
            }
        }
        both
    }

    /// Intersection over union of a detection (`self`) with an object (`other`). Where the object is a crowd region, COCO
    /// divides by the detection's own area instead, so that any part of a crowd matches in full.
    ///
    /// For masks of different sizes it is -1 where their boxes overlap and 0 elsewhere, as in COCO: never a match.
    pub fn iou(&self, other: &Self, other_is_crowd: bool) -> f64 {
        if (self.height, self.width) != (other.height, other.width) {
            return if self.bbox().intersection_area(other.bbox()) > 0.0 {
                -1.0
            } else {
                0.0
            };
        }
        let intersection = self.intersection_area(other);
        if intersection == 0 {
            return 0.0;
        }
        let whole = if other_is_crowd {
            self.area()
        } else {
            self.area() + other.area() - intersection
        };
        intersection as f64 / whole as f64
    }
}

/// Walks two masks of one size together, giving the stretches over which neither changes. It yields by a method and not
/// as an iterator because the optimiser keeps the state in registers then.
struct Spans<'a> {
    a: &'a [u32],
    b: &'a [u32],
    left_a: u32,
    left_b: u32,
    in_a: bool,
    in_b: bool,
}

impl<'a> Spans<'a> {
    fn new(a: &'a Rle, b: &'a Rle) -> Self {
        // Both start as if a run of ones of length zero had just ended: the first step moves on to the zeros.
        Self {
            a: &a.counts,
            b: &b.counts,
            left_a: 0,
            left_b: 0,
            in_a: true,
            in_b: true,
        }
    }

    #[inline]
    fn next(&mut self) -> Option<(u32, bool, bool)> {
        while self.left_a == 0 {
            let (&count, rest) = self.a.split_first()?;
            self.a = rest;
            self.left_a = count;
            self.in_a = !self.in_a;
        }
        while self.left_b == 0 {
            let (&count, rest) = self.b.split_first()?;
            self.b = rest;
            self.left_b = count;
            self.in_b = !self.in_b;
        }
        let length = self.left_a.min(self.left_b);
        self.left_a -= length;
        self.left_b -= length;
        Some((length, self.in_a, self.in_b))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test must stop at what it did not expect")]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_sums_are_checked() {
        assert_eq!(
            Rle::from_counts(2, 2, vec![3]),
            Err(MaskError::WrongSum {
                sum: 3,
                height: 2,
                width: 2
            })
        );
        assert!(matches!(
            Rle::from_counts(u32::MAX, u32::MAX, vec![]),
            Err(MaskError::TooLarge { .. })
        ));
        assert!(matches!(
            Rle::from_counts(1, 1, vec![0, 0, 0, 1]),
            Err(MaskError::TooManyRuns { .. })
        ));
        assert!(Rle::from_counts(0, 5, vec![]).is_ok());
    }

    #[test]
    fn hostile_strings_are_refused() {
        let read = |text: &str| Rle::from_coco_string(text, 4, 4);
        assert!(matches!(read("0 "), Err(MaskError::BadDigit { offset: 1, .. })));
        assert!(matches!(read("oooooooo"), Err(MaskError::BadRun { .. })));
        assert!(matches!(read("P"), Err(MaskError::BadRun { offset: 0, .. })));
        assert!(matches!(
            read("@"),
            Err(MaskError::BadRun {
                problem: "negative",
                ..
            })
        ));
        assert!(matches!(read(""), Err(MaskError::WrongSum { sum: 0, .. })));
        assert!(matches!(read(&"0".repeat(1000)), Err(MaskError::TooManyRuns { .. })));
    }

    #[test]
    fn runs_of_length_zero_do_not_derail_overlaps() {
        // Both masks have an empty run at the same place; the walk must not take it for the end.
        let a = Rle::from_counts(3, 3, vec![3, 2, 0, 4]).unwrap();
        let b = Rle::from_counts(3, 3, vec![3, 2, 0, 4]).unwrap();
        assert_eq!(a.intersection_area(&b), 6);
        assert_eq!(a.union(&b).unwrap().counts(), &[3, 6]);
    }

    #[test]
    fn sizes_that_differ_never_match() {
        let a = Rle::from_counts(2, 2, vec![0, 4]).unwrap();
        let b = Rle::from_counts(2, 3, vec![0, 6]).unwrap();
        assert_eq!(a.iou(&b, false), -1.0);
        assert!(a.union(&b).is_err());
        let c = Rle::from_counts(2, 3, vec![6]).unwrap();
        assert_eq!(a.iou(&c, false), 0.0);
    }
}
