//! What is tracked, in images and in the world: rows of the tables as detections, the sensor's own motion, and tracks as rows.

use guideway_core::{BBox, CameraModel, DVec3, Se3};
use guideway_eval::track::{BoxDetection, CuboidDetection, Image, Space, TrackView, Warp, World};
use guideway_schema::{FrameRow, TrackRow};

use crate::placement::Placement;

/// What was detected, whichever table it stands in.
pub(super) struct Found {
    pub(super) prediction_id: String,
    pub(super) class: u32,
    pub(super) score: f64,
    pub(super) bbox: BBox,
    /// Ten numbers, the frame that they are in, and the velocity along its axes.
    pub(super) cuboid: Option<(Vec<f64>, String, Vec<f64>)>,
}

/// What the camera's turning did to its image since the frame before.
fn warp(place: &Placement, before: Option<&FrameRow>, frame: &FrameRow) -> Warp {
    let turned = || {
        let camera = place.camera(&frame.sensor_id)?;
        // Beyond the lens' distortion a fisheye's image is not moved by a homography.
        if !matches!(camera.model(), CameraModel::Pinhole | CameraModel::BrownConrady { .. }) {
            return None;
        }
        let then = place.world_from_sensor(before?.into())?;
        let now = place.world_from_sensor(frame.into())?;
        let turn = now.rotation().inverse() * then.rotation();
        let k = camera.intrinsics();
        // K R K⁻¹, column by column of R K⁻¹ applied to pixels (1, 0, 0), (0, 1, 0) and (0, 0, 1).
        let columns = [
            DVec3::new(1.0 / k.fx, 0.0, 0.0),
            DVec3::new(0.0, 1.0 / k.fy, 0.0),
            DVec3::new(-k.cx / k.fx, -k.cy / k.fy, 1.0),
        ]
        .map(|ray| turn * ray)
        .map(|ray| [k.fx * ray.x + k.cx * ray.z, k.fy * ray.y + k.cy * ray.z, ray.z]);
        Warp::homography([0, 1, 2].map(|row| [0, 1, 2].map(|column| columns[column][row]))).ok()
    };
    turned().unwrap_or_default()
}

/// A space in which rows of the tables can be followed.
pub(super) trait Follow: Space {
    /// How the sensor moved since the frame before; none for a frame that cannot be used.
    fn ego(place: &Placement, before: Option<&FrameRow>, frame: &FrameRow) -> Option<Self::Ego>;
    /// A detection; none for one that cannot be placed.
    fn detection(found: &Found, place: &Placement, frame: &FrameRow) -> Option<Self::Detection>;
    /// Writes where a track is.
    fn place(view: &TrackView<Self>, place: &Placement, row: &mut TrackRow);
}

impl Follow for Image {
    fn ego(place: &Placement, before: Option<&FrameRow>, frame: &FrameRow) -> Option<Warp> {
        Some(warp(place, before, frame))
    }

    fn detection(found: &Found, _: &Placement, _: &FrameRow) -> Option<BoxDetection> {
        Some(BoxDetection {
            class: found.class,
            score: found.score,
            bbox: found.bbox,
        })
    }

    fn place(view: &TrackView<Self>, _: &Placement, row: &mut TrackRow) {
        let bbox = view.shape;
        row.x_min = Some(bbox.x_min);
        row.y_min = Some(bbox.y_min);
        row.x_max = Some(bbox.x_max);
        row.y_max = Some(bbox.y_max);
        row.velocity = view.motion.velocity.to_vec();
    }
}

impl Follow for World {
    fn ego(place: &Placement, _: Option<&FrameRow>, frame: &FrameRow) -> Option<Se3> {
        if place.path.is_empty() {
            // Nothing says how the vehicle moved: objects are followed as it sees them.
            return Some(Se3::IDENTITY);
        }
        place.path.at(frame.timestamp_ns?)
    }

    fn detection(found: &Found, place: &Placement, frame: &FrameRow) -> Option<CuboidDetection> {
        let (numbers, axes, velocity) = found.cuboid.as_ref()?;
        let cuboid = place.cuboid_in_ego((numbers, axes), frame.into())?;
        let velocity = place.velocity_in_ego((velocity, axes), frame.into());
        Some(CuboidDetection {
            class: found.class,
            score: found.score,
            cuboid,
            velocity: velocity.map(|velocity| velocity.to_array()),
        })
    }

    fn place(view: &TrackView<Self>, place: &Placement, row: &mut TrackRow) {
        row.cuboid = view.shape.to_array().to_vec();
        row.cuboid_frame = Some(if place.path.is_empty() { "ego" } else { "world" }.to_owned());
        let [x, y, _] = view.motion.velocity;
        row.velocity = vec![x, y];
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use guideway_eval::severity::EgoPath;
    use guideway_schema::SensorRow;

    use super::*;

    #[test]
    fn what_is_far_moves_as_the_camera_turns() {
        // Looks ahead: x right, y down, z forward in the camera; x forward, y left, z up in the vehicle.
        let looking =
            Se3::from_rotation_rows([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]], [1.5, 0.1, 1.4]).unwrap();
        let front = SensorRow {
            camera_model: Some("pinhole".to_owned()),
            fx: Some(800.0),
            fy: Some(820.0),
            cx: Some(640.0),
            cy: Some(360.0),
            width: Some(1280),
            height: Some(720),
            ego_from_sensor: looking.to_array().to_vec(),
            ..SensorRow::default()
        };
        let pose = |yaw: f64, x: f64| Se3::from_yaw(yaw, DVec3::new(x, 0.0, 0.0)).unwrap();
        let place = Placement {
            path: EgoPath::new(vec![(0, pose(0.0, 0.0)), (100_000_000, pose(0.03, 1.0))]),
            sensors: BTreeMap::from([("front".to_owned(), front)]),
        };
        let frame = |stamp: i64| FrameRow {
            sensor_id: "front".to_owned(),
            timestamp_ns: Some(stamp),
            ..FrameRow::default()
        };
        let (then, now) = (frame(0), frame(100_000_000));
        let turn = warp(&place, Some(&then), &now);
        let far = DVec3::new(20_000.0, 3_000.0, 1_000.0);
        let seen = |frame: &FrameRow| {
            let world_from_camera = place.world_from_sensor(frame.into()).unwrap();
            let camera = place.camera("front").unwrap();
            camera
                .project(world_from_camera.inverse().transform_point(far))
                .unwrap()
        };
        let (expected, moved) = (seen(&now), turn.apply(seen(&then)).unwrap());
        assert!((seen(&then)[0] - expected[0]).abs() > 20.0, "the turn shows");
        assert!(
            (0..2).all(|axis| (moved[axis] - expected[axis]).abs() < 0.1),
            "{moved:?} {expected:?}"
        );
        // Without a frame before, or without poses, nothing is known.
        assert_eq!(warp(&place, None, &now), Warp::IDENTITY);
        assert_eq!(warp(&place, Some(&then), &frame(9_000_000_000)), Warp::IDENTITY);
    }
}
