//! One picture: taken, labelled, encoded, and made again from what it records of itself.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::labels::{FrameLabels, LabelOptions, Picture, label_picture};
use crate::params::SceneParams;
use crate::render::{CameraFrame, ObjectId, Renderer as _, Shot};
use crate::sensors::Rig;
use crate::sensors::rig::CameraSpec;
use crate::state::WorldState;
use crate::world::World;
use crate::{Seed, WorldError};

/// A picture with its labels.
#[derive(Debug, Clone)]
pub struct CameraReading {
    /// Pixels, depth, objects, semantics.
    pub frame: CameraFrame,
    /// The picture as JPEG.
    pub jpeg: Vec<u8>,
    /// Its labels.
    pub labels: FrameLabels,
}

/// What makes a picture again, bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameOrigin {
    /// Version of guideway that made it.
    pub version: String,
    /// Seed of the world.
    pub seed: u64,
    /// The camera, as the rig has it.
    pub camera: CameraSpec,
    /// Nanoseconds since the start of the drive.
    pub time_ns: i64,
    /// The resolved parameters.
    pub params: SceneParams,
}

impl FrameOrigin {
    /// Of the picture that this camera takes of this world at this time.
    pub fn new(world: &World, camera: &CameraSpec, time_ns: i64) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: world.seed().value(),
            camera: camera.clone(),
            time_ns,
            params: world.params().clone(),
        }
    }

    /// Makes the picture again, as JPEG the same bytes. Its labels are the same but for the points of a lidar on each object, which are
    /// not counted. `folder` is where a relative `road.opendrive` is looked for.
    ///
    /// # Errors
    /// What [`World::new`] says, and a camera that [`Rig::check`](crate::sensors::Rig::check) would refuse.
    pub fn remake(&self, folder: &Path) -> Result<CameraReading, WorldError> {
        let rig = Rig {
            cameras: vec![self.camera.clone()],
            ..Rig::default()
        };
        rig.check("the picture's origin")?;
        let mut world = World::new(self.params.clone(), folder, Seed::new(self.seed))?;
        let state = world.state_at(seconds(self.time_ns));
        take(&world, &state, &self.camera, self.time_ns, None)
    }
}

/// Nanoseconds as seconds.
pub(crate) fn seconds(ns: i64) -> f64 {
    ns as f64 * 1e-9
}

/// How this camera takes the picture at this time; its noise is a function of the world, the camera's name and the time.
///
/// # Errors
/// Numbers that make no camera; a checked rig has none.
pub(crate) fn shot(world: Seed, camera: &CameraSpec, time_ns: i64) -> Result<Shot, WorldError> {
    let seed = world.child("picture").child(&camera.name).index(time_ns as u64);
    camera.shot(seed).map_err(|err| WorldError::Rig {
        origin: "the rig".to_owned(),
        sensor: camera.name.clone(),
        parameter: "model".to_owned(),
        value: camera.model.name().to_owned(),
        problem: err.to_string(),
    })
}

/// Takes the picture of this state of the world, labels it and encodes it. `lidar_points` are those on each object in the sweep
/// that belongs to the picture.
///
/// # Errors
/// Numbers that make no camera, or a size that JPEG does not have; a checked rig has neither.
pub fn take(
    world: &World,
    state: &WorldState,
    camera: &CameraSpec,
    time_ns: i64,
    lidar_points: Option<&BTreeMap<ObjectId, u32>>,
) -> Result<CameraReading, WorldError> {
    let shot = shot(world.seed(), camera, time_ns)?;
    let snapshot = world.snapshot(state);
    let frame = world.renderer().camera(&snapshot, &shot);
    let view = Picture {
        renderer: world.renderer(),
        snapshot: &snapshot,
        shot: &shot,
        frame: &frame,
        lanes: Some(world.lane_lines()),
        lidar_points,
    };
    let (labels, jpeg) = rayon::join(
        || label_picture(&view, &LabelOptions::default()).map_err(|err| failed(&frame, &err)),
        || encode_jpeg(&frame, camera.jpeg_quality),
    );
    Ok(CameraReading {
        labels: labels?,
        jpeg: jpeg?,
        frame,
    })
}

/// The error of a picture that cannot be labelled or encoded.
pub(crate) fn failed(frame: &CameraFrame, err: &dyn std::error::Error) -> WorldError {
    WorldError::Picture {
        width: frame.width,
        height: frame.height,
        problem: err.to_string(),
    }
}

/// A picture as JPEG of this quality, 1 to 100.
///
/// # Errors
/// A size that JPEG does not have.
pub fn encode_jpeg(frame: &CameraFrame, quality: u8) -> Result<Vec<u8>, WorldError> {
    crate::jpeg::encode(&frame.rgb, frame.width, frame.height, quality).map_err(|err| failed(frame, &err))
}
