//! Garages, halls, churches, farms, petrol stations, construction sites.

use glam::{Vec2, Vec3};

use super::facade::{self, Paints, Rows, Wall, WindowStyle, grey};
use super::house::{Era, matte, paints, shell};
use super::roof::{Plan, Roof};
use super::{BuildingSpec, Built, Detail};
use crate::dice::Dice;
use crate::environment::StreetLamp;
use crate::material::{Material, Pattern, Semantic, Switch, srgb};
use crate::mesh::Mesh;

fn plan(spec: &BuildingSpec, eaves: f32) -> Plan {
    Plan {
        low: Vec2::ZERO,
        high: spec.size,
        eaves,
        party: spec.party,
    }
}

/// A garage with its gate.
pub(super) fn garage(mesh: &mut Mesh, spec: &BuildingSpec, dice: &mut Dice) {
    let paints = paints(Era::Plaster, dice);
    let plan = plan(spec, dice.range(2.4, 2.8));
    shell(mesh, &plan, spec.plinth, &paints);
    let front = Wall::around(plan.low, plan.high, 0.0)[0];
    let gate = Material::paint(Semantic::Building, dice.pick(&[grey(225), grey(140), srgb(90, 70, 52)])).pattern(
        Pattern::Bricks {
            length: 6.0,
            height: 0.25,
        },
    );
    front.rect(mesh, gate, [0.25, 0.02, spec.size.x - 0.25, 2.2], 0.015);
    let shape = if dice.chance(0.5) {
        Roof::Flat(0.15)
    } else {
        Roof::Gable(0.5)
    };
    shape.build(mesh, &plan, &paints, 0.2);
}

/// A wooden shed.
pub(super) fn shed(mesh: &mut Mesh, spec: &BuildingSpec, dice: &mut Dice) {
    let paints = paints(Era::Wood, dice);
    let plan = plan(spec, 2.1);
    shell(mesh, &plan, spec.plinth, &paints);
    let front = Wall::around(plan.low, plan.high, 0.0)[0];
    front.rect(
        mesh,
        paints.door,
        [0.3, 0.0, 1.2_f32.min(spec.size.x - 0.3), 1.9],
        0.015,
    );
    Roof::GableAcross(0.5).build(mesh, &plan, &paints, 0.25);
}

/// A hall: sheet metal, gates, a band of windows, a sign.
pub(super) fn hall(mesh: &mut Mesh, spec: &BuildingSpec, dice: &mut Dice) {
    let mut paints = paints(Era::Concrete, dice);
    let tone = dice.pick(&[
        [188, 190, 192],
        [120, 132, 142],
        [222, 220, 212],
        [92, 104, 96],
        [60, 84, 118],
        [170, 160, 140],
    ]);
    paints.wall = Material {
        specular: 0.06,
        roughness: 0.5,
        ..matte(dice.shade(tone)).pattern(Pattern::Stripes { width: 0.25 })
    };
    let accent = Material::paint(Semantic::Building, facade::accent(dice));
    paints.trim = accent;
    paints.roof = matte(grey(110));
    let height = (4.0 + spec.size.x.min(spec.size.y) * 0.12).min(11.0) + dice.range(0.0, 1.5);
    let plan = plan(spec, height);
    shell(mesh, &plan, spec.plinth, &paints);
    let walls = Wall::around(plan.low, plan.high, 0.0);
    let rows = Rows {
        first: height - 2.2,
        floor: 2.0,
        count: 1,
        style: WindowStyle::Ribbon { height: 0.9, sill: 0.4 },
        pitch: 4.0,
        lit: spec.lit,
    };
    for (side, wall) in walls.iter().enumerate() {
        let detail = if side == 0 { spec.detail } else { Detail::Low };
        facade::windows(mesh, wall, &rows, &paints, detail, dice);
    }
    let front = walls[0];
    let market = dice.chance(0.4);
    let gate = Material::paint(Semantic::Building, grey(200)).pattern(Pattern::Bricks {
        length: 8.0,
        height: 0.5,
    });
    let gates = (spec.size.x / 7.0).floor() as u32;
    for i in 0..gates {
        let u = spec.size.x * (i as f32 + 0.5) / gates as f32;
        let top = 3.6_f32.min(height - 2.0);
        if market || dice.chance(0.25) {
            let lit = facade::pane(dice, 0.6);
            front.rect(mesh, lit, [u - 2.8, 0.1, u + 2.8, top], 0.02);
        } else {
            front.rect(mesh, gate, [u - 1.8, 0.0, u + 1.8, top], 0.02);
            front.rect(mesh, accent, [u - 2.0, top, u + 2.0, top + 0.2], 0.02);
        }
    }
    if spec.size.x > 8.0 {
        let sign = Material::lamp(
            Semantic::Building,
            facade::accent(dice),
            Switch::Night,
            [0.006, 0.006, 0.006],
        );
        let u = spec.size.x * dice.range(0.25, 0.7);
        front.block(mesh, sign, [u - 2.5, height - 0.6, u + 2.5, height + 0.9], 0.2);
    }
    if dice.chance(0.3) && spec.size.y > 10.0 {
        // A saw-tooth roof: glass to the back, sheet metal to the front.
        let teeth = (spec.size.y / 6.0).floor().max(1.0);
        let step = spec.size.y / teeth;
        let glass = Material::glass(Semantic::Building);
        for i in 0..teeth as u32 {
            let (y0, y1, z) = (step * i as f32, step * (i + 1) as f32, height + step * 0.35);
            let p = Vec3::new;
            let w = spec.size.x;
            mesh.quad(
                paints.roof,
                p(0., y0, height),
                p(w, y0, height),
                p(w, y1, z),
                p(0., y1, z),
            );
            mesh.quad(glass, p(w, y1, height), p(0., y1, height), p(0., y1, z), p(w, y1, z));
            mesh.polygon(paints.wall, &[p(w, y0, height), p(w, y1, height), p(w, y1, z)]);
            mesh.polygon(paints.wall, &[p(0., y1, height), p(0., y0, height), p(0., y1, z)]);
        }
    } else if dice.chance(0.5) {
        Roof::Gable(0.12).build(mesh, &plan, &paints, 0.2);
    } else {
        Roof::Flat(0.5).build(mesh, &plan, &paints, 0.0);
    }
}

/// A church: a nave with tall windows, a tower with a spire at its front.
pub(super) fn church(built: &mut Built, spec: &BuildingSpec, dice: &mut Dice) {
    let mesh = &mut built.mesh;
    let era = if dice.chance(0.5) { Era::Stone } else { Era::Plaster };
    let mut paints = paints(era, dice);
    paints.shutter = None;
    let tower = (spec.size.x * 0.45).min(spec.size.y * 0.5).clamp(0.8, 6.5);
    let height = 6.0 + spec.size.x.min(16.0) * 0.35;
    let nave = Plan {
        low: Vec2::new(0.0, tower * 0.6),
        high: spec.size,
        eaves: height,
        party: [false; 2],
    };
    shell(mesh, &nave, spec.plinth, &paints);
    Roof::GableAcross(dice.range(0.9, 1.4)).build(mesh, &nave, &paints, 0.3);
    let x0 = (spec.size.x - tower) / 2.0;
    let top = height + tower * dice.range(1.6, 2.6);
    let body = Plan {
        low: Vec2::new(x0, 0.0),
        high: Vec2::new(x0 + tower, tower),
        eaves: top,
        party: [false; 2],
    };
    shell(mesh, &body, spec.plinth, &paints);
    built.walled = vec![[nave.low, nave.high], [body.low, body.high]];
    // The spire: a pyramid, or an onion of two.
    let apex = Vec3::new(x0 + tower / 2.0, tower / 2.0, top + tower * dice.range(1.2, 2.6));
    let corners = [
        (body.low.x, body.low.y),
        (body.high.x, body.low.y),
        (body.high.x, body.high.y),
        (body.low.x, body.high.y),
    ]
    .map(|(x, y)| Vec3::new(x, y, top));
    let spire = matte(dice.pick(&[srgb(70, 110, 96), srgb(60, 58, 62), srgb(130, 62, 44)]));
    for i in 0..4 {
        let (a, b) = (corners[i], corners[(i + 1) % 4]);
        let out = |p: Vec3| p + (p - apex).with_z(0.0) * 0.08;
        mesh.polygon(spire, &[out(a), out(b), apex]);
    }
    let gold = Material::metal(Semantic::Building, srgb(200, 160, 60));
    mesh.cuboid(gold, apex + Vec3::Z * 0.6, Vec3::new(0.12, 0.12, 1.6));
    mesh.cuboid(gold, apex + Vec3::Z * 0.9, Vec3::new(0.8, 0.12, 0.12));
    let glass = Material::glass(Semantic::Building);
    let arched = |mesh: &mut Mesh, wall: &Wall, u: f32, [v0, v1]: [f32; 2], half: f32| {
        let p = |du: f32, v: f32| wall.at(u + du, v, 0.02);
        mesh.polygon(
            glass,
            &[
                p(-half, v0),
                p(half, v0),
                p(half, v1 - half),
                p(half * 0.6, v1 - half * 0.2),
                p(0.0, v1),
                p(-half * 0.6, v1 - half * 0.2),
                p(-half, v1 - half),
            ],
        );
    };
    for (side, wall) in Wall::around(nave.low, nave.high, 0.0).iter().enumerate() {
        if side % 2 == 1 {
            let count = (wall.width / 3.6).floor() as u32;
            for i in 0..count {
                let u = wall.width * (i as f32 + 0.5) / count as f32;
                arched(mesh, wall, u, [2.0, height - 1.0], 0.55);
            }
        }
    }
    for wall in Wall::around(body.low, body.high, 0.0) {
        arched(
            mesh,
            &wall,
            wall.width / 2.0,
            [top - 3.2, top - 0.8],
            (tower * 0.18).min(0.7),
        );
        let clock = matte(grey(235));
        wall.rect(
            mesh,
            clock,
            [tower * 0.3, top - 3.4 - tower * 0.4, tower * 0.7, top - 3.4],
            0.03,
        );
    }
    let front = Wall::around(body.low, body.high, 0.0)[0];
    facade::door(mesh, &front, tower / 2.0, [(tower * 0.4).min(1.8), 2.8], &paints);
}

/// A barn: wood, a large gate, a steep roof.
pub(super) fn barn(mesh: &mut Mesh, spec: &BuildingSpec, dice: &mut Dice) {
    let paints = paints(Era::Wood, dice);
    let plan = plan(spec, dice.range(3.4, 5.0));
    shell(mesh, &plan, spec.plinth, &paints);
    let front = Wall::around(plan.low, plan.high, 0.0)[0];
    let (u, half) = (spec.size.x / 2.0, (spec.size.x * 0.3).min(2.2));
    front.rect(mesh, paints.trim, [u - half - 0.15, 0.0, u + half + 0.15, 3.25], 0.012);
    let gate = matte(dice.shade([86, 60, 44]));
    front.rect(mesh, gate, [u - half, 0.0, u + half, 3.1], 0.024);
    let shape = if spec.size.x > spec.size.y {
        Roof::Gable(dice.range(0.6, 1.0))
    } else {
        Roof::GableAcross(dice.range(0.6, 1.0))
    };
    shape.build(mesh, &plan, &paints, 0.5);
}

/// A petrol station: a roof on posts over pumps, a shop behind, a price board.
pub(super) fn petrol_station(built: &mut Built, spec: &BuildingSpec, dice: &mut Dice) {
    let mesh = &mut built.mesh;
    let paints = paints(Era::Plaster, dice);
    let brand = facade::accent(dice);
    let accent = Material::lamp(Semantic::Building, brand, Switch::Night, brand.map(|c| c * 0.012));
    let (w, d) = (spec.size.x, spec.size.y);
    let shop = Plan {
        low: Vec2::new(0.0, d * 0.62),
        high: spec.size,
        eaves: 3.6,
        party: [false; 2],
    };
    shell(mesh, &shop, spec.plinth, &paints);
    // Below the roof over the pumps there are cars.
    built.walled = vec![[shop.low, shop.high]];
    let [front, ..] = Wall::around(shop.low, shop.high, 0.0);
    facade::shop_front(mesh, &front, 3.4, &paints, spec.detail, dice);
    let trimmed = Paints {
        trim: accent,
        roof: matte(grey(100)),
        ..paints
    };
    Roof::Flat(0.5).build(mesh, &shop, &trimmed, 0.0);
    // The roof over the pumps.
    let (under, thick) = (4.9, 0.8);
    let (low, high) = (Vec2::new(w * 0.08, d * 0.05), Vec2::new(w * 0.92, d * 0.5));
    let size = (high - low).extend(thick);
    let center = low.midpoint(high).extend(under + thick / 2.0);
    mesh.cuboid(matte(grey(225)), center, size);
    for wall in Wall::around(low, high, under) {
        wall.rect(mesh, accent, [0.0, 0.05, wall.width, thick - 0.05], 0.02);
    }
    let post = Material::metal(Semantic::Building, grey(190));
    let islands = (w / 9.0).floor().clamp(1.0, 4.0) as u32;
    let light = Material::lamp(Semantic::Building, grey(240), Switch::Night, [1.2, 1.2, 1.15]);
    for i in 0..islands {
        let x = low.x + (high.x - low.x) * (i as f32 + 0.5) / islands as f32;
        for y in [low.y + size.y * 0.25, low.y + size.y * 0.75] {
            mesh.tube(
                post,
                Vec3::new(x, y, -spec.plinth),
                Vec3::new(x, y, under),
                0.16,
                0.16,
                8,
                false,
            );
            mesh.cuboid(accent, Vec3::new(x + 0.9, y, 0.85), Vec3::new(0.6, 0.9, 1.7));
            mesh.cuboid(matte(grey(235)), Vec3::new(x + 0.9, y, 1.3), Vec3::new(0.62, 0.7, 0.5));
        }
        mesh.cuboid(
            matte(grey(160)),
            Vec3::new(x + 0.4, f32::midpoint(low.y, high.y), 0.08),
            Vec3::new(2.2, size.y * 0.75, 0.16),
        );
        let lamp = Vec3::new(x, f32::midpoint(low.y, high.y), under - 0.03);
        mesh.cuboid(light, lamp, Vec3::new(1.2, 0.5, 0.05));
        built.lamps.push(StreetLamp {
            position: lamp - Vec3::Z * 0.08,
            intensity: Vec3::new(0.05, 0.05, 0.048),
        });
    }
}

/// A frame of concrete with a scaffold before it and a crane above it.
pub(super) fn construction_site(mesh: &mut Mesh, spec: &BuildingSpec, dice: &mut Dice) {
    let concrete = matte(dice.shade([170, 168, 162])).pattern(Pattern::Noise {
        scale: 1.5,
        amount: 0.2,
    });
    let (w, d) = (spec.size.x, spec.size.y);
    let storeys = spec.storeys.clamp(2, 12);
    let floor = 3.1;
    // Few are seen along the sides, so deep sites have wide spans there.
    let (nx, ny) = (
        (w / 5.0).ceil().max(1.0) as u32,
        (d / 6.0).ceil().clamp(1.0, 3.0) as u32,
    );
    mesh.cuboid(
        concrete,
        Vec3::new(w / 2.0, d / 2.0, -spec.plinth / 2.0 + 0.05),
        Vec3::new(w, d, spec.plinth + 0.1),
    );
    let steel = Material::metal(Semantic::Building, grey(130));
    let boards = matte(srgb(150, 118, 74));
    for storey in 0..storeys {
        let z = floor * storey as f32;
        if storey + 1 < storeys || dice.chance(0.5) {
            mesh.cuboid(
                concrete,
                Vec3::new(w / 2.0, d / 2.0, z + floor - 0.12),
                Vec3::new(w, d, 0.24),
            );
        }
        for i in 0..=nx {
            for j in 0..=ny {
                // Only the outer columns can be seen.
                if i > 0 && i < nx && j > 0 && j < ny {
                    continue;
                }
                let at = Vec2::new(
                    0.2 + (w - 0.4) * i as f32 / nx as f32,
                    0.2 + (d - 0.4) * j as f32 / ny as f32,
                );
                let foot = at.extend(z);
                mesh.tube(concrete, foot, foot + Vec3::Z * (floor - 0.2), 0.2, 0.2, 4, false);
            }
        }
        // The scaffold: boards on tubes, close to the wall.
        if spec.detail != Detail::Low {
            mesh.cuboid(boards, Vec3::new(w / 2.0, -0.3, z + 2.2), Vec3::new(w, 0.4, 0.05));
            let rail = [Vec3::new(0.0, -0.45, z + 3.2), Vec3::new(w, -0.45, z + 3.2)];
            mesh.tube(steel, rail[0], rail[1], 0.03, 0.03, 3, false);
        }
    }
    if spec.detail != Detail::Low {
        for i in 0..=(w / 3.0).ceil() as u32 {
            let x = (3.0 * i as f32).min(w);
            let top = floor * storeys as f32 + 1.0;
            mesh.tube(
                steel,
                Vec3::new(x, -0.45, -spec.plinth),
                Vec3::new(x, -0.45, top),
                0.03,
                0.03,
                3,
                false,
            );
        }
    }
    if w.min(d) > 9.0 {
        let yellow = Material::paint(Semantic::Building, srgb(222, 160, 20));
        let mast = Vec2::new(w * dice.range(0.3, 0.7), d * 0.6);
        let top = floor * storeys as f32 + dice.range(8.0, 14.0);
        mesh.tube(yellow, mast.extend(0.0), mast.extend(top + 4.0), 0.8, 0.8, 4, false);
        // The jib turns within the plan's width, so that it is over no road.
        let (left, right) = (mast.x.min(w - mast.x) * 0.8, mast.x.max(w - mast.x));
        let sign = if mast.x > w / 2.0 { -1.0 } else { 1.0 };
        let at = |x: f32| Vec3::new(mast.x + sign * x, mast.y, top);
        mesh.tube(yellow, at(-left), at(right), 0.5, 0.35, 3, true);
        mesh.cuboid(concrete, at(-left * 0.9) - Vec3::Z * 1.0, Vec3::new(1.2, 1.0, 1.8));
        let rope = matte(grey(30));
        mesh.tube(
            rope,
            at(right * 0.7),
            at(right * 0.7) - Vec3::Z * 5.0,
            0.04,
            0.04,
            3,
            false,
        );
        mesh.tube(rope, mast.extend(top + 4.0), at(right * 0.8), 0.04, 0.04, 3, false);
    }
}
