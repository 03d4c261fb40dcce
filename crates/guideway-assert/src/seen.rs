//! Observations made fit for checking: what cannot be is taken out and counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use guideway_core::{BBox, Cuboid, DVec3, Se3};

use crate::input::{Axes, Frame, Observation, View};
use crate::motion::{Kind, Sight};
use crate::outcome::Outcome;
use crate::params::Shared;
use crate::place::Place;
use crate::rules::{ANY, Rules};

/// Coordinates beyond this are no places on Earth, m.
const FARTHEST: f64 = 1e8;

/// Classes as the rules see them, found once for each name.
#[derive(Debug)]
pub(crate) struct Kinds {
    limits: BTreeMap<String, (Arc<str>, Arc<crate::rules::ClassLimits>)>,
    ignore: Vec<String>,
    found: BTreeMap<String, Option<Kind>>,
}

impl Kinds {
    pub(crate) fn new(rules: &Rules, shared: &Shared) -> Self {
        let limits = rules
            .groups()
            .map(|group| {
                (
                    group.to_owned(),
                    (Arc::from(group), Arc::new(rules.limits(group).clone())),
                )
            })
            .collect();
        Self {
            limits,
            ignore: shared
                .ignore
                .iter()
                .map(|name| guideway_core::taxonomy::normalise(name))
                .collect(),
            found: BTreeMap::new(),
        }
    }

    /// `None` for a class that is to be left alone.
    fn get(&mut self, rules: &Rules, class: &str) -> Option<Kind> {
        if let Some(kind) = self.found.get(class) {
            return kind.clone();
        }
        let name = guideway_core::taxonomy::normalise(class);
        let (group, _) = rules.group(class);
        let (group_name, limits) = &self.limits[group];
        let kind = (!self.ignore.contains(&name)).then(|| Kind {
            group: group_name.clone(),
            name: if group == ANY {
                Arc::from(name)
            } else {
                group_name.clone()
            },
            limits: limits.clone(),
        });
        self.found.insert(class.to_owned(), kind.clone());
        kind
    }
}

/// An observation that can be checked.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) row: u32,
    pub(crate) id: Option<String>,
    /// The object's key; empty until it is linked.
    pub(crate) key: String,
    pub(crate) track: Option<String>,
    /// The cuboid, over ground where that is possible.
    pub(crate) cuboid: Option<Cuboid>,
    pub(crate) sight: Sight,
    pub(crate) points: Option<u32>,
    /// Lower side above the ground, m.
    pub(crate) above_ground: Option<f64>,
    pub(crate) in_solid: Option<bool>,
    /// How much of it is hidden, 0..=1.
    pub(crate) hidden: f64,
}

impl Seen {
    pub(crate) fn bbox(&self) -> Option<BBox> {
        self.sight.place.bbox
    }
}

fn good_cuboid(cuboid: &Cuboid) -> bool {
    let q = cuboid.rotation;
    cuboid.to_array().iter().all(|v| v.is_finite())
        && cuboid.length > 0.0
        && cuboid.width > 0.0
        && cuboid.height > 0.0
        && cuboid.center.abs().max_element() < FARTHEST
        && (q.length() - 1.0).abs() < 1e-3
}

/// The frame's view, if it makes sense.
pub(crate) fn good_view(frame: &Frame<'_>, outcome: &mut Outcome) -> View {
    match frame.view {
        View::Image { width, height } if !(width >= 1.0 && height >= 1.0 && width < 1e6 && height < 1e6) => {
            outcome.warn(
                "bad-image-size",
                format!("an image of {width} × {height} px: its borders are taken as unknown"),
                || place_of(frame),
            );
            View::Unknown
        }
        view => view,
    }
}

pub(crate) fn place_of(frame: &Frame<'_>) -> String {
    format!("{}, {}, stamp {}", frame.recording, frame.sensor, frame.stamp_ns)
}

/// Observations above the lowest score and of classes that count, by row. `number` is the frame's number in its stream.
pub(crate) fn clean(
    rules: &Rules,
    kinds: &mut Kinds,
    shared: &Shared,
    (frame, view, number): (&Frame<'_>, View, u64),
    observations: &[Observation<'_>],
    outcome: &mut Outcome,
) -> Vec<Seen> {
    let mut out = Vec::with_capacity(observations.len().min(shared.max_objects as usize));
    for (row, observation) in observations.iter().enumerate() {
        outcome.observations += 1;
        let at = || format!("{}, row {row}", place_of(frame));
        let score = observation.score.filter(|score| {
            let good = (0.0..=1.0).contains(score);
            if !good {
                outcome.warn(
                    "bad-score",
                    format!("score {score} is not within 0 to 1, and is not used"),
                    at,
                );
            }
            good
        });
        if score.is_some_and(|score| score < shared.min_score) {
            outcome.below_score += 1;
            continue;
        }
        let Some(kind) = kinds.get(rules, observation.class) else {
            outcome.ignored += 1;
            continue;
        };
        if &*kind.group == ANY {
            outcome.warn(
                "unknown-class",
                format!(
                    "no class group has {:?}: the limits of \"*\" are used",
                    observation.class
                ),
                at,
            );
        }
        if out.len() == shared.max_objects as usize {
            outcome.warn(
                "too-many-observations",
                format!(
                    "more than {} observations in a frame: the rest is left out",
                    shared.max_objects
                ),
                at,
            );
            continue;
        }
        match clean_one(frame, number, (row, observation), (kind, score), outcome) {
            Some(seen) => out.push(seen),
            None => outcome.warn("no-geometry", "neither a box nor a cuboid: nothing can be checked", at),
        }
    }
    // What hides what is known only when all are there.
    let places: Vec<Place> = out.iter().map(|seen| seen.sight.place).collect();
    for (i, seen) in out.iter_mut().enumerate() {
        let others = places
            .iter()
            .enumerate()
            .filter(|(j, _)| *j != i)
            .map(|(_, place)| place);
        seen.hidden = seen.hidden.max(places[i].covered(others));
        seen.sight.cut = seen.hidden > shared.covered || places[i].at_border(view, shared.border_px);
    }
    out
}

fn clean_one(
    frame: &Frame<'_>,
    number: u64,
    (row, observation): (usize, &Observation<'_>),
    (kind, score): (Kind, Option<f64>),
    outcome: &mut Outcome,
) -> Option<Seen> {
    let at = || format!("{}, row {row}", place_of(frame));
    let bbox = observation.bbox.filter(|bbox| {
        if !bbox.is_valid() {
            outcome.warn("bad-box", format!("a box that is empty or not finite: {bbox:?}"), at);
        }
        bbox.is_valid()
    });
    let cuboid = observation.cuboid.filter(|cuboid| {
        let good = good_cuboid(cuboid);
        if !good {
            outcome.warn(
                "bad-cuboid",
                format!("a cuboid that is empty, not finite or nowhere: {:?}", cuboid.to_array()),
                at,
            );
        }
        good
    });
    if bbox.is_none() && cuboid.is_none() {
        return None;
    }
    let velocity = observation.velocity.filter(|velocity| {
        if !velocity.is_finite() {
            outcome.warn("bad-velocity", format!("a velocity of {velocity} m/s"), at);
        }
        velocity.is_finite()
    });
    let ground_z = observation.ground_z.filter(|z| {
        if !z.is_finite() {
            outcome.warn("bad-ground", format!("the ground at {z} m"), at);
        }
        z.is_finite()
    });
    let hidden = observation.occlusion.filter(|hidden| {
        let good = (0.0..=1.0).contains(hidden);
        if !good {
            outcome.warn(
                "bad-occlusion",
                format!("an occlusion of {hidden} is not within 0 to 1, and is not used"),
                at,
            );
        }
        good
    });
    // Over ground where the pose is known; otherwise relative to the vehicle.
    let (to_ground, to_ego): (Option<Se3>, Option<Se3>) = match frame.axes {
        Axes::World => (Some(Se3::IDENTITY), frame.world_from_ego.map(Se3::inverse)),
        Axes::Ego => (frame.world_from_ego, Some(Se3::IDENTITY)),
    };
    let in_ego = cuboid.zip(to_ego).map(|(cuboid, pose)| cuboid.transformed(pose));
    let ground = cuboid.map(|cuboid| to_ground.map_or(cuboid, |pose| cuboid.transformed(pose)));
    let velocity: Option<DVec3> = velocity.map(|v| to_ground.map_or(v, |pose| pose.transform_vector(v)));
    Some(Seen {
        row: row as u32,
        id: observation.id.map(str::to_owned),
        key: String::new(),
        track: observation.track.map(str::to_owned),
        cuboid: ground,
        sight: Sight {
            stamp_ns: frame.stamp_ns,
            frame: number,
            kind,
            place: Place::new(bbox, in_ego.as_ref()),
            cut: false,
            score,
            position: ground.map(|cuboid| cuboid.center),
            over_ground: to_ground.is_some(),
            size: cuboid.map(|cuboid| [cuboid.length, cuboid.width, cuboid.height]),
            yaw: ground.map(|cuboid| cuboid.yaw()),
            velocity,
        },
        points: observation.points,
        above_ground: cuboid
            .zip(ground_z)
            .map(|(cuboid, z)| cuboid.center.z - 0.5 * cuboid.height - z),
        in_solid: observation.in_solid,
        hidden: hidden.unwrap_or(0.0),
    })
}
