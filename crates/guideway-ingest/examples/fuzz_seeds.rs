//! Writes the seed corpora of the fuzz targets: `cargo run --release -p guideway-ingest --example fuzz_seeds -- fuzz/corpus`.

use std::error::Error;
use std::path::Path;

use guideway_ingest::mcap::{LogFile, LogIndex, MessageQuery, Messages};
use guideway_ingest::testing::{CdrWriter, DriveOptions, FOXGLOVE_SCHEMAS, ROS_SCHEMAS, drive_bytes};

fn seed(root: &Path, target: &str, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let folder = root.join(target);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(name), bytes)?;
    Ok(())
}

/// The byte that makes a target choose this schema.
fn choice(schemas: &[&str], name: &str) -> Option<u8> {
    schemas
        .iter()
        .position(|schema| *schema == name)
        .and_then(|at| u8::try_from(at).ok())
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args().nth(1).ok_or("usage: fuzz_seeds FOLDER")?;
    let root = Path::new(&root);
    let small = DriveOptions {
        frames: 1,
        width: 16,
        chunk_size: Some(2 << 10),
        ..DriveOptions::default()
    };
    for (name, options) in [
        ("zstd", small),
        (
            "plain",
            DriveOptions {
                compression: None,
                ..small
            },
        ),
        (
            "unchunked",
            DriveOptions {
                chunk_size: None,
                ..small
            },
        ),
        (
            "no-summary",
            DriveOptions {
                summary: false,
                json: true,
                ..small
            },
        ),
    ] {
        let bytes = drive_bytes(options).map_err(|err| err.to_string())?;
        seed(root, "mcap", name, &bytes)?;
    }
    for (target, json) in [("foxglove_protobuf", false), ("foxglove_json", true)] {
        let bytes = drive_bytes(DriveOptions { json, ..small }).map_err(|err| err.to_string())?;
        let index = LogIndex::of(LogFile::from_bytes("seed", bytes)?)?;
        for message in Messages::new(index, &MessageQuery::default())? {
            let message = message?;
            let schema = message.schema_name.as_deref().unwrap_or_default();
            if let Some(choice) = choice(&FOXGLOVE_SCHEMAS, schema) {
                seed(root, target, schema, &[&[choice][..], &message.data].concat())?;
            }
        }
    }
    let start = || CdrWriter::new().header(1_700_000_000, 5, "base_link");
    let zeros = [0.0; 36];
    for (schema, payload) in [
        (
            "sensor_msgs/msg/CompressedImage",
            start().string("jpeg").blob(&[0xff, 0xd8, 0xff, 0xd9]),
        ),
        (
            "sensor_msgs/msg/Image",
            start()
                .u32(1)
                .u32(2)
                .string("rgb8")
                .u8(0)
                .u32(6)
                .blob(&[1, 2, 3, 4, 5, 6]),
        ),
        (
            "sensor_msgs/msg/Imu",
            start().f64s(&[0.0, 0.0, 0.0, 1.0]).f64s(&zeros[..33]),
        ),
        (
            "sensor_msgs/msg/NavSatFix",
            start().u8(0).u16(1).f64s(&[48.0, 11.0, 500.0]),
        ),
        (
            "sensor_msgs/msg/PointCloud2",
            start()
                .u32(1)
                .u32(1)
                .u32(1)
                .string("x")
                .u32(0)
                .u8(7)
                .u32(1)
                .u8(0)
                .u32(4)
                .u32(4)
                .blob(&[0; 4])
                .u8(1),
        ),
        (
            "sensor_msgs/msg/CameraInfo",
            start().u32(480).u32(640).string("plumb_bob").u32(0).f64s(&zeros[..30]),
        ),
        (
            "nav_msgs/msg/Odometry",
            start().string("base_link").f64s(&zeros).f64s(&zeros),
        ),
        (
            "tf2_msgs/msg/TFMessage",
            CdrWriter::new()
                .u32(1)
                .header(1, 0, "map")
                .string("base_link")
                .f64s(&zeros[..7]),
        ),
        ("vision_msgs/msg/Detection2DArray", start().u32(0)),
        ("std_msgs/msg/Float64", CdrWriter::new().f64(1.5)),
    ] {
        if let Some(choice) = choice(&ROS_SCHEMAS, schema) {
            seed(
                root,
                "cdr",
                &schema.replace('/', "."),
                &[&[choice][..], &payload.finish()].concat(),
            )?;
        }
    }
    Ok(())
}
