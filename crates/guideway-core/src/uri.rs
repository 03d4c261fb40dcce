//! File paths as `file://` URIs, and back.

use std::path::{Path, PathBuf};

/// The `file://` URI of an absolute path. Bytes outside the unreserved set of RFC 3986 are percent-encoded.
///
/// ```
/// use guideway_core::uri;
/// let text = uri::from_path("/logs/a drive.mcap".as_ref());
/// assert_eq!(text, "file:///logs/a%20drive.mcap");
/// assert_eq!(uri::to_path(&text).as_deref(), Some("/logs/a drive.mcap".as_ref()));
/// ```
pub fn from_path(path: &Path) -> String {
    let mut uri = String::from("file://");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'/'
            | b'+'
            | b'@'
            | b':'
            | b','
            | b'=' => {
                uri.push(char::from(*byte));
            }
            _ => {
                uri.push('%');
                uri.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
                uri.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
            }
        }
    }
    uri
}

/// The path behind a `file://` URI; `None` for any other scheme or a broken encoding.
pub fn to_path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    let mut i = 0;
    while i < rest.len() {
        if rest[i] == b'%' {
            let hex = std::str::from_utf8(rest.get(i + 1..i + 3)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            i += 3;
        } else {
            bytes.push(rest[i]);
            i += 1;
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}
