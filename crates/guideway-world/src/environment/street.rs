//! Along the roads: trees at the kerb, street furniture, what stands on verges, gantries.

use std::sync::Arc;

use glam::{Affine3A, Vec2, Vec3};

use super::building::Detail;
use super::furniture::{self, FurnitureKind};
use super::place::{Footprint, layer};
use super::sign;
use super::site::{Site, upright};
use super::vegetation::PlantKind;
use crate::dice::Dice;
use crate::object::ObjectClass;
use crate::params::RoadKind;
use crate::road::{LaneKind, SignKind};
use crate::seed::Seed;

/// Distance between samples of an edge, m.
const STEP: f32 = 2.0;

/// A point on the outer edge of a road.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    /// On the ground, world, m.
    pub(super) at: Vec3,
    /// Away from the road, unit.
    pub(super) out: Vec2,
    /// Direction of travel of the outermost lane, unit.
    pub(super) travel: Vec2,
    /// Width of the pavement beside it, m; 0 without one.
    pub(super) walk: f32,
}

/// The outer edges of all roads outside junctions: a run of samples for each side of a lane that has nothing beyond it.
pub(super) fn edges(site: &Site<'_>) -> Vec<Vec<Edge>> {
    let mut runs: Vec<Vec<Edge>> = Vec::new();
    for lane in &site.network.lanes {
        if lane.junction.is_some() || lane.kind == LaneKind::Sidewalk {
            continue;
        }
        let width = |s: f32| {
            let i = lane.center.arc().partition_point(|a| *a < s);
            lane.width.get(i).or(lane.width.last()).copied().unwrap_or(3.0)
        };
        let count = (lane.center.length() / STEP).floor() as u32;
        for side in [1.0, -1.0] {
            let mut run: Vec<Edge> = Vec::new();
            for i in 0..=count {
                let s = STEP * i as f32;
                let point = lane.center.at(s);
                let out = point.left().truncate() * side;
                let at = point.position.truncate() + out * (width(s) / 2.0);
                let beyond = |d: f32, mask: u8| !site.taken.free(&Footprint::disc(at + out * d, 0.04), mask);
                // Another lane beyond it, or a narrow strip between two carriageways, is no edge.
                let inner = (0..12).any(|k| beyond(0.3 + 0.45 * k as f32, layer::ROAD));
                if inner {
                    if run.len() > 1 {
                        runs.push(std::mem::take(&mut run));
                    }
                    run.clear();
                    continue;
                }
                let paved = |d: f32| beyond(d, layer::WALK);
                let starts = (1..4).map(|k| 0.2 * k as f32).find(|d| paved(*d));
                let walk = starts.map_or(0.0, |from| {
                    let mut d = from;
                    while d < 8.0 && paved(d + 0.2) {
                        d += 0.2;
                    }
                    d
                });
                run.push(Edge {
                    at: site.ground(at),
                    out,
                    travel: point.tangent.truncate().normalize_or(Vec2::X),
                    walk,
                });
            }
            if run.len() > 1 {
                runs.push(run);
            }
        }
    }
    runs
}

/// Furnishes all edges.
pub(super) fn furnish(site: &mut Site<'_>, seed: Seed) {
    let runs = edges(site);
    for (i, run) in runs.iter().enumerate() {
        let seed = seed.index(i as u64);
        if run.iter().any(|e| e.walk > 0.0) {
            pavement(site, run, seed);
        } else {
            verge(site, run, seed);
        }
    }
}

/// Samples of a run about every `spacing` m, with a little play.
fn sparse(run: &[Edge], spacing: f32, dice: &mut Dice) -> Vec<Edge> {
    let mut chosen = Vec::new();
    let mut s = spacing * dice.range(0.3, 0.8);
    let length = STEP * (run.len() - 1) as f32;
    while s < length {
        chosen.push(run[((s / STEP).round() as usize).min(run.len() - 1)]);
        s += spacing * dice.range(0.85, 1.15);
    }
    chosen
}

/// Trees and furniture on a pavement. A strip along its middle stays free.
fn pavement(site: &mut Site<'_>, run: &[Edge], seed: Seed) {
    let mut dice = Dice::new(seed);
    let lush = site.params.surroundings.vegetation as f32;
    let scale = site.params.surroundings.furniture as f32;
    let keep = layer::ROAD | layer::CROSSING | layer::SOLID;
    // What may stand at the kerb, how deep (m from the kerb).
    let kerb_room = |edge: &Edge| edge.walk / 2.0 - 0.35;
    if dice.chance((1.15 * lush).min(0.9)) {
        let spacing = dice.range(12.0, 20.0) / (0.4 + lush);
        for edge in sparse(run, spacing, &mut dice) {
            let p = edge.at.truncate() + edge.out * 0.6;
            if edge.walk > 2.0 && site.taken.take(Footprint::new(p, edge.out, Vec2::splat(0.3)), keep) {
                let at = site.ground(p);
                let size = dice.range(0.95, 1.15);
                let detail = site.plant_detail_at(p);
                site.plant(PlantKind::Street, at, size, detail, &mut dice);
            }
        }
    }
    if scale <= 0.0 {
        return;
    }
    if dice.chance(0.22 * scale) {
        // A row of bollards.
        let from = dice.count(0, (run.len() as u32).saturating_sub(8)) as usize;
        let look = seed.child("bollards");
        for edge in run.iter().skip(from).take(dice.count(5, 14) as usize) {
            let p = edge.at.truncate() + edge.out * 0.4;
            site.furnish(FurnitureKind::Bollard, site.ground(p), -edge.out, keep, look);
        }
    }
    let shelter = dice.chance(0.4 * scale);
    let mut left = u32::from(shelter);
    let spacing = 32.0 / (0.3 + scale);
    for (i, edge) in sparse(run, spacing, &mut dice).iter().enumerate() {
        if edge.walk <= 0.0 {
            continue;
        }
        let seed = seed.child("thing").index(i as u64);
        let kind = match dice.index(&[3.0, 2.0, 2.0, 1.2, 1.4, 1.6, 0.8, 0.8, 1.0, 1.0, 0.5, 0.9]) {
            0 => FurnitureKind::Bin,
            1 => FurnitureKind::Bench,
            2 => FurnitureKind::PowerBox,
            3 => FurnitureKind::Hydrant,
            4 => FurnitureKind::LetterBox,
            5 => FurnitureKind::BikeRack,
            6 => FurnitureKind::AdColumn,
            7 => FurnitureKind::AdBoard,
            8 => FurnitureKind::Planter,
            9 => FurnitureKind::TicketMachine,
            10 => FurnitureKind::Barrier,
            _ => FurnitureKind::Cafe,
        };
        let half = kind.half();
        let at_kerb = edge.at.truncate() + edge.out * (0.3 + half.x);
        let at_back = edge.at.truncate() + edge.out * (edge.walk - 0.08 - half.x);
        let room = kerb_room(edge);
        let kerbside = matches!(
            kind,
            FurnitureKind::Hydrant | FurnitureKind::TicketMachine | FurnitureKind::Bin | FurnitureKind::Barrier
        );
        if kerbside && 0.3 + 2.0 * half.x < room {
            site.furnish(kind, site.ground(at_kerb), -edge.out, keep, seed);
        } else if 0.08 + 2.0 * half.x < room {
            site.furnish(kind, site.ground(at_back), -edge.out, keep, seed);
        }
        if left > 0 && i > 0 {
            let kind = FurnitureKind::BusShelter;
            let behind = edge.at.truncate() + edge.out * (edge.walk + 0.95);
            let on = edge.at.truncate() + edge.out * (edge.walk - 0.9);
            let seed = seed.child("shelter");
            let done = site.furnish(kind, site.ground(behind), -edge.out, layer::ALL, seed)
                || (edge.walk > 4.2 && site.furnish(kind, site.ground(on), -edge.out, keep, seed));
            left -= u32::from(done);
        }
    }
    if dice.chance(0.07 * scale) {
        // Road works on the pavement's edge: a barrier and cones.
        let edge = run[run.len() / 2];
        for i in 0..4 {
            let p = edge.at.truncate() + edge.out * 0.5 + edge.travel * (1.3 * i as f32);
            let kind = if i == 0 {
                FurnitureKind::Barrier
            } else {
                FurnitureKind::Cone
            };
            site.furnish(kind, site.ground(p), -edge.travel, keep, seed.child("works"));
        }
    }
}

/// What stands on a verge without a pavement.
fn verge(site: &mut Site<'_>, run: &[Edge], seed: Seed) {
    let mut dice = Dice::new(seed);
    let highway = site.params.road.kind == RoadKind::Highway;
    let lush = site.params.surroundings.vegetation as f32;
    let keep = layer::ALL;
    let country = matches!(site.params.road.kind, RoadKind::Rural | RoadKind::Highway);
    let long = STEP * run.len() as f32 > 60.0;
    if country && long {
        for edge in run.iter().step_by(25) {
            let p = edge.at.truncate() + edge.out * 0.6;
            site.furnish(
                FurnitureKind::Delineator,
                site.ground(p),
                -edge.travel,
                keep,
                seed.child("post"),
            );
        }
        chevrons(site, run, seed);
    }
    if highway && long {
        gantries(site, run, &mut dice, seed);
        if dice.chance(0.3) {
            let from = dice.count(0, run.len() as u32 / 2) as usize;
            let line: Vec<Vec2> = run
                .iter()
                .skip(from)
                .step_by(2)
                .take(60)
                .map(|e| e.at.truncate() + e.out * 4.5)
                .collect();
            site.fence(furniture::FenceKind::NoiseWall, &line, keep, seed.child("noise"));
        }
    }
    if !highway && long && dice.chance(0.55) {
        poles(site, run, dice.range(6.0, 8.5), seed);
    }
    if country && !highway && dice.chance(0.8 * lush) {
        // An avenue: trees of one kind on both sides of the road stand in each run.
        let kind = dice.pick(&[PlantKind::Street, PlantKind::Street, PlantKind::Poplar]);
        let away = if kind == PlantKind::Poplar { 5.5 } else { 4.2 };
        for edge in sparse(run, dice.range(11.0, 18.0), &mut dice) {
            let p = edge.at.truncate() + edge.out * away;
            if site.taken.take(Footprint::new(p, edge.out, Vec2::splat(1.4)), keep) {
                let (at, size) = (site.ground(p), dice.range(1.0, 1.25));
                let detail = site.plant_detail_at(p);
                site.plant(kind, at, size, detail, &mut dice);
            }
        }
    }
    if country && dice.chance(0.25) {
        let edge = run[dice.count(0, run.len() as u32 - 1) as usize];
        let p = edge.at.truncate() + edge.out * dice.range(9.0, 14.0);
        site.furnish(
            FurnitureKind::Billboard,
            site.ground(p),
            -edge.travel,
            keep,
            seed.child("board"),
        );
    }
    let tufts = (STEP * run.len() as f32 * 0.25 * lush) as u32;
    for _ in 0..tufts.min(70) {
        let edge = run[dice.count(0, run.len() as u32 - 1) as usize];
        let away = if highway {
            dice.range(2.2, 9.0)
        } else {
            dice.range(1.2, 5.0)
        };
        let p = edge.at.truncate() + edge.out * away + edge.travel * dice.range(-1.0, 1.0);
        if site.taken.free(&Footprint::disc(p, 0.8), keep) {
            let (at, size) = (site.ground(p), dice.range(0.7, 1.3));
            let kind = if dice.chance(0.08 * lush) {
                PlantKind::Bush
            } else {
                PlantKind::Grass
            };
            if kind == PlantKind::Grass {
                site.plant(kind, at, size, Detail::Full, &mut dice);
            } else if site.taken.take(Footprint::disc(p, 1.2), keep) {
                site.plant(kind, at, size * 0.7, site.detail.coarser(), &mut dice);
            }
        }
    }
}

/// Boards in tight bends, on their outer side.
fn chevrons(site: &mut Site<'_>, run: &[Edge], seed: Seed) {
    for i in (4..run.len().saturating_sub(4)).step_by(6) {
        let (before, after) = (run[i - 4].travel, run[i + 4].travel);
        let turn = before.perp_dot(after).atan2(before.dot(after));
        let radius = STEP * 8.0 / turn.abs().max(1e-4);
        // The outer side of a bend to the left is the right one.
        if radius < 90.0 && turn * run[i].out.dot(run[i].travel.perp()) < 0.0 {
            let edge = run[i];
            let p = edge.at.truncate() + edge.out * 1.8;
            let kind = FurnitureKind::Chevron;
            site.furnish(kind, site.ground(p), -edge.travel, layer::ALL, seed.child("bend"));
        }
    }
}

/// Poles with wires beside a road.
fn poles(site: &mut Site<'_>, run: &[Edge], away: f32, seed: Seed) {
    let mut last: Option<(Vec3, Vec2)> = None;
    let look = seed.child("pole");
    for edge in run.iter().step_by(20) {
        let p = edge.at.truncate() + edge.out * away;
        let foot = site.ground(p);
        if !site.furnish(FurnitureKind::UtilityPole, foot, edge.out, layer::ALL, look) {
            last = None;
            continue;
        }
        if let Some((from, bar)) = last {
            let mesh = furniture::wires((Vec3::ZERO, bar), (foot - from, edge.out), 0.7);
            site.put(Arc::new(mesh), Affine3A::from_translation(from));
        }
        last = Some((foot, edge.out));
    }
}

/// Gantries over a carriageway, with direction boards that are labelled.
fn gantries(site: &mut Site<'_>, run: &[Edge], dice: &mut Dice, seed: Seed) {
    let every = 420;
    let start = dice.count(20, 200) as usize;
    for (i, edge) in run.iter().enumerate().skip(start).step_by(every) {
        let inward = -edge.out;
        let road = |d: f32| {
            !site
                .taken
                .free(&Footprint::disc(edge.at.truncate() + inward * d, 0.05), layer::ROAD)
        };
        let mut width = 0.3;
        while width < 40.0 && road(width) {
            width += 0.25;
        }
        let foot = edge.at.truncate() + edge.out * 1.3;
        let span = width + 1.3 + 0.9;
        let feet = [foot, foot + inward * span].map(|p| Footprint::new(p, edge.out, Vec2::splat(0.25)));
        if width < 6.0 || feet.iter().any(|f| !site.taken.free(f, layer::ALL)) {
            continue;
        }
        for place in feet {
            site.taken.claim(place, layer::SOLID);
        }
        let (beam, ground) = (6.4, site.ground(foot));
        // The frame's y runs inwards.
        let frame = upright(ground, -inward.perp());
        site.put(Arc::new(furniture::gantry(span, beam)), frame);
        let boards = (width / 4.5).floor().clamp(1.0, 3.0) as u32;
        for board in 0..boards {
            let along = 1.3 + width * (board as f32 + 0.5) / boards as f32;
            let mesh = sign::plate(
                SignKind::Direction,
                2.1,
                true,
                seed.index(i as u64).index(u64::from(board)),
            );
            let facing = -edge.travel;
            let at = ground + (inward * along + facing * 0.42).extend(beam + 0.55);
            let kind = sign::sign_name(SignKind::Direction);
            site.put_object(
                Arc::new(mesh),
                upright(at, facing),
                ObjectClass::TrafficSign,
                kind,
                None,
            );
        }
    }
}
