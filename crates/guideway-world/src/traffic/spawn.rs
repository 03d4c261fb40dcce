//! Who is there at the start, who leaves, and who comes instead.
//!
//! Vehicles live within [`LEAVE_M`] of the ego vehicle and enter further than [`UNSEEN_M`] from it, or where roads begin; people on
//! foot within smaller rings, since they are small. Numbers of tracks are never used twice. Parked vehicles belong to their
//! places: one that is seen again is the same, with the same number.

use std::sync::Arc;

use glam::{DVec2, DVec3};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::body::Body;
use super::idm::{Driver, bell};
use super::mover::Mover;
use super::outlook::{self, Outlook};
use super::walkers::{Goal, Walker};
use super::ways::{Way, Ways};
use super::{Still, Traffic};
use crate::actors::{Model, Variant};
use crate::object::ObjectClass;
use crate::params::{RoadKind, SceneParams};
use crate::road::{LaneKind, RoadNetwork};
use crate::{Seed, WorldError};

/// Vehicles further than this from the ego vehicle leave, m.
const LEAVE_M: f64 = 250.0;

/// Vehicles are put on the road at least this far from the ego vehicle, m.
const UNSEEN_M: f64 = 125.0;

/// People and animals: as above, m.
const WALKERS_LEAVE_M: f64 = 150.0;
const WALKERS_UNSEEN_M: f64 = 100.0;

/// Distance between places where someone may be put, m.
const PLACE_STEP: f64 = 8.0;

/// Where someone may be put.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub way: u32,
    pub s: f64,
    pub point: DVec2,
}

/// Places every few metres along the ways that pass `accept`.
pub(super) fn places(ways: &Ways, accept: impl Fn(usize, &Way) -> bool) -> Vec<Place> {
    let mut places = Vec::new();
    for (i, way) in ways.all.iter().enumerate() {
        if !accept(i, way) {
            continue;
        }
        let n = (way.track.length / PLACE_STEP).round().max(1.0);
        for k in 0..n as usize {
            let s = (k as f64 + 0.5) * way.track.length / n;
            places.push(Place {
                way: i as u32,
                s,
                point: way.track.at(s).position.truncate(),
            });
        }
    }
    places
}

/// A parking place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub center: DVec3,
    axis: DVec2,
    size: DVec2,
    taken: bool,
    /// The number of the vehicle that stands here, once it was seen.
    id: Option<u32>,
}

impl Spot {
    /// All places of a network, each taken with probability `parked`.
    pub(super) fn all(network: &RoadNetwork, parked: f64, seed: Seed) -> Vec<Self> {
        let seed = seed.child("parking");
        network
            .parking
            .iter()
            .enumerate()
            .map(|(i, spot)| Self {
                center: spot.center.as_dvec3(),
                axis: DVec2::new(f64::from(spot.yaw).cos(), f64::from(spot.yaw).sin()),
                size: spot.size.as_dvec2(),
                taken: seed.index(i as u64).rng().random_bool(parked.clamp(0.0, 1.0)),
                id: None,
            })
            .collect()
    }
}

/// Do people have their lights on? With the sun below 5°, in fog, rain or snowfall.
pub(super) fn dark(params: &SceneParams) -> bool {
    let weather = &params.weather;
    let five_degrees = 0.087;
    crate::render::sun_direction(&params.time).z < five_degrees
        || weather.visibility_m < 1200.0
        || weather.rain_mm_per_h > 1.0
        || weather.snowfall_mm_per_h > 0.3
}

/// The longest vehicle that the roads of this network take, m: in their sharpest bend between junctions two must be able to meet, and
/// what is longer than a bus does not get around the corners of a town.
pub(super) fn longest(ways: &Ways, kind: RoadKind) -> f64 {
    let corners = match kind {
        RoadKind::Urban | RoadKind::Suburban => 12.8,
        RoadKind::Rural | RoadKind::Highway => 30.0,
    };
    let meeting = |way: &&Way| way.drivable() && way.junction.is_none();
    ways.all.iter().filter(meeting).fold(corners, |most, way| {
        // A body of length L with its middle on a curve of curvature k sticks out by k L² / 8; vehicles are 2.5 m wide.
        let room = ((way.track.narrowest() - 2.5) / 2.0 + 0.25).max(0.1);
        most.min((8.0 * room / way.track.sharpest().max(1e-6)).sqrt()).max(7.0)
    })
}

impl Traffic {
    /// Puts everyone there at the start.
    pub(super) fn populate(&mut self) -> Result<(), WorldError> {
        self.place_ego()?;
        self.park();
        self.place_rare();
        let density = self.params.traffic.vehicles_per_km;
        let wanted = self.wanted_vehicles(density);
        self.fill_vehicles(wanted, 0.0, LEAVE_M - 10.0, wanted * 12 + 50);
        let cyclists = self.wanted_cyclists();
        self.fill_cyclists(cyclists, 0.0, LEAVE_M - 50.0, cyclists * 12 + 20);
        self.fill_debris(25.0);
        self.fill_animals(12.0);
        let people = self.wanted_walkers();
        self.fill_walkers(people, 4.0, WALKERS_LEAVE_M - 5.0);
        Ok(())
    }

    /// Those far away leave, others come; once a second.
    pub(super) fn come_and_go(&mut self) {
        self.leave();
        self.park();
        self.gather();
        let wanted = self.wanted_vehicles(self.params.traffic.vehicles_per_km);
        self.fill_vehicles(wanted, UNSEEN_M, LEAVE_M - 15.0, 40);
        let cyclists = self.wanted_cyclists();
        self.fill_cyclists(cyclists, UNSEEN_M, LEAVE_M - 50.0, 12);
        self.fill_debris(UNSEEN_M);
        self.fill_animals(UNSEEN_M);
        let people = self.wanted_walkers();
        self.fill_walkers(people, WALKERS_UNSEEN_M, WALKERS_LEAVE_M - 5.0);
    }

    fn center(&self) -> DVec2 {
        self.ego().map_or(DVec2::ZERO, |ego| ego.position.truncate())
    }

    fn leave(&mut self) {
        let (center, forward) = self
            .ego()
            .map_or((DVec2::ZERO, DVec2::X), |ego| (ego.position.truncate(), ego.heading));
        let ways = &self.ways;
        self.movers.retain(|mover| {
            if mover.ego {
                return true;
            }
            let away = mover.position.truncate() - center;
            let (distance, behind) = (away.length(), away.dot(forward) < -10.0);
            let ended = mover.legs.len() == 1 && mover.s > ways.get(mover.way()).track.length - 0.5;
            let lost = mover.standing > 45.0 && (distance > UNSEEN_M || behind && distance > 40.0);
            // Whoever stands at the very end of its road may go where nobody looks.
            let parked = ended || mover.standing > 5.0 && mover.planned(ways) < mover.half.x + 4.0;
            distance < LEAVE_M && !lost && !(ended && mover.speed > 1.0) && !(parked && (distance > 90.0 || behind))
        });
        self.walkers.retain(|walker| {
            walker.position.distance(center) < WALKERS_LEAVE_M
                || walker.activity.is_some() && walker.position.distance(center) < LEAVE_M
        });
        let spots = &self.spots;
        self.stills.retain(|still| {
            let place = still
                .spot
                .and_then(|i| spots.get(i))
                .map_or(still.position, |spot| spot.center);
            place.truncate().distance(center) < LEAVE_M
        });
    }

    fn place_ego(&mut self) -> Result<(), WorldError> {
        let mut rng = self.seed.child("ego").rng();
        let model = self.fleet.draw(ObjectClass::Car, Variant::Any, &mut rng);
        // Where the road leads far, rather in the middle than at the edge.
        let middle = self.road_places.iter().map(|p| p.point).sum::<DVec2>() / self.road_places.len().max(1) as f64;
        let mut best: Option<(f64, Place)> = None;
        for _ in 0..64 {
            if self.road_places.is_empty() {
                break;
            }
            let place = self.road_places[rng.random_range(0..self.road_places.len())];
            let way = self.ways.get(place.way);
            let ahead = (way.reach - place.s).min(1500.0);
            let room = way.track.narrowest() > f64::from(model.size.y) + 0.2;
            let score = ahead * if room { 1.0 } else { 0.01 } - 0.5 * place.point.distance(middle)
                + rng.random_range(0.0..300.0);
            if best.is_none_or(|(b, _)| score > b) {
                best = Some((score, place));
            }
        }
        let Some((_, place)) = best else {
            return Err(WorldError::Impossible {
                seed: self.seed.value(),
                problem: "the road network has no driving lane outside its junctions".to_owned(),
                hint: "use another `road.kind` or a larger `road.extent`, or check the OpenDRIVE file's lane types"
                    .to_owned(),
            });
        };
        let driver = Driver {
            factor: self.params.ego.speed_factor,
            gap_s: self.params.traffic.time_gap_s.max(1.0),
            accel: 1.6,
            brake: 2.0,
            lateral: 2.2,
            ..Driver::draw(&mut rng, 1.0, 1.5, false)
        };
        let id = self.take_id();
        let mut ego = Mover::new(&self.ways, id, model, driver, place.way, place.s, 0.0, rng);
        ego.ego = true;
        ego.plan(&self.ways, 700.0);
        self.crowd.bodies.clear();
        self.crowd.index();
        ego.speed = self.ways.get(place.way).limit;
        let mut seen = Outlook::default();
        outlook::look(&ego, &self.ways, &self.crowd, &self.widths, &mut seen);
        ego.speed = outlook::entry_speed(&ego, &seen);
        let speed = ego.speed;
        ego.start_at(speed);
        self.movers.push(ego);
        self.gather();
        Ok(())
    }

    fn near(places: &[Place], center: DVec2, radius: f64) -> f64 {
        places.iter().filter(|p| p.point.distance(center) < radius).count() as f64 * PLACE_STEP / 1000.0
    }

    pub(super) fn wanted_vehicles(&self, density: f64) -> usize {
        (Self::near(&self.road_places, self.center(), LEAVE_M - 10.0) * density).round() as usize
    }

    pub(super) fn wanted_cyclists(&self) -> usize {
        if self.params.road.kind == RoadKind::Highway {
            return 0;
        }
        let road_km = Self::near(&self.road_places, self.center(), LEAVE_M - 50.0) / 2.0;
        (road_km * self.params.traffic.cyclists_per_km).round() as usize
    }

    pub(super) fn wanted_walkers(&self) -> usize {
        let km = Self::near(&self.walk_places, self.center(), WALKERS_LEAVE_M - 5.0);
        (km * self.params.traffic.pedestrians_per_km).round() as usize
    }

    fn fill_vehicles(&mut self, wanted: usize, from: f64, to: f64, tries: usize) {
        let mut rng = self.rng.clone();
        let mut present = self.movers.iter().filter(|m| !m.ego && !m.cyclist()).count();
        let center = self.center();
        let choices: Vec<Place> = self
            .road_places
            .iter()
            .filter(|p| (from..to).contains(&p.point.distance(center)))
            .copied()
            .collect();
        for _ in 0..tries {
            if present >= wanted || choices.is_empty() {
                break;
            }
            let place = choices[rng.random_range(0..choices.len())];
            let (class, variant) = (self.draw_class(&mut rng), Variant::Any);
            let s = place.s + rng.random_range(-PLACE_STEP..PLACE_STEP) / 2.0;
            if self.enter(class, variant, place.way, s, &mut rng).is_some() {
                present += 1;
            }
        }
        self.rng = rng;
    }

    fn draw_class(&self, rng: &mut ChaCha8Rng) -> ObjectClass {
        let mix = &self.params.traffic.mix;
        let weights = [
            (ObjectClass::Car, mix.car),
            (ObjectClass::Van, mix.van),
            (ObjectClass::Truck, mix.truck),
            (ObjectClass::Bus, mix.bus),
            (ObjectClass::Motorcycle, mix.motorcycle),
        ];
        let total: f64 = weights.iter().map(|(_, w)| w.max(0.0)).sum();
        if total <= 0.0 {
            return ObjectClass::Car;
        }
        let mut ticket = rng.random_range(0.0..total);
        for (class, weight) in weights {
            if ticket < weight {
                return class;
            }
            ticket -= weight.max(0.0);
        }
        ObjectClass::Car
    }

    /// Puts a vehicle on a way, if there is room for it and for those around; gives its index.
    pub(super) fn enter(
        &mut self,
        class: ObjectClass,
        variant: Variant,
        way: u32,
        s: f64,
        rng: &mut ChaCha8Rng,
    ) -> Option<usize> {
        let traffic = &self.params.traffic;
        let mut model = self.fleet.draw(class, variant, rng);
        let longest = self.longest as f32;
        for _ in 0..6 {
            if model.size.x <= longest {
                break;
            }
            model = self.fleet.draw(class, variant, rng);
        }
        if model.size.x > longest {
            return None;
        }
        let narrow = self.ways.get(way).track.narrowest() < f64::from(model.size.y) + 0.3;
        let length = self.ways.get(way).track.length;
        let long = f64::from(model.size.x) / 2.0;
        if (narrow && class != ObjectClass::Bicycle) || s > length - long - 1.0 {
            return None;
        }
        let heavy = matches!(class, ObjectClass::Truck | ObjectClass::Bus);
        let driver = if class == ObjectClass::Bicycle {
            Driver::cyclist(rng)
        } else {
            Driver::draw(rng, traffic.speed_factor, traffic.time_gap_s, heavy)
        };
        let lights = class != ObjectClass::Bicycle || rng.random_bool(traffic.cyclist_lights.clamp(0.0, 1.0));
        let own = self.seed.child("mover").index(u64::from(self.next_id)).rng();
        let mut mover = Mover::new(
            &self.ways,
            self.next_id,
            model,
            driver,
            way,
            s.max(long + 0.5),
            8.0,
            own,
        );
        // Looks as far ahead as it would have from there, driving.
        mover.speed = (self.ways.get(way).limit * mover.driver.factor).min(mover.driver.fastest);
        mover.lights = lights;
        mover.plan(&self.ways, 230.0);
        // A long vehicle that would first have to get around a tight corner enters elsewhere.
        if mover.half.x > 3.7
            && mover
                .legs
                .iter()
                .take(4)
                .any(|leg| self.ways.get(leg.way).track.sharpest() * mover.half.x > 0.75)
        {
            return None;
        }
        let place = mover.position.truncate();
        let moves_in = |i: usize| {
            let body = &self.crowd.bodies[i];
            body.shifting && body.center.distance(place) < 70.0
        };
        if self.crowd.taken(&mover.body(), 1.5) || self.crowd.around(place, 70.0).any(moves_in) {
            return None;
        }
        let mut seen = Outlook::default();
        outlook::look(&mover, &self.ways, &self.crowd, &self.widths, &mut seen);
        let speed = outlook::entry_speed(&mover, &seen);
        if seen
            .found
            .is_some_and(|found| found.gap < 4.0 + 0.6 * (speed - found.speed).max(0.0) + 0.5 * speed)
        {
            return None;
        }
        // Not into a queue, and not slower than what follows expects.
        if seen.gate.is_none_or(|gate| gate.line > 60.0) && speed < 0.55 * seen.cap && seen.end.is_none() {
            return None;
        }
        if seen.crossings.iter().any(|c| c.near < 1.0) || self.cuts_in(&mover, speed) {
            return None;
        }
        mover.start_at(speed);
        self.next_id += 1;
        self.crowd.bodies.push(mover.body());
        self.crowd.index();
        self.movers.push(mover);
        Some(self.movers.len() - 1)
    }

    /// Would someone behind have to brake hard?
    fn cuts_in(&self, mover: &Mover, speed: f64) -> bool {
        let here = mover.position.truncate();
        self.movers.iter().any(|other| {
            let away = here - other.position.truncate();
            let ahead = away.dot(other.heading);
            if ahead <= 0.0 || ahead > 180.0 || (away - other.heading * ahead).length() > 2.5 + ahead * 0.3 {
                return false;
            }
            if other.heading.dot(mover.heading) < 0.3 {
                return false;
            }
            let gap = ahead - other.half.x - mover.half.x;
            let closing = (other.speed - speed).max(0.0);
            gap < 4.0 + 0.6 * other.speed + closing * closing / 2.5
        })
    }

    fn fill_cyclists(&mut self, wanted: usize, from: f64, to: f64, tries: usize) {
        let mut rng = self.rng.clone();
        let mut present = self.movers.iter().filter(|m| m.cyclist()).count();
        let center = self.center();
        let choices: Vec<Place> = places(&self.ways, |_, way| {
            way.junction.is_none()
                && match way.kind {
                    LaneKind::Bicycle => true,
                    LaneKind::Driving => way.limit < 23.0,
                    _ => false,
                }
        })
        .into_iter()
        .filter(|p| (from..to).contains(&p.point.distance(center)))
        .collect();
        for _ in 0..tries {
            if present >= wanted || choices.is_empty() {
                break;
            }
            let place = choices[rng.random_range(0..choices.len())];
            let way = self.ways.get(place.way);
            // Where there is a lane for bicycles, they use it; and the outermost lane otherwise.
            let outer = if self.ways.side > 0.0 { way.right } else { way.left };
            if way.drivable() && (outer.is_some() || self.beside_bicycle_lane(&place)) {
                continue;
            }
            if self
                .enter(ObjectClass::Bicycle, Variant::Any, place.way, place.s, &mut rng)
                .is_some()
            {
                present += 1;
            }
        }
        self.rng = rng;
    }

    fn beside_bicycle_lane(&self, place: &Place) -> bool {
        self.ways
            .nearest(place.point, 5.0, |way| way.kind == LaneKind::Bicycle)
            .is_some()
    }

    /// Parked vehicles of the places near the ego vehicle.
    fn park(&mut self) {
        let center = self.center();
        let seed = self.seed.child("parked");
        for i in 0..self.spots.len() {
            let spot = self.spots[i];
            if !spot.taken || spot.center.truncate().distance(center) > LEAVE_M - 10.0 {
                continue;
            }
            if self.stills.iter().any(|still| still.spot == Some(i)) {
                continue;
            }
            let mut rng = seed.index(i as u64).rng();
            let class = match rng.random_range(0..100) {
                0..=83 => ObjectClass::Car,
                84..=94 => ObjectClass::Van,
                95..=96 => ObjectClass::Truck,
                _ => ObjectClass::Motorcycle,
            };
            let variant = if class == ObjectClass::Motorcycle {
                Variant::Parked
            } else {
                Variant::Any
            };
            let mut model = self.fleet.draw(class, variant, &mut rng);
            for _ in 0..3 {
                if f64::from(model.size.x) < spot.size.x - 0.2 && f64::from(model.size.y) < spot.size.y + 0.1 {
                    break;
                }
                model = self.fleet.draw(ObjectClass::Car, Variant::Any, &mut rng);
            }
            if f64::from(model.size.x) > spot.size.x || f64::from(model.size.y) > spot.size.y + 0.2 {
                self.spots[i].taken = false;
                continue;
            }
            let along = (spot.size.x - f64::from(model.size.x)) / 2.0;
            let slip = rng.random_range(-1.0..1.0) * (along * 0.6).max(0.0);
            let across = rng.random_range(-0.08..0.08);
            let turn = rng.random_range(-0.02..0.02);
            let back = if rng.random_bool(0.12) { -1.0 } else { 1.0 };
            let axis = (spot.axis + spot.axis.perp() * turn).normalize_or(spot.axis);
            let shift = spot.axis * slip + spot.axis.perp() * across;
            let id = spot.id.unwrap_or_else(|| self.take_id());
            self.spots[i].id = Some(id);
            self.stills.push(Still {
                id,
                model,
                position: spot.center + shift.extend(0.0),
                axis: axis * back,
                activity: "parked",
                spot: Some(i),
            });
        }
    }

    /// Empties parking places around a point, so that something else can stand there.
    pub(super) fn clear_spots(&mut self, around: &Body) {
        let grown = around.grown(0.4);
        let mut cleared = Vec::new();
        self.stills.retain(|still| {
            let stays = still.spot.is_none() || !still.body().overlaps(&grown);
            if !stays {
                cleared.extend(still.spot);
            }
            stays
        });
        for i in cleared {
            self.spots[i].taken = false;
        }
        self.gather();
    }

    /// Puts a thing on the ground, if its place is free.
    pub(super) fn lay(
        &mut self,
        model: Arc<Model>,
        position: DVec3,
        axis: DVec2,
        activity: &'static str,
    ) -> Option<u32> {
        let still = Still {
            id: self.next_id,
            model,
            position,
            axis: axis.normalize_or(DVec2::X),
            activity,
            spot: None,
        };
        if self.crowd.taken(&still.body(), 0.3) {
            return None;
        }
        let id = self.take_id();
        self.crowd.bodies.push(still.body());
        self.crowd.index();
        self.stills.push(still);
        Some(id)
    }

    fn fill_debris(&mut self, from: f64) {
        let mut rng = self.rng.clone();
        let center = self.center();
        let km = Self::near(&self.road_places, center, LEAVE_M - 10.0) / 2.0;
        let expected = km * self.params.traffic.debris_per_km;
        let wanted = expected.floor() as usize
            + usize::from(rng.random_bool(expected.fract().clamp(0.0, 1.0)) && from < UNSEEN_M);
        let mut present = self
            .stills
            .iter()
            .filter(|still| still.activity == "lying" && still.spot.is_none())
            .count();
        for _ in 0..8 {
            if present >= wanted || self.road_places.is_empty() {
                break;
            }
            let place = self.road_places[rng.random_range(0..self.road_places.len())];
            let way = self.ways.get(place.way);
            let distance = place.point.distance(center);
            if distance < from || distance > LEAVE_M - 10.0 || place.s < 25.0 || place.s > way.track.length - 30.0 {
                continue;
            }
            let model = self.fleet.draw(ObjectClass::Debris, Variant::Any, &mut rng);
            // At the edge of a lane, where one can pass; the traffic's wheels have moved it there.
            let half = way.track.width(place.s) / 2.0;
            let side = if rng.random_bool(0.75) {
                -self.ways.side
            } else {
                self.ways.side
            };
            let reach = f64::from(model.size.x.max(model.size.y)) / 2.0;
            let offset = side * (half - reach * rng.random_range(0.0..0.8)).max(0.0);
            let spot = way.track.at(place.s);
            let position = spot.position + (spot.tangent.perp() * offset).extend(0.0);
            let axis = DVec2::new(rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0));
            if self.lay(model, position, axis, "lying").is_some() {
                present += 1;
            }
        }
        self.rng = rng;
    }

    fn fill_animals(&mut self, from: f64) {
        let mut rng = self.rng.clone();
        let center = self.center();
        let km = Self::near(&self.road_places, center, WALKERS_LEAVE_M) / 2.0;
        let expected = km * self.params.traffic.animals_per_km;
        let wanted = expected.floor() as usize
            + usize::from(from < UNSEEN_M && rng.random_bool(expected.fract().clamp(0.0, 1.0)));
        let mut present = self
            .walkers
            .iter()
            .filter(|w| w.animal() && w.activity.is_none())
            .count();
        for _ in 0..8 {
            if present >= wanted || self.road_places.is_empty() {
                break;
            }
            let place = self.road_places[rng.random_range(0..self.road_places.len())];
            let distance = place.point.distance(center);
            if distance < from || distance > WALKERS_LEAVE_M {
                continue;
            }
            let way = self.ways.get(place.way);
            let half = way.track.width(place.s) / 2.0;
            let spot = way.track.at(place.s);
            let offset = -self.ways.side * (half + rng.random_range(2.5..9.0));
            let position = spot.position.truncate() + spot.tangent.perp() * offset;
            let on_road = self
                .ways
                .nearest(position, 4.5, |way| way.drivable() || way.kind == LaneKind::Parking)
                .is_some_and(|(w, s, d)| d.abs() < self.ways.get(w).track.width(s) / 2.0 + 1.0);
            if on_road {
                continue;
            }
            let model = self.draw_animal(&mut rng);
            let heading = DVec2::new(rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0)).normalize_or(DVec2::X);
            let until = self.clock() + rng.random_range(0.0..10.0);
            let z = f64::from((self.ground)(position.as_vec2()));
            let pace = rng.random_range(0.6..1.3);
            let id = self.next_id;
            let own = self.seed.child("animal").index(u64::from(id)).rng();
            let walker = Walker::new(
                id,
                model,
                position.extend(z),
                heading,
                pace,
                Goal::Stand { until, facing: heading },
                own,
            );
            if !self.crowd.taken(&walker.body(), 0.3) {
                self.add_walker(walker);
                present += 1;
            }
        }
        self.rng = rng;
    }

    /// An animal that one meets in this kind of place.
    fn draw_animal(&mut self, rng: &mut ChaCha8Rng) -> Arc<Model> {
        let kinds: &[&'static str] = match self.params.road.kind {
            RoadKind::Urban | RoadKind::Suburban => &["dog", "cat", "dog", "pigeon", "pigeon", "fox"],
            RoadKind::Rural | RoadKind::Highway => &[
                "deer",
                "deer",
                "wild_boar",
                "dog",
                "sheep",
                "cow",
                "horse",
                "fox",
                "goose",
            ],
        };
        let kind = kinds[rng.random_range(0..kinds.len())];
        self.fleet.draw(ObjectClass::Animal, Variant::Kind(kind), rng)
    }

    pub(super) fn add_walker(&mut self, walker: Walker) -> u32 {
        let id = self.take_id();
        self.crowd.bodies.push(walker.body());
        self.crowd.index();
        self.walkers.push(walker);
        id
    }

    fn fill_walkers(&mut self, wanted: usize, from: f64, to: f64) {
        let mut rng = self.rng.clone();
        let center = self.center();
        let choices: Vec<Place> = self
            .walk_places
            .iter()
            .filter(|p| (from..to).contains(&p.point.distance(center)))
            .copied()
            .collect();
        let mut present = self.walkers.iter().filter(|w| !w.animal()).count();
        for _ in 0..wanted.saturating_sub(present) * 3 + 3 {
            if present >= wanted || choices.is_empty() {
                break;
            }
            let place = choices[rng.random_range(0..choices.len())];
            let shift = rng.random_range(-PLACE_STEP..PLACE_STEP) / 2.0;
            present += self.add_people(place.way, place.s + shift, &mut rng);
        }
        self.rng = rng;
    }

    /// One person or a group on a pavement; gives how many.
    fn add_people(&mut self, way: u32, s: f64, rng: &mut ChaCha8Rng) -> usize {
        let params = &self.params.traffic;
        // `groups` is the fraction of people, groups have 2.6 members on average.
        let p = (params.groups / (2.6 - 1.6 * params.groups)).clamp(0.0, 1.0);
        let count = if rng.random_bool(p) {
            [2, 2, 2, 3, 4][rng.random_range(0..5)]
        } else {
            1
        };
        let children = params.children.clamp(0.0, 1.0);
        let track = &self.ways.get(way).track;
        let s = s.clamp(0.0, track.length);
        let here = track.at(s);
        let forward = rng.random_bool(0.5);
        let direction = if forward { here.tangent } else { -here.tangent };
        let room = (track.width(s) / 2.0 - 0.45).max(0.0);
        let stands = rng.random_bool(0.12);
        let jogs = count == 1 && !stands && rng.random_bool(0.06);
        let until = self.clock() + rng.random_range(5.0..60.0);
        let mut leader: Option<(u32, f64, f64)> = None;
        let mut added = 0;
        for k in 0..count {
            let child = rng.random_bool(children);
            let model = self.fleet.draw(
                ObjectClass::Pedestrian,
                if child { Variant::Child } else { Variant::Adult },
                rng,
            );
            let pace = if jogs {
                bell(rng, 3.0, 0.3)
            } else {
                bell(rng, if child { 1.2 } else { 1.34 }, 0.22)
            };
            let pace = pace.clamp(0.6, 4.0) * if model.kind == "wheelchair" { 0.8 } else { 1.0 };
            let (goal, heading, place) = if stands {
                // In a loose ring, looking at its middle; alone, looking at the road.
                let (x, y) = [(1.0, 0.0), (-1.0, 0.15), (0.1, 1.0), (-0.1, -1.0)][k % 4];
                let out = direction * x + direction.perp() * y;
                let facing = if count > 1 {
                    -out.normalize_or(direction)
                } else {
                    direction.perp()
                };
                let place = here.position.truncate()
                    + here.tangent.perp() * (room * 0.4)
                    + out * if count > 1 { 0.55 } else { 0.0 };
                (Goal::Stand { until, facing }, facing, place)
            } else {
                let beside = (k as f64 - (count as f64 - 1.0) / 2.0) * 0.75;
                let aside = rng.random_range(-0.6..0.6) * room;
                let lateral = (aside + beside).clamp(-room - 0.1, room + 0.1);
                let place = here.position.truncate() + here.tangent.perp() * lateral - direction * (0.2 * k as f64);
                (Goal::Along { way, s, forward }, direction, place)
            };
            let id = self.next_id;
            let own = self.seed.child("walker").index(u64::from(id)).rng();
            let z = if stands {
                f64::from((self.ground)(place.as_vec2()))
            } else {
                here.position.z
            };
            let mut walker = Walker::new(id, model, place.extend(z), heading, pace, goal, own);
            if self.crowd.taken(&walker.body(), if count > 1 { -0.05 } else { 0.1 }) {
                continue;
            }
            if let (Some((first, aside, pace)), false) = (leader, stands) {
                let lateral = (place - here.position.truncate()).dot(direction.perp());
                walker.leader = Some((first, DVec2::new(-0.15, lateral - aside)));
                walker.pace = pace;
            } else if leader.is_none() {
                let lateral = (place - here.position.truncate()).dot(direction.perp());
                leader = Some((id, lateral, pace));
            }
            self.add_walker(walker);
            added += 1;
        }
        added
    }
}
