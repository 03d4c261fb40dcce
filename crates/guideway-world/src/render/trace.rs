//! Walks through the trees: a tile of camera rays at once, a tile's shadow rays at once, eight free rays at once.
//!
//! A triangle is met by the sign of the ray's moments about its edges (Plücker coordinates, in the antisymmetric form
//! `d · ((b − c) × (b + c))` with corners relative to the origin): neighbours share the exact number, so no ray slips between
//! them. Rays of a tile have one origin, so the cross products are computed once for 64 rays.

use glam::{Affine3A, Vec3};

use super::bvh::{Meets, Node, STACK, Tri};
use super::lanes::{F8, LANES, M8, V8, each};

/// Side of a tile, px.
pub(crate) const TILE: usize = 8;
/// Groups of lanes in a tile.
pub(crate) const GROUPS: usize = TILE * TILE / LANES;
/// No triangle.
pub(crate) const MISS: u32 = u32::MAX;
/// Bit of triangles that move.
pub(crate) const MOVING: u32 = 1 << 31;

/// Eight half-spaces `n · p + offset >= limit` that enclose the rays of a tile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Volume {
    positive: V8,
    negative: V8,
    offset: F8,
    limit: F8,
}

/// The lane of the half-space before the farthest ray's end: its limit is that distance, negative.
const NEAR: usize = 5;

impl Volume {
    #[inline(always)]
    pub(crate) fn new(planes: [(Vec3, f32); LANES]) -> Self {
        Self {
            positive: V8::gather(each!(|i| planes[i].0.max(Vec3::ZERO))),
            negative: V8::gather(each!(|i| planes[i].0.min(Vec3::ZERO))),
            offset: F8(each!(|i| planes[i].1)),
            limit: F8::ZERO,
        }
    }

    /// How far a box reaches into each half-space.
    #[inline(always)]
    fn reach(&self, min: Vec3, max: Vec3) -> F8 {
        self.positive.x * max.x
            + self.negative.x * min.x
            + (self.positive.y * max.y + self.negative.y * min.y)
            + (self.positive.z * max.z + self.negative.z * min.z)
            + self.offset
    }

    #[inline(always)]
    pub(crate) fn meets(&self, min: Vec3, max: Vec3) -> bool {
        self.reach(min, max).ge(self.limit).all()
    }
}

/// 64 rays of one origin.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    pub(crate) origin: Vec3,
    pub(crate) dirs: [V8; GROUPS],
    /// Distance to what was met so far; below 0 for lanes without a ray.
    pub(crate) t: [F8; GROUPS],
    pub(crate) hit: [[u32; LANES]; GROUPS],
    pub(crate) cone: Cone,
    volume: Volume,
}

/// A pyramid around the directions of a tile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cone {
    pub(crate) axis: Vec3,
    pub(crate) sides: [Vec3; 4],
    /// Its four corners, twice.
    pub(crate) corners: V8,
    /// The directions spread too far for a pyramid: it holds everything.
    pub(crate) open: bool,
}

impl Cone {
    /// Around directions (of any length, not zero); `None` without any.
    pub(crate) fn around(dirs: impl Iterator<Item = Vec3> + Clone) -> Option<Self> {
        let sum = dirs.clone().fold(Vec3::ZERO, |sum, d| sum + d.normalize_or_zero());
        let axis = sum.try_normalize()?;
        let (u, v) = axis.any_orthonormal_pair();
        let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        let mut open = false;
        for d in dirs {
            let along = d.dot(axis);
            // Beyond 72 degrees from the axis.
            open |= along <= 0.3 * d.length();
            let place = [d.dot(u) / along, d.dot(v) / along];
            for k in 0..2 {
                low[k] = low[k].min(place[k]);
                high[k] = high[k].max(place[k]);
            }
        }
        for k in 0..2 {
            let slack = 1e-6 + 1e-5 * (high[k] - low[k]).abs();
            low[k] -= slack;
            high[k] += slack;
        }
        let corner = |a: f32, b: f32| axis + u * a + v * b;
        Some(Self {
            axis,
            sides: [
                u - axis * low[0],
                axis * high[0] - u,
                v - axis * low[1],
                axis * high[1] - v,
            ],
            corners: V8::gather(each!(|i| corner(
                if i & 1 == 0 { low[0] } else { high[0] },
                if i & 2 == 0 { low[1] } else { high[1] },
            ))),
            open,
        })
    }

    #[inline(always)]
    pub(crate) fn turned(&self, rotation: glam::Mat3A) -> Self {
        Self {
            axis: rotation * self.axis,
            sides: each!(|i| rotation * self.sides[i]),
            corners: turn(rotation, &self.corners),
            open: self.open,
        }
    }

    #[inline(always)]
    fn volume(&self, origin: Vec3) -> Volume {
        // World coordinates reach a kilometre and more; their rounding must not cut anything off.
        let slack = 1e-4 + 2e-6 * origin.abs().element_sum();
        let plane = |n: Vec3| (n, slack - n.dot(origin));
        let any = (Vec3::ZERO, 1.0);
        if self.open {
            return Volume::new([any; LANES]);
        }
        Volume::new([
            plane(self.sides[0]),
            plane(self.sides[1]),
            plane(self.sides[2]),
            plane(self.sides[3]),
            plane(self.axis),
            plane(-self.axis),
            any,
            any,
        ])
    }
}

impl Tile {
    /// Rays that have met nothing yet. `t` is how far each looks.
    #[expect(clippy::large_types_passed_by_value, reason = "kept, not copied again")]
    #[inline(always)]
    pub(crate) fn new(origin: Vec3, dirs: [V8; GROUPS], t: [F8; GROUPS], cone: Cone) -> Self {
        let mut tile = Self {
            origin,
            dirs,
            t,
            hit: [[MISS; LANES]; GROUPS],
            volume: Volume::new([(Vec3::ZERO, 1.0); LANES]),
            cone,
        };
        tile.volume = cone.volume(origin);
        tile.shorten();
        tile
    }

    /// The lanes of a group that met something.
    #[inline(always)]
    pub(crate) fn met(&self, group: usize) -> M8 {
        M8(each!(|i| if self.hit[group][i] == MISS { 0 } else { u32::MAX }))
    }

    /// Boxes beyond the end of every ray are of no interest.
    #[inline(always)]
    pub(crate) fn shorten(&mut self) {
        if !self.cone.open {
            self.volume.limit.0[NEAR] = -self.far();
        }
    }

    #[inline(always)]
    fn far(&self) -> f32 {
        let mut far = self.t[0];
        for t in &self.t[1..] {
            far = far.max(*t);
        }
        far.highest()
    }

    /// The same rays seen from a moved frame.
    #[inline(always)]
    pub(crate) fn moved(&self, frame: Affine3A) -> Self {
        let rotation = frame.matrix3;
        let dirs = each!(|g| turn(rotation, &self.dirs[g]));
        let mut tile = Self::new(
            frame.transform_point3(self.origin),
            dirs,
            self.t,
            self.cone.turned(rotation),
        );
        tile.hit = self.hit;
        tile
    }

    /// Everything below `root`; `number` is that of the first of `tris`.
    #[inline(always)]
    pub(crate) fn walk(&mut self, nodes: &[Node], root: u32, tris: &[Tri], number: u32) {
        let Some(top) = nodes.get(root as usize) else {
            return;
        };
        if !self.meets(top.min, top.max) {
            return;
        }
        let mut stack = [(0_u32, 0.0_f32); STACK];
        let mut depth = 0;
        let mut at = root;
        loop {
            let node = &nodes[at as usize];
            if node.count > 0 {
                let first = node.first as usize;
                let mut changed = false;
                for (i, tri) in tris[first..first + node.count as usize].iter().enumerate() {
                    changed |= self.triangle(tri, (first + i) as u32 + number);
                }
                if changed {
                    self.shorten();
                }
            } else {
                let (a, b) = (&nodes[node.first as usize], &nodes[node.first as usize + 1]);
                let (ra, rb) = (self.volume.reach(a.min, a.max), self.volume.reach(b.min, b.max));
                let (in_a, in_b) = (ra.ge(self.volume.limit).all(), rb.ge(self.volume.limit).all());
                let (near_a, near_b) = (-ra.0[NEAR], -rb.0[NEAR]);
                if in_a && in_b {
                    let (near, later, distance) = if near_a <= near_b {
                        (node.first, node.first + 1, near_b)
                    } else {
                        (node.first + 1, node.first, near_a)
                    };
                    stack[depth] = (later, distance);
                    depth += 1;
                    at = near;
                    continue;
                }
                if in_a || in_b {
                    at = node.first + u32::from(in_b);
                    continue;
                }
            }
            loop {
                if depth == 0 {
                    return;
                }
                depth -= 1;
                let (next, distance) = stack[depth];
                if -distance >= self.volume.limit.0[NEAR] {
                    at = next;
                    break;
                }
            }
        }
    }

    /// Tests one triangle; tells whether some ray now ends on it.
    #[inline(always)]
    fn triangle(&mut self, tri: &Tri, number: u32) -> bool {
        let (a, b, c) = (tri.a - self.origin, tri.b - self.origin, tri.c - self.origin);
        let distance = a.dot(tri.normal);
        if distance == 0.0 {
            return false;
        }
        let sign = if distance < 0.0 { -1.0 } else { 1.0 };
        let edges = [
            (b - c).cross(b + c) * sign,
            (c - a).cross(c + a) * sign,
            (a - b).cross(a + b) * sign,
        ];
        if !self.cone.open {
            let beside = |e: Vec3| self.cone.corners.dot_vec(e).lt(F8::ZERO).all();
            if beside(edges[0]) | beside(edges[1]) | beside(edges[2]) {
                return false;
            }
        }
        let normal = tri.normal * sign;
        let distance = F8::splat(distance * sign);
        let mut changed = false;
        for group in 0..GROUPS {
            let d = &self.dirs[group];
            let inside = d
                .dot_vec(edges[0])
                .min(d.dot_vec(edges[1]))
                .min(d.dot_vec(edges[2]))
                .ge(F8::ZERO);
            if !inside.any() {
                continue;
            }
            let t = distance.div(d.dot_vec(normal));
            let nearer = inside & t.lt(self.t[group]) & t.gt(F8::ZERO);
            if nearer.any() {
                self.t[group] = nearer.pick(t, self.t[group]);
                self.hit[group] = nearer.pick_index(number, self.hit[group]);
                changed = true;
            }
        }
        changed
    }
}

impl Meets for Tile {
    #[inline(always)]
    fn meets(&self, low: Vec3, high: Vec3) -> bool {
        self.volume.meets(low, high)
    }
}

#[inline(always)]
pub(crate) fn turn(rotation: glam::Mat3A, v: &V8) -> V8 {
    let (x, y, z) = (rotation.x_axis, rotation.y_axis, rotation.z_axis);
    V8 {
        x: v.x * x.x + v.y * y.x + v.z * z.x,
        y: v.x * x.y + v.y * y.y + v.z * z.y,
        z: v.x * x.z + v.y * y.z + v.z * z.z,
    }
}
