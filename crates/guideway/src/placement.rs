//! Where a recording's sensors are and how the vehicle moved: the way of numbers in the tables to the ego frame.

use std::collections::BTreeMap;

use guideway_core::{Camera, CameraModel, Cuboid, DVec3, Intrinsics, Se3};
use guideway_eval::severity::EgoPath;
use guideway_schema::{FrameRow, SensorRow, SignalRow};

use crate::error::Error;
use crate::workspace::{Workspace, quote};

/// Sensors and poses of a recording.
pub(crate) struct Placement {
    pub(crate) path: EgoPath,
    /// By sensor id.
    pub(crate) sensors: BTreeMap<String, SensorRow>,
}

/// A sensor at a time.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) sensor_id: &'a str,
    pub(crate) stamp_ns: Option<i64>,
}

impl<'a> From<&'a FrameRow> for Moment<'a> {
    fn from(frame: &'a FrameRow) -> Self {
        Self {
            sensor_id: &frame.sensor_id,
            stamp_ns: frame.timestamp_ns,
        }
    }
}

impl Workspace {
    /// The sensors and poses of a recording.
    pub(crate) fn placement(&self, recording_id: &str) -> Result<Placement, Error> {
        let sensors: Vec<SensorRow> = self.rows(&format!(
            "SELECT * FROM sensors WHERE recording_id = {} ORDER BY sensor_id",
            quote(recording_id)
        ))?;
        Ok(Placement {
            path: self.ego_path(recording_id)?,
            sensors: sensors
                .into_iter()
                .map(|sensor| (sensor.sensor_id.clone(), sensor))
                .collect(),
        })
    }

    /// The way of the ego through a recording, from the topic that says it best.
    pub(crate) fn ego_path(&self, recording_id: &str) -> Result<EgoPath, Error> {
        let topics = self.counts(&format!(
            "SELECT concat(CASE WHEN kind = 'odometry' THEN '1' WHEN lower(child_frame) IN ('ego', 'base_link', 'vehicle') THEN '0' ELSE '2' END, topic), \
             count(*) FROM signals WHERE recording_id = {} AND kind IN ('pose', 'odometry') AND x IS NOT NULL GROUP BY 1 ORDER BY 1",
            quote(recording_id)
        ))?;
        // By rank, then by rows, then by name.
        let best = topics
            .iter()
            .min_by_key(|(ranked, rows)| (ranked.chars().next(), std::cmp::Reverse(*rows), ranked.clone()));
        let Some((ranked, _)) = best else {
            return Ok(EgoPath::default());
        };
        let topic = ranked.get(1..).unwrap_or_default();
        let rows: Vec<SignalRow> = self.rows(&format!(
            "SELECT * FROM signals WHERE recording_id = {} AND topic = {} AND kind IN ('pose', 'odometry') AND x IS NOT NULL ORDER BY timestamp_ns",
            quote(recording_id),
            quote(topic)
        ))?;
        let poses = rows.into_iter().filter_map(|row| {
            let at = [row.x?, row.y?, row.z.unwrap_or(0.0)];
            let turned = match (row.qw, row.qx, row.qy, row.qz) {
                (Some(w), Some(x), Some(y), Some(z)) => [w, x, y, z],
                _ => [1.0, 0.0, 0.0, 0.0],
            };
            Some((row.timestamp_ns, Se3::from_xyz_wxyz(at, turned).ok()?))
        });
        Ok(EgoPath::new(poses.collect()))
    }
}

impl Placement {
    pub(crate) fn sensor(&self, sensor_id: &str) -> Option<&SensorRow> {
        self.sensors.get(sensor_id)
    }

    /// Where a sensor sits on the vehicle.
    pub(crate) fn ego_from_sensor(&self, sensor_id: &str) -> Option<Se3> {
        Se3::from_slice(&self.sensor(sensor_id)?.ego_from_sensor).ok()
    }

    /// The lens of a camera, where it is calibrated.
    pub(crate) fn camera(&self, sensor_id: &str) -> Option<Camera> {
        let sensor = self.sensor(sensor_id)?;
        let intrinsics = Intrinsics {
            fx: sensor.fx?,
            fy: sensor.fy?,
            cx: sensor.cx?,
            cy: sensor.cy?,
            width: u32::try_from(sensor.width?).ok()?,
            height: u32::try_from(sensor.height?).ok()?,
        };
        let model = CameraModel::from_coefficients(sensor.camera_model.as_deref()?, &sensor.distortion).ok()?;
        Camera::new(intrinsics, model).ok()
    }

    pub(crate) fn world_from_ego(&self, at: Moment<'_>) -> Option<Se3> {
        self.path.at(at.stamp_ns?)
    }

    pub(crate) fn world_from_sensor(&self, at: Moment<'_>) -> Option<Se3> {
        Some(self.world_from_ego(at)? * self.ego_from_sensor(at.sensor_id)?)
    }

    /// The way to the ego frame from `ego`, `sensor` or `world`, as the tables name coordinate frames; nothing where nobody knows it.
    pub(crate) fn ego_from(&self, frame: &str, at: Moment<'_>) -> Option<Se3> {
        match frame {
            "ego" => Some(Se3::IDENTITY),
            "sensor" => self.ego_from_sensor(at.sensor_id),
            "world" => Some(self.world_from_ego(at)?.inverse()),
            _ => None,
        }
    }

    /// A cuboid in the ego frame, from the ten numbers of the tables and the frame that they name.
    pub(crate) fn cuboid_in_ego(&self, (numbers, frame): (&[f64], &str), at: Moment<'_>) -> Option<Cuboid> {
        let cuboid = Cuboid::from_slice(numbers).ok()?;
        if frame == "ego" {
            // To the last bit: a turn by nothing may round.
            return Some(cuboid);
        }
        Some(cuboid.transformed(self.ego_from(frame, at)?))
    }

    /// A velocity along the ego frame's axes, from `x y` or `x y z` (m/s) along those of the frame that is named.
    pub(crate) fn velocity_in_ego(&self, (velocity, frame): (&[f64], &str), at: Moment<'_>) -> Option<DVec3> {
        let velocity = match velocity {
            [x, y] => DVec3::new(*x, *y, 0.0),
            [x, y, z] => DVec3::new(*x, *y, *z),
            _ => return None,
        };
        Some(self.ego_from(frame, at)?.transform_vector(velocity))
    }
}
