//! How objects would look alone.

use std::ops::Range;
use std::sync::Arc;

use glam::{Affine3A, Vec3};
use guideway_core::{Camera, DVec3};
use multiversion::multiversion;
use rayon::prelude::*;

use super::bvh::{Meets as _, Tri};
use super::eight::{Node8, Stack};
use super::lens::{Grid, RayCache, Rays};
use super::picture::{aim, pose_of_tiles, world_from_camera};
use super::scene::{Moving, Standing};
use super::trace::{MISS, TILE, Tile};
use super::{ObjectId, STATIC_BASE, Shot, Silhouette, Snapshot};

/// Beyond the image, one ray stands for this many pixels each way.
const STRIDE: usize = 4;

/// The trees of one object.
struct Alone<'a> {
    nodes: &'a [Node8],
    tris: &'a [Tri],
    roots: &'a [u32],
    low: Vec3,
    high: Vec3,
    /// Brings rays of a moment (s after the snapshot) to where the object was at the snapshot.
    frame: Box<dyn Fn(f32) -> Option<Affine3A> + Sync + 'a>,
}

/// Silhouettes in the order of `objects`; an object that is not there has none.
pub(crate) fn silhouettes(
    standing: &Standing,
    moving: &Moving,
    cache: &RayCache,
    snapshot: &Snapshot<'_>,
    shot: &Shot,
    objects: &[ObjectId],
) -> Vec<Silhouette> {
    let intrinsics = shot.camera.intrinsics();
    let (width, height) = (intrinsics.width as usize, intrinsics.height as usize);
    if width == 0 || height == 0 {
        return vec![Silhouette::default(); objects.len()];
    }
    let inner = cache.get(&shot.camera, Grid::image(&shot.camera, [0.5, 0.5]));
    // Three times the image each way, in blocks of pixels around one ray each.
    let middle = STRIDE as f64 / 2.0;
    let outer_grid = Grid {
        first: [middle - width as f64, middle - height as f64],
        step: STRIDE as f64,
        size: [(3 * width).div_ceil(STRIDE), (3 * height).div_ceil(STRIDE)],
    };
    let view = View {
        snapshot,
        shot,
        inner,
        outer: cache.get(&shot.camera, outer_grid),
        size: [width, height],
    };
    objects
        .par_iter()
        .map(|object| {
            let alone = if *object >= STATIC_BASE {
                standing_object(standing, *object)
            } else {
                moving_object(moving, *object)
            };
            alone.map_or_else(Silhouette::default, |a| view.silhouette(&a))
        })
        .collect()
}

fn moving_object(moving: &Moving, object: ObjectId) -> Option<Alone<'_>> {
    let index = moving.movers[..moving.seen].iter().position(|m| m.object == object)?;
    let (motion, placed) = (moving.movers[index].motion, moving.placed(index));
    let mut roots = placed.roots.iter().map(|root| placed.nodes[*root as usize].bounds());
    let first = roots.next()?;
    let (low, high) = roots.fold(first, |(low, high), own| (low.min(own.0), high.max(own.1)));
    Some(Alone {
        nodes: &placed.nodes,
        tris: &placed.tris,
        roots: &placed.roots,
        low,
        high,
        frame: Box::new(move |dt| (dt != 0.0 && !motion.is_still()).then(|| motion.snapshot_from_then(dt))),
    })
}

fn standing_object(standing: &Standing, object: ObjectId) -> Option<Alone<'_>> {
    let alone = standing.objects.get(&object)?;
    let (low, high) = alone.nodes.first()?.bounds();
    Some(Alone {
        nodes: &alone.nodes,
        tris: &alone.tris,
        roots: &[0],
        low,
        high,
        frame: Box::new(|_| None),
    })
}

struct View<'a> {
    snapshot: &'a Snapshot<'a>,
    shot: &'a Shot,
    inner: Arc<Rays>,
    outer: Arc<Rays>,
    size: [usize; 2],
}

#[multiversion(targets("x86_64+avx+avx2"))]
fn walk(tile: &mut Tile, alone_nodes: &[Node8], alone_tris: &[Tri], roots: &[u32]) {
    let mut stack = Stack::new();
    for root in roots {
        tile.walk(alone_nodes, *root, alone_tris, 0, &mut stack);
    }
}

impl View<'_> {
    fn silhouette(&self, alone: &Alone<'_>) -> Silhouette {
        let [width, height] = self.size;
        let Some([x, y]) = self.extent(alone) else {
            return Silhouette::default();
        };
        let clip =
            |r: &Range<i64>, size: usize| r.start.clamp(0, size as i64) as usize..r.end.clamp(0, size as i64) as usize;
        let (inside_x, inside_y) = (clip(&x, width), clip(&y, height));
        let inside = self.count(alone, &self.inner, &inside_x, &inside_y, height, 1, |_, _| true);
        let beyond = x.start < 0 || y.start < 0 || x.end > width as i64 || y.end > height as i64;
        let mut total = inside;
        if beyond {
            let blocks = |r: &Range<i64>, size: usize| {
                let count = (3 * size).div_ceil(STRIDE) as i64;
                let at = |v: i64| (v + size as i64).div_euclid(STRIDE as i64).clamp(0, count);
                at(r.start) as usize..(at(r.end) + 1).min(count) as usize
            };
            let place = |i: usize, size: usize| (i * STRIDE + STRIDE / 2) as i64 - size as i64;
            let outside = |i: usize, j: usize| {
                let (px, py) = (place(i, width), place(j, height));
                px < 0 || py < 0 || px >= width as i64 || py >= height as i64
            };
            let (bx, by) = (blocks(&x, width), blocks(&y, height));
            let met = self.count(
                alone,
                &self.outer,
                &bx,
                &by,
                (3 * height).div_ceil(STRIDE),
                STRIDE,
                outside,
            );
            total += met * (STRIDE * STRIDE) as u32;
        }
        Silhouette { inside, total }
    }

    /// Columns and rows that the object's box may cover, on a sensor three times the size; `None` for one behind the camera.
    fn extent(&self, alone: &Alone<'_>) -> Option<[Range<i64>; 2]> {
        let [width, height] = self.size.map(|s| s as i64);
        let half = (self.shot.rolling_shutter_s / 2.0).abs() as f32;
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        let mut doubtful = false;
        let mut before = false;
        for dt in [-half, 0.0, half] {
            let pose = world_from_camera(self.snapshot.state, self.shot, dt).inverse();
            for corner in 0..8 {
                let pick = |bit: usize, a: f32, b: f32| if corner >> bit & 1 == 0 { a } else { b };
                let p = Vec3::new(
                    pick(0, alone.low.x, alone.high.x),
                    pick(1, alone.low.y, alone.high.y),
                    pick(2, alone.low.z, alone.high.z),
                );
                // The rays of `dt` go to where the object is at the snapshot, so its corners come back the other way.
                let p = (alone.frame)(dt).map_or(p, |f| f.inverse().transform_point3(p));
                let p = pose.transform_point3(p);
                before |= p.z > 0.0;
                match project(&self.shot.camera, p) {
                    Some(pixel) => {
                        for k in 0..2 {
                            low[k] = low[k].min(pixel[k]);
                            high[k] = high[k].max(pixel[k]);
                        }
                    }
                    None => doubtful = true,
                }
            }
        }
        if !before {
            return None;
        }
        if doubtful {
            return Some([-width..2 * width, -height..2 * height]);
        }
        // Lenses bend edges outwards between the corners.
        let range = |k: usize, size: i64| {
            let slack = 2.0 + 0.05 * (high[k] - low[k]);
            let at = |v: f64| (v.clamp(-1e7, 1e7) as i64).clamp(-size, 2 * size);
            at(low[k] - slack)..at(high[k] + slack + 1.0)
        };
        let out = [range(0, width), range(1, height)];
        (!out[0].is_empty() && !out[1].is_empty()).then_some(out)
    }

    /// Rays of a grid (columns `x`, rows `y`) that meet the object and count.
    #[expect(clippy::too_many_arguments, reason = "a grid and what to do with it")]
    fn count(
        &self,
        alone: &Alone<'_>,
        rays: &Rays,
        x: &Range<usize>,
        y: &Range<usize>,
        rows: usize,
        step: usize,
        counts: impl Fn(usize, usize) -> bool,
    ) -> u32 {
        if x.is_empty() || y.is_empty() {
            return 0;
        }
        let mut met = 0;
        let (mut here, mut there) = (Tile::default(), Tile::default());
        for row in y.start / TILE..y.end.div_ceil(TILE).min(rows.div_ceil(TILE)) {
            // Beyond the image's edges the shutter goes on at its pace.
            let offset = if step == 1 { 0 } else { self.size[1] };
            let image_row = (row * TILE * step).saturating_sub(offset) / TILE;
            let (pose, dt) = pose_of_tiles(self.snapshot.state, self.shot, image_row, self.size[1]);
            let frame = (alone.frame)(dt);
            for column in x.start / TILE..x.end.div_ceil(TILE).min(rays.columns) {
                let mut tile = &mut here;
                if !aim(tile, &rays.tiles[row * rays.columns + column], pose) {
                    continue;
                }
                if let Some(frame) = frame {
                    there.follow(tile, frame);
                    tile = &mut there;
                }
                if !tile.meets(alone.low, alone.high) {
                    continue;
                }
                walk(tile, alone.nodes, alone.tris, alone.roots);
                for (j, hits) in tile.hit.iter().enumerate() {
                    for (i, hit) in hits.iter().enumerate() {
                        met += u32::from(*hit != MISS && counts(column * TILE + i, row * TILE + j));
                    }
                }
            }
        }
        met
    }
}

fn project(camera: &Camera, p: Vec3) -> Option<[f64; 2]> {
    // So near the camera's plane that a corner's pixel says nothing about the box.
    if p.z < 0.05 {
        return None;
    }
    camera.project(DVec3::new(p.x.into(), p.y.into(), p.z.into()))
}
