//! Models and runs in the catalog.

use serde_json::{Value, json};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::error::{Result, StoreError};
use crate::find::{Entry, Named};
use crate::frozen::DatasetInfo;
use crate::lineage::{NodeKind, NodeRef};
use crate::store::Store;

/// A model. The files of a trained one lie below the data root, where the caller wrote them; one that was made elsewhere has none.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct ModelRecord {
    /// Id ([`guideway_core::ModelId`]).
    pub model_id: String,
    /// Name for people, unique.
    pub name: String,
    /// The weights file (or folder), relative to the data root, `/` between parts; empty for a model made elsewhere.
    pub path: String,
    /// BLAKE3 of the weights file, 64 hex digits; empty for a folder.
    pub digest: String,
    /// The whole configuration that it was made with.
    pub config: Value,
    /// The dataset that it was trained on; none for a model made elsewhere.
    pub dataset_id: Option<String>,
    /// The run that trained it, or that first brought its predictions.
    pub run_id: Option<String>,
    /// Its classes, in the order of its outputs.
    pub classes: Vec<String>,
    /// What was measured in training, an object.
    pub metrics: Value,
    /// When it was made, ns since 1970, UTC.
    pub created_ns: i64,
}

/// One run of a command that computes.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct RunRecord {
    /// Id ([`guideway_core::RunId`]).
    pub run_id: String,
    /// `train`, `predict` or `eval`.
    pub kind: String,
    /// Name for people.
    pub name: String,
    /// Its parameters, an object.
    pub params: Value,
    /// `running`, `done` or `failed`.
    pub status: String,
    /// The version of the code.
    pub code_version: String,
    /// The seed, where there is one.
    pub seed: Option<i64>,
    /// Begin, ns since 1970, UTC.
    pub started_ns: i64,
    /// End; none while it runs.
    pub ended_ns: Option<i64>,
    /// The machine.
    pub machine: String,
}

/// A row that a commit writes into the catalog.
#[derive(Debug)]
pub(crate) enum CatalogRow {
    Dataset(Box<DatasetInfo>),
    Model(ModelRecord),
    Run(RunRecord),
}

impl CatalogRow {
    /// The node of the lineage graph that it becomes.
    pub(crate) fn node(&self) -> NodeRef {
        match self {
            Self::Dataset(info) => NodeRef::new(NodeKind::Dataset, &info.dataset_id).with_detail(json!({
                "name": info.name, "hash": info.hash, "frames": info.frames, "labels": info.labels,
            })),
            Self::Model(model) => NodeRef::new(NodeKind::Model, &model.model_id).with_detail(json!({
                "name": model.name, "path": model.path, "digest": model.digest,
            })),
            Self::Run(run) => {
                NodeRef::new(NodeKind::Run, &run.run_id).with_detail(json!({ "name": run.name, "kind": run.kind }))
            }
        }
    }

    pub(crate) async fn write(&self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        match self {
            Self::Dataset(info) => info.write(connection).await,
            Self::Model(model) => model.write(connection).await,
            Self::Run(run) => run.write(connection).await,
        }
    }
}

impl ModelRecord {
    /// Does it have weights here? A model made elsewhere is known by its predictions alone.
    pub fn has_weights(&self) -> bool {
        !self.path.is_empty()
    }

    async fn write(&self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO models (model_id, name, path, digest, config, dataset_id, run_id, classes, metrics, created_ns)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (model_id) DO UPDATE SET name = excluded.name, path = excluded.path, digest = excluded.digest,
                 config = excluded.config, dataset_id = excluded.dataset_id, run_id = excluded.run_id,
                 classes = excluded.classes, metrics = excluded.metrics, created_ns = excluded.created_ns",
        )
        .bind(&self.model_id)
        .bind(&self.name)
        .bind(&self.path)
        .bind(&self.digest)
        .bind(self.config.to_string())
        .bind(&self.dataset_id)
        .bind(&self.run_id)
        .bind(Value::from(self.classes.clone()).to_string())
        .bind(self.metrics.to_string())
        .bind(self.created_ns)
        .execute(connection)
        .await
        .map(|_| ())
    }
}

impl Entry for ModelRecord {
    const WHAT: &'static str = "model";
    const ALL: &'static str = "SELECT * FROM models ORDER BY name";
    const ONE: &'static str = "SELECT * FROM models WHERE name = ?1 OR model_id = ?1";

    fn read(row: &SqliteRow) -> Result<Self> {
        let failed = || StoreError::catalog("read");
        Ok(Self {
            model_id: row.try_get("model_id").map_err(failed())?,
            name: row.try_get("name").map_err(failed())?,
            path: row.try_get("path").map_err(failed())?,
            digest: row.try_get("digest").map_err(failed())?,
            config: parse(row, "config")?,
            dataset_id: row.try_get("dataset_id").map_err(failed())?,
            run_id: row.try_get("run_id").map_err(failed())?,
            classes: parse(row, "classes")?,
            metrics: parse(row, "metrics")?,
            created_ns: row.try_get("created_ns").map_err(failed())?,
        })
    }
}

impl RunRecord {
    async fn write(&self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO runs (run_id, kind, name, params, status, code_version, seed, started_ns, ended_ns, machine)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (run_id) DO UPDATE SET kind = excluded.kind, name = excluded.name, params = excluded.params,
                 status = excluded.status, code_version = excluded.code_version, seed = excluded.seed,
                 started_ns = excluded.started_ns, ended_ns = excluded.ended_ns, machine = excluded.machine",
        )
        .bind(&self.run_id)
        .bind(&self.kind)
        .bind(&self.name)
        .bind(self.params.to_string())
        .bind(&self.status)
        .bind(&self.code_version)
        .bind(self.seed)
        .bind(self.started_ns)
        .bind(self.ended_ns)
        .bind(&self.machine)
        .execute(connection)
        .await
        .map(|_| ())
    }
}

impl Entry for RunRecord {
    const WHAT: &'static str = "run";
    const ALL: &'static str = "SELECT * FROM runs ORDER BY started_ns, run_id";
    const ONE: &'static str = "SELECT * FROM runs WHERE run_id = ?1 OR name = ?1
                               ORDER BY run_id = ?1 DESC, started_ns DESC, run_id LIMIT 1";

    fn read(row: &SqliteRow) -> Result<Self> {
        let failed = || StoreError::catalog("read");
        Ok(Self {
            run_id: row.try_get("run_id").map_err(failed())?,
            kind: row.try_get("kind").map_err(failed())?,
            name: row.try_get("name").map_err(failed())?,
            params: parse(row, "params")?,
            status: row.try_get("status").map_err(failed())?,
            code_version: row.try_get("code_version").map_err(failed())?,
            seed: row.try_get("seed").map_err(failed())?,
            started_ns: row.try_get("started_ns").map_err(failed())?,
            ended_ns: row.try_get("ended_ns").map_err(failed())?,
            machine: row.try_get("machine").map_err(failed())?,
        })
    }
}

/// A JSON column.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<T> {
    let text: String = row.try_get(column).map_err(StoreError::catalog("read"))?;
    serde_json::from_str(&text).map_err(StoreError::json("read JSON from the catalog"))
}

impl Named for ModelRecord {
    fn id(&self) -> &str {
        &self.model_id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for RunRecord {
    fn id(&self) -> &str {
        &self.run_id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Store {
    /// Every model, by name.
    pub async fn models(&self) -> Result<Vec<ModelRecord>> {
        self.entries().await
    }

    /// The model with this name or whole id; none if there is none.
    pub async fn find_model(&self, name_or_id: &str) -> Result<Option<ModelRecord>> {
        self.find_entry(name_or_id).await
    }

    /// The model with this name, id, or first four or more digits of an id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], with the closest name; [`StoreError::Ambiguous`].
    pub async fn model(&self, asked: &str) -> Result<ModelRecord> {
        self.entry(asked).await
    }

    /// Every run, in the order of their beginning.
    pub async fn runs(&self) -> Result<Vec<RunRecord>> {
        self.entries().await
    }

    /// The run with this id or, for the latest of its kind, this name; none if there is none.
    pub async fn find_run(&self, name_or_id: &str) -> Result<Option<RunRecord>> {
        self.find_entry(name_or_id).await
    }

    /// The run with this id or, for the latest of its kind, this name, or with an id that begins so.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], with the closest name; [`StoreError::Ambiguous`].
    pub async fn run(&self, asked: &str) -> Result<RunRecord> {
        self.entry(asked).await
    }

    /// Notes that a run has begun, or how it stands, without a lineage record: long runs do not hold the writer's lock. The
    /// commit of its results writes it again with [`Transaction::put_run`](crate::Transaction::put_run).
    pub async fn note_run(&self, run: &RunRecord) -> Result<()> {
        self.inner.format.check_writable()?;
        let mut connection = self
            .inner
            .catalog
            .pool
            .acquire()
            .await
            .map_err(StoreError::catalog("open"))?;
        run.write(&mut connection)
            .await
            .map_err(StoreError::catalog("write to"))
    }
}
