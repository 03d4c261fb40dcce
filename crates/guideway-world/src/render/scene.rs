//! What stands and what moves, as triangles in world coordinates with trees over them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use glam::{Affine3A, Mat3A, Vec3};
use rayon::prelude::*;

use super::bvh::{Node, Tree, Tri, refit};
use super::maths::rotation_z;
use super::{ObjectId, STATIC_BASE};
use crate::environment::Environment;
use crate::material::{Material, Switch};
use crate::mesh::Mesh;
use crate::state::{ActorState, Lamps, SignalState};

/// A triangle's looks: its corners' normals in the frame of its mesh, and its material.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Face {
    pub(crate) normals: [Vec3; 3],
    pub(crate) material: u32,
    /// All three normals are the triangle's own.
    pub(crate) flat: bool,
}

/// A mesh made ready for rays; triangles in the order of the tree's leaves.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Keeps the mesh alive, so that its address stays its name.
    mesh: Arc<Mesh>,
    nodes: Vec<Node>,
    corners: Vec<[Vec3; 3]>,
    pub(crate) faces: Vec<Face>,
}

impl Shape {
    /// Triangles with corners that are not there or not finite, or without area, are left out: no ray meets them.
    fn new(mesh: Arc<Mesh>, with_tree: bool) -> Self {
        let mut corners = Vec::with_capacity(mesh.triangles.len());
        let mut faces = Vec::with_capacity(mesh.triangles.len());
        for (triangle, material) in mesh.triangles.iter().zip(&mesh.materials) {
            let at = |i: u32| mesh.positions.get(i as usize).copied();
            let [Some(a), Some(b), Some(c)] = triangle.map(at) else {
                continue;
            };
            let tri = Tri::new([a, b, c]);
            let usable = tri.normal.is_finite() && tri.normal != Vec3::ZERO;
            if !usable || usize::from(*material) >= mesh.palette.len() {
                continue;
            }
            let own = tri.normal.normalize_or(Vec3::Z);
            let normals = triangle.map(|i| mesh.normals.get(i as usize).copied().unwrap_or(own));
            corners.push([a, b, c]);
            faces.push(Face {
                normals,
                material: u32::from(*material),
                flat: normals.iter().all(|n| n.dot(own).abs() > 0.9999),
            });
        }
        if !with_tree {
            return Self {
                mesh,
                nodes: Vec::new(),
                corners,
                faces,
            };
        }
        let tree = Tree::of_triangles(&corners);
        Self {
            mesh,
            nodes: tree.nodes,
            corners: tree.order.iter().map(|i| corners[*i as usize]).collect(),
            faces: tree.order.iter().map(|i| faces[*i as usize]).collect(),
        }
    }

    pub(crate) fn material(&self, index: u32) -> &Material {
        &self.mesh.palette[index as usize]
    }
}

/// A shape at its place.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) shape: Arc<Shape>,
    pub(crate) mesh_from_world: Affine3A,
    /// Turns normals of the mesh into the world's, up to their length.
    pub(crate) normals: Mat3A,
    pub(crate) object: ObjectId,
    /// Signal whose lamps it shows.
    pub(crate) signal: Option<u32>,
    /// Index of its actor in [`Moving`], for what moves.
    pub(crate) actor: u32,
    /// Switches that are on, as bits.
    pub(crate) lit: u32,
}

/// Which instance a triangle belongs to, and which face of its shape it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) instance: u32,
    pub(crate) face: u32,
}

/// Everything that stands still.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) nodes: Vec<Node>,
    pub(crate) tris: Vec<Tri>,
    pub(crate) owners: Vec<Owner>,
    pub(crate) instances: Vec<Instance>,
    /// Labelled things alone.
    pub(crate) objects: BTreeMap<ObjectId, Alone>,
}

/// A labelled thing that stands still, alone.
#[derive(Debug, Default)]
pub(crate) struct Alone {
    pub(crate) nodes: Vec<Node>,
    pub(crate) tris: Vec<Tri>,
}

impl Alone {
    fn new(corners: &[[Vec3; 3]]) -> Self {
        let tree = Tree::of_triangles(corners);
        Self {
            nodes: tree.nodes,
            tris: tree.order.iter().map(|i| Tri::new(corners[*i as usize])).collect(),
        }
    }
}

impl Standing {
    pub(crate) fn new(environment: &Environment) -> Self {
        let mut shapes: HashMap<*const Mesh, Arc<Shape>> = HashMap::new();
        let mut corners = Vec::new();
        let mut owners = Vec::new();
        let mut instances = Vec::new();
        let mut objects: BTreeMap<ObjectId, Vec<[Vec3; 3]>> = BTreeMap::new();
        for piece in &environment.pieces {
            let shape = shapes
                .entry(Arc::as_ptr(&piece.mesh))
                .or_insert_with(|| Arc::new(Shape::new(Arc::clone(&piece.mesh), false)));
            let place = piece.world_from_mesh;
            let object = piece.object.map_or(0, |i| STATIC_BASE + i);
            for (face, triangle) in shape.corners.iter().enumerate() {
                let moved = triangle.map(|p| place.transform_point3(p));
                let normal = Tri::new(moved).normal;
                if normal.is_finite() && normal != Vec3::ZERO {
                    corners.push(moved);
                    if object != 0 {
                        objects.entry(object).or_default().push(moved);
                    }
                    owners.push(Owner {
                        instance: instances.len() as u32,
                        face: face as u32,
                    });
                }
            }
            instances.push(Instance::new(Arc::clone(shape), place, object, piece.signal, 0, 0));
        }
        let tree = Tree::of_triangles(&corners);
        Self {
            nodes: tree.nodes,
            tris: tree.order.iter().map(|i| Tri::new(corners[*i as usize])).collect(),
            owners: tree.order.iter().map(|i| owners[*i as usize]).collect(),
            instances,
            objects: objects.iter().map(|(id, corners)| (*id, Alone::new(corners))).collect(),
        }
    }
}

impl Instance {
    fn new(
        shape: Arc<Shape>,
        world_from_mesh: Affine3A,
        object: ObjectId,
        signal: Option<u32>,
        actor: u32,
        lit: u32,
    ) -> Self {
        let inverse = world_from_mesh.inverse();
        Self {
            shape,
            mesh_from_world: inverse,
            normals: inverse.matrix3.transpose(),
            object,
            signal,
            actor,
            lit,
        }
    }
}

/// How an actor moves during an exposure or a sweep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Motion {
    pub(crate) position: Vec3,
    pub(crate) velocity: Vec3,
    pub(crate) yaw_rate: f32,
}

impl Motion {
    pub(crate) const STILL: Self = Self {
        position: Vec3::ZERO,
        velocity: Vec3::ZERO,
        yaw_rate: 0.0,
    };

    pub(crate) fn of(actor: &ActorState) -> Self {
        Self {
            position: actor.position,
            velocity: actor.velocity,
            yaw_rate: actor.yaw_rate,
        }
    }

    pub(crate) fn is_still(&self) -> bool {
        self.velocity == Vec3::ZERO && self.yaw_rate == 0.0
    }

    /// From the actor's place `dt` seconds after the snapshot to its place at the snapshot.
    pub(crate) fn snapshot_from_then(&self, dt: f32) -> Affine3A {
        Affine3A::from_translation(self.position)
            * Affine3A::from_mat3(rotation_z(-self.yaw_rate * dt))
            * Affine3A::from_translation(-(self.position + self.velocity * dt))
    }

    /// Velocity of a point of the actor, m/s.
    pub(crate) fn velocity_at(&self, point: Vec3) -> Vec3 {
        let arm = point - self.position;
        self.velocity + Vec3::new(-self.yaw_rate * arm.y, self.yaw_rate * arm.x, 0.0)
    }
}

/// An actor as rays meet it.
#[derive(Debug, Clone)]
pub(crate) struct Mover {
    pub(crate) object: ObjectId,
    pub(crate) motion: Motion,
    /// Box around it.
    pub(crate) low: Vec3,
    pub(crate) high: Vec3,
    /// Roots of its parts' trees.
    pub(crate) roots: std::ops::Range<u32>,
    /// Half length, half width and direction of its footprint: what darkens the ground below it.
    pub(crate) footprint: [f32; 2],
    pub(crate) forward: Vec3,
}

impl Mover {
    /// How much its box must grow to hold it `dt` seconds away from the snapshot.
    #[inline(always)]
    pub(crate) fn pad(&self, dt: f32) -> Vec3 {
        if dt == 0.0 {
            return Vec3::ZERO;
        }
        let turn = (self.motion.yaw_rate * dt).abs() * (self.high - self.low).max_element();
        (self.motion.velocity * dt).abs() + Vec3::new(turn, turn, 0.0)
    }
}

/// Everything that moves, the ego vehicle last.
#[derive(Debug, Default)]
pub(crate) struct Moving {
    pub(crate) nodes: Vec<Node>,
    pub(crate) tris: Vec<Tri>,
    pub(crate) owners: Vec<Owner>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) movers: Vec<Mover>,
    pub(crate) roots: Vec<u32>,
    /// How many of the movers sensors see: all but the ego vehicle.
    pub(crate) seen: usize,
    /// A tree over the boxes of the movers that sensors see.
    pub(crate) top: Tree,
    /// How far the fastest point of a mover gets in a second, m.
    pub(crate) reach: f32,
    key: Vec<ActorState>,
}

/// One part to be moved to its place: from its shape, to its slices of nodes and triangles.
struct Job<'a> {
    shape: &'a Shape,
    world_from_mesh: Affine3A,
    instance: u32,
    first_node: u32,
    first_tri: u32,
    nodes: &'a mut [Node],
    tris: &'a mut [Tri],
    owners: &'a mut [Owner],
}

impl Job<'_> {
    fn run(self) {
        for (face, ((tri, owner), corners)) in self
            .tris
            .iter_mut()
            .zip(self.owners)
            .zip(&self.shape.corners)
            .enumerate()
        {
            *tri = Tri::new(corners.map(|p| self.world_from_mesh.transform_point3(p)));
            *owner = Owner {
                instance: self.instance,
                face: face as u32,
            };
        }
        self.nodes.copy_from_slice(&self.shape.nodes);
        refit(self.nodes, |i| (self.tris[i].low(), self.tris[i].high()));
        for node in self.nodes {
            node.first += if node.count > 0 {
                self.first_tri
            } else {
                self.first_node
            };
        }
    }
}

/// Shapes of the parts seen so far, by the address of their mesh.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    known: Mutex<HashMap<usize, Arc<Shape>>>,
}

impl Shapes {
    fn get(&self, mesh: &Arc<Mesh>) -> Arc<Shape> {
        let key = Arc::as_ptr(mesh) as usize;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            known
                .entry(key)
                .or_insert_with(|| Arc::new(Shape::new(Arc::clone(mesh), true))),
        )
    }
}

impl Moving {
    /// Puts every actor to its place.
    pub(crate) fn new(shapes: &Shapes, actors: &[ActorState], ego: Option<&ActorState>) -> Self {
        let mut out = Self::default();
        let mut pose = Vec::new();
        let mut placed = Vec::new();
        let (mut node_count, mut tri_count) = (0, 0);
        for (index, actor) in actors.iter().chain(ego).enumerate() {
            let world_from_body = actor.world_from_body();
            actor.model.pose(&actor.articulation, &mut pose);
            let first_root = out.roots.len() as u32;
            let lit = lit_lamps(actor.lamps);
            for (part, body_from_part) in actor.model.parts.iter().zip(&pose) {
                let shape = shapes.get(&part.mesh);
                if shape.nodes.is_empty() {
                    continue;
                }
                let world_from_mesh = world_from_body * *body_from_part;
                out.roots.push(node_count as u32);
                node_count += shape.nodes.len();
                tri_count += shape.corners.len();
                out.instances.push(Instance::new(
                    Arc::clone(&shape),
                    world_from_mesh,
                    actor.id,
                    None,
                    index as u32,
                    lit,
                ));
                placed.push(world_from_mesh);
            }
            out.movers.push(Mover {
                object: actor.id,
                motion: Motion::of(actor),
                low: Vec3::ZERO,
                high: Vec3::ZERO,
                roots: first_root..out.roots.len() as u32,
                footprint: [actor.model.size.x / 2.0, actor.model.size.y / 2.0],
                forward: actor.rotation * Vec3::X,
            });
        }
        out.seen = actors.len();
        out.place(&placed, node_count, tri_count);
        let boxes: Vec<(Vec3, Vec3)> = out.movers[..out.seen].iter().map(|m| (m.low, m.high)).collect();
        out.top = Tree::of_boxes(&boxes);
        let reach = |m: &Mover| m.pad(1.0).max_element();
        out.reach = out.movers.iter().map(reach).fold(0.0, f32::max);
        out.key = actors.iter().chain(ego).cloned().collect();
        out
    }

    fn place(&mut self, placed: &[Affine3A], node_count: usize, tri_count: usize) {
        let empty_node = Node {
            min: Vec3::ZERO,
            first: 0,
            max: Vec3::ZERO,
            count: 0,
        };
        self.nodes = vec![empty_node; node_count];
        self.tris = vec![Tri::new([Vec3::ZERO; 3]); tri_count];
        self.owners = vec![Owner { instance: 0, face: 0 }; tri_count];
        let (mut nodes, mut tris, mut owners) = (&mut self.nodes[..], &mut self.tris[..], &mut self.owners[..]);
        let (mut first_node, mut first_tri) = (0, 0);
        let mut jobs = Vec::with_capacity(self.instances.len());
        for (index, (instance, world_from_mesh)) in self.instances.iter().zip(placed).enumerate() {
            let shape = &*instance.shape;
            let (own_nodes, rest_nodes) = nodes.split_at_mut(shape.nodes.len());
            let (own_tris, rest_tris) = tris.split_at_mut(shape.corners.len());
            let (own_owners, rest_owners) = owners.split_at_mut(shape.corners.len());
            (nodes, tris, owners) = (rest_nodes, rest_tris, rest_owners);
            jobs.push(Job {
                shape,
                world_from_mesh: *world_from_mesh,
                instance: index as u32,
                first_node,
                first_tri,
                nodes: own_nodes,
                tris: own_tris,
                owners: own_owners,
            });
            first_node += shape.nodes.len() as u32;
            first_tri += shape.corners.len() as u32;
        }
        jobs.into_par_iter().with_min_len(16).for_each(Job::run);
        for mover in &mut self.movers {
            let roots = mover.roots.start as usize..mover.roots.end as usize;
            let mut bounds = self.roots[roots].iter().map(|r| &self.nodes[*r as usize]);
            // An actor without a shape is a point.
            let first = bounds
                .next()
                .map_or((mover.motion.position, mover.motion.position), |n| (n.min, n.max));
            (mover.low, mover.high) = bounds.fold(first, |(low, high), n| (low.min(n.min), high.max(n.max)));
        }
    }

    /// Was this made from exactly these actors?
    pub(crate) fn is_of(&self, actors: &[ActorState], ego: Option<&ActorState>) -> bool {
        self.key.len() == actors.len() + usize::from(ego.is_some())
            && self.key.iter().zip(actors.iter().chain(ego)).all(|(a, b)| {
                Arc::ptr_eq(&a.model, &b.model)
                    && a.id == b.id
                    && a.position == b.position
                    && a.rotation == b.rotation
                    && a.velocity == b.velocity
                    && a.yaw_rate == b.yaw_rate
                    && a.articulation == b.articulation
                    && a.lamps == b.lamps
            })
    }
}

/// The bit of a switch.
pub(crate) fn switch_bit(switch: Switch) -> u32 {
    1 << switch as u32
}

/// Switches of an actor that are on.
pub(crate) fn lit_lamps(lamps: Lamps) -> u32 {
    [
        (lamps.head, Switch::Head),
        (lamps.tail, Switch::Tail),
        (lamps.brake, Switch::Brake),
        (lamps.left, Switch::Left),
        (lamps.right, Switch::Right),
        (lamps.reverse, Switch::Reverse),
        (lamps.beacon, Switch::Beacon),
    ]
    .into_iter()
    .filter(|(on, _)| *on)
    .fold(switch_bit(Switch::Always), |bits, (_, switch)| {
        bits | switch_bit(switch)
    })
}

/// Switches of a signal that are on.
pub(crate) fn lit_signal(state: SignalState) -> u32 {
    match state {
        SignalState::Red => switch_bit(Switch::Red),
        SignalState::RedAmber => switch_bit(Switch::Red) | switch_bit(Switch::Amber),
        SignalState::Green => switch_bit(Switch::Green),
        SignalState::Amber => switch_bit(Switch::Amber),
        SignalState::Off => 0,
    }
}
