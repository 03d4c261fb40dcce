//! `trace`: where something came from and what was made of it.

use std::collections::BTreeMap;

use chrono::DateTime;
use guideway::{Direction, Error, TraceGraph, TraceNode};
use serde_json::{Value, json};

use super::log::short;
use crate::cli::{TraceArgs, TraceDirection};
use crate::context::{Context, Outcome};
use crate::output::{Grid, Report, duration};

/// What is shown of a node, in this order.
const FACTS: [&str; 8] = [
    "uri",
    "digest",
    "hash",
    "format",
    "size_bytes",
    "frames",
    "labels",
    "path",
];

pub(crate) fn trace(context: &Context, args: &TraceArgs) -> Result<Outcome, Error> {
    let direction = match args.direction {
        TraceDirection::Up => Direction::Up,
        TraceDirection::Down => Direction::Down,
        TraceDirection::Both => Direction::Both,
    };
    let graph = context.workspace()?.trace(&args.what, direction)?;
    let mut rows = Grid::new(&["depth", "kind", "id", "label", "made_by"]);
    let makers = makers(&graph);
    for node in &graph.nodes {
        let by = makers.get(&key(node)).map(String::as_str);
        rows.push(vec![
            json!(node.depth),
            json!(node.kind),
            json!(node.id),
            json!(node.label),
            json!(by),
        ]);
    }
    let mut report = Report::new(&graph)
        .rows(rows)
        .text(lines(&graph.start, 0, &makers).join("\n"));
    // Table versions are part of the record, but every write makes one: as text they would only hide the rest.
    let shown = |node: &&TraceNode| node.kind.as_str() != "table" && node.depth != 0;
    if direction != Direction::Down {
        let mut up: Vec<&TraceNode> = graph.nodes.iter().filter(shown).filter(|node| node.depth < 0).collect();
        up.sort_by_key(|node| -node.depth);
        report = report
            .heading("Made from")
            .text(list(&up, &makers, "nothing: it is an origin"));
    }
    if direction != Direction::Up {
        let down: Vec<&TraceNode> = graph.nodes.iter().filter(shown).filter(|node| node.depth > 0).collect();
        report = report.heading("Made into").text(list(&down, &makers, "nothing yet"));
    }
    let mut operations = Grid::new(&["operation", "when", "took", "by", "code", "machine"]);
    for op in &graph.operations {
        operations.push(vec![
            json!(op.kind),
            json!(utc(op.started_ns)),
            json!(duration((op.ended_ns - op.started_ns).max(0))),
            json!(op.user),
            json!(op.code_version),
            op.environment.get("machine").cloned().unwrap_or(Value::Null),
        ]);
    }
    report = report.heading("Operations").grid(operations);
    if graph.truncated {
        report = report.text("There is more; this is where the limit lies.");
    }
    context.print(&report)?;
    Ok(Outcome::Done)
}

fn key(node: &TraceNode) -> String {
    format!("{}:{}", node.kind, node.id)
}

/// The kind of the operation that made each node.
fn makers(graph: &TraceGraph) -> BTreeMap<String, String> {
    let kinds: BTreeMap<String, &str> = graph
        .operations
        .iter()
        .map(|op| (format!("operation:{}", op.op_id), op.kind.as_str()))
        .collect();
    graph
        .edges
        .iter()
        .filter_map(|edge| Some((edge.to.clone(), (*kinds.get(&edge.from)?).to_owned())))
        .collect()
}

fn list(nodes: &[&TraceNode], makers: &BTreeMap<String, String>, when_empty: &str) -> String {
    if nodes.is_empty() {
        return when_empty.to_owned();
    }
    nodes
        .iter()
        .flat_map(|node| lines(node, node.depth.unsigned_abs() as usize - 1, makers))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A node and what is known about it, indented.
fn lines(node: &TraceNode, depth: usize, makers: &BTreeMap<String, String>) -> Vec<String> {
    let indent = "  ".repeat(depth);
    let by = makers.get(&key(node)).map_or(String::new(), |op| format!("  ← {op}"));
    let named = if node.label == node.id {
        String::new()
    } else {
        format!(" {}", node.label)
    };
    let id = if node.kind.as_str() == "file" || node.kind.as_str() == "query" {
        &node.id
    } else {
        short(&node.id)
    };
    let mut lines = vec![format!("{indent}{} {id}{named}{by}", node.kind)];
    for fact in FACTS {
        let text = match node.detail.get(fact) {
            Some(Value::String(text)) if !text.is_empty() && *text != node.id => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => continue,
        };
        lines.push(format!("{indent}    {fact}: {text}"));
    }
    lines
}

/// A time as `YYYY-MM-DD HH:MM:SS`, UTC.
fn utc(ns: i64) -> String {
    DateTime::from_timestamp_nanos(ns).format("%F %T").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_civil() {
        assert_eq!(utc(0), "1970-01-01 00:00:00");
        assert_eq!(utc(-1), "1969-12-31 23:59:59");
        assert_eq!(utc(951_782_399_000_000_000), "2000-02-28 23:59:59");
        assert_eq!(utc(951_782_400_000_000_000), "2000-02-29 00:00:00");
        assert_eq!(utc(1_763_683_200_000_000_000), "2025-11-21 00:00:00");
    }
}
