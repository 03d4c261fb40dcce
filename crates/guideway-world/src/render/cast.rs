//! Free rays, eight at once: lidars and radars.

use glam::{Affine3A, Vec3};
use multiversion::multiversion;
use rayon::prelude::*;

use super::bvh::{Meets, Tri};
use super::eight::{Node8, Stack};
use super::lanes::{F8, LANES, M8, V8, each};
use super::scene::{Instance, Motion, Moving, Standing};
use super::tiles::Crowd;
use super::trace::{Cone, MISS, MOVING, Volume, turn};
use super::{Hit, Ray};

/// Eight rays.
#[derive(Debug, Clone)]
struct Packet {
    origin: V8,
    dir: V8,
    /// One over the directions; huge instead of infinite, so that no product is NaN.
    inverse: V8,
    /// Distance to what was met so far; below 0 for lanes without a ray.
    t: F8,
    hit: [u32; LANES],
    cone: Cone,
    /// Encloses the rays, unless the cone is open.
    volume: Volume,
    /// How far each ray begins, and how much farther it gets with each unit of `t`, along the cone's axis.
    begin: F8,
    pace: F8,
}

/// One over each; huge for 0.
#[inline(always)]
fn inverse(d: F8) -> F8 {
    let safe = |d: f32| if d.abs() < 1e-12 { 1e-12_f32.copysign(d) } else { d };
    F8(each!(|i| 1.0 / safe(d.0[i])))
}

/// Where rays enter and leave the space between two parallel planes.
#[inline(always)]
fn slab(low: f32, high: f32, origin: F8, inverse: F8) -> (F8, F8) {
    let a = (F8::splat(low) - origin) * inverse;
    let b = (F8::splat(high) - origin) * inverse;
    (a.min(b), a.max(b))
}

/// The moment of rays about an edge.
#[inline(always)]
fn moment(dir: &V8, p: &V8, q: &V8) -> F8 {
    (*p - *q).cross(&(*p + *q)).dot(dir)
}

impl Packet {
    #[inline(always)]
    fn new(origin: V8, dir: V8, t: F8) -> Self {
        let cone = Cone::fan(&dir, t.ge(F8::ZERO));
        Self::within(origin, dir, t, cone)
    }

    /// Rays within this cone.
    #[inline(always)]
    fn within(origin: V8, dir: V8, t: F8, cone: Cone) -> Self {
        let used = t.ge(F8::ZERO);
        let place = origin.dot_vec(cone.axis);
        let foremost = used.pick(place, F8::splat(f32::NEG_INFINITY)).highest();
        let mut packet = Self {
            origin,
            dir,
            inverse: V8 {
                x: inverse(dir.x),
                y: inverse(dir.y),
                z: inverse(dir.z),
            },
            t,
            hit: [MISS; LANES],
            cone,
            volume: cone.volume_from(&origin, used),
            begin: used.pick(place - F8::splat(foremost), F8::splat(f32::NEG_INFINITY)),
            pace: used.pick(dir.dot_vec(cone.axis), F8::ZERO),
        };
        packet.shorten();
        packet
    }

    /// Boxes beyond the end of every ray are of no interest.
    #[inline(always)]
    fn shorten(&mut self) {
        if self.cone.open {
            self.volume.end(self.t.highest());
        } else {
            // 0 times infinity is no number; lanes without a ray begin infinitely far behind.
            let ends = self.t.min(F8::splat(f32::MAX)) * self.pace + self.begin;
            self.volume.end(ends.highest() * 1.000_001);
        }
    }

    /// Which rays enter a box before they end, and how near the nearest does.
    #[inline(always)]
    fn enters(&self, min: Vec3, max: Vec3) -> (M8, f32) {
        let (nx, fx) = slab(min.x, max.x, self.origin.x, self.inverse.x);
        let (ny, fy) = slab(min.y, max.y, self.origin.y, self.inverse.y);
        let (nz, fz) = slab(min.z, max.z, self.origin.z, self.inverse.z);
        let near = nx.max(ny).max(nz).max(F8::ZERO);
        // A little farther than computed: rounding must not lose what lies on the box (Ize, "Robust BVH Ray Traversal", 2013).
        let far = (fx.min(fy).min(fz) * 1.000_001).min(self.t);
        let inside = near.le(far);
        (inside, inside.pick(near, F8::splat(f32::INFINITY)).lowest())
    }

    /// Which boxes of a node some ray may enter, as bits, and how far away each is.
    #[inline(always)]
    fn boxes(&self, node: &Node8) -> (u32, F8) {
        if !self.cone.open {
            return self.volume.boxes(node);
        }
        let (mut lanes, mut near) = (0, F8::splat(f32::INFINITY));
        for lane in 0..LANES {
            let (low, high) = (node.low(lane), node.high(lane));
            // A place without a box: turned around it would hold everything.
            if low.x > high.x {
                continue;
            }
            let (inside, distance) = self.enters(low, high);
            lanes |= u32::from(inside.any()) << lane;
            near.0[lane] = distance;
        }
        (lanes, near)
    }

    /// Everything below `root`; `number` is that of the first of `tris`.
    #[inline(always)]
    fn walk(&mut self, nodes: &[Node8], root: u32, tris: &[Tri], number: u32, stack: &mut Stack) {
        stack.begin();
        let mut next = nodes.get(root as usize);
        loop {
            if let Some(node) = next {
                let (lanes, near) = self.boxes(node);
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
            for (i, tri) in tris[first..first + waiting.count as usize].iter().enumerate() {
                self.triangle(tri, (first + i) as u32 + number);
            }
            self.shorten();
        }
    }

    /// The same sums as for a tile, with an origin for each lane.
    #[inline(always)]
    fn triangle(&mut self, tri: &Tri, number: u32) {
        let (a, b, c) = (
            V8::splat(tri.a) - self.origin,
            V8::splat(tri.b) - self.origin,
            V8::splat(tri.c) - self.origin,
        );
        let d = &self.dir;
        let (u, v, w) = (moment(d, &b, &c), moment(d, &c, &a), moment(d, &a, &b));
        let inside = u.min(v).min(w).ge(F8::ZERO) | u.max(v).max(w).le(F8::ZERO);
        if !inside.any() {
            return;
        }
        let along = self.dir.dot_vec(tri.normal);
        let t = a.dot_vec(tri.normal).div(along);
        // Where `along` is 0, t is infinite or NaN, and neither is nearer.
        let nearer = inside & t.lt(self.t) & t.gt(F8::ZERO);
        self.t = nearer.pick(t, self.t);
        self.hit = nearer.pick_index(number, self.hit);
    }

    /// The same rays seen from a moved frame.
    #[inline(always)]
    fn moved(&self, frame: Affine3A) -> Self {
        let mut packet = Self::within(
            turn(frame.matrix3, &self.origin) + V8::splat(frame.translation.into()),
            turn(frame.matrix3, &self.dir),
            self.t,
            self.cone.turned(frame.matrix3),
        );
        packet.hit = self.hit;
        packet
    }

    #[inline(always)]
    fn movers(&mut self, moving: &Moving, dt: f32, stack: &mut Stack) {
        let mut crowd = Crowd::new(moving, dt);
        while let Some(index) = crowd.next(self) {
            let mover = &moving.movers[index as usize];
            let placed = moving.placed(index as usize);
            let still = dt == 0.0 || mover.motion.is_still();
            let mut moved = (!still).then(|| self.moved(mover.motion.snapshot_from_then(dt)));
            let subject = moved.as_mut().unwrap_or(self);
            for root in &placed.roots {
                subject.walk(&placed.nodes, *root, &placed.tris, MOVING + mover.first_tri, stack);
            }
            if let Some(moved) = moved {
                (self.t, self.hit) = (moved.t, moved.hit);
            }
            self.shorten();
        }
    }
}

impl Meets for Packet {
    #[inline(always)]
    fn meets(&self, low: Vec3, high: Vec3) -> bool {
        (self.cone.open || self.volume.meets(low, high)) && self.enters(low, high).0.any()
    }
}

/// What eight rays met: how far away, and which triangle.
pub(crate) type Met = (F8, [u32; LANES]);

/// Sends eight rays through everything but the ego vehicle. `reach` is how far each looks, below 0 for lanes without a ray; `dt`:
/// seconds after the snapshot.
#[multiversion(targets("x86_64+avx+avx2"))]
pub(crate) fn trace_packet(standing: &Standing, moving: &Moving, origin: &V8, dir: &V8, reach: F8, dt: f32) -> Met {
    trace_packet_plain(standing, moving, origin, dir, reach, dt)
}

#[inline(always)]
pub(crate) fn trace_packet_plain(
    standing: &Standing,
    moving: &Moving,
    origin: &V8,
    dir: &V8,
    reach: F8,
    dt: f32,
) -> Met {
    let mut packet = Packet::new(*origin, *dir, reach);
    let mut stack = Stack::new();
    packet.walk(&standing.nodes, 0, &standing.tris, 0, &mut stack);
    packet.movers(moving, dt, &mut stack);
    (packet.t, packet.hit)
}

/// Rays that are near each other in time, then in direction, come together: rings by height, then around.
fn key(ray: &Ray) -> u64 {
    // Floats in the order of their values.
    let bits = ray.dt.to_bits();
    let time = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    let d = ray.direction;
    let height = ((d.z.clamp(-1.0, 1.0) + 1.0) * 160.0) as u64;
    // An angle without a sine: 0 to 4 around the diamond |x| + |y| = 1.
    let side = d.y / (d.x.abs() + d.y.abs()).max(1e-9);
    let around = if d.x < 0.0 { 2.0 - side } else { side + 0.0 };
    let around = ((around + 1.0) * 4000.0) as u64;
    (u64::from(time) << 32) | (height << 16) | around.min(0xffff)
}

/// Casts rays in any order: `hits[i]` belongs to `rays[i]`.
pub(crate) fn cast(standing: &Standing, moving: &Moving, rays: &[Ray], hits: &mut Vec<Hit>) {
    let mut order: Vec<(u64, u32)> = rays.iter().enumerate().map(|(i, r)| (key(r), i as u32)).collect();
    let time = |entry: &(u64, u32)| entry.0 >> 32;
    // The rays of a sweep come in the order of their times: small sorts instead of a large one.
    if order.is_sorted_by_key(time) {
        let slices: Vec<&mut [(u64, u32)]> = order.chunk_by_mut(|a, b| time(a) == time(b)).collect();
        slices.into_par_iter().for_each(<[_]>::sort_unstable);
    } else {
        order.sort_unstable();
    }
    let packets: Vec<&[(u64, u32)]> = order
        .chunk_by(|a, b| time(a) == time(b))
        .flat_map(|slice| slice.chunks(LANES))
        .collect();
    let met: Vec<[Hit; LANES]> = packets
        .par_iter()
        .with_min_len(32)
        .map(|members| cast_packet(standing, moving, rays, members))
        .collect();
    hits.clear();
    hits.resize(rays.len(), nothing());
    for (members, met) in packets.iter().zip(&met) {
        for ((_, i), hit) in members.iter().zip(met) {
            hits[*i as usize] = *hit;
        }
    }
}

fn nothing() -> Hit {
    Hit {
        distance: f32::INFINITY,
        normal: Vec3::ZERO,
        lidar: 0.0,
        object: 0,
        semantic: 0,
        velocity: Vec3::ZERO,
    }
}

fn cast_packet(standing: &Standing, moving: &Moving, rays: &[Ray], members: &[(u64, u32)]) -> [Hit; LANES] {
    let mut hits = [nothing(); LANES];
    let Some((_, first)) = members.first() else {
        return hits;
    };
    let ray = |lane: usize| rays[members.get(lane).map_or(*first, |m| m.1) as usize];
    let dt = ray(0).dt;
    let origin = V8::gather(each!(|lane| ray(lane).origin));
    let dir = V8::gather(each!(|lane| ray(lane).direction));
    let usable = |ray: &Ray| ray.origin.is_finite() && ray.direction.is_finite();
    let reach = F8(each!(|lane| if lane < members.len() && usable(&ray(lane)) {
        f32::INFINITY
    } else {
        -1.0
    }));
    let (t, met) = trace_packet(standing, moving, &origin, &dir, reach, dt);
    for (lane, hit) in hits.iter_mut().enumerate().take(members.len()) {
        if met[lane] != MISS {
            *hit = describe(standing, moving, met[lane], &ray(lane), t.0[lane]);
        }
    }
    hits
}

fn describe(standing: &Standing, moving: &Moving, number: u32, ray: &Ray, distance: f32) -> Hit {
    let (normal, instance, face, motion): (Vec3, &Instance, u32, Motion);
    if number & MOVING == 0 {
        let index = number as usize;
        let owner = standing.owners[index];
        instance = &standing.instances[owner.instance as usize];
        (normal, face, motion) = (standing.tris[index].normal, owner.face, Motion::STILL);
    } else {
        let (tri, owner) = moving.tri(number & !MOVING);
        instance = &moving.instances[owner.instance as usize];
        motion = moving.movers[instance.actor as usize].motion;
        let back = motion.snapshot_from_then(ray.dt).matrix3.transpose();
        (normal, face) = (back * tri.normal, owner.face);
    }
    let normal = normal.normalize_or(Vec3::Z);
    let material = instance.shape.material(instance.shape.faces[face as usize].material);
    let point = ray.origin + ray.direction * distance;
    Hit {
        distance,
        normal: if normal.dot(ray.direction) > 0.0 {
            -normal
        } else {
            normal
        },
        lidar: material.lidar,
        object: instance.object,
        semantic: material.semantic as u8,
        // The centre has moved on since the snapshot.
        velocity: motion.velocity_at(point - motion.velocity * ray.dt),
    }
}
