//! A tile of pixels through all that stands and all that moves.

use glam::Vec3;
use multiversion::multiversion;

use super::bvh::{Meets, Visit};
use super::cast::trace_packet;
use super::eight::Stack;
use super::lanes::{F8, LANES, M8, V8, each};
use super::lights::{Light, Lit};
use super::scene::{Moving, Standing};
use super::trace::{GROUPS, MISS, MOVING, Tile};

/// Traces a tile through everything but the ego vehicle. `dt`: seconds after the snapshot.
#[multiversion(targets("x86_64+avx+avx2"))]
pub(crate) fn trace_tile(standing: &Standing, moving: &Moving, tile: &mut Tile, dt: f32) {
    trace_tile_plain(standing, moving, tile, dt);
}

#[inline(always)]
pub(crate) fn trace_tile_plain(standing: &Standing, moving: &Moving, tile: &mut Tile, dt: f32) {
    // One call for what stands and for each mover: the walk is large, and is compiled into this place once.
    let (mut nodes, mut tris, mut number) = (&standing.nodes[..], &standing.tris[..], 0);
    let mut roots: &[u32] = &[0];
    let mut frame = None;
    // The tile as a mover sees it.
    let mut other: Option<Tile> = None;
    let mut stack = Stack::new();
    let mut crowd = Crowd::new(moving, dt);
    loop {
        let mut subject = &mut *tile;
        if let Some(frame) = frame {
            let moved = other.get_or_insert_default();
            moved.follow(subject, frame);
            subject = moved;
        }
        for root in roots {
            subject.walk(nodes, *root, tris, number, &mut stack);
        }
        if let (Some(_), Some(moved)) = (frame, &other) {
            (tile.t, tile.hit) = (moved.t, moved.hit);
            tile.shorten();
        }
        let Some(index) = crowd.next(tile) else {
            return;
        };
        let mover = &moving.movers[index as usize];
        let placed = moving.placed(index as usize);
        (nodes, tris, roots) = (&placed.nodes, &placed.tris, &placed.roots);
        number = MOVING + mover.first_tri;
        let still = dt == 0.0 || mover.motion.is_still();
        frame = (!still).then(|| mover.motion.snapshot_from_then(dt));
    }
}

/// The movers whose boxes something meets, one after the other; of those that sensors see.
#[derive(Debug)]
pub(crate) struct Crowd<'a> {
    moving: &'a Moving,
    dt: f32,
    /// How far anything has moved.
    pad: Vec3,
    visit: Visit<'a>,
}

impl<'a> Crowd<'a> {
    #[inline(always)]
    pub(crate) fn new(moving: &'a Moving, dt: f32) -> Self {
        Self {
            moving,
            dt,
            pad: Vec3::splat(moving.reach * dt.abs()),
            visit: Visit::new(&moving.top),
        }
    }

    /// The next one's index; the subject may have changed since the last.
    #[inline(always)]
    pub(crate) fn next(&mut self, subject: &impl Meets) -> Option<u32> {
        loop {
            let index = self.visit.next(subject, self.pad)?;
            let mover = &self.moving.movers[index as usize];
            let own = mover.pad(self.dt);
            if subject.meets(mover.low - own, mover.high + own) {
                return Some(index);
            }
        }
    }
}

/// What lamps give to the points (relative to `origin`) of a tile, for lanes that `used` marks.
#[multiversion(targets("x86_64+avx+avx2"))]
#[expect(clippy::too_many_arguments, reason = "multiversion knows no methods")]
pub(crate) fn lamp_light(
    standing: &Standing,
    moving: &Moving,
    lights: &[Light],
    origin: Vec3,
    points: &[V8; GROUPS],
    normals: &[V8; GROUPS],
    used: &[M8; GROUPS],
    dt: f32,
) -> Lit {
    let mut lit = Lit::NONE;
    let (mut low, mut high) = (Vec3::splat(f32::INFINITY), Vec3::splat(f32::NEG_INFINITY));
    for (p, used) in points.iter().zip(used) {
        for lane in 0..LANES {
            if used.0[lane] != 0 {
                low = low.min(p.lane(lane));
                high = high.max(p.lane(lane));
            }
        }
    }
    if low.x > high.x {
        return lit;
    }
    let (center, radius) = (origin + (low + high) * 0.5, (high - low).length() * 0.5);
    let near = || lights.iter().filter(|l| l.reaches(center, radius));
    // A shadow for the street lamp that matters most here.
    let strongest = near()
        .enumerate()
        .filter(|(_, l)| l.street && l.reaches(center, radius.min(3.0) - 15.0))
        .max_by(|a, b| {
            a.1.strength(center)
                .total_cmp(&b.1.strength(center))
                .then(b.0.cmp(&a.0))
        })
        .map(|(i, _)| i);
    for (i, light) in near().enumerate() {
        if strongest == Some(i) {
            let shadow = lamp_shadow(standing, moving, light.position, origin, points, used, dt);
            light.add(origin, points, normals, Some(&shadow), &mut lit);
        } else {
            light.add(origin, points, normals, None, &mut lit);
        }
    }
    lit
}

/// 1 for points that a lamp reaches, 0 for those that something hides from it.
fn lamp_shadow(
    standing: &Standing,
    moving: &Moving,
    lamp: Vec3,
    origin: Vec3,
    points: &[V8; GROUPS],
    used: &[M8; GROUPS],
    dt: f32,
) -> [F8; GROUPS] {
    let from = V8::splat(origin - lamp);
    let mut out = [F8::ZERO; GROUPS];
    for (g, out) in out.iter_mut().enumerate() {
        if !used[g].any() {
            continue;
        }
        let reach = used[g].pick(F8::splat(0.998), F8::splat(-1.0));
        let (_, met) = trace_packet(standing, moving, &V8::splat(lamp), &(points[g] + from), reach, dt);
        *out = F8(each!(|lane| if met[lane] == MISS { 1.0 } else { 0.0 }));
    }
    out
}
