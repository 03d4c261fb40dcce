//! Commits are whole or not at all.

use futures::StreamExt as _;
use guideway_core::Hint as _;
use guideway_schema::{Sink as _, Table};
use guideway_store::{DoctorOptions, Operation, Store, StoreError};

use crate::support::{Outcome, frame_rows, ingest, label_rows, number, push_recording, recording_id, workspace};

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_becomes_visible_at_once() -> Outcome {
    let (_dir, store) = workspace().await?;
    let reader = Store::open(store.root()).await?;
    let mut write = store.begin().await?;
    push_recording(&mut write, 1, 5).await?;
    assert_eq!(number(&reader, "SELECT count(*) FROM frames").await?, 0);
    let info = write.commit(Operation::new("ingest")).await?;
    assert_eq!(info.tables["frames"].added, 5);
    assert_eq!(info.tables["labels"].rows, 10);
    assert_eq!(number(&reader, "SELECT count(*) FROM frames").await?, 5);
    assert_eq!(number(&reader, "SELECT count(*) FROM labels").await?, 10);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_never_happened() -> Outcome {
    let (_dir, store) = workspace().await?;
    ingest(&store, 1, 3).await?;
    let before = store.table_versions().await?;
    let mut write = store.begin().await?;
    push_recording(&mut write, 2, 3).await?;
    write.replace_recording(&recording_id(1));
    write.abort();
    assert_eq!(store.table_versions().await?, before);
    assert_eq!(number(&store, "SELECT count(*) FROM frames").await?, 3);
    // The lock is free again.
    ingest(&store, 3, 1).await?;
    assert_eq!(number(&store, "SELECT count(*) FROM frames").await?, 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ingesting_twice_changes_no_row() -> Outcome {
    let (_dir, store) = workspace().await?;
    let query = "SELECT * FROM labels ORDER BY label_id";
    ingest(&store, 1, 4).await?;
    ingest(&store, 2, 4).await?;
    let before = store.sql(query).await?.pretty().await?;
    ingest(&store, 1, 4).await?;
    assert_eq!(store.sql(query).await?.pretty().await?, before);
    assert_eq!(number(&store, "SELECT count(*) FROM recordings").await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_spare_the_rows_of_their_own_transaction() -> Outcome {
    let (_dir, store) = workspace().await?;
    ingest(&store, 1, 4).await?;
    let mut write = store.begin().await?;
    write.push(frame_rows(2, 2).into()).await?;
    write.delete(Table::Frames, "true");
    let info = write.commit(Operation::new("test")).await?;
    assert_eq!(info.tables["frames"].deleted, 4);
    assert_eq!(info.tables["frames"].rows, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_writer_is_told_who_is_first() -> Outcome {
    let (_dir, store) = workspace().await?;
    let _write = store.begin().await?;
    let other = Store::open(store.root()).await?;
    let Err(err) = other.begin().await else {
        return Err("a second writer was let in".into());
    };
    assert!(matches!(err, StoreError::Locked { .. }), "{err}");
    let text = err.to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(err.hint().is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_and_making_say_what_is_wrong() -> Outcome {
    let dir = tempfile::tempdir()?;
    let nothing = Store::open(dir.path().join("nothing")).await;
    assert!(matches!(nothing, Err(StoreError::NotAWorkspace { .. })));
    let store = Store::init(dir.path()).await?;
    assert!(matches!(
        Store::init(dir.path()).await,
        Err(StoreError::AlreadyInitialised { .. })
    ));
    ingest(&store, 1, 1).await?;
    drop(store);
    // Without its catalog, tables with rows must never be taken for a fresh workspace.
    std::fs::remove_file(dir.path().join("catalog.sqlite"))?;
    for rest in ["catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _gone = std::fs::remove_file(dir.path().join(rest));
    }
    assert!(matches!(
        Store::init(dir.path()).await,
        Err(StoreError::CatalogLost { .. })
    ));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_formats_are_refused() -> Outcome {
    let (_dir, store) = workspace().await?;
    let root = store.root().to_owned();
    set_format(&root, "1.4").await?;
    let newer = Store::open(&root).await?;
    assert_eq!(number(&newer, "SELECT count(*) FROM frames").await?, 0);
    let Err(err) = newer.begin().await else {
        return Err("wrote to a newer minor version".into());
    };
    assert!(matches!(err, StoreError::Version(_)), "{err}");
    set_format(&root, "2.0").await?;
    let Err(err) = Store::open(&root).await else {
        return Err("opened another major version".into());
    };
    insta::assert_snapshot!(crate::support::explain(&err), @r"
    the workspace has format 2.0, this build reads 1.3
    hint: use a newer guideway
    ");
    set_format(&root, "banana").await?;
    assert!(matches!(Store::open(&root).await, Err(StoreError::BadVersion { .. })));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_of_an_older_format_reads_new_tables_as_empty_and_gets_them_with_the_first_write() -> Outcome {
    let (_dir, store) = workspace().await?;
    ingest(&store, 1, 2).await?;
    let root = store.root().to_owned();
    drop(store);
    // As a build of format 1.0 left it.
    let url = format!("sqlite://{}", root.join("catalog.sqlite").display());
    let pool = sqlx::SqlitePool::connect(&url).await?;
    sqlx::query("DELETE FROM table_heads WHERE name = 'selections'")
        .execute(&pool)
        .await?;
    pool.close().await;
    std::fs::remove_dir_all(root.join("tables/selections.lance"))?;
    set_format(&root, "1.0").await?;

    let older = Store::open(&root).await?;
    assert_eq!(number(&older, "SELECT count(*) FROM selections").await?, 0);
    assert!(older.doctor(DoctorOptions::default()).await?.is_whole());
    ingest(&older, 2, 2).await?;
    drop(older);
    let upgraded = Store::open(&root).await?;
    assert_eq!(upgraded.format_version(), guideway_schema::FORMAT_VERSION);
    assert!(upgraded.table_versions().await?.contains_key("selections"));
    assert!(upgraded.doctor(DoctorOptions::default()).await?.is_whole());
    Ok(())
}

async fn set_format(root: &std::path::Path, version: &str) -> Outcome {
    let url = format!("sqlite://{}", root.join("catalog.sqlite").display());
    let pool = sqlx::SqlitePool::connect(&url).await?;
    sqlx::query("UPDATE meta SET value = ? WHERE key = 'format_version'")
        .bind(version)
        .execute(&pool)
        .await?;
    pool.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn synchronous_code_can_push_from_any_thread() -> Outcome {
    let (_dir, store) = workspace().await?;
    let mut sink = store.begin().await?.into_sink();
    let handle = tokio::task::spawn_blocking(move || {
        sink.push(frame_rows(1, 3).into())?;
        Ok::<_, guideway_schema::SinkError>(sink)
    });
    let mut sink = handle.await??;
    let sink = std::thread::spawn(move || {
        sink.push(frame_rows(2, 3).into())?;
        Ok::<_, guideway_schema::SinkError>(sink)
    });
    let sink = sink.join().map_err(|_panic| "the thread panicked")??;
    sink.into_transaction().commit(Operation::new("ingest")).await?;
    assert_eq!(number(&store, "SELECT count(*) FROM frames").await?, 6);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_go_out_in_parts_and_compact_again() -> Outcome {
    let (_dir, store) = workspace().await?;
    for round in 0..3 {
        let mut write = store.begin().await?;
        for part in 0..4 {
            write.push(frame_rows(round * 10 + part, 20_000).into()).await?;
        }
        write.commit(Operation::new("ingest")).await?;
    }
    let frames = |tables: Vec<guideway_store::TableInfo>| tables.into_iter().find(|table| table.name == "frames");
    let before = frames(store.tables().await?).ok_or("no frames")?;
    assert_eq!(before.rows, 240_000);
    assert!(before.fragments >= 3, "{before:?}");
    store.compact(Operation::new("compact")).await?;
    let after = frames(store.tables().await?).ok_or("no frames")?;
    assert_eq!(after.rows, 240_000);
    assert!(after.fragments < before.fragments, "{after:?}");
    assert_eq!(
        number(&store, "SELECT count(DISTINCT frame_id) FROM frames").await?,
        240_000
    );
    assert!(
        store
            .doctor(guideway_store::DoctorOptions::default())
            .await?
            .checks
            .len()
            > 10
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn crowded_tables_are_compacted_and_no_others() -> Outcome {
    let (_dir, store) = workspace().await?;
    for recording in 0..6 {
        ingest(&store, recording, 3).await?;
    }
    let mut write = store.begin().await?;
    write.push(label_rows(9, 1).into()).await?;
    write.commit(Operation::new("labels")).await?;
    let everything = "SELECT * FROM frames ORDER BY frame_id";
    let before = store.sql(everything).await?.pretty().await?;
    let versions = store.table_versions().await?;
    assert!(store.compact_crowded(Operation::new("compact"), 7).await?.is_empty());
    assert_eq!(store.table_versions().await?, versions, "nothing is crowded");

    let reader = Store::open(store.root()).await?;
    let mut slow = reader.sql(everything).await?;
    let done = store.compact_crowded(now("compact"), 6).await?;
    assert_eq!(
        done.iter()
            .map(|table| (table.table.as_str(), table.fragments_before, table.fragments_after))
            .collect::<Vec<_>>(),
        [("labels", 7, 1)]
    );
    let done = store.compact_crowded(now("compact"), 5).await?;
    assert_eq!(
        done.iter().map(|table| table.table.as_str()).collect::<Vec<_>>(),
        ["recordings", "sensors", "frames"]
    );
    assert_eq!(store.sql(everything).await?.pretty().await?, before);
    // The files of a reader who is in the middle of something are still there.
    let mut rows = 0;
    while let Some(batch) = slow.next().await {
        rows += batch?.num_rows();
    }
    assert_eq!(rows, 18);
    let files = || std::fs::read_dir(store.root().join("tables/frames.lance/data")).map(Iterator::count);
    assert!(files()? > 1, "files of the last hour stay");
    store.compact(Operation::new("compact")).await?;
    assert_eq!(files()?, 1);
    assert!(store.compact_crowded(now("compact"), 1).await?.is_empty());
    assert_eq!(store.sql(everything).await?.pretty().await?, before);
    Ok(())
}

/// An operation that begins now, as the table engine's own stamps do.
fn now(kind: &str) -> Operation {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Operation {
        started_ns: since.map_or(0, |since| since.as_nanos() as i64),
        ..Operation::new(kind)
    }
}
