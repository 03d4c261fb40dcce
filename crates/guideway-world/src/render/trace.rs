//! Walks through the trees: a tile of camera rays at once, a tile's shadow rays at once, eight free rays at once.
//!
//! A triangle is met by the sign of the ray's moments about its edges (Plücker coordinates, in the antisymmetric form
//! `d · ((b − c) × (b + c))` with corners relative to the origin): neighbours share the exact number, so no ray slips between
//! them. Rays of a tile have one origin, so the cross products are computed once for 64 rays.

use glam::{Affine3A, Vec3};

use super::bvh::{Meets, Tri};
use super::eight::{Node8, Stack};
use super::lanes::{F8, LANES, M8, V8, each};

/// Side of a tile, px.
pub(crate) const TILE: usize = 8;
/// Groups of lanes in a tile.
pub(crate) const GROUPS: usize = TILE * TILE / LANES;
/// No triangle.
pub(crate) const MISS: u32 = u32::MAX;
/// Bit of triangles that move.
pub(crate) const MOVING: u32 = 1 << 31;

/// Eight half-spaces `n · p + offset >= limit` that enclose the rays of a bundle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Volume {
    positive: V8,
    negative: V8,
    offset: F8,
    limit: F8,
    /// Those that are used, one by one.
    planes: [Plane; USED],
}

/// A half-space, and for each axis whether the upper end of a box reaches farthest into it.
#[derive(Debug, Clone, Copy)]
struct Plane {
    normal: Vec3,
    offset: f32,
    upper: [bool; 3],
}

impl Default for Plane {
    #[inline(always)]
    fn default() -> Self {
        Self {
            normal: Vec3::ZERO,
            offset: 0.0,
            upper: [false; 3],
        }
    }
}

impl Plane {
    #[inline(always)]
    fn new((normal, offset): (Vec3, f32)) -> Self {
        Self {
            normal,
            offset,
            upper: [normal.x > 0.0, normal.y > 0.0, normal.z > 0.0],
        }
    }
}

/// Half-spaces that bound something.
const USED: usize = 6;

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
            planes: each!(|i| Plane::new(planes[i])),
        }
    }

    /// Nothing that begins farther away along the axis is of interest.
    #[inline(always)]
    pub(crate) fn end(&mut self, far: f32) {
        self.limit.0[NEAR] = -far;
    }

    #[inline(always)]
    pub(crate) fn far(&self) -> f32 {
        -self.limit.0[NEAR]
    }

    /// Which boxes of a node reach into all half-spaces, as bits, and how far away along the axis each is.
    #[inline(always)]
    pub(crate) fn boxes(&self, node: &Node8) -> (u32, F8) {
        let mut meets = M8::splat(true);
        let mut near = F8::ZERO;
        for (i, plane) in self.planes.iter().enumerate() {
            let (n, [x, y, z]) = (plane.normal, plane.upper);
            let reach = node.x[usize::from(x)] * n.x
                + node.y[usize::from(y)] * n.y
                + node.z[usize::from(z)] * n.z
                + plane.offset;
            meets = meets & reach.ge(F8::splat(self.limit.0[i]));
            if i == NEAR {
                near = -reach;
            }
        }
        (meets.bits(), near)
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

    /// Around the directions of eight rays, of those that `used` marks: flat where they lie in a plane.
    #[inline(always)]
    pub(crate) fn fan(dirs: &V8, used: M8) -> Self {
        let length = dirs.length().max(F8::splat(f32::MIN_POSITIVE));
        let unit = used.pick(F8::splat(1.0).div(length), F8::ZERO);
        let sum = Vec3::new(
            (dirs.x * unit).total(),
            (dirs.y * unit).total(),
            (dirs.z * unit).total(),
        );
        let axis = sum.normalize_or(Vec3::Z);
        let along = dirs.dot_vec(axis);
        // Beyond 72 degrees from the axis.
        let open = (used & along.le(length * 0.3)).any();
        let ahead = along.max(F8::splat(f32::MIN_POSITIVE));
        let beside = V8 {
            x: dirs.x.div(ahead) - F8::splat(axis.x),
            y: dirs.y.div(ahead) - F8::splat(axis.y),
            z: dirs.z.div(ahead) - F8::splat(axis.z),
        };
        // One side runs along the widest spread.
        let spread = used.pick(beside.dot(&beside), F8::ZERO);
        let most = spread.highest();
        let lane = spread.ge(F8::splat(most)).bits().trailing_zeros();
        let u = beside.lane(lane as usize & (LANES - 1));
        let u = u - axis * u.dot(axis);
        let u = if most > 1e-16 {
            u.normalize_or_zero()
        } else {
            Vec3::ZERO
        };
        let u = if u == Vec3::ZERO {
            axis.any_orthonormal_vector()
        } else {
            u
        };
        let v = axis.cross(u);
        let (low_u, high_u) = slopes(beside.dot_vec(u), used);
        let (low_v, high_v) = slopes(beside.dot_vec(v), used);
        Self {
            axis,
            sides: [u - axis * low_u, axis * high_u - u, v - axis * low_v, axis * high_v - v],
            corners: V8::default(),
            open,
        }
    }

    /// Holds rays from these origins, of those that `used` marks.
    #[inline(always)]
    pub(crate) fn volume_from(&self, origins: &V8, used: M8) -> Volume {
        let none = F8::splat(f32::INFINITY);
        let size = used.pick(origins.x.abs() + origins.y.abs() + origins.z.abs(), F8::ZERO);
        let slack = 1e-4 + 2e-6 * size.highest();
        let normals = self.normals();
        self.planes(each!(|i| slack - used.pick(origins.dot_vec(normals[i]), none).lowest()))
    }

    /// Normals of the half-spaces around the rays.
    #[inline(always)]
    fn normals(&self) -> [Vec3; USED] {
        let [a, b, c, d] = self.sides;
        [a, b, c, d, self.axis, -self.axis]
    }

    #[inline(always)]
    fn volume(&self, origin: Vec3) -> Volume {
        // World coordinates reach a kilometre and more; their rounding must not cut anything off.
        let slack = 1e-4 + 2e-6 * origin.abs().element_sum();
        let normals = self.normals();
        self.planes(each!(|i| slack - normals[i].dot(origin)))
    }

    #[inline(always)]
    fn planes(&self, offsets: [f32; USED]) -> Volume {
        let any = (Vec3::ZERO, 1.0);
        if self.open {
            return Volume::new([any; LANES]);
        }
        let (n, o) = (self.normals(), offsets);
        Volume::new([
            (n[0], o[0]),
            (n[1], o[1]),
            (n[2], o[2]),
            (n[3], o[3]),
            (n[4], o[4]),
            (n[NEAR], o[NEAR]),
            any,
            any,
        ])
    }
}

/// The least and the greatest of what `used` marks, and a little more.
#[inline(always)]
fn slopes(slopes: F8, used: M8) -> (f32, f32) {
    let low = used.pick(slopes, F8::splat(f32::INFINITY)).lowest();
    let high = used.pick(slopes, F8::splat(f32::NEG_INFINITY)).highest();
    let slack = 1e-6 + 1e-5 * (high - low).abs();
    (low - slack, high + slack)
}

impl Default for Tile {
    /// Without a ray.
    fn default() -> Self {
        Self {
            origin: Vec3::ZERO,
            dirs: [V8::default(); GROUPS],
            t: [F8::splat(-1.0); GROUPS],
            hit: [[MISS; LANES]; GROUPS],
            cone: Cone {
                axis: Vec3::Z,
                sides: [Vec3::ZERO; 4],
                corners: V8::default(),
                open: true,
            },
            volume: Volume::new([(Vec3::ZERO, 1.0); LANES]),
        }
    }
}

impl Tile {
    /// The directions and how far they look are in place: nothing is met yet.
    #[inline(always)]
    pub(crate) fn begin(&mut self, origin: Vec3, cone: Cone) {
        self.origin = origin;
        self.hit = [[MISS; LANES]; GROUPS];
        self.volume = cone.volume(origin);
        self.cone = cone;
        self.shorten();
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
            self.volume.end(self.far());
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

    /// The rays of another tile seen from a moved frame.
    #[inline(always)]
    pub(crate) fn follow(&mut self, tile: &Self, frame: Affine3A) {
        let rotation = frame.matrix3;
        // Not two iterators joined, which compilers leave as a call.
        for g in 0..GROUPS {
            self.dirs[g] = turn(rotation, &tile.dirs[g]);
        }
        self.t = tile.t;
        self.begin(frame.transform_point3(tile.origin), tile.cone.turned(rotation));
        self.hit = tile.hit;
    }

    /// Everything below `root`; `number` is that of the first of `tris`.
    #[inline(always)]
    pub(crate) fn walk(&mut self, nodes: &[Node8], root: u32, tris: &[Tri], number: u32, stack: &mut Stack) {
        stack.begin();
        let mut next = nodes.get(root as usize);
        loop {
            if let Some(node) = next {
                let (lanes, near) = self.volume.boxes(node);
                stack.push(node, lanes, &near);
            }
            let Some(waiting) = stack.pop(self.volume.far()) else {
                return;
            };
            next = None;
            if waiting.count == 0 {
                next = Some(&nodes[waiting.first as usize]);
                continue;
            }
            let first = waiting.first as usize;
            let mut changed = false;
            for (i, tri) in tris[first..first + waiting.count as usize].iter().enumerate() {
                changed |= self.triangle(tri, (first + i) as u32 + number);
            }
            if changed {
                self.shorten();
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
