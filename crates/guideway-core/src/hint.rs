//! Errors that say what to do next.

/// An error that may know a remedy. The command line prints it as `hint: …` after the chain of causes.
pub trait Hint {
    /// One sentence without a full stop: what the user can do about it.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// What to do about a file operation that the operating system refused. None where only a look at the disk would tell.
///
/// ```
/// use std::io::{Error, ErrorKind};
/// use guideway_core::hint::for_io;
/// assert_eq!(for_io(&Error::from(ErrorKind::NotFound)), Some("check the path".to_owned()));
/// ```
pub fn for_io(err: &std::io::Error) -> Option<String> {
    use std::io::ErrorKind;
    let text = match err.kind() {
        ErrorKind::NotFound => "check the path",
        ErrorKind::PermissionDenied => "check who may read and write there",
        ErrorKind::NotADirectory => "a part of the path is a file, not a folder",
        ErrorKind::IsADirectory => "it is a folder; name a file",
        ErrorKind::AlreadyExists => "something of that name is there already; move it away or name another",
        ErrorKind::InvalidData => {
            "it holds something else than expected: check that it is the right file (text must be UTF-8)"
        }
        ErrorKind::ReadOnlyFilesystem => "the disk is read-only: name a place on another one",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on the disk and run it again",
        ErrorKind::FileTooLarge => "the file may not grow any more: raise the limit (`ulimit -f`), or use another disk",
        _ => return None,
    };
    Some(text.to_owned())
}

/// The known name closest to a misspelt one, for "did you mean" hints. `None` when nothing is close.
///
/// ```
/// use guideway_core::hint::closest;
/// assert_eq!(closest("frmaes", ["frames", "labels"]), Some("frames"));
/// assert_eq!(closest("frame", ["name", "frame_id"]), Some("frame_id"));
/// assert_eq!(closest("zebra", ["frames", "labels"]), None);
/// ```
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1) + 1;
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            let lower = candidate.to_lowercase();
            // A beginning is a better guess than any misspelling.
            let distance = if name.len() >= 3 && (lower.starts_with(&name) || name.starts_with(&lower)) {
                1
            } else {
                edit_distance(&name, &lower)
            };
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
