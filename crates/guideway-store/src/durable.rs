//! Flushing files to the disk before the catalog names them, so that a commit survives a power cut and not only a killed
//! process. The table engine itself leaves that to the operating system.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

use crate::error::{Result, StoreError};

/// Flushes what version `new` of a table has beyond version `old`.
pub(crate) fn sync_version(folder: &Path, old: &lance::Dataset, new: &lance::Dataset) -> Result<()> {
    let known: HashSet<&str> = files(old).collect();
    let data = folder.join("data");
    for file in files(new).filter(|file| !known.contains(file)) {
        sync(&data.join(file))?;
    }
    // Deletion files are few: compaction removes them.
    sync_tree(&folder.join("_deletions"))?;
    let versions = folder.join("_versions");
    if let Some(name) = new.manifest_location().path.filename() {
        sync(&versions.join(name))?;
    }
    sync(&versions)?;
    sync(&data)
}

fn files(dataset: &lance::Dataset) -> impl Iterator<Item = &str> {
    dataset
        .fragments()
        .iter()
        .flat_map(|fragment| fragment.files.iter().map(|file| file.path.as_str()))
}

/// Flushes a folder and everything below it.
pub(crate) fn sync_tree(folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(StoreError::io("list", folder))? {
        let path = entry.map_err(StoreError::io("list", folder))?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            sync(&path)?;
        }
    }
    sync(folder)
}

/// Flushes one file, or the list of names of a folder where the system can.
pub(crate) fn sync(path: &Path) -> Result<()> {
    if !path.exists() || (path.is_dir() && !cfg!(unix)) {
        return Ok(());
    }
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(StoreError::io("flush to disk", path))
}
