//! Traffic with the shapes of `actors` on generated roads.

use std::sync::Arc;

use glam::Vec2;
use guideway_world::Seed;
use guideway_world::params::{RoadKind, SceneParams};
use guideway_world::road::{RoadNetwork, Terrain};
use guideway_world::traffic::Traffic;

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
