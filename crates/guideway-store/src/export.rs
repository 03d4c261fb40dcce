//! Getting a frozen dataset out again: one Parquet file per split and the manifest, readable without guideway.

use std::fs::File;
use std::path::{Path, PathBuf};

use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use futures::StreamExt as _;

use crate::error::{Result, StoreError};
use crate::frozen::Dataset;
use crate::sample::sample_schema;

/// Rows of a row group: media are big, and a reader holds a group's column at once.
const ROW_GROUP: usize = 256;

impl Dataset {
    /// Writes `<split>.parquet` per split and `dataset.json` into a folder, which is made if it is not there. Streams; memory holds a
    /// row group. Returns the files written.
    pub async fn export_parquet(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder).map_err(StoreError::io("create the folder", folder))?;
        let columns: Vec<String> = sample_schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let properties = WriterProperties::builder()
            .set_compression(Compression::UNCOMPRESSED)
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .build();
        let mut written = Vec::new();
        for split in self.splits() {
            let path = folder.join(format!("{}.parquet", file_stem(&split.name)));
            let failed = |err: ParquetError| StoreError::io("write", &path)(std::io::Error::other(err));
            let file = File::create(&path).map_err(StoreError::io("create", &path))?;
            let mut writer = ArrowWriter::try_new(file, sample_schema(), Some(properties.clone())).map_err(failed)?;
            let range = self.rows(&split.name)?;
            let mut batches = self.batches(Some(range), &columns).await?;
            while let Some(batch) = batches.next().await {
                writer.write(&batch?).map_err(failed)?;
            }
            writer.close().map_err(failed)?;
            written.push(path);
        }
        let path = folder.join("dataset.json");
        let text = serde_json::to_string_pretty(self.info()).map_err(StoreError::json("write the manifest"))?;
        std::fs::write(&path, text).map_err(StoreError::io("write", &path))?;
        written.push(path);
        Ok(written)
    }
}

/// A split's name as a file name.
fn file_stem(split: &str) -> String {
    split
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}
