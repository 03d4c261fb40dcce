//! Labels are right: checked over many random scenes, with the brute-force renderer and with the real one.

use std::collections::BTreeMap;

use guideway_world::labels::check::{check_agreement, check_motion, check_picture, check_sweep};
use guideway_world::labels::{FrameLabels, LabelOptions, LaneLines, Picture, Violation, label_picture, label_sweep};
use guideway_world::render::{CameraFrame, CpuRenderer, Renderer, Shot};
use guideway_world::sensors::lidar::sweep;
use guideway_world::sensors::rig::{CameraSpec, LensModel};
use guideway_world::{ObjectClass, Seed};

use crate::brute::Brute;
use crate::scenes::{RandomScene, exact_lidar, scene, shot, small_camera};

fn labels_of(
    renderer: &dyn Renderer,
    scene: &RandomScene,
    shot: &Shot,
    options: &LabelOptions,
) -> (CameraFrame, FrameLabels) {
    let snapshot = scene.snapshot();
    let frame = renderer.camera(&snapshot, shot);
    let picture = Picture {
        renderer,
        snapshot: &snapshot,
        shot,
        frame: &frame,
        lanes: None,
        lidar_points: None,
    };
    let labels = label_picture(&picture, options).unwrap();
    (frame, labels)
}

fn none(violations: &[Violation], what: &str) {
    let lines: Vec<String> = violations.iter().take(8).map(ToString::to_string).collect();
    assert!(
        violations.is_empty(),
        "{what}: {} violations\n{}",
        violations.len(),
        lines.join("\n")
    );
}

fn lenses() -> Vec<CameraSpec> {
    let small = small_camera();
    vec![
        small.clone(),
        CameraSpec {
            rolling_shutter_s: 0.03,
            ..small.clone()
        },
        CameraSpec {
            model: LensModel::BrownConrady,
            distortion: vec![-0.12, 0.02, 0.001, -0.001],
            horizontal_fov_deg: Some(90.0),
            ..small.clone()
        },
        CameraSpec {
            model: LensModel::KannalaBrandt,
            horizontal_fov_deg: Some(150.0),
            rotation_deg: [2.0, 10.0, 30.0],
            ..small
        },
    ]
}

#[test]
fn labels_of_random_scenes_are_right() {
    let mut objects = 0;
    for seed in 0..120 {
        let scene = scene(seed, 15.0);
        let spec = &lenses()[seed as usize % 4];
        let shot = shot(spec);
        let renderer = CpuRenderer::new(&scene.environment);
        let (frame, labels) = labels_of(&renderer, &scene, &shot, &LabelOptions::default());
        none(
            &check_picture(&scene.snapshot(), &shot, &frame, &labels),
            &format!("scene {seed}"),
        );
        objects += labels.objects.len();
    }
    assert!(objects > 300, "{objects} objects are too few to say anything");
}

#[test]
fn labels_by_brute_force_are_right_and_the_real_renderer_agrees() {
    for seed in 0..24 {
        let scene = scene(seed, 15.0);
        let shot = shot(&CameraSpec {
            width: 48,
            height: 32,
            ..lenses()[seed as usize % 4].clone()
        });
        let options = LabelOptions {
            occluded: true,
            ..LabelOptions::default()
        };
        let (frame, labels) = labels_of(&Brute, &scene, &shot, &options);
        none(
            &check_picture(&scene.snapshot(), &shot, &frame, &labels),
            &format!("scene {seed}"),
        );
        assert!(
            labels.objects.iter().all(|o| o.silhouette.inside > 0),
            "what is labelled would show if nothing stood before it"
        );
        let renderer = CpuRenderer::new(&scene.environment);
        let (real, real_labels) = labels_of(&renderer, &scene, &shot, &options);
        let differing = frame.object.iter().zip(&real.object).filter(|(a, b)| a != b).count();
        // The real renderer moves eight rows of a rolling shutter at once.
        let allowed = if shot.rolling_shutter_s > 0.0 { 60 } else { 6 };
        assert!(
            differing <= allowed,
            "scene {seed}: {differing} pixels show other objects"
        );
        let real_by_id: BTreeMap<u32, _> = real_labels.objects.iter().map(|o| (o.id, o)).collect();
        for label in labels.objects.iter().filter(|o| o.silhouette.visible > 20) {
            let other = real_by_id[&label.id];
            assert_eq!(label.amodal, other.amodal);
            assert!(
                (label.occlusion - other.occlusion).abs() < 0.12,
                "scene {seed}: object {}: occlusion {} and {}",
                label.id,
                label.occlusion,
                other.occlusion
            );
            // The two go on beyond the image by different lengths.
            if label.silhouette.inside * 2 > label.silhouette.total {
                assert!(
                    (label.truncation - other.truncation).abs() < 0.12,
                    "scene {seed}: object {}: truncation {} and {}",
                    label.id,
                    label.truncation,
                    other.truncation
                );
            }
        }
    }
}

#[test]
fn sweeps_and_pictures_agree_on_objects() {
    let spec = exact_lidar();
    let mut points_on_objects = 0;
    for seed in 0..60 {
        let scene = scene(seed, 20.0);
        let snapshot = scene.snapshot();
        let renderer = CpuRenderer::new(&scene.environment);
        let points = sweep(&renderer, &snapshot, &spec, Seed::new(seed));
        let labels = label_sweep(&snapshot, &spec, &points, true);
        none(
            &check_sweep(&snapshot, &spec, &points, &labels),
            &format!("scene {seed}"),
        );
        for label in &labels {
            assert_eq!(
                label.num_points, label.num_inside,
                "scene {seed}: without noise every point of an object is in its cuboid"
            );
            points_on_objects += label.num_points;
        }
        let shot = shot(&small_camera());
        let frame = renderer.camera(&snapshot, &shot);
        none(
            &check_agreement(&snapshot, &shot, &frame, &spec, &points),
            &format!("scene {seed}"),
        );
    }
    assert!(points_on_objects > 5000, "{points_on_objects}");
}

#[test]
fn brute_force_sweeps_agree_with_the_real_ones() {
    let spec = exact_lidar();
    for seed in 0..12 {
        let scene = scene(seed, 20.0);
        let snapshot = scene.snapshot();
        let by_brute = sweep(&Brute, &snapshot, &spec, Seed::new(1));
        let real = sweep(&CpuRenderer::new(&scene.environment), &snapshot, &spec, Seed::new(1));
        let key = |p: &guideway_world::sensors::LidarPoint| {
            let azimuth = f64::from(p.position.y).atan2(f64::from(p.position.x));
            (p.offset_ns, (azimuth * 1e3).round() as i64, p.ring)
        };
        let real: BTreeMap<_, _> = real.iter().map(|p| (key(p), *p)).collect();
        let mut apart = 0;
        for point in &by_brute {
            match real.get(&key(point)) {
                Some(other) if other.position.distance(point.position) < 0.01 && other.object == point.object => {}
                _ => apart += 1,
            }
        }
        assert!(
            apart <= 2 + by_brute.len() / 200,
            "scene {seed}: {apart} of {} points differ",
            by_brute.len()
        );
    }
}

#[test]
fn velocities_are_what_things_moved_by() {
    for seed in 0..50 {
        let mut scene = scene(seed, 20.0);
        let after = scene.later(0.05);
        none(&check_motion(&scene.state, &after, 2e-3), &format!("scene {seed}"));
        // A wrong velocity is found.
        scene.state.actors[0].position.x += 0.01;
        assert!(!check_motion(&scene.state, &after, 2e-3).is_empty());
    }
}

#[test]
fn wrong_labels_are_found() {
    let scene = scene(4, 10.0);
    let snapshot = scene.snapshot();
    let shot = shot(&small_camera());
    let renderer = CpuRenderer::new(&scene.environment);
    let (frame, good) = labels_of(&renderer, &scene, &shot, &LabelOptions::default());
    none(&check_picture(&snapshot, &shot, &frame, &good), "as made");
    let rules_of = |spoil: &dyn Fn(&mut FrameLabels)| {
        let mut labels = good.clone();
        spoil(&mut labels);
        let mut rules: Vec<&str> = check_picture(&snapshot, &shot, &frame, &labels)
            .iter()
            .map(|v| v.rule)
            .collect();
        rules.dedup();
        rules
    };
    assert!(good.objects.len() >= 3);
    assert_eq!(rules_of(&|l| drop(l.objects.pop())), ["labelled"]);
    assert_eq!(rules_of(&|l| l.objects[0].visible.x_min -= 1.0), ["mask"]);
    assert!(rules_of(&|l| l.objects[0].mask = l.objects[1].mask.clone()).contains(&"mask"));
    assert!(rules_of(&|l| l.objects[0].amodal.x_max += 0.6).contains(&"reprojection"));
    assert!(rules_of(&|l| l.objects[0].occlusion += 0.01).contains(&"fractions"));
    assert!(rules_of(&|l| l.objects[0].cuboid_world.center.x += 0.01).contains(&"frames"));
    assert!(rules_of(&|l| l.objects[0].cuboid_ego.center.x += 4.0).contains(&"depth"));
    assert!(rules_of(&|l| l.objects[0].class = ObjectClass::TrafficLight).contains(&"labelled"));
    assert_eq!(rules_of(&|l| l.drivable = l.objects[0].mask.clone()), ["drivable"]);
    let mut frame = frame.clone();
    for semantic in &mut frame.semantic {
        *semantic = 0;
    }
    let rules: Vec<&str> = check_picture(&snapshot, &shot, &frame, &good)
        .iter()
        .map(|v| v.rule)
        .collect();
    assert!(rules.contains(&"semantic"));
}

#[test]
fn hidden_objects_are_labelled_when_asked() {
    let (mut visible, mut hidden) = (0, 0);
    for seed in 0..12 {
        let scene = scene(seed, 5.0);
        let shot = shot(&CameraSpec {
            width: 48,
            height: 32,
            ..small_camera()
        });
        let options = LabelOptions {
            occluded: true,
            ..LabelOptions::default()
        };
        let (_, labels) = labels_of(&Brute, &scene, &shot, &options);
        assert!(labels.objects.is_sorted_by_key(|o| o.id));
        for object in &labels.objects {
            if object.silhouette.visible == 0 {
                hidden += 1;
                assert_eq!(object.occlusion, 1.0);
                assert_eq!(object.visible, guideway_core::BBox::default());
            } else {
                visible += 1;
            }
        }
    }
    assert!(visible > 20 && hidden > 5, "{visible} visible, {hidden} hidden");
}

#[test]
fn a_lane_line_is_where_the_lane_ends_and_only_where_it_is_seen() {
    use glam::Vec3;
    use guideway_world::road::{Control, Curve, Lane, LaneId, LaneKind, LineKind, RoadNetwork};
    let lane = |id: u32, y: f32, is_back: bool| {
        let center = Curve::new([Vec3::new(-50.0, y, 0.0), Vec3::new(100.0, y, 0.0)]).unwrap();
        Lane {
            id: LaneId(id),
            kind: LaneKind::Driving,
            width: vec![3.5; 2],
            center: if is_back { center.reversed() } else { center },
            successors: Vec::new(),
            predecessors: Vec::new(),
            left: None,
            right: None,
            left_line: LineKind::Broken,
            right_line: LineKind::Solid,
            speed_limit: 14.0,
            junction: None,
            control: Control::Free,
            yields_to: Vec::new(),
            turn: 0,
        }
    };
    let network = RoadNetwork {
        lanes: vec![lane(0, 0.0, false), lane(1, 3.5, true)],
        ..RoadNetwork::default()
    };
    let lines = LaneLines::new(&network);
    assert_eq!(lines.len(), 3, "the middle line belongs to both lanes and is one");
    let mut scene = scene(1, 0.0);
    scene.state.actors.clear();
    scene.environment.pieces.truncate(1);
    scene.environment.objects.clear();
    let ego = scene.state.ego.as_mut().unwrap();
    ego.rotation = glam::Quat::IDENTITY;
    let shot = shot(&small_camera());
    let snapshot = scene.snapshot();
    let frame = Brute.camera(&snapshot, &shot);
    let found = lines.in_picture(&snapshot, &shot, &frame);
    assert_eq!(found.len(), 3);
    let i = shot.camera.intrinsics();
    let eye_height = shot.ego_from_camera.translation().z;
    for line in &found {
        for pixel in line.stretches.iter().flatten() {
            // On flat ground the lateral place follows from the pixel: y = (cx − u) / (v − cy) · height.
            let [u, v] = pixel.map(f64::from);
            let lateral = (i.cx - u) / (v - i.cy) * eye_height;
            let expected = match (line.lane, line.is_left) {
                (0, true) => 1.75,
                (0, false) => -1.75,
                _ => 5.25,
            };
            assert!((lateral - expected).abs() < 0.02, "{line:?}");
        }
    }
    let mut wall = frame.clone();
    wall.depth.fill(4.0);
    let behind: usize = lines
        .in_picture(&snapshot, &shot, &wall)
        .iter()
        .flat_map(|line| &line.stretches)
        .map(Vec::len)
        .sum();
    let free: usize = found.iter().flat_map(|line| &line.stretches).map(Vec::len).sum();
    assert!(behind * 4 < free, "{behind} of {free} points are seen through a wall");
}
