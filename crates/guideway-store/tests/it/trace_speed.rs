//! A trace stays fast in a large catalog.

use std::time::Instant;

use guideway_store::{Direction, NodeKind, NodeRef, TraceLimits};

use crate::support::{Outcome, workspace};

/// Writes `operations` freezes with 100 recordings each, and a model from each, straight into the catalog.
async fn fill(root: &std::path::Path, operations: i64) -> Result<i64, Box<dyn std::error::Error>> {
    let url = format!("sqlite://{}", root.join("catalog.sqlite").display());
    let pool = sqlx::SqlitePool::connect(&url).await?;
    let mut tx = pool.begin().await?;
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2 * ?1)
         INSERT INTO operations SELECT i, 'op' || i, CASE i % 2 WHEN 1 THEN 'freeze' ELSE 'train' END,
             '{}', '', '{}', '', i, i, '{}' FROM n",
    )
    .bind(operations)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < 100 * ?1)
         INSERT INTO edges SELECT 2 * (i / 100) + 1, 'in', 'recording', 'r' || (i * 7919 % (10 * ?1)), '{\"name\":\"x\"}'
         FROM n WHERE true ON CONFLICT DO NOTHING",
    )
    .bind(operations)
    .execute(&mut *tx)
    .await?;
    for (op, direction, kind) in [
        ("2 * i + 1", "out", "dataset"),
        ("2 * i + 2", "in", "dataset"),
        ("2 * i + 2", "out", "model"),
    ] {
        let sql = format!(
            "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
             INSERT INTO edges SELECT {op}, '{direction}', '{kind}', '{kind}' || i, '{{\"name\":\"y\"}}' FROM n"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(operations)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    let edges: i64 = sqlx::query_scalar("SELECT count(*) FROM edges")
        .fetch_one(&pool)
        .await?;
    pool.close().await;
    Ok(edges)
}

async fn slowest(operations: i64) -> Result<(i64, u128), Box<dyn std::error::Error>> {
    let (_dir, store) = workspace().await?;
    let edges = fill(store.root(), operations).await?;
    let mut times = Vec::new();
    for number in 0..20 {
        let node = if number % 2 == 0 {
            NodeRef::new(NodeKind::Model, format!("model{}", number * 31 % operations))
        } else {
            NodeRef::new(NodeKind::Recording, format!("r{}", number * 17 % (10 * operations)))
        };
        let start = Instant::now();
        let graph = store.trace(&node, Direction::Both, TraceLimits::default()).await?;
        times.push(start.elapsed().as_millis());
        assert!(graph.nodes.len() > 10, "{node:?} {}", graph.nodes.len());
        assert!(!graph.truncated);
    }
    times.sort_unstable();
    Ok((edges, times[18]))
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_use_the_index() -> Outcome {
    let (edges, p95_ms) = slowest(500).await?;
    assert!(edges > 50_000, "{edges}");
    assert!(p95_ms < 1_000, "{p95_ms} ms");
    Ok(())
}

/// The bar at its full size: `cargo nextest run --release -p guideway-store --run-ignored only trace_speed`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "fills a catalog with a million edges"]
async fn a_million_edges_are_traced_in_a_second() -> Outcome {
    let (edges, p95_ms) = slowest(10_000).await?;
    guideway_testkit::skip(&format!("not skipped: {edges} edges, p95 {p95_ms} ms"));
    assert!(edges > 1_000_000, "{edges}");
    assert!(p95_ms < 1_000, "{p95_ms} ms");
    Ok(())
}
