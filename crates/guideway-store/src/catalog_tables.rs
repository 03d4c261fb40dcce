//! The catalog as SQL tables, so that one query language reaches everything.

use std::sync::Arc;

use arrow_array::builder::{Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use sqlx::Row as _;

use crate::error::{Result, StoreError};
use crate::store::Store;

/// A table of the catalog, as SQL sees it.
#[derive(Debug)]
pub(crate) struct CatalogTable {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    query: &'static str,
    columns: &'static [(&'static str, Kind, &'static str)],
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Int,
}

use Kind::{Int, Text};

/// Every table of the catalog.
pub(crate) static CATALOG_TABLES: [CatalogTable; 5] = [
    CatalogTable {
        name: "datasets",
        description: "Frozen dataset versions.",
        query: "SELECT dataset_id, name, hash, frames, labels, created_ns, classes, splits, manifest
                FROM datasets ORDER BY name",
        columns: &[
            ("dataset_id", Text, "Id, of name and hash."),
            ("name", Text, "Name; its rows are in `datasets.\"name\"`."),
            ("hash", Text, "BLAKE3 of the canonical content."),
            ("frames", Int, "Number of frames."),
            ("labels", Int, "Number of labels."),
            ("created_ns", Int, "When it was frozen, ns since 1970, UTC."),
            ("classes", Text, "Classes, a JSON array."),
            ("splits", Text, "Splits, a JSON array."),
            ("manifest", Text, "How it was made, a JSON object."),
        ],
    },
    CatalogTable {
        name: "models",
        description: "Trained models.",
        query: "SELECT model_id, name, path, digest, config, dataset_id, run_id, classes, metrics, created_ns
                FROM models ORDER BY name",
        columns: &[
            ("model_id", Text, "Id."),
            ("name", Text, "Name."),
            ("path", Text, "Weights, relative to the data root."),
            ("digest", Text, "BLAKE3 of the weights."),
            ("config", Text, "Configuration, JSON."),
            ("dataset_id", Text, "The dataset that it was trained on."),
            ("run_id", Text, "The run that trained it."),
            ("classes", Text, "Classes, a JSON array."),
            ("metrics", Text, "What was measured in training, JSON."),
            ("created_ns", Int, "When it was made, ns since 1970, UTC."),
        ],
    },
    CatalogTable {
        name: "runs",
        description: "Runs of commands that compute.",
        query: "SELECT run_id, kind, name, params, status, code_version, seed, started_ns, ended_ns, machine
                FROM runs ORDER BY started_ns, run_id",
        columns: &[
            ("run_id", Text, "Id."),
            ("kind", Text, "train, predict or eval."),
            ("name", Text, "Name."),
            ("params", Text, "Parameters, JSON."),
            ("status", Text, "running, done or failed."),
            ("code_version", Text, "Version of the code."),
            ("seed", Int, "Seed."),
            ("started_ns", Int, "Begin, ns since 1970, UTC."),
            ("ended_ns", Int, "End, ns since 1970, UTC."),
            ("machine", Text, "The machine."),
        ],
    },
    CatalogTable {
        name: "operations",
        description: "One record per operation.",
        query: "SELECT seq, op_id, kind, params, code_version, environment, user, started_ns, ended_ns, cost
                FROM operations ORDER BY seq",
        columns: &[
            ("seq", Int, "Order of the commits."),
            ("op_id", Text, "Id."),
            ("kind", Text, "ingest, freeze, train, …."),
            ("params", Text, "Parameters, JSON."),
            ("code_version", Text, "Version of the code."),
            ("environment", Text, "Machine, system, device, JSON."),
            ("user", Text, "Who ran it."),
            ("started_ns", Int, "Begin, ns since 1970, UTC."),
            ("ended_ns", Int, "End, ns since 1970, UTC."),
            ("cost", Text, "What it cost, JSON."),
        ],
    },
    CatalogTable {
        name: "lineage",
        description: "What went into each operation, and what came out.",
        query: "SELECT o.op_id, e.direction, e.node_kind, e.node_id, e.detail
                FROM edges e JOIN operations o ON o.seq = e.op_seq
                ORDER BY e.op_seq, e.direction, e.node_kind, e.node_id",
        columns: &[
            ("op_id", Text, "The operation."),
            ("direction", Text, "in or out."),
            ("node_kind", Text, "file, recording, dataset, model, …."),
            ("node_id", Text, "Id of the node."),
            ("detail", Text, "What is known about it, JSON."),
        ],
    },
];

impl CatalogTable {
    pub(crate) fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|(name, kind, comment)| {
                let data_type = match kind {
                    Text => DataType::Utf8,
                    Int => DataType::Int64,
                };
                Field::new(*name, data_type, true).with_metadata([("comment".to_owned(), (*comment).to_owned())].into())
            })
            .collect();
        let metadata = [("comment".to_owned(), self.description.to_owned())].into();
        Arc::new(Schema::new_with_metadata(fields, metadata))
    }

    /// All its rows.
    pub(crate) async fn load(&self, store: &Store) -> Result<RecordBatch> {
        let rows = sqlx::query(self.query)
            .fetch_all(&store.inner.catalog.pool)
            .await
            .map_err(StoreError::catalog("read"))?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (index, (_, kind, _)) in self.columns.iter().enumerate() {
            columns.push(match kind {
                Text => {
                    let mut builder = StringBuilder::new();
                    for row in &rows {
                        let value: Option<&str> = row.try_get(index).map_err(StoreError::catalog("read"))?;
                        builder.append_option(value);
                    }
                    Arc::new(builder.finish())
                }
                Int => {
                    let mut builder = Int64Builder::new();
                    for row in &rows {
                        let value: Option<i64> = row.try_get(index).map_err(StoreError::catalog("read"))?;
                        builder.append_option(value);
                    }
                    Arc::new(builder.finish())
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(self.schema(), columns, &options)
            .map_err(StoreError::arrow("build a batch of the catalog"))
    }
}
