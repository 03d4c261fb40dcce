//! Tracing: from a model back to the logs, from a log on to every model.

use std::collections::{BTreeMap, BTreeSet};

use guideway_schema::Table;
use serde_json::{Value, json};

use crate::error::{Result, StoreError};
use crate::frozen::{Dataset, DatasetInfo};
use crate::lineage::{NodeKind, NodeRef};
use crate::store::Store;
use crate::transaction::quote;

/// Which way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To what it was made from.
    Up,
    /// To what was made from it.
    Down,
    /// Both; never up and then down again, which would reach everything.
    Both,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceLimits {
    /// Operations between the start and a node.
    pub depth: u32,
    /// Nodes in all.
    pub nodes: usize,
}

impl Default for TraceLimits {
    fn default() -> Self {
        Self {
            depth: 64,
            nodes: 10_000,
        }
    }
}

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TraceNode {
    /// What it is.
    pub kind: NodeKind,
    /// Its id.
    pub id: String,
    /// What to call it: name, else id.
    pub label: String,
    /// Operations between the start and it: negative for what the start was made from.
    pub depth: i32,
    /// What is known about it: name, uri, digest, ….
    pub detail: Value,
}

/// An operation of the graph.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TraceOperation {
    /// Its id.
    pub op_id: String,
    /// `ingest`, `freeze`, `train`, ….
    pub kind: String,
    /// Its parameters.
    pub params: Value,
    /// The version of the code.
    pub code_version: String,
    /// Machine, system, device.
    pub environment: Value,
    /// Who ran it.
    pub user: String,
    /// Begin, ns since 1970, UTC.
    pub started_ns: i64,
    /// End.
    pub ended_ns: i64,
    /// What it cost.
    pub cost: Value,
}

/// One way of the data: into an operation, out of one, or from a thing to another that contains it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct TraceEdge {
    /// Where the data come from: `kind:id`, or `operation:id`.
    pub from: String,
    /// Where they go.
    pub to: String,
}

/// What a trace found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TraceGraph {
    /// Where it began.
    pub start: TraceNode,
    /// Every node, the start included, by depth, kind and id.
    pub nodes: Vec<TraceNode>,
    /// Every operation, in the order of their commits.
    pub operations: Vec<TraceOperation>,
    /// Every edge, sorted.
    pub edges: Vec<TraceEdge>,
    /// A limit was reached: there is more.
    pub truncated: bool,
}

/// A node by kind and id.
type Key = (NodeKind, String);

fn text(key: &Key) -> String {
    format!("{}:{}", key.0, key.1)
}

/// The graph as it grows.
#[derive(Debug, Default)]
struct Walk {
    nodes: BTreeMap<Key, (i32, Value)>,
    operations: BTreeSet<i64>,
    /// (node, operation, is the node an input of it)
    edges: BTreeSet<(Key, i64, bool)>,
    contains: BTreeSet<(Key, Key)>,
    truncated: bool,
}

impl Walk {
    /// Notes a node; true if it is new.
    fn add(&mut self, key: Key, depth: i32, detail: Value, limits: TraceLimits) -> bool {
        if let Some((_, known)) = self.nodes.get_mut(&key) {
            if known.is_null() {
                *known = detail;
            }
            return false;
        }
        if self.nodes.len() >= limits.nodes {
            self.truncated = true;
            return false;
        }
        self.nodes.insert(key, (depth, detail));
        true
    }
}

impl Store {
    /// Follows the lineage of a node, breadth first. Table versions are shown but not followed: every write makes one, so they would
    /// join everything with everything.
    ///
    /// A frame is traced up through its recording and down through the frozen datasets that contain it.
    pub async fn trace(&self, node: &NodeRef, direction: Direction, limits: TraceLimits) -> Result<TraceGraph> {
        let start: Key = (node.kind, node.id.clone());
        let mut walk = Walk::default();
        walk.add(start.clone(), 0, node.detail.clone(), limits);
        if direction != Direction::Down {
            let mut frontier = BTreeSet::from([start.clone()]);
            if node.kind == NodeKind::Frame
                && let Some(recording) = self.recording_of_frame(&node.id).await?
            {
                let recording = (NodeKind::Recording, recording);
                walk.add(recording.clone(), -1, Value::Null, limits);
                walk.contains.insert((recording.clone(), start.clone()));
                frontier.insert(recording);
            }
            self.follow(&mut walk, frontier, true, limits).await?;
        }
        if direction != Direction::Up {
            let mut frontier = BTreeSet::from([start.clone()]);
            if node.kind == NodeKind::Frame {
                for info in self.datasets_with_frame(&node.id).await? {
                    let dataset = (NodeKind::Dataset, info.dataset_id);
                    walk.add(dataset.clone(), 1, Value::Null, limits);
                    walk.contains.insert((start.clone(), dataset.clone()));
                    frontier.insert(dataset);
                }
            }
            self.follow(&mut walk, frontier, false, limits).await?;
        }
        self.finish(walk, &start).await
    }

    /// Goes one way until nothing new is found.
    async fn follow(&self, walk: &mut Walk, mut frontier: BTreeSet<Key>, up: bool, limits: TraceLimits) -> Result<()> {
        let (near, far) = if up { ("out", "in") } else { ("in", "out") };
        // Each way has its own memory of what it expanded: a node that the other way found is still followed.
        let mut expanded: BTreeSet<Key> = frontier.clone();
        let mut operations: BTreeSet<i64> = BTreeSet::new();
        let mut depth = 0;
        let failed = || StoreError::catalog("read");
        while !frontier.is_empty() {
            if depth >= limits.depth {
                walk.truncated = true;
                break;
            }
            depth += 1;
            let keys: Vec<Value> = frontier.iter().map(|(kind, id)| json!([kind.as_str(), id])).collect();
            // CROSS JOIN keeps SQLite from turning the loops around: few keys outside, the index inside.
            let rows: Vec<(String, String, i64)> = sqlx::query_as(
                "SELECT e.node_kind, e.node_id, e.op_seq FROM json_each(?1) AS k CROSS JOIN edges AS e
                 WHERE e.node_kind = json_extract(k.value, '$[0]') AND e.node_id = json_extract(k.value, '$[1]')
                   AND e.direction = ?2",
            )
            .bind(Value::from(keys).to_string())
            .bind(near)
            .fetch_all(&self.inner.catalog.pool)
            .await
            .map_err(failed())?;
            let mut new_operations = BTreeSet::new();
            for (kind, id, op) in rows {
                let Ok(kind) = kind.parse() else { continue };
                if operations.insert(op) {
                    new_operations.insert(op);
                }
                walk.operations.insert(op);
                walk.edges.insert(((kind, id), op, !up));
            }
            frontier.clear();
            if new_operations.is_empty() {
                break;
            }
            let ops: Vec<i64> = new_operations.into_iter().collect();
            let rows: Vec<(i64, String, String, String)> = sqlx::query_as(
                "SELECT e.op_seq, e.node_kind, e.node_id, e.detail FROM json_each(?1) AS k CROSS JOIN edges AS e
                 WHERE e.op_seq = k.value AND e.direction = ?2
                 ORDER BY e.op_seq, e.node_kind, e.node_id LIMIT ?3",
            )
            .bind(json!(ops).to_string())
            .bind(far)
            .bind(limits.nodes as i64 + 1)
            .fetch_all(&self.inner.catalog.pool)
            .await
            .map_err(failed())?;
            walk.truncated |= rows.len() > limits.nodes;
            let signed = i32::try_from(depth).unwrap_or(i32::MAX);
            for (op, kind, id, detail) in rows {
                let Ok(kind) = kind.parse::<NodeKind>() else { continue };
                let key = (kind, id);
                let detail = serde_json::from_str(&detail).unwrap_or(Value::Null);
                walk.add(key.clone(), if up { -signed } else { signed }, detail, limits);
                if walk.nodes.contains_key(&key) {
                    walk.edges.insert((key.clone(), op, up));
                    if kind != NodeKind::Table && expanded.insert(key.clone()) {
                        frontier.insert(key);
                    }
                }
            }
        }
        Ok(())
    }

    async fn finish(&self, mut walk: Walk, start: &Key) -> Result<TraceGraph> {
        self.enrich(&mut walk).await?;
        let (operations, ids) = self.operations_of(&walk.operations).await?;
        let operation = |seq: &i64| format!("operation:{}", ids.get(seq).map_or("?", String::as_str));
        let mut edges: BTreeSet<TraceEdge> = walk
            .edges
            .iter()
            .map(|(key, seq, input)| {
                let (node, operation) = (text(key), operation(seq));
                if *input {
                    TraceEdge {
                        from: node,
                        to: operation,
                    }
                } else {
                    TraceEdge {
                        from: operation,
                        to: node,
                    }
                }
            })
            .collect();
        edges.extend(walk.contains.iter().map(|(from, to)| TraceEdge {
            from: text(from),
            to: text(to),
        }));
        let mut nodes: Vec<TraceNode> = walk
            .nodes
            .into_iter()
            .map(|((kind, id), (depth, detail))| TraceNode {
                label: detail
                    .get("name")
                    .and_then(Value::as_str)
                    .filter(|name| !name.is_empty())
                    .unwrap_or(&id)
                    .to_owned(),
                kind,
                id,
                depth,
                detail,
            })
            .collect();
        nodes.sort_by(|a, b| (a.depth, a.kind, &a.id).cmp(&(b.depth, b.kind, &b.id)));
        let start = nodes
            .iter()
            .find(|node| node.kind == start.0 && node.id == start.1)
            .cloned()
            .ok_or_else(|| StoreError::NotFound {
                what: "lineage node",
                name: start.1.clone(),
                closest: None,
            })?;
        Ok(TraceGraph {
            start,
            nodes,
            operations,
            edges: edges.into_iter().collect(),
            truncated: walk.truncated,
        })
    }

    /// Fills in what the edges do not say, from catalog and tables.
    async fn enrich(&self, walk: &mut Walk) -> Result<()> {
        let missing = |walk: &Walk, kind: NodeKind| -> Vec<String> {
            let of_kind = walk.nodes.iter().filter(|((other, _), _)| *other == kind);
            of_kind
                .filter(|(_, (_, detail))| detail.get("name").is_none())
                .map(|((_, id), _)| id.clone())
                .collect()
        };
        let mut found: Vec<(Key, Value)> = Vec::new();
        let recordings = missing(walk, NodeKind::Recording);
        let recordings: Vec<&str> = recordings.iter().map(String::as_str).collect();
        for row in self.recordings_by_id(&recordings).await? {
            let detail = json!({ "name": row.name, "uri": row.uri, "digest": row.digest, "format": row.format });
            found.push(((NodeKind::Recording, row.recording_id), detail));
        }
        if !missing(walk, NodeKind::Dataset).is_empty() {
            for info in self.datasets().await? {
                let detail =
                    json!({ "name": info.name, "hash": info.hash, "frames": info.frames, "labels": info.labels });
                found.push(((NodeKind::Dataset, info.dataset_id), detail));
            }
        }
        if !missing(walk, NodeKind::Model).is_empty() {
            for model in self.models().await? {
                let detail = json!({ "name": model.name, "path": model.path, "digest": model.digest });
                found.push(((NodeKind::Model, model.model_id), detail));
            }
        }
        for id in missing(walk, NodeKind::Run) {
            if let Some(run) = self.find_run(&id).await? {
                found.push((
                    (NodeKind::Run, run.run_id),
                    json!({ "name": run.name, "kind": run.kind }),
                ));
            }
        }
        for id in missing(walk, NodeKind::Frame) {
            if let Some(detail) = self.frame_detail(&id).await? {
                found.push(((NodeKind::Frame, id), detail));
            }
        }
        for (key, detail) in found {
            if let Some((_, known)) = walk.nodes.get_mut(&key)
                && known.get("name").is_none()
            {
                *known = detail;
            }
        }
        Ok(())
    }

    async fn operations_of(&self, seqs: &BTreeSet<i64>) -> Result<(Vec<TraceOperation>, BTreeMap<i64, String>)> {
        type OperationRow = (i64, String, String, String, String, String, String, i64, i64, String);
        let rows: Vec<OperationRow> = sqlx::query_as(
            "SELECT o.seq, o.op_id, o.kind, o.params, o.code_version, o.environment, o.user, o.started_ns, o.ended_ns, o.cost
             FROM json_each(?1) AS k CROSS JOIN operations AS o WHERE o.seq = k.value ORDER BY o.seq",
        )
        .bind(json!(seqs).to_string())
        .fetch_all(&self.inner.catalog.pool)
        .await
        .map_err(StoreError::catalog("read"))?;
        let value = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        let mut ids = BTreeMap::new();
        let operations = rows
            .into_iter()
            .map(
                |(seq, op_id, kind, params, code_version, environment, user, started_ns, ended_ns, cost)| {
                    ids.insert(seq, op_id.clone());
                    TraceOperation {
                        op_id,
                        kind,
                        params: value(&params),
                        code_version,
                        environment: value(&environment),
                        user,
                        started_ns,
                        ended_ns,
                        cost: value(&cost),
                    }
                },
            )
            .collect();
        Ok((operations, ids))
    }

    async fn recording_of_frame(&self, frame_id: &str) -> Result<Option<String>> {
        let filter = format!("frame_id = {}", quote(frame_id));
        for batch in self.select(Table::Frames, &["recording_id"], Some(&filter)).await? {
            if batch.num_rows() > 0 {
                let ids = crate::sample::text_column("frames", &batch, "recording_id")?;
                return Ok(Some(ids.value(0).to_owned()));
            }
        }
        Ok(None)
    }

    async fn frame_detail(&self, frame_id: &str) -> Result<Option<Value>> {
        let filter = format!("frame_id = {}", quote(frame_id));
        for batch in self.select(Table::Frames, &["name", "uri"], Some(&filter)).await? {
            if batch.num_rows() > 0 {
                let name = crate::sample::text_column("frames", &batch, "name")?.value(0);
                let uri = crate::sample::text_column("frames", &batch, "uri")?.value(0);
                return Ok(Some(json!({ "name": name, "uri": uri })));
            }
        }
        Ok(None)
    }

    async fn datasets_with_frame(&self, frame_id: &str) -> Result<Vec<DatasetInfo>> {
        let mut found = Vec::new();
        for info in self.datasets().await? {
            let dataset: Dataset = self.dataset(&info.dataset_id).await?;
            let rows = dataset
                .lance
                .count_rows(Some(format!("frame_id = {}", quote(frame_id))))
                .await
                .map_err(StoreError::table("read from", &info.name))?;
            if rows > 0 {
                found.push(info);
            }
        }
        Ok(found)
    }
}
