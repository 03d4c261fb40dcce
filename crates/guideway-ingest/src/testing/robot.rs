//! A large log of the kind that recorders of robots write, for benchmarks.

use std::path::Path;

use super::TestLogError;
use crate::schemas::foxglove::{
    CompressedImage, FrameTransform, FrameTransforms, NumericType, Odometry, PackedElementField, PointCloud, Time,
};
use crate::write::{ChannelSpec, Compression, LogWriter, WriteOptions};

/// Points of a sweep.
const POINTS: usize = 14_375;
/// x, y, z and intensity as `f32`, bytes.
const STRIDE: usize = 16;

/// Writes at least `bytes` of a mixed robot log: per second 200 IMU messages, 50 odometry, 100 transforms, 10 lidar sweeps of
/// 230 kB and 15 images of 524 kB, about 10 MB; chunks of 4 MiB. Images and IMU are pseudo-random bytes, which compress as
/// little as JPEG does; sweeps are points at a resolution of 2 mm, which compress as real ones do. Gives the number of messages.
pub fn robot(path: &Path, bytes: u64, compression: Option<Compression>) -> Result<u64, TestLogError> {
    let options = WriteOptions {
        compression,
        chunk_size: Some(4 << 20),
        overwrite: true,
        ..WriteOptions::default()
    };
    let mut log = LogWriter::create(path, options)?;
    let imu = ChannelSpec {
        schema_name: "acme.Imu",
        schema_encoding: "protobuf",
        schema: b"",
        message_encoding: "protobuf",
    };
    let noise = noise(1 << 20);
    let sweeps = sweeps(&noise);
    let field = |name: &str, offset: u32| PackedElementField {
        name: name.to_owned(),
        offset,
        r#type: NumericType::Float32.into(),
    };
    let fields = vec![field("x", 0), field("y", 4), field("z", 8), field("intensity", 12)];
    // IMU, odometry, transforms, lidar, camera: ns from one message to the next.
    let periods: [i64; 5] = [5_000_000, 20_000_000, 10_000_000, 100_000_000, 66_666_667];
    let mut due = [0i64; 5];
    let (mut written, mut count) = (0u64, 0usize);
    while written < bytes {
        let next = (0..5).min_by_key(|at| due[*at]).unwrap_or(0);
        let at = 1_700_000_000_000_000_000 + due[next];
        due[next] += periods[next];
        let timestamp = Some(Time::from_ns(at));
        let some = |size: usize| {
            let from = count * 4_099 % (noise.len() - size);
            &noise[from..from + size]
        };
        written += match next {
            0 => {
                log.raw("/imu", imu, at, at, some(320))?;
                320
            }
            1 => {
                let odometry = Odometry {
                    timestamp,
                    frame_id: "odom".to_owned(),
                    body_frame_id: "base_link".to_owned(),
                    linear_velocity: Some([1.0, 0.0, 0.0].into()),
                    ..Odometry::default()
                };
                log.message("/odom", at, at, &odometry)?;
                60
            }
            2 => {
                let transform = FrameTransform {
                    timestamp,
                    parent_frame_id: "odom".to_owned(),
                    child_frame_id: "base_link".to_owned(),
                    ..FrameTransform::default()
                };
                let transforms = FrameTransforms {
                    transforms: vec![transform],
                };
                log.message("/tf", at, at, &transforms)?;
                35
            }
            3 => {
                let from = count * 101 % POINTS * STRIDE;
                let cloud = PointCloud {
                    timestamp,
                    frame_id: "lidar".to_owned(),
                    point_stride: STRIDE as u32,
                    fields: fields.clone(),
                    data: sweeps[from..from + POINTS * STRIDE].to_vec(),
                    ..PointCloud::default()
                };
                log.message("/lidar", at, at, &cloud)?;
                (POINTS * STRIDE) as u64
            }
            _ => {
                let data = [&[0xff, 0xd8, 0xff][..], some(524_000)].concat();
                let size = data.len() as u64;
                let image = CompressedImage {
                    timestamp,
                    data,
                    format: "jpeg".to_owned(),
                    frame_id: "camera".to_owned(),
                };
                log.message("/camera", at, at, &image)?;
                size
            }
        };
        count += 1;
    }
    Ok(log.finish()?.messages)
}

/// Two sweeps of points one after the other: rings of walls at about 5 to 20 m, in steps of 2 mm with some noise.
fn sweeps(noise: &[u8]) -> Vec<u8> {
    (0..2 * POINTS)
        .flat_map(|i| {
            let (ring, column) = (i % 32, i / 32 % 900);
            let jitter = f32::from(noise[i % noise.len()] % 32);
            let wall = 2_500.0 + ((column / 45) % 5) as f32 * 1_500.0;
            let x = (wall + jitter) * 0.002;
            let y = column as f32 * 0.01 - 4.5;
            let z = ring as f32 * 0.125 - 2.0;
            let intensity = f32::from(noise[(i * 7) % noise.len()] % 64);
            [x, y, z, intensity]
        })
        .flat_map(f32::to_le_bytes)
        .collect()
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
