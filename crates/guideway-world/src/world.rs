//! A world put together: roads, surroundings, traffic, and the renderer that looks at them.

use std::path::Path;
use std::sync::Arc;

use glam::{Quat, Vec2};

use crate::environment::Environment;
use crate::labels::LaneLines;
use crate::params::SceneParams;
use crate::render::{CpuRenderer, Snapshot};
use crate::road::{ImportWarning, RoadNetwork, Terrain, surface};
use crate::state::WorldState;
use crate::traffic::Traffic;
use crate::{Seed, WorldError};

/// Traffic runs for this long before a drive begins, so that nobody starts from rest, s.
const WARM_UP_S: f64 = 4.0;

/// A world that runs.
pub struct World {
    params: SceneParams,
    seed: Seed,
    network: RoadNetwork,
    warnings: Vec<ImportWarning>,
    environment: Environment,
    lane_lines: LaneLines,
    renderer: CpuRenderer,
    traffic: Traffic,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("lanes", &self.network.lanes.len())
            .field("pieces", &self.environment.pieces.len())
            .finish_non_exhaustive()
    }
}

impl World {
    /// Builds a world. `folder` is where a relative `road.opendrive` is looked for.
    ///
    /// # Errors
    /// An OpenDRIVE file that cannot be used, or parameters that leave no lane to drive on.
    pub fn new(params: SceneParams, folder: &Path, seed: Seed) -> Result<Self, WorldError> {
        let roads = seed.child("road");
        let (network, warnings) = match &params.road.opendrive {
            Some(file) => RoadNetwork::from_opendrive(&folder.join(file), &params.road, &params.surroundings, roads)?,
            None => (
                RoadNetwork::generate(&params.road, &params.surroundings, roads)?,
                Vec::new(),
            ),
        };
        let terrain = Arc::new(Terrain::new(&network, &params.road, seed.child("terrain")));
        let road = surface(&network, &terrain, &params.road, seed.child("surface"));
        let ground = {
            let terrain = Arc::clone(&terrain);
            Arc::new(move |at: Vec2| terrain.height(at))
        };
        let environment = Environment::generate(&network, ground.as_ref(), road, &params, seed.child("environment"));
        let renderer = CpuRenderer::new(&environment);
        let mut traffic = Traffic::new(&network, ground, &params, seed.child("traffic"))?;
        traffic.warm_up(WARM_UP_S);
        Ok(Self {
            lane_lines: LaneLines::new(&network),
            warnings,
            params,
            seed,
            network,
            environment,
            renderer,
            traffic,
        })
    }

    /// Its parameters.
    pub fn params(&self) -> &SceneParams {
        &self.params
    }

    /// Its seed.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Its roads.
    pub fn network(&self) -> &RoadNetwork {
        &self.network
    }

    /// What was left out of an OpenDRIVE file.
    pub fn warnings(&self) -> &[ImportWarning] {
        &self.warnings
    }

    /// Everything that stands still.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The lane lines, for labels.
    pub fn lane_lines(&self) -> &LaneLines {
        &self.lane_lines
    }

    /// The renderer.
    pub fn renderer(&self) -> &CpuRenderer {
        &self.renderer
    }

    /// Runs on to this time, s; times start at 0 after the warm-up and never go back. Between two steps of the simulation everyone goes
    /// on at constant velocity.
    pub fn state_at(&mut self, time_s: f64) -> WorldState {
        while self.traffic.time() + Traffic::STEP_S <= time_s + 1e-9 {
            self.traffic.step();
        }
        let dt = (time_s - self.traffic.time()) as f32;
        let mut state = self.traffic.state().at(dt);
        state.time = time_s;
        state
    }

    /// What renderers and sensors need of a state.
    pub fn snapshot<'a>(&'a self, state: &'a WorldState) -> Snapshot<'a> {
        Snapshot {
            environment: &self.environment,
            state,
            params: &self.params,
            seed: self.seed,
        }
    }

    /// Triangles of everything that stands still.
    pub fn triangles(&self) -> usize {
        self.environment
            .pieces
            .iter()
            .map(|piece| piece.mesh.triangles.len())
            .sum()
    }
}

impl WorldState {
    /// The same world `dt` seconds later, everyone at constant velocity and rate of turn.
    #[must_use]
    pub fn at(&self, dt: f32) -> Self {
        if dt.abs() < 1e-7 {
            return self.clone();
        }
        Self {
            time: self.time + f64::from(dt),
            actors: self.actors.iter().map(|actor| actor.at(dt)).collect(),
            ego: self.ego.as_ref().map(|ego| ego.at(dt)),
            signals: self.signals.clone(),
        }
    }

    /// Heading of the ego vehicle, rad; 0 without one.
    pub fn ego_yaw(&self) -> f32 {
        self.ego.as_ref().map_or(0.0, |ego| {
            let forward = ego.rotation * Quat::IDENTITY.mul_vec3(glam::Vec3::X);
            forward.y.atan2(forward.x)
        })
    }
}
