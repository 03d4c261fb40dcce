//! What stands on plots: rows of houses, blocks, gardens, parks, farms, works.

use glam::Vec2;

use super::building::{BuildingKind, BuildingSpec};
use super::furniture::{FenceKind, FurnitureKind};
use super::place::{Footprint, PlotFrame, layer};
use super::site::{Site, steps};
use super::vegetation::PlantKind;
use crate::dice::Dice;
use crate::params::RoadKind;
use crate::road::Plot;
use crate::seed::Seed;

/// Everything except the road's own kerbs may not be touched by what stands on a plot.
const KEEP_OFF: u8 = layer::ALL;

/// Fills one plot.
pub(super) fn fill(site: &mut Site<'_>, plot: &Plot, seed: Seed) {
    let Some(frame) = PlotFrame::of(plot) else {
        return;
    };
    let mut dice = Dice::new(seed);
    let remote = plot.remoteness.clamp(0.0, 1.0);
    let built = dice.chance(site.params.surroundings.buildings as f32);
    match site.params.road.kind {
        RoadKind::Urban if built => town(site, &frame, remote, &mut dice, seed),
        RoadKind::Suburban if built => suburb(site, &frame, remote, &mut dice, seed),
        RoadKind::Urban | RoadKind::Suburban => open_space(site, &frame, &mut dice, seed),
        RoadKind::Rural if built => farm(site, &frame, &mut dice, seed),
        RoadKind::Highway if built => works(site, &frame, &mut dice, seed),
        // Out of town an empty plot is part of the fields and woods around it.
        RoadKind::Rural | RoadKind::Highway => return,
    }
    let (x, y) = (frame.reach, frame.depth);
    site.taken.claim(frame.rectangle(x.x, 0.0, x.y, y), layer::PLOT);
}

fn spec(site: &Site<'_>, kind: BuildingKind, storeys: u32, at: Vec2) -> BuildingSpec {
    BuildingSpec {
        kind,
        size: Vec2::ONE,
        storeys,
        party: [false; 2],
        plinth: 0.6,
        lit: site.params.surroundings.lit_windows.clamp(0.0, 1.0) as f32,
        detail: site.detail_at(at),
    }
}

/// Takes a rectangle of a plot if it is inside and free; houses may touch their neighbours.
fn take(site: &mut Site<'_>, frame: &PlotFrame, place: &Footprint) -> bool {
    frame.encloses(&place.grown(-0.06)) && site.taken.take(place.grown(-0.06), KEEP_OFF)
}

/// A lone building somewhere on its plot, `setback` m from its front; smaller if it does not fit.
fn lone(
    site: &mut Site<'_>,
    frame: &PlotFrame,
    kind: BuildingKind,
    [x, setback]: [f32; 2],
    size: Vec2,
    (storeys, seed): (u32, Seed),
) -> Option<Footprint> {
    for factor in [1.0, 0.85, 0.7, 0.55] {
        let s = size * factor;
        let place = frame.rectangle(x - s.x / 2.0, setback, x + s.x / 2.0, setback + s.y);
        if take(site, frame, &place) {
            let spec = spec(site, kind, storeys, place.center);
            return site.build(&place, spec, seed).then_some(place);
        }
    }
    None
}

fn storeys(site: &Site<'_>, remote: f32, dice: &mut Dice) -> u32 {
    let typical = site.params.surroundings.storeys as f32 * (1.15 - 0.45 * remote);
    (typical * dice.range(0.75, 1.3)).round().clamp(1.0, 45.0) as u32
}

/// A plot in a town.
fn town(site: &mut Site<'_>, frame: &PlotFrame, remote: f32, dice: &mut Dice, seed: Seed) {
    let middle = frame.length / 2.0;
    let room = Vec2::new(frame.length - 0.8, frame.depth - 0.8);
    let roomy = room.x > 16.0 && room.y > 12.5;
    let built = match dice.unit() {
        p if p < 0.008 && room.y > 15.0 => {
            let size = Vec2::new(dice.range(11.0, 16.0), dice.range(18.0, 34.0)).min(room);
            lone(site, frame, BuildingKind::Church, [middle, 0.4], size, (1, seed)).is_some()
        }
        p if p < 0.035 && roomy => {
            let size = Vec2::new(dice.range(14.0, 26.0), dice.range(12.0, 18.0)).min(room - Vec2::new(0.0, 1.8));
            let tall = storeys(site, remote, dice);
            let fenced = lone(
                site,
                frame,
                BuildingKind::ConstructionSite,
                [middle, 1.9],
                size,
                (tall, seed),
            )
            .is_some();
            if fenced {
                let line = steps(frame.world(0.3, 0.4), frame.world(frame.length - 0.3, 0.4), 3.0);
                site.fence(FenceKind::Mesh, &line, KEEP_OFF, seed.child("fence"));
            }
            fenced
        }
        p if p < 0.055 && roomy && remote > 0.2 => lone(
            site,
            frame,
            BuildingKind::PetrolStation,
            [middle, 0.4],
            room.min(Vec2::new(30.0, 24.0)),
            (1, seed),
        )
        .is_some(),
        p if p < 0.13 && roomy && remote > 0.65 => lone(
            site,
            frame,
            BuildingKind::Hall,
            [middle, 0.5],
            room.min(Vec2::new(46.0, 30.0)),
            (1, seed),
        )
        .is_some(),
        _ => false,
    };
    if !built {
        if remote < 0.7 || dice.chance(0.4) {
            row(site, frame, remote, dice, seed);
        } else {
            slabs(site, frame, remote, dice, seed);
        }
    }
    if remote > 0.3 {
        garden(site, frame, 0.35 + 0.4 * remote, dice);
    } else {
        garden(site, frame, 0.2, dice);
    }
}

/// Houses wall to wall along the front.
fn row(site: &mut Site<'_>, frame: &PlotFrame, remote: f32, dice: &mut Dice, seed: Seed) {
    let tall = storeys(site, remote, dice);
    let setback = if remote > 0.4 && dice.chance(0.4) {
        dice.range(2.0, 4.0)
    } else {
        0.25
    };
    let depth = dice.range(10.5, 14.0);
    // Tall houses are wide, and stand apart from those of other heights.
    let [narrow, wide] = if tall > 9 { [18.0, 32.0] } else { [7.5, 17.0] };
    let mut lots: Vec<(Footprint, BuildingKind, u32)> = Vec::new();
    let mut x = 0.3;
    let end = frame.length - 0.3;
    while end - x >= 5.5 {
        let mut width = dice.range(narrow, wide).min(end - x);
        if end - x - width < 5.5 {
            width = end - x;
        }
        width = width.min(wide * 1.4);
        let kind = match dice.index(&[3.0, 3.2 * (1.0 - remote), 1.4, 1.3 * (1.0 - remote)]) {
            0 => BuildingKind::TownHouse,
            1 => BuildingKind::Shop,
            2 => BuildingKind::Apartment,
            _ => BuildingKind::Office,
        };
        let kind = if tall > 9 && kind == BuildingKind::TownHouse {
            BuildingKind::Apartment
        } else {
            kind
        };
        let kind = if tall > 9 && kind == BuildingKind::Shop {
            BuildingKind::Office
        } else {
            kind
        };
        let levels = (tall as i32 + dice.count(0, 2) as i32 - 1).max(1) as u32;
        // Some lots in a row are gaps, with a yard or a garage behind.
        let gap = dice.chance(0.05 + 0.1 * remote);
        if !gap {
            for part in [1.0, 0.75, 0.55] {
                let place = frame.rectangle(x, setback, x + width, setback + depth * part);
                if take(site, frame, &place) {
                    lots.push((place, kind, levels));
                    break;
                }
            }
        }
        x += width;
    }
    for (i, (place, kind, levels)) in lots.iter().enumerate() {
        let touches = |other: Option<&(Footprint, BuildingKind, u32)>| {
            other.is_some_and(|(o, ..)| {
                let gap = (o.center - place.center).dot(frame.along).abs() - o.half.x - place.half.x;
                gap < 0.3
            })
        };
        let right = touches(lots.get(i + 1));
        let left = i.checked_sub(1).is_some_and(|j| touches(lots.get(j)));
        let spec = BuildingSpec {
            party: [right, left],
            ..spec(site, *kind, *levels, place.center)
        };
        site.build(place, spec, seed.child("row").index(i as u64));
    }
    if setback > 1.5 {
        front_line(site, frame, dice, seed);
    }
    // Garages and sheds in the yard.
    for i in 0..(frame.length / 14.0) as u32 {
        let at = [
            dice.range(3.0, (frame.length - 3.0).max(3.1)),
            setback + depth + dice.range(2.0, 8.0),
        ];
        let kind = dice.pick(&[BuildingKind::Garage, BuildingKind::Shed]);
        let size = Vec2::new(dice.range(2.8, 3.4), dice.range(3.0, 6.0));
        lone(site, frame, kind, at, size, (1, seed.child("yard").index(u64::from(i))));
    }
}

/// Blocks of flats with lawns between them.
fn slabs(site: &mut Site<'_>, frame: &PlotFrame, remote: f32, dice: &mut Dice, seed: Seed) {
    let tall = storeys(site, remote, dice);
    let across = dice.chance(0.4);
    let setback = dice.range(3.0, 7.0);
    let mut x = dice.range(2.0, 6.0);
    let mut index = 0;
    while x < frame.length - 10.0 {
        let (mut w, mut d) = (dice.range(18.0, 34.0), dice.range(11.0, 13.5));
        if across {
            (w, d) = (d + 2.0, w);
        }
        let kind = if dice.chance(0.8) {
            BuildingKind::Apartment
        } else {
            BuildingKind::Office
        };
        let size = Vec2::new(w.min(frame.length - x - 1.0), d.min(frame.depth - setback - 1.0));
        if size.min_element() > 7.0 {
            let at = [x + size.x / 2.0, setback];
            lone(site, frame, kind, at, size, (tall, seed.child("slab").index(index)));
        }
        index += 1;
        x += w + dice.range(7.0, 16.0);
    }
    if dice.chance(0.5) {
        front_line(site, frame, dice, seed);
    }
    let count = (4.0 * site.params.surroundings.furniture) as u32;
    for i in 0..count {
        let kind = dice.pick(&[
            FurnitureKind::Bench,
            FurnitureKind::WheelieBins,
            FurnitureKind::Containers,
        ]);
        let p = frame.world(
            dice.range(1.0, frame.length.max(1.1)),
            dice.range(1.0, setback.max(1.1)),
        );
        put_inside(site, frame, kind, p, seed.child("yard").index(u64::from(i)));
    }
}

/// Puts a thing on a plot, with its front towards the road.
fn put_inside(site: &mut Site<'_>, frame: &PlotFrame, kind: FurnitureKind, p: Vec2, seed: Seed) -> bool {
    let facing = -frame.along.perp();
    let inside = frame.encloses(&Footprint::new(p, facing, kind.half()));
    let foot = site.ground(p);
    inside && site.furnish(kind, foot, facing, KEEP_OFF, seed)
}

/// Houses with gardens.
fn suburb(site: &mut Site<'_>, frame: &PlotFrame, remote: f32, dice: &mut Dice, seed: Seed) {
    let style = dice.unit();
    if style < 0.08 && frame.length > 24.0 && frame.depth > 18.0 {
        town(site, frame, remote.max(0.5), dice, seed);
        return;
    }
    let setback = dice.range(3.5, 7.5);
    let terrace = style < 0.2;
    let mut x = dice.range(0.5, 2.0);
    let mut index = 0;
    while frame.length - x > 9.0 {
        let lot = if terrace {
            dice.range(9.0, 11.0)
        } else {
            dice.range(14.0, 22.0)
        }
        .min(frame.length - x);
        let seed = seed.child("lot").index(index);
        index += 1;
        if dice.chance(0.95) {
            lot_with_house(site, frame, [x, lot, setback + dice.range(-0.8, 0.8)], dice, seed);
        }
        // The fence between two gardens.
        if dice.chance(0.7) {
            let (from, to) = (
                frame.world(x + lot, 1.0),
                frame.world(x + lot, (setback + 16.0).min(frame.depth - 0.5)),
            );
            border(site, &steps(from, to, 2.0), dice, seed.child("side"));
        }
        x += lot;
    }
    garden(site, frame, 1.0, dice);
}

/// One house on its lot, with its garage, its drive and what stands at its gate.
fn lot_with_house(site: &mut Site<'_>, frame: &PlotFrame, [x, lot, setback]: [f32; 3], dice: &mut Dice, seed: Seed) {
    let garage = lot > 13.5 && dice.chance(0.65);
    let room = if garage { lot - 5.5 } else { lot - 3.0 };
    let size = Vec2::new(dice.range(7.5, 12.0).min(room), dice.range(7.5, 10.5));
    let right = dice.chance(0.5);
    let middle = if garage == right {
        x + 1.5 + size.x / 2.0
    } else {
        x + lot - 1.5 - size.x / 2.0
    };
    let storeys = (site.params.surroundings.storeys as f32 * 0.45 * dice.range(0.6, 1.4))
        .round()
        .clamp(1.0, 3.0) as u32;
    let kind = BuildingKind::Detached;
    let house = lone(site, frame, kind, [middle, setback], size, (storeys, seed));
    let gate = if garage == right { x + lot - 2.2 } else { x + 2.2 };
    if house.is_some() && garage {
        let back = setback + dice.range(0.5, 3.0);
        let size = Vec2::new(3.2, 6.0);
        lone(
            site,
            frame,
            BuildingKind::Garage,
            [gate, back],
            size,
            (1, seed.child("garage")),
        );
    }
    // The border towards the road leaves the drive open.
    let style = seed.child("front");
    for (from, to) in [(x, gate - 1.9), (gate + 1.9, x + lot)] {
        if to - from > 1.0 {
            let line = steps(frame.world(from, 0.45), frame.world(to, 0.45), 2.0);
            // Both halves of a front look the same.
            border(site, &line, &mut Dice::new(style), style);
        }
    }
    let scale = site.params.surroundings.furniture as f32;
    if dice.chance(0.7 * scale) {
        put_inside(
            site,
            frame,
            FurnitureKind::LetterBox,
            frame.world(gate - 1.4, 0.5),
            seed,
        );
    }
    if dice.chance(0.6 * scale) {
        put_inside(
            site,
            frame,
            FurnitureKind::WheelieBins,
            frame.world(gate + 2.6, 1.2),
            seed,
        );
    }
    if dice.chance(0.3) {
        let at = [x + lot / 2.0, setback + size.y + dice.range(6.0, 10.0)];
        lone(
            site,
            frame,
            BuildingKind::Shed,
            at,
            Vec2::new(2.6, 2.4),
            (1, seed.child("shed")),
        );
    }
}

/// A hedge, a fence, a wall or nothing along a line.
fn border(site: &mut Site<'_>, line: &[Vec2], dice: &mut Dice, seed: Seed) {
    let lush = site.params.surroundings.vegetation as f32;
    match dice.index(&[5.0 * lush, 1.6, 0.9, 1.0, 1.2, 0.8]) {
        0 => {
            let size = Vec2::new(dice.range(0.5, 0.9), dice.range(0.8, 1.7));
            site.hedge(line, size, 0.12, KEEP_OFF, dice);
        }
        1 => {
            site.fence(FenceKind::Picket, line, KEEP_OFF, seed);
        }
        2 => {
            site.fence(FenceKind::Boards, line, KEEP_OFF, seed);
        }
        3 => {
            site.fence(FenceKind::Wall, line, KEEP_OFF, seed);
        }
        4 => {
            site.fence(FenceKind::Mesh, line, KEEP_OFF, seed);
        }
        _ => {}
    }
}

/// A border along the whole front, with an opening in its middle.
fn front_line(site: &mut Site<'_>, frame: &PlotFrame, dice: &mut Dice, seed: Seed) {
    let style = dice.count(0, 1 << 20);
    let middle = frame.length * dice.range(0.35, 0.65);
    for (from, to) in [(0.4, middle - 2.0), (middle + 2.0, frame.length - 0.4)] {
        if to - from > 1.5 {
            let line = steps(frame.world(from, 0.5), frame.world(to, 0.5), 2.0);
            let mut same = Dice::new(seed.child("border").index(u64::from(style)));
            border(site, &line, &mut same, seed);
        }
    }
}

/// Trees and bushes on what is left of a plot; `density` 1 is a garden.
pub(super) fn garden(site: &mut Site<'_>, frame: &PlotFrame, density: f32, dice: &mut Dice) {
    let lush = site.params.surroundings.vegetation as f32;
    let area = (frame.reach.y - frame.reach.x) * frame.depth.min(45.0);
    let count = (area / 55.0 * density * lush).round().min(140.0) as u32;
    for _ in 0..count {
        let p = frame.world(
            dice.range(frame.reach.x, frame.reach.y),
            dice.range(0.5, frame.depth.min(45.0)),
        );
        let kind = if dice.chance(0.4) {
            site.tree(dice)
        } else {
            PlantKind::Bush
        };
        let size = dice.range(0.6, 1.05);
        let room = match kind {
            PlantKind::Bush => 1.1,
            PlantKind::Fruit | PlantKind::Poplar => 2.2,
            _ => 3.0,
        };
        put_plant(site, frame, kind, p, (size, room * size), dice);
    }
}

/// Plants something on a plot if there is room.
pub(super) fn put_plant(
    site: &mut Site<'_>,
    frame: &PlotFrame,
    kind: PlantKind,
    p: Vec2,
    (size, room): (f32, f32),
    dice: &mut Dice,
) -> bool {
    let place = Footprint::disc(p, room);
    if !frame.encloses(&Footprint::disc(p, 0.4)) || !site.taken.take(place, KEEP_OFF) {
        return false;
    }
    let detail = site.plant_detail_at(p);
    let at = site.ground(p);
    site.plant(kind, at, size, detail, dice);
    true
}

/// A park, a playground, a square.
fn open_space(site: &mut Site<'_>, frame: &PlotFrame, dice: &mut Dice, seed: Seed) {
    let scale = site.params.surroundings.furniture as f32;
    let count = (frame.length / 5.0 * scale) as u32;
    for i in 0..count {
        let kind = dice.pick(&[
            FurnitureKind::Bench,
            FurnitureKind::Bench,
            FurnitureKind::Bin,
            FurnitureKind::Planter,
            FurnitureKind::AdColumn,
            FurnitureKind::BikeRack,
            FurnitureKind::Cafe,
        ]);
        let p = frame.world(dice.range(1.0, frame.length.max(1.1)), dice.range(0.8, 4.5));
        put_inside(site, frame, kind, p, seed.child("square").index(u64::from(i)));
    }
    if dice.chance(0.5) {
        front_line(site, frame, dice, seed);
    }
    if dice.chance(0.3) {
        let (x, y) = (frame.length * dice.range(0.3, 0.7), 3.0);
        put_inside(
            site,
            frame,
            FurnitureKind::Billboard,
            frame.world(x, y),
            seed.child("board"),
        );
    }
    // Trees in rows along the front, the others as they come.
    let mut x = 3.0;
    let kind = site.tree(dice);
    let lush = site.params.surroundings.vegetation as f32;
    while x < frame.length - 2.0 && dice.chance(lush.sqrt()) {
        let size = dice.range(0.8, 1.0);
        put_plant(site, frame, kind, frame.world(x, 4.5), (size, 2.4), dice);
        x += dice.range(7.0, 9.0);
    }
    garden(site, frame, 0.9, dice);
}

/// A farm: a house, a barn or two, bales, a fence, fields behind.
fn farm(site: &mut Site<'_>, frame: &PlotFrame, dice: &mut Dice, seed: Seed) {
    let middle = frame.length * dice.range(0.3, 0.7);
    let size = Vec2::new(dice.range(9.0, 15.0), dice.range(8.5, 11.0));
    let setback = dice.range(2.0, 7.0);
    let kind = BuildingKind::Detached;
    lone(site, frame, kind, [middle, setback], size, (2, seed));
    for i in 0..dice.count(1, 3) {
        let side = if i % 2 == 0 { 1.0 } else { -1.0 };
        let barn = Vec2::new(dice.range(8.0, 13.0), dice.range(11.0, 22.0));
        let at = [
            middle + side * (size.x / 2.0 + barn.x / 2.0 + dice.range(2.0, 6.0)),
            setback + dice.range(0.0, 9.0),
        ];
        let seed = seed.child("barn").index(u64::from(i));
        lone(site, frame, BuildingKind::Barn, at, barn, (1, seed));
    }
    for i in 0..2 {
        let p = frame.world(middle + dice.range(-20.0, 20.0), dice.range(1.5, 12.0));
        put_inside(site, frame, FurnitureKind::Bales, p, seed.child("bales").index(i));
    }
    let line = steps(frame.world(middle - 24.0, 2.0), frame.world(middle - 5.0, 2.0), 3.0);
    site.fence(FenceKind::Rails, &line, KEEP_OFF, seed.child("fence"));
    garden(site, frame, 0.5, dice);
}

/// A hall or an office along a large road.
fn works(site: &mut Site<'_>, frame: &PlotFrame, dice: &mut Dice, seed: Seed) {
    let size = Vec2::new(frame.length - dice.range(2.0, 8.0), frame.depth * dice.range(0.5, 0.75));
    let kind = if dice.chance(0.85) {
        BuildingKind::Hall
    } else {
        BuildingKind::Office
    };
    let levels = dice.count(2, 6);
    lone(
        site,
        frame,
        kind,
        [frame.length / 2.0, frame.depth * 0.2],
        size,
        (levels, seed),
    );
    let line = steps(frame.world(0.5, 0.5), frame.world(frame.length - 0.5, 0.5), 3.0);
    site.fence(FenceKind::Mesh, &line, KEEP_OFF, seed.child("fence"));
    garden(site, frame, 0.25, dice);
}
