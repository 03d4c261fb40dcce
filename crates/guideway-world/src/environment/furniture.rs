//! Street furniture: benches, bins, bollards, shelters, boxes, fences, gantries, poles.
//!
//! A thing's frame: x towards the road, y along it, z up, its foot at the origin.

use glam::{Vec2, Vec3};

use super::building::accent;
use super::sign;
use crate::dice::Dice;
use crate::material::{Material, Pattern, Semantic, Switch, srgb};
use crate::mesh::Mesh;
use crate::seed::Seed;

/// A thing in the street.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FurnitureKind {
    /// A bench with a back.
    Bench,
    /// A litter bin.
    Bin,
    /// Wheeled bins of a household.
    WheelieBins,
    /// A bollard.
    Bollard,
    /// A bus shelter with a bench.
    BusShelter,
    /// A fire hydrant.
    Hydrant,
    /// A letter box on a post.
    LetterBox,
    /// A box for electricity or telephones.
    PowerBox,
    /// A round column with advertisements.
    AdColumn,
    /// A lit advertisement on a foot.
    AdBoard,
    /// Hoops for bicycles, with some of them taken.
    BikeRack,
    /// A tub with plants.
    Planter,
    /// A ticket machine.
    TicketMachine,
    /// A table with chairs and a parasol.
    Cafe,
    /// Containers for glass and paper.
    Containers,
    /// A red and white barrier of a building site.
    Barrier,
    /// A cone.
    Cone,
    /// A white post with reflectors at a country road.
    Delineator,
    /// A pole of a line of wires.
    UtilityPole,
    /// A large advertisement on posts.
    Billboard,
    /// A board of chevrons in a bend.
    Chevron,
    /// Bales of straw.
    Bales,
}

impl FurnitureKind {
    /// Every kind.
    pub const ALL: [Self; 22] = [
        Self::Bench,
        Self::Bin,
        Self::WheelieBins,
        Self::Bollard,
        Self::BusShelter,
        Self::Hydrant,
        Self::LetterBox,
        Self::PowerBox,
        Self::AdColumn,
        Self::AdBoard,
        Self::BikeRack,
        Self::Planter,
        Self::TicketMachine,
        Self::Cafe,
        Self::Containers,
        Self::Barrier,
        Self::Cone,
        Self::Delineator,
        Self::UtilityPole,
        Self::Billboard,
        Self::Chevron,
        Self::Bales,
    ];

    /// Half the room that it takes across (x) and along (y) the road, m.
    pub fn half(self) -> Vec2 {
        match self {
            Self::Bench => Vec2::new(0.32, 0.92),
            Self::Bin => Vec2::new(0.25, 0.25),
            Self::WheelieBins => Vec2::new(0.4, 1.0),
            Self::Bollard => Vec2::splat(0.1),
            Self::BusShelter => Vec2::new(0.85, 2.3),
            Self::Hydrant => Vec2::splat(0.2),
            Self::LetterBox => Vec2::new(0.2, 0.3),
            Self::PowerBox => Vec2::new(0.22, 0.65),
            Self::AdColumn => Vec2::splat(0.75),
            Self::AdBoard => Vec2::new(0.68, 0.12),
            Self::BikeRack => Vec2::new(0.95, 1.7),
            Self::Planter => Vec2::new(0.5, 0.8),
            Self::TicketMachine => Vec2::new(0.16, 0.2),
            Self::Cafe => Vec2::splat(1.4),
            Self::Containers => Vec2::new(0.75, 2.4),
            Self::Barrier => Vec2::new(0.3, 1.05),
            Self::Cone => Vec2::splat(0.22),
            Self::Delineator => Vec2::splat(0.08),
            Self::UtilityPole => Vec2::new(0.2, 0.2),
            Self::Billboard => Vec2::new(0.3, 2.2),
            Self::Chevron => Vec2::new(0.1, 0.7),
            Self::Bales => Vec2::new(1.3, 2.8),
        }
    }
}

fn matte(color: [f32; 3]) -> Material {
    Material::matte(Semantic::Furniture, color)
}

fn steel() -> Material {
    Material::metal(Semantic::Furniture, srgb(150, 152, 154))
}

/// A thing of a kind.
pub fn furniture(kind: FurnitureKind, seed: Seed) -> Mesh {
    let mut dice = Dice::new(seed);
    let dice = &mut dice;
    let mut mesh = Mesh::new();
    let v = Vec3::new;
    match kind {
        FurnitureKind::Bench => bench(&mut mesh, Vec3::ZERO, dice),
        FurnitureKind::Bin => {
            let tone = dice.pick(&[[60, 66, 64], [224, 120, 30], [40, 92, 60], [120, 122, 124]]);
            let paint = Material::paint(Semantic::Furniture, dice.shade(tone));
            mesh.tube(paint, v(0., 0., 0.25), v(0., 0., 0.95), 0.19, 0.22, 8, true);
            mesh.tube(steel(), v(-0.2, 0., -0.2), v(-0.2, 0., 1.1), 0.03, 0.03, 5, true);
        }
        FurnitureKind::WheelieBins => {
            for i in 0..dice.count(1, 3) {
                let tone = dice.pick(&[[46, 50, 50], [34, 70, 130], [96, 70, 44], [214, 176, 40]]);
                let paint = matte(dice.shade(tone));
                let y = 0.6 * i as f32 - 0.6;
                mesh.tube(paint, v(0., y, 0.05), v(0., y, 0.98), 0.3, 0.37, 4, true);
                mesh.cuboid(paint, v(0.02, y, 1.02), v(0.6, 0.52, 0.08));
            }
        }
        FurnitureKind::Bollard => {
            let tone = dice.pick(&[[70, 74, 76], [30, 34, 34], [150, 146, 140]]);
            let height = dice.range(0.75, 1.0);
            let paint = Material::paint(Semantic::Pole, dice.shade(tone));
            mesh.tube(paint, v(0., 0., -0.2), v(0., 0., height), 0.07, 0.06, 8, true);
            let band = Material::matte(Semantic::Pole, [0.8, 0.8, 0.78]).retro(0.4);
            mesh.tube(
                band,
                v(0., 0., height - 0.2),
                v(0., 0., height - 0.08),
                0.068,
                0.066,
                8,
                false,
            );
        }
        FurnitureKind::BusShelter => bus_shelter(&mut mesh, dice),
        FurnitureKind::Hydrant => {
            let tone = dice.pick(&[[186, 34, 30], [216, 176, 34], [40, 70, 150]]);
            let paint = Material::paint(Semantic::Furniture, dice.shade(tone));
            mesh.tube(paint, v(0., 0., -0.1), v(0., 0., 0.65), 0.12, 0.1, 8, false);
            mesh.ellipsoid(paint, v(0., 0., 0.66), v(0.12, 0.12, 0.12), 4, 8);
            mesh.tube(paint, v(0., -0.19, 0.48), v(0., 0.19, 0.48), 0.055, 0.055, 6, true);
        }
        FurnitureKind::LetterBox => {
            let tone = dice.pick(&[[240, 196, 30], [180, 30, 34], [30, 70, 140]]);
            let paint = Material::paint(Semantic::Furniture, dice.shade(tone));
            mesh.cuboid(steel(), v(0., 0., 0.4), v(0.08, 0.08, 0.8));
            mesh.cuboid(paint, v(0., 0., 1.12), v(0.36, 0.5, 0.66));
            mesh.cuboid(matte([0.02; 3]), v(0.181, 0., 1.32), v(0.004, 0.36, 0.05));
        }
        FurnitureKind::PowerBox => {
            let tone = dice.pick(&[[150, 154, 150], [170, 166, 152], [96, 108, 96]]);
            let (w, h) = (dice.range(0.7, 1.2), dice.range(0.9, 1.4));
            let paint = matte(dice.shade(tone));
            mesh.cuboid(paint, v(0., 0., h / 2.0 - 0.05), v(0.36, w, h + 0.1));
            mesh.cuboid(
                matte(dice.shade([110, 110, 108])),
                v(0., 0., h + 0.02),
                v(0.42, w + 0.06, 0.06),
            );
        }
        FurnitureKind::AdColumn => {
            mesh.tube(
                matte(srgb(120, 118, 112)),
                v(0., 0., -0.2),
                v(0., 0., 0.4),
                0.72,
                0.72,
                14,
                false,
            );
            let mut z = 0.4;
            while z < 2.9 {
                let next = (z + dice.range(0.6, 1.2)).min(3.0);
                mesh.tube(
                    matte(accent(dice)),
                    v(0., 0., z),
                    v(0., 0., next),
                    0.68,
                    0.68,
                    14,
                    false,
                );
                z = next;
            }
            mesh.tube(
                matte(srgb(60, 66, 64)),
                v(0., 0., 3.0),
                v(0., 0., 3.5),
                0.74,
                0.1,
                14,
                true,
            );
        }
        FurnitureKind::AdBoard => {
            let board = sign::billboard(1.15, 1.75, true, dice);
            let turn = glam::Affine3A::from_translation(v(0., 0., 0.65))
                * glam::Affine3A::from_rotation_z(std::f32::consts::FRAC_PI_2);
            mesh.append(&board, turn);
            mesh.cuboid(steel(), v(0., 0., 0.25), v(0.5, 0.1, 0.8));
        }
        FurnitureKind::BikeRack => bike_rack(&mut mesh, dice),
        FurnitureKind::Planter => {
            let tub = matte(dice.pick(&[srgb(150, 146, 140), srgb(96, 70, 52), srgb(70, 72, 74)]));
            mesh.cuboid(tub, v(0., 0., 0.2), v(0.8, 1.4, 0.6));
            let leaves = Material::matte(Semantic::Vegetation, dice.shade([66, 96, 44]))
                .pattern(Pattern::Leaves { scale: 0.15 });
            for y in [-0.4, 0.0, 0.4] {
                let size = v(0.34, 0.32, dice.range(0.2, 0.5));
                mesh.ellipsoid(leaves, v(0., y, 0.5), size, 4, 6);
            }
            let petals = Material::matte(Semantic::Vegetation, accent(dice));
            for _ in 0..6 {
                let at = v(dice.range(-0.25, 0.25), dice.range(-0.55, 0.55), dice.range(0.7, 0.85));
                mesh.cuboid(petals, at, Vec3::splat(0.09));
            }
        }
        FurnitureKind::TicketMachine => {
            let paint = Material::paint(Semantic::Furniture, accent(dice));
            mesh.cuboid(matte(srgb(90, 92, 94)), v(0., 0., 0.45), v(0.16, 0.2, 0.95));
            mesh.cuboid(paint, v(0., 0., 1.3), v(0.26, 0.36, 0.8));
            let screen = Material::lamp(Semantic::Furniture, [0.03; 3], Switch::Night, [0.004, 0.006, 0.008]);
            mesh.cuboid(screen, v(0.131, 0., 1.45), v(0.004, 0.22, 0.16));
        }
        FurnitureKind::Cafe => {
            let wood = matte(dice.shade([150, 110, 70]));
            let iron = matte(srgb(40, 42, 44));
            mesh.tube(iron, Vec3::ZERO, v(0., 0., 0.72), 0.04, 0.04, 5, false);
            mesh.tube(wood, v(0., 0., 0.72), v(0., 0., 0.75), 0.4, 0.4, 8, true);
            for (x, y) in [(0.75, 0.), (-0.75, 0.), (0., 0.75), (0., -0.75)] {
                mesh.cuboid(wood, v(x, y, 0.45), v(0.4, 0.4, 0.04));
                mesh.cuboid(iron, v(x, y, 0.22), v(0.3, 0.3, 0.44));
                mesh.cuboid(
                    wood,
                    v(x * 1.25, y * 1.25, 0.7),
                    v(0.05 + 0.35 * y.abs() / 0.75, 0.05 + 0.35 * x.abs() / 0.75, 0.4),
                );
            }
            if dice.chance(0.6) {
                mesh.tube(iron, v(0., 0., 0.75), v(0., 0., 2.5), 0.025, 0.025, 4, false);
                let cloth = matte(accent(dice));
                mesh.tube(cloth, v(0., 0., 2.2), v(0., 0., 2.65), 1.35, 0.05, 8, false);
            }
        }
        FurnitureKind::Containers => {
            for (i, tone) in [[40, 90, 60], [214, 214, 206], [40, 80, 140]].iter().enumerate() {
                let paint = matte(dice.shade(*tone));
                let y = 1.55 * i as f32 - 1.55;
                mesh.cuboid(paint, v(0., y, 0.6), v(1.3, 1.3, 1.3));
                mesh.tube(paint, v(0., y, 1.25), v(0., y, 1.6), 0.72, 0.4, 4, true);
            }
        }
        FurnitureKind::Barrier => {
            let white = matte([0.8; 3]).retro(0.4);
            let red = matte(srgb(200, 30, 30)).retro(0.4);
            for i in 0..8 {
                let paint = if i % 2 == 0 { red } else { white };
                let y = 0.25 * i as f32 - 0.875;
                mesh.cuboid(paint, v(0., y, 0.95), v(0.04, 0.25, 0.25));
            }
            for y in [-0.8, 0.8] {
                mesh.cuboid(matte(srgb(50, 50, 52)), v(0., y, 0.04), v(0.56, 0.3, 0.1));
                mesh.cuboid(steel(), v(0., y, 0.5), v(0.05, 0.05, 0.9));
                let lamp = Material::lamp(
                    Semantic::Furniture,
                    srgb(230, 150, 20),
                    Switch::Night,
                    [0.5, 0.28, 0.02],
                );
                mesh.cuboid(lamp, v(0., y, 1.18), v(0.12, 0.18, 0.2));
            }
        }
        FurnitureKind::Cone => {
            let orange = matte(srgb(232, 84, 20));
            mesh.cuboid(orange, v(0., 0., 0.02), v(0.4, 0.4, 0.05));
            mesh.tube(orange, v(0., 0., 0.04), v(0., 0., 0.28), 0.15, 0.1, 9, false);
            mesh.tube(
                matte([0.8; 3]).retro(0.5),
                v(0., 0., 0.28),
                v(0., 0., 0.5),
                0.1,
                0.06,
                9,
                false,
            );
            mesh.tube(orange, v(0., 0., 0.5), v(0., 0., 0.72), 0.06, 0.025, 9, true);
        }
        FurnitureKind::Delineator => {
            let white = Material::matte(Semantic::Pole, [0.8; 3]);
            let black = Material::matte(Semantic::Pole, [0.02; 3]);
            let amber = Material::matte(Semantic::Pole, srgb(220, 150, 30)).retro(1.0);
            mesh.cuboid(white, v(0., 0., 0.4), v(0.1, 0.12, 1.2));
            mesh.cuboid(black, v(0., 0., 0.84), v(0.104, 0.124, 0.25));
            for y in [0.065, -0.065] {
                mesh.cuboid(amber, v(0., y, 0.84), v(0.05, 0.01, 0.18));
            }
        }
        FurnitureKind::UtilityPole => {
            let wood = Material::matte(Semantic::Pole, dice.shade([104, 84, 64])).pattern(Pattern::Noise {
                scale: 0.3,
                amount: 0.3,
            });
            mesh.tube(wood, v(0., 0., -0.5), v(0., 0., POLE_HEIGHT + 0.5), 0.15, 0.1, 7, true);
            mesh.cuboid(wood, v(0., 0., POLE_HEIGHT), v(1.9, 0.1, 0.14));
            let cup = Material::paint(Semantic::Pole, srgb(190, 196, 190));
            for x in WIRES {
                mesh.tube(
                    cup,
                    v(x, 0., POLE_HEIGHT),
                    v(x, 0., POLE_HEIGHT + 0.22),
                    0.04,
                    0.05,
                    5,
                    true,
                );
            }
        }
        FurnitureKind::Billboard => {
            let lit = dice.chance(0.3);
            let board = sign::billboard(3.9, 2.7, lit, dice);
            mesh.append(&board, glam::Affine3A::from_translation(v(0., 0., 1.6)));
            for y in [-1.4, 1.4] {
                let steel = Material::metal(Semantic::Pole, srgb(120, 122, 124));
                mesh.tube(steel, v(-0.1, y, -0.4), v(-0.1, y, 3.0), 0.09, 0.09, 6, false);
            }
        }
        FurnitureKind::Chevron => {
            let red = matte(srgb(200, 30, 30)).retro(0.5);
            let white = matte([0.8; 3]).retro(0.5);
            mesh.cuboid(steel(), v(-0.05, 0., 0.6), v(0.06, 0.06, 1.9));
            mesh.cuboid(white, v(0., 0., 1.3), v(0.03, 1.3, 0.5));
            for i in 0..3 {
                let y = -0.45 + 0.42 * i as f32;
                let p = |u: f32, z: f32| v(0.017, y + u, 1.3 + z);
                mesh.quad(red, p(-0.12, -0.25), p(0.08, -0.25), p(0.22, 0.), p(0.02, 0.));
                mesh.quad(red, p(0.02, 0.), p(0.22, 0.), p(0.08, 0.25), p(-0.12, 0.25));
            }
        }
        FurnitureKind::Bales => {
            let straw = matte(dice.shade([206, 176, 104])).pattern(Pattern::Noise {
                scale: 0.2,
                amount: 0.3,
            });
            let film = matte(dice.pick(&[srgb(232, 236, 232), srgb(40, 44, 42), srgb(150, 180, 150)]));
            let paint = if dice.chance(0.5) { straw } else { film };
            for i in 0..dice.count(2, 4) {
                let y = 1.35 * i as f32 - 2.0;
                mesh.tube(paint, v(-0.6, y, 0.62), v(0.6, y, 0.62), 0.64, 0.64, 12, true);
            }
        }
    }
    mesh
}

/// Height of the wires' lowest fixing on a pole, m.
pub(super) const POLE_HEIGHT: f32 = 8.2;
/// Where the wires are fixed on the cross bar, m from its middle.
pub(super) const WIRES: [f32; 3] = [-0.8, 0.0, 0.8];

fn bench(mesh: &mut Mesh, at: Vec3, dice: &mut Dice) {
    let tone = dice.pick(&[[132, 92, 58], [96, 70, 50], [70, 110, 80], [150, 152, 150]]);
    let wood = matte(dice.shade(tone));
    let iron = matte(srgb(44, 46, 48));
    let v = |x: f32, y: f32, z: f32| at + Vec3::new(x, y, z);
    for x in [-0.12, 0.06, 0.24] {
        mesh.cuboid(wood, v(x, 0., 0.45), Vec3::new(0.14, 1.75, 0.04));
    }
    mesh.cuboid(wood, v(-0.25, 0., 0.68), Vec3::new(0.04, 1.75, 0.14));
    mesh.cuboid(wood, v(-0.28, 0., 0.86), Vec3::new(0.04, 1.75, 0.1));
    for y in [-0.7, 0.7] {
        mesh.cuboid(iron, v(0.0, y, 0.2), Vec3::new(0.5, 0.06, 0.46));
        mesh.cuboid(iron, v(-0.29, y, 0.65), Vec3::new(0.04, 0.06, 0.5));
    }
}

fn bus_shelter(mesh: &mut Mesh, dice: &mut Dice) {
    let v = Vec3::new;
    let frame = Material::metal(
        Semantic::Building,
        dice.pick(&[srgb(90, 94, 98), srgb(40, 60, 50), srgb(160, 40, 40)]),
    );
    let glass = Material {
        color: Vec3::new(0.16, 0.2, 0.2),
        ..Material::glass(Semantic::Building)
    };
    mesh.cuboid(frame, v(0.05, 0., 2.5), v(1.6, 4.5, 0.12));
    for (x, y) in [(-0.7, -2.1), (-0.7, 2.1), (0.6, -2.1), (0.6, 2.1), (-0.7, 0.)] {
        mesh.cuboid(frame, v(x, y, 1.2), v(0.08, 0.08, 2.6));
    }
    mesh.cuboid(glass, v(-0.7, -1.05, 1.35), v(0.02, 2.0, 1.9));
    mesh.cuboid(glass, v(-0.7, 1.05, 1.35), v(0.02, 2.0, 1.9));
    mesh.cuboid(glass, v(-0.1, -2.1, 1.35), v(1.1, 0.02, 1.9));
    // The other end is an advertisement, lit by night.
    let poster = accent(dice);
    let poster = Material::lamp(Semantic::Building, poster, Switch::Night, poster.map(|c| c * 0.014));
    mesh.cuboid(poster, v(-0.05, 2.1, 1.3), v(1.15, 0.12, 1.8));
    let light = Material::lamp(Semantic::Building, [0.7; 3], Switch::Night, [0.3, 0.3, 0.28]);
    mesh.cuboid(light, v(-0.1, 0., 2.42), v(0.1, 2.4, 0.05));
    let mut seat = Mesh::new();
    bench(&mut seat, v(-0.32, 0.3, 0.0), dice);
    mesh.append(&seat, glam::Affine3A::IDENTITY);
}

/// Hoops, and the frames and wheels of bicycles locked to them: furniture, since nobody rides them.
fn bike_rack(mesh: &mut Mesh, dice: &mut Dice) {
    let v = Vec3::new;
    for i in 0..4 {
        let y = 0.8 * i as f32 - 1.2;
        let hoop = [v(-0.35, y, -0.1), v(-0.35, y, 0.8), v(0.35, y, 0.8), v(0.35, y, -0.1)];
        for pair in hoop.windows(2) {
            mesh.tube(steel(), pair[0], pair[1], 0.025, 0.025, 4, false);
        }
        if dice.chance(0.5) {
            let side = y + 0.16;
            let paint = Material::paint(Semantic::Furniture, accent(dice));
            for x in [-0.52, 0.52] {
                ring(mesh, Material::rubber(Semantic::Furniture), v(x, side, 0.34), 0.33);
            }
            let (rear, front) = (v(-0.52, side, 0.34), v(0.52, side, 0.34));
            let (pedals, seat, head) = (v(-0.08, side, 0.3), v(-0.2, side, 0.85), v(0.36, side, 0.8));
            for (a, b) in [
                (rear, pedals),
                (rear, seat),
                (pedals, seat),
                (pedals, head),
                (seat, head),
                (head, front),
            ] {
                mesh.tube(paint, a, b, 0.022, 0.022, 3, false);
            }
            mesh.tube(
                matte([0.02; 3]),
                head + v(0., -0.25, 0.15),
                head + v(0., 0.25, 0.15),
                0.02,
                0.02,
                3,
                false,
            );
            mesh.cuboid(matte([0.02; 3]), seat + v(0., 0., 0.06), v(0.24, 0.12, 0.06));
        }
    }
}

/// A tyre that stands in the plane y = const, as a flat band.
fn ring(mesh: &mut Mesh, material: Material, center: Vec3, radius: f32) {
    let at = |i: u32, r: f32| {
        let (sin, cos) = (std::f32::consts::TAU * i as f32 / 10.0).sin_cos();
        center + Vec3::new(cos * r, 0.0, sin * r)
    };
    for i in 0..10 {
        mesh.quad(
            material,
            at(i, radius),
            at(i + 1, radius),
            at(i + 1, radius - 0.05),
            at(i, radius - 0.05),
        );
    }
}

/// What runs along a line on the ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FenceKind {
    /// Wooden pickets.
    Picket,
    /// Closed boards.
    Boards,
    /// Posts and rails, as around meadows.
    Rails,
    /// A wire mesh on posts.
    Mesh,
    /// A low wall.
    Wall,
    /// A high wall against noise.
    NoiseWall,
}

/// A fence along feet on the ground, in the frame of the feet.
pub fn fence(kind: FenceKind, feet: &[Vec3], seed: Seed) -> Mesh {
    let mut dice = Dice::new(seed);
    let dice = &mut dice;
    let mut mesh = Mesh::new();
    let matte = |color: [f32; 3]| Material::matte(Semantic::Barrier, color);
    let tone = dice.pick(&[[226, 224, 216], [128, 92, 62], [90, 70, 54], [104, 122, 96]]);
    let wood = matte(dice.shade(tone));
    // A board between two feet, from height `low` to `high`, `half` thick.
    let board = |mesh: &mut Mesh, material: Material, a: Vec3, b: Vec3, [low, high]: [f32; 2], half: f32| {
        let side = (b - a).truncate().perp().normalize_or(Vec2::Y).extend(0.0) * half;
        let (up, down) = (Vec3::Z * high, Vec3::Z * low);
        mesh.quad(material, b + side + down, a + side + down, a + side + up, b + side + up);
        mesh.quad(material, a - side + down, b - side + down, b - side + up, a - side + up);
        mesh.quad(material, a - side + up, b - side + up, b + side + up, a + side + up);
    };
    let post = |mesh: &mut Mesh, material: Material, foot: Vec3, height: f32, half: f32| {
        let center = foot + Vec3::Z * (height / 2.0 - 0.15);
        mesh.cuboid(material, center, Vec3::new(half * 2.0, half * 2.0, height + 0.3));
    };
    match kind {
        FenceKind::Picket => {
            for pair in feet.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                board(&mut mesh, wood, a, b, [0.3, 0.38], 0.015);
                board(&mut mesh, wood, a, b, [0.75, 0.83], 0.015);
                let count = (a.distance(b) / 0.32).ceil().max(1.0);
                let along = (b - a) / count;
                for i in 0..count as u32 {
                    let left = a + along * (i as f32 + 0.2);
                    let right = left + along * 0.55;
                    let tip = left.midpoint(right) + Vec3::Z * 1.05;
                    let (low, up) = (Vec3::Z * 0.05, Vec3::Z * 0.95);
                    mesh.polygon(wood, &[left + low, right + low, right + up, tip, left + up]);
                }
            }
        }
        FenceKind::Boards => {
            let height = dice.range(1.4, 1.9);
            let wood = wood.pattern(Pattern::Stripes { width: 0.15 });
            for pair in feet.windows(2) {
                board(&mut mesh, wood, pair[0], pair[1], [-0.2, height], 0.03);
            }
        }
        FenceKind::Rails => {
            for pair in feet.windows(2) {
                post(&mut mesh, wood, pair[0], 1.2, 0.06);
                for z in [0.5, 0.9] {
                    board(&mut mesh, wood, pair[0], pair[1], [z, z + 0.1], 0.03);
                }
            }
        }
        FenceKind::Mesh => {
            let green = matte(dice.pick(&[srgb(60, 84, 66), srgb(120, 124, 126)]));
            for pair in feet.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                post(&mut mesh, green, a, 1.5, 0.03);
                for i in 0..7 {
                    let (low, high) = (Vec3::Z * (0.1 + 0.22 * i as f32), Vec3::Z * (0.118 + 0.22 * i as f32));
                    mesh.quad(green, b + low, a + low, a + high, b + high);
                }
            }
        }
        FenceKind::Wall => {
            let height = dice.range(0.6, 1.6);
            let tone = dice.pick(&[[150, 90, 70], [200, 194, 180], [140, 138, 132]]);
            let brick = matte(dice.shade(tone)).pattern(Pattern::Bricks {
                length: 0.4,
                height: 0.2,
            });
            let cap = matte(srgb(170, 166, 160));
            for pair in feet.windows(2) {
                board(&mut mesh, brick, pair[0], pair[1], [-0.3, height], 0.12);
                board(&mut mesh, cap, pair[0], pair[1], [height, height + 0.06], 0.16);
            }
        }
        FenceKind::NoiseWall => {
            let height = dice.range(2.8, 4.2);
            let tone = dice.pick(&[[120, 132, 110], [150, 146, 138], [132, 110, 84], [110, 124, 136]]);
            let panel = matte(dice.shade(tone)).pattern(Pattern::Bricks {
                length: 4.0,
                height: 0.5,
            });
            let pillar = matte(srgb(96, 98, 100));
            for pair in feet.windows(2) {
                board(&mut mesh, panel, pair[0], pair[1], [-0.4, height], 0.08);
                post(&mut mesh, pillar, pair[0], height + 0.1, 0.13);
            }
        }
    }
    mesh
}

/// Wires between two poles (feet and directions of their cross bars), with their sag, m. In the frame of the feet.
pub(super) fn wires(a: (Vec3, Vec2), b: (Vec3, Vec2), sag: f32) -> Mesh {
    let mut mesh = Mesh::new();
    let cable = Material::matte(Semantic::Pole, [0.02, 0.02, 0.02]);
    for x in WIRES {
        let end = |(foot, bar): (Vec3, Vec2)| foot + Vec3::Z * (POLE_HEIGHT + 0.22) + (bar * x).extend(0.0);
        let (from, to) = (end(a), end(b));
        let at = |t: f32| from.lerp(to, t) - Vec3::Z * (4.0 * sag * t * (1.0 - t));
        for i in 0..4 {
            let (p, q) = (at(i as f32 / 4.0), at((i + 1) as f32 / 4.0));
            mesh.tube(cable, p, q, 0.014, 0.014, 3, false);
        }
    }
    mesh
}

/// A gantry over a carriageway: posts at y = 0 and y = `span`, its beam at `height` m; boards are hung on it by who asks for it.
pub(super) fn gantry(span: f32, height: f32) -> Mesh {
    let mut mesh = Mesh::new();
    let steel = Material::metal(Semantic::Pole, srgb(140, 144, 146));
    for y in [0.0, span] {
        mesh.cuboid(
            steel,
            Vec3::new(0.0, y, height / 2.0),
            Vec3::new(0.35, 0.35, height + 1.0),
        );
    }
    for (z, x) in [(0.0, -0.3), (0.0, 0.3), (0.9, -0.3), (0.9, 0.3)] {
        let center = Vec3::new(x, span / 2.0, height + z);
        mesh.cuboid(steel, center, Vec3::new(0.12, span + 0.35, 0.12));
    }
    let bays = (span / 1.8).ceil().max(1.0);
    for i in 0..bays as u32 {
        let y = |t: f32| span * (i as f32 + t) / bays;
        for x in [-0.3, 0.3] {
            let (a, b) = (Vec3::new(x, y(0.0), height), Vec3::new(x, y(1.0), height + 0.9));
            mesh.tube(steel, a, b, 0.04, 0.04, 3, false);
        }
    }
    mesh
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_keeps_to_the_room_that_it_claims() {
        for kind in FurnitureKind::ALL {
            for seed in 0..10 {
                let mesh = furniture(kind, Seed::new(seed));
                let half = kind.half();
                assert!(
                    (8..700).contains(&mesh.triangles.len()),
                    "{kind:?} {}",
                    mesh.triangles.len()
                );
                for p in mesh.positions.iter().filter(|p| p.z < 4.5) {
                    assert!(p.x.abs() <= half.x + 0.02 && p.y.abs() <= half.y + 0.02, "{kind:?} {p}");
                }
                let (low, high) = mesh.bounds().unwrap();
                assert!(low.z < 0.1 && high.z > 0.5, "{kind:?} {low} {high}");
                assert!(mesh.normals.iter().all(|n| (n.length() - 1.0).abs() < 1e-3));
            }
        }
    }

    #[test]
    fn fences_follow_the_ground() {
        let feet: Vec<Vec3> = (0..12)
            .map(|i| Vec3::new(2.0 * i as f32, 0.0, 0.3 * i as f32))
            .collect();
        for kind in [
            FenceKind::Picket,
            FenceKind::Boards,
            FenceKind::Rails,
            FenceKind::Mesh,
            FenceKind::Wall,
            FenceKind::NoiseWall,
        ] {
            let mesh = fence(kind, &feet, Seed::new(1));
            for p in &mesh.positions {
                let ground = 0.15 * p.x;
                assert!(
                    p.z > ground - 0.6 && p.z < ground + 4.6 && p.y.abs() < 0.3,
                    "{kind:?} {p}"
                );
            }
            assert!(mesh.palette.iter().all(|m| m.semantic == Semantic::Barrier));
            assert!(fence(kind, &feet[..1], Seed::new(1)).triangles.is_empty());
        }
    }
}
