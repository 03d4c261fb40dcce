//! The region of interest: the drivable area and what is near it.

use guideway_core::{Cuboid, DVec3, Se3};

use super::raster::Runs;
use crate::error::EvalError;

/// Cells along a side beyond which a map is taken for broken: 100 km of 0.1 m.
const MAX_CELLS: f64 = 1e6;

/// Rows times corners, over all polygons, beyond which a map is taken for broken: what drawing them takes grows with it.
const MAX_WORK: f64 = 1e10;

/// How the region of interest is made; the default is that of av2.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct RoiParams {
    /// Size of a cell of the grid, m.
    pub resolution_m: f64,
    /// How far the region goes beyond the drivable area, m.
    pub dilation_m: f64,
}

impl Default for RoiParams {
    fn default() -> Self {
        Self {
            resolution_m: 0.1,
            dilation_m: 5.0,
        }
    }
}

impl RoiParams {
    pub(super) fn validate(&self) -> Result<(), EvalError> {
        let usable = |value: f64| value.is_finite() && value >= 0.0;
        if !usable(self.resolution_m) || self.resolution_m == 0.0 {
            return Err(EvalError::Parameter {
                parameter: "roi.resolution_m",
                problem: "it must be above 0".to_owned(),
            });
        }
        if !usable(self.dilation_m) || self.dilation_m / self.resolution_m > 1e4 {
            return Err(EvalError::Parameter {
                parameter: "roi.dilation_m",
                problem: "it must be from 0 to 10000 cells".to_owned(),
            });
        }
        Ok(())
    }
}

/// The region of interest of a map: the cells of a grid within a distance of the drivable area, whose polygons are drawn with rounded corners.
///
/// The grid covers the polygons up to whole metres and one metre more at the far sides; outside of it, nothing is of interest. A map takes a few
/// megabytes: only runs of cells are kept.
///
/// ```
/// use guideway_eval::av2::{RegionOfInterest, RoiParams};
/// let road = vec![[100.0, 200.0], [150.0, 200.0], [150.0, 207.0], [100.0, 207.0]];
/// let roi = RegionOfInterest::new(&[road], &RoiParams::default())?;
/// assert!(roi.contains([120.0, 203.0]));
/// // behind the map's last metre
/// assert!(!roi.contains([152.0, 203.0]));
/// # Ok::<(), guideway_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RegionOfInterest {
    origin: [f64; 2],
    cells_per_m: f64,
    cells: Runs,
}

impl RegionOfInterest {
    /// From the polygons of the drivable area: corners x and y in the frame of the map (the city's), m.
    ///
    /// # Errors
    /// When there is no corner, one is not finite, or the area is too large for the grid.
    pub fn new(polygons: &[Vec<[f64; 2]>], params: &RoiParams) -> Result<Self, EvalError> {
        params.validate()?;
        let bad = |problem: &str| {
            Err(EvalError::Parameter {
                parameter: "drivable area",
                problem: problem.to_owned(),
            })
        };
        let corners = || polygons.iter().flatten();
        if !corners().flatten().all(|v| v.is_finite()) {
            return bad("a corner is not finite");
        }
        let bound = |axis: usize, pick: fn(f64, f64) -> f64| corners().map(|corner| corner[axis]).reduce(pick);
        let (Some(x_min), Some(y_min), Some(x_max), Some(y_max)) = (
            bound(0, f64::min),
            bound(1, f64::min),
            bound(0, f64::max),
            bound(1, f64::max),
        ) else {
            return bad("there are no polygons");
        };
        let (origin, end) = ([x_min.floor(), y_min.floor()], [x_max.ceil(), y_max.ceil()]);
        let cells_per_m = 1.0 / params.resolution_m;
        let size = [0, 1].map(|axis| (end[axis] - origin[axis] + 1.0) * cells_per_m);
        if size.iter().any(|cells| *cells > MAX_CELLS) {
            return bad("it is too large; are the corners in metres?");
        }
        let rounded = |corner: &[f64; 2]| {
            let [x, y] = [0, 1].map(|axis| ((corner[axis] - origin[axis]) * cells_per_m).round_ties_even() as i64);
            (x, y)
        };
        let drawn: Vec<Vec<(i64, i64)>> = polygons
            .iter()
            .map(|polygon| polygon.iter().chain(polygon.first()).map(rounded).collect())
            .collect();
        let work = drawn.iter().map(|polygon| {
            let rows = polygon.iter().map(|(_, y)| *y);
            let height = rows.clone().max().unwrap_or(0) - rows.min().unwrap_or(0);
            polygon.len() as f64 * height as f64
        });
        if work.sum::<f64>() > MAX_WORK {
            return bad("it is too large; are the corners in metres?");
        }
        let mut area = Runs::new(size[0] as i64, size[1] as i64);
        area.fill(&drawn);
        Ok(Self {
            origin,
            cells_per_m,
            cells: area.dilated(params.dilation_m * cells_per_m),
        })
    }

    /// Is this place (x and y in the frame of the map, m) in the region?
    pub fn contains(&self, point: [f64; 2]) -> bool {
        // towards zero, as the reference does: the row of cells before the origin counts as the first one
        let cell = [0, 1].map(|axis| ((point[axis] - self.origin[axis]) * self.cells_per_m).trunc());
        if !cell.iter().all(|cell| cell.abs() <= MAX_CELLS) {
            return false;
        }
        self.cells.contains(cell[0] as i64, cell[1] as i64)
    }

    /// Is a corner of the box, which is in the frame of the ego vehicle, in the region?
    pub fn has_corner_of(&self, cuboid: &Cuboid, map_from_ego: Se3) -> bool {
        let corners = cuboid.transformed(map_from_ego).corners();
        corners.iter().any(|DVec3 { x, y, .. }| self.contains([*x, *y]))
    }
}
