//! Coordinate frames: which sensor sits where on the vehicle.

use std::collections::BTreeMap;

/// Names that logs give the vehicle's own frame.
const EGO: [&str; 8] = [
    "base_link",
    "ego",
    "ego_vehicle",
    "vehicle",
    "base",
    "base_footprint",
    "body",
    "chassis",
];
/// Names of frames that stand still on the ground.
const WORLD: [&str; 7] = ["map", "odom", "world", "earth", "global", "utm", "enu"];
/// A tree deeper than this is a loop.
const MAX_DEPTH: usize = 64;
/// More frames than any vehicle has; the limit bounds the memory.
const MAX_FRAMES: usize = 10_000;
/// Transforms that differ by no more than this are the same, m and unit quaternion.
const SAME: f64 = 1e-9;

/// ROS 1 logs write frames with or without a leading slash.
pub(crate) fn plain(frame: &str) -> &str {
    frame.trim_start_matches('/')
}

pub(crate) fn is_ego(frame: &str) -> bool {
    EGO.contains(&plain(frame))
}

pub(crate) fn is_world(frame: &str) -> bool {
    WORLD.contains(&plain(frame))
}

/// `parent_from_child`: translation in m and unit quaternion `w x y z`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rigid {
    pub(crate) t: [f64; 3],
    pub(crate) q: [f64; 4],
}

impl Rigid {
    pub(crate) const IDENTITY: Self = Self {
        t: [0.0; 3],
        q: [1.0, 0.0, 0.0, 0.0],
    };

    /// `None` for numbers that are no rigid transform.
    pub(crate) fn new(t: [f64; 3], q: [f64; 4]) -> Option<Self> {
        let q = unit(q)?;
        t.iter().all(|v| v.is_finite()).then_some(Self { t, q })
    }

    /// `a_from_b.then(b_from_c)` is `a_from_c`.
    pub(crate) fn then(self, next: Self) -> Self {
        let moved = rotate(self.q, next.t);
        Self {
            t: std::array::from_fn(|i| self.t[i] + moved[i]),
            q: multiply(self.q, next.q),
        }
    }

    fn is_near(self, other: Self) -> bool {
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= SAME);
        // A quaternion and its negative are the same rotation.
        near(&self.t, &other.t) && (near(&self.q, &other.q) || near(&self.q, &other.q.map(|v| -v)))
    }
}

/// The quaternion scaled to length one; `None` when it has no direction.
pub(crate) fn unit(q: [f64; 4]) -> Option<[f64; 4]> {
    let norm = q.iter().map(|v| v * v).sum::<f64>().sqrt();
    (norm.is_finite() && norm > 1e-6).then(|| q.map(|v| v / norm))
}

fn multiply(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
    [
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    ]
}

fn rotate(q: [f64; 4], v: [f64; 3]) -> [f64; 3] {
    let [_, x, y, z] = multiply(multiply(q, [0.0, v[0], v[1], v[2]]), [q[0], -q[1], -q[2], -q[3]]);
    [x, y, z]
}

#[derive(Debug)]
struct Edge {
    parent: String,
    parent_from_child: Rigid,
    constant: bool,
}

/// The transforms of a log, as far as they stay the same throughout.
#[derive(Debug, Default)]
pub(crate) struct TransformTree {
    edges: BTreeMap<String, Edge>,
}

impl TransformTree {
    /// Notes a transform; `false` when there are more frames than are kept.
    pub(crate) fn insert(&mut self, parent: &str, child: &str, parent_from_child: Rigid) -> bool {
        let (parent, child) = (plain(parent), plain(child));
        if let Some(edge) = self.edges.get_mut(child) {
            if edge.parent != parent || !edge.parent_from_child.is_near(parent_from_child) {
                edge.constant = false;
            }
            return true;
        }
        if self.edges.len() >= MAX_FRAMES {
            return false;
        }
        self.edges.insert(
            child.to_owned(),
            Edge {
                parent: parent.to_owned(),
                parent_from_child,
                constant: true,
            },
        );
        true
    }

    /// `ego_from_frame`, through transforms that never change. `None` when there is no such chain.
    pub(crate) fn ego_from(&self, frame: &str) -> Option<Rigid> {
        let mut at = plain(frame);
        let mut at_from_frame = Rigid::IDENTITY;
        for _ in 0..MAX_DEPTH {
            if is_ego(at) {
                // Finite steps may add up to what is not.
                return Some(at_from_frame).filter(|rigid| rigid.t.iter().all(|value| value.is_finite()));
            }
            let edge = self.edges.get(at).filter(|edge| edge.constant)?;
            at_from_frame = edge.parent_from_child.then(at_from_frame);
            at = &edge.parent;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;

    #[test]
    fn chains_compose_towards_the_ego_frame() {
        let mut tree = TransformTree::default();
        // The mast stands 1 m ahead and is turned left by 90°; the camera sits 2 m along the mast's x, which is ego's y.
        let mast = Rigid::new([1.0, 0.0, 0.0], [HALF, 0.0, 0.0, HALF]).unwrap();
        tree.insert("/base_link", "mast", mast);
        tree.insert(
            "mast",
            "camera",
            Rigid::new([2.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]).unwrap(),
        );
        let camera = tree.ego_from("camera").unwrap();
        for (got, want) in camera.t.iter().zip([1.0, 2.0, 0.0]) {
            assert!((got - want).abs() < 1e-12, "{camera:?}");
        }
        assert_eq!(tree.ego_from("base_link"), Some(Rigid::IDENTITY));
        assert_eq!(tree.ego_from("lidar"), None);
    }

    #[test]
    fn a_moving_edge_and_a_loop_give_nothing() {
        let mut tree = TransformTree::default();
        tree.insert("base_link", "arm", Rigid::IDENTITY);
        tree.insert(
            "base_link",
            "arm",
            Rigid::new([0.1, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]).unwrap(),
        );
        assert_eq!(tree.ego_from("arm"), None);
        tree.insert("a", "b", Rigid::IDENTITY);
        tree.insert("b", "a", Rigid::IDENTITY);
        assert_eq!(tree.ego_from("a"), None);
        assert_eq!(Rigid::new([0.0; 3], [0.0; 4]), None);
    }

    #[test]
    fn a_chain_longer_than_floats_reach_gives_nothing() {
        let far = Rigid::new([1e308, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]).unwrap();
        let mut tree = TransformTree::default();
        tree.insert("base_link", "mast", far);
        tree.insert("mast", "camera", far);
        assert_eq!(tree.ego_from("mast"), Some(far));
        assert_eq!(tree.ego_from("camera"), None);
    }
}
