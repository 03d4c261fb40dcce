//! Writes the seeds of the fuzz target `av2_feather`: `cargo run --release -p guideway-eval --example fuzz_seeds -- fuzz/corpus`.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, UInt16Array,
    new_empty_array,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};

/// Two boxes with all columns that labels and detections have, and one that nobody asks for.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let pair = |a: f64, b: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![a, b])) };
    vec![
        ("log_id", Arc::new(StringArray::from(vec!["log", "log"]))),
        ("timestamp_ns", Arc::new(Int64Array::from(vec![5, 6]))),
        ("track_uuid", Arc::new(StringArray::from(vec![None, Some("track")]))),
        (
            "category",
            Arc::new(StringArray::from(vec!["REGULAR_VEHICLE", "PEDESTRIAN"])),
        ),
        ("qw", pair(1.0, 0.6)),
        ("qx", pair(0.0, 0.0)),
        ("qy", pair(0.0, 0.0)),
        ("qz", pair(0.0, 0.8)),
        ("tx_m", pair(10.0, 20.0)),
        ("ty_m", pair(0.0, -3.5)),
        ("tz_m", pair(0.0, 0.25)),
        ("length_m", pair(4.0, 0.5)),
        ("width_m", pair(2.0, 0.5)),
        ("height_m", pair(1.5, 1.75)),
        ("num_interior_pts", Arc::new(Int64Array::from(vec![7, 1]))),
        ("score", pair(1.0, 0.5)),
    ]
}

fn write(
    path: &Path,
    columns: &[(&str, ArrayRef)],
    compression: Option<CompressionType>,
) -> Result<(), Box<dyn Error>> {
    let batch = RecordBatch::try_from_iter(columns.iter().map(|(name, array)| (*name, Arc::clone(array))))?;
    // padded to as little as there may be
    let options =
        IpcWriteOptions::try_new(8, false, arrow_ipc::MetadataVersion::V5)?.try_with_compression(compression)?;
    let mut writer = FileWriter::try_new_with_options(File::create(path)?, &batch.schema(), options)?;
    writer.write(&batch)?;
    writer.finish()?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args().nth(1).ok_or("usage: feather_seeds FOLDER")?;
    let folder = Path::new(&root).join("av2_feather");
    std::fs::create_dir_all(&folder)?;
    let plain = columns();
    write(&folder.join("plain"), &plain, None)?;
    write(&folder.join("zstd"), &plain, Some(CompressionType::ZSTD))?;
    // as pandas writes it, with narrower numbers and categories
    let mut narrow = plain;
    for (name, array) in &mut narrow {
        match *name {
            "category" | "log_id" => {
                let values = ["REGULAR_VEHICLE", "REGULAR_VEHICLE"];
                *array = Arc::new(values.into_iter().collect::<DictionaryArray<Int8Type>>());
            }
            "num_interior_pts" => *array = Arc::new(UInt16Array::from(vec![7, 0])),
            "score" => *array = Arc::new(Float32Array::from(vec![0.75, 0.25])),
            _ => {}
        }
    }
    write(
        &folder.join("lz4_categories"),
        &narrow,
        Some(CompressionType::LZ4_FRAME),
    )?;
    let empty: Vec<(&str, ArrayRef)> = narrow
        .iter()
        .map(|(name, array)| (*name, new_empty_array(array.data_type())))
        .collect();
    write(&folder.join("empty"), &empty, None)
}
