//! Everything opens from Python without guideway.

use std::process::Command;

use crate::support::{Outcome, freeze, ingest, samples, workspace};

const SCRIPT: &str = r#"
import json, sqlite3, sys
import lance
root = sys.argv[1]
heads = dict(sqlite3.connect(f"{root}/catalog.sqlite").execute("SELECT name, version FROM table_heads"))
frames = lance.dataset(f"{root}/tables/frames.lance", version=heads["frames"])
labels = lance.dataset(f"{root}/tables/labels.lance", version=heads["labels"])
folder = sys.argv[2]
frozen = lance.dataset(f"{root}/datasets/{folder}")
rows = frozen.take([1, 0]).to_pylist()
print(json.dumps({
    "frames": frames.count_rows(),
    "labels": labels.count_rows(filter="class = 'car'"),
    "comment": frames.schema.field("frame_id").metadata[b"comment"].decode(),
    "frozen": frozen.count_rows(),
    "media": [row["media"].decode() for row in rows],
    "ids": [row["frame_id"] for row in rows],
    "labels_of_row": [[label["class"] for label in row["labels"]] for row in rows],
}))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn pylance_reads_tables_and_datasets() -> Outcome {
    let Some(python) = guideway_testkit::python("lance") else {
        return Ok(());
    };
    let (_dir, store) = workspace().await?;
    ingest(&store, 1, 4).await?;
    ingest(&store, 2, 4).await?;
    ingest(&store, 1, 4).await?;
    let info = freeze(&store, "night-v1", samples(1, 4, "train")).await?.info;
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(store.root())
        .arg(&info.folder)
        .output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    insta::assert_json_snapshot!(found);
    Ok(())
}
