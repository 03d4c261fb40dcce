//! People on pavements, alone and in groups.

use glam::DVec2;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::Traffic;
use super::idm::bell;
use super::spawn::{PLACE_STEP, Place};
use super::walkers::{Goal, Walker};
use crate::actors::Variant;
use crate::object::ObjectClass;

/// Those for whom the pavement is too narrow walk so far behind the others, m.
const ROW_M: f64 = 1.7;

impl Traffic {
    pub(super) fn fill_walkers(&mut self, wanted: usize, from: f64, to: f64) {
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
        // Who leads: number, place across the pavement (m), pace.
        let mut leader: Option<(u32, f64, f64)> = None;
        let mut added = 0;
        // The place beside the last of the row, m; those for whom the pavement is too narrow walk behind.
        let (mut row, mut edge) = (0.0, 0.0);
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
            let mut lateral = 0.0;
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
                    + out
                        * if count > 1 {
                            f64::from(model.size.x) / 2.0 + 0.25
                        } else {
                            0.0
                        };
                (Goal::Stand { until, facing }, facing, place)
            } else {
                let half = f64::from(model.size.y) / 2.0;
                let aside = rng.random_range(-0.6..0.6) * room;
                lateral = match leader {
                    None => (aside - (count as f64 - 1.0) * 0.375).clamp(-room - 0.1, room + 0.1),
                    Some((_, first, _)) => {
                        let beside = edge + (half + 0.1).max(0.375);
                        if beside > room + 0.1 {
                            row += ROW_M;
                            first
                        } else {
                            beside
                        }
                    }
                };
                edge = lateral + (half + 0.1).max(0.375);
                let place =
                    here.position.truncate() + here.tangent.perp() * lateral - direction * (0.2 * k as f64 + row);
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
            if self.walls.touch(&walker.body()) || self.crowd.taken(&walker.body(), if count > 1 { -0.05 } else { 0.1 })
            {
                continue;
            }
            match leader {
                Some((first, place, pace)) if !stands => {
                    let left = if forward { lateral - place } else { place - lateral };
                    walker.leader = Some((first, DVec2::new(-0.15 - row, left)));
                    walker.pace = pace;
                }
                Some(_) => {}
                None => leader = Some((id, lateral, pace)),
            }
            self.add_walker(walker);
            added += 1;
        }
        added
    }
}
