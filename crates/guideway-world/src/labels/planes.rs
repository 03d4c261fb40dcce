//! Boxes and masks of all objects of a picture, in one pass over its planes.

use guideway_core::Rle;
use guideway_core::mask::MaskError;

use crate::material::Semantic;
use crate::render::{CameraFrame, ObjectId};

/// Number of values of [`Semantic`].
pub const SEMANTICS: usize = Semantic::Furniture as usize + 1;

/// Columns that are turned to run down the image at once: a cache line of object numbers.
const BLOCK: usize = 16;

/// One object's pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMask {
    /// The object.
    pub object: ObjectId,
    /// Its pixels.
    pub mask: Rle,
    /// How many.
    pub area: u32,
}

/// What the planes of a picture hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planes {
    /// Every object with a pixel, by its number.
    pub objects: Vec<ObjectMask>,
    /// Pixels that can be driven on: road and the paint on it.
    pub drivable: Rle,
    /// Pixels of each value of [`Semantic`]; values that are none are not counted.
    pub histogram: [u32; SEMANTICS],
}

/// Run lengths of one mask while they grow: the runs of ones, and where the last one ended.
#[derive(Default)]
struct Runs {
    counts: Vec<u32>,
    end: u32,
    area: u32,
}

impl Runs {
    /// Adds the pixels `begin..end`, counted down the columns; `begin` is never before the last end.
    fn push(&mut self, begin: u32, end: u32) {
        self.area += end - begin;
        if begin == self.end
            && let Some(last) = self.counts.last_mut()
        {
            *last += end - begin;
        } else {
            self.counts.extend([begin - self.end, end - begin]);
        }
        self.end = end;
    }

    fn finish(mut self, height: u32, width: u32) -> Result<(Rle, u32), MaskError> {
        let rest = height * width - self.end;
        if rest > 0 || self.counts.is_empty() {
            self.counts.push(rest);
        }
        Ok((Rle::from_counts(height, width, self.counts)?, self.area))
    }
}

/// Reads boxes, masks and counts from a picture's object and semantic planes.
///
/// # Errors
/// [`MaskError`] for planes that do not fill the picture's size, or a picture larger than masks can be.
pub fn read(frame: &CameraFrame) -> Result<Planes, MaskError> {
    let (height, width) = (frame.height, frame.width);
    let pixels = height as usize * width as usize;
    for len in [frame.object.len(), frame.semantic.len()] {
        if len != pixels {
            return Err(MaskError::WrongLength { len, height, width });
        }
    }
    // Refuses what is too large before anything else is done.
    Rle::from_counts(height, width, vec![height.saturating_mul(width)])?;
    let (h, w) = (height as usize, width as usize);
    let mut objects = Objects::default();
    let mut drivable = Runs::default();
    let mut histogram = [0; 256];
    let mut object_columns = vec![0; BLOCK * h];
    let mut semantic_columns = vec![0; BLOCK * h];
    for x0 in (0..w).step_by(BLOCK) {
        let columns = BLOCK.min(w - x0);
        for y in 0..h {
            let row = y * w + x0;
            for (x, object) in frame.object[row..row + columns].iter().enumerate() {
                object_columns[x * h + y] = *object;
            }
            for (x, semantic) in frame.semantic[row..row + columns].iter().enumerate() {
                semantic_columns[x * h + y] = *semantic;
            }
        }
        // The columns of a block follow each other, so a run may go on into the next.
        let first = (x0 * h) as u32;
        for (begin, end, object) in runs_of(&object_columns[..columns * h]) {
            if object != 0 {
                objects.push(object, first + begin, first + end);
            }
        }
        for (begin, end, semantic) in runs_of(&semantic_columns[..columns * h]) {
            histogram[usize::from(semantic)] += end - begin;
            if semantic == Semantic::Road as u8 || semantic == Semantic::LaneMarking as u8 {
                drivable.push(first + begin, first + end);
            }
        }
    }
    let objects = objects.known.into_iter().map(|(object, runs)| {
        let (mask, area) = runs.finish(height, width)?;
        Ok(ObjectMask { object, mask, area })
    });
    let mut counted = [0; SEMANTICS];
    counted.copy_from_slice(&histogram[..SEMANTICS]);
    Ok(Planes {
        objects: objects.collect::<Result<_, MaskError>>()?,
        drivable: drivable.finish(height, width)?.0,
        histogram: counted,
    })
}

/// Runs of equal values: begin, end, value.
fn runs_of<T: Copy + PartialEq>(values: &[T]) -> impl Iterator<Item = (u32, u32, T)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let value = *values.get(at)?;
        let begin = at;
        let rest = &values[at..];
        at += rest.iter().position(|v| *v != value).unwrap_or(rest.len());
        Some((begin as u32, at as u32, value))
    })
}

/// Runs of every object, by its number.
#[derive(Default)]
struct Objects {
    known: Vec<(ObjectId, Runs)>,
    last: usize,
}

impl Objects {
    fn push(&mut self, object: ObjectId, begin: u32, end: u32) {
        // Neighbouring runs mostly belong to the same object.
        if self.known.get(self.last).is_none_or(|(id, _)| *id != object) {
            self.last = match self.known.binary_search_by_key(&object, |(id, _)| *id) {
                Ok(at) => at,
                Err(at) => {
                    self.known.insert(at, (object, Runs::default()));
                    at
                }
            };
        }
        self.known[self.last].1.push(begin, end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(width: u32, height: u32, object: Vec<u32>, semantic: Vec<u8>) -> CameraFrame {
        CameraFrame {
            width,
            height,
            object,
            semantic,
            ..CameraFrame::default()
        }
    }

    proptest! {
        #[test]
        fn one_pass_gives_what_one_mask_at_a_time_gives(
            (width, height, cells) in (1_u32..40, 1_u32..20).prop_flat_map(|(w, h)| {
                // Blobs: few values, repeated, so that runs go over the ends of columns.
                let cell = (0_u32..4, 0_u8..24, 1_usize..9);
                (Just(w), Just(h), proptest::collection::vec(cell, (w * h) as usize))
            })
        ) {
            let pixels = (width * height) as usize;
            let mut object: Vec<u32> = Vec::new();
            let mut semantic: Vec<u8> = Vec::new();
            for (o, s, run) in cells {
                object.extend(std::iter::repeat_n(o * 7, run));
                semantic.extend(std::iter::repeat_n(s, run));
            }
            object.truncate(pixels);
            semantic.truncate(pixels);
            let planes = read(&frame(width, height, object.clone(), semantic.clone())).unwrap();
            let mask_of = |is: &dyn Fn(usize) -> bool| {
                let pixels: Vec<u8> = (0..width as usize)
                    .flat_map(|x| (0..height as usize).map(move |y| y * width as usize + x))
                    .map(|i| u8::from(is(i)))
                    .collect();
                Rle::encode(&pixels, height, width).unwrap()
            };
            let mut ids = object.clone();
            ids.sort_unstable();
            ids.dedup();
            ids.retain(|id| *id != 0);
            prop_assert_eq!(planes.objects.iter().map(|o| o.object).collect::<Vec<_>>(), ids);
            for found in &planes.objects {
                let expected = mask_of(&|i| object[i] == found.object);
                prop_assert_eq!(found.mask.area(), u64::from(found.area));
                prop_assert_eq!(&found.mask, &expected);
                // The box of the mask is that of the pixels.
                let inside = (0..pixels).filter(|i| object[*i] == found.object);
                let (mut x0, mut y0, mut x1, mut y1) = (u32::MAX, u32::MAX, 0, 0);
                for i in inside {
                    let (x, y) = (i as u32 % width, i as u32 / width);
                    (x0, y0, x1, y1) = (x0.min(x), y0.min(y), x1.max(x + 1), y1.max(y + 1));
                }
                let b = found.mask.bbox();
                prop_assert_eq!([b.x_min, b.y_min, b.x_max, b.y_max], [x0, y0, x1, y1].map(f64::from));
            }
            let road = mask_of(&|i| semantic[i] == 1 || semantic[i] == 2);
            prop_assert_eq!(planes.drivable, road);
            let known = semantic.iter().filter(|s| usize::from(**s) < SEMANTICS).count();
            prop_assert_eq!(planes.histogram.iter().sum::<u32>() as usize, known);
        }
    }

    #[test]
    fn planes_of_the_wrong_size_are_refused() {
        assert!(matches!(
            read(&frame(4, 4, vec![0; 16], vec![0; 15])),
            Err(MaskError::WrongLength { len: 15, .. })
        ));
        assert!(matches!(
            read(&frame(1 << 16, 1 << 16, vec![], vec![])),
            Err(MaskError::WrongLength { .. })
        ));
        let empty = read(&frame(0, 0, vec![], vec![])).unwrap();
        assert!(empty.objects.is_empty());
    }
}
