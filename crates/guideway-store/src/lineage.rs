//! Lineage: one record per operation, written in the transaction that makes its results visible.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use guideway_core::IdBuilder;
use guideway_schema::Table;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnection;

/// Edges written with one statement.
const EDGES_PER_STATEMENT: usize = 5_000;

macro_rules! node_kinds {
    ($( $(#[doc = $doc:literal])+ $kind:ident = $name:literal ),+ $(,)?) => {
        /// What kind of thing a node of the lineage graph is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum NodeKind { $( $(#[doc = $doc])+ $kind, )+ }

        impl NodeKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$( Self::$kind, )+];

            /// The name used in the catalog.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$kind => $name, )+ }
            }
        }
    };
}

node_kinds! {
    /// A file on disk, by URI.
    File = "file",
    /// A log, drive or collection of images.
    Recording = "recording",
    /// A camera image or lidar sweep.
    Frame = "frame",
    /// A SQL query, by its text.
    Query = "query",
    /// A table at a version: `labels@12`.
    Table = "table",
    /// A frozen dataset version.
    Dataset = "dataset",
    /// A run of a command that computes.
    Run = "run",
    /// A trained model.
    Model = "model",
    /// Whatever else: a report, an exported folder.
    Artifact = "artifact",
}

impl fmt::Display for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for NodeKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| format!("unknown kind of lineage node `{name}`"))
    }
}

/// A thing that an operation read or made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NodeRef {
    /// What it is.
    pub kind: NodeKind,
    /// Its id: of the kind's own id type, a URI for a file, the text for a query, `name@version` for a table.
    pub id: String,
    /// What to show about it: `name`, `uri`, `digest`, …; an object, or null.
    pub detail: Value,
}

impl NodeRef {
    /// A node without detail.
    pub fn new(kind: NodeKind, id: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
            detail: Value::Null,
        }
    }

    /// With detail, an object.
    #[must_use]
    pub fn with_detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    /// A table at a version.
    pub fn table(table: Table, version: u64) -> Self {
        Self::new(NodeKind::Table, format!("{}@{version}", table.name()))
            .with_detail(json!({ "table": table.name(), "version": version }))
    }
}

/// The record of one operation: what went in, what came out, how, by whom, how long, at what cost.
///
/// The caller gives the times, so that tests and repeated runs are free of the wall clock.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Operation {
    /// `ingest`, `freeze`, `train`, `predict`, `eval`, `compact`, ….
    pub kind: String,
    /// What it read.
    pub inputs: Vec<NodeRef>,
    /// What it made.
    pub outputs: Vec<NodeRef>,
    /// Its parameters, an object.
    pub params: Value,
    /// The version of the code, as specific as known (release and commit).
    pub code_version: String,
    /// Machine, operating system, device, ….
    pub environment: Value,
    /// Who ran it.
    pub user: String,
    /// Begin, ns since 1970, UTC.
    pub started_ns: i64,
    /// End, ns since 1970, UTC.
    pub ended_ns: i64,
    /// What it cost: seconds of which machine, labels, money.
    pub cost: Value,
}

impl Operation {
    /// An operation of this kind, everything else empty.
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            ..Self::default()
        }
    }

    /// Adds an input.
    #[must_use]
    pub fn input(mut self, node: NodeRef) -> Self {
        self.inputs.push(node);
        self
    }

    /// Adds an output.
    #[must_use]
    pub fn output(mut self, node: NodeRef) -> Self {
        self.outputs.push(node);
        self
    }

    /// Sets the parameters.
    #[must_use]
    pub fn params(mut self, params: Value) -> Self {
        self.params = params;
        self
    }
}

/// Writes the record within the caller's transaction, and gives its id.
pub(crate) async fn record(connection: &mut SqliteConnection, operation: &Operation) -> sqlx::Result<String> {
    let seq: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) + 1 FROM operations")
        .fetch_one(&mut *connection)
        .await?;
    let op_id: String = IdBuilder::new("operation")
        .text(&operation.kind)
        .int(operation.started_ns)
        .text(&operation.params.to_string())
        .int(seq)
        .finish();
    sqlx::query(
        "INSERT INTO operations (seq, op_id, kind, params, code_version, environment, user, started_ns, ended_ns, cost)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(seq)
    .bind(&op_id)
    .bind(&operation.kind)
    .bind(operation.params.to_string())
    .bind(&operation.code_version)
    .bind(operation.environment.to_string())
    .bind(&operation.user)
    .bind(operation.started_ns)
    .bind(operation.ended_ns)
    .bind(operation.cost.to_string())
    .execute(&mut *connection)
    .await?;
    write_edges(connection, seq, "in", &operation.inputs).await?;
    write_edges(connection, seq, "out", &operation.outputs).await?;
    Ok(op_id)
}

async fn write_edges(
    connection: &mut SqliteConnection,
    seq: i64,
    direction: &str,
    nodes: &[NodeRef],
) -> sqlx::Result<()> {
    // The same node twice is one edge; detail wins over none.
    let mut unique: BTreeMap<(NodeKind, &str), &Value> = BTreeMap::new();
    for node in nodes {
        let detail = unique.entry((node.kind, node.id.as_str())).or_insert(&node.detail);
        if detail.is_null() {
            *detail = &node.detail;
        }
    }
    let unique: Vec<Value> = unique
        .into_iter()
        .map(|((kind, id), detail)| json!([kind.as_str(), id, detail.to_string()]))
        .collect();
    for chunk in unique.chunks(EDGES_PER_STATEMENT) {
        sqlx::query(
            "INSERT INTO edges (op_seq, direction, node_kind, node_id, detail)
             SELECT ?, ?, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
             FROM json_each(?)",
        )
        .bind(seq)
        .bind(direction)
        .bind(Value::from(chunk).to_string())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
