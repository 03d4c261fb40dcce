//! One writer at a time: an advisory lock that the kernel releases when its holder dies, however it dies.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use crate::error::{Result, StoreError};

/// Held as long as it lives.
#[derive(Debug)]
pub(crate) struct WriteLock {
    file: File,
}

impl Drop for WriteLock {
    /// Unlocks by name: a child process that is just being started holds a copy of the descriptor until it becomes another
    /// program, and closing ours alone would leave the lock with it.
    fn drop(&mut self) {
        if let Err(err) = self.file.unlock() {
            tracing::debug!(%err, "could not unlock");
        }
    }
}

impl WriteLock {
    /// Takes the lock, or says who has it. Never waits.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(StoreError::io("open the lock file", path))?;
        match file.try_lock() {
            Ok(()) => {
                // The text only serves the message that another writer sees: failing to write it must not stop the work.
                if let Err(err) = sign(&mut file) {
                    tracing::debug!(%err, "could not write the lock's note");
                }
                Ok(Self { file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let known = (&file).take(200).read_to_string(&mut holder).is_ok() && !holder.is_empty();
                Err(StoreError::Locked {
                    holder: if known { holder } else { "unknown process".to_owned() },
                    path: path.to_owned(),
                })
            }
            Err(TryLockError::Error(source)) => Err(StoreError::Io {
                what: "lock",
                path: path.to_owned(),
                source,
            }),
        }
    }
}

/// Says in the lock file who holds it.
fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "process {}", std::process::id())
}
