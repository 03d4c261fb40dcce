//! Filled polygons on a grid, as runs of cells per row.
//!
//! The reference draws with Pillow (`ImageDraw.polygon`, filled): which cells are on the border is a matter of its scan conversion, so its rules are
//! followed to the cell, single-precision arithmetic and all. The edges of the drawing are closed intervals between rounded crossings.

use std::ops::RangeInclusive;

/// Cells of each row that are set: disjoint runs, ascending, with gaps between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Runs {
    pub(super) width: i64,
    pub(super) rows: Vec<Vec<RangeInclusive<i64>>>,
}

/// An edge of a polygon, between corners of the grid.
struct Edge {
    x0: i64,
    y0: i64,
    x_min: i64,
    x_max: i64,
    y_min: i64,
    y_max: i64,
    /// Change of x per row.
    slope: f32,
}

impl Edge {
    fn new((x0, y0): (i64, i64), (x1, y1): (i64, i64)) -> Self {
        Self {
            x0,
            y0,
            x_min: x0.min(x1),
            x_max: x0.max(x1),
            y_min: y0.min(y1),
            y_max: y0.max(y1),
            slope: if y0 == y1 {
                0.0
            } else {
                (x1 - x0) as f32 / (y1 - y0) as f32
            },
        }
    }

    fn x_at(&self, y: i64) -> f32 {
        (y - self.y0) as f32 * self.slope + self.x0 as f32
    }

    fn has_row(&self, y: i64) -> bool {
        y >= self.y_min && y <= self.y_max
    }

    /// Does a slanted end of it lie in this row?
    fn ends_at(&self, y: i64) -> bool {
        (y == self.y_min || y == self.y_max) && self.slope != 0.0
    }
}

impl Runs {
    /// Nothing is set on a grid of this size.
    pub(super) fn new(width: i64, height: i64) -> Self {
        Self {
            width: width.max(0),
            rows: vec![Vec::new(); usize::try_from(height).unwrap_or(0)],
        }
    }

    /// Is this cell set?
    pub(super) fn contains(&self, x: i64, y: i64) -> bool {
        let row = usize::try_from(y).ok().and_then(|y| self.rows.get(y));
        row.is_some_and(|runs| {
            let after = runs.partition_point(|run| *run.start() <= x);
            after > 0 && *runs[after - 1].end() >= x
        })
    }

    /// Sets cells of a row, which is not [`tidy`] any more.
    fn set(&mut self, y: i64, first: i64, last: i64) {
        let Some(row) = usize::try_from(y).ok().and_then(|y| self.rows.get_mut(y)) else {
            return;
        };
        let (first, last) = (first.max(0), last.min(self.width - 1));
        if first <= last {
            row.push(first..=last);
        }
    }

    /// Sets the cells of polygons; each is a list of corners, closed or not.
    pub(super) fn fill(&mut self, polygons: &[Vec<(i64, i64)>]) {
        for polygon in polygons {
            self.fill_polygon(&edges(polygon));
        }
        self.rows.iter_mut().for_each(tidy);
    }

    fn fill_polygon(&mut self, edges: &[Edge]) {
        let height = self.rows.len() as i64;
        let (mut top, mut bottom) = (height - 1, 0);
        for edge in edges {
            top = top.min(edge.y_min);
            bottom = bottom.max(edge.y_max);
            if edge.y_min == edge.y_max {
                self.set(edge.y_min, edge.x_min, edge.x_max);
            }
        }
        let slanted: Vec<&Edge> = edges.iter().filter(|edge| edge.y_min != edge.y_max).collect();
        let bottom = bottom.min(height);
        let mut crossings = Vec::new();
        for y in top.max(0)..=bottom {
            crossings.clear();
            for (place, edge) in slanted.iter().enumerate() {
                if edge.has_row(y) {
                    let x = edge.x_at(y);
                    if y == edge.y_max && y < bottom {
                        // an end within the polygon counts twice, so that fillings stay between pairs
                        crossings.extend([x, x]);
                    } else if edge.ends_at(y) {
                        crossings.push(joined_corner(x, edge, &slanted[..place], y));
                    } else {
                        crossings.push(x);
                    }
                }
            }
            crossings.sort_unstable_by(f32::total_cmp);
            for pair in crossings.chunks_exact(2) {
                self.set(y, round_up(pair[0]), round_down(pair[1]));
            }
        }
    }

    /// The same grid with all cells set that are at most `reach` cells from a set one, centre to centre.
    pub(super) fn dilated(&self, reach: f64) -> Self {
        let last = self.rows.len().saturating_sub(1);
        let rows = (reach.max(0.0).floor() as usize).min(last);
        // how far a run reaches sideways in a row that is this far away
        let sideways: Vec<i64> = (0..=rows)
            .map(|away| {
                let left = reach * reach - (away as f64).powi(2);
                let mut dx = left.max(0.0).sqrt() as i64;
                while ((dx + 1) * (dx + 1)) as f64 <= left {
                    dx += 1;
                }
                while dx > 0 && (dx * dx) as f64 > left {
                    dx -= 1;
                }
                dx
            })
            .collect();
        // one row after the other, as there are far more runs before they are joined than after
        let mut grown = Vec::new();
        let grow = |y: usize| {
            grown.clear();
            for near in y.saturating_sub(rows)..=(y + rows).min(last) {
                let dx = sideways[near.abs_diff(y)];
                let runs = self.rows[near].iter();
                grown.extend(runs.map(|run| (run.start() - dx).max(0)..=(run.end() + dx).min(self.width - 1)));
            }
            tidy(&mut grown);
            grown.clone()
        };
        Self {
            width: self.width,
            rows: (0..self.rows.len()).map(grow).collect(),
        }
    }
}

/// Sorts the runs of a row and joins those that touch.
fn tidy(row: &mut Vec<RangeInclusive<i64>>) {
    row.sort_unstable_by_key(|run| (*run.start(), *run.end()));
    row.dedup_by(|run, before| {
        let touches = *run.start() <= before.end() + 1;
        if touches {
            *before = *before.start()..=*run.end().max(before.end());
        }
        touches
    });
}

/// Edges between the corners in order; a level edge that goes on in the direction of the one before it is joined to it.
fn edges(corners: &[(i64, i64)]) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::with_capacity(corners.len() + 1);
    for (place, pair) in corners.windows(2).enumerate() {
        let (from, to) = (pair[0], pair[1]);
        let before = place.checked_sub(1).map(|before| corners[before]);
        if let Some(before) = before.filter(|before| from.1 == to.1 && before.1 == from.1)
            && let Some(last) = edges.last_mut()
        {
            if to.0 > from.0 && from.0 > before.0 {
                last.x_max = to.0;
                continue;
            }
            if to.0 < from.0 && from.0 < before.0 {
                last.x_min = to.0;
                continue;
            }
        }
        edges.push(Edge::new(from, to));
    }
    if let (Some(first), Some(last)) = (corners.first(), corners.last())
        && first != last
    {
        edges.push(Edge::new(*last, *first));
    }
    edges
}

/// Where the filling begins or ends at a sharp corner that two edges make in this row, so that it touches the filling of the next row.
fn joined_corner(x: f32, edge: &Edge, earlier: &[&Edge], y: i64) -> f32 {
    for other in earlier {
        if !other.ends_at(y) || x.round().to_bits() != other.x_at(y).round().to_bits() {
            continue;
        }
        let beside = if y == edge.y_max { y - 1 } else { y + 1 };
        if !other.has_row(beside) {
            continue;
        }
        let (own, others) = (edge.x_at(beside), other.x_at(beside));
        if x > own + 1.0 && x > others + 1.0 {
            return own.max(others).round() + 1.0;
        }
        if x < own - 1.0 && x < others - 1.0 {
            return own.min(others).round() - 1.0;
        }
        break;
    }
    x
}

fn round_up(x: f32) -> i64 {
    let rounded = if x >= 0.0 {
        (x + 0.5).floor()
    } else {
        -(x.abs() + 0.5).floor()
    };
    rounded as i64
}

fn round_down(x: f32) -> i64 {
    let rounded = if x >= 0.0 {
        (x - 0.5).ceil()
    } else {
        -(x.abs() - 0.5).ceil()
    };
    rounded as i64
}

#[cfg(test)]
mod tests {
    use super::Runs;

    fn drawn(width: i64, height: i64, polygon: &[(i64, i64)]) -> Vec<String> {
        let mut runs = Runs::new(width, height);
        runs.fill(&[polygon.to_vec()]);
        (0..height)
            .map(|y| {
                (0..width)
                    .map(|x| if runs.contains(x, y) { '#' } else { '.' })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn borders_are_filled_too() {
        assert_eq!(
            drawn(5, 4, &[(1, 1), (3, 1), (3, 2), (1, 2), (1, 1)]),
            [".....", ".###.", ".###.", "....."]
        );
        // open or closed, whichever way round
        assert_eq!(
            drawn(5, 4, &[(1, 2), (3, 2), (3, 1), (1, 1)]),
            [".....", ".###.", ".###.", "....."]
        );
        // beyond the grid
        assert_eq!(drawn(3, 2, &[(-5, -5), (9, -5), (9, 9), (-5, 9)]), ["###", "###"]);
        // a line and a point
        assert_eq!(drawn(4, 2, &[(0, 1), (2, 1)]), ["....", "###."]);
        assert_eq!(drawn(2, 2, &[(1, 1)]), ["..", ".."]);
        assert_eq!(drawn(2, 2, &[]), ["..", ".."]);
    }

    #[test]
    fn triangles_reach_their_corners() {
        assert_eq!(
            drawn(6, 5, &[(0, 0), (5, 0), (0, 4), (0, 0)]),
            ["######", "#####.", "###...", "##....", "#....."]
        );
    }

    #[test]
    fn cells_are_those_of_pillow() {
        // as Pillow 13.0.0 draws them: ImageDraw.Draw(Image.new("L", (30, 10))).polygon(corners, fill=1, outline=1)
        assert_eq!(
            drawn(30, 10, &[(2, 1), (27, 3), (9, 8), (20, 0), (1, 9)]),
            [
                "....................#.........",
                "..#...............##..........",
                "..#############.##............",
                "..#############.############..",
                "..###########..#########......",
                "..########...########.........",
                ".#######....#####.............",
                ".#####....####................",
                ".###.....#....................",
                ".#............................",
            ]
        );
        assert_eq!(
            drawn(30, 10, &[(0, 0), (14, 9), (14, 2), (29, 2), (22, 2), (3, 7)]),
            [
                "#.............................",
                "###...........................",
                ".###..........################",
                ".#####........#####...........",
                "..#####.......#...............",
                "..#######..####...............",
                "...#####.######...............",
                "...#.......####...............",
                "............###...............",
                "..............#...............",
            ]
        );
        assert_eq!(
            drawn(30, 10, &[(-6, 4), (11, -5), (36, 6), (12, 5), (12, 13)]),
            [
                "..#####################.......",
                "##########################....",
                "############################..",
                "##############################",
                "##############################",
                "##############################",
                "#############.................",
                "#############.................",
                "..###########.................",
                "....#########.................",
            ]
        );
        assert_eq!(
            drawn(30, 10, &[(4, 2), (4, 2), (25, 8), (26, 8), (5, 2)]),
            [
                "..............................",
                "..............................",
                "....##........................",
                "........#.....................",
                "...........##.................",
                "...............#..............",
                "..................##..........",
                "......................#.......",
                ".........................##...",
                "..............................",
            ]
        );
    }

    #[test]
    fn dilation_is_that_of_every_cell() {
        let mut runs = Runs::new(40, 30);
        runs.fill(&[vec![(5, 5), (20, 8), (9, 22)], vec![(30, 25), (33, 28)]]);
        for reach in [0.0, 1.0, 2.5, 5.0, 50.0] {
            let grown = runs.dilated(reach);
            for y in 0..30 {
                for x in 0..40 {
                    let near = (0..30).any(|v| {
                        (0..40).any(|u| {
                            let square = (u - x) * (u - x) + (v - y) * (v - y);
                            runs.contains(u, v) && square as f64 <= reach * reach
                        })
                    });
                    assert_eq!(grown.contains(x, y), near, "{x} {y} {reach}");
                }
            }
        }
    }
}
