//! A folder that appears whole or not at all.

use std::path::{Path, PathBuf};

use super::{ExportError, make_folder};

/// The folder being filled. Dropped before [`Staging::commit`], it is removed.
#[derive(Debug)]
pub(super) struct Staging {
    target: PathBuf,
    partial: PathBuf,
    done: bool,
}

impl Staging {
    pub(super) fn begin(target: &Path, force: bool) -> Result<Self, ExportError> {
        let io = |source| ExportError::Io {
            path: target.to_owned(),
            source,
        };
        let target = std::path::absolute(target).map_err(io)?;
        match std::fs::metadata(&target) {
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {}
            Err(err) => return Err(io(err)),
            Ok(metadata) if !metadata.is_dir() => return Err(ExportError::NotAFolder { path: target }),
            Ok(_) => {
                let empty = std::fs::read_dir(&target).map_err(io)?.next().is_none();
                if !empty && !force {
                    return Err(ExportError::NotEmpty { path: target });
                }
            }
        }
        let partial = sibling(&target, "partial");
        // Left behind by a run that was killed.
        remove(&partial)?;
        make_folder(&partial)?;
        Ok(Self {
            target,
            partial,
            done: false,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// Gives the folder the target's name. What the target held goes away only after that.
    pub(super) fn commit(mut self) -> Result<(), ExportError> {
        let io = |path: &Path, source| ExportError::Io {
            path: path.to_owned(),
            source,
        };
        let old = sibling(&self.target, "replaced");
        remove(&old)?;
        let had = self.target.exists();
        if had {
            std::fs::rename(&self.target, &old).map_err(|err| io(&self.target, err))?;
        }
        if let Err(err) = std::fs::rename(&self.partial, &self.target) {
            if had {
                std::fs::rename(&old, &self.target).map_err(|err| io(&self.target, err))?;
            }
            return Err(io(&self.target, err));
        }
        self.done = true;
        remove(&old)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.done {
            // The error that led here is the one to tell.
            let _left_behind = remove(&self.partial);
        }
    }
}

/// `.NAME.guideway-SUFFIX` beside the target: on the same file system, so that a rename is enough.
fn sibling(target: &Path, suffix: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    target.with_file_name(format!(".{name}.guideway-{suffix}"))
}

fn remove(path: &Path) -> Result<(), ExportError> {
    match std::fs::remove_dir_all(path) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => Err(ExportError::Io {
            path: path.to_owned(),
            source: err,
        }),
        _ => Ok(()),
    }
}
