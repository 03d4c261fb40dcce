//! What a file or image is, from its first bytes.

/// The media type of an image, from its signature. `None` when it is none of those known.
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        Some("image/jpeg")
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else if bytes.get(4..12) == Some(b"ftypavif") {
        Some("image/avif")
    } else {
        None
    }
}

/// Width and height of a JPEG or PNG, from its header alone. `None` for anything else, and for a header that is cut short.
pub fn image_size(bytes: &[u8]) -> Option<(u32, u32)> {
    match media_type(bytes)? {
        "image/png" => {
            let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
            (bytes.get(12..16)? == b"IHDR").then_some(())?;
            Some((number(16)?, number(20)?))
        }
        "image/jpeg" => jpeg_size(bytes),
        _ => None,
    }
    .filter(|(width, height)| *width > 0 && *height > 0)
}

/// Walks a JPEG's marker segments (ITU T.81, annex B) up to the frame header.
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?));
    let mut at = 2usize;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        match marker {
            // A fill byte before a marker.
            0xff => at += 1,
            // Markers without a length.
            0x01 | 0xd0..=0xd8 => at += 2,
            // The frame headers: all of C0 to CF but the tables and the extension.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((u32::from(number(at + 7)?), u32::from(number(at + 5)?)));
            }
            // The scan or the end, before any frame header.
            0xd9 | 0xda => return None,
            _ => at = at.checked_add(2)?.checked_add(usize::from(number(at + 2)?).max(2))?,
        }
    }
}

/// Can this access unit be decoded without earlier ones? Looks for an IDR (H.264) or IRAP (H.265) unit in Annex B data;
/// `None` for other formats.
pub fn is_keyframe(bytes: &[u8], media_type: &str) -> Option<bool> {
    let key = |unit: u8| match media_type {
        "video/h264" => Some(unit & 0x1f == 5),
        "video/h265" => Some((16..=23).contains(&(unit >> 1 & 0x3f))),
        _ => None,
    };
    key(0)?;
    let found = bytes.windows(4).any(|w| w[..3] == [0, 0, 1] && key(w[3]) == Some(true));
    Some(found)
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, RgbImage};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_come_from_headers() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg] {
            let mut bytes = std::io::Cursor::new(Vec::new());
            RgbImage::new(37, 21).write_to(&mut bytes, format).unwrap();
            let bytes = bytes.into_inner();
            assert_eq!(image_size(&bytes), Some((37, 21)), "{format:?}");
            assert_eq!(media_type(&bytes), Some(format.to_mime_type()));
        }
        assert_eq!(image_size(b"GIF89a"), None);
    }

    #[test]
    fn keyframes_are_found() {
        assert_eq!(
            is_keyframe(&[0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 9], "video/h264"),
            Some(true)
        );
        assert_eq!(is_keyframe(&[0, 0, 0, 1, 0x41, 9], "video/h264"), Some(false));
        assert_eq!(is_keyframe(&[0, 0, 1, 0x26, 1], "video/h265"), Some(true));
        assert_eq!(is_keyframe(&[0, 0, 1, 0x26, 1], "video/av1"), None);
    }

    proptest! {
        #[test]
        fn no_header_panics(tail in proptest::collection::vec(any::<u8>(), 0..64)) {
            for start in [&[0xff, 0xd8, 0xff][..], b"\x89PNG\r\n\x1a\n", b""] {
                let bytes = [start, &tail].concat();
                let _ = image_size(&bytes);
            }
        }
    }
}
