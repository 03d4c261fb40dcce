//! Rare things, placed where the ego vehicle meets them within 5 to 20 seconds.

use glam::DVec2;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::Traffic;
use super::body::{Body, BodyKind};
use super::walkers::{Goal, Walker};
use super::ways::Way;
use crate::actors::Variant;
use crate::object::ObjectClass;
use crate::road::LaneKind;

impl Traffic {
    /// Draws each rare thing by its probability and places it. One that finds no place (a wrong-way driver where there is only one
    /// lane, for instance) is left out.
    pub(super) fn place_rare(&mut self) {
        self.gather();
        let rare = self.params.rare.clone();
        let seed = self.seed.child("rare");
        let draw = |name: &str, probability: f64| {
            let mut rng = seed.child(name).rng();
            (rng.random_bool(probability.clamp(0.0, 1.0))).then_some(rng)
        };
        if let Some(mut rng) = draw("unlit_cyclist", rare.unlit_cyclist) {
            self.try_often(&mut rng, Self::unlit_cyclist);
        }
        if let Some(mut rng) = draw("child_behind_van", rare.child_behind_van) {
            self.try_often(&mut rng, Self::child_behind_van);
        }
        if let Some(mut rng) = draw("overturned_truck", rare.overturned_truck) {
            self.try_often(&mut rng, Self::overturned_truck);
        }
        if let Some(mut rng) = draw("bus_with_bicycles", rare.bus_with_bicycles) {
            self.try_often(&mut rng, Self::bus_with_bicycles);
        }
        if let Some(mut rng) = draw("person_lying", rare.person_lying) {
            self.try_often(&mut rng, Self::person_lying);
        }
        if let Some(mut rng) = draw("herd", rare.herd) {
            self.try_often(&mut rng, Self::herd);
        }
        if let Some(mut rng) = draw("wrong_way_driver", rare.wrong_way_driver) {
            self.try_often(&mut rng, Self::wrong_way_driver);
        }
        if let Some(mut rng) = draw("lost_cargo", rare.lost_cargo) {
            self.try_often(&mut rng, Self::lost_cargo);
        }
    }

    fn try_often(&mut self, rng: &mut ChaCha8Rng, place: impl Fn(&mut Self, &mut ChaCha8Rng) -> Option<()>) {
        for _ in 0..24 {
            if place(self, rng).is_some() {
                break;
            }
        }
    }

    /// A place on the ego vehicle's route, outside junctions, that it reaches after 5 to 20 seconds.
    fn ahead(&self, rng: &mut ChaCha8Rng, room: f64) -> Option<(u32, f64)> {
        let ego = self.ego()?;
        let limit = self.ways.get(ego.way()).limit * ego.driver.factor;
        let distance = ((ego.speed.max(0.6 * limit)) * rng.random_range(5.0..20.0_f64)).max(25.0);
        let mut rest = ego.s + distance;
        for leg in &ego.legs {
            let way = self.ways.get(leg.way);
            if rest <= way.track.length {
                let free = way.junction.is_none() && rest > room && rest < way.track.length - room;
                return free.then_some((leg.way, rest));
            }
            rest -= way.track.length;
        }
        None
    }

    fn unlit_cyclist(&mut self, rng: &mut ChaCha8Rng) -> Option<()> {
        let (way, s) = self.ahead(rng, 6.0)?;
        let index = self.enter(ObjectClass::Bicycle, Variant::Any, way, s, rng)?;
        self.movers[index].lights = false;
        self.movers[index].activity = Some("cycling_unlit");
        Some(())
    }

    fn bus_with_bicycles(&mut self, rng: &mut ChaCha8Rng) -> Option<()> {
        let (way, s) = self.ahead(rng, 8.0)?;
        // Ahead in the same lane, or towards us in the other direction.
        let (way, s) = match self.ways.get(way).opposite {
            Some(other) if rng.random_bool(0.4) => (other, self.ways.get(other).track.length - s),
            _ => (way, s),
        };
        self.enter(ObjectClass::Bus, Variant::BusWithBicycles, way, s, rng)?;
        Some(())
    }

    fn overturned_truck(&mut self, rng: &mut ChaCha8Rng) -> Option<()> {
        let (way, s) = self.ahead(rng, 14.0)?;
        let model = self.fleet.draw(ObjectClass::Truck, Variant::Overturned, rng);
        let place = self.ways.get(way).track.at(s);
        let turned = rng.random_range(0.2..1.2) * if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let axis = (place.tangent + place.tangent.perp() * turned).normalize_or(place.tangent);
        let body = Body {
            id: 0,
            kind: BodyKind::Thing,
            center: place.position.truncate(),
            axis,
            half: DVec2::new(f64::from(model.size.x), f64::from(model.size.y)) / 2.0,
            velocity: DVec2::ZERO,
            shifting: false,
        };
        self.clear_spots(&body);
        self.lay(model, place.position, axis, "overturned").map(|_| ())
    }

    fn person_lying(&mut self, rng: &mut ChaCha8Rng) -> Option<()> {
        let (way, s) = self.ahead(rng, 8.0)?;
        let model = self.fleet.draw(ObjectClass::Pedestrian, Variant::Lying, rng);
        let way = self.ways.get(way);
        let place = way.track.at(s);
        let offset = rng.random_range(-0.8..0.8) * way.track.width(s) / 2.0;
        let axis = DVec2::new(rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0));
        let position = place.position + (place.tangent.perp() * offset).extend(0.0);
        self.lay(model, position, axis, "lying").map(|_| ())
    }

    fn lost_cargo(&mut self, rng: &mut ChaCha8Rng) -> Option<()> {
        let (way, s) = self.ahead(rng, 12.0)?;
        let mut laid = 0;
        for _ in 0..rng.random_range(4..9) {
            let model = self.fleet.draw(ObjectClass::Debris, Variant::Any, rng);
            let track = &self.ways.get(way).track;
            let place = track.at(s + rng.random_range(-7.0..7.0));
            let offset = rng.random_range(-1.0..1.0) * track.width(s) / 2.0;
            let axis = DVec2::new(rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0));
            let position = place.position + (place.tangent.perp() * offset).extend(0.0);
            laid += usize::from(self.lay(model, position, axis, "lost_cargo").is_some());
        }
        (laid > 0).then_some(())
    }

    fn herd(&mut self, rng: &mut ChaCha8Rng) -> Option<()> {
        let (way, s) = self.ahead(rng, 14.0)?;
        let first = self.fleet.draw(ObjectClass::Animal, Variant::Herd, rng);
        let across = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let mut added = 0;
        for _ in 0..rng.random_range(5..12) {
            let model = self.fleet.draw(ObjectClass::Animal, Variant::Kind(first.kind), rng);
            let track = &self.ways.get(way).track;
            let place = track.at(s + rng.random_range(-7.0..7.0));
            let side = place.tangent.perp() * across;
            let from = place.position.truncate() + side * rng.random_range(-4.5..4.0);
            let target = place.position.truncate() + side * rng.random_range(10.0..16.0);
            let id = self.next_id;
            let own = self.seed.child("herd").index(u64::from(id)).rng();
            let wait = rng.random_range(3.0..35.0);
            let goal = if rng.random_bool(0.3) {
                Goal::To {
                    target,
                    over_road: true,
                }
            } else {
                Goal::Dart { trigger: wait, target }
            };
            let z = f64::from((self.ground)(from.as_vec2()));
            let pace = rng.random_range(0.5..1.0);
            let heading = (side + place.tangent * rng.random_range(-0.8..0.8)).normalize_or(side);
            let mut walker = Walker::new(id, model, from.extend(z), heading, pace, goal, own);
            walker.home = target;
            walker.activity = Some("herd");
            if !self.crowd.taken(&walker.body(), 0.2) {
                self.add_walker(walker);
                added += 1;
            }
        }
        (added >= 3).then_some(())
    }

    fn wrong_way_driver(&mut self, rng: &mut ChaCha8Rng) -> Option<()> {
        let (way, s) = self.ahead(rng, 10.0)?;
        let old = self.ways.get(way).clone();
        // There must be a lane on its right to swerve to.
        let beside = if self.ways.side > 0.0 { old.left } else { old.right };
        beside.or(old.opposite)?;
        let track = old.track.reversed();
        let length = track.length;
        let reversed = Way {
            kind: LaneKind::Driving,
            limit: old.limit,
            junction: None,
            control: crate::road::Control::Free,
            successors: Vec::new(),
            left: None,
            right: None,
            turn: 0,
            conflicts: Vec::new(),
            stop: length,
            opposite: None,
            crossings: Vec::new(),
            reach: length,
            track,
        };
        let index = self.ways.all.len() as u32;
        self.ways.all.push(reversed);
        let Some(driver) = self.enter(ObjectClass::Car, Variant::Any, index, length - s, rng) else {
            self.ways.all.pop();
            return None;
        };
        self.movers[driver].activity = Some("wrong_way");
        Some(())
    }

    fn child_behind_van(&mut self, rng: &mut ChaCha8Rng) -> Option<()> {
        let (way, s) = self.ahead(rng, 10.0)?;
        let van = self.fleet.draw(ObjectClass::Van, Variant::Any, rng);
        let (long, wide) = (f64::from(van.size.x) / 2.0, f64::from(van.size.y) / 2.0);
        let lane = self.ways.get(way);
        let outer = -self.ways.side;
        let place = lane.track.at(s);
        // Beside the lane; where there is a lane for bicycles, beyond that.
        let edge = lane.track.width(s) / 2.0;
        let aside = place.tangent.perp() * outer;
        let mut offset = edge + wide + 0.35;
        for _ in 0..2 {
            let p = place.position.truncate() + aside * offset;
            let hit = self.ways.nearest(p, wide + 1.2, |way| way.kind == LaneKind::Bicycle);
            if let Some((w, t, _)) = hit {
                offset += self.ways.get(w).track.width(t);
            }
        }
        let position = place.position.truncate() + aside * offset;
        let body = Body {
            id: 0,
            kind: BodyKind::Thing,
            center: position,
            axis: place.tangent,
            half: DVec2::new(long + 1.5, wide),
            velocity: DVec2::ZERO,
            shifting: false,
        };
        self.clear_spots(&body);
        let z = f64::from((self.ground)(position.as_vec2()));
        self.lay(van, position.extend(z), place.tangent, "parked")?;
        let start = position + place.tangent * (long + 0.7);
        let target = start - aside * (offset + 2.0 * edge + 3.0);
        let model = self.fleet.draw(ObjectClass::Pedestrian, Variant::Child, rng);
        let z = f64::from((self.ground)(start.as_vec2()));
        let id = self.next_id;
        let own = self.seed.child("child").index(u64::from(id)).rng();
        let goal = Goal::Dart {
            trigger: f64::INFINITY,
            target,
        };
        let mut child = Walker::new(
            id,
            model,
            start.extend(z),
            -aside,
            rng.random_range(1.8..2.4),
            goal,
            own,
        );
        child.activity = Some("crossing_from_behind");
        self.add_walker(child);
        Some(())
    }
}
