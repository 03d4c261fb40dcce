//! Finding what lies at a place.

use std::sync::OnceLock;

use glam::Vec2;

use super::Lane;

/// Items in square cells by their bounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Grid {
    origin: Vec2,
    cell: f32,
    size: [usize; 2],
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Grid {
    /// Of boxes (smallest and largest corner), with cells of about this size, m.
    pub(super) fn new(boxes: &[(Vec2, Vec2)], cell: f32) -> Self {
        let Some(first) = boxes.first() else {
            return Self::default();
        };
        let (low, high) = boxes
            .iter()
            .fold(*first, |(low, high), (a, b)| (low.min(*a), high.max(*b)));
        let extent = high - low;
        let mut cell = cell.max(extent.max_element() / 1024.0).max(0.01);
        // A few boxes as large as everything must not fill every cell.
        let cells = |cell: f32| -> f64 {
            let count = |a: f32, b: f32| f64::from((b - a) / cell) + 1.0;
            boxes.iter().map(|(a, b)| count(a.x, b.x) * count(a.y, b.y)).sum()
        };
        while cells(cell) > 16.0 * boxes.len() as f64 + 1e5 {
            cell *= 2.0;
        }
        let size = [(extent.x / cell) as usize + 1, (extent.y / cell) as usize + 1];
        let mut grid = Self {
            origin: low,
            cell,
            size,
            starts: vec![0; size[0] * size[1] + 1],
            items: Vec::new(),
        };
        for (a, b) in boxes {
            grid.each(*a, *b, |grid, c| grid.starts[c + 1] += 1);
        }
        for c in 1..grid.starts.len() {
            grid.starts[c] += grid.starts[c - 1];
        }
        let mut next = grid.starts.clone();
        grid.items = vec![0; grid.starts.last().copied().unwrap_or(0) as usize];
        for (i, (a, b)) in boxes.iter().enumerate() {
            grid.each(*a, *b, |grid, c| {
                grid.items[next[c] as usize] = i as u32;
                next[c] += 1;
            });
        }
        grid
    }

    fn each(&mut self, a: Vec2, b: Vec2, mut f: impl FnMut(&mut Self, usize)) {
        let (i0, j0) = self.cell_of(a);
        let (i1, j1) = self.cell_of(b);
        for j in j0..=j1 {
            for i in i0..=i1 {
                let c = j * self.size[0] + i;
                f(self, c);
            }
        }
    }

    fn cell_of(&self, p: Vec2) -> (usize, usize) {
        let q = ((p - self.origin) / self.cell).max(Vec2::ZERO);
        (
            (q.x as usize).min(self.size[0] - 1),
            (q.y as usize).min(self.size[1] - 1),
        )
    }

    /// Indices of the boxes that may touch this one, ascending, each once.
    pub(super) fn touching(&self, low: Vec2, high: Vec2) -> Vec<u32> {
        let mut found = Vec::new();
        let end = self.origin + self.cell * Vec2::new(self.size[0] as f32, self.size[1] as f32);
        if self.items.is_empty() || high.cmplt(self.origin).any() || low.cmpgt(end).any() {
            return found;
        }
        let ((i0, j0), (i1, j1)) = (self.cell_of(low), self.cell_of(high));
        for j in j0..=j1 {
            for i in i0..=i1 {
                found.extend_from_slice(self.at(j * self.size[0] + i));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Boxes that may hold this point.
    pub(super) fn under(&self, p: Vec2) -> &[u32] {
        if self.items.is_empty() {
            return &[];
        }
        let (i, j) = self.cell_of(p);
        self.at(j * self.size[0] + i)
    }

    fn at(&self, c: usize) -> &[u32] {
        &self.items[self.starts[c] as usize..self.starts[c + 1] as usize]
    }

    /// Side of a cell, m, and the largest distance worth searching from a point, m.
    pub(super) fn reach(&self, p: Vec2) -> (f32, f32) {
        let end = self.origin + self.cell * Vec2::new(self.size[0] as f32, self.size[1] as f32);
        (self.cell, (p - self.origin).abs().max((p - end).abs()).length())
    }
}

/// Finds lanes by place. Built from the lanes when first used; changing lanes after that needs a new one.
#[derive(Debug, Clone, Default)]
pub struct LaneIndex(OnceLock<Segments>);

#[derive(Debug, Clone, Default)]
pub(super) struct Segments {
    /// Lane and segment of its centre line.
    pub(super) of: Vec<(u32, u32)>,
    pub(super) grid: Grid,
}

impl LaneIndex {
    pub(super) fn get(&self, lanes: &[Lane]) -> &Segments {
        self.0.get_or_init(|| {
            let mut of = Vec::new();
            let mut boxes = Vec::new();
            for lane in lanes {
                for (i, pair) in lane.center.points().windows(2).enumerate() {
                    of.push((lane.id.0, i as u32));
                    let (a, b) = (pair[0].truncate(), pair[1].truncate());
                    boxes.push((a.min(b), a.max(b)));
                }
            }
            Segments {
                of,
                grid: Grid::new(&boxes, 12.0),
            }
        })
    }
}
