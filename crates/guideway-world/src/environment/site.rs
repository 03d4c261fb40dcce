//! What the generators share while they fill a scene.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::{Affine3A, Mat3, Vec2, Vec3};

use super::building::{self, BuildingSpec, Detail};
use super::furniture::{self, FenceKind, FurnitureKind};
use super::place::{Footprint, Occupancy, layer};
use super::vegetation::{self, PlantKind, Season};
use super::{Environment, Piece, StaticObject, StreetLamp};
use crate::dice::Dice;
use crate::mesh::Mesh;
use crate::object::ObjectClass;
use crate::params::SceneParams;
use crate::road::RoadNetwork;
use crate::seed::Seed;

/// Different plants of each kind in a scene.
const VARIETIES: u64 = 4;

/// A scene that is being filled.
pub(super) struct Site<'a> {
    pub(super) network: &'a RoadNetwork,
    pub(super) params: &'a SceneParams,
    pub(super) season: Season,
    /// Kinds of trees that grow here, with their weights.
    pub(super) trees: Vec<(PlantKind, f32)>,
    /// How finely things are built at most: coarser in very large scenes.
    pub(super) detail: Detail,
    pub(super) taken: Occupancy,
    pub(super) out: Environment,
    ground: &'a dyn Fn(Vec2) -> f32,
    plants: BTreeMap<(PlantKind, Detail), Vec<Arc<Mesh>>>,
    seed: Seed,
}

/// `world_from_mesh` for a thing that stands upright at `foot` with its x along `facing`.
pub(super) fn upright(foot: Vec3, facing: Vec2) -> Affine3A {
    let x = facing.normalize_or(Vec2::X);
    let rotation = Mat3::from_cols(x.extend(0.0), x.perp().extend(0.0), Vec3::Z);
    Affine3A::from_mat3_translation(rotation, foot)
}

impl<'a> Site<'a> {
    pub(super) fn new(
        network: &'a RoadNetwork,
        ground: &'a dyn Fn(Vec2) -> f32,
        pieces: Vec<Piece>,
        params: &'a SceneParams,
        seed: Seed,
    ) -> Self {
        let mut dice = Dice::new(seed.child("climate"));
        // Where the sun is high in winter, palms grow; where it is low, birches and spruces.
        let latitude = params.time.latitude_deg.abs() as f32;
        let warm = ((38.0 - latitude) / 10.0).clamp(0.0, 1.0);
        let cold = ((latitude - 50.0) / 12.0).clamp(0.0, 1.0);
        let mut trees = vec![
            (PlantKind::Broadleaf, 4.0 * (1.0 - 0.6 * warm) * (1.0 - 0.5 * cold)),
            (PlantKind::Birch, 0.8 + 2.0 * cold - 0.8 * warm),
            (PlantKind::Poplar, 0.7),
            (PlantKind::Fruit, 1.2 * (1.0 - cold)),
            (PlantKind::Conifer, 0.8 + 3.0 * cold - 0.7 * warm),
            (PlantKind::Pine, 0.6 + warm),
            (PlantKind::Palm, 3.0 * warm),
        ];
        for (_, weight) in &mut trees {
            *weight = weight.max(0.0) * dice.range(0.4, 1.6);
        }
        let north = params.time.latitude_deg >= 0.0;
        let first_half = (20..200).contains(&params.time.day_of_year);
        let frontage: f32 = network
            .plots
            .iter()
            .map(|plot| {
                let n = plot.outline.len().max(1);
                let edge = |i: usize| plot.outline.get(i % n).copied().unwrap_or_default();
                edge(plot.front).distance(edge(plot.front + 1))
            })
            .sum();
        Self {
            network,
            params,
            season: Season {
                foliage: params.surroundings.foliage.clamp(0.0, 1.0) as f32,
                spring: first_half == north,
            },
            trees,
            detail: match frontage {
                f if f < 14_000.0 => Detail::Full,
                f if f < 40_000.0 => Detail::Medium,
                _ => Detail::Low,
            },
            taken: Occupancy::of(network),
            out: Environment {
                pieces,
                ..Environment::default()
            },
            ground,
            plants: BTreeMap::new(),
            seed,
        }
    }

    /// The ground at a place, world, m.
    pub(super) fn ground(&self, p: Vec2) -> Vec3 {
        let z = (self.ground)(p);
        p.extend(if z.is_finite() { z } else { 0.0 })
    }

    /// Lowest and highest ground below a rectangle, m.
    pub(super) fn relief(&self, footprint: &Footprint) -> (f32, f32) {
        footprint
            .corners()
            .into_iter()
            .chain([footprint.center])
            .map(|p| self.ground(p).z)
            .fold((f32::MAX, f32::MIN), |(low, high), z| (low.min(z), high.max(z)))
    }

    /// How finely to build what stands here.
    pub(super) fn detail_at(&self, p: Vec2) -> Detail {
        let near = |radius: f32| !self.taken.free(&Footprint::disc(p, radius), layer::ROAD);
        if near(20.0) {
            self.detail
        } else if near(50.0) {
            self.detail.coarser()
        } else {
            Detail::Low
        }
    }

    /// How finely to grow what stands here: leaves are small.
    pub(super) fn plant_detail_at(&self, p: Vec2) -> Detail {
        let near = |radius: f32| !self.taken.free(&Footprint::disc(p, radius), layer::ROAD);
        if near(7.0) {
            self.detail
        } else if near(20.0) {
            self.detail.coarser()
        } else {
            Detail::Low
        }
    }

    /// Puts a mesh into the scene.
    pub(super) fn put(&mut self, mesh: Arc<Mesh>, world_from_mesh: Affine3A) {
        self.out.pieces.push(Piece {
            mesh,
            world_from_mesh,
            object: None,
            signal: None,
        });
    }

    /// Puts a labelled thing into the scene: its cuboid is its mesh's. `world_from_mesh` is upright.
    pub(super) fn put_object(
        &mut self,
        mesh: Arc<Mesh>,
        world_from_mesh: Affine3A,
        class: ObjectClass,
        kind: String,
        signal: Option<u32>,
    ) {
        let Some((low, high)) = mesh.bounds() else {
            return;
        };
        let object = self.out.objects.len() as u32;
        self.out.objects.push(StaticObject {
            class,
            kind,
            center: world_from_mesh.transform_point3(low.midpoint(high)),
            rotation: glam::Quat::from_mat3a(&world_from_mesh.matrix3).normalize(),
            size: high - low,
            signal,
        });
        self.out.pieces.push(Piece {
            mesh,
            world_from_mesh,
            object: Some(object),
            signal,
        });
    }

    /// Puts up a building over a rectangle of the ground whose x runs along `footprint.axis`, if the ground is not too steep.
    /// The place must have been taken.
    pub(super) fn build(&mut self, footprint: &Footprint, mut spec: BuildingSpec, seed: Seed) -> bool {
        let (low, high) = self.relief(footprint);
        if high - low > 4.0 {
            return false;
        }
        spec.size = footprint.half * 2.0;
        spec.plinth = high - low + 0.6;
        let corner = footprint.corners()[0];
        let world = upright(corner.extend(high + 0.05), footprint.axis);
        let built = building::building(&spec, seed);
        self.out.lamps.extend(built.lamps.iter().map(|lamp| StreetLamp {
            position: world.transform_point3(lamp.position),
            ..*lamp
        }));
        self.out.walled.extend(built.walled.iter().map(|[from, to]| {
            let place = |x: f32, y: f32| {
                let at = world.transform_point3(Vec3::new(x, y, 0.0));
                [f64::from(at.x), f64::from(at.y)]
            };
            [
                place(from.x, from.y),
                place(to.x, from.y),
                place(to.x, to.y),
                place(from.x, to.y),
            ]
        }));
        self.put(Arc::new(built.mesh), world);
        true
    }

    /// Plants one of this kind; `size` is a factor on its size.
    pub(super) fn plant(&mut self, kind: PlantKind, at: Vec3, size: f32, detail: Detail, dice: &mut Dice) {
        let (season, seed) = (self.season, self.seed.child("plants").index(kind as u64));
        let meshes = self.plants.entry((kind, detail)).or_insert_with(|| {
            (0..VARIETIES)
                .map(|i| Arc::new(vegetation::plant(kind, season, detail, seed.index(i))))
                .collect()
        });
        let mesh = Arc::clone(&meshes[dice.count(0, VARIETIES as u32 - 1) as usize]);
        let turn = Affine3A::from_rotation_z(dice.range(0.0, std::f32::consts::TAU));
        let world = Affine3A::from_translation(at) * turn * Affine3A::from_scale(Vec3::splat(size));
        self.put(mesh, world);
    }

    /// A kind of tree that grows here.
    pub(super) fn tree(&self, dice: &mut Dice) -> PlantKind {
        let weights: Vec<f32> = self.trees.iter().map(|(_, weight)| *weight).collect();
        self.trees[dice.index(&weights)].0
    }

    /// Puts a thing of street furniture at a free place, with its front towards `facing`.
    pub(super) fn furnish(&mut self, kind: FurnitureKind, foot: Vec3, facing: Vec2, mask: u8, seed: Seed) -> bool {
        let place = Footprint::new(foot.truncate(), facing, kind.half() + Vec2::splat(0.03));
        if !self.taken.take(place, mask) {
            return false;
        }
        self.put(Arc::new(furniture::furniture(kind, seed)), upright(foot, facing));
        true
    }

    /// Puts a fence along a line, leaving out what is taken. Gives the number of its pieces.
    pub(super) fn fence(&mut self, kind: FenceKind, line: &[Vec2], mask: u8, seed: Seed) -> usize {
        let mut pieces = 0;
        for run in self.free_runs(line, 0.12, mask) {
            let Some(anchor) = run.first().copied() else {
                continue;
            };
            let feet: Vec<Vec3> = run.iter().map(|p| *p - anchor).collect();
            let mesh = furniture::fence(kind, &feet, seed);
            self.put(Arc::new(mesh), Affine3A::from_translation(anchor));
            pieces += 1;
        }
        pieces
    }

    /// Plants a hedge or a row along a line, leaving out what is taken.
    pub(super) fn hedge(&mut self, line: &[Vec2], size: Vec2, ragged: f32, mask: u8, dice: &mut Dice) {
        let material = vegetation::hedge_material(self.season, dice);
        for run in self.free_runs(line, size.x / 2.0 * (1.0 + ragged), mask) {
            let Some(anchor) = run.first().copied() else {
                continue;
            };
            let feet: Vec<Vec3> = run.iter().map(|p| *p - anchor).collect();
            let mesh = vegetation::hedge(material, &feet, size, ragged, dice);
            self.put(Arc::new(mesh), Affine3A::from_translation(anchor));
        }
    }

    /// The parts of a line where nothing of these layers is, on the ground; takes them.
    fn free_runs(&mut self, line: &[Vec2], half: f32, mask: u8) -> Vec<Vec<Vec3>> {
        let mut runs: Vec<Vec<Vec3>> = Vec::new();
        let mut claims = Vec::new();
        let mut open = false;
        for pair in line.windows(2) {
            let place = Footprint::new(
                pair[0].midpoint(pair[1]),
                pair[1] - pair[0],
                Vec2::new(pair[0].distance(pair[1]) / 2.0, half),
            );
            if self.taken.free(&place, mask) {
                let (a, b) = (self.ground(pair[0]), self.ground(pair[1]));
                match runs.last_mut() {
                    Some(run) if open => run.push(b),
                    _ => runs.push(vec![a, b]),
                }
                claims.push(place);
            }
            open = claims.last() == Some(&place);
        }
        for place in claims {
            self.taken.claim(place, layer::SOLID);
        }
        runs
    }
}

/// Points from `a` to `b`, at most `step` m apart.
pub(super) fn steps(a: Vec2, b: Vec2, step: f32) -> Vec<Vec2> {
    let count = (a.distance(b) / step).ceil().clamp(1.0, 10_000.0);
    (0..=count as u32).map(|i| a.lerp(b, i as f32 / count)).collect()
}
