//! What grows where nothing is built: fields, meadows, woods, wild bushes, and what closes the view at the edge of the world.

use std::sync::Arc;

use glam::{Affine3A, Vec2, Vec3};

use super::building::{BuildingKind, BuildingSpec, Detail};
use super::furniture::{FenceKind, FurnitureKind};
use super::place::{Footprint, layer};
use super::site::{Site, steps};
use super::vegetation::{self, PlantKind};
use crate::dice::Dice;
use crate::material::{Material, Pattern, Semantic};
use crate::mesh::Mesh;
use crate::params::RoadKind;
use crate::seed::Seed;

/// Side of a parcel of land, m.
const PARCEL: f32 = 72.0;
/// Side of a cell of a field, m.
const CELL: f32 = 6.0;
/// How far from a road land is worked out, m.
const REACH: f32 = 110.0;
/// Most trees in the woods and wilds of a scene.
const MOST_TREES: usize = 480;

/// What a parcel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Land {
    Wood,
    Wheat,
    Maize,
    Rape,
    Rows,
    Ploughed,
    Vineyard,
    Orchard,
    Meadow,
}

/// The smallest rectangle around all roads; `None` without lanes.
fn extent(site: &Site<'_>) -> Option<(Vec2, Vec2)> {
    let mut points = site.network.lanes.iter().flat_map(|lane| lane.center.points());
    let first = points.next()?.truncate();
    Some(points.fold((first, first), |(low, high), p| {
        (low.min(p.truncate()), high.max(p.truncate()))
    }))
}

/// Is a road within this distance of a place?
fn near_road(site: &Site<'_>, p: Vec2, distance: f32) -> bool {
    !site.taken.free(&Footprint::disc(p, distance), layer::ROAD)
}

/// Where a tree is wanted.
struct Wanted {
    kind: PlantKind,
    at: Vec2,
    size: f32,
}

/// Fields and woods, or gardens gone wild, on all land that is still free.
pub(super) fn fill(site: &mut Site<'_>, seed: Seed) {
    let Some((low, high)) = extent(site) else {
        return;
    };
    let mut trees = Vec::new();
    match site.params.road.kind {
        RoadKind::Rural | RoadKind::Highway => parcels(site, (low, high), seed.child("parcels"), &mut trees),
        RoadKind::Urban | RoadKind::Suburban => wilds(site, (low, high), seed.child("wilds"), &mut trees),
    }
    // Evenly thinned out where there would be too many.
    let mut dice = Dice::new(seed.child("trees"));
    let keep = (MOST_TREES as f32 / trees.len().max(1) as f32).min(1.0);
    for tree in trees {
        if !dice.chance(keep) || !site.taken.take(Footprint::disc(tree.at, 1.1), layer::ALL | layer::PLOT) {
            continue;
        }
        let detail = site.plant_detail_at(tree.at);
        let at = site.ground(tree.at);
        site.plant(tree.kind, at, tree.size, detail, &mut dice);
    }
}

/// Trees and bushes in the yards and gaps of a town.
fn wilds(site: &Site<'_>, (low, high): (Vec2, Vec2), seed: Seed, trees: &mut Vec<Wanted>) {
    let mut dice = Dice::new(seed);
    let lush = site.params.surroundings.vegetation as f32;
    let step = 7.0;
    let (low, high) = (low - 50.0, high + 50.0);
    let (nx, ny) = (((high.x - low.x) / step) as u32, ((high.y - low.y) / step) as u32);
    for i in 0..nx {
        for j in 0..ny {
            let play = Vec2::new(dice.range(0.0, step), dice.range(0.0, step));
            let wanted = dice.chance(0.2 * lush);
            let (kind, size) = (dice.index(&[1.0, 0.8]), dice.range(0.6, 1.1));
            let tree = site.tree(&mut dice);
            let at = low + Vec2::new(i as f32, j as f32) * step + play;
            let room = if kind == 0 { 2.6 } else { 1.3 };
            if wanted && near_road(site, at, 60.0) && !near_road(site, at, room + 2.5) {
                trees.push(Wanted {
                    kind: if kind == 0 { tree } else { PlantKind::Bush },
                    at,
                    size,
                });
            }
        }
    }
}

/// Fields, meadows and woods between country roads.
fn parcels(site: &mut Site<'_>, (low, high): (Vec2, Vec2), seed: Seed, trees: &mut Vec<Wanted>) {
    let mut dice = Dice::new(seed);
    let lush = site.params.surroundings.vegetation as f32;
    let turn = Vec2::from_angle(dice.range(0.0, std::f32::consts::FRAC_PI_2));
    let middle = low.midpoint(high);
    let half = ((high - low).length() / 2.0 + REACH) / PARCEL;
    let n = half.ceil() as i32;
    for i in -n..=n {
        for j in -n..=n {
            let index = (i64::from(i + 4096) * 8192 + i64::from(j + 4096)) as u64;
            let seed = seed.index(index);
            let center = middle + turn.rotate(Vec2::new(i as f32, j as f32) * PARCEL);
            if !near_road(site, center, REACH) {
                continue;
            }
            let mut dice = Dice::new(seed);
            let land = [
                Land::Wood,
                Land::Wheat,
                Land::Maize,
                Land::Rape,
                Land::Rows,
                Land::Ploughed,
                Land::Vineyard,
                Land::Orchard,
                Land::Meadow,
            ][dice.index(&[4.5 * lush, 1.6, 1.0, 0.6, 0.8, 0.8, 0.4, 0.5 * lush, 2.4])];
            parcel(site, land, (center, turn), &mut dice, (seed, trees));
        }
    }
}

/// One parcel: its crop and its trees.
fn parcel(
    site: &mut Site<'_>,
    land: Land,
    (center, axis): (Vec2, Vec2),
    dice: &mut Dice,
    (seed, trees): (Seed, &mut Vec<Wanted>),
) {
    let at = |x: f32, y: f32| center + axis * x + axis.perp() * y;
    let half = PARCEL / 2.0;
    let winter = site.season.foliage < 0.3;
    // (colour, height m) of what stands on the field.
    let crop: Option<([u8; 3], f32)> = match land {
        Land::Wheat if !winter => Some((
            dice.pick(&[[206, 178, 96], [150, 160, 74], [186, 164, 92]]),
            dice.range(0.5, 0.8),
        )),
        Land::Maize if !winter => Some(([84, 112, 46], dice.range(1.4, 2.1))),
        Land::Rape if !winter => Some((dice.pick(&[[216, 200, 40], [110, 134, 60]]), dice.range(0.7, 1.1))),
        Land::Wheat | Land::Maize | Land::Rape | Land::Ploughed => Some(([112, 88, 66], 0.14)),
        _ => None,
    };
    if let Some((color, height)) = crop {
        let material = if height < 0.3 {
            Material::matte(Semantic::Terrain, dice.shade(color)).pattern(Pattern::Stripes { width: 0.6 })
        } else {
            vegetation::crop(color, dice)
        };
        slab(site, (center, axis), (material, height), dice);
        return;
    }
    match land {
        Land::Wood => {
            let conifers = dice.chance(0.35);
            let main = site.tree(dice);
            let step = dice.range(5.0, 6.5);
            let n = (PARCEL / step) as i32;
            for i in 0..n * n {
                let cell = Vec2::new((i % n) as f32, (i / n) as f32) * step - half;
                let p = at(cell.x + dice.range(0.0, step), cell.y + dice.range(0.0, step));
                let kind = match dice.index(&[1.2, 1.0, 0.6]) {
                    0 if conifers => PlantKind::Conifer,
                    0 => main,
                    1 => site.tree(dice),
                    _ => PlantKind::Bush,
                };
                let size = dice.range(0.75, 1.2);
                // What is deep in a wood is hidden by its edge.
                if near_road(site, p, 48.0) && !near_road(site, p, 5.5) {
                    trees.push(Wanted { kind, at: p, size });
                }
            }
        }
        Land::Orchard => {
            for i in 0..10 {
                for j in 0..10 {
                    let p = at((i as f32 - 4.5) * 6.5, (j as f32 - 4.5) * 6.5);
                    if near_road(site, p, 60.0) && !near_road(site, p, 5.0) {
                        trees.push(Wanted {
                            kind: PlantKind::Fruit,
                            at: p,
                            size: dice.range(0.85, 1.0),
                        });
                    }
                }
            }
        }
        Land::Vineyard | Land::Rows => {
            let vines = land == Land::Vineyard;
            let (spacing, size) = if vines {
                (2.6, Vec2::new(0.5, 1.6))
            } else {
                (1.9, Vec2::new(0.9, 0.4))
            };
            let rows = ((PARCEL - 6.0) / spacing) as i32;
            for row in 0..rows {
                let y = (row as f32 - rows as f32 / 2.0) * spacing;
                let line: Vec<Vec2> = steps(at(3.0 - half, y), at(half - 3.0, y), 6.0)
                    .into_iter()
                    .filter(|p| near_road(site, *p, 55.0) && !near_road(site, *p, 4.0))
                    .collect();
                // A road may cut a row in two.
                for run in line.chunk_by(|a, b| a.distance(*b) < 7.0) {
                    site.hedge(run, size, 0.22, layer::ALL | layer::PLOT, dice);
                }
            }
        }
        _ => {
            // A meadow: a fence towards the road, single trees, bales in summer.
            if dice.chance(0.5) {
                for (a, b) in [
                    (at(-half, -half), at(half, -half)),
                    (at(half, -half), at(half, half)),
                    (at(half, half), at(-half, half)),
                    (at(-half, half), at(-half, -half)),
                ] {
                    let line: Vec<Vec2> = steps(a, b, 3.0)
                        .into_iter()
                        .filter(|p| near_road(site, *p, 40.0) && !near_road(site, *p, 3.0))
                        .collect();
                    for run in line.chunk_by(|a, b| a.distance(*b) < 4.0) {
                        site.fence(FenceKind::Rails, run, layer::ALL | layer::PLOT, seed.child("fence"));
                    }
                }
            }
            let count = (9.0 * site.params.surroundings.vegetation) as u32;
            for _ in 0..dice.count(count.min(1), count) {
                let p = at(dice.range(-half, half), dice.range(-half, half));
                let kind = if dice.chance(0.45) {
                    site.tree(dice)
                } else {
                    PlantKind::Bush
                };
                if !near_road(site, p, 6.0) {
                    trees.push(Wanted {
                        kind,
                        at: p,
                        size: dice.range(0.7, 1.15),
                    });
                }
            }
            if !winter && dice.chance(0.3) {
                for i in 0..dice.count(2, 6) {
                    let p = at(dice.range(-half, half), dice.range(-half, half));
                    if near_road(site, p, 60.0) && !near_road(site, p, 8.0) {
                        let foot = site.ground(p);
                        let seed = seed.child("bales").index(u64::from(i));
                        site.furnish(FurnitureKind::Bales, foot, axis, layer::ALL | layer::PLOT, seed);
                    }
                }
            }
        }
    }
}

/// A standing crop, or soil: a layer of this height on all cells of a parcel that are free.
fn slab(site: &mut Site<'_>, (center, axis): (Vec2, Vec2), (material, height): (Material, f32), dice: &mut Dice) {
    let n = (PARCEL / CELL) as usize;
    let corner = |i: usize, j: usize| {
        let (x, y) = (i as f32 * CELL - PARCEL / 2.0, j as f32 * CELL - PARCEL / 2.0);
        center + axis * x + axis.perp() * y
    };
    let mut free = vec![vec![false; n]; n];
    for (i, column) in free.iter_mut().enumerate() {
        for (j, cell) in column.iter_mut().enumerate() {
            // A path between two fields.
            let border = i == 0 || j == 0;
            let middle = corner(i, j).midpoint(corner(i + 1, j + 1));
            let place = Footprint::new(middle, axis, Vec2::splat(CELL / 2.0 + 2.2));
            *cell = !border && near_road(site, middle, REACH) && site.taken.free(&place, layer::ALL | layer::PLOT);
        }
    }
    let origin = site.ground(center);
    // One height for each lattice point, so that neighbours meet; 0.85 to 1.1 of the crop's.
    let tall: Vec<f32> = (0..(n + 1) * (n + 1)).map(|_| height * dice.range(0.85, 1.1)).collect();
    let top =
        |site: &Site<'_>, i: usize, j: usize| site.ground(corner(i, j)) + Vec3::Z * tall[i * (n + 1) + j] - origin;
    let low = |site: &Site<'_>, i: usize, j: usize| site.ground(corner(i, j)) - Vec3::Z * 0.3 - origin;
    let mut mesh = Mesh::new();
    let is_free = |i: isize, j: isize| {
        let inside = |v: isize| (0..n as isize).contains(&v);
        inside(i) && inside(j) && free[i as usize][j as usize]
    };
    let cells = (0..n * n).map(|k| (k / n, k % n));
    for (i, j) in cells {
        if is_free(i as isize, j as isize) {
            let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
            let [a, b, c, d] = corners.map(|(i, j)| top(site, i, j));
            mesh.quad(material, a, b, c, d);
            let (x, y) = (i as isize, j as isize);
            for (k, (dx, dy)) in [(0, -1), (1, 0), (0, 1), (-1, 0)].into_iter().enumerate() {
                if is_free(x + dx, y + dy) {
                    continue;
                }
                let (p, q) = (corners[k], corners[(k + 1) % 4]);
                let (from, to) = (top(site, p.0, p.1), top(site, q.0, q.1));
                mesh.quad(material, low(site, p.0, p.1), low(site, q.0, q.1), to, from);
            }
        }
    }
    if !mesh.triangles.is_empty() {
        site.put(Arc::new(mesh), Affine3A::from_translation(origin));
    }
    for (i, column) in free.iter().enumerate() {
        for (j, cell) in column.iter().enumerate() {
            if *cell {
                let middle = corner(i, j).midpoint(corner(i + 1, j + 1));
                let place = Footprint::new(middle, axis, Vec2::splat(CELL / 2.0));
                site.taken.claim(place, layer::SOLID);
            }
        }
    }
}

/// What closes the view: lines of trees, and in towns blocks of houses, in rings around the roads.
pub(super) fn skyline(site: &mut Site<'_>, seed: Seed) {
    let Some((low, high)) = extent(site) else {
        return;
    };
    let mut dice = Dice::new(seed);
    let (middle, half) = (low.midpoint(high), (high - low) / 2.0);
    let kind = site.params.road.kind;
    let lush = site.params.surroundings.vegetation as f32;
    let color = dice.shade(if site.season.foliage < 0.3 {
        [96, 86, 76]
    } else {
        [62, 82, 48]
    });
    let leaves = vegetation::crop(color.map(|c| (c.sqrt() * 255.0) as u8), &mut dice);
    let away = match kind {
        RoadKind::Urban => [45.0, 110.0, 210.0],
        RoadKind::Suburban => [60.0, 140.0, 260.0],
        RoadKind::Rural | RoadKind::Highway => [140.0, 280.0, 520.0],
    };
    for (ring, away) in away.into_iter().enumerate() {
        let around = 2.0 * std::f32::consts::PI * (half.length() + away);
        let count = (around / (50.0 + away * 0.12)).clamp(12.0, 150.0) as u32;
        for i in 0..count {
            let angle = std::f32::consts::TAU * (i as f32 + dice.range(-0.3, 0.3)) / count as f32;
            // A rounded rectangle around the roads.
            let d = Vec2::from_angle(angle);
            let reach = (half + away) / d.abs().max(Vec2::splat(1e-3));
            let p = middle + d * reach.min_element() * dice.range(1.0, 1.12);
            let (want_house, size) = (dice.unit(), Vec2::new(dice.range(14.0, 34.0), dice.range(12.0, 20.0)));
            let seed = seed.index(ring as u64).index(u64::from(i));
            let houses = match kind {
                RoadKind::Urban => 0.75,
                RoadKind::Suburban => 0.4,
                RoadKind::Rural => 0.04,
                RoadKind::Highway => 0.06,
            } * site.params.surroundings.buildings as f32;
            let place = Footprint::new(p, d.perp(), size / 2.0);
            if near_road(site, p, 30.0) {
                continue;
            }
            if want_house < houses {
                if site.taken.take(place.grown(2.0), layer::ALL | layer::PLOT) {
                    let storeys = site.params.surroundings.storeys as f32 * dice.range(0.7, 1.6);
                    let spec = BuildingSpec {
                        kind: dice.pick(&[BuildingKind::Apartment, BuildingKind::Office, BuildingKind::Hall]),
                        size,
                        storeys: storeys.round().clamp(1.0, 45.0) as u32,
                        party: [false; 2],
                        plinth: 1.0,
                        lit: site.params.surroundings.lit_windows as f32,
                        detail: Detail::Low,
                    };
                    site.build(&place, spec, seed);
                }
            } else if dice.chance(lush.sqrt()) {
                let width = (50.0 + away * 0.12) * dice.range(0.8, 1.5);
                grove(site, (p, d.perp()), width, leaves, &mut dice);
            }
        }
    }
}

/// A far grove: lumps of foliage side by side, seen from far away only.
fn grove(site: &mut Site<'_>, (center, along): (Vec2, Vec2), width: f32, material: Material, dice: &mut Dice) {
    let anchor = site.ground(center);
    let mut mesh = Mesh::new();
    let count = (width / 9.0).ceil().max(2.0) as u32;
    for i in 0..count {
        let across = dice.range(-4.0, 4.0);
        let p = center + along * (width * ((i as f32 + 0.5) / count as f32 - 0.5)) + along.perp() * across;
        if near_road(site, p, 14.0) || !site.taken.free(&Footprint::disc(p, 5.0), layer::SOLID | layer::PLOT) {
            continue;
        }
        let height = dice.range(8.0, 17.0);
        let radii = Vec3::new(dice.range(4.5, 7.0), dice.range(4.5, 7.0), height * 0.55);
        mesh.ellipsoid(material, site.ground(p) - anchor + Vec3::Z * height * 0.45, radii, 4, 6);
    }
    if !mesh.triangles.is_empty() {
        site.put(Arc::new(mesh), Affine3A::from_translation(anchor));
    }
}
