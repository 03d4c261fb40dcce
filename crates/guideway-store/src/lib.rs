//! The data platform: versioned tables, SQL, catalog and lineage. The only crate that names the table engine.
