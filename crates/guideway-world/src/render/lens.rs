//! The rays of a camera's pixels, computed once for each camera.

use std::sync::{Arc, Mutex, PoisonError};

use glam::Vec3;
use guideway_core::{Camera, DVec3};

use super::lanes::{F8, LANES, V8};
use super::trace::{Cone, GROUPS, TILE};

/// Rays of one tile of pixels, in the camera's frame.
#[derive(Debug, Clone)]
pub(crate) struct TileRays {
    pub(crate) dirs: [V8; GROUPS],
    /// Infinite where there is a ray, −1 where there is none: beyond the image's edge or the lens model's limit.
    pub(crate) reach: [F8; GROUPS],
    /// `None` for a tile without any ray.
    pub(crate) cone: Option<Cone>,
}

/// Rays of a grid of pixels, in tiles from the top left.
#[derive(Debug)]
pub(crate) struct Rays {
    pub(crate) columns: usize,
    pub(crate) tiles: Vec<TileRays>,
}

/// Which pixels a grid of rays is for: `first + step * index`, in pixels from the image's corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    pub(crate) first: [f64; 2],
    pub(crate) step: f64,
    pub(crate) size: [usize; 2],
}

impl Grid {
    /// The image's own pixels; `shift` is the place within a pixel, (½, ½) its centre.
    pub(crate) fn image(camera: &Camera, shift: [f64; 2]) -> Self {
        let i = camera.intrinsics();
        Self {
            first: shift,
            step: 1.0,
            size: [i.width as usize, i.height as usize],
        }
    }
}

impl Rays {
    pub(crate) fn new(camera: &Camera, grid: Grid) -> Self {
        let [width, height] = grid.size;
        let (columns, rows) = (width.div_ceil(TILE), height.div_ceil(TILE));
        let ray = |x: usize, y: usize| {
            if x >= width || y >= height {
                return None;
            }
            let at = [
                grid.first[0] + grid.step * x as f64,
                grid.first[1] + grid.step * y as f64,
            ];
            camera.unproject(at).map(DVec3::as_vec3)
        };
        let tiles = (0..rows * columns)
            .map(|tile| {
                let (x0, y0) = (tile % columns * TILE, tile / columns * TILE);
                let found: [[Option<Vec3>; LANES]; GROUPS] =
                    std::array::from_fn(|y| std::array::from_fn(|x| ray(x0 + x, y0 + y)));
                TileRays {
                    dirs: found.map(|row| V8::gather(row.map(|d| d.unwrap_or(Vec3::ZERO)))),
                    reach: found.map(|row| F8(row.map(|d| if d.is_some() { f32::INFINITY } else { -1.0 }))),
                    cone: Cone::around(found.iter().flatten().filter_map(|d| *d)),
                }
            })
            .collect();
        Self { columns, tiles }
    }
}

/// The rays of the cameras seen so far.
#[derive(Debug, Default)]
pub(crate) struct RayCache {
    known: Mutex<Vec<(Camera, Grid, Arc<Rays>)>>,
}

/// How many grids are kept: cameras of a rig, with their sub-pixel grids.
const KEPT: usize = 64;

impl RayCache {
    pub(crate) fn get(&self, camera: &Camera, grid: Grid) -> Arc<Rays> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, rays)) = known.iter().find(|(c, g, _)| c == camera && *g == grid) {
            return Arc::clone(rays);
        }
        let rays = Arc::new(Rays::new(camera, grid));
        if known.len() >= KEPT {
            known.remove(0);
        }
        known.push((*camera, grid, Arc::clone(&rays)));
        rays
    }
}
