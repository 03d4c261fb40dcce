//! YAML as a small tree, with bounds on depth and size.

use yaml_rust2::Event;
use yaml_rust2::parser::Parser;

/// A YAML value; scalars stay text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Scalar(String),
    Seq(Vec<Self>),
    /// In the order of the file.
    Map(Vec<(String, Self)>),
}

const MAX_DEPTH: usize = 16;
const MAX_NODES: usize = 200_000;

enum Open {
    Seq(Vec<Node>),
    Map(Vec<(String, Node)>, Option<String>),
}

impl Node {
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            Self::Scalar(_) | Self::Seq(_) => None,
        }
    }

    pub(super) fn scalar(&self) -> Option<&str> {
        match self {
            Self::Scalar(text) => Some(text),
            Self::Seq(_) | Self::Map(_) => None,
        }
    }
}

/// The first document of a text. Aliases become empty scalars: data sets do not use them, and expanding them is how small
/// files become large ones. An error is a sentence and a line, from 1.
pub(super) fn parse(text: &str) -> Result<Node, (String, usize)> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut nodes = 0usize;
    loop {
        let (event, marker) = parser
            .next_token()
            .map_err(|err| (err.info().to_owned(), err.marker().line()))?;
        let line = marker.line();
        let complete = match event {
            Event::StreamEnd | Event::DocumentEnd => return Ok(Node::Map(Vec::new())),
            Event::Nothing | Event::StreamStart | Event::DocumentStart => continue,
            Event::Alias(_) => Node::Scalar(String::new()),
            Event::Scalar(text, ..) => Node::Scalar(text),
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if open.len() >= MAX_DEPTH {
                    return Err((format!("nested deeper than {MAX_DEPTH} levels"), line));
                }
                open.push(if matches!(event, Event::SequenceStart(..)) {
                    Open::Seq(Vec::new())
                } else {
                    Open::Map(Vec::new(), None)
                });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::Seq(items)) => Node::Seq(items),
                Some(Open::Map(entries, _)) => Node::Map(entries),
                None => return Err(("a list or map ends that did not begin".to_owned(), line)),
            },
        };
        nodes += 1;
        if nodes > MAX_NODES {
            return Err((format!("more than {MAX_NODES} values"), line));
        }
        match open.last_mut() {
            None => return Ok(complete),
            Some(Open::Seq(items)) => items.push(complete),
            Some(Open::Map(entries, key)) => match key.take() {
                None => {
                    let Node::Scalar(text) = complete else {
                        return Err(("a key that is a list or a map".to_owned(), line));
                    };
                    *key = Some(text);
                }
                Some(key) => entries.push((key, complete)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn depth_is_bounded() {
        let deep = "- ".repeat(1000);
        assert!(parse(&deep).expect_err("too deep").0.contains("16 levels"));
        let flow = "[".repeat(5000);
        assert!(parse(&flow).is_err());
    }

    #[test]
    fn aliases_do_not_grow() {
        let text = "a: &a [x, x]\nb: *a\n";
        let node = parse(text).expect("good YAML");
        assert_eq!(node.get("b"), Some(&Node::Scalar(String::new())));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[ -~\n]{0,120}") {
            let _any = parse(&text);
        }
    }
}
