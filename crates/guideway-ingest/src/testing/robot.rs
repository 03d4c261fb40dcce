//! A large log of the kind that recorders of robots write, for benchmarks.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use ::mcap::records::MessageHeader;
use ::mcap::{Compression, WriteOptions};
use prost::Message as _;

use super::TestLogError;
use crate::schemas::foxglove::{CompressedImage, FrameTransform, FrameTransforms, Odometry, PointCloud, Time, Vector3};

/// Writes at least `bytes` of a mixed robot log: per second 200 IMU messages, 50 odometry, 100 transforms, 10 lidar sweeps of
/// 230 kB and 15 images of 524 kB, about 10 MB; chunks of 4 MiB. The payloads are pseudo-random bytes, which compress as
/// little as JPEG does. Gives the number of messages.
pub fn robot(path: &Path, bytes: u64, compression: Option<Compression>) -> Result<u64, TestLogError> {
    let mut writer = WriteOptions::new()
        .compression(compression)
        .chunk_size(Some(4 << 20))
        .create(BufWriter::with_capacity(1 << 20, File::create(path)?))?;
    // Name, schema, period in ns, payload in bytes.
    let kinds: [(&str, &str, u64, usize); 5] = [
        ("/imu", "acme.Imu", 5_000_000, 320),
        ("/odom", "foxglove.Odometry", 20_000_000, 0),
        ("/tf", "foxglove.FrameTransforms", 10_000_000, 0),
        ("/lidar", "foxglove.PointCloud", 100_000_000, 230_000),
        ("/camera", "foxglove.CompressedImage", 66_666_667, 524_000),
    ];
    let mut channels = Vec::new();
    for (topic, schema, _, _) in kinds {
        let schema = writer.add_schema(schema, "protobuf", b"")?;
        channels.push(writer.add_channel(schema, topic, "protobuf", &BTreeMap::new())?);
    }
    let noise = noise(1 << 20);
    let mut due = [0u64; 5];
    let (mut written, mut count) = (0u64, 0u64);
    while written < bytes {
        let next = (0..5).min_by_key(|at| due[*at]).unwrap_or(0);
        let (_, _, period, size) = kinds[next];
        let at = 1_700_000_000_000_000_000 + due[next];
        due[next] += period;
        let timestamp = Some(Time {
            seconds: (at / 1_000_000_000) as i64,
            nanos: (at % 1_000_000_000) as i32,
        });
        let from = (count as usize * 4_099) % (noise.len() - size);
        let data = noise[from..from + size].to_vec();
        let payload = match next {
            0 => data,
            1 => Odometry {
                timestamp,
                frame_id: "odom".to_owned(),
                child_frame_id: "base_link".to_owned(),
                linear_velocity: Some(Vector3 { x: 1.0, y: 0.0, z: 0.0 }),
                ..Odometry::default()
            }
            .encode_to_vec(),
            2 => FrameTransforms {
                transforms: vec![FrameTransform {
                    timestamp,
                    parent_frame_id: "odom".to_owned(),
                    child_frame_id: "base_link".to_owned(),
                    ..FrameTransform::default()
                }],
            }
            .encode_to_vec(),
            3 => PointCloud {
                timestamp,
                frame_id: "lidar".to_owned(),
                point_stride: 16,
                data,
                ..PointCloud::default()
            }
            .encode_to_vec(),
            _ => CompressedImage {
                timestamp,
                data: [&[0xff, 0xd8, 0xff][..], &data].concat(),
                format: "jpeg".to_owned(),
                frame_id: "camera".to_owned(),
            }
            .encode_to_vec(),
        };
        written += payload.len() as u64;
        let header = MessageHeader {
            channel_id: channels[next],
            sequence: count as u32,
            log_time: at,
            publish_time: at,
        };
        count += 1;
        writer.write_to_known_channel(&header, &payload)?;
    }
    writer.finish()?;
    Ok(count)
}

/// Pseudo-random bytes (xorshift64, Marsaglia 2003).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
