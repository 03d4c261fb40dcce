//! Points of a lidar sweep.

use super::Media;
use crate::kitti::VELODYNE_MEDIA_TYPE;
use crate::schemas::{DecodeError, Decoded, Decoder};

/// Bytes of a point of a Velodyne sweep: x y z reflectance as little-endian `f32`.
const VELODYNE_POINT: usize = 16;

impl Media {
    /// x, y and z of a sweep's points, m, in the frame that the sensor's driver gives them in; `None` for media that are no sweep. Points that are not finite are left out.
    pub fn points(&self) -> Result<Option<Vec<[f32; 3]>>, DecodeError> {
        if self.media_type == VELODYNE_MEDIA_TYPE {
            let number = |bytes: &[u8]| bytes.try_into().map_or(f32::NAN, f32::from_le_bytes);
            let points = self
                .bytes
                .chunks_exact(VELODYNE_POINT)
                .map(|point| [number(&point[..4]), number(&point[4..8]), number(&point[8..12])])
                .filter(|point| point.iter().all(|value| value.is_finite()));
            return Ok(Some(points.collect()));
        }
        // A sweep from a log is its message; schemas of ROS 2 name themselves with `msg`, and JSON begins with a brace, which protobuf here cannot.
        let encoding = match (self.media_type.split_once('/'), self.bytes.first()) {
            (Some((_, message)), _) if message.starts_with("msg/") => "cdr",
            (Some(_), _) => "ros1",
            (None, Some(b'{')) => "json",
            (None, _) => "protobuf",
        };
        let Some(decoder) = Decoder::for_channel(encoding, Some(&self.media_type)) else {
            return Ok(None);
        };
        match decoder.decode(&self.bytes)? {
            Decoded::Cloud(cloud) => Ok(Some(cloud.positions())),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::schemas::foxglove::{PointCloud, Time};

    fn media(media_type: &str, bytes: Vec<u8>) -> Media {
        Media {
            bytes,
            media_type: media_type.to_owned(),
            width: None,
            height: None,
        }
    }

    #[test]
    fn sweeps_of_logs_and_files_give_their_points() {
        let points = [
            [1.0f32, 2.0, 3.0, 0.5],
            [f32::NAN, 0.0, 0.0, 0.1],
            [-4.0, 5.0, -6.0, 0.9],
        ];
        let expected = Some(vec![[1.0, 2.0, 3.0], [-4.0, 5.0, -6.0]]);
        let packed: Vec<u8> = points.into_iter().flatten().flat_map(f32::to_le_bytes).collect();
        assert_eq!(media(VELODYNE_MEDIA_TYPE, packed).points().unwrap(), expected);
        let cloud = PointCloud::packed(Time::from_ns(5), "lidar", ["x", "y", "z", "intensity"], points);
        assert_eq!(
            media("foxglove.PointCloud", cloud.encode_to_vec()).points().unwrap(),
            expected
        );
        let json = serde_json::to_vec(&cloud).unwrap();
        assert_eq!(media("foxglove.PointCloud", json).points().unwrap(), expected);
    }

    #[test]
    fn images_have_no_points_and_damage_is_an_error() {
        assert_eq!(media("image/jpeg", vec![0xff, 0xd8]).points().unwrap(), None);
        assert!(media("foxglove.PointCloud", vec![0xff; 7]).points().is_err());
        assert!(
            media("sensor_msgs/msg/PointCloud2", vec![0, 1, 0, 0, 9])
                .points()
                .is_err()
        );
    }
}
