//! Tests of whole environments.

use proptest::prelude::*;

use super::*;
use crate::material::{Semantic, Switch};
use crate::params::RoadKind;
use crate::road::{LaneKind, Terrain, surface};

struct Made {
    network: RoadNetwork,
    /// Number of the pieces that are roads and land.
    roads: usize,
    environment: Environment,
}

fn made(params: &SceneParams, seed: u64) -> Made {
    let seed = Seed::new(seed);
    let network = RoadNetwork::generate(&params.road, &params.surroundings, seed).unwrap();
    let terrain = Terrain::new(&network, &params.road, seed);
    let roads = surface(&network, &terrain, &params.road, seed);
    let count = roads.len();
    let environment = Environment::generate(&network, &|p| terrain.height(p), roads, params, seed);
    Made {
        network,
        roads: count,
        environment,
    }
}

fn scene(kind: RoadKind) -> SceneParams {
    let mut params = SceneParams::default();
    params.road.kind = kind;
    params.road.extent = if kind == RoadKind::Urban { 300.0 } else { 400.0 };
    params
}

const KINDS: [RoadKind; 4] = [RoadKind::Urban, RoadKind::Suburban, RoadKind::Rural, RoadKind::Highway];

/// Is a point inside a triangle seen from above?
fn above(triangle: &[Vec3; 3], p: Vec2) -> bool {
    let [a, b, c] = triangle.map(Vec3::truncate);
    let side = |a: Vec2, b: Vec2| (b - a).perp_dot(p - a);
    let (u, v, w) = (side(a, b), side(b, c), side(c, a));
    (u > 0.0 && v > 0.0 && w > 0.0) || (u < 0.0 && v < 0.0 && w < 0.0)
}

/// Triangles of everything but the roads, world.
fn obstacles(made: &Made) -> Vec<[Vec3; 3]> {
    made.environment.pieces[made.roads..]
        .iter()
        .flat_map(|piece| {
            let world: Vec<Vec3> = piece
                .mesh
                .positions
                .iter()
                .map(|p| piece.world_from_mesh.transform_point3(*p))
                .collect();
            let triangles = piece.mesh.triangles.clone();
            triangles.into_iter().map(move |t| t.map(|i| world[i as usize]))
        })
        .collect()
}

/// Points on the surface of lanes of vehicles and of crossings.
fn lane_points(network: &RoadNetwork) -> Vec<Vec3> {
    let mut points = Vec::new();
    for lane in &network.lanes {
        if lane.kind == LaneKind::Sidewalk {
            continue;
        }
        for (i, s) in lane.center.arc().iter().enumerate() {
            let place = lane.center.at(*s);
            let half = lane.width[i] / 2.0;
            for side in [-0.97, -0.5, 0.0, 0.5, 0.97] {
                points.push(place.position + place.left() * half * side);
            }
        }
    }
    for crossing in &network.crossings {
        points.extend(crossing.path.points());
    }
    points
}

fn nothing_on_lanes(made: &Made) -> Result<(), String> {
    let cell = |v: f32| (v / 4.0).floor() as i32;
    let mut grid: std::collections::BTreeMap<(i32, i32), Vec<Vec3>> = std::collections::BTreeMap::new();
    for p in lane_points(&made.network) {
        grid.entry((cell(p.x), cell(p.y))).or_default().push(p);
    }
    for triangle in obstacles(made) {
        let low = triangle[0].min(triangle[1]).min(triangle[2]);
        let high = triangle[0].max(triangle[1]).max(triangle[2]);
        for x in cell(low.x)..=cell(high.x) {
            for y in cell(low.y)..=cell(high.y) {
                for p in grid.get(&(x, y)).into_iter().flatten() {
                    if low.z < p.z + 4.5 && high.z > p.z - 0.5 && above(&triangle, p.truncate()) {
                        return Err(format!("{triangle:?} over {p}"));
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn lanes_are_clear_in_every_kind_of_place() {
    for kind in KINDS {
        for seed in 0..3 {
            let made = made(&scene(kind), seed);
            nothing_on_lanes(&made).unwrap_or_else(|e| panic!("{kind:?} {seed}: {e}"));
            let lanes = lane_points(&made.network);
            for corners in &made.environment.walled {
                let walls = corners.map(|[x, y]| Vec2::new(x as f32, y as f32));
                assert!(
                    lanes.iter().all(|p| !super::place::contains(&walls, p.truncate())),
                    "{kind:?} {seed}"
                );
                let around = corners.iter().zip(corners.iter().cycle().skip(1));
                let area: f64 = around.map(|(a, b)| 0.5 * (a[0] * b[1] - a[1] * b[0])).sum();
                assert!(area > 1.0, "not counter-clockwise: {corners:?}");
            }
            assert!(
                kind == RoadKind::Highway || made.environment.walled.len() > 10,
                "{kind:?} {seed}"
            );
        }
    }
}

#[test]
fn a_town_of_the_default_size_keeps_to_its_budget() {
    for (kind, least, most) in [
        (RoadKind::Urban, 80_000, 270_000),
        (RoadKind::Suburban, 60_000, 260_000),
        (RoadKind::Rural, 25_000, 260_000),
        (RoadKind::Highway, 25_000, 260_000),
    ] {
        let mut params = SceneParams::default();
        params.road.kind = kind;
        let made = made(&params, 5);
        let all = made.environment.triangles();
        println!("{kind:?}: {all} triangles, {} pieces", made.environment.pieces.len());
        let mut parts: std::collections::BTreeMap<Semantic, usize> = std::collections::BTreeMap::new();
        for mesh in made.environment.pieces.iter().map(|piece| &piece.mesh) {
            for material in &mesh.materials {
                *parts.entry(mesh.palette[usize::from(*material)].semantic).or_default() += 1;
            }
        }
        println!("  {parts:?}");
        assert!((least..most).contains(&all), "{kind:?}: {all}");
    }
}

#[test]
fn objects_are_exactly_as_large_as_their_pieces() {
    for kind in KINDS {
        let Made {
            environment, network, ..
        } = made(&scene(kind), 2);
        let heads: usize = network.signals.iter().map(|s| s.heads.len()).sum();
        let lights = environment
            .objects
            .iter()
            .filter(|o| o.class == ObjectClass::TrafficLight);
        assert_eq!(lights.count(), heads);
        let signs = environment
            .objects
            .iter()
            .filter(|o| o.class == ObjectClass::TrafficSign);
        assert!(signs.count() >= network.signs.len());
        let mut reach = vec![Vec3::ZERO; environment.objects.len()];
        for piece in &environment.pieces {
            let Some(index) = piece.object else {
                continue;
            };
            let object = &environment.objects[index as usize];
            assert_eq!(piece.signal, object.signal);
            assert!(piece.mesh.palette.iter().all(|m| m.semantic == object.class.semantic()));
            for p in &piece.mesh.positions {
                let world = piece.world_from_mesh.transform_point3(*p);
                let local = (object.rotation.inverse() * (world - object.center)).abs();
                assert!(
                    (local - object.size / 2.0).max_element() < 2e-3,
                    "{kind:?} {local} {}",
                    object.size
                );
                reach[index as usize] = reach[index as usize].max(local);
            }
        }
        for (reach, object) in reach.iter().zip(&environment.objects) {
            assert!(
                (*reach - object.size / 2.0).abs().max_element() < 2e-3,
                "{}",
                object.kind
            );
            let forward = object.rotation * Vec3::X;
            assert!(forward.z.abs() < 1e-3, "upright");
        }
    }
}

#[test]
fn signs_and_signals_face_those_who_obey_them() {
    let Made {
        environment, network, ..
    } = made(&scene(RoadKind::Urban), 4);
    assert!(!network.signs.is_empty() && !network.signals.is_empty());
    let mut objects = environment.objects.iter();
    for group in &network.signals {
        for head in &group.heads {
            let object = objects.next().unwrap();
            assert!((object.rotation * Vec3::X).truncate().dot(head.facing) > 0.999);
            let aside = (object.center - head.foot).truncate().dot(head.facing.perp());
            assert!((aside - head.arm).abs() < 0.35, "{aside} {}", head.arm);
        }
    }
    for post in &network.signs {
        let object = objects.next().unwrap();
        assert_eq!(object.kind, sign::sign_name(post.kind));
        assert!((object.rotation * Vec3::X).truncate().dot(post.facing) > 0.999);
    }
}

#[test]
fn the_same_seed_gives_the_same_place() {
    let (a, b) = (made(&scene(RoadKind::Suburban), 7), made(&scene(RoadKind::Suburban), 7));
    let (a, b) = (a.environment, b.environment);
    assert_eq!(a.pieces.len(), b.pieces.len());
    assert_eq!(a.lamps, b.lamps);
    for (a, b) in a.pieces.iter().zip(&b.pieces) {
        assert_eq!(a.world_from_mesh, b.world_from_mesh);
        assert_eq!(a.mesh.positions, b.mesh.positions);
        assert_eq!(a.mesh.materials, b.mesh.materials);
        assert_eq!(a.mesh.palette, b.mesh.palette);
    }
    let c = made(&scene(RoadKind::Suburban), 8).environment;
    assert!(a.pieces.len() != c.pieces.len() || a.lamps != c.lamps);
}

#[test]
fn parameters_do_what_they_say() {
    let count = |environment: &Environment, semantic: Semantic| {
        environment
            .pieces
            .iter()
            .flat_map(|piece| piece.mesh.materials.iter().map(|m| piece.mesh.palette[usize::from(*m)]))
            .filter(|material| material.semantic == semantic)
            .count()
    };
    let change = |change: fn(&mut SceneParams)| {
        let mut params = scene(RoadKind::Urban);
        change(&mut params);
        made(&params, 3).environment
    };
    let usual = change(|_| ());
    let empty = change(|p| p.surroundings.buildings = 0.0);
    assert!(count(&empty, Semantic::Building) < count(&usual, Semantic::Building) / 5);
    let bare = change(|p| p.surroundings.vegetation = 0.0);
    assert!(count(&bare, Semantic::Vegetation) < count(&usual, Semantic::Vegetation) / 5);
    let plain = change(|p| p.surroundings.furniture = 0.0);
    assert!(count(&plain, Semantic::Furniture) < count(&usual, Semantic::Furniture) / 2);
    let dark = change(|p| p.surroundings.lamps_working = 0.0);
    assert!(usual.lamps.len() > dark.lamps.len() + 10);
    let unlit = change(|p| p.surroundings.lit_windows = 0.0);
    let lit = |environment: &Environment| {
        let palettes = environment.pieces.iter().flat_map(|p| &p.mesh.palette);
        palettes
            .filter(|m| m.switch == Switch::Night && m.semantic == Semantic::Building)
            .count()
    };
    assert!(lit(&unlit) < lit(&usual) / 2);
    let tall = change(|p| p.surroundings.storeys = 12.0);
    let highest = |environment: &Environment| {
        let mut tops: Vec<f32> = environment
            .pieces
            .iter()
            .filter_map(|p| Some(p.mesh.bounds()?.1.z))
            .collect();
        tops.sort_by(f32::total_cmp);
        tops[tops.len() - tops.len() / 50]
    };
    assert!(highest(&tall) > 1.5 * highest(&usual));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_parameters_break_it(
        kind in prop::sample::select(KINDS.to_vec()), seed in any::<u64>(),
        extent in 150.0_f64..260.0, hills in 0.0_f64..60.0, curviness in 0.0_f64..=1.0,
        shares in prop::array::uniform5(0.0_f64..=1.0), storeys in 1.0_f64..40.0,
        latitude in -89.0_f64..89.0, day in 1_u32..=366, left_hand in any::<bool>(),
    ) {
        let mut params = SceneParams::default();
        params.road.kind = kind;
        params.road.extent = extent;
        params.road.hills = hills;
        params.road.curviness = curviness;
        params.road.left_hand = left_hand;
        params.time.latitude_deg = latitude;
        params.time.day_of_year = day;
        let [buildings, vegetation, foliage, furniture, lit_windows] = shares;
        params.surroundings.buildings = buildings;
        params.surroundings.vegetation = vegetation;
        params.surroundings.foliage = foliage;
        params.surroundings.furniture = furniture;
        params.surroundings.lit_windows = lit_windows;
        params.surroundings.storeys = storeys;
        let made = made(&params, seed);
        let clear = nothing_on_lanes(&made);
        prop_assert!(clear.is_ok(), "{kind:?}: {}", clear.unwrap_err());
        for piece in &made.environment.pieces[made.roads..] {
            let mesh = &piece.mesh;
            prop_assert!(piece.world_from_mesh.is_finite());
            prop_assert!(mesh.positions.iter().all(|p| p.is_finite()));
            prop_assert!(mesh.normals.iter().all(|n| (n.length() - 1.0).abs() < 1e-3));
            prop_assert!(mesh.triangles.iter().flatten().all(|i| (*i as usize) < mesh.positions.len()));
            prop_assert!(mesh.materials.iter().all(|m| usize::from(*m) < mesh.palette.len()));
        }
        for lamp in &made.environment.lamps {
            prop_assert!(lamp.position.is_finite() && lamp.intensity.min_element() >= 0.0);
        }
    }
}
