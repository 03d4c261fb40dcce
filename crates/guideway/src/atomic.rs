//! Files that are there as a whole or not at all.

use std::io::{Error as IoError, ErrorKind as IoErrorKind};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Can a file be written there, as far as can be told without writing? For before long work.
pub fn check_out(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::io("write", path, IoErrorKind::IsADirectory.into()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.map(std::fs::metadata) {
        Some(Err(source)) => Err(Error::io("write", path, source)),
        Some(Ok(found)) if !found.is_dir() => {
            let source = IoError::from(IoErrorKind::NotADirectory);
            Err(Error::io("write", path, source))
        }
        _ => Ok(()),
    }
}

/// Writes a file so that a reader sees the old one or the new one, never half of it. Not for devices such as `/dev/stdout`.
pub fn write_atomic(path: &Path, contents: &[u8]) -> Result<(), Error> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".partial");
    let temporary = PathBuf::from(temporary);
    let written = std::fs::write(&temporary, contents).and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|source| {
        // What could be written of it is of no use; it may also not be there.
        drop(std::fs::remove_file(&temporary));
        Error::io("write", path, source)
    })
}
