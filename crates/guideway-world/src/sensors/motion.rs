//! Poses within one step of the simulation, in 64-bit floats.

use glam::{DQuat, DVec3};
use guideway_core::Se3;

use crate::state::{ActorState, WorldState};

/// `world_from_body` of an actor `dt` seconds after its state, at constant velocity and rate of turn: what
/// [`ActorState::at`] gives, in 64-bit floats.
pub fn world_from_body(actor: &ActorState, dt: f64) -> Se3 {
    let rotation = DQuat::from_rotation_z(f64::from(actor.yaw_rate) * dt) * actor.rotation.as_dquat();
    let position = actor.position.as_dvec3() + actor.velocity.as_dvec3() * dt;
    // A state that is not finite has no pose; the origin keeps the caller going.
    Se3::new(rotation, position).unwrap_or_default()
}

/// How the ego vehicle moves around the moment of a snapshot: constant velocity and rate of turn.
#[derive(Debug, Clone, Copy)]
pub struct EgoMotion<'a> {
    ego: Option<&'a ActorState>,
}

impl<'a> EgoMotion<'a> {
    /// Of the ego vehicle in this state; one that stands at the origin where there is none.
    pub fn of(state: &'a WorldState) -> Self {
        Self {
            ego: state.ego.as_ref(),
        }
    }

    /// `world_from_ego`, `dt` seconds after the snapshot.
    pub fn world_from_ego(&self, dt: f64) -> Se3 {
        self.ego.map_or(Se3::IDENTITY, |ego| world_from_body(ego, dt))
    }

    /// Velocity, in the world, of a point fixed to the ego vehicle (ego frame, m), m/s.
    pub fn velocity_of(&self, point_in_ego: DVec3, dt: f64) -> DVec3 {
        self.ego.map_or(DVec3::ZERO, |ego| {
            let arm = self.world_from_ego(dt).transform_vector(point_in_ego);
            ego.velocity.as_dvec3() + DVec3::Z.cross(arm) * f64::from(ego.yaw_rate)
        })
    }
}
