//! Triangles in a tree of boxes. The tree is built by `obvhs` (PLOC with reinsertion); rays walk it eight boxes at a time.

use glam::Vec3;
use obvhs::BvhBuildParams;
use obvhs::aabb::Aabb;
use obvhs::bvh2::Bvh2;
use obvhs::bvh2::builder::{build_bvh2, build_bvh2_from_tris};
use obvhs::triangle::Triangle;

use super::eight::{Node8, WAITING, widen};

/// A box with two children (at `first` and `first + 1`), or with `count` items from `first` on.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub(crate) struct Node {
    pub(crate) min: Vec3,
    pub(crate) first: u32,
    pub(crate) max: Vec3,
    pub(crate) count: u32,
}

/// A triangle as rays meet it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tri {
    pub(crate) a: Vec3,
    pub(crate) b: Vec3,
    pub(crate) c: Vec3,
    /// `(b - a) × (c - a)`, not of unit length.
    pub(crate) normal: Vec3,
}

impl Tri {
    pub(crate) fn new([a, b, c]: [Vec3; 3]) -> Self {
        Self {
            a,
            b,
            c,
            normal: (b - a).cross(c - a),
        }
    }

    pub(crate) fn low(&self) -> Vec3 {
        self.a.min(self.b).min(self.c)
    }

    pub(crate) fn high(&self) -> Vec3 {
        self.a.max(self.b).max(self.c)
    }
}

/// How deep a tree may be: obvhs's own stack holds 96.
pub(crate) const STACK: usize = 96;

/// A tree and the order in which its leaves hold the items. Items may stand in several leaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    pub(crate) order: Vec<u32>,
}

/// The same with nodes of eight boxes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree8 {
    pub(crate) nodes: Vec<Node8>,
    pub(crate) order: Vec<u32>,
}

impl Tree8 {
    /// A tree over triangles: slow to build and quick to walk.
    pub(crate) fn of_triangles(corners: &[[Vec3; 3]]) -> Self {
        Self::build(corners, corners.len() > 4096)
    }

    /// A tree over triangles for rays along z: how high its boxes are matters little. Their heights are to be fitted anew.
    pub(crate) fn of_triangles_from_above(corners: &[[Vec3; 3]]) -> Self {
        let flat: Vec<[Vec3; 3]> = corners
            .iter()
            .map(|triangle| triangle.map(|p| p * Vec3::new(1.0, 1.0, 0.02)))
            .collect();
        Self::build(&flat, false)
    }

    fn build(corners: &[[Vec3; 3]], pre_split: bool) -> Self {
        let triangles: Vec<Triangle> = corners
            .iter()
            .map(|[a, b, c]| Triangle {
                v0: (*a).into(),
                v1: (*b).into(),
                v2: (*c).into(),
            })
            .collect();
        let config = BvhBuildParams {
            pre_split,
            max_prims_per_leaf: 4,
            // Measured on a town of 290,000 triangles: against 0.05, frames come a fifth faster, and building takes a quarter of a
            // second more.
            reinsertion_batch_ratio: 0.3,
            ..BvhBuildParams::medium_build()
        };
        let found = build_bvh2_from_tris(&triangles, config, &mut std::time::Duration::default());
        let balanced = || {
            let bounds = |i: u32| {
                let tri = Tri::new(corners[i as usize]);
                (tri.low(), tri.high())
            };
            Tree::balanced(&found.primitive_indices, bounds)
        };
        let mut tree = Tree::from_obvhs(&found).unwrap_or_else(balanced);
        let (mut nodes, mut waiting) = widen(&tree.nodes);
        if waiting > WAITING {
            // A balanced tree of 2³² items has 30 levels, and 7 boxes wait at each.
            tree = balanced();
            (nodes, waiting) = widen(&tree.nodes);
        }
        debug_assert!(waiting <= WAITING);
        Self {
            nodes,
            order: tree.order,
        }
    }
}

impl Tree {
    /// A tree over boxes, quick to build.
    pub(crate) fn of_boxes(boxes: &[(Vec3, Vec3)]) -> Self {
        let items: Vec<Aabb> = boxes
            .iter()
            .map(|(low, high)| Aabb::new((*low).into(), (*high).into()))
            .collect();
        let config = BvhBuildParams {
            max_prims_per_leaf: 1,
            ..BvhBuildParams::very_fast_build()
        };
        let tree = build_bvh2(&items, config, &mut std::time::Duration::default());
        Self::from_obvhs(&tree).unwrap_or_else(|| Self::balanced(&tree.primitive_indices, |i| boxes[i as usize]))
    }

    /// The same tree in our layout; `None` for one too deep for the stacks of our walks, as many equal items make it.
    fn from_obvhs(tree: &Bvh2) -> Option<Self> {
        if tree.primitive_indices.is_empty() {
            return Some(Self::default());
        }
        let mut order = Vec::with_capacity(tree.primitive_indices.len());
        let mut nodes = vec![
            Node {
                min: Vec3::ZERO,
                first: 0,
                max: Vec3::ZERO,
                count: 0,
            };
            tree.nodes.len()
        ];
        // Depth first, so that parents come before their children and neighbours in space are neighbours in memory.
        let mut next = 1;
        let mut stack = vec![(0_usize, 0_usize, 1_usize)];
        while let Some((from, to, depth)) = stack.pop() {
            if depth + 2 > STACK {
                return None;
            }
            let source = &tree.nodes[from];
            let first;
            if source.is_leaf() {
                first = order.len();
                let start = source.first_index as usize;
                order.extend_from_slice(&tree.primitive_indices[start..start + source.prim_count as usize]);
            } else {
                first = next;
                next += 2;
                let child = source.first_index as usize;
                stack.push((child + 1, first + 1, depth + 1));
                stack.push((child, first, depth + 1));
            }
            nodes[to] = Node {
                min: source.aabb().min.into(),
                first: first as u32,
                max: source.aabb().max.into(),
                count: source.prim_count,
            };
        }
        nodes.truncate(next);
        Some(Self { nodes, order })
    }

    /// A tree that halves a list again and again.
    fn balanced(items: &[u32], bounds: impl Fn(u32) -> (Vec3, Vec3)) -> Self {
        let empty = Node {
            min: Vec3::splat(f32::INFINITY),
            first: 0,
            max: Vec3::splat(f32::NEG_INFINITY),
            count: 0,
        };
        let mut nodes = vec![empty];
        let mut stack = vec![(0, 0..items.len())];
        while let Some((at, range)) = stack.pop() {
            let (min, max) = items[range.clone()]
                .iter()
                .map(|i| bounds(*i))
                .fold((empty.min, empty.max), |(low, high), (min, max)| {
                    (low.min(min), high.max(max))
                });
            let leaf = range.len() <= 4;
            nodes[at] = Node {
                min,
                first: if leaf { range.start } else { nodes.len() } as u32,
                max,
                count: if leaf { range.len() as u32 } else { 0 },
            };
            if !leaf {
                let middle = usize::midpoint(range.start, range.end);
                stack.push((nodes.len() + 1, middle..range.end));
                stack.push((nodes.len(), range.start..middle));
                nodes.extend([empty; 2]);
            }
        }
        Self {
            nodes,
            order: items.to_vec(),
        }
    }
}

/// What may meet a box. A trait and not a closure, which compilers leave as a call.
pub(crate) trait Meets {
    fn meets(&self, low: Vec3, high: Vec3) -> bool;
}

/// A walk through a tree over boxes: its items, one after the other, but for those in boxes that nothing meets.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    tree: &'a Tree,
    leaf: &'a [u32],
    stack: [u32; STACK],
    depth: usize,
}

impl<'a> Visit<'a> {
    #[inline(always)]
    pub(crate) fn new(tree: &'a Tree) -> Self {
        Self {
            tree,
            leaf: &[],
            stack: [0; STACK],
            depth: usize::from(!tree.nodes.is_empty()),
        }
    }

    /// The next item, of boxes grown by `pad`; the subject may have changed since the last.
    #[inline(always)]
    pub(crate) fn next(&mut self, subject: &impl Meets, pad: Vec3) -> Option<u32> {
        loop {
            if let Some((item, rest)) = self.leaf.split_first() {
                self.leaf = rest;
                return Some(*item);
            }
            if self.depth == 0 {
                return None;
            }
            self.depth -= 1;
            let node = &self.tree.nodes[self.stack[self.depth] as usize];
            if !subject.meets(node.min - pad, node.max + pad) {
                continue;
            }
            if node.count > 0 {
                self.leaf = &self.tree.order[node.first as usize..(node.first + node.count) as usize];
            } else {
                self.stack[self.depth] = node.first + 1;
                self.stack[self.depth + 1] = node.first;
                self.depth += 2;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::LANES;
    use super::*;

    fn holds(tree: &Tree8, items: usize, bounds: impl Fn(u32) -> (Vec3, Vec3)) {
        let mut seen = vec![false; items];
        let mut stack = vec![(0, (Vec3::splat(f32::NEG_INFINITY), Vec3::splat(f32::INFINITY)))];
        while let Some((at, around)) = stack.pop() {
            let node: &Node8 = &tree.nodes[at];
            for lane in 0..LANES {
                let (low, high) = (node.low(lane), node.high(lane));
                if low.x > high.x {
                    continue;
                }
                assert!(low.cmpge(around.0).all() && high.cmple(around.1).all());
                let (first, count) = (node.first[lane] as usize, node.count[lane] as usize);
                if count == 0 {
                    assert!(first > at);
                    stack.push((first, (low, high)));
                }
                for item in &tree.order[first.min(tree.order.len())..][..count] {
                    let own = bounds(*item);
                    assert!(own.0.cmpge(low).all() && own.1.cmple(high).all());
                    seen[*item as usize] = true;
                }
            }
        }
        assert!(seen.iter().all(|s| *s));
    }

    fn wide(tree: Tree) -> Tree8 {
        let (nodes, waiting) = widen(&tree.nodes);
        assert!(waiting <= WAITING);
        Tree8 {
            nodes,
            order: tree.order,
        }
    }

    #[test]
    fn many_equal_triangles_make_no_deep_tree() {
        let corners = vec![[Vec3::ZERO, Vec3::X, Vec3::Y]; 4000];
        let tree = Tree8::of_triangles(&corners);
        holds(&tree, corners.len(), |_| (Vec3::ZERO, Vec3::new(1.0, 1.0, 0.0)));
    }

    #[test]
    fn a_balanced_tree_holds_everything() {
        let place = |i: u32| Vec3::splat((i * 7 % 100) as f32);
        let items: Vec<u32> = (0..100).collect();
        let bounds = |i: u32| (place(i), place(i) + Vec3::ONE);
        holds(&wide(Tree::balanced(&items, bounds)), 100, bounds);
        let boxes: Vec<_> = items.iter().map(|i| bounds(*i)).collect();
        holds(&wide(Tree::of_boxes(&boxes)), 100, bounds);
    }
}
