//! The surface of roads and land as meshes.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::{Affine3A, Vec2, Vec3};
use rand::{Rng, RngExt as _};

use super::index::Grid;
use super::roadside::bounds;
use super::{LaneKind, LineKind, Paving, RoadNetwork, Stroke, Terrain};
use crate::Seed;
use crate::environment::Piece;
use crate::material::{Material, Pattern, Semantic, srgb};
use crate::mesh::Mesh;
use crate::params::{RoadKind, RoadParams};

/// Height of paint above the road, m.
const PAINT: f32 = 0.006;

/// Meshes of everything one drives, walks and looks over: asphalt, markings, kerbs, pavements, verges, guard rails, and the land
/// out to the horizon. `terrain` must be the network's.
pub fn surface(network: &RoadNetwork, terrain: &Terrain, params: &RoadParams, seed: Seed) -> Vec<Piece> {
    let seed = seed.child("surface");
    let colors = Colors::new(params, seed.child("colors"));
    let mut ground = Mesh::new();
    pave(&mut ground, network, &colors);
    skirts(&mut ground, network, &colors);
    kerbs(&mut ground, network, &colors);
    land(&mut ground, network, terrain, params, &colors, seed.child("fields"));
    let mut painter = Painter {
        mesh: &mut ground,
        terrain,
        colors: &colors,
        wear: params.wear.clamp(0.0, 1.0) as f32,
    };
    let mut rng = seed.child("wear").rng();
    painter.repairs(network, &mut rng);
    for stroke in &network.strokes {
        painter.stroke(stroke, &mut rng);
    }
    for mark in &network.marks {
        painter.mark(mark, &mut rng);
    }
    let mut pieces = vec![piece(ground)];
    if !network.rails.is_empty() {
        pieces.push(piece(rails(network)));
    }
    pieces
}

fn piece(mesh: Mesh) -> Piece {
    Piece {
        mesh: Arc::new(mesh),
        world_from_mesh: Affine3A::IDENTITY,
        object: None,
        signal: None,
    }
}

/// The materials of a place.
struct Colors {
    asphalt: Material,
    repair: Material,
    iron: Material,
    cycleway: Material,
    slabs: Material,
    kerb: Material,
    gravel: Material,
    grass: Material,
    soil: Material,
    /// From fresh to nearly gone.
    paint: [Material; 4],
    yellow: [Material; 4],
}

fn scaled(color: [f32; 3], factor: f32) -> [f32; 3] {
    color.map(|c| c * factor)
}

impl Colors {
    fn new(params: &RoadParams, seed: Seed) -> Self {
        let mut rng = seed.rng();
        // Asphalt pales with age.
        let age = (0.35 * params.wear as f32 + 0.65 * rng.random::<f32>()).clamp(0.0, 1.0);
        let base = 0.035 + 0.10 * age;
        let tint = rng.random_range(-0.04..0.04_f32);
        let asphalt = [base * (1.0 + tint), base, base * (1.0 - tint)];
        let cycleway = [srgb(128, 62, 52), srgb(70, 100, 78), srgb(104, 72, 66)][rng.random_range(0..3)];
        let slabs = [
            srgb(150, 147, 140),
            srgb(128, 128, 130),
            srgb(142, 126, 112),
            srgb(170, 166, 158),
        ][rng.random_range(0..4)];
        let slab = [0.3, 0.4, 0.6][rng.random_range(0..3)];
        let grass = [
            srgb(84, 104, 48),
            srgb(96, 110, 58),
            srgb(74, 96, 44),
            srgb(112, 112, 66),
        ][rng.random_range(0..4)];
        let shades = |color: [f32; 3]| {
            [0.0, 0.2, 0.42, 0.65].map(|gone: f32| {
                let mixed = [0, 1, 2].map(|i| color[i] * (1.0 - gone) + asphalt[i] * gone);
                Material::matte(Semantic::LaneMarking, mixed)
                    .pattern(Pattern::Noise {
                        scale: 0.2,
                        amount: 0.25 * gone,
                    })
                    .retro(0.12 * (1.0 - gone))
            })
        };
        let road = |color| Material::matte(Semantic::Road, color).pattern(Pattern::Asphalt);
        Self {
            asphalt: road(asphalt),
            repair: road(scaled(asphalt, if base > 0.08 { 0.55 } else { 1.5 })),
            iron: Material::matte(Semantic::Road, [0.045, 0.043, 0.04]).pattern(Pattern::Checker { size: 0.06 }),
            cycleway: road(cycleway),
            slabs: Material::matte(Semantic::Sidewalk, slabs).pattern(Pattern::Bricks {
                length: slab,
                height: slab,
            }),
            kerb: Material::matte(Semantic::Kerb, scaled(srgb(168, 166, 160), rng.random_range(0.7..1.1))).pattern(
                Pattern::Noise {
                    scale: 0.8,
                    amount: 0.2,
                },
            ),
            gravel: Material::matte(Semantic::Terrain, srgb(120, 112, 98)).pattern(Pattern::Noise {
                scale: 0.15,
                amount: 0.4,
            }),
            grass: Material::matte(Semantic::Terrain, grass).pattern(Pattern::Grass),
            soil: Material::matte(Semantic::Terrain, srgb(92, 78, 60)).pattern(Pattern::Noise {
                scale: 0.5,
                amount: 0.3,
            }),
            paint: shades(srgb(232, 232, 228)),
            yellow: shades(srgb(226, 178, 40)),
        }
    }

    fn of(&self, paving: Paving) -> Material {
        match paving {
            Paving::Asphalt => self.asphalt,
            Paving::Cycleway => self.cycleway,
            Paving::Slabs => self.slabs,
            Paving::Kerb => self.kerb,
            Paving::Gravel => self.gravel,
            Paving::Grass => self.grass,
        }
    }
}

fn pave(mesh: &mut Mesh, network: &RoadNetwork, colors: &Colors) {
    for patch in &network.patches {
        let [a, b, c, d] = patch.corners;
        let face = ((c - a).cross(d - b)).normalize_or((b - a).cross(c - a).normalize_or(Vec3::Z));
        let normal = |p: Vec3| {
            // Where the relief is what the road lies on, its normal is smooth; else the patch's own.
            let smooth = network.relief.normal(p.truncate());
            if smooth.dot(face) > 0.999 { smooth } else { face }
        };
        let material = colors.of(patch.paving);
        if c == d {
            mesh.fan(material, &[a, b, c], &[normal(a), normal(b), normal(c)]);
        } else {
            mesh.fan(material, &[a, b, c, d], &[normal(a), normal(b), normal(c), normal(d)]);
        }
    }
}

/// Walls down from the outer edges of the paved surface, so that no gap shows where it meets the land.
fn skirts(mesh: &mut Mesh, network: &RoadNetwork, colors: &Colors) {
    let key = |p: Vec3| ((p.x * 64.0).round() as i64, (p.y * 64.0).round() as i64);
    let mut edges: BTreeMap<[(i64, i64); 2], (u32, Vec3, Vec3)> = BTreeMap::new();
    for patch in &network.patches {
        for i in 0..4 {
            let (a, b) = (patch.corners[i], patch.corners[(i + 1) % 4]);
            let (ka, kb) = (key(a), key(b));
            if ka == kb {
                continue;
            }
            let entry = edges.entry([ka.min(kb), ka.max(kb)]).or_insert((0, a, b));
            entry.0 += 1;
        }
    }
    let down = Vec3::Z * -0.35;
    for (count, a, b) in edges.values() {
        if *count == 1 {
            mesh.quad(colors.soil, *a, *a + down, *b + down, *b);
        }
    }
}

fn kerbs(mesh: &mut Mesh, network: &RoadNetwork, colors: &Colors) {
    for kerb in &network.kerbs {
        for pair in kerb.points.windows(2) {
            let ((a, up_a), (b, up_b)) = (pair[0], pair[1]);
            if a.distance(b) > 1e-3 {
                mesh.quad(colors.kerb, a, b, b + Vec3::Z * up_b, a + Vec3::Z * up_a);
            }
        }
    }
}

fn land(mesh: &mut Mesh, network: &RoadNetwork, terrain: &Terrain, params: &RoadParams, colors: &Colors, seed: Seed) {
    let boxes: Vec<(Vec2, Vec2)> = network.footprint.iter().map(|q| bounds(q)).collect();
    let grid = Grid::new(&boxes, 20.0);
    let fields = Fields::new(params, terrain, colors, seed);
    for j in 0..terrain.ys.len() - 1 {
        for i in 0..terrain.xs.len() - 1 {
            let corner = |a: usize, b: usize| Vec2::new(terrain.xs[i + a], terrain.ys[j + b]);
            let node = |a: usize, b: usize| {
                (
                    corner(a, b).extend(terrain.node(i + a, j + b)),
                    terrain.node_normal(i + a, j + b),
                )
            };
            let material = fields.at(i, j);
            let roads = grid.touching(corner(0, 0), corner(1, 1));
            let mut clipped = false;
            for t in [
                [node(0, 0), node(1, 0), node(1, 1)],
                [node(0, 0), node(1, 1), node(0, 1)],
            ] {
                let triangle = t.map(|(p, _)| p.truncate());
                let (points, normals) = (t.map(|(p, _)| p), t.map(|(_, n)| n));
                let mut pieces = vec![triangle.to_vec()];
                for road in &roads {
                    let quad = &network.footprint[*road as usize];
                    pieces = pieces.into_iter().flat_map(|piece| without(piece, quad)).collect();
                }
                if let [whole] = &pieces[..]
                    && whole[..] == triangle[..]
                {
                    mesh.fan(material, &points, &normals);
                    continue;
                }
                clipped = true;
                for piece in pieces {
                    let lifted: Vec<Vec3> = piece.iter().map(|p| on_plane(points, *p)).collect();
                    let smooth = vec![(normals[0] + normals[1] + normals[2]).normalize_or(Vec3::Z); lifted.len()];
                    mesh.fan(material, &lifted, &smooth);
                }
            }
            if clipped {
                // Closes what slivers were dropped over.
                let low = |a: usize, b: usize| node(a, b).0 - Vec3::Z * 0.6;
                mesh.quad(colors.soil, low(0, 0), low(1, 0), low(1, 1), low(0, 1));
            }
        }
    }
}

/// What grows where: borders between fields lie on the lattice of the terrain.
struct Fields {
    columns: Vec<usize>,
    rows: Vec<usize>,
    kinds: Vec<Material>,
    seed: Seed,
    town: Option<Material>,
    inside: (std::ops::Range<usize>, std::ops::Range<usize>),
}

impl Fields {
    fn new(params: &RoadParams, terrain: &Terrain, colors: &Colors, seed: Seed) -> Self {
        let mut rng = seed.child("borders").rng();
        let mut bands = |coordinates: &[f32]| {
            let mut band = 0;
            let mut next = coordinates[0];
            let mut of = Vec::new();
            for v in coordinates {
                if *v >= next {
                    band += 1;
                    next = *v + rng.random_range(70.0..240.0);
                }
                of.push(band);
            }
            of
        };
        let (columns, rows) = (bands(&terrain.xs), bands(&terrain.ys));
        let field = |color: [f32; 3]| Material::matte(Semantic::Terrain, color).pattern(Pattern::Grass);
        let mut kinds = vec![
            colors.grass,
            colors.grass,
            field(srgb(98, 112, 52)),
            field(srgb(70, 90, 42)),
        ];
        if matches!(params.kind, RoadKind::Rural | RoadKind::Highway) {
            kinds.extend([
                field(srgb(176, 152, 88)),
                field(srgb(112, 88, 62)),
                field(srgb(140, 134, 62)),
            ]);
        }
        let town = (params.kind == RoadKind::Urban).then(|| {
            let yard = [colors.grass, colors.gravel, colors.soil, field(srgb(110, 106, 92))];
            yard[seed.child("yard").rng().random_range(0..yard.len())]
        });
        let built = |coordinates: &[f32]| {
            // The even part of the lattice is where the roads are.
            let step = coordinates
                .windows(2)
                .map(|w| w[1] - w[0])
                .fold(f32::INFINITY, f32::min);
            let even = |i: usize| coordinates.get(i + 1).is_some_and(|v| v - coordinates[i] < step * 1.2);
            let first = (0..coordinates.len()).find(|i| even(*i)).unwrap_or(0);
            first
                ..(first..coordinates.len())
                    .find(|i| !even(*i))
                    .unwrap_or(coordinates.len())
        };
        let inside = (built(&terrain.xs), built(&terrain.ys));
        Self {
            columns,
            rows,
            kinds,
            seed,
            town,
            inside,
        }
    }

    fn at(&self, i: usize, j: usize) -> Material {
        if let Some(town) = self.town
            && self.inside.0.contains(&i)
            && self.inside.1.contains(&j)
        {
            return town;
        }
        let (a, b) = (self.columns[i] as u64, self.rows[j] as u64);
        self.kinds[self.seed.index(a).index(b).value() as usize % self.kinds.len()]
    }
}

/// A convex polygon without another (counter-clockwise, corners may repeat): convex pieces.
fn without(piece: Vec<Vec2>, quad: &[Vec2; 4]) -> Vec<Vec<Vec2>> {
    let (low, high) = bounds(quad);
    let (a, b) = bounds(&piece);
    if a.cmpge(high).any() || b.cmple(low).any() || !super::roadside::overlap(&piece, quad) {
        return vec![piece];
    }
    let mut outside = Vec::new();
    let mut rest = piece;
    for i in 0..4 {
        let (p, q) = (quad[i], quad[(i + 1) % 4]);
        if p.distance_squared(q) < 1e-8 {
            continue;
        }
        let (inner, outer) = split(&rest, p, (q - p).normalize_or(Vec2::X));
        if area(&outer) > 2e-3 {
            outside.push(outer);
        }
        rest = inner;
        if rest.len() < 3 {
            break;
        }
    }
    outside
}

/// The parts of a convex polygon to the left and to the right of a line.
fn split(polygon: &[Vec2], origin: Vec2, along: Vec2) -> (Vec<Vec2>, Vec<Vec2>) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (i, a) in polygon.iter().enumerate() {
        let b = polygon[(i + 1) % polygon.len()];
        let (da, db) = (along.perp_dot(*a - origin), along.perp_dot(b - origin));
        if da >= 0.0 {
            left.push(*a);
        }
        if da <= 0.0 {
            right.push(*a);
        }
        if da * db < 0.0 {
            let cut = *a + (b - *a) * (da / (da - db));
            left.push(cut);
            right.push(cut);
        }
    }
    (left, right)
}

fn area(outline: &[Vec2]) -> f32 {
    (1..outline.len().saturating_sub(1))
        .map(|i| (outline[i] - outline[0]).perp_dot(outline[i + 1] - outline[0]))
        .sum::<f32>()
        / 2.0
}

fn on_plane([a, b, c]: [Vec3; 3], p: Vec2) -> Vec3 {
    let (ab, ac, ap) = ((b - a).truncate(), (c - a).truncate(), p - a.truncate());
    let area = ab.perp_dot(ac);
    let (v, w) = (ap.perp_dot(ac) / area, ab.perp_dot(ap) / area);
    p.extend(a.z + (b.z - a.z) * v + (c.z - a.z) * w)
}

/// Lays paint and repairs on the road.
struct Painter<'a> {
    mesh: &'a mut Mesh,
    terrain: &'a Terrain,
    colors: &'a Colors,
    wear: f32,
}

impl Painter<'_> {
    fn lay(&mut self, material: Material, outline: &[Vec2], above: f32) {
        let corners: Vec<Vec3> = outline
            .iter()
            .map(|p| p.extend(self.terrain.height(*p) + above))
            .collect();
        self.mesh.polygon(material, &corners);
    }

    /// How faded the next piece of paint is; `None` where nothing is left.
    fn shade(&self, rng: &mut impl Rng) -> Option<usize> {
        let gone = self.wear * (0.35 + 0.9 * rng.random::<f32>());
        (rng.random::<f32>() > 0.45 * self.wear * self.wear).then_some(((gone * 3.2) as usize).min(3))
    }

    fn stroke(&mut self, stroke: &Stroke, rng: &mut impl Rng) {
        let aside = stroke.width * 1.15;
        match stroke.kind {
            LineKind::None => {}
            LineKind::Solid => self.line(stroke, 0.0, false, rng),
            LineKind::Broken => self.line(stroke, 0.0, true, rng),
            LineKind::DoubleSolid => [aside, -aside]
                .into_iter()
                .for_each(|left| self.line(stroke, left, false, rng)),
            LineKind::SolidBroken => {
                self.line(stroke, aside, false, rng);
                self.line(stroke, -aside, true, rng);
            }
            LineKind::BrokenSolid => {
                self.line(stroke, aside, true, rng);
                self.line(stroke, -aside, false, rng);
            }
        }
    }

    fn line(&mut self, stroke: &Stroke, left: f32, broken: bool, rng: &mut impl Rng) {
        let path: Vec<Vec2> = stroke.path.iter().map(|p| p.truncate()).collect();
        let sides: Vec<Vec2> = (0..path.len())
            .map(|i| {
                let (a, b) = (path[i.saturating_sub(1)], path[(i + 1).min(path.len() - 1)]);
                (b - a).perp().normalize_or(Vec2::Y)
            })
            .collect();
        let (dash, gap) = (stroke.dash.0.max(0.1), stroke.dash.1.max(0.05));
        let period = dash + gap;
        let chip = if self.wear > 0.15 { 2.4 } else { 12.0 };
        let mut start = 0.0_f32;
        for i in 0..path.len().saturating_sub(1) {
            let length = path[i].distance(path[i + 1]);
            let mut s = 0.0;
            while s < length - 0.02 {
                // To the next border between dash and gap, and not further than a chip.
                let phase = (start + s).rem_euclid(period);
                let painted = !broken || phase < dash - 1e-3;
                let border = if !broken {
                    f32::INFINITY
                } else if painted {
                    dash - phase
                } else {
                    period - phase
                };
                let end = (s + border.max(0.02)).min(s + chip).min(length);
                if painted && let Some(shade) = self.shade(rng) {
                    let at = |s: f32, off: f32| {
                        let t = s / length;
                        path[i].lerp(path[i + 1], t) + sides[i].lerp(sides[i + 1], t) * off
                    };
                    let (l, r) = (left + stroke.width / 2.0, left - stroke.width / 2.0);
                    let paint = if stroke.yellow {
                        &self.colors.yellow
                    } else {
                        &self.colors.paint
                    };
                    self.lay(paint[shade], &[at(s, r), at(end, r), at(end, l), at(s, l)], PAINT);
                }
                s = end;
            }
            start += length;
        }
    }

    fn mark(&mut self, outline: &[Vec2], rng: &mut impl Rng) {
        if let Some(shade) = self.shade(rng) {
            self.lay(self.colors.paint[shade], outline, PAINT);
        }
    }

    /// Rectangles of other asphalt, and manhole covers.
    fn repairs(&mut self, network: &RoadNetwork, rng: &mut impl Rng) {
        for lane in network.lanes_of(LaneKind::Driving) {
            if lane.junction.is_some() || lane.center.length() < 12.0 {
                continue;
            }
            let patches = (lane.center.length() * self.wear / 22.0 + rng.random::<f32>()) as usize;
            for _ in 0..patches {
                let (half_length, half_width) = (rng.random_range(0.5..3.0_f32), rng.random_range(0.3..1.1_f32));
                let s = rng.random_range(4.0..lane.center.length() - 4.0);
                let off = rng.random_range(-0.5..0.5_f32);
                let place = lane.center.at(s);
                let (origin, ahead) = (
                    place.position.truncate(),
                    place.tangent.truncate().normalize_or(Vec2::X),
                );
                let at = |x: f32, y: f32| origin + ahead * x * half_length + ahead.perp() * (off + y * half_width);
                self.lay(
                    self.colors.repair,
                    &[at(-1.0, -1.0), at(1.0, -1.0), at(1.0, 1.0), at(-1.0, 1.0)],
                    PAINT / 2.0,
                );
            }
            if rng.random::<f32>() < 0.4 {
                let place = lane.center.at(rng.random_range(5.0..lane.center.length() - 5.0));
                let origin = place.position.truncate();
                let ring: Vec<Vec2> = (0..8)
                    .map(|i| {
                        let (sin, cos) = (f64::from(i) * std::f64::consts::TAU / 8.0).sin_cos();
                        origin + Vec2::new(cos as f32, sin as f32) * 0.32
                    })
                    .collect();
                self.lay(self.colors.iron, &ring, PAINT * 0.6);
            }
        }
    }
}

/// Guard rails: a beam with a bead along its middle, and a post every 4 m.
fn rails(network: &RoadNetwork) -> Mesh {
    let mut mesh = Mesh::new();
    let steel = Material::metal(Semantic::Barrier, srgb(150, 154, 158));
    let profile = [(0.0, 0.44), (0.06, 0.52), (0.0, 0.595), (0.06, 0.67), (0.0, 0.75)];
    for rail in &network.rails {
        let sections: Vec<Vec<Vec3>> = rail
            .arc()
            .iter()
            .map(|s| {
                let p = rail.at(*s);
                profile
                    .iter()
                    .map(|(out, up)| p.position + p.left() * *out + Vec3::Z * *up)
                    .collect()
            })
            .collect();
        mesh.loft(steel, &sections, false);
        let posts = (rail.length() / 4.0) as usize;
        for i in 0..posts {
            let p = rail.at((i as f32 + 0.5) * 4.0);
            let (along, across) = (p.left().cross(Vec3::Z) * 0.05, p.left() * 0.05);
            let foot = p.position - p.left() * 0.06;
            for side in [along, across] {
                let up = Vec3::Z * 0.7;
                mesh.quad(steel, foot - side, foot + side, foot + side + up, foot - side + up);
            }
        }
    }
    mesh
}
