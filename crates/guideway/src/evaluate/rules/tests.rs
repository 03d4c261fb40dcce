//! Conversions, whole evaluations of planted cuboids, and the KITTI development kit's numbers through a workspace.

use std::collections::BTreeSet;
use std::path::Path;

use guideway_core::report::Silent;
use guideway_core::{Cuboid, DQuat, DVec3, Se3};
use guideway_eval::kitti::files::KittiData;
use guideway_eval::kitti::{Detection, KittiParams, Object, evaluate, files};
use guideway_schema::{PredictedCuboidRow, PredictionRow, SensorRow};
use guideway_store::{ModelRecord, RunRecord};
use guideway_testkit::cases;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use super::kitti::InCamera;
use super::objects::Objects;
use super::*;
use crate::evaluate::tests::driven;
use crate::{DiffOptions, FreezeOptions, GateFile, IngestOptions, RecordOptions, WorldSetup, clock, world_record};

/// As the KITTI reader makes a cuboid of a line.
fn cuboid([h, w, l]: [f64; 3], [x, y, z]: [f64; 3], rotation_y: f64) -> Cuboid {
    let (sin, cos) = rotation_y.sin_cos();
    let rows = [[cos, sin, 0.0], [0.0, 0.0, -1.0], [-sin, cos, 0.0]];
    let pose = Se3::from_rotation_rows(rows, [x, y - h / 2.0, z]).unwrap();
    Cuboid::new(pose, [l, w, h]).unwrap()
}

#[test]
fn a_kitti_label_goes_round() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..2000 {
        let dimensions = [
            rng.random_range(0.3..4.0),
            rng.random_range(0.3..3.0),
            rng.random_range(0.3..18.0),
        ];
        let location = [
            rng.random_range(-60.0..60.0),
            rng.random_range(-3.0..4.0),
            rng.random_range(0.5..90.0),
        ];
        let rotation_y: f64 = rng.random_range(-3.1..3.1);
        let own = cuboid(dimensions, location, rotation_y);
        // Through the ego frame, as the tables have it.
        let rotation = DQuat::from_xyzw(-0.5, 0.5, -0.5, 0.5) * DQuat::from_rotation_y(rng.random_range(-0.5..0.5));
        let ego_from_camera = Se3::new(rotation, DVec3::new(1.6, -0.2, 1.4)).unwrap();
        let through = own.transformed(ego_from_camera).transformed(ego_from_camera.inverse());
        for cuboid in [own, through] {
            let found = InCamera::of(&cuboid);
            let numbers = found
                .dimensions
                .iter()
                .zip(dimensions)
                .chain(found.location.iter().zip(location));
            for (found, expected) in numbers.chain([(&found.rotation_y, rotation_y)]) {
                assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            }
            let seen = (rotation_y - location[0].atan2(location[2]) - found.alpha) / std::f64::consts::TAU;
            assert!((seen - seen.round()).abs() < 1e-9 && found.alpha.abs() <= std::f64::consts::PI);
        }
    }
}

#[test]
fn classes_have_the_overlaps_and_ranges_of_their_benchmarks() {
    let classes = [
        "bicycle",
        "bus",
        "car",
        "cyclist",
        "debris",
        "pedestrian",
        "traffic_cone",
        "van",
    ]
    .map(str::to_owned);
    let kitti = kitti::params(&classes);
    let overlaps: Vec<f64> = kitti.classes.iter().map(|class| class.min_overlap.volume).collect();
    assert_eq!(overlaps, [0.5, 0.7, 0.7, 0.5, 0.5, 0.5, 0.5, 0.7]);
    assert_eq!(kitti.classes[2].neighbours, ["van"]);
    assert_eq!(kitti.classes[5].neighbours, ["person_sitting"]);
    let nuscenes = nuscenes::params(&classes);
    let ranges: Vec<f64> = nuscenes.class_range.values().copied().collect();
    assert_eq!(ranges, [40.0, 50.0, 50.0, 40.0, 50.0, 40.0, 30.0, 50.0]);
    assert_eq!(nuscenes.undefined_errors.len(), 1);
}

/// A model whose results are planted: nothing predicts.
pub(super) fn plant(
    workspace: &Workspace,
    name: &str,
    on: &str,
    rows: impl FnOnce(&str) -> (Vec<PredictionRow>, Vec<PredictedCuboidRow>),
) {
    let (dataset, _) = workspace.dataset_split(on).unwrap();
    let model = ModelRecord {
        model_id: format!("{name}-id"),
        name: name.to_owned(),
        // As one that was trained here.
        path: format!("models/{name}-id/model"),
        digest: "0".repeat(64),
        classes: dataset.classes().to_vec(),
        config: json!({}),
        metrics: json!({}),
        ..ModelRecord::default()
    };
    let target = workspace.target(&model.classes, on, &Silent).unwrap();
    let run_id: String = IdBuilder::new("run")
        .text("predict")
        .text(&model.model_id)
        .text(&model.digest)
        .text(&target.key)
        .text(workspace.device(None).unwrap().name())
        .finish();
    let (boxes, cuboids) = rows(&run_id);
    let mut transaction = workspace.block_on(workspace.store().begin()).unwrap();
    workspace.block_on(transaction.push(boxes.into())).unwrap();
    workspace.block_on(transaction.push(cuboids.into())).unwrap();
    transaction.put_model(model);
    transaction.put_run(RunRecord {
        run_id,
        kind: "predict".to_owned(),
        name: format!("{name} on {on}"),
        params: json!({}),
        status: "done".to_owned(),
        ..RunRecord::default()
    });
    let operation = clock::operation("predict", "test", clock::now_ns());
    workspace.block_on(transaction.commit(operation)).unwrap();
}

/// How detections differ from labels.
#[derive(Default)]
pub(super) struct Planted {
    /// By so many metres, along the ego's axes.
    moved: DVec3,
    /// By so many metres a second.
    faster: [f64; 2],
    /// One in the ego frame, one in the world's, one in the sensor's.
    in_all_frames: bool,
}

/// The labels of a dataset as detections of a model.
pub(super) fn labels_as_detections(
    workspace: &Workspace,
    (model, on): (&str, &str),
    run_id: &str,
    planted: &Planted,
) -> (Vec<PredictionRow>, Vec<PredictedCuboidRow>) {
    let (dataset, rows) = workspace.dataset_split(on).unwrap();
    let mut objects = Objects::labels(workspace, &dataset, &rows).unwrap();
    objects.find(workspace, "no run").unwrap();
    let sensors: Vec<SensorRow> = workspace.rows("SELECT * FROM sensors").unwrap();
    let (mut boxes, mut cuboids) = (Vec::new(), Vec::new());
    for (number, label) in objects.labels.iter().enumerate() {
        let (prediction_id, frame) = (format!("{run_id}{number:06}"), &objects.frames[label.frame as usize]);
        let class = objects.classes[label.class.unwrap() as usize].clone();
        let score = 1.0 - number as f64 / 1e5;
        if let Some(bbox) = label.bbox {
            boxes.push(PredictionRow {
                prediction_id: prediction_id.clone(),
                run_id: run_id.to_owned(),
                frame_id: frame.frame_id.clone(),
                recording_id: frame.recording_id.clone(),
                class: class.clone(),
                score,
                x_min: bbox.x_min,
                y_min: bbox.y_min,
                x_max: bbox.x_max,
                y_max: bbox.y_max,
                ..PredictionRow::default()
            });
        }
        let mut cuboid = label.solid.and_then(|solid| solid.in_ego).expect("the world knows all");
        cuboid.center += planted.moved;
        // What no lidar point is on does not count, and a detection of it is wrong.
        if label.points == Some(0) {
            continue;
        }
        let [x, y] = label.velocity.expect("the world knows all");
        let velocity = DVec3::new(x + planted.faster[0], y + planted.faster[1], 0.0);
        let (name, other_from_ego) = match number % 3 {
            1 if planted.in_all_frames => {
                let path = workspace.ego_path(&frame.recording_id).unwrap();
                ("world", path.at(frame.timestamp_ns.unwrap()).unwrap())
            }
            2 if planted.in_all_frames => {
                let sensor = sensors.iter().find(|row| row.sensor_id == frame.sensor_id).unwrap();
                ("sensor", Se3::from_slice(&sensor.ego_from_sensor).unwrap().inverse())
            }
            _ => ("ego", Se3::IDENTITY),
        };
        let velocity = other_from_ego.transform_vector(velocity);
        cuboids.push(PredictedCuboidRow {
            prediction_id,
            run_id: run_id.to_owned(),
            model_id: format!("{model}-id"),
            frame_id: frame.frame_id.clone(),
            recording_id: frame.recording_id.clone(),
            class,
            score,
            cuboid_frame: name.to_owned(),
            cuboid: cuboid.transformed(other_from_ego).to_array().to_vec(),
            velocity: vec![velocity.x, velocity.y],
            attribute: None,
        });
    }
    (boxes, cuboids)
}

pub(super) fn asking(sets: impl IntoIterator<Item = MetricSet>) -> EvalOptions {
    EvalOptions {
        metrics: sets.into_iter().collect(),
        ..EvalOptions::default()
    }
}

pub(super) fn value(report: &crate::EvalReport, metric: &str, slice: &str) -> f64 {
    let found = report
        .metrics
        .iter()
        .find(|row| row.metric == metric && row.slice == slice);
    found
        .unwrap_or_else(|| panic!("{metric} {slice}"))
        .value
        .unwrap_or(f64::NAN)
}

pub(super) fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} {expected}");
}

#[test]
fn planted_cuboids_have_the_numbers_that_they_must() {
    let dir = tempfile::tempdir().unwrap();
    let workspace = driven(dir.path(), 2, 6.0);
    plant(&workspace, "perfect", "drives", |run| {
        labels_as_detections(&workspace, ("perfect", "drives"), run, &Planted::default())
    });
    let every = asking(MetricSet::ALL);
    let report = workspace.evaluate_with("perfect", "drives", &every, &Silent).unwrap();
    near(report.stat("AP").unwrap(), 1.0);
    near(value(&report, "nuscenes/mAP", "all"), 1.0);
    for error in ["trans_err", "scale_err", "orient_err", "vel_err"] {
        assert!(value(&report, &format!("nuscenes/{error}"), "all") < 1e-6, "{error}");
    }
    // Nobody says what objects do: that error is not defined, and scores nothing.
    assert!(value(&report, "nuscenes/attr_err", "all").is_nan());
    assert!((value(&report, "nuscenes/NDS", "all") - 0.9).abs() < 1e-6);
    near(value(&report, "av2/AP", "all"), 1.0);
    assert!((value(&report, "av2/CDS", "all") - 1.0).abs() < 1e-6);
    for metric in ["2d", "aos", "bev", "3d"] {
        let slice = "class=car,level=moderate";
        assert!(
            (value(&report, &format!("kitti/AP_R40_{metric}"), slice) - 100.0).abs() < 1e-6,
            "{metric}"
        );
    }
    let tables = report.rule_tables();
    let titles: Vec<&str> = tables.iter().map(|table| table.title.as_str()).collect();
    assert_eq!(titles.len(), MetricSet::ALL.len() - 1, "{titles:?}");
    assert_eq!(titles[..3], ["KITTI", "nuScenes", "Argoverse 2"]);
    assert_eq!(tables[0].keys, ["class", "level"]);
    assert_eq!(
        tables[0].metrics,
        ["AP_R40_2d", "AP_R40_aos", "AP_R40_bev", "AP_R40_3d"]
    );
    assert_eq!(tables[1].rows[0].keys, ["all"]);

    // The same again is the same run; the default alone is the run that it always was; rules make another.
    let again = workspace.evaluate_with("perfect", "drives", &every, &Silent).unwrap();
    assert_eq!(again.run_id, report.run_id);
    assert_eq!(again.rule_sets["nuscenes"].report, report.rule_sets["nuscenes"].report);
    let alone = workspace.evaluate("perfect", "drives", None, &Silent).unwrap();
    let coco = workspace
        .evaluate_with("perfect", "drives", &asking([MetricSet::Coco]), &Silent)
        .unwrap();
    assert_eq!(alone.run_id, coco.run_id);
    assert_ne!(alone.run_id, report.run_id);
    assert!(alone.rule_sets.is_empty());

    // 0.8 m and 0.5 m/s away.
    plant(&workspace, "moved", "drives", |run| {
        let planted = Planted {
            moved: DVec3::new(0.48, 0.64, 0.0),
            faster: [0.3, -0.4],
            ..Planted::default()
        };
        labels_as_detections(&workspace, ("moved", "drives"), run, &planted)
    });
    let moved = workspace.evaluate_with("moved", "drives", &every, &Silent).unwrap();
    // Some move across the edge of the range.
    let ap = value(&moved, "nuscenes/AP", "class=car");
    assert!((0.7..0.7501).contains(&ap), "{ap}");
    near(value(&moved, "nuscenes/trans_err", "class=car"), 0.8);
    near(value(&moved, "nuscenes/vel_err", "class=car"), 0.5);
    near(value(&moved, "av2/ATE", "class=car"), 0.8);
    let ap = value(&moved, "av2/AP", "class=car");
    assert!((0.7..0.7501).contains(&ap), "{ap}");
    near(value(&moved, "av2/CDS", "class=car"), ap * (1.0 - 0.8 / 2.0 / 3.0));
    assert!(value(&moved, "kitti/AP_R40_3d", "class=car,level=moderate") < 50.0);
    near(value(&moved, "kitti/AP_R40_2d", "class=car,level=moderate"), 100.0);

    with_intervals(&moved);
    judged(&workspace, &report.run_id, &moved.run_id, dir.path());
    parameters(&workspace, &report);
    page(&workspace, &moved.run_id, dir.path());
}

/// What is measured by rule sets has intervals, where it is defined.
fn with_intervals(report: &crate::EvalReport) {
    let mut counted = [0; 2];
    for row in &report.metrics {
        if !is_rule_metric(row) || row.metric.starts_with("tracking/") {
            continue;
        }
        match (row.value, row.lower, row.upper) {
            (Some(value), Some(lower), Some(upper)) => {
                assert_eq!(row.confidence, Some(0.95));
                assert!(lower <= value && value <= upper, "{row:?}");
                counted[usize::from(row.metric.starts_with("kitti/"))] += 1;
            }
            // Not defined, or carried by a single recording.
            (_, None, None) => assert_eq!(row.confidence, None),
            _ => panic!("{row:?}"),
        }
    }
    // Of a level of KITTI's a class has labels in both drives, or no interval.
    assert!(counted[0] > 20 && counted[1] > 10, "{counted:?}");
}

/// Gates and comparisons know the metrics of rule sets by their names.
fn judged(workspace: &Workspace, perfect: &str, moved: &str, dir: &Path) {
    let path = dir.join("gate.toml");
    let rules = "[[rule]]\nmetric = \"nuscenes/NDS\"\nmin = 0.89\n\n[[rule]]\nmetric = \"nuscenes/trans_err\"\nmax = 0.2\n\n\
        [[rule]]\nmetric = \"kitti/AP_R40_3d\"\nslice = \"class=car,level=moderate\"\nmin = 90.0\n\n\
        [[rule]]\nmetric = \"av2/CDS\"\nno_worse_by = 0.01\n\n[[rule]]\nmetric = \"nuscenes/NDS\"\nno_worse_by = 0.01\n";
    std::fs::write(&path, rules).unwrap();
    let gate = GateFile::read(&path).unwrap();
    let gate = GateFile { resamples: 50, ..gate };
    let met = |run: &str, against: &str| -> Vec<bool> {
        let judged = workspace.eval_gate(run, Some(against), &gate, &Silent).unwrap();
        let last = judged.rules.last().unwrap();
        assert!(last.lower.is_some() && last.upper.is_some() && last.baseline.is_some());
        judged.rules.iter().map(|rule| rule.met).collect()
    };
    assert_eq!(met(perfect, moved), [true; 5]);
    assert_eq!(met(moved, perfect), [false; 5]);
    let options = DiffOptions {
        resamples: 50,
        ..DiffOptions::default()
    };
    let diff = workspace.eval_diff(perfect, moved, &options, &Silent).unwrap();
    let of = |metric: &str, slice: &str| {
        let mut found = diff
            .deltas
            .iter()
            .filter(|delta| delta.metric == metric && delta.slice == slice);
        let delta = found.next().unwrap_or_else(|| panic!("{metric} {slice}"));
        assert!(found.next().is_none(), "{metric} {slice} is there twice");
        delta
    };
    let delta = of("nuscenes/trans_err", "class=car");
    assert!((delta.delta.unwrap() - 0.8).abs() < 1e-6 && (delta.lower.unwrap() - 0.8).abs() < 1e-6);
    assert!(!delta.higher_is_better && delta.verdict == "worse" && delta.p_adjusted.unwrap() < 0.05);
    let delta = of("nuscenes/NDS", "all");
    assert!(delta.higher_is_better && delta.upper.unwrap() < -0.05 && delta.verdict.ends_with("worse"));
    for slice in ["all", "class=car"] {
        assert!(of("av2/CDS", slice).upper.unwrap() < 0.0);
    }
    let delta = of("kitti/AP_R40_3d", "class=car,level=moderate");
    assert!(
        delta.upper.unwrap() < 0.0 && delta.verdict.ends_with("worse"),
        "{delta:?}"
    );
    let delta = of("kitti/AP_R40_2d", "class=car,level=moderate");
    assert!(
        delta.verdict == "no difference shown" && delta.lower.is_some(),
        "{delta:?}"
    );
    // No label knows of attributes.
    let delta = of("nuscenes/attr_err", "all");
    assert!(delta.lower.is_none() && delta.verdict == "not tested");
    let same = workspace.eval_diff(moved, moved, &options, &Silent).unwrap();
    assert!(same.deltas.iter().all(|delta| !delta.verdict.ends_with("worse")));
}

/// Parameters make another run, and mean what they say; wrong ones are refused.
fn parameters(workspace: &Workspace, report: &crate::EvalReport) {
    let with = |params: Value| EvalOptions {
        params: params.as_object().cloned().unwrap_or_else(Map::new),
        ..asking([MetricSet::NuScenes])
    };
    let near_only = with(json!({"nuscenes": {"class_range": {"car": 15.0}}}));
    let other = workspace
        .evaluate_with("perfect", "drives", &near_only, &Silent)
        .unwrap();
    assert_ne!(other.run_id, report.run_id);
    let labels = |report: &crate::EvalReport| {
        let row = report
            .metrics
            .iter()
            .find(|row| row.metric == "nuscenes/AP" && row.slice == "class=car");
        row.unwrap().support.unwrap()
    };
    assert!(labels(&other) < labels(report));
    assert_eq!(other.rule_sets["nuscenes"].params["class_range"], json!({"car": 15.0}));
    // Numbers by other parameters are not compared.
    let options = DiffOptions {
        resamples: 20,
        ..DiffOptions::default()
    };
    let diff = workspace
        .eval_diff(&report.run_id, &other.run_id, &options, &Silent)
        .unwrap();
    assert!(diff.deltas.iter().all(|delta| !delta.metric.contains('/')));
    let refused = |params: Value| {
        let err = workspace
            .evaluate_with("perfect", "drives", &with(params), &Silent)
            .unwrap_err();
        format!("{err}\n{}", guideway_core::Hint::hint(&err).unwrap_or_default())
    };
    insta::assert_snapshot!(
        [
            refused(json!({"nuscenes": {"class_ranges": {}}})),
            refused(json!({"nuscens": {}})),
            refused(json!({"kitti": {}})),
            refused(json!({"nuscenes": 3})),
            refused(json!({"nuscenes": {"dist_ths": "near"}})),
        ]
        .join("\n\n"),
        @r#"
    the rules of nuScenes have no parameter `class_ranges`
    did you mean `class_range`?

    there are parameters for `nuscens`, which is none of kitti, nuscenes, av2, tracking
    did you mean `nuscenes`?

    there are parameters for `kitti`, whose metrics are not asked for
    ask for them, as in `--metrics coco,kitti`, or leave the parameters out

    the parameters of `nuscenes` are not a JSON object
    write {"nuscenes": {…}}

    the parameters of `nuscenes` cannot be read: invalid type: string "near", expected a sequence
    `guideway eval files --format nuscenes --print-params` shows their form
    "#
    );
}

fn page(workspace: &Workspace, run: &str, dir: &Path) {
    let options = crate::ReportOptions {
        out: Some(dir.join("page")),
        baseline: None,
        by: None,
        events: 0,
    };
    let written = workspace.eval_report(run, &options, &Silent).unwrap();
    let text = std::fs::read_to_string(written.markdown).unwrap();
    for heading in [
        "By the rules of KITTI",
        "By the rules of nuScenes",
        "By the rules of Argoverse 2",
    ] {
        assert!(text.contains(heading), "{heading}");
    }
    assert!(text.contains("without a region of interest"));
}

#[test]
fn what_is_missing_in_space_is_said_before_anything_is_computed() {
    let dir = tempfile::tempdir().unwrap();
    let workspace = driven(dir.path(), 1, 1.0);
    plant(&workspace, "flat", "drives", |run| {
        let (boxes, _) = labels_as_detections(&workspace, ("flat", "drives"), run, &Planted::default());
        (boxes, Vec::new())
    });
    let refused = |model: &str, on: &str| {
        let err = workspace
            .evaluate_with(model, on, &asking([MetricSet::Av2]), &Silent)
            .unwrap_err();
        format!("{err}\n{}", guideway_core::Hint::hint(&err).unwrap_or_default())
    };
    let of_predictions = refused("flat", "drives");
    let report = workspace
        .evaluate_with("flat", "drives", &asking([MetricSet::Kitti]), &Silent)
        .unwrap();
    let metrics: BTreeSet<&str> = report
        .metrics
        .iter()
        .filter_map(|row| row.metric.strip_prefix("kitti/AP_R40_"))
        .collect();
    assert_eq!(metrics.into_iter().collect::<Vec<_>>(), ["2d"]);
    insta::assert_snapshot!(of_predictions, @"
    the predictions of flat on drives have no cuboids, and the rules of Argoverse 2 are about objects in space
    `guideway predict flat --on drives --from FILE --format FORMAT` takes in a model's results with cuboids
    ");
}

#[test]
fn objects_of_a_lidar_count_whatever_frame_they_are_in() {
    let dir = tempfile::tempdir().unwrap();
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let rig = configs.join("fleet-rig.toml");
    let setup = WorldSetup::read(Some(&configs.join("experiments/wide.toml")), rig.to_str()).unwrap();
    let options = RecordOptions {
        drives: 1,
        seconds: 4.0,
        seed: 5,
        out: dir.path().join("logs"),
        compress: true,
    };
    world_record(&setup, &options, &Silent).unwrap();
    let workspace = Workspace::init(&dir.path().join("ws")).unwrap();
    let options = IngestOptions {
        with_ground_truth: true,
        ..IngestOptions::default()
    };
    workspace.ingest(&[dir.path().join("logs")], &options, &Silent).unwrap();
    for (name, condition) in [("sweeps", "modality = 'lidar'"), ("pictures", "modality = 'camera'")] {
        let options = FreezeOptions {
            sql: format!("SELECT frame_id FROM frames WHERE {condition}"),
            ..FreezeOptions::default()
        };
        workspace.freeze(name, &options, &Silent).unwrap();
    }
    let planted = Planted {
        in_all_frames: true,
        ..Planted::default()
    };
    plant(&workspace, "all", "sweeps", |run| {
        labels_as_detections(&workspace, ("all", "sweeps"), run, &planted)
    });
    let sets = [MetricSet::Kitti, MetricSet::NuScenes, MetricSet::Av2];
    let report = workspace
        .evaluate_with("all", "sweeps", &asking(sets), &Silent)
        .unwrap();
    near(value(&report, "nuscenes/mAP", "all"), 1.0);
    near(value(&report, "av2/AP", "all"), 1.0);
    for error in ["trans_err", "scale_err", "orient_err", "vel_err"] {
        // Away from the horizontal a velocity of two numbers loses a little.
        assert!(value(&report, &format!("nuscenes/{error}"), "all") < 0.02, "{error}");
    }
    // Of labels with a known number of points those without one do not count.
    let (dataset, rows) = workspace.dataset_split("sweeps").unwrap();
    let mut objects = Objects::labels(&workspace, &dataset, &rows).unwrap();
    objects.find(&workspace, "no run").unwrap();
    let seen = objects
        .labels
        .iter()
        .filter(|label| label.points.is_some_and(|points| points > 0));
    assert!(report.rule_sets["av2"].report["gts_evaluated"].as_u64().unwrap() <= seen.count() as u64);
    // A track says much the same of a velocity as the label does.
    let mut compared = 0;
    for label in &objects.labels {
        if let (Some([x, y]), Some(motion)) = (label.velocity, label.motion.filter(|motion| motion.is_central)) {
            let off = (x - motion.velocity[0]).hypot(y - motion.velocity[1]);
            compared += usize::from(off < 0.1 + 0.2 * x.hypot(y));
        }
    }
    assert!(
        compared * 2 > objects.labels.len(),
        "{compared} of {}",
        objects.labels.len()
    );

    // Nothing in the pictures' predictions is in space.
    plant(&workspace, "nothing", "pictures", |_| (Vec::new(), Vec::new()));
    let err = workspace
        .evaluate_with("nothing", "pictures", &asking(sets), &Silent)
        .unwrap_err();
    assert!(err.to_string().contains("predictions of nothing"), "{err}");
}

/// A KITTI data set whose images are black, with these labels.
fn ingested(case: &Path, dir: &Path) -> Workspace {
    let (labels, images) = (dir.join("kitti/training/label_2"), dir.join("kitti/training/image_2"));
    std::fs::create_dir_all(&labels).unwrap();
    std::fs::create_dir_all(&images).unwrap();
    let black = dir.join("black.png");
    image::GrayImage::new(1242, 375).save(&black).unwrap();
    for entry in std::fs::read_dir(case.join("label_2")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, labels.join(path.file_name().unwrap())).unwrap();
        let name = Path::new(path.file_stem().unwrap()).with_extension("png");
        std::fs::copy(&black, images.join(name)).unwrap();
    }
    let workspace = Workspace::init(&dir.join("ws")).unwrap();
    workspace
        .ingest(&[dir.join("kitti")], &IngestOptions::default(), &Silent)
        .unwrap();
    let options = FreezeOptions {
        sql: "SELECT frame_id FROM frames".to_owned(),
        ..FreezeOptions::default()
    };
    workspace.freeze("kitti", &options, &Silent).unwrap();
    workspace
}

/// The results of a case as rows.
fn results(workspace: &Workspace, data: &KittiData, run_id: &str) -> (Vec<PredictionRow>, Vec<PredictedCuboidRow>) {
    let frames = workspace
        .rows::<crate::FrameRow>("SELECT * FROM frames")
        .unwrap()
        .into_iter()
        .map(|row| (Path::new(&row.name).file_stem().unwrap().display().to_string(), row))
        .collect::<BTreeMap<_, _>>();
    let (mut boxes, mut cuboids) = (Vec::new(), Vec::new());
    for (number, Detection { object, score }) in data.detections.iter().enumerate() {
        let frame = &frames[&data.frames[object.frame as usize]];
        let prediction_id = format!("{run_id}{number:06}");
        let class = data.truth.classes[object.class as usize].to_lowercase();
        boxes.push(PredictionRow {
            prediction_id: prediction_id.clone(),
            run_id: run_id.to_owned(),
            frame_id: frame.frame_id.clone(),
            recording_id: frame.recording_id.clone(),
            class: class.clone(),
            score: *score,
            x_min: object.bbox.x_min,
            y_min: object.bbox.y_min,
            x_max: object.bbox.x_max,
            y_max: object.bbox.y_max,
            ..PredictionRow::default()
        });
        cuboids.push(PredictedCuboidRow {
            prediction_id,
            run_id: run_id.to_owned(),
            frame_id: frame.frame_id.clone(),
            recording_id: frame.recording_id.clone(),
            class,
            score: *score,
            cuboid_frame: "sensor".to_owned(),
            cuboid: cuboid(object.dimensions, object.location, object.rotation_y)
                .to_array()
                .to_vec(),
            ..PredictedCuboidRow::default()
        });
    }
    (boxes, cuboids)
}

/// The data as the tables hold them: objects are seen at the angle that their place says, and areas that nobody labelled have no place in space.
fn as_in_tables(mut data: KittiData) -> KittiData {
    let dont_care = data.truth.classes.iter().position(|name| name == "DontCare");
    let labels = data.truth.labels.iter_mut().map(|label| &mut label.object);
    for object in labels.chain(data.detections.iter_mut().map(|found| &mut found.object)) {
        if Some(object.class as usize) == dont_care {
            *object = Object::in_image(object.frame, object.class, object.bbox);
        } else {
            object.alpha = object.rotation_y - object.location[0].atan2(object.location[2]);
        }
    }
    data
}

fn data_has(workspace: &Workspace, class: &str) -> bool {
    let (dataset, _) = workspace.dataset_split("kitti").unwrap();
    dataset.classes().iter().any(|name| name == class)
}

#[test]
fn kitti_through_a_workspace_equals_the_development_kit() {
    let Some(cases) = cases("ref_kitti_object/visible") else {
        return;
    };
    let mut compared = 0;
    for case in &cases {
        let dir = tempfile::tempdir().unwrap();
        let workspace = ingested(case, dir.path());
        let data = files::read(&case.join("label_2"), &case.join("result"), &Silent).unwrap();
        plant(&workspace, "results", "kitti", |run| results(&workspace, &data, run));
        let report = workspace
            .evaluate_with("results", "kitti", &asking([MetricSet::Kitti]), &Silent)
            .unwrap();
        let found = &report.rule_sets["kitti"].report["results"];
        let mut expected = guideway_testkit::json(&case.join("expected.json"));
        // Orientation is that of the cuboids here, which differs a little from the angles in the files. And the areas that nobody labelled, whose columns in
        // space are those of the tracking benchmark here, are read as a square kilometre of ground by the kit, in which no detection is wrong.
        let own = as_in_tables(data);
        let own = evaluate(&own.truth, &own.detections, &KittiParams::official()).unwrap();
        let own = serde_json::to_value(&own).unwrap();
        for (class, metrics) in expected["results"].as_object_mut().unwrap() {
            // A class that nothing is labelled with is none of the dataset's.
            if !data_has(&workspace, class) {
                assert!(found[class.as_str()].is_null());
                continue;
            }
            for (metric, levels) in metrics.as_object_mut().unwrap() {
                let expected = if ["aos", "bev"].contains(&metric.as_str()) {
                    &own["results"][class][metric]
                } else {
                    levels
                };
                for level in ["easy", "moderate", "hard"] {
                    let (found, expected) = (&found[class][metric][level], &expected[level]);
                    let same = |what: &str, a: &Value, b: &Value| {
                        let near = a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| (a - b).abs() < 1e-6);
                        assert!(
                            near || (a.is_null() && b.is_null()),
                            "{} {class} {metric} {level} {what}: {a} {b}",
                            case.display()
                        );
                    };
                    for average in ["AP_R11", "AP_R40"] {
                        same(average, &found[average], &expected[average]);
                    }
                    let samples = [found, expected].map(|of| of["precision_41"].as_array().unwrap());
                    for (a, b) in samples[0].iter().zip(samples[1]) {
                        same("precision", a, b);
                    }
                    compared += 2 + samples[0].len();
                }
            }
        }
    }
    println!("{compared} numbers compared");
    assert!(compared > 3000);
}
