//! The doctor finds what is wrong, and nothing else.

use guideway_schema::{PredictedCuboidRow, Table, TrackRow};
use guideway_store::{DoctorOptions, DoctorReport, ModelRecord, Operation, Status, Store};

use crate::support::{Outcome, freeze, ingest, label_rows, recording_row, samples, workspace};

fn show(report: &DoctorReport) -> String {
    let lines: Vec<String> = report
        .checks
        .iter()
        .map(|check| format!("{:?} | {} | {}", check.status, check.name, check.detail))
        .collect();
    lines.join("\n")
}

fn status(report: &DoctorReport, name: &str) -> Option<Status> {
    report
        .checks
        .iter()
        .find(|check| check.name == name)
        .map(|check| check.status)
}

async fn filled() -> Result<(tempfile::TempDir, Store), Box<dyn std::error::Error>> {
    let (dir, store) = workspace().await?;
    ingest(&store, 1, 3).await?;
    freeze(&store, "night-v1", samples(1, 3, "train")).await?;
    std::fs::write(store.models_dir().join("w.bin"), b"weights")?;
    let mut write = store.begin().await?;
    write.put_model(ModelRecord {
        model_id: "m".to_owned(),
        name: "detector".to_owned(),
        path: "models/w.bin".to_owned(),
        digest: blake3::hash(b"weights").to_hex().to_string(),
        ..ModelRecord::default()
    });
    write.commit(Operation::new("train")).await?;
    Ok((dir, store))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_workspace_is_called_whole() -> Outcome {
    let (_dir, store) = filled().await?;
    let report = store.doctor(DoctorOptions { deep: true }).await?;
    assert_eq!(report.status(), Status::Ok, "{}", show(&report));
    insta::assert_snapshot!("whole", show(&report).replace(|c: char| c.is_ascii_digit(), "#"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found() -> Outcome {
    let (_dir, store) = filled().await?;
    std::fs::write(store.models_dir().join("w.bin"), b"weightz")?;
    assert!(store.doctor(DoctorOptions::default()).await?.is_whole());
    let report = store.doctor(DoctorOptions { deep: true }).await?;
    assert_eq!(
        status(&report, "model detector"),
        Some(Status::Error),
        "{}",
        show(&report)
    );
    std::fs::remove_file(store.models_dir().join("w.bin"))?;
    assert!(!store.doctor(DoctorOptions::default()).await?.is_whole());

    let dataset = store.datasets().await?.remove(0);
    let data = store.root().join("datasets").join(&dataset.folder).join("data");
    let file = std::fs::read_dir(&data)?.next().ok_or("no data file")??.path();
    let mut bytes = std::fs::read(&file)?;
    let place = bytes
        .windows(8)
        .position(|window| window == b"media of")
        .ok_or("no media in the file")?;
    bytes[place] ^= 1;
    std::fs::write(&file, &bytes)?;
    let report = store.doctor(DoctorOptions { deep: true }).await?;
    assert_eq!(
        status(&report, "dataset night-v1"),
        Some(Status::Error),
        "{}",
        show(&report)
    );

    std::fs::remove_dir_all(store.root().join("tables/labels.lance/_versions"))?;
    let report = store.doctor(DoctorOptions::default()).await?;
    assert_eq!(
        status(&report, "table labels"),
        Some(Status::Error),
        "{}",
        show(&report)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dangling_rows_are_found() -> Outcome {
    let (_dir, store) = filled().await?;
    let mut write = store.begin().await?;
    write.push(label_rows(7, 1).into()).await?;
    write.push(vec![recording_row(1, 3)].into()).await?;
    let cuboid = PredictedCuboidRow {
        prediction_id: "p".to_owned(),
        frame_id: "gone".to_owned(),
        ..PredictedCuboidRow::default()
    };
    write.push(vec![cuboid.clone(), cuboid].into()).await?;
    let track = TrackRow {
        frame_id: "gone".to_owned(),
        ..TrackRow::default()
    };
    write.push(vec![track].into()).await?;
    write.commit(Operation::new("test")).await?;
    let report = store.doctor(DoctorOptions::default()).await?;
    for (name, expected) in [
        ("predicted_cuboids.prediction_id unique", Status::Error),
        ("predicted_cuboids.frame_id in frames", Status::Warn),
        ("tracks.frame_id in frames", Status::Warn),
        ("mistakes.frame_id in frames", Status::Ok),
    ] {
        assert_eq!(status(&report, name), Some(expected), "{name}\n{}", show(&report));
    }
    assert_eq!(
        status(&report, "labels.frame_id in frames"),
        Some(Status::Error),
        "{}",
        show(&report)
    );
    assert_eq!(
        status(&report, "recordings.recording_id unique"),
        Some(Status::Error),
        "{}",
        show(&report)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_writer_s_leftovers_are_named_and_undone() -> Outcome {
    let (_dir, store) = filled().await?;
    // What a writer leaves that dies between the table's commit and the catalog's.
    let path = store.root().join("tables/labels.lance");
    let mut table = lance::Dataset::open(path.to_str().ok_or("path")?).await?;
    table.delete("true").await?;
    std::fs::create_dir_all(store.root().join("datasets/.tmp-x-1-0.lance/data"))?;
    std::fs::create_dir_all(store.root().join("datasets/x@0123456789ab.lance"))?;
    std::fs::create_dir_all(store.root().join("datasets/mine"))?;
    let report = store.doctor(DoctorOptions::default()).await?;
    assert!(report.is_whole(), "{}", show(&report));
    let leftovers = report
        .checks
        .iter()
        .find(|check| check.name == "leftovers")
        .ok_or("no check")?;
    for part in ["table labels", ".tmp-x-1-0.lance", "x@0123456789ab.lance"] {
        assert!(leftovers.detail.contains(part), "{}", leftovers.detail);
    }
    ingest(&store, 2, 1).await?;
    let report = store.doctor(DoctorOptions::default()).await?;
    let leftovers = report
        .checks
        .iter()
        .find(|check| check.name == "leftovers")
        .ok_or("no check")?;
    assert_eq!(leftovers.detail, "none");
    let labels = store
        .tables()
        .await?
        .into_iter()
        .find(|table| table.name == Table::Labels.name());
    assert_eq!(labels.map(|table| table.rows), Some(8));
    assert!(store.root().join("datasets/mine").exists());
    Ok(())
}
