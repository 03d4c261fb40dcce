//! Raw images to PNG.

use std::io::Cursor;

use guideway_core::Hint;
use image::{ExtendedColorType, ImageEncoder as _, codecs::png::PngEncoder};
use thiserror::Error;

use crate::schemas::RawImage;

/// The largest raw image that is converted, bytes of pixels.
const MAX_PIXEL_BYTES: u64 = 1 << 30;

/// A raw image that cannot become a PNG.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RawImageError {
    /// The pixel layout is not one that guideway converts.
    #[error("pixel layout `{encoding}` is not supported")]
    Layout {
        /// The layout as the message names it.
        encoding: String,
    },
    /// The data are shorter than the size says, or the size makes no sense.
    #[error("{width}×{height} px with {step} bytes a row need more than the {length} bytes there are")]
    Size {
        /// Width, px.
        width: u32,
        /// Height, px.
        height: u32,
        /// Bytes from one row to the next.
        step: u32,
        /// Bytes there are.
        length: usize,
    },
    /// The encoder failed.
    #[error("could not encode the PNG")]
    Encode {
        /// Why.
        source: image::ImageError,
    },
}

impl Hint for RawImageError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Layout { encoding } if encoding.starts_with("bayer") => {
                Some("debayer the camera's images before recording them, for example with image_proc".to_owned())
            }
            Self::Layout { .. } => Some("supported: rgb8, bgr8, rgba8, bgra8, mono8, mono16, yuyv, uyvy".to_owned()),
            Self::Size { .. } | Self::Encode { .. } => {
                Some("leave the frame out of the query, or record it again".to_owned())
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Layout {
    Copy(ExtendedColorType, usize),
    Swap(ExtendedColorType, usize),
    Mono16,
    /// Positions of Y1, U, Y2, V in four bytes.
    Yuv422([usize; 4]),
}

fn layout(encoding: &str) -> Option<Layout> {
    Some(match encoding.to_ascii_lowercase().as_str() {
        "rgb8" => Layout::Copy(ExtendedColorType::Rgb8, 3),
        "rgba8" => Layout::Copy(ExtendedColorType::Rgba8, 4),
        "mono8" | "8uc1" => Layout::Copy(ExtendedColorType::L8, 1),
        "bgr8" | "8uc3" => Layout::Swap(ExtendedColorType::Rgb8, 3),
        "bgra8" | "8uc4" => Layout::Swap(ExtendedColorType::Rgba8, 4),
        "mono16" | "16uc1" => Layout::Mono16,
        "yuyv" | "yuv422_yuy2" => Layout::Yuv422([0, 1, 2, 3]),
        "uyvy" | "yuv422" => Layout::Yuv422([1, 0, 3, 2]),
        _ => return None,
    })
}

/// BT.601, full range of the output, limited range of the input, as cameras and OpenCV have it.
fn rgb(y: u8, u: u8, v: u8) -> [u8; 3] {
    let y = 1.164 * (f32::from(y) - 16.0);
    let (u, v) = (f32::from(u) - 128.0, f32::from(v) - 128.0);
    [y + 1.596 * v, y - 0.392 * u - 0.813 * v, y + 2.017 * u].map(|c| c.round().clamp(0.0, 255.0) as u8)
}

/// Is the image as long as its size says?
pub(crate) fn is_whole(image: &RawImage<'_>) -> bool {
    let needed = u64::from(image.step) * u64::from(image.height);
    image.width > 0 && image.height > 0 && needed <= image.data.len() as u64
}

/// Encodes a raw image as PNG: `rgb8`, `bgr8`, `rgba8`, `bgra8`, `mono8`, `mono16`, `yuyv` and `uyvy`, rows padded or not.
/// Bayer patterns are refused: how to interpolate them is not for a data tool to choose.
pub fn png_from_raw(image: &RawImage<'_>) -> Result<Vec<u8>, RawImageError> {
    let layout = layout(&image.encoding).ok_or_else(|| RawImageError::Layout {
        encoding: image.encoding.clone(),
    })?;
    let (color, bytes_in, bytes_out) = match layout {
        Layout::Copy(color, n) | Layout::Swap(color, n) => (color, n, n),
        Layout::Mono16 => (ExtendedColorType::L16, 2, 2),
        Layout::Yuv422(_) => (ExtendedColorType::Rgb8, 2, 3),
    };
    let size = RawImageError::Size {
        width: image.width,
        height: image.height,
        step: image.step,
        length: image.data.len(),
    };
    let row = u64::from(image.width) * bytes_in as u64;
    let out = (u64::from(image.width) * u64::from(image.height)).saturating_mul(bytes_out as u64);
    let odd = matches!(layout, Layout::Yuv422(_)) && image.width % 2 == 1;
    if !is_whole(image) || row > u64::from(image.step) || out > MAX_PIXEL_BYTES || odd {
        return Err(size);
    }
    let mut pixels = Vec::with_capacity(out as usize);
    for line in image.data.chunks(image.step as usize).take(image.height as usize) {
        let line = &line[..row as usize];
        match layout {
            Layout::Copy(..) => pixels.extend_from_slice(line),
            Layout::Swap(_, n) => {
                for pixel in line.chunks_exact(n) {
                    pixels.extend([pixel[2], pixel[1], pixel[0]]);
                    pixels.extend(&pixel[3..]);
                }
            }
            // The encoder takes 16-bit samples in the machine's own byte order.
            Layout::Mono16 => {
                for pixel in line.chunks_exact(2) {
                    let pair = [pixel[0], pixel[1]];
                    let value = if image.big_endian {
                        u16::from_be_bytes(pair)
                    } else {
                        u16::from_le_bytes(pair)
                    };
                    pixels.extend(value.to_ne_bytes());
                }
            }
            Layout::Yuv422([y1, u, y2, v]) => {
                for pair in line.chunks_exact(4) {
                    pixels.extend(rgb(pair[y1], pair[u], pair[v]));
                    pixels.extend(rgb(pair[y2], pair[u], pair[v]));
                }
            }
        }
    }
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new(&mut png)
        .write_image(&pixels, image.width, image.height, color)
        .map_err(|source| RawImageError::Encode { source })?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn raw(encoding: &str, width: u32, height: u32, step: u32, data: Vec<u8>) -> RawImage<'static> {
        RawImage {
            width,
            height,
            encoding: encoding.to_owned(),
            step,
            data: Cow::Owned(data),
            ..RawImage::default()
        }
    }

    #[test]
    fn layouts_come_out_as_rgb() {
        // One red and one blue pixel, with a padding byte at the end of the row.
        for (encoding, data) in [
            ("rgb8", vec![255, 0, 0, 0, 0, 255, 9]),
            ("bgr8", vec![0, 0, 255, 255, 0, 0, 9]),
        ] {
            let png = png_from_raw(&raw(encoding, 2, 1, 7, data)).unwrap();
            let back = image::load_from_memory(&png).unwrap().into_rgb8();
            assert_eq!(back.into_raw(), [255, 0, 0, 0, 0, 255], "{encoding}");
        }
        let png = png_from_raw(&raw("bgra8", 1, 1, 4, vec![1, 2, 3, 4])).unwrap();
        assert_eq!(
            image::load_from_memory(&png).unwrap().into_rgba8().into_raw(),
            [3, 2, 1, 4]
        );
        let png = png_from_raw(&raw("mono16", 1, 1, 2, vec![0x34, 0x12])).unwrap();
        assert_eq!(
            image::load_from_memory(&png).unwrap().into_luma16().into_raw(),
            [0x1234]
        );
        let png = png_from_raw(&raw("yuyv", 2, 1, 4, vec![235, 128, 16, 128])).unwrap();
        assert_eq!(
            image::load_from_memory(&png).unwrap().into_rgb8().into_raw(),
            [255, 255, 255, 0, 0, 0]
        );
    }

    #[test]
    fn what_cannot_be_converted_says_why() {
        let err = png_from_raw(&raw("bayer_rggb8", 2, 2, 2, vec![0; 4])).unwrap_err();
        assert!(err.hint().unwrap().contains("debayer"));
        let err = png_from_raw(&raw("rgb8", u32::MAX, u32::MAX, u32::MAX, vec![0; 4])).unwrap_err();
        assert!(matches!(err, RawImageError::Size { .. }));
        assert!(png_from_raw(&raw("mono8", 0, 0, 0, vec![])).is_err());
    }
}
