//! Traffic with the shapes of `actors` on generated roads.

use std::path::Path;
use std::sync::Arc;

use glam::Vec2;
use guideway_core::{Cuboid, DVec3, Se3};
use guideway_world::Seed;
use guideway_world::object::ObjectClass;
use guideway_world::params::{RoadKind, SceneParams};
use guideway_world::road::{RoadNetwork, Terrain};
use guideway_world::traffic::Traffic;
use guideway_world::world::World;

#[test]
fn real_shapes_drive_and_walk_on_the_ground() {
    for kind in [RoadKind::Urban, RoadKind::Rural] {
        let mut params = SceneParams::default();
        params.road.kind = kind;
        let seed = Seed::new(11);
        let network = RoadNetwork::generate(&params.road, &params.surroundings, seed).unwrap();
        let terrain = Arc::new(Terrain::new(&network, &params.road, seed));
        let surface = Arc::clone(&terrain);
        let mut traffic = Traffic::new(&network, Arc::new(move |p| surface.height(p)), &params, seed).unwrap();
        traffic.warm_up(2.0);
        let start = traffic.state().ego.clone().unwrap();
        for _ in 0..500 {
            traffic.step();
        }
        let state = traffic.state();
        assert!((state.time - 10.0).abs() < 1e-9);
        assert!(state.actors.len() > 30, "{kind:?}: {}", state.actors.len());
        assert!(state.ego.as_ref().unwrap().position.distance(start.position) > 5.0);
        for actor in &state.actors {
            let ground = terrain.height(Vec2::new(actor.position.x, actor.position.y));
            let off = (actor.position.z - ground).abs();
            assert!(
                off < 0.35,
                "{kind:?}: {} {} is {off} m off the ground",
                actor.id,
                actor.activity
            );
            assert!(actor.rotation.is_normalized() && actor.velocity.is_finite());
        }
    }
}

#[test]
fn nobody_stands_inside_of_somebody_else_or_of_a_wall() {
    let (mut people, mut pairs, mut worst) = (0, 0, 0.0_f64);
    for (seed, groups, per_km) in [(1, 0.4, 60.0), (2, 1.0, 150.0), (3, 0.4, 150.0)] {
        let mut params = SceneParams::default();
        params.traffic.groups = groups;
        params.traffic.pedestrians_per_km = per_km;
        let seed = Seed::new(seed);
        params.traffic.animals_per_km = 30.0;
        let mut world = World::new(params, Path::new(""), seed).unwrap();
        // Twice in a row, a fifth of a second apart, is what a look at labels would notice.
        let mut before = Vec::new();
        for fifth in 0..75 {
            let state = world.state_at(f64::from(fifth) / 5.0);
            let on_foot = state
                .actors
                .iter()
                .filter(|a| matches!(a.model.class, ObjectClass::Pedestrian | ObjectClass::Animal));
            for actor in on_foot {
                let [x, y] = [actor.position.x, actor.position.y].map(f64::from);
                let left_of = |a: [f64; 2], b: [f64; 2]| (b[0] - a[0]) * (y - a[1]) > (b[1] - a[1]) * (x - a[0]);
                let inside = |walls: &&[[f64; 2]; 4]| (0..4).all(|i| left_of(walls[i], walls[(i + 1) % 4]));
                let walls = world.environment().walled.iter().find(inside);
                assert!(walls.is_none(), "{} {} in {walls:?}", actor.id, actor.activity);
            }
            let standing: Vec<(u32, Cuboid)> = state
                .actors
                .iter()
                .filter(|actor| actor.model.class == ObjectClass::Pedestrian)
                .map(|actor| {
                    let heading = actor.rotation * glam::Vec3::X;
                    let at = DVec3::new(f64::from(actor.position.x), f64::from(actor.position.y), 0.0);
                    let pose = Se3::from_yaw(f64::from(heading.y.atan2(heading.x)), at).unwrap();
                    (
                        actor.id,
                        Cuboid::new(pose, actor.model.size.as_dvec3().to_array()).unwrap(),
                    )
                })
                .collect();
            people += standing.len();
            let mut now = Vec::new();
            for (i, (id, a)) in standing.iter().enumerate() {
                for (other, b) in &standing[i + 1..] {
                    if a.center.distance(b.center) < 2.0 {
                        let iou = a.rotated_iou_bev(b);
                        worst = worst.max(iou);
                        if iou >= 0.3 {
                            now.push((*id, *other));
                        }
                    }
                }
            }
            pairs += now.iter().filter(|pair| before.contains(*pair)).count();
            before = now;
        }
    }
    assert!(people > 10_000, "{people}");
    println!("{people} people, {pairs} pairs for longer, IoU {worst:.2} at the most");
    assert_eq!(pairs, 0, "of {people}, IoU {worst:.2} at the most");
}
