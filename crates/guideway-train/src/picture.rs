//! Decoded images, the map from their pixels to the network's input, and drawing them there.

use guideway_core::BBox;
use image::imageops::{self, FilterType};
use image::{ImageReader, Limits, RgbImage};

use crate::error::TrainError;
use crate::sample::Sample;

/// Subtracted from each value in `0..=1` before it enters the network.
const MEAN: f32 = 0.45;
/// Divides each value then.
const DEVIATION: f32 = 0.25;
/// Decoding more than this is refused: 16,384 × 16,384 pixels of RGB.
const MAX_SIDE: u32 = 16_384;
const MAX_BYTES: u64 = 1 << 30;

/// A decoded image, perhaps scaled down, with the size that boxes refer to.
#[derive(Debug)]
pub(crate) struct Picture {
    pixels: RgbImage,
    /// Width and height in the pixels of the boxes.
    pub(crate) size: [f64; 2],
}

impl Picture {
    /// Decodes a sample's image. Scaled down, if it is larger, to `room` times the size at which it fits the input:
    /// enough for any variation, and small enough to keep many in memory.
    ///
    /// # Errors
    /// [`TrainError::Image`] when the bytes are no JPEG or PNG, are truncated, or describe an absurdly large image.
    pub(crate) fn decode(sample: &Sample, input: [usize; 2], room: f64) -> Result<Self, TrainError> {
        let failed = |reason: String| TrainError::Image {
            sample: sample.id.clone(),
            reason,
        };
        let mut reader = ImageReader::new(std::io::Cursor::new(&sample.media))
            .with_guessed_format()
            .map_err(|err| failed(err.to_string()))?;
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_BYTES);
        reader.limits(limits);
        let image = reader.decode().map_err(|err| failed(err.to_string()))?.into_rgb8();
        let (width, height) = image.dimensions();
        if width == 0 || height == 0 {
            return Err(failed("it has no pixels".to_owned()));
        }
        let pick = |declared: u32, decoded: u32| f64::from(if declared == 0 { decoded } else { declared });
        let size = [pick(sample.width, width), pick(sample.height, height)];
        let scale = room * (input[0] as f64 / f64::from(width)).min(input[1] as f64 / f64::from(height));
        let shrink = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
        let pixels = if scale < 1.0 {
            imageops::resize(&image, shrink(width), shrink(height), FilterType::Triangle)
        } else {
            image
        };
        Ok(Self { pixels, size })
    }

    /// Bytes held in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.pixels.as_raw().len()
    }
}

/// Where the pixels of an image land in the network's input: `x ↦ x·scale + offset`, then perhaps mirrored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placement {
    /// Input pixels per image pixel, across and down.
    pub(crate) scale: [f64; 2],
    /// Where the image's upper left corner lands, in input pixels.
    pub(crate) offset: [f64; 2],
    /// The input's width when it is mirrored left and right.
    pub(crate) mirrored: Option<f64>,
}

impl Placement {
    /// The largest size that fits, in the middle.
    pub(crate) fn fit(size: [f64; 2], input: [usize; 2]) -> Self {
        let input = [input[0] as f64, input[1] as f64];
        let scale = (input[0] / size[0]).min(input[1] / size[1]);
        Self {
            scale: [scale; 2],
            offset: [(input[0] - size[0] * scale) / 2.0, (input[1] - size[1] * scale) / 2.0],
            mirrored: None,
        }
    }

    /// A box of the image, in the input.
    pub(crate) fn apply(&self, bbox: BBox) -> BBox {
        let [x0, x1] = [bbox.x_min, bbox.x_max].map(|x| x * self.scale[0] + self.offset[0]);
        let [y0, y1] = [bbox.y_min, bbox.y_max].map(|y| y * self.scale[1] + self.offset[1]);
        match self.mirrored {
            Some(width) => BBox::new(width - x1, y0, width - x0, y1),
            None => BBox::new(x0, y0, x1, y1),
        }
    }

    /// A box of the input, in the image.
    pub(crate) fn invert(&self, bbox: BBox) -> BBox {
        let [x0, x1] = match self.mirrored {
            Some(width) => [width - bbox.x_max, width - bbox.x_min],
            None => [bbox.x_min, bbox.x_max],
        };
        let [x0, x1] = [x0, x1].map(|x| (x - self.offset[0]) / self.scale[0]);
        let [y0, y1] = [bbox.y_min, bbox.y_max].map(|y| (y - self.offset[1]) / self.scale[1]);
        BBox::new(x0, y0, x1, y1)
    }
}

/// Factors on brightness, contrast and saturation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tone {
    pub(crate) brightness: f32,
    pub(crate) contrast: f32,
    pub(crate) saturation: f32,
}

impl Tone {
    /// Changes nothing.
    pub(crate) const PLAIN: Self = Self {
        brightness: 1.0,
        contrast: 1.0,
        saturation: 1.0,
    };
}

/// The part of the input that is drawn to: `x0..x1`, `y0..y1`, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    pub(crate) x: [usize; 2],
    pub(crate) y: [usize; 2],
}

impl Window {
    pub(crate) fn whole(input: [usize; 2]) -> Self {
        Self {
            x: [0, input[0]],
            y: [0, input[1]],
        }
    }
}

/// One axis of bilinear sampling: the two neighbours and the weight of the second. `None` outside of the image.
type Tap = Option<(usize, usize, f32)>;

fn taps(range: [usize; 2], mirrored: Option<f64>, scale: f64, offset: f64, size: f64, stored: u32) -> Vec<Tap> {
    let per_pixel = f64::from(stored) / size;
    let last = stored as usize - 1;
    (range[0]..range[1])
        .map(|pixel| {
            let centre = pixel as f64 + 0.5;
            let centre = mirrored.map_or(centre, |width| width - centre);
            let position = (centre - offset) / scale;
            if !(position >= 0.0 && position < size) {
                return None;
            }
            let position = (position * per_pixel - 0.5).clamp(0.0, last as f64);
            let first = (position as usize).min(last);
            Some((first, (first + 1).min(last), (position - first as f64) as f32))
        })
        .collect()
}

/// Draws a picture into a window of `out [3, height, width]` (planes red, green, blue, already normalised).
/// What the picture does not cover stays as it is: 0 is the mean colour.
pub(crate) fn draw(
    picture: &Picture,
    placement: &Placement,
    tone: Tone,
    window: Window,
    input: [usize; 2],
    out: &mut [f32],
) {
    let (stored_w, stored_h) = picture.pixels.dimensions();
    let across = taps(
        window.x,
        placement.mirrored,
        placement.scale[0],
        placement.offset[0],
        picture.size[0],
        stored_w,
    );
    let down = taps(
        window.y,
        None,
        placement.scale[1],
        placement.offset[1],
        picture.size[1],
        stored_h,
    );
    let raw = picture.pixels.as_raw();
    let stride = stored_w as usize * 3;
    let plane = input[0] * input[1];
    for (y, tap) in (window.y[0]..window.y[1]).zip(&down) {
        let Some((y0, y1, fy)) = *tap else { continue };
        let (above, below) = (
            &raw[y0 * stride..(y0 + 1) * stride],
            &raw[y1 * stride..(y1 + 1) * stride],
        );
        for (x, tap) in (window.x[0]..window.x[1]).zip(&across) {
            let Some((x0, x1, fx)) = *tap else { continue };
            let mut color = [0.0_f32; 3];
            for (channel, slot) in color.iter_mut().enumerate() {
                let value = |row: &[u8], x: usize| f32::from(row[x * 3 + channel]);
                let top = value(above, x0) + (value(above, x1) - value(above, x0)) * fx;
                let bottom = value(below, x0) + (value(below, x1) - value(below, x0)) * fx;
                *slot = (top + (bottom - top) * fy) / 255.0;
            }
            let gray = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2];
            for (channel, value) in color.into_iter().enumerate() {
                let value = gray + (value - gray) * tone.saturation;
                let value = (0.5 + (value - 0.5) * tone.contrast) * tone.brightness;
                out[channel * plane + y * input[0] + x] = (value.clamp(0.0, 1.0) - MEAN) / DEVIATION;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use proptest::prelude::*;

    use super::*;

    fn png(width: u32, height: u32, color: impl Fn(u32, u32) -> [u8; 3]) -> Sample {
        let image = RgbImage::from_fn(width, height, |x, y| Rgb(color(x, y)));
        let mut media = std::io::Cursor::new(Vec::new());
        image.write_to(&mut media, image::ImageFormat::Png).unwrap();
        Sample {
            id: "drawn".to_owned(),
            media: media.into_inner(),
            width,
            height,
            ..Sample::default()
        }
    }

    #[test]
    fn a_box_covers_the_same_pixels_after_drawing() {
        // A white rectangle on black: where the drawn input is bright must be where the box lands.
        let bbox = BBox::new(20.0, 10.0, 50.0, 40.0);
        let sample = png(80, 60, |x, y| {
            if (20..50).contains(&x) && (10..40).contains(&y) {
                [255; 3]
            } else {
                [0; 3]
            }
        });
        let input = [64, 64];
        let picture = Picture::decode(&sample, input, 2.0).unwrap();
        for mirrored in [None, Some(64.0)] {
            let placement = Placement {
                mirrored,
                scale: [1.0, 0.9],
                offset: [-7.0, 3.0],
            };
            let mut out = vec![0.0; 3 * 64 * 64];
            draw(&picture, &placement, Tone::PLAIN, Window::whole(input), input, &mut out);
            let bright: Vec<(usize, usize)> = (0..64 * 64)
                .filter(|i| out[*i] > 0.5)
                .map(|i| (i % 64, i / 64))
                .collect();
            let expected = placement.apply(bbox);
            let edge = |value: Option<usize>| value.unwrap() as f64;
            assert!((edge(bright.iter().map(|p| p.0).min()) - expected.x_min).abs() <= 1.0);
            assert!((edge(bright.iter().map(|p| p.0).max()) + 1.0 - expected.x_max).abs() <= 1.0);
            assert!((edge(bright.iter().map(|p| p.1).min()) - expected.y_min).abs() <= 1.0);
            assert!((edge(bright.iter().map(|p| p.1).max()) + 1.0 - expected.y_max).abs() <= 1.0);
        }
    }

    #[test]
    fn damaged_images_are_errors() {
        let mut sample = png(8, 8, |_, _| [9; 3]);
        sample.media.truncate(40);
        assert!(matches!(
            Picture::decode(&sample, [32, 32], 1.0),
            Err(TrainError::Image { .. })
        ));
        sample.media = b"GIF89a".to_vec();
        assert!(Picture::decode(&sample, [32, 32], 1.0).is_err());
        sample.media.clear();
        assert!(Picture::decode(&sample, [32, 32], 1.0).is_err());
    }

    proptest! {
        #[test]
        fn placing_and_back_is_the_same_box(
            x in -50.0..500.0, y in -50.0..500.0, w in 1.0..300.0, h in 1.0..300.0,
            sx in 0.1..5.0, sy in 0.1..5.0, ox in -100.0..100.0, mirror in any::<bool>(),
        ) {
            let placement = Placement {
                scale: [sx, sy],
                offset: [ox, -ox],
                mirrored: mirror.then_some(224.0),
            };
            let bbox = BBox::from_xywh(x, y, w, h);
            let back = placement.invert(placement.apply(bbox));
            for (a, b) in bbox.to_xywh().into_iter().zip(back.to_xywh()) {
                prop_assert!((a - b).abs() < 1e-9 * (1.0 + a.abs()) / sx.min(sy) * 100.0);
            }
        }
    }
}
