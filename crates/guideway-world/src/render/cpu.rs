//! The renderer on the CPU.

use std::sync::{Arc, Mutex, PoisonError};

use glam::Vec3;

use super::lens::RayCache;
use super::noise::Noise;
use super::picture::Picture;
use super::post::Tables;
use super::scene::{Moving, Shapes, Standing};
use super::shade::Scene;
use super::shadow::Blockers;
use super::sky::Sky;
use super::{CameraFrame, Hit, ObjectId, Ray, Renderer, Shot, Silhouette, Snapshot};
use crate::environment::Environment;
use crate::state::WorldState;

/// States whose actors are kept: pictures and sweeps of a few moments are worked on at the same time.
const KEPT_STATES: usize = 4;

/// Renders one environment by ray casting: 64 camera rays at once, shadows 64 at once, other rays eight at once.
///
/// The middle of the pixel in column `x` and row `y` is at `(x + ½, y + ½)`.
#[derive(Debug)]
pub struct CpuRenderer {
    pub(crate) standing: Standing,
    shapes: Shapes,
    rays: RayCache,
    noise: Noise,
    tables: Tables,
    moving: Mutex<Vec<Arc<Moving>>>,
    /// What stands, in the frame of the last sun.
    blockers: Mutex<Option<(Vec3, Arc<Blockers>)>>,
}

impl CpuRenderer {
    /// Makes an environment ready: builds the tree over its triangles.
    pub fn new(environment: &Environment) -> Self {
        Self {
            standing: Standing::new(environment),
            shapes: Shapes::default(),
            rays: RayCache::default(),
            noise: Noise::new(),
            tables: Tables::new(),
            moving: Mutex::new(Vec::new()),
            blockers: Mutex::new(None),
        }
    }

    /// The actors of this state; kept for the next calls with the same state.
    pub(crate) fn moving(&self, state: &WorldState) -> Arc<Moving> {
        let (actors, ego) = (&state.actors, state.ego.as_ref());
        let kept = || self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let find = |kept: &[Arc<Moving>]| kept.iter().find(|m| m.is_of(actors, ego)).cloned();
        if let Some(known) = find(&kept()) {
            return known;
        }
        // Without the lock: whoever waits for other threads may be given work that asks for actors too.
        let moving = Arc::new(Moving::new(&self.shapes, actors, ego));
        let mut kept = kept();
        if let Some(known) = find(&kept) {
            return known;
        }
        if kept.len() >= KEPT_STATES {
            kept.remove(0);
        }
        kept.push(Arc::clone(&moving));
        moving
    }

    /// What stands, in the frame of a sun; kept while the sun stays where it is.
    fn blockers(&self, sun: Vec3) -> Arc<Blockers> {
        let kept = || self.blockers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, blockers)) = &*kept()
            && *known == sun
        {
            return Arc::clone(blockers);
        }
        let blockers = Arc::new(Blockers::standing(&self.standing, sun));
        *kept() = Some((sun, Arc::clone(&blockers)));
        blockers
    }
}

impl Renderer for CpuRenderer {
    fn camera(&self, snapshot: &Snapshot<'_>, shot: &Shot) -> CameraFrame {
        let moving = self.moving(snapshot.state);
        let sky = Sky::new(snapshot.params);
        let blockers = (sky.direct != Vec3::ZERO).then(|| self.blockers(sky.sun));
        let scene = Scene::new(&self.standing, &moving, snapshot, &self.noise, sky, blockers.as_deref());
        Picture::new(&scene, shot, &self.rays).take(snapshot, &self.tables)
    }

    fn cast(&self, snapshot: &Snapshot<'_>, rays: &[Ray], hits: &mut Vec<Hit>) {
        let moving = self.moving(snapshot.state);
        super::cast::cast(&self.standing, &moving, rays, hits);
    }

    fn silhouettes(&self, snapshot: &Snapshot<'_>, shot: &Shot, objects: &[ObjectId]) -> Vec<Silhouette> {
        let moving = self.moving(snapshot.state);
        super::silhouette::silhouettes(&self.standing, &moving, &self.rays, snapshot, shot, objects)
    }
}
