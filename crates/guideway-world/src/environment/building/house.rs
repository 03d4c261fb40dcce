//! Where people live and work: town houses, shops, flats, offices, houses with gardens.

use glam::{Vec2, Vec3};

use super::facade::{self, Paints, Rows, Wall, WindowStyle, grey};
use super::roof::{self, Plan, Roof};
use super::{BuildingSpec, Detail};
use crate::dice::Dice;
use crate::material::{Material, Pattern, Semantic, srgb};
use crate::mesh::Mesh;

/// What walls are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    Brick,
    Plaster,
    Concrete,
    Wood,
    Stone,
}

pub(super) fn matte(color: [f32; 3]) -> Material {
    Material::matte(Semantic::Building, color)
}

/// The surfaces of a building of an era.
pub(super) fn paints(era: Era, dice: &mut Dice) -> Paints {
    let bricks = Pattern::Bricks {
        length: 0.25,
        height: 0.083,
    };
    let grain = Pattern::Noise {
        scale: 2.5,
        amount: 0.12,
    };
    let wall = match era {
        Era::Brick => {
            let tone = dice.pick(&[
                [146, 76, 58],
                [120, 62, 48],
                [168, 104, 74],
                [186, 160, 112],
                [98, 56, 50],
                [134, 120, 110],
            ]);
            matte(dice.shade(tone)).pattern(bricks)
        }
        Era::Plaster => {
            let tone = dice.pick(&[
                [232, 226, 210],
                [222, 196, 138],
                [214, 168, 146],
                [186, 202, 190],
                [170, 190, 206],
                [206, 146, 96],
                [196, 192, 184],
                [240, 238, 232],
                [222, 210, 166],
                [188, 122, 104],
                [150, 152, 150],
                [216, 186, 190],
            ]);
            matte(dice.shade(tone)).pattern(grain)
        }
        Era::Concrete => {
            let tone = dice.pick(&[[168, 166, 160], [142, 142, 140], [196, 192, 182], [120, 118, 116]]);
            matte(dice.shade(tone)).pattern(Pattern::Bricks {
                length: 3.2,
                height: 2.9,
            })
        }
        Era::Wood => {
            let tone = dice.pick(&[
                [132, 40, 34],
                [226, 222, 210],
                [108, 76, 52],
                [206, 182, 110],
                [82, 98, 104],
                [124, 138, 112],
                [70, 58, 50],
            ]);
            matte(dice.shade(tone)).pattern(Pattern::Bricks {
                length: 6.0,
                height: 0.18,
            })
        }
        Era::Stone => {
            let tone = dice.pick(&[[176, 164, 140], [150, 146, 138], [188, 170, 136]]);
            matte(dice.shade(tone)).pattern(Pattern::Bricks {
                length: 0.7,
                height: 0.35,
            })
        }
    };
    let trim = match era {
        Era::Brick | Era::Wood => matte(dice.shade([224, 220, 208])),
        Era::Plaster | Era::Stone => matte(dice.pick(&[grey(228), srgb(206, 198, 180), grey(170)])),
        Era::Concrete => matte(grey(200)),
    };
    let frame = match dice.count(0, 5) {
        0 => srgb(70, 50, 38),
        1 => srgb(52, 56, 60),
        2 => srgb(40, 70, 56),
        _ => grey(236),
    };
    let tiles = dice.pick(&[
        [150, 70, 48],
        [124, 58, 44],
        [98, 62, 50],
        [72, 72, 78],
        [56, 54, 56],
        [168, 92, 62],
        [88, 84, 80],
    ]);
    let shutter = (era == Era::Plaster && dice.chance(0.25)).then(|| {
        let tone = dice.pick(&[[54, 88, 66], [110, 62, 44], [70, 92, 120], [128, 34, 34]]);
        matte(dice.shade(tone))
    });
    Paints {
        wall,
        trim,
        frame: Material::paint(Semantic::Building, frame),
        base: matte(dice.pick(&[grey(120), grey(96), srgb(140, 128, 112)])),
        roof: matte(dice.shade(tiles)).pattern(Pattern::Bricks {
            length: 0.3,
            height: 0.35,
        }),
        door: Material::paint(Semantic::Building, facade::accent(dice)),
        shutter,
    }
}

/// The bare walls of a block with its foundation.
pub(super) fn shell(mesh: &mut Mesh, plan: &Plan, plinth: f32, paints: &Paints) {
    for (side, wall) in Wall::around(plan.low, plan.high, 0.0).iter().enumerate() {
        wall.rect(mesh, paints.wall, [0.0, 0.0, wall.width, plan.eaves], 0.0);
        wall.rect(mesh, paints.base, [0.0, -plinth, wall.width, 0.0], 0.0);
        let shared = (side == 1 && plan.party[0]) || (side == 3 && plan.party[1]);
        if !shared {
            wall.rect(mesh, paints.base, [0.0, 0.0, wall.width, 0.45], 0.006);
        }
    }
}

/// A house in a row.
pub(super) fn town_house(mesh: &mut Mesh, spec: &BuildingSpec, shop: bool, dice: &mut Dice) {
    let era = [Era::Brick, Era::Plaster, Era::Stone, Era::Concrete][dice.index(&[3.0, 5.0, 1.0, 1.0])];
    let paints = paints(era, dice);
    let (floor, ground) = (dice.range(2.9, 3.5), dice.range(3.5, 4.2));
    let upper = spec.storeys.saturating_sub(1);
    let plan = Plan {
        low: Vec2::ZERO,
        high: spec.size,
        eaves: ground + floor * upper as f32 + 0.3,
        party: spec.party,
    };
    shell(mesh, &plan, spec.plinth, &paints);
    let [front, right, back, left] = Wall::around(plan.low, plan.high, 0.0);
    let rows = Rows {
        first: ground,
        floor,
        count: upper,
        style: WindowStyle::Punched {
            width: dice.range(0.9, 1.35),
            height: dice.range(1.4, 1.95).min(floor - 1.0),
            sill: 0.75,
            bar: dice.chance(0.55),
        },
        pitch: dice.range(2.0, 2.9),
        lit: spec.lit,
    };
    facade::windows(mesh, &front, &rows, &paints, spec.detail, dice);
    // Windows of the ground floor are as high as those above.
    let behind = Rows {
        first: 0.3,
        floor: ground,
        count: 1,
        ..rows
    };
    let coarse = spec.detail.coarser();
    // Backs are seen through gaps at most.
    facade::windows(mesh, &back, &rows, &paints, coarse.coarser(), dice);
    facade::windows(mesh, &back, &behind, &paints, coarse.coarser(), dice);
    for (wall, shared) in [(right, spec.party[0]), (left, spec.party[1])] {
        if !shared && dice.chance(0.7) {
            let sides = Rows {
                pitch: rows.pitch * 1.4,
                ..rows
            };
            facade::windows(mesh, &wall, &sides, &paints, coarse, dice);
        }
    }
    if spec.detail != Detail::Low {
        if shop {
            facade::shop_front(mesh, &front, ground, &paints, spec.detail, dice);
        } else {
            ground_floor(mesh, &front, &behind, &paints, spec.detail, dice);
        }
        // String course and cornice.
        front.block(
            mesh,
            paints.trim,
            [0.0, ground - 0.05, spec.size.x, ground + 0.12],
            0.08,
        );
        front.block(
            mesh,
            paints.trim,
            [0.0, plan.eaves - 0.3, spec.size.x, plan.eaves - 0.02],
            0.22,
        );
    }
    if upper >= 2 && spec.size.x > 7.0 && dice.chance(0.3) && spec.detail == Detail::Full {
        let rail = matte(grey(40));
        let from = dice.range(0.3, 0.7) * spec.size.x;
        facade::balconies(mesh, &front, &rows, from, 2.2, rail, paints.trim);
    }
    let shape = match dice.index(&[5.0, 2.0, 1.6, 1.0]) {
        0 => Roof::Gable(dice.range(0.55, 1.0)),
        1 => Roof::Mansard(dice.range(2.4, 3.2)),
        2 => Roof::Flat(dice.range(0.3, 0.9)),
        _ => Roof::Hip(dice.range(0.5, 0.9)),
    };
    let shape = match shape {
        Roof::Hip(rise) if spec.party[0] || spec.party[1] => Roof::Gable(rise),
        // Deep houses would get roofs like towers.
        Roof::Gable(rise) if spec.size.y > 14.0 => Roof::Gable(rise.min(0.6)),
        other => other,
    };
    let ridge = shape.build(mesh, &plan, &paints, 0.3);
    if spec.detail == Detail::Full {
        if dice.chance(0.55) {
            roof::dormers(mesh, shape, &plan, &paints, spec.lit, dice);
        }
        if spec.size.x > 3.0 && dice.chance(0.8) {
            roof::chimney(mesh, shape, &plan, ridge, dice);
        }
    }
}

/// A ground floor with a door and windows.
fn ground_floor(mesh: &mut Mesh, front: &Wall, rows: &Rows, paints: &Paints, detail: Detail, dice: &mut Dice) {
    if front.width < 3.0 {
        facade::door(
            mesh,
            front,
            front.width / 2.0,
            [1.0_f32.min(front.width * 0.6), 2.1],
            paints,
        );
        return;
    }
    let at = if dice.chance(0.5) { 1.1 } else { front.width - 1.1 };
    facade::door(mesh, front, at, [1.1, 2.3], paints);
    // The part of the wall without the door.
    let rest = Wall {
        origin: front.at(if at < 2.0 { 2.0 } else { 0.0 }, 0.0, 0.0),
        right: front.right,
        width: front.width - 2.0,
    };
    facade::windows(mesh, &rest, rows, paints, detail, dice);
}

/// A block of flats.
pub(super) fn apartment(mesh: &mut Mesh, spec: &BuildingSpec, dice: &mut Dice) {
    let era = [Era::Plaster, Era::Concrete, Era::Brick][dice.index(&[4.0, 2.0, 2.0])];
    let mut paints = paints(era, dice);
    paints.shutter = None;
    let floor = dice.range(2.7, 3.0);
    let base = 0.6;
    let plan = Plan {
        low: Vec2::ZERO,
        high: spec.size,
        eaves: base + floor * spec.storeys as f32 + 0.2,
        party: spec.party,
    };
    shell(mesh, &plan, spec.plinth, &paints);
    let walls = Wall::around(plan.low, plan.high, 0.0);
    let rows = Rows {
        first: base,
        floor,
        count: spec.storeys,
        style: WindowStyle::Punched {
            width: dice.range(1.2, 2.0),
            height: 1.4,
            sill: 0.85,
            bar: dice.chance(0.6),
        },
        pitch: dice.range(2.8, 3.8),
        lit: spec.lit,
    };
    // Many windows on a tall house: frames cannot be seen from the street.
    let detail = if spec.storeys > 8 {
        spec.detail.coarser()
    } else {
        spec.detail
    };
    for (side, wall) in walls.iter().enumerate() {
        let shared = (side == 1 && spec.party[0]) || (side == 3 && spec.party[1]);
        if shared {
            continue;
        }
        let detail = if side == 0 { detail } else { detail.coarser() };
        facade::windows(mesh, wall, &rows, &paints, detail, dice);
    }
    let front = walls[0];
    if spec.detail != Detail::Low {
        let rail = if dice.chance(0.5) {
            Material::glass(Semantic::Building)
        } else {
            Material::paint(Semantic::Building, facade::accent(dice))
        };
        let stacks = (spec.size.x / dice.range(7.0, 11.0)).floor() as u32;
        let above = Rows {
            first: base + floor,
            count: spec.storeys.saturating_sub(1).min(14),
            ..rows
        };
        for stack in 0..stacks {
            let u = spec.size.x * (stack as f32 + 0.5) / stacks as f32;
            facade::balconies(mesh, &front, &above, u, 3.2, rail, paints.trim);
        }
        let entrances = (spec.size.x / 15.0).ceil();
        for entrance in 0..entrances as u32 {
            let u = spec.size.x * (entrance as f32 + 0.25) / entrances;
            if spec.size.x > 4.0 {
                facade::door(mesh, &front, u.max(1.2), [1.4, 2.4], &paints);
                front.block(mesh, paints.trim, [u.max(1.2) - 1.1, 2.7, u.max(1.2) + 1.1, 2.85], 1.0);
            }
        }
    }
    let shape = if spec.storeys > 5 || dice.chance(0.6) {
        Roof::Flat(dice.range(0.3, 0.8))
    } else {
        Roof::Hip(dice.range(0.3, 0.55))
    };
    let ridge = shape.build(mesh, &plan, &paints, 0.4);
    if spec.detail != Detail::Low && matches!(shape, Roof::Flat(_)) {
        plant(mesh, &plan, &paints, dice);
    } else if spec.detail == Detail::Full && spec.size.x > 3.0 {
        roof::chimney(mesh, shape, &plan, ridge, dice);
    }
}

/// Lift and ventilation on a flat roof.
fn plant(mesh: &mut Mesh, plan: &Plan, paints: &Paints, dice: &mut Dice) {
    let size = plan.high - plan.low;
    for _ in 0..dice.count(1, 2) {
        let part = Vec2::new(dice.range(0.12, 0.3), dice.range(0.2, 0.4)) * size;
        let height = dice.range(1.4, 2.8);
        let at = plan.low + size * Vec2::new(dice.range(0.25, 0.75), dice.range(0.35, 0.65));
        mesh.cuboid(paints.trim, at.extend(plan.eaves + height / 2.0), part.extend(height));
    }
}

/// Offices.
pub(super) fn office(mesh: &mut Mesh, spec: &BuildingSpec, dice: &mut Dice) {
    let era = [Era::Concrete, Era::Stone, Era::Brick, Era::Plaster][dice.index(&[4.0, 2.0, 1.0, 1.0])];
    let mut paints = paints(era, dice);
    paints.frame = Material::metal(
        Semantic::Building,
        dice.pick(&[grey(150), grey(60), srgb(120, 96, 70), grey(210)]),
    );
    let (floor, ground) = (dice.range(3.3, 3.8), dice.range(4.0, 5.0));
    let upper = spec.storeys.saturating_sub(1).max(1);
    let plan = Plan {
        low: Vec2::ZERO,
        high: spec.size,
        eaves: ground + floor * upper as f32 + 0.3,
        party: spec.party,
    };
    shell(mesh, &plan, spec.plinth, &paints);
    let style = match dice.index(&[3.0, 3.0, 2.0]) {
        0 => WindowStyle::Curtain,
        1 => WindowStyle::Ribbon {
            height: dice.range(1.5, 2.2),
            sill: 0.8,
        },
        _ => WindowStyle::Punched {
            width: dice.range(1.4, 2.2),
            height: 2.0,
            sill: 0.7,
            bar: false,
        },
    };
    let rows = Rows {
        first: ground,
        floor,
        count: upper,
        style,
        pitch: dice.range(2.4, 3.4),
        lit: spec.lit,
    };
    let detail = if spec.storeys > 10 {
        spec.detail.coarser()
    } else {
        spec.detail
    };
    let walls = Wall::around(plan.low, plan.high, 0.0);
    for (side, wall) in walls.iter().enumerate() {
        let shared = (side == 1 && spec.party[0]) || (side == 3 && spec.party[1]);
        if shared {
            continue;
        }
        let detail = if side == 0 { detail } else { detail.coarser() };
        facade::windows(mesh, wall, &rows, &paints, detail, dice);
    }
    if spec.detail != Detail::Low {
        // A lobby of glass behind columns.
        let front = walls[0];
        let lobby = Rows {
            first: 0.1,
            floor: ground - 0.3,
            count: 1,
            style: WindowStyle::Curtain,
            pitch: 3.0,
            lit: (spec.lit * 1.5).min(0.95),
        };
        facade::windows(mesh, &front, &lobby, &paints, spec.detail, dice);
        front.block(mesh, paints.trim, [0.0, ground - 0.25, spec.size.x, ground], 0.15);
        if spec.size.x > 6.0 {
            let u = spec.size.x / 2.0;
            front.block(mesh, paints.frame, [u - 2.0, 2.9, u + 2.0, 3.1], 1.2);
        }
        plant(mesh, &plan, &paints, dice);
    }
    Roof::Flat(dice.range(0.5, 1.1)).build(mesh, &plan, &paints, 0.0);
}

/// A house with a garden.
pub(super) fn detached(mesh: &mut Mesh, spec: &BuildingSpec, dice: &mut Dice) {
    let era = [Era::Plaster, Era::Brick, Era::Wood, Era::Stone][dice.index(&[4.0, 3.0, 3.0, 0.6])];
    let paints = paints(era, dice);
    let floor = dice.range(2.6, 2.9);
    let storeys = spec.storeys.clamp(1, 3);
    let plan = Plan {
        low: Vec2::ZERO,
        high: spec.size,
        eaves: floor * storeys as f32 + 0.35,
        party: spec.party,
    };
    shell(mesh, &plan, spec.plinth, &paints);
    let [front, right, back, left] = Wall::around(plan.low, plan.high, 0.0);
    let rows = Rows {
        first: 0.15,
        floor,
        count: storeys,
        style: WindowStyle::Punched {
            width: dice.range(1.1, 1.8),
            height: 1.3,
            sill: 0.85,
            bar: dice.chance(0.7),
        },
        pitch: dice.range(2.8, 3.8),
        lit: spec.lit,
    };
    if spec.detail == Detail::Low || spec.size.x < 5.0 {
        facade::windows(mesh, &front, &rows, &paints, spec.detail, dice);
    } else {
        let above = Rows {
            first: rows.first + floor,
            count: storeys - 1,
            ..rows
        };
        facade::windows(mesh, &front, &above, &paints, spec.detail, dice);
        let below = Rows { count: 1, ..rows };
        ground_floor(mesh, &front, &below, &paints, spec.detail, dice);
    }
    for (wall, shared) in [(right, spec.party[0]), (back, false), (left, spec.party[1])] {
        if !shared {
            let sparse = Rows {
                pitch: rows.pitch * 1.3,
                ..rows
            };
            facade::windows(mesh, &wall, &sparse, &paints, spec.detail.coarser(), dice);
        }
    }
    let shape = match dice.index(&[4.0, 2.5, 2.5, 0.8, 0.5]) {
        0 => Roof::Gable(dice.range(0.5, 1.1)),
        1 => Roof::GableAcross(dice.range(0.5, 1.1)),
        2 => Roof::Hip(dice.range(0.4, 0.8)),
        3 => Roof::Flat(0.3),
        _ => Roof::Shed(dice.range(0.1, 0.25)),
    };
    let party = spec.party[0] || spec.party[1];
    let shape = match shape {
        Roof::GableAcross(rise) | Roof::Hip(rise) if party => Roof::Gable(rise),
        other => other,
    };
    let ridge = shape.build(mesh, &plan, &paints, 0.55);
    if spec.detail == Detail::Low {
        return;
    }
    if dice.chance(0.75) && spec.size.x > 3.0 {
        roof::chimney(mesh, shape, &plan, ridge, dice);
    }
    if dice.chance(0.4) {
        roof::dormers(mesh, shape, &plan, &paints, spec.lit, dice);
    }
    if spec.size.x > 6.0 && spec.detail == Detail::Full {
        if let Roof::GableAcross(_) = shape {
            // A window in the gable.
            let u = spec.size.x / 2.0;
            let v = plan.eaves + 0.3;
            front.rect(mesh, paints.frame, [u - 0.6, v, u + 0.6, v + 1.2], 0.012);
            let pane = facade::pane(dice, spec.lit);
            front.rect(mesh, pane, [u - 0.5, v + 0.1, u + 0.5, v + 1.1], 0.024);
        }
        if dice.chance(0.3) {
            // Panels on the roof's slope towards the road.
            if let Roof::Gable(rise) = shape {
                let cells = Material::glass(Semantic::Building);
                let (x0, x1) = (spec.size.x * 0.2, spec.size.x * 0.8);
                let y = |t: f32| spec.size.y / 2.0 * t;
                let p = |x: f32, t: f32| Vec3::new(x, y(t), plan.eaves + rise * y(t) + 0.08);
                mesh.quad(cells, p(x0, 0.3), p(x1, 0.3), p(x1, 0.85), p(x0, 0.85));
            }
        }
    }
}
