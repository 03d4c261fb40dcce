//! A world put together: roads, surroundings, traffic, and the renderer that looks at them.

use std::path::Path;
use std::sync::Arc;

use glam::Vec2;

use crate::environment::Environment;
use crate::labels::LaneLines;
use crate::params::SceneParams;
use crate::render::{CpuRenderer, Snapshot};
use crate::road::{RoadNetwork, Terrain, surface};
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
    /// Builds a world. `folder` is where a relative `road.opendrive` is looked for; what is left out of that file
    /// [`RoadNetwork::from_opendrive`] says.
    ///
    /// # Errors
    /// An OpenDRIVE file that cannot be used, or parameters that leave no lane to drive on.
    pub fn new(params: SceneParams, folder: &Path, seed: Seed) -> Result<Self, WorldError> {
        let (network, terrain, environment) = standing(&params, folder, seed)?;
        let ground = Arc::new(move |at: Vec2| terrain.height(at));
        let renderer = CpuRenderer::new(&environment);
        let mut traffic = Traffic::new(&network, ground, &params, seed.child("traffic"))?;
        traffic.warm_up(WARM_UP_S);
        Ok(Self {
            lane_lines: LaneLines::new(&network),
            params,
            seed,
            network,
            environment,
            renderer,
            traffic,
        })
    }

    /// Where the walls of buildings stand in the world that [`World::new`] builds of the same, without the rest of it: [`Environment::walled`].
    ///
    /// # Errors
    /// As [`World::new`].
    pub fn walled(params: &SceneParams, folder: &Path, seed: Seed) -> Result<Vec<[[f64; 2]; 4]>, WorldError> {
        Ok(standing(params, folder, seed)?.2.walled)
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
}

/// All that stands still in a world.
fn standing(
    params: &SceneParams,
    folder: &Path,
    seed: Seed,
) -> Result<(RoadNetwork, Arc<Terrain>, Environment), WorldError> {
    let roads = seed.child("road");
    let network = match &params.road.opendrive {
        Some(file) => RoadNetwork::from_opendrive(&folder.join(file), &params.road, &params.surroundings, roads)?.0,
        None => RoadNetwork::generate(&params.road, &params.surroundings, roads)?,
    };
    let terrain = Arc::new(Terrain::new(&network, &params.road, seed.child("terrain")));
    let road = surface(&network, &terrain, &params.road, seed.child("surface"));
    let ground = |at: Vec2| terrain.height(at);
    let environment = Environment::generate(&network, &ground, road, params, seed.child("environment"));
    Ok((network, terrain, environment))
}
