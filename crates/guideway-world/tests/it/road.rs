//! Road networks over many seeds and corners of their parameters.

use glam::Vec2;
use guideway_world::Seed;
use guideway_world::material::Semantic;
use guideway_world::params::{RoadKind, RoadParams, SurroundingsParams};
use guideway_world::road::{LaneKind, RoadNetwork, Terrain, surface};
use proptest::prelude::*;

const KINDS: [RoadKind; 4] = [RoadKind::Urban, RoadKind::Suburban, RoadKind::Rural, RoadKind::Highway];

fn generate(params: &RoadParams, seed: u64) -> RoadNetwork {
    RoadNetwork::generate(params, &SurroundingsParams::default(), Seed::new(seed)).unwrap()
}

#[test]
fn every_kind_is_consistent_and_leads_on() {
    for kind in KINDS {
        for seed in 0..12 {
            let params = RoadParams {
                kind,
                left_hand: seed % 4 == 3,
                ..RoadParams::default()
            };
            let network = generate(&params, seed);
            assert_eq!(network.check(), Vec::<String>::new(), "{kind:?} {seed}");
            let mut long = 0;
            let mut all = 0;
            for lane in network.lanes_of(LaneKind::Driving) {
                assert!(!lane.successors.is_empty(), "{kind:?} {seed}: {:?} ends", lane.id);
                all += 1;
                let route = network.route(lane.id, Seed::new(seed), 1000.0);
                let length: f32 = route.iter().map(|id| network.lane(*id).center.length()).sum();
                long += usize::from(length >= 1000.0);
            }
            assert!(
                long * 10 >= all * 9,
                "{kind:?} {seed}: {long} of {all} lanes lead on for 1 km"
            );
        }
    }
}

fn inside(outline: &[Vec2], p: Vec2) -> bool {
    (0..outline.len()).all(|i| (outline[(i + 1) % outline.len()] - outline[i]).perp_dot(p - outline[i]) > 0.05)
}

#[test]
fn plots_lie_beside_lanes_and_apart() {
    for kind in KINDS {
        let network = generate(
            &RoadParams {
                kind,
                ..RoadParams::default()
            },
            5,
        );
        assert!(!network.plots.is_empty(), "{kind:?}");
        for (i, plot) in network.plots.iter().enumerate() {
            let middle = plot.outline.iter().sum::<Vec2>() / plot.outline.len() as f32;
            assert!(
                inside(&plot.outline, middle),
                "{kind:?}: plot {i} is not counter-clockwise and convex"
            );
            let (_, s, lateral) = network.nearest(middle, &[]).unwrap();
            assert!(s >= 0.0 && lateral.abs() > 3.0, "{kind:?}: plot {i}");
            for lane in &network.lanes {
                for p in lane.center.points() {
                    assert!(
                        !inside(&plot.outline, p.truncate()),
                        "{kind:?}: lane {:?} in plot {i}",
                        lane.id
                    );
                }
            }
            for (j, other) in network.plots.iter().enumerate() {
                assert!(i == j || !inside(&other.outline, middle), "{kind:?}: plots {i} and {j}");
            }
        }
    }
}

#[test]
fn nearest_agrees_with_looking_at_every_lane() {
    let network = generate(&RoadParams::default(), 2);
    for i in 0..60 {
        let p = Vec2::new((i * 37 % 600) as f32 - 300.0, (i * 91 % 640) as f32 - 320.0);
        let (_, _, lateral) = network.nearest(p, &[LaneKind::Driving]).unwrap();
        let best = network
            .lanes_of(LaneKind::Driving)
            .map(|lane| lane.center.project(p).1.abs())
            .fold(f32::INFINITY, f32::min);
        assert!((lateral.abs() - best).abs() < 1e-3, "{p}: {lateral} or {best}");
    }
}

#[test]
fn the_ground_meets_the_lanes() {
    for kind in KINDS {
        let params = RoadParams {
            kind,
            hills: 30.0,
            ..RoadParams::default()
        };
        let network = generate(&params, 9);
        let terrain = Terrain::new(&network, &params, Seed::new(9));
        for lane in &network.lanes {
            for s in [0.1, 0.37, 0.62, 0.9] {
                let p = lane.center.at(s * lane.center.length()).position;
                let z = terrain.height(p.truncate());
                assert!(
                    (z - p.z).abs() < 0.13,
                    "{kind:?}: {:?} {:?} at {p}: ground at {z}",
                    lane.id,
                    lane.kind
                );
                assert!(terrain.normal(p.truncate()).z > 0.98);
            }
        }
    }
}

/// Height and meaning of the highest surface at a place.
fn highest(pieces: &[guideway_world::environment::Piece], p: Vec2) -> Option<(f32, Semantic)> {
    let mut best: Option<(f32, Semantic)> = None;
    for mesh in pieces.iter().map(|piece| &piece.mesh) {
        for (t, m) in mesh.triangles.iter().zip(&mesh.materials) {
            let [a, b, c] = t.map(|i| mesh.positions[i as usize]);
            let (ab, ac, ap) = ((b - a).truncate(), (c - a).truncate(), p - a.truncate());
            let area = ab.perp_dot(ac);
            let (v, w) = (ap.perp_dot(ac) / area, ab.perp_dot(ap) / area);
            if v >= 0.0 && w >= 0.0 && v + w <= 1.0 {
                let z = a.z + (b.z - a.z) * v + (c.z - a.z) * w;
                if best.is_none_or(|(other, _)| z > other) {
                    best = Some((z, mesh.palette[usize::from(*m)].semantic));
                }
            }
        }
    }
    best
}

#[test]
fn the_land_has_no_holes_and_never_covers_the_road() {
    for kind in KINDS {
        let params = RoadParams {
            kind,
            hills: 40.0,
            ..RoadParams::default()
        };
        let network = generate(&params, 3);
        let terrain = Terrain::new(&network, &params, Seed::new(3));
        let pieces = surface(&network, &terrain, &params, Seed::new(3));
        let triangles: usize = pieces.iter().map(|p| p.mesh.triangles.len()).sum();
        assert!((10_000..90_000).contains(&triangles), "{kind:?}: {triangles} triangles");
        let step = network.lanes.len() / 60 + 1;
        for lane in network.lanes.iter().step_by(step) {
            let p = lane.center.at(lane.center.length() * 0.43).position;
            let (z, meaning) = highest(&pieces, p.truncate()).unwrap();
            assert_ne!(
                meaning,
                Semantic::Terrain,
                "{kind:?}: {:?} lies under the land",
                lane.id
            );
            assert!((z - p.z).abs() < 0.13, "{kind:?}: {:?} at {p}, surface at {z}", lane.id);
        }
        for i in 0..80 {
            let p = Vec2::new((i * 37 % 601) as f32 - 300.3, (i * 91 % 641) as f32 - 320.7);
            let (z, _) = highest(&pieces, p).unwrap();
            let expected = terrain.height(p);
            assert!(
                (z - expected).abs() < 0.06,
                "{kind:?}: surface at {z}, ground at {expected} at {p}"
            );
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_network() {
    let params = RoadParams::default();
    let (a, b) = (generate(&params, 4), generate(&params, 4));
    assert_eq!(
        format!("{:?}{:?}", a.lanes, a.patches),
        format!("{:?}{:?}", b.lanes, b.patches)
    );
}

#[test]
fn the_largest_areas_are_possible() {
    for kind in [RoadKind::Urban, RoadKind::Highway] {
        let params = RoadParams {
            kind,
            block_length: 40.0,
            extent: 5000.0,
            lanes: 2,
            curviness: 1.0,
            hills: 60.0,
            ..RoadParams::default()
        };
        let network = generate(&params, 8);
        assert_eq!(network.check(), Vec::<String>::new(), "{kind:?}");
        assert!(network.lanes_of(LaneKind::Driving).count() > 50, "{kind:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn corners_of_the_parameters_are_possible(
        kind in 0..4_usize,
        seed in 0..u64::MAX,
        block in prop_oneof![Just(40.0), Just(110.0), Just(2000.0), 40.0..400.0_f64],
        extent in prop_oneof![Just(150.0), Just(480.0), Just(1500.0), 150.0..900.0_f64],
        lanes in 1..5_u32,
        lane_width in 2.5..4.5_f64,
        curviness in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64],
        hills in prop_oneof![Just(0.0), Just(60.0)],
        fractions in (0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64),
        left_hand: bool,
    ) {
        let params = RoadParams {
            kind: KINDS[kind], opendrive: None, block_length: block, extent, lanes, lane_width, curviness, hills,
            signals: fractions.0, crossings: fractions.1, bicycle_lanes: fractions.2, wear: 0.5, left_hand,
        };
        let network = RoadNetwork::generate(&params, &SurroundingsParams::default(), Seed::new(seed));
        let network = network.map_err(|err| TestCaseError::fail(format!("{params:?}: {err}")))?;
        prop_assert_eq!(network.check(), Vec::<String>::new());
        prop_assert!(network.lanes_of(LaneKind::Driving).all(|lane| !lane.successors.is_empty()));
    }
}
