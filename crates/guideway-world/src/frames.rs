//! Single frames of many scenes.

use std::collections::VecDeque;
use std::path::Path;

use rayon::prelude::*;

use crate::params::WorldConfig;
use crate::picture::{CameraReading, FrameOrigin, seconds, take};
use crate::sensors::rig::CameraSpec;
use crate::world::World;
use crate::{Seed, WorldError};

/// Time between two frames of a scene, ns: enough for the picture to be another one.
const APART_NS: i64 = 3_000_000_000;
/// Scenes that are made at the same time. Building one is the work of a single core.
const AT_ONCE: u64 = 4;

/// A frame of a scene.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its number.
    pub index: u64,
    /// The number of its scene.
    pub scene: u64,
    /// What makes it again.
    pub origin: FrameOrigin,
    /// The picture and its labels.
    pub reading: CameraReading,
}

/// What frames to make.
#[derive(Debug, Clone, Copy)]
pub struct FrameSet<'a> {
    /// Where scenes are drawn from.
    pub config: &'a WorldConfig,
    /// Where a relative `road.opendrive` is looked for.
    pub folder: &'a Path,
    /// The camera.
    pub camera: &'a CameraSpec,
    /// The seed.
    pub seed: Seed,
    /// How many frames.
    pub count: u64,
    /// How many of them share a scene, three seconds apart; at least 1.
    pub per_scene: u64,
}

impl<'a> FrameSet<'a> {
    /// The seed of a scene: the one that the same drive of a fleet has.
    pub fn scene_seed(seed: Seed, scene: u64) -> Seed {
        seed.child("drive").index(scene)
    }

    /// How many scenes.
    pub fn scenes(&self) -> u64 {
        self.count.div_ceil(self.per_scene.max(1))
    }

    /// The frames, in order.
    pub fn frames(self) -> Frames<'a> {
        Frames {
            set: self,
            next_scene: 0,
            ready: VecDeque::new(),
        }
    }

    fn scene(&self, scene: u64) -> Result<Vec<Frame>, WorldError> {
        let seed = Self::scene_seed(self.seed, scene);
        let mut world = World::new(self.config.sample(seed)?, self.folder, seed)?;
        let per_scene = self.per_scene.max(1);
        let first = scene * per_scene;
        (first..self.count.min(first + per_scene))
            .map(|index| {
                let time_ns = (index - first) as i64 * APART_NS;
                let state = world.state_at(seconds(time_ns));
                let reading = take(&world, &state, self.camera, time_ns, None)?;
                Ok(Frame {
                    index,
                    scene,
                    origin: FrameOrigin::new(&world, self.camera, time_ns),
                    reading,
                })
            })
            .collect()
    }
}

/// Makes frames in order, several scenes at a time.
#[derive(Debug)]
pub struct Frames<'a> {
    set: FrameSet<'a>,
    next_scene: u64,
    ready: VecDeque<Frame>,
}

impl Iterator for Frames<'_> {
    type Item = Result<Frame, WorldError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() && self.next_scene < self.set.scenes() {
            let end = self.set.scenes().min(self.next_scene + AT_ONCE);
            let made: Result<Vec<Vec<Frame>>, WorldError> = (self.next_scene..end)
                .into_par_iter()
                .map(|scene| self.set.scene(scene))
                .collect();
            self.next_scene = end;
            match made {
                Ok(scenes) => self.ready.extend(scenes.into_iter().flatten()),
                Err(err) => {
                    self.next_scene = self.set.scenes();
                    return Some(Err(err));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
