//! Splits that leak nothing: whole groups go to one side, the same way for the same seed.

use std::collections::BTreeMap;

/// Named fractions of a dataset, such as `train=0.8,val=0.2`.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitSpec {
    parts: Vec<(String, f64)>,
}

impl SplitSpec {
    /// The parts in the order given, with their fractions of all frames; they sum to 1.
    pub fn parts(&self) -> &[(String, f64)] {
        &self.parts
    }
}

impl Default for SplitSpec {
    fn default() -> Self {
        Self {
            parts: vec![("train".to_owned(), 0.8), ("val".to_owned(), 0.2)],
        }
    }
}

impl std::str::FromStr for SplitSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts: Vec<(String, f64)> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, fraction) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is not NAME=FRACTION, such as train=0.8"))?;
            let name = name.trim();
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                return Err(format!(
                    "`{name}` is not a split name: use letters, digits, `_` and `-`"
                ));
            }
            let value: f64 = fraction
                .trim()
                .parse()
                .map_err(|err| format!("`{fraction}` of split `{name}` is not a number: {err}"))?;
            if !(value > 0.0 && value <= 1.0) {
                return Err(format!(
                    "the fraction of split `{name}` is {value}, which is not above 0 and at most 1"
                ));
            }
            if parts.iter().any(|(other, _)| other == name) {
                return Err(format!("split `{name}` is given twice"));
            }
            parts.push((name.to_owned(), value));
        }
        let total: f64 = parts.iter().map(|(_, fraction)| fraction).sum();
        if parts.is_empty() {
            return Err("no splits given".to_owned());
        }
        if (total - 1.0).abs() > 1e-6 {
            return Err(format!("the fractions sum to {total}, not to 1"));
        }
        Ok(Self { parts })
    }
}

impl std::fmt::Display for SplitSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(name, fraction)| format!("{name}={fraction}"))
            .collect();
        f.write_str(&parts.join(","))
    }
}

/// Gives every group to one split.
///
/// The groups are taken in an order that depends on the seed and their names alone, never on the order of the input, and each
/// goes to the split that lacks most of its share of frames. So the fractions of frames are met as closely as whole groups
/// allow, and every split gets a group as long as there are enough of them.
///
/// ```
/// use std::collections::BTreeMap;
/// use guideway::split::{SplitSpec, assign};
///
/// let groups = BTreeMap::from([("drive-1".to_owned(), 100), ("drive-2".to_owned(), 100)]);
/// let splits = assign(&groups, &"train=0.5,val=0.5".parse::<SplitSpec>()?, 7);
/// assert_ne!(splits["drive-1"], splits["drive-2"]);
/// # Ok::<(), String>(())
/// ```
pub fn assign(frames_by_group: &BTreeMap<String, u64>, spec: &SplitSpec, seed: u64) -> BTreeMap<String, String> {
    let total: u64 = frames_by_group.values().sum();
    let mut order: Vec<(blake3::Hash, &String, u64)> = frames_by_group
        .iter()
        .map(|(group, frames)| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&seed.to_le_bytes());
            hasher.update(group.as_bytes());
            (hasher.finalize(), group, *frames)
        })
        .collect();
    order.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()).then_with(|| a.1.cmp(b.1)));

    let mut missing: Vec<f64> = spec.parts.iter().map(|(_, fraction)| fraction * total as f64).collect();
    let mut empty = vec![true; spec.parts.len()];
    let mut result = BTreeMap::new();
    for (index, (_, group, frames)) in order.iter().enumerate() {
        let left = order.len() - index;
        // With just enough groups left to give every empty split one, the empty ones come first.
        let only_empty = empty.iter().filter(|empty| **empty).count() >= left;
        let choice = (0..missing.len())
            .filter(|split| !only_empty || empty[*split])
            .max_by(|a, b| missing[*a].total_cmp(&missing[*b]).then(b.cmp(a)))
            .unwrap_or(0);
        missing[choice] -= *frames as f64;
        empty[choice] = false;
        result.insert((*group).clone(), spec.parts[choice].0.clone());
    }
    result
}

/// Groups that lie in more than one split, with the splits: what must not be.
pub fn straddling<'a>(
    frames: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> BTreeMap<&'a str, std::collections::BTreeSet<&'a str>> {
    let mut splits: BTreeMap<&str, std::collections::BTreeSet<&str>> = BTreeMap::new();
    for (group, split) in frames {
        splits.entry(group).or_default().insert(split);
    }
    splits.retain(|_, splits| splits.len() > 1);
    splits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(count: usize, frames: u64) -> BTreeMap<String, u64> {
        (0..count).map(|i| (format!("g{i}"), frames)).collect()
    }

    #[test]
    fn fractions_are_met_as_closely_as_groups_allow() {
        let spec: SplitSpec = "train=0.7,val=0.2,test=0.1".parse().unwrap();
        let splits = assign(&groups(100, 10), &spec, 3);
        let count = |name: &str| splits.values().filter(|s| *s == name).count();
        assert_eq!((count("train"), count("val"), count("test")), (70, 20, 10));
    }

    #[test]
    fn every_split_gets_a_group_where_possible() {
        let spec: SplitSpec = "train=0.9,val=0.1".parse().unwrap();
        for seed in 0..20 {
            let splits = assign(
                &BTreeMap::from([("a".to_owned(), 1000), ("b".to_owned(), 1)]),
                &spec,
                seed,
            );
            assert!(
                splits.values().any(|s| s == "val") && splits.values().any(|s| s == "train"),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn seed_decides() {
        let spec = SplitSpec::default();
        assert_eq!(assign(&groups(50, 1), &spec, 1), assign(&groups(50, 1), &spec, 1));
        assert_ne!(assign(&groups(50, 1), &spec, 1), assign(&groups(50, 1), &spec, 2));
    }

    #[test]
    fn bad_specs_are_refused() {
        for bad in [
            "",
            "train",
            "train=x",
            "train=0.5",
            "train=0.5,train=0.5",
            "a b=1",
            "train=1.5",
            "t=-1,v=2",
        ] {
            assert!(bad.parse::<SplitSpec>().is_err(), "{bad}");
        }
        assert_eq!("train=0.8, val=0.2".parse::<SplitSpec>().unwrap(), SplitSpec::default());
    }

    #[test]
    fn straddlers_are_found() {
        let found = straddling([("a", "train"), ("a", "val"), ("b", "val")]);
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), vec!["a"]);
    }
}
