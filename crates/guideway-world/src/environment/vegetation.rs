//! Trees, bushes, hedges, grass.
//!
//! A plant's frame: z up, its foot at the origin. Crowns are lumps of foliage on branches with loose leaves around them, so that
//! their outlines are ragged; normals point out of the crown, so that it is lit as a whole.

use std::f32::consts::{PI, TAU};

use glam::{Vec2, Vec3};

use super::building::Detail;
use crate::dice::Dice;
use crate::material::{Material, Pattern, Semantic, srgb};
use crate::mesh::Mesh;
use crate::seed::Seed;

/// What grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlantKind {
    /// Lime, oak, maple: a round crown.
    Broadleaf,
    /// A tree along a street: its crown begins above the traffic.
    Street,
    /// Poplar: a tall column.
    Poplar,
    /// Birch: white bark, a light crown.
    Birch,
    /// A small fruit tree.
    Fruit,
    /// Spruce, fir: tiers of branches.
    Conifer,
    /// Pine: a bare trunk with a flat crown.
    Pine,
    /// Palm.
    Palm,
    /// A bush.
    Bush,
    /// A tuft of grass or reeds.
    Grass,
}

impl PlantKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Broadleaf,
        Self::Street,
        Self::Poplar,
        Self::Birch,
        Self::Fruit,
        Self::Conifer,
        Self::Pine,
        Self::Palm,
        Self::Bush,
        Self::Grass,
    ];

    /// Does it keep its leaves in winter?
    pub fn evergreen(self) -> bool {
        matches!(self, Self::Conifer | Self::Pine | Self::Palm | Self::Grass)
    }
}

/// Height below which nothing of a street tree's crown hangs, m.
pub const STREET_CLEARANCE: f32 = 4.7;

/// The season, as plants show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Season {
    /// Leaves: 0 bare, 1 full.
    pub foliage: f32,
    /// Are missing leaves still to come (fresh green) or fallen (yellow, red, brown)?
    pub spring: bool,
}

/// A plant of a kind: some 200 triangles in full detail, 100 in medium, 30 in low.
pub fn plant(kind: PlantKind, season: Season, detail: Detail, seed: Seed) -> Mesh {
    let mut dice = Dice::new(seed);
    let mut mesh = Mesh::new();
    match kind {
        PlantKind::Broadleaf | PlantKind::Street | PlantKind::Poplar | PlantKind::Birch | PlantKind::Fruit => {
            Crown::of(kind, &mut dice).grow(&mut mesh, season, detail, &mut dice);
        }
        PlantKind::Conifer => conifer(&mut mesh, detail, &mut dice),
        PlantKind::Pine => pine(&mut mesh, detail, &mut dice),
        PlantKind::Palm => palm(&mut mesh, detail, &mut dice),
        PlantKind::Bush => bush(&mut mesh, season, detail, &mut dice),
        PlantKind::Grass => grass(&mut mesh, &mut dice),
    }
    mesh
}

fn matte(color: [f32; 3]) -> Material {
    Material::matte(Semantic::Vegetation, color)
}

/// Foliage of a colour. Leaves are bright in the near infrared, whatever their colour.
fn foliage(color: [f32; 3], scale: f32) -> Material {
    Material {
        lidar: 0.5,
        specular: 0.03,
        roughness: 0.7,
        ..matte(color).pattern(Pattern::Leaves { scale })
    }
}

/// Colour of the leaves of a season.
fn leaf_color(season: Season, dice: &mut Dice) -> [f32; 3] {
    let summer = dice.pick(&[[72, 98, 38], [58, 90, 36], [86, 108, 46], [66, 94, 52], [50, 80, 34]]);
    let other = if season.spring {
        dice.pick(&[[132, 160, 64], [116, 150, 70], [150, 166, 84]])
    } else {
        dice.pick(&[
            [196, 152, 40],
            [176, 88, 32],
            [150, 60, 34],
            [140, 104, 48],
            [206, 176, 70],
        ])
    };
    // Trees of one street do not turn in the same week.
    let turned = ((0.85 - season.foliage) / 0.45 + dice.range(-0.35, 0.35)).clamp(0.0, 1.0);
    let (a, b) = (dice.shade(summer), dice.shade(other));
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * turned)
}

fn bark(kind: PlantKind, dice: &mut Dice) -> Material {
    let tone = match kind {
        PlantKind::Birch => [206, 202, 194],
        PlantKind::Pine => [142, 96, 70],
        _ => dice.pick(&[[92, 78, 64], [78, 68, 58], [110, 98, 84]]),
    };
    matte(dice.shade(tone)).pattern(Pattern::Noise {
        scale: 0.25,
        amount: 0.4,
    })
}

/// A lump of foliage: a ball with dents. Normals point away from `heart`.
fn lump(mesh: &mut Mesh, material: Material, center: Vec3, radii: Vec3, fine: u32, dice: &mut Dice) {
    let (rings, sides) = (fine, fine + 2);
    let turn = dice.range(0.0, TAU);
    let mut sections: Vec<Vec<Vec3>> = Vec::new();
    for i in 0..=rings {
        let theta = PI * (1.0 - i as f32 / rings as f32);
        let ring = (0..sides).map(|j| {
            let phi = turn + TAU * (j as f32 + 0.5 * (i % 2) as f32) / sides as f32;
            let dent = if i == 0 || i == rings {
                0.9
            } else {
                dice.range(0.78, 1.15)
            };
            center + Vec3::new(theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()) * radii * dent
        });
        sections.push(ring.collect());
    }
    let normal = |p: Vec3| ((p - center) / radii.max(Vec3::splat(1e-3))).normalize_or(Vec3::Z);
    for i in 0..sections.len() - 1 {
        for j in 0..sides as usize {
            let k = (j + 1) % sides as usize;
            let (a, b, c, d) = (sections[i][j], sections[i][k], sections[i + 1][k], sections[i + 1][j]);
            // The rows at the poles are triangles.
            let corners: Vec<Vec3> = if i == 0 {
                vec![sections[0][0], c, d]
            } else if i + 2 == sections.len() {
                vec![a, b, sections[i + 1][0]]
            } else {
                vec![a, b, c, d]
            };
            let normals: Vec<Vec3> = corners.iter().map(|p| normal(*p)).collect();
            mesh.fan(material, &corners, &normals);
        }
    }
}

/// A loose triangle of leaves.
fn leaf(mesh: &mut Mesh, material: Material, at: Vec3, normal: Vec3, size: f32, dice: &mut Dice) {
    let direction = |dice: &mut Dice| {
        Vec3::new(dice.range(-1., 1.), dice.range(-1., 1.), dice.range(-1., 1.)).normalize_or(Vec3::X)
    };
    let (u, v) = (direction(dice), direction(dice));
    let corners = [at - u * size * 0.5, at + u * size * 0.5, at + v * size];
    let normal = normal.normalize_or(Vec3::Z);
    mesh.fan(material, &corners, &[normal; 3]);
}

/// The shape of a leafy tree.
struct Crown {
    kind: PlantKind,
    /// Height of the tree, m.
    height: f32,
    /// Height of the crown's lower end, m.
    base: f32,
    /// Radius of the crown, m.
    radius: f32,
    /// Radius of the trunk, m.
    trunk: f32,
}

impl Crown {
    fn of(kind: PlantKind, dice: &mut Dice) -> Self {
        let (height, base, radius, trunk) = match kind {
            PlantKind::Street => {
                let height = dice.range(8.5, 13.0);
                (height, STREET_CLEARANCE, dice.range(1.9, 3.2), dice.range(0.12, 0.2))
            }
            PlantKind::Poplar => (dice.range(14.0, 22.0), 1.5, dice.range(1.4, 2.2), 0.3),
            PlantKind::Birch => (dice.range(9.0, 15.0), 3.0, dice.range(1.8, 2.8), 0.13),
            PlantKind::Fruit => (dice.range(3.5, 5.5), 1.4, dice.range(1.5, 2.4), 0.12),
            _ => {
                let height = dice.range(9.0, 18.0);
                (
                    height,
                    height * dice.range(0.18, 0.3),
                    height * dice.range(0.26, 0.36),
                    height * 0.022,
                )
            }
        };
        Self {
            kind,
            height,
            base,
            radius,
            trunk,
        }
    }

    fn grow(&self, mesh: &mut Mesh, season: Season, detail: Detail, dice: &mut Dice) {
        let bark = bark(self.kind, dice);
        let full = detail == Detail::Full;
        let lean = Vec3::new(dice.range(-0.25, 0.25), dice.range(-0.25, 0.25), 0.0);
        let fork = Vec3::Z * (self.base * 1.05) + lean;
        let sides = if full { 6 } else { 3 };
        mesh.tube(
            bark,
            Vec3::NEG_Z * 0.4,
            fork,
            self.trunk * 1.25,
            self.trunk * 0.85,
            sides,
            false,
        );
        let middle = Vec3::Z * f32::midpoint(self.base, self.height) + lean;
        let radii = Vec3::new(self.radius, self.radius, (self.height - self.base) / 2.0);
        let leaves = season.foliage.clamp(0.0, 1.0);
        let dense = leaves > 0.45;
        if !dense {
            self.twigs(mesh, bark, fork, full, dice);
        } else if full {
            for _ in 0..2 {
                let to = middle + self.inside(radii, dice) * 0.55;
                mesh.tube(bark, fork, to, self.trunk * 0.6, self.trunk * 0.2, 3, false);
            }
        }
        if leaves < 0.03 {
            return;
        }
        let color = leaf_color(season, dice);
        let dark = color.map(|c| c * 0.72);
        let scale = dice.range(0.35, 0.6);
        if dense {
            self.lumps(mesh, (color, dark, scale), (middle, radii), detail, dice);
        }
        // Loose leaves: few on a thin crown, more where there are no lumps.
        let many = match detail {
            Detail::Full => 40.0,
            Detail::Medium => 16.0,
            Detail::Low => 4.0,
        };
        let count = (many * if dense { 0.6 + 0.4 * leaves } else { 2.2 * leaves }) as u32;
        let size = self.radius * if full { 0.17 } else { 0.24 };
        for _ in 0..count {
            let out = self.inside(radii, dice).normalize_or(Vec3::Z);
            let at = middle + out * radii * dice.range(if dense { 0.72 } else { 0.4 }, 0.94);
            if at.z - size < self.base {
                continue;
            }
            let tone = if dice.chance(0.5) { color } else { dark };
            leaf(mesh, foliage(tone, scale), at, out, size, dice);
        }
    }

    /// Lumps of foliage that fill the crown.
    fn lumps(
        &self,
        mesh: &mut Mesh,
        (color, dark, scale): ([f32; 3], [f32; 3], f32),
        (middle, radii): (Vec3, Vec3),
        detail: Detail,
        dice: &mut Dice,
    ) {
        let keep = |center: Vec3, size: Vec3| {
            // Pruned at the crown's lower end; 1.15 is the largest dent outwards.
            center.with_z(center.z.max(self.base + size.z * 1.15))
        };
        if detail == Detail::Low {
            lump(
                mesh,
                foliage(color, scale),
                keep(middle, radii * 0.85),
                radii * 0.85,
                3,
                dice,
            );
            return;
        }
        let full = detail == Detail::Full;
        if self.kind == PlantKind::Poplar {
            let count = if full { 4 } else { 2 };
            for i in 0..count {
                let t = (i as f32 + 0.5) / count as f32;
                let size = Vec3::new(1.0, 1.0, 1.0) * self.radius * (1.0 - 0.55 * t) + Vec3::Z * radii.z * 0.3;
                let center = middle + Vec3::Z * radii.z * (2.0 * t - 1.0) * 0.72;
                lump(mesh, foliage(color, scale), keep(center, size), size, 4, dice);
            }
            return;
        }
        let core = radii * 0.68;
        lump(mesh, foliage(dark, scale), keep(middle, core), core, 4, dice);
        let count = match (full, self.kind) {
            (false, _) => 2,
            (true, PlantKind::Birch | PlantKind::Fruit) => 4,
            (true, _) => 5,
        };
        let turn = dice.range(0.0, TAU);
        for i in 0..count {
            let phi = turn + TAU * i as f32 / count as f32 + dice.range(-0.3, 0.3);
            let up = dice.range(-0.55, 0.75);
            let flat = (1.0_f32 - up * up).max(0.0).sqrt();
            let out = Vec3::new(phi.cos() * flat, phi.sin() * flat, up);
            let size = Vec3::splat(self.radius) * dice.range(0.36, 0.52);
            let tone = if dice.chance(0.6) { color } else { dark };
            lump(
                mesh,
                foliage(tone, scale),
                keep(middle + out * radii * 0.55, size),
                size,
                3,
                dice,
            );
        }
    }

    /// Bare branches.
    fn twigs(&self, mesh: &mut Mesh, bark: Material, fork: Vec3, full: bool, dice: &mut Dice) {
        let reach = (self.height - fork.z).max(1.0);
        let spread = self.radius / reach;
        let limbs = if full { 4 } else { 3 };
        let turn = dice.range(0.0, TAU);
        for i in 0..limbs {
            let phi = turn + TAU * i as f32 / limbs as f32 + dice.range(-0.4, 0.4);
            let direction = Vec3::new(phi.cos() * spread, phi.sin() * spread, dice.range(0.75, 1.0));
            let end = fork + direction * reach * dice.range(0.45, 0.6);
            mesh.tube(bark, fork, end, self.trunk * 0.7, self.trunk * 0.35, 3, false);
            let twigs = if full { 6 } else { 2 };
            for j in 0..twigs {
                let from = fork.lerp(end, dice.range(0.35, 1.0));
                let angle = phi + (j as f32 - twigs as f32 / 2.0) * 0.6;
                let along = Vec3::new(angle.cos() * spread, angle.sin() * spread, dice.range(0.3, 1.1));
                let tip = from + along * reach * dice.range(0.25, 0.42);
                mesh.tube(bark, from, tip, self.trunk * 0.3, self.trunk * 0.08, 3, false);
                if full {
                    for _ in 0..2 {
                        let start = from.lerp(tip, dice.range(0.3, 0.9));
                        let side = Vec3::new(dice.range(-1., 1.), dice.range(-1., 1.), dice.range(0.1, 1.0));
                        let end = start + side.normalize_or(Vec3::Z) * reach * 0.14;
                        let w = Vec3::new(-side.y, side.x, 0.0).normalize_or(Vec3::X) * self.trunk * 0.14;
                        // A twig is one triangle: thinner than a pixel mostly, but many make the haze of a bare crown.
                        mesh.polygon(bark, &[start - w, start + w, end.with_z(end.z.max(self.base))]);
                    }
                }
            }
        }
    }

    /// A random vector inside the unit ball, scaled by the crown's shape.
    fn inside(&self, radii: Vec3, dice: &mut Dice) -> Vec3 {
        let v = Vec3::new(dice.range(-1., 1.), dice.range(-1., 1.), dice.range(-1., 1.));
        let narrow = if self.kind == PlantKind::Poplar && v.z > 0.0 {
            1.0 - 0.6 * v.z
        } else {
            1.0
        };
        v.clamp_length_max(1.0) * radii * Vec3::new(narrow, narrow, 1.0) / self.radius
    }
}

/// A spruce: tiers of drooping branches with ragged edges.
fn conifer(mesh: &mut Mesh, detail: Detail, dice: &mut Dice) {
    let height = dice.range(8.0, 20.0);
    let radius = height * dice.range(0.15, 0.22);
    let (tiers, sides) = match detail {
        Detail::Full => (7, 9),
        Detail::Medium => (5, 6),
        Detail::Low => (3, 5),
    };
    let bark = bark(PlantKind::Conifer, dice);
    let base = height * dice.range(0.04, 0.12);
    mesh.tube(
        bark,
        Vec3::NEG_Z * 0.4,
        Vec3::Z * height * 0.5,
        height * 0.02,
        height * 0.012,
        4,
        false,
    );
    let tone = dice.pick(&[[38, 62, 40], [46, 70, 46], [52, 74, 62], [34, 54, 34]]);
    let color = dice.shade(tone);
    let needles = foliage(color, 0.3);
    for tier in 0..tiers {
        let t = tier as f32 / tiers as f32;
        let (low, high) = (
            base + (height - base) * t,
            base + (height - base) * ((tier as f32 + 1.9) / tiers as f32).min(1.0),
        );
        let wide = radius * (1.0 - t).powf(0.85) + 0.12;
        let turn = dice.range(0.0, TAU);
        let rim: Vec<Vec3> = (0..sides * 2)
            .map(|j| {
                let phi = turn + PI * j as f32 / sides as f32;
                let tip = if j % 2 == 0 {
                    dice.range(0.9, 1.12)
                } else {
                    dice.range(0.5, 0.66)
                };
                let droop = if j % 2 == 0 { -0.1 * wide } else { 0.12 * wide };
                Vec3::new(phi.cos() * wide * tip, phi.sin() * wide * tip, low + droop)
            })
            .collect();
        let apex = Vec3::Z * high;
        for j in 0..rim.len() {
            let (a, b) = (rim[j], rim[(j + 1) % rim.len()]);
            let out = |p: Vec3| Vec3::new(p.x, p.y, wide * 0.5).normalize_or(Vec3::Z);
            let up = a.midpoint(b).with_z(wide * 0.5).normalize_or(Vec3::Z);
            mesh.fan(needles, &[a, b, apex], &[out(a), out(b), up]);
        }
    }
}

/// A pine: a tall bare trunk, flat clouds of needles.
fn pine(mesh: &mut Mesh, detail: Detail, dice: &mut Dice) {
    let height = dice.range(11.0, 20.0);
    let bark = bark(PlantKind::Pine, dice);
    let bend = Vec3::new(dice.range(-0.6, 0.6), dice.range(-0.6, 0.6), height * 0.85);
    let trunk = height * 0.018;
    mesh.tube(bark, Vec3::NEG_Z * 0.4, bend, trunk * 1.2, trunk * 0.6, 5, false);
    let tone = dice.pick(&[[52, 74, 44], [60, 78, 52], [44, 66, 48]]);
    let color = dice.shade(tone);
    let clouds = if detail == Detail::Full { 5 } else { 2 };
    for i in 0..clouds {
        let phi = TAU * i as f32 / clouds as f32 + dice.range(-0.4, 0.4);
        let away = dice.range(0.3, 1.0) * height * 0.1;
        let center = Vec3::new(phi.cos() * away, phi.sin() * away, height * dice.range(0.72, 0.95));
        let wide = height * dice.range(0.09, 0.14);
        lump(
            mesh,
            foliage(color, 0.35),
            center,
            Vec3::new(wide, wide, wide * 0.55),
            4,
            dice,
        );
        if detail == Detail::Full {
            mesh.tube(bark, bend * 0.85, center, trunk * 0.4, trunk * 0.2, 3, false);
            for _ in 0..8 {
                let out = Vec3::new(dice.range(-1., 1.), dice.range(-1., 1.), dice.range(-0.4, 0.7));
                let at = center + out * Vec3::new(wide, wide, wide * 0.6);
                leaf(mesh, foliage(color, 0.35), at, out, wide * 0.5, dice);
            }
        }
    }
}

/// A palm: a slender trunk, a star of fronds.
fn palm(mesh: &mut Mesh, detail: Detail, dice: &mut Dice) {
    let height = dice.range(5.5, 12.0);
    let bark = matte(dice.shade([130, 110, 86])).pattern(Pattern::Bricks {
        length: 2.0,
        height: 0.2,
    });
    let top = Vec3::new(dice.range(-0.4, 0.4), dice.range(-0.4, 0.4), height);
    mesh.tube(bark, Vec3::NEG_Z * 0.4, top, 0.24, 0.15, 6, false);
    let color = dice.shade([86, 112, 52]);
    let frond = foliage(color, 0.3);
    let count = if detail == Detail::Full { 16 } else { 8 };
    let length = dice.range(1.9, 2.6);
    for i in 0..count {
        let phi = TAU * i as f32 / count as f32 + dice.range(-0.15, 0.15);
        let rise = if i % 2 == 0 {
            dice.range(0.5, 0.9)
        } else {
            dice.range(-0.1, 0.3)
        };
        let out = Vec3::new(phi.cos(), phi.sin(), 0.0);
        let side = Vec3::new(-phi.sin(), phi.cos(), 0.0) * 0.32;
        let at = |t: f32| top + out * length * t + Vec3::Z * (rise * t - 1.35 * t * t) * length * 0.6;
        let (a, b, c) = (at(0.1), at(0.55), at(1.0));
        let ridge = Vec3::Z * 0.1;
        mesh.polygon(frond, &[a, b + side, b + ridge]);
        mesh.polygon(frond, &[a, b + ridge, b - side]);
        mesh.polygon(frond, &[b + side, c, b + ridge]);
        mesh.polygon(frond, &[b + ridge, c, b - side]);
    }
}

/// A bush.
fn bush(mesh: &mut Mesh, season: Season, detail: Detail, dice: &mut Dice) {
    let size = dice.range(0.6, 1.4);
    let evergreen = dice.chance(0.35);
    let leaves = if evergreen { 1.0 } else { season.foliage };
    let shown = Season {
        foliage: leaves,
        ..season
    };
    let color = leaf_color(shown, dice);
    let twigs = matte(dice.shade([104, 86, 68]));
    if leaves > 0.3 {
        let lumps = if detail == Detail::Full { dice.count(2, 3) } else { 1 };
        for i in 0..lumps {
            let away = if i == 0 { 0.0 } else { size * 0.6 };
            let phi = dice.range(0.0, TAU);
            let radius = size * dice.range(0.55, 0.8);
            let center = Vec3::new(phi.cos() * away, phi.sin() * away, radius * 0.75);
            lump(
                mesh,
                foliage(color, 0.25),
                center,
                Vec3::new(radius, radius, radius * 0.9),
                3,
                dice,
            );
        }
    }
    let count = match detail {
        Detail::Full => 26,
        Detail::Medium => 12,
        Detail::Low => 3,
    };
    for _ in 0..count {
        let phi = dice.range(0.0, TAU);
        let out = Vec3::new(phi.cos(), phi.sin(), dice.range(0.1, 1.3));
        if leaves > 0.3 {
            let at = out * size * Vec3::new(0.7, 0.7, 0.9);
            leaf(
                mesh,
                foliage(color, 0.25),
                at + Vec3::Z * size * 0.35,
                out,
                size * 0.3,
                dice,
            );
        } else {
            let side = Vec3::new(-phi.sin(), phi.cos(), 0.0) * 0.025;
            mesh.polygon(twigs, &[-side, side, out * size * dice.range(0.6, 1.0)]);
        }
    }
}

/// A tuft of long grass.
fn grass(mesh: &mut Mesh, dice: &mut Dice) {
    let tone = dice.pick(&[[104, 116, 58], [126, 122, 70], [92, 108, 50], [150, 138, 88]]);
    let blades = foliage(dice.shade(tone), 0.2);
    let height = dice.range(0.25, 0.6);
    for _ in 0..11 {
        let at = Vec3::new(dice.range(-0.7, 0.7), dice.range(-0.7, 0.7), -0.05);
        let phi = dice.range(0.0, TAU);
        let side = Vec3::new(phi.cos(), phi.sin(), 0.0) * dice.range(0.05, 0.14);
        let lean = Vec3::new(
            dice.range(-0.15, 0.15),
            dice.range(-0.15, 0.15),
            height * dice.range(0.6, 1.2),
        );
        // Lit from above, whichever way a blade is turned.
        mesh.fan(blades, &[at - side, at + side, at + lean], &[Vec3::Z; 3]);
    }
}

/// A clipped hedge or a row of crops along a line on the ground; `at` gives its foot at each step. Width and height in m.
pub(super) fn hedge(material: Material, feet: &[Vec3], size: Vec2, ragged: f32, dice: &mut Dice) -> Mesh {
    let mut mesh = Mesh::new();
    let mut sections: Vec<Vec<Vec3>> = Vec::new();
    for (i, foot) in feet.iter().enumerate() {
        let before = feet[i.saturating_sub(1)];
        let after = feet[(i + 1).min(feet.len() - 1)];
        let side = (after - before).truncate().perp().normalize_or(Vec2::Y).extend(0.0) * size.x / 2.0;
        let (low, high) = (1.0 - ragged, 1.0 + ragged);
        let up = Vec3::Z * size.y * dice.range(low, high);
        let (left, right) = (side * dice.range(low, high), side * dice.range(low, high));
        let down = Vec3::NEG_Z * 0.2;
        // Against the direction of travel a section runs from right to left over the top.
        sections.push(vec![
            *foot - right + down,
            *foot - right * 0.85 + up,
            *foot + left * 0.85 + up,
            *foot + left + down,
        ]);
    }
    for pair in sections.windows(2) {
        for j in 0..3 {
            mesh.quad(material, pair[1][j], pair[1][j + 1], pair[0][j + 1], pair[0][j]);
        }
    }
    if let (Some(first), Some(last)) = (sections.first(), sections.last()) {
        mesh.polygon(material, first);
        let mut last = last.clone();
        last.reverse();
        mesh.polygon(material, &last);
    }
    mesh
}

/// What a clipped hedge is made of.
pub(super) fn hedge_material(season: Season, dice: &mut Dice) -> Material {
    let tone = dice.pick(&[[52, 78, 40], [62, 84, 44], [44, 66, 38]]);
    let evergreen = dice.shade(tone);
    let color = if dice.chance(0.6) {
        evergreen
    } else if season.foliage < 0.3 {
        srgb(112, 92, 72)
    } else {
        leaf_color(season, dice)
    };
    foliage(color, 0.22)
}

/// What crops and other fields of plants are made of (8-bit sRGB).
pub(super) fn crop(color: [u8; 3], dice: &mut Dice) -> Material {
    foliage(dice.shade(color), 0.4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn every_plant_stands_on_the_ground(
            kind in prop::sample::select(PlantKind::ALL.to_vec()),
            foliage in 0.0_f32..=1.0, spring in any::<bool>(), seed in any::<u64>(),
            detail in prop::sample::select(vec![Detail::Low, Detail::Medium, Detail::Full]),
        ) {
            let mesh = plant(kind, Season { foliage, spring }, detail, Seed::new(seed));
            let (low, high) = mesh.bounds().unwrap();
            prop_assert!(low.is_finite() && high.is_finite());
            prop_assert!(low.z >= -0.6 && high.z < 24.0 && high.z > 0.1, "{low} {high}");
            let most = if detail == Detail::Full { 400 } else { 160 };
            prop_assert!(mesh.triangles.len() <= most, "{kind:?} {}", mesh.triangles.len());
            prop_assert!(mesh.palette.iter().all(|m| m.semantic == Semantic::Vegetation));
            if kind == PlantKind::Street {
                // Below its crown a street tree is only its trunk.
                for p in mesh.positions.iter().filter(|p| p.z < 4.5) {
                    prop_assert!(p.truncate().length() < 0.7, "{p}");
                }
            }
        }
    }

    #[test]
    fn leaves_fall() {
        let leaves = |foliage| {
            let season = Season { foliage, spring: false };
            plant(PlantKind::Broadleaf, season, Detail::Full, Seed::new(3))
                .palette
                .iter()
                .filter(|m| matches!(m.pattern, Pattern::Leaves { .. }))
                .count()
        };
        assert_eq!(leaves(0.0), 0);
        assert!(leaves(1.0) > 0);
    }
}
