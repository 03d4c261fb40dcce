//! Trees whose nodes hold eight boxes, side by side: one look at a node tells which of them a bundle of rays may enter.

use glam::Vec3;

use super::bvh::Node;
use super::lanes::{F8, LANES};

/// Names nothing.
const NOTHING: u32 = u32::MAX;

/// Boxes that may wait for their turn in a walk.
pub(crate) const WAITING: usize = 256;

/// Eight boxes, and what is in each.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Node8 {
    /// The lower ends of the boxes along each axis, then the upper ones.
    pub(crate) x: [F8; 2],
    pub(crate) y: [F8; 2],
    pub(crate) z: [F8; 2],
    /// The node in a box; or, with a count, its first item.
    pub(crate) first: [u32; LANES],
    /// Items in a box; 0 for one with a node.
    pub(crate) count: [u32; LANES],
}

impl Node8 {
    /// Places without a box hold one that nothing meets.
    const EMPTY: Self = Self {
        x: [F8([f32::INFINITY; LANES]), F8([f32::NEG_INFINITY; LANES])],
        y: [F8([f32::INFINITY; LANES]), F8([f32::NEG_INFINITY; LANES])],
        z: [F8([f32::INFINITY; LANES]), F8([f32::NEG_INFINITY; LANES])],
        first: [NOTHING; LANES],
        count: [0; LANES],
    };

    #[inline(always)]
    pub(crate) fn low(&self, lane: usize) -> Vec3 {
        Vec3::new(self.x[0].0[lane], self.y[0].0[lane], self.z[0].0[lane])
    }

    #[inline(always)]
    pub(crate) fn high(&self, lane: usize) -> Vec3 {
        Vec3::new(self.x[1].0[lane], self.y[1].0[lane], self.z[1].0[lane])
    }

    #[inline(always)]
    fn set(&mut self, lane: usize, (low, high): (Vec3, Vec3)) {
        (self.x[0].0[lane], self.y[0].0[lane], self.z[0].0[lane]) = low.into();
        (self.x[1].0[lane], self.y[1].0[lane], self.z[1].0[lane]) = high.into();
    }

    /// The box around all boxes.
    #[inline(always)]
    pub(crate) fn bounds(&self) -> (Vec3, Vec3) {
        (
            Vec3::new(self.x[0].lowest(), self.y[0].lowest(), self.z[0].lowest()),
            Vec3::new(self.x[1].highest(), self.y[1].highest(), self.z[1].highest()),
        )
    }

    /// The same node where its items and its nodes have moved on by these numbers.
    pub(crate) fn shift(&mut self, nodes: u32, items: u32) {
        for (first, count) in self.first.iter_mut().zip(self.count) {
            if *first != NOTHING {
                *first += if count > 0 { items } else { nodes };
            }
        }
    }
}

/// What waits in a walk: a node, or with a count items, and how far away it is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Waiting {
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) near: f32,
}

/// Boxes that wait. One for all walks of a bundle: to clear it costs as much as a look at some nodes.
#[derive(Debug)]
pub(crate) struct Stack {
    items: [Waiting; WAITING],
    depth: usize,
}

impl Stack {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self {
            items: [Waiting::default(); WAITING],
            depth: 0,
        }
    }

    /// Begins a walk.
    #[inline(always)]
    pub(crate) fn begin(&mut self) {
        self.depth = 0;
    }

    /// Adds these boxes of a node, the nearest to be taken first.
    #[inline(always)]
    pub(crate) fn push(&mut self, node: &Node8, mut lanes: u32, near: &F8) {
        let base = self.depth;
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as usize & (LANES - 1);
            lanes &= lanes - 1;
            let next = Waiting {
                first: node.first[lane],
                count: node.count[lane],
                near: near.0[lane],
            };
            let mut at = self.depth;
            while at > base && self.items[at - 1].near < next.near {
                self.items[at] = self.items[at - 1];
                at -= 1;
            }
            self.items[at] = next;
            self.depth += 1;
        }
    }

    /// The next box that is not farther than this.
    #[inline(always)]
    pub(crate) fn pop(&mut self, far: f32) -> Option<Waiting> {
        while self.depth > 0 {
            self.depth -= 1;
            let next = self.items[self.depth];
            if next.near <= far {
                return Some(next);
            }
        }
        None
    }
}

/// A tree of binary nodes with eight children each, parents before their children; and how many boxes may wait in a walk.
pub(crate) fn widen(nodes: &[Node]) -> (Vec<Node8>, usize) {
    let mut out = Vec::with_capacity(nodes.len() / 4 + 1);
    let mut most = 1;
    if nodes.is_empty() {
        return (out, most);
    }
    out.push(Node8::EMPTY);
    // From a binary node to its place, with the boxes that wait beside it.
    let mut todo = vec![(0_usize, 0_usize, 0_usize)];
    while let Some((from, to, beside)) = todo.pop() {
        let mut children = [0; LANES];
        let mut count = 1;
        children[0] = from;
        // The largest box is opened first: most rays enter it anyway.
        while count < LANES {
            let largest = (0..count)
                .filter(|i| nodes[children[*i]].count == 0)
                .max_by(|a, b| area(&nodes[children[*a]]).total_cmp(&area(&nodes[children[*b]])));
            let Some(largest) = largest else {
                break;
            };
            let first = nodes[children[largest]].first as usize;
            children[largest] = first;
            children[count] = first + 1;
            count += 1;
        }
        most = most.max(beside + count);
        for (lane, child) in children[..count].iter().enumerate() {
            let node = &nodes[*child];
            out[to].set(lane, (node.min, node.max));
            out[to].count[lane] = node.count;
            out[to].first[lane] = node.first;
            if node.count == 0 {
                out[to].first[lane] = out.len() as u32;
                todo.push((*child, out.len(), beside + count - 1));
                out.push(Node8::EMPTY);
            }
        }
    }
    (out, most)
}

/// Half the surface of a box.
fn area(node: &Node) -> f32 {
    let size = node.max - node.min;
    size.x * size.y + size.y * size.z + size.z * size.x
}

/// Takes the boxes with items from these (numbered in leaf order), and all others from the nodes in them.
pub(crate) fn refit(nodes: &mut [Node8], bounds: impl Fn(usize) -> (Vec3, Vec3)) {
    for i in (0..nodes.len()).rev() {
        for lane in 0..LANES {
            let (first, count) = (nodes[i].first[lane] as usize, nodes[i].count[lane] as usize);
            if nodes[i].first[lane] == NOTHING {
                continue;
            }
            let mut around = if count > 0 {
                bounds(first)
            } else {
                nodes[first].bounds()
            };
            for item in first + 1..first + count {
                let (low, high) = bounds(item);
                around = (around.0.min(low), around.1.max(high));
            }
            nodes[i].set(lane, around);
        }
    }
}
