//! `data.yaml`.

use std::collections::BTreeMap;

use thiserror::Error;

use super::yaml::{Node, parse};
use crate::files::split_name;

/// What a `data.yaml` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct YoloConfig {
    /// `path`: the folder that the others are relative to.
    pub path: Option<String>,
    /// The splits (`train`, `val`, `test`) with their folders, lists or images, in the order train, val, test.
    pub splits: Vec<(String, Vec<String>)>,
    /// Class names by number.
    pub names: BTreeMap<usize, String>,
    /// Keypoints an object: how many, and numbers for each (2 or 3).
    pub keypoints: Option<(usize, usize)>,
    /// What is odd but does no harm, one sentence each.
    pub notes: Vec<String>,
}

/// A YAML file that describes no YOLO set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum YoloConfigError {
    /// No YAML.
    #[error("line {line} is no YAML: {message}")]
    Yaml {
        /// What the parser says.
        message: String,
        /// Where, from 1.
        line: usize,
    },
    /// YAML, but without a key that is needed.
    #[error("the YAML file has no {what}")]
    Missing {
        /// What is missing.
        what: &'static str,
    },
    /// A key has a value of the wrong kind.
    #[error("`{key}` {message}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong with it.
        message: String,
    },
}

/// Reads a `data.yaml`: `names` as a list or a map, splits as text or a list, further keys passed over.
pub fn parse_yolo_config(text: &str) -> Result<YoloConfig, YoloConfigError> {
    let root = parse(text).map_err(|(message, line)| YoloConfigError::Yaml { message, line })?;
    let Node::Map(entries) = &root else {
        return Err(YoloConfigError::Missing { what: "keys" });
    };
    let mut config = YoloConfig {
        path: root
            .get("path")
            .and_then(Node::scalar)
            .filter(|p| !matches!(*p, "" | "~" | "null"))
            .map(str::to_owned),
        names: names(root.get("names").ok_or(YoloConfigError::Missing { what: "`names`" })?)?,
        ..YoloConfig::default()
    };
    for name in ["train", "val", "test"] {
        for (key, value) in entries {
            // `names` and the like are no splits, and `validation` is `val`.
            if split_name(key) != name {
                continue;
            }
            let places: Vec<String> = match value {
                Node::Scalar(text) => vec![text.clone()],
                Node::Seq(items) => items.iter().filter_map(Node::scalar).map(str::to_owned).collect(),
                Node::Map(_) => {
                    return Err(YoloConfigError::Value {
                        key: key.clone(),
                        message: "is a map, where a folder, a list file or a list of these is expected".to_owned(),
                    });
                }
            };
            // An absent split is written as an empty value.
            let places: Vec<String> = places
                .into_iter()
                .filter(|p| !matches!(p.as_str(), "" | "~" | "null"))
                .collect();
            if !places.is_empty() {
                config.splits.push((name.to_owned(), places));
            }
        }
    }
    if config.splits.is_empty() {
        return Err(YoloConfigError::Missing {
            what: "`train`, `val` or `test`",
        });
    }
    if let Some(nc) = root.get("nc").and_then(Node::scalar)
        && nc.parse() != Ok(config.names.len())
    {
        config.notes.push(format!(
            "`nc` is {nc}, but `names` has {}; the names count",
            config.names.len()
        ));
    }
    if let Some(Node::Seq(shape)) = root.get("kpt_shape") {
        let numbers: Vec<usize> = shape.iter().filter_map(|n| n.scalar()?.parse().ok()).collect();
        config.keypoints = match numbers.as_slice() {
            &[points @ 1..=1000, each @ 2..=3] => Some((points, each)),
            _ => {
                return Err(YoloConfigError::Value {
                    key: "kpt_shape".to_owned(),
                    message: "is not [number of points, 2 or 3]".to_owned(),
                });
            }
        };
    }
    Ok(config)
}

fn names(node: &Node) -> Result<BTreeMap<usize, String>, YoloConfigError> {
    let wrong = |message: &str| YoloConfigError::Value {
        key: "names".to_owned(),
        message: message.to_owned(),
    };
    let out: BTreeMap<usize, String> = match node {
        Node::Seq(items) => items
            .iter()
            .enumerate()
            .map(|(i, item)| Some((i, item.scalar()?.to_owned())))
            .collect::<Option<_>>()
            .ok_or_else(|| wrong("holds something that is no name"))?,
        Node::Map(entries) => {
            let mut out = BTreeMap::new();
            for (key, value) in entries {
                let number: usize = key.parse().map_err(|_not_a_number: std::num::ParseIntError| {
                    wrong(&format!("has the key `{key}`, not a class number"))
                })?;
                let name = value.scalar().ok_or_else(|| wrong("holds something that is no name"))?;
                if out.insert(number, name.to_owned()).is_some() {
                    return Err(wrong(&format!("names class {number} twice")));
                }
            }
            out
        }
        Node::Scalar(_) => return Err(wrong("is neither a list nor a map of names")),
    };
    if out.is_empty() {
        Err(wrong("is empty"))
    } else {
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_and_maps_of_names_agree() {
        let list = parse_yolo_config("train: a\nvalid: [b, c]\nnames: ['x', y]\nnc: 2\n").expect("good");
        let map = parse_yolo_config("path: .\ntrain: a\nval: \n - b\n - c\nnames:\n  0: x\n  1: y\n").expect("good");
        assert_eq!(list.names, map.names);
        assert_eq!(list.splits, map.splits);
        assert_eq!(list.splits[1], ("val".to_owned(), vec!["b".to_owned(), "c".to_owned()]));
        assert_eq!(map.path.as_deref(), Some("."));
    }

    #[test]
    fn what_is_wrong_is_said() {
        insta::assert_snapshot!(
            [
                "names: [a]",
                "train: x",
                "train: x\nnames: {a: b}",
                "train: x\nnames: q",
                "train: {a: b}\nnames: [a]",
                "train: [",
                "- 1",
                "",
                "train: x\nnames: []",
                "train: x\nnames: [a]\nkpt_shape: [17]"
            ]
            .map(|text| parse_yolo_config(text).expect_err("an error").to_string())
            .join("\n")
        );
        let config = parse_yolo_config("train: x\nnames: [a]\nnc: 3").expect("good enough");
        assert_eq!(config.notes, ["`nc` is 3, but `names` has 1; the names count"]);
    }

    proptest! {
        #[test]
        fn no_mutation_panics(at in 0usize..60, byte in 9u8..127) {
            let mut bytes = b"path: .\ntrain: images/train\nval: [a, b]\nnames:\n  0: x\n  1: 'y'\n".to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _any = parse_yolo_config(&String::from_utf8_lossy(&bytes));
        }
    }
}
