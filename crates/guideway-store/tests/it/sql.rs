//! Queries and their errors.

use guideway_store::{Store, StoreError, StoreOptions};

use crate::support::{Outcome, explain, freeze, ingest, samples, workspace};

async fn filled() -> Result<(tempfile::TempDir, Store), Box<dyn std::error::Error>> {
    let (dir, store) = workspace().await?;
    for number in 1..=3 {
        ingest(&store, number, 4).await?;
    }
    let mut all = samples(1, 4, "train");
    all.extend(samples(2, 2, "val"));
    freeze(&store, "night-v1", all).await?;
    Ok((dir, store))
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_reach_tables_datasets_and_catalog() -> Outcome {
    let (_dir, store) = filled().await?;
    let queries = [
        "SELECT class, count(*) AS n FROM labels JOIN frames USING (frame_id) WHERE sequence < 3 GROUP BY class ORDER BY class",
        "SELECT name, format, frame_count FROM recordings ORDER BY name",
        "SELECT split, count(*) AS frames, sum(cardinality(labels)) AS labels FROM datasets.\"night-v1\" GROUP BY split ORDER BY split",
        "SELECT name, frames, labels, classes FROM datasets",
        "SELECT kind, count(*) AS n FROM operations GROUP BY kind ORDER BY kind",
        "SELECT direction, node_kind, count(*) AS n FROM lineage GROUP BY ALL ORDER BY 1, 2",
        "WITH f AS (SELECT * FROM frames) SELECT count(*) AS n FROM f WHERE recording_id IN (SELECT recording_id FROM recordings WHERE name = 'drive-2')",
        "SHOW TABLES",
        "DESCRIBE metrics",
        "SELECT l.class FROM (SELECT unnest(labels) AS l FROM datasets.\"night-v1\") AS t WHERE l.x_min > 0.5 ORDER BY 1 LIMIT 2",
        "SELECT json_as_text('{\"weather\": \"rain\", \"n\": 2}', 'weather') AS weather, json_as_text(concat('{\"n\": ', frame_count, '}'), 'n') AS n FROM recordings ORDER BY name LIMIT 1",
    ];
    for (number, query) in queries.iter().enumerate() {
        let text = store.sql(query).await?.pretty().await?;
        insta::assert_snapshot!(format!("query_{number}"), format!("{query}\n\n{text}"));
    }
    let text = store
        .sql("EXPLAIN SELECT name FROM recordings LIMIT 1")
        .await?
        .pretty()
        .await?;
    assert!(text.contains("plan"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_where_and_what_instead() -> Outcome {
    let (_dir, store) = filled().await?;
    let queries = [
        "SELECT * FROM frames WHERE",
        "SELEC 1",
        "",
        "SELECT 'open",
        "SELECT * FROM frmaes",
        "SELECT * FROM datasets.\"night-v2\"",
        "SELECT * FROM nowhere.frames",
        "SELECT clas FROM labels",
        "SELECT f.klass FROM frames AS f",
        "SELECT nosuchfunction(1)",
        "SELECT count(*) FROM labels GROUP BY",
        "DROP TABLE frames",
        "INSERT INTO recordings (name) VALUES ('x')",
        "DELETE FROM frames",
        "CREATE TABLE t AS SELECT 1",
        "COPY frames TO '/tmp/never.parquet'",
        "SET datafusion.execution.batch_size = 1",
        "SELECT 1; SELECT 2",
        "SELECT * FROM '/etc/passwd'",
        "SELECT CAST('x' AS INT)",
    ];
    let mut all = String::new();
    for query in queries {
        let result = match store.sql(query).await {
            Ok(result) => result.pretty().await,
            Err(err) => Err(err),
        };
        let Err(err) = result else {
            return Err(format!("`{query}` should have failed").into());
        };
        all = format!("{all}> {query}\n{}\n\n", explain(&err));
    }
    insta::assert_snapshot!("errors", all);
    assert!(!std::path::Path::new("/tmp/never.parquet").exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_needs_too_much_memory_says_so() -> Outcome {
    let (_dir, store) = filled().await?;
    let options = StoreOptions {
        query_memory_bytes: 100_000,
        ..StoreOptions::default()
    };
    let small = Store::open_with(store.root(), options).await?;
    let query = "SELECT array_agg(a.frame_id || b.frame_id || c.frame_id) FROM labels a, labels b, labels c";
    let Err(err) = small.sql(query).await?.collect().await else {
        return Err("a limit of 100 kB was not kept".into());
    };
    assert!(matches!(err, StoreError::Sql { .. }), "{err}");
    let text = explain(&err);
    assert!(text.contains("`query_memory_mb`"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_query_gives_the_same_rows_in_the_same_order() -> Outcome {
    let (_dir, store) = filled().await?;
    let query = "SELECT frame_id, avg(x_max * 0.1) AS m FROM labels GROUP BY frame_id";
    let first = store.sql(query).await?.pretty().await?;
    for _ in 0..5 {
        assert_eq!(store.sql(query).await?.pretty().await?, first);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_and_column_is_described() -> Outcome {
    let (_dir, store) = filled().await?;
    for table in store.tables().await? {
        assert!(!table.description.is_empty(), "{table:?}");
        assert!(table.bytes_on_disk > 0, "{table:?}");
        for column in &table.columns {
            assert!(!column.comment.is_empty(), "{}.{}", table.name, column.name);
        }
    }
    Ok(())
}
