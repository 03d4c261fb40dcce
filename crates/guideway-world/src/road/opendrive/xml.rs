//! Attributes with errors that say where.

use std::path::Path;

use roxmltree::{Document, Node};

use crate::WorldError;

/// A document and the name of its file.
pub(super) struct Source<'a> {
    pub document: &'a Document<'a>,
    pub path: &'a Path,
}

/// Something in a file that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImportWarning {
    /// Line in the file.
    pub line: u32,
    /// Path of the element: `road[id=7]/signals/signal[2]`.
    pub element: String,
    /// What is wrong and what was done instead.
    pub problem: String,
}

impl Source<'_> {
    pub(super) fn line(&self, node: Node<'_, '_>) -> u32 {
        self.document.text_pos_at(node.range().start).row
    }

    pub(super) fn error(&self, node: Node<'_, '_>, problem: impl Into<String>) -> WorldError {
        WorldError::OpenDrive {
            path: self.path.to_owned(),
            line: self.line(node),
            element: place(node),
            problem: problem.into(),
        }
    }

    pub(super) fn warning(&self, node: Node<'_, '_>, problem: impl Into<String>) -> ImportWarning {
        ImportWarning {
            line: self.line(node),
            element: place(node),
            problem: problem.into(),
        }
    }

    /// A number that must be there.
    pub(super) fn number(&self, node: Node<'_, '_>, name: &str) -> Result<f64, WorldError> {
        let text = node
            .attribute(name)
            .ok_or_else(|| self.error(node, format!("attribute `{name}` is missing; a number is needed")))?;
        let value = text
            .trim()
            .parse()
            .map_err(|err| self.error(node, format!("attribute `{name}` is `{text}`, not a number: {err}")))?;
        // Beyond this no road lies, and single precision would lose the lanes.
        if f64::abs(value) <= 1e7 {
            Ok(value)
        } else {
            Err(self.error(node, format!("attribute `{name}` is `{text}`, allowed is −1e7 to 1e7")))
        }
    }

    /// A number, or `default` where it is not given.
    pub(super) fn number_or(&self, node: Node<'_, '_>, name: &str, default: f64) -> Result<f64, WorldError> {
        if node.has_attribute(name) {
            self.number(node, name)
        } else {
            Ok(default)
        }
    }

    pub(super) fn integer(&self, node: Node<'_, '_>, name: &str) -> Result<i32, WorldError> {
        let text = node
            .attribute(name)
            .ok_or_else(|| self.error(node, format!("attribute `{name}` is missing; a whole number is needed")))?;
        text.trim().parse().map_err(|err| {
            self.error(
                node,
                format!("attribute `{name}` is `{text}`, not a whole number: {err}"),
            )
        })
    }

    pub(super) fn text<'n>(&self, node: Node<'n, '_>, name: &str) -> Result<&'n str, WorldError> {
        node.attribute(name)
            .ok_or_else(|| self.error(node, format!("attribute `{name}` is missing")))
    }
}

/// Children of this name.
pub(super) fn children<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.has_tag_name(name))
}

/// The first child of this name.
pub(super) fn child<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'static str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

/// Where an element stands: its name and those of its ancestors, with ids or positions.
fn place(node: Node<'_, '_>) -> String {
    let mut parts: Vec<String> = node
        .ancestors()
        .filter(Node::is_element)
        .map(|node| {
            let name = node.tag_name().name();
            if let Some(id) = node.attribute("id") {
                return format!("{name}[id={id}]");
            }
            let same = |other: &Node<'_, '_>| other.has_tag_name(name);
            match node.prev_siblings().skip(1).filter(same).count() {
                0 => name.to_owned(),
                before => format!("{name}[{before}]"),
            }
        })
        .collect();
    parts.reverse();
    let below_root = usize::from(parts.len() > 1);
    parts[below_root..].join("/")
}
