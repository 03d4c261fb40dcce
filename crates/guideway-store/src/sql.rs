//! SQL over all tables, frozen datasets and the catalog. Read only.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::util::pretty::pretty_format_batches;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::empty::EmptyTable;
use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use futures::{Stream, StreamExt as _};
use guideway_core::hint::closest;
use guideway_schema::Table;
use lance::datafusion::LanceTableProvider;

use crate::catalog_tables::CATALOG_TABLES;
use crate::error::{Result, StoreError};
use crate::sample::sample_schema;
use crate::sql_error::{explain, explain_syntax};
use crate::sql_json::json_as_text;
use crate::sql_names::{OneCatalog, SortedSchema};
use crate::store::Store;

/// Name of the one catalog of a query.
const CATALOG: &str = "guideway";
/// Schema of the tables.
const MAIN: &str = "main";
/// Schema of the frozen datasets.
const DATASETS: &str = "datasets";

/// The result of a query: a schema and a stream of batches.
pub struct SqlResult {
    schema: SchemaRef,
    stream: SendableRecordBatchStream,
}

impl std::fmt::Debug for SqlResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlResult")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl SqlResult {
    /// Names and types of the columns.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// All batches. Memory holds the whole result: for results known to be small.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await {
            batches.push(batch?);
        }
        Ok(batches)
    }

    /// All rows as a text table. Memory holds the whole result.
    pub async fn pretty(self) -> Result<String> {
        let schema = self.schema();
        let mut batches = self.collect().await?;
        batches.push(RecordBatch::new_empty(schema));
        Ok(pretty_format_batches(&batches)
            .map_err(StoreError::arrow("show the result"))?
            .to_string())
    }
}

impl Stream for SqlResult {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream
            .poll_next_unpin(context)
            .map(|item| item.map(|batch| batch.map_err(explain)))
    }
}

/// The names that a query may use.
#[derive(Debug, Default)]
struct Names {
    main: Vec<String>,
    datasets: Vec<String>,
}

impl Names {
    /// Unknown tables are found before planning, to name what there is.
    fn check(&self, reference: &TableReference) -> Result<()> {
        let table = reference.table();
        let known = match reference.schema().unwrap_or(MAIN) {
            MAIN => self.main.iter().any(|name| name == table),
            DATASETS => self.datasets.iter().any(|name| name == table),
            "information_schema" => true,
            _ => false,
        };
        if known && reference.catalog().is_none_or(|catalog| catalog == CATALOG) {
            return Ok(());
        }
        let all: Vec<String> = self
            .main
            .iter()
            .cloned()
            .chain(self.datasets.iter().map(|name| format!("datasets.\"{name}\"")))
            .collect();
        let name = reference.to_string();
        let bare = self.main.iter().chain(&self.datasets).map(String::as_str);
        let near = closest(table, bare).map(|near| {
            if self.main.iter().any(|name| name == near) {
                near.to_owned()
            } else {
                format!("datasets.\"{near}\"")
            }
        });
        Err(StoreError::UnknownTable {
            name,
            closest: near,
            known: all,
        })
    }
}

/// Statements that change something are told apart before their names are looked up.
fn check_reads(statement: &Statement, query: &str) -> Result<()> {
    let reads = match statement {
        Statement::Statement(ast) => matches!(
            **ast,
            Ast::Query(_)
                | Ast::Explain { .. }
                | Ast::ExplainTable { .. }
                | Ast::ShowTables { .. }
                | Ast::ShowColumns { .. }
                | Ast::ShowFunctions { .. }
                | Ast::ShowVariable { .. }
        ),
        // What is explained is checked with the plan.
        Statement::Explain(_) => true,
        _ => false,
    };
    if reads {
        return Ok(());
    }
    let verb = query.split_whitespace().next().unwrap_or_default().to_uppercase();
    Err(StoreError::NotReadOnly { message: verb })
}

impl Store {
    /// Runs a query: `SELECT`, `EXPLAIN`, `SHOW TABLES`, `DESCRIBE`.
    ///
    /// Tables go by their plain names at their current versions, frozen datasets by `datasets."name"`, and the catalog as the
    /// tables `datasets`, `models`, `runs`, `operations` and `lineage`. The result streams; memory is bounded by
    /// [`StoreOptions::query_memory_bytes`](crate::StoreOptions).
    ///
    /// # Errors
    /// [`StoreError::SqlSyntax`] with the place, [`StoreError::UnknownTable`] and [`StoreError::UnknownColumn`] with what there
    /// is, [`StoreError::NotReadOnly`], [`StoreError::Sql`].
    pub async fn sql(&self, query: &str) -> Result<SqlResult> {
        let (context, names) = self.context(query).await?;
        let state = context.state();
        let dialect = state.config_options().sql_parser.dialect;
        let statement = state
            .sql_to_statement(query, &dialect)
            .map_err(|err| explain_syntax(err, query))?;
        check_reads(&statement, query)?;
        for reference in state.resolve_table_references(&statement).map_err(explain)? {
            names.check(&reference)?;
        }
        let plan = Box::pin(state.statement_to_plan(statement)).await.map_err(explain)?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .map_err(|err| StoreError::NotReadOnly {
                message: err.find_root().strip_backtrace().replace("Error during planning: ", ""),
            })?;
        let frame = Box::pin(context.execute_logical_plan(plan)).await.map_err(explain)?;
        let stream = Box::pin(frame.execute_stream()).await.map_err(explain)?;
        Ok(SqlResult {
            schema: stream.schema(),
            stream,
        })
    }

    /// A context in which the names of this query are registered. What the query does not mention is registered without
    /// rows, so that it can be listed and described without being opened.
    async fn context(&self, query: &str) -> Result<(SessionContext, Names)> {
        let options = &self.inner.options;
        let config = SessionConfig::new()
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOG, MAIN)
            .with_information_schema(true)
            .with_target_partitions(options.query_partitions.max(1));
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(options.query_memory_bytes)))
            .build_arc()
            .map_err(explain)?;
        let context = SessionContext::new_with_config_rt(config, runtime);
        context.register_udf(json_as_text());

        // Names hold no quotes or escapes, so a query that uses one contains it letter by letter.
        let query = query.to_lowercase();
        let mentions = |name: &str| query.contains(&name.to_lowercase());
        let mut names = Names::default();
        let mut main: BTreeMap<String, Arc<dyn TableProvider>> = BTreeMap::new();
        let heads: BTreeMap<Table, _> = self.inner.catalog.heads().await?.into_iter().collect();
        for table in Table::ALL.iter().copied() {
            let provider: Arc<dyn TableProvider> = match heads.get(&table) {
                Some(head) if mentions(table.name()) => {
                    let dataset = self.open_table(table, head.version).await?;
                    Arc::new(LanceTableProvider::new(dataset, false, false))
                }
                _ => Arc::new(EmptyTable::new(table.schema())),
            };
            main.insert(table.name().to_owned(), provider);
        }
        for table in &CATALOG_TABLES {
            let provider: Arc<dyn TableProvider> = if mentions(table.name) {
                let batch = table.load(self).await?;
                Arc::new(MemTable::try_new(table.schema(), vec![vec![batch]]).map_err(explain)?)
            } else {
                Arc::new(EmptyTable::new(table.schema()))
            };
            main.insert(table.name.to_owned(), provider);
        }
        let mut frozen: BTreeMap<String, Arc<dyn TableProvider>> = BTreeMap::new();
        for info in self.datasets().await? {
            let provider: Arc<dyn TableProvider> = if mentions(&info.name) {
                Arc::new(LanceTableProvider::new(self.open_frozen(&info).await?, false, false))
            } else {
                Arc::new(EmptyTable::new(sample_schema()))
            };
            frozen.insert(info.name, provider);
        }
        names.main = main.keys().cloned().collect();
        names.datasets = frozen.keys().cloned().collect();
        let catalog = OneCatalog::new([(MAIN, SortedSchema::new(main)), (DATASETS, SortedSchema::new(frozen))]);
        context.register_catalog(CATALOG, Arc::new(catalog));
        Ok((context, names))
    }

    /// The one number that a query gives, for checks.
    pub(crate) async fn count(&self, query: &str) -> Result<i64> {
        use arrow_array::cast::AsArray as _;
        use arrow_array::types::Int64Type;
        let batches = self.sql(query).await?.collect().await?;
        let value = batches.iter().find(|batch| batch.num_rows() > 0).and_then(|batch| {
            batch
                .columns()
                .first()?
                .as_primitive_opt::<Int64Type>()
                .map(|array| array.value(0))
        });
        value.ok_or_else(|| explain(DataFusionError::Execution("the query gave no number".to_owned())))
    }
}
