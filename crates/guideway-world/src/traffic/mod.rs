//! Who goes where.
//!
//! [`Traffic`] puts vehicles, cyclists, people and animals on a road network around the ego vehicle and moves them in steps of
//! [`Traffic::STEP_S`]. Ten times a second everyone decides: drivers follow the Intelligent Driver Model, change lanes by MOBIL,
//! go around what is slow or lies in the way, and enter a junction only with leave; people on foot follow social forces and cross by
//! signal or gap. In between all move smoothly. The same network, parameters and seed give the same states, bit for bit.
//!
//! | file | holds |
//! |---|---|
//! | `track`, `ways`, `pavement` | the network, prepared for driving and walking on |
//! | `idm`, `lane_change`, `pass`, `junction`, `signals`, `outlook` | what drivers see and decide |
//! | `mover`, `walkers`, `body` | how everyone moves, and which ground they cover |
//! | `spawn`, `fleet`, `rare` | who comes and goes, and the rare things |

mod body;
mod decide;
mod fleet;
mod idm;
mod junction;
mod lane_change;
mod mover;
mod outlook;
mod pass;
mod pavement;
mod rare;
mod signals;
mod spawn;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod track;
mod walkers;
mod ways;

use std::sync::Arc;

use glam::{DVec2, DVec3, Quat, Vec2, Vec3};
use rand_chacha::ChaCha8Rng;

use crate::actors::{Model, Variant, generate};
use crate::object::ObjectClass;
use crate::params::SceneParams;
use crate::road::RoadNetwork;
use crate::state::{ActorState, Articulation, Lamps, WorldState};
use crate::{Seed, WorldError};
use body::{Body, BodyKind, Crowd};
use fleet::Fleet;
pub use fleet::MakeModel;
use junction::Junctions;
use mover::{Mover, Sample};
use outlook::Outlook;
use pavement::Pavements;
use signals::Signals;
use spawn::{Place, Spot};
use walkers::{Comer, OnCrossing, Walker};
use ways::Ways;

/// Something that does not move.
#[derive(Debug, Clone)]
struct Still {
    id: u32,
    model: Arc<Model>,
    position: DVec3,
    axis: DVec2,
    activity: &'static str,
    /// The parking place that it stands on.
    spot: Option<usize>,
}

impl Still {
    fn body(&self) -> Body {
        Body {
            id: self.id,
            kind: BodyKind::Thing,
            center: self.position.truncate(),
            axis: self.axis,
            half: DVec2::new(f64::from(self.model.size.x), f64::from(self.model.size.y)) / 2.0,
            velocity: DVec2::ZERO,
            shifting: false,
        }
    }

    fn state(&self) -> ActorState {
        ActorState {
            id: self.id,
            model: Arc::clone(&self.model),
            position: self.position.as_vec3(),
            rotation: Quat::from_rotation_z(self.axis.y.atan2(self.axis.x) as f32),
            velocity: Vec3::ZERO,
            yaw_rate: 0.0,
            acceleration: 0.0,
            articulation: Articulation::default(),
            lamps: Lamps::default(),
            activity: self.activity,
        }
    }
}

/// The height of the surface, m, anywhere in the plane.
pub type Ground = Arc<dyn Fn(Vec2) -> f32 + Send + Sync>;

/// Traffic on a network.
pub struct Traffic {
    ways: Ways,
    pavements: Pavements,
    signals: Signals,
    fleet: Fleet,
    ground: Ground,
    params: SceneParams,
    rng: ChaCha8Rng,
    seed: Seed,
    movers: Vec<Mover>,
    walkers: Vec<Walker>,
    stills: Vec<Still>,
    spots: Vec<Spot>,
    road_places: Vec<Place>,
    walk_places: Vec<Place>,
    next_id: u32,
    tick: u64,
    /// Ticks of warming up, which the clock does not count.
    warm: u64,
    dark: bool,
    /// Length of the longest vehicle that gets around here, m.
    longest: f64,
    crowd: Crowd,
    outlooks: Vec<Outlook>,
    junctions: Junctions,
    on_crossings: Vec<Vec<OnCrossing>>,
    comers: Vec<Vec<Comer>>,
    widths: Vec<f64>,
    scratch: Vec<Sample>,
    state: WorldState,
}

impl std::fmt::Debug for Traffic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Traffic")
            .field("time", &self.time())
            .field("movers", &self.movers.len())
            .field("walkers", &self.walkers.len())
            .field("stills", &self.stills.len())
            .finish_non_exhaustive()
    }
}

impl Traffic {
    /// Length of a step, s.
    pub const STEP_S: f64 = 0.02;

    /// Steps from one decision to the next.
    const STEPS_PER_DECISION: u64 = 5;

    /// Puts everyone on the network around the ego vehicle's start: at speed, spread along the lanes, signals in mid-cycle. `ground`
    /// is the height of the surface everywhere, m.
    ///
    /// # Errors
    /// [`WorldError::Impossible`] when the network has no lane that the ego vehicle could drive on.
    pub fn new(network: &RoadNetwork, ground: Ground, params: &SceneParams, seed: Seed) -> Result<Self, WorldError> {
        let make = |class: ObjectClass, variant: Variant, seed: Seed| generate(class, variant, seed);
        Self::with_models(network, ground, params, seed, Arc::new(make))
    }

    /// As [`new`](Self::new), with shapes from elsewhere.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_models(
        network: &RoadNetwork,
        ground: Ground,
        params: &SceneParams,
        seed: Seed,
        models: Arc<MakeModel>,
    ) -> Result<Self, WorldError> {
        let seed = seed.child("traffic");
        let ways = Ways::new(network);
        let pavements = Pavements::new(network, &ways);
        let road_places = spawn::places(&ways, |_, way| way.drivable() && way.junction.is_none());
        let walk_places = spawn::places(&ways, |i, _| pavements.walkable[i]);
        let crossings = network.crossings.len();
        let mut traffic = Self {
            signals: Signals::new(network, seed),
            fleet: Fleet::new(models, seed),
            ground,
            rng: seed.child("draws").rng(),
            movers: Vec::new(),
            walkers: Vec::new(),
            stills: Vec::new(),
            spots: Spot::all(network, params.traffic.parked, seed),
            road_places,
            walk_places,
            next_id: 1,
            tick: 0,
            warm: 0,
            dark: spawn::dark(params),
            longest: spawn::longest(&ways, params.road.kind),
            crowd: Crowd::default(),
            outlooks: Vec::new(),
            junctions: Junctions::default(),
            on_crossings: vec![Vec::new(); crossings],
            comers: vec![Vec::new(); crossings],
            widths: network.crossings.iter().map(|c| f64::from(c.width)).collect(),
            scratch: Vec::new(),
            state: WorldState::default(),
            params: params.clone(),
            seed,
            ways,
            pavements,
        };
        traffic.signals.at(0.0, &mut traffic.state.signals);
        traffic.populate()?;
        traffic.publish();
        Ok(traffic)
    }

    /// Moves everyone by one step.
    pub fn step(&mut self) {
        let dt = Self::STEP_S;
        if self.tick.is_multiple_of(50) && self.tick > 0 {
            self.come_and_go();
        }
        if self.tick.is_multiple_of(Self::STEPS_PER_DECISION) {
            self.decide();
        }
        for mover in &mut self.movers {
            mover.advance(&self.ways, dt);
        }
        let ground = &self.ground;
        let height = |p: DVec2| f64::from(ground(p.as_vec2()));
        for walker in &mut self.walkers {
            walker.advance(&self.ways, &self.pavements, &height, dt);
        }
        self.tick += 1;
        self.signals.at(self.clock(), &mut self.state.signals);
        self.publish();
    }

    /// Lets traffic run in for this long without counting the time: a few seconds before a single frame settle what the first
    /// placement could not know. What is rare is placed 5 to 20 s ahead of the ego vehicle's start, so do not warm up for longer.
    pub fn warm_up(&mut self, seconds: f64) {
        let steps = (seconds.clamp(0.0, 3600.0) / Self::STEP_S).round() as u64;
        for _ in 0..steps {
            self.step();
        }
        self.warm = self.tick;
        self.state.time = 0.0;
    }

    /// The world now.
    pub fn state(&self) -> &WorldState {
        &self.state
    }

    /// Time since the start, warming up not counted, s.
    pub fn time(&self) -> f64 {
        (self.tick - self.warm) as f64 * Self::STEP_S
    }

    /// Time since traffic was made, s: signals and decisions go by it.
    fn clock(&self) -> f64 {
        self.tick as f64 * Self::STEP_S
    }

    fn ego(&self) -> Option<&Mover> {
        self.movers.first().filter(|mover| mover.ego)
    }

    fn take_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Writes everyone's state.
    fn publish(&mut self) {
        let time = self.clock();
        self.state.time = self.time();
        self.state.ego = self.ego().map(|ego| {
            let mut state = ego.state(time, self.dark);
            state.lamps.head = self.dark && self.params.ego.headlights;
            state
        });
        let actors = &mut self.state.actors;
        actors.clear();
        actors.extend(self.movers.iter().filter(|m| !m.ego).map(|m| m.state(time, self.dark)));
        actors.extend(self.walkers.iter().map(Walker::state));
        actors.extend(self.stills.iter().map(Still::state));
        actors.sort_by_key(|actor| actor.id);
    }

    /// Everyone's footprint.
    fn gather(&mut self) {
        self.crowd.bodies.clear();
        self.crowd.bodies.extend(self.movers.iter().map(Mover::body));
        self.crowd.bodies.extend(self.walkers.iter().map(Walker::body));
        self.crowd.bodies.extend(self.stills.iter().map(Still::body));
        self.crowd.index();
    }
}
