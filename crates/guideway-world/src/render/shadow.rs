//! Shadows of the sun. Its rays are parallel, so everything is turned once into a frame whose third axis points to the sun: there a
//! ray is a point (u, v) with a height w, boxes hug what they hold, and a triangle is three lines and a plane.

use std::sync::OnceLock;

use glam::{Affine3A, Mat3, Vec3};
use multiversion::multiversion;

use super::bvh::{Meets, Tree, Tree8, Tri, Visit};
use super::eight::{Node8, Stack, refit};
use super::lanes::{F8, LANES, M8, V8, each};
use super::scene::{Moving, Placed, Standing};
use super::trace::{GROUPS, turn};
use crate::material::Semantic;

/// How far above a point something must be to shade it, m.
const BIAS: f32 = 1e-3;

/// A triangle in the sun's frame: inside where all three `x u + y v + z` are at least 0; its height there is `plane`'s.
#[derive(Debug, Clone, Copy)]
struct Blocker {
    lines: [Vec3; 3],
    plane: Vec3,
    low: Vec3,
    high: Vec3,
}

impl Blocker {
    fn new(turned: &Tri) -> Self {
        let (a, b, c) = (turned.a, turned.b, turned.c);
        let n = turned.normal;
        let sign = if n.z < 0.0 { -1.0 } else { 1.0 };
        let line = |p: Vec3, q: Vec3| {
            let (x, y) = ((p.y - q.y) * sign, (q.x - p.x) * sign);
            // Through the middle of the edge: the same for both triangles that share it, but for the sign.
            Vec3::new(x, y, -(x * (p.x + q.x) + y * (p.y + q.y)) * 0.5)
        };
        // Triangles that the sun sees edge on shade nothing.
        let none = Vec3::new(0.0, 0.0, f32::NEG_INFINITY);
        let plane = if n.z == 0.0 {
            none
        } else {
            Vec3::new(-n.x / n.z, -n.y / n.z, n.dot(a) / n.z)
        };
        Self {
            lines: [line(a, b), line(b, c), line(c, a)],
            plane,
            low: turned.low(),
            high: turned.high(),
        }
    }
}

/// `x u + y v + z` of a line or a plane.
#[inline(always)]
fn along(p: &V8, line: Vec3) -> F8 {
    p.x * line.x + p.y * line.y + F8::splat(line.z)
}

/// Trees and triangles in the sun's frame.
#[derive(Debug, Default)]
pub(crate) struct Blockers {
    nodes: Vec<Node8>,
    tris: Vec<Blocker>,
}

impl Blockers {
    /// A mover's, in the places of their originals, with boxes fitted anew.
    #[cold]
    fn placed(placed: &Placed, sun_from_world: Mat3) -> Self {
        let turned = |t: &Tri| {
            Blocker::new(&Tri::new([
                sun_from_world * t.a,
                sun_from_world * t.b,
                sun_from_world * t.c,
            ]))
        };
        let tris: Vec<Blocker> = placed.tris.iter().map(turned).collect();
        let mut nodes = placed.nodes.clone();
        refit(&mut nodes, |i| (tris[i].low, tris[i].high));
        Self { nodes, tris }
    }
}

/// A mover's box in the sun's frame, and what is in it once a point asked.
#[derive(Debug)]
struct Caster {
    low: Vec3,
    high: Vec3,
    index: usize,
    blockers: OnceLock<Blockers>,
}

/// Everything that shades something.
#[derive(Debug)]
pub(crate) struct Sunlight<'a> {
    sun_from_world: Mat3,
    standing: &'a Blockers,
    casters: Vec<Caster>,
    /// A tree over the casters' boxes.
    top: Tree,
    movers: &'a Moving,
}

/// Places in what stands that shaded the last tiles: neighbours are often in the same shadow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hint {
    places: [u32; 4],
    next: usize,
}

impl Default for Hint {
    fn default() -> Self {
        Self {
            places: [u32::MAX; 4],
            next: 0,
        }
    }
}

impl Hint {
    fn note(&mut self, place: u32) {
        if !self.places.contains(&place) {
            self.places[self.next] = place;
            self.next = (self.next + 1) % self.places.len();
        }
    }
}

/// The frame of a sun in this direction.
pub(crate) fn sun_from_world(towards: Vec3) -> Mat3 {
    let (u, v) = towards.any_orthonormal_pair();
    Mat3::from_cols(u, v, towards).transpose()
}

impl Blockers {
    /// What stands, but for the ground: it lies below whatever it might shade, but for hills at sunset; and every ray to the sun
    /// starts on it.
    pub(crate) fn standing(standing: &Standing, towards: Vec3) -> Self {
        let sun_from_world = sun_from_world(towards);
        let corners: Vec<[Vec3; 3]> = standing
            .tris
            .iter()
            .zip(&standing.owners)
            .filter(|(_, owner)| {
                let shape = &standing.instances[owner.instance as usize].shape;
                let material = shape.material(shape.faces[owner.face as usize].material);
                !matches!(
                    material.semantic,
                    Semantic::Road | Semantic::LaneMarking | Semantic::Sidewalk | Semantic::Terrain
                )
            })
            .map(|(t, _)| [t.a, t.b, t.c].map(|p| sun_from_world * p))
            .collect();
        let Tree8 { mut nodes, order } = Tree8::of_triangles_from_above(&corners);
        let tris: Vec<Blocker> = order
            .iter()
            .map(|i| Blocker::new(&Tri::new(corners[*i as usize])))
            .collect();
        refit(&mut nodes, |i| (tris[i].low, tris[i].high));
        Self { nodes, tris }
    }
}

impl<'a> Sunlight<'a> {
    pub(crate) fn new(standing: &'a Blockers, movers: &'a Moving, towards: Vec3) -> Self {
        let sun_from_world = sun_from_world(towards);
        let turn = Affine3A::from_mat3(sun_from_world);
        let casters: Vec<Caster> = movers
            .movers
            .iter()
            .enumerate()
            .filter_map(|(index, mover)| {
                let parts = movers.instances[mover.parts.clone()]
                    .iter()
                    .zip(&movers.parts[mover.parts.clone()]);
                let (low, high) = parts
                    .map(|(instance, part)| instance.shape.bounds(turn * part.world_from_mesh))
                    .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
                Some(Caster {
                    low,
                    high,
                    index,
                    blockers: OnceLock::new(),
                })
            })
            .collect();
        let boxes: Vec<(Vec3, Vec3)> = casters.iter().map(|c| (c.low, c.high)).collect();
        Self {
            sun_from_world,
            standing,
            top: Tree::of_boxes(&boxes),
            casters,
            movers,
        }
    }
}

/// Points of a tile in the sun's frame, and the bounds of each group of lanes: lane k of a bound is group k's.
struct Asking<'a> {
    points: [V8; GROUPS],
    dark: &'a mut [M8; GROUPS],
    low: V8,
    high_u: F8,
    high_v: F8,
    /// Bounds of all groups.
    lowest: Vec3,
    highest_u: f32,
    highest_v: f32,
}

/// Marks the points that something hides from the sun, the ego vehicle's shadow included. Points are relative to `origin`; those that
/// are `dark` already do not ask.
#[multiversion(targets("x86_64+avx+avx2"))]
pub(crate) fn shade<'a>(
    light: &Sunlight<'a>,
    origin: Vec3,
    points: &[V8; GROUPS],
    dark: &mut [M8; GROUPS],
    dt: f32,
    hint: &mut Hint,
) {
    shade_plain(light, origin, points, dark, dt, hint);
}

#[inline(always)]
pub(crate) fn shade_plain(
    light: &Sunlight<'_>,
    origin: Vec3,
    points: &[V8; GROUPS],
    dark: &mut [M8; GROUPS],
    dt: f32,
    hint: &mut Hint,
) {
    let rotation = light.sun_from_world.into();
    let place = V8::splat(light.sun_from_world * origin);
    let turned = each!(|g| turn(rotation, &points[g]) + place);
    let mut asking = Asking::new(turned, dark);
    for place in hint.places {
        if let Some(blocker) = light.standing.tris.get(place as usize) {
            asking.shaded_by(blocker);
        }
    }
    if !asking.any() {
        return;
    }
    // One call for what stands and for each mover: the walk is large, and is compiled into this place once.
    let mut visit = Visit::new(&light.top);
    let most = Vec3::splat(light.movers.reach * dt.abs() * 3.0);
    let mut blockers = light.standing;
    let mut roots: &[u32] = &[0];
    let mut own = Some(hint);
    let mut stack = Stack::new();
    loop {
        for root in roots {
            asking.walk(&blockers.nodes, *root, &blockers.tris, &mut own, &mut stack);
        }
        if !asking.any() {
            return;
        }
        own = None;
        loop {
            let Some(index) = visit.next(&asking, most) else {
                return;
            };
            let caster = &light.casters[index as usize];
            let mover = &light.movers.movers[caster.index];
            let still = dt == 0.0 || mover.motion.is_still();
            let pad = if still {
                Vec3::ZERO
            } else {
                Vec3::splat(mover.pad(dt).element_sum())
            };
            if !asking.meets(caster.low - pad, caster.high + pad) {
                continue;
            }
            let placed = light.movers.placed(caster.index);
            roots = &placed.roots;
            blockers = caster
                .blockers
                .get_or_init(|| Blockers::placed(placed, light.sun_from_world));
            if still {
                break;
            }
            // Points where they are seen from the mover as it was at the snapshot.
            let frame = mover.motion.snapshot_from_then(dt);
            let turn_then = (light.sun_from_world * glam::Mat3::from(frame.matrix3)).into();
            let place = V8::splat(light.sun_from_world * frame.transform_point3(origin));
            let then = each!(|g| turn(turn_then, &points[g]) + place);
            let now = asking.points;
            asking.points = then;
            asking.bound();
            for root in roots {
                asking.walk_again(&blockers.nodes, *root, &blockers.tris, &mut stack);
            }
            asking.points = now;
            asking.bound();
            if !asking.any() {
                return;
            }
        }
    }
}

impl Meets for Asking<'_> {
    #[inline(always)]
    fn meets(&self, low: Vec3, high: Vec3) -> bool {
        self.groups(low, high).any()
    }
}

impl<'a> Asking<'a> {
    #[expect(clippy::large_types_passed_by_value, reason = "inlined, and kept")]
    #[inline(always)]
    fn new(points: [V8; GROUPS], dark: &'a mut [M8; GROUPS]) -> Self {
        let mut out = Self {
            points,
            dark,
            low: V8::default(),
            high_u: F8::ZERO,
            high_v: F8::ZERO,
            lowest: Vec3::ZERO,
            highest_u: 0.0,
            highest_v: 0.0,
        };
        out.bound();
        out
    }

    /// Bounds of the points that still ask, by group. A group without any gets bounds that nothing meets.
    #[inline(always)]
    fn bound(&mut self) {
        self.bound_groups((1 << GROUPS) - 1);
    }

    /// The same after some groups, as bits, have changed.
    #[inline(always)]
    fn bound_groups(&mut self, mut changed: u32) {
        while changed != 0 {
            self.bound_group(changed.trailing_zeros() as usize & (GROUPS - 1));
            changed &= changed - 1;
        }
        self.lowest = Vec3::new(self.low.x.lowest(), self.low.y.lowest(), self.low.z.lowest());
        (self.highest_u, self.highest_v) = (self.high_u.highest(), self.high_v.highest());
    }

    #[inline(always)]
    fn bound_group(&mut self, g: usize) {
        let (none, all) = (F8::splat(f32::INFINITY), F8::splat(f32::NEG_INFINITY));
        let (p, d) = (&self.points[g], self.dark[g]);
        self.low.x.0[g] = d.pick(none, p.x).lowest();
        self.low.y.0[g] = d.pick(none, p.y).lowest();
        self.low.z.0[g] = d.pick(none, p.z).lowest();
        self.high_u.0[g] = d.pick(all, p.x).highest();
        self.high_v.0[g] = d.pick(all, p.y).highest();
    }

    /// The groups for which a box may stand before the sun.
    #[inline(always)]
    fn groups(&self, min: Vec3, max: Vec3) -> M8 {
        self.low.x.le(F8::splat(max.x))
            & self.low.y.le(F8::splat(max.y))
            & self.low.z.lt(F8::splat(max.z))
            & self.high_u.ge(F8::splat(min.x))
            & self.high_v.ge(F8::splat(min.y))
    }

    /// Do some points still ask?
    #[inline(always)]
    fn any(&self) -> bool {
        self.lowest.x < f32::INFINITY
    }

    /// Tests one triangle.
    #[inline(always)]
    fn shaded_by(&mut self, tri: &Blocker) -> bool {
        let found = self.triangle(tri);
        if found != 0 {
            self.bound_groups(found);
        }
        found != 0
    }

    #[inline(never)]
    fn walk_again(&mut self, nodes: &[Node8], root: u32, tris: &[Blocker], stack: &mut Stack) {
        self.walk(nodes, root, tris, &mut None, stack);
    }

    /// The boxes of a node that may stand before the sun, as bits.
    #[inline(always)]
    fn boxes(&self, node: &Node8) -> u32 {
        let near = node.x[1].ge(F8::splat(self.lowest.x))
            & node.y[1].ge(F8::splat(self.lowest.y))
            & node.z[1].gt(F8::splat(self.lowest.z))
            & node.x[0].le(F8::splat(self.highest_u))
            & node.y[0].le(F8::splat(self.highest_v));
        let (mut left, mut lanes) = (near.bits(), 0);
        while left != 0 {
            let lane = left.trailing_zeros() as usize & (LANES - 1);
            left &= left - 1;
            lanes |= u32::from(self.meets(node.low(lane), node.high(lane))) << lane;
        }
        lanes
    }

    /// Everything below `root`; what shades is noted in `hint`.
    #[inline(always)]
    fn walk(&mut self, nodes: &[Node8], root: u32, tris: &[Blocker], hint: &mut Option<&mut Hint>, stack: &mut Stack) {
        stack.begin();
        let mut next = nodes.get(root as usize);
        loop {
            if let Some(node) = next {
                stack.push(node, self.boxes(node), &F8::ZERO);
            }
            let Some(waiting) = stack.pop(0.0) else {
                return;
            };
            next = None;
            if waiting.count == 0 {
                next = Some(&nodes[waiting.first as usize]);
                continue;
            }
            let first = waiting.first as usize;
            let mut changed = 0;
            for (i, tri) in tris[first..first + waiting.count as usize].iter().enumerate() {
                let found = self.triangle(tri);
                if found != 0
                    && let Some(hint) = hint
                {
                    hint.note((first + i) as u32);
                }
                changed |= found;
            }
            if changed != 0 {
                self.bound_groups(changed);
                if !self.any() {
                    return;
                }
            }
        }
    }

    /// The groups, as bits, in which the triangle shades a point.
    #[inline(always)]
    fn triangle(&mut self, tri: &Blocker) -> u32 {
        let mut left = self.groups(tri.low, tri.high).bits();
        let mut changed = 0;
        while left != 0 {
            let g = left.trailing_zeros() as usize & (GROUPS - 1);
            left &= left - 1;
            let p = &self.points[g];
            let inside = along(p, tri.lines[0])
                .min(along(p, tri.lines[1]))
                .min(along(p, tri.lines[2]))
                .ge(F8::ZERO);
            let above = along(p, tri.plane).gt(p.z + F8::splat(BIAS));
            let hit = inside & above;
            if hit.any() {
                changed |= 1 << g;
                self.dark[g] = self.dark[g] | hit;
            }
        }
        changed
    }
}
