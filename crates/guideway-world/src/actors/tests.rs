//! What must hold for every model.

use super::*;
use crate::object::ObjectClass;
use proptest::prelude::*;

const CLASSES: [ObjectClass; 9] = [
    ObjectClass::Car,
    ObjectClass::Van,
    ObjectClass::Truck,
    ObjectClass::Bus,
    ObjectClass::Motorcycle,
    ObjectClass::Bicycle,
    ObjectClass::Pedestrian,
    ObjectClass::Animal,
    ObjectClass::Debris,
];

fn variants(class: ObjectClass) -> Vec<Variant> {
    let mut all = vec![Variant::Any];
    all.extend(kinds(class).iter().map(|kind| Variant::Kind(kind)));
    all.extend_from_slice(match class {
        ObjectClass::Pedestrian => &[
            Variant::Child,
            Variant::Adult,
            Variant::Standing,
            Variant::Sitting,
            Variant::Lying,
            Variant::Wheelchair,
        ],
        ObjectClass::Bicycle => &[Variant::Child, Variant::Parked],
        ObjectClass::Motorcycle => &[Variant::Parked],
        ObjectClass::Bus => &[Variant::BusWithBicycles, Variant::Overturned],
        ObjectClass::Animal => &[Variant::Herd, Variant::Lying],
        ObjectClass::Debris => &[Variant::Lying],
        _ => &[Variant::Overturned],
    });
    all
}

/// How far the model's vertices come out of its cuboid, m.
fn outside(model: &Model, articulation: &Articulation) -> f32 {
    let (low, high) = model.bounds(articulation);
    let half = model.size / 2.0;
    let under = Vec3::new(-half.x, -half.y, 0.0) - low;
    let over = high - Vec3::new(half.x, half.y, model.size.z);
    under.max(over).max_element()
}

/// The largest gap between the cuboid's faces and the box of these articulations, as a fraction of the cuboid's size.
fn slack(model: &Model, articulations: &[Articulation]) -> f32 {
    let (mut low, mut high) = (Vec3::INFINITY, Vec3::NEG_INFINITY);
    for a in articulations {
        let (l, h) = model.bounds(a);
        low = low.min(l);
        high = high.max(h);
    }
    let half = model.size / 2.0;
    let under = (low - Vec3::new(-half.x, -half.y, 0.0)) / model.size;
    let over = (Vec3::new(half.x, half.y, model.size.z) - high) / model.size;
    under.max(over).max_element()
}

fn gaits() -> Vec<Articulation> {
    let mut all = vec![Articulation::default()];
    for pace in [0.7, 1.4, 2.0, 3.0, PACE_MAX] {
        for i in 0..40 {
            let gait = i as f32 / 40.0;
            let t = (i as f32 / 20.0 - 1.0).clamp(-1.0, 1.0);
            all.push(Articulation {
                gait,
                pace,
                steer: t * STEER_MAX,
                lean: t * LEAN_MAX,
                hitch: t,
                wheel: gait * 7.0,
            });
        }
    }
    for lean in [-LEAN_MAX, 0.0, LEAN_MAX] {
        for steer in [-STEER_MAX, 0.0, STEER_MAX] {
            all.push(Articulation {
                steer,
                lean,
                ..Articulation::default()
            });
        }
    }
    all
}

fn arb_articulation() -> impl Strategy<Value = Articulation> {
    let angle = -1.0f32..1.0;
    (
        0.0f32..40.0,
        angle.clone(),
        0.0f32..9.0,
        0.0f32..6.0,
        angle.clone(),
        angle,
    )
        .prop_map(|(wheel, steer, gait, pace, hitch, lean)| Articulation {
            wheel,
            steer,
            gait,
            pace,
            hitch,
            lean,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nothing_leaves_the_cuboid(
        class in prop::sample::select(CLASSES.to_vec()),
        pick in any::<prop::sample::Index>(),
        seed in any::<u64>(),
        articulations in prop::collection::vec(arb_articulation(), 4),
    ) {
        let variants = variants(class);
        let variant = variants[pick.index(variants.len())];
        let model = generate(class, variant, Seed::new(seed));
        for a in &articulations {
            let out = outside(&model, a);
            prop_assert!(out < 1e-3, "{class:?} {variant:?} {}: {out} m outside at {a:?}", model.kind);
        }
    }
}

#[test]
fn cuboids_are_tight() {
    for class in CLASSES {
        for variant in variants(class) {
            for i in 0..4 {
                let model = generate(class, variant, Seed::new(i));
                let rest = Articulation::default();
                let moving = !matches!(model.kinematics, Kinematics::Rigid);
                let all = gaits();
                // At rest for what is rigid; over all that the joints do for what is not.
                let s = if moving {
                    slack(&model, &all)
                } else {
                    slack(&model, &[rest])
                };
                assert!(
                    s < 0.03,
                    "{class:?} {variant:?} {} seed {i}: slack {s}, size {}",
                    model.kind,
                    model.size
                );
                let (low, _) = model.bounds(&rest);
                assert!(
                    low.z.abs() < 0.02 * model.size.z + 0.004,
                    "{class:?} {}: {}",
                    model.kind,
                    low.z
                );
            }
        }
    }
}

#[test]
fn budgets_and_materials() {
    for class in CLASSES {
        let budget = |kind: &str| match class {
            ObjectClass::Car => 400..=1000,
            ObjectClass::Truck if kind.starts_with("semi") => 600..=1500,
            ObjectClass::Van | ObjectClass::Truck => 300..=1100,
            ObjectClass::Bus => 300..=1200,
            // With a passenger.
            ObjectClass::Motorcycle => 400..=1750,
            ObjectClass::Bicycle => 250..=1050,
            ObjectClass::Pedestrian if matches!(kind, "pram" | "wheelchair") => 500..=1000,
            ObjectClass::Pedestrian => 300..=750,
            ObjectClass::Animal => 150..=700,
            _ => 6..=500,
        };
        for variant in variants(class) {
            for i in 0..8 {
                let model = generate(class, variant, Seed::new(i));
                let n = model.triangles();
                let racked = variant == Variant::BusWithBicycles && class == ObjectClass::Bus;
                assert!(
                    budget(model.kind).contains(&n) || racked && n < 2200,
                    "{class:?} {}: {n} triangles",
                    model.kind
                );
                assert!(
                    model.parts.len() <= 12,
                    "{class:?} {}: {} parts",
                    model.kind,
                    model.parts.len()
                );
                assert!(
                    model.size.is_finite() && model.size.min_element() > 0.02,
                    "{}",
                    model.size
                );
                for part in &model.parts {
                    let mesh = &part.mesh;
                    assert_eq!(mesh.positions.len(), mesh.normals.len());
                    assert_eq!(mesh.triangles.len(), mesh.materials.len());
                    assert!(
                        mesh.normals.iter().all(|n| (n.length() - 1.0).abs() < 1e-3),
                        "{class:?} {}",
                        model.kind
                    );
                    assert!(mesh.positions.iter().all(|p| p.is_finite()));
                    assert!(mesh.palette.iter().all(|m| m.semantic == class.semantic()));
                    let ends = mesh
                        .triangles
                        .iter()
                        .flatten()
                        .all(|i| (*i as usize) < mesh.positions.len());
                    assert!(ends && mesh.materials.iter().all(|m| usize::from(*m) < mesh.palette.len()));
                }
            }
        }
    }
}

#[test]
fn every_one_is_different() {
    for class in CLASSES {
        let models: Vec<Model> = (0..50).map(|i| generate(class, Variant::Any, Seed::new(i))).collect();
        for (i, a) in models.iter().enumerate() {
            for b in &models[..i] {
                assert!(a.size.distance(b.size) > 1e-5, "{class:?}: two of size {}", a.size);
            }
        }
        let kinds_seen = models.iter().map(|m| m.kind).collect::<std::collections::BTreeSet<_>>();
        assert!(kinds_seen.len() >= 4, "{class:?}: only {kinds_seen:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    for class in CLASSES {
        for i in 0..5 {
            let (a, b) = (
                generate(class, Variant::Any, Seed::new(i)),
                generate(class, Variant::Any, Seed::new(i)),
            );
            assert_eq!(a.size, b.size);
            for (x, y) in a.parts.iter().zip(&b.parts) {
                assert_eq!(x.mesh.positions, y.mesh.positions);
                assert_eq!(x.mesh.normals, y.mesh.normals);
                assert_eq!(x.mesh.palette, y.mesh.palette);
            }
        }
    }
}

#[test]
fn kinds_are_what_was_asked_for() {
    for class in CLASSES {
        for kind in kinds(class) {
            assert_eq!(generate(class, Variant::Kind(kind), Seed::new(3)).kind, *kind);
        }
        let other = generate(class, Variant::Kind("no such kind"), Seed::new(3));
        assert_eq!(other.kind, generate(class, Variant::Any, Seed::new(3)).kind);
    }
    for i in 0..30 {
        let seed = Seed::new(i);
        assert_eq!(generate(ObjectClass::Pedestrian, Variant::Child, seed).kind, "child");
        assert_ne!(generate(ObjectClass::Pedestrian, Variant::Adult, seed).kind, "child");
        let lying = generate(ObjectClass::Pedestrian, Variant::Lying, seed);
        assert!(lying.size.x > 0.8 && lying.size.z < 0.75, "{}", lying.size);
        let truck = generate(ObjectClass::Truck, Variant::Overturned, seed);
        assert!(truck.size.z < 3.2 && truck.size.y > 2.4, "{}", truck.size);
        let standing = generate(ObjectClass::Pedestrian, Variant::Standing, seed);
        assert!(standing.size.x < 2.0 && standing.size.z < 2.6, "{}", standing.size);
    }
}

#[test]
fn sizes_are_those_of_the_real_ones() {
    let ranges = [
        (ObjectClass::Car, (2.6, 5.6), (1.5, 2.35), (1.15, 2.3)),
        (ObjectClass::Van, (4.0, 7.0), (1.8, 2.6), (1.7, 3.2)),
        (ObjectClass::Truck, (5.0, 18.0), (2.4, 3.9), (2.3, 4.3)),
        (ObjectClass::Bus, (7.4, 20.0), (2.2, 3.9), (2.7, 4.5)),
        (ObjectClass::Motorcycle, (1.7, 2.6), (0.5, 1.35), (1.2, 2.1)),
        (ObjectClass::Bicycle, (0.9, 2.6), (0.4, 1.2), (1.0, 2.3)),
    ];
    for (class, x, y, z) in ranges {
        for i in 0..60 {
            let model = generate(class, Variant::Any, Seed::new(i));
            let s = model.size;
            let fits = |v: f32, (low, high): (f32, f32)| v >= low && v <= high;
            assert!(
                fits(s.x, x) && fits(s.y, y) && fits(s.z, z),
                "{class:?} {}: {s}",
                model.kind
            );
            assert!(model.wheelbase > 0.4 && model.wheelbase < s.x, "{}", model.wheelbase);
        }
    }
}

#[test]
fn soles_stay_on_the_ground_and_feet_do_not_slide() {
    for i in 0..20 {
        let model = generate(ObjectClass::Pedestrian, Variant::Kind("adult"), Seed::new(i));
        let foot = |a: &Articulation, index: u8| {
            let mut poses = vec![];
            model.pose(a, &mut poses);
            let at = model
                .parts
                .iter()
                .position(|p| p.joint == Joint::Limb { index })
                .unwrap();
            let positions = &model.parts[at].mesh.positions;
            let low = positions
                .iter()
                .map(|p| poses[at].transform_point3(*p).z)
                .fold(f32::MAX, f32::min);
            let ankle = poses[at].transform_point3(Vec3::new(0.0, 0.0, -model.size.z * 0.2));
            (low, ankle.x)
        };
        for pace in [0.9, 1.4] {
            let stride = model.stride(pace);
            assert!(stride > 0.7 && stride < 2.2, "{stride}");
            for k in 0..40 {
                let a = Articulation {
                    gait: k as f32 / 40.0,
                    pace,
                    ..Articulation::default()
                };
                let low = foot(&a, 7).0.min(foot(&a, 9).0);
                assert!(low.abs() < 0.02, "{low} at {k}");
            }
            // In the middle of its stance the left foot goes back as fast as the body goes forward, within a half.
            let at = |gait: f32| {
                foot(
                    &Articulation {
                        gait,
                        pace,
                        ..Articulation::default()
                    },
                    7,
                )
                .1
            };
            let back = at(0.2) - at(0.3);
            let body = stride * 0.1;
            assert!((back / body - 1.0).abs() < 0.6, "foot {back}, body {body}");
        }
    }
}

#[test]
fn pedals_turn_and_wheels_roll() {
    let model = generate(ObjectClass::Bicycle, Variant::Kind("city"), Seed::new(1));
    assert!(model.stride(5.0) > 3.0);
    let (mut a, mut b) = (vec![], vec![]);
    model.pose(&Articulation::default(), &mut a);
    model.pose(
        &Articulation {
            gait: 0.25,
            wheel: 1.0,
            ..Articulation::default()
        },
        &mut b,
    );
    let moved = |joint: fn(Joint) -> bool| {
        let at = model.parts.iter().position(|p| joint(p.joint)).unwrap();
        !a[at].abs_diff_eq(b[at], 1e-4)
    };
    assert!(moved(|j| j == Joint::Limb { index: 1 }));
    assert!(moved(|j| j == Joint::Limb { index: 3 }));
    assert!(moved(|j| matches!(j, Joint::Wheel { .. })));
    assert!(!moved(|j| j == Joint::Fixed));
}

#[test]
fn lamps_point_forward_from_inside_the_cuboid() {
    for class in [
        ObjectClass::Car,
        ObjectClass::Van,
        ObjectClass::Truck,
        ObjectClass::Bus,
        ObjectClass::Motorcycle,
    ] {
        for i in 0..10 {
            let model = generate(class, Variant::Any, Seed::new(i));
            let heads: Vec<_> = model
                .lamps
                .iter()
                .filter(|l| l.switch == crate::material::Switch::Head)
                .collect();
            assert!(!heads.is_empty());
            for lamp in heads {
                assert!(lamp.direction.x > 0.99 && lamp.direction.z < -0.015 && lamp.direction.z > -0.04);
                assert!(
                    lamp.position
                        .abs()
                        .cmple(model.size.with_x(model.size.x / 2.0 + 0.01))
                        .all()
                );
                assert!(lamp.position.x > model.size.x * 0.25);
            }
        }
    }
}
