//! Every labelled object of a scene, with its cuboid.

use std::collections::BTreeMap;

use guideway_core::{Cuboid, DVec3, Se3};

use crate::environment::StaticObject;
use crate::object::ObjectClass;
use crate::render::{ObjectId, STATIC_BASE, Snapshot};
use crate::sensors::world_from_body;
use crate::state::{ActorState, SignalState};

/// A labelled object of a scene.
#[derive(Debug, Clone, Copy)]
pub enum Thing<'a> {
    /// An actor.
    Actor(&'a ActorState),
    /// A thing that stands still: its number, itself, and the state of the signal that it shows.
    Standing(ObjectId, &'a StaticObject, Option<SignalState>),
}

impl<'a> Thing<'a> {
    /// The object with this number.
    pub fn find(snapshot: &Snapshot<'a>, id: ObjectId) -> Option<Self> {
        if let Some(index) = id.checked_sub(STATIC_BASE) {
            let object = snapshot.environment.objects.get(index as usize)?;
            let state = object
                .signal
                .and_then(|signal| snapshot.state.signals.get(signal as usize).copied());
            return Some(Self::Standing(id, object, state));
        }
        let actors = &snapshot.state.actors;
        // Actors are sorted by id; a state that breaks this is still searched.
        let place = actors.binary_search_by_key(&id, |a| a.id).ok();
        let found = place.or_else(|| actors.iter().position(|a| a.id == id))?;
        Some(Self::Actor(&actors[found]))
    }

    /// Every object: actors in their order, then what stands still.
    pub fn all(snapshot: &Snapshot<'a>) -> impl Iterator<Item = Self> {
        let standing = (0..snapshot.environment.objects.len() as u32).map(|i| STATIC_BASE + i);
        let snapshot = snapshot.clone();
        snapshot
            .state
            .actors
            .iter()
            .map(Self::Actor)
            .chain(standing.filter_map(move |id| Self::find(&snapshot, id)))
    }

    /// Its number.
    pub fn id(&self) -> ObjectId {
        match self {
            Self::Actor(actor) => actor.id,
            Self::Standing(id, ..) => *id,
        }
    }

    /// Its class.
    pub fn class(&self) -> ObjectClass {
        match self {
            Self::Actor(actor) => actor.model.class,
            Self::Standing(_, object, _) => object.class,
        }
    }

    /// What it is in its class: `sedan`, `child`, `stop`, ….
    pub fn kind(&self) -> &'a str {
        match self {
            Self::Actor(actor) => actor.model.kind,
            Self::Standing(_, object, _) => &object.kind,
        }
    }

    /// Its cuboid in the world, `dt` seconds after the snapshot.
    pub fn cuboid(&self, dt: f64) -> Cuboid {
        let (pose, size) = match self {
            Self::Actor(actor) => {
                let size = actor.model.size.as_dvec3();
                let world_from_body = world_from_body(actor, dt);
                let center = world_from_body * DVec3::new(0.0, 0.0, size.z / 2.0);
                (Se3::new(world_from_body.rotation(), center), size)
            }
            Self::Standing(_, object, _) => (
                Se3::new(object.rotation.as_dquat(), object.center.as_dvec3()),
                object.size.as_dvec3(),
            ),
        };
        let pose = pose.unwrap_or_default();
        let size = if size.is_finite() {
            size.max(DVec3::ZERO)
        } else {
            DVec3::ZERO
        };
        Cuboid {
            center: pose.translation(),
            length: size.x,
            width: size.y,
            height: size.z,
            rotation: pose.rotation(),
        }
    }

    /// Velocity in the world, m/s.
    pub fn velocity(&self) -> DVec3 {
        match self {
            Self::Actor(actor) => actor.velocity.as_dvec3(),
            Self::Standing(..) => DVec3::ZERO,
        }
    }

    /// Rate of turn about the world's z, rad/s.
    pub fn yaw_rate(&self) -> f64 {
        match self {
            Self::Actor(actor) => f64::from(actor.yaw_rate),
            Self::Standing(..) => 0.0,
        }
    }

    /// What else is known: the model's attributes, `activity`, `lamps` that are lit (joined by `+`), `signal`.
    pub fn attributes(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        match self {
            Self::Actor(actor) => {
                let known = actor.model.attributes.iter();
                out.extend(known.map(|(name, value)| ((*name).to_owned(), value.clone())));
                if !actor.activity.is_empty() {
                    out.insert("activity".to_owned(), actor.activity.to_owned());
                }
                let lamps = lit(actor);
                if !lamps.is_empty() {
                    out.insert("lamps".to_owned(), lamps.join("+"));
                }
            }
            Self::Standing(_, _, Some(state)) => {
                out.insert("signal".to_owned(), signal_word(*state).to_owned());
            }
            Self::Standing(_, _, None) => {}
        }
        out
    }
}

/// Lamps of an actor that are lit.
fn lit(actor: &ActorState) -> Vec<&'static str> {
    let lamps = actor.lamps;
    [
        (lamps.head, "head"),
        (lamps.tail, "tail"),
        (lamps.brake, "brake"),
        (lamps.left, "left"),
        (lamps.right, "right"),
        (lamps.reverse, "reverse"),
        (lamps.beacon, "beacon"),
    ]
    .into_iter()
    .filter_map(|(on, name)| on.then_some(name))
    .collect()
}

/// The word for a signal's state in labels.
pub fn signal_word(state: SignalState) -> &'static str {
    match state {
        SignalState::Red => "red",
        SignalState::RedAmber => "red_amber",
        SignalState::Green => "green",
        SignalState::Amber => "amber",
        SignalState::Off => "off",
    }
}
