//! Is the workspace whole?

use std::path::Path;

use guideway_core::uri;
use guideway_schema::{FORMAT_VERSION, Table};

use crate::error::{Result, StoreError};
use crate::freeze::content_hash;
use crate::frozen::{Columns, DatasetInfo};
use crate::recover::{beyond, stray_folders};
use crate::store::Store;

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Worth knowing; everything in the workspace itself is whole.
    Warn,
    /// Something is lost or contradicts itself.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// A stable name: `table labels`, `labels in frames`, ….
    pub name: String,
    /// What came out.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct DoctorReport {
    /// The checks, always in the same order.
    pub checks: Vec<Check>,
}

/// How hard to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DoctorOptions {
    /// Also read every byte of frozen datasets and models, and compare their hashes.
    pub deep: bool,
}

impl DoctorReport {
    /// The most serious finding.
    pub fn status(&self) -> Status {
        self.checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok)
    }

    /// Nothing is lost and nothing contradicts itself. Warnings are allowed.
    pub fn is_whole(&self) -> bool {
        self.status() < Status::Error
    }

    fn push(&mut self, name: impl Into<String>, status: Status, detail: impl Into<String>, hint: Option<&str>) {
        self.checks.push(Check {
            name: name.into(),
            status,
            detail: detail.into(),
            hint: hint.map(str::to_owned),
        });
    }
}

/// Ids that must be there for every row: table, column, other table, how bad a gap is.
const REFERENCES: [(Table, &str, Table, Status); 15] = [
    (Table::Channels, "recording_id", Table::Recordings, Status::Error),
    (Table::Chunks, "recording_id", Table::Recordings, Status::Error),
    (Table::Sensors, "recording_id", Table::Recordings, Status::Error),
    (Table::Frames, "recording_id", Table::Recordings, Status::Error),
    (Table::Frames, "sensor_id", Table::Sensors, Status::Error),
    (Table::Signals, "recording_id", Table::Recordings, Status::Error),
    (Table::Labels, "recording_id", Table::Recordings, Status::Error),
    (Table::Labels, "frame_id", Table::Frames, Status::Error),
    // Results may outlive what they are about: a log ingested anew by a newer reader can have other frames.
    (Table::Predictions, "frame_id", Table::Frames, Status::Warn),
    (Table::PredictedCuboids, "frame_id", Table::Frames, Status::Warn),
    (Table::Tracks, "frame_id", Table::Frames, Status::Warn),
    (Table::Events, "frame_id", Table::Frames, Status::Warn),
    (Table::Events, "recording_id", Table::Recordings, Status::Warn),
    (Table::Mistakes, "frame_id", Table::Frames, Status::Warn),
    (Table::Mistakes, "recording_id", Table::Recordings, Status::Warn),
];

/// Ids that must occur once.
const UNIQUE: [(Table, &str); 9] = [
    (Table::Recordings, "recording_id"),
    (Table::Channels, "channel_id"),
    (Table::Sensors, "sensor_id"),
    (Table::Frames, "frame_id"),
    (Table::Labels, "label_id"),
    (Table::Predictions, "prediction_id"),
    (Table::PredictedCuboids, "prediction_id"),
    (Table::Events, "event_id"),
    (Table::Mistakes, "mistake_id"),
];

impl Store {
    /// Looks at everything: tables, references between them, frozen datasets, models, lineage, and whether the logs are
    /// still where they were. Only reads.
    pub async fn doctor(&self, options: DoctorOptions) -> Result<DoctorReport> {
        let mut report = DoctorReport::default();
        let version = self.format_version();
        report.push("format", Status::Ok, format!("version {version}"), None);
        self.check_catalog(&mut report).await?;
        if self.check_tables(&mut report).await? {
            self.check_leftovers(&mut report).await?;
            self.check_references(&mut report).await?;
            self.check_recordings(&mut report).await?;
        } else {
            report.push(
                "references",
                Status::Error,
                "not checked, since a table cannot be read",
                Some("put the table back first"),
            );
        }
        for info in self.datasets().await? {
            self.check_dataset(&mut report, &info, options).await?;
        }
        self.check_models(&mut report, options).await?;
        self.check_lineage(&mut report).await?;
        Ok(report)
    }

    async fn check_catalog(&self, report: &mut DoctorReport) -> Result<()> {
        let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check")
            .fetch_all(&self.inner.catalog.pool)
            .await
            .map_err(StoreError::catalog("check"))?;
        if found == ["ok"] {
            report.push("catalog", Status::Ok, "SQLite finds it whole", None);
        } else {
            let hint = "put catalog.sqlite back from a backup";
            report.push("catalog", Status::Error, found.join("; "), Some(hint));
        }
        Ok(())
    }

    /// True if every table opens.
    async fn check_tables(&self, report: &mut DoctorReport) -> Result<bool> {
        let heads = self.inner.catalog.heads().await?;
        let mut all = true;
        for table in Table::ALL.iter().copied() {
            let name = format!("table {table}");
            let Some((_, head)) = heads.iter().find(|(other, _)| *other == table) else {
                if self.inner.catalog.format_version().await? < FORMAT_VERSION {
                    report.push(name, Status::Ok, "new in this format; the next write makes it", None);
                    continue;
                }
                report.push(
                    name,
                    Status::Error,
                    "the catalog does not know it",
                    Some("put the catalog back"),
                );
                all = false;
                continue;
            };
            // A fresh look at the files: what was open before says nothing about them now.
            self.forget_folder(&self.table_dir(table));
            let counted = async {
                let dataset = self.open_table(table, head.version).await?;
                dataset
                    .validate()
                    .await
                    .map_err(StoreError::table("validate", table.name()))?;
                let rows = dataset
                    .count_rows(None)
                    .await
                    .map_err(StoreError::table("count the rows of", table.name()))?;
                Ok::<_, StoreError>(rows as u64)
            };
            match Box::pin(counted).await {
                Ok(rows) if rows == head.rows => {
                    let detail = format!("{rows} rows at version {}", head.version);
                    report.push(name, Status::Ok, detail, None);
                }
                Ok(rows) => {
                    let detail = format!(
                        "{rows} rows at version {}, the catalog says {}",
                        head.version, head.rows
                    );
                    report.push(
                        name,
                        Status::Error,
                        detail,
                        Some("the table's files were changed from outside"),
                    );
                }
                Err(err) => {
                    let detail = chain(&err);
                    report.push(
                        name,
                        Status::Error,
                        detail,
                        Some("put the table's folder back from a backup"),
                    );
                    all = false;
                }
            }
        }
        Ok(all)
    }

    async fn check_leftovers(&self, report: &mut DoctorReport) -> Result<()> {
        let mut found: Vec<String> = beyond(self)
            .await?
            .into_iter()
            .map(|beyond| {
                format!(
                    "table {} has version {} beyond {}",
                    beyond.table, beyond.latest, beyond.pinned.version
                )
            })
            .collect();
        for folder in stray_folders(self).await? {
            found.push(format!(
                "folder {}",
                folder.file_name().unwrap_or_default().to_string_lossy()
            ));
        }
        let detail = if found.is_empty() {
            "none".to_owned()
        } else {
            format!(
                "{}: of a write that is going on or was killed; the next write removes it",
                found.join(", ")
            )
        };
        report.push("leftovers", Status::Ok, detail, None);
        Ok(())
    }

    async fn check_references(&self, report: &mut DoctorReport) -> Result<()> {
        for (table, column) in UNIQUE {
            let query = format!("SELECT count(*) - count(DISTINCT {column}) FROM {table}");
            let twice = self.count(&query).await?;
            let (status, hint) = if twice == 0 {
                (Status::Ok, None)
            } else {
                (Status::Error, Some("ingest the recordings that they belong to again"))
            };
            report.push(
                format!("{table}.{column} unique"),
                status,
                format!("{twice} repeated"),
                hint,
            );
        }
        for (table, column, other, severity) in REFERENCES {
            let query =
                format!("SELECT count(*) FROM {table} AS a LEFT ANTI JOIN {other} AS b ON a.{column} = b.{column}");
            let dangling = self.count(&query).await?;
            let (status, hint) = if dangling == 0 {
                (Status::Ok, None)
            } else {
                (severity, Some("ingest the recordings that they belong to again"))
            };
            let detail = format!("{dangling} rows without their counterpart");
            report.push(format!("{table}.{column} in {other}"), status, detail, hint);
        }
        Ok(())
    }

    async fn check_recordings(&self, report: &mut DoctorReport) -> Result<()> {
        let recordings = self.recordings().await?;
        let mut gone = Vec::new();
        let mut changed = Vec::new();
        for row in &recordings {
            let Some(path) = uri::to_path(&row.uri) else { continue };
            match std::fs::metadata(&path) {
                Err(_) => gone.push(row.uri.as_str()),
                // Other formats name one file of several: its size is not the recording's.
                Ok(metadata) if row.format == "mcap" && metadata.len() as i64 != row.size_bytes => {
                    changed.push(row.uri.as_str());
                }
                Ok(_) => {}
            }
        }
        let mut detail = format!("{} looked at", recordings.len());
        for (what, uris) in [("not where they were", &gone), ("of another size", &changed)] {
            if let Some(first) = uris.first() {
                detail = format!("{detail}; {} {what}, such as {first}", uris.len());
            }
        }
        if gone.is_empty() && changed.is_empty() {
            report.push("recordings on disk", Status::Ok, detail, None);
        } else {
            let hint = "put the logs back, or ingest them from where they are now";
            report.push("recordings on disk", Status::Warn, detail, Some(hint));
        }
        Ok(())
    }

    async fn check_dataset(&self, report: &mut DoctorReport, info: &DatasetInfo, options: DoctorOptions) -> Result<()> {
        let name = format!("dataset {}", info.name);
        self.forget_folder(&self.frozen_dir(info));
        let looked = async {
            let dataset = self.dataset(&info.dataset_id).await?;
            let rows = dataset
                .lance
                .count_rows(None)
                .await
                .map_err(StoreError::table("count the rows of", &info.name))?;
            let hash = if options.deep {
                let samples = dataset.scan(None, Columns::All).await?;
                Some(content_hash(&info.classes, samples).await?)
            } else {
                None
            };
            Ok::<_, StoreError>((rows as u64, hash))
        };
        let hint = Some("put its folder back from a backup, or freeze it anew under another name");
        match Box::pin(looked).await {
            Err(err) => report.push(name, Status::Error, chain(&err), hint),
            Ok((rows, _)) if rows != info.frames => {
                let detail = format!("{rows} frames, the catalog says {}", info.frames);
                report.push(name, Status::Error, detail, hint);
            }
            Ok((_, Some(hash))) if hash != info.hash => {
                let detail = format!("content hash {hash}, the catalog says {}", info.hash);
                report.push(name, Status::Error, detail, hint);
            }
            Ok((rows, hash)) => {
                let how = if hash.is_some() {
                    "content hash as recorded"
                } else {
                    "content not read"
                };
                report.push(name, Status::Ok, format!("{rows} frames, {how}"), None);
            }
        }
        Ok(())
    }

    async fn check_models(&self, report: &mut DoctorReport, options: DoctorOptions) -> Result<()> {
        for model in self.models().await? {
            let name = format!("model {}", model.name);
            if !model.has_weights() {
                report.push(name, Status::Ok, "made elsewhere, has no files".to_owned(), None);
                continue;
            }
            let path = self.root().join(&model.path);
            let hint = Some("put its files back from a backup, or train it again");
            match digest_of(&path, options.deep && !model.digest.is_empty()) {
                Err(err) => report.push(name, Status::Error, format!("{}: {err}", path.display()), hint),
                Ok(Some(digest)) if digest != model.digest => {
                    let detail = format!("{} has digest {digest}, not {}", path.display(), model.digest);
                    report.push(name, Status::Error, detail, hint);
                }
                Ok(digest) => {
                    let how = if digest.is_some() {
                        "digest as recorded"
                    } else {
                        "content not read"
                    };
                    report.push(name, Status::Ok, format!("{}, {how}", model.path), None);
                }
            }
        }
        Ok(())
    }

    async fn check_lineage(&self, report: &mut DoctorReport) -> Result<()> {
        let dangling: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM edges
             WHERE (node_kind = 'dataset' AND node_id NOT IN (SELECT dataset_id FROM datasets))
                OR (node_kind = 'model' AND node_id NOT IN (SELECT model_id FROM models))
                OR op_seq NOT IN (SELECT seq FROM operations)",
        )
        .fetch_one(&self.inner.catalog.pool)
        .await
        .map_err(StoreError::catalog("read"))?;
        let operations: i64 = sqlx::query_scalar("SELECT count(*) FROM operations")
            .fetch_one(&self.inner.catalog.pool)
            .await
            .map_err(StoreError::catalog("read"))?;
        let (status, hint) = if dangling == 0 {
            (Status::Ok, None)
        } else {
            (Status::Error, Some("put catalog.sqlite back from a backup"))
        };
        let detail = format!("{operations} operations, {dangling} edges to things that are not there");
        report.push("lineage", status, detail, hint);
        Ok(())
    }
}

/// The digest of a file if it is to be read; an error if it is not there.
fn digest_of(path: &Path, read: bool) -> std::io::Result<Option<String>> {
    let metadata = std::fs::metadata(path)?;
    if !read || !metadata.is_file() {
        return Ok(None);
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path)?)?;
    Ok(Some(hasher.finalize().to_hex().to_string()))
}

/// An error with its causes, on one line.
fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(err) = source {
        text = format!("{text}: {err}");
        source = err.source();
    }
    text
}
