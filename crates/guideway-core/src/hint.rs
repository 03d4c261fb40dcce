//! Errors that say what to do next.

/// An error that may know a remedy. The command line prints it as `hint: …` after the chain of causes.
pub trait Hint {
    /// One sentence without a full stop: what the user can do about it.
    fn hint(&self) -> Option<String> {
        None
    }
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
