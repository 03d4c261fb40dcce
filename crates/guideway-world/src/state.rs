//! The world at one moment: who is where, how they stand, which lamps are lit.

use std::sync::Arc;

use glam::{Affine3A, Quat, Vec3};

use crate::actors::Model;

/// Which lamps of an actor are on.
#[expect(clippy::struct_excessive_bools, reason = "each lamp has its own switch")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lamps {
    /// Low beam and front position lights.
    pub head: bool,
    /// Tail lights.
    pub tail: bool,
    /// Brake lights.
    pub brake: bool,
    /// Left indicator, lit at this moment (blinking is the simulation's).
    pub left: bool,
    /// Right indicator, lit at this moment.
    pub right: bool,
    /// Reversing lights.
    pub reverse: bool,
    /// Beacons, lit at this moment.
    pub beacon: bool,
}

/// How an actor's joints stand. Each model uses what it has.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Articulation {
    /// Angle that the wheels have rolled through, rad.
    pub wheel: f32,
    /// Steering angle of the front wheels or fork, rad, left positive.
    pub steer: f32,
    /// Phase of the gait or of the pedals, in cycles: one cycle is two steps or one turn of the pedals.
    pub gait: f32,
    /// Speed over ground that the gait belongs to, m/s; 0 stands still.
    pub pace: f32,
    /// Angle of a trailer or of the rear section of an articulated bus against the front, rad, left positive.
    pub hitch: f32,
    /// Lean of a two-wheeler into a curve, rad, left positive.
    pub lean: f32,
}

/// One actor at one moment.
#[derive(Debug, Clone)]
pub struct ActorState {
    /// Track id, unique in a recording, from 1.
    pub id: u32,
    /// Its shape.
    pub model: Arc<Model>,
    /// Position of the centre of its footprint, on the ground, world, m.
    pub position: Vec3,
    /// Orientation `world_from_body` (body: x forward, y left, z up).
    pub rotation: Quat,
    /// Velocity in the world frame, m/s: what the simulation moved it by in its last step, divided by the step.
    pub velocity: Vec3,
    /// Rate of turn about the world's z, rad/s.
    pub yaw_rate: f32,
    /// Longitudinal acceleration, m/s².
    pub acceleration: f32,
    /// Joints.
    pub articulation: Articulation,
    /// Lamps.
    pub lamps: Lamps,
    /// What it does, for labels: `driving`, `parked`, `stopped`, `walking`, `standing`, `crossing`, `lying`, `overturned`, ….
    pub activity: &'static str,
}

impl ActorState {
    /// `world_from_body`.
    pub fn world_from_body(&self) -> Affine3A {
        Affine3A::from_rotation_translation(self.rotation, self.position)
    }

    /// The same actor `dt` seconds later (or earlier), at constant velocity and rate of turn: for rolling shutters, motion blur
    /// and lidar sweeps within one step.
    #[must_use]
    pub fn at(&self, dt: f32) -> Self {
        Self {
            position: self.position + self.velocity * dt,
            rotation: Quat::from_rotation_z(self.yaw_rate * dt) * self.rotation,
            ..self.clone()
        }
    }
}

/// State of a traffic signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalState {
    /// Stop.
    #[default]
    Red,
    /// About to go.
    RedAmber,
    /// Go.
    Green,
    /// About to stop.
    Amber,
    /// Out of order.
    Off,
}

/// The world at one moment.
#[derive(Debug, Clone, Default)]
pub struct WorldState {
    /// Time since the start of the drive, s.
    pub time: f64,
    /// Every actor but the ego vehicle, by id.
    pub actors: Vec<ActorState>,
    /// The ego vehicle.
    pub ego: Option<ActorState>,
    /// State of each signal of the road network, by its index.
    pub signals: Vec<SignalState>,
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
}
