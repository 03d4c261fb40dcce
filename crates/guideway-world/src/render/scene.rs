//! What stands and what moves, as triangles in world coordinates with trees over them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use glam::{Affine3A, Mat3A, Vec3};

use super::bvh::{Tree, Tree8, Tri};
use super::eight::{Node8, refit};
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
    nodes: Vec<Node8>,
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
        let tree = Tree8::of_triangles(&corners);
        Self {
            mesh,
            nodes: tree.nodes,
            corners: tree.order.iter().map(|i| corners[*i as usize]).collect(),
            faces: tree.order.iter().map(|i| faces[*i as usize]).collect(),
        }
    }

    /// A box around it where this brings it; a little larger than it must be.
    pub(crate) fn bounds(&self, place: Affine3A) -> (Vec3, Vec3) {
        let Some(root) = self.nodes.first() else {
            let at = place.translation.into();
            return (at, at);
        };
        let (low, high) = root.bounds();
        let (center, half) = ((low + high) * 0.5, (high - low) * 0.5);
        let (center, m) = (place.transform_point3(center), place.matrix3);
        let half = Vec3::from(m.x_axis.abs() * half.x + m.y_axis.abs() * half.y + m.z_axis.abs() * half.z);
        // Rounding must not cut anything off.
        let half = half * 1.000_1 + Vec3::splat(1e-4 + 2e-6 * center.abs().element_sum());
        (center - half, center + half)
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
    pub(crate) nodes: Vec<Node8>,
    pub(crate) tris: Vec<Tri>,
    pub(crate) owners: Vec<Owner>,
    pub(crate) instances: Vec<Instance>,
    /// Labelled things alone.
    pub(crate) objects: BTreeMap<ObjectId, Alone>,
}

/// A labelled thing that stands still, alone.
#[derive(Debug, Default)]
pub(crate) struct Alone {
    pub(crate) nodes: Vec<Node8>,
    pub(crate) tris: Vec<Tri>,
}

impl Alone {
    fn new(corners: &[[Vec3; 3]]) -> Self {
        let tree = Tree8::of_triangles(corners);
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
        let tree = Tree8::of_triangles(&corners);
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
#[derive(Debug)]
pub(crate) struct Mover {
    pub(crate) object: ObjectId,
    pub(crate) motion: Motion,
    /// Box around it.
    pub(crate) low: Vec3,
    pub(crate) high: Vec3,
    /// Its parts among the instances.
    pub(crate) parts: std::ops::Range<usize>,
    /// Number of its first triangle.
    pub(crate) first_tri: u32,
    /// Half length, half width and direction of its footprint: what darkens the ground below it.
    pub(crate) footprint: [f32; 2],
    pub(crate) forward: Vec3,
    placed: OnceLock<Placed>,
}

/// The triangles of an actor at its place.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    pub(crate) nodes: Vec<Node8>,
    pub(crate) tris: Vec<Tri>,
    /// Roots of its parts' trees.
    pub(crate) roots: Vec<u32>,
}

/// Where a part of an actor is, and the number of its first triangle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) world_from_mesh: Affine3A,
    first_tri: u32,
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
///
/// Most actors of a town are far away or behind something, so their triangles are brought to their places only when a ray comes near.
#[derive(Debug, Default)]
pub(crate) struct Moving {
    pub(crate) instances: Vec<Instance>,
    /// One for each instance.
    pub(crate) parts: Vec<Part>,
    pub(crate) movers: Vec<Mover>,
    /// How many of the movers sensors see: all but the ego vehicle.
    pub(crate) seen: usize,
    /// A tree over the boxes of the movers that sensors see.
    pub(crate) top: Tree,
    /// How far the fastest point of a mover gets in a second, m.
    pub(crate) reach: f32,
    key: Vec<ActorState>,
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
        let mut tris = 0;
        for (index, actor) in actors.iter().chain(ego).enumerate() {
            let world_from_body = actor.world_from_body();
            actor.model.pose(&actor.articulation, &mut pose);
            let (first_part, first_tri) = (out.parts.len(), tris);
            let lit = lit_lamps(actor.lamps);
            let mut bounds: Option<(Vec3, Vec3)> = None;
            for (part, body_from_part) in actor.model.parts.iter().zip(&pose) {
                let shape = shapes.get(&part.mesh);
                if shape.nodes.is_empty() {
                    continue;
                }
                let world_from_mesh = world_from_body * *body_from_part;
                let own = shape.bounds(world_from_mesh);
                bounds = Some(bounds.map_or(own, |(low, high)| (low.min(own.0), high.max(own.1))));
                out.parts.push(Part {
                    world_from_mesh,
                    first_tri: tris,
                });
                tris += shape.corners.len() as u32;
                out.instances
                    .push(Instance::new(shape, world_from_mesh, actor.id, None, index as u32, lit));
            }
            // An actor without a shape is a point.
            let (low, high) = bounds.unwrap_or((actor.position, actor.position));
            out.movers.push(Mover {
                object: actor.id,
                motion: Motion::of(actor),
                low,
                high,
                parts: first_part..out.parts.len(),
                first_tri,
                footprint: [actor.model.size.x / 2.0, actor.model.size.y / 2.0],
                forward: actor.rotation * Vec3::X,
                placed: OnceLock::new(),
            });
        }
        out.seen = actors.len();
        let boxes: Vec<(Vec3, Vec3)> = out.movers[..out.seen].iter().map(|m| (m.low, m.high)).collect();
        out.top = Tree::of_boxes(&boxes);
        let reach = |m: &Mover| m.pad(1.0).max_element();
        out.reach = out.movers.iter().map(reach).fold(0.0, f32::max);
        out.key = actors.iter().chain(ego).cloned().collect();
        out
    }

    /// The triangles of a mover.
    #[inline]
    pub(crate) fn placed(&self, mover: usize) -> &Placed {
        let mover = &self.movers[mover];
        mover.placed.get_or_init(|| self.place(mover))
    }

    #[cold]
    fn place(&self, mover: &Mover) -> Placed {
        let instances = &self.instances[mover.parts.clone()];
        let mut out = Placed {
            nodes: Vec::with_capacity(instances.iter().map(|i| i.shape.nodes.len()).sum()),
            tris: Vec::with_capacity(instances.iter().map(|i| i.shape.corners.len()).sum()),
            roots: Vec::with_capacity(instances.len()),
        };
        for (instance, part) in instances.iter().zip(&self.parts[mover.parts.clone()]) {
            let shape = &*instance.shape;
            let (first_node, first_tri) = (out.nodes.len(), out.tris.len());
            let place = part.world_from_mesh;
            out.roots.push(first_node as u32);
            for [a, b, c] in &shape.corners {
                // Not `map`, which compilers leave as calls.
                let corners = [
                    place.transform_point3(*a),
                    place.transform_point3(*b),
                    place.transform_point3(*c),
                ];
                out.tris.push(Tri::new(corners));
            }
            out.nodes.extend_from_slice(&shape.nodes);
            let (nodes, tris) = (&mut out.nodes[first_node..], &out.tris[first_tri..]);
            refit(nodes, |i| (tris[i].low(), tris[i].high()));
            for node in nodes {
                node.shift(first_node as u32, first_tri as u32);
            }
        }
        out
    }

    /// Which instance the triangle with this number belongs to, and which face of its shape it is.
    pub(crate) fn owner(&self, tri: u32) -> Owner {
        let instance = self
            .parts
            .partition_point(|part| part.first_tri <= tri)
            .saturating_sub(1);
        Owner {
            instance: instance as u32,
            face: tri - self.parts[instance].first_tri,
        }
    }

    /// The triangle with this number.
    pub(crate) fn tri(&self, tri: u32) -> (&Tri, Owner) {
        let owner = self.owner(tri);
        let mover = self.instances[owner.instance as usize].actor as usize;
        let own = tri - self.movers[mover].first_tri;
        (&self.placed(mover).tris[own as usize], owner)
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
