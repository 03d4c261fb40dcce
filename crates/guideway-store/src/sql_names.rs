//! The names that a query may use, listed in a fixed order.
//!
//! The query engine's own in-memory catalog lists names in the order of a randomly seeded hash map, so that `SHOW TABLES` would
//! differ from run to run.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::DataFusionError;

/// Tables by name.
#[derive(Debug)]
pub(crate) struct SortedSchema(BTreeMap<String, Arc<dyn TableProvider>>);

impl SortedSchema {
    pub(crate) fn new(tables: BTreeMap<String, Arc<dyn TableProvider>>) -> Self {
        Self(tables)
    }
}

/// What an async trait method returns.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl SchemaProvider for SortedSchema {
    fn table_names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn table<'a, 'b, 'c>(&'a self, name: &'b str) -> Boxed<'c, Result<Option<Arc<dyn TableProvider>>, DataFusionError>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        let table = self.0.get(name).cloned();
        Box::pin(std::future::ready(Ok(table)))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// Schemas by name.
#[derive(Debug)]
pub(crate) struct OneCatalog(BTreeMap<&'static str, Arc<SortedSchema>>);

impl OneCatalog {
    pub(crate) fn new<const N: usize>(schemas: [(&'static str, SortedSchema); N]) -> Self {
        Self(
            schemas
                .into_iter()
                .map(|(name, schema)| (name, Arc::new(schema)))
                .collect(),
        )
    }
}

impl CatalogProvider for OneCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.0.keys().map(|name| (*name).to_owned()).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let schema = Arc::clone(self.0.get(name)?);
        Some(schema)
    }
}
